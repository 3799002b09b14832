import { Type } from 'typebox';
import { failure } from '../../../runtime/errors.ts';
import type { ArsenalError, Coverage, NodeName, Result } from '../../../runtime/model.ts';
import { fail, ok, processId } from '../../../runtime/model.ts';
import type { Plan } from '../../core/operation.ts';
import { defineOperation } from '../../core/operation.ts';
import type { Context } from '../../core/context.ts';
import { coverageResult, nodeParam, nullable } from '../parameters.ts';
import type { Move, MoveHow, WayBack } from '../process/moves.ts';
import {
  backResult,
  movedResult,
  moveHowParams,
  moveMany,
  moveNeeds,
  nothingDone,
  probeMoves,
  putBack,
  readUndo,
  takeBack,
  undoText,
} from '../process/moves.ts';
import type { Load, Proposal, Unit } from './balancePlan.ts';
import { planBalance } from './balancePlan.ts';
import type { LoadMeasure, NodeLoad } from './load.ts';
import { loadBy, loadMeasures, loadNeeds, nodeLoads, shares } from './load.ts';
import type { Staying } from './movable.ts';
import { movable, movableNeeds } from './movable.ts';

const mostNodes = 100;
const movedAtOnce = 4;
const units: { readonly [measure in LoadMeasure]: Unit } = {
  processes: { one: 'process', many: 'processes' },
  memory: { one: 'byte', many: 'bytes' },
  reductions: { one: 'reduction a second', many: 'reductions a second' },
  run_queue: { one: 'of the run queue', many: 'of the run queue' },
};

const loadResult = Type.Object({
  node: Type.String(),
  load: nullable(Type.Number({ description: 'By the measure chosen; null where the node does not tell it.' })),
  projected: nullable(Type.Number({ description: 'When the moves are done.' })),
  processes: Type.Integer(),
  memoryBytes: nullable(Type.Number()),
  reductionsPerSecond: Type.Number(),
  runQueue: Type.Number(),
});
const proposalResult = Type.Object({
  pid: Type.String(),
  node: Type.String(),
  to: Type.String(),
  share: Type.Number({ description: 'What of the load moves with it.' }),
  reason: Type.String(),
});

type Steps = {
  readonly by: LoadMeasure;
  readonly did: 'proposed' | 'applied' | 'undone';
  readonly loads: LoadRow[];
  readonly mean: number | null;
  readonly moves: ProposalRow[];
  readonly staying: Staying[];
  readonly nodes: Coverage;
  /** What is done now. */
  readonly run: readonly Move[];
  readonly back: readonly WayBack[];
  readonly atomic: boolean;
  readonly how: MoveHow;
};
type ProposalRow = {
  readonly pid: string;
  readonly node: NodeName;
  readonly to: NodeName;
  readonly share: number;
  readonly reason: string;
};

