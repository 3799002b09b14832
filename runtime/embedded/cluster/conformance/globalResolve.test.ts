/** Cases of OTP 25's global_SUITE about one name on two sides of a partition: who has it when they meet, by each kind of resolver. */
import { describe, expect, it } from 'vitest';
import type { Value } from '../../../term/values.ts';
import { a, Pid, tup } from '../../../term/values.ts';
import type { Flow } from '../../kernel/flow.ts';
import { receive, sleep } from '../../kernel/flow.ts';
import type { FunBody, LocalFun } from '../../kernel/localFun.ts';
import { fun } from '../../kernel/localFun.ts';
import type { Process } from '../../kernel/process.ts';
import { isList } from '../../kernel/values.ts';
import { nodeOf } from '../../testKit.ts';
import { globalTables } from '../globalTables.ts';
import { Actor, Lab } from './peerKit.ts';

// The lesser node calls the resolver, so their names matter.
const [me, n1, a2, z2] = ['test_server@sim', 'n_1@sim', 'a_2@sim', 'z_2@sim'];
const all = [me, n1, a2, z2];
const name = a('name');
const yes = a('yes');

const whereis = (lab: Lab, node: string, of: Value = name): Value => lab.on(node, 'global', 'whereis_name', [of]);
function nodesOf(lab: Lab, node: string): readonly string[] {
  const others = lab.on(node, 'erlang', 'nodes');
  return isList(others) ? others.map(String) : [];
}
function net(nodes: readonly string[] = all): Lab {
  const lab = new Lab(nodes, { preventOverlappingPartitions: false });
  lab.settle(60_000);
  return lab;
}
function named(lab: Lab, node: string, resolver?: LocalFun, as: Value = name): Process {
  const process = lab.forever(node);
  const method = resolver === undefined ? [] : [resolver];
  expect(lab.on(node, 'global', 'register_name', [as, process.pid, ...method])).toBe(yes);
  return process;
}
const resolver = (as: string, body: FunBody): LocalFun => fun('suite', as, 3, body);

const resolvers = {
  first: resolver('resolve_first', (_self, _name, one) => one),
  second: resolver('resolve_second', (_self, _name, _one, other) => other),
  bad: resolver('bad_resolver', () => a('bad_answer')),
  none: resolver('resolve_none', () => a('none')),
  badrpc: resolver('badrpc_resolver', () => tup(a('badrpc'), a('badrpc'))),
  exits: resolver('exit_resolver', (self) => self.error(a('bad_resolver'))),
  *lockBody(self: Parameters<FunBody>[0], one: Value): Flow<Value> {
    const id = tup(a('suite'), self.pid);
    yield* self.apply('global', 'set_lock', [id, [a(self.node)]]);
    yield* self.apply('global', 'del_lock', [id, [a(self.node)]]);
    return one;
  },
} as const;
const locks = resolver('lock_resolver', (self, _name, one) => resolvers.lockBody(self, one));

/** Registers the name on both sides, lets them meet by a ping, and answers the two processes. */
function met(lab: Lab, how: LocalFun, here: string, there: string, pinged: string): readonly [Process, Process] {
  const cut = {
    is: 'partition',
    islands: [
      [me, n1],
      [a2, z2],
    ],
    mode: 'cut',
  } as const;
  lab.cluster.network.break(cut);
  lab.settle(2000);
  const second = named(lab, there, how);
  const first = named(lab, here, how);
  lab.cluster.network.mend(cut);
  expect(lab.on(me, 'net_adm', 'ping', [a(pinged)])).toBe(a('pong'));
  lab.settle(60_000);
  return [first, second];
}

/** All nodes have the same process under the name, watched by each of them once, and the other by nobody. */
function expectHolder(lab: Lab, nodes: readonly string[], holder: Process | null, ...others: readonly Process[]): void {
  for (const node of nodes) expect(whereis(lab, node)).toEqual(holder?.pid);
  if (holder !== null)
    expect([...(holder.monitoredBy?.values() ?? [])].map((pid) => pid.node).sort()).toEqual([...nodes].sort());
  for (const other of others) expect(other.monitoredBy?.size ?? 0).toBe(0);
  for (const process of [holder, ...others]) if (process?.alive === true) lab.kill(process);
  lab.settle(200);
  for (const node of nodes) {
    const tables = globalTables(nodeOf(lab.cluster, node));
    expect([tables?.names.size, tables?.nameOf.size, tables?.locks.size]).toEqual([0, 0, 0]);
  }
}

