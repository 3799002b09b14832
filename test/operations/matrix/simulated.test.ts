/** Every example of every operation on the simulated cluster, through the pipeline. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { liveRuntime } from '../../../runtime/embedded/liveRuntime.ts';
import { bundled, houseOn } from '../../../server/backend/testKit.ts';
import { inCatalogue } from './catalogue.ts';
import { outcomeOf, recorded } from './walk.ts';

let folder: string;
let sandboxChildFile: string;
beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-matrix-'));
  sandboxChildFile = await bundled('runtime/embedded/sandbox/child.ts', folder);
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

/** What is about the time that passes, or about what goes on in it, needs such time. */
const time = (name: string) => (name.endsWith('_time') || name === 'cancel_operation' ? 'live' : 'deterministic');

// @row IV-13, R1.2, PR-03, T023.a2
it.each(inCatalogue)('%s', async (name, operation) => {
  const nodes = ['demo1@sim', 'demo2@sim', 'demo3@sim'] as const;
  const runtime = liveRuntime({ id: 'sim', nodes, seed: 1, time: time(name), sandboxChildFile });
  const house = await houseOn(runtime);
  try {
    const outcome = await outcomeOf({ runtime: 'simulated', nodes, names: {}, folder, run: house.run }, operation);
    expect(outcome.is).not.toBe('failed');
    expect(outcome).toEqual(recorded('simulated', name, outcome));
  } finally {
    await house.close();
  }
});
