/** The ports of a node's emulator and the sockets of its module socket, as one list. */
import type { PortField } from '../../listFields.ts';
import { portFields, portValue } from '../../listFields.ts';
import type { NodeName, PortRow, Result } from '../../model.ts';
import { ok } from '../../model.ts';
import type { CallOptions, Frame, Params, StreamEnd, StreamItem } from '../../port.ts';
import { selectRows } from '../../processQuery.ts';
import type { Term } from '../../term/term.ts';
import { atom, isAtom } from '../../term/term.ts';
import { answered, strangeAnswer } from './callError.ts';
import type { ListKind, ListPlace } from './chosenRows.ts';
import { chosenRows, listPlace, listRows } from './chosenRows.ts';
import { atomName, listOf, numberOf, processOf, textOf, tupleOf } from './read.ts';
import type { Session } from './session.ts';

type PortItem = StreamItem<Frame<'system.ports'>, StreamEnd<'system.ports'>>;
type Select = Omit<Params<'system.ports'>, 'node'>;

/** `system.ports` */
export async function* ports(
  session: Session,
  { node, ...select }: Params<'system.ports'>,
  options: CallOptions,
): AsyncGenerator<PortItem> {
  const target = await session.reach(node, options);
  if (!target.ok) {
    yield { is: 'end', result: target };
    return;
  }
  const place = listPlace(session, target.value);
  const held: PortRow[] = [];
  let given = 0;
  const found = listRows(place, listOfKind('ports', node), select, options);
  let next = await found.next();
  for (; next.done !== true; next = await found.next()) {
    given += next.value.length;
    // The best of both are known when both have come.
    if (select.top === undefined) yield { is: 'frame', frame: next.value };
    else for (const row of next.value) held.push(row);
  }
  const counted = next.value;
  if (!counted.ok) {
    yield { is: 'end', result: counted };
    return;
  }
  const sockets = await socketsOf(place, select, given, options);
  if (!sockets.ok) {
    yield { is: 'end', result: sockets };
    return;
  }
  const { rows, matched } = sockets.value;
  yield {
    is: 'frame',
    frame: select.top === undefined ? rows : selectRows([...held, ...rows], { top: select.top }, portValue),
  };
  yield { is: 'end', result: ok({ total: counted.value + matched }) };
}

/** Those that are wanted beside `given` ports. A socket is named by its place among all: it is read at once with the others. */
async function socketsOf(
  place: ListPlace,
  select: Select,
  given: number,
  options: CallOptions,
): Promise<Result<{ readonly rows: readonly PortRow[]; readonly matched: number }>> {
  const { first } = select;
  const left = first === undefined ? select : { ...select, first: Math.max(0, first - given) };
  const { node } = place.target;
  const found = await chosenRows(place, listOfKind('sockets', node), left, options);
  if (!found.ok) return found;
  return 'absent' in found.value ? strangeAnswer(node, 'The list of sockets') : ok(found.value);
}

function listOfKind(what: 'ports' | 'sockets', node: NodeName): ListKind<PortRow, PortField> {
  return {
    what: atom(what),
    items,
    formOf: (field) => ({ item: itemOf[field], as: portFields[field] }),
    read: portRow,
    valueOf: portValue,
    answered: (said) => answered(said, node, what === 'ports' ? 'The ports' : 'The sockets'),
  };
}

const itemOf: { readonly [field in PortField]: string } = {
  id: 'id',
  name: 'name',
  kind: 'kind',
  owner: 'owner',
  ownerName: 'owner_name',
  local: 'local',
  remote: 'remote',
  inputBytes: 'input',
  outputBytes: 'output',
  queueBytes: 'queue_size',
  memoryBytes: 'memory',
};
/** As {@link portRow} reads them. */
const items = Object.values(itemOf);

function portRow(sent: Term): readonly PortRow[] {
  const [, values] = tupleOf(sent, 2) ?? [];
  const [id, name, kind, owner, ownerName, local, remote, input, output, queue, memory] = listOf(values);
  if (id === undefined) return [];
  return [
    {
      id: textOf(id) ?? '',
      kind: isAtom(kind, 'socket') ? 'socket' : 'port',
      name: textOf(name) ?? '',
      owner: processOf(owner),
      ownerName: atomName(ownerName),
      inputBytes: numberOf(input) ?? 0,
      outputBytes: numberOf(output) ?? 0,
      queueBytes: numberOf(queue),
      memoryBytes: numberOf(memory),
      local: addressOf(local),
      remote: addressOf(remote),
    },
  ];
}

/** An address as text; null where there is none. */
function addressOf(sent: Term | undefined): string | null {
  return sent === undefined || sent.t === 'list' ? null : textOf(sent);
}
