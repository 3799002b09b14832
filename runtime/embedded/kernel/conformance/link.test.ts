/** Cases of OTP 25's erl_link_SUITE. */
import { describe, expect, it } from 'vitest';
import type { Pid, Value } from '../../../term/values.ts';
import { a } from '../../../term/values.ts';
import { inProcess } from '../../testKit.ts';
import type { Flow } from '../flow.ts';
import { receive, sleep, timedOut } from '../flow.ts';
import type { Self } from '../self.ts';
import { atoms, tagged } from '../values.ts';
import { child, childAt, down, forEver, inSuite, leaves, next, nodes, suiteCluster, waitFor } from './kernelKit.ts';

const [, there] = nodes;

function isLinked(self: Self, one: Pid, other: Pid): boolean {
  const linkedTo = (pid: Pid): readonly Value[] => {
    const process = self.inspect(pid);
    return process === null ? [] : [...(process.links ?? [])];
  };
  expect(linkedTo(one).includes(other)).toBe(linkedTo(other).includes(one));
  return linkedTo(one).includes(other);
}

/** Whether an exit of the process comes. */
function* exitOf(pid: Pid, afterMs: number): Flow<boolean> {
  const message = yield* receive({ match: (candidate) => tagged(candidate, atoms.exit, 3)?.[1] === pid, afterMs });
  return message !== timedOut;
}

