import { describe, expect, it } from 'vitest';
import type { Value } from '../../term/values.ts';
import { a, Pid, tup } from '../../term/values.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive, sleep, timedOut } from '../kernel/flow.ts';
import type { CodeModule } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import { atoms, elementsOf, isList, tagged } from '../kernel/values.ts';
import { inProcess, nodeOf, shown, testCluster, testModule } from '../testKit.ts';
import type { Flags, Spec } from './childSpec.ts';
import { readSpec } from './checkSpec.ts';
import { childSpec, flags, specValue } from './childSpec.ts';
import { call } from './gen.ts';
import type { ServerModule } from './genServer.ts';
import { noreply, reply, startedPid, startServer, stop } from './genServer.ts';
import type { SupervisorInit } from './supervisor.ts';
import {
  countChildren,
  deleteChild,
  restartChild,
  startChild,
  startSupervisor,
  terminateChild,
  whichChildren,
} from './supervisor.ts';
import { getState } from './sys.ts';
import { supervisorAt } from './supervisorState.ts';

/** What happened, in order: `+name` a child started, `-name reason` it terminated. */
let story: string[] = [];
/** Starts of a child that are still to fail. */
let failures = new Map<string, number>();

const worker: ServerModule<string> = {
  module: 'worker',
  *init(self, argument) {
    const [name, ...how] = isList(argument) ? argument.map(shown) : [shown(argument)];
    if (how.includes('trap')) self.trapExit(true);
    const left = failures.get(String(name)) ?? 0;
    if (left > 0) {
      failures.set(String(name), left - 1);
      story.push(`!${String(name)}`);
      return { is: 'stop', reason: a('cannot_start') };
    }
    if (how.includes('ignore')) return { is: 'ignore' };
    story.push(`+${String(name)}`);
    yield* sleep(0);
    return { is: 'ok', state: how.includes('slow') ? `${String(name)} slow` : String(name) };
  },
  handleCast: (_self, message, state) => stop(message, state),
  handleInfo: (_self, _message, state) => noreply(state),
  *terminate(_self, reason, state) {
    const [name = '', slow] = state.split(' ');
    if (slow !== undefined) yield* sleep(1000);
    story.push(`-${name} ${shown(reason)}`);
  },
  show: (state) => state,
};

const modules: CodeModule[] = [
  testModule('worker', {
    'start_link/1': (self, argument) => startServer(self, worker, argument),
    'start_link/2': (self, argument, more) =>
      startServer(self, worker, isList(more) ? [argument, ...(more as Value[])] : argument),
    'none/0': () => a('nonsense'),
    'crash/0': (self) => self.error(a('broken')),
    'extra/1': function* (self, argument): Flow<Value> {
      const started = startedPid(yield* startServer(self, worker, argument));
      return tup(atoms.ok, started, a('extra'));
    },
  }),
];

function child(name: string, options: Partial<Omit<Spec, 'id' | 'start'>> = {}, ...how: string[]): Spec {
  return childSpec(a(name), ['worker', 'start_link', [[a(name), ...how.map((word) => a(word))]]], options);
}

type Run<T> = (self: Self, supervisor: Pid, cluster: Cluster) => Flow<T>;

function inSupervisor<T>(init: SupervisorInit, run: Run<T>): T {
  story = [];
  const cluster = testCluster(['one@sim'], { modules });
  return inProcess(cluster, function* (self) {
    self.trapExit(true);
    const started = yield* startSupervisor(self, { module: 'sup', init: () => init }, null, { name: a('sup') });
    const pid = startedPid(started);
    if (!(pid instanceof Pid)) throw new Error(shown(started));
    return yield* run(self, pid, cluster);
  });
}

/** What starting it answers. */
function startOf(init: SupervisorInit): string {
  story = [];
  const cluster = testCluster(['one@sim'], { modules });
  return inProcess(cluster, function* (self) {
    self.trapExit(true);
    return shown(yield* startSupervisor(self, { module: 'sup', init: () => init }, null));
  });
}

