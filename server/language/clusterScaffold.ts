/** A new cluster file of the user's own: one that runs as it stands, and what the editor needs to know its types without an install. */
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { CodeAction, CodeActionParams } from 'vscode-languageserver/node';
import type { TextDocument } from 'vscode-languageserver-textdocument';
import { failure } from '../../runtime/errors.ts';
import { ok } from '../../runtime/model.ts';
import type { Failure, Result } from '../../runtime/model.ts';
import { clusterExamples, clusterScaffoldActionKind } from '../protocol/lsp.ts';
import type { ClusterExample, ScaffoldAnswer, ClusterScaffoldParams } from '../protocol/lsp.ts';
import { clusterFileIn } from './clusterFiles.ts';
import { editOf, filePath, folderPath, isInside, tsconfigText } from './scaffoldEdits.ts';

export type ClusterScaffoldOptions = {
  /** Holds the declarations of `arsenal-otp/NAME` as `NAME.d.ts`. */
  readonly typesFolder: string;
  /** Holds the documented examples as `NAME.cluster.ts`. */
  readonly examplesFolder: string;
};

const typed = ['cluster', 'testing'] as const;
const fileName = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
const ownName = 'arsenal';
const titles: { readonly [E in ClusterExample]: string } = {
  empty: 'Write an empty cluster with comments',
  leader: 'Write the example: leader election by Horde',
  cache: 'Write the example: a sharded cache',
  queue: 'Write the example: a job queue under churn',
};

/**
 * The files of a new cluster file in a folder (a path or `file:` URI): `NAME.cluster.ts` or `.json`, which without a name is the one that
 * is run by itself (`arsenal.cluster.ts`), and what makes its types known. Files that exist are left out, except the declarations, which
 * belong to this version; what is then left for the user to do, `notes` say. Errors: `scaffold.bad_folder`, `scaffold.bad_name`,
 * `scaffold.file_exists`, `scaffold.no_json`.
 */
export function scaffoldClusterFile(
  params: ClusterScaffoldParams,
  options: ClusterScaffoldOptions,
): Result<ScaffoldAnswer> {
  const { example = 'empty', language = 'ts', name = ownName } = params;
  const folder = folderPath(params.workspaceFolder);
  if (folder === null) {
    return refused('scaffold.bad_folder', 'This is no folder on this machine.', 'Give a folder that is open.', {
      pointer: '/workspaceFolder',
    });
  }
  if (!fileName.test(name)) {
    const remedy = 'Use letters, digits, _ and -, at most 64.';
    return refused('scaffold.bad_name', `${name} is no name for a cluster file.`, remedy, { pointer: '/name' });
  }
  if (language === 'json' && example !== 'empty') {
    const remedy = 'Write it in TypeScript; a JSON file describes nodes, network and faults around the demo.';
    return refused('scaffold.no_json', `The example ${example} has code of its own.`, remedy, { pointer: '/language' });
  }
  const file = path.join(folder, `${name}.cluster.${language}`);
  const taken = (name === ownName ? clusterFileIn([folder]) : null) ?? file;
  if (!isEmpty(taken)) {
    return failure(
      'conflict',
      'scaffold.file_exists',
      `${taken} exists already.`,
      'Edit that file, or remove it first.',
    );
  }
  if (language === 'json') return ok(answerOf([{ file, text: jsonText() }], []));
  const known = typesAreKnown(folder);
  const files = [
    { file, text: moduleText(example, options.examplesFolder) },
    ...supportFiles(folder, options.typesFolder).filter(({ file: each, always }) => always || !fs.existsSync(each)),
    ...(known === 'not_yet'
      ? [
          {
            file: path.join(folder, 'tsconfig.json'),
            text: tsconfigText(paths(), ['*.cluster.ts', '.arsenal/types/clusterFile.d.ts']),
          },
        ]
      : []),
  ];
  const notes =
    known === 'tell'
      ? [`So that the editor knows its types, add to "paths" in ${path.join(folder, 'tsconfig.json')}: ${pathsText()}`]
      : [];
  return ok(answerOf(files, notes));
}

/** The code actions in an empty cluster file, without their edits: those are made when one is chosen. */
export function offerClusterScaffold(
  params: CodeActionParams,
  document: TextDocument | undefined,
  folders: readonly string[],
): CodeAction[] {
  const { only } = params.context;
  const kind = clusterScaffoldActionKind;
  if (only !== undefined && !only.some((each) => kind === each || kind.startsWith(`${each}.`))) return [];
  const file = filePath(params.textDocument.uri);
  if (file === null || document === undefined || document.getText().trim() !== '') return [];
  const [, name, language] = /^(.+)\.cluster\.(ts|json)$/.exec(path.basename(file)) ?? [];
  if (name === undefined || !fileName.test(name) || !folders.some((folder) => isInside(folder, file))) return [];
  return clusterExamples
    .filter((example) => language === 'ts' || example === 'empty')
    .map((example) => ({
      title: language === 'ts' ? titles[example] : 'Write nodes, network and faults around the demo',
      kind,
      data: { clusterFile: { workspaceFolder: path.dirname(file), name, language, example } },
    }));
}

/** Gives the chosen action its edit; an action that is none of ours, or can no longer be done, stays as it is. */
export function resolveClusterScaffold(action: CodeAction, options: ClusterScaffoldOptions): CodeAction {
  const params = paramsOf(action.data);
  const made = params === null ? null : scaffoldClusterFile(params, options);
  return made?.ok === true ? { ...action, edit: editOf(made.value) } : action;
}

