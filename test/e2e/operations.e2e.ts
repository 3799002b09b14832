/** Operations as people meet them in the workbench: one, many at once, taken back, stopped, filled in wrongly, written by themselves. */
import fs from 'node:fs';
import path from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { afterEach, describe, expect, it } from 'vitest';
import { startShop } from '../fixtures/elixir-shop/start.mjs';
import type { Shop } from '../fixtures/elixir-shop/start.mjs';
import { runCli } from './support/cli.ts';
import { chooseInMenu, openWorkbench, rowWith, unfold } from './support/workbench.ts';
import type { Workbench } from './support/workbench.ts';

let workbench: Workbench | null = null;
let shop: Shop | null = null;
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') await workbench?.shoot(`failed-${task.name.replace(/\W+/g, '-').slice(0, 40)}`);
  await workbench?.close();
  workbench = null;
  await shop?.stop();
  shop = null;
});

/** The workbench on the simulated cluster, with the view of operations open, and room for it. */
async function opened(
  options: Parameters<typeof openWorkbench>[0] = {},
  folded: readonly string[] = ['Nodes', 'Supervisors', 'Sandboxes'],
): Promise<Workbench> {
  workbench = await openWorkbench(options);
  const { page, showArsenal, command } = workbench;
  await showArsenal();
  // Not in the middle, where the view's own buttons come up.
  for (const view of folded) {
    await page.locator('.pane-header', { hasText: view }).click({ position: { x: 20, y: 10 } });
  }
  await command('Arsenal: Focus on Operations View');
  await rowWith(page, 'Recent Calls');
  return workbench;
}

/** Two nodes with a supervisor each, whose children can live on both. */
const pool = `import { defineCluster, genServer, ok, reply, supervisor } from 'arsenal-otp/cluster';
const worker = genServer<number>(
  'Elixir.Pool.Worker',
  { init: () => ok(0), handleCall: (_self, _request, _from, count) => reply(count + 1, count + 1) },
  { registered: null },
);
const top = supervisor('Elixir.Pool', { strategy: 'one_for_one', children: [] });
export default defineCluster({
  nodes: ['one@sim', 'two@sim'],
  modules: [worker, top],
  applications: [{ name: 'pool', module: top }],
});
`;

/** A row of the list that asks. */
function choice(page: Page, text: string | RegExp): Locator {
  return page.locator('.quick-input-list .monaco-list-row', { hasText: text }).first();
}

/** Begins an operation by its name, as the palette does. */
async function begin({ page, command }: Workbench, operation: string): Promise<void> {
  await command('Arsenal: Run Operation…');
  await page.locator('.quick-input-widget input[type="text"]').fill(operation);
  await choice(page, operation).click();
}

/** Types into what asks for a text, once it asks for `field`. */
async function type(page: Page, field: string, text: string): Promise<void> {
  await page.locator('.quick-input-message', { hasText: field }).waitFor();
  await page.locator('.quick-input-widget input').first().fill(text);
}

/** The page of a result that is shown, as text. */
async function shownText(page: Page, text: string | RegExp): Promise<void> {
  await page.locator('.view-lines', { hasText: text }).waitFor();
}

function lens(page: Page, text: string | RegExp): Locator {
  return page.locator('.codelens-decoration a', { hasText: text }).first();
}

/** Unfolds the root of the shop on a node in the view of supervisors; answers rows of its children. */
async function childrenOfShop({ page, command }: Workbench): Promise<(name: string | RegExp) => Locator> {
  await command('Arsenal: Focus on Supervisors View');
  // Of each of the three nodes; the first is the one that is meant.
  await page.locator('.part.sidebar .monaco-list-row', { hasText: 'Shop.Supervisor' }).nth(2).waitFor();
  await unfold(page, 'Shop.Supervisor');
  return (name) => page.locator('.part.sidebar .monaco-list-row', { hasText: name }).first();
}

