/** `libcluster.topologies`: found by the supervisors that run them, and by what is configured. */
import { remainingNow } from '../../callOptions.ts';
import type { ChildState, ClusterTopology, Coverage, NodeName, Result } from '../../model.ts';
import { ok } from '../../model.ts';
import type { CallOptions, MethodTable } from '../../port.ts';
import type { Term } from '../../term/term.ts';
import { integer, isAtom, list } from '../../term/term.ts';
import { answered } from './callError.ts';
import { askEach } from './coverage.ts';
import type { NodeTarget } from './nodeTarget.ts';
import { atomName, listOf, pidOf, processOf, tupleOf } from './read.ts';
import type { Session } from './session.ts';

/** libcluster's supervisor; what has this callback module is an ordinary supervisor and answers as one. */
const clusterSupervisor = 'Elixir.Cluster.Supervisor';
const longestAnswerMs = 2_000;

/** The topologies of the nodes; none is not an error. */
export async function topologies(
  session: Session,
  nodes: readonly NodeName[] | 'all',
  options: CallOptions,
): Promise<{ readonly topologies: readonly ClusterTopology[]; readonly nodes: Coverage }> {
  const found = await askEach(session, nodes, options, (target) => topologiesOn(session, target, options));
  return { topologies: found.answers.flatMap(([, rows]) => rows), nodes: found.nodes };
}

async function topologiesOn(
  session: Session,
  target: NodeTarget,
  options: CallOptions,
): Promise<Result<readonly ClusterTopology[]>> {
  const all = await session.finders.of(target).find(target);
  if (!all.ok) return all;
  const supervisors = all.value.filter(({ module }) => module === clusterSupervisor);
  const args = [
    list(supervisors.map(({ supervisor }) => pidOf(supervisor))),
    integer(Math.max(1, Math.min(longestAnswerMs, Math.floor(remainingNow(options) / 2)))),
  ];
  const said = await target.run('cluster_topologies', args, options);
  const rows = answered(said, target.node, 'A supervisor of libcluster');
  return rows.ok ? ok(listOf(rows.value).flatMap((row) => readTopology(target.node, row))) : rows;
}

/** `{Topology, Strategy, Config, Child, Supervisor}` (agent/libcluster.erl) */
export function readTopology(node: NodeName, row: Term): readonly ClusterTopology[] {
  const [topology, strategy, config, child, supervisor] = tupleOf(row, 5) ?? [];
  const [name, module] = [atomName(topology), atomName(strategy)];
  if (name === null || module === null || config === undefined) return [];
  const runner = processOf(supervisor);
  const state = runner === null ? ({ is: 'configured' } as const) : stateOf(child);
  return [{ node, topology: name, strategy: module, config, state, supervisor: runner }];
}

function stateOf(child: Term | undefined): ChildState | { readonly is: 'ended' } {
  const pid = processOf(child);
  if (pid !== null) return { is: 'running', pid };
  return isAtom(child, 'restarting') ? { is: 'restarting' } : { is: 'ended' };
}

export function libclusterMethods(session: Session): MethodTable {
  return {
    'libcluster.topologies': async ({ nodes }, options) => ok(await topologies(session, nodes, options)),
  };
}
