/**
 * `global_name_server`: one on each node. Names stand in the tables of every node that knows the others; a name is taken under a lock
 * on all of them. When two nodes meet, their lockers lock both sides, a process of each compares the names, conflicts are resolved by
 * the functions the names were registered with, and all that either side knows learn of it.
 *
 * When a connection is lost, all that are known are told, and give up their connections until no partitions overlap
 * (prevent_overlapping_partitions). Follows kernel's `global` of OTP 25, without global groups and names of C nodes.
 */
import type { Value } from '../../term/values.ts';
import { a, Atom, Pid, Ref, tup } from '../../term/values.ts';
import { fun } from '../kernel/localFun.ts';
import type { Self, TimerRef } from '../kernel/self.ts';
import { asValue, atoms, elementsOf, isList, itemsOf, partsOf, tagged } from '../kernel/values.ts';
import type { From } from '../otp/gen.ts';
import { cast } from '../otp/gen.ts';
import type { CallStep, ServerModule, Step } from '../otp/genServer.ts';
import { noreply, reply, stop } from '../otp/genServer.ts';
import { logReport, logText } from '../otp/logger.ts';
import { distributionOf } from './distribution.ts';
import { startResolver } from './globalConflicts.ts';
import { lockerMessage, startLocker } from './globalLocker.ts';
import { globalServer, lockRequest } from './globalLocks.ts';
import { registrarMessage, startRegistrar } from './globalRegistrar.ts';
import { startSyncer, syncOthers } from './globalSync.ts';
import { GlobalTables, lockable, sameTerm, setGlobalTables } from './globalTables.ts';

/** The version of the protocol that OTP 25 speaks. */
const version = 8;
const lostConnectionKeptMs = 60 * 60 * 1000;

