/** Test support as a test in this repository uses it: a cluster of its own, operations, faults, time. */
import { AssertionError } from 'node:assert';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../runtime/model.ts';
import { assertOperationFailure, assertOperationSuccess, withTestCluster } from '../../server/testing.ts';
import { at } from '../../server/backend/testKit.ts';

const demo = { nodes: 2, cluster: 'demo', seed: 3 } as const;

// @row TS-01, TS-02, IV-07
describe('withTestCluster', () => {
  it('runs operations through the pipeline on a cluster of its own', async () => {
    await withTestCluster(['a@sim', 'b@sim'], async (cluster) => {
      expect(cluster.nodes).toEqual(['a@sim', 'b@sim']);
      const topology = assertOperationSuccess(await cluster.run('cluster_topology'));
      expect(JSON.stringify(topology)).toContain('b@sim');
      const error = assertOperationFailure(await cluster.run('kill_process', { pid: 'nobody', node: 'a@sim' }), {
        class: 'not_found',
      });
      expect(error.effect).toBe('none');
    });
  });

  it('has batches, and knows what was called; each cluster its own', async () => {
    const suspend = (id: string, pid: string) => ({
      id,
      operation: 'suspend_process',
      params: { pid, node: 'node1@sim' },
    });
    const items = [suspend('one', 'Shop.Catalog'), suspend('none', 'nobody')];
    await withTestCluster(demo, async (cluster) => {
      const refused = await cluster.run('execute_batch', { mode: 'atomic', items });
      assertOperationFailure(refused, { code: 'batch.refused' });
      const each = await cluster.result('execute_batch', { items });
      expect(at(each, 'counts')).toMatchObject({ done: 1, failed: 1 });
      await withTestCluster(demo, async (other) => {
        expect(at(await other.result('operation_history'), 'items')).toEqual([]);
      });
      const calls = await cluster.result('operation_history', { filter: { operation: { eq: 'suspend_process' } } });
      expect(at(calls, 'items', 0)).toMatchObject({ outcome: 'failed', code: 'process.not_found', parent: 'call-2' });
      expect(at(calls, 'items', 1)).toMatchObject({ outcome: 'ok', principal: 'test' });
      expect(at(await cluster.result('operation_stats', { operation: 'suspend_process' }), 'total')).toMatchObject({
        calls: 2,
        failures: 1,
      });
      await cluster.result('undo_operation', { requestId: 'call-2:0' });
      assertOperationFailure(await cluster.run('undo_operation', { requestId: 'call-2:0' }), { code: 'undo.nothing' });
    });
  });

  it('lets a supervisor start again what was killed', async () => {
    await withTestCluster(demo, async (cluster) => {
      const [node] = cluster.nodes;
      const before = cluster.whereis(node!, 'Shop.Catalog');
      expect(before).toMatch(/^node1@sim~0\.\d+\.\d+~/);
      await cluster.result('kill_process', { pid: before! });
      const after = await cluster.eventually(() => cluster.whereis(node!, 'Shop.Catalog'));
      expect(after).not.toBe(before);
      expect(cluster.events.some((line) => line.includes(' restart '))).toBe(true);
    });
  });

  it('crashes, parts, heals and hangs nodes, which the others notice when OTP says so', async () => {
    await withTestCluster(3, async (cluster) => {
      const [one, two, three] = cluster.nodes;
      const down = (node: string): boolean =>
        cluster.events.some((line) => line.endsWith(`node_down node=${node} creation=1`));
      await cluster.crash(three!);
      expect(down(three!)).toBe(true);
      await cluster.restart(three!);
      const cuts = (): number => cluster.events.filter((line) => line.includes(' disconnected ')).length;
      await cluster.advance(1000);
      const before = cuts();
      await cluster.partition([[one!], [two!, three!]]);
      await cluster.eventually(() => cuts() > before);
      await cluster.heal();
      await cluster.hang(two!);
      await cluster.delay(one!, three!, 20);
      await cluster.drop(one!, three!, 0.5);
      await cluster.heal();
      expect(at(await cluster.result('heal_cluster'), 'released')).toEqual([]);
    });
  });

  it('makes the same run of the same seed, and another of another', async () => {
    const story = (seed: number, waitMs: number): Promise<readonly Json[]> =>
      withTestCluster({ ...demo, seed, schedule: 'random' }, async (cluster) => {
        const answers: Json[] = [];
        await cluster.advance(5_000);
        answers.push(await cluster.result('kill_process', { pid: 'Shop.Catalog', node: 'node1@sim' }));
        await new Promise((resolve) => void setTimeout(resolve, waitMs));
        await cluster.partition([['node1@sim'], ['node2@sim']]);
        await cluster.advance(20_000);
        answers.push(await cluster.result('list_processes', { node: 'node2@sim', sort: '-reductions' }));
        return [...answers, cluster.eventsSha256, cluster.events.length];
      });
    const first = await story(11, 0);
    expect(await story(11, 20)).toEqual(first);
    expect(await story(12, 0)).not.toEqual(first);
  });

  it('cuts a call off by the time of the cluster, not of the wall', async () => {
    await withTestCluster(demo, async (cluster) => {
      await cluster.result('suspend_process', { pid: 'Shop.Catalog', node: 'node1@sim' });
      const beganAtMs = cluster.nowMs;
      const asked = await cluster.run(
        'send_message',
        { pid: 'Shop.Catalog', node: 'node1@sim', message: { $term: ':what' }, how: 'call' },
        { timeoutMs: 20_000 },
      );
      assertOperationFailure(asked, { class: 'timeout' });
      expect(cluster.nowMs - beganAtMs).toBeGreaterThanOrEqual(20_000);
      expect(cluster.nowMs - beganAtMs).toBeLessThan(21_000);
    });
  });

  it('answers what the test answers, and throws what it throws, the cluster ended', async () => {
    expect(await withTestCluster(1, () => 7)).toBe(7);
    await expect(withTestCluster(1, () => Promise.reject(new Error('mine')))).rejects.toThrow('mine');
  });

  it('says what is wrong with its options', async () => {
    await expect(withTestCluster(0, () => 1)).rejects.toThrow(/cluster_file\.invalid/);
    await expect(withTestCluster({ seed: -1 }, () => 1)).rejects.toThrow(/seed\.invalid/);
    await expect(withTestCluster({ cluster: { file: '/nowhere.ts' } }, () => 1)).rejects.toThrow(/not_found/);
  });

  it('fails in the words of an assertion', async () => {
    await withTestCluster(1, async (cluster) => {
      const failed = await cluster.run('kill_process', { pid: 'nobody' });
      expect(() => assertOperationSuccess(failed)).toThrow(AssertionError);
      expect(() => assertOperationFailure(failed, { code: 'other.code' })).toThrow(/was to fail with other\.code/);
      await expect(cluster.eventually(() => false, { withinMs: 100 })).rejects.toThrow(/within 100 ms/);
      await expect(cluster.eventually(() => expect(1).toBe(2), { withinMs: 100 })).rejects.toThrow(/to be 2/);
    });
  });
});
