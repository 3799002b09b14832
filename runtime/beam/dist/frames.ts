/**
 * Distribution traffic behind the handshake: length-prefixed frames, and the messages in them (ERTS User's Guide, "Distribution
 * Header" and "Protocol between Connected Nodes"). No I/O.
 */
import { textFromUtf8 } from '../../term/binary.ts';
import { readRaw } from '../../term/cursor.ts';
import { etfVersion } from '../../term/tags.ts';
import type { AtomTerm, Term } from '../../term/term.ts';
import { atom } from '../../term/term.ts';
import type { EncodeError, TermWriter } from '../../term/write.ts';
import type { Control, Framing } from './control.ts';
import { readControl } from './control.ts';

const lengthBytes = 4;
const passThrough = 112;
const normalHeader = 68;
const firstFragment = 69;
const laterFragment = 70;
/** 8 segments of 256 atoms, per direction and connection. */
const cacheSlots = 2048;

// -------------------------------------------------------------------------------------------------------------- frames

/** Cuts the stream into frames. A tick is a frame of no bytes. */
export class FrameSplitter {
  readonly #mostFrameBytes: number;
  #chunks: Buffer[] = [];
  #have = 0;

  /** @param mostFrameBytes longer frames are an error, before anything is allocated for them */
  constructor(mostFrameBytes: number) {
    this.#mostFrameBytes = mostFrameBytes;
  }

  /**
   * Takes a chunk and hands each whole frame to `onFrame`, until that answers false. The frames are views: valid during the call.
   * Answers false when a frame is longer than allowed; then the stream cannot be continued.
   */
  push(chunk: Uint8Array, onFrame: (frame: Uint8Array) => boolean): boolean {
    this.#chunks.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
    this.#have += chunk.length;
    while (this.#have >= lengthBytes) {
      const length = this.#front(lengthBytes).readUInt32BE(0);
      if (length > this.#mostFrameBytes) return false;
      if (this.#have < lengthBytes + length) break;
      const frame = this.#front(lengthBytes + length).subarray(lengthBytes, lengthBytes + length);
      this.#drop(lengthBytes + length);
      if (!onFrame(frame)) return true;
    }
    return true;
  }

  /** The first chunk, made at least `count` bytes long by joining chunks; they are joined once for a frame, when all is there. */
  #front(count: number): Buffer {
    const first = this.#chunks[0] ?? Buffer.alloc(0);
    if (first.length >= count) return first;
    const joined = Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    return joined;
  }

  #drop(count: number): void {
    const first = this.#chunks[0] ?? Buffer.alloc(0);
    this.#have -= count;
    if (first.length === count) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(count);
  }
}

// ------------------------------------------------------------------------------------------------------------ messages

export type Incoming =
  | { readonly kind: 'message'; readonly control: Control }
  /** A fragment of a message that is not whole yet. */
  | { readonly kind: 'partial' }
  | { readonly kind: 'damaged'; readonly message: string };

type Fragments = { readonly refs: readonly AtomTerm[]; readonly parts: Buffer[]; next: bigint; bytes: number };
type Header = { readonly refs: readonly AtomTerm[]; readonly next: number };

const noRefs: readonly AtomTerm[] = [];

function damaged(message: string): Incoming {
  return { kind: 'damaged', message };
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
    const control = readRaw({ bytes, at: next, refs, scope: this.#scope }, (cursor) => readControl(cursor, framing));
    return control.ok
      ? { kind: 'message', control: control.value }
      : damaged(`Control message: ${control.error.message}`);
  }

  /** The atom cache references at `from`: count, half bytes of flags, then for each its index and, when new, its text. */
  #header(frame: Uint8Array, from: number): Header | null {
    const count = frame[from];
    if (count === undefined) return null;
    if (count === 0) return { refs: [], next: from + 1 };
    const flagsAt = from + 1;
    let at = flagsAt + Math.floor(count / 2) + 1;
    const flagsOf = (entry: number): number => ((frame[flagsAt + (entry >> 1)] ?? 0) >> ((entry & 1) * 4)) & 15;
    const longAtoms = (flagsOf(count) & 1) !== 0;
    const refs: AtomTerm[] = [];
    for (let entry = 0; entry < count; entry++) {
      const flags = flagsOf(entry);
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
    const part = Buffer.from(frame.subarray(header.next));
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
    const part = Buffer.from(frame.subarray(18));
    fragments.parts.push(part);
    fragments.bytes += part.length;
    fragments.next -= 1n;
    if (fragments.next > 0n) return this.#hold(part.length);
    this.#unfinished.delete(sequence);
    this.#unfinishedBytes -= fragments.bytes - part.length;
    return this.#message(Buffer.concat(fragments.parts), { refs: fragments.refs, next: 0 }, 'header');
  }
}

// ------------------------------------------------------------------------------------------------------------- writing

/**
 * Appends one frame with a message; null, or why a term was refused, and then nothing is appended. We need no cache of our own.
 */
export function writeMessage(
  writer: TermWriter,
  framing: Framing,
  scope: string,
  control: Term,
  payload: Term | null,
): EncodeError | null {
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
  const refused =
    writer.write(control, scope) ?? (payload === null ? null : writePayload(writer, framing, scope, payload));
  if (refused !== null) {
    writer.truncate(start);
    return refused;
  }
  writer.u32At(start, writer.length - start - lengthBytes);
  return null;
}

function writePayload(writer: TermWriter, framing: Framing, scope: string, payload: Term): EncodeError | null {
  if (framing === 'pass_through') writer.u8(etfVersion);
  return writer.write(payload, scope);
}
