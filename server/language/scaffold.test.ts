import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { scaffoldActionKind } from '../protocol/lsp.ts';
import { offerScaffold, resolveScaffold, scaffoldFiles } from './scaffold.ts';

const typesFolder = path.resolve('dist', 'types');
let root: string;
let folder: string;

beforeAll(() => {
  // What is shown here is the types that are shipped.
  expect(fs.existsSync(path.join(typesFolder, 'testing.d.ts')), 'npm run build makes the types').toBe(true);
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-scaffold-'));
});
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(root, 'ws-'));
});

const options = { typesFolder, isTaken: (name: string) => name === 'kill_process' };

function scaffold(name: string): readonly string[] {
  const made = scaffoldFiles({ name, workspaceFolder: pathToFileURL(folder).href }, options);
  if (!made.ok) throw new Error(made.error.message);
  return made.value.files.map(({ uri, text }) => {
    const file = fileURLToPath(uri);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
    return path.relative(folder, file);
  });
}

/** What the compiler says of the folder, with the settings that were scaffolded. */
function complaints(): readonly string[] {
  const config = path.join(folder, 'arsenal', 'tsconfig.json');
  const read: unknown = ts.readConfigFile(config, (file) => ts.sys.readFile(file)).config;
  const parsed = ts.parseJsonConfigFileContent(read, ts.sys, path.dirname(config));
  const program = ts.createProgram(parsed.fileNames, parsed.options);
  return ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}

describe('a scaffolded operation', () => {
  // @row T002.a1
  // @row T002.a3, T002.d1
  it('type-checks as it stands, without an install', () => {
    expect(scaffold('count_idle_carts')).toEqual([
      path.join('arsenal', 'operations', 'countIdleCarts.ts'),
      path.join('arsenal', 'operations', 'countIdleCarts.test.mjs'),
      path.join('.arsenal', 'types', 'operation.d.ts'),
      path.join('.arsenal', 'types', 'testing.d.ts'),
      path.join('.arsenal', '.gitignore'),
      path.join('arsenal', 'tsconfig.json'),
    ]);
    expect(complaints()).toEqual([]);
  }, 120_000);

  it('is held by its types to the methods it needs and the parameters it declares', () => {
    scaffold('count_idle_carts');
    const file = path.join(folder, 'arsenal', 'operations', 'countIdleCarts.ts');
    const source = fs.readFileSync(file, 'utf8');
    fs.writeFileSync(
      file,
      source.replace('params.atLeast', 'params.atMost').replace('port.system.stats', 'port.processes.exit'),
    );
    expect(complaints().join('\n')).toMatch(
      /'atMost' does not exist[^]*'processes' does not exist|'processes' does not exist[^]*'atMost' does not exist/,
    );
  }, 120_000);

  it('is refused for a bad name, a name that is taken, a file that exists, and a folder that does not', () => {
    const code = (name: string, workspaceFolder = folder) => {
      const made = scaffoldFiles({ name, workspaceFolder }, options);
      return made.ok ? 'ok' : made.error.code;
    };
    for (const bad of ['', 'Count', '9lives', 'a__b', 'a-b', '../up', 'a'.repeat(65)])
      expect(code(bad)).toBe('scaffold.bad_name');
    expect(code('kill_process')).toBe('scaffold.name_taken');
    expect(code('fine', path.join(folder, 'gone'))).toBe('scaffold.bad_folder');
    expect(code('fine', 'vscode-vfs://github/x')).toBe('scaffold.bad_folder');
    scaffold('fine');
    expect(code('fine')).toBe('scaffold.file_exists');
    expect(scaffold('fine_too')).toEqual([
      path.join('arsenal', 'operations', 'fineToo.ts'),
      path.join('arsenal', 'operations', 'fineToo.test.mjs'),
      path.join('.arsenal', 'types', 'operation.d.ts'),
      path.join('.arsenal', 'types', 'testing.d.ts'),
    ]);
  });
});

describe('the code action', () => {
  const ask = (file: string, text: string, only?: string[]) => {
    const uri = pathToFileURL(path.join(folder, file)).href;
    const range = { start: { line: 0, character: 0 }, end: { line: 0, character: 0 } };
    return offerScaffold(
      { textDocument: { uri }, range, context: { diagnostics: [], ...(only !== undefined && { only }) } },
      TextDocument.create(uri, 'typescript', 1, text),
      [folder],
    );
  };

  it('is offered in an empty module under the name of the file, and elsewhere under a free one', () => {
    expect(ask('arsenal/operations/restartSlowCarts.ts', '', [scaffoldActionKind])).toMatchObject([
      { kind: scaffoldActionKind, data: { name: 'restart_slow_carts' } },
    ]);
    expect(ask('lib/shop.ex', 'defmodule Shop do\nend', ['source'])).toMatchObject([
      { data: { name: null, language: 'elixir' } },
      { data: { name: null, language: 'ts' } },
    ]);
    expect(ask('src/shop.erl', '')).toMatchObject([{ data: { language: 'erlang' } }, { data: { language: 'ts' } }]);
  });

  it('is not offered where it makes no sense, nor for another kind', () => {
    expect(ask('arsenal/operations/x.ts', 'export const a = 1;')).toEqual([]);
    expect(ask('a.ts', '', ['quickfix'])).toEqual([]);
    expect(ask('../outside.ts', '')).toEqual([]);
  });

  it('gets its edit when it is resolved', () => {
    const [offered] = ask('arsenal/operations/restartSlowCarts.ts', '');
    expect(offered?.edit).toBeUndefined();
    const resolved = resolveScaffold(offered ?? { title: '' }, options);
    const created = resolved.edit?.documentChanges?.flatMap((change) =>
      'kind' in change && change.kind === 'create' ? [change.uri] : [],
    );
    expect(created?.[0]).toBe(pathToFileURL(path.join(folder, 'arsenal', 'operations', 'restartSlowCarts.ts')).href);
    expect(resolveScaffold({ title: 'of another' }, options)).toEqual({ title: 'of another' });
    fs.writeFileSync(path.join(folder, 'mix.exs'), 'def project, do: [app: :my_shop, version: "1.0.0"]');
    const [elixir, typescript] = ask('lib/shop.ex', '').map((action) =>
      JSON.stringify(resolveScaffold(action, options)),
    );
    expect(elixir).toContain('lib/my_shop/operations/my_operation.ex');
    expect(elixir).toContain('defmodule MyShop.Operations.MyOperation do');
    expect(typescript).toContain('arsenal/operations/myOperation.ts');
  });
});
