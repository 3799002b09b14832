/**
 * Distribution traffic behind the handshake: length-prefixed frames, and the messages in them (ERTS User's Guide, "Distribution
 * Header" and "Protocol between Connected Nodes"). No I/O.
 */
import { textFromUtf8 } from '../../term/binary.ts';
import { TermCursor } from '../../term/cursor.ts';
import { Damage } from '../../term/reader.ts';
import { etfVersion, tag } from '../../term/tags.ts';
import type { AtomTerm } from '../../term/term.ts';
import { atom } from '../../term/term.ts';
import type { EncodeError, TermWriter } from '../../term/write.ts';
import type { Control, Framing, Outgoing, PreparedOut, TermsOut } from './control.ts';
import { readControl } from './control.ts';

const lengthBytes = 4;
const passThrough = 112;
const normalHeader = 68;
const firstFragment = 69;
const laterFragment = 70;
/** Version, kind, number of the sequence and of the fragment. */
const fragmentHeadBytes = 18;
/** 8 segments of 256 atoms, per direction and connection. */
const cacheSlots = 2048;

// -------------------------------------------------------------------------------------------------------------- frames

/** Cuts the stream into frames. A tick is a frame of no bytes. */
export class FrameSplitter {
  readonly #mostFrameBytes: number;
  /** The beginning of a frame that is not whole yet, in pieces of our own. */
  #pieces: Uint8Array[] = [];
  #have = 0;
  /** Bytes of that frame with its length, as soon as that is known. */
  #need = lengthBytes;

  /** @param mostFrameBytes longer frames are an error, before anything is allocated for them */
  constructor(mostFrameBytes: number) {
    this.#mostFrameBytes = mostFrameBytes;
  }

