/** How loaded nodes are, and what of it which process makes. */
import { setTimeout as delay } from 'node:timers/promises';
import type { NodeName, NodeStats, ProcessRef, Result } from '../../../runtime/model.ts';
import { ok, processId } from '../../../runtime/model.ts';
import type { Context } from '../../core/context.ts';
import { eachNode } from '../eachNode.ts';
import { mapLimited } from '../limited.ts';
import { cell } from '../processRows.ts';

export const loadMeasures = ['processes', 'memory', 'reductions', 'run_queue'] as const;
export type LoadMeasure = (typeof loadMeasures)[number];
export const loadNeeds = ['cluster.nodes', 'system.stats'] as const;

/** Figures of a node over the time it was looked at. */
export type NodeLoad = {
  readonly node: NodeName;
  readonly processes: number;
  readonly memoryBytes: number | null;
  readonly reductionsPerSecond: number;
  /** The mean of both looks. */
  readonly runQueue: number;
};

/** Looks at every node twice, `sampleMs` apart. A node that does not answer is in the coverage. */
export async function nodeLoads(context: Context<(typeof loadNeeds)[number]>, sampleMs: number) {
  const ask = (node: NodeName) => context.port.system.stats({ node }, context.options());
  const first = await eachNode(context, undefined, (node) => timed(() => ask(node)));
  if (!first.ok) return first;
  await delay(sampleMs, undefined, { signal: context.signal }).catch(() => undefined);
  const second = await eachNode(context, undefined, (node) => timed(() => ask(node)));
  if (!second.ok) return second;
  const before = new Map(first.value.answers.map(({ node, value }) => [node, value]));
  const loads = second.value.answers.flatMap(({ node, value }): readonly NodeLoad[] => {
    const was = before.get(node);
    return was === undefined ? [] : [loadOf(node, was, value)];
  });
  return ok({ loads, nodes: second.value.nodes });
}

type Timed = { readonly atMs: number; readonly stats: NodeStats };

async function timed(ask: () => Promise<Result<NodeStats>>): Promise<Result<Timed>> {
  const stats = await ask();
  return stats.ok ? ok({ atMs: performance.now(), stats: stats.value }) : stats;
}

function loadOf(node: NodeName, before: Timed, now: Timed): NodeLoad {
  const seconds = Math.max(1, now.atMs - before.atMs) / 1_000;
  return {
    node,
    processes: now.stats.processCount,
    memoryBytes: now.stats.memoryBytes,
    // A node that has restarted between the two looks counts from nothing again.
    reductionsPerSecond: Math.max(0, now.stats.reductions - before.stats.reductions) / seconds,
    runQueue: (before.stats.runQueue + now.stats.runQueue) / 2,
  };
}

/** The figure of a node by a measure; null where the node does not tell it. */
export function loadBy(measure: LoadMeasure, load: NodeLoad): number | null {
  switch (measure) {
    case 'processes':
      return load.processes;
    case 'memory':
      return load.memoryBytes;
    case 'reductions':
      return load.reductionsPerSecond;
    case 'run_queue':
      return load.runQueue;
  }
}

const pidsInOneCall = 500;
const callsAtOnce = 4;

/** What of its node's load each process makes, in the measure's own unit; those that are gone are left out. */
export async function shares(
  context: Context<'processes.info'>,
  measure: LoadMeasure,
  processes: readonly ProcessRef[],
  loads: readonly NodeLoad[],
  sampleMs: number,
): Promise<Result<ReadonlyMap<string, number>>> {
  if (measure === 'processes') return ok(new Map(processes.map((process) => [processId(process), 1])));
  const key = measure === 'memory' ? 'memory' : 'reductions';
  const first = await figures(context, processes, key);
  if (!first.ok || measure === 'memory') return first;
  const began = performance.now();
  await delay(sampleMs, undefined, { signal: context.signal }).catch(() => undefined);
  const second = await figures(context, processes, key);
  if (!second.ok) return second;
  const seconds = Math.max(1, performance.now() - began) / 1_000;
  const load = new Map(loads.map((one) => [one.node, one]));
  return ok(
    new Map(
      processes.flatMap((process): readonly [string, number][] => {
        const id = processId(process);
        const [was, is] = [first.value.get(id), second.value.get(id)];
        if (was === undefined || is === undefined) return [];
        const perSecond = Math.max(0, is - was) / seconds;
        const node = load.get(process.node);
        if (measure === 'reductions' || node === undefined) return [[id, perSecond]];
        // Whoever runs half of the time is taken to make half of the queue.
        return [[id, (perSecond / Math.max(1, node.reductionsPerSecond)) * node.runQueue]];
      }),
    ),
  );
}

async function figures(
  context: Context<'processes.info'>,
  processes: readonly ProcessRef[],
  key: 'memory' | 'reductions',
): Promise<Result<ReadonlyMap<string, number>>> {
  const found = new Map<string, number>();
  const chunks = Array.from({ length: Math.ceil(processes.length / pidsInOneCall) }, (_, at) =>
    processes.slice(at * pidsInOneCall, (at + 1) * pidsInOneCall),
  );
  const answers = await mapLimited(chunks, callsAtOnce, (pids) =>
    context.port.processes.info({ pids, keys: [key] }, context.options()),
  );
  for (const answer of answers) {
    if (!answer.ok) return answer;
    for (const page of answer.value.pages) {
      for (const [at, id] of page.ids.entries()) {
        const value = cell(page, key, at);
        if (typeof value !== 'number') continue;
        found.set(processId({ ...page.of, id, serial: page.serials[at] ?? 0 }), value);
      }
    }
  }
  return ok(found);
}
