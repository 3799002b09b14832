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
import type { ScaffoldAnswer, ScaffoldParams } from '../protocol/lsp.ts';
import { editOf, filePath, folderPath, isInside } from './scaffoldEdits.ts';

const snakeCase = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;
const longestName = 64;

export type ScaffoldOptions = {
  /** The declarations of `arsenal-otp/operation`, one file. */
  readonly declarationsFile: string;
  /** Whether an operation of that name exists. */
  readonly isTaken: (name: string) => boolean;
};

/**
 * The files of a new operation called `name` (snake_case) in a workspace folder (a path or `file:` URI). Files that exist are left out,
 * except the declarations, which belong to this version. Errors: `scaffold.bad_name`, `scaffold.name_taken`, `scaffold.file_exists`,
 * `scaffold.bad_folder`.
 */
export function scaffoldFiles(params: ScaffoldParams, options: ScaffoldOptions): Result<ScaffoldAnswer> {
  const { name } = params;
  if (!snakeCase.test(name) || name.length > longestName) {
    return failure(
      'validation',
      'scaffold.bad_name',
      `${name} is no name for an operation.`,
      'Use lower-case words joined by underscores, such as count_idle_carts, at most 64 characters.',
      { pointer: '/name' },
    );
  }
  if (options.isTaken(name)) {
    return failure(
      'conflict',
      'scaffold.name_taken',
      `There is an operation ${name} already.`,
      'Choose another name.',
      {
        pointer: '/name',
      },
    );
  }
  const folder = folderPath(params.workspaceFolder);
  if (folder === null) {
    return failure(
      'validation',
      'scaffold.bad_folder',
      'This is no folder on this machine.',
      'Give a folder that is open.',
      {
        pointer: '/workspaceFolder',
      },
    );
  }
  const module = path.join(folder, 'arsenal', 'operations', `${camelCase(name)}.ts`);
  if (fs.existsSync(module) && fs.readFileSync(module, 'utf8').trim() !== '') {
    return failure(
      'conflict',
      'scaffold.file_exists',
      `${module} exists already.`,
      'Choose another name, or edit that file.',
      {
        pointer: '/name',
      },
    );
  }
  const files = [
    { file: module, text: moduleText(name) },
    ...supportFiles(folder, options.declarationsFile).filter(({ file, always }) => always || !fs.existsSync(file)),
  ];
  return ok({ files: files.map(({ file, text }) => ({ uri: pathToFileURL(file).href, text })) });
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
  return [
    {
      title: name === null ? 'Scaffold an Arsenal operation' : `Scaffold the Arsenal operation ${name}`,
      kind: scaffoldActionKind,
      data: { folder, name },
    },
  ];
}

/** Gives the chosen action its edit; an action that is none of ours, or can no longer be done, stays as it is. */
export function resolveScaffold(action: CodeAction, options: ScaffoldOptions): CodeAction {
  const data: unknown = action.data;
  if (typeof data !== 'object' || data === null || !('folder' in data) || typeof data.folder !== 'string')
    return action;
  const wanted = 'name' in data && typeof data.name === 'string' ? data.name : freeName(data.folder, options);
  const made = scaffoldFiles({ name: wanted, workspaceFolder: data.folder }, options);
  return made.ok ? { ...action, edit: editOf(made.value) } : action;
}

function freeName(folder: string, options: ScaffoldOptions): string {
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? 'my_operation' : `my_operation_${number}`;
    const file = path.join(folder, 'arsenal', 'operations', `${camelCase(name)}.ts`);
    if (!options.isTaken(name) && !fs.existsSync(file)) return name;
  }
}

function moduleText(name: string): string {
  const title = name.replaceAll('_', ' ');
  return `import { defineOperation, ok, Type } from 'arsenal-otp/operation';

/**
 * An operation of your own. When this file is saved it is in the palette (Arsenal: Run Operation…), on the command line, in REST and in
 * the language server, without a restart. It gets the port methods that \`needs\` names and no others.
 */
export const ${camelCase(name)} = defineOperation({
  name: '${name}',
  title: '${title.charAt(0).toUpperCase()}${title.slice(1)}',
  description: 'Counts the processes of each node, and how many of them the simulated or real scheduler has waiting to run.',
  category: 'custom',
  severity: 'read',
  idempotent: true,
  needs: ['cluster.nodes', 'system.stats'],
  params: Type.Object({
    atLeast: Type.Integer({ minimum: 0, maximum: 1_000_000, default: 0, description: 'Leaves out nodes with fewer processes' }),
  }),
  result: Type.Object({
    nodes: Type.Array(Type.Object({ node: Type.String(), processes: Type.Integer(), runQueue: Type.Integer() })),
  }),
  examples: [{ title: 'Nodes with a hundred processes or more', params: { atLeast: 100 } }],
  async execute(context, params) {
    const listed = await context.port.cluster.nodes({}, context.options());
    if (!listed.ok) return listed;
    const nodes: { node: string; processes: number; runQueue: number }[] = [];
    for (const { node } of listed.value.nodes) {
      const stats = await context.port.system.stats({ node }, context.options());
      if (!stats.ok) return stats;
      const { processCount, runQueue } = stats.value;
      if (processCount >= params.atLeast) nodes.push({ node, processes: processCount, runQueue });
    }
    return ok({ nodes });
  },
});
`;
}

/** What lets an editor find the types of `arsenal-otp/operation` in this folder. */
function supportFiles(folder: string, declarationsFile: string) {
  const tsconfig = {
    compilerOptions: {
      target: 'ES2022',
      lib: ['ES2022'],
      module: 'ESNext',
      moduleResolution: 'Bundler',
      strict: true,
      noEmit: true,
      types: [],
      skipLibCheck: true,
      paths: { 'arsenal-otp/operation': ['../.arsenal/types/operation.d.ts'] },
    },
    include: ['**/*.ts'],
  };
  return [
    {
      file: path.join(folder, '.arsenal', 'types', 'operation.d.ts'),
      text: fs.readFileSync(declarationsFile, 'utf8'),
      always: true,
    },
    // Made by us for this machine: no business of a repository.
    { file: path.join(folder, '.arsenal', '.gitignore'), text: '*\n', always: false },
    {
      file: path.join(folder, 'arsenal', 'tsconfig.json'),
      text: `${JSON.stringify(tsconfig, null, 2)}\n`,
      always: false,
    },
  ];
}

function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** `restartSlowCarts` → `restart_slow_carts`; a name that cannot be one of an operation is refused later, with words. */
function snakeCaseOf(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll(/[-. ]+/g, '_')
    .toLowerCase();
}
