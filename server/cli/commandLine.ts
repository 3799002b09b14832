/** An operation and its parameters as the command that runs it, ready for a shell. */
import { isDeepStrictEqual } from 'node:util';
import type { Json } from '../../runtime/model.ts';
import { isJsonObject } from '../gateway/jsonApi.ts';
import type { JsonObject } from '../gateway/jsonApi.ts';
import { paramsFromText } from '../gateway/textParams.ts';
import type { CatalogueEntry } from '../protocol/operation.ts';

/** `arsenal run kill_process pid='<0.1.0>'`: in words where they mean the same parameters, else with `--params`. */
export function commandLine(
  { name, params: schema }: Pick<CatalogueEntry, 'name' | 'params'>,
  params: JsonObject,
): string {
  const pairs = Object.entries(params).flatMap(([key, value]) => pairsOf(key, value));
  const read = pairs.includes(null)
    ? null
    : paramsFromText(
        schema,
        pairs.filter((pair) => pair !== null),
      );
  const words =
    read !== null && read.ok && isDeepStrictEqual(read.params, params)
      ? pairs.flatMap((pair) => (pair === null ? [] : [`${shellWord(pair[0])}=${shellWord(pair[1])}`]))
      : ['--params', shellWord(JSON.stringify(params))];
  return ['arsenal', 'run', name, ...words].join(' ');
}

/** null: what no word says. */
function pairsOf(key: string, value: Json): readonly (readonly [string, string] | null)[] {
  if (typeof value === 'string') return [[key, value]];
  if (value === null || typeof value !== 'object') return [[key, JSON.stringify(value)]];
  if (!isJsonObject(value))
    return value.every((each: Json) => typeof each === 'string') ? [[key, value.join(',')]] : [null];
  // What is a term or a map of the user's own is written as a whole.
  const inner = Object.entries(value);
  const isPath = inner.length > 0 && inner.every(([name]) => /^\w+$/.test(name));
  return isPath ? inner.flatMap(([name, each]) => pairsOf(`${key}.${name}`, each)) : [null];
}

/** One word of a POSIX shell, quoted only where a shell would read it otherwise. */
export function shellWord(text: string): string {
  return /^[\w@.:,~+/=-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
