/** Several sources read at once. */

/**
 * What the sources yield, as it comes; at most `atOnce` of them are open at a time, and of each at most one value is asked for ahead.
 * Who stops reading has to end what an open source waits for, by whatever it was given for that.
 */
export async function* merged<T>(sources: readonly (() => AsyncGenerator<T>)[], atOnce: number): AsyncGenerator<T> {
  const waiting = sources.values();
  const coming = new Map<AsyncGenerator<T>, Promise<Came<T>>>();
  const openNext = (): void => {
    const { value: open, done = false } = waiting.next();
    if (!done && open !== undefined) pull(open());
  };
  const pull = (source: AsyncGenerator<T>): void => {
    coming.set(
      source,
      source.next().then((next) => ({ source, next })),
    );
  };
  for (let count = 0; count < atOnce; count += 1) openNext();
  let current: AsyncGenerator<T> | null = null;
  try {
    while (coming.size > 0) {
      const { source, next } = await Promise.race(coming.values());
      coming.delete(source);
      if (next.done === true) openNext();
      else {
        current = source;
        yield next.value;
        current = null;
        pull(source);
      }
    }
  } finally {
    await current?.return(undefined);
    for (const source of coming.keys()) void source.return(undefined).catch(() => undefined);
  }
}

type Came<T> = { readonly source: AsyncGenerator<T>; readonly next: IteratorResult<T, unknown> };
