// Named after Elixir's own dynamic_supervisor_test.exs (1.14).
import { describe, expect, it } from 'vitest';
import type { Value } from '../../term/values.ts';
import { a, Pid, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive, sleep, timedOut } from '../kernel/flow.ts';
import { ThrownValue } from '../kernel/exceptions.ts';
import type { Self } from '../kernel/self.ts';
import { atoms, elementsOf, isList, tagged } from '../kernel/values.ts';
import { inProcess, shown, testCluster, testModule } from '../testKit.ts';
import type { DynamicFlags } from './dynamicState.ts';
import { dynamicFlags } from './dynamicState.ts';
import {
  countDynamicChildren,
  dynamicChildren,
  startDynamicChild,
  startDynamicSupervisor,
  terminateDynamicChild,
} from './dynamicSupervisor.ts';
import { startedPid } from './genServer.ts';
import { getCallbackModule } from './supervisor.ts';
import { supervisorAt } from './supervisorState.ts';
import { changeCode, resume, suspend } from './sys.ts';

const sleepy = function* (self: Self): Flow<Value> {
  yield* sleep(10_000_000);
  return self.pid;
};
function sleeper(self: Self, run: (own: Self) => Flow<unknown> = sleepy): Pid {
  return self.spawnBody({ is: 'flow', run }, { module: 'test', function: 'sleeper', arity: 0 }, { link: true });
}
let startsLeft: Value[] = [];

const modules = [
  testModule('worker', {
    'start_link/1': (self, how) => {
      switch (shown(how)) {
        case 'ok2':
          return tup(atoms.ok, sleeper(self));
        case 'ok3':
          return tup(atoms.ok, sleeper(self), a('extra'));
        case 'ignore':
          return atoms.ignore;
        case 'error':
          return tup(atoms.error, a('found'));
        case 'throw':
          throw new ThrownValue(a('oops'));
        case 'raise':
          return self.error(a('broken'));
        case 'exit':
          return self.exit(a('oops'));
        case 'later': {
          const next = startsLeft.shift();
          if (next === a('extra')) return tup(atoms.ok, sleeper(self), next);
          return next === undefined ? tup(atoms.ok, sleeper(self)) : next;
        }
        default:
          return a('unknown');
      }
    },
    'start_link/2': (self, extra, how) => tup(atoms.ok, sleeper(self), [extra, how]),
    'trap/1': (self, reason) => {
      const run = function* (own: Self): Flow<void> {
        own.trapExit(true);
        yield* receive();
        if (reason === a('never')) yield* sleep(10_000_000);
        own.exit(reason);
      };
      return tup(atoms.ok, sleeper(self, run));
    },
  }),
];

type Options = { readonly restart?: string; readonly shutdown?: Value; readonly start?: string };
function worker(how: Value, { restart = 'permanent', shutdown = 5000, start = 'start_link' }: Options = {}) {
  const fields = { id: a('worker'), start: tup(a('worker'), a(start), [how]), restart: a(restart), shutdown };
  return { term: fields };
}

/** Runs with a DynamicSupervisor, as a process that traps exits. */
function withSupervisor<T>(flags: Partial<DynamicFlags>, run: (self: Self, sup: Pid) => Flow<T>): T {
  startsLeft = [];
  return inProcess(testCluster(['one@sim'], { modules }), function* (self) {
    self.trapExit(true);
    return yield* run(self, yield* start(self, flags));
  });
}
function* start(self: Self, flags: Partial<DynamicFlags>): Flow<Pid> {
  const module = { module: 'Elixir.Supervisor.Default', init: () => ({ flags: dynamicFlags(flags) }) };
  const pid = startedPid(yield* startDynamicSupervisor(self, module, null));
  if (pid instanceof Pid) return pid;
  throw new Error('not started');
}
function* child(self: Self, sup: Pid, spec: { readonly term: Value }): Flow<Pid> {
  const outcome = yield* startDynamicChild(self, sup, spec);
  const pid = startedPid(outcome);
  if (pid instanceof Pid) return pid;
  throw new Error(shown(outcome));
}
function* counts(self: Self, sup: Pid): Flow<string> {
  return shown(yield* countDynamicChildren(self, sup));
}
function* end(self: Self, pid: Pid, reason: Value): Flow<void> {
  const watch = self.monitor(pid);
  self.sendExit(pid, reason);
  yield* receive({ match: (one) => tagged(one, atoms.down, 5)?.[1] === watch });
}
function* exitOf(_self: Self, pid: Pid): Flow<string> {
  const exit = yield* receive({ match: (one) => tagged(one, atoms.exit, 3)?.[1] === pid, afterMs: 10_000 });
  return exit === timedOut ? 'none' : shown(elementsOf(exit)?.[2]);
}
const figures = (specs: number, active: number) =>
  `#{specs=>${specs},active=>${active},supervisors=>0,workers=>${specs}}`;

