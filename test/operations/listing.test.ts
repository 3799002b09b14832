/** list_processes on a large cluster: what nodes send for it, and that its pages are of one list. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FakeNode } from '../../runtime/fake/fakeRuntime.ts';
import { createFakeRuntime } from '../../runtime/fake/fakeRuntime.ts';
import { liveRuntime } from '../../runtime/embedded/liveRuntime.ts';
import type { Json } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import type { House } from '../../server/backend/testKit.ts';
import { at, houseOn, listAt } from '../../server/backend/testKit.ts';

const perNode = 2_500;
const nodes: readonly FakeNode[] = ['a@h', 'b@h'].map((name, node) => ({
  name,
  processes: Array.from({ length: perNode }, (_none, number) => ({
    ...(number % 5 === 0 && { name: `worker_${String(node)}_${String(number)}` }),
    memory: ((number * 7919) % perNode) * 2 + node,
    messageQueueLen: number % 17,
  })),
}));

let house: House;
let shipped = 0;
let scans = 0;
/** How many of those that the nodes count have ended before they are sent. */
let ended = 0;
beforeAll(async () => {
  const runtime = createFakeRuntime({ nodes });
  house = await houseOn(counting(runtime));
});
afterAll(() => house.close());

/** Counts the rows that nodes send in scans. */
function counting(runtime: Runtime): Runtime {
  const { scan } = runtime.port.processes;
  const processes: Runtime['port']['processes'] = {
    ...runtime.port.processes,
    async *scan(query, options) {
      scans += 1;
      for await (const item of scan(query, options)) {
        if (item.is === 'frame') shipped += item.frame.ids.length;
        if (item.is === 'frame' || !item.result.ok) yield item;
        else yield { is: 'end', result: ok({ ...item.result.value, total: item.result.value.total + ended }) };
      }
    },
  };
  const { id, kind, state, capabilities } = runtime;
  return {
    ...{ id, kind, state, capabilities },
    port: { ...runtime.port, processes },
    onChange: (listener) => runtime.onChange(listener),
    close: () => runtime.close(),
  };
}

type Params = { readonly [name: string]: Json };
async function list(params: Params) {
  shipped = 0;
  scans = 0;
  const answer = await house.result('list_processes', params);
  return {
    answer,
    rows: listAt(answer, 'items'),
    total: at(answer, 'total'),
    next: at(answer, 'next'),
    shipped,
    scans,
  };
}

/** Every page, from the first. */
async function paged(params: Params) {
  const rows: Json[] = [];
  let asked = 0;
  let after: Json = null;
  do {
    const page = await list({ ...params, ...(after !== null && { after }) });
    rows.push(...page.rows);
    asked += page.scans;
    after = page.next;
  } while (after !== null);
  return { rows, asked };
}

// @row OP-39
describe('the first page', () => {
  it.each([
    ['unsorted', {}],
    ['by what is largest', { sort: '-memory' }],
    ['by what is smallest', { sort: 'messageQueueLen' }],
  ])('%s has each node send its first rows only, and count the others', async (_how, params) => {
    const { rows, total, next, shipped: sent } = await list({ ...params, limit: 10 });
    expect(rows).toHaveLength(10);
    expect(total).toBe(perNode * nodes.length);
    expect(sent).toBeLessThanOrEqual(1_000 * nodes.length);
    expect(next).not.toBeNull();
  });

  it('is filtered at the nodes: no other row is sent', async () => {
    const few = { memory: { ge: 4_900 }, messageQueueLen: { in: [3, 4] } };
    const { rows, total, shipped: sent } = await list({ filter: few, sort: '-memory' });
    expect(rows.length).toBeGreaterThan(0);
    expect([total, sent]).toEqual([rows.length, rows.length]);
  });

  it.each([
    [
      'an alternative',
      { any: [{ registeredName: { eq: 'worker_0_5' } }, { registeredName: { eq: 'worker_1_10' } }] },
      2,
    ],
    ['a pattern', { registeredName: { like: 'worker_*_10' } }, 2],
    ['an exception', { registeredName: { like: 'worker_1_1*0' }, not: { registeredName: { like: '*00' } } }, 100],
    ['one of several', { registeredName: { in: ['worker_0_0', 'worker_1_0', 'nobody'] } }, 2],
  ])('takes %s', async (_what, filter, count) => {
    const { total, shipped: sent } = await list({ filter });
    expect([total, sent]).toEqual([count, count]);
  });
});

describe('the total', () => {
  it('is of those that are there, where all were sent', async () => {
    ended = 3;
    try {
      const all = perNode * nodes.length;
      const { total, answer } = await list({ sort: 'registeredName', limit: 10 });
      expect([total, at(answer, 'truncated')]).toEqual([all, false]);
      const beyond = await list({ after: at(answer, 'next'), limit: 1_000 });
      expect(beyond.total).toBe(all);
      const first = await list({ limit: 1_000 });
      const second = await list({ after: at(first.answer, 'next'), limit: 1_000 });
      expect([second.total, at(second.answer, 'truncated')]).toEqual([all, false]);
    } finally {
      ended = 0;
    }
  });
});

