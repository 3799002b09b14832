/** Cases of OTP 25's global_SUITE about nets: nodes that lose some of the others, meet in a line, all at once, or die with many names. */
import { describe, expect, it } from 'vitest';
import type { Value } from '../../../term/values.ts';
import { a, Pid, tup } from '../../../term/values.ts';
import { fun } from '../../kernel/localFun.ts';
import type { Process } from '../../kernel/process.ts';
import { isList } from '../../kernel/values.ts';
import { nodeOf } from '../../testKit.ts';
import { globalTables } from '../globalTables.ts';
import { Actor, Lab, n0, n1, n2, n3 } from './peerKit.ts';

const yes = a('yes');
const name = a('test');
/** As the suite's nets, or as nodes of OTP 25 are unless told otherwise. */
const overlapping = { preventOverlappingPartitions: false } as const;

function net(names: readonly string[], options: ConstructorParameters<typeof Lab>[1] = {}): Lab {
  const lab = new Lab(names, options);
  lab.settle(60_000);
  return lab;
}
const whereis = (lab: Lab, node: string, of: Value = name): Value => lab.on(node, 'global', 'whereis_name', [of]);
function names(lab: Lab, node: string): readonly string[] {
  const all = lab.on(node, 'global', 'registered_names');
  return isList(all) ? all.map(String).sort() : [];
}
function nodesOf(lab: Lab, node: string): readonly string[] {
  const all = lab.on(node, 'erlang', 'nodes');
  return isList(all) ? all.map(String).sort() : [];
}
function named(lab: Lab, node: string, as: Value = name): Process {
  const process = lab.forever(node);
  expect(lab.on(node, 'global', 'register_name', [as, process.pid])).toBe(yes);
  return process;
}
function ping(lab: Lab, from: string, to: string): void {
  expect(lab.on(from, 'net_adm', 'ping', [a(to)])).toBe(a('pong'));
}
/** Each node alone, with a process of the same name. */
function alone(lab: Lab): readonly Process[] {
  const islands = lab.cluster.names.map((node) => [node]);
  const cut = { is: 'partition', islands, mode: 'cut' } as const;
  lab.cluster.network.break(cut);
  lab.settle(2000);
  lab.cluster.network.mend(cut);
  return lab.cluster.names.map((node) => named(lab, node));
}
/** All nodes have met, and have the same one process under the name. */
function expectOneWinner(lab: Lab, processes: readonly Process[]): void {
  const [winner, ...others] = lab.cluster.names.map((node) => whereis(lab, node));
  expect(winner).toBeInstanceOf(Pid);
  expect(others).toEqual(others.map(() => winner));
  expect(processes.filter(({ alive }) => alive).map(({ pid }) => pid)).toEqual([winner]);
}

