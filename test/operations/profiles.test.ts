/** profile_process on the simulated cluster, through the pipeline: a planted hot function ranks first, by reductions; nothing stays. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { refOf } from '../../runtime/embedded/adapter/context.ts';
import { patient, runtimeOver } from '../../runtime/embedded/adapter/adapterKit.ts';
import type { Cluster } from '../../runtime/embedded/cluster/cluster.ts';
import type { Flow } from '../../runtime/embedded/kernel/flow.ts';
import { sleep } from '../../runtime/embedded/kernel/flow.ts';
import type { CodeModule } from '../../runtime/embedded/kernel/module.ts';
import type { Process } from '../../runtime/embedded/kernel/process.ts';
import type { Self } from '../../runtime/embedded/kernel/self.ts';
import { callbackModule } from '../../runtime/embedded/otp/callbackModule.ts';
import { startServer } from '../../runtime/embedded/otp/genServer.ts';
import { nodeOf, spawn, testCluster } from '../../runtime/embedded/testKit.ts';
import type { Json } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import { a, Pid, Tuple, tup } from '../../runtime/term/values.ts';
import type { House } from '../../server/backend/testKit.ts';
import { at, houseOn, listAt, outcomeOf, taskResult } from '../../server/backend/testKit.ts';
import { errorOf } from '../../server/core/testKit.ts';

/** So many calls of the kernel. */
function work(self: Self, times: number): null {
  for (let n = 0; n < times; n += 1) self.whereis(a('nobody'));
  return null;
}
const planted: CodeModule = {
  name: 'planted',
  functions: {
    *'spin/0'(self): Flow<null> {
      for (;;) {
        yield* sleep(10);
        for (let n = 0; n < 3; n += 1) yield* self.apply('planted', 'hot', [1]);
        for (let n = 0; n < 5; n += 1) yield* self.apply('planted', 'cold', [1]);
      }
    },
    *'hot/1'(self): Flow<null> {
      yield* self.apply('planted', 'cold', [1]);
      return work(self, 100);
    },
    'cold/1': (self) => work(self, 2),
    'init/1': () => tup(a('ok'), null),
    'handle_call/3': (self) => {
      work(self, 2);
      return tup(a('reply'), null, null);
    },
    'handle_cast/2': (self) => {
      work(self, 60);
      return tup(a('noreply'), null);
    },
  },
};

let cluster: Cluster;
let runtime: Runtime;
let house: House;
let spinning: Process;
let server: Process;

beforeEach(async () => {
  cluster = testCluster(['one@sim'], { modules: [planted] });
  const node = nodeOf(cluster);
  const initialCall = { module: 'planted', function: 'spin', arity: 0 };
  spinning = node.spawn({ body: node.bodyOf(initialCall, []), initialCall, parent: null });
  node.register('spinning', spinning);
  spawn(node, function* (self) {
    const started = pidIn(yield* startServer(self, callbackModule('planted'), null));
    self.register(a('server'), started);
    for (;;) {
      yield* sleep(10);
      self.send(started, tup(a('$gen_cast'), null));
      for (let n = 0; n < 4; n += 1) self.send(started, tup(a('$gen_call'), tup(self.pid, self.makeRef()), null));
    }
  });
  cluster.runUntil(100);
  const found = node.names.get('server');
  if (found === undefined) throw new Error('The server has not started.');
  server = found;
  runtime = runtimeOver(cluster);
  house = await houseOn(runtime);
});
afterEach(() => house.close());

function pidIn(outcome: unknown): Pid {
  const pid = outcome instanceof Tuple ? outcome.elements[1] : null;
  if (pid instanceof Pid) return pid;
  throw new Error('The server has not started.');
}

const here = { node: 'one@sim', forMs: 200 };
const profile = (pid: string, more: { readonly [key: string]: Json } = {}): Promise<Json> =>
  taskResult(house, 'profile_process', { pid, node: 'one@sim', forMs: 1_500, ...more });

function named(told: Json, name: string): Json {
  const found = listAt(told, 'functions').find((row) => at(row, 'function') === name);
  if (found === undefined) throw new Error(`${name} is not in it.`);
  return found;
}

