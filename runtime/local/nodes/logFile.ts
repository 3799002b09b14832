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

/** Lines of a log, and where in the file they end: the place to go on from. */
export type LogPart = { readonly lines: readonly string[]; readonly end: number };
/** The last lines, or what came since. */
export type LogFrom = { readonly last: number } | { readonly offset: number };

/** Lines of a file, of at most {@link mostTailBytes}; none when it is not there. A file set aside since is read from its beginning. */
export function readLog(file: string, from: LogFrom): LogPart {
  if (!existsSync(file)) return { lines: [], end: 0 };
  const fd = openSync(file, 'r');
  try {
    const { size } = statSync(file);
    const wanted = 'last' in from ? 0 : from.offset > size ? 0 : from.offset;
    const start = Math.max(wanted, size - mostTailBytes);
    const bytes = Buffer.alloc(size - start);
    const read = bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, start));
    // A line that is still being written is left for the next time.
    const whole = 'last' in from ? read : read.subarray(0, read.lastIndexOf(10) + 1);
    const text = whole.toString('utf8');
    const lines = text === '' ? [] : (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n');
    return { lines: 'last' in from ? lastOf(lines, from.last) : lines, end: start + whole.length };
  } finally {
    closeSync(fd);
  }
}

function lastOf(lines: readonly string[], count: number): readonly string[] {
  return count <= 0 ? [] : lines.slice(-count);
}
