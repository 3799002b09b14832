/** What can be seen of a fake cluster, as the port's rows. */
import { nodeNotFound, nodeUnavailable } from '../errors.ts';
import type {
  ArsenalError,
  Coverage,
  Json,
  NameRow,
  NodeInfo,
  NodeName,
  NodeRow,
  NodeStats,
  NodeTime,
  ProcessField,
  ProcessRow,
  Reach,
  RowPage,
  SupervisorInfo,
} from '../model.ts';
import { pidText, processId } from '../model.ts';
import { columnsOf } from '../processQuery.ts';
import { termKey } from '../term/term.ts';
import type { FakeCluster, LiveNode, LiveProcess } from './fakeCluster.ts';
import { incarnationOf } from './fakeCluster.ts';

/** The cluster as one connection sees it. */
export class FakeReads {
  readonly cluster: FakeCluster;
  /** Nodes whose link of ours is closed. */
  readonly unlinked = new Set<NodeName>();

  constructor(cluster: FakeCluster) {
    this.cluster = cluster;
  }

  /** The node if it can be asked, else why not. */
  node(name: NodeName): LiveNode | ArsenalError {
    const node = this.cluster.nodes.get(name);
    if (node === undefined) return nodeNotFound(name).error;
    return node.isUp && !this.unlinked.has(name) ? node : nodeUnavailable(name).error;
  }

  /** Those of the nodes that can be asked, and what becomes of every one. */
  nodes(names: readonly NodeName[] | 'all'): { readonly up: readonly LiveNode[]; readonly coverage: Coverage } {
    const asked = names === 'all' ? [...this.cluster.nodes.keys()] : [...new Set(names)];
    const found = asked.map((name) => ({ name, node: this.node(name) }));
    return {
      up: found.flatMap(({ node }) => ('code' in node ? [] : [node])),
      coverage: found.map(({ name, node }) =>
        'code' in node ? { node: name, status: 'missing', error: node } : { node: name, status: 'ok' },
      ),
    };
  }

  reach({ name, isUp, since }: LiveNode): Reach {
    if (!isUp) return { via: 'none', since, why: 'down' };
    return this.unlinked.has(name) ? { via: 'none', since, why: 'silent' } : { via: 'direct' };
  }

  nodeInfo(node: LiveNode): NodeInfo {
    const { otpRelease } = node;
    return { ...incarnationOf(node), otpRelease, hidden: false, reach: this.reach(node), observer: 'builtin' };
  }

  nodeRow(node: LiveNode): NodeRow {
    const reachable = node.isUp && !this.unlinked.has(node.name);
    return {
      ...this.nodeInfo(node),
      status: reachable ? 'up' : node.isUp ? 'unreachable' : 'down',
      since: node.since,
      stats: reachable ? this.stats(node) : null,
      sees: reachable ? this.sees(node) : null,
      links: null,
    };
  }

  /** A fake cluster is a full mesh of the nodes that are up. */
  sees(node: LiveNode): readonly NodeName[] {
    return [...this.cluster.nodes.values()].filter((one) => one.isUp && one !== node).map(({ name }) => name);
  }

  stats(node: LiveNode): NodeStats {
    const processes = [...node.processes.values()];
    const sum = (of: (process: LiveProcess) => number | undefined) =>
      processes.reduce((total, process) => total + (of(process) ?? 0), 0);
    return {
      uptimeMs: this.cluster.now() - node.since,
      processCount: processes.length,
      processLimit: null,
      runQueue: 0,
      memoryBytes: sum(({ as }) => as.memory),
      atomCount: null,
      reductions: sum(({ as }) => as.reductions),
      schedulersOnline: 1,
    };
  }

  time(node: LiveNode): NodeTime {
    const now = this.cluster.now();
    return {
      ...incarnationOf(node),
      monotonicUs: Math.round((now - node.since) * 1_000),
      estimatedAt: now,
      errorUs: 0,
    };
  }

