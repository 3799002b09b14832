/** The scenarios of Horde's registry_test.exs (0.10.0), under their own names. */
import { describe, expect, it } from 'vitest';
import { a, Pid, tup } from '../../runtime/term/values.ts';
import type { Value } from '../../runtime/term/values.ts';
import { ErrorException } from '../../runtime/embedded/kernel/exceptions.ts';
import type { Flow } from '../../runtime/embedded/kernel/flow.ts';
import { sleep } from '../../runtime/embedded/kernel/flow.ts';
import { fun } from '../../runtime/embedded/kernel/localFun.ts';
import type { Self } from '../../runtime/embedded/kernel/self.ts';
import { atoms, elementsOf, errorTuple, isList, okTuple } from '../../runtime/embedded/kernel/values.ts';
import { keywords } from '../../runtime/embedded/horde/options.ts';
import { startedBy } from '../../runtime/embedded/otp/dynamicStart.ts';
import { shown } from '../../runtime/embedded/testKit.ts';
import { held, hold, hordeCluster, members, next, registry, scenario, setMembers, startRegistry } from './hordeKit.ts';

const value = a('value');

/** What `assert_raise ArgumentError` asks for. */
function* raised(run: Flow<Value>): Flow<string> {
  try {
    yield* run;
  } catch (thrown) {
    return thrown instanceof ErrorException ? shown(thrown.reason) : 'other';
  }
  return 'nothing';
}

function* register(self: Self, horde: Value, key: Value, as: Value = value): Flow<void> {
  const answer = yield* registry(self, 'register', horde, key, as);
  expect(elementsOf(answer)?.[0]).toBe(atoms.ok);
}
function* keysOf(self: Self, horde: Value, pid: Value = self.pid): Flow<readonly string[]> {
  const keys = yield* registry(self, 'keys', horde, pid);
  return (isList(keys) ? keys : []).map(shown).sort();
}

describe('.start_link/1', () => {
  it('only keys: :unique is allowed', () =>
    scenario(function* (self) {
      const options = keywords({ name: a('r'), keys: a('duplicate') });
      expect(yield* raised(registry(self, 'init', options))).toContain('keys: :unique');
    }));
});

describe('module-based Registry', () => {
  it('can use `init` function to dynamically fetch configuration', () => {
    const init = (self: Self): Flow<Value> =>
      self.apply('Elixir.Horde.Registry', 'init', [keywords({ keys: a('unique'), members: [a('r1'), a('r2')] })]);
    const cluster = hordeCluster(undefined, { more: [{ name: 'Elixir.TestRegistry', functions: { 'init/1': init } }] });
    scenario(function* (self) {
      for (const name of ['r1', 'r2']) {
        const started = yield* registry(self, 'start_link', a('Elixir.TestRegistry'), [], keywords({ name: a(name) }));
        expect(startedBy(started)).toBeInstanceOf(Pid);
      }
      expect(yield* members(self, 'r1')).toHaveLength(2);
    }, cluster);
  });
});

describe('.set_members/2', () => {
  it('two hordes can join each other', () =>
    scenario(function* (self) {
      yield* startRegistry(self, 'r1');
      yield* startRegistry(self, 'r2');
      yield* setMembers(self, 'r1', ['r1', 'r2']);
      yield* sleep(50);
      expect(yield* members(self, 'r2')).toHaveLength(2);
    }));

  it('three nodes can make a single registry', () =>
    scenario(function* (self) {
      for (const name of ['r1', 'r2', 'r3']) yield* startRegistry(self, name);
      yield* setMembers(self, 'r1', ['r1', 'r2', 'r3']);
      yield* sleep(100);
      expect(yield* members(self, 'r2')).toHaveLength(3);
      expect(yield* members(self, 'r3')).toHaveLength(3);
    }));
});

