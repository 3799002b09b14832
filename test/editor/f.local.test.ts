import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { ArsenalApi } from '../../client/api.ts';
import type { ConnectionInfo } from '../../server/protocol/connection.ts';
import { arsenal, elements, show, until, value } from './support.ts';

describe('a local cluster', function () {
  this.timeout(300_000);
  let api: ArsenalApi;
  let info: ConnectionInfo;
  before(async () => {
    api = await arsenal();
    await api.wake();
    info = value(await api.connect({ kind: 'local-cluster', nodes: 2 }));
  });

  it('is a connection that may be changed, with its nodes in the tree', async () => {
    assert.equal(info.kind, 'local-cluster');
    assert.equal(info.access, 'full');
    await show('nodes');
    for (const name of ['node1@127.0.0.1', 'node2@127.0.0.1']) {
      await until(name, async () =>
        (await elements(api, 'nodes', 'ours', 2)).find(
          (element) => element.label === name && element.icon === 'pass-filled',
        ),
      );
    }
  });

  it('has nodes that crash and come back without being asked twice', async () => {
    const options = { connection: info.id };
    const params = { node: 'node2@127.0.0.1' };
    value(await api.runOperation('crash_node', params, options));
    await until('it is down', async () =>
      (await elements(api, 'nodes', 'down', 2)).find((element) => element.label === params.node),
    );
    value(await api.runOperation('restart_node', params, options));
    await until('it is up again', async () =>
      (await elements(api, 'nodes', 'up', 2)).find((element) => element.label === params.node),
    );
  });

  it('opens what its build printed', async () => {
    await vscode.commands.executeCommand('arsenal.showNodeLog', { connection: info.id });
    await until('the log', () => vscode.window.activeTextEditor?.document.uri.fsPath.endsWith('build.log'));
    await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
  });

  it('is left by closing the connection', async () => {
    value(await api.disconnect(info.id));
    assert.ok(!api.state().sessions.some((entry) => entry.is === 'open' && entry.info.id === info.id));
  });
});