// @row T012.a1
describe('pages', () => {
  it.each([
    ['unsorted', {}],
    ['by a number', { sort: '-memory' }],
    ['by a text', { sort: 'registeredName' }],
  ])('%s go through all of them, each once', async (_how, params) => {
    const { rows, asked } = await paged({ ...params, limit: 700, fields: ['memory', 'registeredName'] });
    expect(new Set(rows.map((row) => at(row, 'pid'))).size).toBe(perNode * nodes.length);
    expect(rows).toHaveLength(perNode * nodes.length);
    // Once for the first thousand, once for all others.
    expect(asked).toBeLessThanOrEqual(2);
    if ('sort' in params && params.sort === '-memory') {
      const memory = rows.map((row) => Number(at(row, 'memory')));
      expect(memory).toEqual(memory.toSorted((one, other) => other - one));
    }
  });

  it('end in one answer where there are few', async () => {
    const {
      rows,
      next,
      scans: asked,
    } = await list({ filter: { registeredName: { like: 'worker_0_*' } }, limit: 1_000 });
    expect([rows.length, next, asked]).toEqual([500, null, 1]);
  });
});

// @row T004.a3
describe('of the simulated shop', () => {
  const [one, two] = ['demo1@sim', 'demo2@sim'];
  let shop: House;
  beforeAll(async () => {
    shop = await houseOn(
      liveRuntime({ id: 'sim', nodes: [one, two], seed: 1, time: 'deterministic', sandboxChildFile: '' }),
    );
  });
  afterAll(() => shop.close());
  const names = async (params: Params) =>
    listAt(await shop.result('list_processes', { limit: 1_000, ...params }), 'items').map((row) =>
      at(row, 'registeredName'),
    );

  it('those of an application, on the nodes where it runs', async () => {
    const all = await shop.result('list_processes', { application: 'shop', limit: 1_000 });
    const found = listAt(all, 'items').map((row) => [at(row, 'node'), at(row, 'registeredName')]);
    for (const node of [one, two]) expect(found).toContainEqual([node, 'Elixir.Shop.Catalog']);
    expect(found.some(([, name]) => name === 'kernel_sup')).toBe(false);
    const here = await names({ application: 'shop', node: one, sort: '-memory' });
    expect(here).toContain('Elixir.Shop.Catalog');
    expect(here.length).toBeLessThan(found.length);
    const none = await shop.run('list_processes', { application: 'stdlib' });
    expect(none).toMatchObject({ ok: false, error: { code: 'application.not_running', pointer: '/application' } });
    await shop.result('crash_node', { node: two });
    const left = await shop.result('list_processes', { application: 'shop' });
    expect(listAt(left, 'nodes')).toMatchObject([
      { node: one, status: 'ok' },
      { node: two, status: 'missing' },
    ]);
    expect(await shop.run('list_processes', { application: 'shop', node: two })).toMatchObject({ ok: false });
    await shop.result('restart_node', { node: two });
  });

  it('those below a supervisor, at any depth', async () => {
    const below = await names({ supervisor: 'Shop.Supervisor', node: one });
    expect(below).toContain('Elixir.Shop.Payments.Gateway');
    expect(below).not.toContain('Elixir.Shop.Supervisor');
    const payments = await names({ supervisor: 'Shop.Payments', application: 'shop', node: one });
    expect(payments.toSorted()).toEqual(['Elixir.Shop.Payments.Gateway', 'Elixir.Shop.Payments.Ledger']);
    const nobody = await shop.run('list_processes', { supervisor: 'Nobody', node: one });
    expect(nobody).toMatchObject({ ok: false, error: { class: 'not_found' } });
  });

  it('with whatever is known of a process', async () => {
    const fields = ['priority', 'trapExit', 'parent', 'groupLeader', 'label', 'totalHeapSize', 'binaryBytes'];
    const filter = { registeredName: { eq: 'Elixir.Shop.Supervisor' }, trapExit: { eq: true } };
    const [row = null] = listAt(await shop.result('list_processes', { node: one, filter, fields }), 'items');
    expect(row).toMatchObject({ trapExit: true, label: null });
    expect(at(row, 'totalHeapSize')).toBeGreaterThan(0);
    expect(at(row, 'groupLeader')).toMatch(/^demo1@sim~0\./);
    expect(Object.keys(row ?? {}).toSorted()).toEqual(['display', 'node', 'pid', ...fields].toSorted());
  });

  // @row T006.d4
  it('a dashboard gets its figures of all nodes at once: the largest of each kind, and the totals', async () => {
    for (const figure of ['memory', 'reductions', 'messageQueueLen']) {
      const top = await shop.result('list_processes', {
        sort: `-${figure}`,
        limit: 5,
        fields: [figure, 'registeredName'],
      });
      const values = listAt(top, 'items').map((row) => Number(at(row, figure)));
      expect(values).toHaveLength(5);
      expect(values).toEqual(values.toSorted((low, high) => high - low));
      const counts = [one, two].map((node) => shop.result('get_system_info', { node }));
      const processes = (await Promise.all(counts)).map((info) => Number(at(info, 'stats', 'processCount')));
      expect(at(top, 'total')).toBe(processes.reduce((sum, count) => sum + count));
      expect(listAt(top, 'nodes')).toEqual([one, two].map((node) => ({ node, status: 'ok' })));
    }
  });
});
