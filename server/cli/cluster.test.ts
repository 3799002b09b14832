import fs from 'node:fs';
import type { Server } from 'node:net';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { failure } from '../../runtime/errors.ts';
import type { Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { LocalClusterInfo } from '../../runtime/local/localSpec.ts';
import { listenOnLoopback } from '../../runtime/local/network/listen.ts';
import { readJsonLines, writeJsonLine } from '../../runtime/local/owner/jsonLines.ts';
import { clusterDirOf, publishOwner } from '../../runtime/local/owner/ownerFiles.ts';
import type { CliIo } from './io.ts';
import { runCommandLine } from './program.ts';

const info: LocalClusterInfo = {
  project: null,
  launcher: 'erl',
  nodes: [1, 2, 3].map((n) => ({
    node: `node${n}@127.0.0.1`,
    state: 'up',
    osPid: n,
    creation: n,
    logFile: `/logs/${n}`,
  })),
  isKept: true,
  ownerPid: 1,
  windows: 0,
  epmdPort: 1,
  cookieFile: '/cookie',
  otpRelease: '25',
  preventsOverlap: true,
  netTicktimeSeconds: 60,
  faults: [{ id: 'fault:1', what: 'node2@127.0.0.1 hangs' }],
};

/** What the stand-in for an owner is asked, and what it answers in place of the usual. */
let asked: { readonly method: string; readonly params: unknown }[];
let answers: { [method: string]: Result<unknown> };
let home: string;
let server: Server;

beforeEach(async () => {
  asked = [];
  answers = {};
  home = fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-cluster-'));
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    readJsonLines(socket, (value) => {
      const { id, method, params } = value as { id: number; method: string; params: unknown };
      if (method !== 'attach') asked.push({ method, params });
      writeJsonLine(socket, { id, result: answers[method] ?? usual(method) });
      if (method === 'stop') socket.end();
    });
  });
  await publishOwner(await clusterDirOf(home, null), await listenOnLoopback(server));
});
afterEach(() => {
  server.close();
  fs.rmSync(home, { recursive: true, force: true });
});

function usual(method: string): Result<unknown> {
  switch (method) {
    case 'log':
      return ok({ file: '/logs/2', lines: ['\u001b[31mred', 'plain'], end: 10 });
    case 'fault':
      return ok({ id: 'fault:2', preventsOverlap: false });
    case 'release':
      return ok({ released: 1 });
    case 'stop':
      return ok(null);
    default:
      return ok(info);
  }
}

async function cluster(...words: string[]): Promise<{ code: number; out: string; err: string }> {
  const said = { out: '', err: '' };
  const distDir = path.join(home, 'dist');
  fs.mkdirSync(distDir, { recursive: true });
  // Only looked for: the owner runs already.
  fs.writeFileSync(path.join(distDir, 'localCluster.js'), '');
  const io: CliIo = {
    stdout: { write: (text) => (said.out += text) },
    stderr: { write: (text) => (said.err += text) },
    env: { ARSENAL_HOME: home },
    distDir,
    stop: new AbortController().signal,
    version: '0',
    createBackend: () => Promise.reject(new Error('It needs no backend.')),
  };
  return { code: await runCommandLine(io, ['cluster', ...words]), ...said };
}

describe('arsenal cluster', () => {
  it('starts one that is kept, of what was asked for', async () => {
    const run = await cluster('start', '--nodes', '3', '--overlap', 'allow', '--env', 'PORT=400{n}');
    expect(run).toMatchObject({ code: 0, err: '' });
    expect(asked).toEqual([
      {
        method: 'start',
        params: {
          keep: true,
          spec: {
            project: null,
            launcher: null,
            nodes: 3,
            baseName: null,
            env: { PORT: '400{n}' },
            applications: [],
            netTicktimeSeconds: null,
            preventOverlappingPartitions: false,
          },
        },
      },
    ]);
    for (const word of ['node3@127.0.0.1', 'OTP 25', 'prevent_overlapping_partitions true', 'node2@127.0.0.1 hangs']) {
      expect(run.out).toContain(word);
    }
  });

  it('shows its status, also as JSON, and whose windows keep it', async () => {
    expect(JSON.parse((await cluster('status', '--json')).out)).toEqual(info);
    answers = { status: ok({ ...info, isKept: false, windows: 2, faults: [] }) };
    const run = await cluster('status');
    expect(run.out).toContain('the last of 2 windows');
    expect(run.out).not.toContain('fault');
  });

  it('parts nodes by number, short name or full name, until they are healed', async () => {
    const run = await cluster('partition', '1,node2', 'node3@127.0.0.1', '--mode', 'blackhole');
    expect(run).toMatchObject({ code: 0 });
    expect(asked.at(-1)).toMatchObject({
      method: 'fault',
      params: {
        fault: {
          is: 'partition',
          islands: [['node1@127.0.0.1', 'node2@127.0.0.1'], ['node3@127.0.0.1']],
          mode: 'blackhole',
        },
        life: { linger: 'until_healed' },
      },
    });
    expect(run.out).toContain('OTP closes no others');
    expect(await cluster('partition', '1', '7')).toMatchObject({ code: 1 });
  });

  it('heals one fault, or all', async () => {
    expect((await cluster('heal', 'fault:1')).out).toBe('Healed one fault.\n');
    expect(asked.at(-1)).toEqual({ method: 'release', params: { id: 'fault:1' } });
    answers = { release: ok({ released: 0 }) };
    expect((await cluster('heal')).out).toBe('Healed 0 faults.\n');
    const unknown = await cluster('heal', 'fault:9', '--json');
    expect([unknown.code, unknown.out.includes('fault.not_held')]).toEqual([1, true]);
  });

  it('prints logs so that nothing in them steers the terminal', async () => {
    const run = await cluster('logs', '2', '--lines', '5');
    expect(asked.at(-1)).toEqual({ method: 'log', params: { node: 'node2@127.0.0.1', from: { last: 5 } } });
    expect(run.out).not.toContain('\u001b');
    expect(run.out).toContain('red');
    expect(await cluster('logs')).toMatchObject({ code: 0 });
    expect(asked.at(-1)).toEqual({ method: 'log', params: { node: null, from: { last: 50 } } });
    expect(await cluster('logs', 'nobody')).toMatchObject({ code: 1 });
  });

  it('stops it, and waits until its owner is gone', async () => {
    expect(await cluster('stop')).toMatchObject({ code: 0, out: 'Stopped.\n' });
  });

  it('tells what the owner refuses, with the remedy', async () => {
    answers = { start: failure('execution', 'local.compile_failed', 'It does not compile.', 'Mend it.') };
    const run = await cluster('start');
    expect(run.code).toBe(1);
    for (const word of ['It does not compile.', 'Mend it.', '[local.compile_failed]']) expect(run.err).toContain(word);
  });
});
