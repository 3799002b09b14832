/** How a sandbox's process is started, so that it can do as little as this Node can make sure of. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import type { SandboxLimits } from '../../model.ts';
import type { SandboxSpec } from '../../port.ts';

const megabyte = 1024 * 1024;

/** The flag of the permission model of this Node (24: `--permission`, 20: experimental); null where there is none. */
export function permissionFlag(flags: ReadonlySet<string> = process.allowedNodeEnvironmentFlags): string | null {
  if (flags.has('--permission')) return '--permission';
  return flags.has('--experimental-permission') ? '--experimental-permission' : null;
}

export type Launch = {
  readonly execArgv: readonly string[];
  readonly env: { readonly [name: string]: string };
  readonly cwd: string;
};

/**
 * Arguments and surroundings of the process: an empty environment, a cap on the heap, and (unless the policy is `low`) the permission
 * model with nothing allowed but reading its own program and the folder of the module.
 */
export function launchOf(
  childFile: string,
  moduleFile: string | null,
  limits: SandboxLimits,
  policy: SandboxSpec['policy'],
): Launch {
  const permission = policy === 'low' ? null : permissionFlag();
  const readable = [real(childFile), ...(moduleFile === null ? [] : [path.join(real(path.dirname(moduleFile)), '*')])];
  const heap = Math.max(16, Math.floor(limits.memoryBytes / megabyte));
  return {
    execArgv: [
      '--no-warnings',
      `--max-old-space-size=${heap}`,
      ...(permission === null ? [] : [permission, ...readable.map((file) => `--allow-fs-read=${file}`)]),
    ],
    // Windows finds its own libraries through SystemRoot.
    env: process.platform === 'win32' ? { SystemRoot: process.env['SystemRoot'] ?? '' } : {},
    cwd: moduleFile === null ? os.tmpdir() : path.dirname(moduleFile),
  };
}

/** The path with links followed: permissions are checked against real paths. */
function real(file: string): string {
  try {
    return fs.realpathSync(file);
  } catch {
    return file;
  }
}
