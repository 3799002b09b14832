/**
 * Our links, one per node that is looked at, each opened when somebody first looks.
 *
 * An attempt that a node refuses is written into its log, so it is not repeated until somebody asks; an attempt that the network
 * ate is repeated when somebody looks again, but not at once.
 */
import { remainingNow } from '../../callOptions.ts';
import type { ArsenalError, NodeName, Reach, Result, WallTime } from '../../model.ts';
import { fail, ok } from '../../model.ts';
import type { CallOptions } from '../../port.ts';
import type { BeamSpec } from '../beamSpec.ts';
import { connectError, isWorthRetrying } from '../connectError.ts';
import type { Connection } from '../dist/connection.ts';
import { defaultEpmdPort, epmdNames } from '../dist/epmd.ts';
import type { DistError } from '../dist/errors.ts';
import type { HiddenNode } from '../dist/node.ts';

/** Where a node listens, when EPMD is not to be asked. */
export type Address = { readonly host: string; readonly port: number };

export type LinkState =
  | { readonly is: 'up'; readonly connection: Connection; readonly since: WallTime }
  | {
      readonly is: 'down';
      readonly since: WallTime;
      readonly why: Extract<Reach, { via: 'none' }>['why'];
      readonly error: ArsenalError;
      /** Of the life that was lost; null when there never was a link. */
      readonly creation: number | null;
      /** On the clock of performance.now(); null: not before somebody asks for it. */
      readonly retryAfter: number | null;
    }
  /** Closed because somebody asked; not opened again until somebody asks. */
  | { readonly is: 'closed'; readonly since: WallTime };

/** Between two attempts at a node that is being looked at all the time. */
const pauseMs = 2_000;
/** An attempt that takes longer would hold up whoever looks at the whole cluster. */
const longestAttemptMs = 3_000;

export class Links {
  readonly #hidden: HiddenNode;
  readonly #spec: BeamSpec;
  readonly #states = new Map<NodeName, LinkState>();
  readonly #dialling = new Map<NodeName, Promise<Result<Connection>>>();
  readonly #addresses = new Map<NodeName, Address>();
  readonly #changed: (node: NodeName) => void;
  readonly #closing = new AbortController();

  constructor(hidden: HiddenNode, spec: BeamSpec, changed: (node: NodeName) => void) {
    this.#hidden = hidden;
    this.#spec = spec;
    this.#changed = changed;
    if (spec.address !== undefined) this.#addresses.set(spec.node, spec.address);
  }

  /** What is known of our link to `node`; null when nobody has looked at it yet. */
  stateOf(node: NodeName): LinkState | null {
    return this.#states.get(node) ?? null;
  }

  /** Every link that is up, that to `first` before the others. */
  up(first: NodeName): readonly Connection[] {
    const connections = [...this.#states.values()].flatMap((state) => (state.is === 'up' ? [state.connection] : []));
    return connections.sort((one, other) => Number(other.node === first) - Number(one.node === first));
  }

  /** Every node that a link was opened or tried to. */
  names(): readonly NodeName[] {
    return [...this.#states.keys()];
  }

  /** The link to `node` when it is up, or an attempt to open it if one is due; else why there is none. */
  async look(node: NodeName, options: CallOptions): Promise<Result<Connection>> {
    const state = this.#states.get(node);
    if (state?.is === 'up') return ok(state.connection);
    if (state?.is === 'closed')
      return fail(connectError({ kind: 'noconnection', why: 'disconnected', message: '' }, node));
    const isDue = state === undefined || (state.retryAfter !== null && performance.now() >= state.retryAfter);
    return isDue || this.#dialling.has(node) ? this.open(node, options) : fail(state.error);
  }

  /** As {@link look}, but without the pause after an attempt that the network ate: somebody wants to act on the node now. */
  act(node: NodeName, options: CallOptions): Promise<Result<Connection>> {
    const state = this.#states.get(node);
    return state?.is === 'down' && state.retryAfter !== null ? this.open(node, options) : this.look(node, options);
  }

  /** The link to `node`, opened now if it is not up, whatever happened before. Errors: those of {@link connectError}. */
  open(node: NodeName, options: CallOptions, address?: Address): Promise<Result<Connection>> {
    if (address !== undefined) this.#addresses.set(node, address);
    const state = this.#states.get(node);
    if (state?.is === 'up') return Promise.resolve(ok(state.connection));
    const running = this.#dialling.get(node);
    if (running !== undefined) return running;
    const attempt = this.#dial(node, Math.min(remainingNow(options), longestAttemptMs)).finally(() => {
      this.#dialling.delete(node);
    });
    this.#dialling.set(node, attempt);
    return attempt;
  }

