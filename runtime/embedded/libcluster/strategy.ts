/** libcluster's `Cluster.Strategy` (3.5): connecting to what a strategy has found, and disconnecting from what is gone. */
import type { Atom, Value } from '../../term/values.ts';
import { a, Atom as AtomClass, tup } from '../../term/values.ts';
import { ErrorException } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { itemsOf, partsOf } from '../kernel/values.ts';
import { fieldsOf } from '../otp/checkSpec.ts';
import type { Level } from '../otp/logger.ts';
import { logText } from '../otp/logger.ts';
import { printed } from '../otp/text.ts';
import { option } from '../horde/options.ts';

/** What a strategy is started with: `%Cluster.Strategy.State{}`. */
export type Topology = {
  readonly topology: Value;
  /** `{Module, Function, Args}`; the node is the last argument. */
  readonly connect: Value;
  readonly disconnect: Value;
  readonly listNodes: Value;
  readonly config: Value;
  readonly meta: Value;
};
/** The nodes for which that failed, with what was answered. */
export type BadNodes = readonly (readonly [node: string, answer: Value])[];

export function topologyValue({ topology, connect, disconnect, listNodes, config, meta }: Topology): Value {
  return {
    __struct__: a('Elixir.Cluster.Strategy.State'),
    topology,
    connect,
    disconnect,
    list_nodes: listNodes,
    config,
    meta,
  };
}

/** The one state in a strategy's arguments. */
export function readTopology(args: Value): Topology {
  const [state] = itemsOf(args);
  const fields = fieldsOf(state);
  if (fields === null) throw new ErrorException(a('function_clause'));
  return {
    topology: fields.get('topology'),
    connect: fields.get('connect'),
    disconnect: fields.get('disconnect'),
    listNodes: fields.get('list_nodes'),
    config: fields.get('config'),
    meta: fields.get('meta'),
  };
}

/** A topology as it is configured: `{strategy, config, connect, disconnect, list_nodes}`, with libcluster's own functions unless said. */
export function configured(topology: Atom, spec: Value): Topology {
  return {
    topology,
    config: option(spec, 'config') ?? [],
    connect: option(spec, 'connect') ?? tup(a('net_kernel'), a('connect_node'), []),
    disconnect: option(spec, 'disconnect') ?? tup(a('erlang'), a('disconnect_node'), []),
    listNodes: option(spec, 'list_nodes') ?? tup(a('erlang'), a('nodes'), [a('connected')]),
    meta: null,
  };
}

/** Calls `{Module, Function, Args}` with further arguments; raises where there is no such function. */
function* applied(self: Self, mfa: Value, further: readonly Value[]): Flow<Value> {
  const [module, name, args] = partsOf(mfa);
  if (!(module instanceof AtomClass) || !(name instanceof AtomClass)) return self.error(a('function_clause'));
  const all = [...itemsOf(args), ...further];
  if (!self.exports(module.name, name.name, all.length)) {
    const message = `${module.name}.${name.name}/${all.length} is undefined!`;
    throw new ErrorException({ __struct__: a('Elixir.RuntimeError'), __exception__: true, message });
  }
  return yield* self.apply(module.name, name.name, all);
}

function* connected(self: Self, { listNodes }: Topology): Flow<ReadonlySet<string>> {
  const nodes = yield* applied(self, listNodes, []);
  return new Set(itemsOf(nodes).flatMap((node) => (node instanceof AtomClass ? [node.name] : [])));
}

/** Connects to those of the nodes that are not connected. */
export function* connectNodes(self: Self, topology: Topology, nodes: readonly string[]): Flow<BadNodes> {
  const known = yield* connected(self, topology);
  const bad: (readonly [string, Value])[] = [];
  for (const node of new Set(nodes)) {
    if (known.has(node) || node === self.node) continue;
    const answer = yield* applied(self, topology.connect, [a(node)]);
    if (answer === true) log(self, 'info', topology, `connected to ${printed(a(node))}`);
    else {
      const why = answer === a('ignored') ? ': not part of network' : '';
      log(self, 'warning', topology, `unable to connect to ${printed(a(node))}${why}`);
      bad.unshift([node, answer]);
    }
  }
  return bad;
}

/** Disconnects from those of the nodes that are connected. */
export function* disconnectNodes(self: Self, topology: Topology, nodes: readonly string[]): Flow<BadNodes> {
  const known = yield* connected(self, topology);
  const bad: (readonly [string, Value])[] = [];
  for (const node of new Set(nodes)) {
    if (!known.has(node) || node === self.node) continue;
    const answer = yield* applied(self, topology.disconnect, [a(node)]);
    const shown = printed(a(node));
    if (answer === true) log(self, 'info', topology, `disconnected from ${shown}`);
    else if (answer === false) {
      log(self, 'warning', topology, `disconnect from ${shown} failed because we're already disconnected`);
    } else if (answer === a('ignored')) {
      log(self, 'warning', topology, `disconnect from ${shown} failed because it is not part of the network`);
    } else {
      log(self, 'warning', topology, `disconnect from ${shown} failed with: ${printed(answer)}`);
      bad.unshift([node, answer]);
    }
  }
  return bad;
}

export function log(self: Self, level: Level, { topology }: Topology, text: string): void {
  logText(self, level, `[libcluster:${topology instanceof AtomClass ? topology.name : ''}] ${text}`);
}
