/** Reading the port's streams. */
import { failure } from '../../runtime/errors.ts';
import type { Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { StreamItem } from '../../runtime/port.ts';

/** Reads a stream to its end; `take` is awaited before the next frame is pulled, so that a slow receiver slows the source. */
export async function drain<F, R>(
  stream: AsyncIterable<StreamItem<F, R>>,
  take: (frame: F) => Promise<void> | void,
): Promise<Result<R>> {
  for await (const item of stream) {
    if (item.is === 'end') return item.result;
    await take(item.frame);
  }
  return failure(
    'unavailable',
    'stream.ended_early',
    'The runtime went away in the middle of its answer.',
    'Run it again.',
  );
}

/** All rows of a stream of pages, and its end. */
export async function collect<Row, R>(
  stream: AsyncIterable<StreamItem<readonly Row[], R>>,
  mostRows: number,
): Promise<Result<{ readonly rows: readonly Row[]; readonly end: R }>> {
  const rows: Row[] = [];
  const end = await drain(stream, (page) => {
    for (const row of page.slice(0, mostRows - rows.length)) rows.push(row);
  });
  return end.ok ? ok({ rows, end: end.value }) : end;
}
