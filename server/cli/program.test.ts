import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { failure } from '../../runtime/errors.ts';
import { ok } from '../../runtime/model.ts';
import { startGateway } from '../gateway/gateway.ts';
import { parseJson } from '../gateway/json.ts';
import { ran, testBackend } from '../gateway/testBackend.ts';
import { idsOf, pick, pickText } from '../gateway/testJson.ts';
import { stateHome } from './home.ts';
import { runCommandLine } from './program.ts';
import { cli, surroundings } from './testCli.ts';

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const act of cleanUp.splice(0)) await act();
});

describe('arsenal run', () => {
  // @row T024.d1
  it('runs an operation with the parameters its schema says', async () => {
    const run = await cli(['run', 'list_processes', 'limit=5', 'fields=pid,memory', 'filter.status=running', '--json']);
    expect(run.code).toBe(0);
    expect(run.backend.calls[0]?.call).toMatchObject({
      connection: 'sim',
      operation: 'list_processes',
      params: { limit: 5, fields: ['pid', 'memory'], filter: { status: 'running' } },
      mode: 'run',
    });
    expect(pick(run.json, 'data')).toMatchObject({
      type: 'execution',
      attributes: { operation: 'list_processes', mode: 'run' },
    });
    expect(run.backend.calls[0]?.options.caller).toMatchObject({ via: 'cli', role: 'admin' });
    expect(run.closed()).toBe(1);
  });

  it('says on stderr what went wrong as the cluster was started, and goes on', async () => {
    const warnings = ['Application shop could not be started on b@sim: {no_port,4000}', 'Another\u001b[2J'];
    const run = await cli(['run', 'list_processes', '--json'], testBackend({ is: 'ready', epoch: 'e1', warnings }));
    expect(run.code).toBe(0);
    const [first, second] = run.err.split('\n');
    expect(first).toBe(`arsenal: warning: ${warnings[0] ?? ''}`);
    expect(second).toContain('Another');
    expect(second).not.toContain('\u001b');
    expect(pick(run.json, 'data')).toMatchObject({ type: 'execution' });
  });

  it('takes JSON parameters, validates, plans, and keeps a given request id', async () => {
    const backend = testBackend();
    await cli(['run', 'kill_process', '--params', '{"pid":"0.1.0"}', '--validate-only', '--request-id', 'r1'], backend);
    await cli(['run', 'kill_process', 'pid=0.1.0', '--dry-run', '--timeout', '50'], backend);
    expect(backend.calls.map((each) => [each.call.mode, each.call.params])).toEqual([
      ['validate', { pid: '0.1.0' }],
      ['dry_run', { pid: '0.1.0' }],
    ]);
    expect(backend.calls[0]?.call.requestId).toBe('r1');
    expect(backend.calls[1]?.options.timeoutMs).toBe(50);
  });

  it('says what a plan would do and that nothing was done, and that parameters are valid', async () => {
    const backend = testBackend();
    backend.answer = (call) =>
      Promise.resolve(
        call.mode === 'dry_run'
          ? ok({
              mode: 'dry_run',
              correlationId: 'c',
              plan: {
                summary: 'Kill <0.1.0> on a@h',
                severity: 'destroy',
                undo: 'no',
                touches: [{ node: 'a@h', what: 'ends' }],
              },
            })
          : ok({ mode: 'validate', valid: true, correlationId: 'c' }),
      );
    const plan = await cli(['run', 'kill_process', 'pid=a', '--dry-run'], backend);
    expect(plan.out).toBe('Kill <0.1.0> on a@h\nNothing was done. Severity: destroy; can be undone: no.\n');
    expect((await cli(['run', 'kill_process', 'pid=a', '--validate-only'], backend)).out).toBe(
      'The parameters are valid.\n',
    );
    const json = await cli(['run', 'kill_process', 'pid=a', '--dry-run', '--json'], backend);
    expect(pick(json.json, 'data.attributes.plan.touches.0')).toEqual({ node: 'a@h', what: 'ends' });
  });

  it('starts no system for an operation that needs none', async () => {
    const run = await cli(['run', 'search_operations', 'query=kill']);
    expect([run.code, run.connected]).toEqual([0, []]);
    expect(run.backend.calls[0]?.call.connection).toBeNull();
  });

  it('shows lists as a table, what they hold as it is and harmless, and who did not answer', async () => {
    const backend = testBackend();
    backend.answer = () =>
      Promise.resolve(
        ran({
          items: [
            { pid: 'a@h~0.1.0~1', registeredName: '\u001b[31mred', tags: ['x'] },
            { pid: 'a@h~0.2.0~1', display: '<0.2.0>' },
          ],
          total: 12,
          next: 'c2',
          nodes: [
            { node: 'a@h', status: 'ok' },
            { node: 'b@h', status: 'missing', error: { message: 'Node b@h cannot be reached.', remedy: 'Start it.' } },
          ],
        }),
      );
    const run = await cli(['run', 'list_processes'], backend);
    expect(run.out).toContain('\\u{1b}[31mred');
    expect(run.out).not.toContain('\u001b');
    expect(run.out).toContain('2 of 12 items');
    expect(run.out).toContain('after=c2');
    expect(run.out).toContain('b@h: missing. Node b@h cannot be reached. Start it.');
  });

  // @row T003.a2
  it('says a failure in words with its remedy on stderr, or as JSON:API on stdout, and exits 1', async () => {
    const backend = testBackend();
    backend.answer = () =>
      Promise.resolve(
        failure('not_found', 'process.not_found', 'There is no process 0.9.0.', 'Refresh.', {
          effect: 'unknown',
          pointer: '/pid',
        }),
      );
    const words = await cli(['run', 'kill_process', 'pid=0.9.0'], backend);
    expect([words.code, words.out]).toEqual([1, '']);
    for (const part of ['There is no process 0.9.0.', '/pid', 'Refresh.', 'not known', 'process.not_found']) {
      expect(words.err).toContain(part);
    }
    const document = await cli(['run', 'kill_process', 'pid=0.9.0', '--json'], backend);
    expect([document.code, document.err]).toEqual([1, '']);
    expect(pick(document.json, 'errors.0')).toMatchObject({
      code: 'process.not_found',
      status: '404',
      source: { pointer: '/data/attributes/params/pid' },
      meta: { effect: 'unknown' },
    });
  });

  it.each([
    [['run', 'nothing'], 1, 'operation.not_found'],
    [['run', 'kill_process', 'nonsense=1'], 1, 'params.unknown'],
    [['run', 'kill_process', 'pid=a', 'pid=b'], 1, 'params.unknown'],
    [['run', 'kill_process', 'pid'], 2, 'cli.usage'],
    [['run', 'kill_process', '--params', '{'], 2, 'cli.usage'],
    [['run', 'kill_process', 'pid=a', '--params', '{}'], 2, 'cli.usage'],
    [['run', 'kill_process', '--dry-run', '--validate-only'], 2, 'cli.usage'],
    [['run', 'kill_process', '--connect', 'a@h', '--nodes', '3'], 2, 'cli.usage'],
    [['run', 'kill_process', '--runtime', 'beam'], 2, 'cli.usage'],
    [['run', 'kill_process', '--runtime', 'simulated', '--connect', 'a@h'], 2, 'cli.usage'],
    [['run', 'kill_process', '--runtime', 'gateway'], 3, 'connect.unsupported_kind'],
    [['run', 'kill_process', '--runtime', 'local-cluster', '--connect', 'a@h'], 2, 'cli.usage'],
    [['run', 'kill_process', '--runtime', 'local-cluster', '--seed', '1'], 2, 'cli.usage'],
    [['run', 'kill_process', '--project', '/shop'], 2, 'cli.usage'],
    [['run', 'kill_process', '--connect', 'a@h', '--launcher', 'mix'], 2, 'cli.usage'],
    [['cluster', 'status', '--home', '/nowhere'], 3, 'local.not_running'],
    [['cluster', 'heal', '--home', '/nowhere'], 3, 'local.not_running'],
    [['run', 'kill_process', '--url', 'nonsense', '--key', 'k'], 2, 'cli.bad_url'],
    [['run', 'kill_process', '--url', 'http://127.0.0.1:9'], 3, 'cli.no_key'],
    [['run', 'kill_process', '--url', 'http://127.0.0.1:9', '--key', 'k'], 3, 'connect.gateway_unreachable'],
    [['run', 'kill_process', '--url', 'http://127.0.0.1:9', '--key-file', '/nowhere'], 2, 'cli.no_key_file'],
  ])('refuses %j with exit code %i and %s', async (args, code, expected) => {
    const run = await cli([...args, '--json']);
    expect([run.code, pick(run.json, 'errors.0.code')]).toEqual([code, expected]);
    expect(run.backend.calls).toEqual([]);
  });

  it('exits 3 when it cannot connect, with the cause', async () => {
    const backend = testBackend();
    backend.connect = () =>
      Promise.resolve(failure('authentication', 'connect.bad_cookie', 'The cookie is wrong.', 'Give the right one.'));
    const run = await cli(['run', 'kill_process', 'pid=a', '--connect', 'a@h'], backend);
    expect(run.code).toBe(3);
    expect(run.err).toContain('The cookie is wrong.');
    expect(run.closed()).toBe(1);
  });

  it('reads where to connect from options and environment, and a cookie only from a file', async () => {
    const run = await cli(
      [
        'run',
        'kill_process',
        'pid=a',
        '--connect',
        'a@h',
        '--cookie-file',
        '/c',
        '--address',
        '[::1]:4000',
        '--epmd',
        '4444',
        '--agent',
        'none',
        '--allow-writes',
      ],
      testBackend(),
      { ARSENAL_HOME: '/state' },
    );
    expect(run.connected).toEqual([
      {
        kind: 'beam',
        agent: 'none',
        node: 'a@h',
        cookie: { from: 'file', path: '/c' },
        address: { host: '::1', port: 4000 },
        epmd: { port: 4444 },
      },
    ]);
    expect(run.made[0]).toMatchObject({
      home: path.resolve('/state'),
      allowWrites: true,
      simulatedWorkerFile: path.join('/dist', 'simulatedWorker.js'),
    });
    expect((await cli(['run', 'kill_process', '--cookie', 'secret'])).code).toBe(2);
    const simulated = await cli(['run', 'kill_process', 'pid=a', '--nodes', '5', '--seed', '7']);
    expect(simulated.connected).toEqual([{ kind: 'simulated', nodes: 5, seed: 7, time: 'deterministic' }]);
  });

  it('reads what a local cluster is made of', async () => {
    const local = ['run', 'kill_process', 'pid=a', '--runtime', 'local-cluster'];
    expect((await cli(local)).connected).toEqual([{ kind: 'local-cluster' }]);
    const words = [
      '--project',
      '/shop',
      '--launcher',
      'mix',
      '--nodes',
      '4',
      '--node-name',
      'a',
      '--net-ticktime',
      '4',
    ];
    const more = ['--overlap', 'allow', '--env', 'PORT=400{n}', '--env', 'A=b=c', '--application', 'shop'];
    expect((await cli([...local, ...words, ...more])).connected).toEqual([
      {
        kind: 'local-cluster',
        project: path.resolve('/shop'),
        launcher: 'mix',
        nodes: 4,
        baseName: 'a',
        netTicktimeSeconds: 4,
        preventOverlappingPartitions: false,
        env: { PORT: '400{n}', A: 'b=c' },
        applications: ['shop'],
      },
    ]);
    for (const wrong of [
      ['--launcher', 'make'],
      ['--env', 'PORT'],
      ['--application', 'No Such'],
      ['--net-ticktime', '0'],
      ['--overlap', 'perhaps'],
    ]) {
      expect((await cli([...local, ...wrong])).code, wrong.join(' ')).toBe(2);
    }
  });

  it('reads how a node is reached: EPMD, TLS and ssh, and tells what contradicts itself', async () => {
    const specOf = async (...words: readonly string[]) =>
      (await cli(['run', 'kill_process', 'pid=a', '--connect', 'a@h', ...words])).connected[0];
    const plain = { kind: 'beam', node: 'a@h', cookie: { from: 'default' } };
    expect(await specOf()).toEqual(plain);
    expect(await specOf('--epmd', 'box:4370', '--ssh', 'ops@gate')).toEqual({
      ...plain,
      epmd: { host: 'box', port: 4370 },
      ssh: { target: 'ops@gate' },
    });
    expect(await specOf('--erl-epmd-port', '9100')).toEqual({ ...plain, erlEpmdPort: 9100 });
    expect(await specOf('--tls')).toEqual({ ...plain, tls: {} });
    const files = ['--tls-ca', '/ca', '--tls-cert', '/c', '--tls-key', '/k', '--tls-servername', 'box'];
    const tls = { caFile: '/ca', certFile: '/c', keyFile: '/k', servername: 'box' };
    expect(await specOf('--tls', ...files)).toEqual({ ...plain, tls });
    expect(await specOf('--tls', '--no-tls-verify')).toEqual({ ...plain, tls: { verify: 'none' } });
    for (const wrong of [
      ['--connect', 'a@h', '--tls-ca', '/ca'],
      ['--connect', 'a@h', '--no-tls-verify'],
      ['--connect', 'a@h', '--epmd', '4370', '--erl-epmd-port', '9100'],
      ['--connect', 'a@h', '--epmd', 'box'],
      ['--connect', 'a@h', '--erl-epmd-port', '0'],
      ['--ssh', 'ops@gate'],
      ['--tls'],
    ]) {
      const run = await cli(['run', 'kill_process', 'pid=a', ...wrong]);
      expect([run.code, run.connected], wrong.join(' ')).toEqual([2, []]);
    }
  });

  it('runs through a gateway with its key, under one request id, and passes its errors on', async () => {
    const backend = testBackend();
    const gateway = await startGateway({ backend, defaultConnection: () => 'sim' });
    if (!gateway.ok) throw new Error(gateway.error.message);
    cleanUp.push(() => gateway.value.close(50));
    const { url, key } = gateway.value;
    const there = ['--url', url, '--json'];
    const keyFile = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-key-')), 'key');
    fs.writeFileSync(keyFile, `${key}\n`);
    cleanUp.push(() => fs.promises.rm(path.dirname(keyFile), { recursive: true }));

    const run = await cli(['run', 'process_list', 'limit=5', '--request-id', 'r9', ...there], testBackend(), {
      ARSENAL_KEY: key,
    });
    expect([run.code, pick(run.json, 'data.id')]).toEqual([0, 'r9']);
    expect(run.connected).toEqual([]);
    expect(backend.calls[0]?.call).toMatchObject({ requestId: 'r9', operation: 'process_list', params: { limit: 5 } });
    expect((await cli(['run', 'list_processes', '--key-file', keyFile, ...there])).code).toBe(0);

    const wrong = await cli(['run', 'list_processes', '--key', 'wrong', ...there]);
    expect([wrong.code, pick(wrong.json, 'errors.0.code')]).toEqual([3, 'gateway.no_credential']);
    const unknown = await cli(['run', 'nothing', '--key', key, ...there]);
    expect([unknown.code, pick(unknown.json, 'errors.0.code')]).toEqual([1, 'operation.not_found']);
    const problems = [
      { pointer: '/pid', message: 'pid is missing' },
      { pointer: '/reason', message: 'reason is too long' },
    ];
    backend.answer = () =>
      Promise.resolve(failure('validation', 'params.invalid', 'Two.', 'Mend.', { details: { problems } }));
    const invalid = await cli(['run', 'kill_process', '--url', url, '--key', key]);
    expect(invalid.code).toBe(1);
    expect(invalid.err).toContain('/reason: reason is too long');
  });
});

