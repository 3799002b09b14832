/** Scenarios of libcluster's own tests (3.5.0), and of the strategies in simulated clusters. */
import { describe, expect, it } from 'vitest';
import type { Value } from '../../runtime/term/values.ts';
import { a, Pid, tup } from '../../runtime/term/values.ts';
import type { Cluster } from '../../runtime/embedded/cluster/cluster.ts';
import { keywords } from '../../runtime/embedded/horde/options.ts';
import { startedBy } from '../../runtime/embedded/otp/dynamicStart.ts';
import type { Flow } from '../../runtime/embedded/kernel/flow.ts';
import { receive, sleep } from '../../runtime/embedded/kernel/flow.ts';
import { fun } from '../../runtime/embedded/kernel/localFun.ts';
import type { CodeModule } from '../../runtime/embedded/kernel/module.ts';
import type { Self } from '../../runtime/embedded/kernel/self.ts';
import { atoms } from '../../runtime/embedded/kernel/values.ts';
import { libclusterModules } from '../../runtime/embedded/libcluster/modules.ts';
import type { Topology } from '../../runtime/embedded/libcluster/strategy.ts';
import { connectNodes, disconnectNodes, topologyValue } from '../../runtime/embedded/libcluster/strategy.ts';
import { kubernetesKey, surroundingsOf } from '../../runtime/embedded/libcluster/surroundings.ts';
import { inProcess, nodeOf, testCluster } from '../../runtime/embedded/testKit.ts';
import { next } from './hordeKit.ts';

/** `Cluster.Nodes` of libcluster's tests: tells who is to be connected, and answers as it is told. */
const nodes: CodeModule = {
  name: 'Elixir.Cluster.Nodes',
  functions: {
    'connect/2': (self, caller, node) => told(self, caller, 'connect', node, true),
    'connect/3': (self, caller, answer, node) => told(self, caller, 'connect', node, answer),
    'disconnect/2': (self, caller, node) => told(self, caller, 'disconnect', node, true),
    'disconnect/3': (self, caller, answer, node) => told(self, caller, 'disconnect', node, answer),
    'list_nodes/1': (_self, known) => known,
  },
};
function told(self: Self, caller: Value, what: string, node: Value, answer: Value): Value {
  if (caller instanceof Pid) self.send(caller, tup(a(what), node));
  return answer;
}
const mfa = (name: string, ...args: readonly Value[]): Value => tup(a(nodes.name), a(name), [...args]);
function topology(self: Self, options: Partial<Topology> = {}, known: readonly string[] = []): Topology {
  return {
    topology: a('name'),
    connect: mfa('connect', self.pid),
    disconnect: mfa('disconnect', self.pid),
    listNodes: mfa('list_nodes', known.map(a)),
    config: [],
    meta: null,
    ...options,
  };
}
const modules = [...libclusterModules, nodes];
function scenario(run: (self: Self) => Flow<void>, names: readonly string[] = ['one@sim']): void {
  inProcess(testCluster(names, { modules }), run, 120_000, names[0]);
}
function* start(self: Self, strategy: string, state: Topology): Flow<Value> {
  return yield* self.apply(`Elixir.Cluster.Strategy.${strategy}`, 'start_link', [[topologyValue(state)]]);
}
const foo = 'foo@some.host';

describe('connect_nodes/4', () => {
  it('does not connect existing nodes again', () =>
    scenario(function* (self) {
      expect(yield* connectNodes(self, topology(self, {}, [foo]), [foo, self.node])).toEqual([]);
      expect(yield* next(self, 'connect')).toBeNull();
    }));
  it('does connect new nodes', () =>
    scenario(function* (self) {
      expect(yield* connectNodes(self, topology(self), [foo])).toEqual([]);
      expect((yield* next(self, 'connect'))?.[1]).toBe(a(foo));
    }));
  it('handles connect failure', () =>
    scenario(function* (self) {
      const failing = topology(self, { connect: mfa('connect', self.pid, false) });
      expect(yield* connectNodes(self, failing, [foo])).toEqual([[foo, false]]);
    }));
  it('handles connect ignore', () =>
    scenario(function* (self) {
      const ignoring = topology(self, { connect: mfa('connect', self.pid, a('ignored')) });
      expect(yield* connectNodes(self, ignoring, [foo])).toEqual([[foo, a('ignored')]]);
    }));
});

