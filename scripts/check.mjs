// `npm run check`: types, lint, layering, format, dead code, generated documents. Every step runs, so that one run
// shows all there is to mend.
//
//   node scripts/check.mjs [--only types,lint,…]
import process from 'node:process';
import { parseArgs } from 'node:util';
import { inProject, projectRoot } from './lib/paths.mjs';
import { run } from './lib/processes.mjs';

const rooms = ['runtime', 'server', 'client', 'webview', 'test', 'bench'];

/** @type {{ name: string, file: string, args: string[], mend: string }[]} */
const steps = [
  {
    name: 'types',
    file: bin('typescript', 'tsc'),
    args: ['-b'],
    mend: 'Mend the types; `npx tsc -b --watch` shows them as you write.',
  },
  {
    name: 'lint',
    file: bin('eslint', 'eslint.js'),
    args: ['--max-warnings', '0', '--cache', '--cache-location', 'out/eslint/', ...rooms],
    mend: '`npx eslint --fix` mends some of it; the rest says what the rule is for (eslint.config.mjs).',
  },
  {
    name: 'layers',
    file: bin('dependency-cruiser', 'dependency-cruise.mjs'),
    args: ['--config', '.dependency-cruiser.cjs', ...rooms],
    mend: 'The rule’s comment in .dependency-cruiser.cjs says where the code belongs; see ARCHITECTURE.md.',
  },
  {
    name: 'format',
    file: bin('prettier', 'prettier.cjs'),
    args: ['--check', '--log-level', 'warn', '.'],
    mend: 'Run: npm run format',
  },
  {
    name: 'unused',
    file: bin('knip', 'knip.js'),
    args: [],
    mend: 'Delete what nothing uses, or say in knip.json what uses it.',
  },
  { name: 'documents', file: inProject('scripts', 'docs.mjs'), args: ['--check'], mend: 'Run: npm run docs' },
];

const { values } = parseArgs({ options: { only: { type: 'string' } } });
const only = values.only?.split(',');
const failed = [];
for (const step of steps.filter(({ name }) => only === undefined || only.includes(name))) {
  const startedAt = Date.now();
  const { code } = await run(process.execPath, [step.file, ...step.args], { cwd: projectRoot, timeoutMs: 10 * 60_000 });
  const seconds = ((Date.now() - startedAt) / 1_000).toFixed(1);
  console.log(`${code === 0 ? '✓' : '✗'} ${step.name} (${seconds} s)`);
  if (code !== 0) failed.push(step);
}
for (const { name, mend } of failed) console.error(`${name} failed. ${mend}`);
process.exitCode = failed.length === 0 ? 0 : 1;

/**
 * @param {string} name  of a package
 * @param {string} file  in its bin folder
 * @returns {string}
 */
function bin(name, file) {
  return inProject('node_modules', name, 'bin', file);
}
