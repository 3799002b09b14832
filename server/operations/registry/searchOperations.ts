import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import type { Scans } from '../lists.ts';
import { listPage, listParams, listResult } from '../lists.ts';
import type { CatalogueReader } from './catalogueRows.ts';
import { catalogueFields, catalogueRow, catalogueRowResult } from './catalogueRows.ts';

/** Operations by words. */
export function searchOperations(catalogue: CatalogueReader, scans: Scans) {
  return defineOperation({
    name: 'search_operations',
    title: 'Search Operations',
    description:
      'Operations that have every word asked for in name, alias, title, category or description, those that fit best first: part of a word will do, other words for the same are known, and a letter may be wrong.',
    category: 'registry',
    severity: 'read',
    idempotent: true,
    needs: [],
    params: Type.Object({
      query: Type.String({ minLength: 1, maxLength: 200, description: 'Words.' }),
      ...listParams(catalogueFields),
    }),
    result: listResult(catalogueRowResult),
    route: { method: 'GET', path: '/operations/search' },
    examples: [
      { title: 'What can be done to supervisors', params: { query: 'supervisor' } },
      { title: 'By another word for it', params: { query: 'mailbox', limit: 3 } },
    ],
    execute: (context, params) =>
      listPage(context, 'search_operations', params, scans, ['name'], () =>
        Promise.resolve(
          ok({
            rows: catalogue.search(params.query).map((entry) => catalogueRow(catalogue, entry, context)),
            nodes: [],
          }),
        ),
      ),
  });
}
