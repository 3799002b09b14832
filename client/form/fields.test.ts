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
    expect(kindOf(listOf(node))).toEqual({ is: 'many', pick: 'node', options: [], least: 0, most: null });
    expect(kindOf(listOf({ enum: ['a', 'b'] }))).toMatchObject({ is: 'many', pick: null, options: ['a', 'b'] });
    expect(kindOf(listOf({ type: 'object' }))).toEqual({ is: 'json' });
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

describe('parseField of what is written with a unit or one after the other', () => {
  const of = (key: string, property: Json): Field => {
    const [made] = fieldsOf({ type: 'object', properties: { [key]: property } });
    if (made === undefined) throw new Error('no field');
    return made;
  };
  const read = (made: Field, typed: string) => {
    const parsed = parseField(made, typed);
    return parsed.ok ? parsed.value : parsed.problem.is;
  };

  it('reads spans of time as milliseconds, and of nothing else', () => {
    const span = of('forMs', { type: 'integer', minimum: 1, maximum: 3_600_000 });
    const typed = ['250', '250ms', '30s', '1.5 s', '5m', '5 min', '1h', '2h', '5 days', 's', ''];
    expect(typed.map((text) => read(span, text))).toEqual([
      ...[250, 250, 30_000, 1_500, 300_000, 300_000, 3_600_000],
      ...['too_large', 'not_a_span', 'not_a_span', 'empty'],
    ]);
    // In binary fractions 1.001 times 1,000 is not quite 1,001.
    expect(['1.001s', '8.2m', '0.0004s'].map((text) => read(span, text))).toEqual([1_001, 492_000, 'not_an_integer']);
    expect(read(of('limit', { type: 'integer' }), '5m')).toBe('not_a_number');
  });

  it('reads lists as JSON or with commas, within their bounds and choices', () => {
    const names = of('fields', { type: 'array', minItems: 1, maxItems: 2, items: { enum: ['pid', 'memory', 'name'] } });
    const typed = ['pid, memory', '["pid"]', '', 'pid,memory,name', 'pid,other', '{"a":1}', '[1'];
    expect(typed.map((text) => read(names, text))).toEqual([
      ...[['pid', 'memory'], ['pid']],
      ...['too_few', 'too_many', 'not_a_choice', 'not_a_choice', 'not_json'],
    ]);
  });

  it('marks what is secret', () => {
    for (const hint of [{ writeOnly: true }, { format: 'password' }, { 'x-arsenal': { secret: true } }]) {
      expect(of('token', { type: 'string', ...hint }).isSecret).toBe(true);
      expect(of('pin', { type: 'integer', ...hint }).isSecret).toBe(true);
      const inside = {
        type: 'object',
        properties: { login: { anyOf: [{ type: 'string', ...hint }, { type: 'null' }] } },
      };
      expect(of('account', inside).isSecret).toBe(true);
    }
    expect(of('token', { type: 'string' }).isSecret).toBe(false);
  });
});
