import { fork } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { MessageChannel, Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callOptions, longestMs } from '../callOptions.ts';
import { createFakeRuntime } from '../fake/fakeRuntime.ts';
import type { RowPage } from '../model.ts';
import { ok } from '../model.ts';
import type { Capability, ConnectionState, MethodTable, PortReply, Runtime } from '../port.ts';
import { methodNames } from '../port.ts';
import { buildCapabilities, buildPort, restrictPort } from '../portFacade.ts';
import { connectPort } from './connectPort.ts';
import type { Endpoint } from './endpoint.ts';
import { ipcEndpoint, messagePortEndpoint, workerEndpoint } from './endpoint.ts';
import { readReply, readRequest } from './messages.ts';
import { servePort } from './servePort.ts';

const can: Capability = { can: true };
const otherwise = { why: 'not here', remedy: 'Elsewhere.' };
const never = () => new Promise<never>(() => undefined);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const pid = { node: 'a@x', creation: 1, id: 7, serial: 0 };
const killing = { pid, reason: { term: { t: 'atom', v: 'kill' } }, confirmMs: 10 } as const;
const scanning = { nodes: 'all', keys: [], pageRows: 10 } as const;
const watching = { minIntervalMs: 0, of: { rows: 'nodes' } } as const;

function served(table: MethodTable): Runtime & { become(state: ConnectionState): void; readonly closed: number } {
  const listeners: (() => void)[] = [];
  let state: ConnectionState = { is: 'ready', epoch: 'x' };
  let closed = 0;
  return {
    id: 'served',
    kind: 'simulated',
    port: buildPort(table, () => can),
    capabilities: buildCapabilities(1, table, { otherwise }),
    get state() {
      return state;
    },
    get closed() {
      return closed;
    },
    become(next) {
      state = next;
      for (const listener of listeners) listener();
    },
    onChange(listener) {
      listeners.push(listener);
      return { dispose: () => listeners.splice(listeners.indexOf(listener), 1) };
    },
    close() {
      closed += 1;
      return Promise.resolve();
    },
  };
}

function channel() {
  const { port1, port2 } = new MessageChannel();
  return { serving: messagePortEndpoint(port1), calling: messagePortEndpoint(port2) };
}

function far(table: MethodTable, options: { window?: number; closeMs?: number } = {}) {
  const runtime = served(table);
  const { serving, calling } = channel();
  const server = servePort(runtime, serving);
  return { runtime, server, serving, proxy: connectPort(calling, { id: 'far', kind: 'simulated', ...options }) };
}

async function until(check: () => boolean): Promise<void> {
  for (let step = 0; step < 400 && !check(); step += 1) await pause(5);
  expect(check()).toBe(true);
}

function page(rows: number): RowPage {
  const takenAt = { node: 'a@x', creation: 1, monotonicUs: 0, estimatedAt: 0, errorUs: 0 };
  return {
    of: { node: 'a@x', creation: 1 },
    ids: new Uint32Array(rows),
    serials: new Uint32Array(rows),
    columns: {
      memory: { as: 'number', values: new Float64Array(rows) },
      status: { as: 'dictionary', index: new Uint32Array(rows), values: ['waiting'] },
      links: { as: 'json', values: [] },
    },
    takenAt,
  };
}

