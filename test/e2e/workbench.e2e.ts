import fs from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { startShop } from '../fixtures/elixir-shop/start.mjs';
import type { Shop } from '../fixtures/elixir-shop/start.mjs';
import { placesOf, settledPlacesOf } from './support/places.ts';
import { openWorkbench, rowWith } from './support/workbench.ts';
import type { Workbench } from './support/workbench.ts';

let workbench: Workbench | null = null;
let shop: Shop | null = null;
afterEach(async () => {
  await workbench?.close();
  workbench = null;
  await shop?.stop();
  shop = null;
});

/** The workbench with the cluster graph open on the simulated cluster. */
async function openGraph(settings: { readonly [key: string]: unknown } = {}, size = {}): Promise<Workbench> {
  workbench = await openWorkbench({ settings, ...size });
  await workbench.showArsenal();
  await rowWith(workbench.page, 'demo1@sim');
  await workbench.command('Arsenal: Open Cluster Graph');
  await workbench.cluster().locator('[data-node="demo2@sim"]').waitFor({ timeout: 60_000 });
  return workbench;
}

/** Whether the workbench has written that text to what it keeps of this window. */
async function isKept(page: Workbench['page'], text: string): Promise<boolean> {
  return page.evaluate(async (wanted) => {
    const answerOf = <T>(request: IDBRequest<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error ?? new Error('no answer'));
      });
    for (const { name } of await indexedDB.databases()) {
      const database = await answerOf(indexedDB.open(name ?? ''));
      try {
        for (const store of database.objectStoreNames) {
          const kept: unknown[] = await answerOf(database.transaction(store).objectStore(store).getAll());
          if (kept.some((value) => typeof value === 'string' && value.includes(wanted))) return true;
        }
      } finally {
        database.close();
      }
    }
    return false;
  }, text);
}

describe('the workbench on the simulated cluster', () => {
  // @row R2.1
  it('shows the three trees and the graph, and both follow a node that is crashed and started from the graph', async () => {
    const { page, cluster, shoot } = await openGraph();
    const places = () => placesOf(cluster());
    for (const text of ['demo1@sim', 'demo2@sim', 'demo3@sim', 'Shop.Supervisor', 'No sandboxes yet'])
      await rowWith(page, text);
    await shoot('sidebar', 'document');
    const node = cluster().locator('[data-node="demo2@sim"]');
    const before = await settledPlacesOf(cluster());
    await node.click();
    await cluster().locator('.details', { hasText: 'Incarnation' }).waitFor();
    expect(await places()).toEqual(before);
    await shoot('cluster-dark', 'document');

    await cluster().locator('vscode-button', { hasText: 'Crash Node' }).click();
    await answerForm(page);
    const dialog = page.locator('.monaco-dialog-box', { hasText: 'demo2@sim' });
    await dialog.waitFor();
    await shoot('confirmation', 'document');
    await dialog.locator('.monaco-button', { hasText: 'Crash Node' }).click();
    await cluster().locator('.node.down[data-node="demo2@sim"]').waitFor();
    await cluster().locator('[role="status"]', { hasText: 'demo2@sim is down.' }).waitFor({ state: 'attached' });
    await shoot('cluster-node-down', 'document');
    expect(await places()).toEqual(before);

    await cluster().locator('vscode-button', { hasText: 'Start Node' }).click();
    await answerForm(page);
    await page.locator('.monaco-dialog-box .monaco-button', { hasText: 'Restart Node' }).click();
    await rowWith(page, /demo2@sim\s*\d+ processes/);
    // The result may have opened above the graph.
    await page.locator('.tab', { hasText: 'Cluster' }).click();
    await cluster().locator('.node.healthy[data-node="demo2@sim"]').waitFor();
    await cluster()
      .locator('.details', { hasText: /Incarnation\s*2/ })
      .waitFor();
  });

  it('keeps the graph through hiding and a reload of the window', async () => {
    const opened = await openGraph();
    const { page, cluster } = opened;
    await cluster().locator('[data-node="demo3@sim"]').click();
    await cluster().locator('.details h2', { hasText: 'demo3@sim' }).waitFor();
    const before = await settledPlacesOf(cluster());
    await opened.command('Preferences: Open User Settings (JSON)');
    await page.locator('.tab.active', { hasText: 'settings.json' }).waitFor();
    await page.locator('.tab', { hasText: 'Cluster' }).click();
    await cluster().locator('.details h2', { hasText: 'demo3@sim' }).waitFor();
    await expect.poll(() => placesOf(cluster())).toEqual(before);
    // The workbench writes what is open when it is idle.
    await expect.poll(() => isKept(page, 'demo3@sim')).toBe(true);
    await page.reload();
    await cluster().locator('.details h2', { hasText: 'demo3@sim' }).waitFor({ timeout: 60_000 });
    await expect.poll(() => placesOf(cluster())).toEqual(before);
  });

  it('follows the theme while it changes', async () => {
    const opened = await openGraph();
    const { page, cluster, shoot } = opened;
    await cluster().locator('[data-node="demo1@sim"]').click();
    await cluster().locator('.details').waitFor();
    const body = cluster().locator('body');
    for (const [name, theme, className] of [
      ['light', 'Light Modern', 'vscode-light'],
      ['highContrast', 'Dark High Contrast', 'vscode-high-contrast'],
      ['highContrastLight', 'Light High Contrast', 'vscode-high-contrast-light'],
    ] as const) {
      await page.locator('.part.sidebar .pane-header').first().focus();
      await page.keyboard.press('Control+K');
      await page.keyboard.press('Control+T');
      const choice = page.locator('.quick-input-list .monaco-list-row', { hasText: theme }).first();
      await page.locator('.quick-input-widget input').fill(theme);
      await choice.click();
      await expect.poll(() => body.getAttribute('class')).toContain(className);
      const ground = () => body.evaluate((element) => getComputedStyle(element).backgroundColor);
      await expect.poll(ground).toBe(name === 'highContrast' ? 'rgb(0, 0, 0)' : 'rgb(255, 255, 255)');
      await shoot(`cluster-${name}`, name === 'light' ? 'document' : undefined);
    }
  });

  it('fits a narrow window', async () => {
    const opened = await openGraph({}, { width: 760, height: 900 });
    await opened.cluster().locator('[data-node="demo1@sim"]').click();
    await opened.cluster().locator('.details').waitFor();
    const [content, room] = await opened
      .cluster()
      .locator('html')
      .evaluate((html): [number, number] => [html.scrollWidth, html.clientWidth]);
    expect(content).toBeLessThanOrEqual(room);
    await opened.shoot('narrow', 'document');
  });

  // @row R7.1
  it('runs an operation through its form, with live choices, and shows the result', async () => {
    workbench = await openWorkbench();
    const { page, command, showArsenal, shoot } = workbench;
    await showArsenal();
    await rowWith(page, 'demo1@sim');
    await command('Arsenal: Run Operation…');
    const input = page.locator('.quick-input-widget input');
    const choice = (text: string | RegExp) =>
      page.locator('.quick-input-list .monaco-list-row', { hasText: text }).first();
    await input.fill('get_process_info');
    await choice('get_process_info').click();
    await choice('Shop.Catalog').waitFor();
    await shoot('form', 'document');
    await choice('Shop.Catalog').click();
    await choice(/Run\s*get_process_info/).click();
    await page.locator('.tab.active', { hasText: 'get_process_info' }).waitFor();
    await page.locator('.view-line', { hasText: 'Shop.Catalog' }).first().waitFor();
    await shoot('result', 'document');
  });
});

