import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { ArsenalApi } from '../../client/api.ts';
import { arsenal, elements, simulated, until, value } from './support.ts';

describe('a cluster file', () => {
  let api: ArsenalApi;
  let file: vscode.Uri;
  before(async () => {
    api = await arsenal();
    await simulated(api);
    const [folder] = vscode.workspace.workspaceFolders ?? [];
    assert.ok(folder);
    file = vscode.Uri.joinPath(folder.uri, 'arsenal.cluster.ts');
  });
  after(async () => {
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    await vscode.workspace.fs.delete(file);
  });

  const marks = () => vscode.languages.getDiagnostics(file).filter(({ source }) => source === 'Arsenal');
  const isUp = (node: string) =>
    until(`${node} is up`, async () =>
      (await elements(api, 'nodes', 'node', 2)).some(({ label, icon }) => label === node && icon === 'pass-filled'),
    );
  async function save(text: string): Promise<void> {
    const document = await vscode.workspace.openTextDocument(file);
    const edit = new vscode.WorkspaceEdit();
    edit.replace(file, new vscode.Range(0, 0, document.lineCount, 0), text);
    assert.ok(await vscode.workspace.applyEdit(edit));
    assert.ok(await document.save());
  }
  const count = async () => {
    const params = { pid: 'Counter', node: 'one@sim', message: { $term: ':how_many' }, how: 'call' };
    return JSON.stringify(value(await api.runOperation('send_message', params)));
  };

  it('is created, and filled by a code action where it is empty', async () => {
    await vscode.workspace.fs.writeFile(file, new Uint8Array());
    await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(file));
    const kind = 'source.arsenal.scaffoldCluster';
    const offered = await until('the code actions', async () => {
      const at = new vscode.Range(0, 0, 0, 0);
      const provider = 'vscode.executeCodeActionProvider';
      const found = await vscode.commands.executeCommand<vscode.CodeAction[]>(provider, file, at, kind, 4);
      return found.length === 4 ? found : null;
    });
    assert.ok(offered.every(({ edit }) => edit !== undefined));
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    await vscode.commands.executeCommand('arsenal.createClusterFile', { example: 'empty' });
    await until('it is shown', () => {
      const document = vscode.window.activeTextEditor?.document;
      return document?.uri.fsPath === file.fsPath && document.getText().includes('defineCluster');
    });
  });

  it('is run, and offers to be run above its first line', async () => {
    const lenses = await until('the lens', async () => {
      const found = await vscode.commands.executeCommand<vscode.CodeLens[]>('vscode.executeCodeLensProvider', file);
      return found.length > 0 ? found : null;
    });
    assert.ok(lenses.some(({ command }) => command?.command === 'arsenal.runClusterFile'));
    await vscode.commands.executeCommand('arsenal.runClusterFile', file);
    await isUp('one@sim');
    await isUp('two@sim');
    const open = api.state().sessions.filter((entry) => entry.is === 'open' && entry.info.kind === 'simulated');
    assert.equal(open.length, 1, 'it is in place of the one that was open');
    assert.match(await count(), /"display":"0"/);
  });

  it('is put in place when it is saved; a broken one is marked, and the last good one runs on', async () => {
    const good = new TextDecoder().decode(await vscode.workspace.fs.readFile(file));
    await save(good.replace('reply(count, count)', 'reply(count + 40, count)'));
    await until('the new code answers', async () => (await count()).includes('"display":"40"'));
    await save(`${good}\nconst broken = (;\n`);
    const lines = good.split('\n').length;
    await until('a mark at its line', () => marks().some(({ range }) => range.start.line === lines));
    assert.match(await count(), /"display":"40"/);
    await save(good);
    await until('the mark is gone', () => marks().length === 0);
    await until('the code of before answers', async () => (await count()).includes('"display":"0"'));
  });
});
