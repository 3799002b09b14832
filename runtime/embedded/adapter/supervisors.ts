/** The port's `supervisors.*`: read from the kernel, changed through the supervisors themselves. */
import { childNotFound, childRefused } from '../../childErrors.ts';
import { cancelled, notSupervisor } from '../../errors.ts';
import { stateNotTaken } from '../../handoverErrors.ts';
import { childValue } from '../../listFields.ts';
import type { ChildRow, ChildSpec, Failure, ProcessRef, Result, SupervisorInfo } from '../../model.ts';
import { ok, pidText } from '../../model.ts';
import type { CallOptions, Method, MethodTable, Params, StreamEnd, StreamItem } from '../../port.ts';
import { countRows } from '../../processQuery.ts';
import type { Term } from '../../term/term.ts';
import { termKey } from '../../term/term.ts';
import type { Value } from '../../term/values.ts';
import { a, Atom, Pid, toValue } from '../../term/values.ts';
import { ErrorException, ExitException } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import type { KernelNode } from '../kernel/node.ts';
import type { Process } from '../kernel/process.ts';
import type { Self } from '../kernel/self.ts';
import { atoms, tagged } from '../kernel/values.ts';
import type { Spec } from '../otp/childSpec.ts';
import { childSpec } from '../otp/childSpec.ts';
import { terminateDynamicChild } from '../otp/dynamicSupervisor.ts';
import { valueAt } from '../otp/gen.ts';
import { deleteChild, restartChild, terminateChild } from '../otp/supervisor.ts';
import type { Child, SupervisorView } from '../otp/supervisorState.ts';
import { countOf, supervisorAt } from '../otp/supervisorState.ts';
import type { ChildForm } from './children.ts';
import { kindOf, removeChild, startedPid, startForm } from './children.ts';
import { command } from './commands.ts';
import type { Context, Found } from './context.ts';
import { isProtected, protectedProcess, refOf, termJson, termOf } from './context.ts';
import type { RestartHistory } from './restartHistory.ts';
import { handState, sysLimit } from './serverState.ts';
import type { StateHandles } from './stateHandles.ts';

type FoundSupervisor = Found & { readonly supervisor: SupervisorView };

/** The methods of group `supervisors`. */
export function supervisorMethods(context: Context, history: RestartHistory, handles: StateHandles): MethodTable {
  return {
    'supervisors.find': (params, options) => find(context, params, options),
    'supervisors.children': (params) => children(context, params),
    'supervisors.count': async (params) =>
      withSupervisor(context, params.supervisor, ({ supervisor }) =>
        ok(countOf(supervisor, (pid) => context.cluster.find(pid) !== undefined)),
      ),
    'supervisors.flags': async (params) =>
      withSupervisor(context, params.supervisor, ({ supervisor }) => ok(supervisor.flags)),
    'supervisors.childSpec': async (params) =>
      withSupervisor(context, params.supervisor, ({ supervisor }) => {
        const spec = specOf(supervisor, params.childId);
        return spec === null ? childNotFound(params.supervisor.node) : ok(specModel(spec));
      }),
    'supervisors.restarts': async (params) =>
      withSupervisor(context, params.supervisor, ({ process }) => ok(history.of(process.pid, params.limit))),
    'supervisors.startChild': (params, options) => start(context, handles, params, options),
    'supervisors.terminateChild': (params, options) => terminate(context, params, options),
    'supervisors.restartChild': (params, options) =>
      change(
        context,
        params.supervisor,
        options,
        (self, pid) => restartChild(self, pid, toValue(params.childId)),
        startedChild,
      ),
    'supervisors.deleteChild': (params, options) =>
      change(
        context,
        params.supervisor,
        options,
        (self, pid) => deleteChild(self, pid, toValue(params.childId)),
        () => ok({}),
      ),
  };
}

/** The process, when it surely is a supervisor. */
export function supervisorOf(context: Context, ref: ProcessRef): Result<FoundSupervisor> {
  const found = context.process(ref);
  if (!found.ok) return found;
  const supervisor = supervisorAt(found.value.process.pid);
  if (supervisor !== null) return ok({ ...found.value, supervisor });
  return notSupervisor(pidText(ref), ref.node);
}

function withSupervisor<T>(
  context: Context,
  ref: ProcessRef,
  read: (found: FoundSupervisor) => Result<T>,
): Promise<Result<T>> {
  const found = supervisorOf(context, ref);
  return Promise.resolve(found.ok ? read(found.value) : found);
}

