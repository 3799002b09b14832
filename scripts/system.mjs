// System packages the suites need: a BEAM with Elixir, and Chromium with letters to draw. Installs what is missing on
// Debian and its relatives when run as root; elsewhere says what to install. Nothing is fetched but by apt.
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { run } from './lib/processes.mjs';

/**
 * @typedef {object} SystemNeed
 * @property {string} what
 * @property {string[]} packages        Debian's names
 * @property {() => boolean} isPresent
 */

/** @type {Record<'erlang' | 'elixir' | 'rebar3' | 'chromium' | 'fonts', SystemNeed>} */
const needs = {
  erlang: { what: 'Erlang/OTP (erl)', packages: ['erlang-nox'], isPresent: () => onPath('erl') },
  elixir: { what: 'Elixir', packages: ['elixir'], isPresent: () => onPath('elixir') },
  rebar3: { what: 'rebar3', packages: ['rebar3'], isPresent: () => onPath('rebar3') },
  chromium: { what: 'Chromium', packages: ['chromium'], isPresent: () => findChromium() !== undefined },
  fonts: {
    what: 'a font, so that screenshots show text',
    packages: ['fonts-dejavu-core'],
    isPresent: () => process.platform !== 'linux' || hasFont('/usr/share/fonts') || hasFont('/usr/local/share/fonts'),
  },
};

/** @typedef {keyof typeof needs} SystemNeedName */

/**
 * Chromium's binary: `ARSENAL_CHROMIUM`, else where Debian and its relatives put it.
 *
 * @returns {string | undefined}
 */
export function findChromium() {
  const named = process.env['ARSENAL_CHROMIUM'];
  if (named !== undefined && named !== '') return named;
  return ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((file) =>
    fs.existsSync(file),
  );
}

/**
 * Makes sure of what is named, installing what is missing where that is allowed.
 *
 * @param {readonly SystemNeedName[]} names
 * @returns {Promise<string[]>} what is still missing, each in words with what to do; empty when all is there
 */
export async function ensureSystem(names) {
  const missing = names.filter((name) => !needs[name].isPresent());
  if (missing.length === 0) return [];
  const packages = missing.flatMap((name) => needs[name].packages);
  if (!onPath('apt-get')) {
    return missing.map(
      (name) => `${needs[name].what} is missing; install it (Debian's name: ${needs[name].packages[0]})`,
    );
  }
  if (process.getuid?.() !== 0) {
    const command = `sudo apt-get install ${packages.join(' ')}`;
    return missing.map((name) => `${needs[name].what} is missing, and only root may install it: ${command}`);
  }
  console.log(`Installing system packages: ${packages.join(' ')} …`);
  const problem = await install(packages);
  return names
    .filter((name) => !needs[name].isPresent())
    .map((name) => `${needs[name].what} is missing, and apt-get could not install it. ${problem}`);
}

/**
 * @param {string[]} packages
 * @returns {Promise<string>} apt's last words when it failed, else nothing
 */
async function install(packages) {
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  // Another apt-get may be at work; waiting for it is better than failing.
  const flags = ['-q', '-y', '-o', 'DPkg::Lock::Timeout=300', '-o', 'Dpkg::Use-Pty=0'];
  for (const args of [
    ['update', ...flags],
    ['install', '--no-install-recommends', ...flags, ...packages],
  ]) {
    const result = await run('apt-get', args, { env, output: 'capture', timeoutMs: 15 * 60_000 });
    if (result.code !== 0) return `apt-get ${args[0]} said:\n${result.output.slice(-2_000)}`;
  }
  return '';
}

/**
 * @param {string} program
 * @returns {boolean}
 */
function onPath(program) {
  return (process.env['PATH'] ?? '')
    .split(path.delimiter)
    .some(
      (folder) =>
        folder !== '' && ['', '.exe', '.cmd', '.bat'].some((end) => fs.existsSync(path.join(folder, program + end))),
    );
}

/**
 * @param {string} folder
 * @returns {boolean}
 */
function hasFont(folder) {
  if (!fs.existsSync(folder)) return false;
  return fs.readdirSync(folder, { recursive: true }).some((name) => /\.(ttf|otf|ttc)$/i.test(String(name)));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const missing = await ensureSystem(['erlang', 'elixir', 'chromium', 'fonts']);
  for (const line of missing) console.error(line);
  if (missing.length === 0) console.log('Every system package is there.');
  process.exitCode = missing.length === 0 ? 0 : 1;
}
