/** State machines drawn from a seed, and running them on the embedded runtime's gen_statem. */
import type { Value } from '../../runtime/term/values.ts';
import { a, Pid, toTerm, tup } from '../../runtime/term/values.ts';
import { compareTerms } from '../../runtime/term/order.ts';
import { printTerm } from '../../runtime/term/print.ts';
import { ExitException } from '../../runtime/embedded/kernel/exceptions.ts';
import type { Flow } from '../../runtime/embedded/kernel/flow.ts';
import { receive, timedOut } from '../../runtime/embedded/kernel/flow.ts';
import type { CodeModule } from '../../runtime/embedded/kernel/module.ts';
import { seededPrng } from '../../runtime/embedded/kernel/prng.ts';
import type { Self } from '../../runtime/embedded/kernel/self.ts';
import { asValue, elementsOf, isList, tagged } from '../../runtime/embedded/kernel/values.ts';
import { getState, getStatus } from '../../runtime/embedded/otp/sys.ts';
import { inProcess, testCluster } from '../../runtime/embedded/testKit.ts';

export type Scenario = {
  readonly mode: readonly Value[];
  readonly state: Value;
  readonly actions: readonly Value[];
  /** What each state answers to each type of event, for the contents 0, 1, … in turn. */
  readonly rules: ReadonlyMap<string, { readonly key: Value; readonly answers: readonly Value[] }>;
  readonly inputs: readonly Value[];
};

const states = ['s0', 's1', 's2'].map(a);
const data = a('data');
const timeoutTypes = [a('timeout'), a('state_timeout'), tup(a('timeout'), a('a')), tup(a('timeout'), a('b'))];
const eventTypes = [a('cast'), a('info'), a('internal'), ...timeoutTypes];
/** Long enough never to come while a scenario runs. */
const never = 100_000;

/** The term in Erlang's syntax. */
export function text(value: Value): string {
  const term = toTerm(value);
  if (!term.ok) throw new Error(term.error.message);
  return printTerm(term.value, { syntax: 'erlang', maxLength: 1_000_000 });
}

class Maker {
  readonly #prng;

  constructor(seed: number) {
    this.#prng = seededPrng(seed);
  }

  below(limit: number): number {
    return this.#prng.below(limit);
  }
  /** True `percent` times in a hundred. */
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
  pick<T>(from: readonly T[]): T {
    const picked = from[this.below(from.length)];
    if (picked === undefined) throw new Error('nothing to pick from');
    return picked;
  }
  some<T>(most: number, make: () => T): readonly T[] {
    return Array.from({ length: this.below(most + 1) }, make);
  }

  timeout(): Value {
    const type = this.pick(timeoutTypes);
    const content = this.below(4);
    switch (this.below(8)) {
      case 0:
        return tup(type, never, content);
      case 1:
        return tup(type, a('cancel'));
      case 2:
        return tup(type, a('update'), content);
      case 3:
        return tup(type, a('infinity'), content);
      case 4:
        return tup(type, never, content, [tup(a('abs'), false)]);
      case 5:
        return this.pick<Value>([0, never]);
      default:
        return tup(type, 0, content);
    }
  }
  action(isEnter: boolean): Value {
    if (isEnter && this.chance(97)) return this.chance(80) ? this.timeout() : a('hibernate');
    const draw = this.below(100);
    if (draw < 25) return this.pick([a('postpone'), tup(a('postpone'), true), tup(a('postpone'), false)]);
    if (draw < 45) return tup(a('next_event'), this.pick(eventTypes), this.below(4));
    if (draw < 52) return this.pick([a('hibernate'), tup(a('hibernate'), false)]);
    if (draw < 53) return this.pick([a('nonsense'), tup(a('pop_callback_module')), a('pop_callback_module')]);
    return this.timeout();
  }
  answer(isEnter: boolean): Value {
    const actions = this.some(3, () => this.action(isEnter));
    const draw = isEnter && this.chance(95) ? 60 + this.below(36) : this.below(100);
    if (draw < 45) return tup(a('next_state'), this.pick(states), data, actions);
    if (draw < 52) return tup(a('next_state'), this.pick(states), data);
    if (draw < 60) return this.pick([tup(a('repeat_state'), data, actions), a('repeat_state_and_data')]);
    if (draw < 75) return tup(a('keep_state'), data, actions);
    if (draw < 92) return tup(a('keep_state_and_data'), actions);
    if (draw < 97) return a('keep_state_and_data');
    return this.pick<Value>([a('stop'), tup(a('stop'), a('bye')), tup(a('stop'), a('bye'), data), a('nonsense')]);
  }
}

