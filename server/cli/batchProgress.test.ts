import http from 'node:http';
import { once } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { failure } from '../../runtime/errors.ts';
import type { Json } from '../../runtime/model.ts';
import { fakeShop, houseOn } from '../backend/testKit.ts';
import { valueOf } from '../core/testKit.ts';
import { startGateway } from '../gateway/gateway.ts';
import type { Gateway } from '../gateway/gateway.ts';
import { ran, testBackend, testCatalogue, testEntry } from '../gateway/testBackend.ts';
import { cli, surroundings } from './testCli.ts';
import { runCommandLine } from './program.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const items = JSON.stringify({ items: [{ operation: 'list_processes' }, { operation: 'get_process_info' }] });
const trace = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;

function batching() {
  const backend = testBackend();
  backend.answer = async (call, options) => {
    const rows = [
      { index: 1, id: '2', operation: 'get_process_info', status: 'failed', error: { message: 'Gone.' } },
      { index: 0, id: '1', operation: 'list_processes', status: 'done', durationMs: 1.25 },
    ];
    for (const row of rows) await options.onProgress?.({ is: 'rows', rows: [row] });
    await options.onProgress?.({ is: 'progress', message: '2 of 2', fraction: 1 });
    return ran({ outcome: 'partial', counts: { done: 1 }, items: rows.map((row) => ({ ...row, of: call.requestId })) });
  };
  return backend;
}

describe('arsenal run execute_batch', () => {
  it('says on stderr of each item that it has ended, as it does; to a program nothing but the whole', async () => {
    const shown = await cli(['run', 'execute_batch', '--params', items], batching());
    expect(shown.err.split('\n').slice(0, 2)).toEqual([
      '1 ended  failed  get_process_info (2): Gone.',
      '2 ended  done  list_processes (1)  1.3 ms',
    ]);
    expect(shown.code).toBe(1);
    const piped = await cli(['run', 'execute_batch', '--params', items, '--json'], batching());
    expect(piped.err).toBe('');
    expect(piped.json).toMatchObject({ data: { attributes: { result: { outcome: 'partial' } } } });
  });
});

