/** A new operation of the user's own: a module that works as it stands, and what the editor needs to know its types without an install. */
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { CodeAction, CodeActionParams } from 'vscode-languageserver/node';
import type { TextDocument } from 'vscode-languageserver-textdocument';
import { failure } from '../../runtime/errors.ts';
import { ok } from '../../runtime/model.ts';
import type { Result } from '../../runtime/model.ts';
import { scaffoldActionKind } from '../protocol/lsp.ts';
import { operationLanguages } from '../protocol/lsp.ts';
import type { OperationLanguage, ScaffoldAnswer, ScaffoldParams } from '../protocol/lsp.ts';
import { elixirOperation } from './operationTemplates/elixir.ts';
import { erlangOperation } from './operationTemplates/erlang.ts';
import { isOperationName, snakeCaseOf } from './operationTemplates/names.ts';
import type { OperationScaffold } from './operationTemplates/scaffoldFile.ts';
import { typescriptOperation } from './operationTemplates/typescript.ts';
import { editOf, filePath, folderPath, isInside } from './scaffoldEdits.ts';

export type ScaffoldOptions = {
  /** Holds the declarations of `arsenal-otp/NAME` as `NAME.d.ts`. */
  readonly typesFolder: string;
  /** Whether an operation of that name exists. */
  readonly isTaken: (name: string) => boolean;
};

/**
 * The files of a new operation called `name` (snake_case) in a workspace folder (a path or `file:` URI): module, test, and what makes the
 * types known; the next steps, `notes` say. Files that exist are left out, except the declarations, which belong to this version.
 * Errors: `scaffold.bad_name`, `scaffold.name_taken`, `scaffold.file_exists`, `scaffold.bad_folder`.
 */
export function scaffoldFiles(params: ScaffoldParams, options: ScaffoldOptions): Result<ScaffoldAnswer> {
  const { name, language = 'ts' } = params;
  if (!isOperationName(name)) {
    return failure(
      'validation',
      'scaffold.bad_name',
      `${name} is no name for an operation.`,
      'Use lower-case words joined by underscores, such as count_idle_carts, at most 64 characters.',
      { pointer: '/name' },
    );
  }
  if (options.isTaken(name)) {
    const said = `There is an operation ${name} already.`;
    return failure('conflict', 'scaffold.name_taken', said, 'Choose another name.', { pointer: '/name' });
  }
  const folder = folderPath(params.workspaceFolder);
  if (folder === null) {
    const remedy = 'Give a folder that is open.';
    return failure('validation', 'scaffold.bad_folder', 'This is no folder on this machine.', remedy, {
      pointer: '/workspaceFolder',
    });
  }
  const made = operationIn(language, name, folder, options);
  const [module] = made.files;
  const taken = module === undefined ? folder : path.join(folder, module.file);
  if (fs.existsSync(taken) && fs.readFileSync(taken, 'utf8').trim() !== '') {
    const remedy = 'Choose another name, or edit that file.';
    return failure('conflict', 'scaffold.file_exists', `${taken} exists already.`, remedy, { pointer: '/name' });
  }
  const files = made.files
    .map((each) => ({ ...each, file: path.join(folder, each.file) }))
    .filter(({ file, always }) => always || file === taken || !fs.existsSync(file));
  return ok({ files: files.map(({ file, text }) => ({ uri: pathToFileURL(file).href, text })), notes: made.notes });
}

function operationIn(
  language: OperationLanguage,
  name: string,
  folder: string,
  { typesFolder }: ScaffoldOptions,
): OperationScaffold {
  switch (language) {
    case 'ts':
      return typescriptOperation(name, folder, typesFolder);
    case 'elixir':
      return elixirOperation(name, folder);
    case 'erlang':
      return erlangOperation(name);
  }
}

/** The code action, without its edit: that is made when it is chosen. `document` is the text as the editor has it. */
export function offerScaffold(
  params: CodeActionParams,
  document: TextDocument | undefined,
  folders: readonly string[],
): CodeAction[] {
  const { only } = params.context;
  if (
    only !== undefined &&
    !only.some((kind) => scaffoldActionKind === kind || scaffoldActionKind.startsWith(`${kind}.`))
  ) {
    return [];
  }
  const file = filePath(params.textDocument.uri);
  const folder = file === null ? undefined : folders.find((each) => isInside(each, file));
  if (file === null || folder === undefined) return [];
  const empty = document !== undefined && document.getText().trim() === '';
  const isModule = isInside(path.join(folder, 'arsenal', 'operations'), file) && /\.m?ts$/.test(file);
  // In a module that is written already there is nothing to scaffold.
  if (isModule && !empty) return [];
  const name = isModule ? snakeCaseOf(path.basename(file).replace(/\.m?ts$/, '')) : null;
  const own = isModule ? undefined : languages.find(({ files }) => files.test(file));
  return [...(own === undefined ? [] : [own]), typescript].map(({ language, title }) => ({
    title: name === null ? `Scaffold an Arsenal operation${title}` : `Scaffold the Arsenal operation ${name}`,
    kind: scaffoldActionKind,
    data: { folder, name, language },
  }));
}

type Offered = { readonly language: OperationLanguage; readonly title: string; readonly files: RegExp };
const typescript: Offered = { language: 'ts', title: '', files: /\.m?ts$/ };
/** Operations that nodes run are offered where code of nodes is written. */
const languages: readonly Offered[] = [
  { language: 'elixir', title: ' in Elixir', files: /\.exs?$/ },
  { language: 'erlang', title: ' in Erlang', files: /\.[eh]rl$/ },
];

/** Gives the chosen action its edit; an action that is none of ours, or can no longer be done, stays as it is. */
export function resolveScaffold(action: CodeAction, options: ScaffoldOptions): CodeAction {
  const data: unknown = action.data;
  if (typeof data !== 'object' || data === null || !('folder' in data) || typeof data.folder !== 'string')
    return action;
  const language = operationLanguages.find((each) => 'language' in data && each === data.language) ?? 'ts';
  const wanted = 'name' in data && typeof data.name === 'string' ? data.name : freeName(data.folder, language, options);
  const made = scaffoldFiles({ name: wanted, workspaceFolder: data.folder, language }, options);
  return made.ok ? { ...action, edit: editOf(made.value) } : action;
}

function freeName(folder: string, language: OperationLanguage, options: ScaffoldOptions): string {
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? 'my_operation' : `my_operation_${number}`;
    const made = scaffoldFiles({ name, workspaceFolder: folder, language }, options);
    if (made.ok || (made.error.code !== 'scaffold.name_taken' && made.error.code !== 'scaffold.file_exists'))
      return name;
  }
}
