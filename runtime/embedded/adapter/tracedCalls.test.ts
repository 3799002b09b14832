/** Which calls a trace lets through, by conditions on their arguments, and what it is refused for. */
import { describe, expect, it } from 'vitest';
import type { CallCondition, TracedFunction } from '../../model.ts';
import type { Term } from '../../term/term.ts';
import { parseTerm } from '../../term/parse.ts';
import { testCluster, testModule } from '../testKit.ts';
import { codeOf, valueOf } from './adapterKit.ts';
import { callFilter } from './tracedCalls.ts';

const on = { node: 'one@sim', creation: 1 } as const;
const { code } = testCluster(['one@sim'], {
  modules: [
    testModule('plain', { 'f/1': () => 1, 'f/2': () => 1, 'g/0': () => 1 }),
    { name: 'server', behaviours: ['gen_server', 'unknown_behaviour'], functions: {} },
  ],
});
function term(source: string): Term {
  const parsed = parseTerm(source, 'erlang');
  if (!parsed.ok) throw new Error(source);
  return parsed.value;
}
const value = (source: string) => ({ syntax: 'erlang', source }) as const;
const of = (when: readonly CallCondition[]): TracedFunction => ({ module: 'plain', function: 'f', arity: 1, when });
/** Whether a call of `plain:f/1` with this argument is let through. */
function lets(when: readonly CallCondition[], argument: string): boolean {
  const filter = valueOf(callFilter(code, [of(when)], on));
  return filter({ module: 'plain', function: 'f', arity: 1 }, () => [term(argument)]);
}

describe('functions', () => {
  const traced = (one: TracedFunction) => callFilter(code, [one], on);

  it.each<readonly [string, TracedFunction, string | null]>([
    ['one that is there', { module: 'plain', function: 'f', arity: 2 }, null],
    ['one of any arity', { module: 'plain', function: 'f', arity: 'any' }, null],
    ['all of a module', { module: 'plain', function: { every: 'function' }, arity: 'any' }, null],
    ['a callback of its behaviour', { module: 'server', function: 'handle_cast', arity: 2 }, null],
    ['one of another arity', { module: 'plain', function: 'f', arity: 3 }, 'trace.no_function'],
    ['one that is not there', { module: 'plain', function: 'h', arity: 'any' }, 'trace.no_function'],
    ['one of a module that is not loaded', { module: 'absent', function: 'f', arity: 1 }, 'trace.module_not_loaded'],
    ['results', { module: 'plain', function: 'f', arity: 1, shows: ['return'] }, 'runtime.unsupported'],
  ])('%s', (_what, one, refusal) => {
    expect(codeOf(traced(one))).toBe(refusal);
  });

  it('of which any is enough', () => {
    const two: readonly TracedFunction[] = [
      { module: 'plain', function: 'g', arity: 0 },
      { module: 'plain', function: 'f', arity: 2 },
    ];
    const filter = valueOf(callFilter(code, two, on));
    const args = (): readonly Term[] => [];
    expect(filter({ module: 'plain', function: 'g', arity: 0 }, args)).toBe(true);
    expect(filter({ module: 'plain', function: 'f', arity: 1 }, args)).toBe(false);
    expect(filter({ module: 'other', function: 'g', arity: 0 }, args)).toBe(false);
  });
});

