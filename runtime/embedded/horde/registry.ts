/** Horde.Registry (0.10): names that a whole cluster knows, and what its callers ask. */
import type { Value } from '../../term/values.ts';
import { a, Atom, Pid, tup } from '../../term/values.ts';
import { ErrorException } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import { applyFun } from '../kernel/localFun.ts';
import type { CodeModule } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, elementsOf, itemsOf, okTuple, partsOf, samePid, tagged } from '../kernel/values.ts';
import { childSpec, flags } from '../otp/childSpec.ts';
import { selectFrom } from '../otp/ets/matchSpec.ts';
import { call } from '../otp/gen.ts';
import { serverOf as anyServer } from '../otp/genServerModule.ts';
import type { SupervisorInit, SupervisorModule } from '../otp/supervisor.ts';
import { startSupervisor } from '../otp/supervisor.ts';
import { stop } from '../otp/stop.ts';
import { crdtOptions, crdtSpec, flagsFrom, ownMembers, startFunctions } from './hordeInit.ts';
import { argumentError, keywords, option } from './options.ts';
import type { Registration } from './registryTables.ts';
import { tablesOf } from './registryTables.ts';

const moduleName = 'Elixir.Horde.Registry';

/** `init/1` with options: what the supervisor is made from. */
function initOptions(options: Value): Value {
  const keys = option(options, 'keys');
  if (keys === undefined) throw argumentError('expected :keys option to be given');
  if (keys !== a('unique')) throw argumentError('Only `keys: :unique` is supported.');
  const given = {
    listeners: option(options, 'listeners') ?? [],
    meta: option(options, 'meta') ?? null,
    keys,
    members: option(options, 'members') ?? [],
    delta_crdt_options: crdtOptions(option(options, 'delta_crdt_options')),
  };
  return okTuple(given);
}

const supervisor: SupervisorModule = {
  module: moduleName,
  *init(self, argument): Flow<SupervisorInit> {
    const found = yield* flagsFrom(self, argument, initOptions);
    if (found === 'ignore' || !('flags' in found)) return found;
    const { flags: given, name } = found;
    const members = given.get('members');
    const options = keywords({
      name,
      listeners: given.get('listeners'),
      meta: given.get('meta') ?? undefined,
      keys: given.get('keys'),
      members: ownMembers(members, name),
    });
    const children = [
      crdtSpec(name, given.get('delta_crdt_options'), 'Elixir.Horde.RegistryImpl'),
      childSpec(name, ['Elixir.Horde.RegistryImpl', 'start_link', [options]]),
    ];
    if (members === a('auto')) {
      const listener = 'Elixir.Horde.NodeListener';
      children.push(childSpec(a(listener), [listener, 'start_link', [name]]));
    }
    return { flags: flags({ strategy: 'one_for_all', intensity: 3, periodSeconds: 5 }), children };
  },
};

/** `start_link/1`: options with `name` and `keys: :unique`; `start_link/3`: a module whose `init/1` gives them. */
function startLink(self: Self, module: Value, argument: Value, options: Value): Flow<Value> {
  const name = option(options, 'name');
  if (!(name instanceof Atom)) throw argumentError('expected :name to be given and to be an atom');
  const supervisorName = a(`${name.name}.Supervisor`);
  return startSupervisor(self, supervisor, tup(module, argument, name), { name: supervisorName });
}

// -------------------------------------------------------------------------------------------------------------- names

function tables(self: Self, registry: Value): ReturnType<typeof tablesOf> {
  if (!(registry instanceof Atom)) return self.error(a('function_clause'));
  return tablesOf(self, registry.name);
}

/** Who holds a key: of a member that is one, and alive. */
export function* lookup(self: Self, registry: Value, key: Value): Flow<Registration | null> {
  const known = tables(self, registry);
  const held = known.keys.get(key);
  if (held === undefined || !known.hasMember(held.member)) return null;
  return (yield* isAlive(self, held.pid)) ? held : null;
}

