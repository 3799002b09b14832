/** Supervisors acted on and looked at through the operations: the same on a simulated and on a live cluster. */
import { describe, expect, it } from 'vitest';
import type { Json, Result } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import type { House } from '../../server/backend/testKit.ts';
import { at, listAt } from '../../server/backend/testKit.ts';
import { isJson } from '../../server/core/plainData.ts';
import { errorOf, valueOf } from '../../server/core/testKit.ts';
import { plannedOn } from '../../server/operations/testKit.ts';

export type Supervised = {
  readonly house: House;
  readonly runtime: Runtime;
  readonly nodes: readonly [string, string];
  /** Static, registered on both nodes, in the application `shop`. */
  readonly supervisor: string;
  /** A permanent server that it has, by its id. */
  readonly child: string;
  /** A server whose `start_link` takes one argument. */
  readonly worker: { readonly module: string; readonly arg: Json };
};

/** A call that has to run into its limit is in it, and what waits for a machine that does other things too. */
const longestMs = 180_000;
const patience = { timeout: 60_000, interval: 20 };
/** Nobody gives up because of what a test does, however slow the machine is. */
const tireless = { intensity: 1_000_000, periodSeconds: 86_400 };

export function describeSupervision(title: string, cluster: () => Supervised): void {
  const ask = (name: string, params: { readonly [key: string]: Json } = {}) => cluster().house.result(name, params);
  const planned = (name: string, params: { readonly [key: string]: Json }) =>
    plannedOn(cluster().house, cluster().runtime, name, params);
  const lives = async (pid: Json) => (await cluster().house.run('get_process_info', { pid })).ok;
  const specs = (count: number): Json[] => {
    const { module, arg } = cluster().worker;
    return Array.from({ length: count }, (_, at) => ({ id: String(at + 1), module, args: [arg] }));
  };
  /** A supervisor of the test's own, with as many workers. */
  const begin = async (params: { readonly [key: string]: Json }, count = 3): Promise<string> => {
    const node = cluster().nodes[0];
    return text(at(await ask('start_supervisor', { node, ...tireless, children: specs(count), ...params }), 'pid'));
  };
  const pidsOf = async (supervisor: string): Promise<readonly Json[]> =>
    listAt(await ask('which_children', { supervisor }), 'items').map((row) => at(row, 'pid'));
  /** The processes of its children, once all run and those at `fresh` are others than before. */
  const restarted = async (
    supervisor: string,
    before: readonly Json[],
    fresh: readonly number[],
  ): Promise<readonly Json[]> => {
    let now: readonly Json[] = [];
    await expect
      .poll(async () => {
        now = await pidsOf(supervisor);
        return (
          now.length === before.length &&
          now.every((pid, at) => pid !== null && fresh.includes(at) === (pid !== before[at]))
        );
      }, patience)
      .toBe(true);
    return now;
  };
  const stop = (supervisor: string) => ask('stop_supervisor', { supervisor });

  describe(`on ${title}, supervisors`, () => {
    // @row OP-12, T007.a3
    it.each([
      ['one_for_one', [1]],
      ['rest_for_one', [1, 2]],
      ['one_for_all', [0, 1, 2]],
    ] as const)('of %s start anew those that the strategy says', async (strategy, fresh) => {
      const supervisor = await begin({ strategy });
      const before = await pidsOf(supervisor);
      expect(before.every((pid) => pid !== null)).toBe(true);
      await ask('kill_process', { pid: before[1] ?? '' });
      await restarted(supervisor, before, fresh);
      await stop(supervisor);
      expect(await lives(supervisor)).toBe(false);
    });

    // @row OP-17, T008.a1
    it('of simple_one_for_one start children of their one specification, with further arguments', async () => {
      const { worker } = cluster();
      const supervisor = await begin({
        strategy: 'simple_one_for_one',
        children: [{ id: '1', module: worker.module }],
      });
      expect(await pidsOf(supervisor)).toEqual([]);
      const spec = { id: '1', module: worker.module, args: [worker.arg] };
      const first = at(await ask('add_child', { supervisor, spec }), 'pid');
      await ask('add_child', { supervisor, spec });
      const both = await pidsOf(supervisor);
      expect(both).toHaveLength(2);
      expect(both).toContain(first);
      await ask('terminate_child', { supervisor, child: first });
      expect(await pidsOf(supervisor)).toEqual(both.filter((pid) => pid !== first));
      await stop(supervisor);
    });

    // @row OP-18, T008.d3, T008.d4, T008.a2, T008.a3
    it('keep their children while their strategy is changed, and lose none that crashes in the middle', async () => {
      const supervisor = await begin({ strategy: 'one_for_one' });
      let now = await pidsOf(supervisor);
      for (const strategy of ['rest_for_one', 'one_for_one', 'rest_for_one', 'one_for_one']) {
        const changing = ask('change_supervisor_strategy', { supervisor, strategy });
        const crashing = ask('kill_process', { pid: now[2] ?? '' });
        expect(at(await changing, 'after', 'strategy')).toBe(strategy);
        await crashing;
        now = await restarted(supervisor, now, [2]);
      }
      expect(at(await ask('get_supervisor_flags', { supervisor }), 'flags')).toMatchObject({
        strategy: 'one_for_one',
        ...tireless,
      });
      await stop(supervisor);
    });

    // @row T008.a3
    it('start anew what crashed while they could not look, with a change waiting behind it', async () => {
      const supervisor = await begin({ strategy: 'one_for_one' });
      const before = await pidsOf(supervisor);
      const change = await planned('change_supervisor_strategy', { supervisor, strategy: 'rest_for_one' });
      await ask('suspend_process', { pid: supervisor });
      const changing = change.apply();
      await ask('kill_process', { pid: before[1] ?? '' });
      expect(await lives(before[1] ?? '')).toBe(false);
      await ask('resume_process', { pid: supervisor });
      valueOf(await changing);
      expect(await change.probe()).toBe('applied');
      // In which order the two are done is the supervisor's: under rest_for_one the third is started anew, too.
      await expect
        .poll(() => pidsOf(supervisor), patience)
        .toSatisfy((now: readonly Json[]) => {
          const [first, second, third] = now;
          return first === before[0] && second !== before[1] && second !== null && third !== null && now.length === 3;
        });
      await stop(supervisor);
    });

    // @row OP-13, OP-21, T007.d2
    it('are stopped with exactly those that the dry run named', async () => {
      const { supervisor: parent, nodes } = cluster();
      const outer = await begin({ parent, node: nodes[0] }, 2);
      const inner = await begin({ parent: outer, node: nodes[0] }, 2);
      const siblings = listAt(await ask('which_children', { supervisor: parent, node: nodes[0] }), 'items');
      const others = siblings.map((row) => at(row, 'pid')).filter((pid) => pid !== null && pid !== outer);
      const plan = await planned('stop_supervisor', { supervisor: outer });
      const named = plan.plan.touches.map(({ pid }) => pid ?? '');
      expect(new Set(named)).toEqual(new Set([outer, inner, ...(await pidsOf(outer)), ...(await pidsOf(inner))]));
      expect(await plan.probe()).toBe('none');
      valueOf(await plan.apply());
      expect(await plan.probe()).toBe('applied');
      expect(await Promise.all(named.map(lives))).toEqual(named.map(() => false));
      expect(await Promise.all(others.map(lives))).toEqual(others.map(() => true));
      await forget(parent, nodes[0]);
    });

    it('that were restarted, stopped, or made to fail, say so afterwards', async () => {
      const { supervisor: parent, nodes, child } = cluster();
      const outer = await begin({ parent, node: nodes[0] }, 1);
      const again = await planned('restart_supervisor', { supervisor: outer });
      expect(await again.probe()).toBe('none');
      const fresh = at(jsonOf(await again.apply()), 'pid');
      expect(await again.probe()).toBe('applied');
      expect(await lives(outer)).toBe(false);
      await ask('stop_supervisor', { supervisor: fresh });
      await forget(parent, nodes[0]);

      const own = await begin({});
      const ended = await planned('stop_supervisor', { supervisor: own });
      expect(await ended.probe()).toBe('none');
      valueOf(await ended.apply());
      expect(await ended.probe()).toBe('applied');

      const failing = await planned('simulate_failure', {
        supervisor: parent,
        node: nodes[0],
        child,
        settleMs: 60_000,
      });
      expect(await failing.probe()).toBe('none');
      valueOf(await failing.apply());
      expect(await failing.probe()).toBe('applied');
    });

    it(
      'that do not end in time are told as unknown, and end all the same',
      async () => {
        const { house } = cluster();
        const supervisor = await begin({ parent: cluster().supervisor, node: cluster().nodes[0] }, 1);
        const again = await planned('stop_supervisor', { supervisor });
        await ask('suspend_process', { pid: supervisor });
        const late = errorOf(await house.run('stop_supervisor', { supervisor, timeoutMs: 4_000 }));
        // On a machine that is slow enough the time is over before it is told to end.
        expect([late.class, ['unknown', 'none'].includes(late.effect)]).toEqual(['timeout', true]);
        expect(await again.probe()).toBe('none');
        await ask('resume_process', { pid: supervisor });
        if (late.effect === 'none') await stop(supervisor);
        await expect.poll(() => lives(supervisor), patience).toBe(false);
        await expect.poll(() => again.probe(), patience).toBe('applied');
        await forget(cluster().supervisor, cluster().nodes[0]);
      },
      longestMs,
    );

    // @row OP-22, OP-23, T009.d2, T009.a1
    it('tell their restarts in a span of time, by child and by reason', async () => {
      const supervisor = await begin({});
      await ask('restart_frequency', { supervisor });
      const before = await pidsOf(supervisor);
      await ask('kill_process', { pid: before[0] ?? '' });
      await restarted(supervisor, before, [0]);
      const told = async (params: { readonly [key: string]: Json } = {}) =>
        ask('restart_frequency', { supervisor, ...params });
      await expect.poll(async () => at(await told(), 'total'), patience).toBe(1);
      expect(await told({ since: '1h', points: true })).toMatchObject({
        byChild: [{ childId: '1', restarts: 1, lastReason: ':killed' }],
        byReason: [{ reason: ':killed', restarts: 1 }],
        inPeriod: { most: 1, intensity: tireless.intensity },
      });
      expect(at(await told({ child: '1' }), 'total')).toBe(1);
      expect(at(await told({ child: '2' }), 'total')).toBe(0);
      expect(at(await told({ until: '2000-01-01' }), 'total')).toBe(0);
      await stop(supervisor);
    });

    // @row OP-24, T009.d3, T009.a2
    it('are shown as trees of what is asked for only, with what is above it', async () => {
      const { nodes, supervisor, child } = cluster();
      const node = nodes[0];
      const whole = await ask('supervision_tree', { node, application: 'shop' });
      expect(at(whole, 'matched')).toBe(rowsIn(listAt(whole, 'items')).length);
      const found = await ask('supervision_tree', {
        node,
        application: 'shop',
        filter: { childIdText: { eq: child } },
      });
      expect(found).toMatchObject({ matched: 1, total: 1, truncated: false });
      expect(rowsIn(listAt(found, 'items')).map((row) => at(row, 'childIdText'))).toEqual([null, child]);
      expect(at(found, 'items', 0, 'name')).toBe(`Elixir.${supervisor}`);
      const lean = await ask('supervision_tree', { node, application: 'shop', workers: false, fields: ['strategy'] });
      const rows = rowsIn(listAt(lean, 'items'));
      expect(rows.length).toBeGreaterThan(1);
      expect(rows.every((row) => at(row, 'evidence') === null && at(row, 'type') === null)).toBe(true);
      expect(at(lean, 'items', 0, 'strategy')).toBe('one_for_one');
      const none = await ask('supervision_tree', { node, filter: { childIdText: { eq: 'no such child' } } });
      expect(none).toMatchObject({ items: [], total: 0, matched: 0 });
    });

    // @row XT-03
    it('are compared between nodes, and only what differs is shown', async () => {
      const { nodes, supervisor, child } = cluster();
      const [one, two] = nodes;
      const name = `Elixir.${supervisor}`;
      const differences = async () => {
        const told = await ask('cluster_supervision_trees', {
          application: 'shop',
          nodes: [one, two],
          show: 'differences',
        });
        expect(listAt(told, 'items').map((item) => at(item, 'trees'))).toEqual([[], []]);
        return listAt(told, 'differences').filter((row) => text(at(row, 'name')).startsWith(name));
      };
      expect(await differences()).toEqual([]);
      await ask('terminate_child', { supervisor, node: two, child });
      expect(await differences()).toMatchObject([{ what: 'state', name: `${name} ${child}`, on: [one], notOn: [two] }]);
      await ask('restart_child', { supervisor, node: two, child });
      expect(await differences()).toEqual([]);
      await ask('add_child', { supervisor, node: two, spec: specs(1)[0] ?? null });
      const flags = at(await ask('change_supervisor_strategy', { supervisor, node: two, intensity: 77 }), 'before');
      expect(await differences()).toMatchObject([
        { what: 'flags', name, on: [one, two].toSorted() },
        { what: 'child', name: `${name} 1`, on: [two], notOn: [one] },
      ]);
      await ask('change_supervisor_strategy', { supervisor, node: two, intensity: at(flags, 'intensity') });
      await ask('delete_child', { supervisor, node: two, child: '1', terminate: true });
      expect(await differences()).toEqual([]);
    });
  });

  /** Takes out of a supervisor what was stopped and stays as a specification. */
  async function forget(supervisor: string, node: string): Promise<void> {
    const rows = listAt(await ask('which_children', { supervisor, node }), 'items');
    for (const row of rows) {
      if (at(row, 'state') === 'undefined' && at(row, 'type') === 'supervisor') {
        await ask('delete_child', { supervisor, node, child: at(row, 'childIdText') });
      }
    }
  }
}

/** All rows of trees: supervisors and children, each once, from above. */
function rowsIn(trees: readonly Json[]): readonly Json[] {
  const below = (tree: Json): readonly Json[] =>
    listAt(tree, 'children').flatMap((child) => [
      child,
      ...(at(child, 'tree') === null ? [] : below(at(child, 'tree'))),
    ]);
  return trees.flatMap((tree) => [tree, ...below(tree)]);
}

function text(value: Json): string {
  if (typeof value !== 'string') throw new Error(`${JSON.stringify(value)} is no text.`);
  return value;
}

function jsonOf(result: Result<unknown>): Json {
  const value = valueOf(result);
  if (!isJson(value)) throw new Error('No JSON.');
  return value;
}
