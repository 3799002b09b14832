/** What goes on beside the call that began it: who may see and end it, how many there may be, what wakes who waits, how long it is kept. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { callOptions, longestMs } from '../../../runtime/callOptions.ts';
import { failure } from '../../../runtime/errors.ts';
import type { Json, Result } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import { restrictPort } from '../../../runtime/portFacade.ts';
import { scriptedRuntime } from '../../../runtime/fake/scriptedRuntime.ts';
import type { Caller, Context } from '../../core/context.ts';
import { makeContext } from '../../core/context.ts';
import { errorOf, textWith, valueOf } from '../../core/testKit.ts';
import type { TaskOutcome } from '../../operations/tracing/taskResults.ts';
import type { TaskItem, TaskSpec } from '../../operations/tracing/tasks.ts';
import { followTask } from './follow.ts';
import { mostReadings, Readings } from './readings.ts';
import { TaskStore } from './tasks.ts';

const ada: Caller = { principal: 'ada', via: 'rest', role: 'operator' };
const bob: Caller = { principal: 'bob', via: 'rest', role: 'operator' };
const root: Caller = { principal: 'root', via: 'cli', role: 'admin' };

function contextOf(caller: Caller, connection = 'sim'): Context<never> {
  return makeContext<never>({
    connection: { id: connection, kind: 'simulated' },
    port: restrictPort(scriptedRuntime().port, []),
    caller,
    owner: { principal: caller.principal, client: caller.via, operation: 'monitor_process', requestId: 'r1' },
    requestId: 'r1',
    budget: callOptions(1_000),
    onProgress: undefined,
  });
}

const place = { pid: 'p', node: 'a@h', display: '<0.1.0>' };
const seen = (endedBy: 'time' | 'stopped'): Result<TaskOutcome> =>
  ok({ is: 'monitor', result: { ...place, readings: 0, endedBy, ended: null } });

/** A task that ends when it is told to, and takes what it is told. */
function scripted(change: Partial<TaskSpec<never>> = {}) {
  const control: { emit: (row: Json) => Promise<void>; end: (outcome: Result<TaskOutcome>) => void } = {
    emit: () => Promise.resolve(),
    end: () => undefined,
  };
  const spec: TaskSpec<never> = {
    kind: 'monitor',
    subject: '<0.1.0>',
    nodes: ['a@h'],
    forMs: 60_000,
    run: (task) => {
      control.emit = (row) => task.emit({ is: 'rows', rows: [row] });
      return new Promise((resolve) => {
        control.end = resolve;
        task.signal.addEventListener('abort', () => resolve(seen('stopped')), { once: true });
      });
    },
    ...change,
  };
  return { spec, control };
}

const nobody = () => Promise.resolve();
let store: TaskStore;
beforeEach(() => {
  store = new TaskStore({ running: 2, ended: 2, keptMs: 60_000 });
});
afterEach(() => {
  store.close();
  vi.useRealTimers();
});