export const balanceClusterLoad = defineOperation({
  name: 'balance_cluster_load',
  title: 'Balance Cluster Load',
  description:
    'Measures how loaded the nodes are and says which processes should move where, and why, so that they are loaded alike; with `apply` it moves them. What cannot move is told with the reason. `undo`, from an earlier answer, puts those that it moved back.',
  category: 'distributed',
  severity: 'destroy',
  idempotent: false,
  needs: [...loadNeeds, ...movableNeeds, 'processes.info', ...moveNeeds],
  mayUse: ['supervisors.childSpec', 'holdings.list'],
  params: Type.Object({
    by: Type.Enum([...loadMeasures], { default: 'processes', description: 'What load is.' }),
    apply: Type.Boolean({ default: false, description: 'Move them; otherwise they are only named.' }),
    undo: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 262_144,
        pattern: '^[A-Za-z0-9_-]+$',
        description:
          'The `undo` of an earlier answer: puts what that moved back. The other parameters then mean nothing.',
      }),
    ),
    nodes: Type.Optional(
      Type.Array(nodeParam, {
        minItems: 2,
        maxItems: mostNodes,
        uniqueItems: true,
        description: 'Only between these nodes; between all of them when absent.',
      }),
    ),
    tolerancePercent: Type.Integer({
      minimum: 0,
      maximum: 100,
      default: 10,
      description: 'How far above the mean a node may lie.',
    }),
    maxMoves: Type.Integer({ minimum: 1, maximum: 100, default: 10 }),
    atomic: Type.Boolean({ default: false, description: 'Take all back when one cannot be moved.' }),
    sampleMs: Type.Integer({ minimum: 0, maximum: 10_000, default: 500, description: 'How long load is measured.' }),
    childLimit: Type.Integer({
      minimum: 1,
      maximum: 10_000,
      default: 1_000,
      description: 'Children looked at of one supervisor.',
    }),
    ...moveHowParams,
  }),
  result: Type.Object({
    by: Type.String(),
    did: Type.Enum(['proposed', 'applied', 'undone']),
    loads: Type.Array(loadResult),
    mean: nullable(Type.Number()),
    moves: Type.Array(proposalResult, { description: 'What is proposed, in this order.' }),
    staying: Type.Array(
      Type.Object({
        node: Type.String(),
        supervisor: Type.String(),
        processes: Type.Integer(),
        why: Type.String(),
      }),
      { description: 'Processes of loaded nodes that cannot move, and why.' },
    ),
    items: Type.Array(movedResult, { description: 'What became of each, where it was applied.' }),
    back: Type.Array(backResult, { description: 'What became of each, where it was undone.' }),
    undo: nullable(Type.String({ description: 'Give it as `undo` to put back those that were moved.' })),
    nodes: coverageResult,
  }),
  route: { method: 'POST', path: '/cluster/balance' },
  examples: [
    { title: 'What should move', params: { sampleMs: 50 } },
    { title: 'Move up to three by memory', params: { by: 'memory', apply: true, maxMoves: 3, sampleMs: 50 } },
  ],
  errors: [
    { code: 'cluster.too_small', remedy: 'There is nothing to balance between: start or connect to another node.' },
    { code: 'undo.unreadable', remedy: 'Give the `undo` of an earlier answer, as it was.' },
    { code: 'process.not_done', remedy: 'See the reason; all is as it was.' },
  ],
  timeoutMs: 600_000,
  // What was moved is moved back after the call was given up, too.
  graceMs: 120_000,
  async plan(context, params) {
    const { apply, undo, by, atomic, maxBytes, forwardMs } = params;
    const how = { maxBytes, forwardMs, owner: context.owner };
    const found = undo === undefined ? ok([]) : readUndo(undo, '/undo');
    if (!found.ok) return found;
    return found.value.length > 0
      ? planBack({ by, atomic, how }, found.value)
      : planMoves(context, params, { by, atomic, how }, apply);
  },
  async apply(context, { steps }) {
    const { run, back, atomic, how, ...told } = steps;
    if (told.did === 'undone') {
      const rows = await putBack(context, back, how);
      return ok({ ...told, items: [], back: [...rows], undo: null });
    }
    const { rows, done } = await moveMany(context, run, how, { atomic, atOnce: movedAtOnce });
    const error = rows.length === 0 ? null : nothingDone(rows);
    // One that cannot move says nothing against the others' plan: told with it, unless all or none was asked for.
    if (error !== null && atomic) return fail(error);
    return ok({ ...told, items: [...rows], back: [], undo: undoText(done) });
  },
  probe: (context, { steps }) =>
    probeMoves(context, [...steps.run, ...steps.back.map(({ now }) => ({ process: now }))], steps.how),
  async compensate(context, { steps }, done) {
    return takeBack(context, done.ok ? done.value.undo : null, steps.how);
  },
});

type Given = Pick<Steps, 'by' | 'atomic' | 'how'>;

function planBack(given: Given, back: readonly WayBack[]): Result<Plan<Steps>> {
  return ok({
    summary: `Move ${String(back.length)} processes back to where they were`,
    touches: back.map(({ now, was }) => ({ node: now.node, pid: processId(now), what: `moves back to ${was.node}` })),
    severity: 'destroy',
    undo: 'no',
    steps: { ...given, did: 'undone', loads: [], mean: null, moves: [], staying: [], nodes: [], run: [], back },
  });
}

