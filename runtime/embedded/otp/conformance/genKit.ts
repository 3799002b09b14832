/** What the ports of OTP's suites of the generic behaviours work with: terms in Erlang's own words, calls by name, and what was logged. */
import type { Value } from '../../../term/values.ts';
import { a, Atom, Pid, toValue, Tuple, tup } from '../../../term/values.ts';
import { parseTerm } from '../../../term/parse.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { ErrorException, ExitException, reasonOf } from '../../kernel/exceptions.ts';
import type { Flow } from '../../kernel/flow.ts';
import { receive, timedOut } from '../../kernel/flow.ts';
import type { CodeModule } from '../../kernel/module.ts';
import type { Self } from '../../kernel/self.ts';
import { asValue, atoms, elementsOf, isList, sameValue } from '../../kernel/values.ts';
import { inProcess, shown, testCluster, testModule } from '../../testKit.ts';
import type { Report } from '../genServerReport.ts';

/** A term in Erlang's syntax. */
export function e(source: string): Value {
  const parsed = parseTerm(source, 'erlang');
  if (!parsed.ok) throw new Error(`${source}: ${parsed.error.message}`);
  return toValue(parsed.value);
}

/** `Module:Function(Args…)` */
export function calls(module: string): (self: Self, name: string, ...args: readonly Value[]) => Flow<Value> {
  return (self, name, ...args) => self.apply(module, name, args);
}
export const genServer = calls('gen_server');

/** What a call answers, or `{'EXIT', Reason}` as `catch` makes of it. */
export function* caughtExit(run: Flow<Value>): Flow<Value> {
  try {
    return yield* run;
  } catch (thrown) {
    if (!(thrown instanceof ExitException) && !(thrown instanceof ErrorException)) throw thrown;
    return tup(atoms.exit, reasonOf(thrown));
  }
}
/** The same, as text. */
export function* exits(run: Flow<Value>): Flow<string> {
  return shown(yield* caughtExit(run));
}

/** The next message, as text; `timeout` when none comes. */
export function* next(afterMs = 1000): Flow<string> {
  const message = yield* receive({ afterMs });
  return message === timedOut ? 'timeout' : shown(message);
}
/** The next message that is a tuple with these elements in front. */
export function* nextLike(...front: readonly Value[]): Flow<Value> {
  const message = yield* receive({
    afterMs: 6000,
    match: (candidate) => front.every((part, at) => sameValue(elementsOf(candidate)?.[at], part)),
  });
  if (message === timedOut) throw new Error(`no message {${front.map(shown).join(',')},…}`);
  return message;
}

/** The pid of `{ok, Pid}`. */
export function pidOf(outcome: Value): Pid {
  const pid = elementsOf(outcome)?.[1];
  if (!(outcome instanceof Tuple) || outcome.elements[0] !== atoms.ok || !(pid instanceof Pid)) {
    throw new Error(`not started: ${shown(outcome)}`);
  }
  return pid;
}

export type Logged = { readonly kind: string; readonly pid: Pid; readonly report: Value };
export type Suite = {
  readonly cluster: Cluster;
  readonly logged: Logged[];
  /** Takes the reports logged so far. */
  take(): readonly Logged[];
};

/** Names across nodes, where the cluster has no module `global` of its own: enough to find a server by. */
function nameModule(name: string, isThere: (pid: Pid) => boolean): CodeModule {
  const names = new Map<string, Pid>();
  const find = (key: Value): Pid | null => {
    const pid = names.get(shown(key));
    return pid !== undefined && isThere(pid) ? pid : null;
  };
  return testModule(name, {
    'register_name/2'(_self, key, pid) {
      if (find(key) !== null || !(pid instanceof Pid)) return a('no');
      names.set(shown(key), pid);
      return a('yes');
    },
    'unregister_name/1'(_self, key) {
      names.delete(shown(key));
      return atoms.ok;
    },
    'whereis_name/1': (_self, key) => find(key),
    'send/2'(self, key, message) {
      const pid = find(key);
      if (pid === null) throw new ErrorException(atoms.badarg);
      self.send(pid, message);
      return pid;
    },
  });
}

/** Module `application` with the kernel's environment given, in place of the node's own. */
export function environment(env: ReadonlyMap<string, Value>): CodeModule {
  return testModule('application', {
    'get_env/2': (_self, _application, key) => {
      const value = env.get(nameOf(key));
      return value === undefined ? undefined : tup(atoms.ok, value);
    },
  });
}

/** A cluster with the suite's modules, `dummy_via` and `global`. */
export function suite(modules: readonly CodeModule[], nodes: readonly string[] = ['one@sim']): Suite {
  const hasGlobal = testCluster().code.module('global') !== null;
  const isThere = (pid: Pid): boolean => cluster.find(pid) !== undefined;
  const names = [nameModule('dummy_via', isThere), ...(hasGlobal ? [] : [nameModule('global', isThere)])];
  const cluster: Cluster = testCluster(nodes, { modules: [...modules, ...names] });
  const logged: Logged[] = [];
  cluster.listen((event) => {
    if (event.is === 'report') logged.push({ kind: event.kind, pid: event.pid, report: event.report });
  });
  // Long enough for the nodes to know each other's names.
  cluster.runUntil(cluster.nowMs + 2000);
  logged.splice(0);
  return { cluster, logged, take: () => logged.splice(0) };
}

/** Runs a case in a process of its own; exits that it traps are messages. */
export function inCase<T>({ cluster }: Pick<Suite, 'cluster'>, run: (self: Self) => Flow<T>, forMs = 60_000): T {
  return inProcess(cluster, run, forMs);
}

/** Where a process is now; `dead` when it has ended. */
export function currentFunction({ cluster }: Pick<Suite, 'cluster'>, pid: Pid): string {
  return cluster.find(pid)?.currentFunction ?? 'dead';
}
export const hibernating = 'erlang:hibernate/3';

export function isAlive({ cluster }: Pick<Suite, 'cluster'>, pid: Pid): boolean {
  return cluster.find(pid) !== undefined;
}

/** The report as a map. */
export function mapOf(value: Value): Report {
  if (typeof value !== 'object' || value === null || isList(value)) throw new Error(`no map: ${shown(value)}`);
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, asValue(held)]));
}

/** A pid as an answer. */
export function asPid(value: unknown): Pid {
  if (value instanceof Pid) return value;
  throw new Error(`no pid: ${shown(value)}`);
}

/** A text as an answer. */
export function textOf(value: Value): string {
  if (typeof value === 'string') return value;
  throw new Error(`no text: ${shown(value)}`);
}

/** An atom's text. */
export function nameOf(value: unknown): string {
  if (value instanceof Atom) return value.name;
  throw new Error(`no atom: ${shown(value)}`);
}

/** The value of a key in a list of pairs. */
export function property(list: Value, key: string): Value {
  const found = isList(list) ? list.find((one) => elementsOf(one)?.[0] === a(key)) : undefined;
  return asValue(elementsOf(found)?.[1]);
}
export { shown };
