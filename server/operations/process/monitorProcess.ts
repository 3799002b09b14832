import { Type } from 'typebox';
import { childOptions } from '../../../runtime/callOptions.ts';
import { timedOut } from '../../../runtime/errors.ts';
import type { ProcessRef, Result } from '../../../runtime/model.ts';
import { ok, pidText } from '../../../runtime/model.ts';
import type { Term } from '../../../runtime/term/term.ts';
import type { Context } from '../../core/context.ts';
import { defineOperation } from '../../core/operation.ts';
import { known } from '../knownErrors.ts';
import { onNodeParam, pidParam, placementOfProcess } from '../parameters.ts';
import { namedProcess, processFieldNames, processFields, rowsOf } from '../processRows.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';
import { drain } from '../streams.ts';
import { shownTerm } from '../terms.ts';
import type { TaskOutcome } from '../tracing/taskResults.ts';
import type { Tasks } from '../tracing/tasks.ts';
import { begunFields, begunRow } from '../tracing/tasks.ts';

const needs = [...resolveNeeds, 'processes.monitor'] as const;
const longestMs = 600_000;
const firstWithinMs = 20_000;

/** Watches a process. */
export function monitorProcess(tasks: Tasks) {
  return defineOperation({
    name: 'monitor_process',
    title: 'Monitor Process',
    description:
      'Begins to watch a process for a while, and answers an id at once: get_trace_results brings its figures as they are read, and in the end its end, seen by a monitor, with the reason.',
    category: 'process',
    severity: 'read',
    idempotent: true,
    version: 2,
    needs,
    params: Type.Object({
      pid: pidParam,
      node: onNodeParam,
      everyMs: Type.Integer({ minimum: 100, maximum: 60_000, default: 1_000, description: 'Between two readings.' }),
      forMs: Type.Integer({
        minimum: 100,
        maximum: longestMs,
        default: 10_000,
        description: 'How long it is watched.',
      }),
    }),
    result: Type.Object({ ...begunFields, ...placementOfProcess }),
    route: { method: 'POST', path: '/processes/:pid/monitor' },
    examples: [
      { title: 'For a second', params: { pid: 'Shop.Catalog', node: 'demo1@sim', forMs: 1000, everyMs: 200 } },
    ],
    errors: [known.processNotFound, known.nameAmbiguous, known.nodeUnavailable, known.tooManyTasks],
    async execute(context, { pid, node, everyMs, forMs }) {
      const found = await resolveProcess(context, { text: pid, node, pointer: '/pid' });
      if (!found.ok) return found;
      const process = found.value;
      const begun = tasks.begin(context, {
        kind: 'monitor',
        subject: pidText(process),
        nodes: [process.node],
        forMs,
        run: (task) => watched(task, process, { everyMs, forMs }),
      });
      return begun.ok ? ok({ ...begunRow(begun.value), ...namedProcess(process) }) : begun;
    },
  });
}

async function watched(
  task: Context<(typeof needs)[number]>,
  process: ProcessRef,
  { everyMs, forMs }: { readonly everyMs: number; readonly forMs: number },
): Promise<Result<TaskOutcome>> {
  const keys = processFieldNames.map((name) => processFields[name].key);
  const isUp = new AbortController();
  const options = childOptions(task.options(), undefined, AbortSignal.any([task.signal, isUp.signal]));
  // It is watched from when it was seen first: a node that is busy takes nothing of its time.
  let timer = setTimeout(() => isUp.abort(), firstWithinMs);
  let readings = 0;
  const end: Result<{ readonly reason: Term }> = await drain(
    task.port.processes.monitor({ pid: process, everyMs, keys }, options),
    async (page) => {
      readings += 1;
      if (readings === 1) {
        clearTimeout(timer);
        timer = setTimeout(() => isUp.abort(), forMs);
      }
      await task.emit({ is: 'rows', rows: rowsOf(page, processFieldNames) });
    },
  );
  clearTimeout(timer);
  const seen = { ...namedProcess(process), readings };
  if (end.ok) {
    const ended = { reason: shownTerm(end.value.reason) };
    return ok({ is: 'monitor', result: { ...seen, endedBy: 'process', ended } });
  }
  if (task.signal.aborted) return ok({ is: 'monitor', result: { ...seen, endedBy: 'stopped', ended: null } });
  if (!isUp.signal.aborted) return end;
  // That its time is up is no failure of something that was to be watched for a time.
  return readings > 0
    ? ok({ is: 'monitor', result: { ...seen, endedBy: 'time', ended: null } })
    : timedOut('The first reading', 'none', process.node);
}
