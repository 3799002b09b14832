/** What the worker is started with. */
import type { ConnectionId, NodeName } from '../model.ts';

export type WorkerData = {
  readonly id: ConnectionId;
  readonly nodes: readonly NodeName[];
  /** Left out: the cluster file's, else 1. */
  readonly seed?: number;
  /** What runs; the demo unless said. Its nodes are the file's. */
  readonly clusterFile?: string;
  /** `deterministic`: time passes only while a call waits; `live` unless said. */
  readonly time?: 'live' | 'deterministic';
  readonly sandboxChildFile: string;
};

/** Checks what came with the thread; null when it is not ours. */
export function readWorkerData(data: unknown): WorkerData | null {
  return isWorkerData(data) ? data : null;
}

function isWorkerData(data: unknown): data is WorkerData {
  if (typeof data !== 'object' || data === null) return false;
  return (
    'id' in data &&
    typeof data.id === 'string' &&
    (!('seed' in data) || data.seed === undefined || typeof data.seed === 'number') &&
    (!('clusterFile' in data) || data.clusterFile === undefined || typeof data.clusterFile === 'string') &&
    'sandboxChildFile' in data &&
    typeof data.sandboxChildFile === 'string' &&
    'nodes' in data &&
    Array.isArray(data.nodes) &&
    data.nodes.every((name) => typeof name === 'string') &&
    (!('time' in data) || data.time === undefined || data.time === 'live' || data.time === 'deterministic')
  );
}
