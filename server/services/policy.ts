/**
 * What the owner of a home has laid down for everybody who works with it: `policy.json` in the home, read when a backend starts. A file
 * that is wrong is refused, not passed over: what it was to forbid would be allowed.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Static } from 'typebox';
import { Type } from 'typebox';
import { failure } from '../../runtime/errors.ts';
import type { Failure, Json, Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import { isJson } from '../core/plainData.ts';
import { plainSchema } from '../core/schemaRules.ts';
import { compileWhenUsed } from '../core/validate.ts';
import { roles } from '../protocol/operation.ts';

export const policyFile = 'policy.json';

const operationName = '^[a-z][a-z0-9_]{0,63}$';
const closed = { additionalProperties: false };
const limit = {
  burst: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
  perSecond: Type.Number({ exclusiveMinimum: 0, maximum: 1_000_000 }),
};
const policySchema = Type.Object(
  {
    /** The least role by operation, instead of the one its severity asks for. */
    roles: Type.Optional(Type.Record(Type.String({ pattern: operationName }), Type.Enum([...roles]), closed)),
    /** Of every caller and operation; and of single operations. */
    rateLimits: Type.Optional(
      Type.Object(
        {
          ...limit,
          operations: Type.Optional(
            Type.Record(Type.String({ pattern: operationName }), Type.Object(limit, closed), closed),
          ),
        },
        closed,
      ),
    ),
    /** Where the spans of all calls are written, as OTLP in JSON lines; one file for each process that writes. */
    spansFile: Type.Optional(Type.String({ minLength: 1, maxLength: 4_096 })),
  },
  closed,
);
export type Policy = Static<typeof policySchema>;

const checker = compileWhenUsed(plainSchema(policySchema));

/** The policy of a home; nothing is laid down where there is no file. Error: `validation` `policy.invalid`. */
export async function readPolicy(home: string): Promise<Result<Policy>> {
  const file = path.join(home, policyFile);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (thrown) {
    const isMissing =
      thrown instanceof Error && 'code' in thrown && (thrown.code === 'ENOENT' || thrown.code === 'ENOTDIR');
    return isMissing ? ok({}) : invalid(file, 'cannot be read');
  }
  const value = parsed(text);
  if (value === null) return invalid(file, 'is no JSON');
  const checked = checker.check(value);
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
