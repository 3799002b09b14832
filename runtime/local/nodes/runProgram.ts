/** Runs a program of the user's to its end, with nothing to read and all it prints kept up to a limit. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { findProgram, programCall, programFolders } from './program.ts';

export type RunOptions = {
  readonly cwd: string;
  readonly env: { readonly [name: string]: string | undefined };
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Gets everything it prints, as it comes. */
  readonly onOutput?: (bytes: Buffer) => void;
};
export type RunEnd =
  | { readonly is: 'ended'; readonly code: number | null; readonly stdout: string; readonly output: string }
  /** There is no such program, or it may not be run. */
  | { readonly is: 'missing' }
  | { readonly is: 'late' };

const mostOutputBytes = 256 * 1024;

/** `name`: of a program in the PATH of the environment given, or its file in full. */
export function runProgram(name: string, args: readonly string[], options: RunOptions): Promise<RunEnd> {
  const file = path.isAbsolute(name) ? name : findProgram(name, programFolders(options.env));
  if (file === null) return Promise.resolve({ is: 'missing' });
  const call = programCall(file, args);
  return new Promise((resolve) => {
    const kept = { stdout: '', output: '' };
    const child = spawn(call.file, [...call.args], {
      windowsVerbatimArguments: call.windowsVerbatimArguments,
      cwd: options.cwd,
      env: { ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      windowsHide: true,
    });
    const finish = (end: RunEnd): void => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', stop);
      resolve(end);
    };
    const stop = (): void => {
      child.kill('SIGKILL');
      finish({ is: 'late' });
    };
    const timer = setTimeout(stop, options.timeoutMs);
    options.signal?.addEventListener('abort', stop, { once: true });
    const keep = (bytes: Buffer, isStdout: boolean): void => {
      options.onOutput?.(bytes);
      const text = bytes.toString('utf8');
      if (isStdout) kept.stdout = (kept.stdout + text).slice(-mostOutputBytes);
      kept.output = (kept.output + text).slice(-mostOutputBytes);
    };
    child.stdout.on('data', (bytes: Buffer) => keep(bytes, true));
    child.stderr.on('data', (bytes: Buffer) => keep(bytes, false));
    child.on('error', () => finish({ is: 'missing' }));
    child.on('close', (code) => finish({ is: 'ended', code, ...kept }));
  });
}
