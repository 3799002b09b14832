import { describe, expect, it } from 'vitest';
import type { Value } from '../../../term/values.ts';
import { a, Pid, tup } from '../../../term/values.ts';
import type { Flow } from '../../kernel/flow.ts';
import { receive, sleep, timedOut } from '../../kernel/flow.ts';
import type { Self } from '../../kernel/self.ts';
import { atoms, elementsOf, tagged } from '../../kernel/values.ts';
import { shown } from '../../testKit.ts';
import { cast, valueAt } from '../gen.ts';
import { deleteChild, restartChild, startChild, terminateChild } from '../supervisor.ts';
import {
  child,
  counts,
  deadlock,
  definition,
  exitOf,
  inSuite,
  mapSpec,
  missingExits,
  pidOf,
  pids,
  rows,
  spec,
  started,
  startLink,
  suite,
  terminate,
  tupleFlags,
} from './supervisorKit.ts';

const flags = tupleFlags('one_for_one', 2, 3600);
const shutdownInfo = tup(atoms.shutdown, a('some_info'));

describe('a child that ends', () => {
  // @otp supervisor_SUITE:permanent_normal supervisor_SUITE:permanent_shutdown supervisor_SUITE:permanent_abnormal
  // @otp supervisor_SUITE:transient_normal supervisor_SUITE:transient_shutdown supervisor_SUITE:transient_abnormal
  // @otp supervisor_SUITE:temporary_normal supervisor_SUITE:temporary_shutdown supervisor_SUITE:temporary_abnormal
  it.each<[string, string, Value, 'restarted' | 'kept' | 'forgotten']>([
    ['permanent', 'normally', 'normal', 'restarted'],
    ['permanent', 'with shutdown', 'shutdown', 'restarted'],
    ['permanent', 'with {shutdown, Term}', shutdownInfo, 'restarted'],
    ['permanent', 'abnormally', 'abnormal', 'restarted'],
    ['transient', 'normally', 'normal', 'kept'],
    ['transient', 'with shutdown', 'shutdown', 'kept'],
    ['transient', 'with {shutdown, Term}', shutdownInfo, 'kept'],
    ['transient', 'abnormally', 'abnormal', 'restarted'],
    ['temporary', 'normally', 'normal', 'forgotten'],
    ['temporary', 'with shutdown', 'shutdown', 'forgotten'],
    ['temporary', 'with {shutdown, Term}', shutdownInfo, 'forgotten'],
    ['temporary', 'abnormally', 'abnormal', 'forgotten'],
  ])('being %s, %s: %s', (restart, _how, how, outcome) => {
    inSuite(function* (self) {
      yield* started(self, flags);
      const one = spec('child1', { restart });
      const before = yield* child(self, one);
      yield* terminate(self, before, how);
      if (outcome === 'forgotten') {
        expect(yield* rows(self)).toEqual([]);
        expect(yield* counts(self)).toEqual([0, 0, 0, 0]);
        yield* child(self, one);
      } else if (outcome === 'kept') {
        expect(yield* rows(self)).toEqual(['{child1,undefined,worker,[]}']);
        expect(yield* counts(self)).toEqual([1, 0, 0, 1]);
        expect(shown(yield* restartChild(self, suite, a('child1')))).toBe('{ok,pid}');
      } else {
        expect(yield* pidOf(self, 'child1')).not.toBe(before);
        expect(yield* counts(self)).toEqual([1, 1, 0, 1]);
      }
    });
  });

  // @otp supervisor_SUITE:temporary_bystander
  it('takes temporary siblings with it, which are not started again', () => {
    inSuite(function* (self) {
      for (const strategy of ['one_for_all', 'rest_for_one']) {
        const pid = yield* started(self, tupleFlags(strategy, 2, 300), [], null);
        const one = yield* child(self, spec('child1', { shutdown: 100 }), pid);
        yield* child(self, spec('child2', { shutdown: 100, restart: 'temporary' }), pid);
        yield* terminate(self, one, 'normal');
        yield* sleep(350);
        expect(self.isAlive(pid)).toBe(true);
        expect(yield* rows(self, pid)).toEqual(['{child1,pid,worker,[]}']);
      }
    });
  });

  // @otp supervisor_SUITE:multiple_restarts
  it('again and again is restarted, as long as it is not too often', () => {
    inSuite(function* (self) {
      const pid = yield* started(self, { strategy: a('one_for_one'), intensity: 1, period: 1 });
      yield* terminate(self, yield* child(self, mapSpec('child1', { shutdown: a('brutal_kill') })), 'abnormal');
      for (let at = 0; at < 3; at += 1) {
        yield* sleep(2100);
        yield* terminate(self, yield* pidOf(self, 'child1'), 'abnormal');
      }
      expect(yield* terminateChild(self, pid, a('child1'))).toBe(atoms.ok);
      expect(yield* deleteChild(self, pid, a('child1'))).toBe(atoms.ok);
    });
  });
});

