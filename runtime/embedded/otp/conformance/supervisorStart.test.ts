import { describe, expect, it } from 'vitest';
import type { Value } from '../../../term/values.ts';
import { a, Pid, tup } from '../../../term/values.ts';
import { sleep } from '../../kernel/flow.ts';
import type { Flow } from '../../kernel/flow.ts';
import { atoms, sameValue } from '../../kernel/values.ts';
import { shown } from '../../testKit.ts';
import { getChildSpec, restartChild, startChild, terminateChild } from '../supervisor.ts';
import {
  child,
  counts,
  definition,
  exitOf,
  inSuite,
  mapSpec,
  pidIn,
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
const simple = tupleFlags('simple_one_for_one', 2, 3600);

describe('a supervisor starts', () => {
  // @otp supervisor_SUITE:sup_start_normal
  it('and ends when told to', () => {
    inSuite(function* (self) {
      const pid = yield* started(self, flags);
      yield* terminate(self, pid, 'shutdown');
      expect(yield* exitOf(self, pid)).toBe('shutdown');
    });
  });

  // @otp supervisor_SUITE:sup_start_ignore_init
  it('not when its init ignores: its process ends normally', () => {
    inSuite(function* (self) {
      expect(yield* startLink(self, atoms.ignore)).toBe(atoms.ignore);
      expect(yield* exitOf(self, null)).toBe('normal');
    });
  });

  // @otp supervisor_SUITE:sup_start_error_return supervisor_SUITE:sup_start_fail
  it.each([
    ['answers something else', a('invalid'), '{bad_return,{supervisor_SUITE,init,invalid}}'],
    ['fails', a('fail'), '{{badmatch,2},[]}'],
  ])('not when its init %s: the error is the reason its process ends with', (_what, answer, reason) => {
    inSuite(function* (self) {
      expect(shown(yield* startLink(self, answer))).toBe(`{error,${reason}}`);
      expect(yield* exitOf(self, null)).toBe(reason);
    });
  });
});

describe('a child that ignores its start', () => {
  const ignoring = (restart: string) => spec('child1', { args: [atoms.ignore], restart });

  // @otp supervisor_SUITE:sup_start_ignore_child
  it('stays, without a process', () => {
    inSuite(function* (self) {
      yield* started(self, flags);
      expect(shown(yield* startChild(self, suite, ignoring('permanent')))).toBe('{ok,undefined}');
      yield* child(self, spec('child2'));
      expect(yield* rows(self)).toEqual(['{child2,pid,worker,[]}', '{child1,undefined,worker,[]}']);
      expect(yield* counts(self)).toEqual([2, 1, 0, 2]);
    });
  });

  // @otp supervisor_SUITE:sup_start_ignore_temporary_child
  it('is forgotten when it is temporary and stands in the definition', () => {
    inSuite(function* (self) {
      yield* started(self, flags, [ignoring('temporary'), spec('child2', { restart: 'temporary' })]);
      expect(yield* rows(self)).toEqual(['{child2,pid,worker,[]}']);
      expect(yield* counts(self)).toEqual([1, 1, 0, 1]);
    });
  });

  // @otp supervisor_SUITE:sup_start_ignore_temporary_child_start_child
  it('is forgotten when it is temporary and added later', () => {
    inSuite(function* (self) {
      yield* started(self, flags);
      expect(shown(yield* startChild(self, suite, ignoring('temporary')))).toBe('{ok,undefined}');
      yield* child(self, spec('child2', { restart: 'temporary' }));
      expect(yield* rows(self)).toEqual(['{child2,pid,worker,[]}']);
      expect(yield* counts(self)).toEqual([1, 1, 0, 1]);
    });
  });

  // @otp supervisor_SUITE:sup_start_ignore_temporary_child_start_child_simple
  // @otp supervisor_SUITE:sup_start_ignore_permanent_child_start_child_simple
  it.each(['temporary', 'permanent'])('is not kept by simple_one_for_one, %s or not', (restart) => {
    inSuite(function* (self) {
      const pid = yield* started(self, simple, [ignoring(restart)]);
      expect(shown(yield* startChild(self, suite, []))).toBe('{ok,undefined}');
      yield* child(self, []);
      expect(yield* rows(self)).toEqual(['{undefined,pid,worker,[]}']);
      expect(yield* counts(self)).toEqual([1, 1, 0, 1]);
      self.sendExit(pid, atoms.shutdown);
      expect(yield* exitOf(self, pid)).toBe('shutdown');
    });
  });
});

describe('a child whose start fails', () => {
  const error = tup(atoms.error, a('reason'));
  const faulty = (answer: typeof error | ReturnType<typeof a>) => spec('child1', { args: [tup(a('return'), answer)] });

  // @otp supervisor_SUITE:sup_start_restart_child_returns_error
  it('when it is restarted by hand stays without a process', () => {
    inSuite(function* (self) {
      yield* started(self, flags, [spec('child1', { args: [atoms.error] })]);
      expect(yield* terminateChild(self, suite, a('child1'))).toBe(atoms.ok);
      expect(shown(yield* restartChild(self, suite, a('child1')))).toBe('{error,{function_clause,[]}}');
      expect(yield* rows(self)).toEqual(['{child1,undefined,worker,[]}']);
      expect(yield* counts(self)).toEqual([1, 0, 0, 1]);
    });
  });

  // @otp supervisor_SUITE:sup_start_child_returns_error
  it('when it is added is not kept, and the error says which it was', () => {
    inSuite(function* (self) {
      yield* started(self, flags);
      const described = (value: string) =>
        `{child,undefined,child1,{supervisor_1,start_child,[{return,${value}}]},permanent,false,1000,worker,[]}`;
      expect(shown(yield* startChild(self, suite, faulty(error)))).toBe(
        `{error,{reason,${described('{error,reason}')}}}`,
      );
      expect(shown(yield* startChild(self, suite, faulty(a('error_reason'))))).toBe(
        `{error,{error_reason,${described('error_reason')}}}`,
      );
      expect(yield* rows(self)).toEqual([]);
    });
  });

  // @otp supervisor_SUITE:sup_start_child_returns_error_simple
  it('of simple_one_for_one is not kept, and the error is that of the start function', () => {
    inSuite(function* (self) {
      yield* started(self, simple, [spec('child1')]);
      expect(shown(yield* startChild(self, suite, [tup(a('return'), error)]))).toBe('{error,reason}');
      expect(shown(yield* startChild(self, suite, [tup(a('return'), a('error_reason'))]))).toBe('{error,error_reason}');
      expect(yield* rows(self)).toEqual([]);
    });
  });
});

describe('specifications as maps', () => {
  // @otp supervisor_SUITE:sup_start_map
  it('have the defaults of OTP', () => {
    inSuite(function* (self) {
      const children = [
        mapSpec('child1'),
        mapSpec('child2', { shutdown: a('brutal_kill') }),
        mapSpec('child3', { type: a('supervisor') }),
      ];
      const pid = yield* started(self, {}, children);
      const whole = (id: string, shutdown: string, type: string) =>
        `{ok,#{id=>${id},start=>{supervisor_1,start_child,[]},restart=>permanent,shutdown=>${shutdown},type=>${type},modules=>[supervisor_1],significant=>false}}`;
      expect(shown(yield* getChildSpec(self, pid, a('child1')))).toBe(whole('child1', '5000', 'worker'));
      expect(shown(yield* getChildSpec(self, pid, a('child2')))).toBe(whole('child2', 'brutal_kill', 'worker'));
      expect(shown(yield* getChildSpec(self, pid, a('child3')))).toBe(whole('child3', 'infinity', 'supervisor'));
      expect(shown(yield* getChildSpec(self, pid, a('child4')))).toBe('{error,not_found}');
      yield* terminate(self, pid, 'shutdown');
    });
  });

  // @otp supervisor_SUITE:sup_start_map_simple
  it('of simple_one_for_one are found by each of its children, and by no other living process', () => {
    inSuite(function* (self) {
      const template = mapSpec('x', { id: undefined, restart: a('temporary') });
      const pid = yield* started(self, { strategy: a('simple_one_for_one') }, [template]);
      const whole = {
        ...template,
        type: a('worker'),
        shutdown: 5000,
        modules: [a('supervisor_1')],
        significant: false,
      };
      for (let at = 0; at < 3; at += 1) {
        const one = yield* child(self, [], pid);
        expect(sameValue(yield* getChildSpec(self, pid, one), tup(atoms.ok, whole))).toBe(true);
      }
      expect(shown(yield* getChildSpec(self, pid, self.pid))).toBe('{error,not_found}');
      yield* terminate(self, pid, 'shutdown');
    });
  });

  // @otp supervisor_SUITE:sup_start_map_faulty_specs
  it('say what is missing, and may hold what is not known', () => {
    inSuite(function* (self) {
      const { start } = mapSpec('x');
      const refused = function* (one: Value): Flow<string> {
        return shown(yield* startLink(self, definition({}, [one])));
      };
      expect(yield* refused({ start })).toBe('{error,{start_spec,missing_id}}');
      expect(yield* refused({ id: a('child2') })).toBe('{error,{start_spec,missing_start}}');
      expect(yield* refused(a('child4'))).toBe('{error,{start_spec,{invalid_child_spec,child4}}}');
      const pid = yield* started(self, {}, [mapSpec('child3', { silly_flag: true })]);
      yield* terminate(self, pid, 'shutdown');
    });
  });
});

describe('a supervisor that ends', () => {
  // @otp supervisor_SUITE:sup_stop_infinity
  it('asks children with infinite time, of both types', () => {
    inSuite(function* (self) {
      const pid = yield* started(self, flags);
      const ends = [
        yield* child(self, spec('child1', { shutdown: 'infinity', type: 'supervisor' })),
        yield* child(self, spec('child2', { shutdown: 'infinity' })),
      ];
      for (const one of ends) self.link(one);
      yield* terminate(self, pid, 'shutdown');
      for (const one of ends) expect(yield* exitOf(self, one)).toBe('shutdown');
    });
  });

  // @otp supervisor_SUITE:sup_stop_timeout supervisor_SUITE:sup_stop_timeout_dynamic
  // @otp supervisor_SUITE:sup_stop_brutal_kill
  it.each([
    ['whose time is over', flags, { shutdown: 1000 }],
    ['of simple_one_for_one whose time is over', simple, { shutdown: 1000, restart: 'temporary' }],
    ['that is to be killed', flags, { shutdown: 'brutal_kill' }],
  ] as const)('kills a child %s, and lets the others end', (_what, strategy, options) => {
    inSuite(function* (self) {
      const dynamic = strategy === simple;
      const pid = yield* started(self, strategy, dynamic ? [spec('child', options)] : []);
      const calm = yield* child(self, dynamic ? [] : spec('child1'));
      const busy = yield* child(self, dynamic ? [] : spec('child2', options));
      self.link(calm);
      self.link(busy);
      if (options.shutdown === 1000) self.send(busy, tup(a('sleep'), 200_000));
      yield* terminate(self, pid, 'shutdown');
      expect(yield* exitOf(self, pid)).toBe('shutdown');
      expect(yield* exitOf(self, calm)).toBe('shutdown');
      expect(yield* exitOf(self, busy)).toBe('killed');
    });
  });

  // @otp supervisor_SUITE:sup_stop_brutal_kill_dynamic
  it('kills the children of simple_one_for_one that are to be killed', () => {
    inSuite(function* (self) {
      const template = spec('child', { module: 'supervisor_4', restart: 'temporary', shutdown: 'brutal_kill' });
      const pid = yield* started(self, simple, [template]);
      const ten: Pid[] = [];
      for (let at = 0; at < 10; at += 1) ten.push(yield* child(self, []));
      for (const one of ten) self.link(one);
      yield* terminate(self, pid, 'shutdown');
      expect(yield* exitOf(self, pid)).toBe('shutdown');
      for (const one of ten) expect(yield* exitOf(self, one)).toBe('killed');
    });
  });

  const reasons = [atoms.normal, atoms.shutdown, tup(atoms.shutdown, a('test')), a('other')];

  // @otp supervisor_SUITE:sup_stop_race
  it('ends also when children end by themselves meanwhile, for whatever reasons', () => {
    inSuite(function* (self) {
      const pid = yield* started(self, flags);
      const first = yield* child(self, mapSpec('child_a', { restart: a('temporary'), shutdown: 1000 }));
      self.link(first);
      const racing: { pid: Pid; reason: string }[] = [];
      for (const restart of ['temporary', 'transient', 'permanent']) {
        for (const reason of reasons) {
          const id = tup(a('child'), self.makeRef());
          const start = tup(a('supervisor_4'), a('start_child'), [reason]);
          const one = yield* child(self, { id, start, restart: a(restart), shutdown: 1000 });
          self.link(one);
          racing.push({ pid: one, reason: shown(reason) });
        }
      }
      const last = yield* child(self, {
        id: a('child_z'),
        start: tup(a('supervisor_2'), a('start_child'), [1000]),
        restart: a('temporary'),
        shutdown: 2000,
      });
      self.link(last);
      const mfa = { module: 'test', function: 'ender', arity: 0 };
      const ender = function* (own: typeof self): Flow<void> {
        yield* sleep(200);
        for (const one of racing) own.send(one.pid, a('stop'));
      };
      self.spawnBody({ is: 'flow', run: ender }, mfa);
      yield* terminate(self, pid, 'shutdown');
      expect(yield* exitOf(self, pid)).toBe('shutdown');
      expect(yield* exitOf(self, last)).toBe('shutdown');
      for (const one of racing) expect(yield* exitOf(self, one.pid)).toBe(one.reason);
      expect(yield* exitOf(self, first)).toBe('shutdown');
    });
  });

  // @otp supervisor_SUITE:sup_stop_non_shutdown_exit_dynamic
  it.each(['temporary', 'transient', 'permanent'])(
    'ends, being simple_one_for_one, also when its %s children end for other reasons',
    (restart) => {
      inSuite(function* (self) {
        const template = spec('child', { module: 'supervisor_4', restart, shutdown: 5000 });
        const pid = yield* started(self, simple, [template]);
        const ends: Pid[] = [];
        for (const reason of reasons) ends.push(yield* child(self, [reason]));
        for (const one of ends) self.link(one);
        yield* terminate(self, pid, 'shutdown');
        expect(yield* exitOf(self, pid)).toBe('shutdown');
        for (const [at, one] of ends.entries()) expect(yield* exitOf(self, one)).toBe(shown(reasons[at]));
      });
    },
  );
});

describe('what a start function answers besides its process', () => {
  // @otp supervisor_SUITE:extra_return
  it('is handed on to who started or restarted the child, and otherwise left', () => {
    inSuite(function* (self) {
      const one = spec('child1', { args: [a('extra_return')] });
      yield* started(self, flags, [one]);
      const pid = yield* pidOf(self, 'child1');
      self.link(pid);
      expect(yield* counts(self)).toEqual([1, 1, 0, 1]);
      expect(yield* terminateChild(self, suite, a('child1'))).toBe(atoms.ok);
      expect(yield* exitOf(self, pid)).toBe('shutdown');
      expect(yield* rows(self)).toEqual(['{child1,undefined,worker,[]}']);
      expect(yield* counts(self)).toEqual([1, 0, 0, 1]);
      expect(shown(yield* restartChild(self, suite, a('child1')))).toBe('{ok,pid,extra_return}');
      expect(yield* counts(self)).toEqual([1, 1, 0, 1]);
      const again = yield* pidOf(self, 'child1');
      yield* terminate(self, again, 'abnormal');
      const [restarted] = yield* pids(self);
      expect(restarted).toBeInstanceOf(Pid);
      expect(restarted).not.toBe(again);
      const more = yield* startChild(self, suite, spec('child2', { args: [a('extra_return')] }));
      expect(shown(more)).toBe('{ok,pid,extra_return}');
      expect(pidIn(more)).toBe(yield* pidOf(self, 'child2'));
    });
  });
});
