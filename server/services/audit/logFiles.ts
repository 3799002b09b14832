/** The files under the audit log: the few calls it makes, so that tests can make each of them fail. */
import { constants } from 'node:fs';
import { mkdir, open, readdir, stat, truncate } from 'node:fs/promises';
import path from 'node:path';

/** A log being written. Each method rejects when the disk does. */
export interface LogFile {
  /** Writes all of it at the end, or rejects. */
  append(bytes: Uint8Array): Promise<void>;
  /** Resolves when what was appended is on disk. */
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  close(): Promise<void>;
}
export interface LogFiles {
  /** Makes a new file; rejects when there is one of that name. */
  create(name: string): Promise<LogFile>;
  /** Names of the logs there are, oldest first; none when there is no folder yet. */
  list(): Promise<readonly string[]>;
  /** From byte `from` on. */
  read(name: string, from: number): Promise<Uint8Array>;
  size(name: string): Promise<number>;
  truncate(name: string, length: number): Promise<void>;
}

/** The logs in `folder`, readable by their owner only. */
export function logFilesIn(folder: string): LogFiles {
  const at = (name: string) => path.join(folder, name);
  return {
    async create(name) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const handle = await open(at(name), constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600);
      await syncFolder(folder);
      let length = 0;
      return {
        async append(bytes) {
          // A write may be short (disk nearly full): go on until all is written or one fails.
          for (let done = 0; done < bytes.length;) {
            const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, length + done);
            if (bytesWritten === 0) throw new Error('nothing was written');
            done += bytesWritten;
          }
          length += bytes.length;
        },
        sync: () => handle.datasync(),
        async truncate(to) {
          await handle.truncate(to);
          length = to;
        },
        close: () => handle.close(),
      };
    },
    async list() {
      const names = await readdir(folder).catch(() => []);
      return names.filter((name) => name.endsWith('.jsonl')).toSorted();
    },
    read: (name, from) => readFrom(at(name), from),
    size: async (name) => (await stat(at(name))).size,
    truncate: (name, length) => truncate(at(name), length),
  };
}

/** Only the part asked for: logs grow, and are looked into after every write. */
async function readFrom(file: string, from: number): Promise<Uint8Array> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const bytes = Buffer.alloc(Math.max(0, size - from));
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, from);
    return bytes.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** Makes a new name in a folder last. Windows cannot open folders, and does not need it. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
