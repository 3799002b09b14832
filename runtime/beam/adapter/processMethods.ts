/** The methods `processes.*`. */
import { childOptions, remainingNow } from '../../callOptions.ts';
import { cancelled, failure, processNotFound } from '../../errors.ts';
import type { NodeName, ProcessRef, Result, RowPage } from '../../model.ts';
import { ok, pidText } from '../../model.ts';
import type { Answer, CallOptions, Frame, MethodTable, Params, StreamEnd, StreamItem } from '../../port.ts';
import type { Term } from '../../term/term.ts';
import { atom, isAtom, tuple } from '../../term/term.ts';
import { answered, callFailure, strangeAnswer } from './callError.ts';
import { ownLinkOf, possibleOn } from './life.ts';
import type { DirectTarget, NodeTarget } from './nodeTarget.ts';
import { unknownKey } from './processFields.ts';
import { chunkOfPids, pageOf, readProcesses } from './processReader.ts';
import { noSuchKey, scanProcesses } from './processScan.ts';
import { migrateProcess } from './processMigration.ts';
import { restartProcess } from './processRestart.ts';
import { startProcess } from './processStart.ts';
import { readMailbox, readState, replaceState } from './processState.ts';
import { holdState } from './stateHandles.ts';
import { protection } from './protection.ts';
import { numberOf, pidOf, tupleOf } from './read.ts';
import { termOnNode } from './safeTerm.ts';
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
    for (const pid of ofNode) if (!isLiving.has(pid)) gone.push(pid);
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
    'processes.start': (params, options) => startProcess(session, params, options),
    'processes.exit': (params, options) => exit(session, params, options),
    'processes.state': (params, options) => readState(session, params, options),
    'processes.replaceState': (params, options) => replaceState(session, params, options),
    'processes.stateHandle': (params, options) => holdState(session, params, options),
    'processes.restart': (params, options) => restartProcess(session, params, options),
    'processes.migrate': (params, options) => migrateProcess(session, params, options),
    'processes.mailbox': (params, options) => readMailbox(session, params, options),
    'processes.send': (params, options) => send(session, params, options),
    'processes.collectGarbage': (params, options) => collectGarbage(session, params, options),
    'processes.monitor': (params, options) => monitor(session, params, options),
  };
}
