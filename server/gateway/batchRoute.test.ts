import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { FakeRuntime } from '../../runtime/fake/fakeRuntime.ts';
import { houseOn, fakeShop } from '../backend/testKit.ts';
import type { House } from '../backend/testKit.ts';
import { valueOf } from '../core/testKit.ts';
import { writableAgain } from './batchRoute.ts';
import { linesType } from './jsonApi.ts';
import { startGateway } from './gateway.ts';
import type { Gateway } from './gateway.ts';
import { parseJson } from './json.ts';
import { pick, pickList } from './testJson.ts';

vi.setConfig({ testTimeout: 60_000 });

type Served = { readonly gateway: Gateway; readonly house: House; readonly runtime: FakeRuntime };
const served: Served[] = [];
afterEach(async () => {
  for (const { gateway, house } of served.splice(0)) {
    await gateway.close(50);
    await house.close();
  }
});

async function serve(): Promise<Served> {
  const runtime = fakeShop();
  const house = await houseOn(runtime);
  const gateway = valueOf(await startGateway({ backend: house.backend, defaultConnection: () => 'sim' }));
  const made = { gateway, house, runtime };
  served.push(made);
  return made;
}

function send(
  { gateway }: Served,
  method: string,
  path: string,
  attributes?: object,
  headers: object = {},
): Promise<Response> {
  return fetch(`${gateway.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${gateway.key}`,
      ...(attributes !== undefined && { 'content-type': 'application/vnd.api+json' }),
      ...headers,
    },
    ...(attributes !== undefined && { body: JSON.stringify({ data: { type: 'batch', attributes } }) }),
  });
}

const look = { operation: 'list_processes', params: { limit: 1 }, id: 'look' };
const kill = { operation: 'kill_process', params: { pid: 'nobody_here' }, id: 'kill' };

// @row T012.d3
describe('POST /api/v1/batch', () => {
  it('answers what became of each item, as an execution', async () => {
    const at = await serve();
    const response = await send(at, 'POST', '/api/v1/batch', { items: [look, kill] }, { 'idempotency-key': 'b1' });
    expect(response.status).toBe(200);
    const body = parseJson(await response.text());
    expect(pick(body, 'data')).toMatchObject({
      type: 'execution',
      id: 'b1',
      attributes: {
        operation: 'execute_batch',
        mode: 'run',
        result: {
          mode: 'independent',
          outcome: 'partial',
          counts: { done: 1, failed: 1 },
          items: [
            { id: 'look', requestId: 'b1:0', status: 'done', result: { items: [{}] } },
            { id: 'kill', status: 'failed', error: { code: 'process.not_found' } },
          ],
        },
      },
    });
    // Sent again, it is the same.
    const again = await send(at, 'POST', '/api/v1/batch', { items: [look, kill] }, { 'idempotency-key': 'b1' });
    expect(parseJson(await again.text())).toEqual(body);
    expect(at.runtime.calls('processes.scan')).toBeLessThanOrEqual(2);
    const item = await send(at, 'GET', '/api/v1/executions/b1:0');
    expect(pick(parseJson(await item.text()), 'data.attributes')).toMatchObject({
      state: 'done',
      operation: 'list_processes',
    });
  });

  it('tells whoever takes lines of each item as it ends, and then of all', async () => {
    const at = await serve();
    const response = await send(
      at,
      'POST',
      '/api/v1/batch',
      { items: [look, kill], concurrency: 1 },
      { accept: linesType },
    );
    expect(response.headers.get('content-type')).toBe(linesType);
    expect(response.headers.get('x-correlation-id')).not.toBe(null);
    const lines = (await response.text())
      .trim()
      .split('\n')
      .map((line) => parseJson(line));
    expect(lines).toMatchObject([
      { item: { id: 'look', status: 'done' } },
      { item: { id: 'kill', status: 'failed' } },
      { data: { type: 'execution', attributes: { result: { counts: { done: 1, failed: 1 } } } } },
    ]);
  });

  it('refuses what is no batch, with the place', async () => {
    const at = await serve();
    for (const accept of ['application/vnd.api+json', linesType]) {
      const bad = await send(at, 'POST', '/api/v1/batch', { items: [look, { operation: 7 }] }, { accept });
      expect(bad.status).toBe(400);
      expect(pick(parseJson(await bad.text()), 'errors.0.source.pointer')).toBe('/data/attributes/items/1/operation');
    }
    const atomic = await send(at, 'POST', '/api/v1/batch', { items: [look, kill], mode: 'atomic' });
    expect(atomic.status).toBe(404);
    expect(pickList(parseJson(await atomic.text()), 'errors')).toMatchObject([
      { code: 'batch.refused', source: { pointer: '/data/attributes/items/1' }, meta: { effect: 'none' } },
    ]);
    const wrong = await fetch(`${at.gateway.url}/api/v1/batch`, {
      method: 'POST',
      headers: { authorization: `Bearer ${at.gateway.key}`, 'content-type': 'application/json' },
      body: '{"data":{"type":"execution"}}',
    });
    expect(pick(parseJson(await wrong.text()), 'errors.0.source.pointer')).toBe('/data/type');
    expect((await send(at, 'POST', '/api/v1/batch', { items: [look], timeoutMs: -1 })).status).toBe(400);
    expect((await send(at, 'POST', '/api/v1/batch', { items: [look], connection: 7 })).status).toBe(400);
  });
});

