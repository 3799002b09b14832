import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import module from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { callOptions } from '../../runtime/callOptions.ts';
import { permissionFlag } from '../../runtime/embedded/sandbox/isolation.ts';
import { readFromChild } from '../../runtime/embedded/sandbox/messages.ts';
import { SandboxManager } from '../../runtime/embedded/sandbox/sandboxManager.ts';
import type { Json, Result, SandboxInfo } from '../../runtime/model.ts';
import type { SandboxSpec } from '../../runtime/port.ts';
import { eventually, readAll } from '../port/portSuite.ts';
import { valueOf } from '../port/results.ts';
import type { Bundles } from './bundles.ts';
import { buildBundles, isAlive, within } from './bundles.ts';

const megabyte = 1024 * 1024;
const owner = { principal: 'user', client: 'test', operation: 'test', requestId: 'r1' };
const canDenyFiles = permissionFlag() !== null;

let bundles: Bundles;
let folder: string;
let manager: SandboxManager;
beforeAll(async () => {
  bundles = await buildBundles();
  folder = await realpath(await mkdtemp(path.join(tmpdir(), 'arsenal-sandbox-')));
});
afterAll(async () => {
  await bundles.dispose();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  manager = new SandboxManager({ childFile: bundles.sandboxChildFile, wallNow: () => Date.now() });
});
afterEach(() => manager.close());

const soon = (ms = 20_000) => callOptions(ms);

async function create(value: string, more: Partial<SandboxSpec> = {}): Promise<Result<SandboxInfo>> {
  const spec: SandboxSpec = {
    source: { from: 'text', value },
    nodes: [],
    limits: { memoryBytes: 64 * megabyte, cpuMs: 2_000 },
    policy: 'medium',
    owner,
    lingerMs: 0,
    ...more,
  };
  const create = manager.methods['sandboxes.create'];
  if (create === undefined) throw new Error('no method');
  const { end } = await readAll(create(spec, soon()));
  return end.ok ? { ok: true, value: end.value.sandbox } : end;
}
function execute(id: string, name: string, args: readonly Json[] = [], options = soon()) {
  const method = manager.methods['sandboxes.execute'];
  if (method === undefined) throw new Error('no method');
  return method({ id, function: name, args }, options);
}
async function destroy(id: string) {
  const method = manager.methods['sandboxes.destroy'];
  if (method === undefined) throw new Error('no method');
  return valueOf(await method({ id }, soon()));
}
function codeOf(result: Result<unknown>): string {
  return result.ok ? 'no error' : `${result.error.class} ${result.error.code}`;
}
async function file(name: string, content: string): Promise<string> {
  const full = path.join(folder, name);
  await mkdir(path.dirname(full), { recursive: true });
  await writeFile(full, content);
  return full;
}

