/** What a cluster file says of what is around its nodes, which libcluster's strategies ask: DNS, Kubernetes, hosts, multicast. */
import type { Cluster } from '../cluster/cluster.ts';
import { kubernetesKey, surroundingsOf } from '../libcluster/surroundings.ts';
import type { KubernetesAnswer } from '../libcluster/surroundings.ts';

/** Pods behind a selector, or what else the API answers. A selector that nothing is said of is unreachable. */
export type KubernetesDefinition = { readonly namespace: string; readonly selector: string } & (
  | { readonly pods: readonly { readonly ip: string; readonly hostname?: string }[] }
  | { readonly status: number; readonly message?: string }
  | { readonly unreachable: true }
);

export type SurroundingsDefinition = {
  /** Addresses by the name that `DNSPoll` asks for. */
  readonly dns?: { readonly [name: string]: readonly string[] };
  readonly kubernetes?: readonly KubernetesDefinition[];
  /** The hosts of `.hosts.erlang`, which `ErlangHosts` reads when it starts; null: there is no such file. */
  readonly hosts?: readonly string[] | null;
  /** Whether datagrams pass between machines, for `Gossip`; true unless said. */
  readonly multicast?: boolean;
};

type Problem = (pointer: string, message: string) => void;

const longestText = 255;
const mostEntries = 100;

/** Checks what a file says, and tells each problem; what is wrong is left out. */
export function checkSurroundings(given: unknown, pointer: string, problem: Problem): SurroundingsDefinition {
  const fields = fieldsOf(given, pointer, ['dns', 'kubernetes', 'hosts', 'multicast'], problem);
  const { dns, kubernetes, hosts, multicast } = fields;
  if (multicast !== undefined && typeof multicast !== 'boolean') problem(`${pointer}/multicast`, 'is true or false.');
  return {
    ...(dns !== undefined && { dns: checkDns(dns, `${pointer}/dns`, problem) }),
    ...(kubernetes !== undefined && {
      kubernetes: listOf(kubernetes, `${pointer}/kubernetes`, problem).flatMap((one, at) =>
        checkKubernetes(one, `${pointer}/kubernetes/${at}`, problem),
      ),
    }),
    ...(hosts !== undefined && { hosts: hosts === null ? null : textsOf(hosts, `${pointer}/hosts`, problem) }),
    ...(typeof multicast === 'boolean' && { multicast }),
  };
}

/** Makes the surroundings as `definition` says, as far as it says something; what is answered puts them back. */
export function changeSurroundings(cluster: Cluster, definition: SurroundingsDefinition): () => void {
  const around = surroundingsOf(cluster);
  const { dns = {}, kubernetes = [], hosts, multicast } = definition;
  const before = { hosts: around.hosts, multicast: around.multicast };
  const undo = [
    ...Object.entries(dns).map(([name, addresses]) => replace(around.dns, name, addresses)),
    ...kubernetes.map((one) => replace(around.kubernetes, kubernetesKey(one.namespace, one.selector), answerOf(one))),
  ];
  if (hosts !== undefined) around.hosts = hosts;
  if (multicast !== undefined) around.multicast = multicast;
  return () => {
    for (const each of undo.reverse()) each();
    if (hosts !== undefined) around.hosts = before.hosts;
    if (multicast !== undefined) around.multicast = before.multicast;
  };
}

function replace<V>(map: Map<string, V>, key: string, value: V): () => void {
  const before = map.get(key);
  map.set(key, value);
  return () => {
    if (before === undefined) map.delete(key);
    else map.set(key, before);
  };
}

function answerOf(one: KubernetesDefinition): KubernetesAnswer {
  if ('unreachable' in one) return { is: 'unreachable' };
  if ('status' in one) return { is: 'status', code: one.status, message: one.message ?? '' };
  const pods = one.pods.map(({ ip, hostname = null }) => ({ ip, hostname, namespace: one.namespace }));
  return { is: 'pods', pods };
}

function checkDns(given: unknown, pointer: string, problem: Problem): { readonly [name: string]: readonly string[] } {
  const entries = Object.entries(fieldsOf(given, pointer, null, problem));
  if (entries.length > mostEntries) problem(pointer, `are more than ${mostEntries}.`);
  return Object.fromEntries(
    entries.map(([name, addresses]) => [name, textsOf(addresses, `${pointer}/${name}`, problem)]),
  );
}

function checkKubernetes(given: unknown, pointer: string, problem: Problem): readonly KubernetesDefinition[] {
  const known = ['namespace', 'selector', 'pods', 'status', 'message', 'unreachable'];
  const { namespace, selector, pods, status, message, unreachable } = fieldsOf(given, pointer, known, problem);
  if (!isText(namespace) || !isText(selector)) {
    problem(pointer, 'has no namespace and selector, which are texts.');
    return [];
  }
  const which = { namespace, selector };
  if ([pods, status, unreachable].filter((what) => what !== undefined).length !== 1) {
    problem(pointer, 'has not exactly one of pods, status and unreachable.');
    return [];
  }
  if (pods !== undefined) {
    const list = listOf(pods, `${pointer}/pods`, problem);
    return [{ ...which, pods: list.flatMap((pod, at) => checkPod(pod, `${pointer}/pods/${at}`, problem)) }];
  }
  if (status !== undefined) {
    if (typeof status === 'number' && status >= 100 && status <= 599 && status !== 200) {
      return [{ ...which, status, ...(isText(message) && { message }) }];
    }
    problem(`${pointer}/status`, 'is no HTTP status from 100 to 599 that is not 200.');
    return [];
  }
  if (unreachable === true) return [{ ...which, unreachable }];
  problem(`${pointer}/unreachable`, 'is true or left out.');
  return [];
}

function checkPod(given: unknown, pointer: string, problem: Problem) {
  const { ip, hostname } = fieldsOf(given, pointer, ['ip', 'hostname'], problem);
  if (isText(ip) && (hostname === undefined || isText(hostname))) {
    return [{ ip, ...(hostname !== undefined && { hostname }) }];
  }
  problem(pointer, 'is no pod: ip, and hostname if it has one, are texts.');
  return [];
}

/** The fields of an object; `known`: those there may be, null for any. */
function fieldsOf(
  given: unknown,
  pointer: string,
  known: readonly string[] | null,
  problem: Problem,
): { readonly [key: string]: unknown } {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    problem(pointer, 'is no object.');
    return {};
  }
  for (const key of known === null ? [] : Object.keys(given)) {
    if (known?.includes(key) !== true)
      problem(`${pointer}/${key}`, `is not known here; there is ${known?.join(', ')}.`);
  }
  return Object.fromEntries(Object.entries(given));
}

function listOf(given: unknown, pointer: string, problem: Problem): readonly unknown[] {
  if (Array.isArray(given) && given.length <= mostEntries) return given;
  problem(pointer, Array.isArray(given) ? `are more than ${mostEntries}.` : 'is no list.');
  return [];
}

function textsOf(given: unknown, pointer: string, problem: Problem): readonly string[] {
  const list = listOf(given, pointer, problem);
  for (const [at, one] of list.entries()) if (!isText(one)) problem(`${pointer}/${at}`, 'is no text.');
  return list.filter((one) => isText(one));
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= longestText;
}
