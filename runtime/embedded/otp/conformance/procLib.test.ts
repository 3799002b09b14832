/** OTP's proc_lib_SUITE: starts that wait, crash reports, hibernation, and stopping. */
import { describe, expect, it } from 'vitest';
import type { Value } from '../../../term/values.ts';
import { a, Pid, tup } from '../../../term/values.ts';
import { ThrownValue } from '../../kernel/exceptions.ts';
import type { Flow } from '../../kernel/flow.ts';
import { receive, sleep, timedOut } from '../../kernel/flow.ts';
import type { LocalFun } from '../../kernel/localFun.ts';
import { fun } from '../../kernel/localFun.ts';
import type { CodeModule } from '../../kernel/module.ts';
import type { Self } from '../../kernel/self.ts';
import { asValue, atoms, elementsOf, isList, tagged } from '../../kernel/values.ts';
import { testModule } from '../../testKit.ts';
import { genAtoms } from '../gen.ts';
import type { Suite } from './genKit.ts';
import {
  asPid,
  calls,
  e,
  exits,
  inCase,
  isAlive,
  mapOf,
  next,
  nextLike,
  property,
  shown,
  suite,
  textOf,
} from './genKit.ts';

const own = a('proc_lib_SUITE');
const procLib = calls('proc_lib');

/** `sp1`: ends with `die` when told so. */
function* dies(self: Self): Flow<Value> {
  yield* receive({ match: (message) => message === a('die') });
  return self.exit(a('die'));
}

/** Acknowledges its start when it is told to go on. */
function* slowStart(self: Self, parent: Value, tester: Value): Flow<Value> {
  if (tester instanceof Pid) self.send(tester, tup(self.pid, a('init')));
  yield* receive({ match: (message) => message === a('go_on') });
  return yield* procLib(self, 'init_ack', parent, self.pid);
}

/** A starter: tells the tester what its start answered. */
function starter(how: string, more: readonly Value[] = []): CodeModule['functions'][string] {
  return function* (self, tester): Flow<Value> {
    const answer = yield* procLib(self, how, own, a('slow_start'), [self.pid, tester], ...more);
    if (tester instanceof Pid) self.send(tester, tup(a('sync_started'), answer));
    yield* sleep(10_000);
    return atoms.ok;
  };
}

function hibLoop(self: Self, data: Value): Flow<Value> {
  return (function* (): Flow<Value> {
    for (;;) {
      const message = yield* receive();
      if (message === a('hibernate')) return yield* procLib(self, 'hibernate', own, a('awaken'), [data]);
      if (message === a('crash')) return self.exit(a('i_crashed'));
      const asker = message === timedOut ? undefined : asValue(elementsOf(message)?.[0]);
      if (asker instanceof Pid) self.send(asker, tup(a('loop_data'), data));
    }
  })();
}

const modules: readonly CodeModule[] = [
  testModule('proc_lib_SUITE', {
    'sp1/0': dies,
    *'sp2/0'(self): Flow<Value> {
      yield* procLib(self, 'spawn_link', own, a('sp1'), []);
      return yield* dies(self);
    },
    'slow_start/2': slowStart,
    'start/1': starter('start'),
    'start_link/1': starter('start_link'),
    'start_monitor/1': starter('start_monitor'),
    'start_monitor_link/1': starter('start_monitor', [atoms.infinity, [a('link')]]),
    'never/0': () => sleepForEver(),
    'bad_init/1': (self) => self.error(a('bad_init')),
    'hib_loop/1': hibLoop,
    *'awaken/1'(self, data): Flow<Value> {
      const parent = asValue(elementsOf(data)?.[1]);
      if (parent instanceof Pid) self.send(parent, tup(a('awaken'), data));
      return yield* hibLoop(self, data);
    },
    'system_terminate/4': (self, reason) => (reason === a('crash') ? self.error(e('{badmatch,2}')) : self.exit(reason)),
  }),
];
function raise(thrown: Error): never {
  throw thrown;
}
function* sleepForEver(): Flow<Value> {
  yield* receive({ match: () => false });
  return null;
}
const server = (nodes?: readonly string[]): Suite => suite(modules, nodes);

