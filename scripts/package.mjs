// `npm run package`: the VSIX. With --check it is made in a temporary folder, and what is in it is looked at.
//
//   node scripts/package.mjs [--check]
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { PackageManager, createVSIX, listFiles } from '@vscode/vsce';
import { inProject, projectRoot } from './lib/paths.mjs';
import { run } from './lib/processes.mjs';

/** What users download; a new dependency that doubles it should be noticed. */
const mostMebibytes = 6;
const shipped = ['.vscodeignore', 'CHANGELOG.md', 'LICENSE', 'README.md', 'media', 'package.json', 'package.nls.json'];
const wanted = [
  'dist/client.js',
  'dist/server.js',
  'dist/cli.js',
  'dist/operation.js',
  'dist/THIRD-PARTY-NOTICES.txt',
  'dist/operationWorker.js',
  'dist/types/operation.d.ts',
  'dist/types/cluster.d.ts',
  'dist/types/testing.d.ts',
  'dist/examples/leader.cluster.ts',
  'dist/examples/cache.cluster.ts',
  'dist/examples/queue.cluster.ts',
  'dist/simulatedWorker.js',
  'dist/sandboxChild.js',
  'dist/webview/cluster.js',
  'package.json',
  'package.nls.json',
  'LICENSE',
];
const check = process.argv.includes('--check');
const { version, name } = JSON.parse(fs.readFileSync(inProject('package.json'), 'utf8'));
// Staged apart: a production build beside what one works with would take its source maps away.
const stage = fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-vsix-'));
process.on('exit', () => fs.rmSync(stage, { recursive: true, force: true }));
for (const entry of fs.readdirSync(projectRoot).filter((entry) => shipped.includes(entry))) {
  fs.cpSync(inProject(entry), path.join(stage, entry), { recursive: true });
}
const flags = ['--production', '--no-tests', '--out', path.join(stage, 'dist')];
const build = await run(process.execPath, [inProject('scripts', 'build.mjs'), ...flags], { cwd: projectRoot });
if (build.code !== 0) process.exit(1);

const complaints = [];
const files = await listFiles({ cwd: stage, packageManager: PackageManager.None });
for (const file of wanted) if (!files.includes(file)) complaints.push(`${file} is missing`);
for (const file of files) {
  const isSource = /\.(ts|tsx|map)$/.test(file) && !file.endsWith('.d.ts') && !file.startsWith('dist/examples/');
  if (isSource) complaints.push(`${file} does not belong into it; see .vscodeignore`);
}
const packagePath = path.join(check ? stage : projectRoot, `${name}-${version}.vsix`);
await createVSIX({ cwd: stage, packagePath, dependencies: false });
const mebibytes = fs.statSync(packagePath).size / 2 ** 20;
if (mebibytes > mostMebibytes) complaints.push(`it has ${mebibytes.toFixed(1)} MiB, more than ${mostMebibytes}`);
console.log(`${path.basename(packagePath)}: ${files.length} files, ${mebibytes.toFixed(2)} MiB`);
for (const complaint of complaints) console.error(complaint);
process.exitCode = complaints.length === 0 ? 0 : 1;
