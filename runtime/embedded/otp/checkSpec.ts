/**
 * What makes child specifications and supervisor flags wrong, in the order and the words of stdlib's `supervisor` of OTP 25
 * (`check_childspecs`, `check_flags`). Both are read from terms: maps, or the tuples of before OTP 18.
 */
import type { Value } from '../../term/values.ts';
import { a, Atom, tup } from '../../term/values.ts';
import { elementsOf, isList, partsOf } from '../kernel/values.ts';
import type { AutoShutdown, Flags, Restart, RestartStrategy, Shutdown, Spec, StartFunction } from './childSpec.ts';
import { defaultShutdown, flags } from './childSpec.ts';
import { asValue } from './gen.ts';
import { valueKey } from '../kernel/valueKey.ts';

/** What was read, or what is wrong with it as OTP says it. */
export type Read<T> = { readonly ok: true; readonly is: T } | { readonly ok: false; readonly bad: Value };

function good<T>(is: T): Read<T> {
  return { ok: true, is };
}
function bad(reason: Value): { readonly ok: false; readonly bad: Value } {
  return { ok: false, bad: reason };
}

/** The entries of a map whose keys are atoms, by their names; null for anything that is no map. */
export function fieldsOf(value: Value): ReadonlyMap<string, Value> | null {
  if (typeof value !== 'object' || value === null) return null;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype) {
    return new Map(Object.entries(value).map(([name, held]) => [name, asValue(held)]));
  }
  if (!(value instanceof Map)) return null;
  const fields = new Map<string, Value>();
  for (const [key, held] of value) if (key instanceof Atom) fields.set(key.name, asValue(held));
  return fields;
}

// --------------------------------------------------------------------------------------------------------------- flags

const strategies: readonly RestartStrategy[] = ['one_for_one', 'one_for_all', 'rest_for_one', 'simple_one_for_one'];
const autoShutdowns: readonly AutoShutdown[] = ['never', 'any_significant', 'all_significant'];

/** Reads supervisor flags: a map, or `{Strategy, Intensity, Period}`. */
export function readFlags(value: Value): Read<Flags> {
  const fields = fieldsOf(value) ?? flagsOfTuple(value);
  if (fields === null) return bad(tup(a('invalid_type'), value));
  const defaults = flags();
  const strategy = oneOf(strategies, fields, 'strategy', defaults.strategy);
  if (strategy === null) return bad(tup(a('invalid_strategy'), fields.get('strategy')));
  const intensity = fields.has('intensity') ? fields.get('intensity') : defaults.intensity;
  if (!isCount(intensity)) return bad(tup(a('invalid_intensity'), intensity));
  const period = fields.has('period') ? fields.get('period') : defaults.periodSeconds;
  if (!isCount(period) || period === 0) return bad(tup(a('invalid_period'), period));
  const autoShutdown = oneOf(autoShutdowns, fields, 'auto_shutdown', defaults.autoShutdown);
  if (autoShutdown === null) return bad(tup(a('invalid_auto_shutdown'), fields.get('auto_shutdown')));
  return good({ strategy, intensity, periodSeconds: period, autoShutdown });
}

function flagsOfTuple(value: Value): ReadonlyMap<string, Value> | null {
  const elements = elementsOf(value);
  if (elements?.length !== 3) return null;
  const [strategy, intensity, period] = elements.map(asValue);
  return new Map([
    ['strategy', strategy],
    ['intensity', intensity],
    ['period', period],
  ]);
}

function isCount(value: Value): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** The field as one of the names it may have; the default where it is left out, null where it is another. */
function oneOf<T extends string>(
  names: readonly T[],
  fields: ReadonlyMap<string, Value>,
  field: string,
  byDefault: T,
): T | null {
  if (!fields.has(field)) return byDefault;
  const value = fields.get(field);
  return value instanceof Atom ? (names.find((name) => name === value.name) ?? null) : null;
}

// ------------------------------------------------------------------------------------------------ child specifications

const restarts: readonly Restart[] = ['permanent', 'transient', 'temporary'];
const types: readonly Spec['type'][] = ['worker', 'supervisor'];

/**
 * Reads one specification: a map, or `{Id, StartFunc, Restart, Shutdown, Type, Modules}`. `under` is the supervisor's
 * auto_shutdown; null leaves open whether significant children are allowed.
 */
