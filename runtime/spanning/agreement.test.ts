import { describe, expect, it } from 'vitest';
import type { ProcessRef } from '../model.ts';
import { atom, termKey } from '../term/term.ts';
import type { GlobalRow, GroupMembers, SpannedRows } from './agreement.ts';
import { agreedGroup, agreedName } from './agreement.ts';

const pid = (id: number, node = 'a@x'): ProcessRef => ({ node, creation: 1, id, serial: 0 });
const key = { id: termKey(atom('k')), term: atom('k') };

function spanned<R>(held: { readonly [node: string]: R | null }): SpannedRows<R> {
  return new Map(
    Object.entries(held).map(([node, row]) => [node, new Map(row === null ? [] : [[key.id, row] as const])] as const),
  );
}

const global = (held: { readonly [node: string]: ProcessRef | null }) =>
  agreedName(
    spanned<GlobalRow>(
      Object.fromEntries(Object.entries(held).map(([node, one]) => [node, one && { ...key, pid: one }])),
    ),
    key.id,
  );
const group = (held: { readonly [node: string]: readonly ProcessRef[] | null }) =>
  agreedGroup(
    'pg',
    spanned<GroupMembers>(
      Object.fromEntries(Object.entries(held).map(([node, members]) => [node, members && { ...key, members }])),
    ),
    key.id,
  );

describe('a global name', () => {
  it('is agreed on when all see the same process', () => {
    expect(global({ a: pid(1), b: pid(1) })).toMatchObject({
      agreement: 'agreed',
      name: { in: 'global', name: key.term },
    });
  });

  it('is partial when some see none, a conflict when they see different ones, whoever else sees none', () => {
    expect(global({ a: pid(1), b: null })).toMatchObject({ agreement: 'partial' });
    expect(global({ a: pid(1), b: pid(2), c: null })).toMatchObject({
      agreement: 'conflict',
      views: [
        { node: 'a', pid: pid(1) },
        { node: 'b', pid: pid(2) },
        { node: 'c', pid: null },
      ],
    });
  });

  it('tells a process of an earlier life of its node from one of this', () => {
    expect(global({ a: pid(1), b: { ...pid(1), creation: 2 } })).toMatchObject({ agreement: 'conflict' });
  });

  it('is none that nobody sees', () => {
    expect(global({ a: null })).toBeNull();
  });
});

describe('a process group', () => {
  it('counts how often a member joined, and not how many nodes say so', () => {
    expect(group({ a: [pid(1), pid(1), pid(2)], b: [pid(1), pid(2), pid(1)] })).toMatchObject({
      agreement: 'agreed',
      members: [
        { pid: pid(1), joins: 2, seenBy: ['a', 'b'] },
        { pid: pid(2), joins: 1, seenBy: ['a', 'b'] },
      ],
    });
  });

  it('is partial when a member, or the whole group, is not seen by all', () => {
    expect(group({ a: [pid(1)], b: [pid(1), pid(2)] })).toMatchObject({
      agreement: 'partial',
      members: [
        { pid: pid(1), seenBy: ['a', 'b'] },
        { pid: pid(2), seenBy: ['b'] },
      ],
    });
    expect(group({ a: [pid(1)], b: null })).toMatchObject({ agreement: 'partial' });
  });
});
