import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { closeObjects, plainSchema, publicSchema, unboundedParts } from './schemaRules.ts';

describe('unboundedParts', () => {
  const missing = (schema: object) => unboundedParts(closeObjects(plainSchema(schema)));

  // @row IN-02
  it('finds every string, array and map without a maximum, however deep', () => {
    const schema = Type.Object({
      text: Type.String(),
      list: Type.Array(Type.Array(Type.String({ maxLength: 3 })), { maxItems: 3 }),
      map: Type.Record(Type.String(), Type.Number()),
      either: Type.Union([Type.String(), Type.Null()]),
      anything: Type.Unknown(),
      open: Type.Object({}, { additionalProperties: true }),
    });
    expect(missing(schema)).toEqual([
      { at: '/properties/text', missing: 'maxLength' },
      { at: '/properties/list/items', missing: 'maxItems' },
      { at: '/properties/map', missing: 'maxProperties' },
      { at: '/properties/either/anyOf/0', missing: 'maxLength' },
      { at: '/properties/anything', missing: 'x-maxBytes' },
      { at: '/properties/open', missing: 'maxProperties' },
    ]);
  });

  it('is content with what is bounded', () => {
    const schema = Type.Object({
      text: Type.String({ maxLength: 3 }),
      pattern: Type.String({ pattern: '^[a-z+*]{1,4}\\*$' }),
      list: Type.Array(Type.Boolean(), { maxItems: 3 }),
      map: Type.Record(Type.String(), Type.Number(), { maxProperties: 4 }),
      choice: Type.Union([Type.Literal('x'), Type.Enum(['a', 'b']), Type.Null()]),
      json: Type.Unsafe({ 'x-maxBytes': 100 }),
      number: Type.Number(),
      reference: Type.Unsafe({ $ref: '#/$defs/x' }),
      tuple: Type.Unsafe({ type: 'array', prefixItems: [{ type: 'null' }], maxItems: 1 }),
    });
    expect(missing(schema)).toEqual([]);
  });

  it.each(['[a-z]$', '^[a-z]', '^a+$', '^a*$', '^a{2,}$', '^a|bb$', 7])(
    'does not take the pattern %s for a bound',
    (pattern) => {
      expect(missing({ type: 'string', pattern })).toEqual([{ at: '', missing: 'maxLength' }]);
    },
  );
});

describe('closeObjects', () => {
  it('closes what lists its properties and says nothing else', () => {
    const inner = { type: 'object', properties: { a: { type: 'null' } } };
    expect(closeObjects({ ...inner, properties: { inner } })).toEqual({
      type: 'object',
      properties: { inner: { ...inner, additionalProperties: false } },
      additionalProperties: false,
    });
  });

  it('leaves alone what says what else it takes', () => {
    const open = { type: 'object', properties: {}, additionalProperties: true };
    const patterned = { type: 'object', properties: {}, patternProperties: { '^x': { type: 'null' } } };
    expect(closeObjects(open)).toEqual(open);
    expect(closeObjects(patterned)).toEqual(patterned);
  });
});

describe('publicSchema', () => {
  it('does not require what has a default', () => {
    const schema = plainSchema(Type.Object({ a: Type.Integer({ default: 1 }), b: Type.Integer() }));
    expect(publicSchema(schema)['required']).toEqual(['b']);
  });

  it('leaves a schema without requirements as it is', () => {
    expect(publicSchema({ type: 'string' })).toEqual({ type: 'string' });
    expect(publicSchema({ type: 'object', required: ['a'] })).toEqual({ type: 'object', required: ['a'] });
    expect(publicSchema({ required: ['a'], properties: { a: true } })).toEqual({
      required: ['a'],
      properties: { a: true },
    });
  });
});

describe('plainSchema', () => {
  it('answers an empty schema for what is no object', () => {
    expect(plainSchema([])).toEqual({});
  });
});
