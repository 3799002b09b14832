import fs from 'node:fs';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  CancellationTokenSource,
  createMessageConnection,
  ResponseError,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-jsonrpc/node';
import type { MessageConnection } from 'vscode-jsonrpc/node';
import { createConnection } from 'vscode-languageserver/node';
import type { FakeRuntime } from '../../runtime/fake/fakeRuntime.ts';
import { ok, processId } from '../../runtime/model.ts';
import type { WatchDown } from '../../runtime/watchChannel.ts';
import { fakeShop, temporaryHome } from '../backend/testKit.ts';
import { createBackend } from '../backend/localBackend.ts';
import { arsenalFailureCode, clusterScaffoldActionKind, protocolVersion, scaffoldActionKind } from '../protocol/lsp.ts';
import { serveLanguage } from './languageServer.ts';

type Failure = {
  readonly code: number;
  readonly error: { readonly code: string; readonly class: string; readonly effect: string; readonly pointer?: string };
};

let client: MessageConnection;
let runtime: FakeRuntime;
let home: string;
let workspaces: (readonly string[])[];
let server: { close(): Promise<void> };
let logged: unknown[];

beforeEach(() => {
  const up = new PassThrough();
  const down = new PassThrough();
  home = temporaryHome();
  runtime = fakeShop({ kind: 'simulated' });
  workspaces = [];
  logged = [];
  for (const each of ['operation', 'testing']) fs.writeFileSync(path.join(home, `${each}.d.ts`), '// types\n');
  server = serveLanguage(createConnection(new StreamMessageReader(up), new StreamMessageWriter(down)), {
    defaultHome: home,
    clusterScaffold: { typesFolder: home, examplesFolder: path.resolve('docs', 'examples') },
    startBackend: (folder, log) =>
      createBackend({
        home: folder,
        simulatedWorkerFile: '',
        sandboxChildFile: '',
        openRuntime: () => Promise.resolve(ok(runtime)),
        log,
      }),
    startWorkspace: ({ folders }) => {
      workspaces.push(folders);
      return {
        start: () => undefined,
        fileChanged: () => undefined,
        changeFolders: () => undefined,
        settled: () => Promise.resolve(),
        close: () => Promise.resolve(),
      };
    },
  });
  client = createMessageConnection(new StreamMessageReader(down), new StreamMessageWriter(up));
  client.onNotification('window/logMessage', (message) => void logged.push(message));
  client.onRequest(() => null);
  client.listen();
});
afterEach(async () => {
  await server.close();
  client.dispose();
  fs.rmSync(home, { recursive: true, force: true });
});

async function initialize(
  options: object = { trusted: false, protocolVersion },
  folders: readonly string[] = [],
): Promise<unknown> {
  const workspaceFolders = folders.map((folder) => ({ uri: pathToFileURL(folder).href, name: 'x' }));
  const answer: unknown = await client.sendRequest('initialize', {
    processId: null,
    rootUri: null,
    workspaceFolders,
    capabilities: {},
    initializationOptions: options,
  });
  await client.sendNotification('initialized', {});
  return answer;
}

async function connected(): Promise<string> {
  await initialize();
  const info: { id: string } = await client.sendRequest('arsenal/connection/open', { kind: 'simulated' });
  return info.id;
}

/** The failure a request is answered with. */
async function failureOf(method: string, params: unknown): Promise<Failure> {
  return failureIn(client.sendRequest(method, params));
}

async function failureIn(answer: Promise<unknown>): Promise<Failure> {
  try {
    const value = await answer;
    throw new Error(`It did not fail: ${JSON.stringify(value)}`);
  } catch (thrown) {
    if (!(thrown instanceof ResponseError)) throw thrown;
    const data: unknown = thrown.data;
    if (typeof data !== 'object' || data === null || !('arsenal' in data)) throw thrown;
    return { code: thrown.code, error: data.arsenal as Failure['error'] };
  }
}

function call(connection: string | null, operation: string, params: object, more: object = {}): object {
  return { requestId: crypto.randomUUID(), connection, operation, params, mode: 'run', wantsProgress: false, ...more };
}

