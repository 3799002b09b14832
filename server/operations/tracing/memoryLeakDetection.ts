import { setTimeout as delay } from 'node:timers/promises';
import { Type } from 'typebox';
import { nodeNotFound, nodeUnavailable } from '../../../runtime/errors.ts';
import type { ArsenalError, Json, NodeCoverage, NodeName, ProcessRef, Result } from '../../../runtime/model.ts';
import { ok, pidText, processId } from '../../../runtime/model.ts';
import type { Context } from '../../core/context.ts';
import { defineOperation } from '../../core/operation.ts';
import { eachNode } from '../eachNode.ts';
import { nodeFilterParam } from '../parameters.ts';
import { cell, processAt } from '../processRows.ts';
import { noNode } from '../resolve.ts';
import { drain } from '../streams.ts';
import { displayOf, shownName } from '../terms.ts';
import type { Reading } from './growth.ts';
import { fewestReadings, growthOf } from './growth.ts';
import { known } from '../knownErrors.ts';
import type { TaskOutcome } from './taskResults.ts';
import { leakKinds } from './taskResults.ts';
import type { Tasks } from './tasks.ts';
import { begunFields, begunRow } from './tasks.ts';

const needs = ['cluster.nodes', 'system.memory', 'processes.scan', 'processes.info'] as const;
const mayUse = ['system.stats', 'system.ets'] as const;
type LeakContext = Context<(typeof needs)[number] | (typeof mayUse)[number]>;

const longestMs = 600_000;
/** A node that takes longer to say one thing is taken for one that does not answer. */
const longestReadMs = 10_000;
/** Processes looked at again at each reading: those that were ever among the largest. */
const mostProcesses = 200;
const largestPerReading = 20;
const leastBytes = 256 * 1024;
const leastMessages = 100;
const leastAtoms = 500;

/** Finds what grows and does not stop. */
export function memoryLeakDetection(tasks: Tasks) {
  return defineOperation({
    name: 'memory_leak_detection',
    title: 'Detect Memory Leaks',
    description:
      'Begins to look for leaks, and answers an id at once; get_trace_results brings the readings, and in the end what was found. Reads memory by kind, the largest processes and mailboxes, tables and atoms again and again, and says what grew steadily (least squares). What rises and falls with garbage collection is left out. Longer is surer.',
    category: 'tracing',
    severity: 'diagnose',
    idempotent: true,
    version: 2,
    needs,
    mayUse,
    params: Type.Object({
      node: nodeFilterParam,
      everyMs: Type.Integer({ minimum: 200, maximum: 60_000, default: 1_000, description: 'Between two readings.' }),
      forMs: Type.Integer({ minimum: 1_000, maximum: longestMs, default: 15_000, description: 'How long it reads.' }),
    }),
    result: Type.Object({ ...begunFields, nodes: Type.Array(Type.String()) }),
    route: { method: 'POST', path: '/system/leaks' },
    examples: [{ title: 'For two seconds', params: { forMs: 2000, everyMs: 200 } }],
    errors: [known.nodeUnavailable, known.nodeNotFound, known.tooManyTasks],
    validate: ({ everyMs, forMs }) =>
      forMs >= everyMs * (fewestReadings - 1)
        ? []
        : [
            {
              pointer: '/everyMs',
              message: `leaves fewer than ${String(fewestReadings)} readings: nothing can be told.`,
            },
          ],
    async execute(context, { node, everyMs, forMs }) {
      const nodes = await reachableNodes(context, node);
      if (!nodes.ok) return nodes;
      const begun = tasks.begin(context, {
        kind: 'leaks',
        subject: node ?? 'all nodes',
        nodes: nodes.value,
        forMs,
        run: (task) => searched(task, node, everyMs, forMs),
      });
      return begun.ok ? ok({ ...begunRow(begun.value), nodes: nodes.value }) : begun;
    },
  });
}

/** Those that it will read: what is not there is said at once. */
async function reachableNodes(context: LeakContext, node: NodeName | undefined): Promise<Result<NodeName[]>> {
  const all = await context.port.cluster.nodes({}, context.options());
  if (!all.ok) return all;
  const known = all.value.nodes.filter((one) => node === undefined || one.node === node);
  const up = known.filter(({ reach }) => reach.via !== 'none').map((one) => one.node);
  if (up.length > 0) return ok(up);
  return node === undefined ? noNode() : known.length === 0 ? nodeNotFound(node) : nodeUnavailable(node);
}

