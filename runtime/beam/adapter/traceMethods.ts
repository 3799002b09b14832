/** The methods `trace.*`: what is done on each node, and what of it is refused. */
import { childOptions, remainingNow } from '../../callOptions.ts';
import { failure } from '../../errors.ts';
import type { ArsenalError, Fuses, NodeName, Result } from '../../model.ts';
import { fail, ok } from '../../model.ts';
import type { Answer, CallOptions, MethodTable, Params, TraceEstimate, TraceQuery } from '../../port.ts';
import type { Term } from '../../term/term.ts';
import { atom, integer } from '../../term/term.ts';
import type { TraceWanted } from '../../trace/query.ts';
import { badNodes, badQuery, costly, targetsOn, tooManyTraces, traceLimits, traceNotFound } from '../../trace/query.ts';
import type { AgentTier, NodeAgent } from '../agent/nodeAgent.ts';
import { answered, strangeAnswer } from './callError.ts';
import { CoverageBook } from './coverage.ts';
import { ownLinkOf } from './life.ts';
import { NodeClock, readClock } from './nodeClock.ts';
import type { DirectTarget } from './nodeTarget.ts';
import { possibleOn } from './life.ts';
import { atomName, functionText, listOf, numberOf, pidOf, textOf, tupleOf } from './read.ts';
import type { Session } from './session.ts';
import { withElided } from './traceEvents.ts';
import type { NodeTrace } from './traceRun.ts';
import { TraceRun } from './traceRun.ts';
import { refusal, specTerm } from './traceSpec.ts';

/** How long a trace is looked at before it begins. */
const estimateMs = 40;
const roundTrips = 6;
/** Frames that a node sends ahead of us: of up to 256 events each. */
const credit = 16;
/** Interpreted, the tracer takes some 30 µs for an event: more than this a second would only trip the queue's fuse. */
const interpretedMost = { eventsPerSecond: 5_000, tracerQueue: 2_000 };

type OnNode = { readonly node: NodeName; readonly result: Result<Ready> };
type Ready = {
  readonly target: DirectTarget;
  readonly agent: NodeAgent;
  readonly clock: NodeClock;
  readonly fuses: Fuses;
  readonly spec: Term;
};

export class Traces {
  readonly #session: Session;
  readonly #runs = new Map<string, TraceRun>();

  constructor(session: Session) {
    this.#session = session;
  }

