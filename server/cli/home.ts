import os from 'node:os';
import path from 'node:path';

/**
 * Where state is kept: `--home`, else `ARSENAL_HOME`, else the platform's place for an application's state (XDG base directories,
 * `Application Support`, `%LOCALAPPDATA%`).
 */
export function stateHome(
  option: string | undefined,
  env: { readonly [name: string]: string | undefined },
  platform: NodeJS.Platform = process.platform,
): string {
  const named = option ?? nonEmpty(env['ARSENAL_HOME']);
  if (named !== undefined) return path.resolve(named);
  if (platform === 'win32') {
    return path.join(nonEmpty(env['LOCALAPPDATA']) ?? path.join(os.homedir(), 'AppData', 'Local'), 'arsenal');
  }
  if (platform === 'darwin') return path.join(os.homedir(), 'Library', 'Application Support', 'arsenal');
  return path.join(nonEmpty(env['XDG_STATE_HOME']) ?? path.join(os.homedir(), '.local', 'state'), 'arsenal');
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : text;
}
