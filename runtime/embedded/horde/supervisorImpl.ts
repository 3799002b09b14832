/**
 * The server of a Horde.DynamicSupervisor (0.10): decides on which member a child runs, hands what is not its own on, and takes over
 * the children of members that have died.
 *
 * `faithful`: a child that is taken over gets a new id, as in Horde, so that after a partition both sides' children live on when it is
 * healed. `ideal`: it keeps its id, so that at the heal the CRDT names one owner, and the other one ends its child.
 */
import type { Value } from '../../term/values.ts';
import { a, Atom, Pid, tup } from '../../term/values.ts';
import { ExitException } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import type { CodeModule } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import { valueKey } from '../kernel/valueKey.ts';
import { asValue, atoms, elementsOf, errorTuple, itemsOf, partsOf, samePid, tagged } from '../kernel/values.ts';
import { fieldsOf } from '../otp/checkSpec.ts';
import type { From } from '../otp/gen.ts';
import { call, fromOf, reply as sendReply, valueAt } from '../otp/gen.ts';
import type { CallStep, Init, ServerModule, Step } from '../otp/genServer.ts';
import { noreply, reply, startServer } from '../otp/genServer.ts';
import { stop } from '../otp/stop.ts';
import { deleteKey, dropKeys, mergeKeys, neighbours, putKey } from './causalCrdt.ts';
import type { MemberInfo, Status } from './distribution.ts';
import { memberValue, processesSupervisorOf, readMemberInfo, strategies, withoutId } from './distribution.ts';
import { membersHere } from './nodeListener.ts';
import type { Member } from './options.ts';
import { atomOption, crdtsOf, memberKey, memberOf, membersOf, option, pidKey } from './options.ts';
import { sendExitSignal, startProcess, terminateById } from './processesSupervisor.ts';
import { onDiffs } from './registryImpl.ts';
import { HordeSupervisorState, knowHordeSupervisor } from './supervisorState.ts';

const words = {
  crdtUpdate: a('crdt_update'),
  add: a('add'),
  member: a('member'),
  info: a('member_node_info'),
  process: a('process'),
  startChild: a('start_child'),
  terminateChild: a('terminate_child'),
  proxy: a('proxy_operation'),
  setMembers: a('set_members'),
} as const;

type State = HordeSupervisorState;

class SupervisorImpl implements ServerModule<State> {
  readonly module = 'Elixir.Horde.DynamicSupervisorImpl';
  readonly #isIdeal: boolean;

  constructor(isIdeal: boolean) {
    this.#isIdeal = isIdeal;
  }

  *init(self: Self, options: Value): Flow<Init<State>> {
    self.trapExit(true);
    const ttl = option(options, 'proxy_message_ttl');
    const strategy = option(options, 'distribution_strategy');
    const state = new HordeSupervisorState(self, {
      name: atomOption(options, 'name'),
      strategy: strategy instanceof Atom ? strategy.name : strategies.uniform,
      redistribution: option(options, 'process_redistribution') === a('active') ? 'active' : 'passive',
      proxyTtl: typeof ttl === 'number' ? ttl : Infinity,
    });
    knowHordeSupervisor(self, state);
    yield* setOwnStatus(self, state);
    return { is: 'ok', state, then: { is: 'continue', with: tup(words.setMembers, option(options, 'members')) } };
  }

  *handleContinue(self: Self, continuation: Value, state: State): Flow<Step<State>> {
    const members = valueAt(partsOf(continuation), 1);
    if (members === a('auto')) yield* setMembers(self, state, membersHere(self, state.name));
    else if (members !== undefined) yield* setMembers(self, state, membersOf(self, members));
    return noreply(state);
  }

