import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { processId } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { known } from '../knownErrors.ts';

export const reloadClusterFile = defineOperation({
  name: 'reload_cluster_file',
  title: 'Reload Cluster File',
  description:
    'Reads the file of a simulated cluster again and puts its code in place while everything runs; servers with a codeChange have their state changed. Only on simulated clusters with a cluster file.',
  category: 'system',
  severity: 'change',
  idempotent: true,
  needs: ['code.reload'],
  params: Type.Object({}),
  result: Type.Object({
    modules: Type.Array(Type.String(), { description: 'Loaded now.' }),
    changed: Type.Array(Type.String(), { description: 'The servers whose state was changed for the new code.' }),
    failed: Type.Array(Type.Object({ pid: Type.String(), why: Type.String() }), {
      description: 'The servers whose state could not be changed; they keep it.',
    }),
  }),
  route: { method: 'POST', path: '/cluster/file/reload' },
  examples: [{ title: 'After it was saved', params: {} }],
  errors: [known.notHere],
  plan: () =>
    Promise.resolve(
      ok({
        summary: 'Read the cluster file again and put its code in place',
        touches: [],
        severity: 'change' as const,
        undo: 'no' as const,
        steps: {},
      }),
    ),
  async apply(context) {
    const reloaded = await context.port.code.reload({}, context.options());
    if (!reloaded.ok) return reloaded;
    const { modules, changed, failed } = reloaded.value;
    return ok({
      modules: [...modules],
      changed: changed.map(processId),
      failed: failed.map(({ pid, why }) => ({ pid: processId(pid), why })),
    });
  },
});
