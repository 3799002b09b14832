/** The methods `supervisors.*`. Only what is surely a supervisor is ever called, with a deadline, and asked its size before its list. */
import { childOptions, remainingNow } from '../../callOptions.ts';
import { failure, notSupervisor, processNotFound, timedOut, unsupported } from '../../errors.ts';
import type {
  ChildCount,
  ChildRow,
  ChildSpec,
  ChildState,
  Failure,
  ProcessRef,
  Result,
  SupervisorFlags,
  SupervisorKind,
} from '../../model.ts';
import { ok, pidText, processId } from '../../model.ts';
import type { CallOptions, Frame, MethodTable, Params, StreamEnd, StreamItem } from '../../port.ts';
import type { Term } from '../../term/term.ts';
import { atom, integer, isAtom, list, tuple } from '../../term/term.ts';
import type { DistResult } from '../dist/errors.ts';
import { answered, strangeAnswer } from './callError.ts';
import { askEach } from './coverage.ts';
import { lifeOf } from './life.ts';
import type { NodeTarget } from './nodeTarget.ts';
import { atomName, listOf, numberOf, pidOf, processOf, propertiesOf, tupleOf } from './read.ts';
import { safeTerm } from './safeTerm.ts';
import type { Session } from './session.ts';
import { answersChildSpec, hasStartOrder, readLayout } from './supervisorLayout.ts';

/** A supervisor that is restarting children answers late; one that is suspended never does. */
const longestCallMs = 5_000;
/** `which_children` copies the whole list before a page of it can be taken. */
const mostListed = 100_000;
const rowsPerFrame = 500;
const mostRowsAsked = 1_000;
/** Asked for by name, more may be copied than in the list of all (supervisorFinder.ts). */
const mostStateBytes = 16_000_000;

type Known = {
  readonly target: NodeTarget;
  readonly pid: ProcessRef;
  readonly kind: SupervisorKind;
  readonly module: string;
};

/** `pid` as what it surely is: a supervisor; else why it is not called. */
async function supervisorAt(session: Session, pid: ProcessRef, options: CallOptions): Promise<Result<Known>> {
  const target = await lifeOf(session, pid, options);
  if (!target.ok) return target;
  const found = await session.finders.of(target.value).identify(target.value, pid, options);
  if (!found.ok) return found;
  if (found.value !== null) return ok({ target: target.value, pid, ...found.value });
  const alive = await target.value.call('erlang', 'is_process_alive', [pidOf(pid)], options);
  if (alive.ok && isAtom(alive.value, 'false')) return processNotFound(pidText(pid), pid.node);
  return notSupervisor(pidText(pid), pid.node);
}

/** The time that `gen_server:call` on the node may take, a little less than what is left here, so that it can say so. */
function waitOf(options: CallOptions): number {
  return Math.max(1, Math.floor(Math.min(remainingNow(options), longestCallMs) * 0.9));
}

/** What a supervisor answered, or why not. */
function supervisorAnswer(said: DistResult<Term>, { target, pid }: Known): Result<Term> {
  if (said.ok || said.error.kind !== 'exception') return answered(said, target.node, `Supervisor ${pidText(pid)}`);
  const why = atomName(tupleOf(said.error.reason)?.[0] ?? said.error.reason);
  if (why === 'timeout') return late(pid);
  if (why === 'noproc' || why === 'normal' || why === 'shutdown' || why === 'killed') {
    return processNotFound(pidText(pid), pid.node);
  }
  return answered(said, target.node, `Supervisor ${pidText(pid)}`);
}

function late(pid: ProcessRef): Failure {
  return timedOut(`Supervisor ${pidText(pid)} (it may be suspended, or starting a slow child)`, 'none', pid.node);
}

async function callSupervisor(known: Known, request: Term, options: CallOptions): Promise<Result<Term>> {
  const args = [pidOf(known.pid), request, integer(waitOf(options))];
  const said = await known.target.call('gen_server', 'call', args, childOptions(options, longestCallMs));
  return supervisorAnswer(said, known);
}

async function count(session: Session, pid: ProcessRef, options: CallOptions): Promise<Result<ChildCount>> {
  const known = await supervisorAt(session, pid, options);
  return known.ok ? countOf(known.value, options) : known;
}

async function countOf(known: Known, options: CallOptions): Promise<Result<ChildCount>> {
  const said = await callSupervisor(known, atom('count_children'), options);
  if (!said.ok) return said;
  const counts = propertiesOf(said.value);
  const [specs, active, supervisors, workers] = ['specs', 'active', 'supervisors', 'workers'].map((key) =>
    numberOf(counts.get(key)),
  );
  return typeof specs === 'number' &&
    typeof active === 'number' &&
    typeof supervisors === 'number' &&
    typeof workers === 'number'
    ? ok({ specs, active, supervisors, workers })
    : strangeAnswer(known.target.node, 'The count of children');
}

