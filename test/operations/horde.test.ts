/** Operations on Horde and libcluster, through the pipeline, on the demo of the simulated cluster. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { liveRuntime } from '../../runtime/embedded/liveRuntime.ts';
import type { ChildSpec, HordeChild, HordeEntry, HordeView, NameRow } from '../../runtime/model.ts';
import type { Runtime, StreamItem } from '../../runtime/port.ts';
import { atom } from '../../runtime/term/term.ts';
import type { House } from '../../server/backend/testKit.ts';
import { houseOn } from '../../server/backend/testKit.ts';
import { plannedOn } from '../../server/operations/testKit.ts';

const [one, two, three] = ['demo1@sim', 'demo2@sim', 'demo3@sim'];
const [directory, couriers] = ['Elixir.Shop.Directory', 'Elixir.Shop.Couriers'];
let runtime: Runtime;
let house: House;
const soon = () => ({ remainingMs: 5000, signal: AbortSignal.timeout(5000), correlationId: 'test' });

beforeEach(async () => {
  runtime = liveRuntime({ id: 'sim', nodes: [one, two, three], seed: 1, sandboxChildFile: 'none' });
  house = await houseOn(runtime);
  await vi.waitFor(async () => expect(await entries()).toHaveLength(6), 30_000);
});
afterEach(() => house.close());

async function frames<R>(stream: AsyncIterable<StreamItem<readonly R[], unknown>>): Promise<readonly R[]> {
  const rows: R[] = [];
  for await (const item of stream) {
    if (item.is === 'frame') rows.push(...item.frame);
    else expect(item.result.ok).toBe(true);
  }
  return rows;
}
const entries = (): Promise<readonly HordeEntry[]> =>
  frames<HordeEntry>(runtime.port.horde.entries({ nodes: 'all', name: directory }, soon()));
const children = (): Promise<readonly HordeChild[]> =>
  frames<HordeChild>(runtime.port.horde.children({ nodes: 'all', name: couriers }, soon()));

const spec: ChildSpec = {
  childId: atom('undefined'),
  start: { module: 'Elixir.Shop.Courier', function: 'start_link', args: [atom('beach')] },
  restart: 'permanent',
  shutdown: 5000,
  type: 'worker',
  significant: false,
};

// @row R1.1
describe('the Hordes of the demo', () => {
  // @row T014.d1
  it('are seen from every node, with their members, keys and children', async () => {
    const views = await frames<HordeView>(runtime.port.horde.clusters({ nodes: 'all' }, soon()));
    expect(views.map(({ kind, node }) => `${kind} ${node}`).sort()).toEqual(
      [one, two, three].flatMap((node) => [`registry ${node}`, `supervisor ${node}`]).sort(),
    );
    for (const { members, supervisor, kind } of views) {
      expect(members.map(({ node }) => node)).toEqual([one, two, three]);
      expect(supervisor?.hasQuorum ?? kind === 'registry').toBe(true);
    }
    await vi.waitFor(
      async () => expect((await entries()).map(({ agreement }) => agreement)).toEqual(Array(6).fill('agreed')),
      3000,
    );
    expect((await children()).every(({ holders }) => holders.length === 1 && holders[0]?.alive === true)).toBe(true);
  });

  it('put a child where they say they would', async () => {
    const params = { name: couriers, seenFrom: one, spec };
    const placed = await runtime.port.horde.place(params, soon());
    const started = await runtime.port.horde.startChild({ ...params, prefer: null }, soon());
    if (!placed.ok || !started.ok) throw new Error('not placed, or not started');
    expect(placed.value).toMatchObject({ strategy: 'Elixir.Horde.UniformDistribution', repeatable: true });
    expect(started.value.pid.node).toBe(placed.value.node);
    expect(started.value.predicted).toEqual(placed.value);
    await vi.waitFor(
      async () => expect((await children()).map(({ specHash }) => specHash)).toContain(placed.value.specHash),
      30_000,
    );
    const again = await runtime.port.horde.startChild({ ...params, prefer: null }, soon());
    expect(again.ok ? null : again.error.code).toBe('horde.not_started');
    const unknown = await runtime.port.horde.place({ ...params, name: 'Elixir.Nothing' }, soon());
    expect(unknown.ok ? null : unknown.error.code).toBe('registry.not_found');
  });

  it('are among the registries, and their names among the names', async () => {
    // The couriers come one after the other, in the cluster's own time.
    await vi.waitFor(async () => {
      const found = await runtime.port.names.registries({ nodes: [one] }, soon());
      const hordes = found.ok ? found.value.registries.filter(({ kind }) => kind === 'horde_registry') : [];
      expect(hordes.map(({ name, size }) => [name, size])).toEqual([[directory, 6]]);
    }, 30_000);
    const names = await frames<NameRow>(
      runtime.port.names.list({ nodes: 'all', registry: { via: directory } }, soon()),
    );
    expect(names).toHaveLength(6);
    const [first] = names;
    if (first === undefined) throw new Error('no name');
    const resolved = await runtime.port.names.resolve({ target: { name: first.name }, seenFrom: 'any' }, soon());
    expect(resolved.ok && resolved.value.pid).toEqual(first.pid);
  });

  it('find nothing wrong with themselves', async () => {
    await vi.waitFor(async () => {
      const found = await runtime.port.horde.findings({ nodes: 'all', name: null, settleMs: 700 }, soon());
      expect(found.ok && found.value.findings).toEqual([]);
    }, 30_000);
  });

  it('are watched', async () => {
    const control = new AbortController();
    const of = { rows: 'horde_children', name: couriers } as const;
    const call = { remainingMs: 5000, signal: control.signal, correlationId: 'test' };
    for await (const item of runtime.port.watch.open({ minIntervalMs: 0, of }, call)) {
      if (item.is === 'frame') expect(JSON.stringify(item.frame)).toContain('Elixir.Shop.Courier');
      control.abort();
    }
  });
});

describe('libcluster', () => {
  it('gossips on every node', async () => {
    const found = await runtime.port.libcluster.topologies({ nodes: 'all' }, soon());
    expect(
      found.ok &&
        found.value.topologies.map(({ node, topology, strategy, state }) => [node, topology, strategy, state.is]),
    ).toEqual([one, two, three].map((node) => [node, 'shop', 'Elixir.Cluster.Strategy.Gossip', 'running']));
  });
});

describe('horde_start_child', () => {
  it('is known afterwards, whoever has started children of other specifications meanwhile', async () => {
    const params = (district: string) => ({
      supervisor: 'Shop.Couriers',
      node: one,
      spec: { id: 'courier', module: 'Shop.Courier', args: [{ $term: `:${district}` }] },
    });
    const begun = await plannedOn(house, runtime, 'horde_start_child', params('beach'));
    expect(await begun.probe()).toBe('none');
    await house.result('horde_start_child', params('hills'));
    await vi.waitFor(async () => expect(await children()).toHaveLength(7), 30_000);
    expect(await begun.probe()).toBe('none');
    expect((await begun.apply()).ok).toBe(true);
    await vi.waitFor(async () => expect(await begun.probe()).toBe('applied'), 30_000);
  });
});
