/** The methods `processes.*`. */
import { childOptions, remainingNow } from '../../callOptions.ts';
import { cancelled, failure, processNotFound, unsupported } from '../../errors.ts';
import type { ArsenalError, Failure, NodeName, ProcessRef, Result, RowPage } from '../../model.ts';
import { ok, pidText } from '../../model.ts';
import type { Answer, CallOptions, Frame, MethodTable, Params, StreamEnd, StreamItem } from '../../port.ts';
import type { Term } from '../../term/term.ts';
import { atom, charlist, integer, isAtom, list, tuple } from '../../term/term.ts';
import { answered, callFailure, strangeAnswer } from './callError.ts';
import { lifeOf, ownLinkOf, possibleOn } from './life.ts';
import type { DirectTarget, NodeTarget } from './nodeTarget.ts';
import { unknownKey } from './processFields.ts';
import { chunkOfPids, pageOf, readProcesses } from './processReader.ts';
import { noSuchKey, scanProcesses } from './processScan.ts';
import { protection } from './protection.ts';
import { atomName, functionText, listOf, numberOf, pidOf, processOf, tupleOf } from './read.ts';
import { atomOnNode, termOnNode } from './safeTerm.ts';
import type { Session } from './session.ts';

/** What the keys say of some processes of any nodes; `gone` are those that have ended, or whose node has restarted. */
export async function processInfo(
  session: Session,
  { pids, keys }: Params<'processes.info'>,
  options: CallOptions,
): Promise<Result<Answer<'processes.info'>>> {
  const unknown = unknownKey(keys);
  if (unknown !== null) return noSuchKey(unknown);
  const pages: RowPage[] = [];
  const gone: ProcessRef[] = [];
  for (const [node, ofNode] of byNode(pids)) {
    const target = await session.reach(node, options);
    if (!target.ok) return target;
    const possible = await possibleOn(target.value, ofNode, options);
    if (!possible.ok) return possible;
    const living = possible.value;
    const isLiving = new Set(living);
    gone.push(...ofNode.filter((pid) => !isLiving.has(pid)));
    for (let at = 0; at < living.length; at += chunkOfPids) {
      const how = { keys, realCalls: true };
      const read = await readProcesses(target.value, living.slice(at, at + chunkOfPids), how, options);
      if (!read.ok) return read;
      gone.push(...read.value.gone);
      if (read.value.processes.length > 0) {
        pages.push(pageOf(target.value, read.value.processes, keys, read.value.takenAt));
      }
    }
  }
  return ok({ pages, gone });
}

