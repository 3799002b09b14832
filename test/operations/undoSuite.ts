/**
 * Whatever an operation did is taken back by its `compensate`, and a later process is told by its `probe` what became of it: the same
 * on a simulated and on a live cluster.
 */
import { describe, expect, it } from 'vitest';
import type { Json, Result } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import type { House } from '../../server/backend/testKit.ts';
import { at, listAt } from '../../server/backend/testKit.ts';
import { valueOf } from '../../server/core/testKit.ts';
import { isJson } from '../../server/core/plainData.ts';
import { plannedOn } from '../../server/operations/testKit.ts';

type Params = { readonly [key: string]: Json };

export type Undoing = {
  readonly house: House;
  readonly runtime: Runtime;
  readonly node: string;
  readonly other: string;
  /** A registered server that a supervisor of static children keeps. */
  readonly server: string;
  readonly supervisor: string;
  /** A specification that the supervisor takes. */
  readonly spec: Json;
  /** A server that can move to `other`, and the supervisor that has it. */
  readonly movable: () => Promise<{ readonly pid: string; readonly supervisor: string }>;
};

/** The value of a success, as JSON. */
function jsonOf(result: Result<unknown>): Json {
  const value = valueOf(result);
  if (!isJson(value)) throw new Error('No JSON.');
  return value;
}