describe('arsenal operations and describe', () => {
  // @row T024.a1, IV-25
  it('list every operation of the catalogue, or of a category', async () => {
    const all = await cli(['operations']);
    expect(all.code).toBe(0);
    for (const name of ['list_processes', 'kill_process', 'search_operations']) expect(all.out).toContain(name);
    const some = await cli(['operations', '--category', 'registry', '--json']);
    expect(idsOf(some.json)).toEqual(['search_operations']);
    const none = await cli(['operations', '--category', 'nothing']);
    expect([none.code, none.err.includes('process, registry')]).toEqual([1, true]);
    expect(none.closed()).toBe(1);
  });

  it('describe one by name or alias', async () => {
    const words = await cli(['describe', 'process_list']);
    expect(words.code).toBe(0);
    expect(words.out).toContain('arsenal run list_processes limit=5\n');
    expect(words.out).toContain(`arsenal run list_processes filter.status='it'\\''s'\n`);
    for (const part of ['list_processes', 'GET /api/v1/processes', 'limit', 'integer'])
      expect(words.out).toContain(part);
    const document = await cli(['describe', 'kill_process', '--json']);
    expect(pick(document.json, 'data')).toMatchObject({
      type: 'operation',
      id: 'kill_process',
      attributes: { severity: 'destroy' },
    });
    expect((await cli(['describe', 'nothing'])).code).toBe(1);
  });
});

