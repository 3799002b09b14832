/** The fields of a process: which item of `process_info/2` (ERTS manual) holds each, and how its value is shown. */
import type { CheapField, Json, ProcessField, ProcessRef } from '../../model.ts';
import { cheapFields, processId } from '../../model.ts';
import { columnKind } from '../../processQuery.ts';
import { printTerm } from '../../term/print.ts';
import type { Term } from '../../term/term.ts';
import { listElements } from '../../term/term.ts';
import type { ItemForm } from './pushdown.ts';
import { atomName, functionText, listOf, numberOf, processOf, propertiesOf, textOf, tupleOf } from './read.ts';

type Field = {
  readonly item: string;
  /** The first OTP release whose `process_info/2` has the item; before it the field is null. */
  readonly since?: number;
  readonly read: (value: Term) => Json;
};

const fields: { readonly [field in ProcessField]: Field } = {
  registered_name: { item: 'registered_name', read: atomName },
  initial_call: { item: 'initial_call', read: functionText },
  status: { item: 'status', read: atomName },
  reductions: { item: 'reductions', read: numberOf },
  message_queue_len: { item: 'message_queue_len', read: numberOf },
  group_leader: { item: 'group_leader', read: processText },
  label: { item: 'label', since: 27, read: labelText },
  memory: { item: 'memory', read: numberOf },
  current_function: { item: 'current_function', read: functionText },
  total_heap_size: { item: 'total_heap_size', read: numberOf },
  links: { item: 'links', read: (value) => listOf(value).map(partnerText) },
  monitors: { item: 'monitors', read: (value) => listOf(value).map(monitoredText) },
  dictionary: { item: 'dictionary', read: (value) => listOf(value).map(entryOf) },
  current_stacktrace: { item: 'current_stacktrace', read: (value) => listOf(value).map(frameText) },
  trap_exit: { item: 'trap_exit', read: (value) => atomName(value) === 'true' },
  parent: { item: 'parent', since: 25, read: processText },
  ancestors: { item: 'dictionary', read: ancestorsOf },
  current_location: { item: 'current_location', read: (value) => (atomName(value) === null ? frameText(value) : null) },
  monitored_by: { item: 'monitored_by', read: (value) => listOf(value).map(partnerText) },
  suspending: { item: 'suspending', read: (value) => listOf(value).map(suspendedText) },
  priority: { item: 'priority', read: atomName },
  garbage_collection: { item: 'garbage_collection', read: figuresOf },
  // Summed up there (rows.erl).
  binary_bytes: { item: 'binary', read: numberOf },
};

function processText(value: Term): string | null {
  const process = processOf(value);
  return process === null ? null : processId(process);
}

/** A link leads to a process, by its id, or to a port, as OTP prints it. */
function partnerText(value: Term): string {
  return processText(value) ?? printTerm(value, { syntax: 'erlang', maxLength: 200, maxDepth: 3 });
}

/** `{process, Pid}`, `{process, {Name, Node}}`, `{port, …}`. */
function monitoredText(value: Term): string {
  const [, what] = tupleOf(value, 2) ?? [];
  return partnerText(what ?? value);
}

/** `{Pid, ActiveSuspendCount, OutstandingSuspendCount}` */
function suspendedText(value: Term): string {
  return partnerText(tupleOf(value, 3)?.[0] ?? value);
}

/** The figures of a property list or map, one level down too (`max_heap_size`). */
function figuresOf(value: Term): Json {
  const figures = [...propertiesOf(value)].map(([name, figure]): [string, Json] => [
    name,
    figure.t === 'map' ? figuresOf(figure) : (numberOf(figure) ?? atomName(figure)),
  ]);
  return Object.fromEntries(figures);
}

function labelText(value: Term): string | null {
  if (atomName(value) === 'undefined') return null;
  return textOf(value) ?? partnerText(value);
}

/** Keys and values stay terms: how they are shown is the reader's choice. */
function entryOf(value: Term): Json {
  return [...(tupleOf(value, 2) ?? [value])];
}

