/**
 * One link after its handshake: frames in and out, ticks, a bounded queue.
 *
 * A node takes us for dead after its `net_ticktime` without traffic; answering each of its ticks is right for whatever that time
 * is. Whether the node is alive we find out ourselves: when it is silent we ask it something its runtime answers at once.
 */
import type { Socket } from 'node:net';
import { termWriter } from '../../term/encode.ts';
import type { TermWriter } from '../../term/write.ts';
import type { Control, Framing, Outgoing } from './control.ts';
import type { DistError } from './errors.ts';
import { flag } from './flags.ts';
import { FrameSplitter, MessageReader, writeMessage } from './frames.ts';
import type { Established } from './handshake.ts';

export type Counters = {
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly messagesIn: number;
  readonly messagesOut: number;
  readonly ticksIn: number;
  readonly ticksOut: number;
};

export type LinkLimits = {
  /** After so long without traffic from the node it is probed; after four times as long it is given up. */
  readonly tickMs: number;
  readonly mostQueuedBytes: number;
  readonly mostMessageBytes: number;
};

export type LinkListener = {
  /** Answers false when what came with the control message is damaged. It is a view: valid during the call. */
  readonly message: (control: Control) => boolean;
  /** The node was silent for a tick: send something it answers. */
  readonly probe: () => void;
  readonly down: (why: DistError) => void;
};

const silentIntervals = 4;
/** A buffer that grew beyond this is given back after it was sent. */
const keptBufferBytes = 1024 * 1024;
/** How long a node may take to read what we said before we hung up. */
const lastWordsMs = 1000;
const tick = Buffer.alloc(4);

export class Link {
  readonly #socket: Socket;
  readonly #scope: string;
  readonly #limits: LinkLimits;
  readonly #listener: LinkListener;
  readonly #framing: Framing;
  readonly #splitter: FrameSplitter;
  readonly #reader: MessageReader;
  readonly #timer: NodeJS.Timeout;
  readonly #counters = { bytesIn: 0, bytesOut: 0, messagesIn: 0, messagesOut: 0, ticksIn: 0, ticksOut: 0 };
  #writer: TermWriter = termWriter(64 * 1024);
  #flushing = false;
  #blocked = false;
  #down: DistError | null = null;
  #silentFor = 0;
  #heard = false;
  #spoke = false;