/** What {@link offerClusterScaffold} noted on an action; the client has had it meanwhile. */
function paramsOf(data: unknown): ClusterScaffoldParams | null {
  if (typeof data !== 'object' || data === null || !('clusterFile' in data)) return null;
  const { clusterFile } = data;
  if (typeof clusterFile !== 'object' || clusterFile === null) return null;
  const text = (key: string): string => String(Reflect.get(clusterFile, key));
  const example = clusterExamples.find((each) => each === text('example'));
  const language = (['ts', 'json'] as const).find((each) => each === text('language'));
  return example === undefined || language === undefined
    ? null
    : { workspaceFolder: text('workspaceFolder'), name: text('name'), example, language };
}

function refused(code: string, message: string, remedy: string, more: { readonly pointer: string }): Failure {
  return failure('validation', code, message, remedy, more);
}

function answerOf(
  files: readonly { readonly file: string; readonly text: string }[],
  notes: readonly string[],
): ScaffoldAnswer {
  return { files: files.map(({ file, text }) => ({ uri: pathToFileURL(file).href, text })), notes };
}

function isEmpty(file: string): boolean {
  return !fs.existsSync(file) || fs.readFileSync(file, 'utf8').trim() === '';
}

/** Whether an editor finds the types: yes, once a tsconfig.json is made for it, or once the user has told the one there is. */
function typesAreKnown(folder: string): 'yes' | 'not_yet' | 'tell' {
  if (fs.existsSync(path.join(folder, 'node_modules', 'arsenal-otp', 'package.json'))) return 'yes';
  const tsconfig = path.join(folder, 'tsconfig.json');
  if (!fs.existsSync(tsconfig)) return 'not_yet';
  return fs.readFileSync(tsconfig, 'utf8').includes('arsenal-otp/cluster') ? 'yes' : 'tell';
}

/** What lets an editor find the types of `arsenal-otp/cluster` and `arsenal-otp/testing` in this folder. */
function supportFiles(folder: string, typesFolder: string) {
  const own = path.join(folder, '.arsenal');
  return [
    ...typed.map((name) => ({
      file: path.join(own, 'types', `${name}.d.ts`),
      text: fs.readFileSync(path.join(typesFolder, `${name}.d.ts`), 'utf8'),
      always: true,
    })),
    { file: path.join(own, 'types', 'clusterFile.d.ts'), text: globalsText, always: true },
    // Made by us for this machine: no business of a repository.
    { file: path.join(own, '.gitignore'), text: '*\n', always: false },
  ];
}

/** What is there beside the language itself: no timers, no files, no network. */
const globalsText = `// What a cluster file finds beside the language. Made by Arsenal; written anew with every version.
declare const console: {
  readonly [level in 'log' | 'info' | 'debug' | 'warn' | 'error']: (...parts: readonly unknown[]) => void;
};
`;

function paths(): { readonly [name: string]: readonly string[] } {
  return Object.fromEntries(typed.map((name) => [`arsenal-otp/${name}`, [`./.arsenal/types/${name}.d.ts`]]));
}

function pathsText(): string {
  return JSON.stringify(paths()).slice(1, -1);
}

function moduleText(example: ClusterExample, examplesFolder: string): string {
  if (example !== 'empty') return fs.readFileSync(path.join(examplesFolder, `${example}.cluster.ts`), 'utf8');
  return `// A simulated cluster of your own. Run it with "Arsenal: Run Cluster File", or with
//   arsenal serve --cluster-file THIS_FILE
// Save it while it runs, and its servers go on with the new code.
import { defineCluster, genServer, noreply, ok, reply, supervisor } from 'arsenal-otp/cluster';

// A gen_server. Its state is what init answers, and then what each callback answers last.
const counter = genServer<number>('Elixir.Counter', {
  init: () => ok(0),
  // GenServer.call: "Arsenal: Send Message" to Counter, by call, shows the reply.
  handleCall: (_self, _request, _from, count) => reply(count, count),
  handleCast: (_self, _message, count) => noreply(count + 1),
  // When this file is saved with another shape of state, its old state is changed here:
  // codeChange: (_self, _oldVersion, count) => ok(count),
});

// A supervisor: it starts its children in order, and starts anew what ends.
const top = supervisor('Elixir.Counter.Supervisor', {
  strategy: 'one_for_one',
  intensity: 3,
  periodSeconds: 5,
  children: [{ module: counter }],
});

export default defineCluster({
  nodes: ['one@sim', 'two@sim'],
  modules: [counter, top],
  applications: [{ name: 'counter', description: 'Counts', module: top }],
  network: { latencyMs: { min: 0.3, max: 1.5 } },
  // What goes wrong by itself, in the cluster's own time; forMs says how long:
  faults: [
    // { atMs: 10_000, forMs: 5_000, crash: 'two@sim' },
    // { atMs: 20_000, forMs: 5_000, hang: 'one@sim' },
    // { atMs: 30_000, forMs: 10_000, fault: { is: 'partition', islands: [['one@sim'], ['two@sim']], mode: 'cut' } },
  ],
});
`;
}

function jsonText(): string {
  const cluster = {
    nodes: ['one@sim', 'two@sim', 'three@sim'],
    network: { latencyMs: { min: 1, max: 5 }, netTicktimeSeconds: 60 },
    faults: [
      {
        atMs: 30_000,
        forMs: 10_000,
        fault: { is: 'partition', islands: [['one@sim'], ['two@sim', 'three@sim']], mode: 'cut' },
      },
    ],
  };
  return `${JSON.stringify(cluster, null, 2)}\n`;
}
