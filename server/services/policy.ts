/**
 * What is laid down for everybody who works with a home: least roles, rates, trust. It is said in up to three places, all in one form,
 * read and checked here: `policy.json` in the home, a file named on the command line, the user's settings in the editor. Where more than
 * one of them speaks, the narrower holds, so that none can give what another has taken.
 *
 * A file that is wrong is refused, not passed over: what it was to forbid would be allowed. A setting that is wrong stops nobody's
 * editor; it is told, and read as the narrowest it can have meant, or, where it means nothing, as it was before.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Static } from 'typebox';
import { Type } from 'typebox';
import { failure } from '../../runtime/errors.ts';
import type { Failure, Json, Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { RoleTable } from '../core/authorization.ts';
import { graverRole } from '../core/authorization.ts';
import type { Problem } from '../core/operation.ts';
import { isJson, isJsonObject } from '../core/plainData.ts';
import { plainSchema } from '../core/schemaRules.ts';
import { compileWhenUsed } from '../core/validate.ts';
import type { JsonSchema, PolicySettings, Role } from '../protocol/operation.ts';
import { roles } from '../protocol/operation.ts';
import type { RateLimit, RateLimits } from './rateLimit.ts';
import { limitOf } from './rateLimit.ts';

export const policyFile = 'policy.json';

const operationName = '^[a-z][a-z0-9_]{0,63}$';
const closed = { additionalProperties: false };
const limit = {
  burst: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
  perSecond: Type.Number({ exclusiveMinimum: 0, maximum: 1_000_000 }),
};
const byOperation = Type.String({ pattern: operationName });
const parts = {
  /** The least role by operation, instead of the one its severity asks for. */
  roles: Type.Optional(Type.Record(byOperation, Type.Enum([...roles]), closed)),
  /** Of every caller and operation; and of single operations. */
  rateLimits: Type.Optional(
    Type.Object(
      { ...limit, operations: Type.Optional(Type.Record(byOperation, Type.Object(limit, closed), closed)) },
      closed,
    ),
  ),
  /** Operations of the nodes' own that do no more than they say. */
  trustedOperations: Type.Optional(Type.Array(byOperation, { maxItems: 1_000, uniqueItems: true })),
};
const policySchema = Type.Object(
  {
    ...parts,
    /** Where the spans of all calls are written, as OTLP in JSON lines; one file for each process that writes. */
    spansFile: Type.Optional(Type.String({ minLength: 1, maxLength: 4_096 })),
  },
  closed,
);
const settingsSchema = Type.Object(parts, closed);
export type Policy = Static<typeof policySchema>;

/** The JSON Schema of each part, as the settings of the editor have it. */
export const policyPartSchemas: { readonly [K in keyof PolicySettings]-?: JsonSchema } = {
  roles: plainSchema(parts.roles),
  rateLimits: plainSchema(parts.rateLimits),
  trustedOperations: plainSchema(parts.trustedOperations),
};

const fileChecker = compileWhenUsed(plainSchema(policySchema));
const settingsChecker = compileWhenUsed(plainSchema(settingsSchema));
const limitChecker = compileWhenUsed(plainSchema(Type.Object(limit, closed)));

/** The policy of a home; nothing is laid down where there is no file. Error: `validation` `policy.invalid`. */
export async function readPolicy(home: string): Promise<Result<Policy>> {
  const file = path.join(home, policyFile);
  const text = await textOf(file);
  return text === 'missing' ? ok({}) : policyOf(file, text);
}

/** The policy of a file that somebody named: it has to be there. Error: `validation` `policy.invalid`. */
export async function readPolicyFile(file: string): Promise<Result<Policy>> {
  const text = await textOf(file);
  return text === 'missing' ? invalid(file, 'is not there') : policyOf(file, text);
}

async function textOf(file: string): Promise<{ readonly text: string } | 'missing' | 'unreadable'> {
  try {
    return { text: await readFile(file, 'utf8') };
  } catch (thrown) {
    const isMissing =
      thrown instanceof Error && 'code' in thrown && (thrown.code === 'ENOENT' || thrown.code === 'ENOTDIR');
    return isMissing ? 'missing' : 'unreadable';
  }
}

function policyOf(file: string, read: { readonly text: string } | 'unreadable'): Result<Policy> {
  if (read === 'unreadable') return invalid(file, 'cannot be read');
  const value = parsed(read.text);
  if (value === null) return invalid(file, 'is no JSON');
  const checked = fileChecker.check(value);
  if (!('problems' in checked) && isPolicy(checked.value)) return ok(checked.value);
  const problems = 'problems' in checked ? checked.problems : [];
  return invalid(file, problems.map(({ pointer, message }) => `${pointer} ${message}`).join('; '));
}

/** What the schema has accepted. */
function isPolicy(value: Json): value is Policy & Json {
  return typeof value === 'object' && value !== null;
}

function parsed(text: string): Json {
  try {
    const value: unknown = JSON.parse(text);
    return isJson(value) ? value : null;
  } catch {
    return null;
  }
}

