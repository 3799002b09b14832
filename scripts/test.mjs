// `npm test`: installs what is missing, builds, and runs every required suite, to its end even when one has failed.
// Closes with the names of what failed, and a line of its own: "N passed, N failed".
//
// What failed in a suite on live nodes, or in the workbench, is run once more by itself: those share two cores with all that they
// start. What passes then is named as unsteady, with what it said when it failed: it is to be mended, but is no reason to stop.
//
//   node scripts/test.mjs [--only unit,beam,…]
//
// Required is what a clean clone with npm and Debian packages can run; with CI=true one that cannot is a failure.
// Optional suites need what cannot be installed there: each is switched on by its own environment variable.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { installPackages } from './lib/packages.mjs';
import { inProject, projectRoot } from './lib/paths.mjs';
import { run } from './lib/processes.mjs';
import { ensureSystem } from './system.mjs';

/** @typedef {{ test: string, said: string }} Failure */
/** @typedef {{ passed: number, failed: number, problem?: string, failures?: Failure[], unsteady?: Failure[] }} Outcome */
/** @typedef {{ status: string, fullName: string, failureMessages: string[] }} VitestTest */
/** @typedef {{ numPassedTests: number, numFailedTests: number, numFailedTestSuites: number, testResults: { name: string, status: string, message?: string, assertionResults: VitestTest[] }[] }} VitestReport */
/** @typedef {import('./system.mjs').SystemNeedName} SystemNeedName */
/** @typedef {{ name: string, needs: SystemNeedName[], likes?: SystemNeedName[], timeoutMs: number, run: (timeoutMs: number) => Promise<Outcome> }} Suite */
/** @typedef {Suite & { variable: string, value: string, what: string }} OptionalSuite */

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-test-'));
process.on('exit', () => fs.rmSync(scratch, { recursive: true, force: true }));

const minute = 60_000;
/** The long forms (`npm run prove`) take an hour more. */
const moreMs = process.env['ARSENAL_PROVE'] === '1' ? 60 * minute : 0;
/** @type {Suite[]} */
const required = [
  { name: 'check', needs: [], timeoutMs: 12 * minute, run: (timeoutMs) => script('check.mjs', [], timeoutMs) },
  {
    name: 'unit',
    needs: [],
    timeoutMs: 20 * minute + moreMs,
    run: (timeoutMs) => vitest('unit', ['--coverage'], timeoutMs),
  },
  {
    name: 'beam',
    needs: ['erlang', 'elixir'],
    // Without it some of its tests are skipped.
    likes: ['rebar3'],
    timeoutMs: 12 * minute + moreMs,
    run: (timeoutMs) => twice((again) => vitest('beam', again, timeoutMs)),
  },
  {
    name: 'editor',
    needs: ['chromium', 'fonts', 'erlang', 'elixir'],
    timeoutMs: 12 * minute,
    run: (timeoutMs) => twice(() => editor(timeoutMs)),
  },
  { name: 'start', needs: ['chromium', 'fonts', 'erlang', 'elixir'], timeoutMs: 8 * minute, run: startChecks },
  {
    name: 'e2e',
    needs: ['chromium', 'fonts', 'erlang', 'elixir'],
    timeoutMs: 15 * minute,
    run: (timeoutMs) => twice((again) => vitest('e2e', again, timeoutMs)),
  },
  {
    name: 'package',
    needs: [],
    timeoutMs: 3 * minute,
    run: (timeoutMs) => script('package.mjs', ['--check'], timeoutMs),
  },
];
/** @type {OptionalSuite[]} */
const optional = [
  {
    name: 'electron',
    variable: 'ARSENAL_TEST_ELECTRON',
    value: '1',
    what: 'the in-editor suite in desktop VS Code, which is downloaded',
    needs: [],
    timeoutMs: 15 * minute,
    run: async (timeoutMs) =>
      single(await run(process.execPath, [inProject('out', 'test', 'runElectron.js')], { timeoutMs })),
  },
  {
    name: 'horde',
    variable: 'ARSENAL_TEST_HORDE_EBIN',
    value: ['DIR', 'DIR'].join(path.delimiter),
    what: 'the beam suites on real Horde and libcluster: the ebin folders of both and of what they need',
    needs: ['erlang', 'elixir'],
    timeoutMs: 12 * minute,
    run: (timeoutMs) => vitest('beam', ['test/beam/horde.beam.test.ts', 'test/local/overlay.beam.test.ts'], timeoutMs),
  },
  {
    name: 'otps',
    variable: 'ARSENAL_TEST_OTPS',
    value: ['DIR', 'DIR'].join(path.delimiter),
    what: 'the beam suite on other OTP releases: folders that hold their erl, and an elixir that runs on it',
    needs: [],
    timeoutMs: 12 * minute,
    run: otherOtps,
  },
];

