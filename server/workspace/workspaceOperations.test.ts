import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Diagnostic } from 'vscode-languageserver/node';
import { callOptions } from '../../runtime/callOptions.ts';
import { ok } from '../../runtime/model.ts';
import type { ArsenalError, Json, Result } from '../../runtime/model.ts';
import type { MethodName, Port } from '../../runtime/port.ts';
import { createFakeRuntime } from '../../runtime/fake/fakeRuntime.ts';
import { buildPort, restrictPort } from '../../runtime/portFacade.ts';
import { makeContext } from '../core/context.ts';
import type { Context } from '../core/context.ts';
import { isWrite } from '../core/operation.ts';
import { admin, bench, looking } from '../core/testKit.ts';
import { Registry } from '../core/registry.ts';
import type { OperationProgress } from '../protocol/operation.ts';
import { scaffoldFiles } from '../language/scaffold.ts';
import type { Place } from '../../runtime/userCode/sourceModules.ts';
import { startWorkspaceOperations } from './workspaceOperations.ts';
import type { WorkspaceOperations } from './workspaceOperations.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** Long enough for every call, short enough to wait for. */
const idleMs = 400;
const built = fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-worker-'));
const workerFile = path.join(built, 'operationWorker.js');
const operationApiFile = path.join(built, 'operation.js');

beforeAll(async () => {
  const shared = { bundle: true, platform: 'node', format: 'cjs', target: 'node20' } as const;
  await build({ ...shared, entryPoints: ['server/workspace/worker.ts'], outfile: workerFile });
  await build({ ...shared, entryPoints: ['server/operation.ts'], outfile: operationApiFile });
}, 30_000);
afterAll(() => fs.rmSync(built, { recursive: true, force: true }));

/** Of `a@h`. */
let processCount = 7;
const port: Port = buildPort(
  {
    'cluster.nodes': () =>
      Promise.resolve(
        ok({
          nodes: ['a@h', 'b@h'].map((node) => ({
            node,
            creation: 1,
            otpRelease: null,
            hidden: false,
            reach: { via: 'direct' as const },
            observer: 'builtin' as const,
          })),
        }),
      ),
    'system.stats': ({ node }) =>
      Promise.resolve(
        ok({
          uptimeMs: 1,
          processCount: node === 'a@h' ? processCount : 70,
          processLimit: null,
          runQueue: 0,
          memoryBytes: null,
          atomCount: null,
          reductions: 0,
          schedulersOnline: 1,
        }),
      ),
  },
  () => ({ can: true }),
);

let folder = '';
let registry: Registry;
let operations: WorkspaceOperations;
let diagnostics: Map<string, Diagnostic[]>;
let broken: { file: string; place: Place; error: ArsenalError }[];
let logged: string[];

