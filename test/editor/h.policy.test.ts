import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { ArsenalApi } from '../../client/api.ts';
import { isRecord } from '../../client/decode.ts';
import { arsenal, simulated, until, value } from './support.ts';

describe('the policy in the settings', () => {
  let api: ArsenalApi;
  before(async () => {
    api = await arsenal();
    await simulated(api);
  });
  after(() => settings().update('policy.roles', undefined, vscode.ConfigurationTarget.Global));

  const settings = () => vscode.workspace.getConfiguration('arsenal');
  const roleOf = async (operation: string) => {
    const answer = value(await api.runOperation('describe_operation', { operation }));
    return answer.mode === 'run' && isRecord(answer.result) ? answer.result['role'] : null;
  };

  // @row AU-04
  it('is in force at once, and a value that is wrong widens nothing', async () => {
    assert.equal(await roleOf('list_processes'), 'viewer');
    await settings().update('policy.roles', { list_processes: 'operator' }, vscode.ConfigurationTarget.Global);
    await until('the role is in force', async () => (await roleOf('list_processes')) === 'operator');
    await settings().update('policy.roles', { list_processes: 'root' }, vscode.ConfigurationTarget.Global);
    await until('what is no role is read as the narrowest', async () => (await roleOf('list_processes')) === 'admin');
    await settings().update('policy.roles', undefined, vscode.ConfigurationTarget.Global);
    await until('the role is what it was', async () => (await roleOf('list_processes')) === 'viewer');
  });

  it('cannot be set by a workspace', async () => {
    for (const [name, granted] of [
      ['policy.roles', { kill_process: 'viewer' }],
      ['policy.rateLimits', { burst: 1_000_000, perSecond: 1_000_000 }],
      ['operations.trusted', ['anything_at_all']],
    ] as const) {
      await assert.rejects(async () => settings().update(name, granted, vscode.ConfigurationTarget.Workspace));
      assert.equal(settings().inspect(name)?.workspaceValue, undefined);
    }
    assert.equal(await roleOf('kill_process'), 'admin');
  });
});
