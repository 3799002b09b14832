import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { epmdNames, epmdPort } from '../../beam/dist/epmd.ts';
import type { EpmdView } from './epmdServer.ts';
import { EpmdNames, openEpmdView } from './epmdServer.ts';

const views: EpmdView[] = [];
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const view of views.splice(0)) view.close();
});

const options = () => ({ timeoutMs: 2_000, signal: new AbortController().signal });
const at = (view: EpmdView) => ({ host: '127.0.0.1', port: view.port });

async function view(names: EpmdNames, shift = 0): Promise<EpmdView> {
  const opened = await openEpmdView(names, (found) => Promise.resolve(found.port + shift));
  views.push(opened);
  return opened;
}

/** ALIVE2_REQ as OTP's erl_epmd sends it; answers the reply. */
function register(port: number, name: string, listening: number): Promise<{ socket: Socket; reply: Buffer }> {
  const body = Buffer.alloc(13 + name.length);
  body.writeUInt8(120, 0);
  body.writeUInt16BE(listening, 1);
  body.writeUInt8(77, 3);
  body.writeUInt16BE(6, 5);
  body.writeUInt16BE(5, 7);
  body.writeUInt16BE(name.length, 9);
  body.write(name, 11);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(body.length);
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      // In two pieces, as a network may bring it.
      socket.write(length);
      setTimeout(() => socket.write(body), 5);
    });
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.once('data', (reply) => resolve({ socket, reply }));
  });
}

it('registers a node while it is connected, and tells each asker the port of its own view', async () => {
  const names = new EpmdNames();
  const [one, other] = [await view(names), await view(names, 1000)];
  const { socket, reply } = await register(one.port, 'shop1', 4000);
  expect([reply[0], reply[1]]).toEqual([118, 0]);
  expect(reply.readUInt32BE(2)).toBe(names.get('shop1')?.creation);
  expect(reply.readUInt32BE(2)).toBeGreaterThanOrEqual(4);

  expect(await epmdPort('shop1', at(one), options())).toMatchObject({
    ok: true,
    value: { port: 4000, highestVersion: 6, lowestVersion: 5, hidden: false },
  });
  expect(await epmdPort('shop1', at(other), options())).toMatchObject({ ok: true, value: { port: 5000 } });
  expect(await epmdNames(at(other), options())).toEqual({ ok: true, value: [{ name: 'shop1', port: 5000 }] });

  socket.destroy();
  await expect.poll(() => names.get('shop1')).toBeNull();
  expect(await epmdPort('shop1', at(one), options())).toMatchObject({ ok: false, error: { kind: 'no_such_node' } });
});

it('refuses a name that is taken, and keeps the one who has it', async () => {
  const names = new EpmdNames();
  const only = await view(names);
  await register(only.port, 'shop1', 4000);
  const second = await register(only.port, 'shop1', 4001);
  expect([second.reply[0], second.reply[1]]).toEqual([118, 1]);
  expect(names.get('shop1')?.port).toBe(4000);
});

it('is not ended by KILL nor by garbage', async () => {
  const names = new EpmdNames();
  const only = await view(names);
  for (const bytes of [
    [0, 1, 107],
    [0, 1, 115],
    [0, 3, 120, 1, 2],
    [255, 255, 1, 2, 3],
    [0, 0],
  ]) {
    await new Promise<void>((resolve) => {
      const socket = connect(only.port, '127.0.0.1', () => socket.write(Uint8Array.from(bytes)));
      sockets.push(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => resolve());
      socket.resume();
    });
  }
  await register(only.port, 'shop1', 4000);
  expect(await epmdNames(at(only), options())).toMatchObject({ ok: true, value: [{ name: 'shop1' }] });
});
