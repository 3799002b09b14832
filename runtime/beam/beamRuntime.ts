/** A running BEAM cluster, joined as a hidden node by name and cookie, with nothing of ours installed there. */
import { callOptions } from '../callOptions.ts';
import { arsenalError, cancelled } from '../errors.ts';
import type { ArsenalError, ConnectionId, Incarnation, NodeName, Result, WallTime } from '../model.ts';
import { fail, ok } from '../model.ts';
import type { Capabilities, ConnectionState, MethodTable, Port, Runtime } from '../port.ts';
import { buildPort } from '../portFacade.ts';
import { Agents } from './adapter/agents.ts';
import { badNodeName, clusterMethods, isNodeName } from './adapter/clusterMethods.ts';
import { emulatorMethods } from './adapter/emulatorMethods.ts';
import { holdingMethods } from './adapter/holdingMethods.ts';
import { hordeMethods } from './adapter/hordeMethods.ts';
import { libclusterMethods } from './adapter/libclusterMethods.ts';
import { codeMethods } from './adapter/codeCall.ts';
import { crashMethods } from './adapter/crashMethods.ts';
import { Links } from './adapter/links.ts';
import { nameMethods } from './adapter/nameMethods.ts';
import { Places } from './adapter/places.ts';
import { processMethods } from './adapter/processMethods.ts';
import { Rejoin } from './adapter/rejoin.ts';
import { profileMethods } from './adapter/profileMethods.ts';
import { Session } from './adapter/session.ts';
import { supervisorMethods } from './adapter/supervisorMethods.ts';
import { systemMethods } from './adapter/systemMethods.ts';
import { tableMethods } from './adapter/tableMethods.ts';
import { traceMethods } from './adapter/traceMethods.ts';
import { userOperationMethods } from './adapter/userOperations.ts';
import { watchMethods, Watches } from './adapter/watchMethods.ts';
import type { AgentImage } from './agent/bringing.ts';
import { agentImage } from './agent/bringing.ts';
import type { BeamSpec } from './beamSpec.ts';
import { capabilitiesOf } from './capabilities.ts';
import { connectError } from './connectError.ts';
import type { TlsOptions } from './dist/tls.ts';
import { defaultEpmdPort } from './dist/epmd.ts';
import { HiddenNode } from './dist/node.ts';
import { epmdPortFrom } from './epmdPlace.ts';
import type { SlotLease } from './names/slotLease.ts';
import { leaseSlot, ownNodeName } from './names/slotLease.ts';
import { checkSsh } from './sshArguments.ts';
import { SshTunnel } from './sshTunnel.ts';
import { readTls } from './tlsFiles.ts';

/** For the first connection, and for each attempt at a node; ssh has to be let in twice, for EPMD and for the node. */
const directTimes = { firstMs: 7_000, attemptMs: 3_000 };
const sshTimes = { firstMs: 20_000, attemptMs: 15_000 };
const agentLingerMs = 10_000;
/** A connection that is lost tells at most this often when it is tried again. */
const toldEveryMs = 2_000;

/** A joined cluster, whose nodes somebody may know more of than the nodes themselves say. */
export interface BeamConnection extends Runtime {
  /** Nodes that are known from elsewhere: they are asked from now on, and shown, up or not. */
  learn(nodes: readonly NodeName[]): void;
  /** A node that is gone for good: it is neither asked nor shown any more. */
  forget(node: NodeName): void;
}

/**
 * Joins the cluster through `spec.node`. Errors, each with its remedy: `connect.bad_node_name`, `connect.dynamic_name`,
 * `connect.bad_epmd_port`, `connect.bad_ssh_target`, `connect.lease_dir`, `connect.no_free_name`, those of tlsFiles.ts, and those of
 * connectError.ts (`connect.epmd_unreachable`, `connect.no_such_node`, `connect.name_type`, `connect.bad_cookie`,
 * `connect.host_unresolved`, `connect.refused`, `connect.timeout`, `connect.name_in_use`, `connect.tls_…`, `connect.ssh_…`, …). After an
 * error nothing is left: no link, no lease, no ssh. `signal` gives the attempt up (`call.cancelled`), and does nothing afterwards.
 */
