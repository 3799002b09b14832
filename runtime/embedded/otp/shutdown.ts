/** How a supervisor stops its children (stdlib `supervisor`, "Shutdown"): monitor, unlink, ask, wait, kill. */
import type { Pid, Ref, Value } from '../../term/values.ts';
import { Tuple } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive, timedOut } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { atoms, tagged } from '../kernel/values.ts';
import type { Spec } from './childSpec.ts';
import { valueAt } from './gen.ts';

/** Stops one child; null when it went as it should, else the reason that is to be reported. */
export function* stopChild(self: Self, pid: Pid, spec: Spec): Flow<{ readonly error: Value } | null> {
  const watch = yield* watchToEnd(self, pid);
  if ('ended' in watch) return watch.ended === atoms.shutdown ? null : { error: watch.ended };
  if (spec.shutdown === 'brutal_kill') {
    self.sendExit(pid, atoms.kill);
    const reason = yield* awaitDown(watch.ref, null);
    return reason === null || reason.is === atoms.killed ? null : { error: reason.is };
  }
  self.sendExit(pid, atoms.shutdown);
  const asked = yield* awaitDown(watch.ref, spec.shutdown === 'infinity' ? null : spec.shutdown);
  if (asked !== null) return isGood(asked.is, spec) ? null : { error: asked.is };
  self.sendExit(pid, atoms.kill);
  const killed = yield* awaitDown(watch.ref, null);
  return { error: killed?.is ?? atoms.killed };
}

/** Stops the children of a simple_one_for_one supervisor: all are asked at once, and share one time limit. */
export function* stopTogether(
  self: Self,
  pids: readonly Pid[],
  spec: Spec,
): Flow<readonly { readonly pid: Pid; readonly reason: Value }[]> {
  const failed: { pid: Pid; reason: Value }[] = [];
  const waiting = new Map<Ref, Pid>();
  for (const pid of pids) {
    const watch = yield* watchToEnd(self, pid);
    if ('ref' in watch) waiting.set(watch.ref, pid);
    else if (watch.ended !== atoms.shutdown) failed.push({ pid, reason: watch.ended });
  }
  const ask = spec.shutdown === 'brutal_kill' ? atoms.kill : atoms.shutdown;
  for (const pid of waiting.values()) self.sendExit(pid, ask);
  let until = typeof spec.shutdown === 'number' ? self.nowMs + spec.shutdown : null;
  let wasKilled = spec.shutdown === 'brutal_kill';
  while (waiting.size > 0) {
    const message = yield* receive({
      match: (candidate) => downOf(candidate, waiting) !== null,
      afterMs: until === null ? null : Math.max(0, until - self.nowMs),
      at: 'supervisor:wait_dynamic_children/5',
    });
    if (message === timedOut) {
      for (const pid of waiting.values()) self.sendExit(pid, atoms.kill);
      until = null;
      wasKilled = true;
      continue;
    }
    const down = downOf(message, waiting);
    if (down === null) continue;
    waiting.delete(down.ref);
    const fine =
      isGood(down.reason, spec) || (wasKilled && spec.shutdown === 'brutal_kill' && down.reason === atoms.killed);
    if (!fine) failed.push({ pid: down.pid, reason: down.reason });
  }
  return failed;
}

function isGood(reason: Value, spec: Spec): boolean {
  if (reason === atoms.shutdown || tagged(reason, atoms.shutdown, 2) !== null) return true;
  return reason === atoms.normal && spec.restart !== 'permanent';
}

/** Monitors the child and unlinks from it; when it had ended before, its reason. */
function* watchToEnd(self: Self, pid: Pid): Flow<{ readonly ref: Ref } | { readonly ended: Value }> {
  const ref = self.monitor(pid);
  self.unlink(pid);
  const exit = yield* receive({
    match: (message) => {
      const elements = tagged(message, atoms.exit, 3);
      return elements !== null && elements[1] === pid;
    },
    afterMs: 0,
  });
  if (exit === timedOut || !(exit instanceof Tuple)) return { ref };
  self.demonitor(ref, { flush: true });
  return { ended: valueAt(exit.elements, 2) };
}

function* awaitDown(ref: Ref, afterMs: number | null): Flow<{ readonly is: Value } | null> {
  const message = yield* receive({
    match: (candidate) =>
      candidate instanceof Tuple && candidate.elements[0] === atoms.down && candidate.elements[1] === ref,
    afterMs,
    at: 'supervisor:shutdown/1',
  });
  return message instanceof Tuple ? { is: valueAt(message.elements, 4) } : null;
}

function downOf(
  message: Value,
  waiting: ReadonlyMap<Ref, Pid>,
): { readonly ref: Ref; readonly pid: Pid; readonly reason: Value } | null {
  if (!(message instanceof Tuple) || message.elements[0] !== atoms.down) return null;
  for (const [ref, pid] of waiting) {
    if (message.elements[1] === ref) return { ref, pid, reason: valueAt(message.elements, 4) };
  }
  return null;
}
