/** Why a process is not begun anew or moved: what the agent's words mean (agent/migration.erl, agent/restart.erl). */
import { failure, processNotFound, timedOut, unsupported } from '../../errors.ts';
import type { Failure, ProcessRef } from '../../model.ts';
import { pidText } from '../../model.ts';
import type { Term } from '../../term/term.ts';
import { isAtom } from '../../term/term.ts';
import { briefly } from './callError.ts';
import { atomName, functionText, listOf, numberOf, tupleOf } from './read.ts';

const stays: { readonly [what: string]: string } = {
  ports: 'ports',
  tables: 'ETS tables',
  timers: 'timers',
  references: 'references',
  funs: 'funs',
  dictionary: 'entries in its process dictionary',
};

/** `[{ports, 2}, …]` for people: `2 ports, 1 timers`. */
export function obstaclesText(obstacles: Term | undefined): readonly string[] {
  return listOf(obstacles).flatMap((pair) => {
    const [what, count] = tupleOf(pair, 2) ?? [];
    const named = stays[atomName(what) ?? ''];
    return named === undefined ? [] : [`${String(numberOf(count) ?? 0)} ${named}`];
  });
}

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

/** The failure for `{refused, Why}` and the like. Nothing was done, or all of it undone. */
export function notDone(what: string, why: Term | undefined, pid: ProcessRef): Failure {
  const name = atomName(why);
  if (name === 'gone') return processNotFound(pidText(pid), pid.node);
  if (name === 'late') return timedOut(`Process ${pidText(pid)}`, 'none', pid.node);
  const known = name === null ? undefined : refusals[name];
  if (known !== undefined) return unsupported(what, known[0], known[1]);
  const [kind, detail] = tupleOf(why, 2) ?? [];
  if (isAtom(kind, 'stays')) {
    return unsupported(
      what,
      `its state has what cannot leave the process: ${obstaclesText(detail).join(', ')}.`,
      'Have it hold names or plain data in their place, or begin it anew without its state.',
    );
  }
  if (isAtom(kind, 'behaviour')) {
    return unsupported(
      what,
      `${pidText(pid)} is no gen_server or gen_statem that answers now (${functionText(detail) ?? atomName(detail) ?? 'unknown'}).`,
      'It may be deep in its work: try again. The state of other processes cannot be handed over.',
    );
  }
  const bytes = numberOf(detail);
  if (isAtom(kind, 'too_large') && bytes !== null) {
    return failure(
      'unsupported',
      'process.state_too_large',
      `The state of ${pidText(pid)} has ${String(bytes)} bytes, and the whole of it would be copied.`,
      'Raise the limit if the nodes can bear it.',
      { node: pid.node, details: { bytes } },
    );
  }
  return failure(
    'execution',
    'process.not_done',
    `${what} was given up: ${why === undefined ? 'no reason told' : briefly(why)}.`,
    'See the reason; all is as it was.',
    { node: pid.node, details: { reason: why === undefined ? null : briefly(why) } },
  );
}
