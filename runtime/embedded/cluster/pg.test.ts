import { describe, expect, it } from 'vitest';
import type { Value } from '../../term/values.ts';
import { a } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import { sleep } from '../kernel/flow.ts';
import { seededPrng } from '../kernel/prng.ts';
import { inProcess, shown, spawn, nodeOf, testCluster } from '../testKit.ts';
import type { Cluster } from './cluster.ts';

const [one, two, three] = ['one@sim', 'two@sim', 'three@sim'];

/** A cluster whose nodes run the scope `pg`, and one member of group `g` on each. */
function grouped(seed = 1): Cluster {
  const cluster = testCluster([one, two, three], { prng: seededPrng(seed) });
  for (const node of [one, two, three]) {
    spawn(nodeOf(cluster, node), function* (self) {
      yield* self.apply('pg', 'start_link', []);
      yield* self.apply('pg', 'join', [a('g'), self.pid]);
      yield* sleep(1_000_000_000);
    });
  }
  cluster.runUntil(cluster.nowMs + 50);
  return cluster;
}

function ask(cluster: Cluster, node: string, name: string, args: readonly Value[]): string {
  return inProcess(
    cluster,
    function* (self): Flow<string> {
      return shown(yield* self.apply('pg', name, args));
    },
    1000,
    node,
  );
}
const membersOn = (cluster: Cluster): readonly string[] =>
  [one, two, three].map((node) => ask(cluster, node, 'get_members', [a('g')]));

describe('pg', () => {
  it('knows the members of a group on every node', () => {
    expect(membersOn(grouped())).toEqual(['[pid,pid,pid]', '[pid,pid,pid]', '[pid,pid,pid]']);
  });

  it('forgets those of a side that is parted, and finds them again when it is connected again', () => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const cluster = grouped(seed);
      const cut = { is: 'partition', islands: [[one], [two, three]], mode: 'cut' } as const;
      cluster.network.break(cut);
      cluster.runUntil(cluster.nowMs + 50);
      expect(membersOn(cluster)).toEqual(['[pid]', '[pid,pid]', '[pid,pid]']);
      cluster.network.mend(cut);
      cluster.network.connect(nodeOf(cluster, one), two);
      cluster.network.connect(nodeOf(cluster, one), three);
      cluster.runUntil(cluster.nowMs + 50);
      expect(membersOn(cluster)).toEqual(['[pid,pid,pid]', '[pid,pid,pid]', '[pid,pid,pid]']);
    }
  });

  it('refuses processes of other nodes', () => {
    const cluster = grouped();
    const far = spawn(nodeOf(cluster, two), () => sleep(1_000_000));
    expect(() => ask(cluster, one, 'join', [a('g'), far.pid])).toThrow();
  });
});
