/** Names that span nodes, on three live nodes: what each sees of `global` and `pg`, before, during and after a partition. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectBeam } from '../../runtime/beam/beamRuntime.ts';
import type { GroupRow, NameRef, NameView } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import { atom, integer, tuple } from '../../runtime/term/term.ts';
import type { LiveNode } from '../harness/erlang.ts';
import { startErlang, stopAll } from '../harness/erlang.ts';
import { eventually, readAll } from '../port/portSuite.ts';
import { valueOf } from '../port/results.ts';
import { errorOf, freshLeaseDir, inTime, named } from './shop.ts';
import { watch } from './watching.ts';

const cookie = 'names';
const args = ['-kernel', 'prevent_overlapping_partitions', 'false', '-kernel', 'logger_level', 'emergency'];
let nodes: readonly LiveNode[];
let one: LiveNode;
let two: LiveNode;
let three: LiveNode;
const runtimes: Runtime[] = [];

beforeAll(async () => {
  nodes = await Promise.all(['names1', 'names2', 'names3'].map((name) => startErlang({ name, cookie, args })));
  [one, two, three] = nodes as [LiveNode, LiveNode, LiveNode];
  for (const node of [two, three]) await node.eval(`net_kernel:connect_node('${one.node}').`);
  await three.eval(`net_kernel:connect_node('${two.node}').`);
  for (const node of nodes) await node.eval('{ok, P} = pg:start(names_scope), unlink(P), global:sync().');
}, 60_000);
afterAll(async () => {
  for (const runtime of runtimes) await runtime.close();
  stopAll();
});

async function connect(agent: 'load' | 'interpret' | 'none'): Promise<Runtime> {
  const epmd = { port: one.epmdPort };
  const spec = { id: `names-${agent}`, node: one.node, cookie, epmd, leaseDir: freshLeaseDir(), agent };
  const runtime = valueOf(await connectBeam(spec));
  runtimes.push(runtime);
  await eventually(
    async () =>
      valueOf(await runtime.port.cluster.nodes({}, inTime())).nodes.filter(({ reach }) => reach.via === 'direct'),
    (known) => known.length === 3,
  );
  return runtime;
}

/** A process on a node, registered there as `name`. */
async function start(node: LiveNode, name: string): Promise<void> {
  await node.eval(`register(${name}, spawn(fun() -> receive stop -> ok end end)).`);
}

async function globals(runtime: Runtime): Promise<readonly NameView[]> {
  const { frames, end } = await readAll(runtime.port.names.compare({ nodes: 'all' }, inTime()));
  expect(valueOf(end).nodes.every(({ status }) => status === 'ok')).toBe(true);
  return frames.flat();
}

async function groups(runtime: Runtime): Promise<readonly GroupRow[]> {
  const { frames, end } = await readAll(runtime.port.names.groups({ nodes: 'all', scope: 'names_scope' }, inTime()));
  valueOf(end);
  return frames.flat();
}

async function cut(here: LiveNode, there: LiveNode): Promise<void> {
  await here.eval(`erlang:set_cookie('${there.node}', cut), erlang:disconnect_node('${there.node}').`);
  await there.eval(`erlang:set_cookie('${here.node}', cut_too), erlang:disconnect_node('${here.node}').`);
}

async function heal(here: LiveNode, there: LiveNode): Promise<void> {
  await here.eval(`erlang:set_cookie('${there.node}', ${cookie}).`);
  await there.eval(`erlang:set_cookie('${here.node}', ${cookie}), net_kernel:connect_node('${here.node}').`);
}