export function readSpec(value: Value, under: AutoShutdown | null): Read<Spec> {
  const fields = fieldsOf(value) ?? specOfTuple(value);
  if (fields === null) return bad(tup(a('invalid_child_spec'), value));
  if (!fields.has('id')) return bad(a('missing_id'));
  if (!fields.has('start')) return bad(a('missing_start'));
  const start = readStart(fields.get('start'));
  if (start === null) return bad(tup(a('invalid_mfa'), fields.get('start')));
  const restart = oneOf(restarts, fields, 'restart', 'permanent');
  if (restart === null) return bad(tup(a('invalid_restart_type'), fields.get('restart')));
  const significant = fields.has('significant') ? fields.get('significant') : false;
  const misplaced = significantFault(significant, restart, under);
  if (misplaced !== null || typeof significant !== 'boolean') return bad(misplaced);
  const type = oneOf(types, fields, 'type', 'worker');
  if (type === null) return bad(tup(a('invalid_child_type'), fields.get('type')));
  const shutdown = fields.has('shutdown') ? readShutdown(fields.get('shutdown')) : defaultShutdown(type);
  if (shutdown === null) return bad(tup(a('invalid_shutdown'), fields.get('shutdown')));
  const modules = fields.has('modules') ? readModules(fields.get('modules')) : good([start.module]);
  if (!modules.ok) return modules;
  return good({ id: fields.get('id'), start, restart, shutdown, type, modules: modules.is, significant });
}

/** Reads the specifications of a supervisor's start; each id may stand once. */
export function readSpecs(values: readonly Value[], under: AutoShutdown | null): Read<readonly Spec[]> {
  const specs: Spec[] = [];
  const ids = new Set<unknown>();
  for (const value of values) {
    const spec = readSpec(value, under);
    if (!spec.ok) return spec;
    const key = valueKey(spec.is.id);
    if (ids.has(key)) return bad(tup(a('duplicate_child_name'), spec.is.id));
    ids.add(key);
    specs.push(spec.is);
  }
  return good(specs);
}

function specOfTuple(value: Value): ReadonlyMap<string, Value> | null {
  const elements = elementsOf(value);
  if (elements?.length !== 6) return null;
  const [id, start, restart, shutdown, type, modules] = elements.map(asValue);
  return new Map([
    ['id', id],
    ['start', start],
    ['restart', restart],
    ['shutdown', shutdown],
    ['type', type],
    ['modules', modules],
  ]);
}

/** `{M, F, Args}`; null for anything else. */
export function readStart(value: Value): StartFunction | null {
  const [module, name, args, ...more] = partsOf(value);
  if (!(module instanceof Atom) || !(name instanceof Atom) || !isList(args) || more.length > 0) return null;
  return { module: module.name, function: name.name, args: args.map(asValue) };
}

function significantFault(significant: Value, restart: Restart, under: AutoShutdown | null): Value {
  if (typeof significant !== 'boolean') return tup(a('invalid_significant'), significant);
  if (!significant) return null;
  const isSignificant = tup(a('significant'), true);
  if (under === 'never') return tup(a('bad_combination'), [tup(a('auto_shutdown'), a('never')), isSignificant]);
  if (restart !== 'permanent') return null;
  return tup(a('bad_combination'), [tup(a('restart'), a('permanent')), isSignificant]);
}

function readShutdown(value: Value): Shutdown | null {
  if (isCount(value)) return value;
  if (!(value instanceof Atom)) return null;
  return value.name === 'infinity' || value.name === 'brutal_kill' ? value.name : null;
}

/** `dynamic`, or a list of modules. */
function readModules(value: Value): Read<Spec['modules']> {
  if (value instanceof Atom && value.name === 'dynamic') return good('dynamic');
  if (!isList(value)) return bad(tup(a('invalid_modules'), value));
  const names: string[] = [];
  for (const module of value.map(asValue)) {
    if (!(module instanceof Atom)) return bad(tup(a('invalid_module'), module));
    names.push(module.name);
  }
  return good(names);
}

/** `supervisor:check_childspecs/1,2`: `ok` or `{error, Reason}`. */
export function checkChildSpecs(specs: Value, autoShutdown?: Value): Value {
  if (!isList(specs)) return tup(a('error'), tup(a('badarg'), specs));
  const under =
    autoShutdown instanceof Atom ? (autoShutdowns.find((name) => name === autoShutdown.name) ?? null) : null;
  if (autoShutdown !== undefined && under === null) return tup(a('error'), tup(a('badarg'), autoShutdown));
  const read = readSpecs(specs.map(asValue), under);
  return read.ok ? a('ok') : tup(a('error'), read.bad);
}
