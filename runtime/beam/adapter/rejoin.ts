/**
 * Comes back to nodes that were lost, whichever they are.
 *
 * What is asked often is EPMD, because that costs nothing and is written nowhere: one request for all lost nodes of a host. A node that
 * has died is not in it; once it is again, or with another port, it has begun a new life, and is dialled at once. So a node is back
 * within one interval of its start. A node that EPMD has known all along (it hangs, or the network between is cut) is dialled again at
 * growing intervals, and one that refused us, which it writes into its log, not before its next life. All intervals are spread, so that
 * many windows do not come at once.
 */
import { callOptions } from '../../callOptions.ts';
import type { NodeName, WallTime } from '../../model.ts';
import { onAbort } from '../dist/abort.ts';
import { epmdNames } from '../dist/epmd.ts';
import type { Address, Dial } from '../dist/tcp.ts';
import type { Links } from './links.ts';
import type { Places } from './places.ts';

export type Pace = {
  /** Between two looks at EPMD, while a node has not been away for long, and later. */
  readonly lookMs: number;
  readonly patientLookMs: number;
  readonly patientAfterMs: number;
  /** Between two attempts at a node that EPMD knows, or at an EPMD that is silent: from the one to the other, doubled each time. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
};

const usualPace: Pace = {
  lookMs: 400,
  patientLookMs: 10_000,
  patientAfterMs: 10 * 60_000,
  firstPauseMs: 1_000,
  longestPauseMs: 10_000,
};
const askedForMs = 1_000;

export type RejoinOptions = {
  /** How to get to an EPMD, when not directly. */
  readonly dial: Dial | undefined;
  /** For one attempt at a node. */
  readonly attemptMs: number;
  readonly signal: AbortSignal;
  readonly pace?: Pace;
};

type Lost = {
  /** Where EPMD said it was when it was last dialled; null: EPMD did not know it then; undefined: not looked yet. */
  port: number | null | undefined;
  pauseMs: number;
  /** On the clock of performance.now(). */
  dialAfter: number;
};

export class Rejoin {
  readonly #links: Pick<Links, 'names' | 'stateOf' | 'open' | 'ended'>;
  readonly #places: Pick<Places, 'epmdOf'>;
  readonly #dial: Dial | undefined;
  readonly #attemptMs: number;
  readonly #signal: AbortSignal;
  readonly #pace: Pace;
  readonly #looked: () => void;
  readonly #lost = new Map<NodeName, Lost>();
  /** EPMDs that did not answer, and when to ask them again. */
  readonly #silent = new Map<string, { pauseMs: number; askAfter: number }>();
  /** EPMDs that are being asked. */
  readonly #asking = new Set<string>();
  #isLooking = false;
  #nextLook: WallTime | null = null;
  #endPause: () => void = () => undefined;

