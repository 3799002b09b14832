import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { nodeParam } from '../parameters.ts';
import type { NodeOperationSink } from './nodeOperationRows.ts';
import { standingResult, standings } from './nodeOperationRows.ts';

const mostModules = 100;

/** Loads modules that are operations and lie in files: a node in interactive mode loads code when it is first called. */
export function loadOperations(sink: NodeOperationSink) {
  return defineOperation({
    name: 'load_operations',
    title: 'Load Operations',
    description:
      'Loads modules of the node’s applications that have the callbacks of an operation and are not loaded yet, as the node itself would at their first call, and puts them into the catalogue.',
    category: 'registry',
    severity: 'change',
    idempotent: true,
    needs: ['operations.find', 'operations.load'],
    params: Type.Object({
      node: nodeParam,
      modules: Type.Optional(
        Type.Array(Type.String({ minLength: 1, maxLength: 255 }), {
          minItems: 1,
          maxItems: mostModules,
          description: 'Only these, as discover_operations names them; all there are when absent.',
        }),
      ),
    }),
    result: Type.Object({
      loaded: Type.Array(Type.String()),
      failed: Type.Array(Type.Object({ module: Type.String(), why: Type.String() })),
      operations: Type.Array(standingResult),
    }),
    route: { method: 'POST', path: '/node-operations' },
    examples: [{ title: 'All of a node', params: { node: 'shop@127.0.0.1' } }],
    async plan(context, { node, modules }) {
      const found = await context.port.operations.find({ nodes: [node], onDisk: true }, context.options());
      if (!found.ok) return found;
      const there = found.value.unloaded.map(({ module }) => module);
      const wanted = modules === undefined ? there : there.filter((module) => modules.includes(module));
      return ok({
        summary: wanted.length === 0 ? `Load nothing on ${node}` : `Load ${wanted.join(', ')} on ${node}`,
        touches: wanted.map((module) => ({ node, what: module })),
        severity: 'change',
        undo: 'no',
        steps: { node, modules: wanted },
      });
    },
    /** A module that is loaded stays loaded when the call is over. */
    async probe(context, { steps: { node, modules } }) {
      const found = await context.port.operations.find({ nodes: [node], onDisk: true }, context.options());
      if (!found.ok || found.value.nodes.some(({ status }) => status !== 'ok')) return 'unknown';
      const waiting = modules.filter((module) => found.value.unloaded.some((one) => one.module === module));
      if (waiting.length === 0) return 'applied';
      return waiting.length === modules.length ? 'none' : 'unknown';
    },
    async apply(context, { steps: { node, modules } }) {
      const nothing = ok({ loaded: [], failed: [] });
      const loaded =
        modules.length === 0 ? nothing : await context.port.operations.load({ node, modules }, context.options());
      if (!loaded.ok) return loaded;
      const found = await context.port.operations.find({ nodes: [node], onDisk: false }, context.options());
      const operations =
        found.ok && context.connection !== null ? standings(sink, context.connection.id, found.value) : [];
      return ok({ loaded: [...loaded.value.loaded], failed: [...loaded.value.failed], operations });
    },
  });
}
