import { describe, expect, it } from 'vitest';
import type { JsonSchema } from '../protocol/operation.ts';
import { paramsFromText, valueOfText } from './textParams.ts';

const schema: JsonSchema = {
  type: 'object',
  properties: {
    pid: { type: 'string' },
    limit: { type: 'integer' },
    deep: { type: 'boolean' },
    fields: { type: 'array', items: { type: 'string' } },
    depth: { anyOf: [{ type: 'integer' }, { const: 'all' }] },
    filter: { type: 'object', properties: { status: { type: 'string' }, minimum: { type: 'number' } } },
    args: {},
    node: { anyOf: [{ type: 'string' }, { type: 'null' }] },
  },
};

describe('parameters from text', () => {
  it('gives each text the type its schema says', () => {
    expect(
      paramsFromText(schema, [
        ['pid', '0.1.0'],
        ['limit', '5'],
        ['deep', 'true'],
        ['fields', 'pid,memory'],
        ['depth', 'all'],
        ['filter.status', 'running'],
        ['filter.minimum', '-1.5e3'],
        ['args', '[1,{"$term":"{:a, 1}"}]'],
        ['node', 'null'],
      ]),
    ).toEqual({
      ok: true,
      params: {
        pid: '0.1.0',
        limit: 5,
        deep: true,
        fields: ['pid', 'memory'],
        depth: 'all',
        filter: { status: 'running', minimum: -1500 },
        args: [1, { $term: '{:a, 1}' }],
        node: null,
      },
    });
  });

  it('makes no number that nobody wrote: the validator says what is wrong with the text', () => {
    for (const text of ['1e999', '-1e999', '9007199254740993', '0x10', ' 1', '1.', 'NaN']) {
      expect(valueOfText({ type: 'number' }, text)).toBe(text);
      expect(valueOfText({ type: 'integer' }, text)).toBe(text);
    }
    for (const text of ['[1e999]', '{"a":1e999}', `[${'9'.repeat(400)}]`]) expect(valueOfText({}, text)).toBe(text);
    expect(valueOfText({ type: 'number' }, '1e300')).toBe(1e300);
    expect(valueOfText({}, '[1e300]')).toEqual([1e300]);
  });

  it('takes a repeated name as a list where one is allowed, and refuses it elsewhere', () => {
    expect(
      paramsFromText(schema, [
        ['fields', 'a'],
        ['fields', 'b'],
      ]),
    ).toEqual({ ok: true, params: { fields: ['a', 'b'] } });
    expect(
      paramsFromText(schema, [
        ['pid', 'a'],
        ['pid', 'b'],
      ]),
    ).toEqual({ ok: false, name: 'pid', why: 'repeated' });
  });

  it.each(['unknown', '__proto__', 'constructor', 'filter.unknown', 'pid.x', ''])(
    'refuses the unknown name %j',
    (name) => {
      expect(paramsFromText(schema, [[name, 'x']])).toEqual({ ok: false, name, why: 'unknown' });
    },
  );

  it.each(['0x10', '1e', ' 5', '5 ', '', 'NaN', 'Infinity', '٣'])(
    'leaves %j, which is no JSON number, a text',
    (text) => {
      expect(valueOfText({ type: 'number' }, text)).toBe(text);
    },
  );

  it('reads lists and maps from JSON, and leaves what is no JSON a text', () => {
    expect(valueOfText({ type: 'array', items: { type: 'integer' } }, '[1,"x"]')).toEqual([1, 'x']);
    expect(valueOfText({ type: 'array', items: { type: 'integer' } }, '1,x')).toEqual([1, 'x']);
    expect(valueOfText({ type: 'object' }, '{"a":1}')).toEqual({ a: 1 });
    expect(valueOfText({ type: 'object' }, '{a:1}')).toBe('{a:1}');
    expect(valueOfText({ enum: ['read', 1, null] }, '1')).toBe(1);
    expect(valueOfText({ type: ['integer', 'null'] }, 'null')).toBeNull();
  });
});
