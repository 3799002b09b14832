/** Watches of the editor: the same publisher as every other transport's, over notifications of the protocol. */
import type { Connection } from 'vscode-languageserver/node';
import { failure, timedOut } from '../../runtime/errors.ts';
import { ok } from '../../runtime/model.ts';
import type { Result } from '../../runtime/model.ts';
import type { WatchFeed, WatchSnapshot } from '../../runtime/watch.ts';
import { WatchPublisher } from '../../runtime/watchChannel.ts';
import type { Backend, BackendCallOptions } from '../backend/backend.ts';
import { watchDown, watchUp } from '../protocol/lsp.ts';
import { decodeWatchUp } from '../protocol/watch.ts';
import type { WatchTopic } from '../protocol/watch.ts';
import { editorCaller } from './requests.ts';

/** How long a topic that is read once may take to have its first rows. */
const firstRowsMs = 10_000;

/** Serves `arsenal/watch/up` on `connection` until closed. What the client says wrongly is dropped: it is asked again anyway. */
export function serveWatches(connection: Connection, backend: Backend): { close(): void } {
  const publisher = new WatchPublisher<WatchTopic>({
    open: (topic, signal) => backend.openWatch(topic, { caller: editorCaller(), signal }),
    send: (down) => {
      // The library queues without saying whether there is room; the acknowledgement each frame waits for bounds the queue.
      connection.sendNotification(watchDown, down).catch(() => undefined);
      return true;
    },
  });
  const hearing = connection.onNotification(watchUp, (params) => {
    const up = decodeWatchUp(params);
    if (up !== null) publisher.receive(up);
  });
  return {
    close: () => {
      hearing.dispose();
      publisher.dispose();
    },
  };
}

/** The rows of a topic as they are now, once: a watch that is closed after its first rows. */
export async function snapshotOf(
  backend: Backend,
  topic: WatchTopic,
  options: BackendCallOptions,
): Promise<Result<WatchSnapshot>> {
  const opened = await backend.openWatch(topic, options);
  if (!opened.ok) return opened;
  try {
    return await firstRows(opened.value.source, options.signal);
  } finally {
    opened.value.release();
  }
}

function firstRows(feed: WatchFeed, signal: AbortSignal): Promise<Result<WatchSnapshot>> {
  return new Promise((resolve) => {
    const look = (): boolean => {
      const { state, ended } = feed;
      if (state === null && ended === null) return false;
      finish(state === null ? gone(ended) : ok(snapshot(state)));
      return true;
    };
    const finish = (result: Result<WatchSnapshot>) => {
      clearTimeout(timer);
      listening.dispose();
      signal.removeEventListener('abort', onAbort);
      resolve(result);
    };
    const onAbort = () => finish(failure('cancelled', 'call.cancelled', 'The call was cancelled.', 'Ask again.'));
    const timer = setTimeout(() => finish(timedOut('The system', 'none')), firstRowsMs);
    const listening = feed.watch(() => void look());
    signal.addEventListener('abort', onAbort, { once: true });
    if (!look() && signal.aborted) onAbort();
  });
}

function snapshot(state: NonNullable<WatchFeed['state']>): WatchSnapshot {
  return {
    is: 'snapshot',
    epoch: state.epoch,
    to: state.version,
    rows: [...state.rows],
    total: state.total,
    fidelity: state.fidelity,
  };
}

function gone(ended: WatchFeed['ended']): Result<WatchSnapshot> {
  if (ended?.error != null) return { ok: false, error: ended.error };
  return failure('unavailable', 'watch.source_gone', 'What was asked for has ended.', 'Ask again.');
}
