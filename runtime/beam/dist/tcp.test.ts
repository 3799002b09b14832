import type { Server } from 'node:net';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import type { DialResult, FindAddresses } from './tcp.ts';
import { connectTcp } from './tcp.ts';

const never = new AbortController().signal;
const options = { timeoutMs: 2_000, signal: never };
const hasIPv6 = Object.values(networkInterfaces()).some(
  (all) => all?.some(({ address }) => address === '::1') === true,
);
const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

function listen(host: string): Promise<number> {
  const server = createServer((socket) => socket.on('error', () => undefined));
  servers.push(server);
  return new Promise((resolve) => {
    server.listen(0, host, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

const found =
  (...addresses: readonly string[]): FindAddresses =>
  () =>
    Promise.resolve(addresses);

/** Where it is connected to, or why not. */
function outcome(result: DialResult): string {
  if (!result.ok) return result.why;
  const { remoteAddress = '' } = result.socket;
  result.socket.destroy();
  return remoteAddress;
}

describe('a connection to a host', () => {
  it.runIf(hasIPv6)('is made to the address that accepts, of whichever family, in their order', async () => {
    const four = await listen('127.0.0.1');
    const both = { host: 'box', port: four };
    expect(outcome(await connectTcp(both, options, found('::1', '127.0.0.1')))).toBe('127.0.0.1');
    expect(outcome(await connectTcp(both, options, found('127.0.0.1', '::1')))).toBe('127.0.0.1');
    const six = await listen('::1');
    expect(outcome(await connectTcp({ host: 'box', port: six }, options, found('127.0.0.1', '::1')))).toBe('::1');
    expect(outcome(await connectTcp({ host: '::1', port: six }, options))).toBe('::1');
  });

  it('leaves nothing of its own on the socket', async () => {
    const result = await connectTcp({ host: '127.0.0.1', port: await listen('127.0.0.1') }, options);
    if (!result.ok) throw new Error(result.why);
    expect([result.far, result.socket.listenerCount('error'), result.socket.listenerCount('connect')]).toEqual([
      'accepted',
      0,
      0,
    ]);
    result.socket.destroy();
  });

  it('says why there is none: refused, unresolved, too late, given up', async () => {
    const port = await listen('127.0.0.1');
    for (const server of servers.splice(0)) server.close();
    const refused = { host: 'box', port };
    expect(outcome(await connectTcp(refused, options, found('127.0.0.1', '127.0.0.2')))).toBe('refused');
    expect(outcome(await connectTcp(refused, options, () => Promise.resolve('unresolved')))).toBe('unresolved');
    expect(outcome(await connectTcp({ host: 'no-such-host.invalid', port }, options))).toBe('unresolved');
    const slow: FindAddresses = () => new Promise(() => undefined);
    expect(outcome(await connectTcp(refused, { ...options, timeoutMs: 20 }, slow))).toBe('timeout');
    const aborter = new AbortController();
    const given = connectTcp(refused, { ...options, signal: aborter.signal }, slow);
    aborter.abort();
    expect(outcome(await given)).toBe('cancelled');
    expect(outcome(await connectTcp(refused, { ...options, signal: aborter.signal }))).toBe('cancelled');
  });
});
