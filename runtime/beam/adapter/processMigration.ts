/** Moving a server to another node by its state: two tasks, one on each node, of which the one it leaves leads (agent/migration.erl). */
import { setTimeout as delay } from 'node:timers/promises';
import { remainingNow } from '../../callOptions.ts';
import { arsenalError } from '../../errors.ts';
import { noCounterpart, nodesNotConnected, sameNode, supervisorElsewhere } from '../../handoverErrors.ts';
import type { ArsenalError, Migrated, NameRef, ProcessRef, Result } from '../../model.ts';
import { fail, ok, pidText } from '../../model.ts';
import type { CallOptions, Params } from '../../port.ts';
import { map } from '../../term/order.ts';
import type { Term } from '../../term/term.ts';
import { atom, integer, isAtom } from '../../term/term.ts';
import type { AgentTask } from '../agent/nodeAgent.ts';
import { answered, strangeAnswer } from './callError.ts';
import { ownLinkOf } from './life.ts';
import type { DirectTarget } from './nodeTarget.ts';
import { protection } from './protection.ts';
import { atomName, listOf, numberOf, pidOf, processOf, propertiesOf, textOf, tupleOf } from './read.ts';
import { atomOnNode } from './safeTerm.ts';
import type { Session } from './session.ts';
import { notDone } from './stateErrors.ts';
import { flagsNow } from './supervisorActs.ts';
import type { Known } from './supervisorCalls.ts';
import { supervisorToChange } from './supervisorCalls.ts';
import { TaskFrames } from './taskFrames.ts';

/** For each question from one node to the other, and for what is to be known of one that may be lost. */
const longestStepMs = 5_000;
const mostFrames = 32;

type Move = Params<'processes.migrate'>;

/**
 * Errors: `node.not_connected`, `process.protected`, `unsupported` with what keeps it where it is, `process.not_done` when all was
 * undone. With effect `unknown` a node was lost at the one moment when only it knew whether the switch had come.
 */
export async function migrateProcess(session: Session, params: Move, options: CallOptions): Promise<Result<Migrated>> {
  const { pid } = params;
  const reached = await ownLinkOf(session, pid, options);
  if (!reached.ok) return reached;
  const target = reached.value;
  const refused = (await protection(target, pid, options)) ?? (pid.node === params.node ? sameNode(pid) : null);
  if (refused !== null) return refused;
  const supervisor = await supervisorThere(session, target, params, options);
  if (!supervisor.ok) return supervisor;
  const kind = await kindOf(supervisor.value, options);
  if (!kind.ok) return kind;
  const [here, there] = [await session.agentOf(pid.node, options), await session.agentOf(params.node, options)];
  if (!here.ok) return here;
  if (!there.ok) return there;
  const stepMs = Math.max(1, Math.floor(Math.min(remainingNow(options) / 4, longestStepMs)));
  const arriving = await there.value.task(
    {
      kind: 'migrate_in',
      args: [pidOf(supervisor.value.pid), atom(kind.value), integer(stepMs)],
      holding: null,
      credit: mostFrames,
    },
    options,
  );
  if (!arriving.ok) return arriving;
  const ready = await new TaskFrames(arriving.value, params.node).next(options);
  const receiver = ready.ok ? processOf(tupleOf(ready.value ?? undefined, 2)?.[1]) : null;
  if (receiver === null) {
    arriving.value.tell(atom('drop'));
    return ready.ok ? strangeAnswer(params.node, 'The agent') : fail({ ...ready.error, effect: 'none' });
  }
  const limits = map([
    [atom('timeout'), integer(stepMs)],
    [atom('bytes'), integer(Math.max(0, Math.trunc(params.maxBytes)))],
    [atom('forward'), integer(Math.max(0, Math.trunc(params.forwardMs)))],
  ]);
  const leaving = await here.value.task(
    {
      kind: 'migrate_out',
      args: [pidOf(pid), pidOf(receiver), atom(kind.value), limits],
      holding: { kind: 'process', target: pid, owner: params.owner, lingerMs: params.lingerMs },
      credit: mostFrames,
    },
    options,
  );
  if (!leaving.ok) {
    arriving.value.tell(atom('drop'));
    return leaving;
  }
  return followed(leaving.value, arriving.value, supervisor.value.pid, params, options);
}

