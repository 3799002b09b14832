/** ETS tables of a node: what is known of each, and a few rows of one. */
import type { NodeName, Result } from '../../model.ts';
import { ok } from '../../model.ts';
import type { Answer, CallOptions, Frame, MethodTable, Params, StreamEnd, StreamItem } from '../../port.ts';
import type { Term } from '../../term/term.ts';
import { integer, isAtom, list } from '../../term/term.ts';
import { mostRowBytes, mostTableRows, tableNotFound, tablePrivate, tableRowsTooLarge } from '../../tableErrors.ts';
import { answered, strangeAnswer } from './callError.ts';
import { atomName, listOf, nameIn, numberOf, processOf, tupleOf } from './read.ts';
import { safeTerm } from './safeTerm.ts';
import type { Session } from './session.ts';

const tablesPerCall = 500;

type Item = StreamItem<Frame<'system.ets'>, StreamEnd<'system.ets'>>;

async function* tables(session: Session, node: NodeName, options: CallOptions): AsyncGenerator<Item> {
  const end = (result: Result<StreamEnd<'system.ets'>>): Item => ({ is: 'end', result });
  const target = await session.reach(node, options);
  if (!target.ok) {
    yield end(target);
    return;
  }
  const said = answered(await target.value.run('node_tables', [], options), node, 'The tables');
  if (!said.ok) {
    yield end(said);
    return;
  }
  const all = listOf(said.value);
  let total = 0;
  for (let at = 0; at < all.length; at += tablesPerCall) {
    const part = list(all.slice(at, at + tablesPerCall));
    const facts = answered(await target.value.run('node_table_facts', [part], options), node, 'The tables');
    if (!facts.ok) {
      yield end(facts);
      return;
    }
    const rows = listOf(facts.value).flatMap(tableRow);
    total += rows.length;
    yield { is: 'frame', frame: rows };
  }
  yield end(ok({ total }));
}

function tableRow(fact: Term): Frame<'system.ets'>[number][] {
  const [id, name, type, protection, ownerTerm, objects, bytes, ...more] = tupleOf(fact, 13) ?? [];
  const [ownerName, isNamed, keyPosition, isCompressed, readConcurrency, writeConcurrency] = more;
  const owner = processOf(ownerTerm);
  if (id === undefined || owner === null) return [];
  return [
    {
      id,
      name: atomName(name) ?? '',
      type: atomName(type) ?? '',
      protection: atomName(protection) ?? '',
      owner,
      ownerName: nameIn(ownerName),
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
    'system.ets': ({ node }, options) => tables(session, node, options),
    'system.etsRows': (params, options) => rows(session, params, options),
  };
}