  *handleCall(self: Self, request: Value, from: From, state: State): Flow<CallStep<State>> {
    const what = request instanceof Atom ? request : asValue(elementsOf(request)?.[0]);
    const argument = valueAt(partsOf(request), 1);
    if (!(what instanceof Atom)) return self.error(a('function_clause'));
    switch (what.name) {
      case 'horde_shutting_down':
        state.shuttingDown = true;
        yield* setOwnStatus(self, state);
        return reply(atoms.ok, state);
      case 'get_telemetry':
        return reply(
          {
            global_supervised_process_count: state.processes.size,
            local_supervised_process_count: state.localCount,
          },
          state,
        );
      case 'wait_for_quorum':
        if (yield* hasQuorum(self, state)) return reply(atoms.ok, state);
        state.waitingForQuorum = [from, ...state.waitingForQuorum];
        return noreply(state);
      case 'set_members':
        yield* setMembers(self, state, membersOf(self, argument));
        return reply(atoms.ok, state);
      case 'members':
        return reply([...state.members.values()], state);
      case 'terminate_child':
        return yield* this.#terminateChild(self, request, from, state);
      case 'start_child':
        return yield* this.#startChild(self, argument, from, state);
      case 'which_children':
        return reply(yield* whichChildren(self, state), state);
      case 'count_children':
        return reply(yield* countChildren(self, state), state);
      default:
        return self.error(a('function_clause'));
    }
  }

