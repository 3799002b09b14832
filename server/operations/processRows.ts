/** Process rows: from the port's columns to what callers see. */
import type { Json, Predicate, ProcessField, ProcessRef, RowPage, Scalar } from '../../runtime/model.ts';
import { pidText, processId } from '../../runtime/model.ts';
import type { Filter, ListRow } from './lists.ts';
import { readSort } from './lists.ts';

/** The fields of a row by their public names; what they are at the port; what they hold. */
export const processFields = {
  registeredName: { key: 'registered_name', kind: 'text', costly: false },
  initialCall: { key: 'initial_call', kind: 'text', costly: false },
  currentFunction: { key: 'current_function', kind: 'text', costly: true },
  status: { key: 'status', kind: 'text', costly: false },
  memory: { key: 'memory', kind: 'number', costly: true },
  reductions: { key: 'reductions', kind: 'number', costly: false },
  messageQueueLen: { key: 'message_queue_len', kind: 'number', costly: false },
} as const satisfies Record<string, { key: ProcessField; kind: 'text' | 'number'; costly: boolean }>;
export type ProcessFieldName = keyof typeof processFields;
export const processFieldNames: readonly ProcessFieldName[] = Object.keys(processFields).filter(isProcessField);

/** Whether `name` is a field of a process row. */
export function isProcessField(name: string): name is ProcessFieldName {
  return Object.hasOwn(processFields, name);
}

/** The process a row of a page is of. */
export function processAt(page: RowPage, index: number): ProcessRef {
  const { node, creation } = page.of;
  return { node, creation, id: page.ids[index] ?? 0, serial: page.serials[index] ?? 0 };
}

/** How a process is named in every result. */
export function namedProcess(process: ProcessRef): {
  readonly pid: string;
  readonly node: string;
  readonly display: string;
} {
  return { pid: processId(process), node: process.node, display: pidText(process) };
}

/** The rows of a page, with those of `fields` that it has. */
export function rowsOf(page: RowPage, fields: readonly ProcessFieldName[]): ListRow[] {
  return Array.from(page.ids, (_id, index) => ({
    ...namedProcess(processAt(page, index)),
    ...Object.fromEntries(fields.map((field) => [field, cell(page, processFields[field].key, index)])),
  }));
}

/** One value of a page; null when the page does not have it. */
export function cell(page: RowPage, key: ProcessField, index: number): Json {
  const column = page.columns[key];
  switch (column?.as) {
    case undefined:
      return null;
    case 'number':
    case 'json':
      return column.values[index] ?? null;
    case 'dictionary':
      return column.values[column.index[index] ?? -1] ?? null;
  }
}

/** A filter as the port's predicate; undefined when it asks for nothing. */
export function predicateOf(filter: Filter | undefined): Predicate | undefined {
  const all = Object.entries(filter ?? {}).flatMap(([field, condition]) =>
    isProcessField(field)
      ? Object.entries(condition).map(([op, value]: [string, Json]) => oneOf(field, op, value))
      : [],
  );
  return all.length === 0 ? undefined : { all };
}

function oneOf(field: ProcessFieldName, op: string, value: Json): Predicate {
  const { key } = processFields[field];
  if (op === 'contains' || op === 'prefix') {
    // The schema lets only text fields have these.
    const text = key === 'registered_name' || key === 'initial_call' || key === 'current_function' ? key : 'label';
    return { key: text, op, value: typeof value === 'string' ? value : '' };
  }
  const comparison = (['eq', 'ne', 'lt', 'le', 'gt', 'ge'] as const).find((known) => known === op) ?? 'eq';
  return { key, op: comparison, value: scalar(value) };
}

function scalar(value: Json): Scalar {
  return typeof value === 'object' ? null : value;
}

/** The port keys a filter or sort needs beside those asked for. */
export function keysIn(filter: Filter | undefined, sort: string | undefined): readonly ProcessField[] {
  const names = [...Object.keys(filter ?? {}), ...(sort === undefined ? [] : [readSort(sort).field])];
  return names.filter(isProcessField).map((name) => processFields[name].key);
}
