// Runs test/editor/ by mocha inside the extension host of the real workbench.
//
//   node test/harness/editorSuite.mjs [--folder DIR] [--extension DIR] [--tests FILE] [--grep TEXT] [--timeout SECONDS]
//                                     [--json FILE] [--verbose]
//
// An exit code of the extension host proves nothing (one that called process.exit(3) was reported as 0). What counts
// is the report that test/editor/index.ts writes when mocha has ended: without it the suite has failed.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { format, parseArgs } from 'node:util';
import { inProject, projectRoot } from '../../scripts/lib/paths.mjs';
import { copyWorkspace, startBrowser, startServer, workbenchUrl } from './workbench.mjs';

/** @typedef {{title: string, state: 'passed' | 'failed' | 'pending', durationMs?: number, error?: string}} EditorTest */
/** @typedef {{passed: number, failed: number, tests: EditorTest[], problem?: string}} EditorSuiteResult */

/**
 * @typedef {object} EditorSuiteOptions
 * @property {string} [folder]     copied and opened; the demo workspace if not given
 * @property {string} [extension]  the extension's folder; this project if not given
 * @property {string} [tests]      the bundled entry; out/test/editor/index.js if not given
 * @property {string} [grep]       runs only tests whose title matches
 * @property {number} [timeoutMs]
 * @property {NodeJS.ProcessEnv} [env]
 * @property {Record<string, unknown>} [settings]  user settings of the workbench
 * @property {boolean} [verbose]   prints what the workbench logs as it comes
 */

/**
 * Runs the suite and prints each test as it stands in the report.
 *
 * @param {EditorSuiteOptions} [options]
 * @returns {Promise<EditorSuiteResult>} a suite that never reported has one failure, and `problem` says which
 */
export async function runEditorSuite(options = {}) {
  const timeoutMs = options.timeoutMs ?? 12 * 60_000;
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-editor-'));
  const report = path.join(scratch, 'report.json');
  const folder = copyWorkspace(
    options.folder ?? inProject('test', 'fixtures', 'demo-workspace'),
    path.join(scratch, 'workspace'),
  );
  const server = await startServer({
    env: {
      ARSENAL_TEST_REPORT: report,
      ARSENAL_TEST_GREP: options.grep ?? '',
      // State of the machine's user is none of a test's business.
      ARSENAL_HOME: path.join(scratch, 'home'),
      ...options.env,
    },
    ...(options.settings === undefined ? {} : { settings: options.settings }),
  });
  const { browser, page } = await startBrowser();
  /** @type {string[]} what the workbench and the tests printed; shown when something failed */
  const said = [];
  try {
    /** @type {(reason: string | undefined) => void} */
    let end = () => {};
    /** @type {Promise<string | undefined>} */
    const ended = new Promise((resolve) => {
      end = resolve;
    });
    await page.exposeFunction('codeAutomationLog', (/** @type {string} */ _level, /** @type {unknown[]} */ args) => {
      said.push(format(...args));
      if (options.verbose === true) console.log(...args);
    });
    await page.exposeFunction('codeAutomationExit', () => end(undefined));
    page.on('pageerror', (error) => console.error('page error:', error.message));
    page.on('crash', () => end('the page crashed'));
    const timer = setTimeout(() => end(`it did not end within ${timeoutMs / 1_000} s`), timeoutMs);
    await page.goto(
      workbenchUrl(server, {
        folder,
        extension: options.extension ?? projectRoot,
        tests: options.tests ?? inProject('out', 'test', 'editor', 'index.js'),
      }),
    );
    const problem = await ended;
    clearTimeout(timer);
    const result = readReport(report, problem);
    for (const test of result.tests) printTest(test);
    if (result.failed > 0) {
      if (options.verbose !== true) console.error(said.join('\n'));
      const shot = path.join(os.tmpdir(), `arsenal-editor-failure-${process.pid}.png`);
      await page.screenshot({ path: shot });
      if (result.problem !== undefined) console.error(`The editor suite is not complete: ${result.problem}`);
      console.error(`What the workbench showed at the end: ${shot}`);
      keepLogs(server.dataDir);
    }
    return result;
  } finally {
    await browser.close();
    await server.stop();
    fs.rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
  }
}

/**
 * @param {string} file
 * @param {string | undefined} problem
 * @returns {EditorSuiteResult}
 */
function readReport(file, problem) {
  if (!fs.existsSync(file)) {
    return {
      passed: 0,
      failed: 1,
      tests: [],
      problem: problem ?? 'no report was written: the tests never ran to their end',
    };
  }
  /** @type {EditorTest[]} */
  const tests = JSON.parse(fs.readFileSync(file, 'utf8')).tests;
  const passed = tests.filter((test) => test.state === 'passed').length;
  const failed = tests.filter((test) => test.state === 'failed').length;
  if (problem === undefined && passed + failed === 0) problem = 'no test ran';
  if (problem === undefined) return { passed, failed, tests };
  return { passed, failed: failed + 1, tests, problem };
}

/** @param {EditorTest} test */
function printTest(test) {
  const mark = { passed: '✓', failed: '✗', pending: '-' }[test.state];
  const duration = test.durationMs === undefined ? '' : ` (${test.durationMs} ms)`;
  console.log(`${mark} ${test.title}${duration}${test.error === undefined ? '' : `\n${test.error}`}`);
}

/**
 * Prints what the extension host and the language server logged, where a failure mostly explains itself.
 *
 * @param {string} dataDir
 */
function keepLogs(dataDir) {
  const logs = fs
    .readdirSync(dataDir, { recursive: true, withFileTypes: true })
    .filter(
      (entry) =>
        entry.isFile() && /arsenal.*\.log$/i.test(path.relative(dataDir, path.join(entry.parentPath, entry.name))),
    );
  for (const entry of logs) {
    const text = fs.readFileSync(path.join(entry.parentPath, entry.name), 'utf8');
    if (text !== '') console.error(`--- ${entry.name}\n${text.slice(-8_000)}`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      folder: { type: 'string' },
      extension: { type: 'string' },
      tests: { type: 'string' },
      grep: { type: 'string' },
      timeout: { type: 'string' },
      json: { type: 'string' },
      verbose: { type: 'boolean', default: false },
    },
  });
  const { timeout, json, ...paths } = values;
  const result = await runEditorSuite({
    ...paths,
    ...(timeout === undefined ? {} : { timeoutMs: Number(timeout) * 1_000 }),
  });
  if (json !== undefined) fs.writeFileSync(json, JSON.stringify(result));
  console.log(`editor: ${result.passed} passed, ${result.failed} failed`);
  process.exit(result.failed === 0 ? 0 : 1);
}
