/**
 * Every operation that looks, with the first of its examples, on three nodes of 10,000 processes each (ARSENAL_BENCH_PROCESSES), simulated
 * and real: how long it takes through the whole pipeline, and whether it succeeds. What acts on one node is meant to take less than
 * 100 ms, what acts on all less than 500, what goes on beside its call answers its id in less than 100 (99th percentile). Beside them stands the bare loop of calls of the pipeline on nothing.
 */
import os from 'node:os';
import { expect, it } from 'vitest';
import { callOptions } from '../runtime/callOptions.ts';
import { startSimulated } from '../runtime/embedded/host.ts';
import type { Runtime } from '../runtime/port.ts';
import { atom } from '../runtime/term/term.ts';
import type { AnyOperation } from '../server/core/operation.ts';
import { isWrite } from '../server/core/operation.ts';
import { at, houseOn, listAt } from '../server/backend/testKit.ts';
import { connectShop } from '../test/beam/shop.ts';
import { buildBundles } from '../test/embedded/bundles.ts';
import { startShop } from '../test/fixtures/elixir-shop/start.mjs';
import { inCatalogue } from '../test/operations/matrix/catalogue.ts';
import { ready } from '../test/operations/matrix/prepared.ts';
import type { Params, Stage } from '../test/operations/matrix/stage.ts';
import { localised, shopNames } from '../test/operations/matrix/stage.ts';
import { valueOf } from '../test/port/results.ts';
import { isJson } from '../server/core/plainData.ts';
import { followedBy } from '../server/protocol/followTrace.ts';
import { percentile } from './measure.ts';

const processes = Number(process.env['ARSENAL_BENCH_PROCESSES'] ?? 10_000);
/** Names of operations, with commas between; all of them when empty. */
const only = (process.env['ARSENAL_BENCH_ONLY'] ?? '').split(',').filter((name) => name !== '');
const mostRuns = 100;
const mostMs = 4_000;

type Example = AnyOperation['examples'][number];
type Row = {
  readonly name: string;
  readonly where: 'one node' | 'all nodes' | 'waits' | 'id';
  readonly times: number[];
  failures: number;
};

/** These look over a stretch of time, and are to answer within their mark all the same. */
const looksTwice: ReadonlySet<string> = new Set(['analyze_deadlocks', 'detect_bottlenecks']);

/** There is one mark for a node, and one for all. */
const ofEachKind: readonly Example[] = [
  { title: 'Of the whole cluster', params: {} },
  { title: 'Of one node', params: { node: 'demo1@sim' } },
];

/** Whether it goes on beside its call, which answers an id. */
function goesOn({ result }: AnyOperation): boolean {
  const schema: unknown = JSON.parse(JSON.stringify(result));
  return followedBy(isJson(schema) ? schema : null) !== null;
}

/** The milliseconds that it waits because it was asked to. */
function waitOf(operation: AnyOperation, given: Params): number {
  if (goesOn(operation) || looksTwice.has(operation.name)) return 0;
  const { params: schema } = operation;
  const waits = ['forMs', 'waitMs', 'sampleMs', 'settleMs'].map((name) => {
    const value: unknown =
      given[name] ?? Object.entries(schema.properties[name] ?? {}).find(([key]) => key === 'default')?.[1];
    return typeof value === 'number' ? value : 0;
  });
  return Math.max(...waits);
}

async function measured(stage: Stage, operation: AnyOperation, example: Example): Promise<Row | null> {
  await stopTraces(stage);
  const params = await ready(stage, operation.name, localised(stage, example.params));
  const first = await stage.run(operation.name, params);
  await stopTraces(stage);
  if (!first.ok && first.error.class === 'unsupported') return null;
  const lookedAt = 'node' in params ? 'one node' : 'all nodes';
  const where = goesOn(operation) ? 'id' : waitOf(operation, params) > 0 ? 'waits' : lookedAt;
  const row: Row = { name: operation.name, where, times: [], failures: 0 };
  const until = performance.now() + mostMs;
  while (row.times.length < mostRuns && (performance.now() < until || row.times.length < 3)) {
    const startedAt = performance.now();
    const answer = await stage.run(operation.name, params);
    row.times.push(performance.now() - startedAt - waitOf(operation, params));
    if (!answer.ok) row.failures += 1;
    // Few may go on at once.
    if (goesOn(operation)) await stopTraces(stage);
  }
  return row;
}

