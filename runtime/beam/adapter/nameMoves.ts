/** `names.move`: a name from one process to another, and back again where it cannot be taken there. */
import { remainingNow } from '../../callOptions.ts';
import { processNotFound } from '../../errors.ts';
import type { NameRef, ProcessRef, Result } from '../../model.ts';
import { ok, pidText } from '../../model.ts';
import { nameLost, nameNotMoved, nameOfHolderOnly, nameTaken, nameText } from '../../nameErrors.ts';
import type { Answer, CallOptions, Params } from '../../port.ts';
import type { Term } from '../../term/term.ts';
import { integer, isAtom } from '../../term/term.ts';
import type { AgentFunctionName } from '../agent/agentCode.ts';
import { callFailure } from './callError.ts';
import { ownLinkOf } from './life.ts';
import type { DirectTarget } from './nodeTarget.ts';
import { atomName, numberOf, pidOf, tupleOf } from './read.ts';
import { atomOnNode, safeTerm } from './safeTerm.ts';
import type { Session } from './session.ts';

type Moved = Answer<'names.move'>;

const notHeld: Moved = { moved: false, gapMs: 0 };
/** What is left for the answer to come back. */
const answerMs = 200;

/** As the port says. Errors: `name.taken`, `name.not_moved`, those of a call; unsupported for registries that name their caller only. */
export async function moveName(
  session: Session,
  { name, from, to }: Params<'names.move'>,
  options: CallOptions,
): Promise<Result<Moved>> {
  const there = await ownLinkOf(session, to, options);
  if (!there.ok) return there;
  const alive = await there.value.call('erlang', 'is_process_alive', [pidOf(to)], options);
  if (!alive.ok) return callFailure(alive.error, { node: to.node, what: 'The process', effect: 'none' });
  if (!isAtom(alive.value, 'true')) return processNotFound(pidText(to), to.node);
  switch (name.in) {
    case 'local':
      return moveLocal(session, there.value, { name, from, to }, options);
    case 'global':
      return moveGlobal(there.value, { name, from, to }, options);
    case 'via':
      return moveVia(there.value, { name, from, to }, options);
  }
}

type Move<N extends NameRef['in']> = {
  readonly name: Extract<NameRef, { in: N }>;
  readonly from: ProcessRef;
  readonly to: ProcessRef;
};

async function moveLocal(
  session: Session,
  there: DirectTarget,
  { name, from, to }: Move<'local'>,
  options: CallOptions,
): Promise<Result<Moved>> {
  if (name.node !== from.node) return ok(notHeld);
  const here = await ownLinkOf(session, from, options);
  if (!here.ok) return here;
  const known = await atomOnNode(here.value, name.name, options);
  if (!known.ok) return known;
  if (known.value === null) return ok(notHeld);
  if (from.node === to.node) {
    return said(there, 'names_move_local', [known.value, pidOf(from), pidOf(to)], name, options);
  }
  const holder = await here.value.call('erlang', 'whereis', [known.value], options);
  if (!holder.ok) return callFailure(holder.error, { node: from.node, what: 'The name', effect: 'none' });
  if (!isSame(holder.value, from)) return ok(notHeld);
  const local = await atomOnNode(there, name.name, options);
  if (!local.ok) return local;
  // A name that no code there mentions is none that anybody there sends to.
  if (local.value === null) {
    return nameNotMoved(
      name,
      `${to.node} does not know the name: no code there mentions it, and Arsenal makes no atom`,
    );
  }
  const taken = await there.run('names_take_local', [local.value, pidOf(to)], options);
  if (!taken.ok) return callFailure(taken.error, { node: to.node, what: nameText(name), effect: 'unknown' });
  if (isAtom(taken.value, 'taken')) return nameTaken(name, to.node);
  if (!isAtom(taken.value, 'true')) return nameNotMoved(name);
  const left = await here.value.run('names_leave_local', [known.value, pidOf(from)], options);
  if (!left.ok) return callFailure(left.error, { node: from.node, what: nameText(name), effect: 'partial' });
  return ok({ moved: true, gapMs: 0 });
}

async function moveGlobal(
  there: DirectTarget,
  { name, from, to }: Move<'global'>,
  options: CallOptions,
): Promise<Result<Moved>> {
  const term = await safeTerm(there, name.name, '/name/name', options);
  if (!term.ok) return term.error.code === 'term.unknown_atom' ? ok(notHeld) : term;
  return said(there, 'names_move_global', [term.value, pidOf(from), pidOf(to)], name, options);
}

async function moveVia(
  there: DirectTarget,
  { name, from, to }: Move<'via'>,
  options: CallOptions,
): Promise<Result<Moved>> {
  if (name.module !== 'Elixir.Horde.Registry') {
    return nameOfHolderOnly(name);
  }
  const term = await safeTerm(there, name.name, '/name/name', options);
  if (!term.ok) return term.error.code === 'term.unknown_atom' ? ok(notHeld) : term;
  const [registry, key] = tupleOf(term.value) ?? [];
  if (registry?.t !== 'atom' || key === undefined) return ok(notHeld);
  const waitMs = integer(Math.max(1, Math.floor(remainingNow(options) - answerMs)));
  return said(there, 'names_move_horde', [registry, key, pidOf(from), pidOf(to), waitMs], name, options);
}

/** What the agent says of a move that it made at once. */
async function said(
  there: DirectTarget,
  how: AgentFunctionName,
  args: readonly Term[],
  name: NameRef,
  options: CallOptions,
): Promise<Result<Moved>> {
  const answer = await there.run(how, args, options);
  if (!answer.ok) return callFailure(answer.error, { node: there.node, what: nameText(name), effect: 'unknown' });
  const [tag, gap] = tupleOf(answer.value, 2) ?? [];
  const gapMs = numberOf(gap);
  if (isAtom(tag, 'moved') && gapMs !== null) return ok({ moved: true, gapMs });
  switch (atomName(answer.value)) {
    case 'not_held':
    case 'none':
      return ok(notHeld);
    case 'lost':
      return nameLost(name, there.node);
    default:
      return nameNotMoved(name);
  }
}

function isSame(term: Term, pid: ProcessRef): boolean {
  return term.t === 'pid' && pidText(term) === pidText(pid) && term.node === pid.node && term.creation === pid.creation;
}