function* isAlive(self: Self, pid: Pid): Flow<boolean> {
  if (pid.node === self.node) return self.isAlive(pid);
  if (!self.nodes().includes(pid.node)) return false;
  try {
    return (yield* self.apply('erpc', 'call', [a(pid.node), a('Elixir.Process'), a('alive?'), [pid]])) === true;
  } catch (thrown) {
    const lost = thrown instanceof ErrorException ? tagged(thrown.reason, a('erpc'), 2) : null;
    if (lost?.[1] === atoms.noconnection) return false;
    throw thrown;
  }
}

function* register(self: Self, registry: Value, key: Value, value: Value): Flow<Value> {
  const held = yield* lookup(self, registry, key);
  if (held !== null) return tup(atoms.error, tup(a('already_registered'), held.pid));
  return yield* call(self, serverOf(self, registry), tup(a('register'), key, value, self.pid));
}

function serverOf(self: Self, registry: Value): Atom {
  return registry instanceof Atom ? registry : self.error(a('function_clause'));
}

function rowOf({ pid, value }: Registration): Value {
  return tup(pid, value);
}

/** The rows that `Registry.match/4` and its like look through: `{Key, Member, {Pid, Value}}`. */
function rowsOf(self: Self, registry: Value): readonly Value[] {
  return [...tables(self, registry).keys.entries()].map(([key, { member, pid, value }]) =>
    tup(key, member, tup(pid, value)),
  );
}

const any = a('_');
const whole = a('$_');

function matchSpec(key: Value, who: Value, pattern: Value, guards: Value, body: Value): Value {
  const own = tup(a('=:='), tup(a('element'), 1, whole), tup(a('const'), key));
  return [tup(tup(any, any, tup(who, pattern)), [own, ...itemsOf(guards)], [body])];
}

function match(self: Self, registry: Value, key: Value, pattern: Value, guards: Value): readonly Value[] {
  return selectFrom(self, rowsOf(self, registry), matchSpec(key, any, pattern, guards, tup(a('element'), 3, whole)));
}

function* unregisterMatch(self: Self, registry: Value, key: Value, pattern: Value, guards: Value): Flow<Value> {
  for (const row of selectFrom(self, rowsOf(self, registry), matchSpec(key, self.pid, pattern, guards, whole))) {
    const held = asValue(elementsOf(row)?.[0]);
    yield* call(self, serverOf(self, registry), tup(a('unregister'), held, self.pid));
  }
  return atoms.ok;
}

/** `select/2`: patterns of `{key, pid, value}`. */
function selectRows(self: Self, registry: Value, spec: Value): Value {
  const parts = itemsOf(spec).map((part): Value => {
    const [head, guards, body] = partsOf(part);
    const pattern = elementsOf(head);
    if (pattern?.length !== 3) {
      throw argumentError('invalid match specification in Registry.select/2');
    }
    const [key, pid, value] = pattern.map(asValue);
    return tup(tup(key, any, tup(pid, value)), guards, body);
  });
  return selectFrom(self, rowsOf(self, registry), parts);
}

function* dispatch(self: Self, registry: Value, key: Value, what: Value): Flow<Value> {
  const held = tables(self, registry).keys.get(key);
  if (held === undefined) return atoms.ok;
  const [module, name, args] = partsOf(what);
  if (module instanceof Atom && name instanceof Atom) {
    yield* self.apply(module.name, name.name, [[rowOf(held)], ...itemsOf(args)]);
  } else yield* applyFun(self, what, [[rowOf(held)]]);
  return atoms.ok;
}

function* updateValue(self: Self, registry: Value, key: Value, change: Value): Flow<Value> {
  const held = tables(self, registry).keys.get(key);
  if (held === undefined || !samePid(held.pid, self.pid)) return atoms.error;
  const value = yield* applyFun(self, change, [held.value]);
  yield* call(self, serverOf(self, registry), tup(a('update_value'), key, self.pid, value));
  return tup(value, held.value);
}

function meta(self: Self, registry: Value, key: Value): Value {
  const known = tables(self, registry).meta;
  return known.has(key) ? okTuple(known.get(key)) : atoms.error;
}