describe.each(['load', 'interpret', 'none'] as const)('with the agent “%s”', (agent) => {
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = await connect(agent);
  });

  it('shows a global name as each node sees it', async () => {
    await start(two, `global_${agent}`);
    await two.eval(`yes = global:register_name({shown, ${agent}}, whereis(global_${agent})).`);
    const pid = await named(runtime, two.node, `global_${agent}`);
    const name = { in: 'global', name: tuple(atom('shown'), atom(agent)) };
    const shown = await eventually(
      async () => (await globals(runtime)).filter(({ name: ref }) => JSON.stringify(ref) === JSON.stringify(name)),
      ([view]) => view?.agreement === 'agreed',
    );
    expect(shown[0]?.views.map(({ node, pid: seen }) => [node, seen]).sort()).toEqual(
      nodes.map(({ node }) => [node, pid]).sort(),
    );
  });

  it('lists the groups of a scope with their members, and how often each has joined', async () => {
    await start(three, `grouped_${agent}`);
    await three.eval(`P = whereis(grouped_${agent}), ok = pg:join(names_scope, {group, ${agent}}, [P, P]).`);
    const pid = await named(runtime, three.node, `grouped_${agent}`);
    const listed = await eventually(
      async () => (await groups(runtime)).filter(({ group }) => JSON.stringify(group).includes(agent)),
      ([row]) => row?.agreement === 'agreed',
    );
    expect(listed).toMatchObject([{ scope: 'names_scope', group: tuple(atom('group'), atom(agent)) }]);
    expect(listed[0]?.members.map((member) => [member.pid, member.joins, member.seenBy.length])).toEqual([[pid, 2, 3]]);
    const { registries } = valueOf(await runtime.port.names.registries({ nodes: 'all' }, inTime()));
    expect(
      registries
        .filter(({ name }) => name === 'names_scope')
        .map(({ kind, node }) => [kind, node])
        .sort(),
    ).toEqual(nodes.map(({ node }) => ['pg', node]).sort());
  });

  it('lists names that span nodes as one of those that agree has them', async () => {
    const long = `wide_${agent}_${'x'.repeat(60)}`;
    await two.eval(
      `[yes = global:register_name(list_to_atom("${long}" ++ integer_to_list(N)), spawn(fun() -> receive stop -> ok end end)) || N <- lists:seq(1, 300)], ok.`,
    );
    for (const node of nodes) await node.eval('global:sync().');
    /** Bytes that each node has sent so far. */
    const sent = () =>
      Promise.all(
        nodes.map(async (node) => Number(/output,(\d+)/.exec(await node.eval('erlang:statistics(io).'))?.[1])),
      );
    const listed = async () => {
      const { frames, end } = await readAll(runtime.port.names.list({ nodes: 'all', registry: 'global' }, inTime()));
      expect(valueOf(end).nodes.map(({ status }) => status)).toEqual(['ok', 'ok', 'ok']);
      const rows = frames.flat();
      expect(valueOf(end).total).toBe(rows.length);
      return rows.filter(({ name }) => JSON.stringify(name).includes(long)).length;
    };
    // What runs there is sent there first.
    await listed();
    const before = await sent();
    expect(await listed()).toBe(300);
    const bytes = (await sent()).map((now, at) => now - (before[at] ?? Number.NaN));
    // 300 rows are more than 10,000, however they are packed; what says that two nodes agree is less than 500.
    expect(bytes.filter((each) => each > 5_000)).toHaveLength(1);
    await two.eval(
      `[begin exit(global:whereis_name(N), kill), global:unregister_name(N) end || N <- global:registered_names(), is_atom(N), lists:prefix("${long}", atom_to_list(N))], ok.`,
    );
  });

  it.each(['local', 'global'] as const)('shows that a %s name came and went on another node', async (registry) => {
    const { view, close } = watch(runtime, { rows: 'names', registry });
    const name = `watched_${registry}_${agent}`;
    const isThere = () =>
      [...(view.state?.rows.values() ?? [])].some((row) => JSON.stringify(row).includes(`"${name}"`));
    try {
      await eventually(
        () => Promise.resolve(view.state),
        (state) => state !== null,
      );
      expect(isThere()).toBe(false);
      await start(three, name);
      if (registry === 'global') await three.eval(`yes = global:register_name(${name}, whereis(${name})).`);
      await eventually(
        () => Promise.resolve(isThere()),
        (there) => there,
      );
      await three.eval(`exit(whereis(${name}), kill).`);
      await eventually(
        () => Promise.resolve(isThere()),
        (there) => !there,
      );
    } finally {
      await close();
    }
  });

  it('shows that a process joined a group on another node', async () => {
    const { view, close } = watch(runtime, { rows: 'groups', scope: 'names_scope' });
    try {
      await eventually(
        () => Promise.resolve(view.state),
        (state) => state !== null,
      );
      await start(two, `joined_${agent}`);
      await two.eval(`ok = pg:join(names_scope, late_${agent}, whereis(joined_${agent})).`);
      await eventually(
        () =>
          Promise.resolve(
            [...(view.state?.rows.values() ?? [])].filter((row) =>
              JSON.stringify(row['group']).includes(`late_${agent}`),
            ),
          ),
        ([row]) => row?.['agreement'] === 'agreed',
      );
      await two.eval(`exit(whereis(joined_${agent}), kill).`);
      await eventually(
        () => Promise.resolve([...(view.state?.rows.keys() ?? [])].filter((key) => key.includes(`late_${agent}`))),
        (keys) => keys.length === 0,
      );
    } finally {
      await close();
    }
  });

  it('moves local and global names, and says when a name is not the process’s to give', async () => {
    const from = `from_${agent}`;
    await start(one, from);
    await start(two, `elsewhere_${agent}`);
    await two.eval(`Mention = ${from}, is_atom(Mention).`);
    const giver = await named(runtime, one.node, from);
    const taker = await named(runtime, two.node, `elsewhere_${agent}`);
    const local: NameRef = { in: 'local', node: one.node, name: from };
    // A process has one name only.
    expect(errorOf(await runtime.port.names.move({ name: local, from: giver, to: taker }, inTime()))).toMatchObject({
      code: 'name.not_moved',
    });
    await two.eval(`unregister(elsewhere_${agent}).`);
    expect(valueOf(await runtime.port.names.move({ name: local, from: giver, to: taker }, inTime()))).toEqual({
      moved: true,
      gapMs: 0,
    });
    expect(await one.eval(`whereis(${from}).`)).toBe('undefined');
    expect(await named(runtime, two.node, from)).toEqual(taker);
    expect(valueOf(await runtime.port.names.move({ name: local, from: giver, to: taker }, inTime())).moved).toBe(false);

    await two.eval(`yes = global:register_name(moving_${agent}, whereis(${from})).`);
    const global: NameRef = { in: 'global', name: atom(`moving_${agent}`) };
    expect(valueOf(await runtime.port.names.move({ name: global, from: taker, to: giver }, inTime())).moved).toBe(true);
    const target = { name: global };
    expect(valueOf(await runtime.port.names.resolve({ target, seenFrom: three.node }, inTime())).pid).toEqual(giver);
    expect(valueOf(await runtime.port.names.move({ name: global, from: taker, to: giver }, inTime())).moved).toBe(
      false,
    );
  });

  it('does not move names that only their holder can give', async () => {
    const pid = await named(runtime, one.node, 'kernel_sup');
    const name: NameRef = { in: 'via', module: 'Elixir.Registry', name: tuple(atom('any'), integer(1)) };
    expect(errorOf(await runtime.port.names.move({ name, from: pid, to: pid }, inTime()))).toMatchObject({
      class: 'unsupported',
    });
  });

  it('says that there is no such scope or registry', async () => {
    const { end } = await readAll(runtime.port.names.groups({ nodes: 'all', scope: 'kernel_sup' }, inTime()));
    expect(errorOf(end)).toMatchObject({ code: 'registry.not_found', class: 'not_found' });
    const params = { nodes: 'all', name: 'kernel_sup' } as const;
    expect(errorOf((await readAll(runtime.port.horde.entries(params, inTime()))).end).code).toBe('registry.not_found');
    expect(valueOf((await readAll(runtime.port.horde.clusters({ nodes: 'all' }, inTime()))).end).nodes).toHaveLength(3);
  });
});

