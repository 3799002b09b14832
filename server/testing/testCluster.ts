/** A simulated cluster as a test holds it: operations through the pipeline, faults, time that passes when the test says so. */
import { AssertionError } from 'node:assert';
import { callOptions, longestMs } from '../../runtime/callOptions.ts';
import { isResult } from '../../runtime/callGuard.ts';
import { failure, timedOut } from '../../runtime/errors.ts';
import type { Json, NodeName, Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import { seededPrng } from '../../runtime/embedded/kernel/prng.ts';
import { isMethodName } from '../../runtime/port.ts';
import { methodOf } from '../../runtime/portFacade.ts';
import type { Simulation } from '../../runtime/embedded/testing/simulation.ts';
import { isJson } from '../core/plainData.ts';
import { defaultTimeoutMs } from '../core/limits.ts';
import { assertOperationSuccess } from './assertions.ts';
import type { Call, Params, RecordedCall } from './calls.ts';
import type { Operator } from './operator.ts';

export type RunOptions = {
  /** Of the cluster's own time; the operation's own limit, or 30 s, unless said. */
  readonly timeoutMs?: number;
};
export type EventuallyOptions = {
  /** Of the cluster's own time; 60,000 unless said. */
  readonly withinMs?: number;
  /** How much time passes between two looks; 50 ms unless said. */
  readonly everyMs?: number;
};

export interface Chance {
  /** The next number in [0, 1). */
  next(): number;
  /** The next whole number from 0 and less than `below`. */
  below(below: number): number;
  /** One of these, of which there must be one. */
  pick<T>(from: readonly T[]): T;
}

/** What a test is given. All times are the cluster's own; none passes by itself. */
export interface TestCluster {
  readonly seed: number;
  /** The nodes there are, up or down. */
  readonly nodes: readonly NodeName[];
  /** The cluster's own time since it was started, in milliseconds. */
  readonly nowMs: number;
  /** Chance of the seed's, for what a test does; apart from what the cluster draws. */
  readonly chance: Chance;
  /** Runs an operation as every surface does, through the pipeline; time passes while it waits. Never rejects. */
  run(operation: string, params?: Params, options?: RunOptions): Promise<Result<Json>>;
  /** The same, and its result; throws when it fails. */
  result(operation: string, params?: Params, options?: RunOptions): Promise<Json>;
  /** Lets time pass, with all that happens in it. */
  advance(ms: number): Promise<void>;
  /** Ends a node at once, as `kill -9` does. */
  crash(node: NodeName): Promise<void>;
  /** Starts a node that is down, as a new incarnation; one that is up is crashed before. */
  restart(node: NodeName): Promise<void>;
  /** Stops a node where it stands; `heal` lets it go on. */
  hang(node: NodeName): Promise<void>;
  /** Parts the nodes. `cut` closes the connections; `blackhole` loses all without a sign. `cut` unless said. */
  partition(islands: readonly (readonly NodeName[])[], mode?: 'cut' | 'blackhole'): Promise<void>;
  /** Makes what `from` sends to `to` late. */
  delay(from: NodeName, to: NodeName, delayMs: number, jitterMs?: number): Promise<void>;
  /** Loses a share (0 to 1) of what `from` sends to `to`; it is sent again, and late. */
  drop(from: NodeName, to: NodeName, lossRatio: number): Promise<void>;
  /** Takes all of these faults back, but for nodes that were crashed. */
  heal(): Promise<void>;
  /** The id of the process that has this local name on the node; null when none has. `Shop.Cart` is Elixir's `Elixir.Shop.Cart`. */
  whereis(node: NodeName, name: string): string | null;
  /**
   * Looks again and again, time passing in between, until `check` answers something true and does not throw; answers that. Throws what
   * `check` threw last when the time is over.
   */
  eventually<T>(check: () => T | Promise<T>, options?: EventuallyOptions): Promise<T>;
  /** Everything that happened, a line each: `MILLISECONDS WHAT …`; the first 100,000. */
  readonly events: readonly string[];
  /** SHA-256 of all events: equal for equal runs. */
  readonly eventsSha256: string;
}

export type CallPlan = {
  /** The calls, counted from 0 as they come, that are not made. */
  readonly leftOut: ReadonlySet<number>;
};

/** The code of what was left out of a run that is being made simpler. */
const leftOutCode = 'scenario.left_out';

export class SimulatedTestCluster implements TestCluster {
  readonly seed: number;
  readonly chance: Chance;
  readonly calls: RecordedCall[] = [];
  /** What was asked for, left out or not, by its number. */
  readonly asked: Call[] = [];
  readonly #simulation: Simulation;
  readonly #operator: Operator;
  readonly #plan: CallPlan;

  constructor(simulation: Simulation, operator: Operator, seed: number, plan: CallPlan) {
    this.#simulation = simulation;
    this.#operator = operator;
    this.seed = seed;
    this.#plan = plan;
    this.chance = chanceOf(seed);
  }

  get nodes(): readonly NodeName[] {
    return this.#simulation.cluster.names;
  }
  get nowMs(): number {
    return this.#simulation.cluster.nowMs;
  }
  get events(): readonly string[] {
    return this.#simulation.log.lines;
  }
  get eventsSha256(): string {
    return this.#simulation.log.sha256;
  }

  run(operation: string, params: Params = {}, options: RunOptions = {}): Promise<Result<Json>> {
    const own = this.#operator.registry.find(operation)?.operation.timeoutMs;
    const { timeoutMs = own ?? defaultTimeoutMs } = options;
    return this.enter({ is: 'operation', name: operation, params, timeoutMs });
  }

  async result(operation: string, params: Params = {}, options: RunOptions = {}): Promise<Json> {
    return assertOperationSuccess(await this.run(operation, params, options));
  }

  async advance(ms: number): Promise<void> {
    if (!(Number.isFinite(ms) && ms >= 0)) throw new RangeError('Time passes by a number of milliseconds from 0.');
    await this.#simulation.clock.step(ms, new AbortController().signal);
  }

  crash(node: NodeName): Promise<void> {
    return this.#fault('crash_node', { node });
  }
  restart(node: NodeName): Promise<void> {
    return this.#fault('restart_node', { node });
  }
  hang(node: NodeName): Promise<void> {
    return this.#fault('hang_node', { node });
  }
  partition(islands: readonly (readonly NodeName[])[], mode: 'cut' | 'blackhole' = 'cut'): Promise<void> {
    return this.#fault('partition_cluster', { islands, mode });
  }
  delay(from: NodeName, to: NodeName, delayMs: number, jitterMs = 0): Promise<void> {
    return this.#fault('delay_link', { from, to, delayMs, jitterMs });
  }
  drop(from: NodeName, to: NodeName, lossRatio: number): Promise<void> {
    return this.#fault('drop_link', { from, to, lossRatio });
  }
  heal(): Promise<void> {
    return this.#fault('heal_cluster', {});
  }

  whereis(node: NodeName, name: string): string | null {
    return this.#simulation.whereis(node, name) ?? this.#simulation.whereis(node, `Elixir.${name}`);
  }

  async eventually<T>(check: () => T | Promise<T>, options: EventuallyOptions = {}): Promise<T> {
    const { withinMs = 60_000, everyMs = 50 } = options;
    const untilMs = this.nowMs + withinMs;
    const overdue = new AssertionError({
      message: `It was not so within ${withinMs} ms of the cluster’s time (seed ${this.seed}).`,
      operator: 'eventually',
    });
    for (;;) {
      try {
        const found = await check();
        if (Boolean(found) || found === undefined) return found;
      } catch (thrown) {
        if (!(thrown instanceof Error) || this.nowMs >= untilMs) throw thrown;
      }
      if (this.nowMs >= untilMs) throw overdue;
      await this.advance(everyMs);
    }
  }

  /** Makes a call, unless it is to be left out. */
  async enter(call: Call): Promise<Result<Json>> {
    const number = this.asked.length;
    this.asked.push(call);
    if (this.#plan.leftOut.has(number)) {
      return failure('cancelled', leftOutCode, 'This call was left out.', 'Run the scenario as it was recorded.');
    }
    const atMs = this.nowMs;
    const at = this.calls.length;
    this.calls.push({ ...call, atMs, outcome: 'unanswered' });
    const answer = await this.#within(call.timeoutMs, call.name, (signal) => this.#made(call, signal));
    const outcome = answer.ok ? 'ok' : answer.error.code;
    this.calls[at] = { ...call, atMs, outcome };
    this.#simulation.log.add(`${this.nowMs} answered ${call.name} ${outcome}`);
    return answer;
  }

  async #made(call: Call, signal: AbortSignal): Promise<Result<Json>> {
    if (call.is === 'port') return this.#onPort(call, signal);
    return this.#operator.run(call.name, call.params, signal);
  }

  async #onPort({ name, params }: Call, signal: AbortSignal): Promise<Result<Json>> {
    const method = isMethodName(name) ? methodOf(this.#simulation.runtime.port, name) : null;
    const answer = await method?.(params, callOptions(longestMs, signal, 'replay'));
    if (!isResult(answer)) {
      return failure('validation', 'scenario.no_method', `There is no method ${name}.`, 'Record the scenario anew.');
    }
    if (!answer.ok) return answer;
    return ok(isJson(answer.value) ? answer.value : null);
  }

  /** Cuts a call off by the cluster's time: it passes while a call waits, however fast this machine is. */
  async #within(
    timeoutMs: number,
    what: string,
    run: (signal: AbortSignal) => Promise<Result<Json>>,
  ): Promise<Result<Json>> {
    const { timers } = this.#simulation.cluster;
    const control = new AbortController();
    const timer = timers.set(this.nowMs + timeoutMs, () => control.abort());
    const answer = await run(control.signal);
    timers.cancel(timer);
    if (answer.ok || !control.signal.aborted || answer.error.class !== 'cancelled') return answer;
    return timedOut(what, answer.error.effect);
  }

  async #fault(operation: string, params: Params): Promise<void> {
    const answer = await this.run(operation, params);
    if (!answer.ok && answer.error.code !== leftOutCode) assertOperationSuccess(answer);
  }
}

function chanceOf(seed: number): Chance {
  const prng = seededPrng(seed).split('scenario');
  return {
    next: () => prng.next(),
    below: (below) => prng.below(below),
    pick(from) {
      const picked = from.at(prng.below(from.length));
      if (picked === undefined) throw new RangeError('There is nothing to pick from.');
      return picked;
    },
  };
}