describe('disconnect_nodes/4', () => {
  it('does not disconnect missing noded', () =>
    scenario(function* (self) {
      expect(yield* disconnectNodes(self, topology(self), [foo])).toEqual([]);
      expect(yield* next(self, 'disconnect')).toBeNull();
    }));
  it('does disconnect new nodes', () =>
    scenario(function* (self) {
      expect(yield* disconnectNodes(self, topology(self, {}, [foo]), [foo])).toEqual([]);
      expect((yield* next(self, 'disconnect'))?.[1]).toBe(a(foo));
    }));
  it('handles disconnect error', () =>
    scenario(function* (self) {
      const failing = topology(self, { disconnect: mfa('disconnect', self.pid, a('failed')) }, [foo]);
      expect(yield* disconnectNodes(self, failing, [foo])).toEqual([[foo, a('failed')]]);
    }));
});

describe('Epmd', () => {
  const hosts = keywords({ hosts: [a('foo@bar')] });
  it('starts GenServer and connects nodes', () =>
    scenario(function* (self) {
      expect(startedBy(yield* start(self, 'Epmd', topology(self, { config: hosts })))).toBeInstanceOf(Pid);
      expect((yield* next(self, 'connect'))?.[1]).toBe(a('foo@bar'));
      expect(yield* start(self, 'Epmd', topology(self))).toBe(atoms.ignore);
    }));
  it('reconnects every time the configured timeout was reached', () =>
    scenario(function* (self) {
      const config = keywords({ hosts: [a('foo@bar')], timeout: 500 });
      yield* start(self, 'Epmd', topology(self, { config }));
      expect(yield* next(self, 'connect', 0)).not.toBeNull();
      for (let times = 0; times < 2; times += 1) {
        expect(yield* next(self, 'connect', 400)).toBeNull();
        expect(yield* next(self, 'connect', 200)).not.toBeNull();
      }
    }));
});

describe('DNSPoll', () => {
  const resolver = (...ips: readonly Value[]): Value => fun('test', 'resolve', 1, () => [...ips]);
  const dns = (ips: Value, more: { readonly [key: string]: Value } = {}): Value =>
    keywords({ polling_interval: 100, query: 'app', node_basename: 'node', resolver: ips, ...more });
  const first = tup(10, 0, 0, 1);

  it('adds new nodes', () =>
    scenario(function* (self) {
      const long = tup(10761, 33408, 1, 41584, 47349, 47607, 34961, 243);
      const config = dns(resolver(first, tup(10, 0, 0, 2), long));
      yield* start(self, 'DNSPoll', topology(self, { config }));
      const asked = [];
      for (let times = 0; times < 3; times += 1) asked.push((yield* next(self, 'connect', 0))?.[1]);
      expect(asked).toEqual(['node@10.0.0.1', 'node@10.0.0.2', 'node@2a09:8280:1:a270:b8f5:b9f7:8891:f3'].map(a));
    }));
  it('removes nodes', () =>
    scenario(function* (self) {
      const known = ['node@10.0.0.1', 'node@10.0.0.2'];
      yield* start(self, 'DNSPoll', topology(self, { config: dns(resolver(first)), meta: known.map(a) }, known));
      expect((yield* next(self, 'disconnect'))?.[1]).toBe(a('node@10.0.0.2'));
    }));
  it('keeps state', () =>
    scenario(function* (self) {
      const known = ['node@10.0.0.1'];
      yield* start(self, 'DNSPoll', topology(self, { config: dns(resolver(first)), meta: known.map(a) }, known));
      expect(yield* next(self, 'disconnect')).toBeNull();
      expect(yield* next(self, 'connect', 0)).toBeNull();
    }));
  it('does not connect to anything with missing or invalid config params', () =>
    scenario(function* (self) {
      for (const more of [{ query: a('app') }, { node_basename: '' }]) {
        yield* start(self, 'DNSPoll', topology(self, { config: dns(resolver(first), more) }));
      }
      expect(yield* next(self, 'connect', 300)).toBeNull();
    }));
});

