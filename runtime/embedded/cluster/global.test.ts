import { describe, expect, it } from 'vitest';
import type { NetworkFault } from '../../network/networkFault.ts';
import { a, Tuple } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import { sleep } from '../kernel/flow.ts';
import type { Process } from '../kernel/process.ts';
import { inProcess, mailboxOf, nodeOf, shown, spawn, testCluster } from '../testKit.ts';
import type { Cluster } from './cluster.ts';
import { globalTables } from './globalTables.ts';

const [one, two, three] = ['one@sim', 'two@sim', 'three@sim'];
const names = [one, two, three];

function* waits(): Flow<void> {
  for (;;) yield* sleep(1_000_000_000);
}

/** A cluster whose nodes have met: `global` knows all of them everywhere. */
function metCluster(nodes: readonly string[] = names, options: Parameters<typeof testCluster>[1] = {}): Cluster {
  const cluster = testCluster(nodes, options);
  cluster.runUntil(cluster.nowMs + 30_000);
  return cluster;
}

function knownBy(cluster: Cluster, node: string): readonly string[] {
  return [...(globalTables(nodeOf(cluster, node))?.known.keys() ?? [])].sort();
}

function named(cluster: Cluster, node: string, name: string, method?: string): Process {
  const process = spawn(nodeOf(cluster, node), waits);
  const more = method === undefined ? [] : [new Tuple([a('global'), a(method)])];
  const answer = inProcess(
    cluster,
    (self) => self.apply('global', 'register_name', [a(name), process.pid, ...more]),
    60_000,
    node,
  );
  expect(shown(answer)).toBe('yes');
  return process;
}

function whereis(cluster: Cluster, node: string, name: string): unknown {
  return inProcess(cluster, (self) => self.apply('global', 'whereis_name', [a(name)]), 60_000, node);
}
const everywhere = (cluster: Cluster, name: string): readonly unknown[] =>
  cluster.names.map((node) => whereis(cluster, node, name));

describe('global', () => {
  it('knows all nodes on all nodes some time after they are connected, for any seed', () => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const nodes = ['a@sim', 'b@sim', 'c@sim', 'd@sim', 'e@sim'];
      const cluster = metCluster(nodes, { seed });
      for (const node of nodes) expect(knownBy(cluster, node)).toEqual(nodes.filter((other) => other !== node));
      for (const node of nodes) expect(globalTables(nodeOf(cluster, node))?.locks.size).toBe(0);
    }
  });

  it('gives a name to one process of the cluster, which every node finds, until it ends', () => {
    const cluster = metCluster();
    const process = named(cluster, one, 'leader');
    expect(everywhere(cluster, 'leader')).toEqual([process.pid, process.pid, process.pid]);
    const other = spawn(nodeOf(cluster, two), waits);
    const refused = inProcess(
      cluster,
      (self) => self.apply('global', 'register_name', [a('leader'), other.pid]),
      60_000,
      two,
    );
    expect(shown(refused)).toBe('no');
    nodeOf(cluster, one).end(process, a('boom'));
    cluster.runUntil(cluster.nowMs + 50);
    expect(everywhere(cluster, 'leader')).toEqual([undefined, undefined, undefined]);
  });

  it('loses the names of a node that goes, and tells a new one of all there are', () => {
    const cluster = metCluster();
    const kept = named(cluster, two, 'kept');
    named(cluster, one, 'lost');
    cluster.crashNode(one);
    cluster.runUntil(cluster.nowMs + 100);
    expect(whereis(cluster, two, 'lost')).toBe(undefined);
    cluster.startNode(one);
    cluster.runUntil(cluster.nowMs + 30_000);
    expect(everywhere(cluster, 'kept')).toEqual([kept.pid, kept.pid, kept.pid]);
  });

  it('ends one of two processes that got the same name in two partitions, when these meet again', () => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const cluster = metCluster(names, { seed });
      const cut: NetworkFault = { is: 'partition', islands: [[one], [two, three]], mode: 'cut' };
      cluster.network.break(cut);
      cluster.runUntil(cluster.nowMs + 100);
      const here = named(cluster, one, 'leader');
      const there = named(cluster, two, 'leader');
      expect(everywhere(cluster, 'leader')).toEqual([here.pid, there.pid, there.pid]);
      cluster.network.mend(cut);
      cluster.network.connect(nodeOf(cluster, one), two);
      cluster.runUntil(cluster.nowMs + 60_000);
      // The node with the lesser name keeps its process; who heard of the others through it is connected, too.
      expect(everywhere(cluster, 'leader')).toEqual([here.pid, here.pid, here.pid]);
      expect([here.alive, there.alive]).toEqual([true, false]);
      expect(cluster.connectedTo(nodeOf(cluster, one))).toEqual([three, two]);
    }
  });

  it('tells both of a conflict, and gives the name to neither, where that was asked for', () => {
    const cluster = metCluster([one, two]);
    const cut: NetworkFault = { is: 'partition', islands: [[one], [two]], mode: 'cut' };
    cluster.network.break(cut);
    cluster.runUntil(cluster.nowMs + 100);
    const here = named(cluster, one, 'leader', 'notify_all_name');
    const there = named(cluster, two, 'leader', 'notify_all_name');
    cluster.network.mend(cut);
    cluster.network.connect(nodeOf(cluster, one), two);
    cluster.runUntil(cluster.nowMs + 60_000);
    expect(everywhere(cluster, 'leader')).toEqual([undefined, undefined]);
    expect([mailboxOf(here), mailboxOf(there)]).toEqual([
      ['{global_name_conflict,leader,pid}'],
      ['{global_name_conflict,leader,pid}'],
    ]);
  });
});

describe('prevent_overlapping_partitions', () => {
  const broken: NetworkFault = { is: 'partition', islands: [[one], [two]], mode: 'cut' };
  const connections = (cluster: Cluster): readonly (readonly string[])[] =>
    names.map((node) => cluster.connectedTo(nodeOf(cluster, node)));

  it('cuts more links when one is lost, until no partitions overlap', () => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const cluster = metCluster(names, { seed });
      cluster.network.break(broken);
      cluster.runUntil(cluster.nowMs + 1000);
      const seen = connections(cluster);
      // Whoever sees whom is seen by him, and sees whom he sees.
      names.forEach((node, at) => {
        const island = [node, ...(seen[at] ?? [])].sort();
        for (const other of seen[at] ?? []) {
          expect([other, ...(seen[names.indexOf(other)] ?? [])].sort()).toEqual(island);
        }
      });
      expect(seen.flat().length).toBeLessThan(4);
    }
  });

  it('is left out where it is switched off: the third node stays with both', () => {
    const cluster = metCluster(names, { preventOverlappingPartitions: false });
    cluster.network.break(broken);
    cluster.runUntil(cluster.nowMs + 1000);
    expect(connections(cluster)).toEqual([[three], [three], [one, two]]);
  });
});