describe('.register/3', () => {
  it('has unique registrations', () =>
    scenario(function* (self) {
      const horde = yield* startRegistry(self, 'r');
      yield* register(self, horde, 'hello');
      yield* sleep(20);
      expect(yield* keysOf(self, horde)).toEqual(['"hello"']);
      expect(yield* registry(self, 'register', horde, 'hello', value)).toEqual(
        errorTuple(tup(a('already_registered'), self.pid)),
      );
      expect(yield* keysOf(self, horde)).toEqual(['"hello"']);
      yield* register(self, horde, 'world');
      yield* sleep(20);
      expect(yield* keysOf(self, horde)).toEqual(['"hello"', '"world"']);
    }));

  it('has unique registrations across processes', () =>
    scenario(function* (self) {
      const horde = yield* startRegistry(self, 'r');
      const holder = yield* hold(self, horde, 'hello');
      yield* sleep(20);
      expect(yield* registry(self, 'register', horde, 'hello', a('recent'))).toEqual(
        errorTuple(tup(a('already_registered'), holder)),
      );
      expect(yield* keysOf(self, horde)).toEqual([]);
    }));

  it('name conflict message is received when 2 registries join', () =>
    scenario(function* (self) {
      const [r1, r2] = [yield* startRegistry(self, 'r1'), yield* startRegistry(self, 'r2')];
      yield* register(self, r1, 'hello');
      yield* sleep(20);
      const winner = yield* hold(self, r2, 'hello', { link: true });
      self.trapExit(true);
      yield* setMembers(self, 'r1', ['r1', 'r2']);
      const exit = yield* next(self, 'EXIT');
      expect(exit?.[2]).toEqual(tup(a('name_conflict'), tup('hello', value), r1, winner));
      self.trapExit(false);
      for (const horde of [r1, r2]) expect(held(self, horde)).toEqual([['hello', winner, value]]);
    }));

  it('name conflicts in separate processes', () =>
    scenario(function* (self) {
      const [r1, r2] = [yield* startRegistry(self, 'r1'), yield* startRegistry(self, 'r2')];
      const first = yield* hold(self, r1, 'name', { value: null });
      yield* sleep(10);
      const second = yield* hold(self, r2, 'name', { value: null });
      yield* setMembers(self, 'r1', ['r1', 'r2']);
      yield* sleep(100);
      expect(self.isAlive(first)).toBe(false);
      expect(self.isAlive(second)).toBe(true);
      for (const horde of [r1, r2]) expect(held(self, horde)).toEqual([['name', second, null]]);
    }));

  it('via callbacks', () =>
    scenario(function* (self) {
      yield* startRegistry(self, 'r');
      const name = tup(a('r'), 'foo');
      const first = startedBy(yield* self.apply('Elixir.IgnoreWorker', 'start_link', [name]));
      yield* sleep(10);
      expect(yield* registry(self, 'whereis_name', name)).toBe(first);
      expect(yield* self.apply('Elixir.IgnoreWorker', 'start_link', [name])).toBe(atoms.ignore);
    }));

  it('uses value provided in via', () =>
    scenario(function* (self) {
      const horde = yield* startRegistry(self, 'r');
      const pid = startedBy(yield* self.apply('Elixir.IgnoreWorker', 'start_link', [tup(horde, 'foo', value)]));
      yield* sleep(10);
      expect(yield* registry(self, 'lookup', horde, 'foo')).toEqual([tup(pid, value)]);
    }));
});

describe('.keys/2', () => {
  it('empty list if not registered', () =>
    scenario(function* (self) {
      expect(yield* keysOf(self, yield* startRegistry(self, 'r'))).toEqual([]);
    }));

  it('registered keys are returned', () =>
    scenario(function* (self) {
      const [r1, r2] = [yield* startRegistry(self, 'r1'), yield* startRegistry(self, 'r2')];
      yield* setMembers(self, 'r1', ['r1', 'r2']);
      yield* register(self, r1, 'foo');
      yield* register(self, r2, 'bar');
      yield* sleep(1000);
      expect(yield* keysOf(self, r1)).toEqual(['"bar"', '"foo"']);
    }));
});