describe('operations in the workbench', () => {
  it('are listed when they were called, and taken back', async () => {
    const walk = await opened();
    const { page, command, shoot } = walk;
    await begin(walk, 'suspend_process');
    await choice(page, 'Shop.Catalog').click();
    await choice(page, 'Only Show What Would Be Done').click();
    await shownText(page, 'Suspend <');
    await shownText(page, 'This can be undone.');
    await lens(page, 'Run It').click();
    // Counted when it is over: what still runs stands above, and moves the rows when it ends.
    await unfold(page, /Recent Calls\s*1/);
    const call = await rowWith(page, /^Suspend Process/);
    await call.click();
    await shownText(page, 'holding');
    await shoot('call-result');
    await lens(page, /Undo$/).click();
    await page.locator('.codelens-decoration', { hasText: 'Undone' }).waitFor();
    await rowWith(page, /^Suspend Process.*undone/);
    await command('Arsenal: Undo Last Operation');
    await command('Notifications: Show Notifications');
    await page.locator('.notifications-center', { hasText: 'was undone already' }).waitFor();
    await command('Notifications: Clear All Notifications');
    // The same again, as it was.
    await call.hover();
    await call.locator('.action-label[aria-label*="Run Again"]').click();
    await rowWith(page, /^Suspend Process(?!.*undone)/);
    await shoot('operations', 'document');
  });

  it('of others are listed with who made them; what only their process could take back is said, and nothing is asked', async () => {
    const walk = await opened();
    const { page, home, command } = walk;
    const cli = await runCli(['run', 'suspend_process', 'pid=Shop.Catalog', 'node=demo1@sim'], home);
    expect(cli.code, cli.err).toBe(0);
    await command('Arsenal: Refresh');
    await unfold(page, /Recent Calls\s*1/);
    const call = await rowWith(page, /^Suspend Process.*Shop\.Catalog.* · cli/);
    await call.hover();
    await call.locator('.action-label[aria-label*="Undo"]').click();
    await command('Notifications: Show Notifications');
    await page.locator('.notifications-center', { hasText: 'another process made it' }).waitFor();
    expect(await page.locator('.monaco-dialog-box').count()).toBe(0);
    // It is not offered again.
    await command('Notifications: Clear All Notifications');
    await call.locator('.action-label[aria-label*="Undo"]').waitFor({ state: 'detached' });
  });

  it('say every mistake at its field, and know what was given last time', async () => {
    const walk = await opened();
    const { page, shoot } = walk;
    await begin(walk, 'list_processes');
    await choice(page, /^limit/).click();
    await type(page, 'limit', '5000');
    await page.locator('.quick-input-message', { hasText: 'at most 1' }).waitFor();
    await page.locator('.quick-input-widget input').first().fill('3');
    await page.keyboard.press('Enter');
    await choice(page, /^node/).click();
    await choice(page, 'demo2@sim').click();
    await choice(page, /Run\s*list_processes/).click();
    await shownText(page, 'List Processes: 3 /');
    await begin(walk, 'list_processes');
    await choice(page, /As Last Time.*limit = 3/).click();
    await choice(page, /limit\s*3/).waitFor();
    await choice(page, /Run\s*list_processes/).click();
    await lens(page, 'Next Page').waitFor();

    // Wrong in two places at once, of which only the server knows.
    await begin(walk, 'operation_history');
    await choice(page, /^since/).click();
    await type(page, 'since', '2026-02-01');
    await page.keyboard.press('Enter');
    await choice(page, /^until/).click();
    await type(page, 'until', '2026-01-01');
    await page.keyboard.press('Enter');
    await page.locator('.quick-input-message', { hasText: 'not after since' }).waitFor();
    await shoot('form-mistake');
  });

  it('run on all rows that are selected, as one', async () => {
    const walk = await opened({}, ['Nodes', 'Sandboxes']);
    const { page, command, shoot } = walk;
    const child = await childrenOfShop(walk);
    await child('Shop.Catalog').click();
    await child('Shop.Visitors').click({ modifiers: ['ControlOrMeta'] });
    await child('Shop.Catalog').click({ button: 'right' });
    await chooseInMenu(page, 'Suspend Process');
    await choice(page, /Run\s*suspend_process/).click();
    // A simulated cluster is not asked about; what takes several rows is.
    const dialog = page.locator('.monaco-dialog-box', { hasText: 'Suspend Process: 2 selected' });
    await dialog.locator('text=Shop.Catalog').waitFor();
    await dialog.locator('text=On Simulated cluster').waitFor();
    await shoot('selection', 'document');
    await dialog.locator('.monaco-button', { hasText: 'All or None' }).click();
    await shownText(page, 'All 2 are done.');
    await shoot('batch', 'document');
    await command('Arsenal: Undo Last Operation');
    await unfold(page, /Recent Calls\s*2/);
    await rowWith(page, /Execute Batch.*undone/);
    await command('Arsenal: List Holdings');
    await choice(page, /Run\s*list_holdings/).click();
    await shownText(page, 'List Holdings: 0 / 0');
  });

  it('say which of many failed, and try those again', async () => {
    const walk = await opened();
    const { page } = walk;
    const items = [
      { operation: 'suspend_process', params: { pid: 'Shop.Catalog', node: 'demo1@sim' } },
      { operation: 'suspend_process', params: { pid: 'Shop.Nobody', node: 'demo1@sim' } },
    ];
    await begin(walk, 'execute_batch');
    await type(page, 'items', JSON.stringify(items));
    await page.keyboard.press('Enter');
    await choice(page, /Run\s*execute_batch/).click();
    await shownText(page, '1 of 2 are done, 1 failed');
    await shownText(page, 'not_found');
    await lens(page, 'Run 1 Again That Failed').click();
    await shownText(page, '0 of 1 are done, 1 failed');
  });

  it('are stopped while they go on', async () => {
    const walk = await opened();
    const { page } = walk;
    await begin(walk, 'memory_leak_detection');
    await choice(page, /Run\s*memory_leak_detection/).click();
    const running = await rowWith(page, 'Detect Memory Leaks');
    await running.hover();
    await running.locator('.action-label[aria-label*="Cancel"]').click();
    await page.locator('.part.sidebar .monaco-list-row', { hasText: /^Running/ }).waitFor({ state: 'detached' });
  });

  it('propose a better balance, with what moves and why; move it, and move it back', async () => {
    const walk = await opened({ files: { 'arsenal.cluster.ts': pool } });
    const { page, shoot } = walk;
    await page.locator('.statusbar-item', { hasText: 'arsenal.cluster.ts' }).waitFor();
    // More workers on one node than on the other.
    const items = Array.from({ length: 12 }, (_, index) => ({
      operation: 'add_child',
      params: { supervisor: 'Pool', node: 'one@sim', spec: { id: `worker${index}`, module: 'Pool.Worker', args: [] } },
    }));
    await begin(walk, 'execute_batch');
    await type(page, 'items', JSON.stringify(items));
    await page.keyboard.press('Enter');
    await choice(page, /Run\s*execute_batch/).click();
    await shownText(page, 'All 12 are done.');
    await begin(walk, 'balance_cluster_load');
    // That it only proposes is not asked about.
    await choice(page, /Run\s*balance_cluster_load/).click();
    await shownText(page, 'proposed');
    await shownText(page, 'of Elixir.Pool takes 1 process from');
    await shoot('balance', 'document');
    await lens(page, 'Apply').click();
    const dialog = page.locator('.monaco-dialog-box', { hasText: /Move \d+ processes/ });
    await dialog.locator('text=/of Elixir.Pool takes/').first().waitFor();
    await dialog.locator('.monaco-button', { hasText: 'Balance Cluster Load' }).click();
    await shownText(page, 'applied');
    await lens(page, 'Undo').click();
    await page.locator('.codelens-decoration', { hasText: 'Undone' }).waitFor();
  });

  it('of one’s own are listed with their file, and broken ones where they are broken', async () => {
    const walk = await opened();
    const { page, folder, shoot } = walk;
    const operations = path.join(folder, 'arsenal', 'operations');
    fs.mkdirSync(operations, { recursive: true });
    fs.writeFileSync(
      path.join(operations, 'count.ts'),
      `import { defineOperation, ok, Type } from 'arsenal-otp/operation';
export const count = defineOperation({
  name: 'count_all', title: 'Count All', description: 'Counts.', category: 'custom', severity: 'read', idempotent: true,
  needs: [], params: Type.Object({}), result: Type.Any(), examples: [], async execute() { return ok({ all: 7 }); },
});
`,
    );
    fs.writeFileSync(path.join(operations, 'broken.ts'), 'export const ok = 1;\n\n  const 7;\n');
    await unfold(page, /Your Own/);
    await rowWith(page, /Count All.*count\.ts/);
    const broken = await rowWith(page, /broken\.ts:3:9/);
    await shoot('own-operations', 'document');
    await broken.click();
    await page.locator('.tab.active', { hasText: 'broken.ts' }).waitFor();
    await page.locator('.statusbar-item', { hasText: 'Ln 3, Col 9' }).waitFor();
    fs.rmSync(path.join(operations, 'broken.ts'));
    await broken.waitFor({ state: 'detached' });
  });
});

