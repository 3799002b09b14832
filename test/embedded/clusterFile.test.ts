/** Cluster files, as a user writes them: run, changed while they run, and broken. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { callOptions } from '../../runtime/callOptions.ts';
import { startRuntime } from '../../runtime/embedded/liveRuntime.ts';
import type { Json, Result } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import { WatchView } from '../../runtime/watch.ts';
import type { House } from '../../server/backend/testKit.ts';
import { at, houseOn, listAt } from '../../server/backend/testKit.ts';
import { errorOf, valueOf } from '../../server/core/testKit.ts';

let folder: string;
let file: string;
let house: House | null = null;
beforeEach(() => {
  folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-cluster-')));
  file = path.join(folder, 'arsenal.cluster.ts');
});
afterEach(async () => {
  await house?.close();
  house = null;
  fs.rmSync(folder, { recursive: true });
});

function start(clusterFile: string, seed?: number): Result<Runtime> {
  const options = { id: 'sim', nodes: [], sandboxChildFile: 'none', time: 'deterministic', clusterFile } as const;
  return startRuntime(seed === undefined ? options : { ...options, seed }, () => undefined);
}
async function run(clusterFile: string, seed?: number): Promise<House> {
  house = await houseOn(valueOf(start(clusterFile, seed)));
  return house;
}

const counter = (body: string): string => `
import { atom, defineCluster, genServer, noreply, ok, reply, supervisor, tuple } from 'arsenal-otp/cluster';
${body}
const top = supervisor('Elixir.Count.Supervisor', { children: [{ module: counter }] });
export default defineCluster({
  nodes: ['a@sim', 'b@sim'],
  modules: [counter, top],
  applications: [{ name: 'count', module: top, nodes: ['a@sim'] }],
});
`;
const first = counter(`
type State = { readonly count: number };
const counter = genServer<State>('Elixir.Count', {
  init: () => ok({ count: 0 }),
  handleCall: (_self, _request, _from, state) => reply(state.count + 1, { count: state.count + 1 }),
});`);
const second = counter(`
type State = { readonly count: number; readonly step: number };
const counter = genServer<State>('Elixir.Count', {
  init: () => ok({ count: 0, step: 10 }),
  handleCall: (_self, _request, _from, state) => reply(state.count + state.step, { ...state, count: state.count + state.step }),
  codeChange: (_self, _old, state) => ok({ count: state.count, step: 10 }),
});`);

const count = async (): Promise<Json | undefined> =>
  at(
    (await house?.result('send_message', { pid: 'Count', node: 'a@sim', message: { $term: ':next' }, how: 'call' })) ??
      null,
    'reply',
    'display',
  );

describe('a cluster file', () => {
  it('runs: its nodes, its applications where they belong, its servers', async () => {
    fs.writeFileSync(file, first);
    const { result } = await run(file);
    expect(listAt(await result('cluster_topology', {}), 'items').map((node) => at(node, 'node'))).toEqual([
      'a@sim',
      'b@sim',
    ]);
    expect([await count(), await count()]).toEqual(['1', '2']);
    const running = listAt(await result('list_applications', { node: 'b@sim' }), 'items');
    expect(running).toContainEqual(expect.objectContaining({ name: 'count', running: false }));
  });

  it('changes code while it runs, and the state by code_change; a broken one changes nothing and says where', async () => {
    fs.writeFileSync(file, first);
    const { result, run: call } = await run(file);
    expect([await count(), await count()]).toEqual(['1', '2']);
    fs.writeFileSync(file, second);
    expect(await result('reload_cluster_file', {})).toMatchObject({
      modules: ['Elixir.Count', 'Elixir.Count.Supervisor'],
      changed: [expect.stringContaining('a@sim')],
      failed: [],
    });
    expect([await count(), await count()]).toEqual(['12', '22']);
    fs.writeFileSync(file, second.replace('reply(state.count', 'reply(((state.count'));
    const error = errorOf(await call('reload_cluster_file', {}));
    expect(error).toMatchObject({ code: 'cluster_file.broken', details: { at: { file, line: 7 } } });
    expect(await count()).toBe('32');
  });

  it('finds the cluster’s time and chance, and nothing else of the machine', async () => {
    fs.writeFileSync(
      file,
      counter(`
const counter = genServer<null>('Elixir.Count', {
  init: () => ok(null),
  handleCall: (_self, _request, _from, state) =>
    reply([new Date().toISOString(), Math.random(), typeof process, typeof setTimeout, typeof fetch, typeof globalThis], state),
});`),
    );
    const told: unknown[] = [];
    for (const seed of [3, 3, 4]) {
      await run(file, seed);
      told.push(await count());
      await house?.close();
    }
    expect(told[0]).toContain('2026-01-01T00:00:00');
    expect(told[0]).toContain('"undefined", "undefined", "undefined", "undefined"');
    expect(told[1]).toBe(told[0]);
    expect(told[2]).not.toBe(told[0]);
  });

  it('may be JSON: nodes, network and faults around the demo', async () => {
    const json = path.join(folder, 'arsenal.cluster.json');
    const faults = [{ atMs: 1000, forMs: 1000, crash: 'shop2@sim' }];
    fs.writeFileSync(json, JSON.stringify({ nodes: ['shop1@sim', 'shop2@sim'], faults }));
    const { result } = await run(json);
    const nodesUp = async (): Promise<readonly Json[]> => listAt(await result('cluster_topology', {}), 'links');
    expect(await nodesUp()).toHaveLength(1);
    await result('step_time', { ms: 1500 });
    expect(await nodesUp()).toHaveLength(0);
    await result('step_time', { ms: 1500 });
    expect(await nodesUp()).toHaveLength(1);
  });
});

describe('an application that does not run though it was started', () => {
  /** Application `shop` on b@sim has one child; `fine` runs everywhere. */
  const shopOf = (init: string): string => `
import { atom, defineCluster, genServer, noreply, ok, supervisor, tuple } from 'arsenal-otp/cluster';
const child = genServer('child', {
  init: () => ${init},
  handleCast: () => { throw new Error('cast'); },
});
const well = genServer('well', { init: () => ok(1), handleCast: (_self, _message, state) => noreply(state) });
const shop = supervisor('shop_sup', { intensity: 0, children: [{ module: child }] });
const fine = supervisor('fine_sup', { children: [{ module: well }] });
export default defineCluster({
  nodes: ['a@sim', 'b@sim'],
  modules: [child, well, shop, fine],
  applications: [{ name: 'shop', module: shop, nodes: ['b@sim'] }, { name: 'fine', module: fine }],
});
`;
  const standing = async (): Promise<readonly unknown[]> =>
    listAt((await house?.result('list_applications', { node: 'b@sim' })) ?? null, 'items')
      .filter((row) => at(row, 'name') !== 'kernel')
      .map((row) => [at(row, 'name'), at(row, 'state'), at(row, 'failure')]);
  const rowOf = async (runtime: Runtime, node: string): Promise<unknown> => {
    const watch = runtime.port.watch.open({ minIntervalMs: 0, of: { rows: 'nodes' } }, callOptions(60_000));
    const view = new WatchView();
    for await (const item of watch) {
      if (item.is !== 'frame') break;
      view.apply(item.frame);
      if (view.state !== null) return view.state.rows.get(node);
    }
    return null;
  };

  it('is told to whoever opens the cluster, of its node and among the applications, with OTP’s own reason', async () => {
    fs.writeFileSync(file, shopOf("({ is: 'no answer of init' })"));
    const runtime = valueOf(start(file));
    house = await houseOn(runtime);
    const reason =
      '{{shutdown,{failed_to_start_child,child,{bad_return_value,#{is => <<"no answer of init">>}}}},{shop_sup,start,[normal,[]]}}';
    expect(runtime.state).toMatchObject({
      is: 'ready',
      warnings: [`Application shop could not be started on b@sim: ${reason}`],
    });
    expect(await standing()).toEqual([
      ['shop', 'failed', reason],
      ['fine', 'running', null],
    ]);
    const failed = await house.result('list_applications', { filter: { state: { eq: 'failed' } } });
    expect(listAt(failed, 'items')).toEqual([expect.objectContaining({ name: 'shop', node: 'b@sim', root: null })]);
    expect(await rowOf(runtime, 'b@sim')).toMatchObject({ failedApplications: [{ name: 'shop', reason }] });
    expect(await rowOf(runtime, 'a@sim')).not.toHaveProperty('failedApplications');
  });

  it('is told when it ends by itself, and no more when it runs again', async () => {
    fs.writeFileSync(file, shopOf('ok(1)'));
    const runtime = valueOf(start(file));
    house = await houseOn(runtime);
    expect(runtime.state).not.toHaveProperty('warnings');
    expect(await standing()).toContainEqual(['shop', 'running', null]);
    await house.result('send_message', { pid: 'child', node: 'b@sim', message: { $term: ':crash' }, how: 'cast' });
    await house.result('step_time', { ms: 100 });
    expect(await standing()).toContainEqual(['shop', 'failed', 'shutdown']);
    const params = { nodes: ['b@sim'], module: 'application', function: 'start', args: [{ $term: ':shop' }] };
    expect(await house.result('remote_execute', params)).toMatchObject({
      items: [{ became: 'returned' }],
    });
    expect(await standing()).toContainEqual(['shop', 'running', null]);
  });
});