describe('.select/2', () => {
  const v1 = a('$1');
  const v2 = a('$2');
  const v3 = a('$3');
  const any = a('_');
  const select = (self: Self, horde: Value, ...spec: readonly Value[]): Flow<Value> =>
    registry(self, 'select', horde, [...spec]);

  it('empty list for empty registry', () =>
    scenario(function* (self) {
      const horde = yield* startRegistry(self, 'r');
      expect(yield* select(self, horde, tup(tup(any, any, any), [], [a('$_')]))).toEqual([]);
    }));

  it('select all', () =>
    scenario(function* (self) {
      const horde = yield* startRegistry(self, 'r');
      const pid = startedBy(yield* self.apply('Elixir.IgnoreWorker', 'start_link', [tup(horde, 'hello')]));
      yield* register(self, horde, 'world');
      yield* sleep(20);
      const rows = yield* select(self, horde, tup(tup(v1, v2, v3), [], [tup(tup(v1, v2, v3))]));
      expect(rows).toEqual([tup('hello', pid, null), tup('world', self.pid, value)]);
    }));

  it('select supports full match specs', () =>
    scenario(function* (self) {
      const horde = yield* startRegistry(self, 'r');
      const triple = tup(1, a('atom'), 1);
      yield* register(self, horde, 'hello', triple);
      yield* sleep(20);
      const row = [tup('hello', self.pid, triple)];
      const found = (spec: Value): Flow<Value> => select(self, horde, spec);
      expect(yield* found(tup(tup('hello', v2, v3), [], [tup(tup('hello', v2, v3))]))).toEqual(row);
      expect(yield* found(tup(tup(v1, self.pid, v3), [], [tup(tup(v1, self.pid, v3))]))).toEqual(row);
      expect(yield* found(tup(tup(v1, v2, triple), [], [tup(tup(v1, v2, tup(triple)))]))).toEqual(row);
      expect(yield* found(tup(tup('world', v2, v3), [], [tup(tup('world', v2, v3))]))).toEqual([]);
      const partly = tup(v3, a('atom'), a('$4'));
      expect(yield* found(tup(tup(v1, v2, partly), [], [tup(tup(v1, v2, tup(partly)))]))).toEqual(row);
      const twice = tup(v3, a('$4'), v3);
      expect(yield* found(tup(tup(v1, v2, twice), [], [tup(tup(v1, v2, tup(twice)))]))).toEqual(row);
      yield* register(self, horde, 'world', { a: 'a', b: 'b' });
      yield* sleep(20);
      expect(yield* found(tup(tup('world', self.pid, { b: 'b' }), [], [a('match')]))).toEqual([a('match')]);
      expect(yield* found(tup(tup(v1, any, any), [], [v1]))).toEqual(['hello', 'world']);
    }));

  it('select supports guard conditions', () =>
    scenario(function* (self) {
      const horde = yield* startRegistry(self, 'r');
      yield* register(self, horde, 'hello', tup(1, a('atom'), 2));
      yield* sleep(20);
      const v5 = a('$5');
      const whole = tup(v3, a('$4'), v5);
      const found = (spec: Value): Flow<Value> => select(self, horde, spec);
      expect(yield* found(tup(tup(v1, v2, whole), [tup(a('>'), v5, 1)], [v1]))).toEqual(['hello']);
      expect(yield* found(tup(tup(any, any, tup(any, any, v1)), [tup(a('>'), v1, 2)], [a('$_')]))).toEqual([]);
      expect(yield* found(tup(tup(v1, any, tup(any, v2, any)), [tup(a('is_atom'), v2)], [v1]))).toEqual(['hello']);
    }));

  it('select allows multiple specs', () =>
    scenario(function* (self) {
      const horde = yield* startRegistry(self, 'r');
      yield* register(self, horde, 'hello');
      yield* register(self, horde, 'world');
      yield* sleep(20);
      const first = tup(a('element'), 1, a('$_'));
      const specs = ['hello', 'world'].map((key) => tup(tup(key, any, any), [], [first]));
      expect(yield* select(self, horde, ...specs)).toEqual(['hello', 'world']);
    }));

  it('select works with clustered registries', () =>
    scenario(function* (self) {
      const [r1, r2] = [yield* startRegistry(self, 'r1'), yield* startRegistry(self, 'r2')];
      yield* setMembers(self, 'r1', ['r1', 'r2']);
      yield* register(self, r1, 'a');
      yield* sleep(200);
      for (const horde of [r1, r2]) expect(yield* select(self, horde, tup(tup(v1, any, any), [], [v1]))).toEqual(['a']);
    }));

  it('raises on incorrect shape of match spec', () =>
    scenario(function* (self) {
      const horde = yield* startRegistry(self, 'r');
      const call = (function* (): Flow<Value> {
        return yield* select(self, horde, tup(any, [], []));
      })();
      expect(yield* raised(call)).toContain('ArgumentError');
    }));
});

