import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { known } from '../knownErrors.ts';

export const exportScenario = defineOperation({
  name: 'export_scenario',
  title: 'Export Scenario',
  description:
    'Everything a simulated cluster with a seed was asked since its start, as a file that replays it and a test that does so. Only on simulated clusters that were started with a seed.',
  category: 'faults',
  severity: 'diagnose',
  idempotent: true,
  needs: ['clock.recording'],
  params: Type.Object({
    name: Type.String({ minLength: 1, maxLength: 200, description: 'What the files are called.' }),
  }),
  result: Type.Object({
    file: Type.String({ description: 'NAME.scenario.json, which belongs beside the cluster file if there is one.' }),
    scenario: Type.Object({}, { additionalProperties: true, description: 'What stands in it.' }),
    testFile: Type.String({ description: 'NAME.scenario.test.mjs' }),
    test: Type.String({ description: 'What stands in it, for node:test.' }),
  }),
  route: { method: 'POST', path: '/cluster/scenario' },
  examples: [{ title: 'What led here', params: { name: 'orders get lost' } }],
  errors: [known.notHere],
  async execute(context, { name }) {
    const recorded = await context.port.clock.recording({ name }, context.options());
    if (!recorded.ok) return recorded;
    const { file, scenario, test } = recorded.value;
    return ok({ file: `${file}.scenario.json`, scenario, testFile: `${file}.scenario.test.mjs`, test });
  },
});