describe('a sandbox', () => {
  it('is a process of its own, is listed with what keeps it apart, and is gone when destroyed', async () => {
    const info = valueOf(await create('exports.add = (a, b) => a + b;', { name: 'calculator' }));
    expect(info).toMatchObject({ name: 'calculator', state: 'running', source: 'text', ended: null });
    const pid = info.osPid ?? -1;
    expect(isAlive(pid)).toBe(true);
    expect(pid).not.toBe(process.pid);
    expect(info.memoryBytes).toBeGreaterThan(megabyte);
    expect(info.isolation.files).toBe(canDenyFiles ? 'denied' : 'open');
    expect(manager.all).toEqual([info]);
    expect(isAlive(manager.guardPid ?? -1)).toBe(true);
    const guard = manager.guardPid ?? -1;
    expect(await destroy(info.id)).toEqual({ existed: true, leftovers: [] });
    expect(isAlive(pid)).toBe(false);
    expect(manager.all).toEqual([]);
    expect(await destroy(info.id)).toEqual({ existed: false, leftovers: [] });
    expect(await within(2000, () => !isAlive(guard))).toBe(true);
  });

  // @row SI-01
  it('calls the functions of its module, in every form a module has, and answers with what they printed', async () => {
    await file('esm/helper.mjs', 'export const two = 2;');
    const sources: readonly SandboxSpec['source'][] = [
      { from: 'text', value: 'module.exports = { twice: (n) => { console.log("doubling", n); return n * 2; } };' },
      { from: 'text', value: 'export async function twice(n) { console.log("doubling", n); return n * 2; }' },
      {
        from: 'module',
        value: await file('common.cjs', 'exports.twice = (n) => { console.log("doubling", n); return n * 2 };'),
      },
      {
        from: 'module',
        value: await file(
          'esm/main.mjs',
          'import { two } from "./helper.mjs"; export const twice = (n) => { console.log("doubling", n); return n * two; };',
        ),
      },
      {
        from: 'folder',
        value: path.dirname(
          await file('whole/index.js', 'exports.twice = (n) => (console.log("doubling", n), n * 2);'),
        ),
      },
    ];
    for (const source of sources) {
      const { id } = valueOf(await create('', { source }));
      expect(valueOf(await execute(id, 'twice', [21]))).toEqual({ value: 42, output: 'doubling 21\n' });
    }
    expect(manager.all).toHaveLength(sources.length);
  });

  it('says what went wrong in a call, and lives on', async () => {
    const text = `
      exports.fail = () => { console.error('trying'); throw new TypeError('no good'); };
      exports.odd = () => 1n;
      exports.nothing = () => undefined;
      exports.code = () => () => 1;
      exports.hang = () => new Promise(() => {});
    `;
    const { id } = valueOf(await create(text));
    const failed = await execute(id, 'fail');
    expect(codeOf(failed)).toBe('execution sandbox.exception');
    expect(failed).toMatchObject({ error: { effect: 'unknown', details: { output: 'trying\n' } } });
    expect(JSON.stringify(failed)).toContain('TypeError: no good');
    expect(codeOf(await execute(id, 'odd'))).toBe('execution sandbox.not_json');
    expect(valueOf(await execute(id, 'nothing')).value).toBeNull();
    expect(valueOf(await execute(id, 'code')).value).toBeNull();
    expect(codeOf(await execute(id, 'toString'))).toBe('not_found sandbox.no_function');
    const abort = new AbortController();
    setTimeout(() => {
      abort.abort();
    }, 50);
    expect(codeOf(await execute(id, 'hang', [], callOptions(5_000, abort.signal)))).toBe('timeout sandbox.no_answer');
    expect(codeOf(await execute('sandbox-99', 'x'))).toBe('not_found sandbox.not_found');
    expect(valueOf(await execute(id, 'nothing')).value).toBeNull();
  });

  it('can read its own folder only, writes nowhere, starts nothing, and knows no environment', async () => {
    if (!canDenyFiles) return;
    const main = await file(
      'closed/main.cjs',
      `
      const fs = require('node:fs');
      const attempt = (work) => { try { work(); return 'done'; } catch (e) { return e.code; } };
      exports.tries = () => ({
        own: attempt(() => fs.readFileSync(__filename)),
        passwd: attempt(() => fs.readFileSync('/etc/hostname')),
        write: attempt(() => fs.writeFileSync(__dirname + '/x', 'x')),
        spawn: attempt(() => require('node:child_process').spawnSync('true')),
        worker: attempt(() => new (require('node:worker_threads').Worker)('1', { eval: true })),
        environment: Object.keys(process.env),
      });
    `,
    );
    const { id } = valueOf(await create('', { source: { from: 'module', value: main }, policy: 'high' }));
    expect(valueOf(await execute(id, 'tries')).value).toEqual({
      own: 'done',
      passwd: 'ERR_ACCESS_DENIED',
      write: 'ERR_ACCESS_DENIED',
      spawn: 'ERR_ACCESS_DENIED',
      worker: 'ERR_ACCESS_DENIED',
      environment: [],
    });
    const low = valueOf(await create('', { source: { from: 'module', value: main }, policy: 'low' }));
    expect(low.isolation.files).toBe('open');
  });

  it('that never gives way is killed after its time, and one that takes too much memory too', async () => {
    const looping = valueOf(
      await create('exports.loop = () => { for (;;); };', { limits: { memoryBytes: 64 * megabyte, cpuMs: 200 } }),
    );
    const since = performance.now();
    expect(codeOf(await execute(looping.id, 'loop'))).toBe('execution sandbox.ended');
    expect(performance.now() - since).toBeLessThan(3_000);
    expect(isAlive(looping.osPid ?? -1)).toBe(false);
    expect(manager.all[0]).toMatchObject({ state: 'failed', osPid: null, memoryBytes: null });
    expect(manager.all[0]?.ended).toContain('200 ms');
    expect(codeOf(await execute(looping.id, 'loop'))).toBe('conflict sandbox.not_running');
    const text = `
      const kept = [];
      exports.eat = async () => { for (;;) { kept.push(Buffer.alloc(8 * 1024 * 1024, 1)); await new Promise((r) => setTimeout(r, 5)); } };
      exports.heap = () => { const all = []; for (;;) all.push(new Array(1000).fill({})); };
    `;
    const limits = { memoryBytes: 48 * megabyte, cpuMs: 400 };
    const eating = valueOf(await create(text, { limits }));
    expect(codeOf(await execute(eating.id, 'eat'))).toBe('execution sandbox.ended');
    expect(manager.all.find(({ id }) => id === eating.id)?.ended).toContain('memory');
    const heaping = valueOf(await create(text, { limits: { ...limits, cpuMs: 20_000 } }));
    expect(codeOf(await execute(heaping.id, 'heap'))).toBe('execution sandbox.ended');
    expect(manager.all.find(({ id }) => id === heaping.id)?.state).toBe('failed');
  });

  it('that is killed by somebody else, or ends by itself, is told as failed', async () => {
    const heard: string[] = [];
    manager.onChange(() => heard.push(JSON.stringify(manager.all.map(({ state }) => state))));
    const one = valueOf(await create('exports.end = () => process.exit(3);'));
    const other = valueOf(await create('exports.x = () => 1;'));
    expect(codeOf(await execute(one.id, 'end'))).toBe('execution sandbox.ended');
    process.kill(other.osPid ?? -1, 'SIGKILL');
    await eventually(
      async () => heard.at(-1),
      (last) => last === '["failed","failed"]',
    );
    expect(manager.all.map(({ ended }) => ended)).toEqual([
      'Its process ended (code 3).',
      'Its process ended (SIGKILL).',
    ]);
  });

  it('is not created from what cannot run, and leaves nothing behind', async () => {
    const missing = { from: 'module', value: path.join(folder, 'nowhere.js') } as const;
    const wrong = { from: 'module', value: await file('readme.md', '# hello') } as const;
    const empty = { from: 'folder', value: path.dirname(await file('bare/data.txt', 'x')) } as const;
    for (const source of [missing, wrong, empty])
      expect(codeOf(await create('', { source }))).toBe('validation sandbox.source');
    const large = { from: 'text', value: 'x'.repeat(megabyte + 1) } as const;
    expect(codeOf(await create('', { source: large }))).toBe('validation sandbox.source');
    const failing = await create('throw new Error("not today");');
    expect(codeOf(failing)).toBe('execution sandbox.start_failed');
    expect(JSON.stringify(failing)).toContain('not today');
    expect(codeOf(await create('this is no JavaScript'))).toBe('execution sandbox.start_failed');
    expect(codeOf(await create('process.exit(7)'))).toBe('execution sandbox.start_failed');
    expect(codeOf(await create('', { limits: { memoryBytes: 1, cpuMs: 1000 } }))).toBe('validation sandbox.limits');
    expect(codeOf(await create('', { nodes: [{ wants: 'demo1@sim', required: true }] }))).toBe(
      'unsupported runtime.unsupported',
    );
    expect(manager.all).toEqual([]);
    expect(manager.guardPid).toBeNull();
  });

  it('takes a TypeScript file where this Node can strip types, and says so where it cannot', async () => {
    const value = await file('typed.ts', 'export const twice = (n: number): number => n * 2;');
    const created = await create('', { source: { from: 'module', value } });
    if (typeof Reflect.get(module, 'stripTypeScriptTypes') === 'function') {
      expect(valueOf(await execute(valueOf(created).id, 'twice', [4])).value).toBe(8);
    } else {
      expect(codeOf(created)).toBe('unsupported runtime.unsupported');
      expect(created.ok ? '' : created.error.remedy).toContain('JavaScript');
    }
  });

  it('is placed beside the cluster whatever node was wished for, and says why', async () => {
    const create = manager.methods['sandboxes.create'];
    const spec: SandboxSpec = {
      source: { from: 'text', value: 'exports.x = () => 1;' },
      nodes: [
        { wants: 'demo2@sim', required: false },
        { wants: 'any', required: true },
      ],
      limits: { memoryBytes: 64 * megabyte, cpuMs: 1000 },
      policy: 'medium',
      owner,
      lingerMs: 0,
    };
    if (create === undefined) throw new Error('no method');
    const { frames, end } = await readAll(create(spec, soon()));
    expect(frames.map(({ step }) => step)).toEqual(['looking for its code', 'starting its process']);
    expect(valueOf(end).placed).toEqual([
      { wanted: 'demo2@sim', got: 'this_machine', why: 'not_allowed' },
      { wanted: 'any', got: 'this_machine', why: 'as_asked' },
    ]);
  });

  it('has another guard when its guard is killed', async () => {
    valueOf(await create('exports.x = () => 1;'));
    const first = manager.guardPid ?? -1;
    process.kill(first, 'SIGKILL');
    const second = await eventually(
      async () => manager.guardPid,
      (pid) => pid !== null && pid !== first,
    );
    expect(isAlive(second ?? -1)).toBe(true);
  });
});

