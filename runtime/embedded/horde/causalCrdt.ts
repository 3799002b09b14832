/**
 * DeltaCrdt (0.6): a server that keeps an {@link AwLwwMap} and sends its neighbours, every `sync_interval`, what they have otherwise.
 * As the original does, in one direction: a neighbour that is to send, too, needs this one as its own neighbour.
 *
 * The original compares Merkle trees in several rounds; here the parts of the map are compared in one. What is sent in the end, and in
 * what order it is taken over, is the same.
 */
import type { Atom, Value, Tuple } from '../../term/values.ts';
import { a, Atom as AtomClass, Pid, Ref, tup } from '../../term/values.ts';
import { ErrorException } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import type { CodeModule } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import { ValueMap } from '../kernel/valueKey.ts';
import { asValue, atoms, isTuple, itemsOf, partsOf, tagged } from '../kernel/values.ts';
import { applyFun } from '../kernel/localFun.ts';
import type { Server } from '../otp/gen.ts';
import { call, valueAt } from '../otp/gen.ts';
import type { CallStep, Init, ServerModule, Step } from '../otp/genServer.ts';
import { noreply, reply, startServer } from '../otp/genServer.ts';
import type { Added, Context, Delta, Diff, Dot } from './awLwwMap.ts';
import { AwLwwMap } from './awLwwMap.ts';
import { monotonicNs } from './clock.ts';
import { option } from './options.ts';

const words = {
  sync: a('sync'),
  diff: a('diff'),
  dots: a('get_diff'),
  setNeighbours: a('set_neighbours'),
  operation: a('operation'),
  bulk: a('bulk_operation'),
  read: a('read'),
  add: a('add'),
  remove: a('remove'),
} as const;

type Neighbour = Pid | Atom | Tuple<readonly [Atom, Atom]>;
type State = {
  readonly writer: number;
  readonly map: AwLwwMap;
  readonly onDiffs: Value;
  readonly syncIntervalMs: number;
  readonly maxSyncSize: number;
  neighbours: readonly Neighbour[];
  readonly monitors: ValueMap<Ref>;
};

/** `isShared`: all nodes have one clock, so that the last write wins ("ideal"). */
class CausalCrdt implements ServerModule<State> {
  readonly module = 'Elixir.DeltaCrdt.CausalCrdt';
  readonly #isShared: boolean;

  constructor(isShared: boolean) {
    this.#isShared = isShared;
  }

  init(self: Self, options: Value): Init<State> {
    self.send(self.pid, words.sync);
    self.trapExit(true);
    const size = option(options, 'max_sync_size') ?? 200;
    const interval = option(options, 'sync_interval') ?? 200;
    const state: State = {
      writer: 1 + Math.floor(self.random() * 1_000_000_000),
      map: new AwLwwMap(),
      onDiffs: option(options, 'on_diffs'),
      syncIntervalMs: typeof interval === 'number' ? interval : 200,
      maxSyncSize: typeof size === 'number' ? size : Infinity,
      neighbours: [],
      monitors: new ValueMap(),
    };
    return { is: 'ok', state };
  }

  *handleCall(self: Self, request: Value, _from: unknown, state: State): Flow<CallStep<State>> {
    if (request === words.read) return reply(new Map(state.map.entries()), state);
    const [what, argument] = partsOf(request);
    if (what === words.read) {
      const keys = itemsOf(argument);
      const found = keys.flatMap((key) => {
        const value = state.map.get(key);
        return value === undefined ? [] : [[key, value] as const];
      });
      return reply(new Map(found), state);
    }
    if (what === words.operation) yield* this.#operate(self, state, argument);
    else if (what === words.bulk) for (const one of itemsOf(argument)) yield* this.#operate(self, state, one);
    else return self.error(a('function_clause'));
    return reply(atoms.ok, state);
  }

  *handleCast(self: Self, message: Value, state: State): Flow<Step<State>> {
    const operation = tagged(message, words.operation, 2);
    if (operation === null) return self.error(a('function_clause'));
    yield* this.#operate(self, state, operation[1]);
    return noreply(state);
  }

