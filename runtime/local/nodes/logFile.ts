/** What a node prints, in a file that does not grow for ever. */
import { closeSync, existsSync, mkdirSync, openSync, readSync, renameSync, statSync, writeSync } from 'node:fs';
import path from 'node:path';

/** A file this large is set aside as `FILE.1`, in place of the one before. */
const mostLogBytes = 16 * 1024 * 1024;
/** A tail reads no more than this. */
const mostTailBytes = 1024 * 1024;

/** Appends to a file readable by its owner only. A disk that is full or gone loses lines, not the node. */
export class LogFile {
  readonly file: string;
  #fd: number | null = null;
  #bytes = 0;

  constructor(file: string) {
    this.file = file;
  }

  write(bytes: Buffer | string): void {
    try {
      if (this.#fd === null) this.#open();
      const written = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
      if (this.#fd !== null) writeSync(this.#fd, written);
      this.#bytes += written.length;
      if (this.#bytes > mostLogBytes) {
        this.close();
        renameSync(this.file, `${this.file}.1`);
      }
    } catch {
      this.close();
    }
  }

  close(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }

  #open(): void {
    mkdirSync(path.dirname(this.file), { recursive: true, mode: 0o700 });
    this.#fd = openSync(this.file, 'a', 0o600);
    this.#bytes = statSync(this.file).size;
  }
}

/** The last `lines` lines of a file, of at most {@link mostTailBytes}; none when it is not there. */
export function tailOf(file: string, lines: number): readonly string[] {
  if (!existsSync(file)) return [];
  const fd = openSync(file, 'r');
  try {
    const { size } = statSync(file);
    const length = Math.min(size, mostTailBytes);
    const bytes = Buffer.alloc(length);
    const read = readSync(fd, bytes, 0, length, size - length);
    const text = bytes.toString('utf8', 0, read);
    const all = (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n');
    return text === '' || lines <= 0 ? [] : all.slice(-lines);
  } finally {
    closeSync(fd);
  }
}
