/** Where something new is to live: on a node that is named, on the first of some that is up, or where there is room. */
import type { Static } from 'typebox';
import { Type } from 'typebox';
import { failure } from '../../runtime/errors.ts';
import type { NodeName, Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { Placement } from '../../runtime/port.ts';
import type { Context } from '../core/context.ts';
import { eachNode } from './eachNode.ts';
import { nodeParam } from './parameters.ts';
import { connectedNode } from './resolve.ts';

const mostNodes = 100;

export const placementParams = {
  node: Type.Optional(
    Type.String({ ...nodeParam, description: 'Where to start it. Without it `prefer`, then `place` decides.' }),
  ),
  prefer: Type.Optional(
    Type.Array(nodeParam, {
      minItems: 1,
      maxItems: mostNodes,
      uniqueItems: true,
      description: 'The first of these that is up has it.',
    }),
  ),
  place: Type.Enum(['connected', 'fewest_processes'], {
    default: 'connected',
    description: 'The connected node, or the one with the fewest processes.',
  }),
};

export const placedResult = Type.Object({
  wanted: Type.String({ description: 'What was asked for.' }),
  got: Type.String({ description: 'The node.' }),
  why: Type.Enum(['as_asked', 'unavailable', 'no_capacity', 'not_allowed'], {
    description: 'as_asked; or why it is not on the node that was preferred.',
  }),
});

type Wanted = {
  readonly node?: NodeName;
  readonly prefer?: readonly NodeName[];
  readonly place: 'connected' | 'fewest_processes';
};
export type Placed = Static<typeof placedResult>;

/** The node, and why it is that one. Errors: `node.unavailable` when no preferred one is up, `node.none`. */
export async function place(
  context: Context<'cluster.nodes' | 'system.stats'>,
  { node, prefer, place: how }: Wanted,
): Promise<Result<Placed>> {
  if (node !== undefined) return placed(node, node, 'as_asked');
  if (prefer !== undefined) return firstUp(context, prefer);
  if (how === 'fewest_processes') return withRoom(context);
  const connected = await connectedNode(context);
  return connected.ok ? placed('connected', connected.value, 'as_asked') : connected;
}

function placed(wanted: string, got: NodeName, why: Placement['why']): Result<Placed> {
  return ok({ wanted, got, why });
}

async function firstUp(context: Context<'cluster.nodes'>, prefer: readonly NodeName[]): Promise<Result<Placed>> {
  const nodes = await context.port.cluster.nodes({}, context.options());
  if (!nodes.ok) return nodes;
  const up = nodes.value.nodes.filter(({ reach }) => reach.via !== 'none').map(({ node }) => node);
  const [wanted = ''] = prefer;
  const got = prefer.find((node) => up.includes(node));
  if (got !== undefined) return placed(wanted, got, got === wanted ? 'as_asked' : 'unavailable');
  return failure(
    'unavailable',
    'node.unavailable',
    `None of ${prefer.join(', ')} can be reached.`,
    'See cluster_health for the nodes that answer.',
    { pointer: '/prefer', details: { up } },
  );
}

async function withRoom(context: Context<'cluster.nodes' | 'system.stats'>): Promise<Result<Placed>> {
  const counted = await eachNode(context, undefined, (node) => context.port.system.stats({ node }, context.options()));
  if (!counted.ok) return counted;
  const [least] = counted.value.answers.toSorted((a, b) => a.value.processCount - b.value.processCount);
  if (least !== undefined) return placed('fewest_processes', least.node, 'as_asked');
  const connected = await connectedNode(context);
  return connected.ok ? placed('fewest_processes', connected.value, 'unavailable') : connected;
}
