// `npm start`: from a bare clone to the real VS Code workbench with a live system in its sidebar. Needs Node and a
// package registry; uses nothing but Node until it has installed the rest.
//
//   npm start                                    desktop VS Code if there is one, else the workbench in a browser
//   npm start -- --browser                       the workbench in a browser in any case
//   npm start -- --connect NODE --cookie-file F  a real node in place of the simulated cluster
//   npm start -- --check [--connect …]           the same without a window: proves that the trees fill; exit 0 or 1
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { findDesktopCode, openInBrowser } from './lib/desktop.mjs';
import { installPackages } from './lib/packages.mjs';
import { cacheDir, inProject, projectRoot } from './lib/paths.mjs';
import { run } from './lib/processes.mjs';
import { ensureSystem } from './system.mjs';
import { copyWorkspace, startBrowser, startServer, workbenchUrl } from '../test/harness/workbench.mjs';

const usage = `npm start -- [--browser] [--connect NODE --cookie-file FILE] [--folder DIR]
             [--check [--timeout SECONDS] [--picture FILE.png]]`;
/** The workbench opens with Arsenal's views in its side bar. */
const showViews = { ARSENAL_SHOW_VIEW: '1' };
const demoWorkspace = inProject('test', 'fixtures', 'demo-workspace');

/** A failure that has been said in words already, or needs no trace. */
class Refused extends Error {}

/** What was asked for, or exit 2. */
function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        check: { type: 'boolean', default: false },
        browser: { type: 'boolean', default: false },
        connect: { type: 'string' },
        'cookie-file': { type: 'string' },
        folder: { type: 'string' },
        timeout: { type: 'string', default: '90' },
        picture: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) {
      console.log(usage);
      process.exit(0);
    }
    if ((values.connect === undefined) !== (values['cookie-file'] === undefined)) {
      throw new TypeError('--connect and --cookie-file belong together');
    }
    if (!(Number(values.timeout) > 0)) throw new TypeError('--timeout takes a number of seconds above 0');
    return values;
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    process.exit(2);
  }
}

/**
 * What the extension connects to as it starts, as the user setting it reads.
 *
 * @param {string | undefined} node
 * @param {string | undefined} cookieFile
 */
function connectSettings(node, cookieFile) {
  const target =
    node === undefined || cookieFile === undefined
      ? { kind: 'simulated' }
      : { kind: 'beam', node, cookieFile: path.resolve(cookieFile) };
  return { 'arsenal.connect.onStart': target };
}

/** Installs and builds; refuses with the reason. */
async function prepare() {
  if (!(await installPackages())) throw new Refused();
  const build = await run(process.execPath, [inProject('scripts', 'build.mjs')], { cwd: projectRoot });
  if (build.code !== 0) throw new Refused();
}

/**
 * Opens desktop VS Code with a profile of its own: the user's settings and extensions stay as they are.
 *
 * @param {string} program
 * @param {string} folder
 * @param {Record<string, unknown>} settings
 */
async function openDesktop(program, folder, settings) {
  const profile = path.join(cacheDir, 'desktop-profile');
  fs.mkdirSync(path.join(profile, 'User'), { recursive: true });
  fs.writeFileSync(path.join(profile, 'User', 'settings.json'), JSON.stringify(settings, undefined, 2));
  console.log(`Opening VS Code (${program}) on ${folder} …`);
  const args = ['--new-window', '--disable-workspace-trust', `--user-data-dir=${profile}`];
  const result = await run(program, [...args, `--extensionDevelopmentPath=${projectRoot}`, folder], { env: showViews });
  if (result.code !== 0) throw new Refused(`${program} ended with ${result.code}; try npm start -- --browser`);
}

/**
 * Serves the workbench until it is ended.
 *
 * @param {string} folder
 * @param {Record<string, unknown>} settings
 */
async function serve(folder, settings) {
  const server = await startServer({
    settings,
    extension: projectRoot,
    env: showViews,
    dataDir: path.join(cacheDir, 'workbench-profile'),
  });
  const url = workbenchUrl(server, { folder });
  console.log(`\nThe workbench is up (this address is its key; it answers this machine only):\n\n  ${url}\n`);
  console.log('End it with Ctrl-C.');
  openInBrowser(url);
  // The server is our child: it ends with us, and we with it.
  await server.ended;
}

/**
 * @param {string} folder
 * @param {Record<string, unknown>} settings
 * @param {{connect: string | undefined, timeoutMs: number, picture: string | undefined}} options
 */
async function check(folder, settings, options) {
  const missing = await ensureSystem(['chromium', 'fonts']);
  if (missing.length > 0) throw new Refused(missing.join('\n'));
  const { checkTrees } = await import('../test/harness/startCheck.mjs');
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-check-'));
  const server = await startServer({
    settings,
    extension: projectRoot,
    env: { ...showViews, ARSENAL_HOME: path.join(scratch, 'home') },
  });
  try {
    const { browser, page } = await startBrowser({ height: 1000 });
    try {
      const startedAt = Date.now();
      await page.goto(workbenchUrl(server, { folder }), { waitUntil: 'commit' });
      const complaints = await checkTrees(page, { node: options.connect, timeoutMs: options.timeoutMs });
      const picture =
        options.picture ??
        (complaints.length > 0 ? path.join(os.tmpdir(), `arsenal-check-${process.pid}.png`) : undefined);
      if (picture !== undefined) {
        await page.screenshot({ path: picture });
        console.log(`\nPicture: ${picture}`);
      }
      const seconds = Math.round((Date.now() - startedAt) / 1_000);
      if (complaints.length > 0)
        throw new Refused(`\nThe check failed after ${seconds} s.\n  ${complaints.join('\n  ')}`);
      console.log(`\nThe check passed in ${seconds} s.`);
    } finally {
      await browser.close();
    }
  } finally {
    await server.stop();
    fs.rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
  }
}

const wanted = readArguments();
try {
  await prepare();
  const settings = connectSettings(wanted.connect, wanted['cookie-file']);
  if (wanted.check) {
    const folder = copyWorkspace(wanted.folder ?? demoWorkspace);
    try {
      await check(folder, settings, {
        connect: wanted.connect,
        timeoutMs: Number(wanted.timeout) * 1_000,
        picture: wanted.picture,
      });
    } finally {
      fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    }
  } else {
    // Kept between starts: what a user writes there is still there tomorrow.
    const kept = path.join(cacheDir, 'demo');
    const folder = wanted.folder ?? (fs.existsSync(kept) ? kept : copyWorkspace(demoWorkspace, kept));
    const desktop = wanted.browser ? undefined : findDesktopCode();
    if (desktop === undefined) await serve(folder, settings);
    else await openDesktop(desktop, folder, settings);
  }
} catch (error) {
  console.error(error instanceof Refused ? error.message : error);
  process.exitCode = 1;
}
