/** Reading on every node what spans them. */
import type { Coverage, Failure, NodeName, ProcessRef, Result } from '../../model.ts';
import { ok, processId } from '../../model.ts';
import type { CallOptions, StreamItem } from '../../port.ts';
import { list } from '../../term/term.ts';
import type { Life, SpannedRows } from './agreement.ts';
import { isSameProcess, keysOf } from './agreement.ts';
import { askEach } from './coverage.ts';
import type { EntryRow } from './hordeRows.ts';
import { possibleOn } from './life.ts';
import type { Listed, RawRow } from './nameRows.ts';
import { rowsOn } from './nameRows.ts';
import { listOf, pidOf, processOf } from './read.ts';
import type { Session } from './session.ts';

export type Spanned<R> = { readonly rows: SpannedRows<R>; readonly nodes: Coverage };

/**
 * What each of the nodes has. A node that does not have the thing at all is no part of it, and no gap either; `registry.not_found` only
 * when no node has it.
 */
export async function readSpanned<R extends { readonly id: string }>(
  session: Session,
  nodes: readonly NodeName[] | 'all',
  listed: Listed,
  read: (row: RawRow, node: NodeName) => R | null,
  options: CallOptions,
): Promise<Result<Spanned<R>>> {
  const lacking: Failure[] = [];
  const found = await askEach(session, nodes, options, async (target): Promise<Result<readonly RawRow[] | null>> => {
    const rows = await rowsOn(target, listed, options);
    if (rows.ok || rows.error.code !== 'registry.not_found') return rows;
    lacking.push(rows);
    return ok(null);
  });
  const rows = new Map<NodeName, ReadonlyMap<string, R>>();
  for (const [node, said] of found.answers) if (said !== null) rows.set(node, byId(node, said, read));
  const [none] = lacking;
  return rows.size === 0 && none !== undefined ? none : ok({ rows, nodes: found.nodes });
}

function byId<R extends { readonly id: string }>(
  node: NodeName,
  rows: readonly RawRow[],
  read: (row: RawRow, node: NodeName) => R | null,
): ReadonlyMap<string, R> {
  const known = new Map<string, R>();
  for (const row of rows) {
    const one = read(row, node);
    if (one !== null) known.set(one.id, one);
  }
  return known;
}

const rowsPerFrame = 1_000;

type Together<R, Row> = {
  readonly nodes: readonly NodeName[] | 'all';
  readonly listed: Listed;
  readonly read: (row: RawRow, node: NodeName) => R | null;
  readonly agree: (rows: SpannedRows<R>, id: string, life: Life) => Row | null;
  /** The processes whose nodes are to be asked whether they live. */
  readonly lives: (rows: SpannedRows<R>) => readonly ProcessRef[];
};
type TogetherItem<Row> = StreamItem<readonly Row[], { readonly total: number; readonly nodes: Coverage }>;

/** A list of what the nodes have together, in frames. */
export async function* together<R extends { readonly id: string }, Row>(
  session: Session,
  { nodes, listed, read, agree, lives }: Together<R, Row>,
  options: CallOptions,
): AsyncGenerator<TogetherItem<Row>> {
  const found = await readSpanned(session, nodes, listed, read, options);
  if (!found.ok) {
    yield { is: 'end', result: found };
    return;
  }
  const { rows, nodes: coverage } = found.value;
  const life = await livesOf(session, lives(rows), options);
  const ids = keysOf(rows);
  for (let from = 0; from < ids.length; from += rowsPerFrame) {
    yield { is: 'frame', frame: ids.slice(from, from + rowsPerFrame).flatMap((id) => agree(rows, id, life) ?? []) };
  }
  yield { is: 'end', result: ok({ total: ids.length, nodes: coverage }) };
}

/** The processes of which no node that was read has said whether they live. */
export function unknownLives(rows: SpannedRows<EntryRow>): readonly ProcessRef[] {
  const unsaid = new Map<string, ProcessRef>();
  for (const held of rows.values()) {
    for (const [id, { held: one }] of held) {
      if (one.life !== null) continue;
      const own = rows.get(one.pid.node)?.get(id)?.held;
      if (own === undefined || own.life === null || !isSameProcess(own.pid, one.pid)) {
        unsaid.set(processId(one.pid), one.pid);
      }
    }
  }
  return [...unsaid.values()];
}

/** For rows whose processes need not be asked for. */
export function noLives(): readonly ProcessRef[] {
  return [];
}

/** At most so many are asked for; of the others it is not known. */
const mostAsked = 10_000;

/** Whether processes live, as their own nodes say; those of a node's earlier life do not. `null` for nodes that cannot be asked. */
export async function livesOf(session: Session, pids: readonly ProcessRef[], options: CallOptions): Promise<Life> {
  const asked = pids.slice(0, mostAsked);
  const known = new Map<string, boolean>();
  await Promise.all(
    [...new Set(asked.map(({ node }) => node))].map(async (node) => {
      const target = await session.reach(node, options);
      const those = asked.filter((pid) => pid.node === node);
      const possible = target.ok ? await possibleOn(target.value, those, options) : null;
      if (!target.ok || possible?.ok !== true) return;
      const said = await target.value.run('names_alive', [list(possible.value.map(pidOf))], options);
      if (!said.ok) return;
      const alive = new Set(
        listOf(said.value)
          .flatMap((term) => processOf(term) ?? [])
          .map(processId),
      );
      for (const pid of those) known.set(processId(pid), alive.has(processId(pid)));
    }),
  );
  return (pid) => known.get(processId(pid)) ?? null;
}
