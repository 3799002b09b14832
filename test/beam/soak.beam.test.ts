/**
 * Hours of use in a short while: windows that come and go, every kind of look, nodes that die and return, names nobody has. Memory stays
 * flat on both sides, no atom comes of a name, and of ours nothing is left but the stated few atoms. Ten minutes and a million names
 * with ARSENAL_PROVE, twelve seconds and six thousand names without.
 */
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import v8 from 'node:v8';
import vm from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callOptions } from '../../runtime/callOptions.ts';
import type { Runtime } from '../../runtime/port.ts';
import { atom, tuple } from '../../runtime/term/term.ts';
import type { Shop } from '../fixtures/elixir-shop/start.mjs';
import { startShop } from '../fixtures/elixir-shop/start.mjs';
import { readAll } from '../port/portSuite.ts';
import { connectShop, freshLeaseDir, inTime, named } from './shop.ts';

const isLong = process.env['ARSENAL_PROVE'] === '1';
const soakMs = isLong ? 600_000 : 12_000;
const names = isLong ? 1_000_000 : 6_000;
/** What a node has after it was looked at, and never more: the atoms of the agent and of its text, and of what OTP loads for it. */
const mostAtoms = 2_500;
let shop: Shop;
let [one, two, three] = ['', '', ''];
/** As of one user on one machine: their windows share a small pool of names. */
const leaseDir = freshLeaseDir();
beforeAll(async () => {
  shop = await startShop({ nodes: 3 });
  [one = '', two = '', three = ''] = shop.nodes;
}, 90_000);
afterAll(() => shop.stop());

type Figures = { readonly atoms: number; readonly processes: number; readonly tables: number; readonly bytes: number };
/** What the node itself says, after it has collected its garbage. */
async function figures(node: string): Promise<Figures> {
  const said = await shop.rpc(
    node,
    '[garbage_collect(P) || P <- processes()], {erlang:system_info(atom_count), length(processes()), length(ets:all()), ' +
      'erlang:memory(total), length(logger:get_handler_ids()), length([M || {M, _} <- code:all_loaded(), ' +
      'lists:prefix("arsenal_agent", atom_to_list(M))])}.',
  );
  const [atoms = 0, processes = 0, tables = 0, bytes = 0, handlers = 0, modules = 0] = (said.match(/\d+/g) ?? []).map(
    Number,
  );
  return { atoms, processes, tables: tables + handlers * 1_000 + modules * 1_000_000, bytes };
}

type Marks = { readonly atoms: number; readonly modules: readonly string[] };

/** How many atoms a node has, and which modules: had without a word to any process. */
async function marksOf(node: string): Promise<Marks> {
  const said = await shop.rpc(node, '[erlang:system_info(atom_count) | [M || {M, _} <- code:all_loaded()]].');
  const [atoms, ...modules] = said.slice(1, -1).split(',');
  return { atoms: Number(atoms), modules };
}

/**
 * What has come to a node since, so that whatever breaks a bound has a name. An atom is found by its number, in the tag that emulators
 * keep for themselves (ATOM_INTERNAL_REF3 of erts, external.h).
 */
async function news(node: string, before: Marks, now: Marks): Promise<string> {
  const modules = now.modules.filter((name) => !before.modules.includes(name));
  const last = Math.min(now.atoms, before.atoms + 60) - 1;
  const atoms = await shop.rpc(
    node,
    `[binary_to_term(<<131, 75, I:24>>) || I <- lists:seq(${String(before.atoms)}, ${String(last)})].`,
  );
  return `${node}: ${String(now.atoms - before.atoms)} atoms: ${atoms}; modules: ${modules.join(' ')}`;
}

/**
 * Has a node's logger write a warning, as OTP's global does when a node is back before all have told that it was lost. Elixir's logger
 * loads what it formats with (nine modules, 330 atoms) when it writes for the first time, whoever has something to say.
 */
async function logOnce(node: string): Promise<void> {
  const terms = '[node(), "text", <<"text">>, {self(), make_ref()}, #{a => 1.5}, fun() -> ok end]';
  await shop.rpc(node, `logger:warning("first of this node: ~p~n~p~n~p~n~p~n~p~n~p", ${terms}).`);
  for (let tries = 0; !(await shop.logOf(node)).includes('first of this node'); tries += 1) {
    if (tries > 100) throw new Error(`${node} logs nothing.`);
    await delay(50);
  }
}

/** Waits until no agent of ours runs on the node, as text or as code. */
async function agentGone(node: string): Promise<void> {
  const running = '[N || N <- registered(), lists:prefix("arsenal_agent", atom_to_list(N))].';
  for (let tries = 0; (await shop.rpc(node, running)) !== '[]'; tries += 1) {
    if (tries > 400) throw new Error(`The agent on ${node} does not end.`);
    await delay(50);
  }
}

/** Everything a window asks for in its life, once. */
async function look(runtime: Runtime, node: string, round: number): Promise<void> {
  const { port } = runtime;
  const keys = ['registered_name', 'initial_call', 'message_queue_len', 'reductions'] as const;
  await readAll(port.processes.scan({ nodes: [node], keys, pageRows: 500 }, inTime()));
  await readAll(port.supervisors.find({ nodes: [node] }, inTime()));
  await readAll(port.names.list({ nodes: [node], registry: 'local' }, inTime()));
  await readAll(port.system.ets({ node }, inTime()));
  await port.system.stats({ node }, inTime());
  await port.cluster.links({}, inTime());
  const control = new AbortController();
  const watching = readAll(
    port.watch.open({ minIntervalMs: 250, of: { rows: 'nodes' } }, callOptions(60_000, control.signal)),
  );
  const pid = await named(runtime, node, 'Elixir.Shop.Catalogue');
  const owner = { principal: 'soak', client: 'soak', operation: 'soak', requestId: String(round) };
  const held = await port.processes.suspend({ pid, how: 'process', owner, lingerMs: 1_000 }, inTime());
  if (held.ok) await port.holdings.release({ id: held.value.id }, inTime());
  control.abort();
  await watching;
}

