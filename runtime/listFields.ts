/**
 * The fields by which lists are filtered and ordered where their rows are (`RowSelect`), and the value of each in a row. They are named as
 * in the rows that callers see.
 */
import type { ChildRow, Json, NameRow, PortRow, ProcessRef, TableRow } from './model.ts';
import { processId } from './model.ts';

/** What a field holds. An `id` is a process's, which can be looked for, and is in no order. */
export type FieldForm = 'text' | 'number' | 'boolean' | 'id';

export const tableFields = {
  name: 'text',
  type: 'text',
  protection: 'text',
  objects: 'number',
  bytes: 'number',
  bytesPerObject: 'number',
  owner: 'id',
  ownerName: 'text',
  named: 'boolean',
  keyPosition: 'number',
  compressed: 'boolean',
  readConcurrency: 'boolean',
  writeConcurrency: 'text',
} as const satisfies { readonly [field: string]: FieldForm };
export type TableField = keyof typeof tableFields;

/** The value of a field of a table. */
export function tableValue(table: TableRow, field: TableField): Json {
  switch (field) {
    case 'owner':
      return processId(table.owner);
    case 'named':
      return table.isNamed;
    case 'compressed':
      return table.isCompressed;
    case 'bytesPerObject':
      return bytesPerObject(table);
    default:
      return table[field];
  }
}

/** On average, rounded; null for an empty table. */
export function bytesPerObject({ objects, bytes }: Pick<TableRow, 'objects' | 'bytes'>): number | null {
  return objects === 0 ? null : Math.round(bytes / objects);
}

/** What does not change while a port is there. */
export const lastingPortFields = {
  id: 'text',
  name: 'text',
  kind: 'text',
  owner: 'id',
  ownerName: 'text',
  local: 'text',
  remote: 'text',
} as const satisfies { readonly [field: string]: FieldForm };
export const portFields = {
  ...lastingPortFields,
  inputBytes: 'number',
  outputBytes: 'number',
  queueBytes: 'number',
  memoryBytes: 'number',
} as const satisfies { readonly [field: string]: FieldForm };
export type PortField = keyof typeof portFields;

/** The value of a field of a port or a socket. */
export function portValue(port: PortRow, field: PortField): Json {
  return field === 'owner' ? idOrNull(port.owner) : port[field];
}

export const nameFields = { name: 'text', pid: 'id', node: 'text' } as const satisfies {
  readonly [field: string]: FieldForm;
};
export type NameField = keyof typeof nameFields;

/** The value of a field of a name. `name` is the text of one of a node's own names; others are terms, and have none. */
export function nameValue({ name, pid }: NameRow, field: NameField): Json {
  switch (field) {
    case 'name':
      return name.in === 'local' ? name.name : null;
    case 'pid':
      return processId(pid);
    case 'node':
      return pid.node;
  }
}

export const childFields = {
  index: 'number',
  type: 'text',
  state: 'text',
  pid: 'id',
  registeredName: 'text',
} as const satisfies { readonly [field: string]: FieldForm };
export type ChildField = keyof typeof childFields;

/** The value of a field of a child. */
export function childValue(child: ChildRow, field: ChildField): Json {
  switch (field) {
    case 'state':
      return child.state.is;
    case 'pid':
      return child.state.is === 'running' ? processId(child.state.pid) : null;
    default:
      return child[field];
  }
}

function idOrNull(process: ProcessRef | null): string | null {
  return process === null ? null : processId(process);
}
