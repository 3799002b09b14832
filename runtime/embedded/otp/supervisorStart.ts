/** Starting a supervisor's children (stdlib `supervisor`, `do_start_child_i/3` and `start_children/2`), and stopping them all. */
import type { Value } from '../../term/values.ts';
import { a, Pid, tup } from '../../term/values.ts';
import { reasonOf, ThrownValue } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import { mayGiveWay } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { atoms, okTuple, tagged } from '../kernel/values.ts';
import type { StartFunction } from './childSpec.ts';
import { valueAt } from './gen.ts';
import { stopChild, stopTogether } from './shutdown.ts';
import { reportChild } from './supervisorReport.ts';
import type { Child, SupervisorState } from './supervisorState.ts';
import { pidOf } from './supervisorState.ts';

/** What a start function came to: a process, or none where it answered `ignore`; `reply` is what a caller is answered. */
export type Started =
  | { readonly is: 'started'; readonly pid: Pid | 'undefined'; readonly reply: Value }
  | { readonly is: 'failed'; readonly reason: Value };

/** Calls a start function. Whatever it answers or does otherwise than it should is the reason of a failure. */
export function* startFrom(self: Self, { module, function: name, args }: StartFunction): Flow<Started> {
  let outcome: Value;
  try {
    if (args === undefined) return self.error(atoms.badarg);
    outcome = yield* self.apply(module, name, args);
  } catch (thrown) {
    // `catch apply(M, F, A)`: a throw is an answer like any other.
    outcome = thrown instanceof ThrownValue ? thrown.value : tup(atoms.exit, reasonOf(thrown));
  }
  if (outcome === atoms.ignore) return { is: 'started', pid: 'undefined', reply: okTuple(undefined) };
  const answer = tagged(outcome, atoms.ok, 2) ?? tagged(outcome, atoms.ok, 3);
  if (answer !== null && answer[1] instanceof Pid) return { is: 'started', pid: answer[1], reply: outcome };
  const error = tagged(outcome, atoms.error, 2);
  return { is: 'failed', reason: error === null ? outcome : valueAt(error, 1) };
}

/** Starts children in order; stops at the first that fails. Temporary ones that answer `ignore` are forgotten. */
export function* startAll(
  self: Self,
  state: SupervisorState,
  children: readonly Child[],
): Flow<{ readonly child: Child; readonly reason: Value } | null> {
  for (const child of children) {
    const started = yield* startFrom(self, child.spec.start);
    if (started.is === 'failed') {
      reportChild(self, state.name, 'start_error', started.reason, child.spec, { pid: pidOf(child) });
      return { child, reason: started.reason };
    }
    if (started.pid === 'undefined' && child.spec.restart === 'temporary') state.remove(child);
    else state.place(child, started.pid);
    changed(self);
    // A start function need not wait, and there may be 10,000.
    yield* mayGiveWay();
  }
  return null;
}

/** Stops children, last started first; temporary ones are forgotten. */
export function* stopAll(self: Self, state: SupervisorState, children: readonly Child[]): Flow<void> {
  for (const child of children.toReversed()) {
    yield* stopOne(self, state, child);
    if (child.spec.restart === 'temporary') state.remove(child);
    else state.place(child, 'undefined');
    changed(self);
  }
}

/** Stops the process of a child, if it has one. */
export function* stopOne(self: Self, state: SupervisorState, child: Child): Flow<void> {
  const { pid } = child;
  if (!(pid instanceof Pid)) return;
  const outcome = yield* stopChild(self, pid, child.spec);
  if (outcome !== null) reportChild(self, state.name, 'shutdown_error', outcome.error, child.spec, { pid });
}

/** Stops the children of a simple_one_for_one supervisor. */
export function* stopDynamic(self: Self, state: SupervisorState): Flow<void> {
  const { template } = state;
  if (template === null) return;
  const pids: Pid[] = [];
  for (const { pid } of state.children) {
    // OTP 25 has no clause for what a restart that answered `ignore` leaves behind.
    if (pid === 'undefined') return self.error(a('function_clause'));
    if (pid instanceof Pid) pids.push(pid);
  }
  for (const alike of yield* stopTogether(self, pids, template)) {
    reportChild(self, state.name, 'shutdown_error', alike.reason, template, alike);
  }
}

/** Tells observers that the children, or where they are, have changed. */
export function changed(self: Self): void {
  self.emit({ is: 'children', supervisor: self.pid });
}
