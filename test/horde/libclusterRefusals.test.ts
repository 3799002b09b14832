/** libcluster's strategies where something is wrong: configuration, answers, datagrams; and what they say of it. */
import { describe, expect, it } from 'vitest';
import type { Value } from '../../runtime/term/values.ts';
import { a, Pid, tup } from '../../runtime/term/values.ts';
import type { Cluster } from '../../runtime/embedded/cluster/cluster.ts';
import { keywords } from '../../runtime/embedded/horde/options.ts';
import type { Flow } from '../../runtime/embedded/kernel/flow.ts';
import { sleep } from '../../runtime/embedded/kernel/flow.ts';
import { fun } from '../../runtime/embedded/kernel/localFun.ts';
import type { CodeModule } from '../../runtime/embedded/kernel/module.ts';
import type { Self } from '../../runtime/embedded/kernel/self.ts';
import { atoms } from '../../runtime/embedded/kernel/values.ts';
import { addressText } from '../../runtime/embedded/libcluster/address.ts';
import { libclusterModules } from '../../runtime/embedded/libcluster/modules.ts';
import type { Topology } from '../../runtime/embedded/libcluster/strategy.ts';
import { connectNodes, disconnectNodes, topologyValue } from '../../runtime/embedded/libcluster/strategy.ts';
import { aroundHere, kubernetesKey, surroundingsOf } from '../../runtime/embedded/libcluster/surroundings.ts';
import { exits, pidOf, shown } from '../../runtime/embedded/otp/conformance/genKit.ts';
import { getState } from '../../runtime/embedded/otp/sys.ts';
import { inProcess, testCluster } from '../../runtime/embedded/testKit.ts';

const foo = 'foo@some.host';
/** Answers as it is told; `names` are those that are connected. */
const nodes: CodeModule = {
  name: 'nodes',
  functions: {
    'answer/2': (_self, answer) => answer,
    'names/1': (_self, known) => known,
    'tell/2'(self, caller, node) {
      if (caller instanceof Pid) self.send(caller, tup(a('connect'), node));
      return true;
    },
  },
};
const answering = (answer: Value): Value => tup(a('nodes'), a('answer'), [answer]);
function topology(self: Self, options: Partial<Topology> = {}, known: Value = []): Topology {
  return {
    topology: a('name'),
    connect: tup(a('nodes'), a('tell'), [self.pid]),
    disconnect: answering(true),
    listNodes: tup(a('nodes'), a('names'), [known]),
    config: [],
    meta: null,
    ...options,
  };
}
const modules = [...libclusterModules, nodes];
/** Runs a scenario on one node and answers the lines that were logged. */
function said(run: (self: Self, cluster: Cluster) => Flow<void>): readonly string[] {
  const cluster = testCluster(['one@sim'], { modules });
  const lines: string[] = [];
  cluster.listen((event) => {
    if (event.is === 'report' && typeof event.report === 'string') lines.push(event.report);
  });
  inProcess(cluster, (self) => run(self, cluster), 120_000);
  return lines;
}
function* start(self: Self, strategy: string, state: Topology): Flow<Value> {
  return yield* self.apply(`Elixir.Cluster.Strategy.${strategy}`, 'start_link', [[topologyValue(state)]]);
}
/** The nodes that a strategy has asked to connect to since. */
function* asked(self: Self): Flow<string> {
  yield* sleep(50);
  return shown(self.processInfo(self.pid, a('messages')));
}

describe('connecting and disconnecting', () => {
  it.each([
    [true, [], []],
    [false, [], ["failed because we're already disconnected"]],
    [a('ignored'), [], ['failed because it is not part of the network']],
    [a('busy'), [[foo, a('busy')]], ['failed with: busy']],
  ])('says what became of it, unless all is well: %s', (answer, bad, why) => {
    const lines = said(function* (self) {
      const state = topology(self, { disconnect: answering(answer) }, [a(foo)]);
      expect(yield* disconnectNodes(self, state, [foo, 'other@host', self.node])).toEqual(bad);
    });
    expect(lines).toEqual(why.map((end) => expect.stringMatching(`^\\[libcluster:name\\] disconnect from .*${end}$`)));
  });

  it('by a function that is not there raises, by what is no function ends', () => {
    said(function* (self) {
      const absent = topology(self, { connect: tup(a('nodes'), a('missing'), []) });
      expect(yield* exits(connectNodes(self, absent, [foo]))).toContain('nodes.missing/1 is undefined!');
      const none = topology(self, { connect: a('nodes') });
      expect(yield* exits(connectNodes(self, none, [foo]))).toBe('{EXIT,{function_clause,[]}}');
      const half = topology(self, { connect: tup('nodes', a('answer'), []) });
      expect(yield* exits(connectNodes(self, half, [foo]))).toBe('{EXIT,{function_clause,[]}}');
    });
  });

  it('takes every node for a new one where the list of them is none', () => {
    said(function* (self) {
      expect(yield* connectNodes(self, topology(self, {}, a('none')), [foo, foo])).toEqual([]);
      expect(yield* asked(self)).toBe('[{connect,foo@some.host}]');
      expect(yield* connectNodes(self, topology(self, {}, ['no atom', a(foo)]), [foo])).toEqual([]);
    });
  });
});