describe('arsenal serve', () => {
  it('says first that it is ready, serves, and ends when told', async () => {
    const backend = testBackend();
    const around = surroundings(backend);
    const served = runCommandLine(around.io, ['serve', '--json']);
    await expect.poll(() => around.out()).not.toBe('');
    const ready = parseJson(around.out());
    expect(ready).toMatchObject({ event: 'ready', pid: process.pid, runtime: 'simulated', nodes: ['a@h'] });
    const response = await fetch(`${pickText(ready, 'url')}/api/v1/operations`, {
      headers: { authorization: `Bearer ${pickText(ready, 'key')}` },
    });
    expect(response.status).toBe(200);
    expect(backend.releasedWatches.count).toBe(1);
    around.stop.abort();
    expect(await served).toBe(0);
    expect(around.closed()).toBe(1);
    await expect(fetch(`${pickText(ready, 'url')}/health`)).rejects.toThrow();
  });

  it('says in words where it listens, and what it may do', async () => {
    const around = surroundings(testBackend());
    const served = runCommandLine(around.io, ['serve']);
    await expect.poll(() => around.out()).toContain('Ctrl-C');
    expect(around.out()).toMatch(/URL {4}http:\/\/127\.0\.0\.1:\d+/);
    around.stop.abort();
    expect(await served).toBe(0);
  });

  it('exits 1 when it cannot listen', async () => {
    const run = await cli(['serve', '--host', '0.0.0.0', '--json']);
    expect([run.code, pick(run.json, 'errors.0.code')]).toEqual([1, 'gateway.bad_host']);
    expect(run.closed()).toBe(1);
  });
});

