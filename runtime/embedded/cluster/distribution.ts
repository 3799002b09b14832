/**
 * What one node does about the others: who is told of nodes that come and go, who waits for a connection, and whether a node connects
 * by itself. As erts does it: the messages go straight to those who asked, `nodeup` before anything that comes over the new connection,
 * `nodedown` behind everything that came over the old one. Follows net_kernel(3), `monitor_nodes`, and erlang(3), `monitor_node`.
 */
import type { Pid, Value } from '../../term/values.ts';
import { a, tup } from '../../term/values.ts';
import type { KernelNode } from '../kernel/node.ts';
import type { Prng } from '../kernel/prng.ts';
import type { Network } from './network.ts';

export type NodeType = 'visible' | 'hidden';
/** Which nodes a subscriber is told of, and how: `{nodeup, Node}`, or with an information list or map. */
export type NodeSubscription = {
  readonly form: 'plain' | 'list' | 'map';
  /** `all`, `visible` (unless said) or `hidden`. */
  readonly nodeType?: NodeType | 'all';
  readonly connectionId?: boolean;
  readonly nodedownReason?: boolean;
};
/** How `dist_auto_connect` of kernel(6) has it: whether what is sent makes a connection. `once`: not again once one was lost. */
export type AutoConnect = 'always' | 'once' | 'never';

export type DistributionOptions = {
  readonly network: Network;
  readonly autoConnect: AutoConnect;
  /** Every node's, so that both sides of a connection know of the other whether it is hidden. */
  readonly isHidden: (node: string) => boolean;
  /** Ends the node: `erlang:halt/0`. */
  readonly halt: () => void;
  /** OTP's `prevent_overlapping_partitions` of kernel(6). */
  readonly preventsOverlap: boolean;
  /** `connect_all` of kernel(6): whether `global` connects every node to every other one, and shares names with all. */
  readonly connectsAll: boolean;
  /** For the waits and choices of `global`. */
  readonly prng: Prng;
};

const distributions = new WeakMap<object, Distribution>();

/** The distribution of the node that `Self.home` is. */
export function distributionOf(home: object): Distribution {
  const known = distributions.get(home);
  if (known === undefined) throw new Error('This node has no distribution.');
  return known;
}

const words = { nodeup: a('nodeup'), nodedown: a('nodedown') } as const;

export class Distribution {
  readonly node: KernelNode;
  readonly network: Network;
  readonly options: DistributionOptions;
  #subscribers: { readonly pid: Pid; readonly subscription: NodeSubscription }[] = [];
  #watchers: { readonly pid: Pid; readonly node: string }[] = [];
  #waiting: { readonly node: string; readonly tell: (isUp: boolean) => void }[] = [];
  /** The nodes it was once connected to. */
  readonly #met = new Set<string>();

  constructor(node: KernelNode, options: DistributionOptions) {
    this.node = node;
    this.network = options.network;
    this.options = options;
    distributions.set(node, this);
  }

  /** `nodes(visible)`, `nodes(hidden)`, `nodes(connected)`, in order. */
  nodes(type: NodeType | 'connected' = 'visible'): readonly string[] {
    const connected = this.network.connectedTo(this.node);
    return type === 'connected' ? connected : connected.filter((name) => this.typeOf(name) === type);
  }

  /** A node is hidden for another one when either of them is. */
  typeOf(other: string): NodeType {
    return this.options.isHidden(this.node.name) || this.options.isHidden(other) ? 'hidden' : 'visible';
  }

