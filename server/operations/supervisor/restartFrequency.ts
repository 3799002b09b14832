import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { nullable, onNodeParam, placementOfProcess, shownTermResult, supervisorParam } from '../parameters.ts';
import { namedProcess } from '../processRows.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';
import { displayOf, shownTerm } from '../terms.ts';

export const restartFrequency = defineOperation({
  name: 'restart_frequency',
  title: 'Restart Frequency',
  description:
    'How often a supervisor restarted its children since restarts are recorded: in all, by child, the latest ones with their reasons, and how near that is to its limit.',
  category: 'supervisor',
  severity: 'read',
  idempotent: true,
  needs: [...resolveNeeds, 'supervisors.restarts'],
  mayUse: ['supervisors.flags'],
  params: Type.Object({
    supervisor: supervisorParam,
    node: onNodeParam,
    limit: Type.Integer({ minimum: 1, maximum: 1_000, default: 100, description: 'Latest restarts listed.' }),
  }),
  result: Type.Object({
    ...placementOfProcess,
    since: Type.Number({ description: 'Restarts are recorded since then; milliseconds since 1970.' }),
    total: Type.Integer(),
    perMinute: Type.Number({ description: 'Over the time since `since`.' }),
    inPeriod: nullable(
      Type.Object({
        restarts: Type.Integer({ description: 'Within the last period of the supervisor.' }),
        intensity: Type.Integer({ description: 'How many it allows in a period.' }),
        periodSeconds: Type.Number(),
      }),
    ),
    byChild: Type.Array(Type.Object({ childId: Type.String(), restarts: Type.Integer() })),
    latest: Type.Array(
      Type.Object({
        at: Type.Number({ description: 'Milliseconds since 1970.' }),
        childId: Type.String(),
        reason: shownTermResult,
      }),
    ),
  }),
  route: { method: 'GET', path: '/supervisors/:supervisor/restarts' },
  examples: [{ title: 'Of a registered supervisor', params: { supervisor: 'Shop.Supervisor', node: 'demo1@sim' } }],
  errors: [{ code: 'supervisor.not_one', remedy: 'Choose a process from list_supervisors.' }],
  async execute(context, { supervisor: text, node, limit }) {
    const supervisor = await resolveProcess(context, { text, node, pointer: '/supervisor' });
    if (!supervisor.ok) return supervisor;
    const target = { supervisor: supervisor.value };
    const recorded = await context.port.supervisors.restarts({ ...target, limit: mostRestarts }, context.options());
    if (!recorded.ok) return recorded;
    const flags = await context.port.supervisors.flags(target, context.options());
    const { since, restarts } = recorded.value;
    const newest = restarts.toSorted((a, b) => b.at - a.at);
    const byChild = new Map<string, number>();
    for (const { childId } of restarts) byChild.set(displayOf(childId), (byChild.get(displayOf(childId)) ?? 0) + 1);
    const now = Date.now();
    const minutes = Math.max(now - since, 1) / 60_000;
    return ok({
      ...namedProcess(supervisor.value),
      since,
      total: restarts.length,
      perMinute: restarts.length / minutes,
      inPeriod: flags.ok
        ? {
            restarts: restarts.filter(({ at }) => now - at <= flags.value.periodSeconds * 1_000).length,
            intensity: flags.value.intensity,
            periodSeconds: flags.value.periodSeconds,
          }
        : null,
      byChild: [...byChild]
        .map(([childId, count]) => ({ childId, restarts: count }))
        .toSorted((a, b) => b.restarts - a.restarts),
      latest: newest.slice(0, limit).map(({ at, childId, reason }) => ({
        at,
        childId: displayOf(childId),
        reason: shownTerm(reason),
      })),
    });
  },
});

const mostRestarts = 10_000;