describe('arsenal run execute_batch', () => {
  const items = (...operations: readonly string[]) =>
    JSON.stringify({ items: operations.map((operation) => ({ operation, params: {} })) });
  const outcome = (said: string) => ({ outcome: said, counts: { done: 1 }, items: [{ id: '1', status: 'done' }] });

  it('connects when one of its items needs a system, and only then', async () => {
    const looking = await cli(['run', 'execute_batch', '--params', items('search_operations')]);
    expect([looking.code, looking.connected.length, looking.backend.calls[0]?.call.connection]).toEqual([0, 0, null]);
    const acting = await cli(['run', 'execute_batch', '--params', items('search_operations', 'list_processes')]);
    expect([acting.code, acting.connected.length, acting.backend.calls[0]?.call.connection]).toEqual([0, 1, 'sim']);
    const unknown = await cli(['run', 'execute_batch', '--params', items('of_a_node')]);
    expect(unknown.connected.length).toBe(1);
  });

  it('reads a long one from a file', async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-'));
    const file = path.join(folder, 'items.json');
    fs.writeFileSync(file, items('list_processes'));
    const run = await cli(['run', 'execute_batch', '--params', `@${file}`]);
    expect([run.code, run.backend.calls[0]?.call.params]).toEqual([
      0,
      { items: [{ operation: 'list_processes', params: {} }] },
    ]);
    const none = await cli(['run', 'execute_batch', '--params', `@${file}x`]);
    expect([none.code, none.err]).toEqual([2, expect.stringContaining('cannot be read')]);
    fs.rmSync(folder, { recursive: true });
  });

  it('has failed when not all of it is done', async () => {
    for (const [said, code] of [
      ['done', 0],
      ['partial', 1],
      ['undone', 1],
      ['not_undone', 1],
    ] as const) {
      const backend = testBackend();
      backend.answer = () => Promise.resolve(ran(outcome(said)));
      const run = await cli(['run', 'execute_batch', '--params', items('list_processes')], backend);
      expect([run.code, run.out.includes('outcome')]).toEqual([code, true]);
    }
  });
});

