/** The real workbench with the extension, as a user meets it, and what a walk needs of it. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import type { Browser, FrameLocator, Page } from 'playwright-core';
import { expect } from 'vitest';
import { copyWorkspace, runCommand, startBrowser, startServer, workbenchUrl } from '../../harness/workbench.mjs';

const project = path.resolve(import.meta.dirname, '../../..');
const screenshots = path.join(project, 'out', 'screenshots');
const documented = path.join(project, 'docs', 'images');

export type Workbench = {
  readonly page: Page;
  /** Of the workspace that is open. */
  readonly folder: string;
  /** Arsenal's folder of state, of this walk alone. */
  readonly home: string;
  /** Takes a picture; with UPDATE_IMAGES=1 and `document` it also becomes the documentation's. */
  readonly shoot: (name: string, document?: 'document') => Promise<void>;
  readonly command: (title: string) => Promise<void>;
  /** Opens the side bar's Arsenal, once the workbench has read what the extension contributes. */
  readonly showArsenal: () => Promise<void>;
  /** The page inside the cluster panel. */
  readonly cluster: () => FrameLocator;
  readonly close: () => Promise<void>;
};

/** Opens the workbench on a copy of the demo workspace. Settings are the user's. */
export async function openWorkbench(
  options: {
    readonly settings?: { readonly [key: string]: unknown };
    readonly env?: { readonly [name: string]: string };
    /** Of the extension host alone, over what the user's login shell sets (PATH). */
    readonly extensionEnv?: { readonly [name: string]: string };
    readonly width?: number;
    readonly height?: number;
    /** Written into the workspace before it is opened, by their names. */
    readonly files?: { readonly [name: string]: string };
  } = {},
): Promise<Workbench> {
  fs.mkdirSync(screenshots, { recursive: true });
  const folder = copyWorkspace(path.join(project, 'test', 'fixtures', 'demo-workspace'));
  for (const [name, text] of Object.entries(options.files ?? {})) fs.writeFileSync(path.join(folder, name), text);
  // What is kept of calls by the machine's user is none of a walk's business, nor the other way round.
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-walk-'));
  const server = await startServer({
    settings: { 'window.commandCenter': false, 'window.autoDetectHighContrast': false, ...options.settings },
    env: { ARSENAL_HOME: home, ...options.env },
  });
  let browser: Browser | null = null;
  const close = async (): Promise<void> => {
    await browser?.close();
    await server.stop();
    for (const made of [folder, home]) fs.rmSync(made, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const started = await startBrowser({ width: options.width ?? 1280, height: options.height ?? 800 });
    browser = started.browser;
    const { page } = started;
    // For every wait: what comes, comes soon, but not on a machine that others use, too.
    page.setDefaultTimeout(60_000);
    const environment = options.extensionEnv === undefined ? {} : { environment: { ...options.extensionEnv } };
    await page.goto(workbenchUrl(server, { folder, extension: project, ...environment }));
    await page.locator('.monaco-workbench .part.sidebar').waitFor({ timeout: 60_000 });
    return {
      page,
      folder,
      home,
      shoot: async (name, document) => {
        // Figures and fonts settle; the pointer leaves no tooltip behind.
        await page.mouse.move(0, 0);
        await page.waitForTimeout(600);
        const image = await page.screenshot();
        fs.writeFileSync(path.join(screenshots, `${name}.png`), image);
        if (document !== undefined && process.env['UPDATE_IMAGES'] === '1') {
          fs.mkdirSync(documented, { recursive: true });
          fs.writeFileSync(path.join(documented, `${name}.png`), image);
        }
      },
      command: (title) => runCommand(page, title),
      showArsenal: async () => {
        const icon = page.locator('.activitybar a[aria-label^="Arsenal"]');
        await icon.waitFor({ timeout: 60_000 });
        await icon.click();
        // The tooltip of the icon would lie over what is clicked next.
        await page.mouse.move(800, 400);
        await page.locator('.part.sidebar .pane-header', { hasText: 'Nodes' }).waitFor();
      },
      cluster: () => page.frameLocator('iframe.webview.ready').frameLocator('iframe#active-frame'),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Waits until some row of a view of the side bar contains a text, and answers it. */
export async function rowWith(page: Page, text: string | RegExp, timeoutMs = 60_000) {
  const rows = page.locator('.part.sidebar .monaco-list-row[role="treeitem"]');
  const row = rows.filter({ hasText: text }).first();
  await row.waitFor({ timeout: timeoutMs }).catch(async (cause: unknown) => {
    // What is there instead tells more than that it is not there.
    const elsewhere = await page
      .locator('.notification-list-item-message, .quick-input-widget:visible')
      .allInnerTexts();
    const said = [...(await rows.allInnerTexts()), ...elsewhere].map((each) => each.replace(/\s+/g, ' '));
    throw new Error(`No row says ${String(text)}, but: ${said.join(' | ')}`, { cause });
  });
  return row;
}

/** The topmost row of the side bar that contains a text: in the document rows stand in any order. */
async function topmostRow(page: Page, text: string | RegExp) {
  await rowWith(page, text);
  const rows = page.locator('.part.sidebar .monaco-list-row[role="treeitem"]', { hasText: text });
  const tops = await rows.evaluateAll((elements) => elements.map((element) => element.getBoundingClientRect().top));
  return rows.nth(tops.indexOf(Math.min(...tops)));
}

/** Unfolds the topmost row with a text, unless it is. A busy view may move its rows under the pointer. */
export async function unfold(page: Page, text: string | RegExp): Promise<void> {
  const isUnfolded = async () => (await (await topmostRow(page, text)).getAttribute('aria-expanded')) === 'true';
  for (let tries = 0; tries < 6 && !(await isUnfolded()); tries += 1) {
    await (await topmostRow(page, text)).locator('.monaco-tl-twistie').click();
    await expect
      .poll(isUnfolded, { timeout: 10_000 })
      .toBe(true)
      .catch(() => undefined);
  }
  expect(await isUnfolded(), `${String(text)} is unfolded`).toBe(true);
}

/** Chooses from a menu that was opened. A menu takes no click within 100 ms of its opening, and stays open then. */
export async function chooseInMenu(page: Page, text: string): Promise<void> {
  const item = page.locator('.monaco-menu .action-item', { hasText: text });
  await item.waitFor();
  for (let tries = 0; tries < 6 && (await item.count()) > 0; tries += 1) {
    await item.click();
    await item.waitFor({ state: 'detached', timeout: 2_000 }).catch(() => undefined);
  }
  await item.waitFor({ state: 'detached' });
}
