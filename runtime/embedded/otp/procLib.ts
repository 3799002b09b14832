/**
 * stdlib's `proc_lib`: processes that know where they come from, whose starter waits until they are ready, and that report when they
 * crash. Follows proc_lib of OTP 25.
 */
import type { Ref, Value } from '../../term/values.ts';
import { a, Atom, Pid, Tuple, tup } from '../../term/values.ts';
import { ErrorException } from '../kernel/exceptions.ts';
import type { Flow, Received } from '../kernel/flow.ts';
import { receive, timedOut } from '../kernel/flow.ts';
import { applyFun, LocalFun } from '../kernel/localFun.ts';
import type { Mfa } from '../kernel/module.ts';
import type { Body } from '../kernel/process.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, errorTuple, tagged } from '../kernel/values.ts';
import { ancestorsOfChild, crashReport, dictionaryKeys, parentOf } from './crashReport.ts';

/** What a process runs: a function of a module, or a fun without arguments. */
export type What = { readonly module: string; readonly function: string; readonly args: readonly Value[] } | LocalFun;
export type SpawnOptions = { readonly link?: boolean };

const ackTag = a('ack');

/** `proc_lib:spawn/1,3` and `spawn_link/1,3`. */
export function spawn(self: Self, what: What, options: SpawnOptions = {}): Pid {
  const ancestors = ancestorsOfChild(self);
  const mfa = mfaOf(what);
  const body: Body = {
    is: 'flow',
    *run(own) {
      remember(own, ancestors, mfa);
      yield* reported(own, what instanceof LocalFun ? applyFun(own, what, []) : apply(own, what));
    },
  };
  return self.spawnBody(body, mfa, options);
}

function mfaOf(what: What): Mfa {
  if (!(what instanceof LocalFun)) return { module: what.module, function: what.function, arity: what.args.length };
  const { module, label, arity } = what.term;
  return { module, function: label.slice(module.length + 1, label.lastIndexOf('/')), arity };
}

function apply(self: Self, what: Exclude<What, LocalFun>): Flow<Value> {
  return self.apply(what.module, what.function, what.args);
}

/** Notes in the dictionary where this process comes from. */
export function remember(self: Self, ancestors: readonly Value[], mfa: Mfa): void {
  self.put(dictionaryKeys.ancestors, ancestors);
  self.put(dictionaryKeys.initialCall, tup(a(mfa.module), a(mfa.function), mfa.arity));
}

/** Runs to its end, and reports the crash when that is one. */
function* reported<T>(self: Self, run: Flow<T>): Flow<T> {
  try {
    return yield* run;
  } catch (thrown) {
    crashReport(self, thrown);
    throw thrown;
  }
}

// ------------------------------------------------------------------------------------------------ synchronous starts

export type StartOptions = { readonly timeoutMs?: number };

/** `proc_lib:start/3,4`: what the new process tells by `init_ack`; `{error, Reason}` when it ends before or is too late. */
export function* start(self: Self, what: What, options: StartOptions = {}): Flow<Value> {
  const pid = spawn(self, what);
  return yield* awaitStart(self, pid, { watch: self.monitor(pid), keep: false }, options.timeoutMs ?? null);
}

/** `proc_lib:start_link/3,4` */
export function* startLink(self: Self, what: What, options: StartOptions = {}): Flow<Value> {
  const marker = self.makeRef();
  const pid = spawn(self, what, { link: true });
  return yield* awaitStart(self, pid, { marker }, options.timeoutMs ?? null);
}

/** `proc_lib:start_monitor/3,4`: `{Outcome, MonitorRef}`; when it failed, a `DOWN` of the monitor comes too. */
export function* startMonitor(self: Self, what: What, options: StartOptions & SpawnOptions = {}): Flow<Value> {
  const pid = spawn(self, what, { link: options.link === true });
  const watch = self.monitor(pid);
  const outcome = yield* awaitStart(self, pid, { watch, keep: true }, options.timeoutMs ?? null);
  return tup(outcome, watch);
}

/** How the starter notices that the new process ended: by its link, or by a monitor that it keeps or not. */
export type Noticing = { readonly marker: Ref } | { readonly watch: Ref; readonly keep: boolean };

/** Waits for the `{ack, Pid, Outcome}` of a process just started; kills it when it takes longer than `timeoutMs` (null: never). */
export function* awaitStart(self: Self, pid: Pid, noticing: Noticing, timeoutMs: number | null): Flow<Value> {
  const watch = 'watch' in noticing ? noticing.watch : null;
  const message: Received = yield* receive({
    marker: 'watch' in noticing ? noticing.watch : noticing.marker,
    match: (candidate) => isAbout(candidate, pid, watch),
    at: watch === null ? 'proc_lib:sync_start_link/2' : 'proc_lib:sync_start/2',
    afterMs: timeoutMs,
  });
  const keeps = 'keep' in noticing && noticing.keep;
  if (watch !== null && !keeps) self.demonitor(watch, { flush: true });
  if (message === timedOut) {
    self.unlink(pid);
    self.sendExit(pid, atoms.kill);
    yield* receive({ match: (candidate) => tagged(candidate, atoms.exit, 3)?.[1] === pid, afterMs: 0 });
    return errorTuple(atoms.timeout);
  }
  const elements: readonly unknown[] = message instanceof Tuple ? message.elements : [];
  if (elements[0] === ackTag) return asValue(elements[2]);
  // The caller of start_monitor is told of the end by its monitor, too.
  if (keeps) self.send(self.pid, message);
  return errorTuple(asValue(elements[elements.length - 1]));
}

function isAbout(message: Value, pid: Pid, watch: Ref | null): boolean {
  if (!(message instanceof Tuple)) return false;
  const [tag, second] = message.elements;
  if (tag === ackTag) return second === pid;
  return watch === null ? tag === atoms.exit && second === pid : tag === atoms.down && second === watch;
}

/** `proc_lib:init_ack/2`; without `starter` its nearest ancestor (`init_ack/1`). */
export function initAck(self: Self, outcome: Value, starter?: Pid): void {
  const parent = starter ?? parentOf(self);
  if (!(parent instanceof Pid) && !(parent instanceof Atom)) throw new ErrorException(atoms.badarg);
  self.send(parent, tup(ackTag, self.pid, outcome));
}