describe('Kubernetes', () => {
  const names = ['test_basename@10.48.33.136', 'test_basename@10.48.33.137'];
  const pod = { ip: '10.48.33.136', namespace: 'airatel', hostname: 'my-hostname-0' };
  const config = (more: { readonly [key: string]: Value } = {}): Value =>
    keywords({
      kubernetes_node_basename: 'test_basename',
      kubernetes_selector: 'app=test_selector',
      kubernetes_namespace: 'airatel',
      ...more,
    });
  const asked = (more: { readonly [key: string]: Value }): unknown => {
    let node: unknown = null;
    const cluster = testCluster(['one@sim'], { modules });
    surroundingsOf(cluster).kubernetes.set(kubernetesKey('airatel', 'app=test_selector'), { is: 'pods', pods: [pod] });
    inProcess(cluster, function* (self): Flow<void> {
      yield* start(self, 'Kubernetes', topology(self, { config: config(more) }));
      node = (yield* next(self, 'connect'))?.[1];
    });
    return node;
  };

  it('calls right functions', () => expect(asked({})).toBe(a('test_basename@10.48.33.136')));
  it('works with dns and cluster_name', () =>
    expect(asked({ mode: a('dns'), kubernetes_cluster_name: 'my_cluster' })).toBe(
      a('test_basename@10-48-33-136.airatel.pod.my_cluster.local'),
    ));
  it('works with hostname and cluster_name', () =>
    expect(
      asked({ mode: a('hostname'), kubernetes_service_name: 'my_service', kubernetes_cluster_name: 'my_cluster' }),
    ).toBe(a('test_basename@my-hostname-0.my_service.airatel.svc.my_cluster.local')));

  it('adds what comes, takes away what goes, and keeps all while the API is away', () => {
    const cluster = testCluster(names, { modules, mesh: 'none' });
    const around = surroundingsOf(cluster);
    const key = kubernetesKey('airatel', 'app=test_selector');
    const pods = names.map((name) => ({ ip: name.split('@')[1] ?? '', namespace: 'airatel', hostname: null }));
    around.kubernetes.set(key, { is: 'pods', pods });
    runTopology(cluster, names[0] ?? '', 'Kubernetes', config());
    expect(connections(cluster)).toEqual([[names[1]], [names[0]]]);
    around.kubernetes.set(key, { is: 'unreachable' });
    cluster.runUntil(cluster.nowMs + 20_000);
    expect(connections(cluster)).toEqual([[names[1]], [names[0]]]);
    around.kubernetes.set(key, { is: 'pods', pods: pods.slice(0, 1) });
    cluster.runUntil(cluster.nowMs + 6000);
    expect(connections(cluster)).toEqual([[], []]);
  });
});

/** Runs a topology under libcluster's own supervisor for as long as the node is up. */
function runTopology(cluster: Cluster, on: string, strategy: string, config: Value = []): void {
  const spec = keywords({ strategy: a(`Elixir.Cluster.Strategy.${strategy}`), config });
  nodeOf(cluster, on).spawn({
    parent: null,
    initialCall: { module: 'test', function: 'topology', arity: 0 },
    body: {
      is: 'flow',
      *run(self) {
        yield* self.apply('Elixir.Cluster.Supervisor', 'start_link', [[[tup(a('test'), spec)]]]);
        for (;;) yield* receive({ match: () => false });
      },
    },
  });
  cluster.runUntil(cluster.nowMs + 500);
}
function connections(cluster: Cluster): readonly (readonly string[])[] {
  return cluster.names.map((name) => cluster.network.connectedTo(nodeOf(cluster, name)));
}

