import { describe, expect, it, vi } from 'vitest';
import { callOptions } from '../../callOptions.ts';
import type { TraceEvent } from '../../model.ts';
import { fail, ok } from '../../model.ts';
import type { CallOptions } from '../../port.ts';
import { arsenalError } from '../../errors.ts';
import type { Result } from '../../model.ts';
import type { Term } from '../../term/term.ts';
import { atom, integer, list, tuple } from '../../term/term.ts';
import { mostKept } from '../../trace/log.ts';
import type { AgentTask } from '../agent/nodeAgent.ts';
import { backendNow, NodeClock } from './nodeClock.ts';
import type { NodeTrace } from './traceRun.ts';
import { TraceRun } from './traceRun.ts';

const owner = { principal: 'p', client: 'c', operation: 'o', requestId: 'r' };
const fuses = { timeMs: 1, events: 1, eventsPerSecond: 1, tracerQueue: 1, termBytes: 1 };
const pid: Term = { t: 'pid', node: 'a@h', creation: 1, id: 1, serial: 0 };

/** A task that sends what it is given, and ends as it is told. */
class FakeTask implements AgentTask {
  readonly id = 'fake';
  readonly ended: Promise<Result<Term>>;
  readonly told: Term[] = [];
  #end: (result: Result<Term>) => void = () => undefined;
  #more: () => void = () => undefined;
  readonly #frames: Term[] = [];
  #isEnded = false;

  constructor() {
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  send(frame: Term): void {
    this.#frames.push(frame);
    this.#more();
  }

  end(result: Result<Term>): void {
    this.#isEnded = true;
    this.#end(result);
    this.#more();
  }

  async *frames(): AsyncGenerator<Term> {
    for (;;) {
      const next = this.#frames.shift();
      if (next !== undefined) yield next;
      else if (this.#isEnded) return;
      else {
        await new Promise<void>((resolve) => {
          this.#more = resolve;
        });
      }
    }
  }

  rawFrames(): never {
    throw new Error('Nobody reads it raw.');
  }

  tell(word: Term): void {
    this.told.push(word);
    this.end(ok(tuple(atom('ended'), atom('stopped'), integer(3))));
  }

  stop(_options: CallOptions): Promise<Result<Term>> {
    return this.ended;
  }
}

function traceOn(node: string, task: AgentTask): NodeTrace {
  const clock = new NodeClock(node, 1);
  const now = backendNow();
  clock.add({ sentAt: now - 0.1, receivedAt: now, nodeUs: 0 });
  return {
    traced: { node, slot: 'shared', observer: 'agent', fuses, processes: 1 },
    // Its clock is not read again: the first estimate stands.
    reach: () => Promise.resolve(fail(arsenalError('unavailable', 'node.unavailable', '', ''))),
    task,
    frames: task.frames()[Symbol.asyncIterator](),
    source: { node, clock, startUs: 0, pairs: 'nothing' },
  };
}

/** A frame of exits, one each nanosecond from `from`, all said up to a second later. */
function frame(from: number, count: number): Term {
  const events = Array.from({ length: count }, (_, at) =>
    tuple(integer(from + at), pid, atom('exit'), atom('normal'), atom('none'), atom('whole')),
  );
  return tuple(atom('events'), integer(from + count + 1_000_000_000), integer(0), list(events));
}

async function readAll(run: TraceRun, after: number, options = callOptions(5_000)) {
  const events: TraceEvent[] = [];
  let missed = 0;
  for await (const item of run.read(after, options)) {
    if (item.is === 'end') return { events, missed, ended: item.result };
    events.push(...item.frame.events);
    missed += item.frame.missed;
  }
  throw new Error('It has no end.');
}

describe('a trace that runs', () => {
  it('keeps the newest, and says how many a reader has missed', async () => {
    const task = new FakeTask();
    const run = new TraceRun('1', owner, [traceOn('a@h', task)], () => undefined);
    const total = Math.floor(mostKept * 1.5);
    for (let from = 0; from < total; from += 5_000) task.send(frame(from, 5_000));
    task.end(ok(tuple(atom('ended'), atom('events'), integer(0))));
    await vi.waitUntil(() => run.isEnded);
    const { events, missed } = await readAll(run, 0);
    expect(missed).toBeGreaterThan(0);
    expect(missed + events.length).toBe(total);
    expect(events.length).toBeLessThanOrEqual(mostKept * 1.25);
    expect(events[events.length - 1]?.seq).toBe(total);
    expect(run.info).toMatchObject({ events: total, ended: [{ node: 'a@h', why: 'events', dropped: 0 }] });
    // One who comes back where it was misses nothing.
    expect((await readAll(run, total - 10)).events.map(({ seq }) => total - seq)).toEqual([
      9, 8, 7, 6, 5, 4, 3, 2, 1, 0,
    ]);
  });

  it('wakes a reader for what comes, and ends when every node has', async () => {
    const [first, second] = [new FakeTask(), new FakeTask()];
    let isOver = false;
    const nodes = [traceOn('a@h', first), traceOn('b@h', second)];
    const run = new TraceRun('1', owner, nodes, () => {
      isOver = true;
    });
    const reading = readAll(run, 0);
    first.send(frame(0, 3));
    second.send(frame(10, 2));
    first.end(fail(arsenalError('unavailable', 'agent.lost', '', '')));
    await vi.waitUntil(() => run.info.ended.length === 1);
    expect(run.isEnded).toBe(false);
    const ends = await run.stop(callOptions(1_000));
    expect(second.told).toEqual([atom('stop')]);
    expect(first.told).toEqual([]);
    expect(ends).toEqual([
      { node: 'a@h', why: 'node_lost', dropped: 0 },
      { node: 'b@h', why: 'stopped', dropped: 3 },
    ]);
    expect((await reading).events).toHaveLength(5);
    expect(isOver).toBe(true);
  });

  it('lets a reader go whose time is up, or who has had enough, while it goes on', async () => {
    const run = new TraceRun('1', owner, [traceOn('a@h', new FakeTask())], () => undefined);
    expect((await readAll(run, 0, callOptions(50))).ended).toMatchObject({ ok: false, error: { class: 'timeout' } });
    const gone = new AbortController();
    const reading = readAll(run, 0, callOptions(5_000, gone.signal));
    gone.abort();
    expect((await reading).ended).toMatchObject({ ok: false, error: { class: 'cancelled', effect: 'none' } });
    expect(run.isEnded).toBe(false);
  });

  it('takes a killed tracer for a term that was too large', async () => {
    const task = new FakeTask();
    const run = new TraceRun('1', owner, [traceOn('a@h', task)], () => undefined);
    task.end(fail(arsenalError('execution', 'agent.task_killed', '', '')));
    expect((await readAll(run, 0)).ended).toEqual(ok({ ended: [{ node: 'a@h', why: 'termBytes', dropped: 0 }] }));
  });
});