  constructor(socket: Socket, established: Established, scope: string, limits: LinkLimits, listener: LinkListener) {
    this.#socket = socket;
    this.#scope = scope;
    this.#limits = limits;
    this.#listener = listener;
    this.#framing =
      (established.flags & (flag.distHeaderAtomCache | flag.fragments)) === 0n ? 'pass_through' : 'header';
    this.#splitter = new FrameSplitter(limits.mostMessageBytes);
    this.#reader = new MessageReader(scope, limits.mostMessageBytes);
    this.#timer = setInterval(() => {
      this.#interval();
    }, limits.tickMs);
    this.#timer.unref();
    socket.on('data', (chunk) => {
      this.#data(chunk);
    });
    socket.on('drain', () => {
      this.#blocked = false;
      this.#flush();
    });
    const closed: DistError = { kind: 'noconnection', message: 'The node closed the connection.', why: 'closed' };
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // A node that is killed with something unread resets the connection.
      const ended = error.code === 'ECONNRESET' || error.code === 'EPIPE';
      this.close(
        ended ? closed : { kind: 'noconnection', message: 'The connection to the node broke.', why: 'network' },
      );
    });
    socket.on('close', () => {
      this.close(closed);
    });
  }

  get counters(): Counters {
    return { ...this.#counters };
  }

  /** Why the link is down, or null while it is up. */
  get down(): DistError | null {
    return this.#down;
  }

  /** Takes what came behind the handshake. Called once, when the listener is ready. */
  begin(rest: Uint8Array): void {
    if (rest.length > 0) this.#data(rest);
  }

  /**
   * Queues one message; null, or why it cannot be sent. Messages of one turn of the event loop leave together. What we owe the node
   * (`duty`) is not held back by a full queue; a node that goes on asking and reads nothing is given up.
   */
  send({ control, payload }: Outgoing, kind: 'ordinary' | 'duty' = 'ordinary'): DistError | null {
    if (this.#down !== null) return this.#down;
    const queuedBytes = this.#socket.writableLength + this.#writer.length;
    if (queuedBytes > this.#limits.mostQueuedBytes && kind === 'ordinary') {
      return { kind: 'busy', message: 'The node takes messages more slowly than we send them.', queuedBytes };
    }
    if (queuedBytes > this.#limits.mostQueuedBytes * 2) {
      const error: DistError = { kind: 'noconnection', message: 'The node has stopped reading.', why: 'silent' };
      this.close(error);
      return error;
    }
    const error = writeMessage(this.#writer, this.#framing, this.#scope, control, payload);
    if (error !== null) return { kind: 'encode', message: error.message, error };
    this.#counters.messagesOut++;
    if (!this.#flushing) {
      this.#flushing = true;
      queueMicrotask(() => {
        this.#flushing = false;
        this.#flush();
      });
    }
    return null;
  }

  /** Ends the link; the first reason counts. What was queued before a wilful end is still sent. */
  close(why: DistError): void {
    if (this.#down !== null) return;
    if (why.kind === 'noconnection' && why.why === 'disconnected') this.#flush();
    this.#down = why;
    clearInterval(this.#timer);
    this.#hangUp(why);
    this.#listener.down(why);
  }

  #hangUp(why: DistError): void {
    if (why.kind !== 'noconnection' || why.why !== 'disconnected') {
      this.#socket.destroy();
      return;
    }
    this.#socket.end();
    const timer = setTimeout(() => {
      this.#socket.destroy();
    }, lastWordsMs);
    timer.unref();
  }

  #flush(): void {
    if (this.#down !== null || this.#blocked || this.#writer.length === 0) return;
    const bytes = Buffer.from(this.#writer.written());
    if (bytes.length > keptBufferBytes) this.#writer = termWriter(64 * 1024);
    else this.#writer.truncate(0);
    this.#write(bytes);
  }

  #write(bytes: Buffer): void {
    this.#counters.bytesOut += bytes.length;
    this.#spoke = true;
    if (!this.#socket.write(bytes)) this.#blocked = true;
  }

  /** While the queue is blocked a tick would only stand behind it. */
  #tick(): void {
    if (this.#down !== null || this.#blocked) return;
    this.#counters.ticksOut++;
    this.#write(tick);
  }

  #interval(): void {
    if (!this.#spoke) this.#tick();
    this.#spoke = false;
    this.#silentFor = this.#heard ? 0 : this.#silentFor + 1;
    this.#heard = false;
    if (this.#silentFor >= silentIntervals) {
      this.close({ kind: 'noconnection', message: 'The node has been silent for too long.', why: 'silent' });
    } else if (this.#silentFor > 0) {
      this.#listener.probe();
    }
  }

  #data(chunk: Uint8Array): void {
    if (this.#down !== null) return;
    this.#counters.bytesIn += chunk.length;
    this.#heard = true;
    const sound = this.#splitter.push(chunk, (frame) => this.#frame(frame));
    if (!sound) this.#damaged('A message is larger than we take.');
  }

  #frame(frame: Uint8Array): boolean {
    if (frame.length === 0) {
      this.#counters.ticksIn++;
      this.#tick();
      return this.#down === null;
    }
    const incoming = this.#reader.read(frame);
    if (incoming.kind === 'damaged') this.#damaged(incoming.message);
    if (incoming.kind === 'message') {
      this.#counters.messagesIn++;
      if (!this.#listener.message(incoming.control)) this.#damaged('A message is malformed.');
    }
    return this.#down === null;
  }

  #damaged(message: string): void {
    this.close({ kind: 'protocol', message, what: 'garbage' });
  }
}
