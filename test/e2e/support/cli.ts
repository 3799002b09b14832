/** The built command line, run as a user runs it. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import readline from 'node:readline';
import { parseJson } from '../../../server/gateway/json.ts';
import { pick, pickText } from '../../../server/gateway/testJson.ts';

const program = path.resolve(import.meta.dirname, '../../../dist/cli.js');

export type Finished = {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  /** The one JSON document on stdout. */
  readonly json: unknown;
};

/** A state folder of the test's own. */
export function makeHome(): string {
  return fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-cli-'));
}

/** Starts the program; its standard input is empty unless piped. */
export function startCli(
  args: readonly string[],
  home: string,
  env: { readonly [name: string]: string } = {},
  stdin: 'ignore' | 'pipe' = 'ignore',
): ChildProcess {
  return spawn(process.execPath, [program, ...args], {
    env: { ...process.env, ARSENAL_HOME: home, ...env },
    stdio: [stdin, 'pipe', 'pipe'],
  });
}

/** The code a process ended with; null when a signal ended it. */
async function exitCodeOf(closed: Promise<unknown[]>): Promise<number | null> {
  const [code] = await closed;
  return typeof code === 'number' ? code : null;
}

/** Runs one command line to its end. */
export async function runCli(
  args: readonly string[],
  home: string,
  env: { readonly [name: string]: string } = {},
): Promise<Finished> {
  const child = startCli(args, home, env);
  let out = '';
  let err = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (err += text));
  const code = await exitCodeOf(once(child, 'close'));
  return {
    code,
    out,
    err,
    get json() {
      return parseJson(out);
    },
  };
}

export type Served = {
  readonly url: string;
  readonly key: string;
  readonly pid: number;
  readonly ready: unknown;
  /** Ends it as Ctrl-C does; answers its exit code. */
  stop(): Promise<number | null>;
};

const running = new Set<ChildProcess>();

/** Ends what a failed test has left serving. */
export function stopAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** Starts `arsenal serve --json` and waits for its first line. */
export async function serve(
  args: readonly string[],
  home: string,
  env: { readonly [name: string]: string } = {},
): Promise<Served> {
  const child = startCli(['serve', '--json', ...args], home, env);
  let err = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (err += text));
  running.add(child);
  child.once('close', () => running.delete(child));
  const ended = once(child, 'close');
  const lines = readline.createInterface({ input: child.stdout ?? process.stdin });
  const first = await Promise.race([once(lines, 'line'), ended.then(() => null)]);
  if (first === null) throw new Error(`serve ended: ${err}`);
  const ready = parseJson(String(first[0]));
  return {
    url: pickText(ready, 'url'),
    key: pickText(ready, 'key'),
    pid: Number(pick(ready, 'pid')),
    ready,
    stop: async () => {
      child.kill('SIGINT');
      return exitCodeOf(ended);
    },
  };
}
