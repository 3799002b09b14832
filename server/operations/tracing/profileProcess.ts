import { Type } from 'typebox';
import type { ProcessRef } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import type { Context } from '../../core/context.ts';
import { defineOperation } from '../../core/operation.ts';
import { nullable, onNodeParam, pidParam, placementOfProcess } from '../parameters.ts';
import { namedProcess } from '../processRows.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';
import { drain } from '../streams.ts';
import { known } from '../knownErrors.ts';

const needs = [...resolveNeeds, 'profile.sample', 'profile.calls'] as const;
type ProfileContext = Context<(typeof needs)[number]>;
const longestMs = 120_000;
const mostStacks = 5_000;

export const profileProcess = defineOperation({
  name: 'profile_process',
  title: 'Profile Process',
  description:
    'Where a process spends its time. `sample` looks at its stack at intervals, which costs it little: functions by how often they were on the stack or running, and the stacks for a flame graph. `calls` counts its calls and the time of each function without those it calls, which slows it down. `unit` says what both weigh by: on a simulated cluster, where running takes no time, by reductions.',
  category: 'tracing',
  severity: 'diagnose',
  idempotent: true,
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
  result: Type.Object({
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
    ended: Type.String(),
  }),
  route: { method: 'POST', path: '/processes/:pid/profile' },
  examples: [{ title: 'For half a second', params: { pid: 'Shop.Catalog', node: 'demo1@sim', forMs: 500 } }],
  errors: [known.processNotFound, known.nameAmbiguous, known.nodeUnavailable],
  timeoutMs: longestMs + 10_000,
  async execute(context, params) {
    const { pid, node } = params;
    const process = await resolveProcess(context, { text: pid, node, pointer: '/pid' });
    if (!process.ok) return process;
    return params.how === 'sample' ? sampled(context, process.value, params) : counted(context, process.value, params);
  },
});

type Sampling = { readonly everyMs: number; readonly forMs: number; readonly limit: number };

async function sampled(context: ProfileContext, pid: ProcessRef, { everyMs, forMs, limit }: Sampling) {
  const stacks = new Map<string, { functions: string[]; state: string; samples: number }>();
  const end = await drain(context.port.profile.sample({ pid, everyMs, forMs }, context.options()), (frame) => {
    for (const { functions, state, samples } of frame.stacks) {
      const key = `${state} ${functions.join(';')}`;
      const known = stacks.get(key) ?? { functions: [...functions], state, samples: 0 };
      known.samples += samples;
      if (stacks.size < mostStacks) stacks.set(key, known);
    }
  });
  if (!end.ok) return end;
  const own = new Map<string, number>();
  const anywhere = new Map<string, number>();
  for (const { functions, state, samples } of stacks.values()) {
    const running = state === 'running' ? functions.at(-1) : undefined;
    if (running !== undefined) own.set(running, (own.get(running) ?? 0) + samples);
    for (const one of new Set(functions)) anywhere.set(one, (anywhere.get(one) ?? 0) + samples);
  }
  const all = Math.max(1, end.value.samples);
  return ok({
    ...namedProcess(pid),
    how: 'sample' as const,
    functions: [...anywhere]
      .map(([name, onStack]) => {
        const samples = own.get(name) ?? 0;
        return {
          function: name,
          share: samples / all,
          samples,
          onStack,
          calls: null,
          ownTimeMs: null,
          ownReductions: null,
        };
      })
      .toSorted((a, b) => b.samples - a.samples || b.onStack - a.onStack)
      .slice(0, limit),
    stacks: [...stacks.values()].toSorted((a, b) => b.samples - a.samples),
    samples: end.value.samples,
    unit: end.value.unit,
    ended: end.value.ended,
  });
}

type Counting = {
  readonly forMs: number;
  readonly callsPerSecond: number;
  readonly modules?: readonly string[];
  readonly limit: number;
};

async function counted(context: ProfileContext, pid: ProcessRef, { forMs, callsPerSecond, modules, limit }: Counting) {
  const profiled = await context.port.profile.calls(
    { pid, forMs, callsPerSecond, ...(modules !== undefined && { modules }) },
    context.options(),
  );
  if (!profiled.ok) return profiled;
  const { functions, unit, ended } = profiled.value;
  const all = Math.max(
    1,
    functions.reduce((sum, { own }) => sum + own, 0),
  );
  return ok({
    ...namedProcess(pid),
    how: 'calls' as const,
    functions: functions
      .map(({ function: name, calls, own }) => ({
        function: name,
        share: own / all,
        samples: null,
        onStack: null,
        calls,
        ownTimeMs: unit === 'us' ? own / 1_000 : null,
        ownReductions: unit === 'reductions' ? own : null,
      }))
      .toSorted((a, b) => b.share - a.share)
      .slice(0, limit),
    stacks: [],
    samples: 0,
    unit,
    ended,
  });
}
