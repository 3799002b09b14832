import type { Static } from 'typebox';
import { Type } from 'typebox';
import { nodeUnavailable } from '../../../runtime/errors.ts';
import type { NodeCoverage, NodeInfo, NodeName, NodeStats, Result } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import type { Context } from '../../core/context.ts';
import { defineOperation } from '../../core/operation.ts';
import { mapLimited } from '../limited.ts';
import type { Sight } from '../nodeRows.ts';
import { islandsOf, linksOf, nodeStatuses, statusOf } from '../nodeRows.ts';
import { coverageResult, nullable, statsResult } from '../parameters.ts';
import { cell } from '../processRows.ts';
import { drain } from '../streams.ts';
import { known } from '../knownErrors.ts';

const needs = ['cluster.nodes', 'cluster.links', 'system.stats', 'processes.scan'] as const;
type HealthContext = Context<(typeof needs)[number]>;

const params = Type.Object({
  runQueuePerScheduler: Type.Number({
    minimum: 0,
    maximum: 1_000_000,
    default: 3,
    description: 'Processes waiting to run, per scheduler, above which a node is degraded.',
  }),
  processLimitShare: Type.Number({
    minimum: 0,
    maximum: 1,
    default: 0.8,
    description:
      'Share of the process limit in use above which a node is degraded; it is critical half way from there to the limit.',
  }),
  mailboxLength: Type.Integer({
    minimum: 1,
    maximum: 1_000_000_000,
    default: 10_000,
    description: 'Messages waiting in one process above which its node is degraded.',
  }),
});
type Thresholds = Static<typeof params>;

const levels = ['healthy', 'degraded', 'critical'] as const;
type Level = (typeof levels)[number];
const reasonResult = Type.Object({
  code: Type.String(),
  level: Type.Enum([...levels]),
  message: Type.String(),
  value: Type.Optional(Type.Number()),
  threshold: Type.Optional(Type.Number()),
});
type Reason = Static<typeof reasonResult>;