type Case = readonly [
  how: 'first' | 'second' | 'bad' | 'none' | 'badrpc' | 'exits',
  here: string,
  there: string,
  pinged: string,
  holder: string | null,
];
const cases: readonly Case[] = [
  ['first', me, a2, a2, me],
  ['first', me, z2, a2, me],
  ['first', me, a2, z2, a2],
  ['first', me, z2, z2, z2],
  ['first', n1, a2, a2, n1],
  ['first', n1, z2, a2, n1],
  ['first', n1, a2, z2, a2],
  ['first', n1, z2, z2, z2],
  ['second', me, a2, a2, a2],
  ['second', me, z2, a2, z2],
  ['second', me, a2, z2, me],
  ['second', me, z2, z2, me],
  ['second', n1, a2, a2, a2],
  ['second', n1, z2, a2, z2],
  ['second', n1, a2, z2, n1],
  ['second', n1, z2, z2, n1],
  ...(['bad', 'none'] as const).flatMap((how) =>
    [me, n1].flatMap((here) =>
      [a2, z2].flatMap((there) => [a2, z2].map((pinged): Case => [how, here, there, pinged, null])),
    ),
  ),
  ['badrpc', me, a2, a2, me],
  ['exits', me, a2, a2, me],
  ['exits', me, z2, a2, me],
  ['exits', me, a2, z2, a2],
  ['exits', me, z2, z2, z2],
  ['exits', n1, a2, a2, n1],
  ['exits', n1, z2, a2, n1],
  ['exits', n1, a2, z2, a2],
  ['exits', n1, z2, z2, z2],
];

describe('a name on both sides of a partition', () => {
  // @otp global_SUITE:simple_resolve
  it.each(cases)(
    'resolved by %s, of %s and %s, which meet by a ping to %s, is of %s',
    (how, here, there, pinged, holder) => {
      const lab = net();
      const [first, second] = met(lab, resolvers[how], here, there, pinged);
      const kept = holder === null ? null : holder === here ? first : second;
      expectHolder(lab, all, kept, ...[first, second].filter((one) => one !== kept));
    },
  );

  // @otp global_SUITE:simple_resolve
  it('is resolved by one that takes a lock of its own', () => {
    const lab = net();
    const [first, second] = met(lab, locks, me, a2, a2);
    expectHolder(lab, all, first, second);
  });

  // @otp global_SUITE:simple_resolve
  it('is one’s on all nodes, also when the resolver cuts the two off', () => {
    const lab = net();
    let times = 0;
    const disconnects = resolver('disconnect_first', function* (self, _name, one, other): Flow<Value> {
      times += 1;
      if (times === 1 && one instanceof Pid) yield* self.apply('erlang', 'disconnect_node', [a(one.node)]);
      return other;
    });
    const [first, second] = met(lab, disconnects, me, z2, a2);
    // The nodes that lost each other have to speak before they meet again.
    for (const node of [me, n1]) for (const other of [a2, z2]) lab.on(node, 'net_adm', 'ping', [a(other)]);
    lab.settle(60_000);
    expect(times).toBeGreaterThan(0);
    expectHolder(lab, all, second, first);
  });

  const halted: readonly (readonly [test: string, here: string, there: string])[] = [
    ['simple_resolve2', n1, z2],
    ['simple_resolve3', me, a2],
  ];
  // @otp global_SUITE:simple_resolve2 global_SUITE:simple_resolve3
  it.each(halted)(
    'is the other one’s when the node of the second is halted while it is resolved: %s',
    (_test, here, there) => {
      const lab = net();
      const halts = resolver('halt_second', function* (self, _name, _one, other): Flow<Value> {
        if (other instanceof Pid) lab.cluster.crashNode(other.node);
        yield* sleep(0);
        return self.node === '' ? undefined : other;
      });
      const [first] = met(lab, halts, here, there, a2);
      const left = all.filter((node) => lab.cluster.node(node) !== null);
      expect(left).not.toContain(there);
      for (const node of left) for (const other of left) lab.on(node, 'net_adm', 'ping', [a(other)]);
      lab.settle(60_000);
      for (const node of left) expect(whereis(lab, node)).toEqual(first.pid);
      lab.kill(first);
      lab.settle(200);
      for (const node of left) expect(whereis(lab, node)).toBe(undefined);
    },
  );
});

