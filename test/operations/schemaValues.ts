/** Values made from a JSON Schema: such as it allows, and such as break it at one known place. */
import fc from 'fast-check';
import type { Json } from '../../runtime/model.ts';
import { isJson, isJsonObject, pointerStep } from '../../server/core/plainData.ts';
import { compileSchema } from '../../server/core/validate.ts';
import type { JsonSchema } from '../../server/protocol/operation.ts';
import { valueOf } from '../port/results.ts';

/** A value that breaks its schema: where, as a JSON pointer, and how. */
export type BadValue = { readonly value: Json; readonly at: string; readonly why: string };

const json: fc.Arbitrary<Json> = fc.jsonValue({ maxDepth: 2 }).filter((value) => isJson(value));
/** Larger than this, lists and texts are made too long in other ways than by their length. */
const mostMade = 20_000;

const compiled = new WeakMap<JsonSchema, (value: Json) => boolean>();

/** Whether the schema alone has nothing against the value. */
function allows(schema: JsonSchema): (value: Json) => boolean {
  const known = compiled.get(schema);
  if (known !== undefined) return known;
  const checker = valueOf(compileSchema(schema));
  const allowed = (value: Json) => 'value' in checker.check(value);
  compiled.set(schema, allowed);
  return allowed;
}

function schemasIn(value: Json | undefined): readonly JsonSchema[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

function numberIn(schema: JsonSchema, keyword: string): number | null {
  const value = schema[keyword];
  return typeof value === 'number' ? value : null;
}

function branchesOf({ anyOf, oneOf }: JsonSchema): readonly JsonSchema[] {
  return [...schemasIn(anyOf), ...schemasIn(oneOf)];
}

function propertiesOf({ properties }: JsonSchema): readonly (readonly [string, JsonSchema])[] {
  if (properties === undefined || !isJsonObject(properties)) return [];
  return Object.entries(properties).flatMap(([name, schema]) =>
    isJsonObject(schema) ? [[name, schema] as const] : [],
  );
}

function requiredOf({ required }: JsonSchema): readonly string[] {
  return Array.isArray(required) ? required.map(String) : [];
}

/** What every other value of a map has to be; null where it takes only the properties it lists. */
function restOf({ patternProperties, additionalProperties }: JsonSchema): JsonSchema | null {
  if (patternProperties !== undefined && isJsonObject(patternProperties)) {
    return Object.values(patternProperties).find(isJsonObject) ?? null;
  }
  return additionalProperties !== undefined && isJsonObject(additionalProperties) ? additionalProperties : null;
}

/** Values the schema allows. */
export function goodValue(schema: JsonSchema): fc.Arbitrary<Json> {
  return likelyValue(schema).filter(allows(schema));
}

function likelyValue(schema: JsonSchema): fc.Arbitrary<Json> {
  if ('const' in schema) return fc.constant(schema['const'] ?? null);
  if (Array.isArray(schema['enum'])) return fc.constantFrom(...schema['enum'].map((value: Json) => value));
  const branches = branchesOf(schema);
  if (branches.length > 0) return fc.oneof(...branches.map(likelyValue));
  switch (schema['type']) {
    case 'string':
      return likelyText(schema);
    case 'integer':
      return fc.integer({
        min: Math.max(numberIn(schema, 'minimum') ?? -100, -1e9),
        max: Math.min(numberIn(schema, 'maximum') ?? 1_000, 1e9),
      });
    case 'number':
      return fc.double({
        min: numberIn(schema, 'minimum') ?? 0,
        max: numberIn(schema, 'maximum') ?? 100,
        noNaN: true,
        noDefaultInfinity: true,
      });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array': {
      const { items } = schema;
      const minLength = numberIn(schema, 'minItems') ?? 0;
      const item = items !== undefined && isJsonObject(items) ? likelyValue(items) : json;
      return fc.array(item, {
        minLength,
        maxLength: Math.max(minLength, Math.min(3, numberIn(schema, 'maxItems') ?? 3)),
      });
    }
    case 'object':
      return likelyObject(schema);
    default:
      return json;
  }
}

