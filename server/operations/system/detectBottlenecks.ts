import type { Static } from 'typebox';
import { Type } from 'typebox';
import type { ArsenalError, Json, NodeName, NodeStats, Result } from '../../../runtime/model.ts';
import { ok, pidText } from '../../../runtime/model.ts';
import type { Answer } from '../../../runtime/port.ts';
import type { Context } from '../../core/context.ts';
import { defineOperation } from '../../core/operation.ts';
import { eachNode } from '../eachNode.ts';
import { coverageResult, nodeFilterParam, nullable } from '../parameters.ts';
import { cell, namedProcess, processAt } from '../processRows.ts';
import { drain } from '../streams.ts';
import { shownName } from '../terms.ts';
import { known } from '../knownErrors.ts';

const needs = ['cluster.nodes', 'system.stats', 'processes.scan'] as const;
const mayUse = ['system.schedulers', 'system.info', 'system.ports'] as const;
type BottleneckContext = Context<(typeof needs)[number] | (typeof mayUse)[number]>;

/** Where a figure becomes a finding. Each is told with the finding, so that who reads it can judge for themselves. */
const part = (value: number, description: string) =>
  Type.Number({ exclusiveMinimum: 0, maximum: 1, default: value, description });
const atLeast = (value: number, description: string) => Type.Integer({ minimum: 1, default: value, description });
const thresholdsParam = Type.Object(
  {
    messages: atLeast(1_000, 'Messages in a mailbox.'),
    processBytes: atLeast(100 * 1024 * 1024, 'Memory of a process.'),
    queuedPerScheduler: atLeast(2, 'Processes that wait for each scheduler.'),
    utilisation: part(0.9, 'The part of the time that schedulers are busy.'),
    partOfLimit: part(0.8, 'The part of a table of processes, ports, atoms or ETS tables that is taken.'),
    portQueueBytes: atLeast(1024 * 1024, 'Bytes that wait to be written to a connection.'),
  },
  { default: {}, description: 'Where a figure becomes a finding.' },
);
type Thresholds = Static<typeof thresholdsParam>;
/** What is looked at, and how. */
type Task = { readonly forMs: number; readonly thresholds: Thresholds; readonly perKind: number };
/** A node that is well is looked at for so long. */
const glanceMs = 50;

const findingResult = Type.Object({
  node: Type.String(),
  kind: Type.Enum(['mailbox', 'run_queue', 'schedulers', 'limit', 'process_memory', 'port_queue']),
  message: Type.String({ description: 'What was found, in words.' }),
  value: Type.Number(),
  threshold: Type.Number(),
  pid: nullable(Type.String({ description: 'The id of the process it is about.' })),
  remedy: Type.String(),
});
type Finding = {
  readonly node: NodeName;
  readonly kind: 'mailbox' | 'run_queue' | 'schedulers' | 'limit' | 'process_memory' | 'port_queue';
  readonly message: string;
  readonly value: number;
  readonly threshold: number;
  readonly pid: string | null;
  readonly remedy: string;
};
/** Something that could not be looked at, and why. */
type Unseen = { readonly node: NodeName; readonly what: string; readonly error: Json };

export const detectBottlenecks = defineOperation({
  name: 'detect_bottlenecks',
  title: 'Detect Bottlenecks',
  description:
    'Looks for what commonly slows a node down: long mailboxes, more to run than schedulers, busy schedulers, full tables of processes, ports or atoms, very large processes, connections that do not keep up. Each finding says the figure and the threshold; what was not looked at is said too.',
  category: 'system',
  severity: 'diagnose',
  idempotent: true,
  needs,
  mayUse,
  params: Type.Object({
    node: nodeFilterParam,
    forMs: Type.Integer({
      minimum: 10,
      maximum: 30_000,
      default: 250,
      description:
        'How long schedulers are measured, with queues looked at before and after, where 50 ms show half of what would be a finding.',
    }),
    thresholds: thresholdsParam,
    perKind: Type.Integer({
      minimum: 1,
      maximum: 100,
      default: 10,
      description: 'The most processes that are told of a node: those with the longest mailboxes, and the largest.',
    }),
  }),
  result: Type.Object({
    findings: Type.Array(findingResult),
    unseen: Type.Array(Type.Unsafe<Unseen>({ type: 'object' }), { description: 'What could not be looked at.' }),
    nodes: coverageResult,
  }),
  route: { method: 'GET', path: '/system/bottlenecks' },
  examples: [
    { title: 'Of the whole cluster', params: {} },
    { title: 'Small ones too', params: { thresholds: { messages: 100, processBytes: 10_485_760 }, perKind: 3 } },
  ],
  errors: [known.nodeUnavailable, known.nodeNotFound],
  timeoutMs: 60_000,
  async execute(context, { node, ...task }) {
    const asked = await eachNode(context, node, (name) => lookAt(context, name, task));
    if (!asked.ok) return asked;
    const { answers, nodes } = asked.value;
    return ok({
      findings: answers.flatMap(({ value }) => value.findings),
      unseen: answers.flatMap(({ value }) => value.unseen),
      nodes,
    });
  },
});

