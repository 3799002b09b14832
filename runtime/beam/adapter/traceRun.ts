/** One trace over its nodes: what they send is put in order as it comes and kept for readers, the newest of it. */
import { callOptions, remainingNow } from '../../callOptions.ts';
import { cancelled, timedOut } from '../../errors.ts';
import type { HoldingOwner, NodeName, Result, TraceEnd, TraceEvent, TraceInfo, TracedNode } from '../../model.ts';
import { ok } from '../../model.ts';
import type { CallOptions, Frame, StreamEnd, StreamItem } from '../../port.ts';
import type { Term } from '../../term/term.ts';
import { atom } from '../../term/term.ts';
import type { AgentTask } from '../agent/nodeAgent.ts';
import { backendNow, readClock } from './nodeClock.ts';
import type { NodeTarget } from './nodeTarget.ts';
import { atomName, listOf, numberOf, tupleOf } from './read.ts';
import type { EventSource } from './traceEvents.ts';
import { readEvent } from './traceEvents.ts';
import { TraceOrder } from './traceOrder.ts';

/** Events kept for readers; the oldest go first. */
export const mostKept = 50_000;
const mostInFrame = 500;
/** How often what waits for silent nodes is looked at, and clocks are read again. */
const lookEveryMs = 100;
const clockEveryMs = 5_000;
const stopWaitMs = 2_000;

/** A trace on one node, begun there. */
export type NodeTrace = {
  readonly traced: TracedNode;
  /** The way to the node now: connections come and go while a trace runs. */
  readonly reach: (options: CallOptions) => Promise<Result<NodeTarget>>;
  readonly task: AgentTask;
  /** Its frames behind the first. */
  readonly frames: AsyncIterator<Term>;
  readonly source: EventSource;
};

type Running = NodeTrace & { dropped: number };
type ReadItem = StreamItem<Frame<'trace.read'>, StreamEnd<'trace.read'>>;

export class TraceRun {
  readonly id: string;
  readonly owner: HoldingOwner;
  readonly startedAt = Date.now();
  readonly #nodes: readonly Running[];
  readonly #order: TraceOrder;
  readonly #ended = new Map<NodeName, TraceEnd>();
  #events: TraceEvent[] = [];
  /** The seq of the first kept. */
  #firstSeq = 1;
  #lastSeq = 0;
  readonly #waiting = new Set<() => void>();
  readonly #onEnd: () => void;
  readonly #timers: readonly NodeJS.Timeout[];

