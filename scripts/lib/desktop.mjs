// The desktop's own VS Code, if there is one that can show a window here.
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { start } from './processes.mjs';

/**
 * The program that opens a VS Code window on this machine, or undefined: none installed, no display, or (on Linux)
 * root, as whom it refuses to run.
 *
 * @returns {string | undefined}
 */
export function findDesktopCode() {
  if (process.platform === 'linux') {
    const hasDisplay = process.env['DISPLAY'] !== undefined || process.env['WAYLAND_DISPLAY'] !== undefined;
    // Under WSL `code` opens a window of Windows, which does not find an extension by a Linux path.
    if (!hasDisplay || process.getuid?.() === 0 || process.env['WSL_DISTRO_NAME'] !== undefined) return undefined;
  }
  const folders = (process.env['PATH'] ?? '').split(path.delimiter).filter((folder) => folder !== '');
  // On Windows `code` on the path is a script beside the program, and scripts want a shell.
  const candidates =
    process.platform === 'win32'
      ? folders
          .filter((folder) => fs.existsSync(path.join(folder, 'code.cmd')))
          .map((folder) => path.join(folder, '..', 'Code.exe'))
      : folders.map((folder) => path.join(folder, 'code'));
  if (process.platform === 'darwin') {
    candidates.push('/Applications/Visual Studio Code.app/Contents/Resources/app/bin/code');
  }
  return candidates.find((file) => fs.existsSync(file));
}

/**
 * Opens an address in the user's browser, if there is a display to open it on. Says nothing when it cannot: the
 * address has been printed.
 *
 * @param {string} url
 * @returns {void}
 */
export function openInBrowser(url) {
  const hasDisplay = process.env['DISPLAY'] !== undefined || process.env['WAYLAND_DISPLAY'] !== undefined;
  /** @type {[string, string[]] | undefined} */
  let opener;
  if (process.platform === 'darwin') opener = ['open', [url]];
  else if (process.platform === 'win32') opener = ['rundll32', ['url.dll,FileProtocolHandler', url]];
  else if (hasDisplay) opener = ['xdg-open', [url]];
  if (opener !== undefined) start(opener[0], opener[1], { stdio: 'ignore' }).on('error', () => undefined);
}
