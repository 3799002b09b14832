// Named after Elixir's own task_test.exs, task/supervisor_test.exs and agent_test.exs (1.14).
import { describe, expect, it } from 'vitest';
import type { Value } from '../../term/values.ts';
import { a, Pid, tup } from '../../term/values.ts';
import { ErrorException, ExitException } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive, sleep } from '../kernel/flow.ts';
import type { FunBody } from '../kernel/localFun.ts';
import { fun } from '../kernel/localFun.ts';
import type { Self } from '../kernel/self.ts';
import { atoms, elementsOf, tagged } from '../kernel/values.ts';
import { inProcess, nodeOf, shown, testCluster, testModule } from '../testKit.ts';
import { agentCast, agentGet, agentGetAndUpdate, agentUpdate, startAgent } from './agent.ts';
import { startedPid } from './genServer.ts';
import { supervisorAt } from './supervisorState.ts';
import type { Task } from './task.ts';
import { async, awaitMany, awaitTask, ignoreTask, shutdownTask, start, yieldMany, yieldTask } from './task.ts';
import { asyncStream } from './taskStream.ts';
import {
  startTaskChild,
  startTaskSupervisor,
  supervisedAsync,
  supervisedAsyncNolink,
  taskChildren,
} from './taskSupervisor.ts';
import { mfa } from './work.ts';

const modules = [
  testModule('work', {
    'double/1': (_self, n) => Number(n) * 2,
    'add/2': (_self, one, other) => Number(one) + Number(other),
    'state/0': () => 42,
  }),
];
const work = (body: FunBody) => fun('test', 'task', 0, body);
const waits = work(function* (): Flow<Value> {
  yield* sleep(10_000_000);
  return atoms.ok;
});
const ends = (reason: string) => work((self) => self.exit(a(reason)));
const answers = (value: Value, afterMs = 0) =>
  work(function* (): Flow<Value> {
    yield* sleep(afterMs);
    return value;
  });

function run<T>(body: (self: Self) => Flow<T>, trap = true): T {
  return inProcess(testCluster(['one@sim'], { modules }), function* (self) {
    self.trapExit(trap);
    return yield* body(self);
  });
}
/** What a call exits or fails with, as text. */
function* failure(body: Flow<unknown>): Flow<string> {
  try {
    yield* body;
  } catch (thrown) {
    if (thrown instanceof ExitException || thrown instanceof ErrorException) return shown(thrown.reason);
    throw thrown;
  }
  return 'none';
}
const awaitFailed = (reason: string, timeout: number | string, what = 'await') =>
  expect.stringMatching(
    new RegExp(
      `^\\{${reason},\\{Elixir\\.Task,${what},\\[#\\{__struct__=>Elixir\\.Task,.*\\},${timeout}\\]\\}\\}$`,
      'u',
    ),
  ) as string;

