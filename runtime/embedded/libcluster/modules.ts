/** libcluster as code that the nodes of a cluster have loaded: its supervisor and its strategies. */
import type { Value } from '../../term/values.ts';
import { a, Atom } from '../../term/values.ts';
import { ErrorException } from '../kernel/exceptions.ts';
import type { CodeModule } from '../kernel/module.ts';
import { itemsOf, partsOf } from '../kernel/values.ts';
import type { Spec } from '../otp/childSpec.ts';
import { childSpec, flags } from '../otp/childSpec.ts';
import type { SupervisorModule } from '../otp/supervisor.ts';
import { startSupervisor } from '../otp/supervisor.ts';
import { option } from '../horde/options.ts';
import { epmdModules } from './epmd.ts';
import { gossipModule } from './gossip.ts';
import { pollModules } from './poll.ts';
import { configured, topologyValue } from './strategy.ts';

/** The name of libcluster's supervisor's module, by which its topologies are found. */
export const clusterSupervisor = 'Elixir.Cluster.Supervisor';

const supervisor: SupervisorModule = {
  module: clusterSupervisor,
  init: (_self, args) => {
    const [topologies] = itemsOf(args);
    const children = itemsOf(topologies).map((pair) => childOf(partsOf(pair)));
    return { flags: flags({ strategy: 'one_for_one', intensity: 3, periodSeconds: 5 }), children };
  },
};

function childOf([topology, spec]: readonly Value[]): Spec {
  const strategy = option(spec, 'strategy');
  if (!(topology instanceof Atom) || !(strategy instanceof Atom)) throw new ErrorException(a('function_clause'));
  return childSpec(topology, [strategy.name, 'start_link', [[topologyValue(configured(topology, spec))]]]);
}

export const libclusterModules: readonly CodeModule[] = [
  {
    name: clusterSupervisor,
    behaviours: ['supervisor'],
    functions: {
      // `[Topologies]` or `[Topologies, Options]`
      'start_link/1': (self, args) => {
        const [, options] = itemsOf(args);
        const name = option(options, 'name');
        return startSupervisor(self, supervisor, args, name instanceof Atom ? { name } : {});
      },
    },
  },
  gossipModule,
  ...epmdModules,
  ...pollModules,
];
