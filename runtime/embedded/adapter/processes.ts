/** The port's `processes.*` on the simulated cluster. */
import { cancelled, failure } from '../../errors.ts';
import type { Failure, NodeName, ProcessField, ProcessRef, Result, RowPage, TermInput } from '../../model.ts';
import { ok } from '../../model.ts';
import type { Answer, CallOptions, MethodTable, Params, StreamEnd, StreamItem } from '../../port.ts';
import type { Term } from '../../term/term.ts';
import type { Ref, Value } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import { timedOut as noMessage, receive } from '../kernel/flow.ts';
import { mfaText } from '../kernel/module.ts';
import type { Process } from '../kernel/process.ts';
import type { Self } from '../kernel/self.ts';
import { SmallSet } from '../kernel/small.ts';
import { atoms, tagged } from '../kernel/values.ts';
import { call, cast, valueAt } from '../otp/gen.ts';
import { command, spawnOn } from './commands.ts';
import type { Context, Found } from './context.ts';
import { isProtected, protectedProcess, refOf, termOf } from './context.ts';
import type { CrashHistory } from './crashHistory.ts';
import { pageOf } from './fields.ts';
import type { Holdings } from './holdings.ts';
import { migrateProcess } from './migrate.ts';
import { restartProcess } from './restart.ts';
import { scan } from './scan.ts';
import { readState, writeState } from './serverState.ts';
import type { StateHandles } from './stateHandles.ts';
import { valueOf } from './terms.ts';

export type ProcessParts = {
  readonly context: Context;
  readonly holdings: Holdings;
  readonly handles: StateHandles;
  readonly crashes: CrashHistory;
};

/** The methods of group `processes`, suspension apart. */
export function processMethods({ context, holdings, handles, crashes }: ProcessParts): MethodTable {
  return {
    'processes.scan': (params, options) => scan(context, params, options),
    'processes.info': async ({ pids, keys }) => info(context, pids, keys),
    'processes.start': async (params) => start(context, params),
    'processes.exit': (params, options) => exit(context, params, options),
    'processes.state': async (params) => Promise.resolve(readState(context, params)),
    'processes.replaceState': (params, options) => writeState(context, params, options),
    'processes.stateHandle': async (params) => Promise.resolve(handles.hold(params)),
    'processes.restart': (params, options) => restartProcess(context, params, options),
    'processes.migrate': (params, options) => migrateProcess(context, holdings, params, options),
    'processes.crashes': async ({ node, limit }) => {
      const found = context.node(node);
      return Promise.resolve(found.ok ? ok(crashes.of(node, limit)) : found);
    },
    'processes.mailbox': async (params) => mailbox(context, params),
    'processes.send': (params, options) => send(context, params, options),
    'processes.monitor': (params, options) => monitor(context, params, options),
  };
}

async function info(
  context: Context,
  pids: readonly ProcessRef[],
  keys: readonly ProcessField[],
): Promise<Result<Answer<'processes.info'>>> {
  const byNode = new Map<NodeName, Found[]>();
  const absent: ProcessRef[] = [];
  for (const ref of pids) {
    const found = context.process(ref);
    if (!found.ok && found.error.class !== 'not_found') return found;
    if (found.ok) byNode.set(ref.node, [...(byNode.get(ref.node) ?? []), found.value]);
    else absent.push(ref);
  }
  const pages: RowPage[] = [];
  for (const found of byNode.values()) {
    const [first] = found;
    if (first !== undefined)
      pages.push(
        pageOf(
          context,
          first.node,
          found.map(({ process }) => process),
          keys,
        ),
      );
  }
  return Promise.resolve(ok({ pages, gone: absent }));
}

async function start(context: Context, params: Params<'processes.start'>): Promise<Result<ProcessRef>> {
  const node = context.node(params.node);
  if (!node.ok) return node;
  const values: Value[] = [];
  for (const input of params.args) {
    const value = valueOf(input, { node: params.node, creation: node.value.creation });
    if (!value.ok) return value;
    values.push(value.value);
  }
  const { code } = context.cluster;
  const arity = values.length;
  const module = code.module(params.module)?.name ?? `Elixir.${params.module}`;
  const mfa = { module, function: params.function, arity };
  if (code.find(module, params.function, arity) === null) return undefinedThere(context, params);
  if (params.name !== undefined && node.value.names.has(params.name)) return nameTaken(params.name, params.node);
  const related: { readonly link: Process | null; readonly watcher: Process | null } | Failure = relatives(
    context,
    params,
  );
  if ('error' in related) return related;
  const groupLeader = node.value.names.get('user')?.pid;
  const body = node.value.bodyOf(mfa, values);
  const process = spawnOn(node.value, {
    body,
    initialCall: mfa,
    parent: null,
    ...(groupLeader !== undefined && { groupLeader }),
  });
  if (!process.ok) return process;
  const { pid } = process.value;
  if (params.name !== undefined) node.value.register(params.name, process.value);
  if (related.link !== null) {
    (related.link.links ??= new SmallSet()).add(pid);
    (process.value.links ??= new SmallSet()).add(related.link.pid);
  }
  if (related.watcher !== null) {
    const ref = node.value.makeRef();
    node.value.relations.monitor(related.watcher, ref, pid, null, atoms.down);
  }
  return Promise.resolve(ok(refOf(pid)));
}