export type ChildPage = { readonly rows: readonly ChildRow[]; readonly total: number };

/** One page of the children of `pid`, at most 1,000 rows, in start order where there is one. */
export async function childrenOf(
  session: Session,
  pid: ProcessRef,
  window: { readonly offset: number; readonly limit: number },
  options: CallOptions,
): Promise<Result<ChildPage>> {
  const known = await supervisorAt(session, pid, options);
  if (!known.ok) return known;
  const counted = await countOf(known.value, options);
  if (!counted.ok) return counted;
  if (Math.max(counted.value.specs, counted.value.active) > mostListed) {
    return unsupported(
      'Listing the children',
      `${pidText(pid)} has ${String(counted.value.active)}, and OTP answers all of them at once.`,
      'Look at their number, or find single ones by name.',
    );
  }
  const limit = Math.min(Math.max(Math.trunc(window.limit), 0), mostRowsAsked);
  const offset = Math.max(Math.trunc(window.offset), 0);
  const reverse = atom(hasStartOrder(known.value.kind) ? 'true' : 'false');
  const args = [pidOf(pid), reverse, integer(offset), integer(limit), integer(waitOf(options))];
  const { target } = known.value;
  const said = await target.run('sup_children', args, childOptions(options, longestCallMs));
  const answer = supervisorAnswer(said, known.value);
  if (!answer.ok) return answer;
  const [totalTerm, rowsTerm] = tupleOf(answer.value, 2) ?? [];
  const total = numberOf(totalTerm);
  if (total === null || rowsTerm === undefined) return strangeAnswer(target.node, 'The list of children');
  return ok({ total, rows: await childRows(session, target, listOf(rowsTerm), offset, options) });
}

type Child = { readonly row: ChildRow; readonly pid: ProcessRef | null; readonly looksSupervising: boolean };

async function childRows(
  session: Session,
  target: NodeTarget,
  terms: readonly Term[],
  offset: number,
  options: CallOptions,
): Promise<readonly ChildRow[]> {
  const children = terms.flatMap((term, at) => readChild(term, offset + at) ?? []);
  const supervising = children.flatMap(({ pid, looksSupervising }) => (pid !== null && looksSupervising ? [pid] : []));
  if (supervising.length === 0) return children.map(({ row }) => row);
  const kinds = await session.finders.of(target).kindsOf(target, supervising, options);
  return children.map(({ row, pid }) => ({
    ...row,
    supervisor: pid === null ? null : (kinds.get(processId(pid)) ?? null),
  }));
}

/** `{Id, Pid, Type, Modules, RegisteredName, InitialCall}`, as `sup_children` (agent/supervisors.erl) answers. */
function readChild(term: Term, index: number): Child | null {
  const [childId, pidTerm, type, modules, name, initialCall] = tupleOf(term, 6) ?? [];
  if (childId === undefined || pidTerm === undefined) return null;
  const pid = processOf(pidTerm);
  return {
    pid,
    looksSupervising: atomName(tupleOf(initialCall, 3)?.[0]) === 'supervisor',
    row: {
      childId,
      type: isAtom(type, 'supervisor') ? 'supervisor' : 'worker',
      modules: isAtom(modules, 'dynamic') ? 'dynamic' : listOf(modules).flatMap((module) => atomName(module) ?? []),
      state: stateOf(pid, pidTerm),
      index,
      supervisor: null,
      registeredName: atomName(name),
    },
  };
}

function stateOf(pid: ProcessRef | null, term: Term): ChildState {
  if (pid !== null) return { is: 'running', pid };
  return isAtom(term, 'restarting') ? { is: 'restarting' } : { is: 'undefined' };
}

type ChildrenItem = StreamItem<Frame<'supervisors.children'>, StreamEnd<'supervisors.children'>>;

async function* children(
  session: Session,
  params: Params<'supervisors.children'>,
  options: CallOptions,
): AsyncGenerator<ChildrenItem> {
  let total = 0;
  let given = 0;
  do {
    const window = { offset: params.offset + given, limit: Math.min(params.limit - given, mostRowsAsked) };
    const page = await childrenOf(session, params.supervisor, window, options);
    if (!page.ok) {
      yield { is: 'end', result: page };
      return;
    }
    total = page.value.total;
    const { rows } = page.value;
    for (let at = 0; at < rows.length; at += rowsPerFrame)
      yield { is: 'frame', frame: rows.slice(at, at + rowsPerFrame) };
    given += rows.length;
    if (rows.length === 0) break;
  } while (given < params.limit && params.offset + given < total);
  yield { is: 'end', result: ok({ total }) };
}

type FindItem = StreamItem<Frame<'supervisors.find'>, StreamEnd<'supervisors.find'>>;

