/** Asks what a local cluster is to be made of: which folder's project, and how many nodes. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { askPick, askText } from '../form/prompts.ts';
import type { Asked, PickItem } from '../form/prompts.ts';
import { labelText } from '../text.ts';
import type { SavedConnection } from './savedConnections.ts';

type Local = Extract<SavedConnection, { readonly kind: 'local-cluster' }>;
type Project = { readonly folder: string | null };

const usualNodes = 3;
const mostNodes = 32;
/** The files that make a folder a project, with the program that starts its nodes. */
const buildFiles = [
  ['mix.exs', 'mix'],
  ['rebar.config', 'rebar3'],
] as const;

/** The project, when there is a choice, then the number of nodes. Starting runs the project's code: the workspace has to be trusted. */
export async function askLocal(back: boolean): Promise<Asked<Local>> {
  const title = vscode.l10n.t('Start a Local Cluster');
  const projects = vscode.workspace.isTrusted ? await projectsInWorkspace() : [];
  for (;;) {
    const project = await askProject(title, projects, back);
    if (project.is !== 'answered') return project;
    const count = await askText(
      { title, placeholder: vscode.l10n.t('How many nodes?'), step: 2, steps: 2, back: true },
      String(usualNodes),
      nodeCountProblem,
    );
    if (count.is === 'dismissed') return count;
    if (count.is !== 'answered') continue;
    const { folder } = project.value;
    const saved: Local = {
      kind: 'local-cluster',
      nodes: Number(count.value.trim()),
      ...(folder !== null && { project: folder }),
    };
    return { is: 'answered', value: saved };
  }
}

function askProject(
  title: string,
  projects: readonly { readonly folder: string; readonly program: string }[],
  back: boolean,
): Promise<Asked<Project>> {
  const items: PickItem<Project>[] = [
    ...projects.map(({ folder, program }) => ({
      label: `$(folder) ${labelText(path.basename(folder))}`,
      description: program,
      detail: labelText(folder),
      value: { folder },
    })),
    {
      label: vscode.l10n.t('$(circle-outline) Plain Erlang nodes'),
      detail: vscode.l10n.t('Without any project.'),
      value: { folder: null },
    },
  ];
  const placeholder = vscode.workspace.isTrusted
    ? vscode.l10n.t('What do its nodes run?')
    : vscode.l10n.t('What do its nodes run? A project runs only in a trusted workspace.');
  return askPick({ title, placeholder, step: 1, steps: 2, back }, items);
}

async function projectsInWorkspace(): Promise<readonly { readonly folder: string; readonly program: string }[]> {
  const found = await Promise.all(
    (vscode.workspace.workspaceFolders ?? [])
      .filter(({ uri }) => uri.scheme === 'file')
      .map(async ({ uri }) => {
        for (const [file, program] of buildFiles) {
          if (await isThere(vscode.Uri.joinPath(uri, file))) return [{ folder: uri.fsPath, program }];
        }
        return [];
      }),
  );
  return found.flat();
}

async function isThere(uri: vscode.Uri): Promise<boolean> {
  try {
    await vscode.workspace.fs.stat(uri);
    return true;
  } catch {
    return false;
  }
}

function nodeCountProblem(text: string): string | null {
  const count = Number(text.trim());
  return /^\d{1,2}$/.test(text.trim()) && count >= 1 && count <= mostNodes
    ? null
    : vscode.l10n.t('This is a whole number from {0} to {1}.', 1, mostNodes);
}
