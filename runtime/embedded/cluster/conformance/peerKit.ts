/** For the cases of OTP's suites that need several nodes: a cluster on which functions are called on any node, also on a parted one. */
import { expect } from 'vitest';
import type { Value } from '../../../term/values.ts';
import { a, Pid } from '../../../term/values.ts';
import type { ClusterOptions } from '../cluster.ts';
import type { Cluster } from '../cluster.ts';
import type { Flow } from '../../kernel/flow.ts';
import { receive, sleep, timedOut } from '../../kernel/flow.ts';
import { ErrorException, ExitException, ThrownValue } from '../../kernel/exceptions.ts';
import type { Process } from '../../kernel/process.ts';
import type { Self } from '../../kernel/self.ts';
import { inProcess, nodeOf, shown, spawn, testCluster } from '../../testKit.ts';

export const [n0, n1, n2, n3] = ['n0@sim', 'n1@sim', 'n2@sim', 'n3@sim'];

export class Lab {
  readonly cluster: Cluster;

  constructor(nodes: readonly string[], options: Partial<ClusterOptions> & { readonly seed?: number } = {}) {
    this.cluster = testCluster(nodes, options);
  }

  /** Lets `ms` pass. */
  settle(ms = 50): void {
    this.cluster.runUntil(this.cluster.nowMs + ms);
  }

  /** Runs code in a process of its own on a node, and answers what it answers. */
  run<T>(node: string, run: (self: Self) => Flow<T>, forMs = 120_000): T {
    return inProcess(this.cluster, run, forMs, node);
  }

  /** Calls a function in a process of its own on a node. */
  on(node: string, module: string, name: string, args: readonly Value[] = []): Value {
    return this.run(node, (self) => self.apply(module, name, args));
  }

  /** A process that waits for ever. */
  forever(node: string): Process {
    return spawn(nodeOf(this.cluster, node), function* () {
      for (;;) yield* sleep(1_000_000_000);
    });
  }

  kill(process: Process): void {
    process.node.end(process, a('killed'));
    this.settle(10);
  }

  /** A process that keeps what it is sent, after it has run `first`. */
  listener(
    node: string,
    first?: (self: Self) => Flow<unknown> | undefined,
  ): { readonly process: Process; readonly got: Value[] } {
    const got: Value[] = [];
    const process = spawn(nodeOf(this.cluster, node), function* (self) {
      self.trapExit(true);
      const flow = first?.(self);
      if (flow !== undefined) yield* flow;
      for (;;) {
        const message = yield* receive();
        if (message !== timedOut) got.push(message);
      }
    });
    this.settle(20);
    return { process, got };
  }

  connect(one: string, other: string): void {
    expect(this.on(one, 'net_kernel', 'connect_node', [a(other)])).toBe(true);
    this.settle();
  }
  disconnect(one: string, other: string): void {
    expect(this.on(one, 'erlang', 'disconnect_node', [a(other)])).toBe(true);
    this.settle();
  }
}

/** `Class:Reason` of what a function does instead of answering. */
export function thrownBy(run: () => unknown): {
  readonly kind: string;
  readonly reason: Value;
  readonly stack: readonly Value[];
} {
  try {
    run();
  } catch (thrown) {
    if (thrown instanceof ErrorException) return { kind: 'error', reason: thrown.reason, stack: thrown.stacktrace };
    if (thrown instanceof ExitException) return { kind: 'exit', reason: thrown.reason, stack: [] };
    if (thrown instanceof ThrownValue) return { kind: 'throw', reason: thrown.value, stack: [] };
    throw thrown;
  }
  throw new Error('It answered.');
}

export function pidsOf(...processes: readonly Process[]): readonly Pid[] {
  return processes.map(({ pid }) => pid);
}
/** In an order of their own, so that lists of pids can be compared whatever theirs is. */
export function sortedPids(value: Value): readonly string[] {
  expect(Array.isArray(value)).toBe(true);
  return (Array.isArray(value) ? value : []).map((pid) => (pid instanceof Pid ? pid.toString() : 'no pid')).sort();
}

/** What a call came to, as `ok:Value`, `throw:Reason`, `exit:Reason` or `error:Reason`, printed as {@link shown} does. */
export function* outcome(run: Flow<Value>): Flow<string> {
  try {
    return `ok:${shown(yield* run)}`;
  } catch (thrown) {
    const { kind, reason } = thrownBy(() => {
      throw thrown;
    });
    return `${kind}:${shown(reason)}`;
  }
}

/** Takes all messages that are there, as {@link shown}. */
export function* flushed(): Flow<readonly string[]> {
  const all: string[] = [];
  for (;;) {
    const message = yield* receive({ afterMs: 0 });
    if (message === timedOut) return all;
    all.push(shown(message));
  }
}

/** A process that does one thing after the other, and lives on between them. */
export class Actor {
  readonly process: Process;
  readonly #lab: Lab;
  readonly #tasks: ((self: Self) => Flow<void>)[] = [];

  constructor(lab: Lab, node: string) {
    this.#lab = lab;
    const tasks = this.#tasks;
    this.process = spawn(nodeOf(lab.cluster, node), function* (self) {
      for (;;) {
        yield* receive({ match: (message) => message === wake });
        const task = tasks.shift();
        if (task !== undefined) yield* task(self);
      }
    });
  }

  get pid(): Pid {
    return this.process.pid;
  }

  /** Begins to do it; what it answers is there when it is done. */
  begin<T>(run: (self: Self) => Flow<T>): { readonly answer: T | null } {
    const done: { answer: T | null } = { answer: null };
    this.#tasks.push(function* (self) {
      done.answer = yield* run(self);
    });
    this.process.node.deliver(this.process, wake);
    return done;
  }

  /** Does it, for at most two minutes. */
  does<T>(run: (self: Self) => Flow<T>): T {
    const done = this.begin(run);
    for (let waitedMs = 0; done.answer === null && waitedMs < 120_000; waitedMs += 10) this.#lab.settle(10);
    if (done.answer === null) throw new Error('It is not done in time.');
    return done.answer;
  }

  applies(module: string, name: string, ...args: readonly Value[]): Value {
    return this.does(function* (self): Flow<{ readonly value: Value }> {
      return { value: yield* self.apply(module, name, args) };
    }).value;
  }

  ends(): void {
    this.#lab.kill(this.process);
    this.#lab.settle(20);
  }
}
const wake = a('$actor');
