import { describe, expect, it } from 'vitest';
import { RestartRule } from './restartRule.ts';

describe('RestartRule', () => {
  it('gives up after four deaths within three minutes', () => {
    const rule = new RestartRule();
    expect([0, 1_000, 2_000, 3_000].map((at) => rule.mayRestart(at))).toEqual([true, true, true, false]);
  });

  it('forgets deaths that are longer ago, and all of them when asked', () => {
    const rule = new RestartRule();
    const far = RestartRule.withinMs + 1;
    expect([0, 1, 2, far, far + 1].map((at) => rule.mayRestart(at))).toEqual([true, true, true, true, true]);
    rule.forget();
    expect([far + 2, far + 3, far + 4, far + 5].map((at) => rule.mayRestart(at))).toEqual([true, true, true, false]);
  });
});
