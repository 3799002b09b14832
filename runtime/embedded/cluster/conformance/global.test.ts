/** Cases of OTP 25's global_SUITE on simulated nodes, which run as the suite's: without prevent_overlapping_partitions. */
import { describe, expect, it } from 'vitest';
import type { NetworkFault } from '../../../network/networkFault.ts';
import type { Value } from '../../../term/values.ts';
import { a, Pid, tup } from '../../../term/values.ts';
import type { Flow } from '../../kernel/flow.ts';
import { receive } from '../../kernel/flow.ts';
import { fun } from '../../kernel/localFun.ts';
import type { Process } from '../../kernel/process.ts';
import { mailboxOf, nodeOf, shown } from '../../testKit.ts';
import { globalTables } from '../globalTables.ts';
import { Actor, flushed, Lab, n0, n1, n2, n3, thrownBy } from './peerKit.ts';

const nodes = [n0, n1, n2, n3];
const [yes, no, test] = [a('yes'), a('no'), a('test')];

/** Nodes that have met. */
function net(names: readonly string[] = nodes, options: ConstructorParameters<typeof Lab>[1] = {}): Lab {
  const lab = new Lab(names, { preventOverlappingPartitions: false, ...options });
  ready(lab);
  return lab;
}

/** Lets the nodes meet. */
function ready(lab: Lab): void {
  lab.settle(60_000);
}

const whereis = (lab: Lab, node: string, name: Value): Value => lab.on(node, 'global', 'whereis_name', [name]);
const everywhere = (lab: Lab, name: Value): readonly Value[] =>
  lab.cluster.names.map((node) => whereis(lab, node, name));
const register = (lab: Lab, node: string, name: Value, pid: Pid, ...method: readonly Value[]): Value =>
  lab.on(node, 'global', 'register_name', [name, pid, ...method]);
const all = <T>(value: T, count = nodes.length): readonly T[] => Array.from({ length: count }, () => value);

/** Starts a process with the name on a node, if it gets it. */
function named(lab: Lab, node: string, name: Value, ...method: readonly Value[]): Process {
  const process = lab.forever(node);
  expect(register(lab, node, name, process.pid, ...method)).toBe(yes);
  return process;
}

function part(lab: Lab, ...islands: readonly (readonly string[])[]): NetworkFault {
  const cut: NetworkFault = { is: 'partition', islands, mode: 'cut' };
  lab.cluster.network.break(cut);
  lab.settle(2000);
  return cut;
}

function ping(lab: Lab, from: string, to: string): void {
  expect(lab.on(from, 'net_adm', 'ping', [a(to)])).toBe(a('pong'));
}

/** No names, no locks and no meeting are left on any node. */
function expectNothingLeft(lab: Lab): void {
  lab.settle(200);
  for (const name of lab.cluster.names) {
    const tables = globalTables(nodeOf(lab.cluster, name));
    expect([tables?.names.size, tables?.locks.size, tables?.pending.size]).toEqual([0, 0, 0]);
  }
}

