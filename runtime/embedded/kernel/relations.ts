/**
 * Links and monitors of a node's processes, here and on other nodes ("Processes" in the Erlang reference manual; "Distribution
 * protocol" in the erts user's guide for those between nodes).
 */
import type { Ref, Value } from '../../term/values.ts';
import { Pid, tup } from '../../term/values.ts';
import { copied } from './copy.ts';
import { KernelRef } from './identity.ts';
import type { KernelNode } from './node.ts';
import type { AliasMode, Monitor, MonitorTarget, Process } from './process.ts';
import type { Signal } from './signal.ts';
import { SmallMap, SmallSet } from './small.ts';
import { spawnsLost } from './spawnRequest.ts';
import { traceFlag, traceKind } from './trace.ts';
import { atoms } from './values.ts';

export class Relations {
  readonly #node: KernelNode;
  /** Watched processes of this node, by monitors that processes of other nodes have set. */
  readonly #watchedFromAfar = new Map<Ref, Process>();
  /** Unlinks that another node has not acknowledged yet, by process and the pid it unlinked from. */
  readonly #unlinking = new WeakMap<Process, Map<Pid, number>>();
  #lastUnlink = 0;

  constructor(node: KernelNode) {
    this.#node = node;
  }

  /** Another node says that a process of its links itself to one here. */
  linkedFromAfar({ from, to }: Extract<Signal, { is: 'link' }>): void {
    const process = this.#node.find(to);
    if (process === undefined) this.exitBack(to, from, atoms.noproc);
    else if (this.#unlinking.get(process)?.has(from) !== true) {
      (process.links ??= new SmallSet()).add(from);
      this.#node.tracer?.note(traceFlag.procs, traceKind.getting_linked, process, from, null);
    }
  }

  /** Another node says that a process of its ends its link to one here, or has heard that one here did. */
  unlinkedFromAfar(signal: Extract<Signal, { is: 'unlink' | 'unlink_ack' }>): void {
    const process = this.#node.find(signal.to);
    if (signal.is === 'unlink') {
      this.gettingUnlinked(process, signal.from);
      const ack = { ...signal, is: 'unlink_ack', from: signal.to, to: signal.from } as const;
      this.#node.world.transmit(this.#node, signal.from.node, ack);
      return;
    }
    const pending = process === undefined ? undefined : this.#unlinking.get(process);
    if (pending?.get(signal.from) === signal.id) pending.delete(signal.from);
  }

