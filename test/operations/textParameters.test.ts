/**
 * Parameters that come as text, from query strings and `key=value` words: whatever they say, what is made of them is accepted by the schema,
 * or a `validation` error; never an exception, and nothing has been asked of the target.
 * `ARSENAL_BAD_PARAMETERS` says how many for each operation; 300 when it does not.
 */
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { Json } from '../../runtime/model.ts';
import { methodNames } from '../../runtime/port.ts';
import { fakeShop, houseOn } from '../../server/backend/testKit.ts';
import { isJsonObject } from '../../server/core/plainData.ts';
import { paramsFromText } from '../../server/gateway/textParams.ts';

const runs = Number(process.env['ARSENAL_BAD_PARAMETERS'] ?? 300);
const runtime = fakeShop();
const house = await houseOn(runtime, { rateLimits: { burst: 1e9, perSecond: 1e9 } });
const entries = house.backend.registered();
afterAll(() => house.close());

const calls = () => methodNames().reduce((sum, method) => sum + runtime.calls(method), 0);

const hostileNames = [
  '__proto__',
  'constructor',
  'toString',
  'filter.__proto__',
  'filter.constructor.x',
  '',
  '.',
  'a.b.c.d',
];
const hostileTexts = [
  ...[
    '1e999',
    '-1e999',
    '1e-999',
    '-0',
    '0x10',
    '1_000',
    '1.',
    '.5',
    ' 1',
    '９',
    'NaN',
    'Infinity',
    '9007199254740993',
  ],
  ...[
    'TRUE',
    'yes',
    'nil',
    'undefined',
    'null',
    '[',
    '[1,2',
    '[[[[[[]]]]]]',
    '{',
    '{"__proto__":{"x":1}}',
    '{"a":1}{',
    '"',
  ],
  ...[
    '\u0000',
    '\u202e',
    '\ud800',
    '\ufffe',
    "'; drop table x; --",
    '../../etc/passwd',
    '%s%n',
    '${x}',
    '#{x}',
    '<0.1.0>',
  ],
  ...['x'.repeat(20_000), ','.repeat(2_000), `[${'1,'.repeat(1_500)}1]`, `${'['.repeat(300)}${']'.repeat(300)}`],
];

function namesIn(schema: Json): readonly string[] {
  const properties = isJsonObject(schema) ? schema['properties'] : undefined;
  return properties !== undefined && isJsonObject(properties) ? Object.keys(properties) : [];
}

describe('parameters as text', () => {
  // @row VD-01, VD-02
  it.each(entries.map((entry) => [entry.name, entry] as const))(
    'of %s are what their schema says, or are refused',
    { timeout: 120_000 },
    async (name, entry) => {
      const before = calls();
      const known = namesIn(entry.params);
      const key = fc.oneof(
        fc.constantFrom(...known),
        fc.constantFrom(...hostileNames),
        fc.constantFrom('filter', ...known).map((one) => `${one}.like`),
      );
      const text = fc.oneof(
        fc.constantFrom(...hostileTexts),
        fc.string({ unit: 'binary', maxLength: 50 }),
        fc.json({ maxDepth: 3 }),
        fc.double().map(String),
      );
      const pairs = fc.array(fc.tuple(key, text), { maxLength: 5 });
      const property = fc.asyncProperty(pairs, async (given) => {
        const read = paramsFromText(entry.params, given);
        if (!read.ok) {
          expect(given.map(([one]) => one)).toContain(read.name);
          return;
        }
        expect(Object.getPrototypeOf(read.params)).toBe(Object.prototype);
        const answer = await house.run(name, {}, { params: read.params, mode: 'validate' });
        if (!answer.ok) expect(answer.error).toMatchObject({ class: 'validation', effect: 'none' });
      });
      await fc.assert(property, { numRuns: runs });
      expect(calls()).toBe(before);
      expect(Reflect.get({}, 'x')).toBeUndefined();
    },
  );
});
