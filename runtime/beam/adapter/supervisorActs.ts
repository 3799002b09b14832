/** Changing what a supervisor supervises, and how: always through the supervisor itself. */
import { childNotFound, childRefused } from '../../childErrors.ts';
import { failure, processNotFound, unsupported } from '../../errors.ts';
import type { ChildSpec, Failure, ProcessRef, Result, SupervisorFlags, SupervisorKind } from '../../model.ts';
import { fail, ok, pidText } from '../../model.ts';
import type { Answer, CallOptions, Params } from '../../port.ts';
import { flagsChanged, impossibleFlags, strategyFixed } from '../../supervisorFlagErrors.ts';
import type { Term } from '../../term/term.ts';
import { atom, integer, isAtom, list, tuple } from '../../term/term.ts';
import { answered, briefly, strangeAnswer } from './callError.ts';
import { flagsTerm, specTerm } from './childSpecs.ts';
import type { DirectTarget } from './nodeTarget.ts';
import { atomName, pidOf, processOf, tupleOf } from './read.ts';
import { safeTerm } from './safeTerm.ts';
import type { Session } from './session.ts';
import { handState, keeperOf } from './stateHandles.ts';
import type { Known } from './supervisorCalls.ts';
import { late, supervisorAnswer, supervisorToChange, waitOf } from './supervisorCalls.ts';
import { readLayout } from './supervisorLayout.ts';

type Started = Answer<'supervisors.startChild'>;

/** Elixir's dynamic supervisors speak another protocol than stdlib's. */
function isDynamic(kind: SupervisorKind): boolean {
  return kind === 'dynamic_supervisor' || kind === 'task_supervisor';
}

function ofHorde(what: string): Failure {
  return unsupported(
    what,
    'the children of a supervisor of Horde are spread over its members by Horde.',
    'Use the operations for Horde (horde_start_child).',
  );
}

/** Starts a further child. Errors: `child.bad_spec`, `child.exists`, `child.start_failed`, `supervisor.max_children`. */
export async function startChild(
  session: Session,
  { supervisor, spec, initialState }: Params<'supervisors.startChild'>,
  options: CallOptions,
): Promise<Result<Started>> {
  const keeper = initialState === undefined ? ok(null) : keeperOf(session, initialState.handle);
  if (!keeper.ok) return keeper;
  const found = await supervisorToChange(session, supervisor, options);
  if (!found.ok) return found;
  const started = await startUnder(found.value, spec, options);
  if (keeper.value === null || !started.ok) return started;
  return withState(session, started.value, { supervisor, keeper: keeper.value, spec }, options);
}

/** Hands the new child the state that is kept for it; a child that does not take it is taken back. */
async function withState(
  session: Session,
  started: Started,
  {
    supervisor,
    keeper,
    spec,
  }: { readonly supervisor: ProcessRef; readonly keeper: ProcessRef; readonly spec: ChildSpec },
  options: CallOptions,
): Promise<Result<Started>> {
  const target = await session.reachDirectly(supervisor.node, options);
  if (!target.ok || started.pid === null) return target.ok ? ok(started) : target;
  const handed = await handState(target.value, keeper, started.pid, options);
  if (handed.ok) return ok(started);
  const { childId } = spec;
  const ended = await terminateChild(session, { supervisor, child: { pid: started.pid } }, options);
  if (ended.ok) await deleteChild(session, { supervisor, childId }, options);
  return ended.ok ? handed : fail({ ...handed.error, effect: 'partial' });
}

async function startUnder(known: Known<DirectTarget>, spec: ChildSpec, options: CallOptions): Promise<Result<Started>> {
  const term = await checkedSpec(known.target, spec, '/spec', options);
  return term.ok ? startSpec(known, term.value, options) : term;
}

/** Has the supervisor start a child of the specification, a map that it can take. */
export async function startSpec(
  known: Known<DirectTarget>,
  spec: Term,
  options: CallOptions,
): Promise<Result<Started>> {
  if (known.kind === 'horde_supervisor') return ofHorde('Starting a child');
  if (isDynamic(known.kind)) return startOf(known, ['Elixir.DynamicSupervisor', 'start_child'], spec, options);
  const flags = await flagsNow(known, options);
  if (!flags.ok) return flags;
  // One of simple_one_for_one has the specification itself: it takes what is to be added to the arguments.
  const given = flags.value.strategy === 'simple_one_for_one' ? argsIn(spec) : spec;
  return startOf(known, ['supervisor', 'start_child'], given, options);
}