  /**
   * Takes a chunk and hands each whole frame to `onFrame`, until that answers false. The frames are views: valid during the call, as
   * the chunk need be. Answers false when a frame is longer than allowed; then the stream cannot be continued.
   */
  push(chunk: Uint8Array, onFrame: (frame: Uint8Array) => boolean): boolean {
    let at = 0;
    if (this.#have > 0) {
      const used = this.#complete(chunk);
      if (used === null) return true;
      if (used === 'too_long') return false;
      at = used;
      const frame = joined(this.#pieces, this.#have);
      this.#pieces = [];
      this.#have = 0;
      this.#need = lengthBytes;
      if (!onFrame(frame.subarray(lengthBytes))) return true;
    }
    while (chunk.length - at >= lengthBytes) {
      const length = lengthAt(chunk, at);
      if (length > this.#mostFrameBytes) return false;
      const end = at + lengthBytes + length;
      if (end > chunk.length) break;
      const from = chunk.byteOffset + at + lengthBytes;
      at = end;
      // Buffer's own subarray costs several times as much.
      if (!onFrame(new Uint8Array(chunk.buffer, from, length))) return true;
    }
    if (at < chunk.length) this.#keep(chunk.subarray(at));
    return true;
  }

  /** Copied, because whoever reads reuses the buffer. */
  #keep(bytes: Uint8Array): void {
    this.#pieces.push(new Uint8Array(bytes));
    this.#have += bytes.length;
  }

  /** Fills the frame that was begun: answers how much of the chunk that took, or null when all of it was not enough. */
  #complete(chunk: Uint8Array): number | 'too_long' | null {
    let used = 0;
    if (this.#have < lengthBytes) {
      used = Math.min(lengthBytes - this.#have, chunk.length);
      this.#keep(chunk.subarray(0, used));
      if (this.#have < lengthBytes) return null;
    }
    if (this.#need === lengthBytes) {
      if (this.#pieces.length > 1) this.#pieces = [joined(this.#pieces, this.#have)];
      const length = lengthAt(this.#pieces[0] ?? chunk, 0);
      if (length > this.#mostFrameBytes) return 'too_long';
      this.#need = lengthBytes + length;
    }
    const missing = this.#need - this.#have;
    this.#keep(chunk.subarray(used, used + missing));
    return this.#have === this.#need ? used + missing : null;
  }
}

function lengthAt(bytes: Uint8Array, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}

/** In an array that is no Buffer, so that slice() of what is read of it is a copy, as of any other. */
function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

// ------------------------------------------------------------------------------------------------------------ messages

export type Incoming =
  | { readonly kind: 'message'; readonly control: Control }
  /** A fragment of a message that is not whole yet. */
  | { readonly kind: 'partial' }
  | { readonly kind: 'damaged'; readonly message: string };

type Fragments = { readonly refs: readonly AtomTerm[]; readonly parts: Uint8Array[]; next: bigint; bytes: number };
type Header = { readonly refs: readonly AtomTerm[]; readonly next: number };

const noRefs: readonly AtomTerm[] = [];

function damaged(message: string): Incoming {
  return { kind: 'damaged', message };
}

function halfByte(frame: Uint8Array, from: number, at: number): number {
  return ((frame[from + (at >> 1)] ?? 0) >> ((at & 1) * 4)) & 15;
}

/** Reads the messages of one connection: it holds the peer's atom cache and unfinished fragments. */
export class MessageReader {
  readonly #scope: string;
  readonly #mostMessageBytes: number;
  readonly #cache = new Array<AtomTerm | undefined>(cacheSlots).fill(undefined);
  readonly #unfinished = new Map<bigint, Fragments>();
  #unfinishedBytes = 0;

  /** @param mostMessageBytes bytes of unfinished messages that are held in all */
  constructor(scope: string, mostMessageBytes: number) {
    this.#scope = scope;
    this.#mostMessageBytes = mostMessageBytes;
  }

  /** Reads one frame that is no tick. After `damaged` the connection must be given up: the cache may be wrong. */
  read(frame: Uint8Array): Incoming {
    if (frame[0] === passThrough) return this.#passThrough(frame);
    if (frame[0] !== etfVersion) return damaged('A frame begins with neither 112 nor 131.');
    switch (frame[1]) {
      case normalHeader: {
        const header = this.#header(frame, 2);
        return header === null ? damaged('An atom cache header is damaged.') : this.#message(frame, header, 'header');
      }
      case firstFragment:
        return this.#first(frame);
      case laterFragment:
        return this.#later(frame);
      default:
        return damaged('The distribution header is of an unknown kind.');
    }
  }

  #passThrough(frame: Uint8Array): Incoming {
    return frame[1] === etfVersion
      ? this.#message(frame, { refs: noRefs, next: 2 }, 'pass_through')
      : damaged('A message that is passed through has no version.');
  }

  /** The control message is read; what comes with it is left to whom it is for. */
  #message(bytes: Uint8Array, { refs, next }: Header, framing: Framing): Incoming {
    try {
      return { kind: 'message', control: readControl(new TermCursor(bytes, next, refs, this.#scope), framing) };
    } catch (thrown) {
      if (thrown instanceof Damage) return damaged(`Control message: ${thrown.message}`);
      throw thrown;
    }
  }

  /** The atom cache references at `from`: count, half bytes of flags, then for each its index and, when new, its text. */
  #header(frame: Uint8Array, from: number): Header | null {
    const count = frame[from];
    if (count === undefined) return null;
    if (count === 0) return { refs: [], next: from + 1 };
    const flagsAt = from + 1;
    let at = flagsAt + Math.floor(count / 2) + 1;
    const longAtoms = (halfByte(frame, flagsAt, count) & 1) !== 0;
    const refs: AtomTerm[] = [];
    for (let entry = 0; entry < count; entry++) {
      const flags = halfByte(frame, flagsAt, entry);
      const slot = (flags & 7) * 256 + (frame[at++] ?? 0);
      if ((flags & 8) !== 0) {
        let length = frame[at++] ?? 0;
        if (longAtoms) length = length * 256 + (frame[at++] ?? 0);
        if (at + length > frame.length) return null;
        const name = textFromUtf8(frame, at, at + length);
        if (name === null) return null;
        this.#cache[slot] = atom(name);
        at += length;
      }
      const known = this.#cache[slot];
      if (known === undefined || at > frame.length) return null;
      refs.push(known);
    }
    return { refs, next: at };
  }

  #first(frame: Uint8Array): Incoming {
    if (frame.length < 19) return damaged('A fragment is cut short.');
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
    const sequence = view.getBigUint64(2);
    const number = view.getBigUint64(10);
    const header = this.#header(frame, 18);
    if (header === null) return damaged('An atom cache header is damaged.');
    if (number === 0n || this.#unfinished.has(sequence)) return damaged('A fragment has an impossible number.');
    if (number === 1n) return this.#message(frame, header, 'header');
    const part = new Uint8Array(frame.subarray(header.next));
    const fragments = { refs: header.refs, parts: [part], next: number - 1n, bytes: part.length };
    this.#unfinished.set(sequence, fragments);
    return this.#hold(part.length);
  }

  #hold(bytes: number): Incoming {
    this.#unfinishedBytes += bytes;
    return this.#unfinishedBytes > this.#mostMessageBytes
      ? damaged('Unfinished messages have grown too large.')
      : { kind: 'partial' };
  }

  #later(frame: Uint8Array): Incoming {
    if (frame.length < 18) return damaged('A fragment is cut short.');
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
    const sequence = view.getBigUint64(2);
    const fragments = this.#unfinished.get(sequence);
    if (fragments?.next !== view.getBigUint64(10)) return damaged('A fragment is out of sequence.');
    const part = new Uint8Array(frame.subarray(18));
    fragments.parts.push(part);
    fragments.bytes += part.length;
    fragments.next -= 1n;
    if (fragments.next > 0n) return this.#hold(part.length);
    this.#unfinished.delete(sequence);
    this.#unfinishedBytes -= fragments.bytes - part.length;
    return this.#message(joined(fragments.parts, fragments.bytes), { refs: fragments.refs, next: 0 }, 'header');
  }
}

// ------------------------------------------------------------------------------------------------------------- writing

/** Length, version, kind of header and number of atom cache references: what stands before the message in `header` framing. */
export const frameHeadBytes = lengthBytes + 3;

/**
 * Appends one frame with a message. Answers how many bytes its control message has, or why a term was refused, and then nothing is
 * appended. We need no cache of our own.
 */
export function writeMessage(
  writer: TermWriter,
  framing: Framing,
  scope: string,
  outgoing: Outgoing,
): number | EncodeError {
  const start = writer.length;
  writer.u32(0);
  if (framing === 'header') {
    writer.u8(etfVersion);
    writer.u8(normalHeader);
    writer.u8(0);
  } else {
    writer.u8(passThrough);
    writer.u8(etfVersion);
  }
  const written =
    outgoing.form === 'terms' ? writeTerms(writer, framing, scope, outgoing) : writePrepared(writer, scope, outgoing);
  if (typeof written === 'number') writer.u32At(start, writer.length - start - lengthBytes);
  else writer.truncate(start);
  return written;
}

function writeTerms(
  writer: TermWriter,
  framing: Framing,
  scope: string,
  { control, payload }: TermsOut,
): number | EncodeError {
  const start = writer.length;
  const refused = writer.write(control, scope);
  if (refused !== null || payload === null) return refused ?? writer.length - start;
  const controlBytes = writer.length - start;
  if (framing === 'pass_through') writer.u8(etfVersion);
  return writer.write(payload, scope) ?? controlBytes;
}

function writePrepared(writer: TermWriter, scope: string, prepared: PreparedOut): number | EncodeError {
  writer.raw(prepared.head);
  for (const name of prepared.atoms) {
    const refused = writer.write(atom(name), scope);
    if (refused !== null) return refused;
  }
  const refused = writer.write(prepared.last, scope);
  if (refused !== null) return refused;
  writer.u8(tag.nil);
  return prepared.controlBytes;
}

/**
 * The frame of one fragment of a message.
 *
 * @param left how many fragments there are from this one on
 * @param part of the message's control message and payload; all of the control message is in the first
 */
export function fragmentFrame(kind: 'first' | 'later', sequence: number, left: number, part: Uint8Array): Uint8Array {
  const headBytes = kind === 'first' ? fragmentHeadBytes + 1 : fragmentHeadBytes;
  const frame = Buffer.allocUnsafe(lengthBytes + headBytes + part.length);
  frame.writeUInt32BE(headBytes + part.length, 0);
  frame[4] = etfVersion;
  frame[5] = kind === 'first' ? firstFragment : laterFragment;
  frame.writeBigUInt64BE(BigInt(sequence), 6);
  frame.writeBigUInt64BE(BigInt(left), 14);
  // No atom cache references.
  if (kind === 'first') frame[22] = 0;
  frame.set(part, lengthBytes + headBytes);
  return frame;
}
