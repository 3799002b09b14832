/** Erlang's three ways to leave a function early, and the exit reason that each leads to when nothing catches it. */
import type { Value } from '../../term/values.ts';
import { a, tup } from '../../term/values.ts';

/** `exit(Reason)`: the process ends with `Reason`. */
export class ExitException extends Error {
  readonly reason: Value;
  constructor(reason: Value) {
    super('exit');
    this.reason = reason;
  }
}

/** `error(Reason)`: the process ends with `{Reason, Stacktrace}`. */
export class ErrorException extends Error {
  readonly reason: Value;
  /** `[{Module, Function, ArityOrArgs, []}]`, where it is known; JavaScript's own stack is no MFAs. */
  readonly stacktrace: readonly Value[];
  constructor(reason: Value, stacktrace: readonly Value[] = []) {
    super('error');
    this.reason = reason;
    this.stacktrace = stacktrace;
  }
}

/** The error of calling a function that is not there: `{undef, [{Module, Function, Args, []}]}`. */
export function undef(module: string, name: string, args: readonly Value[]): ErrorException {
  return new ErrorException(a('undef'), [tup(a(module), a(name), args, [])]);
}

/** `throw(Value)`: caught by behaviours as a return value; otherwise the process ends with `{{nocatch, Value}, Stacktrace}`. */
export class ThrownValue extends Error {
  readonly value: Value;
  constructor(value: Value) {
    super('throw');
    this.value = value;
  }
}

/**
 * The exit reason of whatever process code threw. A JavaScript error becomes `{{Name, Message}, []}` with the error's name as an
 * atom (`'TypeError'`), so that a bug in process code is an ordinary crash. Stacktraces are empty where no MFA is known.
 */
export function reasonOf(thrown: unknown): Value {
  if (thrown instanceof ExitException) return thrown.reason;
  if (thrown instanceof ErrorException) return tup(thrown.reason, thrown.stacktrace);
  if (thrown instanceof ThrownValue) return tup(tup(a('nocatch'), thrown.value), []);
  if (thrown instanceof Error) return tup(tup(a(thrown.name.slice(0, 255)), thrown.message), []);
  return tup(tup(a('nocatch'), String(thrown)), []);
}