/** The supervisor that was chosen, or the one on the other node that is registered as its own is here. */
async function supervisorThere(
  session: Session,
  target: DirectTarget,
  { pid, node, supervisor }: Move,
  options: CallOptions,
): Promise<Result<Known<DirectTarget>>> {
  if (supervisor !== undefined) {
    return supervisor.node === node
      ? supervisorToChange(session, supervisor, options)
      : supervisorElsewhere(supervisor, node);
  }
  const said = answered(await target.run('mig_home', [pidOf(pid)], options), pid.node, 'The supervisor');
  if (!said.ok) return said;
  const name = atomName(tupleOf(said.value, 2)?.[1]);
  if (isAtom(said.value, 'not_supervised')) return notDone('Moving it', said.value, pid);
  const there = await session.reachDirectly(node, options);
  if (!there.ok) return there;
  const known = name === null ? ok(null) : await atomOnNode(there.value, name, options);
  if (!known.ok) return known;
  const holder =
    known.value === null
      ? ok(null)
      : answered(await there.value.call('erlang', 'whereis', [known.value], options), node, 'The name');
  if (!holder.ok) return holder;
  const found = processOf(holder.value ?? undefined);
  if (found !== null) return supervisorToChange(session, found, options);
  return noCounterpart(pid, name, node);
}

/** How the supervisor there starts a child, in the agent's words. */
async function kindOf(known: Known, options: CallOptions): Promise<Result<'static' | 'simple' | 'dynamic'>> {
  if (known.kind === 'dynamic_supervisor' || known.kind === 'task_supervisor') return ok('dynamic');
  const flags = await flagsNow(known, options);
  if (!flags.ok) return flags;
  return ok(flags.value.strategy === 'simple_one_for_one' ? 'simple' : 'static');
}

type Step = Migrated['steps'][number];

async function followed(
  leaving: AgentTask,
  arriving: AgentTask,
  supervisor: ProcessRef,
  params: Move,
  options: CallOptions,
): Promise<Result<Migrated>> {
  const frames = new TaskFrames(leaving, params.pid.node);
  const steps: Step[] = [];
  for (;;) {
    const frame = await frames.next(options);
    // It goes on there to its end, whichever that is: nothing is stopped between two steps.
    if (!frame.ok) return fail({ ...frame.error, effect: 'unknown' });
    if (frame.value === null) return outcome(await leaving.ended, arriving, steps, params);
    const [is, first, second] = tupleOf(frame.value, 3) ?? [];
    if (isAtom(is, 'step')) steps.push({ step: atomName(first) ?? '', atMs: (numberOf(second) ?? 0) / 1_000 });
    else if (isAtom(is, 'done')) {
      const moved = read(first, second, steps, supervisor, leaving.id, params);
      if (!isAtom(propertiesOf(second).get('resumed'), 'true')) arriving.tell(atom('keep'));
      return moved;
    }
  }
}