export const clusterHealth = defineOperation({
  name: 'cluster_health',
  title: 'Cluster Health',
  description:
    'Whether the cluster and each node are healthy, and why not: what is down, partitioned, overloaded or near a limit.',
  category: 'distributed',
  severity: 'read',
  idempotent: true,
  needs,
  params,
  result: Type.Object({
    status: Type.Enum([...levels]),
    reasons: Type.Array(reasonResult),
    items: Type.Array(
      Type.Object({
        node: Type.String(),
        status: Type.Enum([...nodeStatuses]),
        health: Type.Enum([...levels]),
        reasons: Type.Array(reasonResult),
        stats: nullable(statsResult),
        longestMailbox: nullable(Type.Integer()),
      }),
    ),
    total: Type.Integer(),
    next: Type.Null(),
    thresholds: params,
    nodes: coverageResult,
  }),
  route: { method: 'GET', path: '/cluster/health' },
  examples: [
    { title: 'With the default thresholds', params: {} },
    { title: 'Stricter about mailboxes', params: { mailboxLength: 100 } },
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
    const checked = await mapLimited(nodes.value.nodes, 8, (node) => checkNode(context, node, sights, thresholds));
    const items = checked.map(({ item }) => item);
    const reasons = clusterReasons(items, sights);
    return ok({
      status: worst([...reasons.map(({ level }) => level)]),
      reasons,
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
  if (status !== 'up') {
    const message = status === 'down' ? `${node} is down.` : `${node} cannot be reached from here.`;
    const reasons: Reason[] = [{ code: `node.${status}`, level: 'critical', message }];
    return {
      item: { node, status, health: 'critical' as const, reasons, stats: null, longestMailbox: null },
      coverage: { node, status: 'missing', error: nodeUnavailable(node).error } as const,
    };
  }
  const stats = await context.port.system.stats({ node }, context.options());
  const mailbox = await longestMailbox(context, node);
  const reasons = [
    ...(stats.ok ? statsReasons(stats.value, thresholds) : [silent(node)]),
    ...(mailbox.ok && mailbox.value !== null && mailbox.value > thresholds.mailboxLength
      ? [
          over(
            'process.mailbox',
            'degraded',
            `A process has ${mailbox.value} messages waiting.`,
            mailbox.value,
            thresholds.mailboxLength,
          ),
        ]
      : []),
    ...linkReasons(node, sights),
  ];
  return {
    item: {
      node,
      status,
      health: worst(reasons.map(({ level }) => level)),
      reasons,
      stats: stats.ok ? stats.value : null,
      longestMailbox: mailbox.ok ? mailbox.value : null,
    },
    coverage: coveredAs(node, stats.ok ? mailbox : stats),
  };
}

/** The length of the node's longest mailbox; the node finds it itself. */
async function longestMailbox(context: HealthContext, node: NodeName): Promise<Result<number | null>> {
  let longest: number | null = null;
  const end = await drain(
    context.port.processes.scan(
      {
        nodes: [node],
        keys: ['message_queue_len'],
        top: { n: 1, by: 'message_queue_len', direction: 'descending' },
        pageRows: 1,
      },
      context.options(),
    ),
    (page) => {
      const length = cell(page, 'message_queue_len', 0);
      if (typeof length === 'number') longest = Math.max(longest ?? 0, length);
    },
  );
  return end.ok ? ok(longest) : end;
}

function statsReasons(stats: NodeStats, { runQueuePerScheduler, processLimitShare }: Thresholds): readonly Reason[] {
  const runQueueLimit = runQueuePerScheduler * stats.schedulersOnline;
  const share = stats.processLimit === null ? null : stats.processCount / stats.processLimit;
  const isCritical = share !== null && share > (1 + processLimitShare) / 2;
  return [
    ...(stats.runQueue > runQueueLimit
      ? [over('node.run_queue', 'degraded', `${stats.runQueue} processes wait to run.`, stats.runQueue, runQueueLimit)]
      : []),
    ...(share !== null && share > processLimitShare
      ? [
          over(
            'node.process_limit',
            isCritical ? 'critical' : 'degraded',
            `${stats.processCount} of ${stats.processLimit ?? 0} processes are in use.`,
            share,
            processLimitShare,
          ),
        ]
      : []),
  ];
}

/** Links that only one of two nodes has, or over which no answer comes: half a partition, or one that is not noticed yet. */
function linkReasons(node: NodeName, sights: readonly Sight[]): readonly Reason[] {
  return linksOf(sights)
    .filter(({ from, to }) => from === node || to === node)
    .flatMap(({ from, to, state }): readonly Reason[] => {
      if (state === 'silent') {
        return [
          { code: 'link.silent', level: 'degraded', message: `${from} and ${to} are connected and do not answer.` },
        ];
      }
      if (state !== 'one_way') return [];
      return [{ code: 'link.one_way', level: 'degraded', message: `${from} sees ${to}, but not the other way round.` }];
    });
}

type Item = { readonly node: NodeName; readonly status: string; readonly health: Level };

function clusterReasons(items: readonly Item[], sights: readonly Sight[]): Reason[] {
  const islands = islandsOf(sights);
  const away = items.filter(({ status }) => status !== 'up');
  const ill = items.filter(({ status, health }) => status === 'up' && health !== 'healthy');
  const names = (some: readonly Item[]) => some.map(({ node }) => node).join(', ');
  const isMajorityAway = away.length * 2 >= items.length;
  return [
    ...(islands.length > 1
      ? [
          {
            code: 'cluster.partitioned',
            level: 'critical' as const,
            message: `The cluster is in ${islands.length} parts: ${islands.map((island) => island.join(', ')).join(' | ')}.`,
          },
        ]
      : []),
    ...(away.length > 0
      ? [
          {
            code: 'cluster.nodes_missing',
            level: isMajorityAway ? ('critical' as const) : ('degraded' as const),
            message: `Not there: ${names(away)}.`,
          },
        ]
      : []),
    ...(ill.length > 0
      ? [
          {
            code: 'cluster.nodes_ill',
            level: worst(ill.map(({ health }) => health)),
            message: `Not healthy: ${names(ill)}.`,
          },
        ]
      : []),
  ];
}

function silent(node: NodeName): Reason {
  return { code: 'node.silent', level: 'critical', message: `${node} did not answer.` };
}

function over(code: string, level: Level, message: string, value: number, threshold: number): Reason {
  return { code, level, message, value, threshold };
}

function worst(found: readonly Level[]): Level {
  return levels.findLast((level) => found.includes(level)) ?? 'healthy';
}

function coveredAs(node: NodeName, answer: Result<unknown>): NodeCoverage {
  return answer.ok ? { node, status: 'ok' } : { node, status: 'partial', error: answer.error };
}
