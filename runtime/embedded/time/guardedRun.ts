/**
 * Runs a cluster so that code of a process that never gives way cannot hold it up: after {@link longestTurnMs} the process that runs is
 * killed, and the others go on. V8 ends such code where it stands, so nothing of it runs any more, no `finally` either.
 */
import vm from 'node:vm';
import type { Cluster } from '../cluster/cluster.ts';

/** The product promises a second; what is left is for noticing. */
const longestTurnMs = 800;

/** Code that calls the kernel again and again is ended before that by the kernel itself, at a call, so that nothing is torn. */
const longestCallingTurnMs = 500;
let sliceBeganAtMs = 0;

/** Whether the slice that runs now takes too long: for {@link Cluster}'s `turnIsOverdue`. */
export function sliceIsOverdue(): boolean {
  return performance.now() - sliceBeganAtMs > longestCallingTurnMs;
}

/** A realm of its own only gives V8's time limit something to run; what runs is what `call` holds. */
const realm: { call: (() => void) | null } = { call: null };
const script = new vm.Script('call()', { filename: 'slice' });
const context = vm.createContext(realm);

/** {@link Cluster.run}, bounded in time. About 30 µs more than that, for the time limit is a thread's. */
export function runGuarded(cluster: Cluster, shouldStop: () => boolean): 'idle' | 'more' {
  let outcome: 'idle' | 'more' = 'more';
  sliceBeganAtMs = performance.now();
  realm.call = () => {
    outcome = cluster.run(shouldStop);
  };
  try {
    script.runInContext(context, { timeout: longestTurnMs });
  } catch (thrown) {
    if (!isTimeLimit(thrown)) throw thrown;
    cluster.abandonTurn();
  } finally {
    realm.call = null;
  }
  return outcome;
}

function isTimeLimit(thrown: unknown): boolean {
  // It may be an error of the other realm.
  return (
    typeof thrown === 'object' && thrown !== null && 'code' in thrown && thrown.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
  );
}
