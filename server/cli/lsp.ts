/** `arsenal lsp --stdio`: the language server for editors that start it by name. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import process from 'node:process';
import { exitCode } from './io.ts';
import type { CliIo } from './io.ts';

/** Runs the language server on this program's own standard streams until it ends; answers its exit code. */
export function lsp(io: CliIo): Promise<number> {
  const server = spawn(process.execPath, [path.join(io.distDir, 'server.js'), '--stdio'], { stdio: 'inherit' });
  const stop = (): void => {
    server.kill();
  };
  io.stop.addEventListener('abort', stop, { once: true });
  return new Promise((resolve) => {
    server.once('error', () => {
      io.stderr.write('arsenal: the language server cannot be started.\n  Install Arsenal again.\n');
      resolve(exitCode.failed);
    });
    server.once('exit', (code) => {
      io.stop.removeEventListener('abort', stop);
      // Ended by a signal that we passed on: as asked.
      resolve(code ?? (io.stop.aborted ? exitCode.done : exitCode.failed));
    });
  });
}
