/**
 * Listening to an AbortSignal that many wait on at once: taking one listener of thousands off an event target costs thousands.
 */
const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/** Calls `listener` when the signal is aborted, unless what this answers is called first. An aborted signal says nothing more. */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  let listeners = waiting.get(signal);
  if (listeners === undefined) {
    const all = new Set<() => void>();
    waiting.set(signal, all);
    signal.addEventListener(
      'abort',
      () => {
        for (const one of [...all]) one();
        all.clear();
      },
      { once: true },
    );
    listeners = all;
  }
  const own = listeners;
  own.add(listener);
  return () => {
    own.delete(listener);
  };
}