function byNode(pids: readonly ProcessRef[]): ReadonlyMap<NodeName, readonly ProcessRef[]> {
  const groups = new Map<NodeName, ProcessRef[]>();
  for (const pid of pids) {
    const group = groups.get(pid.node);
    if (group === undefined) groups.set(pid.node, [pid]);
    else group.push(pid);
  }
  return groups;
}

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
async function findFunction(
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

async function start(
  session: Session,
  params: Params<'processes.start'>,
  options: CallOptions,
): Promise<Result<ProcessRef>> {
  if (params.link !== undefined || params.monitoredBy !== undefined) {
    return unsupported(
      'Linking or monitoring the new process from another',
      'only code on the node itself can link or monitor as another process, and nothing of ours runs there.',
      'Start it without, or let one of your own functions start and link it.',
    );
  }
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
  const name = params.name === undefined ? null : await freeName(target, params.name, options);
  if (name !== null && !name.ok) return name;
  // erlang:spawn/3 in the call's process, whose group leader is the node's own (`user`): the new one has the same.
  const called = [atom(found.value.module), atom(found.value.name), list(args)];
  const spawned = await target.call('erlang', 'spawn', called, options);
  if (!spawned.ok)
    return callFailure(spawned.error, { node: target.node, what: 'Starting the process', effect: 'unknown' });
  const pid = processOf(spawned.value);
  if (pid === null) return strangeAnswer(target.node, 'The answer to spawn');
  return name === null ? ok(pid) : register(target, name.value, pid, options);
}

/** The atom of a name nobody has there. */
async function freeName(target: DirectTarget, name: string, options: CallOptions): Promise<Result<Term>> {
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

async function exit(
  session: Session,
  params: Params<'processes.exit'>,
  options: CallOptions,
): Promise<Result<Answer<'processes.exit'>>> {
  const reached = await ownLinkOf(session, params.pid, options);
  if (!reached.ok) return reached;
  const target = reached.value;
  const refused = await protection(target, params.pid, options);
  if (refused !== null) return refused;
  const reason = await termOnNode(target, params.reason, '/reason', options);
  if (!reason.ok) return reason;
  const ended = await exitAndWait(target, params.pid, reason.value, params.confirmMs, options.signal);
  switch (ended.is) {
    case 'unsent':
      return callFailure(ended.error, { node: target.node, what: 'The exit signal', effect: 'none' });
    case 'cancelled':
      return cancelled('unknown');
    case 'silent':
      return ok({ outcome: 'survived' });
    case 'down':
      if (isAtom(ended.reason, 'noproc')) return processNotFound(pidText(params.pid), target.node);
      return isAtom(ended.reason, 'noconnection')
        ? failure(
            'unavailable',
            'connection.lost',
            `The link to ${target.node} was lost before it was known whether the process ended.`,
            'Look whether it is still there.',
            { effect: 'unknown', node: target.node },
          )
        : ok({ outcome: 'exited', reason: ended.reason });
  }
}

type Ended =
  | { readonly is: 'down'; readonly reason: Term }
  | { readonly is: 'silent' }
  | { readonly is: 'cancelled' }
  | { readonly is: 'unsent'; readonly error: NonNullable<ReturnType<DirectTarget['connection']['exit']>> };

/** The monitor goes out before the signal, over the same link, so that the end cannot be missed. */
function exitAndWait(
  target: DirectTarget,
  pid: ProcessRef,
  reason: Term,
  confirmMs: number,
  signal: AbortSignal,
): Promise<Ended> {
  return new Promise((resolve) => {
    const settle = (ended: Ended): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      monitor.demonitor();
      resolve(ended);
    };
    const abort = (): void => {
      settle({ is: 'cancelled' });
    };
    const timer = setTimeout(() => {
      settle({ is: 'silent' });
    }, confirmMs);
    signal.addEventListener('abort', abort, { once: true });
    const monitor = target.connection.monitor(pidOf(pid), (why) => {
      settle({ is: 'down', reason: why });
    });
    const error = target.connection.exit(pidOf(pid), reason);
    if (error !== null) settle({ is: 'unsent', error });
  });
}

async function collectGarbage(
  session: Session,
  { pid }: Params<'processes.collectGarbage'>,
  options: CallOptions,
): Promise<Result<Answer<'processes.collectGarbage'>>> {
  const reached = await ownLinkOf(session, pid, options);
  if (!reached.ok) return reached;
  const target = reached.value;
  const bytesBefore = await memoryOf(target, pid, options);
  if (!bytesBefore.ok) return bytesBefore;
  const collected = await target.call('erlang', 'garbage_collect', [pidOf(pid)], options);
  if (!collected.ok) {
    return callFailure(collected.error, { node: target.node, what: 'The garbage collection', effect: 'unknown' });
  }
  if (!isAtom(collected.value, 'true')) return processNotFound(pidText(pid), pid.node);
  const bytesAfter = await memoryOf(target, pid, options);
  return bytesAfter.ok ? ok({ bytesBefore: bytesBefore.value, bytesAfter: bytesAfter.value }) : bytesAfter;
}

async function itemOf(target: NodeTarget, pid: ProcessRef, item: string, options: CallOptions): Promise<Result<Term>> {
  const said = await target.call('erlang', 'process_info', [pidOf(pid), atom(item)], options);
  const read = answered(said, target.node, 'The process');
  if (!read.ok) return read;
  const value = tupleOf(read.value, 2)?.[1];
  return value === undefined ? processNotFound(pidText(pid), pid.node) : ok(value);
}

async function memoryOf(target: NodeTarget, pid: ProcessRef, options: CallOptions): Promise<Result<number>> {
  const memory = await itemOf(target, pid, 'memory', options);
  if (!memory.ok) return memory;
  const bytes = numberOf(memory.value);
  return bytes === null ? strangeAnswer(target.node, 'The memory') : ok(bytes);
}

/** OTP reads a mailbox as a whole or not at all, and a long one has brought nodes down: it is read only when it is short. */
const mostMessages = 1_000;

async function mailbox(
  session: Session,
  { pid, limit }: Params<'processes.mailbox'>,
  options: CallOptions,
): Promise<Result<Answer<'processes.mailbox'>>> {
  const target = await lifeOf(session, pid, options);
  if (!target.ok) return target;
  const counted = await itemOf(target.value, pid, 'message_queue_len', options);
  if (!counted.ok) return counted;
  const length = numberOf(counted.value) ?? 0;
  if (length > Math.min(limit, mostMessages)) return ok({ length, messages: null });
  const messages = await itemOf(target.value, pid, 'messages', options);
  if (!messages.ok) return messages;
  const read = listOf(messages.value);
  return ok({ length: read.length, messages: read });
}

/** Where a process stands that answers `sys` messages (OTP Design Principles, sys and proc_lib). */
const sysLoops = /^(gen_server:loop|gen_statem:loop\w*|gen_event:fetch_msg|gen_event:loop)\//;

async function state(
  session: Session,
  { pid, maxBytes }: Params<'processes.state'>,
  options: CallOptions,
): Promise<Result<Answer<'processes.state'>>> {
  const reached = await lifeOf(session, pid, options);
  if (!reached.ok) return reached;
  const target = reached.value;
  const standing = await itemOf(target, pid, 'current_function', options);
  if (!standing.ok) return standing;
  const where = functionText(standing.value);
  if (where === null || !sysLoops.test(where)) {
    return unsupported(
      'Reading the state',
      `${pidText(pid)} is not waiting in a loop of OTP (${where ?? 'no function'}), and a process that may not answer is not called.`,
      'It may be busy: try again. The state of a process that is no gen_server, gen_statem or gen_event cannot be read.',
    );
  }
  const bytes = await memoryOf(target, pid, options);
  if (!bytes.ok) return bytes;
  if (bytes.value > maxBytes) {
    return failure(
      'unsupported',
      'process.state_too_large',
      `${pidText(pid)} holds ${String(bytes.value)} bytes, and its whole state would be copied.`,
      'Raise the limit if the node can bear it.',
      { node: pid.node, details: { bytes: bytes.value } },
    );
  }
  const within = childOptions(options, 5_000);
  const wait = integer(Math.max(1, Math.floor(remainingNow(within) * 0.9)));
  const said = await target.call('sys', 'get_state', [pidOf(pid), wait], within);
  const read = answered(said, target.node, 'Reading the state');
  return read.ok ? ok({ state: read.value, whole: true }) : read;
}

async function send(
  session: Session,
  { pid, message, how }: Params<'processes.send'>,
  options: CallOptions,
): Promise<Result<Answer<'processes.send'>>> {
  const reached = await ownLinkOf(session, pid, options);
  if (!reached.ok) return reached;
  const target = reached.value;
  const alive = await itemOf(target, pid, 'status', options);
  if (!alive.ok) return alive;
  const term = await termOnNode(target, message, '/message', options);
  if (!term.ok) return term;
  const to = pidOf(pid);
  if (how === 'call') {
    const wait = { timeoutMs: remainingNow(options), signal: options.signal };
    const reply = await target.connection.genCall(to, term.value, wait);
    if (reply.ok) return ok({ reply: reply.value });
    return callFailure(reply.error, { node: target.node, what: 'The process', effect: 'unknown' });
  }
  const sent = how === 'cast' ? tuple(atom('$gen_cast'), term.value) : term.value;
  const error = target.connection.send(to, sent);
  if (error !== null) return callFailure(error, { node: target.node, what: 'The message', effect: 'none' });
  return ok({ reply: null });
}

type MonitorItem = StreamItem<Frame<'processes.monitor'>, StreamEnd<'processes.monitor'>>;

/** Samples one process until it ends; its end comes from a monitor, not from a sample. */
async function* monitor(
  session: Session,
  { pid, keys, everyMs }: Params<'processes.monitor'>,
  options: CallOptions,
): AsyncGenerator<MonitorItem> {
  const reached = await ownLinkOf(session, pid, options);
  if (!reached.ok) {
    yield { is: 'end', result: reached };
    return;
  }
  const target = reached.value;
  const ended: { reason: Term | null } = { reason: null };
  let wake: () => void = () => undefined;
  const watching = target.connection.monitor(pidOf(pid), (reason) => {
    ended.reason = reason;
    wake();
  });
  const abort = (): void => {
    wake();
  };
  options.signal.addEventListener('abort', abort);
  try {
    while (!options.signal.aborted && ended.reason === null) {
      const how = { keys, realCalls: true };
      const read = await readProcesses(target, [pid], how, childOptions(options, 5_000));
      if (!read.ok) {
        yield { is: 'end', result: read };
        return;
      }
      if (read.value.processes.length > 0) {
        yield { is: 'frame', frame: pageOf(target, read.value.processes, keys, read.value.takenAt) };
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.max(everyMs, 100));
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
        if (ended.reason !== null || options.signal.aborted) wake();
      });
    }
    yield { is: 'end', result: endOf(ended.reason, pid) };
  } finally {
    options.signal.removeEventListener('abort', abort);
    watching.demonitor();
  }
}

function endOf(reason: Term | null, pid: ProcessRef): Result<StreamEnd<'processes.monitor'>> {
  if (reason === null) return cancelled('none');
  return isAtom(reason, 'noproc') ? processNotFound(pidText(pid), pid.node) : ok({ reason });
}

export function processMethods(session: Session): MethodTable {
  return {
    'processes.scan': (params, options) => scanProcesses(session, params, options),
    'processes.info': (params, options) => processInfo(session, params, options),
    'processes.start': (params, options) => start(session, params, options),
    'processes.exit': (params, options) => exit(session, params, options),
    'processes.state': (params, options) => state(session, params, options),
    'processes.mailbox': (params, options) => mailbox(session, params, options),
    'processes.send': (params, options) => send(session, params, options),
    'processes.collectGarbage': (params, options) => collectGarbage(session, params, options),
    'processes.monitor': (params, options) => monitor(session, params, options),
  };
}
