/** What is the matter with a node that is not simply up, told apart by how it is reached and by what the others see and hear of it. */
import { Type } from 'typebox';
import type { NodeInfo, NodeName } from '../../../runtime/model.ts';
import type { Sight } from '../nodeRows.ts';

export const conditions = ['up', 'silent', 'parted', 'down', 'refused', 'unresolved'] as const;
export type ConditionKind = (typeof conditions)[number];

export const conditionResult = Type.Enum([...conditions], {
  description:
    'silent: it is connected, or takes connections, and does not answer; parted: others hear it and we do not, or the other way round; refused: it does not let us in; unresolved: nobody knows where it is.',
});

export type Condition = {
  readonly is: ConditionKind;
  /** For people; empty for one that is up. */
  readonly message: string;
  readonly remedy: string;
};

const up: Condition = { is: 'up', message: '', remedy: '' };

/**
 * How a node is. That it is cut off from us and not hung can only be told by another that hears it: where nobody says so, a silent
 * node may be either.
 */
export function conditionOf({ node, reach }: NodeInfo, sights: readonly Sight[]): Condition {
  const others = sights.filter((sight) => sight.node !== node && sight.sees.includes(node));
  const hearing = others.filter(({ silent }) => !silent.includes(node)).map((sight) => sight.node);
  if (reach.via === 'none') {
    return hearing.length > 0 ? parted(node, hearing) : away(node, reach.why);
  }
  if (others.length === 0) return up;
  const answered = sights.some((sight) => sight.node === node);
  if (!answered) return hearing.length > 0 ? parted(node, hearing) : silent(node);
  // Of two that do not hear each other nobody can say which it is; where several hear nothing of one, it is that one.
  return hearing.length === 0 && others.length > 1
    ? unheard(
        node,
        others.map((sight) => sight.node),
      )
    : up;
}

/** It answers us and none of those that are connected to it. */
function unheard(node: NodeName, others: readonly NodeName[]): Condition {
  return {
    is: 'parted',
    message: `${node} answers here, but ${others.join(', ')} hear nothing of it.`,
    remedy: 'The network between them is cut, or it hangs: look at its machine, and at the way there.',
  };
}

function parted(node: NodeName, hearing: readonly NodeName[]): Condition {
  return {
    is: 'parted',
    message: `${node} does not answer here, but ${hearing.join(', ')} ${hearing.length === 1 ? 'hears' : 'hear'} it.`,
    remedy: 'The network between here and there is cut: look at it, or ask through a node that hears it.',
  };
}

/** It takes connections, or has one, and nothing comes back. */
export function silent(node: NodeName): Condition {
  return {
    is: 'silent',
    message: `${node} is connected and does not answer.`,
    remedy:
      'It hangs (swapping, stopped, a scheduler that is blocked) or the network swallows what is sent: look at its machine.',
  };
}

function away(node: NodeName, why: 'down' | 'refused' | 'silent' | 'unresolved'): Condition {
  switch (why) {
    case 'down':
      return { is: 'down', message: `${node} is down.`, remedy: 'Start it, or see its log for why it ended.' };
    case 'refused':
      return {
        is: 'refused',
        message: `${node} is there and does not let us in.`,
        remedy: 'Check the cookie, and what it allows to connect (TLS, hidden nodes, dynamic names).',
      };
    case 'unresolved':
      return {
        is: 'unresolved',
        message: `Nobody here knows where ${node} is.`,
        remedy: 'Check its name, the resolving of its host and the EPMD there.',
      };
    case 'silent':
      return silent(node);
  }
}
