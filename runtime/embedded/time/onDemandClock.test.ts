import { expect, it } from 'vitest';
import type { Flow } from '../kernel/flow.ts';
import { sleep } from '../kernel/flow.ts';
import { nodeOf, spawn, testCluster } from '../testKit.ts';
import { OnDemandClock } from './onDemandClock.ts';

/** A clock over a cluster in which one process counts the seconds. */
function counted() {
  const cluster = testCluster();
  let seconds = 0;
  spawn(nodeOf(cluster), function* (): Flow<void> {
    for (;;) {
      yield* sleep(1_000);
      seconds += 1;
    }
  });
  const clock = new OnDemandClock(cluster);
  const told: boolean[] = [];
  clock.onChange(() => void told.push(clock.state.paused));
  return { clock, told, seconds: () => seconds };
}

/** Lets the event loop go round so often that a clock that runs would have passed many seconds. */
async function rounds(count: number): Promise<void> {
  for (let round = 0; round < count; round += 1) await new Promise((resolve) => setImmediate(resolve));
}

it('passes while somebody waits, and not while it is paused; who listens is told of both', async () => {
  const { clock, told, seconds } = counted();
  await rounds(50);
  expect(seconds()).toBe(0);
  clock.pause();
  const answered = clock.attend('cluster.nodes', {});
  await rounds(50);
  expect(seconds()).toBe(0);
  clock.run();
  await expect.poll(seconds).toBeGreaterThan(3);
  answered(null);
  await rounds(20);
  const then = seconds();
  await rounds(50);
  expect([seconds(), told]).toEqual([then, [true, false]]);
});

it('is told no more who has left, and ends with a call that still waits', async () => {
  const { clock, seconds } = counted();
  let heard = 0;
  const listening = clock.onChange(() => {
    heard += 1;
  });
  clock.pause();
  listening.dispose();
  clock.run();
  expect(heard).toBe(1);
  clock.attend('cluster.nodes', {});
  await expect.poll(seconds).toBeGreaterThan(1);
  clock.stop();
  await rounds(20);
  const then = seconds();
  await rounds(50);
  expect(seconds()).toBe(then);
});