describe('register via callbacks', () => {
  it("register a name the 'via' way", () =>
    scenario(function* (self) {
      const horde = yield* startRegistry(self, 'r');
      const pid = startedBy(yield* self.apply('Elixir.IgnoreWorker', 'start_link', [tup(horde, 'precious')]));
      yield* sleep(10);
      expect(yield* registry(self, 'lookup', horde, 'precious')).toEqual([tup(pid, null)]);
    }));
});

describe('.unregister/2', () => {
  it('can unregister processes', () =>
    scenario(function* (self) {
      const [r1, r2] = [yield* startRegistry(self, 'r1'), yield* startRegistry(self, 'r2')];
      yield* setMembers(self, 'r1', ['r1', 'r2']);
      yield* register(self, r1, a('one_day_fly'), 'value');
      yield* sleep(200);
      for (const horde of [r1, r2]) expect(held(self, horde)).toEqual([[a('one_day_fly'), self.pid, 'value']]);
      yield* registry(self, 'unregister', r1, a('one_day_fly'));
      expect(held(self, r1)).toEqual([]);
      yield* sleep(200);
      expect(held(self, r2)).toEqual([]);
    }));
});

describe('.unregister_match/4', () => {
  it('unregisters matching processes', () =>
    scenario(function* (self) {
      const horde = yield* startRegistry(self, 'r');
      const valued = (held_: Value): Value => [tup(a('value'), held_)];
      const above = (least: number): Value => [tup(a('>'), a('$1'), least)];
      yield* register(self, horde, 'to_unregister', 'match_unregister');
      yield* register(self, horde, 'another_key', valued(12));
      yield* sleep(20);
      const unmatch = (...args: readonly Value[]): Flow<Value> => registry(self, 'unregister_match', horde, ...args);
      yield* unmatch('another_key', valued(a('$1')), above(12));
      yield* sleep(20);
      expect(yield* keysOf(self, horde)).toEqual(['"another_key"', '"to_unregister"']);
      yield* unmatch('another_key', valued(a('$1')), above(11));
      yield* sleep(20);
      expect(yield* keysOf(self, horde)).toEqual(['"to_unregister"']);
      yield* unmatch('to_unregister', "doesn't match");
      expect(yield* registry(self, 'lookup', horde, 'to_unregister')).toEqual([tup(self.pid, 'match_unregister')]);
      yield* unmatch('to_unregister', 'match_unregister');
      yield* sleep(200);
      expect(yield* registry(self, 'lookup', horde, 'to_unregister')).toEqual([]);
      expect(yield* keysOf(self, horde)).toEqual([]);
    }));
});

