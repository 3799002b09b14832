/** How two nodes of `global` meet: their lockers lock both sides, names are exchanged and resolved, and all that either knows learn of it. */
import type { Value } from '../../term/values.ts';
import { a, tup } from '../../term/values.ts';
import { fun } from '../kernel/localFun.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, itemsOf, tagged } from '../kernel/values.ts';
import { cast } from '../otp/gen.ts';
import { startResolver } from './globalConflicts.ts';
import { lockerMessage } from './globalLocker.ts';
import { syncOthers } from './globalSync.ts';
import type { GlobalState } from './globalState.ts';
import { nextInteger, nodeVersions, to, version, words } from './globalState.ts';
import { doOps } from './globalHeld.ts';

/** A node was connected to: the two begin to meet, unless they do already. */
export function nodeUp(self: Self, state: GlobalState, node: string): void {
  const { tables } = state;
  if (tables.known.has(node) || state.resolvers.some((resolver) => resolver.node === node)) return;
  const meeting = tables.meeting(node);
  const { preConnect } = meeting;
  if (preConnect !== undefined) {
    delete meeting.preConnect;
    const { hisTag, version: his, locker } = preConnect;
    cast(self, self.pid, tup(words.initConnect, tup(his, hisTag), a(node), locker));
  }
  const myTag = nextInteger(state);
  meeting.myTag = myTag;
  const known = new Map([...tables.known].map(([name, his]) => [a(name), his]));
  const locker = tup(words.locker, words.noLongerAPid, known, state.locker);
  cast(self, to(node), tup(words.initConnect, tup(version, myTag), a(self.node), locker));
  state.resolvers = [{ node, tag: myTag, pid: startResolver(self, node, myTag) }, ...state.resolvers];
}

/** The other side has begun to meet: its version, and the tag of its meeting. */
export function initConnect(
  self: Self,
  state: GlobalState,
  node: string,
  his: { readonly hisTag: number; readonly version: number; readonly locker: Value },
): void {
  const { tables } = state;
  if (tables.pending.has(node)) {
    sendCancelConnect(self, node, his.hisTag);
    restart(self, state, node);
  }
  const meeting = tables.meeting(node);
  meeting.hisTag = his.hisTag;
  const resolver = state.resolvers.find((one) => one.node === node);
  if (resolver === undefined) {
    meeting.preConnect = his;
    return;
  }
  const hisLocker = asValue(tagged(his.locker, words.locker, 4)?.[3]);
  self.send(state.locker, lockerMessage.meet(hisLocker, his.hisTag, resolver.tag));
  self.sendIfConnected(to(node), tup(words.initConnectAck, a(self.node), his.hisTag, resolver.tag));
  tables.pending.set(node, Math.min(his.version, version));
}

/** Gives the present meeting up, and begins a new one where there was one. */
export function restart(self: Self, state: GlobalState, node: string): void {
  const { myTag } = state.tables.meetings.get(node) ?? {};
  cancelLocker(self, state, node, myTag);
  state.tables.meetings.delete(node);
  state.tables.pending.delete(node);
  if (myTag !== undefined) nodeUp(self, state, node);
}

/** Tells the locker, and runs `whenDone` there before it gives the lock back. */
export function cancelLocker(
  self: Self,
  state: GlobalState,
  node: string,
  tag: number | undefined,
  whenDone?: Value,
): void {
  self.send(state.locker, lockerMessage.cancel(node, tag, whenDone ?? lockerMessage.noFun));
  const meeting = state.tables.meetings.get(node);
  if (state.tables.pending.has(node) && meeting?.myTag === tag && meeting?.hisTag !== undefined) {
    sendCancelConnect(self, node, meeting.hisTag);
  }
  const resolver = state.resolvers.find((one) => one.node === node && one.tag === tag);
  if (resolver === undefined) return;
  self.sendExit(resolver.pid, atoms.kill);
  state.resolvers = state.resolvers.filter((one) => one !== resolver);
}

/** Tells the other side that its meeting with this tag is given up. */
export function sendCancelConnect(self: Self, node: string, hisTag: number | undefined): void {
  self.sendIfConnected(to(node), tup(words.cancelConnect, a(self.node), hisTag));
}

/** The lock is set on both sides: the names are exchanged. */
export function lockIsSet(self: Self, state: GlobalState, node: string, lockId: Value): void {
  const meeting = state.tables.meeting(node);
  const names = [...state.tables.names.entries()].map(([name, { pid, method }]) => tup(name, pid, method));
  cast(self, to(node), tup(words.exchange, a(self.node), names, [], meeting.hisTag));
  meeting.lockId = lockId;
  const { waitLock } = meeting;
  meeting.waitLock = 'lock_is_set';
  if (waitLock !== undefined && waitLock !== 'lock_is_set') exchange(self, state, node, waitLock.names);
}

