/** Local clusters as the server uses them: opened as a connection, and managed from outside by the command line. */
import path from 'node:path';
import { callOptions } from '../../runtime/callOptions.ts';
import { failure, nodeNotFound, unsupported } from '../../runtime/errors.ts';
import type { ConnectionId, NodeName, Result } from '../../runtime/model.ts';
import { fail, ok } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import { isLocalRuntime, startLocal } from '../../runtime/local/localRuntime.ts';
import type { LocalClusterInfo, LocalSpec } from '../../runtime/local/localSpec.ts';
import { usualSpec } from '../../runtime/local/localSpec.ts';
import { attachOwner, attachRunning } from '../../runtime/local/owner/attachOwner.ts';
import type { OwnerClient } from '../../runtime/local/owner/ownerClient.ts';
import { clusterDirOf } from '../../runtime/local/owner/ownerFiles.ts';
import type { LocalClusterSpec, LocalLog, LocalLogFrom } from '../protocol/connection.ts';
import type { OpenerFiles } from './openers.ts';

export type { LocalClusterInfo };

/** Preflight may compile a whole project. */
const startMs = 20 * 60_000;
const askMs = 10_000;
const stopMs = 20_000;

/** Starts the local cluster of a project, or joins the one that runs. Errors: those of startLocal. */
export function openLocalCluster(
  spec: LocalClusterSpec,
  id: ConnectionId,
  files: OpenerFiles,
  signal?: AbortSignal,
): Promise<Result<Runtime>> {
  return startLocal({
    id,
    spec: localSpecOf(spec),
    home: files.home,
    ownerFile: ownerFileOf(files),
    leaseDir: path.join(files.home, 'leases'),
    ...(signal !== undefined && { signal }),
  });
}

/** What a node printed; null: the build. Error: `runtime.unsupported` for a runtime that is no local cluster. */
export async function readLocalLog(
  runtime: Runtime,
  node: NodeName | null,
  from: LocalLogFrom,
  signal: AbortSignal,
): Promise<Result<LocalLog>> {
  if (!isLocalRuntime(runtime)) {
    return unsupported(
      'Reading what a node printed',
      'its output went where whoever started it wanted.',
      'Look there; only the nodes of a local cluster print to a file of ours.',
    );
  }
  const log = await runtime.log(node, from, callOptions(askMs, signal));
  return log.ok ? ok({ node, ...log.value }) : log;
}

function localSpecOf({ kind: _, ...given }: LocalClusterSpec): LocalSpec {
  return { ...usualSpec, ...given };
}

function ownerFileOf({ simulatedWorkerFile, localClusterFile }: OpenerFiles): string {
  return localClusterFile ?? path.join(path.dirname(simulatedWorkerFile), 'localCluster.js');
}

/** A local cluster managed from outside: each call attaches, asks, and leaves. */
export class LocalClusterControl {
  readonly #files: OpenerFiles;
  readonly #project: string | null;
  readonly #signal: AbortSignal;

  constructor(files: OpenerFiles, project: string | null, signal: AbortSignal) {
    this.#files = files;
    this.#project = project;
    this.#signal = signal;
  }

  /** Starts the cluster, or joins the one that runs; it stays until it is stopped. Errors: those of startLocal. */
  async start(spec: LocalClusterSpec): Promise<Result<LocalClusterInfo>> {
    const clusterDir = await this.#clusterDir();
    const attached = await attachOwner(clusterDir, ownerFileOf(this.#files), 'tool', this.#signal);
    if (!attached.ok) return attached;
    const started = await attached.value.ask(
      'start',
      { spec: localSpecOf(spec), keep: true },
      callOptions(startMs, this.#signal),
    );
    attached.value.close();
    return started;
  }

  /** How it stands; error `local.not_running`, as of all that follow. */
  status(): Promise<Result<LocalClusterInfo>> {
    return this.#asking((owner) => owner.ask('status', {}, this.#options()));
  }

  /** Ends the nodes and their owner, and waits until it is gone. */
  stop(): Promise<Result<null>> {
    return this.#asking(async (owner) => {
      const stopped = await owner.ask('stop', {}, callOptions(stopMs, this.#signal));
      if (stopped.ok) await new Promise<void>((resolve) => owner.onClosed(resolve));
      return stopped;
    });
  }

  /** What a node printed; null: the build. `node` may be a number or a short name. */
  log(node: string | null, from: LocalLogFrom): Promise<Result<LocalLog>> {
    return this.#asking(async (owner) => {
      const found = await this.#named(owner, node === null ? [] : [node]);
      if (!found.ok) return found;
      const [name = null] = found.value;
      const log = await owner.ask('log', { node: name, from }, this.#options());
      return log.ok ? ok({ node: name, ...log.value }) : log;
    });
  }

  /** Parts the nodes until it is healed. Nodes may be numbers or short names. Errors: `node.not_found`, `fault.bad_islands`. */
  partition(
    islands: readonly (readonly string[])[],
    mode: 'cut' | 'blackhole',
    principal: string,
  ): Promise<
    Result<{
      readonly id: string;
      readonly islands: readonly (readonly NodeName[])[];
      readonly preventsOverlap: boolean;
    }>
  > {
    return this.#asking(async (owner) => {
      const named: (readonly NodeName[])[] = [];
      for (const island of islands) {
        const found = await this.#named(owner, island);
        if (!found.ok) return found;
        named.push(found.value);
      }
      const by = { principal, client: 'cli', operation: 'cluster partition', requestId: '' };
      const fault = { is: 'partition', islands: named, mode } as const;
      const held = await owner.ask('fault', { fault, life: { owner: by, linger: 'until_healed' } }, this.#options());
      return held.ok ? ok({ id: held.value.id, islands: named, preventsOverlap: held.value.preventsOverlap }) : held;
    });
  }

  /** Undoes one fault, or with null all. Error: `fault.not_held`. */
  heal(id: string | null): Promise<Result<{ readonly released: number }>> {
    return this.#asking(async (owner) => {
      const healed = await owner.ask('release', { id }, this.#options());
      if (!healed.ok || id === null || healed.value.released > 0) return healed;
      return failure('not_found', 'fault.not_held', 'There is no such fault.', 'See arsenal cluster status.');
    });
  }

  #options() {
    return callOptions(askMs, this.#signal);
  }

  #clusterDir(): Promise<string> {
    return clusterDirOf(this.#files.home, this.#project);
  }

  async #asking<T>(ask: (owner: OwnerClient) => Promise<Result<T>>): Promise<Result<T>> {
    const owner = await attachRunning(await this.#clusterDir(), 'tool');
    if (owner === null) return notRunning(this.#project);
    try {
      return await ask(owner);
    } finally {
      owner.close();
    }
  }

  async #named(owner: OwnerClient, words: readonly string[]): Promise<Result<readonly NodeName[]>> {
    if (words.length === 0) return ok([]);
    const status = await owner.ask('status', {}, this.#options());
    if (!status.ok) return status;
    const names = status.value.nodes.map(({ node }) => node);
    const found: NodeName[] = [];
    for (const word of words) {
      const name = names.find((node) => node === word || node.startsWith(`${word}@`)) ?? names[Number(word) - 1];
      if (name === undefined) return fail(nodeNotFound(word).error);
      found.push(name);
    }
    return ok(found);
  }
}

function notRunning(project: string | null): Result<never> {
  return failure(
    'unavailable',
    'local.not_running',
    project === null ? 'No local cluster of plain Erlang nodes runs.' : `No local cluster of ${project} runs.`,
    'Start one: arsenal cluster start.',
  );
}
