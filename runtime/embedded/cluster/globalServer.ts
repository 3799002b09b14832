/**
 * `global_name_server`: one on each node. Names stand in the tables of every node that knows the others; a name is taken under a lock
 * on all of them. When two nodes meet, their lockers lock both sides, a process of each compares the names, conflicts are resolved by
 * the functions the names were registered with, and all that either side knows learn of it.
 *
 * When a connection is lost, all that are known are told, and give up their connections until no partitions overlap
 * (prevent_overlapping_partitions). Follows kernel's `global` of OTP 25, without global groups and names of C nodes.
 */
import type { Value } from '../../term/values.ts';
import { a, Pid, Ref, tup } from '../../term/values.ts';
import type { Self } from '../kernel/self.ts';
import { atoms, isList, partsOf, tagged } from '../kernel/values.ts';
import type { From } from '../otp/gen.ts';
import type { CallStep, ServerModule, Step } from '../otp/genServer.ts';
import { noreply, reply, stop } from '../otp/genServer.ts';
import { distributionOf } from './distribution.ts';
import { lockerMessage, startLocker } from './globalLocker.ts';
import { lockRequest } from './globalLocks.ts';
import { registrarMessage, startRegistrar } from './globalRegistrar.ts';
import { startSyncer, syncOthers } from './globalSync.ts';
import { GlobalTables, setGlobalTables } from './globalTables.ts';
import type { GlobalState } from './globalState.ts';
import {
  forgetLoss,
  integersOfALife,
  nodeNameOf,
  nodeVersions,
  numberOr,
  unexpected,
  version,
  words,
} from './globalState.ts';
import { deleteLock, deleteName, doOps, ended, insert, setLock } from './globalHeld.ts';
import { disconnectAll, heardOfLoss, nodeDown, removeConnection } from './globalLoss.ts';
import {
  addKnown,
  cancelLocker,
  exchange,
  exchangeOps,
  hisResolved,
  inSync,
  initConnect,
  lockIsSet,
  nodeUp,
  restart,
  sendCancelConnect,
} from './globalMeeting.ts';

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
      insert(self, state, name, pid, method, { pid: caller });
      return reply(a('yes'), state);
    }
    if (tag === words.unregister) {
      deleteName(self, state, name);
      return reply(atoms.ok, state);
    }
    const [toSet, toDelete] = [lockRequest(request, 'set_lock'), lockRequest(request, 'del_lock')];
    if (toSet !== null) return reply(setLock(self, state, toSet.resource, toSet.requester, caller), state);
    if (toDelete !== null) {
      deleteLock(self, state, toDelete.resource, toDelete.requester, caller);
      return reply(true, state);
    }
    if (request === a('get_known')) return reply([...tables.known.keys()].map(a), state);
    if (request === a('get_synced')) return reply(tables.synced.map(a), state);
    if (request === a('get_protocol_version')) return reply(version, state);
    if (request === a('stop')) {
      return { is: 'stop_reply', reason: atoms.normal, reply: a('stopped'), state };
    }
    if (request === a('disconnect')) return reply(disconnectAll(self, state), state);
    const nodes = tagged(request, a('sync'), 2)?.[1];
    if (isList(nodes)) {
      const others = nodes.map(String).filter((node) => node !== self.node && !tables.synced.includes(node));
      state.syncers = [startSyncer(self, others, from), ...state.syncers];
      return noreply(state);
    }
    unexpected(self, 'handle_call', request);
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
      initConnect(self, state, nodeNameOf(third), theirs);
    } else if (tag === words.lockIsSet) {
      if (tables.meetings.get(node)?.myTag === third) lockIsSet(self, state, node, fourth);
      else cancelLocker(self, state, node, numberOr(third));
    } else if (tag === words.exchange) {
      if (tables.meetings.get(node)?.myTag === elements[4]) exchange(self, state, node, third);
      else cancelLocker(self, state, node, numberOr(elements[4]));
    } else if (tag === words.exchangeOps) {
      if (tables.meetings.get(node)?.myTag === third) exchangeOps(self, state, node, fourth, elements[4]);
      else cancelLocker(self, state, node, numberOr(third));
    } else if (tag === words.resolved) {
      if (tables.meetings.get(node)?.myTag === elements[6]) hisResolved(self, state, node, third, fourth);
      else cancelLocker(self, state, node, numberOr(elements[6]));
    } else if (tag === words.newNodes) {
      const added = addKnown(state, nodeVersions(elements[4]), self.node);
      syncOthers(self, added);
      doOps(self, state, third, { node, extra: elements[5] });
      self.send(state.locker, lockerMessage.add(added));
    } else if (tag === words.inSync) inSync(self, state, node);
    else if (tag === words.lockSet) {
      if (second instanceof Pid && tables.meetings.get(second.node)?.myTag === elements[4]) {
        self.send(state.locker, message);
      }
    } else unexpected(self, 'handle_cast', message);
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
    } else if (tag === words.nodedown) nodeDown(self, state, node, 'disconnected');
    else if (tag === words.extraNodedown) {
      for (const pid of state.syncers) self.send(pid, tup(words.nodedown, second));
      nodeDown(self, state, node, 'disconnected');
    } else if (tag === words.nodeup) {
      if (distributionOf(self.home).options.connectsAll) nodeUp(self, state, node);
    } else if (tag === words.lostConnection) heardOfLoss(self, state, message, elements);
    else if (tag === words.removeConnection) removeConnection(self, state, node);
    else if (tag === words.cancelConnect) {
      if (state.tables.meetings.get(node)?.myTag === third) restart(self, state, node);
    } else if (tag === words.initConnectAck) {
      const { myTag, hisTag } = state.tables.meetings.get(node) ?? {};
      if (myTag !== third || hisTag !== elements[3]) {
        sendCancelConnect(self, node, numberOr(elements[3]));
        restart(self, state, node);
      }
    } else if (tag === atoms.down && second instanceof Ref) ended(self, state, second);
    else if (tag === atoms.timeout) forgetLoss(state, second);
    else unexpected(self, 'handle_info', message);
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
}

export const globalServerModule: ServerModule<GlobalState> = new GlobalServer();
