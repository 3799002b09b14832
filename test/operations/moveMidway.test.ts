/** A node dies at any step of a move: never two that run, and what the answer says is what is there. On the simulated cluster. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { liveRuntime } from '../../runtime/embedded/liveRuntime.ts';
import type { Json } from '../../runtime/model.ts';
import type { House } from '../../server/backend/testKit.ts';
import { at, houseOn, listAt } from '../../server/backend/testKit.ts';
import { errorOf } from '../../server/core/testKit.ts';

const [from, to] = ['demo1@sim', 'demo2@sim'];
const [ada, alan] = ['Shop.WishList.Demo1.Ada', 'Shop.WishList.Demo1.Alan'];
const patience = { timeout: 60_000, interval: 20 };

let house: House;
async function freshHouse(): Promise<void> {
  house = await houseOn(liveRuntime({ id: 'sim', nodes: [from, to], seed: 1, sandboxChildFile: '' }));
}
beforeEach(freshHouse);
afterEach(() => house.close());

type List = { readonly node: Json; readonly is: Json };
/** The wish lists of a customer that run, on nodes that are up, with what is on them. */
async function lists(name: string): Promise<readonly List[]> {
  const filter = { registeredName: { eq: `Elixir.${name}` } };
  const rows = listAt(await house.result('list_processes', { filter }), 'items');
  const states = rows.map(async (row) => {
    const state = await house.run('get_process_state', { pid: at(row, 'pid') });
    const is = state.ok && state.value.mode === 'run' ? at(state.value.result, 'state', 'display') : null;
    return { node: at(row, 'node'), is };
  });
  return Promise.all(states);
}

describe.each([
  ['the node that it leaves', from],
  ['the node that it goes to', to],
])('when %s dies', (_who, dies) => {
  // @row T015.a3, OP-08
  it('after any step of a move, its state is in one place, or the answer says that nobody knows', async () => {
    const seen: Round[] = [];
    do {
      seen.push(await moved(seen.length, dies));
      await house.close();
      await freshHouse();
    } while (seen.at(-1)?.wasOver === false);
    // It was seen on both sides of the switch.
    const effects = new Set(seen.map(({ effect }) => effect));
    expect([...effects].toSorted()).toEqual(['done', dies === to ? 'none' : 'unknown']);
  }, 300_000);
});

type Round = { readonly effect: string; readonly wasOver: boolean };

/** A move in which a node dies after so many steps; looks at what is there then. */
async function moved(steps: number, dies: string): Promise<Round> {
  await house.result('delay_link', { from, to, delayMs: 500 });
  // All but standing still: the move begins, and goes no further than it is let.
  await house.result('pause_time', {});
  await house.result('resume_time', { speed: 0.01 });
  const [before] = await lists(ada);
  const isDone = { now: false };
  const moving = house.run('migrate_process', { pid: ada, node: from, to, forwardMs: 0 }).finally(() => {
    isDone.now = true;
  });
  await house.result('pause_time', {});
  for (let step = 0; step < steps; step += 1) await house.result('step_time', { ms: 250 });
  const wasOver = isDone.now;
  await house.result('crash_node', { node: dies });
  await house.result('resume_time', { speed: 1 });
  const answer = await moving;
  const effect = answer.ok ? 'done' : answer.error.effect;
  const gone = JSON.stringify([]);
  const there = JSON.stringify([{ node: to, is: before?.is }]);
  const left = async () => JSON.stringify(await lists(ada));
  if (dies === to) {
    // Given up, it is as it was; done, it ended with the node that it had come to.
    expect(effect).toMatch(/^(done|none)$/);
    await expect.poll(left, patience).toBe(effect === 'none' ? JSON.stringify([before]) : gone);
  } else {
    // Who led the move is gone: half of it is taken back there, all of it stays.
    expect(effect).toMatch(/^(done|unknown)$/);
    const possible = effect === 'done' ? [there] : [there, gone];
    await expect.poll(async () => possible.includes(await left()), patience).toBe(true);
  }
  return { effect, wasOver };
}

describe('when the node that several go to dies after the first', () => {
  const params = { pids: [ada, alan], node: from, to, concurrency: 1, forwardMs: 600_000 };
  const severalMoved = (more: object) => {
    let crashed: Promise<unknown> | null = null;
    const onProgress = async () => {
      crashed ??= house.result('crash_node', { node: to });
      await crashed;
    };
    return house.run('migrate_processes', { ...params, ...more }, {}, { onProgress });
  };

  it('the others stay where they are, and each is told of', async () => {
    const before = await lists(alan);
    const answer = await severalMoved({});
    const result = answer.ok && answer.value.mode === 'run' ? answer.value.result : null;
    expect(listAt(result, 'items')).toMatchObject([
      { became: 'moved', to },
      { became: 'failed', after: null, error: { class: 'unavailable', effect: 'none' } },
    ]);
    expect(await lists(alan)).toEqual(before);
  }, 60_000);

  it('what was to be all or none says that the first could not be taken back', async () => {
    const before = await lists(alan);
    const answer = await severalMoved({ atomic: true });
    const result = answer.ok && answer.value.mode === 'run' ? answer.value.result : null;
    expect(listAt(result, 'items')).toMatchObject([
      { became: 'not_undone', error: { class: 'unavailable' } },
      { became: 'failed' },
    ]);
    expect(await lists(alan)).toEqual(before);
    // Nothing is left of it once its node is back: that begins with lists of its own.
    await house.result('restart_node', { node: to });
    const undone = errorOf(await house.run('get_process_info', { pid: at(result, 'items', 0, 'after') }));
    expect(undone.class).toBe('not_found');
  }, 60_000);
});
