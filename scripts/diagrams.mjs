// Draws the rooms and their arrows into ARCHITECTURE.md, from what the layering tool sees, so that the picture cannot
// say other than the code.
//
//   node scripts/diagrams.mjs [--check]
import fs from 'node:fs';
import process from 'node:process';
import { cruise } from 'dependency-cruiser';
import { inProject } from './lib/paths.mjs';

const page = inProject('ARCHITECTURE.md');
const open = '<!-- diagram:rooms -->';
const close = '<!-- /diagram:rooms -->';

/** Rooms, most particular first: a file belongs to the first whose path it starts with. */
const rooms = [
  ['client', 'client/', 'client'],
  ['webviewUi', 'webview/ui/', 'webview/ui'],
  ['webview', 'webview/', 'webview'],
  ['protocol', 'server/protocol/', 'server/protocol'],
  ['main', 'server/main.ts', 'server/main.ts'],
  ['language', 'server/language/', 'server/language'],
  ['workspace', 'server/workspace/', 'server/workspace'],
  ['cli', 'server/cli/', 'server/cli'],
  ['testing', 'server/testing', 'server/testing'],
  ['gateway', 'server/gateway/', 'server/gateway'],
  ['backend', 'server/backend/', 'server/backend'],
  ['operations', 'server/operations/', 'server/operations'],
  ['services', 'server/services/', 'server/services'],
  ['core', 'server/core/', 'server/core'],
  ['embedded', 'runtime/embedded/', 'runtime/embedded'],
  ['local', 'runtime/local/', 'runtime/local'],
  ['dist', 'runtime/beam/dist/', 'runtime/beam/dist'],
  ['beam', 'runtime/beam/', 'runtime/beam'],
  ['proxy', 'runtime/proxy/', 'runtime/proxy'],
  ['term', 'runtime/term/', 'runtime/term'],
  ['port', 'runtime/', 'runtime/port, model, watch'],
];
/** What everyone may import; arrows to it would say nothing. */
const known = new Set(['port', 'term']);

const { output } = await cruise(['runtime', 'server', 'client', 'webview'], {
  tsPreCompilationDeps: true,
  doNotFollow: { path: 'node_modules' },
  exclude: { path: '\\.test\\.tsx?$|/test[A-Z]\\w*\\.ts$|Arbitrary\\.ts$|^runtime/fake/' },
  baseDir: inProject(),
});
if (typeof output === 'string') throw new TypeError('the layering tool answered with text');

const arrows = new Set();
for (const module of output.modules) {
  const from = roomOf(module.source);
  for (const dependency of module.dependencies) {
    const to = roomOf(dependency.resolved);
    if (from === undefined || to === undefined || from === to) continue;
    if (known.has(to) && !known.has(from)) continue;
    arrows.add(`  ${from} --> ${to}`);
  }
}
const diagram = [
  open,
  '',
  '```mermaid',
  'flowchart TD',
  ...rooms.map(([id, , title]) => `  ${id}["${title}"]`),
  ...[...arrows].sort(),
  '```',
  '',
  'Everyone may import `runtime/model`, `runtime/port` (types), `runtime/watch` and `runtime/term`; those arrows are left out.',
  '',
  close,
].join('\n');

const written = fs.readFileSync(page, 'utf8').replaceAll('\r\n', '\n');
const [before, rest] = [written.indexOf(open), written.indexOf(close)];
if (before < 0 || rest < 0) throw new Error(`ARCHITECTURE.md has no ${open} … ${close}`);
const text = written.slice(0, before) + diagram + written.slice(rest + close.length);
if (process.argv.includes('--check')) {
  if (text !== written) {
    console.error('The diagram in ARCHITECTURE.md does not say what the imports say. Run: npm run docs');
    process.exit(1);
  }
} else {
  fs.writeFileSync(page, text);
  console.log(`ARCHITECTURE.md: ${arrows.size} arrows between ${rooms.length} rooms.`);
}

/**
 * @param {string} file  relative to the project
 * @returns {string | undefined}
 */
function roomOf(file) {
  return rooms.find(([, prefix]) => file.startsWith(String(prefix)))?.[0];
}
