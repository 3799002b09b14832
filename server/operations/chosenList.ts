/**
 * Lists whose rows are chosen where they are. For the first page each node filters, puts in order, counts, and sends its first rows only; a
 * page beyond them has it send the others, too. What only we can tell of a row, such as how a term is printed, is decided here: then all
 * rows come that can be meant.
 */
import type { FieldForm } from '../../runtime/listFields.ts';
import type { Coverage, Result, RowSelect } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { Context } from '../core/context.ts';
import { portPredicate } from './filterPredicate.ts';
import type { Gathered, ListParams, ListRow } from './lists.ts';
import { firstRows, mostRows, readSort, selectRows } from './lists.ts';
import type { FieldKind } from './rowFilter.ts';

/** What is asked of rows that all have these values: of each node by itself, say, its name. */
export type SelectFor<Field extends string> = (same: ListRow) => RowSelect<Field>;
/** The rows that were selected, and how many match. */
export type SourceRows = { readonly rows: readonly ListRow[]; readonly nodes: Coverage; readonly total: number };

export type ChosenList<C, Field extends string> = {
  /** The fields that the port knows, and what they hold. */
  readonly forms: { readonly [field in Field]?: FieldForm };
  /** Fields that all rows of one call of the port have the same value in. */
  readonly same?: readonly string[];
  /** Whether a node may send its first rows only; not where several looks at the same rows are compared. */
  readonly isCut?: boolean;
  /** Fields by which a row that was shown is known again. */
  readonly key: readonly string[];
  readonly read: (context: C, select: SelectFor<Field>) => Promise<Result<SourceRows>>;
};

/** The kinds of fields as callers see them: an id is a text. */
export function kindsOf(forms: { readonly [field: string]: FieldForm }): { readonly [field: string]: FieldKind } {
  const kinds = Object.entries(forms).map(([field, form]): [string, FieldKind] => [
    field,
    form === 'id' ? 'text' : form,
  ]);
  return Object.fromEntries(kinds);
}

type Few<Field extends string> = Pick<RowSelect<Field>, 'first' | 'top'>;

/** The rows that `params` ask for; what gathers the others comes with the first of them. */
export async function gatherChosen<C extends Pick<Context<never>, 'options'>, Field extends string>(
  context: C,
  params: ListParams,
  list: ChosenList<C, Field>,
): Promise<Result<Gathered>> {
  const { isAll } = portPredicate(params.filter, (field) => atPort(list, field, {}));
  const few = isAll && list.isCut !== false ? fewOf(list, params.sort) : null;
  const read = await list.read(context, selectFor(list, params, few));
  if (!read.ok) return read;
  const { nodes, total } = read.value;
  const chosen = isAll ? read.value.rows : selectRows(read.value.rows, { ...params, sort: undefined });
  const rows = selectRows(chosen, { sort: params.sort });
  // Of those that were more than are read nobody here knows whether they are meant.
  const meant = isAll ? total : rows.length + total - read.value.rows.length;
  if (few === null || total <= rows.length) return ok(whole(rows, nodes, meant));
  // Beyond the first, a row that some node has not sent could come before one that another has.
  const first = rows.slice(0, firstRows);
  return ok({
    selected: first,
    nodes,
    total,
    whole: (options) => gatherRest({ ...context, options }, params, { list, first }),
  });
}

/** The rows that were shown, as they were, then the others. */
async function gatherRest<C, Field extends string>(
  context: C,
  params: ListParams,
  { list, first }: { readonly list: ChosenList<C, Field>; readonly first: readonly ListRow[] },
): Promise<Result<Gathered>> {
  const read = await list.read(context, selectFor(list, params, null));
  if (!read.ok) return read;
  const nameOf = (row: ListRow): string => JSON.stringify(list.key.map((field) => row[field]));
  const shown = new Set(first.map(nameOf));
  const others = read.value.rows.filter((row) => !shown.has(nameOf(row)));
  return ok(whole([...first, ...selectRows(others, { sort: params.sort })], read.value.nodes, read.value.total));
}

function whole(rows: readonly ListRow[], nodes: Coverage, total: number): Gathered {
  return { selected: rows.slice(0, mostRows), nodes, total: Math.max(total, rows.length), whole: null };
}

function selectFor<C, Field extends string>(
  list: ChosenList<C, Field>,
  { filter }: ListParams,
  few: Few<Field> | null,
): SelectFor<Field> {
  return (same) => {
    const { where } = portPredicate(filter, (field) => atPort(list, field, same));
    return { ...(where !== undefined && { where }), ...few };
  };
}

/** What has each node send its first rows only; null where their order is not known there. */
function fewOf<C, Field extends string>(list: ChosenList<C, Field>, sort: string | undefined): Few<Field> | null {
  if (sort === undefined) return { first: firstRows };
  const { field, direction } = readSort(sort);
  if (list.same?.includes(field) === true) return { first: firstRows };
  const isOrdered = Object.entries(list.forms).some(([name, form]) => name === field && form !== 'id');
  return isOrdered && isField(list, field) ? { top: { n: firstRows, by: field, direction } } : null;
}

function atPort<C, Field extends string>(list: ChosenList<C, Field>, field: string, same: ListRow) {
  if (list.same?.includes(field) === true) return { is: same[field] ?? null };
  return isField(list, field) ? { key: field } : null;
}

function isField<C, Field extends string>(list: ChosenList<C, Field>, field: string): field is Field {
  return Object.hasOwn(list.forms, field);
}
