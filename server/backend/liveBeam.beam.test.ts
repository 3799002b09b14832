/** The operations against live Elixir nodes: what they answer is what the nodes say. */
import fs from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startShop } from '../../test/fixtures/elixir-shop/start.mjs';
import type { Json, Result } from '../../runtime/model.ts';
import { anyNumber, anyText, errorOf, listWith, objectWith, textWith, valueOf } from '../core/testKit.ts';
import type { ArsenalEvent, ConnectSpec } from '../protocol/connection.ts';
import type { OperationAnswer, OperationCall } from '../protocol/operation.ts';
import type { LocalBackend } from './localBackend.ts';
import { createBackend } from './localBackend.ts';
import { at, editor, listAt, temporaryHome } from './testKit.ts';

const options = { caller: editor, signal: new AbortController().signal };

describe('operations on a BEAM cluster', () => {
  let shop: Awaited<ReturnType<typeof startShop>>;
  let backend: LocalBackend;
  let home: string;
  let node: string;
  let other: string;
  const events: ArsenalEvent['what'][] = [];
  const spec = (): ConnectSpec => ({
    kind: 'beam',
    node,
    cookie: { from: 'file', path: shop.cookieFile },
    epmd: { port: shop.epmdPort },
  });
  const run = (
    operation: string,
    params: { readonly [key: string]: Json } = {},
    call: Partial<OperationCall> = {},
  ): Promise<Result<OperationAnswer>> =>
    backend.execute(
      { requestId: crypto.randomUUID(), connection: node, operation, params, mode: 'run', ...call },
      options,
    );
  const result = async (operation: string, params: { readonly [key: string]: Json } = {}): Promise<Json> => {
    const answer = valueOf(await run(operation, params));
    return answer.mode === 'run' ? answer.result : null;
  };

  beforeAll(async () => {
    shop = await startShop({ nodes: 2 });
    [node = '', other = ''] = shop.nodes;
    home = temporaryHome();
    backend = valueOf(await createBackend({ home, simulatedWorkerFile: '', sandboxChildFile: '' }));
    backend.onEvent(({ what }) => void events.push(what));
    valueOf(await backend.connect(spec(), options));
  });
  afterAll(async () => {
    await backend.close();
    await shop.stop();
    fs.rmSync(home, { recursive: true, force: true });
  });

  // @row T013.d4
  it('list the processes of both nodes, with what they run and hold', async () => {
    const list = await result('list_processes', { sort: '-memory', limit: 5 });
    const memory = listAt(list, 'items').map((row) => Number(at(row, 'memory')));
    expect(memory).toEqual(memory.toSorted((a, b) => b - a));
    expect(listAt(list, 'nodes').map((covered) => at(covered, 'status'))).toEqual(['ok', 'ok']);
    const filter = { registeredName: { eq: 'Elixir.Shop.Catalogue' } };
    expect(await result('list_processes', { node: other, filter })).toMatchObject({
      total: 1,
      items: [{ node: other, initialCall: textWith('Catalogue'), memory: anyNumber, currentFunction: anyText }],
    });
  });

  it('find a process by name, by printed pid and by id, and call none a supervisor that is not', async () => {
    const info = await result('get_process_info', { pid: 'Shop.Catalogue', node });
    for (const pid of [at(info, 'pid'), at(info, 'display')]) {
      expect(at(await result('get_process_info', { pid, node }), 'pid')).toBe(at(info, 'pid'));
    }
    expect(errorOf(await run('which_children', { supervisor: 'Shop.Plain', node })).effect).toBe('none');
    const children = await result('which_children', { supervisor: 'Shop.Supervisor', node });
    expect(listAt(children, 'items').map((row) => at(row, 'childIdText'))).toContain('Shop.Registry');
    expect(listAt(await result('supervision_tree', { node }), 'items').length).toBeGreaterThan(1);
  });

  it('change nothing before the user has agreed; a plan may be had', async () => {
    const params = { pid: 'Shop.Catalogue', node };
    expect(errorOf(await run('kill_process', params))).toMatchObject({
      code: 'connection.confirm_writes',
      effect: 'none',
    });
    expect(valueOf(await run('kill_process', params, { mode: 'dry_run' }))).toMatchObject({
      plan: { summary: textWith('Shop.Catalogue'), touches: listWith(objectWith({ node, what: 'exit signal' })) },
    });
    valueOf(backend.setAccess(node, 'full', options));
    const killed = await result('kill_process', params);
    expect(killed).toMatchObject({ node, registeredName: 'Elixir.Shop.Catalogue', reason: { display: ':killed' } });
    const pidNow = async () => {
      const info = await run('get_process_info', params);
      return info.ok && info.value.mode === 'run' ? at(info.value.result, 'pid') : null;
    };
    await expect.poll(pidNow).not.toBeNull();
    expect(await pidNow()).not.toBe(at(killed, 'pid'));
  });

  it('start a process there, and end it', async () => {
    const started = await result('start_process', { module: 'timer', function: 'sleep', args: [60_000], node: other });
    expect(started).toMatchObject({ node: other, registeredName: null });
    const pid = at(started, 'pid');
    expect(await result('get_process_info', { pid })).toMatchObject({ currentFunction: 'timer:sleep/1' });
    expect(await result('kill_process', { pid })).toMatchObject({ pid });
    expect(errorOf(await run('kill_process', { pid }))).toMatchObject({ class: 'not_found', effect: 'none' });
  });

  it('say what cannot be done there, and why', async () => {
    for (const [operation, params] of [
      ['create_sandbox', { text: 'x' }],
      ['crash_node', { node }],
    ] as const) {
      expect(errorOf(await run(operation, params))).toMatchObject({ class: 'unsupported', effect: 'none' });
    }
  });

  // @row R2.2
  // @row R3.4
  it('notice that a node is gone, by a watch that tells of it, and go on with the other', async () => {
    const query = { minIntervalMs: 100, of: { rows: 'nodes' } } as const;
    const watch = valueOf(await backend.openWatch({ of: 'runtime', connection: node, query }, options));
    const statusOfOther = () => watch.source.state?.rows.get(other)?.['status'];
    await expect.poll(statusOfOther).toBe('up');
    await shop.killNode(other);
    await expect.poll(statusOfOther).not.toBe('up');
    expect(events).toContainEqual({ is: 'node_down', node: other });
    expect(errorOf(await run('list_processes', { node: other }))).toMatchObject({ class: 'unavailable', node: other });
    expect(await result('cluster_health')).toMatchObject({ status: 'critical' });
    expect(listAt(await result('list_processes', { limit: 1 }), 'items')).toHaveLength(1);
    await shop.startNode(other);
    await expect.poll(statusOfOther).toBe('up');
    watch.release();
  });
});
