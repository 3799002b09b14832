/**
 * The network between the nodes: connections that are made when they are needed, signals that keep their order in each direction,
 * and what faults do to both.
 *
 * As OTP's distribution over TCP behaves (erts user's guide, "Distribution protocol"; net_kernel(3), net_ticktime): what is lost on
 * the way is sent again, so it is late and in order; a cut closes connections; silence is noticed only by the ticks, between 3/4 and
 * 5/4 of net_ticktime after it began, by each side for itself; a connection that cannot be made ends links and monitors with
 * `noconnection` after the attempt, since connecting is asynchronous.
 */
import type { KernelNode } from '../kernel/node.ts';
import type { Prng } from '../kernel/prng.ts';
import { Ring } from '../kernel/ring.ts';
import type { Signal } from '../kernel/signal.ts';
import type { Timer, TimerHeap } from '../kernel/timerHeap.ts';
import type { LinkCondition } from '../../network/condition.ts';
import { isSilent, occupiedMs, transitMs } from '../../network/condition.ts';
import type { NetworkFault } from '../../network/networkFault.ts';
import { conditionUnder } from '../../network/networkFault.ts';

export type NetworkOptions = {
  readonly timers: TimerHeap;
  readonly nowMs: () => number;
  /** For latency and jitter, and apart from it for what faults draw: a fault must not reshuffle the rest. */
  readonly latency: Prng;
  readonly chance: Prng;
  /** One-way delay of a link without faults, drawn evenly. */
  readonly latencyMs: { readonly min: number; readonly max: number };
  /** net_ticktime (kernel(6)); OTP's default is 60 s. */
  readonly netTicktimeMs: number;
  /** net_setuptime (kernel(6)): how long an attempt to connect may take; OTP's default is 7 s. */
  readonly netSetuptimeMs: number;
  /** The node while it is up. */
  readonly node: (name: string) => KernelNode | null;
  /** Size of a signal on the wire, for links with a limit of bytes. */
  readonly bytesOf: (signal: Signal) => number;
  /** `id` is another one for each connection. */
  readonly onUp: (one: KernelNode, other: KernelNode, id: number) => void;
  /** `node` has lost its connection to `gone`. Called for each side by itself. */
  readonly onLost: (node: KernelNode, gone: string, id: number, reason: LostReason) => void;
  /** An attempt of `node` to connect has come to nothing. */
  readonly onFailed: (node: KernelNode, to: string) => void;
};
/** Why a connection ended, as `nodedown_reason` of net_kernel(3) has it. */
export type LostReason = 'connection_closed' | 'disconnect' | 'net_tick_timeout';

/** What travels to one end of a connection. */
type End = {
  readonly node: KernelNode;
  readonly incoming: Ring<{ readonly signal: Signal; atMs: number }>;
  /** The delivery of the oldest that travels. */
  delivery: Timer | null;
  lastAtMs: number;
  /** When the wire has sent all that was put on it, where bytes are limited. */
  freeAtMs: number;
  heardAtMs: number;
  /** When this end gives up, since it hears nothing. */
  silence: Timer | null;
  /** This end has lost the connection; the other one may not know yet. */
  lost: boolean;
};
type Connection = {
  readonly id: number;
  readonly ends: readonly [End, End];
  /** Null while it is being made. */
  upAtMs: number | null;
  /** Sent while it is being made. */
  waiting: { readonly to: End; readonly signal: Signal }[];
};

/** How often an attempt to connect looks whether it gets through (TCP's first wait; RFC 6298). */
const retryMs = 200;
/** Ticks in a net_ticktime (net_kernel's `net_tickintensity`). */
const tickIntensity = 4;