describe('hidden nodes', () => {
  // @otp global_SUITE:names_hidden
  it('have names of their own', () => {
    const lab = net(nodes, { hidden: [n3] });
    ping(lab, n1, n3);
    ping(lab, n3, n2);
    ping(lab, n3, n0);
    expect(lab.on(n0, 'erlang', 'nodes')).toEqual([a(n1), a(n2)]);
    expect(lab.on(n0, 'erlang', 'nodes', [a('hidden')])).toEqual([a(n3)]);
    const hidden = named(lab, n3, test);
    ready(lab);
    expect(everywhere(lab, test)).toEqual([undefined, undefined, undefined, hidden.pid]);
    const visible = named(lab, n0, test);
    expect(everywhere(lab, test)).toEqual([visible.pid, visible.pid, visible.pid, hidden.pid]);
    const other = lab.forever(n0);
    expect([register(lab, n0, test, other.pid), register(lab, n1, test, other.pid)]).toEqual([no, no]);
    lab.kill(visible);
    expect(everywhere(lab, test)).toEqual([undefined, undefined, undefined, hidden.pid]);
    named(lab, n0, test);
    const listening = lab.listener(n2);
    expect(lab.on(n2, 'global', 're_register_name', [test, listening.process.pid])).toBe(yes);
    expect(whereis(lab, n0, test)).toEqual(listening.process.pid);
    expect(lab.on(n0, 'global', 'send', [test, a('ping')])).toEqual(listening.process.pid);
    expect(lab.on(n1, 'global', 'send', [test, a('pong')])).toEqual(listening.process.pid);
    lab.settle();
    expect(listening.got.map(shown)).toEqual(['ping', 'pong']);
    lab.on(n3, 'global', 'unregister_name', [test]);
    expect(everywhere(lab, test)).toEqual([...all(listening.process.pid, 3), undefined]);
    lab.on(n0, 'global', 'unregister_name', [test]);
    expect(everywhere(lab, test)).toEqual(all(undefined));
  });

  // @otp global_SUITE:locks_hidden
  it('have locks of their own', () => {
    const lab = net(nodes, { hidden: [n3] });
    ping(lab, n1, n3);
    ping(lab, n3, n0);
    const [me, here, there, hidden] = [n0, n0, n1, n3].map((node) => new Actor(lab, node));
    expect(lockBy(hidden, 'l', [n3])).toBe(true);
    expect(lockBy(me, 'l')).toBe(true);
    expect([lockBy(here, 'l'), unlockBy(hidden, 'l', [n3]), lockBy(there, 'l')]).toEqual([false, true, false]);
    unlockBy(me, 'l');
    expect([lockBy(here, 'l'), lockBy(there, 'l'), lockBy(me, 'l')]).toEqual([true, false, false]);
    here?.ends();
    expect([lockBy(me, 'l'), lockBy(hidden, 'l', [n3])]).toEqual([true, true]);
    unlockBy(me, 'l');
    expect([lockBy(there, 'l'), lockBy(there, 'm')]).toEqual([true, true]);
    hidden?.ends();
    expect([lockBy(me, 'l'), lockBy(me, 'm')]).toEqual([false, false]);
    there?.ends();
    expect([lockBy(me, 'l'), lockBy(me, 'm')]).toEqual([true, true]);
  });
});

const visible = [n0, n1, n2];
/** One retry at most, as the suite's. */
function lockBy(actor: Actor | undefined, lock: string, on: readonly string[] = visible): Value {
  return actor?.applies('global', 'set_lock', tup(a(lock), actor.pid), on.map(a), 1);
}
function unlockBy(actor: Actor | undefined, lock: string, on: readonly string[] = visible): Value {
  return actor?.applies('global', 'del_lock', tup(a(lock), actor.pid), on.map(a));
}

