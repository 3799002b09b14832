import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import type { Scans } from '../lists.ts';
import { listPage, listParams, listResult } from '../lists.ts';
import { sandboxFields, sandboxResult } from './sandboxRows.ts';

/** The sandboxes of a connection. */
export function listSandboxes(scans: Scans) {
  return defineOperation({
    name: 'list_sandboxes',
    title: 'List Sandboxes',
    description: 'The sandboxes there are: what runs in them, what they use, and what keeps them apart.',
    category: 'sandbox',
    severity: 'read',
    idempotent: true,
    needs: ['sandboxes.list'],
    params: Type.Object(listParams(sandboxFields)),
    result: listResult(Type.Partial(Type.Object(sandboxResult))),
    route: { method: 'GET', path: '/sandboxes' },
    examples: [{ title: 'All', params: {} }],
    execute: (context, params) =>
      listPage(context, 'list_sandboxes', params, scans, ['id'], async () => {
        const listed = await context.port.sandboxes.list({}, context.options());
        return listed.ok ? ok({ rows: listed.value.sandboxes, nodes: [] }) : listed;
      }),
  });
}