describe('a task', () => {
  it('wakes who waits for it when it tells something, and when it ends', async () => {
    const { spec, control } = scripted();
    const task = valueOf(store.begin(contextOf(ada), spec));
    const query = { after: 0, limit: 10, enough: 1 };
    const waiting = task.log.read(query, callOptions(60_000), nobody);
    await control.emit({ memory: 1 });
    const first = valueOf(await waiting);
    expect(first).toMatchObject({ items: [{ seq: 1, memory: 1 }], isLast: false });
    const last = task.log.read({ ...query, after: 1, enough: 5 }, callOptions(60_000), nobody);
    control.end(seen('time'));
    expect(valueOf(await last)).toEqual({ items: [], missed: 0, late: [], isLast: true });
    expect(task.outcome).toMatchObject({ is: 'monitor', result: { endedBy: 'time' } });
  });

  it('has the error as its outcome that it fails with, or throws', async () => {
    const failed = valueOf(
      store.begin(contextOf(ada), scripted({ run: () => Promise.resolve(failure('timeout', 'x.y', 'a', 'b')) }).spec),
    );
    const threw = valueOf(
      store.begin(contextOf(ada), scripted({ run: () => Promise.reject(new Error('broken')) }).spec),
    );
    await Promise.all([failed.ended, threw.ended]);
    expect(failed.outcome).toMatchObject({ is: 'failed', error: { code: 'x.y' } });
    expect(threw.outcome).toMatchObject({ is: 'failed', error: { code: 'operation.threw', effect: 'none' } });
  });

  it('has its own time and a little more; a trace, whose clock may stand still, is not hurried', () => {
    const left: number[] = [];
    const run: TaskSpec<never>['run'] = (task) => {
      left.push(task.options().remainingMs);
      return Promise.resolve(seen('time'));
    };
    const trace = { id: 't1', log: new Readings() };
    valueOf(store.begin(contextOf(ada), scripted({ run, forMs: 1_000 }).spec));
    valueOf(store.begin(contextOf(ada), scripted({ run, forMs: 1_000, trace }).spec));
    const [own = 0, ofTrace = 0] = left;
    expect(own).toBeGreaterThan(1_000);
    expect(own).toBeLessThanOrEqual(31_000);
    expect(ofTrace).toBe(longestMs);
  });

  it('is seen and ended by its caller and by admins only', async () => {
    const { id } = valueOf(store.begin(contextOf(ada), scripted().spec));
    expect(errorOf(store.find(id, bob)).code).toBe('trace.not_found');
    expect(errorOf(await store.stop(id, bob)).code).toBe('trace.not_found');
    expect(valueOf(store.find(id, ada)).outcome).toBeNull();
    const stopped = valueOf(await store.stop(id, root));
    expect(stopped).toMatchObject({ wasStopped: true, outcome: { result: { endedBy: 'stopped' } } });
  });

  it('is one of few of its caller on its connection', async () => {
    const [one] = [scripted(), scripted()].map(({ spec }) => valueOf(store.begin(contextOf(ada), spec)));
    const refused = errorOf(store.begin(contextOf(ada), scripted().spec));
    expect(refused).toMatchObject({ code: 'trace.too_many', class: 'rate_limited', remedy: textWith('list_traces') });
    expect(store.begin(contextOf(bob), scripted().spec).ok).toBe(true);
    expect(store.begin(contextOf(ada, 'other'), scripted().spec).ok).toBe(true);
    await store.stop(one?.id ?? '', ada);
    expect(store.begin(contextOf(ada), scripted().spec).ok).toBe(true);
    expect(store.list('other')).toHaveLength(1);
    expect(store.list(null)).toHaveLength(5);
  });

  it('is lost with its connection, and what it still says then is not taken', async () => {
    const changes: string[] = [];
    store.onChange(({ is, task }) => changes.push(`${is} ${String(task.connection)}`));
    const { spec, control } = scripted();
    const here = valueOf(store.begin(contextOf(ada), spec));
    const there = valueOf(store.begin(contextOf(ada, 'other'), scripted().spec));
    store.lose('sim');
    await control.emit({ memory: 1 });
    await here.ended;
    expect(here.outcome).toMatchObject({ is: 'failed', error: { code: 'trace.lost', effect: 'none' } });
    expect(await here.log.count(callOptions(1_000))).toBe(0);
    expect(there.outcome).toBeNull();
    expect(changes).toEqual(['began sim', 'began other', 'ended sim']);
  });

  it('is kept for a while when it has ended, and so are few', async () => {
    vi.useFakeTimers();
    const ids: string[] = [];
    for (let n = 0; n < 3; n += 1) {
      const { spec, control } = scripted();
      const task = valueOf(store.begin(contextOf(ada), spec));
      ids.push(task.id);
      control.end(seen('time'));
      await task.ended;
      await Promise.resolve();
    }
    expect(ids.map((id) => store.find(id, ada).ok)).toEqual([false, true, true]);
    vi.advanceTimersByTime(60_001);
    expect(ids.map((id) => store.find(id, ada).ok)).toEqual([false, false, false]);
  });
});

