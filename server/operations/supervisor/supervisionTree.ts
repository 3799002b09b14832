import { Type } from 'typebox';
import type { ArsenalError, Coverage, Json, ProcessRef, Result, SupervisorInfo } from '../../../runtime/model.ts';
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

async function trees(
  context: TreeContext,
  supervisors: readonly SupervisorInfo[],
  nodes: Coverage,
  { depth, childLimit, supervisorLimit }: Limits,
  from: ProcessRef | null,
) {
  const known = new Map(supervisors.map((info) => [processId(info.supervisor), info]));
  const isRoot = ({ supervisor, parent }: SupervisorInfo) =>
    from === null ? parent === null || !known.has(processId(parent)) : processId(supervisor) === processId(from);
  const roots = supervisors.filter(isRoot);
  let left = supervisorLimit;
  let truncated = false;
  const grow = async (info: SupervisorInfo, level: number): Promise<Branch> => {
    const bare = { ...supervisorRow(info), children: [], childCount: null, error: null };
    if (left === 0 || level > depth) {
      truncated = true;
      return bare;
    }
    left -= 1;
    const children = await collect(
      context.port.supervisors.children(
        { supervisor: info.supervisor, offset: 0, limit: childLimit },
        context.options(),
      ),
      childLimit,
    );
    if (!children.ok) return { ...bare, error: children.error };
    if (children.value.end.total > children.value.rows.length) truncated = true;
    const below = await mapLimited(children.value.rows, askedAtOnce, async (child) => {
      const row = childRow(child);
      const next = row.pid === null ? undefined : known.get(row.pid);
      return { ...row, tree: next === undefined ? null : await grow(next, level + 1) };
    });
    return { ...bare, children: below, childCount: children.value.end.total };
  };
  const items = await mapLimited(roots, askedAtOnce, (root) => grow(root, 1));
  return { items, total: items.length, next: null, nodes, supervisors: supervisors.length, truncated };
}
