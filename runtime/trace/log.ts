/** What a trace has seen over its nodes: put in order as it comes, and kept for readers, the newest of it. */
import { remainingNow } from '../callOptions.ts';
import { cancelled, timedOut } from '../errors.ts';
import type { NodeName, NodeTime, TraceEnd, TraceEvent, WallTime } from '../model.ts';
import { ok } from '../model.ts';
import type { CallOptions, Frame, StreamEnd, StreamItem } from '../port.ts';
import type { NodeEvent } from './order.ts';
import { TraceOrder } from './order.ts';

/** Events kept for readers; the oldest go first. */
export const mostKept = 50_000;
const mostInFrame = 500;
/** How often what waits for silent nodes is to be looked at. */
export const lookEveryMs = 100;

type ReadItem = StreamItem<Frame<'trace.read'>, StreamEnd<'trace.read'>>;

export class TraceLog {
  readonly #nodes: number;
  readonly #order: TraceOrder;
  readonly #now: () => WallTime;
  readonly #ended = new Map<NodeName, TraceEnd>();
  readonly #waiting = new Set<() => void>();
  #events: TraceEvent[] = [];
  /** The seq of the first kept. */
  #firstSeq = 1;
  #lastSeq = 0;

  /** `now`: our clock, in milliseconds. `slackMs`: how much later than its time an event can come. */
  constructor(nodes: readonly NodeName[], now: () => WallTime, slackMs?: number) {
    this.#nodes = nodes.length;
    this.#now = now;
    this.#order = new TraceOrder(nodes, now(), undefined, slackMs);
  }

  /** How many events have been placed. */
  get placed(): number {
    return this.#lastSeq;
  }
  get ended(): readonly TraceEnd[] {
    return [...this.#ended.values()];
  }
  hasEnded(node: NodeName): boolean {
    return this.#ended.has(node);
  }
  get isEnded(): boolean {
    return this.#ended.size === this.#nodes;
  }

  /** What came of a node, and the time up to which it has said everything. */
  add(node: NodeName, events: readonly NodeEvent[], until: NodeTime): void {
    this.#order.add(node, events, until, this.#now());
    this.look();
  }

  /** The node brings nothing more. */
  end(end: TraceEnd): void {
    this.#ended.set(end.node, end);
    this.#order.end(end.node);
    this.look();
    this.#wake();
  }

  /** Places what can be placed by now. */
  look(): void {
    const placed = this.#order.take(this.#now());
    if (placed.length === 0) return;
    for (const event of placed) this.#events.push(event);
    this.#lastSeq += placed.length;
    // Cut now and then, not for each event.
    if (this.#events.length > mostKept * 1.25) {
      this.#firstSeq += this.#events.length - mostKept;
      this.#events = this.#events.slice(-mostKept);
    }
    this.#wake();
  }

  /** See `trace.read`. */
  async *read(after: number, options: CallOptions): AsyncGenerator<ReadItem> {
    let last = after;
    let told = '';
    for (;;) {
      const from = Math.max(last + 1, this.#firstSeq);
      const missed = from - last - 1;
      const events = this.#events.slice(from - this.#firstSeq, from - this.#firstSeq + mostInFrame);
      const late = this.#order.late(this.#now());
      const { ended } = this;
      const telling = JSON.stringify([late, ended.length]);
      if (events.length > 0 || missed > 0 || telling !== told) {
        last = from - 1 + events.length;
        told = telling;
        yield { is: 'frame', frame: { events, watermarkAt: this.#order.watermark, missed, late, ended } };
        continue;
      }
      if (this.isEnded && this.#order.isDone) break;
      if (options.signal.aborted || remainingNow(options) === 0) {
        yield { is: 'end', result: options.signal.aborted ? cancelled('none') : timedOut('The trace', 'none') };
        return;
      }
      await this.change(options);
    }
    yield { is: 'end', result: ok({ ended: this.ended }) };
  }

  /** Something came, or it was waited for a moment: who is late changes by time alone. */
  async change(options: CallOptions): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        options.signal.removeEventListener('abort', done);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, Math.min(lookEveryMs * 2, remainingNow(options)));
      options.signal.addEventListener('abort', done, { once: true });
      this.#waiting.add(done);
    });
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }
}
