// Named after Elixir's own registry_test.exs and partition_supervisor_test.exs (1.14).
import { describe, expect, it } from 'vitest';
import type { Value } from '../../term/values.ts';
import { a, Pid, tup } from '../../term/values.ts';
import { ErrorException, ExitException } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive, sleep, timedOut } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { atoms } from '../kernel/values.ts';
import { inProcess, shown, testCluster, testModule } from '../testKit.ts';
import { agentGet, startAgent } from './agent.ts';
import { childSpec } from './childSpec.ts';
import { startedPid } from './genServer.ts';
import { partitionFor, partitionsOf, startPartitionSupervisor } from './partitionSupervisor.ts';
import type { RegistryOptions } from './registry.ts';
import {
  countKeys,
  dispatch,
  keysOf,
  lookup,
  matchKey,
  putRegistryMeta,
  registerKey,
  registryMeta,
  selectKeys,
  startRegistry,
  unregisterKey,
  unregisterMatch,
  updateValue,
  valuesOf,
} from './registry.ts';
import { whichChildren } from './supervisor.ts';
import { supervisorAt } from './supervisorState.ts';
import { fun } from '../kernel/localFun.ts';
import { mfa } from './work.ts';

const registry = a('Elixir.MyRegistry');
const agentOf = (value: Value) => fun('test', 'agent', 0, () => value);
const modules = [
  testModule('agent', {
    'start_link/1': (self, value) => startAgent(self, agentOf(value)),
    'id/1': (_self, state) => state,
  }),
];

function run<T>(options: Omit<RegistryOptions, 'name'>, body: (self: Self, sup: Pid) => Flow<T>): T {
  return inProcess(testCluster(['one@sim'], { modules }), function* (self) {
    const sup = startedPid(yield* startRegistry(self, { ...options, name: registry }));
    if (!(sup instanceof Pid)) throw new Error('not started');
    return yield* body(self, sup);
  });
}
/** Another process of the node, which registers something and waits. */
function* other(self: Self, key: Value, value: Value): Flow<Pid> {
  const pid = self.spawnBody(
    {
      is: 'flow',
      *run(own) {
        registerKey(own, registry, key, value);
        yield* sleep(10_000_000);
      },
    },
    { module: 'test', function: 'other', arity: 0 },
  );
  yield* sleep(1);
  return pid;
}
function* ended(self: Self, pid: Pid): Flow<void> {
  self.sendExit(pid, atoms.kill);
  yield* sleep(1);
}
const listed = (values: readonly Value[]) => values.map(shown);
function failed(work: () => unknown): string {
  try {
    work();
  } catch (thrown) {
    if (thrown instanceof ErrorException || thrown instanceof ExitException) return shown(thrown.reason);
    throw thrown;
  }
  return 'none';
}

