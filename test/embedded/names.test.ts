/** Names of `global` and groups of `pg` of the simulated cluster, through the port: as each node has them, also in a partition. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { callOptions, longestMs } from '../../runtime/callOptions.ts';
import { liveRuntime } from '../../runtime/embedded/liveRuntime.ts';
import type { NameView, ProcessRef, TermInput } from '../../runtime/model.ts';
import { pidText, processId } from '../../runtime/model.ts';
import type { CallOptions, Port, Runtime, WatchTarget } from '../../runtime/port.ts';
import { printTerm } from '../../runtime/term/print.ts';
import { atom } from '../../runtime/term/term.ts';
import { WatchView } from '../../runtime/watch.ts';
import { readAll } from '../port/portSuite.ts';
import { valueOf } from '../port/results.ts';

const [one, two] = ['demo1@sim', 'demo2@sim'];
const owner = { principal: 'user', client: 'test', operation: 'test', requestId: 'r1' };
const leader = { in: 'global', name: atom('leader') } as const;

let runtime: Runtime;
let port: Port;
beforeEach(() => {
  runtime = liveRuntime({ id: 'sim', nodes: [one, two], seed: 1, sandboxChildFile: 'none' });
  ({ port } = runtime);
});
afterEach(() => runtime.close());

const soon = (): CallOptions => callOptions(5000);
const erlang = (source: string): TermInput => ({ syntax: 'erlang', source });
const patience = { timeout: 8000, interval: 20 };

async function run(node: string, module: string, name: string, ...args: readonly string[]): Promise<ProcessRef> {
  return valueOf(await port.processes.start({ node, module, function: name, args: args.map(erlang) }, soon()));
}
const sleeper = (node: string): Promise<ProcessRef> => run(node, 'timer', 'sleep', 'infinity');

/** A process that has the name. */
async function led(node: string): Promise<ProcessRef> {
  const pid = await sleeper(node);
  await run(node, 'global', 'register_name', 'leader', pidText(pid));
  await vi.waitFor(async () => expect(await seenFrom(node)).toBe(processId(pid)), patience);
  return pid;
}

async function seenFrom(node: string): Promise<string> {
  const found = await port.names.resolve({ target: { name: leader, seenFrom: node }, seenFrom: 'any' }, soon());
  return found.ok ? processId(found.value.pid) : found.error.code;
}

async function views(): Promise<readonly NameView[]> {
  return (await readAll(port.names.compare({ nodes: 'all' }, soon()))).frames.flat();
}

/** The rows of a watch, as they are now. */
function watch(of: WatchTarget) {
  const abort = new AbortController();
  const view = new WatchView();
  const reading = (async () => {
    const items = port.watch.open({ minIntervalMs: 0, of }, callOptions(longestMs, abort.signal));
    for await (const item of items) if (item.is === 'frame') view.apply(item.frame);
  })();
  return {
    rows: () => [...(view.state?.rows.values() ?? [])],
    close: async () => {
      abort.abort();
      await reading;
    },
  };
}

async function part(): Promise<string> {
  const islands = [[one], [two]];
  return valueOf(await port.faults.partition({ islands, mode: 'cut', owner, lingerMs: 0 }, soon())).id;
}

describe('global names', () => {
  it('are listed, resolved, compared and watched; in a partition the nodes differ, and it is shown', async () => {
    const seen = watch({ rows: 'names', registry: 'global' });
    expect(await seenFrom(one)).toBe('name.not_found');
    await vi.waitFor(async () => {
      // Both nodes have met when a name given on one is known on the other.
      const pid = await led(one);
      await vi.waitFor(async () => expect(await seenFrom(two)).toBe(processId(pid)), { timeout: 2000, interval: 20 });
    }, patience);
    const { frames, end } = await readAll(port.names.list({ nodes: 'all', registry: 'global' }, soon()));
    expect(frames.flat().map(({ name }) => name)).toEqual([leader]);
    expect(end).toMatchObject({ ok: true, value: { total: 1 } });
    expect((await views()).map(({ agreement }) => agreement)).toEqual(['agreed']);
    await vi.waitFor(() => expect(seen.rows()).toHaveLength(1));

    const holding = await part();
    await vi.waitFor(async () => expect(await seenFrom(two)).toBe('name.not_found'), patience);
    expect((await views()).map(({ agreement }) => agreement)).toEqual(['partial']);
    const there = await led(two);
    expect((await views()).map(({ agreement }) => agreement)).toEqual(['conflict']);
    const resolved = await port.names.resolve({ target: { name: leader }, seenFrom: 'any' }, soon());
    expect(valueOf(resolved).disagree).toEqual([{ node: two, pid: there }]);

    valueOf(await port.holdings.release({ id: holding }, soon()));
    // Somebody speaks: the nodes meet, and one of the two processes ends.
    await run(one, 'net_kernel', 'connect_node', `'${two}'`);
    await vi.waitFor(
      async () => expect((await views()).map(({ agreement }) => agreement)).toEqual(['agreed']),
      patience,
    );
    const alive = await port.processes.info({ pids: [there], keys: ['status'] }, soon());
    expect(valueOf(alive).gone).toEqual([there]);
    await seen.close();
  });

  it('are moved from one process to another, and by nobody who does not have them', async () => {
    const from = await led(one);
    const [to, stranger] = [await sleeper(one), await sleeper(one)];
    const move = (holder: ProcessRef) => port.names.move({ name: leader, from: holder, to }, soon());
    expect(valueOf(await move(stranger))).toEqual({ moved: false, gapMs: 0 });
    expect(valueOf(await move(from))).toEqual({ moved: true, gapMs: 0 });
    expect(await seenFrom(one)).toBe(processId(to));
  });
});

