/**
 * An operation of a node's as the registry holds it. What it does is not known, so it counts as a change at least, and a read-only
 * connection refuses it; unless the user has said that it only looks.
 */
import { Type } from 'typebox';
import type { TObject } from 'typebox';
import { remainingNow } from '../../../runtime/callOptions.ts';
import { failure } from '../../../runtime/errors.ts';
import type { Json, NodeName, NodeOperation, NodeOperationRun, Result } from '../../../runtime/model.ts';
import { fail, ok } from '../../../runtime/model.ts';
import type { MethodName, Severity } from '../../../runtime/port.ts';
import { severities } from '../../../runtime/port.ts';
import type { Context } from '../../core/context.ts';
import type { AnyOperation, AnyReadOperation, AnyWriteOperation, Plan } from '../../core/operation.ts';
import { isJsonObject } from '../../core/plainData.ts';
import { graver } from '../../core/plans.ts';
import { connectedNode } from '../../operations/resolve.ts';
import type { JsonSchema } from '../../protocol/operation.ts';
import { describedOperation } from './described.ts';
import type { DescribedOperation } from './described.ts';

const maxHeapBytes = 256_000_000;
const maxBytes = 2_000_000;
const maxOutputChars = 20_000;

/** What finding its module takes of the port. */
const placeNeeds = ['cluster.nodes', 'operations.find'] as const;

const result = Type.Object({
  node: Type.String(),
  module: Type.String(),
  version: Type.String({ description: 'MD5 of the code that ran.' }),
  value: Type.Unsafe<Json>({ description: 'What it answered, as JSON.' }),
  output: Type.String({ description: 'What it printed.' }),
  tookUs: Type.Number({ description: 'Of its own code, on the node.' }),
});

/** Which module is run where; all of it has been found by the plan. */
type Steps = {
  readonly severity: Severity;
  readonly node: NodeName;
  readonly module: string;
  readonly version: string;
  readonly params: { readonly [name: string]: Json };
};

const errors = [
  { code: 'operation.not_here', remedy: 'Load its module on a node of this connection.' },
  { code: 'operation.changed', remedy: 'It was loaded anew meanwhile: run it again.' },
  { code: 'operation.failed', remedy: 'The operation itself said no: see the reason.' },
  { code: 'operation.threw', remedy: 'See what it raised, and where.' },
  { code: 'operation.worker_ended', remedy: 'It was ended, most likely for the memory it took.' },
];

/**
 * The operation that `described` describes. `isTrusted`: the user has said that it does no more than it says; then one that says it looks
 * may be run where nothing may be changed.
 */
export function nodeOperation(described: DescribedOperation, about: string, isTrusted: boolean): AnyOperation {
  const { name, title, category, idempotent, timeoutMs, route, cache, retry } = described;
  const nodeKey = nodeParamOf(described.params);
  const common = {
    name,
    title,
    description: `${described.description}${about}`,
    category,
    idempotent,
    params: withNode(described.params, nodeKey),
    result,
    examples: [],
    errors,
    ...(timeoutMs !== null && { timeoutMs }),
    ...(route !== null && { route }),
    ...(retry !== null && { retry }),
  };
  const { severity } = described;
  if (isTrusted && (severity === 'read' || severity === 'diagnose')) {
    const looking: AnyReadOperation = {
      ...common,
      ...(cache !== null && { cache }),
      needs: [...placeNeeds, 'operations.query'],
      severity: 'diagnose',
      execute: async (context, params) => {
        const steps = await placed(context, name, nodeKey, params);
        if (!steps.ok) return steps;
        if (severities.indexOf(steps.value.severity) > severities.indexOf('diagnose')) return noLonger(name);
        return shaped(
          steps.value,
          await context.port.operations.query(called(context, steps.value), context.options()),
        );
      },
    };
    return looking;
  }
  const changing: AnyWriteOperation = {
    ...common,
    needs: [...placeNeeds, 'operations.execute'],
    severity: graver(severity, 'change'),
    plan: async (context, params) => {
      const steps = await placed(context, name, nodeKey, params);
      return steps.ok ? ok(planOf(described, steps.value)) : steps;
    },
    apply: async (context, plan) => {
      const steps = readSteps(plan.steps);
      if (steps === null) return badPlan();
      return shaped(steps, await context.port.operations.execute(called(context, steps), context.options()));
    },
  };
  return changing;
}

/** Our parameter that says where, by a name that the operation's own parameters leave free. */
function nodeParamOf(params: JsonSchema): string {
  const own = propertiesOf(params);
  return ['node', 'onNode', 'arsenalNode'].find((key) => !Object.hasOwn(own, key)) ?? 'arsenalNode';
}

function propertiesOf(schema: JsonSchema): { readonly [name: string]: Json } {
  const { properties } = schema;
  return properties !== undefined && isJsonObject(properties) ? properties : {};
}

