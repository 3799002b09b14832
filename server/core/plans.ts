/** Plans: what they say to people, and whether they are well formed. */
import type { Json, Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { Severity } from '../../runtime/port.ts';
import { severities } from '../../runtime/port.ts';
import type { PlanSummary } from '../protocol/operation.ts';
import { bug } from './errors.ts';
import type { AnyOperation, Plan } from './operation.ts';
import { isJson, isJsonObject } from './plainData.ts';

/** The part of a plan that people see. */
export function summaryOf({ summary, touches, severity, undo }: Plan<Json>): PlanSummary {
  return { summary, touches, severity, undo };
}

/** The plan of an operation that only looks. */
export function planOfLooking({ title, severity }: AnyOperation): PlanSummary {
  return { summary: `${title}: only looks, changes nothing`, touches: [], severity, undo: 'yes' };
}

/** The graver of the two. */
export function graver(a: Severity, b: Severity): Severity {
  return severities.indexOf(a) >= severities.indexOf(b) ? a : b;
}

/**
 * The plan an operation answered, if it is one: operations of the user's own are not bound by types. Its severity is at least the
 * operation's. Error: `system` `operation.bad_plan`, effect none.
 */
export function checkedPlan(operation: AnyOperation, answered: unknown): Result<Plan<Json>> {
  const plan = readPlan(answered);
  if (plan === null) return bug('operation.bad_plan', `${operation.name} made no proper plan.`, 'none', operation.name);
  return ok({ ...plan, severity: graver(plan.severity, operation.severity) });
}

/** A plan from code without types, or from a log; null when it is none. */
export function readPlan(value: unknown): Plan<Json> | null {
  if (!isJson(value) || !isJsonObject(value)) return null;
  const { summary, touches, steps } = value;
  const severity = severities.find((known) => known === value['severity']);
  const undo = undos.find((known) => known === value['undo']);
  if (typeof summary !== 'string' || !Array.isArray(touches) || severity === undefined || undo === undefined)
    return null;
  const read = touches.map(readTouch);
  return read.every((touch) => touch !== null) && steps !== undefined
    ? { summary, touches: read, severity, undo, steps }
    : null;
}

const undos = ['yes', 'partly', 'no'] as const;

function readTouch(value: Json): PlanSummary['touches'][number] | null {
  if (!isJsonObject(value)) return null;
  const { node, pid, what } = value;
  if (typeof node !== 'string' || typeof what !== 'string') return null;
  return typeof pid === 'string' ? { node, pid, what } : { node, what };
}