describe('the workbench without a system', () => {
  it('says that it is not connected, in the trees and in the graph, with the next step', async () => {
    workbench = await openWorkbench({ settings: { 'arsenal.connect.onStart': 'none' } });
    const { page, command, showArsenal, cluster, shoot } = workbench;
    await showArsenal();
    await page.locator('.welcome-view-content', { hasText: 'Not connected' }).first().waitFor({ timeout: 60_000 });
    await command('Arsenal: Open Cluster Graph');
    await cluster().locator('.empty', { hasText: 'Not connected' }).waitFor({ timeout: 60_000 });
    await shoot('not-connected', 'document');
    await cluster().locator('vscode-button', { hasText: 'Connect' }).click();
    await page.locator('.quick-input-widget').waitFor();
  });

  // @row R7.3
  it('tells a wrong cookie from an absent node, with what to do about it', async () => {
    shop = await startShop();
    const wrong = path.join(path.dirname(shop.cookieFile), 'wrong');
    fs.writeFileSync(wrong, 'wrong', { mode: 0o600 });
    const env = { ERL_EPMD_PORT: String(shop.epmdPort) };
    const beam = { kind: 'beam', node: shop.node, cookieFile: wrong, epmdPort: shop.epmdPort };
    workbench = await openWorkbench({ settings: { 'arsenal.connect.onStart': beam }, env });
    await workbench.showArsenal();
    await workbench.page
      .locator('.part.sidebar', { hasText: 'Give the cookie of the node' })
      .waitFor({ timeout: 60_000 });
    await workbench.shoot('wrong-cookie', 'document');
    await workbench.close();
    const absent = { ...beam, node: `nobody@${shop.node.split('@')[1] ?? ''}`, cookieFile: shop.cookieFile };
    workbench = await openWorkbench({ settings: { 'arsenal.connect.onStart': absent }, env });
    await workbench.showArsenal();
    await workbench.page.locator('.part.sidebar', { hasText: 'knows no node' }).waitFor({ timeout: 60_000 });
    await workbench.shoot('no-such-node');
    expect(await workbench.page.locator('.part.sidebar').innerText()).not.toContain('Give the cookie');
  });
});

/** Accepts a form whose parameters are all given, should one be shown before the question. */
async function answerForm(page: Workbench['page']): Promise<void> {
  const run = page.locator('.quick-input-list .monaco-list-row', { hasText: /Run\s*\w+_node/ }).first();
  const dialog = page.locator('.monaco-dialog-box');
  await run.or(dialog).first().waitFor();
  if (await run.isVisible()) await run.click();
}
