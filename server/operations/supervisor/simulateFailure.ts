import { Type } from 'typebox';
import { failure } from '../../../runtime/errors.ts';
import type { ChildRow, ProcessRef, Result } from '../../../runtime/model.ts';
import { ok, pidText, processId } from '../../../runtime/model.ts';
import { isAtom } from '../../../runtime/term/term.ts';
import { defineOperation } from '../../core/operation.ts';
import type { Context } from '../../core/context.ts';
import { mapLimited } from '../limited.ts';
import { errorResult, nullable, onNodeParam, placementOfProcess, supervisorParam } from '../parameters.ts';
import { namedProcess } from '../processRows.ts';
import { exitParams } from '../process/killProcess.ts';
import { probeEnded } from '../process/probeEnded.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';
import { displayOf, termFromText } from '../terms.ts';
import { childParam, childText, findChild } from './childParameters.ts';
import type { Prediction } from './failurePrediction.ts';
import { childrenOf, labelOf, predict, predictionResult } from './failurePrediction.ts';
import { endsWith, endsWithChild } from './endsWith.ts';
import { failAgainAndAgain, roundResult } from './failureRounds.ts';
import { isRoot, supervisorInfo } from './ownParent.ts';

export const simulateFailure = defineOperation({
  name: 'simulate_failure',
  title: 'Simulate Failure',
  description:
    'Ends a child of a supervisor, or the supervisor itself, with a reason of your choice, once or several times, and shows what is done about it: which processes are started anew, how soon, and whether the supervisor gives up. What will come of it is predicted first; more failures than the supervisor allows are refused unless `allowExceeded`.',
  category: 'supervisor',
  severity: 'destroy',
  idempotent: false,
  needs: [...resolveNeeds, 'supervisors.find', 'supervisors.children', 'supervisors.flags', 'processes.exit'],
  mayUse: ['supervisors.childSpec', 'supervisors.restarts', 'processes.info'],
  params: Type.Object({
    supervisor: supervisorParam,
    node: onNodeParam,
    child: Type.Optional(
      Type.String({
        ...childParam,
        description: 'The child that fails, by its id or its process; the supervisor itself when absent.',
      }),
    ),
    reason: exitParams.reason,
    times: Type.Integer({ minimum: 1, maximum: 100, default: 1, description: 'How often, one after the other.' }),
    settleMs: Type.Integer({
      minimum: 0,
      maximum: 60_000,
      default: 2_000,
      description: 'How long to wait each time for the supervisor to act.',
    }),
    allowExceeded: Type.Boolean({
      default: false,
      description: 'Go on even when the supervisor will end itself because it restarts too often.',
    }),
  }),
  result: Type.Object({
    ...placementOfProcess,
    child: Type.String({ description: 'The child that failed.' }),
    prediction: predictionResult,
    rounds: Type.Array(roundResult),
    restarts: Type.Integer({ description: 'How often the child was seen with a new process.' }),
    exceeded: Type.Boolean({ description: 'Whether the supervisor ended.' }),
    asPredicted: nullable(Type.Boolean({ description: 'null where nothing definite was predicted.' })),
    stopped: nullable(errorResult),
  }),
  route: { method: 'POST', path: '/supervisors/:supervisor/simulate-failure' },
  examples: [
    {
      title: 'A child, once',
      params: { supervisor: 'Shop.Supervisor', node: 'demo1@sim', child: 'Shop.Catalog' },
    },
    { title: 'A supervisor', params: { supervisor: 'Shop.CartSupervisor', node: 'demo1@sim' } },
  ],
  errors: [
    {
      code: 'supervisor.would_give_up',
      remedy: 'Fail it less often, wait until its period is over, or set allowExceeded.',
    },
    { code: 'supervisor.is_root', remedy: 'Choose a supervisor below it, or a child of it.' },
    { code: 'child.not_running', remedy: 'Start it with restart_child first.' },
    { code: 'child.not_found', remedy: 'See which_children for those it has.' },
  ],
  timeoutMs: 600_000,
  async plan(context, { supervisor: text, node, child: written, reason, times, settleMs, allowExceeded }) {
    const term = termFromText(reason, '/reason');
    if (!term.ok) return term;
    const named = await resolveProcess(context, { text, node, pointer: '/supervisor' });
    if (!named.ok) return named;
    const meant = await failingChild(context, named.value, written);
    if (!meant.ok) return meant;
    const { supervisor, child } = meant.value;
    if (child.state.is !== 'running') return notRunning(supervisor, child);
    const { pid: process } = child.state;
    const predicted = await predict(context, supervisor, child, { reason: term.value, times });
    if (!predicted.ok) return predicted;
    const { prediction, affected } = predicted.value;
    if (prediction.exceeded && !allowExceeded) return wouldGiveUp(supervisor, prediction, times);
    const what = `${childText(child)} under ${pidText(supervisor)} on ${supervisor.node}`;
    const often = times === 1 ? '' : `, ${String(times)} times`;
    return ok({
      summary: `End ${what} with reason ${displayOf(term.value)}${often}: ${inWords(prediction)}`,
      touches: [
        { node: supervisor.node, pid: processId(process), what: 'exit signal' },
        ...(prediction.exceeded ? await allOf(context, supervisor, process) : await withThem(context, child, affected)),
      ],
      severity: 'destroy',
      undo: 'no',
      steps: {
        supervisor,
        childId: child.childId,
        label: labelOf(child),
        process,
        reason: { term: term.value },
        times,
        settleMs,
        prediction: { ...prediction, affected: [...prediction.affected] },
      },
    });
  },
  async apply(context, { steps }) {
    const { supervisor, childId, label, process, reason, times, settleMs, prediction } = steps;
    const failing = { supervisor, childId, process, reason, times, settleMs, restarts: prediction.restarted };
    const { rounds, stopped } = await failAgainAndAgain(context, failing);
    // Nothing has happened, or nobody knows: that is an error. What was seen before it is an answer.
    if (stopped !== null && rounds.length === 0) return { ok: false, error: stopped };
    const restarts = rounds.filter(({ after }) => after !== null).length;
    const alive = await childrenOf(context, supervisor);
    const exceeded = !alive.ok && alive.error.class === 'not_found';
    return ok({
      ...namedProcess(supervisor),
      child: label,
      prediction,
      rounds: rounds.map((round) => ({ ...round, others: [...round.others] })),
      restarts,
      exceeded,
      asPredicted: stopped === null ? isAsPredicted(prediction, { restarts, exceeded, times: rounds.length }) : null,
      stopped,
    });
  },
  async probe(context, { steps: { process, reason, times } }) {
    const first = await probeEnded(context, process);
    // How often it has failed after the first time nobody can know; nor whether one that lives has survived any signal but kill.
    if (first === 'applied') return times > 1 ? 'unknown' : first;
    return first === 'none' && !isAtom(reason.term, 'kill') ? 'unknown' : first;
  },
});

