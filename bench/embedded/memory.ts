/**
 * What idle processes take: `node --expose-gc memory.js COUNT` prints the bytes of heap a process, and the resident bytes of all.
 * Each has a handler of its own with one field of state, has run, has taken one message, and waits for the next.
 */
import { benchCluster, nodeOf, spawnHandler } from './works.ts';
import type { Handler } from '../../runtime/embedded/kernel/process.ts';
import type { Self } from '../../runtime/embedded/kernel/self.ts';
import type { Value } from '../../runtime/term/values.ts';

class Idle implements Handler {
  last: Value = null;
  handle(_self: Self, message: Value): void {
    this.last = message;
  }
  state(): Value {
    return this.last;
  }
}

function collected(): NodeJS.MemoryUsage {
  for (let round = 0; round < 3; round += 1) globalThis.gc?.();
  return process.memoryUsage();
}

const count = Number(process.argv[2]);
if (globalThis.gc === undefined || !(count > 0)) throw new Error('usage: node --expose-gc memory.js COUNT');
const cluster = benchCluster('fifo', 2 * count);
const node = nodeOf(cluster);
const before = collected();
for (let at = 0; at < count; at += 1) node.deliver(spawnHandler(node, new Idle()), 1);
cluster.run(() => false);
const after = collected();
if (node.processes.size < count) throw new Error('Not all processes are there.');
console.log(
  JSON.stringify({
    bytesEach: (after.heapUsed - before.heapUsed) / count,
    residentBytes: after.rss,
    heapBytes: after.heapUsed,
  }),
);
