/** Filtering, ordering and paging process rows, for a runtime that holds its processes itself. */
import { failure } from './errors.ts';
import type { Column, Failure, Json, Predicate, ProcessField, Scalar } from './model.ts';
import { costlyFields } from './model.ts';
import type { ScanQuery } from './port.ts';

/** The value of one key of one process. */
export type FieldReader<P> = (process: P, field: ProcessField) => Json;

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
export function fieldsOf(where: Predicate | undefined): readonly ProcessField[] {
  if (where === undefined) return [];
  if ('all' in where) return where.all.flatMap(fieldsOf);
  if ('any' in where) return where.any.flatMap(fieldsOf);
  return 'not' in where ? fieldsOf(where.not) : [where.key];
}

type Selecting = Pick<ScanQuery, 'where' | 'top' | 'first'>;

/** The processes a query asks for: all that match, the first of them, or the n best of them, in order. */
export function selectProcesses<P>(processes: Iterable<P>, query: Selecting, read: FieldReader<P>): readonly P[] {
  return countProcesses(processes, query, read).chosen;
}

/** The same, and how many match at all. */
export function countProcesses<P>(
  processes: Iterable<P>,
  { where, top, first }: Selecting,
  read: FieldReader<P>,
): { readonly chosen: readonly P[]; readonly matched: number } {
  const matching = [...processes].filter((process) => where === undefined || matches(process, where, read));
  const matched = matching.length;
  if (top === undefined) return { chosen: first === undefined ? matching : matching.slice(0, first), matched };
  const sign = top.direction === 'descending' ? -1 : 1;
  const chosen = matching
    .map((process) => ({ process, value: read(process, top.by) }))
    .sort((one, other) => sign * compare(one.value, other.value))
    .slice(0, top.n)
    .map(({ process }) => process);
  return { chosen, matched };
}

/** Whether a process satisfies the predicate. Values of different types are never equal nor in order. */
export function matches<P>(process: P, where: Predicate, read: FieldReader<P>): boolean {
  if ('all' in where) return where.all.every((one) => matches(process, one, read));
  if ('any' in where) return where.any.some((one) => matches(process, one, read));
  if ('not' in where) return !matches(process, where.not, read);
  const value = read(process, where.key);
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
