/**
 * The simulated runtime per second of CPU: what it does alone, against a BEAM with one scheduler, and against the actor libraries
 * of npm. Ours and the BEAM's take turns, so that a busy moment of the machine hits both; each figure is a median of medians.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { figures } from '../measure.ts';
import type { Bench } from './children.ts';
import { startBench } from './children.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await startBench();
});
afterAll(() => bench.dispose());

const turns = 3;

async function inTurns(tasks: { readonly [name: string]: () => Promise<number> }): Promise<Map<string, number>> {
  const taken = new Map<string, number[]>();
  for (let turn = 0; turn < turns; turn += 1) {
    for (const [name, task] of Object.entries(tasks)) taken.set(name, [...(taken.get(name) ?? []), await task()]);
  }
  return new Map([...taken].map(([name, values]) => [name, median(values)]));
}

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN;
}

const ours = (work: string, count: number) => async (): Promise<number> =>
  (await bench.ours('subject', [work, String(count)])).perSecond ?? Number.NaN;
const beam = (work: string, count: number) => async (): Promise<number> =>
  (await bench.beam(work, count)).perSecond ?? Number.NaN;

/** Of each work: how often we do it in a run, and the BEAM. */
const works = [
  ['ping_pong', 1_000_000, 500_000],
  ['call', 300_000, 200_000],
  ['cast', 1_000_000, 500_000],
  ['flood', 3_000_000, 1_000_000],
  ['copied', 1_000_000, 500_000],
  ['spawn_exit_handler', 300_000, 200_000],
  ['spawn_exit_generator', 300_000, 200_000],
] as const;

it.each(works)('%s, per second of CPU, beside a BEAM on one scheduler', async (work, count, beamCount) => {
  const rates = await inTurns({ ours: ours(work, count), beam: beam(work, beamCount) });
  const [our, other] = [rates.get('ours') ?? Number.NaN, rates.get('beam') ?? Number.NaN];
  figures(work, { 'ours a second': our, 'BEAM a second': other, 'ours to BEAM': our / other });
  expect(our).toBeGreaterThan(0);
});

it('calls over a backlog of 100,000 messages, beside calls over none', async () => {
  const rates = await inTurns({ none: ours('call', 400_000), backlog: ours('call_over_backlog', 400_000) });
  const [none, backlog] = [rates.get('none') ?? Number.NaN, rates.get('backlog') ?? Number.NaN];
  figures('call over a backlog', { none, backlog, 'backlog to none': backlog / none });
  expect(backlog).toBeGreaterThan(0);
});

it.each([
  ['ping_pong_in_parts', 'ping_pong', 'ping_pong_traced', 1_000_000],
  ['call', 'call', 'call_traced', 300_000],
] as const)('tracing every message of %s, beside what it costs a BEAM', async (plain, ofBeam, traced, count) => {
  const rates = await inTurns({
    plain: ours(plain, count),
    traced: ours(traced, count),
    beamPlain: beam(ofBeam, count / 4),
    beamTraced: beam(traced, count / 4),
  });
  const rate = (name: string): number => rates.get(name) ?? Number.NaN;
  figures(`${plain}, traced`, {
    without: rate('plain'),
    with: rate('traced'),
    'time more, %': (rate('plain') / rate('traced') - 1) * 100,
    'nanoseconds more': 1e9 / rate('traced') - 1e9 / rate('plain'),
    'BEAM: time more, %': (rate('beamPlain') / rate('beamTraced') - 1) * 100,
    'BEAM: nanoseconds more': 1e9 / rate('beamTraced') - 1e9 / rate('beamPlain'),
    'ours traced to BEAM traced': rate('traced') / rate('beamTraced'),
  });
  expect(rate('traced')).toBeGreaterThan(0);
});

it('a drawn schedule: messages taken a second of CPU', async () => {
  const rates = await inTurns({ drawn: ours('drawn_schedule', 1_000_000) });
  figures('deterministic', { 'events a second': rates.get('drawn') ?? Number.NaN });
  expect(rates.get('drawn')).toBeGreaterThan(0);
});

it.each([100_000, 1_000_000])('memory of %i idle processes', async (count) => {
  const taken = await bench.ours('memory', [String(count)]);
  const { bytesEach = Number.NaN, residentBytes = Number.NaN } = taken;
  figures(`${count} idle processes`, { 'bytes each': bytesEach, 'resident MB in all': residentBytes / 1e6 });
  expect(bytesEach).toBeGreaterThan(0);
});

it('an idle cluster of three nodes', async () => {
  const { percent = Number.NaN } = await bench.ours('idle', ['10']);
  figures('idle', { '% of one CPU': percent });
  expect(percent).toBeLessThan(100);
});

const peers = [
  ['nact', 'ping_pong', 50_000],
  ['xstate', 'ping_pong', 200_000],
  ['effect', 'ping_pong', 100_000],
  ['nact', 'call', 20_000],
  ['effect', 'call', 50_000],
  ['nact', 'flood', 100_000],
  ['xstate', 'flood', 200_000],
  ['effect', 'flood', 100_000],
  ['effect', 'spawn_exit_generator', 50_000],
] as const;

it.each(peers)('%s: %s', async (library, work, count) => {
  const theirs = await bench.peer(library, work, count);
  if (theirs === null) {
    console.log('The peers are not installed: npm ci --prefix bench/embedded/peers');
    return;
  }
  const ownCount = works.find(([known]) => known === work)?.[1] ?? count;
  const our = await ours(work, ownCount)();
  const their = theirs.perSecond ?? Number.NaN;
  figures(`${work} of ${library}`, { ours: our, theirs: their, 'ours to theirs': our / their });
  expect(their).toBeGreaterThan(0);
});