describe('strategies', () => {
  /** Starts child1, child2, … under a strategy, each linked to the test. */
  function* starts(self: Self, strategy: string, intensity: number, children: readonly Value[]) {
    const pid = yield* started(self, tupleFlags(strategy, intensity, 3600));
    const all: Pid[] = [];
    for (const one of children) all.push(yield* child(self, one));
    for (const one of all) self.link(one);
    const [first = pid, second = pid, third = pid] = all;
    return { pid, first, second, third };
  }
  const two = [spec('child1'), spec('child2')];
  const three = [...two, spec('child3')];

  // @otp supervisor_SUITE:one_for_one
  it('one_for_one restarts the child that ended, and gives up after too many', () => {
    inSuite(function* (self) {
      const { pid, first, second } = yield* starts(self, 'one_for_one', 2, two);
      yield* terminate(self, first, 'abnormal');
      expect(yield* pids(self)).toContain(second);
      expect(yield* pids(self)).not.toContain(first);
      expect(yield* counts(self)).toEqual([2, 2, 0, 2]);
      yield* terminate(self, second, 'abnormal');
      yield* terminate(self, yield* pidOf(self, 'child2'), 'abnormal');
      expect(yield* exitOf(self, pid)).toBe('shutdown');
    });
  });

  // @otp supervisor_SUITE:one_for_all
  it('one_for_all restarts all, and gives up after too many', () => {
    inSuite(function* (self) {
      const { pid, first, second } = yield* starts(self, 'one_for_all', 2, two);
      yield* terminate(self, first, 'abnormal');
      expect(yield* exitOf(self, second)).toBe('shutdown');
      const again = yield* pids(self);
      expect(again).toHaveLength(2);
      expect(again.some((one) => one === first || one === second)).toBe(false);
      expect(yield* counts(self)).toEqual([2, 2, 0, 2]);
      for (let at = 0; at < 2; at += 1) yield* terminate(self, yield* pidOf(self, 'child2'), 'abnormal');
      expect(yield* exitOf(self, pid)).toBe('shutdown');
    });
  });

  // @otp supervisor_SUITE:rest_for_one
  it('rest_for_one restarts those started after it, and gives up after too many', () => {
    inSuite(function* (self) {
      const { pid, first, second, third } = yield* starts(self, 'rest_for_one', 2, three);
      expect(yield* counts(self)).toEqual([3, 3, 0, 3]);
      yield* terminate(self, second, 'abnormal');
      expect(yield* exitOf(self, third)).toBe('shutdown');
      const again = yield* pids(self);
      expect(again).toHaveLength(3);
      expect(again).toContain(first);
      expect(again.some((one) => one === second || one === third)).toBe(false);
      yield* terminate(self, yield* pidOf(self, 'child3'), 'abnormal');
      yield* terminate(self, yield* pidOf(self, 'child2'), 'abnormal');
      expect(yield* exitOf(self, pid)).toBe('shutdown');
    });
  });

  // @otp supervisor_SUITE:simple_one_for_one supervisor_SUITE:simple_one_for_one_extra
  it.each([[[]], [[a('extra_info')]]])('simple_one_for_one with arguments %j restarts alike', (args) => {
    inSuite(function* (self) {
      const pid = yield* started(self, tupleFlags('simple_one_for_one', 2, 3600), [spec('child', { args })]);
      const first = yield* child(self, []);
      const second = yield* child(self, []);
      self.link(second);
      yield* terminate(self, first, 'abnormal');
      expect(yield* pids(self)).toHaveLength(2);
      expect(yield* pids(self)).toContain(second);
      expect(yield* counts(self)).toEqual([1, 2, 0, 2]);
      yield* terminate(self, second, 'abnormal');
      const [last = pid] = yield* pids(self);
      yield* terminate(self, last, 'abnormal');
      expect(yield* exitOf(self, pid)).toBe('shutdown');
    });
  });

  // @otp supervisor_SUITE:one_for_one_escalation supervisor_SUITE:one_for_all_escalation
  // @otp supervisor_SUITE:rest_for_one_escalation
  it.each([
    ['one_for_one', 'child1'],
    ['one_for_all', 'child2'],
    ['rest_for_one', 'child2'],
  ])('%s: a start that goes on failing ends the supervisor and all', (strategy, faulty) => {
    inSuite(function* (self) {
      const children = ['child1', 'child2'].map((id) => spec(id, id === faulty ? { args: [atoms.error] } : {}));
      const { pid, first, second } = yield* starts(self, strategy, 4, children);
      yield* terminate(self, first, 'abnormal');
      expect(yield* missingExits(self, [second, pid])).toEqual([]);
    });
  });

  // @otp supervisor_SUITE:simple_one_for_one_escalation
  it('simple_one_for_one: a start that goes on failing ends the supervisor and all', () => {
    inSuite(function* (self) {
      const pid = yield* started(self, tupleFlags('simple_one_for_one', 4, 3600), [spec('child')]);
      const first = yield* child(self, [atoms.error]);
      self.link(first);
      const second = yield* child(self, []);
      self.link(second);
      yield* terminate(self, first, 'abnormal');
      expect(yield* missingExits(self, [pid, second])).toEqual([]);
    });
  });

  // @otp supervisor_SUITE:simple_one_for_one_shutdown
  it('simple_one_for_one stops its children together, each within its time', () => {
    inSuite(function* (self, cluster) {
      const template = spec('child', { module: 'supervisor_2', shutdown: 2000 });
      const pid = yield* started(self, tupleFlags('simple_one_for_one', 2, 3600), [template]);
      for (const timeMs of [1000, 1000, 5000]) yield* child(self, [timeMs]);
      const since = cluster.nowMs;
      yield* terminate(self, pid, 'shutdown');
      expect(cluster.nowMs - since).toBe(2000);
      expect(yield* exitOf(self, pid)).toBe('shutdown');
    });
  });
});

