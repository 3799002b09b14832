/** Erlang's three ways to leave a function early, and the exit reason that each leads to when nothing catches it. */
import type { Value } from '../../term/values.ts';
import { a, tup } from '../../term/values.ts';

/**
 * `Error` without its constructor, which records a stack: that costs twenty times what the rest of leaving does. These are Erlang's
 * ways to go, not faults of JavaScript; nobody reads where they were made.
 */
const unrecorded: unknown = function Unrecorded(): void {
  // What an Error has comes from its prototype.
};
function asErrorClass(candidate: unknown): ErrorConstructor {
  if (!isClass(candidate)) throw new TypeError('Not a class.');
  candidate.prototype = Error.prototype;
  return candidate;
}
function isClass(candidate: unknown): candidate is ErrorConstructor & { prototype: Error } {
  return typeof candidate === 'function';
}
class Leaving extends asErrorClass(unrecorded) {
  override readonly name: string;
  override readonly message: string;
  constructor(name: string) {
    super();
    this.name = name;
    this.message = name;
  }
}

/** `exit(Reason)`: the process ends with `Reason`. */
export class ExitException extends Leaving {
  readonly reason: Value;
  constructor(reason: Value) {
    super('exit');
    this.reason = reason;
  }
}

/** `error(Reason)`: the process ends with `{Reason, Stacktrace}`. */
export class ErrorException extends Leaving {
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
export class ThrownValue extends Leaving {
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
