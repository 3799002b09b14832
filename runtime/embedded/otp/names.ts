/**
 * The names of servers: `{local, Name}`, `{global, Name}` and `{via, Module, Name}`. A global name is one of module `global`; every
 * such module is a loaded one with register_name/2, unregister_name/1, whereis_name/1 and send/2, as OTP asks of it.
 */
import type { Tuple, Value } from '../../term/values.ts';
import { a, Atom, Pid, tup } from '../../term/values.ts';
import { ErrorException } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms } from '../kernel/values.ts';

/** A name to start under. An atom alone is a local one. */
export type ServerName = Atom | Tuple<readonly [Atom, Value]> | Tuple<readonly [Atom, Atom, Value]>;
/** A server by pid, by a name here, by a name on a node, or by a global or via name. */
export type Server = Pid | ServerName;

type Place =
  | { readonly is: 'local'; readonly name: Atom }
  | { readonly is: 'module'; readonly module: string; readonly name: Value };

const scopes = { local: a('local'), global: a('global'), via: a('via') } as const;

/** What a name to start under means; `badarg` for anything else. */
function placeOf(name: ServerName): Place {
  if (name instanceof Atom) return { is: 'local', name };
  const place = modulePlace(name);
  if (place !== null) return place;
  const [scope, inner] = name.elements;
  if (scope === scopes.local && inner instanceof Atom) return { is: 'local', name: inner };
  throw new ErrorException(atoms.badarg);
}

/** A global or via name; null for any other tuple (`{Name, Node}`). */
export function modulePlace(
  name: Tuple<readonly unknown[]>,
): { readonly is: 'module'; readonly module: string; readonly name: Value } | null {
  const { elements } = name;
  if (elements.length === 2 && elements[0] === scopes.global) {
    return { is: 'module', module: 'global', name: asValue(elements[1]) };
  }
  const [scope, module, inner] = elements;
  if (elements.length === 3 && scope === scopes.via && module instanceof Atom) {
    return { is: 'module', module: module.name, name: asValue(inner) };
  }
  return null;
}

/** Who has the name (`gen:where/1`); null for nobody. */
export function* whereis(self: Self, name: ServerName): Flow<Pid | null> {
  const place = placeOf(name);
  if (place.is === 'local') return self.whereis(place.name);
  const found = yield* self.apply(place.module, 'whereis_name', [place.name]);
  return found instanceof Pid ? found : null;
}

/** Takes the name for this process; answers who has it when it is taken. */
export function* registerName(self: Self, name: ServerName): Flow<{ readonly takenBy: Pid | null } | null> {
  const place = placeOf(name);
  if (place.is === 'local') {
    const holder = self.whereis(place.name);
    if (holder !== null) return { takenBy: holder };
    self.register(place.name, self.pid);
    return null;
  }
  const answer = yield* self.apply(place.module, 'register_name', [place.name, self.pid]);
  return answer === a('yes') ? null : { takenBy: yield* whereis(self, name) };
}

/** Gives the name of this process back; nothing happens when it has it no more. */
export function* unregisterName(self: Self, name: ServerName): Flow<void> {
  const place = placeOf(name);
  if (place.is === 'module') yield* self.apply(place.module, 'unregister_name', [place.name]);
  else if (self.whereis(place.name) === self.pid) self.unregister(place.name);
}

/** The name as reports and `sys` know it (`gen:name/1`): without its scope. */
export function plainName(name: ServerName | Pid): Value {
  if (name instanceof Pid) return name;
  return placeOf(name).name;
}

/**
 * The name of a process that enters a loop (`gen:get_proc_name/1`): exits with `process_not_registered`,
 * `process_not_registered_globally` or `{process_not_registered_via, Module}` when it does not have it.
 */
export function* ownName(self: Self, name: ServerName | Pid): Flow<Value> {
  if (name instanceof Pid) return name;
  const place = placeOf(name);
  if (place.is === 'local') {
    return self.registeredName === place.name.name ? place.name : self.exit(a('process_not_registered'));
  }
  if ((yield* whereis(self, name)) === self.pid) return place.name;
  return self.exit(
    name instanceof Atom || name.elements[0] !== scopes.via
      ? a('process_not_registered_globally')
      : tup(a('process_not_registered_via'), a(place.module)),
  );
}
