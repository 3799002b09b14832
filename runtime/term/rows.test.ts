import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RawTerm, TermCursor } from './cursor.ts';
import { externalRaw, ownRaw, readRaw, termOf } from './cursor.ts';
import { decodeTerm } from './decode.ts';
import { encodeTerm } from './encode.ts';
import { DictionaryColumn, NumberColumn, PidColumn, readRows, TermColumn } from './rows.ts';
import type { PidTerm, Term } from './term.ts';
import { atom, charlist, integer, list, nil, termKey, text, tuple } from './term.ts';
import { termArbitrary } from './termArbitrary.ts';

const scope = 'test';

function bytesOf(term: Term): Uint8Array {
  const encoded = encodeTerm(term, { scope });
  if (!encoded.ok) throw new Error(encoded.error.message);
  return encoded.bytes;
}

function raw(term: Term): RawTerm {
  const found = externalRaw(bytesOf(term), { scope });
  if (!found.ok) throw new Error(found.error.message);
  return found.value;
}

function refusal(term: RawTerm, read: (cursor: TermCursor) => unknown): string {
  const result = readRaw(term, read);
  return result.ok ? 'read' : result.error.code;
}

const pid = (id: number, serial = 0, creation = 7): PidTerm => ({ t: 'pid', node: 'n@h', creation, id, serial });
const mfa = (name: string): Term => tuple(atom('gen_server'), atom(name), integer(3));

describe('a cursor', () => {
  it('passes over any term, and reads it whole from where it stands', () => {
    fc.assert(
      fc.property(termArbitrary({ scope }), termArbitrary({ scope }), (first, second) => {
        const read = readRaw(raw({ t: 'tuple', e: [first, second] }), (cursor) => {
          cursor.tupleOf(2);
          cursor.skip();
          const from = cursor.at;
          const passed = cursor.raw();
          const again = decodeTerm(cursor.bytesSince(from), { scope, form: 'bare' });
          return { passed: termOf(passed), again: again.ok && termKey(again.term), atEnd: cursor.atEnd };
        });
        expect(read).toEqual({
          ok: true,
          value: { passed: { ok: true, value: second }, again: termKey(second), atEnd: true },
        });
      }),
    );
  });

  it('says what stands next', () => {
    const one = [
      integer(1),
      integer(2 ** 40),
      { t: 'big', v: '1'.repeat(30) } as const,
      { t: 'float', v: 1.5 } as const,
    ];
    const more = [atom('a'), tuple(), nil, charlist('ab'), text('x'), pid(1), { t: 'map', e: [] } as const];
    const kinds = [...one, ...more].map((term) => readRaw(raw(term), (cursor) => cursor.kind()));
    expect(kinds.map((kind) => (kind.ok ? kind.value : kind.error))).toEqual([
      'integer',
      'integer',
      'integer',
      'float',
      'atom',
      'tuple',
      'list',
      'bytelist',
      'binary',
      'pid',
      'map',
    ]);
    expect(readRaw({ ...raw(nil), bytes: Uint8Array.of(131, 1) }, (cursor) => cursor.kind())).toEqual({
      ok: true,
      value: null,
    });
  });

  it('reads numbers of every size', () => {
    const numbers = [0, 255, 256, -1, 2 ** 31, -(2 ** 40), 2 ** 52 + 1];
    const read = readRaw(raw(tuple(...numbers.map(integer), { t: 'float', v: -1.25 })), (cursor) =>
      Array.from({ length: cursor.tuple() }, () => cursor.number()),
    );
    expect(read).toEqual({ ok: true, value: [...numbers, -1.25] });
    expect(readRaw(raw({ t: 'big', v: String(2n ** 70n) }), (cursor) => cursor.number())).toEqual({
      ok: true,
      value: 2 ** 70,
    });
    const older = {
      bytes: Uint8Array.from([99, ...Buffer.from('1.50000000000000000000e+00'), 0, 0, 0, 0, 0]),
      at: 0,
      refs: [],
      scope,
    };
    expect(readRaw(older, (cursor) => cursor.number())).toEqual({ ok: true, value: 1.5 });
  });

  it('refuses what is of another kind, and what is cut short', () => {
    expect(refusal(raw(atom('x')), (cursor) => cursor.number())).toBe('unexpected');
    expect(refusal(raw(integer(1)), (cursor) => cursor.tuple())).toBe('unexpected');
    expect(refusal(raw(tuple(nil)), (cursor) => cursor.tupleOf(2))).toBe('unexpected');
    expect(refusal(raw(charlist('ab')), (cursor) => cursor.list(() => undefined))).toBe('unexpected');
    expect(refusal(raw(atom('x')), (cursor) => cursor.binary())).toBe('unexpected');
    expect(refusal(raw(atom('x')), (cursor) => cursor.pidTerm())).toBe('unexpected');
    expect(refusal(raw(atom('x')), (cursor) => cursor.refTerm())).toBe('unexpected');
    expect(refusal(raw(atom('x')), (cursor) => cursor.version())).toBe('version');
    const improper: Term = { t: 'list', e: [atom('a')], tail: atom('b') };
    expect(refusal(raw(improper), (cursor) => cursor.list(() => cursor.skip()))).toBe('unexpected');
    const bytes = bytesOf(tuple(pid(1), text('binary'), integer(300)));
    for (let length = 1; length < bytes.length; length++) {
      const cut = { bytes: bytes.subarray(0, length), at: 1, refs: [], scope };
      const readAll = (cursor: TermCursor): void => {
        cursor.tupleOf(3);
        cursor.pid(() => undefined);
        cursor.binary();
        cursor.number();
      };
      expect(refusal(cut, readAll)).toBe('truncated');
    }
  });

  it('gives a term in bytes of its own', () => {
    const shared = Buffer.from(bytesOf(text('kept')));
    const own = ownRaw({ bytes: shared, at: 1, refs: [], scope });
    shared.fill(0);
    expect(termOf(own)).toEqual({ ok: true, value: text('kept') });
  });

  it('lets a fault of the reader through', () => {
    const fault = (): never => {
      throw new TypeError('of the reader');
    };
    expect(() => readRaw(raw(nil), fault)).toThrow(TypeError);
  });
});

