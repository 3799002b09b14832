import { describe, expect, it } from 'vitest';
import { parseTerm } from '../../term/parse.ts';
import type { Term } from '../../term/term.ts';
import { jsonOfTerm, termOfJson } from './termJson.ts';

function term(source: string): Term {
  const parsed = parseTerm(source, 'erlang', { node: 'a@h', creation: 1 });
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.value;
}

describe('a term as JSON', () => {
  it.each([
    ['true', true],
    ['nil', null],
    ['null', null],
    ['undefined', 'undefined'],
    ["'Elixir.Shop.Cart'", 'Shop.Cart'],
    ['1', 1],
    ['1.5', 1.5],
    ['-0.0', 0],
    ['123456789012345678901234567890', '123456789012345678901234567890'],
    ['<<"text">>', 'text'],
    ['<<255, 254>>', { base64: '//4=' }],
    ['"charlist"', 'charlist'],
    ['[1, 2, 3]', [1, 2, 3]],
    ['[8364, 49]', '€1'],
    ['[]', []],
    ['{ok, 1}', ['ok', 1]],
    ['[{a, 1}, {b, 2}]', { a: 1, b: 2 }],
    [
      '[{a, 1}, {a, 2}]',
      [
        ['a', 1],
        ['a', 2],
      ],
    ],
    ['[a | b]', '[a|b]'],
    ['#{a => 1, <<"b">> => [x], 3 => y}', { a: 1, b: ['x'], 3: 'y' }],
    ["#{'__struct__' => 'Elixir.Shop.Cart', items => []}", { __struct__: 'Shop.Cart', items: [] }],
    ["#{'__struct__' => 'Elixir.MapSet', map => #{1 => [], 2 => []}, version => 2}", [1, 2]],
    [
      "#{'__struct__' => 'Elixir.Date', calendar => 'Elixir.Calendar.ISO', year => 2026, month => 1, day => 2}",
      '2026-01-02',
    ],
    [
      "#{'__struct__' => 'Elixir.Time', hour => 3, minute => 4, second => 5, microsecond => {120000, 2}}",
      '03:04:05.12',
    ],
    [
      "#{'__struct__' => 'Elixir.DateTime', year => 2026, month => 1, day => 2, hour => 3, minute => 4, second => 5, microsecond => {0, 0}, utc_offset => 3600, std_offset => 0}",
      '2026-01-02T03:04:05+01:00',
    ],
    [
      "#{'__struct__' => 'Elixir.DateTime', year => 2026, month => 1, day => 2, hour => 3, minute => 4, second => 5, microsecond => {0, 0}, utc_offset => 0, std_offset => 0}",
      '2026-01-02T03:04:05Z',
    ],
    ["#{'__struct__' => 'Elixir.Date', year => odd}", { __struct__: 'Date', year: 'odd' }],
  ])('%s', (source, json) => {
    expect(jsonOfTerm(term(source))).toEqual(json);
  });

  it('says what was left out, and names processes as everywhere', () => {
    expect(jsonOfTerm({ t: 'elided', was: 'list', size: 7 })).toEqual({ elided: 'list', size: 7 });
    expect(jsonOfTerm({ t: 'pid', node: 'a@h', creation: 1, id: 2, serial: 0 })).toBe('a@h~0.2.0~1');
  });
});

describe('JSON as a term', () => {
  it.each([
    [null, 'nil'],
    [false, 'false'],
    ['text', '<<"text">>'],
    [5, '5'],
    [1.5, '1.5'],
    [[1, 'a'], '[1, <<"a">>]'],
    [{ b: 1, a: [] }, '#{<<"a">> => [], <<"b">> => 1}'],
  ])('%j', (json, source) => {
    expect(termOfJson(json)).toEqual(term(source));
  });
});
