/**
 * The names of the machine that a cluster file must not find: time and chance are the cluster's own, so that a seed replays a run, and
 * everything else that could tell two runs apart is absent.
 */

/** What a file's code is given instead. */
export type FileWorld = {
  /** Milliseconds since 1970 by the cluster's calendar. */
  readonly nowMs: () => number;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly log: (text: string) => void;
};

const absent = [
  'process',
  'global',
  'globalThis',
  'performance',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'clearTimeout',
  'clearInterval',
  'clearImmediate',
  'queueMicrotask',
  'fetch',
  'crypto',
  'WebSocket',
  'Buffer',
  'Worker',
  'WebAssembly',
  'Atomics',
  'SharedArrayBuffer',
  'WeakRef',
  'FinalizationRegistry',
  'Promise',
] as const;

/** The names, for a module's wrapper. */
export function fileNames(world: FileWorld): { readonly [name: string]: unknown } {
  return {
    ...Object.fromEntries(absent.map((name) => [name, undefined])),
    Date: dateOf(world),
    Math: Object.freeze(Object.create(Math, { random: { value: world.random } })),
    console: Object.freeze(
      Object.fromEntries(
        ['log', 'info', 'debug', 'warn', 'error'].map((level) => [
          level,
          (...parts: readonly unknown[]) => world.log(parts.map(String).join(' ')),
        ]),
      ),
    ),
  };
}

/** `Date` whose present is the cluster's; everything that does not ask for it is the language's. */
function dateOf(world: FileWorld): DateConstructor {
  return new Proxy(Date, {
    construct: (target, args: readonly unknown[]): Date => {
      const made: unknown = Reflect.construct(target, args.length === 0 ? [world.nowMs()] : args);
      return made instanceof target ? made : new target(Number.NaN);
    },
    apply: () => new Date(world.nowMs()).toString(),
    get: (target, key): unknown => (key === 'now' ? world.nowMs : Reflect.get(target, key)),
  });
}