type Looked = { readonly findings: Finding[]; readonly unseen: Unseen[] };

async function lookAt(context: BottleneckContext, node: NodeName, task: Task): Promise<Result<Looked>> {
  const { forMs, thresholds } = task;
  const glance = await lookOver(context, node, Math.min(glanceMs, forMs));
  if (!glance.ok) return glance;
  const isSure = forMs <= glanceMs || !isSuspect(glance.value, thresholds);
  const stretch = isSure ? glance : await lookOver(context, node, forMs);
  if (!stretch.ok) return stretch;
  const { before, after, schedulers } = stretch.value;
  const limits = await context.port.system.info({ node }, context.options());
  const longest = await topBy(context, node, 'message_queue_len', task);
  const largest = await topBy(context, node, 'memory', task);
  const ports = await fullPorts(context, node, thresholds);
  const unseen = [
    unseenOf(node, 'schedulers', schedulers),
    unseenOf(node, 'limits', limits),
    unseenOf(node, 'mailboxes', longest),
    unseenOf(node, 'memory of processes', largest),
    unseenOf(node, 'ports', ports),
  ].flat();
  const findings = [
    ...runQueue(node, before, after, thresholds),
    ...(schedulers.ok ? busySchedulers(node, schedulers.value.schedulers, thresholds) : []),
    ...fullTables(node, after, limits.ok ? limits.value.entries : {}, thresholds),
    ...(longest.ok ? longest.value : []),
    ...(largest.ok ? largest.value : []),
    ...(ports.ok ? ports.value : []),
  ];
  return ok({ findings, unseen });
}

/** A stretch of time: the queues before and after it, and how busy the schedulers were meanwhile. */
type Stretch = {
  readonly before: NodeStats;
  readonly after: NodeStats;
  readonly schedulers: Result<Answer<'system.schedulers'>>;
};

async function lookOver(context: BottleneckContext, node: NodeName, forMs: number): Promise<Result<Stretch>> {
  const { system } = context.port;
  const before = await system.stats({ node }, context.options());
  if (!before.ok) return before;
  const schedulers = await system.schedulers({ node, forMs }, context.options());
  const after = await system.stats({ node }, context.options());
  return after.ok ? ok({ before: before.value, after: after.value, schedulers }) : after;
}

/** Whether half of what would be a finding was seen: then it is worth a longer look, which decides. */
function isSuspect({ before, after, schedulers }: Stretch, thresholds: Thresholds): boolean {
  const waiting = Math.min(before.runQueue, after.runQueue);
  if (waiting * 2 > after.schedulersOnline * thresholds.queuedPerScheduler) return true;
  return schedulers.ok && busyKinds(schedulers.value.schedulers, thresholds.utilisation / 2).length > 0;
}

function unseenOf(node: NodeName, what: string, looked: Result<unknown>): Unseen[] {
  return looked.ok ? [] : [{ node, what, error: briefly(looked.error) }];
}

function briefly({ code, message, remedy }: ArsenalError): Json {
  return { code, message, remedy };
}

/** A queue that is long at one moment is nothing; at both, it stays. */
function runQueue(node: NodeName, before: NodeStats, after: NodeStats, thresholds: Thresholds): Finding[] {
  const least = Math.min(before.runQueue, after.runQueue);
  const threshold = after.schedulersOnline * thresholds.queuedPerScheduler;
  if (least <= threshold) return [];
  return [
    {
      node,
      kind: 'run_queue',
      message: `${String(least)} processes wait for one of ${String(after.schedulersOnline)} schedulers, before and after.`,
      value: least,
      threshold,
      pid: null,
      remedy: 'See which processes take the most reductions (list_processes, sort -reductions), or profile one.',
    },
  ];
}

type Schedulers = Answer<'system.schedulers'>['schedulers'];

/** The kinds of schedulers that are that busy, and how busy they are. */
function busyKinds(all: Schedulers, least: number) {
  return (['normal', 'dirty_cpu', 'dirty_io'] as const).flatMap((kind) => {
    const ofKind = all.filter((scheduler) => scheduler.kind === kind);
    // Those that sleep because there is nothing for them are no sign: the busiest half tells.
    const busiest = ofKind.map(({ utilisation }) => utilisation).toSorted((a, b) => b - a);
    const half = busiest.slice(0, Math.max(1, Math.ceil(busiest.length / 2)));
    const mean = half.reduce((sum, one) => sum + one, 0) / half.length;
    return ofKind.length === 0 || mean < least ? [] : [{ kind, mean }];
  });
}

