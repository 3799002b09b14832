/** Operations that act on processes and supervisors, through the pipeline, on the simulated cluster. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { liveRuntime } from '../../runtime/embedded/liveRuntime.ts';
import type { Json } from '../../runtime/model.ts';
import type { House } from '../../server/backend/testKit.ts';
import { at, houseOn, listAt, taskResult } from '../../server/backend/testKit.ts';
import { errorOf } from '../../server/core/testKit.ts';

const node = 'demo1@sim';
let house: House;
beforeEach(async () => {
  const nodes = ['demo1@sim', 'demo2@sim'];
  house = await houseOn(liveRuntime({ id: 'sim', nodes, seed: 1, sandboxChildFile: 'none' }));
});
afterEach(() => house.close());

/** The text that lies there. */
function textAt(value: Json | undefined, ...path: readonly (string | number)[]): string {
  const found = at(value ?? null, ...path);
  if (typeof found !== 'string') throw new Error(`no text at ${path.join('/')}`);
  return found;
}

const catalog = { pid: 'Shop.Catalog', node };
const statusOf = async () => at(await house.result('get_process_info', catalog), 'status');

describe('suspend_process and resume_process', () => {
  it('halts a process, which whoever asks can let run again', async () => {
    const held = await house.result('suspend_process', catalog);
    expect(at(held, 'how')).toBe('process');
    expect(await statusOf()).toBe('suspended');
    const resumed = await house.result('resume_process', catalog);
    expect(listAt(resumed, 'released')).toEqual([at(held, 'holding')]);
    expect(await statusOf()).not.toBe('suspended');
    expect(listAt(await house.result('resume_process', catalog), 'released')).toEqual([]);
  });

  it('says what it will do before it does it', async () => {
    const planned = await house.run('suspend_process', catalog, { mode: 'dry_run' });
    expect(planned).toMatchObject({ ok: true, value: { plan: { undo: 'yes', touches: [{ node }] } } });
    expect(await statusOf()).not.toBe('suspended');
  });
});

describe('get_process_state', () => {
  it('shows the state that the process itself tells', async () => {
    const state = await house.result('get_process_state', catalog);
    expect(at(state, 'whole')).toBe(true);
    expect(at(state, 'state', 'display')).not.toBe('');
  });

  it('refuses one that is not there', async () => {
    expect(errorOf(await house.run('get_process_state', { pid: 'nobody', node })).class).toBe('not_found');
  });
});

describe('send_message', () => {
  it('sends what is written, as a message, a cast or a call', async () => {
    const sleeper = await house.result('start_process', { node, module: 'timer', function: 'sleep', args: [60_000] });
    const pid = textAt(sleeper, 'pid');
    expect(at(await house.result('send_message', { pid, message: { $term: '{:job, 7}' } }), 'reply')).toBeNull();
    await house.result('send_message', { pid, message: { $term: ':again' }, how: 'cast' });
    const queue = await house.result('analyze_message_queue', { pid });
    expect(queue).toMatchObject({
      length: 2,
      read: true,
      kinds: [
        { kind: '{job, …}/2', count: 1 },
        { kind: 'cast again', count: 1 },
      ],
      first: [{ display: '{:job, 7}' }, {}],
    });
  });

  it('says where a message is unreadable', async () => {
    const error = errorOf(await house.run('send_message', { ...catalog, message: { $term: '{:job, ' } }));
    expect(error).toMatchObject({ class: 'validation', pointer: '/message' });
  });
});

describe('monitor_process', () => {
  // @row T006.d1, T006.a1
  it('gives readings while it watches, and the reason of the end', async () => {
    const sleeper = await house.result('start_process', { node, module: 'timer', function: 'sleep', args: [60_000] });
    const pid = textAt(sleeper, 'pid');
    const trace = at(await house.result('monitor_process', { pid, everyMs: 100, forMs: 600_000 }), 'trace');
    const two = await house.result('get_trace_results', { trace, enough: 2, waitMs: 60_000 });
    expect(listAt(two, 'items').slice(0, 2)).toMatchObject([
      { seq: 1, pid, status: 'waiting' },
      { seq: 2, pid, messageQueueLen: 0 },
    ]);
    const waiting = house.result('get_trace_results', { trace, after: at(two, 'next'), waitMs: 60_000 });
    await house.run('kill_process', { pid });
    expect(await waiting).toMatchObject({
      running: false,
      outcome: { is: 'monitor', result: { endedBy: 'process', ended: { reason: { display: ':killed' } } } },
    });
  });

  it('ends without a reason when its time is up', async () => {
    const watched = await taskResult(house, 'monitor_process', { ...catalog, everyMs: 100, forMs: 2_000 });
    expect(watched).toMatchObject({ endedBy: 'time', ended: null });
    expect(Number(at(watched, 'readings'))).toBeGreaterThan(0);
  });
});

