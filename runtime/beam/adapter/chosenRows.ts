/**
 * Lists of one node, chosen from there (agent/lists.erl): filtered, ordered and cut on the node, so that only the rows that are wanted
 * travel. What a node cannot decide as we would, such as a pid whose node it does not know, is decided here, out of rows that then come.
 */
import type { FieldForm } from '../../listFields.ts';
import type { Json, NodeName, Result, RowPredicate, RowSelect } from '../../model.ts';
import { ok } from '../../model.ts';
import type { CallOptions } from '../../port.ts';
import { countRows, matches, selectRows } from '../../processQuery.ts';
import type { DistResult } from '../dist/errors.ts';
import type { Term } from '../../term/term.ts';
import { atom, integer, list, tuple } from '../../term/term.ts';
import { strangeAnswer } from './callError.ts';
import type { NodeTarget } from './nodeTarget.ts';
import type { Split } from './pushdown.ts';
import { splitWhere } from './pushdown.ts';
import { listOf, numberOf, tupleOf } from './read.ts';
import type { Session } from './session.ts';

/** One kind of list: how the agent calls it, and how its rows are read. */
export type ListKind<Row, Field extends string> = {
  /** `What` of lists.erl. */
  readonly what: Term;
  /** The items that are sent of each row, in this order; none where its rows have a form of their own. */
  readonly items: readonly string[];
  /** The item that holds a field, and what it holds. */
  readonly formOf: (field: Field) => { readonly item: string; readonly as: FieldForm };
  /** Rows out of what is sent for one. */
  readonly read: (sent: Term) => readonly Row[];
  readonly valueOf: (row: Row, field: Field) => Json;
  /** The result of a call of the agent's function, in this kind's words. */
  readonly answered: (said: DistResult<Term>) => Result<Term>;
};

/** Where the rows are, and which nodes' names are atoms there. */
export type ListPlace = { readonly target: NodeTarget; readonly knows: (node: NodeName) => boolean };
export function listPlace(session: Session, target: NodeTarget): ListPlace {
  return { target, knows: (node) => node === target.node || session.knows(node) };
}
export type Chosen<Row> = { readonly rows: readonly Row[]; readonly matched: number };
/** What an atom in place of the rows says. */
export type NoList = { readonly absent: Term };

/** More are not chosen there, but here out of all. */
const mostChosenThere = 1_000;
/** Things are read so many at a time when all of them are wanted: the node answers nobody with a list of any length. */
const thingsPerCall = 500;

type Find = { readonly deciding: readonly string[]; readonly where: Term; readonly which: Term };

/** The rows that are wanted, and how many match, by one call. */
export async function chosenRows<Row, Field extends string>(
  place: ListPlace,
  kind: ListKind<Row, Field>,
  select: RowSelect<Field>,
  options: CallOptions,
): Promise<Result<Chosen<Row> | NoList>> {
  const { there, keys, here } = splitFor(place, kind, select.where);
  const cut = here === null ? cutThere(kind, select) : null;
  const by = cut === null || select.top === undefined ? [] : [select.top.by];
  const find: Find = {
    deciding: itemsOf(kind, [...keys, ...by]),
    where: there,
    which: cut ?? atom('all'),
  };
  const args = [kind.what, atoms(kind.items), findTerm(find)];
  const said = kind.answered(await place.target.run('list_chosen', args, options));
  if (!said.ok) return said;
  if (said.value.t === 'atom') return ok({ absent: said.value });
  const [count, sent] = tupleOf(said.value, 2) ?? [];
  const matched = numberOf(count);
  if (matched === null) return strangeAnswer(place.target.node, 'The list');
  const rows = listOf(sent).flatMap(kind.read);
  if (cut !== null) return ok({ rows, matched });
  const { chosen, matched: left } = countRows(rows, { ...select, where: here ?? undefined }, kind.valueOf);
  return ok({ rows: chosen, matched: left });
}

/** The rows that are wanted, in frames, and how many match; for lists whose things can be given back to the node, to be read by parts. */
export async function* listRows<Row, Field extends string>(
  place: ListPlace,
  kind: ListKind<Row, Field>,
  select: RowSelect<Field>,
  options: CallOptions,
): AsyncGenerator<readonly Row[], Result<number>> {
  const { top, first, where } = select;
  if (splitFor(place, kind, where).here === null && cutThere(kind, select) !== null) {
    const found = await chosenRows(place, kind, select, options);
    if (!found.ok) return found;
    if ('absent' in found.value) return strangeAnswer(place.target.node, 'The list');
    yield found.value.rows;
    return ok(found.value.matched);
  }
  const isCut = top !== undefined || first !== undefined;
  const held: Row[] = [];
  let matched = 0;
  for await (const part of matchingParts(place, kind, where, options)) {
    if (!part.ok) return part;
    matched += part.value.length;
    if (isCut) held.push(...part.value);
    else yield part.value;
  }
  if (isCut) yield selectRows(held, { ...select, where: undefined }, kind.valueOf);
  return ok(matched);
}

async function* matchingParts<Row, Field extends string>(
  place: ListPlace,
  kind: ListKind<Row, Field>,
  where: RowPredicate<Field> | undefined,
  options: CallOptions,
): AsyncGenerator<Result<readonly Row[]>> {
  const { target } = place;
  const things = kind.answered(await target.run('list_things', [kind.what], options));
  if (!things.ok) {
    yield things;
    return;
  }
  const { there, keys, here } = splitFor(place, kind, where);
  const find = findTerm({ deciding: itemsOf(kind, keys), where: there, which: atom('all') });
  const all = listOf(things.value);
  for (let at = 0; at < all.length; at += thingsPerCall) {
    const part = list(all.slice(at, at + thingsPerCall));
    const said = kind.answered(await target.run('list_read', [kind.what, part, atoms(kind.items), find], options));
    if (!said.ok) {
      yield said;
      return;
    }
    const rows = listOf(said.value).flatMap(kind.read);
    yield ok(here === null ? rows : rows.filter((row) => matches(row, here, kind.valueOf)));
  }
}

function splitFor<Row, Field extends string>(
  { knows }: ListPlace,
  kind: ListKind<Row, Field>,
  where: RowPredicate<Field> | undefined,
): Split<Field> {
  return splitWhere(where, { formOf: (field) => kind.formOf(field), knows });
}

/** `Which` of lists.erl; null where the node cannot cut: there is nothing to cut by, or it is an order of ours. */
function cutThere<Row, Field extends string>(
  kind: ListKind<Row, Field>,
  { top, first }: RowSelect<Field>,
): Term | null {
  if (top === undefined) return first === undefined ? null : tuple(atom('first'), integer(first));
  const { n, by, direction } = top;
  const { item, as } = kind.formOf(by);
  if (as === 'id' || n > mostChosenThere) return null;
  return tuple(integer(n), atom(item), atom(as), atom(direction));
}

function findTerm({ deciding, where, which }: Find): Term {
  return tuple(atoms(deciding), where, which);
}

function itemsOf<Row, Field extends string>(kind: ListKind<Row, Field>, fields: readonly Field[]): readonly string[] {
  return [...new Set(fields.map((field) => kind.formOf(field).item))];
}

function atoms(names: readonly string[]): Term {
  return list(names.map(atom));
}
