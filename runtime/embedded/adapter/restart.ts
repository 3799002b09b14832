/** Beginning a process anew through its supervisor, with the state it had where that is wanted and can be. */
import { childRefused } from '../../childErrors.ts';
import { handoverRefused, noServer, stateLost, stateStays, stateTooLarge } from '../../handoverErrors.ts';
import type { Restarted, Result } from '../../model.ts';
import { ok, pidText } from '../../model.ts';
import type { CallOptions, Params } from '../../port.ts';
import type { Value } from '../../term/values.ts';
import { Atom } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import type { Process } from '../kernel/process.ts';
import type { Self } from '../kernel/self.ts';
import { encodedBytes } from '../kernel/travel.ts';
import { asValue, atoms, elementsOf, tagged } from '../kernel/values.ts';
import { getState, resume, suspend } from '../otp/sys.ts';
import { supervisorAt } from '../otp/supervisorState.ts';
import type { Home } from './children.ts';
import { endChild, homeOf, startAgain, startedPid } from './children.ts';
import { command } from './commands.ts';
import type { Context } from './context.ts';
import { isProtected, protectedProcess, refOf, termJson, termOf } from './context.ts';
import { behaviourOf, handState, obstaclesOf, sysFailure, sysLimit } from './serverState.ts';

const what = 'Restarting it';

/** See `processes.restart`. What is begun is finished, also when nobody waits for it any more. */
export async function restartProcess(
  context: Context,
  { pid, keepMaxBytes }: Params<'processes.restart'>,
  options: CallOptions,
): Promise<Result<Restarted>> {
  const found = context.process(pid);
  if (!found.ok) return found;
  const { node, process } = found.value;
  if (isProtected(process)) return protectedProcess(pid, process);
  const home = homeOf(process, what);
  if (!home.ok) return home;
  if (keepMaxBytes !== undefined) {
    const refused = keepRefused(process);
    if (refused !== null) return refused;
  }
  const limitMs = sysLimit(options);
  return command(
    context,
    node,
    options.signal,
    function* (self): Flow<Result<Restarted>> {
      if (keepMaxBytes === undefined) return yield* anew(self, process, home.value, null, limitMs);
      const kept = yield* suspendedState(self, process, keepMaxBytes, limitMs);
      return kept.ok ? yield* anew(self, process, home.value, kept.value, limitMs) : kept;
    },
    'finished_apart',
  );
}

/** Why the state of a process cannot be handed on; null when it can as far as can be seen from outside. */
export function keepRefused(process: Process): ReturnType<typeof noServer> | null {
  const pid = refOf(process.pid);
  if (supervisorAt(process.pid) !== null) return handoverRefused(what, 'is_supervisor');
  const behaviour = behaviourOf(process);
  if (behaviour === null || behaviour === 'gen_event') return noServer(what, pid, process.currentFunction);
  return process.currentFunction.startsWith('sys:') ? handoverRefused(what, 'suspended') : null;
}

/** Suspends a server and answers its state; it runs on when that cannot leave it. */
export function* suspendedState(
  self: Self,
  process: Process,
  maxBytes: number,
  limitMs: number,
): Flow<Result<{ readonly is: Value; readonly bytes: number }>> {
  const pid = refOf(process.pid);
  try {
    yield* suspend(self, process.pid, limitMs);
    const state = yield* getState(self, process.pid, limitMs);
    const bytes = encodedBytes(state);
    const obstacles = obstaclesOf(process, state);
    if (bytes <= maxBytes && obstacles.length === 0) return ok({ is: state, bytes });
    yield* resume(self, process.pid, limitMs);
    return bytes > maxBytes ? stateTooLarge(pid, bytes) : stateStays(what, obstacles);
  } catch (thrown) {
    // A suspension that comes too late is undone by what comes after it.
    if (process.alive) yield* resumed(self, process, limitMs);
    return sysFailure(thrown, pid, what);
  }
}

/** Lets a server run on, if it still answers. */
export function* resumed(self: Self, process: Process, limitMs: number): Flow<boolean> {
  try {
    yield* resume(self, process.pid, limitMs);
    return true;
  } catch {
    return false;
  }
}

function* anew(
  self: Self,
  process: Process,
  { supervisor, form }: Home,
  kept: { readonly is: Value } | null,
  limitMs: number,
): Flow<Result<Restarted>> {
  const old = refOf(process.pid);
  const ended = yield* endChild(self, supervisor.pid, form, process.pid);
  if (ended !== atoms.ok) {
    if (kept !== null) yield* resumed(self, process, limitMs);
    return refusal(ended, old.node);
  }
  const answer = yield* startAgain(self, supervisor.pid, form);
  const fresh = startedPid(answer);
  if (fresh === null) {
    const failed = refusal(answer, old.node);
    const message = `${pidText(old)} was ended, and could not be started anew.`;
    return { ok: false, error: { ...failed.error, message, effect: 'partial' } };
  }
  const begun = { pid: refOf(fresh), supervisor: refOf(supervisor.pid) };
  if (kept === null) return ok({ ...begun, state: 'fresh' });
  try {
    const same = yield* handState(self, fresh, kept.is, limitMs);
    return same ? ok({ ...begun, state: 'kept' }) : stateLost(old, begun.pid, 'it made another one of it');
  } catch (thrown) {
    return stateLost(old, begun.pid, sysFailure(thrown, begun.pid, 'Handing it over').error.message);
  }
}

function refusal(answer: Value, node: string): ReturnType<typeof childRefused> {
  const reason = asValue(tagged(answer, atoms.error, 2)?.[1] ?? answer);
  const head = elementsOf(reason)?.[0] ?? reason;
  return childRefused(head instanceof Atom ? head.name : null, termJson(termOf(reason)), node);
}
