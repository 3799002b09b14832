/**
 * One direction of a connection between two nodes: bytes go from one socket to the other as the link's condition says. What stands
 * still stands in order, an end (a closed connection) among it: on a silent link not even that arrives.
 */
import type { Socket } from 'node:net';
import type { LinkCondition } from '../../network/condition.ts';
import { isSilent, isUntouched, occupiedMs, transitMs } from '../../network/condition.ts';

/** What is on its way at most; more is left with the sender, whose own buffers fill then, as on a real network. */
const mostOnTheWayBytes = 8 * 1024 * 1024;

type Item = { readonly bytes: Buffer | 'end'; readonly dueAt: number };

export class Direction {
  readonly #source: Socket;
  readonly #sink: Socket;
  #condition: LinkCondition;
  #queue: Item[] = [];
  #queuedBytes = 0;
  #freeAt = 0;
  #timer: NodeJS.Timeout | null = null;
  #isSinkFull = false;
  #isOver = false;

  constructor(source: Socket, sink: Socket, condition: LinkCondition) {
    this.#source = source;
    this.#sink = sink;
    this.#condition = condition;
    source.on('data', (bytes: Buffer) => this.#take(bytes));
    source.on('close', () => this.#take('end'));
    sink.on('drain', () => {
      this.#isSinkFull = false;
      this.#pump();
    });
    this.#steer();
  }

  /** From now on the link is in this condition. What is on its way keeps the delay it has, unless the link is mended altogether. */
  become(condition: LinkCondition): void {
    this.#condition = condition;
    if (isUntouched(condition)) {
      this.#queue = this.#queue.map(({ bytes }) => ({ bytes, dueAt: 0 }));
      this.#freeAt = 0;
    }
    this.#pump();
  }

  /** Nothing moves any more; the sockets are the caller's. */
  stop(): void {
    this.#isOver = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#queue = [];
  }

  #take(bytes: Buffer | 'end'): void {
    if (this.#isOver) return;
    const length = bytes === 'end' ? 0 : bytes.length;
    if (this.#queue.length === 0 && isUntouched(this.#condition) && !this.#isSinkFull) {
      this.#deliver(bytes);
    } else {
      const now = performance.now();
      const before = this.#queue.at(-1)?.dueAt ?? now;
      this.#freeAt = Math.max(this.#freeAt, now) + occupiedMs(this.#condition, length);
      const arrives = this.#freeAt + transitMs(this.#condition, Math.max(1, length), Math.random);
      // A later byte never overtakes an earlier one.
      this.#queue.push({ bytes, dueAt: Math.max(before, arrives) });
      this.#queuedBytes += length;
    }
    this.#pump();
  }

  #pump(): void {
    if (this.#isOver) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    while (!this.#isSinkFull && !isSilent(this.#condition)) {
      const next = this.#queue[0];
      if (next === undefined) break;
      const inMs = next.dueAt - performance.now();
      if (inMs > 0) {
        this.#timer = setTimeout(() => this.#pump(), inMs);
        break;
      }
      this.#queue.shift();
      this.#queuedBytes -= next.bytes === 'end' ? 0 : next.bytes.length;
      this.#deliver(next.bytes);
    }
    this.#steer();
  }

  #deliver(bytes: Buffer | 'end'): void {
    if (bytes === 'end') {
      this.#isOver = true;
      this.#sink.destroySoon();
    } else if (!this.#sink.destroyed) {
      // To one that has gone, bytes are sent in vain; that it has gone comes back over the other direction.
      this.#isSinkFull = !this.#sink.write(bytes);
    }
  }

  #steer(): void {
    if (this.#source.destroyed) return;
    const stands = isSilent(this.#condition) || this.#isSinkFull || this.#queuedBytes > mostOnTheWayBytes;
    if (stands) this.#source.pause();
    else this.#source.resume();
  }
}
