/**
 * The processes of a node by the number of their pids, in the order in which they were spawned. Numbers only grow, so a table of short
 * arrays takes a third of what a map does for each process; one with nobody left in it is dropped.
 */
import type { Pid } from '../../term/values.ts';
import type { Process } from './process.ts';

const slotsPerChunk = 64;
/** A pid's first number has 28 bits; the second counts on from there. */
const idsPerSerial = 0x10000000;

type Chunk = { readonly number: number; readonly slots: (Process | undefined)[]; living: number };

function numberOf({ id, serial }: Pid): number {
  return serial * idsPerSerial + id;
}

export class ProcessTable {
  readonly #chunks = new Map<number, Chunk>();
  /** Where the newest process is, or was. */
  #newest: Chunk | null = null;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The living process with these numbers. */
  find(pid: Pid): Process | undefined {
    const number = numberOf(pid);
    return this.#chunks.get(Math.floor(number / slotsPerChunk))?.slots[number % slotsPerChunk];
  }

  /** Adds a process, which is newer than all others. */
  add(process: Process): void {
    const number = numberOf(process.pid);
    const chunk = this.#chunkFor(Math.floor(number / slotsPerChunk));
    chunk.slots[number % slotsPerChunk] = process;
    chunk.living += 1;
    this.#size += 1;
  }

  delete(process: Process): void {
    const number = numberOf(process.pid);
    const chunk = this.#chunks.get(Math.floor(number / slotsPerChunk));
    const slot = number % slotsPerChunk;
    if (chunk?.slots[slot] !== process) return;
    chunk.slots[slot] = undefined;
    chunk.living -= 1;
    this.#size -= 1;
    // The newest one is where the next process goes.
    if (chunk.living === 0 && chunk !== this.#newest) this.#chunks.delete(chunk.number);
  }

  clear(): void {
    this.#chunks.clear();
    this.#newest = null;
    this.#size = 0;
  }

  /** Oldest first; one that is spawned or ends meanwhile may or may not be among them. */
  *values(): Generator<Process, void> {
    for (const { slots } of this.#chunks.values()) {
      for (const process of slots) if (process !== undefined) yield process;
    }
  }

  #chunkFor(number: number): Chunk {
    const newest = this.#newest;
    if (newest?.number === number) return newest;
    if (newest?.living === 0) this.#chunks.delete(newest.number);
    const chunk: Chunk = { number, slots: new Array<Process | undefined>(slotsPerChunk).fill(undefined), living: 0 };
    this.#chunks.set(number, chunk);
    this.#newest = chunk;
    return chunk;
  }
}
