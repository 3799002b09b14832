/** Operations that nodes have, as callers see them. */
import { Type } from 'typebox';
import type { ConnectionId, Coverage, NodeOperation } from '../../../runtime/model.ts';
import { nullable } from '../parameters.ts';

/** Who keeps the catalogue in step with what the nodes have. */
export interface NodeOperationSink {
  take(
    connection: ConnectionId,
    found: { readonly operations: readonly NodeOperation[]; readonly nodes: Coverage },
  ): readonly (NodeOperation & {
    readonly name: string | null;
    readonly problem: string | null;
    readonly notes: readonly string[];
  })[];
}

export const standingResult = Type.Object({
  module: Type.String(),
  node: Type.String(),
  version: Type.String({ description: 'MD5 of its code.' }),
  form: Type.Enum(['operation', 'predecessor']),
  operation: nullable(Type.String({ description: 'What it is called in the catalogue.' })),
  problem: nullable(Type.String({ description: 'Why it is not in the catalogue.' })),
  notes: Type.Array(Type.String(), {
    description: 'What it says or asks for that is left out, though it is in the catalogue.',
  }),
});

/** What became of each module that was found. */
export function standings(
  sink: NodeOperationSink,
  connection: ConnectionId,
  found: Parameters<NodeOperationSink['take']>[1],
) {
  return sink.take(connection, found).map(({ module, node, version, form, name, problem, notes }) => ({
    module,
    node,
    version,
    form,
    operation: problem === null ? name : null,
    problem,
    notes: [...notes],
  }));
}

/** Where nothing keeps a catalogue beyond the builtin operations: a test's cluster. */
export const nobodysCatalogue: NodeOperationSink = {
  take: (_connection, { operations }) =>
    operations.map((found) => ({ ...found, name: null, problem: 'the catalogue here is not added to.', notes: [] })),
};
