/** What a schema says is secret: `writeOnly`, `format: "password"`, or `x-arsenal: {"secret": true}`. */
import type { Json } from '../../runtime/model.ts';
import type { JsonSchema } from '../protocol/operation.ts';
import { isJsonObject } from './plainData.ts';

/** Stands in the place of what is secret. */
export const redacted = '[redacted]';

/** The value without what the schema says is secret, wherever it says so; as it is where it says so of nothing. */
export function withoutSecrets(value: Json, schema: JsonSchema): Json {
  return marksSecrets(schema) ? cleaned(value, [schema]) : value;
}

/** Of each schema, whether it says of anything in it that it is secret. */
const marked = new WeakMap<JsonSchema, boolean>();

/** Whether a schema says of anything in it that it is secret: found once for each. */
function marksSecrets(schema: JsonSchema): boolean {
  const known = marked.get(schema);
  if (known !== undefined) return known;
  const marks = saysSecret(schema) || schemasIn(Object.values(schema)).some(marksSecrets);
  marked.set(schema, marks);
  return marks;
}

/** `schemas`: all that say something of the value; to be secret it is enough that one of them says so. */
function cleaned(value: Json, schemas: readonly JsonSchema[]): Json {
  const all = schemas.flatMap(withAlternatives);
  // What is said of it elsewhere may be that.
  if (all.some((schema) => saysSecret(schema) || '$ref' in schema)) return redacted;
  if (Array.isArray(value)) {
    return value.map((part: Json, at) => cleaned(part, ofElement(all, at)));
  }
  if (!isJsonObject(value)) return value;
  const members = Object.entries(value).map(([name, part]): [string, Json] => [
    name,
    cleaned(part, ofMember(all, name)),
  ]);
  return Object.fromEntries(members);
}

function saysSecret(schema: JsonSchema): boolean {
  const [hints] = schemasIn([schema['x-arsenal']]);
  return hints?.['secret'] === true || schema['writeOnly'] === true || schema['format'] === 'password';
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