describe('the port behind a channel', () => {
  it('starts as connecting, then mirrors state and capabilities and tells of their changes', async () => {
    const { proxy, runtime } = far({ 'cluster.nodes': () => Promise.resolve(ok({ nodes: [] })) });
    expect(proxy.state).toEqual({ is: 'connecting' });
    expect(Object.values(proxy.capabilities.runtime).every((capability) => !capability.can)).toBe(true);
    const states: string[] = [];
    const listening = proxy.onChange(() => states.push(proxy.state.is));
    await until(() => proxy.state.is === 'ready');
    expect(proxy.capabilities).toEqual(runtime.capabilities);
    runtime.become({ is: 'degraded', epoch: 'x', missing: [pid] });
    await until(() => states.length === 2);
    expect(proxy.state).toEqual({ is: 'degraded', epoch: 'x', missing: [pid] });
    listening.dispose();
    await proxy.close();
    expect(states).toEqual(['ready', 'degraded']);
  });

  it('carries the time left, not a moment, and the correlation id', async () => {
    const seen: number[] = [];
    const ids: string[] = [];
    const { proxy } = far({
      'cluster.nodes': (_params, options) => {
        seen.push(options.remainingMs);
        ids.push(options.correlationId);
        return Promise.resolve(ok({ nodes: [] }));
      },
    });
    const options = callOptions(5_000, undefined, 'c-1');
    await pause(30);
    await proxy.port.cluster.nodes({}, options);
    expect(seen[0]).toBeLessThan(4_975);
    expect(seen[0]).toBeGreaterThan(4_000);
    expect(ids).toEqual(['c-1']);
    await proxy.close();
  });

  it('cancels at the other end when the caller cancels or runs out of time, and takes the last word of a write', async () => {
    const signals: AbortSignal[] = [];
    const { proxy } = far({
      'cluster.nodes': (_params, { signal }) => (signals.push(signal), never()),
      'processes.exit': (_params, { signal }) =>
        new Promise((resolve) => {
          signals.push(signal);
          signal.addEventListener('abort', () => {
            resolve(ok({ outcome: 'survived' }));
          });
        }),
    });
    expect(await proxy.port.cluster.nodes({}, callOptions(30))).toMatchObject({ error: { class: 'timeout' } });
    const abort = new AbortController();
    const cut = proxy.port.processes.exit(killing, callOptions(5_000, abort.signal));
    await until(() => signals.length === 2);
    abort.abort();
    expect(await cut).toEqual(ok({ outcome: 'survived' }));
    await until(() => signals.every(({ aborted }) => aborted));
    await proxy.close();
  });

  it.each([
    ['processes.scan', undefined, 2],
    ['processes.scan', 5, 5],
    ['watch.open', 5, 1],
  ] as const)('pulls %s with a window of %s: never more than %i frames ahead', async (method, window, most) => {
    let made = 0;
    async function* endless() {
      for (;;) {
        made += 1;
        await Promise.resolve();
        yield { is: 'frame', frame: method === 'processes.scan' ? page(1) : {} } as never;
      }
    }
    const { proxy } = far({ 'processes.scan': endless, 'watch.open': endless }, window === undefined ? {} : { window });
    const items =
      method === 'processes.scan'
        ? proxy.port.processes.scan(scanning, callOptions(5_000))
        : proxy.port.watch.open(watching, callOptions(5_000));
    let taken = 0;
    for await (const item of items) {
      expect(item.is).toBe('frame');
      taken += 1;
      await pause(5);
      expect(made - taken).toBeLessThanOrEqual(most);
      if (taken === 20) break;
    }
    const after = made;
    await pause(30);
    expect(made).toBeLessThanOrEqual(after + 1);
    await proxy.close();
  });

  it('makes nothing for a stream that nobody pulls, and gives back one that is left', async () => {
    let running = 0;
    const { proxy } = far({
      'watch.open': async function* (_params, { signal }) {
        running += 1;
        try {
          yield {
            is: 'frame',
            frame: { is: 'snapshot', epoch: 'e', to: 1, rows: [], total: 0, fidelity: { is: 'exact' } },
          };
          await new Promise((resolve) => {
            signal.addEventListener('abort', resolve);
          });
        } finally {
          running -= 1;
        }
      },
    });
    proxy.port.watch.open(watching, callOptions(5_000));
    await pause(20);
    expect(running).toBe(0);
    for await (const item of proxy.port.watch.open(watching, callOptions(longestMs))) {
      expect(item.is).toBe('frame');
      expect(running).toBe(1);
      break;
    }
    await until(() => running === 0);
    await proxy.close();
  });

  it('moves the buffers of row pages, copies those that cannot be moved, and says so when one was moved already', async () => {
    const own = page(3);
    const pool = Buffer.from([1, 0, 0, 0, 2, 0, 0, 0]);
    const pooled = { ...page(2), ids: new Uint32Array(pool.buffer, pool.byteOffset - (pool.byteOffset % 4), 2) };
    const answers = [[pooled], [], [own]];
    const { proxy } = far({
      'processes.scan': async function* () {
        await Promise.resolve();
        yield { is: 'frame', frame: own };
        yield { is: 'end', result: ok({ nodes: [], total: 3, scanned: 3 }) };
      },
      'processes.info': () => Promise.resolve(ok({ pages: answers.shift() ?? [], gone: [] })),
    });
    const stream = proxy.port.processes.scan(scanning, callOptions(5_000))[Symbol.asyncIterator]();
    expect((await stream.next()).value).toMatchObject({ is: 'frame', frame: { ids: new Uint32Array(3) } });
    expect(own.ids.length).toBe(0);
    expect((await stream.next()).value).toMatchObject({ is: 'end', result: { ok: true } });
    const info = () => proxy.port.processes.info({ pids: [], keys: [] }, callOptions(5_000));
    expect(await info()).toMatchObject({ ok: true, value: { pages: [{ ids: pooled.ids }] } });
    expect(pooled.ids.length).toBe(2);
    expect(await info()).toMatchObject({ ok: true });
    expect(await info()).toMatchObject({ ok: false, error: { class: 'system' } });
    await proxy.close();
  });

  it('says that parameters cannot be sent, and that an answer could not, without breaking the channel', async () => {
    const { proxy } = far({
      'cluster.nodes': () => Promise.resolve(ok({ nodes: [() => 1] as never })),
      'processes.exit': () => Promise.resolve(ok({ outcome: (() => 1) as never })),
      'watch.open': async function* () {
        await Promise.resolve();
        yield { is: 'frame', frame: (() => 1) as never };
      },
      'cluster.links': () => Promise.resolve(ok({ nodes: [], links: [] })),
    });
    const odd = { call: () => 1 } as never;
    expect(await proxy.port.cluster.nodes(odd, callOptions(1_000))).toMatchObject({
      error: { class: 'validation', code: 'port.params_not_plain', effect: 'none' },
    });
    for await (const item of proxy.port.watch.open(odd, callOptions(1_000))) {
      expect(item).toMatchObject({ is: 'end', result: { error: { class: 'validation' } } });
    }
    expect(await proxy.port.cluster.nodes({}, callOptions(1_000))).toMatchObject({
      error: { class: 'system', effect: 'none' },
    });
    expect(await proxy.port.processes.exit(killing, callOptions(1_000))).toMatchObject({
      error: { class: 'system', effect: 'unknown' },
    });
    for await (const item of proxy.port.watch.open(watching, callOptions(1_000))) {
      expect(item).toMatchObject({ is: 'end', result: { error: { class: 'system' } } });
    }
    expect(await proxy.port.cluster.links({}, callOptions(1_000))).toEqual(ok({ nodes: [], links: [] }));
    await proxy.close();
  });

  it('opens to the peer only what it is given, and does not end the runtime with it', async () => {
    const runtime = served({
      'cluster.nodes': () => Promise.resolve(ok({ nodes: [] })),
      'processes.exit': () => Promise.resolve(ok({ outcome: 'survived' })),
    });
    const { serving, calling } = channel();
    const port = restrictPort(runtime.port, ['cluster.nodes']);
    const { capabilities, state } = runtime;
    servePort(
      { port, capabilities, state, onChange: runtime.onChange.bind(runtime), close: runtime.close.bind(runtime) },
      serving,
      {
        whenClosed: 'keep_runtime',
      },
    );
    const proxy = connectPort(calling, { id: 'part', kind: 'simulated' });
    expect(await proxy.port.cluster.nodes({}, callOptions(1_000))).toEqual(ok({ nodes: [] }));
    expect(await proxy.port.processes.exit(killing, callOptions(1_000))).toMatchObject({
      error: { class: 'unsupported', code: 'port.no_such_method', effect: 'none' },
    });
    await proxy.close();
    expect(runtime.closed).toBe(0);
  });
});

