/** For tests: the shop on simulated nodes behind the port, whose time passes only while a call waits. */
import { callOptions } from '../../callOptions.ts';
import type { ProcessRef, Result } from '../../model.ts';
import type { CallOptions, Runtime } from '../../port.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { liveRuntime } from '../liveRuntime.ts';
import { SandboxManager } from '../sandbox/sandboxManager.ts';
import { OnDemandClock } from '../time/onDemandClock.ts';
import { simulatedRuntime } from './simulatedRuntime.ts';

export const owner = { principal: 'me', client: 'test', operation: 'test', requestId: 'r1' } as const;

/** The value of a success; a failure is thrown as the test's. */
export function valueOf<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw new Error(`${result.error.code}: ${result.error.message} ${JSON.stringify(result.error.details ?? {})}`);
}

/** The code of a failure; null for a success. */
export function codeOf(result: Result<unknown>): string | null {
  return result.ok ? null : result.error.code;
}

/** A budget that no test uses up. */
export function patient(): CallOptions {
  return callOptions(20_000);
}

export type Shop = { readonly runtime: Runtime; readonly named: (name: string, node?: string) => Promise<ProcessRef> };

/** Two nodes, `a@sim` and `b@sim`, that find the same whenever they are asked the same. */
export function startShop(): Shop {
  const nodes = ['a@sim', 'b@sim'];
  // No sandbox is made: the file is never read.
  const runtime = liveRuntime({ id: 'sim', nodes, seed: 1, time: 'deterministic', sandboxChildFile: '' });
  return {
    runtime,
    named: async (name, node = 'a@sim') => {
      const target = { name: { in: 'local', node, name } } as const;
      return valueOf(await runtime.port.names.resolve({ target, seenFrom: node }, patient())).pid;
    },
  };
}

/** A cluster of the test's own behind the port, whose time passes only while a call waits. */
export function runtimeOver(cluster: Cluster): Runtime {
  return simulatedRuntime({
    id: 'sim',
    cluster,
    clock: new OnDemandClock(cluster),
    sandboxes: new SandboxManager({ childFile: 'none', wallNow: () => 0 }),
    wallNow: () => 0,
    epoch: 'one',
    onClose: () => undefined,
  });
}