describe('async and await', () => {
  it('async/1 and async/3: the answer of a linked process that knows who it works for', () => {
    run(function* (self) {
      const task = async(
        self,
        work(function* (own): Flow<Value> {
          yield* sleep(5);
          return [own.get(a('$callers')), own.get(a('$initial_call')), own.get(a('$ancestors'))];
        }),
      );
      expect(self.inspect(self.pid)?.links?.has(task.pid)).toBe(true);
      expect(shown(yield* awaitTask(self, task))).toBe('[[pid],{test,task,0},[pid]]');
      expect(yield* awaitTask(self, async(self, mfa('work', 'double', [21])))).toBe(42);
      expect(self.messageQueueLength).toBe(0);
    }, false);
  });

  it('await/2 exits on timeout, on a crash, and when another process asks', () => {
    run(function* (self) {
      const slow = async(self, waits);
      expect(yield* failure(awaitTask(self, slow, 0))).toEqual(awaitFailed('timeout', 0));
      expect(yield* failure(awaitTask(self, async(self, ends('unknown'))))).toEqual(awaitFailed('unknown', 5000));
      expect(
        yield* failure(
          awaitTask(
            self,
            async(
              self,
              work((own) => own.error(a('oops'))),
            ),
          ),
        ),
      ).toEqual(awaitFailed('\\{oops,\\[\\]\\}', 5000));
      const other: Task = { ...slow, owner: slow.pid };
      expect(yield* failure(awaitTask(self, other))).toContain('Elixir.ArgumentError');
    });
  });

  it('a crash of a task ends its caller, which is linked', () => {
    const cluster = testCluster();
    const reason = inProcess(cluster, function* (self) {
      self.trapExit(true);
      const caller = self.spawnBody(
        {
          is: 'flow',
          *run(own) {
            yield* awaitTask(own, async(own, ends('kaboom')));
          },
        },
        { module: 'test', function: 'caller', arity: 0 },
        { link: true },
      );
      const exit = yield* receive({ match: (one) => tagged(one, atoms.exit, 3)?.[1] === caller });
      return shown(elementsOf(exit)?.[2]);
    });
    expect(reason).toBe('kaboom');
    expect(nodeOf(cluster).alive).toBe(true);
  });

  it('await_many/2 answers in the order of the tasks, and fails with the first', () => {
    run(function* (self) {
      const tasks = [answers(1, 30), answers(2, 5), answers(3)].map((one) => async(self, one));
      expect(yield* awaitMany(self, tasks)).toEqual([1, 2, 3]);
      expect(yield* awaitMany(self, [])).toEqual([]);
      const mixed = [async(self, waits), async(self, ends('unknown'))];
      expect(yield* failure(awaitMany(self, mixed))).toMatch(/^\{unknown,\{Elixir\.Task,await_many,/);
      expect(yield* failure(awaitMany(self, [async(self, waits)], 10))).toMatch(
        /^\{timeout,\{Elixir\.Task,await_many,/,
      );
    });
  });
});

describe('yield, ignore and shutdown', () => {
  it('yield/2: an answer, an exit, or nothing yet', () => {
    run(function* (self) {
      expect(shown(yield* yieldTask(self, async(self, answers(a('done')))))).toBe('{ok,done}');
      expect(shown(yield* yieldTask(self, async(self, ends('unknown'))))).toBe('{exit,unknown}');
      const slow = async(self, answers(7, 100));
      expect(yield* yieldTask(self, slow, 10)).toBeNull();
      expect(shown(yield* yieldTask(self, slow))).toBe('{ok,7}');
    });
  });

  it('yield_many/2: what has come within one time limit', () => {
    run(function* (self) {
      const tasks = [answers(1), ends('unknown'), waits, answers(2, 5)].map((one) => async(self, one));
      const outcomes = yield* yieldMany(self, tasks, 50);
      expect(outcomes.map(({ outcome }) => shown(outcome))).toEqual(['{ok,1}', '{exit,unknown}', 'nil', '{ok,2}']);
      expect(outcomes.map(({ task }) => task)).toEqual(tasks);
    });
  });

  it('ignore/1: the task goes on, unlinked and unheard', () => {
    run(function* (self) {
      const done = async(self, answers(5));
      yield* sleep(5);
      expect(shown(yield* ignoreTask(self, done))).toBe('{ok,5}');
      const going = async(self, answers(5, 50));
      expect(yield* ignoreTask(self, going)).toBeNull();
      expect(self.isAlive(going.pid)).toBe(true);
      expect(self.inspect(self.pid)?.links?.has(going.pid) ?? false).toBe(false);
      yield* sleep(100);
      expect(self.messageQueueLength).toBe(0);
    }, false);
  });

  it.each<[string, Value, boolean, number | 'brutal_kill', string]>([
    ['returns nil when it shuts down', a('waits'), false, 5000, 'nil'],
    ['returns nil by force', a('waits'), true, 'brutal_kill', 'nil'],
    ['kills it when its time is over', a('waits'), true, 10, '{exit,killed}'],
    ['returns the answer that had come', 42, false, 5000, '{ok,42}'],
    ['returns the exit that had come', a('exits'), false, 5000, '{exit,unknown}'],
  ])('shutdown/2 %s', (_what, what, traps, how, outcome) => {
    run(function* (self) {
      const task = async(
        self,
        work(function* (own): Flow<Value> {
          if (traps) own.trapExit(true);
          if (what === a('exits')) return own.exit(a('unknown'));
          if (what === a('waits')) yield* sleep(10_000_000);
          return what;
        }),
      );
      yield* sleep(5);
      expect(shown(yield* shutdownTask(self, task, how))).toBe(outcome);
      expect(self.isAlive(task.pid)).toBe(false);
    });
  });

  it('start/1 does the work for nobody; a crash is reported', () => {
    const cluster = testCluster();
    const reports: string[] = [];
    cluster.listen((event) => {
      if (event.is === 'report' && event.kind === 'task_terminating') reports.push(shown(event.report));
    });
    inProcess(cluster, function* (self) {
      const pid = startedPid(
        start(
          self,
          work((own) => own.error(a('oops'))),
        ),
      );
      if (!(pid instanceof Pid)) throw new Error('not started');
      start(self, ends('shutdown'), { link: false });
      yield* sleep(5);
      expect(self.isAlive(pid)).toBe(false);
    });
    expect(reports).toHaveLength(1);
    expect(reports[0]).toContain('label=>{Elixir.Task.Supervisor,terminating}');
    expect(reports[0]).toContain('reason=>{oops,[]}');
  });
});

describe('async_stream', () => {
  const times = fun('test', 'times', 1, function* (_self, n): Flow<Value> {
    yield* sleep(Number(n));
    return Number(n) * 2;
  });

  it('answers in order, with as many at a time as it may', () => {
    run(function* (self) {
      const since = self.nowMs;
      expect((yield* asyncStream(self, [30, 10, 20], times, { maxConcurrency: 3 })).map(shown)).toEqual([
        '{ok,60}',
        '{ok,20}',
        '{ok,40}',
      ]);
      expect(self.nowMs - since).toBe(30);
      yield* asyncStream(self, [30, 10, 20], times);
      expect(self.nowMs - since).toBe(90);
      const unordered = yield* asyncStream(self, [30, 10, 20], times, { maxConcurrency: 3, ordered: false });
      expect(unordered.map(shown)).toEqual(['{ok,20}', '{ok,40}', '{ok,60}']);
      expect((yield* asyncStream(self, [1, 2], mfa('work', 'add', [10]))).map(shown)).toEqual(['{ok,11}', '{ok,12}']);
      expect(yield* asyncStream(self, [], times)).toEqual([]);
      expect(self.messageQueueLength).toBe(0);
    });
  });

  it('with a timeout exits, or kills the task', () => {
    run(function* (self) {
      const killed = yield* asyncStream(self, [1, 500], times, { timeoutMs: 50, onTimeout: 'kill_task' });
      expect(killed.map(shown)).toEqual(['{ok,2}', '{exit,timeout}']);
      const zipped = { timeoutMs: 50, onTimeout: 'kill_task', zipInputOnExit: true } as const;
      expect((yield* asyncStream(self, [500], times, zipped)).map(shown)).toEqual(['{exit,{500,timeout}}']);
      expect(yield* failure(asyncStream(self, [500], times, { timeoutMs: 50 }))).toBe(
        '{timeout,{Elixir.Task.Supervised,stream,[50]}}',
      );
    });
  });

  it('with crashing tasks: an exit each, when exits are trapped or tasks are not linked', () => {
    const crash = fun('test', 'crash', 1, (self, n) => (n === 2 ? self.exit(a('boom')) : n));
    run(function* (self) {
      expect((yield* asyncStream(self, [1, 2, 3], crash)).map(shown)).toEqual(['{ok,1}', '{exit,boom}', '{ok,3}']);
      expect(self.messageQueueLength).toBe(0);
    });
    run(function* (self) {
      const supervisor = startedPid(yield* startTaskSupervisor(self));
      if (!(supervisor instanceof Pid)) throw new Error('not started');
      const outcomes = yield* asyncStream(self, [1, 2, 3], crash, { supervisor, link: false });
      expect(outcomes.map(shown)).toEqual(['{ok,1}', '{exit,boom}', '{ok,3}']);
    }, false);
  });
});

describe('Task.Supervisor', () => {
  function* supervisorOf(self: Self, maxChildren: number | 'infinity' = 'infinity'): Flow<Pid> {
    const pid = startedPid(yield* startTaskSupervisor(self, { maxChildren }));
    if (pid instanceof Pid) return pid;
    throw new Error('not started');
  }

  it('counts and returns children', () => {
    run(function* (self) {
      const sup = yield* supervisorOf(self);
      expect(supervisorAt(sup)?.kind).toBe('task_supervisor');
      expect(yield* taskChildren(self, sup)).toEqual([]);
      const pid = startedPid(yield* startTaskChild(self, sup, waits));
      expect(yield* taskChildren(self, sup)).toEqual([pid]);
      const [row] = supervisorAt(sup)?.children ?? [];
      expect(row?.spec).toMatchObject({ restart: 'temporary', shutdown: 5000, start: { args: undefined } });
    });
  });

  it('async/1: the answer; its crash is that of the caller, too', () => {
    run(function* (self) {
      const sup = yield* supervisorOf(self);
      const task = yield* supervisedAsync(self, sup, answers(42, 5));
      expect(yield* taskChildren(self, sup)).toEqual([task.pid]);
      expect(self.inspect(self.pid)?.links?.has(task.pid)).toBe(true);
      expect(yield* awaitTask(self, task)).toBe(42);
      const crashes = yield* supervisedAsync(self, sup, ends('boom'));
      expect(yield* failure(awaitTask(self, crashes))).toMatch(/^\{boom,/);
      const exit = yield* receive({ match: (one) => tagged(one, atoms.exit, 3)?.[1] === crashes.pid });
      expect(shown(elementsOf(exit)?.[2])).toBe('boom');
    });
  });

  it('async_nolink/1: the answer, or a DOWN that harms nobody', () => {
    run(function* (self) {
      const sup = yield* supervisorOf(self);
      expect(yield* awaitTask(self, yield* supervisedAsyncNolink(self, sup, mfa('work', 'state', [])))).toBe(42);
      const crashes = yield* supervisedAsyncNolink(self, sup, ends('boom'));
      expect(shown(yield* yieldTask(self, crashes))).toBe('{exit,boom}');
    }, false);
  });

  it('raises when max_children is reached', () => {
    run(function* (self) {
      const sup = yield* supervisorOf(self, 1);
      yield* startTaskChild(self, sup, waits);
      expect(shown(yield* startTaskChild(self, sup, waits))).toBe('{error,max_children}');
      expect(yield* failure(supervisedAsync(self, sup, waits))).toContain('reached the maximum number of tasks');
    });
  });

  it('start_child/3 with custom restart: a permanent task is started again', () => {
    run(function* (self) {
      const sup = yield* supervisorOf(self);
      const pid = startedPid(
        yield* startTaskChild(self, sup, waits, { restart: 'permanent', shutdown: 'brutal_kill' }),
      );
      if (!(pid instanceof Pid)) throw new Error('not started');
      self.sendExit(pid, atoms.kill);
      yield* sleep(1);
      const [again] = yield* taskChildren(self, sup);
      expect(again).toBeInstanceOf(Pid);
      expect(again).not.toBe(pid);
    });
  });
});

describe('Agent', () => {
  it('start_link/2, update, get, get_and_update, cast', () => {
    run(function* (self) {
      const agent = startedPid(
        yield* startAgent(
          self,
          work(() => 1),
          { name: a('agent') },
        ),
      );
      if (!(agent instanceof Pid)) throw new Error('not started');
      expect(shown(self.inspect(agent)?.dictionary?.get(a('$initial_call')))).toBe('{test,task,0}');
      const on = (body: (state: Value) => Value) => fun('test', 'on', 1, (_self, state) => body(state));
      expect(
        yield* agentUpdate(
          self,
          agent,
          on((n) => Number(n) + 1),
        ),
      ).toBe(atoms.ok);
      expect(
        yield* agentGet(
          self,
          a('agent'),
          on((n) => n),
        ),
      ).toBe(2);
      expect(
        yield* agentGetAndUpdate(
          self,
          agent,
          on((n) => tup(n, Number(n) * 10)),
        ),
      ).toBe(2);
      agentCast(self, agent, mfa('work', 'double', []));
      expect(yield* agentGet(self, agent, mfa('work', 'add', [2]))).toBe(42);
      expect(
        yield* failure(
          agentGetAndUpdate(
            self,
            agent,
            on((n) => n),
          ),
        ),
      ).toMatch(/^\{\{bad_return_value,40\},/);
    });
  });

  it('start_link/2 with MFA, and an init that fails', () => {
    run(function* (self) {
      const agent = startedPid(yield* startAgent(self, mfa('work', 'state', [])));
      if (!(agent instanceof Pid)) throw new Error('not started');
      expect(
        yield* agentGet(
          self,
          agent,
          fun('test', 'id', 1, (_self, state) => state),
        ),
      ).toBe(42);
      expect(shown(yield* startAgent(self, ends('no')))).toBe('{error,no}');
    });
  });
});
