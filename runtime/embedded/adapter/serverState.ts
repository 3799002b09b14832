/** The state of a server: read, replaced within its own process by `sys`, and what of it could not leave the process. */
import { createHash } from 'node:crypto';
import { processNotFound, timedOut, unsupported } from '../../errors.ts';
import { noServer, stateChanged, stateTooLarge } from '../../handoverErrors.ts';
import type { Failure, ProcessRef, Result } from '../../model.ts';
import { ok, pidText } from '../../model.ts';
import type { Answer, CallOptions, Params } from '../../port.ts';
import { remainingNow } from '../../callOptions.ts';
import { termKey } from '../../term/term.ts';
import type { Pid, Value } from '../../term/values.ts';
import { a, Atom, Fun, ImproperList, Pid as PidValue, Ref, Tuple } from '../../term/values.ts';
import { copied } from '../kernel/copy.ts';
import { ErrorException, ExitException } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import { fun } from '../kernel/localFun.ts';
import type { Process } from '../kernel/process.ts';
import type { Self } from '../kernel/self.ts';
import { encodedBytes } from '../kernel/travel.ts';
import { asValue, atoms, elementsOf, tagged, partsOf } from '../kernel/values.ts';
import { dictionaryKeys } from '../otp/crashReport.ts';
import { getState, replaceState } from '../otp/sys.ts';
import { command } from './commands.ts';
import type { Context } from './context.ts';
import { isProtected, protectedProcess, refOf, termOf } from './context.ts';
import { limitTerm, valueOf } from './terms.ts';

/** In the cluster's time: a process that works on something long answers late. */
export const longestSysMs = 5_000;

const behaviours = ['gen_server', 'gen_statem', 'gen_event'] as const;
export type Behaviour = (typeof behaviours)[number];

/** The behaviour in whose loop a process waits between messages; null for one that may not answer system messages. */
export function behaviourOf(process: Process): Behaviour | null {
  if (process.handler === null) return null;
  return behaviours.find((behaviour) => process.idleAt?.startsWith(`${behaviour}:`) === true) ?? null;
}

/** SHA-256 of the state as a term: equal for equal terms, and different where anything of them differs. */
export function digestOf(state: Value): string {
  return createHash('sha256')
    .update(termKey(termOf(state)))
    .digest('hex');
}

/** What of a state has a meaning in its own process only, as for people; empty when nothing has. */
export function obstaclesOf(process: Process, state: Value): readonly string[] {
  let [funs, references] = [0, 0];
  visit(state, (part) => {
    if (part instanceof Fun || typeof part === 'function') funs += 1;
    else if (part instanceof Ref) references += 1;
  });
  const own = new Set<Value>(Object.values(dictionaryKeys));
  const entries = [...(process.dictionary?.keys() ?? [])].filter((key) => !own.has(key)).length;
  return [
    ...(funs > 0 ? [`${String(funs)} funs`] : []),
    ...(references > 0 ? [`${String(references)} references`] : []),
    ...(entries > 0 ? [`${String(entries)} entries in its process dictionary`] : []),
  ];
}

/** How many pids of the node `of` a state names. */
export function pidsOn(of: string, state: Value): number {
  let count = 0;
  visit(state, (part) => {
    if (part instanceof PidValue && part.node === of) count += 1;
  });
  return count;
}

function visit(value: unknown, see: (part: unknown) => void): void {
  see(value);
  if (typeof value !== 'object' || value === null || value instanceof Atom || value instanceof Uint8Array) return;
  if (value instanceof Tuple) for (const part of partsOf(value)) visit(part, see);
  else if (value instanceof ImproperList) for (const part of [...value.items, value.tail]) visit(part, see);
  else if (Array.isArray(value)) for (const part of value) visit(part, see);
  else if (value instanceof Map) {
    for (const [key, held] of value) {
      visit(key, see);
      visit(held, see);
    }
  } else if (Object.getPrototypeOf(value) === Object.prototype)
    for (const part of Object.values(value)) visit(part, see);
}

/** Time for a process to answer, in the cluster's milliseconds. */
export function sysLimit(options: CallOptions): number {
  return Math.max(1, Math.floor(Math.min(remainingNow(options) * 0.9, longestSysMs)));
}

