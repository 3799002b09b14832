import { Type } from 'typebox';
import type { ProcessRef, Result } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import type { Context } from '../../core/context.ts';
import { defineOperation } from '../../core/operation.ts';
import type { ListRow } from '../lists.ts';
import { failedNode, mostRows } from '../lists.ts';
import { coverageResult, nodeFilterParam, supervisorParam } from '../parameters.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';
import { collect } from '../streams.ts';
import { filterTrees, treeFilterParams } from './treeFilter.ts';
import { branchResult, ofApplication, treeLimitParams, treesOf } from './trees.ts';
import { known } from '../knownErrors.ts';

const needs = [...resolveNeeds, 'supervisors.find', 'supervisors.children'] as const;
type TreeContext = Context<(typeof needs)[number]>;

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
    application: Type.Optional(
      Type.String({ minLength: 1, maxLength: 255, description: 'Only the trees of this application.' }),
    ),
    ...treeFilterParams,
    ...treeLimitParams,
  }),
  result: Type.Object({
    items: Type.Unsafe<readonly ListRow[]>({ type: 'array', items: branchResult }),
    total: Type.Integer({ description: 'Trees.' }),
    next: Type.Null(),
    nodes: coverageResult,
    supervisors: Type.Integer({ description: 'Supervisors found.' }),
    matched: Type.Integer({ description: 'Supervisors and children in the trees that are as `filter` says.' }),
    truncated: Type.Boolean({ description: 'Whether limits left something out.' }),
  }),
  route: { method: 'GET', path: '/supervisors/tree' },
  examples: [
    { title: 'Everything', params: {} },
    { title: 'What does not run', params: { filter: { state: { ne: 'running' } } } },
    {
      title: 'The supervisors of an application, with strategy',
      params: { application: 'shop', node: 'demo1@sim', workers: false, fields: ['name', 'strategy'] },
    },
    { title: 'Below one supervisor', params: { supervisor: 'Shop.Supervisor', node: 'demo1@sim' } },
  ],
  errors: [known.processNotFound, known.nameAmbiguous, known.nodeUnavailable],
  timeoutMs: 60_000,
  async execute(context, params) {
    const from = params.supervisor === undefined ? ok(null) : await fromOne(context, params.supervisor, params.node);
    if (!from.ok) return from;
    const nodes = from.value !== null ? [from.value.node] : params.node === undefined ? 'all' : [params.node];
    const found = await collect(context.port.supervisors.find({ nodes }, context.options()), mostRows);
    if (!found.ok) return found;
    const answered = failedNode(params.node ?? from.value?.node, found.value.end.nodes);
    if (!answered.ok) return answered;
    const { rows, end } = found.value;
    const { application } = params;
    const meant = application === undefined ? rows : ofApplication(application, rows);
    const { trees: whole, truncated } = await treesOf(context, meant, params, from.value);
    const { trees, matched } = filterTrees(whole, params);
    return ok({
      items: trees,
      total: trees.length,
      next: null,
      nodes: end.nodes,
      supervisors: meant.length,
      matched,
      truncated,
    });
  },
});

function fromOne(context: TreeContext, text: string, node: string | undefined): Promise<Result<ProcessRef | null>> {
  return resolveProcess(context, { text, node, pointer: '/supervisor' });
}
