import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { binary, bitstring } from './binary.ts';
import { map } from './order.ts';
import { parseTerm } from './parse.ts';
import type { Syntax } from './print.ts';
import type { Term } from './term.ts';
import { atom, charlist, integer, list, nil, text, tuple } from './term.ts';

function read(source: string, syntax: Syntax): Term | string {
  const parsed = parseTerm(source, syntax);
  return parsed.ok ? parsed.value : `${parsed.error.line}:${parsed.error.column}`;
}

describe('Elixir', () => {
  const cases: readonly (readonly [string, Term])[] = [
    [' 1_000 ', integer(1000)],
    ['-0xff', integer(-255)],
    ['0b101', integer(5)],
    ['0o17', integer(15)],
    ['?a', integer(97)],
    ['?\\n', integer(10)],
    ['?é', integer(233)],
    ['1.5e3', { t: 'float', v: 1500 }],
    ['-0.0', { t: 'float', v: '-0' }],
    [':ok', atom('ok')],
    [':Foo', atom('Foo')],
    [':ok?', atom('ok?')],
    [':"a b"', atom('a b')],
    [":'a b'", atom('a b')],
    [':+', atom('+')],
    [':<<>>', atom('<<>>')],
    ['Foo.Bar', atom('Elixir.Foo.Bar')],
    ['Elixir.Foo', atom('Elixir.Foo')],
    ['nil', atom('nil')],
    ['"a\\u00e9\\u{1F600}\\x41\\t\\#{"', text('aé\u{1f600}A\t#{')],
    ['"line\\\nnext"', text('linenext')],
    ["'abc'", charlist('abc')],
    ['~c"a\\"c"', charlist('a"c')],
    ['~c(abc)', charlist('abc')],
    ['~c"日本"', list([integer(0x65e5), integer(0x672c)])],
    ['<<>>', text('')],
    ['<<1, 255>>', binary(Uint8Array.of(1, 255))],
    ['<<1::size(3), 2::5>>', binary(Uint8Array.of(0b00100010))],
    ['<<5::3>>', bitstring(Uint8Array.of(0b10100000), 3)],
    ['<<256::16, "é">>', binary(Uint8Array.of(1, 0, 0xc3, 0xa9))],
    ['<<-1>>', binary(Uint8Array.of(255))],
    ['[]', nil],
    ['[1, 2]', charlist('\u0001\u0002')],
    ['[1 | 2]', { t: 'list', e: [integer(1)], tail: integer(2) }],
    ['[1 | [2, 3]]', charlist('\u0001\u0002\u0003')],
    ['[300 | [400 | 5]]', { t: 'list', e: [integer(300), integer(400)], tail: integer(5) }],
    ['[a: 1, "b c": 2]', list([tuple(atom('a'), integer(1)), tuple(atom('b c'), integer(2))])],
    ['[1, a: 1]', list([integer(1), tuple(atom('a'), integer(1))])],
    ['{}', tuple()],
    ['{:ok, a: 1}', tuple(atom('ok'), list([tuple(atom('a'), integer(1))]))],
    ['%{a: 1}', map([[atom('a'), integer(1)]])],
    [
      '%{"x" => 1, a: [2000]}',
      map([
        [text('x'), integer(1)],
        [atom('a'), list([integer(2000)])],
      ]),
    ],
    [
      '%Foo.Bar{a: nil}',
      map([
        [atom('a'), atom('nil')],
        [atom('__struct__'), atom('Elixir.Foo.Bar')],
      ]),
    ],
    ['&Enum.map/2', { t: 'export', module: 'Elixir.Enum', function: 'map', arity: 2 }],
    ['&:lists."odd name"/1', { t: 'export', module: 'lists', function: 'odd name', arity: 1 }],
    ['# a comment\n{1, # another\n 2}', tuple(integer(1), integer(2))],
    ['%{1 => :a, 1 => :b}', map([[integer(1), atom('b')]])],
  ];
  it.each(cases)('%s', (source, term) => {
    expect(read(source, 'elixir')).toEqual(term);
  });

  it.each([
    ['', '1:1'],
    ['foo', '1:1'],
    ['self()', '1:1'],
    ['{1, foo}', '1:5'],
    ['{1,\n  2,\n  x}', '3:3'],
    ['"a#{b}"', '1:3'],
    ['"open', '1:1'],
    ['[1', '1:3'],
    ['[1 | 2, 3]', '1:7'],
    ['[a: 1, 2]', '1:8'],
    ['%{1: 2}', '1:4'],
    ['%Foo{"a" => 1}', '1:1'],
    ['1 2', '1:3'],
    [': a', '1:1'],
    ['#PID<0.1.2>', '1:5'],
    ['<<"a", :b>>', '1:8'],
    ['<<1::5000>>', '1:3'],
    ['<<1::x>>', '1:3'],
    ['1.0e999', '1:1'],
    ['"\\u{110000}"', '1:2'],
    ['"\\xD800"', '1:7'],
    ['&Foo', '1:1'],
    ['~cabc', '1:1'],
    ['~s(abc)', '1:1'],
    [`:${'x'.repeat(256)}`, '1:1'],
    ['"\ud800"', '1:1'],
  ])('%s is an error, with its place', (source, place) => {
    const found = read(source, 'elixir');
    if (source === '"\\xD800"') expect(found).toEqual(text('\u00d800'));
    else expect(found).toBe(place);
  });
});

