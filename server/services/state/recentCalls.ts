/**
 * The last calls of this process, as the lines they are written as: making a line costs less than keeping an object that long, and most
 * are never asked for. Large results are lines of their own, so that they can be let go of before their calls are.
 */
import { LineBuffer } from './lineBuffer.ts';
import type { StateRecord } from './records.ts';
import { readRecords } from './records.ts';

type Piece = { readonly count: number; readonly oldest: number; readonly calls: Buffer; results: Buffer | null };

const nothing = Buffer.alloc(0);

export class RecentCalls {
  readonly #pieces: Piece[] = [];
  /** Of those that are in no piece yet. */
  #count = 0;
  #oldest = Number.POSITIVE_INFINITY;
  readonly #calls = new LineBuffer();
  readonly #results = new LineBuffer();
  #all = 0;
  #resultBytes = 0;

  /** How many there are. */
  get size(): number {
    return this.#all;
  }

  /** How many bytes wait for {@link seal}. */
  get waiting(): number {
    return this.#calls.length + this.#results.length;
  }

  /** When the first of them began, by this machine's clock. */
  get oldest(): number {
    return this.#pieces.reduce((oldest, piece) => Math.min(oldest, piece.oldest), this.#oldest);
  }

  /** Adds the line of a call that is over, and that of its result, where there is one; `startedAt` by this machine's clock. */
  add(call: string, result: string | null, startedAt: number): void {
    this.#calls.add(call);
    if (result !== null) this.#results.add(result);
    this.#count += 1;
    this.#all += 1;
    if (startedAt < this.#oldest) this.#oldest = startedAt;
  }

  /** What has been added since the last time, as it is to be written. */
  seal(): Buffer {
    if (this.#count === 0) return nothing;
    const calls = this.#calls.take();
    const results = this.#results.length === 0 ? null : this.#results.take();
    this.#pieces.push({ count: this.#count, oldest: this.#oldest, calls, results });
    this.#resultBytes += results?.length ?? 0;
    this.#count = 0;
    this.#oldest = Number.POSITIVE_INFINITY;
    return results === null ? calls : Buffer.concat([calls, results]);
  }

  /** Lets go of the oldest calls as long as so many are left, and of the oldest results as long as they have more bytes than that. */
  trim(calls: number, resultBytes: number): void {
    for (let [oldest] = this.#pieces; oldest !== undefined; [oldest] = this.#pieces) {
      if (this.#all - oldest.count < calls) break;
      this.#pieces.shift();
      this.#all -= oldest.count;
      this.#resultBytes -= oldest.results?.length ?? 0;
    }
    for (const piece of this.#pieces) {
      if (this.#resultBytes <= resultBytes) return;
      this.#resultBytes -= piece.results?.length ?? 0;
      piece.results = null;
    }
  }

  /** All that is sealed, oldest first, as it was written; it stays here. */
  lines(): readonly Buffer[] {
    return this.#pieces.flatMap(({ calls, results }) => (results === null ? [calls] : [calls, results]));
  }

  /** All that is sealed, oldest first; they are no longer here. */
  take(): readonly StateRecord[] {
    const pieces = this.#pieces.splice(0);
    for (const { count } of pieces) this.#all -= count;
    this.#resultBytes = 0;
    return pieces.flatMap(({ calls, results }) => [
      ...readRecords(calls).records,
      ...(results === null ? [] : readRecords(results).records),
    ]);
  }
}
