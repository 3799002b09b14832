/** Suspending and resuming through the operations, on live Elixir nodes, by two windows. */
import fs from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json, Result } from '../../runtime/model.ts';
import { startShop } from '../../test/fixtures/elixir-shop/start.mjs';
import { errorOf, valueOf } from '../core/testKit.ts';
import type { OperationAnswer } from '../protocol/operation.ts';
import type { LocalBackend } from './localBackend.ts';
import { createBackend } from './localBackend.ts';
import { at, editor, listAt, temporaryHome } from './testKit.ts';

const options = { caller: editor, signal: new AbortController().signal };
type Params = { readonly [key: string]: Json };
type Window = {
  readonly run: (operation: string, params: Params) => Promise<Result<OperationAnswer>>;
  readonly result: (operation: string, params: Params) => Promise<Json>;
  readonly close: () => Promise<void>;
};

describe('suspend_process and resume_process on a BEAM cluster', () => {
  let shop: Awaited<ReturnType<typeof startShop>>;
  let one: Window;
  let other: Window;
  const catalogue = () => ({ pid: 'Shop.Catalogue', node: shop.nodes[1] ?? '' });
  const status = (): Promise<string> =>
    shop.rpc(catalogue().node, "element(2, process_info(whereis('Elixir.Shop.Catalogue'), status)).");

  async function openWindow(): Promise<Window> {
    const home = temporaryHome();
    const backend: LocalBackend = valueOf(await createBackend({ home, simulatedWorkerFile: '', sandboxChildFile: '' }));
    const cookie = { from: 'file', path: shop.cookieFile } as const;
    const spec = { kind: 'beam', node: shop.node, cookie, epmd: { port: shop.epmdPort } } as const;
    const { id: connection } = valueOf(await backend.connect(spec, options));
    valueOf(backend.setAccess(connection, 'full', options));
    const run: Window['run'] = (operation, params) =>
      backend.execute({ requestId: crypto.randomUUID(), connection, operation, params, mode: 'run' }, options);
    return {
      run,
      result: async (operation, params) => {
        const answer = valueOf(await run(operation, params));
        return answer.mode === 'run' ? answer.result : null;
      },
      close: async () => {
        await backend.close();
        fs.rmSync(home, { recursive: true, force: true });
      },
    };
  }

  beforeAll(async () => {
    shop = await startShop({ nodes: 2 });
    [one, other] = [await openWindow(), await openWindow()];
  });
  afterAll(async () => {
    await one.close();
    await other.close();
    await shop.stop();
  });

  // @row OP-06
  // @row T005.d1
  it('keep a process from running after the call, on any node', async () => {
    const suspended = await one.result('suspend_process', catalogue());
    expect(suspended).toMatchObject({ node: catalogue().node, how: 'process', lingerMs: 10_000 });
    expect(await status()).toBe('suspended');
    expect(await other.result('get_process_info', catalogue())).toMatchObject({ status: 'suspended' });
    const info = await other.result('node_info', { node: catalogue().node });
    expect(info).toMatchObject({ observer: 'agent', observerWhy: null });
  });

  // @row OP-07
  // @row T005.d2
  it('let it run on, from whichever window', async () => {
    expect(listAt(await other.result('resume_process', catalogue()), 'released')).toHaveLength(1);
    expect(await status()).toBe('waiting');
    expect(listAt(await one.result('resume_process', catalogue()), 'released')).toEqual([]);
    expect(await one.result('suspend_process', { ...catalogue(), how: 'sys' })).toMatchObject({ how: 'sys' });
    expect(listAt(await other.result('resume_process', catalogue()), 'released')).toHaveLength(1);
    expect(at(await other.result('get_process_state', catalogue()), 'whole')).toBe(true);
  });

  it('refuse what the node lives by', async () => {
    const refused = await one.run('suspend_process', { pid: ':kernel_sup', node: shop.node });
    expect(errorOf(refused)).toMatchObject({ code: 'process.protected', effect: 'none' });
  });
});
