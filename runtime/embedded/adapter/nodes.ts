/** The port's `cluster.*` and `system.*` on the simulated cluster. */
import { nodeNotFound, nodeUnavailable } from '../../errors.ts';
import type { NodeInfo, NodeName, NodeRow, NodeStats, PeerLink, Reach, Result } from '../../model.ts';
import { ok } from '../../model.ts';
import type { Answer, MethodTable } from '../../port.ts';
import type { Value } from '../../term/values.ts';
import type { KernelNode } from '../kernel/node.ts';
import { bytesPerWord, processBytes } from '../kernel/termSize.ts';
import { tablesOn } from '../otp/ets/table.ts';
import { printed } from '../otp/text.ts';
import type { Context } from './context.ts';
import { refOf } from './context.ts';

/** Of a reason, which holds whatever a start function was given. */
const mostReasonChars = 2_000;
/** Above this many processes the memory of a node is not summed up. */
const mostMeasured = 5000;

export function nodeMethods(context: Context): MethodTable {
  return {
    'cluster.nodes': () => answer({ nodes: context.cluster.names.map((name) => nodeInfo(context, name)) }),
    'cluster.links': () => {
      const { up, coverage } = context.nodes('all');
      const links = up.map((node) => ({
        node: node.name,
        sees: context.cluster.network.connectedTo(node),
        silent: context.cluster.network.silentFrom(node),
      }));
      return answer({ nodes: coverage, links });
    },
    'cluster.connect': async ({ node }) => {
      if (context.cluster.creationOf(node) === null) return Promise.resolve(nodeNotFound(node));
      if (context.cluster.node(node) === null) return nodeUnavailable(node);
      context.link(node, true);
      return ok(nodeInfo(context, node));
    },
    'cluster.disconnect': async ({ node }) => {
      if (context.cluster.creationOf(node) === null) return Promise.resolve(nodeNotFound(node));
      const wasConnected = context.linked.has(node);
      context.link(node, false);
      return ok({ wasConnected });
    },
    'system.stats': ({ node }) => withNode(context, node, (found) => statsOf(context, found)),
    'system.info': ({ node }) => withNode(context, node, (found) => infoOf(context, found)),
    'system.memory': ({ node }) =>
      withNode(context, node, (found) => ({ bytes: { processes: processesBytes(found), ets: tablesBytes(found) } })),
    'system.applications': ({ node }) => withNode(context, node, (found) => applicationsOf(context, found)),
  };
}

function answer<T>(value: T): Promise<Result<T>> {
  return Promise.resolve(ok(value));
}

function withNode<T>(context: Context, name: NodeName, read: (node: KernelNode) => T): Promise<Result<T>> {
  const node = context.node(name);
  return Promise.resolve(node.ok ? ok(read(node.value)) : node);
}

/** A node and how it is reached. It is no release of OTP, so that is null. */
export function nodeInfo(context: Context, name: NodeName): NodeInfo {
  const creation = context.cluster.creationOf(name) ?? 0;
  return { node: name, creation, otpRelease: null, hidden: false, reach: reachOf(context, name), observer: 'builtin' };
}

function reachOf(context: Context, name: NodeName): Reach {
  const since = context.since.get(name) ?? context.wallNow();
  if (context.cluster.node(name) === null) return { via: 'none', since, why: 'down' };
  const relay = context.relayTo(name);
  if (relay === name) return { via: 'direct' };
  return relay === null ? { via: 'none', since, why: 'silent' } : { via: 'relay', relay };
}

export function statsOf(context: Context, node: KernelNode): NodeStats {
  return {
    uptimeMs: Math.round(context.cluster.nowMs - node.startedAtMs),
    processCount: node.processes.size,
    processLimit: node.world.processLimit,
    runQueue: node.scheduler.runQueue.length,
    memoryBytes: node.processes.size <= mostMeasured ? processesBytes(node) + tablesBytes(node) : null,
    // Atoms are JavaScript objects, shared by all nodes.
    atomCount: null,
    reductions: node.scheduler.reductions,
    schedulersOnline: 1,
  };
}

