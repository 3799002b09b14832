/**
 * What one node has of something that is watched. A task there sends all rows once and then only what changed (agent/feed.erl);
 * where nothing of ours may live on the node, or we have no link to it, the rows are read again and again and compared here.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { callOptions } from '../../callOptions.ts';
import type { NodeName } from '../../model.ts';
import { integer } from '../../term/term.ts';
import type { Term } from '../../term/term.ts';
import type { AgentTask } from '../agent/nodeAgent.ts';
import type { Listed, OwnerWork, RawRow } from './nameRows.ts';
import { digestOn, listedTerm, ownerWork, rawRows, rowsOn } from './nameRows.ts';
import type { NodeTarget } from './nodeTarget.ts';
import { atomName, listOf, tupleOf } from './read.ts';
import type { Session } from './session.ts';

/** What a feed tells; keys are those of rows, as terms. */
export interface FeedListener {
  /** All rows there are, of this life of the node. */
  whole(node: NodeName, creation: number, rows: readonly RawRow[]): void;
  changed(node: NodeName, put: readonly RawRow[], gone: readonly Term[]): void;
  /** The node has no such thing now, or cannot be asked. */
  absent(node: NodeName): void;
}

/** Frames that a node may be ahead of us. */
const credit = 8;
/** A task whose reader is gone is worth nothing to anybody. */
const lingerMs = 1_000;
const askMs = 5_000;
const stopMs = 1_000;
/** Between two attempts to ask a node that cannot be asked, or does not have what is looked for. */
const againMs = 1_000;
/** Reading takes at most one part in so many of a node's time, and yet a change is seen within so long. */
const restShare = 5;
const longestRestMs = 5_000;
/** Reading that was not needed is saved up to this, for when something happens. */
const mostSavedMs = 1_000;

/** Feeds `listener` until `signal` aborts. Never rejects. */
export async function feedFrom(
  session: Session,
  node: NodeName,
  listed: Listed,
  everyMs: number,
  listener: FeedListener,
  signal: AbortSignal,
): Promise<void> {
  const isOver = (): boolean => signal.aborted;
  while (!isOver()) {
    const target = await session.reach(node, callOptions(askMs, signal));
    const what = target.ok ? await listedTerm(target.value, listed, callOptions(askMs, signal)) : target;
    if (target.ok && what.ok) {
      const agent = await session.agentOf(node, callOptions(askMs, signal));
      const spec = { kind: 'names', args: [what.value, integer(everyMs)], holding: null, credit, lingerMs } as const;
      const task = agent.ok ? await agent.value.task(spec, callOptions(askMs, signal)) : agent;
      if (task.ok) await follow(task.value, target.value, listener, signal);
      else await poll(target.value, listed, everyMs, listener, signal);
    }
    listener.absent(node);
    await pause(againMs, signal);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal, ref: false }).catch(() => undefined);
}

async function follow(task: AgentTask, target: NodeTarget, listener: FeedListener, signal: AbortSignal): Promise<void> {
  const stop = (): void => void task.stop(callOptions(stopMs));
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  let isWhole = false;
  let rows: RawRow[] = [];
  let gone: Term[] = [];
  try {
    for await (const frame of task.frames()) {
      const [tag, put, deleted, more] = tupleOf(frame) ?? [];
      if (atomName(tag) === 'absent') {
        isWhole = false;
        listener.absent(target.node);
        continue;
      }
      for (const row of rawRows(put)) rows.push(row);
      for (const one of listOf(deleted)) gone.push(one);
      if (atomName(more) === 'true') continue;
      if (isWhole) listener.changed(target.node, rows, gone);
      else listener.whole(target.node, target.creation, rows);
      isWhole = true;
      [rows, gone] = [[], []];
    }
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Looking at how much a process has worked is a little work of its own. */
const lookReductions = 4;

function hasWorked(before: OwnerWork | null, now: OwnerWork | null): boolean {
  if (before === null || now === null || before.pid !== now.pid) return true;
  return now.reductions - before.reductions > lookReductions;
}

/**
 * Reads the rows when their digest says that they are others. What takes the node long is asked for less often, but for what was saved
 * while the process that has the rows did nothing.
 */
async function poll(
  target: NodeTarget,
  listed: Listed,
  everyMs: number,
  listener: FeedListener,
  signal: AbortSignal,
): Promise<void> {
  const isOver = (): boolean => signal.aborted;
  let seen: string | null = null;
  let work: OwnerWork | null = null;
  let isDue = true;
  let savedMs = mostSavedMs;
  let countedAt = performance.now();
  for (;;) {
    const now = await ownerWork(target, listed, callOptions(askMs, signal));
    if (isOver()) return;
    isDue ||= hasWorked(work, now);
    work = now;
    savedMs = Math.min(mostSavedMs, savedMs + (performance.now() - countedAt) / restShare);
    countedAt = performance.now();
    if (isDue && savedMs > 0) {
      const digest = await digestOn(target, listed, callOptions(askMs, signal));
      if (!digest.ok || isOver()) return;
      const told = JSON.stringify([digest.value.digest, [...digest.value.dead]]);
      if (told !== seen) {
        const rows = await rowsOn(target, listed, callOptions(askMs, signal));
        if (!rows.ok || isOver()) return;
        listener.whole(target.node, target.creation, rows.value);
        seen = told;
      }
      isDue = false;
      savedMs -= performance.now() - countedAt;
      countedAt = performance.now();
    }
    await pause(savedMs > 0 ? everyMs : Math.max(everyMs, Math.min(-savedMs * restShare, longestRestMs)), signal);
  }
}
