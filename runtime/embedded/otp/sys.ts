/**
 * stdlib's `sys`, asking: what other processes can have a process do that obeys system messages. Each function exits with
 * `{Reason, {sys, Function, Args}}` when the process is not there or does not answer in time (5 s unless said; null: for ever).
 */
import type { Atom, Tuple, Value } from '../../term/values.ts';
import { a, tup } from '../../term/values.ts';
import { ErrorException, ExitException } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import type { LocalFun } from '../kernel/localFun.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, elementsOf } from '../kernel/values.ts';
import { defaultCallTimeoutMs, genAtoms, genCall } from './gen.ts';
import type { Server } from './names.ts';

/** `undefined`: OTP's default of 5 s, and the time-out does not stand among the arguments of an exit. */
type TimeLimit = number | null | undefined;

function* ask(
  self: Self,
  server: Server,
  request: Value,
  name: string | Tuple<readonly unknown[]>,
  args: readonly Value[],
  timeoutMs: TimeLimit,
): Flow<Value> {
  try {
    const limit = timeoutMs === undefined ? defaultCallTimeoutMs : timeoutMs;
    return yield* genCall(self, server, genAtoms.system, request, limit);
  } catch (thrown) {
    if (!(thrown instanceof ExitException)) throw thrown;
    const shown = timeoutMs === undefined ? [server, ...args] : [server, ...args, timeoutMs ?? atoms.infinity];
    return self.exit(tup(thrown.reason, tup(a('sys'), typeof name === 'string' ? a(name) : name, shown)));
  }
}

/** `sys:suspend/1,2` */
export function suspend(self: Self, server: Server, timeoutMs?: number | null): Flow<Value> {
  return ask(self, server, a('suspend'), 'suspend', [], timeoutMs);
}
/** `sys:resume/1,2` */
export function resume(self: Self, server: Server, timeoutMs?: number | null): Flow<Value> {
  return ask(self, server, a('resume'), 'resume', [], timeoutMs);
}
/** `sys:get_status/1,2`: `{status, Pid, {module, Module}, [Dictionary, State, Parent, Debug, Misc]}`. */
export function getStatus(self: Self, server: Server, timeoutMs?: number | null): Flow<Value> {
  return ask(self, server, a('get_status'), 'get_status', [], timeoutMs);
}
/** `sys:get_state/1,2`; an error `{callback_failed, _, _}` when the process' own function fails. */
export function* getState(self: Self, server: Server, timeoutMs?: number | null): Flow<Value> {
  return orError(yield* ask(self, server, a('get_state'), 'get_state', [], timeoutMs));
}
/** `sys:replace_state/2,3`: the state that `change` made of the old one. */
export function* replaceState(self: Self, server: Server, change: LocalFun, timeoutMs?: number | null): Flow<Value> {
  const request = tup(a('replace_state'), change);
  // OTP names the whole request where the function's name should stand.
  return orError(yield* ask(self, server, request, request, [], timeoutMs));
}
function orError(answer: Value): Value {
  const elements = elementsOf(answer);
  if (elements?.length === 2 && elements[0] === atoms.error) throw new ErrorException(asValue(elements[1]));
  return answer;
}
/** `sys:change_code/4,5`, of a process that is suspended: `ok` or `{error, Reason}`. */
export function changeCode(
  self: Self,
  server: Server,
  { module, oldVersion, extra }: { readonly module: Atom; readonly oldVersion: Value; readonly extra: Value },
  timeoutMs?: number | null,
): Flow<Value> {
  const args = [module, oldVersion, extra];
  return ask(self, server, tup(a('change_code'), ...args), 'change_code', args, timeoutMs);
}
/** `sys:terminate/2,3` */
export function terminate(self: Self, server: Server, reason: Value, timeoutMs?: number | null): Flow<Value> {
  return ask(self, server, tup(a('terminate'), reason), 'terminate', [reason], timeoutMs);
}

type Debug = 'log' | 'trace' | 'statistics' | 'log_to_file' | 'install' | 'remove';

/**
 * `sys:log/2,3` (true, `{true, N}`, false, get, print), `sys:trace/2,3`, `sys:statistics/2,3` (true, false, get), `sys:install/2,3`
 * (`{Func, State}`, `{Id, Func, State}`) and `sys:remove/2,3`. Files there are none of: `log_to_file` answers `{error, open_file}`.
 */
export function debug(self: Self, server: Server, what: Debug, flag: Value, timeoutMs?: number | null): Flow<Value> {
  return ask(self, server, tup(a('debug'), tup(a(what), flag)), what, [flag], timeoutMs);
}
/** `sys:no_debug/1,2` */
export function noDebug(self: Self, server: Server, timeoutMs?: number | null): Flow<Value> {
  return ask(self, server, tup(a('debug'), a('no_debug')), 'no_debug', [], timeoutMs);
}
