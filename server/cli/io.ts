import type { Result } from '../../runtime/model.ts';
import type { Backend } from '../backend/backend.ts';
import type { CliBackendOptions } from './workspace.ts';

/** What a command line program touches of its surroundings, handed in so that it can be run from a test as from a shell. */
export type CliIo = {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  /** What it writes to; nothing is known of it when absent, as of a pipe. */
  readonly screen?: Screen;
  readonly errorScreen?: Screen;
  /** How long completion waits for what lies elsewhere, instead of what it waits a user. For tests. */
  readonly liveBoundMs?: number;
  /** All of standard input, as text. */
  readonly readStdin?: () => Promise<string>;
  readonly env: { readonly [name: string]: string | undefined };
  /** The folder of the bundles: workers and the language server stand beside the program. */
  readonly distDir: string;
  /** Aborts when the user wants the program to end (SIGINT, SIGTERM). */
  readonly stop: AbortSignal;
  readonly version: string;
  readonly createBackend: (options: CliBackendOptions) => Promise<Result<Backend>>;
};

/** `columns`: how wide the terminal is, null where there is none: then nothing is cut. */
export type Screen = { readonly columns: number | null; readonly colors: boolean };
export const noScreen: Screen = { columns: null, colors: false };

/** 0 done, 1 the operation failed, 2 usage, 3 cannot connect. */
export const exitCode = { done: 0, failed: 1, usage: 2, cannotConnect: 3 } as const;
export type ExitCode = (typeof exitCode)[keyof typeof exitCode];
