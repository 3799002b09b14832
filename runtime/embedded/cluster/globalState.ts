/** What a `global_name_server` keeps while it serves, the words of its protocol, and what it says in the log. */
import type { Value, Pid } from '../../term/values.ts';
import { a, Atom, tup } from '../../term/values.ts';
import type { Self, TimerRef } from '../kernel/self.ts';
import { itemsOf, partsOf } from '../kernel/values.ts';
import { logReport, logText } from '../otp/logger.ts';
import { globalServer } from './globalLocks.ts';
import type { GlobalTables } from './globalTables.ts';

/** The version of the protocol that OTP 25 speaks. */
export const version = 8;
export const lostConnectionKeptMs = 60 * 60 * 1000;

export const words = {
  global: a('global'),
  register: a('register'),
  unregister: a('unregister'),
  registrar: a('registrar'),
  initConnect: a('init_connect'),
  initConnectAck: a('init_connect_ack'),
  cancelConnect: a('cancel_connect'),
  locker: a('locker'),
  noLongerAPid: a('no_longer_a_pid'),
  lockIsSet: a('lock_is_set'),
  lockSet: a('lock_set'),
  exchange: a('exchange'),
  exchangeOps: a('exchange_ops'),
  resolve: a('resolve'),
  resolved: a('resolved'),
  unused: a('unused'),
  newNodes: a('new_nodes'),
  inSync: a('in_sync'),
  insert: a('insert'),
  delete: a('delete'),
  lock: a('lock'),
  vsn: a('vsn'),
  synced: a('synced'),
  nodeup: a('nodeup'),
  nodedown: a('nodedown'),
  extraNodedown: a('extra_nodedown'),
  lostConnection: a('lost_connection'),
  removeConnection: a('remove_connection'),
} as const;

export type NodeDown = 'disconnected' | 'remove_connection' | 'ignore_node';
export type Resolver = { readonly node: string; readonly tag: number; readonly pid: Pid };

export type GlobalState = {
  readonly tables: GlobalTables;
  readonly locker: Pid;
  readonly registrar: Pid;
  resolvers: readonly Resolver[];
  syncers: readonly Pid[];
  /** The last lock of `global` ended because its holder did. */
  lockWentDown: boolean;
  /** What other nodes have told of connections that they lost, so that each is passed on once. */
  readonly lostConnections: Map<
    string,
    { readonly creation: number; readonly operation: number; readonly timer: TimerRef }
  >;
  /** For tags, and to number what is told of lost connections. */
  lastInteger: number;
};

/** `{global_name_server, Node}` */
export function to(node: string): ReturnType<typeof tup<readonly [Atom, Atom]>> {
  return tup(globalServer, a(node));
}
/** The name of a node, of the atom that it is sent as; empty for anything else. */
export function nodeNameOf(value: Value): string {
  return value instanceof Atom ? value.name : '';
}
/** A number, where it is one. */
export function numberOr(value: Value): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
/** `[{Node, Version}]` */
export function nodeVersions(value: Value): readonly (readonly [string, number])[] {
  return itemsOf(value).map((one) => {
    const [node, his]: readonly unknown[] = partsOf(one);
    return [String(node), Number(his)] as const;
  });
}
/**
 * Each life of a node has numbers of its own. OTP's begin anew with each (`erlang:unique_integer/1`), so that what is cancelled of a
 * meeting with the life before can cancel the present one; the two ends can then go on cancelling each other's for ever.
 */
export const integersOfALife = 2 ** 32;

/** A number that no life of this node has used before. */
export function nextInteger(state: GlobalState): number {
  state.lastInteger += 1;
  return state.lastInteger;
}
/** What was told of a lost connection is old: the timer that says so. */
export function forgetLoss({ lostConnections }: GlobalState, timer: Value): void {
  for (const [key, { timer: held }] of lostConnections) if (held.ref === timer) lostConnections.delete(key);
}

/** A warning of the log, as OTP words it. */
export function warn(self: Self, what: string, node: string): void {
  const text = `'global' at node ${self.node} ${what} node ${node} in order to prevent overlapping partitions`;
  logText(self, 'warning', text, 'global');
}
/** A message that means nothing here. */
export function unexpected(self: Self, where: string, message: Value): void {
  const report = { label: tup(a('global'), a('unexpected')), where: a(where), message };
  logReport(self, { level: 'warning', kind: 'warning_report', module: 'global', report });
}
