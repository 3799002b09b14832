/** `Cluster.Strategy.Epmd`, `LocalEpmd` and `ErlangHosts` (3.5): nodes that are named, or found by port mappers, and connected to. */
import type { Value } from '../../term/values.ts';
import { Atom } from '../../term/values.ts';
import { atoms, itemsOf } from '../kernel/values.ts';
import type { Flow } from '../kernel/flow.ts';
import type { CodeModule } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import type { Init, ServerModule, Step, Then } from '../otp/genServer.ts';
import { noreply, startServer } from '../otp/genServer.ts';
import { option } from '../horde/options.ts';
import type { Topology } from './strategy.ts';
import { connectNodes, log, readTopology, topologyValue } from './strategy.ts';
import { aroundHere } from './surroundings.ts';

/** Connects when it starts, and again whenever `timeout` of its configuration has passed; without one never. */
class Connecting implements ServerModule<Topology> {
  readonly module: string;
  readonly #find: (self: Self, topology: Topology) => readonly string[];

  constructor(module: string, find: (self: Self, topology: Topology) => readonly string[]) {
    this.module = module;
    this.#find = find;
  }
  *init(self: Self, args: Value): Flow<Init<Topology>> {
    const state = readTopology(args);
    yield* connectNodes(self, state, this.#find(self, state));
    return { is: 'ok', state, ...next(state) };
  }
  *handleInfo(self: Self, message: Value, state: Topology): Flow<Step<Topology>> {
    if (message === atoms.timeout) yield* connectNodes(self, state, this.#find(self, state));
    return noreply(state, next(state).then);
  }
  show(state: Topology): Value {
    return topologyValue(state);
  }
}

function next({ config }: Topology): { readonly then?: Then } {
  const timeout = option(config, 'timeout');
  return typeof timeout === 'number' ? { then: { is: 'timeout', ms: timeout } } : {};
}

/** The nodes of `hosts`. */
function listed({ config }: Topology): readonly string[] {
  const hosts = option(config, 'hosts');
  return itemsOf(hosts).flatMap((host) => (host instanceof Atom ? [host.name] : []));
}

function nodesOn(self: Self, hosts: readonly string[]): readonly string[] {
  const around = aroundHere(self);
  return hosts.flatMap((host) => around.epmdNames(host).map((name) => `${name}@${host}`));
}

const epmd = new Connecting('Elixir.Cluster.Strategy.Epmd', (_self, topology) => listed(topology));
const erlangHosts = new Connecting('Elixir.Cluster.Strategy.ErlangHosts', (self) =>
  nodesOn(self, aroundHere(self).hosts ?? []),
);

export const epmdModules: readonly CodeModule[] = [
  {
    name: epmd.module,
    behaviours: ['gen_server'],
    functions: {
      'start_link/1': (self, args) =>
        listed(readTopology(args)).length === 0 ? atoms.ignore : startServer(self, epmd, args),
    },
  },
  {
    name: 'Elixir.Cluster.Strategy.LocalEpmd',
    functions: {
      // Does its work as it starts, and keeps no process.
      *'start_link/1'(self, args): Flow<Value> {
        const [, host = ''] = self.node.split('@');
        yield* connectNodes(self, readTopology(args), nodesOn(self, [host]));
        return atoms.ignore;
      },
    },
  },
  {
    name: erlangHosts.module,
    behaviours: ['gen_server'],
    functions: {
      'start_link/1': (self, args) => {
        if (aroundHere(self).hosts !== null) return startServer(self, erlangHosts, args);
        log(self, 'warning', readTopology(args), "couldn't find .hosts.erlang file - not joining cluster");
        return atoms.ignore;
      },
    },
  },
];