  *#terminateChild(self: Self, request: Value, from: From, state: State): Flow<CallStep<State>> {
    const pid = asValue(elementsOf(request)?.[1]);
    const id = pid instanceof Pid ? state.ids.get(pidKey(pid)) : undefined;
    const process = id === undefined ? undefined : state.processes.get(id);
    if (id === undefined || process === undefined) return reply(errorTuple(a('not_found')), state);
    if (!state.isOwn(process.member)) return yield* this.#handOn(self, process.member, request, from, state);
    const answer = yield* terminateById(self, processesSupervisorOf(state.own).elements[0], id);
    state.remove(id);
    state.localCount -= 1;
    yield* deleteKey(self, state.crdt, tup(words.process, id));
    return reply(answer, state);
  }

  *#startChild(self: Self, given: Value, from: From, state: State): Flow<CallStep<State>> {
    if (state.shuttingDown) {
      return reply(errorTuple(tup(a('shutting_down'), 'this node is shutting down.')), state);
    }
    const spec = withRandomId(self, given);
    const chosen = yield* chooseNode(self, state, spec);
    if ('error' in chosen) return reply(errorTuple(chosen.error), state);
    if (state.isOwn(chosen.name) || ttlOf(state, from) === 0) return reply(yield* addChild(self, state, spec), state);
    return yield* this.#handOn(self, chosen.name, tup(words.startChild, given), from, state);
  }

  *#handOn(self: Self, to: Member, request: Value, from: From, state: State): Flow<CallStep<State>> {
    const ttl = ttlOf(state, from);
    if (isProxied(state, from) && ttl === 0) {
      const what = elementsOf(request)?.[0];
      const why = `a proxied ${what instanceof Atom ? what.name : ''} message was discard because its TTL expired`;
      return reply(tup(atoms.error, a('proxy_operation_ttl_expired'), why), state);
    }
    if (state.members.has(memberKey(to)) && state.infos.get(memberKey(to))?.status === 'alive') {
      self.send(to, ttl === Infinity ? tup(words.proxy, request, from) : tup(words.proxy, request, from, ttl));
      return noreply(state);
    }
    const why = 'the node responsible for this process is shutting down or dead, try again soon';
    return reply(errorTuple(tup(a('node_dead_or_shutting_down'), why)), state);
  }

  *handleCast(self: Self, message: Value, state: State): Flow<Step<State>> {
    const parts = partsOf(message);
    const [what] = parts;
    const [id, pid] = parts.slice(1).map(asValue);
    const known = state.processes.get(id);
    if (what === a('update_child_pid')) {
      if (known !== undefined && pid instanceof Pid) {
        yield* putProcess(self, state, id, tup(state.own, known.spec, pid));
        state.put(id, { ...known, pid });
      }
    } else if (what === a('relinquish_child_process')) {
      if (known !== undefined) yield* putProcess(self, state, id, tup(null, known.spec));
    } else if (what === a('disown_child_process')) {
      if (state.remove(id) !== null) {
        state.localCount -= 1;
        yield* deleteKey(self, state.crdt, tup(words.process, id));
      }
    } else return self.error(a('function_clause'));
    return noreply(state);
  }

  *handleInfo(self: Self, message: Value, state: State): Flow<Step<State>> {
    const elements = partsOf(message);
    const [tag] = elements;
    if (tag === words.crdtUpdate) {
      const diffs = itemsOf(elements[1]).map((diff) => partsOf(diff));
      for (const diff of diffs) updateMember(self, state, diff);
      for (const diff of diffs) yield* this.#updateProcess(self, state, diff);
      if (diffs.some(isAboutMembers)) {
        monitorMembers(self, state);
        yield* setOwnStatus(self, state);
        yield* quorumChanged(self, state);
        setCrdtNeighbours(self, state);
        yield* this.#handOff(self, state);
      }
      return noreply(state);
    }
    if (tag === words.proxy) {
      const from = fromOf(elements[2]);
      if (from === null) return self.error(a('function_clause'));
      const ttl = elements.length === 4 ? Number(elements[3]) - 1 : Infinity;
      state.proxied = { from, ttl };
      const step = yield* this.handleCall(self, valueAt(elements, 1), from, state);
      if (step.is === 'reply') sendReply(self, from, step.reply);
      return noreply(state);
    }
    if (tag === words.setMembers) {
      yield* setMembers(self, state, membersOf(self, valueAt(elements, 1)));
      return noreply(state);
    }
    if (tag === atoms.down) {
      for (const [key, { ref, member }] of [...state.monitors]) {
        if (ref !== elements[1]) continue;
        state.monitors.delete(key);
        yield* putKey(self, state.crdt, tup(words.info, member), memberValue({ name: member, status: 'dead' }));
        yield* setOwnStatus(self, state);
      }
      return noreply(state);
    }
    return tag === atoms.exit ? noreply(state) : self.error(a('function_clause'));
  }

  show(state: State): Value {
    return state.show();
  }

  /** Starts here what a member that died ran and belongs here; with `:active`, lets go what runs here and belongs elsewhere. */
  *#handOff(self: Self, state: State): Flow<void> {
    for (const [id, { member, spec }] of [...state.processes.entries()]) {
      const chosen = yield* chooseNode(self, state, spec);
      if ('error' in chosen || memberKey(chosen.name) === memberKey(member)) continue;
      if (state.isOwn(member)) {
        if (state.redistribution === 'active') yield* letGo(self, state, id);
      } else if (state.isOwn(chosen.name) && state.infos.get(memberKey(member))?.status === 'dead') {
        if (this.#isIdeal) yield* addChild(self, state, spec);
        else {
          yield* deleteKey(self, state.crdt, tup(words.process, id));
          yield* addChild(self, state, withRandomId(self, spec));
        }
      }
    }
  }

  *#updateProcess(self: Self, state: State, diff: readonly unknown[]): Flow<void> {
    const [what, of, held] = diff;
    const id = valueAt(tagged(of, words.process, 2) ?? [], 1);
    if (tagged(of, words.process, 2) === null) return;
    if (what !== words.add) {
      state.remove(id);
      return;
    }
    const parts = partsOf(held);
    if (parts.length === 2) {
      const spec = valueAt(parts, 1);
      const chosen = yield* chooseNode(self, state, spec);
      if (!('error' in chosen) && state.isOwn(chosen.name)) yield* addChild(self, state, spec);
      return;
    }
    const [member, spec, pid] = parts.map(asValue);
    if (!(pid instanceof Pid)) return;
    const before = state.processes.get(id);
    const process = { member: memberOf(self, member), spec, pid };
    state.put(id, process);
    const isLost = before !== undefined && state.isOwn(before.member) && !samePid(before.pid, pid);
    if (this.#isIdeal && isLost && !state.isOwn(process.member)) {
      state.localCount -= 1;
      yield* terminateById(self, processesSupervisorOf(state.own).elements[0], id);
    }
  }
}