describe('locks', () => {
  // @otp global_SUITE:locks
  it('are held by one requester on the nodes asked for, until given back or its end', () => {
    const lab = net();
    const [me, here, there] = [n0, n0, n1].map((node) => new Actor(lab, node));
    const set = (actor: Actor | undefined, lock: string, on = nodes): Value => lockBy(actor, lock, on);
    expect([set(me, 'l'), set(here, 'l'), set(there, 'l')]).toEqual([true, false, false]);
    unlockBy(me, 'l', nodes);
    expect([set(here, 'l'), set(there, 'l'), set(me, 'l')]).toEqual([true, false, false]);
    here?.ends();
    expect(set(me, 'l')).toBe(true);
    // It tries for ever, and gets it when it is free.
    const waiting = there?.begin((self) =>
      self.apply('global', 'set_lock', [tup(a('l'), self.pid), nodes.map(a), a('infinity')]),
    );
    lab.settle(1000);
    expect(waiting?.answer).toBe(null);
    unlockBy(me, 'l', nodes);
    lab.settle(12_000);
    expect(waiting?.answer).toBe(true);
    expect([set(there, 'l'), set(there, 'm'), set(me, 'l'), set(me, 'm')]).toEqual([true, true, false, false]);
    there?.ends();
    expect([set(me, 'l'), set(me, 'm')]).toEqual([true, true]);
    unlockBy(me, 'l', nodes);
    unlockBy(me, 'm', nodes);
    // The same lock on other nodes is another matter.
    const [four, five, six, seven] = [n0, n1, n2, n3].map((node) => new Actor(lab, node));
    expect([set(four, 'l', [n0, n1]), set(five, 'l', [n0, n1])]).toEqual([true, false]);
    expect([set(six, 'l', [n2, n3]), set(seven, 'l', [n2, n3])]).toEqual([true, false]);
    unlockBy(six, 'l', [n2, n3]);
    expect(set(six, 'l', [n1, n2, n3])).toBe(false);
    four?.ends();
    expect(set(five, 'l', [n0, n1])).toBe(true);
    const eight = new Actor(lab, n0);
    expect(set(eight, 'l')).toBe(false);
    for (const node of [n1, n2, n3]) lab.cluster.crashNode(node);
    lab.settle(100);
    expect(set(eight, 'l', [n0])).toBe(true);
  });

  // @otp global_SUITE:lock_die
  it('are released by whoever holds them, wherever their holder ends', () => {
    const lab = net(visible);
    const [me, two, three] = [n0, n0, n0].map((node) => new Actor(lab, node));
    const id = tup(a('id'), me?.pid);
    // The same requester, held by two processes: each gives back its own part.
    expect(two?.applies('global', 'set_lock', id, [a(n1), a(n2)])).toBe(true);
    expect(me?.applies('global', 'set_lock', id, [a(n1)])).toBe(true);
    me?.applies('global', 'del_lock', id, visible.map(a));
    expect(globalTables(nodeOf(lab.cluster, n2))?.locks.size).toBe(1);
    two?.ends();
    expect(three?.applies('global', 'set_lock', tup(a('id'), three.pid), [a(n1)])).toBe(true);
    three?.ends();
    expect(me?.applies('global', 'set_lock', id, [a(n0), a(n1)])).toBe(true);
    me?.applies('global', 'del_lock', id, [a(n0), a(n1)]);
    expectNothingLeft(lab);
  });

  // @otp global_SUITE:names_and_locks
  it('and names are released together with their process', () => {
    const lab = net();
    const [me, mine, one, two, three] = [n0, n0, n1, n2, n3].map((node) => new Actor(lab, node));
    const names = ['test1', 'test2', 'test3'].map(a);
    [one, two, three].forEach((actor, at) => {
      if (actor !== undefined) expect(register(lab, n0, names[at], actor.pid)).toBe(yes);
    });
    if (mine === undefined) throw new Error('No actor.');
    expect([register(lab, n0, a('test3'), mine.pid), register(lab, n0, a('test4'), mine.pid)]).toEqual([no, yes]);
    expect([lockBy(mine, 'l', [n0, n1]), lockBy(one, 'l', [n0, n1])]).toEqual([true, false]);
    expect([lockBy(two, 'l', [n2, n3]), lockBy(three, 'l', [n2, n3])]).toEqual([true, false]);
    unlockBy(two, 'l', [n2, n3]);
    expect(lockBy(two, 'l', [n1, n2, n3])).toBe(false);
    expect([lockBy(two, 'l', [n2, n3]), lockBy(two, 'm', [n2, n3])]).toEqual([true, true]);
    mine.ends();
    expect(everywhere(lab, a('test4'))).toEqual(all(undefined));
    expect(lockBy(me, 'l', [n0, n1])).toBe(true);
    unlockBy(me, 'l', [n0, n1]);
    two?.ends();
    expect(everywhere(lab, a('test2'))).toEqual(all(undefined));
    expect([lockBy(me, 'l', [n2, n3]), lockBy(me, 'm', [n2, n3])]).toEqual([true, true]);
    for (const lock of ['l', 'm']) unlockBy(me, lock, [n2, n3]);
    for (const actor of [one, three]) actor?.ends();
    expectNothingLeft(lab);
  });

  // @otp global_SUITE:bad_input
  it('and names refuse what is none, and the server does not mind', () => {
    const lab = net([n0]);
    const server = nodeOf(lab.cluster, n0).names.get('global_name_server');
    const me = lab.forever(n0).pid;
    const bad: readonly (readonly [string, readonly Value[]])[] = [
      ['set_lock', [a('bad_id')]],
      ['set_lock', [tup(a('id'), me), a('bad_nodes')]],
      ['del_lock', [a('bad_id')]],
      ['del_lock', [tup(a('id'), me), a('bad_nodes')]],
      ['register_name', [a('name'), a('bad_pid')]],
      ['reregister_name', [a('name'), a('bad_pid')]],
      ['trans', [a('bad_id'), tup(a('m'), a('f'))]],
      ['trans', [tup(a('id'), me), tup(a('m'), a('f')), [a(n0)], -1]],
    ];
    for (const [name, args] of bad) expect(thrownBy(() => lab.on(n0, 'global', name, args)).kind).toBe('error');
    expect(nodeOf(lab.cluster, n0).names.get('global_name_server')).toBe(server);
    expectNothingLeft(lab);
  });
});

