/** Filtering, ordering and paging rows, of processes and of other lists, for a runtime that holds what they are of itself. */
import { failure } from './errors.ts';
import type { Column, Failure, Json, ProcessField, RowPredicate, RowSelect, Scalar } from './model.ts';
import { costlyFields } from './model.ts';
import type { ScanQuery } from './port.ts';

/** The value of one key of one row. */
export type FieldReader<P, Key extends string = ProcessField> = (row: P, field: Key) => Json;

/** Rows of one page, at most. */
export const mostPageRows = 1_000;

const numbers: ReadonlySet<ProcessField> = new Set([
  'reductions',
  'message_queue_len',
  'memory',
  'total_heap_size',
  'binary_bytes',
]);
const structures: ReadonlySet<ProcessField> = new Set([
  'links',
  'monitors',
  'dictionary',
  'current_stacktrace',
  'ancestors',
  'monitored_by',
  'suspending',
  'garbage_collection',
]);
const costly: ReadonlySet<ProcessField> = new Set(costlyFields);

/** In which kind of column the values of a key stand. */
export function columnKind(key: ProcessField): Column['as'] {
  if (numbers.has(key)) return 'number';
  return structures.has(key) ? 'json' : 'dictionary';
}

/** What makes a query one that cannot be run; null when nothing does. */
export function queryFault(query: ScanQuery): Failure | null {
  if (!Number.isSafeInteger(query.pageRows) || query.pageRows < 1) {
    return invalid('scan.page_rows', 'A page has at least one row.', '/pageRows');
  }
  if (query.top !== undefined && (!Number.isSafeInteger(query.top.n) || query.top.n < 1)) {
    return invalid('scan.top', 'At least one row must be asked for.', '/top/n');
  }
  if (query.first !== undefined && (!Number.isSafeInteger(query.first) || query.first < 1)) {
    return invalid('scan.first', 'At least one row must be asked for.', '/first');
  }
  const used = [...(query.top === undefined ? [] : [query.top.by]), ...fieldsOf(query.where)];
  const field = used.find((one) => costly.has(one));
  if (field === undefined || query.allowCostly === true) return null;
  return failure(
    'validation',
    'scan.costly',
    `${field} costs every process something: it is not used in a filter or an order unless allowed.`,
    'Set allowCostly, or use another key.',
    { details: { field } },
  );
}

function invalid(code: string, message: string, pointer: string): Failure {
  return failure('validation', code, message, 'Correct the parameter.', { pointer });
}

/** Every key that a predicate reads. */
export function fieldsOf<Key extends string, Listed extends Key>(
  where: RowPredicate<Key, Listed> | undefined,
): readonly Key[] {
  if (where === undefined) return [];
  if ('all' in where) return where.all.flatMap((one) => fieldsOf(one));
  if ('any' in where) return where.any.flatMap((one) => fieldsOf(one));
  return 'not' in where ? fieldsOf(where.not) : [where.key];
}

type Selecting<Key extends string, Listed extends Key> = {
  readonly where?: RowPredicate<Key, Listed> | undefined;
  readonly top?: RowSelect<Key>['top'];
  readonly first?: number;
};

/** The rows a query asks for: all that match, the first of them, or the n best of them, in order. */
export function selectRows<P, Key extends string, Listed extends Key>(
  rows: Iterable<P>,
  query: Selecting<Key, Listed>,
  read: FieldReader<P, Key>,
): readonly P[] {
  return countRows(rows, query, read).chosen;
}

/** The same, and how many match at all. */
export function countRows<P, Key extends string, Listed extends Key>(
  rows: Iterable<P>,
  { where, top, first }: Selecting<Key, Listed>,
  read: FieldReader<P, Key>,
): { readonly chosen: readonly P[]; readonly matched: number } {
  const matching = [...rows].filter((row) => where === undefined || matches(row, where, read));
  const matched = matching.length;
  if (top === undefined) return { chosen: first === undefined ? matching : matching.slice(0, first), matched };
  const sign = top.direction === 'descending' ? -1 : 1;
  const chosen = matching
    .map((row) => ({ row, value: read(row, top.by) }))
    .sort((one, other) => compareOrNull(one.value, other.value, sign))
    .slice(0, top.n)
    .map(({ row }) => row);
  return { chosen, matched };
}

