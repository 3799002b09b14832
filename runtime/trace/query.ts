/** What a trace asks for: what is wrong with it before any node is asked, and what is refused alike on every runtime. */
import { failure } from '../errors.ts';
import type { Failure, Fuses, NodeName, ProcessRef } from '../model.ts';
import type { TraceEstimate, TraceQuery } from '../port.ts';

export type TraceWanted = Pick<TraceQuery, 'targets' | 'events' | 'functions'> & { readonly fuses: Fuses };

/** How many run at once, how many that have ended are kept, and for how long. */
export const traceLimits = { running: 8, ended: 20, keptMs: 10 * 60_000 } as const;
/** How deep conditions may be joined; a person writes two or three. */
export const deepest = 16;

/** The largest of each fuse; a trace that needs more is no look any more. */
const most: Fuses = {
  timeMs: 3_600_000,
  events: 1_000_000,
  eventsPerSecond: 1_000_000,
  tracerQueue: 100_000,
  termBytes: 1_048_576,
};

/** What is wrong with a query before any node is asked; null when nothing is. */
export function badQuery({ targets, events, functions = [], fuses }: TraceWanted): Failure | null {
  if (events.length === 0) return invalid('/events', 'A trace of no kind of event sees nothing.', 'Name at least one.');
  if (events.includes('call') && functions.length === 0) {
    return invalid('/functions', 'Calls are traced of named functions only.', 'Name at least one function.');
  }
  if (targets.length === 0) {
    return invalid('/targets', 'No process is named.', "Name processes, or say 'new', 'existing' or 'all'.");
  }
  if (typeof targets !== 'string' && targets.length > 1_000) {
    return invalid('/targets', 'These are too many processes.', "Name at most 1,000, or say 'existing'.");
  }
  if (functions.length > 100) return invalid('/functions', 'These are too many functions.', 'Name at most 100.');
  for (const [at, { arity }] of functions.entries()) {
    if (arity === 'any' || (Number.isInteger(arity) && arity >= 0 && arity <= 255)) continue;
    return invalid(`/functions/${String(at)}/arity`, 'No function has such an arity.', 'Give 0 to 255, or any.');
  }
  for (const [name, largest] of Object.entries(most)) {
    const value = Object.entries(fuses).find(([fuse]) => fuse === name)?.[1] ?? Number.NaN;
    if (Number.isInteger(value) && value >= 1 && value <= largest) continue;
    return invalid(
      `/fuses/${name}`,
      `The fuse ${name} is out of range.`,
      `Give a whole number from 1 to ${String(largest)}.`,
    );
  }
  return null;
}

/** The failure for a query that makes no sense at `pointer`. */
export function invalid(pointer: string, message: string, remedy: string): Failure {
  return failure('validation', 'trace.invalid', message, remedy, { pointer });
}

/** The trace has to be on some nodes, and processes that are named on these. */
export function badNodes({ nodes, targets }: Pick<TraceQuery, 'nodes' | 'targets'>): Failure | null {
  const stray = typeof targets === 'string' ? undefined : targets.find(({ node }) => !nodes.includes(node));
  if (nodes.length > 0 && nodes.length <= 100 && stray === undefined) return null;
  return failure(
    'validation',
    'trace.invalid',
    stray === undefined ? 'A trace is on 1 to 100 nodes.' : `A process named is on ${stray.node}, which is not.`,
    'Name the nodes to trace on: those of the processes named.',
    { pointer: '/nodes' },
  );
}

/** It would trip its rate fuse at once. */
export function costly({ node, eventsPerSecond, counted, calls }: TraceEstimate, fuses: Fuses): Failure {
  const most = calls[0] === undefined ? '' : ` Most of it is ${calls[0].function}.`;
  const atLeast = counted === 'all' ? 'about' : 'at least';
  return failure(
    'conflict',
    'trace.costly',
    `This would be ${atLeast} ${String(eventsPerSecond)} events a second on ${node}, and end at once: the fuse is ${String(fuses.eventsPerSecond)}.${most}`,
    'Trace fewer processes or functions, give a condition, raise the fuse, or start it as it is with `costly` allowed.',
    { node, details: { eventsPerSecond, eventsPerSecondFuse: fuses.eventsPerSecond } },
  );
}

/** The module is not loaded. */
export function notLoaded(module: string, node: NodeName): Failure {
  return failure(
    'not_found',
    'trace.module_not_loaded',
    `The module ${module} is not loaded on ${node}.`,
    'Check the spelling. A module that is loaded when it is first used can be traced after that: tracing loads none.',
    { node },
  );
}

/** The module has no such function. */
export function noFunction(name: string, node: NodeName): Failure {
  return failure(
    'not_found',
    'trace.no_function',
    `There is no function ${name} on ${node}.`,
    'Check its name and arity.',
    { node },
  );
}

/** As many run as may. */
export function tooManyTraces(): Failure {
  return failure(
    'rate_limited',
    'trace.too_many',
    `${String(traceLimits.running)} traces are running already.`,
    'Stop one of them first; see list_traces.',
  );
}

/** Nobody knows a trace of this id. */
export function traceNotFound(): Failure {
  return failure(
    'not_found',
    'trace.not_found',
    'There is no such trace.',
    'See list_traces. One that has ended is kept for ten minutes; another window has traces of its own.',
  );
}

/** Those of `targets` that are on `node`; null where the whole of the node is meant. */
export function targetsOn(targets: TraceQuery['targets'], node: NodeName): readonly ProcessRef[] | null {
  return typeof targets === 'string' ? null : targets.filter((pid) => pid.node === node);
}
