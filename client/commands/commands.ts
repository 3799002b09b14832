/** Every command, in one table. */
import * as vscode from 'vscode';
import { createClusterFile } from '../clusterFile/createClusterFile.ts';
import { runClusterFile } from '../clusterFile/runClusterFile.ts';
import type { ArsenalContext } from '../context.ts';
import { isRecord } from '../decode.ts';
import { askPick } from '../form/prompts.ts';
import type { PickItem } from '../form/prompts.ts';
import { errorText } from '../operations/operate.ts';
import { scaffoldOperationFile } from '../operations/scaffold.ts';
import { readNodeLog } from '../../server/protocol/lsp.ts';
import { accessWord } from '../views/sessionItems.ts';
import { labelText } from '../text.ts';
import { TreeElement } from '../views/liveTree.ts';
import { callCommands } from './callCommands.ts';
import type { CommandId } from './commandIds.ts';
import { operationCommand, operationsWithCommands } from './operationCommands.ts';
import { idOf, labelOf, parseCallArguments, presetOf, targetOf } from './targets.ts';
import type { AnyData, Target } from './targets.ts';
import type { SelectedRow } from '../operations/selection.ts';
import type { CatalogueEntry } from '../../server/protocol/operation.ts';

type Command = (context: ArsenalContext, argument: unknown, selected: readonly unknown[]) => unknown;

const commands: { readonly [Id in CommandId]: Command } = {
  'arsenal.connect': (context, argument) => connect(context, argument),
  'arsenal.connectSimulated': (context) => context.connectFlow.connect({ kind: 'simulated' }),
  'arsenal.startLocalCluster': (context) => context.connectFlow.startLocal(),
  'arsenal.disconnect': (context, argument) => disconnect(context, argument),
  'arsenal.retryConnection': (context, argument) => retry(context, argument),
  'arsenal.forgetConnection': (context, argument) => forget(context, argument),
  'arsenal.selectConnection': (context) => selectConnection(context),
  'arsenal.allowChanges': (context, argument) => setAccess(context, argument, 'full'),
  'arsenal.makeReadOnly': (context, argument) => setAccess(context, argument, 'read_only'),
  'arsenal.openCluster': (context) => {
    void context.wake();
    context.clusterGraph.open();
  },
  'arsenal.runOperation': (context, argument) => runOperation(context, argument),
  'arsenal.scaffoldOperation': (context) => scaffoldOperationFile(context),
  'arsenal.createClusterFile': (context, argument) => createClusterFile(context, argument),
  'arsenal.runClusterFile': (context, argument) => runClusterFile(context, argument),
  'arsenal.refresh': (context) => {
    for (const tree of Object.values(context.trees)) tree.renew();
  },
  'arsenal.restartServer': (context) => context.server.restart(),
  'arsenal.showLog': (context) => context.log.show(),
  'arsenal.showNodeLog': (context, argument) => showNodeLog(context, argument),
  'arsenal.showMenu': (context) => showMenu(context),
  'arsenal.controlTime': (context) => context.time.control(),
  'arsenal.showMore': (context, argument) => showMore(context, argument),
  'arsenal.copyId': (_context, argument, selected) => copyId(argument, selected),
  ...callCommands,
};

/** The palette command of each builtin operation. */
const operationCommands = operationsWithCommands.map((name): readonly [string, Command] => [
  operationCommand(name),
  (context, argument, selected) => runNamed(context, name, argument, selected),
]);

/** Registers every command. Each starts what it needs by itself, so none is ever "not ready". */
export function registerCommands(context: ArsenalContext): vscode.Disposable[] {
  return [...Object.entries(commands), ...operationCommands].map(([id, run]) =>
    // A tree hands over the element that was meant, and all that are selected if that is one of them.
    vscode.commands.registerCommand(id, (argument: unknown, selected: unknown) =>
      run(context, argument, Array.isArray(selected) ? selected : []),
    ),
  );
}

function elementData(argument: unknown): AnyData | null {
  return argument instanceof TreeElement ? (argument as TreeElement<AnyData>).data : null;
}

