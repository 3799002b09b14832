import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { startRuntime } from '../../runtime/embedded/liveRuntime.ts';
import { houseOn } from '../backend/testKit.ts';
import { valueOf } from '../core/testKit.ts';
import { clusterExamples, clusterScaffoldActionKind } from '../protocol/lsp.ts';
import type { ClusterScaffoldParams } from '../protocol/lsp.ts';
import { offerClusterScaffold, resolveClusterScaffold, scaffoldClusterFile } from './clusterScaffold.ts';

const options = { typesFolder: path.resolve('dist', 'types'), examplesFolder: path.resolve('docs', 'examples') };
let root: string;
let folder: string;

beforeAll(() => {
  // What is shown here is the types that are shipped.
  expect(fs.existsSync(path.join(options.typesFolder, 'cluster.d.ts')), 'npm run build makes the types').toBe(true);
  root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-cluster-scaffold-')));
});
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(root, 'ws-'));
});

type Asked = Omit<ClusterScaffoldParams, 'workspaceFolder'>;
const ask = (asked: Asked = {}) =>
  scaffoldClusterFile({ workspaceFolder: pathToFileURL(folder).href, ...asked }, options);

/** Writes what is scaffolded; answers the files. */
function scaffold(asked: Asked = {}): readonly string[] {
  return valueOf(ask(asked)).files.map(({ uri, text }) => {
    const file = fileURLToPath(uri);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
    return path.relative(folder, file);
  });
}

/** What the compiler says of the folder, with the settings that were scaffolded. */
function complaints(): readonly string[] {
  const config = path.join(folder, 'tsconfig.json');
  const read: unknown = ts.readConfigFile(config, (file) => ts.sys.readFile(file)).config;
  const parsed = ts.parseJsonConfigFileContent(read, ts.sys, folder);
  expect(parsed.fileNames.map((file) => path.basename(file))).toContain('arsenal.cluster.ts');
  const program = ts.createProgram(parsed.fileNames, parsed.options);
  return ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}

describe('a scaffolded cluster file', () => {
  it.each(clusterExamples)(
    'runs as it stands and type-checks without an install: %s',
    async (example) => {
      expect(scaffold({ example })).toEqual([
        'arsenal.cluster.ts',
        path.join('.arsenal', 'types', 'cluster.d.ts'),
        path.join('.arsenal', 'types', 'testing.d.ts'),
        path.join('.arsenal', 'types', 'clusterFile.d.ts'),
        path.join('.arsenal', '.gitignore'),
        'tsconfig.json',
      ]);
      expect(complaints()).toEqual([]);
      await runs(path.join(folder, 'arsenal.cluster.ts'));
    },
    120_000,
  );

  it('in JSON runs as it stands', async () => {
    expect(scaffold({ language: 'json' })).toEqual(['arsenal.cluster.json']);
    await runs(path.join(folder, 'arsenal.cluster.json'));
  }, 60_000);

  it('is held by its types to what there is: no timers, no files, no callback of another name', () => {
    scaffold();
    const file = path.join(folder, 'arsenal.cluster.ts');
    const text = fs.readFileSync(file, 'utf8');
    fs.writeFileSync(
      file,
      `${text.replace('handleCast:', 'handleCats:')}\nsetTimeout(() => console.log('late'), 10);\n`,
    );
    expect(complaints().join('\n')).toMatch(/'handleCats' does not exist[^]*'setTimeout'/);
  }, 120_000);

  it('leaves a tsconfig.json as it is, and says what to add to it', () => {
    fs.writeFileSync(path.join(folder, 'tsconfig.json'), '{}');
    expect(scaffold()).not.toContain('tsconfig.json');
    fs.rmSync(path.join(folder, 'arsenal.cluster.ts'));
    const { notes } = valueOf(ask());
    expect(notes).toHaveLength(1);
    // With what the note says, the types are found.
    const paths: unknown = JSON.parse(`{${/: ("arsenal-otp.*)$/.exec(notes[0] ?? '')?.[1] ?? ''}}`);
    const compilerOptions = { module: 'ESNext', moduleResolution: 'Bundler', lib: ['ES2022'], types: [], strict: true };
    fs.writeFileSync(
      path.join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: { ...compilerOptions, noEmit: true, skipLibCheck: true, paths } }),
    );
    expect(valueOf(ask()).notes).toEqual([]);
    scaffold();
    expect(complaints()).toEqual([]);
  }, 120_000);

  it('has a name of its own beside the one that is run by itself', () => {
    expect(scaffold({ name: 'shop', example: 'queue' })[0]).toBe('shop.cluster.ts');
    expect(scaffold()[0]).toBe('arsenal.cluster.ts');
  });

  it('is refused where there is one already, in any language, for a bad name, an example in JSON, and a folder that is none', () => {
    const code = (asked: Asked = {}, workspaceFolder = folder) => {
      const made = scaffoldClusterFile({ workspaceFolder, ...asked }, options);
      return made.ok ? 'ok' : made.error.code;
    };
    for (const bad of ['', '../up', 'a/b', '.hidden', 'a'.repeat(65)]) {
      expect(code({ name: bad })).toBe('scaffold.bad_name');
    }
    expect(code({ example: 'leader', language: 'json' })).toBe('scaffold.no_json');
    expect(code({}, path.join(folder, 'gone'))).toBe('scaffold.bad_folder');
    fs.writeFileSync(path.join(folder, 'arsenal.cluster.mjs'), ' \n');
    expect(code()).toBe('ok');
    fs.writeFileSync(path.join(folder, 'arsenal.cluster.mjs'), 'export default 1;');
    expect(code()).toBe('scaffold.file_exists');
    expect(code({ language: 'json' })).toBe('scaffold.file_exists');
    expect(code({ name: 'other' })).toBe('ok');
  });
});

