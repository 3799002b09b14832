/** What we keep on nodes beyond a call: `holdings.*`, and `processes.suspend`, which is such. */
import { childOptions, remainingNow } from '../../callOptions.ts';
import { arsenalError, failure, processNotFound, timedOut, unsupported } from '../../errors.ts';
import type { ArsenalError, Holding, ProcessRef, Result } from '../../model.ts';
import { fail, ok, pidText, processId } from '../../model.ts';
import type { Answer, CallOptions, MethodTable, Params } from '../../port.ts';
import type { Term } from '../../term/term.ts';
import { integer, isAtom } from '../../term/term.ts';
import { parseHoldingId, readHolding } from '../agent/holdingTerms.ts';
import type { AgentTask, TaskSpec } from '../agent/nodeAgent.ts';
import { answered, strangeAnswer } from './callError.ts';
import { askEach } from './coverage.ts';
import { ownLinkOf } from './life.ts';
import type { DirectTarget, NodeTarget } from './nodeTarget.ts';
import { protection } from './protection.ts';
import { atomName, functionText, listOf, numberOf, pidOf, tupleOf } from './read.ts';
import type { Session } from './session.ts';

/** For an agent to list what is held, or to let go of something, which may have to be undone first. */
const listMs = 2_000;
const releaseMs = 8_000;
/** For a process to answer `sys:suspend/2`. */
const sysSuspendMs = 5_000;

/** What is held on one node, by any window and through an agent of any version. No agent is started to find out. */
export async function holdingsOn(target: NodeTarget, options: CallOptions): Promise<Result<readonly Holding[]>> {
  const within = childOptions(options, listMs * 2);
  const said = answered(await target.run('main_holdings', [integer(listMs)], within), target.node, 'The agents');
  if (!said.ok) return said;
  const [held, silent] = tupleOf(said.value, 2) ?? [];
  if (held === undefined) return strangeAnswer(target.node, 'The list of what is held');
  if (numberOf(silent) !== 0) return fail(agentSilent(target.node));
  const at = { node: target.node, creation: target.creation };
  return ok(listOf(held).flatMap((term) => readHolding(at, term) ?? []));
}

function agentSilent(node: string): ArsenalError {
  return arsenalError(
    'unavailable',
    'agent.no_answer',
    `An agent on ${node} does not answer.`,
    'The node may be overloaded: try again.',
    { node },
  );
}

/** What is held on every node that can be asked; `client` only that of one window. */
export async function listHoldings(
  session: Session,
  { client }: Params<'holdings.list'>,
  options: CallOptions,
): Promise<Result<Answer<'holdings.list'>>> {
  const { answers, nodes } = await askEach(session, 'all', options, (target) => holdingsOn(target, options));
  const holdings = answers
    .flatMap(([, held]) => held)
    .filter(({ owner }) => client === undefined || owner.client === client);
  return ok({ holdings, nodes });
}

async function release(
  session: Session,
  { id }: Params<'holdings.release'>,
  options: CallOptions,
): Promise<Result<Answer<'holdings.release'>>> {
  const held = parseHoldingId(id);
  if (held === null) return ok({ wasHeld: false });
  const target = await session.reachDirectly(held.node, options);
  if (!target.ok) return target;
  if (target.value.creation !== held.creation) return ok({ wasHeld: false });
  const within = childOptions(options, releaseMs);
  const wait = integer(Math.floor(remainingNow(within) * 0.9));
  const said = await target.value.run('main_release', [integer(held.number), wait], within);
  const read = answered(said, held.node, 'The agent');
  if (!read.ok) return fail({ ...read.error, effect: 'unknown' });
  // That it has ended is told later than that it was let go of.
  session.keepers.delete(id);
  return ok({ wasHeld: isAtom(read.value, 'true') });
}

