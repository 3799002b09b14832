/** ETS tables of a node: what is known of each, and a few rows of one. */
import type { TableField } from '../../listFields.ts';
import { tableFields, tableValue } from '../../listFields.ts';
import type { NodeName, Result, TableRow } from '../../model.ts';
import { ok } from '../../model.ts';
import type { Answer, CallOptions, Frame, MethodTable, Params, StreamEnd, StreamItem } from '../../port.ts';
import type { Term } from '../../term/term.ts';
import { atom, integer, isAtom } from '../../term/term.ts';
import { mostRowBytes, mostTableRows, tableNotFound, tablePrivate, tableRowsTooLarge } from '../../tableErrors.ts';
import { answered, strangeAnswer } from './callError.ts';
import type { ListKind } from './chosenRows.ts';
import { listPlace, listRows } from './chosenRows.ts';
import { atomName, listOf, numberOf, processOf, tupleOf } from './read.ts';
import { safeTerm } from './safeTerm.ts';
import type { Session } from './session.ts';

type Item = StreamItem<Frame<'system.ets'>, StreamEnd<'system.ets'>>;

async function* tables(
  session: Session,
  { node, ...select }: Params<'system.ets'>,
  options: CallOptions,
): AsyncGenerator<Item> {
  const target = await session.reach(node, options);
  if (!target.ok) {
    yield { is: 'end', result: target };
    return;
  }
  const place = listPlace(session, target.value);
  const found = listRows(place, tableList(node), select, options);
  for (;;) {
    const next = await found.next();
    if (next.done === true) {
      yield { is: 'end', result: next.value.ok ? ok({ total: next.value.value }) : next.value };
      return;
    }
    yield { is: 'frame', frame: next.value };
  }
}

/** How the tables of a node are listed. */
export function tableList(node: NodeName): ListKind<TableRow, TableField> {
  return {
    what: atom('tables'),
    items: tableItems,
    formOf: (field) => ({ item: itemOf[field], as: tableFields[field] }),
    read: tableRow,
    valueOf: tableValue,
    answered: (said) => answered(said, node, 'The tables'),
  };
}

const itemOf: { readonly [field in TableField]: string } = {
  name: 'name',
  type: 'type',
  protection: 'protection',
  objects: 'size',
  bytes: 'bytes',
  bytesPerObject: 'bytes_per_object',
  owner: 'owner',
  ownerName: 'owner_name',
  named: 'named_table',
  keyPosition: 'keypos',
  compressed: 'compressed',
  readConcurrency: 'read_concurrency',
  writeConcurrency: 'write_concurrency',
};
/** As {@link tableRow} reads them. */
const tableItems = [
  ...['name', 'type', 'protection', 'owner', 'size', 'bytes', 'owner_name', 'named_table', 'keypos', 'compressed'],
  ...['read_concurrency', 'write_concurrency'],
];

function tableRow(sent: Term): readonly TableRow[] {
  const [id, values] = tupleOf(sent, 2) ?? [];
  const [name, type, protection, ownerTerm, objects, bytes, ownerName, isNamed, keyPosition, ...flags] = listOf(values);
  const [isCompressed, readConcurrency, writeConcurrency] = flags;
  const owner = processOf(ownerTerm);
  if (id === undefined || owner === null) return [];
  return [
    {
      id,
      name: atomName(name) ?? '',
      type: atomName(type) ?? '',
      protection: atomName(protection) ?? '',
      owner,
      ownerName: atomName(ownerName),
      isNamed: isAtom(isNamed, 'true'),
      keyPosition: numberOf(keyPosition) ?? 1,
      isCompressed: isAtom(isCompressed, 'true'),
      readConcurrency: isAtom(readConcurrency, 'true'),
      writeConcurrency: (['true', 'auto'] as const).find((how) => isAtom(writeConcurrency, how)) ?? 'false',
      objects: numberOf(objects) ?? 0,
      bytes: numberOf(bytes) ?? 0,
    },
  ];
}

async function rows(
  session: Session,
  { node, table, limit }: Params<'system.etsRows'>,
  options: CallOptions,
): Promise<Result<Answer<'system.etsRows'>>> {
  const target = await session.reach(node, options);
  if (!target.ok) return target;
  const known = await safeTerm(target.value, table, '/table', options);
  if (!known.ok) return known.error.code === 'term.unknown_atom' ? tableNotFound(node) : known;
  const args = [known.value, integer(Math.min(limit, mostTableRows)), integer(mostRowBytes)];
  const said = await target.value.run('node_table_rows', args, options);
  // What is no table identifier at all is badarg to ets.
  if (!said.ok && said.error.kind === 'exception') return tableNotFound(node);
  const answer = answered(said, node, 'The rows');
  if (!answer.ok) return answer;
  switch (atomName(answer.value)) {
    case 'gone':
      return tableNotFound(node);
    case 'private':
      return tablePrivate(node);
    default:
      return rowsIn(answer.value, node);
  }
}

function rowsIn(answer: Term, node: NodeName): Result<Answer<'system.etsRows'>> {
  const large = tupleOf(answer, 2);
  if (large !== null) {
    return tableRowsTooLarge(node, numberOf(large[1]) ?? 0);
  }
  const [, size, found] = tupleOf(answer, 3) ?? [];
  const total = numberOf(size);
  if (total === null) return strangeAnswer(node, 'The answer about the table');
  const shown = listOf(found).flatMap((row): readonly Term[] => {
    const [how, what] = tupleOf(row, 2) ?? [];
    if (what === undefined) return [];
    return [atomName(how) === 'large' ? { t: 'elided', was: 'tuple', size: numberOf(what) ?? 0 } : what];
  });
  return ok({ rows: shown, whole: shown.length === total && shown.every(({ t }) => t !== 'elided') });
}

export function tableMethods(session: Session): MethodTable {
  return {
    'system.ets': (params, options) => tables(session, params, options),
    'system.etsRows': (params, options) => rows(session, params, options),
  };
}
