/** Checks values against JSON Schema (draft 2020-12): every error at once, each with its JSON pointer. */
import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { failure } from '../../runtime/errors.ts';
import type { Failure, Json, Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { JsonSchema } from '../protocol/operation.ts';
import { wordsOf } from './errors.ts';
import type { Problem } from './operation.ts';
import { isJsonObject, pointerStep } from './plainData.ts';
import { maxBytesKeyword } from './schemaRules.ts';
import { erlangFormats } from './types.ts';

/** Where a value comes from: in a query string or on a command line everything is text, and is read as the schema says. */
export type ValueSource = 'json' | 'text';

export type CompiledSchema = {
  readonly schema: JsonSchema;
  /** The value with defaults filled in (in a copy: what was given is never changed), or what is wrong with it. */
  check<T extends Json>(
    value: T,
    source?: ValueSource,
  ): { readonly value: T } | { readonly problems: readonly Problem[] };
};

const mostProblems = 50;
const longestShown = 500;

function makeAjv(source: ValueSource): Ajv2020 {
  const ajv = new Ajv2020({
    allErrors: true,
    useDefaults: true,
    coerceTypes: source === 'text' ? 'array' : false,
    verbose: true,
    // Our hints for forms (`x-arsenal`) and OpenAPI's keywords are no business of the validator's.
    strictSchema: false,
    strictTypes: false,
    strictTuples: false,
    strictRequired: false,
    logger: false,
  });
  formats(ajv);
  for (const [format, validate] of Object.entries(erlangFormats)) ajv.addFormat(format, validate);
  ajv.addKeyword({
    keyword: maxBytesKeyword,
    schemaType: 'number',
    validate: (limit: number, value: unknown) => Buffer.byteLength(JSON.stringify(value)) <= limit,
  });
  return ajv;
}

/** One for each source: making one costs more than all that it compiles. */
const validators = { json: makeAjv('json'), text: makeAjv('text') } as const;

function compileWith(ajv: Ajv2020, schema: JsonSchema): ValidateFunction {
  try {
    return ajv.compile(schema);
  } finally {
    // It would be kept for ever otherwise, and a later version of an operation could not use its $id again.
    ajv.removeSchema(schema);
  }
}

/**
 * Makes a schema into a checker. A schema that is no schema is a `validation` error `schema.invalid`; so the mistake is found where
 * an operation is registered, not where it is first called.
 */
export function compileSchema(schema: JsonSchema): Result<CompiledSchema> {
  try {
    const compile = (source: ValueSource) => compileWith(validators[source], schema);
    const fromJson = compile('json');
    let fromText: typeof fromJson | null = null;
    const copy = copierFor(schema);
    const validator = (source: ValueSource) => {
      if (source === 'json') return fromJson;
      fromText ??= compile('text');
      return fromText;
    };
    return ok({
      schema,
      check: (value, source = 'json') => {
        const filled = { value: source === 'text' ? jsonCopy(value) : copy(value) };
        const validate = validator(source);
        return validate(filled.value)
          ? filled
          : { problems: problemsOf([validate.errors].flat().filter((error) => error != null)) };
      },
    });
  } catch (thrown) {
    return failure(
      'validation',
      'schema.invalid',
      `This is not a JSON Schema: ${wordsOf(thrown)}`,
      'Correct the schema.',
    );
  }
}

/**
 * How a value is copied before defaults are filled in: not at all where there are none, and only its outermost object where there are
 * none further in.
 */
function copierFor(schema: JsonSchema): <T extends Json>(value: T) => T {
  const { properties = null, ...rest } = schema;
  const outermost = isJsonObject(properties) ? Object.values(properties).filter(isJsonObject) : [];
  if (saysDefault([rest, ...outermost.map(({ default: _own, ...further }) => further)])) return jsonCopy;
  return saysDefault(properties) ? outermostCopy : (value) => value;
}

/** A property of that name counts too: then more is copied than need be. */
function saysDefault(schema: Json): boolean {
  return JSON.stringify(schema).includes('"default":');
}

function outermostCopy<T extends Json>(value: T): T;
function outermostCopy(value: Json): Json {
  return isJsonObject(value) ? { ...value } : value;
}

/** A copy of plain data, all the way down. */
function jsonCopy<T extends Json>(value: T): T;
function jsonCopy(value: Json): Json {
  if (Array.isArray(value)) return value.map((part: Json) => jsonCopy(part));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]: [string, Json]) => [name, jsonCopy(part)]));
}