/** Row of the watch `nodes`. */
export function nodeRow(context: Context, name: NodeName): NodeRow {
  const { node, creation, hidden, otpRelease, observer, reach } = nodeInfo(context, name);
  const up = context.cluster.node(name);
  const reachable = up !== null && reach.via !== 'none';
  const failed = reachable ? failuresOf(context, up) : new Map<string, string>();
  return {
    node,
    creation,
    status: up === null ? 'down' : reachable ? 'up' : 'unreachable',
    since: context.since.get(name) ?? context.wallNow(),
    hidden,
    otpRelease,
    observer,
    reach,
    stats: reachable ? statsOf(context, up) : null,
    sees: reachable ? context.cluster.network.connectedTo(up) : null,
    links: reachable ? peerLinks(context, up) : null,
    ...(failed.size > 0 && { failedApplications: [...failed].map(([name, reason]) => ({ name, reason })) }),
  };
}

/** How long a lost connection is told of. */
const rememberLostMs = 600_000;

function peerLinks({ cluster }: Context, node: KernelNode): readonly PeerLink[] {
  const silent = new Set(cluster.network.silentFrom(node));
  const connected = cluster.network.connectedTo(node);
  const lost = [...cluster.network.lostBy(node)].filter(
    ([name, atMs]) => cluster.nowMs - atMs < rememberLostMs && cluster.creationOf(name) !== null,
  );
  // Nothing is measured: the round trip is what the options of the cluster say.
  return [
    ...connected.map(
      (name) => ({ node: name, state: silent.has(name) ? 'silent' : 'connected', rttMs: null }) as const,
    ),
    ...lost.map(([name]) => ({ node: name, state: 'disconnected', rttMs: null }) as const),
  ];
}

/** What the tables of ets would take on a BEAM. */
function tablesBytes(node: KernelNode): number {
  return (tablesOn(node)?.all() ?? []).reduce((bytes, { words }) => bytes + words * bytesPerWord, 0);
}

/** What the terms of all processes would take on a BEAM; with those of tables, all the memory that is a node's own. */
function processesBytes(node: KernelNode): number {
  let bytes = 0;
  for (const process of node.processes.values()) bytes += processBytes(process);
  return bytes;
}

function infoOf(context: Context, node: KernelNode): Answer<'system.info'> {
  return {
    entries: {
      system: 'Arsenal simulated kernel',
      creation: node.creation,
      uptimeMs: Math.round(context.cluster.nowMs - node.startedAtMs),
      processCount: node.processes.size,
      processLimit: node.world.processLimit,
      registeredNames: node.names.size,
      reductions: node.scheduler.reductions,
      runQueue: node.scheduler.runQueue.length,
      connectedNodes: context.cluster.network.connectedTo(node),
      modules: context.cluster.code.names().length,
    },
  };
}

function applicationsOf(context: Context, node: KernelNode): Answer<'system.applications'> {
  const applications = context.cluster.applicationsOf(node.name);
  const failed = failuresOf(context, node);
  return {
    applications: (applications?.known ?? []).map(({ name, description, version }) => {
      const running = applications?.running.get(name);
      const root = running?.root ?? null;
      const failure = failed.get(name) ?? null;
      return {
        name,
        description,
        version,
        running: running !== undefined,
        root: root === null ? null : refOf(root),
        failure,
      };
    }),
  };
}

/** The applications of a node that do not run though they were started, each with why, as Erlang prints it. */
function failuresOf(context: Context, node: KernelNode): ReadonlyMap<string, string> {
  const failed = context.cluster.applicationsOf(node.name)?.failed ?? new Map<string, Value>();
  return new Map([...failed].map(([name, reason]) => [name, printed(reason, mostReasonChars)]));
}

/** What went wrong as the nodes started, in sentences. */
export function startFailures(context: Context): readonly string[] {
  return context
    .nodes('all')
    .up.flatMap((node) =>
      [...failuresOf(context, node)].map(
        ([name, reason]) => `Application ${name} could not be started on ${node.name}: ${reason}`,
      ),
    );
}