const words = {
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

type NodeDown = 'disconnected' | 'remove_connection' | 'ignore_node';
type Resolver = { readonly node: string; readonly tag: number; readonly pid: Pid };

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

class GlobalServer implements ServerModule<GlobalState> {
  readonly module = 'global';

  init(self: Self): { readonly is: 'ok'; readonly state: GlobalState } {
    self.trapExit(true);
    distributionOf(self.home).monitorNodes(self.pid, true, { form: 'map', connectionId: true });
    const tables = new GlobalTables();
    setGlobalTables(self.home, tables);
    const state: GlobalState = {
      tables,
      locker: startLocker(self),
      registrar: startRegistrar(self),
      resolvers: [],
      syncers: [],
      lockWentDown: false,
      lostConnections: new Map(),
      lastInteger: distributionOf(self.home).node.creation * integersOfALife,
    };
    return { is: 'ok', state };
  }

  handleCall(self: Self, request: Value, from: From, state: GlobalState): CallStep<GlobalState> {
    const { tables } = state;
    const [caller] = from.elements;
    const [tag, name, pid, method] = partsOf(request);
    if (tag === words.registrar) {
      self.send(state.registrar, registrarMessage(name, from));
      return noreply(state);
    }
    if (tag === words.register && pid instanceof Pid) {
      this.#insert(self, state, name, pid, method, { pid: caller });
      return reply(a('yes'), state);
    }
    if (tag === words.unregister) {
      this.#deleteName(self, state, name);
      return reply(atoms.ok, state);
    }
    const [toSet, toDelete] = [lockRequest(request, 'set_lock'), lockRequest(request, 'del_lock')];
    if (toSet !== null) return reply(this.#setLock(self, state, toSet.resource, toSet.requester, caller), state);
    if (toDelete !== null) {
      this.#deleteLock(self, state, toDelete.resource, toDelete.requester, caller);
      return reply(true, state);
    }
    if (request === a('get_known')) return reply([...tables.known.keys()].map(a), state);
    if (request === a('get_synced')) return reply(tables.synced.map(a), state);
    if (request === a('get_protocol_version')) return reply(version, state);
    if (request === a('stop')) {
      return { is: 'stop_reply', reason: atoms.normal, reply: a('stopped'), state };
    }
    if (request === a('disconnect')) return reply(this.#disconnectAll(self, state), state);
    const nodes = tagged(request, a('sync'), 2)?.[1];
    if (isList(nodes)) {
      const others = nodes.map(String).filter((node) => node !== self.node && !tables.synced.includes(node));
      state.syncers = [startSyncer(self, others, from), ...state.syncers];
      return noreply(state);
    }
    this.#unexpected(self, 'handle_call', request);
    return noreply(state);
  }

  handleCast(self: Self, message: Value, state: GlobalState): Step<GlobalState> {
    const elements = partsOf(message);
    const [tag, second, third, fourth] = elements;
    const node = nodeNameOf(second);
    const { tables } = state;
    if (tag === words.initConnect) {
      const [hisVersion, hisTag] = partsOf(second);
      const theirs = { hisTag: Number(hisTag), version: Number(hisVersion), locker: fourth };
      this.#initConnect(self, state, nodeNameOf(third), theirs);
    } else if (tag === words.lockIsSet) {
      if (tables.meetings.get(node)?.myTag === third) this.#lockIsSet(self, state, node, fourth);
      else this.#cancelLocker(self, state, node, numberOr(third));
    } else if (tag === words.exchange) {
      if (tables.meetings.get(node)?.myTag === elements[4]) this.#exchange(self, state, node, third);
      else this.#cancelLocker(self, state, node, numberOr(elements[4]));
    } else if (tag === words.exchangeOps) {
      if (tables.meetings.get(node)?.myTag === third) this.#exchangeOps(self, state, node, fourth, elements[4]);
      else this.#cancelLocker(self, state, node, numberOr(third));
    } else if (tag === words.resolved) {
      if (tables.meetings.get(node)?.myTag === elements[6]) this.#hisResolved(self, state, node, third, fourth);
      else this.#cancelLocker(self, state, node, numberOr(elements[6]));
    } else if (tag === words.newNodes) {
      const added = this.#addKnown(state, nodeVersions(elements[4]), self.node);
      syncOthers(self, added);
      this.#doOps(self, state, third, { node, extra: elements[5] });
      self.send(state.locker, lockerMessage.add(added));
    } else if (tag === words.inSync) this.#inSync(self, state, node);
    else if (tag === words.lockSet) {
      if (second instanceof Pid && tables.meetings.get(second.node)?.myTag === elements[4]) {
        self.send(state.locker, message);
      }
    } else this.#unexpected(self, 'handle_cast', message);
    return noreply(state);
  }

  handleInfo(self: Self, message: Value, state: GlobalState): Step<GlobalState> {
    const elements = partsOf(message);
    const [tag, second, third] = elements;
    const node = nodeNameOf(second);
    if (tag === atoms.exit) {
      if (second === state.locker) return stop(tup(a('locker_died'), message), state);
      if (second === state.registrar) return stop(tup(a('registrar_died'), message), state);
      state.syncers = state.syncers.filter((pid) => pid !== second);
    } else if (tag === words.nodedown) this.#nodeDown(self, state, node, 'disconnected');
    else if (tag === words.extraNodedown) {
      for (const pid of state.syncers) self.send(pid, tup(words.nodedown, second));
      this.#nodeDown(self, state, node, 'disconnected');
    } else if (tag === words.nodeup) {
      if (distributionOf(self.home).options.connectsAll) this.#nodeUp(self, state, node);
    } else if (tag === words.lostConnection) this.#heardOfLoss(self, state, message, elements);
    else if (tag === words.removeConnection) this.#removeConnection(self, state, node);
    else if (tag === words.cancelConnect) {
      if (state.tables.meetings.get(node)?.myTag === third) this.#restart(self, state, node);
    } else if (tag === words.initConnectAck) {
      const { myTag, hisTag } = state.tables.meetings.get(node) ?? {};
      if (myTag !== third || hisTag !== elements[3]) {
        this.#sendCancelConnect(self, node, numberOr(elements[3]));
        this.#restart(self, state, node);
      }
    } else if (tag === atoms.down && second instanceof Ref) this.#ended(self, state, second);
    else if (tag === atoms.timeout) forgetLoss(state, second);
    else this.#unexpected(self, 'handle_info', message);
    return noreply(state);
  }

  terminate(self: Self): void {
    setGlobalTables(self.home, null);
  }

  show({ tables, resolvers, syncers }: GlobalState): Value {
    return tup(
      a('state'),
      [...tables.known.keys()].map(a),
      tables.synced.map(a),
      resolvers.map(({ node, tag, pid }) => tup(a(node), tag, pid)),
      [...syncers],
    );
  }

  // --------------------------------------------------------------------------------------------------- meeting a node

  #nodeUp(self: Self, state: GlobalState, node: string): void {
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

  #initConnect(
    self: Self,
    state: GlobalState,
    node: string,
    his: { readonly hisTag: number; readonly version: number; readonly locker: Value },
  ): void {
    const { tables } = state;
    if (tables.pending.has(node)) {
      this.#sendCancelConnect(self, node, his.hisTag);
      this.#restart(self, state, node);
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
  #restart(self: Self, state: GlobalState, node: string): void {
    const { myTag } = state.tables.meetings.get(node) ?? {};
    this.#cancelLocker(self, state, node, myTag);
    state.tables.meetings.delete(node);
    state.tables.pending.delete(node);
    if (myTag !== undefined) this.#nodeUp(self, state, node);
  }

  /** Tells the locker, and runs `whenDone` there before it gives the lock back. */
  #cancelLocker(self: Self, state: GlobalState, node: string, tag: number | undefined, whenDone?: Value): void {
    self.send(state.locker, lockerMessage.cancel(node, tag, whenDone ?? lockerMessage.noFun));
    const meeting = state.tables.meetings.get(node);
    if (state.tables.pending.has(node) && meeting?.myTag === tag && meeting?.hisTag !== undefined) {
      this.#sendCancelConnect(self, node, meeting.hisTag);
    }
    const resolver = state.resolvers.find((one) => one.node === node && one.tag === tag);
    if (resolver === undefined) return;
    self.sendExit(resolver.pid, atoms.kill);
    state.resolvers = state.resolvers.filter((one) => one !== resolver);
  }

  #sendCancelConnect(self: Self, node: string, hisTag: number | undefined): void {
    self.sendIfConnected(to(node), tup(words.cancelConnect, a(self.node), hisTag));
  }

  #lockIsSet(self: Self, state: GlobalState, node: string, lockId: Value): void {
    const meeting = state.tables.meeting(node);
    const names = [...state.tables.names.entries()].map(([name, { pid, method }]) => tup(name, pid, method));
    cast(self, to(node), tup(words.exchange, a(self.node), names, [], meeting.hisTag));
    meeting.lockId = lockId;
    const { waitLock } = meeting;
    meeting.waitLock = 'lock_is_set';
    if (waitLock !== undefined && waitLock !== 'lock_is_set') this.#exchange(self, state, node, waitLock.names);
  }

  /** His names are here; they are looked at when the lock is set on this side, too. */
  #exchange(self: Self, state: GlobalState, node: string, names: Value): void {
    const meeting = state.tables.meeting(node);
    if (meeting.waitLock !== 'lock_is_set') {
      meeting.waitLock = { names };
      return;
    }
    delete meeting.waitLock;
    const resolver = state.resolvers.find((one) => one.node === node);
    if (resolver !== undefined) self.send(resolver.pid, tup(words.resolve, names, a(node)));
  }

  #exchangeOps(self: Self, state: GlobalState, node: string, ops: Value, resolved: Value): void {
    const { tables } = state;
    const meeting = tables.meeting(node);
    const known = [...tables.known].map(([name, his]) => tup(a(name), his));
    cast(self, to(node), tup(words.resolved, a(self.node), resolved, known, words.unused, [], meeting.hisTag));
    const { ops: saved } = meeting;
    meeting.ops = { is: 'ours', ops };
    if (saved?.is === 'his') this.#resolved(self, state, node, saved.ops, saved.known);
  }

  #hisResolved(self: Self, state: GlobalState, node: string, resolved: Value, known: Value): void {
    const meeting = state.tables.meeting(node);
    if (meeting.ops?.is === 'ours') this.#resolved(self, state, node, resolved, known);
    else meeting.ops = { is: 'his', known, ops: resolved };
  }

  /** Both sides have compared: the names are set here, and all that this node knows are told, before the lock is given back. */
  #resolved(self: Self, state: GlobalState, node: string, hisOps: Value, hisKnown: Value): void {
    const { tables } = state;
    const meeting = tables.meeting(node);
    const ours = meeting.ops?.ops;
    const ops = [...itemsOf(ours), ...itemsOf(hisOps)];
    const hisNodes = nodeVersions(hisKnown);
    const nodes = [[node, this.#versionOf(self, state, node)] as const, ...hisNodes];
    syncOthers(
      self,
      hisNodes.map(([name]) => name),
    );
    const extra = [tup(words.vsn, version), tup(words.lock, meeting.lockId)];
    this.#doOps(self, state, ops, { node: self.node, extra });
    for (const pid of state.syncers) self.send(pid, tup(words.synced, [a(node)]));
    for (const [name] of hisNodes) this.#endMeeting(self, state, name);
    const told = [...tables.known.keys()];
    const named = nodes.map(([name, his]) => tup(a(name), his));
    const news = tup(words.newNodes, a(self.node), ops, [], named, extra);
    const tellKnown = fun('global', '-resolved/5-fun-0-', 0, (own) => {
      for (const other of told) cast(own, to(other), news);
      return atoms.ok;
    });
    this.#endMeeting(self, state, node, tellKnown);
    const added = this.#addKnown(state, nodes, self.node);
    self.send(state.locker, lockerMessage.add(added));
    tables.synced = [node, ...tables.synced];
  }

  #endMeeting(self: Self, state: GlobalState, node: string, whenDone?: Value): void {
    const { myTag } = state.tables.meetings.get(node) ?? {};
    state.tables.pending.delete(node);
    this.#cancelLocker(self, state, node, myTag, whenDone);
    state.tables.meetings.delete(node);
  }

  #inSync(self: Self, state: GlobalState, node: string): void {
    for (const pid of state.syncers) self.send(pid, tup(words.synced, [a(node)]));
    const { tables } = state;
    if (!tables.synced.includes(node)) tables.synced = [node, ...tables.synced];
    this.#endMeeting(self, state, node);
  }

  #versionOf(self: Self, { tables }: GlobalState, node: string): number {
    if (node === self.node) return version;
    return tables.known.get(node) ?? tables.pending.get(node) ?? 0;
  }

  /** The nodes that were not known before. */
  #addKnown({ tables }: GlobalState, nodes: readonly (readonly [string, number])[], own: string): readonly string[] {
    const added: string[] = [];
    for (const [node, his] of nodes) {
      if (node === own) continue;
      const known = tables.known.get(node);
      if (known === undefined) added.unshift(node);
      if (known === undefined || known < 0) tables.known.set(node, his);
    }
    return added;
  }

  // --------------------------------------------------------------------------------------------------- losing a node

  #nodeDown(self: Self, state: GlobalState, node: string, what: NodeDown): void {
    const { tables } = state;
    this.#cancelLocker(self, state, node, tables.meetings.get(node)?.myTag);
    self.send(state.locker, lockerMessage.remove(node));
    tables.meetings.delete(node);
    if (what === 'remove_connection') tables.removing.add(node);
    else if (what === 'ignore_node') tables.removing.delete(node);
    else if (!tables.removing.delete(node)) this.#tellLoss(self, state, node);
    tables.pending.delete(node);
    tables.known.delete(node);
    tables.synced = tables.synced.filter((name) => name !== node);
  }

  #prevents(self: Self): boolean {
    const { preventsOverlap, connectsAll } = distributionOf(self.home).options;
    return preventsOverlap && connectsAll;
  }

  #tellLoss(self: Self, state: GlobalState, node: string): void {
    if (!this.#prevents(self)) return;
    const { creation } = distributionOf(self.home).node;
    this.#tellAll(self, state, tup(words.lostConnection, a(self.node), creation, nextInteger(state), a(node)), node);
  }

  /** Also those that are being met; without making a connection. */
  #tellAll(self: Self, { tables }: GlobalState, message: Value, except: string): void {
    for (const node of new Set([...tables.known.keys(), ...tables.pending.keys()])) {
      if (node !== except) self.sendIfConnected(to(node), message);
    }
  }

  /** Somebody has lost a connection: so that no partitions overlap, this node gives one of the two up. */
  #heardOfLoss(self: Self, state: GlobalState, message: Value, elements: readonly Value[]): void {
    if (!this.#prevents(self)) return;
    const [, one, creation, operation, other] = elements;
    if (!(one instanceof Atom) || !(other instanceof Atom)) return;
    if (typeof creation !== 'number' || typeof operation !== 'number') return;
    const key = `${one.name} ${other.name}`;
    const before = state.lostConnections.get(key);
    if (before?.creation === creation && operation <= before.operation) return;
    this.#tellAll(self, state, message, one.name);
    if (before !== undefined) self.cancelTimer(before.timer);
    const timer = self.startTimer(lostConnectionKeptMs, self.pid, tup(words.lostConnection, key));
    state.lostConnections.set(key, { creation, operation, timer });
    const node = other.name === self.node ? one.name : other.name;
    if (!state.tables.known.has(node) && !state.tables.pending.has(node)) return;
    self.sendIfConnected(to(node), tup(words.removeConnection, a(self.node)));
    this.#warn(self, 'requested disconnect from', node);
    this.#nodeDown(self, state, node, 'remove_connection');
  }

  #removeConnection(self: Self, state: GlobalState, node: string): void {
    if (!state.tables.known.has(node) && !state.tables.pending.has(node)) return;
    const { network, node: kernel } = distributionOf(self.home);
    network.disconnect(kernel, node);
    this.#nodeDown(self, state, node, 'remove_connection');
    this.#warn(self, 'disconnected', node);
  }

  /** `global:disconnect/0`: gives all connections up; answers to whom. */
  #disconnectAll(self: Self, state: GlobalState): Value {
    const { network, node: kernel } = distributionOf(self.home);
    const nodes = self.nodes();
    for (const node of nodes) {
      network.disconnect(kernel, node);
      // What follows is no loss: nobody is told.
      this.#nodeDown(self, state, node, 'remove_connection');
    }
    return nodes.map(a);
  }

  // ------------------------------------------------------------------------------------------------------------- names

  #doOps(self: Self, state: GlobalState, ops: Value, by: { readonly node: string; readonly extra: Value }): void {
    const all = itemsOf(ops).map((op) => partsOf(op));
    for (const [what, entry] of all) {
      const [name, pid, method] = partsOf(entry);
      if (what === words.insert && pid instanceof Pid) this.#insert(self, state, name, pid, method, by);
    }
    for (const [what, name] of all) if (what === words.delete) this.#deleteName(self, state, name);
  }

  #insert(
    self: Self,
    state: GlobalState,
    name: Value,
    pid: Pid,
    method: Value,
    by: { readonly pid: Pid } | { readonly node: string; readonly extra: Value },
  ): void {
    this.#deleteName(self, state, name);
    const ref = self.monitor(pid);
    state.tables.names.set(name, { pid, method, ref });
    state.tables.nameOf.set(ref, name);
    self.emit({ is: 'global_names', node: self.node });
    if (!this.#isStillLocked(state, by)) this.#deleteName(self, state, name);
  }

  /** Whether the lock under which a name was sent still holds: who held it may have died, or be parted, meanwhile. */
  #isStillLocked(
    { tables, lockWentDown }: GlobalState,
    by: { readonly pid: Pid } | { readonly node: string; readonly extra: Value },
  ): boolean {
    const lock = tables.locks.get(words.global);
    if (lock === undefined) return !lockWentDown;
    if ('pid' in by) return lock.holders.some(({ pid }) => pid === by.pid);
    const told = itemsOf(by.extra)
      .map((one) => tagged(one, words.lock, 2))
      .find((one) => one !== null);
    const requester = elementsOf(told?.[1])?.[1];
    return requester !== undefined && sameTerm(asValue(requester), lock.requester);
  }

  #deleteName(self: Self, { tables }: GlobalState, name: Value): void {
    const held = tables.names.get(name);
    if (held === undefined) return;
    tables.names.delete(name);
    tables.nameOf.delete(held.ref);
    self.demonitor(held.ref, { flush: true });
    self.emit({ is: 'global_names', node: self.node });
  }

  // ------------------------------------------------------------------------------------------------------------- locks

  #setLock(self: Self, { tables }: GlobalState, resource: Value, requester: Value, pid: Pid): boolean {
    const holders = lockable(self, resource, requester);
    if (holders === null) return false;
    if (holders.some((holder) => holder.pid === pid)) return true;
    const ref = self.monitor(pid);
    tables.lockOf.set(ref, resource);
    tables.locks.set(resource, { requester, holders: [{ pid, ref }, ...holders] });
    return true;
  }

  #deleteLock(self: Self, state: GlobalState, resource: Value, requester: Value, pid: Pid): void {
    const lock = state.tables.locks.get(resource);
    const holder = lock?.holders.find((one) => one.pid === pid);
    if (lock === undefined || holder === undefined || !sameTerm(lock.requester, requester)) return;
    this.#release(self, state, resource, holder.ref, false);
  }

  /** One holder less; `isDown`: because it ended. */
  #release(self: Self, state: GlobalState, resource: Value, ref: Ref, isDown: boolean): void {
    const { tables } = state;
    const lock = tables.locks.get(resource);
    if (lock === undefined) return;
    self.demonitor(ref, { flush: true });
    tables.lockOf.delete(ref);
    const holders = lock.holders.filter((holder) => holder.ref !== ref);
    if (holders.length > 0) {
      tables.locks.set(resource, { ...lock, holders });
      return;
    }
    tables.locks.delete(resource);
    if (resource === words.global) state.lockWentDown = isDown;
  }

  /** The holder of a lock, or of a name, is gone. */
  #ended(self: Self, state: GlobalState, ref: Ref): void {
    const { lockOf, nameOf } = state.tables;
    if (lockOf.has(ref)) this.#release(self, state, asValue(lockOf.get(ref)), ref, true);
    if (nameOf.has(ref)) this.#deleteName(self, state, asValue(nameOf.get(ref)));
  }

  // ----------------------------------------------------------------------------------------------------------- reports

  #warn(self: Self, what: string, node: string): void {
    const text = `'global' at node ${self.node} ${what} node ${node} in order to prevent overlapping partitions`;
    logText(self, 'warning', text, 'global');
  }
  #unexpected(self: Self, where: string, message: Value): void {
    const report = { label: tup(a('global'), a('unexpected')), where: a(where), message };
    logReport(self, { level: 'warning', kind: 'warning_report', module: 'global', report });
  }
}

export const globalServerModule: ServerModule<GlobalState> = new GlobalServer();

/** `{global_name_server, Node}` */
function to(node: string): ReturnType<typeof tup<readonly [Atom, Atom]>> {
  return tup(globalServer, a(node));
}
function nodeNameOf(value: Value): string {
  return value instanceof Atom ? value.name : '';
}
function numberOr(value: Value): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
/** `[{Node, Version}]` */
function nodeVersions(value: Value): readonly (readonly [string, number])[] {
  return itemsOf(value).map((one) => {
    const [node, his]: readonly unknown[] = partsOf(one);
    return [String(node), Number(his)] as const;
  });
}
/**
 * Each life of a node has numbers of its own. OTP's begin anew with each (`erlang:unique_integer/1`), so that what is cancelled of a
 * meeting with the life before can cancel the present one; the two ends can then go on cancelling each other's for ever.
 */
const integersOfALife = 2 ** 32;

function nextInteger(state: GlobalState): number {
  state.lastInteger += 1;
  return state.lastInteger;
}
function forgetLoss({ lostConnections }: GlobalState, timer: Value): void {
  for (const [key, { timer: held }] of lostConnections) if (held.ref === timer) lostConnections.delete(key);
}