async function planMoves(
  context: ProposeContext,
  asked: Asked,
  given: Given,
  isApplied: boolean,
): Promise<Result<Plan<Steps>>> {
  const proposed = await propose(context, asked);
  if (!proposed.ok) return proposed;
  const { proposals, ...told } = proposed.value;
  const moves = proposals.map(({ process, ...rest }) => ({ pid: processId(process), node: process.node, ...rest }));
  const run = proposals.map(({ process, to }): Move => ({ process, to, supervisor: null, home: null }));
  return ok({
    summary: `${isApplied ? 'Move' : 'Propose to move'} ${String(moves.length)} processes so that nodes are loaded alike by ${asked.by}`,
    touches: moves.map(({ pid, node, reason }) => ({ node, pid, what: reason })),
    severity: 'destroy',
    undo: isApplied ? 'partly' : 'yes',
    steps: { ...given, ...told, moves, did: isApplied ? 'applied' : 'proposed', run: isApplied ? run : [], back: [] },
  });
}

type Asked = {
  readonly by: LoadMeasure;
  readonly nodes?: readonly NodeName[];
  readonly tolerancePercent: number;
  readonly maxMoves: number;
  readonly sampleMs: number;
  readonly childLimit: number;
};
type LoadRow = Omit<NodeLoad, 'node'> & { node: NodeName; load: number | null; projected: number | null };
type Proposed = {
  readonly loads: LoadRow[];
  readonly mean: number | null;
  readonly staying: Staying[];
  readonly nodes: Coverage;
  readonly proposals: readonly Proposal[];
};
type ProposeContext = Context<
  (typeof loadNeeds)[number] | (typeof movableNeeds)[number] | 'processes.info' | 'supervisors.childSpec'
>;

async function propose(context: ProposeContext, asked: Asked): Promise<Result<Proposed>> {
  const { by, tolerancePercent, maxMoves, sampleMs, childLimit } = asked;
  const measured = await nodeLoads(context, sampleMs);
  if (!measured.ok) return measured;
  const meant = measured.value.loads.filter(({ node }) => asked.nodes?.includes(node) ?? true);
  const known = meant.flatMap((load): readonly Load[] => {
    const figure = loadBy(by, load);
    return figure === null ? [] : [{ node: load.node, load: figure }];
  });
  if (known.length < 2) return tooSmall(measured.value.nodes, asked.nodes);
  const mean = known.reduce((sum, { load }) => sum + load, 0) / known.length;
  const over = known.filter(({ load }) => load > mean * (1 + tolerancePercent / 100)).map(({ node }) => node);
  const under = known.filter(({ load }) => load < mean).map(({ node }) => node);
  const found =
    over.length === 0 ? ok({ candidates: [], staying: [] }) : await movable(context, over, under, childLimit);
  if (!found.ok) return found;
  const { candidates, staying } = found.value;
  const weighed = await shares(
    context,
    by,
    candidates.map(({ process }) => process),
    meant,
    sampleMs,
  );
  if (!weighed.ok) return weighed;
  const options = { toleranceRatio: tolerancePercent / 100, maxMoves, unit: units[by] };
  const plan = planBalance(known, candidates, weighed.value, options);
  const projected = new Map(plan.after.map(({ node, load }) => [node, load]));
  return ok({
    loads: meant.map((load) => ({ ...load, load: loadBy(by, load), projected: projected.get(load.node) ?? null })),
    mean: plan.mean,
    staying: [...staying],
    nodes: measured.value.nodes,
    proposals: plan.moves,
  });
}

function tooSmall(nodes: Coverage, asked: readonly NodeName[] | undefined): Result<never> {
  const missing = nodes.flatMap((one): readonly ArsenalError[] => (one.status === 'missing' ? [one.error] : []));
  return failure(
    'conflict',
    'cluster.too_small',
    'Fewer than two nodes tell how loaded they are: there is nothing to balance between.',
    missing.length > 0 ? 'Bring the nodes that do not answer back.' : 'Start or connect to another node.',
    { ...(asked !== undefined && { pointer: '/nodes' }), details: { nodes: nodes.map(({ node }) => node) } },
  );
}
