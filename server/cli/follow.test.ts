/** `arsenal run` of what goes on beside its call: here and through a gateway, to its end and stopped, for people and for programs. */
import fs from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { liveRuntime } from '../../runtime/embedded/liveRuntime.ts';
import type { Json } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { LocalBackend } from '../backend/localBackend.ts';
import { createBackend } from '../backend/localBackend.ts';
import { at, listAt, temporaryHome } from '../backend/testKit.ts';
import { isJson } from '../core/plainData.ts';
import { textLike, textWith, valueOf } from '../core/testKit.ts';
import type { Gateway } from '../gateway/gateway.ts';
import { startGateway } from '../gateway/gateway.ts';
import { runCommandLine } from './program.ts';

const node = 'demo1@sim';
const home = temporaryHome();
let backend: LocalBackend;
let gateway: Gateway;
beforeAll(async () => {
  const runtime = liveRuntime({ id: 'sim', nodes: [node], seed: 1, sandboxChildFile: '' });
  const openRuntime = () => Promise.resolve(ok(runtime));
  backend = valueOf(await createBackend({ home, simulatedWorkerFile: '', sandboxChildFile: '', openRuntime }));
  const caller = { principal: 'ada', via: 'cli', role: 'admin' } as const;
  valueOf(await backend.connect({ kind: 'simulated' }, { caller, signal: new AbortController().signal }));
  gateway = valueOf(await startGateway({ backend, defaultConnection: () => backend.connections()[0]?.id ?? null }));
});
afterAll(async () => {
  await gateway.close(50);
  await backend.close();
  fs.rmSync(home, { recursive: true, force: true });
});

/** Runs a command line; `stopAt` lines the user ends it. Nothing that it closes is closed. */
async function cli(words: readonly string[], stopAt = Infinity) {
  const stop = new AbortController();
  let out = '';
  let err = '';
  const code = await runCommandLine(
    {
      stdout: {
        write: (text) => {
          out += text;
          if (out.split('\n').length > stopAt) stop.abort();
        },
      },
      stderr: { write: (text) => (err += text) },
      env: { ARSENAL_KEY: gateway.key },
      distDir: '',
      stop: stop.signal,
      version: '0',
      createBackend: () => Promise.resolve(ok({ ...open(), close: () => Promise.resolve() })),
    },
    words,
  );
  return { code, out, err };
}

/** The backend, whose methods are not its own properties; connected once, since all share the cluster. */
function open() {
  return {
    connect: () => {
      const [there] = backend.connections();
      if (there === undefined) throw new Error('It is not connected.');
      return Promise.resolve(ok(there));
    },
    disconnect: backend.disconnect.bind(backend),
    retry: backend.retry.bind(backend),
    setAccess: backend.setAccess.bind(backend),
    connections: backend.connections.bind(backend),
    catalogue: backend.catalogue.bind(backend),
    registered: backend.registered.bind(backend),
    discover: backend.discover.bind(backend),
    availability: backend.availability.bind(backend),
    execute: backend.execute.bind(backend),
    outcome: backend.outcome.bind(backend),
    openWatch: backend.openWatch.bind(backend),
    metricsText: backend.metricsText.bind(backend),
    onEvent: backend.onEvent.bind(backend),
  };
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : '';
}

function jsonOf(text: string): Json {
  const read: unknown = JSON.parse(text);
  return isJson(read) ? at(read, 'data', 'attributes') : null;
}

const monitor = ['run', 'monitor_process', 'pid=Shop.Catalog', `node=${node}`, 'everyMs=100'];
const running = async () => {
  const { out } = await cli(['run', 'list_traces', '--json', '--url', gateway.url]);
  return listAt(jsonOf(out), 'result', 'items').filter((row) => at(row, 'running') === true);
};
const reading = /^\d\d:\d\d:\d\d\.\d{3} {2}<0\.\d+\.0> demo1@sim {2}.*status=waiting/m;

