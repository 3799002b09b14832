/** Where the supervision trees of nodes differ that should be alike: what runs, with which flags and which children. */
import { Type } from 'typebox';
import type { NodeName, SupervisorInfo } from '../../../runtime/model.ts';
import type { Branch } from '../supervisor/trees.ts';
import { flagsText } from '../supervisorRows.ts';
import { nameText } from '../terms.ts';

const kinds = ['application', 'supervisor', 'flags', 'child', 'state'] as const;

export const differenceResult = Type.Object({
  what: Type.Enum([...kinds], {
    description:
      'application, supervisor, child: it is on some nodes only; flags: supervisors of one name have others; state: a child runs on some nodes only.',
  }),
  name: Type.String({ description: 'Of the application or supervisor; of a child after its supervisor’s.' }),
  on: Type.Array(Type.String(), { description: 'For a state, where it runs; for flags, all that have it.' }),
  notOn: Type.Array(Type.String()),
  values: Type.Array(Type.Object({ node: Type.String(), value: Type.String() }), {
    description: 'Of flags and states, what each node has.',
  }),
});
export type Difference = {
  readonly what: (typeof kinds)[number];
  readonly name: string;
  readonly on: NodeName[];
  readonly notOn: NodeName[];
  readonly values: { node: NodeName; value: string }[];
};

/** What differs between nodes that answered. `trees` are compared where all of a supervisor's children are there. */
export function differencesOf(
  supervisors: readonly SupervisorInfo[],
  trees: ReadonlyMap<NodeName, readonly Branch[]>,
  nodes: readonly NodeName[],
): Difference[] {
  const found = [...presence(supervisors, nodes), ...flagDifferences(supervisors), ...childDifferences(trees, nodes)];
  return found.toSorted((a, b) => kinds.indexOf(a.what) - kinds.indexOf(b.what) || (a.name < b.name ? -1 : 1));
}

function presence(supervisors: readonly SupervisorInfo[], nodes: readonly NodeName[]): readonly Difference[] {
  const applications = new Map<string, Set<NodeName>>();
  const named = new Map<string, Set<NodeName>>();
  for (const { application, name, supervisor } of supervisors) {
    if (application !== null) added(applications, application, supervisor.node);
    else if (name?.in === 'local') added(named, nameText(name), supervisor.node);
  }
  const differ = (what: 'application' | 'supervisor', where: ReadonlyMap<string, ReadonlySet<NodeName>>) =>
    [...where].flatMap(([name, on]) => partly(what, name, on, nodes));
  return [...differ('application', applications), ...differ('supervisor', named)];
}

function added(where: Map<string, Set<NodeName>>, name: string, node: NodeName): void {
  const known = where.get(name);
  if (known === undefined) where.set(name, new Set([node]));
  else known.add(node);
}

function partly(
  what: Difference['what'],
  name: string,
  on: ReadonlySet<NodeName>,
  nodes: readonly NodeName[],
  values: Difference['values'] = [],
): readonly Difference[] {
  if (on.size >= nodes.length) return [];
  return [
    { what, name, on: nodes.filter((node) => on.has(node)), notOn: nodes.filter((node) => !on.has(node)), values },
  ];
}

function flagDifferences(supervisors: readonly SupervisorInfo[]): readonly Difference[] {
  const byName = new Map<string, { node: NodeName; value: string }[]>();
  for (const { name, flags, supervisor } of supervisors) {
    if (name?.in !== 'local' || flags === null) continue;
    const known = byName.get(nameText(name)) ?? [];
    byName.set(nameText(name), [...known, { node: supervisor.node, value: flagsText(flags) }]);
  }
  return [...byName].flatMap(([name, found]): readonly Difference[] => {
    const values = found.toSorted((a, b) => (a.node < b.node ? -1 : 1));
    if (new Set(values.map(({ value }) => value)).size <= 1) return [];
    return [{ what: 'flags', name, on: values.map(({ node }) => node), notOn: [], values }];
  });
}

type States = ReadonlyMap<string, string>;

/** Children of supervisors that have ids for them: those of one name are compared. */
function childDifferences(
  trees: ReadonlyMap<NodeName, readonly Branch[]>,
  nodes: readonly NodeName[],
): readonly Difference[] {
  const byName = new Map<string, Map<NodeName, States>>();
  const walk = (node: NodeName, branch: Branch): void => {
    const { name, children } = branch;
    if (name !== null && isComparable(branch)) {
      const known = byName.get(name) ?? new Map<NodeName, States>();
      byName.set(name, known.set(node, new Map(children.map((child) => [child.childIdText, child.state]))));
    }
    for (const { tree } of children) if (tree !== null) walk(node, tree);
  };
  for (const [node, roots] of trees) for (const root of roots) walk(node, root);
  return [...byName].flatMap(([name, children]) => {
    const there = nodes.filter((node) => children.has(node));
    const ids = new Set([...children.values()].flatMap((states) => [...states.keys()]));
    return [...ids].toSorted().flatMap((id) => childDifference(`${name} ${id}`, id, there, children));
  });
}

/** Dynamic supervisors have other children everywhere; one whose children are not all known is not compared. */
function isComparable({ kind, children, childCount, error }: Branch): boolean {
  const isWhole = error === null && childCount === children.length;
  return isWhole && kind === 'supervisor' && children.every(({ childIdText }) => childIdText !== ':undefined');
}

function childDifference(
  name: string,
  id: string,
  nodes: readonly NodeName[],
  children: ReadonlyMap<NodeName, States>,
): readonly Difference[] {
  const states = nodes.flatMap((node) => {
    const value = children.get(node)?.get(id);
    return value === undefined ? [] : [{ node, value }];
  });
  const absent = partly('child', name, new Set(states.map(({ node }) => node)), nodes);
  if (absent.length > 0) return absent;
  const running = new Set(states.flatMap(({ node, value }) => (value === 'running' ? [node] : [])));
  return running.size === 0 ? [] : partly('state', name, running, nodes, states);
}
