/**
 * State machines and event managers that nobody has seen yet, on the Erlang/OTP that is here and on the embedded runtime; and those that
 * are recorded. `ARSENAL_RECORD=1 npx vitest run --project beam test/machines` records them anew; `ARSENAL_SEED` runs from a seed.
 */
import { describe, expect, it } from 'vitest';
import { eventsText, makeEvents, runEventsHere } from './events.ts';
import type { Kind } from './golden.ts';
import { digest, golden, record, recordedSeeds } from './golden.ts';
import { runOnOtp } from './otp.ts';
import { makeScenario, runHere, scenarioText } from './scenarios.ts';

const count = process.env['ARSENAL_PROVE'] === '1' ? 10_000 : 500;

type Way = { readonly text: (seed: number) => string; readonly here: (seed: number) => string };
const ways: { readonly [kind in Kind]: Way } = {
  machines: { text: (seed) => scenarioText(makeScenario(seed)), here: (seed) => runHere(makeScenario(seed)) },
  events: { text: (seed) => eventsText(makeEvents(seed)), here: (seed) => runEventsHere(makeEvents(seed)) },
};

describe.each<[string, Kind]>([
  ['gen_statem handles, postpones, inserts and times events', 'machines'],
  ['gen_event adds, asks, swaps and ends handlers', 'events'],
])('%s', (_what, kind) => {
  it('as OTP does', async () => {
    const from = Number(process.env['ARSENAL_SEED'] ?? Math.floor(Math.random() * 1_000_000_000));
    const seeds = Array.from({ length: count }, (_, at) => from + at);
    const lines = await runOnOtp(kind, seeds.map(ways[kind].text));
    const different = seeds.flatMap((seed, at) => {
      const here = ways[kind].here(seed);
      return here === lines[at] ? [] : [{ seed, otp: lines[at], here }];
    });
    expect(different.slice(0, 2), `${different.length} of ${count} differ`).toEqual([]);
  }, 600_000);

  it('on this OTP as it is recorded', async () => {
    const digests = (await runOnOtp(kind, recordedSeeds(kind).map(ways[kind].text))).map(digest);
    if (process.env['ARSENAL_RECORD'] === '1') record(kind, digests);
    expect(golden(kind)).toEqual(digests);
  }, 300_000);
});
