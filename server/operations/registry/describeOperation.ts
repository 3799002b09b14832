import { Type } from 'typebox';
import type { Result } from '../../../runtime/model.ts';
import { fail, ok } from '../../../runtime/model.ts';
import { operationNotFound } from '../../core/errors.ts';
import { defineOperation } from '../../core/operation.ts';
import type { MiddlewareFacts } from '../../core/middleware.ts';
import type { CatalogueEntry } from '../../protocol/operation.ts';
import { didYouMean } from '../../protocol/suggest.ts';
import type { CatalogueReader, Hindrance } from './catalogueRows.ts';
import { hindrancesOf } from './catalogueRows.ts';

/** Everything about one operation. */
export function describeOperation(catalogue: CatalogueReader) {
  return defineOperation({
    name: 'describe_operation',
    title: 'Describe Operation',
    description:
      'Everything about one operation: its parameters and result as JSON Schema, severity, the role that calls of it need, route, aliases, version, examples and errors, what its calls pass, and what keeps you from running it: on this connection, or, without one, by your role.',
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
    result: Type.Unsafe<
      CatalogueEntry & {
        readonly canRun: boolean;
        readonly hindrances: readonly Hindrance[];
        readonly middlewares?: readonly MiddlewareFacts[];
      }
    >({
      type: 'object',
      required: [
        'name',
        'aliases',
        'title',
        'description',
        'category',
        'version',
        'severity',
        'role',
        'params',
        'result',
        'examples',
        'errors',
        'canRun',
        'hindrances',
      ],
    }),
    route: { method: 'GET', path: '/operations/:operation/describe' },
    examples: [{ title: 'How processes are listed', params: { operation: 'list_processes' } }],
    errors: [{ code: 'operation.not_found', remedy: 'See list_operations.' }],
    execute(context, { operation }) {
      const entry = catalogue.describe(operation);
      if (entry === null) return Promise.resolve(notFound(catalogue, operation));
      const hindrances = hindrancesOf(catalogue, entry, context);
      const middlewares = catalogue.middlewares?.(operation);
      return Promise.resolve(
        ok({
          ...entry,
          canRun: hindrances.length === 0,
          hindrances,
          ...(middlewares !== undefined && { middlewares }),
        }),
      );
    },
  });
}

/** That there is none, and those that may have been meant. */
function notFound(catalogue: CatalogueReader, operation: string): Result<never> {
  const { error } = operationNotFound(operation);
  const names = catalogue.list().flatMap(({ name, aliases }) => [name, ...aliases.map((alias) => alias.name)]);
  return fail({ ...error, remedy: `${error.remedy}${didYouMean(operation, names)}` });
}