function pidOf(supervisor: Pid, name: string): Pid {
  const pid = supervisorAt(supervisor)?.byId(a(name))?.pid;
  if (!(pid instanceof Pid)) throw new Error(`${name} is ${String(pid)}`);
  return pid;
}
/** Ends a child with a reason of its own, and lets what follows happen. */
function* end(self: Self, supervisor: Pid, name: string, reason: Value, afterMs = 10): Flow<void> {
  story = [];
  self.send(pidOf(supervisor, name), tup(a('$gen_cast'), reason));
  yield* sleep(afterMs);
}
function* next(afterMs = 100): Flow<string> {
  const message = yield* receive({ afterMs });
  return message === timedOut ? 'timeout' : shown(message);
}
const trio = [child('one'), child('two'), child('three')];
const under = (options: Partial<Flags>, children: readonly Spec[] = trio): SupervisorInit => ({
  flags: flags({ intensity: 5, ...options }),
  children,
});

describe('starting and stopping', () => {
  it('starts in order, and stops in reverse order, asking with shutdown', () => {
    inSupervisor(
      under(
        {},
        trio.map((spec) => ({ ...spec, start: { ...spec.start, args: [[spec.id, a('trap')]] } })),
      ),
      function* (self, pid) {
        expect(story).toEqual(['+one', '+two', '+three']);
        self.sendExit(pid, atoms.shutdown);
        expect(yield* next()).toBe('{EXIT,pid,shutdown}');
        expect(story.slice(3)).toEqual(['-three shutdown', '-two shutdown', '-one shutdown']);
      },
    );
  });

  it('kills a child that does not end in its time, and one that is to be killed at once', () => {
    const children = [
      child('slow', { shutdown: 50 }, 'trap', 'slow'),
      child('brutal', { shutdown: 'brutal_kill' }, 'trap'),
      child('patient', { shutdown: 'infinity' }, 'trap', 'slow'),
    ];
    inSupervisor(under({}, children), function* (self, pid, cluster) {
      const slow = pidOf(pid, 'slow');
      const watch = self.monitor(slow);
      const since = cluster.nowMs;
      self.sendExit(pid, atoms.shutdown);
      const down = yield* receive({ match: (message) => tagged(message, atoms.down, 5)?.[1] === watch });
      expect(shown(elementsOf(down)?.[4])).toBe('killed');
      // The one that was to be waited for took its second; the slow one its 50 ms.
      expect(cluster.nowMs - since).toBeGreaterThanOrEqual(1050);
      expect(story).toEqual(['+slow', '+brutal', '+patient', '-patient shutdown']);
    });
  });

  it('a child that cannot start stops those before it and the supervisor', () => {
    failures = new Map([['two', 1]]);
    expect(startOf(under({}))).toBe('{error,{shutdown,{failed_to_start_child,two,cannot_start}}}');
    expect(story).toEqual(['+one', '!two']);
    failures = new Map();
  });

  it.each<[string, string, string]>([
    ['none', 'none', 'nonsense'],
    ['crash', 'crash', '{EXIT,{broken,[]}}'],
    ['missing', 'missing', '{EXIT,{undef,[{worker,missing,[],[]}]}}'],
  ])('a start function that is %s is an error of its kind', (_what, name, reason) => {
    const init = under({}, [childSpec(a('odd'), ['worker', name, []])]);
    expect(startOf(init)).toBe(`{error,{shutdown,{failed_to_start_child,odd,${reason}}}}`);
  });

  it.each<[string, SupervisorInit, string]>([
    ['ignore', 'ignore', 'ignore'],
    ['a period of 0', under({ periodSeconds: 0 }), '{error,{supervisor_data,{invalid_period,0}}}'],
    ['a negative intensity', under({ intensity: -1 }), '{error,{supervisor_data,{invalid_intensity,-1}}}'],
    ['two of an id', under({}, [child('x'), child('x')]), '{error,{start_spec,{duplicate_child_name,x}}}'],
    ['simple with none', under({ strategy: 'simple_one_for_one' }, []), '{error,{bad_start_spec,[]}}'],
    ['a shutdown of -1', under({}, [child('x', { shutdown: -1 })]), '{error,{start_spec,{invalid_shutdown,-1}}}'],
    [
      'significant without auto_shutdown',
      under({}, [child('x', { significant: true, restart: 'transient' })]),
      '{error,{start_spec,{bad_combination,[{auto_shutdown,never},{significant,true}]}}}',
    ],
    [
      'significant and permanent',
      under({ autoShutdown: 'any_significant' }, [child('x', { significant: true })]),
      '{error,{start_spec,{bad_combination,[{restart,permanent},{significant,true}]}}}',
    ],
  ])('%s is refused or ignored', (_what, init, outcome) => {
    expect(startOf(init)).toBe(outcome);
  });

  it('a child may ignore: it stays undefined, unless it is temporary', () => {
    const children = [child('stays', {}, 'ignore'), child('goes', { restart: 'temporary' }, 'ignore')];
    inSupervisor(under({}, children), function* (self, pid) {
      expect(shown(yield* whichChildren(self, pid))).toBe('[{stays,undefined,worker,[worker]}]');
      expect(shown(yield* startChild(self, pid, specValue(child('late', {}, 'ignore'))))).toBe('{ok,undefined}');
      const temporary = specValue(child('temp', { restart: 'temporary' }, 'ignore'));
      expect(shown(yield* startChild(self, pid, temporary))).toBe('{ok,undefined}');
      expect(shown(yield* countChildren(self, pid))).toBe('[{specs,2},{active,0},{supervisors,0},{workers,2}]');
    });
  });
});

