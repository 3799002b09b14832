/** Module `application` (kernel of OTP 25): loading, starting and stopping applications of the node, and what is known of them. */
import type { Value } from '../../term/values.ts';
import { a, Atom, Pid, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import type { CodeModule } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import { functionClause, timeoutOf } from './genServerModule.ts';
import { asValue, atoms, elementsOf, errorTuple, isList, okTuple, tagged, partsOf } from '../kernel/values.ts';
import { applicationControllerModule, controllerName } from './applicationController.ts';
import { applicationMasterModule } from './applicationMaster.ts';
import { applicationsOf, keyOf, keysOf, rowOf } from './applicationTable.ts';
import type { StartType } from './applicationTable.ts';
import { call } from './gen.ts';
import { chars, printed } from './text.ts';

function ask(self: Self, request: Value, timeoutMs: number | null = null): Flow<Value> {
  return call(self, controllerName, request, timeoutMs);
}

/** `application:load/1`: a name, or `{application, Name, Options}`; `ok` or `{error, Reason}`. */
export function loadApplication(self: Self, what: string | Value): Flow<Value> {
  return ask(self, tup(a('load_application'), typeof what === 'string' ? a(what) : what));
}
/** `application:unload/1` */
export function unloadApplication(self: Self, name: string): Flow<Value> {
  return ask(self, tup(a('unload_application'), a(name)));
}

/** Loads it if it is not; its name, or why it cannot be loaded. */
function* ensureLoaded(self: Self, what: Value): Flow<{ readonly name: Atom } | { readonly error: Value }> {
  const outcome = yield* ask(self, tup(a('load_application'), what));
  const error = tagged(outcome, atoms.error, 2);
  const loaded = tagged(error?.[1], a('already_loaded'), 2);
  const name = loaded?.[1] ?? (what instanceof Atom ? what : elementsOf(what)?.[1]);
  if ((error === null || loaded !== null) && name instanceof Atom) return { name };
  return { error: asValue(error?.[1]) };
}

/**
 * `application:start/1,2`: loads it if need be, and starts it when those it needs are started; `ok` or `{error, Reason}` once its root
 * supervisor is up. The end of a permanent one ends the node, of a transient one when it is not `normal`.
 */
export function* startApplication(self: Self, what: string | Value, type: StartType = 'temporary'): Flow<Value> {
  const loaded = yield* ensureLoaded(self, typeof what === 'string' ? a(what) : what);
  if ('error' in loaded) return errorTuple(loaded.error);
  return yield* ask(self, tup(a('start_application'), loaded.name, a(type)));
}

/** `application:ensure_started/1,2` */
export function* ensureStarted(self: Self, name: string, type: StartType = 'temporary'): Flow<Value> {
  const outcome = yield* startApplication(self, name, type);
  const already = tagged(tagged(outcome, atoms.error, 2)?.[1], a('already_started'), 2);
  return already === null ? outcome : atoms.ok;
}

/**
 * `application:ensure_all_started/1,2`: starts it and before it all it needs. `{ok, Started}` with those that were started now;
 * `{error, {Name, Reason}}` when one cannot be, and those that were started now are stopped again.
 */
export function* ensureAllStarted(self: Self, name: string, type: StartType = 'temporary'): Flow<Value> {
  const started: Atom[] = [];
  const failed = yield* startAll(self, [name], [], type, started);
  if (failed === null) return okTuple(started);
  for (const one of started.toReversed()) yield* stopApplication(self, one.name);
  return errorTuple(failed);
}

function* startAll(
  self: Self,
  names: readonly string[],
  optional: readonly string[],
  type: StartType,
  started: Atom[],
): Flow<Value> {
  for (const name of names) {
    if ((yield* ask(self, tup(a('is_running'), a(name)))) === true) continue;
    const loaded = yield* ensureLoaded(self, a(name));
    if ('error' in loaded) {
      if (optional.includes(name) && isMissingFile(loaded.error)) continue;
      return tup(a(name), loaded.error);
    }
    const application = applicationsOf(self).loaded.get(name);
    const { applications = [], optionalApplications = [] } = application ?? {};
    const failed = yield* startAll(self, applications, optionalApplications, type, started);
    if (failed !== null) return failed;
    const outcome = yield* ask(self, tup(a('start_application'), a(name), a(type)));
    const error = tagged(outcome, atoms.error, 2);
    if (error === null) started.push(a(name));
    else if (tagged(error[1], a('already_started'), 2) === null) return tup(a(name), asValue(error[1]));
  }
  return null;
}
/** `{"no such file or directory", File}` */
function isMissingFile(reason: Value): boolean {
  const [what, ...file] = partsOf(reason);
  return isList(what) && file.length === 1;
}

/** `application:stop/1`: `ok` or `{error, {not_started, Name}}`, when its tree has stopped. */
export function stopApplication(self: Self, name: string): Flow<Value> {
  return ask(self, tup(a('stop_application'), a(name)));
}

/** `application:which_applications/0,1`: `[{Name, Description, Version}]`, last started first. */
export function whichApplications(self: Self, timeoutMs: number | null = null): Flow<Value> {
  return ask(self, a('which_applications'), timeoutMs);
}
/** `application:loaded_applications/0` */
export function loadedApplications(self: Self): Value {
  return [...applicationsOf(self).loaded.values()].map(rowOf);
}

/** The name of the application that this process belongs to, by its group leader (`application:get_application/0`). */
export function ownApplication(self: Self): string | null {
  return applicationsOf(self).ofMaster(self.groupLeader);
}

/** `application:get_env/2`: `{ok, Value}` or `undefined`. */
export function getEnv(self: Self, name: string | null, key: string): Value {
  const env = name === null ? undefined : applicationsOf(self).env.get(name);
  return env?.has(key) === true ? okTuple(env.get(key)) : undefined;
}
/** `application:set_env/3,4`; `persistent` outlives unloading and loading. */
export function setEnv(
  self: Self,
  name: string,
  [key, value]: readonly [string, Value],
  options: { readonly persistent?: boolean } = {},
): Flow<Value> {
  const settings = options.persistent === true ? [tup(a('persistent'), true)] : [];
  return ask(self, tup(a('set_env'), a(name), a(key), value, settings), 5000);
}
/** `application:set_env/1,2`: `[{Name, [{Key, Value}]}]`; an error `{badarg, Why}` for anything else. */
export function* setAllEnv(self: Self, config: Value, options: Value = []): Flow<Value> {
  const fault = configFault(config);
  if (fault !== null) return self.error(tup(atoms.badarg, chars(fault)));
  return yield* ask(self, tup(a('set_env'), config, options), 5000);
}
/** `application:unset_env/2,3` */
export function unsetEnv(self: Self, name: string, key: string, options: Value = []): Flow<Value> {
  return ask(self, tup(a('unset_env'), a(name), a(key), options), 5000);
}

/** What is wrong with a configuration, in the words of `application_controller:check_conf_data/1`. */
function configFault(config: Value): string | null {
  if (!isList(config)) return 'configuration must be a list ended by <dot><whitespace>';
  const seen = new Set<unknown>();
  for (const section of config.map(asValue)) {
    const [name, entries, ...more] = partsOf(section);
    if (elementsOf(section) === null || more.length > 0) return `invalid application config: ${printed(section)}`;
    if (!isList(entries)) return `application: ${printed(name)}; parameters must be a list`;
    if (!(name instanceof Atom)) return `application: ${printed(name)}; application name must be an atom`;
    const fault = parametersFault(name.name, entries.map(asValue));
    if (fault !== null) return fault;
    if (seen.has(name)) return `duplicate application config: ${name.name}`;
    seen.add(name);
  }
  return null;
}
function parametersFault(name: string, entries: readonly Value[]): string | null {
  const seen = new Set<unknown>();
  for (const entry of entries) {
    const [key, ...rest] = partsOf(entry);
    if (rest.length !== 1) return `application: ${name}; invalid parameter: ${printed(entry)}`;
    if (!(key instanceof Atom)) return `application: ${name}; invalid parameter name: ${printed(key)}`;
    if (seen.has(key)) return `application: ${name}; duplicate parameter: ${key.name}`;
    if (name === 'kernel' && key.name === 'distributed' && !isList(rest[0])) {
      return 'application: kernel; erroneous parameter: distributed';
    }
    seen.add(key);
  }
  return null;
}

/** `application_controller:prep_config_change/0`: the environments of what runs, to be given to {@link configChange}. */
export function prepareConfigChange(self: Self): Flow<Value> {
  return ask(self, a('prep_config_change'));
}
/**
 * `application_controller:config_change/1`: tells each application whose environment differs from then, by
 * `Module:config_change(Changed, New, Removed)`; `ok` or `{error, Failures}`.
 */
export function configChange(self: Self, before: Value): Flow<Value> {
  return ask(self, tup(a('config_change'), before));
}
/** `application_controller:change_application_data/2`: resources of loaded applications and a configuration as after an upgrade. */
export function changeApplicationData(self: Self, resources: readonly Value[], config: Value): Flow<Value> {
  return ask(self, tup(a('change_application_data'), resources, config));
}

/** `application:get_key/2` and, without a name, of this process' application: `{ok, Value}` or `undefined`. */
export function getKey(self: Self, name: string | null, key: string): Value {
  const applications = applicationsOf(self);
  const application = name === null ? undefined : applications.loaded.get(name);
  const held = application === undefined ? null : keyOf(applications, application, key);
  return held === null ? undefined : okTuple(held.is);
}
/** `application:get_all_key/1`: `{ok, [{Key, Value}]}` or `undefined`. */
export function getAllKey(self: Self, name: string | null): Value {
  const applications = applicationsOf(self);
  const application = name === null ? undefined : applications.loaded.get(name);
  if (application === undefined) return undefined;
  return okTuple(Object.entries(keysOf(applications, application)).map(([key, value]) => tup(a(key), value)));
}
/** `application:get_all_env/1` */
export function getAllEnv(self: Self, name: string | null): Value {
  const env = name === null ? undefined : applicationsOf(self).env.get(name);
  return [...(env ?? [])].map(([key, value]) => tup(a(key), value));
}

const atomOf = (value: Value): string => (value instanceof Atom ? value.name : functionClause());
const nameOf = (value: Value): string => (value instanceof Atom ? value.name : '');
const typeOf = (value: Value): StartType =>
  value === a('permanent') ? 'permanent' : value === a('transient') ? 'transient' : 'temporary';

const applicationModule: CodeModule = {
  name: 'application',
  functions: {
    'load/1': loadApplication,
    'unload/1': (self, name) => unloadApplication(self, nameOf(name)),
    'start/1': (self, what) => startApplication(self, what),
    'start/2': (self, what, type) => startApplication(self, what, typeOf(type)),
    'ensure_started/1': (self, name) => ensureStarted(self, nameOf(name)),
    'ensure_started/2': (self, name, type) => ensureStarted(self, nameOf(name), typeOf(type)),
    'ensure_all_started/1': (self, name) => ensureAllStarted(self, atomOf(name)),
    'ensure_all_started/2': (self, name, type) => ensureAllStarted(self, atomOf(name), typeOf(type)),
    'stop/1': (self, name) => stopApplication(self, nameOf(name)),
    'which_applications/0': (self) => whichApplications(self),
    'which_applications/1': (self, timeout) => whichApplications(self, timeoutOf(timeout)),
    'loaded_applications/0': loadedApplications,
    'get_env/1': (self, key) => getEnv(self, ownApplication(self), nameOf(key)),
    'get_env/2': (self, name, key) => getEnv(self, nameOf(name), nameOf(key)),
    'get_env/3': (self, name, key, otherwise) => {
      const found = tagged(getEnv(self, nameOf(name), nameOf(key)), atoms.ok, 2);
      return found === null ? otherwise : asValue(found[1]);
    },
    'get_all_env/0': (self) => getAllEnv(self, ownApplication(self)),
    'get_all_env/1': (self, name) => getAllEnv(self, nameOf(name)),
    'set_env/1': (self, config) => (isList(config) ? setAllEnv(self, config) : functionClause()),
    'set_env/2': (self, config, options) => setAllEnv(self, config, options),
    'set_env/3': (self, name, key, value) => setEnv(self, nameOf(name), [nameOf(key), value]),
    'unset_env/2': (self, name, key) => unsetEnv(self, nameOf(name), nameOf(key)),
    'unset_env/3': (self, name, key, options) => unsetEnv(self, nameOf(name), nameOf(key), options),
    'get_key/1': (self, key) => getKey(self, ownApplication(self), nameOf(key)),
    'get_key/2': (self, name, key) => getKey(self, nameOf(name), nameOf(key)),
    'get_all_key/0': (self) => getAllKey(self, ownApplication(self)),
    'get_all_key/1': (self, name) => getAllKey(self, nameOf(name)),
    'get_application/0': (self) => {
      const own = ownApplication(self);
      return own === null ? undefined : okTuple(a(own));
    },
    'get_application/1': (self, of) => {
      const leader = of instanceof Pid ? self.inspect(of)?.groupLeader : undefined;
      const name = leader === undefined ? null : applicationsOf(self).ofMaster(leader);
      return name === null ? undefined : okTuple(a(name));
    },
  },
};

export const applicationModules: readonly CodeModule[] = [
  applicationControllerModule,
  applicationMasterModule,
  applicationModule,
];
