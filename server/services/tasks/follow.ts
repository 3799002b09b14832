/** A task as a source for those who watch it: the newest of its items, and how it stands. */
import { callOptions, longestMs } from '../../../runtime/callOptions.ts';
import type { Row, WatchFeed } from '../../../runtime/watch.ts';
import { WatchSource } from '../../../runtime/watch.ts';
import type { Task, TaskItem } from '../../operations/tracing/tasks.ts';
import { mostReadings } from './readings.ts';

const mostAtOnce = 500;

/** Rows `1`, `2`, … of its items, the newest {@link mostReadings} of them, and the row `task`. It ends when the task has ended. */
export function followTask(task: Task): { readonly source: WatchFeed; readonly release: () => void } {
  const source = new WatchSource({ fidelity: { is: 'exact' } });
  const control = new AbortController();
  source.put('task', rowOf(task));
  void follow(task, source, control.signal);
  return { source, release: () => control.abort() };
}

async function follow(task: Task, source: WatchSource, signal: AbortSignal): Promise<void> {
  const options = callOptions(longestMs, signal);
  /** The places of the rows there are, the oldest first: what was missed is none of them. */
  let shown: readonly number[] = [];
  const take = (items: readonly TaskItem[]): Promise<void> => {
    const all = [...shown, ...items.map(({ seq }) => seq)];
    shown = all.slice(-mostReadings);
    source.patch(
      items.map((item) => [String(item.seq), item]),
      all.slice(0, -mostReadings).map(String),
    );
    return Promise.resolve();
  };
  for (let after = 0, isLast = false; !isLast && !signal.aborted;) {
    const read = await task.log.read({ after, limit: mostAtOnce, enough: 1 }, options, take);
    if (!read.ok) break;
    after = read.value.items.at(-1)?.seq ?? after;
    ({ isLast } = read.value);
  }
  if (!signal.aborted) await task.ended;
  source.put('task', rowOf(task));
  source.close();
}

function rowOf({ id, kind, operation, subject, startedAt, untilAt, outcome }: Task): Row {
  return { trace: id, kind, operation, subject, startedAt, until: untilAt, running: outcome === null, outcome };
}
