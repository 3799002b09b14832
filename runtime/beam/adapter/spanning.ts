/** Reading on every node what spans them. */
import type { Coverage, Failure, NodeCoverage, NodeName, ProcessRef, Result } from '../../model.ts';
import { ok, processId } from '../../model.ts';
import type { CallOptions, StreamItem } from '../../port.ts';
import { list, termKey } from '../../term/term.ts';
import type { EntryRow, Life, SpannedRows } from '../../spanning/agreement.ts';
import { isSameProcess, keysOf } from '../../spanning/agreement.ts';
import { strangeAnswer } from './callError.ts';
import { askEach } from './coverage.ts';
import { possibleOn } from './life.ts';
import type { Digest, Listed, RawRow } from './nameRows.ts';
import { askRows, digestOn, rawRows } from './nameRows.ts';
import { listOf, pidOf, processOf, tupleOf } from './read.ts';
import type { Session } from './session.ts';

export type Spanned<R> = { readonly rows: SpannedRows<R>; readonly nodes: Coverage };

/** How rows are read. What is the same on several nodes is read from one of them. */
export type Reading<R> = {
  readonly nodes: readonly NodeName[] | 'all';
  readonly listed: Listed;
  readonly read: (row: RawRow) => R | null;
  /** Adds what the nodes that have the row say of the life of its process; for rows that have none, as they are. */
  readonly vouched: (row: R, life: Life) => R;
};

type Rows<R> = { readonly digest: string; readonly rows: ReadonlyMap<string, R> };

/**
 * What each of the nodes has. A node that does not have the thing at all is no part of it, and no gap either; `registry.not_found` only
 * when no node has it.
 */
export async function readSpanned<R extends { readonly id: string }>(
  session: Session,
  reading: Reading<R>,
  options: CallOptions,
): Promise<Result<Spanned<R>>> {
  const lacking: Failure[] = [];
  const digests = await askEach(session, reading.nodes, options, async (target): Promise<Result<Digest | null>> => {
    const said = await digestOn(target, reading.listed, options);
    if (said.ok || said.error.code !== 'registry.not_found') return said;
    lacking.push(said);
    return ok(null);
  });
  const known = new Map(digests.answers.flatMap(([node, said]) => (said === null ? [] : [[node, said] as const])));
  const [none] = lacking;
  if (known.size === 0 && none !== undefined) return none;
  const alike = new Map<string, NodeName[]>();
  for (const [node, { digest }] of known) alike.set(digest, [...(alike.get(digest) ?? []), node]);
  const rows = new Map<NodeName, ReadonlyMap<string, R>>();
  const first = await rowsOf(
    session,
    [...alike.values()].flatMap(([node]) => node ?? []),
    reading,
    options,
  );
  for (const [digest, nodes] of alike) {
    const [spokesman = ''] = nodes;
    const said = first.rows.get(spokesman);
    if (said === undefined) continue;
    // Something changed meanwhile: then nobody speaks for others.
    const speaksFor = said.digest === digest ? nodes : [spokesman];
    const vouched = vouchedRows(said.rows, livesAmong(speaksFor, known), reading);
    for (const node of speaksFor) rows.set(node, vouched);
  }
  const others = [...known.keys()].filter((node) => !rows.has(node) && !first.failed.has(node));
  const then = others.length === 0 ? null : await rowsOf(session, others, reading, options);
  for (const [node, said] of then?.rows ?? []) rows.set(node, said.rows);
  const failed = new Map([...first.failed, ...(then?.failed ?? [])]);
  return ok({
    rows: inOrder(rows, known.keys()),
    nodes: digests.nodes.map((entry) => failed.get(entry.node) ?? entry),
  });
}

async function rowsOf<R extends { readonly id: string }>(
  session: Session,
  nodes: readonly NodeName[],
  { listed, read }: Reading<R>,
  options: CallOptions,
): Promise<{ readonly rows: ReadonlyMap<NodeName, Rows<R>>; readonly failed: ReadonlyMap<NodeName, NodeCoverage> }> {
  const found = await askEach(session, nodes, options, async (target): Promise<Result<Rows<R>>> => {
    const said = await askRows(target, 'names_all', listed, options);
    if (!said.ok) return said;
    const [digest, rows] = tupleOf(said.value, 2) ?? [];
    if (digest === undefined) return strangeAnswer(target.node, 'The list');
    const known = new Map<string, R>();
    for (const row of rawRows(rows)) {
      const one = read(row);
      if (one !== null) known.set(one.id, one);
    }
    return ok({ digest: termKey(digest), rows: known });
  });
  return {
    rows: new Map(found.answers),
    failed: new Map(found.nodes.flatMap((entry) => (entry.status === 'ok' ? [] : [[entry.node, entry] as const]))),
  };
}

/** Processes of nodes that have the row live, unless their node says that they do not. */
function livesAmong(nodes: readonly NodeName[], known: ReadonlyMap<NodeName, Digest>): Life {
  const dead = new Map(nodes.map((node) => [node, known.get(node)?.dead] as const));
  return (pid) => {
    const theirs = dead.get(pid.node);
    if (theirs === undefined) return null;
    return theirs.size === 0 || !theirs.has(processId(pid));
  };
}

function vouchedRows<R>(rows: ReadonlyMap<string, R>, life: Life, { vouched }: Reading<R>): ReadonlyMap<string, R> {
  return new Map([...rows].map(([id, row]) => [id, vouched(row, life)] as const));
}

function inOrder<R>(rows: SpannedRows<R>, nodes: Iterable<NodeName>): SpannedRows<R> {
  return new Map(
    [...nodes].flatMap((node) => {
      const held = rows.get(node);
      return held === undefined ? [] : [[node, held] as const];
    }),
  );
}

/** For rows without a process of their own. */
export function asTheyAre<R>(row: R): R {
  return row;
}

/** Says of a holder of another node what that node said. */
export function vouchedEntry<R extends EntryRow>(row: R, life: Life): R {
  return row.held.life === null ? { ...row, held: { ...row.held, life: life(row.held.pid) } } : row;
}

const rowsPerFrame = 1_000;

type Together<R, Row> = Reading<R> & {
  readonly agree: (rows: SpannedRows<R>, id: string, life: Life) => Row | null;
  /** The processes whose nodes are to be asked whether they live. */
  readonly lives: (rows: SpannedRows<R>) => readonly ProcessRef[];
};
type TogetherItem<Row> = StreamItem<readonly Row[], { readonly total: number; readonly nodes: Coverage }>;

/** A list of what the nodes have together, in frames. */
export async function* together<R extends { readonly id: string }, Row>(
  session: Session,
  { agree, lives, ...reading }: Together<R, Row>,
  options: CallOptions,
): AsyncGenerator<TogetherItem<Row>> {
  const found = await readSpanned(session, reading, options);
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