/** The specification as a term that the node has every atom of, and that stdlib takes for one. */
export async function checkedSpec(
  target: DirectTarget,
  spec: ChildSpec,
  pointer: string,
  options: CallOptions,
): Promise<Result<Term>> {
  const term = await safeTerm(target, specTerm(spec), pointer, options);
  if (!term.ok) return term;
  const said = await target.call('supervisor', 'check_childspecs', [list([term.value])], options);
  const verdict = answered(said, target.node, 'The child specification');
  if (!verdict.ok) return verdict;
  if (isAtom(verdict.value, 'ok')) return term;
  const why = briefly(tupleOf(verdict.value, 2)?.[1] ?? verdict.value);
  return failure(
    'validation',
    'child.bad_spec',
    `This is no child specification: ${why}`,
    'See supervisor:child_spec() of stdlib.',
    { pointer, node: target.node, details: { reason: why } },
  );
}

function argsIn(spec: Term): Term {
  const start = spec.t === 'map' ? spec.e.find(([key]) => isAtom(key, 'start'))?.[1] : undefined;
  return tupleOf(start, 3)?.[2] ?? list([]);
}

/** A child that is not up when its caller gives up, or is lost, is ended where it is sure which one that is (agent/supervisors.erl). */
async function startOf(
  known: Known<DirectTarget>,
  [module, name]: readonly [module: string, name: 'start_child' | 'restart_child'],
  given: Term,
  options: CallOptions,
): Promise<Result<Started>> {
  const { connection } = known.target;
  // By its end the node knows that we are lost, and that nobody waits for the child any more.
  const caller = connection.spawnRawPid({ message: () => undefined, exit: () => undefined });
  try {
    const args = [caller.pid, tuple(atom(module), atom(name)), pidOf(known.pid), given];
    const said = await known.target.run('sup_begin', args, options);
    const answer = supervisorAnswer(said, known, 'unknown');
    return answer.ok ? startedChild(known, answer.value) : answer;
  } finally {
    caller.release();
  }
}

/** `{ok, Child}`, `{ok, Child, Info}`, `ignore`, `{error, Reason}`. */
export function startedChild(known: Known, answer: Term): Result<Started> {
  if (isAtom(answer, 'ignore')) return ok({ pid: null });
  const [verdict, child] = tupleOf(answer) ?? [];
  if (isAtom(verdict, 'ok')) return ok({ pid: processOf(child) });
  return refusedBy(known, answer);
}

function refusedBy({ target, pid }: Known, answer: Term): Failure {
  const [verdict, reason] = tupleOf(answer, 2) ?? [];
  if (!isAtom(verdict, 'error') || reason === undefined) {
    return strangeAnswer(target.node, `The answer of ${pidText(pid)}`);
  }
  return childRefused(atomName(tupleOf(reason)?.[0] ?? reason), briefly(reason), target.node);
}

/** Ends a child and, unless it is temporary, keeps its specification. */
export async function terminateChild(
  session: Session,
  { supervisor, child }: Params<'supervisors.terminateChild'>,
  options: CallOptions,
): Promise<Result<Record<string, never>>> {
  const found = await supervisorToChange(session, supervisor, options);
  if (!found.ok) return found;
  const known = found.value;
  if (known.kind === 'horde_supervisor') return ofHorde('Terminating a child');
  const which = await whichChild(known, child, options);
  if (!which.ok) return which;
  const module = isDynamic(known.kind) ? 'Elixir.DynamicSupervisor' : 'supervisor';
  return act(known, [module, 'terminate_child', which.value], options);
}

/** How the supervisor names the child: by its id, or by its process where it gives no ids. */
async function whichChild(
  known: Known<DirectTarget>,
  child: Params<'supervisors.terminateChild'>['child'],
  options: CallOptions,
): Promise<Result<Term>> {
  if ('childId' in child) {
    return isDynamic(known.kind)
      ? childRefused('simple_one_for_one', null, known.target.node)
      : childIdOn(known, child.childId, options);
  }
  if (isDynamic(known.kind)) return ok(pidOf(child.pid));
  const args = [pidOf(known.pid), pidOf(child.pid), integer(waitOf(options))];
  const said = supervisorAnswer(await known.target.run('sup_child_of', args, options), known);
  if (!said.ok) return said;
  if (isAtom(said.value, 'by_pid')) return ok(pidOf(child.pid));
  const id = tupleOf(said.value, 2)?.[1];
  return id === undefined ? childNotFound(known.target.node) : ok(id);
}

async function childIdOn(known: Known, childId: Term, options: CallOptions): Promise<Result<Term>> {
  const term = await safeTerm(known.target, childId, '/childId', options);
  // An atom that the node does not have is no id of a child there.
  return !term.ok && term.error.code === 'term.unknown_atom' ? childNotFound(known.target.node) : term;
}

async function act(
  known: Known<DirectTarget>,
  [module, name, which]: readonly [module: string, name: string, which: Term],
  options: CallOptions,
): Promise<Result<Record<string, never>>> {
  const said = await known.target.call(module, name, [pidOf(known.pid), which], options);
  const answer = supervisorAnswer(said, known, 'unknown');
  if (!answer.ok) return answer;
  return isAtom(answer.value, 'ok') ? ok({}) : refusedBy(known, answer.value);
}

