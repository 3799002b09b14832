import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { binary, bitstring, isWellFormed } from './binary.ts';
import { map } from './order.ts';
import { parseTerm } from './parse.ts';
import type { Syntax } from './print.ts';
import { printTerm } from './print.ts';
import type { Term } from './term.ts';
import { atom, charlist, integer, list, nil, termKey, text, tuple } from './term.ts';
import { funTerm, termArbitrary } from './termArbitrary.ts';

const home = { node: 'a@localhost', creation: 7 };

function both(term: Term): readonly [string, string] {
  return [printTerm(term, { syntax: 'elixir' }), printTerm(term, { syntax: 'erlang' })];
}

describe('terms as iex and ~tp show them', () => {
  const cases: readonly (readonly [Term, string, string])[] = [
    [atom('ok'), ':ok', 'ok'],
    [atom('true'), 'true', 'true'],
    [atom('nil'), 'nil', 'nil'],
    [atom(''), ':""', "''"],
    [atom('Foo'), ':Foo', "'Foo'"],
    [atom('Elixir.Foo.Bar'), 'Foo.Bar', "'Elixir.Foo.Bar'"],
    [atom('Elixir'), ':Elixir', "'Elixir'"],
    [atom('begin'), ':begin', "'begin'"],
    [atom('a b'), ':"a b"', "'a b'"],
    [atom("it's"), `:"it's"`, "'it\\'s'"],
    [atom('say "hi"'), ':"say \\"hi\\""', `'say "hi"'`],
    [atom('empty?'), ':empty?', "'empty?'"],
    [atom('app@host'), ':app@host', 'app@host'],
    [atom('+'), ':+', "'+'"],
    [integer(-5), '-5', '-5'],
    [integer(2n ** 70n), '1180591620717411303424', '1180591620717411303424'],
    [{ t: 'float', v: 1 }, '1.0', '1.0'],
    [{ t: 'float', v: '-0' }, '-0.0', '-0.0'],
    [{ t: 'float', v: 1e22 }, '1.0e22', '1.0e22'],
    [{ t: 'float', v: 1.5e-9 }, '1.5e-9', '1.5e-9'],
    [text('hej'), '"hej"', '<<"hej">>'],
    [text('hé'), '"hé"', '<<"hé"/utf8>>'],
    [text(''), '""', '<<>>'],
    [text('a"\\\n\u001b'), '"a\\"\\\\\\n\\e"', '<<"a\\"\\\\\\n\\e">>'],
    [text('#{x}'), '"\\#{x}"', '<<"#{x}">>'],
    [text('\u0000\u0001'), '<<0, 1>>', '<<0,1>>'],
    [binary(Uint8Array.of(255, 1)), '<<255, 1>>', '<<255,1>>'],
    [bitstring(Uint8Array.of(1, 0xe0), 3), '<<1, 7::size(3)>>', '<<1,7:3>>'],
    [charlist('abc'), '~c"abc"', '"abc"'],
    [charlist('\u0000'), '[0]', '[0]'],
    [nil, '[]', '[]'],
    [list([integer(1000), atom('x')]), '[1000, :x]', '[1000,x]'],
    [{ t: 'list', e: [atom('x')], tail: atom('y') }, '[:x | :y]', '[x|y]'],
    [list([tuple(atom('a'), nil), tuple(atom('b c'), nil)]), '[a: [], "b c": []]', "[{a,[]},{'b c',[]}]"],
    [list([tuple(atom('Elixir.A'), nil)]), '[{A, []}]', "[{'Elixir.A',[]}]"],
    [tuple(), '{}', '{}'],
    [tuple(atom('a'), integer(1)), '{:a, 1}', '{a,1}'],
    [map([]), '%{}', '#{}'],
    [map([[atom('a'), integer(1)]]), '%{a: 1}', '#{a => 1}'],
    [map([[integer(1), atom('a')]]), '%{1 => :a}', '#{1 => a}'],
    [
      map([
        [atom('__struct__'), atom('Elixir.Foo')],
        [atom('id'), integer(1)],
      ]),
      '%Foo{id: 1}',
      "#{'__struct__' => 'Elixir.Foo',id => 1}",
    ],
    [{ t: 'pid', ...home, id: 1, serial: 2 }, '#PID<0.1.2>', '<0.1.2>'],
    [{ t: 'port', ...home, id: '6' }, '#Port<0.6>', '#Port<0.6>'],
    [{ t: 'ref', ...home, ids: [1, 2, 3] }, '#Reference<0.3.2.1>', '#Ref<0.3.2.1>'],
    [{ t: 'export', module: 'lists', function: 'map', arity: 2 }, '&:lists.map/2', 'fun lists:map/2'],
    [{ t: 'export', module: 'Elixir.Enum', function: 'map', arity: 2 }, '&Enum.map/2', "fun 'Elixir.Enum':map/2"],
    [funTerm('x', 'mod', [], [1, 2, 3, 4]), '#Function<3.4/1 in :mod>', '#Fun<mod.3.4>'],
    [{ t: 'elided', was: 'list', size: 9 }, '#Elided<list 9>', '#Elided<list 9>'],
  ];
  it.each(cases)('%j', (term, elixir, erlang) => {
    expect(both(term)).toEqual([elixir, erlang]);
  });

  // @row IV-20
  it('what is invisible or turns the direction of writing is escaped, in every place a node can put it', () => {
    const hostile = '\u202eexe.txt\u2066\u200b\u2028\ufeff\u{e0041}';
    for (const syntax of ['elixir', 'erlang'] as const) {
      for (const term of [
        atom(hostile),
        text(hostile),
        tuple(atom('a'), map([[atom(hostile), text(hostile)]])),
        list([tuple(atom(hostile), nil)]),
        { t: 'export', module: hostile, function: hostile, arity: 0 },
        { ...funTerm('x', 'm', [], [0, 0, 0, 0]), module: hostile, label: hostile },
      ] satisfies readonly Term[]) {
        expect(printTerm(term, { syntax })).toMatch(/^[\u0020-\u007e]*$/);
      }
    }
  });

  it('never longer than asked, cut where characters end, and quick on what is huge', () => {
    fc.assert(
      fc.property(termArbitrary({ scope: 'x' }), fc.integer({ min: 1, max: 60 }), (term, maxLength) => {
        for (const syntax of ['elixir', 'erlang'] as const) {
          const printed = printTerm(term, { syntax, maxLength });
          expect(printed.length).toBeLessThanOrEqual(maxLength);
          expect(isWellFormed(printed)).toBe(true);
        }
      }),
    );
    const huge = list(Array.from({ length: 100_000 }, () => text('𝄞'.repeat(100))));
    const started = performance.now();
    expect(printTerm(huge, { syntax: 'elixir', maxLength: 50 })).toHaveLength(49);
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it('shows no deeper than asked', () => {
    const deep = tuple(tuple(list([integer(500), tuple()])));
    expect(printTerm(deep, { syntax: 'elixir', maxDepth: 2 })).toBe('{{[...]}}');
    expect(printTerm(map([[atom('a'), tuple(nil)]]), { syntax: 'erlang', maxDepth: 1 })).toBe('#{a => {...}}');
    expect(printTerm(nil, { syntax: 'erlang', maxDepth: 0 })).toBe('[]');
  });
});

describe('printed terms read back', () => {
  it.each(['elixir', 'erlang'] as const)('as the same term in %s', (syntax: Syntax) => {
    fc.assert(
      fc.property(termArbitrary({ identities: 'none' }), (term) => {
        const printed = printTerm(term, { syntax, maxLength: 1_000_000 });
        const parsed = parseTerm(printed, syntax);
        if (!parsed.ok) throw new Error(`${printed}: ${parsed.error.message}`);
        expect(termKey(parsed.value)).toBe(termKey(term));
      }),
      { numRuns: 1500 },
    );
  });

  it('with pids, ports and references of the node that is given', () => {
    const identities = list([
      { t: 'pid', ...home, id: 1, serial: 2 },
      { t: 'port', ...home, id: '18446744073709551615' },
      { t: 'ref', ...home, ids: [1, 2, 3] },
    ]);
    for (const syntax of ['elixir', 'erlang'] as const) {
      const parsed = parseTerm(printTerm(identities, { syntax }), syntax, home);
      expect(parsed).toEqual({ ok: true, value: identities });
    }
  });
});