describe('what is known of calls over REST', () => {
  it('is listed, counted, and cancelled', async () => {
    const at = await serve();
    await send(at, 'POST', '/api/v1/batch', { items: [look] });
    const history = parseJson(
      await (await send(at, 'GET', '/api/v1/analytics/history?operation=list_processes')).text(),
    );
    expect(pick(history, 'data.0.attributes')).toMatchObject({
      operation: 'list_processes',
      via: 'rest',
      outcome: 'ok',
    });
    const stats = parseJson(
      await (await send(at, 'GET', '/api/v1/analytics/operations/list_processes?since=1h')).text(),
    );
    expect(pick(stats, 'data.attributes.total')).toMatchObject({ calls: 1, failures: 0 });
    expect((await send(at, 'DELETE', '/api/v1/executions/nothing')).status).toBe(404);
  });

  // @row NF-16
  it('stands at /metrics as Prometheus reads it, for who has the key', async () => {
    const at = await serve();
    await send(at, 'POST', '/api/v1/batch', { items: [look, look, kill].map((item, n) => ({ ...item, id: `${n}` })) });
    const response = await send(at, 'GET', '/metrics');
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    const lines = (await response.text()).split('\n');
    expect(lines).toContain('arsenal_operation_calls_total{operation="list_processes"} 2');
    expect(lines).toContain('arsenal_operation_failures_total{operation="kill_process",code="process.not_found"} 1');
    expect(lines).toContain('arsenal_operation_duration_seconds_count{operation="list_processes"} 2');
    expect(lines).toContain('arsenal_operation_duration_seconds_bucket{operation="list_processes",le="+Inf"} 2');
    expect((await fetch(`${at.gateway.url}/metrics`)).status).toBe(401);
  });
});

describe('a slow reader', () => {
  it('is waited for once, however many wait, and no longer than it is there', async () => {
    const stream = new PassThrough({ highWaterMark: 1 });
    const writable = writableAgain(stream);
    const before = ['drain', 'close'].map((name) => stream.listenerCount(name));
    for (const ending of ['drain', 'close'] as const) {
      const waiting = Array.from({ length: 100 }, () => writable());
      expect(stream.listenerCount('drain') - (before[0] ?? 0)).toBe(1);
      stream.emit(ending);
      await Promise.all(waiting);
      expect(['drain', 'close'].map((name) => stream.listenerCount(name))).toEqual(before);
    }
  });
});
