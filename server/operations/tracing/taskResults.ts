/** What became of what waits by nature: one schema for each kind of task, told apart by `is`. */
import type { Static } from 'typebox';
import { Type } from 'typebox';
import type { Json } from '../../../runtime/model.ts';
import { coverageResult, errorResult, nullable, placementOfProcess, shownTermResult } from '../parameters.ts';

export const taskKinds = ['trace', 'monitor', 'profile', 'leaks'] as const;
export type TaskKind = (typeof taskKinds)[number];

/** How a trace ended on a node. */
export const endResult = Type.Object({ node: Type.String(), why: Type.String(), dropped: Type.Integer() });

const traceResult = Type.Object({
  events: Type.Integer({ description: 'That were placed, over all nodes; get_trace_results brings those kept.' }),
  ended: Type.Array(endResult),
});

const monitorResult = Type.Object({
  ...placementOfProcess,
  readings: Type.Integer(),
  endedBy: Type.Enum(['time', 'process', 'stopped'], { description: 'Its time, the end of the process, or a stop.' }),
  ended: nullable(Type.Object({ reason: shownTermResult })),
});

const profileResult = Type.Object({
  ...placementOfProcess,
  how: Type.Enum(['sample', 'calls']),
  functions: Type.Array(
    Type.Object({
      function: Type.String(),
      share: Type.Number({
        description: '0 to 1: of the samples it was running in, of the time measured, or of the reductions counted.',
      }),
      samples: nullable(
        Type.Integer({ description: 'In which it was the running function; a process that waits runs none.' }),
      ),
      onStack: nullable(Type.Integer({ description: 'In which it was anywhere on the stack.' })),
      calls: nullable(Type.Integer()),
      ownTimeMs: nullable(Type.Number()),
      ownReductions: nullable(Type.Integer({ description: 'Instead of a time, where running takes none.' })),
    }),
  ),
  stacks: Type.Array(
    Type.Object({ functions: Type.Array(Type.String()), state: Type.String(), samples: Type.Integer() }),
    { description: 'For a flame graph: outermost function first.' },
  ),
  samples: Type.Integer(),
  unit: Type.Enum(['samples', 'us', 'reductions'], {
    description:
      'What is weighed by. With `reductions`, `samples` and `onStack` are reductions, and nothing is a time.',
  }),
  ended: Type.Enum(['time', 'costs', 'target_gone', 'stopped'], {
    description:
      'Its time; more calls than were allowed; the end of the process; or a stop: then it is what there was until then.',
  }),
});

export const leakKinds = ['memory', 'process_memory', 'process_binaries', 'mailbox', 'ets_table', 'atoms'] as const;

const leaksResult = Type.Object({
  suspects: Type.Array(
    Type.Object({
      node: Type.String(),
      kind: Type.Enum([...leakKinds]),
      subject: Type.String({ description: 'What grew: a kind of memory, a process, a table.' }),
      pid: nullable(Type.String({ description: 'The id of the process it is about.' })),
      from: Type.Number(),
      to: Type.Number(),
      perSecond: Type.Number(),
      steadiness: Type.Number({ description: '0 to 1: how much of the change a straight line explains.' }),
      remedy: Type.String(),
    }),
  ),
  readings: Type.Integer({ description: 'Of the node that was read most often; below four nothing can be told.' }),
  endedBy: Type.Enum(['time', 'stopped'], { description: 'Stopped: of the readings there were until then.' }),
  unseen: Type.Array(Type.Unsafe<Json>({ type: 'object' }), { description: 'What could not be read, and why.' }),
  nodes: coverageResult,
});

/** What became of a task: its result, typed by its kind, or the error it ended with. */
export const outcomeResult = Type.Union([
  Type.Object({ is: Type.Literal('trace'), result: traceResult }),
  Type.Object({ is: Type.Literal('monitor'), result: monitorResult }),
  Type.Object({ is: Type.Literal('profile'), result: profileResult }),
  Type.Object({ is: Type.Literal('leaks'), result: leaksResult }),
  Type.Object({ is: Type.Literal('failed'), error: errorResult }),
]);
export type TaskOutcome = Static<typeof outcomeResult>;
