/** Calls of OTP's functions with good and bad arguments: what each comes to is what it came to on OTP 25. */
import { expect, it } from 'vitest';
import { callLines, goldenLines, runCall } from './calls.ts';

it('each call comes to what OTP says', () => {
  const golden = goldenLines();
  const calls = callLines();
  expect(golden).toHaveLength(calls.length);
  const different = calls.flatMap((call, at) => {
    const here = runCall(call);
    return here === golden[at] ? [] : [{ call, here, otp: golden[at] }];
  });
  expect(different).toEqual([]);
}, 120_000);