describe('Erlang', () => {
  const cases: readonly (readonly [string, Term])[] = [
    ['16#ff.', integer(255)],
    ['-36#zZ', integer(-1295)],
    ['1_000', integer(1000)],
    ['$a', integer(97)],
    ['$\\n', integer(10)],
    ['$ ', integer(32)],
    ['1.0e3 .', { t: 'float', v: 1000 }],
    ['ok', atom('ok')],
    ["'a b'", atom('a b')],
    ["'it\\'s'", atom("it's")],
    ['"abc"', charlist('abc')],
    ['"a" "b"', charlist('ab')],
    ['"\\x{65e5}\\101"', list([integer(0x65e5), integer(65)])],
    ['<<"abc">>', text('abc')],
    ['<<"é"/utf8>>', text('é')],
    ['<<"é">>', binary(Uint8Array.of(0xe9))],
    ['<<1,2:4>>', bitstring(Uint8Array.of(1, 0x20), 4)],
    ['{a,{b},[]}', tuple(atom('a'), tuple(atom('b')), nil)],
    ['[a|b]', { t: 'list', e: [atom('a')], tail: atom('b') }],
    [
      '#{a => 1, "k" => []}',
      map([
        [atom('a'), integer(1)],
        [charlist('k'), nil],
      ]),
    ],
    ['fun lists:map/2', { t: 'export', module: 'lists', function: 'map', arity: 2 }],
    ["fun 'Elixir.Enum':'odd name'/0", { t: 'export', module: 'Elixir.Enum', function: 'odd name', arity: 0 }],
    ['{1, % a comment\n 2}', tuple(integer(1), integer(2))],
    ['+5', integer(5)],
  ];
  it.each(cases)('%s', (source, term) => {
    expect(read(source, 'erlang')).toEqual(term);
  });

  it.each([
    ['X', '1:1'],
    ['_', '1:1'],
    ['{a, X}', '1:5'],
    ['f(1)', '1:2'],
    ['37#1', '1:1'],
    ['8#9', '1:1'],
    ['<<"日"/latin1>>', '1:3'],
    ['<<"日">>', '1:3'],
    ['#{a = 1}', '1:5'],
    ['fun() -> ok end', '1:4'],
    ['fun a:b/256', '1:5'],
    ['<0.1.2>', '1:1'],
    ["'open", '1:1'],
    ['"a\\', '1:3'],
    ['a. b', '1:4'],
  ])('%s is an error, with its place', (source, place) => {
    expect(read(source, 'erlang')).toBe(place);
  });
});

describe('identities', () => {
  const home = { node: 'a@localhost', creation: 7 };
  it.each([
    ['<0.1.2>', { t: 'pid', ...home, id: 1, serial: 2 }],
    ['#Port<0.6>', { t: 'port', ...home, id: '6' }],
    ['#Ref<0.1.2.3>', { t: 'ref', ...home, ids: [3, 2, 1] }],
  ] as const)('%s is of the node that is given', (source, term) => {
    expect(parseTerm(source, 'erlang', home)).toEqual({ ok: true, value: term });
  });

  it.each([
    '<1.1.2>',
    '<0.1>',
    '<0.1.2.3>',
    '<0.4294967296.0>',
    '#Ref<0.1.2.3.4.5.6>',
    '#Port<0.1.2>',
    '#Port<0.18446744073709551616>',
    '<0.x.1>',
  ])('%s is an error', (source) => {
    expect(parseTerm(source, 'erlang', home).ok).toBe(false);
  });
});

describe('text that is not trusted', () => {
  it('is read or refused, and never throws', () => {
    const pieces = fc.constantFrom(
      ...[
        '{',
        '}',
        '[',
        ']',
        '%{',
        '#{',
        '<<',
        '>>',
        '"',
        "'",
        '\\',
        ':',
        ',',
        '|',
        '=>',
        '::',
        '&',
        '~c',
        '?',
        '$',
        '#',
        '0x',
        '16#',
      ],
      ...['<0.1.2>', '#PID', 'a:', 'Foo', 'fun', '1', '-', '.', '\n', '\u202e', '\ud800', ' '],
    );
    const source = fc.oneof(
      fc.array(pieces, { maxLength: 30 }).map((parts) => parts.join('')),
      fc.string(),
    );
    fc.assert(
      fc.property(source, (given) => {
        for (const syntax of ['elixir', 'erlang'] as const) {
          const parsed = parseTerm(given, syntax, { node: 'a@b', creation: 1 });
          if (!parsed.ok) expect(parsed.error.line).toBeGreaterThan(0);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('nested too deep or with an integer too long is refused', () => {
    expect(read('['.repeat(100_000), 'erlang')).toBe('1:201');
    expect(read('9'.repeat(100_001), 'elixir')).toBe('1:1');
  });
});
