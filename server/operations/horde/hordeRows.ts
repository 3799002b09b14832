/** Hordes from the port's rows to what callers see. */
import { Type } from 'typebox';
import type { HordeChild, HordeEntry, HordeFinding, HordeHolder, HordeView } from '../../../runtime/model.ts';
import { processId } from '../../../runtime/model.ts';
import { nullable } from '../parameters.ts';
import { displayOf } from '../terms.ts';

export const memberResult = Type.Object({
  node: Type.String(),
  name: Type.String(),
  pid: Type.String(),
  size: nullable(Type.Integer({ description: 'Keys or children of the whole, as this member has it.' })),
  ownSize: nullable(Type.Integer({ description: 'Those that this member holds.' })),
  members: Type.Array(Type.Object({ node: Type.String(), name: Type.String(), status: nullable(Type.String()) }), {
    description: 'The members it knows.',
  }),
  supervisor: nullable(
    Type.Object({
      strategy: Type.String(),
      redistribution: nullable(Type.String()),
      hasQuorum: Type.Boolean(),
      shuttingDown: Type.Boolean(),
    }),
  ),
});

/** One member of a Horde, and what it knows. */
export function memberRow({ node, name, pid, size, ownSize, members, supervisor }: HordeView) {
  return {
    node,
    name,
    pid: processId(pid),
    size,
    ownSize,
    members: members.map((member) => ({ node: member.node, name: member.name, status: member.status })),
    supervisor:
      supervisor === null
        ? null
        : {
            strategy: supervisor.strategy,
            redistribution: supervisor.redistribution,
            hasQuorum: supervisor.hasQuorum,
            shuttingDown: supervisor.shuttingDown,
          },
  };
}

export const findingKinds = [
  'members_differ',
  'name_conflict',
  'entry_of_dead',
  'entry_missing',
  'child_unknown',
  'child_duplicate',
  'process_without_name',
] as const satisfies readonly HordeFinding['kind'][];

export const findingResult = Type.Object({
  kind: Type.Enum([...findingKinds]),
  certainty: Type.Enum(['sure', 'likely']),
  horde: Type.String(),
  of: nullable(Type.String({ description: 'The key, or the id of the child.' })),
  processes: Type.Array(Type.String()),
  nodes: Type.Array(Type.String()),
  evidence: Type.String(),
});

/** Something that is not as it should be. */
export function findingRow({ kind, certainty, horde, of, processes, nodes, evidence }: HordeFinding) {
  return {
    kind,
    certainty,
    horde: horde.name,
    of: of === null ? null : displayOf(of),
    processes: processes.map(processId),
    nodes: [...nodes],
    evidence,
  };
}

export const entryFields = { key: 'text', node: 'text', pid: 'text', agreement: 'text' } as const;
export const entryResult = Type.Object({
  key: Type.String(),
  pid: Type.Optional(nullable(Type.String({ description: 'The id of the process; null where none or several.' }))),
  node: Type.Optional(nullable(Type.String())),
  agreement: Type.Optional(Type.String({ description: 'agreed, partial (some nodes lack it), or conflict.' })),
  holders: Type.Optional(Type.Array(Type.Object({ pid: Type.String(), member: Type.String() }))),
  missing: Type.Optional(Type.Array(Type.String(), { description: 'Nodes asked that do not have it.' })),
});

/** A key with its process. */
export function entryRow(entry: HordeEntry) {
  return { key: displayOf(entry.key), ...heldBy(entry) };
}

export const childFields = { child: 'text', start: 'text', node: 'text', pid: 'text', agreement: 'text' } as const;
export const hordeChildResult = Type.Object({
  child: Type.String({ description: 'The id Horde made up for it.' }),
  start: Type.Optional(Type.String()),
  type: Type.Optional(Type.String()),
  restart: Type.Optional(Type.String()),
  pid: Type.Optional(nullable(Type.String())),
  node: Type.Optional(nullable(Type.String())),
  agreement: Type.Optional(Type.String()),
  holders: Type.Optional(Type.Array(Type.Object({ pid: Type.String(), member: Type.String() }))),
  missing: Type.Optional(Type.Array(Type.String())),
});

/** A child with where it runs. */
export function hordeChildRow(child: HordeChild) {
  const { module, function: name, arity } = child.start;
  return {
    child: displayOf(child.childId),
    start: `${module}:${name}/${String(arity)}`,
    type: child.type,
    restart: child.restart,
    ...heldBy(child),
  };
}

function heldBy({ holders, missing, agreement }: Omit<HordeEntry, 'key'>) {
  const [only] = holders;
  const single = holders.length === 1 ? only : undefined;
  return {
    pid: single === undefined ? null : processId(single.pid),
    node: single === undefined ? null : single.pid.node,
    agreement,
    holders: holders.map((holder: HordeHolder) => ({
      pid: processId(holder.pid),
      member: `${holder.member.name} on ${holder.member.node}`,
    })),
    missing: [...missing],
  };
}
