// Reads the trees of a view container from the page, as text, the way a person would read them.

/** @typedef {{level: number, text: string}} TreeRow  level counts from 1 */
/** @typedef {{rows: TreeRow[], message: string}} TreeView  message: a welcome view's or tree message's words */

/**
 * Shows one view of a container in full height: opens its pane and folds its neighbours.
 *
 * @param {import('playwright-core').Page} page
 * @param {string} title  of the view
 * @returns {Promise<void>}
 */
export async function showView(page, title) {
  const headers = page.locator('.part.sidebar .pane-header');
  await headers.first().waitFor();
  for (const header of await headers.all()) {
    const name = (await header.locator('.title').first().innerText()).trim().toLowerCase();
    const wanted = name === title.toLowerCase();
    const open = (await header.getAttribute('aria-expanded')) === 'true';
    if (wanted !== open) await header.click();
  }
}

/**
 * What a view's pane shows at this moment. Only rows that are drawn are seen: VS Code draws no others.
 *
 * @param {import('playwright-core').Page} page
 * @param {string} title
 * @returns {Promise<TreeView>}
 */
export async function readView(page, title) {
  return page.evaluate((wanted) => {
    const panes = [...document.querySelectorAll('.part.sidebar .pane')];
    const pane = panes.find(
      (each) => each.querySelector('.pane-header .title')?.textContent?.trim().toLowerCase() === wanted.toLowerCase(),
    );
    const text = (/** @type {Element | null | undefined} */ element) =>
      (element instanceof HTMLElement ? element.innerText : '').replace(/\s+/g, ' ').trim();
    const rows = [...(pane?.querySelectorAll('.monaco-list-row[role="treeitem"]') ?? [])]
      .sort((a, b) => Number(a.getAttribute('data-index')) - Number(b.getAttribute('data-index')))
      .map((row) => {
        const parts = ['.label-name', '.label-description'].map((selector) => text(row.querySelector(selector)));
        return { level: Number(row.getAttribute('aria-level')), text: parts.join('  ').trim() };
      });
    const message = ['.message', '.welcome-view-content']
      .map((selector) => text(pane?.querySelector(selector)))
      .filter((words) => words !== '')
      .join(' ');
    return { rows, message };
  }, title);
}

/**
 * Unfolds a tree down to a level, as far as its rows are drawn.
 *
 * @param {import('playwright-core').Page} page
 * @param {string} title
 * @param {number} level
 * @returns {Promise<void>}
 */
export async function unfold(page, title, level) {
  const pane = page
    .locator('.part.sidebar .pane')
    .filter({ has: page.locator('.pane-header .title', { hasText: title }) });
  for (let depth = 1; depth < level; depth += 1) {
    const folded = pane.locator(`.monaco-list-row[aria-level="${depth}"][aria-expanded="false"]`);
    // Each click makes one fewer; rows that come meanwhile are taken along, but not for ever.
    for (let clicks = 0; clicks < 30 && (await folded.count()) > 0; clicks += 1) {
      // The row may be redrawn under the pointer by a live update: the next round meets it again.
      await folded
        .first()
        .locator('.monaco-tl-twistie')
        .click({ timeout: 2_000 })
        .catch(() => undefined);
      await page.waitForTimeout(50);
    }
    await page.waitForTimeout(200);
  }
}

/**
 * Rows as indented text.
 *
 * @param {TreeView} view
 * @returns {string}
 */
export function formatView(view) {
  const rows = view.rows.map((row) => `${'  '.repeat(row.level)}${row.text}`);
  return [...rows, ...(view.message === '' ? [] : [`  (${view.message})`])].join('\n');
}
