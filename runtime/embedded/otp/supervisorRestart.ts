/**
 * What a supervisor does when a child ends (stdlib `supervisor` of OTP 25, `do_restart/3` and `restart/2,3`): whether it is
 * started again, alone or with others, how often that may be within a period, and when the supervisor itself ends.
 */
import type { Value } from '../../term/values.ts';
import { a, Pid, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { tagged } from '../kernel/values.ts';
import type { Restart } from './childSpec.ts';
import { cast } from './gen.ts';
import { isOrderly } from './genServer.ts';
import { reportChild } from './supervisorReport.ts';
import { changed, startAll, startFrom, stopAll } from './supervisorStart.ts';
import type { Child, SupervisorState } from './supervisorState.ts';
import { pidOf } from './supervisorState.ts';

/** Whether the supervisor goes on, or ends with `shutdown`. */
export type Verdict = 'go on' | 'shutdown';

export const tryAgainRestart = a('try_again_restart');
const restarting = a('restarting');

/** A child ended with this reason. */
export function* childEnded(self: Self, state: SupervisorState, child: Child, reason: Value): Flow<Verdict> {
  const again = isRestarted(child.spec.restart, reason);
  if (again || !isOrderly(reason)) {
    reportChild(self, state.name, 'child_terminated', reason, child.spec, { pid: pidOf(child) });
  }
  if (again) return yield* restart(self, state, child, reason);
  forget(self, state, child);
  return endsItself(state, child) ? 'shutdown' : 'go on';
}

/** Whether a child with this restart type is started again after this reason. */
export function isRestarted(type: Restart, reason: Value): boolean {
  return type === 'permanent' || (type === 'transient' && !isOrderly(reason));
}

/** Takes the child off those that run; temporary ones, and those of simple_one_for_one, altogether. */
export function forget(self: Self, state: SupervisorState, child: Child): void {
  if (state.simple || child.spec.restart === 'temporary') state.remove(child);
  else state.place(child, 'undefined');
  changed(self);
}

/** Whether the end of this child, by itself, ends the supervisor (`auto_shutdown`). */
function endsItself(state: SupervisorState, ended: Child): boolean {
  const { autoShutdown } = state.flags;
  if (autoShutdown === 'never' || !ended.spec.significant) return false;
  if (autoShutdown === 'any_significant') return true;
  if (state.simple) return state.size === 0;
  return !state.children.some(({ spec, pid }) => spec.significant && pid !== 'undefined');
}

/** Starts the child again, unless that was too often; a start that fails is tried again by a message to the supervisor itself. */
export function* restart(self: Self, state: SupervisorState, child: Child, reason: Value): Flow<Verdict> {
  const times = countRestart(state.restarts, self.nowMs, state.flags.periodSeconds);
  state.restarts = times;
  if (times.length > state.flags.intensity) {
    const why = a('reached_max_restart_intensity');
    reportChild(self, state.name, 'shutdown', why, child.spec, { pid: pidOf(child) });
    forget(self, state, child);
    return 'shutdown';
  }
  const childId = state.simple ? undefined : child.spec.id;
  self.emit({ is: 'restart', supervisor: self.pid, childId, reason, count: times.length });
  const failed = yield* startAgain(self, state, child);
  changed(self);
  // So that calls are answered in between; each try counts.
  if (failed !== null) cast(self, self.pid, tup(tryAgainRestart, state.simple ? pidOf(failed) : failed.spec.id));
  return 'go on';
}

/** The seconds of the restarts within the period, this one first; whole seconds of the monotonic clock, as OTP counts. */
export function countRestart(restarts: readonly number[], nowMs: number, periodSeconds: number): readonly number[] {
  const now = Math.floor(nowMs / 1000);
  const tooOld = restarts.findIndex((at) => at < now - periodSeconds);
  return [now, ...(tooOld < 0 ? restarts : restarts.slice(0, tooOld))];
}

/** Restarts what the strategy says; the child whose start failed, or null. */
function* startAgain(self: Self, state: SupervisorState, child: Child): Flow<Child | null> {
  switch (state.flags.strategy) {
    case 'simple_one_for_one':
      return yield* restartDynamic(self, state, child);
    case 'one_for_one':
      return yield* restartAlone(self, state, child);
    case 'rest_for_one':
      return yield* restartTogether(self, state, child, state.children.slice(state.children.indexOf(child)));
    case 'one_for_all':
      return yield* restartTogether(self, state, child, state.children);
  }
}

function* restartAlone(self: Self, state: SupervisorState, child: Child): Flow<Child | null> {
  const started = yield* startFrom(self, child.spec.start);
  if (started.is === 'started') {
    state.place(child, started.pid);
    return null;
  }
  reportChild(self, state.name, 'start_error', started.reason, child.spec, { pid: pidOf(child) });
  state.place(child, 'restarting', endedAs(child));
  return child;
}

function* restartDynamic(self: Self, state: SupervisorState, child: Child): Flow<Child | null> {
  const { spec } = child;
  if (child.pid === 'restarting') state.dynamicRestarts -= 1;
  const offender = { pid: pidOf(child) };
  const from = endedAs(child);
  state.remove(child);
  const started = yield* startFrom(self, spec.start);
  if (started.is === 'started') {
    state.add(spec, started.pid);
    return null;
  }
  state.dynamicRestarts += 1;
  reportChild(self, state.name, 'start_error', started.reason, spec, offender);
  return state.add(spec, 'restarting', from);
}

function* restartTogether(
  self: Self,
  state: SupervisorState,
  child: Child,
  group: readonly Child[],
): Flow<Child | null> {
  const from = endedAs(child);
  state.place(child, 'undefined');
  yield* stopAll(self, state, group);
  // Temporary ones are not started again because a sibling failed.
  const again = group.filter((other) => other.spec.restart !== 'temporary');
  const failed = (yield* startAll(self, state, again))?.child ?? null;
  if (failed !== null) state.place(failed, 'restarting', failed === child ? from : null);
  return failed;
}

/** The process a child is restarted in place of. */
function endedAs(child: Child): Pid | null {
  return child.pid instanceof Pid ? child.pid : child.restartingFrom;
}

/** The child that `{try_again_restart, Id}` means, if it still waits for its restart. */
export function waitingForRestart(state: SupervisorState, id: Value): Child | undefined {
  if (state.simple) return state.restartingFrom(tagged(id, restarting, 2)?.[1]);
  const child = state.byId(id);
  return child?.pid === 'restarting' ? child : undefined;
}
