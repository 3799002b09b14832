// `npm run package`: the VSIX. With --check it is made in a temporary folder, and what is in it is looked at.
//
//   node scripts/package.mjs [--check]
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { createVSIX, listFiles } from '@vscode/vsce';
import { inProject, projectRoot } from './lib/paths.mjs';
import { run } from './lib/processes.mjs';

/** What users download; a new dependency that doubles it should be noticed. */
const mostMebibytes = 6;
const wanted = [
  'dist/client.js',
  'dist/server.js',
  'dist/cli.js',
  'dist/operation.js',
  'dist/simulatedWorker.js',
  'dist/sandboxChild.js',
  'dist/webview/cluster.js',
  'package.json',
  'package.nls.json',
  'LICENSE',
];
const check = process.argv.includes('--check');
const { version, name } = JSON.parse(fs.readFileSync(inProject('package.json'), 'utf8'));
const build = await run(process.execPath, [inProject('scripts', 'build.mjs'), '--production', '--no-tests'], {
  cwd: projectRoot,
});
if (build.code !== 0) process.exit(1);

const folder = check ? fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-vsix-')) : projectRoot;
try {
  const complaints = [];
  const files = await listFiles({ cwd: projectRoot, dependencies: false });
  for (const file of wanted) if (!files.includes(file)) complaints.push(`${file} is missing`);
  for (const file of files) {
    if (
      /\.(ts|tsx|map)$|^(test|runtime|server|client|scripts|node_modules|out)\//.test(file) &&
      !file.endsWith('.d.ts')
    ) {
      complaints.push(`${file} does not belong into it; see .vscodeignore`);
    }
  }
  const packagePath = path.join(folder, `${name}-${version}.vsix`);
  await createVSIX({ cwd: projectRoot, packagePath, dependencies: false, skipLicense: false });
  const mebibytes = fs.statSync(packagePath).size / 2 ** 20;
  if (mebibytes > mostMebibytes) complaints.push(`it has ${mebibytes.toFixed(1)} MiB, more than ${mostMebibytes}`);
  console.log(`${path.basename(packagePath)}: ${files.length} files, ${mebibytes.toFixed(2)} MiB`);
  for (const complaint of complaints) console.error(complaint);
  process.exitCode = complaints.length === 0 ? 0 : 1;
} finally {
  if (check) fs.rmSync(folder, { recursive: true, force: true });
  // The production build has no source maps; what one works with has.
  await run(process.execPath, [inProject('scripts', 'build.mjs')], { cwd: projectRoot });
}