describe('restarts', () => {
  // @row T007.a1
  // @row T007.a3
  it.each<[Flags['strategy'], readonly string[]]>([
    ['one_for_one', ['-two boom', '+two']],
    ['rest_for_one', ['-two boom', '+two', '+three']],
    ['one_for_all', ['-two boom', '+one', '+two', '+three']],
  ])('%s restarts what it should, in start order', (strategy, expected) => {
    inSupervisor(under({ strategy }), function* (self, pid) {
      const before = new Map(trio.map(({ id }) => [id, pidOf(pid, shown(id))]));
      yield* end(self, pid, 'two', a('boom'));
      expect(story).toEqual(expected);
      const started = expected.filter((entry) => entry.startsWith('+')).map((entry) => entry.slice(1));
      for (const { id } of trio) {
        expect(pidOf(pid, shown(id)) !== before.get(id)).toBe(started.includes(shown(id)));
      }
    });
  });

  it.each<[Spec['restart'], string, boolean, boolean]>([
    ['permanent', 'normal', true, true],
    ['permanent', 'shutdown', true, true],
    ['permanent', 'boom', true, true],
    ['transient', 'normal', false, true],
    ['transient', 'shutdown', false, true],
    ['transient', 'boom', true, true],
    ['temporary', 'normal', false, false],
    ['temporary', 'boom', false, false],
  ])('a %s child that ends with %s: restarted %s, specification kept %s', (restart, reason, restarted, kept) => {
    inSupervisor(under({}, [child('one', { restart })]), function* (self, pid) {
      yield* end(self, pid, 'one', a(reason));
      expect(story).toEqual([`-one ${reason}`, ...(restarted ? ['+one'] : [])]);
      expect(supervisorAt(pid)?.byId(a('one')) !== undefined).toBe(kept);
    });
  });

  it('temporary siblings are stopped, not started again; a shutdown with detail is orderly', () => {
    const children = [child('one'), child('guest', { restart: 'temporary' }), child('calm', { restart: 'transient' })];
    inSupervisor(under({ strategy: 'one_for_all' }, children), function* (self, pid) {
      yield* end(self, pid, 'calm', tup(atoms.shutdown, a('tired')));
      expect(story).toEqual(['-calm {shutdown,tired}']);
      yield* end(self, pid, 'one', a('boom'));
      expect(supervisorAt(pid)?.children.map(({ spec }) => shown(spec.id))).toEqual(['one', 'calm']);
      expect(story).toEqual(['-one boom', '+one', '+calm']);
    });
  });

  it('counts restarts in whole seconds: at the edge of the period one still counts, after it not', () => {
    for (const [waitMs, lives] of [
      [1999, false],
      [3000, true],
    ] as const) {
      inSupervisor(under({ intensity: 1, periodSeconds: 2 }), function* (self, pid, cluster) {
        // To the beginning of a second, so that the wait means the same each time.
        yield* sleep(1000 - (cluster.nowMs % 1000));
        yield* end(self, pid, 'one', a('boom'), 1);
        yield* sleep(waitMs - 1);
        yield* end(self, pid, 'one', a('boom'), 1);
        expect(self.isAlive(pid)).toBe(lives);
      });
    }
  });

  it('gives up when there are more than its intensity, and its own supervisor restarts it', () => {
    const inner = testModule('inner', {
      'start_link/0': (self) =>
        startSupervisor(self, { module: 'inner', init: () => under({ intensity: 1 }, [child('leaf')]) }, null),
    });
    const cluster = testCluster(['one@sim'], { modules: [...modules, inner] });
    const events: string[] = [];
    cluster.listen((event) => {
      if (event.is === 'restart') events.push(`${shown(event.childId)} ${shown(event.reason)} ${event.count}`);
      if (event.is === 'report') events.push(shown(event.report).slice(0, 40));
    });
    inProcess(cluster, function* (self) {
      self.trapExit(true);
      const top = {
        module: 'top',
        init: () => under({}, [childSpec(a('inner'), ['inner', 'start_link', []], { type: 'supervisor' })]),
      };
      const pid = startedPid(yield* startSupervisor(self, top, null));
      if (!(pid instanceof Pid)) throw new Error('not started');
      const first = pidOf(pid, 'inner');
      yield* end(self, first, 'leaf', a('boom'));
      yield* end(self, first, 'leaf', a('bang'));
      expect(pidOf(pid, 'inner')).not.toBe(first);
      expect(supervisorAt(first)).toBeNull();
      expect(shown(pidOf(pidOf(pid, 'inner'), 'leaf'))).toBe('pid');
    });
    expect(events.filter((event) => !event.startsWith('#'))).toEqual(['leaf boom 1', 'inner shutdown 1']);
    expect(events.some((event) => event.startsWith('#{label=>{supervisor,shutdown}'))).toBe(true);
  });

  it('a restart that fails is tried again, each try counting, and answers calls in between', () => {
    inSupervisor(under({ intensity: 5, strategy: 'one_for_one' }), function* (self, pid) {
      failures = new Map([['two', 3]]);
      yield* end(self, pid, 'two', a('boom'), 0);
      yield* sleep(20);
      expect(story).toEqual(['-two boom', '!two', '!two', '!two', '+two']);
      expect(supervisorAt(pid)?.restarts).toHaveLength(4);
      failures = new Map([['two', 100]]);
      yield* end(self, pid, 'two', a('boom'), 20);
      expect(self.isAlive(pid)).toBe(false);
    });
    failures = new Map();
  });

  it.each<[Flags['strategy'], readonly string[]]>([
    ['one_for_all', ['-two boom', '+one', '!two', '+one', '+two', '+three']],
    ['rest_for_one', ['-two boom', '!two', '+two', '+three']],
  ])('%s tries the group again when one of it cannot start', (strategy, expected) => {
    failures = new Map();
    inSupervisor(under({ strategy }), function* (self, pid) {
      failures = new Map([['two', 1]]);
      yield* end(self, pid, 'two', a('boom'), 20);
      expect(story).toEqual(expected);
    });
    failures = new Map();
  });

  it.each<[Flags['autoShutdown'], readonly string[], boolean]>([
    ['any_significant', ['first'], true],
    ['all_significant', ['first'], false],
    ['all_significant', ['first', 'second'], true],
    ['any_significant', ['plain'], false],
  ])('%s: after the ends of %j it is down: %s', (autoShutdown, ending, down) => {
    const significant = { significant: true, restart: 'transient' } as const;
    const children = [
      child('first', significant),
      child('second', significant),
      child('plain', { restart: 'transient' }),
    ];
    inSupervisor(under({ autoShutdown }, children), function* (self, pid) {
      for (const name of ending) yield* end(self, pid, name, atoms.normal);
      expect(self.isAlive(pid)).toBe(!down);
      if (down) expect(yield* next()).toBe('{EXIT,pid,shutdown}');
    });
  });
});

