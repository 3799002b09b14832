/** Writes a cluster file of the user's own into a workspace folder, and opens it. */
import * as vscode from 'vscode';
import { clusterExamples, scaffoldCluster } from '../../server/protocol/lsp.ts';
import type { ClusterExample } from '../../server/protocol/lsp.ts';
import type { ArsenalContext } from '../context.ts';
import { isRecord } from '../decode.ts';
import { askPick } from '../form/prompts.ts';
import { errorText } from '../operations/operate.ts';
import { chooseFolder, tellNextSteps, writeFiles } from '../operations/scaffold.ts';

type Beginning = { readonly example: ClusterExample; readonly language: 'ts' | 'json' };

/** Asks for a folder, if there are several, and what to begin with, unless `argument` (`{example}`) says so; writes the files. */
export async function createClusterFile(context: ArsenalContext, argument: unknown): Promise<void> {
  const title = vscode.l10n.t('Create Cluster File');
  const folder = await chooseFolder(title, vscode.l10n.t('Open a folder first: a cluster file lies in it.'));
  if (folder === null) return;
  const beginning = named(argument) ?? (await ask(title));
  if (beginning === null) return;
  const made = await context.server.request(scaffoldCluster, { workspaceFolder: folder.uri.toString(), ...beginning });
  if (!made.ok) {
    void vscode.window.showErrorMessage(errorText(made.error));
    return;
  }
  const [file] = await writeFiles(made.value);
  void tellNextSteps(context, title, made.value);
  // It says above its first line how it is run.
  if (file !== undefined) await vscode.window.showTextDocument(file, { preview: false });
}

function named(argument: unknown): Beginning | null {
  const wanted = isRecord(argument) ? argument['example'] : undefined;
  const example = clusterExamples.find((each) => each === wanted);
  return example === undefined ? null : { example, language: 'ts' };
}

async function ask(title: string): Promise<Beginning | null> {
  const item = (label: string, detail: string, value: Beginning) => ({ label, detail, value });
  const asked = await askPick<Beginning>(
    { title, placeholder: vscode.l10n.t('What does it begin with?'), step: 1, steps: 1, back: false },
    [
      item(
        vscode.l10n.t('$(file) Empty, with comments'),
        vscode.l10n.t('Two nodes, a gen_server and its supervisor.'),
        { example: 'empty', language: 'ts' },
      ),
      item(
        vscode.l10n.t('$(organization) Leader election by Horde'),
        vscode.l10n.t('One of three nodes leads, through a crash and a partition. Uses libcluster.'),
        { example: 'leader', language: 'ts' },
      ),
      item(
        vscode.l10n.t('$(database) Sharded cache'),
        vscode.l10n.t('A cache over three nodes, each key on one of them.'),
        { example: 'cache', language: 'ts' },
      ),
      item(
        vscode.l10n.t('$(tasklist) Job queue under churn'),
        vscode.l10n.t('Workers on nodes that crash and hang, and a queue that loses no job.'),
        { example: 'queue', language: 'ts' },
      ),
      item(
        vscode.l10n.t('$(json) The demo, in JSON'),
        vscode.l10n.t('Nodes, network and faults around the demo shop, without code.'),
        { example: 'empty', language: 'json' },
      ),
    ],
  );
  return asked.is === 'answered' ? asked.value : null;
}
