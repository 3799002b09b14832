/** Watching a live cluster in a test. */
import { callOptions, longestMs } from '../../runtime/callOptions.ts';
import type { Runtime, WatchTarget } from '../../runtime/port.ts';
import { WatchView } from '../../runtime/watch.ts';
import { followWatch } from '../../runtime/watchStream.ts';

export type Watched = {
  readonly view: WatchView;
  /** Ends the watch; answers when its stream has ended. */
  readonly close: () => Promise<void>;
};

/** Opens a watch and follows it until it is closed. */
export function watch(runtime: Runtime, of: WatchTarget): Watched {
  const closing = new AbortController();
  const view = new WatchView();
  const options = callOptions(longestMs, closing.signal);
  const followed = followWatch(runtime.port.watch.open({ minIntervalMs: 100, of }, options), view);
  return {
    view,
    close: async () => {
      closing.abort();
      await followed;
    },
  };
}
