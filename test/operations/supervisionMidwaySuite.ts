/** A node dies, or time runs out, while supervisors are acted on or load is balanced: on a simulated and on a live cluster. */
import { describe, expect, it } from 'vitest';
import type { Json } from '../../runtime/model.ts';
import { at, listAt } from '../../server/backend/testKit.ts';
import { errorOf } from '../../server/core/testKit.ts';
import type { Dying } from './midwaySuite.ts';

export type DyingSupervised = Dying & {
  /** A dynamic supervisor, registered on both nodes, and what it can start: a server whose state can move. */
  readonly movableUnder: string;
  readonly movable: Json;
  /** A child that takes longer to start than a few seconds, and a name for its supervisor. */
  readonly late: { readonly name: string; readonly child: Json };
};

/** A node has to come up in it, on a machine that does other things too. */
const longestMs = 180_000;
const patience = { timeout: 60_000, interval: 20 };
const forever = { module: 'timer', function: 'sleep', args: [{ $term: ':infinity' }] };

export function describeSupervisionMidway(title: string, cluster: () => DyingSupervised): void {
  const ask = (name: string, params: { readonly [key: string]: Json } = {}) => cluster().house.result(name, params);
  const lives = async (pid: Json) => (await cluster().house.run('get_process_info', { pid })).ok;
  const doing = async (pid: string, node: string) =>
    at(await ask('get_process_info', { pid, node }), 'currentFunction');

  describe(`on ${title}, in the middle of acting on supervisors`, () => {
    it.each(['stop_supervisor', 'restart_supervisor'])(
      'a node that dies under %s leaves it unknown, not undone',
      async (operation) => {
        const { house, nodes, down, up, supervisor } = cluster();
        const node = nodes[1];
        const own = at(await ask('start_supervisor', { node, parent: supervisor, children: [] }), 'pid');
        // It is told to end, and cannot: its parent waits for it.
        await ask('suspend_process', { pid: own });
        const idle = await doing(supervisor, node);
        const ending = house.run(operation, { supervisor: own });
        await expect.poll(() => doing(supervisor, node), patience).not.toEqual(idle);
        await down();
        const { class: kind, effect } = errorOf(await ending);
        expect([kind, effect]).toEqual(['unavailable', 'unknown']);
        await up();
        expect(await lives(own)).toBe(false);
      },
      longestMs,
    );

    it(
      'a supervisor that does not come up in time leaves nothing behind',
      async () => {
        const { house, nodes, late } = cluster();
        const [node] = nodes;
        const requestId = crypto.randomUUID();
        const params = { node, name: late.name, children: [late.child], timeoutMs: 3_000 };
        const error = errorOf(await house.run('start_supervisor', params, { requestId }));
        expect(['timeout', 'unavailable']).toContain(error.class);
        const left = async () =>
          listAt(await ask('list_holdings', {}), 'items').filter((row) => at(row, 'requestId') === requestId);
        await expect.poll(left, patience).toEqual([]);
        const isThere = async () => (await house.run('get_process_info', { pid: late.name, node })).ok;
        await expect.poll(isThere, patience).toBe(false);
      },
      longestMs,
    );

    // @row OP-42
    it(
      'balance_cluster_load says of each what became of it when a node dies under it, and its undo what is left',
      async () => {
        const { house, nodes, down, up, movableUnder, movable } = cluster();
        const [stays, dies] = nodes;
        for (let more = 0; more < 6; more += 1) {
          await ask('add_child', { supervisor: movableUnder, node: stays, spec: movable });
        }
        const crowd = Array.from({ length: 60 }, () => ask('start_process', { ...forever, node: stays }));
        await Promise.all(crowd);
        const asked = { nodes: [stays, dies], sampleMs: 0, tolerancePercent: 0, forwardMs: 600_000 };
        const few = await ask('balance_cluster_load', { ...asked, maxMoves: 4, apply: true });
        const moved = listAt(few, 'items').filter((item) => at(item, 'became') === 'moved');
        expect(moved.length).toBeGreaterThan(0);

        const falling: { now: Promise<void> | null } = { now: null };
        const answer = await house.run(
          'balance_cluster_load',
          { ...asked, maxMoves: 20, apply: true },
          {},
          {
            onProgress: () => {
              falling.now ??= down();
            },
          },
        );
        await (falling.now ?? down());
        const items = answer.ok && answer.value.mode === 'run' ? listAt(answer.value.result, 'items') : [];
        if (!answer.ok) expect(answer.error.effect).not.toBe('applied');
        for (const item of items) {
          expect(['moved', 'failed', 'not_run']).toContain(at(item, 'became'));
          // Of what failed without effect the process is where it was.
          const isUntouched = at(item, 'became') === 'not_run' || at(item, 'error', 'effect') === 'none';
          if (isUntouched) expect(await lives(at(item, 'pid')), JSON.stringify(item)).toBe(true);
        }

        // What was moved before is on the node that is gone: undo says so, and loses nothing else.
        const undone = await ask('balance_cluster_load', { undo: at(few, 'undo') });
        expect(listAt(undone, 'back')).toHaveLength(moved.length);
        for (const row of listAt(undone, 'back')) {
          expect(['failed', 'gone']).toContain(at(row, 'became'));
          if (at(row, 'became') === 'failed') expect(at(row, 'error', 'class')).toBe('unavailable');
        }
        await up();
        const again = await ask('balance_cluster_load', { undo: at(few, 'undo') });
        expect(listAt(again, 'back').map((row) => at(row, 'became'))).toEqual(moved.map(() => 'gone'));
      },
      longestMs,
    );
  });
}