export class Network {
  readonly #options: NetworkOptions;
  readonly #connections = new Map<string, Connection>();
  readonly #faults = new Set<NetworkFault>();
  readonly #ways = new Map<string, LinkCondition>();
  /** The attempts under way that nobody answers, by who makes them and to whom, with what was sent meanwhile. */
  readonly #failing = new WeakMap<KernelNode, Map<string, Signal[]>>();
  readonly #lost = new WeakMap<KernelNode, Map<string, number>>();
  #lastId = 0;

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  get netTicktimeMs(): number {
    return this.#options.netTicktimeMs;
  }
  get faults(): readonly NetworkFault[] {
    return [...this.#faults];
  }

  /** How what `from` sends reaches `to` now. */
  way(from: string, to: string): LinkCondition {
    const key = `${from} ${to}`;
    let way = this.#ways.get(key);
    if (way === undefined) {
      way = conditionUnder(this.#faults, from, to);
      this.#ways.set(key, way);
    }
    return way;
  }

  /** Puts a fault on; the same object taken off by {@link Network.mend}. */
  break(fault: NetworkFault): void {
    this.#faults.add(fault);
    this.#waysChanged();
  }

  /** Takes a fault off; false when it is not on. */
  mend(fault: NetworkFault): boolean {
    const was = this.#faults.delete(fault);
    if (was) this.#waysChanged();
    return was;
  }

  // --------------------------------------------------------------------------------------------------- connections

  /** The names of the nodes that `node` holds a connection to, in order; what it sees, not what is true elsewhere. */
  connectedTo(node: KernelNode): readonly string[] {
    const names: string[] = [];
    for (const connection of this.#connections.values()) {
      const other = otherEnd(connection, node);
      if (other !== null && connection.upAtMs !== null && !endOf(connection, node).lost) names.push(other.node.name);
    }
    return names.sort();
  }

  /** Whether `node` holds a connection to `to`. */
  isConnected(node: KernelNode, to: string): boolean {
    return this.connectionId(node, to) !== null;
  }

  /** The number of the connection that `node` holds to `to`; null when there is none. */
  connectionId(node: KernelNode, to: string): number | null {
    const connection = this.#connections.get(pairOf(node.name, to));
    if (connection === undefined || connection.upAtMs === null) return null;
    const end = endOf(connection, node);
    return end.node !== node || end.lost ? null : connection.id;
  }

  /** Of the nodes that `node` holds a connection to, those that would not answer it now, and nobody knows yet. */
  silentFrom(node: KernelNode): readonly string[] {
    return this.connectedTo(node).filter((name) => {
      const mute = isSilent(this.way(node.name, name)) || isSilent(this.way(name, node.name));
      return mute || this.#options.node(name)?.hung !== false;
    });
  }

  /** The nodes that `node` has lost, and not met since, with the time. */
  lostBy(node: KernelNode): ReadonlyMap<string, number> {
    return this.#lost.get(node) ?? new Map<string, number>();
  }

  /** Begins to connect, unless there is a connection or an attempt. Whether it came to be is told by the events. */
  connect(from: KernelNode, to: string): void {
    if (from.name !== to) this.#connection(from, to);
  }

  /** `erlang:disconnect_node/1`: `node` gives up its connection at once, the other side when it hears of it. False: there was none. */
  disconnect(node: KernelNode, to: string): boolean {
    const connection = this.#connections.get(pairOf(node.name, to));
    if (connection === undefined || endOf(connection, node).lost) return false;
    this.#lose(connection, endOf(connection, node), 'disconnect');
    return true;
  }

  /**
   * Sends a signal to another node, connecting first where needed. False when it cannot even be tried: the sender's node is down, or
   * there is no connection and `connects` is false.
   */
  transmit(from: KernelNode, to: string, signal: Signal, connects: boolean = true): boolean {
    if (!from.alive) return false;
    const known = this.#connections.get(pairOf(from.name, to));
    const usable = known !== undefined && endOf(known, from).node === from && !endOf(known, from).lost;
    if (!usable && !connects) return false;
    const connection = usable ? known : this.#connection(from, to);
    const far = connection === null ? null : otherEnd(connection, from);
    if (connection === null || far === null) {
      this.#failing.get(from)?.get(to)?.push(signal);
      return true;
    }
    if (connection.upAtMs === null) connection.waiting.push({ to: far, signal });
    else this.#post(connection, far, signal);
    return true;
  }

  /** A node has stopped without a word: its system closes its connections. */
  crashed(node: KernelNode): void {
    for (const connection of [...this.#connections.values()]) {
      if (otherEnd(connection, node) !== null) {
        this.#lose(connection, endOf(connection, node), 'connection_closed');
      }
    }
  }

  /** Ends every connection of an earlier life of this name at once, on both sides. */
  forget(name: string): void {
    for (const connection of [...this.#connections.values()]) {
      for (const end of connection.ends) if (end.node.name === name) this.#loseBoth(connection);
    }
  }

  /** A node stands still, or goes on: nothing is delivered to it meanwhile, and it sends no ticks. */
  standsStill(node: KernelNode): void {
    for (const connection of this.#connections.values()) {
      if (otherEnd(connection, node) !== null) this.#look(connection);
    }
  }

  // ------------------------------------------------------------------------------------------------------ connecting

  #connection(from: KernelNode, to: string): Connection | null {
    const pair = pairOf(from.name, to);
    const known = this.#connections.get(pair);
    if (known !== undefined) {
      if (!endOf(known, from).lost) return known;
      // The other side has not noticed yet: it does so when the new attempt reaches it.
      if (isSilent(this.way(from.name, to))) return this.#attemptFails(from, to, null);
      this.#loseBoth(known);
    }
    const target = this.#options.node(to);
    if (target === null || this.#isCut(from.name, to)) {
      return this.#attemptFails(from, to, this.#roundTripMs(from.name, to));
    }
    this.#lastId += 1;
    const [end, far] = [newEnd(from), newEnd(target)];
    const connection: Connection = {
      id: this.#lastId,
      ends: [end, far],
      upAtMs: null,
      waiting: [...this.#sentBefore(end, far), ...this.#sentBefore(far, end)],
    };
    this.#connections.set(pair, connection);
    const startedAtMs = this.#options.nowMs();
    this.#after(this.#roundTripMs(from.name, to), () => this.#tryUp(connection, startedAtMs));
    return connection;
  }

  /** Nobody answers there (null: until the time for an attempt is over): links and monitors made meanwhile learn it then. */
  #attemptFails(from: KernelNode, to: string, afterMs: number | null): null {
    const attempts = this.#failing.get(from) ?? new Map<string, Signal[]>();
    if (attempts.has(to)) return null;
    const waiting: Signal[] = [];
    this.#failing.set(from, attempts.set(to, waiting));
    this.#after(afterMs ?? this.#options.netSetuptimeMs, () => {
      // Otherwise there is a connection, or was one since, that took it over.
      if (attempts.get(to) !== waiting) return;
      attempts.delete(to);
      if (!from.alive) return;
      from.relations.connectionLost(to);
      this.#options.onFailed(from, to);
    });
    return null;
  }

  /** What `end` sent while its attempt was under way goes over the connection that comes first, whoever makes it. */
  #sentBefore(end: End, to: End): Connection['waiting'] {
    const attempts = this.#failing.get(end.node);
    const waiting = attempts?.get(to.node.name) ?? [];
    attempts?.delete(to.node.name);
    return waiting.map((signal) => ({ to, signal }));
  }