describe('arsenal run execute_batch --url', () => {
  const args = ['run', 'execute_batch', '--params', items];
  const canceller = testEntry('cancel_operation', {
    params: { type: 'object', properties: { requestId: { type: 'string' } } },
    needs: [],
    route: { method: 'DELETE', path: '/executions/:requestId' },
  });

  /** A gateway before `backend`, which has `cancel_operation` unless it is an old one. */
  async function served(backend = batching(), age: 'new' | 'old' = 'new') {
    const catalogue = age === 'new' ? [...testCatalogue, canceller] : testCatalogue;
    Object.assign(backend, { catalogue: () => catalogue, registered: () => catalogue });
    const gateway = valueOf(await startGateway({ backend, defaultConnection: () => 'sim' }));
    gateways.push(gateway);
    return { ARSENAL_URL: gateway.url, ARSENAL_KEY: gateway.key };
  }
  const gateways: Gateway[] = [];
  afterEach(async () => {
    await Promise.all(gateways.splice(0).map((each) => each.close(50)));
  });

  it('says of each item that it has ended, as the one here does', async () => {
    const here = await cli(args, batching());
    const there = await cli(args, testBackend(), await served());
    expect(there.code).toBe(1);
    expect(there.err.split('\n').slice(0, 2)).toEqual(here.err.split('\n').slice(0, 2));
    expect(there.out).toContain('partial');
    const piped = await cli([...args, '--json'], testBackend(), await served());
    expect(piped.err).toBe('');
    expect(piped.json).toMatchObject({ data: { attributes: { result: { outcome: 'partial' } } } });
  });

  it('says why one was refused, and of one that failed on its way how', async () => {
    const backend = batching();
    const refusal = failure('validation', 'params.invalid', 'Too many.', 'Take less.', { pointer: '/items' });
    backend.answer = () => Promise.resolve(refusal);
    const refused = await cli(args, testBackend(), await served(backend));
    expect(refused).toMatchObject({ code: 1, out: '', err: expect.stringContaining('Too many. (at /items)') });
    backend.answer = async (_call, { onProgress }) => {
      await onProgress?.({ is: 'rows', rows: [{ id: '1', operation: 'list_processes', status: 'done' }] });
      return failure('system', 'batch.broken', 'It broke.', 'See the log.', { effect: 'partial' });
    };
    const failed = await cli(args, testBackend(), await served(backend));
    expect(failed.err).toMatch(/^1 ended {2}done.*\n.*It broke\.\n.*\n {2}A part of it has taken effect/);
    expect(failed.code).toBe(1);
  });

  /** One that goes on until it is cancelled: by `cancel_operation`, or by its signal. */
  function lasting() {
    const backend = testBackend();
    const cancelling = new AbortController();
    let isOn = () => {};
    const goesOn = new Promise<void>((resolve) => (isOn = resolve));
    let hungUp = () => {};
    const isHungUp = new Promise<void>((resolve) => (hungUp = resolve));
    backend.answer = async (call, { signal, onProgress }) => {
      await onProgress?.({ is: 'rows', rows: [{ id: '1', operation: 'list_processes', status: 'done' }] });
      signal.addEventListener('abort', hungUp);
      isOn();
      await Promise.race([once(cancelling.signal, 'abort'), isHungUp]);
      return ran({ outcome: 'partial', counts: { done: 1, not_run: 1 }, items: [], of: call.requestId });
    };
    const execute = backend.execute.bind(backend);
    const cancelled: Json[] = [];
    backend.execute = (call, options) => {
      if (call.operation !== 'cancel_operation') return execute(call, options);
      cancelled.push(call.params);
      cancelling.abort();
      return Promise.resolve(ran({}));
    };
    return { backend, goesOn, isHungUp, cancelled };
  }

  it('is cancelled there by Ctrl-C, and says what it had done by then', async () => {
    const { backend, goesOn, cancelled } = lasting();
    const around = surroundings(testBackend(), await served(backend));
    const running = runCommandLine(around.io, [...args, '--request-id', 'r/1']);
    await goesOn;
    around.stop.abort();
    expect(await running).toBe(1);
    expect(cancelled).toEqual([{ requestId: 'r/1' }]);
    expect(around.out()).toContain('not_run');
  });

  it('is cancelled there also where an item hangs: what is done stays, and what was not begun is not', async () => {
    const runtime = fakeShop();
    const house = await houseOn(runtime);
    const gateway = valueOf(await startGateway({ backend: house.backend, defaultConnection: () => 'sim' }));
    gateways.push(gateway);
    runtime.fault('processes.info', { is: 'hang' });
    const find = { operation: 'search_operations', params: { query: 'kill' } };
    const look = { operation: 'get_process_info', params: { pid: 'only_here' } };
    const around = surroundings(testBackend(), { ARSENAL_URL: gateway.url, ARSENAL_KEY: gateway.key });
    const params = JSON.stringify({ items: [find, look, find], concurrency: 1 });
    const running = runCommandLine(around.io, ['run', 'execute_batch', '--params', params]);
    await vi.waitFor(() => expect(runtime.calls('processes.info')).toBeGreaterThan(0), { timeout: 60_000 });
    around.stop.abort();
    expect(await running).toBe(1);
    expect(around.err()).toMatch(/^1 ended {2}done {2}search_operations \(1\)/);
    expect(around.out()).toMatch(/stopped +cancelled\nmessage +1 of 3 are done, 1 failed, 1 were not run\./);
    await house.close();
  });

  it('is cancelled by hanging up on a gateway that cannot be told', async () => {
    const { backend, goesOn, isHungUp } = lasting();
    const around = surroundings(testBackend(), await served(backend, 'old'));
    const running = runCommandLine(around.io, args);
    await goesOn;
    around.stop.abort();
    expect(await running).toBe(1);
    await isHungUp;
    expect(around.err()).toContain('call.cancelled');
  });

  it.each(['end', 'destroy'] as const)('says that a gateway has ended before it had answered (%s)', async (how) => {
    const server = http.createServer(({ url }, response) => {
      if (url?.endsWith('/describe') === true) response.end('{"data":{"attributes":{"params":{}}}}');
      else {
        response.writeHead(200, { 'content-type': 'application/x-ndjson' });
        response.write('{"item":{"id":"1","status":"done"}}\n', () => response[how]());
      }
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
    const run = await cli(args, testBackend(), { ARSENAL_URL: url, ARSENAL_KEY: 'k' });
    server.close();
    expect(run.code).toBe(1);
    expect(run.err).toMatch(/^1 ended {2}done[^]*connect\.gateway_lost/);
  });
});

describe('TRACEPARENT', () => {
  it('makes the call a part of the trace of whoever calls', async () => {
    const backend = testBackend();
    const around = surroundings(backend, { TRACEPARENT: trace });
    await runCommandLine(around.io, ['run', 'list_processes']);
    expect(backend.calls[0]?.options.traceparent).toBe(trace);
  });

  it('goes on to a gateway as a header, unless it is none', async () => {
    const seen: (string | string[] | undefined)[] = [];
    const server = http.createServer((request, response) => {
      seen.push(request.headers['traceparent']);
      response.writeHead(404).end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
    for (const given of [trace, 'a\nb: c']) {
      const around = surroundings(testBackend(), { TRACEPARENT: given, ARSENAL_KEY: 'k' });
      await runCommandLine(around.io, ['run', 'list_processes', '--url', url]);
    }
    server.close();
    expect(seen).toEqual([trace, undefined]);
  });
});
