/** One trace over its nodes: what they send is read, and put into one log. */
import { callOptions, remainingNow } from '../../callOptions.ts';
import type { HoldingOwner, NodeName, Result, TraceEnd, TraceInfo, TracedNode } from '../../model.ts';
import type { CallOptions, Frame, StreamEnd, StreamItem } from '../../port.ts';
import type { Term } from '../../term/term.ts';
import { atom } from '../../term/term.ts';
import { lookEveryMs, TraceLog } from '../../trace/log.ts';
import type { AgentTask } from '../agent/nodeAgent.ts';
import { backendNow, readClock } from './nodeClock.ts';
import type { NodeTarget } from './nodeTarget.ts';
import { atomName, listOf, numberOf, tupleOf } from './read.ts';
import type { EventSource } from './traceEvents.ts';
import { readEvent } from './traceEvents.ts';

/** How often clocks are read again. */
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

export class TraceRun {
  readonly id: string;
  readonly owner: HoldingOwner;
  readonly startedAt = Date.now();
  readonly #nodes: readonly Running[];
  readonly #log: TraceLog;
  readonly #onEnd: () => void;
  readonly #timers: readonly NodeJS.Timeout[];

  constructor(id: string, owner: HoldingOwner, nodes: readonly NodeTrace[], onEnd: () => void) {
    this.id = id;
    this.owner = owner;
    this.#onEnd = onEnd;
    this.#nodes = nodes.map((node) => ({ ...node, dropped: 0 }));
    this.#log = new TraceLog(
      nodes.map(({ traced }) => traced.node),
      backendNow,
    );
    const look = setInterval(() => {
      this.#log.look();
    }, lookEveryMs);
    const clocks = setInterval(() => {
      void this.#readClocks();
    }, clockEveryMs);
    this.#timers = [look, clocks];
    for (const timer of this.#timers) timer.unref();
    for (const node of this.#nodes) void this.#follow(node);
  }

  get isEnded(): boolean {
    return this.#log.isEnded;
  }

  get info(): TraceInfo {
    return {
      id: this.id,
      startedAt: this.startedAt,
      owner: this.owner,
      nodes: this.#nodes.map(({ traced }) => traced),
      ended: this.#log.ended,
      events: this.#log.placed,
    };
  }

  /** Ends it everywhere; answers when it has, or when the time is up. What was seen until then can still be read. */
  async stop(options: CallOptions): Promise<readonly TraceEnd[]> {
    const within = callOptions(Math.min(stopWaitMs, remainingNow(options)), options.signal);
    await Promise.all(
      this.#nodes
        .filter(({ traced }) => !this.#log.hasEnded(traced.node))
        .map(async ({ traced, task }) => {
          task.tell(atom('stop'));
          while (!this.#log.hasEnded(traced.node) && remainingNow(within) > 0) await this.#log.change(within);
          if (!this.#log.hasEnded(traced.node)) await task.stop(options);
        }),
    );
    const settled = callOptions(500, options.signal);
    while (!this.isEnded && remainingNow(settled) > 0) await this.#log.change(settled);
    return this.#log.ended;
  }

  /** See `trace.read`. */
  read(after: number, options: CallOptions): AsyncGenerator<StreamItem<Frame<'trace.read'>, StreamEnd<'trace.read'>>> {
    return this.#log.read(after, options);
  }

  async #follow(node: Running): Promise<void> {
    const { frames, traced } = node;
    try {
      for (let next = await frames.next(); next.done !== true; next = await frames.next()) this.#take(node, next.value);
    } catch {
      // How it ended says `ended`.
    }
    const result = await node.task.ended;
    this.#log.end(endOf(traced.node, result.ok ? result.value : null, result, node.dropped));
    if (!this.isEnded) return;
    for (const timer of this.#timers) clearInterval(timer);
    this.#onEnd();
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
    this.#log.add(source.node, read, until);
  }

  async #readClocks(): Promise<void> {
    const running = this.#nodes.filter(({ traced }) => !this.#log.hasEnded(traced.node));
    await Promise.all(
      running.map(async ({ source, reach }) => {
        const options = callOptions(1_000);
        const target = await reach(options);
        if (!target.ok || target.value.creation !== source.clock.creation) return;
        await readClock(source.clock, target.value, 3, options);
      }),
    );
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
