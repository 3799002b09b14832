/** The methods `profile.*`. Each part runs within a call of its own, so that nothing stays on the node when we go. */
import { childOptions, remainingNow } from '../../callOptions.ts';
import { cancelled, failure } from '../../errors.ts';
import type { Result } from '../../model.ts';
import { fail, ok } from '../../model.ts';
import type { Answer, CallOptions, Frame, MethodTable, Params, StreamEnd, StreamItem } from '../../port.ts';
import type { Term } from '../../term/term.ts';
import { integer, list } from '../../term/term.ts';
import { answered, strangeAnswer } from './callError.ts';
import { ownLinkOf } from './life.ts';
import { atomName, functionText, listOf, numberOf, pidOf, tupleOf } from './read.ts';
import { atomOnNode } from './safeTerm.ts';
import type { Session } from './session.ts';
import { refusal } from './traceSpec.ts';

/** A frame tells of so long. */
const partMs = 1_000;
const shortestSampleMs = 1;
const longestProfileMs = 60_000;
/** What OTP gives of a stack unless told otherwise (`backtrace_depth`). */
const usualDepth = 8;
/** Beyond a part, before its answer counts as missing: a process that runs native code cannot be looked at. */
const graceMs = 5_000;

type SampleItem = StreamItem<Frame<'profile.sample'>, StreamEnd<'profile.sample'>>;
type Stack = Frame<'profile.sample'>['stacks'][number];

async function* sample(
  session: Session,
  { pid, everyMs, forMs }: Params<'profile.sample'>,
  options: CallOptions,
): AsyncGenerator<SampleItem> {
  if (everyMs < shortestSampleMs || forMs < everyMs || forMs > longestProfileMs) {
    yield { is: 'end', result: outOfRange() };
    return;
  }
  const target = await ownLinkOf(session, pid, options);
  if (!target.ok) {
    yield { is: 'end', result: target };
    return;
  }
  let samples = 0;
  let dropped = 0;
  let ended: 'time' | 'target_gone' = 'time';
  for (let left = forMs; left > 0 && ended === 'time'; left -= partMs) {
    if (options.signal.aborted) {
      yield { is: 'end', result: cancelled('none') };
      return;
    }
    const part = Math.min(partMs, left);
    const within = childOptions(options, part + graceMs);
    const args = [pidOf(pid), integer(Math.round(everyMs)), integer(Math.round(part))];
    const said = answered(await target.value.run('prof_sample', args, within), pid.node, 'The process');
    if (!said.ok) {
      yield { is: 'end', result: said };
      return;
    }
    const [how, taken, lost, stacks] = tupleOf(said.value, 4) ?? [];
    samples += numberOf(taken) ?? 0;
    dropped += numberOf(lost) ?? 0;
    if (atomName(how) === 'gone') ended = 'target_gone';
    yield { is: 'frame', frame: { stacks: listOf(stacks).flatMap(stackOf), unit: 'samples' } };
  }
  yield {
    is: 'end',
    result: ended === 'time' || samples > 0 ? ok({ samples, dropped, unit: 'samples', ended }) : goneBefore(pid.node),
  };
}

function goneBefore(node: string) {
  return refusal(node, { t: 'atom', v: 'gone' });
}

/** `{running | waiting, [{M, F, A}], Number}`, innermost first, as one with the outermost first. */
function stackOf(term: Term): readonly Stack[] {
  const [state, stack, number] = tupleOf(term, 3) ?? [];
  const inward = listOf(stack).flatMap((one) => functionText(one) ?? []);
  const outermost = inward[inward.length - 1] ?? '';
  const isCut = inward.length >= usualDepth && !outermost.startsWith('proc_lib:init_p');
  const functions = [...(isCut ? ['…'] : []), ...inward.reverse()];
  return [{ functions, state: atomName(state) === 'waiting' ? 'waiting' : 'running', samples: numberOf(number) ?? 0 }];
}

function outOfRange() {
  return failure(
    'validation',
    'profile.invalid',
    'These times are out of range.',
    `Look every ${String(shortestSampleMs)} ms or more, for at most ${String(longestProfileMs / 1000)} s.`,
    { pointer: '/forMs' },
  );
}

async function calls(
  session: Session,
  { pid, modules = [], forMs, callsPerSecond }: Params<'profile.calls'>,
  options: CallOptions,
): Promise<Result<Answer<'profile.calls'>>> {
  if (forMs < 1 || forMs > longestProfileMs || callsPerSecond < 1 || modules.length > 500) return outOfRange();
  const reached = await ownLinkOf(session, pid, options);
  if (!reached.ok) return reached;
  const target = reached.value;
  const names: Term[] = [];
  for (const module of modules) {
    const name = await atomOnNode(target, module, options);
    if (!name.ok) return name;
    if (name.value === null)
      return refusal(pid.node, {
        t: 'tuple',
        e: [
          { t: 'atom', v: 'not_loaded' },
          { t: 'atom', v: module },
        ],
      });
    names.push(name.value);
  }
  const part = Math.floor(Math.min(forMs, remainingNow(options) * 0.9));
  const args = [pidOf(pid), list(names), integer(part), integer(Math.ceil(callsPerSecond))];
  const said = answered(await target.run('prof_calls', args, options), pid.node, 'The process');
  if (!said.ok) return fail(said.error);
  const [tag, ...rest] = tupleOf(said.value) ?? [];
  if (atomName(tag) === 'refused') return refusal(pid.node, rest[0]);
  const [ended, forUs, measured, called] = rest;
  const how = (['time', 'costs', 'target_gone'] as const).find((one) => one === atomName(ended));
  if (how === undefined) return strangeAnswer(pid.node, 'The profile');
  return ok({
    ended: how,
    unit: 'us',
    forUs: numberOf(forUs) ?? 0,
    modules: listOf(measured).flatMap((module) => atomName(module) ?? []),
    functions: listOf(called).flatMap((term) => {
      const [name, count, us] = tupleOf(term, 3) ?? [];
      const shown = functionText(name);
      return shown === null ? [] : [{ function: shown, calls: numberOf(count) ?? 0, own: numberOf(us) ?? 0 }];
    }),
  });
}

export function profileMethods(session: Session): MethodTable {
  return {
    'profile.sample': (params, options) => sample(session, params, options),
    'profile.calls': (params, options) => calls(session, params, options),
  };
}