describe('initialize', () => {
  it('says the version of the protocol and what it can do', async () => {
    expect(await initialize()).toMatchObject({
      capabilities: {
        codeActionProvider: { codeActionKinds: [scaffoldActionKind, clusterScaffoldActionKind] },
        experimental: {
          arsenal: {
            protocolVersion,
            features: ['connections', 'watch', 'operations', 'scaffold'],
            processId: process.pid,
          },
        },
      },
    });
    expect(logged).toEqual([]);
  });

  it('refuses another major version, and options that are none', async () => {
    const refused = (options: unknown) =>
      failureOf('initialize', { processId: null, rootUri: null, capabilities: {}, initializationOptions: options });
    expect((await refused({ trusted: true, protocolVersion: { major: 2, minor: 0 } })).error.code).toBe(
      'protocol.version',
    );
    expect((await refused({ trusted: 'yes' })).error).toMatchObject({ code: 'request.malformed', class: 'validation' });
    expect((await refused(7)).error.code).toBe('request.malformed');
  });

  it('serves an editor that knows nothing of ours, and loads nothing of a workspace that is not trusted', async () => {
    await client.sendRequest('initialize', { processId: null, rootUri: null, capabilities: {} });
    expect(workspaces).toEqual([]);
    expect(await client.sendRequest('arsenal/connection/list', null)).toEqual([]);
  });

  it('loads the operations of a trusted workspace', async () => {
    await initialize({ trusted: true, protocolVersion }, [home]);
    expect(workspaces).toEqual([[home]]);
  });

  it('comes before everything else', async () => {
    await expect(client.sendRequest('arsenal/catalogue/read', null)).rejects.toBeInstanceOf(ResponseError);
  });
});

