import type { Result } from '../../runtime/model.ts';
import type { Backend } from '../backend/backend.ts';
import type { CliBackendOptions } from './workspace.ts';

/** What a command line program touches of its surroundings, handed in so that it can be run from a test as from a shell. */
export type CliIo = {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  readonly env: { readonly [name: string]: string | undefined };
  /** The folder of the bundles: workers and the language server stand beside the program. */
  readonly distDir: string;
  /** Aborts when the user wants the program to end (SIGINT, SIGTERM). */
  readonly stop: AbortSignal;
  readonly version: string;
  readonly createBackend: (options: CliBackendOptions) => Promise<Result<Backend>>;
};

/** 0 done, 1 the operation failed, 2 usage, 3 cannot connect. */
export const exitCode = { done: 0, failed: 1, usage: 2, cannotConnect: 3 } as const;
export type ExitCode = (typeof exitCode)[keyof typeof exitCode];
