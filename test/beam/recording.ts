/**
 * What an Erlang node says to us, kept as data, and a stand-in that says it again: so that releases which are not installed are answered
 * to as they really speak. A recording is one connection: handshake, and one step for each thing asked, with the bytes that followed.
 *
 * The stand-in answers whoever asks the same in the same order. Our references and our creation, which stand in the answers, are put in
 * place of those of the recorded time; and since our challenge is another one each time, it works out the digest the node gave.
 */
import type { Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { digest } from '../../runtime/beam/dist/handshake.ts';
import { readRaw } from '../../runtime/term/cursor.ts';
import { atomName, tupleOf } from '../../runtime/beam/adapter/read.ts';
import type { RefTerm, Term } from '../../runtime/term/term.ts';

type Step = {
  /** `module:function/arity`, or the number of the control message. */
  readonly asked: string;
  /** The numbers of our reference in the question, with dots between them. */
  readonly ref: string;
  /** Raw deflate, base64: what the node sent until the next question. */
  readonly answer: string;
};

export type Recording = {
  /** OTP, and the emulator's version, as the node told them. */
  readonly release: string;
  readonly emulator: string;
  readonly node: string;
  readonly us: string;
  readonly cookie: string;
  /** Ours. */
  readonly creation: number;
  /** Hexadecimal: the flags that we offered. */
  readonly flags: string;
  readonly handshake: {
    /** Base64: the packets `status` and `challenge`. */
    readonly challenge: string;
    /** Base64: our answer to them, and what the node sent then. */
    readonly reply: string;
    readonly ack: string;
  };
  readonly steps: readonly Step[];
};

type RecordedLink = Omit<Recording, 'release' | 'emulator' | 'node' | 'us' | 'cookie'>;

// --------------------------------------------------------------------------------------------------- what we send, cut up

/** Cuts a stream into packets with a length of `lengthBytes` in front, which they keep. */
class Packets {
  #waiting = Buffer.alloc(0);

  push(chunk: Uint8Array): void {
    this.#waiting = Buffer.concat([this.#waiting, chunk]);
  }

  next(lengthBytes: 2 | 4): Buffer | null {
    if (this.#waiting.length < lengthBytes) return null;
    const end = lengthBytes + this.#waiting.readUIntBE(0, lengthBytes);
    if (this.#waiting.length < end) return null;
    const packet = this.#waiting.subarray(0, end);
    this.#waiting = this.#waiting.subarray(end);
    return packet;
  }
}

const lengthBytes = 4;
/** Of what stands before a message, behind the length: version, kind and number of cached atoms, of which we use none. */
const wholeHeadBytes = 3;
/** The same with the numbers of the sequence and of the fragment; and before later fragments, without the atoms. */
const fragmentHeadBytes = 19;
const firstFragment = 69;
const laterFragment = 70;

type Question = { readonly asked: string; readonly ref: RefTerm };

/** Finds the questions in frames of ours: what has a reference that was not in one before. */
class Questions {
  readonly #us: string;
  readonly #known = new Set<string>();
  /** What is sent in fragments, by sequence. */
  readonly #parts = new Map<bigint, Buffer[]>();

  constructor(us: string) {
    this.#us = us;
  }

  /** The question whose last byte is in this frame; null when there is none. */
  in(frame: Buffer): Question | null {
    const message = this.#message(frame);
    if (message === null) return null;
    const terms = readRaw({ bytes: message, at: 0, refs: [], scope: '' }, (cursor) => [
      cursor.term(),
      cursor.atEnd ? null : cursor.term(),
    ]);
    if (!terms.ok) throw new Error(`A frame of ours is damaged: ${terms.error.message}`);
    const [control, payload = null] = terms.value;
    const fields = tupleOf(control ?? undefined) ?? [];
    const ref = fields.find((field): field is RefTerm => field.t === 'ref' && field.node === this.#us);
    if (ref === undefined || this.#known.has(ref.ids.join())) return null;
    this.#known.add(ref.ids.join());
    return { asked: calledIn(payload) ?? `control message ${JSON.stringify(fields[0])}`, ref };
  }

  #message(frame: Buffer): Buffer | null {
    // A tick has no bytes.
    if (frame.length === lengthBytes) return null;
    const kind = frame[lengthBytes + 1];
    if (kind !== firstFragment && kind !== laterFragment) return frame.subarray(lengthBytes + wholeHeadBytes);
    const sequence = frame.readBigUInt64BE(lengthBytes + 2);
    const parts = this.#parts.get(sequence) ?? [];
    this.#parts.set(sequence, parts);
    parts.push(frame.subarray(lengthBytes + fragmentHeadBytes - (kind === firstFragment ? 0 : 1)));
    if (frame.readBigUInt64BE(lengthBytes + 10) > 1n) return null;
    this.#parts.delete(sequence);
    return Buffer.concat(parts);
  }
}

/** `erpc:execute_call(Ref, Module, Function, Args)`, as its list of arguments is sent. */
function calledIn(payload: Term | null): string | null {
  if (payload?.t !== 'list') return null;
  const [, module, name, args] = payload.e;
  const arity = args?.t === 'list' ? args.e.length : args?.t === 'bytelist' ? args.latin1.length : null;
  return atomName(module) === null || arity === null
    ? null
    : `${String(atomName(module))}:${String(atomName(name))}/${String(arity)}`;
}

// -------------------------------------------------------------------------------------------------------------- recording

type Recorder = { readonly port: number; readonly stop: () => RecordedLink };

/** A proxy before a node's port, for one connection. */
export async function startRecorder(targetPort: number, us: string): Promise<Recorder> {
  const nothing: Buffer = Buffer.alloc(0);
  const said = { creation: 0, flags: '', challenge: nothing, reply: nothing, ack: nothing };
  const steps: { asked: string; ref: string; answer: Buffer }[] = [];
  const sockets: Socket[] = [];
  const server = createServer((near) => {
    const far = connect(targetPort, '127.0.0.1');
    sockets.push(near, far);
    const [ours, questions] = [new Packets(), new Questions(us)];
    let packets = 0;
    near.on('data', (chunk) => {
      ours.push(chunk);
      for (;;) {
        const packet = ours.next(packets < 2 ? 2 : 4);
        if (packet === null) break;
        packets += 1;
        if (packets === 1) {
          said.flags = packet.readBigUInt64BE(3).toString(16);
          said.creation = packet.readUInt32BE(11);
        } else if (packets === 2) said.reply = packet;
        else {
          const question = questions.in(packet);
          if (question !== null)
            steps.push({ asked: question.asked, ref: question.ref.ids.join('.'), answer: Buffer.alloc(0) });
        }
      }
      far.write(chunk);
    });
    far.on('data', (chunk) => {
      const last = steps.at(-1);
      if (last !== undefined) last.answer = Buffer.concat([last.answer, chunk]);
      else if (packets < 2) said.challenge = Buffer.concat([said.challenge, chunk]);
      else said.ack = Buffer.concat([said.ack, chunk]);
      near.write(chunk);
    });
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('error', () => undefined);
      one.on('close', () => other.destroy());
    }
  });
  const port = await listening(server);
  return {
    port,
    stop: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      const { creation, flags, challenge, reply, ack } = said;
      return {
        creation,
        flags,
        handshake: {
          challenge: challenge.toString('base64'),
          reply: reply.toString('base64'),
          ack: ack.toString('base64'),
        },
        steps: steps.map((step) => ({ ...step, answer: deflateRawSync(step.answer, { level: 9 }).toString('base64') })),
      };
    },
  };
}

// --------------------------------------------------------------------------------------------------------------- replaying

type Player = {
  readonly port: number;
  /** What was not as it was recorded; empty when all was. */
  readonly problems: () => readonly string[];
  /** How many steps were played. */
  readonly played: () => number;
  readonly stop: () => void;
};

/** Reads a `reply` packet: r, our challenge, our digest. */
function ourReply(packet: Buffer): { readonly challenge: number; readonly digest: Buffer } {
  return { challenge: packet.readUInt32BE(3), digest: packet.subarray(7, 23) };
}

/** A node's stand-in, for one connection at a time. */
export async function startPlayer(recording: Recording): Promise<Player> {
  const problems: string[] = [];
  const sockets: Socket[] = [];
  let played = 0;
  const { cookie, handshake, steps } = recording;
  const recordedReply = ourReply(Buffer.from(handshake.reply, 'base64'));
  const recordedAck = Buffer.from(handshake.ack, 'base64');
  if (!recordedAck.subarray(3).equals(digest(cookie, recordedReply.challenge))) {
    problems.push('The node did not answer our challenge with the digest that we expect.');
  }
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    const [ours, questions] = [new Packets(), new Questions(recording.us)];
    const put: (readonly [Buffer, Buffer])[] = [];
    let packets = 0;
    let at = 0;
    const broken = (problem: string): void => {
      problems.push(problem);
      socket.destroy();
    };
    const answer = ({ asked, ref }: Question): void => {
      const step = steps[at];
      at += 1;
      if (step?.asked !== asked) {
        broken(`Step ${String(at)} asks ${asked}; recorded was ${step?.asked ?? 'nothing more'}. Record again.`);
        return;
      }
      put.push([words([recording.creation, ...step.ref.split('.').map(Number)]), words([ref.creation, ...ref.ids])]);
      played += 1;
      let bytes: Buffer = inflateRawSync(Buffer.from(step.answer, 'base64'));
      // A reference has its numbers behind our creation, a pid of ours before it.
      for (const [recorded, now] of [...put, [words([recording.creation]), words([ref.creation])] as const])
        bytes = replaced(bytes, recorded, now);
      socket.write(bytes);
    };
    socket.on('data', (chunk) => {
      ours.push(chunk);
      for (;;) {
        const packet = ours.next(packets < 2 ? 2 : 4);
        if (packet === null || socket.destroyed) return;
        packets += 1;
        if (packets === 1) socket.write(Buffer.from(handshake.challenge, 'base64'));
        else if (packets === 2) {
          const now = ourReply(packet);
          // What the node let in then must be what we say now.
          if (!now.digest.equals(recordedReply.digest)) broken('Our digest is not the one that the node took.');
          else socket.write(Buffer.concat([recordedAck.subarray(0, 3), digest(cookie, now.challenge)]));
        } else {
          const question = questions.in(packet);
          if (question !== null) answer(question);
        }
      }
    });
  });
  const port = await listening(server);
  return {
    port,
    problems: () => problems,
    played: () => played,
    stop: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

function words(numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(numbers.length * 4);
  for (const [at, number] of numbers.entries()) bytes.writeUInt32BE(number, at * 4);
  return bytes;
}

/** The bytes with each `from` as `to`, of the same length. */
function replaced(bytes: Buffer, from: Buffer, to: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  for (let at = bytes.indexOf(from); at >= 0; at = bytes.indexOf(from, at + from.length)) to.copy(copy, at);
  return copy;
}

function listening(server: ReturnType<typeof createServer>): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (typeof address === 'object' && address !== null) resolve(address.port);
      else reject(new Error('The server has no port.'));
    });
  });
}
