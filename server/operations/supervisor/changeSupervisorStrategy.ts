import { Type } from 'typebox';
import type { SupervisorFlags } from '../../../runtime/model.ts';
import { ok, pidText, processId } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { onNodeParam, placementOfProcess, supervisorFlagsResult, supervisorParam } from '../parameters.ts';
import { namedProcess } from '../processRows.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';
import { flagsText } from '../supervisorRows.ts';

export const changeSupervisorStrategy = defineOperation({
  name: 'change_supervisor_strategy',
  title: 'Change Supervisor Strategy',
  description:
    'Changes the strategy, intensity or period of a running supervisor. Its children are not touched. The change lasts as long as the supervisor: a restart of it brings back what its code says.',
  category: 'supervisor',
  severity: 'destroy',
  idempotent: true,
  needs: [...resolveNeeds, 'supervisors.flags', 'supervisors.setFlags'],
  params: Type.Object({
    supervisor: supervisorParam,
    node: onNodeParam,
    strategy: Type.Optional(Type.Enum(['one_for_one', 'one_for_all', 'rest_for_one'])),
    intensity: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000, description: 'Restarts in a period.' })),
    periodSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 31_536_000 })),
    autoShutdown: Type.Optional(Type.Enum(['never', 'any_significant', 'all_significant'])),
  }),
  result: Type.Object({ ...placementOfProcess, before: supervisorFlagsResult, after: supervisorFlagsResult }),
  route: { method: 'PATCH', path: '/supervisors/:supervisor/flags' },
  aliases: [{ name: 'change_strategy', preset: {}, requires: ['strategy'] }],
  examples: [
    {
      title: 'Restart all when one ends',
      params: { supervisor: 'Shop.Supervisor', node: 'demo1@sim', strategy: 'one_for_all' },
    },
  ],
  errors: [
    { code: 'supervisor.unknown_layout', remedy: 'Its state is of no form that is known; nothing is guessed.' },
    { code: 'supervisor.flags_changed', remedy: 'Somebody changed them meanwhile: look, and decide again.' },
  ],
  validate: ({ strategy, intensity, periodSeconds, autoShutdown }) =>
    [strategy, intensity, periodSeconds, autoShutdown].every((given) => given === undefined)
      ? [{ pointer: '', message: 'says nothing to change: give strategy, intensity, periodSeconds or autoShutdown' }]
      : [],
  async plan(context, { supervisor: text, node, strategy, intensity, periodSeconds, autoShutdown }) {
    const supervisor = await resolveProcess(context, { text, node, pointer: '/supervisor' });
    if (!supervisor.ok) return supervisor;
    const before = await context.port.supervisors.flags({ supervisor: supervisor.value }, context.options());
    if (!before.ok) return before;
    const after: SupervisorFlags = {
      strategy: strategy ?? before.value.strategy,
      intensity: intensity ?? before.value.intensity,
      periodSeconds: periodSeconds ?? before.value.periodSeconds,
      autoShutdown: autoShutdown ?? before.value.autoShutdown,
    };
    return ok({
      summary: `Change ${pidText(supervisor.value)} on ${supervisor.value.node} from ${flagsText(before.value)} to ${flagsText(after)}`,
      touches: [{ node: supervisor.value.node, pid: processId(supervisor.value), what: 'its flags' }],
      severity: 'destroy',
      undo: 'yes',
      steps: { supervisor: supervisor.value, before: before.value, after },
    });
  },
  async apply(context, { steps }) {
    const { supervisor, before, after } = steps;
    const set = await context.port.supervisors.setFlags(
      { supervisor, expect: before, flags: after },
      context.options(),
    );
    return set.ok ? ok({ ...namedProcess(supervisor), before, after: set.value }) : set;
  },
  async compensate(context, { steps }, done) {
    if (!done.ok) return ok(null);
    const { supervisor, before } = steps;
    const back = await context.port.supervisors.setFlags(
      { supervisor, expect: steps.after, flags: before },
      context.options(),
    );
    return back.ok ? ok(null) : back;
  },
  async probe(context, { steps }) {
    const now = await context.port.supervisors.flags({ supervisor: steps.supervisor }, context.options());
    if (!now.ok) return 'unknown';
    if (sameFlags(now.value, steps.after)) return 'applied';
    return sameFlags(now.value, steps.before) ? 'none' : 'unknown';
  },
});

function sameFlags(a: SupervisorFlags, b: SupervisorFlags): boolean {
  return (
    a.strategy === b.strategy &&
    a.intensity === b.intensity &&
    a.periodSeconds === b.periodSeconds &&
    a.autoShutdown === b.autoShutdown
  );
}
