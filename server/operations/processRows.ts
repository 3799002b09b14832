/** Process rows: from the port's columns to what callers see. */
import type { Json, ProcessField, ProcessRef, RowPage, RowPredicate } from '../../runtime/model.ts';
import { pidText, processId } from '../../runtime/model.ts';
import { portPredicate } from './filterPredicate.ts';
import type { ListRow } from './lists.ts';
import { readSort } from './lists.ts';
import type { Filter } from './rowFilter.ts';
import { filteredFields } from './rowFilter.ts';

/**
 * The fields of a row by their public names; what they are at the port; what they hold; whether they cost the target something when they
 * are asked of all processes; and whether a row has them unless asked otherwise.
 */
export const processFields = {
  registeredName: { key: 'registered_name', kind: 'text', costly: false, usual: true },
  // The real one stands in the dictionary of what proc_lib started.
  initialCall: { key: 'initial_call', kind: 'text', costly: true, usual: true },
  currentFunction: { key: 'current_function', kind: 'text', costly: true, usual: true },
  status: { key: 'status', kind: 'text', costly: false, usual: true },
  memory: { key: 'memory', kind: 'number', costly: true, usual: true },
  reductions: { key: 'reductions', kind: 'number', costly: false, usual: true },
  messageQueueLen: { key: 'message_queue_len', kind: 'number', costly: false, usual: true },
  label: { key: 'label', kind: 'text', costly: false, usual: false },
  totalHeapSize: { key: 'total_heap_size', kind: 'number', costly: true, usual: false },
  binaryBytes: { key: 'binary_bytes', kind: 'number', costly: true, usual: false },
  priority: { key: 'priority', kind: 'text', costly: true, usual: false },
  trapExit: { key: 'trap_exit', kind: 'boolean', costly: true, usual: false },
  parent: { key: 'parent', kind: 'text', costly: true, usual: false },
  groupLeader: { key: 'group_leader', kind: 'text', costly: false, usual: false },
} as const satisfies Record<
  string,
  { key: ProcessField; kind: 'text' | 'number' | 'boolean'; costly: boolean; usual: boolean }
>;
export type ProcessFieldName = keyof typeof processFields;
/** All of them. */
export const everyProcessField: readonly ProcessFieldName[] = Object.keys(processFields).filter(isProcessField);
/** Those of a row unless asked otherwise. */
export const processFieldNames: readonly ProcessFieldName[] = everyProcessField.filter(
  (name) => processFields[name].usual,
);

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
  return Array.from(page.ids, (_id, index) => rowAt(page, index, fields));
}

/** One row of a page. */
export function rowAt(page: RowPage, index: number, fields: readonly ProcessFieldName[]): ListRow {
  const row: { [field: string]: Json } = { ...namedProcess(processAt(page, index)) };
  for (const field of fields) row[field] = cell(page, processFields[field].key, index);
  return row;
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
export function predicateOf(filter: Filter | undefined): RowPredicate<ProcessKey> | undefined {
  return portPredicate(filter, (field) => (isProcessField(field) ? { key: processFields[field].key } : null)).where;
}
type ProcessKey = (typeof processFields)[ProcessFieldName]['key'];

/** The fields that a filter or a sort text looks at. */
export function fieldsIn(filter: Filter | undefined, sort: string | undefined): readonly ProcessFieldName[] {
  const names = [...filteredFields(filter), ...(sort === undefined ? [] : [readSort(sort).field])];
  return [...new Set(names)].filter(isProcessField);
}
