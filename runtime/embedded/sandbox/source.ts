/** Which code a sandbox runs: a file, a folder's index, or a text. */
import fs from 'node:fs/promises';
import module from 'node:module';
import path from 'node:path';
import { failure, unsupported } from '../../errors.ts';
import type { Result } from '../../model.ts';
import { ok } from '../../model.ts';
import type { SandboxSpec } from '../../port.ts';

/** What the child is to load; `file` is the module's file where there is one. */
export type Source = {
  readonly load: { readonly from: 'module' | 'text'; readonly value: string };
  readonly file: string | null;
  /** For the eye. */
  readonly label: string;
};

const javaScript = ['.js', '.mjs', '.cjs'];
const typeScript = ['.ts', '.mts', '.cts'];
const mostTextBytes = 1024 * 1024;

/** Finds the code; errors say which file is missing or cannot be run. */
export async function findSource({ from, value }: SandboxSpec['source']): Promise<Result<Source>> {
  if (from === 'text') {
    if (Buffer.byteLength(value) > mostTextBytes)
      return invalid('The text is larger than 1 MB.', 'Put it into a file.');
    return ok({ load: { from: 'text', value }, file: null, label: 'text' });
  }
  const named = path.resolve(value);
  const file = from === 'folder' ? await indexOf(named) : named;
  if (file === null) return invalid(`${named} has no index.mjs, index.js or index.cjs.`, 'Name the file itself.');
  if (!(await isFile(file))) return invalid(`There is no file ${file}.`, 'Correct the path.');
  const extension = path.extname(file).toLowerCase();
  if (javaScript.includes(extension)) return ok({ load: { from: 'module', value: file }, file, label: file });
  if (typeScript.includes(extension)) return stripped(file);
  return invalid(`${path.basename(file)} is no JavaScript module.`, 'Name a .js, .mjs or .cjs file.');
}

/** TypeScript without its types, where this Node can take them away. */
async function stripped(file: string): Promise<Result<Source>> {
  const strip: unknown = Reflect.get(module, 'stripTypeScriptTypes');
  if (typeof strip !== 'function') {
    const why = 'this Node cannot take the types out of TypeScript.';
    return unsupported('Running a TypeScript file', why, 'Compile it to JavaScript, or use Node 22.13 or later.');
  }
  try {
    const text: unknown = Reflect.apply(strip, module, [await fs.readFile(file, 'utf8')]);
    return ok({ load: { from: 'text', value: String(text) }, file, label: file });
  } catch (thrown) {
    const said = thrown instanceof Error ? thrown.message : String(thrown);
    return invalid(
      `${path.basename(file)} cannot be read as TypeScript: ${said}`,
      'Use only types that can be erased.',
    );
  }
}

async function indexOf(folder: string): Promise<string | null> {
  for (const name of ['index.mjs', 'index.js', 'index.cjs']) {
    const file = path.join(folder, name);
    if (await isFile(file)) return file;
  }
  return null;
}

async function isFile(file: string): Promise<boolean> {
  try {
    return (await fs.stat(file)).isFile();
  } catch {
    return false;
  }
}

function invalid(message: string, remedy: string): ReturnType<typeof failure> {
  return failure('validation', 'sandbox.source', message, remedy, { pointer: '/source' });
}