export async function connectBeam(
  spec: BeamSpec,
  /** The agent to bring to the nodes, when it is not that of this build. */
  image: AgentImage = agentImage(),
  signal: AbortSignal = new AbortController().signal,
): Promise<Result<BeamConnection>> {
  const way = await wayTo(spec);
  if (!way.ok) return way;
  const lease = await leaseSlot(spec.leaseDir);
  if (!lease.ok) return lease;
  const runtime = new BeamRuntime(spec, way.value, lease.value, image);
  const giveUp = (): void => void runtime.close();
  signal.addEventListener('abort', giveUp, { once: true });
  const opened = signal.aborted
    ? cancelled('none')
    : await runtime.open(spec.connectTimeoutMs ?? way.value.times.firstMs);
  signal.removeEventListener('abort', giveUp);
  if (opened.ok && !signal.aborted) return ok(runtime);
  await runtime.close();
  return opened.ok ? cancelled('none') : opened;
}

/** How the nodes are reached, checked. Nothing has been started yet. */
type Way = {
  readonly places: Places;
  readonly tls: TlsOptions | null;
  readonly times: typeof directTimes;
};

async function wayTo(spec: BeamSpec): Promise<Result<Way>> {
  if (hasNoName(spec.node))
    return fail(connectError({ kind: 'dynamic_name', node: spec.node, message: '' }, spec.node));
  if (!isNodeName(spec.node)) return badNodeName(spec.node);
  const epmdPort = epmdPortFrom(process.env);
  // Whoever says where EPMD is, or that there is none, is not to be troubled with a variable that is not used.
  const needsEpmd = spec.epmd?.port === undefined && spec.erlEpmdPort === undefined;
  if (!epmdPort.ok && needsEpmd) return epmdPort;
  const ssh = spec.ssh === undefined ? null : checkSsh(spec.ssh);
  if (ssh !== null && !ssh.ok) return ssh;
  const tls = spec.tls === undefined ? null : await readTls(spec.tls);
  if (tls !== null && !tls.ok) return tls;
  return ok({
    places: new Places(spec, epmdPort.ok ? epmdPort.value : defaultEpmdPort),
    tls: tls === null ? null : tls.value,
    times: ssh === null ? directTimes : sshTimes,
  });
}

/** What a node is called that has been given no name (`-sname undefined`) or is none yet. */
function hasNoName(node: string): boolean {
  return /^(undefined(@.*)?|nonode@nohost)$/.test(node);
}

class BeamRuntime implements BeamConnection {
  readonly id: ConnectionId;
  readonly kind = 'beam';
  readonly port: Port;
  readonly capabilities: Capabilities;
  #state: ConnectionState = { is: 'connecting' };
  readonly #lease: SlotLease;
  readonly #tunnel: SshTunnel | null;
  readonly #links: Links;
  readonly #rejoin: Rejoin;
  readonly #agents: Agents;
  readonly #session: Session;
  readonly #watches: Watches;
  readonly #listeners = new Set<() => void>();
  readonly #closing = new AbortController();
  #joined = 0;
  #epoch = '';
  #isLinked = false;
  #toldAt = 0;

