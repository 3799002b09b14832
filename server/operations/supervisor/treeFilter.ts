/** Of supervision trees only what is meant, and of each row only what is wanted. */
import { Type } from 'typebox';
import type { Json } from '../../../runtime/model.ts';
import type { ListRow } from '../lists.ts';
import { listParams, selectRows } from '../lists.ts';
import type { Filter } from '../rowFilter.ts';
import { childKinds, supervisorFields } from '../supervisorRows.ts';
import type { Branch, TreeChild } from './trees.ts';

const fields = { ...supervisorFields, ...childKinds };
const { filter, fields: fieldsParam } = listParams(fields);

export const treeFilterParams = {
  filter: Type.Optional(
    Type.Unsafe<Filter>({
      ...filter,
      description:
        'Only supervisors and children that are so, with what is above them: {"state": {"ne": "running"}}, {"childIdText": {"contains": "Cart"}}.',
    }),
  ),
  workers: Type.Boolean({ default: true, description: 'Workers too; else supervisors only.' }),
  fields: Type.Optional(
    Type.Unsafe<readonly string[]>({
      ...fieldsParam,
      description: 'Only these fields of supervisors and children (what names them is always there).',
    }),
  ),
};
export type TreeFilter = {
  readonly filter?: Filter;
  readonly workers: boolean;
  readonly fields?: readonly string[];
};

/** The trees without what is not meant; `matched`: how many supervisors and children are as `filter` says. */
export function filterTrees(
  trees: readonly Branch[],
  { filter, workers, fields: wanted }: TreeFilter,
): { readonly trees: readonly ListRow[]; readonly matched: number } {
  let matched = 0;
  const isMeant = (row: { readonly [field: string]: Json }): boolean => {
    const fits = filter === undefined || selectRows([row], { filter }).length > 0;
    if (fits) matched += 1;
    return fits;
  };
  const childrenOf = (branch: Branch): readonly TreeChild[] =>
    branch.children.flatMap((child): readonly TreeChild[] => {
      if (!workers && child.type === 'worker') return [];
      const fits = isMeant(rowOf(child));
      const tree = child.tree === null ? null : { ...child.tree, children: childrenOf(child.tree) };
      return fits || (tree !== null && tree.children.length > 0) ? [{ ...child, tree }] : [];
    });
  const left = trees.flatMap((root): readonly Branch[] => {
    const fits = isMeant({ ...plain(root), type: 'supervisor', state: 'running', registeredName: root.name });
    const branch = { ...root, children: childrenOf(root) };
    return fits || branch.children.length > 0 ? [branch] : [];
  });
  return { trees: left.map((branch) => shown(branch, wanted)), matched };
}

/** A child as a filter sees it: what it is to its supervisor, and what it is as a supervisor itself. */
function rowOf(child: TreeChild): { readonly [field: string]: Json } {
  const { tree, childId: _childId, ...own } = child;
  const row = { ...own, modules: own.modules === 'dynamic' ? own.modules : [...own.modules] };
  return tree === null ? { ...row, name: row.registeredName } : { ...plain(tree), ...row };
}

function plain({ children: _children, error: _error, flags: _flags, ...row }: Branch): {
  readonly [field: string]: Json;
} {
  return row;
}

const branchKeys = ['pid', 'node', 'display', 'kind', 'childCount', 'error'];
const childKeys = ['pid', 'node', 'display', 'childIdText'];

/** A branch as it is answered; without `wanted` with all its fields. */
function shown(branch: Branch, wanted: readonly string[] | undefined): ListRow {
  const { children, ...row } = branch;
  return {
    ...only(row, branchKeys, wanted),
    children: children.map(({ tree, ...child }) => ({
      ...only(child, childKeys, wanted),
      tree: tree === null ? null : shown(tree, wanted),
    })),
  };
}

function only(row: ListRow, keys: readonly string[], wanted: readonly string[] | undefined): ListRow {
  const isWanted = (key: string): boolean => wanted === undefined || keys.includes(key) || wanted.includes(key);
  return Object.fromEntries(Object.entries(row).filter(([key]) => isWanted(key)));
}
