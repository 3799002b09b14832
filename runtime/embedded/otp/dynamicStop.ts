/**
 * How a DynamicSupervisor stops its children (Elixir 1.14, `terminate_children/2`): all at once, each within its own time. Unlike
 * OTP 25 it unlinks before it asks.
 */
import type { Ref, Value } from '../../term/values.ts';
import { Pid, Tuple } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive, timedOut } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { atoms, tagged } from '../kernel/values.ts';
import { valueAt } from './gen.ts';
import { isDown, isExitOf } from './shutdown.ts';
import type { Child } from './supervisorState.ts';

type Unexpected = { readonly child: Child; readonly pid: Pid; readonly reason: Value };

/** Stops the processes of these children; those that did not go as they should. */
export function* stopDynamicChildren(self: Self, children: readonly Child[]): Flow<readonly Unexpected[]> {
  const failed: Unexpected[] = [];
  const waiting = new Map<unknown, { readonly child: Child; readonly pid: Pid; untilMs: number }>();
  for (const child of children) {
    const { pid, spec } = child;
    if (!(pid instanceof Pid)) continue;
    const watch = yield* watchChild(self, pid);
    if ('ended' in watch) {
      if (watch.ended !== atoms.normal || spec.restart === 'permanent')
        failed.push({ child, pid, reason: watch.ended });
      continue;
    }
    self.sendExit(pid, spec.shutdown === 'brutal_kill' ? atoms.kill : atoms.shutdown);
    const untilMs = typeof spec.shutdown === 'number' ? self.nowMs + spec.shutdown : Infinity;
    waiting.set(watch.ref, { child, pid, untilMs });
  }
  while (waiting.size > 0) {
    const nextMs = [...waiting.values()].reduce((soonest, { untilMs }) => Math.min(soonest, untilMs), Infinity);
    const message = yield* receive({
      match: (candidate) => isDown(candidate) && waiting.has(candidate.elements[1]),
      afterMs: nextMs === Infinity ? null : Math.max(0, nextMs - self.nowMs),
      at: "'Elixir.DynamicSupervisor':wait_children/4",
    });
    if (message === timedOut) {
      for (const late of waiting.values()) {
        if (late.untilMs > self.nowMs) continue;
        self.sendExit(late.pid, atoms.kill);
        late.untilMs = Infinity;
      }
    } else if (isDown(message)) {
      const stopped = waiting.get(message.elements[1]);
      waiting.delete(message.elements[1]);
      const reason = valueAt(message.elements, 4);
      if (stopped !== undefined && !isExpected(reason, stopped.child)) {
        failed.push({ child: stopped.child, pid: stopped.pid, reason });
      }
    }
  }
  return failed;
}

function isExpected(reason: Value, { spec }: Child): boolean {
  if (spec.shutdown === 'brutal_kill') return reason === atoms.killed;
  if (reason === atoms.shutdown || tagged(reason, atoms.shutdown, 2) !== null) return true;
  return reason === atoms.normal && spec.restart !== 'permanent';
}

/** Monitors the child and unlinks from it; when it had ended before, its reason. */
function* watchChild(self: Self, pid: Pid): Flow<{ readonly ref: Ref } | { readonly ended: Value }> {
  const ref = self.monitor(pid);
  self.unlink(pid);
  const exit = yield* receive({ match: (message) => isExitOf(message, pid), afterMs: 0 });
  if (!(exit instanceof Tuple)) return { ref };
  self.demonitor(ref, { flush: true });
  return { ended: valueAt(exit.elements, 2) };
}
