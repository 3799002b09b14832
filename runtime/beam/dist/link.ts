/**
 * One link after its handshake: frames in and out, ticks, a bounded queue.
 *
 * A node takes us for dead after its `net_ticktime` without traffic; answering each of its ticks is right for whatever that time
 * is. Whether the node is alive we find out ourselves: when it is silent we ask it something its runtime answers at once.
 */
import type { Socket } from 'node:net';
import type { Control, Framing, Outgoing } from './control.ts';
import type { DistError } from './errors.ts';
import { flag } from './flags.ts';
import { FrameSplitter, MessageReader } from './frames.ts';
import type { Established } from './handshake.ts';
import type { Lane } from './outbox.ts';
import { Outbox } from './outbox.ts';

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
/** How long a node may take to read what we said before we hung up. */
const lastWordsMs = 1000;
/** Often enough for a node with the shortest `net_ticktime` there is, 4 s. */
const heldTickMs = 1000;
const tick = Buffer.alloc(4);

/** How messages are framed between peers that have agreed on `flags`. */
export function framingOf(flags: bigint): Framing {
  return (flags & (flag.distHeaderAtomCache | flag.fragments)) === 0n ? 'pass_through' : 'header';
}

export class Link {
  readonly #socket: Socket;
  readonly #limits: LinkLimits;
  readonly #listener: LinkListener;
  readonly #outbox: Outbox;
  readonly #splitter: FrameSplitter;
  readonly #reader: MessageReader;
  readonly #timer: NodeJS.Timeout;
  readonly #counters = { bytesIn: 0, bytesOut: 0, messagesIn: 0, messagesOut: 0, ticksIn: 0, ticksOut: 0 };
  #down: DistError | null = null;
  #silentFor = 0;
  #heard = false;
  #spoke = false;
  #holds = 0;
  #heldTimer: NodeJS.Timeout | undefined;

  constructor(socket: Socket, established: Established, scope: string, limits: LinkLimits, listener: LinkListener) {
    this.#socket = socket;
    this.#limits = limits;
    this.#listener = listener;
    const { flags } = established;
    this.#outbox = new Outbox(
      socket,
      { framing: framingOf(flags), fragments: (flags & flag.fragments) === 0n ? 'not_agreed' : 'agreed', scope },
      (bytes) => {
        this.#counters.bytesOut += bytes;
        this.#spoke = true;
      },
    );
    this.#splitter = new FrameSplitter(limits.mostMessageBytes);
    this.#reader = new MessageReader(scope, limits.mostMessageBytes);
    this.#timer = setInterval(() => {
      this.#interval();
    }, limits.tickMs);
    this.#timer.unref();
    socket.on('data', (chunk) => {
      this.#data(chunk);
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
  send(outgoing: Outgoing, lane: Lane = 'ordinary'): DistError | null {
    if (this.#down !== null) return this.#down;
    const { queuedBytes } = this.#outbox;
    if (queuedBytes > this.#limits.mostQueuedBytes && lane !== 'duty') {
      return { kind: 'busy', message: 'The node takes messages more slowly than we send them.', queuedBytes };
    }
    if (queuedBytes > this.#limits.mostQueuedBytes * 2) {
      const error: DistError = { kind: 'noconnection', message: 'The node has stopped reading.', why: 'silent' };
      this.close(error);
      return error;
    }
    const error = this.#outbox.add(outgoing, lane);
    if (error !== null) return { kind: 'encode', message: error.message, error };
    this.#counters.messagesOut++;
    return null;
  }

  /** Resolves when at most half of what may be queued is; after the end of the link too. */
  drained(): { readonly promise: Promise<void>; readonly forget: () => void } {
    return this.#outbox.drained(this.#limits.mostQueuedBytes / 2);
  }

  /**
   * Stops reading until what this answers is called, by all that hold the link. What has been read is still delivered: up to 64 KiB.
   * The node's ticks cannot be answered meanwhile, so it hears from us by itself, and its silence does not count.
   */
  hold(): () => void {
    if (this.#holds++ === 0 && this.#down === null) {
      this.#socket.pause();
      this.#heldTimer = setInterval(() => {
        this.#tick();
      }, heldTickMs);
      this.#heldTimer.unref();
    }
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      if (--this.#holds > 0 || this.#down !== null) return;
      clearInterval(this.#heldTimer);
      this.#socket.resume();
    };
  }

  /** Ends the link; the first reason counts. What was queued before a wilful end is still sent. */
  close(why: DistError): void {
    if (this.#down !== null) return;
    if (why.kind === 'noconnection' && why.why === 'disconnected') this.#outbox.flushAll();
    this.#down = why;
    this.#outbox.close();
    clearInterval(this.#timer);
    clearInterval(this.#heldTimer);
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

  /** While the queue is blocked a tick would only stand behind it. */
  #tick(): void {
    if (this.#down !== null || this.#outbox.isBlocked) return;
    this.#counters.ticksOut++;
    this.#outbox.write(tick);
  }

  #interval(): void {
    if (!this.#spoke) this.#tick();
    this.#spoke = false;
    this.#silentFor = this.#heard || this.#holds > 0 ? 0 : this.#silentFor + 1;
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
    const sound = this.#splitter.push(chunk, this.#onFrame);
    if (!sound) this.#damaged('A message is larger than we take.');
  }

  readonly #onFrame = (frame: Uint8Array): boolean => {
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
  };

  #damaged(message: string): void {
    this.close({ kind: 'protocol', message, what: 'garbage' });
  }
}
