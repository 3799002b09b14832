/** What scaffolding shares: where files go, and how an editor is told to make them. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CreateFile, TextDocumentEdit, WorkspaceEdit } from 'vscode-languageserver/node';
import type { ScaffoldAnswer } from '../protocol/lsp.ts';

/** The edit that makes the files, in place of those there are. */
export function editOf({ files }: ScaffoldAnswer): WorkspaceEdit {
  const documentChanges = files.flatMap(({ uri, text }): (CreateFile | TextDocumentEdit)[] => [
    { kind: 'create', uri, options: { overwrite: true } },
    {
      textDocument: { uri, version: null },
      edits: [{ range: { start: { line: 0, character: 0 }, end: { line: 0, character: 0 } }, newText: text }],
    },
  ]);
  return { documentChanges };
}

/** The folder that a path or `file:` URI names; null when it names none on this machine. */
export function folderPath(folder: string): string | null {
  const file = folder.startsWith('file:') ? filePath(folder) : folder;
  return file !== null && path.isAbsolute(file) && fs.statSync(file, { throwIfNoEntry: false })?.isDirectory() === true
    ? file
    : null;
}

/** The path of a `file:` URI; null for what lies elsewhere, or is no URI. */
export function filePath(uri: string): string | null {
  try {
    return uri.startsWith('file:') ? fileURLToPath(uri) : null;
  } catch {
    return null;
  }
}

/** Whether `file` lies below `folder`. */
export function isInside(folder: string, file: string): boolean {
  const relative = path.relative(folder, file);
  return relative !== '' && !relative.startsWith('..') && !path.isAbsolute(relative);
}

/**
 * A tsconfig.json with which an editor finds the types of `arsenal-otp/NAME` (`paths`) in files that Node.js and we run as they are.
 */
export function tsconfigText(
  paths: { readonly [module: string]: readonly string[] },
  include: readonly string[],
): string {
  const compilerOptions = {
    target: 'ES2022',
    lib: ['ES2022'],
    module: 'ESNext',
    moduleResolution: 'Bundler',
    strict: true,
    noEmit: true,
    types: [],
    skipLibCheck: true,
    paths,
  };
  return `${JSON.stringify({ compilerOptions, include }, null, 2)}\n`;
}
