/**
 * Acting in the cluster from outside: each command is a process of its own on the node it concerns, so that it obeys the same rules
 * as every process there (signals in order, calls that exit).
 */
import { failure, nodeUnavailable, timedOut } from '../../errors.ts';
import type { Failure, Result } from '../../model.ts';
import { ok } from '../../model.ts';
import type { Value } from '../../term/values.ts';
import { atoms } from '../kernel/values.ts';
import { ErrorException, ExitException, reasonOf } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import type { KernelNode } from '../kernel/node.ts';
import type { Process } from '../kernel/process.ts';
import type { Self } from '../kernel/self.ts';
import type { SpawnOptions } from '../kernel/world.ts';
import type { Context } from './context.ts';
import { termJson, termOf } from './context.ts';

/** What becomes of a command whose call is cancelled or out of time: what has to come to its end does so with nobody to hear of it. */
type Unheard = 'killed' | 'finished_apart';

/**
 * Runs `work` in a new process on `node` and answers what it answers. When the call is cancelled or out of time the process is
 * killed unless it is to finish; when the node goes down the answer is `node.unavailable`; what `work` throws is an `execution` error.
 */
export function command<T>(
  context: Context,
  node: KernelNode,
  signal: AbortSignal,
  work: (self: Self) => Flow<Result<T>>,
  unheard: Unheard = 'killed',
): Promise<Result<T>> {
  if (context.clock.state.paused) return Promise.resolve(timeStandsStill());
  return new Promise((resolve) => {
    const settle = (answer: Result<T>): void => {
      listening.dispose();
      signal.removeEventListener('abort', onAbort);
      context.clock.answered();
      resolve(answer);
    };
    const spawned = spawnOn(node, {
      initialCall: { module: 'arsenal', function: 'command', arity: 0 },
      parent: null,
      isUrgent: true,
      body: {
        is: 'flow',
        *run(self) {
          settle(yield* attempt(self, work));
        },
      },
    });
    const listening = context.cluster.listen((event) => {
      if (event.is === 'node_down' && event.node === node.name) settle(nodeUnavailable(node.name, 'unknown'));
      // Somebody ended the command itself.
      else if (event.is === 'exited' && spawned.ok && event.pid === spawned.value.pid) settle(exited(event.reason));
    });
    const onAbort = (): void => {
      settle(timedOut('The cluster', 'unknown', node.name));
      if (spawned.ok && unheard === 'killed') node.end(spawned.value, atoms.killed);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (!spawned.ok) settle(spawned);
  });
}

/** A process of ours would not run. */
function timeStandsStill(): Failure {
  return failure(
    'conflict',
    'clock.paused',
    'Time stands still in this cluster, so nobody would answer.',
    'Let it run again (resume_time), or step.',
  );
}

/** Spawns a process; a node that is full says so. */
export function spawnOn(node: KernelNode, options: SpawnOptions): Result<Process> {
  try {
    return ok(node.spawn(options));
  } catch (thrown) {
    if (!(thrown instanceof ErrorException)) throw thrown;
    return failure(
      'execution',
      'process.system_limit',
      'The node has as many processes as it can have.',
      'End processes that are not needed, or use another node.',
      { node: node.name },
    );
  }
}

function* attempt<T>(self: Self, work: (self: Self) => Flow<Result<T>>): Flow<Result<T>> {
  try {
    return yield* work(self);
  } catch (thrown) {
    return exited(thrown instanceof ExitException ? thrown.reason : reasonOf(thrown));
  }
}

function exited(reason: Value): Failure {
  return failure(
    'execution',
    'process.exited',
    'The process that was asked ended, or did not answer.',
    'See details.reason; look at the process and its supervisor.',
    { effect: 'unknown', details: { reason: termJson(termOf(reason)) } },
  );
}
