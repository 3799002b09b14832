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
import { connectError, isWorthRetrying } from '../connectError.ts';
import type { Connection } from '../dist/connection.ts';
import { epmdNames } from '../dist/epmd.ts';
import type { DistError } from '../dist/errors.ts';
import type { HiddenNode } from '../dist/node.ts';
import type { Address, Dial } from '../dist/tcp.ts';
import type { Places } from './places.ts';

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

export type LinksOptions = {
  /** How to get to an address, when not directly. */
  readonly dial: Dial | undefined;
  /** An attempt that takes longer would hold up whoever looks at the whole cluster. */
  readonly attemptMs: number;
};

export class Links {
  readonly #hidden: Pick<HiddenNode, 'connect' | 'close'>;
  readonly #places: Places;
  readonly #options: LinksOptions;
  readonly #states = new Map<NodeName, LinkState>();
  readonly #dialling = new Map<NodeName, Promise<Result<Connection>>>();
  readonly #changed: (node: NodeName) => void;
  readonly #closing = new AbortController();

  constructor(
    hidden: Pick<HiddenNode, 'connect' | 'close'>,
    places: Places,
    options: LinksOptions,
    changed: (node: NodeName) => void,
  ) {
    this.#hidden = hidden;
    this.#places = places;
    this.#options = options;
    this.#changed = changed;
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
    if (address !== undefined) this.#places.set(node, address);
    const state = this.#states.get(node);
    if (state?.is === 'up') return Promise.resolve(ok(state.connection));
    const running = this.#dialling.get(node);
    if (running !== undefined) return running;
    const attempt = this.#dial(node, Math.min(remainingNow(options), this.#options.attemptMs)).finally(() => {
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

  /** Its EPMD no longer knows `node`, which refused us last: what was taken for a refusal was its end. */
  ended(node: NodeName): void {
    const state = this.#states.get(node);
    if (state?.is !== 'down' || state.why !== 'refused') return;
    this.#states.set(node, { ...state, why: 'down' });
    this.#changed(node);
  }

  /** Ends every link and every attempt. */
  closeAll(): void {
    this.#closing.abort();
    this.#hidden.close();
  }

  async #dial(node: NodeName, timeoutMs: number): Promise<Result<Connection>> {
    const before = this.#states.get(node);
    const connected = await this.#hidden.connect(this.#places.targetOf(node), {
      timeoutMs,
      signal: this.#closing.signal,
    });
    const now = this.#states.get(node);
    const isLetGo = now === undefined ? before !== undefined : now.is === 'closed' && now !== before;
    // Somebody closed or forgot it meanwhile, and is obeyed: it would be dialled again and again otherwise.
    if (isLetGo) {
      if (connected.ok) connected.value.disconnect();
      return fail(connectError({ kind: 'cancelled', message: '' }, node));
    }
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
    const epmd = this.#places.epmdOf(node);
    if (epmd === null) return null;
    const { dial } = this.#options;
    const asking = { timeoutMs: 1_000, signal: this.#closing.signal, ...(dial !== undefined && { dial }) };
    const names = await epmdNames(epmd, asking);
    return names.ok ? names.value.map(({ name }) => name) : null;
  }
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
    case 'dynamic_name':
      return 'refused';
    case 'protocol':
      return error.what === 'closed' ? 'down' : 'refused';
    case 'tls':
      return error.what === 'silent' ? 'silent' : 'refused';
    default:
      return 'down';
  }
}
