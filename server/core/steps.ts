/** The middlewares of the first four steps: nothing has been asked of the target yet, and each may refuse. */
import { failure } from '../../runtime/errors.ts';
import type { Failure, Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { Severity } from '../../runtime/port.ts';
import { roles } from '../protocol/operation.ts';
import { checkAccess, checkRole } from './authorization.ts';
import { threw } from './budget.ts';
import type { JsonObject, PipelineServices } from './calls.ts';
import type { Caller } from './context.ts';
import { callerWays } from './context.ts';
import { operationNotFound } from './errors.ts';
import type { Flight } from './flight.ts';
import { isId } from './flight.ts';
import { defaultTimeoutMs, longestTimeoutMs } from './limits.ts';
import type { Middleware } from './middleware.ts';
import { gate } from './middleware.ts';
import { isJsonObject, plainDataProblem } from './plainData.ts';
import type { CommonParam } from './registration.ts';
import { nothingPreset } from './registry.ts';
import { invalidParams } from './validate.ts';

const modes = ['run', 'dry_run', 'validate'];

/**
 * Takes the call as untrusted data. The time limit is the caller's (with the call or in `timeoutMs`), else the operation's, else 30 s; it
 * counts from the beginning.
 */
export function envelope(services: Pick<PipelineServices, 'find'>): Middleware {
  const says = 'The call’s ids, mode and time limit have their form; its parameters are plain JSON of a bounded size.';
  return gate({ name: 'envelope', step: 'receive', says }, (flight) => {
    const { call, extras } = flight;
    if (!isId(call.requestId)) {
      return malformed('requestId', 'must be 1 to 128 of the characters A-Z a-z 0-9 _ . : ~ -');
    }
    if (!modes.includes(call.mode)) return malformed('mode', `must be one of ${modes.join(', ')}`);
    const { timeoutMs } = extras;
    if (timeoutMs !== undefined && !isTimeout(timeoutMs)) {
      return malformed('timeoutMs', `must be above 0 and at most ${longestTimeoutMs}`);
    }
    const problem = plainDataProblem(call.params);
    if (problem !== null) return invalidParams([problem]);
    const { params } = call;
    if (!isJsonObject(params)) return invalidParams([{ pointer: '', message: 'must be an object.' }]);
    const found = services.find(call.operation);
    flight.found = found;
    flight.params = params;
    const asked = found?.common.includes('timeoutMs') === true ? params['timeoutMs'] : undefined;
    const ownMs = found?.operation.timeoutMs ?? defaultTimeoutMs;
    flight.limit(isTimeout(asked) ? Math.min(asked, timeoutMs ?? asked) : (timeoutMs ?? ownMs));
    const onlyPlan = call.mode === 'run' && found?.common.includes('dryRun') === true && params['dryRun'] === true;
    if (onlyPlan) flight.mode = 'dry_run';
    return null;
  });
}

/** Whether it is a time limit; if not, the schema says what is wrong with it. */
function isTimeout(value: unknown): value is number {
  return typeof value === 'number' && value > 0 && value <= longestTimeoutMs;
}

function malformed(part: string, rule: string): Failure {
  return failure('validation', 'call.malformed', `The call's ${part} ${rule}.`, 'Correct the call.', {
    details: { part },
  });
}

/**
 * Who calls has been established by the surface (key, token, the editor's own user); here an unknown way in or role is denied rather
 * than given a default.
 */
export const knownCaller = gate(
  { name: 'caller', step: 'authenticate', says: 'It is known who calls, by which way in, and in which role.' },
  ({ extras }) => refusal(checkCaller(extras.caller)),
);

/** Whether it is known who calls. Error: `authentication` `caller.unknown`. */
export function checkCaller({ principal, role, via }: Caller): Result<null> {
  if (principal !== '' && roles.includes(role) && callerWays.includes(via)) return ok(null);
  return failure('authentication', 'caller.unknown', 'It is not known who calls.', 'Authenticate, then call again.');
}

/** The parameters against the schema, with defaults filled in and an alias's presets. */
export const parameters = gate(
  {
    name: 'parameters',
    step: 'validate',
    says: 'The parameters fit the schema, defaults filled in: every mistake at once, each with its JSON pointer.',
  },
  (flight) => {
    const { found, call, params } = flight;
    if (found === null) return operationNotFound(call.operation);
    const checked = found.params.check(found.preset === nothingPreset ? params : { ...found.preset, ...params });
    if (found.requires.length === 0 && 'value' in checked) {
      flight.params = withoutCommon(checked.value, found.common);
      return null;
    }
    const missing = found.requires.filter((name) => !Object.hasOwn(params, name));
    const problems = [
      ...missing.map((name) => ({ pointer: `/${name}`, message: 'is missing.' })),
      ...('problems' in checked ? checked.problems : []),
    ];
    if (problems.length > 0 || 'problems' in checked) return invalidParams(problems);
    flight.params = withoutCommon(checked.value, found.common);
    return null;
  },
);

/** The parameters that are the operation's. */
function withoutCommon(params: JsonObject, common: readonly CommonParam[]): JsonObject {
  if (!common.some((name) => Object.hasOwn(params, name))) return params;
  return Object.fromEntries(Object.entries(params).filter(([name]) => !common.some((known) => known === name)));
}

export const ownValidation = gate(
  {
    name: 'own_validation',
    step: 'validate',
    says: 'The operation itself accepts the parameters.',
    appliesTo: (operation) => operation.validate !== undefined,
  },
  (flight) => {
    const { operation, entry } = flight.operation;
    if (operation.validate === undefined) return null;
    try {
      const broken = operation.validate(flight.params);
      return broken.length > 0 ? invalidParams(broken) : null;
    } catch (thrown) {
      return threw(entry.name, 'none', thrown);
    }
  },
);

/** What is only to be validated, or only to be planned where it should be done, ends here. */
export const onlyValidated = gate(
  { name: 'only_validated', step: 'validate', says: 'A call that is only to be validated is answered.' },
  ({ mode, purpose, correlationId, operation }) => {
    if (purpose !== 'call' && mode !== 'run') return onlyPlanned(operation.entry.name);
    return mode === 'validate' ? ok({ mode, valid: true, correlationId }) : null;
  },
);

function onlyPlanned(operation: string): Failure {
  return failure(
    'validation',
    'call.only_planned',
    `${operation} is only to be planned here, and cannot be a part of something that is run.`,
    'Leave dryRun out, or dry-run the whole.',
    { pointer: '/dryRun' },
  );
}

export const sufficientRole = gate(
  { name: 'role', step: 'authorize', says: 'The caller has at least the operation’s role.' },
  ({ extras, operation }) => refusal(checkRole(extras.caller, operation.entry.name, operation.entry.role)),
);

/** An operation that needs nothing of a runtime may be called without a connection. */
export function knownConnection(services: Pick<PipelineServices, 'connection'>): Middleware {
  return gate(
    { name: 'connection', step: 'authorize', says: 'There is a connection of that name, with a system behind it now.' },
    (flight) => {
      const { entry } = flight.operation;
      const { connection } = flight.call;
      if (connection === null) return entry.needs.length === 0 ? null : withoutConnection(entry.name);
      const found = services.connection(connection);
      if (!found.ok) return found;
      flight.connection = found.value;
      return null;
    },
  );
}

function withoutConnection(operation: string): Failure {
  return failure(
    'validation',
    'connection.required',
    `${operation} needs a connection.`,
    'Connect to a system first, and name the connection.',
  );
}

/** A plan or a validation changes nothing, so that it asks for the role only. */
export const connectionAccess = gate(
  { name: 'access', step: 'authorize', says: 'The connection lets this caller do something of that severity.' },
  (flight) => (flight.mode === 'run' ? refusal(accessTo(flight, flight.operation.entry.severity)) : null),
);

/** Whether the connection lets the caller do something of that severity; without a connection nothing of a system is touched. */
export function accessTo({ connection, extras }: Flight, severity: Severity): Result<null> {
  if (connection === null) return ok(null);
  return checkAccess(connection.access(extras.caller.via), severity, connection.label);
}

export const ownCondition = gate(
  {
    name: 'own_condition',
    step: 'authorize',
    says: 'The operation’s own condition on its caller holds.',
    appliesTo: (operation) => operation.authorize !== undefined,
  },
  (flight) => refusal(ownConditionOn(flight, flight.extras.caller)),
);

/** What the operation itself says of a caller of this call. */
export function ownConditionOn({ operation: { operation }, params, connection }: Flight, caller: Caller): Result<null> {
  if (operation.authorize === undefined) return ok(null);
  try {
    return operation.authorize(params, { caller, connection: connection?.facts ?? null });
  } catch (thrown) {
    return threw(operation.name, 'none', thrown);
  }
}

/** The failure, or null for what may go on. */
export function refusal(result: Result<null>): Failure | null {
  return result.ok ? null : result;
}
