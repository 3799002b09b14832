/** Readers and findings on what three real members of a Horde answered: whole, cut in two, and healed (hordeRecorded.json). */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { HordeView, ProcessRef } from '../../model.ts';
import type { Term } from '../../term/term.ts';
import { atom, integer, tuple } from '../../term/term.ts';
import type { ChildRow, EntryRow, Life, SpannedRows } from '../../spanning/agreement.ts';
import { agreedChild, agreedEntry, keysOf } from '../../spanning/agreement.ts';
import { differingMembers, duplicateChildren, wrongEntries } from '../../spanning/hordeFindings.ts';
import { readChild, readEntry, readView } from './hordeRows.ts';
import type { RawRow } from './nameRows.ts';
import { rawRows, readKey } from './nameRows.ts';

type Said = { readonly creation: number; readonly hordes: Term; readonly entries: Term; readonly children: Term };
type Phase = { readonly [node: string]: Said };

const recorded: { readonly whole: Phase; readonly split: Phase; readonly healed: Phase } = JSON.parse(
  readFileSync(new URL('hordeRecorded.json', import.meta.url), 'utf8'),
);
const [first, second, third] = ['horde1@127.0.0.1', 'horde2@127.0.0.1', 'horde3@127.0.0.1'] as const;
const horde = { kind: 'registry', name: 'Elixir.HordeApp.Registry' } as const;
const unknown: Life = () => null;

function spanned<R extends { readonly id: string }>(
  phase: Phase,
  of: 'entries' | 'children',
  read: (row: RawRow) => R | null,
): SpannedRows<R> {
  return new Map(
    Object.entries(phase).map(([node, said]) => {
      const rows = rawRows(said[of]).map(read);
      expect(rows).not.toContain(null);
      return [node, new Map(rows.flatMap((row) => (row === null ? [] : [[row.id, row] as const])))] as const;
    }),
  );
}

const entriesOf = (phase: Phase, life: Life = unknown) => {
  const rows: SpannedRows<EntryRow> = spanned(phase, 'entries', readEntry);
  return keysOf(rows).flatMap((id) => agreedEntry(rows, id, life) ?? []);
};
const childrenOf = (phase: Phase) => {
  const rows: SpannedRows<ChildRow> = spanned(phase, 'children', readChild);
  return keysOf(rows).flatMap((id) => agreedChild(rows, id, unknown) ?? []);
};
const viewsOf = (phase: Phase, kind: HordeView['kind']) =>
  Object.entries(phase)
    .flatMap(([node, { hordes }]) => rawRows(hordes).flatMap((row) => readView(node, row) ?? []))
    .filter((view) => view.kind === kind);

describe('a Horde that is whole', () => {
  it('has members that all say the same', () => {
    const views = viewsOf(recorded.whole, 'supervisor');
    expect(views.map(({ node }) => node)).toEqual([first, second, third]);
    for (const { members, supervisor } of views) {
      expect(members.map(({ node, status }) => [node, status])).toEqual(
        [first, second, third].map((n) => [n, 'alive']),
      );
      expect(supervisor).toEqual({
        strategy: 'Elixir.Horde.UniformDistribution',
        redistribution: 'passive',
        hasQuorum: true,
        shuttingDown: false,
        proxyHops: null,
      });
    }
    expect(differingMembers({ ...horde, kind: 'supervisor' }, views)).toEqual([]);
    expect(views.reduce((sum, { ownSize }) => sum + (ownSize ?? 0), 0)).toBe(views[0]?.size);
  });

  it('has one living holder for each key and child, whom its own node vouches for', () => {
    for (const { holders, missing, agreement } of [...entriesOf(recorded.whole), ...childrenOf(recorded.whole)]) {
      expect({ agreement, missing }).toEqual({ agreement: 'agreed', missing: [] });
      expect(holders.map(({ alive, seenBy }) => [alive, seenBy])).toEqual([[true, [first, second, third]]]);
      expect(holders[0]?.member.node).toBe(holders[0]?.pid.node);
    }
    expect(wrongEntries(horde, entriesOf(recorded.whole), [first, second, third])).toEqual([]);
    expect(duplicateChildren(horde, childrenOf(recorded.whole))).toEqual([]);
  });
});

