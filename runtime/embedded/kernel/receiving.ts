/** What a process that waits in a `receive` gets: a message that it accepts, the end of its time, or nothing yet. */
import type { Ref, Value } from '../../term/values.ts';
import { ImproperList, Tuple } from '../../term/values.ts';
import type { Received, Wait } from './flow.ts';
import { timedOut } from './flow.ts';
import type { Process } from './process.ts';
import type { Timer } from './timerHeap.ts';

export const stillWaiting: unique symbol = Symbol('still waiting');

/** Looks at the mailbox for what `process` waits for, and takes it out; sets the timer of the wait where there is nothing yet. */
export function receivedBy(process: Process, wait: Wait): Received | typeof stillWaiting {
  if (wait.is === 'turn' || wait.is === 'point') return timedOut;
  const { mailbox } = process;
  if (wait.is === 'message') return mailbox.length > 0 ? timedOut : stillWaiting;
  const marker = wait.is === 'reply' ? wait.ref : wait.marker;
  let from = Math.max(process.scanFrom, mailbox.start);
  if (marker !== null && marker === process.marker) from = Math.max(from, process.markedAt);
  for (let at = from; at < mailbox.end; at += 1) {
    const message = mailbox.at(at);
    if (wait.is === 'reply' ? !answers(message, wait.ref) : wait.match !== null && !wait.match(message)) continue;
    const moved = mailbox.removeAt(at);
    if (moved === 'back' && at < process.markedAt) process.markedAt -= 1;
    if (moved === 'front' && at >= process.markedAt) process.markedAt += 1;
    endWait(process);
    return message;
  }
  process.scanFrom = mailbox.end;
  if (wait.afterMs === null) return stillWaiting;
  if (wait.afterMs <= 0 || process.waitIsOver) {
    endWait(process);
    return timedOut;
  }
  const { world } = process.node;
  const atMs = world.nowMs + wait.afterMs;
  const timer = process.waitTimer;
  if (timer === null) process.waitTimer = timerOf(process, atMs);
  else if (timer.index < 0) world.timers.setAgain(timer, atMs);
  return stillWaiting;
}

/** It waits no more: its timer is not to fire. */
export function endWait(process: Process): void {
  if (process.waitTimer !== null) process.node.world.timers.cancel(process.waitTimer);
}

/** Whether a message answers a reference: `{Ref, …}`, `{[alias | Ref], …}` or the `DOWN` of a monitor. */
export function answers(message: Value, ref: Ref): boolean {
  if (!(message instanceof Tuple)) return false;
  const first = message.elements[0];
  if (first === ref) return true;
  if (first instanceof ImproperList) return first.tail === ref;
  return message.elements[1] === ref && message.elements.length === 5;
}

// A function of its own, so that what it keeps is made once a process, not at each look at a mailbox.
function timerOf(process: Process, atMs: number): Timer {
  return process.node.setTimer(atMs, () => {
    process.waitIsOver = true;
    process.node.wake(process);
  });
}
