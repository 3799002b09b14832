/** Runs scenarios on the embedded kernel and writes what every process saw, as differential.erl does on a real OTP. */
import type { Cluster } from '../../runtime/embedded/cluster/cluster.ts';
import { ErrorException, ExitException, ThrownValue } from '../../runtime/embedded/kernel/exceptions.ts';
import type { Flow, Received } from '../../runtime/embedded/kernel/flow.ts';
import { receive, timedOut, yieldTurn } from '../../runtime/embedded/kernel/flow.ts';
import { atomText } from '../../runtime/embedded/kernel/module.ts';
import type { Self, TimerRef } from '../../runtime/embedded/kernel/self.ts';
import { elementsOf, isList, isTuple, tagged } from '../../runtime/embedded/kernel/values.ts';
import { nodeOf, testCluster } from '../../runtime/embedded/testKit.ts';
import type { Tuple, Value } from '../../runtime/term/values.ts';
import { Atom, Fun, Pid, Ref, a, tup } from '../../runtime/term/values.ts';
import type { Data, Log, Operation, Scenario } from './scenario.ts';
import { OtpActs } from './embeddedOtp.ts';
import { isTupleData, valueOf, wordOf } from './scenario.ts';

export type Schedule = { readonly is: 'fifo' } | { readonly is: 'random'; readonly seed: number };
type Event = { readonly key: string; readonly sender: string; readonly what: string };
/** What an actor remembers between operations. */
type Memory = { readonly key: string; hold: boolean; trap: boolean; ended: boolean };

/** As a node without distribution is called. */
const nodeName = 'nonode@nohost';
const doing = a('$do');
const m = a('m');

/** Carries out a scenario from beginning to end. */
export function runEmbedded(scenario: Scenario, schedule: Schedule = { is: 'fifo' }): Log {
  return new EmbeddedRun(scenario, schedule).log();
}

export class EmbeddedRun {
  readonly cluster: Cluster;
  readonly #scenario: Scenario;
  readonly #schedule: Schedule;
  readonly #otp: OtpActs;
  readonly #pids = new Map<string, Pid>();
  readonly #names = new Map<Pid | Ref, string>();
  readonly #refs = new Map<string, Ref>();
  readonly #timers = new Map<string, TimerRef>();
  readonly #refCounts = new Map<string, number>();
  #events: Event[] = [];