/** Names that nobody has, in every place where a name can stand. */
async function askForNobody(runtime: Runtime, node: string, from: number, count: number): Promise<void> {
  const { port } = runtime;
  for (let at = from; at < from + count; at += 1) {
    const name = `nobody_${String(at)}_${'x'.repeat(at % 7)}`;
    const target = [
      { name: { in: 'local', node, name } } as const,
      { name: { in: 'global', name: tuple(atom(name), atom('x')) } } as const,
      { name: { in: 'via', module: name, name: atom(name) } } as const,
    ][at % 3];
    if (target !== undefined && at % 5 < 3) {
      const found = await port.names.resolve({ target, seenFrom: node }, inTime());
      expect(found.ok).toBe(false);
    } else {
      const started = await port.processes.start(
        { node, module: name, function: name, args: [{ term: atom(name) }] },
        inTime(),
      );
      expect(started.ok).toBe(false);
    }
  }
}

describe('a long use', () => {
  it('leaves nodes as they were, however often windows come and nodes die', { timeout: soakMs + 120_000 }, async () => {
    for (const node of [one, two]) await logOnce(node);
    const untouched = { one: await figures(one), two: await figures(two) };
    let rounds = 0;
    let killed = 0;
    const seen = new Map<string, Marks>();
    const came: string[] = [];
    const useFor = async (ms: number) => {
      const started = performance.now();
      while (performance.now() - started < ms || rounds % 4 !== 0) {
        rounds += 1;
        const windows = [await connectShop(shop, { leaseDir }), await connectShop(shop, { leaseDir })];
        for (const window of windows) for (const node of [one, two]) await look(window, node, rounds);
        if (rounds % 4 === 0) {
          await shop.killNode(three);
          for (const window of windows) await look(window, one, rounds);
          await shop.startNode(three);
          killed += 1;
        }
        for (const window of windows) await window.close();
        for (const [node, marks] of seen) {
          const now = await marksOf(node);
          if (now.atoms > marks.atoms) came.push(`in round ${String(rounds)}, ${await news(node, marks, now)}`);
          seen.set(node, now);
        }
      }
      await delay(2_000);
    };
    // What is made once is made first: our code, and its text, which is what runs while the code comes or goes; what OTP loads when it is
    // first asked.
    for (const agent of ['none', 'interpret', 'load'] as const) {
      const window = await connectShop(shop, { leaseDir, agent, agentLingerMs: 100 });
      for (const node of [one, two]) await look(window, node, 0);
      await window.close();
      // An agent that runs as text is joined by whoever comes while it lasts.
      for (const node of [one, two]) await agentGone(node);
    }
    await useFor(soakMs / 2);
    for (const node of [one, two]) seen.set(node, await marksOf(node));
    const before = { one: await figures(one), two: await figures(two) };
    const heapBefore = heapNow();
    await useFor(soakMs / 2);
    const after = { one: await figures(one), two: await figures(two) };
    const report = JSON.stringify({ rounds, killed, untouched, before, after, heapBefore, heapAfter: heapNow(), came });
    console.log(`soak: ${report}`);
    expect(rounds).toBeGreaterThan(2);
    for (const node of ['one', 'two'] as const) {
      // Each life of the third node is a creation, no atom; each window had a name from a pool.
      expect(after[node].atoms - before[node].atoms, report).toBeLessThan(10);
      expect(after[node].atoms - untouched[node].atoms, report).toBeLessThan(mostAtoms);
      expect(after[node].processes - before[node].processes, report).toBeLessThan(5);
      expect(after[node].tables, report).toBe(before[node].tables);
      expect(after[node].bytes - before[node].bytes, report).toBeLessThan(12 * 1024 * 1024);
    }
    expect(heapNow() - heapBefore, report).toBeLessThan(10 * 1024 * 1024);
  });

  it('makes no atom of any name that is asked for', { timeout: isLong ? 3_600_000 : 240_000 }, async () => {
    const fresh = await figures(two);
    const runtime = await connectShop(shop, { leaseDir });
    await look(runtime, two, 0);
    await askForNobody(runtime, two, 0, 100);
    const before = await figures(two);
    expect(before.atoms - fresh.atoms).toBeLessThan(mostAtoms);
    // In parts, so that a long form that leaks says so early.
    const [parts, lanes] = [10, 8];
    const each = Math.ceil(names / parts / lanes);
    let after = before;
    for (let part = 0; part < parts; part += 1) {
      await Promise.all(
        Array.from({ length: lanes }, (_, lane) =>
          askForNobody(runtime, two, 1_000 + (part * lanes + lane) * each, each),
        ),
      );
      after = await figures(two);
      if (isLong) console.log(`names: ${String((part + 1) * lanes * each)}, atoms ${String(after.atoms)}`);
      expect(after.atoms - before.atoms).toBeLessThan(20);
    }
    await runtime.close();
    console.log(`names: ${String(names)}, atoms ${String(before.atoms)} → ${String(after.atoms)}`);
  });
});

/** Bytes our own heap has, after a collection. */
function heapNow(): number {
  v8.setFlagsFromString('--expose-gc');
  const collect: unknown = vm.runInNewContext('gc');
  if (typeof collect === 'function') Reflect.apply(collect, undefined, []);
  return process.memoryUsage().heapUsed;
}