describe('Cluster.Supervisor', () => {
  const top = (self: Self, ...args: readonly Value[]): Flow<Value> =>
    self.apply('Elixir.Cluster.Supervisor', 'start_link', [[...args]]);
  const local = tup(a('local'), keywords({ strategy: a('Elixir.Cluster.Strategy.LocalEpmd') }));

  it('has the name that it is given', () => {
    said(function* (self) {
      const pid = pidOf(yield* top(self, [local], keywords({ name: a('topologies') })));
      expect(self.whereis(a('topologies'))).toEqual(pid);
    });
  });
  it('starts without topologies, and not with broken ones', () => {
    said(function* (self) {
      self.trapExit(true);
      pidOf(yield* top(self, []));
      pidOf(yield* top(self));
      for (const broken of [tup('local', []), tup(a('local'), []), a('local')]) {
        expect(yield* exits(top(self, [broken]))).toMatch(/function_clause/);
      }
      expect(yield* exits(self.apply('Elixir.Cluster.Strategy.Gossip', 'start_link', [[a('none')]]))).toMatch(
        /^\{error,\{function_clause,/,
      );
    });
  });
});

describe('strategies', () => {
  it('show their state, and mind no message that is not theirs', () => {
    said(function* (self) {
      const epmd = pidOf(yield* start(self, 'Epmd', topology(self, { config: keywords({ hosts: [a(foo), 'text'] }) })));
      const resolver = fun('test', 'resolve', 1, () => [
        tup(10, 0, 0, 1),
        a('none'),
        tup(1, 2, 3),
        tup(a('x'), 1, 2, 3),
      ]);
      const config = keywords({ query: 'app', node_basename: 'node', resolver, polling_interval: 1_000_000 });
      const dns = pidOf(
        yield* start(self, 'DNSPoll', topology(self, { config, meta: [a('node@10.0.0.9'), 'no node'] })),
      );
      for (const pid of [epmd, dns]) self.send(pid, a('hello'));
      expect(yield* asked(self)).toBe('[{connect,foo@some.host},{connect,node@10.0.0.1}]');
      expect(shown(yield* getState(self, epmd))).toContain('__struct__=>Elixir.Cluster.Strategy.State,topology=>name');
      expect(shown(yield* getState(self, dns))).toContain('meta=>[node@10.0.0.1]');
      self.send(dns, atoms.timeout);
      expect(yield* asked(self)).toContain('{connect,node@10.0.0.1},{connect,node@10.0.0.1}]');
    });
  });

  it('of which Epmd is ignored without a list of nodes, and DNSPoll finds nobody by an answer that is none', () => {
    const lines = said(function* (self) {
      expect(yield* start(self, 'Epmd', topology(self, { config: keywords({ hosts: a(foo) }) }))).toBe(atoms.ignore);
      const resolver = fun('test', 'resolve', 1, () => tup(atoms.error, a('nxdomain')));
      const config = keywords({ query: 'app', node_basename: 'node', resolver });
      pidOf(yield* start(self, 'DNSPoll', topology(self, { config })));
      const unknown = keywords({ query: 'nowhere.local', node_basename: 'node' });
      pidOf(yield* start(self, 'DNSPoll', topology(self, { config: unknown })));
      expect(yield* asked(self)).toBe('[]');
    });
    expect(lines).toEqual([]);
  });
});

describe('Kubernetes', () => {
  const named = { kubernetes_node_basename: 'app', kubernetes_selector: 'app=x' };

  it.each([
    [{ kubernetes_selector: 'app=x' }, ':kubernetes_node_basename is not configured!'],
    [{ kubernetes_node_basename: 'app' }, ':kubernetes_selector is not configured!'],
    [{ ...named, kubernetes_selector: a('app') }, ':kubernetes_selector is not configured!'],
  ])('wants a base name and a selector', (config, what) => {
    const lines = said(function* (self) {
      pidOf(yield* start(self, 'Kubernetes', topology(self, { config: keywords(config) })));
      expect(yield* asked(self)).toBe('[]');
    });
    expect(lines).toEqual([`[libcluster:name] kubernetes strategy is selected, but ${what}`]);
  });

  it('forgets its nodes when it is refused, and keeps them through any other trouble', () => {
    const known = 'app@10.0.0.1';
    const lines = said(function* (self, cluster) {
      const { kubernetes } = surroundingsOf(cluster);
      const key = kubernetesKey('', 'app=x');
      const config = keywords({ ...named, polling_interval: 100, mode: 'no mode' });
      const pid = pidOf(yield* start(self, 'Kubernetes', topology(self, { config, meta: [a(known)] }, [a(known)])));
      const meta = function* (): Flow<string> {
        return /meta=>(\[[^\]]*\])/.exec(shown(yield* getState(self, pid)))?.[1] ?? '';
      };
      expect(yield* meta()).toBe(`[${known}]`);
      kubernetes.set(key, { is: 'status', code: 500, message: 'down' });
      yield* sleep(150);
      expect(yield* meta()).toBe(`[${known}]`);
      kubernetes.set(key, { is: 'pods', pods: [{ ip: '10.0.0.1', namespace: 'default', hostname: null }] });
      yield* sleep(100);
      expect(yield* meta()).toBe(`[${known}]`);
      kubernetes.set(key, { is: 'status', code: 403, message: 'who are you' });
      yield* sleep(100);
      expect(yield* meta()).toBe('[]');
    });
    expect(lines[0]).toBe('[libcluster:name] request to kubernetes failed!');
    expect(lines).toContain('[libcluster:name] cannot query kubernetes (500): down');
    expect(lines).toContain('[libcluster:name] cannot query kubernetes (unauthorized): who are you');
  });

  it('names a pod without a host name by its service all the same', () => {
    said(function* (self, cluster) {
      const pods = [{ ip: '10.0.0.1', namespace: 'n', hostname: null }];
      surroundingsOf(cluster).kubernetes.set(kubernetesKey('n', 'app=x'), { is: 'pods', pods });
      const config = keywords({ ...named, kubernetes_namespace: 'n', mode: a('hostname') });
      pidOf(yield* start(self, 'Kubernetes', topology(self, { config })));
      expect(yield* asked(self)).toBe('[{connect,app@..n.svc.cluster.local}]');
    });
  });
});

describe('Gossip', () => {
  const config = (secret: Value): Value => keywords({ multicast_addr: tup(230, 1, 1, 1), port: 1, secret });
  const packet = (payload: Value): Value => tup(a('udp'), a('socket'), a('somewhere'), 1, payload);
  const beat = tup(a('heartbeat'), a(foo));

  it.each<readonly [string, Value, Value, boolean]>([
    ['plain, without a secret', undefined, beat, true],
    ['plain, where there is a secret', 'secret', beat, false],
    ['sealed, without a secret', undefined, tup(a('sealed'), 'secret', beat), false],
    ['sealed by the same secret', 'secret', tup(a('sealed'), 'secret', beat), true],
    ['sealed by another', 'secret', tup(a('sealed'), 'other', beat), false],
    ['from nobody', undefined, tup(a('heartbeat'), 'text'), false],
    ['of another protocol', undefined, 'GET / HTTP/1.1', false],
  ])('hears a heartbeat that is %s, or not', (_what, secret, payload, isHeard) => {
    said(function* (self) {
      const pid = pidOf(yield* start(self, 'Gossip', topology(self, { config: config(secret) })));
      aroundHere(self).sendAll(self, '230.1.1.1:1', packet(payload));
      self.send(pid, a('no datagram'));
      expect(yield* asked(self)).toBe(`[${isHeard ? `{connect,${foo}}` : ''}]`);
      expect(self.isAlive(pid)).toBe(true);
    });
  });

  it('does not hear what comes after it has ended', () => {
    said(function* (self) {
      self.trapExit(true);
      const pid = pidOf(yield* start(self, 'Gossip', topology(self, { config: config(undefined) })));
      aroundHere(self).sendAll(self, '230.1.1.1:1', packet(beat));
      self.sendExit(pid, atoms.kill);
      expect(yield* asked(self)).toBe('[{EXIT,pid,killed}]');
    });
  });
});

it.each<readonly [Value, string | null]>([
  [tup(10, 0, 0, 1), '10.0.0.1'],
  ['host.local', 'host.local'],
  [tup(0, 0, 0, 0, 0, 0, 0, 1), '::1'],
  [tup(0x2001, 0xdb8, 0, 0, 1, 0, 0, 1), '2001:db8::1:0:0:1'],
  [tup(1, 0, 2, 3, 4, 5, 6, 7), '1:0:2:3:4:5:6:7'],
  [tup(1, 2), null],
  [tup(a('a'), 0, 0, 1), null],
  [a('localhost'), null],
])('the address %# as text', (address, text) => expect(addressText(address)).toBe(text));