it('a cluster file draws chance while it is read, prints, and knows the day', async () => {
  fs.writeFileSync(
    file,
    counter(`
const drawn = Math.random();
const born = new Date(Date.UTC(2026, 0, 1)).getUTCFullYear();
const counter = genServer<null>('Elixir.Count', {
  init: () => ok(null),
  handleCall(_self, _request, _from, state) {
    console.log('asked at', Date.now() >= Date.UTC(2026, 0, 1));
    return reply([drawn, born], state);
  },
});`),
  );
  const drawn: unknown[] = [];
  for (const seed of [3, 3]) {
    await run(file, seed);
    drawn.push(await count());
    await house?.close();
  }
  expect(drawn[0]).toMatch(/^\[0\.\d+, 2026\]$/);
  expect(drawn[1]).toBe(drawn[0]);
});

describe('a bad JSON cluster file', () => {
  it.each([
    ['is no JSON', '{\n  "nodes": ]', { code: 'cluster_file.broken', details: { at: { file: expect.any(String) } } }],
    ['is empty', '', { code: 'cluster_file.broken', details: { at: { line: 1, column: 1 } } }],
    ['is a list', '["a@sim"]', { code: 'cluster_file.invalid', pointer: '' }],
    ['names no node', '{ "nodes": [] }', { code: 'cluster_file.invalid', pointer: '/nodes' }],
  ])('that %s is told', (_what, text, expected) => {
    const json = path.join(folder, 'arsenal.cluster.json');
    fs.writeFileSync(json, text);
    expect(errorOf(start(json))).toMatchObject({ ...expected, class: 'validation' });
  });
});