describe('.dispatch/4', () => {
  it('dispatches to correct processes', () => {
    const sender = (self: Self, entries: Value): Value => {
      const [entry] = isList(entries) ? entries : [];
      const [pid, what] = elementsOf(entry) ?? [];
      if (pid instanceof Pid) self.send(pid, tup(value, String(what)));
      return atoms.ok;
    };
    const cluster = hordeCluster(undefined, { more: [{ name: 'Elixir.TestSender', functions: { 'send/1': sender } }] });
    scenario(function* (self) {
      const horde = yield* startRegistry(self, 'r');
      yield* register(self, horde, 'd1', 'value1');
      yield* register(self, horde, 'd2', 'value2');
      yield* sleep(20);
      expect(yield* registry(self, 'dispatch', horde, 'd1', fun('test', 'send', 1, sender))).toBe(atoms.ok);
      expect((yield* next(self, 'value', 0))?.[1]).toBe('value1');
      const mfa = tup(a('Elixir.TestSender'), a('send'), []);
      expect(yield* registry(self, 'dispatch', horde, 'd2', mfa)).toBe(atoms.ok);
      expect((yield* next(self, 'value', 0))?.[1]).toBe('value2');
    }, cluster);
  });
});

describe('.count/1', () => {
  it('returns correct number', () =>
    scenario(function* (self) {
      const horde = yield* startRegistry(self, 'r');
      yield* register(self, horde, 'foo', 'foo');
      yield* register(self, horde, 'bar', 'bar');
      yield* sleep(20);
      expect(yield* registry(self, 'count', horde)).toBe(2);
    }));
});

/** `foo` => "foo", `bar` => [bar: 33] */
function* twoKeys(self: Self): Flow<Value> {
  const horde = yield* startRegistry(self, 'r');
  yield* register(self, horde, 'foo', 'foo');
  yield* register(self, horde, 'bar', [tup(a('bar'), 33)]);
  yield* sleep(20);
  return horde;
}
const bar = (what: Value): Value => [tup(a('bar'), what)];
const over = (least: number): Value => [tup(a('>'), a('$1'), least)];

describe('.count_match/4', () => {
  it('returns correct number', () =>
    scenario(function* (self) {
      const horde = yield* twoKeys(self);
      const count = (...args: readonly Value[]): Flow<Value> => registry(self, 'count_match', horde, ...args);
      expect(yield* count('foo', a('_'))).toBe(1);
      expect(yield* count('bar', bar(34))).toBe(0);
      expect(yield* count('bar', bar(33))).toBe(1);
      expect(yield* count('bar', bar(a('$1')), over(34))).toBe(0);
      expect(yield* count('bar', bar(a('$1')), over(32))).toBe(1);
    }));
});

describe('.match/4', () => {
  it('returns correct pids / values', () =>
    scenario(function* (self) {
      const horde = yield* twoKeys(self);
      const match = (...args: readonly Value[]): Flow<Value> => registry(self, 'match', horde, ...args);
      expect(yield* match('foo', a('_'))).toEqual([tup(self.pid, 'foo')]);
      expect(yield* match('bar', bar(34))).toEqual([]);
      expect(yield* match('bar', bar(33))).toEqual([tup(self.pid, bar(33))]);
      expect(yield* match('bar', bar(a('$1')), over(34))).toEqual([]);
      expect(yield* match('bar', bar(a('$1')), over(32))).toEqual([tup(self.pid, bar(33))]);
    }));
});

describe('.update_value/3', () => {
  it('updates value', () =>
    scenario(function* (self) {
      const horde = yield* startRegistry(self, 'r');
      yield* register(self, horde, 'foo', 'foo');
      yield* sleep(20);
      const change = fun('test', 'change', 1, () => 'bar');
      expect(yield* registry(self, 'update_value', horde, 'foo', change)).toEqual(tup('bar', 'foo'));
      yield* sleep(200);
      expect(yield* registry(self, 'lookup', horde, 'foo')).toEqual([tup(self.pid, 'bar')]);
    }));

  it('can only update own values', () =>
    scenario(function* (self) {
      const horde = yield* startRegistry(self, 'r');
      yield* hold(self, horde, 'foo', { value: 'bar', forMs: 200 });
      yield* sleep(20);
      const change = fun('test', 'change', 1, () => 'baz');
      expect(yield* registry(self, 'update_value', horde, 'foo', change)).toBe(atoms.error);
    }));
});

