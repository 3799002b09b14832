import { describe, expect, it } from 'vitest';
import { NodeClock } from './nodeClock.ts';

describe('the clock of a node, on ours', () => {
  it('is not known before it was asked', () => {
    expect(new NodeClock('a@h', 1).reader(0)).toBeNull();
  });

  it('is taken from the quickest round trip, within half of it', () => {
    const clock = new NodeClock('a@h', 7);
    // The node reads 1 s when ours reads 2,000 ms; one answer was delayed by 8 ms on its way back.
    clock.add({ sentAt: 1_999, receivedAt: 2_009, nodeUs: 1_000_000 });
    clock.add({ sentAt: 2_999.9, receivedAt: 3_000.1, nodeUs: 2_000_000 });
    clock.add({ sentAt: 3_996, receivedAt: 4_004, nodeUs: 3_000_000 });
    expect(clock.reader(3_000.1)?.(1_500_000)).toEqual({
      node: 'a@h',
      creation: 7,
      monotonicUs: 1_500_000,
      estimatedAt: 2_500,
      errorUs: 100,
    });
  });

  it('holds the true time within its error, whatever the delays', () => {
    let seed = 7;
    const random = (): number => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    for (let run = 0; run < 200; run += 1) {
      const clock = new NodeClock('a@h', 1);
      const offsetMs = random() * 1e6;
      let now = 0;
      for (let trip = 0; trip < 20; trip += 1) {
        const sentAt = now + random() * 100;
        const there = sentAt + random() * 10;
        now = there + random() * 10;
        clock.add({ sentAt, receivedAt: now, nodeUs: (there + offsetMs) * 1000 });
      }
      const time = clock.reader(now)?.((now + offsetMs) * 1000);
      expect(Math.abs((time?.estimatedAt ?? 0) - now) * 1000).toBeLessThanOrEqual(time?.errorUs ?? 0);
    }
  });

  it('trusts an old round trip less and less', () => {
    const clock = new NodeClock('a@h', 1);
    clock.add({ sentAt: 0, receivedAt: 0.2, nodeUs: 0 });
    const early = clock.reader(1)?.(0).errorUs ?? 0;
    const late = clock.reader(100_000)?.(0).errorUs ?? 0;
    expect(late).toBeGreaterThan(early + 5_000);
    clock.add({ sentAt: 100_000, receivedAt: 100_001, nodeUs: 100_000_000 });
    expect(clock.reader(100_001)?.(0).errorUs).toBe(500);
  });
});
