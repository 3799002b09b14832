import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import * as vscode from 'vscode';
import { isRecord, recordsIn } from '../../client/decode.ts';
import { arsenal, elements, simulated, show, until } from './support.ts';

describe('activation', () => {
  it('starts nothing by itself', async () => {
    const { server, serverProcessId, sessions, activationMs } = (await arsenal()).state();
    assert.deepEqual(
      { server, serverProcessId, sessions },
      { server: { is: 'stopped' }, serverProcessId: null, sessions: [] },
    );
    console.log(`activation: ${activationMs} ms`);
  });

  it('registers every command that package.json contributes', async () => {
    await arsenal();
    const registered = new Set(await vscode.commands.getCommands(true));
    const manifest: unknown = vscode.extensions.getExtension('arsenal-otp.arsenal-otp')?.packageJSON;
    const contributes = isRecord(manifest) ? manifest['contributes'] : null;
    const listed = isRecord(contributes) && Array.isArray(contributes['commands']) ? contributes['commands'] : [];
    const contributed = recordsIn(listed).map((each) => String(each['command']));
    assert.ok(contributed.length > 20);
    assert.deepEqual(
      contributed.filter((id) => !registered.has(id)),
      [],
    );
  });

  // @row R1.4
  it('connects to the simulated cluster when a view is opened, and fills the trees', async () => {
    const api = await arsenal();
    const info = await simulated(api);
    assert.equal(info.access, 'full');
    await until('three nodes that are up, with their processes', async () => {
      const found = await elements(api, 'nodes', 'node', 2);
      return (
        found.length === 3 && found.every((node) => node.icon === 'pass-filled' && /processes/.test(node.description))
      );
    });
    await show('supervisors');
    await until('children of supervisors', async () => (await elements(api, 'supervisors', 'child', 5)).length >= 3);
    await show('sandboxes');
    await until('what sandboxes there are', async () => {
      const found = await api.treeSnapshot('sandboxes', 2);
      return (found[0]?.children.length ?? 0) > 0 ? found : null;
    });
    await show('operations');
    await until('every operation', async () => {
      const shown = await elements(api, 'operations', 'operation', 2);
      const names = shown.map((each) => each.id.split('/').at(-1)).toSorted();
      return names.length > 20 && isDeepStrictEqual(names, api.state().operations.toSorted());
    });
  });
});