/** Whether a row satisfies the predicate. Values of different types are never equal nor in order. */
export function matches<P, Key extends string, Listed extends Key>(
  row: P,
  where: RowPredicate<Key, Listed>,
  read: FieldReader<P, Key>,
): boolean {
  if ('all' in where) return where.all.every((one) => matches(row, one, read));
  if ('any' in where) return where.any.some((one) => matches(row, one, read));
  if ('not' in where) return !matches(row, where.not, read);
  const value = read(row, where.key);
  switch (where.op) {
    case 'contains':
      return typeof value === 'string' && value.includes(where.value);
    case 'prefix':
      return typeof value === 'string' && value.startsWith(where.value);
    case 'like':
      return typeof value === 'string' && isLike(value, where.value);
    case 'has':
      return Array.isArray(value) && where.value.some((one) => value.includes(one));
    case 'eq':
      return value === where.value;
    case 'ne':
      return value !== where.value;
    default:
      return inOrder(value, where.op, where.value);
  }
}

/** Whether the whole of a text is as a pattern says, in which each asterisk stands for any text. Takes no longer than both are long. */
export function isLike(value: string, pattern: string): boolean {
  const [first = '', ...others] = pattern.split('*');
  const last = others.pop();
  if (last === undefined) return value === first;
  if (!value.startsWith(first)) return false;
  let at = first.length;
  for (const part of others) {
    const found = value.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return value.length - at >= last.length && value.endsWith(last);
}

function inOrder(value: Json, op: 'lt' | 'le' | 'gt' | 'ge', than: Scalar): boolean {
  if (typeof value !== typeof than || (typeof value !== 'number' && typeof value !== 'string')) return false;
  const order = compare(value, than);
  if (op === 'lt') return order < 0;
  if (op === 'le') return order <= 0;
  return op === 'gt' ? order > 0 : order >= 0;
}

/** Null stands last, in either direction. */
function compareOrNull(one: Json, other: Json, sign: 1 | -1): number {
  if (one === null || other === null) return Number(one === null) - Number(other === null);
  return sign * compare(one, other);
}

function compare(one: Json, other: Json): number {
  if (typeof one === 'number' && typeof other === 'number') return one - other;
  const [left, right] = [textOf(one), textOf(other)];
  return left < right ? -1 : Number(left > right);
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The columns of a page. */
export function columnsOf<P>(
  processes: readonly P[],
  keys: readonly ProcessField[],
  read: FieldReader<P>,
): { readonly [key in ProcessField]?: Column } {
  return Object.fromEntries([...new Set(keys)].map((key) => [key, columnOf(processes, key, read)]));
}

function columnOf<P>(processes: readonly P[], key: ProcessField, read: FieldReader<P>): Column {
  const values = processes.map((process) => read(process, key));
  const kind = columnKind(key);
  if (kind === 'number') return { as: kind, values: Float64Array.from(values, Number) };
  if (kind === 'json') return { as: kind, values };
  const known = new Map<Scalar, number>();
  const index = Uint32Array.from(values, (value) => {
    const scalar = typeof value === 'object' ? null : value;
    const at = known.get(scalar) ?? known.size;
    known.set(scalar, at);
    return at;
  });
  return { as: 'dictionary', index, values: [...known.keys()] };
}

/** The value of `key` in row `at` of a page; undefined when the page has no such column. */
export function valueAt(
  columns: { readonly [key in ProcessField]?: Column },
  key: ProcessField,
  at: number,
): Json | undefined {
  const column = columns[key];
  if (column === undefined) return undefined;
  if (column.as !== 'dictionary') return column.values[at];
  const index = column.index[at];
  return index === undefined ? undefined : column.values[index];
}
