/** Who looks at a watch, and which of them wants the next frame now: work for frames that nobody wants is not done. */
import type { WatchQuery } from '../../port.ts';
import type { WatchFeed } from '../../watch.ts';
import type { WatchStreamItem } from '../../watchStream.ts';
import { watchStream } from '../../watchStream.ts';

export class Demand {
  readonly #changed: () => void;
  #users = 0;
  #wanting = 0;

  /** `changed` is told whenever somebody begins to want a frame, has got one, or leaves. */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** Whether somebody watches at all. */
  isUsed(): boolean {
    return this.#users > 0;
  }

  /** Whether somebody wants a frame now. */
  isWanted(): boolean {
    return this.#wanting > 0;
  }

  /** The stream of one who watches `feed`, who wants a frame while it is pulled. `abandoned` is told when the last of all has left. */
  async *stream(
    feed: WatchFeed,
    { minIntervalMs }: WatchQuery,
    signal: AbortSignal,
    abandoned: () => void,
  ): AsyncGenerator<WatchStreamItem> {
    this.#users += 1;
    let wants = false;
    const want = (does: boolean): void => {
      if (wants === does) return;
      wants = does;
      this.#wanting += does ? 1 : -1;
      this.#changed();
    };
    want(true);
    try {
      for await (const item of watchStream(feed, { minIntervalMs, signal })) {
        want(false);
        yield item;
        want(true);
      }
    } finally {
      want(false);
      this.#users -= 1;
      if (this.#users === 0) abandoned();
    }
  }
}
