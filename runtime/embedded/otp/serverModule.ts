/** What a callback module of gen_server is, and what its callbacks answer. */
import type { Atom, Value } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import type { StatusFormat, StatusMap } from './formatStatus.ts';
import type { From } from './gen.ts';

/** What a callback wants next besides waiting for a message. */
export type Then =
  | { readonly is: 'continue'; readonly with: Value }
  | { readonly is: 'timeout'; readonly ms: number }
  | { readonly is: 'hibernate' };
export type Init<S> =
  | { readonly is: 'ok'; readonly state: S; readonly then?: Then }
  | { readonly is: 'stop'; readonly reason: Value }
  | { readonly is: 'ignore' }
  | BadReturn;
/** What a callback module answered that is none of OTP's answers. */
export type BadReturn = { readonly is: 'bad_return'; readonly value: Value };
export type Step<S> =
  | { readonly is: 'noreply'; readonly state: S; readonly then?: Then }
  | { readonly is: 'stop'; readonly reason: Value; readonly state: S }
  | BadReturn;
export type CallStep<S> =
  | Step<S>
  | { readonly is: 'reply'; readonly reply: Value; readonly state: S; readonly then?: Then }
  | { readonly is: 'stop_reply'; readonly reply: Value; readonly reason: Value; readonly state: S };

type MayWait<T> = T | Flow<T>;

/** A callback module. A callback that has to wait is a generator. */
export type ServerModule<S> = {
  readonly module: string;
  init(self: Self, argument: Value): MayWait<Init<S>>;
  handleCall?(self: Self, request: Value, from: From, state: S): MayWait<CallStep<S>>;
  handleCast?(self: Self, message: Value, state: S): MayWait<Step<S>>;
  handleInfo?(self: Self, message: Value, state: S): MayWait<Step<S>>;
  handleContinue?(self: Self, continuation: Value, state: S): MayWait<Step<S>>;
  terminate?(self: Self, reason: Value, state: S): MayWait<void>;
  /** The state for the new code; on an error the old one stays. */
  codeChange?(self: Self, oldVersion: Value, state: S, extra: Value): MayWait<Changed<S>>;
  /** The state as the value it would be on the BEAM: for `sys:get_state`, for the eye and for measuring. */
  show(state: S): Value;
  /** The state of such a value, for `sys:replace_state`; without it the state cannot be replaced. */
  restore?(value: Value): S;
  /** Both of the next, where they are only known when asked for (a module that can be loaded anew). */
  statusFormat?(self: Self): StatusFormat;
  /** What is shown of `state`, `message`, `reason` and `log` (`format_status/1`). */
  formatStatus?(self: Self, status: StatusMap): MayWait<Value | StatusMap>;
  /** `format_status/2` of before OTP 25: `normal` or `terminate`, `[Dictionary, State]`. */
  formatStatus2?(self: Self, option: Atom, args: readonly Value[]): MayWait<Value>;
};
/** `reason` is what code_change answered instead of `{ok, State}`: `sys:change_code` answers `{error, Reason}`. */
export type Changed<S> = { readonly is: 'ok'; readonly state: S } | { readonly is: 'error'; readonly reason: Value };

/** `{noreply, State}` */
export function noreply<S>(state: S, then?: Then): Step<S> {
  return { is: 'noreply', state, ...(then !== undefined && { then }) };
}
/** `{reply, Reply, State}` */
export function reply<S>(value: Value, state: S): CallStep<S> {
  return { is: 'reply', reply: value, state };
}
/** `{stop, Reason, State}` */
export function stop<S>(reason: Value, state: S): Step<S> {
  return { is: 'stop', reason, state };
}
