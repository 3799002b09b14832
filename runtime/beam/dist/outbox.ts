/**
 * What leaves over one link: messages of one turn of the event loop together, large ones in fragments that others pass by.
 *
 * A message larger than a fragment would hold up every tick and small call behind it for as long as it takes to be sent, so it goes
 * out piece by piece (ERTS User's Guide, "Distribution Header for fragmented messages"), as far as the peer has agreed to that.
 */
import { termWriter } from '../../term/encode.ts';
import type { EncodeError, TermWriter } from '../../term/write.ts';
import type { Framing, Outgoing } from './control.ts';
import { fragmentFrame, frameHeadBytes, writeMessage } from './frames.ts';

/**
 * In what order a message leaves. `ordinary`: behind all `ordinary` ones before it, as signals between two processes do. `apart`: as
 * soon as it can, in no order with others. `duty`: the same, and it is not refused because much is waiting.
 */
export type Lane = 'ordinary' | 'apart' | 'duty';

/** What OTP uses. */
const fragmentBytes = 64 * 1024;
/** A buffer that grew beyond this is given back after it was sent. */
const keptBufferBytes = 1024 * 1024;
const firstBufferBytes = 64 * 1024;
/** Fragments that leave in one turn of the event loop, so that what comes is read in between. */
const fragmentsInATurn = 4;

/** A message that leaves in fragments. */
type Large = {
  readonly sequence: number;
  /** Control message and payload. */
  readonly body: Uint8Array;
  readonly firstBytes: number;
  readonly lane: Lane;
  sentBytes: number;
};

/** An `ordinary` message behind a large one; each is a whole frame. */
type Behind = { readonly frame: Uint8Array } | Large;

/** As much of a socket as is needed. */
export type Sink = {
  readonly writableLength: number;
  /** Takes the bytes in any case; false when it should be given no more before 'drain'. */
  write(bytes: Uint8Array): boolean;
  on(event: 'drain', listener: () => void): unknown;
};

export type OutboxOptions = {
  readonly framing: Framing;
  readonly fragments: 'agreed' | 'not_agreed';
  readonly scope: string;
};

export class Outbox {
  readonly #socket: Sink;
  readonly #options: OutboxOptions;
  readonly #onWritten: (bytes: number) => void;
  #writer: TermWriter = termWriter(firstBufferBytes);
  /** Messages whose fragments leave in turns. At most one of them is `ordinary`. */
  readonly #large: Large[] = [];
  readonly #behind: Behind[] = [];
  #heldBytes = 0;
  #sequences = 0;
  #state: 'idle' | 'due' | 'blocked' | 'closed' = 'idle';
  readonly #drained = new Set<{ readonly belowBytes: number; readonly resolve: () => void }>();
  readonly #flushNow = (): void => {
    if (this.#state === 'due') this.flush();
  };

  /** @param onWritten is told how many bytes were given to the socket */
  constructor(socket: Sink, options: OutboxOptions, onWritten: (bytes: number) => void) {
    this.#socket = socket;
    this.#options = options;
    this.#onWritten = onWritten;
    socket.on('drain', () => {
      if (this.#state !== 'blocked') return;
      this.#state = 'idle';
      this.flush();
    });
  }

  /** Bytes that wait to be sent, here and in the socket. */
  get queuedBytes(): number {
    return this.#socket.writableLength + this.#writer.length + this.#heldBytes;
  }

  /** Whether the socket takes no more at the moment. */
  get isBlocked(): boolean {
    return this.#state === 'blocked';
  }

  /** Takes a message; null, or why it cannot be encoded. It leaves in this turn of the event loop, if nothing is in its way. */
  add(outgoing: Outgoing, lane: Lane): EncodeError | null {
    const { framing, scope, fragments } = this.#options;
    const start = this.#writer.length;
    const written = writeMessage(this.#writer, framing, scope, outgoing);
    if (typeof written !== 'number') return written;
    const isLarge = fragments === 'agreed' && this.#writer.length - start > fragmentBytes;
    const mustWait = lane === 'ordinary' && this.#ordinaryUnderWay();
    if (isLarge) this.#addLarge(start, written, lane, mustWait);
    else if (mustWait) this.#hold({ frame: this.#takeFrom(start) });
    if (this.#state === 'idle') {
      this.#state = 'due';
      void turnEnd.then(this.#flushNow);
    }
    return null;
  }

  #ordinaryUnderWay(): boolean {
    return this.#behind.length > 0 || this.#large.some(({ lane }) => lane === 'ordinary');
  }

  #addLarge(start: number, controlBytes: number, lane: Lane, mustWait: boolean): void {
    const body = this.#takeFrom(start).subarray(frameHeadBytes);
    const firstBytes = Math.max(controlBytes, fragmentBytes);
    const large: Large = { sequence: ++this.#sequences, body, firstBytes, lane, sentBytes: 0 };
    if (mustWait) {
      this.#hold(large);
      return;
    }
    this.#heldBytes += body.length;
    this.#large.push(large);
  }

  /** What was written from `start` on, taken out of the writer. */
  #takeFrom(start: number): Uint8Array {
    const written = this.#writer.written();
    if (start > 0 || written.length < keptBufferBytes) {
      const own = written.slice(start);
      this.#writer.truncate(start);
      return own;
    }
    this.#writer = termWriter(firstBufferBytes);
    return written;
  }

  #hold(behind: Behind): void {
    this.#heldBytes += 'frame' in behind ? behind.frame.length : behind.body.length;
    this.#behind.push(behind);
  }

