/** Why a process is not begun anew or moved: what the agent's words mean (agent/migration.erl, agent/restart.erl). */
import { processNotFound, timedOut } from '../../errors.ts';
import { handoverRefused, noServer, notDone as givenUp, stateStays, stateTooLarge } from '../../handoverErrors.ts';
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

/** The failure for `{refused, Why}` and the like. Nothing was done, or all of it undone. */
export function notDone(what: string, why: Term | undefined, pid: ProcessRef): Failure {
  const name = atomName(why);
  if (name === 'gone') return processNotFound(pidText(pid), pid.node);
  if (name === 'late') return timedOut(`Process ${pidText(pid)}`, 'none', pid.node);
  const known = name === null ? null : handoverRefused(what, name);
  if (known !== null) return known;
  const [kind, detail] = tupleOf(why, 2) ?? [];
  if (isAtom(kind, 'stays')) return stateStays(what, obstaclesText(detail));
  if (isAtom(kind, 'behaviour')) return noServer(what, pid, functionText(detail) ?? atomName(detail) ?? 'unknown');
  const bytes = numberOf(detail);
  if (isAtom(kind, 'too_large') && bytes !== null) return stateTooLarge(pid, bytes);
  return givenUp(what, pid, why === undefined ? 'no reason told' : briefly(why));
}
