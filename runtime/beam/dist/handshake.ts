/**
 * The distribution handshake, version 6, from the side that dials (ERTS User's Guide, "Distribution Handshake"). No I/O: bytes in,
 * bytes out, so that every answer a peer may give can be tested.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { DistError } from './errors.ts';
import { expandFlags, mandatory25, offered } from './flags.ts';

export type HandshakeOptions = {
  /** Our full name, `alive@host`. */
  readonly name: string;
  readonly creation: number;
  readonly cookie: string;
  /** The full name of the node we mean to reach. */
  readonly target: string;
  /** Whether our name is ours alone, so that an older connection under it may be replaced. */
  readonly nameIsLeased: boolean;
  /** Left out, {@link offered}. */
  readonly flags?: bigint;
  /** Of the length before each packet: 2 on TCP, 4 on TLS. */
  readonly lengthBytes?: 2 | 4;
};

export type Established = {
  readonly node: string;
  readonly creation: number;
  /** What both sides can do. */
  readonly flags: bigint;
  /** What came behind the handshake already. */
  readonly rest: Uint8Array;
};

export type HandshakeStep =
  | { readonly kind: 'more'; readonly send: readonly Uint8Array[] }
  | { readonly kind: 'established'; readonly send: readonly Uint8Array[]; readonly established: Established }
  /** `send` is still to be sent before closing. */
  | { readonly kind: 'failed'; readonly send: readonly Uint8Array[]; readonly error: DistError };

type Phase = 'status' | 'challenge' | 'ack' | 'ended';

/** Longer packets are no handshake: a name has at most 255 characters. */
const longestPacket = 4096;
const tlsAlert = 0x15;

/** The answer to a challenge: MD5 of the cookie and the challenge in decimal. */
export function digest(cookie: string, challenge: number): Buffer {
  return createHash('md5').update(cookie, 'latin1').update(String(challenge)).digest();
}

function protocol(what: Extract<DistError, { kind: 'protocol' }>['what'], message: string): DistError {
  return { kind: 'protocol', message, what };
}

function sameAlive(one: string, other: string): boolean {
  return one.slice(0, one.indexOf('@')) === other.slice(0, other.indexOf('@'));
}

export class Handshake {
  readonly #options: HandshakeOptions;
  readonly #flags: bigint;
  readonly #lengthBytes: 2 | 4;
  readonly #challenge = randomBytes(4).readUInt32BE();
  #phase: Phase = 'status';
  #waiting: Buffer = Buffer.alloc(0);
  #peer: { readonly node: string; readonly creation: number; readonly flags: bigint } | null = null;

  constructor(options: HandshakeOptions) {
    this.#options = options;
    this.#flags = options.flags ?? offered;
    this.#lengthBytes = options.lengthBytes ?? 2;
  }