  /** `looked` is called before each pause. */
  constructor(
    links: Pick<Links, 'names' | 'stateOf' | 'open' | 'ended'>,
    places: Pick<Places, 'epmdOf'>,
    options: RejoinOptions,
    looked: () => void,
  ) {
    this.#links = links;
    this.#places = places;
    this.#dial = options.dial;
    this.#attemptMs = options.attemptMs;
    this.#signal = options.signal;
    this.#pace = options.pace ?? usualPace;
    this.#looked = looked;
    onAbort(this.#signal, () => {
      this.#endPause();
    });
  }

  /** When lost nodes are looked for again; null when none is. */
  get nextLook(): WallTime | null {
    return this.#nextLook;
  }

  /** Called when a link was lost or could not be opened: looks for such nodes from now on, until none is left. */
  async begin(): Promise<void> {
    if (this.#isLooking) {
      // The others may have been away for long, and this one not.
      if (this.#nextLook !== null && this.#nextLook > Date.now() + this.#pace.lookMs) this.#endPause();
      return;
    }
    this.#isLooking = true;
    // Whoever has just lost a node lets it end first; many windows lose it at once.
    await this.#pause(spread(this.#pace.lookMs / 4));
    while (!this.#signal.aborted) {
      const nodes = this.#lostNodes();
      if (nodes.length === 0) break;
      this.#look(nodes);
      await this.#pause(spread(this.#intervalMs()));
    }
    this.#silent.clear();
    this.#isLooking = false;
    this.#nextLook = null;
  }

  #pause(ms: number): Promise<void> {
    this.#nextLook = Date.now() + ms;
    this.#looked();
    if (this.#signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      timer.unref();
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #lostNodes(): readonly NodeName[] {
    const nodes = this.#links.names().filter((node) => this.#links.stateOf(node)?.is === 'down');
    for (const node of this.#lost.keys()) if (!nodes.includes(node)) this.#lost.delete(node);
    for (const node of nodes) {
      if (!this.#lost.has(node))
        this.#lost.set(node, { port: undefined, pauseMs: this.#pace.firstPauseMs, dialAfter: 0 });
    }
    return nodes;
  }

  /** Often, as long as one of them has not been away for long. */
  #intervalMs(): number {
    const isRecent = this.#links.names().some((node) => {
      const state = this.#links.stateOf(node);
      return state?.is === 'down' && Date.now() - state.since < this.#pace.patientAfterMs;
    });
    return isRecent ? this.#pace.lookMs : this.#pace.patientLookMs;
  }

  /** Dials those for which it is time. What is asked or dialled may take its time: others are looked for meanwhile. */
  #look(nodes: readonly NodeName[]): void {
    const epmds = new Map<string, { readonly address: Address; readonly nodes: NodeName[] }>();
    for (const node of nodes) {
      const address = this.#places.epmdOf(node);
      if (address === null) this.#dialIfDue(node, undefined);
      else {
        const key = `${address.host} ${String(address.port)}`;
        const group = epmds.get(key) ?? { address, nodes: [] };
        group.nodes.push(node);
        epmds.set(key, group);
      }
    }
    for (const key of this.#silent.keys()) if (!epmds.has(key)) this.#silent.delete(key);
    for (const [key, group] of epmds) void this.#ask(key, group.address, group.nodes);
  }

  async #ask(key: string, address: Address, nodes: readonly NodeName[]): Promise<void> {
    const silent = this.#silent.get(key);
    if (this.#asking.has(key) || (silent !== undefined && performance.now() < silent.askAfter)) return;
    this.#asking.add(key);
    const dial = this.#dial === undefined ? {} : { dial: this.#dial };
    const names = await epmdNames(address, { timeoutMs: askedForMs, signal: this.#signal, ...dial });
    this.#asking.delete(key);
    if (names.ok) {
      this.#silent.delete(key);
      const ports = new Map(names.value.map(({ name, port }) => [name, port]));
      for (const node of nodes) this.#dialIfDue(node, ports.get(node.slice(0, node.indexOf('@'))) ?? null);
      return;
    }
    // A host that refuses answers at once, and its EPMD comes with its first node; what does not answer at all is left alone longer.
    const isRefused = names.error.kind === 'epmd_unreachable' && names.error.why === 'refused';
    const { firstPauseMs, longestPauseMs } = this.#pace;
    const pauseMs = isRefused ? 0 : Math.min(longestPauseMs, (silent?.pauseMs ?? firstPauseMs / 2) * 2);
    this.#silent.set(key, { pauseMs, askAfter: performance.now() + spread(pauseMs) });
    // A node can be where it was, though its EPMD is gone.
    for (const node of nodes) this.#dialIfDue(node, undefined);
  }

  /** `port`: what EPMD says, null when it does not know the node, undefined when it was not asked. */
  #dialIfDue(node: NodeName, port: number | null | undefined): void {
    const lost = this.#lost.get(node);
    const state = this.#links.stateOf(node);
    if (lost === undefined || state?.is !== 'down' || this.#signal.aborted) return;
    if (port === null) {
      lost.port = null;
      this.#links.ended(node);
      return;
    }
    const isNewLife =
      port !== undefined && port !== lost.port && (lost.port !== undefined || state.retryAfter !== null);
    const isDue = state.retryAfter !== null && performance.now() >= lost.dialAfter;
    if (port !== undefined) lost.port = port;
    if (!isNewLife && !isDue) return;
    lost.dialAfter = Number.POSITIVE_INFINITY;
    void this.#links.open(node, callOptions(this.#attemptMs, this.#signal)).then((opened) => {
      if (opened.ok) {
        this.#lost.delete(node);
        return;
      }
      // Without EPMD a port that refuses is asked as often as EPMD would be: nobody there has to do anything for it.
      const isCheap = opened.error.code === 'connect.refused' && this.#places.epmdOf(node) === null;
      const { firstPauseMs, longestPauseMs } = this.#pace;
      lost.pauseMs = isNewLife || isCheap ? firstPauseMs : Math.min(longestPauseMs, lost.pauseMs * 2);
      lost.dialAfter = performance.now() + (isCheap ? 0 : spread(lost.pauseMs));
    });
  }
}

/** A quarter more or less. */
function spread(ms: number): number {
  return ms * (0.75 + Math.random() / 2);
}
