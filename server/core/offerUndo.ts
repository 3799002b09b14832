/** Offers what was done to whoever may take it back later. */
import { ok } from '../../runtime/model.ts';
import type { PipelineServices } from './calls.ts';
import type { Flight } from './flight.ts';
import type { Answer } from './middleware.ts';
import { isWrite } from './operation.ts';
import { undo } from './undo.ts';

type Undoable = PipelineServices['undoable'];

/** The answer, which says whether the call can be undone by `undo_operation`. What is a part of a whole is offered with the whole. */
export function offered(undoable: Undoable, flight: Flight, answer: Answer): Answer {
  if (undoable === undefined || flight.purpose !== 'call' || !answer.ok || answer.value.mode !== 'run') return answer;
  const left = offerUndo(undoable, flight);
  return left === null ? answer : ok({ ...answer.value, undo: left });
}

/** Offers it, if there is something to undo; answers how far it can be, else null. */
export function offerUndo(undoable: Undoable, flight: Flight): 'yes' | 'partly' | null {
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
    undo: (budget) => undo(flight, budget),
  });
  return plan.undo;
}