describe('a Horde that is cut in two', () => {
  it('differs by whom one asks', () => {
    const [found, ...more] = differingMembers(horde, viewsOf(recorded.split, 'registry'));
    expect(more).toEqual([]);
    expect(found).toMatchObject({ kind: 'members_differ', certainty: 'sure', nodes: [first, second, third] });
    expect(found?.evidence).toContain(`${third}: ${third}`);
  });

  it('has keys that stand for a process on each side', () => {
    const entries = entriesOf(recorded.split);
    const conflicts = entries.filter(({ agreement }) => agreement === 'conflict');
    expect(conflicts.length).toBeGreaterThan(0);
    for (const { holders } of conflicts) {
      expect(holders.map(({ seenBy }) => seenBy)).toEqual([[first, second], [third]]);
    }
    const found = wrongEntries(horde, entries, [first, second, third]);
    expect(found.filter(({ kind }) => kind === 'name_conflict')).toHaveLength(conflicts.length);
  });

  it('has the same child running on both sides', () => {
    const found = duplicateChildren({ ...horde, kind: 'supervisor' }, childrenOf(recorded.split));
    expect(found.length).toBeGreaterThan(0);
    for (const { processes, certainty } of found) {
      expect(certainty).toBe('likely');
      expect(new Set(processes.map(({ node }) => node)).size).toBeGreaterThan(1);
    }
  });
});

describe('a Horde that has healed', () => {
  it('agrees again, on fewer keys than there were', () => {
    expect(entriesOf(recorded.healed).every(({ agreement }) => agreement === 'agreed')).toBe(true);
    expect(entriesOf(recorded.healed).length).toBeLessThan(entriesOf(recorded.whole).length);
  });

  it('has entries of processes that have ended, if their node says so', () => {
    const healed = entriesOf(recorded.healed);
    const [entry] = healed;
    const dead: ProcessRef | undefined = entry?.holders[0]?.pid;
    const entries = healed.map((one) => ({
      ...one,
      holders: one.holders.map((holder) => ({ ...holder, alive: holder.pid !== dead && holder.alive })),
    }));
    expect(wrongEntries(horde, entries, [first, second, third])).toMatchObject([
      { kind: 'entry_of_dead', certainty: 'sure', of: entry?.key, processes: [dead] },
    ]);
  });
});

describe('reading', () => {
  it('takes the word of a process’s own node over what others think of it', () => {
    const rows = spanned(recorded.whole, 'entries', readEntry);
    const [id = ''] = keysOf(rows);
    const owner = [...rows.values()].flatMap((held) => held.get(id) ?? []).find(({ held }) => held.life !== null);
    const others: SpannedRows<EntryRow> = new Map([...rows].filter(([node]) => node !== owner?.held.pid.node));
    expect(agreedEntry(others, id, () => false)?.holders.map(({ alive }) => alive)).toEqual([false]);
    expect(agreedEntry(rows, id, () => false)?.holders.map(({ alive }) => alive)).toEqual([true]);
  });

  it('keeps a key that was too large apart from others of its size, by its hashes', () => {
    const large = (hash: number) =>
      tuple(atom('large'), atom('tuple'), integer(5000), integer(hash), integer(hash + 1));
    expect(readKey(large(1))).toEqual({ id: 'large:5000:1:2', term: { t: 'elided', was: 'tuple', size: 5000 } });
    expect(readKey(large(2))?.id).not.toBe(readKey(large(1))?.id);
  });

  it.each([
    atom('x'),
    tuple(),
    tuple(atom('term')),
    tuple(atom('term'), atom('a'), atom('b')),
    tuple(atom('large'), atom('tuple')),
    { t: 'elided', was: 'depth', size: 1 } as const,
  ])('leaves out what is not as expected: %j', (term) => {
    expect(readKey(term)).toBeNull();
    expect(readEntry({ key: term, row: term })).toBeNull();
    expect(readChild({ key: term, row: term })).toBeNull();
    expect(readView(first, { key: term, row: term })).toBeNull();
    expect(rawRows(term)).toEqual([]);
  });
});
