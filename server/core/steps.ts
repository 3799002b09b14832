/** The first four steps of a call: nothing has been asked of the target yet, and each may refuse. */
import { setMaxListeners } from 'node:events';
import { callOptions } from '../../runtime/callOptions.ts';
import { failure } from '../../runtime/errors.ts';
import type { Failure, Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { Severity } from '../../runtime/port.ts';
import type { OperationCall } from '../protocol/operation.ts';
import { roles } from '../protocol/operation.ts';
import { checkAccess, checkRole } from './authorization.ts';
import { threw } from './budget.ts';
import type { Authorized, CallConnection, CallExtras, PipelineServices, Received, Validated } from './calls.ts';
import type { Caller } from './context.ts';
import { callerWays } from './context.ts';
import { operationNotFound } from './errors.ts';
import { defaultTimeoutMs, longestTimeoutMs } from './limits.ts';
import type { Problem } from './operation.ts';
import { isJsonObject, plainDataProblem } from './plainData.ts';
import { invalidParams } from './validate.ts';

const idPattern = /^[\w.:~-]{1,128}$/;
const modes = ['run', 'dry_run', 'validate'];

/** A correlation id that is safe to log and to send back, made here when the caller gave none that is. */
export function correlationIdOf(given: string | undefined): string {
  return given !== undefined && idPattern.test(given) ? given : crypto.randomUUID();
}

/**
 * Step 1. Takes the call as untrusted data: ids, mode and time limit in their form, parameters plain JSON of a bounded size. The time
 * limit is the caller's (with the call or in `timeoutMs`), else the operation's, else 30 s; it begins now.
 */
export function receive(
  call: OperationCall,
  extras: CallExtras,
  correlationId: string,
  services: Pick<PipelineServices, 'find'>,
): Result<Received> {
  if (!idPattern.test(call.requestId)) {
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
  const asked = found?.common.includes('timeoutMs') === true ? params['timeoutMs'] : undefined;
  const limitMs = Math.min(
    isTimeout(asked) ? asked : longestTimeoutMs,
    timeoutMs ?? (isTimeout(asked) ? asked : (found?.operation.timeoutMs ?? defaultTimeoutMs)),
  );
  const onlyPlan = call.mode === 'run' && found?.common.includes('dryRun') === true && params['dryRun'] === true;
  return ok({
    call: onlyPlan ? { ...call, mode: 'dry_run' } : call,
    params,
    found,
    extras,
    budget: callOptions(limitMs, ownSignal(extras.signal), correlationId),
  });
}

/** A signal of the call's own: everything it does at once listens to it, and the caller's may be shared by many calls. */
function ownSignal(signal: AbortSignal): AbortSignal {
  const own = AbortSignal.any([signal]);
  setMaxListeners(0, own);
  return own;
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
 * Step 2. Who calls has been established by the surface (key, token, the editor's own user); here an unknown way in or role is denied
 * rather than given a default.
 */
export function authenticate(received: Received): Result<Received> {
  const known = checkCaller(received.extras.caller);
  return known.ok ? ok(received) : known;
}

/** Whether it is known who calls. Error: `authentication` `caller.unknown`. */
export function checkCaller({ principal, role, via }: Caller): Result<null> {
  if (principal !== '' && roles.includes(role) && callerWays.includes(via)) return ok(null);
  return failure('authentication', 'caller.unknown', 'It is not known who calls.', 'Authenticate, then call again.');
}

/** Step 3. The parameters against the schema, with defaults filled in and an alias's presets, then the operation's own validation. */
export function validate(received: Received): Result<Validated> {
  const { found, call, params } = received;
  if (found === null) return operationNotFound(call.operation);
  const checked = found.params.check({ ...found.preset, ...params });
  const missing = found.requires.filter((name) => !Object.hasOwn(params, name));
  const problems: readonly Problem[] = [
    ...missing.map((name) => ({ pointer: `/${name}`, message: 'is missing.' })),
    ...('problems' in checked ? checked.problems : []),
  ];
  if (problems.length > 0 || 'problems' in checked) return invalidParams(problems);
  const left = Object.entries(checked.value).filter(([name]) => !found.common.some((common) => common === name));
  const own = Object.fromEntries(left);
  try {
    const broken = found.operation.validate?.(own) ?? [];
    return broken.length > 0 ? invalidParams(broken) : ok({ ...received, found, params: own });
  } catch (thrown) {
    return threw(found.entry.name, 'none', thrown);
  }
}

/**
 * Step 4. The connection is there, the role suffices, the connection lets this caller do it (a plan or a validation changes nothing,
 * so that asks for the role only), and the operation's own condition holds.
 */
export function authorize(validated: Validated, services: Pick<PipelineServices, 'connection'>): Result<Authorized> {
  const { call, found, extras, params } = validated;
  const { entry, operation } = found;
  const role = checkRole(extras.caller, entry.name, entry.role);
  if (!role.ok) return role;
  const connection = connectionOf(validated, services);
  if (!connection.ok) return connection;
  const access = call.mode === 'run' ? accessTo(connection.value, validated, entry.severity) : ok(null);
  if (!access.ok) return access;
  try {
    const who = { caller: extras.caller, connection: connection.value?.facts ?? null };
    const own = operation.authorize?.(params, who) ?? ok(null);
    return own.ok ? ok({ ...validated, connection: connection.value }) : own;
  } catch (thrown) {
    return threw(entry.name, 'none', thrown);
  }
}

function connectionOf(
  { call, found }: Validated,
  services: Pick<PipelineServices, 'connection'>,
): Result<CallConnection | null> {
  if (call.connection === null) {
    if (found.entry.needs.length === 0) return ok(null);
    return failure(
      'validation',
      'connection.required',
      `${found.entry.name} needs a connection.`,
      'Connect to a system first, and name the connection.',
    );
  }
  return services.connection(call.connection);
}

/** Whether the connection lets this caller do something of that severity; without a connection nothing of a system is touched. */
export function accessTo(connection: CallConnection | null, call: Received, severity: Severity): Result<null> {
  if (connection === null) return ok(null);
  return checkAccess(connection.access(call.extras.caller.via), severity, connection.label);
}
