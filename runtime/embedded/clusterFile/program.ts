/** What a simulated cluster runs: the demo, or what a user's cluster file says; and the file read again. */
import fs from 'node:fs';
import path from 'node:path';
import { failure } from '../../errors.ts';
import type { Failure, Result } from '../../model.ts';
import { ok } from '../../model.ts';
import type { Sources } from '../../userCode/sourceModules.ts';
import { ModuleError, SourceModules } from '../../userCode/sourceModules.ts';
import { modules as names } from '../demo/names.ts';
import { shop, shopModules } from '../demo/shop.ts';
import * as api from './api.ts';
import type { CheckedDefinition } from './definition.ts';
import { checkDefinition } from './definition.ts';
import type { FileWorld } from './names.ts';
import { fileNames } from './names.ts';

/** The name by which a cluster file imports what it is made of. */
const clusterApi = 'arsenal-otp/cluster';

export type Program = {
  readonly definition: CheckedDefinition;
  /** The files it was read from; empty for the demo. */
  readonly files: readonly string[];
};

/** The online shop, on these nodes. */
export function demoProgram(nodes: readonly string[]): Program {
  const { name, description, version } = shop;
  const definition: CheckedDefinition = {
    nodes,
    modules: shopModules,
    applications: [{ name, description, version, module: names.application, argument: [], nodes: 'all' }],
    // Small, as between machines in one rack.
    network: { latencyMs: { min: 0.3, max: 1.5 }, netTicktimeMs: 60_000, mesh: 'full' },
    horde: 'faithful',
    faults: [],
    seed: null,
  };
  return { definition, files: [] };
}

/**
 * Reads a cluster file (`.ts`, `.js`, `.mjs`, `.mts`, or `.json` around the demo's application). Errors: `cluster_file.not_found`,
 * `cluster_file.broken` with `details.at` (file, line, column), `cluster_file.invalid` with `details.problems`.
 */
export function readProgram(file: string, world: FileWorld): Result<Program> {
  const real = realPath(file);
  if (real === null) {
    const remedy = 'Name an existing arsenal.cluster.ts or .json.';
    return failure('not_found', 'cluster_file.not_found', `There is no file ${file}.`, remedy, { details: { file } });
  }
  return real.endsWith('.json') ? readJson(real) : readModule(real, world);
}

function realPath(file: string): string | null {
  try {
    return fs.realpathSync(file);
  } catch {
    return null;
  }
}

function readModule(file: string, world: FileWorld): Result<Program> {
  const modules = new SourceModules({
    root: path.dirname(file),
    imports: { [clusterApi]: api },
    globals: fileNames(world),
    realm: 'this_realm',
  });
  let exported: object;
  try {
    exported = modules.load(file);
  } catch (thrown) {
    const at = thrown instanceof ModuleError ? thrown.at : { file, line: 1, column: 1 };
    return broken(thrown instanceof Error ? thrown.message : String(thrown), at, filesOf(file, modules.sources));
  }
  if (!('default' in exported)) {
    const message = 'It exports no cluster: write `export default defineCluster({ … })`.';
    return broken(message, { file, line: 1, column: 1 }, filesOf(file, modules.sources));
  }
  const checked = checkDefinition(exported.default);
  if (!checked.ok) return withFiles(checked, file, filesOf(file, modules.sources));
  return ok({ definition: checked.value, files: filesOf(file, modules.sources) });
}

function readJson(file: string): Result<Program> {
  let given: unknown;
  try {
    given = JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    const [, line, column] = /line (\d+) column (\d+)/.exec(message) ?? [];
    return broken(message, { file, line: Number(line ?? 1), column: Number(column ?? 1) }, [file]);
  }
  const demo = demoProgram([]).definition;
  const applications = demo.applications.map(({ name, description, version, module }) => ({
    name,
    description,
    version,
    module,
  }));
  const whole: unknown =
    typeof given === 'object' && given !== null && !Array.isArray(given)
      ? { ...given, modules: demo.modules, applications }
      : given;
  const checked = checkDefinition(whole);
  return checked.ok ? ok({ definition: checked.value, files: [file] }) : withFiles(checked, file, [file]);
}

function filesOf(file: string, sources: Sources): readonly string[] {
  return [...new Set([file, ...Object.keys(sources)])];
}

function broken(
  message: string,
  at: { readonly file: string; readonly line: number; readonly column: number },
  files: readonly string[],
): Failure {
  return failure(
    'validation',
    'cluster_file.broken',
    `${path.basename(at.file)}:${at.line}:${at.column}: ${message}`,
    'Mend the file; the cluster that runs keeps the last good one.',
    { details: { at, files: [...files] } },
  );
}

function withFiles({ error }: Failure, file: string, files: readonly string[]): Failure {
  const at = { file, line: 1, column: 1 };
  return { ok: false, error: { ...error, details: { ...error.details, at, files: [...files] } } };
}