  /** Gives the socket what it takes now. */
  flush(): void {
    if (this.#state === 'blocked' || this.#state === 'closed') return;
    this.#state = 'idle';
    this.#flushWriter();
    for (let count = 0; count < fragmentsInATurn && this.#canWrite() && this.#large.length > 0; count++) {
      this.#writeFragment();
      // What stood behind a large message, if that has left.
      if (this.#canWrite()) this.#flushWriter();
    }
    if (this.#drained.size > 0) this.#tellDrained();
    if (this.#canWrite() && this.#large.length > 0) {
      this.#state = 'due';
      setImmediate(this.#flushNow);
    }
  }

  /** Read anew each time: writing changes it. */
  #canWrite(): boolean {
    return this.#state === 'idle';
  }

  #flushWriter(): void {
    if (this.#writer.length === 0) return;
    const bytes = Buffer.from(this.#writer.written());
    if (bytes.length > keptBufferBytes) this.#writer = termWriter(firstBufferBytes);
    else this.#writer.truncate(0);
    this.write(bytes);
  }

  #writeFragment(): void {
    const large = this.#large.shift();
    if (large === undefined) return;
    const size = large.sentBytes === 0 ? large.firstBytes : fragmentBytes;
    const end = Math.min(large.sentBytes + size, large.body.length);
    const left = Math.ceil((large.body.length - end) / fragmentBytes);
    const kind = large.sentBytes === 0 ? 'first' : 'later';
    const frame = fragmentFrame(kind, large.sequence, left + 1, large.body.subarray(large.sentBytes, end));
    this.#heldBytes -= end - large.sentBytes;
    large.sentBytes = end;
    if (left > 0) this.#large.push(large);
    else if (large.lane === 'ordinary') this.#follow();
    this.write(frame);
  }

  /** A large ordinary message has left: those behind it follow, up to and with the next large one. */
  #follow(): void {
    for (let next = this.#behind.shift(); next !== undefined; next = this.#behind.shift()) {
      if (!('frame' in next)) {
        this.#large.push(next);
        return;
      }
      this.#heldBytes -= next.frame.length;
      this.#writer.raw(next.frame);
    }
  }

  /** Gives the socket all there is, though it may have to keep it: nothing comes behind. */
  flushAll(): void {
    if (this.#state === 'closed') return;
    this.#flushWriter();
    while (this.#large.length > 0) {
      this.#writeFragment();
      this.#flushWriter();
    }
  }

  /** Gives bytes to the socket as they are. */
  write(bytes: Uint8Array): void {
    this.#onWritten(bytes.length);
    if (!this.#socket.write(bytes)) this.#state = 'blocked';
  }

  /** Resolves when no more than `belowBytes` wait. After {@link Outbox.close} it resolves too. */
  drained(belowBytes: number): { readonly promise: Promise<void>; readonly forget: () => void } {
    if (this.queuedBytes <= belowBytes || this.#state === 'closed') {
      return { promise: Promise.resolve(), forget: () => undefined };
    }
    let forget = (): void => undefined;
    const promise = new Promise<void>((resolve) => {
      const waiter = { belowBytes, resolve };
      this.#drained.add(waiter);
      forget = () => {
        this.#drained.delete(waiter);
      };
    });
    return { promise, forget };
  }

  #tellDrained(): void {
    for (const waiter of this.#drained) {
      if (this.queuedBytes > waiter.belowBytes) continue;
      this.#drained.delete(waiter);
      waiter.resolve();
    }
  }

  /** Nothing leaves any more, and what waits is given back. */
  close(): void {
    this.#state = 'closed';
    this.#large.length = 0;
    this.#behind.length = 0;
    this.#heldBytes = 0;
    this.#writer = termWriter(16);
    for (const { resolve } of this.#drained) resolve();
    this.#drained.clear();
  }
}

const turnEnd = Promise.resolve();