/** The two lists of the crash report logged last. */
function crashOf(run: Suite, pid: Pid): { readonly own: Value; readonly links: readonly Value[]; readonly all: Value } {
  const crashes = run.take().filter(({ kind }) => kind === 'crash_report');
  expect(crashes.map((crash) => crash.pid)).toEqual([pid]);
  const all = mapOf(crashes[0]?.report ?? null)['report'];
  const [first, links] = isList(all) ? all.map(asValue) : [];
  return { own: first, links: isList(links) ? links.map(asValue) : [], all };
}

describe('a crash', () => {
  // @otp proc_lib_SUITE:crash
  it('is reported with what the process was and who is linked to it; an orderly end is not', () => {
    const run = server();
    inCase(run, function* (self) {
      self.trapExit(true);
      for (const reason of ['shutdown', '{shutdown,{a,b,c}}']) {
        const ends = fun('proc_lib_SUITE', '-crash/1-fun-0-', 0, (other) => other.exit(e(reason)));
        const pid = yield* procLib(self, 'spawn_link', ends);
        expect(shown(yield* nextLike(atoms.exit, pid))).toBe(`{EXIT,pid,${reason}}`);
      }
      self.trapExit(false);
      expect(run.take()).toEqual([]);

      const exported = asPid(yield* procLib(self, 'spawn', own, a('sp1'), []));
      self.send(exported, a('die'));
      yield* sleep(10);
      const first = crashOf(run, exported).own;
      expect(property(first, 'pid')).toBe(exported);
      expect(shown(property(first, 'initial_call'))).toBe('{proc_lib_SUITE,sp1,[]}');
      expect(property(first, 'ancestors')).toEqual([self.pid]);
      expect(shown(property(first, 'error_info'))).toBe('{exit,die,[]}');

      const byFun = asPid(yield* procLib(self, 'spawn', fun('proc_lib_SUITE', 'sp1', 0, dies)));
      self.send(byFun, a('die'));
      yield* sleep(10);
      expect(shown(property(crashOf(run, byFun).own, 'initial_call'))).toBe('{proc_lib_SUITE,sp1,[]}');

      const linked = asPid(yield* procLib(self, 'spawn', own, a('sp2'), []));
      yield* sleep(100);
      expect(shown(yield* procLib(self, 'initial_call', linked))).toBe('{proc_lib_SUITE,sp2,[]}');
      expect(shown(yield* procLib(self, 'translate_initial_call', linked))).toBe('{proc_lib_SUITE,sp2,0}');
      self.send(linked, a('die'));
      yield* sleep(10);
      const crash = crashOf(run, linked);
      expect(shown(property(crash.own, 'error_info'))).toBe('{exit,die,[]}');
      const [neighbour] = crash.links;
      const near = asValue(elementsOf(neighbour)?.[1]);
      expect(crash.links).toHaveLength(1);
      expect(shown(property(near, 'initial_call'))).toBe('{proc_lib_SUITE,sp1,[]}');
      expect(property(near, 'ancestors')).toEqual([linked, self.pid]);

      const erasing = fun('proc_lib_SUITE', '-crash/1-fun-2-', 0, (other) => {
        other.erase();
        return other.exit(a('abnormal'));
      });
      const forgetful = asPid(yield* procLib(self, 'spawn', erasing));
      yield* sleep(10);
      const last = crashOf(run, forgetful).own;
      expect(property(last, 'initial_call')).toBe(undefined);
      expect(property(last, 'ancestors')).toEqual([]);

      const failing = asPid(yield* procLib(self, 'spawn', own, a('bad_init'), [1]));
      yield* sleep(10);
      expect(shown(property(crashOf(run, failing).own, 'error_info'))).toBe('{error,bad_init,[]}');
      const missing = asPid(yield* procLib(self, 'spawn', own, a('no_such'), [1]));
      yield* sleep(10);
      expect(shown(property(crashOf(run, missing).own, 'error_info'))).toBe(
        '{error,undef,[{proc_lib_SUITE,no_such,[1],[]}]}',
      );
    });
  });

  // @otp proc_lib_SUITE:stacktrace
  it('ends the process with the reason that its class makes', () => {
    inCase(server(), function* (self) {
      self.trapExit(true);
      for (const [act, reason] of [
        [(other: Self) => other.error(e('{badmatch,2}')), '{{badmatch,2},[]}'],
        [(other: Self) => other.exit(a('bye')), 'bye'],
        [() => raise(new ThrownValue(a('ball'))), '{{nocatch,ball},[]}'],
      ] as const) {
        yield* procLib(self, 'spawn_link', fun('proc_lib_SUITE', 'ends', 0, act));
        expect(yield* next()).toBe(`{EXIT,pid,${reason}}`);
      }
    });
  });

  // @otp proc_lib_SUITE:t_format proc_lib_SUITE:t_format_arbitrary
  it('becomes a text, shorter with a depth, whatever the report is', () => {
    const run = server();
    inCase(run, function* (self) {
      const huge = Array.from({ length: 100 }, (_, at) => at + 1000);
      const pid = asPid(
        yield* procLib(
          self,
          'spawn',
          fun('proc_lib_SUITE', 'looper', 0, (other) => other.exit(huge)),
        ),
      );
      yield* sleep(10);
      const { all } = crashOf(run, pid);
      const text = function* (report: Value, depth: Value): Flow<string> {
        return textOf(yield* procLib(self, 'format', report, a('latin1'), depth));
      };
      const full = yield* text(all, a('unlimited'));
      const short = yield* text(all, 20);
      expect(full).toMatch(/^ {2}crasher:\n {4}initial call: proc_lib_SUITE:looper\/0\n {4}pid: /);
      expect(full).toContain('\n    exception exit: [1000,');
      expect(full).toMatch(/\n {2}neighbours:\n$/);
      expect(full).toContain('1099');
      expect(short).not.toContain('1099');
      expect(short.length).toBeLessThan(full.length);
      for (const second of [a('Ѐ'), a('foo'), []]) {
        for (const depth of [a('unlimited'), 20]) {
          expect(yield* text([a('fake_report'), second], depth)).toContain('fake_report');
        }
      }
    });
  });

  // @otp proc_lib_SUITE:report_cb
  it('becomes one line when that is asked for, and no longer than asked', () => {
    const run = server();
    inCase(run, function* (self) {
      const pid = asPid(yield* procLib(self, 'spawn', own, a('bad_init'), [1]));
      yield* sleep(10);
      const reportOf = (of: Pid): Value => ({ label: e('{proc_lib,crash}'), report: crashOf(run, of).all });
      let report = reportOf(pid);
      const text = function* (options: string): Flow<string> {
        return textOf(yield* procLib(self, 'report_cb', report, e(options)));
      };
      const full = yield* text('#{}');
      expect(full).toMatch(/^ {2}crasher:\n/);
      const line = yield* text('#{single_line => true}');
      expect(line).toMatch(/^crasher: initial call: proc_lib_SUITE:bad_init\/1, pid: /);
      expect(line).toMatch(/, error: bad_init, ancestors: .*; neighbours: $/);
      expect(line).not.toContain('\n');
      const huge = Array.from({ length: 100 }, (_, at) => at);
      const other = asPid(
        yield* procLib(
          self,
          'spawn',
          fun('proc_lib_SUITE', 'huge', 0, (own) => own.exit(huge)),
        ),
      );
      yield* sleep(10);
      report = reportOf(other);
      const long = yield* text('#{}');
      expect((yield* text('#{chars_limit => 300}')).length).toBeLessThan(long.length);
      expect((yield* text('#{depth => 10}')).length).toBeLessThan(long.length);
    });
  });
});