function likelyText(schema: JsonSchema): fc.Arbitrary<string> {
  const { pattern } = schema;
  if (typeof pattern === 'string') return fc.stringMatching(new RegExp(pattern, 'u'), { maxLength: 30 });
  const minLength = numberIn(schema, 'minLength') ?? 0;
  const maxLength = Math.max(minLength, Math.min(12, numberIn(schema, 'maxLength') ?? 12));
  return fc.oneof(fc.constantFrom('init', '0.1.0', 'demo1@sim'), fc.string({ minLength, maxLength }));
}

function likelyObject(schema: JsonSchema): fc.Arbitrary<Json> {
  const properties = propertiesOf(schema);
  const record: { [name: string]: fc.Arbitrary<Json> } = Object.fromEntries(
    properties.map(([name, property]) => [name, likelyValue(property)]),
  );
  const requiredKeys = requiredOf(schema).filter((name) => name in record);
  const rest = restOf(schema);
  const listed = fc.record(record, { requiredKeys }).map((made): Json => made);
  if (rest === null || properties.length > 0) return listed;
  return fc.dictionary(fc.constantFrom('a', 'b', 'c'), likelyValue(rest), { maxKeys: 2 });
}

/** Values that break the schema, in every way its keywords know, at every depth. */
export function badValue(schema: JsonSchema): fc.Arbitrary<BadValue> {
  const own = ownBreaks(schema);
  const inner = innerBreaks(schema);
  return inner.length === 0
    ? fc.oneof(...own)
    : fc.oneof({ weight: 1, arbitrary: fc.oneof(...own) }, { weight: 4, arbitrary: fc.oneof(...inner) });
}

/** Values of which the schema itself is broken, not that of a part. */
function ownBreaks(schema: JsonSchema): readonly fc.Arbitrary<BadValue>[] {
  const isAllowed = allows(schema);
  const here = (values: fc.Arbitrary<Json>, why: string) =>
    values.filter((value) => !isAllowed(value)).map((value): BadValue => ({ value, at: '', why }));
  if ('const' in schema || 'enum' in schema) return [here(json, 'another value')];
  if (branchesOf(schema).length > 0) return [here(json, 'none of the forms')];
  const { type } = schema;
  const breaks =
    type === undefined
      ? []
      : [
          here(
            json.filter((value) => typeof type === 'string' && !isOfType(value, type)),
            'another type',
          ),
        ];
  const bytes = numberIn(schema, 'x-maxBytes');
  if (bytes !== null) breaks.push(here(fc.constant(['x'.repeat(bytes + 1)]), 'too many bytes'));
  if (type === 'string') breaks.push(...textBreaks(schema, here));
  if (type === 'integer')
    breaks.push(
      here(
        fc.double({ min: 0.1, max: 0.9 }).map((part) => Math.max(1, numberIn(schema, 'minimum') ?? 1) + part),
        'not whole',
      ),
    );
  const [least, most] = [numberIn(schema, 'minimum'), numberIn(schema, 'maximum')];
  if (least !== null)
    breaks.push(
      here(
        fc.integer({ min: 1, max: 1_000 }).map((less) => least - less),
        'too small',
      ),
    );
  if (most !== null)
    breaks.push(
      here(
        fc.integer({ min: 1, max: 1_000 }).map((more) => most + more * Math.max(1, most / 1e9)),
        'too large',
      ),
    );
  return breaks;
}

type Here = (values: fc.Arbitrary<Json>, why: string) => fc.Arbitrary<BadValue>;

function textBreaks(schema: JsonSchema, here: Here): readonly fc.Arbitrary<BadValue>[] {
  const [least, most] = [numberIn(schema, 'minLength'), numberIn(schema, 'maxLength')];
  const { pattern } = schema;
  return [
    ...(most === null ? [] : [here(fc.constant('x'.repeat(most + 1)), 'too long')]),
    ...(least === null || least === 0 ? [] : [here(fc.constant('x'.repeat(least - 1)), 'too short')]),
    ...(typeof pattern === 'string'
      ? [
          here(
            fc.string({ minLength: 1, maxLength: 20 }).map((text) => `${text} ~`),
            'no match',
          ),
        ]
      : []),
  ];
}

