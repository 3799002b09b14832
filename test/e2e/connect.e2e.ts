/** The connect dialogue: how a node is reached, as a user says it. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startShop } from '../fixtures/elixir-shop/start.mjs';
import type { Shop } from '../fixtures/elixir-shop/start.mjs';
import { openWorkbench, rowWith } from './support/workbench.ts';
import type { Workbench } from './support/workbench.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-connect-'));
const log = path.join(folder, 'log');
let shop: Shop;
let workbench: Workbench | null = null;

beforeAll(async () => {
  shop = await startShop();
  const script = path.join(import.meta.dirname, '..', 'harness', 'standInSsh.mjs');
  // What `ssh` in PATH is for the extension host.
  fs.writeFileSync(path.join(folder, 'ssh'), `#!/bin/sh\nexec "${process.execPath}" "${script}" "$@"\n`, {
    mode: 0o700,
  });
});
afterAll(async () => {
  await shop.stop();
  fs.rmSync(folder, { recursive: true, force: true });
});
afterEach(async () => {
  await workbench?.close();
  workbench = null;
});

async function open(extensionEnv: { readonly [name: string]: string }): Promise<Workbench> {
  workbench = await openWorkbench({ settings: { 'arsenal.connect.onStart': 'none' }, extensionEnv });
  await workbench.showArsenal();
  return workbench;
}

/** Answers the dialogue's questions. */
function dialogue({ page }: Workbench) {
  const title = page.locator('.quick-input-widget .quick-input-title');
  const input = page
    .locator('.quick-input-widget input[type="text"], .quick-input-widget input[type="password"]')
    .first();
  return {
    choose: async (text: string) => {
      await page.locator('.quick-input-list .monaco-list-row', { hasText: text }).first().click();
    },
    type: async (prompt: string, text: string) => {
      await page.locator('.quick-input-widget', { hasText: prompt }).waitFor();
      await input.fill(text);
      await input.press('Enter');
    },
    back: async () => {
      await page.locator('.quick-input-widget .quick-input-titlebar .action-label').first().click();
    },
    isAt: async (step: string) => {
      await title.filter({ hasText: step }).waitFor();
    },
    says: async (text: string) => {
      await page.locator('.quick-input-widget', { hasText: text }).waitFor();
    },
  };
}

describe('the connect dialogue', () => {
  it('goes through the user’s ssh', async () => {
    fs.writeFileSync(log, '');
    const opened = await open({
      ERL_EPMD_PORT: String(shop.epmdPort),
      PATH: `${folder}${path.delimiter}${process.env['PATH'] ?? ''}`,
      STAND_IN_SSH: log,
    });
    await opened.command('Arsenal: Connect…');
    const { choose, type } = dialogue(opened);
    await choose('Erlang or Elixir node…');
    await type('Node name', shop.node);
    await choose('Through SSH…');
    await opened.shoot('connect-ssh');
    await type('user@host', 'ops@gate');
    await choose('Type the cookie');
    await type(`The cookie of ${shop.node}`, shop.cookie);
    await rowWith(opened.page, /shop@127\.0\.0\.1\s*\d+ processes/);
    expect(fs.readFileSync(log, 'utf8')).toContain('"ops@gate"');
  });

  it('goes to an address, can be gone back in, and says what is no address', async () => {
    const ports = await shop.rpc(shop.node, '{ok, L} = erl_epmd:names({127,0,0,1}), element(2, hd(L)).');
    // No EPMD there.
    const opened = await open({ ERL_EPMD_PORT: '1' });
    await opened.command('Arsenal: Connect…');
    const { choose, type, back, isAt, says } = dialogue(opened);
    await choose('Erlang or Elixir node…');
    await type('Node name', shop.node);
    await isAt('2/3');
    await opened.shoot('connect-reach', 'document');
    await choose('At an address…');
    await type('Host and port', 'nowhere');
    await says('This is host:port.');
    await type('This is host:port.', `127.0.0.1:${ports}`);
    await isAt('3/3');
    await back();
    await isAt('2/3');
    await says('As before');
    await choose('As before');
    await choose('Type the cookie');
    await type(`The cookie of ${shop.node}`, shop.cookie);
    await rowWith(opened.page, /shop@127\.0\.0\.1\s*\d+ processes/);
  });
});