const { values } = parseArgs({ options: { only: { type: 'string' } } });
const only = values.only?.split(',');
const unknown = only?.filter((name) => ![...required, ...optional].some((suite) => suite.name === name)) ?? [];
if (unknown.length > 0) {
  console.error(
    `There is no suite ${unknown.join(', ')}. There are: ${[...required, ...optional].map(({ name }) => name).join(', ')}.`,
  );
  process.exit(2);
}

if (!(await installPackages())) process.exit(1);
const build = await run(process.execPath, [inProject('scripts', 'build.mjs')], { cwd: projectRoot });
if (build.code !== 0) process.exit(1);

const total = { passed: 0, failed: 0 };
const summary = [];
/** @type {string[]} */
const failures = [];
/** @type {string[]} */
const unsteady = [];
for (const suite of required.filter(({ name }) => only?.includes(name) ?? true)) summary.push(await runSuite(suite));
for (const suite of optional) {
  if ((process.env[suite.variable] ?? '') !== '') summary.push(await runSuite(suite));
  else if (only === undefined)
    summary.push(`- ${suite.name}: off (${suite.what}); set ${suite.variable}=${suite.value} to run it`);
}
for (const [heading, lines] of /** @type {const} */ ([
  ['Failed', failures],
  ['Unsteady: failed, and passed when run again by itself', unsteady],
])) {
  if (lines.length > 0) console.log(`\n${heading}:\n${lines.map((line) => `  ${line}`).join('\n')}`);
}
console.log(`\n${summary.join('\n')}\n`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed === 0 ? 0 : 1);

/**
 * @param {Suite} suite
 * @returns {Promise<string>} a line for the summary
 */
async function runSuite(suite) {
  console.log(`\n=== ${suite.name}`);
  const missing = await ensureSystem(suite.needs);
  if (missing.length > 0) {
    for (const line of missing) console.error(line);
    if (process.env['CI'] !== 'true') return `- ${suite.name}: cannot run here; see above for what is missing`;
    total.failed += 1;
    return `✗ ${suite.name}: could not run; see above for what is missing`;
  }
  for (const line of await ensureSystem(suite.likes ?? [])) console.log(line);
  const startedAt = Date.now();
  const { passed, failed, problem, ...named } = await suite.run(suite.timeoutMs);
  const seconds = Math.round((Date.now() - startedAt) / 1_000);
  total.passed += passed;
  total.failed += failed;
  failures.push(...(named.failures ?? []).map(({ test, said }) => `${suite.name}: ${test}: ${said}`));
  unsteady.push(...(named.unsteady ?? []).map(({ test, said }) => `${suite.name}: ${test}: ${said}`));
  const words = problem === undefined ? '' : `; ${problem}`;
  return `${failed === 0 ? '✓' : '✗'} ${suite.name}: ${passed} passed, ${failed} failed in ${seconds} s${words}`;
}

/**
 * A program that is one test: it passes when it exits 0.
 *
 * @param {import('./lib/processes.mjs').RunResult} result
 * @returns {Outcome}
 */
function single({ code, timedOut }) {
  if (code === 0) return { passed: 1, failed: 0 };
  return { passed: 0, failed: 1, problem: timedOut ? 'it did not end in time' : `it exited ${code}` };
}

/**
 * @param {string} name
 * @param {string[]} args
 * @param {number} timeoutMs
 */
async function script(name, args, timeoutMs) {
  return single(await run(process.execPath, [inProject('scripts', name), ...args], { cwd: projectRoot, timeoutMs }));
}

/**
 * @param {string} project
 * @param {string[]} args
 * @param {number} timeoutMs
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Promise<Outcome & { files?: string[] }>}
 */
async function vitest(project, args, timeoutMs, env = {}) {
  const report = path.join(scratch, `${project}.json`);
  fs.rmSync(report, { force: true });
  const result = await run(
    process.execPath,
    [
      inProject('node_modules', 'vitest', 'vitest.mjs'),
      ...['run', '--project', project, '--reporter', 'default', '--reporter', 'json', '--outputFile.json', report],
      ...args,
    ],
    { cwd: projectRoot, timeoutMs, env },
  );
  if (!fs.existsSync(report)) return single({ ...result, code: result.code === 0 ? 1 : result.code });
  /** @type {VitestReport} */
  const said = JSON.parse(fs.readFileSync(report, 'utf8'));
  const { numPassedTests: passed, numFailedTests, numFailedTestSuites } = said;
  const broken = brokenFiles(said);
  // A file that could not be loaded, a coverage threshold or an unhandled rejection fails the run without a failed test.
  const failed = numFailedTests > 0 || result.code === 0 ? numFailedTests : 1;
  if (result.code === 0 && passed === 0) return { passed, failed: 1, problem: 'no test ran' };
  if (failed > numFailedTests) {
    return {
      passed,
      failed,
      ...broken,
      problem: `it exited ${result.code} (${numFailedTestSuites} files, coverage or a stray rejection)`,
    };
  }
  return { passed, failed, ...broken };
}