/** His names are here; they are looked at when the lock is set on this side, too. */
export function exchange(self: Self, state: GlobalState, node: string, names: Value): void {
  const meeting = state.tables.meeting(node);
  if (meeting.waitLock !== 'lock_is_set') {
    meeting.waitLock = { names };
    return;
  }
  delete meeting.waitLock;
  const resolver = state.resolvers.find((one) => one.node === node);
  if (resolver !== undefined) self.send(resolver.pid, tup(words.resolve, names, a(node)));
}

/** The names of both are compared on this side: what is to be written stands in `ops`. */
export function exchangeOps(self: Self, state: GlobalState, node: string, ops: Value, resolved: Value): void {
  const { tables } = state;
  const meeting = tables.meeting(node);
  const known = [...tables.known].map(([name, his]) => tup(a(name), his));
  cast(self, to(node), tup(words.resolved, a(self.node), resolved, known, words.unused, [], meeting.hisTag));
  const { ops: saved } = meeting;
  meeting.ops = { is: 'ours', ops };
  if (saved?.is === 'his') bothResolved(self, state, node, saved.ops, saved.known);
}

/** The other side has compared: what it found, and whom it knows. */
export function hisResolved(self: Self, state: GlobalState, node: string, resolved: Value, known: Value): void {
  const meeting = state.tables.meeting(node);
  if (meeting.ops?.is === 'ours') bothResolved(self, state, node, resolved, known);
  else meeting.ops = { is: 'his', known, ops: resolved };
}

/** Both sides have compared: the names are set here, and all that this node knows are told, before the lock is given back. */
function bothResolved(self: Self, state: GlobalState, node: string, hisOps: Value, hisKnown: Value): void {
  const { tables } = state;
  const meeting = tables.meeting(node);
  const ours = meeting.ops?.ops;
  const ops = [...itemsOf(ours), ...itemsOf(hisOps)];
  const hisNodes = nodeVersions(hisKnown);
  const nodes = [[node, versionOf(self, state, node)] as const, ...hisNodes];
  syncOthers(
    self,
    hisNodes.map(([name]) => name),
  );
  const extra = [tup(words.vsn, version), tup(words.lock, meeting.lockId)];
  doOps(self, state, ops, { node: self.node, extra });
  for (const pid of state.syncers) self.send(pid, tup(words.synced, [a(node)]));
  for (const [name] of hisNodes) endMeeting(self, state, name);
  const told = [...tables.known.keys()];
  const named = nodes.map(([name, his]) => tup(a(name), his));
  const news = tup(words.newNodes, a(self.node), ops, [], named, extra);
  const tellKnown = fun('global', '-resolved/5-fun-0-', 0, (own) => {
    for (const other of told) cast(own, to(other), news);
    return atoms.ok;
  });
  endMeeting(self, state, node, tellKnown);
  const added = addKnown(state, nodes, self.node);
  self.send(state.locker, lockerMessage.add(added));
  tables.synced = [node, ...tables.synced];
}

function endMeeting(self: Self, state: GlobalState, node: string, whenDone?: Value): void {
  const { myTag } = state.tables.meetings.get(node) ?? {};
  state.tables.pending.delete(node);
  cancelLocker(self, state, node, myTag, whenDone);
  state.tables.meetings.delete(node);
}

/** The other side has written all: whoever waits for it (`global:sync/0`) is told. */
export function inSync(self: Self, state: GlobalState, node: string): void {
  for (const pid of state.syncers) self.send(pid, tup(words.synced, [a(node)]));
  const { tables } = state;
  if (!tables.synced.includes(node)) tables.synced = [node, ...tables.synced];
  endMeeting(self, state, node);
}

function versionOf(self: Self, { tables }: GlobalState, node: string): number {
  if (node === self.node) return version;
  return tables.known.get(node) ?? tables.pending.get(node) ?? 0;
}

/** The nodes that were not known before. */
export function addKnown(
  { tables }: GlobalState,
  nodes: readonly (readonly [string, number])[],
  own: string,
): readonly string[] {
  const added: string[] = [];
  for (const [node, his] of nodes) {
    if (node === own) continue;
    const known = tables.known.get(node);
    if (known === undefined) added.unshift(node);
    if (known === undefined || known < 0) tables.known.set(node, his);
  }
  return added;
}
