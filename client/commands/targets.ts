/** What an element of a tree means to an operation: the parameters it gives, and the connection it belongs to. */
import { pidText, processId } from '../../runtime/model.ts';
import type { ConnectionId, Json } from '../../runtime/model.ts';
import { printTerm } from '../../runtime/term/print.ts';
import type { CatalogueEntry } from '../../server/protocol/operation.ts';
import { isJson, isRecord } from '../decode.ts';
import { fieldsOf } from '../form/fields.ts';
import type { PickKind } from '../form/fields.ts';
import { nameText } from '../terms.ts';
import type { NodesData } from '../views/nodesView.ts';
import type { OperationsData } from '../views/operationsView.ts';
import type { SandboxesData } from '../views/sandboxesView.ts';
import type { SupervisorsData } from '../views/supervisorsView.ts';

export type AnyData = NodesData | SupervisorsData | SandboxesData | OperationsData;

export type Target = {
  readonly connection: ConnectionId | null;
  /** What the element is, in the words of `x-arsenal.pick`. */
  readonly picks: { readonly [K in PickKind]?: string };
};

/** What `data` names; null for what is no system, node, process, supervisor or sandbox. */
export function targetOf(data: AnyData): Target | null {
  switch (data.is) {
    case 'session':
      return { connection: data.entry.is === 'open' ? data.entry.info.id : null, picks: {} };
    case 'node':
      return { connection: data.connection, picks: { node: 'row' in data ? data.row.node : data.node } };
    case 'processes':
      return { connection: data.connection, picks: { node: data.node } };
    case 'process':
      return { connection: data.connection, picks: { process: data.row.pid, node: data.row.node } };
    case 'supervisor': {
      const id = processId(data.pid);
      return { connection: data.connection, picks: { process: id, supervisor: id, node: data.pid.node } };
    }
    case 'child': {
      const { state } = data.child;
      const node = data.supervisor.node;
      const supervisor = processId(data.supervisor);
      // Children of dynamic supervisors have no id of their own; a process names each that runs.
      if (state.is !== 'running') {
        const child = printTerm(data.child.childId, { syntax: 'elixir' });
        return { connection: data.connection, picks: { supervisor, child, node } };
      }
      const process = processId(state.pid);
      return {
        connection: data.connection,
        picks: { process, child: process, supervisor, node: state.pid.node },
      };
    }
    case 'sandbox':
      return { connection: data.connection, picks: { sandbox: data.sandbox.id } };
    case 'operation':
      return { connection: null, picks: { operation: data.entry.name } };
    default:
      return null;
  }
}

/** The id that "Copy Id" copies: of the process, the sandbox or the node. */
export function idOf(data: AnyData): string | null {
  if (data.is === 'session') return data.entry.is === 'open' ? data.entry.info.id : null;
  const picks = targetOf(data)?.picks;
  return picks?.process ?? picks?.sandbox ?? picks?.operation ?? picks?.node ?? null;
}

/** What people call an element: the name of a process and where it is. */
export function labelOf(data: AnyData): string {
  switch (data.is) {
    case 'process': {
      const { registeredName, display, node } = data.row;
      return [...(registeredName == null ? [] : [nameText(registeredName)]), display, node].join(' ');
    }
    case 'child': {
      const { childId, registeredName, state } = data.child;
      const name = registeredName === null ? printTerm(childId, { syntax: 'elixir' }) : nameText(registeredName);
      return state.is === 'running'
        ? `${name} ${pidText(state.pid)} ${state.pid.node}`
        : `${name} ${data.supervisor.node}`;
    }
    case 'supervisor': {
      const { info, pid } = data;
      const name = info?.name?.in === 'local' ? `${nameText(info.name.name)} ` : '';
      return `${name}${pidText(pid)} ${pid.node}`;
    }
    case 'sandbox':
      return data.sandbox.name;
    default:
      return idOf(data) ?? '';
  }
}

/**
 * The parameters of `operation` that `target` gives. An id names the node of its process, so a `node` parameter beside a process is left
 * out.
 */
export function presetOf(operation: CatalogueEntry, target: Target): { readonly [key: string]: Json } {
  const fields = fieldsOf(operation.params).flatMap(({ key, kind }) =>
    kind.is === 'text' && kind.pick !== null ? [{ key, pick: kind.pick }] : [],
  );
  const takesProcess = fields.some(({ pick }) => pick === 'process' || pick === 'supervisor');
  return Object.fromEntries(
    fields.flatMap(({ key, pick }) => {
      const value = target.picks[pick];
      if (value === undefined || (pick === 'node' && takesProcess)) return [];
      return [[key, value]];
    }),
  );
}

/** What a caller of a command may give in place of an element: `{operation?, params?, connection?}`. */
export function parseCallArguments(value: unknown): {
  readonly operation?: string;
  readonly params?: { readonly [key: string]: Json };
  readonly connection?: ConnectionId;
} {
  if (!isRecord(value)) return {};
  const { operation, params, connection } = value;
  return {
    ...(typeof operation === 'string' && { operation }),
    ...(typeof connection === 'string' && { connection }),
    ...(isParams(params) && { params }),
  };
}

function isParams(value: unknown): value is { readonly [key: string]: Json } {
  return isRecord(value) && isJson(value);
}
