import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as esbuild from 'esbuild';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  createMessageConnection,
  IPCMessageReader,
  IPCMessageWriter,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-jsonrpc/node';

let folder: string;
let bundle: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-server-'));
  bundle = path.join(folder, 'server.js');
  const shared = { bundle: true, platform: 'node', format: 'cjs', target: 'node20', logLevel: 'error' } as const;
  await esbuild.build({ ...shared, entryPoints: ['server/main.ts'], outfile: bundle });
  await esbuild.build({
    ...shared,
    entryPoints: ['runtime/embedded/worker.ts'],
    outfile: path.join(folder, 'simulatedWorker.js'),
  });
}, 60_000);
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

function start(args: readonly string[], stdio: ('pipe' | 'ipc')[]): ChildProcess {
  const env = { ...process.env, ARSENAL_HOME: path.join(folder, 'home') };
  const child = spawn(process.execPath, [bundle, ...args], { stdio, env });
  children.push(child);
  return child;
}

const hello = (processId: number | null) => ({ processId, rootUri: null, capabilities: {} });

async function exitOf(child: ChildProcess): Promise<unknown> {
  if (child.exitCode === null) await once(child, 'exit');
  return child.exitCode;
}

describe('the server process on --stdio', () => {
  it('prints nothing but the protocol, serves a system, and ends when it is told to', async () => {
    const child = start(['--stdio'], ['pipe', 'pipe', 'pipe']);
    const { stdin, stdout, stderr } = child;
    if (stdin === null || stdout === null || stderr === null) throw new Error('no streams');
    const said: string[] = [];
    stderr.on('data', (data: Buffer) => said.push(data.toString()));
    const connection = createMessageConnection(new StreamMessageReader(stdout), new StreamMessageWriter(stdin));
    const strange: unknown[] = [];
    // Anything on stdout that is not a message breaks the reader.
    connection.onError((error) => strange.push(error));
    connection.onRequest(() => null);
    connection.listen();
    await connection.sendRequest('initialize', hello(process.pid));
    await connection.sendNotification('initialized', {});
    const info = await connection.sendRequest('arsenal/connection/open', { kind: 'simulated', seed: 1 });
    expect(info).toMatchObject({ kind: 'simulated', state: { is: 'ready' } });
    await connection.sendRequest('shutdown');
    await connection.sendNotification('exit');
    expect(await exitOf(child)).toBe(0);
    expect({ strange, said }).toEqual({ strange: [], said: [] });
  }, 30_000);

  it('ends when its standard input closes, with a system open', async () => {
    const child = start(['--stdio'], ['pipe', 'pipe', 'pipe']);
    const { stdin, stdout } = child;
    if (stdin === null || stdout === null) throw new Error('no streams');
    const connection = createMessageConnection(new StreamMessageReader(stdout), new StreamMessageWriter(stdin));
    connection.listen();
    await connection.sendRequest('initialize', hello(null));
    await connection.sendRequest('arsenal/connection/open', { kind: 'simulated' });
    stdin.end();
    expect(await exitOf(child)).toBe(1);
  }, 30_000);

  it('ends when the process of its client is gone', async () => {
    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    const child = start(['--stdio'], ['pipe', 'pipe', 'pipe']);
    const { stdin, stdout } = child;
    if (stdin === null || stdout === null) throw new Error('no streams');
    const connection = createMessageConnection(new StreamMessageReader(stdout), new StreamMessageWriter(stdin));
    connection.listen();
    await connection.sendRequest('initialize', hello(other.pid ?? null));
    other.kill('SIGKILL');
    await once(other, 'exit');
    expect(await exitOf(child)).toBe(1);
  }, 30_000);
});

describe('the server process on --node-ipc', () => {
  it('ends when the channel closes', async () => {
    const child = start(['--node-ipc'], ['pipe', 'pipe', 'pipe', 'ipc']);
    const connection = createMessageConnection(new IPCMessageReader(child), new IPCMessageWriter(child));
    connection.listen();
    await connection.sendRequest('initialize', hello(null));
    child.disconnect();
    expect(await exitOf(child)).toBe(0);
  }, 30_000);
});
