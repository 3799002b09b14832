/**
 * Lists: all take `limit`, `after`, `sort`, `filter` and `fields`, and answer `{items, total, next, nodes, truncated}`. A list longer than
 * a page is kept as a scan for a while, so that the next page is of the same list and the target is not asked again.
 */
import type { TSchema } from 'typebox';
import { Type } from 'typebox';
import { failure } from '../../runtime/errors.ts';
import type { Coverage, Json, Result } from '../../runtime/model.ts';
import { fail, ok } from '../../runtime/model.ts';
import type { CallOptions } from '../../runtime/port.ts';
import type { Context } from '../core/context.ts';
import { coverageResult, nullable } from './parameters.ts';
import type { FieldKind, Filter } from './rowFilter.ts';
import { filterSchema, passes } from './rowFilter.ts';

export type ListRow = { readonly [field: string]: Json };
/** Rows in order, made when they are shown: an array of them, or what takes less space until then. */
export type Rows = {
  readonly length: number;
  slice(from: number, to: number): readonly ListRow[];
};
export type ListParams = {
  readonly limit: number;
  readonly after?: string;
  readonly sort?: string;
  readonly filter?: Filter;
  readonly fields?: readonly string[];
};

/** No list has more rows than this kept. */
export const mostRows = 200_000;
/** Rows that each node sends for the first pages; the others it counts. */
export const firstRows = 1_000;

/** The parameters of a list whose rows have these fields. */
export function listParams(fields: { readonly [field: string]: FieldKind }) {
  const names = Object.keys(fields);
  return {
    limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100, description: 'Rows in one answer.' }),
    after: Type.Optional(Type.String({ maxLength: 200, description: 'Where the last answer ended: its `next`.' })),
    sort: Type.Optional(
      Type.Unsafe<string>({
        type: 'string',
        enum: names.flatMap((name) => [name, `-${name}`]),
        description: 'A field to sort by; with - from the largest.',
      }),
    ),
    filter: Type.Optional(Type.Unsafe<Filter>(filterSchema(fields))),
    fields: Type.Optional(
      Type.Unsafe<readonly string[]>({
        type: 'array',
        items: { type: 'string', enum: names },
        maxItems: names.length,
        description: 'Only these fields of each row (what names the row is always there).',
      }),
    ),
  };
}

/** The result of a list with rows of that schema. */
export function listResult(item: TSchema) {
  return Type.Object({
    // Which fields a row has is up to the call; the schema is checked when it is answered.
    items: Type.Unsafe<readonly ListRow[]>({ type: 'array', items: item }),
    total: Type.Integer({ description: 'Rows there are, on all pages.' }),
    next: nullable(Type.String({ description: 'Give it as `after` for the next page.' })),
    nodes: coverageResult,
    truncated: Type.Boolean({
      description: 'Whether there are more rows than can be paged through; then narrow the filter.',
    }),
  });
}

export type ListAnswer<Row> = {
  readonly items: readonly Row[];
  readonly total: number;
  readonly next: string | null;
  readonly nodes: Coverage;
  readonly truncated: boolean;
};

/** A list as it was gathered, in the order it is to be paged in. */
export type KeptList = {
  readonly rows: Rows;
  readonly total: number;
  readonly nodes: Coverage;
  /** Where these are only the first rows: gathers the whole list, which begins with these, when a page reaches beyond them. */
  readonly whole: Whole | null;
};
/** Keeps lists for paging; a list is read only by who asked for it. */
export interface Scans {
  keep(of: ScanOwner, list: KeptList): string;
  read(of: ScanOwner, id: string): KeptList | null;
}
export type ScanOwner = { readonly principal: string; readonly connection: string | null; readonly operation: string };

/** Gathers the rest of a list in the time of another call. */
type Whole = (options: () => CallOptions) => Promise<Result<Gathered>>;
/** Rows to be filtered and sorted here; or those that are meant, in order. `total` when there are more than that. */
export type Gathered =
  | { readonly rows: readonly ListRow[]; readonly nodes: Coverage; readonly total?: number }
  | { readonly selected: Rows; readonly nodes: Coverage; readonly total: number; readonly whole: Whole | null };

/**
 * Answers one page. `gather` asks the target, only for the first page and for one beyond the rows that were read for it; `key` names the
 * fields that every row keeps. Errors: `list.bad_cursor` for text that is no cursor, `list.cursor_expired` for one whose list is no
 * longer kept.
 */
