import { describe, expect, it } from 'vitest';
import type { Pid, Value } from '../../../term/values.ts';
import { a, toTerm, tup } from '../../../term/values.ts';
import { termKey } from '../../../term/term.ts';
import type { Flow } from '../../kernel/flow.ts';
import { sleep } from '../../kernel/flow.ts';
import type { Self } from '../../kernel/self.ts';
import { atoms } from '../../kernel/values.ts';
import { nodeOf, shown } from '../../testKit.ts';
import { checkChildSpecs } from '../checkSpec.ts';
import { cast } from '../gen.ts';
import { countChildren, deleteChild, restartChild, startChild, terminateChild, whichChildren } from '../supervisor.ts';
import { supervisorAt } from '../supervisorState.ts';
import {
  caught,
  child,
  counts,
  deadlock,
  definition,
  exitOf,
  inSuite,
  mapSpec,
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

describe('children by hand', () => {
  // @otp supervisor_SUITE:child_adm
  it('are started, terminated, restarted and deleted, each only when it can be', () => {
    inSuite(function* (self) {
      const one = spec('child1');
      yield* started(self, flags, [one]);
      const answer = function* (work: Flow<Value>): Flow<string> {
        return shown(yield* work);
      };
      const pid = yield* pidOf(self, 'child1');
      self.link(pid);
      expect(yield* counts(self)).toEqual([1, 1, 0, 1]);
      expect(yield* answer(startChild(self, suite, one))).toBe('{error,{already_started,pid}}');
      expect(yield* answer(terminateChild(self, suite, a('hej')))).toBe('{error,not_found}');
      expect(yield* caught(terminateChild(self, a('foo'), a('child1')))).toMatch(/^\{EXIT,\{noproc,\{gen_server,call,/);
      expect(yield* answer(terminateChild(self, suite, a('child1')))).toBe('ok');
      expect(yield* exitOf(self, pid)).toBe('shutdown');
      expect(yield* rows(self)).toEqual(['{child1,undefined,worker,[]}']);
      expect(yield* counts(self)).toEqual([1, 0, 0, 1]);
      expect(yield* answer(terminateChild(self, suite, a('child1')))).toBe('ok');
      expect(yield* answer(startChild(self, suite, one))).toBe('{error,already_present}');
      expect(yield* answer(restartChild(self, suite, a('child1')))).toBe('{ok,pid}');
      expect(yield* counts(self)).toEqual([1, 1, 0, 1]);
      expect(yield* answer(restartChild(self, suite, a('child1')))).toBe('{error,running}');
      expect(yield* answer(restartChild(self, suite, a('child2')))).toBe('{error,not_found}');
      expect(yield* answer(deleteChild(self, suite, a('child1')))).toBe('{error,running}');
      expect(yield* answer(deleteChild(self, suite, a('hej')))).toBe('{error,not_found}');
      expect(yield* caught(deleteChild(self, a('foo'), a('child1')))).toMatch(/^\{EXIT,\{noproc,/);
      expect(yield* answer(terminateChild(self, suite, a('child1')))).toBe('ok');
      expect(yield* answer(deleteChild(self, suite, a('child1')))).toBe('ok');
      expect(yield* answer(restartChild(self, suite, a('child1')))).toBe('{error,not_found}');
      expect(yield* rows(self)).toEqual([]);
      expect(yield* counts(self)).toEqual([0, 0, 0, 0]);
      expect(yield* caught(startChild(self, a('foo'), one))).toMatch(/^\{EXIT,\{noproc,/);
      const again = yield* child(self, one);
      // By pid only of simple_one_for_one.
      expect(yield* answer(terminateChild(self, suite, again))).toBe('{error,not_found}');
      expect(yield* counts(self)).toEqual([1, 1, 0, 1]);
      const gone = (what: string) => `{EXIT,{noproc,{gen_server,call,[foo,${what},infinity]}}}`;
      expect(yield* caught(whichChildren(self, a('foo')))).toBe(gone('which_children'));
      expect(yield* caught(countChildren(self, a('foo')))).toBe(gone('count_children'));
    });
  });

  // @otp supervisor_SUITE:child_adm_simple
  it('of simple_one_for_one are known by pid only, and terminating one that has ended is fine', () => {
    inSuite(function* (self) {
      yield* started(self, simple, [spec('child')]);
      expect(yield* rows(self)).toEqual([]);
      expect(yield* counts(self)).toEqual([1, 0, 0, 0]);
      expect(yield* caught(startChild(self, a('foo'), []))).toMatch(/^\{EXIT,\{noproc,/);
      const one = yield* child(self, []);
      expect(yield* rows(self)).toEqual(['{undefined,pid,worker,[]}']);
      const two = yield* child(self, []);
      expect(yield* pids(self)).toEqual([one, two]);
      expect(yield* counts(self)).toEqual([1, 2, 0, 2]);
      expect(shown(yield* terminateChild(self, suite, a('child1')))).toBe('{error,simple_one_for_one}');
      expect(yield* terminateChild(self, suite, one)).toBe(atoms.ok);
      expect(yield* pids(self)).toEqual([two]);
      expect(self.isAlive(one)).toBe(false);
      expect(yield* terminateChild(self, suite, one)).toBe(atoms.ok);
      expect(yield* counts(self)).toEqual([1, 1, 0, 1]);
      const stranger = self.spawn('timer', 'sleep', [atoms.infinity], { link: true });
      expect(shown(yield* terminateChild(self, suite, stranger))).toBe('{error,not_found}');
      expect(self.isAlive(stranger)).toBe(true);
      expect(shown(yield* restartChild(self, suite, a('child1')))).toBe('{error,simple_one_for_one}');
      expect(shown(yield* deleteChild(self, suite, a('child1')))).toBe('{error,simple_one_for_one}');
    });
  });

  // @otp supervisor_SUITE:child_unlink
  it('that unlink from their supervisor do not hold it up', () => {
    inSuite(function* (self, cluster) {
      const pid = yield* started(self, flags);
      const start = tup(a('naughty_child'), a('start_link'), [pid]);
      yield* child(self, tup(a('naughty_child'), start, a('permanent'), 1000, a('worker'), [a('supervisor_SUITE')]));
      self.spawn('supervisor', 'terminate_child', [pid, a('naughty_child')]);
      self.send(pid, a('foo'));
      yield* sleep(5000);
      expect(nodeOf(cluster).find(pid)?.mailbox.length).toBe(0);
      expect(yield* rows(self)).toEqual(['{naughty_child,undefined,worker,[supervisor_SUITE]}']);
    });
  });

  // @otp supervisor_SUITE:get_callback_module
  it('are held by a supervisor that says whose callbacks it has', () => {
    inSuite(function* (self) {
      const pid = yield* started(self, simple, [spec('child', { restart: 'temporary' })]);
      expect(supervisorAt(pid)?.module).toBe('supervisor_SUITE');
    });
  });
});

describe('specifications and flags', () => {
  const tuple = (...fields: readonly Value[]): Value => tup(...fields);
  const mfa = tup(a('m'), a('f'), [a('a')]);
  const [permanent, worker] = [a('permanent'), a('worker')];

  // @otp supervisor_SUITE:child_specs
  it('as tuples are refused for what is wrong with them', () => {
    inSuite(function* (self) {
      const pid = yield* started(self, flags);
      expect(shown(yield* startChild(self, suite, a('hej')))).toBe('{error,{invalid_child_spec,hej}}');
      const bad: readonly (readonly [Value, string])[] = [
        [tuple(a('child'), a('mfa'), permanent, 1000, worker, []), '{invalid_mfa,mfa}'],
        [tuple(a('child'), mfa, a('prmanent'), 1000, worker, []), '{invalid_restart_type,prmanent}'],
        [tuple(a('child'), mfa, permanent, -10, worker, []), '{invalid_shutdown,-10}'],
        [tuple(a('child'), mfa, permanent, 10, a('wrker'), []), '{invalid_child_type,wrker}'],
        [tuple(a('child'), mfa, permanent, 1000, worker, a('dy')), '{invalid_modules,dy}'],
        [tuple(a('child'), mfa, permanent, 1000, worker, [1, 2, 3]), '{invalid_module,1}'],
      ];
      for (const [one, why] of bad) {
        expect(shown(yield* startChild(self, suite, one))).toBe(`{error,${why}}`);
        expect(shown(checkChildSpecs([one]))).toBe(`{error,${why}}`);
        expect(shown(checkChildSpecs(one))).toMatch(/^\{error,\{badarg,/);
      }
      for (const restart of ['permanent', 'transient', 'temporary'].map(a)) {
        for (const shutdown of [0, 1000, atoms.infinity, a('brutal_kill')]) {
          for (const type of ['supervisor', 'worker'].map(a)) {
            for (const modules of [a('dynamic'), [], [a('m')], [a('m1'), a('m2')]]) {
              expect(checkChildSpecs([tuple(a('child'), mfa, restart, shutdown, type, modules)])).toBe(atoms.ok);
            }
          }
        }
      }
      const two = [atoms.infinity, 1000].map((time) => tuple(a('child'), mfa, permanent, time, a('supervisor'), []));
      expect(shown(checkChildSpecs(two))).toBe('{error,{duplicate_child_name,child}}');
      yield* terminate(self, pid, 'shutdown');
      const refused = function* (strategy: Value, children: readonly Value[]): Flow<string> {
        return shown(yield* startLink(self, definition(strategy, children)));
      };
      expect(yield* refused(flags, [bad[0]?.[0]])).toBe('{error,{start_spec,{invalid_mfa,mfa}}}');
      expect(yield* refused(simple, [bad[1]?.[0]])).toBe('{error,{start_spec,{invalid_restart_type,prmanent}}}');
      expect(yield* refused(simple, [])).toBe('{error,{bad_start_spec,[]}}');
      expect(yield* refused(simple, two)).toBe(`{error,{bad_start_spec,${shown(two)}}}`);
    });
  });

  // @otp supervisor_SUITE:child_specs_map
  it('as maps are refused for what is wrong with them, alone and in combination', () => {
    inSuite(function* (self) {
      const pid = yield* started(self, {});
      const good: { readonly [field: string]: Value } = { id: a('child'), start: mfa };
      const bad: readonly (readonly [Value, string])[] = [
        [{}, 'missing_id'],
        [{ id: a('child') }, 'missing_start'],
        [{ start: mfa }, 'missing_id'],
        [{ ...good, start: a('mfa') }, '{invalid_mfa,mfa}'],
        [{ ...good, restart: a('prmanent') }, '{invalid_restart_type,prmanent}'],
        [{ ...good, shutdown: -10 }, '{invalid_shutdown,-10}'],
        [{ ...good, type: a('wrker') }, '{invalid_child_type,wrker}'],
        [{ ...good, modules: a('dy') }, '{invalid_modules,dy}'],
        [{ ...good, modules: [1, 2, 3] }, '{invalid_module,1}'],
        [{ ...good, significant: a('maybe') }, '{invalid_significant,maybe}'],
      ];
      for (const [one, why] of bad) {
        expect(shown(yield* startChild(self, suite, one))).toBe(`{error,${why}}`);
        expect(shown(checkChildSpecs([one]))).toBe(`{error,${why}}`);
      }
      expect(shown(checkChildSpecs({}))).toMatch(/^\{error,\{badarg,/);
      for (const autoShutdown of [undefined, 'never', 'any_significant', 'all_significant']) {
        for (const restart of [undefined, 'permanent', 'transient', 'temporary']) {
          for (const significant of [undefined, true, false]) {
            const one = {
              ...good,
              ...(restart !== undefined && { restart: a(restart) }),
              ...(significant !== undefined && { significant }),
              dummy: a('dummy'),
            };
            const outcome = shown(checkChildSpecs([one], autoShutdown === undefined ? undefined : a(autoShutdown)));
            const stays = restart === undefined || restart === 'permanent';
            if (significant !== true) expect(outcome).toBe('ok');
            else if (autoShutdown === 'never') {
              expect(outcome).toBe('{error,{bad_combination,[{auto_shutdown,never},{significant,true}]}}');
            } else if (stays) {
              expect(outcome).toBe('{error,{bad_combination,[{restart,permanent},{significant,true}]}}');
            } else expect(outcome).toBe('ok');
          }
        }
      }
      expect(shown(checkChildSpecs([good], a('sometimes')))).toBe('{error,{badarg,sometimes}}');
      expect(shown(checkChildSpecs([good, good]))).toBe('{error,{duplicate_child_name,child}}');
      yield* terminate(self, pid, 'shutdown');
      const twice = shown(yield* startLink(self, definition(simple, [good, good])));
      expect(twice).toBe(`{error,{bad_start_spec,${shown([good, good])}}}`);
      const never = definition({ auto_shutdown: a('never') }, [{ ...good, significant: true }]);
      expect(shown(yield* startLink(self, never))).toMatch(/^\{error,\{start_spec,\{bad_combination,/);
    });
  });

  // @otp supervisor_SUITE:sup_flags
  it.each<[string, Value, string]>([
    ['a strategy of no name', tupleFlags('none_for_one', 2, 3600), '{invalid_strategy,none_for_one}'],
    ['a strategy of no name in a map', { strategy: a('none_for_one') }, '{invalid_strategy,none_for_one}'],
    ['an intensity of no number', tup(a('one_for_one'), atoms.infinity, 3600), '{invalid_intensity,infinity}'],
    ['an intensity of no number in a map', { intensity: atoms.infinity }, '{invalid_intensity,infinity}'],
    ['a period of 0', tupleFlags('one_for_one', 2, 0), '{invalid_period,0}'],
    ['a period of 0 in a map', { period: 0 }, '{invalid_period,0}'],
    ['a period of no number', tup(a('one_for_one'), 2, atoms.infinity), '{invalid_period,infinity}'],
    ['a period of no number in a map', { period: atoms.infinity }, '{invalid_period,infinity}'],
    ['an auto_shutdown of no name', { auto_shutdown: a('sometimes') }, '{invalid_auto_shutdown,sometimes}'],
    ['two elements', tup(a('one_for_one'), 2), '{invalid_type,{one_for_one,2}}'],
  ])('%s is refused; what is not known is ignored', (_what, faulty, why) => {
    inSuite(function* (self) {
      expect(shown(yield* startLink(self, definition(faulty)))).toBe(`{error,{supervisor_data,${why}}}`);
      yield* terminate(self, yield* started(self, { silly_flag: true }), 'shutdown');
    });
  });
});

describe('counting', () => {
  // @otp supervisor_SUITE:count_children supervisor_SUITE:count_children_supervisor
  it.each(['worker', 'supervisor'])('children of simple_one_for_one that are %ss', (type) => {
    inSuite(function* (self) {
      const template = spec('child', { restart: 'temporary', type, shutdown: type === 'worker' ? 1000 : 'infinity' });
      yield* started(self, simple, [template]);
      const expected = (n: number) => (type === 'worker' ? [1, n, 0, n] : [1, n, n, 0]);
      for (const upTo of [1000, 2000]) {
        for (let at = 0; at < 1000; at += 1) yield* child(self, []);
        expect(yield* pids(self)).toHaveLength(upTo);
        expect(yield* counts(self)).toEqual(expected(upTo));
      }
      for (const pid of yield* pids(self)) yield* terminate(self, pid, 'kill');
      expect(yield* counts(self)).toEqual([1, 0, 0, 0]);
    });
  });

  // @otp supervisor_SUITE:count_restarting_children
  it('children that wait for their restart are not active', () => {
    inSuite(function* (self) {
      const template = spec('child', {
        module: 'supervisor_deadlock',
        start: 'start_child_noreg',
        shutdown: 'brutal_kill',
      });
      yield* started(self, tupleFlags('simple_one_for_one', 20, 10), [template]);
      expect(yield* counts(self)).toEqual([1, 0, 0, 0]);
      const three: Pid[] = [];
      for (let at = 1; at <= 3; at += 1) {
        three.push(yield* child(self, []));
        expect(yield* counts(self)).toEqual([1, at, 0, at]);
      }
      for (const pid of three) cast(self, pid, a('restart'));
      yield* sleep(400);
      expect(yield* counts(self)).toEqual([1, 3, 0, 3]);
      const [one, two, last] = yield* pids(self);
      deadlock.failStart = true;
      for (const pid of [one, two]) if (pid !== undefined) cast(self, pid, a('restart'));
      yield* sleep(4000);
      expect(yield* counts(self)).toEqual([1, 1, 0, 3]);
      deadlock.failStart = false;
      yield* sleep(4000);
      expect(yield* counts(self)).toEqual([1, 3, 0, 3]);
      expect(yield* terminateChild(self, suite, last)).toBe(atoms.ok);
      expect(yield* counts(self)).toEqual([1, 2, 0, 2]);
      const [third, fourth] = yield* pids(self);
      expect(yield* terminateChild(self, suite, third)).toBe(atoms.ok);
      expect(yield* counts(self)).toEqual([1, 1, 0, 1]);
      expect(yield* terminateChild(self, suite, fourth)).toBe(atoms.ok);
      expect(yield* counts(self)).toEqual([1, 0, 0, 0]);
    });
  });
});

describe('what supervisors keep', () => {
  const large = Array.from({ length: 10 }, () => 'Potentially large');
  function* sizeOf(self: Self, strategy: string, restart: string): Flow<number> {
    const dynamic = strategy === 'simple_one_for_one';
    const pid = yield* started(self, tupleFlags(strategy, 2, 3600), dynamic ? [spec('child', { restart })] : [], null);
    for (let at = 0; at < 100; at += 1) {
      yield* child(self, dynamic ? [large] : spec(`child${at}`, { restart, args: [large] }), pid);
    }
    const state = supervisorAt(pid)?.show();
    const term = toTerm(state);
    if (!term.ok) throw new Error(term.error.message);
    return termKey(term.value).length;
  }

  // @otp supervisor_SUITE:do_not_save_start_parameters_for_temporary_children
  it.each(['one_for_all', 'one_for_one', 'rest_for_one', 'simple_one_for_one'])(
    '%s: not the arguments of temporary children',
    (strategy) => {
      inSuite(function* (self) {
        const temporary = yield* sizeOf(self, strategy, 'temporary');
        expect(temporary).toBeLessThan(yield* sizeOf(self, strategy, 'permanent'));
        expect(temporary).toBeLessThan(yield* sizeOf(self, strategy, 'transient'));
      });
    },
  );

  // @otp supervisor_SUITE:simple_one_for_one_corruption
  it('not the arguments of a temporary child after another has crashed', () => {
    inSuite(function* (self) {
      const template = mapSpec('child', { restart: a('temporary'), shutdown: 1000, modules: [] });
      const pid = yield* started(self, simple, [template]);
      const one = yield* child(self, []);
      yield* terminate(self, one, 'abnormal');
      const big = Array.from({ length: 50_000 }, () => 0);
      const two = yield* child(self, [big]);
      const held = supervisorAt(pid)?.byPid(two);
      expect(held?.spec.start.args).toBeUndefined();
      expect(shown(supervisorAt(pid)?.show()).length).toBeLessThan(1000);
      yield* terminate(self, two, 'abnormal');
      expect(yield* counts(self)).toEqual([1, 0, 0, 0]);
    });
  });

  // @otp supervisor_SUITE:do_not_save_child_specs_for_temporary_children
  it.each(['kill', 'normal', 'abnormal', 'supervisor'])(
    'not the specification of a temporary child that ends by %s',
    (how) => {
      inSuite(function* (self) {
        for (const strategy of ['one_for_all', 'one_for_one', 'rest_for_one']) {
          const pid = yield* started(self, tupleFlags(strategy, 2, 3600), [], null);
          const again = function* (restart: string): Flow<string> {
            const one = spec(restart, { restart });
            const running = yield* child(self, one, pid);
            if (how === 'supervisor') yield* terminateChild(self, pid, a(restart));
            else yield* terminate(self, running, how);
            return shown(yield* startChild(self, pid, one));
          };
          const kept = how === 'supervisor' ? '{error,already_present}' : '{error,{already_started,pid}}';
          expect(yield* again('permanent')).toBe(kept);
          expect(yield* again('transient')).toBe(how === 'normal' ? '{error,already_present}' : kept);
          expect(yield* again('temporary')).toBe('{ok,pid}');
          yield* terminate(self, pid, 'shutdown');
        }
      });
    },
  );
});
