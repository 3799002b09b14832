import { describe, expect, it } from 'vitest';
import type { NetworkFault } from '../../network/networkFault.ts';
import { a, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive, sleep, timedOut } from '../kernel/flow.ts';
import type { Process } from '../kernel/process.ts';
import { call } from '../otp/gen.ts';
import { mailboxOf, nodeOf, shown, spawn, testCluster } from '../testKit.ts';
import type { Cluster } from './cluster.ts';

const [one, two, three] = ['one@sim', 'two@sim', 'three@sim'];
const names = [one, two, three];

/** Without what `global` does by itself: connections are made and broken by the network alone. */
function literalCluster(options: Parameters<typeof testCluster>[1] = {}): Cluster {
  return testCluster(names, { connectAll: false, ...options });
}

function* waits(): Flow<void> {
  for (;;) yield* sleep(1_000_000_000);
}

type Heard = { readonly atMs: number; readonly what: string };

/** A process that notes what it receives, and when. */
function listener(cluster: Cluster, node: string): { readonly process: Process; readonly heard: Heard[] } {
  const heard: Heard[] = [];
  const process = spawn(nodeOf(cluster, node), function* (self) {
    self.trapExit(true);
    yield* call(self, a('net_kernel'), tup(a('monitor_nodes'), true));
    for (;;) {
      const message = yield* receive();
      if (message !== timedOut) heard.push({ atMs: cluster.nowMs, what: shown(message) });
    }
  });
  return { process, heard };
}

/** Lets a process on `node` send the numbers 1 to `count` to another, `everyMs` apart. */
function sender(cluster: Cluster, node: string, to: Process, count: number, everyMs: number): void {
  spawn(nodeOf(cluster, node), function* (self) {
    for (let at = 1; at <= count; at += 1) {
      self.send(to.pid, at);
      yield* sleep(everyMs);
    }
  });
}

function advance(cluster: Cluster, ms: number): void {
  cluster.runUntil(cluster.nowMs + ms);
}

const counted = (count: number): readonly string[] => Array.from({ length: count }, (_, at) => `${at + 1}`);
const blackhole: NetworkFault = { is: 'partition', islands: [[one], [two]], mode: 'blackhole' };
const cut: NetworkFault = { is: 'partition', islands: [[one], [two, three]], mode: 'cut' };

describe('a delayed link', () => {
  it('is late in its direction only, and keeps the order of what jitters', () => {
    const cluster = literalCluster();
    const there = listener(cluster, two);
    const back = listener(cluster, one);
    advance(cluster, 10);
    cluster.network.break({ is: 'delay', from: one, to: two, delayMs: 100, jitterMs: 50 });
    const begunAtMs = cluster.nowMs;
    sender(cluster, one, there.process, 200, 1);
    sender(cluster, two, back.process, 1, 1);
    advance(cluster, 1000);
    expect(there.heard.map(({ what }) => what)).toEqual(counted(200));
    expect((there.heard[0]?.atMs ?? 0) - begunAtMs).toBeGreaterThan(100);
    expect((back.heard[0]?.atMs ?? Infinity) - begunAtMs).toBeLessThan(5);
  });
});

describe('a link that loses', () => {
  it('brings everything, in order, by TCP sending again: late, and the rest behind it', () => {
    const cluster = literalCluster();
    const there = listener(cluster, two);
    advance(cluster, 10);
    cluster.network.break({ is: 'drop', from: one, to: two, lossRatio: 0.2, bytesPerSecond: null });
    const begunAtMs = cluster.nowMs;
    sender(cluster, one, there.process, 100, 1);
    advance(cluster, 60_000);
    expect(there.heard.map(({ what }) => what)).toEqual(counted(100));
    expect((there.heard.at(-1)?.atMs ?? 0) - begunAtMs).toBeGreaterThan(200);
  });

  it('carries no more bytes than its limit', () => {
    const cluster = literalCluster();
    const there = listener(cluster, two);
    advance(cluster, 10);
    cluster.network.break({ is: 'drop', from: one, to: two, lossRatio: 0, bytesPerSecond: 1000 });
    spawn(nodeOf(cluster, one), function* (self) {
      for (let at = 0; at < 10; at += 1) self.send(there.process.pid, 'x'.repeat(460));
      yield* sleep(0);
    });
    advance(cluster, 2600);
    // About 500 bytes each: five in two and a half seconds.
    expect(there.heard.length).toBe(5);
    advance(cluster, 2600);
    expect(there.heard.length).toBe(10);
  });
});

