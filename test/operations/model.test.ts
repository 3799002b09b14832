import fc from 'fast-check';
import { it } from 'vitest';
import { liveRuntime } from '../../runtime/embedded/liveRuntime.ts';
import { houseOn } from '../../server/backend/testKit.ts';
import { holds, sequences } from './model.ts';

const nodes = ['demo1@sim', 'demo2@sim', 'demo3@sim'];
const all = [
  'start',
  'kill',
  'suspend',
  'resume',
  'release',
  'trace',
  'monitor',
  'stopTrace',
  'crash',
  'restart',
] as const;

// @row IV-14
it('whatever is done in whatever order, the simulated cluster is as the model says, and nothing is left of it', async () => {
  const property = fc.asyncProperty(sequences(all, 14), async (sequence) => {
    const house = await houseOn(
      liveRuntime({ id: 'sim', nodes, seed: 1, time: 'deterministic', sandboxChildFile: 'none' }),
    );
    try {
      await holds(house, nodes, sequence);
    } finally {
      await house.close();
    }
  });
  await fc.assert(property, { numRuns: process.env['ARSENAL_PROVE'] === '1' ? 1_000 : 25 });
}, 600_000);