describe('a synchronous start', () => {
  // @otp proc_lib_SUITE:sync_start_nolink proc_lib_SUITE:sync_start_link
  // @otp proc_lib_SUITE:sync_start_monitor proc_lib_SUITE:sync_start_monitor_link
  it.each(['start', 'start_link', 'start_monitor', 'start_monitor_link'])(
    'by %s waits until it is acknowledged',
    (how) => {
      const run = server();
      inCase(run, function* (self) {
        self.spawn('proc_lib_SUITE', how, [self.pid]);
        const init = yield* receive({ afterMs: 100 });
        const pid = asValue(elementsOf(init === timedOut ? null : init)?.[0]);
        expect(yield* next(1000)).toBe('timeout');
        if (pid instanceof Pid) self.send(pid, a('go_on'));
        expect(yield* next(1000)).toBe(
          how.startsWith('start_monitor') ? '{sync_started,{pid,ref}}' : '{sync_started,pid}',
        );
      });
    },
  );

  // @otp proc_lib_SUITE:sync_start_timeout proc_lib_SUITE:sync_start_link_timeout
  // @otp proc_lib_SUITE:sync_start_monitor_link_timeout
  it('that takes too long is given up, and the new process killed', () => {
    const run = server();
    inCase(run, function* (self) {
      self.trapExit(true);
      const before = run.cluster.node('one@sim')?.processes.size;
      const never = [own, a('never'), []] as const;
      expect(shown(yield* procLib(self, 'start', ...never, 100))).toBe('{error,timeout}');
      expect(shown(yield* procLib(self, 'start_link', ...never, 100))).toBe('{error,timeout}');
      const monitored = yield* procLib(self, 'start_monitor', ...never, 100, [a('link')]);
      expect(shown(monitored)).toBe('{{error,timeout},ref}');
      const ref = asValue(elementsOf(monitored)?.[1]);
      expect(shown(yield* nextLike(atoms.down, ref))).toBe('{DOWN,ref,process,pid,killed}');
      expect(yield* next(50)).toBe('timeout');
      expect(run.cluster.node('one@sim')?.processes.size).toBe(before);
    });
  });

  // @otp proc_lib_SUITE:init_dont_hang
  it('that crashes before is an error, linked or not', () => {
    inCase(server(), function* (self) {
      self.trapExit(true);
      const failed = '{error,{bad_init,[]}}';
      const bad = [own, a('bad_init'), [self.pid]] as const;
      expect(shown(yield* procLib(self, 'start_link', ...bad))).toBe(failed);
      expect(shown(yield* procLib(self, 'start', ...bad, 1000))).toBe(failed);
      expect(shown(yield* procLib(self, 'start', ...bad, 1000, []))).toBe(failed);
      expect(shown(yield* procLib(self, 'start_monitor', ...bad))).toBe(`{${failed},ref}`);
      expect(yield* next(10)).toBe('{DOWN,ref,process,pid,{bad_init,[]}}');
    });
  });

  // @otp proc_lib_SUITE:otp_6345
  it('refuses the option monitor', () => {
    inCase(server(), function* (self) {
      const asked = procLib(self, 'start', own, a('sp1'), [], 1000, [a('link'), a('monitor')]);
      expect(yield* exits(asked)).toBe('{EXIT,{badarg,[]}}');
    });
  });
});

