/** Who runs before whom: priorities, what is asked from outside, and that nobody waits for ever. */
import { describe, expect, it } from 'vitest';
import { Pid, a } from '../../term/values.ts';
import { call } from '../otp/gen.ts';
import { reply, startServer, startedPid } from '../otp/genServer.ts';
import { inProcess, nodeOf, spawn, testCluster } from '../testKit.ts';
import type { Flow } from './flow.ts';
import { receive, yieldTurn } from './flow.ts';
import type { KernelNode } from './node.ts';
import type { Priority, Process } from './process.ts';
import { mostTurnsInARow, turnsPerLowTurn } from './runQueue.ts';
import type { Self } from './self.ts';
import { reductionsPerTurn } from './turn.ts';

const initialCall = { module: 'test', function: 'run', arity: 0 };

/** A process that notes `name` each time it has a turn, `times` times; it has its priority before the first. */
function runner(node: KernelNode, ran: string[], name: string, priority: Priority, times: number): Process {
  const process = spawn(node, function* () {
    for (let at = 0; at < times; at += 1) {
      ran.push(name);
      yield* yieldTurn();
    }
  });
  process.priority = priority;
  // It was put into the queue before it had one.
  node.scheduler.runQueue.remove(process);
  node.scheduler.runQueue.push(process);
  return process;
}

/** Processes that are never without a message. */
function spinners(node: KernelNode, count: number): readonly Process[] {
  return Array.from({ length: count }, () =>
    spawn(node, function* (self) {
      for (;;) {
        self.send(self.pid, a('again'));
        yield* receive();
      }
    }),
  );
}

function urgently(node: KernelNode, run: (self: Self) => Flow<unknown>): Process {
  return node.spawn({ body: { is: 'flow', run }, initialCall, parent: null, isUrgent: true });
}

/** How many turns the node has until `done`. */
function turnsUntil(node: KernelNode, done: () => boolean): number {
  for (let turns = 0; turns < 10_000; turns += 1) {
    if (done()) return turns;
    node.scheduler.runNext();
  }
  throw new Error('It is not done after 10,000 turns.');
}

describe('process_flag(priority, …)', () => {
  it('runs max before high before normal', () => {
    const node = nodeOf(testCluster());
    const ran: string[] = [];
    for (const priority of ['normal', 'high', 'max'] as const) runner(node, ran, priority, priority, 3);
    turnsUntil(node, () => ran.length === 9);
    expect(ran).toEqual(['max', 'max', 'max', 'high', 'high', 'high', 'normal', 'normal', 'normal']);
  });

  it('runs a low one each eighth time that its turn comes, and always where nobody else wants to', () => {
    const node = nodeOf(testCluster());
    const ran: string[] = [];
    runner(node, ran, 'low', 'low', 3);
    runner(node, ran, 'normal', 'normal', 2 * turnsPerLowTurn);
    turnsUntil(node, () => ran.length === 3 + 2 * turnsPerLowTurn);
    const normal = (times: number): readonly string[] => Array.from({ length: times }, () => 'normal');
    const between = normal(turnsPerLowTurn);
    expect(ran).toEqual([...between.slice(1), 'low', ...between, 'low', 'normal', 'low']);
  });

  it('lets those behind have a turn now and then', () => {
    const node = nodeOf(testCluster());
    const ran: string[] = [];
    runner(node, ran, 'max', 'max', 1000);
    runner(node, ran, 'high', 'high', 1000);
    runner(node, ran, 'normal', 'normal', 1000);
    turnsUntil(node, () => ran.includes('normal'));
    expect(ran.filter((name) => name === 'high')).toHaveLength(mostTurnsInARow);
    expect(ran).toHaveLength((mostTurnsInARow + 1) ** 2);
  });
});