describe('a sibling that cannot be restarted', () => {
  /** What supervisor_3 says of its start: the process of the child with this name. */
  function* starting(_self: Self): Flow<{ readonly name: string; readonly pid: Pid }> {
    const message = yield* receive({
      match: (one) => elementsOf(one)?.[1] instanceof Pid && tagged(one, atoms.exit, 3) === null,
    });
    const [name, pid] = message === timedOut ? [] : (elementsOf(message) ?? []);
    if (pid instanceof Pid) return { name: shown(name), pid };
    throw new Error('no start');
  }
  // @otp supervisor_SUITE:one_for_all_other_child_fails_restart supervisor_SUITE:rest_for_one_other_child_fails_restart
  it.each([
    ['one_for_all', ['child1', 'child2', 'child1', 'child2'], 'shutdown'],
    ['rest_for_one', ['child1', 'child2', 'child2'], 'none'],
  ])('%s: the others are %j', (strategy, order, endOfFirst) => {
    inSuite(function* (self) {
      const tester = self.pid;
      const children = ['child1', 'child2'].map((id) => spec(id, { module: 'supervisor_3', args: [a(id), tester] }));
      const mfa = { module: 'test', function: 'starter', arity: 0 };
      const starter = self.spawnBody(
        {
          is: 'flow',
          run: function* (own) {
            const outcome = yield* startLink(own, definition(tupleFlags(strategy, 3, 3600), children));
            own.send(tester, tup(a('sup_pid'), valueAt(elementsOf(outcome) ?? [], 1)));
            yield* receive({ match: (one) => one === a('stop') });
          },
        },
        mfa,
        { link: true },
      );
      const okay = tup(tup(atoms.ok, undefined), tester);
      const first = yield* starting(self);
      self.send(first.pid, okay);
      const second = yield* starting(self);
      self.send(second.pid, okay);
      const supervisor = (yield* starting(self)).pid;
      self.link(supervisor);
      self.sendExit(first.pid, a('die'));
      const again = yield* starting(self);
      const watch = self.monitor(again.pid);
      self.send(again.pid, okay);
      const failing = yield* starting(self);
      self.send(failing.pid, tup(tup(a('stop'), atoms.normal), tester));
      const seen = [again.name, failing.name];
      while (seen.length < order.length) {
        const next = yield* starting(self);
        seen.push(next.name);
        self.send(next.pid, okay);
      }
      expect(seen).toEqual(order);
      const down = yield* receive({ match: (one) => tagged(one, atoms.down, 5)?.[1] === watch, afterMs: 100 });
      expect(down === timedOut ? 'none' : shown(elementsOf(down)?.[4])).toBe(endOfFirst);
      expect(self.isAlive(supervisor)).toBe(true);
      self.send(starter, a('stop'));
      // The supervisor is linked to its starter, which ends normally: to a supervisor its parent's end is its own.
      expect(yield* missingExits(self, [starter, supervisor])).toEqual([]);
    });
  });
});

