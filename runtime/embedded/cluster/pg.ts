/**
 * pg: groups of processes that the nodes know of each other, as OTP 25's `pg`: strongly eventually consistent, no conflicts, a process
 * may be in a group more than once. Each scope is a server of its own on each node.
 */
import type { Value } from '../../term/values.ts';
import { a, Atom, Pid, Ref, Tuple, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive, timedOut } from '../kernel/flow.ts';
import type { Code, CodeModule } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import { atoms, isList, isTuple, itemsOf, tagged } from '../kernel/values.ts';
import { ValueMap } from '../kernel/valueKey.ts';
import { asValue, call, cast, valueAt } from '../otp/gen.ts';
import type { ServerModule } from '../otp/genServer.ts';
import { noreply, reply, startServer } from '../otp/genServer.ts';
import { distributionOf } from './distribution.ts';

type Members = { all: readonly Pid[]; local: readonly Pid[] };
type Peer = { readonly monitor: Ref; groups: ValueMap<readonly Pid[]> };

/** A scope as it stands on one node. Only its own process changes it; observers of the kernel may read it. */
export class PgScope {
  readonly scope: string;
  readonly groups = new ValueMap<Members>();
  /** Each process of this node that is in groups, newest group first. */
  readonly local = new Map<Pid, { readonly monitor: Ref; groups: readonly Value[] }>();
  /** The servers of the scope on other nodes. */
  readonly remote = new Map<Pid, Peer>();
  readonly scopeMonitors = new Map<Ref, Pid>();
  readonly groupMonitors = new Map<Ref, { readonly pid: Pid; readonly group: Value }>();

  constructor(scope: string) {
    this.scope = scope;
  }
}

const scopes = new WeakMap<object, Map<string, PgScope>>();

/** The scopes that run on a node (`Self.home`), by name. Nothing is asked of them. */
export function pgScopes(node: object): ReadonlyMap<string, PgScope> {
  return scopes.get(node) ?? new Map<string, PgScope>();
}

const words = {
  pg: a('pg'),
  join: a('join'),
  leave: a('leave'),
  joinLocal: a('join_local'),
  leaveLocal: a('leave_local'),
  monitor: a('monitor'),
  demonitor: a('demonitor'),
  discover: a('discover'),
  sync: a('sync'),
  notJoined: a('not_joined'),
  nodeup: a('nodeup'),
  nodedown: a('nodedown'),
} as const;

/** The pids that `from` has beyond those of `without`, each taken away once (`From -- Without`). */
function minus(from: readonly Pid[], without: readonly Pid[]): readonly Pid[] {
  const left = [...from];
  for (const pid of without) {
    const at = left.indexOf(pid);
    if (at >= 0) left.splice(at, 1);
  }
  return left;
}

function pidsOf(value: unknown): readonly Pid[] {
  return isList(value) ? value.filter((pid) => pid instanceof Pid) : value instanceof Pid ? [value] : [];
}

class PgServer implements ServerModule<PgScope> {
  readonly module = 'pg';
  readonly #scope: string;

  constructor(scope: string) {
    this.#scope = scope;
  }

