import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { timeResult, timeRow } from './timeRows.ts';
import { known } from '../knownErrors.ts';

export const getTime = defineOperation({
  name: 'get_time',
  title: 'Get Time',
  description:
    'How the time of the cluster passes: paused or not, how fast, and what its clock says. Only on simulated clusters.',
  category: 'faults',
  severity: 'read',
  idempotent: true,
  needs: ['clock.state'],
  params: Type.Object({}),
  result: Type.Object(timeResult),
  route: { method: 'GET', path: '/cluster/time' },
  examples: [{ title: 'Now', params: {} }],
  errors: [known.notHere],
  async execute(context) {
    const state = await context.port.clock.state({}, context.options());
    return state.ok ? ok(timeRow(state.value)) : state;
  },
});
