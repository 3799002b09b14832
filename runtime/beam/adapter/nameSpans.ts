/** Registries, global names and process groups, as each node has them. */
import type { GroupRow, RegistryInfo, Result } from '../../model.ts';
import { ok } from '../../model.ts';
import type { Answer, CallOptions, Params } from '../../port.ts';
import type { Term } from '../../term/term.ts';
import type { GlobalRow, GroupMembers, SpannedRows } from '../../spanning/agreement.ts';
import { agreedGroup } from '../../spanning/agreement.ts';
import { answered } from './callError.ts';
import { askEach } from './coverage.ts';
import type { RawRow } from './nameRows.ts';
import { readKey } from './nameRows.ts';
import { atomName, listOf, numberOf, processOf, tupleOf } from './read.ts';
import type { Session } from './session.ts';

/** `{Name, Pid}` of `global`. */
export function readGlobal({ key, row }: RawRow): GlobalRow | null {
  const [name, pid] = [readKey(key), processOf(row)];
  return name === null || pid === null ? null : { ...name, pid };
}

/** `{Group, [Pid]}` of a scope of `pg`. */
export function readGroup({ key, row }: RawRow): GroupMembers | null {
  const group = readKey(key);
  return group === null ? null : { ...group, members: listOf(row).flatMap((member) => processOf(member) ?? []) };
}

/** Puts the groups of a scope together. */
export function agreedGroupOf(scope: string): (rows: SpannedRows<GroupMembers>, id: string) => GroupRow | null {
  return (rows, id) => agreedGroup(scope, rows, id);
}

/** The registries and scopes that run on the nodes. */
export async function registries(
  session: Session,
  { nodes }: Params<'names.registries'>,
  options: CallOptions,
): Promise<Result<Answer<'names.registries'>>> {
  const found = await askEach(session, nodes, options, async (target) =>
    answered(await target.run('names_registries', [], options), target.node, 'The list of registries'),
  );
  return ok({
    registries: found.answers.flatMap(([node, rows]) => listOf(rows).flatMap((row) => readRegistry(node, row))),
    nodes: found.nodes,
  });
}

/** `{Kind, Name, Pid, Keys, Size}` */
function readRegistry(node: string, row: Term): readonly RegistryInfo[] {
  const [kindTerm, nameTerm, pidTerm, keysTerm, size] = tupleOf(row, 5) ?? [];
  const kind = (['elixir_registry', 'horde_registry', 'pg'] as const).find((known) => known === atomName(kindTerm));
  const [name, pid] = [atomName(nameTerm), processOf(pidTerm)];
  if (kind === undefined || name === null || pid === null) return [];
  const keys = (['unique', 'duplicate'] as const).find((known) => known === atomName(keysTerm)) ?? null;
  return [{ kind, name, node, pid, keys, size: numberOf(size) }];
}