describe('the children of a supervisor', () => {
  const supervisor = 'Shop.Supervisor';
  const childIds = async () =>
    listAt(await house.result('which_children', { supervisor, node }), 'items').map((row) => at(row, 'childIdText'));

  it('are added, restarted, terminated and deleted', async () => {
    const before = await childIds();
    const spec = { id: 'Shop.Spare', module: 'Shop.Stock.Replicator', args: [[]], restart: 'temporary' };
    const specs = await house.result('which_children', { supervisor, node });
    const [first] = listAt(specs, 'items').filter((row) => at(row, 'type') === 'worker');
    const child = textAt(first, 'childIdText');

    const restarted = await house.result('restart_child', { supervisor, node, child });
    expect(at(restarted, 'before')).toBe(at(first ?? null, 'pid'));
    expect(at(restarted, 'pid')).not.toBe(at(restarted, 'before'));

    expect(errorOf(await house.run('delete_child', { supervisor, node, child }))).toMatchObject({
      code: 'child.running',
    });
    await house.result('terminate_child', { supervisor, node, child });
    expect(await childIds()).toEqual(before);
    await house.result('delete_child', { supervisor, node, child });
    expect(await childIds()).toEqual(before.filter((id) => id !== child));
    const again = await house.run('add_child', { supervisor, node, spec });
    expect(errorOf(again).class).toBe('execution');
  });

  it('are named by their process too, and refused when there are none of that name', async () => {
    const [row] = listAt(await house.result('which_children', { supervisor, node }), 'items');
    const display = textAt(row, 'display');
    const planned = await house.run('restart_child', { supervisor, node, child: display }, { mode: 'dry_run' });
    expect(planned).toMatchObject({ ok: true });
    const none = await house.run('terminate_child', { supervisor, node, child: 'nobody' });
    expect(errorOf(none)).toMatchObject({ code: 'child.not_found', pointer: '/child' });
  });
});

describe('a supervisor in figures', () => {
  const supervisor = 'Shop.Supervisor';

  it('tells its flags, its children and its restarts', async () => {
    const flags = await house.result('get_supervisor_flags', { supervisor, node });
    expect(at(flags, 'flags', 'strategy')).toBe('one_for_one');
    await house.result('kill_process', catalog);
    const stats = await house.result('supervisor_stats', { supervisor, node });
    expect(Number(at(stats, 'children', 'active'))).toBeGreaterThan(0);
    const frequency = await house.result('restart_frequency', { supervisor, node });
    expect(at(frequency, 'total')).toBe(1);
    expect(listAt(frequency, 'latest')).toMatchObject([{ reason: { display: ':killed' } }]);
    expect(at(frequency, 'inPeriod', 'restarts')).toBe(1);
  });

  it('refuses a change that says nothing', async () => {
    const error = errorOf(await house.run('change_supervisor_strategy', { supervisor, node }));
    expect(error.class).toBe('validation');
  });
});

describe('a node in figures', () => {
  it('tells its memory, its applications and its emulator', async () => {
    const memory = await house.result('get_memory_info');
    expect(listAt(memory, 'items').map((row) => at(row, 'node'))).toEqual(['demo1@sim', 'demo2@sim']);
    const applications = await house.result('list_applications', { node, filter: { name: { eq: 'shop' } } });
    expect(listAt(applications, 'items')).toMatchObject([{ name: 'shop', running: true }]);
    const info = await house.result('get_system_info', { node });
    expect(Number(at(info, 'stats', 'processCount'))).toBeGreaterThan(0);
  });

  it('names the nodes that did not answer', async () => {
    await house.result('crash_node', { node: 'demo2@sim' });
    const memory = await house.result('get_memory_info');
    expect(listAt(memory, 'nodes')).toMatchObject([{ status: 'ok' }, { node: 'demo2@sim', status: 'missing' }]);
    expect(errorOf(await house.run('get_memory_info', { node: 'demo2@sim' })).class).toBe('unavailable');
  });
});
