import { describe, expect, it } from 'vitest';
import { explain } from './explain.ts';
import { found } from './found.ts';

describe('what the differential test has found', () => {
  it.each(found)('$what', ({ scenario, otp }) => {
    expect(explain(scenario, otp)).toMatchObject({ is: 'same' });
  });
});
