// The one entry for mocha in the extension host: of the workbench (test/harness/editorSuite.mjs) and of desktop
// VS Code (test/runElectron.ts). Bundled to out/test/editor/index.js beside the tests.
import * as fs from 'node:fs';
import * as path from 'node:path';
import * as v8 from 'node:v8';

/** Above what each wait of a test may take (`until`), so that the wait says what did not come. */
const testTimeoutMs = 180_000;

interface TestReport {
  readonly title: string;
  readonly state: 'passed' | 'failed' | 'pending';
  readonly durationMs?: number;
  readonly error?: string;
}

/**
 * Runs every bundled `*.test.js` beside this file and writes a JSON report to `ARSENAL_TEST_REPORT`. The report, not
 * the exit code, says what became of the suite.
 *
 * @throws {Error} when a test failed, as VS Code's test runners want it
 */
export async function run(): Promise<void> {
  const { default: Mocha } = await import('mocha');
  const grep = process.env['ARSENAL_TEST_GREP'];
  const mocha = new Mocha({ ui: 'bdd', color: false, timeout: testTimeoutMs, ...(grep ? { grep } : {}) });
  const files = fs.readdirSync(__dirname).filter((name) => name.endsWith('.test.js'));
  for (const name of files.sort()) mocha.addFile(path.join(__dirname, name));

  const tests: TestReport[] = [];
  const failures = await new Promise<number>((resolve) => {
    const runner = mocha.run(resolve);
    runner.on('pass', (test) =>
      tests.push({ title: test.fullTitle(), state: 'passed', durationMs: test.duration ?? 0 }),
    );
    runner.on('pending', (test) => tests.push({ title: test.fullTitle(), state: 'pending' }));
    runner.on('fail', (test, error: Error) =>
      tests.push({ title: test.fullTitle(), state: 'failed', error: error.stack ?? error.message }),
    );
  });

  const report = process.env['ARSENAL_TEST_REPORT'];
  if (report !== undefined) fs.writeFileSync(report, JSON.stringify({ tests }, undefined, 1));
  // The extension host is ended before it would write its own coverage.
  if (process.env['NODE_V8_COVERAGE'] !== undefined) v8.takeCoverage();
  if (failures > 0) throw new Error(`${failures} test(s) failed`);
}
