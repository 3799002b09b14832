/** What a task has told so far: the newest of it is kept, and who waits for more is woken when there is. */
import { remainingNow } from '../../../runtime/callOptions.ts';
import type { Json, Result } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import type { CallOptions } from '../../../runtime/port.ts';
import { onAbort } from '../../../runtime/callOptions.ts';
import { isJsonObject } from '../../core/plainData.ts';
import type { TaskItem, TaskLog, TaskPage, TaskQuery } from '../../operations/tracing/tasks.ts';

/** Readings that are kept of one task: the oldest go first. */
export const mostReadings = 2_000;

export class Readings implements TaskLog {
  readonly #waiting = new Set<() => void>();
  #items: TaskItem[] = [];
  #lastSeq = 0;
  #isClosed = false;

  add(rows: readonly Json[]): void {
    const at = Date.now();
    for (const row of rows) {
      this.#lastSeq += 1;
      const said = typeof row === 'object' && row !== null && isJsonObject(row) ? row : { value: row };
      this.#items.push({ ...said, seq: this.#lastSeq, at });
    }
    if (this.#items.length > mostReadings) this.#items = this.#items.slice(-mostReadings);
    this.#wake();
  }

  /** Nothing more will come. */
  close(): void {
    this.#isClosed = true;
    this.#wake();
  }

  async read(
    { after, limit, enough }: TaskQuery,
    options: CallOptions,
    tell: (items: readonly TaskItem[]) => Promise<void>,
  ): Promise<Result<TaskPage>> {
    const items: TaskItem[] = [];
    let missed = 0;
    for (let last = after; ; last = items.at(-1)?.seq ?? last) {
      const first = this.#items[0]?.seq ?? this.#lastSeq + 1;
      if (first > last + 1) {
        missed += first - last - 1;
        last = first - 1;
      }
      const found = this.#items.slice(last + 1 - first, last + 1 - first + limit - items.length);
      items.push(...found);
      if (found.length > 0) await tell(found);
      const isWhole = (found.at(-1)?.seq ?? last) >= this.#lastSeq;
      const isOver = items.length >= Math.min(enough, limit) || this.#isClosed;
      if (items.length >= limit || (isWhole && isOver) || options.signal.aborted || remainingNow(options) === 0) {
        return ok({ items, missed, late: [], isLast: isWhole && this.#isClosed });
      }
      if (isWhole) await this.#more(options);
    }
  }

  count(): Promise<number> {
    return Promise.resolve(this.#lastSeq);
  }

  async #more(options: CallOptions): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        unfollow();
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, remainingNow(options));
      const unfollow = onAbort(options.signal, done);
      this.#waiting.add(done);
    });
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}
