/** Operations on what spans nodes, through the pipeline, on the simulated cluster. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { liveRuntime } from '../../runtime/embedded/liveRuntime.ts';
import { callOptions } from '../../runtime/callOptions.ts';
import type { Json } from '../../runtime/model.ts';
import { pidText } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import type { House } from '../../server/backend/testKit.ts';
import { at, houseOn, listAt } from '../../server/backend/testKit.ts';
import { valueOf } from '../../server/core/testKit.ts';

const [one, two] = ['demo1@sim', 'demo2@sim'];
const patience = { timeout: 30_000, interval: 20 };
let runtime: Runtime;
let house: House;
beforeEach(async () => {
  runtime = liveRuntime({ id: 'sim', nodes: [one, two], seed: 1, sandboxChildFile: 'none' });
  house = await houseOn(runtime);
});
afterEach(() => house.close());

/** Calls a function, with arguments as Erlang writes them, in a process of its own on a node; that process as it is printed there. */
async function run(node: string, module: string, name: string, ...args: readonly string[]): Promise<string> {
  const written = args.map((source) => ({ syntax: 'erlang', source }) as const);
  const started = await runtime.port.processes.start(
    { node, module, function: name, args: written },
    callOptions(5000),
  );
  return pidText(valueOf(started));
}
async function rows(operation: string): Promise<readonly Json[]> {
  return listAt(await house.result(operation, {}), 'items');
}

describe('list_groups and compare_global_names', () => {
  it('say what the nodes have together, and where they differ in a partition', async () => {
    for (const node of [one, two]) await run(node, 'pg', 'start', 'pg');
    await vi.waitFor(async () => expect((await house.run('list_groups', {})).ok).toBe(true), patience);
    const member = await run(one, 'timer', 'sleep', 'infinity');
    await vi.waitFor(async () => {
      await run(one, 'pg', 'join', 'carts', member);
      expect((await rows('list_groups')).map((row) => [at(row, 'group'), at(row, 'agreement')])).toEqual([
        [':carts', 'agreed'],
      ]);
    }, patience);
    await run(one, 'global', 'register_name', 'leader', member);
    const seen = async (): Promise<readonly (readonly Json[])[]> =>
      (await rows('compare_global_names')).map((row) => [at(row, 'name'), at(row, 'agreement')]);
    await vi.waitFor(async () => expect(await seen()).toEqual([['{:global, :leader}', 'agreed']]), patience);
    await house.result('partition_cluster', { islands: [[one], [two]] });
    await vi.waitFor(async () => expect(await seen()).toEqual([['{:global, :leader}', 'partial']]), patience);
    const other = await run(two, 'timer', 'sleep', 'infinity');
    await run(two, 'global', 'register_name', 'leader', other);
    await vi.waitFor(async () => expect(await seen()).toEqual([['{:global, :leader}', 'conflict']]), patience);
    expect((await rows('list_groups')).map((row) => at(row, 'agreement'))).toEqual(['partial']);
  });
});
