import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { ArsenalApi } from '../../client/api.ts';
import { isRecord } from '../../client/decode.ts';
import { arsenal, simulated, until, value } from './support.ts';

describe('operations of the workspace', () => {
  let api: ArsenalApi;
  let file: vscode.Uri;
  before(async () => {
    api = await arsenal();
    await simulated(api);
    const [folder] = vscode.workspace.workspaceFolders ?? [];
    assert.ok(folder);
    file = vscode.Uri.joinPath(folder.uri, 'arsenal', 'operations', 'countProcesses.ts');
  });

  const write = (text: string) => vscode.workspace.fs.writeFile(file, new TextEncoder().encode(text));
  const read = async () => new TextDecoder().decode(await vscode.workspace.fs.readFile(file));

  // @row R8.5
  // @row T002.a1
  it('are scaffolded by a code action, registered on save, and run', async () => {
    await write('');
    const document = await vscode.workspace.openTextDocument(file);
    await vscode.window.showTextDocument(document);
    const [action] = await until('the code action', async () => {
      const found = await vscode.commands.executeCommand<vscode.CodeAction[]>(
        'vscode.executeCodeActionProvider',
        file,
        new vscode.Range(0, 0, 0, 0),
        'source.arsenal.scaffoldOperation',
        1,
      );
      return found.length > 0 ? found : null;
    });
    assert.ok(action?.edit, 'the action has its edit once it is resolved');
    assert.ok(await vscode.workspace.applyEdit(action.edit));
    await vscode.workspace.saveAll();
    await until('it is registered', () => api.state().operations.includes('count_processes'));
    const answer = value(await api.runOperation('count_processes', { atLeast: 1 }));
    assert.ok(answer.mode === 'run' && isRecord(answer.result));
    const { nodes } = answer.result;
    assert.ok(Array.isArray(nodes) && nodes.length === 3, JSON.stringify(answer.result));
  });

  it('that are broken become a diagnostic at their line, and the version before stays', async () => {
    const good = await read();
    const lines = good.split('\n').length;
    await write(`${good}const broken = (;\n`);
    await until('a diagnostic at the line that was added', () =>
      vscode.languages
        .getDiagnostics(file)
        .some(
          ({ source, range: { start } }) => source === 'arsenal' && start.line === lines - 1 && start.character > 0,
        ),
    );
    value(await api.runOperation('count_processes', {}));
    await write(good);
    await until('the diagnostic is gone', () =>
      vscode.languages.getDiagnostics(file).every((each) => each.source !== 'arsenal'),
    );
  });

  it('are forgotten when their file is deleted', async () => {
    await vscode.workspace.fs.delete(file);
    await until('it is not registered any more', () => !api.state().operations.includes('count_processes'));
    const answer = await api.runOperation('count_processes', {});
    assert.ok(!answer.ok && answer.error.class === 'not_found');
  });
});
