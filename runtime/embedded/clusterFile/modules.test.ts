/** What a cluster file makes its modules of, run as its nodes run them. */
import { describe, expect, it } from 'vitest';
import type { Value } from '../../term/values.ts';
import { a, Pid, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import { sleep } from '../kernel/flow.ts';
import type { CodeModule } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import { asValue } from '../kernel/values.ts';
import { call, cast } from '../otp/gen.ts';
import { exits, next, pidOf, shown } from '../otp/conformance/genKit.ts';
import { countChildren, whichChildren } from '../otp/supervisor.ts';
import { hordeModules } from '../horde/modules.ts';
import { inProcess, testCluster } from '../testKit.ts';
import { hordeName, hordeRegistry, hordeSupervisor, libcluster } from './elixir.ts';
import { codeModule, genServer, match, noreply, ok, reply, stop, supervisor } from './modules.ts';
import { fileNames } from './names.ts';

function inCluster(modules: readonly CodeModule[], run: (self: Self) => Flow<void>): void {
  inProcess(testCluster(['one@sim'], { modules: [...modules, ...hordeModules('faithful')] }), function* (self) {
    self.trapExit(true);
    yield* run(self);
  });
}
function tell(self: Self, to: Value, what: Value): void {
  if (to instanceof Pid) self.send(to, what);
}

describe('a server of a cluster file', () => {
  const lively = genServer<Value>(
    'lively',
    {
      init: (_self, parent) => ok(parent, { continue: a('begun') }),
      handleContinue(self, what, parent) {
        tell(self, parent, tup(a('continued'), what));
        return noreply(parent);
      },
      handleCall(_self, request, _from, parent) {
        if (request === a('ask')) return reply(a('answer'), parent);
        if (request === a('rest')) return reply(a('resting'), parent, 'hibernate');
        if (request === a('more')) return reply(a('more'), parent, { continue: a('more') });
        return stop('told_to', parent, { reply: a('bye') });
      },
      handleCast: (_self, message, parent) =>
        message === a('soon') ? noreply(parent, { timeoutMs: 30 }) : stop(tup(a('shutdown'), message), parent),
      handleInfo(self, message, parent) {
        tell(self, parent, tup(a('heard'), message));
        return noreply(parent);
      },
      terminate(self, reason, parent) {
        tell(self, parent, tup(a('ends'), reason));
      },
    },
    { registered: null },
  );
  const start = function* (self: Self): Flow<Pid> {
    return pidOf(yield* self.apply('lively', 'start_link', [self.pid]));
  };

  it('continues, waits, hibernates and stops as its callbacks answer', () =>
    inCluster([lively], function* (self) {
      const pid = yield* start(self);
      expect(self.whereis(a('lively'))).toBeNull();
      expect(yield* next()).toBe('{continued,begun}');
      expect(yield* call(self, pid, a('ask'))).toBe(a('answer'));
      expect(yield* call(self, pid, a('more'))).toBe(a('more'));
      expect(yield* next()).toBe('{continued,more}');
      cast(self, pid, a('soon'));
      expect(yield* next()).toBe('{heard,timeout}');
      expect(yield* call(self, pid, a('rest'))).toBe(a('resting'));
      yield* sleep(5);
      expect(shown(self.processInfo(pid, a('current_function')))).toMatch(/hibernate/);
      expect(yield* call(self, pid, a('stop'))).toBe(a('bye'));
      expect([yield* next(), yield* next()]).toEqual(['{ends,told_to}', '{EXIT,pid,told_to}']);
      const other = yield* start(self);
      cast(self, other, a('now'));
      expect([yield* next(), yield* next(), yield* next()]).toEqual([
        '{continued,begun}',
        '{ends,{shutdown,now}}',
        '{EXIT,pid,{shutdown,now}}',
      ]);
    }));

  it('has its module’s name, or another, or none', () => {
    const own = genServer('own_name', { init: () => ok(0) });
    const other = genServer('module', { init: () => ok(0) }, { registered: a('other_name') });
    inCluster([own, other], function* (self) {
      const [first, second] = [
        yield* self.apply('own_name', 'start_link', []),
        yield* self.apply('module', 'start_link', [1]),
      ];
      expect([self.whereis(a('own_name')), self.whereis(a('other_name'))]).toEqual([pidOf(first), pidOf(second)]);
      expect(self.whereis(a('module'))).toBeNull();
      expect(shown(yield* self.apply('own_name', 'start_link', []))).toBe('{error,{already_started,pid}}');
    });
  });

  it('that lacks a callback answers as OTP’s does', () => {
    const bare = genServer('bare', { init: () => ok(0) });
    inCluster([bare], function* (self) {
      const pid = pidOf(yield* self.apply('bare', 'start_link', []));
      expect(yield* exits(self.apply('gen_server', 'call', [pid, a('ask')]))).toMatch(
        /^\{EXIT,\{\{undef,\[\{bare,handle_call,\[ask,/,
      );
    });
  });
});

describe('a supervisor of a cluster file', () => {
  const worker = genServer('worker', { init: () => ok(0) }, { registered: null });
  const inner = supervisor('inner', { children: [] });
  const outer = supervisor('outer', {
    strategy: 'rest_for_one',
    intensity: 3,
    periodSeconds: 10,
    autoShutdown: 'any_significant',
    children: [
      { module: worker, id: a('first'), restart: 'transient', shutdown: 'brutal_kill', significant: true },
      { module: inner },
      { module: 'worker', id: a('second'), argument: 7, type: 'worker' },
      { module: worker, id: a('third'), start: { function: 'start_link', args: [1] } },
    ],
  });

  it('starts its children as they are described', () =>
    inCluster([worker, inner, outer], function* (self) {
      const pid = pidOf(yield* self.apply('outer', 'start_link', []));
      expect(self.whereis(a('outer'))).toEqual(pid);
      expect(shown(yield* whichChildren(self, pid))).toBe(
        '[{third,pid,worker,[worker]},{second,pid,worker,[worker]},{inner,pid,supervisor,[inner]},{first,pid,worker,[worker]}]',
      );
      expect(shown(yield* countChildren(self, pid))).toBe('[{specs,4},{active,4},{supervisors,1},{workers,3}]');
    }));

  it('ends when its significant child does, if it is told to', () => {
    const brief = genServer('brief', {
      init: () => ok(0),
      handleCast: (_self, _message, state) => stop('normal', state),
    });
    const of = supervisor('of', {
      autoShutdown: 'any_significant',
      children: [{ module: brief, restart: 'temporary', significant: true }],
    });
    inCluster([brief, of], function* (self) {
      yield* self.apply('of', 'start_link', []);
      cast(self, a('brief'), a('end'));
      expect(yield* next()).toBe('{EXIT,pid,shutdown}');
    });
  });
});

describe('what a file finds besides', () => {
  it('plain modules, and tuples taken apart', () =>
    inCluster([codeModule('work', { 'double/1': (_self, n) => Number(n) * 2 })], function* (self) {
      expect(yield* self.apply('work', 'double', [21])).toBe(42);
      expect(match(tup(a('order'), 1, 2), 'order')).toEqual([1, 2]);
      expect([match(tup(a('order')), 'offer'), match(a('order'), 'order')]).toEqual([null, null]);
    }));

  it('a Horde, whose names any server is called by', () => {
    const members = supervisor('members', { children: [hordeRegistry('reg'), hordeSupervisor('sup')] });
    const clerk = genServer(
      'clerk',
      { init: () => ok(0), handleCall: (_self, request, _from, state) => reply(request, state) },
      { registered: hordeName('reg', 'desk 1') },
    );
    inCluster([members, clerk], function* (self) {
      yield* self.apply('members', 'start_link', []);
      const spec = { id: a('clerk'), start: tup(a('clerk'), a('start_link'), []) };
      const pid = pidOf(yield* self.apply('Elixir.Horde.DynamicSupervisor', 'start_child', [a('sup'), spec]));
      expect(yield* call(self, hordeName('reg', 'desk 1'), a('hello'))).toBe(a('hello'));
      expect(yield* self.apply('Elixir.Horde.Registry', 'whereis_name', [tup(a('reg'), 'desk 1')])).toEqual(pid);
      const chosen = hordeSupervisor('sup', { distribution: 'UniformQuorum', redistribution: 'active' }).argument;
      expect(shown(asValue(chosen))).toContain('Elixir.Horde.UniformQuorumDistribution');
      expect(shown(asValue(chosen))).toContain('{process_redistribution,active}');
    });
  });

  it('libcluster, as its supervisor is told to start it', () => {
    expect(shown(asValue(libcluster().argument))).toBe(
      '[[{cluster,[{strategy,Elixir.Cluster.Strategy.Gossip},{config,[]}]}]]',
    );
    expect(shown(asValue(libcluster('Epmd', { hosts: [a('b@sim')] }).argument))).toContain('[{hosts,[b@sim]}]');
  });
});

describe('the names of the machine', () => {
  const world = (): { readonly lines: string[]; readonly names: { readonly [name: string]: unknown } } => {
    const lines: string[] = [];
    const names = fileNames({
      nowMs: () => Date.UTC(2026, 0, 2),
      random: () => 0.25,
      log: (text) => void lines.push(text),
    });
    return { lines, names };
  };
  /** Runs an expression as a file would, with these names only. */
  const within = (names: { readonly [name: string]: unknown }, source: string): unknown =>
    Reflect.construct(Function, [...Object.keys(names), `return ${source}`])(...Object.values(names));

  it.each([
    ['new Date().toISOString()', '2026-01-02T00:00:00.000Z'],
    ['Date.now()', Date.UTC(2026, 0, 2)],
    ['new Date(2000, 0, 1) instanceof Date', true],
    ['new Date(86400000).toISOString()', '1970-01-02T00:00:00.000Z'],
    ['Date.UTC(2026, 0, 1)', Date.UTC(2026, 0, 1)],
    ['Math.random() + Math.max(1, 2)', 2.25],
    [
      '[typeof fetch, typeof process, typeof globalThis, typeof Promise].join()',
      'undefined,undefined,undefined,undefined',
    ],
  ])('%s', (source, expected) => expect(within(world().names, source)).toBe(expected));

  it('tell a date by the cluster’s calendar, and print to its log', () => {
    const { lines, names } = world();
    expect(within(names, 'Date()')).toBe(new Date(Date.UTC(2026, 0, 2)).toString());
    within(names, "console.log('one', 2), console.warn({}), console.error(null)");
    expect(lines).toEqual(['one 2', '[object Object]', 'null']);
  });
});
