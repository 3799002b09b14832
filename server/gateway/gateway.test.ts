import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import Fastify from 'fastify';
import { WebSocket } from 'ws';
import { arsenalError, failure } from '../../runtime/errors.ts';
import { WatchSubscriber } from '../../runtime/watchChannel.ts';
import { apiBase, gatewayRoutes } from '../protocol/routes.ts';
import type { WatchDown, WatchTopic } from '../protocol/watch.ts';
import { decodeToWebview } from '../protocol/webview.ts';
import { eventsProtocol, keyProtocolPrefix } from './gate.ts';
import { startGateway } from './gateway.ts';
import type { Gateway } from './gateway.ts';
import { errorClasses } from '../../runtime/model.ts';
import { httpStatus } from './httpStatus.ts';
import { parseJson } from './json.ts';
import { isJsonObject } from './jsonApi.ts';
import { addRoutes } from './routes.ts';
import { ran, testBackend, testCatalogue, testEntry } from './testBackend.ts';
import type { TestBackend } from './testBackend.ts';
import { idsOf, pick, pickList, pickText } from './testJson.ts';

const media = 'application/vnd.api+json';
const started: Gateway[] = [];

async function start(backend: TestBackend = testBackend()): Promise<{ gateway: Gateway; backend: TestBackend }> {
  const gateway = await startGateway({ backend, defaultConnection: () => 'sim' });
  if (!gateway.ok) throw new Error(gateway.error.message);
  started.push(gateway.value);
  return { gateway: gateway.value, backend };
}

afterEach(async () => {
  await Promise.all(started.splice(0).map((gateway) => gateway.close(50)));
});

type Answer = { readonly status: number; readonly headers: Headers; readonly body: unknown };

async function call(gateway: Gateway, method: string, path: string, init: RequestInit = {}): Promise<Answer> {
  const { body, headers } = init;
  const response = await fetch(`${gateway.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${gateway.key}`,
      ...(body !== undefined && { 'content-type': media }),
      ...Object.fromEntries(new Headers(headers)),
    },
    ...(body !== undefined && { body }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: parseJson(text) };
}

function execution(attributes: object): string {
  return JSON.stringify({ data: { type: 'execution', attributes } });
}

/** Sends bytes as they are and answers the status line, or `closed`. */
async function raw(port: number, text: string): Promise<string> {
  const socket = net.connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(text);
  let answer = '';
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString('latin1');
    if (answer.includes('\r\n')) socket.destroy();
  });
  await once(socket, 'close');
  return answer.split('\r\n')[0] || 'closed';
}

describe('the routes that no operation may have', () => {
  it('are those that the gateway answers itself', async () => {
    const app = Fastify();
    const own: string[] = [];
    app.addHook('onRoute', ({ method, url }) => {
      if (url.startsWith(apiBase) && method !== 'HEAD') own.push(`${String(method)} ${url}`);
    });
    addRoutes(app, {
      backend: testBackend(),
      defaultConnection: () => null,
      caller: { principal: 'me', via: 'rest', role: 'viewer' },
      isAdmitted: () => false,
      version: '1',
      stopping: new AbortController().signal,
    });
    await app.ready();
    expect(gatewayRoutes.map(({ method, path }) => `${method} ${apiBase}${path}`).toSorted()).toEqual(own.toSorted());
    await app.close();
  });

  it('do not become a category by its name', async () => {
    const backend = testBackend();
    const search = testEntry('search', { needs: [], route: { method: 'GET', path: '/operations/search' } });
    const catalogue = [...testCatalogue, search, testEntry('mine', { category: 'search' })];
    Object.assign(backend, { catalogue: () => catalogue, registered: () => catalogue });
    const { gateway } = await start(backend);
    const found = await call(gateway, 'GET', '/api/v1/operations/search');
    expect([found.status, backend.calls.map((each) => each.call.operation)]).toEqual([404, ['search']]);
  });
});

