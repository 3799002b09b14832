// The catalogue of operations, for what is generated from it.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import * as esbuild from 'esbuild';
import { projectRoot } from './paths.mjs';

/** @typedef {import('../../server/protocol/operation.ts').CatalogueEntry} CatalogueEntry */

/**
 * What the program says of an operation on the command line.
 *
 * @typedef {object} CliWords
 * @property {typeof import('../../server/cli/commandLine.ts').commandLine} commandLine
 * @property {typeof import('../../server/cli/schemaText.ts').parameterTexts} parameterTexts
 */

/**
 * The catalogue as every surface gets it, registered as the product does.
 *
 * @returns {Promise<CatalogueEntry[]>}
 */
export async function catalogue() {
  return (await catalogueAndWords()).entries;
}

/**
 * The catalogue, and the words of the command line for it.
 *
 * @returns {Promise<{ entries: CatalogueEntry[] } & CliWords>}
 */
export async function catalogueAndWords() {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-catalogue-'));
  try {
    const outfile = path.join(scratch, 'catalogue.mjs');
    await esbuild.build({
      stdin: {
        contents: `
          import { Registry } from './server/core/registry.ts';
          import { builtinOperations } from './server/operations/catalogue.ts';
          export { commandLine } from './server/cli/commandLine.ts';
          export { parameterTexts } from './server/cli/schemaText.ts';
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
    const { entries, commandLine, parameterTexts } = await import(pathToFileURL(outfile).href);
    return { entries, commandLine, parameterTexts };
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
}
