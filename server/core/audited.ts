/** Nothing unaudited changes state: the intent is on disk before the effect, the outcome after it, and again when the truth comes late. */
import type { Json } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { Intent, PipelineServices } from './calls.ts';
import type { Flight } from './flight.ts';
import type { Answer, Middleware, Next } from './middleware.ts';
import { fingerprintOf } from './once.ts';
import type { Plan } from './operation.ts';
import { isWrite } from './operation.ts';
import { shaped } from './perform.ts';

/** What is done as a part of a whole stands in the whole's intent. */
export function audited(services: Pick<PipelineServices, 'audit'>): Middleware {
  return {
    name: 'audit',
    step: 'prepare',
    says: 'What is about to be done is on disk before it is done, else it is refused; afterwards, what became of it.',
    appliesTo: isWrite,
    run: (flight, next) => {
      const { plan } = flight;
      return plan === null || flight.purpose !== 'call' ? next(flight) : writtenDown(services, flight, plan, next);
    },
  };
}

async function writtenDown(
  { audit }: Pick<PipelineServices, 'audit'>,
  flight: Flight,
  plan: Plan<Json>,
  next: Next,
): Promise<Answer> {
  // What turned out to be only looking changes nothing, and leaves nothing.
  const changes = plan.severity === 'change' || plan.severity === 'destroy';
  const declared = changes ? await audit.intent(intentOf(flight, plan)) : ok(null);
  if (!declared.ok) return declared;
  const record = async (late: boolean) => {
    const { requestId, operation } = flight.call;
    const outcome = { requestId, operation, result: flight.result, durationMs: flight.durationMs(), late };
    if (changes) await audit.outcome(outcome);
  };
  const answer = await next(flight);
  flight.enter('record');
  await record(false);
  void flight.late?.then(async (truth) => {
    flight.claim?.correct(shaped(flight, truth));
    await record(true);
  });
  return answer;
}

function intentOf(flight: Flight, plan: Plan<Json>): Intent {
  const { connection, call, extras, operation, params, correlationId } = flight;
  return {
    requestId: call.requestId,
    correlationId,
    operation: operation.entry.name,
    connection: connection === null ? null : { ...connection.facts, label: connection.label },
    caller: extras.caller,
    severity: plan.severity,
    params,
    plan,
    fingerprint: fingerprintOf(extras.caller.principal, call.connection, operation.entry.name, params),
  };
}
