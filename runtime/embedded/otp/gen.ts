/**
 * What gen_server and supervisor share (`proc_lib`, `gen`): starting a process that first initialises itself while its starter
 * waits, and calls with a time-out. Follows stdlib's `proc_lib`, `gen` and `gen_server` of OTP 25.
 */
import type { Value } from '../../term/values.ts';
import { Atom, ImproperList, Pid, Ref, Tuple, a, tup } from '../../term/values.ts';
import { copied } from '../kernel/copy.ts';
import type { Flow, Received } from '../kernel/flow.ts';
import { receive, timedOut } from '../kernel/flow.ts';
import { ErrorException, ExitException, reasonOf } from '../kernel/exceptions.ts';
import type { Mfa } from '../kernel/module.ts';
import type { Handler } from '../kernel/process.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, elementsOf, errorTuple, isList, okTuple, samePid, tagged } from '../kernel/values.ts';
import { ancestorsOfChild } from './crashReport.ts';
import type { Server, ServerName } from './names.ts';
import { modulePlace, registerName, unregisterName, whereis } from './names.ts';
import { awaitStart, remember } from './procLib.ts';

export { asValue };
export type { Server };

export const genAtoms = {
  ack: a('ack'),
  alias: a('alias'),
  call: a('$gen_call'),
  cast: a('$gen_cast'),
  system: a('system'),
  ancestors: a('$ancestors'),
  initialCall: a('$initial_call'),
} as const;

/** Who waits for a reply: a process and the tag of its call. */
export type From = Tuple<readonly [Pid, Value]>;

export type StartOptions = {
  readonly initialCall: Mfa;
  readonly name: ServerName | null;
  readonly link: boolean;
  /** `start_monitor`: the outcome is `{ok, {Pid, MonitorRef}}`. */
  readonly monitor?: boolean;
  /** Left out: as long as it takes. */
  readonly timeoutMs?: number;
  readonly idleAt: string;
  /** The process' handler; its `start` must answer the starter with {@link ack} sooner or later. */
  readonly handler: (starter: Starter) => Handler;
};
export type Starter = { readonly pid: Pid; readonly ancestors: readonly Value[]; readonly options: StartOptions };

/** `start`, `start_link` and `start_monitor`: `{ok, Pid}`, `{error, Reason}` or `ignore`, as the new process says. */
export function* start(self: Self, options: StartOptions): Flow<Value> {
  const holder = options.name === null ? null : yield* whereis(self, options.name);
  if (holder !== null) return errorTuple(tup(a('already_started'), holder));
  const starter: Starter = { pid: self.pid, ancestors: ancestorsOfChild(self), options };
  const handler = options.handler(starter);
  // Everything about the new process comes after this mark.
  const marker = self.makeRef();
  const { link, idleAt, timeoutMs = null } = options;
  const pid = self.spawnBody({ is: 'handler', handler }, options.initialCall, { link, idleAt });
  if (options.monitor !== true) {
    return yield* awaitStart(self, pid, link ? { marker } : { watch: self.monitor(pid), keep: false }, timeoutMs);
  }
  const watch = self.monitor(pid);
  const outcome = yield* awaitStart(self, pid, { watch, keep: true }, timeoutMs);
  const started = tagged(outcome, atoms.ok, 2);
  if (started !== null) return okTuple(tup(valueAt(started, 1), watch));
  yield* receive({ marker: watch, match: (message) => tagged(message, atoms.down, 5)?.[1] === watch });
  return outcome;
}

/** The first thing a started process does: it notes where it comes from and takes its name; false when the name is taken. */
export function* enter(self: Self, { pid, ancestors, options }: Starter): Flow<boolean> {
  remember(self, ancestors, options.initialCall);
  const taken = options.name === null ? null : yield* registerName(self, options.name);
  if (taken === null) return true;
  self.send(pid, tup(genAtoms.ack, self.pid, errorTuple(tup(a('already_started'), taken.takenBy))));
  return false;
}

/** Tells the starter what became of the start (`proc_lib:init_ack/2`). */
export function ack(self: Self, { pid }: Starter, outcome: Value): void {
  self.send(pid, tup(genAtoms.ack, self.pid, outcome));
}

/** Gives the name back before a failed start is told, so that the starter can try again at once. */
export function* leaveName(self: Self, { options }: Starter): Flow<void> {
  if (options.name !== null) yield* unregisterName(self, options.name);
}

export const defaultCallTimeoutMs = 5000;

/**
 * `gen_server:call/3`. Exits with `{Reason, {gen_server, call, [Server, Request, Timeout]}}` when the server is not there, ends
 * meanwhile or does not answer in time; a late answer is dropped by its alias.
 */
export function* call(
  self: Self,
  server: Server,
  request: Value,
  timeoutMs: number | null = defaultCallTimeoutMs,
): Flow<Value> {
  try {
    const target = reachable(self, server);
    if (target === 'by_module') return yield* genCall(self, server, genAtoms.call, request, timeoutMs);
    const ref = ask(self, target, genAtoms.call, request);
    return answerOf(self, ref, target, yield { is: 'reply', ref, afterMs: timeoutMs, at: callAt });
  } catch (thrown) {
    if (!(thrown instanceof ExitException)) throw thrown;
    const args = [server, request, timeoutMs ?? atoms.infinity];
    return self.exit(tup(thrown.reason, tup(a('gen_server'), a('call'), args)));
  }
}

const callAt = 'gen:do_call/4';

