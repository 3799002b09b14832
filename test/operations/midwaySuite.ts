/** A node dies while an operation acts on it: what the answer says is what is there, on a simulated and on a live cluster. */
import { describe, expect, it } from 'vitest';
import type { Json } from '../../runtime/model.ts';
import type { House } from '../../server/backend/testKit.ts';
import { at, listAt } from '../../server/backend/testKit.ts';
import { errorOf } from '../../server/core/testKit.ts';

export type Dying = {
  readonly house: House;
  readonly nodes: readonly [string, string];
  /** Takes the second node down, and resolves when it is known to be. */
  readonly down: () => Promise<void>;
  /** Brings it back, and resolves when it can be asked. */
  readonly up: () => Promise<void>;
  /** A static supervisor on each node, with a permanent child, a server. */
  readonly supervisor: string;
  readonly child: string;
};

/** A node has to come up in it, on a machine that does other things too. */
const longestMs = 120_000;
const patience = { timeout: 60_000, interval: 20 };
const forever = { module: 'timer', function: 'sleep', args: [{ $term: ':infinity' }] };

export function describeMidway(title: string, cluster: () => Dying): void {
  const sleepersOn = async (node: string): Promise<readonly Json[]> => {
    const filter = { currentFunction: { prefix: 'timer:sleep' } };
    const answer = await cluster().house.run('list_processes', { node, filter });
    const rows = answer.ok && answer.value.mode === 'run' ? listAt(answer.value.result, 'items') : [];
    return rows.map((row) => at(row, 'pid'));
  };
  /** The one that came to sleep on a node. */
  const newSleeper = async (node: string, before: readonly Json[]): Promise<Json> => {
    let found: readonly Json[] = [];
    await expect
      .poll(async () => {
        found = (await sleepersOn(node)).filter((pid) => !before.includes(pid));
        return found.length;
      }, patience)
      .toBe(1);
    return found[0] ?? null;
  };

  describe(`on ${title}, when a node dies`, () => {
    it(
      'remote_execute says of each node what is known of it',
      async () => {
        const { house, nodes, down, up } = cluster();
        const [stays, dies] = nodes;
        const [here, there] = [await sleepersOn(stays), await sleepersOn(dies)];
        const calling = house.run('remote_execute', { ...forever, nodes: [stays, dies], nodeTimeoutMs: 600_000 });
        await newSleeper(dies, there);
        const sleeper = await newSleeper(stays, here);
        await down();
        const answer = await house.run('remote_execute', { ...forever, nodes: [stays, dies] });
        expect(errorOf(answer)).toMatchObject({ class: 'unavailable', effect: 'none', pointer: '/nodes/1' });
        await house.result('kill_process', { pid: sleeper });
        const ended = await calling;
        const items = ended.ok && ended.value.mode === 'run' ? listAt(ended.value.result, 'items') : [];
        expect(items).toMatchObject([
          { node: stays, value: null },
          { node: dies, became: 'failed', error: { class: 'unavailable', effect: 'unknown' } },
        ]);
        await up();
      },
      longestMs,
    );

    it('kill_processes ends those that it can, and says which are not known', async () => {
      const { house, nodes, down, up } = cluster();
      const pids: Json[] = [];
      for (const node of nodes) {
        pids.push(at(await house.result('start_process', { ...forever, node }), 'pid'));
      }
      await down();
      const done = await house.result('kill_processes', { pids });
      expect(listAt(done, 'items')).toMatchObject([
        { became: 'ended', error: null },
        { became: 'failed', error: { class: 'unavailable' } },
      ]);
      await up();
      // It is another life of the node, in which that process never was.
      const again = await house.result('kill_processes', { pids });
      expect(listAt(again, 'items').map((item) => at(item, 'became'))).toEqual(['gone', 'gone']);
    });

    it(
      'simulate_failure stops with what it has seen',
      async () => {
        const { house, nodes, down, up, supervisor, child } = cluster();
        // As many as may be: nobody gives up before the node dies.
        await house.result('change_supervisor_strategy', { supervisor, node: nodes[1], intensity: 1_000_000 });
        const first = at(await house.result('get_process_info', { pid: child, node: nodes[1] }), 'pid');
        const times = 100;
        const failing = house.run('simulate_failure', { supervisor, node: nodes[1], child, times, settleMs: 60_000 });
        await expect
          .poll(async () => {
            const now = await house.run('get_process_info', { pid: child, node: nodes[1] });
            return now.ok && now.value.mode === 'run' ? at(now.value.result, 'pid') : first;
          }, patience)
          .not.toBe(first);
        await down();
        const ended = await failing;
        // An error, then, that does not say that nothing happened; or an answer with what was seen before it.
        if (!ended.ok) expect(ended.error.effect).not.toBe('none');
        const result = ended.ok && ended.value.mode === 'run' ? ended.value.result : null;
        const rounds = listAt(result, 'rounds').length;
        if (result !== null && rounds < times) expect(at(result, 'stopped', 'code')).toMatch(/./);
        await up();
      },
      longestMs,
    );

    it(
      'migrate_processes leaves each in one place',
      async () => {
        const { house, nodes, down, up, child } = cluster();
        await down();
        const params = { pids: [child], node: nodes[0], to: nodes[1] };
        expect(errorOf(await house.run('migrate_processes', params))).toMatchObject({ effect: 'none' });
        expect((await house.run('get_process_state', { pid: child, node: nodes[0] })).ok).toBe(true);
        await up();
      },
      longestMs,
    );

    it(
      'balance_cluster_load and cluster_supervision_trees go on with the others, and name it',
      async () => {
        const { house, nodes, down, up } = cluster();
        await down();
        const trees = await house.result('cluster_supervision_trees', { depth: 1 });
        expect(listAt(trees, 'items').map((item) => at(item, 'node'))).toEqual([nodes[0]]);
        expect(errorOf(await house.run('balance_cluster_load', { sampleMs: 0 }))).toMatchObject({
          code: 'cluster.too_small',
          effect: 'none',
        });
        await up();
      },
      longestMs,
    );
  });
}
