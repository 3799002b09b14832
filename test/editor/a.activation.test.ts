import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { isRecord, recordsIn } from '../../client/decode.ts';
import { arsenal, elements, simulated, show, until } from './support.ts';

describe('activation', () => {
  it('takes less than 50 ms and starts nothing by itself', async () => {
    const api = await arsenal();
    assert.ok(api.state().activationMs < 50, `${api.state().activationMs} ms`);
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

  it('connects to the simulated cluster when a view is opened, and fills the trees', async () => {
    const api = await arsenal();
    const info = await simulated(api);
    assert.equal(info.access, 'full');
    const nodes = await until('three nodes', async () => {
      const found = await elements(api, 'nodes', 'node', 2);
      return found.length >= 3 ? found : null;
    });
    assert.ok(
      nodes.every((node) => node.icon === 'pass-filled' && /processes/.test(node.description)),
      JSON.stringify(nodes),
    );
    await show('supervisors');
    const children = await until('children of supervisors', async () => {
      const found = await elements(api, 'supervisors', 'child', 5);
      return found.length >= 3 ? found : null;
    });
    assert.ok(children.length >= 3);
    await show('sandboxes');
    await until('what sandboxes there are', async () => {
      const found = await api.treeSnapshot('sandboxes', 2);
      return (found[0]?.children.length ?? 0) > 0 ? found : null;
    });
    await show('operations');
    const operations = await elements(api, 'operations', 'operation', 2);
    assert.deepEqual(operations.map((each) => each.id.split('/').at(-1)).toSorted(), api.state().operations.toSorted());
  });
});