function relatives(
  context: Context,
  { link, monitoredBy }: Params<'processes.start'>,
): { readonly link: Process | null; readonly watcher: Process | null } | Failure {
  const linked = link === undefined ? null : context.process(link);
  if (linked !== null && !linked.ok) return linked;
  const watcher = monitoredBy === undefined ? null : context.process(monitoredBy);
  if (watcher !== null && !watcher.ok) return watcher;
  return { link: linked?.value.process ?? null, watcher: watcher?.value.process ?? null };
}

/** Says which functions there are. */
export function undefinedThere(
  context: Context,
  params: Pick<Params<'processes.start'>, 'node' | 'module' | 'function' | 'args'>,
): Failure {
  const mfa = { module: params.module, function: params.function, arity: params.args.length };
  const { code } = context.cluster;
  const functions = [params.module, `Elixir.${params.module}`].flatMap((name) =>
    Object.keys(code.module(name)?.functions ?? {}),
  );
  return failure(
    'execution',
    'process.undef',
    `There is no function ${mfaText(mfa)} (undef).`,
    functions.length > 0
      ? `The module has ${functions.join(', ')}.`
      : `The simulated nodes have these modules: ${code.names().join(', ')}.`,
    { node: params.node },
  );
}

export function nameTaken(name: string, node: NodeName): Failure {
  return failure(
    'conflict',
    'name.taken',
    `The name ${name} is taken on ${node}.`,
    'Choose another name, or end the process that has it.',
    { node },
  );
}

async function exit(
  context: Context,
  { pid, reason, confirmMs }: Params<'processes.exit'>,
  { signal }: CallOptions,
): Promise<Result<Answer<'processes.exit'>>> {
  const found = context.process(pid);
  if (!found.ok) return found;
  const { node, process } = found.value;
  if (isProtected(process)) return protectedProcess(pid, process);
  const why = valueOf(reason, pid);
  if (!why.ok) return why;
  return command(context, node, signal, function* (self): Flow<Result<Answer<'processes.exit'>>> {
    const ref = self.monitor(process.pid);
    self.sendExit(process.pid, why.value);
    return ok(yield* awaitEnd(self, ref, confirmMs));
  });
}

/** Waits for what a monitor tells; it is none any more after that. */
export function* awaitEnd(self: Self, ref: Ref, confirmMs: number): Flow<Answer<'processes.exit'>> {
  const down = yield* receive({
    marker: ref,
    match: (message) => tagged(message, atoms.down, 5) !== null,
    afterMs: confirmMs,
  });
  self.demonitor(ref, { flush: true });
  if (down === noMessage) return { outcome: 'survived' };
  const elements = tagged(down, atoms.down, 5);
  const ended = elements === null ? atoms.noproc : valueAt(elements, 4);
  return { outcome: 'exited', reason: termOf(ended) };
}

async function mailbox(
  context: Context,
  { pid, limit }: Params<'processes.mailbox'>,
): Promise<Result<Answer<'processes.mailbox'>>> {
  const found = context.process(pid);
  if (!found.ok) return found;
  const { mailbox: queue } = found.value.process;
  const messages = queue.length <= limit ? queue.peek(limit).map(termOf) : null;
  return Promise.resolve(ok({ length: queue.length, messages }));
}

async function send(
  context: Context,
  {
    pid,
    message,
    how,
  }: { readonly pid: ProcessRef; readonly message: TermInput; readonly how: 'info' | 'cast' | 'call' },
  options: CallOptions,
): Promise<Result<{ readonly reply: Term | null }>> {
  const found = context.process(pid);
  if (!found.ok) return found;
  const { node, process } = found.value;
  const value = valueOf(message, pid);
  if (!value.ok) return value;
  return command(context, node, options.signal, function* (self): Flow<Result<Answer<'processes.send'>>> {
    if (how === 'call') {
      return ok({
        reply: termOf(yield* call(self, process.pid, value.value, Math.max(1, options.remainingMs - callMarginMs))),
      });
    }
    if (how === 'cast') cast(self, process.pid, value.value);
    else self.send(process.pid, value.value);
    return ok({ reply: null });
  });
}

/** A call into the cluster gives up this much before the caller does, so that its own error is the one that is told. */
const callMarginMs = 50;

async function* monitor(
  context: Context,
  { pid, keys, everyMs }: Params<'processes.monitor'>,
  { signal }: CallOptions,
): AsyncGenerator<StreamItem<RowPage, StreamEnd<'processes.monitor'>>> {
  const found = context.process(pid);
  if (!found.ok) {
    yield { is: 'end', result: found };
    return;
  }
  const { node, process } = found.value;
  const seen: { reason: Term | null } = { reason: null };
  let wake = (): void => undefined;
  const listening = context.cluster.listen((event) => {
    if (event.is === 'exited' && event.pid === process.pid) seen.reason = termOf(event.reason);
    else if (event.is === 'node_down' && event.node === pid.node) seen.reason = termOf(atoms.noconnection);
    else return;
    wake();
  });
  try {
    while (seen.reason === null) {
      yield { is: 'frame', frame: pageOf(context, node, [process], keys) };
      if (!signal.aborted) await pause(everyMs, signal, (early) => (wake = early));
      if (signal.aborted) {
        yield { is: 'end', result: cancelled('none') };
        return;
      }
    }
    yield { is: 'end', result: ok({ reason: seen.reason }) };
  } finally {
    listening.dispose();
  }
}

/** Waits `ms`, or until aborted or woken through what `onWake` is given. */
function pause(ms: number, signal: AbortSignal, onWake: (wake: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal.addEventListener('abort', finish, { once: true });
    onWake(finish);
  });
}