describe('a partition', () => {
  it('shows what each side sees under a name, and a group that has lost members, until it heals', async () => {
    const runtime = await connect('load');
    const islands = [one, three] as const;
    await start(three, 'lonely');
    await three.eval(
      'ok = pg:join(names_scope, split, whereis(lonely)), yes = global:register_name(split_first, whereis(lonely)).',
    );
    await eventually(
      async () => (await groups(runtime)).find(({ group }) => JSON.stringify(group) === JSON.stringify(atom('split'))),
      (row) => row?.agreement === 'agreed',
    );
    const { view, close } = watch(runtime, { rows: 'groups', scope: 'names_scope' });
    try {
      for (const node of [one, two]) await cut(node, three);
      for (const node of islands) {
        await start(node, 'twin');
        await node.eval('yes = global:register_name(split, whereis(twin)).');
      }
      const [first, third] = [await named(runtime, one.node, 'twin'), await named(runtime, three.node, 'twin')];
      const split = await eventually(
        async () => (await globals(runtime)).find(({ name }) => JSON.stringify(name).includes('"split"')),
        (found) => found?.agreement === 'conflict',
      );
      expect(split?.views.map(({ node, pid }) => [node, pid]).sort()).toEqual(
        [
          [one.node, first],
          [two.node, first],
          [three.node, third],
        ].sort(),
      );
      // Names of the other side are gone with it: it is not that nobody has them.
      expect((await globals(runtime)).find(({ name }) => JSON.stringify(name).includes('split_first'))?.agreement).toBe(
        'partial',
      );
      const row = () =>
        [...(view.state?.rows.values() ?? [])].find(
          ({ group }) => JSON.stringify(group) === JSON.stringify(atom('split')),
        );
      await eventually(
        () => Promise.resolve(row()),
        (found) => found?.['agreement'] === 'partial',
      );
      for (const node of [one, two]) await heal(node, three);
      await eventually(
        () => Promise.resolve(row()),
        (found) => found?.['agreement'] === 'agreed',
        10_000,
      );
      // `global` ends one of two that hold a name.
      await eventually(
        async () => (await globals(runtime)).find(({ name }) => JSON.stringify(name).includes('"split"')),
        (found) => found?.agreement === 'agreed',
        10_000,
      );
    } finally {
      await close();
    }
  });
});