describe('conditions', () => {
  it.each<readonly [string, string, readonly ('eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge')[]]>([
    ['1', '2', ['ne', 'lt', 'le']],
    ['2', '2', ['eq', 'le', 'ge']],
    ['3', '2', ['ne', 'gt', 'ge']],
    ['2.0', '2', ['ne', 'le', 'ge']],
    ['{a, [1]}', '{a, [1]}', ['eq', 'le', 'ge']],
    ['atom', '2', ['ne', 'gt', 'ge']],
  ])('compare %s with %s as Erlang does', (argument, than, holding) => {
    const all = ['eq', 'ne', 'lt', 'le', 'gt', 'ge'] as const;
    expect(all.filter((op) => lets([{ arg: 1, op, value: value(than) }], argument))).toEqual(holding);
  });

  const samples = [
    'true',
    'other',
    '<<"text">>',
    '<<1:3>>',
    '7',
    '12345678901234567890',
    '1.5',
    '[]',
    '[1]',
    '"ab"',
    '[1|2]',
    '{}',
    '#{}',
  ];
  it.each<readonly [Extract<CallCondition, { readonly type: unknown }>['type'], readonly string[]]>([
    ['boolean', ['true']],
    ['atom', ['true', 'other']],
    ['binary', ['<<"text">>']],
    ['bitstring', ['<<"text">>', '<<1:3>>']],
    ['function', []],
    ['integer', ['7', '12345678901234567890']],
    ['float', ['1.5']],
    ['number', ['7', '12345678901234567890', '1.5']],
    ['list', ['[]', '[1]', '"ab"', '[1|2]']],
    ['reference', []],
    ['tuple', ['{}']],
    ['map', ['#{}']],
    ['pid', []],
  ])('tell a %s', (type, holding) => {
    expect(samples.filter((sample) => lets([{ arg: 1, type }], sample))).toEqual(holding);
  });

  it('look inside tuples and maps, and hold for nothing where there is nothing', () => {
    const element: CallCondition = { arg: 1, inside: [{ element: 2 }], op: 'eq', value: value('b') };
    expect([lets([element], '{a, b}'), lets([element], '{a}'), lets([element], '[a, b]')]).toEqual([
      true,
      false,
      false,
    ]);
    const key: CallCondition = { arg: 1, inside: [{ key: value('id') }, { element: 1 }], type: 'integer' };
    expect([lets([key], '#{id => {7}}'), lets([key], '#{other => {7}}'), lets([key], '7')]).toEqual([
      true,
      false,
      false,
    ]);
    expect(lets([{ arg: 2, type: 'atom' }], 'a')).toBe(false);
    expect(lets([{ arg: 2, op: 'ne', value: value('a') }], 'a')).toBe(false);
  });

  it('are joined by all, any and not', () => {
    const more: CallCondition = { arg: 1, op: 'gt', value: value('1') };
    const less: CallCondition = { arg: 1, op: 'lt', value: value('3') };
    const within = (argument: string): readonly boolean[] => [
      lets([{ all: [more, less] }], argument),
      lets([{ any: [more, less] }], argument),
      lets([{ not: more }], argument),
      lets([more, less], argument),
    ];
    expect(within('2')).toEqual([true, true, false, true]);
    expect(within('5')).toEqual([false, true, false, false]);
    expect(within('0')).toEqual([false, true, true, false]);
  });

  const deep = (levels: number): CallCondition => (levels === 0 ? { arg: 1, type: 'atom' } : { not: deep(levels - 1) });
  it.each<readonly [string, CallCondition]>([
    ['of no argument', { arg: 0, type: 'atom' }],
    ['of half an argument', { arg: 1.5, type: 'atom' }],
    ['of more arguments than there can be', { arg: 256, type: 'atom' }],
    ['joined too deeply', deep(40)],
    ['inside too deeply', { arg: 1, inside: Array.from({ length: 40 }, () => ({ element: 1 })), type: 'atom' }],
    ['on a value that is none', { arg: 1, op: 'eq', value: value('{') }],
    ['on a key that is none', { arg: 1, inside: [{ key: value('{') }], type: 'atom' }],
    ['with a bad one among all', { all: [{ arg: 0, type: 'atom' }] }],
    ['with a bad one within not', { not: { arg: 1, op: 'eq', value: value('{') } }],
  ])('%s are refused', (_what, condition) => {
    const refused = callFilter(code, [of([condition])], on);
    expect(refused.ok ? null : refused.error.class).toBe('validation');
  });
});