describe('two nodes that lose each other and keep a third', () => {
  // @otp global_SUITE:both_known_1
  it('have the same names once they have met, also when somebody held the lock meanwhile', () => {
    const lab = net([n1, n2, n3], overlapping);
    lab.disconnect(n1, n2);
    named(lab, n1, a('p1'));
    named(lab, n2, a('p2'));
    expect([names(lab, n1), names(lab, n2), names(lab, n3)]).toEqual([['p1'], ['p2'], ['p1', 'p2']]);
    const locker = new Actor(lab, n3);
    expect(locker.applies('global', 'set_lock', tup(a('global'), a('l3')))).toBe(true);
    ping(lab, n1, n2);
    lab.settle(3000);
    expect([names(lab, n1), names(lab, n2), names(lab, n3)]).toEqual([['p1'], ['p2'], ['p1', 'p2']]);
    locker.ends();
    lab.settle(60_000);
    for (const node of lab.cluster.names) expect(names(lab, node)).toEqual(['p1', 'p2']);
  });

  // @otp global_SUITE:lost_unregister
  it('see a name again that one of them had unregistered', () => {
    const lab = net([n0, n1, n2], overlapping);
    const { pid } = named(lab, n0);
    lab.disconnect(n1, n2);
    lab.on(n1, 'global', 'unregister_name', [name]);
    lab.settle();
    expect([n0, n1, n2].map((node) => whereis(lab, node))).toEqual([undefined, undefined, pid]);
    ping(lab, n1, n2);
    lab.settle(60_000);
    expect([n0, n1, n2].map((node) => whereis(lab, node))).toEqual([pid, pid, pid]);
  });

  // @otp global_SUITE:lost_connection
  it('are parted from it by default, so that its name stays one', () => {
    const lab = net([n0, n1, n2]);
    const gurka = named(lab, n0);
    lab.disconnect(n0, n2);
    lab.settle(1000);
    const other = named(lab, n2);
    expect(whereis(lab, n2)).toEqual(other.pid);
    lab.cluster.crashNode(n2);
    lab.settle(1000);
    if (!nodesOf(lab, n0).includes(n1)) ping(lab, n0, n1);
    lab.settle(60_000);
    expect([n0, n1].map((node) => whereis(lab, node))).toEqual([gurka.pid, gurka.pid]);
    expect(lab.on(n0, 'global', 'unregister_name', [name])).toBe(a('ok'));
  });

  // @otp global_SUITE:lost_connection2
  it('are cut off from all others by default', () => {
    const all = [n0, n1, n2, n3, 'n4@sim'];
    const lab = net(all);
    lab.disconnect(n3, 'n4@sim');
    lab.settle(5000);
    expect(nodesOf(lab, n0)).toEqual([n1, n2]);
    ping(lab, n0, n3);
    ping(lab, n0, 'n4@sim');
    lab.settle(60_000);
    expect(nodesOf(lab, n0)).toEqual(all.slice(1));
  });

  // @otp global_SUITE:flaw1
  it('do not end with two processes of one name', () => {
    const [, b, c, d, e] = [n0, n1, n2, n3, 'n4@sim'];
    const lab = net([n0, b, c, d, e]);
    lab.disconnect(b, d);
    named(lab, b, a('x'));
    lab.disconnect(c, e);
    const second = lab.forever(n0);
    expect(lab.on(c, 'global', 're_register_name', [a('x'), second.pid])).toBe(yes);
    ping(lab, b, d);
    ping(lab, c, e);
    for (const node of [b, c, d, e]) ping(lab, n0, node);
    lab.settle(60_000);
    const [found, ...others] = lab.cluster.names.map((node) => whereis(lab, node, a('x')));
    expect(found).toBeInstanceOf(Pid);
    expect(others).toEqual(others.map(() => found));
    lab.on(b, 'global', 'unregister_name', [a('x')]);
    lab.settle();
    expect(lab.cluster.names.map((node) => names(lab, node))).toEqual(lab.cluster.names.map(() => []));
  });

  // @otp global_SUITE:otp_3162
  it('know all names when all have connected to the third', () => {
    const lab = net([n0, n1, n2, n3]);
    for (const [node, as] of [[n1, 'kalle'] as const, [n2, 'stina'] as const, [n3, 'vera'] as const])
      named(lab, node, a(as));
    lab.disconnect(n1, n2);
    for (const node of [n1, n2, n0]) ping(lab, node, n3);
    lab.settle(60_000);
    expect(nodesOf(lab, n3)).toEqual([n0, n1, n2]);
    expect(names(lab, n3)).toEqual(['kalle', 'stina', 'vera']);
  });

  // @otp global_SUITE:simple_disconnect
  it('call no resolver for a name that both of them know as the same process', () => {
    const lab = net([n0, n1, n2]);
    const called: string[] = [];
    const resolver = fun('suite', 'resolve_none', 3, (_self, _name, pid) => {
      called.push('resolve_none');
      return pid;
    });
    const process = lab.forever(n1);
    expect(lab.on(n1, 'global', 'register_name', [name, process.pid, resolver])).toBe(yes);
    lab.disconnect(n0, n2);
    ping(lab, n0, n1);
    ping(lab, n0, n2);
    lab.settle(60_000);
    expect(nodesOf(lab, n0)).toEqual([n1, n2]);
    for (const node of lab.cluster.names) expect(whereis(lab, node)).toEqual(process.pid);
    expect(called).toEqual([]);
    // Each of the three watches it once.
    expect(process.monitoredBy?.size).toBe(3);
    lab.kill(process);
    lab.settle();
    for (const node of lab.cluster.names) expect(whereis(lab, node)).toBe(undefined);
  });
});

