/** Silence and loss between live nodes, seen before the nodes themselves notice: net_ticktime is OTP's default of a minute. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callOptions, longestMs } from '../../runtime/callOptions.ts';
import type { NodeRow, PeerLink } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import { WatchView } from '../../runtime/watch.ts';
import type { Shop } from '../fixtures/elixir-shop/start.mjs';
import { startShop } from '../fixtures/elixir-shop/start.mjs';
import { valueOf } from '../port/results.ts';
import { connectShop, inTime } from './shop.ts';

let shop: Shop;
let runtime: Runtime;
let watch: NodesWatch;
let [one, two, three] = ['', '', ''];
beforeAll(async () => {
  shop = await startShop({ nodes: 3 });
  [one = '', two = '', three = ''] = shop.nodes;
  runtime = await connectShop(shop);
  watch = watchNodes();
}, 60_000);
afterAll(async () => {
  await watch.stop();
  await runtime.close();
  await shop.stop();
});

const ask = (source: string, node: string) => shop.rpc(node, source);

type NodesWatch = { row(node: string): NodeRow | null; stop(): Promise<void> };

/** The watch `nodes`, read on and on as a tree does. */
function watchNodes(): NodesWatch {
  const view = new WatchView();
  const control = new AbortController();
  const reading = (async () => {
    const stream = runtime.port.watch.open(
      { minIntervalMs: 250, of: { rows: 'nodes' } },
      callOptions(longestMs, control.signal),
    );
    for await (const item of stream) {
      if (item.is === 'end') return;
      view.apply(item.frame);
    }
  })();
  return {
    row: (node) => (view.state?.rows.get(node) ?? null) as NodeRow | null,
    stop: async () => {
      control.abort();
      await reading;
    },
  };
}

const linkOf = (from: string, to: string): PeerLink | undefined =>
  watch.row(from)?.links?.find(({ node }) => node === to);
const stateOf = (from: string, to: string) => linkOf(from, to)?.state ?? 'unknown';

/** How long it takes until it is so, in milliseconds. */
async function until(check: () => boolean, withinMs: number): Promise<number> {
  const started = performance.now();
  await expect.poll(check, { timeout: withinMs, interval: 20 }).toBe(true);
  return performance.now() - started;
}

describe('nodes that are connected', () => {
  it('answer each other, and how fast', async () => {
    await until(() => stateOf(one, two) === 'connected' && stateOf(three, one) === 'connected', 10_000);
    await until(() => (linkOf(one, two)?.rttMs ?? null) !== null, 5_000);
    expect(linkOf(one, two)?.rttMs).toBeLessThan(1_000);
    const { links } = valueOf(await runtime.port.cluster.links({}, inTime()));
    expect(links.map(({ silent }) => silent)).toEqual([[], [], []]);
  });

  // @row R10.2, R6.3
  it('that fall silent are told of within five seconds, and that they are back', async () => {
    const pid = Number(await ask('list_to_integer(os:getpid()).', three));
    process.kill(pid, 'SIGSTOP');
    try {
      await until(() => stateOf(one, three) === 'silent' && stateOf(two, three) === 'silent', 5_000);
      expect(await ask(`lists:member('${three}', nodes()).`, one)).toBe('true');
      const { links } = valueOf(await runtime.port.cluster.links({}, inTime()));
      expect(links.find(({ node }) => node === one)?.silent).toEqual([three]);
      // The rest goes on, and so does what we ask of it.
      expect(stateOf(one, two)).toBe('connected');
      expect(watch.row(three)?.status).toBe('unreachable');
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await until(() => stateOf(one, three) === 'connected' && stateOf(two, three) === 'connected', 3_000);
    await until(() => watch.row(three)?.status === 'up', 5_000);
  });

  // @row T013.a3
  it('that are cut from each other are told of at once, each side still usable', async () => {
    await ask(`erlang:set_cookie('${two}', wrong), erlang:disconnect_node('${two}').`, one);
    const tookMs = await until(
      () => stateOf(one, two) === 'disconnected' && stateOf(two, one) === 'disconnected',
      5_000,
    );
    expect(tookMs).toBeLessThan(5_000);
    for (const node of [one, two, three]) {
      expect((await runtime.port.system.stats({ node }, inTime())).ok).toBe(true);
    }
    // Asking made none of them connect again.
    expect(await ask(`lists:member('${two}', nodes()).`, one)).toBe('false');
    await ask(`erlang:set_cookie('${two}', '${shop.cookie}'), net_kernel:connect_node('${two}').`, one);
    await until(() => stateOf(one, two) === 'connected' && stateOf(two, one) === 'connected', 5_000);
  });
});

describe('while nobody watches', () => {
  it('nothing asks, and nothing of ours is left to', async () => {
    await watch.stop();
    // The task ends when its last client leaves it.
    const asking =
      "length([P || P <- processes(), {dictionary, D} <- [process_info(P, dictionary)], lists:keymember('$ancestors', 1, D), " +
      '{current_function, {_, F, _}} <- [process_info(P, current_function)], F =:= task_next]).';
    await expect.poll(() => ask(asking, one), { timeout: 12_000, interval: 200 }).toBe('0');
    watch = watchNodes();
    await until(() => stateOf(one, two) === 'connected', 10_000);
  });
});
