import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Connection } from './connection.ts';
import type { DistError, DistResult } from './errors.ts';
import { epmdNames, epmdPort } from './epmd.ts';
import { flag, offered } from './flags.ts';
import { digest } from './handshake.ts';
import { HiddenNode } from './node.ts';

/** Peers that are no Erlang nodes, or broken ones. Live nodes stand in connection.beam.test.ts. */

const never = new AbortController().signal;
const quick = { timeoutMs: 300, signal: never };
const servers: Server[] = [];
const sockets: Socket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

function listen(serve: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    serve(socket);
  });
  servers.push(server);
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address: AddressInfo | string | null = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

function errorOf<T>(result: DistResult<T>): DistError {
  if (!result.ok) return result.error;
  throw new Error('It succeeded.');
}

function packet(...parts: readonly (string | Uint8Array)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const length = Buffer.alloc(2);
  length.writeUInt16BE(body.length);
  return Buffer.concat([length, body]);
}

/** A peer that shakes hands as a node does, and then says `after`. */
function pretender(after: Uint8Array, flags = offered): (socket: Socket) => void {
  return (socket) => {
    let packets = 0;
    socket.on('data', (bytes) => {
      packets++;
      if (packets === 1) {
        const head = Buffer.alloc(18);
        head.writeBigUInt64BE(flags, 0);
        head.writeUInt16BE('them@localhost'.length, 16);
        socket.write(Buffer.concat([packet('sok'), packet('N', head, 'them@localhost')]));
      } else if (packets === 2) {
        socket.write(Buffer.concat([packet('a', digest('crumbs', bytes.readUInt32BE(3))), after]));
      }
    });
  };
}

async function connect(port: number, timeoutMs = 2000): Promise<DistResult<Connection>> {
  const node = new HiddenNode({ name: 'us@localhost', cookie: 'crumbs', nameIsLeased: true });
  const target = { node: 'them@localhost', host: '127.0.0.1', port };
  return node.connect(target, { timeoutMs, signal: never });
}

describe('an EPMD', () => {
  const address = async (serve: (socket: Socket) => void): Promise<{ host: string; port: number }> => ({
    host: '127.0.0.1',
    port: await listen(serve),
  });

  it('that answers something else is told', async () => {
    for (const answer of ['', 'x', 'HTTP/1.1 400 Bad Request\r\n\r\n', '\u0077', '\u0077\0\0']) {
      const at = await address((socket) => socket.end(Buffer.from(answer, 'latin1')));
      expect(errorOf(await epmdPort('x', at, quick))).toMatchObject({ kind: 'epmd_refused', ...at });
    }
    for (const answer of ['', 'abc', '\0\0\u0011\u0011no names at all\n']) {
      const at = await address((socket) => socket.end(Buffer.from(answer, 'latin1')));
      expect(errorOf(await epmdNames(at, quick))).toMatchObject({ kind: 'epmd_refused' });
    }
  });

  it('that says nothing runs into the time, and the caller can give up', async () => {
    const silent = await address(() => undefined);
    expect(errorOf(await epmdPort('x', silent, { ...quick, timeoutMs: 50 }))).toMatchObject({
      kind: 'epmd_unreachable',
      why: 'timeout',
    });
    const aborter = new AbortController();
    const asked = epmdNames(silent, { timeoutMs: 5000, signal: aborter.signal });
    setTimeout(() => {
      aborter.abort();
    }, 20);
    expect(errorOf(await asked)).toMatchObject({ kind: 'cancelled' });
    expect(errorOf(await epmdNames(silent, { timeoutMs: 5000, signal: aborter.signal }))).toMatchObject({
      kind: 'cancelled',
    });
  });

  it('that never stops talking is cut off', async () => {
    const chatty = await address((socket) => {
      socket.write(Buffer.alloc(8 * 1024 * 1024));
    });
    expect(errorOf(await epmdNames(chatty, { ...quick, timeoutMs: 5000 }))).toMatchObject({ kind: 'epmd_refused' });
  });

  it('that knows a node of before OTP 23 is an old protocol', async () => {
    const reply = Buffer.from([119, 0, 0x10, 0x00, 77, 0, 0, 5, 0, 5, 0, 4, ...Buffer.from('them'), 0, 0]);
    const at = await address((socket) => socket.end(reply));
    const node = new HiddenNode({ name: 'us@localhost', cookie: 'crumbs', nameIsLeased: true });
    const target = { node: 'them@localhost', epmdHost: at.host, epmdPort: at.port };
    expect(errorOf(await node.connect(target, quick))).toMatchObject({ kind: 'protocol', what: 'old_protocol' });
  });

  it('names its nodes', async () => {
    const names = 'name shop at port 4001\nname odd name at port 65535\n';
    const at = await address((socket) => socket.end(Buffer.concat([Buffer.of(0, 0, 17, 17), Buffer.from(names)])));
    expect(await epmdNames(at, quick)).toEqual({
      ok: true,
      value: [
        { name: 'shop', port: 4001 },
        { name: 'odd name', port: 65535 },
      ],
    });
  });
});