/** Every supervisor of a node, as the kernel knows them. */
export function supervisorsOn(context: Context, node: KernelNode): readonly SupervisorInfo[] {
  const roots = new Map(
    [...(context.cluster.applicationsOf(node.name)?.running.values() ?? [])].map(({ root, application }) => [
      root,
      application.name,
    ]),
  );
  const found: SupervisorInfo[] = [];
  for (const pid of context.supervisors.on(node)) {
    const process = node.find(pid);
    const supervisor = supervisorAt(pid);
    if (process === undefined || supervisor === null) continue;
    const parent = process.parent === null || supervisorAt(process.parent) === null ? null : process.parent;
    found.push({
      supervisor: refOf(process.pid),
      name: process.name === null ? null : { in: 'local', node: node.name, name: process.name },
      kind: supervisor.kind,
      module: supervisor.module,
      application: roots.get(process.pid) ?? null,
      parent: parent === null ? null : refOf(parent),
      flags: supervisor.flags,
      evidence: 'builtin',
    });
  }
  return found;
}

async function* find(
  context: Context,
  { nodes }: Params<'supervisors.find'>,
  { signal }: CallOptions,
): AsyncGenerator<StreamItem<readonly SupervisorInfo[], StreamEnd<'supervisors.find'>>> {
  const { up, coverage } = context.nodes(nodes);
  let total = 0;
  for (const node of up) {
    const found = supervisorsOn(context, node);
    total += found.length;
    yield { is: 'frame', frame: found };
    if (signal.aborted) {
      yield { is: 'end', result: cancelled('none') };
      return;
    }
  }
  await Promise.resolve();
  yield { is: 'end', result: ok({ nodes: coverage, total }) };
}

/** The children of a supervisor from `offset`, at most `limit`, in start order. */
export function childRows(
  context: Context,
  supervisor: SupervisorView,
  { offset, limit }: { readonly offset: number; readonly limit: number },
): readonly ChildRow[] {
  return supervisor.children
    .slice(offset, offset + limit)
    .map((child, at) => childRow(context, supervisor, child, offset + at));
}

function childRow(context: Context, supervisor: SupervisorView, child: Child, index: number): ChildRow {
  const { spec, pid } = child;
  const process: Process | undefined = pid instanceof Pid ? context.cluster.find(pid) : undefined;
  return {
    childId: termOf(supervisor.simple ? undefined : spec.id),
    type: spec.type,
    modules: spec.modules,
    state: pid instanceof Pid ? { is: 'running', pid: refOf(pid) } : { is: pid },
    index,
    supervisor: pid instanceof Pid ? (supervisorAt(pid)?.kind ?? null) : null,
    registeredName: process?.name ?? null,
  };
}

/** A key that stays a child's own while others come and go. */
export function childKey(row: ChildRow): string {
  const anonymous = row.childId.t === 'atom' && row.childId.v === 'undefined';
  if (!anonymous) return termKey(row.childId);
  return row.state.is === 'running' ? `${row.state.pid.id}.${row.state.pid.serial}` : `${row.state.is} ${row.index}`;
}

async function* children(
  context: Context,
  { supervisor, offset, limit, ...select }: Params<'supervisors.children'>,
): AsyncGenerator<StreamItem<readonly ChildRow[], StreamEnd<'supervisors.children'>>> {
  const found = supervisorOf(context, supervisor);
  if (!found.ok) {
    yield { is: 'end', result: found };
    return;
  }
  const view = found.value.supervisor;
  const isAll = select.where === undefined && select.top === undefined;
  const { chosen, matched: total } = isAll
    ? { chosen: childRows(context, view, { offset, limit }), matched: view.children.length }
    : countRows(childRows(context, view, { offset: 0, limit: view.children.length }), select, childValue);
  const rows = isAll ? chosen : chosen.slice(offset, offset + limit);
  for (let at = 0; at < rows.length; at += rowsPerFrame)
    yield { is: 'frame', frame: rows.slice(at, at + rowsPerFrame) };
  await Promise.resolve();
  yield { is: 'end', result: ok({ total }) };
}
const rowsPerFrame = 1000;

function specOf(supervisor: SupervisorView, childId: Term): Spec | null {
  if (supervisor.simple) return supervisor.template;
  return supervisor.byId(toValue(childId))?.spec ?? null;
}

function specModel(spec: Spec): ChildSpec {
  return {
    childId: termOf(spec.id),
    start: { module: spec.start.module, function: spec.start.function, args: (spec.start.args ?? []).map(termOf) },
    restart: spec.restart,
    shutdown: spec.shutdown,
    type: spec.type,
    significant: spec.significant,
  };
}

// ------------------------------------------------------------------------------------------------------------ changing

