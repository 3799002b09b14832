// The catalogue of operations, for what is generated from it.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import * as esbuild from 'esbuild';
import { projectRoot } from './paths.mjs';

/** @typedef {import('../../server/protocol/operation.ts').CatalogueEntry} CatalogueEntry */

/**
 * The catalogue as every surface gets it, registered as the product does.
 *
 * @returns {Promise<CatalogueEntry[]>}
 */
export async function catalogue() {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-catalogue-'));
  try {
    const outfile = path.join(scratch, 'catalogue.mjs');
    await esbuild.build({
      stdin: {
        contents: `
          import { Registry } from './server/core/registry.ts';
          import { builtinOperations } from './server/operations/catalogue.ts';
          const none = () => { throw new Error('nothing is run here'); };
          const registry = new Registry();
          const house = { catalogue: { list: none, get: none, search: none }, scans: { open: none, next: none }, tasks: {}, batches: {}, state: {}, undoables: {} };
          export const entries = builtinOperations(house).map((operation) => {
            const registered = registry.register(operation, { from: 'builtin' });
            if (!registered.ok) throw new Error(JSON.stringify(registered.error));
            return registered.value;
          });`,
        resolveDir: projectRoot,
        loader: 'ts',
      },
      bundle: true,
      platform: 'node',
      format: 'esm',
      banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
      outfile,
      logLevel: 'warning',
    });
    const { entries } = await import(pathToFileURL(outfile).href);
    return entries;
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
}
