/**
 * How a supervisor stops its children (stdlib `supervisor` of OTP 25, `shutdown/1` and `terminate_dynamic_children/1`): monitor,
 * ask, wait, kill; then unlink, and believe the child's exit before the monitor.
 */
import type { Ref, Value } from '../../term/values.ts';
import { Pid, Tuple } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive, timedOut } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { atoms, samePid, tagged } from '../kernel/values.ts';
import { valueKey } from '../kernel/valueKey.ts';
import type { Spec } from './childSpec.ts';
import { valueAt } from './gen.ts';

/** What of a specification says how its child is stopped. */
export type Stopping = Pick<Spec, 'shutdown' | 'restart'>;

/** Stops one child; null when it went as it should, else the reason that is to be reported. */
export function* stopChild(self: Self, pid: Pid, how: Stopping): Flow<{ readonly error: Value } | null> {
  const ref = self.monitor(pid);
  self.sendExit(pid, how.shutdown === 'brutal_kill' ? atoms.kill : atoms.shutdown);
  let down = yield* awaitDown(ref, typeof how.shutdown === 'number' ? how.shutdown : null);
  if (down === null) {
    self.sendExit(pid, atoms.kill);
    down = yield* awaitDown(ref, null);
  }
  const reason = yield* unlinkFlush(self, pid, down?.reason);
  return isExpected(reason, how) ? null : { error: reason };
}

/**
 * Stops the children of a simple_one_for_one supervisor: all are asked at once, and share one time limit. Answers those that did
 * not go as they should, by reason.
 */
export function* stopTogether(
  self: Self,
  pids: Iterable<Pid>,
  how: Stopping,
): Flow<readonly { readonly reason: Value; readonly pids: readonly Pid[] }[]> {
  const waiting = new Map<unknown, Pid>();
  const ask = how.shutdown === 'brutal_kill' ? atoms.kill : atoms.shutdown;
  for (const pid of pids) {
    waiting.set(self.monitor(pid), pid);
    self.sendExit(pid, ask);
  }
  const failed = new Map<unknown, { readonly reason: Value; readonly pids: Pid[] }>();
  let until = typeof how.shutdown === 'number' ? self.nowMs + how.shutdown : null;
  while (waiting.size > 0) {
    const message = yield* receive({
      match: (candidate) => isDown(candidate) && waiting.has(candidate.elements[1]),
      afterMs: until === null ? null : Math.max(0, until - self.nowMs),
      at: 'supervisor:wait_dynamic_children/5',
    });
    if (message === timedOut) {
      for (const pid of waiting.values()) self.sendExit(pid, atoms.kill);
      until = null;
      continue;
    }
    if (!isDown(message)) continue;
    const pid = waiting.get(message.elements[1]);
    waiting.delete(message.elements[1]);
    if (pid === undefined) continue;
    const reason = yield* unlinkFlush(self, pid, valueAt(message.elements, 4));
    if (isExpected(reason, how)) continue;
    const key = valueKey(reason);
    const alike = failed.get(key);
    if (alike === undefined) failed.set(key, { reason, pids: [pid] });
    else alike.pids.unshift(pid);
  }
  return [...failed.values()];
}

/** Whether a child that was stopped may have ended with this reason without a report. */
function isExpected(reason: Value, { shutdown, restart }: Stopping): boolean {
  if (reason === (shutdown === 'brutal_kill' ? atoms.killed : atoms.shutdown)) return true;
  if (restart === 'permanent') return false;
  return reason === atoms.shutdown || reason === atoms.normal || tagged(reason, atoms.shutdown, 2) !== null;
}

/** Unlinks; the reason of the child's own exit where that has come, else the one given. */
export function* unlinkFlush(self: Self, pid: Pid, otherwise: Value): Flow<Value> {
  self.unlink(pid);
  const exit = yield* receive({ match: (message) => isExitOf(message, pid), afterMs: 0 });
  return exit instanceof Tuple ? valueAt(exit.elements, 2) : otherwise;
}

export function isExitOf(message: Value, pid: Pid): boolean {
  const from = tagged(message, atoms.exit, 3)?.[1];
  return from instanceof Pid && samePid(from, pid);
}

export function* awaitDown(ref: Ref, afterMs: number | null): Flow<{ readonly reason: Value } | null> {
  const message = yield* receive({
    match: (candidate) => isDown(candidate) && candidate.elements[1] === ref,
    afterMs,
    marker: ref,
    at: 'supervisor:shutdown/1',
  });
  return isDown(message) ? { reason: valueAt(message.elements, 4) } : null;
}

export function isDown(message: unknown): message is Tuple<readonly unknown[]> {
  return tagged(message, atoms.down, 5) !== null;
}
