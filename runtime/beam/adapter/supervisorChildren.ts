/** The children of a supervisor: their number, and pages of them in start order where there is one. */
import { childOptions } from '../../callOptions.ts';
import { unsupported } from '../../errors.ts';
import type { ChildField } from '../../listFields.ts';
import { childFields, childValue } from '../../listFields.ts';
import type { ChildCount, ChildRow, ChildState, ProcessRef, Result } from '../../model.ts';
import { ok, pidText, processId } from '../../model.ts';
import type { CallOptions, Frame, Params, StreamEnd, StreamItem } from '../../port.ts';
import type { Term } from '../../term/term.ts';
import { atom, integer, isAtom, tuple } from '../../term/term.ts';
import { strangeAnswer } from './callError.ts';
import type { ListKind } from './chosenRows.ts';
import { chosenRows, listPlace } from './chosenRows.ts';
import type { NodeTarget } from './nodeTarget.ts';
import { atomName, listOf, numberOf, pidOf, processOf, propertiesOf, tupleOf } from './read.ts';
import type { Session } from './session.ts';
import type { Known } from './supervisorCalls.ts';
import { callSupervisor, longestCallMs, supervisorAnswer, supervisorAt, waitOf } from './supervisorCalls.ts';
import { hasStartOrder } from './supervisorLayout.ts';

/** `which_children` copies the whole list before a page of it can be taken. */
const mostListed = 200_000;
const rowsPerFrame = 500;
const mostRowsAsked = 1_000;

/** How many children, asked without listing them. */
export async function countChildren(
  session: Session,
  pid: ProcessRef,
  options: CallOptions,
): Promise<Result<ChildCount>> {
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
  const asked = {
    limit: Math.min(Math.max(Math.trunc(window.limit), 0), mostRowsAsked),
    offset: Math.max(Math.trunc(window.offset), 0),
  };
  const within = childOptions(options, longestCallMs);
  const held = await session.listings.held(known.value, asked, within);
  const page = held === null ? await freshPage(session, known.value, asked, within) : ok(held);
  if (!page.ok) return page;
  const rows = await childRows(session, known.value.target, listOf(page.value.rows), asked.offset, options);
  return ok({ total: page.value.total, rows });
}

/** A page of the list as it is now, which is counted first: a long one is held to be paged through. */
async function freshPage(
  session: Session,
  known: Known,
  asked: { readonly offset: number; readonly limit: number },
  options: CallOptions,
): Promise<Result<{ readonly rows: Term; readonly total: number }>> {
  const counted = await listable(known, options);
  if (!counted.ok) return counted;
  const many = counted.value;
  const listed = many > mostRowsAsked ? await session.listings.page(session, known, asked, options) : null;
  return listed ?? pageOnce(known, asked, options);
}

/** How many children there are, which its supervisor counts without listing them; refused where they are too many to be listed. */
async function listable(known: Known, options: CallOptions): Promise<Result<number>> {
  const counted = await countOf(known, options);
  if (!counted.ok) return counted;
  const many = Math.max(counted.value.specs, counted.value.active);
  if (many <= mostListed) return ok(many);
  return unsupported(
    'Listing the children',
    `${pidText(known.pid)} has ${String(counted.value.active)}, and OTP answers all of them at once.`,
    'Look at their number, or find single ones by name.',
  );
}

/** A page of a list that is taken for it alone. */
async function pageOnce(
  known: Known,
  { offset, limit }: { readonly offset: number; readonly limit: number },
  options: CallOptions,
): Promise<Result<{ readonly rows: Term; readonly total: number }>> {
  const reverse = atom(hasStartOrder(known.kind) ? 'true' : 'false');
  const args = [pidOf(known.pid), reverse, integer(offset), integer(limit), integer(waitOf(options))];
  const said = await known.target.run('sup_children', args, childOptions(options, longestCallMs));
  const answer = supervisorAnswer(said, known);
  if (!answer.ok) return answer;
  const [totalTerm, rows] = tupleOf(answer.value, 2) ?? [];
  const total = numberOf(totalTerm);
  return total === null || rows === undefined
    ? strangeAnswer(known.target.node, 'The list of children')
    : ok({ rows, total });
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
  return withKinds(session, target, children, options);
}

/** Says of those that are supervisors what kind they are. */
async function withKinds(
  session: Session,
  target: NodeTarget,
  children: readonly Child[],
  options: CallOptions,
): Promise<readonly ChildRow[]> {
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

function childList(known: Known, options: CallOptions): ListKind<Child, ChildField> {
  const reverse = atom(hasStartOrder(known.kind) ? 'true' : 'false');
  return {
    what: tuple(atom('children'), pidOf(known.pid), reverse, integer(waitOf(options))),
    items: [],
    formOf: (field) => ({
      item: field === 'registeredName' ? 'registered_name' : field,
      as: childFields[field],
    }),
    read: (sent) => {
      const [at, child] = tupleOf(sent, 2) ?? [];
      return child === undefined ? [] : [readChild(child, numberOf(at) ?? 0)].filter((one) => one !== null);
    },
    valueOf: ({ row }, field) => childValue(row, field),
    answered: (said) => supervisorAnswer(said, known),
  };
}

type ChildrenItem = StreamItem<Frame<'supervisors.children'>, StreamEnd<'supervisors.children'>>;

/** The children from `offset`, at most `limit`, in frames; of all, or of those that are selected, which its node does. */
export async function* streamChildren(
  session: Session,
  params: Params<'supervisors.children'>,
  options: CallOptions,
): AsyncGenerator<ChildrenItem> {
  if (params.where !== undefined || params.top !== undefined) {
    const chosen = await chosenChildren(session, params, options);
    if (chosen.ok) yield* inFrames(chosen.value.rows);
    yield { is: 'end', result: chosen.ok ? ok({ total: chosen.value.total }) : chosen };
    return;
  }
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
    yield* inFrames(rows);
    given += rows.length;
    if (rows.length === 0) break;
  } while (given < params.limit && params.offset + given < total);
  yield { is: 'end', result: ok({ total }) };
}

function* inFrames(rows: readonly ChildRow[]): Generator<ChildrenItem> {
  for (let at = 0; at < rows.length; at += rowsPerFrame)
    yield { is: 'frame', frame: rows.slice(at, at + rowsPerFrame) };
}

/** Those of all children that are selected: the supervisor answers with all at once, and the rest is done beside it. */
async function chosenChildren(
  session: Session,
  { supervisor, offset, limit, ...select }: Params<'supervisors.children'>,
  options: CallOptions,
): Promise<Result<ChildPage>> {
  const known = await supervisorAt(session, supervisor, options);
  if (!known.ok) return known;
  const counted = await listable(known.value, options);
  if (!counted.ok) return counted;
  const within = childOptions(options, longestCallMs);
  const end = offset + limit;
  // What is cut is what is chosen: beyond `offset` no more than `limit` of it are wanted.
  const wanted = select.top === undefined ? { ...select, first: end } : select;
  const found = await chosenRows(
    listPlace(session, known.value.target),
    childList(known.value, within),
    wanted,
    within,
  );
  if (!found.ok) return found;
  if ('absent' in found.value) return strangeAnswer(known.value.target.node, 'The list of children');
  const { rows, matched } = found.value;
  return ok({ rows: await withKinds(session, known.value.target, rows.slice(offset, end), options), total: matched });
}
