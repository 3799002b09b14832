/** The time-outs of a gen_statem: one of each type at a time; those of zero come before any message, in the order they were set. */
import type { Value } from '../../term/values.ts';
import { Ref, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive } from '../kernel/flow.ts';
import type { Self, TimerRef } from '../kernel/self.ts';
import { sameValue, tagged, atoms } from '../kernel/values.ts';
import type { StatemEvent, TimeoutAction } from './statemActions.ts';

type Pending = { readonly type: Value; readonly timer: TimerRef | null; readonly content: Value };

export class StatemTimers {
  #pending: readonly Pending[] = [];
  /** Types whose time is up at once, in order. */
  #due: readonly Value[] = [];

  /** `[{Type, Content}]` */
  get list(): readonly Value[] {
    return this.#pending.map(({ type, content }) => tup(type, content));
  }

  /** Does what a transition asked for: of several of one type only the last counts. */
  *apply(self: Self, timeouts: readonly TimeoutAction[]): Flow<void> {
    const last = timeouts.filter(
      ({ type }, at) => !timeouts.slice(at + 1).some((later) => sameValue(later.type, type)),
    );
    const due: Value[] = [];
    for (const { type, set, content } of last) {
      if (set === 'cancel') {
        yield* this.cancel(self, type);
        continue;
      }
      const known = this.#find(type);
      if (set === 'update' && known !== undefined) {
        this.#pending = this.#pending.map((one) => (one === known ? { ...one, content } : one));
        continue;
      }
      yield* this.cancel(self, type);
      const ms = set === 'update' ? 0 : 'ms' in set ? set.ms : set.atMs - self.nowMs;
      // An instant that has passed still goes by the mailbox, as a timer does.
      const isDue = set === 'update' || ('ms' in set && set.ms === 0);
      const timer = isDue ? null : self.startTimer(Math.max(0, ms), self.pid, type);
      this.#pending = [...this.#pending, { type, timer, content }];
      if (isDue) due.push(type);
    }
    this.#due = [...this.#due, ...due];
  }

  /** Takes a time-out away; one that has fired is taken out of the mailbox. */
  *cancel(self: Self, type: Value): Flow<void> {
    const known = this.#find(type);
    if (known === undefined) return;
    this.#remove(known);
    if (known.timer === null) this.#due = this.#due.filter((due) => !sameValue(due, type));
    else if (self.cancelTimer(known.timer) === null) {
      const { ref } = known.timer;
      yield* receive({ match: (message) => tagged(message, atoms.timeout, 3)?.[1] === ref, afterMs: 0 });
    }
  }

  /** The event of `{timeout, TimerRef, Type}` when it is one of these; null when it is any other message. */
  fired(ref: unknown, type: Value): StatemEvent | null {
    const known = this.#find(type);
    if (!(ref instanceof Ref) || known?.timer?.ref !== ref) return null;
    this.#remove(known);
    return { type, content: known.content };
  }

  /** The first time-out of zero; null when there is none. */
  takeDue(): StatemEvent | null {
    const [type] = this.#due;
    if (this.#due.length === 0) return null;
    this.#due = this.#due.slice(1);
    const known = this.#find(type);
    if (known !== undefined) this.#remove(known);
    return { type, content: known?.content };
  }

  #find(type: Value): Pending | undefined {
    return this.#pending.find((one) => sameValue(one.type, type));
  }
  #remove(known: Pending): void {
    this.#pending = this.#pending.filter((one) => one !== known);
  }
}
