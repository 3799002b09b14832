/**
 * Bad parameters, made from the schema of every operation: each is a `validation` error that names the place, and nothing has been asked of
 * the target. `ARSENAL_BAD_PARAMETERS` says how many for each; 1,000 when it does not.
 */
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { methodNames } from '../../runtime/port.ts';
import { fakeShop, houseOn, listAt } from '../../server/backend/testKit.ts';
import { errorOf } from '../../server/core/testKit.ts';
import { badValue } from './schemaValues.ts';

const runs = Number(process.env['ARSENAL_BAD_PARAMETERS'] ?? 1_000);
const runtime = fakeShop();
// Here, so that there is a test for each name.
const house = await houseOn(runtime, { rateLimits: { burst: 1e9, perSecond: 1e9 } });
const names = house.backend.catalogue().map(({ name }) => name);
afterAll(() => house.close());

const calls = () => methodNames().reduce((sum, method) => sum + runtime.calls(method), 0);

function schemaOf(name: string) {
  const found = house.backend.registry.find(name);
  if (found === null) throw new Error(`no ${name}`);
  return found.params.schema;
}

// @row IV-15, RG-06
// @row IN-01
// @row VD-02, T022.d3, T022.a2, T026.a2
describe('bad parameters', () => {
  it.each(names)('of %s are each a validation error that names the place', { timeout: 120_000 }, async (name) => {
    const before = calls();
    const property = fc.asyncProperty(badValue(schemaOf(name)), async ({ value, at, why }) => {
      const error = errorOf(await house.run(name, {}, { params: value }));
      expect(error, why).toMatchObject({ class: 'validation', code: 'params.invalid', effect: 'none' });
      const named = listAt(error.details?.['problems'] ?? null).map((problem) => JSON.stringify(problem));
      expect(
        named.some((problem) => problem.includes(`"pointer":${JSON.stringify(at.slice(0, 500))}`)),
        `${why}: ${at} in ${named.join()}`,
      ).toBe(true);
      expect(error.remedy).not.toBe('');
    });
    await fc.assert(property, { numRuns: runs });
    expect(calls()).toBe(before);
  });

  it('that are no JSON at all are refused too, whatever they are', { timeout: 120_000 }, async () => {
    const before = calls();
    const odd = fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true });
    const property = fc.asyncProperty(odd, fc.constantFrom(...names), async (value, name) => {
      const call = Object.assign(
        { requestId: 'r', connection: null, operation: name, mode: 'validate' as const, params: null },
        { params: value },
      );
      const answer = await house.backend.execute(call, house.options);
      if (!answer.ok) expect(answer.error.class).toBe('validation');
    });
    await fc.assert(property, { numRuns: runs });
    expect(calls()).toBe(before);
  });
});
