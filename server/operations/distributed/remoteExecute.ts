import { Type } from 'typebox';
import { failure, nodeNotFound, nodeUnavailable } from '../../../runtime/errors.ts';
import type { ArsenalError, NodeCoverage, NodeName, Result } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import type { Answer } from '../../../runtime/port.ts';
import type { Context } from '../../core/context.ts';
import { defineOperation } from '../../core/operation.ts';
import { mapLimited } from '../limited.ts';
import {
  atomText,
  coverageResult,
  errorResult,
  jsonValue,
  nodeParam,
  nullable,
  shownTermResult,
} from '../parameters.ts';
import { connectedNode } from '../resolve.ts';
import { argsFromJson, atomName, shownName, shownTerm } from '../terms.ts';
import { millisecondsSince } from '../../core/duration.ts';

const mostNodes = 100;
const nodesAtOnce = 8;
const mostArgBytes = 65_536;

export const remoteExecute = defineOperation({
  name: 'remote_execute',
  title: 'Remote Execute',
  description:
    'Calls MODULE:FUNCTION(ARGS) on nodes, each in a process of its own that is killed when its time is over, and answers what each node returned or raised, with what the function wrote. Whatever the function does is done: for administrators only, and on the audit log.',
  category: 'distributed',
  severity: 'destroy',
  idempotent: false,
  needs: ['cluster.nodes', 'code.call'],
  params: Type.Object({
    module: atomText('The module: Shop.Cart, :lists or lists.', 'module'),
    function: atomText('The function; it has to be exported.'),
    args: Type.Array(
      jsonValue('A value by the table of docs/terms.md, or {"$term": "{:job, 7}"} for any term as text.', mostArgBytes),
      { maxItems: 255, default: [], description: 'Its arguments.' },
    ),
    nodes: Type.Optional(
      Type.Array(nodeParam, {
        minItems: 1,
        maxItems: mostNodes,
        uniqueItems: true,
        description: 'The nodes to call it on; the connected one when absent.',
      }),
    ),
    nodeTimeoutMs: Type.Integer({
      minimum: 1,
      maximum: 600_000,
      default: 5_000,
      description: 'How long each node has; then the process is killed.',
    }),
    maxBytes: Type.Integer({
      minimum: 64,
      maximum: 1_048_576,
      default: 65_536,
      description: 'A value larger than this is left out.',
    }),
    maxOutputChars: Type.Integer({
      minimum: 0,
      maximum: 1_048_576,
      default: 16_384,
      description: 'How much of what it writes is kept of each node.',
    }),
  }),
  result: Type.Object({
    called: Type.String({ description: 'Module:function/arity.' }),
    items: Type.Array(
      Type.Object({
        node: Type.String(),
        became: Type.Enum(['returned', 'raised', 'failed'], {
          description: 'failed: it was not called, or nobody knows what became of it; see error.',
        }),
        value: nullable(shownTermResult),
        class: nullable(Type.Enum(['error', 'exit', 'throw'], { description: 'What it raised.' })),
        reason: nullable(shownTermResult),
        output: Type.String({ description: 'What it wrote.' }),
        outputWhole: Type.Boolean(),
        durationMs: Type.Number(),
        error: nullable(errorResult),
      }),
    ),
    nodes: coverageResult,
  }),
  route: { method: 'POST', path: '/cluster/execute' },
  examples: [
    { title: 'On one node', params: { module: 'erlang', function: 'node', nodes: ['demo1@sim'] } },
    {
      title: 'On two nodes, with an argument',
      params: { module: 'timer', function: 'sleep', args: [1], nodes: ['demo1@sim', 'demo2@sim'] },
    },
  ],
  errors: [
    { code: 'process.undef', remedy: 'See which functions the module exports, with how many arguments.' },
    { code: 'term.unknown_atom', remedy: 'Only names that the code running there mentions can be used.' },
    { code: 'call.timeout', remedy: 'Give it more time; what it did until then stays done.' },
    { code: 'node.unavailable', remedy: 'See cluster_health for the nodes that answer.' },
  ],
  timeoutMs: 600_000,
  async plan(context, params) {
    const args = argsFromJson(params.args, '/args');
    if (!args.ok) return args;
    const nodes = await nodesMeant(context, params.nodes);
    if (!nodes.ok) return nodes;
    const module = atomName(params.module);
    const called = `${shownName(module)}.${params.function}/${String(args.value.length)}`;
    return ok({
      summary: `Call ${called} on ${nodes.value.join(', ')}`,
      touches: nodes.value.map((node) => ({ node, what: `calls ${called}: whatever that does` })),
      severity: 'destroy',
      undo: 'no',
      steps: {
        called,
        nodes: [...nodes.value],
        call: {
          module,
          function: params.function,
          args: [...args.value],
          maxBytes: params.maxBytes,
          maxOutputChars: params.maxOutputChars,
        },
        nodeTimeoutMs: params.nodeTimeoutMs,
      },
    });
  },
  async apply(context, { steps }) {
    const { called, nodes, call, nodeTimeoutMs } = steps;
    const items = await mapLimited(nodes, nodesAtOnce, async (node) => {
      const began = performance.now();
      const answer = await context.port.code.call({ ...call, node }, context.options(nodeTimeoutMs));
      const item = { node, ...became(answer), durationMs: millisecondsSince(began) };
      if (nodes.length > 1) await context.emit({ is: 'rows', rows: [item] });
      return item;
    });
    const [only] = items;
    // Of one node its error is the error of the whole; of several, each has its own.
    if (items.length === 1 && only !== undefined && only.error !== null) return { ok: false, error: only.error };
    return ok({ called, items, nodes: items.map(covered) });
  },
});

const nothingWritten = { output: '', outputWhole: true };

function became(answer: Result<Answer<'code.call'>>) {
  if (!answer.ok) {
    return {
      became: 'failed' as const,
      value: null,
      class: null,
      reason: null,
      ...nothingWritten,
      error: answer.error,
    };
  }
  const { became: end, output, outputWhole } = answer.value;
  const written = { output, outputWhole, error: null };
  return end.is === 'returned'
    ? { became: 'returned' as const, value: shownTerm(end.value), class: null, reason: null, ...written }
    : { became: 'raised' as const, value: null, class: end.class, reason: shownTerm(end.reason), ...written };
}

function covered({ node, error }: { readonly node: NodeName; readonly error: ArsenalError | null }): NodeCoverage {
  return error === null ? { node, status: 'ok' } : { node, status: 'missing', error };
}

/** The nodes named, which there must be and which must be up: nothing is called on some of them only. */
async function nodesMeant(
  context: Context<'cluster.nodes'>,
  written: readonly NodeName[] | undefined,
): Promise<Result<readonly NodeName[]>> {
  if (written === undefined) {
    const connected = await connectedNode(context);
    return connected.ok ? ok([connected.value]) : connected;
  }
  const known = await context.port.cluster.nodes({}, context.options());
  if (!known.ok) return known;
  for (const [at, node] of written.entries()) {
    const info = known.value.nodes.find((one) => one.node === node);
    const refused = info === undefined ? nodeNotFound(node) : info.reach.via === 'none' ? nodeUnavailable(node) : null;
    if (refused === null) continue;
    const { code, message, remedy } = refused.error;
    return failure(refused.error.class, code, message, remedy, { node, pointer: `/nodes/${String(at)}` });
  }
  return ok(written);
}
