/** What Horde.ProcessesSupervisor does as its children start, crash, refuse to end, and cannot be started again. */
import { describe, expect, it } from 'vitest';
import type { Pid, Value } from '../../runtime/term/values.ts';
import { a, tup } from '../../runtime/term/values.ts';
import type { Cluster } from '../../runtime/embedded/cluster/cluster.ts';
import type { Flow } from '../../runtime/embedded/kernel/flow.ts';
import { receive, sleep } from '../../runtime/embedded/kernel/flow.ts';
import type { CodeModule } from '../../runtime/embedded/kernel/module.ts';
import type { Self } from '../../runtime/embedded/kernel/self.ts';
import { atoms, elementsOf, errorTuple, okTuple } from '../../runtime/embedded/kernel/values.ts';
import { call } from '../../runtime/embedded/otp/gen.ts';
import { exits, shown } from '../../runtime/embedded/otp/conformance/genKit.ts';
import { getState } from '../../runtime/embedded/otp/sys.ts';
import { hordeCluster, scenario, startChild, startSupervisor, supervisor } from './hordeKit.ts';

const processes = a('h.ProcessesSupervisor');

/** Children that end, or do not, as their name says; whether they start at all is the test's to say. */
function kids(starts: () => 'ok' | 'error' | 'ignore'): CodeModule {
  return {
    name: 'kid',
    functions: {
      *'start/1'(self, kind): Flow<Value> {
        if (starts() === 'ignore') return atoms.ignore;
        if (starts() === 'ok') return okTuple(self.spawn('kid', 'run', [kind], { link: true }));
        yield* sleep(20);
        return errorTuple(a('not_now'));
      },
      *'run/1'(self, kind): Flow<Value> {
        if (kind !== a('plain')) self.trapExit(true);
        yield* receive({
          match: (message) => elementsOf(message)?.[0] === (kind === a('deaf') ? 'never' : atoms.exit),
        });
        if (kind === a('slow')) yield* sleep(50);
        if (kind === a('odd')) return self.exit(a('oddly'));
        return kind === a('slow') ? self.exit(atoms.shutdown) : atoms.ok;
      },
    },
  };
}
type Told = { readonly error: string; readonly reason: string };
/** A Horde `h` of one member, and what its supervisor reported. */
function inHorde(
  run: (self: Self, told: readonly Told[], become: (state: 'ok' | 'error' | 'ignore') => void) => Flow<void>,
  options: { readonly [key: string]: Value } = {},
): void {
  let state: 'ok' | 'error' | 'ignore' = 'ok';
  const cluster: Cluster = hordeCluster(undefined, { more: [kids(() => state)] });
  const told: Told[] = [];
  cluster.listen((event) => {
    if (event.is !== 'report' || event.kind !== 'supervisor_report') return;
    const [, error = '', reason = ''] = /errorContext,(\w+)\},\{reason,([^}]*)\}/.exec(shown(event.report)) ?? [];
    told.push({ error, reason });
  });
  scenario(function* (self) {
    self.trapExit(true);
    yield* startSupervisor(self, 'h', options);
    told.splice(0);
    yield* run(self, told, (now) => {
      state = now;
    });
  }, cluster);
}
const kid = (kind: string, options: { readonly [key: string]: Value } = {}): Value => ({
  id: a(kind),
  start: tup(a('kid'), a('start'), [a(kind)]),
  ...options,
});
function* rows(self: Self): Flow<string> {
  return shown(yield* call(self, processes, a('which_children')));
}
const terminate = (self: Self, pid: Pid): Flow<Value> => supervisor(self, 'terminate_child', a('h'), pid);

describe('a child that is told to end', () => {
  it.each<readonly [string, { readonly [key: string]: Value }, number, readonly Told[]]>([
    ['plain', { shutdown: 100 }, 0, []],
    ['plain', { shutdown: a('brutal_kill') }, 0, []],
    ['slow', { shutdown: atoms.infinity }, 50, []],
    ['slow', { shutdown: 100 }, 50, []],
    ['deaf', { shutdown: 30 }, 30, [{ error: 'shutdown_error', reason: 'killed' }]],
    ['deaf', { shutdown: a('brutal_kill') }, 0, []],
    ['odd', { shutdown: 100 }, 0, [{ error: 'shutdown_error', reason: 'oddly' }]],
    ['quiet', { shutdown: 100 }, 0, [{ error: 'shutdown_error', reason: 'normal' }]],
    ['quiet', { shutdown: 100, restart: a('transient') }, 0, []],
  ])('%s, %o: takes %i ms', (kind, options, takesMs, reports) =>
    inHorde(function* (self, told) {
      const pid = yield* startChild(self, 'h', kid(kind, options));
      yield* sleep(10);
      const beganMs = self.nowMs;
      expect(yield* terminate(self, pid)).toBe(atoms.ok);
      const tookMs = self.nowMs - beganMs;
      expect(tookMs).toBeGreaterThanOrEqual(takesMs);
      expect(tookMs).toBeLessThan(takesMs + 5);
      expect(self.isAlive(pid)).toBe(false);
      expect(told).toEqual(reports);
      expect(yield* rows(self)).toBe('[]');
      expect(shown(yield* terminate(self, pid))).toBe('{error,not_found}');
    }),
  );

  it('ends with all others when the Horde stops, each within its own time', () =>
    inHorde(function* (self, told) {
      for (const [kind, shutdown] of [
        ['deaf', 30],
        ['slow', 100],
        ['odd', 100],
        ['plain', 100],
      ] as const) {
        yield* startChild(self, 'h', kid(kind, { shutdown }));
      }
      yield* startChild(self, 'h', kid('plain', { shutdown: atoms.infinity, id: 2 }));
      yield* sleep(10);
      const beganMs = self.nowMs;
      expect(yield* supervisor(self, 'stop', a('h'), atoms.shutdown)).toBe(atoms.ok);
      expect(self.nowMs - beganMs).toBeLessThan(100);
      expect(self.whereis(processes)).toBeNull();
      expect(told.map(({ reason }) => reason).toSorted()).toEqual(['killed', 'oddly']);
    }));

  it('is not there for who does not know its process', () =>
    inHorde(function* (self) {
      expect(shown(yield* call(self, processes, tup(a('terminate_child'), self.pid)))).toBe('{error,not_found}');
      expect(shown(yield* call(self, processes, tup(a('terminate_child'), 7)))).toBe('{error,not_found}');
      expect(shown(yield* call(self, processes, tup(a('terminate_child_by_id'), 7)))).toBe('{error,not_found}');
      const pid = yield* startChild(self, 'h', kid('plain'));
      expect(yield* call(self, processes, tup(a('terminate_child'), pid))).toBe(atoms.ok);
      expect(yield* rows(self)).toBe('[]');
    }));
});

