/** What came back from a call: the value it returned, or what it ended with instead. */
import type { RawTerm } from '../../term/cursor.ts';
import { readRaw, termOf } from '../../term/cursor.ts';
import type { RefTerm, Term } from '../../term/term.ts';
import { atom, isAtom, tuple } from '../../term/term.ts';
import type { DistError, DistResult } from './errors.ts';
import { failure, success } from './errors.ts';

/** How an answer is handed out: `decode` makes it of the bytes, or answers null when they are damaged. */
export type Decode<T> = (raw: RawTerm) => T | null;

/** A term as it is. */
export function decoded(raw: RawTerm): Term | null {
  const term = termOf(raw);
  return term.ok ? term.value : null;
}

function exception(kind: 'error' | 'exit' | 'throw', reason: Term, stack: Term | null): DistError {
  return { kind: 'exception', message: `The function called ended with an ${kind}.`, class: kind, reason, stack };
}

/** The process was ended from outside before it was done; erpc calls this a signal. */
function signalled(reason: Term): DistError {
  return exception('exit', tuple(atom('signal'), reason), null);
}

/** `{Ref, return, Value}`, `{Ref, error, Reason, Stack}`, … with which `erpc:execute_call/4` ends; null when it is damaged. */
export function erpcResult<T>(
  reason: RawTerm,
  isOurs: (ref: RefTerm) => boolean,
  decode: Decode<T>,
): DistResult<T> | null {
  const returned = readRaw(reason, (cursor) => {
    if (cursor.kind() !== 'tuple' || cursor.tuple() !== 3) return null;
    if (cursor.kind() !== 'ref' || !isOurs(cursor.refTerm())) return null;
    return cursor.kind() === 'atom' && cursor.atom().v === 'return' ? cursor.rest() : null;
  });
  if (!returned.ok) return null;
  if (returned.value === null) {
    const term = decoded(reason);
    return term === null ? null : failure(erpcFailure(term, isOurs));
  }
  const value = decode(returned.value);
  return value === null ? null : success(value);
}

function erpcFailure(reason: Term, isOurs: (ref: RefTerm) => boolean): DistError {
  const [head, outcome, value, stack] = reason.t === 'tuple' ? reason.e : [];
  if (head?.t !== 'ref' || !isOurs(head) || value === undefined) return signalled(reason);
  if (isAtom(outcome, 'throw')) return exception('throw', value, null);
  if (isAtom(outcome, 'exit')) return exception('exit', value, null);
  return isAtom(outcome, 'error') ? exception('error', value, stack ?? null) : signalled(reason);
}

/** What `rex` answers: the value, or `{badrpc, Reason}`; null when it is damaged. */
export function rexResult<T>(reply: RawTerm, decode: Decode<T>): DistResult<T> | null {
  const refused = readRaw(reply, (cursor) => {
    if (cursor.kind() !== 'tuple' || cursor.tuple() !== 2) return null;
    return cursor.kind() === 'atom' && cursor.atom().v === 'badrpc' ? cursor.term() : null;
  });
  if (!refused.ok) return null;
  if (refused.value !== null) return failure(rexFailure(refused.value));
  const value = decode(reply);
  return value === null ? null : success(value);
}

function rexFailure(reason: Term): DistError {
  if (reason.t === 'tuple' && reason.e.length === 2 && isAtom(reason.e[0], 'EXIT')) {
    return exception('error', reason.e[1] ?? reason, null);
  }
  return exception('exit', reason, null);
}
