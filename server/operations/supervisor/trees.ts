/** Supervision trees: supervisors with their children, from the roots or from one supervisor down. */
import { Type } from 'typebox';
import type { ArsenalError, ChildRow, Json, ProcessRef, Result, SupervisorInfo } from '../../../runtime/model.ts';
import { processId } from '../../../runtime/model.ts';
import type { Context } from '../../core/context.ts';
import { mapLimited } from '../limited.ts';
import { nullable } from '../parameters.ts';
import { collect } from '../streams.ts';
import { childResult, childRow, supervisorResult, supervisorRow } from '../supervisorRows.ts';

type TreeContext = Context<'supervisors.children'>;

/** Supervisors asked at once: each is called, and is busy while it answers. */
const askedAtOnce = 8;

export type TreeChild = ReturnType<typeof childRow> & { readonly tree: Branch | null };
export type Branch = ReturnType<typeof supervisorRow> & {
  readonly children: readonly TreeChild[];
  readonly childCount: number | null;
  readonly error: ArsenalError | null;
};

export const branchResult = {
  type: 'object',
  required: ['pid', 'node', 'display', 'kind', 'children', 'childCount', 'error'],
  properties: {
    ...Type.Object(supervisorResult).properties,
    childCount: nullable(Type.Integer({ description: 'Children there are; null when it did not say.' })),
    children: Type.Array(
      Type.Object({
        // Which further fields a row has is up to the call.
        ...Type.Partial(Type.Object(childResult)).properties,
        childIdText: childResult.childIdText,
        tree: nullable(Type.Unsafe<Json>({ description: 'The branch below it, if it is a supervisor.' })),
      }),
    ),
    error: nullable(Type.Unsafe<Json>({ type: 'object', description: 'Why its children are not shown.' })),
  },
};

export const treeLimitParams = {
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
};
export type TreeLimits = { readonly depth: number; readonly childLimit: number; readonly supervisorLimit: number };
type Asked = Result<{ readonly rows: readonly ChildRow[]; readonly end: { readonly total: number } }>;

/** The trees of these supervisors, or only the one below `from`. */
export async function treesOf(
  context: TreeContext,
  supervisors: readonly SupervisorInfo[],
  limits: TreeLimits,
  from: ProcessRef | null,
): Promise<{ readonly trees: readonly Branch[]; readonly truncated: boolean }> {
  const known = new Map(supervisors.map((info) => [processId(info.supervisor), info]));
  const isRoot = ({ supervisor, parent }: SupervisorInfo) =>
    from === null ? parent === null || !known.has(processId(parent)) : processId(supervisor) === processId(from);
  const roots = supervisors.filter(isRoot);
  const { asked, truncated } = await askLevels(context, roots, known, limits);
  return { trees: roots.map((root) => branchOf(root, known, asked)), truncated };
}

/** The supervisors of an application: its roots, on each node, and what is below them. */
export function ofApplication(application: string, all: readonly SupervisorInfo[]): readonly SupervisorInfo[] {
  const known = new Map(all.map((one) => [processId(one.supervisor), one]));
  return all.filter((info) => {
    const seen = new Set<SupervisorInfo>();
    let at: SupervisorInfo | undefined = info;
    while (at !== undefined && !seen.has(at)) {
      if (at.application === application) return true;
      seen.add(at);
      at = at.parent === null ? undefined : known.get(processId(at.parent));
    }
    return false;
  });
}

/** Asks supervisors for their children, level by level from the roots, so that limits cut the deepest first. */
async function askLevels(
  context: TreeContext,
  roots: readonly SupervisorInfo[],
  known: ReadonlyMap<string, SupervisorInfo>,
  { depth, childLimit, supervisorLimit }: TreeLimits,
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