async function searched(
  task: LeakContext,
  node: NodeName | undefined,
  everyMs: number,
  forMs: number,
): Promise<Result<TaskOutcome>> {
  const asked = await eachNode(task, node, (name) => watchNode(task, name, everyMs, forMs));
  if (!asked.ok && !task.signal.aborted) return asked;
  const { answers, nodes } = asked.ok ? asked.value : { answers: [], nodes: [] };
  return ok({
    is: 'leaks',
    result: {
      suspects: answers.flatMap(({ node: name, value }) => value.series.suspects(name)),
      readings: Math.max(0, ...answers.map(({ value }) => value.readings)),
      endedBy: task.signal.aborted ? 'stopped' : 'time',
      unseen: answers.flatMap(({ value }) => [...value.unseen.values()]),
      nodes: nodes.map((one) => partly(one, answers.find(({ node: name }) => name === one.node)?.value.lost ?? null)),
    },
  });
}

/** A node that went away in the middle has readings all the same. */
function partly(covered: NodeCoverage, lost: ArsenalError | null): NodeCoverage {
  return lost === null ? covered : { node: covered.node, status: 'partial', error: lost };
}

type Watched = {
  readonly series: SeriesBook;
  readonly readings: number;
  readonly unseen: Map<string, Json>;
  /** Why it could not be read to the end. */
  readonly lost: ArsenalError | null;
};

async function watchNode(
  context: LeakContext,
  node: NodeName,
  everyMs: number,
  forMs: number,
): Promise<Result<Watched>> {
  const series = new SeriesBook();
  const unseen = new Map<string, Json>();
  const tracked = new Map<string, ProcessRef>();
  const started = performance.now();
  const isStopped = (): boolean => context.signal.aborted;
  let readings = 0;
  for (;;) {
    const atMs = performance.now() - started;
    const memory = await context.port.system.memory({ node }, context.options(longestReadMs));
    // Stopped in the middle of a reading, it has those before; so has one whose node went away.
    if (isStopped()) break;
    if (!memory.ok && readings === 0) return memory;
    if (!memory.ok) return ok({ series, readings, unseen, lost: memory.error });
    for (const [kind, value] of Object.entries(memory.value.bytes)) {
      if (!summed.has(kind)) series.add({ kind: 'memory', subject: kind, pid: null }, { atMs, value });
    }
    const looks = await Promise.all([
      readProcesses(context, node, tracked, series, atMs),
      readTables(context, node, series, atMs),
      readAtoms(context, node, series, atMs),
    ]);
    if (isStopped()) break;
    for (const [at, look] of looks.entries()) if (!look.ok) unseen.set(String(at), briefly(node, look.error));
    readings += 1;
    await context.emit({
      is: 'rows',
      rows: [{ node, reading: readings, memoryBytes: memory.value.bytes['total'] ?? null }],
    });
    const nextAt = readings * everyMs;
    if (nextAt > forMs || isStopped()) break;
    await delay(Math.max(0, nextAt - (performance.now() - started)), undefined, { signal: context.signal }).catch(
      () => undefined,
    );
  }
  return ok({ series, readings, unseen, lost: null });
}

/** Sums of the others: what grows shows in its own kind. */
const summed: ReadonlySet<string> = new Set(['total', 'system', 'processes_used', 'atom_used']);

function briefly(node: NodeName, { code, message, remedy }: ArsenalError): Json {
  return { node, code, message, remedy };
}

