import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../runtime/model.ts';
import { closeObjects, plainSchema } from './schemaRules.ts';
import { errorOf, textWith, valueOf } from './testKit.ts';
import type { CompiledSchema } from './validate.ts';
import { compileSchema, compileWhenUsed, invalidParams } from './validate.ts';

function compiled(schema: object): CompiledSchema {
  return valueOf(compileSchema(closeObjects(plainSchema(schema))));
}

function problems(schema: object, value: Json) {
  const checked = compiled(schema).check(value);
  return 'problems' in checked ? checked.problems : [];
}

const schema = Type.Object({
  limit: Type.Integer({ minimum: 1, maximum: 9, default: 3 }),
  name: Type.String({ maxLength: 3, description: 'A short name.' }),
  kind: Type.Optional(Type.Enum(['a', 'b'])),
  only: Type.Optional(Type.Literal('x')),
  either: Type.Optional(
    Type.Union([Type.Integer(), Type.Object({ deep: Type.Integer() })], { description: 'A number, or deep.' }),
  ),
  any: Type.Optional(Type.Unsafe<Json>({ 'x-maxBytes': 10 })),
  when: Type.Optional(Type.String({ format: 'date-time', maxLength: 40 })),
});

describe('compileSchema', () => {
  // @row VD-02
  it('fills in defaults, in a copy', () => {
    const given = { name: 'x' };
    expect(compiled(schema).check(given)).toEqual({ value: { name: 'x', limit: 3 } });
    expect(given).toEqual({ name: 'x' });
  });

  // @row VD-02
  it('says everything that is wrong at once, each with its pointer', () => {
    const wrong = {
      limit: 'three',
      kind: 'c',
      only: 'y',
      either: { deep: 'x' },
      any: 'x'.repeat(20),
      'a/b': 1,
      when: 'now',
    };
    expect(problems(schema, wrong)).toEqual([
      { pointer: '/name', message: 'is missing.' },
      { pointer: '/a~1b', message: 'is not a parameter.' },
      { pointer: '/limit', message: 'must be integer.' },
      { pointer: '/kind', message: 'must be one of ["a","b"].' },
      { pointer: '/only', message: 'must be "x".' },
      { pointer: '/either', message: 'has none of the forms it may have (A number, or deep).' },
      { pointer: '/any', message: 'must NOT be larger than 10 bytes of JSON.' },
      { pointer: '/when', message: 'must match format "date-time".' },
    ]);
  });

  it('says one thing about one place, with the description of what was wanted there', () => {
    expect(problems(schema, { name: 'long' })).toEqual([
      { pointer: '/name', message: 'must NOT have more than 3 characters (A short name).' },
    ]);
  });

  it('says the first thing where several are wrong with one value', () => {
    expect(problems({ type: 'string', maxLength: 1, pattern: '^a' }, 'xyz')).toEqual([
      { pointer: '', message: 'must NOT have more than 1 characters.' },
    ]);
  });

  it('stops counting at fifty', () => {
    const many = Object.fromEntries(Array.from({ length: 200 }, (_value, index) => [`p${index}`, 1]));
    expect(problems(schema, many)).toHaveLength(50);
  });

  it('understands oneOf, and schemas that are false', () => {
    expect(problems({ oneOf: [{ type: 'integer' }, { type: 'null' }] }, 'x')[0]?.message).toBe(
      'has none of the forms it may have.',
    );
    expect(problems({ properties: { a: false } }, { a: 1 })).toEqual([
      { pointer: '/a', message: 'boolean schema is false.' },
    ]);
  });

  it('reads text as the schema says, only when it is text', () => {
    const typed = compiled(schema);
    expect(typed.check({ name: 'x', limit: '7' }, 'text')).toEqual({ value: { name: 'x', limit: 7 } });
    expect(typed.check({ name: 'x', limit: '8' }, 'text')).toEqual({ value: { name: 'x', limit: 8 } });
    expect(typed.check({ name: 'x', limit: '7' })).toHaveProperty('problems');
    const plain = compiled({ type: 'boolean' });
    expect(plain.check('true', 'text')).toEqual({ value: 'true' });
  });

  it('never changes what it was given, wherever it fills in', () => {
    const part = { type: 'object', properties: { n: { type: 'integer', default: 1 } } };
    const deep = { type: 'object', properties: { list: { type: 'array', items: part }, name: { default: 'x' } } };
    const given = { list: [{}, { n: 2 }] };
    expect(compiled(deep).check(given)).toEqual({ value: { list: [{ n: 1 }, { n: 2 }], name: 'x' } });
    expect(given).toEqual({ list: [{}, { n: 2 }] });
    const outermost = { type: ['object', 'array', 'null'], properties: { n: { default: 1 } } };
    const flat = {};
    expect(compiled(outermost).check(flat)).toEqual({ value: { n: 1 } });
    expect(flat).toEqual({});
    expect([compiled(outermost).check([1]), compiled(outermost).check(null)]).toEqual([
      { value: [1] },
      { value: null },
    ]);
    // An object that is all of the schema has its defaults too, and without any the value itself will do.
    expect(compiled({ ...outermost, properties: { n: true }, default: {} }).check({ n: null })).toEqual({
      value: { n: null },
    });
  });

  it('refuses a schema that is none', () => {
    const error = errorOf(compileSchema({ type: 'nonsense' }));
    expect(error).toMatchObject({ class: 'validation', code: 'schema.invalid' });
    expect(errorOf(compileSchema({ $ref: '#/$defs/none' })).code).toBe('schema.invalid');
  });
});

describe('compileWhenUsed', () => {
  it('checks as the schema says, and lets nothing through a schema that is none', () => {
    expect(compileWhenUsed({ type: 'null' }).check(null)).toEqual({ value: null });
    const [problem] = Object.values(compileWhenUsed({ type: 'nonsense' }).check(null)).flat();
    expect(problem).toMatchObject({ pointer: '', message: textWith('not a JSON Schema') });
  });
});

describe('invalidParams', () => {
  it('points at the first problem and holds them all, each cut to a readable length', () => {
    const error = errorOf(
      invalidParams([
        { pointer: `/${'x'.repeat(1000)}`, message: 'is missing.' },
        { pointer: '', message: 'must be an object.' },
      ]),
    );
    expect(error).toMatchObject({ class: 'validation', code: 'params.invalid', effect: 'none' });
    expect(error.pointer).toHaveLength(500);
    expect(error.details?.['problems']).toHaveLength(2);
    expect(error.message).toContain('The parameters must be an object.');
  });

  it('can be told of nothing', () => {
    expect(errorOf(invalidParams([])).pointer).toBeUndefined();
  });
});
