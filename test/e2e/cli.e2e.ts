import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { WatchSubscriber } from '../../runtime/watchChannel.ts';
import type { WatchTopic } from '../../server/protocol/watch.ts';
import { decodeToWebview } from '../../server/protocol/webview.ts';
import { parseJson } from '../../server/gateway/json.ts';
import { idsOf, pick, pickList, pickText } from '../../server/gateway/testJson.ts';
import { thresholds } from '../../server/protocol/clusterView.ts';
import { startShop } from '../fixtures/elixir-shop/start.mjs';
import type { Shop } from '../fixtures/elixir-shop/start.mjs';
import { makeHome, runCli, serve, startCli, stopAll } from './support/cli.ts';
import type { Finished, Served } from './support/cli.ts';

type Answer = { readonly status: number; readonly body: unknown };

async function call(served: Served, method: string, route: string, body?: object): Promise<Answer> {
  const response = await fetch(`${served.url}/api/v1${route}`, {
    method,
    headers: {
      authorization: `Bearer ${served.key}`,
      ...(body !== undefined && { 'content-type': 'application/vnd.api+json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

function execution(params: object, mode = 'run'): object {
  return { data: { type: 'execution', attributes: { params, mode } } };
}

const code = (finished: Finished): string => pickText(finished.json, 'errors.0.code');
const homes: string[] = [];
const home = (): string => {
  const made = makeHome();
  homes.push(made);
  return made;
};
afterAll(() => {
  stopAll();
  for (const each of homes) fs.rmSync(each, { recursive: true, force: true });
});

describe('a served simulated cluster', () => {
  let served: Served;
  beforeAll(async () => {
    served = await serve(['--nodes', '3'], home());
  });
  afterAll(async () => {
    expect(await served.stop()).toBe(0);
    // Nothing of it is left.
    expect(() => process.kill(served.pid, 0)).toThrow();
  });

  it('says that it is ready, where, with which key and which nodes', () => {
    const { url, key, pid } = served;
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(key).toMatch(/^[\w-]{43}$/);
    expect(served.ready).toEqual({
      event: 'ready',
      url,
      key,
      pid,
      runtime: 'simulated',
      nodes: ['demo1@sim', 'demo2@sim', 'demo3@sim'],
    });
  });

  // @row RE-01
  // @row RE-02
  // @row T024.a1
  it('offers over REST what the command line lists', async () => {
    const { body } = await call(served, 'GET', '/operations');
    const names = [...idsOf(body)].sort();
    const listed = await runCli(['operations', '--json'], home());
    expect([...idsOf(listed.json)].sort()).toEqual(names);
    for (const name of ['list_processes', 'kill_process', 'supervision_tree', 'create_sandbox'])
      expect(names).toContain(name);
    const processes = await call(served, 'GET', '/operations/process');
    expect(pickList(processes.body, 'data').every((each) => pick(each, 'attributes.category') === 'process')).toBe(
      true,
    );
  });

  // @row RE-04
  // @row RE-06
  // @row RE-08
  // @row RE-09
  it('shows processes and supervisors as resources, page by page', async () => {
    const first = await call(served, 'GET', '/processes?page[size]=5&sort=-reductions');
    expect(pick(first.body, 'data')).toHaveLength(5);
    expect(pickList(first.body, 'meta.nodes').map((each) => pick(each, 'status'))).toEqual(['ok', 'ok', 'ok']);
    const next = await fetch(served.url + pickText(first.body, 'links.next'), {
      headers: { authorization: `Bearer ${served.key}` },
    });
    const second: unknown = await next.json();
    // One that has ended between the two pages is not on the second.
    expect(pickList(second, 'data').length).toBeGreaterThan(0);
    const ids = [...idsOf(first.body), ...idsOf(second)];
    expect(new Set(ids).size).toBe(ids.length);
    const one = await call(served, 'GET', `/processes/${encodeURIComponent(ids[0] ?? '')}`);
    expect([one.status, pick(one.body, 'data.id')]).toEqual([200, ids[0]]);
    const supervisors = await call(served, 'GET', '/supervisors');
    const shop = pickList(supervisors.body, 'data').find((each) => pick(each, 'attributes.application') !== null);
    const children = await call(served, 'GET', `/supervisors/${encodeURIComponent(pickText(shop, 'id'))}/children`);
    expect(children.status).toBe(200);
    expect(pickList(children.body, 'data').length).toBeGreaterThan(0);
  });

  // @row RE-11
  // @row RE-12
  it('shows health and topology, and judges health as the editor does', async () => {
    const health = await call(served, 'GET', '/cluster/health');
    expect(health.status).toBe(200);
    const topology = await call(served, 'GET', '/cluster/topology');
    expect(topology.status).toBe(200);
    expect(JSON.stringify(topology.body)).toContain('demo3@sim');
    expect(pick(health.body, 'meta.thresholds')).toMatchObject({
      runQueuePerScheduler: thresholds.runQueuePerScheduler,
      processLimitShare: thresholds.processShare,
    });
  });

  // @row RE-05
  it('starts a process under a name, finds it by the name, refuses the name a second time, and ends it', async () => {
    const attributes = { module: 'timer', function: 'sleep', args: [600_000], name: 'sleeper', node: 'demo1@sim' };
    const made = await call(served, 'POST', '/processes', { data: { type: 'processes', attributes } });
    expect([made.status, pickText(made.body, 'data.id')]).toEqual([201, pickText(made.body, 'data.attributes.pid')]);
    const found = await call(served, 'GET', '/processes/sleeper?node=demo1@sim');
    expect([found.status, pick(found.body, 'data.id')]).toEqual([200, pick(made.body, 'data.id')]);
    const twice = await call(served, 'POST', '/processes', { data: { type: 'processes', attributes } });
    expect([twice.status, pick(twice.body, 'errors.0.meta.effect')]).toEqual([409, 'none']);
    expect(
      (await call(served, 'DELETE', `/processes/${encodeURIComponent(pickText(made.body, 'data.id'))}`)).status,
    ).toBe(200);
  });

  // @row RE-03
  // @row RE-07
  it('kills a process once however often it is asked under one key, and its supervisor starts another', async () => {
    const named = async (): Promise<unknown> => {
      const { body } = await call(
        served,
        'POST',
        '/operations/get_process_info/execute',
        execution({ pid: 'Elixir.Shop.Catalog', node: 'demo1@sim' }),
      );
      return pick(body, 'data.attributes.result.pid');
    };
    await expect.poll(named).toMatch(/^demo1@sim~0\.\d+\.0~/);
    const before = String(await named());
    const kill = () =>
      fetch(`${served.url}/api/v1/processes/${encodeURIComponent(before)}`, {
        method: 'DELETE',
        headers: { authorization: `Bearer ${served.key}`, 'idempotency-key': 'once' },
      });
    const answers = await Promise.all(Array.from({ length: 10 }, kill));
    expect(new Set(answers.map((each) => each.status))).toEqual(new Set([200]));
    await expect.poll(named).not.toBe(before);
    const again = await call(served, 'DELETE', `/processes/${encodeURIComponent(before)}`);
    expect([again.status, pick(again.body, 'errors.0.meta.effect')]).toEqual([404, 'none']);
    const outcome = await call(served, 'GET', '/executions/once');
    expect(pick(outcome.body, 'data.attributes')).toMatchObject({ state: 'done', operation: 'kill_process' });
  });

  it('tells a process of before a node’s restart from any that lives', async () => {
    const { body } = await call(served, 'GET', '/processes?filter[node]=demo3@sim&page[size]=1');
    const stale = pickText(body, 'data.0.id');
    expect(
      (await call(served, 'POST', '/operations/crash_node/execute', execution({ node: 'demo3@sim' }))).status,
    ).toBe(200);
    const gone = await call(served, 'GET', `/processes/${encodeURIComponent(stale)}`);
    expect([404, 503]).toContain(gone.status);
    expect(pick(gone.body, 'errors.0.meta.remedy')).not.toBe('');
    const health = await call(served, 'GET', '/cluster/health');
    expect(JSON.stringify(health.body)).toContain('down');
    expect(
      (await call(served, 'POST', '/operations/restart_node/execute', execution({ node: 'demo3@sim' }))).status,
    ).toBe(200);
    const old = await call(served, 'GET', `/processes/${encodeURIComponent(stale)}`);
    expect([old.status, pick(old.body, 'errors.0.code')]).toEqual([404, 'process.not_found']);
  });

  // @row T012.a4
  it('sends what changes over the socket: a snapshot, then the node that goes down', async () => {
    const socket = new WebSocket(`${served.url.replace('http', 'ws')}/api/v1/events`, {
      headers: { authorization: `Bearer ${served.key}` },
    });
    await once(socket, 'open');
    const subscriber = new WatchSubscriber<WatchTopic>({
      send: (up) => {
        socket.send(JSON.stringify(up));
        return true;
      },
    });
    socket.on('message', (data: Buffer) => {
      const read = decodeToWebview({ is: 'watch', down: parseJson(data.toString('utf8')) });
      if (read?.is === 'watch') subscriber.receive(read.down);
    });
    const connections = subscriber.subscribe({ of: 'connections' });
    await expect.poll(() => connections.view.state?.rows.size).toBe(1);
    const [connection = ''] = connections.view.state?.rows.keys() ?? [];
    const nodes = subscriber.subscribe({
      of: 'runtime',
      connection,
      query: { minIntervalMs: 50, of: { rows: 'nodes' } },
    });
    await expect.poll(() => nodes.view.state?.rows.size).toBe(3);
    await call(served, 'POST', '/operations/crash_node/execute', execution({ node: 'demo2@sim' }));
    await expect.poll(() => nodes.view.state?.rows.get('demo2@sim')?.['status']).toBe('down');
    await call(served, 'POST', '/operations/restart_node/execute', execution({ node: 'demo2@sim' }));
    await expect.poll(() => nodes.view.state?.rows.get('demo2@sim')?.['status']).toBe('up');
    socket.close();
  });

  it.each([
    ['GET', '/processes/nobody_here', undefined, 404, 'process.not_found'],
    ['GET', '/processes/demo1@sim~0.99999.0~1', undefined, 404, 'process.not_found'],
    ['GET', '/processes?page[size]=0', undefined, 400, 'params.invalid'],
    ['GET', '/cluster/nodes/nowhere@sim', undefined, 404, 'node.not_found'],
    ['POST', '/operations/nothing/execute', execution({}), 404, 'operation.not_found'],
    ['POST', '/operations/kill_process/execute', execution({}), 400, 'params.invalid'],
    ['POST', '/operations/kill_process/execute', execution({ pid: 7, more: 1 }), 400, 'params.invalid'],
  ])('answers %s %s with a clear error', async (method, route, body, status, expected) => {
    const answer = await call(served, method, route, body);
    expect([answer.status, pick(answer.body, 'errors.0.code')]).toEqual([status, expected]);
    expect(pick(answer.body, 'errors.0.meta')).toMatchObject({ effect: 'none' });
    expect(pickText(answer.body, 'errors.0.meta.remedy')).not.toBe('');
  });
});

describe('the command line on its own simulated cluster', () => {
  it('runs, and says each error with its exit code', async () => {
    const state = home();
    const listed = await runCli(['run', 'list_processes', 'limit=3', '--json'], state);
    expect([listed.code, pick(listed.json, 'data.attributes.result.items.length')]).toEqual([0, 3]);
    const unknown = await runCli(['run', 'get_process_info', 'pid=nobody_here', '--json'], state);
    expect([unknown.code, code(unknown)]).toEqual([1, 'process.not_found']);
    const invalid = await runCli(['run', 'list_processes', 'limit=many', '--validate-only', '--json'], state);
    expect([invalid.code, code(invalid)]).toEqual([1, 'params.invalid']);
    expect((await runCli(['nothing'], state)).code).toBe(2);
  });

  it('answers of a cluster that is up, not of one that is starting', async () => {
    const found = await runCli(
      ['run', 'get_process_info', 'pid=Elixir.Shop.Catalog', 'node=demo2@sim', '--json'],
      home(),
    );
    expect([found.code, pick(found.json, 'data.attributes.result.registeredName')]).toEqual([0, 'Elixir.Shop.Catalog']);
  });

  it('ends quietly when nobody reads its output any more', async () => {
    const child = startCli(['operations', '--json'], home());
    child.stdout?.destroy();
    let err = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (err += text));
    const closed: unknown[] = await once(child, 'close');
    expect([closed[0], err]).toEqual([0, '']);
  });

  it('starts the language server on its standard streams, which ends with them', async () => {
    const child = startCli(['lsp', '--stdio'], home(), {}, 'pipe');
    let out = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (out += text));
    const closed = once(child, 'close');
    const initialize = JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { processId: null, rootUri: null, capabilities: {} },
    });
    child.stdin?.write(`Content-Length: ${String(Buffer.byteLength(initialize))}\r\n\r\n${initialize}`);
    await expect.poll(() => out).toContain('"experimental"');
    child.stdin?.end();
    const ended: unknown[] = await closed;
    expect(ended[0]).not.toBeNull();
  });
});

describe('a live Elixir node', () => {
  let shop: Shop;
  let env: { readonly [name: string]: string };
  const at = (): readonly string[] => ['--connect', shop.node, '--cookie-file', shop.cookieFile];
  beforeAll(async () => {
    shop = await startShop();
    env = { ERL_EPMD_PORT: String(shop.epmdPort) };
  });
  afterAll(async () => {
    await shop.stop();
  });

  it('is read over the command line, and a write is refused with how to allow it', async () => {
    const state = home();
    const supervisors = await runCli(['run', 'list_supervisors', ...at(), '--json'], state, env);
    expect([supervisors.code, supervisors.err]).toEqual([0, '']);
    expect(JSON.stringify(supervisors.json)).toContain('Shop');
    const refused = await runCli(['run', 'kill_process', 'pid=Elixir.Shop.Stock', ...at(), '--json'], state, env);
    expect([refused.code, code(refused), pick(refused.json, 'errors.0.meta.effect')]).toEqual([
      1,
      'connection.read_only',
      'none',
    ]);
  });

  it('is served read-only, and writable when that is asked for', async () => {
    const readOnly = await serve(at(), home(), env);
    const refused = await call(readOnly, 'DELETE', '/processes/init');
    expect([refused.status, pick(refused.body, 'errors.0.code')]).toEqual([403, 'connection.read_only']);
    expect(readOnly.ready).toMatchObject({ runtime: 'beam', nodes: [shop.node] });
    expect(await readOnly.stop()).toBe(0);
    const writable = await serve([...at(), '--allow-writes'], home(), env);
    const protectedOne = await call(writable, 'DELETE', '/processes/init');
    expect(pick(protectedOne.body, 'errors.0.code')).toBe('process.protected');
    expect(await writable.stop()).toBe(0);
  });

  it('answers a wrong cookie, a node that is not there and an absent EPMD apart, each with exit code 3', async () => {
    const state = home();
    const wrongCookie = path.join(state, 'cookie');
    fs.writeFileSync(wrongCookie, 'wrong', { mode: 0o600 });
    const list = (args: readonly string[], environment = env) =>
      runCli(['run', 'list_processes', ...args, '--json'], state, environment);
    const cookie = await list(['--connect', shop.node, '--cookie-file', wrongCookie]);
    expect([cookie.code, code(cookie)]).toEqual([3, 'connect.bad_cookie']);
    const nobody = await list([
      '--connect',
      `nobody@${shop.node.split('@')[1] ?? ''}`,
      '--cookie-file',
      shop.cookieFile,
    ]);
    expect([nobody.code, code(nobody)]).toEqual([3, 'connect.no_such_node']);
    const free = net.createServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    const address = free.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    free.close();
    const epmd = await list([...at()], { ERL_EPMD_PORT: String(port) });
    expect([epmd.code, code(epmd)]).toEqual([3, 'connect.epmd_unreachable']);
    for (const finished of [cookie, nobody, epmd]) expect(pick(finished.json, 'errors.0.meta.remedy')).not.toBe('');
  });

  it('that dies is an error of the call, not of the gateway', async () => {
    const served = await serve(at(), home(), env);
    await shop.killNode(shop.node);
    await expect
      .poll(async () => pick((await call(served, 'GET', '/processes/init')).body, 'errors.0.meta.class'))
      .toBe('unavailable');
    // A list says of every node what became of it: an empty one is not an empty cluster.
    const list = await call(served, 'GET', '/processes');
    expect(pick(list.body, 'meta.nodes.0') ?? pick(list.body, 'errors.0.meta')).toMatchObject(
      list.status === 200 ? { status: 'missing', error: { class: 'unavailable' } } : { class: 'unavailable' },
    );
    expect((await fetch(`${served.url}/health`)).status).toBe(503);
    expect(await served.stop()).toBe(0);
  });
});