/** The connection an argument names: an element's, `{connection}`, else the current one. */
function connectionOf(context: ArsenalContext, argument: unknown): string | null {
  const data = elementData(argument);
  const named = data === null ? parseCallArguments(argument).connection : targetOf(data)?.connection;
  return named ?? context.sessions.current?.id ?? null;
}

function failedKey(argument: unknown): string | null {
  const data = elementData(argument);
  if (data?.is === 'session' && data.entry.is === 'failed') return data.entry.key;
  return isRecord(argument) && typeof argument['failed'] === 'string' ? argument['failed'] : null;
}

async function connect(context: ArsenalContext, argument: unknown): Promise<unknown> {
  const key = failedKey(argument);
  const failed = context.sessions.entries.find((entry) => entry.is === 'failed' && entry.key === key);
  const before = failed?.is === 'failed' && failed.saved.kind === 'beam' ? failed.saved : undefined;
  return context.connectFlow.run(before);
}

async function disconnect(context: ArsenalContext, argument: unknown): Promise<void> {
  const id = connectionOf(context, argument);
  if (id === null) return;
  const answer = await context.sessions.disconnect(id);
  if (!answer.ok) void vscode.window.showErrorMessage(errorText(answer.error));
}

async function retry(context: ArsenalContext, argument: unknown): Promise<unknown> {
  const key = failedKey(argument);
  const failed = context.sessions.entries.find((entry) => entry.is === 'failed' && entry.key === key);
  if (failed?.is === 'failed') return context.connectFlow.connect(failed.saved);
  const id = connectionOf(context, argument);
  if (id === null) return undefined;
  const answer = await context.sessions.retry(id);
  if (!answer.ok) void vscode.window.showErrorMessage(errorText(answer.error));
  return undefined;
}

function forget(context: ArsenalContext, argument: unknown): void {
  const key = failedKey(argument);
  if (key !== null) context.sessions.forgetFailed(key);
}

async function selectConnection(context: ArsenalContext): Promise<void> {
  const asked = await askPick(
    {
      title: vscode.l10n.t('Select Connection'),
      placeholder: vscode.l10n.t('Which system do commands mean?'),
      step: 1,
      steps: 1,
      back: false,
    },
    context.sessions.open.map((info) => ({
      label: labelText(info.label),
      description: accessWord(info),
      value: info.id,
    })),
  );
  if (asked.is === 'answered') context.sessions.choose(asked.value);
}

async function setAccess(context: ArsenalContext, argument: unknown, access: 'full' | 'read_only'): Promise<void> {
  const id = connectionOf(context, argument);
  const info = id === null ? undefined : context.sessions.find(id);
  if (info === undefined) return;
  if (access === 'full') {
    await context.operate.consent(info);
    return;
  }
  const answer = await context.sessions.setAccess(info.id, access);
  if (!answer.ok) void vscode.window.showErrorMessage(errorText(answer.error));
}

async function runOperation(context: ArsenalContext, argument: unknown): Promise<unknown> {
  const data = elementData(argument);
  if (data === null) {
    const named = typeof argument === 'string' ? { operation: argument } : parseCallArguments(argument);
    return context.operate.operate(named);
  }
  if (data.is === 'operation') return context.operate.operate({ operation: data.entry.name });
  return context.operate.operate({
    ...(targetOf(data)?.connection != null && { connection: targetOf(data)?.connection ?? '' }),
  });
}

async function runNamed(
  context: ArsenalContext,
  operation: string,
  argument: unknown,
  selected: readonly unknown[],
): Promise<unknown> {
  const data = elementData(argument);
  if (data === null) return context.operate.operate({ ...parseCallArguments(argument), operation });
  const target = targetOf(data);
  await context.catalogue.ready(10_000);
  const entry = context.catalogue.find(operation);
  const rows = entry === undefined || target === null ? [] : selectedRows(entry, target, selected);
  if (entry !== undefined && target?.connection != null && rows.length > 1) {
    return context.selection.operate(entry, target.connection, rows);
  }
  return context.operate.operate({
    operation,
    ...(target !== null && entry !== undefined && { params: presetOf(entry, target) }),
    ...(target !== null && target.connection !== null && { connection: target.connection }),
  });
}