describe('a profile of a simulated process', () => {
  // @row OP-33, T024.d4
  it('by stacks ranks the hot function first, and accounts for every reduction', async () => {
    const before = spinning.reductions;
    const told = await profile('spinning');
    expect(told).toMatchObject({ how: 'sample', unit: 'reductions', ended: 'time' });
    const [first, second] = listAt(told, 'functions');
    expect(first).toMatchObject({ function: 'planted:hot/1', calls: null, ownTimeMs: null, ownReductions: null });
    expect(Number(at(first ?? null, 'share'))).toBeGreaterThan(5 * Number(at(second ?? null, 'share')));
    expect(listAt(told, 'stacks')[0]).toMatchObject({
      functions: ['planted:spin/0', 'planted:hot/1'],
      state: 'running',
    });
    const sum = listAt(told, 'stacks').reduce((all: number, stack) => all + Number(at(stack, 'samples')), 0);
    expect(at(told, 'samples')).toBe(sum);
    expect(sum).toBe(spinning.reductions - before);
    expect(spinning.profile).toBeNull();
  });

  it('by calls counts them exactly, with the reductions of each without those it calls', async () => {
    const told = await profile('spinning', { how: 'calls' });
    expect(told).toMatchObject({ how: 'calls', unit: 'reductions', ended: 'time', samples: 0 });
    const hot = named(told, 'planted:hot/1');
    const cold = named(told, 'planted:cold/1');
    expect(listAt(told, 'functions')[0]).toEqual(hot);
    // One call of `cold` in each of three calls of `hot`, and five more; 1 reduction of `hot` is for calling `cold`.
    expect(Number(at(cold, 'calls')) / Number(at(hot, 'calls'))).toBeCloseTo(8 / 3, 5);
    expect(at(hot, 'ownReductions')).toBe(101 * Number(at(hot, 'calls')));
    expect(at(cold, 'ownReductions')).toBe(2 * Number(at(cold, 'calls')));
    expect(at(hot, 'ownTimeMs')).toBeNull();
    expect(spinning.profile).toBeNull();
  });

  it('tells the callbacks of a server apart, and its loop from them', async () => {
    const told = await profile('server', { how: 'calls', forMs: 500 });
    expect(at(listAt(told, 'functions')[0] ?? null, 'function')).toBe('planted:handle_cast/2');
    const [casts, calls] = [named(told, 'planted:handle_cast/2'), named(told, 'planted:handle_call/3')];
    expect(Number(at(calls, 'calls'))).toBe(4 * Number(at(casts, 'calls')));
    expect(Number(at(named(told, 'gen_server:loop/7'), 'ownReductions'))).toBeGreaterThan(0);
    const only = await profile('server', { how: 'calls', forMs: 200, modules: ['planted'] });
    expect(
      listAt(only, 'functions').every((row) => /^planted:/.test(JSON.stringify(at(row, 'function')).slice(1))),
    ).toBe(true);
    const missing = { ...here, pid: 'server', how: 'calls', modules: ['nothere'] };
    expect(at(await outcomeOf(house, 'profile_process', missing), 'error', 'code')).toBe('trace.module_not_loaded');
  });

  it('is bounded: by calls in a second, by its time, and one at a time; and ends with its process', async () => {
    const pid = refOf(spinning.pid);
    const params = { pid, forMs: 60_000, callsPerSecond: 100 } as const;
    expect(await runtime.port.profile.calls(params, patient())).toMatchObject({ value: { ended: 'costs' } });
    expect(spinning.profile).toBeNull();
    const long = await runtime.port.profile.calls({ ...params, forMs: 60_001 }, patient());
    expect(long).toMatchObject({ error: { code: 'profile.invalid' } });
    const first = runtime.port.profile.calls({ pid, forMs: 400, callsPerSecond: 1e6 }, patient());
    const second = runtime.port.profile.calls({ pid, forMs: 400, callsPerSecond: 1e6 }, patient());
    expect(await second).toMatchObject({ error: { code: 'profile.running', class: 'conflict' } });
    expect(await first).toMatchObject({ ok: true });
    cluster.timers.set(cluster.nowMs + 200, () => nodeOf(cluster).end(spinning, a('killed')));
    expect(await profile('spinning')).toMatchObject({ ended: 'target_gone' });
    expect(errorOf(await house.run('profile_process', { ...here, pid: 'spinning' })).class).toBe('not_found');
  });

  it.each(['sample', 'calls'])('by %s had no effect when its node crashes under it', async (how) => {
    cluster.timers.set(cluster.nowMs + 200, () => cluster.crashNode('one@sim'));
    expect(await outcomeOf(house, 'profile_process', { ...here, pid: 'spinning', how, forMs: 1_500 })).toMatchObject({
      is: 'failed',
      error: { class: 'unavailable', effect: 'none' },
    });
  });

  it('leaves nothing when its caller gives up, and is never of a process of ours', async () => {
    const control = new AbortController();
    const options = { ...patient(), signal: control.signal };
    cluster.timers.set(cluster.nowMs + 100, () => {
      control.abort();
    });
    const given = await runtime.port.profile.calls(
      { pid: refOf(spinning.pid), forMs: 10_000, callsPerSecond: 1e6 },
      options,
    );
    expect(given.ok).toBe(false);
    expect(spinning.profile).toBeNull();
    const initialCall = { module: 'arsenal', function: 'command', arity: 0 };
    const ours = nodeOf(cluster).spawn({ body: { is: 'flow', run: () => sleep(1e6) }, initialCall, parent: null });
    const asked = { pid: refOf(ours.pid), forMs: 100, callsPerSecond: 1e6 };
    expect(await runtime.port.profile.calls(asked, patient())).toMatchObject({ error: { code: 'process.not_found' } });
    expect(server.profile).toBeNull();
    expect([...nodeOf(cluster).processes.values()].filter(({ profile: one }) => one !== null)).toEqual([]);
  });
});
