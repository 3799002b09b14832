/**
 * What is around the nodes of a cluster besides the network between them: a network for datagrams, names in a DNS, a Kubernetes API,
 * port mappers, a file of hosts. One for each cluster; tests and faults change it while the cluster runs.
 */
import type { Pid, Value } from '../../term/values.ts';
import type { KernelNode } from '../kernel/node.ts';
import type { Self } from '../kernel/self.ts';
import { isSilent, transitMs } from '../../network/condition.ts';
import { distributionOf } from '../cluster/distribution.ts';

/** A pod as the endpoints of a service, or a list of pods, have it. */
export type Pod = { readonly ip: string; readonly namespace: string; readonly hostname: string | null };
/** What the API answers: pods, or a status that is not 200; `unreachable` when it does not answer at all. */
export type KubernetesAnswer =
  | { readonly is: 'pods'; readonly pods: readonly Pod[] }
  | { readonly is: 'status'; readonly code: number; readonly message: string }
  | { readonly is: 'unreachable' };

type Socket = { readonly node: KernelNode; readonly pid: Pid; readonly group: string };
type Named = { readonly names: readonly string[]; node(name: string): KernelNode | null };

/** A datagram on a link without faults. */
const datagramMs = 1;
const datagramBytes = 200;

class Surroundings {
  /** Addresses by the name that is asked for. A name that is not there has none. */
  readonly dns = new Map<string, readonly string[]>();
  /** What the API answers for a namespace and a selector, as {@link kubernetesKey} has them. */
  readonly kubernetes = new Map<string, KubernetesAnswer>();
  /** The hosts of `.hosts.erlang`; null: there is no such file. */
  hosts: readonly string[] | null = null;
  /** Whether datagrams pass between machines at all: many networks carry no multicast. */
  multicast = true;
  readonly #cluster: Named | null;
  #sockets: readonly Socket[] = [];

  constructor(world: object) {
    this.#cluster = isNamed(world) ? world : null;
  }

  /** The short names that the port mapper of a host knows: of its nodes that run. */
  epmdNames(host: string): readonly string[] {
    const names = this.#cluster?.names ?? [];
    return names.flatMap((name) => {
      const [short = '', there] = name.split('@');
      return there === host && this.#cluster?.node(name) !== null ? [short] : [];
    });
  }

  /** Opens a socket for a process that is a member of a multicast group (`address:port`). It is closed when that ends. */
  open(self: Self, group: string): void {
    const { node } = distributionOf(self.home);
    this.#sockets = [...this.#open(), { node, pid: self.pid, group }];
  }
  /** Sends a datagram to every member of the group, the sender's own included. It is lost where the way is not open. */
  sendAll(self: Self, group: string, message: Value): void {
    const { node: from, network } = distributionOf(self.home);
    const chance = from.world.prng.split(`datagrams ${from.name} ${from.world.nowMs}`);
    for (const { node, pid, group: theirs } of this.#open()) {
      if (theirs !== group || (node !== from && !this.multicast)) continue;
      const way = network.way(from.name, node.name);
      // A lost datagram is not sent again.
      if (node !== from && (isSilent(way) || chance.next() < way.lossRatio)) continue;
      const inMs =
        node === from ? 0 : datagramMs + transitMs({ ...way, lossRatio: 0 }, datagramBytes, () => chance.next());
      node.setTimer(from.world.nowMs + inMs, () => {
        const process = node.find(pid);
        if (process !== undefined) node.deliver(process, message);
      });
    }
  }
  #open(): readonly Socket[] {
    return this.#sockets.filter(({ node, pid }) => node.alive && node.find(pid) !== undefined);
  }
}

function isNamed(world: object): world is Named {
  return 'names' in world && 'node' in world && typeof world.node === 'function';
}

const surroundings = new WeakMap<object, Surroundings>();

/** Those of a cluster. */
export function surroundingsOf(world: object): Surroundings {
  const known = surroundings.get(world);
  if (known !== undefined) return known;
  const made = new Surroundings(world);
  surroundings.set(world, made);
  return made;
}
export function aroundHere(self: Self): Surroundings {
  return surroundingsOf(distributionOf(self.home).node.world);
}

export function kubernetesKey(namespace: string, selector: string): string {
  return `${namespace} ${selector}`;
}
