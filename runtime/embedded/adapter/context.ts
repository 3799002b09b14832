/** What the parts of the adapter share: the cluster, our links to its nodes, and the way from a reference to a process. */
import { nodeNotFound, nodeUnavailable, processNotFound, processProtected } from '../../errors.ts';
import type { Failure, Json, NodeCoverage, NodeName, NodeTime, ProcessRef, Result, WallTime } from '../../model.ts';
import { ok, pidText, processId } from '../../model.ts';
import type { Term } from '../../term/term.ts';
import type { Value } from '../../term/values.ts';
import { Pid, toTerm } from '../../term/values.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { KernelNode } from '../kernel/node.ts';
import type { Clock } from '../time/clock.ts';
import type { Process } from '../kernel/process.ts';
import { SupervisorIndex } from './supervisorIndex.ts';

export type Found = { readonly node: KernelNode; readonly process: Process };

export class Context {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly wallNow: () => WallTime;
  readonly supervisors: SupervisorIndex;
  /** The nodes we hold a link of our own to. */
  readonly linked = new Set<NodeName>();
  /** Since when a node is up, or down. */
  readonly since = new Map<NodeName, WallTime>();
  readonly #linkListeners = new Set<() => void>();

  constructor(cluster: Cluster, clock: Clock, wallNow: () => WallTime) {
    this.cluster = cluster;
    this.clock = clock;
    this.wallNow = wallNow;
    this.supervisors = new SupervisorIndex(cluster);
    for (const name of cluster.names) {
      this.linked.add(name);
      this.since.set(name, wallNow());
    }
    cluster.listen((event) => {
      if (event.is !== 'node_up' && event.is !== 'node_down') return;
      this.since.set(event.node, this.wallNow());
      // A link of ours ends with the node, and is opened anew when it is back.
      if (event.is === 'node_up') this.linked.add(event.node);
    });
  }

  onLinks(listener: () => void): { dispose(): void } {
    this.#linkListeners.add(listener);
    return { dispose: () => void this.#linkListeners.delete(listener) };
  }
  link(node: NodeName, linked: boolean): void {
    if (linked) this.linked.add(node);
    else this.linked.delete(node);
    for (const listener of this.#linkListeners) listener();
  }

  /** The node, when it is up and can be asked: directly, or through another one we hold a link to. */
  node(name: NodeName): Result<KernelNode> {
    if (this.cluster.creationOf(name) === null) return nodeNotFound(name);
    const node = this.cluster.node(name);
    if (node === null || this.relayTo(name) === null) return nodeUnavailable(name);
    return ok(node);
  }

  /** The linked node through which this one is asked: itself when it is linked, null when there is no way. */
  relayTo(name: NodeName): NodeName | null {
    if (this.linked.has(name)) return name;
    const node = this.cluster.node(name);
    if (node === null) return null;
    return this.cluster.network.connectedTo(node).find((other) => this.linked.has(other)) ?? null;
  }

  /** The living process; `process.not_found` when it has ended or its node has restarted since. */
  process(ref: ProcessRef): Result<Found> {
    const node = this.node(ref.node);
    if (!node.ok) return node;
    const process = node.value.find(new Pid(ref.node, ref.creation, ref.id, ref.serial));
    return process === undefined ? gone(ref) : ok({ node: node.value, process });
  }

  /** The nodes asked for, with those that cannot answer as holes in the coverage. */
  nodes(asked: readonly NodeName[] | 'all'): { readonly up: readonly KernelNode[]; readonly coverage: NodeCoverage[] } {
    const up: KernelNode[] = [];
    const coverage: NodeCoverage[] = [];
    for (const name of new Set(asked === 'all' ? this.cluster.names : asked)) {
      const found = this.node(name);
      if (found.ok) up.push(found.value);
      coverage.push(found.ok ? { node: name, status: 'ok' } : { node: name, status: 'missing', error: found.error });
    }
    return { up, coverage };
  }

  time(node: KernelNode): NodeTime {
    return {
      node: node.name,
      creation: node.creation,
      monotonicUs: Math.round((this.cluster.nowMs - node.startedAtMs) * 1000),
      estimatedAt: this.wallNow(),
      errorUs: 0,
    };
  }
}

export function gone(ref: ProcessRef): Failure {
  return processNotFound(`${pidText(ref)} on ${ref.node}`, ref.node);
}

/** A pid of the kernel as the port names it. */
export function refOf(pid: Pid): ProcessRef {
  return { node: pid.node, creation: pid.creation, id: pid.id, serial: pid.serial };
}
export function idOf(pid: Pid): string {
  return processId(refOf(pid));
}

/** A value as a term; what has none (a function, a cycle) is elided. */
export function termOf(value: Value): Term {
  const made = toTerm(value, { maxDepth: 100 });
  return made.ok ? made.value : { t: 'elided', was: 'depth', size: 0 };
}

/** A term as plain JSON, for the details of an error. */
export function termJson(term: Term): Json {
  return term;
}

/** Processes without which a node is none: they are never ended or held. */
export function isProtected(process: Process): boolean {
  const { module } = process.initialCall;
  return (
    module === 'application_master' ||
    (process.name !== null &&
      ['init', 'application_controller', 'kernel_sup', 'net_kernel', 'global_name_server', 'rex', 'user'].includes(
        process.name,
      ))
  );
}

export function protectedProcess(ref: ProcessRef, process: Process): Failure {
  return processProtected(process.name ?? pidText(ref), ref.node);
}
