/** Work on a list, some of it at a time. */

/** Runs `work` for each of `items`, begun in order, at most `concurrency` at a time; begins no more once `stop` says so. */
export async function inPool<T>(
  items: readonly T[],
  concurrency: number,
  stop: () => boolean,
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  const entries = items.entries();
  const worker = async () => {
    while (!stop()) {
      const next = entries.next();
      if (next.done === true) return;
      const [index, item] = next.value;
      await work(item, index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, worker));
}
