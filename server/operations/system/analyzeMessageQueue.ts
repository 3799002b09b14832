import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import type { Term } from '../../../runtime/term/term.ts';
import { defineOperation } from '../../core/operation.ts';
import { nullable, onNodeParam, pidParam, placementOfProcess, shownTermResult } from '../parameters.ts';
import { cell, namedProcess } from '../processRows.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';
import { shownTerm } from '../terms.ts';
import { known } from '../knownErrors.ts';

const mostKinds = 50;
/** OTP reads a mailbox as a whole or not at all: what is longer is counted, not read. */
const mostMessages = 1_000;

export const analyzeMessageQueue = defineOperation({
  name: 'analyze_message_queue',
  title: 'Analyze Message Queue',
  description:
    'What waits in the mailbox of a process: how many, of which kinds, the first ones as they are, and what the process is doing instead. A mailbox of more than 1,000 is counted, not read: OTP has no partial read.',
  category: 'system',
  severity: 'diagnose',
  idempotent: true,
  needs: [...resolveNeeds, 'processes.mailbox', 'processes.info'],
  params: Type.Object({
    pid: pidParam,
    node: onNodeParam,
    limit: Type.Integer({ minimum: 0, maximum: 200, default: 20, description: 'Messages shown as they are.' }),
  }),
  result: Type.Object({
    ...placementOfProcess,
    length: Type.Integer(),
    status: nullable(Type.String()),
    currentFunction: nullable(Type.String()),
    read: Type.Boolean({ description: 'Whether the messages were read; false when there are too many.' }),
    kinds: Type.Array(
      Type.Object({ kind: Type.String({ description: 'By the tag and size of the message.' }), count: Type.Integer() }),
    ),
    first: Type.Array(shownTermResult),
  }),
  route: { method: 'GET', path: '/processes/:pid/mailbox' },
  examples: [{ title: 'By registered name', params: { pid: 'Shop.Catalog', node: 'demo1@sim' } }],
  errors: [known.processNotFound, known.nameAmbiguous, known.nodeUnavailable],
  async execute(context, { pid, node, limit }) {
    const process = await resolveProcess(context, { text: pid, node, pointer: '/pid' });
    if (!process.ok) return process;
    const mailbox = await context.port.processes.mailbox(
      { pid: process.value, limit: mostMessages },
      context.options(),
    );
    if (!mailbox.ok) return mailbox;
    const info = await context.port.processes.info(
      { pids: [process.value], keys: ['status', 'current_function'] },
      context.options(),
    );
    const page = info.ok ? info.value.pages.find(({ ids }) => ids.length > 0) : undefined;
    const text = (key: 'status' | 'current_function') => {
      const value = page === undefined ? null : cell(page, key, 0);
      return typeof value === 'string' ? value : null;
    };
    const messages = mailbox.value.messages ?? [];
    const counts = new Map<string, number>();
    for (const message of messages) counts.set(kindOf(message), (counts.get(kindOf(message)) ?? 0) + 1);
    return ok({
      ...namedProcess(process.value),
      length: mailbox.value.length,
      status: text('status'),
      currentFunction: text('current_function'),
      read: mailbox.value.messages !== null,
      kinds: [...counts]
        .map(([kind, count]) => ({ kind, count }))
        .toSorted((a, b) => b.count - a.count)
        .slice(0, mostKinds),
      first: messages.slice(0, limit).map(shownTerm),
    });
  },
});

/** What tells one kind of message from another: `cast {add, …}/3`, `{DOWN, …}/5`, an atom, or the type of term. */
function kindOf(message: Term): string {
  if (message.t === 'atom') return message.v;
  if (message.t !== 'tuple') return message.t;
  const [tag, second] = message.e;
  if (tag?.t !== 'atom') return `tuple/${String(message.e.length)}`;
  if (tag.v === '$gen_cast' && second !== undefined) return `cast ${kindOf(second)}`;
  if (tag.v === '$gen_call' && message.e[2] !== undefined) return `call ${kindOf(message.e[2])}`;
  return `{${tag.v}, …}/${String(message.e.length)}`;
}
