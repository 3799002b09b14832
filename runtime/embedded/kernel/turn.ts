/** One turn of a process: it takes messages, or goes on where it waited, until it waits, ends, or has had its share. */
import { ExitException } from './exceptions.ts';
import type { Flow } from './flow.ts';
import { flowOf, timedOut } from './flow.ts';
import type { Body, Process } from './process.ts';
import { receivedBy, stillWaiting } from './receiving.ts';
import { Self } from './self.ts';

/** Reductions a process may use before others run. One is one message, one resumption or one call into the kernel. */
export const reductionsPerTurn = 2000;
/** At most so many reductions pass between two looks at the wall's clock, where there is one: one at first, then twice as many. */
const mostReductionsPerGlance = 16;

/** How a turn ended; with `ended`, its reason stands in {@link Process.doom}. One that is `held` has not: it goes on where it is. */
export type TurnEnd = 'waiting' | 'more' | 'ended' | 'held';

/** Runs a process for a turn, which is over when its reductions have reached `last`. What its code throws comes through. */
export function takeTurn(process: Process, last: number): TurnEnd {
  const { node } = process;
  const { world } = node;
  const { wall } = world;
  const self = (process.self ??= new Self(process));
  let perGlance = 1;
  let until = wall === null ? last : process.reductions + perGlance;
  let endsAtMs: number | null = null;
  if (process.starting !== null) start(process, process.starting, self);
  for (;;) {
    if (process.doom !== null) return 'ended';
    if (process.reductions >= until) {
      if (wall === null || process.reductions >= last) return 'more';
      const { nowMs } = wall;
      if (nowMs >= (endsAtMs ??= nowMs + world.turnMs)) return 'more';
      if (nowMs >= wall.holdsAtMs) return 'held';
      perGlance = Math.min(mostReductionsPerGlance, 2 * perGlance);
      until = Math.min(last, process.reductions + perGlance);
    }
    process.reductions += 1;
    if (process.fiber === null) {
      const { handler, mailbox, profile } = process;
      // This look at the mailbox is the first of what the next message costs.
      if (profile !== null) profile.idle(process.reductions - 1);
      if (handler === null) return 'ended';
      if (mailbox.length === 0) return 'waiting';
      const message = mailbox.shift();
      node.taken = message;
      const answer = handler.handle(self, message);
      if (answer !== undefined) answered(process, answer);
      continue;
    }
    const received = process.wait === null ? timedOut : receivedBy(process, process.wait);
    if (received === stillWaiting) return 'waiting';
    process.goesOn();
    if (received !== timedOut) node.taken = received;
    const step = process.fiber.next(received);
    if (step.done === true) {
      process.fiber = null;
      if (process.handler === null) return 'ended';
    } else {
      const wait = step.value;
      if (wait.is === 'point') continue;
      process.waits(wait);
      if (wait.is === 'turn') return 'more';
      if (process.profile !== null && wait.at !== null && wait.at === process.idleAt) {
        process.profile.idle(process.reductions);
      }
    }
  }
}

function start(process: Process, body: Body, self: Self): void {
  process.starting = null;
  if (body.is === 'flow') {
    process.fiber = body.run(self);
    return;
  }
  process.handler = body.handler;
  const answer = body.handler.start?.(self);
  if (answer !== undefined) answered(process, answer);
}

/** A handler has answered that it waits, or that its process ends. */
function answered(process: Process, answer: ExitException | Flow<void>): void {
  if (answer instanceof ExitException) process.doom ??= { reason: answer.reason };
  // What else an untyped handler may answer means nothing.
  else process.fiber = flowOf(answer);
}
