/** Event managers drawn from a seed, and running them on the embedded runtime's gen_event. */
import type { Value } from '../../runtime/term/values.ts';
import { a, Pid, Tuple, tup } from '../../runtime/term/values.ts';
import { ExitException, ThrownValue } from '../../runtime/embedded/kernel/exceptions.ts';
import type { Flow } from '../../runtime/embedded/kernel/flow.ts';
import { receive, timedOut } from '../../runtime/embedded/kernel/flow.ts';
import type { CodeModule } from '../../runtime/embedded/kernel/module.ts';
import { seededPrng } from '../../runtime/embedded/kernel/prng.ts';
import type { Self } from '../../runtime/embedded/kernel/self.ts';
import { asValue, elementsOf, isList, tagged } from '../../runtime/embedded/kernel/values.ts';
import { getState } from '../../runtime/embedded/otp/sys.ts';
import { inProcess, testCluster } from '../../runtime/embedded/testKit.ts';
import { text } from './scenarios.ts';

export type EventScenario = {
  /** What the handler answers to `{Callback, Id, Content}`, by its text. */
  readonly rules: ReadonlyMap<string, { readonly key: Value; readonly answer: Value }>;
  readonly operations: readonly Value[];
};

const ids = [0, 1, 2];
const contents = [0, 1, 2, 3];
const state = a('s');

/** The manager's handlers and what is done to it, of a seed. */
export function makeEvents(seed: number): EventScenario {
  const prng = seededPrng(seed);
  const pick = <T>(from: readonly T[]): T => {
    const picked = from[prng.below(from.length)];
    if (picked === undefined) throw new Error('nothing to pick from');
    return picked;
  };
  const id = (): number => pick(ids);
  const content = (): number => pick(contents);
  const handler = (of: number): Value => (of === 0 ? a('events') : tup(a('events'), of));
  const failing = ['error', 'exit', 'throw', 'nonsense'].map(a);
  const swap = (...before: readonly Value[]): Value => {
    const to = id();
    return tup(a('swap_handler'), ...before, content(), state, handler(to), tup(a('arg'), to, content()));
  };
  const answers: { readonly [callback: string]: () => Value } = {
    init: () => pick<Value>([...failing, tup(a('ok'), state, a('hibernate')), tup(a('error'), a('no'))]),
    event: () => pick<Value>([...failing, a('remove_handler'), swap(), tup(a('ok'), state, a('hibernate'))]),
    call: () => pick<Value>([...failing, tup(a('remove_handler'), 7), swap(8), tup(a('ok'), 9, state, a('hibernate'))]),
    terminate: () => pick<Value>([a('error'), a('exit'), a('throw'), a('left')]),
  };
  const rules = new Map<string, { readonly key: Value; readonly answer: Value }>();
  for (const callback of ['init', 'event', 'info', 'call', 'terminate']) {
    for (const of of ids) {
      for (const what of contents) {
        const answer = answers[callback === 'info' ? 'event' : callback];
        if (answer === undefined || prng.below(100) >= 22) continue;
        const key = tup(a(callback), of, what);
        rules.set(text(key), { key, answer: answer() });
      }
    }
  }
  const operation = (): Value => {
    const draw = prng.below(100);
    if (draw < 20) return tup(a('add'), id(), content());
    if (draw < 38) return tup(a('add_sup'), id(), content());
    if (draw < 46) return tup(a('delete'), id(), content());
    if (draw < 52) return tup(a('swap'), id(), content(), id(), content());
    if (draw < 58) return tup(a('swap_sup'), id(), content(), id(), content());
    if (draw < 68) return tup(a('notify'), content());
    if (draw < 78) return tup(a('sync_notify'), content());
    if (draw < 86) return tup(a('info'), content());
    return tup(a('call'), id(), content());
  };
  return { rules, operations: Array.from({ length: 4 + prng.below(10) }, operation) };
}

/** The scenario as events.erl reads it. */
export function eventsText({ rules, operations }: EventScenario): string {
  const map = [...rules.values()].map(({ key, answer }) => `${text(key)} => ${text(answer)}`).join(', ');
  return `{#{${map}}, ${text(operations)}}.\n`;
}

// ------------------------------------------------------------------------------------------------------------ running

/** Without pids and stacktraces, as events.erl leaves them out. */
function plain(value: Value): Value {
  if (value instanceof Pid) return a('pid');
  const exit = elementsOf(tagged(value, a('EXIT'), 2)?.[1]);
  if (exit?.length === 2 && isList(exit[1])) return tup(a('EXIT'), tup(plain(asValue(exit[0])), []));
  if (value instanceof Tuple) return tup(...value.elements.map((element) => plain(asValue(element))));
  return isList(value) ? value.map((element) => plain(asValue(element))) : value;
}

