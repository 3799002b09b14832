// What `npm start -- --check` does once everything runs: looks at the workbench as a user would, and judges.
import fs from 'node:fs';
import { inProject } from '../../scripts/lib/paths.mjs';
import { formatView, readView, showView, unfold } from './trees.mjs';

/** @typedef {import('./trees.mjs').TreeView} TreeView */
/** @typedef {(view: TreeView) => string | undefined} Complaint  what is wrong with a view, in words */

const pollIntervalMs = 500;
/** In the supervisors' tree: connection, node, supervisor, child. */
const childLevel = 4;

/**
 * Waits until the trees have filled and prints them.
 *
 * @param {import('playwright-core').Page} page  showing the workbench
 * @param {object} options
 * @param {string | undefined} options.node  the node the extension was told to connect to; undefined: simulated
 * @param {number} options.timeoutMs         for all of it
 * @returns {Promise<string[]>} what is wrong, in words; empty when all is well
 */
export async function checkTrees(page, { node, timeoutMs }) {
  const views = contributedTitles();
  const deadline = Date.now() + timeoutMs;
  await page.locator('.monaco-workbench .part.sidebar').waitFor({ timeout: timeoutMs });
  // It shows itself: nobody has to know where.
  await page.locator('.part.sidebar .pane-header', { hasText: views.nodes }).waitFor({ timeout: timeoutMs });
  /** @type {{title: string, levels: number, complaint: Complaint}[]} */
  const expectations = [
    { title: views.nodes, levels: 2, complaint: node === undefined ? wantsSimulatedNodes : wantsNode(node) },
    { title: views.supervisors, levels: childLevel, complaint: wantsSupervisedChildren },
    { title: views.sandboxes, levels: 2, complaint: node === undefined ? wantsRows : wantsWords },
    { title: views.operations, levels: 1, complaint: wantsRows },
  ];
  const complaints = [];
  for (const { title, levels, complaint } of expectations) {
    await showView(page, title);
    let view = await readView(page, title);
    let wrong = complaint(view);
    // Twice the same without complaint: what is printed is what stays, not a moment of filling.
    let settled = false;
    while (!settled && Date.now() < deadline) {
      await unfold(page, title, levels);
      await page.waitForTimeout(pollIntervalMs);
      const before = view.rows.length;
      view = await readView(page, title);
      settled = wrong === undefined && before === view.rows.length && complaint(view) === undefined;
      wrong = complaint(view);
    }
    console.log(`\n${title}\n${formatView(view)}`);
    if (wrong !== undefined) complaints.push(`${title}: ${wrong}`);
  }
  return complaints;
}

/**
 * The names the user sees, from the manifest, which is where the workbench has them from.
 *
 * @returns {{nodes: string, supervisors: string, sandboxes: string, operations: string}}
 */
function contributedTitles() {
  const manifest = JSON.parse(fs.readFileSync(inProject('package.json'), 'utf8'));
  const localised = inProject('package.nls.json');
  const texts = fs.existsSync(localised) ? JSON.parse(fs.readFileSync(localised, 'utf8')) : {};
  /** @type {(entries: {id: string, name?: string}[] | undefined, id: string) => string} */
  const titleOf = (entries, id) => {
    const title = entries?.find((each) => each.id === id)?.name;
    if (title === undefined) throw new Error(`package.json contributes no ${id}`);
    const key = /^%(.+)%$/.exec(title)?.[1];
    return key === undefined ? title : String(texts[key]);
  };
  const contributed = manifest.contributes?.views?.arsenal;
  return {
    nodes: titleOf(contributed, 'arsenal.nodes'),
    supervisors: titleOf(contributed, 'arsenal.supervisors'),
    sandboxes: titleOf(contributed, 'arsenal.sandboxes'),
    operations: titleOf(contributed, 'arsenal.operations'),
  };
}

/** @type {Complaint} */
function wantsRows(view) {
  return view.rows.length > 0 ? undefined : 'the tree is empty';
}

/** @type {Complaint} */
function wantsWords(view) {
  return view.rows.length > 0 || view.message !== '' ? undefined : 'it shows neither a row nor what it can offer';
}

/** @type {Complaint} */
function wantsSimulatedNodes(view) {
  const nodes = view.rows.filter((row) => /[\w-]+@[\w.-]+/.test(row.text));
  return nodes.length >= 3 ? undefined : `${nodes.length} rows name a node, and the demo cluster has three`;
}

/**
 * @param {string} node
 * @returns {Complaint}
 */
function wantsNode(node) {
  return (view) => (view.rows.some((row) => row.text.includes(node)) ? undefined : `no row names ${node}`);
}

/** @type {Complaint} */
function wantsSupervisedChildren(view) {
  return view.rows.some((row) => row.level >= childLevel) ? undefined : 'no supervisor shows a child';
}
