/** Prints one digest of the runs of the seeds 1 to N, and how many events they had; scripts/replay.mjs compares releases by it. */
import { createHash } from 'node:crypto';
import { replayDigest } from './replay.ts';

const seeds = Number(process.argv[2]);
const all = createHash('sha256');
let events = 0;
for (let seed = 1; seed <= seeds; seed += 1) {
  const run = replayDigest(seed);
  all.update(run.digest);
  events += run.events;
}
console.log(`${seeds} seeds, ${events} events, ${all.digest('hex')}`);
