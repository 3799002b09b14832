/** For tests: small clusters on a virtual clock, and code that runs in their processes. */
import { Atom, Pid, Ref } from '../term/values.ts';
import type { ClusterOptions } from './cluster/cluster.ts';
import { Cluster } from './cluster/cluster.ts';
import type { Flow } from './kernel/flow.ts';
import type { CodeModule } from './kernel/module.ts';
import type { KernelNode } from './kernel/node.ts';
import { seededPrng } from './kernel/prng.ts';
import type { Process } from './kernel/process.ts';
import type { Self } from './kernel/self.ts';
import { isList, isTuple } from './kernel/values.ts';

/** A cluster of the nodes `names` with system processes only, unless told otherwise. */
export function testCluster(
  names: readonly string[] = ['one@sim'],
  options: Partial<ClusterOptions> & { readonly seed?: number } = {},
): Cluster {
  const cluster = new Cluster({
    nodes: names,
    prng: seededPrng(options.seed ?? 1),
    modules: [],
    applications: [],
    boot: [],
    latencyMs: { min: 1, max: 3 },
    ...options,
  });
  cluster.runUntil(20);
  return cluster;
}

/** The node, which must be up. */
export function nodeOf(cluster: Cluster, name: string = 'one@sim'): KernelNode {
  const node = cluster.node(name);
  if (node === null) throw new Error(`${name} is down`);
  return node;
}

/** Spawns a process that runs `run`; it begins with the cluster's next run. */
export function spawn(node: KernelNode, run: (self: Self) => Flow<unknown>): Process {
  const initialCall = { module: 'test', function: 'run', arity: 0 };
  return node.spawn({ body: { is: 'flow', run }, initialCall, parent: null });
}

/** Runs `run` in a process of its own to its end, for at most `forMs` of virtual time, and answers what it answered. */
export function inProcess<T>(cluster: Cluster, run: (self: Self) => Flow<T>, forMs = 60_000, on?: string): T {
  let outcome: { readonly value: T } | { readonly thrown: unknown } | null = null;
  spawn(nodeOf(cluster, on ?? cluster.names[0]), function* (self) {
    try {
      outcome = { value: yield* run(self) };
    } catch (thrown) {
      outcome = { thrown };
      throw thrown;
    }
  });
  const result = (): typeof outcome => outcome;
  const until = cluster.nowMs + forMs;
  while (result() === null && cluster.nowMs < until) cluster.runUntil(Math.min(until, cluster.nowMs + 50));
  const ended = result();
  if (ended === null) throw new Error('The process has not ended in time.');
  if ('thrown' in ended) throw ended.thrown;
  return ended.value;
}

/** A module of functions for child specifications and spawns. */
export function testModule(name: string, functions: CodeModule['functions']): CodeModule {
  return { name, functions };
}

/** A value roughly as Erlang prints it, with pids and references as `pid` and `ref`. */
export function shown(value: unknown): string {
  if (value instanceof Atom) return value.name;
  if (value instanceof Pid) return 'pid';
  if (value instanceof Ref) return 'ref';
  if (isTuple(value)) return `{${value.elements.map(shown).join(',')}}`;
  if (isList(value)) return `[${value.map(shown).join(',')}]`;
  if (value === null) return 'nil';
  if (typeof value === 'object') {
    return `#{${Object.entries(value)
      .map(([key, held]) => `${key}=>${shown(held)}`)
      .join(',')}}`;
  }
  return typeof value === 'string'
    ? JSON.stringify(value)
    : `${typeof value === 'number' || typeof value === 'boolean' ? value : typeof value}`;
}

/** Takes all messages that are in the mailbox now, as {@link shown}. */
export function mailboxOf(process: Process): readonly string[] {
  return process.mailbox.peek(process.mailbox.length).map(shown);
}