describe('when the other side goes', () => {
  const hanging: MethodTable = {
    'cluster.nodes': never,
    'processes.exit': never,
    'watch.open': async function* () {
      await never();
    },
  };

  it('answers every call under way: unknown for writes, none for reads; and every later one at once', async () => {
    const { proxy, serving } = far(hanging);
    await until(() => proxy.state.is === 'ready');
    const [read, write] = [
      proxy.port.cluster.nodes({}, callOptions(60_000)),
      proxy.port.processes.exit(killing, callOptions(60_000)),
    ];
    const stream = proxy.port.watch.open(watching, callOptions(longestMs))[Symbol.asyncIterator]();
    const pulled = stream.next();
    await pause(10);
    serving.close();
    expect(await read).toMatchObject({ error: { class: 'unavailable', effect: 'none' } });
    expect(await write).toMatchObject({ error: { class: 'unavailable', effect: 'unknown' } });
    expect((await pulled).value).toMatchObject({ is: 'end', result: { error: { class: 'unavailable' } } });
    expect(proxy.state).toMatchObject({ is: 'lost', retryAt: null, error: { class: 'unavailable' } });
    expect(await proxy.port.processes.exit(killing, callOptions(1_000))).toMatchObject({
      error: { class: 'unavailable', effect: 'none' },
    });
    await proxy.close();
    expect(proxy.state).toEqual({ is: 'closed' });
  });

  it('closes for good within its limit even when the peer is deaf, and answers what was under way', async () => {
    const { port1, port2 } = new MessageChannel();
    port1.on('message', () => undefined);
    const proxy = connectPort(messagePortEndpoint(port2), { id: 'deaf', kind: 'simulated', closeMs: 20 });
    const write = proxy.port.processes.exit(killing, callOptions(60_000));
    await proxy.close();
    expect(await write).toMatchObject({ error: { class: 'unavailable', effect: 'unknown' } });
    expect(proxy.state).toEqual({ is: 'closed' });
  });

  it('closes the runtime that is served when its caller goes', async () => {
    const { runtime, proxy } = far({});
    await until(() => proxy.state.is === 'ready');
    await proxy.close();
    expect(runtime.closed).toBe(1);
    const gone = served({});
    const { serving, calling } = channel();
    servePort(gone, serving);
    calling.close();
    await until(() => gone.closed === 1);
  });
});

