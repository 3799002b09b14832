/** The port's `trace.*` on the simulated cluster. Fuses of time are in the cluster's own time: paused, no trace goes on. */
import { remainingNow } from '../../callOptions.ts';
import { processNotFound } from '../../errors.ts';
import type {
  Fuses,
  HoldingOwner,
  NodeName,
  NodeTime,
  Result,
  TraceEnd,
  TraceInfo,
  TracedNode,
  WallTime,
} from '../../model.ts';
import { fail, ok } from '../../model.ts';
import type { Answer, CallOptions, MethodTable, Params, TraceEstimate, TraceQuery } from '../../port.ts';
import { TraceLog } from '../../trace/log.ts';
import type { TraceWanted } from '../../trace/query.ts';
import {
  badNodes,
  badQuery,
  costly,
  invalid,
  targetsOn,
  tooManyTraces,
  traceLimits,
  traceNotFound,
} from '../../trace/query.ts';
import type { NodeEvent } from '../../trace/order.ts';
import type { Flow } from '../kernel/flow.ts';
import { sleep } from '../kernel/flow.ts';
import type { KernelNode } from '../kernel/node.ts';
import type { Process } from '../kernel/process.ts';
import { mfaText } from '../kernel/module.ts';
import { command } from './commands.ts';
import type { Context } from './context.ts';
import { isProtected, protectedProcess } from './context.ts';
import type { Holdings } from './holdings.ts';
import { NodeTracing } from './nodeTracing.ts';
import type { CallFilter } from './tracedCalls.ts';
import { callFilter } from './tracedCalls.ts';
import { TraceOnNode } from './traceOnNode.ts';

/** How long a trace is looked at before it begins, in the cluster's time. */
const estimateMs = 40;
const lookEveryMs = 20;
/** A look that keeps nothing ends after so many events. */
const mostEstimated = 2_000;

type Ready = {
  readonly node: KernelNode;
  readonly targets: readonly Process[] | 'new' | 'existing' | 'all';
  readonly calls: CallFilter;
};
type Begin = Ready & {
  readonly events: TraceQuery['events'];
  readonly fuses: Fuses;
  readonly onEvents: (events: readonly NodeEvent[], until: NodeTime) => void;
  readonly onEnd: (end: TraceEnd) => void;
};

class Run {
  readonly id = crypto.randomUUID();
  readonly owner: HoldingOwner;
  readonly startedAt: WallTime;
  readonly log: TraceLog;
  readonly parts: TraceOnNode[] = [];
  readonly traced: TracedNode[] = [];

  constructor(owner: HoldingOwner, nodes: readonly NodeName[], now: () => WallTime) {
    this.owner = owner;
    this.startedAt = now();
    // Nothing comes later than its own time: an event is noted as it happens.
    this.log = new TraceLog(nodes, now, 0);
  }

  get info(): TraceInfo {
    const { id, startedAt, owner, traced: nodes, log } = this;
    return { id, startedAt, owner, nodes, ended: log.ended, events: log.placed };
  }
  look(): void {
    for (const part of this.parts) part.look();
  }
}

class Traces {
  readonly #context: Context;
  readonly #holdings: Holdings;
  readonly #runs = new Map<string, Run>();
  readonly #tracings = new WeakMap<KernelNode, NodeTracing>();

  constructor(context: Context, holdings: Holdings) {
    this.#context = context;
    this.#holdings = holdings;
  }