describe('a bad cluster file', () => {
  it.each([
    ['is not there', null, { code: 'cluster_file.not_found' }],
    ['is no TypeScript', 'const a = ;', { code: 'cluster_file.broken', details: { at: { line: 1 } } }],
    ['throws', '\n\nthrow new Error("no");', { code: 'cluster_file.broken', details: { at: { line: 3, column: 7 } } }],
    ['imports what it must not', "import fs from 'node:fs';\nfs.rmSync('/');", { code: 'cluster_file.broken' }],
    ['exports nothing', 'export const a = 1;', { code: 'cluster_file.broken' }],
    ['throws what is no error', 'throw 7;', { code: 'cluster_file.broken', message: expect.stringContaining('7') }],
    ['exports no cluster', 'export default 7;', { code: 'cluster_file.invalid', pointer: '' }],
    [
      'is wrong in more than one place',
      "export default { nodes: ['a', 'b@sim', 'b@sim'], modules: [1], what: 2, faults: [{ atMs: -1, hang: 'c@sim' }] };",
      {
        code: 'cluster_file.invalid',
        details: {
          problems: ['/what', '/nodes', '/nodes/0', '/modules/0', '/faults/0/atMs', '/faults/0/hang'].map((pointer) =>
            expect.objectContaining({ pointer }),
          ),
        },
      },
    ],
  ])('that %s is told, with the place', (_what, text, expected) => {
    if (text !== null) fs.writeFileSync(file, text);
    expect(errorOf(start(file))).toMatchObject(expected);
  });
});

