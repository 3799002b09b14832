import fs from 'node:fs';
import path from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { samples } from '../../webview/cluster/sampleRows.ts';
import { startBrowser } from '../harness/workbench.mjs';
import { openClusterPage, simulated } from './support/clusterPage.ts';
import type { ClusterPage } from './support/clusterPage.ts';
import { placesOf, settledPlacesOf } from './support/places.ts';
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

async function open(options: Parameters<typeof openClusterPage>[1] = {}): Promise<ClusterPage> {
  const made = await openClusterPage(browser, options);
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

  it('shows hostile names as text, and only as text', async () => {
    const view = await openSample('hostile');
    expect(await view.page.locator('img, a, iframe').count()).toBe(0);
    const texts = await view.page
      .locator('[role="option"]')
      .evaluateAll((all) => all.map((each) => `${each.getAttribute('aria-label') ?? ''} ${each.textContent}`));
    for (const text of texts) expect(/\p{Cc}|\p{Bidi_Control}/u.test(text)).toBe(false);
    await view.page.locator('[role="option"]').nth(2).click();
    expect(await view.page.locator('.details').textContent()).toContain('@h');
    expect(view.faults).toEqual([]);
  });

  it('is walked, opened and closed with keys alone', async () => {
    const view = await openSample('three');
    const focused = () => view.page.evaluate(() => document.activeElement?.getAttribute('data-node') ?? null);
    expect(await view.page.locator('[role="option"][tabindex="0"]').count()).toBe(1);
    await view.page.locator('[role="option"][tabindex="0"]').focus();
    await expect.poll(focused).toBe('app1@sim');
    await view.page.keyboard.press('ArrowRight');
    await expect.poll(focused).toBe('app2@sim');
    await view.page.keyboard.press('End');
    await expect.poll(focused).toBe('app3@sim');
    await view.page.keyboard.press('Home');
    await expect.poll(focused).toBe('app1@sim');
    await view.page.keyboard.press('ArrowDown');
    await expect.poll(focused).not.toBe('app1@sim');
    await view.page.keyboard.press('Enter');
    await view.page.locator('.details').waitFor();
    await view.page.keyboard.press('Escape');
    await view.page.locator('.details').waitFor({ state: 'detached' });
  });

  it('sends an action with its node, by key and by pointer, and offers none that cannot be', async () => {
    const view = await openSample('ailing');
    await view.page.locator('[data-node="app6@eu"]').click();
    await view.page.getByRole('button', { name: 'Show Processes' }).click();
    await view.page.getByRole('button', { name: 'Crash Node…' }).focus();
    await view.page.keyboard.press('Enter');
    await view.page.getByRole('button', { name: 'Copy Name' }).click();
    await view.page.locator('[data-node="app2@eu"]').click();
    await view.page.getByRole('button', { name: 'Crash Node…' }).waitFor({ state: 'detached' });
    await view.page.getByRole('button', { name: 'Start Node' }).click();
    await expect
      .poll(() => view.sent.slice(1))
      .toEqual([
        { is: 'action', action: { run: 'showProcesses', node: 'app6@eu' } },
        { is: 'action', action: { run: 'crashNode', node: 'app6@eu' } },
        { is: 'copy', text: 'app6@eu' },
        { is: 'action', action: { run: 'restartNode', node: 'app2@eu' } },
      ]);
    await view.show({ ...simulated, access: 'read_only' });
    await view.page.locator('vscode-button[disabled]', { hasText: 'Start Node' }).waitFor();
  });

  it('follows changes in place: nothing moves, transitions are said once', async () => {
    const view = await openSample('twelve');
    const places = () => placesOf(view.page);
    const before = await settledPlacesOf(view.page);
    const [first, ...others] = samples['twelve'] ?? [];
    if (first === undefined) throw new Error('no sample');
    view.setNodes([{ ...first, status: 'down', stats: null, sees: null }, ...others]);
    await view.page.locator(`.node.down[data-node="${first.node}"]`).waitFor();
    expect(await places()).toEqual(before);
    await expect.poll(() => view.page.locator('[role="status"]').textContent()).toBe(`${first.node} is down.`);
    view.setNodes([...others]);
    await view.page.locator('.node.gone').waitFor();
    expect(await places()).toEqual(before);
    await view.page.getByRole('button', { name: 'Re-arrange' }).click();
    const arranged = await settledPlacesOf(view.page);
    const kept: unknown = await view.page.evaluate((): unknown => Reflect.get(window, 'keptState'));
    const again = await open({ kept });
    await again.show(simulated);
    again.setNodes([first, ...others]);
    await again.page.locator('[role="option"]').first().waitFor();
    await expect.poll(() => placesOf(again.page)).toEqual(arranged);
  });

  it('shows the same as a table, whose rows open the same details', async () => {
    const view = await openSample('ailing');
    await view.page.getByRole('button', { name: 'Table' }).click();
    await expect.poll(() => view.page.locator('tr[data-node]').count()).toBe(6);
    await view.page.getByRole('button', { name: 'app2@eu' }).click();
    await view.page.locator('.details h2', { hasText: 'app2@eu' }).waitFor();
    await shoot(view, 'ailing-table');
    expect(view.faults).toEqual([]);
  });

  it('says of each state what it is and offers one next step', async () => {
    const view = await open();
    const step = async (text: string, button: string, name: string): Promise<void> => {
      await view.page.locator('.cluster', { hasText: text }).waitFor();
      const buttons = view.page.locator('.empty vscode-button, .banner vscode-button');
      expect([await buttons.count(), (await buttons.first().textContent())?.trim()]).toEqual([1, button]);
      await shoot(view, name);
      await buttons.first().click();
    };
    await view.show(null);
    await step('Not connected', 'Connect…', 'state-notConnected');
    await view.show({ ...simulated, id: 'shop', label: 'shop@localhost', state: { is: 'connecting' } });
    await step('Connecting to shop@localhost', 'Show Log', 'state-connecting');
    const lost = {
      is: 'lost',
      since: Date.UTC(2026, 0, 2, 14, 2, 11),
      retryAt: null,
      message: 'The node has closed the connection.',
      remedy: 'Start it again.',
    } as const;
    await view.show({ ...simulated, id: 'shop', label: 'shop@localhost', state: lost });
    await step('No connection to shop@localhost', 'Reconnect', 'state-failed');
    await view.show(simulated);
    view.setNodes(samples['three'] ?? []);
    await view.page.locator('[role="option"]').first().waitFor();
    await view.show({ ...simulated, state: lost });
    await step('Connection lost', 'Reconnect', 'state-lost');
    expect(await view.page.locator('svg.graph.stale').count()).toBe(1);
    await view.show(simulated);
    await view.page.locator('svg.graph:not(.stale)').waitFor();
    view.setNodes([]);
    await expect
      .poll(() => view.sent.flatMap((each) => (each.is === 'action' ? [each.action.run] : [])))
      .toEqual(['connect', 'showLog', 'retry', 'retry']);
    expect(view.faults).toEqual([]);
  });

  it.each([
    [true, 'none'],
    [false, 'flash'],
  ])('flashes a restart, but not where motion is reduced (%s)', async (reducedMotion, expected) => {
    const view = await openSample('three', { reducedMotion });
    const animation = await view.page
      .locator('.node .halo')
      .first()
      .evaluate((halo) => {
        halo.parentElement?.classList.add('flash');
        return getComputedStyle(halo).animationName;
      });
    expect(animation).toBe(expected);
  });
});
