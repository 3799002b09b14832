import { describe, expect, it } from 'vitest';
import type { Json } from '../../runtime/model.ts';
import { fieldsOf, parseField } from './fields.ts';
import type { Field } from './fields.ts';

const schema = {
  type: 'object',
  required: ['pid', 'limit'],
  properties: {
    reason: { type: 'string', default: 'kill', maxLength: 5 },
    pid: {
      type: 'string',
      minLength: 1,
      maxLength: 10,
      description: 'Which process',
      'x-arsenal': { pick: 'process' },
    },
    limit: { type: 'integer', minimum: 1, maximum: 9 },
    deep: { type: 'boolean' },
    order: { anyOf: [{ const: 'asc' }, { const: 'desc' }] },
    mode: { enum: ['a', 1, null] },
    args: { type: 'array', items: {} },
    code: { type: 'string', pattern: '^[a-z]+$' },
    odd: { type: 'string', pattern: '(' },
    share: { type: 'number' },
  },
};

function field(key: string): Field {
  const found = fieldsOf(schema).find((one) => one.key === key);
  if (found === undefined) throw new Error(`no field ${key}`);
  return found;
}

describe('fieldsOf', () => {
  it('puts what is required first and keeps the order of the schema', () => {
    expect(fieldsOf(schema).map((one) => one.key)).toEqual([
      'pid',
      'limit',
      'reason',
      'deep',
      'order',
      'mode',
      'args',
      'code',
      'odd',
      'share',
    ]);
  });

  it('knows what can be picked, chosen, and falls back', () => {
    expect(field('pid')).toMatchObject({
      required: true,
      description: 'Which process',
      kind: { is: 'text', pick: 'process' },
    });
    expect(field('order').kind).toEqual({ is: 'choice', options: ['asc', 'desc'] });
    expect(field('mode').kind).toEqual({ is: 'choice', options: ['a', 1, null] });
    expect(field('reason').fallback).toBe('kill');
    expect(field('args').kind).toEqual({ is: 'json' });
  });

  it('knows lists of lists of what can be picked, which are made by choosing one side', () => {
    const kindOf = (property: Json) => fieldsOf({ type: 'object', properties: { property } })[0]?.kind;
    const node = { type: 'string', 'x-arsenal': { pick: 'node' } };
    const listOf = (items: Json) => ({ type: 'array', items });
    expect(kindOf(listOf(listOf(node)))).toEqual({ is: 'sides', pick: 'node' });
    expect(kindOf(listOf(node))).toEqual({ is: 'json' });
    expect(kindOf(listOf(listOf({ type: 'string' })))).toEqual({ is: 'json' });
  });

  it('makes no field of a schema without properties', () => {
    expect(fieldsOf({ type: 'object' })).toEqual([]);
    expect(fieldsOf({ properties: { x: 3 } })).toEqual([]);
  });
});

describe('parseField', () => {
  it.each([
    ['pid', 'x', 'x'],
    ['limit', ' 3 ', 3],
    ['deep', 'true', true],
    ['deep', 'false', false],
    ['order', 'desc', 'desc'],
    ['mode', '1', 1],
    ['mode', 'null', null],
    ['args', '[1,{"a":null}]', [1, { a: null }]],
    ['share', '-0.5', -0.5],
    [
      'odd',
      'a pattern the engine cannot read is left to the server',
      'a pattern the engine cannot read is left to the server',
    ],
  ])('reads %s from %j', (key, typed, value) => {
    expect(parseField(field(key), typed)).toEqual({ ok: true, value });
  });

  it.each([
    ['pid', '', { is: 'empty' }],
    ['pid', '12345678901', { is: 'too_long', limit: 10 }],
    ['limit', '', { is: 'empty' }],
    ['limit', 'x', { is: 'not_a_number' }],
    ['limit', '1e999', { is: 'not_a_number' }],
    ['limit', '1.5', { is: 'not_an_integer' }],
    ['limit', '0', { is: 'too_small', limit: 1 }],
    ['limit', '10', { is: 'too_large', limit: 9 }],
    ['deep', 'yes', { is: 'not_a_choice' }],
    ['order', 'up', { is: 'not_a_choice' }],
    ['args', '', { is: 'empty' }],
    ['args', '[', { is: 'not_json' }],
    ['code', 'A', { is: 'pattern' }],
  ])('says what is wrong with %s as %j', (key, typed, problem) => {
    expect(parseField(field(key), typed)).toEqual({ ok: false, problem });
  });

  it('counts characters, not code units', () => {
    expect(parseField(field('reason'), '😀😀😀😀😀')).toEqual({ ok: true, value: '😀😀😀😀😀' });
  });
});
