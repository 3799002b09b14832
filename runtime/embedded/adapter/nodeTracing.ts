/**
 * What is traced on one node, for all traces there: one ring, which the kernel fills, and whose events go to whoever asked for them.
 * Unlike on a BEAM before OTP 27, several traces can have one process.
 */
import type { KernelNode } from '../kernel/node.ts';
import type { Process } from '../kernel/process.ts';
import type { TraceEvent } from '../kernel/trace.ts';
import { TraceRing } from '../kernel/trace.ts';

/** Events that can wait between two looks. */
const ringEvents = 65_536;
/** On the wall: the ring is emptied so often, whatever the cluster's time does. */
const lookEveryMs = 20;

/** One trace on the node. */
export interface Tracing {
  /** The flags that it wants on a process ({@link traceFlag}). */
  readonly flags: number;
  /** The processes that it is about. */
  readonly processes: Set<Process>;
  take(events: readonly TraceEvent[]): void;
  /** So many events came while the ring was full. */
  lost(events: number): void;
}

export class NodeTracing {
  readonly #node: KernelNode;
  readonly #ring = new TraceRing(ringEvents);
  readonly #tracings = new Set<Tracing>();
  #dropped = 0;
  #look: NodeJS.Timeout | null = null;

  constructor(node: KernelNode) {
    this.#node = node;
  }

  begin(tracing: Tracing): void {
    this.drain();
    this.#tracings.add(tracing);
    this.#node.tracer = this.#ring;
    for (const process of tracing.processes) process.traceFlags |= tracing.flags;
    this.#look ??= setInterval(() => {
      this.drain();
    }, lookEveryMs).unref();
  }

  /** A further process of a trace. */
  add(tracing: Tracing, process: Process): void {
    tracing.processes.add(process);
    process.traceFlags |= tracing.flags;
  }

  end(tracing: Tracing): void {
    if (!this.#tracings.delete(tracing)) return;
    for (const process of tracing.processes) {
      let flags = 0;
      for (const other of this.#tracings) if (other.processes.has(process)) flags |= other.flags;
      process.traceFlags = flags;
    }
    tracing.processes.clear();
    if (this.#tracings.size > 0) return;
    this.#node.tracer = null;
    this.#ring.discard();
    if (this.#look !== null) clearInterval(this.#look);
    this.#look = null;
  }

  /** Hands on what the kernel has noted until now. */
  drain(): void {
    const events = this.#ring.drain();
    const lost = this.#ring.dropped - this.#dropped;
    this.#dropped = this.#ring.dropped;
    for (const tracing of [...this.#tracings]) {
      if (events.length > 0) tracing.take(events);
      if (lost > 0) tracing.lost(lost);
    }
  }
}