describe('registered names', () => {
  it('are moved within a node and to another one, unless the name or the process is taken', async () => {
    const start = { node: one, module: 'timer', function: 'sleep', args: [erlang('infinity')] };
    const from = valueOf(await port.processes.start({ ...start, name: 'napper' }, soon()));
    const other = valueOf(await port.processes.start({ ...start, name: 'other' }, soon()));
    const [here, there] = [await sleeper(one), await sleeper(two)];
    const move = (holder: ProcessRef, to: ProcessRef) =>
      port.names.move({ name: { in: 'local', node: holder.node, name: 'napper' }, from: holder, to }, soon());
    expect(await move(from, other)).toMatchObject({ ok: false, error: { code: 'name.not_moved' } });
    expect(valueOf(await move(from, here)).moved).toBe(true);
    expect(valueOf(await move(from, here)).moved).toBe(false);
    expect(valueOf(await move(here, there)).moved).toBe(true);
    const target = { name: { in: 'local', node: two, name: 'napper' } } as const;
    expect(valueOf(await port.names.resolve({ target, seenFrom: 'any' }, soon())).pid).toEqual(there);
    const again = valueOf(await port.processes.start({ ...start, name: 'napper' }, soon()));
    expect(await move(again, there)).toMatchObject({ ok: false, error: { code: 'name.taken' } });
  });
});

describe('groups of pg', () => {
  it('are shown as the nodes see them together, and watched', async () => {
    for (const node of [one, two]) await run(node, 'pg', 'start', 'shop');
    const running = async () => {
      const { registries } = valueOf(await port.names.registries({ nodes: 'all' }, soon()));
      return registries.filter(({ kind }) => kind === 'pg');
    };
    await vi.waitFor(async () => expect(await running()).toHaveLength(2));
    const seen = watch({ rows: 'groups', scope: 'shop' });
    const [here, there] = [await sleeper(one), await sleeper(two)];
    for (const pid of [here, here, there]) await run(pid.node, 'pg', 'join', 'shop', '{carts,1}', pidText(pid));
    const groups = async () =>
      (await readAll(port.names.groups({ nodes: 'all', scope: 'shop' }, soon()))).frames.flat();
    await vi.waitFor(async () => {
      const rows = await groups();
      expect(rows.map(({ group, agreement }) => [printTerm(group, { syntax: 'erlang' }), agreement])).toEqual([
        ['{carts,1}', 'agreed'],
      ]);
      const joins = rows[0]?.members.map(({ pid, joins: times, seenBy }) => [processId(pid), times, seenBy.length]);
      expect(joins?.sort()).toEqual(
        [
          [processId(here), 2, 2],
          [processId(there), 1, 2],
        ].sort(),
      );
      expect(seen.rows()).toEqual(rows);
    }, patience);
    expect((await running()).map(({ kind, name, node, size }) => [kind, name, node, size])).toEqual([
      ['pg', 'shop', one, 1],
      ['pg', 'shop', two, 1],
    ]);
    await part();
    await vi.waitFor(async () => {
      expect((await groups()).map(({ agreement }) => agreement)).toEqual(['partial']);
      expect(seen.rows()).toEqual(await groups());
    }, patience);
    const { end } = await readAll(port.names.groups({ nodes: 'all', scope: 'nowhere' }, soon()));
    expect(end).toMatchObject({ ok: false, error: { code: 'registry.not_found' } });
    await seen.close();
  });
});