/** `module:function/arity`, with file and line where the node knows them. */
function frameText(value: Term): string {
  const [module, name, arity, location] = tupleOf(value, 4) ?? [];
  if (module === undefined || name === undefined || arity === undefined) return partnerText(value);
  const called = functionText({ t: 'tuple', e: [module, name, arity] }) ?? partnerText(value);
  const where = propertiesOf(location);
  const file = textOf(where.get('file'));
  const line = numberOf(where.get('line'));
  return file === null || line === null ? called : `${called} (${file}:${String(line)})`;
}

/** The processes above it, nearest first, by id or registered name; null for what proc_lib did not start. */
function ancestorsOf(dictionary: Term): Json {
  const ancestors = propertiesOf(dictionary).get('$ancestors');
  if (ancestors === undefined) return null;
  return (listElements(ancestors) ?? []).map((ancestor) => atomName(ancestor) ?? partnerText(ancestor));
}

/** Whether `key` costs the target little for every process (see model.ts). */
export function isCheap(key: ProcessField): key is CheapField {
  return cheapFields.some((cheap) => cheap === key);
}

/** The first of `keys` that is no field, or null; params may come from anybody. */
export function unknownKey(keys: readonly string[]): string | null {
  return keys.find((key) => !Object.hasOwn(fields, key)) ?? null;
}

/** Whether a node of that release has the item of `key`. */
export function isThere(key: ProcessField, release: number | null): boolean {
  const { since } = fields[key];
  return since === undefined || (release ?? 0) >= since;
}

/** The item of `process_info/2` that holds `key`. */
export function itemOf(key: ProcessField): string {
  return fields[key].item;
}

/** Fields shown as the text of an atom or of a function, and fields that hold a pid, shown as its id. */
const texts: ReadonlySet<ProcessField> = new Set([
  'registered_name',
  'initial_call',
  'status',
  'current_function',
  'priority',
]);
const pids: ReadonlySet<ProcessField> = new Set(['group_leader', 'parent']);

/** By what a node of that release can decide on `key`; null where only we can. */
export function formOf(key: ProcessField, release: number | null): ItemForm | null {
  const as = formIn(key);
  return as === null || !isThere(key, release) ? null : { item: fields[key].item, as };
}

function formIn(key: ProcessField): ItemForm['as'] | null {
  if (columnKind(key) === 'number') return 'number';
  if (texts.has(key)) return 'text';
  if (pids.has(key)) return 'id';
  if (key === 'trap_exit') return 'boolean';
  return key === 'ancestors' ? 'ancestors' : null;
}

/** The items of `process_info/2` that hold `keys` on a node of that release. */
export function itemsOf(keys: readonly ProcessField[], release: number | null): readonly string[] {
  return [...new Set(keys.filter((key) => isThere(key, release)).map((key) => fields[key].item))];
}

/** What the node is to work out in place of what it is made of (`rows_less/2` of rows.erl), so that it need not be sent. */
export function lessOf(keys: readonly ProcessField[], how: { readonly realCalls: boolean }): readonly string[] {
  return [
    ...(how.realCalls && keys.includes('initial_call') ? ['real_calls'] : []),
    ...(keys.includes('ancestors') && !keys.includes('dictionary') ? ['ancestors'] : []),
    ...(keys.includes('binary_bytes') ? ['binaries'] : []),
  ];
}

/** The field's value of what `process_info/2` answered for its item. */
export function fieldValue(key: ProcessField, value: Term): Json {
  return fields[key].read(value);
}

/** One process as read: the values of the fields asked for. */
export type ProcessValues = { readonly pid: ProcessRef; readonly values: Map<ProcessField, Json> };

/** Reads what `process_info/2` answered; null for a process that has ended (`undefined`). */
export function readProcess(
  pid: ProcessRef,
  answer: Term | undefined,
  keys: readonly ProcessField[],
): ProcessValues | null {
  if (answer === undefined || answer.t === 'atom') return null;
  const items = propertiesOf(answer);
  const values = new Map<ProcessField, Json>();
  for (const key of keys) {
    const value = items.get(fields[key].item);
    values.set(key, value === undefined ? null : fields[key].read(value));
  }
  return { pid, values };
}
