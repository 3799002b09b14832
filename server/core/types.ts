/**
 * The types parameters have in Erlang and Elixir, as JSON Schema: TypeBox's own (`String`, `Integer`, `Boolean` and all the others), and
 * those that JSON has no name for. Text becomes an atom or a process on the target only, by an operation that looks it up there.
 */
import type {
  TArray,
  TNumber,
  TNumberOptions,
  TRecord,
  TSchema,
  TSchemaOptions,
  TString,
  TStringOptions,
} from 'typebox';
import { Type as TypeBox } from 'typebox';

/** Formats of strings beyond those of JSON Schema, and how they are checked. */
export const erlangFormats: { readonly [format: string]: (text: string) => boolean } = {
  'erlang-atom': isAtomText,
  'erlang-pid': isProcessText,
};

const longestAtom = 255;
const longestProcess = 1_024;
const mostByDefault = 1_000;

export interface ErlangTypes {
  /** A number, whole or not; JSON has no infinities. */
  Float(options?: TNumberOptions): TNumber;
  /** The text of an atom: 1 to 255 characters. */
  Atom(options?: TStringOptions): TString;
  /**
   * A process: its id (`NODE~0.1.0~CREATION`), `<0.1.0>`, `#PID<0.1.0>`, `0.1.0`, a registered name, `{global, NAME}` or
   * `{via, MODULE, NAME}`.
   */
  Pid(options?: TStringOptions): TString;
  /** An object with any names, all of whose values are of one type; at most 1,000 unless it says otherwise. */
  Map<V extends TSchema>(value: V, options?: TSchemaOptions & { readonly maxProperties?: number }): TRecord<'^.*$', V>;
  /** A list of one type; at most 1,000 unless it says otherwise. */
  List<V extends TSchema>(item: V, options?: TSchemaOptions & { readonly maxItems?: number }): TArray<V>;
}

const erlangTypes: ErlangTypes = {
  Float: (options) => TypeBox.Number(options),
  Atom: (options) => TypeBox.String({ minLength: 1, maxLength: longestAtom, format: 'erlang-atom', ...options }),
  Pid: (options) => TypeBox.String({ minLength: 1, maxLength: longestProcess, format: 'erlang-pid', ...options }),
  Map: (value, options) => TypeBox.Record(TypeBox.String(), value, { maxProperties: mostByDefault, ...options }),
  List: (item, options) => TypeBox.Array(item, { maxItems: mostByDefault, ...options }),
};

/** What schemas of parameters and results are written with. */
export const Type: typeof TypeBox & ErlangTypes = { ...TypeBox, ...erlangTypes };

/** Atoms are text in UTF-8, of which half a surrogate pair is none. */
function isAtomText(text: string): boolean {
  return text !== '' && Array.from(text).length <= longestAtom && !/\p{Surrogate}/u.test(text);
}

const local = String.raw`\d{1,10}\.\d{1,10}\.\d{1,10}`;
const processForms = [
  new RegExp(`^${local}$`),
  new RegExp(`^<${local}>$`),
  new RegExp(`^#PID<${local}>$`),
  new RegExp(`^[^~\\s]{1,255}~${local}~[0-9a-f]{1,8}$`),
  /^\{\s*global\s*,.+\}$/s,
  /^\{\s*via\s*,.+,.+\}$/s,
];

/** What begins as one of the printed forms must be one; everything else is a name. */
function isProcessText(text: string): boolean {
  if (processForms.some((form) => form.test(text))) return true;
  return !/^[<#{]/.test(text) && !text.includes('~') && isAtomText(text);
}
