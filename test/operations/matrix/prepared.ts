/**
 * What has to be there before an example can do what it says: a process to end, a trace to stop. Whatever stands here is said of the
 * example in the documents by its own words (its title), so that a reader can do the same.
 */
import fs from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import type { Params, Stage } from './stage.ts';
import { made } from './stage.ts';

type Prepare = (stage: Stage, params: Params) => Promise<Params>;

const catalogue = (stage: Stage): Params => ({
  pid: stage.names['Shop.Catalog'] ?? 'Shop.Catalog',
  node: stage.nodes[0],
});

/** What the demo has on one node only, the live shop has on each: there the one that comes needs the place. */
async function makeRoom(stage: Stage, children: readonly string[]): Promise<void> {
  for (const name of children) {
    const child = stage.names[name];
    if (child === undefined) continue;
    const there = { supervisor: 'Shop.Supervisor', child, node: stage.nodes[1] };
    await made(stage, 'delete_child', { ...there, terminate: true });
  }
}

const prepared: { readonly [operation: string]: Prepare } = {
  resume_process: async (stage, params) => {
    await made(stage, 'suspend_process', catalogue(stage));
    return params;
  },
  release_holding: async (stage) => {
    const { holding = '' } = await made(stage, 'suspend_process', catalogue(stage));
    return { id: holding };
  },
  migrate_process: async (stage, params) => {
    await makeRoom(stage, ['Shop.WishList.Demo1.Ada']);
    return params;
  },
  migrate_processes: async (stage, params) => {
    await makeRoom(stage, ['Shop.WishList.Demo1.Ada', 'Shop.WishList.Demo1.Alan']);
    return params;
  },
  get_trace_results: traceOf,
  stop_trace: traceOf,
  destroy_sandbox: async (stage) => {
    const { id = '' } = await made(stage, 'create_sandbox', { name: 'hello', text: 'export const one = 1;' });
    return { id };
  },
  // OTP starts no scope by itself.
  list_groups: async (stage, params) => {
    const scope = { module: 'pg', function: 'start', args: [{ $term: ':pg' }] };
    await made(stage, 'remote_execute', { ...scope, nodes: [...stage.nodes] });
    return params;
  },
  create_sandbox: (stage, params) => {
    if (params['module'] === undefined) return Promise.resolve(params);
    const file = path.join(stage.folder, 'sandbox.mjs');
    fs.writeFileSync(file, 'export const add = (a, b) => a + b;');
    return Promise.resolve({ ...params, module: file });
  },
  cancel_operation: async (stage) => {
    const requestId = crypto.randomUUID();
    const { trace = '' } = await made(stage, 'monitor_process', { ...catalogue(stage), forMs: 600_000 });
    void stage.run('get_trace_results', { trace, waitMs: 60_000 }, { requestId });
    const filter = { requestId: { eq: requestId }, outcome: { eq: 'running' } };
    await expect
      .poll(() => made(stage, 'operation_history', { filter }), { timeout: 20_000 })
      .toMatchObject({ total: 1 });
    return { requestId };
  },
  undo_operation: async (stage) => {
    const requestId = crypto.randomUUID();
    await stage.run('suspend_process', catalogue(stage), { requestId });
    return { requestId };
  },
  restart_node: async (stage, params) => {
    await made(stage, 'crash_node', params);
    return params;
  },
};

async function traceOf(stage: Stage, params: Params): Promise<Params> {
  const { trace = '' } = await made(stage, 'trace_process', { ...catalogue(stage), timeMs: 60_000 });
  return { ...params, trace };
}

/** The example's parameters, with what they name made to be there. */
export function ready(stage: Stage, operation: string, params: Params): Promise<Params> {
  const prepare = prepared[operation];
  return prepare === undefined ? Promise.resolve(params) : prepare(stage, params);
}