describe('over REST, what goes on', () => {
  const rest = async (method: 'GET' | 'POST' | 'DELETE', path: string) => {
    const headers = { authorization: `Bearer ${gateway.key}`, accept: 'application/vnd.api+json' };
    const response = await fetch(`${gateway.url}/api/v1${path}`, { method, headers });
    const body: unknown = await response.json();
    return isJson(body) ? body : null;
  };

  it('answers its id, by which it is read and ended', async () => {
    const begun = await rest('POST', `/processes/Shop.Catalog/monitor?node=${node}&forMs=600000&everyMs=100`);
    const id = textOf(at(begun, 'data', 'id'));
    expect(id).toBe(at(begun, 'data', 'attributes', 'trace'));
    const read = await rest('GET', `/traces/${id}?enough=1&waitMs=60000`);
    expect(listAt(read, 'data').map((row) => at(row, 'attributes', 'node'))).toContain(node);
    expect(at(read, 'meta')).toMatchObject({ trace: id, kind: 'monitor', running: true, outcome: null });
    const ended = await rest('DELETE', `/traces/${id}`);
    expect(ended).toMatchObject({ data: { id, attributes: { outcome: { result: { endedBy: 'stopped' } } } } });
    const after = await rest('GET', `/traces/${id}`);
    expect(at(after, 'meta')).toMatchObject({ running: false, outcome: { is: 'monitor' } });
  });
});

describe('arsenal run of what goes on', () => {
  it('writes its readings as they come, and its result at the end', async () => {
    const done = await cli([...monitor, 'forMs=2000']);
    expect(done).toMatchObject({ code: 0, out: textLike(reading) });
    expect(done.out).toMatch(/^endedBy +time$/m);
  });

  it('is ended by the user, shows what there was until then, and leaves nothing running', async () => {
    for (const through of [[], ['--url', gateway.url]]) {
      const done = await cli([...monitor, 'forMs=600000', ...through], 2);
      expect(done).toMatchObject({ code: 0, out: textLike(reading), err: textWith('Stopped') });
      expect(done.out).toMatch(/^endedBy +stopped$/m);
      expect(await running()).toEqual([]);
    }
  });

  it('answers a program with the result only, with its events where it is a trace', async () => {
    const done = await cli([...monitor, 'forMs=2000', '--json', '--url', gateway.url]);
    expect(jsonOf(done.out)).toMatchObject({ operation: 'monitor_process', result: { endedBy: 'time', ended: null } });
    const trace = ['run', 'trace_messages', 'timeMs=1000', 'costly=true'];
    const traced = await cli([...trace, '--json']);
    expect(jsonOf(traced.out)).toMatchObject({
      operation: 'trace_messages',
      result: { ended: [{ node, why: 'timeMs' }] },
    });
    const seqs = listAt(jsonOf(traced.out), 'result', 'items').map((row) => at(row, 'seq'));
    expect(seqs.length).toBeGreaterThan(0);
    expect(seqs).toEqual(seqs.map((_, index) => index + 1));
    const shown = await cli([...trace, '--url', gateway.url]);
    expect(shown.out).toMatch(/^\d\d:\d\d:\d\d\.\d{3} {2}<0\.\d+\.0> demo1@sim {2}[→←]/m);
    expect(shown.out).toContain('timeMs');
    expect(shown.out).not.toContain('errorMs');
  });

  it('answers the id alone where it is not to be followed, and the error it ends with', async () => {
    const begun = await cli([...monitor, 'forMs=600000', '--no-follow', '--json']);
    const trace = at(jsonOf(begun.out), 'result', 'trace');
    expect(trace).toMatch(/^monitor~/);
    expect(await running()).toMatchObject([{ trace, operation: 'monitor_process' }]);
    expect((await cli(['run', 'stop_trace', `trace=${textOf(trace)}`, '--url', gateway.url])).code).toBe(0);
    const missing = ['run', 'profile_process', 'pid=Shop.Catalog', `node=${node}`, 'how=calls', 'modules=nothere'];
    const failed = await cli([...missing, '--url', gateway.url]);
    expect(failed).toMatchObject({ code: 1, err: textWith('trace.module_not_loaded') });
  });
});