describe('a binary in external format', () => {
  it('is read where its term begins, inflated if it must be', () => {
    const term = list(Array.from({ length: 500 }, (_, at) => integer(at)));
    expect(termOf(raw(term))).toEqual({ ok: true, value: term });
    const plain = bytesOf(term).subarray(1);
    const size = Buffer.alloc(4);
    size.writeUInt32BE(plain.length);
    const compressed = Buffer.concat([Buffer.of(131, 80), size, deflateSync(plain)]);
    expect(externalRaw(compressed, { scope })).toMatchObject({ ok: false, error: { code: 'malformed' } });
    const inflate = (): { bytes: Uint8Array; usedBytes: number } => ({
      bytes: plain,
      usedBytes: compressed.length - 6,
    });
    const found = externalRaw(compressed, { scope, inflate });
    expect(found.ok && termOf(found.value)).toEqual({ ok: true, value: term });
    expect(externalRaw(Uint8Array.of(), { scope })).toMatchObject({ ok: false, error: { code: 'truncated' } });
    expect(externalRaw(Uint8Array.of(1), { scope })).toMatchObject({ ok: false, error: { code: 'version' } });
  });

  it('has nothing behind its term', () => {
    const found = externalRaw(Uint8Array.of(131, 97, 1, 0), { scope });
    expect(found.ok && termOf(found.value)).toMatchObject({ ok: false, error: { code: 'malformed', at: 3 } });
  });
});