/** The selected elements that the operation can be run on as on `target`: of the same connection, giving the same parameters. */
function selectedRows(entry: CatalogueEntry, target: Target, selected: readonly unknown[]): readonly SelectedRow[] {
  const given = Object.keys(presetOf(entry, target)).join(' ');
  if (given === '') return [];
  return selected.flatMap((element) => {
    const data = elementData(element);
    const other = data === null ? null : targetOf(data);
    if (data === null || other === null || other.connection !== target.connection) return [];
    const params = presetOf(entry, other);
    return Object.keys(params).join(' ') === given ? [{ label: labelOf(data), params }] : [];
  });
}

function showMore(context: ArsenalContext, argument: unknown): void {
  if (!isRecord(argument) || typeof argument['of'] !== 'string') return;
  if (argument['view'] === 'nodes') context.trees.nodes.showMore(argument['of']);
  if (argument['view'] === 'supervisors') context.trees.supervisors.showMore(argument['of']);
}

/** Opens the file that holds what a node of a local cluster printed; without an element, what its build printed. */
async function showNodeLog(context: ArsenalContext, argument: unknown): Promise<void> {
  const connection = connectionOf(context, argument);
  if (connection === null) return;
  const data = elementData(argument);
  const node = data === null ? null : (targetOf(data)?.picks.node ?? null);
  const log = await context.server.request(readNodeLog, { connection, node, from: { last: 0 } });
  if (!log.ok) {
    void vscode.window.showErrorMessage(errorText(log.error));
    return;
  }
  await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(vscode.Uri.file(log.value.file)));
}

async function copyId(argument: unknown, selected: readonly unknown[]): Promise<void> {
  const meant = selected.length > 1 ? selected : [argument];
  const ids = meant.flatMap((each) => {
    const data = elementData(each);
    const id = data === null ? null : idOf(data);
    return id === null ? [] : [id];
  });
  if (ids.length > 0) await vscode.env.clipboard.writeText(ids.join('\n'));
}

/** What can be done now, from the status bar. */
async function showMenu(context: ArsenalContext): Promise<unknown> {
  const { current, open } = context.sessions;
  const item = (label: string, command: string): PickItem<string> => ({ label, value: command });
  const asked = await askPick<string>({ title: 'Arsenal', placeholder: '', step: 1, steps: 1, back: false }, [
    item(vscode.l10n.t('$(play) Run Operation…'), 'arsenal.runOperation'),
    item(vscode.l10n.t('$(plug) Connect…'), 'arsenal.connect'),
    ...(open.length > 1
      ? [item(vscode.l10n.t('$(list-selection) Select Connection…'), 'arsenal.selectConnection')]
      : []),
    ...(current === null ? [] : [item(vscode.l10n.t('$(type-hierarchy) Open Cluster Graph'), 'arsenal.openCluster')]),
    ...(current?.state.is === 'lost'
      ? [item(vscode.l10n.t('$(refresh) Reconnect Now'), 'arsenal.retryConnection')]
      : []),
    ...(current !== null && current.kind === 'beam' && current.access !== 'full'
      ? [item(vscode.l10n.t('$(unlock) Allow Changes…'), 'arsenal.allowChanges')]
      : []),
    ...(current !== null && current.kind === 'beam' && current.access === 'full'
      ? [item(vscode.l10n.t('$(lock) Make Read-Only'), 'arsenal.makeReadOnly')]
      : []),
    ...(current === null ? [] : [item(vscode.l10n.t('$(debug-disconnect) Disconnect'), 'arsenal.disconnect')]),
    item(vscode.l10n.t('$(output) Show Log'), 'arsenal.showLog'),
    item(vscode.l10n.t('$(debug-restart) Restart Language Server'), 'arsenal.restartServer'),
  ]);
  return asked.is === 'answered' ? vscode.commands.executeCommand(asked.value) : undefined;
}