describe('a worker and a child process', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'arsenal-proxy-'));
    const serving = `
      import { createFakeRuntime } from './runtime/fake/fakeRuntime.ts';
      import { ipcEndpoint, messagePortEndpoint } from './runtime/proxy/endpoint.ts';
      import { servePort } from './runtime/proxy/servePort.ts';
      import { parentPort } from 'node:worker_threads';
      const nodes = [{ name: 'a@fake', processes: [{ name: 'one', memory: 7 }, { name: 'two' }] }];
      const runtime = createFakeRuntime({ nodes });
      servePort(runtime, parentPort === null ? ipcEndpoint(process) : messagePortEndpoint(parentPort));
      runtime.fault('cluster.links', { is: 'hang' });
      if (parentPort !== null) parentPort.on('message', ({ crash }) => { if (crash) setImmediate(() => { throw new Error('crashed'); }); });
    `;
    await writeFile(path.join(folder, 'entry.ts'), serving);
    await build({
      stdin: { contents: serving, resolveDir: path.join(import.meta.dirname, '../..'), loader: 'ts' },
      outfile: path.join(folder, 'serve.cjs'),
      bundle: true,
      platform: 'node',
      format: 'cjs',
    });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('that crashes is lost, with an answer to every call', async () => {
    const worker = new Worker(path.join(folder, 'serve.cjs'));
    const proxy = connectPort(workerEndpoint(worker), { id: 'w', kind: 'simulated' });
    expect(await proxy.port.cluster.nodes({}, callOptions(5_000))).toMatchObject({ ok: true });
    const hung = proxy.port.cluster.links({}, callOptions(60_000));
    worker.postMessage({ crash: true });
    expect(await hung).toMatchObject({ error: { class: 'unavailable', effect: 'none' } });
    expect(proxy.state).toMatchObject({ is: 'lost', error: { message: expect.stringContaining('crashed') as string } });
    await proxy.close();
  });

  it('that is closed ends its worker', async () => {
    const worker = new Worker(path.join(folder, 'serve.cjs'));
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    const proxy = connectPort(workerEndpoint(worker), { id: 'w', kind: 'simulated' });
    await proxy.close();
    await ended;
  });

  it('in a process of its own answers with typed arrays, and is lost when it is killed', async () => {
    const child = fork(path.join(folder, 'serve.cjs'), [], { serialization: 'advanced', env: {} });
    const proxy = connectPort(ipcEndpoint(child), { id: 'c', kind: 'simulated' });
    const query = { nodes: 'all', keys: ['memory'], pageRows: 10 } as const;
    const stream = proxy.port.processes.scan(query, callOptions(20_000))[Symbol.asyncIterator]();
    expect((await stream.next()).value).toMatchObject({
      frame: { columns: { memory: { as: 'number', values: new Float64Array([7, 0]) } } },
    });
    await stream.return?.();
    const hung = proxy.port.cluster.links({}, callOptions(60_000));
    child.kill('SIGKILL');
    expect(await hung).toMatchObject({ error: { class: 'unavailable' } });
    expect(proxy.state.is).toBe('lost');
    expect(await proxy.port.cluster.nodes({}, callOptions(1_000))).toMatchObject({ error: { class: 'unavailable' } });
    await proxy.close();
  }, 30_000);

  it('in a process of its own ends with the channel', async () => {
    const child = fork(path.join(folder, 'serve.cjs'), [], { serialization: 'advanced', env: {} });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    const proxy = connectPort(ipcEndpoint(child), { id: 'c', kind: 'simulated' });
    expect(await proxy.port.cluster.nodes({}, callOptions(20_000))).toMatchObject({ ok: true });
    await proxy.close();
    await ended;
  }, 30_000);
});

