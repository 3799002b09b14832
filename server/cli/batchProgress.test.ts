import http from 'node:http';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { ran, testBackend } from '../gateway/testBackend.ts';
import { cli, surroundings } from './testCli.ts';
import { runCommandLine } from './program.ts';

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
