/**
 * State machines that nobody has seen yet, on the Erlang/OTP that is here and on the embedded runtime; and those that are recorded.
 * `ARSENAL_RECORD=1 npx vitest run --project beam test/machines` records them anew.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { digest, golden, goldenFile, recordedSeeds } from './golden.ts';
import { makeScenario, runHere, scenarioText } from './scenarios.ts';

const run = promisify(execFile);
const count = process.env['ARSENAL_PROVE'] === '1' ? 10_000 : 1000;

/** A line of each machine, as gen_statem ran it. */
async function runOnOtp(seeds: readonly number[]): Promise<readonly string[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'arsenal-machines-'));
  try {
    const file = path.join(folder, 'scenarios.terms');
    writeFileSync(file, seeds.map((seed) => scenarioText(makeScenario(seed))).join(''));
    await run('erlc', ['-o', folder, path.join(import.meta.dirname, 'machines.erl')]);
    const code = `machines:main(${JSON.stringify(file)}), halt().`;
    const options = { maxBuffer: 1_000_000_000, timeout: 280_000, killSignal: 'SIGKILL' } as const;
    const { stdout } = await run('erl', ['+S', '1', '-noshell', '-pa', folder, '-eval', code], options);
    return stdout.trimEnd().split('\n');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('gen_statem', () => {
  it('handles, postpones, inserts and times events as OTP does', async () => {
    const from = Number(process.env['ARSENAL_SEED'] ?? Math.floor(Math.random() * 1_000_000_000));
    const seeds = Array.from({ length: count }, (_, at) => from + at);
    const lines = await runOnOtp(seeds);
    const different = seeds.flatMap((seed, at) => {
      const here = runHere(makeScenario(seed));
      return here === lines[at] ? [] : [{ seed, otp: lines[at], here }];
    });
    expect(different.slice(0, 3), `${different.length} of ${count} differ`).toEqual([]);
  }, 300_000);

  it('is on this OTP as it is recorded', async () => {
    const digests = (await runOnOtp(recordedSeeds)).map(digest);
    if (process.env['ARSENAL_RECORD'] === '1') writeFileSync(goldenFile, `${JSON.stringify(digests, null, 2)}\n`);
    expect(golden()).toEqual(digests);
  }, 300_000);
});
