import { Type } from 'typebox';
import type { ProcessRef, Result } from '../../../runtime/model.ts';
import { fail, ok, processId } from '../../../runtime/model.ts';
import type { Term } from '../../../runtime/term/term.ts';
import { defineOperation } from '../../core/operation.ts';
import type { Context } from '../../core/context.ts';
import { mapLimited } from '../limited.ts';
import { errorResult, nullable, onNodeParam, pidParam, placementOfProcess, shownTermResult } from '../parameters.ts';
import { namedProcess } from '../processRows.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';
import { displayOf, shownTerm, termFromText } from '../terms.ts';
import { exitParams, survived } from './killProcess.ts';
import { lookAt } from './probeEnded.ts';

const most = 1_000;
const lookedUpAtOnce = 8;

export const killProcesses = defineOperation({
  name: 'kill_processes',
  title: 'Kill Processes',
  description:
    'Ends several processes, each as kill_process does. All are looked up before the first is ended; what became of each is told.',
  category: 'process',
  severity: 'destroy',
  idempotent: true,
  needs: [...resolveNeeds, 'processes.info', 'processes.exit'],
  params: Type.Object({
    pids: Type.Array(pidParam, { minItems: 1, maxItems: most, uniqueItems: true, description: 'The processes.' }),
    node: onNodeParam,
    ...exitParams,
    concurrency: Type.Integer({ minimum: 1, maximum: 50, default: 10, description: 'Ended at the same time.' }),
  }),
  result: Type.Object({
    items: Type.Array(
      Type.Object({
        ...placementOfProcess,
        became: Type.Enum(['ended', 'gone', 'survived', 'failed', 'not_run'], {
          description: 'gone: it had ended by itself; survived: it took the exit signal and lives on.',
        }),
        reason: nullable(shownTermResult),
        error: nullable(errorResult),
      }),
    ),
    ended: Type.Integer(),
  }),
  route: { method: 'POST', path: '/processes/kill' },
  examples: [{ title: 'Two of one node', params: { pids: ['Shop.Catalog', 'Shop.Visitors'], node: 'demo1@sim' } }],
  errors: [
    { code: 'process.traps_exits', remedy: 'Use the reason kill.' },
    { code: 'process.protected', remedy: 'The node cannot live without it; it is not ended from here.' },
    { code: 'process.not_found', remedy: 'See list_processes for those there are.' },
    { code: 'name.ambiguous', remedy: 'Name the node too.' },
  ],
  timeoutMs: 600_000,
  async plan(context, { pids, node, reason, confirmMs, concurrency }) {
    const term = termFromText(reason, '/reason');
    if (!term.ok) return term;
    const found = await mapLimited([...pids.entries()], lookedUpAtOnce, ([at, text]) =>
      resolveProcess(context, { text, node, pointer: `/pids/${String(at)}` }),
    );
    const processes = new Map<string, ProcessRef>();
    for (const process of found) {
      if (!process.ok) return process;
      // Two texts can mean one process.
      processes.set(processId(process.value), process.value);
    }
    const all = [...processes.values()];
    return ok({
      summary: `End ${String(all.length)} processes with reason ${displayOf(term.value)}`,
      touches: all.map((process) => ({ node: process.node, pid: processId(process), what: 'exit signal' })),
      severity: 'destroy',
      undo: 'no',
      steps: { processes: all, reason: term.value, confirmMs, concurrency },
    });
  },
  async apply(context, { steps }) {
    const { processes, reason, confirmMs, concurrency } = steps;
    const items = await mapLimited(processes, concurrency, async (process) => {
      const item = await endOne(context, process, reason, confirmMs);
      await context.emit({ is: 'rows', rows: [item] });
      return item;
    });
    const [only] = items;
    if (items.length === 1 && only !== undefined && only.error !== null) return fail(only.error);
    return ok({ items, ended: items.filter(({ became }) => became === 'ended').length });
  },
  async probe(context, { steps }) {
    const nodes = await context.port.cluster.nodes({}, context.options());
    if (!nodes.ok) return 'unknown';
    const isUp = (process: ProcessRef) =>
      nodes.value.nodes.some(
        ({ node, creation, reach }) => node === process.node && creation === process.creation && reach.via !== 'none',
      );
    if (!steps.processes.every(isUp)) return 'unknown';
    const alive = await mapLimited(steps.processes, lookedUpAtOnce, (process) => lives(context, process));
    if (alive.every((one) => one === false)) return 'applied';
    return alive.every((one) => one === true) && displayOf(steps.reason) === ':kill' ? 'none' : 'unknown';
  },
});

async function endOne(context: Context<'processes.exit'>, process: ProcessRef, reason: Term, confirmMs: number) {
  const place = { ...namedProcess(process), reason: null, error: null };
  if (context.signal.aborted) return { ...place, became: 'not_run' as const };
  const ended = await context.port.processes.exit(
    { pid: process, reason: { term: reason }, confirmMs },
    context.options(),
  );
  if (!ended.ok) {
    return ended.error.code === 'process.not_found'
      ? { ...place, became: 'gone' as const }
      : { ...place, became: 'failed' as const, error: ended.error };
  }
  if (ended.value.outcome === 'exited') {
    return { ...place, became: 'ended' as const, reason: shownTerm(ended.value.reason) };
  }
  const lived: Result<never> = survived(process, reason);
  return { ...place, became: 'survived' as const, error: lived.ok ? null : lived.error };
}

/** Whether a process of a node that is up lives; null when that cannot be told. */
async function lives(context: Context<'processes.info'>, process: ProcessRef): Promise<boolean | null> {
  const found = await lookAt(context, process);
  if (found.ok) return true;
  return found.error.class === 'not_found' ? false : null;
}
