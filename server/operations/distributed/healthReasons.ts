/** Why a node, or the cluster, is not healthy: what is found, how grave it is, and what to do. Pure. */
import type { Static } from 'typebox';
import { Type } from 'typebox';
import type { Json, NodeInfo, NodeName, NodeStats } from '../../../runtime/model.ts';
import type { Sight } from '../nodeRows.ts';
import { islandsOf, linksOf } from '../nodeRows.ts';
import type { Condition } from './nodeConditions.ts';

export const levels = ['healthy', 'degraded', 'critical'] as const;
export type Level = (typeof levels)[number];

export const reasonResult = Type.Object({
  code: Type.String(),
  level: Type.Enum([...levels], { description: 'healthy: worth knowing, and nothing wrong.' }),
  message: Type.String(),
  remedy: Type.String(),
  value: Type.Optional(Type.Number()),
  threshold: Type.Optional(Type.Number()),
  pid: Type.Optional(Type.String({ description: 'The process that it is about.' })),
});
export type Reason = Static<typeof reasonResult>;

const share = (of: string) =>
  Type.Number({
    minimum: 0,
    maximum: 1,
    default: 0.8,
    description: `Share of the ${of} in use above which a node is degraded; it is critical half way from there to the limit.`,
  });

export const thresholdParams = Type.Object({
  runQueuePerScheduler: Type.Number({
    minimum: 0,
    maximum: 1_000_000,
    default: 3,
    description: 'Processes waiting to run, per scheduler, above which a node is degraded.',
  }),
  processLimitShare: share('process limit'),
  atomLimitShare: share('atom limit'),
  portLimitShare: share('port limit'),
  memoryBytes: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'Memory of a node above which it is degraded; not looked at when absent.',
    }),
  ),
  answerMs: Type.Integer({
    minimum: 1,
    maximum: 60_000,
    default: 5_000,
    description: 'A node that does not answer within this is silent.',
  }),
  mailboxLength: Type.Integer({
    minimum: 1,
    maximum: 1_000_000_000,
    default: 10_000,
    description: 'Messages waiting in one process above which its node is degraded.',
  }),
});
export type Thresholds = Static<typeof thresholdParams>;

/** From its figures, and what `system.info` says of limits; what is not known is not judged. */
export function loadReasons(
  stats: NodeStats,
  entries: { readonly [key: string]: Json },
  thresholds: Thresholds,
): readonly Reason[] {
  const { runQueuePerScheduler, processLimitShare, atomLimitShare, portLimitShare, memoryBytes } = thresholds;
  const { runQueue, schedulersOnline, processCount, processLimit, atomCount } = stats;
  const runQueueLimit = runQueuePerScheduler * schedulersOnline;
  return [
    ...(runQueue > runQueueLimit
      ? [
          over(
            'node.run_queue',
            'degraded',
            `${String(runQueue)} processes wait to run.`,
            'See what takes the processor: list_processes by reductions, or profile_process.',
            { value: runQueue, threshold: runQueueLimit },
          ),
        ]
      : []),
    ...nearLimit('process', processCount, processLimit ?? entries['processLimit'], processLimitShare),
    ...nearLimit('atom', atomCount ?? entries['atomCount'], entries['atomLimit'], atomLimitShare),
    ...nearLimit('port', entries['portCount'], entries['portLimit'], portLimitShare),
    ...(memoryBytes !== undefined && stats.memoryBytes !== null && stats.memoryBytes > memoryBytes
      ? [
          over(
            'node.memory',
            'degraded',
            `It has ${String(Math.round(stats.memoryBytes / 1_048_576))} MiB of memory.`,
            'See get_memory_info for what it is, list_processes by memory for whose.',
            { value: stats.memoryBytes, threshold: memoryBytes },
          ),
        ]
      : []),
  ];
}

const fullTable: { readonly [what: string]: string } = {
  process:
    'Find who starts processes that do not end: list_processes, by initialCall. A node without room starts none.',
  atom: 'Find what makes atoms from data (binary_to_atom, String.to_atom): they are never given back, and a full table ends the node.',
  port: 'Close files and sockets that are left open: list_ports tells whose they are.',
};

