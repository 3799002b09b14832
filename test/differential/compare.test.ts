import { describe, expect, it } from 'vitest';
import { firstDifference } from './compare.ts';

const otp = ['0 p0 p1 {m,p1,a}', '0 p0 p2 {m,p2,a}', '0 p0 p1 {m,p1,b}', '1 p1 died {died,p1,boom}'];

describe('comparing logs', () => {
  it('accepts another merge that keeps the order of each sender', () => {
    const ours = ['0 p0 p2 {m,p2,a}', '0 p0 p1 {m,p1,a}', '0 p0 p1 {m,p1,b}', '1 p1 died {died,p1,boom}'];
    expect(firstDifference(otp, ours)).toBeNull();
  });

  it.each([
    [
      'the order of one sender',
      ['0 p0 p1 {m,p1,b}', '0 p0 p2 {m,p2,a}', '0 p0 p1 {m,p1,a}', '1 p1 died {died,p1,boom}'],
      0,
    ],
    ['what is missing', ['0 p0 p1 {m,p1,a}', '0 p0 p1 {m,p1,b}', '1 p1 died {died,p1,boom}'], 0],
    ['what is too much', [...otp, '1 p0 p1 {m,p1,c}'], 1],
    ['another reason', [...otp.slice(0, 3), '1 p1 died {died,p1,bang}'], 1],
    ['another step', [...otp.slice(0, 3), '2 p1 died {died,p1,boom}'], 1],
  ])('finds %s', (_what, ours, step) => {
    expect(firstDifference(otp, ours)).toMatchObject({ step });
  });

  it('lets the children of a killed supervisor end in any order, and those of another only in their own', () => {
    const ends = (reason: string, ...order: readonly string[]): readonly string[] => [
      `3 s1 together {died,s1,${reason}}`,
      ...order.map((name) => `3 s1 together {died,${name},${reason}}`),
    ];
    expect(firstDifference(ends('killed', 'c1_a_1', 'c1_b_1'), ends('killed', 'c1_b_1', 'c1_a_1'))).toBeNull();
    expect(firstDifference(ends('shutdown', 'c1_a_1', 'c1_b_1'), ends('shutdown', 'c1_b_1', 'c1_a_1'))).not.toBeNull();
  });
});