describe('silence', () => {
  it('is noticed by the ticks of each side, 45 to 75 seconds after it began, and links and monitors end with noconnection', () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const cluster = literalCluster({ seed });
      const watched = spawn(nodeOf(cluster, two), waits);
      const { process, heard } = listener(cluster, one);
      const other = listener(cluster, two);
      spawn(nodeOf(cluster, one), function* (self) {
        yield* sleep(1);
        self.link(watched.pid);
        yield* waits();
      });
      advance(cluster, 20);
      // A watcher of its own, so that the listener's mailbox shows the node only.
      const watcher = spawn(nodeOf(cluster, one), function* (self) {
        self.monitor(watched.pid);
        yield* waits();
      });
      advance(cluster, 977 * seed);
      cluster.network.break(blackhole);
      const begunAtMs = cluster.nowMs;
      advance(cluster, 44_999);
      expect([heard, other.heard, mailboxOf(watcher)]).toEqual([[], [], []]);
      expect(cluster.network.silentFrom(nodeOf(cluster, one))).toEqual([two]);
      advance(cluster, 30_002);
      expect(heard.map(({ what }) => what)).toEqual([`{nodedown,${two}}`]);
      expect(other.heard.map(({ what }) => what)).toEqual([`{nodedown,${one}}`]);
      for (const { atMs } of [...heard, ...other.heard]) {
        expect(atMs - begunAtMs).toBeGreaterThanOrEqual(45_000);
        expect(atMs - begunAtMs).toBeLessThanOrEqual(75_000);
      }
      expect(mailboxOf(watcher)).toEqual(['{DOWN,ref,process,pid,noconnection}']);
      expect(process.alive).toBe(true);
      // The third node saw nothing of it.
      expect(cluster.connectedTo(nodeOf(cluster, three))).toEqual([one, two]);
    }
  });

  it('that ends in time loses nothing: what was sent meanwhile comes in order', () => {
    const cluster = literalCluster();
    const there = listener(cluster, two);
    advance(cluster, 10);
    cluster.network.break(blackhole);
    sender(cluster, one, there.process, 50, 100);
    advance(cluster, 30_000);
    expect(there.heard).toEqual([]);
    expect(cluster.network.mend(blackhole)).toBe(true);
    expect(cluster.network.mend(blackhole)).toBe(false);
    advance(cluster, 100);
    expect(there.heard.map(({ what }) => what)).toEqual(counted(50));
    advance(cluster, 200_000);
    expect(there.heard).toHaveLength(50);
  });

  it('in one direction: who hears nothing gives up, and the other one learns it at once', () => {
    const cluster = literalCluster();
    const deaf = listener(cluster, one);
    const heardOf = listener(cluster, two);
    advance(cluster, 10);
    cluster.network.break({ is: 'drop', from: two, to: one, lossRatio: 1, bytesPerSecond: null });
    advance(cluster, 75_010);
    expect(deaf.heard.map(({ what }) => what)).toEqual([`{nodedown,${two}}`]);
    expect(heardOf.heard.map(({ what }) => what)).toEqual([`{nodedown,${one}}`]);
    const apartMs = (heardOf.heard[0]?.atMs ?? 0) - (deaf.heard[0]?.atMs ?? 0);
    expect(apartMs).toBeGreaterThan(0);
    expect(apartMs).toBeLessThan(5);
  });

  it('of a peer that came back after one side gave up closes the other side too', () => {
    const cluster = literalCluster();
    const first = listener(cluster, one);
    advance(cluster, 10);
    // Only one hears nothing, and its last word does not get through either, a little later.
    const deafness: NetworkFault = { is: 'drop', from: two, to: one, lossRatio: 1, bytesPerSecond: null };
    cluster.network.break(deafness);
    advance(cluster, 30_000);
    cluster.network.break({ is: 'drop', from: one, to: two, lossRatio: 1, bytesPerSecond: null });
    const second = listener(cluster, two);
    advance(cluster, 46_000);
    expect(first.heard.map(({ what }) => what)).toEqual([`{nodedown,${two}}`]);
    expect(second.heard).toEqual([]);
    for (const fault of cluster.network.faults) cluster.network.mend(fault);
    advance(cluster, 10);
    expect(second.heard.map(({ what }) => what)).toEqual([`{nodedown,${one}}`]);
  });
});

