/** Starting a supervisor from flags and specifications: as a child of another, or held by us for as long as it is wanted. */
import { childRefused } from '../../childErrors.ts';
import { failure, unsupported } from '../../errors.ts';
import type { Failure, NodeName, ProcessRef, Result } from '../../model.ts';
import { fail, ok } from '../../model.ts';
import type { CallOptions, Params } from '../../port.ts';
import { map } from '../../term/order.ts';
import type { Term } from '../../term/term.ts';
import { atom, integer, isAtom, list, tuple } from '../../term/term.ts';
import { answered, briefly, strangeAnswer } from './callError.ts';
import { specTerm } from './childSpecs.ts';
import type { DirectTarget } from './nodeTarget.ts';
import { freeName } from './processStart.ts';
import { none } from './processState.ts';
import { atomName, processOf, tupleOf } from './read.ts';
import { safeTerm } from './safeTerm.ts';
import type { Session } from './session.ts';
import { flagsNow, startSpec } from './supervisorActs.ts';
import { supervisorToChange } from './supervisorCalls.ts';
import { TaskFrames } from './taskFrames.ts';

type Start = Params<'supervisors.start'>;

/**
 * Errors: `child.bad_spec`, `name.taken`, `term.unknown_atom`, `child.start_failed`; `unsupported` where no code on the node could be
 * the supervisor's callback module.
 */
export async function startSupervisor(
  session: Session,
  params: Start,
  options: CallOptions,
): Promise<Result<ProcessRef>> {
  const reached = await session.reachDirectly(params.node, options);
  if (!reached.ok) return reached;
  const target = reached.value;
  const told = await toldOf(target, params, options);
  if (!told.ok) return told;
  const name = params.name === undefined ? null : await freeName(target, params.name, options);
  if (name !== null && !name.ok) return name;
  return params.parent === undefined
    ? startHeld(session, params, { told: told.value, name: name?.value ?? null }, options)
    : startUnder(session, target, params.parent, { told: told.value, name: name?.value ?? null }, options);
}

type Told = { readonly told: Term; readonly name: Term | null };

/** `{ok, {Flags, Specs}}`, which init/1 is to answer, checked as the supervisor itself would. */
async function toldOf(target: DirectTarget, { flags, children }: Start, options: CallOptions): Promise<Result<Term>> {
  const specs = await safeTerm(target, list(children.map(specTerm)), '/children', options);
  if (!specs.ok) return specs;
  const autoShutdown = atom(flags.autoShutdown);
  const checked = await target.call('supervisor', 'check_childspecs', [specs.value, autoShutdown], options);
  const verdict = answered(checked, target.node, 'The child specifications');
  if (!verdict.ok) return verdict;
  if (!isAtom(verdict.value, 'ok')) return badSpec(target.node, verdict.value, '/children');
  if (flags.strategy === 'simple_one_for_one' && children.length !== 1) {
    return badSpec(target.node, atom('bad_start_spec'), '/children');
  }
  const flagsMap = map([
    [atom('strategy'), atom(flags.strategy)],
    [atom('intensity'), integer(flags.intensity)],
    [atom('period'), integer(flags.periodSeconds)],
    [atom('auto_shutdown'), autoShutdown],
  ]);
  return ok(tuple(atom('ok'), tuple(flagsMap, specs.value)));
}

function badSpec(node: NodeName, why: Term, pointer: string): Failure {
  const reason = briefly(tupleOf(why, 2)?.[1] ?? why);
  return failure(
    'validation',
    'child.bad_spec',
    `These are no child specifications for it: ${reason}`,
    'See supervisor:child_spec() of stdlib; simple_one_for_one takes exactly one.',
    { pointer, node, details: { reason } },
  );
}

async function startUnder(
  session: Session,
  target: DirectTarget,
  parent: ProcessRef,
  { told, name }: Told,
  options: CallOptions,
): Promise<Result<ProcessRef>> {
  if (parent.node !== target.node) {
    return failure('validation', 'supervisor.other_node', 'The parent is on another node.', 'Choose one there.', {
      pointer: '/parent',
    });
  }
  const known = await supervisorToChange(session, parent, options);
  if (!known.ok) return known;
  const flags = known.value.kind === 'supervisor' ? await flagsNow(known.value, options) : null;
  if (flags !== null && !flags.ok) return flags;
  if (flags?.value.strategy === 'simple_one_for_one') {
    return unsupported(
      'Starting a supervisor there',
      'the parent is of simple_one_for_one, and starts children of its own specification only.',
      'Choose another parent.',
    );
  }
  // It is to outlive us: code of ours cannot be its callback module.
  const said = answered(await target.run('sup_callback', [none], options), target.node, 'The callback module');
  if (!said.ok) return said;
  if (isAtom(said.value, 'none')) return noCallback('under a supervisor of yours');
  const args = [...(name === null ? [] : [tuple(atom('local'), name)]), said.value, told];
  const spec = map([
    [atom('id'), name ?? tuple(atom('supervisor'), integer(Date.now()))],
    [atom('start'), tuple(atom('supervisor'), atom('start_link'), list(args))],
    [atom('type'), atom('supervisor')],
    [atom('shutdown'), atom('infinity')],
  ]);
  const started = await startSpec(known.value, spec, options);
  if (!started.ok) return started;
  return started.value.pid === null ? strangeAnswer(target.node, 'The supervisor') : ok(started.value.pid);
}

function noCallback(where: string): Failure {
  return unsupported(
    `Starting a supervisor ${where}`,
    'a supervisor needs a callback module with init/1, and on a node without Elixir none answers what it is given.',
    'Start one of your own modules as a child (add_child with type supervisor).',
  );
}

/** A task of the agent is its parent, and ends with our interest in it. */
async function startHeld(
  session: Session,
  { node, owner, lingerMs }: Start,
  { told, name }: Told,
  options: CallOptions,
): Promise<Result<ProcessRef>> {
  const agent = await session.agentOf(node, options);
  if (!agent.ok) return agent;
  const task = await agent.value.task(
    {
      kind: 'supervisor',
      args: [name ?? none, told],
      holding: { kind: 'process', target: null, owner, lingerMs },
      credit: 1,
    },
    options,
  );
  if (!task.ok) return task;
  const frame = await new TaskFrames(task.value, node).next(options);
  if (!frame.ok) {
    void task.value.stop(options);
    return frame;
  }
  const supervisor = processOf(tupleOf(frame.value ?? undefined, 2)?.[1]);
  if (supervisor !== null) return ok(supervisor);
  const ended = await task.value.ended;
  if (!ended.ok) return ended;
  const [verdict, why] = tupleOf(ended.value, 2) ?? [];
  if (isAtom(why, 'no_callback')) return noCallback('of its own');
  if (!isAtom(verdict, 'not_started') || why === undefined) return strangeAnswer(node, 'The supervisor');
  return fail(childRefused(atomName(tupleOf(why)?.[0] ?? why), briefly(why), node).error);
}