describe('what works for somebody outside', () => {
  it.each([100, 1000])(
    'is answered without waiting for the turns of %i busy processes',
    { timeout: 60_000 },
    (count) => {
      const cluster = testCluster();
      const node = nodeOf(cluster);
      const server = inProcess(cluster, function* (self) {
        return startedPid(
          yield* startServer(
            self,
            {
              module: 'x',
              init: () => ({ is: 'ok', state: 0 }),
              handleCall: (_s, _r, _f, n) => reply(n, n),
              show: (n) => n,
            },
            0,
          ),
        );
      });
      if (!(server instanceof Pid)) throw new Error('It has not started.');
      const busy = spinners(node, count);
      for (let turn = 0; turn < count; turn += 1) node.scheduler.runNext();
      const used = busy.map(({ reductions }) => reductions);
      let answer: unknown = null;
      const command = urgently(node, function* (self) {
        answer = yield* call(self, server, a('x'));
      });
      const turns = turnsUntil(node, () => answer !== null);
      expect([answer, command.alive]).toEqual([0, false]);
      expect(turns).toBeLessThanOrEqual(4);
      for (let turn = 0; turn < count; turn += 1) node.scheduler.runNext();
      expect(busy.every(({ reductions }, at) => reductions >= (used[at] ?? Infinity) + reductionsPerTurn)).toBe(true);
    },
  );

  it('takes a process that waits for its turn already to the front, and keeps the order of its messages', () => {
    const node = nodeOf(testCluster());
    const got: unknown[] = [];
    const target = spawn(node, function* () {
      for (;;) got.push(yield* receive());
    });
    spinners(node, 50);
    turnsUntil(node, () => target.runState === 'waiting' && node.scheduler.runQueue.length === 50);
    node.deliver(target, 1);
    expect(target.runState).toBe('runnable');
    urgently(node, function* (self) {
      self.send(target.pid, 2);
      yield* receive();
    });
    const turns = turnsUntil(node, () => got.length === 2);
    expect(got).toEqual([1, 2]);
    expect(turns).toBe(2);
    expect(target.urgency).toBe(0);
  });

  it('reaches a few processes, one through the other, and no further', () => {
    const node = nodeOf(testCluster());
    spinners(node, 100);
    const seen: number[] = [];
    const chain: Process[] = [];
    for (let at = 0; at < 8; at += 1) {
      chain.push(
        spawn(node, function* (self) {
          yield* receive();
          seen.push(at);
          const next = chain[at + 1];
          if (next !== undefined) self.send(next.pid, a('go'));
          yield* receive();
        }),
      );
    }
    turnsUntil(node, () => chain.every(({ runState }) => runState === 'waiting'));
    urgently(node, function* (self) {
      self.send(chain[0]?.pid ?? self.pid, a('go'));
      yield* receive();
    });
    for (let turn = 0; turn < 20; turn += 1) node.scheduler.runNext();
    expect(seen).toEqual([0, 1, 2, 3]);
    turnsUntil(node, () => seen.length === 8);
  });

  it('cannot keep the others from running', () => {
    const node = nodeOf(testCluster());
    const [other] = spinners(node, 1);
    urgently(node, function* () {
      for (;;) yield* yieldTurn();
    });
    const before = other?.reductions ?? 0;
    for (let turn = 0; turn < 10 * (mostTurnsInARow + 1); turn += 1) node.scheduler.runNext();
    expect((other?.reductions ?? 0) - before).toBeGreaterThanOrEqual(9 * reductionsPerTurn);
  });

  it('is drawn like any other where the schedule is drawn', () => {
    const node = nodeOf(testCluster(['one@sim'], { schedule: 'random' }));
    spinners(node, 3);
    const command = urgently(node, function* () {
      for (;;) yield* yieldTurn();
    });
    expect(command.urgency).toBe(0);
    expect(node.scheduler.runQueue.drawable).toBe(node.scheduler.runQueue.length);
  });
});

describe('a turn by the clock', () => {
  it('ends when it has been long enough, and not before', () => {
    let nowMs = 0;
    const cluster = testCluster(['one@sim', 'two@sim'], { roundMs: 1 });
    cluster.wall = {
      get nowMs() {
        return (nowMs += 0.25);
      },
      holdsAtMs: Infinity,
      isOverdue: () => false,
    };
    const node = nodeOf(cluster);
    const [process] = spinners(node, 1);
    if (process === undefined) throw new Error('There is none.');
    turnsUntil(node, () => process.reductions > 0);
    // Two nodes: half a round, which are two steps of this clock after the first look: after one reduction, then two more, then four.
    expect(process.reductions).toBeGreaterThanOrEqual(1 + 2 + 4);
    expect(process.reductions).toBeLessThanOrEqual(1 + 2 + 4 + 6);
    expect(process.runState).toBe('runnable');
  });
});
