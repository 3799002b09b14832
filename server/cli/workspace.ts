/** The user's own operations on the command line: those of the folder it is run in, loaded as the editor loads them. */
import fs from 'node:fs';
import path from 'node:path';
import type { Result } from '../../runtime/model.ts';
import type { Backend } from '../backend/backend.ts';
import type { BackendOptions } from '../backend/localBackend.ts';
import { createBackend } from '../backend/localBackend.ts';
import { visibleText } from '../protocol/visibleText.ts';
import { startWorkspaceOperations } from '../workspace/workspaceOperations.ts';

/** A backend, and the folder whose `arsenal/operations` are to be in its catalogue; null for none. */
export type CliBackendOptions = BackendOptions & { readonly workspace?: string | null };

/** There is no editor to tell of changed files. */
const lookEveryMs = 1_000;

/** Whether the folder has operations of its user's own. */
export function hasOperations(folder: string): boolean {
  return fs.statSync(path.join(folder, 'arsenal', 'operations'), { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Makes a backend with the operations of its folder; what is wrong with one of them is told, and the others are there. */
export async function createCliBackend(
  options: CliBackendOptions,
  distDir: string,
  tell: (line: string) => void,
): Promise<Result<Backend>> {
  const { workspace = null, ...rest } = options;
  const made = await createBackend(rest);
  if (!made.ok || workspace === null || !hasOperations(workspace)) return made;
  const operations = startWorkspaceOperations({
    registry: made.value.registry,
    folders: [workspace],
    workerFile: path.join(distDir, 'operationWorker.js'),
    operationApiFile: path.join(distDir, 'operation.js'),
    publishDiagnostics: () => undefined,
    onBroken: (file, { line, column }, { message }) => {
      tell(`${visibleText(file, 500)}:${String(line)}:${String(column)}: ${visibleText(message, 2_000)}`);
    },
    log: () => undefined,
    pollMs: lookEveryMs,
  });
  made.value.owns(operations);
  operations.start();
  await operations.settled();
  return made;
}
