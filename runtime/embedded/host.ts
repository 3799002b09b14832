/** Starts a simulated cluster in a thread of its own, so that it never holds up whoever operates it. */
import fs from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { failure } from '../errors.ts';
import type { ConnectionId, Failure, NodeName, Result } from '../model.ts';
import { ok } from '../model.ts';
import type { Runtime } from '../port.ts';
import { connectPort } from '../proxy/connectPort.ts';
import { workerEndpoint } from '../proxy/endpoint.ts';
import type { WorkerData } from './workerData.ts';

export type SimulatedOptions = {
  readonly id: ConnectionId;
  /** How many nodes (1..50): `demo1@sim`, `demo2@sim`, …; those of the cluster file, where there is one. */
  readonly nodes: number;
  /** Any integer; one seed draws the same chances. In live time the order of events still varies. */
  readonly seed?: number;
  /** What runs; the demo unless said. */
  readonly clusterFile?: string;
  /** `live` unless said. */
  readonly time?: 'live' | 'deterministic';
  /** The built worker.ts. */
  readonly workerFile: string;
  /** The built sandbox/child.ts; `sandboxChild.js` beside the worker unless said. */
  readonly sandboxChildFile?: string;
};

const mostNodes = 50;
const startMs = 15_000;

/**
 * Starts the cluster and answers its runtime once it is ready. `close` ends the thread and every sandbox; when the thread crashes the
 * runtime's state becomes `lost`.
 */
export async function startSimulated(options: SimulatedOptions): Promise<Result<Runtime>> {
  const fault = faultOf(options);
  if (fault !== null) return fault;
  const { id, seed, clusterFile, time = 'live', workerFile } = options;
  const sandboxChildFile = options.sandboxChildFile ?? path.join(path.dirname(workerFile), 'sandboxChild.js');
  const nodes: readonly NodeName[] = Array.from({ length: options.nodes }, (_, at) => `demo${at + 1}@sim`);
  const workerData: WorkerData = {
    id,
    nodes,
    time,
    sandboxChildFile,
    ...(seed !== undefined && { seed }),
    ...(clusterFile !== undefined && { clusterFile: path.resolve(clusterFile) }),
  };
  const worker = new Worker(workerFile, { workerData, name: `simulated ${id}` });
  const runtime = connectPort(workerEndpoint(worker), { id, kind: 'simulated' });
  const ready = await untilReady(runtime);
  if (ready.ok) return ok(runtime);
  await runtime.close();
  return ready;
}

function untilReady(runtime: Runtime): Promise<Result<null>> {
  return new Promise((resolve) => {
    const settle = (result: Result<null>): void => {
      clearTimeout(timer);
      listening.dispose();
      resolve(result);
    };
    const look = (): void => {
      const { state } = runtime;
      if (state.is === 'ready') settle(ok(null));
      // What is wrong with a cluster file is its user's to know as it is.
      else if (state.is === 'lost') {
        settle(
          state.error.class === 'unavailable' ? startFailed(state.error.message) : { ok: false, error: state.error },
        );
      }
    };
    const timer = setTimeout(() => settle(startFailed('It was not ready in time.')), startMs);
    const listening = runtime.onChange(look);
    look();
  });
}

function startFailed(why: string): Failure {
  return failure(
    'unavailable',
    'simulated.start_failed',
    `The simulated cluster could not be started: ${why}`,
    'Try again; if it fails again, report it with the log.',
    { details: { why } },
  );
}

function faultOf({ nodes, seed, workerFile }: SimulatedOptions): Failure | null {
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > mostNodes) {
    return failure(
      'validation',
      'simulated.nodes',
      `A simulated cluster has 1 to ${mostNodes} nodes.`,
      `Ask for a whole number from 1 to ${mostNodes}.`,
      { pointer: '/nodes' },
    );
  }
  if (seed !== undefined && !Number.isSafeInteger(seed)) {
    return failure('validation', 'simulated.seed', 'A seed is a whole number.', 'Give one, for example 1.', {
      pointer: '/seed',
    });
  }
  if (!fs.existsSync(workerFile)) {
    return failure(
      'unavailable',
      'simulated.not_built',
      `There is no file ${workerFile}.`,
      'Build the project first (npm run build).',
    );
  }
  return null;
}
