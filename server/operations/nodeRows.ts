/** Nodes as callers see them. */
import { Type } from 'typebox';
import type { NodeInfo, NodeName, Reach } from '../../runtime/model.ts';
import { nullable } from './parameters.ts';

export const nodeStatuses = ['up', 'down', 'unreachable'] as const;
export type NodeStatus = (typeof nodeStatuses)[number];

export const nodeResult = {
  node: Type.String(),
  status: Type.Enum([...nodeStatuses], { description: 'unreachable: others may see it, we do not.' }),
  creation: Type.Integer(),
  otpRelease: nullable(Type.String()),
  hidden: Type.Boolean(),
  observer: Type.String({ description: 'What looks on the node for us.' }),
  observerWhy: nullable(Type.String({ description: 'Why nothing better does; null when there is nothing better.' })),
  reach: Type.Unsafe<Reach>({ type: 'object', description: 'How we reach it.' }),
};

/** The row of a node. */
export function nodeRow({ node, creation, otpRelease, hidden, observer, observerWhy = '', reach }: NodeInfo) {
  const why = observerWhy === '' ? null : observerWhy;
  return { node, status: statusOf(reach), creation, otpRelease, hidden, observer, observerWhy: why, reach };
}

/** Whether a node is up, down, or not to be reached from here. */
export function statusOf(reach: Reach): NodeStatus {
  if (reach.via !== 'none') return 'up';
  return reach.why === 'down' ? 'down' : 'unreachable';
}

export type Sight = {
  readonly node: NodeName;
  readonly sees: readonly NodeName[];
  /** Those of `sees` that did not answer it. */
  readonly silent: readonly NodeName[];
};
export const linkStates = ['both', 'one_way', 'silent', 'unconfirmed'] as const;
type LinkState = (typeof linkStates)[number];

/**
 * The links between nodes; `one_way` when only one of the two says so, and the other was asked; `silent` when one of the two had no
 * answer over it.
 */
export function linksOf(sights: readonly Sight[]) {
  const seen = new Map(sights.map(({ node, sees }) => [node, new Set(sees)]));
  const links = sights.flatMap(({ node, sees }) => sees.map((other): [NodeName, NodeName] => [node, other]));
  const silent = new Set(
    sights.flatMap(({ node, silent: quiet }) => quiet.map((other) => JSON.stringify([node, other].toSorted()))),
  );
  const both = new Map<string, { from: NodeName; to: NodeName; state: LinkState }>();
  for (const [from, to] of links) {
    const [first, second] = from < to ? [from, to] : [to, from];
    const back = seen.get(to);
    const key = JSON.stringify([first, second]);
    const state = silent.has(key) ? 'silent' : back === undefined ? 'unconfirmed' : back.has(from) ? 'both' : 'one_way';
    const isMutual = state === 'both' || state === 'silent';
    both.set(key, isMutual ? { from: first, to: second, state } : { from, to, state });
  }
  return [...both.values()];
}

/** The groups of nodes with a link between them over which they answer, in whichever direction; largest first. More than one is a partition. */
export function islandsOf(sights: readonly Sight[]): readonly (readonly NodeName[])[] {
  const hears = ({ sees, silent }: Sight) => sees.filter((other) => !silent.includes(other));
  const left = new Map(sights.map((sight) => [sight.node, hears(sight)]));
  const islands: NodeName[][] = [];
  for (const sight of sights) {
    const { node } = sight;
    if (!left.delete(node)) continue;
    const island = [{ node, sees: hears(sight) }];
    for (const member of island) {
      for (const [other, itsSees] of left) {
        if (!member.sees.includes(other) && !itsSees.includes(member.node)) continue;
        left.delete(other);
        island.push({ node: other, sees: itsSees });
      }
    }
    islands.push(island.map((member) => member.node).toSorted());
  }
  return islands.toSorted((a, b) => b.length - a.length);
}
