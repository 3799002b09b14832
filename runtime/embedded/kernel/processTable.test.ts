import { describe, expect, it } from 'vitest';
import { Pid } from '../../term/values.ts';
import { nodeOf, spawn, testCluster } from '../testKit.ts';
import { sleep } from './flow.ts';
import type { Process } from './process.ts';
import { ProcessTable } from './processTable.ts';
import { seededPrng } from './prng.ts';
import { atoms } from './values.ts';

/** Processes to keep in tables: of a node, which has a table of its own. */
function processes(count: number): readonly Process[] {
  const node = nodeOf(testCluster());
  return Array.from({ length: count }, () => spawn(node, () => sleep(1e9)));
}

describe('the processes of a node', () => {
  it('are found by their numbers, and listed in the order in which they came, whoever has gone', () => {
    const chance = seededPrng(7);
    const table = new ProcessTable();
    const kept: Process[] = [];
    for (const process of processes(3000)) {
      table.add(process);
      kept.push(process);
      while (kept.length > 0 && chance.next() < 0.45) {
        const [gone] = kept.splice(chance.below(kept.length), 1);
        if (gone === undefined) continue;
        table.delete(gone);
        expect(table.find(gone.pid)).toBeUndefined();
      }
    }
    expect(table.size).toBe(kept.length);
    expect([...table.values()]).toEqual(kept);
    for (const process of kept) {
      const { node, creation, id, serial } = process.pid;
      expect(table.find(new Pid(node, creation, id, serial))).toBe(process);
      expect(table.find(new Pid(node, creation, id, serial + 1))).toBeUndefined();
    }
    for (const process of kept) table.delete(process);
    expect([table.size, [...table.values()]]).toEqual([0, []]);
  });

  it('can come and go one at a time, where the last of a group was', () => {
    const table = new ProcessTable();
    for (const process of processes(300)) {
      table.add(process);
      expect([...table.values()]).toEqual([process]);
      table.delete(process);
      table.delete(process);
      expect(table.size).toBe(0);
    }
  });

  it('are those that the node has', () => {
    const node = nodeOf(testCluster());
    const before = node.processes.size;
    const [first, second] = [spawn(node, () => sleep(1e9)), spawn(node, () => sleep(1e9))];
    node.end(first, atoms.kill);
    expect(node.processes.size).toBe(before + 1);
    expect([...node.processes.values()].at(-1)).toBe(second);
  });
});
