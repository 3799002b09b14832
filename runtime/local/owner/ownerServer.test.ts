import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { callOptions } from '../../callOptions.ts';
import { usualSpec } from '../localSpec.ts';
import { attachRunning } from './attachOwner.ts';
import { OwnerClient } from './ownerClient.ts';
import type { OwnerAddress } from './ownerFiles.ts';
import { publishedOwners, publishOwner, withdrawOwner } from './ownerFiles.ts';
import { OwnerServer } from './ownerServer.ts';

let clusterDir: string;
let server: OwnerServer;
let address: OwnerAddress;
let isOver: boolean;
const sockets: Socket[] = [];

beforeEach(async () => {
  clusterDir = mkdtempSync(path.join(tmpdir(), 'arsenal-owner-'));
  isOver = false;
  server = new OwnerServer({
    clusterDir,
    // No program is found: every start fails in preflight.
    env: { PATH: '' },
    log: () => undefined,
    onOver: () => (isOver = true),
  });
  address = await publishOwner(clusterDir, await server.listen());
  server.admit(address.token);
  server.own();
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server.end('the test is over');
  rmSync(clusterDir, { recursive: true, force: true });
});

async function attached(role: 'window' | 'tool' = 'tool'): Promise<OwnerClient> {
  const client = await OwnerClient.attach(address, role);
  if (client === 'gone' || client === 'silent') throw new Error('Not attached.');
  return client;
}
const inTime = () => callOptions(5_000);

/** Sends bytes, and waits until the owner closes. */
function closedAfter(bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let said = '';
    const socket = connect(address.port, '127.0.0.1', () => socket.write(bytes));
    sockets.push(socket);
    socket.on('data', (chunk) => (said += chunk.toString()));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(said));
  });
}

describe('the owner', () => {
  it('closes on who does not begin with its secret, and tells them nothing', async () => {
    const attach = (token: string) =>
      `${JSON.stringify({ id: 1, method: 'attach', params: { token, role: 'tool' } })}\n`;
    for (const bytes of ['garbage\n', '{}\n', '{"id":1,"method":"status","params":{}}\n', attach('wrong'), 'null\n']) {
      expect(await closedAfter(bytes), bytes).not.toContain('"ok":true');
    }
    expect(await closedAfter('{"id":1,"method":"no such"}\n')).toBe('');
    expect((await attached()).isOpen).toBe(true);
  });

  it('says that nothing runs, before anything does', async () => {
    const client = await attached();
    for (const method of ['status', 'holdings'] as const) {
      expect(await client.ask(method, {}, inTime())).toMatchObject({ error: { code: 'local.not_running' } });
    }
    client.close();
  });

  it('answers what was missing to who wanted to start, and ends when they go', async () => {
    const client = await attached('window');
    const started = await client.ask('start', { spec: usualSpec, keep: false }, inTime());
    expect(started).toMatchObject({ ok: false, error: { code: 'local.erl_missing', effect: 'none' } });
    expect(isOver).toBe(false);
    client.close();
    await expect.poll(() => isOver).toBe(true);
  });

  it('is found by its file, and a dead one’s file is taken away', async () => {
    const dead = await publishOwner(clusterDir, 1);
    writeFileSync(path.join(clusterDir, 'owner-0123456789abcdef.json'), 'not what it should be');
    expect(await publishedOwners(clusterDir)).toHaveLength(2);
    const client = await attachRunning(clusterDir, 'tool');
    expect(client?.address.token).toBe(address.token);
    client?.close();
    expect(readdirSync(clusterDir)).toContain(path.basename(address.file));
    await withdrawOwner(address);
    expect(await attachRunning(clusterDir, 'tool')).toBeNull();
    expect(readdirSync(clusterDir)).not.toContain(path.basename(dead.file));
  });

  it('lets nobody begin with it until it is known to be the owner, but for others that would be it', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'arsenal-owner-'));
    const make = () =>
      new OwnerServer({ clusterDir: folder, env: { PATH: '' }, log: () => undefined, onOver: () => undefined });
    const [stays, withdraws] = [make(), make()];
    try {
      const at = await publishOwner(folder, await stays.listen());
      stays.admit(at.token);
      let isLetIn = false;
      const window = OwnerClient.attach(at, 'window').finally(() => (isLetIn = true));
      const other = await OwnerClient.attach(at, 'owner');
      expect(other).toBeInstanceOf(OwnerClient);
      expect(isLetIn).toBe(false);
      stays.own();
      expect(await window).toBeInstanceOf(OwnerClient);
      const before = await publishOwner(folder, await withdraws.listen());
      withdraws.admit(before.token);
      const tool = OwnerClient.attach(before, 'tool');
      await OwnerClient.attach(before, 'owner');
      await withdraws.end('another owns this folder');
      expect(await tool).toBe('gone');
    } finally {
      await Promise.all([stays, withdraws].map((each) => each.end('the test is over')));
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('is not taken for dead while it is busy: its file stays', async () => {
    const silent = createServer();
    const port = await new Promise<number>((resolve) => {
      silent.listen(0, '127.0.0.1', () => resolve((silent.address() as AddressInfo).port));
    });
    const busy = await publishOwner(clusterDir, port);
    expect(await OwnerClient.attach(busy, 'tool')).toBe('silent');
    expect(await OwnerClient.attach({ ...busy, pid: 2 ** 30 }, 'tool')).toBe('gone');
    const client = await attachRunning(clusterDir, 'tool');
    expect(client?.address.token).toBe(address.token);
    client?.close();
    expect(readdirSync(clusterDir)).toContain(path.basename(busy.file));
    silent.close();
  });

  it('tells who is attached that it ends, and their questions fail then', async () => {
    const client = await attached();
    const said: string[] = [];
    client.onEvent(({ event }) => said.push(event));
    const stopped = await client.ask('stop', {}, inTime());
    expect(stopped).toEqual({ ok: true, value: null });
    await expect.poll(() => [said, client.isOpen, isOver]).toEqual([['ending'], false, true]);
    expect(await client.ask('status', {}, inTime())).toMatchObject({ error: { code: 'local.owner_gone' } });
  });

  it('is asked within the time given, and not at all when that is over', async () => {
    const client = await attached();
    expect(await client.ask('status', {}, callOptions(5_000, AbortSignal.abort()))).toMatchObject({
      error: { class: 'cancelled', effect: 'none' },
    });
    client.close();
  });
});
