/** How a program is found and started on each platform: on Windows Elixir and rebar3 are batch files, which only its shell runs. */
import { existsSync } from 'node:fs';
import path from 'node:path';

export type ProgramCall = {
  readonly file: string;
  readonly args: readonly string[];
  /** The arguments are one text that is quoted already. */
  readonly windowsVerbatimArguments: boolean;
};

/** In the order in which Windows looks. */
const windowsEndings = ['.exe', '.cmd', '.bat'];

/** The file of the program `name` in one of `folders`; null when it is in none. */
export function findProgram(
  name: string,
  folders: readonly string[],
  platform: NodeJS.Platform = process.platform,
): string | null {
  const endings = platform === 'win32' ? windowsEndings : [''];
  for (const folder of folders) {
    if (folder === '') continue;
    const found = endings.map((ending) => path.join(folder, name + ending)).find((file) => existsSync(file));
    if (found !== undefined) return found;
  }
  return null;
}

/** The folders in which the programs of an environment are. Windows writes `Path`. */
export function programFolders(env: { readonly [name: string]: string | undefined }): readonly string[] {
  return (env['PATH'] ?? env['Path'] ?? '').split(path.delimiter);
}

/** What to spawn in order to run `file` with `args`. */
export function programCall(
  file: string,
  args: readonly string[],
  platform: NodeJS.Platform = process.platform,
): ProgramCall {
  if (platform !== 'win32' || !/\.(bat|cmd)$/i.test(file)) return { file, args, windowsVerbatimArguments: false };
  const line = [file, ...args].map(shellWord).join(' ');
  return { file: 'cmd.exe', args: ['/d', '/s', '/c', `"${line}"`], windowsVerbatimArguments: true };
}

/** One word for cmd.exe: in quotes, and with carets before what it would read as its own. */
function shellWord(word: string): string {
  const quoted = `"${word.replaceAll(/(\\*)"/g, '$1$1\\"').replace(/(\\*)$/, '$1$1')}"`;
  return quoted.replaceAll(/[()%!^"<>&|]/g, '^$&');
}
