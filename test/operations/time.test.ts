/** The time of a simulated cluster, through the pipeline: paused, stepped, faster; and deterministic, where it passes for who waits. */
import { afterEach, describe, expect, it } from 'vitest';
import { liveRuntime } from '../../runtime/embedded/liveRuntime.ts';
import type { Json } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import type { House } from '../../server/backend/testKit.ts';
import { at, houseOn, listAt } from '../../server/backend/testKit.ts';
import { errorOf } from '../../server/core/testKit.ts';
import { plannedOn } from '../../server/operations/testKit.ts';

const nodes = ['demo1@sim', 'demo2@sim'];
let house: House;
afterEach(() => house.close());

async function cluster(time: 'live' | 'deterministic', seed = 1): Promise<Runtime> {
  const runtime = liveRuntime({ id: 'sim', nodes, seed, sandboxChildFile: 'none', time });
  house = await houseOn(runtime);
  return runtime;
}
const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));
const question = { pid: 'Shop.Catalog', node: 'demo1@sim', message: { $term: ':what' }, how: 'call' };
const figures = (): Promise<Json> => house.result('node_info', { node: 'demo1@sim' });
const nowMs = async (): Promise<number> => {
  const now = at(await house.result('get_time', {}), 'nowMs');
  return typeof now === 'number' ? now : NaN;
};

describe('live time', () => {
  it('stands still when it is paused: nothing runs, and what is asked of a process says so', async () => {
    await cluster('live');
    await house.result('pause_time', {});
    const before = await figures();
    await pause(200);
    expect(await figures()).toEqual(before);
    const asked = await house.run('send_message', question);
    expect(errorOf(asked)).toMatchObject({ class: 'conflict', code: 'clock.paused' });
    await house.result('resume_time', {});
    const reductions = (told: Json) => at(told, 'stats', 'reductions');
    await expect.poll(async () => reductions(await figures())).not.toBe(reductions(before));
  });

  it('passes at once by a step, and stands still again', async () => {
    await cluster('live');
    const paused = await house.result('pause_time', {});
    const stepped = await house.result('step_time', { ms: 60_000 });
    expect(at(stepped, 'passedMs')).toBe(60_000);
    expect(at(stepped, 'paused')).toBe(true);
    expect(await nowMs()).toBe(Number(at(paused, 'nowMs')) + 60_000);
    const next = await house.result('step_time', {});
    expect(at(next, 'passedMs')).toBeGreaterThan(0);
    expect(at(next, 'passedMs')).toBeLessThan(60_000);
  });

  it('is known afterwards to have passed by a step, or not, while it stands still', async () => {
    const runtime = await cluster('live');
    await house.result('pause_time', {});
    const step = await plannedOn(house, runtime, 'step_time', { ms: 60_000 });
    expect(await step.probe()).toBe('none');
    expect((await step.apply()).ok).toBe(true);
    expect(await step.probe()).toBe('applied');
    // Time that somebody else lets pass hides it.
    await house.result('step_time', { ms: 5 });
    expect(await step.probe()).toBe('unknown');
    const next = await plannedOn(house, runtime, 'step_time', {});
    expect(await next.probe()).toBe('none');
    expect((await next.apply()).ok).toBe(true);
    expect(await next.probe()).toBe('unknown');
    await house.result('resume_time', {});
    expect(await next.probe()).toBe('unknown');
  });

  it('passes as fast as is asked', async () => {
    await cluster('live');
    await house.result('resume_time', { speed: 100 });
    const [clusterBefore, wallBefore] = [await nowMs(), performance.now()];
    await pause(100);
    const ratio = ((await nowMs()) - clusterBefore) / (performance.now() - wallBefore);
    expect(ratio).toBeGreaterThan(50);
    expect(ratio).toBeLessThan(200);
    expect(errorOf(await house.run('resume_time', { speed: 0 })).class).toBe('validation');
  });
});

// @row IV-08
describe('deterministic time', () => {
  it('does not pass by itself, and the same calls find the same cluster, however long they take to come', async () => {
    const story = async (waitMs: number): Promise<Json> => {
      await cluster('deterministic', 7);
      const answers: Json[] = [];
      for (const name of ['Shop.Catalog', 'Shop.Payments.Gateway', 'Shop.Payments.Ledger']) {
        answers.push(await house.result('send_message', { ...question, pid: name }));
        await pause(waitMs);
      }
      answers.push(await house.result('kill_process', { pid: 'Shop.Catalog', node: 'demo1@sim' }));
      answers.push(await house.result('step_time', { ms: 10_000 }));
      answers.push(await house.result('list_processes', { node: 'demo1@sim', limit: 200, sort: '-reductions' }));
      const told = JSON.stringify(answers);
      await house.close();
      return told;
    };
    const quick = await story(0);
    expect(await story(30)).toBe(quick);
    await cluster('deterministic', 7);
    const before = await nowMs();
    await pause(50);
    expect(await nowMs()).toBe(before);
    expect(
      listAt(await house.result('list_processes', { node: 'demo2@sim', limit: 500 }), 'items').length,
    ).toBeGreaterThan(10);
  });

  it('stands still for those who wait, too, while it is paused', async () => {
    await cluster('deterministic', 7);
    expect(at(await house.result('pause_time', {}), 'paused')).toBe(true);
    expect(errorOf(await house.run('send_message', question))).toMatchObject({
      class: 'conflict',
      code: 'clock.paused',
    });
    const before = await nowMs();
    expect(at(await house.result('step_time', { ms: 500 }), 'passedMs')).toBe(500);
    expect(await nowMs()).toBe(before + 500);
    expect(at(await house.result('resume_time', {}), 'paused')).toBe(false);
    expect((await house.run('send_message', question)).ok).toBe(true);
  });

  it('has no speed', async () => {
    await cluster('deterministic');
    expect(errorOf(await house.run('resume_time', { speed: 2 })).class).toBe('unsupported');
  });
});