  async start(query: TraceQuery, options: CallOptions): Promise<Result<Answer<'trace.start'>>> {
    const bad = badQuery(query) ?? this.#tooMany() ?? badNodes(query);
    if (bad !== null) return bad;
    const prepared = await Promise.all(
      query.nodes.map(async (node): Promise<OnNode> => ({ node, result: await this.#prepare(node, query, options) })),
    );
    const refused = refusals(prepared);
    if (refused[0] !== undefined && (query.require === 'all' || refused.length === prepared.length)) {
      return fail(refused[0].error);
    }
    const begun = await Promise.all(
      prepared.flatMap(({ node, result }) =>
        result.ok ? [this.#begin(result.value, query, options).then((trace) => ({ node, result: trace }))] : [],
      ),
    );
    const traces = begun.flatMap(({ result }) => (result.ok ? [result.value] : []));
    const failed = [...refused, ...refusals(begun)];
    if (failed[0] !== undefined && (query.require === 'all' || traces.length === 0)) {
      await Promise.all(traces.map(({ task }) => task.stop(options)));
      return fail(failed[0].error);
    }
    const run = new TraceRun(crypto.randomUUID(), query.owner, traces, () => {
      this.#forgetLater();
    });
    this.#runs.set(run.id, run);
    return ok({ id: run.id, started: traces.map(({ traced }) => traced), refused: failed });
  }

  async estimate(params: Params<'trace.estimate'>, options: CallOptions): Promise<Result<Answer<'trace.estimate'>>> {
    const wanted = { ...params, fuses: anyFuses };
    const bad = badQuery(wanted) ?? badNodes(wanted);
    if (bad !== null) return bad;
    const forMs = Math.min(1_000, Math.max(10, params.forMs));
    const book = new CoverageBook();
    const estimates: TraceEstimate[] = [];
    await Promise.all(
      params.nodes.map(async (node) => {
        const estimate = await this.#estimateOn(node, wanted, forMs, options);
        if (estimate.ok) {
          estimates.push(estimate.value);
          book.reached(node);
        } else book.failed(node, estimate.error);
      }),
    );
    return ok({ estimates, nodes: book.all });
  }

  run(id: string): Result<TraceRun> {
    const run = this.#runs.get(id);
    if (run !== undefined) return ok(run);
    return traceNotFound();
  }

  list(): Answer<'trace.list'> {
    return { traces: [...this.#runs.values()].map(({ info }) => info) };
  }

  #tooMany() {
    const running = [...this.#runs.values()].filter((run) => !run.isEnded);
    if (running.length < traceLimits.running) return null;
    return tooManyTraces();
  }

  /** The oldest that have ended make room; the last one goes when its time is up. */
  #forgetLater(): void {
    const ended = [...this.#runs.values()].filter((run) => run.isEnded);
    for (const run of ended.slice(0, Math.max(0, ended.length - traceLimits.ended))) this.#runs.delete(run.id);
    const [newest] = ended.slice(-1);
    if (newest === undefined) return;
    setTimeout(() => {
      for (const run of ended) this.#runs.delete(run.id);
    }, traceLimits.keptMs).unref();
  }

  /** Everything that can refuse the trace on a node, before it begins on any. */
  async #prepare(node: NodeName, query: TraceQuery, options: CallOptions): Promise<Result<Ready>> {
    const target = await this.#session.reachDirectly(node, options);
    if (!target.ok) return target;
    const agent = await this.#session.agentOf(node, options);
    if (!agent.ok) return agent;
    const fuses = fusesFor(agent.value.tier, query.fuses);
    const spec = await this.#specOn(target.value, { ...query, fuses }, options);
    if (!spec.ok) return spec;
    if (query.costly !== 'allowed') {
      const costs = await estimateBy(target.value, spec.value, estimateMs, options);
      if (!costs.ok) return costs;
      if (costs.value.eventsPerSecond > fuses.eventsPerSecond) return costly(costs.value, fuses);
    }
    const clock = new NodeClock(node, target.value.creation);
    const read = await readClock(clock, target.value, roundTrips, options);
    return read.ok ? ok({ target: target.value, agent: agent.value, clock, fuses, spec: spec.value }) : read;
  }

  async #specOn(target: DirectTarget, wanted: TraceWanted, options: CallOptions): Promise<Result<Term>> {
    const pids = targetsOn(wanted.targets, target.node);
    if (pids === null) return specTerm(target, wanted, options);
    const possible = await possibleOn(target, pids, options);
    if (!possible.ok) return possible;
    if (possible.value.length === 0) return refusal(target.node, atom('gone'));
    return specTerm(target, { ...wanted, targets: possible.value }, options);
  }

  async #estimateOn(
    node: NodeName,
    wanted: TraceWanted,
    forMs: number,
    options: CallOptions,
  ): Promise<Result<TraceEstimate>> {
    const target = await this.#session.reachDirectly(node, options);
    if (!target.ok) return target;
    const spec = await this.#specOn(target.value, wanted, options);
    return spec.ok ? estimateBy(target.value, spec.value, forMs, options) : spec;
  }

  /** Starts the task; its first frame says whether the trace has begun. */
  async #begin(
    { target, agent, clock, fuses, spec }: Ready,
    query: TraceQuery,
    options: CallOptions,
  ): Promise<Result<NodeTrace>> {
    const { node } = target;
    const [only, ...others] = targetsOn(query.targets, node) ?? [];
    const holding = {
      kind: 'trace',
      target: only !== undefined && others.length === 0 ? only : null,
      owner: query.owner,
      lingerMs: query.lingerMs,
    } as const;
    const task = await agent.task({ kind: 'trace', args: [spec], holding, credit }, options);
    if (!task.ok) return task;
    const frames = task.value.frames()[Symbol.asyncIterator]();
    const first = await frames.next();
    const [started, startNs, processes, slot] = first.done === true ? [] : (tupleOf(first.value, 4) ?? []);
    if (atomName(started) !== 'started') {
      const ended = await task.value.ended;
      if (!ended.ok) return ended;
      const [tag, why] = tupleOf(ended.value, 2) ?? [];
      return atomName(tag) === 'refused' ? refusal(node, why) : strangeAnswer(node, 'The trace');
    }
    const pairs = query.events.includes('send') && query.events.includes('receive') ? 'sends_and_receives' : 'nothing';
    return ok({
      task: task.value,
      frames,
      reach: (within) => this.#session.reachDirectly(node, within),
      source: { node, clock, startUs: (numberOf(startNs) ?? 0) / 1000, pairs },
      traced: {
        node,
        slot: atomName(slot) === 'session' ? 'session' : 'shared',
        observer: agent.tier,
        fuses,
        processes: numberOf(processes) ?? 0,
      },
    });
  }
}

/** Bounds for a look that keeps nothing: any that are valid. */
const anyFuses: Fuses = { timeMs: 1_000, events: 1, eventsPerSecond: 1, tracerQueue: 1, termBytes: 1 };

function fusesFor(tier: AgentTier, fuses: Fuses): Fuses {
  if (tier === 'agent') return fuses;
  return {
    ...fuses,
    eventsPerSecond: Math.min(fuses.eventsPerSecond, interpretedMost.eventsPerSecond),
    tracerQueue: Math.min(fuses.tracerQueue, interpretedMost.tracerQueue),
  };
}

function refusals(
  results: readonly { readonly node: NodeName; readonly result: Result<unknown> }[],
): readonly { readonly node: NodeName; readonly error: ArsenalError }[] {
  return results.flatMap(({ node, result }) => (result.ok ? [] : [{ node, error: result.error }]));
}

/** {ok, ForUs, [{MFA, Calls}], Seen, SeenUs}: one short look. */
async function estimateBy(
  target: DirectTarget,
  spec: Term,
  forMs: number,
  options: CallOptions,
): Promise<Result<TraceEstimate>> {
  const { node } = target;
  const within = childOptions(options, forMs + 5_000);
  const said = answered(await target.run('trace_estimate', [spec, integer(forMs)], within), node, 'The estimate');
  if (!said.ok) return said;
  const [tag, ...rest] = tupleOf(said.value) ?? [];
  if (atomName(tag) === 'refused') return refusal(node, rest[0]);
  const [forUs, calls, seen, seenUs] = rest;
  const lookedUs = numberOf(forUs);
  const seenNumber = numberOf(seen);
  if (lookedUs === null || seenNumber === null) return strangeAnswer(node, 'The estimate');
  const perSecond = (number: number, us: number): number => Math.round((number * 1e6) / Math.max(1, us));
  const called = listOf(calls).flatMap((term) => {
    const [name, number] = tupleOf(term, 2) ?? [];
    const shown = functionText(name);
    return shown === null ? [] : [{ function: shown, perSecond: perSecond(numberOf(number) ?? 0, lookedUs) }];
  });
  const ofCalls = called.reduce((sum, one) => sum + one.perSecond, 0);
  return ok({
    node,
    eventsPerSecond: ofCalls + perSecond(seenNumber, numberOf(seenUs) ?? lookedUs),
    counted: seenNumber >= mostEstimated ? 'at_least' : 'all',
    calls: called.slice(0, 20),
  });
}

/** The look ends after so many events (trace_sample/3). */
const mostEstimated = 2_000;

const arrivalEnds = ['timeMs', 'events', 'eventsPerSecond', 'tracerQueue', 'termBytes', 'stopped'] as const;

async function arrivals(
  session: Session,
  { pid, limit, withinMs, termBytes }: Params<'trace.arrivals'>,
  options: CallOptions,
): Promise<Result<Answer<'trace.arrivals'>>> {
  if (limit < 1 || limit > 1_000 || termBytes < 1 || termBytes > 100_000 || withinMs < 1) {
    return failure(
      'validation',
      'trace.invalid',
      'These bounds are out of range.',
      'Give a limit of 1 to 1,000 messages.',
      {
        pointer: '/limit',
      },
    );
  }
  const target = await ownLinkOf(session, pid, options);
  if (!target.ok) return target;
  const forMs = Math.floor(Math.min(withinMs, 60_000, remainingNow(options) * 0.9));
  const args = [pidOf(pid), integer(limit), integer(forMs), integer(termBytes)];
  const said = answered(await target.value.run('trace_arrivals', args, options), pid.node, 'The process');
  if (!said.ok) return said;
  const [tag, why, dropped, messages] = tupleOf(said.value) ?? [];
  if (atomName(tag) === 'refused') return refusal(pid.node, why);
  return ok({
    why: arrivalEnds.find((one) => one === textOf(why)) ?? 'stopped',
    dropped: numberOf(dropped) ?? 0,
    messages: listOf(messages).flatMap((term) => {
      const [ns, how, message] = tupleOf(term, 3) ?? [];
      if (message === undefined) return [];
      const shown = atomName(how) === 'cut' ? withElided(message) : message;
      return [{ afterUs: Math.round((numberOf(ns) ?? 0) / 1000), message: shown }];
    }),
  });
}

export function traceMethods(session: Session): MethodTable {
  const traces = new Traces(session);
  return {
    'trace.estimate': (params, options) => traces.estimate(params, options),
    'trace.start': (query, options) => traces.start(query, options),
    'trace.read': async function* ({ id, after }, options) {
      const run = traces.run(id);
      if (run.ok) yield* run.value.read(after, options);
      else yield { is: 'end', result: run };
    },
    'trace.stop': async ({ id }, options) => {
      const run = traces.run(id);
      return run.ok ? ok({ ended: await run.value.stop(options) }) : run;
    },
    'trace.list': () => Promise.resolve(ok(traces.list())),
    'trace.arrivals': (params, options) => arrivals(session, params, options),
  };
}
