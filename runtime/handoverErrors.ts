/** Why a process keeps its state, or stays where it is: one cause has one text on every runtime. */
import { failure, unsupported } from './errors.ts';
import type { Failure, ProcessRef } from './model.ts';
import { pidText } from './model.ts';

const refusals: { readonly [why: string]: readonly [why: string, remedy: string] } = {
  is_supervisor: [
    'a supervisor has children, which would stay where they are.',
    'Move its children, or start it on the other node.',
  ],
  not_supervised: [
    'no supervisor started it that could start it again: it is the root of an application, or was started by itself.',
    'Restart its application, or start another one.',
  ],
  start_unknown: [
    'its supervisor keeps no arguments of temporary children, so nobody knows how to start it again.',
    'Start another one as your code does.',
  ],
  unknown_layout: [
    'its supervisor does not tell how it was started: the layout of its state is not known.',
    'For a child of Horde use the operations for Horde.',
  ],
  other_kind: [
    'the supervisor there has another specification than the one here: one of simple_one_for_one starts its own kind only.',
    'Choose a supervisor of the same kind.',
  ],
  no_id: [
    'its supervisor knows it by its process only, and the supervisor there needs an id.',
    'Choose a dynamic supervisor there.',
  ],
  name_stays: [
    'it registers a name that spans nodes as it starts, and the name is taken by the process that is to move.',
    'Where the name is of Horde, let Horde move it.',
  ],
  suspended: ['it is suspended by somebody else.', 'Resume it first.'],
};

/** The failure for a known reason (`not_supervised`, `start_unknown`, …); null for another. */
export function handoverRefused(what: string, reason: string): Failure | null {
  const known = Object.hasOwn(refusals, reason) ? refusals[reason] : undefined;
  return known === undefined ? null : unsupported(what, ...known);
}

/** The state has what cannot leave the process; `obstacles` as for people (`2 ports`). */
export function stateStays(what: string, obstacles: readonly string[]): Failure {
  return unsupported(
    what,
    `its state has what cannot leave the process: ${obstacles.join(', ')}.`,
    'Have it hold names or plain data in their place, or begin it anew without its state.',
  );
}

/** Only the state of OTP's servers can be handed over; `place` is the function that it is in. */
export function noServer(what: string, pid: ProcessRef, place: string): Failure {
  return unsupported(
    what,
    `${pidText(pid)} is no gen_server or gen_statem that answers now (${place}).`,
    'It may be deep in its work: try again. The state of other processes cannot be handed over.',
  );
}

/** The state has more bytes than were allowed to be copied. */
export function stateTooLarge(pid: ProcessRef, bytes: number): Failure {
  return failure(
    'unsupported',
    'process.state_too_large',
    `The state of ${pidText(pid)} has ${String(bytes)} bytes, and the whole of it would be copied.`,
    'Raise the limit if the node can bear it.',
    { node: pid.node, details: { bytes } },
  );
}

/** The state is not the one that somebody decided upon. */
export function stateChanged(pid: ProcessRef): Failure {
  return failure(
    'conflict',
    'process.state_changed',
    `The state of ${pidText(pid)} is not the one that was read.`,
    'Read it again, and decide again.',
    { node: pid.node },
  );
}

/** All was undone; `reason` says why, for people. */
export function notDone(what: string, pid: ProcessRef, reason: string): Failure {
  return failure(
    'execution',
    'process.not_done',
    `${what} was given up: ${reason}.`,
    'See the reason; all is as it was.',
    { node: pid.node, details: { reason } },
  );
}

/** It was started anew without its state. */
export function stateLost(old: ProcessRef, pid: ProcessRef, reason: string): Failure {
  return failure(
    'conflict',
    'process.state_lost',
    `${pidText(old)} was begun anew as ${pidText(pid)}, which did not take the state it had: ${reason}.`,
    'See whether it lives; its supervisor has started it without that state.',
    { node: old.node, effect: 'partial' },
  );
}

/** No state is kept with this handle. */
export function stateNotHeld(): Failure {
  return failure(
    'not_found',
    'state.not_held',
    'No state is held with this handle.',
    'Take a new one: it is held for this connection only, and not longer than was asked for.',
    { pointer: '/initialState/handle' },
  );
}

/** The process to which a kept state was handed did not take it. */
export function stateNotTaken(pid: ProcessRef): Failure {
  return failure(
    'execution',
    'state.not_taken',
    `${pidText(pid)} did not take the state.`,
    'It may be no gen_server, or its node may not be connected to the one that keeps the state.',
    { node: pid.node },
  );
}

/** It is on that node already. */
export function sameNode(pid: ProcessRef): Failure {
  return failure(
    'conflict',
    'process.same_node',
    `${pidText(pid)} is on ${pid.node} already.`,
    'Choose another node.',
    { node: pid.node, pointer: '/node' },
  );
}

/** The two nodes of a move have no connection. */
export function nodesNotConnected(from: string, to: string): Failure {
  return failure(
    'conflict',
    'node.not_connected',
    `${from} is not connected to ${to}, and is not made to be.`,
    'Connect the two nodes, or mend what keeps them apart.',
    { node: from },
  );
}

/** A supervisor was given that is on another node than the one meant. */
export function supervisorElsewhere(supervisor: ProcessRef, node: string): Failure {
  return failure(
    'validation',
    'supervisor.other_node',
    `${pidText(supervisor)} is not on ${node}.`,
    'Choose one there.',
    { pointer: '/supervisor' },
  );
}

/** Nothing on the other node has the name of the supervisor here (null: it has none). */
export function noCounterpart(pid: ProcessRef, name: string | null, node: string): Failure {
  return failure(
    'not_found',
    'supervisor.no_counterpart',
    name === null
      ? `The supervisor of ${pidText(pid)} has no name by which it could be found on ${node}.`
      : `There is no ${name} on ${node}.`,
    'Say which supervisor there is to have it.',
    { node, pointer: '/supervisor' },
  );
}