  init(self: Self): { readonly is: 'ok'; readonly state: PgScope } {
    distributionOf(self.home).monitorNodes(self.pid, true);
    for (const node of self.nodes()) {
      self.sendIfConnected(tup(a(this.#scope), a(node)), tup(words.discover, self.pid));
    }
    const state = new PgScope(this.#scope);
    const { home } = self;
    scopes.set(home, (scopes.get(home) ?? new Map<string, PgScope>()).set(this.#scope, state));
    this.#changed(self);
    return { is: 'ok', state };
  }

  handleCall(self: Self, request: Value, from: { readonly elements: readonly [Pid, Value] }, state: PgScope) {
    const [caller] = from.elements;
    if (request === words.monitor) {
      const groups: Value = new Map([...state.groups.entries()].map(([group, { all }]) => [group, [...all]]));
      const monitor = self.monitor(caller);
      state.scopeMonitors.set(monitor, caller);
      return reply(tup(monitor, groups), state);
    }
    const joining = tagged(request, words.joinLocal, 3);
    if (joining !== null) {
      this.#joinLocal(self, state, valueAt(joining, 1), valueAt(joining, 2));
      return reply(atoms.ok, state);
    }
    const leaving = tagged(request, words.leaveLocal, 3);
    if (leaving !== null) {
      const left = this.#leaveLocal(self, state, valueAt(leaving, 1), valueAt(leaving, 2));
      return reply(left ? atoms.ok : words.notJoined, state);
    }
    const watching = tagged(request, words.monitor, 2);
    if (watching !== null) {
      const group = valueAt(watching, 1);
      const monitor = self.monitor(caller);
      state.groupMonitors.set(monitor, { pid: caller, group });
      return reply(tup(monitor, [...(state.groups.get(group)?.all ?? [])]), state);
    }
    const ending = tagged(request, words.demonitor, 2);
    if (ending === null) return self.error(atoms.badarg);
    const ref: unknown = ending[1];
    const known = ref instanceof Ref && (state.scopeMonitors.delete(ref) || state.groupMonitors.delete(ref));
    if (known) self.demonitor(ref);
    return reply(known ? atoms.ok : false, state);
  }

  handleCast(self: Self, message: Value, state: PgScope) {
    const sync = tagged(message, words.sync, 3);
    const peer: unknown = sync?.[1];
    if (sync === null || !(peer instanceof Pid)) return self.error(atoms.badarg);
    const known: Peer = state.remote.get(peer) ?? { monitor: self.monitor(peer), groups: new ValueMap() };
    const groups = new ValueMap<readonly Pid[]>();
    for (const entry of itemsOf(sync[2])) {
      if (!isTuple(entry)) continue;
      const [group, pids] = entry.elements;
      groups.set(asValue(group), pidsOf(pids));
    }
    this.#sync(self, state, known.groups, groups);
    state.remote.set(peer, { monitor: known.monitor, groups });
    return noreply(state);
  }

  handleInfo(self: Self, message: Value, state: PgScope) {
    const elements: readonly unknown[] = message instanceof Tuple ? message.elements : [];
    const [tag, second] = elements;
    if (tag === words.nodedown) return noreply(state);
    if (tag === words.nodeup && second instanceof Atom) {
      if (second.name === self.node) return noreply(state);
      self.send(tup(a(this.#scope), second), tup(words.discover, self.pid));
      return noreply(state);
    }
    if (tag === words.discover && second instanceof Pid) {
      cast(self, second, tup(words.sync, self.pid, allLocal(state)));
      if (state.remote.has(second)) return noreply(state);
      state.remote.set(second, { monitor: self.monitor(second), groups: new ValueMap() });
      self.sendIfConnected(second, tup(words.discover, self.pid));
      return noreply(state);
    }
    if (tag === atoms.down) {
      this.#down(self, state, elements);
      return noreply(state);
    }
    if ((tag !== words.join && tag !== words.leave) || !(second instanceof Pid)) return self.error(atoms.badarg);
    const peer = state.remote.get(second);
    // A peer that was not met yet says all there is in its sync.
    if (peer === undefined) return noreply(state);
    if (tag === words.join) {
      const [, , group, pids] = elements;
      this.#joined(self, state, asValue(group), pidsOf(pids), false);
      peer.groups.set(asValue(group), [...pidsOf(pids), ...(peer.groups.get(asValue(group)) ?? [])]);
      return noreply(state);
    }
    const [, , pids, groups] = elements;
    for (const group of itemsOf(groups)) {
      this.#left(self, state, asValue(group), pidsOf(pids), false);
      const remaining = minus(peer.groups.get(asValue(group)) ?? [], pidsOf(pids));
      if (remaining.length === 0) peer.groups.delete(asValue(group));
      else peer.groups.set(asValue(group), remaining);
    }
    return noreply(state);
  }

  terminate(self: Self): void {
    scopes.get(self.home)?.delete(this.#scope);
    this.#changed(self);
  }

  #changed(self: Self): void {
    self.emit({ is: 'groups', node: self.node, scope: this.#scope });
  }

  show(state: PgScope): Value {
    return tup(a('state'), a(state.scope), state.local.size, state.remote.size);
  }

  #joinLocal(self: Self, state: PgScope, group: Value, pids: Value): void {
    for (const pid of pidsOf(pids)) {
      const known = state.local.get(pid);
      if (known === undefined) state.local.set(pid, { monitor: self.monitor(pid), groups: [group] });
      else known.groups = [group, ...known.groups];
    }
    this.#joined(self, state, group, pidsOf(pids), true);
    this.#broadcast(self, state, tup(words.join, self.pid, group, pids));
  }

  #leaveLocal(self: Self, state: PgScope, group: Value, pids: Value): boolean {
    let left = false;
    for (const pid of pidsOf(pids)) {
      const known = state.local.get(pid);
      const at = known === undefined ? -1 : indexOfGroup(known.groups, group);
      if (known === undefined || at < 0) continue;
      left = true;
      known.groups = known.groups.toSpliced(at, 1);
      if (known.groups.length > 0) continue;
      self.demonitor(known.monitor);
      state.local.delete(pid);
    }
    if (!left) return false;
    this.#left(self, state, group, pidsOf(pids), true);
    this.#broadcast(self, state, tup(words.leave, self.pid, pids, [group]));
    return true;
  }

  #joined(self: Self, state: PgScope, group: Value, pids: readonly Pid[], here: boolean): void {
    const { all, local } = state.groups.get(group) ?? { all: [], local: [] };
    state.groups.set(group, { all: [...pids, ...all], local: here ? [...pids, ...local] : local });
    this.#notify(self, state, words.join, group, pids);
    this.#changed(self);
  }

  #left(self: Self, state: PgScope, group: Value, pids: readonly Pid[], here: boolean): void {
    const members = state.groups.get(group);
    if (members === undefined) return;
    const all = minus(members.all, pids);
    const local = here ? minus(members.local, pids) : members.local;
    if (all.length === 0 && local.length === 0) state.groups.delete(group);
    else state.groups.set(group, { all, local });
    this.#notify(self, state, words.leave, group, pids);
    this.#changed(self);
  }

  /** What a peer says it has, against what was known of it. Groups whose members only changed tell no monitors, as in OTP 25. */
  #sync(self: Self, state: PgScope, before: ValueMap<readonly Pid[]>, now: ValueMap<readonly Pid[]>): void {
    const gone = new ValueMap<readonly Pid[]>();
    for (const [group, pids] of before.entries()) gone.set(group, pids);
    for (const [group, pids] of now.entries()) {
      const old = before.get(group);
      gone.delete(group);
      const members = state.groups.get(group);
      if (old === undefined || members === undefined) this.#joined(self, state, group, pids, false);
      else if (old.length !== pids.length || old.some((pid, at) => pid !== pids[at])) {
        state.groups.set(group, { all: minus([...pids, ...members.all], old), local: members.local });
        this.#changed(self);
      }
    }
    for (const [group, pids] of gone.entries()) this.#left(self, state, group, pids, false);
  }

  #down(self: Self, state: PgScope, elements: readonly unknown[]): void {
    const [, ref, , pid] = elements;
    if (!(ref instanceof Ref) || !(pid instanceof Pid)) return;
    const local = state.local.get(pid);
    const peer = state.remote.get(pid);
    if (local?.monitor === ref) {
      state.local.delete(pid);
      for (const group of local.groups) this.#left(self, state, group, [pid], true);
      this.#broadcast(self, state, tup(words.leave, self.pid, pid, [...local.groups]));
    } else if (peer?.monitor === ref) {
      state.remote.delete(pid);
      for (const [group, pids] of peer.groups.entries()) this.#left(self, state, group, pids, false);
    } else if (!state.scopeMonitors.delete(ref)) {
      state.groupMonitors.delete(ref);
    }
  }

  #broadcast(self: Self, state: PgScope, message: Value): void {
    for (const peer of state.remote.keys()) self.sendIfConnected(peer, message);
  }

  #notify(self: Self, state: PgScope, what: Atom, group: Value, pids: readonly Pid[]): void {
    const tell = (to: Pid, ref: Ref): void => void self.sendIfConnected(to, tup(ref, what, group, [...pids]));
    for (const [ref, pid] of state.scopeMonitors) tell(pid, ref);
    const watched = new ValueMap<true>();
    watched.set(group, true);
    for (const [ref, monitor] of state.groupMonitors) if (watched.has(monitor.group)) tell(monitor.pid, ref);
  }
}

function indexOfGroup(groups: readonly Value[], group: Value): number {
  const wanted = new ValueMap<true>();
  wanted.set(group, true);
  return groups.findIndex((one) => wanted.has(one));
}

/** `[{Group, Pids}]` of this node. */
function allLocal(state: PgScope): Value {
  return [...state.groups.entries()]
    .filter(([, { local }]) => local.length > 0)
    .map(([group, { local }]) => tup(group, [...local]));
}

// ------------------------------------------------------------------------------------------------------- the functions

function* start(self: Self, scope: Value, link: boolean): Flow<Value> {
  if (!(scope instanceof Atom)) return self.error(a('function_clause'));
  return yield* startServer(self, new PgServer(scope.name), [], { name: scope, link });
}

/** `pg:join/3` and `leave/3`: processes of this node only. */
function* change(self: Self, what: Atom, scope: Value, group: Value, pids: Value): Flow<Value> {
  if (!isList(pids) && !(pids instanceof Pid)) return self.error(a('function_clause'));
  const all: readonly unknown[] = isList(pids) ? pids : [pids];
  for (const pid of all) {
    if (!(pid instanceof Pid) || pid.node !== self.node) return self.error(tup(a('nolocal'), asValue(pid)));
  }
  return yield* call(self, serverOf(self, scope), tup(what, group, pids), null);
}

function serverOf(self: Self, scope: Value): Atom {
  return scope instanceof Atom ? scope : self.error(atoms.badarg);
}

function groupsOf(self: Self, scope: Value): PgScope | null {
  return scope instanceof Atom ? (pgScopes(self.home).get(scope.name) ?? null) : null;
}

function* demonitor(self: Self, scope: Value, ref: Value): Flow<Value> {
  const answer = yield* call(self, serverOf(self, scope), tup(words.demonitor, ref), null);
  if (answer !== atoms.ok) return false;
  for (;;) {
    const message = yield* receive({
      afterMs: 0,
      match: (one) =>
        one instanceof Tuple &&
        one.elements.length === 4 &&
        one.elements[0] === ref &&
        (one.elements[1] === words.join || one.elements[1] === words.leave),
    });
    if (message === timedOut) return atoms.ok;
  }
}

/** Each function with its scope as first argument; without it the scope is `pg`. */
const withScope: {
  readonly [name: string]: (self: Self, scope: Value, ...args: readonly Value[]) => Value | Flow<Value>;
} = {
  join: (self, scope, group, pids) => change(self, words.joinLocal, scope, group, pids),
  leave: (self, scope, group, pids) => change(self, words.leaveLocal, scope, group, pids),
  monitor_scope: (self, scope) => call(self, serverOf(self, scope), words.monitor, null),
  monitor: (self, scope, group) => call(self, serverOf(self, scope), tup(words.monitor, group), null),
  demonitor,
  get_members: (self, scope, group) => [...(groupsOf(self, scope)?.groups.get(group)?.all ?? [])],
  get_local_members: (self, scope, group) => [...(groupsOf(self, scope)?.groups.get(group)?.local ?? [])],
  which_groups: (self, scope) => groupsOf(self, scope)?.groups.keys() ?? self.error(atoms.badarg),
  which_local_groups: (self, scope) => {
    const known = groupsOf(self, scope) ?? self.error(atoms.badarg);
    return [...known.groups.entries()].filter(([, { local }]) => local.length > 0).map(([group]) => group);
  },
};
const arities = {
  join: 2,
  leave: 2,
  monitor_scope: 0,
  monitor: 1,
  demonitor: 1,
  get_members: 1,
  get_local_members: 1,
  which_groups: 0,
  which_local_groups: 0,
};

function functions(): CodeModule['functions'] {
  const table: { [nameAndArity: string]: Code } = {
    'start/1': (self, scope) => start(self, scope, false),
    'start_link/1': (self, scope) => start(self, scope, true),
    'start_link/0': (self) => start(self, words.pg, true),
  };
  for (const [name, arity] of Object.entries(arities)) {
    const run = withScope[name];
    if (run === undefined) continue;
    table[`${name}/${arity + 1}`] = (self, scope, ...args) => run(self, scope, ...args);
    table[`${name}/${arity}`] = (self, ...args) => run(self, words.pg, ...args);
  }
  return table;
}

export const pgModule: CodeModule = { name: 'pg', behaviours: ['gen_server'], functions: functions() };