type FailingContext = Context<(typeof resolveNeeds)[number] | 'supervisors.find' | 'supervisors.children'>;

/** The child named; without one the supervisor itself, as a child of the one above it. */
async function failingChild(
  context: FailingContext,
  named: ProcessRef,
  written: string | undefined,
): Promise<Result<{ readonly supervisor: ProcessRef; readonly child: ChildRow }>> {
  if (written !== undefined) {
    const child = await findChild(context, named, written, '/child');
    return child.ok ? ok({ supervisor: named, child: child.value }) : child;
  }
  const info = await supervisorInfo(context, named);
  if (!info.ok) return info;
  const { parent } = info.value;
  if (parent === null) return isRoot(info.value);
  const child = await findChild(context, parent, processId(named), '/supervisor');
  return child.ok ? ok({ supervisor: parent, child: child.value }) : child;
}

/** When the supervisor gives up: itself, and all that it has but the one that fails, which is told apart. */
async function allOf(context: FailingContext, supervisor: ProcessRef, process: ProcessRef) {
  const { touches } = await endsWith(context, supervisor);
  const others = touches.filter(({ pid }) => pid !== processId(process));
  return [{ node: supervisor.node, pid: processId(supervisor), what: 'gives up and ends' }, ...others];
}

/** What ends with the child, and the children that the strategy ends and starts with it, each with what is below. */
async function withThem(context: FailingContext, child: ChildRow, affected: readonly ChildRow[]) {
  const own = await endsWithChild(context, child);
  const others = await mapLimited(affected, 8, async (row) => {
    const below = await endsWithChild(context, row);
    const pid = row.state.is === 'running' ? row.state.pid : null;
    const touched = { ...(pid !== null && { pid: processId(pid) }), what: `${labelOf(row)}: end and start` };
    return pid === null ? [] : [{ node: pid.node, ...touched }, ...below.touches];
  });
  return [...own.touches, ...others.flat()];
}

function notRunning(supervisor: ProcessRef, child: ChildRow): Result<never> {
  return failure(
    'conflict',
    'child.not_running',
    `${childText(child)} of ${pidText(supervisor)} on ${supervisor.node} does not run.`,
    'Start it with restart_child first.',
    { node: supervisor.node, pointer: '/child' },
  );
}

function wouldGiveUp(supervisor: ProcessRef, prediction: Prediction, times: number): Result<never> {
  const { intensity, periodSeconds, recent } = prediction;
  const before = recent === null || recent === 0 ? '' : ` after ${String(recent)} in the last period`;
  return failure(
    'conflict',
    'supervisor.would_give_up',
    `${pidText(supervisor)} on ${supervisor.node} allows ${String(intensity)} restarts in ${String(periodSeconds)} s; ${String(times)} more${before} would end it, with all its children.`,
    'Fail it less often, wait until its period is over, or set allowExceeded.',
    {
      node: supervisor.node,
      pointer: '/times',
      details: { prediction: { ...prediction, affected: [...prediction.affected] } },
    },
  );
}

function inWords({ restarted, affected, exceeded, strategy }: Prediction): string {
  if (exceeded) return 'its supervisor gives up and ends, with all its children';
  if (restarted === null) return 'whether it is started anew is not known';
  if (!restarted) return 'it is not started anew';
  return affected.length === 0
    ? 'it is started anew'
    : `it is started anew, and with it (${strategy}) ${affected.join(', ')}`;
}

function isAsPredicted(
  prediction: Prediction,
  seen: { readonly restarts: number; readonly exceeded: boolean; readonly times: number },
): boolean | null {
  if (prediction.restarted === null) return null;
  if (prediction.exceeded) return seen.exceeded;
  return !seen.exceeded && seen.restarts === (prediction.restarted ? seen.times : 0);
}
