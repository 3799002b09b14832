/**
 * Scenarios on the `ets` of the Erlang/OTP that is here: in `npm run prove` such that nobody has seen yet, otherwise always the same. The
 * seed is in the report of a failure.
 */
import path from 'node:path';
import { expect, it } from 'vitest';
import { difference } from './etsCompare.ts';
import { runOnOtp } from './etsOtp.ts';
import { runOurs } from './etsOurs.ts';
import { etsScenario } from './etsScenarios.ts';

const proves = process.env['ARSENAL_PROVE'] === '1';
const count = proves ? 4000 : 200;
const firstSeed = 10_001;

it('answers every call as the ets of this OTP does', async () => {
  const from = proves ? 1_000_000 + Math.floor(Math.random() * 1_000_000_000) : firstSeed;
  const scenarios = Array.from({ length: count }, (_, at) => etsScenario(from + at));
  const logs = await runOnOtp(scenarios, path.join(import.meta.dirname, 'ets_differential.erl'));
  const different = scenarios.flatMap((scenario, at) => difference(scenario, logs[at] ?? [], runOurs(scenario)) ?? []);
  expect(different).toEqual([]);
}, 300_000);
