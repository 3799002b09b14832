/** `Cluster.Strategy.Gossip` (3.5): heartbeats by multicast, each up to 5 s after the last; whoever is heard is connected to. */
import type { Value } from '../../term/values.ts';
import { a, Atom, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import type { CodeModule } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, elementsOf, tagged } from '../kernel/values.ts';
import type { Init, ServerModule, Step } from '../otp/genServer.ts';
import { noreply, startServer } from '../otp/genServer.ts';
import { option } from '../horde/options.ts';
import { valueKey } from '../kernel/valueKey.ts';
import type { Topology } from './strategy.ts';
import { connectNodes, readTopology, topologyValue } from './strategy.ts';
import { aroundHere } from './surroundings.ts';

const longestPauseMs = 5000;
const words = { heartbeat: a('heartbeat'), udp: a('udp'), sealed: a('sealed') } as const;

/** `address:port`, with libcluster's defaults. */
function groupOf({ config }: Topology): string {
  const address = option(config, 'multicast_addr') ?? '233.252.1.32';
  const port = option(config, 'port') ?? 45892;
  const text = elementsOf(address)?.map(String).join('.') ?? String(valueKey(address));
  return `${text.replace(/^s/, '')}:${String(valueKey(port))}`;
}

const gossip: ServerModule<Topology> = {
  module: 'Elixir.Cluster.Strategy.Gossip',
  init(self, args): Init<Topology> {
    const state = readTopology(args);
    aroundHere(self).open(self, groupOf(state));
    return { is: 'ok', state, then: { is: 'continue', with: null } };
  },
  handleContinue: (self, _continuation, state) => beat(self, state),
  *handleInfo(self, message, state): Flow<Step<Topology>> {
    if (message === words.heartbeat) return beat(self, state);
    const packet = tagged(message, words.udp, 5)?.[4];
    const node = packet === undefined ? null : opened(packet, option(state.config, 'secret'));
    if (node !== null && node !== self.node) yield* connectNodes(self, state, [node]);
    return noreply(state);
  },
  show: topologyValue,
};

function beat(self: Self, state: Topology): Step<Topology> {
  const secret = option(state.config, 'secret');
  const plain = tup(words.heartbeat, a(self.node));
  // What stands for the cipher: only who has the secret gets at what is in it.
  const packet = secret === undefined || secret === null ? plain : tup(words.sealed, secret, plain);
  const group = groupOf(state);
  aroundHere(self).sendAll(self, group, tup(words.udp, a('socket'), a(self.node), 45892, packet));
  self.sendAfter(1 + Math.floor(self.random() * longestPauseMs), self.pid, words.heartbeat);
  return noreply(state);
}

/** Whose heartbeat this is; null when it cannot be read with this secret, or without one. */
function opened(packet: unknown, secret: Value): string | null {
  const sealed = tagged(packet, words.sealed, 3);
  const hasSecret = secret !== undefined && secret !== null;
  if (hasSecret !== (sealed !== null)) return null;
  if (sealed !== null && valueKey(asValue(sealed[1])) !== valueKey(secret)) return null;
  const node = tagged(sealed === null ? packet : sealed[2], words.heartbeat, 2)?.[1];
  return node instanceof Atom ? node.name : null;
}

export const gossipModule: CodeModule = {
  name: gossip.module,
  behaviours: ['gen_server'],
  functions: { 'start_link/1': (self, args) => startServer(self, gossip, args) },
};
