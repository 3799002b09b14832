/** A running BEAM cluster, joined as a hidden node by name and cookie, with nothing of ours installed there. */
import { setTimeout as delay } from 'node:timers/promises';
import { callOptions } from '../callOptions.ts';
import { arsenalError } from '../errors.ts';
import type { ArsenalError, ConnectionId, Incarnation, Result, WallTime } from '../model.ts';
import { ok } from '../model.ts';
import type { Capabilities, ConnectionState, MethodTable, Port, Runtime } from '../port.ts';
import type { Refusals } from '../portFacade.ts';
import { buildCapabilities, buildPort } from '../portFacade.ts';
import { badNodeName, clusterMethods, isNodeName } from './adapter/clusterMethods.ts';
import { Links } from './adapter/links.ts';
import { nameMethods } from './adapter/nameMethods.ts';
import { processMethods } from './adapter/processMethods.ts';
import { Session } from './adapter/session.ts';
import { supervisorMethods } from './adapter/supervisorMethods.ts';
import { systemMethods } from './adapter/systemMethods.ts';
import { noSandboxes, watchMethods, Watches } from './adapter/watchMethods.ts';
import type { BeamSpec } from './beamSpec.ts';
import { HiddenNode } from './dist/node.ts';
import type { SlotLease } from './names/slotLease.ts';
import { leaseSlot, ownNodeName } from './names/slotLease.ts';

const firstConnectMs = 7_000;
const attemptMs = 5_000;
/** Between two attempts to come back: doubled each time, and spread, so that many windows do not come at once. */
const firstPauseMs = 200;
const longestPauseMs = 10_000;

const [whyNoSandboxes, remedyNoSandboxes] = noSandboxes;
const agentNeeded = {
  why: 'it needs code of ours on the node, and this connection loads none.',
  remedy: 'Use it on the simulated cluster; on a BEAM cluster it will come with an agent that is loaded on request.',
};
const refusals: Refusals = {
  otherwise: agentNeeded,
  methods: Object.fromEntries(
    (
      [
        'sandboxes.list',
        'sandboxes.create',
        'sandboxes.destroy',
        'sandboxes.info',
        'sandboxes.execute',
        'sandboxes.reload',
        'sandboxes.rollback',
        'sandboxes.setLimits',
      ] as const
    ).map((name) => [name, { why: whyNoSandboxes, remedy: remedyNoSandboxes }]),
  ),
};

/**
 * Joins the cluster through `spec.node`. Errors, each with its remedy: `connect.bad_node_name`, `connect.lease_dir`,
 * `connect.no_free_name`, and those of connectError.ts (`connect.epmd_unreachable`, `connect.no_such_node`, `connect.name_type`,
 * `connect.bad_cookie`, `connect.host_unresolved`, `connect.refused`, `connect.timeout`, `connect.name_in_use`, …). After an error
 * nothing is left: no link, no lease.
 */
export async function connectBeam(spec: BeamSpec): Promise<Result<Runtime>> {
  if (!isNodeName(spec.node)) return badNodeName(spec.node);
  const lease = await leaseSlot(spec.leaseDir);
  if (!lease.ok) return lease;
  const hidden = new HiddenNode({
    name: ownNodeName(lease.value, spec.node),
    cookie: spec.cookie,
    nameIsLeased: true,
  });
  const runtime = new BeamRuntime(spec, hidden, lease.value);
  const opened = await runtime.open(spec.connectTimeoutMs ?? firstConnectMs);
  if (opened.ok) return ok(runtime);
  await runtime.close();
  return opened;
}

class BeamRuntime implements Runtime {
  readonly id: ConnectionId;
  readonly kind = 'beam';
  readonly port: Port;
  readonly capabilities: Capabilities;
  #state: ConnectionState = { is: 'connecting' };
  readonly #lease: SlotLease;
  readonly #links: Links;
  readonly #session: Session;
  readonly #watches: Watches;
  readonly #listeners = new Set<() => void>();
  readonly #closing = new AbortController();
  #joined = 0;
  #epoch = '';
  #returning = false;