describe('arsenal watch', () => {
  it('prints rows, then changes, until it is told to stop', async () => {
    const backend = testBackend();
    const around = surroundings(backend);
    const watching = runCommandLine(around.io, ['watch', 'nodes', '--json']);
    await expect.poll(() => around.out()).toContain('snapshot');
    backend.nodes.put('b@h', { node: 'b@h', status: 'up' });
    await expect.poll(() => around.out()).toContain('"delta"');
    around.stop.abort();
    expect(await watching).toBe(0);
    expect(backend.releasedWatches.count).toBe(1);
    const words = surroundings(testBackend());
    const inWords = runCommandLine(words.io, ['watch', 'nodes']);
    await expect.poll(() => words.out()).toBe('  a@h  node=a@h status=up\n');
    words.stop.abort();
    expect(await inWords).toBe(0);
  });

  it('refuses an unknown topic with usage, and passes a refusal on', async () => {
    expect((await cli(['watch', 'nothing'])).code).toBe(2);
    expect((await cli(['watch', 'events'])).code).toBe(1);
  });
});

describe('the command line', () => {
  it.each([
    [[]],
    [['nothing']],
    [['run']],
    [['serve', '--port', '99999']],
    [['serve', '--nodes', '0']],
    [['serve', '--history-days', '0']],
    [['serve', '--result-minutes', 'x']],
    [['serve', '--nonsense']],
    [['lsp']],
    [['run', 'x', '--address', 'y']],
  ])('answers %j with usage and exit code 2', async (args) => {
    const run = await cli(args);
    expect(run.code).toBe(2);
    expect(run.err).not.toBe('');
  });

  it('helps and tells its version', async () => {
    expect(await cli(['--version'])).toMatchObject({ code: 0, out: '1.2.3\n' });
    const help = await cli(['run', '--help']);
    expect([help.code, help.out.includes('--cookie-file')]).toEqual([0, true]);
  });

  it('keeps its state where it is told, else where the platform keeps it', () => {
    expect(stateHome('/x', { ARSENAL_HOME: '/y' })).toBe(path.resolve('/x'));
    expect(stateHome(undefined, { ARSENAL_HOME: '/y' })).toBe(path.resolve('/y'));
    expect(stateHome(undefined, { XDG_STATE_HOME: '/s', ARSENAL_HOME: '' }, 'linux')).toBe(path.join('/s', 'arsenal'));
    expect(stateHome(undefined, {}, 'linux')).toBe(path.join(os.homedir(), '.local', 'state', 'arsenal'));
    expect(stateHome(undefined, {}, 'darwin')).toContain('Application Support');
    expect(stateHome(undefined, { LOCALAPPDATA: '/l' }, 'win32')).toBe(path.join('/l', 'arsenal'));
  });
});