  /** The first packet, `send_name`. */
  start(): Uint8Array {
    const name = Buffer.from(this.#options.name, 'utf8');
    const packet = Buffer.alloc(15);
    packet.write('N', 'latin1');
    packet.writeBigUInt64BE(this.#flags, 1);
    packet.writeUInt32BE(this.#options.creation, 9);
    packet.writeUInt16BE(name.length, 13);
    return this.#packet(packet, name);
  }

  #packet(...parts: readonly Uint8Array[]): Uint8Array {
    const body = Buffer.concat(parts);
    const length = Buffer.alloc(this.#lengthBytes);
    length.writeUIntBE(body.length, 0, this.#lengthBytes);
    return Buffer.concat([length, body]);
  }

  /** Takes what came, in pieces of any size. After `established` or `failed` it must not be called again. */
  receive(chunk: Uint8Array): HandshakeStep {
    this.#waiting = this.#waiting.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#waiting, chunk]);
    const send: Uint8Array[] = [];
    for (;;) {
      const packet = this.#next();
      if (packet === null) return { kind: 'more', send };
      if (packet === 'garbage') return this.#fail(send, this.#garbage());
      const outcome = this.#take(packet, send);
      if (outcome !== null) return outcome;
    }
  }

  /** What it means that the peer closed now. */
  closed(): DistError {
    switch (this.#phase) {
      case 'status':
        return protocol('closed', `${this.#options.target} closed the connection without a word.`);
      case 'ack':
        return {
          kind: 'bad_cookie',
          message: `${this.#options.target} did not accept the cookie.`,
          node: this.#options.target,
        };
      default:
        return protocol('closed', `${this.#options.target} closed the connection during the handshake.`);
    }
  }

  #next(): Buffer | 'garbage' | null {
    if (this.#waiting.length < this.#lengthBytes) return null;
    const length = this.#waiting.readUIntBE(0, this.#lengthBytes);
    if (length === 0 || length > longestPacket) return 'garbage';
    const end = this.#lengthBytes + length;
    if (this.#waiting.length < end) return null;
    const packet = this.#waiting.subarray(this.#lengthBytes, end);
    this.#waiting = this.#waiting.subarray(end);
    return packet;
  }

  #garbage(): DistError {
    const looksLikeTls = this.#phase === 'status' && this.#waiting[0] === tlsAlert && this.#waiting[1] === 3;
    return looksLikeTls
      ? protocol('tls_expected', `${this.#options.target} speaks TLS distribution.`)
      : protocol('garbage', `What answers in place of ${this.#options.target} is no Erlang node.`);
  }

  #fail(send: readonly Uint8Array[], error: DistError): HandshakeStep {
    this.#phase = 'ended';
    return { kind: 'failed', send, error };
  }

  #take(packet: Buffer, send: Uint8Array[]): HandshakeStep | null {
    switch (this.#phase) {
      case 'status':
        return this.#status(packet, send);
      case 'challenge':
        return this.#takeChallenge(packet, send);
      case 'ack':
        return this.#ack(packet, send);
      case 'ended':
        return this.#fail(send, this.#garbage());
    }
  }

  #status(packet: Buffer, send: Uint8Array[]): HandshakeStep | null {
    const { target, name } = this.#options;
    if (packet.toString('latin1', 0, 1) !== 's') return this.#fail(send, this.#garbage());
    if (packet.toString('latin1', 1, 7) === 'named:') {
      const message = `${target} would give us a name, for which we have not asked.`;
      return this.#fail(send, { kind: 'dynamic_name', message, node: target });
    }
    switch (packet.toString('latin1', 1)) {
      case 'ok':
      case 'ok_simultaneous':
        this.#phase = 'challenge';
        return null;
      case 'alive':
        if (this.#options.nameIsLeased) {
          send.push(this.#packet(Buffer.from('strue', 'latin1')));
          this.#phase = 'challenge';
          return null;
        }
        send.push(this.#packet(Buffer.from('sfalse', 'latin1')));
        return this.#fail(send, {
          kind: 'name_in_use',
          message: `${target} is connected to another ${name} already.`,
          name,
        });
      case 'nok':
        return this.#fail(send, {
          kind: 'name_in_use',
          message: `${target} is being connected to another ${name} at this moment.`,
          name,
        });
      case 'not_allowed':
        return this.#fail(send, { kind: 'not_allowed', message: `${target} does not let ${name} in.`, node: target });
      default:
        return this.#fail(send, this.#garbage());
    }
  }

  #takeChallenge(packet: Buffer, send: Uint8Array[]): HandshakeStep | null {
    const { target, cookie } = this.#options;
    const form = packet.toString('latin1', 0, 1);
    if (form === 'n') {
      return this.#fail(send, protocol('old_protocol', `${target} speaks only the handshake of before OTP 23.`));
    }
    if (form !== 'N' || packet.length < 19) return this.#fail(send, this.#garbage());
    const flags = expandFlags(packet.readBigUInt64BE(1));
    const challenge = packet.readUInt32BE(9);
    const creation = packet.readUInt32BE(13);
    const nameEnd = 19 + packet.readUInt16BE(17);
    if (packet.length < nameEnd) return this.#fail(send, this.#garbage());
    const node = packet.toString('utf8', 19, nameEnd);
    if (node !== target) return this.#fail(send, anotherNode(target, node));
    if ((flags & mandatory25) !== mandatory25) {
      return this.#fail(send, protocol('missing_flags', `${target} is older than OTP 24 and lacks what we need.`));
    }
    this.#peer = { node, creation, flags: flags & this.#flags };
    const ours = Buffer.alloc(5);
    ours.write('r', 'latin1');
    ours.writeUInt32BE(this.#challenge, 1);
    send.push(this.#packet(ours, digest(cookie, challenge)));
    this.#phase = 'ack';
    return null;
  }

  #ack(packet: Buffer, send: Uint8Array[]): HandshakeStep {
    const peer = this.#peer;
    if (peer === null || packet.length !== 17 || packet.toString('latin1', 0, 1) !== 'a') {
      return this.#fail(send, this.#garbage());
    }
    if (!timingSafeEqual(packet.subarray(1), digest(this.#options.cookie, this.#challenge))) {
      const message = `${peer.node} does not know the cookie itself.`;
      return this.#fail(send, { kind: 'bad_cookie', message, node: peer.node });
    }
    this.#phase = 'ended';
    return { kind: 'established', send, established: { ...peer, rest: this.#waiting } };
  }
}

function anotherNode(expected: string, actual: string): DistError {
  return sameAlive(expected, actual)
    ? { kind: 'name_type', message: `The node calls itself ${actual}, not ${expected}.`, expected, actual }
    : { kind: 'wrong_node', message: `${actual} answers in place of ${expected}.`, expected, actual };
}
