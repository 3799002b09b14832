/** `Cluster.Strategy.DNSPoll` and `Kubernetes` (3.5): ask who there is, again and again; connect to who is new, disconnect who is gone. */
import type { Value } from '../../term/values.ts';
import { a, Atom } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import { applyFun } from '../kernel/localFun.ts';
import type { CodeModule } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, itemsOf } from '../kernel/values.ts';
import type { Init, ServerModule, Step } from '../otp/genServer.ts';
import { noreply, startServer } from '../otp/genServer.ts';
import { option } from '../horde/options.ts';
import { addressText } from './address.ts';
import type { Topology } from './strategy.ts';
import { connectNodes, disconnectNodes, log, readTopology, topologyValue } from './strategy.ts';
import { aroundHere, kubernetesKey } from './surroundings.ts';
import type { Pod } from './surroundings.ts';

const pollEveryMs = 5000;

/** The nodes that a strategy knows, in `meta`. */
type State = { readonly topology: Topology; readonly known: ReadonlySet<string> };
/** Who there is now; null where that could not be told, and all stays as it was. */
type Found = readonly string[] | null;

class Polling implements ServerModule<State> {
  readonly module: string;
  readonly #word: Atom;
  readonly #find: (self: Self, topology: Topology) => Found | Flow<Found>;

  constructor(module: string, word: string, find: (self: Self, topology: Topology) => Flow<Found>) {
    this.module = module;
    this.#word = a(word);
    this.#find = find;
  }
  *init(self: Self, args: Value): Flow<Init<State>> {
    const topology = readTopology(args);
    const known = itemsOf(topology.meta).flatMap((node) => (node instanceof Atom ? [node.name] : []));
    return { is: 'ok', state: yield* this.#poll(self, { topology, known: new Set(known) }) };
  }
  *handleInfo(self: Self, message: Value, state: State): Flow<Step<State>> {
    return noreply(message === this.#word || message === a('timeout') ? yield* this.#poll(self, state) : state);
  }
  show({ topology, known }: State): Value {
    return topologyValue({ ...topology, meta: [...known].map(a) });
  }

  *#poll(self: Self, { topology, known }: State): Flow<State> {
    const answer = this.#find(self, topology);
    const found = new Set((answer === null || isListed(answer) ? answer : yield* answer) ?? known);
    const gone = [...known].filter((node) => !found.has(node));
    // Who could not be let go is known still; who could not be reached is not known yet.
    for (const [node] of yield* disconnectNodes(self, topology, gone)) found.add(node);
    for (const [node] of yield* connectNodes(self, topology, [...found])) found.delete(node);
    const everyMs = option(topology.config, 'polling_interval');
    self.sendAfter(typeof everyMs === 'number' ? everyMs : pollEveryMs, self.pid, this.#word);
    return { topology, known: found };
  }
}

function isListed(found: readonly string[] | Flow<Found>): found is readonly string[] {
  return Array.isArray(found);
}

function text(value: Value): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** `<node_basename>@<address>` for each address of `query`. */
function* byDns(self: Self, topology: Topology): Flow<Found> {
  const { config } = topology;
  const query = text(option(config, 'query'));
  const basename = text(option(config, 'node_basename'));
  if (query === null || basename === null) {
    log(
      self,
      'warning',
      topology,
      'dns polling strategy is selected, but query or basename param is invalid or missed',
    );
    return [];
  }
  const resolver = option(config, 'resolver');
  const answer =
    resolver === undefined ? (aroundHere(self).dns.get(query) ?? []) : yield* applyFun(self, resolver, [query]);
  const addresses = itemsOf(answer).flatMap((one) => addressText(asValue(one)) ?? []);
  return addresses.map((address) => `${basename}@${address}`).filter((node) => node !== self.node);
}

function* byKubernetes(self: Self, topology: Topology): Flow<Found> {
  const { config } = topology;
  const basename = text(option(config, 'kubernetes_node_basename'));
  const selector = text(option(config, 'kubernetes_selector'));
  if (basename === null || selector === null) {
    const missing = basename === null ? ':kubernetes_node_basename' : ':kubernetes_selector';
    log(self, 'warning', topology, `kubernetes strategy is selected, but ${missing} is not configured!`);
    return [];
  }
  const namespace = text(option(config, 'kubernetes_namespace')) ?? '';
  const answer = aroundHere(self).kubernetes.get(kubernetesKey(namespace, selector)) ?? { is: 'unreachable' };
  if (answer.is === 'unreachable') {
    log(self, 'error', topology, 'request to kubernetes failed!');
    return null;
  }
  if (answer.is === 'status') {
    const isRefused = answer.code === 403;
    const why = isRefused ? `(unauthorized): ${answer.message}` : `(${answer.code}): ${answer.message}`;
    log(self, 'warning', topology, `cannot query kubernetes ${why}`);
    return isRefused ? [] : null;
  }
  const service = text(option(config, 'kubernetes_service_name')) ?? '';
  const name = text(option(config, 'kubernetes_cluster_name')) ?? 'cluster';
  const mode = option(config, 'mode');
  return answer.pods.map((pod) => podName(pod, mode instanceof Atom ? mode.name : 'ip', { basename, service, name }));
}

function podName(
  { ip, namespace, hostname }: Pod,
  mode: string,
  { basename, service, name }: { readonly basename: string; readonly service: string; readonly name: string },
): string {
  if (mode === 'hostname') return `${basename}@${hostname ?? ''}.${service}.${namespace}.svc.${name}.local`;
  if (mode === 'dns') return `${basename}@${ip.replaceAll('.', '-')}.${namespace}.pod.${name}.local`;
  return `${basename}@${ip}`;
}

function moduleOf(server: Polling): CodeModule {
  return {
    name: server.module,
    behaviours: ['gen_server'],
    functions: { 'start_link/1': (self, args) => startServer(self, server, args) },
  };
}

export const pollModules: readonly CodeModule[] = [
  moduleOf(new Polling('Elixir.Cluster.Strategy.DNSPoll', 'poll', byDns)),
  moduleOf(new Polling('Elixir.Cluster.Strategy.Kubernetes', 'load', byKubernetes)),
];
