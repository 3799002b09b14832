import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../runtime/model.ts';
import { plainSchema } from './schemaRules.ts';
import type { JsonSchema } from '../protocol/operation.ts';
import { redacted, withoutSecrets } from './secrets.ts';

const pin = Type.String({ format: 'password' });
const plain = Type.String();
const left = (schema: Parameters<typeof plainSchema>[0], value: Json) => open(value, plainSchema(schema));
/** Where no other operation is called. */
const open = (value: Json, schema: JsonSchema) => withoutSecrets(value, schema, () => null);

describe('what a schema says is secret', () => {
  it.each([
    ['by its format', pin],
    ['because it is only written', Type.String({ writeOnly: true })],
    ['for us', Type.String({ 'x-arsenal': { secret: true } })],
    ['or null', Type.Union([pin, Type.Null()])],
    ['in one of several ways', Type.Union([plain, Type.Union([Type.Integer(), pin])])],
    ['beside what else is said', Type.Intersect([plain, pin])],
  ])('is left out: %s', (_how, code) => {
    expect(left(Type.Object({ code, x: plain }), { code: '1234', x: 'y' })).toEqual({ code: redacted, x: 'y' });
  });

  it('is left out wherever it stands: in lists, in pairs, under any name', () => {
    expect(left(Type.Array(Type.Object({ pin })), [{ pin: '1', x: 2 }, 3])).toEqual([{ pin: redacted, x: 2 }, 3]);
    expect(left(Type.Tuple([plain, pin]), ['a', 'b', 'c'])).toEqual(['a', redacted, 'c']);
    expect(left(Type.Record(plain, pin), { a: '1', toString: '2' })).toEqual({ a: redacted, toString: redacted });
    expect(left(Type.Object({}, { additionalProperties: pin }), { a: '1' })).toEqual({ a: redacted });
    const either = Type.Union([Type.Object({ by: plain }), Type.Object({ by: plain, pin })]);
    expect(left(either, { by: 'a', pin: '1' })).toEqual({ by: 'a', pin: redacted });
    expect(open('x', { writeOnly: true })).toBe(redacted);
  });

  it('is left out when that depends on the rest of the value', () => {
    const secret = { properties: { pin: { writeOnly: true } } };
    const value = { kind: 'card', pin: '1' };
    const kept = { kind: 'card', pin: redacted };
    for (const schema of [
      { if: { properties: { kind: { const: 'card' } } }, then: secret },
      { if: { properties: { kind: { const: 'none' } } }, else: secret },
      { if: secret },
      { dependentSchemas: { kind: secret } },
    ]) {
      expect(open(value, schema), JSON.stringify(schema)).toEqual(kept);
    }
    expect(open({ pin: '1' }, { unevaluatedProperties: { writeOnly: true } })).toEqual({ pin: redacted });
    expect(open(['1'], { contains: { writeOnly: true } })).toEqual([redacted]);
    expect(open(['1'], { unevaluatedItems: { writeOnly: true } })).toEqual([redacted]);
  });

  it('is left out with all that stands elsewhere in a schema that says so of anything', () => {
    const schema = { type: 'object', properties: { a: { $ref: '#/$defs/a' } }, $defs: { a: { writeOnly: true } } };
    expect(open({ a: '1', b: '2' }, schema)).toEqual({ a: redacted, b: '2' });
  });

  it('is said of a call by the operation that it names', () => {
    const secret = { properties: { pin: { writeOnly: true } } };
    const called: string[] = [];
    const schemasOf = (operation: string) => {
      called.push(operation);
      return operation === 'log_in' ? { params: secret, result: secret } : null;
    };
    const schema = { items: { properties: { id: {} }, 'x-arsenal': { callOf: 'operation' } } };
    const [part, left] = [
      { pin: '1', x: 2 },
      { pin: redacted, x: 2 },
    ];
    const plan = { summary: 's', steps: part };
    const calls = [
      { operation: 'log_in', params: part, result: part, plan, id: part },
      { operation: 'else', params: part },
      { operation: 7, params: part },
      { params: part },
    ];
    expect(withoutSecrets(calls, schema, schemasOf)).toEqual([
      { operation: 'log_in', params: left, result: left, plan: { summary: 's', steps: left }, id: part },
      { operation: 'else', params: redacted },
      ...calls.slice(2),
    ]);
    expect(called).toEqual(['log_in', 'else']);
    const none = { 'x-arsenal': { callOf: 7 } };
    expect(withoutSecrets(calls[0]!, none, schemasOf)).toEqual(calls[0]);
  });

  it('is nothing, and the value is the same one, where nothing is marked', () => {
    const schema = plainSchema(
      Type.Object({ x: Type.Optional(plain), hint: Type.String({ 'x-arsenal': { pick: 'node' } }) }),
    );
    const value = { x: 'y' };
    expect(open(value, schema)).toBe(value);
    expect(open(value, schema)).toBe(value);
  });
});
