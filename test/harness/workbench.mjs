// Runs VS Code's own server on loopback and a Chromium page on it: the real workbench, as a user sees it.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { start, stop } from '../../scripts/lib/processes.mjs';
import { findChromium } from '../../scripts/system.mjs';
import { setUpWorkbench } from '../../scripts/workbench.mjs';

/**
 * @typedef {object} WorkbenchServer
 * @property {number} port
 * @property {string} token        the connection token; without it the server answers nobody
 * @property {string} dataDir      user settings, logs and installed extensions; removed by stop() unless kept
 * @property {boolean} smoke       whether it was started for tests, see ServerOptions
 * @property {() => string} log    what the server has printed so far
 * @property {Promise<void>} ended  fulfilled when the server has ended, for whatever reason
 * @property {() => Promise<void>} stop  ends the server, its extension hosts and their language servers
 */

/**
 * @typedef {object} ServerOptions
 * @property {Record<string, unknown>} [settings]  user settings, above our quiet defaults
 * @property {NodeJS.ProcessEnv} [env]             seen by the extension host
 * @property {boolean} [smoke]   whether the address may name an extension under development and tests; VS Code then
 *                               shows no notification toasts. Default true
 * @property {string} [vsix]     a packaged extension to install, as users get it
 * @property {string} [extension]  an extension's folder to offer as an installed one, without packaging it first
 * @property {string} [dataDir]  kept between runs; a temporary folder if not given
 */

/** Nothing reaches for a service that is not there, and nothing moves into the picture by itself. */
const quietSettings = {
  'chat.disableAIFeatures': true,
  'extensions.autoCheckUpdates': false,
  'extensions.autoUpdate': false,
  'remote.autoForwardPorts': false,
  'security.workspace.trust.enabled': false,
  'telemetry.telemetryLevel': 'off',
  'workbench.colorTheme': 'Default Dark Modern',
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.startupEditor': 'none',
};

const serverStartTimeoutMs = 60_000;
const askAgainAfterMs = 5_000;

/**
 * Starts the workbench server on a free loopback port, behind a fresh token. Sets the workbench up first if need be.
 *
 * @param {ServerOptions} [options]
 * @returns {Promise<WorkbenchServer>}
 * @throws {Error} with the server's own words when it does not come up within a minute
 */
export async function startServer(options = {}) {
  const workbench = await setUpWorkbench();
  const smoke = options.smoke ?? (options.vsix === undefined && options.extension === undefined);
  const dataDir = options.dataDir ?? fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-workbench-'));
  const userDir = path.join(dataDir, 'user');
  // The page counts as another machine than the server: machine-scoped settings are read from Machine, others from User.
  for (const scope of ['User', 'Machine']) {
    fs.mkdirSync(path.join(userDir, scope), { recursive: true });
    fs.writeFileSync(
      path.join(userDir, scope, 'settings.json'),
      JSON.stringify({ ...quietSettings, ...options.settings }, undefined, 2),
    );
  }
  const extensionsDir = path.join(dataDir, 'extensions');
  if (options.extension !== undefined) linkExtension(options.extension, extensionsDir);
  const token = randomBytes(32).toString('hex');
  const tokenFile = path.join(dataDir, 'token');
  fs.writeFileSync(tokenFile, token, { mode: 0o600 });
  const server = start(
    workbench.node,
    [
      path.join('out', 'server-main.js'),
      ...['--host', '127.0.0.1', '--port', '0', '--connection-token-file', tokenFile],
      ...['--server-data-dir', dataDir, '--user-data-dir', userDir, '--extensions-dir', extensionsDir],
      ...(smoke ? ['--enable-smoke-test-driver'] : []),
      ...(options.vsix === undefined ? [] : ['--install-extension', path.resolve(options.vsix), '--start-server']),
      '--accept-server-license-terms',
      '--disable-telemetry',
      '--disable-experiments',
      '--disable-workspace-trust',
      '--disable-getting-started-override',
      '--disable-update-check',
      '--skip-welcome',
      '--skip-release-notes',
    ],
    {
      cwd: workbench.vscode,
      // NODE_OPTIONS is meant for the Node that runs us; the server's is another release.
      env: { ...process.env, NODE_OPTIONS: '', EXTENSIONS_GALLERY: '{}', ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let log = '';
  /** @type {Promise<void>} */
  const ended = new Promise((resolve) => server.once('exit', () => resolve()));
  const stopServer = async () => {
    await stop(server);
    if (options.dataDir === undefined) fs.rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
  };
  /** @type {Promise<number>} */
  const listening = new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`the workbench server did not start within ${serverStartTimeoutMs / 1_000} s\n${log}`)),
      serverStartTimeoutMs,
    );
    const read = (/** @type {string} */ text) => {
      log += text;
      const port = /Extension host agent listening on (\d+)/.exec(log)?.[1];
      if (port === undefined) return;
      clearTimeout(timer);
      resolve(Number(port));
    };
    server.stdout?.setEncoding('utf8').on('data', read);
    server.stderr?.setEncoding('utf8').on('data', read);
    server.once('error', reject);
    server.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`the workbench server ended with ${String(code)}\n${log}`));
    });
  });
  try {
    return { port: await listening, token, dataDir, smoke, log: () => log, ended, stop: stopServer };
  } catch (error) {
    await stopServer();
    throw error;
  }
}