export function describeUndo(title: string, cluster: () => Undoing): void {
  const plan = (name: string, params: Params) => plannedOn(cluster().house, cluster().runtime, name, params);
  const ask = (name: string, params: Params) => cluster().house.result(name, params);
  const childrenOf = async (supervisor: string) =>
    listAt(await ask('which_children', { supervisor, node: cluster().node }), 'items').map((row) => [
      at(row, 'childIdText'),
      at(row, 'state'),
    ]);
  const statusOf = async (pid: Json) => at(await ask('get_process_info', { pid }), 'status');
  const lives = async (pid: Json) => (await cluster().house.run('get_process_info', { pid })).ok;

  describe(`on ${title}`, () => {
    it('start_process: the process is ended, also when it has ended by itself', async () => {
      const { node } = cluster();
      const started = await plan('start_process', { node, module: 'timer', function: 'sleep', args: [600_000] });
      const done = await started.apply();
      const pid = at(jsonOf(done), 'pid');
      expect(await lives(pid)).toBe(true);
      valueOf(await started.compensate(done));
      expect(await lives(pid)).toBe(false);
      valueOf(await started.compensate(done));
    });

    it('suspend_process and resume_process: each by the other', async () => {
      const { node } = cluster();
      const pid = at(await ask('start_process', { node, module: 'timer', function: 'sleep', args: [600_000] }), 'pid');
      const held = await plan('suspend_process', { pid });
      expect(await held.probe()).toBe('none');
      const done = await held.apply();
      valueOf(done);
      expect(await held.probe()).toBe('applied');
      const resumed = await plan('resume_process', { pid });
      const went = await resumed.apply();
      valueOf(went);
      expect(await resumed.probe()).toBe('applied');
      expect(await statusOf(pid)).not.toBe('suspended');
      valueOf(await resumed.compensate(went));
      expect(await statusOf(pid)).toBe('suspended');
      await ask('resume_process', { pid });
      const again = await plan('suspend_process', { pid });
      const heldAgain = await again.apply();
      expect(await statusOf(pid)).toBe('suspended');
      valueOf(await again.compensate(heldAgain));
      expect(await statusOf(pid)).not.toBe('suspended');
      await ask('kill_process', { pid });
    });

    it('add_child: the child is ended and forgotten', async () => {
      const { node, supervisor, spec } = cluster();
      const before = await childrenOf(supervisor);
      const added = await plan('add_child', { supervisor, node, spec });
      expect(await added.probe()).toBe('none');
      const done = await added.apply();
      valueOf(done);
      expect(await added.probe()).toBe('applied');
      expect(await childrenOf(supervisor)).toHaveLength(before.length + 1);
      valueOf(await added.compensate(done));
      expect(await childrenOf(supervisor)).toEqual(before);
      valueOf(await added.compensate(done));
    });

    it('terminate_child: the child is started again; delete_child says what is left', async () => {
      const { node, supervisor, spec } = cluster();
      const child = at(await ask('add_child', { supervisor, node, spec }), 'childId');
      const before = await childrenOf(supervisor);
      const ended = await plan('terminate_child', { supervisor, node, child });
      expect(await ended.probe()).toBe('none');
      const done = await ended.apply();
      expect(await ended.probe()).toBe('applied');
      expect(await childrenOf(supervisor)).not.toEqual(before);
      valueOf(await ended.compensate(done));
      expect(await childrenOf(supervisor)).toEqual(before);
      const deleted = await plan('delete_child', { supervisor, node, child, terminate: true });
      expect(await deleted.probe()).toBe('none');
      valueOf(await deleted.apply());
      expect(await deleted.probe()).toBe('applied');
    });

    it('start_supervisor: by itself, and under another', async () => {
      const { node, supervisor } = cluster();
      const before = await childrenOf(supervisor);
      const own = await plan('start_supervisor', { node, lingerMs: 600_000 });
      expect(await own.probe()).toBe('none');
      const done = await own.apply();
      expect(await own.probe()).toBe('applied');
      expect(await lives(at(jsonOf(done), 'pid'))).toBe(true);
      valueOf(await own.compensate(done));
      expect(await lives(at(jsonOf(done), 'pid'))).toBe(false);
      const below = await plan('start_supervisor', { node, parent: supervisor });
      const started = await below.apply();
      expect(await childrenOf(supervisor)).toHaveLength(before.length + 1);
      valueOf(await below.compensate(started));
      expect(await childrenOf(supervisor)).toEqual(before);
    });

    it('change_supervisor_strategy: what the flags were', async () => {
      const { node, supervisor } = cluster();
      const flags = async () => at(await ask('get_supervisor_flags', { supervisor, node }), 'flags');
      const before = await flags();
      const changed = await plan('change_supervisor_strategy', { supervisor, node, intensity: 77 });
      expect(await changed.probe()).toBe('none');
      const done = await changed.apply();
      expect(await changed.probe()).toBe('applied');
      expect(at(await flags(), 'intensity')).toBe(77);
      valueOf(await changed.compensate(done));
      expect(await flags()).toEqual(before);
    });

    it('disconnect_node: the link is opened again', async () => {
      const { other } = cluster();
      const reach = async () => at(await ask('node_info', { node: other }), 'reach');
      const before = await reach();
      const closed = await plan('disconnect_node', { node: other });
      const done = await closed.apply();
      expect(await reach()).not.toEqual(before);
      valueOf(await closed.compensate(done));
      expect(await reach()).toEqual(before);
    });
    it('migrate_process: it is back, and its place there is empty', async () => {
      const { other, movable } = cluster();
      const { pid, supervisor } = await movable();
      const before = await childrenOf(supervisor);
      const state = at(await ask('get_process_state', { pid }), 'state', 'display');
      const moved = await plan('migrate_process', { pid, to: other, forwardMs: 600_000 });
      expect(await moved.probe()).toBe('none');
      const done = await moved.apply();
      const there = at(jsonOf(done), 'pid');
      expect(at(await ask('get_process_info', { pid: there }), 'node')).toBe(other);
      expect(await moved.probe()).toBe('applied');
      valueOf(await moved.compensate(done));
      expect(await childrenOf(supervisor)).toHaveLength(before.length);
      const items = listAt(await ask('which_children', { supervisor, node: cluster().node }), 'items');
      const states = await Promise.all(
        items.map(async (row) => at(await ask('get_process_state', { pid: at(row, 'pid') }), 'state', 'display')),
      );
      expect(states).toContain(state);
      expect(await lives(pid)).toBe(false);
      // What lives there now only forwards, and ends with its time.
      const holdings = listAt(await ask('list_holdings', {}), 'items').filter((row) => at(row, 'target') === there);
      expect(holdings).toHaveLength(1);
    });
    it('restart_process, restart_child and kill_process say afterwards that they were done', async () => {
      const { node, server, supervisor } = cluster();
      const fresh = await plan('restart_process', { pid: server, node });
      expect(await fresh.probe()).toBe('none');
      valueOf(await fresh.apply());
      expect(await fresh.probe()).toBe('applied');
      const child = await plan('restart_child', { supervisor, node, child: server });
      expect(await child.probe()).toBe('none');
      valueOf(await child.apply());
      expect(await child.probe()).toBe('applied');
      const ended = await plan('kill_process', { pid: server, node });
      expect(await ended.probe()).toBe('none');
      valueOf(await ended.apply());
      expect(await ended.probe()).toBe('applied');
    });
  });
}