describe('requests', () => {
  it('open, list, change and close connections', async () => {
    const connection = await connected();
    expect(await client.sendRequest('arsenal/connection/list', null)).toMatchObject([
      { id: connection, access: 'full' },
    ]);
    expect(await client.sendRequest('arsenal/connection/access', { connection, access: 'read_only' })).toMatchObject({
      access: 'read_only',
    });
    expect(await client.sendRequest('arsenal/catalogue/availability', { connection })).toContainEqual({
      operation: 'list_processes',
      capability: { can: true },
    });
    expect(await client.sendRequest('arsenal/connection/close', { connection })).toBeNull();
    expect((await failureOf('arsenal/connection/retry', { connection })).error.class).toBe('not_found');
  });

  it.each([
    ['arsenal/connection/open', { kind: 'carrier pigeon' }],
    ['arsenal/connection/open', { kind: 'beam', node: 'a@h', cookie: 'in the open' }],
    ['arsenal/connection/open', null],
    ['arsenal/connection/close', {}],
    ['arsenal/connection/access', { connection: 'x', access: 'everything' }],
    ['arsenal/tree/read', { topic: { of: 'secrets' } }],
    [
      'arsenal/tree/read',
      { topic: { of: 'runtime', connection: 'x', query: { minIntervalMs: -1, of: { rows: 'nodes' } } } },
    ],
    ['arsenal/operation/execute', { operation: 'x' }],
    ['arsenal/operation/outcome', { requestId: 7 }],
    ['arsenal/operation/scaffold', []],
    ['arsenal/cluster/scaffold', { workspaceFolder: '/', example: 'world domination' }],
  ])('%s refuses %j as malformed', async (method, params) => {
    await initialize();
    const { code, error } = await failureOf(method, params);
    expect(code).toBe(arsenalFailureCode);
    expect(error).toMatchObject({ code: 'request.malformed', class: 'validation', effect: 'none' });
  });

  // @row R7.3
  it('run operations; a failure carries code, class, remedy and effect', async () => {
    const connection = await connected();
    const listed: { result: { items: unknown[] } } = await client.sendRequest(
      'arsenal/operation/execute',
      call(connection, 'list_processes', { limit: 2 }),
    );
    expect(listed.result.items).toHaveLength(2);
    const missing = await failureOf('arsenal/operation/execute', call(connection, 'kill_process', {}));
    expect(missing.error).toMatchObject({ class: 'validation', effect: 'none', pointer: '/pid' });
    const unknown = await failureOf('arsenal/operation/execute', call(connection, 'no_such_operation', {}));
    expect(unknown.error.class).toBe('not_found');
  });

  it('are a part of the trace of whoever calls', async () => {
    const spansFile = path.join(home, 'spans.jsonl');
    fs.writeFileSync(path.join(home, 'policy.json'), JSON.stringify({ spansFile }));
    const connection = await connected();
    const [trace, span] = ['a'.repeat(32), 'b'.repeat(16)];
    const traceparent = `00-${trace}-${span}-01`;
    await client.sendRequest('arsenal/operation/execute', call(connection, 'cluster_health', {}, { traceparent }));
    await server.close();
    expect(JSON.parse(fs.readFileSync(spansFile, 'utf8'))).toMatchObject({
      resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: trace, parentSpanId: span, name: 'cluster_health' }] }] }],
    });
  });

  it('plan without doing, do once for one requestId, and say what became of it', async () => {
    const connection = await connected();
    const pid = runtime.processNamed('Elixir.Shop.Catalog');
    if (pid === null) throw new Error('no such process');
    const kill = call(connection, 'kill_process', { pid: processId(pid) });
    const planned = await client.sendRequest('arsenal/operation/execute', {
      ...kill,
      requestId: 'plan',
      mode: 'dry_run',
    });
    expect(planned).toMatchObject({ mode: 'dry_run', plan: { severity: 'destroy', undo: 'no' } });
    expect(runtime.calls('processes.exit')).toBe(0);
    const [one, other] = await Promise.all([
      client.sendRequest('arsenal/operation/execute', kill),
      client.sendRequest('arsenal/operation/execute', kill),
    ]);
    expect(one).toMatchObject({ mode: 'run', result: { pid: processId(pid) } });
    expect(other).toMatchObject({ mode: 'run', result: { pid: processId(pid) } });
    expect(runtime.calls('processes.exit')).toBe(1);
    const { requestId } = kill as { requestId: string };
    expect(await client.sendRequest('arsenal/operation/outcome', { requestId })).toMatchObject({ state: 'done' });
    expect(await client.sendRequest('arsenal/operation/outcome', { requestId: 'never' })).toEqual({
      state: 'never_seen',
    });
  });

  it('are cancelled: a read at once, a write with what is known of its effect', { timeout: 60_000 }, async () => {
    const connection = await connected();
    runtime.fault('processes.scan', { is: 'hang' });
    runtime.fault('processes.exit', { is: 'hang' });
    const pid = runtime.processNamed('Elixir.Shop.Catalog');
    if (pid === null) throw new Error('no such process');
    for (const [operation, params, effect, method] of [
      ['list_processes', {}, 'none', 'processes.scan'],
      ['kill_process', { pid: processId(pid) }, 'unknown', 'processes.exit'],
    ] as const) {
      const source = new CancellationTokenSource();
      const answer = client.sendRequest('arsenal/operation/execute', call(connection, operation, params), source.token);
      const failed = failureIn(answer);
      // What is known depends on how far it came: it is cancelled in the middle of the call that hangs.
      await expect.poll(() => runtime.calls(method), { timeout: 20_000 }).toBe(1);
      source.cancel();
      expect(await failed).toMatchObject({ code: -32_800, error: { class: 'cancelled', effect } });
    }
  });

  it('report progress as work done, to an editor that gave a token', async () => {
    const connection = await connected();
    const progress: unknown[] = [];
    client.onNotification('$/progress', (params) => void progress.push(params));
    await client.sendRequest(
      'arsenal/operation/execute',
      call(connection, 'cluster_health', {}, { workDoneToken: 'bar' }),
    );
    expect(progress[0]).toMatchObject({ token: 'bar', value: { kind: 'begin', title: 'cluster_health' } });
    expect(progress.at(-1)).toMatchObject({ token: 'bar', value: { kind: 'end' } });
  });

  it('are kept as many as the editor says', async () => {
    const connection = await connected();
    const run = async (operation: string, params: object): Promise<{ readonly result: { readonly total: number } }> =>
      client.sendRequest('arsenal/operation/execute', {
        requestId: crypto.randomUUID(),
        connection,
        operation,
        params,
        mode: 'run',
        wantsProgress: false,
      });
    for (let n = 0; n < 110; n += 1) await run('describe_operation', { operation: 'list_processes' });
    const limits = { entries: 100, days: 30, resultMinutes: 60, statsDays: 90 };
    // What is not well-formed changes nothing.
    await client.sendNotification('arsenal/history/configure', { ...limits, entries: 7 });
    expect((await run('operation_history', { operation: 'describe_operation' })).result.total).toBe(110);
    await client.sendNotification('arsenal/history/configure', limits);
    const { total } = (await run('operation_history', { operation: 'describe_operation' })).result;
    expect(total).toBeGreaterThan(90);
    expect(total).toBeLessThanOrEqual(100);
  });

  it('obey the policy of the settings at once, and say where it is wrong', async () => {
    const told: { problems: { pointer: string }[] }[] = [];
    client.onNotification(
      'arsenal/policy/problems',
      (each: { problems: { pointer: string }[] }) => void told.push(each),
    );
    await initialize({
      trusted: false,
      protocolVersion,
      policy: { roles: { kill_process: 'root', list_processes: 'operator' } },
    });
    const roles = async () => {
      const catalogue: { name: string; role: string }[] = await client.sendRequest('arsenal/catalogue/read', null);
      return ['kill_process', 'list_processes'].map((name) => catalogue.find((each) => each.name === name)?.role);
    };
    expect(await roles()).toEqual(['admin', 'operator']);
    await expect
      .poll(() => told.flatMap(({ problems }) => problems).map(({ pointer }) => pointer))
      .toEqual(['/roles/kill_process']);
    await client.sendNotification('arsenal/policy/configure', { roles: { kill_process: 'operator' } });
    expect(await roles()).toEqual(['operator', 'viewer']);
    await expect.poll(() => told.at(-1)).toEqual({ problems: [] });
    // What is no settings at all changes nothing.
    await client.sendNotification('arsenal/policy/configure', { roles: {}, more: 1 });
    expect(await roles()).toEqual(['operator', 'viewer']);
    expect(told).toHaveLength(2);
  });

  it('publish what happens', async () => {
    const events: { what: { is: string } }[] = [];
    await initialize();
    client.onNotification(
      'arsenal/event/published',
      (published: { what: { is: string } }) => void events.push(published),
    );
    await client.sendRequest('arsenal/connection/open', { kind: 'simulated' });
    await expect.poll(() => events.map(({ what }) => what.is)).toContain('connection_state');
  });
});

