/** Runs one measurement in a process of its own, built as the product is, and answers what it prints. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';

const run = promisify(execFile);
const here = import.meta.dirname;

export type Figures = { readonly [figure: string]: number };

export type Bench = {
  /** Our own: an entry of this folder with its arguments. */
  readonly ours: (entry: 'subject' | 'memory' | 'idle', args: readonly string[]) => Promise<Figures>;
  /** The same work on a BEAM with one scheduler. */
  readonly beam: (work: string, count: number) => Promise<Figures>;
  /** The same work by a library of npm; null when they are not installed (npm ci --prefix bench/embedded/peers). */
  readonly peer: (library: string, work: string, count: number) => Promise<Figures | null>;
  readonly dispose: () => Promise<void>;
};

export async function startBench(): Promise<Bench> {
  const folder = await mkdtemp(path.join(tmpdir(), 'arsenal-bench-'));
  const shared = { bundle: true, platform: 'node', format: 'cjs', target: 'node20', keepNames: true } as const;
  const entryPoints = ['subject', 'memory', 'idle'].map((name) => path.join(here, `${name}.ts`));
  await build({ ...shared, logLevel: 'warning', entryPoints, outdir: folder });
  await run('erlc', ['-o', folder, path.join(here, 'subject.erl')]);
  return {
    ours: async (entry, args) => {
      const node = ['--expose-gc', '--max-old-space-size=3000', path.join(folder, `${entry}.js`), ...args];
      return read(await run(process.execPath, node));
    },
    beam: async (work, count) => {
      const alone = ['+S', '1:1', '+SDcpu', '1:1', '+SDio', '1', '-noshell', '-pa', folder];
      const eval_ = ['-eval', 'subject:main(init:get_plain_arguments()).', '-extra', work, String(count)];
      return read(await run('erl', [...alone, ...eval_]));
    },
    peer: async (library, work, count) => {
      if (!existsSync(path.join(here, 'peers', 'node_modules'))) return null;
      return read(await run(process.execPath, [path.join(here, 'peers', 'peers.mjs'), library, work, String(count)]));
    },
    dispose: () => rm(folder, { recursive: true, force: true }),
  };
}

function read({ stdout }: { readonly stdout: string }): Figures {
  const said: unknown = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
  if (!isFigures(said)) throw new Error(`No figures: ${stdout}`);
  return said;
}

function isFigures(said: unknown): said is Figures {
  return typeof said === 'object' && said !== null && Object.values(said).every((figure) => typeof figure === 'number');
}
