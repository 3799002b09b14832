import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { ok } from '../../runtime/model.ts';
import { plainSchema } from './schemaRules.ts';
import { redacted, withoutSecrets } from './secrets.ts';
import { bench, changing, plan, valueOf } from './testKit.ts';

const pin = Type.String({ format: 'password' });
const plain = Type.String();
const left = (schema: Parameters<typeof plainSchema>[0], value: Parameters<typeof withoutSecrets>[0]) =>
  withoutSecrets(value, plainSchema(schema));

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
    expect(withoutSecrets('x', { writeOnly: true })).toBe(redacted);
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
      expect(withoutSecrets(value, schema), JSON.stringify(schema)).toEqual(kept);
    }
    expect(withoutSecrets({ pin: '1' }, { unevaluatedProperties: { writeOnly: true } })).toEqual({ pin: redacted });
    expect(withoutSecrets(['1'], { contains: { writeOnly: true } })).toEqual([redacted]);
    expect(withoutSecrets(['1'], { unevaluatedItems: { writeOnly: true } })).toEqual([redacted]);
  });

  it('is left out with all that stands elsewhere in a schema that says so of anything', () => {
    const schema = { type: 'object', properties: { a: { $ref: '#/$defs/a' } }, $defs: { a: { writeOnly: true } } };
    expect(withoutSecrets({ a: '1', b: '2' }, schema)).toEqual({ a: redacted, b: '2' });
  });

  it('is nothing, and the value is the same one, where nothing is marked', () => {
    const schema = plainSchema(
      Type.Object({ x: Type.Optional(plain), hint: Type.String({ 'x-arsenal': { pick: 'node' } }) }),
    );
    const value = { x: 'y' };
    expect(withoutSecrets(value, schema)).toBe(value);
    expect(withoutSecrets(value, schema)).toBe(value);
  });
});

describe('the intent of a call', () => {
  const params = Type.Object({
    node: Type.String({ maxLength: 20 }),
    code: Type.String({ maxLength: 9, format: 'password' }),
  });
  const asked = { node: 'a@h', code: '1234' };

  it('is written down without what its schema calls secret, which the operation gets all the same', async () => {
    const planned: unknown[] = [];
    const operation = changing({ params, plan: (_context, got) => (planned.push(got), Promise.resolve(ok(plan))) });
    const { run, intents } = bench({ operations: [operation] });
    valueOf(await run({ operation: 'touch_node', params: asked }));
    expect(intents).toMatchObject([{ params: { node: 'a@h', code: redacted } }]);
    expect(planned).toEqual([asked]);
  });

  it('has no parameters where all of them are', async () => {
    const { run, intents } = bench({
      operations: [changing({ params: Type.Object({ ...params.properties }, { writeOnly: true }) })],
    });
    valueOf(await run({ operation: 'touch_node', params: asked }));
    expect(intents).toMatchObject([{ params: {} }]);
    expect(JSON.stringify(intents)).not.toContain('1234');
  });
});
