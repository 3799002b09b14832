/** `global:sync/0,1`, and how nodes learn that they know each other through a third one. */
import type { Pid } from '../../term/values.ts';
import { a, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { atoms, isList, partsOf } from '../kernel/values.ts';
import type { From } from '../otp/gen.ts';
import { cast, reply } from '../otp/gen.ts';
import { distributionOf } from './distribution.ts';
import { globalServer } from './globalLocks.ts';
import { connectNode } from './netKernel.ts';

const [synced, nodedown] = [a('synced'), a('nodedown')];

/** A process that answers `from` with `ok` when this node has met all of `nodes`, or they are gone. */
export function startSyncer(self: Self, nodes: readonly string[], from: From): Pid {
  const body = {
    is: 'flow',
    *run(own: Self): Flow<void> {
      const distribution = distributionOf(own.home);
      for (const node of nodes) distribution.monitorNode(own.pid, node, true);
      let left = nodes;
      while (left.length > 0) {
        const [tag, what]: readonly unknown[] = partsOf(yield* receive({ at: 'global:sync_loop/2' }));
        const done = tag === synced && isList(what) ? what.map(String) : tag === nodedown ? [String(what)] : [];
        for (const node of done) distribution.monitorNode(own.pid, node, false);
        left = left.filter((node) => !done.includes(node));
      }
      reply(own, from, atoms.ok);
    },
  } as const;
  return self.spawnBody(body, { module: 'global', function: 'sync_init', arity: 2 }, { link: true });
}

/** Connects to the nodes that were heard of, and tells them that they are known; tells the server of those that are not reached. */
export function syncOthers(self: Self, nodes: readonly string[]): void {
  for (const node of nodes) {
    const body = {
      is: 'flow',
      *run(own: Self): Flow<void> {
        const distribution = distributionOf(own.home);
        const { network, node: kernel } = distribution;
        const isUp =
          network.isConnected(kernel, node) || (distribution.autoConnects(node) && (yield* connectNode(own, node)));
        if (isUp) cast(own, tup(globalServer, a(node)), tup(a('in_sync'), a(own.node), true));
        else own.send(globalServer, tup(a('extra_nodedown'), a(node)));
      },
    } as const;
    self.spawnBody(body, { module: 'global', function: 'sync_other', arity: 2 });
  }
}
