import { Type } from 'typebox';
import { ok, pidText, processId } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { jsonValue, nullable, onNodeParam, pidParam, placementOfProcess, shownTermResult } from '../parameters.ts';
import { namedProcess } from '../processRows.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';
import { displayOf, shownTerm, termFromJson } from '../terms.ts';

const mostMessageBytes = 65_536;
const shownInSummary = 80;

export const sendMessage = defineOperation({
  name: 'send_message',
  title: 'Send Message',
  description:
    'Sends a process a message: as it is (info), as a cast of GenServer, or as a call whose reply comes back. The message may hold only atoms that the node knows.',
  category: 'process',
  severity: 'change',
  idempotent: false,
  needs: [...resolveNeeds, 'processes.send'],
  params: Type.Object({
    pid: pidParam,
    node: onNodeParam,
    message: jsonValue(
      'The message: a value by the table of docs/terms.md, or {"$term": "{:job, 7}"} for any term as text.',
      mostMessageBytes,
    ),
    how: Type.Enum(['info', 'cast', 'call'], { default: 'info', description: 'As it is, as a cast, or as a call.' }),
  }),
  result: Type.Object({ ...placementOfProcess, reply: nullable(shownTermResult) }),
  route: { method: 'POST', path: '/processes/:pid/messages' },
  timeoutMs: 5_000,
  examples: [{ title: 'As it is', params: { pid: 'Shop.Catalog', node: 'demo1@sim', message: { $term: ':refresh' } } }],
  errors: [
    { code: 'term.unknown_atom', remedy: 'Check the spelling: the node does not have every atom of the message.' },
  ],
  async plan(context, { pid, node, message, how }) {
    const process = await resolveProcess(context, { text: pid, node, pointer: '/pid' });
    if (!process.ok) return process;
    const term = termFromJson(message, '/message');
    if (!term.ok) return term;
    const shown = displayOf(term.value);
    return ok({
      summary: `Send ${pidText(process.value)} on ${process.value.node} ${shown.slice(0, shownInSummary)}${shown.length > shownInSummary ? '…' : ''} (${how})`,
      touches: [{ node: process.value.node, pid: processId(process.value), what: `a message (${how})` }],
      severity: 'change',
      undo: 'no',
      steps: { process: process.value, message: { term: term.value }, how },
    });
  },
  async apply(context, { steps }) {
    const { process, message, how } = steps;
    const sent = await context.port.processes.send({ pid: process, message, how }, context.options());
    if (!sent.ok) return sent;
    return ok({ ...namedProcess(process), reply: sent.value.reply === null ? null : shownTerm(sent.value.reply) });
  },
});
