import { Type } from 'typebox';
import { failure } from '../../../runtime/errors.ts';
import type { Json, ProcessRef, Result } from '../../../runtime/model.ts';
import { ok, parseProcessId, pidText, processId } from '../../../runtime/model.ts';
import type { Term } from '../../../runtime/term/term.ts';
import { isAtom } from '../../../runtime/term/term.ts';
import { defineOperation } from '../../core/operation.ts';
import { nullable, onNodeParam, pidParam, placementOfProcess, shownTermResult } from '../parameters.ts';
import { cell, namedProcess } from '../processRows.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';
import { displayOf, shownName, shownTerm, termFromText } from '../terms.ts';
import { lookAt, probeEnded } from './probeEnded.ts';

/** Linked processes that a plan names. */
const mostLinked = 50;

/** With which reason, and how long to wait for each end. */
export const exitParams = {
  reason: Type.String({
    minLength: 1,
    maxLength: 4096,
    default: 'kill',
    description: 'The exit reason: kill, or any term.',
  }),
  confirmMs: Type.Integer({
    minimum: 1,
    maximum: 60_000,
    default: 1000,
    description: 'How long to wait for the end.',
  }),
};

export const killProcess = defineOperation({
  name: 'kill_process',
  title: 'Kill Process',
  description: 'Sends a process an exit signal and waits until it has ended. With the reason kill it cannot refuse.',
  category: 'process',
  severity: 'destroy',
  idempotent: true,
  needs: [...resolveNeeds, 'processes.info', 'processes.exit'],
  params: Type.Object({
    pid: pidParam,
    node: onNodeParam,
    ...exitParams,
  }),
  result: Type.Object({ ...placementOfProcess, registeredName: nullable(Type.String()), reason: shownTermResult }),
  route: { method: 'DELETE', path: '/processes/:pid' },
  examples: [
    { title: 'By registered name', params: { pid: 'Shop.Payments.Gateway', node: 'demo1@sim' } },
    { title: 'Asked to end', params: { pid: 'Shop.Visitors', node: 'demo1@sim', reason: 'shutdown' } },
  ],
  errors: [
    { code: 'process.traps_exits', remedy: 'Use the reason kill.' },
    { code: 'process.ignores_normal', remedy: 'Use the reason kill.' },
    { code: 'process.protected', remedy: 'The node cannot live without it; it is not ended from here.' },
    { code: 'name.disputed', remedy: 'Name the process by its pid.' },
    { code: 'name.ambiguous', remedy: 'Name the node too.' },
  ],
  async plan(context, { pid, node, reason, confirmMs }) {
    const term = termFromText(reason, '/reason');
    if (!term.ok) return term;
    const process = await resolveProcess(context, { text: pid, node, pointer: '/pid' });
    if (!process.ok) return process;
    const page = await lookAt(context, process.value, ['links', 'monitored_by']);
    if (!page.ok) return page;
    const linked = processesIn(cell(page.value, 'links', 0));
    const watching = processesIn(cell(page.value, 'monitored_by', 0));
    const name = textIn(cell(page.value, 'registered_name', 0));
    const what = name ?? textIn(cell(page.value, 'initial_call', 0));
    const who = `${pidText(process.value)}${what === null ? '' : ` (${shownName(what)})`}`;
    return ok({
      summary: `End ${who} on ${process.value.node} with reason ${displayOf(term.value)}${othersText(linked.length, watching.length)}`,
      touches: [
        { node: process.value.node, pid: processId(process.value), what: 'exit signal' },
        ...linked
          .slice(0, mostLinked)
          .map((other) => ({ node: other.node, pid: processId(other), what: 'linked to it: gets its exit signal' })),
      ],
      severity: 'destroy',
      undo: 'no',
      steps: { process: process.value, reason: { term: term.value }, confirmMs, name },
    });
  },
  async apply(context, { steps }) {
    const { process, reason, confirmMs, name } = steps;
    const ended = await context.port.processes.exit({ pid: process, reason, confirmMs }, context.options());
    if (!ended.ok) return ended;
    if (ended.value.outcome === 'survived') return survived(process, reason.term);
    return ok({ ...namedProcess(process), registeredName: name, reason: shownTerm(ended.value.reason) });
  },
  async probe(context, { steps }) {
    const found = await probeEnded(context, steps.process);
    // Only kill cannot be survived: after any other reason, a process that lives may have had the signal and acted on it.
    return found === 'none' && !isAtom(steps.reason.term, 'kill') ? 'unknown' : found;
  },
});

/** Whether a process traps exits or not, `normal` from another does not end it (OTP reference manual, "Receiving Exit Signals"). */
export function survived(process: ProcessRef, reason: Term): Result<never> {
  const lived = isAtom(reason, 'normal')
    ? { code: 'process.ignores_normal', why: 'normal from another ends no process' }
    : { code: 'process.traps_exits', why: 'it traps exits' };
  return failure(
    'execution',
    lived.code,
    `${pidText(process)} on ${process.node} got the exit signal and lives on: ${lived.why}.`,
    'Use the reason kill, which cannot be trapped.',
    { effect: 'applied', node: process.node },
  );
}

function processesIn(ids: Json): readonly ProcessRef[] {
  return Array.isArray(ids)
    ? ids.flatMap((id: Json) => (typeof id === 'string' ? (parseProcessId(id) ?? []) : []))
    : [];
}

/** Whom else its end reaches. */
function othersText(linked: number, watching: number): string {
  const count = (number: number, what: string) => (number === 0 ? [] : [`${String(number)} ${what}`]);
  const others = [...count(linked, 'linked to it'), ...count(watching, 'watching it')];
  return others.length === 0 ? '' : `; ${others.join(', ')}`;
}

function textIn(value: Json): string | null {
  return typeof value === 'string' ? value : null;
}