function nearLimit(
  what: 'process' | 'atom' | 'port',
  count: Json | undefined,
  limit: Json | undefined,
  allowed: number,
): readonly Reason[] {
  if (typeof count !== 'number' || typeof limit !== 'number' || limit === 0) return [];
  const part = count / limit;
  if (part <= allowed) return [];
  const level = part > (1 + allowed) / 2 ? 'critical' : 'degraded';
  const message = `${String(count)} of ${String(limit)} ${what === 'process' ? 'processes' : `${what}s`} are in use.`;
  return [over(`node.${what}_limit`, level, message, fullTable[what] ?? '', { value: part, threshold: allowed })];
}

/** The longest mailbox of a node, where it is too long. */
export function mailboxReasons(
  longest: { readonly length: number; readonly pid: string } | null,
  threshold: number,
): readonly Reason[] {
  if (longest === null || longest.length <= threshold) return [];
  const { length, pid } = longest;
  const message = `${pid} has ${String(length)} messages waiting.`;
  const remedy = 'See what they are with analyze_message_queue, and what it does meanwhile with get_process_info.';
  return [{ ...over('process.mailbox', 'degraded', message, remedy, { value: length, threshold }), pid }];
}

/** Links that only one of two nodes has, or over which no answer comes: half a partition, or one that is not noticed yet. */
export function linkReasons(node: NodeName, sights: readonly Sight[]): readonly Reason[] {
  return linksOf(sights)
    .filter(({ from, to }) => from === node || to === node)
    .flatMap(({ from, to, state }): readonly Reason[] => {
      if (state === 'silent') {
        const message = `${from} and ${to} are connected and do not answer.`;
        const remedy = 'Look at the network between them: they will part when net_ticktime is over.';
        return [{ code: 'link.silent', level: 'degraded', message, remedy }];
      }
      if (state !== 'one_way') return [];
      const message = `${from} sees ${to}, but not the other way round.`;
      const remedy = 'If it stays so, disconnect the one from the other, so that they connect anew.';
      return [{ code: 'link.one_way', level: 'degraded', message, remedy }];
    });
}

/** Of a node that does not answer. */
export function conditionReason({ is, message, remedy }: Condition): Reason {
  return { code: `node.${is}`, level: 'critical', message, remedy };
}

type Item = { readonly node: NodeName; readonly status: string; readonly health: Level };

/** What concerns more than one node. */
export function clusterReasons(
  items: readonly Item[],
  nodes: readonly NodeInfo[],
  sights: readonly Sight[],
): readonly Reason[] {
  const islands = islandsOf(sights);
  const away = items.filter(({ status }) => status !== 'up');
  const ill = items.filter(({ status, health }) => status === 'up' && health !== 'healthy');
  const names = (some: readonly Item[]) => some.map(({ node }) => node).join(', ');
  const releases = [...new Set(nodes.flatMap(({ otpRelease }) => otpRelease ?? []))].toSorted();
  return [
    ...(islands.length > 1
      ? [
          {
            code: 'cluster.partitioned',
            level: 'critical' as const,
            message: `The cluster is in ${String(islands.length)} parts: ${islands.map((island) => island.join(', ')).join(' | ')}.`,
            remedy:
              'Mend the network. Nodes that do not find each other again by themselves are connected with net_adm:ping or libcluster.',
          },
        ]
      : []),
    ...(away.length > 0
      ? [
          {
            code: 'cluster.nodes_missing',
            level: away.length * 2 >= items.length ? ('critical' as const) : ('degraded' as const),
            message: `Not there: ${names(away)}.`,
            remedy: 'See the reasons of each below.',
          },
        ]
      : []),
    ...(ill.length > 0
      ? [
          {
            code: 'cluster.nodes_ill',
            level: worst(ill.map(({ health }) => health)),
            message: `Not healthy: ${names(ill)}.`,
            remedy: 'See the reasons of each below.',
          },
        ]
      : []),
    ...(releases.length > 1
      ? [
          {
            code: 'cluster.releases_differ',
            level: 'healthy' as const,
            message: `Nodes run different releases of OTP: ${releases.join(', ')}.`,
            remedy: 'While you upgrade that is as it should be: nodes at most two releases apart work together.',
          },
        ]
      : []),
  ];
}

function over(
  code: string,
  level: Level,
  message: string,
  remedy: string,
  figures: { readonly value: number; readonly threshold: number },
): Reason {
  return { code, level, message, remedy, ...figures };
}

/** The gravest of them; healthy where there is none. */
export function worst(found: readonly Level[]): Level {
  return levels.findLast((level) => found.includes(level)) ?? 'healthy';
}
