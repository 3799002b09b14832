/**
 * The runtime of a local cluster: nodes on this machine that an owner process runs, joined as any BEAM cluster is, past the proxies
 * that stand between them; with what only a cluster of our own can do, faults.
 */
import type { BeamConnection } from '../beam/beamRuntime.ts';
import { connectBeam } from '../beam/beamRuntime.ts';
import { readCookie } from '../beam/cookie.ts';
import { callOptions } from '../callOptions.ts';
import { failure } from '../errors.ts';
import type { ArsenalError, ConnectionId, NodeName, Result, WallTime } from '../model.ts';
import { ok } from '../model.ts';
import type { CallOptions, Capabilities, ConnectionState, MethodTable, Port, Runtime } from '../port.ts';
import { methodNames } from '../port.ts';
import { buildPort, methodOf } from '../portFacade.ts';
import { localMethods, noHang } from './localMethods.ts';
import type { LocalClusterInfo, LocalSpec } from './localSpec.ts';
import type { LogFrom, LogPart } from './nodes/logFile.ts';
import { attachOwner } from './owner/attachOwner.ts';
import type { OwnerClient } from './owner/ownerClient.ts';
import { ownerGone } from './owner/ownerClient.ts';
import { clusterDirOf } from './owner/ownerFiles.ts';

export type StartLocalOptions = {
  readonly id: ConnectionId;
  readonly spec: LocalSpec;
  /** Arsenal's folder for state; the cluster's own is below it. */
  readonly home: string;
  /** The built owner/main.ts. */
  readonly ownerFile: string;
  /** As of BeamSpec. */
  readonly leaseDir: string;
  readonly signal?: AbortSignal;
};

/** Preflight may compile a whole project. */
const startMs = 20 * 60_000;
const joinMs = 10_000;

/** A runtime with what only the editor and the command line ask a local cluster. */
export interface LocalRuntime extends Runtime {
  readonly kind: 'local-cluster';
  /** How it stands. Errors as of the owner's line. */
  info(options: CallOptions): Promise<Result<LocalClusterInfo>>;
  /** What a node printed; null: the build. Errors: `node.not_found`, and as of the owner's line. */
  log(node: NodeName | null, from: LogFrom, options: CallOptions): Promise<Result<LogPart & { readonly file: string }>>;
}

/** Whether `runtime` is one of a local cluster. */
export function isLocalRuntime(runtime: Runtime): runtime is LocalRuntime {
  return runtime instanceof LocalRuntimeHere;
}

/**
 * Starts the local cluster of a project, or joins the one that runs, and answers once its nodes are up and joined. Errors: those of
 * preflight.ts (`local.erl_missing`, `local.deps_missing`, …), of the nodes (`local.node_failed`, …), of the owner
 * (`local.owner_not_started`, `local.runs_otherwise`, …), and of connectBeam.
 */
export async function startLocal(options: StartLocalOptions): Promise<Result<LocalRuntime>> {
  const { spec, home, ownerFile, signal } = options;
  const clusterDir = await clusterDirOf(home, spec.project);
  const attached = await attachOwner(clusterDir, ownerFile, 'window', signal ?? new AbortController().signal);
  if (!attached.ok) return attached;
  const owner = attached.value;
  const started = await owner.ask('start', { spec, keep: false }, callOptions(startMs, signal));
  if (!started.ok) {
    owner.close();
    return started;
  }
  const joined = await join(options, started.value);
  if (!joined.ok) {
    owner.close();
    return joined;
  }
  const runtime = new LocalRuntimeHere(options.id, owner, joined.value);
  await runtime.meet(started.value.nodes.map(({ node }) => node));
  return ok(runtime);
}

async function join({ id, leaseDir }: StartLocalOptions, info: LocalClusterInfo): Promise<Result<BeamConnection>> {
  const cookie = await readCookie({ file: info.cookieFile });
  if (!cookie.ok) return cookie;
  const entry = info.nodes.find(({ state }) => state === 'up');
  if (entry === undefined) {
    return failure(
      'unavailable',
      'local.none_up',
      'No node of the local cluster is up.',
      'Start one (restart_node), or stop the cluster and start it again: arsenal cluster stop.',
    );
  }
  return connectBeam({
    id,
    node: entry.node,
    cookie: cookie.value,
    epmd: { host: '127.0.0.1', port: info.epmdPort },
    leaseDir,
    connectTimeoutMs: joinMs,
  });
}

class LocalRuntimeHere implements LocalRuntime {
  readonly id: ConnectionId;
  readonly kind = 'local-cluster';
  readonly port: Port;
  readonly #owner: OwnerClient;
  readonly #inner: BeamConnection;
  readonly #own: MethodTable;
  readonly #listeners = new Set<() => void>();
  #gone: { readonly since: WallTime; readonly error: ArsenalError } | null = null;
  #isClosed = false;

  constructor(id: ConnectionId, owner: OwnerClient, inner: BeamConnection) {
    this.id = id;
    this.#owner = owner;
    this.#inner = inner;
    this.#own = localMethods(owner, inner);
    this.port = buildPort(this.#methods(), (name) => this.capabilities.runtime[name]);
    inner.onChange(() => this.#changed());
    owner.onEvent((event) => {
      if (event.event !== 'node') return;
      if (event.is === 'removed') inner.forget(event.node);
      // Nobody tells a hidden node that another has come: we know it first.
      if (event.is === 'up') void this.meet([event.node]);
    });
    owner.onClosed(() => this.#ownerGone());
  }

  get state(): ConnectionState {
    if (this.#isClosed) return { is: 'closed' };
    if (this.#gone !== null) return { is: 'lost', ...this.#gone, retryAt: null };
    return this.#inner.state;
  }

  get capabilities(): Capabilities {
    const { version, nodes, runtime } = this.#inner.capabilities;
    const own = Object.fromEntries(Object.keys(this.#own).map((name) => [name, { can: true } as const]));
    const hang = noHang === null ? {} : { 'faults.hangNode': { can: false, ...noHang } as const };
    return { version, nodes, runtime: { ...runtime, ...own, ...hang } };
  }

  onChange(listener: () => void): { dispose(): void } {
    this.#listeners.add(listener);
    return { dispose: () => void this.#listeners.delete(listener) };
  }

  /** Opens links of ours to nodes, so that each is seen directly, also when a partition hides it from the others, or it is down. */
  async meet(nodes: readonly NodeName[]): Promise<void> {
    this.#inner.learn(nodes);
    await Promise.all(nodes.map((node) => this.#inner.port.cluster.connect({ node }, callOptions(joinMs))));
  }

  info(options: CallOptions): Promise<Result<LocalClusterInfo>> {
    return this.#owner.ask('status', {}, options);
  }

  log(node: NodeName | null, from: LogFrom, options: CallOptions) {
    return this.#owner.ask('log', { node, from }, options);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#inner.close();
    this.#owner.close();
    this.#changed();
    this.#listeners.clear();
  }

  /** Our own methods; all others are those of the BEAM connection. */
  #methods(): MethodTable {
    const inner = Object.fromEntries(methodNames().map((name) => [name, methodOf(this.#inner.port, name)]));
    return { ...inner, ...this.#own };
  }

  #ownerGone(): void {
    if (this.#isClosed) return;
    this.#gone = { since: Date.now(), error: ownerGone().error };
    // Its nodes have ended; nobody is to look for them.
    void this.#inner.close();
    this.#changed();
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