  *handleInfo(self: Self, message: Value, state: State): Flow<Step<State>> {
    if (message === words.sync) {
      syncAll(self, state);
      self.sendAfter(state.syncIntervalMs, self.pid, words.sync);
      return noreply(state);
    }
    const elements = partsOf(message);
    const [tag, first, second, third] = elements;
    if (tag === words.diff && elements.length === 4) compare(self, state, first, second, third);
    else if (tag === words.dots && elements.length === 5) send(self, state, elements);
    else if (tag === words.diff && elements.length === 3)
      yield* this.#merge(self, state, readDelta(first), itemsOf(second));
    else if (tag === words.setNeighbours) setNeighbours(self, state, itemsOf(first));
    else if (tag === atoms.down && first instanceof Ref) {
      for (const [neighbour, ref] of [...state.monitors.entries()]) if (ref === first) state.monitors.delete(neighbour);
    } else if (tag !== atoms.exit || second !== atoms.normal) return self.error(a('function_clause'));
    return noreply(state);
  }

  terminate(self: Self, _reason: Value, state: State): void {
    syncAll(self, state);
  }

  show(state: State): Value {
    return { crdt: new Map(state.map.entries()), node_id: state.writer, neighbours: [...state.neighbours] };
  }

  *#operate(self: Self, state: State, operation: unknown): Flow<void> {
    const [name, args] = partsOf(operation);
    const [key, value] = itemsOf(args);
    const delta =
      name === words.add
        ? state.map.add(key, value, state.writer, monotonicNs(self, this.#isShared))
        : state.map.remove(key);
    yield* this.#merge(self, state, delta, [key]);
  }

  *#merge(self: Self, state: State, delta: Delta, keys: readonly Value[]): Flow<void> {
    const diffs = state.map.join(delta, keys).map(diffValue);
    const { onDiffs } = state;
    if (diffs.length === 0 || onDiffs === undefined || onDiffs === null) return;
    const [module, name, args] = partsOf(onDiffs);
    if (module instanceof AtomClass && name instanceof AtomClass) {
      yield* self.apply(module.name, name.name, [...itemsOf(args), diffs]);
    } else yield* applyFun(self, onDiffs, [diffs]);
  }
}

/** `{add, Key, Value}` or `{remove, Key}` */
function diffValue(diff: Diff): Value {
  return diff.is === 'add' ? tup(words.add, diff.key, diff.value) : tup(words.remove, diff.key);
}

// --------------------------------------------------------------------------------------------------------- neighbours

function setNeighbours(self: Self, state: State, neighbours: readonly Value[]): void {
  const wanted = new ValueMap<true>();
  for (const neighbour of neighbours) wanted.set(neighbour, true);
  for (const [neighbour, ref] of [...state.monitors.entries()]) {
    if (wanted.has(neighbour)) continue;
    self.demonitor(ref, { flush: true });
    state.monitors.delete(neighbour);
  }
  state.neighbours = neighbours.filter(isNeighbour);
  syncAll(self, state);
}

function isNeighbour(value: Value): value is Neighbour {
  if (value instanceof Pid || value instanceof AtomClass) return true;
  return isTuple(value) && value.elements.length === 2 && value.elements.every((part) => part instanceof AtomClass);
}

/** Watches the neighbours that are not watched, which connects to their nodes, and tells each how our map stands. */
function syncAll(self: Self, state: State): void {
  for (const neighbour of state.neighbours) {
    if (!state.monitors.has(neighbour)) state.monitors.set(neighbour, self.monitor(neighbour));
  }
  const seen: Value = new Map(state.map.seen);
  const hashes = [...state.map.hashes()];
  for (const [neighbour] of state.monitors.entries()) {
    if (neighbour === self.pid || !isNeighbour(neighbour)) continue;
    sendQuietly(self, neighbour, tup(words.diff, self.pid, seen, hashes));
  }
}

/** To a name that nobody has here, nothing is sent. */
function sendQuietly(self: Self, to: Neighbour, message: Value): void {
  try {
    self.send(to, message);
  } catch (thrown) {
    if (!(thrown instanceof ErrorException)) throw thrown;
  }
}

