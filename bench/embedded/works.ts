/** What the benchmarks of the simulated runtime do, each as a function of how often. One node, nothing on it but system processes. */
import { Cluster } from '../../runtime/embedded/cluster/cluster.ts';
import { ExitException } from '../../runtime/embedded/kernel/exceptions.ts';
import type { Flow } from '../../runtime/embedded/kernel/flow.ts';
import type { KernelNode } from '../../runtime/embedded/kernel/node.ts';
import { seededPrng } from '../../runtime/embedded/kernel/prng.ts';
import type { Handler, Process } from '../../runtime/embedded/kernel/process.ts';
import type { Self } from '../../runtime/embedded/kernel/self.ts';
import { TraceRing, traceFlag } from '../../runtime/embedded/kernel/trace.ts';
import { call, cast } from '../../runtime/embedded/otp/gen.ts';
import type { ServerModule } from '../../runtime/embedded/otp/genServer.ts';
import { noreply, reply, startServer, startedPid } from '../../runtime/embedded/otp/genServer.ts';
import type { Value } from '../../runtime/term/values.ts';
import { Pid, a, tup } from '../../runtime/term/values.ts';

const initialCall = { module: 'bench', function: 'run', arity: 0 };

export function benchCluster(schedule: 'fifo' | 'random' = 'fifo', processLimit?: number): Cluster {
  const cluster = new Cluster({
    nodes: ['one@sim'],
    prng: seededPrng(1),
    modules: [],
    applications: [],
    boot: [],
    latencyMs: { min: 1, max: 3 },
    schedule,
    ...(processLimit !== undefined && { processLimit }),
  });
  cluster.runUntil(20);
  return cluster;
}

export function nodeOf(cluster: Cluster): KernelNode {
  const node = cluster.node('one@sim');
  if (node === null) throw new Error('The node is down.');
  return node;
}

export function spawnHandler(node: KernelNode, handler: Handler): Process {
  return node.spawn({ body: { is: 'handler', handler }, initialCall, parent: null });
}

function spawnFlow(node: KernelNode, run: (self: Self) => Flow<unknown>): Process {
  return node.spawn({ body: { is: 'flow', run }, initialCall, parent: null });
}

/** Sends each number on, less one, to the other. */
class Player implements Handler {
  other: Pid | null = null;
  left = 0;
  handle(self: Self, message: Value): void {
    if (typeof message !== 'number') return;
    this.left = message;
    if (message > 0 && this.other !== null) self.send(this.other, message - 1);
  }
  state(): Value {
    return this.left;
  }
}

function players(node: KernelNode): Process {
  const [one, other] = [new Player(), new Player()];
  const first = spawnHandler(node, one);
  const second = spawnHandler(node, other);
  one.other = second.pid;
  other.other = first.pid;
  return first;
}

/** `count` round trips between two handlers. */
export function pingPong(count: number): void {
  const cluster = benchCluster();
  const node = nodeOf(cluster);
  node.deliver(players(node), 2 * count);
  cluster.run(() => false);
}

/** The same while every message is traced, sent and received, and the ring drained in time. */
export function tracedPingPong(count: number): void {
  const cluster = benchCluster();
  const node = nodeOf(cluster);
  const first = players(node);
  const ring = new TraceRing(8192);
  traceMessages(node, ring);
  const each = 1000;
  for (let done = 0; done < count; done += each) {
    node.deliver(first, 2 * Math.min(each, count - done));
    cluster.run(() => false);
    ring.discard();
  }
  if (ring.dropped > 0) throw new Error(`${ring.dropped} trace events were dropped.`);
}

function traceMessages(node: KernelNode, ring: TraceRing): void {
  node.tracer = ring;
  for (const process of node.processes.values()) process.traceFlags = traceFlag.send | traceFlag.receive;
}

/** The same in the shape of {@link tracedPingPong}, untraced, to compare with. */
export function pingPongInParts(count: number): void {
  const cluster = benchCluster();
  const node = nodeOf(cluster);
  const first = players(node);
  const each = 1000;
  for (let done = 0; done < count; done += each) {
    node.deliver(first, 2 * Math.min(each, count - done));
    cluster.run(() => false);
  }
}

const counter: ServerModule<number> = {
  module: 'counter',
  init: (_self, argument) => ({ is: 'ok', state: typeof argument === 'number' ? argument : 0 }),
  handleCall: (_self, _request, _from, state) => reply(state, state + 1),
  handleCast: (_self, _message, state) => noreply(state + 1),
  show: (state) => state,
};

const increment = a('increment');

function withServer(run: (self: Self, server: Pid, node: KernelNode) => Flow<void>): void {
  const cluster = benchCluster();
  const node = nodeOf(cluster);
  const client = { finished: false };
  spawnFlow(node, function* (self) {
    const server = startedPid(yield* startServer(self, counter, 0));
    if (!(server instanceof Pid)) throw new Error('The server has not started.');
    yield* run(self, server, node);
    client.finished = true;
  });
  cluster.runUntil(cluster.nowMs + 1000);
  if (!client.finished) throw new Error('The client has not finished.');
}

