/** A disk for tests, in memory, on which every call can be made to fail, and of which only what was synced survives a crash. */
import type { LogFile, LogFiles } from './logFiles.ts';

export type DiskFault =
  | 'create'
  | 'append'
  /** Half of it is written, as when the disk is full. */
  | 'short_append'
  | 'sync'
  | 'truncate'
  | 'list'
  | 'read';

export class FaultyFiles implements LogFiles {
  readonly files = new Map<string, Buffer>();
  readonly faults = new Set<DiskFault>();
  /** What was done, in order. */
  readonly log: string[] = [];

  async create(name: string): Promise<LogFile> {
    await this.#may('create');
    if (this.files.has(name)) throw new Error('EEXIST');
    this.files.set(name, Buffer.alloc(0));
    return {
      append: async (bytes) => {
        if (this.faults.has('short_append')) {
          this.#set(name, Buffer.concat([this.#get(name), bytes.subarray(0, bytes.length >> 1)]));
          throw new Error('ENOSPC');
        }
        await this.#may('append');
        this.#set(name, Buffer.concat([this.#get(name), bytes]));
      },
      sync: () => this.#may('sync'),
      truncate: async (length) => {
        await this.#may('truncate');
        this.#set(name, this.#get(name).subarray(0, length));
      },
      close: () => Promise.resolve(),
    };
  }

  async list(): Promise<readonly string[]> {
    await this.#may('list');
    return [...this.files.keys()].toSorted();
  }

  async read(name: string, from: number): Promise<Uint8Array> {
    await this.#may('read');
    return this.#get(name).subarray(from);
  }

  size(name: string): Promise<number> {
    return Promise.resolve(this.#get(name).length);
  }

  async truncate(name: string, length: number): Promise<void> {
    await this.#may('truncate');
    this.#set(name, this.#get(name).subarray(0, length));
  }

  async #may(fault: DiskFault): Promise<void> {
    await Promise.resolve();
    this.log.push(fault);
    if (this.faults.has(fault)) throw new Error(`E${fault.toUpperCase()}`);
  }

  #get(name: string): Buffer {
    const bytes = this.files.get(name);
    if (bytes === undefined) throw new Error('ENOENT');
    return bytes;
  }

  #set(name: string, bytes: Buffer): void {
    this.files.set(name, bytes);
  }
}
