import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { coverageResult, nodeFilterParam } from '../parameters.ts';
import type { NodeOperationSink } from './nodeOperationRows.ts';
import { standingResult, standings } from './nodeOperationRows.ts';

/** Looks now for operations that nodes have as modules. */
export function discoverOperations(sink: NodeOperationSink) {
  return defineOperation({
    name: 'discover_operations',
    title: 'Discover Operations',
    description:
      'Looks for modules on the nodes that have the callbacks of an operation (Arsenal.Operation, its predecessor, or the same in Erlang), and puts them into the catalogue. Those that were too slow to describe themselves are asked again, with more time. Nothing is loaded for it; with onDisk the modules of the nodes’ applications that are not loaded are named, too.',
    category: 'registry',
    severity: 'read',
    idempotent: true,
    needs: ['operations.find'],
    params: Type.Object({
      node: nodeFilterParam,
      onDisk: Type.Boolean({ default: false, description: 'Also look into the files of applications.' }),
    }),
    result: Type.Object({
      operations: Type.Array(standingResult),
      unloaded: Type.Array(Type.Object({ node: Type.String(), module: Type.String() })),
      left: Type.Array(Type.Object({ node: Type.String(), loaded: Type.Integer(), onDisk: Type.Integer() }), {
        description:
          'Modules that were not looked at, because there are too many: those that are loaded, those in files.',
      }),
      nodes: coverageResult,
    }),
    route: { method: 'GET', path: '/node-operations' },
    examples: [{ title: 'On all nodes', params: {} }],
    async execute(context, { node, onDisk }) {
      const nodes = node === undefined ? ('all' as const) : [node];
      const found = await context.port.operations.find({ nodes, onDisk, slow: 'now' }, context.options());
      if (!found.ok) return found;
      const operations = context.connection === null ? [] : standings(sink, context.connection.id, found.value);
      const { unloaded, left } = found.value;
      return ok({ operations, unloaded: [...unloaded], left: [...left], nodes: found.value.nodes });
    },
  });
}
