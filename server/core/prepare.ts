/** The middlewares of the fifth step: the call is allowed; may it be done now, and what exactly would be done? */
import { unsupported } from '../../runtime/errors.ts';
import type { Json, Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { CallOptions, MethodName, Port } from '../../runtime/port.ts';
import { buildPort, restrictPort, safeNeeds } from '../../runtime/portFacade.ts';
import { checkRole, defaultRole, graverRole } from './authorization.ts';
import { withinBudget } from './budget.ts';
import type { PipelineServices } from './calls.ts';
import type { Context } from './context.ts';
import { makeContext } from './context.ts';
import { withoutConnection } from './errors.ts';
import type { Flight } from './flight.ts';
import type { Answer, Middleware } from './middleware.ts';
import { gate } from './middleware.ts';
import type { AnyOperation, AnyWriteOperation, Plan } from './operation.ts';
import { isWrite, methodsOf, undoMethodsOf } from './operation.ts';
import { checkedPlan, planOfLooking, summaryOf } from './plans.ts';
import { inSpan } from './spans.ts';
import { accessTo, refusal } from './steps.ts';

/** An item of a batch was counted with its batch. */
export function rateLimit(services: Pick<PipelineServices, 'admit'>): Middleware {
  return gate(
    { name: 'rate_limit', step: 'prepare', says: 'The caller does not call this operation too often.' },
    ({ extras, purpose, operation }) =>
      extras.parent !== undefined || purpose === 'planned'
        ? null
        : refusal(services.admit(extras.caller, operation.entry)),
  );
}

/** The menu knew already, but capabilities change. */
export const capabilities = gate(
  {
    name: 'capabilities',
    step: 'prepare',
    says: 'The runtime has every method of the port the operation needs.',
    appliesTo: ({ needs }) => needs.length > 0,
  },
  ({ connection, operation: { entry } }) => {
    if (connection === null) return null;
    const can = connection.runtime.capabilities.runtime;
    for (const need of entry.needs) {
      const capability = can[need];
      if (!capability.can) return unsupported(entry.title, capability.why, capability.remedy);
    }
    return null;
  },
);

export const beforeHook = gate(
  {
    name: 'before',
    step: 'prepare',
    says: 'The operation’s hook, before it is run.',
    appliesTo: (operation) => operation.before !== undefined,
  },
  (flight) => {
    const { operation } = flight.operation;
    const isRun = flight.mode === 'run' && flight.purpose !== 'prepare';
    return operation.before !== undefined && isRun ? runBefore(flight, operation.before.bind(operation)) : null;
  },
);

async function runBefore(flight: Flight, before: NonNullable<AnyOperation['before']>): Promise<Answer | null> {
  const { name } = flight.operation.operation;
  const who = { caller: flight.extras.caller, connection: flight.connection?.facts ?? null };
  const { answer } = await withinBudget(name, 'none', flight.budget, async () =>
    before(flight.params, who, flight.budget),
  );
  return refusal(answer);
}

/**
 * Of what was prepared as a part of a whole, the plan is there already. A plan graver than its operation asks for the role and the
 * access of its own severity.
 */
export const planned = gate(
  {
    name: 'plan',
    step: 'prepare',
    says: 'What would be done, to whom, exactly; the role and the access that its severity asks for.',
    appliesTo: isWrite,
  },
  (flight) => {
    const { operation } = flight.operation;
    return isWrite(operation) ? makePlan(flight, operation) : null;
  },
);

async function makePlan(flight: Flight, operation: AnyWriteOperation): Promise<Answer | null> {
  const plan = flight.purpose === 'planned' ? checkedPlan(operation, flight.plan) : await freshPlan(flight, operation);
  if (!plan.ok) return plan;
  flight.plan = plan.value;
  // What acts by other calls leaves it to them what is allowed.
  if (operation.delegates === true) return null;
  const { severity } = plan.value;
  const { caller } = flight.extras;
  const role = checkRole(caller, operation.name, graverRole(flight.operation.entry.role, defaultRole(severity)));
  if (!role.ok) return role;
  return flight.mode === 'run' ? refusal(accessTo(flight, severity)) : null;
}

async function freshPlan(flight: Flight, operation: AnyWriteOperation): Promise<Result<Plan<Json>>> {
  const context = contextOf(flight, 'safe');
  const { answer } = await withinBudget(operation.name, 'none', flight.budget, () =>
    operation.plan(context, flight.params),
  );
  return answer.ok ? checkedPlan(operation, answer.value) : answer;
}

/** A dry run ends here, and so does what is prepared as a part of a whole. */
export const onlyPlanned = gate(
  { name: 'only_planned', step: 'prepare', says: 'A dry run is answered with the plan.' },
  ({ mode, purpose, operation: { operation }, plan, correlationId }) => {
    if (mode === 'run' && purpose !== 'prepare') return null;
    const summary = plan === null ? planOfLooking(operation) : summaryOf(plan);
    return ok({ mode: 'dry_run', plan: summary, correlationId });
  },
);

/** The port of a call without a connection: only an operation that needs nothing of a runtime comes that far. */
export const portOfNothing: Port = buildPort({}, withoutConnection);

/** What an operation gets of the port: all it may use, the part of it that cannot change anything, or what undoing takes. */
type Part = 'all' | 'safe' | 'undo';
type Facades = WeakMap<AnyOperation, Port>;

/** The parts of ports that operations have got: nothing of a call is in them, and making one costs more than all the rest of a call. */
const facades: { readonly [P in Part]: WeakMap<Port, Facades> } = {
  all: new WeakMap(),
  safe: new WeakMap(),
  undo: new WeakMap(),
};

function facadeOf(port: Port, operation: AnyOperation, part: Part): Port {
  const held = facades[part].get(port) ?? new WeakMap<AnyOperation, Port>();
  const known = held.get(operation);
  if (known !== undefined) return known;
  const facade = restrictPort(port, methodsIn(operation, part));
  held.set(operation, facade);
  facades[part].set(port, held);
  return facade;
}

function methodsIn(operation: AnyOperation, part: Part): readonly MethodName[] {
  if (part === 'undo' && isWrite(operation)) return undoMethodsOf(operation);
  return part === 'safe' ? safeNeeds(methodsOf(operation)) : methodsOf(operation);
}

/** What the operation is given, with that part of the port. */
export function contextOf(flight: Flight, part: Part, budget: CallOptions = flight.budget): Context<MethodName> {
  const { connection, extras, operation } = flight;
  const { caller } = extras;
  const { requestId } = flight.call;
  const context = makeContext({
    connection: connection?.facts ?? null,
    port: facadeOf(connection?.runtime.port ?? portOfNothing, operation.operation, part),
    caller,
    owner: { principal: caller.principal, client: caller.via, operation: operation.entry.name, requestId },
    requestId,
    mode: flight.mode === 'dry_run' ? 'dry_run' : 'run',
    budget,
    onProgress: extras.onProgress,
  });
  return inSpan(context, flight.span);
}
