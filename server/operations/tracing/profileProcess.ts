import { Type } from 'typebox';
import { failure } from '../../../runtime/errors.ts';
import type { ProcessRef, Result } from '../../../runtime/model.ts';
import { ok, pidText } from '../../../runtime/model.ts';
import type { Frame } from '../../../runtime/port.ts';
import type { Context } from '../../core/context.ts';
import { defineOperation } from '../../core/operation.ts';
import { onNodeParam, pidParam, placementOfProcess } from '../parameters.ts';
import { namedProcess } from '../processRows.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';
import { drain } from '../streams.ts';
import { known } from '../knownErrors.ts';
import type { TaskOutcome } from './taskResults.ts';
import type { Tasks } from './tasks.ts';
import { begunFields, begunRow } from './tasks.ts';

const needs = [...resolveNeeds, 'profile.sample', 'profile.calls'] as const;
type ProfileContext = Context<(typeof needs)[number]>;
const longestMs = 60_000;
const mostStacks = 5_000;

/** Finds out where a process spends its time. */
export function profileProcess(tasks: Tasks) {
  return defineOperation({
    name: 'profile_process',
    title: 'Profile Process',
    description:
      'Begins to look where a process spends its time, and answers an id at once; get_trace_results brings the profile in the end. `sample` looks at its stack at intervals, which costs it little: functions by how often they were on the stack or running, and the stacks for a flame graph. `calls` counts its calls and the time of each function without those it calls, which slows it down. `unit` says what both weigh by: on a simulated cluster, where running takes no time, by reductions.',
    category: 'tracing',
    severity: 'diagnose',
    idempotent: true,
    version: 2,
    needs,
    params: Type.Object({
      pid: pidParam,
      node: onNodeParam,
      how: Type.Enum(['sample', 'calls'], { default: 'sample' }),
      forMs: Type.Integer({ minimum: 50, maximum: longestMs, default: 3_000, description: 'How long.' }),
      everyMs: Type.Integer({
        minimum: 1,
        maximum: 1_000,
        default: 5,
        description: 'Between two samples; without a meaning where reductions are counted.',
      }),
      modules: Type.Optional(
        Type.Array(Type.String({ minLength: 1, maxLength: 255 }), {
          maxItems: 200,
          description: 'For calls: these modules; those of its application and of its stack when absent.',
        }),
      ),
      callsPerSecond: Type.Integer({
        minimum: 1_000,
        maximum: 100_000_000,
        default: 2_000_000,
        description: 'For calls: ends when there are more.',
      }),
      limit: Type.Integer({ minimum: 1, maximum: 1_000, default: 50, description: 'Functions listed.' }),
    }),
    result: Type.Object({ ...begunFields, ...placementOfProcess }),
    route: { method: 'POST', path: '/processes/:pid/profile' },
    examples: [{ title: 'For half a second', params: { pid: 'Shop.Catalog', node: 'demo1@sim', forMs: 500 } }],
    errors: [known.processNotFound, known.nameAmbiguous, known.nodeUnavailable, known.tooManyTasks],
    async execute(context, params) {
      const { pid, node, how, forMs } = params;
      const found = await resolveProcess(context, { text: pid, node, pointer: '/pid' });
      if (!found.ok) return found;
      const process = found.value;
      const begun = tasks.begin(context, {
        kind: 'profile',
        subject: pidText(process),
        nodes: [process.node],
        forMs,
        run: (task) => (how === 'sample' ? sampled(task, process, params) : counted(task, process, params)),
      });
      return begun.ok ? ok({ ...begunRow(begun.value), ...namedProcess(process) }) : begun;
    },
  });
}

type Sampling = { readonly everyMs: number; readonly forMs: number; readonly limit: number };

async function sampled(
  task: ProfileContext,
  pid: ProcessRef,
  { everyMs, forMs, limit }: Sampling,
): Promise<Result<TaskOutcome>> {
  const stacks = new Map<string, { functions: string[]; state: string; samples: number }>();
  let taken = 0;
  let unit: Frame<'profile.sample'>['unit'] = 'samples';
  const end = await drain(task.port.profile.sample({ pid, everyMs, forMs }, task.options()), async (frame) => {
    unit = frame.unit;
    for (const { functions, state, samples } of frame.stacks) {
      taken += samples;
      const key = `${state} ${functions.join(';')}`;
      const known = stacks.get(key) ?? { functions: [...functions], state, samples: 0 };
      known.samples += samples;
      if (stacks.size < mostStacks) stacks.set(key, known);
    }
    await task.emit({ is: 'rows', rows: [{ unit, samples: taken, stacks: stacks.size }] });
  });
  // Stopped, it is a profile of the time until then.
  const isStopped = !end.ok && task.signal.aborted;
  if (!end.ok && !isStopped) return end;
  const { samples: all, ended } = end.ok ? end.value : { samples: taken, ended: 'stopped' as const };
  const own = new Map<string, number>();
  const anywhere = new Map<string, number>();
  for (const { functions, state, samples } of stacks.values()) {
    const running = state === 'running' ? functions.at(-1) : undefined;
    if (running !== undefined) own.set(running, (own.get(running) ?? 0) + samples);
    for (const one of new Set(functions)) anywhere.set(one, (anywhere.get(one) ?? 0) + samples);
  }
  const functions = [...anywhere].map(([name, onStack]) => {
    const samples = own.get(name) ?? 0;
    const share = samples / Math.max(1, all);
    return { function: name, share, samples, onStack, calls: null, ownTimeMs: null, ownReductions: null };
  });
  return ok({
    is: 'profile',
    result: {
      ...namedProcess(pid),
      how: 'sample',
      functions: functions.toSorted((a, b) => b.samples - a.samples || b.onStack - a.onStack).slice(0, limit),
      stacks: [...stacks.values()].toSorted((a, b) => b.samples - a.samples),
      samples: all,
      unit: end.ok ? end.value.unit : unit,
      ended,
    },
  });
}

type Counting = {
  readonly forMs: number;
  readonly callsPerSecond: number;
  readonly modules?: readonly string[];
  readonly limit: number;
};

async function counted(
  task: ProfileContext,
  pid: ProcessRef,
  { forMs, callsPerSecond, modules, limit }: Counting,
): Promise<Result<TaskOutcome>> {
  const profiled = await task.port.profile.calls(
    { pid, forMs, callsPerSecond, ...(modules !== undefined && { modules }) },
    task.options(),
  );
  if (!profiled.ok) return task.signal.aborted ? toldNothing() : profiled;
  const { functions, unit, ended } = profiled.value;
  const all = Math.max(
    1,
    functions.reduce((sum, { own }) => sum + own, 0),
  );
  const rows = functions.map(({ function: name, calls, own }) => ({
    function: name,
    share: own / all,
    samples: null,
    onStack: null,
    calls,
    ownTimeMs: unit === 'us' ? own / 1_000 : null,
    ownReductions: unit === 'reductions' ? own : null,
  }));
  return ok({
    is: 'profile',
    result: {
      ...namedProcess(pid),
      how: 'calls',
      functions: rows.toSorted((a, b) => b.share - a.share).slice(0, limit),
      stacks: [],
      samples: 0,
      unit,
      ended,
    },
  });
}

/** What the emulator has counted is read at the end only. */
function toldNothing(): Result<never> {
  return failure(
    'cancelled',
    'profile.stopped',
    'It was stopped, and a profile by calls tells nothing before its end.',
    'Profile for a shorter time, or by `sample`, which has a result when it is stopped.',
  );
}