/** Starts a child anew that was terminated, or could not be started. */
export async function restartChild(
  session: Session,
  params: Params<'supervisors.restartChild'>,
  options: CallOptions,
): Promise<Result<Started>> {
  const found = await byId(session, params, options);
  if (!found.ok) return found;
  const { known, childId } = found.value;
  return startOf(known, ['supervisor', 'restart_child'], childId, options);
}

/** Forgets the specification of a child that does not run. */
export async function deleteChild(
  session: Session,
  params: Params<'supervisors.deleteChild'>,
  options: CallOptions,
): Promise<Result<Record<string, never>>> {
  const found = await byId(session, params, options);
  if (!found.ok) return found;
  const { known, childId } = found.value;
  return act(known, ['supervisor', 'delete_child', childId], options);
}

async function byId(
  session: Session,
  { supervisor, childId }: Params<'supervisors.restartChild'>,
  options: CallOptions,
): Promise<Result<{ readonly known: Known<DirectTarget>; readonly childId: Term }>> {
  const found = await supervisorToChange(session, supervisor, options);
  if (!found.ok) return found;
  const known = found.value;
  if (known.kind === 'horde_supervisor') return ofHorde('Acting on a child by its id');
  if (isDynamic(known.kind)) return childRefused('simple_one_for_one', null, known.target.node);
  const id = await childIdOn(known, childId, options);
  return id.ok ? ok({ known, childId: id.value }) : id;
}

/** Asked for by name, more may be copied than in the list of all (supervisorFinder.ts). */
const mostStateBytes = 16_000_000;

/** The flags as the state says them now. Errors: `supervisor.unknown_layout`, `supervisor.state_too_large`. */
export async function flagsNow({ target, pid, module }: Known, options: CallOptions): Promise<Result<SupervisorFlags>> {
  const args = [list([pidOf(pid)]), integer(mostStateBytes), integer(waitOf(options))];
  const answer = answered(await target.run('sup_flags', args, options), target.node, `Supervisor ${pidText(pid)}`);
  if (!answer.ok) return answer;
  const first = answer.value.t === 'list' ? answer.value.e[0] : undefined;
  const what = tupleOf(first, 2)?.[1];
  if (what === undefined) return strangeAnswer(target.node, 'The flags');
  const read = readLayout(what, module)?.flags ?? null;
  return read === null ? flagsUnread(pid, atomName(what)) : ok(read);
}

function flagsUnread(pid: ProcessRef, why: string | null): Failure {
  switch (why) {
    case 'timeout':
      return late(pid);
    case 'gone':
      return processNotFound(pidText(pid), pid.node);
    case 'too_large':
      return failure(
        'unsupported',
        'supervisor.state_too_large',
        `The state of ${pidText(pid)} is larger than ${String(mostStateBytes)} bytes and would be copied as a whole.`,
        'Look into its init/1.',
        { node: pid.node },
      );
    default:
      return unknownLayout(pid);
  }
}

function unknownLayout(pid: ProcessRef): Failure {
  return failure(
    'unsupported',
    'supervisor.unknown_layout',
    `The state of ${pidText(pid)} has no layout that is known.`,
    'Look into its init/1. See docs/limits.md for the releases that are known.',
    { node: pid.node },
  );
}

/** Changes strategy, intensity and period where they are what is expected; answers what was read back. */
export async function setFlags(
  session: Session,
  { supervisor, expect, flags }: Params<'supervisors.setFlags'>,
  options: CallOptions,
): Promise<Result<SupervisorFlags>> {
  const found = await supervisorToChange(session, supervisor, options);
  if (!found.ok) return found;
  const known = found.value;
  const refused = known.kind === 'horde_supervisor' ? ofHorde('Changing the flags') : impossibleFlags(expect, flags);
  if (refused !== null) return refused;
  const wait = integer(waitOf(options));
  const args = [pidOf(supervisor), flagsTerm(expect), flagsTerm(flags), wait];
  const said = supervisorAnswer(await known.target.run('sup_set_flags', args, options), known, 'unknown');
  // Also when nobody knows whether they were set.
  session.finders.of(known.target).reread(supervisor);
  if (!said.ok) return said;
  const [verdict, layout] = tupleOf(said.value, 2) ?? [];
  const now = readLayout(layout ?? atom('undefined'), known.module)?.flags ?? null;
  switch (atomName(verdict)) {
    case 'set':
      return now === null ? strangeAnswer(known.target.node, 'The flags read back') : ok(now);
    case 'changed':
      return flagsChanged(supervisor, now);
    case 'fixed':
      return strategyFixed(
        isDynamic(known.kind)
          ? `${pidText(supervisor)} is a dynamic supervisor, which knows one_for_one only.`
          : undefined,
      );
    case 'late':
      return late(supervisor);
    default:
      return unknownLayout(supervisor);
  }
}
