/** The port's `faults.*` on the simulated cluster: nodes that come and go or stand still, and links that fail. */
import { failure, nodeNotFound } from '../../errors.ts';
import type { Holding, NodeInfo, NodeName, Result } from '../../model.ts';
import { ok } from '../../model.ts';
import type { MethodTable, Params } from '../../port.ts';
import type { NetworkFault } from '../../network/networkFault.ts';
import { checkedFault } from '../../network/networkFault.ts';
import type { Context } from './context.ts';
import type { Holdings } from './holdings.ts';
import { nodeInfo } from './nodes.ts';

/** More nodes than this are refused: each is a whole system of processes. */
export const mostNodes = 50;

type Owned = Pick<Params<'faults.hangNode'>, 'owner' | 'lingerMs'>;

export function faultMethods(context: Context, holdings: Holdings): MethodTable {
  const { cluster } = context;
  const hold = async (fault: NetworkFault, owned: Owned): Promise<Result<Holding>> =>
    Promise.resolve(holdFault(context, holdings, fault, owned));
  return {
    'faults.addNode': async ({ node }) => Promise.resolve(addNode(context, node)),
    'faults.crashNode': async ({ node }) => {
      if (cluster.creationOf(node) === null) return Promise.resolve(nodeNotFound(node));
      return ok({ wasUp: cluster.crashNode(node) });
    },
    'faults.startNode': async ({ node }) => Promise.resolve(startNode(context, node)),
    'faults.removeNode': async ({ node }) => {
      if (cluster.creationOf(node) === null) return Promise.resolve(nodeNotFound(node));
      return ok({ wasUp: cluster.removeNode(node) });
    },
    'faults.hangNode': async ({ node, owner, lingerMs }) =>
      Promise.resolve(hangNode(context, holdings, node, { owner, lingerMs })),
    'faults.partition': async ({ islands, mode, ...owned }) => {
      const held = await hold({ is: 'partition', islands, mode }, owned);
      return held.ok ? ok({ ...held.value, preventsOverlap: cluster.preventsOverlap }) : held;
    },
    'faults.delayLink': ({ from, to, delayMs, jitterMs, ...owned }) =>
      hold({ is: 'delay', from, to, delayMs, jitterMs }, owned),
    'faults.dropLink': ({ from, to, lossRatio, bytesPerSecond, ...owned }) =>
      hold({ is: 'drop', from, to, lossRatio, bytesPerSecond }, owned),
  };
}

function holdFault(
  { cluster }: Context,
  holdings: Holdings,
  fault: NetworkFault,
  { owner, lingerMs }: Owned,
): Result<Holding> {
  const node = checkedFault(fault, (name) => cluster.creationOf(name) !== null);
  if (!node.ok) return node;
  cluster.network.break(fault);
  const at = { node: node.value, creation: cluster.creationOf(node.value) ?? 0 };
  const undo = async (): Promise<Result<null>> => {
    cluster.network.mend(fault);
    return Promise.resolve(ok(null));
  };
  // A link's fault is the network's, and stays when a node ends.
  return ok(holdings.add({ kind: 'fault', at, target: null, owner, lingerMs }, { undo, endsWith: () => false }));
}

function hangNode(
  { cluster }: Context,
  holdings: Holdings,
  name: NodeName,
  { owner, lingerMs }: Owned,
): Result<Holding> {
  const node = cluster.node(name);
  if (cluster.creationOf(name) === null) return nodeNotFound(name);
  if (node === null) {
    return failure('conflict', 'node.down', `Node ${name} is down.`, 'Start it first.', { node: name });
  }
  if (!cluster.hangNode(name)) {
    return failure('conflict', 'node.hangs', `Node ${name} hangs already.`, 'Release the fault that holds it.', {
      node: name,
    });
  }
  const undo = async (): Promise<Result<null>> => {
    if (cluster.node(name) === node) cluster.resumeNode(name);
    return Promise.resolve(ok(null));
  };
  const at = { node: name, creation: node.creation };
  const held = { undo, endsWith: (event) => event.is === 'node_down' && event.node === name } satisfies Parameters<
    Holdings['add']
  >[1];
  return ok(holdings.add({ kind: 'fault', at, target: null, owner, lingerMs }, held));
}

const nodeNamePattern = /^[A-Za-z0-9_-]{1,64}@[A-Za-z0-9_.-]{1,180}$/;

function addNode(context: Context, name: NodeName): Result<NodeInfo> {
  if (!nodeNamePattern.test(name)) {
    return failure('validation', 'node.bad_name', 'This is no node name.', 'Write name@host, for example demo4@sim.', {
      pointer: '/node',
    });
  }
  if (context.cluster.names.length >= mostNodes) {
    return failure('conflict', 'node.too_many', `The cluster has ${mostNodes} nodes already.`, 'Remove one first.');
  }
  if (context.cluster.addNode(name) === null) {
    return failure('conflict', 'node.exists', `There is a node ${name} already.`, 'Choose another name, or start it.', {
      node: name,
    });
  }
  return ok(nodeInfo(context, name));
}

function startNode(context: Context, name: NodeName): Result<NodeInfo> {
  if (context.cluster.creationOf(name) === null) return nodeNotFound(name);
  if (context.cluster.startNode(name) === null) {
    return failure('conflict', 'node.up', `Node ${name} is up.`, 'Crash it first, if it is to start anew.', {
      node: name,
    });
  }
  return ok(nodeInfo(context, name));
}