function isAboutMembers(diff: readonly unknown[]): boolean {
  const [kind] = partsOf(diff[1]);
  return kind === words.member || kind === words.info;
}

function putProcess(self: Self, state: State, id: Value, held: Value): Flow<Value> {
  return putKey(self, state.crdt, tup(words.process, id), held);
}

/** Ids are large and random: the specification alone says what a child is. */
function withRandomId(self: Self, spec: Value): Value {
  let id = 0n;
  for (let word = 0; word < 4; word += 1) id = (id << 32n) | BigInt(Math.floor(self.random() * 2 ** 32));
  const rest = withoutId(spec);
  if (rest instanceof Map) return new Map<Value, Value>([...rest, [a('id'), id + 1n]]);
  return { ...Object.fromEntries(fieldsOf(rest) ?? []), id: id + 1n };
}
function idOf(spec: Value): Value {
  return fieldsOf(spec)?.get('id');
}

function ttlOf(state: State, from: From): number {
  return isProxied(state, from) && state.proxied !== null ? state.proxied.ttl : state.proxyTtl;
}
function isProxied({ proxied }: State, from: From): boolean {
  return proxied !== null && valueKey(proxied.from) === valueKey(from);
}

type Chosen = MemberInfo | { readonly error: Value };

/** Asks the strategy, by name. */
export function* chooseNode(self: Self, state: State, spec: Value): Flow<Chosen> {
  const answer = yield* self.apply(state.strategy, 'choose_node', [spec, state.known.map(memberValue)]);
  const chosen = readMemberInfo(valueAt(tagged(answer, atoms.ok, 2) ?? [], 1));
  return chosen ?? { error: valueAt(tagged(answer, atoms.error, 2) ?? [], 1) };
}

function* hasQuorum(self: Self, state: State): Flow<boolean> {
  const answer = yield* self.apply(state.strategy, 'has_quorum?', [state.known.map(memberValue)]);
  state.hasQuorum = answer === true;
  return state.hasQuorum;
}

function* addChild(self: Self, state: State, spec: Value): Flow<Value> {
  const answer = yield* startProcess(self, processesSupervisorOf(state.own).elements[0], spec);
  const pid = asValue((tagged(answer, atoms.ok, 2) ?? tagged(answer, atoms.ok, 3))?.[1]);
  if (!(pid instanceof Pid)) return answer;
  const id = idOf(spec);
  yield* putProcess(self, state, id, tup(state.own, spec, pid));
  state.put(id, { member: state.own, spec, pid });
  state.localCount += 1;
  return answer;
}

function* letGo(self: Self, state: State, id: Value): Flow<void> {
  const process = state.processes.get(id);
  if (process === undefined) return;
  const reason = tup(atoms.shutdown, a('process_redistribution'));
  yield* sendExitSignal(self, processesSupervisorOf(state.own).elements[0], process.pid, reason);
  state.localCount -= 1;
}

// -------------------------------------------------------------------------------------------------------------- members

function* setOwnStatus(self: Self, state: State): Flow<void> {
  const status: Status = state.shuttingDown ? 'shutting_down' : 'alive';
  if (state.infos.get(memberKey(state.own))?.status === status) return;
  const info = { name: state.own, status };
  yield* putKey(self, state.crdt, tup(words.info, state.own), memberValue(info));
  state.setInfo(info);
}

function updateMember(self: Self, state: State, diff: readonly unknown[]): void {
  const [what, of] = diff;
  const [kind, held] = partsOf(of);
  if (kind !== words.member && kind !== words.info) return;
  const member = memberOf(self, asValue(held));
  const key = memberKey(member);
  const without = <T>(map: ReadonlyMap<string, T>): ReadonlyMap<string, T> =>
    new Map([...map].filter(([other]) => other !== key));
  if (kind === words.member) {
    state.members = what === words.add ? new Map([...state.members, [key, member]]) : without(state.members);
    if (what === words.add && !state.infos.has(key)) state.setInfo({ name: member, status: 'uninitialized' });
    return;
  }
  const info = readMemberInfo(valueAt(diff, 2));
  if (what === words.add && info !== null) state.setInfo(info);
  else state.infos = without(state.infos);
}

