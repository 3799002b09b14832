import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import type { Answer } from '../../../runtime/port.ts';
import { defineOperation } from '../../core/operation.ts';
import { sinceParam, spanOf, spanProblems, untilParam } from '../analytics/analyticsParameters.ts';
import { nullable, onNodeParam, placementOfProcess, shownTermResult, supervisorParam } from '../parameters.ts';
import { namedProcess } from '../processRows.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';
import { displayOf, shownTerm } from '../terms.ts';
import { childParam } from './childParameters.ts';
import { childIdFrom } from './childSpecs.ts';
import { busiest, counted, perMinute, pointsOf } from './restartFigures.ts';

const mostRestarts = 10_000;

export const restartFrequency = defineOperation({
  name: 'restart_frequency',
  title: 'Restart Frequency',
  description:
    'How often a supervisor restarted its children in a span of time: in all, by child and by reason, over time, the latest ones, and how near that is and was to its limit. Restarts are recorded from the first question on.',
  category: 'supervisor',
  severity: 'read',
  idempotent: true,
  needs: [...resolveNeeds, 'supervisors.restarts'],
  mayUse: ['supervisors.flags'],
  params: Type.Object({
    supervisor: supervisorParam,
    node: onNodeParam,
    since: sinceParam,
    until: untilParam,
    child: Type.Optional(
      Type.String({ ...childParam, description: 'Only restarts of this child, by its id as it is shown.' }),
    ),
    points: Type.Boolean({ default: false, description: 'Also how many there were over time.' }),
    limit: Type.Integer({ minimum: 0, maximum: 1_000, default: 100, description: 'Latest restarts listed.' }),
  }),
  result: Type.Object({
    ...placementOfProcess,
    since: Type.Number({ description: 'What is told begins then; milliseconds since 1970.' }),
    until: Type.Number({ description: 'And ends then.' }),
    recordedSince: Type.Number({ description: 'Earlier restarts are not known; milliseconds since 1970.' }),
    total: Type.Integer(),
    perMinute: Type.Number({ description: 'Over that time.' }),
    inPeriod: nullable(
      Type.Object({
        restarts: Type.Integer({ description: 'Within the last period of the supervisor, of all children.' }),
        most: Type.Integer({ description: 'In the worst period of that time: with one more than intensity it ends.' }),
        mostAt: nullable(Type.Number({ description: 'When that period ended; null when there were no restarts.' })),
        intensity: Type.Integer({ description: 'How many it allows in a period.' }),
        periodSeconds: Type.Number(),
      }),
    ),
    byChild: Type.Array(
      Type.Object({
        childId: Type.String(),
        restarts: Type.Integer(),
        perMinute: Type.Number(),
        lastAt: Type.Number({ description: 'Milliseconds since 1970.' }),
        lastReason: Type.String(),
      }),
      { description: 'The most often restarted first.' },
    ),
    byReason: Type.Array(Type.Object({ reason: Type.String(), restarts: Type.Integer() })),
    points: Type.Array(
      Type.Object({
        at: Type.Number({ description: 'Milliseconds since 1970; the stretch begins then.' }),
        spanMs: Type.Number(),
        restarts: Type.Integer(),
      }),
      { description: 'Sixty stretches of equal length; none unless asked for.' },
    ),
    latest: Type.Array(
      Type.Object({
        at: Type.Number({ description: 'Milliseconds since 1970.' }),
        childId: Type.String(),
        reason: shownTermResult,
      }),
    ),
  }),
  route: { method: 'GET', path: '/supervisors/:supervisor/restarts' },
  examples: [
    { title: 'Of a registered supervisor', params: { supervisor: 'Shop.Supervisor', node: 'demo1@sim' } },
    {
      title: 'Of one child in the last quarter of an hour, over time',
      params: { supervisor: 'Shop.Supervisor', node: 'demo1@sim', child: 'Shop.Catalog', since: '15m', points: true },
    },
  ],
  errors: [{ code: 'supervisor.not_one', remedy: 'Choose a process from list_supervisors.' }],
  validate: spanProblems,
  async execute(context, params) {
    const { supervisor: text, node, child, points, limit } = params;
    const supervisor = await resolveProcess(context, { text, node, pointer: '/supervisor' });
    if (!supervisor.ok) return supervisor;
    const target = { supervisor: supervisor.value };
    const recorded = await context.port.supervisors.restarts({ ...target, limit: mostRestarts }, context.options());
    if (!recorded.ok) return recorded;
    const flags = await context.port.supervisors.flags(target, context.options());
    const now = Date.now();
    const asked = spanOf(params, now);
    const span = { since: Math.max(asked.since, recorded.value.since), until: Math.min(asked.until, now) };
    const spanMs = Math.max(0, span.until - span.since);
    const all = recorded.value.restarts.map(seen).toSorted((a, b) => b.at - a.at);
    const within = all.filter(({ at }) => at >= asked.since && at < asked.until);
    const wanted = child === undefined ? null : shownId(child);
    const meant = within.filter(({ childId }) => wanted === null || childId === wanted);
    return ok({
      ...namedProcess(supervisor.value),
      ...span,
      recordedSince: recorded.value.since,
      total: meant.length,
      perMinute: perMinute(meant.length, spanMs),
      inPeriod: flags.ok
        ? {
            restarts: all.filter(({ at }) => now - at <= flags.value.periodSeconds * 1_000).length,
            ...busiest(within, flags.value.periodSeconds * 1_000),
            intensity: flags.value.intensity,
            periodSeconds: flags.value.periodSeconds,
          }
        : null,
      byChild: counted(meant, ({ childId }) => childId).map(({ of, items: [last], restarts }) => ({
        childId: of,
        restarts,
        perMinute: perMinute(restarts, spanMs),
        lastAt: last.at,
        lastReason: last.reason.display,
      })),
      byReason: counted(meant, ({ reason }) => reason.display).map(({ of, restarts }) => ({ reason: of, restarts })),
      points: points ? pointsOf(meant, span) : [],
      latest: meant.slice(0, limit).map(({ at, childId, reason }) => ({ at, childId, reason })),
    });
  },
});

function seen({ at, childId, reason }: Answer<'supervisors.restarts'>['restarts'][number]) {
  return { at, childId: displayOf(childId), reason: shownTerm(reason) };
}

/** A child's id as results show it, from any text that says it. */
function shownId(text: string): string {
  const id = childIdFrom(text, '/child');
  return id.ok ? displayOf(id.value) : text;
}
