/** Operations of the nodes' own on every surface of a backend: registered live, run through the one pipeline, gone with their module. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json, Result } from '../../runtime/model.ts';
import type { LiveNode } from '../harness/erlang.ts';
import { startElixir, stopAll } from '../harness/erlang.ts';
import { anyText, errorOf, textWith, valueOf } from '../../server/core/testKit.ts';
import type { ArsenalEvent, ConnectSpec } from '../../server/protocol/connection.ts';
import type { OperationAnswer, OperationCall } from '../../server/protocol/operation.ts';
import type { LocalBackend } from '../../server/backend/localBackend.ts';
import { startGateway } from '../../server/gateway/gateway.ts';
import { createBackend } from '../../server/backend/localBackend.ts';
import { at, editor, listAt, temporaryHome } from '../../server/backend/testKit.ts';

const options = { caller: editor, signal: new AbortController().signal };
const source = (name: string) => fs.readFileSync(path.resolve('test/fixtures/user-operations', name), 'utf8');
const compiling = (text: string) =>
  `Code.compile_string(Base.decode64!("${Buffer.from(text).toString('base64')}")); :ok`;
const removing = (module: string) => `:code.purge(${module}); :code.delete(${module}); :code.purge(${module}); :ok`;

async function getFrom({ url, key }: { readonly url: string; readonly key: string }, path: string) {
  const response = await fetch(`${url}/api/v1${path}`, { headers: { authorization: `Bearer ${key}` } });
  const body: unknown = await response.json();
  return { status: response.status, body };
}

describe('operations that the nodes have', () => {
  let one: LiveNode;
  let two: LiveNode;
  let backend: LocalBackend;
  let home: string;
  const events: ArsenalEvent['what'][] = [];
  const spec = (): ConnectSpec => ({
    kind: 'beam',
    node: one.node,
    cookie: { from: 'file', path: one.cookieFile },
    epmd: { port: one.epmdPort },
  });
  const run = (
    operation: string,
    params: { readonly [key: string]: Json } = {},
    call: Partial<OperationCall> = {},
    by = backend,
  ): Promise<Result<OperationAnswer>> =>
    by.execute(
      { requestId: crypto.randomUUID(), connection: one.node, operation, params, mode: 'run', ...call },
      options,
    );
  const result = async (operation: string, params: { readonly [key: string]: Json } = {}): Promise<Json> => {
    const answer = valueOf(await run(operation, params));
    return answer.mode === 'run' ? answer.result : null;
  };
  const entryOf = (name: string, by = backend) => by.catalogue().find((entry) => entry.name === name);

  beforeAll(async () => {
    [one, two] = await Promise.all([
      startElixir({ name: 'nodeops1', cookie: 'nodeops' }),
      startElixir({ name: 'nodeops2', cookie: 'nodeops' }),
    ]);
    expect(await one.eval(`Node.connect(:"${two.node}")`)).toBe('true');
    for (const node of [one, two]) await node.eval(compiling(source('plain.ex')));
    home = temporaryHome();
    backend = valueOf(await createBackend({ home, simulatedWorkerFile: '', sandboxChildFile: '' }));
    backend.onEvent(({ what }) => void events.push(what));
    valueOf(await backend.connect(spec(), options));
  });
  afterAll(async () => {
    await backend.close();
    stopAll();
    fs.rmSync(home, { recursive: true, force: true });
  });

  // @row R8.1
  // @row R8.2
  it('are found when a connection is opened, and described from what they say', async () => {
    // Nobody asked for it: it is looked for as the connection opens.
    await expect.poll(() => entryOf('demo_sum')?.description ?? '', { timeout: 20_000 }).toContain(two.node);
    expect(entryOf('demo_sum')).toMatchObject({
      category: 'custom',
      severity: 'destroy',
      role: 'admin',
      idempotent: true,
      origin: { from: 'node', node: one.node },
      needs: ['cluster.nodes', 'operations.find', 'operations.execute'],
      params: { required: ['numbers'], properties: { numbers: { type: 'array' }, by: { type: 'number' } } },
    });
    expect(events).toContainEqual({ is: 'operation_registered', operation: 'demo_sum' });
  });

  it('are refused by a connection that is read-only, and can be planned there', async () => {
    expect(errorOf(await run('demo_sum', { numbers: [1] }))).toMatchObject({
      code: 'connection.confirm_writes',
      effect: 'none',
    });
    expect(valueOf(await run('demo_sum', { numbers: [1] }, { mode: 'dry_run' }))).toMatchObject({
      plan: { summary: `Run demo_sum (Elixir.Demo.Sum) on ${one.node}`, severity: 'destroy', undo: 'no' },
    });
  });

  // @row R8.4, R8.3, OP-51
  it('run where it is asked, once their parameters fit their schema', async () => {
    valueOf(backend.setAccess(one.node, 'full', options));
    expect(await result('demo_sum', { numbers: [1, 2], by: 1.5 })).toMatchObject({
      node: one.node,
      module: 'Elixir.Demo.Sum',
      version: anyText,
      value: [4.5, null],
    });
    expect(await result('demo_sum', { numbers: [4], node: two.node })).toMatchObject({
      node: two.node,
      value: [4, null],
    });
    expect(errorOf(await run('demo_sum', { numbers: 'x', more: 1 }))).toMatchObject({
      code: 'params.invalid',
      details: { problems: [{ pointer: '/more' }, { pointer: '/numbers' }] },
    });
    expect(errorOf(await run('demo_sum', { numbers: ['raise'] }))).toMatchObject({
      code: 'operation.threw',
      effect: 'unknown',
    });
  });

  // @row CB-02, RE-03
  it('are reached by their own route, below a prefix that none of ours is below', async () => {
    expect(entryOf('demo_sum')?.route).toEqual({ method: 'GET', path: '/custom/demo/sum' });
    const gateway = valueOf(await startGateway({ backend, defaultConnection: () => one.node }));
    const get = (path: string) => getFrom(gateway, path);
    valueOf(backend.setAccess(one.node, 'full', options));
    // It says that it destroys, which a way in without consent may not.
    const refused = await get('/custom/demo/sum?numbers=%5B1,2%5D&by=2');
    expect(refused).toMatchObject({ status: 403 });
    expect(await get('/custom/demo/sum?numbers=%5B1%5D&more=1')).toMatchObject({ status: 400 });
    expect(await get('/demo/sum?numbers=%5B1,2%5D')).toMatchObject({ status: 404 });
    await gateway.close();
  });

  // @row R8.5
  it('are registered when a name is called that nobody knew, or on demand, and gone with their module', async () => {
    await one.eval(compiling(source('predecessor.ex')));
    expect(await result('count_names', { prefix: 'kernel_s' })).toMatchObject({ value: { data: { count: 2 } } });
    expect(entryOf('count_names')).toMatchObject({ title: 'Counts registered names', severity: 'change' });
    await one.eval(removing('Demo.Operations.CountNames'));
    const found = await result('discover_operations');
    expect(listAt(found, 'operations').map((row) => at(row, 'operation'))).toEqual(['demo_sum', 'demo_sum']);
    expect(entryOf('count_names')).toBeUndefined();
    expect(events).toContainEqual({ is: 'operation_removed', operation: 'count_names' });
    expect(errorOf(await run('count_names', { prefix: 'x' }))).toMatchObject({ code: 'operation.not_found' });
  });

  it('are looked for while somebody looks at the connection', async () => {
    const query = { minIntervalMs: 500, of: { rows: 'nodes' } } as const;
    const watch = valueOf(await backend.openWatch({ of: 'runtime', connection: one.node, query }, options));
    await one.eval(compiling(source('predecessor.ex')));
    const registered = () => backend.registry.find('count_names') !== null;
    await expect.poll(registered, { timeout: 30_000 }).toBe(true);
    await one.eval(removing('Demo.Operations.CountNames'));
    await expect.poll(registered, { timeout: 30_000 }).toBe(false);
    watch.release();
  });

  it('say when nodes run different versions', async () => {
    await two.eval(compiling(source('plain.ex').replace('Adds numbers', 'Adds up')));
    await result('discover_operations');
    expect(entryOf('demo_sum')?.description).toMatch(
      /versions differ: [0-9a-f]{8} on nodeops\d@localhost; [0-9a-f]{8} on/,
    );
  });

  it('never take the name of a builtin, nor one that is no name', async () => {
    const named = (module: string, name: string) => `
      defmodule ${module} do
        def name, do: :"${name}"
        def category, do: :custom
        def description, do: "x"
        def params_schema, do: %{}
        def execute(_), do: {:ok, :mine}
      end`;
    await one.eval(compiling(named('Demo.Kill', 'kill_process')));
    await one.eval(compiling(named('Demo.Odd', 'Odd Name')));
    const found = await result('discover_operations', { node: one.node });
    const problems = listAt(found, 'operations').map((row) => [at(row, 'module'), at(row, 'problem')]);
    expect(problems).toEqual([
      ['Elixir.Demo.Kill', textWith('belongs to another operation')],
      ['Elixir.Demo.Odd', textWith('snake_case')],
      ['Elixir.Demo.Sum', null],
    ]);
    expect(entryOf('kill_process')?.origin).toEqual({ from: 'builtin' });
  });

  it('that the user trusts to look only run where writes are refused', async () => {
    const trusting = valueOf(
      await createBackend({
        home,
        simulatedWorkerFile: '',
        sandboxChildFile: '',
        policy: { trustedOperations: ['count_names', 'demo_sum'] },
      }),
    );
    await one.eval(compiling(source('predecessor.ex')));
    valueOf(await trusting.connect(spec(), options));
    valueOf(await trusting.discover(one.node, options));
    expect(entryOf('count_names', trusting)).toMatchObject({
      severity: 'diagnose',
      needs: ['cluster.nodes', 'operations.find', 'operations.query'],
    });
    // It says itself that it destroys: trust makes nothing less severe.
    expect(entryOf('demo_sum', trusting)).toMatchObject({ severity: 'destroy' });
    const gateway = valueOf(await startGateway({ backend: trusting, defaultConnection: () => one.node }));
    const counted = await getFrom(gateway, '/custom/names/count?prefix=kernel_s');
    expect(JSON.stringify(counted)).toContain('"count":2');
    await gateway.close();
    const answer = valueOf(await run('count_names', { prefix: 'kernel_s' }, {}, trusting));
    expect(answer).toMatchObject({ result: { value: { data: { count: 2 } } } });
    await trusting.close();
  });

  it('are gone when the connection is closed', async () => {
    valueOf(await backend.disconnect(one.node, options));
    expect(backend.registry.find('demo_sum')).toBeNull();
  });
});