describe('erl_link_SUITE', () => {
  // @otp erl_link_SUITE:links
  it('links hold on both sides, twice is once, and ends come with or without trap_exit', () => {
    inSuite(function* (self) {
      self.trapExit(true);
      const other = child(self, forEver);
      self.link(other);
      self.link(other);
      expect(isLinked(self, self.pid, other)).toBe(true);
      expect(self.processInfo(self.pid, a('links'))).toEqual([other]);
      self.unlink(other);
      expect(isLinked(self, self.pid, other)).toBe(false);
      self.link(other);
      self.sendExit(other, a('bye'));
      expect(yield* next()).toBe('{EXIT,pid,bye}');
      expect(self.processInfo(self.pid, a('links'))).toEqual([]);
      self.link(other);
      expect(yield* next()).toBe('{EXIT,pid,noproc}');
      const plain = child(self, function* (own) {
        child(own, leaves(a('bang')), { link: true });
        yield* forEver();
      });
      expect((yield* down(self.monitor(plain))).why).toBe('bang');
    });
  });

  // @otp erl_link_SUITE:dist_links
  it('links to another node do the same, and end with it', () => {
    inSuite(function* (self, cluster) {
      self.trapExit(true);
      const far = (pid: Pid): boolean => [...(cluster.find(pid)?.links ?? [])].includes(self.pid);
      const other = yield* childAt(self, there, forEver);
      self.link(other);
      self.link(other);
      yield* sleep(10);
      expect([self.processInfo(self.pid, a('links')), far(other)]).toEqual([[other], true]);
      self.unlink(other);
      yield* sleep(10);
      expect([self.processInfo(self.pid, a('links')), far(other)]).toEqual([[], false]);
      self.link(other);
      self.sendExit(other, a('bye'));
      expect(yield* next()).toBe('{EXIT,pid,bye}');
      self.link(other);
      expect(yield* next()).toBe('{EXIT,pid,noproc}');
      const last = yield* childAt(self, there, forEver, { link: true });
      expect(self.processInfo(self.pid, a('links'))).toEqual([last]);
      yield* sleep(10);
      cluster.crashNode(there);
      expect(yield* next()).toBe('{EXIT,pid,noconnection}');
    });
  });

  // @otp erl_link_SUITE:monitor_nodes
  it('each monitor of a node is told once that it is down, one fewer for each that was taken back', () => {
    inSuite(function* (self, cluster) {
      const watch = (node: string, on: boolean): Flow<Value> => self.apply('erlang', 'monitor_node', [a(node), on]);
      for (let n = 0; n < 4; n += 1) yield* watch(there, true);
      yield* watch(there, false);
      const dying = child(self, function* (own) {
        yield* own.apply('erlang', 'monitor_node', [a(there), true]);
        yield* sleep(5);
      });
      yield* down(self.monitor(dying));
      yield* watch('nowhere@sim', true);
      expect(yield* next()).toBe('{nodedown,nowhere@sim}');
      cluster.crashNode(there);
      expect([yield* next(), yield* next(), yield* next(), yield* next(100)]).toEqual([
        ...Array.from({ length: 3 }, () => `{nodedown,${there}}`),
        'timeout',
      ]);
      yield* watch(there, true);
      expect(yield* next()).toBe(`{nodedown,${there}}`);
      cluster.startNode(there);
      yield* sleep(50);
      yield* watch(there, true);
      yield* watch(there, false);
      cluster.crashNode(there);
      expect(yield* next(100)).toBe('timeout');
    });
  });

  // @otp erl_link_SUITE:process_monitors erl_link_SUITE:dist_process_monitors
  it.each(nodes)('monitors are held on both sides, of a process of %s too', (node) => {
    inSuite(function* (self, cluster) {
      const other = yield* childAt(self, node, forEver);
      const watchers = (): number => cluster.find(other)?.monitoredBy?.size ?? 0;
      const first = self.monitor(other);
      const second = self.monitor(other);
      yield* sleep(10);
      expect(watchers()).toBe(2);
      self.demonitor(first);
      yield* sleep(10);
      expect(watchers()).toBe(1);
      self.sendExit(other, a('bye'));
      expect((yield* down(second)).why).toBe('bye');
      expect(yield* next(50)).toBe('timeout');
      const watched = yield* childAt(self, node, forEver);
      const watcher = child(self, function* (own) {
        own.monitor(watched);
        yield* waitFor(a('stop'));
      });
      yield* sleep(10);
      expect(cluster.find(watched)?.monitoredBy?.size).toBe(1);
      self.send(watcher, a('stop'));
      yield* sleep(20);
      expect(cluster.find(watched)?.monitoredBy?.size ?? 0).toBe(0);
    });
  });

  // @otp erl_link_SUITE:otp_5772_link erl_link_SUITE:otp_5772_dist_link
  it.each(nodes)('no EXIT comes late, when it was unlinked while the other of %s was ending', (node) => {
    for (let seed = 1; seed <= 60; seed += 1) {
      inProcess(suiteCluster(seed, 'random'), function* (self) {
        self.trapExit(true);
        const other = yield* childAt(self, node, forEver, { link: true });
        self.sendExit(other, a('bang'));
        self.unlink(other);
        yield* exitOf(other, 0);
        expect(yield* exitOf(other, 200)).toBe(false);
      });
    }
  });

  // @otp erl_link_SUITE:otp_5772_monitor erl_link_SUITE:otp_5772_dist_monitor
  it.each(nodes)('no DOWN comes late, when the monitor was ended while the other of %s was ending', (node) => {
    for (let seed = 1; seed <= 60; seed += 1) {
      inProcess(suiteCluster(seed, 'random'), function* (self) {
        const other = yield* childAt(self, node, forEver);
        const ref = self.monitor(other);
        self.sendExit(other, a('bang'));
        self.demonitor(ref);
        yield* receive({ match: (message) => tagged(message, atoms.down, 5)?.[1] === ref, afterMs: 0 });
        expect(yield* next(200)).toBe('timeout');
      });
    }
  });

  // @otp erl_link_SUITE:otp_7946
  it('a link to a process of a node that has gone is an exit with noconnection', () => {
    inSuite(function* (self, cluster) {
      const other = yield* childAt(self, there, forEver);
      const ref = self.monitor(other);
      yield* sleep(10);
      cluster.crashNode(there);
      expect((yield* down(ref)).why).toBe('noconnection');
      const linker = child(self, function* (own) {
        own.link(other);
        yield* forEver();
      });
      expect((yield* down(self.monitor(linker))).why).toBe('noconnection');
    });
  });

  // @otp erl_link_SUITE:otp_17127_local_link_with_simultaneous_link_unlink erl_link_SUITE:otp_17127_local_random erl_link_SUITE:otp_17127_dist_link_with_simultaneous_link_unlink erl_link_SUITE:otp_17127_dist_random
  it.each(nodes)('two that link and unlink each other at once agree in the end, the other on %s', (node) => {
    const ends = { true: 0, false: 0 };
    for (let seed = 1; seed <= 150; seed += 1) {
      const cluster = suiteCluster(seed, 'random');
      inProcess(cluster, function* (self) {
        const flip = function* (own: Self): Flow<void> {
          const other = yield* receive();
          if (!isPid(other)) return;
          for (let round = 0; round < 40; round += 1) {
            if (own.random() < 0.5) own.link(other);
            else own.unlink(other);
            if (own.random() < 0.5) yield* sleep(own.random() * 4);
          }
          own.send(self.pid, a('done'));
          yield* forEver();
        };
        const one = child(self, flip);
        const other = yield* childAt(self, node, flip);
        self.send(one, other);
        self.send(other, one);
        yield* waitFor(a('done'));
        yield* waitFor(a('done'));
        yield* sleep(50);
        const linkedTo = (pid: Pid): readonly Pid[] => [...(cluster.find(pid)?.links ?? [])];
        const were = linkedTo(one).includes(other);
        expect(linkedTo(other).includes(one), `seed ${seed}`).toBe(were);
        self.sendExit(one, a('bang'));
        yield* sleep(50);
        expect(cluster.find(other) === undefined).toBe(were);
        ends[`${were}`] += 1;
      });
    }
    expect(Math.min(ends.true, ends.false)).toBeGreaterThan(10);
  });
});

function isPid(value: unknown): value is Pid {
  return typeof value === 'object' && value !== null && 'serial' in value;
}
