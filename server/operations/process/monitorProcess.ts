import { Type } from 'typebox';
import type { Result } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import type { Term } from '../../../runtime/term/term.ts';
import { defineOperation } from '../../core/operation.ts';
import { nullable, onNodeParam, pidParam, placementOfProcess, shownTermResult } from '../parameters.ts';
import { namedProcess, processFieldNames, processFields, rowsOf } from '../processRows.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';
import { drain } from '../streams.ts';
import { shownTerm } from '../terms.ts';
import { known } from '../knownErrors.ts';

const longestMs = 600_000;
/** What the call itself takes beside watching. */
const slackMs = 2_000;

export const monitorProcess = defineOperation({
  name: 'monitor_process',
  title: 'Monitor Process',
  description:
    'Watches a process for a while: its figures come as progress, its end is seen by a monitor and said with the reason.',
  category: 'process',
  severity: 'read',
  idempotent: true,
  needs: [...resolveNeeds, 'processes.monitor'],
  params: Type.Object({
    pid: pidParam,
    node: onNodeParam,
    everyMs: Type.Integer({ minimum: 100, maximum: 60_000, default: 1_000, description: 'Between two readings.' }),
    forMs: Type.Integer({ minimum: 100, maximum: longestMs, default: 10_000, description: 'How long it is watched.' }),
  }),
  result: Type.Object({
    ...placementOfProcess,
    readings: Type.Integer(),
    ended: nullable(Type.Object({ reason: shownTermResult })),
  }),
  route: { method: 'GET', path: '/processes/:pid/monitor' },
  examples: [{ title: 'For a second', params: { pid: 'Shop.Catalog', node: 'demo1@sim', forMs: 1000, everyMs: 200 } }],
  errors: [known.processNotFound, known.nameAmbiguous, known.nodeUnavailable],
  timeoutMs: longestMs + slackMs,
  async execute(context, { pid, node, everyMs, forMs }) {
    const process = await resolveProcess(context, { text: pid, node, pointer: '/pid' });
    if (!process.ok) return process;
    const fields = processFieldNames;
    let readings = 0;
    const within = context.options(forMs);
    const end: Result<{ readonly reason: Term }> = await drain(
      context.port.processes.monitor(
        { pid: process.value, everyMs, keys: fields.map((name) => processFields[name].key) },
        within,
      ),
      async (page) => {
        readings += 1;
        await context.emit({ is: 'rows', rows: rowsOf(page, fields) });
      },
    );
    if (end.ok) return ok({ ...namedProcess(process.value), readings, ended: { reason: shownTerm(end.value.reason) } });
    // The time was up, which is no failure of something that was to be watched for a time.
    return end.error.class === 'timeout' && readings > 0
      ? ok({ ...namedProcess(process.value), readings, ended: null })
      : end;
  },
});