describe('the gate', () => {
  // @row NF-07
  it('lets none of over 2,000 wrong combinations of Host, Origin, credential and upgrade reach a handler', async () => {
    const { gateway, backend } = await start();
    const own = `127.0.0.1:${gateway.port}`;
    const hosts = [
      [`Host: ${own}`],
      [`Host: localhost:${gateway.port}`],
      ['Host: 127.0.0.1'],
      ['Host: evil.example'],
      [`Host: evil.example:${gateway.port}`],
      [`Host: ${own}.evil.example`],
      [`Host: ${own}`, 'Host: evil.example'],
      [`Host: user@${own}`],
      ['Host: '],
      [],
    ];
    const origins = [
      [],
      [`Origin: http://${own}`],
      ['Origin: null'],
      ['Origin: http://evil.example'],
      [`Origin: https://${own}`],
      ['Origin: vscode-webview://abc'],
      ['Sec-Fetch-Site: cross-site'],
    ];
    const credentials = [
      [],
      [`Authorization: Bearer ${gateway.key}`],
      [`Authorization: Bearer ${gateway.key.slice(0, -1)}`],
      [`Authorization: Bearer ${gateway.key}x`],
      [`Authorization: Basic ${gateway.key}`],
      [`Authorization: Bearer ${'A'.repeat(43)}`],
      [`Authorization: Bearer ${gateway.key}`, 'Authorization: Bearer x'],
      [`X-Api-Key: ${gateway.key}`, `Cookie: key=${gateway.key}`],
    ];
    const requests = [
      'GET /api/v1/operations',
      `GET /api/v1/operations?key=${gateway.key}`,
      'POST /api/v1/operations/kill_process/execute',
      'DELETE /api/v1/processes/x',
      'GET /health',
      'OPTIONS /api/v1/operations',
      `GET http://${own}/api/v1/operations`,
      'WS /api/v1/events',
      `WS /api/v1/events?key=${gateway.key}`,
    ];
    let wrong = 0;
    let reached = 0;
    const tries: (() => Promise<void>)[] = [];
    for (const [h, host] of hosts.entries()) {
      for (const [o, origin] of origins.entries()) {
        for (const [c, credential] of credentials.entries()) {
          for (const line of requests) {
            const upgrade = line.startsWith('WS ');
            const open = line === 'GET /health';
            const plain = !line.includes('http://');
            const right = h < 2 && o < 2 && (c === 1 || (open && c !== 6)) && plain;
            // What is right on all counts is tried elsewhere.
            if (right) continue;
            const headers = [
              ...host,
              ...origin,
              ...credential,
              ...(upgrade
                ? [
                    'Connection: Upgrade',
                    'Upgrade: websocket',
                    'Sec-WebSocket-Version: 13',
                    `Sec-WebSocket-Key: ${'a'.repeat(22)}==`,
                  ]
                : ['Connection: close', 'Content-Length: 0']),
            ];
            tries.push(async () => {
              const status = await raw(
                gateway.port,
                `${line.replace('WS ', 'GET ')} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`,
              );
              wrong += 1;
              if (!/^HTTP\/1\.1 (400|401|403|421) /.test(status)) {
                reached += 1;
                throw new Error(`${line} with ${headers.join(' | ')} was answered ${status}`);
              }
            });
          }
        }
      }
    }
    // Twenty at a time: each is a connection of its own.
    const lanes = Array.from({ length: 20 }, async () => {
      for (let next = tries.pop(); next !== undefined; next = tries.pop()) await next();
    });
    await Promise.all(lanes);
    expect(wrong).toBeGreaterThan(2_000);
    expect(reached).toBe(0);
    expect(backend.touched).toEqual([]);
  }, 60_000);

  it('takes nothing that is not HTTP', async () => {
    const { gateway, backend } = await start();
    const own = `Host: 127.0.0.1:${gateway.port}`;
    for (const text of [
      '\x16\x03\x01\x02\x00',
      'GET / HTTP/9.9\r\n\r\n',
      `GET /\x00 HTTP/1.1\r\n${own}\r\n\r\n`,
      `POST / HTTP/1.1\r\n${own}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx`,
      `POST / HTTP/1.1\r\n${own}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      `CONNECT 127.0.0.1:22 HTTP/1.1\r\n${own}\r\n\r\n`,
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    ]) {
      expect(await raw(gateway.port, text)).toMatch(/^(HTTP\/1\.1 4\d\d |closed)/);
    }
    expect(backend.touched).toEqual([]);
  });

  it('listens on loopback alone', async () => {
    const { gateway } = await start();
    expect(gateway.host).toBe('127.0.0.1');
    const refused = await startGateway({ backend: testBackend(), defaultConnection: () => null, host: '0.0.0.0' });
    expect(!refused.ok && refused.error.code).toBe('gateway.bad_host');
    const taken = await startGateway({ backend: testBackend(), defaultConnection: () => null, port: gateway.port });
    expect(!taken.ok && taken.error.code).toBe('gateway.port_in_use');
    const foreign = await startGateway({ backend: testBackend(), defaultConnection: () => null, host: '192.0.2.1' });
    expect(!foreign.ok && foreign.error.code).toBe('gateway.cannot_listen');
  });

  it('says up or down without a credential, and nothing else', async () => {
    const { gateway } = await start();
    const up = await fetch(`${gateway.url}/health`);
    expect([up.status, await up.json()]).toEqual([200, { status: 'up' }]);
    const lost = await start(testBackend({ is: 'closed' }));
    const down = await fetch(`${lost.gateway.url}/health`);
    expect([down.status, await down.json()]).toEqual([503, { status: 'down' }]);
  });
});

describe('operations over REST', () => {
  // @row NF-13
  it('lists the catalogue as JSON:API resources', async () => {
    const { gateway } = await start();
    const { status, headers, body } = await call(gateway, 'GET', '/api/v1/operations');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe(media);
    expect(headers.get('x-correlation-id')).toMatch(/^[\w-]{36}$/);
    expect(pick(body, 'jsonapi')).toEqual({ version: '1.1' });
    expect(pick(body, 'data.0')).toMatchObject({
      type: 'operation',
      id: 'list_processes',
      attributes: { severity: 'read' },
    });
  });

  it('lists one category and describes one operation, by alias too', async () => {
    const { gateway } = await start();
    const category = await call(gateway, 'GET', '/api/v1/operations/registry');
    expect(idsOf(category.body)).toEqual(['search_operations']);
    expect((await call(gateway, 'GET', '/api/v1/operations/nothing')).status).toBe(404);
    const described = await call(gateway, 'GET', '/api/v1/operations/process_list/describe');
    expect(pick(described.body, 'data.id')).toBe('list_processes');
    expect(pick((await call(gateway, 'GET', '/api/v1/operations/nothing/describe')).body, 'errors.0.code')).toBe(
      'operation.not_found',
    );
  });

  it('executes an operation and answers the execution', async () => {
    const { gateway, backend } = await start();
    const { status, body } = await call(gateway, 'POST', '/api/v1/operations/kill_process/execute', {
      body: execution({ params: { pid: 'a@h~0.1.0~1' }, mode: 'run', timeoutMs: 5000 }),
      headers: { 'idempotency-key': 'k-1', 'x-correlation-id': 'c-1', traceparent: '00-1-2-01' },
    });
    expect(status).toBe(200);
    expect(pick(body, 'data')).toEqual({
      type: 'execution',
      id: 'k-1',
      attributes: { operation: 'kill_process', mode: 'run', result: { pid: 'a@h~0.1.0~1' }, durationMs: 1.5 },
    });
    expect(backend.calls[0]?.call).toEqual({
      requestId: 'k-1',
      connection: 'sim',
      operation: 'kill_process',
      params: { pid: 'a@h~0.1.0~1' },
      mode: 'run',
    });
    expect(backend.calls[0]?.options).toMatchObject({
      correlationId: 'c-1',
      traceparent: '00-1-2-01',
      timeoutMs: 5000,
      caller: { via: 'rest' },
    });
  });

  it.each([
    ['', '/data/attributes', 'gateway.bad_request'],
    ['{"data":', null, 'gateway.bad_request'],
    ['{"data":{"type":"execution","attributes":{"__proto__":{}}}}', null, 'gateway.bad_request'],
    ['[]', '', 'gateway.bad_document'],
    ['{}', '/data', 'gateway.bad_document'],
    ['{"data":{"type":"other"}}', '/data/type', 'gateway.bad_document'],
    ['{"data":{"type":"execution","attributes":[]}}', '/data/attributes', 'gateway.bad_document'],
    [execution({ mode: 'explode' }), '/data/attributes/mode', 'gateway.bad_mode'],
    [execution({ connection: 7 }), '/data/attributes/connection', 'gateway.bad_connection'],
    [execution({ timeoutMs: -1 }), '/data/attributes/timeoutMs', 'gateway.bad_timeout'],
  ])('refuses the body %j with 400 and a pointer', async (body, pointer, code) => {
    const { gateway, backend } = await start();
    const answer = await call(gateway, 'POST', '/api/v1/operations/kill_process/execute', { body });
    expect(answer.status).toBe(400);
    expect(pick(answer.body, 'errors.0')).toMatchObject({
      code,
      status: '400',
      meta: { class: 'validation', effect: 'none' },
    });
    if (pointer !== null && code !== 'gateway.bad_request')
      expect(pick(answer.body, 'errors.0.source')).toEqual({ pointer });
    expect(backend.calls).toEqual([]);
  });

  it('checks the size and the type of bodies, and what is accepted', async () => {
    const { gateway, backend } = await start();
    const path = '/api/v1/operations/kill_process/execute';
    const large = await call(gateway, 'POST', path, { body: execution({ params: { pid: 'x'.repeat(1_100_000) } }) });
    expect([large.status, pick(large.body, 'errors.0.code')]).toEqual([413, 'gateway.body_too_large']);
    for (const type of [
      'text/plain',
      `${media}; charset=utf-8`,
      'application/x-www-form-urlencoded',
      'multipart/form-data',
    ]) {
      const answer = await call(gateway, 'POST', path, { body: execution({}), headers: { 'content-type': type } });
      expect([type, answer.status]).toEqual([type, 415]);
    }
    const accepts = await call(gateway, 'GET', '/api/v1/operations', { headers: { accept: `${media}; ext="x"` } });
    expect(accepts.status).toBe(406);
    const plain = await call(gateway, 'POST', path, {
      body: execution({}),
      headers: { 'content-type': 'application/json' },
    });
    expect(plain.status).toBe(200);
    expect(backend.calls).toHaveLength(1);
  });

  // @row RE-13, ER-02, T003.d2, T003.d3
  it('gives each class of error its status, with code, remedy, effect and correlation id', async () => {
    const { gateway, backend } = await start();
    for (const errorClass of errorClasses) {
      backend.answer = () =>
        Promise.resolve(
          failure(errorClass, 'test.code', 'It failed.', 'Do this.', {
            effect: 'unknown',
            pointer: '/pid',
            retryAfterMs: 1500,
            details: { seen: 1 },
          }),
        );
      const answer = await call(gateway, 'POST', '/api/v1/operations/kill_process/execute', {
        body: execution({ params: {} }),
      });
      expect(answer.status).toBe(httpStatus[errorClass]);
      expect(answer.headers.get('retry-after')).toBe('2');
      expect(pickText(answer.body, 'errors.0.title')).not.toBe('');
      expect(pick(answer.body, 'errors')).toMatchObject([
        {
          status: String(httpStatus[errorClass]),
          code: 'test.code',
          detail: 'It failed.',
          source: { pointer: '/data/attributes/params/pid' },
          meta: {
            class: errorClass,
            remedy: 'Do this.',
            effect: 'unknown',
            correlationId: answer.headers.get('x-correlation-id'),
            retryAfterMs: 1500,
            details: { seen: 1 },
          },
        },
      ]);
    }
  });

  // @row T003.a1
  it('answers one error object a problem', async () => {
    const { gateway, backend } = await start();
    const problems = [
      { pointer: '/pid', message: 'pid is missing' },
      { pointer: '/reason', message: 'reason is too long' },
    ];
    backend.answer = () =>
      Promise.resolve(failure('validation', 'params.invalid', 'Two.', 'Mend.', { details: { problems } }));
    const answer = await call(gateway, 'POST', '/api/v1/operations/kill_process/execute', { body: execution({}) });
    expect(pickList(answer.body, 'errors').map((each) => [pick(each, 'source'), pick(each, 'detail')])).toEqual([
      [{ pointer: '/data/attributes/params/pid' }, 'pid is missing'],
      [{ pointer: '/data/attributes/params/reason' }, 'reason is too long'],
    ]);
  });

  it('knows no operation that is not there, and none without a connection', async () => {
    const { gateway, backend } = await start();
    const unknown = await call(gateway, 'POST', '/api/v1/operations/nothing/execute', { body: execution({}) });
    expect([unknown.status, pick(unknown.body, 'errors.0.code')]).toEqual([404, 'operation.not_found']);
    const alone = await startGateway({ backend, defaultConnection: () => null });
    if (!alone.ok) throw new Error(alone.error.message);
    started.push(alone.value);
    const lost = await call(alone.value, 'POST', '/api/v1/operations/kill_process/execute', { body: execution({}) });
    expect([lost.status, pick(lost.body, 'errors.0.code')]).toEqual([503, 'connection.lost']);
    const fine = await call(alone.value, 'POST', '/api/v1/operations/search_operations/execute', {
      body: execution({}),
    });
    expect(fine.status).toBe(200);
  });

  it('asks no node for new operations, but where the catalogue is read', async () => {
    const { gateway, backend } = await start();
    await call(gateway, 'POST', '/api/v1/operations/kill_process/execute', { body: execution({ params: {} }) });
    await call(gateway, 'GET', '/api/v1/processes');
    await call(gateway, 'GET', '/api/v1/nothing/at/all');
    expect(backend.touched).not.toContain('catalogue');
    await call(gateway, 'GET', '/api/v1/operations');
    expect(backend.touched).toContain('catalogue');
  });

  it('answers the outcome of an execution by its id', async () => {
    const { gateway } = await start();
    const known = await call(gateway, 'GET', '/api/v1/executions/known');
    expect(pick(known.body, 'data.attributes')).toMatchObject({ state: 'done', operation: 'kill_process' });
    expect((await call(gateway, 'GET', '/api/v1/executions/other')).status).toBe(404);
  });

  // @row T003.a3
  it('turns a throw of ours into a 500 that tells nothing, and goes on', async () => {
    const { gateway, backend } = await start();
    backend.answer = () => Promise.reject(new Error('secret detail'));
    const answer = await call(gateway, 'POST', '/api/v1/operations/kill_process/execute', { body: execution({}) });
    expect(answer.status).toBe(500);
    expect(pick(answer.body, 'errors.0')).toMatchObject({ code: 'gateway.fault', meta: { effect: 'unknown' } });
    expect(JSON.stringify(answer.body)).not.toContain('secret');
    expect((await call(gateway, 'GET', '/api/v1/operations')).status).toBe(200);
  });

  it('cancels the call when the client hangs up', async () => {
    const { gateway, backend } = await start();
    const seen = new Promise<void>((resolve) => {
      backend.answer = (_call, options) =>
        new Promise((answered) => {
          options.signal.addEventListener('abort', () => {
            answered(failure('cancelled', 'call.cancelled', 'Cancelled.', 'Again.'));
            resolve();
          });
        });
    });
    const request = http.request(`${gateway.url}/api/v1/operations/list_processes/execute`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.key}`, 'content-type': media },
    });
    request.on('error', () => undefined);
    request.end(execution({}));
    while (backend.calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    request.destroy();
    await seen;
    expect(backend.calls[0]?.options.signal.aborted).toBe(true);
  });

  it('ends the calls that still run when it closes', async () => {
    const { gateway, backend } = await start();
    backend.answer = (_call, options) =>
      new Promise((answered) => {
        options.signal.addEventListener('abort', () => {
          answered(failure('cancelled', 'call.cancelled', 'Cancelled.', 'Again.'));
        });
      });
    const pending = call(gateway, 'POST', '/api/v1/operations/list_processes/execute', { body: execution({}) }).catch(
      () => null,
    );
    while (backend.calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const before = Date.now();
    await gateway.close(100);
    await pending;
    expect(Date.now() - before).toBeLessThan(10_000);
    await expect(fetch(`${gateway.url}/health`)).rejects.toThrow();
  });
});

describe("operations' own routes", () => {
  it('lists with JSON:API paging, filters, sort and fields', async () => {
    const { gateway, backend } = await start();
    backend.answer = () =>
      Promise.resolve(
        ran({
          items: [{ pid: 'a@h~0.1.0~1', memory: 5, type: 'worker' }, { pid: 'a@h~0.1.0~1', memory: 6 }, 'odd'],
          total: 3,
          next: 'cursor-2',
          nodes: [{ node: 'a@h', status: 'ok' }],
        }),
      );
    const path =
      '/api/v1/processes?page[size]=2&page[after]=c&filter[status]=running&filter[node]=a@h&sort=-memory&fields[processes]=pid,memory';
    const { status, body } = await call(gateway, 'GET', path);
    expect(status).toBe(200);
    expect(backend.calls[0]?.call.params).toEqual({
      limit: 2,
      after: 'c',
      filter: { status: 'running' },
      node: 'a@h',
      sort: '-memory',
      fields: ['pid', 'memory'],
    });
    expect(pick(body, 'data')).toEqual([
      { type: 'processes', id: 'a@h~0.1.0~1', attributes: { pid: 'a@h~0.1.0~1', memory: 5, itemType: 'worker' } },
      { type: 'processes', id: 'a@h~0.1.0~1.1', attributes: { pid: 'a@h~0.1.0~1', memory: 6 } },
      { type: 'processes', id: pickText(body, 'data.2.id'), attributes: { value: 'odd' } },
    ]);
    expect(pickText(body, 'data.2.id')).toMatch(/\.2$/);
    expect(pick(body, 'meta')).toMatchObject({ total: 3, nodes: [{ node: 'a@h', status: 'ok' }] });
    expect(new URL(pickText(body, 'links.next'), gateway.url).searchParams.get('page[after]')).toBe('cursor-2');
  });

  it('creates with 201, and reads the attributes of the body', async () => {
    const { gateway, backend } = await start();
    const body = JSON.stringify({ data: { type: 'processes', attributes: { module: 'm' } } });
    const { status } = await call(gateway, 'POST', '/api/v1/processes', { body });
    expect([status, backend.calls[0]?.call]).toMatchObject([
      201,
      { operation: 'start_process', params: { module: 'm' } },
    ]);
  });

  it('takes a process by its id in the path', async () => {
    const { gateway, backend } = await start();
    const info = await call(gateway, 'GET', '/api/v1/processes/a@h~0.1.0~1?timeoutMs=50');
    expect(pick(info.body, 'data')).toEqual({
      type: 'processes',
      id: 'a@h~0.1.0~1',
      attributes: { pid: 'a@h~0.1.0~1', timeoutMs: 50 },
    });
    await call(gateway, 'DELETE', `/api/v1/processes/${encodeURIComponent('{:via, R, "x/y"}')}`);
    expect(backend.calls[1]?.call).toMatchObject({ operation: 'kill_process', params: { pid: '{:via, R, "x/y"}' } });
  });

  it('refuses unknown and repeated query parameters by name, other methods with Allow, other paths with 404', async () => {
    const { gateway, backend } = await start();
    const unknown = await call(gateway, 'GET', '/api/v1/processes?filter[nonsense]=1');
    expect([unknown.status, pick(unknown.body, 'errors.0.source')]).toEqual([400, { parameter: 'filter[nonsense]' }]);
    const twice = await call(gateway, 'GET', '/api/v1/processes?sort=a&sort=b');
    expect([twice.status, pick(twice.body, 'errors.0.source')]).toEqual([400, { parameter: 'sort' }]);
    const method = await call(gateway, 'PATCH', '/api/v1/processes');
    expect([method.status, method.headers.get('allow')]).toEqual([405, 'GET, POST']);
    for (const path of [
      '/',
      '/api/v1',
      '/api/v1/nothing',
      '/api/v2/operations',
      '/%zz',
      '/api/v1/processes/a/b',
      '/api/v1/%2e%2e/x',
    ]) {
      const answer = await call(gateway, 'GET', path);
      expect([
        path,
        answer.status >= 400 && answer.status < 500,
        isJsonObject(pick(answer.body, 'errors.0.meta')),
      ]).toEqual([path, true, true]);
    }
    expect(backend.calls).toEqual([]);
  });
});

/** A message of the socket's, as the page would read it. */
function downOf(data: Buffer): WatchDown {
  const read = decodeToWebview({ is: 'watch', down: parseJson(data.toString('utf8')) });
  if (read?.is !== 'watch') throw new Error(`not a watch message: ${data.toString('utf8')}`);
  return read.down;
}

describe('the event socket', () => {
  async function open(
    gateway: Gateway,
    protocols: string[],
    headers: { [name: string]: string } = {},
  ): Promise<WebSocket> {
    const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/api/v1/events`, protocols, { headers });
    await once(socket, 'open');
    return socket;
  }
  const topic: WatchTopic = {
    of: 'runtime',
    connection: 'sim',
    query: { minIntervalMs: 100, of: { rows: 'nodes' } },
  };
  function subscribe(socket: WebSocket): WatchSubscriber<WatchTopic> {
    const subscriber = new WatchSubscriber<WatchTopic>({
      send: (up) => {
        socket.send(JSON.stringify(up));
        return true;
      },
    });
    socket.on('message', (data: Buffer) => {
      subscriber.receive(downOf(data));
    });
    return subscriber;
  }
  async function until(condition: () => boolean): Promise<void> {
    for (const end = Date.now() + 3_000; !condition();) {
      if (Date.now() > end) throw new Error('not in time');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  // @row T012.d4
  it('opens by key in the header, or in the subprotocol as a browser sends it, and never repeats the key', async () => {
    const { gateway } = await start();
    const header = await open(gateway, [], { authorization: `Bearer ${gateway.key}` });
    expect(header.protocol).toBe('');
    const browser = await open(gateway, [eventsProtocol, `${keyProtocolPrefix}${gateway.key}`]);
    expect(browser.protocol).toBe(eventsProtocol);
    header.terminate();
    browser.terminate();
    for (const protocols of [
      [eventsProtocol],
      [`${keyProtocolPrefix}x`],
      [`${keyProtocolPrefix}${gateway.key}`, `${keyProtocolPrefix}x`],
    ]) {
      await expect(open(gateway, protocols)).rejects.toThrow('401');
    }
  });

  it('sends a snapshot, then deltas, nothing while hidden, a snapshot when seen again', async () => {
    const { gateway, backend } = await start();
    const socket = await open(gateway, [], { authorization: `Bearer ${gateway.key}` });
    const received: unknown[] = [];
    socket.on('message', (data: Buffer) => received.push(parseJson(data.toString('utf8'))));
    const watch = subscribe(socket).subscribe(topic);
    await until(() => watch.view.state?.rows.size === 1);
    backend.nodes.put('b@h', { node: 'b@h', status: 'up' });
    await until(() => watch.view.state?.rows.size === 2);
    expect(received.map((each) => pick(each, 'frame.is'))).toEqual(['snapshot', 'delta']);
    watch.setVisible(false);
    await new Promise((resolve) => setTimeout(resolve, 50));
    backend.nodes.put('c@h', { node: 'c@h', status: 'up' });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(received).toHaveLength(2);
    watch.setVisible(true);
    await until(() => watch.view.state?.rows.size === 3);
    expect(pick(received.at(-1), 'frame.is')).toBe('snapshot');
    watch.dispose();
    await until(() => backend.releasedWatches.count === 1);
    socket.terminate();
  });

  it('holds one unacknowledged frame and merges what waits behind it', async () => {
    const { gateway, backend } = await start();
    const socket = await open(gateway, [], { authorization: `Bearer ${gateway.key}` });
    const frames: unknown[] = [];
    socket.on('message', (data: Buffer) => frames.push(pick(parseJson(data.toString('utf8')), 'frame')));
    socket.send(JSON.stringify({ is: 'open', subscription: 's1', topic }));
    await until(() => frames.length === 1);
    for (let at = 0; at < 500; at += 1) backend.nodes.put('a@h', { node: 'a@h', at });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(frames).toHaveLength(1);
    socket.send(
      JSON.stringify({ is: 'ack', subscription: 's1', epoch: pick(frames[0], 'epoch'), to: pick(frames[0], 'to') }),
    );
    await until(() => frames.length === 2);
    expect(frames[1]).toMatchObject({ is: 'delta', put: [['a@h', { node: 'a@h', at: 499 }]] });
    socket.send(JSON.stringify({ is: 'resync', subscription: 's1' }));
    await until(() => frames.length === 3);
    expect(pick(frames[2], 'is')).toBe('snapshot');
    socket.terminate();
    await until(() => backend.releasedWatches.count === 1);
  });

  it('ends a watch with its error', async () => {
    const { gateway, backend } = await start();
    const socket = await open(gateway, [], { authorization: `Bearer ${gateway.key}` });
    const subscriber = subscribe(socket);
    const refused = subscriber.subscribe({ of: 'events' });
    await until(() => refused.view.ended !== null);
    expect(refused.view.ended?.error?.code).toBe('test.unsupported');
    const watch = subscriber.subscribe(topic);
    await until(() => watch.view.state !== null);
    backend.nodes.close(arsenalError('unavailable', 'connection.lost', 'Lost.', 'Wait.'));
    await until(() => watch.view.ended !== null);
    expect(watch.view.ended?.error?.code).toBe('connection.lost');
    socket.terminate();
  });

  it.each([
    ['text that is no JSON', 'hello', 1008],
    ['JSON that is no message', '{"is":"open"}', 1008],
    ['a binary message', Buffer.from('{}'), 1008],
    ['more than 1 MiB', 'x'.repeat(1_100_000), 1009],
  ])('closes on %s', async (_what, message, code) => {
    const { gateway, backend } = await start();
    const socket = await open(gateway, [], { authorization: `Bearer ${gateway.key}` });
    socket.send(message);
    const closed: unknown[] = await once(socket, 'close');
    expect(closed[0]).toBe(code);
    expect(backend.touched).toEqual([]);
  });

  it('ends a socket whose other end is gone without a word, and gives back what it watched', async () => {
    const backend = testBackend();
    const made = await startGateway({ backend, defaultConnection: () => 'sim', pingMs: 50 });
    if (!made.ok) throw new Error(made.error.message);
    started.push(made.value);
    const url = `${made.value.url.replace('http', 'ws')}/api/v1/events`;
    const headers = { authorization: `Bearer ${made.value.key}` };
    const deaf = new WebSocket(url, { headers, autoPong: false });
    const alive = new WebSocket(url, { headers });
    await Promise.all([once(deaf, 'open'), once(alive, 'open')]);
    deaf.send(JSON.stringify({ is: 'open', subscription: 's1', topic }));
    await once(deaf, 'close');
    await until(() => backend.releasedWatches.count === 1);
    expect(alive.readyState).toBe(WebSocket.OPEN);
    alive.terminate();
  });

  it('refuses sockets elsewhere, other upgrades, and closes its own when it ends', async () => {
    const { gateway } = await start();
    const headers = [`Host: 127.0.0.1:${gateway.port}`, `Authorization: Bearer ${gateway.key}`, 'Connection: Upgrade'];
    const elsewhere = `GET /api/v1/other HTTP/1.1\r\n${[...headers, 'Upgrade: websocket'].join('\r\n')}\r\n\r\n`;
    expect(await raw(gateway.port, elsewhere)).toMatch(/ 404 /);
    const other = `GET /api/v1/events HTTP/1.1\r\n${[...headers, 'Upgrade: h2c'].join('\r\n')}\r\n\r\n`;
    expect(await raw(gateway.port, other)).toMatch(/ 400 /);
    const socket = await open(gateway, [], { authorization: `Bearer ${gateway.key}` });
    const closed = once(socket, 'close');
    await gateway.close(100);
    expect((await closed)[0]).toBe(1001);
  });
});
