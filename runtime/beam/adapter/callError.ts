/** What a call that a node did not answer as hoped means to whoever asked for it. */
import type { Effect, Failure, NodeName, Result } from '../../model.ts';
import { cancelled, failure, nodeUnavailable, timedOut } from '../../errors.ts';
import { printTerm } from '../../term/print.ts';
import type { Term } from '../../term/term.ts';
import type { DistError, DistResult } from '../dist/errors.ts';

export type CallContext = {
  readonly node: NodeName;
  /** What was asked, for people: a noun phrase (`The supervisor`, `The list of processes`). */
  readonly what: string;
  /** What is known of the world when the answer stays away; `none` for whatever only reads. */
  readonly effect: Effect;
};

/** The failure for `error`. Only what surely was not done has effect `none` when the call could have changed something. */
export function callFailure(error: DistError, { node, what, effect }: CallContext): Failure {
  switch (error.kind) {
    case 'timeout':
    case 'connect_timeout':
      return timedOut(what, effect, node);
    case 'cancelled':
      return cancelled(effect);
    case 'exception':
      return failure(
        'execution',
        'node.raised',
        `${what} raised ${error.class} ${briefly(error.reason)} on ${node}.`,
        'See what the reason says; the node may lack what was asked of it.',
        { effect, node, details: { class: error.class, reason: briefly(error.reason) } },
      );
    case 'down':
      return failure(
        'execution',
        'node.server_ended',
        `${what} ended before it answered, with ${briefly(error.reason)}.`,
        'Refresh: its supervisor may have started it anew.',
        { effect, node, details: { reason: briefly(error.reason) } },
      );
    case 'spawn_failed':
      return failure(
        'unavailable',
        'node.spawn_failed',
        `${node} could not start a process for the call (${error.reason}).`,
        'It may have reached its process limit.',
        { node, details: { reason: error.reason } },
      );
    case 'encode':
      return failure(
        'validation',
        'term.not_sendable',
        `A term cannot be sent to ${node}: ${error.error.message}`,
        'Parts that were left out when it was shown, and funs of another connection, cannot be sent back.',
        { node },
      );
    case 'busy':
      return failure(
        'unavailable',
        'node.busy',
        `More waits to be sent to ${node} than it takes.`,
        'Wait until the node or the network has caught up.',
        { node, details: { queuedBytes: error.queuedBytes } },
      );
    default:
      return nodeUnavailable(node, effect);
  }
}

/** What a node answered to a call that only reads, or the failure; `what` names it for people. */
export function answered<T>(said: DistResult<T>, node: NodeName, what: string): Result<T> {
  return said.ok ? said : callFailure(said.error, { node, what, effect: 'none' });
}

/** The failure for an answer that is not what OTP's documentation says: a node whose modules were replaced, or no BEAM. */
export function strangeAnswer(node: NodeName, what: string): Failure {
  return failure(
    'execution',
    'node.strange_answer',
    `${what} of ${node} is not what OTP documents.`,
    'The node may run a release that Arsenal does not know; see docs/limits.md.',
    { node },
  );
}

/** A term in a message for people: short, one line. */
export function briefly(term: Term): string {
  return printTerm(term, { syntax: 'erlang', maxLength: 200, maxDepth: 4 });
}
