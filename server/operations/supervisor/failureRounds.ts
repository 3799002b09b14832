/** Ending a child again and again, and seeing what its supervisor does about it. */
import { setTimeout as delay } from 'node:timers/promises';
import { Type } from 'typebox';
import type { ArsenalError, ChildRow, ProcessRef, Result, TermInput } from '../../../runtime/model.ts';
import { fail, ok, processId } from '../../../runtime/model.ts';
import { termKey } from '../../../runtime/term/term.ts';
import type { Context } from '../../core/context.ts';
import { nullable } from '../parameters.ts';
import { isDynamic } from './childParameters.ts';
import { childrenOf, labelOf } from './failurePrediction.ts';

const lookEveryMs = 20;

export const roundResult = Type.Object({
  before: Type.String({ description: 'The id of the process that was ended.' }),
  ended: Type.Boolean({ description: 'False when it took the exit signal and lives on.' }),
  after: nullable(Type.String({ description: 'The id of the process that took its place.' })),
  child: Type.Enum(['running', 'restarting', 'undefined', 'gone', 'supervisor_ended'], {
    description: 'What had become of the child when the supervisor was last looked at.',
  }),
  others: Type.Array(Type.String(), { description: 'Children that have another process than before, too.' }),
  tookMs: Type.Number({ description: 'Until that was seen.' }),
});
export type Round = {
  readonly before: string;
  readonly ended: boolean;
  readonly after: string | null;
  readonly child: 'running' | 'restarting' | 'undefined' | 'gone' | 'supervisor_ended';
  readonly others: readonly string[];
  readonly tookMs: number;
};

export type Failing = {
  readonly supervisor: ProcessRef;
  readonly childId: ChildRow['childId'];
  readonly process: ProcessRef;
  readonly reason: TermInput;
  readonly times: number;
  readonly settleMs: number;
  /** Whether the child is to be started anew; null when that is not known. */
  readonly restarts: boolean | null;
};
type RoundsContext = Context<'supervisors.children' | 'processes.exit'>;

/**
 * Up to `times` rounds; it ends before when there is nothing left to end. `stopped` is the error of a round that could not be done, or
 * whose end is not known, and null when none was.
 */
export async function failAgainAndAgain(
  context: RoundsContext,
  failing: Failing,
): Promise<{ readonly rounds: readonly Round[]; readonly stopped: ArsenalError | null }> {
  const rounds: Round[] = [];
  let process: ProcessRef | null = failing.process;
  while (process !== null && rounds.length < failing.times) {
    const round: Result<Seen> = await failOnce(context, failing, process);
    if (!round.ok) return { rounds, stopped: round.error };
    rounds.push(round.value.round);
    await context.emit({ is: 'rows', rows: [round.value.round] });
    process = round.value.now;
  }
  return { rounds, stopped: null };
}

type Seen = { readonly round: Round; readonly now: ProcessRef | null };

async function failOnce(context: RoundsContext, failing: Failing, process: ProcessRef): Promise<Result<Seen>> {
  const { supervisor, reason, settleMs } = failing;
  const before = await childrenOf(context, supervisor);
  if (!before.ok) return before;
  const began = performance.now();
  const ended = await context.port.processes.exit(
    { pid: process, reason, confirmMs: Math.max(1, settleMs) },
    context.options(),
  );
  if (!ended.ok) return ended;
  const round = { before: processId(process), ended: ended.value.outcome === 'exited' };
  if (!round.ended) {
    const seen = { after: null, child: 'running', others: [], tookMs: performance.now() - began } as const;
    return ok({ round: { ...round, ...seen }, now: null });
  }
  let last: Look | null = null;
  for (;;) {
    const now = await childrenOf(context, supervisor);
    if (!now.ok && now.error.class !== 'not_found') return fail({ ...now.error, effect: 'applied' });
    const seen: Look = now.ok ? look(before.value, now.value, failing, process) : supervisorEnded;
    const tookMs = performance.now() - began;
    if (isSettled(seen, last, failing) || tookMs >= settleMs || context.signal.aborted) {
      const { pid, child, others } = seen;
      const after = pid === null ? null : processId(pid);
      return ok({ round: { ...round, after, child, others, tookMs }, now: pid });
    }
    last = seen;
    await delay(lookEveryMs);
  }
}

type Look = Pick<Round, 'child' | 'others'> & { readonly pid: ProcessRef | null };
const supervisorEnded: Look = { child: 'supervisor_ended', others: [], pid: null };

/** Nothing more is to come. A strategy that restarts others too does so one after the other: then two looks have to be equal. */
function isSettled(seen: Look, last: Look | null, { restarts }: Failing): boolean {
  if (seen.child === 'supervisor_ended') return true;
  const isDone = restarts === false ? seen.child === 'gone' || seen.child === 'undefined' : seen.pid !== null;
  return isDone && last?.child === seen.child && last.others.length === seen.others.length;
}

function look(before: readonly ChildRow[], now: readonly ChildRow[], { childId }: Failing, ended: ProcessRef): Look {
  const known = new Set(before.map(runningId));
  const fresh = now.filter((row) => row.state.is === 'running' && !known.has(runningId(row)));
  const own = isDynamic(childId) ? ownOfDynamic(fresh) : now.find((row) => termKey(row.childId) === termKey(childId));
  const others = isDynamic(childId) ? [] : fresh.filter((row) => row !== own).map(labelOf);
  if (own === undefined) return { child: 'gone', others, pid: null };
  const { state } = own;
  if (state.is !== 'running') return { child: state.is, others, pid: null };
  const isNew = processId(state.pid) !== processId(ended);
  return { child: 'running', others, pid: isNew ? state.pid : null };
}

/** Children of a dynamic supervisor have no ids: the one that is new is the one that was restarted, if there is only one. */
function ownOfDynamic(fresh: readonly ChildRow[]): ChildRow | undefined {
  return fresh.length === 1 ? fresh[0] : undefined;
}

function runningId({ state }: ChildRow): string {
  return state.is === 'running' ? processId(state.pid) : '';
}
