/** The side of a move that a server goes to: starts it, gives it the state, and takes it back unless the switch has come. */
import type { Pid, Value } from '../../term/values.ts';
import { a, Pid as PidValue, Ref, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive, timedOut } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, partsOf, tagged } from '../kernel/values.ts';
import { getState, resume, suspend } from '../otp/sys.ts';
import type { ChildForm } from './children.ts';
import { removeChild, startedPid, startForm } from './children.ts';
import { termOf } from './context.ts';
import { digestOf, handState } from './serverState.ts';

/** Whether the new process is the one that counts. Both sides look at it, and the first to decide has decided. */
export type Decision = { is: 'open' | 'switched' | 'undone' };

/**
 * `{start, From, Ref}`, answered by `{started, Ref, Pid}`, by `{taken, Ref, Pid}` when that one has the name that the new one takes as it
 * starts (then it can be asked again), or by `{failed, Ref, Why}`; `{place, Ref, State}`, answered by `{placed, Ref, Digest}` or
 * `{failed, Ref, Why}`; then `{resume, Ref}`, answered by `{resumed, Ref}`.
 */
export const migrationWords = {
  start: a('start'),
  started: a('started'),
  taken: a('taken'),
  place: a('place'),
  placed: a('placed'),
  failed: a('failed'),
  resume: a('resume'),
  resumed: a('resumed'),
} as const;

const alreadyStarted = a('already_started');

export type Arrival = {
  readonly decision: Decision;
  readonly supervisor: Pid;
  readonly form: ChildForm;
  readonly limitMs: number;
};

/** The whole life of the process on this side. */
export function* receiveServer(self: Self, arrival: Arrival): Flow<void> {
  const { decision, limitMs } = arrival;
  const begun = yield* start(self, arrival);
  if (begun === null) return;
  const { leader, ref, watch, started } = begun;
  const asked = yield* receive({
    match: (message) => tagged(message, migrationWords.place, 3) !== null || isDown(message, watch),
    afterMs: 4 * limitMs,
  });
  const state = tagged(asked, migrationWords.place, 3);
  if (state !== null) self.send(leader, yield* give(self, ref, started, asValue(state[2]), limitMs));
  const next = yield* receive({
    match: (message) => tagged(message, migrationWords.resume, 2) !== null || isDown(message, watch),
    afterMs: state === null ? 0 : 4 * limitMs,
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

type Begun = { readonly leader: Pid; readonly ref: Ref; readonly watch: Ref; readonly started: Pid };

/** Starts the server as often as it is asked to while its name is taken; null when it is not started. */
function* start(self: Self, { supervisor, form, limitMs }: Arrival): Flow<Begun | null> {
  let watch: Ref | null = null;
  for (;;) {
    const asked = yield* receive({
      match: (message) => tagged(message, migrationWords.start, 3) !== null || isDown(message, watch),
      afterMs: 4 * limitMs,
    });
    const [, leader, ref] = tagged(asked, migrationWords.start, 3) ?? [];
    if (!(leader instanceof PidValue) || !(ref instanceof Ref)) return null;
    watch ??= self.monitor(leader);
    const answer = yield* startForm(self, supervisor, form);
    const started = startedPid(answer);
    if (started !== null) {
      self.send(leader, tup(migrationWords.started, ref, started));
      return { leader, ref, watch, started };
    }
    const holder = holderOf(answer);
    if (holder !== null) self.send(leader, tup(migrationWords.taken, ref, holder));
    else {
      const why = `${self.node} did not start it (${JSON.stringify(termOf(answer))})`;
      self.send(leader, tup(migrationWords.failed, ref, why));
      return null;
    }
  }
}

/** The process in `{error, {already_started, Pid}}`, also as a supervisor reports it. */
function holderOf(answer: Value): Pid | null {
  const reason = tagged(answer, atoms.error, 2)?.[1];
  const [first] = partsOf(reason);
  const holder = (tagged(reason, alreadyStarted, 2) ?? tagged(first, alreadyStarted, 2))?.[1];
  return holder instanceof PidValue ? holder : null;
}

/** The end of what `watch` is a monitor of; with no monitor nothing is. */
export function isDown(message: unknown, watch: Ref | null): boolean {
  return watch !== null && tagged(message, atoms.down, 5)?.[1] === watch;
}

/** Suspended, with the state: `{placed, Ref, Digest}`; `{failed, Ref, Why}` when it does not take it. */
function* give(self: Self, ref: Ref, pid: Pid, state: Value, limitMs: number): Flow<Value> {
  try {
    yield* suspend(self, pid, limitMs);
    yield* handState(self, pid, state, limitMs);
    return tup(migrationWords.placed, ref, digestOf(yield* getState(self, pid, limitMs)));
  } catch {
    return tup(migrationWords.failed, ref, 'the new process did not take the state');
  }
}
