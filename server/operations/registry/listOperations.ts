import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import type { Scans } from '../lists.ts';
import { listPage, listParams, listResult } from '../lists.ts';
import type { CatalogueReader } from './catalogueRows.ts';
import { catalogueFields, catalogueRow, catalogueRowResult } from './catalogueRows.ts';

/** The catalogue, or one category of it. */
export function listOperations(catalogue: CatalogueReader, scans: Scans) {
  return defineOperation({
    name: 'list_operations',
    title: 'List Operations',
    description: 'The operations there are: Arsenal’s own, those of the workspace, and those found on nodes.',
    category: 'registry',
    severity: 'read',
    idempotent: true,
    needs: [],
    params: Type.Object({
      category: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'Only this category.' })),
      ...listParams(catalogueFields),
    }),
    result: listResult(catalogueRowResult),
    route: { method: 'GET', path: '/operations' },
    examples: [
      { title: 'Those about processes', params: { category: 'process' } },
      { title: 'What I can run here', params: { filter: { canRun: { eq: true } }, fields: ['name', 'title'] } },
    ],
    execute: (context, params) =>
      listPage(context, 'list_operations', params, scans, ['name'], () =>
        Promise.resolve(
          ok({
            rows: catalogue.list(params.category).map((entry) => catalogueRow(catalogue, entry, context)),
            nodes: [],
          }),
        ),
      ),
  });
}