async function stopTraces(stage: Stage): Promise<void> {
  const listed = await stage.run('list_traces', {});
  if (!listed.ok || listed.value.mode !== 'run') return;
  for (const row of listAt(listed.value.result, 'items')) {
    if (at(row, 'running') === true) await stage.run('stop_trace', { trace: at(row, 'trace') });
  }
}

async function table(title: string, stage: Stage): Promise<void> {
  const rows: Row[] = [];
  for (const [, operation] of inCatalogue) {
    // A call is cancelled once.
    if (isWrite(operation) || operation.name === 'cancel_operation') continue;
    if (only.length > 0 && !only.includes(operation.name)) continue;
    for (const example of looksTwice.has(operation.name) ? ofEachKind : operation.examples.slice(0, 1)) {
      const row = await measured(stage, operation, example);
      if (row !== null) rows.push(row);
    }
  }
  const runs = rows.reduce((sum, { times }) => sum + times.length, 0);
  const failures = rows.reduce((sum, row) => sum + row.failures, 0);
  const lines = rows
    .map((row) => ({ ...row, p50: percentile(row.times, 0.5), p99: percentile(row.times, 0.99) }))
    .toSorted((one, other) => other.p99 - one.p99)
    .map(({ name, where, times, p50, p99 }) => {
      const late = p99 > (where === 'one node' || where === 'id' ? 100 : 500) ? '  above its mark' : '';
      return `  ${name.padEnd(28)} ${where.padEnd(9)} p50 ${p50.toFixed(1).padStart(7)} ms  p99 ${p99.toFixed(1).padStart(7)} ms  ${String(times.length)} runs${late}`;
    });
  const load = os.loadavg()[0] ?? Number.NaN;
  console.log(
    [`${title}: ${String(processes)} processes on each of three nodes, load ${load.toFixed(1)}`, ...lines].join('\n'),
  );
  console.log(
    `  ${String(runs - failures)} of ${String(runs)} runs succeeded (${((100 * (runs - failures)) / runs).toFixed(2)} %)`,
  );
  expect(runs).toBeGreaterThan(0);
}

async function idle(runtime: Runtime, nodes: readonly string[]): Promise<void> {
  const forever = { module: 'timer', function: 'sleep', args: [{ term: atom('infinity') }] };
  for (const node of nodes) {
    for (let done = 0; done < processes; done += 100) {
      const starts = Array.from({ length: 100 }, () =>
        runtime.port.processes.start({ node, ...forever }, callOptions(60_000)),
      );
      for (const started of await Promise.all(starts)) valueOf(started);
    }
  }
}

const rateLimits = { burst: 1_000_000, perSecond: 1_000_000 };

it('every operation that looks, on a large simulated cluster', async () => {
  const bundles = await buildBundles();
  const runtime = valueOf(await startSimulated({ id: 'bench', nodes: 3, seed: 7, workerFile: bundles.workerFile }));
  const house = await houseOn(runtime, { rateLimits });
  try {
    const nodes = ['demo1@sim', 'demo2@sim', 'demo3@sim'] as const;
    await idle(runtime, nodes);
    await table('Simulated', { runtime: 'simulated', nodes, names: {}, folder: house.home, run: house.run });
  } finally {
    await house.close();
    await bundles.dispose();
  }
}, 900_000);

// @row NF-01, NF-02, T025.a1, T025.d4
it('every operation that looks, on three large Elixir nodes', async () => {
  const shop = await startShop({ nodes: 3 });
  const house = await houseOn(await connectShop(shop), { rateLimits });
  try {
    const sleepers = `[spawn(timer, sleep, [infinity]) || _ <- lists:seq(1, ${String(processes)})], ok.`;
    for (const node of shop.nodes) await shop.rpc(node, sleepers);
    const [one = '', two = '', three = ''] = shop.nodes;
    const stage = {
      runtime: 'beam',
      nodes: [one, two, three],
      names: shopNames,
      folder: house.home,
      run: house.run,
    } as const;
    await table('Elixir nodes', stage);
  } finally {
    await house.close();
    await shop.stop();
  }
}, 900_000);