  /** Closes our link to `node`; false when there was none. */
  close(node: NodeName): boolean {
    const state = this.#states.get(node);
    this.#states.set(node, { is: 'closed', since: Date.now() });
    if (state?.is !== 'up') return false;
    state.connection.disconnect();
    this.#changed(node);
    return true;
  }

  /** Forgets a node that is gone for good. */
  forget(node: NodeName): void {
    if (this.#states.get(node)?.is !== 'up') this.#states.delete(node);
  }

  /** Ends every link and every attempt. */
  closeAll(): void {
    this.#closing.abort();
    this.#hidden.close();
  }

  async #dial(node: NodeName, timeoutMs: number): Promise<Result<Connection>> {
    const address = this.#addresses.get(node);
    const epmd = this.#epmdOf(node);
    const connected = await this.#hidden.connect(
      { node, epmdHost: epmd.host, epmdPort: epmd.port, ...address },
      { timeoutMs, signal: this.#closing.signal },
    );
    if (!connected.ok) return this.#failed(node, connected.error);
    const connection = connected.value;
    this.#states.set(node, { is: 'up', connection, since: Date.now() });
    connection.onDown((why) => {
      this.#lost(node, connection, why);
    });
    this.#changed(node);
    return ok(connection);
  }

  async #failed(node: NodeName, error: DistError): Promise<Result<Connection>> {
    const known = error.kind === 'no_such_node' ? await this.#namesKnown(node) : null;
    const said = connectError(error, node, known);
    if (error.kind === 'cancelled') return fail(said);
    const before = this.#states.get(node);
    this.#states.set(node, {
      is: 'down',
      since: before?.is === 'down' ? before.since : Date.now(),
      why: whyOf(error),
      error: said,
      creation: before?.is === 'down' ? before.creation : null,
      retryAfter: isWorthRetrying(error) ? performance.now() + pauseMs : null,
    });
    if (before?.is !== 'down') this.#changed(node);
    return fail(said);
  }

  #lost(node: NodeName, connection: Connection, why: DistError): void {
    const state = this.#states.get(node);
    if (state?.is !== 'up' || state.connection !== connection) return;
    this.#states.set(node, {
      is: 'down',
      since: Date.now(),
      why: whyOf(why),
      error: connectError(why, node),
      creation: connection.creation,
      retryAfter: performance.now(),
    });
    this.#changed(node);
  }

  async #namesKnown(node: NodeName): Promise<readonly string[] | null> {
    const names = await epmdNames(this.#epmdOf(node), { timeoutMs: 1_000, signal: this.#closing.signal });
    return names.ok ? names.value.map(({ name }) => name) : null;
  }

  /** EPMD stands on the node's own host; a host given stands for that of the node joined first. Clusters share one port. */
  #epmdOf(node: NodeName): Address {
    const own = hostOf(node);
    const { host, port } = this.#spec.epmd ?? {};
    const fromEnvironment = Number(process.env['ERL_EPMD_PORT'] ?? defaultEpmdPort);
    return {
      host: own === hostOf(this.#spec.node) ? (host ?? own) : own,
      port: port ?? (isPort(fromEnvironment) ? fromEnvironment : defaultEpmdPort),
    };
  }
}

function isPort(value: number): boolean {
  return Number.isInteger(value) && value > 0 && value < 65_536;
}

/** What stands after the @. */
function hostOf(node: NodeName): string {
  return node.slice(node.indexOf('@') + 1);
}

function whyOf(error: DistError): Extract<Reach, { via: 'none' }>['why'] {
  switch (error.kind) {
    case 'host_unresolved':
      return 'unresolved';
    case 'connect_timeout':
    case 'timeout':
      return 'silent';
    case 'noconnection':
      return error.why === 'silent' ? 'silent' : 'down';
    case 'bad_cookie':
    case 'not_allowed':
    case 'name_in_use':
    case 'name_type':
    case 'wrong_node':
    case 'protocol':
      return 'refused';
    default:
      return 'down';
  }
}
