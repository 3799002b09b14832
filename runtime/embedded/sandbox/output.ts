/** What a sandbox's module prints. */
import { mostOutput } from './messages.ts';

export type Output = { readonly take: () => string };

type Printing = { write: (...more: never[]) => boolean };

/**
 * Keeps what the module prints to these streams, for the answer of the call that printed it; the oldest makes room. Nothing reaches
 * the streams themselves any more.
 */
export function captureOutput(streams: readonly Printing[]): Output {
  let kept = '';
  const write = (chunk: unknown, ...more: unknown[]): boolean => {
    const text = typeof chunk === 'string' ? chunk : Buffer.isBuffer(chunk) ? chunk.toString('utf8') : '';
    kept = (kept + text).slice(-mostOutput);
    const written = more.find((one) => typeof one === 'function');
    if (typeof written === 'function') Reflect.apply(written, undefined, []);
    return true;
  };
  for (const stream of streams) stream.write = write;
  return {
    take: () => {
      const taken = kept;
      kept = '';
      return taken;
    },
  };
}
