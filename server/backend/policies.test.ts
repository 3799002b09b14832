import { afterEach, describe, expect, it } from 'vitest';
import { nodeUnavailable, failure } from '../../runtime/errors.ts';
import type { Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import { buildPort } from '../../runtime/portFacade.ts';
import { errorOf, valueOf } from '../core/testKit.ts';
import type { House } from './testKit.ts';
import { fakeShop, houseOn } from './testKit.ts';

const houses: House[] = [];
afterEach(async () => {
  for (const house of houses.splice(0)) await house.close();
});

/** A system whose nodes are told as `answer` says, and how often that was asked. */
async function asking(answer: (times: number) => Promise<Result<{ readonly nodes: readonly never[] }>>) {
  const fake = fakeShop();
  const { id, kind, state, capabilities } = fake;
  let times = 0;
  const port = buildPort(
    {
      'cluster.nodes': () => {
        times += 1;
        return answer(times);
      },
      'cluster.links': (params, options) => fake.port.cluster.links(params, options),
    },
    () => ({ can: true }),
  );
  const runtime = { id, kind, state, capabilities, port };
  const never = { dispose: () => undefined };
  const house = await houseOn({ ...runtime, onChange: () => never, close: () => Promise.resolve() });
  houses.push(house);
  // What is asked when a connection is opened is not what is counted.
  times = 0;
  return { house, times: () => times };
}

const nobody = ok({ nodes: [] });

describe('what is looked up over all nodes', () => {
  it('is looked up once for all who ask meanwhile, and anew for whoever asks afterwards', async () => {
    let answer: () => void = () => undefined;
    const made = new Promise<void>((resolve) => (answer = resolve));
    const { house, times } = await asking(async (time) => {
      if (time === 1) await made;
      return nobody;
    });
    const asked = [1, 2, 3].map(() => house.run('cluster_topology'));
    await expect.poll(times, { timeout: 20_000 }).toBe(1);
    answer();
    for (const each of await Promise.all(asked)) valueOf(each);
    expect(times()).toBe(1);
    valueOf(await house.run('cluster_topology'));
    expect(times()).toBe(2);
  });
});

describe('what is asked over a link that was just lost', () => {
  it('is asked once more, and is answered when the link is back', async () => {
    const { house, times } = await asking((time) => Promise.resolve(time === 1 ? nodeUnavailable('a@h') : nobody));
    valueOf(await house.run('cluster_topology'));
    expect(times()).toBe(2);
  });

  it('is not asked a third time, nor after another error', async () => {
    const lost = await asking(() => Promise.resolve(nodeUnavailable('a@h')));
    expect(errorOf(await lost.house.run('cluster_topology')).code).toBe('node.unavailable');
    expect(lost.times()).toBe(2);
    const busy = await asking(() => Promise.resolve(failure('unavailable', 'node.busy', 'Busy.', 'Wait.')));
    expect(errorOf(await busy.house.run('cluster_topology')).code).toBe('node.busy');
    expect(busy.times()).toBe(1);
  });
});

describe('what changes something', () => {
  it('declares neither: it is done once, as it is asked for', async () => {
    const { house } = await asking(() => Promise.resolve(nobody));
    for (const { name, severity } of house.backend.catalogue()) {
      const found = house.backend.registry.find(name)?.operation;
      const declared = [found?.retry, found !== undefined && 'cache' in found ? found.cache : undefined];
      if (severity !== 'read') expect([name, ...declared]).toEqual([name, undefined, undefined]);
    }
  });
});