describe('a name', () => {
  // @otp global_SUITE:name_exit
  it('of a process that died is gone everywhere at once, whoever holds the lock', () => {
    const lab = net([me, n1, a2]);
    const process = named(lab, me);
    const locker = new Actor(lab, me);
    const taken = locker.begin(function* (self): Flow<Value> {
      const held = fun('suite', 'long', 0, function* (): Flow<Value> {
        yield* receive({ afterMs: 3000, match: () => false });
        return a('ok');
      });
      return yield* self.apply('global', 'trans', [tup(a('global'), self.pid), held]);
    });
    lab.settle(500);
    expect(taken.answer).toBe(null);
    lab.kill(process);
    lab.settle(100);
    expect([me, n1, a2].map((node) => whereis(lab, node))).toEqual([undefined, undefined, undefined]);
    lab.settle(10_000);
    expect(taken.answer).toBe(a('ok'));
  });

  // @otp global_SUITE:register_1
  it('that waits for the lock while a node joins is known there, too', () => {
    const lab = new Lab([me, n1], { mesh: 'none', preventOverlappingPartitions: false });
    const locker = new Actor(lab, me);
    const id = tup(a('global'), locker.pid);
    expect(locker.applies('global', 'set_lock', id, [a(me)])).toBe(true);
    const registering = new Actor(lab, me);
    const answer = registering.begin((self) => self.apply('global', 'register_name', [a('foo'), self.pid]));
    lab.settle(200);
    expect(answer.answer).toBe(null);
    expect(lab.on(me, 'net_adm', 'ping', [a(n1)])).toBe(a('pong'));
    locker.applies('global', 'del_lock', id, [a(me)]);
    lab.settle(60_000);
    expect(answer.answer).toBe(yes);
    expect([me, n1].map((node) => whereis(lab, node, a('foo')))).toEqual([registering.pid, registering.pid]);
  });

  // @otp global_SUITE:leftover_name
  it('is not left over where the node that had it was lost while it was resolved', () => {
    const lab = net();
    const cut = {
      is: 'partition',
      islands: [
        [me, n1],
        [a2, z2],
      ],
      mode: 'cut',
    } as const;
    lab.cluster.network.break(cut);
    lab.settle(2000);
    const resolved = a('resolved_name');
    const halts = resolver('contact_a_2', (_self, _name, _one, other) => {
      lab.cluster.crashNode(a2);
      return other;
    });
    named(lab, a2);
    named(lab, a2, halts, resolved);
    const here = named(lab, n1, halts, resolved);
    lab.cluster.network.mend(cut);
    expect(lab.on(me, 'net_adm', 'ping', [a(z2)])).toBe(a('pong'));
    lab.settle(60_000);
    expect([...nodesOf(lab, me)].sort()).toEqual([n1, z2]);
    lab.kill(here);
    lab.settle(1000);
    for (const node of [me, n1, z2]) {
      expect([whereis(lab, node), whereis(lab, node, resolved)]).toEqual([undefined, undefined]);
      expect(globalTables(nodeOf(lab.cluster, node))?.names.size).toBe(0);
    }
  });

  // @otp global_SUITE:global_lost_nodes
  it('stays known on nodes that do nothing but look for each other’s', () => {
    const lab = net([me, n1, a2]);
    const [one, other] = [named(lab, n1, undefined, a('node_1')), named(lab, a2, undefined, a('node_2'))];
    for (let second = 0; second < 10; second += 1) {
      lab.settle(1000);
      expect(whereis(lab, n1, a('node_2'))).toEqual(other.pid);
      expect(whereis(lab, a2, a('node_1'))).toEqual(one.pid);
    }
    expect([...nodesOf(lab, me)].sort()).toEqual([a2, n1]);
  });
});