/** The machine and its inputs of a seed. */
export function makeScenario(seed: number): Scenario {
  const maker = new Maker(seed);
  const rules = new Map<string, { readonly key: Value; readonly answers: readonly Value[] }>();
  for (const state of states) {
    for (const type of [...eventTypes, a('enter')]) {
      if (maker.chance(15)) continue;
      const isEnter = type === a('enter');
      const key = tup(state, type);
      const answers = Array.from({ length: isEnter ? 1 : 4 }, () => maker.answer(isEnter));
      rules.set(text(key), { key, answers });
    }
  }
  return {
    mode: maker.chance(50) ? [a('state_enter')] : [],
    state: maker.pick(states),
    actions: maker.some(2, () => maker.timeout()),
    rules,
    inputs: Array.from({ length: 3 + maker.below(6) }, () =>
      tup(maker.pick([a('cast'), a('cast'), a('info')]), maker.below(4)),
    ),
  };
}

/** The scenario as machines.erl reads it. */
export function scenarioText({ mode, state, actions, rules, inputs }: Scenario): string {
  const map = [...rules.values()].map(({ key, answers }) => `${text(key)} => ${text(answers)}`).join(', ');
  return `{${text(mode)}, ${text(tup(state, actions))}, #{${map}}, ${text(inputs)}}.\n`;
}

// ------------------------------------------------------------------------------------------------------------ running

const fuelOfScenario = 60;

function machineModule(scenario: Scenario, note: (entry: Value) => void): CodeModule {
  let fuel = fuelOfScenario;
  return {
    name: 'machines',
    functions: {
      'init/1': () => tup(a('ok'), scenario.state, data, scenario.actions),
      'callback_mode/0': () => [a('handle_event_function'), ...scenario.mode],
      'handle_event/4'(_self, type, content, state) {
        note(tup(type, content, state));
        fuel -= 1;
        const answers = scenario.rules.get(text(tup(state, type)))?.answers ?? [];
        const at = typeof content === 'number' ? content % Math.max(1, answers.length) : 0;
        return fuel < 0 ? a('keep_state_and_data') : (answers[at] ?? a('keep_state_and_data'));
      },
    },
  };
}

/** What each event met, as machines.erl prints it. */
export function runHere(scenario: Scenario): string {
  const log: Value[] = [];
  const note = (entry: Value): void => void log.push(entry);
  const cluster = testCluster(['one@sim'], { modules: [machineModule(scenario, note)] });
  inProcess(cluster, (self) => feed(self, scenario.inputs, note));
  return text(log);
}

function* feed(self: Self, inputs: readonly Value[], note: (entry: Value) => void): Flow<void> {
  const started = yield* self.apply('gen_statem', 'start_monitor', [a('machines'), [], []]);
  const [pid, monitor] = (elementsOf(asValue(elementsOf(started)?.[1])) ?? []).map(asValue);
  if (!(pid instanceof Pid)) throw new Error(`not started: ${text(started)}`);
  for (const input of [null, ...inputs]) {
    const [how, content] = (elementsOf(input) ?? []).map(asValue);
    if (how === a('cast')) yield* self.apply('gen_statem', 'cast', [pid, content]);
    else if (input !== null) self.send(pid, content);
    const state = yield* stateOf(self, pid);
    if (state === null) {
      const down = yield* receive({ match: (message) => tagged(message, a('DOWN'), 5)?.[1] === monitor });
      note(tup(a('ended'), withoutStack(down === timedOut ? null : asValue(elementsOf(down)?.[4]))));
      return;
    }
    note(tup(a('now'), state));
  }
  const items = asValue(elementsOf(yield* getStatus(self, pid))?.[3]);
  const misc = isList(items) ? items[4] : null;
  const block = isList(misc) ? misc.find((one) => tagged(one, a('data'), 2) !== null) : undefined;
  const pairs = asValue(elementsOf(block)?.[1]);
  const [, , , timeouts, , postponed] = isList(pairs) ? pairs.map((pair) => asValue(elementsOf(pair)?.[1])) : [];
  const pending = asValue(elementsOf(timeouts)?.[1]);
  note(tup(a('left'), isList(pending) ? sorted(pending.map(asValue)) : null, postponed));
}

function* stateOf(self: Self, pid: Pid): Flow<Value> {
  try {
    return asValue(elementsOf(yield* getState(self, pid))?.[0]);
  } catch (thrown) {
    if (thrown instanceof ExitException) return null;
    throw thrown;
  }
}

function withoutStack(reason: Value): Value {
  const [first, second, ...more] = (elementsOf(reason) ?? []).map(asValue);
  return more.length === 0 && isList(second) ? first : reason;
}

function sorted(values: readonly Value[]): readonly Value[] {
  return values
    .flatMap((value) => {
      const term = toTerm(value);
      return term.ok ? [{ value, term: term.value }] : [];
    })
    .sort((one, other) => compareTerms(one.term, other.term))
    .map(({ value }) => value);
}
