/** Starting a process, by itself or on behalf of an owner. */
import { failure, processNotFound, timedOut, unsupported } from '../../errors.ts';
import type { ArsenalError, Failure, NodeName, ProcessRef, Result } from '../../model.ts';
import { ok, pidText } from '../../model.ts';
import type { CallOptions, Params } from '../../port.ts';
import type { Term } from '../../term/term.ts';
import { atom, charlist, integer, isAtom, list } from '../../term/term.ts';
import { answered, callFailure, strangeAnswer } from './callError.ts';
import { ownLinkOf } from './life.ts';
import type { DirectTarget, NodeTarget } from './nodeTarget.ts';
import { none, sysWait } from './processState.ts';
import { protection } from './protection.ts';
import { atomName, pidOf, processOf, tupleOf } from './read.ts';
import { atomOnNode, termOnNode } from './safeTerm.ts';
import type { Session } from './session.ts';

/** `undef`, as OTP would say when the process began. */
function undefinedFunction(node: NodeName, called: string, remedy: string): Failure {
  return failure('execution', 'process.undef', `${node} has no function ${called}.`, remedy, {
    node,
    details: { reason: 'undef', called },
  });
}

/**
 * Whether the node can run the function, before a process is spent on it. A module that is not loaded yet is loaded, as calling it
 * would; its name may be no atom there yet, which is no danger, for there are only as many as files on its code path.
 */
export async function findFunction(
  target: NodeTarget,
  params: Pick<Params<'processes.start'>, 'module' | 'function' | 'args'>,
  options: CallOptions,
): Promise<Result<{ readonly module: string; readonly name: string }>> {
  const { module, function: name } = params;
  const called = `${module}:${name}/${String(params.args.length)}`;
  const known = await atomOnNode(target, module, options);
  if (!known.ok) return known;
  if (known.value === null && !(await isOnCodePath(target, module, options))) {
    return undefinedFunction(target.node, called, `There is no module ${module} there: check the spelling.`);
  }
  const loaded = answered(
    await target.call('code', 'ensure_loaded', [atom(module)], options),
    target.node,
    'Loading the module',
  );
  if (!loaded.ok) return loaded;
  if (!isAtom(tupleOf(loaded.value, 2)?.[0], 'module')) {
    return undefinedFunction(target.node, called, `The module ${module} cannot be loaded there.`);
  }
  const function_ = await atomOnNode(target, name, options);
  if (!function_.ok) return function_;
  const exportedThere =
    function_.value === null
      ? null
      : answered(
          await target.call(
            'erlang',
            'function_exported',
            [atom(module), function_.value, integer(params.args.length)],
            options,
          ),
          target.node,
          'The function',
        );
  if (exportedThere !== null && !exportedThere.ok) return exportedThere;
  return exportedThere !== null && isAtom(exportedThere.value, 'true')
    ? ok({ module, name })
    : undefinedFunction(target.node, called, `See which functions ${module} exports, with how many arguments.`);
}

async function isOnCodePath(target: NodeTarget, module: string, options: CallOptions): Promise<boolean> {
  if (!/^[\w.@-]{1,200}$/.test(module)) return false;
  const found = await target.call('code', 'where_is_file', [charlist(`${module}.beam`)], options);
  return found.ok && found.value.t !== 'atom';
}

/** The function as it is called there, with its arguments, over the link to the node itself. Errors: `process.undef`, `term.unknown_atom`. */
export async function calledOnNode(
  session: Session,
  params: Pick<Params<'processes.start'>, 'node' | 'module' | 'function' | 'args'>,
  options: CallOptions,
): Promise<
  Result<{ readonly target: DirectTarget; readonly module: string; readonly name: string; readonly args: Term[] }>
> {
  const reached = await session.reachDirectly(params.node, options);
  if (!reached.ok) return reached;
  const target = reached.value;
  const found = await findFunction(target, params, options);
  if (!found.ok) return found;
  const args: Term[] = [];
  for (const [at, input] of params.args.entries()) {
    const term = await termOnNode(target, input, `/args/${String(at)}`, options);
    if (!term.ok) return term;
    args.push(term.value);
  }
  return ok({ target, ...found.value, args });
}

/**
 * Starts a process. One that is to be linked or monitored is so before it runs anything. Errors: `process.undef`, `name.taken`,
 * `term.unknown_atom`, `process.protected`, `process.ended_at_once`, and `unsupported` for an owner that cannot monitor.
 */
export async function startProcess(
  session: Session,
  params: Params<'processes.start'>,
  options: CallOptions,
): Promise<Result<ProcessRef>> {
  const callable = await calledOnNode(session, params, options);
  if (!callable.ok) return callable;
  const { target, module, name: functionName, args } = callable.value;
  const name = params.name === undefined ? null : await freeName(target, params.name, options);
  if (name !== null && !name.ok) return name;
  const called = [atom(module), atom(functionName), list(args)];
  if (params.link !== undefined || params.monitoredBy !== undefined) {
    return startOwned(session, target, params, [...called, name?.value ?? none], options);
  }
  // erlang:spawn/3 in the call's process, whose group leader is the node's own (`user`): the new one has the same.
  const spawned = await target.call('erlang', 'spawn', called, options);
  if (!spawned.ok)
    return callFailure(spawned.error, { node: target.node, what: 'Starting the process', effect: 'unknown' });
  const pid = processOf(spawned.value);
  if (pid === null) return strangeAnswer(target.node, 'The answer to spawn');
  return name === null ? ok(pid) : register(target, name.value, pid, options);
}

