import { describe, expect, it } from 'vitest';
import { a } from '../../term/values.ts';
import { receive, sleep } from '../kernel/flow.ts';
import { mailboxOf, nodeOf, shown, spawn, testCluster } from '../testKit.ts';
import { runGuarded } from './guardedRun.ts';

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
    while (runGuarded(cluster, () => false) === 'more');
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
    expect(runGuarded(cluster, () => false)).toBe('idle');
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