describe('lookup', () => {
  it('existing process with lookup/2', () =>
    scenario(function* (self) {
      const horde = yield* startRegistry(self, 'Elixir.Horde.Registry.ClusterB');
      yield* register(self, horde, a('carmen'), 'foo');
      yield* sleep(20);
      expect(yield* registry(self, 'lookup', horde, a('carmen'))).toEqual([tup(self.pid, 'foo')]);
    }));

  it('existing processes with via tuple', () =>
    scenario(function* (self) {
      const horde = yield* startRegistry(self, 'Elixir.Horde.Registry.ClusterC');
      yield* register(self, horde, a('carmen'), 'bar');
      yield* sleep(40);
      const via = tup(a('via'), a('Elixir.Horde.Registry'), tup(horde, a('carmen')));
      expect(yield* registry(self, 'lookup', via)).toEqual([tup(self.pid, 'bar')]);
    }));
});

describe('sending messages', () => {
  const send = (self: Self, horde: Value, key: string): Flow<Value> =>
    registry(self, 'send', tup(horde, a(key)), 'Where are you?');

  it('sending message to non-existing process', () =>
    scenario(function* (self) {
      const horde = yield* startRegistry(self, 'r');
      yield* register(self, horde, a('carmen'), 'carmen');
      yield* sleep(20);
      expect(yield* raised(send(self, horde, 'santiago'))).toBe('badarg');
    }));

  it('sending message to non-existing horde', () =>
    scenario(function* (self) {
      expect(yield* raised(send(self, a('Elixir.DoesNotExist'), 'santiago'))).toContain('ArgumentError');
    }));

  it('sending message to existing process', () =>
    scenario(function* (self) {
      const horde = yield* startRegistry(self, 'r');
      yield* register(self, horde, a('carmen'), 'carmen');
      yield* sleep(20);
      expect(yield* send(self, horde, 'carmen')).toBe('Where are you?');
    }));
});

describe('.meta/2, .put_meta/3 and .delete_meta/2', () => {
  it('can set meta in start_link/3', () =>
    scenario(function* (self) {
      const horde = yield* startRegistry(self, 'r', { meta: keywords({ meta_key: a('meta_value') }) });
      expect(yield* registry(self, 'meta', horde, a('meta_key'))).toEqual(okTuple(a('meta_value')));
    }));

  it('can put and get metadata', () =>
    scenario(function* (self) {
      const horde = yield* startRegistry(self, 'r');
      expect(yield* registry(self, 'put_meta', horde, a('custom_key'), 'custom_value')).toBe(atoms.ok);
      expect(yield* registry(self, 'meta', horde, a('custom_key'))).toEqual(okTuple('custom_value'));
    }));

  it('meta/2 returns :error when no entry present', () =>
    scenario(function* (self) {
      const horde = yield* startRegistry(self, 'r');
      yield* registry(self, 'put_meta', horde, a('custom_key'), 'custom_value');
      expect(yield* registry(self, 'meta', horde, a('non_existent'))).toBe(atoms.error);
    }));

  it('meta is propagated', () =>
    scenario(function* (self) {
      const [r1, r2] = [yield* startRegistry(self, 'r1'), yield* startRegistry(self, 'r2')];
      yield* setMembers(self, 'r1', ['r1', 'r2']);
      yield* registry(self, 'put_meta', r1, a('a_key'), 'a_value');
      yield* sleep(200);
      expect(yield* registry(self, 'meta', r2, a('a_key'))).toEqual(okTuple('a_value'));
    }));

  it('delete_meta is propagated', () =>
    scenario(function* (self) {
      const [r1, r2] = [yield* startRegistry(self, 'r1'), yield* startRegistry(self, 'r2')];
      yield* setMembers(self, 'r1', ['r1', 'r2']);
      yield* registry(self, 'put_meta', r1, a('a_key'), 'a_value');
      yield* sleep(200);
      expect(yield* registry(self, 'delete_meta', r1, a('a_key'))).toBe(atoms.ok);
      yield* sleep(200);
      expect(yield* registry(self, 'meta', r2, a('a_key'))).toBe(atoms.error);
    }));
});