describe('partitions', () => {
  // @otp global_SUITE:name_die
  it('call no resolver for the same process, and notice its end also from the other side', () => {
    const lab = net([n0, n1]);
    const called: string[] = [];
    const resolver = fun('suite', 'resolve', 3, (_self, _name, pid) => {
      called.push('resolve');
      return pid;
    });
    const far = named(lab, n1, test, resolver);
    const cut = part(lab, [n0], [n1]);
    expect(everywhere(lab, test)).toEqual([undefined, far.pid]);
    lab.cluster.network.mend(cut);
    // Registering it here connects, by the monitor of the process.
    lab.on(n0, 'global', 'register_name', [test, far.pid, resolver]);
    ready(lab);
    expect(everywhere(lab, test)).toEqual(all(far.pid, 2));
    expect(called).toEqual([]);
    lab.kill(far);
    lab.settle();
    expect(everywhere(lab, test)).toEqual(all(undefined, 2));
    expectNothingLeft(lab);
  });

  // @otp global_SUITE:basic_partition
  it('exchange their names when they meet', () => {
    const lab = net();
    const cut = part(lab, [n0, n1], [n2, n3]);
    const here = named(lab, n0, test);
    const two = named(lab, n2, a('test2'));
    const four = named(lab, n3, a('test4'));
    lab.cluster.network.mend(cut);
    ping(lab, n0, n2);
    ping(lab, n0, n3);
    ready(lab);
    expect(lab.on(n0, 'erlang', 'nodes')).toEqual([n1, n2, n3].map(a));
    for (const [name, process] of [[test, here] as const, [a('test2'), two] as const, [a('test4'), four] as const]) {
      expect(everywhere(lab, name)).toEqual(all(process.pid));
    }
    for (const process of [here, two, four]) lab.kill(process);
    expectNothingLeft(lab);
  });

  // @otp global_SUITE:basic_name_partition
  it('with the same names keep one process of each', () => {
    for (let seed = 1; seed <= 5; seed += 1) {
      const lab = net(nodes, { seed });
      const cut = part(lab, [n0, n1], [n2, n3]);
      const [name03, name12] = [a('name03'), a('name12')];
      const processes = [
        named(lab, n0, name03),
        named(lab, n1, name12),
        named(lab, n2, name12),
        named(lab, n3, name03),
      ];
      lab.cluster.network.mend(cut);
      ping(lab, n0, n3);
      ready(lab);
      expect(lab.on(n0, 'erlang', 'nodes')).toEqual([n1, n2, n3].map(a));
      for (const [name, on] of [[name03, [n0, n3]] as const, [name12, [n1, n2]] as const]) {
        const [winner, ...others] = everywhere(lab, name);
        if (!(winner instanceof Pid)) throw new Error('Nobody has the name.');
        expect(on).toContain(winner.node);
        expect(others).toEqual(all(winner, 3));
      }
      expect(processes.filter(({ alive }) => alive)).toHaveLength(2);
      for (const process of processes) if (process.alive) lab.kill(process);
      expectNothingLeft(lab);
    }
  });

  // @otp global_SUITE:advanced_partition
  it('resolve each conflict as its name was registered', () => {
    const names = ['m', 'c0', 'c1', 'c2', 'c3', 'c4', 'c5', 'c6'].map((name) => `${name}@sim`);
    const [m = '', c0 = '', c1 = '', c2 = '', c3 = '', c4 = '', c5 = '', c6 = ''] = names;
    const lab = net(names);
    const cut = part(lab, [m, c0, c1, c2], [c3, c4, c5, c6]);
    const resolves: Value[] = [];
    const greater = fun('suite', 'lock_resolver', 3, (_self, name, one, other) => {
      resolves.push(name);
      return one instanceof Pid && other instanceof Pid && one.node > other.node ? one : other;
    });
    const methods = [
      [],
      [tup(a('global'), a('notify_all_name'))],
      [tup(a('global'), a('random_notify_name'))],
      [greater],
    ];
    const side = (on: readonly string[]): readonly Process[] =>
      on.map((node, at) => named(lab, node, a(`test${at + 1}`), ...(methods[at] ?? [])));
    const [mt1, mt2, mt3, mt4] = side([m, c0, c1, c2]);
    const [nt1, nt2, nt3, nt4] = side([c3, c4, c5, c6]);
    lab.cluster.network.mend(cut);
    for (const node of [c3, c4, c5, c6]) ping(lab, m, node);
    ready(lab);
    const winner = (name: string): Value => {
      const [first, ...others] = everywhere(lab, a(name));
      expect(others).toEqual(all(first, 7));
      return first;
    };
    // One of the two was killed, and the other one has the name.
    expect([mt1?.alive, nt1?.alive].filter((alive) => alive === true)).toHaveLength(1);
    expect(winner('test1')).toEqual(mt1?.alive === true ? mt1.pid : nt1?.pid);
    expect(winner('test2')).toBe(undefined);
    for (const process of [mt2, nt2]) {
      if (process !== undefined) expect(mailboxOf(process)).toEqual(['{global_name_conflict,test2,pid}']);
    }
    const third = winner('test3');
    for (const process of [mt3, nt3]) {
      if (process === undefined) continue;
      expect(process.alive).toBe(true);
      expect(mailboxOf(process)).toEqual(process.pid === third ? [] : ['{global_name_conflict,test3}']);
    }
    expect(winner('test4')).toEqual(nt4?.pid);
    expect(mt4?.alive).toBe(true);
    expect(resolves.map(shown)).toEqual(['test4']);
  });

  const rings: readonly (readonly [string, number])[] = [
    ['ten', 9],
    ['seven', 6],
  ];
  // @otp global_SUITE:ring global_SUITE:simple_ring
  it.each(rings)('of %s nodes of one each, that ping each other in a ring, end with one winner', (_name, count) => {
    for (let seed = 1; seed <= 3; seed += 1) {
      const names = ['ts@sim', ...Array.from({ length: count }, (_, at) => `cp${at}@sim`)];
      const lab = net(names, { seed });
      const cut = part(lab, ...names.map((name) => [name]));
      const name = a('single_name');
      const processes = names.slice(1).map((node) => named(lab, node, name));
      lab.cluster.network.mend(cut);
      const pings = names.slice(1).map((node, at) => {
        const actor = new Actor(lab, node);
        return actor.begin((self) => self.apply('net_adm', 'ping', [a(`cp${(at + count - 1) % count}@sim`)]));
      });
      for (const node of names.slice(1)) ping(lab, 'ts@sim', node);
      ready(lab);
      expect(pings.map(({ answer }) => answer)).toEqual(all(a('pong'), count));
      const [winner, ...others] = everywhere(lab, name);
      expect(winner).toBeInstanceOf(Pid);
      expect(others).toEqual(all(winner, count));
      expect(processes.filter(({ alive }) => alive).map(({ pid }) => pid)).toEqual([winner]);
      for (const process of processes) if (process.alive) lab.kill(process);
      expectNothingLeft(lab);
    }
  });
});