export async function listPage(
  context: Context<never>,
  operation: string,
  params: ListParams,
  scans: Scans,
  key: readonly string[],
  gather: () => Promise<Result<Gathered>>,
): Promise<Result<ListAnswer<ListRow>>> {
  const owner = {
    principal: context.caller.principal,
    connection: context.connection?.id ?? null,
    operation,
  };
  const from = params.after === undefined ? null : readCursor(params.after);
  if (from === 'bad') return badCursor();
  const offset = from?.offset ?? 0;
  const end = offset + params.limit;
  const first = from === null ? keptOf(await gather(), params) : resumed(scans, owner, from);
  if (!first.ok) return first;
  const { whole } = first.value;
  const isBeyond = whole !== null && end > first.value.rows.length;
  const kept = isBeyond ? keptOf(await whole(() => context.options()), params) : first;
  if (!kept.ok) return kept;
  const { rows, total, nodes } = kept.value;
  const isLast = end >= (kept.value.whole === null ? rows.length : total);
  const known = isBeyond ? undefined : from?.scan;
  return ok({
    items: rows.slice(offset, end).map((row) => onlyFields(row, params.fields, key)),
    total,
    next: isLast ? null : cursorText({ scan: known ?? scans.keep(owner, kept.value), offset: end }),
    nodes,
    truncated: total > (kept.value.whole === null ? rows.length : mostRows),
  });
}

function keptOf(found: Result<Gathered>, params: ListParams): Result<KeptList> {
  if (!found.ok) return found;
  const { nodes, total } = found.value;
  if ('selected' in found.value) {
    const { selected, whole } = found.value;
    return ok({ rows: selected, nodes, total: found.value.total, whole });
  }
  const rows = selectRows(found.value.rows, params);
  return ok({ rows: rows.slice(0, mostRows), nodes, total: total ?? rows.length, whole: null });
}

function resumed(scans: Scans, owner: ScanOwner, from: Cursor): Result<KeptList> {
  const kept = scans.read(owner, from.scan);
  if (kept !== null) return ok(kept);
  return failure(
    'not_found',
    'list.cursor_expired',
    'The list this page belongs to is no longer kept.',
    'List again from the beginning.',
  );
}

/** Filters and sorts rows; a field that is null sorts last. */
export function selectRows(
  rows: readonly ListRow[],
  { filter = {}, sort }: { readonly filter?: Filter | undefined; readonly sort?: string | undefined },
): readonly ListRow[] {
  const left = rows.filter((row) => passes(row, filter));
  return sort === undefined ? left : left.toSorted(orderBy(sort));
}

/** The field and direction of a sort text such as `-memory`. */
export function readSort(sort: string): { readonly field: string; readonly direction: 'ascending' | 'descending' } {
  return sort.startsWith('-')
    ? { field: sort.slice(1), direction: 'descending' }
    : { field: sort, direction: 'ascending' };
}

function orderBy(sort: string): (a: ListRow, b: ListRow) => number {
  const { field, direction } = readSort(sort);
  const sign = direction === 'descending' ? -1 : 1;
  return (a, b) => {
    const [one, other] = [a[field] ?? null, b[field] ?? null];
    if (one === other) return 0;
    if (one === null) return 1;
    if (other === null) return -1;
    return one < other ? -sign : sign;
  };
}

function onlyFields(row: ListRow, fields: readonly string[] | undefined, key: readonly string[]): ListRow {
  if (fields === undefined) return row;
  return Object.fromEntries(Object.entries(row).filter(([field]) => fields.includes(field) || key.includes(field)));
}

// -------------------------------------------------------------------------------------------------------------- cursors

type Cursor = { readonly scan: string; readonly offset: number };

/** A cursor's text: opaque to callers. */
export function cursorText({ scan, offset }: Cursor): string {
  return Buffer.from(`${scan}:${offset}`).toString('base64url');
}

function readCursor(text: string): Cursor | 'bad' {
  const [, scan, offset] = /^([\w-]{1,64}):(\d{1,9})$/.exec(Buffer.from(text, 'base64url').toString('latin1')) ?? [];
  if (scan === undefined || offset === undefined) return 'bad';
  return { scan, offset: Number(offset) };
}

function badCursor(): Result<never> {
  return failure(
    'validation',
    'list.bad_cursor',
    'This is not where a list ended.',
    'Give the `next` of the last answer, as it was.',
    {
      pointer: '/after',
    },
  );
}

/** The error of the node that was asked for by name, when it did not answer: then there is nothing to show. */
export function failedNode(node: string | undefined, nodes: Coverage): Result<null> {
  const asked = node === undefined ? undefined : nodes.find((covered) => covered.node === node);
  return asked?.status === 'missing' ? fail(asked.error) : ok(null);
}
