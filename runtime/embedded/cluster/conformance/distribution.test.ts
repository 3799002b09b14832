/** Cases of OTP 25's distribution_SUITE on simulated nodes, and who is told of nodes that come and go. */
import { describe, expect, it } from 'vitest';
import type { Value } from '../../../term/values.ts';
import { a, Pid, tup } from '../../../term/values.ts';
import type { Flow } from '../../kernel/flow.ts';
import { receive, sleep, timedOut } from '../../kernel/flow.ts';
import { nodeOf, shown, testModule } from '../../testKit.ts';
import { Actor, flushed, Lab, n0, n1, n2, outcome } from './peerKit.ts';

const suite = testModule('suite', {
  'dead/0': (self) => self.error(a('die')),
  *'forever/0'(): Flow<Value> {
    yield* sleep(1e9);
    return null;
  },
});
const pong = a('pong');

describe('ping', () => {
  // @otp distribution_SUITE:ping
  it('answers for nodes that are there, as often as one likes', () => {
    const lab = new Lab([n0, n1], { mesh: 'none', connectAll: false });
    lab.run(n0, function* (self): Flow<void> {
      for (let times = 0; times < 200; times += 1) {
        expect(yield* self.apply('net_adm', 'ping', [a('nowhere@sim')])).toBe(a('pang'));
      }
      for (let times = 0; times < 200; times += 1) expect(yield* self.apply('net_adm', 'ping', [a(n1)])).toBe(pong);
      expect(yield* self.apply('net_adm', 'ping', [a(n0)])).toBe(pong);
      expect(yield* flushed()).toEqual([]);
    });
  });
});

describe('a link to a process of another node that is dead', () => {
  const dead = function* (self: Parameters<Parameters<Lab['run']>[1]>[0]): Flow<Value> {
    return yield* self.apply('erlang', 'spawn', [a(n1), a('suite'), a('dead'), []]);
  };
  const linked = function* (self: Parameters<Parameters<Lab['run']>[1]>[0], pid: Value): Flow<void> {
    if (!(pid instanceof Pid)) throw new Error('It was not spawned.');
    self.link(pid);
    expect(yield* receive({ afterMs: 5000 })).toEqual(tup(a('EXIT'), pid, a('noproc')));
    expect([...(self.inspect(self.pid)?.links ?? [])]).toEqual([]);
    expect(yield* receive({ afterMs: 3000 })).toBe(timedOut);
  };

  // @otp distribution_SUITE:link_to_dead
  it('ends with noproc, and is none', () => {
    const lab = new Lab([n0, n1], { modules: [suite] });
    lab.run(n0, function* (self): Flow<void> {
      self.trapExit(true);
      const pid = yield* dead(self);
      yield* sleep(5000);
      yield* linked(self, pid);
    });
  });

  // @otp distribution_SUITE:link_to_dead_new_node
  it('does so, too, when the node has gone and come back', () => {
    const lab = new Lab([n0, n1], { modules: [suite] });
    const me = new Actor(lab, n0);
    const pid = me.does(dead);
    lab.cluster.crashNode(n1);
    lab.settle();
    lab.cluster.startNode(n1);
    lab.settle();
    me.does(function* (self): Flow<true> {
      self.trapExit(true);
      yield* linked(self, pid);
      return true;
    });
  });
});

