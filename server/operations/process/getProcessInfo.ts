import { Type } from 'typebox';
import { processNotFound } from '../../../runtime/errors.ts';
import type { Json, ProcessField } from '../../../runtime/model.ts';
import { cheapFields, costlyFields, ok, pidText } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { nullable, onNodeParam, pidParam, placementOfProcess } from '../parameters.ts';
import { cell, namedProcess } from '../processRows.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';
import { known } from '../knownErrors.ts';

const allFields: readonly ProcessField[] = [...cheapFields, ...costlyFields];
/** Public names of the port's keys. */
const nameOf = (key: ProcessField) => key.replace(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase());
/** What is read unless asked otherwise: not what can be large (dictionary) or is seldom wanted. */
const usual = allFields.filter((key) => key !== 'dictionary' && key !== 'current_stacktrace');
const names = allFields.map(nameOf);
const text = Type.Optional(nullable(Type.String()));
const number = Type.Optional(nullable(Type.Number()));

export const getProcessInfo = defineOperation({
  name: 'get_process_info',
  title: 'Get Process Info',
  description: 'What is known of one process: its memory, mailbox length, what it runs, its links and ancestors.',
  category: 'process',
  severity: 'read',
  idempotent: true,
  needs: [...resolveNeeds, 'processes.info'],
  params: Type.Object({
    pid: pidParam,
    node: onNodeParam,
    fields: Type.Optional(
      Type.Unsafe<readonly string[]>({
        type: 'array',
        items: { type: 'string', enum: names },
        maxItems: names.length,
        description: 'Only these; without it all but the dictionary and the stack trace.',
      }),
    ),
  }),
  // The JSON ones (links, ancestors, stack trace) are as the runtime shows them.
  result: Type.Object({
    ...placementOfProcess,
    registeredName: text,
    initialCall: text,
    currentFunction: text,
    status: text,
    memory: number,
    reductions: number,
    messageQueueLen: number,
    totalHeapSize: number,
    details: Type.Unsafe<{ readonly [field: string]: Json }>({
      type: 'object',
      description: 'The other fields, by name.',
    }),
  }),
  route: { method: 'GET', path: '/processes/:pid' },
  examples: [
    { title: 'By registered name', params: { pid: 'Shop.Catalog', node: 'demo1@sim' } },
    {
      title: 'By pid as printed',
      params: { pid: '<0.1.0>', node: 'demo1@sim', fields: ['memory', 'messageQueueLen'] },
    },
  ],
  errors: [known.processNotFound, known.nameAmbiguous, known.nodeUnavailable],
  async execute(context, { pid, node, fields }) {
    const process = await resolveProcess(context, { text: pid, node, pointer: '/pid' });
    if (!process.ok) return process;
    const keys = fields === undefined ? usual : allFields.filter((key) => fields.includes(nameOf(key)));
    const info = await context.port.processes.info({ pids: [process.value], keys }, context.options());
    if (!info.ok) return info;
    const page = info.value.pages.find(({ ids }) => ids.length > 0);
    if (page === undefined) return processNotFound(pidText(process.value), process.value.node);
    const values = keys.map((key): [string, Json] => [nameOf(key), cell(page, key, 0)]);
    const known = Object.fromEntries(values.filter(([name]) => plain.includes(name)));
    const details = Object.fromEntries(values.filter(([name]) => !plain.includes(name)));
    return ok({ ...namedProcess(process.value), ...known, details });
  },
});

const plain = [
  'registeredName',
  'initialCall',
  'currentFunction',
  'status',
  'memory',
  'reductions',
  'messageQueueLen',
  'totalHeapSize',
];
