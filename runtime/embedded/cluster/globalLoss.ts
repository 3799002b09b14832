/** What `global` does when a connection is lost: all that are known are told, until no partitions overlap (prevent_overlapping_partitions). */
import type { Value } from '../../term/values.ts';
import { a, Atom, tup } from '../../term/values.ts';
import type { Self } from '../kernel/self.ts';
import { distributionOf } from './distribution.ts';
import { lockerMessage } from './globalLocker.ts';
import type { GlobalState, NodeDown } from './globalState.ts';
import { lostConnectionKeptMs, nextInteger, to, warn, words } from './globalState.ts';
import { cancelLocker } from './globalMeeting.ts';

/** A connection is lost, or is to count as lost: the meeting with that node ends, and the others are told, where that is wanted. */
export function nodeDown(self: Self, state: GlobalState, node: string, what: NodeDown): void {
  const { tables } = state;
  cancelLocker(self, state, node, tables.meetings.get(node)?.myTag);
  self.send(state.locker, lockerMessage.remove(node));
  tables.meetings.delete(node);
  if (what === 'remove_connection') tables.removing.add(node);
  else if (what === 'ignore_node') tables.removing.delete(node);
  else if (!tables.removing.delete(node)) tellLoss(self, state, node);
  tables.pending.delete(node);
  tables.known.delete(node);
  tables.synced = tables.synced.filter((name) => name !== node);
}

function prevents(self: Self): boolean {
  const { preventsOverlap, connectsAll } = distributionOf(self.home).options;
  return preventsOverlap && connectsAll;
}

function tellLoss(self: Self, state: GlobalState, node: string): void {
  if (!prevents(self)) return;
  const { creation } = distributionOf(self.home).node;
  tellAll(self, state, tup(words.lostConnection, a(self.node), creation, nextInteger(state), a(node)), node);
}

/** Also those that are being met; without making a connection. */
function tellAll(self: Self, { tables }: GlobalState, message: Value, except: string): void {
  for (const node of new Set([...tables.known.keys(), ...tables.pending.keys()])) {
    if (node !== except) self.sendIfConnected(to(node), message);
  }
}

/** Somebody has lost a connection: so that no partitions overlap, this node gives one of the two up. */
export function heardOfLoss(self: Self, state: GlobalState, message: Value, elements: readonly Value[]): void {
  if (!prevents(self)) return;
  const [, one, creation, operation, other] = elements;
  if (!(one instanceof Atom) || !(other instanceof Atom)) return;
  if (typeof creation !== 'number' || typeof operation !== 'number') return;
  const key = `${one.name} ${other.name}`;
  const before = state.lostConnections.get(key);
  if (before?.creation === creation && operation <= before.operation) return;
  tellAll(self, state, message, one.name);
  if (before !== undefined) self.cancelTimer(before.timer);
  const timer = self.startTimer(lostConnectionKeptMs, self.pid, tup(words.lostConnection, key));
  state.lostConnections.set(key, { creation, operation, timer });
  const node = other.name === self.node ? one.name : other.name;
  if (!state.tables.known.has(node) && !state.tables.pending.has(node)) return;
  self.sendIfConnected(to(node), tup(words.removeConnection, a(self.node)));
  warn(self, 'requested disconnect from', node);
  nodeDown(self, state, node, 'remove_connection');
}

/** Another node asks for it: its connection to this one is given up here. */
export function removeConnection(self: Self, state: GlobalState, node: string): void {
  if (!state.tables.known.has(node) && !state.tables.pending.has(node)) return;
  const { network, node: kernel } = distributionOf(self.home);
  network.disconnect(kernel, node);
  nodeDown(self, state, node, 'remove_connection');
  warn(self, 'disconnected', node);
}

/** `global:disconnect/0`: gives all connections up; answers to whom. */
export function disconnectAll(self: Self, state: GlobalState): Value {
  const { network, node: kernel } = distributionOf(self.home);
  const nodes = self.nodes();
  for (const node of nodes) {
    network.disconnect(kernel, node);
    // What follows is no loss: nobody is told.
    nodeDown(self, state, node, 'remove_connection');
  }
  return nodes.map(a);
}
