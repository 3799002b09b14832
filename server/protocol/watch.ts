/** What can be watched, and the messages of a watch between client, server and webview. */
import type { ConnectionId, Predicate, ProcessField, ProcessRef } from '../../runtime/model.ts';
import { cheapFields, costlyFields } from '../../runtime/model.ts';
import type { ScanQuery, WatchQuery, WatchTarget } from '../../runtime/port.ts';
import type { WatchAck } from '../../runtime/watch.ts';
import type { WatchDown as Down, WatchUp as Up } from '../../runtime/watchChannel.ts';

export type WatchTopic =
  /** Something of a system under operation. */
  | { readonly of: 'runtime'; readonly connection: ConnectionId; readonly query: WatchQuery }
  /** Rows are ConnectionInfo, keyed by connection. */
  | { readonly of: 'connections' }
  /** Rows are CatalogueEntry, keyed by name. */
  | { readonly of: 'catalogue' }
  /** Rows are the latest ArsenalEvents, keyed by their number. */
  | { readonly of: 'events' }
  /** What a call that is going on tells on its way: its rows, keyed by their id (`row ID`), and `progress`. It ends with the call. */
  | { readonly of: 'execution'; readonly requestId: string }
  /**
   * What a trace, a monitor, a profile or a search for leaks tells: the newest of its items, keyed by their number, and `task`, with its
   * outcome in the end, after which it ends.
   */
  | { readonly of: 'trace'; readonly trace: string };
export type WatchUp = Up<WatchTopic>;
export type WatchDown = Down;

// Bounds on what a peer may ask. A watch of more than this is a table's job: pages of a scan.
const mostText = 1_024;
const mostItems = 1_000;
const mostDepth = 8;
const mostIntervalMs = 3_600_000;

/** Reads a message that came over a wire; null when it is none. */
export function decodeWatchUp(value: unknown): WatchUp | null {
  if (!isRecord(value)) return null;
  const { is, subscription } = value;
  if (!isText(subscription)) return null;
  switch (is) {
    case 'open': {
      const topic = decodeWatchTopic(value['topic']);
      return topic === null ? null : { is, subscription, topic };
    }
    case 'ack': {
      const ack = decodeAck(value);
      return ack === null ? null : { is, subscription, ...ack };
    }
    case 'visible': {
      const as = value['as'];
      return as === 'shown' || as === 'hidden' ? { is, subscription, as } : null;
    }
    case 'resync':
    case 'close':
      return { is, subscription };
    default:
      return null;
  }
}

/** Reads a topic that came over a wire; null when it is none, or asks for more than a watch may. */
export function decodeWatchTopic(value: unknown): WatchTopic | null {
  if (!isRecord(value)) return null;
  const { of, connection, query, requestId, trace } = value;
  if (of === 'connections' || of === 'catalogue' || of === 'events') return { of };
  if (of === 'execution') return isText(requestId) ? { of, requestId } : null;
  if (of === 'trace') return isText(trace) ? { of, trace } : null;
  if (of !== 'runtime' || !isText(connection) || !isRecord(query)) return null;
  const { minIntervalMs, of: target } = query;
  if (!isCount(minIntervalMs, mostIntervalMs) || !isTarget(target)) return null;
  return { of, connection, query: { minIntervalMs, of: target } };
}

function decodeAck({ epoch, to, part }: Untyped): WatchAck | null {
  if (!isText(epoch) || !isCount(to)) return null;
  if (part === undefined) return { epoch, to };
  return isCount(part) ? { epoch, to, part } : null;
}

type Untyped = { readonly [key: string]: unknown };

function isRecord(value: unknown): value is Untyped {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= mostText;
}

function isCount(value: unknown, most: number = Number.MAX_SAFE_INTEGER): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most;
}

function isListOf<T>(value: unknown, isOne: (one: unknown) => one is T): value is readonly T[] {
  return Array.isArray(value) && value.length <= mostItems && value.every(isOne);
}

function isTarget(value: unknown): value is WatchTarget {
  if (!isRecord(value)) return false;
  switch (value['rows']) {
    case 'nodes':
    case 'horde':
    case 'topologies':
    case 'sandboxes':
    case 'holdings':
      return true;
    case 'groups':
      return isText(value['scope']);
    case 'horde_entries':
    case 'horde_children':
      return isText(value['name']);
    case 'top':
      return isScan(value['query']);
    case 'processes':
      return isListOf(value['pids'], isProcess) && isListOf(value['keys'], isField);
    case 'supervisors':
      return isNodes(value['nodes']);
    case 'children':
      return isProcess(value['supervisor']) && isWindow(value['window']);
    case 'names':
      return isRegistry(value['registry']);
    default:
      return false;
  }
}

function isProcess(value: unknown): value is ProcessRef {
  if (!isRecord(value)) return false;
  const { node, creation, id, serial } = value;
  return isText(node) && [creation, id, serial].every((number) => isCount(number, 0xffffffff));
}

const fields: ReadonlySet<unknown> = new Set([...cheapFields, ...costlyFields]);

function isField(value: unknown): value is ProcessField {
  return fields.has(value);
}

function isNodes(value: unknown): value is readonly string[] | 'all' {
  return value === 'all' || isListOf(value, isText);
}

function isWindow(value: unknown): boolean {
  return isRecord(value) && isCount(value['offset']) && isCount(value['limit']);
}

function isRegistry(value: unknown): boolean {
  return value === 'local' || value === 'global' || (isRecord(value) && isText(value['via']));
}

function isScan(value: unknown): value is ScanQuery {
  if (!isRecord(value)) return false;
  const { nodes, keys, where, top, allowCostly, pageRows } = value;
  return (
    isNodes(nodes) &&
    isListOf(keys, isField) &&
    (where === undefined || isPredicate(where)) &&
    (top === undefined || isTop(top)) &&
    (allowCostly === undefined || typeof allowCostly === 'boolean') &&
    isCount(pageRows)
  );
}

function isTop(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { n, by, direction } = value;
  return isCount(n) && isField(by) && (direction === 'descending' || direction === 'ascending');
}

const comparisons: ReadonlySet<unknown> = new Set(['eq', 'ne', 'lt', 'le', 'gt', 'ge']);
const textFields: ReadonlySet<unknown> = new Set(['registered_name', 'initial_call', 'current_function', 'label']);

function isPredicate(value: unknown, depth = 0): value is Predicate {
  if (!isRecord(value) || depth > mostDepth) return false;
  const inner = (one: unknown): one is Predicate => isPredicate(one, depth + 1);
  if ('all' in value) return isListOf(value['all'], inner);
  if ('any' in value) return isListOf(value['any'], inner);
  if ('not' in value) return inner(value['not']);
  const { key, op, value: than } = value;
  if (op === 'contains' || op === 'prefix') return textFields.has(key) && isText(than);
  return isField(key) && comparisons.has(op) && isScalar(than);
}

function isScalar(value: unknown): boolean {
  return value === null || isText(value) || typeof value === 'boolean' || Number.isFinite(value);
}
