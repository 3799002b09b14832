/** Supervisors of real Horde as supervisors: found, counted, listed; what only Horde may do with their children is refused. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProcessRef } from '../../runtime/model.ts';
import { pidText } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import { atom } from '../../runtime/term/term.ts';
import { valueOf } from '../port/results.ts';
import type { HordeCluster } from './horde.ts';
import { noHorde, startHorde } from './horde.ts';
import { owner } from './porters.ts';
import { childrenOf, errorOf, inTime, supervisorsOf } from './shop.ts';

describe.skipIf(noHorde !== null)(`a supervisor of Horde${noHorde === null ? '' : ` (${noHorde})`}`, () => {
  let cluster: HordeCluster;
  let runtime: Runtime;
  let node = '';
  let horde: ProcessRef;
  let child: ProcessRef;

  beforeAll(async () => {
    cluster = await startHorde({ nodes: 1 });
    runtime = await cluster.connect();
    [node = ''] = cluster.names;
    for (const key of ['one', 'two', 'three']) await cluster.nodes[0]?.eval(`HordeApp.start_worker(:${key})`);
  }, 60_000);
  afterAll(async () => {
    await runtime.close();
    cluster.stop();
  });

  it('is found as one, with its children counted and listed', async () => {
    const found = await supervisorsOf(runtime, node);
    const workers = found.find(({ name }) => name?.in === 'local' && name.name.endsWith('.ProcessesSupervisor'));
    expect(workers).toMatchObject({ kind: 'horde_supervisor', flags: { strategy: 'one_for_one' } });
    if (workers === undefined) throw new Error('It was not found.');
    horde = workers.supervisor;
    const rows = await childrenOf(runtime, horde);
    expect(rows.map(({ state }) => state.is)).toEqual(['running', 'running', 'running']);
    const count = valueOf(await runtime.port.supervisors.count({ supervisor: horde }, inTime()));
    expect(count).toMatchObject({ active: 3, workers: 3 });
    const [first] = rows;
    if (first?.state.is !== 'running') throw new Error('It does not run.');
    child = first.state.pid;
  });

  it('refuses what only Horde may do with its children, and leaves them as they are', async () => {
    const { supervisors, processes } = runtime.port;
    const spec = {
      childId: atom('one'),
      start: { module: 'Elixir.HordeApp.Worker', function: 'start_link', args: [atom('one')] },
      restart: 'permanent',
      shutdown: 1_000,
      type: 'worker',
      significant: false,
    } as const;
    for (const refused of [
      await supervisors.startChild({ supervisor: horde, spec }, inTime()),
      await supervisors.terminateChild({ supervisor: horde, child: { pid: child } }, inTime()),
      await processes.restart({ pid: child }, inTime()),
      await processes.migrate({ pid: child, node: 'x@y', maxBytes: 1e6, forwardMs: 0, owner, lingerMs: 0 }, inTime()),
    ]) {
      expect(errorOf(refused).effect).toBe('none');
      expect(['unsupported', 'not_found']).toContain(errorOf(refused).class);
    }
    expect(await cluster.nodes[0]?.eval(`Process.alive?(:erlang.list_to_pid('${pidText(child)}'))`)).toBe('true');
  });
});
