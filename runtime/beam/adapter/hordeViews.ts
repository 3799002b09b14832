/** The members of the Hordes there are, each as its own node says. */
import { timedOut } from '../../errors.ts';
import type { Coverage, HordeView, NodeName } from '../../model.ts';
import type { CallOptions } from '../../port.ts';
import { askEach } from './coverage.ts';
import { readView } from './hordeRows.ts';
import { rowsOn } from './nameRows.ts';
import type { Session } from './session.ts';

/** Every member of a Horde on the nodes. One whose supervisor did not answer makes its node's coverage `partial`. */
export async function hordesOn(
  session: Session,
  nodes: readonly NodeName[] | 'all',
  options: CallOptions,
): Promise<{ readonly views: readonly HordeView[]; readonly nodes: Coverage }> {
  const found = await askEach(session, nodes, options, (target) => rowsOn(target, { rows: 'hordes' }, options));
  const views = found.answers.flatMap(([node, rows]) => rows.flatMap((row) => readView(node, row) ?? []));
  const silent = new Map(
    views.flatMap(({ kind, name, node, supervisor }) =>
      kind === 'supervisor' && supervisor === null ? [[node, name] as const] : [],
    ),
  );
  const coverage = found.nodes.map((entry) => {
    const name = silent.get(entry.node);
    if (name === undefined || entry.status !== 'ok') return entry;
    return {
      node: entry.node,
      status: 'partial',
      error: timedOut(`Supervisor ${name}`, 'none', entry.node).error,
    } as const;
  });
  return { views, nodes: coverage };
}
