/** A form from a JSON Schema: which fields there are, and how the text of one becomes a value. No editor in it. */
import type { Json } from '../../runtime/model.ts';
import type { JsonSchema } from '../../server/protocol/operation.ts';
import { isJson, isRecord } from '../decode.ts';

/** What can be picked from a live list, said by `x-arsenal: {pick}` in the schema. */
export const pickKinds = [
  'process',
  'node',
  'supervisor',
  'child',
  'registeredName',
  'module',
  'sandbox',
  'trace',
  'operation',
] as const;
export type PickKind = (typeof pickKinds)[number];

export type FieldKind =
  | {
      readonly is: 'text';
      readonly minLength: number;
      readonly maxLength: number | null;
      readonly pattern: RegExp | null;
      readonly pick: PickKind | null;
    }
  | {
      readonly is: 'number';
      readonly integer: boolean;
      /** A span of time in milliseconds, which can be written with a unit: `30s`. */
      readonly isSpan: boolean;
      readonly minimum: number | null;
      readonly maximum: number | null;
    }
  | { readonly is: 'boolean' }
  | { readonly is: 'choice'; readonly options: readonly Json[] }
  /** Lists of what can be picked: two of them are made by choosing which are on one side. */
  | { readonly is: 'sides'; readonly pick: PickKind }
  /** Some of what can be picked, or of the options. */
  | {
      readonly is: 'many';
      readonly pick: PickKind | null;
      readonly options: readonly Json[];
      readonly least: number;
      readonly most: number | null;
    }
  /** Anything else: typed as JSON. */
  | { readonly is: 'json' };

export type Field = {
  readonly key: string;
  readonly description: string;
  readonly required: boolean;
  readonly kind: FieldKind;
  readonly fallback: Json | undefined;
  /** Holds what is secret, itself or in a part of it: never shown nor remembered. */
  readonly isSecret: boolean;
};

export type Parsed = { readonly ok: true; readonly value: Json } | { readonly ok: false; readonly problem: Problem };
/** Why a text is not a value, as data: the words are the editor's. */
export type Problem =
  | {
      readonly is: 'empty' | 'not_a_number' | 'not_a_span' | 'not_an_integer' | 'not_json' | 'pattern' | 'not_a_choice';
    }
  | {
      readonly is: 'too_small' | 'too_large' | 'too_short' | 'too_long' | 'too_few' | 'too_many';
      readonly limit: number;
    };

/** The fields of an object schema, the required ones first, each group in the schema's order. */
export function fieldsOf(schema: JsonSchema): readonly Field[] {
  const properties = schema['properties'];
  if (!isRecord(properties)) return [];
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  const fields = Object.entries(properties).flatMap(([key, property]) =>
    isRecord(property) ? [fieldOf(key, property, required.includes(key))] : [],
  );
  return [...fields.filter((field) => field.required), ...fields.filter((field) => !field.required)];
}

function fieldOf(key: string, property: { readonly [key: string]: unknown }, required: boolean): Field {
  const fallback = property['default'];
  return {
    key,
    description: typeof property['description'] === 'string' ? property['description'] : '',
    required,
    kind: kindOf(key, property),
    fallback: isJson(fallback) ? fallback : undefined,
    isSecret: holdsSecret(property),
  };
}

function kindOf(key: string, property: { readonly [key: string]: unknown }): FieldKind {
  const options = choicesOf(property);
  if (options !== null) return { is: 'choice', options };
  const type = property['type'];
  if (type === 'boolean') return { is: 'boolean' };
  if (type === 'integer' || type === 'number') {
    return {
      is: 'number',
      integer: type === 'integer',
      isSpan: key.endsWith('Ms'),
      minimum: numberOr(property['minimum'], null),
      maximum: numberOr(property['maximum'], null),
    };
  }
  if (type === 'string') {
    return {
      is: 'text',
      minLength: numberOr(property['minLength'], 0),
      maxLength: numberOr(property['maxLength'], null),
      pattern: patternOf(property['pattern']),
      pick: pickOf(property['x-arsenal']),
    };
  }
  const pick = pickOf(itemsOf(itemsOf(property))?.['x-arsenal']);
  return pick === null ? manyOf(property) : { is: 'sides', pick };
}

function manyOf(property: { readonly [key: string]: unknown }): FieldKind {
  const items = itemsOf(property);
  if (items === null) return { is: 'json' };
  const pick = pickOf(items['x-arsenal']);
  const options = choicesOf(items) ?? [];
  // Plain texts can be written one after the other; what is built of parts cannot.
  if (pick === null && options.length === 0 && items['type'] !== 'string') return { is: 'json' };
  const least = numberOr(property['minItems'], 0);
  return { is: 'many', pick, options, least, most: numberOr(property['maxItems'], null) };
}

/** Whether a schema, or one of anything in it, is marked as secret. */
function holdsSecret(schema: unknown): boolean {
  if (Array.isArray(schema)) return schema.some(holdsSecret);
  if (!isRecord(schema)) return false;
  const hints = schema['x-arsenal'];
  const isMarked = isRecord(hints) && hints['secret'] === true;
  return (
    isMarked ||
    schema['writeOnly'] === true ||
    schema['format'] === 'password' ||
    Object.values(schema).some(holdsSecret)
  );
}

function itemsOf(schema: unknown): { readonly [key: string]: unknown } | null {
  if (!isRecord(schema) || schema['type'] !== 'array') return null;
  return isRecord(schema['items']) ? schema['items'] : null;
}