describe('start_link/3', () => {
  it('with non-ok init', () => {
    inProcess(testCluster(), function* (self) {
      self.trapExit(true);
      const outcome = function* (term: Value): Flow<string> {
        return shown(yield* startDynamicSupervisor(self, { module: 'Simple', init: () => ({ term }) }, null));
      };
      const flags = (fields: { readonly [flag: string]: Value }) => tup(atoms.ok, fields);
      const refused = (what: string) => `{error,{supervisor_data,{${what}}}}`;
      expect(yield* outcome(flags({ strategy: a('unknown') }))).toBe(refused('invalid_strategy,unknown'));
      expect(yield* outcome(flags({ intensity: -1 }))).toBe(refused('invalid_intensity,-1'));
      expect(yield* outcome(flags({ period: 0 }))).toBe(refused('invalid_period,0'));
      expect(yield* outcome(flags({ max_children: -1 }))).toBe(refused('invalid_max_children,-1'));
      expect(yield* outcome(flags({ extra_arguments: -1 }))).toBe(refused('invalid_extra_arguments,-1'));
      expect(yield* outcome(a('unknown'))).toBe('{error,{bad_return,{Simple,init,unknown}}}');
      expect(yield* outcome(atoms.ignore)).toBe('ignore');
    });
  });

  it('is shown as a supervisor, and returns the callback module', () => {
    withSupervisor({}, function* (self, sup) {
      expect(supervisorAt(sup)).toMatchObject({ kind: 'dynamic_supervisor', simple: true, flags: { intensity: 3 } });
      expect(shown(self.inspect(sup)?.dictionary?.get(a('$initial_call')))).toBe(
        '{supervisor,Elixir.Supervisor.Default,1}',
      );
      expect(yield* getCallbackModule(self, sup)).toBe(a('Elixir.Supervisor.Default'));
    });
  });
});

describe('code_change/3', () => {
  it('takes over new flags, and says what is wrong with them', () => {
    inProcess(testCluster(['one@sim'], { modules }), function* (self) {
      let term: Value = tup(atoms.ok, {});
      const module = { module: 'Simple', init: () => ({ term }) };
      const sup = startedPid(yield* startDynamicSupervisor(self, module, null));
      if (!(sup instanceof Pid)) throw new Error('not started');
      const upgrade = function* (next: Value): Flow<string> {
        yield* suspend(self, sup);
        term = next;
        const outcome = yield* changeCode(self, sup, { module: a('Simple'), oldVersion: 123, extra: a('extra') });
        yield* resume(self, sup);
        return shown(outcome);
      };
      yield* child(self, sup, worker(a('ok2')));
      const bad = tup(atoms.ok, { max_children: -1 });
      expect(yield* upgrade(bad)).toBe('{error,{error,{supervisor_data,{invalid_max_children,-1}}}}');
      expect(yield* upgrade(a('unknown'))).toBe('{error,unknown}');
      expect(yield* upgrade(atoms.ignore)).toBe('ok');
      expect(yield* upgrade(tup(atoms.ok, { max_children: 1 }))).toBe('ok');
      expect(yield* counts(self, sup)).toBe(figures(1, 1));
      expect(shown(yield* startDynamicChild(self, sup, worker(a('ok2'))))).toBe('{error,max_children}');
    });
  });
});