function isOfType(value: Json, type: string): boolean {
  switch (type) {
    case 'integer':
      return Number.isInteger(value);
    case 'array':
      return Array.isArray(value);
    case 'null':
      return value === null;
    case 'object':
      return isJsonObject(value);
    default:
      return typeof value === type;
  }
}

/** Values that are broken in one part, or for one too many or one too few of them. */
function innerBreaks(schema: JsonSchema): readonly fc.Arbitrary<BadValue>[] {
  switch (schema['type']) {
    case 'object':
      return objectBreaks(schema);
    case 'array':
      return arrayBreaks(schema);
    default:
      return [];
  }
}

function objectBreaks(schema: JsonSchema): readonly fc.Arbitrary<BadValue>[] {
  const properties = propertiesOf(schema);
  const good = goodValue(schema).map((value) => (isJsonObject(value) ? value : {}));
  const withPart = (name: string, bad: fc.Arbitrary<BadValue>) =>
    fc.tuple(good, bad).map(([value, { value: part, at, why }]): BadValue => ({
      value: { ...value, [name]: part },
      at: pointerStep(name) + at,
      why: `${name}: ${why}`,
    }));
  const isFilledIn = (name: string) =>
    properties.some(([known, property]) => known === name && property['default'] !== undefined);
  const missing = requiredOf(schema).filter((name) => !isFilledIn(name));
  const unlisted = fc
    .string({ minLength: 1, maxLength: 10 })
    .filter((name) => name !== '__proto__' && !properties.some(([known]) => known === name));
  const rest = restOf(schema);
  const most = numberIn(schema, 'maxProperties');
  return [
    ...properties.map(([name, property]) => withPart(name, badValue(property))),
    ...missing.map((name) =>
      good.map((value): BadValue => ({
        value: Object.fromEntries(Object.entries(value).filter(([key]) => key !== name)),
        at: pointerStep(name),
        why: `${name} is missing`,
      })),
    ),
    ...(schema['additionalProperties'] === false && schema['patternProperties'] === undefined
      ? [
          fc.tuple(good, unlisted, json).map(([value, name, extra]): BadValue => ({
            value: { ...value, [name]: extra },
            at: pointerStep(name),
            why: `${name} is not known`,
          })),
        ]
      : []),
    ...(rest === null ? [] : [withPart('other', badValue(rest))]),
    ...(rest === null || most === null || most > mostMade
      ? []
      : [
          likelyValue(rest).map((part): BadValue => ({
            value: Object.fromEntries(Array.from({ length: most + 1 }, (_, at) => [`k${at}`, part])),
            at: '',
            why: 'too many',
          })),
        ]),
  ];
}

function arrayBreaks(schema: JsonSchema): readonly fc.Arbitrary<BadValue>[] {
  const { items } = schema;
  if (items === undefined || !isJsonObject(items)) return [];
  const [least, most] = [numberIn(schema, 'minItems') ?? 0, numberIn(schema, 'maxItems')];
  const before = fc.array(goodValue(items), { minLength: Math.max(0, least - 1), maxLength: Math.max(2, least - 1) });
  return [
    fc.tuple(before, badValue(items)).map(([good, { value, at, why }]): BadValue => ({
      value: [...good, value],
      at: `/${good.length}${at}`,
      why: `item ${good.length}: ${why}`,
    })),
    ...(most === null || most > mostMade
      ? []
      : [
          goodValue(items).map((item): BadValue => ({
            value: Array.from({ length: most + 1 }, () => item),
            at: '',
            why: 'too many',
          })),
        ]),
    ...(least === 0
      ? []
      : [
          goodValue(items).map((item): BadValue => ({
            value: Array.from({ length: least - 1 }, () => item),
            at: '',
            why: 'too few',
          })),
        ]),
  ];
}
