/** Deadlocks, bottlenecks and leaks that were planted on live nodes, and none where none were. */
import { describe, expect, it } from 'vitest';
import type { Json } from '../../runtime/model.ts';
import type { House } from '../../server/backend/testKit.ts';
import { at, listAt, taskResult } from '../../server/backend/testKit.ts';
import type { Shop } from '../fixtures/elixir-shop/start.mjs';
import { withShopHouse } from './shopHouse.ts';

let shop: Shop;
let house: House;
let second: string;
// It needs no more than to look.
withShopHouse({ nodes: 2, access: 'read_only' }, (live) => {
  ({ shop, house } = live);
  [, second = ''] = shop.nodes;
});

/** What a suspect is, as text. */
function shown(suspect: Json): string {
  return JSON.stringify([at(suspect, 'kind'), at(suspect, 'subject')])
    .replace(/[[\]"]/g, '')
    .replace(',', ' ');
}
const ask = (source: string, node = shop.node) => shop.rpc(node, source);
/** A process under a name that calls whom it is told to, and waits. */
const caller = (name: string) =>
  `spawn(fun() -> register(${name}, self()), receive {call, Callee} -> catch gen_server:call(Callee, hello, infinity) end end)`;
const end = (names: readonly string[], node = shop.node) =>
  ask(`[exit(whereis(P), kill) || P <- [${names.join(', ')}], whereis(P) =/= undefined].`, node);

describe('analyze_deadlocks', () => {
  it('finds the circle of two, and the circle of three over two nodes', async () => {
    await ask(`[${['dead_a', 'dead_b', 'dead_c', 'dead_d'].map(caller).join(', ')}], timer:sleep(50).`);
    await ask(`${caller('dead_far')}, timer:sleep(50).`, second);
    await ask('dead_a ! {call, dead_b}, dead_b ! {call, whereis(dead_a)}.');
    await ask(`dead_c ! {call, dead_d}, dead_d ! {call, {dead_far, '${second}'}}.`);
    await ask(`dead_far ! {call, {dead_c, '${shop.node}'}}, timer:sleep(100).`, second);
    const found = await house.result('analyze_deadlocks', { confirmMs: 100 });
    const circles = listAt(found, 'circles').map((circle) =>
      listAt(circle, 'processes')
        .map((process) => at(process, 'registeredName'))
        .toSorted(),
    );
    expect(circles.toSorted()).toEqual([
      ['dead_a', 'dead_b'],
      ['dead_c', 'dead_d', 'dead_far'],
    ]);
    expect(at(found, 'circles', 0, 'evidence')).toBe('certain');
    await end(['dead_a', 'dead_b', 'dead_c', 'dead_d']);
    await end(['dead_far'], second);
  });

  it('finds none in a chain that is only slow', async () => {
    await ask(
      `[${['slow_a', 'slow_b'].map(caller).join(', ')}], register(slow_end, spawn(fun() -> timer:sleep(60000) end)), timer:sleep(50).`,
    );
    await ask('slow_a ! {call, slow_b}, slow_b ! {call, slow_end}, timer:sleep(50).');
    const found = await house.result('analyze_deadlocks', { confirmMs: 100 });
    expect(listAt(found, 'circles')).toEqual([]);
    expect(Number(at(found, 'waiting'))).toBeGreaterThanOrEqual(2);
    await end(['slow_a', 'slow_b', 'slow_end']);
  });
});

describe('detect_bottlenecks', () => {
  it('finds what was planted, and nothing of a node that is well', async () => {
    const well = await house.result('detect_bottlenecks', { node: second, forMs: 200 });
    expect(listAt(well, 'findings')).toEqual([]);
    expect(listAt(well, 'unseen')).toEqual([]);
    await ask(
      'register(stuffed, spawn(fun() -> timer:sleep(60000) end)), [stuffed ! N || N <- lists:seq(1, 5000)], ' +
        'register(spinners, spawn(fun() -> [spawn_link(fun Spin() -> Spin() end) || _ <- lists:seq(1, 50)], timer:sleep(60000) end)).',
    );
    const found = await house.result('detect_bottlenecks', { node: shop.node, forMs: 500 });
    const kinds = listAt(found, 'findings').map((finding) => at(finding, 'kind'));
    expect(kinds).toEqual(expect.arrayContaining(['mailbox', 'run_queue', 'schedulers']));
    const mailbox = listAt(found, 'findings').find((finding) => at(finding, 'kind') === 'mailbox');
    expect(mailbox).toMatchObject({ value: 5000, threshold: 1000 });
    expect(at(mailbox ?? null, 'message')).toContain('stuffed');
    await end(['stuffed', 'spinners']);
  });
});

describe('memory_leak_detection', () => {
  const leaks = {
    // Heaps grow in steps: so fast that there are many of them within the look, also on a machine that does other things.
    leak_heap: 'fun Loop(Held) -> timer:sleep(20), Loop([lists:seq(1, 10000) | Held]) end',
    leak_mailbox: 'fun Loop(Held) -> timer:sleep(20), [self() ! message || _ <- lists:seq(1, 20)], Loop(Held) end',
    leak_table:
      'fun Loop([]) -> Loop(ets:new(leak_table, [public])); Loop(T) -> timer:sleep(20), ets:insert(T, {make_ref(), lists:seq(1, 500)}), Loop(T) end',
    leak_binary: 'fun Loop(Held) -> timer:sleep(20), Loop([binary:copy(<<0>>, 20000) | Held]) end',
    leak_atoms:
      'fun Loop(Held) -> timer:sleep(20), [list_to_atom("leaked" ++ integer_to_list(erlang:unique_integer([positive]))) || _ <- lists:seq(1, 20)], Loop(Held) end',
  };

  it('finds each leak that was planted, in its own kind', async () => {
    const names = Object.keys(leaks);
    for (const [name, loop] of Object.entries(leaks)) {
      await ask(`L = ${loop}, register(${name}, spawn(fun() -> L([]) end)).`);
    }
    const found = await taskResult(house, 'memory_leak_detection', { node: shop.node, everyMs: 300, forMs: 4_000 });
    await end(names);
    const suspects = listAt(found, 'suspects').map((suspect) => shown(suspect));
    const has = (pattern: RegExp) => suspects.some((suspect) => pattern.test(suspect));
    expect.soft(has(/^process_memory .*leak_heap/), suspects.join('\n')).toBe(true);
    expect.soft(has(/^mailbox .*leak_mailbox/), suspects.join('\n')).toBe(true);
    expect.soft(has(/^ets_table .*leak_table/), suspects.join('\n')).toBe(true);
    expect.soft(has(/^memory binary/), suspects.join('\n')).toBe(true);
    expect.soft(has(/^process_binaries .*leak_binary/), suspects.join('\n')).toBe(true);
    expect.soft(has(/^atoms/), suspects.join('\n')).toBe(true);
  });

  it('suspects nobody on a node that is well', async () => {
    const found = await taskResult(house, 'memory_leak_detection', { node: second, everyMs: 200, forMs: 2_000 });
    expect(listAt(found, 'suspects')).toEqual([]);
    expect(at(found, 'readings')).toBe(11);
  });
});