describe('the examples', () => {
  it('leader election has one leader, one on each side of a partition, and one again when it heals', async () => {
    const { result, run: call } = await run(path.resolve('docs/examples/leader.cluster.ts'));
    const leaders = async (): Promise<readonly string[]> => {
      const found: string[] = [];
      for (const node of ['vote1@sim', 'vote2@sim', 'vote3@sim']) {
        const state = await call('get_process_state', { pid: 'Vote.Candidate', node });
        const shown = state.ok && state.value.mode === 'run' ? at(state.value.result, 'state', 'display') : null;
        if (typeof shown === 'string' && /role: "leader"/.test(shown)) found.push(node);
      }
      return found;
    };
    await result('step_time', { ms: 15_000 });
    expect(await leaders()).toHaveLength(1);
    await result('step_time', { ms: 10_000 });
    // vote1 is down.
    expect(await leaders()).toHaveLength(1);
    await result('step_time', { ms: 25_000 });
    expect(await leaders()).toHaveLength(1);
    await result('step_time', { ms: 25_000 });
    const parted = await leaders();
    expect(parted).toHaveLength(2);
    expect(parted).toContain('vote1@sim');
    await result('step_time', { ms: 30_000 });
    expect(await leaders()).toHaveLength(1);
  });

  it('a job queue under churn loses no job: each is done, waiting or with a worker', async () => {
    const { result } = await run(path.resolve('docs/examples/queue.cluster.ts'));
    const queue = async (): Promise<string> =>
      JSON.stringify(
        at(await result('get_process_state', { pid: 'Jobs.Queue', node: 'queue@sim' }), 'state', 'display'),
      );
    const figure = (state: string, name: string): number => Number(new RegExp(`${name}: (\\d+)`).exec(state)?.[1]);
    await result('step_time', { ms: 60_000 });
    const state = await queue();
    const given = /given: \[(.*?)\]/s.exec(state)?.[1]?.match(/id:/g)?.length ?? 0;
    const waiting = /waiting: \[(.*?)\]/s.exec(state)?.[1]?.match(/\d+/g)?.length ?? 0;
    expect(figure(state, 'done')).toBeGreaterThan(500);
    expect(figure(state, 'done') + given + waiting).toBe(figure(state, 'next') - 1);
    await result('step_time', { ms: 30_000 });
    expect(figure(await queue(), 'done')).toBeGreaterThan(figure(state, 'done') + 300);
  });

  it('a sharded cache answers, also through a partition, and recovers', async () => {
    const { result } = await run(path.resolve('docs/examples/cache.cluster.ts'));
    const state = async (): Promise<string> =>
      JSON.stringify(
        at(await result('get_process_state', { pid: 'Cache.Client', node: 'cache1@sim' }), 'state', 'display'),
      );
    await result('step_time', { ms: 20_000 });
    expect(await state()).toMatch(/unreachable: 0/);
    await result('step_time', { ms: 15_000 });
    expect(await state()).not.toMatch(/unreachable: 0/);
  });
});
