/** Which processes are supervisors, kept up by what the kernel tells, so that nobody looks through all processes for them. */
import type { Pid } from '../../term/values.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { KernelNode } from '../kernel/node.ts';
import { supervisorAt } from '../otp/supervisorState.ts';

export class SupervisorIndex {
  readonly #known = new Set<Pid>();
  readonly #listeners = new Set<() => void>();

  constructor(cluster: Cluster) {
    for (const name of cluster.names) {
      for (const { pid } of cluster.node(name)?.processes.values() ?? [])
        if (supervisorAt(pid) !== null) this.#known.add(pid);
    }
    cluster.listen((event) => {
      const before = this.#known.size;
      let gone = false;
      if (event.is === 'children') this.#known.add(event.supervisor);
      else if (event.is === 'exited') gone = this.#known.delete(event.pid);
      else if (event.is === 'node_down')
        for (const pid of [...this.#known]) if (pid.node === event.node) this.#known.delete(pid);
      if (gone || this.#known.size !== before) for (const listener of this.#listeners) listener();
    });
  }

  /** The supervisors of a node, in the order in which they started. */
  on(node: KernelNode): readonly Pid[] {
    return [...this.#known].filter(({ node: name }) => name === node.name);
  }

  /** Calls `listener` after one came or went. */
  onChange(listener: () => void): { dispose(): void } {
    this.#listeners.add(listener);
    return { dispose: () => void this.#listeners.delete(listener) };
  }
}