/** `enum`, or a union of constants as TypeBox writes one. */
function choicesOf(property: { readonly [key: string]: unknown }): readonly Json[] | null {
  if (Array.isArray(property['enum'])) return property['enum'].filter((option) => isJson(option));
  const union = property['anyOf'];
  if (!Array.isArray(union) || union.length === 0) return null;
  const constants = union.flatMap((part) => (isRecord(part) && isJson(part['const']) ? [part['const']] : []));
  return constants.length === union.length ? constants : null;
}

function numberOr<T>(value: unknown, otherwise: T): number | T {
  return typeof value === 'number' ? value : otherwise;
}

/** A pattern that this engine cannot read, or that a hostile schema made enormous, is left to the server to check. */
function patternOf(value: unknown): RegExp | null {
  if (typeof value !== 'string' || value.length > 500) return null;
  try {
    return new RegExp(value, 'u');
  } catch {
    return null;
  }
}

function pickOf(hint: unknown): PickKind | null {
  if (!isRecord(hint)) return null;
  return pickKinds.find((kind) => kind === hint['pick']) ?? null;
}

/** Reads what was typed for `field`. Only what the schema says is checked here; the server checks the whole before it runs. */
export function parseField(field: Field, typed: string): Parsed {
  const { kind } = field;
  switch (kind.is) {
    case 'text':
      return parseText(kind, typed);
    case 'number':
      return parseNumber(kind, typed.trim());
    case 'boolean':
      if (typed.trim() === 'true') return { ok: true, value: true };
      return typed.trim() === 'false' ? { ok: true, value: false } : problem({ is: 'not_a_choice' });
    case 'choice': {
      const option = kind.options.find((one) => choiceText(one) === typed.trim());
      return option === undefined ? problem({ is: 'not_a_choice' }) : { ok: true, value: option };
    }
    case 'many':
      return parseMany(kind, typed);
    case 'sides':
    case 'json':
      return parseJson(typed);
  }
}

function parseText(kind: Extract<FieldKind, { is: 'text' }>, typed: string): Parsed {
  const length = Array.from(typed).length;
  if (length === 0 && kind.minLength > 0) return problem({ is: 'empty' });
  if (length < kind.minLength) return problem({ is: 'too_short', limit: kind.minLength });
  if (kind.maxLength !== null && length > kind.maxLength) return problem({ is: 'too_long', limit: kind.maxLength });
  return kind.pattern === null || kind.pattern.test(typed) ? { ok: true, value: typed } : problem({ is: 'pattern' });
}

function parseNumber(kind: Extract<FieldKind, { is: 'number' }>, typed: string): Parsed {
  if (typed === '') return problem({ is: 'empty' });
  const value = kind.isSpan ? spanOf(typed) : Number(typed);
  if (!Number.isFinite(value)) return problem({ is: kind.isSpan ? 'not_a_span' : 'not_a_number' });
  if (kind.integer && !Number.isSafeInteger(value)) return problem({ is: 'not_an_integer' });
  if (kind.minimum !== null && value < kind.minimum) return problem({ is: 'too_small', limit: kind.minimum });
  if (kind.maximum !== null && value > kind.maximum) return problem({ is: 'too_large', limit: kind.maximum });
  return { ok: true, value };
}

const unitMs: { readonly [unit: string]: number } = { '': 1, ms: 1, s: 1_000, m: 60_000, min: 60_000, h: 3_600_000 };

/** `250`, `250ms`, `1.5s`, `5m`, `5 min`, `1h` in milliseconds; NaN for what is none. */
function spanOf(typed: string): number {
  const [, amount = '', unit = ''] = /^([\d.]+)\s*([a-z]*)$/.exec(typed) ?? [];
  const ms = Object.hasOwn(unitMs, unit) ? unitMs[unit] : undefined;
  if (ms === undefined || amount === '') return NaN;
  const product = Number(amount) * ms;
  // What the product of binary fractions is off by, and no part of a millisecond that somebody wrote.
  const whole = Math.round(product);
  return Math.abs(product - whole) <= whole * Number.EPSILON * 2 ? whole : product;
}

/** A JSON list, or its elements with commas between them. */
function parseMany(kind: Extract<FieldKind, { is: 'many' }>, typed: string): Parsed {
  const text = typed.trim();
  const read: Parsed = text.startsWith('[')
    ? parseJson(text)
    : { ok: true, value: text === '' ? [] : text.split(',').map((part) => part.trim()) };
  if (!read.ok) return read;
  if (!Array.isArray(read.value)) return problem({ is: 'not_json' });
  const chosen: readonly Json[] = read.value;
  if (chosen.length < kind.least) return problem({ is: 'too_few', limit: kind.least });
  if (kind.most !== null && chosen.length > kind.most) return problem({ is: 'too_many', limit: kind.most });
  const known = new Set(kind.options.map(choiceText));
  const isKnown = known.size === 0 || chosen.every((one) => known.has(choiceText(one)));
  return isKnown ? { ok: true, value: read.value } : problem({ is: 'not_a_choice' });
}

function parseJson(typed: string): Parsed {
  if (typed.trim() === '') return problem({ is: 'empty' });
  try {
    const value: unknown = JSON.parse(typed);
    return isJson(value) ? { ok: true, value } : problem({ is: 'not_json' });
  } catch {
    return problem({ is: 'not_json' });
  }
}

function problem(what: Problem): Parsed {
  return { ok: false, problem: what };
}

/** How an option of a choice is written. */
export function choiceText(option: Json): string {
  return typeof option === 'string' ? option : JSON.stringify(option);
}