describe('the code actions in an empty cluster file', () => {
  const offered = (file: string, text: string, only?: string[]) => {
    const uri = pathToFileURL(path.join(folder, file)).href;
    const range = { start: { line: 0, character: 0 }, end: { line: 0, character: 0 } };
    return offerClusterScaffold(
      { textDocument: { uri }, range, context: { diagnostics: [], ...(only !== undefined && { only }) } },
      TextDocument.create(uri, 'typescript', 1, text),
      [folder],
    );
  };

  it('are one for each example, and one in JSON; none where something is written, elsewhere, or for another kind', () => {
    expect(offered('arsenal.cluster.ts', '\n', [clusterScaffoldActionKind]).map(({ title }) => title)).toEqual([
      'Write an empty cluster with comments',
      'Write the example: leader election by Horde',
      'Write the example: a sharded cache',
      'Write the example: a job queue under churn',
    ]);
    expect(offered('arsenal.cluster.json', '')).toHaveLength(1);
    expect(offered('arsenal.cluster.ts', 'export {}')).toEqual([]);
    expect(offered('arsenal.cluster.ts', '', ['quickfix'])).toEqual([]);
    expect(offered('cluster.ts', '')).toEqual([]);
    expect(offered('../arsenal.cluster.ts', '')).toEqual([]);
  });

  it('get their edit when they are resolved', () => {
    fs.writeFileSync(path.join(folder, 'arsenal.cluster.ts'), '');
    const [, leader] = offered('arsenal.cluster.ts', '');
    expect(leader?.edit).toBeUndefined();
    const changes = resolveClusterScaffold(leader ?? { title: '' }, options).edit?.documentChanges ?? [];
    expect(changes[0]).toMatchObject({
      kind: 'create',
      uri: pathToFileURL(path.join(folder, 'arsenal.cluster.ts')).href,
    });
    expect(JSON.stringify(changes[1])).toContain('Elixir.Vote.Candidate');
    const others = { title: 'of another', data: { folder, name: 'x' } };
    expect(resolveClusterScaffold(others, options)).toEqual(others);
  });
});

/** Starts the file, and looks: its nodes are up, its applications run. */
async function runs(clusterFile: string): Promise<void> {
  const runtime = valueOf(
    startRuntime(
      { id: 'sim', nodes: [], sandboxChildFile: 'none', time: 'deterministic', seed: 1, clusterFile },
      () => undefined,
    ),
  );
  const house = await houseOn(runtime);
  try {
    const health = JSON.stringify(await house.result('cluster_health', {}));
    expect(health).toContain('"status":"healthy"');
    expect(JSON.stringify(await house.result('list_supervisors', {}))).toMatch(/Supervisor/);
  } finally {
    await house.close();
  }
}
