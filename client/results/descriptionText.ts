/** An operation as a page: what describe_operation answers, with its parameters as a table. No editor in it. */
import type { Json } from '../../runtime/model.ts';
import { isJson, isRecord } from '../decode.ts';

/** `result` as it is to be shown: of a description the parameters as rows, and without what only programs read. */
export function shownResult(operation: string, result: Json): Json {
  if (operation !== 'describe_operation' || !isRecord(result) || !isRecord(result['params'])) return result;
  const { params, result: _schema, ...facts } = result;
  const described = { ...facts, parameters: rowsOf(isRecord(params) ? params : {}) };
  return isJson(described) ? described : result;
}

function rowsOf(schema: { readonly [key: string]: unknown }): readonly unknown[] {
  const properties = isRecord(schema['properties']) ? Object.entries(schema['properties']) : [];
  const required: readonly unknown[] = Array.isArray(schema['required']) ? schema['required'] : [];
  return properties.flatMap(([parameter, property]) => {
    if (!isRecord(property)) return [];
    const { default: standing, description } = property;
    return [
      {
        parameter,
        type: typeOf(property),
        needed: required.includes(parameter) ? 'required' : null,
        default: standing === undefined ? null : standing,
        range: rangeOf(property),
        meaning: typeof description === 'string' ? description : null,
      },
    ];
  });
}

function typeOf({ type, enum: options, anyOf, items }: { readonly [key: string]: unknown }): string {
  if (Array.isArray(options)) return options.map((option) => String(option)).join(' | ');
  if (Array.isArray(anyOf)) return anyOf.map((part) => (isRecord(part) ? typeOf(part) : '?')).join(' | ');
  const name = typeof type === 'string' ? type : 'any';
  return name === 'array' && isRecord(items) ? `list of ${typeOf(items)}` : name;
}

function rangeOf({
  minimum,
  maximum,
  minItems,
  maxItems,
  maxLength,
}: {
  readonly [key: string]: unknown;
}): string | null {
  const [least, most] = [minimum ?? minItems, maximum ?? maxItems ?? maxLength];
  if (least === undefined && most === undefined) return null;
  const text = (limit: unknown) => (typeof limit === 'number' ? String(limit) : '');
  return `${text(least)}…${text(most)}`;
}
