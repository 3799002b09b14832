/** Horde and libcluster as they really are, seen from outside, on three live nodes. Skipped without their compiled code. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ChildSpec, HordeFinding, ProcessRef } from '../../runtime/model.ts';
import { pidText, processId } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import { atom, integer, text, tuple } from '../../runtime/term/term.ts';
import type { Row } from '../../runtime/watch.ts';
import type { LiveNode } from '../harness/erlang.ts';
import { eventually, readAll } from '../port/portSuite.ts';
import { valueOf } from '../port/results.ts';
import type { HordeCluster } from './horde.ts';
import { noHorde, startHorde } from './horde.ts';
import { errorOf, inTime } from './shop.ts';
import type { Watched } from './watching.ts';
import { watch } from './watching.ts';

const registry = 'Elixir.HordeApp.Registry';
const supervisor = 'Elixir.HordeApp.Horde';
const cart = (number: number) => tuple(atom('cart'), integer(number));

async function entriesOf(runtime: Runtime, nodes: readonly string[] | 'all' = 'all') {
  const { frames, end } = await readAll(runtime.port.horde.entries({ nodes, name: registry }, inTime()));
  return { entries: frames.flat(), ...valueOf(end) };
}

async function childrenOf(runtime: Runtime) {
  const { frames, end } = await readAll(runtime.port.horde.children({ nodes: 'all', name: supervisor }, inTime()));
  return { children: frames.flat(), ...valueOf(end) };
}

async function viewsOf(runtime: Runtime) {
  const { frames, end } = await readAll(runtime.port.horde.clusters({ nodes: 'all' }, inTime()));
  return { views: frames.flat(), ...valueOf(end) };
}

async function findingsOf(runtime: Runtime, settleMs = 1_000): Promise<readonly HordeFinding[]> {
  const params = { nodes: 'all', name: null, settleMs } as const;
  return valueOf(await runtime.port.horde.findings(params, inTime(20_000))).findings;
}

function plain(argument: ChildSpec['start']['args'][number]): ChildSpec {
  return {
    childId: atom('plain'),
    start: { module: 'Elixir.HordeApp.Plain', function: 'start_link', args: [argument] },
    restart: 'permanent',
    shutdown: 5_000,
    type: 'worker',
    significant: false,
  };
}

/** The pids in what a node printed, as itself prints its own. */
function ownPids(printed: string): readonly string[] {
  return [...printed.matchAll(/#PID<(0\.\d+\.\d+)>/g)].map(([, numbers]) => `<${numbers ?? ''}>`).sort();
}

function pidsOn(node: string, pids: readonly ProcessRef[]): readonly string[] {
  return pids
    .filter((pid) => pid.node === node)
    .map(pidText)
    .sort();
}

describe.skipIf(noHorde !== null)(`Horde on three nodes${noHorde === null ? '' : ` (${noHorde})`}`, () => {
  let cluster: HordeCluster;
  let runtime: Runtime;
  let first: LiveNode;

  beforeAll(async () => {
    cluster = await startHorde({ nodes: 3 });
    [first] = cluster.nodes as [LiveNode];
    runtime = await cluster.connect();
    await eventually(
      () => viewsOf(runtime),
      ({ views }) =>
        views.length === 6 &&
        views.every(
          ({ kind, members }) =>
            members.length === 3 && (kind === 'registry' || members.every(({ status }) => status === 'alive')),
        ),
    );
    for (let number = 0; number < 9; number += 1) await first.eval(`HordeApp.start_worker({:cart, ${number}})`);
  }, 60_000);
  afterAll(async () => {
    await runtime.close();
    cluster.stop();
  });

  // @row R4.4
  it('finds the members of every Horde with their states, as each says itself', async () => {
    const { views, nodes } = await viewsOf(runtime);
    expect(nodes.map(({ node, status }) => [node, status]).sort()).toEqual(cluster.names.map((node) => [node, 'ok']));
    for (const name of cluster.names) {
      const mine = views.filter(({ node }) => node === name);
      expect(mine.map(({ kind, name: called }) => [kind, called]).sort()).toEqual([
        ['registry', registry],
        ['supervisor', supervisor],
      ]);
      const [horde] = mine.filter(({ kind }) => kind === 'supervisor');
      expect(horde).toMatchObject({
        members: cluster.names.map((node) => ({ node, name: supervisor, status: 'alive' })),
        supervisor: {
          strategy: 'Elixir.Horde.UniformDistribution',
          redistribution: 'passive',
          hasQuorum: true,
          shuttingDown: false,
          proxyHops: null,
        },
      });
    }
  });

  // @row R4.1
  it('lists key, process and node in one view that all nodes agree on', async () => {
    const { entries, total } = await eventually(
      () => entriesOf(runtime),
      ({ entries: listed }) => listed.length === 9 && listed.every(({ agreement }) => agreement === 'agreed'),
    );
    expect(total).toBe(9);
    const holders = entries.flatMap((entry) => entry.holders);
    expect(holders.every(({ alive, seenBy }) => alive === true && seenBy.length === 3)).toBe(true);
    for (const node of cluster.nodes) {
      const own = await node.eval(
        'for {_, p, _, _} <- Horde.DynamicSupervisor.which_children(HordeApp.Horde), node(p) == node(), do: p',
      );
      expect(
        pidsOn(
          node.node,
          holders.map(({ pid }) => pid),
        ),
      ).toEqual(ownPids(own));
    }
    expect(entries.map(({ key }) => JSON.stringify(key)).sort()).toEqual(
      Array.from({ length: 9 }, (_, number) => JSON.stringify(cart(number))).sort(),
    );
  });

  // @row R4.2
  it('shows the children over all nodes, and which member runs each', async () => {
    const { children } = await eventually(
      () => childrenOf(runtime),
      ({ children: listed }) => listed.length === 9 && listed.every(({ agreement }) => agreement === 'agreed'),
    );
    for (const { holders, start, type, restart } of children) {
      expect({ start, type, restart }).toEqual({
        start: { module: 'Elixir.HordeApp.Worker', function: 'start_link', arity: 1 },
        type: 'worker',
        restart: 'permanent',
      });
      expect(holders).toHaveLength(1);
      expect(holders[0]).toMatchObject({ alive: true, member: { node: holders[0]?.pid.node, name: supervisor } });
    }
  });

  // @row R4.5
  it('foretells where a child goes, starts it by Horde, and says where it went', async () => {
    for (let number = 0; number < 6; number += 1) {
      const spec = plain(tuple(atom('ok'), integer(number)));
      const ask = { name: supervisor, seenFrom: first.node, spec };
      const foretold = valueOf(await runtime.port.horde.place(ask, inTime()));
      expect(foretold).toMatchObject({
        member: supervisor,
        strategy: 'Elixir.Horde.UniformDistribution',
        repeatable: true,
      });
      const elsewhere = cluster.names.find((name) => name !== foretold.node) ?? '';
      const started = valueOf(await runtime.port.horde.startChild({ ...ask, prefer: elsewhere }, inTime()));
      expect(started.pid.node).toBe(foretold.node);
      expect(started.placed).toEqual({ wanted: elsewhere, got: foretold.node, why: 'not_allowed' });
      expect(started.predicted).toEqual(foretold);
      // By this a child is found again whose start was cut off.
      const { children } = await eventually(
        () => childrenOf(runtime),
        (seen) =>
          seen.children.some(({ holders }) => holders.some(({ pid }) => processId(pid) === processId(started.pid))),
      );
      const own = children.find(({ holders }) => holders.some(({ pid }) => processId(pid) === processId(started.pid)));
      expect(own?.specHash).toBe(foretold.specHash);
    }
  });

  it('places a child as the application itself does with the same specification', async () => {
    const ask = { name: supervisor, seenFrom: first.node, spec: plain(integer(4711)) };
    const foretold = valueOf(await runtime.port.horde.place(ask, inTime()));
    const own = await first.eval(
      '{:ok, pid} = Horde.DynamicSupervisor.start_child(HordeApp.Horde, {HordeApp.Plain, 4711}); node(pid)',
    );
    expect(own).toContain(foretold.node);
  });

  it('says why a child was not started, and that there is no such supervisor', async () => {
    const taken = {
      ...plain(cart(1)),
      start: { module: 'Elixir.HordeApp.Worker', function: 'start_link', args: [cart(1)] },
    };
    const ask = { name: supervisor, seenFrom: first.node, spec: taken, prefer: null };
    expect(errorOf(await runtime.port.horde.startChild(ask, inTime()))).toMatchObject({
      code: 'horde.not_started',
      effect: 'none',
      details: { reason: 'ignore' },
    });
    const none = { ...ask, name: 'Elixir.HordeApp.Worker' };
    expect(errorOf(await runtime.port.horde.startChild(none, inTime()))).toMatchObject({ code: 'registry.not_found' });
  });

  it('lists the names of a Horde.Registry, and what registries there are', async () => {
    const rows = (
      await readAll(runtime.port.names.list({ nodes: 'all', registry: { via: registry } }, inTime()))
    ).frames.flat();
    expect(rows).toHaveLength(9);
    expect(rows[0]?.name).toMatchObject({ in: 'via', module: 'Elixir.Horde.Registry' });
    const { registries } = valueOf(await runtime.port.names.registries({ nodes: [first.node] }, inTime()));
    expect(registries).toMatchObject([{ kind: 'horde_registry', name: registry, keys: 'unique', size: 9 }]);
  });

  it('moves a name from one process to another on another node; nobody is ended for it', async () => {
    const [, second, third] = cluster.nodes as [LiveNode, LiveNode, LiveNode];
    await second.eval(
      '{:ok, p} = GenServer.start(HordeApp.Plain, 1); Process.register(p, :mover_from); :yes = Horde.Registry.register_name({HordeApp.Registry, :moved, :worth}, p)',
    );
    await third.eval('{:ok, p} = GenServer.start(HordeApp.Plain, 2); Process.register(p, :mover_to)');
    const pidOf = async (node: string, name: string) =>
      valueOf(
        await runtime.port.names.resolve({ target: { name: { in: 'local', node, name } }, seenFrom: node }, inTime()),
      ).pid;
    const [from, to] = [await pidOf(second.node, 'mover_from'), await pidOf(third.node, 'mover_to')];
    const name = { in: 'via', module: 'Elixir.Horde.Registry', name: tuple(atom(registry), atom('moved')) } as const;
    await eventually(
      () => entriesOf(runtime),
      ({ entries }) =>
        entries.some(({ key, agreement }) => key.t === 'atom' && key.v === 'moved' && agreement === 'agreed'),
    );
    const moved = valueOf(await runtime.port.names.move({ name, from, to }, inTime()));
    expect(moved.moved).toBe(true);
    expect(moved.gapMs).toBeLessThan(5_000);
    const { entries } = await eventually(
      () => entriesOf(runtime),
      ({ entries: listed }) =>
        listed.some(
          ({ key, agreement, holders }) =>
            key.t === 'atom' && key.v === 'moved' && agreement === 'agreed' && holders[0]?.pid.node === third.node,
        ),
    );
    expect(entries.find(({ key }) => key.t === 'atom')?.holders.map(({ pid }) => pid)).toEqual([to]);
    expect(await first.eval('Horde.Registry.lookup(HordeApp.Registry, :moved) |> hd() |> elem(1)')).toBe(':worth');
    expect(await second.eval('Process.alive?(Process.whereis(:mover_from))')).toBe('true');
    expect(valueOf(await runtime.port.names.move({ name, from, to }, inTime()))).toEqual({ moved: false, gapMs: 0 });
    await third.eval('Process.exit(Process.whereis(:mover_to), :kill)');
    await second.eval('Process.exit(Process.whereis(:mover_from), :kill)');
  });

  // @row R4.3
  it('follows members, keys and children as they come, go and move, at any node', async () => {
    const rows = <T>({ view }: Watched, pick: (row: Row) => T) => [...(view.state?.rows.values() ?? [])].map(pick);
    const hordes = watch(runtime, { rows: 'horde' });
    const keys = watch(runtime, { rows: 'horde_entries', name: registry });
    const children = watch(runtime, { rows: 'horde_children', name: supervisor });
    const names = watch(runtime, { rows: 'names', registry: { via: registry } });
    const third = cluster.nodes[2] ?? first;
    try {
      await eventually(
        () => Promise.resolve([hordes, keys, children, names].map(({ view }) => view.state?.rows.size ?? -1)),
        ([members, held, run, named]) => members === 6 && held === 9 && named === 9 && (run ?? 0) > 9,
      );
      const before = children.view.state?.rows.size ?? 0;
      await third.eval('HordeApp.start_worker(:watched)');
      const isWatched = (row: Row) => JSON.stringify(row).includes('"watched"');
      await eventually(
        () =>
          Promise.resolve([keys.view.state?.rows.size, children.view.state?.rows.size, names.view.state?.rows.size]),
        ([held, run, named]) => held === 10 && run === before + 1 && named === 10,
      );
      await eventually(
        () => Promise.resolve(rows(keys, (row) => (isWatched(row) ? row['agreement'] : null))),
        (agreements) => agreements.includes('agreed'),
      );
      // Ended for good, it is started anew by its supervisor: the key stands for another process.
      const pidOf = () => JSON.stringify(rows(keys, (row) => (isWatched(row) ? row['holders'] : '')));
      const old = pidOf();
      await third.eval(
        '{pid, _} = Horde.Registry.lookup(HordeApp.Registry, :watched) |> hd(); Process.exit(pid, :kill)',
      );
      const agreement = () =>
        rows(keys, (row) => (isWatched(row) ? row['agreement'] : null)).find((one) => one !== null);
      await eventually(
        () => Promise.resolve([pidOf(), agreement()]),
        ([now, agreed]) => now !== old && agreed === 'agreed',
      );
      // The registry knows of the new process sooner than the member of the supervisor on this node may.
      await eventually(
        () =>
          third.eval(
            '{pid, _} = Horde.Registry.lookup(HordeApp.Registry, :watched) |> hd(); Horde.DynamicSupervisor.terminate_child(HordeApp.Horde, pid)',
          ),
        (said) => said === ':ok',
      );
      await eventually(
        () =>
          Promise.resolve([keys.view.state?.rows.size, children.view.state?.rows.size, names.view.state?.rows.size]),
        ([held, run, named]) => held === 9 && run === before && named === 9,
      );
    } finally {
      for (const one of [hordes, keys, children, names]) await one.close();
    }
  });

  it('tells all that changed among many keys, whatever came and went at once', async () => {
    const keys = watch(runtime, { rows: 'horde_entries', name: registry });
    const held = async () => Number(await first.eval('Horde.Registry.count(HordeApp.Registry)'));
    const agreed = () =>
      [...(keys.view.state?.rows.values() ?? [])].filter((row) => row['agreement'] === 'agreed').length;
    const change = (code: string) => first.eval(`${code}; Horde.Registry.count(HordeApp.Registry)`);
    const before = await held();
    try {
      await first.eval(`:persistent_term.put(:many, HordeApp.register(900))`);
      for (const [code, more] of [
        ['for n <- 1..900, rem(n, 3) == 0, do: Horde.Registry.unregister_name({HordeApp.Registry, {:key, n}})', 600],
        [
          'for n <- 1..500, do: Horde.Registry.register_name({HordeApp.Registry, {:later, n}}, :persistent_term.get(:many))',
          1_100,
        ],
        ['Horde.Registry.unregister_name({HordeApp.Registry, {:later, 250}})', 1_099],
        ['Process.exit(:persistent_term.get(:many), :kill)', 0],
      ] as const) {
        await change(code);
        await eventually(held, (count) => count === before + more);
        await eventually(
          () => Promise.resolve([keys.view.state?.rows.size, agreed()]),
          ([size, same]) => size === before + more && same === before + more,
          15_000,
        );
      }
    } finally {
      await keys.close();
      await first.eval(':persistent_term.erase(:many)');
    }
  });

  it('neither reads nor asks a Horde that is watched while nothing happens in it', async () => {
    const watched = [
      watch(runtime, { rows: 'horde' }),
      watch(runtime, { rows: 'horde_entries', name: registry }),
      watch(runtime, { rows: 'horde_children', name: supervisor }),
    ];
    // What a supervisor answers Horde's own measuring, once in five seconds, is twenty reductions; asked every time we look it would be
    // some hundreds.
    const supervisorWork = async () =>
      Number(await first.eval('{:reductions, n} = Process.info(Process.whereis(HordeApp.Horde), :reductions); n'));
    try {
      await eventually(
        () => Promise.resolve(watched.map(({ view }) => view.state?.rows.size ?? 0)),
        (sizes) => sizes.every((size) => size > 0),
      );
      await eventually(
        async () => {
          const before = await supervisorWork();
          await new Promise((resolve) => setTimeout(resolve, 1_500));
          return (await supervisorWork()) - before;
        },
        (work) => work <= 50,
        20_000,
      );
    } finally {
      for (const { close } of watched) await close();
    }
  });

  it('leaves the moving of its children to Horde', async () => {
    const { children } = await childrenOf(runtime);
    const pid = children[0]?.holders[0]?.pid ?? { node: '', creation: 0, id: 0, serial: 0 };
    const node = cluster.names.find((name) => name !== pid.node) ?? '';
    const owner = { principal: 'test', client: 'test', operation: 'migrate_process', requestId: 'test' };
    const move = { pid, node, maxBytes: 10_000, forwardMs: 100, owner, lingerMs: 1_000 };
    expect(errorOf(await runtime.port.processes.migrate(move, inTime()))).toMatchObject({
      class: 'unsupported',
      effect: 'none',
    });
    const after = await childrenOf(runtime);
    expect(
      after.children.find(({ childId }) => JSON.stringify(childId) === JSON.stringify(children[0]?.childId)),
    ).toEqual(children[0]);
  });

  it('finds nothing wrong where nothing is', async () => {
    await eventually(
      () => entriesOf(runtime),
      ({ entries }) => entries.every(({ agreement }) => agreement === 'agreed'),
    );
    expect(await findingsOf(runtime)).toEqual([]);
  });
});

describe.skipIf(noHorde !== null)('Horde after a partition', () => {
  let cluster: HordeCluster;
  let runtime: Runtime;

  beforeAll(async () => {
    cluster = await startHorde({ nodes: 3 });
    runtime = await cluster.connect();
    await eventually(
      () => viewsOf(runtime),
      ({ views }) =>
        views.length === 6 &&
        views.every(
          ({ members }) => members.length === 3 && members.every(({ status }) => status === null || status === 'alive'),
        ),
    );
  }, 60_000);
  afterAll(async () => {
    await runtime.close();
    cluster.stop();
  });

  // @row IV-32
  it('sees both sides while it lasts, and duplicates and the nameless after the heal', async () => {
    const [one, two, three] = cluster.nodes as [LiveNode, LiveNode, LiveNode];
    for (let number = 0; number < 6; number += 1) await one.eval(`HordeApp.start_worker({:cart, ${number}})`);
    for (let number = 0; number < 6; number += 1) await one.eval(`HordeApp.start_plain({:stubborn, ${number}})`);
    await eventually(
      () => childrenOf(runtime),
      ({ children }) => children.length === 12 && children.every(({ agreement }) => agreement === 'agreed'),
    );
    await cluster.cut(one, three);
    await cluster.cut(two, three);

    const split = await eventually(
      () => viewsOf(runtime),
      ({ views }) => {
        const seenBy = (node: string) =>
          views.find((view) => view.kind === 'registry' && view.node === node)?.members.length;
        return seenBy(one.node) === 2 && seenBy(three.node) === 1;
      },
      15_000,
    );
    expect(split.nodes.every(({ status }) => status === 'ok')).toBe(true);
    // Each side has started the other's children anew.
    await eventually(
      async () => (await findingsOf(runtime, 300)).map(({ kind }) => kind),
      (kinds) => kinds.includes('members_differ') && kinds.includes('name_conflict'),
      15_000,
    );

    await cluster.heal(one, three);
    await cluster.heal(two, three);
    await eventually(
      () => viewsOf(runtime),
      ({ views }) =>
        views.every(
          ({ members }) => members.length === 3 && members.every(({ status }) => status === null || status === 'alive'),
        ),
      15_000,
    );
    await eventually(
      () => findingsOf(runtime, 300),
      (found) => !found.some(({ kind }) => kind === 'name_conflict' || kind === 'members_differ'),
      15_000,
    );
    // What it leaves behind is seen, and it is what the nodes themselves say: processes that no table names.
    const after = await findingsOf(runtime);
    const unknown = after.filter(({ kind }) => kind === 'child_unknown').flatMap(({ processes }) => processes);
    const told: string[] = [];
    for (const node of cluster.nodes) {
      const pids = await node.eval(`
        known = Horde.DynamicSupervisor.which_children(HordeApp.Horde) |> Enum.map(&elem(&1, 1)) |> Enum.filter(&(node(&1) == node()))
        table = Enum.find(:ets.all(), &(:ets.info(&1, :name) == :process_pid_to_id))
        Enum.reject(known, &:ets.member(table, &1))`);
      told.push(...ownPids(pids).map((pid) => `${node.node} ${pid}`));
    }
    expect(unknown.map((pid) => `${pid.node} ${pidText(pid)}`).sort()).toEqual(told.sort());
    expect(unknown.length + after.filter(({ kind }) => kind === 'child_duplicate').length).toBeGreaterThan(0);
  }, 60_000);
});

describe.skipIf(noHorde !== null)('other strategies of Horde, and libcluster', () => {
  let cluster: HordeCluster;
  let runtime: Runtime;

  beforeAll(async () => {
    cluster = await startHorde({
      nodes: 2,
      options: `[strategy: Horde.UniformRandomDistribution, proxy_message_ttl: 0, redistribution: :active, topologies: [
        near: [strategy: Cluster.Strategy.LocalEpmd],
        talk: [strategy: Cluster.Strategy.Gossip, config: [port: 45_999, if_addr: "127.0.0.1", multicast_if: "127.0.0.1", multicast_addr: "127.0.0.1", secret: "hush", nested: %{api_token: "hush"}]]]]`,
    });
    runtime = await cluster.connect();
    await eventually(
      () => viewsOf(runtime),
      ({ views }) =>
        views
          .filter(({ kind }) => kind === 'supervisor')
          .every(({ members }) => members.length === 2 && members.every(({ status }) => status === 'alive')),
    );
  }, 60_000);
  afterAll(async () => {
    await runtime.close();
    cluster.stop();
  });

  it('honours a preference where the strategy hands nothing on', async () => {
    for (const prefer of [...cluster.names, ...cluster.names]) {
      const ask = { name: supervisor, seenFrom: cluster.names[0] ?? '', spec: plain(text(prefer)), prefer };
      const started = valueOf(await runtime.port.horde.startChild(ask, inTime()));
      expect(started.placed).toEqual({ wanted: prefer, got: prefer, why: 'as_asked' });
      expect(started.predicted).toBeNull();
    }
    const ask = { name: supervisor, seenFrom: cluster.names[0] ?? '', spec: plain(text('any')) };
    expect(valueOf(await runtime.port.horde.place(ask, inTime()))).toMatchObject({
      strategy: 'Elixir.Horde.UniformRandomDistribution',
      repeatable: false,
    });
  });

  it.each(['interpret', 'none'] as const)('reads, starts and watches the same with the agent “%s”', async (agent) => {
    const plainly = await cluster.connect({ id: agent, agent });
    try {
      await runtime.port.horde.startChild(
        { name: supervisor, seenFrom: cluster.names[1] ?? '', spec: plain(text(agent)), prefer: null },
        inTime(),
      );
      await eventually(
        () => childrenOf(runtime),
        ({ children }) => children.every(({ agreement }) => agreement === 'agreed'),
      );
      const [loaded, bare] = [await childrenOf(runtime), await childrenOf(plainly)];
      const ids = ({ children }: typeof loaded) => children.map(({ childId, specHash }) => [childId, specHash]);
      expect(new Set(ids(bare).map((one) => JSON.stringify(one)))).toEqual(
        new Set(ids(loaded).map((one) => JSON.stringify(one))),
      );
      expect(bare.children.every(({ holders }) => holders.every(({ alive }) => alive === true))).toBe(true);
      expect((await viewsOf(plainly)).views.map(({ node, kind, size }) => [node, kind, size]).sort()).toEqual(
        (await viewsOf(runtime)).views.map(({ node, kind, size }) => [node, kind, size]).sort(),
      );
      expect(await findingsOf(plainly, 100)).toEqual(await findingsOf(runtime, 100));
      const { view, close } = watch(plainly, { rows: 'horde_children', name: supervisor });
      await eventually(
        () => Promise.resolve(view.state?.rows.size ?? -1),
        (size) => size === bare.children.length,
      );
      const ask = { name: supervisor, seenFrom: cluster.names[0] ?? '', spec: plain(text(`${agent} too`)) };
      expect(valueOf(await plainly.port.horde.place(ask, inTime())).repeatable).toBe(false);
      valueOf(await plainly.port.horde.startChild({ ...ask, prefer: null }, inTime()));
      await eventually(
        () => Promise.resolve(view.state?.rows.size ?? -1),
        (size) => size === bare.children.length + 1,
      );
      await close();
      const { topologies } = valueOf(await plainly.port.libcluster.topologies({ nodes: 'all' }, inTime()));
      expect(topologies).toHaveLength(4);
      expect(JSON.stringify(topologies)).not.toContain('hush');
    } finally {
      await plainly.close();
    }
  });

  it('shows libcluster’s topologies with strategy and configuration, without their secrets', async () => {
    const { topologies } = valueOf(await runtime.port.libcluster.topologies({ nodes: 'all' }, inTime()));
    expect(topologies).toHaveLength(4);
    const near = topologies.filter(({ topology }) => topology === 'near');
    expect(near.map(({ strategy, state }) => [strategy, state.is])).toEqual([
      ['Elixir.Cluster.Strategy.LocalEpmd', 'ended'],
      ['Elixir.Cluster.Strategy.LocalEpmd', 'ended'],
    ]);
    const talk = topologies.filter(({ topology }) => topology === 'talk');
    expect(talk.map(({ strategy, state }) => [strategy, state.is])).toEqual([
      ['Elixir.Cluster.Strategy.Gossip', 'running'],
      ['Elixir.Cluster.Strategy.Gossip', 'running'],
    ]);
    expect(JSON.stringify(talk)).toContain('45999');
    expect(JSON.stringify(talk)).toContain('(hidden)');
    expect(JSON.stringify(topologies)).not.toContain('hush');
  });
});

describe.skipIf(noHorde !== null)('a Horde with a quorum', () => {
  let cluster: HordeCluster;
  let runtime: Runtime;

  beforeAll(async () => {
    cluster = await startHorde({ nodes: 3, options: '[strategy: Horde.UniformQuorumDistribution]' });
    runtime = await cluster.connect();
    await eventually(
      () => viewsOf(runtime),
      ({ views }) =>
        views.filter(({ kind, supervisor: state }) => kind === 'supervisor' && state?.hasQuorum === true).length ===
          3 && views.every(({ members }) => members.length === 3),
    );
  }, 60_000);
  afterAll(async () => {
    await runtime.close();
    cluster.stop();
  });

  it('says on which side it is, and places nothing on the other', async () => {
    const [one, two, three] = cluster.nodes as [LiveNode, LiveNode, LiveNode];
    const ask = { name: supervisor, spec: plain(integer(1)) };
    expect(valueOf(await runtime.port.horde.place({ ...ask, seenFrom: three.node }, inTime()))).toMatchObject({
      strategy: 'Elixir.Horde.UniformQuorumDistribution',
      repeatable: true,
    });
    // The members stay the same, so that two of three are a quorum and one is none.
    for (const node of cluster.nodes)
      await node.eval('Supervisor.terminate_child(HordeApp.Horde.Supervisor, Horde.NodeListener)');
    await cluster.cut(one, three);
    await cluster.cut(two, three);
    const states = await eventually(
      async () =>
        new Map(
          (await viewsOf(runtime)).views.flatMap((view) =>
            view.kind === 'supervisor' ? [[view.node, view.supervisor?.hasQuorum] as const] : [],
          ),
        ),
      (quorum) => quorum.get(three.node) === false,
      15_000,
    );
    expect([states.get(one.node), states.get(two.node)]).toEqual([true, true]);
    expect(errorOf(await runtime.port.horde.place({ ...ask, seenFrom: three.node }, inTime()))).toMatchObject({
      code: 'horde.no_place',
      class: 'conflict',
    });
    const chosen = valueOf(await runtime.port.horde.place({ ...ask, seenFrom: one.node }, inTime())).node;
    expect([one.node, two.node]).toContain(chosen);
  });
});