describe('a restart that goes on failing', () => {
  const hanging = { module: 'supervisor_deadlock', shutdown: 'brutal_kill' } as const;
  const register = a('supervisor_deadlock');

  /** From now on starts take two seconds and fail; and the child ends. */
  function* failing(self: Self, pid: Pid): Flow<void> {
    self.link(pid);
    deadlock.failStart = true;
    cast(self, register, a('restart'));
    yield* sleep(2000);
    expect(yield* exitOf(self, pid)).toBe('error');
  }

  // @otp supervisor_SUITE:hanging_restart_loop supervisor_SUITE:hanging_restart_loop_rest_for_one
  it.each([
    ['one_for_one', false],
    ['rest_for_one', true],
  ])('%s: calls are answered in between, and child and supervisor can be stopped', (strategy, siblings) => {
    inSuite(function* (self) {
      const pid = yield* started(self, tupleFlags(strategy, 8, 10));
      if (siblings) yield* child(self, spec('child1', { shutdown: 'brutal_kill' }));
      const one = spec('child2', hanging);
      const first = yield* child(self, one);
      if (siblings) yield* child(self, spec('child3', { shutdown: 'brutal_kill' }));
      const around = (row: string) =>
        siblings ? ['{child3,undefined,worker,[]}', row, '{child1,pid,worker,[]}'] : [row];
      yield* failing(self, first);
      expect(shown(yield* startChild(self, suite, one))).toBe('{error,already_present}');
      expect(shown(yield* restartChild(self, suite, a('child2')))).toBe('{error,restarting}');
      expect(shown(yield* deleteChild(self, suite, a('child2')))).toBe('{error,restarting}');
      expect(yield* rows(self)).toEqual(around('{child2,restarting,worker,[]}'));
      expect(yield* counts(self)).toEqual(siblings ? [3, 1, 0, 3] : [1, 0, 0, 1]);
      expect(yield* terminateChild(self, suite, a('child2'))).toBe(atoms.ok);
      expect(yield* rows(self)).toEqual(around('{child2,undefined,worker,[]}'));
      deadlock.failStart = false;
      expect(shown(yield* restartChild(self, suite, a('child2')))).toBe('{ok,pid}');
      yield* failing(self, yield* pidOf(self, 'child2'));
      yield* terminate(self, pid, 'shutdown');
      expect(self.whereis(suite)).toBeNull();
    });
  });

  // @otp supervisor_SUITE:hanging_restart_loop_simple
  it('simple_one_for_one: calls are answered in between, and child and supervisor can be stopped', () => {
    inSuite(function* (self) {
      const pid = yield* started(self, tupleFlags('simple_one_for_one', 8, 10), [spec('child1', hanging)]);
      const first = yield* child(self, []);
      yield* failing(self, first);
      expect(shown(yield* restartChild(self, suite, a('child1')))).toBe('{error,simple_one_for_one}');
      expect(shown(yield* deleteChild(self, suite, a('child1')))).toBe('{error,simple_one_for_one}');
      expect(yield* rows(self)).toEqual(['{undefined,restarting,worker,[]}']);
      expect(yield* counts(self)).toEqual([1, 0, 0, 1]);
      expect(yield* terminateChild(self, suite, first)).toBe(atoms.ok);
      expect(yield* rows(self)).toEqual([]);
      deadlock.failStart = false;
      yield* failing(self, yield* child(self, []));
      yield* terminate(self, pid, 'shutdown');
      expect(self.whereis(suite)).toBeNull();
    });
  });
});
