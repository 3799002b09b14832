/** A process as the child of its supervisor: how it is ended there, and started there or under another one. */
import { handoverRefused } from '../../handoverErrors.ts';
import type { Failure } from '../../model.ts';
import type { Value } from '../../term/values.ts';
import { Pid } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import type { Process } from '../kernel/process.ts';
import type { Self } from '../kernel/self.ts';
import { atoms, tagged } from '../kernel/values.ts';
import type { Spec } from '../otp/childSpec.ts';
import { specValue } from '../otp/childSpec.ts';
import { startDynamicChild, terminateDynamicChild } from '../otp/dynamicSupervisor.ts';
import { deleteChild, restartChild, startChild, terminateChild } from '../otp/supervisor.ts';
import type { SupervisorView } from '../otp/supervisorState.ts';
import { supervisorAt } from '../otp/supervisorState.ts';

/** How a supervisor knows its children: by id, by process with arguments of their own, or by process with all of a specification. */
export type ChildKind = 'static' | 'simple' | 'dynamic';
/** What start_child of such a supervisor takes. */
export type ChildForm = { readonly kind: 'static' | 'dynamic'; readonly spec: Spec } | SimpleForm;
type SimpleForm = { readonly kind: 'simple'; readonly args: readonly Value[] };
/** A child that can be started again. */
export type Home = {
  readonly supervisor: SupervisorView;
  readonly pid: Pid;
  readonly spec: Spec;
  readonly form: ChildForm;
};

export function kindOf(supervisor: SupervisorView): ChildKind {
  if (supervisor.kind === 'dynamic_supervisor' || supervisor.kind === 'task_supervisor') return 'dynamic';
  return supervisor.simple ? 'simple' : 'static';
}

/** Where a process is a child; the failure of `what` when it cannot be started again from there. */
export function homeOf(process: Process, what: string): { readonly ok: true; readonly value: Home } | Failure {
  const supervisor = process.parent === null ? null : supervisorAt(process.parent);
  const child = supervisor?.byPid(process.pid);
  if (supervisor === null || child === undefined) return refused(what, 'not_supervised');
  const { spec } = child;
  const { args } = spec.start;
  const kind = kindOf(supervisor);
  if (kind === 'static') {
    // A temporary child of the first hour has its arguments; one that was added has not.
    if (args === undefined) return refused(what, 'start_unknown');
    return { ok: true, value: { supervisor, pid: process.pid, spec, form: { kind, spec } } };
  }
  if (args === undefined) return refused(what, 'start_unknown');
  const own = supervisor.template?.start.args?.length ?? 0;
  const form: ChildForm = kind === 'simple' ? { kind, args: args.slice(own) } : { kind, spec };
  return { ok: true, value: { supervisor, pid: process.pid, spec, form } };
}

/** The child in the form that another supervisor takes. */
export function formFor(
  home: Home,
  there: SupervisorView,
  what: string,
): { readonly ok: true; readonly value: ChildForm } | Failure {
  const kind = kindOf(there);
  if (kind === 'simple') {
    return home.form.kind === 'simple' ? { ok: true, value: home.form } : refused(what, 'other_kind');
  }
  if (kind === 'static' && home.form.kind !== 'static') return refused(what, 'no_id');
  return { ok: true, value: { kind, spec: home.spec } };
}

function refused(what: string, reason: string): Failure {
  const failure = handoverRefused(what, reason);
  if (failure === null) throw new Error(`${reason} is no reason`);
  return failure;
}

/** `{ok, Pid}`, `{ok, Pid, Info}`, `ignore` or `{error, Reason}`. */
export function startForm(self: Self, supervisor: Pid, form: ChildForm): Flow<Value> {
  switch (form.kind) {
    case 'dynamic':
      return startDynamicChild(self, supervisor, form.spec);
    case 'simple':
      return startChild(self, supervisor, [...form.args]);
    case 'static':
      return startChild(self, supervisor, specValue(form.spec));
  }
}

/** The process in an answer of {@link startForm}. */
export function startedPid(answer: Value): Pid | null {
  const started = tagged(answer, atoms.ok, 2) ?? tagged(answer, atoms.ok, 3);
  return started?.[1] instanceof Pid ? started[1] : null;
}

/** Has the supervisor end the child; one with an id stays known to it. `ok` or `{error, Reason}`. */
export function endChild(self: Self, supervisor: Pid, form: ChildForm, pid: Pid): Flow<Value> {
  if (form.kind === 'dynamic') return terminateDynamicChild(self, supervisor, pid);
  return terminateChild(self, supervisor, form.kind === 'simple' ? pid : form.spec.id);
}

/** Takes a child out of its supervisor for good. */
export function* removeChild(self: Self, supervisor: Pid, form: ChildForm, pid: Pid): Flow<void> {
  yield* endChild(self, supervisor, form, pid);
  if (form.kind === 'static' && form.spec.restart !== 'temporary') yield* deleteChild(self, supervisor, form.spec.id);
}

/** Starts a child anew that {@link endChild} has ended. */
export function startAgain(self: Self, supervisor: Pid, form: ChildForm): Flow<Value> {
  // A supervisor forgets a temporary child as soon as it ends.
  const isKept = form.kind === 'static' && form.spec.restart !== 'temporary';
  return isKept ? restartChild(self, supervisor, form.spec.id) : startForm(self, supervisor, form);
}
