/** Child specifications and supervisor flags, and what makes them wrong (stdlib `supervisor`, check_childspecs). */
import type { Value } from '../../term/values.ts';
import { a, Atom, Tuple, tup } from '../../term/values.ts';
import { atoms, elementsOf, isList } from '../kernel/values.ts';
import { asValue } from './gen.ts';

export type Restart = 'permanent' | 'transient' | 'temporary';
export type Shutdown = number | 'brutal_kill' | 'infinity';
export type Spec = {
  readonly id: Value;
  readonly start: { readonly module: string; readonly function: string; readonly args: readonly Value[] };
  readonly restart: Restart;
  readonly shutdown: Shutdown;
  readonly type: 'worker' | 'supervisor';
  readonly modules: readonly string[] | 'dynamic';
  readonly significant: boolean;
};
export type RestartStrategy = 'one_for_one' | 'one_for_all' | 'rest_for_one' | 'simple_one_for_one';
export type AutoShutdown = 'never' | 'any_significant' | 'all_significant';
export type Flags = {
  readonly strategy: RestartStrategy;
  readonly intensity: number;
  readonly periodSeconds: number;
  readonly autoShutdown: AutoShutdown;
};

/** A specification with OTP's defaults: permanent, 5 s (infinity for a supervisor), its own module. */
export function childSpec(
  id: Value,
  start: readonly [module: string, name: string, args: readonly Value[]],
  options: Partial<Omit<Spec, 'id' | 'start'>> = {},
): Spec {
  const [module, name, args] = start;
  const type = options.type ?? 'worker';
  return {
    id,
    start: { module, function: name, args },
    restart: options.restart ?? 'permanent',
    shutdown: options.shutdown ?? (type === 'supervisor' ? 'infinity' : 5000),
    type,
    modules: options.modules ?? [module],
    significant: options.significant ?? false,
  };
}

/** Flags with OTP's defaults: one_for_one, 1 restart in 5 s, never shutting down by itself. */
export function flags(options: Partial<Flags> = {}): Flags {
  return { strategy: 'one_for_one', intensity: 1, periodSeconds: 5, autoShutdown: 'never', ...options };
}

const strategies: readonly string[] = ['one_for_one', 'one_for_all', 'rest_for_one', 'simple_one_for_one'];
const autoShutdowns: readonly string[] = ['never', 'any_significant', 'all_significant'];

/** What is wrong with the flags, as OTP says it; null when nothing is. */
export function flagsFault(checked: Flags): Value {
  if (!strategies.includes(checked.strategy)) return tup(a('invalid_strategy'), a(checked.strategy));
  if (!isCount(checked.intensity)) return tup(a('invalid_intensity'), checked.intensity);
  if (!isCount(checked.periodSeconds) || checked.periodSeconds === 0)
    return tup(a('invalid_period'), checked.periodSeconds);
  if (!autoShutdowns.includes(checked.autoShutdown)) return tup(a('invalid_auto_shutdown'), a(checked.autoShutdown));
  if (checked.strategy === 'simple_one_for_one' && checked.autoShutdown !== 'never') {
    return tup(a('invalid_auto_shutdown'), a(checked.autoShutdown));
  }
  return null;
}

/** What is wrong with a specification under these flags; null when nothing is. */
export function specFault(spec: Spec, under: Flags): Value {
  if (typeof spec.shutdown === 'number' && !isCount(spec.shutdown)) return tup(a('invalid_shutdown'), spec.shutdown);
  if (!spec.significant) return null;
  if (under.autoShutdown === 'never')
    return tup(a('bad_combination'), [tup(a('auto_shutdown'), a('never')), tup(a('significant'), true)]);
  if (spec.restart === 'permanent') {
    return tup(a('bad_combination'), [tup(a('restart'), a('permanent')), tup(a('significant'), true)]);
  }
  return null;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** `#{id => …, start => …, …}`, as `supervisor:get_childspec/2` answers. */
export function specValue(spec: Spec): Value {
  return {
    id: spec.id,
    start: tup(a(spec.start.module), a(spec.start.function), spec.start.args),
    restart: a(spec.restart),
    shutdown: typeof spec.shutdown === 'number' ? spec.shutdown : a(spec.shutdown),
    type: a(spec.type),
    modules: modulesValue(spec),
    significant: spec.significant,
  };
}

export function modulesValue(spec: Spec): Value {
  return spec.modules === 'dynamic' ? a('dynamic') : spec.modules.map((module) => a(module));
}

/** Reads a specification map as {@link specValue} writes it; otherwise says what is wrong as OTP does, `{bad, Fault}`. */
export function readSpec(value: Value): { readonly spec: Spec } | { readonly bad: Value } {
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) === Tuple.prototype) {
    return { bad: tup(a('invalid_child_spec'), value) };
  }
  const fields = new Map<string, unknown>(Object.entries(value));
  if (!fields.has('id')) return { bad: a('missing_id') };
  const start = readStart(fields.get('start'));
  if (start === null) return { bad: tup(a('invalid_mfa'), asValue(fields.get('start'))) };
  const type = nameOf(fields.get('type') ?? a('worker'));
  if (type !== 'worker' && type !== 'supervisor')
    return { bad: tup(a('invalid_child_type'), asValue(fields.get('type'))) };
  const restart = nameOf(fields.get('restart') ?? a('permanent'));
  if (restart !== 'permanent' && restart !== 'transient' && restart !== 'temporary') {
    return { bad: tup(a('invalid_restart_type'), asValue(fields.get('restart'))) };
  }
  const shutdown = readShutdown(fields.get('shutdown'), type);
  if (shutdown === null) return { bad: tup(a('invalid_shutdown'), asValue(fields.get('shutdown'))) };
  const [module, name, args] = start;
  const significant = fields.get('significant') === true;
  return { spec: childSpec(asValue(fields.get('id')), [module, name, args], { restart, shutdown, type, significant }) };
}

function readStart(value: unknown): readonly [string, string, readonly Value[]] | null {
  const [module, name, args, ...more] = elementsOf(value) ?? [];
  if (!(module instanceof Atom) || !(name instanceof Atom) || !isList(args) || more.length > 0) return null;
  return [module.name, name.name, args.map(asValue)];
}

function readShutdown(value: unknown, type: 'worker' | 'supervisor'): Shutdown | null {
  if (value === undefined) return type === 'supervisor' ? 'infinity' : 5000;
  if (typeof value === 'number') return isCount(value) ? value : null;
  if (value === atoms.infinity) return 'infinity';
  return nameOf(value) === 'brutal_kill' ? 'brutal_kill' : null;
}

function nameOf(value: unknown): string | null {
  return value instanceof Atom ? value.name : null;
}
