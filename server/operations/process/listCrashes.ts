import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { eachNode } from '../eachNode.ts';
import type { Scans } from '../lists.ts';
import { listPage, listParams, listResult } from '../lists.ts';
import { nodeFilterParam, nullable, placementOfProcess, shownTermResult } from '../parameters.ts';
import { namedProcess } from '../processRows.ts';
import { shownTerm } from '../terms.ts';
import { known } from '../knownErrors.ts';

const mostCrashes = 1_000;

/** What proc_lib reported of processes that crashed, since it is recorded: no more than are kept of a node, so that all come. */
export function listCrashes(scans: Scans) {
  return defineOperation({
    name: 'list_crashes',
    title: 'List Crashes',
    description:
      'Processes that crashed, with reason and stack, newest first. A node records them from the first time it is asked.',
    category: 'process',
    severity: 'read',
    idempotent: true,
    needs: ['cluster.nodes', 'processes.crashes'],
    params: Type.Object({
      node: nodeFilterParam,
      ...listParams({ at: 'number', node: 'text', registeredName: 'text', initialCall: 'text', kind: 'text' }),
    }),
    result: listResult(
      Type.Partial(
        Type.Object({
          ...placementOfProcess,
          at: Type.Number({ description: 'Milliseconds since 1970.' }),
          registeredName: nullable(Type.String()),
          initialCall: nullable(Type.String()),
          kind: Type.Enum(['error', 'exit', 'throw']),
          reason: shownTermResult,
          stack: Type.Array(Type.String(), { description: 'Innermost first.' }),
        }),
      ),
    ),
    route: { method: 'GET', path: '/processes/crashes' },
    examples: [{ title: 'Of all nodes', params: {} }],
    errors: [known.cursorExpired, known.nodeUnavailable],
    execute: (context, params) =>
      listPage(context, 'list_crashes', params, scans, ['pid', 'node', 'at'], async () => {
        const asked = await eachNode(context, params.node, (node) =>
          context.port.processes.crashes({ node, limit: mostCrashes }, context.options()),
        );
        if (!asked.ok) return asked;
        const rows = asked.value.answers.flatMap(({ value }) =>
          value.crashes.map(({ pid, at, registeredName, initialCall, kind, reason, stack }) => ({
            ...namedProcess(pid),
            at,
            registeredName,
            initialCall,
            kind,
            reason: shownTerm(reason),
            stack: stack.map(({ call, file, line }) =>
              file === null ? call : `${call} (${file}${line === null ? '' : `:${String(line)}`})`,
            ),
          })),
        );
        return ok({ rows: rows.toSorted((a, b) => b.at - a.at), nodes: asked.value.nodes });
      }),
  });
}