describe('a child that ends by itself', () => {
  it('is tried again until it starts', () =>
    inHorde(
      function* (self, told, become) {
        const pid = yield* startChild(self, 'h', kid('plain'));
        become('error');
        self.sendExit(pid, a('crash'));
        yield* sleep(30);
        expect(yield* rows(self)).toMatch(/^\[\{[^,]+,restarting,worker,\[kid\]\}\]$/);
        const state = yield* getState(self, processes);
        const children = typeof state === 'object' && state !== null && 'children' in state ? state.children : null;
        expect(children instanceof Map ? [...children.values()].map(shown) : []).toEqual([
          expect.stringMatching(/^\{restarting,\{/),
        ]);
        become('ok');
        yield* sleep(60);
        expect(yield* rows(self)).toMatch(/^\[\{[^,]+,pid,worker,\[kid\]\}\]$/);
        expect(told[0]).toEqual({ error: 'child_terminated', reason: 'crash' });
        expect(told.slice(1).every(({ error, reason }) => error === 'start_error' && reason === 'not_now')).toBe(true);
        expect(told.length).toBeGreaterThan(1);
      },
      { max_restarts: 100 },
    ));

  it('is forgotten when it wants to be ignored', () =>
    inHorde(function* (self, _told, become) {
      const pid = yield* startChild(self, 'h', kid('plain'));
      become('ignore');
      self.sendExit(pid, a('crash'));
      yield* sleep(50);
      expect(yield* rows(self)).toBe('[]');
      expect(shown(yield* supervisor(self, 'count_children', a('h')))).toContain('active=>0');
    }));

  it('too often, ends the supervisor, and the Horde begins anew', () =>
    inHorde(
      function* (self, told, become) {
        const before = self.whereis(a('h'));
        const pid = yield* startChild(self, 'h', kid('plain'));
        become('error');
        self.sendExit(pid, a('crash'));
        yield* sleep(500);
        expect(told.map(({ error }) => error)).toContain('shutdown');
        expect(told).toContainEqual({ error: 'shutdown', reason: 'reached_max_restart_intensity' });
        expect(self.whereis(a('h'))).not.toEqual(before);
      },
      { max_restarts: 2 },
    ));

  it('by a reason that is orderly is not reported, if it is not to be started again', () =>
    inHorde(function* (self, told) {
      for (const restart of ['temporary', 'transient']) {
        const pid = yield* startChild(self, 'h', kid('plain', { restart: a(restart) }));
        self.sendExit(pid, atoms.shutdown);
        yield* sleep(20);
        expect(yield* rows(self)).toBe('[]');
      }
      expect(told).toEqual([]);
    }));
});

describe('a specification', () => {
  it.each<readonly [string, Value]>([
    ['that is none', 7],
    ['without a start', { id: 1 }],
    ['with a bad restart', kid('plain', { restart: a('always') })],
    ['with a bad shutdown', kid('plain', { shutdown: -1 })],
    ['with a start that is no function', { id: 1, start: a('kid') }],
  ])('%s is refused', (_what, spec) =>
    inHorde(function* (self) {
      expect(yield* exits(supervisor(self, 'start_child', a('h'), spec))).toMatch(/^\{error,|^\{EXIT,/);
      expect(self.whereis(a('h'))).not.toBeNull();
      expect(yield* rows(self)).toBe('[]');
    }),
  );

  it('may be a map with terms for keys, a module, or a module with its argument', () =>
    inHorde(function* (self) {
      const start = tup(a('kid'), a('start'), [a('plain')]);
      yield* startChild(
        self,
        'h',
        new Map<Value, Value>([
          [a('id'), 1],
          [a('start'), start],
        ]),
      );
      yield* startChild(self, 'h', tup(a('Elixir.Worker'), tup(self.pid, 'one', 0)));
      expect(yield* exits(supervisor(self, 'start_child', a('h'), a('nowhere')))).toMatch(/undef/);
      expect(shown(yield* supervisor(self, 'count_children', a('h')))).toContain('active=>2');
    }));
});