/** On behalf of owners: the link is made by the new process itself, the monitor by the owner, which has to answer `sys` for it. */
async function startOwned(
  session: Session,
  target: DirectTarget,
  params: Params<'processes.start'>,
  called: readonly Term[],
  options: CallOptions,
): Promise<Result<ProcessRef>> {
  const { link, monitoredBy } = params;
  if (monitoredBy !== undefined && monitoredBy.node !== target.node) {
    return unsupported(
      'Monitoring the new process from another node',
      'the owner is made to monitor it on its own node, where the process is not.',
      `Start it on ${monitoredBy.node}, or link it instead.`,
    );
  }
  for (const owner of [link, monitoredBy]) {
    if (owner === undefined) continue;
    const there = await ownLinkOf(session, owner, options);
    if (!there.ok) return there;
    const refused = await protection(there.value, owner, options);
    if (refused !== null) return refused;
  }
  const owners = [link, monitoredBy].map((owner) => (owner === undefined ? none : pidOf(owner)));
  const said = await target.run('act_start', [...called, ...owners, sysWait(options)], options);
  if (!said.ok) return callFailure(said.error, { node: target.node, what: 'Starting the process', effect: 'unknown' });
  const pid = processOf(tupleOf(said.value, 2)?.[1]);
  return pid === null ? notStarted(said.value, target, params) : ok(pid);
}

function notStarted(
  answer: Term,
  { node }: DirectTarget,
  { name, link, monitoredBy }: Params<'processes.start'>,
): Failure {
  const shown = (pid: ProcessRef | undefined): string => (pid === undefined ? 'the owner' : pidText(pid));
  switch (atomName(answer)) {
    case 'name_taken':
      return nameTaken(node, name ?? '', null, 'none');
    case 'owner_gone':
      return processNotFound(shown(link), link?.node);
    case 'watcher_gone':
      return processNotFound(shown(monitoredBy), monitoredBy?.node);
    case 'watcher_speaks_no_sys':
      return unsupported(
        'Monitoring the new process',
        `${shown(monitoredBy)} is no gen_server or gen_statem that could be told to monitor it.`,
        'Link it instead, or let one of your own functions start and monitor it.',
      );
    case 'late':
      return timedOut(`Process ${shown(monitoredBy)}`, 'none', node);
    case 'not_connected':
      return failure(
        'conflict',
        'node.not_connected',
        `${node} is not connected to ${link?.node ?? 'the node of the owner'}, and is not made to be.`,
        'Start the process on the node of its owner, or connect the nodes first.',
        { node },
      );
    default:
      return isAtom(tupleOf(answer, 2)?.[0], 'ended')
        ? processNotFound(shown(link), link?.node)
        : strangeAnswer(node, 'The answer to the start');
  }
}

/** The atom of a name nobody has there. Errors: `term.unknown_atom`, `name.taken`. */
export async function freeName(target: DirectTarget, name: string, options: CallOptions): Promise<Result<Term>> {
  const known = await atomOnNode(target, name, options);
  if (!known.ok) return known;
  if (known.value === null) {
    return failure(
      'validation',
      'term.unknown_atom',
      `${target.node} does not know the name ${name}.`,
      'Choose a name that the code running there mentions: Arsenal makes no atom on a node.',
      { pointer: '/name', node: target.node },
    );
  }
  const holder = answered(await target.call('erlang', 'whereis', [known.value], options), target.node, 'The name');
  if (!holder.ok) return holder;
  return holder.value.t === 'atom' ? ok(known.value) : nameTaken(target.node, name, processOf(holder.value), 'none');
}

function nameTaken(node: NodeName, name: string, holder: ProcessRef | null, effect: ArsenalError['effect']): Failure {
  return failure(
    'conflict',
    'name.taken',
    `The name ${name} is taken on ${node}${holder === null ? '' : ` by ${pidText(holder)}`}.`,
    'Choose another name, or end the process that has it.',
    { node, effect, pointer: '/name' },
  );
}

async function register(
  target: DirectTarget,
  name: Term,
  pid: ProcessRef,
  options: CallOptions,
): Promise<Result<ProcessRef>> {
  const registered = await target.call('erlang', 'register', [name, pidOf(pid)], options);
  if (registered.ok) return ok(pid);
  const alive = await target.call('erlang', 'is_process_alive', [pidOf(pid)], options);
  if (alive.ok && isAtom(alive.value, 'false')) {
    return failure(
      'execution',
      'process.ended_at_once',
      `${pidText(pid)} ended before it could be named.`,
      'See the log of the node for the reason; a function that returns at once needs no name.',
      { effect: 'applied', node: target.node },
    );
  }
  // Somebody took the name meanwhile: without it the process is not what was asked for.
  target.connection.exit(pidOf(pid), atom('kill'));
  return nameTaken(target.node, atomName(name) ?? '', null, 'partial');
}
