/** Operations that break and mend the network and the nodes, through the pipeline, on the simulated cluster. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { liveRuntime } from '../../runtime/embedded/liveRuntime.ts';
import type { Json } from '../../runtime/model.ts';
import type { House } from '../../server/backend/testKit.ts';
import { at, houseOn, listAt } from '../../server/backend/testKit.ts';
import { errorOf } from '../../server/core/testKit.ts';

const [one, two, three] = ['demo1@sim', 'demo2@sim', 'demo3@sim'];
let house: House;
beforeEach(async () => {
  house = await houseOn(liveRuntime({ id: 'sim', nodes: [one, two, three], seed: 1, sandboxChildFile: 'none' }));
  await expect.poll(links).toEqual(whole);
});
afterEach(() => house.close());

const whole = [`${one} ${two} both`, `${one} ${three} both`, `${two} ${three} both`];

/** The links between the nodes, each with its state. */
async function links(): Promise<readonly string[]> {
  const topology = await house.result('cluster_topology', {});
  return listAt(topology, 'links')
    .map((link) => [at(link, 'from'), at(link, 'to'), at(link, 'state')].map(text).join(' '))
    .sort();
}

function text(value: Json | undefined): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

describe('partition_cluster and heal_cluster', () => {
  it('parts the nodes, of which each side can still be asked, until it is taken back', async () => {
    const parted = await house.result('partition_cluster', { islands: [[one], [two, three]] });
    expect(at(parted, 'mode')).toBe('cut');
    await expect.poll(links).toEqual([`${two} ${three} both`]);
    // Our own link goes past the faults: each side is still asked.
    expect(listAt(await house.result('list_processes', { node: one, limit: 5 }), 'items')).toHaveLength(5);
    const healed = await house.result('heal_cluster', {});
    expect(listAt(healed, 'released')).toEqual([at(parted, 'holding')]);
    expect(listAt(await house.result('heal_cluster', {}), 'released')).toEqual([]);
    // The demo's nodes gossip, so that they find each other again.
    await expect.poll(links).toEqual(whole);
  });

  it('in silence shows who does not answer, long before the nodes notice', async () => {
    await house.result('partition_cluster', { islands: [[one], [two]], mode: 'blackhole' });
    expect(await links()).toEqual([`${one} ${two} silent`, `${one} ${three} both`, `${two} ${three} both`].sort());
  });

  it('refuses islands that make no sense', async () => {
    const twice = await house.run('partition_cluster', { islands: [[one, two], [two]] });
    expect(errorOf(twice)).toMatchObject({ class: 'validation', pointer: '/islands' });
    const unknown = await house.run('partition_cluster', { islands: [[one], ['nine@sim']] });
    expect(errorOf(unknown)).toMatchObject({ class: 'not_found' });
  });
});

describe('hang_node', () => {
  it('stops a node where it stands, until it is taken back', async () => {
    const pending = async (): Promise<Json | undefined> =>
      at(await house.result('node_info', { node: two }), 'stats', 'reductions');
    await house.result('hang_node', { node: two });
    const before = await pending();
    await new Promise((resolve) => void setTimeout(resolve, 300));
    expect(await pending()).toBe(before);
    expect(errorOf(await house.run('hang_node', { node: two }))).toMatchObject({ class: 'conflict' });
    await house.result('heal_cluster', {});
    await expect.poll(pending).not.toBe(before);
  });
});

describe('delay_link and drop_link', () => {
  it('are held until they are taken back, each by itself', async () => {
    const slow = await house.result('delay_link', { from: one, to: two, delayMs: 20, jitterMs: 5 });
    const lossy = await house.result('drop_link', { from: two, to: three, lossRatio: 0.5 });
    expect(listAt(await house.result('heal_cluster', { holdings: [text(at(slow, 'holding'))] }), 'released')).toEqual([
      at(slow, 'holding'),
    ]);
    expect(listAt(await house.result('heal_cluster', {}), 'released')).toEqual([at(lossy, 'holding')]);
    expect(errorOf(await house.run('delay_link', { from: one, to: one, delayMs: 20 }))).toMatchObject({
      class: 'validation',
    });
  });
});

describe('remove_node', () => {
  it('takes a node out for good', async () => {
    await house.result('remove_node', { node: three });
    await expect.poll(links).toEqual([`${one} ${two} both`]);
    expect(errorOf(await house.run('restart_node', { node: three }))).toMatchObject({ class: 'not_found' });
  });
});
