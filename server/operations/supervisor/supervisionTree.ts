import { Type } from 'typebox';
import type {
  ArsenalError,
  ChildRow,
  Coverage,
  Json,
  ProcessRef,
  Result,
  SupervisorInfo,
} from '../../../runtime/model.ts';
import { ok, processId } from '../../../runtime/model.ts';
import type { Context } from '../../core/context.ts';
import { defineOperation } from '../../core/operation.ts';
import { mapLimited } from '../limited.ts';
import { failedNode, mostRows } from '../lists.ts';
import { coverageResult, nodeFilterParam, nullable, supervisorParam } from '../parameters.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';
import { collect } from '../streams.ts';
import { childResult, childRow, supervisorResult, supervisorRow } from '../supervisorRows.ts';

const needs = [...resolveNeeds, 'supervisors.find', 'supervisors.children'] as const;
type TreeContext = Context<(typeof needs)[number]>;

/** Supervisors asked at once: each is called, and is busy while it answers. */
const askedAtOnce = 8;

type Branch = ReturnType<typeof supervisorRow> & {
  readonly children: readonly (ReturnType<typeof childRow> & { readonly tree: Branch | null })[];
  readonly childCount: number | null;
  readonly error: ArsenalError | null;
};

const branchResult = {
  type: 'object',
  required: ['pid', 'node', 'display', 'kind', 'children', 'childCount', 'error'],
  properties: {
    ...Type.Object(supervisorResult).properties,
    childCount: nullable(Type.Integer({ description: 'Children there are; null when it did not say.' })),
    children: Type.Array(
      Type.Object({
        ...childResult,
        tree: nullable(Type.Unsafe<Json>({ description: 'The branch below it, if it is a supervisor.' })),
      }),
    ),
    error: nullable(Type.Unsafe<Json>({ type: 'object', description: 'Why its children are not shown.' })),
  },
};

export const supervisionTree = defineOperation({
  name: 'supervision_tree',
  title: 'Supervision Tree',
  description: 'Supervisors and their children as trees, from the roots or from one supervisor down.',
  category: 'supervisor',
  severity: 'read',
  idempotent: true,
  needs,
  params: Type.Object({
    node: nodeFilterParam,
    supervisor: Type.Optional(Type.String({ ...supervisorParam, description: 'Only the tree below this supervisor.' })),
    depth: Type.Integer({ minimum: 1, maximum: 32, default: 16, description: 'Levels of supervisors.' }),
    childLimit: Type.Integer({
      minimum: 1,
      maximum: 1000,
      default: 200,
      description: 'Children shown of one supervisor.',
    }),
    supervisorLimit: Type.Integer({
      minimum: 1,
      maximum: 2000,
      default: 500,
      description: 'Supervisors asked in all.',
    }),
  }),
  result: Type.Object({
    items: Type.Unsafe<readonly Branch[]>({ type: 'array', items: branchResult }),
    total: Type.Integer({ description: 'Trees.' }),
    next: Type.Null(),
    nodes: coverageResult,
    supervisors: Type.Integer({ description: 'Supervisors found.' }),
    truncated: Type.Boolean({ description: 'Whether limits left something out.' }),
  }),
  route: { method: 'GET', path: '/supervisors/tree' },
  examples: [
    { title: 'Everything', params: {} },
    { title: 'Below one supervisor', params: { supervisor: 'Shop.Supervisor', node: 'demo1@sim' } },
  ],
  timeoutMs: 60_000,
  async execute(context, params) {
    const from = params.supervisor === undefined ? ok(null) : await fromOne(context, params.supervisor, params.node);
    if (!from.ok) return from;
    const nodes = from.value !== null ? [from.value.node] : params.node === undefined ? 'all' : [params.node];
    const found = await collect(context.port.supervisors.find({ nodes }, context.options()), mostRows);
    if (!found.ok) return found;
    const answered = failedNode(params.node ?? from.value?.node, found.value.end.nodes);
    if (!answered.ok) return answered;
    return ok(await trees(context, found.value.rows, found.value.end.nodes, params, from.value));
  },
});

function fromOne(context: TreeContext, text: string, node: string | undefined): Promise<Result<ProcessRef | null>> {
  return resolveProcess(context, { text, node, pointer: '/supervisor' });
}

type Limits = { readonly depth: number; readonly childLimit: number; readonly supervisorLimit: number };
type Asked = Result<{ readonly rows: readonly ChildRow[]; readonly end: { readonly total: number } }>;

async function trees(
  context: TreeContext,
  supervisors: readonly SupervisorInfo[],
  nodes: Coverage,
  limits: Limits,
  from: ProcessRef | null,
) {
  const known = new Map(supervisors.map((info) => [processId(info.supervisor), info]));
  const isRoot = ({ supervisor, parent }: SupervisorInfo) =>
    from === null ? parent === null || !known.has(processId(parent)) : processId(supervisor) === processId(from);
  const roots = supervisors.filter(isRoot);
  const { asked, truncated } = await askLevels(context, roots, known, limits);
  const items = roots.map((root) => branchOf(root, known, asked));
  return { items, total: items.length, next: null, nodes, supervisors: supervisors.length, truncated };
}

/** Asks supervisors for their children, level by level from the roots, so that limits cut the deepest first. */
async function askLevels(
  context: TreeContext,
  roots: readonly SupervisorInfo[],
  known: ReadonlyMap<string, SupervisorInfo>,
  { depth, childLimit, supervisorLimit }: Limits,
) {
  const asked = new Map<string, Asked>();
  let truncated = false;
  let level = roots;
  for (let at = 1; at <= depth && level.length > 0; at += 1) {
    const now = level.slice(0, supervisorLimit - asked.size);
    const answers = await mapLimited(now, askedAtOnce, async ({ supervisor }) => {
      const children = context.port.supervisors.children(
        { supervisor, offset: 0, limit: childLimit },
        context.options(),
      );
      return { pid: processId(supervisor), answer: await collect(children, childLimit) };
    });
    for (const { pid, answer } of answers) asked.set(pid, answer);
    const rows = answers.flatMap(({ answer }) => (answer.ok ? answer.value.rows : []));
    truncated ||= now.length < level.length;
    truncated ||= answers.some(({ answer }) => answer.ok && answer.value.end.total > answer.value.rows.length);
    level = rows
      .flatMap((row) => supervisorIn(row, known))
      .filter(({ supervisor }) => !asked.has(processId(supervisor)));
  }
  return { asked, truncated: truncated || level.length > 0 };
}

function supervisorIn({ state }: ChildRow, known: ReadonlyMap<string, SupervisorInfo>): readonly SupervisorInfo[] {
  const info = state.is === 'running' ? known.get(processId(state.pid)) : undefined;
  return info === undefined ? [] : [info];
}

/** The branch below a supervisor; it takes what was asked of each once, so that no circle can make it endless. */
function branchOf(info: SupervisorInfo, known: ReadonlyMap<string, SupervisorInfo>, asked: Map<string, Asked>): Branch {
  const pid = processId(info.supervisor);
  const answer = asked.get(pid);
  asked.delete(pid);
  const bare = { ...supervisorRow(info), children: [], childCount: null, error: null };
  if (answer === undefined) return bare;
  if (!answer.ok) return { ...bare, error: answer.error };
  const children = answer.value.rows.map((row) => {
    const [below] = supervisorIn(row, known);
    return { ...childRow(row), tree: below === undefined ? null : branchOf(below, known, asked) };
  });
  return { ...bare, children, childCount: answer.value.end.total };
}
