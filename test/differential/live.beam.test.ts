/** Scenarios that nobody has seen yet, on the Erlang/OTP that is here. The seed is in the report of a failure. */
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { explain } from './explain.ts';
import { found } from './found.ts';
import { makers } from './makers.ts';
import { runOnOtp } from './otp.ts';

const count = process.env['ARSENAL_PROVE'] === '1' ? 2000 : 150;
const source = path.join(import.meta.dirname, 'differential.erl');

/** What is recorded and what may differ between releases belongs to OTP 25. */
function release(): string {
  const code = 'io:put_chars(erlang:system_info(otp_release)), halt().';
  return execFileSync('erl', ['-noshell', '-eval', code], { encoding: 'utf8', timeout: 30_000 });
}

describe('what the differential test has found', () => {
  it('is on this OTP as it was written down', async () => {
    const logs = await runOnOtp(
      found.map(({ scenario }) => scenario),
      source,
    );
    expect(found.map(({ what }, at) => [what, logs[at]])).toEqual(found.map(({ what, otp }) => [what, otp]));
  }, 60_000);
});

describe('fresh scenarios on OTP and here', () => {
  it.each([...makers])(
    '%s: every process sees the same',
    async (_kind, make) => {
      const from = 1_000_000 + Math.floor(Math.random() * 1_000_000_000);
      const scenarios = Array.from({ length: count }, (_, at) => make(from + at));
      const logs = await runOnOtp(scenarios, source);
      const different = scenarios.flatMap((scenario, at) => {
        const verdict = explain(scenario, logs[at] ?? []);
        return verdict.is === 'same' ? [] : [{ seed: scenario.seed, ...verdict.difference }];
      });
      expect(different, `on OTP ${release()}`).toEqual([]);
    },
    300_000,
  );
});
