import { describe, expect, it } from 'vitest';
import type { Predicate } from '../../model.ts';
import { valueAt } from '../../processQuery.ts';
import { encodeTerm } from '../../term/encode.ts';
import { externalRaw, readRaw } from '../../term/cursor.ts';
import { printTerm } from '../../term/print.ts';
import type { Term } from '../../term/term.ts';
import { atom, integer, list, nil, tuple } from '../../term/term.ts';
import { formOf } from './processFields.ts';
import { FrameReader } from './processFrames.ts';
import { ProcessRows } from './processRows.ts';
import { splitWhere } from './pushdown.ts';

const scope = 'test';
const pid = (id: number, node = 'a@b'): Term => ({ t: 'pid', node, creation: 5, id, serial: 1 });
const mfa = (name: string): Term => tuple(atom('m'), atom(name), integer(1));
const row = (id: number, ...items: readonly (readonly [string, Term])[]): Term =>
  tuple(pid(id), list(items.map(([item, value]) => tuple(atom(item), value))));

function rawOf(term: Term) {
  const encoded = encodeTerm(term, { scope });
  if (!encoded.ok) throw new Error(encoded.error.message);
  const raw = externalRaw(encoded.bytes, { scope });
  if (!raw.ok) throw new Error(raw.error.message);
  return raw.value;
}

describe('a page of rows', () => {
  const keys = ['registered_name', 'initial_call', 'memory', 'links', 'label'] as const;
  const reader = new ProcessRows(keys, ['registered_name', 'initial_call', 'memory', 'links']);
  const page = list([
    row(1, ['registered_name', atom('x')], ['initial_call', mfa('f')], ['memory', integer(7)], ['links', nil]),
    tuple(pid(2), atom('undefined')),
    row(3, ['registered_name', nil], ['initial_call', mfa('f')], ['memory', atom('no')], ['links', list([pid(9)])]),
  ]);

  it('has a row for each process that lives, and null for what the node does not have', () => {
    const read = readRaw(rawOf(page), (cursor) => reader.read(cursor));
    if (!read.ok) throw new Error(read.error.message);
    const { of, ids, serials, columns } = read.value;
    expect([of, [...ids], [...serials]]).toEqual([{ node: 'a@b', creation: 5 }, [1, 3], [1, 1]]);
    const values = [0, 1].map((at) => keys.map((key) => valueAt(columns, key, at)));
    expect(values).toEqual([
      ['x', 'm:f/1', 7, [], null],
      [null, 'm:f/1', 0, ['a@b~0.9.1~5'], null],
    ]);
    expect(ids.buffer.byteLength).toBe(8);
  });

  it('of nobody has no rows', () => {
    const read = readRaw(rawOf(nil), (cursor) => reader.read(cursor));
    expect(read).toMatchObject({ ok: true, value: { of: null, ids: new Uint32Array(0) } });
  });

  it('is refused when it is none', () => {
    const mixed = list([row(1), tuple(pid(2, 'c@d'), nil)]);
    for (const term of [atom('x'), list([pid(1)]), list([tuple(pid(1), integer(1))]), mixed]) {
      expect(readRaw(rawOf(term), (cursor) => reader.read(cursor)).ok).toBe(false);
    }
  });

  it('comes in frames, with those that are gone and how old the oldest look is', () => {
    const frames = new FrameReader('a@b', keys, ['registered_name', 'initial_call', 'memory', 'links']);
    const frame = (oldest: number): Term =>
      tuple(atom('rows'), integer(oldest), integer(9), page, list([pid(4), pid(5)]));
    expect(frames.read(rawOf(frame(30)))).toMatchObject({ oldestMs: 30, total: 9, gone: ['4.1', '5.1'] });
    expect(frames.read(rawOf(frame(-1)))).toMatchObject({ oldestMs: null });
    expect(frames.read(rawOf(tuple(atom('rows'), integer(1))))).toBeNull();
  });
});

describe('the part of a filter that a node decides', () => {
  const split = (where: Predicate | undefined, has = true) => {
    const { there, keys, here } = splitWhere(where, {
      formOf: (key) => (has ? formOf(key, 25) : null),
      knows: (node) => node === 'a@b',
    });
    return { there: printTerm(there, { syntax: 'erlang', maxLength: 500, maxDepth: 20 }), keys, here };
  };
  const many = { key: 'reductions', op: 'gt', value: 5 } as const;
  const leader = { key: 'group_leader', op: 'eq', value: 'x' } as const;

  it('is all of it where every key is one of numbers and names', () => {
    expect(split(undefined)).toEqual({ there: 'true', keys: [], here: null });
    expect(split(many)).toEqual({ there: '{all,[{number,gt,reductions,5}]}', keys: ['reductions'], here: null });
    const { there, here } = split({ any: [{ not: many }, { key: 'status', op: 'ne', value: 'waiting' }] });
    expect(there).toBe("{all,[{any,[{'not',{number,gt,reductions,5}},{'not',{text,eq,status,<<\"waiting\">>}}]}]}");
    expect(here).toBeNull();
  });

  it('leaves the rest of what all must hold to us', () => {
    expect(split({ all: [many, leader] })).toEqual({
      there: '{all,[{number,gt,reductions,5}]}',
      keys: ['reductions'],
      here: { all: [leader] },
    });
    for (const where of [leader, { any: [many, leader] }, { not: leader }]) {
      expect(split(where)).toEqual({ there: 'true', keys: [], here: where });
    }
    expect(split(many, false).here).toEqual(many);
    expect(split({ key: 'registered_name', op: 'contains', value: '\ud800' }).there).toBe('true');
    expect(split({ key: 'memory', op: 'lt', value: Number.POSITIVE_INFINITY }).there).toBe('true');
  });

  it('sends no pid of a node that is not known: its name would become an atom there', () => {
    const known = 'a@b~0.7.0~1';
    const made = 'made.up@nowhere~0.7.0~1';
    for (const key of ['group_leader', 'parent'] as const) {
      expect(split({ key, op: 'eq', value: known })).toMatchObject({ keys: [key], here: null });
      for (const op of ['eq', 'ne'] as const) {
        const where = { key, op, value: made };
        expect(split(where)).toEqual({ there: 'true', keys: [], here: where });
      }
    }
    const ancestors = (...value: string[]): Predicate => ({ key: 'ancestors', op: 'has', value });
    expect(split(ancestors(known, 'shop_sup'))).toMatchObject({ keys: ['ancestors'], here: null });
    expect(split(ancestors(known, made))).toEqual({ there: 'true', keys: [], here: ancestors(known, made) });
  });

  it('knows that values of different types are never equal nor in order', () => {
    const never = '{all,[false]}';
    expect(split({ key: 'memory', op: 'eq', value: '7' }).there).toBe(never);
    expect(split({ key: 'registered_name', op: 'lt', value: 7 }).there).toBe(never);
    expect(split({ key: 'registered_name', op: 'le', value: null }).there).toBe(never);
    expect(split({ key: 'trap_exit', op: 'gt', value: true }).there).toBe(never);
    expect(split({ key: 'registered_name', op: 'eq', value: null }).there).toBe(
      '{all,[{text,eq,registered_name,null}]}',
    );
    expect(split({ key: 'trap_exit', op: 'eq', value: true }).there).toBe('{all,[{same,trap_exit,true}]}');
    expect(split({ key: 'memory', op: 'ge', value: 0.5 }).there).toBe('{all,[{number,ge,memory,0.5}]}');
  });
});