describe('a peer', () => {
  it('that closes at once, talks HTTP, expects TLS or says nothing is told apart', async () => {
    const closing = await connect(await listen((socket) => socket.end()));
    expect(errorOf(closing)).toMatchObject({ kind: 'protocol', what: 'closed' });
    const web = await connect(await listen((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')));
    expect(errorOf(web)).toMatchObject({ kind: 'protocol', what: 'garbage' });
    const tls = await connect(await listen((socket) => socket.end(Buffer.of(21, 3, 3, 0, 2, 2, 10))));
    expect(errorOf(tls)).toMatchObject({ kind: 'protocol', what: 'tls_expected' });
    const silent = await connect(await listen(() => undefined), 80);
    expect(errorOf(silent)).toMatchObject({ kind: 'connect_timeout', phase: 'handshake' });
  });

  it('that is not there refuses', async () => {
    const port = await listen(() => undefined);
    for (const server of servers.splice(0)) server.close();
    expect(errorOf(await connect(port))).toMatchObject({ kind: 'connect_refused', port });
  });

  it.each([
    ['bytes that are no frame', Buffer.alloc(64, 0xff)],
    ['a frame that is no message', Buffer.from([0, 0, 0, 3, 1, 2, 3])],
    ['a message with a term that cannot be', Buffer.from([0, 0, 0, 8, 131, 68, 0, 108, 255, 255, 255, 255])],
    ['a control message that is none', Buffer.from([0, 0, 0, 5, 131, 68, 0, 97, 1])],
  ])('that sends %s after the handshake ends the link with a protocol error', async (_name, bytes) => {
    const connected = await connect(await listen(pretender(bytes)));
    if (!connected.ok) throw new Error(connected.error.message);
    const why = await new Promise<DistError>((resolve) => connected.value.onDown(resolve));
    expect(why).toMatchObject({ kind: 'protocol', what: 'garbage' });
    expect(connected.value.state).toBe('down');
  });

  it('that sends a control message of a kind we do not know is kept', async () => {
    const unknown = Buffer.from([0, 0, 0, 7, 131, 68, 0, 104, 1, 97, 99]);
    const connected = await connect(await listen(pretender(Buffer.concat([unknown, Buffer.alloc(4)]))));
    if (!connected.ok) throw new Error(connected.error.message);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(connected.value.state).toBe('up');
    expect(connected.value.counters).toMatchObject({ messagesIn: 1, ticksIn: 1, ticksOut: 1 });
    connected.value.disconnect();
  });

  it('that lacks what we need is told before anything is sent', async () => {
    const old = await connect(await listen(pretender(new Uint8Array(), flag.handshake23)));
    expect(errorOf(old)).toMatchObject({ kind: 'protocol', what: 'missing_flags' });
  });
});
