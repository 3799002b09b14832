import { Type } from 'typebox';
import { failure } from '../../../runtime/errors.ts';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { readSort } from '../lists.ts';
import { nullable } from '../parameters.ts';
import {
  backgroundParam,
  operationParam,
  persistenceResult,
  sinceParam,
  spanOf,
  spanProblems,
  untilParam,
} from './analyticsParameters.ts';
import type { CallFigures, CallState } from './state.ts';

const text = (description: string) => Type.Optional(Type.String({ minLength: 1, maxLength: 255, description }));
const orNone = nullable(Type.Number());

const figures = {
  calls: Type.Integer(),
  failures: Type.Integer(),
  errorRate: Type.Number({ description: 'Failures of all calls, 0 to 1.' }),
  failuresByCode: Type.Record(Type.String(), Type.Integer()),
  durationMs: Type.Object({ mean: orNone, max: orNone, p50: orNone, p90: orNone, p95: orNone, p99: orNone }),
  cpuMs: Type.Object(
    { calls: Type.Integer(), mean: orNone },
    {
      description:
        'CPU time of Arsenal’s process a call: of at most fifty calls a second, and if nothing else ran in it meanwhile.',
    },
  ),
};

type Group = { readonly key: string } & CallFigures;

/** What groups can be sorted by. */
const sortable = {
  key: ({ key }: Group) => key,
  calls: ({ calls }: Group) => calls,
  failures: ({ failures }: Group) => failures,
  errorRate: ({ errorRate }: Group) => errorRate,
  mean: ({ durationMs }: Group) => durationMs.mean,
  max: ({ durationMs }: Group) => durationMs.max,
  p50: ({ durationMs }: Group) => durationMs.p50,
  p90: ({ durationMs }: Group) => durationMs.p90,
  p95: ({ durationMs }: Group) => durationMs.p95,
  p99: ({ durationMs }: Group) => durationMs.p99,
  cpuMs: ({ cpuMs }: Group) => cpuMs.mean,
} as const;
/** By the figure; what has none is last, and what is equal by its key. */
function sorted(groups: readonly Group[], sort: string): Group[] {
  const { field, direction } = readSort(sort);
  const by = isSortable(field) ? sortable[field] : sortable.calls;
  return groups
    .toSorted((a, b) => (a.key < b.key ? -1 : 1))
    .map((group) => ({ group, value: by(group) }))
    .toSorted((a, b) => ordered(a.value, b.value, direction === 'descending'))
    .map(({ group }) => group);
}

function ordered(a: string | number | null, b: string | number | null, isDescending: boolean): number {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  return a < b === isDescending ? 1 : -1;
}

function isSortable(field: string): field is keyof typeof sortable {
  return Object.hasOwn(sortable, field);
}

/** Figures of operations: how often, how long, how many failed with what. */
export function operationStats(state: CallState) {
  return defineOperation({
    name: 'operation_stats',
    title: 'Operation Statistics',
    description:
      'How often operations were called, how long they took, how many failed and with which code, for a span of time: by the minute for the last six hours, by the hour before. Percentiles are within 1 % of a duration that there was. Others than an admin see figures of their own calls.',
    category: 'analytics',
    severity: 'read',
    idempotent: true,
    needs: [],
    params: Type.Object({
      operation: operationParam,
      category: text('Only of this category.'),
      connection: text('Only on this connection.'),
      principal: text('Only calls of this caller.'),
      via: text('Only calls that came in this way: editor, rest, cli …'),
      background: backgroundParam,
      since: sinceParam,
      until: untilParam,
      groupBy: Type.Enum(['operation', 'category', 'connection', 'caller', 'via'], {
        default: 'operation',
        description: 'What figures are told apart by.',
      }),
      sort: Type.Unsafe<string>({
        type: 'string',
        enum: Object.keys(sortable).flatMap((field) => [field, `-${field}`]),
        default: '-calls',
        description:
          'What groups are sorted by; with - from the largest: -errorRate for those that fail most, -p95 for the slowest.',
      }),
      limit: Type.Integer({
        minimum: 1,
        maximum: 1_000,
        default: 100,
        description: 'Groups in the answer, the first by the sort.',
      }),
      points: Type.Boolean({ default: false, description: 'Also figures over time, by the minute or the hour.' }),
    }),
    result: Type.Object({
      since: nullable(Type.Number({ description: 'Milliseconds since 1970; null: from the beginning.' })),
      until: Type.Number(),
      relativeError: Type.Number({ description: 'Of the percentiles.' }),
      total: Type.Object(figures),
      groups: Type.Array(Type.Object({ key: Type.String(), ...figures })),
      groupsTotal: Type.Integer({ description: 'Groups there are.' }),
      points: Type.Array(Type.Object({ at: Type.Number(), spanMs: Type.Integer(), ...figures })),
      persistence: persistenceResult,
    }),
    route: { method: 'GET', path: '/analytics/operations/:operation' },
    examples: [
      { title: 'All operations in the last hour', params: { since: '1h' } },
      { title: 'The slowest of today', params: { since: '1d', sort: '-p95', limit: 10 } },
      { title: 'Those that fail most', params: { sort: '-errorRate', limit: 10 } },
      { title: 'One, over time', params: { operation: 'list_processes', points: true } },
    ],
    errors: [{ code: 'stats.not_yours', remedy: 'Leave principal out: figures of your own calls are answered.' }],
    validate: spanProblems,
    async execute({ caller }, params) {
      const { operation, category, connection, principal, via, background, groupBy, sort, limit, points } = params;
      if (caller.role !== 'admin' && principal !== undefined && principal !== caller.principal) {
        return failure(
          'authorization',
          'stats.not_yours',
          'Only an admin sees figures of somebody else’s calls.',
          'Leave principal out: figures of your own calls are answered.',
          { pointer: '/principal' },
        );
      }
      const span = spanOf(params, Date.now());
      const stats = await state.stats(caller, {
        ...span,
        background,
        groupBy,
        points,
        ...(operation !== undefined && { operation }),
        ...(category !== undefined && { category }),
        ...(connection !== undefined && { connection }),
        ...(principal !== undefined && { principal }),
        ...(via !== undefined && { via }),
      });
      return ok({
        since: span.since === 0 ? null : span.since,
        until: span.until,
        ...stats,
        groups: sorted(stats.groups, sort).slice(0, limit),
        groupsTotal: stats.groups.length,
        points: [...stats.points],
        persistence: state.persistence(),
      });
    },
  });
}