// @otp proc_lib_SUITE:spawn_opt
it('spawn_opt takes options, and the initial call of a fun is the fun itself', () => {
  inCase(server(), function* (self) {
    const run = fun('proc_lib_SUITE', 'sp1', 0, dies);
    const pid = asPid(yield* procLib(self, 'spawn_opt', run, e('[{priority,low}]')));
    yield* sleep(100);
    expect(shown(yield* procLib(self, 'initial_call', pid))).toBe('{proc_lib_SUITE,sp1,[]}');
    expect(shown(yield* procLib(self, 'translate_initial_call', pid))).toBe('{proc_lib_SUITE,sp1,0}');
    self.send(pid, a('die'));
    const monitored = yield* procLib(self, 'spawn_opt', run, [a('monitor')]);
    self.send(asPid(asValue(elementsOf(monitored)?.[0])), a('die'));
    expect(yield* next()).toBe('{DOWN,ref,process,pid,die}');
  });
});

// @otp proc_lib_SUITE:hibernate
it('hibernate wakes with the next message in another function, and a crash afterwards is reported', () => {
  const run = server();
  inCase(run, function* (self) {
    const data = tup(self.makeRef(), self.pid);
    const pid = asPid(yield* procLib(self, 'spawn_link', own, a('hib_loop'), [data]));
    const ask = tup(self.pid, a('loop_data'));
    self.send(pid, ask);
    expect(yield* next()).toBe('{loop_data,{ref,pid}}');
    self.send(pid, a('hibernate'));
    yield* sleep(10);
    expect(run.cluster.find(pid)?.currentFunction).toBe('erlang:hibernate/3');
    self.send(pid, ask);
    expect(yield* next()).toBe('{awaken,{ref,pid}}');
    expect(yield* next()).toBe('{loop_data,{ref,pid}}');
    self.trapExit(true);
    self.send(pid, a('crash'));
    expect(yield* next()).toBe('{EXIT,pid,i_crashed}');
    const { own: report, links } = crashOf(run, pid);
    expect(shown(property(report, 'initial_call'))).toBe('{proc_lib_SUITE,hib_loop,[Argument__1]}');
    expect(links).toEqual([]);
  });
});

