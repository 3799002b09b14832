import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { ArsenalApi } from '../../client/api.ts';
import { isRecord } from '../../client/decode.ts';
import { arsenal, elements, flatten, show, simulated, tellDuration, until, value } from './support.ts';

/** The document a result was last shown in. */
function shownResult(): vscode.TextDocument | undefined {
  const { activeTextEditor } = vscode.window;
  return activeTextEditor?.document.uri.scheme === 'arsenal-result' ? activeTextEditor.document : undefined;
}

describe('operations', () => {
  let api: ArsenalApi;
  before(async () => {
    api = await arsenal();
    await simulated(api);
  });
  beforeEach(() => vscode.commands.executeCommand('workbench.action.closeAllEditors'));

  // @row R7.2
  it('run from the palette through QuickPick', async () => {
    // As chosen in the palette: it asks for the node, and the first one offered is taken.
    const running = vscode.commands.executeCommand('arsenal.nodeInfo');
    const document = await until('a result is shown', async () => {
      await vscode.commands.executeCommand('workbench.action.acceptSelectedQuickOpenItem');
      return shownResult();
    });
    assert.match(document.getText(), /demo1@sim/);
    await running;
  });

  it('follow what goes on beside its call to its result: nobody needs an id', async () => {
    const params = { pid: 'Shop.Catalog', node: 'demo1@sim', forMs: 1000 };
    const running = vscode.commands.executeCommand('arsenal.profileProcess', { params });
    const document = await until('the profile is shown', async () => {
      await vscode.commands.executeCommand('workbench.action.acceptSelectedQuickOpenItem');
      return shownResult();
    });
    assert.match(document.getText(), /reductions/);
    assert.doesNotMatch(document.getText(), /profile~/);
    await running;
    const listed = value(await api.runOperation('list_traces', {}));
    assert.match(JSON.stringify(listed), /"operation":"profile_process".*"outcome":"finished"/);
  });

  it('pause and hurry the time of the simulated cluster, and the status bar says so', async () => {
    await until('time passes as on the wall', () => api.state().timeText === '$(watch) 1×');
    value(await api.runOperation('pause_time', {}));
    await until('the bar says that time stands still', () => api.state().timeText?.includes('paused'));
    value(await api.runOperation('step_time', { ms: 1000 }));
    value(await api.runOperation('resume_time', { speed: 4 }));
    await until('the bar says how fast it passes', () => api.state().timeText === '$(watch) 4×');
    value(await api.runOperation('resume_time', {}));
    await until('time passes as on the wall again', () => api.state().timeText === '$(watch) 1×');
  });

  // @row R7.3
  it('fail with code, remedy and effect: unknown pid, missing and wrong parameters, unknown operation', async () => {
    const cases = [
      ['get_process_info', { pid: 'demo1@sim~0.99999.0~1' }, 'not_found'],
      ['get_process_info', {}, 'validation'],
      ['list_processes', { limit: 'many' }, 'validation'],
      ['kill_process', { pid: 'no_such_name', node: 'demo1@sim' }, 'not_found'],
      ['node_info', { node: 'nobody@nowhere' }, 'not_found'],
      ['no_such_operation', {}, 'not_found'],
    ] as const;
    for (const [operation, params, errorClass] of cases) {
      const answer = await api.runOperation(operation, params);
      assert.ok(!answer.ok, `${operation} should fail`);
      const { error } = answer;
      assert.equal(error.class, errorClass, JSON.stringify(error));
      assert.equal(error.effect, 'none');
      assert.ok(error.code.includes('.') && error.remedy.length > 5, JSON.stringify(error));
    }
  });

  // @row R2.1
  it('kill: the new child of the supervisor is in the tree', async () => {
    await show('supervisors');
    const root = await until('the root of the shop', async () => {
      const roots = await elements(api, 'supervisors', 'root', 3);
      return roots.find((element) => element.label === 'Shop.Supervisor');
    });
    await api.expand('supervisors', root.id);
    const childOf = async () => {
      const tree = flatten(await api.treeSnapshot('supervisors', 4));
      const children = tree.filter(
        (each) => each.id.startsWith(`${root.id}/`) && each.contextValue.includes(';running;'),
      );
      return children[0];
    };
    const before = await until('a running child', childOf);
    const pidOf = (description: string) => /<[\d.]+>/.exec(description)?.[0];
    const pid = pidOf(before.description);
    assert.ok(pid !== undefined);
    const node = root.id.split('/').find((part) => part.endsWith('@sim')) ?? '';
    const startedAt = performance.now();
    // The tree says by itself that it has changed: nobody refreshes it.
    let told = 0;
    const listening = api.onDidChangeTree('supervisors', () => (told += 1));
    const killed = api.runOperation('kill_process', { pid, node });
    await until('a new child under the same name', async () => {
      const now = await childOf();
      return told > 0 && now?.label === before.label && pidOf(now.description) !== pid;
    });
    tellDuration('a killed child is shown anew', startedAt);
    listening.dispose();
    value(await killed);
  });

  // @row R3.2
  it('list what there is: the result of a listing carries what became of each node', async () => {
    const answer = value(await api.runOperation('list_processes', { limit: 5 }));
    assert.ok(answer.mode === 'run' && isRecord(answer.result));
    assert.ok(Array.isArray(answer.result['items']) && answer.result['items'].length === 5);
    assert.ok(Array.isArray(answer.result['nodes']) && answer.result['nodes'].length === 3);
  });

  it('change how terms are shown when the setting changes', async () => {
    const settings = vscode.workspace.getConfiguration('arsenal');
    const labels = async () => (await elements(api, 'supervisors', 'root', 3)).map((element) => element.label);
    await show('supervisors');
    await until('names as Elixir writes them', async () => (await labels()).includes('Shop.Supervisor'));
    await settings.update('terms.syntax', 'erlang', vscode.ConfigurationTarget.Workspace);
    await until('names as Erlang writes them', async () => (await labels()).includes(`'Elixir.Shop.Supervisor'`));
    await settings.update('terms.syntax', undefined, vscode.ConfigurationTarget.Workspace);
    await until('names as Elixir writes them again', async () => (await labels()).includes('Shop.Supervisor'));
  });

  it('are in the list of calls with their end, and are undone by the command', async () => {
    await show('operations');
    const calls = async (tag: string) =>
      flatten(await api.treeSnapshot('operations', 3)).filter(({ contextValue }) => contextValue.includes(tag));
    value(await api.runOperation('suspend_process', { pid: 'Shop.Catalog', node: 'demo1@sim', lingerMs: 600_000 }));
    assert.ok(!(await api.runOperation('get_process_info', { pid: 'Shop.Nobody', node: 'demo1@sim' })).ok);
    const [suspended] = await calls(';call;ok;undoable;');
    assert.equal(suspended?.label, 'Suspend Process');
    const [failed] = await calls(';call;failed;');
    assert.match(failed?.description ?? '', /process\.not_found/);
    // What the editor asks for itself is nobody's call.
    assert.ok((await calls(';call;')).every(({ label }) => label !== 'Get Time'));
    await vscode.commands.executeCommand('arsenal.undoLast');
    await until('the process runs on', async () => {
      const held = value(await api.runOperation('list_holdings', {}));
      return held.mode === 'run' && isRecord(held.result) && held.result['total'] === 0;
    });
    await until('the call says that it was undone', async () =>
      (await calls(';call;ok;')).some(({ label, icon }) => label === 'Suspend Process' && icon === 'discard'),
    );
  });

  it('show their results one after the other, and the same one once, however often it is clicked', async () => {
    for (const node of ['demo1@sim', 'demo2@sim']) value(await api.runOperation('node_info', { node }));
    const calls = (await elements(api, 'operations', 'call', 3)).filter(({ label }) => label === 'Node Info');
    const [second = '', first = ''] = calls.map(({ id }) => id.split('/').at(-1));
    const show = (requestId: string) => vscode.commands.executeCommand('arsenal.showCallResult', { requestId });
    await Promise.all([show(first), show(first), show(second), show(second)]);
    assert.match(shownResult()?.getText() ?? '', /demo2@sim/);
    const again = shownResult()?.uri.toString();
    await show(second);
    assert.equal(shownResult()?.uri.toString(), again);
  });

  it('of others are taken back only when asked: who called what and when, and what it means', async () => {
    await show('operations');
    value(await api.runOperation('suspend_process', { pid: 'Shop.Catalog', node: 'demo1@sim', lingerMs: 600_000 }));
    const [row] = await elements(api, 'operations', 'undoable', 3);
    const requestId = row?.id.split('/').at(-1) ?? '';
    // The window keeps its own latest 300 calls; what it has let go is known from the history only, as that of anybody else.
    await vscode.commands.executeCommand('arsenal.refresh');
    for (let each = 0; each < 300; each += 1) value(await api.runOperation('get_time', {}));
    const asked: { readonly message: string; readonly detail: string; readonly answers: readonly unknown[] }[] = [];
    const ask = vscode.window.showWarningMessage;
    const answerWith = (choose: (answers: readonly unknown[]) => unknown) => {
      Object.assign(vscode.window, {
        showWarningMessage: (message: string, options: vscode.MessageOptions, ...answers: unknown[]) => {
          asked.push({ message, detail: options.detail ?? '', answers });
          return Promise.resolve(choose(answers));
        },
      });
    };
    const held = async () => {
      const answer = value(await api.runOperation('list_holdings', {}));
      return answer.mode === 'run' && isRecord(answer.result) ? answer.result['total'] : null;
    };
    try {
      answerWith(() => undefined);
      await vscode.commands.executeCommand('arsenal.undoCall', { requestId });
      assert.equal(asked.length, 1);
      assert.match(asked[0]?.message ?? '', /^Undo: Suspend .*demo1@sim/);
      assert.match(asked[0]?.detail ?? '', /^Suspend Process was called by .+ · editor on \d{4}-\d\d-\d\d \d\d:\d\d/);
      assert.match(asked[0]?.detail ?? '', /On Simulated cluster\n[^]*demo1@sim[^]*This cannot be undone\./);
      assert.equal(await held(), 1, 'nobody said yes');
      answerWith(([yes]) => yes);
      await vscode.commands.executeCommand('arsenal.undoCall', { requestId });
      assert.equal(asked.length, 2);
      assert.equal(await held(), 0);
    } finally {
      Object.assign(vscode.window, { showWarningMessage: ask });
    }
    // It is known to be undone; and of a call that is not known at all, no other is.
    value(await api.runOperation('suspend_process', { pid: 'Shop.Catalog', node: 'demo1@sim' }));
    for (const named of [requestId, 'nobody-called-this']) {
      await vscode.commands.executeCommand('arsenal.undoCall', { requestId: named });
    }
    assert.equal(asked.length, 2);
    assert.equal(await held(), 1);
    await vscode.commands.executeCommand('arsenal.undoLast');
    assert.equal(await held(), 0);
  });

  it('only propose without asking, and show their result as a page', async () => {
    const running = vscode.commands.executeCommand('arsenal.balanceClusterLoad', { params: { sampleMs: 50 } });
    const document = await until('the proposal is shown', async () => {
      await vscode.commands.executeCommand('workbench.action.acceptSelectedQuickOpenItem');
      return shownResult();
    });
    assert.match(document.getText(), /did +proposed[^]*loads \(3\)/);
    await running;
    const lenses = await vscode.commands.executeCommand<vscode.CodeLens[]>(
      'vscode.executeCodeLensProvider',
      document.uri,
    );
    assert.ok(lenses.some(({ command }) => command?.command === 'arsenal.runAgain'));
  });
});