describe('names nobody knows', () => {
  it('make no atom on any node, whatever is asked about them', async () => {
    const runtime = await connect('load');
    const atoms = async () => Promise.all(nodes.map((node) => node.eval('erlang:system_info(atom_count).')));
    const kernel = await named(runtime, one.node, 'kernel_sup');
    const ask = async (name: string) => {
      const all = { nodes: 'all', name } as const;
      const codes = [
        (await readAll(runtime.port.names.list({ nodes: 'all', registry: { via: name } }, inTime()))).frames,
        errorOf((await readAll(runtime.port.names.groups({ nodes: 'all', scope: name }, inTime()))).end).code,
        errorOf((await readAll(runtime.port.horde.entries(all, inTime()))).end).code,
        errorOf((await readAll(runtime.port.horde.children(all, inTime()))).end).code,
      ];
      expect(codes).toEqual([[], 'registry.not_found', 'registry.not_found', 'registry.not_found']);
      const spec = {
        childId: atom(`${name}_id`),
        start: { module: `${name}_module`, function: `${name}_function`, args: [atom(`${name}_argument`)] },
        restart: 'permanent',
        shutdown: 5_000,
        type: 'worker',
        significant: false,
      } as const;
      const place = { name: 'kernel_sup', seenFrom: one.node, spec };
      expect(errorOf(await runtime.port.horde.place(place, inTime())).code).toBe('term.unknown_atom');
      const start = { ...place, prefer: null };
      expect(errorOf(await runtime.port.horde.startChild(start, inTime())).code).toBe('term.unknown_atom');
      for (const ref of [
        { in: 'local', node: one.node, name },
        { in: 'global', name: atom(name) },
        { in: 'via', module: 'Elixir.Horde.Registry', name: tuple(atom(name), atom(name)) },
      ] as const) {
        expect(valueOf(await runtime.port.names.move({ name: ref, from: kernel, to: kernel }, inTime())).moved).toBe(
          false,
        );
      }
      const { view, close } = watch(runtime, { rows: 'horde_entries', name });
      await eventually(
        () => Promise.resolve(view.state),
        (state) => state?.rows.size === 0,
      );
      await close();
    };
    await ask('warm_up');
    const before = await atoms();
    for (let at = 0; at < 20; at += 1) await ask(`unheard_of_${String(at)}`);
    expect(await atoms()).toEqual(before);
  });
});

describe('what is watched', () => {
  it('costs the nodes nothing when nobody looks', async () => {
    const runtime = await connect('load');
    const tasks = () =>
      two.eval(
        `length([P || P <- processes(), {dictionary, D} <- [process_info(P, dictionary)], [A] <- [proplists:get_value('$ancestors', D, [])], is_atom(A), lists:prefix("arsenal_agent", atom_to_list(A))]).`,
      );
    const before = await tasks();
    const { view, close } = watch(runtime, { rows: 'names', registry: 'global' });
    await eventually(
      () => Promise.resolve(view.state),
      (state) => state !== null,
    );
    expect(Number(await tasks())).toBe(Number(before) + 1);
    await close();
    await eventually(tasks, (count) => count === before, 3_000);
  });
});
