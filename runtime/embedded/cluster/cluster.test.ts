import { describe, expect, it } from 'vitest';
import type { Value } from '../../term/values.ts';
import { a, Pid, tup } from '../../term/values.ts';
import { shop, shopModules } from '../demo/shop.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive, sleep, timedOut } from '../kernel/flow.ts';
import { seededPrng } from '../kernel/prng.ts';
import { startApplication, stopApplication } from '../otp/application.ts';
import { printed as termText } from '../otp/text.ts';
import { call } from '../otp/gen.ts';
import { supervisorAt } from '../otp/supervisorState.ts';
import { inProcess, mailboxOf, nodeOf, shown, spawn, testCluster } from '../testKit.ts';
import { Cluster } from './cluster.ts';

const names = ['one@sim', 'two@sim', 'three@sim'];
function demo(seed: number, schedule: 'fifo' | 'random' = 'fifo'): Cluster {
  return new Cluster({
    nodes: names,
    prng: seededPrng(seed),
    modules: shopModules,
    applications: [shop],
    boot: ['shop'],
    latencyMs: { min: 0.5, max: 2 },
    schedule,
  });
}
function* waits(): Flow<void> {
  for (;;) yield* sleep(1_000_000);
}

describe('nodes', () => {
  it('are all connected, and run the system processes of OTP', () => {
    const cluster = testCluster(names);
    expect(cluster.connectedTo(nodeOf(cluster, 'two@sim'))).toEqual(['one@sim', 'three@sim']);
    for (const name of names) {
      expect([...nodeOf(cluster, name).names.keys()].sort()).toEqual([
        'application_controller',
        'global_name_server',
        'init',
        'kernel_sup',
        'net_kernel',
        'rex',
        'user',
      ]);
    }
  });

  it('that crash take their processes with them; links and monitors elsewhere end with noconnection', () => {
    const cluster = testCluster(names);
    const far = spawn(nodeOf(cluster, 'two@sim'), waits);
    const near = spawn(nodeOf(cluster), function* (self) {
      self.trapExit(true);
      yield* call(self, a('net_kernel'), tup(a('monitor_nodes'), true));
      self.link(far.pid);
      self.monitor(far.pid);
      self.monitor(tup(a('user'), a('two@sim')));
      yield* waits();
    });
    const victim = spawn(nodeOf(cluster), function* (self) {
      self.link(far.pid);
      yield* waits();
    });
    cluster.runUntil(cluster.nowMs + 20);
    expect(cluster.crashNode('two@sim')).toBe(true);
    expect(cluster.crashNode('two@sim')).toBe(false);
    expect(cluster.crashNode('nine@sim')).toBe(false);
    cluster.runUntil(cluster.nowMs + 20);
    expect(mailboxOf(near)).toEqual([
      '{EXIT,pid,noconnection}',
      '{DOWN,ref,process,pid,noconnection}',
      '{DOWN,ref,process,{user,two@sim},noconnection}',
      '{nodedown,two@sim}',
    ]);
    expect(victim.alive).toBe(false);
    expect(cluster.node('two@sim')).toBeNull();
    expect(cluster.connectedTo(nodeOf(cluster))).toEqual(['three@sim']);
  });

  it('that start again are a new life: old pids name nobody, though the numbers are the same', () => {
    const cluster = testCluster(names);
    const first = spawn(nodeOf(cluster, 'two@sim'), waits);
    cluster.crashNode('two@sim');
    // At once: whoever has not noticed yet notices now.
    const again = cluster.startNode('two@sim');
    expect(again?.creation).toBe(2);
    expect(cluster.startNode('two@sim')).toBeNull();
    expect(cluster.startNode('nine@sim')).toBeNull();
    cluster.runUntil(cluster.nowMs + 20);
    const second = spawn(nodeOf(cluster, 'two@sim'), waits);
    expect([second.pid.id, second.pid.serial]).toEqual([first.pid.id, first.pid.serial]);
    expect(cluster.find(first.pid)).toBeUndefined();
    expect(cluster.find(second.pid)).toBe(second);
    const seen = inProcess(cluster, function* (self) {
      self.monitor(first.pid);
      const down = yield* receive({ afterMs: 100 });
      return down === timedOut ? 'timeout' : shown(down);
    });
    expect(seen).toBe('{DOWN,ref,process,pid,noproc}');
    expect(cluster.connectedTo(nodeOf(cluster))).toEqual(['three@sim', 'two@sim']);
  });

  it('can be added, once', () => {
    const cluster = testCluster(names);
    expect(cluster.addNode('four@sim')?.creation).toBe(1);
    expect(cluster.addNode('four@sim')).toBeNull();
    cluster.runUntil(cluster.nowMs + 10);
    expect(cluster.connectedTo(nodeOf(cluster, 'four@sim'))).toEqual([...names].sort());
  });

  it('end when their application controller does', () => {
    const cluster = testCluster(names);
    const node = nodeOf(cluster);
    const controller = node.names.get('application_controller');
    if (controller === undefined) throw new Error('no controller');
    node.end(controller, a('boom'));
    cluster.runUntil(cluster.nowMs + 10);
    expect(cluster.node('one@sim')).toBeNull();
  });

  it('print through their user process, and stop listening to who is gone', () => {
    const cluster = testCluster(names);
    const printed: string[] = [];
    cluster.listen((event) => {
      if (event.is === 'report' && event.kind === 'output') printed.push(shown(event.report));
    });
    const answer = inProcess(cluster, function* (self) {
      yield* call(self, a('net_kernel'), tup(a('monitor_nodes'), true));
      yield* call(self, a('net_kernel'), tup(a('monitor_nodes'), false));
      const other = spawn(nodeOf(cluster), function* (own) {
        yield* call(own, a('net_kernel'), tup(a('monitor_nodes'), true));
      });
      const ref = self.makeRef();
      self.send(a('user'), tup(a('io_request'), self.pid, ref, tup(a('put_chars'), a('unicode'), 'hello')));
      const reply = yield* receive({ afterMs: 100 });
      yield* sleep(5);
      return [
        reply === timedOut ? '' : shown(reply),
        other.alive,
        shown(yield* call(self, a('net_kernel'), a('what'))),
      ];
    });
    expect(answer).toEqual(['{io_reply,ref,ok}', false, 'unknown_request']);
    expect(printed).toEqual(['"hello"']);
  });
});