describe('an owner that is killed', () => {
  it('takes its sandboxes with it, also one that is caught in a loop', async () => {
    const program = await bundles.bundle(path.join(import.meta.dirname, 'sandboxOwner.ts'), 'sandboxOwner.js');
    const child = spawn(process.execPath, [program, bundles.sandboxChildFile], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const line = await new Promise<string>((resolve) =>
      child.stdout.once('data', (data: Buffer) => resolve(data.toString())),
    );
    const { guard, sandboxes } = JSON.parse(line) as { guard: number; sandboxes: number[] };
    expect(sandboxes).toHaveLength(2);
    for (const pid of [guard, ...sandboxes]) expect(isAlive(pid)).toBe(true);
    child.kill('SIGKILL');
    for (const pid of [guard, ...sandboxes]) expect(await within(3_000, () => !isAlive(pid))).toBe(true);
  }, 30_000);
});

describe('what a sandbox says', () => {
  it('is taken only in the shape it should have', () => {
    for (const message of [null, 1, {}, { m: 'pwned' }, { m: 'value', id: 'x' }, { m: 'ready', isolation: null }]) {
      expect(readFromChild(message)).toBeNull();
    }
    const pong = { m: 'pong', n: 1, memoryBytes: 2 };
    expect(readFromChild(pong)).toBe(pong);
  });
});
