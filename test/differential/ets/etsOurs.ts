/** Carries out scenarios of etsScenarios.ts on the simulated runtime, as ets_differential.erl does on a real ets. */
import { ErrorException } from '../../../runtime/embedded/kernel/exceptions.ts';
import type { Flow } from '../../../runtime/embedded/kernel/flow.ts';
import { receive } from '../../../runtime/embedded/kernel/flow.ts';
import { fun } from '../../../runtime/embedded/kernel/localFun.ts';
import type { Process } from '../../../runtime/embedded/kernel/process.ts';
import type { Self } from '../../../runtime/embedded/kernel/self.ts';
import { asValue, elementsOf, isList, isTuple } from '../../../runtime/embedded/kernel/values.ts';
import { nodeOf, spawn, testCluster } from '../../../runtime/embedded/testKit.ts';
import type { Value } from '../../../runtime/term/values.ts';
import { a, Atom, ImproperList, Pid, Ref, Tuple, tup } from '../../../runtime/term/values.ts';
import type { EtsScenario } from './etsScenarios.ts';

const endOfTable = a('$end_of_table');
const collect = fun('test', 'collect', 2, (_self, object, found) => [
  object,
  ...(isList(found) ? found.map(asValue) : []),
]);

/** What each call answers. */
export function runOurs({ steps }: EtsScenario): readonly Value[] {
  const run = new Run();
  return steps.map(({ by, operation }) => run.step(by, operation));
}

class Run {
  readonly #cluster = testCluster(['nonode@nohost']);
  readonly #node = nodeOf(this.#cluster, 'nonode@nohost');
  readonly #actors: Process[] = [this.#actor(), this.#actor()];
  readonly #tables = new Map<number, Value>();
  #job: ((self: Self) => Flow<Value>) | null = null;
  #answer: Value = undefined;

  step(by: number, given: Value): Value {
    const operation = this.#resolved(given);
    const [what, at, name, options] = (elementsOf(operation) ?? []).map(asValue);
    if (what === a('die')) {
      this.#node.exitSignal(this.#actors[by]!, this.#actors[by]!.pid, a('kill'), 'asked');
      this.#cluster.runUntil(this.#cluster.nowMs);
      this.#actors[by] = this.#actor();
      this.#cluster.runUntil(this.#cluster.nowMs);
      return a('dead');
    }
    if (what !== a('new')) return this.#cleaned(this.#do(by, (self) => perform(self, operation)));
    const made = this.#do(by, (self) => attempt(self.apply('ets', 'new', [name, options])));
    const [ok, table] = elementsOf(made) ?? [];
    if (ok === a('ok') && typeof at === 'number') this.#tables.set(at, asValue(table));
    return this.#cleaned(made);
  }

  #actor(): Process {
    const next = (self: Self): Flow<Value> => this.#job?.(self) ?? mail();
    const done = (answer: Value): void => {
      this.#answer = answer;
    };
    return spawn(this.#node, function* (self) {
      for (;;) {
        yield* receive({ match: (message) => message === a('do') });
        done(yield* next(self));
      }
    });
  }

  #do(by: number, job: (self: Self) => Flow<Value>): Value {
    this.#job = job;
    this.#answer = a('nothing');
    this.#node.send(this.#actors[by]!.pid, a('do'));
    this.#cluster.runUntil(this.#cluster.nowMs);
    return this.#answer;
  }

  #resolved(value: Value): Value {
    if (isList(value)) return value.map((part) => this.#resolved(asValue(part)));
    if (!isTuple(value)) return value;
    const [tag, number, ...more] = value.elements;
    if (tag === a('$tab') && typeof number === 'number' && more.length === 0) {
      return this.#tables.has(number) ? this.#tables.get(number) : a('nowhere');
    }
    if (tag === a('$pid') && typeof number === 'number') return this.#actors[number]!.pid;
    return new Tuple(value.elements.map((part) => this.#resolved(asValue(part))));
  }

  #cleaned(value: Value): Value {
    if (value instanceof Pid) {
      const at = this.#actors.findIndex(({ pid }) => pid === value);
      return at < 0 ? a('pid') : tup(a('pid'), at);
    }
    if (value instanceof Ref) {
      const known = [...this.#tables].find(([, table]) => table === value);
      return known === undefined ? a('ref') : tup(a('tab'), known[0]);
    }
    if (isList(value)) return value.map((part) => this.#cleaned(asValue(part)));
    if (value instanceof ImproperList) {
      return new ImproperList(
        value.items.map((part) => this.#cleaned(part)),
        this.#cleaned(value.tail),
      );
    }
    return isTuple(value) ? new Tuple(value.elements.map((part) => this.#cleaned(asValue(part)))) : value;
  }
}

function* attempt(work: Flow<Value>): Flow<Value> {
  try {
    return tup(a('ok'), yield* work);
  } catch (thrown) {
    if (thrown instanceof ErrorException) return tup(a('error'), thrown.reason);
    throw thrown;
  }
}

function perform(self: Self, operation: Value): Flow<Value> {
  const [what, ...args] = (elementsOf(operation) ?? []).map(asValue);
  const word = (value: Value): string => (value instanceof Atom ? value.name : '');
  const [first, second, third] = args;
  const items = (value: Value): readonly Value[] => (isList(value) ? value.map(asValue) : []);
  switch (word(what)) {
    case 'call':
      return attempt(self.apply('ets', word(first), items(second)));
    case 'keys':
      return attempt(keys(self, first, word(second), word(third)));
    case 'portions':
      return attempt(portions(self, word(first), items(second)));
    case 'fold':
      return attempt(self.apply('ets', word(first), [collect, [], second]));
    case 'erase':
      return attempt(erase(self, first));
    default:
      return mail();
  }
}

function* keys(self: Self, table: Value, from: string, on: string): Flow<Value> {
  const found: Value[] = [];
  for (let key = yield* self.apply('ets', from, [table]); key !== endOfTable;) {
    found.push(key);
    key = yield* self.apply('ets', on, [table, key]);
  }
  return found;
}

function* portions(self: Self, name: string, args: readonly Value[]): Flow<Value> {
  const lengths: number[] = [];
  const found: Value[] = [];
  for (let portion = yield* self.apply('ets', name, args); portion !== endOfTable;) {
    const [results, more] = (elementsOf(portion) ?? []).map(asValue);
    if (!isList(results)) throw new Error('A portion is a list and a continuation.');
    lengths.push(results.length);
    found.push(...results.map(asValue));
    portion = yield* self.apply('ets', name, [more]);
  }
  return tup(lengths, found);
}

function* erase(self: Self, table: Value): Flow<Value> {
  yield* self.apply('ets', 'safe_fixtable', [table, true]);
  const gone: Value[] = [];
  for (let key = yield* self.apply('ets', 'first', [table]); key !== endOfTable;) {
    yield* self.apply('ets', 'delete', [table, key]);
    gone.push(key);
    key = yield* self.apply('ets', 'next', [table, key]);
  }
  yield* self.apply('ets', 'safe_fixtable', [table, false]);
  return tup(gone, yield* self.apply('ets', 'info', [table, a('size')]));
}

function* mail(): Flow<Value> {
  const found: Value[] = [];
  for (;;) {
    const message = yield* receive({ match: (one) => elementsOf(one)?.[0] === a('ETS-TRANSFER'), afterMs: 0 });
    if (!isTuple(message)) return found;
    found.push(message);
  }
}
