/**
 * An EPMD of our own (ERTS User's Guide, "EPMD Protocol"). It listens once per node, so that it knows who asks and can send each asker
 * through proxies of its own; and once for us, who are told the nodes' real ports.
 */
import { randomBytes } from 'node:crypto';
import type { Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { listenOnLoopback } from './listen.ts';

const alive2Request = 120;
const alive2Extended = 118;
const portPlease2Request = 122;
const portReply = 119;
const namesRequest = 110;
/** Longer requests are no node's: a name has at most 255 characters of up to four bytes. */
const mostRequestBytes = 4 * 1024;
/** Who connects and says nothing is not kept. */
const silenceMs = 5_000;
/** EPMD itself counts from 1 to 3 and 0 means any: what is random stays clear of them. */
const firstCreation = 4;

/** A node as it registered itself. */
export type Registration = {
  /** The part before `@`. */
  readonly name: string;
  /** Where it listens. */
  readonly port: number;
  readonly creation: number;
  /** The rest of what it said, which those who ask are told again. */
  readonly facts: {
    readonly type: number;
    readonly protocol: number;
    readonly highest: number;
    readonly lowest: number;
    readonly extra: Buffer;
  };
};

/** The names of one cluster, shared by all its listeners. A name is registered while its node keeps the connection. */
export class EpmdNames {
  readonly #registered = new Map<string, Registration>();

  get(name: string): Registration | null {
    return this.#registered.get(name) ?? null;
  }

  all(): readonly Registration[] {
    return [...this.#registered.values()];
  }

  /** False when the name is taken. */
  add(registration: Registration): boolean {
    if (this.#registered.has(registration.name)) return false;
    this.#registered.set(registration.name, registration);
    return true;
  }

  remove(registration: Registration): void {
    if (this.#registered.get(registration.name) === registration) this.#registered.delete(registration.name);
  }
}

export type EpmdView = {
  readonly port: number;
  close(): void;
};

/**
 * Listens on a free port of loopback and answers ALIVE2, PORT_PLEASE2 and NAMES; anything else (among it KILL and STOP) is not answered.
 * `portFor` says which port this listener's askers are given for a node.
 */
export async function openEpmdView(
  names: EpmdNames,
  portFor: (registration: Registration) => Promise<number>,
): Promise<EpmdView> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    serve(socket, names, portFor, () => port);
  });
  const port = await listenOnLoopback(server);
  return {
    port,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function serve(
  socket: Socket,
  names: EpmdNames,
  portFor: (registration: Registration) => Promise<number>,
  ownPort: () => number,
): void {
  let received = Buffer.alloc(0);
  socket.setTimeout(silenceMs, () => socket.destroy());
  const take = (chunk: Buffer): void => {
    received = Buffer.concat([received, chunk]);
    if (received.length < 2) return;
    const length = received.readUInt16BE(0);
    if (length > mostRequestBytes) return void socket.destroy();
    if (received.length < 2 + length) return;
    socket.off('data', take);
    // What else comes is read and forgotten, so that the end is seen.
    socket.resume();
    void answer(socket, received.subarray(2, 2 + length), names, portFor, ownPort());
  };
  socket.on('data', take);
}

async function answer(
  socket: Socket,
  request: Buffer,
  names: EpmdNames,
  portFor: (registration: Registration) => Promise<number>,
  ownPort: number,
): Promise<void> {
  switch (request[0]) {
    case alive2Request:
      register(socket, request, names);
      return;
    case portPlease2Request: {
      const name = request.toString('utf8', 1);
      const found = names.get(name);
      socket.end(found === null ? Uint8Array.of(portReply, 1) : portAnswer(found, await portFor(found)));
      return;
    }
    case namesRequest: {
      const head = Buffer.alloc(4);
      head.writeUInt32BE(ownPort);
      const lines = await Promise.all(
        names.all().map(async (found) => `name ${found.name} at port ${await portFor(found)}\n`),
      );
      socket.end(Buffer.concat([head, Buffer.from(lines.join(''))]));
      return;
    }
    default:
      socket.destroy();
  }
}

/** ALIVE2_REQ: `120 port16 type8 protocol8 highest16 lowest16 length16 name length16 extra`. */
function register(socket: Socket, request: Buffer, names: EpmdNames): void {
  const nameLength = request.length < 13 ? -1 : request.readUInt16BE(9);
  const extraAt = 11 + nameLength;
  if (nameLength < 1 || request.length < extraAt + 2) return void socket.destroy();
  const registration: Registration = {
    name: request.toString('utf8', 11, extraAt),
    port: request.readUInt16BE(1),
    creation: firstCreation + (randomBytes(4).readUInt32BE() % (2 ** 32 - firstCreation)),
    facts: {
      type: request.readUInt8(3),
      protocol: request.readUInt8(4),
      highest: request.readUInt16BE(5),
      lowest: request.readUInt16BE(7),
      extra: Buffer.from(request.subarray(extraAt + 2, extraAt + 2 + request.readUInt16BE(extraAt))),
    },
  };
  const isNew = names.add(registration);
  const reply = Buffer.alloc(6);
  reply.writeUInt8(alive2Extended, 0);
  reply.writeUInt8(isNew ? 0 : 1, 1);
  reply.writeUInt32BE(isNew ? registration.creation : 0, 2);
  if (!isNew) return void socket.end(reply);
  socket.setTimeout(0);
  socket.on('close', () => {
    names.remove(registration);
  });
  socket.write(reply);
}

/** PORT2_RESP. */
function portAnswer({ name, facts }: Registration, port: number): Buffer {
  const nameBytes = Buffer.from(name, 'utf8');
  const head = Buffer.alloc(12);
  head.writeUInt8(portReply, 0);
  head.writeUInt16BE(port, 2);
  head.writeUInt8(facts.type, 4);
  head.writeUInt8(facts.protocol, 5);
  head.writeUInt16BE(facts.highest, 6);
  head.writeUInt16BE(facts.lowest, 8);
  head.writeUInt16BE(nameBytes.length, 10);
  const extraLength = Buffer.alloc(2);
  extraLength.writeUInt16BE(facts.extra.length);
  return Buffer.concat([head, nameBytes, extraLength, facts.extra]);
}
