/** Looking into one process of a live node, acting on it, and every watch there is. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callOptions, longestMs } from '../../runtime/callOptions.ts';
import type { ProcessRef } from '../../runtime/model.ts';
import { pidText, processId } from '../../runtime/model.ts';
import type { Runtime, WatchTarget } from '../../runtime/port.ts';
import { valueAt } from '../../runtime/processQuery.ts';
import { atom, integer, list, text, tuple } from '../../runtime/term/term.ts';
import type { WatchFrame } from '../../runtime/watch.ts';
import type { Shop } from '../fixtures/elixir-shop/start.mjs';
import { startShop } from '../fixtures/elixir-shop/start.mjs';
import { readAll } from '../port/portSuite.ts';
import { valueOf } from '../port/results.ts';
import { connectShop, errorOf, inTime, named } from './shop.ts';

let shop: Shop;
let runtime: Runtime;
const erlang = (source: string) => ({ syntax: 'erlang', source }) as const;
const elixir = (source: string) => ({ syntax: 'elixir', source }) as const;

beforeAll(async () => {
  shop = await startShop({ nodes: 2 });
  runtime = await connectShop(shop);
}, 60_000);
afterAll(async () => {
  await runtime.close();
  await shop.stop();
});

async function sleeper(name?: string): Promise<ProcessRef> {
  const start = { node: shop.node, module: 'timer', function: 'sleep', args: [elixir(':infinity')] };
  return valueOf(await runtime.port.processes.start({ ...start, ...(name !== undefined && { name }) }, inTime()));
}

describe('one process', () => {
  it('shows the state of what surely answers, and calls nothing else', async () => {
    const pid = await named(runtime, shop.node, 'Elixir.Shop.Catalogue');
    const { state, whole } = valueOf(await runtime.port.processes.state({ pid, maxBytes: 1_000_000 }, inTime()));
    expect(whole).toBe(true);
    expect(state).toEqual({
      t: 'map',
      e: [
        [text('Käse'), integer(780)],
        [text('coffee'), integer(450)],
        [text('tea'), integer(320)],
      ],
    });
    expect(errorOf(await runtime.port.processes.state({ pid, maxBytes: 10 }, inTime()))).toMatchObject({
      code: 'process.state_too_large',
      effect: 'none',
    });
    const held = valueOf(
      await runtime.port.processes.state(
        { pid: await named(runtime, shop.node, 'shop_ledger_sup'), maxBytes: 1e6 },
        inTime(),
      ),
    );
    expect(held.digest).toMatch(/^[0-9A-F]{32}$/);
    const asleep = await sleeper();
    expect(errorOf(await runtime.port.processes.state({ pid: asleep, maxBytes: 1e6 }, inTime()))).toMatchObject({
      class: 'unsupported',
    });
    expect(await shop.rpc(shop.node, `process_info(list_to_pid("${pidText(asleep)}"), messages).`)).toBe(
      '{messages,[]}',
    );
  });

  it('takes messages, casts and calls, and shows its mailbox while that is short', async () => {
    const plain = await named(runtime, shop.node, 'Elixir.Shop.Plain');
    const send = (how: 'info' | 'cast' | 'call', source: string) =>
      runtime.port.processes.send({ pid: plain, how, message: elixir(source) }, inTime());
    valueOf(await send('info', '{:shop, 1}'));
    valueOf(await send('cast', '[item: "tea"]'));
    expect(valueOf(await send('call', ':ok'))).toEqual({ reply: atom('ok') });
    expect(await shop.rpc(shop.node, "gen_server:call('Elixir.Shop.Plain', received).")).toBe(
      '[{call,ok},{cast,[{item,<<"tea">>}]},{info,{shop,1}}]',
    );
    const asleep = await sleeper();
    for (const how of ['info', 'info', 'cast'] as const) {
      valueOf(await runtime.port.processes.send({ pid: asleep, how, message: erlang('{shop, "x"}') }, inTime()));
    }
    const message = tuple(atom('shop'), list([integer(120)]));
    expect(valueOf(await runtime.port.processes.mailbox({ pid: asleep, limit: 10 }, inTime()))).toEqual({
      length: 3,
      messages: [message, message, tuple(atom('$gen_cast'), message)],
    });
    expect(valueOf(await runtime.port.processes.mailbox({ pid: asleep, limit: 2 }, inTime()))).toEqual({
      length: 3,
      messages: null,
    });
    // Beyond what a pid of the node can be: sent as such, it would have cost us the link.
    const gone = { ...asleep, id: 0x0fffffff };
    expect(
      errorOf(await runtime.port.processes.send({ pid: gone, how: 'info', message: erlang('ok') }, inTime())),
    ).toMatchObject({
      code: 'process.not_found',
    });
  });

  it('is not found when no process can have such a number, and the link stays', async () => {
    const pid = await sleeper();
    const most = 2 ** 32 - 1;
    const impossible = [{ id: 2 ** 28 }, { id: most }, { serial: 2 ** 13 }, { serial: most }, { id: -1 }, { id: 0.5 }];
    const pids = impossible.map((change) => ({ ...pid, ...change }));
    expect(valueOf(await runtime.port.processes.info({ pids: [pid, ...pids], keys: [] }, inTime())).gone).toEqual(pids);
    for (const stranger of pids) {
      const kill = { pid: stranger, reason: erlang('kill'), confirmMs: 100 };
      expect(errorOf(await runtime.port.processes.exit(kill, inTime()))).toMatchObject({ code: 'process.not_found' });
      const target = { pid: stranger };
      expect(errorOf(await runtime.port.names.resolve({ target, seenFrom: 'any' }, inTime()))).toMatchObject({
        code: 'process.not_found',
      });
      expect(errorOf(await runtime.port.supervisors.count({ supervisor: stranger }, inTime()))).toMatchObject({
        code: 'process.not_found',
      });
    }
    expect(runtime.state.is).toBe('ready');
    expect(await shop.logOf(shop.node)).not.toContain('corrupted');
  });

  it('collects garbage, and says what that brought', async () => {
    const pid = await named(runtime, shop.node, 'Elixir.Shop.Supervisor');
    const { bytesBefore, bytesAfter } = valueOf(await runtime.port.processes.collectGarbage({ pid }, inTime()));
    expect(bytesBefore).toBeGreaterThan(0);
    expect(bytesAfter).toBe(
      Number(await shop.rpc(shop.node, "element(2, process_info(whereis('Elixir.Shop.Supervisor'), memory)).")),
    );
  });

  it('is followed until it ends, with its reason', async () => {
    const pid = await sleeper();
    const keys = ['initial_call', 'message_queue_len'] as const;
    const calls: unknown[] = [];
    for await (const item of runtime.port.processes.monitor({ pid, keys, everyMs: 100 }, callOptions(longestMs))) {
      if (item.is === 'end') {
        expect(item.result).toEqual({ ok: true, value: { reason: atom('shutdown') } });
        break;
      }
      calls.push(valueAt(item.frame.columns, 'initial_call', 0));
      if (calls.length === 2) await shop.rpc(shop.node, `exit(list_to_pid("${pidText(pid)}"), shutdown).`);
    }
    expect(calls.slice(0, 2)).toEqual(['timer:sleep/1', 'timer:sleep/1']);
    const after = await readAll(runtime.port.processes.monitor({ pid, keys, everyMs: 100 }, inTime()));
    expect(errorOf(after.end)).toMatchObject({ code: 'process.not_found' });
  });

  it('is registered when a name is given, unless it ends before that', async () => {
    const pid = await sleeper('income');
    expect(await named(runtime, shop.node, 'income')).toEqual(pid);
    const start = { node: shop.node, module: 'erlang', function: 'node', args: [], name: 'expenses' };
    expect(errorOf(await runtime.port.processes.start(start, inTime()))).toMatchObject({
      code: 'process.ended_at_once',
      class: 'execution',
      effect: 'applied',
    });
  });

  it('starts what is not loaded yet', async () => {
    expect(await shop.rpc(shop.node, 'code:is_loaded(array).')).toBe('false');
    const start = { node: shop.node, module: 'array', function: 'new', args: [] };
    expect(valueOf(await runtime.port.processes.start(start, inTime())).node).toBe(shop.node);
  });
});

/** The first frame of a watch, and the first after `change`. */
async function before(of: WatchTarget, change: () => Promise<unknown>): Promise<readonly WatchFrame[]> {
  const frames: WatchFrame[] = [];
  for await (const item of runtime.port.watch.open({ minIntervalMs: 50, of }, inTime())) {
    if (item.is === 'end') throw new Error(errorOf(item.result).message);
    frames.push(item.frame);
    if (frames.length === 2) break;
    await change();
  }
  return frames;
}