// ---------------------------------------------------------------------------------------------------- as a via module

/** `{Registry, Key}` or `{Registry, Key, Value}` */
function nameOf(self: Self, name: Value): { readonly registry: Value; readonly key: Value; readonly value: Value } {
  const parts = elementsOf(name);
  if (parts === null || parts.length < 2 || parts.length > 3) return self.error(a('function_clause'));
  const [registry, key, value = null] = parts.map(asValue);
  return { registry, key, value };
}

function* registerName(self: Self, name: Value, pid: Value): Flow<Value> {
  const { registry, key, value } = nameOf(self, name);
  // A registry takes every name at once, and finds out afterwards that another has it, too.
  yield* call(self, serverOf(self, registry), tup(a('register'), key, value, pid));
  return a('yes');
}

function* whereisName(self: Self, name: Value): Flow<Value> {
  const { registry, key } = nameOf(self, name);
  return (yield* lookup(self, registry, key))?.pid;
}

function* sendTo(self: Self, name: Value, message: Value): Flow<Value> {
  const { registry, key } = nameOf(self, name);
  const held = yield* lookup(self, registry, key);
  if (held === null) return self.error(atoms.badarg);
  self.send(held.pid, message);
  return message;
}

function* lookupRows(self: Self, registry: Value, key: Value): Flow<Value> {
  const held = yield* lookup(self, registry, key);
  return held === null ? [] : [rowOf(held)];
}
/** `{via, Horde.Registry, {Registry, Key}}` */
function lookupVia(self: Self, via: Value): Flow<Value> {
  const { registry, key } = nameOf(self, asValue(tagged(via, a('via'), 3)?.[2]));
  return lookupRows(self, registry, key);
}

export const registryModule: CodeModule = {
  name: moduleName,
  behaviours: ['supervisor'],
  functions: {
    ...startFunctions(moduleName, startLink),
    'init/1': (_self, options) => initOptions(options),
    'stop/1': (self, supervisor) => stop(self, anyServer(supervisor)),
    'register/3': register,
    'unregister/2': (self, registry, key) => call(self, serverOf(self, registry), tup(a('unregister'), key, self.pid)),
    'lookup/1': lookupVia,
    'lookup/2': lookupRows,
    'whereis/1': lookupVia,
    'keys/2': (self, registry, pid) =>
      pid instanceof Pid ? [...tables(self, registry).keysOf(pid)] : self.error(a('function_clause')),
    'count/1': (self, registry) => tables(self, registry).keys.size,
    'match/3': (self, registry, key, pattern) => match(self, registry, key, pattern, []),
    'match/4': match,
    'count_match/3': (self, registry, key, pattern) => match(self, registry, key, pattern, []).length,
    'count_match/4': (self, registry, key, pattern, guards) => match(self, registry, key, pattern, guards).length,
    'unregister_match/3': (self, registry, key, pattern) => unregisterMatch(self, registry, key, pattern, []),
    'unregister_match/4': unregisterMatch,
    'select/2': selectRows,
    'dispatch/3': dispatch,
    'update_value/3': updateValue,
    'meta/2': meta,
    'put_meta/3': (self, registry, key, value) => call(self, serverOf(self, registry), tup(a('put_meta'), key, value)),
    'delete_meta/2': (self, registry, key) => call(self, serverOf(self, registry), tup(a('delete_meta'), key)),
    'register_name/2': registerName,
    'whereis_name/1': whereisName,
    'unregister_name/1': (self, name) => {
      const { registry, key } = nameOf(self, name);
      return call(self, serverOf(self, registry), tup(a('unregister'), key, self.pid));
    },
    'send/2': sendTo,
  },
};

/** Whether a process lives, as its own node says. */
export const processModule: CodeModule = {
  name: 'Elixir.Process',
  functions: { 'alive?/1': (self, pid) => (pid instanceof Pid ? self.isAlive(pid) : self.error(atoms.badarg)) },
};