function change<T>(
  context: Context,
  ref: ProcessRef,
  { signal }: CallOptions,
  ask: (self: Self, supervisor: Pid) => Flow<Value>,
  read: (answer: Value) => Result<T>,
): Promise<Result<T>> {
  const found = supervisorOf(context, ref);
  if (!found.ok) return Promise.resolve(found);
  const { node, process } = found.value;
  if (isProtected(process)) return Promise.resolve(protectedProcess(ref, process));
  return command(context, node, signal, function* (self): Flow<Result<T>> {
    const answer = yield* ask(self, process.pid);
    const error = tagged(answer, atoms.error, 2);
    return error === null ? read(answer) : refusedBy(ref, valueAt(error, 1));
  });
}

async function start(
  context: Context,
  handles: StateHandles,
  { supervisor, spec, initialState }: Params<'supervisors.startChild'>,
  options: CallOptions,
): Promise<Result<{ readonly pid: ProcessRef | null }>> {
  const kept = initialState === undefined ? ok(null) : handles.of(initialState.handle);
  if (!kept.ok) return kept;
  const found = supervisorOf(context, supervisor);
  if (!found.ok) return found;
  const { node, process, supervisor: view } = found.value;
  if (isProtected(process)) return protectedProcess(supervisor, process);
  const kind = kindOf(view);
  const form: ChildForm =
    kind === 'simple' ? { kind, args: spec.start.args.map(toValue) } : { kind, spec: specFrom(spec) };
  const limitMs = sysLimit(options);
  return command(context, node, options.signal, function* (self): Flow<Result<{ readonly pid: ProcessRef | null }>> {
    const answer = yield* startForm(self, process.pid, form);
    const error = tagged(answer, atoms.error, 2);
    if (error !== null) return refusedBy(supervisor, valueAt(error, 1));
    const pid = startedPid(answer);
    if (pid === null || kept.value === null) return startedChild(answer);
    if (yield* takes(self, pid, kept.value.is, limitMs)) return startedChild(answer);
    // A child that does not take the state is taken back.
    yield* removeChild(self, process.pid, form, pid);
    return stateNotTaken(refOf(pid));
  });
}

function* takes(self: Self, pid: Pid, state: Value, limitMs: number): Flow<boolean> {
  try {
    return yield* handState(self, pid, state, limitMs);
  } catch (thrown) {
    if (thrown instanceof ErrorException || thrown instanceof ExitException) return false;
    throw thrown;
  }
}

/** A specification of the port as the kernel has it. */
export function specFrom({ childId, start: { module, function: name, args }, ...rest }: ChildSpec): Spec {
  const { restart, shutdown, type, significant } = rest;
  return childSpec(toValue(childId), [module, name, args.map(toValue)], { restart, shutdown, type, significant });
}

function startedChild(answer: Value): Result<{ readonly pid: ProcessRef | null }> {
  const started = tagged(answer, atoms.ok, 2) ?? tagged(answer, atoms.ok, 3);
  return ok({ pid: started?.[1] instanceof Pid ? refOf(started[1]) : null });
}

function terminate(
  context: Context,
  { supervisor, child }: Params<'supervisors.terminateChild'>,
  options: CallOptions,
): ReturnType<Method<'supervisors.terminateChild'>> {
  const found = supervisorOf(context, supervisor);
  if (!found.ok) return Promise.resolve(found);
  const which = whichChild(found.value.supervisor, child);
  if (which === null) return Promise.resolve(childNotFound(supervisor.node));
  return change(
    context,
    supervisor,
    options,
    (self, pid) => terminateWhich(self, found.value.supervisor, pid, which.is),
    () => ok({}),
  );
}

function terminateWhich(self: Self, supervisor: SupervisorView, pid: Pid, which: Value): Flow<Value> {
  return kindOf(supervisor) === 'dynamic' && which instanceof Pid
    ? terminateDynamicChild(self, pid, which)
    : terminateChild(self, pid, which);
}

/** How the supervisor names this child: by pid when it is simple_one_for_one, else by id. */
function whichChild(
  supervisor: SupervisorView,
  child: { readonly childId: Term } | { readonly pid: ProcessRef },
): { readonly is: Value } | null {
  if (!('pid' in child)) return { is: toValue(child.childId) };
  const { pid } = child;
  const found = supervisor.children.find((one) => one.pid instanceof Pid && sameRef(refOf(one.pid), pid));
  if (found === undefined) return null;
  return { is: supervisor.simple && found.pid instanceof Pid ? found.pid : found.spec.id };
}

function sameRef(one: ProcessRef, other: ProcessRef): boolean {
  return (
    one.node === other.node && one.creation === other.creation && one.id === other.id && one.serial === other.serial
  );
}

function refusedBy(supervisor: ProcessRef, reason: Value): Failure {
  const named = tagged(reason, a('already_started'), 2) === null ? reason : a('already_started');
  return childRefused(named instanceof Atom ? named.name : null, termJson(termOf(reason)), supervisor.node);
}