  /** Whether a signal to `other` may make a connection. */
  autoConnects(other: string): boolean {
    const { autoConnect } = this.options;
    return autoConnect === 'always' || (autoConnect === 'once' && !this.#met.has(other));
  }

  // ------------------------------------------------------------------------------------------------------- being told

  /** `net_kernel:monitor_nodes/1,2`: one subscription more, or none of this kind any more. */
  monitorNodes(pid: Pid, on: boolean, subscription: NodeSubscription = { form: 'plain' }): void {
    if (on) this.#subscribers.push({ pid, subscription });
    else {
      const isSame = (other: NodeSubscription): boolean => subscriptionKey(other) === subscriptionKey(subscription);
      this.#subscribers = this.#subscribers.filter((one) => one.pid !== pid || !isSame(one.subscription));
    }
  }

  /** `monitor_node/2`: a `{nodedown, Node}` once the connection is lost, or cannot be made. Each counts. */
  monitorNode(pid: Pid, node: string, on: boolean): void {
    if (!on) {
      const at = this.#watchers.findIndex((watcher) => watcher.pid === pid && watcher.node === node);
      if (at >= 0) this.#watchers.splice(at, 1);
      return;
    }
    this.#watchers.push({ pid, node });
    if (node === this.node.name || this.network.isConnected(this.node, node)) return;
    if (this.autoConnects(node)) this.network.connect(this.node, node);
    else this.#tellWatchers(node);
  }

  /** Connects where that is needed, and tells whether there is a connection then. */
  whenConnected(node: string, tell: (isUp: boolean) => void): void {
    if (node === this.node.name || this.network.isConnected(this.node, node)) {
      tell(true);
      return;
    }
    this.#waiting.push({ node, tell });
    this.network.connect(this.node, node);
  }

  // --------------------------------------------------------------------------------------------- told by the network

  connected(other: string, id: number): void {
    this.#met.add(other);
    for (const { pid, subscription } of [...this.#subscribers]) {
      this.#send(pid, this.#news(words.nodeup, other, subscription, id, null));
    }
    this.#tellWaiting(other, true);
  }

  lost(other: string, id: number, reason: string): void {
    this.#tellWatchers(other);
    for (const { pid, subscription } of [...this.#subscribers]) {
      this.#send(pid, this.#news(words.nodedown, other, subscription, id, reason));
    }
  }

  /** An attempt to connect has come to nothing. */
  failed(other: string): void {
    this.#tellWatchers(other);
    this.#tellWaiting(other, false);
  }

  #tellWatchers(other: string): void {
    const [about, rest] = [
      this.#watchers.filter(({ node }) => node === other),
      this.#watchers.filter(({ node }) => node !== other),
    ];
    this.#watchers = rest;
    for (const { pid } of about) this.#send(pid, tup(words.nodedown, a(other)));
  }

  #tellWaiting(other: string, isUp: boolean): void {
    const about = this.#waiting.filter(({ node }) => node === other);
    this.#waiting = this.#waiting.filter(({ node }) => node !== other);
    for (const { tell } of about) tell(isUp);
  }

  /** The message that a subscriber gets; null when it did not ask for this kind of node. */
  #news(what: Value, other: string, subscription: NodeSubscription, id: number, reason: string | null): Value {
    const { form, nodeType, connectionId = false, nodedownReason = false } = subscription;
    const type = this.typeOf(other);
    const wanted = nodeType ?? 'visible';
    if (wanted !== 'all' && wanted !== type) return null;
    if (form === 'plain') return tup(what, a(other));
    const infos: readonly (readonly [string, Value])[] = [
      ...(nodeType === undefined ? [] : ([['node_type', a(type)]] as const)),
      ...(nodedownReason && reason !== null ? ([['nodedown_reason', a(reason)]] as const) : []),
      ...(connectionId ? ([['connection_id', id]] as const) : []),
    ];
    const list = infos.map(([key, value]) => tup(a(key), value));
    return tup(what, a(other), form === 'map' ? Object.fromEntries(infos) : list);
  }

  #send(pid: Pid, message: Value): void {
    const process = this.node.find(pid);
    if (process === undefined) {
      this.#subscribers = this.#subscribers.filter((one) => one.pid !== pid);
      this.#watchers = this.#watchers.filter((one) => one.pid !== pid);
    } else if (message !== null) this.node.deliver(process, message);
  }
}

function subscriptionKey({ form, nodeType, connectionId = false, nodedownReason = false }: NodeSubscription): string {
  return [form, nodeType ?? 'default', connectionId, nodedownReason].join(' ');
}