describe.each([1, 8])('a unique registry of %i partitions', (partitions) => {
  it('starts configured number of partitions', () => {
    run({ keys: 'unique', partitions }, function* (self, sup) {
      expect(supervisorAt(sup)?.children).toHaveLength(partitions);
      expect(supervisorAt(sup)?.flags.strategy).toBe('one_for_all');
      expect(shown(yield* whichChildren(self, sup))).toContain('[Elixir.Registry.Partition]');
    });
  });

  it('has unique registrations', () => {
    run({ keys: 'unique', partitions }, function* (self) {
      expect(shown(registerKey(self, registry, 'hello', a('value')))).toBe('{ok,pid}');
      expect(shown(registerKey(self, registry, 'hello', a('value')))).toBe('{error,{already_registered,pid}}');
      expect(keysOf(self, registry, self.pid)).toEqual(['hello']);
      expect(listed(lookup(self, registry, 'hello'))).toEqual(['{pid,value}']);
      registerKey(self, registry, tup(a('other'), 1), 7);
      expect(countKeys(self, registry)).toBe(2);
      expect(listed(valuesOf(self, registry, tup(a('other'), 1), self.pid))).toEqual(['7']);
      const taken = yield* other(self, 'theirs', 1);
      expect(shown(registerKey(self, registry, 'theirs', 2))).toBe('{error,{already_registered,pid}}');
      expect(keysOf(self, registry, taken)).toEqual(['theirs']);
      expect(valuesOf(self, registry, 'theirs', self.pid)).toEqual([]);
    });
  });

  it('has unique registrations across processes, which are free once they have ended', () => {
    run({ keys: 'unique', partitions }, function* (self) {
      const pid = yield* other(self, 'hello', 1);
      expect(listed(lookup(self, registry, 'hello'))).toEqual(['{pid,1}']);
      yield* ended(self, pid);
      expect(lookup(self, registry, 'hello')).toEqual([]);
      expect(keysOf(self, registry, pid)).toEqual([]);
      expect(shown(registerKey(self, registry, 'hello', 2))).toBe('{ok,pid}');
    });
  });

  it('can unregister, by key and by what it holds', () => {
    run({ keys: 'unique', partitions }, function* (self) {
      registerKey(self, registry, 'hello', 3);
      expect(unregisterMatch(self, registry, 'hello', (value) => value === 4)).toBe(atoms.ok);
      expect(keysOf(self, registry, self.pid)).toEqual(['hello']);
      unregisterMatch(self, registry, 'hello', (value) => value === 3);
      expect(keysOf(self, registry, self.pid)).toEqual([]);
      const pid = yield* other(self, 'theirs', 1);
      unregisterKey(self, registry, 'theirs');
      expect(keysOf(self, registry, pid)).toEqual(['theirs']);
      // Without keys it is linked to no process of the registry.
      expect([...(self.inspect(self.pid)?.links ?? [])]).toHaveLength(1);
    });
  });

  it('updates current process value', () => {
    run({ keys: 'unique', partitions }, function* (self) {
      registerKey(self, registry, 'hello', 1);
      expect(shown(updateValue(self, registry, 'hello', (value) => Number(value) + 1))).toBe('{2,1}');
      expect(listed(lookup(self, registry, 'hello'))).toEqual(['{pid,2}']);
      yield* other(self, 'theirs', 1);
      expect(updateValue(self, registry, 'theirs', () => 9)).toBe(atoms.error);
      expect(updateValue(self, registry, 'none', () => 9)).toBe(atoms.error);
    });
  });

  it('works with :via', () => {
    run({ keys: 'unique', partitions }, function* (self) {
      const name = tup(a('via'), a('Elixir.Registry'), tup(registry, 'agent'));
      const outcome = yield* startAgent(self, agentOf(42), { name });
      expect(shown(outcome)).toBe('{ok,pid}');
      expect(yield* agentGet(self, name, mfa('agent', 'id', []))).toBe(42);
      expect(shown(yield* startAgent(self, agentOf(1), { name }))).toBe('{error,{already_started,pid}}');
      const valued = tup(a('via'), a('Elixir.Registry'), tup(registry, 'valued', a('extra')));
      yield* startAgent(self, agentOf(1), { name: valued });
      expect(listed(lookup(self, registry, 'valued'))).toEqual(['{pid,extra}']);
    });
  });

  it('empties when one of its processes ends', () => {
    run({ keys: 'unique', partitions }, function* (self, sup) {
      self.trapExit(true);
      registerKey(self, registry, 'hello', 1);
      const [child] = supervisorAt(sup)?.children ?? [];
      if (!(child?.pid instanceof Pid)) throw new Error('no partition');
      yield* ended(self, child.pid);
      expect(lookup(self, registry, 'hello')).toEqual([]);
      expect(shown(registerKey(self, registry, 'hello', 1))).toBe('{ok,pid}');
    });
  });
});

describe.each([1, 8])('a duplicate registry of %i partitions', (partitions) => {
  it('has duplicate registrations', () => {
    run({ keys: 'duplicate', partitions }, function* (self) {
      expect(shown(registerKey(self, registry, 'hello', 1))).toBe('{ok,pid}');
      expect(shown(registerKey(self, registry, 'hello', 2))).toBe('{ok,pid}');
      expect(keysOf(self, registry, self.pid)).toEqual(['hello', 'hello']);
      expect(listed(valuesOf(self, registry, 'hello', self.pid))).toEqual(['1', '2']);
      const pid = yield* other(self, 'hello', 3);
      expect(listed(lookup(self, registry, 'hello')).toSorted()).toEqual(['{pid,1}', '{pid,2}', '{pid,3}']);
      expect(listed(matchKey(self, registry, 'hello', (value) => Number(value) > 1)).toSorted()).toEqual([
        '{pid,2}',
        '{pid,3}',
      ]);
      expect(countKeys(self, registry)).toBe(3);
      yield* ended(self, pid);
      expect(countKeys(self, registry)).toBe(2);
      unregisterMatch(self, registry, 'hello', (value) => value === 1);
      expect(listed(lookup(self, registry, 'hello'))).toEqual(['{pid,2}']);
      unregisterKey(self, registry, 'hello');
      expect(countKeys(self, registry)).toBe(0);
    });
  });

  it('dispatches to multiple keys', () => {
    run({ keys: 'duplicate', partitions }, function* (self) {
      const seen: string[] = [];
      const told = (...what: readonly string[]): undefined => {
        seen.push(...what);
      };
      expect(yield* dispatch(self, registry, 'hello', () => told('never'))).toBe(atoms.ok);
      registerKey(self, registry, 'hello', 1);
      yield* other(self, 'hello', 2);
      yield* dispatch(self, registry, 'hello', (entries) => told(...listed(entries)));
      expect(seen.toSorted()).toEqual(['{pid,1}', '{pid,2}']);
    });
  });

  it('cannot be used as names, nor update values', () => {
    run({ keys: 'duplicate', partitions }, function* (self) {
      const name = tup(a('via'), a('Elixir.Registry'), tup(registry, 'agent'));
      yield* sleep(0);
      expect(failed(() => updateValue(self, registry, 'x', () => 1))).toContain('Elixir.ArgumentError');
      let reason = 'none';
      try {
        yield* agentGet(self, name, mfa('agent', 'id', []));
      } catch (thrown) {
        if (thrown instanceof ErrorException) reason = shown(thrown.reason);
      }
      expect(reason).toContain('Elixir.ArgumentError');
    });
  });
});

