import { inflateSync } from 'node:zlib';
import type { Inflate } from '../../term/decode.ts';

/** Inflates compressed terms with the platform's zlib, never beyond the size they announce. */
export const inflate: Inflate = (compressed, sizeBytes) => {
  try {
    // With `info` the engine tells how much input the stream took.
    const result: unknown = inflateSync(compressed, { maxOutputLength: sizeBytes + 1, info: true });
    if (typeof result !== 'object' || result === null || !('buffer' in result) || !('engine' in result)) return null;
    const { buffer, engine } = result;
    if (!(buffer instanceof Uint8Array) || buffer.length !== sizeBytes) return null;
    if (typeof engine !== 'object' || engine === null || !('bytesWritten' in engine)) return null;
    return typeof engine.bytesWritten === 'number' ? { bytes: buffer, usedBytes: engine.bytesWritten } : null;
  } catch {
    // zlib says what is wrong with the stream by throwing; for us it is damaged.
    return null;
  }
};
