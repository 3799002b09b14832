/**
 * Scenarios on the `ets` of the Erlang/OTP that is here. Always the same ones: a drawn one can make the emulator of OTP 25 read behind its
 * own terms and end (seed 2010905 does), which says nothing of ours. Others: `npm run differential -- check ets FROM COUNT`.
 */
import path from 'node:path';
import { expect, it } from 'vitest';
import { difference } from './etsCompare.ts';
import { runOnOtp } from './etsOtp.ts';
import { runOurs } from './etsOurs.ts';
import { etsScenario } from './etsScenarios.ts';

const count = process.env['ARSENAL_PROVE'] === '1' ? 4000 : 200;
const firstSeed = 10_001;

it('answers every call as the ets of this OTP does', async () => {
  const scenarios = Array.from({ length: count }, (_, at) => etsScenario(firstSeed + at));
  const logs = await runOnOtp(scenarios, path.join(import.meta.dirname, 'ets_differential.erl'));
  const different = scenarios.flatMap((scenario, at) => difference(scenario, logs[at] ?? [], runOurs(scenario)) ?? []);
  expect(different).toEqual([]);
}, 300_000);