describe('global', () => {
  // @otp global_SUITE:re_register_name
  it('watches who has a name, and nobody any more who had it', () => {
    const lab = net([n0, n1]);
    const [first, second] = [lab.forever(n0), lab.forever(n0)];
    expect(register(lab, n0, test, first.pid)).toBe(yes);
    const watchers = (process: Process): number => process.monitoredBy?.size ?? 0;
    // Each node watches.
    lab.settle();
    expect(watchers(first)).toBe(2);
    expect(lab.on(n0, 'global', 're_register_name', [test, second.pid])).toBe(yes);
    lab.settle();
    expect([watchers(first), watchers(second)]).toEqual([0, 2]);
    lab.on(n0, 'global', 'unregister_name', [test]);
    lab.settle();
    expect(watchers(second)).toBe(0);
    expectNothingLeft(lab);
  });

  it('calls under a lock, and gives it back whatever comes of it', () => {
    const lab = net([n0, n1]);
    lab.run(n0, function* (self): Flow<void> {
      const id = tup(a('l'), self.pid);
      const held = fun('suite', 'f', 0, (own) => globalTables(own.home)?.locks.size ?? 0);
      expect(yield* self.apply('global', 'trans', [id, held])).toBe(1);
      const fails = fun('suite', 'f', 0, (own) => own.exit(a('boom')));
      try {
        yield* self.apply('global', 'trans', [id, fails]);
      } catch {
        // As it should.
      }
      expect(yield* self.apply('global', 'sync', [])).toBe(a('ok'));
      yield* receive({ afterMs: 10, match: () => false });
      expect(yield* flushed()).toEqual([]);
    });
    expectNothingLeft(lab);
  });
});