describe('start_child/2', () => {
  it('supports old child spec, extra arguments', () => {
    withSupervisor({ extraArguments: [a('extra')] }, function* (self, sup) {
      const start = tup(a('worker'), a('start_link'), [a('how')]);
      const old = tup(a('worker'), start, a('temporary'), 5000, a('worker'), [a('worker')]);
      expect(shown(yield* startDynamicChild(self, sup, { term: old }))).toBe('{ok,pid,[extra,how]}');
    });
  });

  it('with invalid child spec', () => {
    withSupervisor({}, function* (self, sup) {
      const refused = function* (term: Value): Flow<string> {
        return shown(yield* startDynamicChild(self, sup, { term }));
      };
      expect(yield* refused({})).toBe('{error,{invalid_child_spec,#{}}}');
      expect(yield* refused(tup(1, 2, 3, 4, 5, 6))).toBe('{error,{invalid_mfa,2}}');
      const start = tup(a('Task'), a('foo'), a('bar'));
      expect(yield* refused({ id: 1, start })).toBe('{error,{invalid_mfa,{Task,foo,bar}}}');
      expect(yield* refused({ ...worker(1).term, shutdown: 0 })).toBe('{error,{invalid_shutdown,0}}');
      expect(yield* refused({ ...worker(1).term, type: a('cook') })).toBe('{error,{invalid_child_type,cook}}');
      expect(yield* refused({ ...worker(1).term, restart: a('no') })).toBe('{error,{invalid_restart_type,no}}');
      expect(yield* refused({ ...worker(1).term, modules: a('m') })).toBe('{error,{invalid_modules,m}}');
    });
  });

  it.each([
    ['ok3', '{ok,pid,extra}'],
    ['ok2', '{ok,pid}'],
    ['ignore', 'ignore'],
    ['error', '{error,found}'],
    ['nothing', '{error,unknown}'],
    ['throw', '{error,{{nocatch,oops},[]}}'],
    ['raise', '{error,{broken,[]}}'],
    ['exit', '{error,oops}'],
  ])('with different returns: %s', (how, outcome) => {
    withSupervisor({}, function* (self, sup) {
      expect(shown(yield* startDynamicChild(self, sup, worker(a(how))))).toBe(outcome);
    });
  });

  it('with max_children', () => {
    withSupervisor({ maxChildren: 0 }, function* (self, sup) {
      expect(shown(yield* startDynamicChild(self, sup, worker(a('ok2'))))).toBe('{error,max_children}');
    });
  });

  it.each([
    ['temporary', 'shutdown', false],
    ['temporary', 'whatever', false],
    ['transient', 'shutdown', false],
    ['transient', 'whatever', true],
    ['permanent', 'shutdown', true],
    ['permanent', 'whatever', true],
  ])('%s child that ends with %s is restarted: %s', (restart, reason, restarted) => {
    withSupervisor({}, function* (self, sup) {
      const pid = yield* child(self, sup, worker(a('ok2'), { restart }));
      yield* end(self, pid, a(reason));
      expect(yield* counts(self, sup)).toBe(restarted ? figures(1, 1) : figures(0, 0));
    });
  });

  it('child is restarted with different values', () => {
    withSupervisor({ intensity: 100_000 }, function* (self, sup) {
      const first = yield* child(self, sup, worker(a('later')));
      // Started with information besides, then refused for a while, then none at all.
      startsLeft = [a('extra')];
      yield* end(self, first, atoms.shutdown);
      expect(yield* counts(self, sup)).toBe(figures(1, 1));
      const [second] = pidsIn(yield* dynamicChildren(self, sup));
      startsLeft = Array.from({ length: 50_000 }, () => tup(atoms.error, a('found')));
      yield* end(self, second ?? sup, a('kill'));
      expect(shown(yield* dynamicChildren(self, sup))).toBe('[{undefined,restarting,worker,[worker]}]');
      expect(yield* counts(self, sup)).toBe(figures(1, 0));
      startsLeft = [atoms.ignore];
      yield* sleep(1);
      expect(yield* counts(self, sup)).toBe(figures(0, 0));
    });
  });

  it('restarting counts in max_children', () => {
    withSupervisor({ intensity: 100_000, maxChildren: 1 }, function* (self, sup) {
      const pid = yield* child(self, sup, worker(a('later')));
      startsLeft = Array.from({ length: 50_000 }, () => tup(atoms.error, a('found')));
      yield* end(self, pid, atoms.shutdown);
      expect(yield* counts(self, sup)).toBe(figures(1, 0));
      expect(shown(yield* startDynamicChild(self, sup, worker(a('ok2'))))).toBe('{error,max_children}');
      startsLeft = [];
    });
  });

  it('child triggers maximum restarts', () => {
    withSupervisor({ intensity: 1 }, function* (self, sup) {
      yield* end(self, yield* child(self, sup, worker(a('ok2'))), a('boom'));
      const [again] = pidsIn(yield* dynamicChildren(self, sup));
      yield* end(self, again ?? sup, a('boom'));
      expect(yield* exitOf(self, sup)).toBe('shutdown');
    });
  });

  it('child triggers maximum intensity when trying again', () => {
    withSupervisor({ intensity: 10 }, function* (self, sup) {
      const pid = yield* child(self, sup, worker(a('later')));
      startsLeft = Array.from({ length: 100 }, () => tup(atoms.error, a('found')));
      yield* end(self, pid, a('boom'));
      expect(yield* exitOf(self, sup)).toBe('shutdown');
    });
  });
});