  constructor(id: string, owner: HoldingOwner, nodes: readonly NodeTrace[], onEnd: () => void) {
    this.id = id;
    this.owner = owner;
    this.#onEnd = onEnd;
    this.#nodes = nodes.map((node) => ({ ...node, dropped: 0 }));
    this.#order = new TraceOrder(
      nodes.map(({ traced }) => traced.node),
      backendNow(),
    );
    const look = setInterval(() => {
      this.#look();
    }, lookEveryMs);
    const clocks = setInterval(() => {
      void this.#readClocks();
    }, clockEveryMs);
    this.#timers = [look, clocks];
    for (const timer of this.#timers) timer.unref();
    for (const node of this.#nodes) void this.#follow(node);
  }

  get isEnded(): boolean {
    return this.#ended.size === this.#nodes.length;
  }

  get info(): TraceInfo {
    return {
      id: this.id,
      startedAt: this.startedAt,
      owner: this.owner,
      nodes: this.#nodes.map(({ traced }) => traced),
      ended: [...this.#ended.values()],
      events: this.#lastSeq,
    };
  }

  /** Ends it everywhere; answers when it has, or when the time is up. What was seen until then can still be read. */
  async stop(options: CallOptions): Promise<readonly TraceEnd[]> {
    const within = callOptions(Math.min(stopWaitMs, remainingNow(options)), options.signal);
    await Promise.all(
      this.#nodes
        .filter(({ traced }) => !this.#ended.has(traced.node))
        .map(async ({ traced, task }) => {
          task.tell(atom('stop'));
          while (!this.#ended.has(traced.node) && remainingNow(within) > 0) await this.#change(within);
          if (!this.#ended.has(traced.node)) await task.stop(options);
        }),
    );
    const settled = callOptions(500, options.signal);
    while (!this.isEnded && remainingNow(settled) > 0) await this.#change(settled);
    return [...this.#ended.values()];
  }

  /** See `trace.read`. */
  async *read(after: number, options: CallOptions): AsyncGenerator<ReadItem> {
    let last = after;
    let told = '';
    for (;;) {
      const from = Math.max(last + 1, this.#firstSeq);
      const missed = from - last - 1;
      const events = this.#events.slice(from - this.#firstSeq, from - this.#firstSeq + mostInFrame);
      const late = this.#order.late(backendNow());
      const ended = [...this.#ended.values()];
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
      await this.#change(options);
    }
    yield { is: 'end', result: ok({ ended: [...this.#ended.values()] }) };
  }

  async #follow(node: Running): Promise<void> {
    const { frames, traced, source } = node;
    try {
      for (let next = await frames.next(); next.done !== true; next = await frames.next()) this.#take(node, next.value);
    } catch {
      // How it ended says `ended`.
    }
    const result = await node.task.ended;
    this.#ended.set(source.node, endOf(traced.node, result.ok ? result.value : null, result, node.dropped));
    this.#order.end(source.node);
    if (this.isEnded) {
      for (const timer of this.#timers) clearInterval(timer);
      this.#onEnd();
    }
    this.#look();
    this.#wake();
  }

  /** `{events, UntilNs, Dropped, [Event]}` */
  #take(node: Running, frame: Term): void {
    const [tag, untilNs, dropped, events] = tupleOf(frame, 4) ?? [];
    if (atomName(tag) !== 'events') return;
    const { source } = node;
    node.dropped += numberOf(dropped) ?? 0;
    const time = source.clock.reader();
    if (time === null) return;
    const until = time(source.startUs + (numberOf(untilNs) ?? 0) / 1000);
    const read = listOf(events).flatMap((event) => readEvent(event, source, time) ?? []);
    this.#order.add(source.node, read, until, backendNow());
    this.#look();
  }

  #look(): void {
    const placed = this.#order.take(backendNow());
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

  async #readClocks(): Promise<void> {
    const running = this.#nodes.filter(({ traced }) => !this.#ended.has(traced.node));
    await Promise.all(
      running.map(async ({ source, reach }) => {
        const options = callOptions(1_000);
        const target = await reach(options);
        if (!target.ok || target.value.creation !== source.clock.creation) return;
        await readClock(source.clock, target.value, 3, options);
      }),
    );
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  /** Something came, or it was waited for a moment: who is late changes by time alone. */
  async #change(options: CallOptions): Promise<void> {
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
}

const reasons = ['timeMs', 'events', 'eventsPerSecond', 'tracerQueue', 'termBytes', 'stopped', 'target_gone'] as const;

/** `{ended, Why, Dropped}`; `left` when a holding was released; without a result the tracer was killed, or the node is lost. */
function endOf(
  node: NodeName,
  value: Term | null,
  result: Awaited<AgentTask['ended']>,
  droppedBefore: number,
): TraceEnd {
  const [tag, why, dropped] = tupleOf(value ?? undefined, 3) ?? [];
  if (atomName(tag) === 'ended') {
    const reason = reasons.find((one) => one === atomName(why)) ?? 'stopped';
    return { node, why: reason, dropped: numberOf(dropped) ?? droppedBefore };
  }
  if (result.ok) return { node, why: 'stopped', dropped: droppedBefore };
  // The tracer's own memory is bounded; what waits for it is not part of it, so only a large term takes it beyond, and ends it.
  const isKilled = result.error.code === 'agent.task_killed';
  return { node, why: isKilled ? 'termBytes' : 'node_lost', dropped: droppedBefore };
}
