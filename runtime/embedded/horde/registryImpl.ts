/**
 * The server of a Horde.Registry (0.10): takes registrations into its CRDT, and what the CRDT says has changed, here or elsewhere, into
 * the tables that are read. Who loses a name is told by an exit signal.
 */
import type { Value } from '../../term/values.ts';
import { a, Atom, Pid, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import type { CodeModule } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import { valueKey } from '../kernel/valueKey.ts';
import { asValue, atoms, isList, itemsOf, partsOf, samePid, tagged } from '../kernel/values.ts';
import { valueAt } from '../otp/gen.ts';
import type { CallStep, Init, ServerModule, Step } from '../otp/genServer.ts';
import { noreply, reply, startServer } from '../otp/genServer.ts';
import { deleteKey, dropKeys, mergeKeys, neighbours, putKey } from './causalCrdt.ts';
import { membersHere } from './nodeListener.ts';
import type { Member } from './options.ts';
import {
  argumentError,
  atomOption,
  crdtName,
  crdtsOf,
  memberKey,
  memberOf,
  membersOf,
  option,
  pidKey,
} from './options.ts';
import { openTables, RegistryTables } from './registryTables.ts';

const words = {
  crdtUpdate: a('crdt_update'),
  add: a('add'),
  remove: a('remove'),
  member: a('member'),
  key: a('key'),
  registry: a('registry'),
  register: a('register'),
  unregister: a('unregister'),
  nameConflict: a('name_conflict'),
} as const;

type State = {
  readonly name: Atom;
  readonly crdt: Atom;
  readonly tables: RegistryTables;
  readonly listeners: readonly Atom[];
  members: ReadonlyMap<string, Member>;
};

const registryImpl: ServerModule<State> = {
  module: 'Elixir.Horde.RegistryImpl',

  *init(self, options): Flow<Init<State>> {
    self.trapExit(true);
    const name = atomOption(options, 'name');
    const given = option(options, 'listeners') ?? [];
    const listeners = itemsOf(given).filter((one) => one instanceof Atom);
    if (!isList(given) || listeners.length !== given.length) {
      throw argumentError('expected :listeners to be a list of named processes');
    }
    const tables = new RegistryTables(name.name, self.pid);
    const state: State = { name, crdt: crdtName(name), tables, listeners, members: new Map() };
    const members = option(options, 'members');
    openTables(self, tables);
    if (members === a('auto')) yield* setInitialMembers(self, state, membersHere(self, name));
    else if (members !== undefined) yield* setInitialMembers(self, state, membersOf(self, members));
    const meta = option(options, 'meta');
    for (const pair of itemsOf(meta)) {
      const [key, value] = partsOf(pair);
      yield* putMeta(self, state, key, value);
    }
    return { is: 'ok', state };
  },

  *handleCall(self, request, _from, state): Flow<CallStep<State>> {
    if (request === a('members')) return reply([...state.members.values()], state);
    const parts = partsOf(request);
    const [what] = parts;
    const [first, second, third] = parts.slice(1).map(asValue);
    if (!(what instanceof Atom)) return self.error(a('function_clause'));
    switch (what.name) {
      case 'set_members':
        yield* setMembers(self, state, membersOf(self, first));
        return reply(atoms.ok, state);
      case 'register': {
        if (!(third instanceof Pid)) return self.error(atoms.badarg);
        self.link(third);
        yield* putKey(self, state.crdt, tup(words.key, first), tup(memberOf(self, state.name), third, second));
        return reply(tup(atoms.ok, self.pid), state);
      }
      case 'update_value': {
        if (!(second instanceof Pid)) return self.error(atoms.badarg);
        const member = memberOf(self, state.name);
        yield* putKey(self, state.crdt, tup(words.key, first), tup(member, second, third));
        state.tables.keys.set(first, { member, pid: second, value: third });
        return reply(atoms.ok, state);
      }
      case 'unregister': {
        if (!(second instanceof Pid)) return self.error(atoms.badarg);
        yield* deleteKey(self, state.crdt, tup(words.key, first));
        unregisterOf(self, state, first, second);
        return reply(atoms.ok, state);
      }
      case 'put_meta':
        yield* putMeta(self, state, first, second);
        return reply(atoms.ok, state);
      case 'delete_meta':
        yield* deleteKey(self, state.crdt, tup(words.registry, first));
        state.tables.meta.delete(first);
        return reply(atoms.ok, state);
      default:
        return self.error(a('function_clause'));
    }
  },

  *handleInfo(self, message, state): Flow<Step<State>> {
    const update = tagged(message, words.crdtUpdate, 2);
    if (update !== null) {
      for (const diff of itemsOf(update[1])) yield* take(self, state, partsOf(diff));
      return noreply(state);
    }
    const pid = tagged(message, atoms.exit, 3)?.[1];
    if (!(pid instanceof Pid)) return self.error(a('function_clause'));
    const keys = state.tables.keysOf(pid);
    state.tables.pids.delete(pidKey(pid));
    if (keys.length === 0) return noreply(state);
    yield* dropKeys(
      self,
      state.crdt,
      keys.map((key) => tup(words.key, key)),
    );
    for (const key of keys) {
      forget(state, key, pid);
      tell(self, state, tup(words.unregister, state.name, key, pid));
    }
    return noreply(state);
  },

  show: ({ name, members, listeners }) => ({
    __struct__: a('Elixir.Horde.RegistryImpl.State'),
    name,
    members: [...members.values()],
    listeners: [...listeners],
  }),
};

function* setInitialMembers(self: Self, state: State, members: readonly Member[]): Flow<void> {
  yield* mergeKeys(
    self,
    state.crdt,
    members.map((member) => [tup(words.member, member), 1] as const),
  );
  for (const member of members) state.tables.members.set(memberKey(member), member);
  self.send(state.crdt, neighbours(crdtsOf(members)));
}

function* setMembers(self: Self, state: State, wanted: readonly Member[]): Flow<void> {
  const members = new Map(wanted.map((member) => [memberKey(member), member] as const));
  const removed = [...state.members].filter(([key]) => !members.has(key));
  const added = [...members].filter(([key]) => !state.members.has(key));
  yield* dropKeys(
    self,
    state.crdt,
    removed.map(([, member]) => tup(words.member, member)),
  );
  yield* mergeKeys(
    self,
    state.crdt,
    added.map(([, member]) => [tup(words.member, member), 1] as const),
  );
  self.send(state.crdt, neighbours(crdtsOf(others(self, state, members))));
  state.members = members;
}

function others(self: Self, { name }: State, members: ReadonlyMap<string, Member>): readonly Member[] {
  const own = memberKey(memberOf(self, name));
  return [...members].flatMap(([key, member]) => (key === own ? [] : [member]));
}

function* putMeta(self: Self, state: State, key: Value, value: Value): Flow<void> {
  yield* putKey(self, state.crdt, tup(words.registry, key), value);
  state.tables.meta.set(key, value);
}

// -------------------------------------------------------------------------------------- what the CRDT says has changed

/** `{add, {What, Key}, Value}` or `{remove, {What, Key}}` */
function* take(self: Self, state: State, diff: readonly unknown[]): Flow<void> {
  const [what, of] = diff;
  const [kind, held] = partsOf(of);
  const key = asValue(held);
  const isAdd = what === words.add;
  if (kind === words.member) yield* isAdd ? addMember(self, state, key) : removeMember(self, state, key);
  else if (kind === words.registry) {
    if (isAdd) state.tables.meta.set(key, valueAt(diff, 2));
    else state.tables.meta.delete(key);
  } else if (kind === words.key) {
    if (isAdd) addKey(self, state, key, partsOf(diff[2]));
    else removeKey(self, state, key);
  }
}

function* addMember(self: Self, state: State, value: Value): Flow<void> {
  const member = memberOf(self, value);
  state.members = new Map([...state.members, [memberKey(member), member]]);
  state.tables.members.set(memberKey(member), member);
  self.send(state.crdt, neighbours(crdtsOf(others(self, state, state.members))));
}

function* removeMember(self: Self, state: State, value: Value): Flow<void> {
  const member = memberOf(self, value);
  state.tables.members.delete(memberKey(member));
  const gone = [...state.tables.keys.entries()].filter(([, held]) => memberKey(held.member) === memberKey(member));
  yield* dropKeys(
    self,
    state.crdt,
    gone.map(([key]) => tup(words.key, key)),
  );
  for (const [key, { pid }] of gone) unregisterOf(self, state, key, pid);
  state.members = new Map([...state.members].filter(([key]) => key !== memberKey(member)));
}

function addKey(self: Self, state: State, key: Value, parts: readonly unknown[]): void {
  const [put, pid] = parts;
  if (!(pid instanceof Pid)) return;
  const value = valueAt(parts, 2);
  if (pid.node === self.node) self.link(pid);
  const { keys, pids } = state.tables;
  const known = state.tables.keysOf(pid);
  if (!known.some((one) => isSameKey(one, key))) pids.set(pidKey(pid), [key, ...known]);
  const other = keys.get(key);
  if (other !== undefined && !samePid(other.pid, pid)) {
    unregisterOf(self, state, key, other.pid);
    self.sendExit(other.pid, tup(words.nameConflict, tup(key, other.value), state.name, pid));
  }
  keys.set(key, { member: memberOf(self, asValue(put)), pid, value });
  tell(self, state, tup(words.register, state.name, key, pid, value));
}

function removeKey(self: Self, state: State, key: Value): void {
  const held = state.tables.keys.get(key);
  if (held === undefined) return;
  forgetKeyOf(state, held.pid, key);
  tell(self, state, tup(words.unregister, state.name, key, held.pid));
  state.tables.keys.delete(key);
}

/** Takes a key from a process here, as far as that has it. */
function unregisterOf(self: Self, state: State, key: Value, pid: Pid): void {
  forgetKeyOf(state, pid, key);
  tell(self, state, tup(words.unregister, state.name, key, pid));
  forget(state, key, pid);
}
function forget({ tables }: State, key: Value, pid: Pid): void {
  const held = tables.keys.get(key);
  if (held !== undefined && samePid(held.pid, pid)) tables.keys.delete(key);
}
function forgetKeyOf({ tables }: State, pid: Pid, key: Value): void {
  const left = tables.keysOf(pid).filter((one) => !isSameKey(one, key));
  if (left.length === 0) tables.pids.delete(pidKey(pid));
  else tables.pids.set(pidKey(pid), left);
}
function isSameKey(one: Value, other: Value): boolean {
  return valueKey(one) === valueKey(other);
}

function tell(self: Self, { listeners }: State, event: Value): void {
  for (const listener of listeners) self.send(listener, event);
}

export const registryImplModule: CodeModule = {
  name: registryImpl.module,
  behaviours: ['gen_server'],
  functions: {
    'start_link/1': (self, options) => startServer(self, registryImpl, options, { name: atomOption(options, 'name') }),
    'on_diffs/2': onDiffs,
  },
};

/** What a CRDT calls with its changes: hands them to the server of this name, if there is one. */
export function onDiffs(self: Self, name: Value, diffs: Value): Value {
  if (name instanceof Atom && self.whereis(name) !== null) self.send(name, tup(words.crdtUpdate, diffs));
  return atoms.ok;
}
