/** Batches against live Elixir nodes: what they say they did and undid is what the nodes say. */
import fs from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json } from '../../runtime/model.ts';
import { startShop } from '../../test/fixtures/elixir-shop/start.mjs';
import { valueOf } from '../core/testKit.ts';
import type { BackendCallOptions } from './backend.ts';
import type { LocalBackend } from './localBackend.ts';
import { createBackend } from './localBackend.ts';
import { at, editor, listAt, temporaryHome } from './testKit.ts';

describe('batches on a BEAM cluster', () => {
  let shop: Awaited<ReturnType<typeof startShop>>;
  let backend: LocalBackend;
  let home: string;
  let node: string;
  let other: string;
  const options: BackendCallOptions = { caller: editor, signal: new AbortController().signal };

  beforeAll(async () => {
    shop = await startShop({ nodes: 2 });
    [node = '', other = ''] = shop.nodes;
    home = temporaryHome();
    backend = valueOf(await createBackend({ home, simulatedWorkerFile: '', sandboxChildFile: '', allowWrites: true }));
    const cookie = { from: 'file', path: shop.cookieFile } as const;
    valueOf(await backend.connect({ kind: 'beam', node, cookie, epmd: { port: shop.epmdPort } }, options));
  });
  afterAll(async () => {
    await backend.close();
    await shop.stop();
    fs.rmSync(home, { recursive: true, force: true });
  });

  async function result(
    operation: string,
    params: { readonly [key: string]: Json },
    more: Partial<BackendCallOptions> = {},
  ): Promise<Json> {
    const requestId = crypto.randomUUID();
    const call = { requestId, connection: node, operation, params, mode: 'run' } as const;
    const answer = valueOf(await backend.execute(call, { ...options, ...more }));
    return answer.mode === 'run' ? answer.result : null;
  }
  const suspend = (id: string, on: string) => ({
    id,
    operation: 'suspend_process',
    params: { pid: 'Shop.Catalogue', node: on },
  });
  const statuses = (batch: Json) => listAt(batch, 'items').map((item) => [at(item, 'id'), at(item, 'status')]);
  const held = async () => listAt(await result('list_holdings', {}), 'items').length;
  const statusOf = async (on: string) =>
    at(await result('get_process_info', { pid: 'Shop.Catalogue', node: on, fields: ['status'] }), 'status');

  // @row BA-01
  it('look at both nodes at once', async () => {
    const looks = [node, other].map((on) => ({
      operation: 'get_process_info',
      params: { pid: 'Shop.Catalogue', node: on },
    }));
    const batch = await result('execute_batch', { items: [...looks, ...looks, { operation: 'cluster_topology' }] });
    expect(batch).toMatchObject({ outcome: 'done', effect: 'none', counts: { done: 5 } });
    expect(listAt(batch, 'items').map((item) => at(item, 'result', 'node'))).toEqual([node, other, node, other, null]);
  });

  // @row T012.a3
  it('do all, or undo what they did when they are cut off: nothing stays suspended', async () => {
    const done = await result('execute_batch', { mode: 'atomic', items: [suspend('a', node), suspend('b', other)] });
    expect(done).toMatchObject({ outcome: 'done', effect: 'applied' });
    expect([await held(), await statusOf(node), await statusOf(other)]).toEqual([2, 'suspended', 'suspended']);
    const resumes = [node, other].map((on) => ({
      operation: 'resume_process',
      params: { pid: 'Shop.Catalogue', node: on },
    }));
    expect(at(await result('execute_batch', { items: resumes }), 'outcome')).toBe('done');
    expect(await held()).toBe(0);

    const ending = new AbortController();
    const cut = await result(
      'execute_batch',
      { mode: 'atomic', concurrency: 1, items: [suspend('a', node), suspend('b', other), suspend('c', node)] },
      {
        signal: ending.signal,
        onProgress: (progress) => {
          if (progress.is === 'progress' && progress.message === '2 of 3') ending.abort();
        },
      },
    );
    expect(statuses(cut)).toEqual([
      ['a', 'undone'],
      ['b', 'undone'],
      ['c', 'not_run'],
    ]);
    expect(cut).toMatchObject({ outcome: 'undone', effect: 'none', stopped: 'cancelled' });
    expect(await held()).toBe(0);
    for (const on of [node, other]) expect(await statusOf(on)).not.toBe('suspended');
  });

  it('are refused as a whole where an item cannot be undone, and nothing is done', async () => {
    const kill = { operation: 'kill_process', params: { pid: 'Shop.Catalogue', node } };
    const call = {
      requestId: crypto.randomUUID(),
      connection: node,
      operation: 'execute_batch',
      params: { mode: 'atomic', items: [suspend('a', node), kill] },
      mode: 'run',
    } as const;
    const refused = await backend.execute(call, options);
    expect(refused).toMatchObject({
      ok: false,
      error: { code: 'batch.cannot_undo', effect: 'none', pointer: '/items/1/operation' },
    });
    expect(await held()).toBe(0);
  });
});
