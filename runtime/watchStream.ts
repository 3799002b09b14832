/** A watch as a stream of the port: pulling the next frame is the acknowledgement of the one before. */
import { cancelled, failure } from './errors.ts';
import type { Result } from './model.ts';
import { fail, ok } from './model.ts';
import type { StreamItem } from './port.ts';
import type { Timers, WatchFeed, WatchFrame, WatchView } from './watch.ts';
import { realTimers, WatchSender } from './watch.ts';

export type WatchStreamEnd = { readonly ended: 'source_gone' };
export type WatchStreamItem = StreamItem<WatchFrame, WatchStreamEnd>;

/**
 * What `watch.open` answers for `feed`. There are at least `minIntervalMs` between two frames (not between the parts of one
 * snapshot); changes meanwhile are merged. Ends with `source_gone` when the feed is closed, with its error when it was closed with
 * one, and `cancelled` when `signal` aborts.
 */
export async function* watchStream(
  feed: WatchFeed,
  options: { readonly minIntervalMs: number; readonly signal: AbortSignal; readonly timers?: Timers },
): AsyncGenerator<WatchStreamItem, void, undefined> {
  const timers = options.timers ?? realTimers;
  const { signal } = options;
  const bell = new Bell();
  const ring = () => {
    bell.ring();
  };
  const slot: { frame: WatchFrame | null } = { frame: null };
  const sender = new WatchSender(
    feed,
    (next) => {
      slot.frame = next;
      ring();
      return true;
    },
    { overdueMs: null },
  );
  // After the sender, so that what the feed said last has been offered when its end is heard.
  const listening = feed.watch(ring);
  signal.addEventListener('abort', ring);
  const ended = (): Result<WatchStreamEnd> | null => {
    if (signal.aborted) return cancelled('none');
    if (feed.ended === null) return null;
    return feed.ended.error === null ? ok({ ended: 'source_gone' }) : fail(feed.ended.error);
  };
  try {
    for (;;) {
      const taken = slot.frame;
      if (taken === null) {
        const result = ended();
        if (result !== null) {
          yield { is: 'end', result };
          return;
        }
        await bell.rung();
        continue;
      }
      slot.frame = null;
      const until = dueAfter(taken, options.minIntervalMs, timers, ring);
      yield { is: 'frame', frame: taken };
      while (!until.isDue() && ended() === null) await bell.rung();
      until.dispose();
      sender.acknowledge(acknowledgementOf(taken));
      if (signal.aborted) slot.frame = null;
    }
  } finally {
    sender.dispose();
    listening.dispose();
    signal.removeEventListener('abort', ring);
  }
}

/** Wakes one waiter; rung while nobody waits, the next to wait goes on at once. */
class Bell {
  #rung = false;
  #wake: (() => void) | null = null;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  async rung(): Promise<void> {
    if (!this.#rung) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#rung = false;
    this.#wake = null;
  }
}

function acknowledgementOf({ epoch, to, ...frame }: WatchFrame): { epoch: string; to: number; part?: number } {
  const part = frame.is === 'snapshot' && frame.part?.last === false ? frame.part.index : null;
  return part === null ? { epoch, to } : { epoch, to, part };
}

function dueAfter(frame: WatchFrame, intervalMs: number, timers: Timers, ring: () => void) {
  let due = frame.is === 'snapshot' && frame.part?.last === false;
  const timer = due
    ? null
    : timers.after(intervalMs, () => {
        due = true;
        ring();
      });
  return {
    isDue: () => due,
    dispose() {
      timer?.dispose();
    },
  };
}

/**
 * Reads a watch stream into `view`, to the stream's end, and ends the view with it. Never rejects for what the stream says; a stream
 * whose frames do not follow each other ends with `watch.gap`: open it again.
 */
export async function followWatch(
  stream: AsyncIterable<WatchStreamItem>,
  view: WatchView,
): Promise<Result<WatchStreamEnd>> {
  const result = await readInto(stream, view);
  view.end(result.ok ? null : result.error);
  return result;
}

async function readInto(stream: AsyncIterable<WatchStreamItem>, view: WatchView): Promise<Result<WatchStreamEnd>> {
  for await (const item of stream) {
    if (item.is === 'end') return item.result;
    if (view.apply(item.frame) === 'resync') {
      return failure('unavailable', 'watch.gap', 'The watch lost a change.', 'Open it again.');
    }
  }
  return failure('unavailable', 'watch.ended_early', 'The watch ended without saying why.', 'Open it again.');
}