  page(node: LiveNode, processes: readonly LiveProcess[], keys: readonly ProcessField[]): RowPage {
    return {
      of: incarnationOf(node),
      ids: Uint32Array.from(processes, ({ pid }) => pid.id),
      serials: Uint32Array.from(processes, ({ pid }) => pid.serial),
      columns: columnsOf(processes, keys, fieldOf),
      takenAt: this.time(node),
    };
  }

  supervisors(nodes: readonly LiveNode[]): readonly SupervisorInfo[] {
    return nodes.flatMap((node) => [...node.processes.values()].flatMap(supervisorInfo));
  }

  /** The names registered on each node. */
  names(nodes: readonly LiveNode[]): readonly NameRow[] {
    return nodes.flatMap((node) =>
      [...node.names].map(([name, { pid }]): NameRow => ({ name: { in: 'local', node: node.name, name }, pid })),
    );
  }
}

function statusOf({ suspended }: LiveProcess): string {
  return suspended ? 'suspended' : 'waiting';
}

/** The value of one key of a process. A fake has no code that runs: it waits in its description's initial call. */
export function fieldOf(process: LiveProcess, key: ProcessField): Json {
  const { as } = process;
  switch (key) {
    case 'registered_name':
      return process.name;
    case 'initial_call':
    case 'current_function':
      return as.initialCall ?? null;
    case 'status':
      return statusOf(process);
    case 'reductions':
      return as.reductions ?? 0;
    case 'message_queue_len':
      return as.messageQueueLen ?? 0;
    case 'memory':
      return as.memory ?? 0;
    case 'total_heap_size':
      return 0;
    case 'trap_exit':
      return as.trapsExits ?? false;
    case 'parent':
      return process.parent === null ? null : processId(process.parent.pid);
    case 'ancestors':
      return ancestorsOf(process).map(({ pid }) => processId(pid));
    case 'links':
      return [...(process.parent === null ? [] : [process.parent]), ...childrenOf(process)].map(({ pid }) =>
        processId(pid),
      );
    case 'monitors':
    case 'dictionary':
    case 'current_stacktrace':
      return [];
    case 'monitored_by':
    case 'suspending':
    case 'garbage_collection':
      return [];
    case 'binary_bytes':
      return 0;
    case 'group_leader':
    case 'label':
    case 'current_location':
    case 'priority':
      return null;
  }
}

function ancestorsOf({ parent }: LiveProcess): readonly LiveProcess[] {
  return parent === null ? [] : [parent, ...ancestorsOf(parent)];
}

function childrenOf({ supervisor }: LiveProcess): readonly LiveProcess[] {
  return (supervisor?.children ?? []).flatMap(({ process }) => (process === null ? [] : [process]));
}

function supervisorInfo(process: LiveProcess): readonly SupervisorInfo[] {
  const { pid, name, supervisor, parent, as } = process;
  if (supervisor === null) return [];
  return [
    {
      supervisor: pid,
      name: name === null ? null : { in: 'local', node: pid.node, name },
      kind: supervisor.kind,
      module: as.initialCall?.split(':')[0] ?? null,
      application: supervisor.application,
      parent: parent?.pid ?? null,
      flags: supervisor.flags,
      evidence: 'builtin',
    },
  ];
}

/** The row of a process in a watch, with the keys asked for. */
export function processRow(process: LiveProcess, keys: readonly ProcessField[]): ProcessRow {
  const wants = (key: ProcessField) => keys.includes(key);
  const { pid, as, name } = process;
  return {
    pid: processId(pid),
    node: pid.node,
    display: pidText(pid),
    ...(wants('registered_name') && { registeredName: name }),
    ...(wants('initial_call') && { initialCall: as.initialCall ?? null }),
    ...(wants('current_function') && { currentFunction: as.initialCall ?? null }),
    ...(wants('status') && { status: statusOf(process) }),
    ...(wants('memory') && { memory: as.memory ?? 0 }),
    ...(wants('reductions') && { reductions: as.reductions ?? 0 }),
    ...(wants('message_queue_len') && { messageQueueLen: as.messageQueueLen ?? 0 }),
  };
}

/** The key of a name's row. */
export function nameKey({ name }: NameRow): string {
  return name.in === 'local' ? `${name.node}/${name.name}` : termKey(name.name);
}
