import fs from 'node:fs';
import path from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { samples } from '../../webview/cluster/sampleRows.ts';
import { startBrowser } from '../harness/workbench.mjs';
import { openClusterPage, simulated } from './support/clusterPage.ts';
import type { ClusterPage } from './support/clusterPage.ts';
import type { Theme } from './support/themes.ts';

const shots = path.resolve(import.meta.dirname, '../../out/screenshots');
let browser: Browser;
const opened: ClusterPage[] = [];

beforeAll(async () => {
  fs.mkdirSync(shots, { recursive: true });
  ({ browser } = await startBrowser());
});
afterAll(async () => {
  await browser.close();
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((each) => each.close()));
});

async function open(
  ...args: Parameters<typeof openClusterPage> extends [unknown, infer O] ? [O?] : never
): Promise<ClusterPage> {
  const made = await openClusterPage(browser, ...args);
  opened.push(made);
  return made;
}

async function openSample(name: string, options: Parameters<typeof openClusterPage>[1] = {}): Promise<ClusterPage> {
  const view = await open(options);
  await view.show(simulated);
  view.setNodes(samples[name] ?? []);
  await view.page.locator('[role="option"]').first().waitFor();
  return view;
}

async function shoot(view: ClusterPage, name: string): Promise<void> {
  await view.page.waitForTimeout(400);
  await view.page.screenshot({ path: path.join(shots, `page-${name}.png`) });
}

describe('the cluster page', () => {
  it.each(Object.keys(samples))('shows the cluster "%s" without a fault of script or policy', async (name) => {
    const view = await openSample(name);
    expect(await view.page.locator('[role="option"]').count()).toBe(samples[name]?.length);
    await shoot(view, `${name}-dark`);
    expect(view.faults).toEqual([]);
  });

  it.each(['light', 'highContrast', 'highContrastLight'] satisfies Theme[])('follows the theme %s', async (theme) => {
    for (const name of ['ailing', 'partition', 'twelve']) {
      const view = await openSample(name, { theme });
      await view.page.locator('[role="option"]').first().click();
      await shoot(view, `${name}-${theme}`);
      expect(view.faults).toEqual([]);
    }
  });

  it('fits a narrow panel', async () => {
    for (const name of ['three', 'twelve', 'ailing', 'partition']) {
      const view = await openSample(name, { width: 360, height: 720 });
      const wide = await view.page.evaluate(() => document.documentElement.scrollWidth);
      expect(wide).toBeLessThanOrEqual(360);
      await shoot(view, `${name}-narrow`);
    }
  });
});