function* setMembers(self: Self, state: State, members: readonly Member[]): Flow<void> {
  const wanted = new Map(members.map((member) => [memberKey(member), member] as const));
  const removed = [...state.members.entries()].filter(([key]) => !wanted.has(key));
  const added = [...wanted].filter(([key]) => !state.members.has(key));
  const gone = removed.flatMap(([, member]) => [tup(words.member, member), tup(words.info, member)]);
  yield* dropKeys(self, state.crdt, gone);
  yield* mergeKeys(
    self,
    state.crdt,
    added.map(([, member]) => [tup(words.member, member), 1] as const),
  );
  state.infos = new Map(
    [...wanted].map(([key, name]) => [key, state.infos.get(key) ?? { name, status: 'uninitialized' }] as const),
  );
  state.members = wanted;
  monitorMembers(self, state);
  yield* quorumChanged(self, state);
  setCrdtNeighbours(self, state);
}

function monitorMembers(self: Self, state: State): void {
  for (const { name, status } of state.known) {
    if (status !== 'alive' || state.monitors.has(memberKey(name))) continue;
    state.monitors.set(memberKey(name), { ref: self.monitor(name), member: name });
  }
}

function setCrdtNeighbours(self: Self, state: State): void {
  const others = [...state.members.values()].filter((member) => !state.isOwn(member));
  self.send(state.crdt, neighbours(crdtsOf(others)));
}

/** With a quorum whoever waits for it goes on; without one everything that runs here is stopped. */
function* quorumChanged(self: Self, state: State): Flow<void> {
  if (yield* hasQuorum(self, state)) {
    for (const from of state.waitingForQuorum) sendReply(self, from, atoms.ok);
    state.waitingForQuorum = [];
  } else if (state.ownCount() > 0) {
    yield* stop(self, processesSupervisorOf(state.own).elements[0]);
  }
}

// ------------------------------------------------------------------------------------------------------ asking all of them

function* askMembers(self: Self, state: State, request: Atom): Flow<readonly Value[]> {
  const answers: Value[] = [];
  for (const { name } of state.known) {
    try {
      answers.push(yield* call(self, processesSupervisorOf(name), request, null));
    } catch (thrown) {
      if (!(thrown instanceof ExitException)) throw thrown;
    }
  }
  return answers;
}

function* whichChildren(self: Self, state: State): Flow<Value> {
  const all = yield* askMembers(self, state, a('which_children'));
  return all.flatMap((rows) =>
    itemsOf(rows).map((row): Value => {
      const [, pid, type, modules] = partsOf(row);
      return tup(undefined, pid, type, modules);
    }),
  );
}

/** `%{specs: _, active: _, supervisors: _, workers: _}` */
function* countChildren(self: Self, state: State): Flow<Value> {
  const sums: { [name: string]: number } = {};
  for (const counts of yield* askMembers(self, state, a('count_children'))) {
    for (const pair of itemsOf(counts)) {
      const [name, count] = partsOf(pair);
      if (name instanceof Atom) sums[name.name] = (sums[name.name] ?? 0) + Number(count);
    }
  }
  return sums;
}

/** The module of the server. `isIdeal`: see the head of this file. */
export function supervisorImplModule(isIdeal: boolean): CodeModule {
  const module = new SupervisorImpl(isIdeal);
  return {
    name: module.module,
    behaviours: ['gen_server'],
    functions: {
      'start_link/1': (self, options) => startServer(self, module, options, { name: atomOption(options, 'name') }),
      'on_diffs/2': onDiffs,
    },
  };
}