/**
 * Which tests failed, and in which files; a file that could not be loaded has failed as a whole.
 *
 * @param {VitestReport} report
 */
function brokenFiles({ testResults }) {
  const failed = testResults.filter(({ status }) => status === 'failed');
  const failures = failed.flatMap(({ name, message = '', assertionResults }) => {
    const file = path.relative(projectRoot, name);
    const tests = assertionResults
      .filter(({ status }) => status === 'failed')
      .map(({ fullName, failureMessages }) => ({
        test: `${file}: ${fullName}`,
        said: firstLine(failureMessages[0] ?? ''),
      }));
    return tests.length > 0 ? tests : [{ test: file, said: firstLine(message) }];
  });
  return { failures, files: failed.map(({ name }) => path.relative(projectRoot, name)) };
}

/** @param {string} text */
function firstLine(text) {
  return text.split('\n', 1)[0] ?? '';
}

/**
 * Runs a suite, and what failed in it once more; `again` are the files to run, none for all.
 *
 * @param {(again: string[]) => Promise<Outcome & { files?: string[] }>} runOnce
 * @returns {Promise<Outcome>}
 */
async function twice(runOnce) {
  const { files = [], ...first } = await runOnce([]);
  // What says no more than that something is wrong (time was up, no test ran) is not tried again.
  if (first.failed === 0 || first.failed !== first.failures?.length) return first;
  console.log(`\n--- once more, what failed: ${files.length === 0 ? 'the suite' : files.join(', ')}`);
  const second = await runOnce(files);
  const total = first.passed + first.failed;
  const failed = second.failed;
  return {
    passed: total - failed,
    failed,
    ...(second.problem !== undefined && { problem: second.problem }),
    failures: second.failures ?? [],
    unsteady: first.failures.filter(({ test }) => !second.failures?.some((other) => other.test === test)),
  };
}

/** @param {number} timeoutMs */
async function editor(timeoutMs) {
  const report = path.join(scratch, 'editor.json');
  const seconds = String(Math.floor((timeoutMs - minute) / 1_000));
  const args = [inProject('test', 'harness', 'editorSuite.mjs'), '--json', report, '--timeout', seconds];
  const result = await run(process.execPath, args, { cwd: projectRoot, timeoutMs });
  if (!fs.existsSync(report)) return single({ ...result, code: result.code === 0 ? 1 : result.code });
  /** @type {import('../test/harness/editorSuite.mjs').EditorSuiteResult} */
  const { passed, failed, problem, tests } = JSON.parse(fs.readFileSync(report, 'utf8'));
  const failures = tests
    .filter(({ state }) => state === 'failed')
    .map(({ title, error }) => ({ test: title, said: firstLine(error ?? '') }));
  return { passed, failed, failures, ...(problem !== undefined && { problem }) };
}

/**
 * `npm start -- --check`, on the simulated cluster and then on a live Elixir node.
 *
 * @param {number} timeoutMs
 * @returns {Promise<Outcome>}
 */
async function startChecks(timeoutMs) {
  const simulated = await script('start.mjs', ['--check'], timeoutMs / 2);
  const { startShop } = await import('../test/fixtures/elixir-shop/start.mjs');
  const shop = await startShop();
  try {
    const args = [
      inProject('scripts', 'start.mjs'),
      '--check',
      '--connect',
      shop.node,
      '--cookie-file',
      shop.cookieFile,
    ];
    const env = { ERL_EPMD_PORT: String(shop.epmdPort) };
    const live = single(await run(process.execPath, args, { cwd: projectRoot, env, timeoutMs: timeoutMs / 2 }));
    return { passed: simulated.passed + live.passed, failed: simulated.failed + live.failed };
  } finally {
    await shop.stop();
  }
}

/**
 * The beam suite once for every folder named, found first on the path.
 *
 * @param {number} timeoutMs  for each
 * @returns {Promise<Outcome>}
 */
async function otherOtps(timeoutMs) {
  const sum = { passed: 0, failed: 0 };
  const problems = [];
  for (const folder of (process.env['ARSENAL_TEST_OTPS'] ?? '').split(path.delimiter)) {
    console.log(`\n--- ${folder}`);
    // Else the suite would run against whatever stands next on the path.
    if (!fs.existsSync(path.join(folder, 'erl'))) {
      sum.failed += 1;
      problems.push(`${folder}: there is no erl in it`);
      continue;
    }
    const env = { PATH: `${path.resolve(folder)}${path.delimiter}${process.env['PATH'] ?? ''}` };
    const { passed, failed, problem } = await vitest('beam', [], timeoutMs, env);
    sum.passed += passed;
    sum.failed += failed;
    if (problem !== undefined) problems.push(`${folder}: ${problem}`);
  }
  return { ...sum, ...(problems.length > 0 && { problem: problems.join('; ') }) };
}