/** `{diff, From, Seen, Hashes}`: answers what we hold in the parts that differ, if any do. */
function compare(self: Self, state: State, from: unknown, seen: unknown, hashes: unknown): void {
  if (!(from instanceof Pid)) return;
  const numbers = itemsOf(hashes).map(Number);
  const buckets = state.map.differing(numbers);
  if (buckets.length === 0) return;
  const held = state.map.held(buckets).map(([dot, key]) => tup(dot, key));
  self.send(from, tup(words.dots, self.pid, asValue(seen), [...buckets], held));
}

/** `{get_diff, From, Seen, Buckets, Held}`: sends what is otherwise there. */
function send(self: Self, state: State, elements: readonly unknown[]): void {
  const [, from, seen] = elements;
  if (!(from instanceof Pid)) return;
  const held = itemsOf(elements[4]).flatMap((pair) => {
    const [dot, key] = partsOf(pair);
    return typeof dot === 'string' ? [[dot, asValue(key)] as const] : [];
  });
  const keys = state.map.differingKeys(itemsOf(elements[3]).map(Number), held).slice(0, state.maxSyncSize);
  if (keys.length > 0) self.send(from, tup(words.diff, deltaValue(state.map.part(readSeen(seen), keys)), [...keys]));
}

function readSeen(value: unknown): Context {
  const seen = new Map<number, number>();
  if (value instanceof Map) for (const [writer, count] of value) seen.set(Number(writer), Number(count));
  return seen;
}

/** `{Seen, [{Key, [{Value, AtNs, [{Writer, Count}]}]}]}` */
function deltaValue({ seen, adds }: Delta): Value {
  const rows = adds.map(([key, added]) =>
    tup(
      key,
      added.map(({ value, atNs, dots }) =>
        tup(
          value,
          atNs,
          dots.map(([writer, count]) => tup(writer, count)),
        ),
      ),
    ),
  );
  return tup(new Map(seen), rows);
}
function readDelta(value: unknown): Delta {
  const [seen, rows] = partsOf(value);
  const adds = itemsOf(rows).map((row) => {
    const parts = partsOf(row);
    return [valueAt(parts, 0), itemsOf(parts[1]).map(readAdded)] as const;
  });
  return { seen: readSeen(seen), adds };
}
function readAdded(value: Value): Added {
  const parts = partsOf(value);
  const dots = itemsOf(parts[2]).map((pair): Dot => {
    const [writer, count] = partsOf(pair);
    return [Number(writer), Number(count)];
  });
  return { value: valueAt(parts, 0), atNs: Number(parts[1]), dots };
}

// ---------------------------------------------------------------------------------------------------------- functions

/** `DeltaCrdt.put/4`, `delete/3`, `merge/3`, `drop/3`, `to_map/2`, `get/3`; the server answers when its own map has changed. */
export function putKey(self: Self, crdt: Server, key: Value, value: Value): Flow<Value> {
  return call(self, crdt, tup(words.operation, tup(words.add, [key, value])), null);
}
export function deleteKey(self: Self, crdt: Server, key: Value): Flow<Value> {
  return call(self, crdt, tup(words.operation, tup(words.remove, [key])), null);
}
export function mergeKeys(self: Self, crdt: Server, entries: readonly (readonly [Value, Value])[]): Flow<Value> {
  return call(
    self,
    crdt,
    tup(
      words.bulk,
      entries.map(([key, value]) => tup(words.add, [key, value])),
    ),
    null,
  );
}
export function dropKeys(self: Self, crdt: Server, keys: readonly Value[]): Flow<Value> {
  return call(
    self,
    crdt,
    tup(
      words.bulk,
      keys.map((key) => tup(words.remove, [key])),
    ),
    null,
  );
}
/** Tells a server whom it is to send to. */
export function neighbours(members: Value): Value {
  return tup(words.setNeighbours, members);
}

/** The modules of DeltaCrdt. `isShared`: see {@link CausalCrdt}. */
export function deltaCrdtModules(isShared: boolean): readonly CodeModule[] {
  const module = new CausalCrdt(isShared);
  return [
    {
      name: 'Elixir.DeltaCrdt',
      functions: {
        'start_link/2': (self, _crdt, options) => {
          const name = option(options, 'name');
          return startServer(self, module, options, name instanceof AtomClass ? { name } : {});
        },
      },
    },
    { name: module.module, behaviours: ['gen_server'], functions: {} },
  ];
}
