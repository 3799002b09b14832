// Packages that are fetched by npm and compared with a digest that stands in the project.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { npmCommand } from './packages.mjs';
import { cacheDir } from './paths.mjs';
import { run } from './processes.mjs';

/** @typedef {{name: string, version: string, sha512: string}} PinnedPackage */

/**
 * Fetches a pinned archive and unpacks it into `parent/folder`, replacing what an interrupted attempt left there.
 *
 * @param {PinnedPackage} pinned
 * @param {string} parent
 * @param {string} folder
 * @param {string[]} [tarArgs]
 */
export async function unpack(pinned, parent, folder, tarArgs = ['--strip-components=1']) {
  const archive = await download(pinned);
  const target = path.join(parent, folder);
  fs.rmSync(target, { recursive: true, force: true });
  fs.mkdirSync(target, { recursive: true });
  await must('tar', ['-xzf', archive, '-C', target, ...tarArgs], 5 * 60_000);
}

/**
 * Fetches a package's archive by npm, so that the user's registry, proxy and credentials are honoured.
 *
 * @param {PinnedPackage} pinned
 * @returns {Promise<string>} the archive's path; its digest has been compared with the pinned one
 */
async function download(pinned) {
  const file = path.join(
    cacheDir,
    'workbench',
    'downloads',
    `${pinned.name.replace(/^@/, '').replace('/', '-')}-${pinned.version}.tgz`,
  );
  const downloads = path.dirname(file);
  if (!fs.existsSync(file) || digest(file) !== pinned.sha512) {
    fs.mkdirSync(downloads, { recursive: true });
    const spec = `${pinned.name}@${pinned.version}`;
    const npm = npmCommand(['pack', spec, '--silent', '--ignore-scripts', '--pack-destination', downloads]);
    await must(npm.command, npm.args, 10 * 60_000, downloads);
    const found = digest(file);
    if (found !== pinned.sha512) {
      fs.rmSync(file, { force: true });
      throw new Error(`${spec}: its SHA-512 is ${found}, not the pinned ${pinned.sha512}; it has been deleted`);
    }
  }
  return file;
}

/**
 * @param {string} file
 * @returns {string} base64
 */
function digest(file) {
  return createHash('sha512').update(fs.readFileSync(file)).digest('base64');
}

/**
 * Runs a program that has to succeed.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {number} timeoutMs
 * @param {string} [cwd]
 */
export async function must(command, args, timeoutMs, cwd) {
  const result = await run(command, args, { timeoutMs, output: 'capture', ...(cwd === undefined ? {} : { cwd }) });
  if (result.code === 0) return;
  const why = result.timedOut ? `did not end within ${timeoutMs / 1_000} s` : `ended with ${result.code}`;
  throw new Error(`${path.basename(command)} ${args.slice(0, 4).join(' ')} ${why}\n${result.output.slice(-4_000)}`);
}