async function* find(
  session: Session,
  params: Params<'supervisors.find'>,
  options: CallOptions,
): AsyncGenerator<FindItem> {
  const found = await askEach(session, params.nodes, options, (target) => session.finders.of(target).find(target));
  let total = 0;
  for (const [, supervisors] of found.answers) {
    total += supervisors.length;
    for (let at = 0; at < supervisors.length; at += rowsPerFrame) {
      yield { is: 'frame', frame: supervisors.slice(at, at + rowsPerFrame) };
    }
  }
  yield { is: 'end', result: ok({ total, nodes: found.nodes }) };
}

async function flags(session: Session, pid: ProcessRef, options: CallOptions): Promise<Result<SupervisorFlags>> {
  const known = await supervisorAt(session, pid, options);
  if (!known.ok) return known;
  const { target, module } = known.value;
  const args = [list([pidOf(pid)]), integer(mostStateBytes), integer(waitOf(options))];
  const said = await target.run('sup_flags', args, childOptions(options, longestCallMs));
  const answer = answered(said, target.node, `Supervisor ${pidText(pid)}`);
  if (!answer.ok) return answer;
  const what = tupleOf(listOf(answer.value)[0], 2)?.[1];
  if (what === undefined) return strangeAnswer(target.node, 'The flags');
  const read = readLayout(what, module)?.flags ?? null;
  if (read !== null) return ok(read);
  switch (atomName(what)) {
    case 'timeout':
      return late(pid);
    case 'gone':
      return processNotFound(pidText(pid), pid.node);
    case 'too_large':
      return unsupported(
        'Reading the flags',
        `the state of ${pidText(pid)} is larger than ${String(mostStateBytes)} bytes and would be copied as a whole.`,
        'Look into its init/1.',
      );
    default:
      return unsupported(
        'Reading the flags',
        `the layout of the state of ${pidText(pid)} is not known.`,
        'Look into its init/1. See docs/limits.md for the releases that are known.',
      );
  }
}

async function childSpec(
  session: Session,
  params: Params<'supervisors.childSpec'>,
  options: CallOptions,
): Promise<Result<ChildSpec>> {
  const known = await supervisorAt(session, params.supervisor, options);
  if (!known.ok) return known;
  if (!answersChildSpec(known.value.kind)) {
    return unsupported(
      'Reading a child specification',
      'a dynamic supervisor of Elixir does not answer it.',
      'Look at the code that starts the child.',
    );
  }
  const childId = await safeTerm(known.value.target, params.childId, '/childId', options);
  const unknownId = !childId.ok && childId.error.code === 'term.unknown_atom';
  if (!childId.ok && !unknownId) return childId;
  const said = childId.ok
    ? await callSupervisor(known.value, tuple(atom('get_childspec'), childId.value), options)
    : null;
  if (said !== null && !said.ok) return said;
  const [verdict, spec] = tupleOf(said?.value, 2) ?? [];
  if (verdict === undefined || isAtom(verdict, 'error')) {
    return failure(
      'not_found',
      'supervisor.no_such_child',
      `${pidText(params.supervisor)} has no child of that id.`,
      'See which_children for the children it has.',
      { node: params.supervisor.node },
    );
  }
  return readSpec(spec) ?? strangeAnswer(known.value.target.node, 'The child specification');
}

/** `#{id, start, restart, shutdown, type, significant, modules}` (stdlib, supervisor:get_childspec/2). */
function readSpec(term: Term | undefined): Result<ChildSpec> | null {
  const spec = propertiesOf(term);
  const childId = spec.get('id');
  const [module, name, args] = tupleOf(spec.get('start'), 3) ?? [];
  const restart = (['permanent', 'transient', 'temporary'] as const).find(
    (known) => known === atomName(spec.get('restart')),
  );
  const shutdown = shutdownOf(spec.get('shutdown'));
  const [moduleName, functionName] = [atomName(module), atomName(name)];
  if (childId === undefined || moduleName === null || functionName === null) return null;
  if (restart === undefined || shutdown === null) return null;
  return ok({
    childId,
    start: { module: moduleName, function: functionName, args: listOf(args) },
    restart,
    shutdown,
    type: isAtom(spec.get('type'), 'supervisor') ? 'supervisor' : 'worker',
    significant: isAtom(spec.get('significant'), 'true'),
  });
}

function shutdownOf(term: Term | undefined): ChildSpec['shutdown'] | null {
  const name = atomName(term);
  return name === 'brutal_kill' || name === 'infinity' ? name : numberOf(term);
}

export function supervisorMethods(session: Session): MethodTable {
  return {
    'supervisors.find': (params, options) => find(session, params, options),
    'supervisors.children': (params, options) => children(session, params, options),
    'supervisors.count': ({ supervisor }, options) => count(session, supervisor, options),
    'supervisors.flags': ({ supervisor }, options) => flags(session, supervisor, options),
    'supervisors.childSpec': (params, options) => childSpec(session, params, options),
  };
}
