/** Rows that the agent lists and watches under one form (agent/names.erl): keys of any size, bounded there, and what stands for each. */
import { failure } from '../../errors.ts';
import type { NameRegistry, NameRow, NodeName, ProcessRef, Result } from '../../model.ts';
import { ok, processId } from '../../model.ts';
import type { CallOptions } from '../../port.ts';
import { remainingNow } from '../../callOptions.ts';
import type { Key } from '../../spanning/agreement.ts';
import type { Term } from '../../term/term.ts';
import { atom, integer, termKey, tuple } from '../../term/term.ts';
import { answered, strangeAnswer } from './callError.ts';
import type { NodeTarget } from './nodeTarget.ts';
import { atomName, listOf, numberOf, processOf, tupleOf } from './read.ts';
import { atomOnNode } from './safeTerm.ts';

/** What is listed. `name` is the exact text of an atom. */
export type Listed =
  | { readonly rows: 'local' | 'global' | 'hordes' }
  | { readonly rows: 'registry' | 'groups' | 'horde_entries' | 'horde_children'; readonly name: string };

export type RawRow = { readonly key: Term; readonly row: Term };

/** How the agent on `target` names what is listed; `registry.not_found` when the node has not even the atom. */
export async function listedTerm(target: NodeTarget, listed: Listed, options: CallOptions): Promise<Result<Term>> {
  if (!('name' in listed)) return ok(atom(listed.rows));
  const name = await atomOnNode(target, listed.name, options);
  if (!name.ok) return name;
  return name.value === null ? absent(target.node, listed) : ok(tuple(atom(listed.rows), name.value));
}

const longestStateMs = 1_000;

/** The rows on a node. Errors: `registry.not_found` when there is no such registry, scope or Horde; those of a call. */
export async function rowsOn(
  target: NodeTarget,
  listed: Listed,
  options: CallOptions,
): Promise<Result<readonly RawRow[]>> {
  const said = await askRows(target, 'names_rows', listed, options);
  return said.ok ? ok(rawRows(said.value)) : said;
}

/** What one of the agent's functions answers of what is listed. Errors as {@link rowsOn}. */
export async function askRows(
  target: NodeTarget,
  how: 'names_rows' | 'names_digest' | 'names_all',
  listed: Listed,
  options: CallOptions,
): Promise<Result<Term>> {
  const what = await listedTerm(target, listed, options);
  if (!what.ok) return what;
  const waitMs = integer(Math.max(1, Math.min(longestStateMs, Math.floor(remainingNow(options) / 2))));
  const said = answered(await target.run(how, [what.value, waitMs], options), target.node, 'The list');
  if (!said.ok) return said;
  return said.value.t === 'atom' ? absentBecause(target.node, listed, said.value) : said;
}

/** The same on nodes that have the same rows; and which processes of the node among the holders have ended. */
export type Digest = { readonly digest: string; readonly dead: ReadonlySet<string> };

/** The digest of the rows on a node. Errors as {@link rowsOn}. */
export async function digestOn(target: NodeTarget, listed: Listed, options: CallOptions): Promise<Result<Digest>> {
  const said = await askRows(target, 'names_digest', listed, options);
  if (!said.ok) return said;
  const [digest, dead] = tupleOf(said.value, 2) ?? [];
  if (digest === undefined) return strangeAnswer(target.node, 'The digest of the list');
  return ok({
    digest: termKey(digest),
    dead: new Set(
      listOf(dead)
        .flatMap((term) => processOf(term) ?? [])
        .map(processId),
    ),
  });
}

/** How much the process whose rows these are has worked, where one process has all of them; null where that cannot be told. */
export type OwnerWork = { readonly pid: string; readonly reductions: number };

