import { Type } from 'typebox';
import { nodeUnavailable } from '../../../runtime/errors.ts';
import type { NodeCoverage, NodeInfo, NodeName, Result } from '../../../runtime/model.ts';
import { ok, processId } from '../../../runtime/model.ts';
import type { CallOptions } from '../../../runtime/port.ts';
import type { Context } from '../../core/context.ts';
import { defineOperation } from '../../core/operation.ts';
import { known } from '../knownErrors.ts';
import { mapLimited } from '../limited.ts';
import type { Sight } from '../nodeRows.ts';
import { nodeStatuses, statusOf } from '../nodeRows.ts';
import { coverageResult, nullable, statsResult } from '../parameters.ts';
import { cell } from '../processRows.ts';
import { drain } from '../streams.ts';
import { onceForAll } from '../policies.ts';
import type { Thresholds } from './healthReasons.ts';
import {
  clusterReasons,
  conditionReason,
  levels,
  linkReasons,
  loadReasons,
  mailboxReasons,
  reasonResult,
  thresholdParams,
  worst,
} from './healthReasons.ts';
import { conditionOf, conditionResult, silent } from './nodeConditions.ts';

const needs = ['cluster.nodes', 'cluster.links', 'system.stats', 'processes.scan'] as const;
const mayUse = ['system.info'] as const;
type HealthContext = Context<(typeof needs)[number] | (typeof mayUse)[number]>;

const nodesAtOnce = 8;

export const clusterHealth = defineOperation({
  name: 'cluster_health',
  title: 'Cluster Health',
  description:
    'Whether the cluster and each node are healthy, and why not: what is down, silent or cut off, partitioned, overloaded or near a limit, each with what to do.',
  category: 'distributed',
  severity: 'read',
  idempotent: true,
  cache: onceForAll,
  needs,
  mayUse,
  params: thresholdParams,
  result: Type.Object({
    status: Type.Enum([...levels]),
    reasons: Type.Array(reasonResult),
    items: Type.Array(
      Type.Object({
        node: Type.String(),
        status: Type.Enum([...nodeStatuses]),
        condition: conditionResult,
        health: Type.Enum([...levels]),
        reasons: Type.Array(reasonResult),
        stats: nullable(statsResult),
        longestMailbox: nullable(Type.Integer()),
        longestMailboxOf: nullable(Type.String({ description: 'The id of the process that has it.' })),
      }),
    ),
    total: Type.Integer(),
    next: Type.Null(),
    thresholds: thresholdParams,
    nodes: coverageResult,
  }),
  route: { method: 'GET', path: '/cluster/health' },
  examples: [
    { title: 'With the default thresholds', params: {} },
    { title: 'Stricter about mailboxes and memory', params: { mailboxLength: 100, memoryBytes: 4_000_000_000 } },
  ],
  errors: [known.nodeUnavailable, known.nodeNotFound],
  async execute(context, thresholds) {
    const [nodes, links] = await Promise.all([
      context.port.cluster.nodes({}, context.options()),
      context.port.cluster.links({}, context.options()),
    ]);
    if (!nodes.ok) return nodes;
    // Without the links the nodes can still be judged: what is missing is in the coverage.
    const sights = links.ok ? links.value.links : [];
    const checked = await mapLimited(nodes.value.nodes, nodesAtOnce, (node) =>
      checkNode(context, node, sights, thresholds),
    );
    const items = checked.map(({ item }) => item);
    const reasons = clusterReasons(items, nodes.value.nodes, sights);
    return ok({
      status: worst(reasons.map(({ level }) => level)),
      reasons: [...reasons],
      items,
      total: items.length,
      next: null,
      thresholds,
      nodes: checked.map(({ coverage }) => coverage),
    });
  },
});

async function checkNode(context: HealthContext, info: NodeInfo, sights: readonly Sight[], thresholds: Thresholds) {
  const { node, reach } = info;
  const status = statusOf(reach);
  const condition = conditionOf(info, sights);
  if (status !== 'up') {
    return {
      item: {
        node,
        status,
        condition: condition.is,
        health: 'critical' as const,
        reasons: [conditionReason(condition)],
        stats: null,
        longestMailbox: null,
        longestMailboxOf: null,
      },
      coverage: { node, status: 'missing', error: nodeUnavailable(node).error } as const,
    };
  }
  const within = () => context.options(thresholds.answerMs);
  const [stats, mailbox, limits] = await Promise.all([
    context.port.system.stats({ node }, within()),
    longestMailbox(context, node, within),
    context.port.system.info({ node }, within()),
  ]);
  const longest = mailbox.ok ? mailbox.value : null;
  const found = condition.is !== 'up' ? condition : stats.ok ? null : silent(node);
  const reasons = [
    ...(found === null ? [] : [conditionReason(found)]),
    ...(stats.ok ? loadReasons(stats.value, limits.ok ? limits.value.entries : {}, thresholds) : []),
    ...mailboxReasons(longest, thresholds.mailboxLength),
    ...linkReasons(node, sights),
  ];
  return {
    item: {
      node,
      status,
      condition: found?.is ?? ('up' as const),
      health: worst(reasons.map(({ level }) => level)),
      reasons,
      stats: stats.ok ? stats.value : null,
      longestMailbox: longest?.length ?? null,
      longestMailboxOf: longest?.pid ?? null,
    },
    coverage: coveredAs(node, stats.ok ? mailbox : stats),
  };
}

type Longest = { readonly length: number; readonly pid: string };

/** The node's longest mailbox; the node finds it itself. */
async function longestMailbox(
  context: HealthContext,
  node: NodeName,
  within: () => CallOptions,
): Promise<Result<Longest | null>> {
  const found: Longest[] = [];
  const top = { n: 1, by: 'message_queue_len', direction: 'descending' } as const;
  const end = await drain(
    context.port.processes.scan({ nodes: [node], keys: ['message_queue_len'], top, pageRows: 1 }, within()),
    (page) => {
      const length = cell(page, 'message_queue_len', 0);
      const [id] = page.ids;
      if (typeof length !== 'number' || id === undefined) return;
      found.push({ length, pid: processId({ ...page.of, id, serial: page.serials[0] ?? 0 }) });
    },
  );
  if (!end.ok) return end;
  return ok(found.toSorted((a, b) => b.length - a.length)[0] ?? null);
}

function coveredAs(node: NodeName, answer: Result<unknown>): NodeCoverage {
  return answer.ok ? { node, status: 'ok' } : { node, status: 'partial', error: answer.error };
}
