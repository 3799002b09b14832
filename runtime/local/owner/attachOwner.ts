/** Finds the owner of a project's cluster, or starts one. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { cancelled, failure } from '../../errors.ts';
import type { Failure, Result } from '../../model.ts';
import { ok } from '../../model.ts';
import { OwnerClient } from './ownerClient.ts';
import { publishedOwners, withdrawOwner } from './ownerFiles.ts';
import type { ClientRole } from './protocol.ts';

const startMs = 15_000;
const pauseMs = 25;

/** Attaches to the owner of the cluster in `clusterDir`, if there is one that answers; files of owners that have died are taken away. */
export async function attachRunning(clusterDir: string, role: ClientRole): Promise<OwnerClient | null> {
  for (const address of await publishedOwners(clusterDir)) {
    const attached = await OwnerClient.attach(address, role);
    if (attached === 'gone') await withdrawOwner(address);
    else if (attached !== 'silent') return attached;
  }
  return null;
}

/**
 * Attaches to the owner of the cluster in `clusterDir`, starting one apart from this process if there is none. `ownerFile` is the built
 * owner/main.ts. Errors: `local.not_built`, `local.home`, `local.owner_not_started`, `call.cancelled`.
 */
export async function attachOwner(
  clusterDir: string,
  ownerFile: string,
  role: ClientRole,
  signal: AbortSignal,
): Promise<Result<OwnerClient>> {
  if (!existsSync(ownerFile)) return notBuilt(ownerFile);
  try {
    mkdirSync(clusterDir, { recursive: true, mode: 0o700 });
  } catch (error) {
    return noHome(clusterDir, error);
  }
  const until = performance.now() + startMs;
  let child: { isOver: boolean } | null = null;
  while (performance.now() < until) {
    if (signal.aborted) return cancelled('none');
    const client = await attachRunning(clusterDir, role);
    if (client !== null) return ok(client);
    // Two that began at once may both have withdrawn; one of them comes first the next time.
    if (child === null || child.isOver) {
      if (child !== null) await delay(Math.random() * 500);
      child = startOwner(clusterDir, ownerFile);
    }
    await delay(pauseMs);
  }
  return failure(
    'unavailable',
    'local.owner_not_started',
    'The process that owns a local cluster could not be started.',
    `See ${clusterDir}/logs/owner.log, and try again.`,
  );
}

function startOwner(clusterDir: string, ownerFile: string): { isOver: boolean } {
  const started = { isOver: false };
  // Apart from us: it outlives this window as long as another is attached, and hears none of our terminal's signals.
  const child = spawn(process.execPath, [ownerFile, clusterDir], {
    cwd: clusterDir,
    detached: true,
    stdio: 'ignore',
    windowsHide: true,
  });
  child.on('error', () => {
    started.isOver = true;
  });
  child.on('exit', () => {
    started.isOver = true;
  });
  child.unref();
  return started;
}

function notBuilt(ownerFile: string): Failure {
  return failure(
    'unavailable',
    'local.not_built',
    `There is no file ${ownerFile}.`,
    'Build the project first (npm run build).',
  );
}

function noHome(clusterDir: string, error: unknown): Failure {
  return failure(
    'unavailable',
    'local.home',
    `The folder ${clusterDir} cannot be made.`,
    'Choose another folder for Arsenal’s state: --home, or ARSENAL_HOME.',
    { details: { reason: error instanceof Error ? error.message : 'unknown' } },
  );
}
