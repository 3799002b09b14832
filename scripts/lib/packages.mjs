// The npm packages of a project: are they there, and if not, `npm ci`. Uses nothing but Node, because it runs first.
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { projectRoot } from './paths.mjs';
import { run } from './processes.mjs';

/**
 * How to start npm without a shell: the npm that runs us, else the one beside Node, else the one on the path.
 *
 * @param {readonly string[]} args
 * @returns {{command: string, args: string[]}}
 */
export function npmCommand(args) {
  const besideNode = path.join(path.dirname(process.execPath), 'node_modules', 'npm', 'bin', 'npm-cli.js');
  const running = process.env['npm_execpath'];
  if (running !== undefined && /npm-cli\.[cm]?js$/.test(running)) {
    return { command: process.execPath, args: [running, ...args] };
  }
  if (fs.existsSync(besideNode)) return { command: process.execPath, args: [besideNode, ...args] };
  return { command: 'npm', args: [...args] };
}

/**
 * Whether what is installed is what the lock file says. Compares versions, so that a lock file that has moved on is
 * noticed and a clone that is up to date costs a few milliseconds.
 *
 * @param {string} [folder]
 * @returns {boolean}
 */
export function packagesAreInstalled(folder = projectRoot) {
  const wanted = readLock(path.join(folder, 'package-lock.json'));
  const present = readLock(path.join(folder, 'node_modules', '.package-lock.json'));
  if (wanted === undefined || present === undefined) return false;
  return Object.entries(wanted).every(
    ([place, entry]) =>
      place === '' ||
      entry.optional === true ||
      entry.devOptional === true ||
      entry.peer === true ||
      present[place]?.version === entry.version,
  );
}

/**
 * @param {string} file
 * @returns {Record<string, {version?: string, optional?: boolean, devOptional?: boolean, peer?: boolean}> | undefined}
 */
function readLock(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

/**
 * Installs the project's npm packages as the lock file pins them, if they are not there.
 *
 * @returns {Promise<boolean>} false when npm failed; what it said has been printed
 */
export async function installPackages() {
  if (packagesAreInstalled()) return true;
  console.log('Installing npm packages (npm ci) …');
  const npm = npmCommand(['ci', '--no-audit', '--no-fund', '--loglevel=error']);
  const result = await run(npm.command, npm.args, { cwd: projectRoot, timeoutMs: 10 * 60_000 });
  if (result.code !== 0) {
    console.error('npm ci failed. Is a package registry reachable (npm ping)?');
    return false;
  }
  return true;
}
