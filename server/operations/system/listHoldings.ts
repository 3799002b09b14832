import { Type } from 'typebox';
import { ok, processId } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import type { Scans } from '../lists.ts';
import { listPage, listParams, listResult } from '../lists.ts';
import { nullable } from '../parameters.ts';
import { known } from '../knownErrors.ts';

/** Whatever Arsenal keeps on the nodes that outlives a call: some for each who works, so that all come, and are chosen from here. */
export function listHoldings(scans: Scans) {
  return defineOperation({
    name: 'list_holdings',
    title: 'List Holdings',
    description:
      'Everything that Arsenal keeps on the nodes beyond a call: suspensions, traces, faults, supervisors of its own; whose it is, and how long it stays when its owner is gone.',
    category: 'system',
    severity: 'read',
    idempotent: true,
    needs: ['holdings.list'],
    params: Type.Object(
      listParams({
        id: 'text',
        kind: 'text',
        node: 'text',
        target: 'text',
        principal: 'text',
        client: 'text',
        operation: 'text',
        requestId: 'text',
        lingerMs: 'number',
      }),
    ),
    result: listResult(
      Type.Object({
        id: Type.String(),
        kind: Type.Optional(Type.String()),
        node: Type.Optional(Type.String()),
        target: Type.Optional(nullable(Type.String({ description: 'The id of the process it is about.' }))),
        principal: Type.Optional(Type.String()),
        client: Type.Optional(Type.String()),
        operation: Type.Optional(Type.String()),
        requestId: Type.Optional(Type.String({ description: 'Of the call that made it: see operation_history.' })),
        lingerMs: Type.Optional(Type.Integer()),
      }),
    ),
    route: { method: 'GET', path: '/system/holdings' },
    examples: [
      { title: 'All', params: {} },
      {
        title: 'Mine that stay on one node',
        params: { filter: { principal: { eq: 'user:me' }, node: { eq: 'demo1@sim' } } },
      },
    ],
    errors: [known.cursorExpired, known.nodeUnavailable],
    execute: (context, params) =>
      listPage(context, 'list_holdings', params, scans, ['id'], async () => {
        const listed = await context.port.holdings.list({}, context.options());
        if (!listed.ok) return listed;
        const rows = listed.value.holdings.map(({ id, kind, at, target, owner, lingerMs }) => ({
          id,
          kind,
          node: at.node,
          target: target === null ? null : processId(target),
          principal: owner.principal,
          client: owner.client,
          operation: owner.operation,
          requestId: owner.requestId,
          lingerMs,
        }));
        return ok({ rows, nodes: listed.value.nodes });
      }),
  });
}