async function suspend(
  session: Session,
  { pid, how, owner, lingerMs }: Params<'processes.suspend'>,
  options: CallOptions,
): Promise<Result<Holding>> {
  const reached = await ownLinkOf(session, pid, options);
  if (!reached.ok) return reached;
  const target = reached.value;
  const refused =
    (await protection(target, pid, options)) ?? (how === 'sys' ? await notInSys(target, pid, options) : null);
  if (refused !== null) return refused;
  const agent = await session.agents.agentOn(target.connection, options);
  if (!agent.ok) return agent;
  const kind = how === 'sys' ? 'sys_suspension' : 'suspension';
  const holding = { kind, target: pid, owner, lingerMs } as const;
  const spec: TaskSpec =
    how === 'sys'
      ? { kind: 'sys_suspend', args: [pidOf(pid), waitFor(options)], holding, credit: 1 }
      : { kind: 'suspend', args: [pidOf(pid)], holding, credit: 1 };
  const task = await agent.value.task(spec, options);
  if (!task.ok) return task;
  const began = await begun(task.value, target.node, options);
  if (began.ok && began.value === null) {
    return ok({ id: task.value.id, at: { node: pid.node, creation: pid.creation }, ...holding });
  }
  void task.value.stop(childOptions(options, releaseMs));
  if (!began.ok) return began;
  return isAtom(began.value ?? undefined, 'late')
    ? failure(
        'timeout',
        'process.no_answer',
        `${pidText(pid)} did not take the system message in time; when it takes it later, it is resumed at once.`,
        'It is busy. Suspend the process itself, or try again.',
        { node: pid.node },
      )
    : processNotFound(pidText(pid), pid.node);
}

/** Less than is left here, so that the node can say that the process did not answer. */
function waitFor(options: CallOptions): Term {
  return integer(Math.max(1, Math.floor(Math.min(sysSuspendMs, remainingNow(options) * 0.7))));
}

/**
 * Waits for the first frame of a task, by which it says that it has begun: null then, else what it answered instead. Errors: those by
 * which a task ends, `call.timeout`.
 */
export async function begun(task: AgentTask, node: string, options: CallOptions): Promise<Result<Term | null>> {
  const first = task.frames()[Symbol.asyncIterator]().next();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => {
      resolve('late');
    }, remainingNow(options));
  });
  const came = await Promise.race([first, late]);
  clearTimeout(timer);
  if (came === 'late') return timedOut('The node', 'unknown', node);
  return came.done === true ? task.ended : ok(null);
}

/** Why a process is not suspended through the sys protocol; null when it waits where such messages are answered. */
async function notInSys(target: DirectTarget, pid: ProcessRef, options: CallOptions) {
  const said = answered(await target.run('suspend_standing', [pidOf(pid)], options), target.node, 'The process');
  if (!said.ok) return said;
  if (isAtom(said.value, 'gone')) return processNotFound(pidText(pid), pid.node);
  const [behaviour, isSuspended] = tupleOf(said.value, 2) ?? [];
  if (isAtom(isSuspended, 'true')) return notOurs(target, pid, options);
  if (atomName(behaviour) !== null && !isAtom(behaviour, 'gone')) return null;
  const standsIn = functionText(tupleOf(behaviour, 2)?.[1]);
  return unsupported(
    'Suspending it through sys',
    `${pidText(pid)} is not surely a server of OTP (${standsIn ?? 'no function'}), and would not answer.`,
    'Suspend the process itself, or try again when it is not busy.',
  );
}

/** What somebody else suspended through sys is not ours to resume. */
async function notOurs(target: DirectTarget, pid: ProcessRef, options: CallOptions) {
  const held = await holdingsOn(target, options);
  if (!held.ok) return held;
  const isHeld = held.value.some(
    (holding) =>
      holding.kind === 'sys_suspension' && holding.target !== null && processId(holding.target) === processId(pid),
  );
  if (isHeld) return null;
  return failure(
    'conflict',
    'process.suspended_elsewhere',
    `${pidText(pid)} is suspended already, and not by Arsenal.`,
    'Whoever suspended it resumes it (sys:resume/1).',
    { node: pid.node },
  );
}

export function holdingMethods(session: Session): MethodTable {
  return {
    'holdings.list': (params, options) => listHoldings(session, params, options),
    'holdings.release': (params, options) => release(session, params, options),
    'processes.suspend': (params, options) => suspend(session, params, options),
  };
}