describe('a cut', () => {
  it('ends connections at once, refuses new ones, and leaves the islands whole', () => {
    const cluster = literalCluster();
    const far = spawn(nodeOf(cluster, two), waits);
    const { heard } = listener(cluster, one);
    advance(cluster, 10);
    cluster.network.break(cut);
    advance(cluster, 10);
    expect(heard.map(({ what }) => what)).toEqual([`{nodedown,${two}}`, `{nodedown,${three}}`]);
    expect(cluster.connectedTo(nodeOf(cluster, two))).toEqual([three]);
    const tries = spawn(nodeOf(cluster, one), function* (self) {
      self.trapExit(true);
      self.monitor(far.pid);
      self.link(far.pid);
      self.send(far.pid, 'lost');
      yield* waits();
    });
    advance(cluster, 20);
    expect([...mailboxOf(tries)].sort()).toEqual(['{DOWN,ref,process,pid,noconnection}', '{EXIT,pid,noconnection}']);
    expect(mailboxOf(far)).toEqual([]);
  });

  it('when it is mended connects nobody by itself; whoever speaks does', () => {
    const cluster = literalCluster();
    const there = listener(cluster, two);
    advance(cluster, 10);
    cluster.network.break(cut);
    advance(cluster, 10);
    cluster.network.mend(cut);
    advance(cluster, 10_000);
    expect(cluster.connectedTo(nodeOf(cluster, one))).toEqual([]);
    sender(cluster, one, there.process, 3, 0);
    advance(cluster, 20);
    expect(there.heard.map(({ what }) => what)).toEqual([`{nodedown,${one}}`, `{nodeup,${one}}`, ...counted(3)]);
    expect(cluster.connectedTo(nodeOf(cluster, one))).toEqual([two]);
  });
});

describe('connecting', () => {
  it('to a node that is down ends monitors with noconnection, and costs one attempt however much is sent', () => {
    const cluster = literalCluster();
    cluster.crashNode(two);
    advance(cluster, 20);
    const tries = spawn(nodeOf(cluster, one), function* (self) {
      self.monitor(tup(a('user'), a(two)));
      for (let at = 0; at < 1000; at += 1) self.send(tup(a('user'), a(two)), at);
      yield* waits();
    });
    const timersBefore = cluster.timers.size;
    cluster.run(() => false);
    expect(cluster.timers.size - timersBefore).toBeLessThanOrEqual(2);
    advance(cluster, 20);
    expect(mailboxOf(tries)).toEqual([`{DOWN,ref,process,{user,${two}},noconnection}`]);
  });

  it('into silence is given up after net_setuptime', () => {
    const cluster = literalCluster({ mesh: 'none' });
    cluster.network.break(blackhole);
    const begunAtMs = cluster.nowMs;
    let downAtMs = 0;
    spawn(nodeOf(cluster, one), function* (self) {
      self.monitor(tup(a('user'), a(two)));
      yield* receive();
      downAtMs = cluster.nowMs;
    });
    advance(cluster, 20_000);
    expect(downAtMs - begunAtMs).toBeGreaterThanOrEqual(7000);
    expect(downAtMs - begunAtMs).toBeLessThan(7300);
  });

  it('is undone by disconnect_node: here at once, there when it is told', () => {
    const cluster = literalCluster();
    const [here, there] = [listener(cluster, one), listener(cluster, two)];
    advance(cluster, 10);
    expect(cluster.network.disconnect(nodeOf(cluster, one), two)).toBe(true);
    expect(cluster.network.disconnect(nodeOf(cluster, one), two)).toBe(false);
    expect(cluster.connectedTo(nodeOf(cluster, one))).toEqual([three]);
    expect(cluster.connectedTo(nodeOf(cluster, two))).toEqual([one, three]);
    advance(cluster, 10);
    expect([here, there].map(({ heard }) => heard.map(({ what }) => what))).toEqual([
      [`{nodedown,${two}}`],
      [`{nodedown,${one}}`],
    ]);
  });
});