describe('watches', () => {
  const nodes = (connection: string) => ({
    of: 'runtime',
    connection,
    query: { minIntervalMs: 0, of: { rows: 'nodes' } },
  });

  it('are read once, or followed by snapshot and deltas that wait for acknowledgement', async () => {
    const connection = await connected();
    const topic = nodes(connection);
    expect(await client.sendRequest('arsenal/tree/read', { topic })).toMatchObject({ is: 'snapshot', total: 2 });
    const frames: WatchDown[] = [];
    client.onNotification('arsenal/watch/down', (down: WatchDown) => void frames.push(down));
    await client.sendNotification('arsenal/watch/up', { is: 'open', subscription: 's', topic });
    await expect.poll(() => frames.length).toBe(1);
    const [first] = frames;
    if (first?.is !== 'frame') throw new Error('no frame');
    runtime.crashNode('shop2@h');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(frames).toHaveLength(1);
    const { epoch, to } = first.frame;
    await client.sendNotification('arsenal/watch/up', { is: 'ack', subscription: 's', epoch, to });
    await expect.poll(() => frames.length).toBe(2);
    const [, second] = frames;
    if (second?.is !== 'frame' || second.frame.is !== 'delta') throw new Error('no delta');
    expect(Object.fromEntries(second.frame.put)).toMatchObject({ 'shop2@h': { status: 'down' } });
  });

  it('end for a connection that there is not; what is no message about a watch is dropped', async () => {
    await initialize();
    const down: WatchDown[] = [];
    client.onNotification('arsenal/watch/down', (each: WatchDown) => void down.push(each));
    await client.sendNotification('arsenal/watch/up', { is: 'open', subscription: 's', topic: nodes('nowhere') });
    await expect.poll(() => down).toMatchObject([{ is: 'ended', subscription: 's', error: { class: 'not_found' } }]);
    await client.sendNotification('arsenal/watch/up', { is: 'open', subscription: 7 });
    await client.sendNotification('arsenal/watch/up', 'nonsense');
    expect(await client.sendRequest('arsenal/connection/list', null)).toEqual([]);
    expect((await failureOf('arsenal/tree/read', { topic: nodes('nowhere') })).error.class).toBe('not_found');
  });
});