describe('nodes that begin alone', () => {
  const lines: readonly (readonly [string, number, boolean])[] = [
    ['ten in a line', 10, false],
    ['seven in a line', 7, false],
    ['ten in a ring, and then in a line', 10, true],
  ];
  // @otp global_SUITE:line global_SUITE:simple_line global_SUITE:ring_line
  it.each(lines)('%s end with one winner', (_name, count, alsoRing) => {
    const all = Array.from({ length: count }, (_, at) => `cp${at}@sim`);
    const lab = net(all, overlapping);
    for (const isRing of alsoRing ? [true, false] : [false]) {
      const processes = alone(lab);
      const pings = all.map((node, at) => {
        const to = all[at === 0 ? (isRing ? count - 1 : 0) : at - 1] ?? '';
        return new Actor(lab, node).begin((self) => self.apply('net_adm', 'ping', [a(to)]));
      });
      lab.settle(60_000);
      expect(pings.map(({ answer }) => answer)).toEqual(all.map(() => a('pong')));
      for (const node of all) expect(nodesOf(lab, node)).toHaveLength(count - 1);
      expectOneWinner(lab, processes);
      for (const process of processes) if (process.alive) lab.kill(process);
      lab.settle();
    }
  });

  // @otp global_SUITE:many_nodes
  it('meet also when many of them connect to all others at once', () => {
    const all = Array.from({ length: 16 }, (_, at) => `cp${at}@sim`);
    const lab = net(all, { mesh: 'none' });
    expect(nodesOf(lab, 'cp0@sim')).toEqual([]);
    for (const node of all) {
      new Actor(lab, node).begin(function* (self) {
        for (const other of all) yield* self.apply('net_adm', 'ping', [a(other)]);
        return a('ok');
      });
    }
    lab.settle(120_000);
    for (const node of all) {
      expect(nodesOf(lab, node)).toHaveLength(all.length - 1);
      expect(globalTables(nodeOf(lab.cluster, node))?.known.size).toBe(all.length - 1);
    }
    const { pid } = named(lab, 'cp3@sim');
    expect(all.map((node) => whereis(lab, node))).toEqual(all.map(() => pid));
  });

  // @otp global_SUITE:sync_0
  it('know the names of all they are connected to, once they have synced', () => {
    const all = Array.from({ length: 12 }, (_, at) => `cp${at}@sim`);
    const lab = new Lab(all, { mesh: 'none' });
    named(lab, all[0] ?? '');
    for (const node of all.slice(1)) {
      ping(lab, node, all[0] ?? '');
      expect(lab.on(node, 'global', 'sync')).toBe(a('ok'));
      expect(whereis(lab, node)).toEqual(whereis(lab, all[0] ?? ''));
    }
  });
});

