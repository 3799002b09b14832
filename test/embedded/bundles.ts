/** The built worker and sandbox process, for tests: bundled as the product's build does, into a folder of their own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';

const embedded = path.join(import.meta.dirname, '..', '..', 'runtime', 'embedded');

export type Bundles = {
  readonly folder: string;
  readonly workerFile: string;
  readonly sandboxChildFile: string;
  /** Bundles one more entry point, to run it as a program. */
  bundle(entry: string, name: string): Promise<string>;
  dispose(): Promise<void>;
};

export async function buildBundles(): Promise<Bundles> {
  const folder = await mkdtemp(path.join(tmpdir(), 'arsenal-embedded-'));
  const bundle = async (entry: string, name: string): Promise<string> => {
    const outfile = path.join(folder, name);
    const shared = { bundle: true, platform: 'node', format: 'cjs', target: 'node20', logLevel: 'warning' } as const;
    await build({ ...shared, entryPoints: [entry], outfile });
    return outfile;
  };
  return {
    folder,
    workerFile: await bundle(path.join(embedded, 'worker.ts'), 'simulatedWorker.js'),
    sandboxChildFile: await bundle(path.join(embedded, 'sandbox', 'child.ts'), 'sandboxChild.js'),
    bundle,
    dispose: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Whether a process with this id is there. */
export function isAlive(osPid: number): boolean {
  try {
    process.kill(osPid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Waits until `check` holds; false when it does not within `withinMs`. */
export async function within(withinMs: number, check: () => boolean): Promise<boolean> {
  const until = performance.now() + withinMs;
  while (performance.now() < until) {
    if (check()) return true;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return check();
}