  constructor(spec: BeamSpec, hidden: HiddenNode, lease: SlotLease) {
    this.id = spec.id;
    this.#lease = lease;
    this.#links = new Links(hidden, spec, (node) => {
      this.#linkChanged(node);
    });
    this.#session = new Session(spec.node, this.#links);
    this.#watches = new Watches(this.#session, () => this.#epoch);
    const methods = this.#methods();
    this.capabilities = buildCapabilities(1, methods, refusals);
    this.port = buildPort(methods, (name) => this.capabilities.runtime[name]);
  }

  #methods(): MethodTable {
    const session = this.#session;
    return {
      ...clusterMethods(session),
      ...processMethods(session),
      ...nameMethods(session),
      ...supervisorMethods(session),
      ...systemMethods(session),
      ...watchMethods(this.#watches),
      // Without an agent nothing of ours outlives a call there.
      'holdings.list': async (_params, options) => {
        const nodes = await session.survey(options);
        return ok({ holdings: [], nodes: nodes.map(({ node }) => ({ node, status: 'ok' })) });
      },
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

  async close(): Promise<void> {
    if (this.#state.is === 'closed') return;
    this.#closing.abort();
    this.#become({ is: 'closed' });
    this.#watches.close();
    this.#links.closeAll();
    await this.#lease.release();
    this.#listeners.clear();
  }

  #linkChanged(node: string): void {
    if (this.#isClosing()) return;
    const entry = this.#links.stateOf(this.#session.entry);
    if (node === this.#session.entry && entry?.is === 'up') {
      this.#joined += 1;
      this.#epoch = `${node}#${entry.connection.creation.toString(16)}#${String(this.#joined)}`;
      // Those who watched the life before see nothing of it mixed with this one.
      if (this.#joined > 1) this.#watches.restart();
    }
    this.#become(this.#stateNow(null));
    this.#watches.nudge();
    if (entry?.is === 'down' && this.#joined > 0) void this.#return();
  }

  #stateNow(retryAt: WallTime | null): ConnectionState {
    const entry = this.#links.stateOf(this.#session.entry);
    const missing = this.#missing();
    if (this.#links.up(this.#session.entry).length > 0) {
      return missing.length === 0
        ? { is: 'ready', epoch: this.#epoch }
        : { is: 'degraded', epoch: this.#epoch, missing };
    }
    if (this.#joined === 0) return { is: 'connecting' };
    const error = entry?.is === 'down' ? entry.error : lostForNoReason;
    const since = this.#state.is === 'lost' ? this.#state.since : Date.now();
    return { is: 'lost', since, retryAt, error };
  }

  /** The lives that we held a link to, and lost. */
  #missing(): readonly Incarnation[] {
    return this.#links.names().flatMap((node) => {
      const state = this.#links.stateOf(node);
      return state?.is === 'down' && state.creation !== null ? [{ node, creation: state.creation }] : [];
    });
  }

  /** Comes back to the node joined first, until it answers, refuses, or the connection is closed. */
  async #return(): Promise<void> {
    if (this.#returning) return;
    this.#returning = true;
    const { signal } = this.#closing;
    for (let attempt = 0; !this.#isClosing(); attempt += 1) {
      const pauseMs = Math.min(firstPauseMs * 2 ** attempt, longestPauseMs) * (0.75 + Math.random() / 2);
      if (this.#state.is === 'lost') this.#become(this.#stateNow(Date.now() + pauseMs));
      await delay(pauseMs, undefined, { signal, ref: false }).catch(() => undefined);
      if (this.#isClosing()) break;
      const opened = await this.#links.open(this.#session.entry, callOptions(attemptMs, signal));
      const entry = this.#links.stateOf(this.#session.entry);
      // A node that refuses us writes every attempt into its log: then it is for a person to try again.
      if (opened.ok || (entry?.is === 'down' && entry.retryAfter === null)) break;
    }
    this.#returning = false;
    if (!this.#isClosing()) this.#become(this.#stateNow(null));
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