describe('children asked for at run time', () => {
  // @row T008.a1
  it('are added, terminated, restarted and deleted, each only when it can be', () => {
    inSupervisor(under({}, [child('one')]), function* (self, pid) {
      const answers: string[] = [];
      const ask = function* (work: Flow<Value>): Flow<void> {
        answers.push(shown(yield* work));
      };
      yield* ask(startChild(self, pid, specValue(child('two'))));
      yield* ask(startChild(self, pid, specValue(child('two'))));
      yield* ask(restartChild(self, pid, a('two')));
      yield* ask(deleteChild(self, pid, a('two')));
      yield* ask(terminateChild(self, pid, a('two')));
      yield* ask(startChild(self, pid, specValue(child('two'))));
      yield* ask(restartChild(self, pid, a('two')));
      yield* ask(terminateChild(self, pid, a('two')));
      yield* ask(deleteChild(self, pid, a('two')));
      yield* ask(restartChild(self, pid, a('two')));
      yield* ask(terminateChild(self, pid, a('two')));
      yield* ask(call(self, pid, tup(a('get_childspec'), a('one'))));
      yield* ask(call(self, pid, tup(a('get_childspec'), a('two'))));
      expect(answers).toEqual([
        '{ok,pid}',
        '{error,{already_started,pid}}',
        '{error,running}',
        '{error,running}',
        'ok',
        '{error,already_present}',
        '{ok,pid}',
        'ok',
        'ok',
        '{error,not_found}',
        '{error,not_found}',
        '{ok,#{id=>one,start=>{worker,start_link,[[one]]},restart=>permanent,shutdown=>5000,type=>worker,modules=>[worker],significant=>false}}',
        '{error,not_found}',
      ]);
    });
  });

  // @row T007.a2
  it('say what is wrong with their specification or their start', () => {
    inSupervisor(under({}, []), function* (self, pid) {
      const refused = function* (spec: Value): Flow<string> {
        return shown(yield* startChild(self, pid, spec));
      };
      const good = { id: a('x'), start: tup(a('worker'), a('start_link'), [[a('x')]]) };
      expect(yield* refused(7)).toBe('{error,{invalid_child_spec,7}}');
      expect(yield* refused({ start: good.start })).toBe('{error,missing_id}');
      expect(yield* refused({ ...good, start: 1 })).toBe('{error,{invalid_mfa,1}}');
      expect(yield* refused({ ...good, type: a('cook') })).toBe('{error,{invalid_child_type,cook}}');
      expect(yield* refused({ ...good, restart: a('never') })).toBe('{error,{invalid_restart_type,never}}');
      expect(yield* refused({ ...good, shutdown: a('soon') })).toBe('{error,{invalid_shutdown,soon}}');
      expect(yield* refused({ ...good, significant: true })).toMatch(/bad_combination/);
      failures = new Map([['x', 1]]);
      expect(yield* refused(good)).toMatch(/^\{error,\{cannot_start,\{child,undefined,x,/);
      expect(yield* refused({ ...good, start: tup(a('worker'), a('extra'), [[a('x')]]) })).toBe('{ok,pid,extra}');
      expect(readSpec({ ...good, shutdown: atoms.infinity, type: a('supervisor') }, null)).toMatchObject({
        is: { shutdown: 'infinity', type: 'supervisor' },
      });
      expect(readSpec({ ...good, shutdown: a('brutal_kill') }, null)).toMatchObject({
        is: { shutdown: 'brutal_kill' },
      });
    });
  });

  it('of a simple_one_for_one supervisor are started by arguments, known by pid, and stopped together', () => {
    const template = child('cart', { restart: 'transient', shutdown: 2000 }, 'trap', 'slow');
    const simple = under({ strategy: 'simple_one_for_one' }, [template]);
    inSupervisor(simple, function* (self, pid, cluster) {
      const pids: Pid[] = [];
      for (const name of ['a', 'b', 'c', 'd']) {
        const started = startedPid(yield* startChild(self, pid, [[a(name)]]));
        if (started instanceof Pid) pids.push(started);
      }
      const [first, second, third] = pids;
      if (first === undefined || second === undefined || third === undefined) throw new Error('not started');
      expect(shown(yield* countChildren(self, pid))).toBe('[{specs,1},{active,4},{supervisors,0},{workers,4}]');
      expect(shown(yield* terminateChild(self, pid, a('a')))).toBe('{error,simple_one_for_one}');
      expect(shown(yield* restartChild(self, pid, a('a')))).toBe('{error,simple_one_for_one}');
      expect(shown(yield* startChild(self, pid, 7))).toBe('{error,{EXIT,{badarg,[]}}}');
      expect(shown(yield* call(self, pid, tup(a('get_childspec'), first)))).toMatch(/^\{ok,/);
      expect(shown(yield* terminateChild(self, pid, first))).toBe('ok');
      self.sendExit(second, atoms.kill);
      yield* sleep(5);
      expect(shown(yield* whichChildren(self, pid))).toBe(
        `[${Array.from({ length: 3 }, () => '{undefined,pid,worker,[worker]}').join(',')}]`,
      );
      self.send(third, tup(a('$gen_cast'), atoms.normal));
      yield* sleep(1100);
      expect(supervisorAt(pid)?.children).toHaveLength(2);
      const since = cluster.nowMs;
      self.sendExit(pid, atoms.shutdown);
      expect(yield* next(5000)).toBe('{EXIT,pid,shutdown}');
      // Together: the two take one second, not two.
      expect(cluster.nowMs - since).toBeLessThan(1500);
    });
  });

  it('of a simple_one_for_one supervisor that do not end in time are killed', () => {
    const template = child('cart', { shutdown: 30 }, 'trap', 'slow');
    for (const shutdown of [30, 'brutal_kill'] as const) {
      const simple = under({ strategy: 'simple_one_for_one' }, [{ ...template, shutdown }]);
      inSupervisor(simple, function* (self, pid, cluster) {
        for (const name of ['a', 'b']) yield* startChild(self, pid, [[a(name)]]);
        const before = nodeOf(cluster).processes.size;
        self.sendExit(pid, atoms.shutdown);
        expect(yield* next(500)).toBe('{EXIT,pid,shutdown}');
        expect(nodeOf(cluster).processes.size).toBe(before - 3);
      });
    }
  });
});

describe('what it shows', () => {
  it('is the record of OTP 25', () => {
    inSupervisor(under({}, [child('one')]), function* (self, pid) {
      const state = yield* getState(self, pid);
      expect(shown(state)).toMatch(/^\{state,\{local,sup\},one_for_one,\{\[one\],/);
      expect(reply(1, 2)).toEqual({ is: 'reply', reply: 1, state: 2 });
    });
  });
});
