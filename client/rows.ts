/** Rows of watches, read into the types they are rows of. What a tree uses of a row is checked; a row that is not whole is left out. */
import type { ChildRow, Json, NodeRow, ProcessRef, ProcessRow, SandboxInfo, SupervisorInfo } from '../runtime/model.ts';
import type { ConnectionInfo } from '../server/protocol/connection.ts';
import { accessLevels } from '../server/protocol/connection.ts';
import type { CatalogueEntry } from '../server/protocol/operation.ts';
import { isRecord } from './decode.ts';

const connectionStates = ['connecting', 'ready', 'degraded', 'lost', 'closed'];

export function isConnectionInfo(row: unknown): row is ConnectionInfo {
  return (
    isRecord(row) &&
    typeof row['id'] === 'string' &&
    typeof row['label'] === 'string' &&
    typeof row['kind'] === 'string' &&
    accessLevels.some((level) => level === row['access']) &&
    isRecord(row['state']) &&
    connectionStates.some((state) => isRecord(row['state']) && state === row['state']['is']) &&
    isRecord(row['capabilities']) &&
    isRecord(row['capabilities']['runtime'])
  );
}

export function isNodeRow(row: unknown): row is NodeRow {
  return (
    isRecord(row) &&
    typeof row['node'] === 'string' &&
    typeof row['creation'] === 'number' &&
    typeof row['status'] === 'string' &&
    typeof row['hidden'] === 'boolean' &&
    isRecord(row['reach']) &&
    (row['stats'] === null || isRecord(row['stats']))
  );
}

function isProcessRef(value: unknown): value is ProcessRef {
  return (
    isRecord(value) &&
    typeof value['node'] === 'string' &&
    ['creation', 'id', 'serial'].every((key) => typeof value[key] === 'number')
  );
}

export function isSupervisorInfo(row: unknown): row is SupervisorInfo {
  return (
    isRecord(row) &&
    isProcessRef(row['supervisor']) &&
    typeof row['kind'] === 'string' &&
    (row['parent'] === null || isProcessRef(row['parent'])) &&
    (row['flags'] === null || isRecord(row['flags'])) &&
    (row['name'] === null || isRecord(row['name']))
  );
}

export function isChildRow(row: unknown): row is ChildRow {
  return (
    isRecord(row) &&
    isRecord(row['childId']) &&
    (row['type'] === 'worker' || row['type'] === 'supervisor') &&
    (row['modules'] === 'dynamic' || Array.isArray(row['modules'])) &&
    isRecord(row['state']) &&
    (row['state']['is'] !== 'running' || isProcessRef(row['state']['pid'])) &&
    typeof row['index'] === 'number'
  );
}

export function isSandboxInfo(row: unknown): row is SandboxInfo {
  return (
    isRecord(row) &&
    typeof row['id'] === 'string' &&
    typeof row['name'] === 'string' &&
    typeof row['state'] === 'string' &&
    isRecord(row['isolation']) &&
    isRecord(row['limits'])
  );
}

export function isProcessRow(row: unknown): row is ProcessRow {
  return (
    isRecord(row) &&
    typeof row['pid'] === 'string' &&
    typeof row['node'] === 'string' &&
    typeof row['display'] === 'string'
  );
}

export function isCatalogueEntry(row: unknown): row is CatalogueEntry {
  return (
    isRecord(row) &&
    ['name', 'title', 'description', 'category', 'severity'].every((key) => typeof row[key] === 'string') &&
    Array.isArray(row['needs']) &&
    Array.isArray(row['examples']) &&
    isRecord(row['params']) &&
    isRecord(row['origin'])
  );
}

/** `{items, next, total}` of a listing operation; null when the result is not one. */
export function listingOf(result: Json): { items: readonly Json[]; next: string | null; total: number | null } | null {
  if (!isRecord(result)) return null;
  const { items, next, total } = result;
  if (!Array.isArray(items)) return null;
  return {
    items,
    next: typeof next === 'string' ? next : null,
    total: typeof total === 'number' ? total : null,
  };
}