function withNode(params: JsonSchema, key: string): TObject {
  const required: readonly Json[] = Array.isArray(params['required']) ? params['required'] : [];
  const own = Object.entries(propertiesOf(params)).map(([name, schema]) => {
    const property = Type.Unsafe<Json>(isJsonObject(schema) ? schema : {});
    return [name, required.includes(name) ? property : Type.Optional(property)] as const;
  });
  const node = Type.String({
    maxLength: 255,
    description: 'Where it runs; otherwise on the connected node, or on the first other one that has it.',
    'x-arsenal': { pick: 'node' },
  });
  return Type.Object({ ...Object.fromEntries(own), [key]: Type.Optional(node) });
}

type Finding = Context<(typeof placeNeeds)[number]>;
type Here = NodeOperation & { readonly severity: Severity };

/**
 * Which module on which node it is, as they are now: on the node that is named; else on the one we are connected to, and only if that has
 * it not, on another. Errors: `operation.not_here`, and those of asking the nodes.
 */
async function placed(
  context: Finding,
  name: string,
  nodeKey: string,
  params: { readonly [name: string]: unknown },
): Promise<Result<Steps>> {
  const { [nodeKey]: wanted, ...own } = params;
  const here = typeof wanted === 'string' ? await hereOn(context, name, wanted) : await anywhere(context, name);
  if (!here.ok) return here;
  if (here.value === null) return notHere(name, wanted);
  const { node, module, version, severity } = here.value;
  return ok({ node, module, version, severity, params: plainParams(own) });
}

async function hereOn(context: Finding, name: string, node: NodeName): Promise<Result<Here | null>> {
  const found = await context.port.operations.find({ nodes: [node], onDisk: false }, context.options());
  if (!found.ok) return found;
  const [silent] = found.value.nodes.flatMap((one) => (one.status === 'ok' ? [] : [one.error]));
  const here = named(name, found.value.operations);
  return here === null && silent !== undefined ? fail(silent) : ok(here);
}

/** The other nodes have a third of the time that is left between them: one that is silent must not take that of the operation itself. */
async function anywhere(context: Finding, name: string): Promise<Result<Here | null>> {
  const connected = await connectedNode(context);
  const here = connected.ok ? await hereOn(context, name, connected.value) : connected;
  if (here.ok && here.value !== null) return here;
  const share = context.options(remainingNow(context.options()) / 3);
  const found = await context.port.operations.find({ nodes: 'all', onDisk: false }, share);
  return found.ok ? ok(named(name, found.value.operations)) : found;
}

function named(name: string, operations: readonly NodeOperation[]): Here | null {
  for (const one of operations) {
    const described = describedOperation(one);
    if (!('problem' in described) && described.name === name) return { ...one, severity: described.severity };
  }
  return null;
}

/** The pipeline has checked that they are plain JSON. */
function plainParams(params: { readonly [name: string]: unknown }): Steps['params'] {
  const copy: unknown = JSON.parse(JSON.stringify(params));
  return isParams(copy) ? copy : {};
}

function isParams(value: unknown): value is Steps['params'] {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A node may run another version than the one that was described first, and that may be graver. */
function planOf({ name, severity }: DescribedOperation, steps: Steps): Plan<Json> {
  const { node, module } = steps;
  return {
    summary: `Run ${name} (${module}) on ${node}`,
    touches: [{ node, what: module }],
    severity: graver(graver(severity, steps.severity), 'change'),
    undo: 'no',
    steps,
  };
}

/** What the plan said, after it came through the audit log or another process. */
function readSteps(steps: Json): Steps | null {
  if (!isJsonObject(steps)) return null;
  const { node, module, version, params } = steps;
  if (typeof node !== 'string' || typeof module !== 'string' || typeof version !== 'string') return null;
  const severity = severities.find((known) => known === steps['severity']);
  if (severity === undefined || params === undefined || !isJsonObject(params)) return null;
  return { node, module, version, severity, params };
}

function called({ caller }: Pick<Context<MethodName>, 'caller'>, { severity: _severity, ...steps }: Steps) {
  const { principal, role } = caller;
  return { ...steps, caller: { principal, role }, maxHeapBytes, maxBytes, maxOutputChars };
}

function shaped({ node, module }: Steps, ran: Result<NodeOperationRun>): Result<Json> {
  return ran.ok ? ok({ node, module, ...ran.value }) : ran;
}

function notHere(name: string, node: unknown): Result<never> {
  const where = typeof node === 'string' ? node : 'this connection';
  return failure(
    'not_found',
    'operation.not_here',
    `No module that is loaded on ${where} is the operation ${name}.`,
    'Load its module there; discover_operations shows which nodes have it.',
  );
}

function noLonger(name: string): Result<never> {
  return failure(
    'conflict',
    'operation.changed',
    `${name} says there that it changes something, and is trusted to look only.`,
    'Take it from the operations that are trusted, and run it as one that changes something.',
  );
}

function badPlan(): Result<never> {
  return failure('system', 'operation.bad_plan', 'The plan names no module.', 'Plan it again.');
}