  constructor(scenario: Scenario, schedule: Schedule) {
    this.#scenario = scenario;
    this.#schedule = schedule;
    this.#otp = new OtpActs({
      event: (key, sender, what) => this.event(key, sender, what),
      pidOf: (data) => this.pidOf(data),
      bear: (pid, name, found) => {
        this.#pids.set(found, pid);
        this.#names.set(pid, name);
      },
      newRef: (self, slot, ref) => (ref instanceof Ref ? this.#newRef({ key: this.#keyOf(self) }, slot, ref) : ref),
      perform: (self, name, operation) => this.#performIn(self, name, operation),
    });
    this.cluster = testCluster([nodeName], {
      modules: [this.#otp.code],
      ...(schedule.is === 'random' && { schedule: 'random', seed: schedule.seed }),
    });
    this.cluster.listen((event) => {
      if (event.is !== 'exited') return;
      const name = this.#names.get(event.pid);
      const died = tup(a('died'), event.pid, event.reason);
      if (name !== undefined && !this.#otp.ended(name, died)) this.event(name, 'died', died);
    });
  }

  log(): Log {
    const node = nodeOf(this.cluster, nodeName);
    const dead = node.spawn({ body: { is: 'flow', run: nothing }, initialCall: actorCall, parent: null });
    this.#pids.set('dead', dead.pid);
    this.#settle(0);
    this.#names.set(dead.pid, 'dead');
    for (let key = 0; key < this.#scenario.actors; key += 1) {
      const process = node.spawn({ body: this.#actor(key), initialCall: actorCall, parent: null });
      this.#bear(key, process.pid);
    }
    this.#settle(0);
    return this.#scenario.steps.flatMap((operations, at) => this.#step(operations, at));
  }

  #step(operations: readonly Operation[], at: number): readonly string[] {
    this.#events = [];
    const node = nodeOf(this.cluster, nodeName);
    const sent = operations.flatMap((operation) => {
      const pid = this.pidOf(operation[1]);
      return node.find(pid) === undefined ? [] : [{ pid, operation }];
    });
    for (const { pid, operation } of sent) node.send(pid, tup(doing, operation));
    this.#settle(Math.max(0, ...sent.map(({ operation }) => pauseMs(operation))));
    const keys = [...new Set(this.#events.map(({ key }) => key))].sort();
    return keys.flatMap((key) =>
      this.#events.filter((event) => event.key === key).map(({ sender, what }) => `${at} ${key} ${sender} ${what}`),
    );
  }

  #settle(ms: number): void {
    this.cluster.runUntil(this.cluster.nowMs + ms);
  }

  /** What process `key` saw; `sender` is whose signal it was. */
  event(key: string, sender: string, what: Value): void {
    this.#events.push({ key, sender, what: this.#text(what) });
  }

  pidOf(data: Data): Pid {
    const pid = this.#pids.get(wordOf(data)) ?? this.#pids.get('dead');
    if (pid === undefined) throw new Error('The run has not begun.');
    return pid;
  }

  #bear(key: number, pid: Pid): void {
    this.#pids.set(String(key), pid);
    this.#names.set(pid, `p${key}`);
  }

  // ------------------------------------------------------------------------------------------------------- actors

  #actor(key: number) {
    const run = (self: Self): Flow<void> =>
      this.#live(self, { key: String(key), hold: false, trap: false, ended: false });
    return { is: 'flow', run } as const;
  }

  *#live(self: Self, memory: Memory): Flow<void> {
    const own = `p${memory.key}`;
    while (!memory.ended) {
      const message = yield* receive(memory.hold ? { match: (candidate) => tagged(candidate, doing, 2) !== null } : {});
      const operation = operationIn(message);
      if (operation !== null) {
        const outcome = yield* this.#act(self, memory, operation);
        if (outcome !== null) this.event(own, 'own', tup(a(operation[0]), outcome.value));
        // Another process may run between any two operations.
        if (this.#schedule.is === 'random' && self.random() < 0.5) yield* yieldTurn();
      } else if (message !== timedOut) this.event(own, this.#senderOf(message), message);
    }
  }

  /** An operation in a child of a supervisor, whose number in the scenario is its name. */
  *#performIn(self: Self, name: string, operation: Operation): Flow<boolean> {
    const memory = { key: name, hold: false, trap: false, ended: false };
    const outcome = yield* this.#act(self, memory, operation);
    if (outcome !== null) this.event(name, 'own', tup(a(operation[0]), outcome.value));
    return memory.ended;
  }

  #keyOf(self: Self): string {
    return (this.#names.get(self.pid) ?? 'other').replace(/^p/, '');
  }

  *#act(self: Self, memory: Memory, operation: Operation): Flow<Outcome> {
    const [name, , first, second, third, fourth] = operation;
    switch (name) {
      case 'spawn':
        this.#spawn(self, memory, Number(first), second ?? 'none');
        return null;
      case 'link':
        return attempt(() => {
          self.link(this.#given(first));
          return true;
        });
      case 'unlink':
        return attempt(() => {
          self.unlink(this.#given(first));
          return true;
        });
      case 'monitor':
        return attempt(() => this.#newRef(memory, second, this.#monitor(self, first, third)));
      case 'demonitor':
        return attempt(() => this.#demonitor(self, memory, first, second));
      case 'exit1':
        return exit1(self, memory, first, valueOf(second ?? 'undefined'));
      case 'exit2':
        self.sendExit(this.#given(first), valueOf(second ?? 'undefined'));
        return null;
      case 'trap': {
        const was = memory.trap;
        memory.trap = first === true;
        self.trapExit(memory.trap);
        return { value: was };
      }
      case 'send':
        return attempt(() => {
          self.send(this.#destination(first), tup(m, self.pid, valueOf(second ?? 'undefined')));
          return a('sent');
        });
      case 'register':
        return attempt(() => {
          self.register(a(wordOf(first)), this.#given(second));
          return true;
        });
      case 'unregister':
        return attempt(() => {
          self.unregister(a(wordOf(first)));
          return true;
        });
      case 'whereis':
        return { value: self.whereis(a(wordOf(first))) ?? undefined };
      case 'alive':
        return { value: self.isAlive(this.#given(first)) };
      case 'alias':
        return {
          value: this.#newRef(memory, first, self.alias(second === 'reply' ? 'reply_demonitor' : 'explicit_unalias')),
        };
      case 'unalias':
        return { value: self.unalias(this.#refOf(self, memory.key, first)) };
      case 'hold':
        memory.hold = first === true;
        return null;
      case 'recv': {
        const match = this.#pattern(self, memory, first ?? 'any');
        const message = yield* receive({ match, afterMs: Number(second) });
        return { value: message === timedOut ? a('timeout') : message };
      }
      case 'timer':
        return attempt(() => this.#timer(self, memory, first, second === 'start_timer', Number(third), fourth));
      case 'cancel':
      case 'read': {
        const timer = this.#timers.get(`${memory.key} ${wordOf(first)}`);
        if (timer === undefined) return { value: false };
        return { value: (name === 'read' ? self.readTimer(timer) : self.cancelTimer(timer)) !== null };
      }
      case 'info':
        return { value: this.#info(this.#given(first)) };
      case 'wait':
        return null;
      default: {
        const outcome = yield* this.#otp.act(self, operation);
        if (outcome === undefined) throw new Error(`There is no operation ${name}.`);
        return outcome;
      }
    }
  }

  #spawn(self: Self, memory: Memory, key: number, how: Data): void {
    const pid = self.spawnBody(this.#actor(key), actorCall, { link: how === 'link' });
    this.#bear(key, pid);
    if (isTupleData(how)) this.#newRef(memory, how[1], self.monitor(pid));
  }

  #monitor(self: Self, target: Data | undefined, options: Data | undefined): Ref {
    const given = new Map(optionsIn(options).map((option) => [option[0], option[1]]));
    const alias = given.get('alias');
    const tag = given.get('tag');
    return self.monitor(typeof target === 'number' ? this.#given(target) : a(wordOf(target)), {
      ...(tag !== undefined && { tag: valueOf(tag) }),
      ...((alias === 'explicit_unalias' || alias === 'demonitor' || alias === 'reply_demonitor') && { alias }),
    });
  }

  #demonitor(self: Self, memory: Memory, slot: Data | undefined, options: Data | undefined): Value {
    const given = optionsIn(options).map(([name]) => name);
    const was = self.demonitor(this.#refOf(self, memory.key, slot), { flush: given.includes('flush') });
    return given.includes('info') ? was : true;
  }

  #timer(
    self: Self,
    memory: Memory,
    slot: Data | undefined,
    started: boolean,
    ms: number,
    to: Data | undefined,
  ): Value {
    const message = tup(m, self.pid, tup(a('timer'), Number(memory.key), valueOf(slot ?? 0)));
    const destination = typeof to === 'number' ? this.#given(to) : a(wordOf(to));
    const timer = started ? self.startTimer(ms, destination, message) : self.sendAfter(ms, destination, message);
    this.#timers.set(`${memory.key} ${wordOf(slot)}`, timer);
    this.#nameRef(memory, timer.ref);
    return timer.ref;
  }

  #info(pid: Pid): Value {
    const process = this.cluster.find(pid);
    if (process === undefined) return undefined;
    const named = (targets: Iterable<Pid | Tuple<readonly [Atom, Atom]>>): Value =>
      [...targets]
        .map((target) => (target instanceof Pid ? (this.#names.get(target) ?? 'other') : target.elements[0].name))
        .sort()
        .map((text) => a(text));
    return tup(
      named(process.links ?? []),
      named([...(process.monitors?.values() ?? [])].map(({ target }) => target)),
      named(process.monitoredBy?.values() ?? []),
      process.name === null ? [] : a(process.name),
      process.trapExit,
      process.mailbox.length,
    );
  }

  #pattern(self: Self, memory: Memory, pattern: Data): (message: Value) => boolean {
    if (pattern === 'exit') return (message) => tagged(message, a('EXIT'), 3) !== null;
    if (!isTupleData(pattern)) return () => true;
    const [kind, wanted] = pattern;
    if (kind === 'down') {
      const ref = this.#refOf(self, memory.key, wanted);
      return (message) => elementsOf(message)?.length === 5 && elementsOf(message)?.[1] === ref;
    }
    const expected = kind === 'from' ? this.#given(wanted) : valueOf(wanted ?? 'undefined');
    return (message) => tagged(message, m, 3)?.[kind === 'from' ? 1 : 2] === expected;
  }

  // -------------------------------------------------------------------------------------------------------- names

  #given(data: Data | undefined): Pid {
    return this.pidOf(data ?? 'dead');
  }

  #destination(data: Data | undefined): Pid | Ref | Atom {
    if (typeof data === 'number') return this.#given(data);
    if (!isTupleData(data)) return a(wordOf(data));
    return this.#refs.get(`${wordOf(data[1])} ${wordOf(data[2])}`) ?? nodeOf(this.cluster, nodeName).makeRef();
  }

  #refOf(self: Self, key: string, slot: Data | undefined): Ref {
    return this.#refs.get(`${key} ${wordOf(slot)}`) ?? self.makeRef();
  }

  #newRef(memory: Pick<Memory, 'key'>, slot: Data | undefined, ref: Ref): Ref {
    this.#refs.set(`${memory.key} ${wordOf(slot)}`, ref);
    this.#nameRef(memory, ref);
    return ref;
  }

  #nameRef({ key }: Pick<Memory, 'key'>, ref: Ref): void {
    const count = (this.#refCounts.get(key) ?? 0) + 1;
    this.#refCounts.set(key, count);
    this.#names.set(ref, `r${key}_${count}`);
  }

  /** Whose signal made this message: what one process sends stays in order. */
  #senderOf(message: Value): string {
    const elements = elementsOf(message) ?? [];
    const by = elements.length === 5 && elements[2] === a('process') ? elements[3] : elements[1];
    const isSignal = elements.length === 3 && (elements[0] === a('EXIT') || elements[0] === m);
    return by instanceof Pid && (isSignal || elements.length === 5) ? (this.#names.get(by) ?? 'other') : 'some';
  }

  /** As `io_lib:format("~w")` prints it, with pids and references by their names. */
  #text(value: unknown): string {
    if (value instanceof Pid) return this.#names.get(value) ?? 'other';
    if (value instanceof Ref) return this.#names.get(value) ?? 'ref';
    if (value instanceof Fun) return "'fun'";
    if (value instanceof Atom) return atomText(value.name);
    if (isTuple(value))
      return `{${withoutStacktrace(value.elements)
        .map((element) => this.#text(element))
        .join(',')}}`;
    if (isList(value)) return `[${value.map((element) => this.#text(element)).join(',')}]`;
    if (value === null) return 'nil';
    if (typeof value === 'string') return JSON.stringify(value);
    if (typeof value === 'number' || typeof value === 'boolean' || value === undefined) return String(value);
    const entries = value instanceof Map ? [...value] : Object.entries(value).map(([key, held]) => [a(key), held]);
    return `#{${entries
      .map(([key, held]) => `${this.#text(key)} => ${this.#text(held)}`)
      .sort()
      .join(',')}}`;
  }
}

type Outcome = { readonly value: Value } | null;

/** `try {value, F()} catch C:R -> {value, {C, R}} end`. */
function attempt(work: () => Value): Outcome {
  try {
    return { value: work() };
  } catch (thrown) {
    if (thrown instanceof ErrorException) return { value: tup(a('error'), thrown.reason) };
    throw thrown;
  }
}

function exit1(self: Self, memory: Memory, how: Data | undefined, reason: Value): Outcome {
  switch (how) {
    case 'exit':
      throw new ExitException(reason);
    case 'error':
      return self.error(reason);
    case 'throw':
      throw new ThrownValue(reason);
    default:
      memory.ended = true;
      return null;
  }
}

const actorCall = { module: 'differential', function: 'actor', arity: 1 };

function* nothing(): Flow<void> {
  yield* [];
}

function isOperation(_value: unknown): _value is Operation {
  return true;
}
function operationIn(message: Received): Operation | null {
  const operation = message === timedOut ? undefined : tagged(message, doing, 2)?.[1];
  return operation !== undefined && isOperation(operation) ? operation : null;
}

function optionsIn(options: Data | undefined): readonly (readonly Data[])[] {
  const list = typeof options === 'object' && !isTupleData(options) && 'list' in options ? options.list : [];
  return list.map((option) => (isTupleData(option) ? option : [option]));
}

/** `{Reason, Stacktrace}` with an empty one: ours names no lines. */
function withoutStacktrace(elements: readonly unknown[]): readonly unknown[] {
  const [reason, stack] = elements;
  if (elements.length !== 2 || !isList(stack)) return elements;
  const frame = elementsOf(stack[0]);
  const isCall = frame?.length === 4 && frame[0] instanceof Atom && frame[1] instanceof Atom && isList(frame[3]);
  return isCall && (isList(frame[2]) || typeof frame[2] === 'number') ? [reason, []] : elements;
}

/** How long an operation needs, where time is part of it. */
function pauseMs([name, , , second, third]: Operation): number {
  if (name === 'wait') return Number(second);
  if (name === 'timer') return third === 1 ? 6 : 0;
  return name === 'recv' && second === 1 ? 6 : 0;
}
