/** Makers of the errors that several rooms share, so that one cause has one code and one remedy everywhere. */
import type { ArsenalError, Effect, ErrorClass, Failure, Json, NodeName } from './model.ts';
import { fail } from './model.ts';

type Extra = {
  readonly effect?: Effect;
  readonly node?: NodeName;
  readonly pointer?: string;
  readonly details?: { readonly [key: string]: Json };
  readonly retryAfterMs?: number;
};

/** An error value; `effect` is `none` unless said otherwise. */
export function arsenalError(
  errorClass: ErrorClass,
  code: string,
  message: string,
  remedy: string,
  extra: Extra = {},
): ArsenalError {
  return { code, class: errorClass, message, remedy, ...extra, effect: extra.effect ?? 'none' };
}

/** A failed {@link Result} with the error {@link arsenalError} makes. */
export function failure(
  errorClass: ErrorClass,
  code: string,
  message: string,
  remedy: string,
  extra: Extra = {},
): Failure {
  return fail(arsenalError(errorClass, code, message, remedy, extra));
}

/** The call was cancelled; `effect` says whether it may have taken effect before. */
export function cancelled(effect: Effect): Failure {
  return failure(
    'cancelled',
    'call.cancelled',
    'The call was cancelled.',
    effect === 'none' ? 'Run it again when you want it.' : 'Look at the target before you run it again.',
    { effect },
  );
}

/** The time given to the call ran out. */
export function timedOut(what: string, effect: Effect, node?: NodeName): Failure {
  return failure(
    'timeout',
    'call.timeout',
    `${what} did not answer in time.`,
    'Raise the time limit, or see whether the node is overloaded or suspended.',
    { effect, ...(node !== undefined && { node }) },
  );
}

/** The runtime, or a node of it, cannot do this; `why` and `remedy` are for the reader. */
export function unsupported(what: string, why: string, remedy: string): Failure {
  return failure('unsupported', 'runtime.unsupported', `${what} is not possible here: ${why}`, remedy);
}

/** No such process now: it has ended, or its node has restarted since (then the id names no other process, ever). */
export function processNotFound(shown: string, node?: NodeName): Failure {
  return failure(
    'not_found',
    'process.not_found',
    `There is no process ${shown}.`,
    'It has ended, or its node has restarted since. Refresh and choose again.',
    node === undefined ? {} : { node },
  );
}

/** The process is not surely a supervisor, so it is not asked as one. */
export function notSupervisor(shown: string, node: NodeName): Failure {
  return failure(
    'validation',
    'supervisor.not_one',
    `${shown} is not known to be a supervisor, so it is not asked as one.`,
    'Choose one of list_supervisors. A process that does not know the question could end because of it.',
    { node },
  );
}

/** The node cannot live without the process, so it is not ended from here. */
export function processProtected(shown: string, node: NodeName): Failure {
  return failure(
    'authorization',
    'process.protected',
    `${shown} keeps node ${node} alive and is left alone.`,
    'Stop the whole node, if that is what you want, or choose a process of an application.',
    { node },
  );
}

/** The node is not part of this connection, or not known. */
export function nodeNotFound(node: NodeName): Failure {
  return failure(
    'not_found',
    'node.not_found',
    `There is no node ${node} in this cluster.`,
    'See cluster_topology for the nodes that are known.',
    { node },
  );
}

/** The node is known but cannot be asked now. */
export function nodeUnavailable(node: NodeName, effect: Effect = 'none'): Failure {
  return failure(
    'unavailable',
    'node.unavailable',
    `Node ${node} cannot be reached.`,
    'Start it or mend the network; the other nodes can still be used.',
    { effect, node },
  );
}

/** The connection to the system is gone or not there yet. */
export function notConnected(effect: Effect = 'none'): Failure {
  return failure(
    'unavailable',
    'connection.lost',
    'There is no connection to the system.',
    'Wait for it to reconnect, or connect again.',
    { effect },
  );
}