describe('a net that is parted, and whose nodes come and go', () => {
  // @otp global_SUITE:stress_partition
  it('ends with all of them connected, and the same names everywhere', () => {
    const [ts, cp0, cp1, cp2, cp3] = ['ts@sim', 'cp0@sim', 'cp1@sim', 'cp2@sim', 'cp3@sim'] as const;
    const [cp4, cp5, cp6, cp7, cp8] = ['cp4@sim', 'cp5@sim', 'cp6@sim', 'cp7@sim', 'cp8@sim'] as const;
    const lab = net([ts, cp0, cp1, cp2, cp3, cp4, cp5, cp6, cp7, cp8], { ...overlapping, mesh: 'none' });
    for (const other of [cp0, cp1, cp2]) ping(lab, ts, other);
    for (const other of [cp4, cp5]) ping(lab, cp3, other);
    lab.settle(30_000);
    const side = (on: readonly string[]): readonly Process[] =>
      on.map((at, number) => named(lab, at, a(`test${String(number + 1)}`)));
    const processes = [...side([ts, cp0, cp1, cp2]), ...side([cp3, cp4, cp5])];
    ping(lab, ts, cp8);
    const alone = new Actor(lab, cp6);
    const fifth = alone.begin(function* (self) {
      yield* self.apply('timer', 'sleep', [12_000]);
      for (const other of [cp0, cp3]) yield* self.apply('net_adm', 'ping', [a(other)]);
      return yield* self.apply('global', 'register_name', [a('test5'), self.pid]);
    });
    lab.settle(12_000);
    lab.cluster.crashNode(cp5);
    ping(lab, ts, cp3);
    lab.cluster.crashNode(cp2);
    ping(lab, ts, cp7);
    lab.cluster.startNode(cp2);
    lab.settle(1000);
    for (const other of [cp2, cp4, cp6, cp8]) ping(lab, ts, other);
    lab.settle(120_000);
    expect(fifth.answer).toBe(yes);
    const up = lab.cluster.names.filter((name) => lab.cluster.node(name) !== null);
    expect(up).toHaveLength(9);
    for (const name of up) expect(nodesOf(lab, name)).toEqual(up.filter((other) => other !== name).sort());
    for (const as of ['test1', 'test2', 'test3', 'test4', 'test5']) {
      const [first, ...others] = up.map((name) => whereis(lab, name, a(as)));
      expect(others).toEqual(others.map(() => first));
      // That of the node that went down went with it; where both sides had one, one is left.
      const alive = processes.filter(
        (process, at) => process.alive && up.includes(process.node.name) && as === `test${String((at % 4) + 1)}`,
      );
      if (as !== 'test5') expect(alive.map(({ pid }) => pid)).toEqual(first === undefined ? [] : [first]);
    }
    expect(whereis(lab, ts, a('test5'))).toEqual(alone.pid);
  });
});

