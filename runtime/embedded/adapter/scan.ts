/** Looking through the processes of the cluster: filter, the n best, pages. */
import { failure } from '../../errors.ts';
import type { Failure, Predicate, ProcessField, RowPage } from '../../model.ts';
import { ok } from '../../model.ts';
import type { CallOptions, ScanQuery, StreamEnd, StreamItem } from '../../port.ts';
import { cancelled } from '../../errors.ts';
import type { KernelNode } from '../kernel/node.ts';
import type { Process } from '../kernel/process.ts';
import type { Context } from './context.ts';
import { fieldOf, isCostly, pageOf, scalarOf } from './fields.ts';

const mostRows = 1000;

/** `processes.scan` */
export async function* scan(
  context: Context,
  query: ScanQuery,
  { signal }: CallOptions,
): AsyncGenerator<StreamItem<RowPage, StreamEnd<'processes.scan'>>> {
  const fault = queryFault(query);
  if (fault !== null) return yield { is: 'end', result: fault };
  const { up, coverage } = context.nodes(query.nodes);
  const rows = Math.min(query.pageRows, mostRows);
  let total = 0;
  let scanned = 0;
  for (const node of up) {
    scanned += node.processes.size;
    const found = select(node, query);
    total += found.length;
    for (let at = 0; at < found.length; at += rows) {
      // Between two pages the cluster runs on: those that have ended since are left out.
      const page = found.slice(at, at + rows).filter((process) => process.alive);
      yield { is: 'frame', frame: pageOf(context, node, page, query.keys) };
      if (signal.aborted) return yield { is: 'end', result: cancelled('none') };
    }
  }
  await Promise.resolve();
  yield { is: 'end', result: ok({ nodes: coverage, total, scanned }) };
}

/** The processes of a node that the query asks for: all that match, or its n best of them. */
export function select(node: KernelNode, query: ScanQuery): readonly Process[] {
  const matching: Process[] = [];
  for (const process of node.processes.values()) {
    if (query.where === undefined || matches(process, query.where)) matching.push(process);
  }
  const { top } = query;
  if (top === undefined) return matching;
  const sign = top.direction === 'descending' ? -1 : 1;
  return matching
    .map((process) => ({ process, value: scalarOf(process, top.by) }))
    .sort((one, other) => sign * compare(one.value, other.value) || one.process.pid.id - other.process.pid.id)
    .slice(0, top.n)
    .map(({ process }) => process);
}

/** What makes a query one that cannot be run; null when nothing does. */
export function queryFault(query: ScanQuery): Failure | null {
  if (!Number.isSafeInteger(query.pageRows) || query.pageRows < 1) {
    return invalid('scan.page_rows', 'A page has at least one row.', '/pageRows');
  }
  if (query.top !== undefined && (!Number.isSafeInteger(query.top.n) || query.top.n < 1)) {
    return invalid('scan.top', 'At least one row must be asked for.', '/top/n');
  }
  if (query.allowCostly === true) return null;
  const used = [...(query.top === undefined ? [] : [query.top.by]), ...fieldsOf(query.where)];
  const costly = used.find(isCostly);
  if (costly === undefined) return null;
  return failure(
    'validation',
    'scan.costly',
    `${costly} costs every process something: it is not used in a filter or an order unless allowed.`,
    'Set allowCostly, or filter by another column.',
    { details: { field: costly } },
  );
}

function invalid(code: string, message: string, pointer: string): Failure {
  return failure('validation', code, message, 'Correct the parameter.', { pointer });
}

function fieldsOf(where: Predicate | undefined): readonly ProcessField[] {
  if (where === undefined) return [];
  if ('all' in where) return where.all.flatMap(fieldsOf);
  if ('any' in where) return where.any.flatMap(fieldsOf);
  return 'not' in where ? fieldsOf(where.not) : [where.key];
}

/** Whether a process satisfies the predicate. Values of different types are never equal nor in order. */
export function matches(process: Process, where: Predicate): boolean {
  if ('all' in where) return where.all.every((one) => matches(process, one));
  if ('any' in where) return where.any.some((one) => matches(process, one));
  if ('not' in where) return !matches(process, where.not);
  const value = fieldOf(process, where.key);
  switch (where.op) {
    case 'contains':
      return typeof value === 'string' && value.includes(where.value);
    case 'prefix':
      return typeof value === 'string' && value.startsWith(where.value);
    case 'eq':
      return value === where.value;
    case 'ne':
      return value !== where.value;
    default:
      return inOrder(value, where.op, where.value);
  }
}

function inOrder(value: unknown, op: 'lt' | 'le' | 'gt' | 'ge', other: unknown): boolean {
  const comparable =
    (typeof value === 'number' && typeof other === 'number') ||
    (typeof value === 'string' && typeof other === 'string');
  if (!comparable) return false;
  const order = compare(value, other);
  if (op === 'lt') return order < 0;
  if (op === 'le') return order <= 0;
  return op === 'gt' ? order > 0 : order >= 0;
}

function compare(one: unknown, other: unknown): number {
  if (typeof one === 'number' && typeof other === 'number') return one - other;
  const [left, right] = [String(one ?? ''), String(other ?? '')];
  return left < right ? -1 : Number(left > right);
}