export async function ownerWork(target: NodeTarget, listed: Listed, options: CallOptions): Promise<OwnerWork | null> {
  if (listed.rows !== 'groups') return null;
  const name = await atomOnNode(target, listed.name, options);
  if (!name.ok || name.value === null) return null;
  const pid = await target.call('erlang', 'whereis', [name.value], options);
  const owner = pid.ok ? processOf(pid.value) : null;
  if (!pid.ok || owner === null) return null;
  const said = await target.call('erlang', 'process_info', [pid.value, atom('reductions')], options);
  const reductions = said.ok ? numberOf((tupleOf(said.value, 2) ?? [])[1]) : null;
  return reductions === null ? null : { pid: processId(owner), reductions };
}

/** `[{Key, Row}]` */
export function rawRows(term: Term | undefined): readonly RawRow[] {
  const rows: RawRow[] = [];
  for (const pair of listOf(term)) {
    const [key, row] = tupleOf(pair, 2) ?? [];
    if (key !== undefined && row !== undefined) rows.push({ key, row });
  }
  return rows;
}

/** The failure that an atom in place of rows means. */
export function absentBecause(node: NodeName, listed: Listed, why: Term): Result<never> {
  return atomName(why) === 'unknown_layout' ? strangeAnswer(node, 'The tables of Horde') : absent(node, listed);
}

const called: { readonly [rows in Listed['rows']]: string } = {
  local: 'names',
  global: 'global names',
  hordes: 'Horde',
  registry: 'Elixir or Horde registry',
  groups: 'scope of pg',
  horde_entries: 'Horde.Registry',
  horde_children: 'Horde.DynamicSupervisor',
};

function absent(node: NodeName, listed: Listed): Result<never> {
  const name = 'name' in listed ? ` ${listed.name}` : '';
  return failure(
    'not_found',
    'registry.not_found',
    `There is no ${called[listed.rows]}${name} on ${node}.`,
    'Give the name that it was started with; an Elixir module as Elixir.Shop.Registry.',
    { node },
  );
}

/** `{term, Term} | {large, Shape, Bytes, Hash, Hash}`; null for what is neither. */
export function readKey(term: Term | undefined): Key | null {
  const parts = tupleOf(term) ?? [];
  const plain = parts.length === 2 && atomName(parts[0]) === 'term' ? parts[1] : undefined;
  if (plain !== undefined) return { id: termKey(plain), term: plain };
  const [tag, first, bytes, ...hashes] = parts;
  const size = numberOf(bytes);
  if (atomName(tag) !== 'large' || size === null) return null;
  const was = (['tuple', 'map', 'list'] as const).find((shape) => shape === atomName(first)) ?? 'binary';
  return { id: `large:${String(size)}:${hashes.map(numberOf).join(':')}`, term: { t: 'elided', was, size } };
}

/** The names among rows of `local`, `global` and `registry`. */
export function readNames(node: NodeName, listed: Listed, rows: readonly RawRow[]): readonly NameRow[] {
  return rows.flatMap(({ key, row }): readonly NameRow[] => {
    if (listed.rows === 'local') return localName(node, atomName(key), processOf(row));
    if (listed.rows === 'global') {
      const [name, pid] = [readKey(key), processOf(row)];
      return name === null || pid === null ? [] : [{ name: { in: 'global', name: name.term }, pid }];
    }
    const [bounded, holder] = tupleOf(key, 2) ?? [];
    const [name, pid] = [readKey(bounded), processOf(holder)];
    if (name === null || pid === null || !('name' in listed)) return [];
    const module = atomName(row) === 'horde_registry' ? 'Elixir.Horde.Registry' : 'Elixir.Registry';
    return [{ name: { in: 'via', module, name: tuple(atom(listed.name), name.term) }, pid }];
  });
}

function localName(node: NodeName, name: string | null, pid: ProcessRef | null): readonly NameRow[] {
  return name === null || pid === null ? [] : [{ name: { in: 'local', node, name }, pid }];
}

/** The key of a name: what it is called, where, and for whom it stands. */
export function rowKey({ name, pid }: NameRow): string {
  return JSON.stringify([name, pid]);
}

/** How the agent calls a registry. */
export function listedNames(registry: NameRegistry): Listed {
  return typeof registry === 'string' ? { rows: registry } : { rows: 'registry', name: registry.via };
}
