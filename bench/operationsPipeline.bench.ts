/** What the pipeline costs beside the port calls an operation makes: processor time, over a fake runtime. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callOptions } from '../runtime/callOptions.ts';
import { createFakeRuntime } from '../runtime/fake/fakeRuntime.ts';
import { ok } from '../runtime/model.ts';
import type { House } from '../server/backend/testKit.ts';
import { bundled, fakeShop, houseOn, temporaryHome } from '../server/backend/testKit.ts';
import { defineOperation } from '../server/core/operation.ts';
import { valueOf } from '../test/port/results.ts';
import { figures } from './measure.ts';
import { calibration, onTop, sideBySide, unlimited } from './pipelineCosts.ts';

const wantedUs = 10;

/** One that needs nothing of a runtime, and writes: its plan, its intent and its outcome are on disk. */
const note = defineOperation({
  name: 'note_it',
  title: 'Note It',
  description: 'Is written down.',
  category: 'sample',
  severity: 'change',
  idempotent: true,
  needs: [],
  params: Type.Object({}),
  result: Type.Object({ noted: Type.Boolean() }),
  examples: [],
  plan: () => Promise.resolve(ok({ summary: 'Note it', touches: [], severity: 'change', undo: 'no', steps: null })),
  apply: () => Promise.resolve(ok({ noted: true })),
});

let house: House;
beforeAll(async () => {
  house = await houseOn(fakeShop(), unlimited);
  valueOf(house.backend.registry.register(note, { from: 'workspace', file: '/bench/note_it.ts' }));
});
afterAll(() => house.close());

/** What the child says, which measures the program as it is shipped. */
async function measuredAsShipped(): Promise<{ readonly [figure: string]: number }> {
  const folder = temporaryHome();
  try {
    const child = fork(await bundled(fileURLToPath(new URL('./pipelineCostsChild.ts', import.meta.url)), folder));
    const exited = once(child, 'exit');
    const [said]: unknown[] = await Promise.race([once(child, 'message'), exited]);
    child.kill();
    await exited;
    if (typeof said !== 'object' || said === null) throw new Error('The child said nothing.');
    return Object.fromEntries(Object.entries(said).map(([figure, us]) => [figure, Number(us)]));
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

describe('the pipeline', () => {
  // @row T016.d4, IV-18
  it('costs little on top of the port’s own call; wanted are 10 µs', async () => {
    const costs = await measuredAsShipped();
    figures('One call (processor µs)', costs);
    expect(costs[onTop]).toBeLessThan(wantedUs * 3);
  });

  it('writes with the audit log on disk', async () => {
    const median = await sideBySide(house, { calibration, write: () => house.run('note_it') }, 50);
    const together = await sideBySide(
      house,
      { calibration, writes: () => Promise.all(Array.from({ length: 100 }, () => house.run('note_it'))) },
      5,
    );
    figures('A write, with its intent and its outcome on disk (processor µs)', {
      'one after the other': median('write'),
      'ratio to the calibration': median('write') / median('calibration'),
      'a hundred at once, each': together('writes') / 100,
      'ratio of that to the calibration': together('writes') / 100 / together('calibration'),
    });
    expect(together('writes') / 100).toBeLessThan(median('write') * 1.5);
  });
});

describe('list_processes', () => {
  // @row T025.a2
  it('costs as much a row of a hundred thousand as of a thousand', async () => {
    const us = new Map<number, { readonly port: number; readonly operation: number }>();
    for (const rows of [1_000, 10_000, 100_000]) {
      const processes = Array.from({ length: rows }, (_, at) => ({ name: `p${at}`, memory: (at * 7919) % 100_003 }));
      const large = createFakeRuntime({ nodes: [{ name: 'a@h', processes }] });
      const home = await houseOn(large, unlimited);
      const query = { nodes: 'all', keys: ['memory'], pageRows: 1000, allowCostly: true } as const;
      const scan = async () => {
        for await (const item of large.port.processes.scan(query, callOptions(60_000))) {
          if (item.is === 'end') valueOf(item.result);
        }
      };
      const list = async () =>
        valueOf(
          await home.run('list_processes', { sort: '-memory', limit: 50, fields: ['memory'], timeoutMs: 60_000 }),
        );
      const median = await sideBySide(home, { scan, list }, Math.max(1, 10_000 / rows));
      us.set(rows, { port: median('scan') / rows, operation: median('list') / rows });
      await home.close();
    }
    const of = (rows: number) => us.get(rows) ?? { port: Number.NaN, operation: Number.NaN };
    figures('list_processes, sorted by memory (processor µs a row)', {
      ...Object.fromEntries(
        [...us].flatMap(([rows, { port, operation }]) => [
          [`the port's scan, of ${rows}`, port],
          [`the operation, of ${rows}`, operation],
        ]),
      ),
      'operation, 10,000 to 1,000 (ratio)': of(10_000).operation / of(1_000).operation,
      'operation, 100,000 to 1,000 (ratio)': of(100_000).operation / of(1_000).operation,
    });
    expect(of(100_000).operation).toBeGreaterThan(0);
  });

  // @row T025.a2
  it('costs as much a row of five nodes as of one', async () => {
    const us = new Map<number, number>();
    const rows = 10_000;
    for (const count of [1, 2, 3, 4, 5]) {
      const processes = Array.from({ length: rows }, (_, at) => ({ name: `p${at}`, memory: (at * 7919) % 100_003 }));
      const nodes = Array.from({ length: count }, (_, at) => ({ name: `n${String(at)}@h`, processes }));
      const home = await houseOn(createFakeRuntime({ nodes }), unlimited);
      const list = async () =>
        valueOf(
          await home.run('list_processes', { sort: '-memory', limit: 50, fields: ['memory'], timeoutMs: 60_000 }),
        );
      const median = await sideBySide(home, { list }, 5);
      us.set(count, median('list') / (rows * count));
      await home.close();
    }
    const of = (count: number) => us.get(count) ?? Number.NaN;
    figures('list_processes of 10,000 a node (processor µs a row)', {
      ...Object.fromEntries([...us].map(([count, row]) => [`of ${String(count)} nodes`, row])),
      'five nodes to one (ratio)': of(5) / of(1),
    });
    expect(of(5)).toBeGreaterThan(0);
  });
});