it('a task runs, ends and is found, though who listens throws', async () => {
  const tasks = new TaskStore();
  const told: string[] = [];
  tasks.onChange(({ is }) => {
    if (is === 'began') throw new Error('bug');
  });
  tasks.onChange(({ is }) => told.push(is));
  const { spec, control } = scripted();
  expect(() => tasks.begin(contextOf(ada), spec)).toThrow('bug');
  const [task] = tasks.list('sim');
  control.end(seen('time'));
  await vi.waitFor(() => expect(told).toEqual(['began', 'ended']), { timeout: 30_000 });
  expect(task?.outcome).toMatchObject({ is: 'monitor' });
  tasks.close();
});

describe('readings', () => {
  const read = async (readings: Readings, after: number, limit = 5_000) =>
    valueOf(await readings.read({ after, limit, enough: limit }, callOptions(0), nobody));
  const seqs = (items: readonly TaskItem[]) => items.map(({ seq }) => seq);

  it('are numbered, and said to be missed when they are no longer kept', async () => {
    const readings = new Readings();
    readings.add(Array.from({ length: mostReadings + 3 }, (_, n) => ({ n })));
    const page = await read(readings, 1);
    expect(page).toMatchObject({ missed: 2, isLast: false });
    expect(seqs(page.items)).toEqual(Array.from({ length: mostReadings }, (_, n) => n + 4));
    expect(await readings.count()).toBe(mostReadings + 3);
  });

  it('come in pages of which only the one that reaches the end is the last', async () => {
    const readings = new Readings();
    readings.add([{ n: 1 }, 'two', { n: 3 }]);
    readings.close();
    const [first, second, third] = [await read(readings, 0, 2), await read(readings, 2, 2), await read(readings, 3)];
    expect([seqs(first.items), first.isLast]).toEqual([[1, 2], false]);
    expect(first.items[1]).toMatchObject({ value: 'two' });
    expect([seqs(second.items), second.isLast]).toEqual([[3], true]);
    expect([seqs(third.items), third.isLast]).toEqual([[], true]);
    // Who asks behind the end is told that it is the end.
    expect(await read(readings, 99)).toMatchObject({ items: [], missed: 0, isLast: true });
  });
});

describe('who watches a task', () => {
  it('is shown the newest items only, also where it has missed some', async () => {
    const { spec, control } = scripted();
    const task = valueOf(store.begin(contextOf(ada), spec));
    const { source, release } = followTask(task);
    const shown = () => source.state?.rows ?? new Map<string, unknown>();
    await control.emit({ memory: 1 });
    await vi.waitFor(() => expect(shown().has('1')).toBe(true), { timeout: 20_000 });
    const last = mostReadings * 2 + 1;
    await Promise.all(Array.from({ length: last - 1 }, (_, n) => control.emit({ n })));
    await vi.waitFor(() => expect(shown().has(String(last))).toBe(true), { timeout: 20_000 });
    expect(shown().has('1')).toBe(false);
    expect(shown().size).toBe(mostReadings + 1);
    release();
  });

  it('is shown its items and its outcome, and then the end', async () => {
    const { spec, control } = scripted();
    const task = valueOf(store.begin(contextOf(ada), spec));
    await control.emit({ memory: 1 });
    const { source } = followTask(task);
    const ended = new Promise<void>((resolve) => {
      source.watch((event) => {
        if (event.is === 'ended') resolve();
      });
    });
    await vi.waitFor(() => expect(source.state?.rows.get('1')).toMatchObject({ memory: 1 }), { timeout: 20_000 });
    expect(source.state?.rows.get('task')).toMatchObject({ running: true, outcome: null });
    await control.emit({ memory: 2 });
    control.end(seen('time'));
    await ended;
    expect(source.state?.rows.get('2')).toMatchObject({ memory: 2 });
    expect(source.state?.rows.get('task')).toMatchObject({ running: false, outcome: { is: 'monitor' } });
  });
});