function invalid(file: string, what: string): Failure {
  return failure(
    'validation',
    'policy.invalid',
    `${file} is not obeyed, so nothing is started: ${what}`,
    'Correct the file, or take it away.',
  );
}

/** What may be called where a limit is said that is none: seldom. */
const narrowestLimit: RateLimit = { burst: 1, perSecond: 1 };

/**
 * Settings as a policy, and every mistake in them with its JSON pointer (`/roles/kill_process`). What is wrong widens nothing: a role
 * that is none is read as admin, a limit that is none as one call a second, and a name that is none is not trusted. Of roles and limits that
 * say nothing that could be obeyed, what the settings said `before` holds on.
 */
export function policyOfSettings(
  settings: Json,
  before: Policy = {},
): { readonly policy: Policy; readonly problems: readonly Problem[] } {
  const checked = settingsChecker.check(settings);
  if (!('problems' in checked) && isPolicy(checked.value)) return { policy: checked.value, problems: [] };
  const problems = 'problems' in checked ? checked.problems : [];
  const said = isJsonObject(settings) ? settings : {};
  const held = isJsonObject(settings) ? said : { roles: null, rateLimits: null };
  const { roles: table = null, rateLimits = null, trustedOperations = null } = said;
  const roleTable = isJsonObject(table) ? rolesRead(table) : Object.hasOwn(held, 'roles') ? before.roles : undefined;
  const limits = limitsRead(rateLimits) ?? (Object.hasOwn(held, 'rateLimits') ? before.rateLimits : undefined);
  return {
    policy: {
      ...(roleTable !== undefined && { roles: roleTable }),
      ...(limits !== undefined && { rateLimits: limits }),
      ...(Array.isArray(trustedOperations) && {
        trustedOperations: trustedOperations.filter((name: Json) => typeof name === 'string'),
      }),
    },
    problems,
  };
}

function rolesRead(table: { readonly [name: string]: Json }): { [name: string]: Role } {
  return Object.fromEntries(
    Object.entries(table).map(([name, said]) => [name, roles.find((role) => role === said) ?? 'admin']),
  );
}

/** Null: nothing that could be obeyed is said. */
function limitsRead(said: Json): NonNullable<Policy['rateLimits']> | null {
  if (!isJsonObject(said)) return null;
  const { burst = null, perSecond = null, operations = null } = said;
  const all = limitRead({ burst, perSecond });
  if (!isJsonObject(operations)) return all;
  const named = Object.entries(operations).map(([name, each]): [string, RateLimit] => [
    name,
    limitRead(each) ?? narrowestLimit,
  ]);
  // Without one for all, those for single operations would stand for nothing.
  return { ...(all ?? narrowestLimit), operations: Object.fromEntries(named) };
}

function limitRead(said: Json): RateLimit | null {
  const checked = limitChecker.check(said);
  if ('problems' in checked || !isJsonObject(checked.value)) return null;
  const { burst, perSecond } = checked.value;
  return typeof burst === 'number' && typeof perSecond === 'number' ? { burst, perSecond } : null;
}

/** What holds when all of these are obeyed: of each thing the narrowest that is said; `spansFile` as the first says that has one. */
export function narrowest(policies: readonly Policy[]): Policy {
  const tables = policies.map((each) => each.roles).filter((table) => table !== undefined);
  const limits = policies.map((each) => each.rateLimits).filter((each) => each !== undefined);
  const trusted = policies.map((each) => each.trustedOperations).filter((each) => each !== undefined);
  const [first, ...others] = trusted;
  const spansFile = policies.find((each) => each.spansFile !== undefined)?.spansFile;
  return {
    ...(tables.length > 0 && { roles: gravest(tables) }),
    ...(limits.length > 0 && { rateLimits: lowest(limits) }),
    ...(first !== undefined && {
      trustedOperations: first.filter((name) => others.every((names) => names.includes(name))),
    }),
    ...(spansFile !== undefined && { spansFile }),
  };
}

function gravest(tables: readonly RoleTable[]): { [name: string]: Role } {
  const held = new Map<string, Role>();
  for (const [name, role] of tables.flatMap((table) => Object.entries(table))) {
    const before = held.get(name);
    held.set(name, before === undefined ? role : graverRole(before, role));
  }
  return Object.fromEntries(held);
}

function lowest(limits: readonly RateLimits[]): NonNullable<Policy['rateLimits']> {
  const least = (each: readonly RateLimit[]): RateLimit => ({
    burst: Math.min(...each.map(({ burst }) => burst)),
    perSecond: Math.min(...each.map(({ perSecond }) => perSecond)),
  });
  const names = new Set(limits.flatMap(({ operations = {} }) => Object.keys(operations)));
  if (names.size === 0) return least(limits);
  const operations = [...names].map((name): [string, RateLimit] => [
    name,
    least(limits.map((each) => limitOf(each, name))),
  ]);
  return { ...least(limits), operations: Object.fromEntries(operations) };
}