describe('a node that hangs', () => {
  it('runs nothing and answers nothing; when it goes on, what waited comes in order and its timers fire', () => {
    const cluster = literalCluster();
    const there = listener(cluster, two);
    const ticks: number[] = [];
    spawn(nodeOf(cluster, two), function* () {
      for (;;) {
        yield* sleep(1000);
        ticks.push(cluster.nowMs);
      }
    });
    advance(cluster, 10);
    expect(cluster.hangNode(two)).toBe(true);
    expect(cluster.hangNode(two)).toBe(false);
    const hungAtMs = cluster.nowMs;
    sender(cluster, one, there.process, 20, 100);
    advance(cluster, 20_000);
    expect([there.heard, ticks]).toEqual([[], []]);
    expect(cluster.resumeNode(two)).toBe(true);
    expect(cluster.resumeNode(two)).toBe(false);
    advance(cluster, 50);
    expect(there.heard.map(({ what }) => what)).toEqual(counted(20));
    expect(ticks).toHaveLength(1);
    expect(ticks[0] ?? 0).toBeGreaterThanOrEqual(hungAtMs + 20_000);
  });

  it('longer than its peers wait loses them, and finds that out when it goes on', () => {
    const cluster = literalCluster();
    const there = listener(cluster, two);
    const here = listener(cluster, one);
    advance(cluster, 10);
    cluster.hangNode(two);
    advance(cluster, 75_010);
    expect(here.heard.map(({ what }) => what)).toEqual([`{nodedown,${two}}`]);
    expect(there.heard).toEqual([]);
    cluster.resumeNode(two);
    advance(cluster, 10);
    expect([...there.heard.map(({ what }) => what)].sort()).toEqual([`{nodedown,${one}}`, `{nodedown,${three}}`]);
  });
});

describe('an attempt to connect', () => {
  it('that nobody answers carries what was sent meanwhile when the other side connects first', () => {
    const cluster = literalCluster();
    advance(cluster, 10);
    cluster.crashNode(two);
    advance(cluster, 10);
    // So that the attempt is still under way when the other one succeeds.
    const slow: NetworkFault = { is: 'delay', from: one, to: two, delayMs: 500, jitterMs: 0 };
    cluster.network.break(slow);
    const heard: string[] = [];
    const asking = spawn(nodeOf(cluster, one), function* (self) {
      self.monitor(tup(a('nobody'), a(two)));
      self.send(tup(a('somebody'), a(two)), 'hello');
      for (;;) heard.push(shown(yield* receive()));
    });
    advance(cluster, 100);
    expect(cluster.startNode(two)).not.toBeNull();
    cluster.network.mend(slow);
    const there = spawn(nodeOf(cluster, two), function* (self) {
      self.register(a('somebody'), self.pid);
      self.send(asking.pid, 'here');
      for (;;) heard.push(shown(yield* receive()));
    });
    expect(there.alive).toBe(true);
    advance(cluster, 2_000);
    expect(heard.sort()).toEqual(['"hello"', '"here"', '{DOWN,ref,process,{nobody,two@sim},noproc}']);
  });

  it('that fails tells those who wait, once', () => {
    const cluster = literalCluster();
    advance(cluster, 10);
    cluster.crashNode(two);
    advance(cluster, 10);
    const heard: string[] = [];
    spawn(nodeOf(cluster, one), function* (self) {
      for (let at = 0; at < 2; at += 1) self.monitor(tup(a('nobody'), a(two)));
      for (;;) heard.push(shown(yield* receive()));
    });
    advance(cluster, 10_000);
    const down = '{DOWN,ref,process,{nobody,two@sim},noconnection}';
    expect(heard).toEqual([down, down]);
  });
});

// @row IV-08
it('a fault draws from a stream of its own: whoever it does not touch sees the same run', () => {
  const story = (faults: readonly NetworkFault[]): readonly Heard[] => {
    const cluster = literalCluster({ seed: 5 });
    const there = listener(cluster, three);
    for (const fault of faults) cluster.network.break(fault);
    sender(cluster, two, there.process, 100, 7);
    sender(cluster, one, listener(cluster, two).process, 100, 3);
    advance(cluster, 2000);
    return there.heard;
  };
  const undisturbed = story([]);
  expect(undisturbed).toHaveLength(100);
  const lossy: NetworkFault = { is: 'drop', from: one, to: two, lossRatio: 0.3, bytesPerSecond: null };
  expect(story([lossy, { is: 'delay', from: one, to: two, delayMs: 5, jitterMs: 20 }])).toEqual(undisturbed);
});
