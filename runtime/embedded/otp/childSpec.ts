/** Child specifications and supervisor flags: what they are, their defaults, and how they look as Erlang terms. */
import type { Value } from '../../term/values.ts';
import { a, tup } from '../../term/values.ts';

export type Restart = 'permanent' | 'transient' | 'temporary';
export type Shutdown = number | 'brutal_kill' | 'infinity';
export type Spec = {
  readonly id: Value;
  readonly start: StartFunction;
  readonly restart: Restart;
  readonly shutdown: Shutdown;
  readonly type: 'worker' | 'supervisor';
  readonly modules: readonly string[] | 'dynamic';
  readonly significant: boolean;
};
/** `{M, F, Args}`; `undefined` where a supervisor has forgotten them, as of a temporary child that was added. */
export type StartFunction = {
  readonly module: string;
  readonly function: string;
  readonly args: readonly Value[] | undefined;
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
    shutdown: options.shutdown ?? defaultShutdown(type),
    type,
    modules: options.modules ?? [module],
    significant: options.significant ?? false,
  };
}

/** How long a child has to end when nothing is said: 5000 ms, a supervisor as long as it takes. */
export function defaultShutdown(type: Spec['type']): Shutdown {
  return type === 'supervisor' ? 'infinity' : 5000;
}

/** Flags with OTP's defaults: one_for_one, 1 restart in 5 s, never shutting down by itself. */
export function flags(options: Partial<Flags> = {}): Flags {
  return { strategy: 'one_for_one', intensity: 1, periodSeconds: 5, autoShutdown: 'never', ...options };
}

/** `#{strategy => …, intensity => …, period => …, auto_shutdown => …}` */
export function flagsValue({ strategy, intensity, periodSeconds, autoShutdown }: Flags): Value {
  return { strategy: a(strategy), intensity, period: periodSeconds, auto_shutdown: a(autoShutdown) };
}

/** `#{id => …, start => …, …}`, as `supervisor:get_childspec/2` answers. */
export function specValue(spec: Spec): Value {
  return {
    id: spec.id,
    start: startValue(spec.start),
    restart: a(spec.restart),
    shutdown: shutdownValue(spec.shutdown),
    type: a(spec.type),
    modules: modulesValue(spec),
    significant: spec.significant,
  };
}

/** `{M, F, Args}` */
export function startValue({ module, function: name, args }: StartFunction): Value {
  return tup(a(module), a(name), args);
}

export function shutdownValue(shutdown: Shutdown): Value {
  return typeof shutdown === 'number' ? shutdown : a(shutdown);
}

export function modulesValue({ modules }: Pick<Spec, 'modules'>): Value {
  return modules === 'dynamic' ? a('dynamic') : modules.map((module) => a(module));
}
