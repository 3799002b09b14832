/** What the pipeline costs beside the port calls an operation makes: processor time, over a fake runtime. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ok } from '../runtime/model.ts';
import type { House } from '../server/backend/testKit.ts';
import { bundled, fakeShop, houseOn, temporaryHome } from '../server/backend/testKit.ts';
import { defineOperation } from '../server/core/operation.ts';
import { valueOf } from '../test/port/results.ts';
import { figures } from './measure.ts';
import { calibration, onTop, sideBySide, unlimited } from './pipelineCosts.ts';
import { rowFigures } from './rowCosts.ts';

const wantedUs = 10;
/** Clusters are measured one after the other, so often each, and the least counts: a slow minute of the machine is no cost of theirs. */
const passes = 3;
/** Nodes, and processes of each. */
const clusters = [
  [1, 1_000],
  [1, 10_000],
  [1, 100_000],
  [2, 10_000],
  [3, 10_000],
  [4, 10_000],
  [5, 10_000],
  [5, 20_000],
] as const;

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
async function measuredAsShipped(...what: readonly string[]): Promise<{ readonly [figure: string]: number }> {
  const folder = temporaryHome();
  try {
    const file = await bundled(fileURLToPath(new URL('./pipelineCostsChild.ts', import.meta.url)), folder);
    const child = fork(file, what);
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
    const costs = await measuredAsShipped('reads');
    figures('One call (processor µs)', costs);
    expect(costs[onTop]).toBeLessThan(wantedUs * 3);
  });

  it('writes with the audit log on disk', async () => {
    const median = await sideBySide(house.backend.state.store, { calibration, write: () => house.run('note_it') }, 50);
    const together = await sideBySide(
      house.backend.state.store,
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
  it('costs as much a row of a hundred thousand as of a thousand, and of five nodes as of one; wanted are 20 % more or less at most', async () => {
    const costs = new Map<string, { readonly [figure: string]: number }>();
    for (let pass = 0; pass < passes; pass += 1) {
      for (const [nodes, each] of clusters) {
        const cluster = `${nodes} × ${each}`;
        const before = costs.get(cluster);
        const now = Object.entries(await measuredAsShipped('rows', String(nodes), String(each)));
        costs.set(
          cluster,
          Object.fromEntries(now.map(([figure, us]) => [figure, Math.min(us, before?.[figure] ?? us)])),
        );
      }
    }
    for (const figure of Object.values(rowFigures)) {
      const us = [...costs].map(([cluster, measured]): [string, number] => [cluster, measured[figure] ?? Number.NaN]);
      const [, ofThousand = Number.NaN] = us[0] ?? [];
      const all = us.map(([, each]) => each);
      const [least, most] = [Math.min(...all), Math.max(...all)];
      figures(`list_processes, sorted by memory: a row ${figure} (processor µs)`, {
        ...Object.fromEntries(us),
        'the least, of one of 1 × 1000': least / ofThousand,
        'the most, of one of 1 × 1000': most / ofThousand,
      });
      if (figure === rowFigures.sent) expect(most / least).toBeLessThan(3);
    }
  });
});