function busySchedulers(node: NodeName, all: Schedulers, thresholds: Thresholds): Finding[] {
  return busyKinds(all, thresholds.utilisation).map(({ kind, mean }) => ({
    node,
    kind: 'schedulers',
    message: `The ${kind.replace('_', ' ')} schedulers were busy ${String(Math.round(mean * 100))} % of the time.`,
    value: mean,
    threshold: thresholds.utilisation,
    pid: null,
    remedy:
      kind === 'normal'
        ? 'See which processes take the most reductions, or profile one.'
        : 'See which native functions or file operations run on dirty schedulers.',
  }));
}

function fullTables(
  node: NodeName,
  stats: NodeStats,
  entries: { readonly [key: string]: Json },
  thresholds: Thresholds,
): Finding[] {
  const tables = [
    ['processes', stats.processCount, stats.processLimit ?? entries['processLimit']],
    ['atoms', stats.atomCount ?? entries['atomCount'], entries['atomLimit']],
    ['ports', entries['portCount'], entries['portLimit']],
    ['ETS tables', entries['etsCount'], entries['etsLimit']],
  ] as const;
  return tables.flatMap(([what, count, limit]) => {
    if (typeof count !== 'number' || typeof limit !== 'number' || limit === 0) return [];
    const taken = count / limit;
    if (taken < thresholds.partOfLimit) return [];
    return [
      {
        node,
        kind: 'limit' as const,
        message: `${String(Math.round(taken * 100))} % of the ${what} that the node can have: ${String(count)} of ${String(limit)}.`,
        value: taken,
        threshold: thresholds.partOfLimit,
        pid: null,
        remedy: 'Find what makes them and does not end; a node whose table is full fails or ends.',
      },
    ];
  });
}

async function topBy(
  context: BottleneckContext,
  node: NodeName,
  key: 'message_queue_len' | 'memory',
  { thresholds, perKind }: Task,
): Promise<Result<Finding[]>> {
  const threshold = key === 'memory' ? thresholds.processBytes : thresholds.messages;
  const found: Finding[] = [];
  const end = await drain(
    context.port.processes.scan(
      {
        nodes: [node],
        keys: [key, 'registered_name', 'initial_call'],
        top: { n: perKind, by: key, direction: 'descending' },
        pageRows: perKind,
        // Who asks for bottlenecks asks for this cost.
        allowCostly: true,
      },
      context.options(),
    ),
    (page) => {
      for (const at of page.ids.keys()) {
        const value = cell(page, key, at);
        if (typeof value !== 'number' || value < threshold) continue;
        const process = processAt(page, at);
        const name = cell(page, 'registered_name', at) ?? cell(page, 'initial_call', at);
        const who = `${pidText(process)}${typeof name === 'string' ? ` (${shownName(name)})` : ''}`;
        found.push({ node, ...aboutProcess(key, who, value), value, threshold, pid: namedProcess(process).pid });
      }
    },
  );
  return end.ok ? ok(found) : end;
}

function aboutProcess(key: 'message_queue_len' | 'memory', who: string, value: number) {
  return key === 'memory'
    ? {
        kind: 'process_memory' as const,
        message: `${who} holds ${String(Math.round(value / 1024 / 1024))} MiB.`,
        remedy: 'Look at its state and mailbox; garbage_collect_process tells whether it is garbage.',
      }
    : {
        kind: 'mailbox' as const,
        message: `${String(value)} messages wait in the mailbox of ${who}.`,
        remedy: 'See with analyze_message_queue what they are and what the process does instead.',
      };
}

/** Connections whose other side, or network, does not keep up. */
async function fullPorts(
  context: BottleneckContext,
  node: NodeName,
  thresholds: Thresholds,
): Promise<Result<Finding[]>> {
  const found: Finding[] = [];
  const where = { key: 'queueBytes', op: 'ge', value: thresholds.portQueueBytes } as const;
  const end = await drain(context.port.system.ports({ node, where }, context.options()), (rows) => {
    for (const { id, name, remote, queueBytes, owner } of rows) {
      if (queueBytes === null) continue;
      found.push({
        node,
        kind: 'port_queue',
        message: `${String(queueBytes)} bytes wait to be written to ${remote ?? id} (${name}).`,
        value: queueBytes,
        threshold: thresholds.portQueueBytes,
        pid: owner === null ? null : namedProcess(owner).pid,
        remedy: 'The other side reads too slowly: see what it does, or send it less.',
      });
    }
  });
  return end.ok ? ok(found) : end;
}
