/** One trace on one node: what it is about, and the fuses that end it. */
import type { Fuses, NodeTime, TraceEnd } from '../../model.ts';
import type { TraceQuery } from '../../port.ts';
import type { Pid } from '../../term/values.ts';
import type { NodeEvent } from '../../trace/order.ts';
import type { KernelEvent } from '../kernel/events.ts';
import type { KernelNode } from '../kernel/node.ts';
import type { Process } from '../kernel/process.ts';
import type { TraceEvent } from '../kernel/trace.ts';
import { traceFlag } from '../kernel/trace.ts';
import { asValue, itemsOf } from '../kernel/values.ts';
import { termOf } from './context.ts';
import type { NodeTracing, Tracing } from './nodeTracing.ts';
import { eventOf } from './tracedEvents.ts';
import type { CallFilter } from './tracedCalls.ts';

export type TraceOnNodeOptions = {
  readonly node: KernelNode;
  readonly tracing: NodeTracing;
  readonly targets: readonly Process[] | Exclude<TraceQuery['targets'], readonly unknown[]>;
  readonly events: TraceQuery['events'];
  readonly calls: CallFilter;
  readonly fuses: Fuses;
  readonly time: (atMs: number) => NodeTime;
  readonly onEvents: (events: readonly NodeEvent[], until: NodeTime) => void;
  readonly onEnd: (end: TraceEnd) => void;
};

const flagOf = {
  send: traceFlag.send,
  receive: traceFlag.receive,
  call: traceFlag.call,
  process: traceFlag.procs,
} as const;

export class TraceOnNode implements Tracing {
  readonly flags: number;
  readonly processes: Set<Process>;
  readonly #options: TraceOnNodeOptions;
  readonly #beganMs: number;
  /** Of those it is or was about: an end is told when there is no process any more. */
  readonly #pids: Set<Pid>;
  readonly #watched: readonly Process[] | null;
  #seen = 0;
  #dropped = 0;
  #secondBegan: number;
  #inSecond = 0;
  #ended = false;

  constructor(options: TraceOnNodeOptions) {
    const { node, targets, events } = options;
    this.#options = options;
    this.flags = events.reduce((flags, event) => flags | flagOf[event], 0);
    const existing = targets === 'new' ? [] : typeof targets === 'string' ? [...node.processes.values()] : targets;
    this.processes = new Set(existing.filter((process) => !isOurs(process)));
    this.#pids = new Set([...this.processes].map(({ pid }) => pid));
    this.#watched = typeof targets === 'string' ? null : [...this.processes];
    this.#beganMs = node.world.nowMs;
    this.#secondBegan = this.#beganMs;
    options.tracing.begin(this);
  }

  /** Of what is in the query: how many processes it is about now. */
  get size(): number {
    return this.processes.size;
  }

  /** What the kernel tells while it runs. */
  hear(event: KernelEvent): void {
    const { node, targets, tracing } = this.#options;
    if (event.is === 'node_down' && event.node === node.name) this.end('node_lost');
    if (event.is !== 'spawned' || event.pid.node !== node.name || (targets !== 'new' && targets !== 'all')) return;
    const process = node.find(event.pid);
    if (process === undefined || this.#ended || isOurs(process)) return;
    tracing.add(this, process);
    this.#pids.add(process.pid);
  }

  /** What was noted until now is told; then it is seen whether its time is over. */
  look(): void {
    if (this.#ended) return;
    const { node, tracing, fuses, time, onEvents } = this.#options;
    tracing.drain();
    if (this.#isEnded()) return;
    onEvents([], time(node.world.nowMs));
    if (node.world.nowMs - this.#beganMs >= fuses.timeMs) this.end('timeMs');
    else if (this.#watched !== null && this.#watched.every(({ alive }) => !alive)) this.end('target_gone');
  }

  take(noted: readonly TraceEvent[]): void {
    const { fuses, time, onEvents, events: kinds } = this.#options;
    const events: NodeEvent[] = [];
    const pairs = kinds.includes('send') && kinds.includes('receive');
    let why: keyof Fuses | null = null;
    for (const one of noted) {
      if (!this.#wants(one)) continue;
      why ??= this.#fuse(one.atMs);
      if (why !== null) {
        this.#dropped += 1;
        continue;
      }
      const event = eventOf(one, time(one.atMs), fuses.termBytes, pairs);
      if (event === null) continue;
      this.#seen += 1;
      events.push(event);
    }
    const last = noted.at(-1);
    if (events.length > 0 && last !== undefined) onEvents(events, time(last.atMs));
    if (why === null && this.#seen >= fuses.events) why = 'events';
    if (why !== null) this.end(why);
  }

  lost(events: number): void {
    this.#dropped += events;
    this.end('tracerQueue');
  }

  end(why: TraceEnd['why']): void {
    if (this.#ended) return;
    this.#ended = true;
    const { node, tracing, onEnd } = this.#options;
    tracing.end(this);
    onEnd({ node: node.name, why, dropped: this.#dropped });
  }

  #isEnded(): boolean {
    return this.#ended;
  }

  /** The ring is shared: what others asked for comes by as well. */
  #wants(event: TraceEvent): boolean {
    const { calls } = this.#options;
    if (!this.#pids.has(event.pid)) return false;
    if (event.is === 'call') {
      const { mfa, value } = event;
      if ((this.flags & traceFlag.call) === 0 || mfa === null) return false;
      return calls(mfa, () => itemsOf(value).map((one) => termOf(asValue(one))));
    }
    const flag = event.is === 'send' || event.is === 'receive' ? flagOf[event.is] : traceFlag.procs;
    return (this.flags & flag) !== 0;
  }

  #fuse(atMs: number): keyof Fuses | null {
    const { fuses } = this.#options;
    if (atMs - this.#beganMs >= fuses.timeMs) return 'timeMs';
    if (this.#seen >= fuses.events) return 'events';
    if (atMs - this.#secondBegan >= 1000) {
      this.#secondBegan = atMs;
      this.#inSecond = 0;
    }
    this.#inSecond += 1;
    return this.#inSecond > fuses.eventsPerSecond ? 'eventsPerSecond' : null;
  }
}

/** A process of ours is no part of what is looked at. */
export function isOurs(process: Process): boolean {
  return process.initialCall.module === 'arsenal';
}