/** `count` calls to a gen_server, each with the usual time-out and alias. */
export function calls(count: number): void {
  withServer(function* (self, server) {
    for (let at = 0; at < count; at += 1) yield* call(self, server, increment);
  });
}

/** The same while every message of both is traced, sent and received, and the ring drained in time. */
export function callsTraced(count: number): void {
  withServer(function* (self, server, node) {
    const ring = new TraceRing(8192);
    traceMessages(node, ring);
    for (let at = 0; at < count; at += 1) {
      yield* call(self, server, increment);
      if (at % 1000 === 0) ring.discard();
    }
    if (ring.dropped > 0) throw new Error(`${ring.dropped} trace events were dropped.`);
  });
}

/** The same by a client that has 100,000 messages waiting, which none of the calls is about. */
export function callsOverBacklog(count: number): void {
  withServer(function* (self, server) {
    for (let at = 0; at < 100_000; at += 1) self.send(self.pid, at);
    for (let at = 0; at < count; at += 1) yield* call(self, server, increment);
  });
}

/** `count` casts to a gen_server, a call after each thousand so that its mailbox stays small. */
export function casts(count: number): void {
  withServer(function* (self, server) {
    for (let at = 1; at <= count; at += 1) {
      cast(self, server, increment);
      if (at % 1000 === 0) yield* call(self, server, increment);
    }
  });
}

/** One process sends `count` messages to another, which counts them. */
export function flood(count: number): void {
  const cluster = benchCluster();
  const node = nodeOf(cluster);
  let received = 0;
  const sink = spawnHandler(node, { handle: () => void (received += 1), state: () => received });
  let left = count;
  const source = spawnHandler(node, {
    handle: (self, message) => {
      for (let at = 0; at < 1000 && left > 0; at += 1, left -= 1) self.send(sink.pid, message);
      if (left > 0) self.send(self.pid, message);
    },
    state: () => left,
  });
  node.deliver(source, increment);
  cluster.run(() => false);
  if (received !== count) throw new Error(`${received} of ${count} messages came.`);
}

const ended = new ExitException(a('normal'));

/** Handlers that end at once, with reason normal, spawned by one process. */
export function spawnHandlers(count: number): void {
  const body = {
    is: 'handler',
    handler: { start: () => ended, handle: () => undefined, state: () => null },
  } as const;
  spawning(count, (self) => self.spawnBody(body, initialCall));
}

/** Generators that end at once. */
export function spawnFlows(count: number): void {
  const body = {
    is: 'flow',
    *run(): Flow<void> {
      // It has nothing to do.
    },
  } as const;
  spawning(count, (self) => self.spawnBody(body, initialCall));
}

function spawning(count: number, spawnOne: (self: Self) => Pid): void {
  const cluster = benchCluster();
  const node = nodeOf(cluster);
  const before = node.processes.size;
  let left = count;
  const parent = spawnHandler(node, {
    handle: (self, message) => {
      for (let at = 0; at < 100 && left > 0; at += 1, left -= 1) spawnOne(self);
      if (left > 0) self.send(self.pid, message);
    },
    state: () => left,
  });
  node.deliver(parent, increment);
  cluster.run(() => false);
  if (node.processes.size !== before + 1) throw new Error('Not all processes have ended.');
}

/** `count` events (a message taken by a process) among a hundred pairs, the next process drawn by a seed each time. */
export function drawnSchedule(count: number): void {
  const cluster = benchCluster('random');
  const node = nodeOf(cluster);
  for (let pair = 0; pair < 100; pair += 1) node.deliver(players(node), Math.floor(count / 100));
  cluster.run(() => false);
}

/** `count` messages between processes whose parts have to be copied: `{item, N, [1, 2, 3], #{...}}`. */
export function copiedMessages(count: number): void {
  const cluster = benchCluster();
  const node = nodeOf(cluster);
  const sink = spawnHandler(node, { handle: () => undefined, state: () => null });
  let left = count;
  const source = spawnHandler(node, {
    handle: (self, message) => {
      for (let at = 0; at < 1000 && left > 0; at += 1, left -= 1) {
        self.send(sink.pid, tup(increment, left, [1, 2, 3], { price: 3, name: 'shoe' }));
      }
      if (left > 0) self.send(self.pid, message);
    },
    state: () => left,
  });
  node.deliver(source, increment);
  cluster.run(() => false);
}

export const works = {
  ping_pong: pingPong,
  ping_pong_in_parts: pingPongInParts,
  ping_pong_traced: tracedPingPong,
  call: calls,
  call_traced: callsTraced,
  call_over_backlog: callsOverBacklog,
  cast: casts,
  flood,
  copied: copiedMessages,
  spawn_exit_handler: spawnHandlers,
  spawn_exit_generator: spawnFlows,
  drawn_schedule: drawnSchedule,
} as const;