  #tryUp(connection: Connection, startedAtMs: number): void {
    const [{ node: one }, { node: other }] = connection.ends;
    if (this.#connections.get(pairOf(one.name, other.name)) !== connection || connection.upAtMs !== null) return;
    if (!one.alive || !other.alive || this.#isCut(one.name, other.name)) {
      this.#loseBoth(connection);
      return;
    }
    const silent = isSilent(this.way(one.name, other.name)) || isSilent(this.way(other.name, one.name));
    if (silent || one.hung || other.hung) {
      const leftMs = startedAtMs + this.#options.netSetuptimeMs - this.#options.nowMs();
      if (leftMs <= 0) this.#loseBoth(connection);
      else this.#after(Math.min(leftMs, retryMs), () => this.#tryUp(connection, startedAtMs));
      return;
    }
    connection.upAtMs = this.#options.nowMs();
    for (const end of connection.ends) end.heardAtMs = connection.upAtMs;
    this.#lost.get(one)?.delete(other.name);
    this.#lost.get(other)?.delete(one.name);
    this.#options.onUp(one, other, connection.id);
    for (const { to, signal } of connection.waiting.splice(0)) this.#post(connection, to, signal);
    this.#look(connection);
  }

  #roundTripMs(one: string, other: string): number {
    return this.#oneWayMs(one, other) + this.#oneWayMs(other, one);
  }

  // ------------------------------------------------------------------------------------------------------ travelling

  #post(connection: Connection, to: End, signal: Signal): void {
    const from = connection.ends[0] === to ? connection.ends[1] : connection.ends[0];
    // The other side is gone, and this one does not know yet: what it sends is lost.
    if (to.lost) return;
    const way = this.way(from.node.name, to.node.name);
    const nowMs = this.#options.nowMs();
    // The size matters only where bytes are limited or lost.
    const bytes = way.bytesPerSecond === null && way.lossRatio === 0 ? 0 : this.#options.bytesOf(signal);
    to.freeAtMs = Math.max(nowMs, to.freeAtMs) + occupiedMs(way, bytes);
    const travelsMs = this.#oneWayMs(from.node.name, to.node.name, bytes);
    const atMs = Math.max(to.freeAtMs + travelsMs, to.lastAtMs);
    to.lastAtMs = atMs;
    to.incoming.push({ signal, atMs });
    if (to.delivery === null) this.#schedule(connection, to);
  }

  #oneWayMs(from: string, to: string, bytes: number = 0): number {
    const { latency, chance, latencyMs } = this.#options;
    const onTheWay = latencyMs.min + latency.next() * (latencyMs.max - latencyMs.min);
    return onTheWay + transitMs(this.way(from, to), bytes, () => chance.next());
  }

  #isCut(one: string, other: string): boolean {
    return this.way(one, other).passage === 'cut' || this.way(other, one).passage === 'cut';
  }

  /** Sets the delivery of the oldest that travels to `to`, unless it cannot arrive now. */
  #schedule(connection: Connection, to: End): void {
    const next = to.incoming.at(to.incoming.start);
    if (to.delivery !== null || to.incoming.length === 0 || next === undefined || to.lost) return;
    if (to.node.hung || this.#isSilent(connection, to)) return;
    to.delivery = this.#options.timers.set(next.atMs, () => {
      to.delivery = null;
      this.#deliver(connection, to);
    });
  }

  #deliver(connection: Connection, to: End): void {
    const nowMs = this.#options.nowMs();
    for (;;) {
      if (to.incoming.length === 0 || to.lost || !to.node.alive) return;
      const next = to.incoming.at(to.incoming.start);
      if (next === undefined || next.atMs > nowMs) break;
      to.incoming.shift();
      to.heardAtMs = nowMs;
      to.node.receive(next.signal);
    }
    this.#schedule(connection, to);
  }

  /** Nothing that is sent to this end arrives now: the way is silent. */
  #isSilent(connection: Connection, to: End): boolean {
    const from = connection.ends[0] === to ? connection.ends[1] : connection.ends[0];
    return isSilent(this.way(from.node.name, to.node.name));
  }

  // --------------------------------------------------------------------------------------------------------- silence

  #waysChanged(): void {
    this.#ways.clear();
    for (const connection of [...this.#connections.values()]) this.#look(connection);
  }

  /** Brings a connection in line with the ways as they are now. */
  #look(connection: Connection): void {
    const [one, other] = connection.ends;
    if (connection.upAtMs === null) return;
    if (this.#isCut(one.node.name, other.node.name)) {
      this.#loseBoth(connection);
      return;
    }
    for (const end of connection.ends) {
      const far = end === one ? other : one;
      // The other side has given up meanwhile, and its last word comes through now.
      if (far.lost && !end.lost && !end.node.hung && !this.#isSilent(connection, end)) {
        this.#hearEnd(connection, end, far);
      }
      const hearsNothing = this.#isSilent(connection, end) || far.node.hung;
      if (hearsNothing && end.silence === null && !end.lost) this.#awaitSilence(connection, end, connection.upAtMs);
      if (!hearsNothing && end.silence !== null) {
        this.#options.timers.cancel(end.silence);
        end.silence = null;
        end.heardAtMs = this.#options.nowMs();
      }
      if (end.node.hung || this.#isSilent(connection, end)) this.#hold(end);
      else this.#schedule(connection, end);
    }
  }

  /** What travels stands still; it goes on, in its order, when the way is open again. */
  #hold(end: End): void {
    if (end.delivery === null) return;
    this.#options.timers.cancel(end.delivery);
    end.delivery = null;
  }

  /**
   * When an end that hears nothing gives up: its ticker looks four times a net_ticktime, and gives up at the fourth look after the one that
   * still saw something come in.
   */
  #awaitSilence(connection: Connection, end: End, upAtMs: number): void {
    const tickMs = this.#options.netTicktimeMs / tickIntensity;
    const nowMs = this.#options.nowMs();
    // Up to now something came at least with every tick.
    const lastTickMs = upAtMs + Math.floor((nowMs - upAtMs) / tickMs) * tickMs;
    const heardMs = Math.max(end.heardAtMs, lastTickMs);
    const seenAtLook = Math.floor((heardMs - upAtMs) / tickMs) + 1;
    const givesUpAtMs = upAtMs + (seenAtLook + tickIntensity) * tickMs;
    end.silence = this.#options.timers.set(Math.max(givesUpAtMs, nowMs), () => {
      end.silence = null;
      // Its own ticker stands still with it.
      if (end.node.hung) this.#awaitSilence(connection, end, upAtMs);
      else this.#lose(connection, end, 'net_tick_timeout');
    });
  }

  // ----------------------------------------------------------------------------------------------------------- losing

  /** One end gives up; the other hears of it where the way is open, else when it is again, or by its own ticks. */
  #lose(connection: Connection, end: End, reason: LostReason): void {
    const [one, other] = connection.ends;
    const far = end === one ? other : one;
    this.#endLost(connection, end, reason);
    if (far.lost || !far.node.alive) this.#drop(connection);
    else if (!this.#isSilent(connection, far)) this.#hearEnd(connection, far, end);
  }

  /** The end of the connection travels behind all that was sent before it. */
  #hearEnd(connection: Connection, end: End, from: End): void {
    const atMs = Math.max(this.#options.nowMs() + this.#oneWayMs(from.node.name, end.node.name), end.lastAtMs);
    this.#options.timers.set(atMs, () => {
      // Held up on the way: `#look` tells it when that is over.
      if (end.lost || end.node.hung || this.#isSilent(connection, end)) return;
      this.#endLost(connection, end);
      this.#drop(connection);
    });
  }

  #loseBoth(connection: Connection): void {
    this.#drop(connection);
    for (const end of connection.ends) this.#endLost(connection, end);
  }

  #endLost(connection: Connection, end: End, reason: LostReason = 'connection_closed'): void {
    if (end.lost) return;
    end.lost = true;
    for (const timer of [end.delivery, end.silence]) if (timer !== null) this.#options.timers.cancel(timer);
    end.delivery = null;
    end.silence = null;
    while (end.incoming.shift() !== undefined);
    const far = connection.ends[0] === end ? connection.ends[1] : connection.ends[0];
    if (!end.node.alive) return;
    if (connection.upAtMs === null) {
      end.node.relations.connectionLost(far.node.name);
      this.#options.onFailed(end.node, far.node.name);
      return;
    }
    const lost = this.#lost.get(end.node) ?? new Map<string, number>();
    this.#lost.set(end.node, lost.set(far.node.name, this.#options.nowMs()));
    this.#options.onLost(end.node, far.node.name, connection.id, reason);
  }

  #drop(connection: Connection): void {
    const [one, other] = connection.ends;
    const pair = pairOf(one.node.name, other.node.name);
    if (this.#connections.get(pair) === connection) this.#connections.delete(pair);
  }

  #after(ms: number, what: () => void): void {
    this.#options.timers.set(this.#options.nowMs() + ms, what);
  }
}

function newEnd(node: KernelNode): End {
  return {
    node,
    incoming: new Ring(),
    delivery: null,
    lastAtMs: 0,
    freeAtMs: 0,
    heardAtMs: 0,
    silence: null,
    lost: false,
  };
}

/** The end at `node`; the first one when it is at neither, which callers exclude. */
function endOf(connection: Connection, node: KernelNode): End {
  return connection.ends[1].node.name === node.name ? connection.ends[1] : connection.ends[0];
}

/** The other end, when one is at `node` (this life of it). */
function otherEnd(connection: Connection, node: KernelNode): End | null {
  const [one, other] = connection.ends;
  if (one.node === node) return other;
  return other.node === node ? one : null;
}

function pairOf(one: string, other: string): string {
  return one < other ? `${one} ${other}` : `${other} ${one}`;
}