beforeEach(() => {
  folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-ws-')));
  registry = new Registry();
  diagnostics = new Map();
  broken = [];
  logged = [];
  operations = startWorkspaceOperations({
    registry,
    folders: [folder],
    workerFile,
    operationApiFile,
    publishDiagnostics: (uri, found) => diagnostics.set(path.basename(uri), found),
    onBroken: (file, place, error) => broken.push({ file, place, error }),
    log: (_level, text) => logged.push(text),
    worker: { loadMs: 30_000, idleMs, graceMs: 2_000 },
  });
});
afterEach(async () => {
  await operations.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

async function save(name: string, text: string): Promise<string> {
  const file = path.join(folder, 'arsenal', 'operations', name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
  operations.fileChanged(file);
  await operations.settled();
  return file;
}

function reading(name: string, body: string, extra = ''): string {
  return `import { defineOperation, ok, Type } from 'arsenal-otp/operation';
${extra}
export const op = defineOperation({
  name: '${name}', title: 'T', description: 'D', category: 'custom', severity: 'read', idempotent: true,
  needs: ['cluster.nodes'],
  params: Type.Object({ n: Type.Optional(Type.Integer()) }), result: Type.Any(),
  examples: [],
  async execute(context: unknown, params: { n?: number }) { ${body} },
});
`;
}

function contextFor(
  needs: readonly MethodName[],
  budgetMs = 5_000,
  onProgress?: (progress: OperationProgress) => void,
): {
  context: Context<MethodName>;
  abort: () => void;
} {
  const control = new AbortController();
  const context = makeContext<MethodName>({
    connection: { id: 'sim', kind: 'simulated' },
    port: restrictPort(port, needs),
    caller: { principal: 'me', via: 'editor', role: 'admin' },
    owner: { principal: 'me', client: 'test', operation: 'x', requestId: 'r' },
    requestId: 'r',
    budget: callOptions(budgetMs, control.signal, 'c'),
    onProgress,
  });
  return { context, abort: () => control.abort() };
}

async function execute(
  name: string,
  params: { readonly [key: string]: Json },
  budgetMs = 5_000,
): Promise<Result<unknown>> {
  const found = registry.find(name);
  if (found === null || isWrite(found.operation)) throw new Error(`no reading operation ${name}: ${logged.join('; ')}`);
  return found.operation.execute(contextFor(found.operation.needs, budgetMs).context, params);
}

describe('a module of the workspace', () => {
  it('is scaffolded, registered on save and runs with the port methods it needs', async () => {
    for (const each of ['operation', 'testing']) fs.writeFileSync(path.join(built, `${each}.d.ts`), '');
    const made = scaffoldFiles(
      { name: 'count_processes', workspaceFolder: folder },
      { typesFolder: built, isTaken: (name) => registry.find(name) !== null },
    );
    if (!made.ok) throw new Error(made.error.message);
    await save('countRows.ts', made.value.files[0]?.text ?? '');
    expect(logged.join('\n')).toContain('Registered count_processes');
    expect(registry.find('count_processes')?.entry).toMatchObject({
      severity: 'read',
      origin: { from: 'workspace', file: path.join(folder, 'arsenal', 'operations', 'countRows.ts') },
    });
    expect(await execute('count_processes', { atLeast: 10 })).toEqual({
      ok: true,
      value: { nodes: [{ node: 'b@h', processes: 70, runQueue: 0 }] },
    });
  });

  it('is found at start, and forgotten when its file is deleted', async () => {
    const file = path.join(folder, 'arsenal', 'operations', 'deep', 'x.js');
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, reading('found_at_start', 'return ok(1)').replaceAll(/: unknown|: \{ n\?: number \}/g, ''));
    operations.start();
    await operations.settled();
    expect(await execute('found_at_start', {})).toEqual({ ok: true, value: 1 });
    fs.rmSync(file);
    operations.fileChanged(file);
    await operations.settled();
    expect(registry.find('found_at_start')).toBeNull();
  });

  it('is replaced by a later version, also when only a file it imports has changed', async () => {
    const lib = path.join(folder, 'arsenal', 'lib.ts');
    fs.mkdirSync(path.dirname(lib), { recursive: true });
    fs.writeFileSync(lib, 'export const answer: number = 1;');
    await save('x.ts', reading('answers', 'return ok(answer)', "import { answer } from '../lib';"));
    expect(await execute('answers', {})).toEqual({ ok: true, value: 1 });
    fs.writeFileSync(lib, 'export const answer: number = 22;');
    operations.fileChanged(lib);
    await operations.settled();
    expect(await execute('answers', {})).toEqual({ ok: true, value: 22 });
    await save('x.ts', reading('answers_anew', 'return ok(3)'));
    expect(registry.find('answers')).toBeNull();
    expect(await execute('answers_anew', {})).toEqual({ ok: true, value: 3 });
  });
});

describe('a module that is saved while it is being loaded', () => {
  it('is loaded anew', async () => {
    const first = path.join(folder, 'arsenal', 'operations', 'x.ts');
    const register = registry.register.bind(registry);
    // The moment between its being read and its being done with.
    const registering = vi.spyOn(registry, 'register').mockImplementationOnce((...args) => {
      fs.writeFileSync(first, reading('later', 'return ok(22)'));
      return register(...args);
    });
    await save('x.ts', reading('sooner', 'return ok(1)'));
    expect(registering).toHaveBeenCalledTimes(1);
    operations.fileChanged(first);
    await operations.settled();
    expect(await execute('later', {})).toEqual({ ok: true, value: 22 });
    expect(registry.find('sooner')).toBeNull();
  });
});

describe('a broken module', () => {
  it.each([
    ['a syntax error', 'const a = 1;\nexport const b = {;\n', 3, 1],
    ['a missing bracket', 'export const a: number = (1;\n', 1, 28],
    [
      'what it does when it is loaded',
      'const a: number | null = null as number | null;\n\nexport const b = a!.toFixed();\n',
      3,
      21,
    ],
    ['no operation', 'export const a = 1;\n', 1, 1],
    ['an import of the machine', "import fs from 'node:fs';\nexport const a = fs;\n", 1, 17],
    ['an import that is not there', "\nimport { a } from './gone';\nexport const b = a;\n", 2, 20],
    ['a way out of its folder', "import a from '../../../../../../etc/hostname';\nexport const b = a;\n", 1, 16],
  ])('is a diagnostic at the line and column of %s', async (_what, text, line, column) => {
    const file = await save('x.ts', text);
    const [found] = diagnostics.get('x.ts') ?? [];
    expect({ found: found?.range.start, message: found?.message }).toMatchObject({
      found: { line: line - 1, character: column - 1 },
    });
    expect(broken).toMatchObject([{ file, place: { line, column }, error: { class: 'validation' } }]);
  });

  it('leaves the previous version registered, even after its worker has gone idle', async () => {
    await save('x.ts', reading('stays', 'return ok(1)'));
    await save('x.ts', `${reading('stays', 'return ok(2)')}\n}`);
    expect(diagnostics.get('x.ts')).toHaveLength(1);
    await new Promise((resolve) => setTimeout(resolve, 2 * idleMs));
    expect(await execute('stays', {})).toEqual({ ok: true, value: 1 });
    await save('x.ts', reading('stays', 'return ok(3)'));
    expect(diagnostics.get('x.ts')).toEqual([]);
    expect(await execute('stays', {})).toEqual({ ok: true, value: 3 });
  });

  it('cannot state a severity below its needs, take the name of another, or leave a maximum out', async () => {
    await save('a.ts', reading('harmless', 'return ok(1)').replace("'cluster.nodes'", "'processes.exit'"));
    await save('b.ts', reading('first', 'return ok(1)'));
    await save('c.ts', reading('first', 'return ok(2)'));
    await save('d.ts', reading('unbounded', 'return ok(1)').replace('Type.Integer()', 'Type.String()'));
    await save('e.ts', reading('strange', 'return ok(1)').replace("'cluster.nodes'", "'fs.readFile'"));
    expect(registry.list().map(({ name }) => name)).toEqual(['first']);
    expect(broken.map(({ error }) => error.code)).toEqual([
      'operation.invalid',
      'operation.name_taken',
      'operation.invalid',
      'operation.broken',
    ]);
    expect(diagnostics.get('a.ts')?.[0]?.range.start.line).toBe(2);
  });
});

describe('what belongs to another', () => {
  const routed = (name: string, path: string) =>
    reading(name, 'return ok(1)').replace('examples: [],', `examples: [], route: { method: 'GET', path: '${path}' },`);
  const names = () => registry.list().map(({ name }) => name);

  it('is told at its line, and had as soon as that has gone', async () => {
    const first = await save('b.ts', reading('first', 'return ok(1)'));
    await save('c.ts', reading('first', 'return ok(2)'));
    const theirs = { from: 'node', node: 'a@h' } as const;
    registry.register(looking({ name: 'theirs', route: { method: 'GET', path: '/custom/carts' } }), theirs);
    await save('d.ts', routed('routed', '/api/v1/custom/carts'));
    expect(broken.map(({ error }) => error.code)).toEqual(['operation.name_taken', 'operation.route_taken']);
    expect(diagnostics.get('d.ts')?.[0]?.range.start.line).toBe(2);
    expect(names()).toEqual(['first', 'theirs']);

    fs.rmSync(first);
    operations.fileChanged(first);
    registry.unregister('theirs', theirs);
    await vi.waitFor(() => expect(names()).toEqual(['first', 'routed']), { timeout: 60_000 });
    expect(await execute('first', {})).toEqual({ ok: true, value: 2 });
    await operations.settled();
    expect([diagnostics.get('c.ts'), diagnostics.get('d.ts')]).toEqual([[], []]);
  });

  it.each(['/operations/carts', '/api/v1/operations/carts', '/operations/:n/describe', '/executions/:n'])(
    'is %s also where no operation has it: Arsenal answers there itself',
    async (path) => {
      await save('x.ts', routed('shadowed', path));
      const [found] = diagnostics.get('x.ts') ?? [];
      expect(found).toMatchObject({ code: 'operation.route_taken', range: { start: { line: 2 } } });
      expect(found?.message).toContain('which Arsenal answers itself');
      expect(broken[0]?.error.remedy).toContain('/custom');
      expect(names()).toEqual([]);
    },
  );

  it('is what two operations of one module both ask for: none of them is registered', async () => {
    const twin = (more: string) => more.replace('export const op', 'export const other').replace(/^import.*$/m, '');
    await save('x.ts', reading('one', 'return ok(1)') + twin(reading('one', 'return ok(2)')));
    await save('y.ts', routed('two', '/custom/two') + twin(routed('three', '/custom/:n')));
    expect(broken.map(({ error }) => error.code)).toEqual(['operation.name_taken', 'operation.route_taken']);
    expect(names()).toEqual([]);
  });

  it('is no route whose path names what is no parameter', async () => {
    await save('x.ts', routed('lost', '/custom/carts/:cart'));
    expect(broken[0]?.error.message).toContain('route: cart is no parameter');
  });
});

/** Calls through a pipeline over the registry, on a system that has the port of these tests. */
function calling(): (operation: string, params?: { readonly [key: string]: Json }) => Promise<Result<Json>> {
  const runtime = { ...createFakeRuntime({ id: 'a' }), port };
  const { pipeline } = bench({ registry, runtime });
  let calls = 0;
  return async (operation, params = {}) => {
    calls += 1;
    const call = { requestId: `call${calls}`, connection: 'a', operation, params, mode: 'run' } as const;
    const answer = await pipeline.execute(call, { caller: admin, signal: new AbortController().signal });
    if (!answer.ok) return answer;
    return ok(answer.value.mode === 'run' ? answer.value.result : null);
  };
}

describe('what a module declares beside what it does', () => {
  const declared = (more: string, body: string) =>
    reading('declares', body, 'const told: string[] = []; let runs = 0;').replace(
      'examples: [],',
      `examples: [], ${more}`,
    );

  it('holds for it as for any other: its hooks are called where it runs, and may refuse', async () => {
    const hooks = `
      before(params: { n?: number }, who: { caller: { principal: string } }) {
        told.push(\`before \${who.caller.principal}\`);
        if (params.n === 13) throw new Error('unlucky');
        return params.n === 0 ? { ok: false, error: { code: 'x.zero', class: 'conflict', message: 'No.', remedy: 'One.', effect: 'none' } } : ok(null);
      },
      after(event: { outcome: string }, answer: { ok: boolean }) { told.push(\`after \${event.outcome} \${answer.ok}\`); throw new Error('not heard'); },
      telemetry(event: { operation: string }) { told.push(\`telemetry \${event.operation}\`); },`;
    await save('x.ts', declared(hooks, 'runs += 1; return ok({ runs, told });'));
    const call = calling();
    expect(await call('declares')).toEqual(ok({ runs: 1, told: ['before ada'] }));
    await expect.poll(() => logged.join('; '), { timeout: 20_000 }).toContain('declares, after: not heard');
    expect(await call('declares', { n: 0 })).toMatchObject({ ok: false, error: { code: 'x.zero', effect: 'none' } });
    expect(await call('declares', { n: 13 })).toMatchObject({
      ok: false,
      error: { code: 'operation.threw', effect: 'none' },
    });
    const last = await call('declares');
    expect(last).toMatchObject({ ok: true, value: { runs: 2 } });
    expect(JSON.stringify(last)).toContain('"telemetry declares"');
    expect(JSON.stringify(last)).toContain('"after ok true"');
  });

  it('a hook that never ends is ended with its worker, at the deadline of the call', async () => {
    await save('x.ts', declared('timeoutMs: 500, before() { for (;;); },', 'return ok(1);'));
    const call = calling();
    expect(await call('declares')).toMatchObject({ ok: false, error: { class: 'timeout', effect: 'none' } });
    await save('x.ts', declared('', 'return ok(2);'));
    expect(await call('declares')).toEqual(ok(2));
  });

  it('its answers are given again, and it is tried again, as it says', async () => {
    const failing = `if (runs < 3) return { ok: false, error: { code: 'x.away', class: 'unavailable', message: 'Away.', remedy: 'Wait.', effect: 'none' } };`;
    await save(
      'x.ts',
      declared(
        'version: 2, cache: { ttlMs: 3_000_000 }, retry: { times: 2, firstDelayMs: 1 },',
        `runs += 1; ${failing} return ok(runs);`,
      ),
    );
    expect(registry.find('declares')?.entry.version).toBe(2);
    const call = calling();
    expect([await call('declares'), await call('declares'), await call('declares', { n: 1 })]).toEqual([
      ok(3),
      ok(3),
      ok(4),
    ]);
  });

  it('cannot be what would have to leave its worker, or is no number', async () => {
    for (const [more, said] of [
      ['cache: { ttlMs: 5, key: () => 1 },', 'key cannot leave the worker'],
      ['cache: { ttlMs: -1 },', 'ttlMs must be a whole number'],
      ["retry: { times: 'often' },", 'retry'],
      ['retry: { times: 99 },', 'retry: must be 1 to 5 times'],
    ] as const) {
      broken = [];
      await save('x.ts', declared(more, 'return ok(1);'));
      expect(JSON.stringify(broken)).toContain(said);
    }
  });
});

describe('a running operation', () => {
  it('that never yields is ended at its deadline, and runs again afterwards', async () => {
    await save('x.ts', reading('loops', 'while (params.n === 1); return ok(1)'));
    expect(await execute('loops', { n: 1 }, 100)).toMatchObject({
      ok: false,
      error: { class: 'timeout', effect: 'none' },
    });
    expect(await execute('loops', {})).toEqual({ ok: true, value: 1 });
  });

  it('that takes too much memory is ended alone', async () => {
    await save('x.ts', reading('grows', 'const all = []; for (;;) all.push(new Array(100_000).fill(all.length));'));
    expect(await execute('grows', {}, 20_000)).toMatchObject({ ok: false, error: { code: 'operation.worker_ended' } });
  }, 30_000);

  it('hears that it is cancelled', async () => {
    const waits = `return new Promise((resolve) => context.signal.addEventListener('abort', () => resolve(ok('heard'))))`;
    await save('x.ts', reading('waits', waits).replace('context: unknown', 'context: any'));
    const found = registry.find('waits');
    if (found === null || isWrite(found.operation)) throw new Error('not registered');
    const { context, abort } = contextFor(['cluster.nodes']);
    const answer = found.operation.execute(context, {});
    setTimeout(abort, 50);
    expect(await answer).toEqual({ ok: true, value: 'heard' });
  });

  it('gets no other method, no process and no network', async () => {
    const looks = `return ok([Object.keys(context.port), typeof process, typeof require('arsenal-otp/operation'), typeof fetch])`;
    await save('x.ts', reading('looks', looks).replace('context: unknown', 'context: any'));
    expect(await execute('looks', {})).toEqual({ ok: true, value: [['cluster'], 'undefined', 'object', 'undefined'] });
  });

  it.each(['saved anew', 'deleted'])('keeps the version it found, to its end, when its module is %s', async (what) => {
    processCount = 7;
    const waits = `context.emit({ is: 'progress', message: 'begun', fraction: 0 });
      for (;;) {
        const { value } = await context.port.system.stats({ node: 'a@h' }, context.options());
        if (value.processCount === 8) return ok('as it was');
        await new Promise((resolve) => setTimeout(resolve, 1));
      }`;
    const module = (body: string) =>
      reading('waits', body).replace("'cluster.nodes'", "'system.stats'").replace('context: unknown', 'context: any');
    const file = await save('x.ts', module(waits));
    const found = registry.find('waits');
    if (found === null || isWrite(found.operation)) throw new Error(`no operation: ${logged.join('; ')}`);
    let begun = () => {};
    const hasBegun = new Promise<void>((resolve) => (begun = resolve));
    const { context } = contextFor(found.operation.needs, 60_000, () => begun());
    const answer = found.operation.execute(context, {});
    await hasBegun;
    if (what === 'deleted') {
      fs.rmSync(file);
      operations.fileChanged(file);
      await operations.settled();
      expect(registry.find('waits')).toBeNull();
    } else {
      await save('x.ts', module("return ok('as it is')"));
      expect(await execute('waits', {})).toEqual({ ok: true, value: 'as it is' });
    }
    processCount = 8;
    expect(await answer).toEqual({ ok: true, value: 'as it was' });
  });

  it('has its own checks waited for, also where they are async', async () => {
    const own = (checks: string) =>
      reading('checks', 'return ok(1)').replace('examples: [],', `examples: [], ${checks}`);
    await save(
      'x.ts',
      own("async validate({ n }: any) { return n === 1 ? [{ pointer: '/n', message: 'is odd' }] : []; },"),
    );
    expect(await execute('checks', { n: 1 })).toMatchObject({
      error: { code: 'params.invalid', message: '/n is odd' },
    });
    expect(await execute('checks', { n: 2 })).toEqual({ ok: true, value: 1 });
    await save('x.ts', own('async authorize() { return ok(null); }, async shape(value: any) { return value + 1; },'));
    expect(await execute('checks', {})).toEqual({ ok: true, value: 2 });
  });

  it('that throws fails with the place in the file of the user', async () => {
    const file = await save('x.ts', reading('throws', 'throw new Error(`no ${params.n}`)'));
    const answer = await execute('throws', { n: 4 });
    expect(answer).toMatchObject({ ok: false, error: { class: 'execution', code: 'operation.threw' } });
    if (!answer.ok) expect(answer.error.message).toContain(`no 4 (${file}:8:`);
  });

  it('that answers nonsense fails', async () => {
    await save('x.ts', reading('nonsense', 'return params.n === 1 ? 7 : ok(() => 1)'));
    expect(await execute('nonsense', { n: 1 })).toMatchObject({ ok: false, error: { code: 'operation.bad_result' } });
    expect(await execute('nonsense', {})).toMatchObject({ ok: false, error: { code: 'operation.bad_result' } });
  });
});
