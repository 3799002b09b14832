import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { operationNotFound } from '../../core/errors.ts';
import { defineOperation } from '../../core/operation.ts';
import type { MiddlewareFacts } from '../../core/middleware.ts';
import type { CatalogueEntry } from '../../protocol/operation.ts';
import type { CatalogueReader } from './catalogueRows.ts';

/** Everything about one operation. */
export function describeOperation(catalogue: CatalogueReader) {
  return defineOperation({
    name: 'describe_operation',
    title: 'Describe Operation',
    description:
      'Everything about one operation: its parameters and result as JSON Schema, severity, route, examples and errors.',
    category: 'registry',
    severity: 'read',
    idempotent: true,
    needs: [],
    params: Type.Object({
      operation: Type.String({
        minLength: 1,
        maxLength: 64,
        description: 'Its name, or an alias.',
        'x-arsenal': { pick: 'operation' },
      }),
    }),
    result: Type.Unsafe<CatalogueEntry & { readonly middlewares?: readonly MiddlewareFacts[] }>({
      type: 'object',
      required: ['name', 'title', 'description', 'category', 'severity', 'params', 'result', 'examples', 'errors'],
    }),
    route: { method: 'GET', path: '/operations/:operation/describe' },
    examples: [{ title: 'How processes are listed', params: { operation: 'list_processes' } }],
    errors: [{ code: 'operation.not_found', remedy: 'See list_operations.' }],
    execute(_context, { operation }) {
      const entry = catalogue.describe(operation);
      if (entry === null) return Promise.resolve(operationNotFound(operation));
      const middlewares = catalogue.middlewares?.(operation);
      return Promise.resolve(ok({ ...entry, ...(middlewares !== undefined && { middlewares }) }));
    },
  });
}
