/**
 * What gen_server and supervisor share (`proc_lib`, `gen`): starting a process that first initialises itself while its starter
 * waits, and calls with a time-out. Follows stdlib's `proc_lib`, `gen` and `gen_server` of OTP 25.
 */
import type { Value } from '../../term/values.ts';
import { Atom, ImproperList, Pid, Ref, Tuple, a, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive, timedOut } from '../kernel/flow.ts';
import type { Mfa } from '../kernel/module.ts';
import type { Handler } from '../kernel/process.ts';
import type { Self } from '../kernel/self.ts';
import { atoms, elementsOf, errorTuple, isList, samePid, tagged } from '../kernel/values.ts';

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
/** A server by pid, by a name here, or by a name on a node. */
export type Server = Pid | Atom | Tuple<readonly [Atom, Atom]>;

export type StartOptions = {
  readonly initialCall: Mfa;
  readonly name: Atom | null;
  readonly link: boolean;
  /** Left out: as long as it takes. */
  readonly timeoutMs?: number;
  readonly idleAt: string;
  /** The process' handler; its `start` must answer the starter with {@link ack} sooner or later. */
  readonly handler: (starter: Starter) => Handler;
};
export type Starter = { readonly pid: Pid; readonly ancestors: readonly Value[]; readonly options: StartOptions };

/** `start` and `start_link`: `{ok, Pid}`, `{error, Reason}` or `ignore`, as the new process says. */
export function* start(self: Self, options: StartOptions): Flow<Value> {
  const starter: Starter = { pid: self.pid, ancestors: ancestorsOfChild(self), options };
  const handler = options.handler(starter);
  // Everything about the new process comes after this mark.
  const marker = self.makeRef();
  const { link, idleAt } = options;
  const pid = self.spawnBody({ is: 'handler', handler }, options.initialCall, { link, idleAt });
  const watch = link ? null : self.monitor(pid);
  const message = yield* receive({
    marker: link ? marker : (watch ?? marker),
    match: (candidate) => isAbout(candidate, pid, watch),
    at: 'proc_lib:sync_start_link/2',
    ...(options.timeoutMs !== undefined && { afterMs: options.timeoutMs }),
  });
  if (watch !== null) self.demonitor(watch, { flush: true });
  if (message === timedOut) {
    self.unlink(pid);
    self.sendExit(pid, atoms.kill);
    return errorTuple(atoms.timeout);
  }
  const acknowledged = tagged(message, genAtoms.ack, 3);
  if (acknowledged !== null) return valueAt(acknowledged, 2);
  return errorTuple(message instanceof Tuple ? valueAt(message.elements, message.elements.length - 1) : atoms.noproc);
}

function isAbout(message: Value, pid: Pid, watch: Ref | null): boolean {
  if (!(message instanceof Tuple)) return false;
  const [tag, second] = message.elements;
  return ((tag === genAtoms.ack || tag === atoms.exit) && second === pid) || (tag === atoms.down && second === watch);
}

/** The processes above a child of this one, nearest first: names where they have one. */
function ancestorsOfChild(self: Self): readonly Value[] {
  const above = self.get(genAtoms.ancestors);
  const own: Value = self.registeredName === null ? self.pid : a(self.registeredName);
  return [own, ...(isList(above) ? above.map(asValue) : [])];
}

/** The first thing a started process does: it notes where it comes from and takes its name; false when the name is taken. */
export function enter(self: Self, { pid, ancestors, options }: Starter): boolean {
  const { module, function: name, arity } = options.initialCall;
  self.put(genAtoms.ancestors, ancestors);
  self.put(genAtoms.initialCall, tup(a(module), a(name), arity));
  if (options.name === null) return true;
  const holder = self.whereis(options.name);
  if (holder === null) {
    self.register(options.name, self.pid);
    return true;
  }
  self.send(pid, tup(genAtoms.ack, self.pid, errorTuple(tup(a('already_started'), holder))));
  return false;
}

/** Tells the starter what became of the start (`proc_lib:init_ack/2`). */
export function ack(self: Self, { pid }: Starter, outcome: Value): void {
  self.send(pid, tup(genAtoms.ack, self.pid, outcome));
}

/** Gives the name back before a failed start is told, so that the starter can try again at once. */
export function leaveName(self: Self, { options }: Starter): void {
  if (options.name !== null && self.whereis(options.name) === self.pid) self.unregister(options.name);
}

export const defaultCallTimeoutMs = 5000;

/**
 * `gen_server:call/3` (and `sys`, with another label). Exits with `{Reason, {gen_server, call, [Server, Request, Timeout]}}` when the
 * server is not there, ends meanwhile or does not answer in time; a late answer is dropped by its alias.
 */
export function* call(
  self: Self,
  server: Server,
  request: Value,
  timeoutMs: number | null = defaultCallTimeoutMs,
  label: Atom = genAtoms.call,
): Flow<Value> {
  const gone = (reason: Value): never =>
    self.exit(tup(reason, tup(a('gen_server'), a('call'), [server, request, timeoutMs ?? atoms.infinity])));
  const target = server instanceof Atom ? self.whereis(server) : server;
  if (target === null) return gone(atoms.noproc);
  if (target instanceof Pid && samePid(target, self.pid)) return gone(a('calling_self'));
  const ref = self.monitor(target, { alias: 'reply_demonitor' });
  const tag = new ImproperList([genAtoms.alias], ref);
  self.send(target, tup(label, tup(self.pid, tag), request));
  const message = yield* receive({
    marker: ref,
    match: (candidate) =>
      candidate instanceof Tuple &&
      (candidate.elements[0] === tag || (candidate.elements[1] === ref && candidate.elements[0] === atoms.down)),
    afterMs: timeoutMs,
    at: 'gen:do_call/4',
  });
  if (message === timedOut) {
    self.demonitor(ref, { flush: true });
    return gone(atoms.timeout);
  }
  if (!(message instanceof Tuple)) return gone(atoms.noproc);
  if (message.elements[0] === tag) return valueAt(message.elements, 1);
  const reason = valueAt(message.elements, 4);
  const node = target instanceof Pid ? target.node : target.elements[1].name;
  return gone(reason === atoms.noconnection ? tup(a('nodedown'), a(node)) : reason);
}

/** `gen_server:reply/2` */
export function reply(self: Self, from: From, value: Value): void {
  const [pid, tag] = from.elements;
  const to = tag instanceof ImproperList && tag.tail instanceof Ref ? tag.tail : pid;
  self.send(to, tup(tag, value));
}

/** `gen_server:cast/2`: never fails, whatever the server is. */
export function cast(self: Self, server: Server, message: Value): void {
  const request = tup(genAtoms.cast, message);
  if (!(server instanceof Atom)) self.send(server, request);
  else if (self.whereis(server) !== null) self.send(server, request);
}

/** A `From` as it stands in a call. */
export function fromOf(value: unknown): From | null {
  const [pid, tag, ...more] = elementsOf(value) ?? [];
  return pid instanceof Pid && tag !== undefined && more.length === 0 ? tup(pid, asValue(tag)) : null;
}

/** The element at an index of a tuple that a process sent; processes only ever send values. */
export function valueAt(elements: readonly unknown[], at: number): Value {
  return asValue(elements[at]);
}

function isValue(_candidate: unknown): _candidate is Value {
  return true;
}
/** What is inside a message is a value: `send` takes nothing else, and tuples have lost the type of their elements. */
export function asValue(candidate: unknown): Value {
  return isValue(candidate) ? candidate : undefined;
}
