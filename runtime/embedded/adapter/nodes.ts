/** The port's `cluster.*`, `system.*` and `names.*` on the simulated cluster. */
import { cancelled, failure, nodeNotFound, nodeUnavailable, processNotFound, unsupported } from '../../errors.ts';
import type {
  NameRow,
  NodeInfo,
  NodeName,
  NodeRow,
  NodeStats,
  PeerLink,
  ProcessRef,
  ProcessTarget,
  Reach,
  Result,
} from '../../model.ts';
import { ok, parseProcessId } from '../../model.ts';
import type { Answer, CallOptions, MethodTable, Params, StreamEnd, StreamItem } from '../../port.ts';
import type { KernelNode } from '../kernel/node.ts';
import { processBytes } from '../kernel/termSize.ts';
import type { Context } from './context.ts';
import { refOf } from './context.ts';

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
      withNode(context, node, (found) => ({ bytes: { processes: processesBytes(found) } })),
    'system.applications': ({ node }) => withNode(context, node, (found) => applicationsOf(context, found)),
    'names.resolve': async ({ target }) => Promise.resolve(resolve(context, target)),
    'names.list': (params, options) => listNames(context, params, options),
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
    runQueue: node.runQueue.length,
    memoryBytes: node.processes.size <= mostMeasured ? processesBytes(node) : null,
    // Atoms are JavaScript objects, shared by all nodes.
    atomCount: null,
    reductions: node.reductions,
    schedulersOnline: 1,
  };
}

/** Row of the watch `nodes`. */
export function nodeRow(context: Context, name: NodeName): NodeRow {
  const { node, creation, hidden, otpRelease, observer, reach } = nodeInfo(context, name);
  const up = context.cluster.node(name);
  const reachable = up !== null && reach.via !== 'none';
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

/** What the terms of all processes would take on a BEAM; there is no other memory that is a node's own. */
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
      reductions: node.reductions,
      runQueue: node.runQueue.length,
      connectedNodes: context.cluster.network.connectedTo(node),
      modules: context.cluster.code.names().length,
    },
  };
}

function applicationsOf(context: Context, node: KernelNode): Answer<'system.applications'> {
  const applications = context.cluster.applicationsOf(node.name);
  return {
    applications: (applications?.known ?? []).map(({ name, description, version }) => {
      const running = applications?.running.get(name);
      const root = running?.root ?? null;
      return { name, description, version, running: running !== undefined, root: root === null ? null : refOf(root) };
    }),
  };
}

// --------------------------------------------------------------------------------------------------------------- names

const printedPattern = /^(?:#PID)?<?(\d{1,10})\.(\d{1,10})\.(\d{1,10})>?$/;

function resolve(context: Context, target: ProcessTarget): Result<Answer<'names.resolve'>> {
  if ('name' in target) {
    const { name } = target;
    if (name.in !== 'local') return noRegistry(name.in);
    const node = context.node(name.node);
    if (!node.ok) return node;
    const process = node.value.names.get(name.name);
    if (process === undefined) return processNotFound(name.name, name.node);
    return resolved(refOf(process.pid));
  }
  const ref = 'pid' in target ? ok(target.pid) : readPrinted(context, target);
  if (!ref.ok) return ref;
  const found = context.process(ref.value);
  return found.ok ? resolved(refOf(found.value.process.pid)) : found;
}

function resolved(pid: ProcessRef): Result<Answer<'names.resolve'>> {
  return ok({ pid, seenFrom: pid.node, disagree: [] });
}

function readPrinted(
  context: Context,
  { printed, printedOn }: { readonly printed: string; readonly printedOn?: NodeName },
): Result<ProcessRef> {
  const whole = parseProcessId(printed);
  if (whole !== null) return ok(whole);
  const [, first, id, serial] = printedPattern.exec(printed) ?? [];
  const node = printedOn ?? context.cluster.names[0] ?? '';
  const creation = context.cluster.creationOf(node);
  if (first === undefined) {
    return failure(
      'validation',
      'process.bad_pid',
      'This is no pid.',
      'Write <0.123.0>, #PID<0.123.0>, or the id of a row.',
    );
  }
  if (creation === null) return nodeNotFound(node);
  if (first !== '0') {
    return failure(
      'validation',
      'process.foreign_pid',
      'A pid whose first number is not 0 means another node, which only the node that printed it can tell.',
      'Give the pid as its own node prints it, with that node.',
    );
  }
  return ok({ node, creation, id: Number(id), serial: Number(serial) });
}

function noRegistry(registry: string): ReturnType<typeof unsupported> {
  return unsupported(
    `Looking into the ${registry} names`,
    'the simulated cluster keeps local names only.',
    'Use the registered names of a node.',
  );
}

async function* listNames(
  context: Context,
  { nodes, registry }: Params<'names.list'>,
  { signal }: CallOptions,
): AsyncGenerator<StreamItem<readonly NameRow[], StreamEnd<'names.list'>>> {
  if (registry !== 'local') {
    yield { is: 'end', result: noRegistry(registry === 'global' ? 'global' : registry.via) };
    return;
  }
  const { up, coverage } = context.nodes(nodes);
  let total = 0;
  for (const node of up) {
    const rows = nameRows(node);
    total += rows.length;
    yield { is: 'frame', frame: rows };
    if (signal.aborted) {
      yield { is: 'end', result: cancelled('none') };
      return;
    }
  }
  await Promise.resolve();
  yield { is: 'end', result: ok({ nodes: coverage, total }) };
}

export function nameRows(node: KernelNode): readonly NameRow[] {
  return [...node.names].map(([name, { pid }]) => ({ name: { in: 'local', node: node.name, name }, pid: refOf(pid) }));
}