/** Memory, binaries held outside the heap, and mailboxes of those that are among the largest now or were before. */
async function readProcesses(
  context: LeakContext,
  node: NodeName,
  tracked: Map<string, ProcessRef>,
  series: SeriesBook,
  atMs: number,
): Promise<Result<null>> {
  for (const by of ['memory', 'message_queue_len', 'binary_bytes'] as const) {
    const top = { n: largestPerReading, by, direction: 'descending' } as const;
    const found = await drain(
      context.port.processes.scan(
        { nodes: [node], keys: [by], top, pageRows: largestPerReading, allowCostly: true },
        context.options(longestReadMs),
      ),
      (page) => {
        for (const at of page.ids.keys()) {
          const process = processAt(page, at);
          if (tracked.size < mostProcesses) tracked.set(processId(process), process);
        }
      },
    );
    if (!found.ok) return found;
  }
  const info = await context.port.processes.info(
    {
      pids: [...tracked.values()],
      keys: ['memory', 'message_queue_len', 'binary_bytes', 'registered_name', 'initial_call'],
    },
    context.options(longestReadMs),
  );
  if (!info.ok) return info;
  for (const gone of info.value.gone) tracked.delete(processId(gone));
  for (const page of info.value.pages) {
    for (const at of page.ids.keys()) {
      const process = processAt(page, at);
      const name = cell(page, 'registered_name', at) ?? cell(page, 'initial_call', at);
      const subject = `${pidText(process)}${typeof name === 'string' ? ` (${shownName(name)})` : ''}`;
      const of = { subject, pid: processId(process) };
      const [memory, messages] = [cell(page, 'memory', at), cell(page, 'message_queue_len', at)];
      const binaries = cell(page, 'binary_bytes', at);
      if (typeof binaries === 'number') series.add({ kind: 'process_binaries', ...of }, { atMs, value: binaries });
      if (typeof memory === 'number') series.add({ kind: 'process_memory', ...of }, { atMs, value: memory });
      if (typeof messages === 'number') series.add({ kind: 'mailbox', ...of }, { atMs, value: messages });
    }
  }
  return ok(null);
}

async function readTables(
  context: LeakContext,
  node: NodeName,
  series: SeriesBook,
  atMs: number,
): Promise<Result<unknown>> {
  return drain(context.port.system.ets({ node }, context.options(longestReadMs)), (rows) => {
    for (const { id, name, owner, bytes } of rows) {
      const subject = id.t === 'atom' ? name : `${name} ${displayOf(id)}`;
      series.add({ kind: 'ets_table', subject, pid: processId(owner) }, { atMs, value: bytes });
    }
  });
}

async function readAtoms(
  context: LeakContext,
  node: NodeName,
  series: SeriesBook,
  atMs: number,
): Promise<Result<unknown>> {
  const stats = await context.port.system.stats({ node }, context.options(longestReadMs));
  if (stats.ok && stats.value.atomCount !== null) {
    series.add({ kind: 'atoms', subject: 'atoms', pid: null }, { atMs, value: stats.value.atomCount });
  }
  return stats;
}

type Subject = { readonly kind: (typeof leakKinds)[number]; readonly subject: string; readonly pid: string | null };

/** Readings by what they are of. */
class SeriesBook {
  readonly #series = new Map<string, { readonly of: Subject; readonly readings: Reading[] }>();

  add(of: Subject, reading: Reading): void {
    // A process may get a name meanwhile; a table is named by itself, and so is a kind of memory.
    const isOfProcess = of.kind !== 'ets_table' && of.pid !== null;
    const key = `${of.kind} ${of.pid ?? ''} ${isOfProcess ? '' : of.subject}`;
    const held = this.#series.get(key) ?? { of, readings: [] };
    held.readings.push(reading);
    this.#series.set(key, held);
  }

  /** What grew steadily, fastest first within its kind. */
  suspects(node: NodeName) {
    return [...this.#series.values()]
      .flatMap(({ of, readings }) => {
        const growth = growthOf(readings, leastGrowth(of.kind));
        return growth === null ? [] : [{ node, ...of, ...growth, remedy: remedies[of.kind] }];
      })
      .toSorted((a, b) => leakKinds.indexOf(a.kind) - leakKinds.indexOf(b.kind) || b.perSecond - a.perSecond);
  }
}

function leastGrowth(kind: Subject['kind']): number {
  if (kind === 'mailbox') return leastMessages;
  return kind === 'atoms' ? leastAtoms : leastBytes;
}

const remedies = {
  memory:
    'See the processes and tables below it; `binary` that grows while their owners do not collect: garbage_collect_process.',
  process_memory: 'Look at its state; garbage_collect_process tells whether what it holds is garbage.',
  process_binaries:
    'It holds on to large binaries outside its heap: a slice of one keeps the whole (binary:copy/1), and one that seldom collects keeps all.',
  mailbox: 'It gets more than it handles: see with analyze_message_queue what waits.',
  ets_table: 'Its owner puts in more than it takes out.',
  atoms: 'Atoms are never freed: find what makes them from outside text (binary_to_atom, String.to_atom).',
} as const;