describe('terminate/2', () => {
  it.each<[string, Value, string, string, string]>([
    ['brutal kill', a('brutal_kill'), 'never', 'killed', ''],
    ['infinity shutdown', atoms.infinity, 'shutdown', 'shutdown', ''],
    ['infinity shutdown and abnormal reason', atoms.infinity, 'abnormal', 'abnormal', 'abnormal'],
    ['integer shutdown', 1000, 'shutdown', 'shutdown', ''],
    ['integer shutdown and abnormal reason', 1000, 'abnormal', 'abnormal', 'abnormal'],
    ['expired integer shutdown', 1, 'never', 'killed', 'killed'],
    ['permanent restart and normal reason', 1000, 'normal', 'normal', 'normal'],
  ])('terminates children with %s', (_what, shutdown, ends, reason, reported) => {
    startsLeft = [];
    const cluster = testCluster(['one@sim'], { modules });
    const reports: string[] = [];
    cluster.listen((event) => {
      if (event.is === 'report' && event.kind === 'supervisor_report') reports.push(shown(event.report));
    });
    inProcess(cluster, function* (self) {
      self.trapExit(true);
      const sup = yield* start(self, {});
      const two = [
        yield* child(self, sup, worker(a(ends), { shutdown, start: 'trap' })),
        yield* child(self, sup, worker(a(ends), { shutdown, start: 'trap' })),
      ];
      for (const pid of two) self.link(pid);
      yield* sleep(1);
      yield* end(self, sup, atoms.shutdown);
      for (const pid of two) expect(yield* exitOf(self, pid)).toBe(reason);
    });
    const told = reports.filter((one) => one.includes('{errorContext,shutdown_error}'));
    expect(told).toHaveLength(reported === '' ? 0 : 2);
    for (const one of told) expect(one).toContain(`{reason,${reported}}`);
  });
});

describe('terminate_child/2', () => {
  it('terminates one, also one that is restarting, and not one that is none', () => {
    withSupervisor({ intensity: 100_000 }, function* (self, sup) {
      const pid = yield* child(self, sup, worker(a('later')));
      expect(yield* terminateDynamicChild(self, sup, pid)).toBe(atoms.ok);
      expect(shown(yield* terminateDynamicChild(self, sup, pid))).toBe('{error,not_found}');
      expect(yield* counts(self, sup)).toBe(figures(0, 0));
      const again = yield* child(self, sup, worker(a('later')));
      startsLeft = Array.from({ length: 50_000 }, () => tup(atoms.error, a('found')));
      yield* end(self, again, atoms.shutdown);
      expect(shown(yield* dynamicChildren(self, sup))).toContain('restarting');
      expect(yield* terminateDynamicChild(self, sup, again)).toBe(atoms.ok);
      expect(shown(yield* dynamicChildren(self, sup))).toBe('[]');
    });
  });
});

function pidsIn(rows: Value): readonly Pid[] {
  return isList(rows) ? rows.map((row) => elementsOf(row)?.[1]).filter((pid) => pid instanceof Pid) : [];
}