/**
 * Puts a link where an installed extension would stand, so that the workbench runs the folder as it is.
 *
 * @param {string} extension
 * @param {string} extensionsDir
 */
function linkExtension(extension, extensionsDir) {
  const manifest = JSON.parse(fs.readFileSync(path.join(extension, 'package.json'), 'utf8'));
  fs.rmSync(extensionsDir, { recursive: true, force: true });
  fs.mkdirSync(extensionsDir, { recursive: true });
  const link = path.join(extensionsDir, `${manifest.publisher}.${manifest.name}-${manifest.version}`);
  fs.symlinkSync(path.resolve(extension), link, 'dir');
}

/**
 * @typedef {object} AddressOptions
 * @property {string} folder               the workspace folder
 * @property {string} [extension]          an extension under development (its folder)
 * @property {string} [tests]              the module that runs tests in the extension host
 * @property {Record<string, string>} [environment]  for the extension host
 */

/**
 * The address that opens the workbench on a folder, token included.
 *
 * @param {WorkbenchServer} server
 * @param {AddressOptions} options
 * @returns {string}
 */
export function workbenchUrl(server, options) {
  const remote = (/** @type {string} */ file) =>
    `vscode-remote://127.0.0.1:${server.port}${encodeURI(path.resolve(file))}`;
  const payload = [['skipWelcome', 'true']];
  if (options.extension !== undefined) payload.push(['extensionDevelopmentPath', remote(options.extension)]);
  if (options.tests !== undefined) payload.push(['extensionTestsPath', remote(options.tests)]);
  if (options.environment !== undefined) {
    payload.push(['extensionEnvironment', JSON.stringify(options.environment)]);
  }
  const query = new URLSearchParams({
    tkn: server.token,
    folder: path.resolve(options.folder),
    payload: JSON.stringify(payload),
  });
  return `http://127.0.0.1:${server.port}/?${query.toString()}`;
}

/**
 * @typedef {object} BrowserOptions
 * @property {number} [width]     of the page, in pixels
 * @property {number} [height]
 * @property {boolean} [headless] default true
 */

/**
 * Starts Chromium with one empty page. Playwright ends it when this process ends.
 *
 * @param {BrowserOptions} [options]
 * @returns {Promise<{browser: import('playwright-core').Browser, page: import('playwright-core').Page}>}
 * @throws {Error} when no Chromium is found
 */
export async function startBrowser(options = {}) {
  // Loaded late, because `npm start` reaches this file before the packages are installed.
  const { chromium } = await import('playwright-core');
  const executablePath = findChromium();
  if (executablePath === undefined) {
    throw new Error('no Chromium found. On Debian: apt-get install chromium; elsewhere set ARSENAL_CHROMIUM.');
  }
  const asRoot = process.getuid?.() === 0;
  const browser = await chromium.launch({
    executablePath,
    headless: options.headless ?? true,
    // Chromium refuses to run as root with its sandbox. No GL flags: Playwright's own give WebGL by SwiftShader.
    args: [...(asRoot ? ['--no-sandbox'] : []), '--disable-dev-shm-usage', '--disable-background-networking'],
  });
  const context = await browser.newContext({
    viewport: { width: options.width ?? 1400, height: options.height ?? 900 },
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  return { browser, page: await context.newPage() };
}

/**
 * Copies the demo workspace, so that nothing ever changes the one in the repository.
 *
 * @param {string} source
 * @param {string} [target]  a temporary folder if not given
 * @returns {string} the copy's path
 */
export function copyWorkspace(source, target = fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-workspace-'))) {
  fs.cpSync(source, target, { recursive: true });
  return target;
}

/**
 * Runs a command by its title through the palette. Asks again for a while: a workbench that has just opened may not
 * listen to the keyboard yet, and does not know the commands of extensions it has not read.
 *
 * @param {import('playwright-core').Page} page
 * @param {string} title  as the palette shows it, e.g. `Arsenal: Run Operation…`
 * @param {number} [timeoutMs]
 * @returns {Promise<void>}
 * @throws {Error} when the palette does not offer it in time
 */
export async function runCommand(page, title, timeoutMs = 60_000) {
  const deadline = Date.now() + timeoutMs;
  // The one that Enter takes: before the list has followed what was typed, that is another one.
  const row = page.locator('.quick-input-list .monaco-list-row.focused', { hasText: title });
  for (;;) {
    try {
      await page.keyboard.press('F1');
      const box = page.locator('.quick-input-widget input');
      await box.waitFor({ timeout: askAgainAfterMs });
      // What opens meanwhile can take the focus, and the box with it.
      await box.fill(`>${title}`, { timeout: askAgainAfterMs });
      await row.waitFor({ timeout: askAgainAfterMs });
      break;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await page.keyboard.press('Escape');
    }
  }
  await page.keyboard.press('Enter');
}
