/**
 * Messages of a stream in a bounded queue. When its reader is slower than the node, we stop reading the link, TCP stops the node, and
 * the node suspends whoever sends to us: nothing grows anywhere, and nothing is lost.
 *
 * All on the link wait meanwhile, so a reader that does not go on loses its stream. A stream that gives its sender credit never gets
 * there; this is the net below it.
 */
import type { RawTerm } from '../../term/cursor.ts';
import { ownRaw } from '../../term/cursor.ts';
import type { PidTerm, Term } from '../../term/term.ts';
import type { RawReceiver } from './processes.ts';

export type InboxLimits = {
  /** The link is not read while messages of more bytes wait here; it is again when half of them are taken. 4 MiB when absent. */
  readonly mostBytes?: number;
  /** A reader that leaves the link unread for so long loses its stream. 5 s when absent. */
  readonly mostHeldMs?: number;
};

export type InboxItem =
  /** The bytes are the reader's. They may be damaged. */
  | { readonly is: 'message'; readonly message: RawTerm; readonly from: PidTerm | null }
  | { readonly is: 'exit'; readonly from: PidTerm; readonly reason: Term }
  /** Nothing comes any more: `overrun` because it was not read, `noconnection` with the link. */
  | { readonly is: 'ended'; readonly why: 'closed' | 'overrun' | 'noconnection' };

/** What an inbox needs of its connection. */
export type InboxLink = {
  readonly spawn: (receiver: RawReceiver) => { readonly pid: PidTerm; readonly release: () => void };
  /** Stops reading the link until what it answers is called. */
  readonly hold: () => () => void;
  readonly onDown: (listener: () => void) => { readonly dispose: () => void };
};

const defaultMostBytes = 4 * 1024 * 1024;
const defaultMostHeldMs = 5_000;

type Ended = Extract<InboxItem, { readonly is: 'ended' }>;

export class Inbox {
  /** The process that the node sends to. */
  readonly pid: PidTerm;
  readonly #mostBytes: number;
  readonly #mostHeldMs: number;
  readonly #hold: () => () => void;
  readonly #release: () => void;
  #items: Exclude<InboxItem, Ended>[] = [];
  /** How many of them are taken already. */
  #taken = 0;
  #bytes = 0;
  #ended: Ended | null = null;
  #waiting: ((item: InboxItem) => void) | null = null;
  #resume: (() => void) | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(link: InboxLink, limits: InboxLimits) {
    this.#mostBytes = limits.mostBytes ?? defaultMostBytes;
    this.#mostHeldMs = limits.mostHeldMs ?? defaultMostHeldMs;
    this.#hold = link.hold;
    const { pid, release } = link.spawn({
      message: (message, from) => {
        this.#put({ is: 'message', message: ownRaw(message), from });
      },
      exit: (from, reason) => {
        this.#put({ is: 'exit', from, reason });
      },
    });
    this.pid = pid;
    const down = link.onDown(() => {
      this.#end('noconnection');
    });
    this.#release = () => {
      down.dispose();
      release();
    };
  }

  /** Bytes of the messages that wait to be read. */
  get queuedBytes(): number {
    return this.#bytes;
  }

  #put(item: Exclude<InboxItem, Ended>): void {
    if (this.#ended !== null) return;
    if (this.#waiting !== null) {
      const waiting = this.#waiting;
      this.#waiting = null;
      waiting(item);
      return;
    }
    this.#items.push(item);
    this.#bytes += bytesOf(item);
    if (this.#bytes > this.#mostBytes && this.#resume === null) {
      this.#resume = this.#hold();
      this.#watchReader();
    }
  }

  /** Each item that the reader takes gives it time anew. */
  #watchReader(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#drop();
      this.#end('overrun');
    }, this.#mostHeldMs);
  }

  /** The next item, as soon as there is one. After `ended` it answers that for ever. Called again only when it has answered. */
  next(): Promise<InboxItem> {
    const item = this.#take();
    if (item === null) {
      if (this.#ended !== null) return Promise.resolve(this.#ended);
      return new Promise((resolve) => {
        this.#waiting = resolve;
      });
    }
    this.#bytes -= bytesOf(item);
    if (this.#resume !== null) {
      if (this.#bytes <= this.#mostBytes / 2) this.#goOn();
      else this.#watchReader();
    }
    return Promise.resolve(item);
  }

  #take(): Exclude<InboxItem, Ended> | null {
    const item = this.#items[this.#taken] ?? null;
    if (item === null) return null;
    this.#taken++;
    // Moved together now and then: with each one it would cost as much as there are.
    if (this.#taken * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#taken);
      this.#taken = 0;
    }
    return item;
  }

  #drop(): void {
    this.#items = [];
    this.#taken = 0;
    this.#bytes = 0;
  }

  #goOn(): void {
    clearTimeout(this.#timer);
    this.#resume?.();
    this.#resume = null;
  }

  /** Ends the stream: the node is told `normal` if it watches, and what was not read is dropped. */
  close(): void {
    this.#drop();
    this.#end('closed');
  }

  /** What came before the end can still be read. */
  #end(why: Ended['why']): void {
    if (this.#ended !== null) return;
    this.#ended = { is: 'ended', why };
    this.#goOn();
    this.#release();
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.(this.#ended);
  }
}

function bytesOf(item: InboxItem): number {
  return item.is === 'message' ? item.message.bytes.length : 0;
}
