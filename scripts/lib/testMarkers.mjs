// What tests say they show, read from their sources: `// @row R3.4, OP-04`, `// @otp supervisor_SUITE:tree`.
import fs from 'node:fs';
import path from 'node:path';
import { inProject } from './paths.mjs';

const rooms = ['runtime', 'server', 'client', 'webview', 'test', 'scripts', 'bench'];
const isTest = /\.(test|e2e|bench)\.(ts|tsx|mjs)$/;
const title = /\b(?:it|test|describe|suite)(?:\.\w+)*(?:\([^'"`]*\))?\(\s*(['"`])((?:\\.|(?!\1).)*)\1/s;
const skipped = /^\s*(?:it|test|describe|suite)\.(?:skip|todo|fails)\b/;

/**
 * The tests that carry a marker, by each id that the marker names. In a title the marker belongs to that test, in a comment to the
 * next one. A test that is skipped or expected to fail shows nothing.
 *
 * @param {RegExp} marker global; its first group holds the ids
 * @param {RegExp} between what stands between two ids
 * @returns {Map<string, { title: string, file: string }[]>} files from the project's top folder, with `/`
 */
export function testsByMarker(marker, between) {
  /** @type {Map<string, { title: string, file: string }[]>} */
  const shownBy = new Map();
  for (const file of rooms.flatMap((room) => testFiles(inProject(room)))) {
    const source = fs.readFileSync(file, 'utf8');
    const shown = path.relative(inProject(), file).split(path.sep).join('/');
    for (const found of source.matchAll(marker)) {
      const lineStart = source.lastIndexOf('\n', found.index) + 1;
      const line = source.slice(lineStart, source.indexOf('\n', found.index));
      const after = source.slice(found.index);
      const inTitle = title.exec(line);
      const test = inTitle ?? title.exec(after);
      const begin =
        inTitle === null
          ? after
              .slice(0, test?.index ?? 0)
              .split('\n')
              .pop() + (test?.[0] ?? '')
          : line;
      if (skipped.test(begin)) continue;
      for (const id of (found[1] ?? '').trim().split(between)) {
        const tests = shownBy.get(id) ?? [];
        const name = test?.[2] ?? 'the whole file';
        if (!tests.some((one) => one.title === name && one.file === shown)) tests.push({ title: name, file: shown });
        shownBy.set(id, tests);
      }
    }
  }
  return shownBy;
}

/** A text as a cell of a Markdown table. @param {string} value */
export function cell(value) {
  return value
    .replaceAll(/\\(['"`])/g, '$1')
    .replaceAll('|', '\\|')
    .replaceAll('<', '&lt;')
    .replaceAll('\n', ' ');
}

/**
 * Writes a generated page, or with `--check` among `args` fails when it does not say what its source says.
 *
 * @param {string} page absolute
 * @param {string} text
 * @param {readonly string[]} args the command line
 * @returns {boolean} whether the page is as it should be
 */
export function writePage(page, text, args) {
  if (!args.includes('--check')) {
    fs.writeFileSync(page, text);
    return true;
  }
  const written = fs.existsSync(page) ? fs.readFileSync(page, 'utf8').replaceAll('\r\n', '\n') : '';
  if (written === text) return true;
  console.error(`${path.relative(inProject(), page)} does not say what the tests say. Run: npm run docs`);
  return false;
}

/** @param {string} folder @returns {string[]} */
function testFiles(folder) {
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => isTest.test(name) && !name.split(path.sep).includes('node_modules'))
    .map((name) => path.join(folder, name))
    .sort();
}
