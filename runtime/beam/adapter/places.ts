/** Where nodes and their EPMDs listen, as far as the user says; the rest follows from their names. */
import type { NodeName } from '../../model.ts';
import type { BeamSpec } from '../beamSpec.ts';
import type { ConnectTarget } from '../dist/node.ts';
import type { Address } from '../dist/tcp.ts';

export class Places {
  readonly #spec: Pick<BeamSpec, 'node' | 'epmd' | 'erlEpmdPort'>;
  readonly #epmdPort: number;
  readonly #addresses = new Map<NodeName, Address>();

  /** `epmdPort` is for where the spec names none. */
  constructor(spec: Pick<BeamSpec, 'node' | 'address' | 'epmd' | 'erlEpmdPort'>, epmdPort: number) {
    this.#spec = spec;
    this.#epmdPort = spec.epmd?.port ?? epmdPort;
    if (spec.address !== undefined) this.#addresses.set(spec.node, spec.address);
  }

  /** From now on `node` is reached there, and no EPMD is asked for it. */
  set(node: NodeName, address: Address): void {
    this.#addresses.set(node, address);
  }

  /** How to connect to `node`. */
  targetOf(node: NodeName): ConnectTarget {
    const { erlEpmdPort } = this.#spec;
    const address = this.#addresses.get(node);
    if (address !== undefined) return { node, ...address };
    if (erlEpmdPort !== undefined) return { node, port: erlEpmdPort };
    const { host, port } = this.#epmd(node);
    return { node, epmdHost: host, epmdPort: port };
  }

  /** The EPMD that is asked where `node` listens; null when none is. */
  epmdOf(node: NodeName): Address | null {
    return this.targetOf(node).port === undefined ? this.#epmd(node) : null;
  }

  /** EPMD stands on the node's own host; a host given stands for that of the node joined first. Clusters share one port. */
  #epmd(node: NodeName): Address {
    const own = hostOf(node);
    const host = own === hostOf(this.#spec.node) ? (this.#spec.epmd?.host ?? own) : own;
    return { host, port: this.#epmdPort };
  }
}

/** What stands after the @. */
function hostOf(node: NodeName): string {
  return node.slice(node.indexOf('@') + 1);
}