describe('rows', () => {
  const pids = new PidColumn();
  const memory = new NumberColumn();
  const called = new DictionaryColumn((term) => termKey(term));
  const links = new TermColumn((term) => termKey(term));
  const columns = [pids, memory, called, links];
  const page = (rows: readonly Term[]): RawTerm => raw(list(rows));

  it('become columns: numbers, shared values once, the rest one by one', () => {
    const rows = Array.from({ length: 2_000 }, (_, at) =>
      tuple(pid(at, at % 3), integer(at * 1_000_000), mfa(at % 2 === 0 ? 'loop' : 'init'), list([pid(at + 1)])),
    );
    expect(readRows(page(rows), columns)).toEqual({ ok: true, value: 2_000 });
    expect(pids.of).toEqual({ node: 'n@h', creation: 7 });
    expect(pids.ids).toEqual(Uint32Array.from(rows, (_, at) => at));
    expect(pids.serials).toEqual(Uint32Array.from(rows, (_, at) => at % 3));
    expect(memory.values).toEqual(Float64Array.from(rows, (_, at) => at * 1_000_000));
    expect(called.values).toEqual([termKey(mfa('loop')), termKey(mfa('init'))]);
    expect(called.index).toEqual(Uint32Array.from(rows, (_, at) => at % 2));
    expect(links.values).toEqual(rows.map((_, at) => termKey(list([pid(at + 1)]))));
  });

  it('begin anew with each page', () => {
    const first = [tuple(pid(1), integer(1), atom('a'), nil), tuple(pid(2), integer(2), atom('b'), nil)];
    expect(readRows(page(first), columns)).toEqual({ ok: true, value: 2 });
    const { ids, values } = { ids: pids.ids, values: called.values };
    expect(readRows(page([tuple(pid(3, 0, 8), integer(3), atom('b'), nil)]), columns)).toEqual({ ok: true, value: 1 });
    expect(pids.of).toEqual({ node: 'n@h', creation: 8 });
    expect([called.values, [...called.index]]).toEqual([[termKey(atom('b'))], [0]]);
    // What was taken from the page before is still whole.
    expect([[...ids], values]).toEqual([
      [1, 2],
      [termKey(atom('a')), termKey(atom('b'))],
    ]);
    expect(readRows(page([]), columns)).toEqual({ ok: true, value: 0 });
    expect([pids.of, memory.values.length, called.values]).toEqual([null, 0, []]);
  });

  it('with thousands of distinct values in one column keep them apart', () => {
    const rows = Array.from({ length: 5_000 }, (_, at) => tuple(integer(at % 1_700)));
    const numbers = new DictionaryColumn((term) => termKey(term));
    expect(readRows(page(rows), [numbers])).toEqual({ ok: true, value: 5_000 });
    expect(numbers.values).toHaveLength(1_700);
    expect([...numbers.index].map((at) => numbers.values[at])).toEqual(
      rows.map((_, at) => termKey(integer(at % 1_700))),
    );
  });

  it('share a value that several terms convert to', () => {
    const named = new DictionaryColumn((term) => (term.t === 'atom' ? term.v : null));
    expect(readRows(page([tuple(nil), tuple(atom('a')), tuple(integer(1)), tuple(nil)]), [named])).toEqual({
      ok: true,
      value: 4,
    });
    expect([named.values, [...named.index]]).toEqual([
      [null, 'a'],
      [0, 1, 0, 0],
    ]);
  });

  it('count what is no number', () => {
    const rows = [tuple(integer(1)), tuple(atom('undefined')), tuple(charlist('ab')), tuple(integer(2))];
    expect(readRows(page(rows), [memory])).toEqual({ ok: true, value: 4 });
    expect([[...memory.values], memory.others]).toEqual([[1, Number.NaN, Number.NaN, 2], 2]);
  });

  it('of any terms are read as the decoder reads them', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(termArbitrary({ scope }), termArbitrary({ scope })), { maxLength: 20 }), (rows) => {
        const shared = new DictionaryColumn(termKey);
        const own = new TermColumn(termKey);
        const read = readRows(page(rows.map((row) => tuple(...row))), [shared, own]);
        expect(read).toEqual({ ok: true, value: rows.length });
        expect([...shared.index].map((at) => shared.values[at])).toEqual(rows.map(([term]) => termKey(term)));
        expect(own.values).toEqual(rows.map(([, term]) => termKey(term)));
      }),
    );
  });

  it('share the atoms of a message’s header', () => {
    const bytes = Uint8Array.from([108, 0, 0, 0, 2, 104, 1, 82, 1, 104, 1, 82, 0, 106]);
    const named = new DictionaryColumn(termKey);
    expect(readRows({ bytes, at: 0, refs: [atom('x'), atom('y')], scope }, [named])).toEqual({ ok: true, value: 2 });
    expect(named.values).toEqual([termKey(atom('y')), termKey(atom('x'))]);
  });

  it('that are of several lives, or other than was said, are errors, and no damage throws', () => {
    const error = (rows: readonly Term[]): string => {
      const result = readRows(page(rows), [pids, memory]);
      return result.ok ? 'read' : result.error.code;
    };
    expect(error([tuple(pid(1), nil), tuple(pid(1, 0, 8), nil)])).toBe('unexpected');
    expect(error([tuple(pid(1))])).toBe('unexpected');
    expect(error([atom('x')])).toBe('unexpected');
    expect(error([tuple(integer(1), nil)])).toBe('unexpected');
    const bytes = bytesOf(list([tuple(pid(1), integer(1), mfa('x'), nil), tuple(pid(2), integer(1), mfa('y'), nil)]));
    fc.assert(
      fc.property(fc.nat(bytes.length - 2), fc.nat(255), (place, byte) => {
        const damaged = bytes.slice();
        damaged[1 + place] = byte;
        const result = readRows({ bytes: damaged, at: 1, refs: [], scope }, columns);
        expect(typeof result.ok).toBe('boolean');
      }),
      { numRuns: 2_000 },
    );
  });
});
