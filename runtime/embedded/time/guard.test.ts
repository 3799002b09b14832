import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Pid, a } from '../../term/values.ts';
import type { ClusterOptions } from '../cluster/cluster.ts';
import { receive, sleep, yieldTurn } from '../kernel/flow.ts';
import { okTuple, partsOf } from '../kernel/values.ts';
import { childSpec, flags } from '../otp/childSpec.ts';
import { startSupervisor } from '../otp/supervisor.ts';
import { supervisorAt } from '../otp/supervisorState.ts';
import { mailboxOf, nodeOf, shown, spawn, testCluster, testModule } from '../testKit.ts';
import { Guard } from './guard.ts';

describe('a process that never gives way', () => {
  it('is killed, alone, and its end is told with what it was given', () => {
    const cluster = testCluster();
    const node = nodeOf(cluster);
    let cleanedUp = false;
    const endless = spawn(node, function* () {
      yield* receive();
      try {
        for (;;);
      } finally {
        cleanedUp = true;
      }
    });
    const watcher = spawn(node, function* (self) {
      self.monitor(endless.pid);
      yield* sleep(1_000_000);
    });
    let others = 0;
    spawn(node, function* () {
      for (;;) {
        others += 1;
        yield* sleep(10);
      }
    });
    const reports: string[] = [];
    cluster.listen((event) => {
      if (event.is === 'report') reports.push(`${event.kind} ${shown(event.report)}`);
    });
    cluster.runUntil(cluster.nowMs + 5);
    node.deliver(endless, a('go_on_for_ever'));
    const guard = new Guard();
    while (guard.run(cluster, () => false) === 'more');
    expect([endless.alive, cleanedUp]).toEqual([false, false]);
    expect(mailboxOf(watcher)).toEqual(['{DOWN,ref,process,pid,killed}']);
    expect(reports.join('\n')).toContain('go_on_for_ever');
    const before = others;
    cluster.runUntil(cluster.nowMs + 100);
    expect(others).toBeGreaterThan(before);
  });

  it('costs what keeps to its time nothing', () => {
    const cluster = testCluster();
    let ran = 0;
    spawn(nodeOf(cluster), function* () {
      for (; ran < 100; ran += 1) yield* sleep(0);
    });
    expect(new Guard().run(cluster, () => false)).toBe('idle');
  });
});

// @row IV-08
it(
  'processes that are never idle do not make an instant last for ever: time passes with the work',
  { timeout: 60_000 },
  () => {
    const story = (): readonly number[] => {
      const cluster = testCluster();
      const node = nodeOf(cluster);
      const ticks: number[] = [];
      spawn(node, function* (self) {
        for (;;) {
          self.send(self.pid, a('again'));
          yield* receive();
        }
      });
      spawn(node, function* () {
        for (;;) {
          yield* sleep(3);
          ticks.push(cluster.nowMs);
        }
      });
      cluster.runUntil(cluster.nowMs + 12);
      return ticks;
    };
    expect(story()).toHaveLength(4);
    expect(story()).toEqual(story());
  },
);

/** A wall on which nothing passes but what code says that it takes. */
function slowWall(): { readonly takes: (ms: number) => void; readonly guard: Guard; readonly nowMs: () => number } {
  let nowMs = 0;
  return {
    takes: (ms) => {
      nowMs += ms;
    },
    nowMs: () => nowMs,
    guard: new Guard(() => nowMs),
  };
}