/**
 * The same, compiled when it is first used: compiling takes milliseconds, and there are many operations. For schemas that are known to
 * be sound; one that is not fits nothing.
 */
export function compileWhenUsed(schema: JsonSchema): CompiledSchema {
  let compiled: CompiledSchema | null = null;
  return {
    schema,
    check: (value, source) => {
      if (compiled === null) {
        const made = compileSchema(schema);
        if (!made.ok) return { problems: [{ pointer: '', message: made.error.message }] };
        compiled = made.value;
      }
      return compiled.check(value, source);
    },
  };
}

/** The error for parameters that have `problems`: `validation`, `params.invalid`, with all of them in `details`. */
export function invalidParams(problems: readonly Problem[]): Failure {
  const shown = problems.slice(0, mostProblems).map(({ pointer, message }) => ({
    pointer: pointer.slice(0, longestShown),
    message: message.slice(0, longestShown),
  }));
  const [first] = shown;
  return failure(
    'validation',
    'params.invalid',
    shown.map(({ pointer, message }) => `${pointer === '' ? 'The parameters' : pointer} ${message}`).join('; '),
    'Correct the parameters; describe_operation shows the schema.',
    {
      ...(first !== undefined && { pointer: first.pointer }),
      details: { problems: shown },
    },
  );
}

/** One problem a place: what the branches of a union say is left out, since only one of them was meant. */
function problemsOf(errors: readonly ErrorObject[]): readonly Problem[] {
  const unions = errors.filter(({ keyword }) => keyword === 'anyOf' || keyword === 'oneOf');
  const inUnion = (error: ErrorObject) => unions.some((union) => error.schemaPath.startsWith(`${union.schemaPath}/`));
  const seen = new Map<string, Problem>();
  for (const error of errors) {
    if (inUnion(error)) continue;
    const problem = problemOf(error);
    if (!seen.has(problem.pointer)) seen.set(problem.pointer, problem);
    if (seen.size === mostProblems) break;
  }
  return [...seen.values()];
}

function problemOf(error: ErrorObject): Problem {
  const { instancePath, keyword } = error;
  const params: Readonly<Record<string, unknown>> = error.params;
  switch (keyword) {
    case 'required':
      return { pointer: instancePath + pointerStep(String(params['missingProperty'])), message: 'is missing.' };
    case 'additionalProperties':
      return {
        pointer: instancePath + pointerStep(String(params['additionalProperty'])),
        message: 'is not a parameter.',
      };
    case 'enum':
      return { pointer: instancePath, message: `must be one of ${JSON.stringify(params['allowedValues'])}.` };
    case 'const':
      return { pointer: instancePath, message: `must be ${JSON.stringify(params['allowedValue'])}.` };
    case 'anyOf':
    case 'oneOf':
      return { pointer: instancePath, message: `has none of the forms it may have${described(error)}.` };
    case maxBytesKeyword:
      return { pointer: instancePath, message: `must NOT be larger than ${String(error.schema)} bytes of JSON.` };
    default:
      return { pointer: instancePath, message: `${String(error.message)}${described(error)}.` };
  }
}

function described({ parentSchema }: ErrorObject): string {
  const description: unknown = Reflect.get({ ...parentSchema }, 'description');
  return typeof description === 'string' ? ` (${description.replace(/\.$/, '')})` : '';
}
