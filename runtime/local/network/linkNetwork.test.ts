import type { Server, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { epmdPort } from '../../beam/dist/epmd.ts';
import type { LinkCondition } from '../../network/condition.ts';
import { openLink } from '../../network/condition.ts';
import { LinkNetwork } from './linkNetwork.ts';
import { listenOnLoopback } from './listen.ts';

/** Conditions by `from>to`. */
let conditions: Map<string, Partial<LinkCondition>>;
let network: LinkNetwork;
let servers: Server[];
let sockets: Socket[];

beforeEach(() => {
  conditions = new Map();
  servers = [];
  sockets = [];
  network = new LinkNetwork((from, to) => ({ ...openLink, ...conditions.get(`${from}>${to}`) }));
});
afterEach(() => {
  network.close();
  for (const socket of sockets) socket.destroy();
  for (const server of servers) server.close();
});

function set(link: string, condition: Partial<LinkCondition>): void {
  conditions.set(link, condition);
  network.refresh();
}
function setBoth(one: string, other: string, condition: Partial<LinkCondition>): void {
  conditions.set(`${one}>${other}`, condition);
  conditions.set(`${other}>${one}`, condition);
  network.refresh();
}

type End = { readonly socket: Socket; text: string; isClosed: boolean; closedAt: number };

function endOf(socket: Socket): End {
  const end: End = { socket, text: '', isClosed: false, closedAt: 0 };
  sockets.push(socket);
  socket.on('error', () => undefined);
  socket.on('data', (bytes) => {
    end.text += bytes.toString();
  });
  socket.on('close', () => {
    end.isClosed = true;
  });
  return end;
}

/** A node that listens: what its next accepted connection hears. */
async function node(name: string): Promise<{ accepted: End[] }> {
  const accepted: End[] = [];
  const server = createServer((socket) => accepted.push(endOf(socket)));
  servers.push(server);
  const port = await listenOnLoopback(server);
  const facts = { type: 77, protocol: 0, highest: 6, lowest: 5, extra: Buffer.alloc(0) };
  network.names.add({ name, port, creation: 4, facts });
  return { accepted };
}

/** Connects as node `from` does: by the port that its own EPMD tells it. */
async function dial(from: string, to: string): Promise<End> {
  const options = { timeoutMs: 2_000, signal: new AbortController().signal };
  const found = await epmdPort(to, { host: '127.0.0.1', port: await network.portOf(from) }, options);
  if (!found.ok) throw new Error(found.error.message);
  return endOf(connect(found.value.port, '127.0.0.1'));
}

async function linked(): Promise<{ a: End; b: End }> {
  const { accepted } = await node('b');
  const a = await dial('a', 'b');
  a.socket.write('hello ');
  await expect.poll(() => accepted[0]?.text).toBe('hello ');
  return { a, b: accepted[0]! };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('a link', () => {
  it('passes bytes both ways, and an end', async () => {
    const { a, b } = await linked();
    b.socket.write('yes');
    await expect.poll(() => a.text).toBe('yes');
    b.socket.end('!');
    await expect.poll(() => [a.text, a.isClosed]).toEqual(['yes!', true]);
    await expect.poll(() => b.isClosed).toBe(true);
  });

  it('closes at once when it is cut, refuses while it is, and opens when it is mended', async () => {
    const { a, b } = await linked();
    set('a>b', { passage: 'cut' });
    await expect.poll(() => a.isClosed && b.isClosed).toBe(true);
    const refused = await dial('a', 'b');
    await expect.poll(() => refused.isClosed).toBe(true);
    set('a>b', {});
    const again = await dial('a', 'b');
    again.socket.write('x');
    await pause(50);
    expect(again.isClosed).toBe(false);
  });

  it('is open and silent in a black hole, in one direction, and brings all in its order when it is mended', async () => {
    const { a, b } = await linked();
    set('a>b', { passage: 'blackhole' });
    a.socket.write('one ');
    b.socket.write('back');
    await expect.poll(() => a.text).toBe('back');
    a.socket.write('two');
    await pause(50);
    expect([b.text, a.isClosed, b.isClosed]).toEqual(['hello ', false, false]);
    set('a>b', {});
    await expect.poll(() => b.text).toBe('hello one two');
  });

  it('does not let an end through a black hole either', async () => {
    const { a, b } = await linked();
    setBoth('a', 'b', { passage: 'blackhole' });
    a.socket.destroy();
    await pause(50);
    expect(b.isClosed).toBe(false);
    setBoth('a', 'b', {});
    await expect.poll(() => b.isClosed).toBe(true);
  });

  it('lets nobody connect through a black hole, until it is mended', async () => {
    const { accepted } = await node('b');
    setBoth('a', 'b', { passage: 'blackhole' });
    const [a, gaveUp] = [await dial('a', 'b'), await dial('a', 'b')];
    a.socket.write('hello');
    gaveUp.socket.write('not me');
    await pause(50);
    expect([accepted.length, a.isClosed]).toEqual([0, false]);
    gaveUp.socket.destroy();
    await pause(20);
    setBoth('a', 'b', {});
    await expect.poll(() => accepted.map(({ text }) => text)).toEqual(['hello']);
  });

  it('brings bytes late, in their order, and keeps the other direction as it is', async () => {
    const { a, b } = await linked();
    set('a>b', { delayMs: 400, jitterMs: 40 });
    const began = performance.now();
    for (let at = 0; at < 10; at += 1) a.socket.write(`${at} `);
    b.socket.write('now');
    await expect.poll(() => a.text).toBe('now');
    expect(b.text).toBe('hello ');
    await expect.poll(() => b.text).toBe('hello 0 1 2 3 4 5 6 7 8 9 ');
    expect(performance.now() - began).toBeGreaterThanOrEqual(399);
  });

  it('passes no more than its limit', async () => {
    const { a, b } = await linked();
    set('a>b', { bytesPerSecond: 20_000 });
    const began = performance.now();
    a.socket.write('x'.repeat(4_000));
    await expect.poll(() => b.text.length, { timeout: 3_000 }).toBe(4_006);
    expect(performance.now() - began).toBeGreaterThanOrEqual(199);
  });

  it('is silent when all is lost, late when almost all is, and prompt once it is mended', async () => {
    const { a, b } = await linked();
    set('a>b', { lossRatio: 1 });
    a.socket.write('one ');
    await pause(50);
    expect(b.text).toBe('hello ');
    set('a>b', { lossRatio: 0.999_999 });
    a.socket.write('two');
    await pause(150);
    expect(b.text).toBe('hello ');
    set('a>b', {});
    await expect.poll(() => b.text).toBe('hello one two');
  });

  it('holds back a sender that the other side does not read', async () => {
    const { a, b } = await linked();
    b.socket.pause();
    const piece = Buffer.alloc(1024 * 1024);
    for (let at = 0; at < 64; at += 1) a.socket.write(piece);
    await pause(200);
    // The rest waits with the sender: it is not all in our memory.
    expect(a.socket.writableLength).toBeGreaterThan(0);
    b.socket.resume();
    await expect.poll(() => a.socket.writableLength, { timeout: 5_000 }).toBe(0);
  });
});

it('tells us the real ports, past every proxy', async () => {
  const { accepted } = await node('b');
  setBoth('a', 'b', { passage: 'cut' });
  const real = network.names.get('b')?.port ?? 0;
  const options = { timeoutMs: 2_000, signal: new AbortController().signal };
  const at = { host: '127.0.0.1', port: await network.managementPort() };
  expect(await epmdPort('b', at, options)).toMatchObject({ ok: true, value: { port: real } });
  const us = endOf(connect(real, '127.0.0.1'));
  us.socket.write('hi');
  await expect.poll(() => accepted[0]?.text).toBe('hi');
});