describe('dist_auto_connect', () => {
  const alone = (autoConnect: 'once' | 'never'): Lab =>
    new Lab([n0, n1], { mesh: 'none', connectAll: false, autoConnect });
  const ping = (lab: Lab, from: string, to: string): Value => lab.on(from, 'net_adm', 'ping', [a(to)]);

  // @otp distribution_SUITE:dist_auto_connect_once
  it('once: connects to a life of a node, and not again by itself when that connection was lost', () => {
    const lab = alone('once');
    expect(lab.on(n0, 'erlang', 'nodes')).toEqual([]);
    expect(ping(lab, n1, n0)).toBe(pong);
    expect([lab.on(n0, 'erlang', 'nodes'), lab.on(n1, 'erlang', 'nodes')]).toEqual([[a(n1)], [a(n0)]]);
    lab.cluster.crashNode(n0);
    lab.settle();
    expect([ping(lab, n1, n0), lab.on(n1, 'erlang', 'nodes')]).toEqual([a('pang'), []]);
    lab.cluster.startNode(n0);
    lab.settle();
    expect(ping(lab, n1, n0)).toBe(a('pang'));
    // The other one has not met it in this life.
    expect([ping(lab, n0, n1), ping(lab, n1, n0)]).toEqual([pong, pong]);
    expect(lab.on(n1, 'erlang', 'disconnect_node', [a(n0)])).toBe(true);
    lab.settle();
    expect(ping(lab, n1, n0)).toBe(a('pang'));
    expect(lab.on(n1, 'net_kernel', 'connect_node', [a(n0)])).toBe(true);
    expect(ping(lab, n1, n0)).toBe(pong);
  });

  it('never: connects when it is told to, and everything else says so at once', () => {
    const lab = alone('never');
    expect(ping(lab, n0, n1)).toBe(a('pang'));
    lab.run(n0, function* (self): Flow<void> {
      self.monitor(tup(a('user'), a(n1)));
      expect(shown(yield* receive({ afterMs: 0 }))).toBe(`{DOWN,ref,process,{user,${n1}},noconnection}`);
      yield* self.apply('erlang', 'monitor_node', [a(n1), true]);
      expect(shown(yield* receive({ afterMs: 0 }))).toBe(`{nodedown,${n1}}`);
      expect(yield* outcome(self.apply('erpc', 'call', [a(n1), a('erlang'), a('node'), []]))).toBe(
        'error:{erpc,noconnection}',
      );
    });
    expect(lab.on(n0, 'net_kernel', 'connect_node', [a(n1)])).toBe(true);
    expect(ping(lab, n0, n1)).toBe(pong);
    expect(lab.on(n0, 'net_kernel', 'connect_node', [a('nowhere@sim')])).toBe(false);
  });
});