/** The failure for what a function of `sys` threw; it is thrown again when it is none of theirs. */
export function sysFailure(thrown: unknown, pid: ProcessRef, what: string): Failure {
  if (thrown instanceof ExitException) {
    const [reason] = partsOf(thrown.reason);
    if (reason === atoms.timeout) return timedOut(`Process ${pidText(pid)}`, 'none', pid.node);
    return processNotFound(pidText(pid), pid.node);
  }
  if (!(thrown instanceof ErrorException)) throw thrown;
  const failed = tagged(thrown.reason, a('callback_failed'), 3);
  const [, error] = partsOf(failed?.[2]);
  const module = tagged(error, a('no_restore'), 2)?.[1];
  return unsupported(
    what,
    module instanceof Atom
      ? `${module.name} does not say how its state is made of a term (restore).`
      : `it refused the state: ${JSON.stringify(termOf(asValue(error)))}.`,
    'Give it a state that its code takes.',
  );
}

/** Gives a process of the same node the state, and says whether it has it. Exits as `sys` does. */
export function* handState(self: Self, pid: Pid, state: Value, limitMs: number): Flow<boolean> {
  const given = copied(state);
  yield* replaceState(
    self,
    pid,
    fun('arsenal', 'hand_state', 1, () => given),
    limitMs,
  );
  return digestOf(yield* getState(self, pid, limitMs)) === digestOf(state);
}

/** See `processes.state`. What is shown is cut to `maxBytes`; the digest is of the whole. */
export function readState(
  context: Context,
  { pid, maxBytes }: Params<'processes.state'>,
): Result<Answer<'processes.state'>> {
  const found = context.process(pid);
  if (!found.ok) return found;
  const { handler } = found.value.process;
  if (handler === null) {
    return unsupported(
      'Showing its state',
      'this process is no gen_server or supervisor: what it holds is in its code.',
      'Choose a process whose initial call is of a behaviour.',
    );
  }
  const state = handler.state();
  const digest = digestOf(state);
  if (encodedBytes(state) <= maxBytes) return ok({ state: termOf(state), whole: true, digest });
  return ok({ state: limitTerm(termOf(state), maxBytes), whole: false, digest });
}

const changedMark = a('$arsenal_changed');

/** See `processes.replaceState`. Compared and replaced within the process, between two messages. */
export async function writeState(
  context: Context,
  { pid, expectDigest, state }: Params<'processes.replaceState'>,
  options: CallOptions,
): Promise<Result<Answer<'processes.replaceState'>>> {
  const found = context.process(pid);
  if (!found.ok) return found;
  const { node, process } = found.value;
  if (isProtected(process)) return protectedProcess(pid, process);
  const value = valueOf(state, pid);
  if (!value.ok) return value;
  const what = 'Replacing the state';
  if (behaviourOf(process) === null) return noServer(what, pid, process.currentFunction);
  const limitMs = sysLimit(options);
  return command(context, node, options.signal, function* (self): Flow<Result<{ readonly digest: string }>> {
    const change = fun('arsenal', 'replace_state', 1, (_self, old) => {
      if (digestOf(old) !== expectDigest) throw new ErrorException(changedMark);
      return value.value;
    });
    try {
      yield* replaceState(self, process.pid, change, limitMs);
      // What its code made of the term is what counts.
      return ok({ digest: digestOf(yield* getState(self, process.pid, limitMs)) });
    } catch (thrown) {
      if (isChanged(thrown)) return stateChanged(refOf(process.pid));
      return sysFailure(thrown, pid, what);
    }
  });
}

function isChanged(thrown: unknown): boolean {
  if (!(thrown instanceof ErrorException)) return false;
  const failed = tagged(thrown.reason, a('callback_failed'), 3);
  return elementsOf(failed?.[2])?.[1] === changedMark;
}

/** The state of a process as it is now, when no more than `maxBytes` of it are to be copied. */
export function heldState(
  process: Process,
  maxBytes: number,
  what: string,
): Result<{ readonly state: Value; readonly bytes: number; readonly digest: string }> {
  const pid = refOf(process.pid);
  const behaviour = behaviourOf(process);
  if (process.handler === null || behaviour === null) return noServer(what, pid, process.currentFunction);
  const state = copied(process.handler.state());
  const bytes = encodedBytes(state);
  if (bytes > maxBytes) return stateTooLarge(pid, bytes);
  return ok({ state, bytes, digest: digestOf(state) });
}
