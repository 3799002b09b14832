import { Type } from 'typebox';
import { defineOperation } from '../../core/operation.ts';
import type { Scans } from '../lists.ts';
import { atomText } from '../parameters.ts';
import { atomName } from '../terms.ts';
import { entryFields, entryResult, entryRow } from './hordeRows.ts';
import { inspectHorde, inspectParams, inspectResult } from './inspectHorde.ts';
import { known } from '../knownErrors.ts';

/** A Horde.Registry as all its members have it. */
export function hordeRegistryInspect(scans: Scans) {
  return defineOperation({
    name: 'horde_registry_inspect',
    title: 'Inspect Horde Registry',
    description:
      'The keys of a Horde.Registry with their processes, as every node has them: which agree, which some lack, which conflict; its members; and what is wrong. Without a name, the registries there are, with their members.',
    category: 'distributed',
    severity: 'read',
    idempotent: true,
    needs: ['horde.clusters', 'horde.entries', 'horde.findings'],
    params: Type.Object({
      registry: Type.Optional(atomText('The name of the registry.', 'registeredName')),
      ...inspectParams(entryFields),
    }),
    result: inspectResult(entryResult),
    route: { method: 'GET', path: '/horde/registries' },
    examples: [{ title: 'All there are', params: {} }],
    errors: [known.cursorExpired, known.nodeUnavailable],
    execute: (context, params) =>
      inspectHorde(context, params, scans, {
        operation: 'horde_registry_inspect',
        kind: 'registry',
        name: params.registry === undefined ? null : atomName(params.registry),
        key: 'key',
        read: (name) => context.port.horde.entries({ nodes: 'all', name }, context.options()),
        rowOf: entryRow,
      }),
  });
}
