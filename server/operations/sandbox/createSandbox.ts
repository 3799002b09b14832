import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import type { Placement } from '../../../runtime/port.ts';
import { defineOperation } from '../../core/operation.ts';
import { nodeParam } from '../parameters.ts';
import { drain } from '../streams.ts';
import { sandboxResult } from './sandboxRows.ts';

export const createSandbox = defineOperation({
  name: 'create_sandbox',
  title: 'Create Sandbox',
  description: 'Runs a module in a process of its own, with limits, apart from everything else. It ends with Arsenal.',
  category: 'sandbox',
  severity: 'change',
  idempotent: false,
  needs: ['sandboxes.create', 'cluster.nodes'],
  params: Type.Object({
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'A name for people.' })),
    module: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 4096,
        description: 'The file to run, as an absolute path.',
        'x-arsenal': { pick: 'module' },
      }),
    ),
    text: Type.Optional(
      Type.String({ minLength: 1, maxLength: 262_144, description: 'The source to run, instead of a file.' }),
    ),
    nodes: Type.Array(Type.String({ ...nodeParam, description: 'A node, `any` or `this_machine`.' }), {
      minItems: 1,
      maxItems: 64,
      default: ['this_machine'],
      description: 'Where to run it.',
    }),
    memoryBytes: Type.Integer({
      minimum: 16_777_216,
      maximum: 17_179_869_184,
      default: 268_435_456,
      description: 'The most memory it may use.',
    }),
    cpuMs: Type.Integer({
      minimum: 100,
      maximum: 86_400_000,
      default: 600_000,
      description: 'The most processor time it may use.',
    }),
    policy: Type.Union([Type.Literal('high'), Type.Literal('medium'), Type.Literal('low')], {
      default: 'medium',
      description: 'How strictly it is kept apart, as far as this machine can.',
    }),
    lingerMs: Type.Integer({
      minimum: 0,
      maximum: 3_600_000,
      default: 30_000,
      description: 'How long it lives on when nobody holds it any more.',
    }),
  }),
  result: Type.Object({
    ...sandboxResult,
    placed: Type.Unsafe<readonly Placement[]>({ type: 'array', items: { type: 'object' } }),
  }),
  route: { method: 'POST', path: '/sandboxes' },
  examples: [
    { title: 'A module from text', params: { name: 'hello', text: 'export const add = (a, b) => a + b;' } },
    { title: 'A file', params: { module: '/home/me/project/sandbox.mjs', memoryBytes: 134217728 } },
  ],
  timeoutMs: 60_000,
  validate: ({ module, text }) =>
    (module === undefined) === (text === undefined)
      ? [{ pointer: '/module', message: 'or /text must be given, and not both.' }]
      : [],
  plan(_context, params) {
    const { name = null, module, text, nodes, memoryBytes, cpuMs, policy, lingerMs } = params;
    const source =
      module === undefined
        ? ({ from: 'text', value: text ?? '' } as const)
        : ({ from: 'module', value: module } as const);
    const limits = { memoryBytes, cpuMs };
    return Promise.resolve(
      ok({
        summary: `Start a sandbox${name === null ? '' : ` ${name}`} on ${nodes.join(', ')}`,
        touches: nodes.map((node) => ({ node, what: 'one operating system process' })),
        severity: 'change',
        undo: 'partly',
        steps: { name, source, nodes: [...nodes], limits, policy, lingerMs },
      }),
    );
  },
  async apply(context, { steps }) {
    const { name, nodes, ...rest } = steps;
    const created = await drain(
      context.port.sandboxes.create(
        {
          ...rest,
          ...(name !== null && { name }),
          nodes: nodes.map((wants) => ({ wants, required: true })),
          owner: context.owner,
        },
        context.options(),
      ),
      ({ step, node }) => context.emit({ is: 'progress', message: `${node}: ${step}`, fraction: null }),
    );
    return created.ok ? ok({ ...created.value.sandbox, placed: created.value.placed }) : created;
  },
});