describe('names and locks', () => {
  // @otp global_SUITE:mass_death
  it('of many processes that die at once are gone everywhere', () => {
    const all = [n0, n1, n2, n3];
    const lab = net(all);
    const processes = all.flatMap((node) =>
      Array.from({ length: 40 }, (_, at) => named(lab, node, a(`${node}_${String(at)}`))),
    );
    lab.settle();
    for (const node of all) expect(names(lab, node)).toHaveLength(160);
    for (const process of processes) process.node.end(process, a('drop_dead'));
    lab.settle(1000);
    for (const node of all) {
      expect(names(lab, node)).toEqual([]);
      expect(globalTables(nodeOf(lab.cluster, node))?.nameOf.size).toBe(0);
    }
  });

  // @otp global_SUITE:otp_1849
  it('keep account of all processes that set the same lock', () => {
    const all = [n0, n1, n2, n3];
    const lab = net(all);
    const id = tup(a('test_lock'), a('suite'));
    const actors = [n1, n2, n3].map((node) => new Actor(lab, node));
    const set = (actor: Actor | undefined, lock: Value = id): Value =>
      actor?.applies('global', 'set_lock', lock, all.map(a), 1);
    const holders = (node: string): number =>
      globalTables(nodeOf(lab.cluster, node))?.locks.get(a('test_lock'))?.holders.length ?? 0;
    expect(actors.map((actor) => set(actor))).toEqual([true, true, true]);
    expect(holders(n1)).toBe(3);
    const left = [...actors].reverse().map((actor) => {
      actor.applies('global', 'del_lock', id);
      lab.settle(20);
      return holders(n1);
    });
    expect(left).toEqual([2, 1, 0]);
    expect(actors.map((actor) => set(actor))).toEqual([true, true, true]);
    expect(set(actors[1], tup(a('test_lock'), a('not_valid')))).toBe(false);
    actors[0]?.ends();
    expect([n1, n2, n3].map(holders)).toEqual([2, 2, 2]);
  });

  // @otp global_SUITE:otp_5737
  it('are tried as often as is said, also not again at all', () => {
    const lab = net([n0]);
    const me = new Actor(lab, n0);
    const id = tup(a('suite'), me.pid);
    const here = [a(n0)];
    const tried = (work: () => Value): Value => {
      try {
        return work();
      } catch {
        return a('EXIT');
      }
    };
    const lock = (retries: Value, as: Value = id): Value =>
      tried(() => lab.on(n0, 'global', 'set_lock', [as, here, retries]));
    expect([lock(-1), lock(a('a'))]).toEqual([a('EXIT'), a('EXIT')]);
    expect(me.applies('global', 'set_lock', id, here, 0)).toBe(true);
    const beganMs = lab.cluster.nowMs;
    expect(lock(0, tup(a('suite'), a('not_me')))).toBe(false);
    expect(lab.cluster.nowMs - beganMs).toBeLessThan(5000);
    me.applies('global', 'del_lock', id, here);
    const work = fun('suite', 'f', 0, () => a('ok'));
    const trans = (retries: Value): Value => tried(() => lab.on(n0, 'global', 'trans', [id, work, here, retries]));
    expect([trans(-1), trans(a('a')), trans(0)]).toEqual([a('EXIT'), a('EXIT'), a('ok')]);
  });

  // @otp global_SUITE:otp_5640
  it('of one process are one, unless several are allowed; then each is given back by itself', () => {
    const lab = net([n0, n1]);
    const process = lab.forever(n0);
    const register = (as: string): Value => lab.on(n0, 'global', 'register_name', [a(as), process.pid]);
    expect([register('name1'), register('name2')]).toEqual([yes, a('no')]);
    lab.on(n0, 'application', 'set_env', [a('kernel'), a('global_multi_name_action'), a('allow')]);
    expect(register('name2')).toBe(yes);
    const seen = (): readonly Value[] =>
      [n0, n1].flatMap((node) => ['name1', 'name2'].map((as) => whereis(lab, node, a(as))));
    const watchers = (): number => process.monitoredBy?.size ?? 0;
    lab.settle();
    expect(seen()).toEqual([process.pid, process.pid, process.pid, process.pid]);
    // Each node watches it for each name, and none is linked to it.
    expect([watchers(), process.links?.size ?? 0]).toEqual([4, 0]);
    lab.on(n0, 'global', 'unregister_name', [a('name1')]);
    lab.settle();
    expect(seen()).toEqual([undefined, process.pid, undefined, process.pid]);
    expect(watchers()).toBe(2);
    expect(register('name1')).toBe(yes);
    lab.kill(process);
    lab.settle(100);
    expect(seen()).toEqual([undefined, undefined, undefined, undefined]);
  });

  // @otp global_SUITE:garbage_messages
  it('do not suffer from messages that mean nothing', () => {
    const lab = net([n0, n1]);
    const node = nodeOf(lab.cluster, n0);
    const server = node.names.get('global_name_server');
    const linked = [...(server?.links ?? [])];
    expect(linked.length).toBeGreaterThan(0);
    for (const pid of linked) node.send(pid, tup(a('garbage'), a('to'), a('you')));
    if (server !== undefined) node.deliver(server, tup(a('garbage'), a('to'), a('you')));
    lab.settle(2000);
    expect(node.names.get('global_name_server')).toBe(server);
    const { pid } = named(lab, n0);
    expect(whereis(lab, n1)).toEqual(pid);
  });

  // @otp global_SUITE:global_disconnect
  it('are left by who disconnects from all nodes that share them, not from hidden ones', () => {
    const [h1, h2] = ['h1@sim', 'h2@sim'];
    const lab = net([n0, n1, n2, n3, h1, h2], { hidden: [h1, h2] });
    for (const node of [n0, n1]) ping(lab, h1, node);
    ping(lab, h2, n1);
    lab.settle(1000);
    const before = lab.on(n0, 'erlang', 'nodes', [a('hidden')]);
    expect(before).toEqual([a(h1)]);
    const left = lab.on(n0, 'global', 'disconnect');
    expect(isList(left) ? left.map(String).sort() : left).toEqual([n1, n2, n3]);
    lab.settle(1000);
    expect(nodesOf(lab, n0)).toEqual([]);
    expect(lab.on(n0, 'erlang', 'nodes', [a('hidden')])).toEqual(before);
    // The others are still connected, to each other.
    for (const node of [n1, n2, n3]) expect(nodesOf(lab, node)).toEqual([n1, n2, n3].filter((other) => other !== node));
    expect(lab.on(n1, 'erlang', 'nodes', [a('hidden')])).toEqual([a(h1), a(h2)]);
  });
});