  async start(query: TraceQuery, options: CallOptions): Promise<Result<Answer<'trace.start'>>> {
    const running = [...this.#runs.values()].filter(({ log }) => !log.isEnded).length;
    const bad = badQuery(query) ?? (running >= traceLimits.running ? tooManyTraces() : null) ?? badNodes(query);
    if (bad !== null) return bad;
    const names = [...new Set(query.nodes)];
    // Each is looked at for a moment, to see what the trace would cost: all at once.
    const prepared = await Promise.all(names.map((name) => this.#prepared(name, query, options)));
    const ready = prepared.flatMap((one) => (one.ok ? [one.value] : []));
    const refused = prepared.flatMap((one, at) => (one.ok ? [] : [{ node: names[at] ?? '', error: one.error }]));
    const [first] = refused;
    if (first !== undefined && (query.require === 'all' || ready.length === 0)) return fail(first.error);
    const run = new Run(
      query.owner,
      ready.map(({ node }) => node.name),
      this.#context.wallNow,
    );
    this.#runs.set(run.id, run);
    const look = setInterval(() => {
      run.look();
    }, lookEveryMs).unref();
    for (const one of ready)
      this.#join(run, one, query, () => {
        if (!run.log.isEnded) return;
        clearInterval(look);
        this.#forgetLater();
      });
    return ok({ id: run.id, started: run.traced, refused });
  }

  #join(run: Run, ready: Ready, query: TraceQuery, onEnd: () => void): void {
    const { node } = ready;
    const { events, fuses, owner, lingerMs } = query;
    const part = this.#begin({
      ...ready,
      events,
      fuses,
      onEvents: (seen, until) => {
        run.log.add(node.name, seen, until);
      },
      onEnd: (end) => {
        run.log.end(end);
        this.#holdings.forget(holding.id);
        onEnd();
      },
    });
    const [only, ...others] = targetsOn(query.targets, node.name) ?? [];
    const holding = this.#holdings.add(
      {
        kind: 'trace',
        at: { node: node.name, creation: node.creation },
        target: only !== undefined && others.length === 0 ? only : null,
        owner,
        lingerMs,
      },
      {
        undo: async () => {
          part.look();
          part.end('stopped');
          return Promise.resolve(ok(null));
        },
        endsWith: (event) => event.is === 'node_down' && event.node === node.name,
      },
    );
    run.parts.push(part);
    run.traced.push({ node: node.name, slot: 'session', observer: 'builtin', fuses, processes: part.size });
  }

  #begin(begin: Begin): TraceOnNode {
    const { node } = begin;
    const tracing = this.#tracings.get(node) ?? new NodeTracing(node);
    this.#tracings.set(node, tracing);
    const anchor = { wallMs: this.#context.wallNow(), clusterMs: node.world.nowMs };
    const part = new TraceOnNode({
      ...begin,
      tracing,
      // All nodes have the one clock of the cluster: between them there is no error.
      time: (atMs) => ({
        node: node.name,
        creation: node.creation,
        monotonicUs: Math.round((atMs - node.startedAtMs) * 1000),
        estimatedAt: anchor.wallMs + (atMs - anchor.clusterMs),
        errorUs: 0,
      }),
      onEnd: (end) => {
        listening.dispose();
        begin.onEnd(end);
      },
    });
    const listening = this.#context.cluster.listen((event) => {
      part.hear(event);
    });
    return part;
  }

  async #prepared(name: NodeName, query: TraceQuery, options: CallOptions): Promise<Result<Ready>> {
    const ready = this.#ready(name, query);
    if (!ready.ok || query.costly === 'allowed') return ready;
    const costs = await this.#look(ready.value, query.events, estimateMs, options);
    if (!costs.ok) return costs;
    return costs.value.eventsPerSecond > query.fuses.eventsPerSecond ? costly(costs.value, query.fuses) : ready;
  }

  /** Everything that can refuse the trace on a node. */
  #ready(name: NodeName, wanted: Pick<TraceWanted, 'targets' | 'functions'>): Result<Ready> {
    const node = this.#context.node(name);
    if (!node.ok) return node;
    const calls = callFilter(this.#context.cluster.code, wanted.functions ?? [], {
      node: name,
      creation: node.value.creation,
    });
    if (!calls.ok) return calls;
    if (typeof wanted.targets === 'string')
      return ok({ node: node.value, targets: wanted.targets, calls: calls.value });
    const targets: Process[] = [];
    for (const ref of targetsOn(wanted.targets, name) ?? []) {
      const found = this.#context.process(ref);
      if (!found.ok) continue;
      if (isProtected(found.value.process)) return protectedProcess(ref, found.value.process);
      targets.push(found.value.process);
    }
    return targets.length === 0
      ? processNotFound('to trace', name)
      : ok({ node: node.value, targets, calls: calls.value });
  }

  async estimate(params: Params<'trace.estimate'>, options: CallOptions): Promise<Result<Answer<'trace.estimate'>>> {
    const bad = badQuery({ ...params, fuses: lookFuses(1) }) ?? badNodes(params);
    if (bad !== null) return bad;
    const forMs = Math.min(1_000, Math.max(10, params.forMs));
    const { coverage } = this.#context.nodes(params.nodes);
    const estimates: TraceEstimate[] = [];
    const nodes = [...coverage];
    for (const [at, { node }] of coverage.entries()) {
      const ready = this.#ready(node, params);
      const estimate = ready.ok ? await this.#look(ready.value, params.events, forMs, options) : ready;
      if (estimate.ok) estimates.push(estimate.value);
      else nodes[at] = { node, status: 'missing', error: estimate.error };
    }
    return ok({ nodes, estimates });
  }

  /** A short look that keeps nothing but counts. */
  async #look(
    ready: Ready,
    events: TraceQuery['events'],
    forMs: number,
    options: CallOptions,
  ): Promise<Result<TraceEstimate>> {
    const calls = new Map<string, number>();
    const seen = { events: 0 };
    const beganMs = ready.node.world.nowMs;
    const part = this.#begin({
      ...ready,
      events,
      fuses: lookFuses(mostEstimated),
      onEvents: (found) => {
        seen.events += found.length;
        for (const { what } of found) {
          if (what.is !== 'call') continue;
          const arity = typeof what.args === 'number' ? what.args : what.args.length;
          const called = mfaText({ module: what.module, function: what.function, arity });
          calls.set(called, (calls.get(called) ?? 0) + 1);
        }
      },
      onEnd: () => undefined,
    });
    const slept = await command(this.#context, ready.node, options.signal, function* (): Flow<Result<null>> {
      yield* sleep(forMs);
      return ok(null);
    });
    part.look();
    part.end('stopped');
    if (!slept.ok) return slept;
    const forSeconds = Math.max(1, ready.node.world.nowMs - beganMs) / 1000;
    const perSecond = (count: number): number => Math.round(count / forSeconds);
    const most = [...calls].sort(([, one], [, other]) => other - one).slice(0, 20);
    return ok({
      node: ready.node.name,
      eventsPerSecond: perSecond(seen.events),
      counted: seen.events >= mostEstimated ? 'at_least' : 'all',
      calls: most.map(([name, count]) => ({ function: name, perSecond: perSecond(count) })),
    });
  }

  run(id: string): Result<Run> {
    const run = this.#runs.get(id);
    return run === undefined ? traceNotFound() : ok(run);
  }

  list(): Answer<'trace.list'> {
    return { traces: [...this.#runs.values()].map(({ info }) => info) };
  }

  stop(run: Run): readonly TraceEnd[] {
    run.look();
    for (const part of run.parts) part.end('stopped');
    return run.log.ended;
  }

  async arrivals(
    { pid, limit, withinMs, termBytes }: Params<'trace.arrivals'>,
    options: CallOptions,
  ): Promise<Result<Answer<'trace.arrivals'>>> {
    if (limit < 1 || limit > 1_000 || termBytes < 1 || termBytes > 100_000 || withinMs < 1) {
      return invalid('/limit', 'These bounds are out of range.', 'Give a limit of 1 to 1,000 messages.');
    }
    const ready = this.#ready(pid.node, { targets: [pid] });
    if (!ready.ok) return ready;
    const { node } = ready.value;
    const forMs = Math.floor(Math.min(withinMs, 60_000, remainingNow(options) * 0.9));
    const messages: Answer<'trace.arrivals'>['messages'][number][] = [];
    const ended: TraceEnd[] = [];
    const beganUs = (node.world.nowMs - node.startedAtMs) * 1000;
    const part = this.#begin({
      ...ready.value,
      events: ['receive'],
      fuses: { timeMs: forMs, events: limit, eventsPerSecond: 1_000_000, tracerQueue: 100_000, termBytes },
      onEvents: (events) => {
        for (const { at, what } of events) {
          if (what.is === 'receive')
            messages.push({ afterUs: Math.round(at.monotonicUs - beganUs), message: what.message });
        }
      },
      onEnd: (end) => void ended.push(end),
    });
    const slept = await command(this.#context, node, options.signal, function* (): Flow<Result<null>> {
      for (let slicesLeft = 100; slicesLeft > 0 && ended.length === 0; slicesLeft -= 1) {
        yield* sleep(forMs / 100);
        part.look();
      }
      return ok(null);
    });
    part.end('timeMs');
    if (!slept.ok) return slept;
    const [end] = ended;
    const why = end === undefined || !isFuse(end.why) ? 'stopped' : end.why;
    return ok({ messages, why, dropped: end?.dropped ?? 0 });
  }

  /** The oldest that have ended make room; the last one goes when its time is up. */
  #forgetLater(): void {
    const ended = [...this.#runs.values()].filter(({ log }) => log.isEnded);
    for (const { id } of ended.slice(0, Math.max(0, ended.length - traceLimits.ended))) this.#runs.delete(id);
    setTimeout(() => {
      for (const { id } of ended) this.#runs.delete(id);
    }, traceLimits.keptMs).unref();
  }
}

function isFuse(why: TraceEnd['why']): why is keyof Fuses {
  return why in lookFuses(1);
}

/** Bounds for a look that keeps nothing. */
function lookFuses(events: number): Fuses {
  return { timeMs: 60_000, events, eventsPerSecond: 1_000_000, tracerQueue: 100_000, termBytes: 64 };
}

/** The methods of group `trace`. */
export function traceMethods(context: Context, holdings: Holdings): MethodTable {
  const traces = new Traces(context, holdings);
  return {
    'trace.estimate': (params, options) => traces.estimate(params, options),
    'trace.start': (query, options) => traces.start(query, options),
    'trace.read': async function* ({ id, after }, options) {
      const run = traces.run(id);
      if (!run.ok) {
        yield { is: 'end', result: run };
        return;
      }
      run.value.look();
      yield* run.value.log.read(after, options);
    },
    'trace.stop': ({ id }) => {
      const run = traces.run(id);
      return Promise.resolve(run.ok ? ok({ ended: traces.stop(run.value) }) : run);
    },
    'trace.list': () => Promise.resolve(ok(traces.list())),
    'trace.arrivals': (params, options) => traces.arrivals(params, options),
  };
}