describe('registries', () => {
  it('tell their listeners', () => {
    inProcess(testCluster(), function* (self) {
      self.register(a('listener'), self.pid);
      yield* startRegistry(self, { keys: 'unique', name: registry, listeners: [a('listener')] });
      registerKey(self, registry, 'hello', a('value'));
      unregisterKey(self, registry, 'hello');
      const told: string[] = [];
      for (;;) {
        const message = yield* receive({ afterMs: 5 });
        if (message === timedOut) break;
        told.push(shown(message));
      }
      expect(told).toEqual([
        '{register,Elixir.MyRegistry,"hello",pid,value}',
        '{unregister,Elixir.MyRegistry,"hello",pid}',
      ]);
    });
  });

  it('keep metadata, select, and are unknown when they do not run', () => {
    run({ keys: 'unique', meta: [[a('given'), 1]] }, function* (self) {
      expect(shown(registryMeta(self, registry, a('given')))).toBe('{ok,1}');
      expect(registryMeta(self, registry, a('none'))).toBe(atoms.error);
      putRegistryMeta(self, registry, a('none'), 2);
      expect(shown(registryMeta(self, registry, a('none')))).toBe('{ok,2}');
      registerKey(self, registry, 1, 10);
      registerKey(self, registry, 2, 20);
      yield* sleep(0);
      expect(selectKeys(self, registry, ({ key, value }) => (value === 20 ? key : null))).toEqual([2]);
      expect(failed(() => lookup(self, a('nobody'), 1))).toContain('unknown registry: nobody');
    });
  });
});

describe('PartitionSupervisor', () => {
  const name = a('Elixir.Parts');
  function parts<T>(partitions: number, body: (self: Self, sup: Pid) => Flow<T>): T {
    return inProcess(testCluster(['one@sim'], { modules }), function* (self) {
      const child = childSpec(a('agent'), ['agent', 'start_link', [a('state')]]);
      const withArguments = (args: readonly Value[], at: number) => [[...args, at]];
      const outcome = yield* startPartitionSupervisor(self, { name, child, partitions, withArguments });
      const sup = startedPid(outcome);
      if (!(sup instanceof Pid)) throw new Error(shown(outcome));
      return yield* body(self, sup);
    });
  }

  it('start_link/1 with children, arguments for each, and names', () => {
    parts(3, function* (self, sup) {
      expect(supervisorAt(sup)?.kind).toBe('partition_supervisor');
      expect(partitionsOf(self, name)).toBe(3);
      expect(supervisorAt(sup)?.children.map(({ spec }) => spec.id)).toEqual([0, 1, 2]);
      for (const at of [0, 1, 2]) {
        const via = tup(a('via'), a('Elixir.PartitionSupervisor'), tup(name, at));
        expect(shown(yield* agentGet(self, via, mfa('agent', 'id', [])))).toBe(`[state,${at}]`);
        expect(partitionFor(self, name, at)).toBe(supervisorAt(sup)?.byId(at)?.pid);
        expect(partitionFor(self, name, -at - 3)).toBe(partitionFor(self, name, at));
      }
      const routed = new Set(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((key) => partitionFor(self, name, key)));
      expect(routed.size).toBeGreaterThan(1);
    });
  });

  it('restarts a partition under its number', () => {
    parts(2, function* (self) {
      const before = partitionFor(self, name, 1);
      if (before === null) throw new Error('no partition');
      yield* ended(self, before);
      const again = partitionFor(self, name, 1);
      expect(again).toBeInstanceOf(Pid);
      expect(again).not.toBe(before);
    });
  });

  it('has no partitions when it does not run', () => {
    inProcess(testCluster(), function* (self) {
      yield* sleep(0);
      expect(failed(() => partitionsOf(self, name))).toMatch(/^\{noproc,\{Elixir\.PartitionSupervisor,partitions,/);
    });
  });
});
