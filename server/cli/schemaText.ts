/** What the schema of a parameter says, in the words of a page of help: type, range, choices, default. */
import type { Json } from '../../runtime/model.ts';
import { isJsonObject } from '../gateway/jsonApi.ts';
import type { CatalogueEntry, JsonSchema } from '../protocol/operation.ts';

export type ParameterText = {
  readonly name: string;
  /** `integer 1 to 1000`, `one of kill, normal`, `list of text`. */
  readonly type: string;
  readonly isRequired: boolean;
  /** As JSON; null when it has none. */
  readonly fallback: string | null;
  readonly meaning: string;
};

/** The parameters of an operation, those that are required first. */
export function parameterTexts(entry: Pick<CatalogueEntry, 'params'>): readonly ParameterText[] {
  const { properties, required } = entry.params;
  const wanted: readonly Json[] = Array.isArray(required) ? required : [];
  const all = Object.entries(isJsonObject(properties) ? properties : {}).map(([name, each]): ParameterText => {
    const schema = isJsonObject(each) ? each : {};
    const fallback = schema['default'];
    return {
      name,
      type: typeText(schema),
      isRequired: wanted.includes(name) && fallback === undefined,
      fallback: fallback === undefined ? null : JSON.stringify(fallback),
      meaning: typeof schema['description'] === 'string' ? schema['description'] : '',
    };
  });
  return [...all.filter(({ isRequired }) => isRequired), ...all.filter(({ isRequired }) => !isRequired)];
}

/** A schema in words. */
export function typeText(schema: JsonSchema): string {
  if (Object.hasOwn(schema, 'const')) return valueText(schema['const']);
  if (Array.isArray(schema['enum'])) return enumText(schema['enum'].map((each: Json) => valueText(each)));
  const choices = schema['anyOf'] ?? schema['oneOf'];
  if (Array.isArray(choices)) return choicesText(choices.filter(isJsonObject));
  switch (schema['type']) {
    case 'integer':
      return `integer${rangeText(schema)}`;
    case 'number':
      return `number${rangeText(schema)}`;
    case 'boolean':
      return 'true or false';
    case 'string':
      return pickedText(schema) ?? formatText(schema['format']) ?? 'text';
    case 'array': {
      const { items } = schema;
      return `list of ${isJsonObject(items) ? typeText(items) : 'anything'}`;
    }
    case 'object':
      return `object${fieldsText(schema)}`;
    case 'null':
      return 'null';
    default:
      return 'any JSON';
  }
}

/** A sort key that can be turned round is named once. */
function enumText(values: readonly string[]): string {
  const turned = values.filter((value) => value.startsWith('-') && values.includes(value.slice(1)));
  const shown = values.filter((value) => !turned.includes(value));
  return `one of ${shown.join(', ')}${turned.length > 0 && turned.length === shown.length ? '; each also with -' : ''}`;
}

/** What a form offers lists of says what it is. */
function pickedText(schema: JsonSchema): string | null {
  const marked = schema['x-arsenal'];
  const kind = isJsonObject(marked) && typeof marked['pick'] === 'string' ? marked['pick'] : '';
  return picked[kind] ?? null;
}

const picked: { readonly [kind: string]: string | undefined } = {
  process: 'process',
  supervisor: 'supervisor',
  node: 'node',
  registeredName: 'registered name',
  module: 'module',
  sandbox: 'sandbox',
  trace: 'trace',
  operation: 'operation',
};

function formatText(format: Json | undefined): string | undefined {
  return typeof format === 'string' ? formats[format] : undefined;
}

const formats: { readonly [format: string]: string | undefined } = {
  'erlang-atom': 'atom',
  'erlang-pid': 'process',
  'date-time': 'time',
};

/** Several constants are one choice. */
function choicesText(choices: readonly JsonSchema[]): string {
  const constants = choices.filter((each) => Object.hasOwn(each, 'const'));
  const others = choices.filter((each) => !Object.hasOwn(each, 'const')).map(typeText);
  const named = constants.map((each) => valueText(each['const'])).join(', ');
  const all = [...(named === '' ? [] : [constants.length > 1 ? `one of ${named}` : named]), ...others];
  return [...new Set(all)].join(', or ');
}

function rangeText(schema: JsonSchema): string {
  const { minimum, maximum, exclusiveMinimum } = schema;
  const least = typeof minimum === 'number' ? String(minimum) : null;
  const above = typeof exclusiveMinimum === 'number' ? `above ${exclusiveMinimum}` : null;
  const most = typeof maximum === 'number' ? String(maximum) : null;
  if (least !== null && most !== null) return ` ${least} to ${most}`;
  if (above !== null) return most === null ? ` ${above}` : ` ${above}, at most ${most}`;
  if (least !== null) return ` from ${least}`;
  return most === null ? '' : ` up to ${most}`;
}

function fieldsText(schema: JsonSchema): string {
  const names = Object.keys(isJsonObject(schema['properties']) ? schema['properties'] : {});
  return names.length === 0 ? '' : ` of ${names.join(', ')}`;
}

function valueText(value: Json | undefined): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null);
}
