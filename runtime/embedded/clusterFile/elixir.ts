/** What a cluster file has of Elixir's libraries: Horde and libcluster, as children of its supervisors. */
import type { Value } from '../../term/values.ts';
import { a, tup } from '../../term/values.ts';
import { keywords } from '../horde/options.ts';
import type { ChildDefinition } from './modules.ts';

const registryModule = 'Elixir.Horde.Registry';
const supervisorModule = 'Elixir.Horde.DynamicSupervisor';

/** A `Horde.Registry` on each node that has this child; they know each other by libcluster or the mesh (`members: :auto`). */
export function hordeRegistry(name: string): ChildDefinition {
  const argument = keywords({ name: a(name), keys: a('unique'), members: a('auto') });
  return { id: a(name), module: registryModule, argument, type: 'supervisor' };
}

export type HordeSupervisorOptions = {
  /** How a node is chosen for a child; `Uniform` unless said. */
  readonly distribution?: 'Uniform' | 'UniformQuorum' | 'UniformRandom';
  /** `active`: children move when nodes come; `passive` unless said. */
  readonly redistribution?: 'active' | 'passive';
};

/** A `Horde.DynamicSupervisor` on each node that has this child. */
export function hordeSupervisor(name: string, options: HordeSupervisorOptions = {}): ChildDefinition {
  const { distribution = 'Uniform', redistribution = 'passive' } = options;
  const argument = keywords({
    name: a(name),
    strategy: a('one_for_one'),
    members: a('auto'),
    distribution_strategy: a(`Elixir.Horde.${distribution}Distribution`),
    process_redistribution: a(redistribution),
  });
  return { id: a(name), module: supervisorModule, argument, type: 'supervisor' };
}

/** The name `key` in a Horde registry, for `registered`, `call` and `cast`. */
export function hordeName(registry: string, key: Value) {
  return tup(a('via'), a(registryModule), tup(a(registry), key));
}

/** libcluster: finds the other nodes and connects to them, also again after a fault. `config` is the strategy's. */
export function libcluster(
  strategy: 'Gossip' | 'Epmd' | 'LocalEpmd' | 'ErlangHosts' | 'DNSPoll' | 'Kubernetes' = 'Gossip',
  config: { readonly [key: string]: Value } = {},
): ChildDefinition {
  const topology = keywords({ strategy: a(`Elixir.Cluster.Strategy.${strategy}`), config: keywords(config) });
  return {
    id: a('Elixir.Cluster.Supervisor'),
    module: 'Elixir.Cluster.Supervisor',
    argument: [[tup(a('cluster'), topology)]],
    type: 'supervisor',
  };
}