function filled(answer: Value, held: Value): Value {
  if (answer === state) return held;
  return answer instanceof Tuple ? tup(...answer.elements.map((element) => filled(asValue(element), held))) : answer;
}

function handlerModule({ rules }: EventScenario, tester: { pid: Pid | null }): CodeModule {
  const log = (self: Self, entry: Value): void => {
    if (tester.pid !== null) self.send(tester.pid, tup(a('log'), entry));
  };
  const answer = (self: Self, callback: string, id: Value, content: Value, held: Value, otherwise: Value): Value => {
    log(self, tup(a(callback), id, content));
    const rule = rules.get(text(tup(a(callback), id, content)))?.answer;
    if (rule === undefined) return otherwise;
    if (rule === a('error')) return self.error(a('oops'));
    if (rule === a('exit')) return self.exit(a('oops'));
    if (rule === a('throw')) throw new ThrownValue(a('oops'));
    return filled(rule, held);
  };
  const idOf = (held: Value): Value => asValue(elementsOf(held)?.[0]);
  const init = (self: Self, argument: Value): Value => {
    const [first, second, third] = (elementsOf(argument) ?? []).map(asValue);
    if (first !== a('arg')) {
      log(self, tup(a('left'), second));
      return init(self, first);
    }
    const held = tup(second, third);
    return answer(self, 'init', second, third, held, tup(a('ok'), held));
  };
  return {
    name: 'events',
    functions: {
      'init/1': init,
      'handle_event/2': (self, event, held) => answer(self, 'event', idOf(held), event, held, tup(a('ok'), held)),
      'handle_info/2': (self, event, held) => answer(self, 'info', idOf(held), event, held, tup(a('ok'), held)),
      'handle_call/2': (self, query, held) => answer(self, 'call', idOf(held), query, held, tup(a('ok'), query, held)),
      'terminate/2': (self, argument, held) => answer(self, 'terminate', idOf(held), plain(argument), held, argument),
    },
  };
}

/** What each handler met, as events.erl prints it. */
export function runEventsHere(scenario: EventScenario): string {
  const log: Value[] = [];
  const tester: { pid: Pid | null } = { pid: null };
  const cluster = testCluster(['one@sim'], { modules: [handlerModule(scenario, tester)] });
  inProcess(cluster, function* (self) {
    tester.pid = self.pid;
    self.trapExit(true);
    yield* operateAll(self, scenario.operations, (entry) => void log.push(plain(entry)));
  });
  return text(log);
}

function* operateAll(self: Self, operations: readonly Value[], note: (entry: Value) => void): Flow<void> {
  const call = (name: string, ...args: readonly Value[]): Flow<Value> => self.apply('gen_event', name, args);
  const manager = asValue(elementsOf(yield* call('start'))?.[1]);
  if (!(manager instanceof Pid)) throw new Error('not started');
  for (const operation of operations) {
    const [name, ...args] = (elementsOf(operation) ?? []).map(asValue);
    const [first, second, third, fourth] = args;
    const handler = (of: Value): Value => (of === 0 ? a('events') : tup(a('events'), of));
    const argument = (of: Value, what: Value): Value => tup(a('arg'), of, what);
    const swap = [tup(handler(first), second), tup(handler(third), argument(third, fourth))];
    const ways: { readonly [name: string]: () => Flow<Value> } = {
      add: () => call('add_handler', manager, handler(first), argument(first, second)),
      add_sup: () => call('add_sup_handler', manager, handler(first), argument(first, second)),
      delete: () => call('delete_handler', manager, handler(first), second),
      swap: () => call('swap_handler', manager, ...swap),
      swap_sup: () => call('swap_sup_handler', manager, ...swap),
      notify: () => call('notify', manager, first),
      sync_notify: () => call('sync_notify', manager, first),
      call: () => call('call', manager, handler(first), second),
    };
    const way = ways[text(name)];
    let reply: Value = a('ok');
    if (way === undefined) self.send(manager, first);
    else reply = yield* way();
    const handlers = yield* call('which_handlers', manager);
    yield* drain(note);
    note(tup(reply, handlers));
  }
  note(tup(a('state'), yield* getState(self, manager)));
  try {
    yield* call('stop', manager);
  } catch (thrown) {
    if (!(thrown instanceof ExitException)) throw thrown;
  }
  yield* drain(note);
}

function* drain(note: (entry: Value) => void): Flow<void> {
  for (;;) {
    const message = yield* receive({ afterMs: 0 });
    if (message === timedOut) return;
    const logged = tagged(message, a('log'), 2);
    note(logged === null ? tup(a('message'), message) : asValue(logged[1]));
  }
}