/** `gen:call/4`: the answer to `{Label, From, Request}`; exits with the bare reason. */
export function* genCall(
  self: Self,
  server: Server,
  label: Value,
  request: Value,
  timeoutMs: number | null,
): Flow<Value> {
  const found = reachable(self, server);
  const target = found === 'by_module' ? yield* lookedUp(self, server) : found;
  const ref = ask(self, target, label, request);
  // A server by a global or via name is one that is nowhere when its node is, as gen:call has it.
  const told = found === 'by_module' ? null : target;
  return answerOf(self, ref, told, yield { is: 'reply', ref, afterMs: timeoutMs, at: callAt });
}

/** What a call that fails exits with, before what was called: an exit's reason, or an error's with its stack; other throws go on. */
export function failedCall(thrown: unknown): Value {
  if (!(thrown instanceof ExitException) && !(thrown instanceof ErrorException)) throw thrown;
  return reasonOf(thrown);
}

/** Sends a call, and watches the server by the reference that is also the alias to reply to. */
function ask(self: Self, target: Located, label: Value, request: Value): Ref {
  if (target === null) return self.exit(atoms.noproc);
  if (target instanceof Pid && samePid(target, self.pid)) return self.exit(a('calling_self'));
  const ref = self.monitor(target, { alias: 'reply_demonitor' });
  const tag = new ImproperList(aliasItems, ref);
  self.sendOwned(target, tup(label, tup(self.pid, tag), copied(request)));
  return ref;
}

/** The first part of the tag `[alias | Ref]`; nobody changes it. */
const aliasItems: readonly Value[] = Object.freeze([genAtoms.alias]);

/** The reply in what ended the wait for it; exits with why there is none. */
function answerOf(self: Self, ref: Ref, target: Located, message: Received): Value {
  if (message === timedOut) {
    self.demonitor(ref, { flush: true });
    return self.exit(atoms.timeout);
  }
  if (!(message instanceof Tuple)) return self.exit(atoms.noproc);
  if (message.elements[0] instanceof ImproperList) return valueAt(message.elements, 1);
  const reason = valueAt(message.elements, 4);
  if (reason !== atoms.noconnection) return self.exit(reason);
  if (target === null) return self.exit(atoms.noproc);
  return self.exit(tup(a('nodedown'), a(target instanceof Pid ? target.node : target.elements[1].name)));
}

/** Where a server is reached: null when a name here has nobody; `by_module` when a module has to be asked. */
export function reachable(self: Self, server: Server): Pid | Tuple<readonly [Atom, Atom]> | 'by_module' | null {
  if (server instanceof Pid) return server;
  if (server instanceof Atom) return self.whereis(server);
  if (modulePlace(server) !== null) return 'by_module';
  const [name, node] = server.elements;
  if (!(node instanceof Atom)) throw new ErrorException(atoms.badarg);
  return node.name === self.node ? self.whereis(name) : tup(name, node);
}

function lookedUp(self: Self, server: Server): Flow<Pid | null> {
  if (server instanceof Pid) throw new ErrorException(atoms.badarg);
  return whereis(self, server);
}

/** A process, a name on another node, or nobody. */
export type Located = Pid | Tuple<readonly [Atom, Atom]> | null;
/** The process or remote name of a server, whatever it is called by (`gen:do_for_proc/2`). */
export function* locate(self: Self, server: Server): Flow<Located> {
  const found = reachable(self, server);
  return found === 'by_module' ? yield* lookedUp(self, server) : found;
}

/** `gen_server:reply/2`: by the call's alias where it has one, so that an answer that is too late is dropped. */
export function reply(self: Self, from: From, value: Value): void {
  const [pid, tag] = from.elements;
  self.sendOwned(aliasOf(tag) ?? pid, tup(tag, copied(value)));
}

/** The alias of a tag `[alias | Alias]` or `[[alias | Alias] | _]`. */
function aliasOf(tag: Value): Ref | null {
  if (tag instanceof ImproperList) {
    if (tag.tail instanceof Ref && tag.items[0] === genAtoms.alias) return tag.tail;
    return aliasIn(tag.items[0]);
  }
  return isList(tag) ? aliasIn(tag[0]) : null;
}
function aliasIn(tag: unknown): Ref | null {
  return tag instanceof ImproperList && tag.tail instanceof Ref && tag.items[0] === genAtoms.alias ? tag.tail : null;
}

/** `gen_server:cast/2`: never fails, whatever the server is. A global or via name is asked for by {@link castByName}. */
export function cast(self: Self, server: Server, message: Value): void {
  const target = reachable(self, server);
  if (target !== null && target !== 'by_module') self.sendOwned(target, tup(genAtoms.cast, copied(message)));
}

/** `gen_server:cast/2` to whatever it is called by. */
export function* castByName(self: Self, server: Server, message: Value): Flow<void> {
  try {
    const target = yield* locate(self, server);
    if (target !== null) self.send(target, tup(genAtoms.cast, message));
  } catch (thrown) {
    // As OTP: `catch global:send(…)`.
    if (!(thrown instanceof ErrorException) && !(thrown instanceof ExitException)) throw thrown;
  }
}

/** A `From` as it stands in a call. */
export function fromOf(value: unknown): From | null {
  return isFrom(value) ? value : null;
}

function isFrom(value: unknown): value is From {
  const elements = elementsOf(value);
  return elements?.length === 2 && elements[0] instanceof Pid && elements[1] !== undefined;
}

/** The element at an index of a tuple that a process sent; processes only ever send values. */
export function valueAt(elements: readonly unknown[], at: number): Value {
  return asValue(elements[at]);
}