describe('watching', () => {
  it('supervisors that come', async () => {
    const [first, second] = await before({ rows: 'supervisors', nodes: [shop.node] }, () =>
      shop.rpc(
        shop.node,
        "'Elixir.DynamicSupervisor':start_child('Elixir.Shop.Carts', {shop_ledger_sup2, {supervisor, start_link, [shop_ledger_sup, []]}, temporary, 100, supervisor, []}).",
      ),
    );
    expect(first).toMatchObject({ is: 'snapshot', fidelity: { is: 'sampled' } });
    const carts = await named(runtime, shop.node, 'Elixir.Shop.Carts');
    const put = second?.is === 'delta' ? second.put.map(([, row]) => row) : [];
    expect(put).toMatchObject([
      { kind: 'supervisor', module: 'shop_ledger_sup', parent: carts, flags: { strategy: 'one_for_all' } },
    ]);
  });

  it('processes that work, and the most eager of them', async () => {
    const pid = await named(runtime, shop.node, 'Elixir.Shop.Plain');
    const keys = [
      'registered_name',
      'reductions',
      'initial_call',
      'status',
      'message_queue_len',
      'memory',
      'current_function',
    ] as const;
    const work = () => shop.rpc(shop.node, "[gen_server:call('Elixir.Shop.Plain', ok) || _ <- lists:seq(1, 100)].");
    const [first, second] = await before({ rows: 'processes', pids: [pid], keys }, work);
    expect(first).toMatchObject({
      rows: [
        [
          processId(pid),
          { registeredName: 'Elixir.Shop.Plain', initialCall: 'Elixir.Shop.Plain:init/1', display: pidText(pid) },
        ],
      ],
    });
    expect(second).toMatchObject({ is: 'delta', put: [[processId(pid), { registeredName: 'Elixir.Shop.Plain' }]] });
    const query = {
      nodes: 'all',
      keys: ['registered_name', 'reductions'],
      where: { key: 'registered_name', op: 'prefix', value: 'Elixir.Shop.P' },
      top: { n: 3, by: 'reductions', direction: 'descending' },
      pageRows: 10,
    } as const;
    const [top] = await before({ rows: 'top', query }, work);
    // One on each node, by the same name.
    expect(top?.is === 'snapshot' ? top.rows : []).toHaveLength(2);
    const bad = { ...query, top: { ...query.top, n: 0 } };
    const refused = await readAll(
      runtime.port.watch.open({ minIntervalMs: 50, of: { rows: 'top', query: bad } }, inTime()),
    );
    expect(errorOf(refused.end)).toMatchObject({ class: 'validation' });
  });

  it('names that are taken', async () => {
    const [first, second] = await before({ rows: 'names', registry: { via: 'Elixir.Shop.Registry' } }, () =>
      shop.rpc(shop.node, "'Elixir.Shop.Cart':open(77)."),
    );
    expect(first?.total).toBe(6);
    expect(second).toMatchObject({ total: 7 });
    expect(JSON.stringify(second)).toContain('"v":77');
  });

  it('holdings, of which there are none, and no sandboxes', async () => {
    const of = { rows: 'holdings' } as const;
    for await (const item of runtime.port.watch.open({ minIntervalMs: 50, of }, inTime())) {
      expect(item).toMatchObject({ is: 'frame', frame: { is: 'snapshot', rows: [], total: 0 } });
      break;
    }
    expect(valueOf(await runtime.port.holdings.list({}, inTime())).holdings).toEqual([]);
    const none = await readAll(runtime.port.watch.open({ minIntervalMs: 50, of: { rows: 'sandboxes' } }, inTime()));
    expect(errorOf(none.end)).toMatchObject({ class: 'unsupported' });
    expect(errorOf(await runtime.port.sandboxes.list({}, inTime())).remedy).toContain('simulated');
  });
});

describe('a node', () => {
  it('tells its memory, and what was asked of it that it cannot', async () => {
    const { bytes } = valueOf(await runtime.port.system.memory({ node: shop.node }, inTime()));
    expect(Object.keys(bytes)).toEqual(expect.arrayContaining(['total', 'processes', 'ets', 'binary']));
    const port = runtime.port;
    expect(errorOf(await port.cluster.disconnect({ node: shop.node }, inTime()))).toMatchObject({ class: 'conflict' });
    expect(errorOf(await port.cluster.connect({ node: 'no name' }, inTime()))).toMatchObject({ class: 'validation' });
    expect(errorOf(await port.cluster.connect({ node: 'nobody@127.0.0.1' }, inTime()))).toMatchObject({
      code: 'connect.no_such_node',
    });
    const unknown = await readAll(port.processes.scan({ nodes: 'all', keys: [], pageRows: 0 }, inTime()));
    expect(errorOf(unknown.end)).toMatchObject({ class: 'validation' });
  });
});