describe('Gossip', () => {
  const all = ['one@sim', 'two@sim', 'three@sim'];
  const whole = [
    ['three@sim', 'two@sim'],
    ['one@sim', 'three@sim'],
    ['one@sim', 'two@sim'],
  ];
  const gossiping = (config: (name: string) => Value = () => []): Cluster => {
    const cluster = testCluster(all, { modules, mesh: 'none' });
    for (const name of all) runTopology(cluster, name, 'Gossip', config(name));
    return cluster;
  };

  it('connects who hears each other, within the longest pause', () => {
    const cluster = gossiping();
    cluster.runUntil(cluster.nowMs + 5100);
    expect(connections(cluster)).toEqual(whole);
  });
  it('connects nobody with another secret', () => {
    const cluster = gossiping((name) => keywords({ secret: name === 'three@sim' ? 'other' : 'same' }));
    cluster.runUntil(cluster.nowMs + 20_000);
    expect(connections(cluster)).toEqual([['two@sim'], ['one@sim'], []]);
  });
  it('connects nobody on another group, or where the network carries no multicast', () => {
    const apart = gossiping((name) => (name === 'three@sim' ? keywords({ port: 45_893 }) : []));
    apart.runUntil(apart.nowMs + 20_000);
    expect(connections(apart)).toEqual([['two@sim'], ['one@sim'], []]);
    const cluster = testCluster(all, { modules, mesh: 'none' });
    surroundingsOf(cluster).multicast = false;
    for (const name of all) runTopology(cluster, name, 'Gossip');
    cluster.runUntil(cluster.nowMs + 20_000);
    expect(connections(cluster)).toEqual([[], [], []]);
  });
  it('never disconnects, and connects again after a partition', () => {
    const cluster = gossiping();
    cluster.runUntil(cluster.nowMs + 6000);
    const fault = { is: 'partition', islands: [['one@sim'], ['two@sim', 'three@sim']], mode: 'cut' } as const;
    cluster.network.break(fault);
    cluster.runUntil(cluster.nowMs + 20_000);
    expect(connections(cluster)).toEqual([[], ['three@sim'], ['two@sim']]);
    cluster.network.mend(fault);
    cluster.runUntil(cluster.nowMs + 6000);
    expect(connections(cluster)).toEqual(whole);
  });
});

describe('LocalEpmd and ErlangHosts', () => {
  it('LocalEpmd connects once to what runs on its host', () => {
    const cluster = testCluster(['one@here', 'two@here', 'far@there'], { modules, mesh: 'none' });
    runTopology(cluster, 'one@here', 'LocalEpmd');
    expect(connections(cluster)).toEqual([['two@here'], ['one@here'], []]);
  });
  it('ErlangHosts asks the port mappers of its file, and is ignored without one', () => {
    const cluster = testCluster(['one@here', 'two@here', 'far@there'], { modules, mesh: 'none' });
    runTopology(cluster, 'one@here', 'ErlangHosts');
    expect(connections(cluster)).toEqual([[], [], []]);
    surroundingsOf(cluster).hosts = ['there'];
    runTopology(cluster, 'one@here', 'ErlangHosts');
    expect(connections(cluster)).toEqual([['far@there'], [], ['one@here']]);
  });
  it('DNSPoll by the names of a virtual DNS, adds and removes', () => {
    const cluster = testCluster(['app@10.0.0.1', 'app@10.0.0.2'], { modules, mesh: 'none' });
    const around = surroundingsOf(cluster);
    around.dns.set('app.local', ['10.0.0.1', '10.0.0.2']);
    runTopology(cluster, 'app@10.0.0.1', 'DNSPoll', keywords({ query: 'app.local', node_basename: 'app' }));
    expect(connections(cluster)).toEqual([['app@10.0.0.2'], ['app@10.0.0.1']]);
    around.dns.set('app.local', ['10.0.0.1']);
    cluster.runUntil(cluster.nowMs + 6000);
    expect(connections(cluster)).toEqual([[], []]);
    inProcess(cluster, () => sleep(1));
  });
});
