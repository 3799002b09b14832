/** Scaffolds an operation of the user's own into a workspace folder and opens it. */
import * as vscode from 'vscode';
import { scaffoldOperation } from '../../server/protocol/lsp.ts';
import type { OperationLanguage, ScaffoldAnswer } from '../../server/protocol/lsp.ts';
import type { Result } from '../../runtime/model.ts';
import type { ArsenalContext } from '../context.ts';
import { askPick, askText } from '../form/prompts.ts';
import { renderResult } from '../results/resultText.ts';
import { labelText } from '../text.ts';
import { errorText } from './operate.ts';

/** Asks for a folder, if there are several, and a name; writes the files. */
export async function scaffoldOperationFile(context: ArsenalContext): Promise<void> {
  const title = vscode.l10n.t('New Operation');
  const folder = await chooseFolder(
    title,
    vscode.l10n.t('Open a folder first: operations live in its arsenal/operations.'),
  );
  if (folder === null) return;
  const wanted = await askWhat(title);
  if (wanted === null) return;
  const made = await writeOperation(context, wanted.name, folder, wanted.language);
  if (!made.ok) {
    void vscode.window.showErrorMessage(errorText(made.error));
    return;
  }
  void tellNextSteps(context, vscode.l10n.t('Next steps of {0}', wanted.name), made.value);
  const [first] = made.value.files;
  if (first !== undefined) await vscode.window.showTextDocument(vscode.Uri.parse(first.uri));
}

/** The language and the name; null when dismissed. */
async function askWhat(title: string): Promise<{ readonly name: string; readonly language: OperationLanguage } | null> {
  const nodes = vscode.l10n.t('runs on the nodes that have the module');
  for (;;) {
    const language = await askPick<OperationLanguage>(
      { title, placeholder: vscode.l10n.t('In which language?'), step: 1, steps: 2, back: false },
      [
        {
          label: 'TypeScript',
          description: vscode.l10n.t('runs in Arsenal, on every kind of connection'),
          value: 'ts',
        },
        { label: 'Elixir', description: nodes, value: 'elixir' },
        { label: 'Erlang', description: nodes, value: 'erlang' },
      ],
    );
    if (language.is !== 'answered') return null;
    const name = await askText(
      { title, placeholder: vscode.l10n.t('Name, such as count_idle_carts'), step: 2, steps: 2, back: true },
      '',
      (text) =>
        /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(text) ? null : vscode.l10n.t('Lower-case words joined by underscores.'),
    );
    if (name.is === 'answered') return { name: name.value, language: language.value };
    if (name.is === 'dismissed') return null;
  }
}

/** Tells what is left to do in one message: the first step, the way to the test, and all steps as a page. */
export async function tellNextSteps(
  { results }: Pick<ArsenalContext, 'results'>,
  title: string,
  { files, notes }: ScaffoldAnswer,
): Promise<void> {
  const [first] = notes;
  if (first === undefined) return;
  const test = files.find(({ uri }) => /[._]tests?\.\w+$/.test(uri));
  const openTest = vscode.l10n.t('Open Test');
  const showAll = vscode.l10n.t('Next Steps');
  const chosen = await vscode.window.showInformationMessage(
    labelText(first, 300),
    ...(test === undefined ? [] : [openTest]),
    ...(notes.length > 1 ? [showAll] : []),
  );
  if (chosen === openTest && test !== undefined) await vscode.window.showTextDocument(vscode.Uri.parse(test.uri));
  if (chosen !== showAll) return;
  const { text } = renderResult(title, Object.fromEntries(notes.map((note, at) => [String(at + 1), note])));
  await results.show({ name: title, text, page: { is: 'text' } });
}

/** Has the server make the files of a new operation, and writes them. */
export async function writeOperation(
  context: Pick<ArsenalContext, 'server'>,
  name: string,
  folder: vscode.WorkspaceFolder,
  language: OperationLanguage = 'ts',
): Promise<Result<ScaffoldAnswer>> {
  const workspaceFolder = folder.uri.toString();
  const made = await context.server.request(scaffoldOperation, { name, workspaceFolder, language });
  if (made.ok) await writeFiles(made.value);
  return made;
}

/** Writes what was scaffolded; answers the files. */
export async function writeFiles({ files }: ScaffoldAnswer): Promise<readonly vscode.Uri[]> {
  const written = files.map(({ uri, text }) => ({ uri: vscode.Uri.parse(uri), text }));
  for (const { uri, text } of written) {
    const open = vscode.workspace.textDocuments.find((document) => document.uri.toString() === uri.toString());
    if (open === undefined) await vscode.workspace.fs.writeFile(uri, new TextEncoder().encode(text));
    else await rewrite(open, text);
  }
  return written.map(({ uri }) => uri);
}

/** Through the editor, which else would show for a while what the file was before. */
async function rewrite(document: vscode.TextDocument, text: string): Promise<void> {
  const edit = new vscode.WorkspaceEdit();
  edit.replace(document.uri, new vscode.Range(0, 0, document.lineCount, 0), text);
  if (await vscode.workspace.applyEdit(edit)) await document.save();
}

/** The workspace folder to write into, asked for if there are several; without one, says `none`. */
export async function chooseFolder(title: string, none: string): Promise<vscode.WorkspaceFolder | null> {
  const folders = vscode.workspace.workspaceFolders ?? [];
  const [only] = folders;
  if (only === undefined) {
    void vscode.window.showInformationMessage(none);
    return null;
  }
  if (!vscode.workspace.isTrusted) {
    void vscode.window.showInformationMessage(
      vscode.l10n.t('Trust this workspace first: what is written there is code that runs.'),
    );
    return null;
  }
  if (folders.length === 1) return only;
  const asked = await askPick(
    {
      title,
      placeholder: vscode.l10n.t('In which folder?'),
      step: 1,
      steps: 1,
      back: false,
    },
    folders.map((folder) => ({ label: labelText(folder.name), value: folder })),
  );
  return asked.is === 'answered' ? asked.value : null;
}
