/** Hordes, groups, global names and topologies, on a scripted cluster. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { failure, unsupported } from '../../../runtime/errors.ts';
import { answering, failing, streaming, streamFailing } from '../../../runtime/fake/scriptedRuntime.ts';
import type { HordeChild, HordeEntry, HordeFinding, HordeHolder, HordeView, Json } from '../../../runtime/model.ts';
import type { MethodTable } from '../../../runtime/port.ts';
import { atom, integer, tuple } from '../../../runtime/term/term.ts';
import { at, listAt } from '../../backend/testKit.ts';
import { errorOf } from '../../core/testKit.ts';
import type { Bench } from '../testKit.ts';
import { idOf, late, lost, ref, scriptedHouse } from '../testKit.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await scriptedHouse();
});
beforeEach(() => {
  bench.script({});
});
afterAll(() => bench.close());

const nodes = [
  { node: 'a@h', status: 'ok' },
  { node: 'b@h', status: 'missing', error: late },
] as const;
const name = 'Elixir.Shop.Registry';
const view = (change: Partial<HordeView> = {}): HordeView => ({
  node: 'a@h',
  name,
  kind: 'registry',
  pid: ref('a@h', 60),
  members: [{ node: 'b@h', name, status: null }],
  size: 3,
  ownSize: 2,
  supervisor: null,
  ...change,
});
const supervisorView = view({
  kind: 'supervisor',
  name: 'Elixir.Shop.Horde',
  supervisor: {
    strategy: 'Elixir.Horde.UniformDistribution',
    redistribution: 'active',
    hasQuorum: true,
    shuttingDown: false,
    proxyHops: null,
  },
});
const holder = (node: string, id: number): HordeHolder => ({
  ...{ pid: ref(node, id), member: { node, name }, alive: true, seenBy: ['a@h'] },
});
const entries: readonly HordeEntry[] = [
  { key: tuple(atom('cart'), integer(1)), holders: [holder('a@h', 1)], missing: [], agreement: 'agreed' },
  { key: atom('two'), holders: [holder('a@h', 2), holder('b@h', 3)], missing: ['c@h'], agreement: 'conflict' },
  { key: atom('gone'), holders: [], missing: ['a@h'], agreement: 'partial' },
];
const runningChild: HordeChild = {
  childId: integer(99),
  holders: [holder('b@h', 5)],
  missing: [],
  agreement: 'agreed',
  start: { module: 'Elixir.Shop.Cart', function: 'start_link', arity: 1 },
  type: 'worker',
  restart: 'transient',
  specHash: 1,
};
const finding = (kind: HordeView['kind'], of: HordeFinding['of'] = atom('two')): HordeFinding => ({
  ...{ kind: 'name_conflict', certainty: 'sure', horde: { kind, name }, of, nodes: ['a@h'], evidence: 'Two hold it.' },
  processes: [ref('a@h', 2)],
});

describe('horde_registry_inspect', () => {
  const registries = (change: MethodTable = {}) => {
    bench.script({
      'horde.clusters': streaming([[view(), view({ name: 'Elixir.Other' })], [supervisorView]], { nodes }),
      'horde.entries': streaming([entries.slice(0, 1), entries.slice(1)], { nodes, total: 3 }),
      'horde.findings': answering({ nodes, findings: [finding('registry'), finding('supervisor')] }),
      ...change,
    });
  };
  const inspect = (params: Parameters<Bench['result']>[1] = {}) =>
    bench.result('horde_registry_inspect', { registry: 'Shop.Registry', ...params });

  it('shows keys with who holds them, conflicts as such, members and what is wrong', async () => {
    registries();
    const told = await inspect();
    expect(told).toMatchObject({ total: 3, truncated: false, nodes: [{ status: 'ok' }, { status: 'missing' }] });
    expect(at(told, 'items')).toEqual([
      {
        ...{ key: '{:cart, 1}', pid: idOf('a@h', 1), node: 'a@h', agreement: 'agreed', missing: [] },
        holders: [{ pid: idOf('a@h', 1), member: `${name} on a@h` }],
      },
      {
        ...{ key: ':two', pid: null, node: null, agreement: 'conflict', missing: ['c@h'] },
        holders: [
          { pid: idOf('a@h', 2), member: `${name} on a@h` },
          { pid: idOf('b@h', 3), member: `${name} on b@h` },
        ],
      },
      { key: ':gone', pid: null, node: null, agreement: 'partial', missing: ['a@h'], holders: [] },
    ]);
    expect(at(told, 'members')).toEqual([
      {
        ...{ node: 'a@h', name, pid: idOf('a@h', 60), size: 3, ownSize: 2, supervisor: null },
        members: [{ node: 'b@h', name, status: null }],
      },
    ]);
    // Those of the supervisors are not its.
    expect(at(told, 'findings')).toEqual([
      {
        ...{ kind: 'name_conflict', certainty: 'sure', horde: name, of: ':two', nodes: ['a@h'] },
        ...{ processes: [idOf('a@h', 2)], evidence: 'Two hold it.' },
      },
    ]);
    expect(bench.runtime.asked('horde.entries')).toEqual([{ nodes: 'all', name }]);
    expect(bench.runtime.asked('horde.findings')).toMatchObject([{ nodes: 'all', name }]);
  });

  it('counts only what a filter leaves, and does not call that cut', async () => {
    registries();
    const told = await inspect({ filter: { agreement: { eq: 'conflict' } }, fields: ['agreement'], findings: false });
    expect(told).toMatchObject({ total: 1, truncated: false, findings: [] });
    expect(at(told, 'items')).toEqual([{ key: ':two', agreement: 'conflict' }]);
    expect(bench.runtime.asked('horde.findings')).toEqual([]);
    registries({ 'horde.entries': streaming([entries], { nodes, total: 900_000 }) });
    expect(await inspect()).toMatchObject({ total: 900_000, truncated: true });
  });

  it('pages through one list and looks for what is wrong once', async () => {
    registries();
    const first = await inspect({ limit: 2, sort: '-key' });
    const second = await inspect({ limit: 2, after: at(first, 'next') });
    const keys = [first, second].flatMap((page) => listAt(page, 'items').map((row) => at(row, 'key')));
    expect(keys).toEqual(['{:cart, 1}', ':two', ':gone']);
    expect(bench.runtime.asked('horde.findings')).toHaveLength(1);
    expect(bench.runtime.asked('horde.entries')).toHaveLength(1);
  });

  it('shows only what is wrong in one way, with the keys that it is about', async () => {
    const conflict = finding('registry');
    const dead = { ...finding('registry', atom('gone')), kind: 'entry_of_dead' } as const;
    registries({ 'horde.findings': answering({ nodes, findings: [conflict, dead] }) });
    const asked = { registry: 'Shop.Registry', findings: false };
    for (const [kind, key] of [
      ['name_conflict', ':two'],
      ['entry_of_dead', ':gone'],
    ] as const) {
      const told = await bench.result('horde_registry_inspect', { ...asked, finding: kind });
      expect(told).toMatchObject({ items: [{ key }], total: 1, truncated: false, findings: [{ kind, of: key }] });
    }
    const none = await bench.result('horde_registry_inspect', { ...asked, finding: 'child_duplicate' });
    expect(none).toMatchObject({ items: [], total: 0, findings: [] });
    expect(errorOf(await bench.run('horde_registry_inspect', { finding: 'odd' })).pointer).toBe('/finding');
  });

  it('without a name shows the registries there are', async () => {
    registries();
    const told = await bench.result('horde_registry_inspect');
    expect(listAt(told, 'members').map((member) => at(member, 'name'))).toEqual([name, 'Elixir.Other']);
    expect(told).toMatchObject({ items: [], total: 0, findings: [{ of: ':two' }] });
    expect(bench.runtime.asked('horde.findings')).toMatchObject([{ name: null }]);
    registries({ 'horde.findings': answering({ nodes, findings: [finding('registry', null)] }) });
    expect(at(await bench.result('horde_registry_inspect'), 'findings', 0, 'of')).toBeNull();
  });

  it('fails with whatever it could not ask', async () => {
    const run = async () => errorOf(await bench.run('horde_registry_inspect', { registry: 'Shop.Registry' })).class;
    registries({ 'horde.clusters': streamFailing(late) });
    expect(await run()).toBe('timeout');
    registries({ 'horde.entries': streamFailing(lost, [entries]) });
    expect(await run()).toBe('unavailable');
    registries({ 'horde.findings': failing(late) });
    expect(await run()).toBe('timeout');
  });
});

describe('horde_supervisor_inspect', () => {
  const supervisors = (change: MethodTable = {}) => {
    bench.script({
      'horde.clusters': streaming([[view(), supervisorView]], { nodes }),
      'horde.children': streaming([[runningChild]], { nodes, total: 1 }),
      'horde.findings': answering({ nodes, findings: [finding('registry'), finding('supervisor', integer(99))] }),
      ...change,
    });
  };
  const params = { supervisor: 'Shop.Horde' };

  it('shows children with where they run, members with their strategy, and what is wrong', async () => {
    supervisors();
    const told = await bench.result('horde_supervisor_inspect', params);
    expect(told).toMatchObject({
      items: [
        {
          child: '99',
          start: 'Elixir.Shop.Cart:start_link/1',
          restart: 'transient',
          pid: idOf('b@h', 5),
          node: 'b@h',
          agreement: 'agreed',
        },
      ],
      members: [
        {
          supervisor: {
            strategy: 'Elixir.Horde.UniformDistribution',
            redistribution: 'active',
            hasQuorum: true,
            shuttingDown: false,
          },
        },
      ],
      findings: [{ of: '99' }],
    });
    const none = await bench.result('horde_supervisor_inspect', { ...params, filter: { node: { eq: 'a@h' } } });
    expect(none).toMatchObject({ items: [], total: 0, truncated: false });
    expect(await bench.result('horde_supervisor_inspect', { findings: false })).toMatchObject({
      items: [],
      members: [{ name: 'Elixir.Shop.Horde' }],
      findings: [],
    });
  });

  it('fails with whatever it could not ask', async () => {
    const run = async () => errorOf(await bench.run('horde_supervisor_inspect', params)).class;
    supervisors({ 'horde.clusters': streamFailing(late) });
    expect(await run()).toBe('timeout');
    supervisors({ 'horde.children': streamFailing(lost) });
    expect(await run()).toBe('unavailable');
    supervisors({ 'horde.findings': failing(late) });
    expect(await run()).toBe('timeout');
  });
});

describe('horde_start_child', () => {
  const params = { supervisor: 'Shop.Horde', spec: { id: 'cart', module: 'Shop.Cart' } };
  const foreseen = { node: 'b@h', member: 'Elixir.Shop.Horde', strategy: 's', repeatable: true, specHash: 7 };
  const placed = { wanted: 'c@h', got: 'b@h', why: 'not_allowed' } as const;
  const started = { pid: ref('b@h', 70), placed, predicted: null };
  const starts = (change: MethodTable = {}) => {
    bench.script({
      'horde.place': answering(foreseen),
      'horde.children': streaming([[]], { nodes: [nodes[0]], total: 0 }),
      'horde.startChild': answering(started),
      ...change,
    });
  };

  it('says where it is foreseen, where it was wanted and where it went', async () => {
    starts();
    expect(await bench.result('horde_start_child', { ...params, prefer: 'c@h' })).toMatchObject({
      pid: idOf('b@h', 70),
      placed: { wanted: 'c@h', got: 'b@h', why: 'not_allowed' },
      foreseen: 'b@h',
    });
    const [asked] = bench.runtime.asked('horde.startChild');
    expect(asked).toMatchObject({ name: 'Elixir.Shop.Horde', seenFrom: 'a@h', prefer: 'c@h' });
    expect(asked).not.toHaveProperty('foreseen');
    const { plan } = await bench.planned('horde_start_child', { ...params, node: 'b@h' });
    expect(plan.summary).toBe('Start :cart under Shop.Horde, foreseen on b@h');
    starts({ 'horde.startChild': answering({ ...started, predicted: { ...foreseen, node: 'a@h' } }) });
    expect(at(await bench.result('horde_start_child', params), 'foreseen')).toBe('a@h');
  });

  it('is known later by a child of its specification that was not there before', async () => {
    const alike = (id: number, specHash = 7): HordeChild => ({ ...runningChild, childId: integer(id), specHash });
    const there = (rows: readonly HordeChild[], covered: typeof nodes | readonly [(typeof nodes)[0]] = [nodes[0]]) => {
      starts({ 'horde.children': streaming([rows], { nodes: [...covered], total: rows.length }) });
    };
    there([alike(1), alike(2, 8)]);
    const begun = await bench.planned('horde_start_child', params);
    expect(await begun.probe()).toBe('none');
    there([alike(1), alike(3, 8)]);
    expect(await begun.probe()).toBe('none');
    there([alike(1), alike(4)]);
    expect(await begun.probe()).toBe('applied');
    // It may be with a member that nobody can ask.
    there([alike(1)], nodes);
    expect(await begun.probe()).toBe('unknown');
    starts({ 'horde.children': streamFailing(late) });
    expect(await begun.probe()).toBe('unknown');
    // Nor is it known what was there when that could not be asked.
    const blind = await bench.planned('horde_start_child', params);
    there([alike(4)]);
    expect(await blind.probe()).toBe('unknown');
  });

  it('starts it all the same where it cannot be foreseen, but not where there is no such supervisor', async () => {
    starts({ 'horde.place': failing(late) });
    expect(at(await bench.result('horde_start_child', params), 'foreseen')).toBeNull();
    const { plan } = await bench.planned('horde_start_child', { ...params, node: 'b@h' });
    expect(plan).toMatchObject({ summary: 'Start :cart under Shop.Horde', touches: [{ node: 'b@h' }] });
    const none = failure('not_found', 'horde.not_found', 'None.', 'Look.').error;
    for (const error of [none, unsupported('x', 'y', 'z').error]) {
      starts({ 'horde.place': failing(error) });
      expect(errorOf(await bench.run('horde_start_child', params)).code).toBe(error.code);
      expect(bench.runtime.asked('horde.startChild')).toEqual([]);
    }
    starts({ 'horde.startChild': failing(lost) });
    expect(errorOf(await bench.run('horde_start_child', params)).effect).toBe('unknown');
    const bad = { ...params, spec: { id: '{', module: 'm' } };
    expect(errorOf(await bench.run('horde_start_child', bad)).pointer).toBe('/spec/id');
    starts({ 'cluster.nodes': failing(late) });
    expect(errorOf(await bench.run('horde_start_child', params)).class).toBe('timeout');
  });
});

describe('names that span nodes', () => {
  it('compare_global_names shows what each node sees', async () => {
    const views = [
      { node: 'a@h', pid: ref('a@h', 1) },
      { node: 'b@h', pid: null },
    ];
    const one = { name: { in: 'global', name: atom('x') }, views, agreement: 'partial' } as const;
    const two = { name: { in: 'global', name: atom('y') }, views: [], agreement: 'agreed' } as const;
    bench.script({ 'names.compare': streaming([[one, two]], { nodes, total: 2 }) });
    const told = await bench.result('compare_global_names', { filter: { agreement: { ne: 'agreed' } } });
    expect(told).toMatchObject({ total: 1, truncated: false, nodes: [{}, { status: 'missing' }] });
    expect(at(told, 'items')).toEqual([
      {
        ...{ name: '{:global, :x}', agreement: 'partial' },
        views: [
          { node: 'a@h', pid: idOf('a@h', 1) },
          { node: 'b@h', pid: null },
        ],
      },
    ]);
    bench.script({ 'names.compare': streamFailing(late) });
    expect(errorOf(await bench.run('compare_global_names')).class).toBe('timeout');
  });

  it('list_groups shows the members of a scope, on one node or all', async () => {
    const members = [{ pid: ref('b@h', 3), joins: 2, seenBy: ['a@h'] }];
    const rows = [
      { scope: 'pg', group: atom('small'), members: [], agreement: 'agreed' },
      { scope: 'pg', group: tuple(atom('g')), members, agreement: 'conflict' },
    ] as const;
    bench.script({ 'names.groups': streaming([rows], { nodes, total: 2 }) });
    const told = await bench.result('list_groups', { sort: '-size', limit: 1 });
    expect(at(told, 'items')).toEqual([
      {
        ...{ group: '{:g}', agreement: 'conflict', size: 1 },
        members: [{ pid: idOf('b@h', 3), node: 'b@h', joins: 2 }],
      },
    ]);
    const groups = async (asked: { readonly [key: string]: Json }) =>
      listAt(await bench.result('list_groups', asked), 'items').map((row) => at(row, 'group'));
    expect(await groups({ member: idOf('b@h', 3) })).toEqual(['{:g}']);
    expect(await groups({ member: idOf('b@h', 4) })).toEqual([]);
    expect(await groups({ memberNode: 'b@h' })).toEqual(['{:g}']);
    expect(await groups({ memberNode: 'a@h' })).toEqual([]);
    expect(errorOf(await bench.run('list_groups', { member: 'Nobody' })).class).toBe('not_found');
    bench.script({ 'names.groups': streaming([rows], { nodes, total: 2 }) });
    await bench.result('list_groups', { node: 'a@h', scope: 'Shop.Scope' });
    expect(bench.runtime.asked('names.groups')).toEqual([{ nodes: ['a@h'], scope: 'Elixir.Shop.Scope' }]);
    expect(errorOf(await bench.run('list_groups', { node: 'b@h' })).class).toBe('timeout');
    bench.script({ 'names.groups': streamFailing(lost) });
    expect(errorOf(await bench.run('list_groups')).class).toBe('unavailable');
  });

  it('list_topologies shows how each stands, and what runs it', async () => {
    const topology = (state: 'ended' | 'running', node: string) => ({
      ...{ node, topology: 'local', strategy: 'Elixir.Cluster.Strategy.Gossip', config: atom('c'), supervisor: null },
      state: state === 'running' ? ({ is: state, pid: ref(node, 8) } as const) : ({ is: state } as const),
    });
    const topologies = [topology('ended', 'b@h'), topology('running', 'a@h')];
    bench.script({ 'libcluster.topologies': answering({ nodes, topologies }) });
    expect(await bench.result('list_topologies', { sort: 'node' })).toMatchObject({
      items: [
        { node: 'a@h', topology: 'local', state: 'running', pid: idOf('a@h', 8), config: ':c' },
        { node: 'b@h', state: 'ended', pid: null },
      ],
    });
    expect(errorOf(await bench.run('list_topologies', { node: 'b@h' })).class).toBe('timeout');
    expect(bench.runtime.asked('libcluster.topologies')).toEqual([{ nodes: 'all' }, { nodes: ['b@h'] }]);
    bench.script({ 'libcluster.topologies': failing(late) });
    expect(errorOf(await bench.run('list_topologies')).class).toBe('timeout');
  });
});