describe('stop', () => {
  const special = (parent: Pid): LocalFun =>
    fun('proc_lib_SUITE', 'special', 0, function* (self): Flow<Value> {
      const message = yield* receive({ match: (one) => tagged(one, genAtoms.system, 3) !== null });
      const [, from, request] = elementsOf(message === timedOut ? null : message) ?? [];
      const args = [asValue(request), asValue(from), parent, own, [], []];
      return yield* self.apply('sys', 'handle_system_msg', args);
    });
  const badly = (act: (self: Self) => Flow<Value>): LocalFun =>
    fun('proc_lib_SUITE', 'badly', 0, function* (self): Flow<Value> {
      yield* receive({ match: (one) => tagged(one, genAtoms.system, 3) !== null });
      return yield* act(self);
    });

  // @otp proc_lib_SUITE:stop
  it('ends a process by a system message, and tells when that cannot be, or it ends otherwise', () => {
    const run = server(['one@sim', 'two@sim']);
    inCase(run, function* (self) {
      const spawned = function* (what: LocalFun): Flow<Pid> {
        return asPid(yield* procLib(self, 'spawn', what));
      };
      const first = yield* spawned(special(self.pid));
      expect(shown(yield* procLib(self, 'stop', first))).toBe('ok');
      expect(isAlive(run, first)).toBe(false);
      expect(yield* exits(procLib(self, 'stop', first))).toBe('{EXIT,noproc}');

      const dying = yield* spawned(
        badly(function* (other): Flow<Value> {
          yield* sleep(0);
          return other.exit(a('die'));
        }),
      );
      expect(yield* exits(procLib(self, 'stop', dying))).toMatch(/^\{EXIT,\{die,/);
      const hanging = yield* spawned(
        badly(function* (): Flow<Value> {
          yield* sleep(5000);
          return null;
        }),
      );
      expect(yield* exits(procLib(self, 'stop', hanging, atoms.normal, 1000))).toBe('{EXIT,timeout}');

      const other = yield* spawned(special(self.pid));
      expect(shown(yield* procLib(self, 'stop', other, a('other_reason'), atoms.infinity))).toBe('ok');
      expect(isAlive(run, other)).toBe(false);
      const crashing = yield* spawned(special(self.pid));
      const crashed = yield* exits(procLib(self, 'stop', crashing, a('crash'), atoms.infinity));
      expect(crashed).toBe('{EXIT,{{badmatch,2},[]}}');
      expect(isAlive(run, crashing)).toBe(false);

      const named = yield* spawned(special(self.pid));
      self.register(a('to_stop'), named);
      expect(shown(yield* procLib(self, 'stop', a('to_stop')))).toBe('ok');
      expect(self.whereis(a('to_stop'))).toBe(null);
      expect(yield* exits(procLib(self, 'stop', a('to_stop')))).toBe('{EXIT,noproc}');
      const there = e("{to_stop,'two@sim'}");
      expect(yield* exits(procLib(self, 'stop', there))).toBe('{EXIT,noproc}');
      run.cluster.crashNode('two@sim');
      yield* sleep(100);
      expect(yield* exits(procLib(self, 'stop', there))).toMatch(/^\{EXIT,\{\{nodedown,two@sim\},/);
    });
  });
});
