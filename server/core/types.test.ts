/** The types of Erlang and Elixir as JSON Schema: what each takes, and what a mistake is told as. */
import { describe, expect, it } from 'vitest';
import type { Json } from '../../runtime/model.ts';
import { checkOperation } from './registration.ts';
import { plainSchema } from './schemaRules.ts';
import { looking, valueOf } from './testKit.ts';
import { Type } from './types.ts';
import { compileSchema } from './validate.ts';

function fits(schema: object, value: Json): boolean {
  return 'value' in valueOf(compileSchema(plainSchema(schema))).check(value);
}

// @row VD-01
// @row IN-02
describe('a type of parameters', () => {
  it.each([
    ['string', Type.String({ maxLength: 5 }), ['', 'abc'], ['abcdef', 5, null]],
    ['integer', Type.Integer(), [0, -7, 2.0], [1.5, '1', null]],
    ['float', Type.Float({ minimum: 0 }), [0, 1.5], [-1, '1.5', null]],
    ['boolean', Type.Boolean(), [true, false], ['true', 0, null]],
    [
      'atom',
      Type.Atom(),
      ['ok', 'Elixir.Shop.Cart', 'with space', 'é'.repeat(255)],
      ['', 'x'.repeat(256), '\ud800', 5],
    ],
    ['map', Type.Map(Type.Integer()), [{}, { a: 1 }], [{ a: 'x' }, [1], null]],
    ['list', Type.List(Type.Boolean(), { maxItems: 2 }), [[], [true, false]], [[1], [true, true, true], {}]],
    [
      'pid',
      Type.Pid(),
      [
        '<0.1.0>',
        '#PID<0.123.0>',
        '0.1.0',
        'app@host~0.123.0~6a1f03c2',
        'Elixir.Shop.Cart',
        'init',
        '{global, leader}',
        '{via, Registry, {names, "a"}}',
      ],
      ['', '<0.1>', '#PID<x>', '#Port<0.1>', '{local, x}', '{via, x}', 'a@h~0.1.0', 'a@h~0.1.0~XY', 'x'.repeat(300), 7],
    ],
  ])('%s', (_name, schema, good, bad) => {
    expect(good.filter((value) => !fits(schema, value))).toEqual([]);
    expect(bad.filter((value) => fits(schema, value))).toEqual([]);
  });

  it('states its bounds, so that an operation can be registered with it', () => {
    const params = Type.Object({
      pid: Type.Pid({ description: 'Whom to ask.' }),
      name: Type.Optional(Type.Atom()),
      share: Type.Float({ minimum: 0, maximum: 1 }),
      labels: Type.Map(Type.Atom()),
      nodes: Type.List(Type.Atom()),
    });
    expect(
      valueOf(checkOperation(looking({ params }))).params.check({ pid: '<0>', share: 2, labels: { a: '' }, nodes: 5 }),
    ).toEqual({
      problems: [
        { pointer: '/pid', message: 'must match format "erlang-pid" (Whom to ask).' },
        { pointer: '/share', message: 'must be <= 1.' },
        { pointer: '/labels/a', message: 'must NOT have fewer than 1 characters.' },
        { pointer: '/nodes', message: 'must be array.' },
      ],
    });
  });

  it('is read from text only where text comes in', () => {
    const schema = Type.Object({ limit: Type.Integer(), deep: Type.Boolean(), share: Type.Float() });
    const compiled = valueOf(compileSchema(plainSchema(schema)));
    const text = { limit: '5', deep: 'true', share: '0.5' };
    expect(compiled.check(text, 'text')).toEqual({ value: { limit: 5, deep: true, share: 0.5 } });
    expect(compiled.check(text)).toMatchObject({
      problems: [{ pointer: '/limit' }, { pointer: '/deep' }, { pointer: '/share' }],
    });
  });
});