describe('failure scenarios', () => {
  it('a process exits and is cleaned up', () =>
    scenario(function* (self) {
      const horde = yield* startRegistry(self, 'r');
      const pid = yield* hold(self, horde, 'key', { value: null, forMs: 100 });
      yield* sleep(60);
      expect(yield* registry(self, 'lookup', horde, 'key')).toEqual([tup(pid, null)]);
      expect(yield* registry(self, 'count_match', horde, 'key', a('_'))).toBe(1);
      yield* sleep(100);
      expect(yield* registry(self, 'count_match', horde, 'key', a('_'))).toBe(0);
      expect(yield* keysOf(self, horde, pid)).toEqual([]);
    }));

  it('a node is removed from the cluster and its processes are cleaned up', () =>
    scenario(function* (self) {
      const r1 = yield* startRegistry(self, 'r1', { members: [a('r1'), a('r2')] });
      const r2 = yield* startRegistry(self, 'r2');
      const pid = yield* hold(self, r1, 'key', { value: null, forMs: 1000 });
      yield* sleep(200);
      for (const horde of [r1, r2]) expect(yield* registry(self, 'lookup', horde, 'key')).toEqual([tup(pid, null)]);
      yield* setMembers(self, 'r2', ['r2']);
      yield* sleep(200);
      expect(held(self, r2)).toEqual([]);
      expect(yield* registry(self, 'lookup', r2, 'key')).toEqual([]);
    }));
});

describe('listeners', () => {
  const listening = { listeners: [a('test_process')] };
  const task = a('task');

  it('receives :register and :unregister events', () =>
    scenario(function* (self) {
      self.register(a('test_process'), self.pid);
      const reg = yield* startRegistry(self, 'reg', listening);
      const pid = yield* hold(self, reg, task, { forMs: 200 });
      expect(yield* next(self, 'register', 200)).toEqual([a('register'), reg, task, pid, value]);
      expect(yield* next(self, 'unregister', 300)).toEqual([a('unregister'), reg, task, pid]);
    }));

  it('receives :register and :unregister from another node', () =>
    scenario(function* (self) {
      self.register(a('test_process'), self.pid);
      const reg = yield* startRegistry(self, 'reg', listening);
      const reg2 = yield* startRegistry(self, 'reg2');
      yield* setMembers(self, 'reg', ['reg', 'reg2']);
      const pid = yield* hold(self, reg2, task, { forMs: 200 });
      expect(yield* next(self, 'register', 200)).toEqual([a('register'), reg, task, pid, value]);
      expect(yield* next(self, 'unregister', 300)).toEqual([a('unregister'), reg, task, pid]);
    }));

  it('receives :unregister and :register for conflicting processes', () =>
    scenario(function* (self) {
      self.register(a('test_process'), self.pid);
      const reg = yield* startRegistry(self, 'reg', listening);
      const reg2 = yield* startRegistry(self, 'reg2');
      const first = yield* hold(self, reg, task, { forMs: 1000 });
      yield* sleep(100);
      const second = yield* hold(self, reg2, task, { forMs: 1000 });
      expect(yield* next(self, 'register', 200)).toEqual([a('register'), reg, task, first, value]);
      yield* setMembers(self, 'reg', ['reg', 'reg2']);
      expect(yield* next(self, 'unregister', 200)).toEqual([a('unregister'), reg, task, first]);
      expect(yield* next(self, 'register', 200)).toEqual([a('register'), reg, task, second, value]);
    }));
});
