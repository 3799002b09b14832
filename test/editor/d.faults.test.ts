import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import type { ArsenalApi } from '../../client/api.ts';
import type { SettledWrite } from '../../client/operations/runner.ts';
import { arsenal, elements, show, simulated, tellDuration, until, value } from './support.ts';

/** What the audit logs of this run hold. */
function auditText(): string {
  const home = process.env['ARSENAL_HOME'];
  assert.ok(home !== undefined, 'the harness gives the run a home of its own');
  return fs
    .readdirSync(home, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.jsonl'))
    .map((entry) => fs.readFileSync(path.join(entry.parentPath, entry.name), 'utf8'))
    .join('');
}

describe('faults', () => {
  let api: ArsenalApi;
  before(async () => {
    api = await arsenal();
    await simulated(api);
  });

  // @row R2.2, R2.4
  it('a node that crashes is shown as down, and as up once it is started again', async () => {
    await show('nodes');
    const iconOf = async () =>
      (await elements(api, 'nodes', 'node', 2)).find((element) => element.label === 'demo3@sim')?.icon;
    await until('demo3 is up', async () => (await iconOf()) === 'pass-filled');
    const crashedAt = performance.now();
    value(await api.runOperation('crash_node', { node: 'demo3@sim' }));
    await until('demo3 is down', async () => (await iconOf()) === 'error');
    tellDuration('a crashed node is shown as down', crashedAt);
    value(await api.runOperation('restart_node', { node: 'demo3@sim' }));
    const startedAt = performance.now();
    await until('demo3 is up again', async () => (await iconOf()) === 'pass-filled');
    tellDuration('a started node is shown as up', startedAt);
  });

  it('a pid of before its node restarted is not found, and nothing is killed in its place', async () => {
    const answer = value(await api.runOperation('list_processes', { node: 'demo3@sim', limit: 1 }));
    assert.ok(answer.mode === 'run');
    const pid = JSON.stringify(answer.result).match(/demo3@sim~0\.\d+\.\d+~[0-9a-f]+/)?.[0];
    assert.ok(pid !== undefined);
    value(await api.runOperation('crash_node', { node: 'demo3@sim' }));
    value(await api.runOperation('restart_node', { node: 'demo3@sim' }));
    const killed = await api.runOperation('kill_process', { pid });
    assert.ok(
      !killed.ok && killed.error.class === 'not_found' && killed.error.effect === 'none',
      JSON.stringify(killed),
    );
  });

  // @row R10.4
  it('a server that is killed during a write: the trees come back, and the client shows what became of the write', async () => {
    await show('supervisors');
    const settled: SettledWrite[] = [];
    const listening = api.onDidSettle((each) => settled.push(each));
    // A supervisor traps exits: the operation waits for an end that does not come, and the server dies meanwhile.
    const writing = api.runOperation('kill_process', {
      pid: 'Shop.Supervisor',
      node: 'demo1@sim',
      reason: 'not_now',
      confirmMs: 60_000,
    });
    await until('the intent is on disk, so the write is under way', () => auditText().includes('not_now'));
    const before = api.state().serverProcessId;
    assert.ok(before !== null);
    process.kill(before, 'SIGKILL');
    const answer = await writing;
    assert.ok(!answer.ok, 'a write that was cut off is no success');
    assert.equal(answer.error.code, 'operation.interrupted', JSON.stringify(answer.error));
    assert.ok(['none', 'unknown'].includes(answer.error.effect));
    assert.equal(settled.length, 1);
    assert.equal(settled[0]?.write.operation, 'kill_process');
    listening.dispose();
    const after = api.state().serverProcessId;
    assert.ok(after !== null && after !== before);
    await simulated(api);
    await show('supervisors');
    await until('the trees are live again', async () => (await elements(api, 'supervisors', 'root', 3)).length >= 3);
  });

  it('a server that keeps dying is given up, with a way to restart it in the tree', async () => {
    await show('nodes');
    for (let death = 0; death < 4; death += 1) {
      const pid = await until('a server', () => {
        const { server, serverProcessId } = api.state();
        return server.is === 'failed' ? -1 : serverProcessId;
      });
      if (pid === -1) break;
      process.kill(pid, 'SIGKILL');
      await until('it is gone', () => api.state().serverProcessId !== pid);
    }
    await until('it is given up', () => api.state().server.is === 'failed');
    const [only] = await api.treeSnapshot('nodes', 1);
    assert.match(only?.label ?? '', /stopped/);
    assert.match(api.state().statusText, /stopped/);
    await vscode.commands.executeCommand('arsenal.restartServer');
    await until('it runs', () => api.state().server.is === 'running');
    await until('nodes are shown', async () => (await elements(api, 'nodes', 'node', 2)).length >= 3);
  });
});
