/**
 * A term of a node's as JSON, for what people and programs read and nobody sends back: text for atoms, binaries and charlists that can
 * be read, objects for maps and keyword lists, arrays for tuples and lists, ids for processes. `nil` and `null` are null.
 */
import type { Json } from '../../model.ts';
import { processId } from '../../model.ts';
import { printTerm } from '../../term/print.ts';
import { map } from '../../term/order.ts';
import type { Term } from '../../term/term.ts';
import { atom, integer, list, text } from '../../term/term.ts';
import { atomName, processOf, textOf } from './read.ts';

/** What a term is as JSON. Numbers that JSON's readers would round are text. */
export function jsonOfTerm(term: Term): Json {
  switch (term.t) {
    case 'atom':
      return plainAtom(term.v);
    case 'int':
      return term.v;
    case 'float':
      return term.v === '-0' ? 0 : term.v;
    case 'big':
    case 'text':
      return term.v;
    case 'bits':
      return term.lastBits === 8 ? { base64: term.base64 } : printed(term);
    case 'bytelist':
      return isReadable(term.latin1) ? term.latin1 : Array.from(term.latin1, (byte) => byte.charCodeAt(0));
    case 'list':
      return term.tail === undefined ? listJson(term.e) : printed(term);
    case 'tuple':
      return term.e.map(jsonOfTerm);
    case 'map':
      return mapJson(term.e);
    case 'pid': {
      const process = processOf(term);
      return process === null ? printed(term) : processId(process);
    }
    case 'elided':
      return { elided: term.was, size: term.size };
    default:
      return printed(term);
  }
}

/** JSON as Elixir's and Erlang's libraries read it: text as binaries, objects as maps with such keys, `null` as `nil`. */
export function termOfJson(json: Json): Term {
  if (json === null) return atom('nil');
  switch (typeof json) {
    case 'boolean':
      return atom(String(json));
    case 'string':
      return text(json);
    case 'number':
      return Number.isSafeInteger(json) ? integer(json) : { t: 'float', v: json };
    default:
      return isList(json)
        ? list(json.map(termOfJson))
        : map(Object.entries(json).map(([key, value]) => [text(key), termOfJson(value)] as const));
  }
}

function isList(json: Json): json is readonly Json[] {
  return Array.isArray(json);
}

function plainAtom(name: string): Json {
  if (name === 'true' || name === 'false') return name === 'true';
  if (name === 'nil' || name === 'null') return null;
  return name.startsWith('Elixir.') ? name.slice('Elixir.'.length) : name;
}

function listJson(elements: readonly Term[]): Json {
  const pairs = elements.flatMap((element) => keywordPair(element) ?? []);
  const isKeyword = elements.length > 0 && pairs.length === elements.length;
  if (isKeyword && new Set(pairs.map(({ key }) => key)).size === pairs.length) {
    return Object.fromEntries(pairs.map(({ key, value }) => [key, jsonOfTerm(value)]));
  }
  const characters = elements.every(({ t }) => t === 'int') ? textOf({ t: 'list', e: elements }) : null;
  if (characters !== null && elements.length > 0 && isReadable(characters)) return characters;
  return elements.map(jsonOfTerm);
}

function keywordPair(term: Term): { readonly key: string; readonly value: Term } | null {
  if (term.t !== 'tuple' || term.e.length !== 2) return null;
  const [first, value] = term.e;
  const key = atomName(first);
  return key === null || value === undefined ? null : { key, value };
}

const calendar: { readonly [struct: string]: 'date' | 'time' | 'both' } = {
  'Elixir.Date': 'date',
  'Elixir.Time': 'time',
  'Elixir.NaiveDateTime': 'both',
  'Elixir.DateTime': 'both',
};

function mapJson(entries: readonly (readonly [Term, Term])[]): Json {
  const fields = new Map(entries.map(([key, value]) => [keyText(key), value] as const));
  const struct = atomName(fields.get('__struct__'));
  const kind = struct === null ? undefined : calendar[struct];
  if (kind !== undefined) {
    const said = calendarText(fields, kind, struct === 'Elixir.DateTime');
    if (said !== null) return said;
  }
  const members = struct === 'Elixir.MapSet' ? fields.get('map') : undefined;
  if (members?.t === 'map') return members.e.map(([member]) => jsonOfTerm(member));
  return Object.fromEntries([...fields].map(([key, value]) => [key, jsonOfTerm(value)]));
}

function keyText(key: Term): string {
  if (key.t === 'atom') return key.v;
  return key.t === 'text' ? key.v : printed(key);
}

/** ISO 8601, as Elixir's own `to_iso8601`; null where a field is not as expected. */
function calendarText(
  fields: ReadonlyMap<string, Term>,
  kind: 'date' | 'time' | 'both',
  isUtc: boolean,
): string | null {
  const number = (name: string, digits: number): string | null => {
    const field = fields.get(name);
    return field?.t === 'int' ? String(field.v).padStart(digits, '0') : null;
  };
  const date = [number('year', 4), number('month', 2), number('day', 2)];
  const time = [number('hour', 2), number('minute', 2), number('second', 2)];
  const wanted = [...(kind === 'time' ? [] : date), ...(kind === 'date' ? [] : time)];
  if (wanted.includes(null)) return null;
  const offset = isUtc ? offsetText(fields) : '';
  if (offset === null) return null;
  const parts = { date: date.join('-'), time: time.join(':') + fraction(fields), both: '' };
  return kind === 'both' ? `${parts.date}T${parts.time}${offset}` : parts[kind];
}

function fraction(fields: ReadonlyMap<string, Term>): string {
  const field = fields.get('microsecond');
  const [us, precision] = field?.t === 'tuple' ? field.e : [];
  if (us?.t !== 'int' || precision?.t !== 'int' || precision.v === 0) return '';
  return `.${String(us.v).padStart(6, '0').slice(0, precision.v)}`;
}

function offsetText(fields: ReadonlyMap<string, Term>): string | null {
  const parts = ['utc_offset', 'std_offset'].map((name) => fields.get(name));
  const seconds = parts.reduce((sum, part) => sum + (part?.t === 'int' ? part.v : Number.NaN), 0);
  if (Number.isNaN(seconds)) return null;
  if (seconds === 0) return 'Z';
  const minutes = Math.floor(Math.abs(seconds) / 60);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${seconds < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

/** Whether text is what a person wrote: an Erlang string and a list of small numbers are the same term. */
function isReadable(characters: string): boolean {
  return /^[\t\n\r\u0020-\u007e\u00a0-\u{10ffff}]+$/u.test(characters);
}

function printed(term: Term): string {
  return printTerm(term, { syntax: 'erlang', maxLength: 2_000, maxDepth: 8 });
}
