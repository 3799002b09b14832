/** One requestId is one execution: the idempotency key of every call. */
import { createHash } from 'node:crypto';
import type { ClaimedCall, JsonObject, PipelineServices } from './calls.ts';
import { canonicalJson } from './canonicalJson.ts';
import { pipelineThrew } from './errors.ts';
import type { Flight } from './flight.ts';
import type { Answer, Middleware, Next } from './middleware.ts';
import { isWrite } from './operation.ts';
import { isSmall } from './plainData.ts';

/** Parameters above this are not kept for as long as the call is remembered. */
const mostKeptCharacters = 4_096;

/** Runs the call, unless its requestId has been run: then answers what became of that. */
export function once(services: Pick<PipelineServices, 'claims'>): Middleware {
  return {
    name: 'once',
    step: 'validate',
    says: 'One requestId is one execution: the same call again answers what the first answered, another one is refused.',
    run: (flight, next) =>
      flight.mode === 'run' && flight.purpose === 'call' ? claimed(services, flight, next) : next(flight),
  };
}

async function claimed({ claims }: Pick<PipelineServices, 'claims'>, flight: Flight, next: Next): Promise<Answer> {
  const claiming = claims.claim(new FlightsClaim(flight));
  // Of what only looks it is known at once.
  const claim = claiming instanceof Promise ? await claiming : claiming;
  if (claim.is === 'refused') return claim.failure;
  if (claim.is === 'joined') return claim.answer;
  flight.claim = claim;
  let answer: Answer;
  try {
    answer = await next(flight);
  } catch (thrown) {
    // Whoever joined waits for an answer, whatever happens.
    answer = pipelineThrew(flight, thrown);
  }
  claim.settle(answer, flight.executed);
  return answer;
}

class FlightsClaim implements ClaimedCall {
  readonly requestId: string;
  readonly operation: string;
  readonly principal: string;
  readonly write: boolean;
  /** Makes the fingerprint, which needs the parameters; once it is made they are let go of. */
  #make: (() => string) | null;
  #fingerprint = '';

  constructor({ call, extras, operation, params }: Flight) {
    this.requestId = call.requestId;
    this.operation = operation.entry.name;
    this.principal = extras.caller.principal;
    this.write = isWrite(operation.operation);
    this.#make = () => fingerprintOf(this.principal, call.connection, this.operation, params);
    if (!isSmall(params, mostKeptCharacters)) this.#settleFingerprint();
  }

  /** Made when it is asked for: of what only looks it is needed only when the requestId is known already. */
  get fingerprint(): string {
    this.#settleFingerprint();
    return this.#fingerprint;
  }

  #settleFingerprint(): void {
    if (this.#make !== null) this.#fingerprint = this.#make();
    this.#make = null;
  }
}

/** Equal for two calls exactly when the same person asks the same of the same system. */
export function fingerprintOf(
  principal: string,
  connection: string | null,
  operation: string,
  params: JsonObject,
): string {
  const said = canonicalJson([principal, connection, operation, params]);
  return createHash('sha256').update(said).digest('hex');
}
