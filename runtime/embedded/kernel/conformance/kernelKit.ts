/** What the ported cases of OTP's suites on processes share: children, what comes of them, and who watches whom. */
import { Pid, a } from '../../../term/values.ts';
import type { Ref, Value } from '../../../term/values.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { inProcess, shown, testCluster, testModule } from '../../testKit.ts';
import { reasonOf } from '../exceptions.ts';
import type { Flow, Received } from '../flow.ts';
import { receive, sleep, timedOut } from '../flow.ts';
import type { Self } from '../self.ts';
import { asValue, elementsOf, isList } from '../values.ts';

export const nodes = ['one@sim', 'two@sim'] as const;
const call = { module: 'kit', function: 'child', arity: 0 };
const bodies = new Map<number, (own: Self) => Flow<unknown>>();
let lastBody = 0;

/** Two nodes with a module by which {@link childAt} starts processes on either. */
export function suiteCluster(seed?: number, schedule: 'fifo' | 'random' = 'fifo'): Cluster {
  const run = (self: Self, number: Value): Flow<Value> => running(self, Number(number));
  const modules = [testModule('kit', { 'run/1': run })];
  return testCluster(nodes, { modules, schedule, ...(seed !== undefined && { seed }) });
}

function* running(self: Self, number: number): Flow<Value> {
  yield* bodies.get(number)?.(self) ?? sleep(0);
  return undefined;
}

/** Runs a case in a process of the first node. */
export function inSuite<T>(run: (self: Self, cluster: Cluster) => Flow<T>): T {
  const cluster = suiteCluster();
  return inProcess(cluster, (self) => run(self, cluster), 600_000);
}

export function child(self: Self, run: (own: Self) => Flow<unknown>, options: { readonly link?: boolean } = {}): Pid {
  return self.spawnBody({ is: 'flow', run }, call, options);
}

/** The number that `kit:run/1` runs this by. */
export function numbered(run: (own: Self) => Flow<unknown>): number {
  lastBody += 1;
  bodies.set(lastBody, run);
  return lastBody;
}

/** A process on any node; its code stands here, and only its number travels. */
export function* childAt(
  self: Self,
  node: string,
  run: (own: Self) => Flow<unknown>,
  options: { readonly link?: boolean } = {},
): Flow<Pid> {
  const pid = yield* self.spawnAt(node, 'kit', 'run', [numbered(run)], options);
  if (!(pid instanceof Pid)) throw new Error(`There is no process: ${shown(pid.error)}`);
  return pid;
}

export const forEver = (): Flow<void> => sleep(1_000_000_000);

/** The next message as text; `timeout` when none comes in `afterMs`. */
export function* next(afterMs = 1000): Flow<string> {
  const message = yield* receive({ afterMs });
  return message === timedOut ? 'timeout' : shown(message);
}

/** The reason of the monitor's `DOWN`, and what it says went down. */
export function* down(ref: Ref, afterMs: number | null = 10_000): Flow<{ readonly what: Value; readonly why: string }> {
  const message = yield* receive({ match: (candidate) => elementsOf(candidate)?.[1] === ref, afterMs });
  const elements = elementsOf(message === timedOut ? null : message);
  if (elements?.length !== 5) throw new Error('No DOWN came.');
  return { what: asValue(elements[3]), why: shown(elements[4]) };
}

/** Waits for a message that is this value. */
export function* waitFor(value: Value): Flow<Received> {
  return yield* receive({ match: (message) => message === value });
}

/** What the function throws, as the reason it would end a process with; `none` when it does not. */
export function fails(work: () => unknown): string {
  try {
    work();
    return 'none';
  } catch (thrown) {
    return shown(reasonOf(thrown));
  }
}

/** `{monitors, monitored_by}` of a process here: whom it watches, and how many watch it. */
export function watching(
  self: Self,
  pid: Pid,
): { readonly watches: readonly string[]; readonly watchedBy: readonly Pid[] } {
  const watches = self.processInfo(pid, a('monitors'));
  const watchedBy = self.processInfo(pid, a('monitored_by'));
  return {
    watches: isList(watches) ? watches.map(shown) : [],
    watchedBy: isList(watchedBy) ? watchedBy.filter((one): one is Pid => one instanceof Pid) : [],
  };
}

/** A fun that ends the process with a reason. */
export function leaves(reason: Value): (own: Self) => Flow<void> {
  return function* (own) {
    yield* sleep(0);
    own.exit(reason);
  };
}
