/**
 * The port's `profile.*` on the simulated cluster. A turn takes no time of the cluster, so a profile is one of reductions, which the
 * kernel counts for each function (`kernel/profile.ts`). Its length is in the cluster's own time.
 */
import { remainingNow } from '../../callOptions.ts';
import { cancelled, failure } from '../../errors.ts';
import type { Failure, ProcessRef, Result } from '../../model.ts';
import { ok, pidText } from '../../model.ts';
import type { Answer, CallOptions, Frame, MethodTable, Params, StreamEnd, StreamItem } from '../../port.ts';
import { notLoaded } from '../../trace/query.ts';
import type { Flow } from '../kernel/flow.ts';
import { sleep } from '../kernel/flow.ts';
import { ReductionProfile } from '../kernel/profile.ts';
import { command } from './commands.ts';
import type { Context, Found } from './context.ts';
import { gone } from './context.ts';
import { isOurs } from './traceOnNode.ts';

const longestProfileMs = 60_000;
/** A frame tells of so long. */
const partMs = 1_000;
/** So often it is seen whether the process is still there. */
const sliceMs = 50;
const mostModules = 500;

type SampleItem = StreamItem<Frame<'profile.sample'>, StreamEnd<'profile.sample'>>;
type Ended = Answer<'profile.calls'>['ended'];

async function* sample(
  context: Context,
  { pid, everyMs, forMs }: Params<'profile.sample'>,
  options: CallOptions,
): AsyncGenerator<SampleItem> {
  const bad = everyMs < 1 || forMs < everyMs || forMs > longestProfileMs ? outOfRange() : null;
  const begun = bad ?? begin(context, pid, Infinity);
  if (!begun.ok) {
    yield { is: 'end', result: begun };
    return;
  }
  const { found, profile } = begun.value;
  let samples = 0;
  let ended: Ended = 'time';
  try {
    for (let left = forMs; left > 0 && ended === 'time'; left -= partMs) {
      if (options.signal.aborted) {
        yield { is: 'end', result: cancelled('none') };
        return;
      }
      const waited = await attended(context, found, profile, Math.min(partMs, left), options);
      if (!waited.ok) {
        yield { is: 'end', result: waited };
        return;
      }
      ended = waited.value;
      const stacks = profile.takeStacks();
      for (const { reductions } of stacks) samples += reductions;
      yield {
        is: 'frame',
        frame: {
          stacks: stacks.map(({ functions, reductions }) => ({ functions, state: 'running', samples: reductions })),
          unit: 'reductions',
        },
      };
    }
  } finally {
    profile.stop();
  }
  const how = ended === 'target_gone' ? ended : 'time';
  yield { is: 'end', result: ok({ samples, dropped: 0, unit: 'reductions', ended: how }) };
}

/** A stream is no call for a clock whose time passes while a call waits: each part is one, which lets as much time pass as `profile.calls`. */
async function attended(
  context: Context,
  found: Found,
  profile: ReductionProfile,
  forMs: number,
  options: CallOptions,
): Promise<Result<Ended>> {
  const { pid } = found.process;
  const asCalls: Params<'profile.calls'> = {
    pid: { node: pid.node, creation: pid.creation, id: pid.id, serial: pid.serial },
    forMs,
    callsPerSecond: Number.MAX_SAFE_INTEGER,
  };
  const answered = context.clock.attend('profile.calls', asCalls);
  let waited: Result<Ended> | null = null;
  try {
    waited = await wait(context, found, profile, forMs, options);
    return waited;
  } finally {
    answered(waited);
  }
}

/** Lets the cluster's time pass, until the process or the profile has ended. */
function wait(
  context: Context,
  { node, process }: Found,
  profile: ReductionProfile,
  forMs: number,
  options: CallOptions,
): Promise<Result<Ended>> {
  return command(context, node, options.signal, function* (): Flow<Result<Ended>> {
    for (let left = forMs; left > 0 && process.alive && profile.ended === null; left -= sliceMs) {
      yield* sleep(Math.min(sliceMs, left));
    }
    if (profile.ended === 'costs') return ok('costs');
    return ok(process.alive ? 'time' : 'target_gone');
  });
}

async function calls(
  context: Context,
  { pid, modules, forMs, callsPerSecond }: Params<'profile.calls'>,
  options: CallOptions,
): Promise<Result<Answer<'profile.calls'>>> {
  if (forMs < 1 || forMs > longestProfileMs || callsPerSecond < 1 || (modules?.length ?? 0) > mostModules) {
    return outOfRange();
  }
  const missing = modules?.find((module) => context.cluster.code.module(module) === null);
  if (missing !== undefined) return notLoaded(missing, pid.node);
  const begun = begin(context, pid, callsPerSecond);
  if (!begun.ok) return begun;
  const { found, profile } = begun.value;
  const beganMs = context.cluster.nowMs;
  try {
    const part = Math.max(1, Math.floor(Math.min(forMs, remainingNow(options) * 0.9)));
    const ended = await wait(context, found, profile, part, options);
    if (!ended.ok) return ended;
    const functions = profile.functions().filter(({ module }) => modules?.includes(module) ?? true);
    return ok({
      ended: ended.value,
      unit: 'reductions',
      forUs: Math.round((context.cluster.nowMs - beganMs) * 1000),
      modules: modules ?? [...new Set(functions.map(({ module }) => module))].filter((module) => module !== ''),
      functions: functions.map(({ function: name, calls: count, reductions }) => ({
        function: name,
        calls: count,
        own: reductions,
      })),
    });
  } finally {
    profile.stop();
  }
}

/** Errors: `process.not_found`, also for the processes by which we act, which are no part of what is looked at; `profile.running`. */
function begin(
  context: Context,
  pid: ProcessRef,
  callsPerSecond: number,
): Result<{ readonly found: Found; readonly profile: ReductionProfile }> {
  const found = context.process(pid);
  if (!found.ok) return found;
  const { process } = found.value;
  if (isOurs(process)) return gone(pid);
  if (process.profile !== null) {
    return failure(
      'conflict',
      'profile.running',
      `${process.name ?? pidText(pid)} is being profiled already.`,
      'Try again when that profile has ended: none is longer than a minute.',
      { node: pid.node },
    );
  }
  return ok({ found: found.value, profile: new ReductionProfile(process, callsPerSecond) });
}

function outOfRange(): Failure {
  return failure(
    'validation',
    'profile.invalid',
    'These times are out of range.',
    `Look every millisecond or less often, for at most ${String(longestProfileMs / 1000)} s.`,
    { pointer: '/forMs' },
  );
}

/** The methods of group `profile`. */
export function profileMethods(context: Context): MethodTable {
  return {
    'profile.sample': (params, options) => sample(context, params, options),
    'profile.calls': (params, options) => calls(context, params, options),
  };
}
