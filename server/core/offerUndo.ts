/** Offers what was done to whoever may take it back later. */
import type { Json, Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import { checkRole, defaultRole, graverRole } from './authorization.ts';
import type { PipelineServices } from './calls.ts';
import type { Caller } from './context.ts';
import type { Flight } from './flight.ts';
import type { Answer } from './middleware.ts';
import type { Plan } from './operation.ts';
import { isWrite } from './operation.ts';
import type { Found } from './registry.ts';
import { ownConditionOn } from './steps.ts';
import { undo } from './undo.ts';

type Services = Pick<PipelineServices, 'undoable' | 'find'>;

/** The answer, which says whether the call can be undone by `undo_operation`. What is a part of a whole is offered with the whole. */
export function offered(services: Services, flight: Flight, answer: Answer): Answer {
  if (services.undoable === undefined || flight.purpose !== 'call' || !answer.ok || answer.value.mode !== 'run')
    return answer;
  const left = offerUndo(services, flight);
  return left === null ? answer : ok({ ...answer.value, undo: left });
}

/** Offers it, if there is something to undo; answers how far it can be, else null. */
export function offerUndo({ undoable, find }: Services, flight: Flight): 'yes' | 'partly' | null {
  const { applied, plan, found, call } = flight;
  if (undoable === undefined || applied?.ok !== true) return null;
  if (found === null || !isWrite(found.operation) || plan === null) return null;
  if (found.operation.compensate === undefined || plan.undo === 'no') return null;
  // What only looked leaves nothing.
  if (plan.severity !== 'change' && plan.severity !== 'destroy') return null;
  undoable({
    requestId: call.requestId,
    operation: found.entry.name,
    connection: call.connection,
    runtime: flight.connection?.runtime ?? null,
    caller: flight.extras.caller,
    plan,
    allows: (caller) => mayUndo(find(found.entry.name) ?? found, flight, plan, caller),
    undo: (budget) => undo(flight, budget),
  });
  return plan.undo;
}

/** Whoever may not do it now may not take it back: the role that is in force, that of what was done, the operation's own condition. */
function mayUndo(now: Found, flight: Flight, plan: Plan<Json>, caller: Caller): Result<null> {
  const role = checkRole(caller, now.entry.name, graverRole(now.entry.role, defaultRole(plan.severity)));
  return role.ok ? ownConditionOn(flight, caller) : role;
}