describe('monitor_nodes', () => {
  const told = (lab: Lab, ...args: readonly Value[]): { readonly got: Value[] } =>
    lab.listener(n0, (self) => self.apply('net_kernel', 'monitor_nodes', args));

  it('tells what was asked for, of the kind of nodes that was asked for', () => {
    const lab = new Lab([n0, n1, n2], { mesh: 'none', connectAll: false, hidden: [n2] });
    const plain = told(lab, true);
    const list = told(lab, true, [a('nodedown_reason'), tup(a('node_type'), a('all'))]);
    const map = told(lab, true, { connection_id: true, node_type: a('hidden') });
    lab.connect(n0, n1);
    lab.connect(n0, n2);
    for (const node of [n1, n2]) lab.disconnect(n0, node);
    lab.settle();
    expect(plain.got.map(shown)).toEqual([`{nodeup,${n1}}`, `{nodedown,${n1}}`]);
    expect(list.got.map(shown)).toEqual([
      `{nodeup,${n1},[{node_type,visible}]}`,
      `{nodeup,${n2},[{node_type,hidden}]}`,
      `{nodedown,${n1},[{node_type,visible},{nodedown_reason,disconnect}]}`,
      `{nodedown,${n2},[{node_type,hidden},{nodedown_reason,disconnect}]}`,
    ]);
    const [up, down] = map.got.map(shown);
    expect(up).toMatch(new RegExp(`^\\{nodeup,${n2},#\\{node_type=>hidden,connection_id=>\\d+\\}\\}$`));
    expect(down).toBe(up?.replace('nodeup', 'nodedown'));
  });

  it('counts subscriptions, ends all of a kind at once, and refuses options that are none', () => {
    const lab = new Lab([n0, n1], { mesh: 'none', connectAll: false });
    lab.run(n0, function* (self): Flow<void> {
      const monitor = (...args: readonly Value[]): Flow<string> =>
        outcome(self.apply('net_kernel', 'monitor_nodes', args));
      for (let times = 0; times < 2; times += 1) expect(yield* monitor(true)).toBe('ok:ok');
      yield* self.apply('net_kernel', 'connect_node', [a(n1)]);
      expect(yield* flushed()).toEqual([`{nodeup,${n1}}`, `{nodeup,${n1}}`]);
      expect(yield* monitor(false)).toBe('ok:ok');
      yield* self.apply('erlang', 'disconnect_node', [a(n1)]);
      expect(yield* flushed()).toEqual([]);
      expect(yield* monitor(a('maybe'))).toBe('ok:error');
      expect(yield* monitor(true, [a('nonsense')])).toBe('ok:{error,{unknown_options,[nonsense]}}');
      expect(yield* monitor(true, [tup(a('node_type'), a('round'))])).toBe(
        'ok:{error,{bad_option_value,{node_type,round}}}',
      );
      expect(yield* monitor(true, { connection_id: 1 })).toBe('ok:{error,{bad_option_value,#{connection_id=>1}}}');
      expect(yield* monitor(true, a('list'))).toBe('ok:{error,{invalid_options,list}}');
    });
  });

  it('tells of a node before anything that comes from it', () => {
    const lab = new Lab([n0, n1], { mesh: 'none', connectAll: false });
    const { process, got } = lab.listener(n0, (self) => self.apply('net_kernel', 'monitor_nodes', [true]));
    lab.run(n1, function* (self): Flow<void> {
      self.send(process.pid, a('first'));
      yield* sleep(50);
    });
    expect(got.map(shown)).toEqual([`{nodeup,${n1}}`, 'first']);
  });
});

describe('spawn on another node', () => {
  it('monitors and links from the first moment, and where there is no node ends with noconnection', () => {
    const lab = new Lab([n0, n1], { modules: [suite] });
    lab.run(n0, function* (self): Flow<void> {
      self.trapExit(true);
      const apply = (name: string, ...args: readonly Value[]): Flow<Value> => self.apply('erlang', name, args);
      const monitored = yield* apply('spawn_monitor', a(n1), a('suite'), a('dead'), []);
      expect(shown(monitored)).toBe('{pid,ref}');
      expect(shown(yield* receive({ afterMs: 100 }))).toMatch(/^\{DOWN,ref,process,pid,\{die,/);
      const linked = yield* apply('spawn_link', a(n1), a('suite'), a('dead'), []);
      expect(linked instanceof Pid && linked.node).toBe(n1);
      expect(shown(yield* receive({ afterMs: 100 }))).toMatch(/^\{EXIT,pid,\{die,/);
      const nowhere = yield* apply('spawn_link', a('nowhere@sim'), a('suite'), a('dead'), []);
      expect(nowhere).toBeInstanceOf(Pid);
      expect(shown(yield* receive({ afterMs: 100 }))).toBe('{EXIT,pid,noconnection}');
      const request = (...options: readonly Value[]): Flow<Value> =>
        apply('spawn_request', a(n1), a('suite'), a('forever'), [], options);
      const first = yield* request(tup(a('reply_tag'), a('told')), a('monitor'));
      expect(shown(yield* receive({ afterMs: 100 }))).toBe('{told,ref,ok,pid}');
      expect(yield* apply('spawn_request_abandon', first)).toBe(false);
      const before = nodeOf(lab.cluster, n1).processes.size;
      // Given up before it is answered: the process that comes to be is ended.
      const second = yield* request(a('link'));
      expect(yield* apply('spawn_request_abandon', second)).toBe(true);
      yield* sleep(100);
      expect(yield* flushed()).toEqual([]);
      expect(nodeOf(lab.cluster, n1).processes.size).toBe(before);
    });
  });
});
