/** What spans nodes, put together from what each node says: nobody's word is taken for the whole. */
import type {
  Agreement,
  GroupRow,
  HordeChild,
  HordeEntry,
  HordeMember,
  NameView,
  NodeName,
  ProcessRef,
} from '../model.ts';
import { processId } from '../model.ts';
import type { Term } from '../term/term.ts';

/** A key as it is or, of one too large to be sent, what it was; `id` is the same for the same key on every node. */
export type Key = { readonly id: string; readonly term: Term };
/** A process that one node has for a key or a child. */
export type Held = {
  readonly member: HordeMember;
  readonly pid: ProcessRef;
  /** null: it is of another node, which has to say. */
  readonly life: boolean | null;
};
export type EntryRow = Key & { readonly held: Held };
export type ChildRow = EntryRow & Pick<HordeChild, 'start' | 'type' | 'restart' | 'specHash'>;

/** By node, what it has under each key. Only nodes that have the registry, scope or Horde at all. */
export type SpannedRows<R> = ReadonlyMap<NodeName, ReadonlyMap<string, R>>;
/** Whether a process lives; null when nobody that was asked can tell. */
export type Life = (pid: ProcessRef) => boolean | null;

/** Every key that any node has, in the order first met. */
export function keysOf<R>(rows: SpannedRows<R>): readonly string[] {
  return [...new Set([...rows.values()].flatMap((held) => [...held.keys()]))];
}

function views<R>(rows: SpannedRows<R>, id: string): readonly (readonly [NodeName, R | undefined])[] {
  return [...rows].map(([node, held]) => [node, held.get(id)] as const);
}

/** What the nodes have for a key of a registry of Horde; null when none has it. */
export function agreedEntry(rows: SpannedRows<EntryRow>, id: string, life: Life): HordeEntry | null {
  const said = views(rows, id);
  const first = said.find(([, row]) => row !== undefined)?.[1];
  return first === undefined ? null : { key: first.term, ...holdersOf(said, life) };
}

/** As {@link agreedEntry}, for a child of a supervisor of Horde. */
export function agreedChild(rows: SpannedRows<ChildRow>, id: string, life: Life): HordeChild | null {
  const said = views(rows, id);
  const first = said.find(([, row]) => row !== undefined)?.[1];
  if (first === undefined) return null;
  const { term, start, type, restart, specHash } = first;
  return { childId: term, start, type, restart, specHash, ...holdersOf(said, life) };
}

function holdersOf(
  said: readonly (readonly [NodeName, EntryRow | undefined])[],
  life: Life,
): Pick<HordeEntry, 'holders' | 'missing' | 'agreement'> {
  // Nearly always all nodes name the same process, so that a list is found faster in than a map is made.
  const holders: { pid: ProcessRef; member: HordeMember; alive: boolean | null; seenBy: NodeName[] }[] = [];
  const missing: NodeName[] = [];
  for (const [node, row] of said) {
    if (row === undefined) {
      missing.push(node);
      continue;
    }
    const { member, pid, life: own } = row.held;
    const known = holders.find((holder) => isSameProcess(holder.pid, pid));
    if (known === undefined) {
      holders.push({ pid, member, alive: own, seenBy: [node] });
      continue;
    }
    known.alive ??= own;
    known.seenBy.push(node);
  }
  for (const holder of holders) holder.alive ??= life(holder.pid);
  return { holders, missing, agreement: agreementOf(holders.length, missing.length) };
}

/** Whether two references mean the same process of the same life of its node. */
export function isSameProcess(one: ProcessRef, other: ProcessRef): boolean {
  return (
    one.id === other.id && one.serial === other.serial && one.creation === other.creation && one.node === other.node
  );
}

function agreementOf(processes: number, missing: number): Agreement {
  if (processes > 1) return 'conflict';
  return missing > 0 ? 'partial' : 'agreed';
}

export type GlobalRow = Key & { readonly pid: ProcessRef };

/** What each node sees under a global name; null when none sees any. */
export function agreedName(rows: SpannedRows<GlobalRow>, id: string): NameView | null {
  const said = views(rows, id);
  const first = said.find(([, row]) => row !== undefined)?.[1];
  if (first === undefined) return null;
  const pids = new Set(said.flatMap(([, row]) => (row === undefined ? [] : [processId(row.pid)])));
  return {
    name: { in: 'global', name: first.term },
    views: said.map(([node, row]) => ({ node, pid: row?.pid ?? null })),
    agreement: agreementOf(pids.size, said.filter(([, row]) => row === undefined).length),
  };
}

export type GroupMembers = Key & { readonly members: readonly ProcessRef[] };

/** The members of a process group, as the nodes see them together; null when none sees any. */
export function agreedGroup(scope: string, rows: SpannedRows<GroupMembers>, id: string): GroupRow | null {
  const said = views(rows, id);
  const group: Term | undefined = said.find(([, row]) => row !== undefined)?.[1]?.term;
  if (group === undefined) return null;
  const members = new Map<string, { readonly pid: ProcessRef; joins: number; readonly seenBy: NodeName[] }>();
  for (const [node, row] of said) {
    const joins = new Map<string, number>();
    for (const pid of row?.members ?? []) {
      const member = processId(pid);
      joins.set(member, (joins.get(member) ?? 0) + 1);
      const known = members.get(member) ?? { pid, joins: 0, seenBy: [] };
      if (known.seenBy.at(-1) !== node) known.seenBy.push(node);
      members.set(member, known);
    }
    for (const [member, times] of joins) {
      const known = members.get(member);
      if (known !== undefined) known.joins = Math.max(known.joins, times);
    }
  }
  const all = [...members.values()];
  return {
    scope,
    group,
    members: all,
    agreement: all.every(({ seenBy }) => seenBy.length === rows.size) ? 'agreed' : 'partial',
  };
}