describe('work that is long because it is much', () => {
  const modes: readonly (readonly [string, Partial<ClusterOptions>])[] = [
    ['counted turns', {}],
    ['turns by the clock', { roundMs: 0.5 }],
    ['a drawn schedule', { schedule: 'random' }],
  ];

  it.each(modes)(
    'starts 10,000 children on a slow machine, none of which waits, and nobody is ended: %s',
    (_mode, options) => {
      const { takes, guard, nowMs } = slowWall();
      const child = testModule('child', {
        'start_link/0': (self) => {
          takes(10);
          return okTuple(
            self.spawnBody(
              { is: 'flow', run: () => sleep(1e9) },
              { module: 'child', function: 'init', arity: 0 },
              { link: true },
            ),
          );
        },
      });
      const cluster = testCluster(['one@sim'], { modules: [child], ...options });
      const reports: string[] = [];
      cluster.listen((event) => {
        if (event.is === 'report') reports.push(event.kind);
      });
      let supervisor: unknown = null;
      const children = Array.from({ length: 10_000 }, (_, id) => childSpec(id, ['child', 'start_link', []]));
      spawn(nodeOf(cluster), function* (self) {
        const init = () => ({ flags: flags({}), children });
        [, supervisor] = partsOf(yield* startSupervisor(self, { module: 'many', init }, null));
        yield* sleep(1e9);
      });
      let others = 0;
      spawn(nodeOf(cluster), function* () {
        for (; supervisor === null; others += 1) yield* yieldTurn();
      });
      while (guard.run(cluster, () => false) === 'more');
      if (!(supervisor instanceof Pid)) throw new Error(shown(supervisor));
      expect(supervisorAt(supervisor)?.children.filter(({ pid }) => pid instanceof Pid)).toHaveLength(10_000);
      expect(nowMs()).toBe(100_000);
      expect(reports).toEqual([]);
      // The BEAM would have run others meanwhile, too: so often, at least, as 2,000 reductions go into what the starts take.
      expect(others).toBeGreaterThan(5);
    },
  );

  it.each(modes)(
    'gives the thread back after every 20 ms of many short turns, and of many messages in one: %s',
    (_mode, options) => {
      const { takes, guard, nowMs } = slowWall();
      const names = ['one@sim', 'two@sim', 'three@sim', 'four@sim', 'five@sim'];
      const cluster = testCluster(names, options);
      let taken = 0;
      for (const name of names) {
        const node = nodeOf(cluster, name);
        const handler = {
          handle: () => {
            takes(7);
            taken += 1;
          },
          state: () => null,
        };
        const initialCall = { module: 'test', function: 'run', arity: 0 };
        for (let at = 0; at < 20; at += 1) {
          const process = node.spawn({ body: { is: 'handler', handler }, initialCall, parent: null });
          for (let message = 0; message < 50; message += 1) node.deliver(process, message);
        }
      }
      const stretches: number[] = [];
      const run = cluster.run.bind(cluster);
      cluster.run = (shouldStop) => {
        const beganAtMs = nowMs();
        const outcome = run(shouldStop);
        stretches.push(nowMs() - beganAtMs);
        return outcome;
      };
      while (guard.run(cluster, () => false) === 'more');
      expect(taken).toBe(names.length * 20 * 50);
      // What is over 20 ms are messages between two looks at the clock, sixteen at most.
      expect(Math.max(...stretches)).toBeLessThanOrEqual(20 + 16 * 7);
    },
  );

  it('is the same run wherever it is held', () => {
    const story = (seed: number, schedule: 'fifo' | 'random', held: readonly number[] | null): readonly string[] => {
      let looks = 0;
      const guard = new Guard(() => (looks += held?.[looks % held.length] ?? 0));
      const cluster = testCluster(['one@sim', 'two@sim', 'three@sim'], { seed, schedule });
      const told: string[] = [];
      cluster.listen((event) => {
        told.push(event.is === 'exited' ? `exited ${shown(event.reason)}` : event.is);
      });
      for (const name of cluster.names) {
        const peers = cluster.names.map((peer) => nodeOf(cluster, peer).names.get('init')?.pid);
        for (let at = 0; at < 3; at += 1) {
          spawn(nodeOf(cluster, name), function* (self) {
            for (let step = 0; step < 15; step += 1) {
              const drawn = Math.floor(self.random() * 5);
              told.push(`${name} ${at} ${step} ${drawn} ${cluster.nowMs}`);
              const peer = peers[drawn % peers.length];
              if (drawn < 3 && peer !== undefined) self.send(peer, a('hello'));
              for (let more = 0; more < 1_200 && drawn === 3; more += 1) {
                self.send(self.pid, more);
                yield* receive();
              }
              if (drawn === 4) yield* sleep(step % 3);
              else yield* yieldTurn();
            }
          });
        }
      }
      cluster.runUntil(60, held === null ? undefined : (shouldStop) => guard.run(cluster, shouldStop));
      return told;
    };
    fc.assert(
      fc.property(
        fc.integer(),
        fc.constantFrom('fifo' as const, 'random' as const),
        fc.array(fc.constantFrom(0, 0, 0, 1, 1, 30), { minLength: 20, maxLength: 60 }),
        (seed, schedule, held) => {
          expect(story(seed, schedule, held)).toEqual(story(seed, schedule, null));
        },
      ),
      { numRuns: 12 },
    );
  });
});