  /** Makes `from` (anywhere) a watcher of a process here, by pid or name; tells it `noproc` when there is none. */
  watch(ref: Ref, from: Pid, target: Pid | string): void {
    const process = typeof target === 'string' ? this.#node.names.get(target) : this.#node.find(target);
    if (process === undefined) this.#tellDown(ref, from, atoms.noproc);
    else {
      (process.monitoredBy ??= new SmallMap()).set(ref, from);
      if (from.node !== this.#node.name) this.#watchedFromAfar.set(ref, process);
    }
  }

  /** Ends a monitor that a process of another node has set here. */
  unwatch(ref: Ref): void {
    this.#watchedFromAfar.get(ref)?.monitoredBy?.delete(ref);
    this.#watchedFromAfar.delete(ref);
  }

  /** `process` watches another from now on, by `ref`; the watched one is told where it is. */
  monitor(process: Process, ref: KernelRef, target: MonitorTarget, alias: AliasMode | null, tag: Value): void {
    const to = target instanceof Pid ? target : target.elements[0].name;
    const node = target instanceof Pid ? target.node : target.elements[1].name;
    const local =
      node !== this.#node.name
        ? null
        : ((typeof to === 'string' ? this.#node.names.get(to) : this.#node.find(to)) ?? null);
    (process.monitors ??= new SmallMap()).set(ref, { target, alias, tag, watched: local });
    if (alias !== null) ref.standFor(process, alias);
    if (local !== null) {
      if (this.#node.late === null || !this.#watchedLater(local, ref, process)) this.#watched(local, ref, process);
    } else if (node === this.#node.name) this.down(process, ref, atoms.noproc);
    else if (!this.#node.world.transmit(this.#node, node, { is: 'monitor', ref, from: process.pid, to })) {
      this.down(process, ref, atoms.noconnection);
    }
  }

  /** `by` has linked itself to a process here. */
  linked(target: Process, by: Process): void {
    const link = (): void => {
      if (!target.alive) {
        this.#node.exitSignal(by, target.pid, atoms.noproc, 'link');
        return;
      }
      (target.links ??= new SmallSet()).add(by.pid);
      this.#node.tracer?.note(traceFlag.procs, traceKind.getting_linked, target, by.pid, null);
    };
    if (this.#node.late?.takes(target, link) !== true) link();
  }

  /** `by` links itself to a process of another node; false when that node cannot be reached. */
  linkAcross(by: Process, to: Pid): boolean {
    this.#unlinking.get(by)?.delete(to);
    return this.#node.world.transmit(this.#node, to.node, { is: 'link', from: by.pid, to });
  }

  /** `by` has unlinked itself from a process of another node (erts, "Distribution protocol", link protocol). */
  unlinkAcross(by: Process, to: Pid): void {
    const pending = this.#unlinking.get(by) ?? new Map<Pid, number>();
    this.#unlinking.set(by, pending);
    this.#lastUnlink += 1;
    pending.set(to, this.#lastUnlink);
    this.#node.world.transmit(this.#node, to.node, { is: 'unlink', from: by.pid, to, id: this.#lastUnlink });
  }

  /** `by` has unlinked itself from a process here. */
  unlinked(target: Process, by: Process): void {
    const unlink = (): void => {
      this.gettingUnlinked(target, by.pid);
    };
    if (this.#node.late?.takes(target, unlink) !== true) unlink();
  }

  gettingUnlinked(process: Process | undefined, from: Pid): void {
    if (process?.links?.delete(from) !== true) return;
    this.#node.tracer?.note(traceFlag.procs, traceKind.getting_unlinked, process, from, null);
  }

  #watchedLater(target: Process, ref: Ref, by: Process): boolean {
    return this.#node.late?.takes(target, () => this.#watched(target, ref, by)) === true;
  }

  #watched(target: Process, ref: Ref, by: Process): void {
    if (target.alive) (target.monitoredBy ??= new SmallMap()).set(ref, by.pid);
    else this.down(by, ref, atoms.noproc);
  }

  /** Ends a monitor that `process` set; false when it is not there (any more). */
  demonitor(process: Process, ref: Ref): boolean {
    const monitor = process.monitors?.get(ref);
    if (monitor === undefined) return false;
    process.monitors?.delete(ref);
    if (monitor.alias !== null && monitor.alias !== 'explicit_unalias') endAlias(process, ref);
    this.#stopWatching(ref, process.pid, monitor);
    return true;
  }

  /** The connection to another node's incarnation is gone: its links and monitors end with `noconnection`. */
  connectionLost(node: string): void {
    for (const process of [...this.#node.processes.values()]) {
      for (const linked of [...(process.links ?? [])]) {
        if (linked.node === node) this.#node.exitSignal(process, linked, atoms.noconnection, 'link');
      }
      for (const pid of this.#unlinking.get(process)?.keys() ?? []) {
        if (pid.node === node) this.#unlinking.get(process)?.delete(pid);
      }
      for (const [ref, monitor] of [...(process.monitors ?? [])]) {
        if (nodeOf(monitor.target) === node) this.down(process, ref, atoms.noconnection);
      }
      for (const [ref, watcher] of [...(process.monitoredBy ?? [])]) {
        if (watcher.node !== node) continue;
        process.monitoredBy?.delete(ref);
        this.#watchedFromAfar.delete(ref);
      }
      spawnsLost(process, node);
    }
  }

  /** Links first, then monitors: EXIT precedes DOWN for the same pair. */
  announce(process: Process, reason: Value): void {
    const { pid } = process;
    if (this.#node.world.listening) this.#node.world.emit({ is: 'exited', pid, reason });
    for (const linked of process.links ?? []) {
      const local = this.#node.find(linked);
      if (local !== undefined) this.#node.exitSignal(local, pid, reason, 'link');
      else this.exitBack(pid, linked, reason);
    }
    for (const [ref, watcher] of process.monitoredBy ?? []) {
      if (watcher.node !== this.#node.name) this.#watchedFromAfar.delete(ref);
      this.#tellDown(ref, watcher, reason);
    }
    for (const [ref, monitor] of process.monitors ?? []) this.#stopWatching(ref, pid, monitor);
  }

  exitBack(from: Pid, to: Pid, reason: Value): void {
    if (to.node === this.#node.name) return;
    this.#node.world.transmit(this.#node, to.node, { is: 'exit', from, to, reason, because: 'link' });
  }

  #tellDown(ref: Ref, watcher: Pid, reason: Value): void {
    if (watcher.node !== this.#node.name) {
      this.#node.world.transmit(this.#node, watcher.node, { is: 'down', ref, to: watcher, reason });
      return;
    }
    const process = this.#node.find(watcher);
    if (process !== undefined) this.down(process, ref, reason);
  }

  down(process: Process, ref: Ref, reason: Value): void {
    const monitor: Monitor | undefined = process.monitors?.get(ref);
    if (monitor === undefined) return;
    if (this.#node.late === null) this.#takeDown(process, ref, monitor, reason);
    else this.#takeDownLater(process, ref, monitor, reason);
  }

  #takeDownLater(process: Process, ref: Ref, monitor: Monitor, reason: Value): void {
    this.#node.late?.add(process, () => this.#takeDown(process, ref, monitor, reason));
  }

  #takeDown(process: Process, ref: Ref, monitor: Monitor, reason: Value): void {
    if (process.monitors?.delete(ref) !== true) return;
    if (monitor.alias !== null && monitor.alias !== 'explicit_unalias') endAlias(process, ref);
    this.#node.put(process, tup(monitor.tag, ref, atoms.process, monitor.target, copied(reason)));
  }

  #stopWatching(ref: Ref, from: Pid, { target, watched }: Monitor): void {
    if (watched !== null) {
      watched.monitoredBy?.delete(ref);
      return;
    }
    const node = nodeOf(target);
    if (node === this.#node.name) return;
    const to = target instanceof Pid ? target : target.elements[0].name;
    this.#node.world.transmit(this.#node, node, { is: 'demonitor', ref, from, to });
  }

  /** The node is no more: nobody hears of anything. */
  clear(): void {
    this.#watchedFromAfar.clear();
  }
}

function endAlias(process: Process, ref: Ref): void {
  if (ref instanceof KernelRef) ref.release(process);
}

/** The node that a monitor's target is on. */
export function nodeOf(target: MonitorTarget): string {
  return target instanceof Pid ? target.node : target.elements[1].name;
}
