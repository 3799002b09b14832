/** A module of a user's own operations, loaded for a test as Arsenal loads it: types stripped, with the same imports. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ModuleError, SourceModules } from '../../runtime/userCode/sourceModules.ts';
import type { AnyOperation } from '../core/operation.ts';
import * as operationApi from '../operation.ts';

/**
 * What a module exports that `defineOperation` made, for the `operations` of a test's cluster. Works on every Node that Arsenal runs on,
 * also where Node itself does not strip types. `file` is a path or a `file:` URL; it may import from the folder `root`, which is that of
 * `arsenal/` above it unless said. Throws, with file, line and column, what is wrong with the module.
 */
export function loadOperations(file: string | URL, root?: string): readonly AnyOperation[] {
  const found = file instanceof URL || file.startsWith('file:') ? fileURLToPath(file) : path.resolve(file);
  const made = new Set<AnyOperation>();
  const defineOperation = (definition: AnyOperation): AnyOperation => {
    // The overloads say which of the two forms it is; whether it is one, the registry says.
    const operation = Object.freeze(definition);
    made.add(operation);
    return operation;
  };
  const modules = new SourceModules({
    root: root ?? path.dirname(path.dirname(found)),
    imports: { 'arsenal-otp/operation': { ...operationApi, defineOperation } },
    globals: {},
    realm: 'this_realm',
  });
  let exported: object;
  try {
    exported = modules.load(found);
  } catch (thrown) {
    if (!(thrown instanceof ModuleError)) throw thrown;
    const { line, column } = thrown.at;
    throw new Error(`${thrown.at.file}:${line}:${column}: ${thrown.message}`, { cause: thrown });
  }
  const values = new Set<unknown>(Object.values(exported));
  const operations = [...made].filter((operation) => values.has(operation));
  if (operations.length === 0) throw new Error(`${found} exports no operation.`);
  return operations;
}