  constructor(spec: BeamSpec, { places, tls, times }: Way, lease: SlotLease, image: AgentImage) {
    this.id = spec.id;
    this.#lease = lease;
    this.#tunnel = spec.ssh === undefined ? null : new SshTunnel(spec.ssh);
    const dial = this.#tunnel?.dial;
    const hidden = new HiddenNode({
      name: ownNodeName(lease, spec.node),
      cookie: spec.cookie,
      nameIsLeased: true,
      ...(dial !== undefined && { dial }),
      ...(tls !== null && { tls }),
    });
    const { attemptMs } = times;
    this.#links = new Links(hidden, places, { dial, attemptMs }, (node) => {
      this.#linkChanged(node);
    });
    const { signal } = this.#closing;
    this.#rejoin = new Rejoin(this.#links, places, { dial, attemptMs, signal }, () => {
      this.#looked();
    });
    const choice = spec.agent ?? 'load';
    this.#agents = new Agents({
      choice,
      lingerMs: spec.agentLingerMs ?? agentLingerMs,
      image,
      changed: () => {
        this.#watches.nudge();
      },
    });
    this.#session = new Session(spec.node, this.#links, this.#agents);
    this.#watches = new Watches(this.#session, () => this.#epoch);
    const methods = this.#methods();
    this.capabilities = capabilitiesOf(methods, choice);
    this.port = buildPort(methods, (name) => this.capabilities.runtime[name]);
  }

  #methods(): MethodTable {
    const session = this.#session;
    return {
      ...clusterMethods(session),
      ...processMethods(session),
      ...nameMethods(session),
      ...hordeMethods(session),
      ...libclusterMethods(session),
      ...supervisorMethods(session),
      ...crashMethods(session),
      ...codeMethods(session),
      ...systemMethods(session),
      ...tableMethods(session),
      ...emulatorMethods(session),
      ...traceMethods(session),
      ...profileMethods(session),
      ...userOperationMethods(session),
      ...watchMethods(this.#watches),
      ...holdingMethods(session),
    };
  }

  /** The first connection; its failure is the answer, not a state. */
  async open(timeoutMs: number): Promise<Result<null>> {
    const opened = await this.#links.open(this.#session.entry, callOptions(timeoutMs, this.#closing.signal));
    return opened.ok ? ok(null) : opened;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  onChange(listener: () => void): { dispose(): void } {
    this.#listeners.add(listener);
    return { dispose: () => this.#listeners.delete(listener) };
  }

  learn(nodes: readonly NodeName[]): void {
    for (const node of nodes) this.#session.learn(node);
    this.#watches.nudge();
  }

  forget(node: NodeName): void {
    this.#session.forget(node);
    this.#watches.nudge();
  }

  async close(): Promise<void> {
    if (this.#state.is === 'closed') return;
    this.#closing.abort();
    this.#become({ is: 'closed' });
    this.#watches.close();
    await this.#agents.close();
    this.#links.closeAll();
    this.#tunnel?.close();
    await this.#lease.release();
    this.#listeners.clear();
  }

  #linkChanged(node: string): void {
    if (this.#isClosing()) return;
    const state = this.#links.stateOf(node);
    if (state?.is === 'up') this.#agents.linkUp(state.connection);
    if (state?.is === 'up' && (node === this.#session.entry || !this.#isLinked)) {
      this.#joined += 1;
      this.#epoch = `${node}#${state.connection.creation.toString(16)}#${String(this.#joined)}`;
      // Those who watched the life before see nothing of it mixed with this one.
      if (this.#joined > 1) this.#watches.restart();
    }
    this.#isLinked = this.#links.up(this.#session.entry).length > 0;
    this.#become(this.#stateNow());
    this.#watches.nudge();
    if (state?.is === 'down' && this.#joined > 0) void this.#rejoin.begin();
  }

  #looked(): void {
    if (this.#isClosing() || this.#state.is !== 'lost' || Date.now() - this.#toldAt < toldEveryMs) return;
    this.#toldAt = Date.now();
    this.#become(this.#stateNow());
  }

  #stateNow(): ConnectionState {
    const missing = this.#missing();
    if (this.#isLinked) {
      return missing.length === 0
        ? { is: 'ready', epoch: this.#epoch }
        : { is: 'degraded', epoch: this.#epoch, missing };
    }
    if (this.#joined === 0) return { is: 'connecting' };
    const entry = this.#links.stateOf(this.#session.entry);
    const error = entry?.is === 'down' ? entry.error : lostForNoReason;
    const since = this.#state.is === 'lost' ? this.#state.since : Date.now();
    return { is: 'lost', since, retryAt: this.#retryAt(), error };
  }

  /** A node that refuses us writes every attempt into its log: while all do, it is for a person to try again. */
  #retryAt(): WallTime | null {
    const isWorthwhile = this.#links.names().some((node) => {
      const state = this.#links.stateOf(node);
      return state?.is === 'down' && state.retryAfter !== null;
    });
    return isWorthwhile ? (this.#rejoin.nextLook ?? Date.now()) : null;
  }

  /** The lives that we held a link to, and lost. */
  #missing(): readonly Incarnation[] {
    return this.#links.names().flatMap((node) => {
      const state = this.#links.stateOf(node);
      return state?.is === 'down' && state.creation !== null ? [{ node, creation: state.creation }] : [];
    });
  }

  #isClosing(): boolean {
    return this.#closing.signal.aborted;
  }

  #become(state: ConnectionState): void {
    if (this.#state.is === 'closed') return;
    this.#state = state;
    for (const listener of [...this.#listeners]) listener();
  }
}

const lostForNoReason: ArsenalError = arsenalError(
  'unavailable',
  'connection.lost',
  'There is no connection to the system.',
  'Connect again.',
);
