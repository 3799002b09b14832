/** Mailboxes of processes that have no messages, for the next ones that get some. */
import type { Value } from '../../term/values.ts';
import { Ring } from './ring.ts';

/** So many are kept. */
const mostSpare = 256;
/** Larger ones are left to the garbage collector. */
const largestSpare = 64;

export class SpareMailboxes {
  /** The first {@link #count} places hold one each; the array itself keeps its length, which costs less than to push and pop. */
  readonly #spares: (Ring<Value> | undefined)[] = new Array<Ring<Value> | undefined>(mostSpare).fill(undefined);
  #count = 0;

  take(): Ring<Value> {
    if (this.#count === 0) return new Ring<Value>();
    this.#count -= 1;
    const mailbox = this.#spares[this.#count];
    this.#spares[this.#count] = undefined;
    return mailbox ?? new Ring<Value>();
  }

  /** `mailbox` is empty, and nobody's any more. */
  give(mailbox: Ring<Value>): void {
    if (this.#count === mostSpare || mailbox.capacity > largestSpare) return;
    this.#spares[this.#count] = mailbox;
    this.#count += 1;
  }
}
