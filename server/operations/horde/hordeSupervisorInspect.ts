import { Type } from 'typebox';
import { defineOperation } from '../../core/operation.ts';
import type { Scans } from '../lists.ts';
import { atomText } from '../parameters.ts';
import { atomName } from '../terms.ts';
import { childFields, hordeChildResult, hordeChildRow } from './hordeRows.ts';
import { inspectHorde, inspectParams, inspectResult } from './inspectHorde.ts';
import { known } from '../knownErrors.ts';

/** A Horde.DynamicSupervisor as all its members have it. */
export function hordeSupervisorInspect(scans: Scans) {
  return defineOperation({
    name: 'horde_supervisor_inspect',
    title: 'Inspect Horde Supervisor',
    description:
      'The children of a Horde.DynamicSupervisor over all nodes: where each runs and who knows of it; its members and their status; duplicates and children that nobody knows after a heal. Without a name, the supervisors there are.',
    category: 'distributed',
    severity: 'read',
    idempotent: true,
    needs: ['horde.clusters', 'horde.children', 'horde.findings'],
    params: Type.Object({
      supervisor: Type.Optional(atomText('The name of the supervisor.', 'registeredName')),
      ...inspectParams(childFields),
    }),
    result: inspectResult(hordeChildResult),
    route: { method: 'GET', path: '/horde/supervisors' },
    examples: [{ title: 'All there are', params: {} }],
    errors: [known.cursorExpired, known.nodeUnavailable],
    execute: (context, params) =>
      inspectHorde(context, params, scans, {
        operation: 'horde_supervisor_inspect',
        kind: 'supervisor',
        name: params.supervisor === undefined ? null : atomName(params.supervisor),
        key: 'child',
        read: (name) => context.port.horde.children({ nodes: 'all', name }, context.options()),
        rowOf: hordeChildRow,
      }),
  });
}
