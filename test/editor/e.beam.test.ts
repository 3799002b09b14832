import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import * as vscode from 'vscode';
import type { ArsenalApi } from '../../client/api.ts';
import type { SavedConnection } from '../../client/session/savedConnections.ts';
import type { ConnectionInfo } from '../../server/protocol/connection.ts';
import type { Shop } from '../fixtures/elixir-shop/start.d.mts';
import { arsenal, elements, flatten, show, until, value } from './support.ts';

describe('a live Elixir node', function () {
  this.timeout(300_000);
  let api: ArsenalApi;
  let shop: Shop;
  let scratch: string;
  before(async () => {
    api = await arsenal();
    const extension = vscode.extensions.getExtension('arsenal-otp.arsenal-otp');
    assert.ok(extension);
    const fixture = path.join(extension.extensionPath, 'test', 'fixtures', 'elixir-shop', 'start.mjs');
    const { startShop } = (await import(pathToFileURL(fixture).href)) as { startShop: () => Promise<Shop> };
    shop = await startShop();
    scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-beam-'));
    await api.wake();
  });
  after(async () => {
    await shop.stop();
    fs.rmSync(scratch, { recursive: true, force: true });
  });

  const spec = (more: Partial<Extract<SavedConnection, { kind: 'beam' }>> = {}): SavedConnection => ({
    kind: 'beam',
    node: shop.node,
    cookie: { from: 'file', path: shop.cookieFile },
    epmd: { host: '127.0.0.1', port: shop.epmdPort },
    ...more,
  });
  const connected = async (): Promise<ConnectionInfo> => value(await api.connect(spec()));

  it('with a wrong cookie, without EPMD, under another name: each says what is the matter', async () => {
    const wrongCookie = path.join(scratch, 'cookie');
    fs.writeFileSync(wrongCookie, 'not_the_cookie', { mode: 0o600 });
    const cases = [
      [spec({ cookie: { from: 'file', path: wrongCookie } }), 'connect.bad_cookie'],
      [spec({ epmd: { host: '127.0.0.1', port: 1 } }), 'connect.epmd_unreachable'],
      [spec({ node: shop.node.replace(/^[^@]+/, 'nobody') }), 'connect.no_such_node'],
    ] as const;
    for (const [saved, code] of cases) {
      const answer = await api.connect(saved);
      assert.ok(!answer.ok, code);
      assert.equal(answer.error.code, code, JSON.stringify(answer.error));
      assert.ok(answer.error.remedy.length > 5);
    }
    await show('nodes');
    await until('three that failed, each with why', async () => {
      const failed = await elements(api, 'nodes', 'failed;beam', 2);
      return failed.length === 3 && failed.every(({ icon, children }) => icon === 'error' && children.length > 0);
    });
  });

  it('shows its nodes and supervisors, and what sandboxes it can offer', async () => {
    const info = await connected();
    assert.equal(info.access, 'confirm');
    await show('nodes');
    await until('the node', async () => {
      const nodes = await elements(api, 'nodes', 'node', 2);
      return nodes.find((element) => element.label === shop.node && element.icon === 'pass-filled');
    });
    await show('supervisors');
    const root = await until('the root of the shop', async () =>
      (await elements(api, 'supervisors', 'root', 3)).find(
        (element) => element.id.includes(info.id) && /^Shop\./.test(element.label),
      ),
    );
    await api.expand('supervisors', root.id);
    await until('its children', async () =>
      flatten(await api.treeSnapshot('supervisors', 4)).some(
        (element) => element.id.startsWith(`${root.id}/`) && element.contextValue.includes(';running;'),
      ),
    );
    await show('sandboxes');
    const offers = await until('what there is instead', async () => {
      const tree = await api.treeSnapshot('sandboxes', 2);
      return tree.find((element) => element.id.includes(info.id))?.children.find((child) => child.label.length > 10);
    });
    assert.ok(offers.contextValue.includes(';notice;'));
  });

  // @row R2.3
  it('shows the processes of a node as they are, those with the largest mailboxes first', async () => {
    await connected();
    await show('nodes');
    const node = await until('the node', async () =>
      (await elements(api, 'nodes', 'node', 2)).find((element) => element.label === shop.node),
    );
    await api.expand('nodes', node.id);
    const below = async (id: string, depth: number) =>
      flatten(await api.treeSnapshot('nodes', depth)).filter((element) => element.id.startsWith(`${id}/`));
    const list = await until('the list of its processes', async () =>
      (await below(node.id, 3)).find((element) => element.contextValue === ';processes;'),
    );
    await api.expand('nodes', list.id);
    const first = async () => (await below(list.id, 4))[0];
    await until('its processes', first);
    const crammed = 'begin P = spawn(fun() -> timer:sleep(infinity) end), register(crammed, P), P end';
    await shop.rpc(shop.node, `begin C = ${crammed}, [C ! N || N <- lists:seq(1, 77)], ok end.`);
    const risen = await until('the one whose mailbox has grown, with what is in it', async () => {
      const process = await first();
      return process?.label.includes('crammed') === true && process.description.includes('77') ? process : null;
    });
    await shop.rpc(shop.node, 'exit(whereis(crammed), kill).');
    await until('that it is gone', async () => (await below(list.id, 4)).every((each) => each.id !== risen.id));
  });

  it('is not changed before the user allows it', async () => {
    const info = await connected();
    const options = { connection: info.id };
    const listed = value(await api.runOperation('list_registered_processes', { limit: 200 }, options));
    assert.ok(listed.mode === 'run' && JSON.stringify(listed.result).includes('Shop.'));
    const refused = await api.runOperation('kill_process', { pid: 'Elixir.Shop.Supervisor', node: shop.node }, options);
    assert.ok(!refused.ok && refused.error.class === 'authorization', JSON.stringify(refused));
    assert.equal(refused.error.effect, 'none');
  });

  it('that restarts is shown as lost, then as up again', async () => {
    const info = await connected();
    await show('nodes');
    const stateOf = () => {
      const entry = api.state().sessions.find((one) => one.is === 'open' && one.info.id === info.id);
      return entry?.is === 'open' ? entry.info.state.is : null;
    };
    await shop.killNode(shop.node);
    await until('the connection is lost', () => stateOf() === 'lost');
    const lost = await until('a notice with the next step', async () => {
      const tree = await api.treeSnapshot('nodes', 2);
      return tree
        .find((element) => element.id.includes(info.id))
        ?.children.find((child) => child.id.endsWith('notice:lost'));
    });
    assert.match(lost.label, /Reconnecting/);
    await shop.startNode(shop.node);
    await vscode.commands.executeCommand('arsenal.retryConnection', { connection: info.id });
    await until('the connection is ready', () => stateOf() === 'ready');
    await until('the node is up', async () =>
      (await elements(api, 'nodes', 'node', 2)).some((each) => each.label === shop.node && each.icon === 'pass-filled'),
    );
  });

  it('is left when it is disconnected from', async () => {
    const info = await connected();
    value(await api.disconnect(info.id));
    await until('it is not in the trees any more', () =>
      api.state().sessions.every((one) => one.is !== 'open' || one.info.id !== info.id),
    );
  });
});
