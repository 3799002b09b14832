/** What Horde.Registry and Horde.DynamicSupervisor have in common when they start. */
import type { Value } from '../../term/values.ts';
import { a, Atom, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import type { Code, CodeModule } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import { valueKey } from '../kernel/valueKey.ts';
import { asValue, atoms, isList, tagged, partsOf } from '../kernel/values.ts';
import { fieldsOf } from '../otp/checkSpec.ts';
import type { Spec } from '../otp/childSpec.ts';
import { childSpec } from '../otp/childSpec.ts';
import type { SupervisorInit } from '../otp/supervisor.ts';
import { crdtName, keywords, option } from './options.ts';

/** With Horde's defaults: every 300 ms, all there is, 30 s to end. */
export function crdtOptions(options: Value): Value {
  return {
    sync_interval: option(options, 'sync_interval') ?? 300,
    max_sync_size: option(options, 'max_sync_size') ?? a('infinite'),
    shutdown: option(options, 'shutdown') ?? 30_000,
  };
}

/** The child that keeps the CRDT of a Horde, and calls `on_diffs/2` of its server's module. */
export function crdtSpec(name: Atom, options: Value, server: string): Spec {
  const given = fieldsOf(options);
  const shutdown = given?.get('shutdown');
  const own = keywords({
    sync_interval: given?.get('sync_interval'),
    max_sync_size: given?.get('max_sync_size'),
    on_diffs: tup(a(server), a('on_diffs'), [name]),
    name: crdtName(name),
  });
  return childSpec(crdtName(name), ['Elixir.DeltaCrdt', 'start_link', [a('Elixir.DeltaCrdt.AWLWWMap'), own]], {
    shutdown: typeof shutdown === 'number' ? shutdown : 30_000,
  });
}

/** `members` with the Horde itself among them; `:auto` stays. */
export function ownMembers(members: Value, name: Atom): Value {
  if (!isList(members)) return members;
  const all = members.map(asValue);
  return all.some((one) => valueKey(one) === valueKey(name)) ? all : [name, ...all];
}

type Flags = { readonly flags: ReadonlyMap<string, Value>; readonly name: Atom };

/** The flags of `{Module, Argument, Name}`: by the module's own `init/1`, or from options. */
export function* flagsFrom(
  self: Self,
  argument: Value,
  own: (options: Value) => Value,
): Flow<Flags | Extract<SupervisorInit, 'ignore' | { readonly term: Value }>> {
  const [module, given, name] = partsOf(argument);
  if (!(module instanceof Atom) || !(name instanceof Atom)) return self.error(a('function_clause'));
  const isDefault = module.name === 'Elixir.Supervisor.Default';
  const answer = isDefault ? own(given) : yield* self.apply(module.name, 'init', [given]);
  if (answer === atoms.ignore) return 'ignore';
  const flags = fieldsOf(asValue(tagged(answer, atoms.ok, 2)?.[1]));
  return flags === null
    ? { term: tup(a('stop'), tup(a('bad_return'), tup(module, a('init'), answer))) }
    : { flags, name };
}

/** `start_link/1` and `child_spec/1` of a module of Horde's that starts by `start_link/3`. */
export function startFunctions(module: string, startLink: Code): CodeModule['functions'] {
  return {
    'start_link/1': (self, options) => startLink(self, a('Elixir.Supervisor.Default'), options, options),
    'start_link/3': startLink,
    'child_spec/1': (_self, options) => ({
      id: option(options, 'name') ?? a(module),
      start: tup(a(module), a('start_link'), [options]),
      type: a('supervisor'),
    }),
  };
}
