/** What a supervisor will do when a child of it fails, from its flags, the child's specification and what it has restarted lately. */
import { Type } from 'typebox';
import type { ChildRow, ChildSpec, ProcessRef, Result, SupervisorFlags } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import type { Term } from '../../../runtime/term/term.ts';
import { isAtom, termKey } from '../../../runtime/term/term.ts';
import type { Context } from '../../core/context.ts';
import { nullable } from '../parameters.ts';
import { collect } from '../streams.ts';
import { displayOf } from '../terms.ts';
import { isDynamic } from './childParameters.ts';

const mostChildren = 200_000;
const mostRestarts = 10_000;

export const predictionResult = Type.Object({
  strategy: Type.String(),
  intensity: Type.Integer({ description: 'Restarts the supervisor allows in a period.' }),
  periodSeconds: Type.Number(),
  recent: nullable(
    Type.Integer({
      description: 'Restarts within the last period; null when they have not been recorded for that long.',
    }),
  ),
  restart: nullable(
    Type.Enum(['permanent', 'transient', 'temporary'], { description: 'null where the specification cannot be read.' }),
  ),
  restarted: nullable(Type.Boolean({ description: 'Whether the child is started anew; null when that is not known.' })),
  affected: Type.Array(Type.String(), { description: 'Children that the strategy ends and starts with it.' }),
  exceeded: Type.Boolean({
    description: 'Whether that is more than the supervisor allows: then it ends itself, with all its children.',
  }),
});
export type Prediction = {
  readonly strategy: SupervisorFlags['strategy'];
  readonly intensity: number;
  readonly periodSeconds: number;
  readonly recent: number | null;
  readonly restart: ChildSpec['restart'] | null;
  readonly restarted: boolean | null;
  readonly affected: readonly string[];
  readonly exceeded: boolean;
};

export type FailureContext = Context<
  'supervisors.children' | 'supervisors.flags' | 'supervisors.childSpec' | 'supervisors.restarts'
>;

/** Predicts what becomes of `times` failures of a child with that exit reason (OTP supervisor manual, "Restart Types", "Maximum Restart Intensity"). */
export async function predict(
  context: FailureContext,
  supervisor: ProcessRef,
  child: ChildRow,
  { reason, times }: { readonly reason: Term; readonly times: number },
): Promise<Result<{ readonly prediction: Prediction; readonly affected: readonly ChildRow[] }>> {
  const flags = await context.port.supervisors.flags({ supervisor }, context.options());
  if (!flags.ok) return flags;
  const children = await childrenOf(context, supervisor);
  if (!children.ok) return children;
  const spec = await context.port.supervisors.childSpec({ supervisor, childId: child.childId }, context.options());
  const restart = spec.ok ? spec.value.restart : null;
  const restarted = isRestarted(restart, reason);
  const { strategy, intensity, periodSeconds } = flags.value;
  const recent = await recentRestarts(context, supervisor, periodSeconds);
  const affected = restarted === false ? [] : affectedBy(strategy, child, children.value);
  const exceeded = restarted !== false && (recent ?? 0) + times > intensity;
  const prediction = { strategy, intensity, periodSeconds, recent, restart, restarted, exceeded };
  return ok({ prediction: { ...prediction, affected: affected.map(labelOf) }, affected });
}

/** The children of a supervisor, in start order. */
export async function childrenOf(
  context: Context<'supervisors.children'>,
  supervisor: ProcessRef,
): Promise<Result<readonly ChildRow[]>> {
  const children = context.port.supervisors.children({ supervisor, offset: 0, limit: mostChildren }, context.options());
  const found = await collect(children, mostChildren);
  return found.ok ? ok(found.value.rows) : found;
}

/** How a child is named in what is told of it: by its id; one without by its process. */
export function labelOf({ childId, state }: ChildRow): string {
  return isDynamic(childId) && state.is === 'running' ? `<0.${state.pid.id}.${state.pid.serial}>` : displayOf(childId);
}

/** A transient child is left alone when it ends with `normal`, `shutdown` or `{shutdown, _}`. */
function isRestarted(restart: ChildSpec['restart'] | null, reason: Term): boolean | null {
  if (restart === null) return null;
  if (restart === 'permanent') return true;
  return restart === 'transient' && !isOrderly(reason);
}

function isOrderly(reason: Term): boolean {
  if (isAtom(reason, 'normal') || isAtom(reason, 'shutdown')) return true;
  return reason.t === 'tuple' && reason.e.length === 2 && isAtom(reason.e[0], 'shutdown');
}

/** Null when the supervisor's restarts have been recorded for less than a period, so that there may be more. */
async function recentRestarts(
  context: Context<'supervisors.restarts'>,
  supervisor: ProcessRef,
  periodSeconds: number,
): Promise<number | null> {
  const recorded = await context.port.supervisors.restarts({ supervisor, limit: mostRestarts }, context.options());
  if (!recorded.ok) return null;
  const from = Date.now() - periodSeconds * 1_000;
  const recent = recorded.value.restarts.filter(({ at }) => at >= from).length;
  return recorded.value.since > from && recent === 0 ? null : recent;
}

function affectedBy(
  strategy: SupervisorFlags['strategy'],
  child: ChildRow,
  children: readonly ChildRow[],
): readonly ChildRow[] {
  const others = children.filter(({ childId }) => termKey(childId) !== termKey(child.childId));
  if (strategy === 'one_for_all') return others;
  return strategy === 'rest_for_one' ? others.filter(({ index }) => index > child.index) : [];
}
