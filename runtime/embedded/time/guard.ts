/**
 * Runs a cluster so that code of a process that never gives way cannot hold it up: after {@link longestStretchMs} the process that runs is
 * killed, and the others go on. V8 ends such code where it stands, so nothing of it runs any more, no `finally` either.
 *
 * Only what is one stretch of code is measured: whoever runs the cluster gets the thread back every {@link perStretchMs}, between two
 * messages, and goes on where it was. So nobody is ended for what many do, and the wall's time shows nowhere else.
 */
import vm from 'node:vm';
import type { Cluster } from '../cluster/cluster.ts';
import type { Wall } from '../kernel/world.ts';

/** The product promises a second; what is left is for noticing. */
const longestStretchMs = 800;

/** Code that calls the kernel again and again is ended before that by the kernel itself, at a call, so that nothing is torn. */
const longestCallingStretchMs = 500;
/**
 * Between two looks at code that calls the kernel at most so much counts: such code has run a few milliseconds then, and what is more was
 * the machine's, which had others to run, or slept.
 */
const mostPerLookMs = 100;

/** Long beside the 30 µs that a time limit costs, for it is a thread's; short beside {@link longestStretchMs}. */
const perStretchMs = 20;

/** A realm of its own only gives V8's time limit something to run; what runs is what `call` holds. */
const realm: { call: (() => void) | null } = { call: null };
const script = new vm.Script('call()', { filename: 'slice' });
const context = vm.createContext(realm);

export class Guard implements Wall {
  readonly #clock: () => number;
  #holdsAtMs = Infinity;
  #lookedAtMs = 0;
  #callingMs = 0;

  /** `clock` is monotonic, in milliseconds. */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  get nowMs(): number {
    return this.#clock();
  }
  get holdsAtMs(): number {
    return this.#holdsAtMs;
  }

  isOverdue(): boolean {
    const nowMs = this.#clock();
    this.#callingMs += Math.min(nowMs - this.#lookedAtMs, mostPerLookMs);
    this.#lookedAtMs = nowMs;
    return this.#callingMs > longestCallingStretchMs;
  }

  /** {@link Cluster.run} until the cluster is idle or `shouldStop` says so; no code in it runs for too long. */
  run(cluster: Cluster, shouldStop: () => boolean): 'idle' | 'more' {
    for (;;) {
      const outcome = this.#stretch(cluster, shouldStop);
      if (outcome !== 'held') return outcome;
    }
  }

  #stretch(cluster: Cluster, shouldStop: () => boolean): 'idle' | 'more' | 'held' {
    // What was stopped is as a round that is over: others may be wanted first.
    let outcome: 'idle' | 'more' | 'held' = 'more';
    this.#lookedAtMs = this.#clock();
    this.#callingMs = 0;
    this.#holdsAtMs = this.#lookedAtMs + perStretchMs;
    cluster.wall = this;
    realm.call = () => {
      outcome = cluster.run(shouldStop);
    };
    try {
      script.runInContext(context, { timeout: longestStretchMs });
    } catch (thrown) {
      if (!isTimeLimit(thrown)) throw thrown;
      cluster.abandonTurn();
    } finally {
      realm.call = null;
      cluster.wall = null;
      this.#holdsAtMs = Infinity;
    }
    return outcome;
  }
}

function isTimeLimit(thrown: unknown): boolean {
  // It may be an error of the other realm.
  return (
    typeof thrown === 'object' && thrown !== null && 'code' in thrown && thrown.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
  );
}
