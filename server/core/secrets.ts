/**
 * What a schema says is secret: `writeOnly`, `format: "password"`, or `x-arsenal: {"secret": true}`. Of what stands for a call of another
 * operation, `x-arsenal: {"callOf": NAME}` with NAME the member that names it, that operation's schemas say it.
 */
import type { Json } from '../../runtime/model.ts';
import type { CatalogueEntry, JsonSchema } from '../protocol/operation.ts';
import { isJsonObject } from './plainData.ts';

/** Stands in the place of what is secret. */
export const redacted = '[redacted]';

/** The schemas of the operation with a name; null where there is none. */
export type SchemasOf = (operation: string) => Pick<CatalogueEntry, 'params' | 'result'> | null;

/** The value without what the schema says is secret, wherever it says so; as it is where it says so of nothing. */
export function withoutSecrets(value: Json, schema: JsonSchema, schemasOf: SchemasOf): Json {
  return marksSecrets(schema) ? cleaned(value, [schema], schemasOf) : value;
}

/** The same of the parameters or the result of a call; nothing of it where there is no such operation any more. */
export function callWithoutSecrets(
  value: Json,
  operation: string,
  what: 'params' | 'result',
  schemasOf: SchemasOf,
): Json {
  return withoutSecrets(value, (schemasOf(operation) ?? ofNobodyKnown)[what], schemasOf);
}

/** Of each schema, whether it says of anything in it that it is secret, or that another does. */
const marked = new WeakMap<JsonSchema, boolean>();

/** Found once for each. */
function marksSecrets(schema: JsonSchema): boolean {
  const known = marked.get(schema);
  if (known !== undefined) return known;
  const says = saysSecret(schema) || hintsIn(schema)?.['callOf'] !== undefined;
  const marks = says || schemasIn(Object.values(schema)).some(marksSecrets);
  marked.set(schema, marks);
  return marks;
}

/** `schemas`: all that say something of the value; to be secret it is enough that one of them says so. */
function cleaned(value: Json, schemas: readonly JsonSchema[], schemasOf: SchemasOf): Json {
  const all = schemas.flatMap(withAlternatives);
  // What is said of it elsewhere may be that.
  if (all.some((schema) => saysSecret(schema) || '$ref' in schema)) return redacted;
  if (Array.isArray(value)) {
    return value.map((part: Json, at) => cleaned(part, ofElement(all, at), schemasOf));
  }
  if (!isJsonObject(value)) return value;
  const about = [...all, ...all.flatMap((schema) => ofCall(schema, value, schemasOf))];
  const members = Object.entries(value).map(([name, part]): [string, Json] => [
    name,
    cleaned(part, ofMember(about, name), schemasOf),
  ]);
  return Object.fromEntries(members);
}

function saysSecret(schema: JsonSchema): boolean {
  return hintsIn(schema)?.['secret'] === true || schema['writeOnly'] === true || schema['format'] === 'password';
}

function hintsIn(schema: JsonSchema): JsonSchema | undefined {
  return schemasIn([schema['x-arsenal']])[0];
}

/** Of an operation that is not there, or no more, nobody can say what of its calls is secret. */
const ofNobodyKnown = { params: { writeOnly: true }, result: { writeOnly: true } };

/** What is said of a call by the operation that it names: of its parameters, of what it answered, and of what was planned for it. */
function ofCall(
  schema: JsonSchema,
  call: { readonly [name: string]: Json },
  schemasOf: SchemasOf,
): readonly JsonSchema[] {
  const callOf = hintsIn(schema)?.['callOf'];
  const operation = typeof callOf === 'string' ? call[callOf] : undefined;
  if (typeof operation !== 'string') return [];
  const { params, result } = schemasOf(operation) ?? ofNobodyKnown;
  return [{ properties: { params, result, plan: { properties: { steps: params } } } }];
}

/** The schema, and those that may be meant of the same value (JSON Schema 2020-12, core, 10.2: in-place applicators). */
function withAlternatives(schema: JsonSchema): readonly JsonSchema[] {
  const { anyOf, oneOf, allOf, if: condition, then: met, else: unmet, dependentSchemas } = schema;
  const dependent = schemasIn([dependentSchemas]).flatMap((each) => Object.values(each));
  return [schema, ...schemasIn([anyOf, oneOf, allOf, condition, met, unmet, ...dependent]).flatMap(withAlternatives)];
}

function ofElement(schemas: readonly JsonSchema[], at: number): readonly JsonSchema[] {
  return schemasIn(
    schemas.flatMap(({ items, prefixItems, contains, unevaluatedItems }) => [
      atPlace(items, at),
      atPlace(prefixItems, at),
      contains,
      unevaluatedItems,
    ]),
  );
}

/** A list of schemas has one for each place. */
function atPlace(said: Json | undefined, at: number): Json | undefined {
  if (!Array.isArray(said)) return said;
  const places: readonly Json[] = said;
  return places[at];
}

function ofMember(schemas: readonly JsonSchema[], name: string): readonly JsonSchema[] {
  return schemas.flatMap(({ properties, patternProperties, additionalProperties, unevaluatedProperties }) => {
    const named = schemasIn([properties]).map((each) => (Object.hasOwn(each, name) ? each[name] : undefined));
    const patterns = schemasIn([patternProperties]).flatMap((each) => Object.values(each));
    return schemasIn([...named, ...patterns, additionalProperties, unevaluatedProperties]);
  });
}

/** The schemas among what a schema holds: by itself, or in a list. */
function schemasIn(parts: readonly (Json | undefined)[]): readonly JsonSchema[] {
  return parts.flat().filter((part) => part !== undefined && isJsonObject(part));
}
