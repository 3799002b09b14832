/** Files that a build tool leaves in the user's project, whatever folder it is told to build in. */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { LocalLauncher } from '../../model.ts';

/** rebar3 writes its lock file, empty too, and what it died of, into the folder it runs in. */
const rebar3Writes = ['rebar.lock', 'rebar3.crashdump'];

/** Those files that are not there now: whichever of them is there later is not the user's. */
export function straysOf(launcher: LocalLauncher, project: string | null): readonly string[] {
  if (launcher !== 'rebar3' || project === null) return [];
  return rebar3Writes.map((name) => path.join(project, name)).filter((file) => !existsSync(file));
}

/** Takes them away again; never rejects. */
export async function removeStrays(strays: readonly string[]): Promise<void> {
  await Promise.all(strays.map((file) => rm(file, { force: true }).catch(() => undefined)));
}