/** It ended before it was done: refused, undone, or lost with its node. */
async function outcome(
  ended: Result<Term>,
  arriving: AgentTask,
  steps: readonly Step[],
  params: Move,
): Promise<Result<Migrated>> {
  if (!ended.ok) return afterLoss(ended.error, arriving, steps, params);
  const [verdict, at, why, there, isAlive] = tupleOf(ended.value) ?? [];
  if (isAtom(verdict, 'refused')) {
    return isAtom(at, 'not_connected')
      ? nodesNotConnected(params.pid.node, params.node)
      : notDone('Moving it', at, params.pid);
  }
  if (!isAtom(verdict, 'undone')) return strangeAnswer(params.pid.node, 'The migration');
  // Said once more over our own link, should the two nodes have lost each other.
  arriving.tell(atom('drop'));
  const isEnded = isAtom(there, 'aborted') || (await endOf(arriving))?.ok === true;
  const failed = notDone('Moving it', why, params.pid).error;
  if (isAtom(isAlive, 'false')) {
    return fail({
      ...failed,
      effect: 'partial',
      message: `${pidText(params.pid)} ended while it was moved (${atomName(at) ?? 'unknown step'}).`,
      remedy: 'Its supervisor may have started it anew; the state it had is lost.',
    });
  }
  return fail(isEnded ? failed : { ...failed, effect: 'unknown' });
}

/** How the task on the other side ended; null when that is not known soon, for its node may be lost too. */
function endOf(arriving: AgentTask): Promise<Result<Term> | null> {
  const waited = delay(longestStepMs, null, { ref: false });
  return Promise.race([arriving.ended, waited]);
}

/** What led the move is lost: its node, our link to it, or its task. What the other side did without its leader is known there. */
async function afterLoss(
  error: ArsenalError,
  arriving: AgentTask,
  steps: readonly Step[],
  { pid, node }: Move,
): Promise<Result<Migrated>> {
  // What was prepared is kept: it may have been switched to. What was not is dropped.
  arriving.tell(atom('keep'));
  const there = await endOf(arriving);
  const isDropped = there?.ok === true && isAtom(there.value, 'dropped');
  const last = steps.at(-1)?.step ?? 'begun';
  const became = isDropped
    ? `The new process on ${node} is ended; if ${pid.node} lives, the old one runs on.`
    : `A new process may live on ${node}; if ${pid.node} lives, the old one may run too.`;
  return fail(
    arsenalError(
      'unavailable',
      'process.migration_lost',
      `The move of ${pidText(pid)} was cut off after the step ${last}: ${error.message} ${became}`,
      isDropped ? 'Look whether it lives, and try again.' : 'Look on both nodes, and end the one that is not wanted.',
      { effect: isDropped ? 'none' : 'unknown', node: pid.node, details: { cause: error.code } },
    ),
  );
}

function read(
  newPid: Term | undefined,
  factsTerm: Term | undefined,
  steps: readonly Step[],
  supervisor: ProcessRef,
  forwarder: string,
  { pid: old, node }: Move,
): Result<Migrated> {
  const pid = processOf(newPid);
  const facts = propertiesOf(factsTerm);
  const count = (key: string): number => numberOf(facts.get(key)) ?? 0;
  const digest = textOf(facts.get('digest'));
  if (pid === null || digest === null) {
    return fail({ ...strangeAnswer(old.node, 'The migration').error, effect: 'applied' });
  }
  return ok({
    pid,
    supervisor,
    digest,
    bytes: count('bytes'),
    pauseMs: count('pause_us') / 1_000,
    waited: count('waited'),
    left: { localPids: count('local_pids'), monitors: count('monitors'), links: count('links') },
    names: listOf(facts.get('names')).flatMap((name) => nameOf(name, node)),
    namesGapMs: count('gap_us') / 1_000,
    steps,
    forwarder,
  });
}

/** `{local, Name, true | Why}` and `{global, Name, {moved, _} | Why}`. */
function nameOf(term: Term, node: string): readonly { readonly name: NameRef; readonly moved: boolean }[] {
  const [registry, name, how] = tupleOf(term, 3) ?? [];
  if (name === undefined) return [];
  const local = atomName(name);
  if (isAtom(registry, 'local')) {
    return local === null ? [] : [{ name: { in: 'local', node, name: local }, moved: isAtom(how, 'true') }];
  }
  return [{ name: { in: 'global', name }, moved: isAtom(tupleOf(how, 2)?.[0], 'moved') }];
}
