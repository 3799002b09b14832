/** The side of a move that a server goes to: starts it, gives it the state, and takes it back unless the switch has come. */
import type { Pid, Value } from '../../term/values.ts';
import { a, Pid as PidValue, Ref, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive, timedOut } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, elementsOf, tagged } from '../kernel/values.ts';
import { getState, resume, suspend } from '../otp/sys.ts';
import type { ChildForm } from './children.ts';
import { removeChild, startedPid, startForm } from './children.ts';
import { termOf } from './context.ts';
import { digestOf, handState } from './serverState.ts';

/** Whether the new process is the one that counts. Both sides look at it, and the first to decide has decided. */
export type Decision = { is: 'open' | 'switched' | 'undone' };

/**
 * `{place, From, Ref, State}`; its answer `{placed, Ref, Pid, Digest}`, with `failed` in the place of the pid and why in that of the
 * digest; then `{resume, Ref}`, answered by `{resumed, Ref}`.
 */
export const migrationWords = {
  place: a('place'),
  placed: a('placed'),
  failed: a('failed'),
  resume: a('resume'),
  resumed: a('resumed'),
} as const;

export type Arrival = {
  readonly decision: Decision;
  readonly supervisor: Pid;
  readonly form: ChildForm;
  readonly limitMs: number;
};

/** The whole life of the process on this side. */
export function* receiveServer(self: Self, arrival: Arrival): Flow<void> {
  const { decision, limitMs } = arrival;
  const asked = yield* receive({ match: (message) => isPlace(message), afterMs: 4 * limitMs });
  const [, leader, ref, state] = elementsOf(asked) ?? [];
  if (asked === timedOut || !(leader instanceof PidValue) || !(ref instanceof Ref)) return;
  const watch = self.monitor(leader);
  const answer = yield* startForm(self, arrival.supervisor, arrival.form);
  const started = startedPid(answer);
  if (started === null) {
    const why = `${self.node} did not start it (${JSON.stringify(termOf(answer))})`;
    self.send(leader, tup(migrationWords.placed, ref, migrationWords.failed, why));
    return;
  }
  self.send(leader, tup(migrationWords.placed, ref, ...(yield* give(self, started, asValue(state), limitMs))));
  const next = yield* receive({
    match: (message) =>
      tagged(message, migrationWords.resume, 2) !== null || tagged(message, atoms.down, 5)?.[1] === watch,
    afterMs: 4 * limitMs,
  });
  // Its leader is lost, or late: nothing can be decided any more but by the one who finds it undecided.
  if (decision.is === 'open') decision.is = 'undone';
  if (decision.is === 'undone') {
    yield* removeChild(self, arrival.supervisor, arrival.form, started);
    return;
  }
  yield* resume(self, started, limitMs);
  if (next !== timedOut) self.send(leader, tup(migrationWords.resumed, ref));
}

function isPlace(message: Value): boolean {
  return tagged(message, migrationWords.place, 4) !== null;
}

/** Suspended, with the state: `Pid, Digest`; `failed, Why` when it does not take it. */
function* give(self: Self, pid: Pid, state: Value, limitMs: number): Flow<readonly [Value, Value]> {
  try {
    yield* suspend(self, pid, limitMs);
    yield* handState(self, pid, state, limitMs);
    return [pid, digestOf(yield* getState(self, pid, limitMs))];
  } catch {
    return [migrationWords.failed, 'the new process did not take the state'];
  }
}