describe('operations on a real node', () => {
  it('ask once whether it may be changed, say exactly what, and tell what each node returned', async () => {
    shop = await startShop();
    const beam = { kind: 'beam', node: shop.node, cookieFile: shop.cookieFile, epmdPort: shop.epmdPort };
    const walk = await opened({
      settings: { 'arsenal.connect.onStart': beam },
      env: { ERL_EPMD_PORT: String(shop.epmdPort) },
    });
    const { page, shoot } = walk;
    await page.locator('.statusbar-item', { hasText: shop.node }).waitFor();
    await begin(walk, 'remote_execute');
    await page.locator('.quick-input-widget input[placeholder^="module"]').fill('erlang');
    await choice(page, 'Use “erlang”').click();
    await type(page, 'function', 'node');
    await page.keyboard.press('Enter');
    await choice(page, /Run\s*remote_execute/).click();
    const dialog = page.locator('.monaco-dialog-box', { hasText: /Call .*erlang.node\/0/ });
    await dialog.locator('text=This cannot be undone.').waitFor();
    await shoot('remote-execute-confirm');
    await dialog.locator('.monaco-button', { hasText: 'Remote Execute' }).click();
    await page.locator('.monaco-dialog-box .monaco-button', { hasText: 'Allow Changes' }).click();
    await shownText(page, 'returned');
    await shownText(page, shop.node);
    await shoot('remote-execute');
  });
});