describe('messages that are not ours', () => {
  const junk: readonly unknown[] = [
    null,
    7,
    'call',
    [],
    {},
    { m: 'call' },
    { m: 'call', id: 1 },
    { m: 'call', id: 1.5, method: 'cluster.nodes' },
    { m: 'call', id: 1, method: 7, remainingMs: 1, credit: 1, correlationId: '' },
    { m: 'call', id: 1, method: 'x', remainingMs: 'soon', credit: 1, correlationId: '' },
    { m: 'credit', id: 1, frames: -1 },
    { m: 'credit', id: 1, frames: 0.5 },
    { m: 'frame' },
    { m: 'end', id: 1 },
    { m: 'end', id: 1, result: { ok: true } },
    { m: 'end', id: 1, result: { ok: false, error: 7 } },
    { m: 'state' },
    { m: 'state', state: { is: 7 }, capabilities: {} },
    { m: 'unheard', id: 1 },
  ];

  it('are not read', () => {
    for (const message of junk) {
      expect(readRequest(message), JSON.stringify(message)).toBeNull();
      expect(readReply(message), JSON.stringify(message)).toBeNull();
    }
    expect(readRequest({ m: 'close' })).toEqual({ m: 'close' });
    expect(readReply({ m: 'closed' })).toEqual({ m: 'closed' });
  });

  it('harm neither side', async () => {
    const { port1, port2 } = new MessageChannel();
    const replies: PortReply[] = [];
    port2.on('message', (message: PortReply) => replies.push(message));
    const runtime = createFakeRuntime({ methods: ['cluster.nodes'] });
    runtime.fault('cluster.nodes', { is: 'delay', delayMs: 20 });
    const server = servePort(runtime, messagePortEndpoint(port1));
    for (const message of junk) port2.postMessage(message);
    for (const method of ['no.such', 'cluster.__proto__', '__proto__', 'cluster', '']) {
      port2.postMessage({ m: 'call', id: 5, method, params: {}, remainingMs: 100, credit: 1, correlationId: '' });
    }
    // Of a call that is not there, or no more.
    for (const m of ['cancel', 'credit']) port2.postMessage({ m, id: 99, frames: 1 });
    const call = {
      m: 'call',
      id: 6,
      method: 'cluster.nodes',
      params: {},
      remainingMs: 100,
      credit: 0,
      correlationId: '',
    };
    for (const each of [call, call]) port2.postMessage(each);
    await until(() => replies.some((reply) => reply.m === 'end' && reply.id === 6));
    await pause(30);
    const ends = replies.flatMap((reply) => (reply.m === 'end' ? [reply] : []));
    expect(ends.filter(({ id }) => id === 5).map(({ result }) => (result.ok ? 'ok' : result.error.class))).toEqual(
      Array.from({ length: 5 }, () => 'unsupported'),
    );
    expect(ends.filter(({ id }) => id === 6)).toHaveLength(1);
    server.dispose();
    port1.close();

    const { serving, calling } = channel();
    const proxy = connectPort(calling, { id: 'x', kind: 'simulated', closeMs: 10 });
    for (const message of junk) serving.post(message);
    serving.post({ m: 'end', id: 77, result: ok(1) });
    serving.post({ m: 'frame', id: 77, frame: 1 });
    await pause(10);
    expect(proxy.state).toEqual({ is: 'connecting' });
    await proxy.close();
  });

  it('a channel that breaks while it is used is a lost runtime', async () => {
    const listeners: ((why: string) => void)[] = [];
    const endpoint: Endpoint = {
      post: () => undefined,
      onMessage: () => ({ dispose: () => undefined }),
      onClose: (listener) => ({ dispose: () => void listeners.splice(0), ...(listeners.push(listener) > 0 && {}) }),
      close: () => undefined,
    };
    const proxy = connectPort(endpoint, { id: 'x', kind: 'simulated' });
    for (const listener of listeners) listener('a message could not be read');
    expect(proxy.state).toMatchObject({ is: 'lost' });
    const streamed = proxy.port.watch.open(watching, callOptions(1_000));
    for await (const item of streamed)
      expect(item).toMatchObject({ is: 'end', result: { error: { class: 'unavailable' } } });
    await proxy.close();
  });

  it('are made of every method that there is', () => {
    expect(
      methodNames().every(
        (method) =>
          readRequest({ m: 'call', id: 1, method, params: {}, remainingMs: 1, credit: 0, correlationId: '' }) !== null,
      ),
    ).toBe(true);
  });
});