describe('applications', () => {
  it('start, are listed, stop in order, and start again', () => {
    const cluster = demo(1);
    cluster.runUntil(50);
    const states: string[] = [];
    cluster.listen((event) => {
      if (event.is === 'application') states.push(`${event.name} ${event.state}`);
    });
    const answers = inProcess(cluster, function* (self) {
      const seen: Value[] = [
        yield* startApplication(self, 'shop'),
        yield* startApplication(self, 'nothing'),
        yield* stopApplication(self, 'shop'),
        yield* stopApplication(self, 'shop'),
        yield* startApplication(self, 'shop'),
        yield* call(self, a('application_controller'), a('which_applications')),
      ];
      return seen.map((answer) => termText(answer));
    });
    expect(answers).toEqual([
      '{error,{already_started,shop}}',
      '{error,{"no such file or directory","nothing.app"}}',
      'ok',
      '{error,{not_started,shop}}',
      'ok',
      '[{shop,"An online shop on every node","1.0.0"},{kernel,"The simulated kernel","8.5"}]',
    ]);
    expect(states).toEqual(['shop stopped', 'shop started']);
  });

  it('whose root supervisor ends are stopped, and the node lives on', () => {
    const cluster = demo(1);
    cluster.runUntil(50);
    const node = nodeOf(cluster);
    const root = node.names.get('Elixir.Shop.Supervisor');
    if (root === undefined) throw new Error('no shop');
    const before = node.processes.size;
    node.end(root, a('boom'));
    cluster.runUntil(cluster.nowMs + 50);
    expect(cluster.node('one@sim')).toBe(node);
    expect(node.names.has('Elixir.Shop.Catalog')).toBe(false);
    expect(cluster.applicationsOf('one@sim')?.running.has('shop')).toBe(false);
    expect(node.processes.size).toBeLessThan(before - 10);
  });

  it('that cannot start are said so, and leave nothing behind', () => {
    const broken = { ...shop, name: 'broken', start: { module: 'nowhere', argument: null } };
    const odd = { ...shop, name: 'odd', start: { module: 'erlang', argument: null } };
    const reports: string[] = [];
    const cluster = testCluster(['one@sim'], { applications: [broken, odd] });
    cluster.listen((event) => {
      if (event.is === 'report') reports.push(event.kind);
    });
    const before = nodeOf(cluster).processes.size;
    const answers = inProcess(cluster, function* (self) {
      return [shown(yield* startApplication(self, 'broken')), shown(yield* startApplication(self, 'odd'))];
    });
    for (const answer of answers) expect(answer).toMatch(/^\{error,\{bad_return,/);
    expect(nodeOf(cluster).processes.size).toBe(before);
    const booted = testCluster(['one@sim'], { applications: [broken], boot: ['broken'] });
    expect(booted.applicationsOf('one@sim')?.running.has('broken')).toBe(false);
  });
});

describe('the demo', () => {
  it('sells: orders pass all stages, catalogues are kept in step, gateways fail and come back', () => {
    const cluster = demo(3);
    let restarts = 0;
    cluster.listen((event) => {
      if (event.is === 'restart') restarts += 1;
    });
    cluster.runUntil(180_000);
    expect(restarts).toBeGreaterThan(0);
    for (const name of names) {
      const node = nodeOf(cluster, name);
      const state = (server: string): string => shown(node.names.get(server)?.handler?.state());
      expect(state('Elixir.Shop.Pipeline.Dispatch')).toMatch(/passed=>[1-9]/);
      expect(state('Elixir.Shop.Replicator')).toMatch(/heard=>#\{\w+@sim=>1\d\d,\w+@sim=>1\d\d\}/);
      expect(node.names.has('Elixir.Shop.Payments.Gateway')).toBe(true);
    }
  });

  it('has supervisors of all four strategies, on every node', () => {
    const cluster = demo(1);
    cluster.runUntil(50);
    for (const name of names) {
      const strategies = [...nodeOf(cluster, name).processes.values()].map(
        ({ pid }) => supervisorAt(pid)?.flags.strategy,
      );
      for (const strategy of ['one_for_one', 'one_for_all', 'rest_for_one', 'simple_one_for_one'] as const) {
        expect(strategies).toContain(strategy);
      }
    }
  });

  it('serves its own callers: carts and catalogues answer', () => {
    const cluster = demo(1);
    cluster.runUntil(50);
    const answers = inProcess(cluster, function* (self) {
      const catalog = tup(a('Elixir.Shop.Catalog'), a('two@sim'));
      const cart = self.spawn('Elixir.Shop.Cart', 'start/1', [1]) instanceof Pid;
      const seen: Value[] = [
        yield* call(self, catalog, tup(a('stock'), 'apples')),
        yield* call(self, catalog, tup(a('take'), 'apples')),
        yield* call(self, catalog, tup(a('take'), 'zebras')),
        yield* call(self, a('Elixir.Shop.Payments.Ledger'), a('what')),
        yield* call(self, a('Elixir.Shop.Payments.Gateway'), a('what')),
        yield* self.apply('Elixir.Shop.Cart', 'start', [a('nobody')]),
      ];
      for (let taken = 1; taken < 40; taken += 1) yield* call(self, catalog, tup(a('take'), 'apples'));
      seen.push(yield* call(self, catalog, tup(a('take'), 'apples')));
      return [cart, ...seen.map(shown)];
    });
    expect(answers).toEqual([
      true,
      '40',
      '{ok,39}',
      '{error,unknown_item}',
      'unknown_request',
      'unknown_request',
      '{error,{no_visitor,nobody}}',
      '{error,sold_out}',
    ]);
  });
});

describe('a seed', () => {
  function storyOf(cluster: Cluster): string {
    const log: string[] = [];
    cluster.listen((event) => log.push(`${cluster.nowMs} ${JSON.stringify(event)}`));
    cluster.runUntil(20_000);
    cluster.crashNode('two@sim');
    cluster.runUntil(25_000);
    cluster.startNode('two@sim');
    cluster.runUntil(40_000);
    return log.join('\n');
  }

  it(
    'replays the same run, event for event, also through a node that crashes and comes back',
    { timeout: 60_000 },
    () => {
      for (const schedule of ['fifo', 'random'] as const) {
        const first = storyOf(demo(7, schedule));
        expect(first.length).toBeGreaterThan(10_000);
        expect(storyOf(demo(7, schedule)) === first).toBe(true);
        expect(storyOf(demo(8, schedule)) === first).toBe(false);
      }
      expect(storyOf(demo(7, 'random')) === storyOf(demo(7))).toBe(false);
    },
  );
});
