/**
 * Cases of OTP 25's trace_SUITE and tracer_SUITE: which events a traced process makes, and in which order. What these suites check of
 * match specifications and of tracer modules has no counterpart here: an event is in the ring of its node, or it is not.
 */
import { describe, expect, it } from 'vitest';
import type { Pid } from '../../../term/values.ts';
import { a } from '../../../term/values.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { nodeOf, shown } from '../../testKit.ts';
import type { Flow } from '../flow.ts';
import { receive, sleep } from '../flow.ts';
import type { Process } from '../process.ts';
import type { Self } from '../self.ts';
import { TraceRing, traceFlag } from '../trace.ts';
import { atoms } from '../values.ts';
import { child, childAt, forEver, inSuite, leaves, nodes, numbered, waitFor } from './kernelKit.ts';

const [here, there] = nodes;
const reason = a('reason');

/** Looks at what a process does, of what it is asked for. */
class Trace {
  readonly ring = new TraceRing(1_000);
  readonly #names = new Map<Pid, string>();

  constructor(cluster: Cluster) {
    nodeOf(cluster, here).tracer = this.ring;
  }
  of(self: Self, pid: Pid, flags: number, name: string): void {
    this.named(pid, name);
    processOf(self, pid).traceFlags = flags;
  }
  named(pid: Pid, name: string): void {
    this.#names.set(pid, name);
  }
  /** What came since the last time, of one process where said. */
  *seen(of?: Pid): Flow<readonly string[]> {
    yield* sleep(20);
    return this.ring
      .drain()
      .filter(({ pid }) => of === undefined || pid === of)
      .map(({ is, pid, subject, value }) => {
        const about = [subject, value].flatMap((one) => (one === null ? [] : [this.#text(one)]));
        return [this.#text(pid), is, ...about].join(' ');
      });
  }
  #text(value: unknown): string {
    for (const [pid, name] of this.#names) if (pid === value) return name;
    return typeof value === 'string' ? value : shown(value);
  }
}

function processOf(self: Self, pid: Pid): Process {
  const process = self.inspect(pid);
  if (process === null) throw new Error('It has ended.');
  return process;
}

/** A process that runs what it is given, one after the other: `work` is looked for when a message comes. */
function worker(self: Self): { readonly pid: Pid; do(work: (own: Self) => Flow<void> | void): Flow<void> } {
  const queue: ((own: Self) => Flow<void> | void)[] = [];
  const pid = child(self, function* (own) {
    for (;;) {
      yield* waitFor(a('work'));
      const answer = queue.shift()?.(own);
      if (answer !== undefined) yield* answer;
    }
  });
  return {
    pid,
    *do(work) {
      queue.push(work);
      self.send(pid, a('work'));
      yield* sleep(5);
    },
  };
}

describe('trace_SUITE', () => {
  // @otp trace_SUITE:link_receive_call_correlation
  it('a message is received before the call that it leads to, and links stand in order among messages', () => {
    inSuite(function* (self, cluster) {
      const trace = new Trace(cluster);
      const many = 100;
      const receiver = child(self, function* (own) {
        for (;;) {
          const message = yield* receive();
          if (message === a('stop')) return;
          own.called('suite', 'receive_msg', [Number(message)]);
        }
      });
      yield* sleep(1);
      trace.named(self.pid, 'parent');
      trace.of(self, receiver, traceFlag.receive | traceFlag.procs | traceFlag.call, 'receiver');
      for (let n = many; n > 0; n -= 1) {
        if (n % 2 === 0) self.link(receiver);
        else self.unlink(receiver);
        self.send(receiver, n);
      }
      self.send(receiver, a('stop'));
      const seen = yield* trace.seen(receiver);
      const at = (text: string): number => seen.indexOf(text);
      for (let n = many; n > 0; n -= 1) {
        expect(at(`receiver receive ${n}`)).toBeGreaterThan(-1);
        expect(at(`receiver call [${n}]`)).toBeGreaterThan(at(`receiver receive ${n}`));
      }
      const links = seen
        .filter((text) => / (receive \d|getting_)/.test(text))
        .map((text) => text.replace(/ parent$/, ''));
      expect(links).toEqual(
        Array.from({ length: many }, (_, down) => many - down).flatMap((n) => [
          `receiver getting_${n % 2 === 0 ? 'linked' : 'unlinked'}`,
          `receiver receive ${n}`,
        ]),
      );
    });
  });

  // @otp trace_SUITE:self_send
  it('what a process sends to itself is traced as sent and as received', () => {
    inSuite(function* (self, cluster) {
      const trace = new Trace(cluster);
      const sender = child(self, function* (own) {
        yield* waitFor(a('go_ahead'));
        own.send(own.pid, a('from_myself'));
        yield* waitFor(a('from_myself'));
        own.send(self.pid, a('done'));
      });
      trace.named(self.pid, 'parent');
      trace.of(self, sender, traceFlag.send | traceFlag.receive, 'sender');
      self.send(sender, a('go_ahead'));
      yield* waitFor(a('done'));
      expect(yield* trace.seen()).toEqual([
        'sender receive go_ahead',
        'sender send sender from_myself',
        'sender receive from_myself',
        'sender send parent done',
      ]);
    });
  });

  // @otp trace_SUITE:procs_trace
  it('spawns, links, names and ends are told by both sides, the end before the name that goes with it', () => {
    inSuite(function* (self, cluster) {
      self.trapExit(true);
      const trace = new Trace(cluster);
      const one = worker(self);
      const two = worker(self);
      self.link(one.pid);
      trace.named(two.pid, 'two');
      trace.of(self, one.pid, traceFlag.procs | traceFlag.setOnSpawn, 'one');
      const three = yield* begotten(self, trace, one, 'three');
      expect(yield* trace.seen()).toEqual([
        'one spawn three',
        'three spawned one',
        'one link three',
        'three getting_linked one',
      ]);
      yield* one.do((own) => {
        own.trapExit(true);
      });
      self.send(three, reason);
      expect(yield* trace.seen()).toEqual(['three exit reason', 'one getting_unlinked three']);
      yield* one.do((own) => {
        own.trapExit(false);
        own.link(two.pid);
      });
      expect(yield* trace.seen()).toEqual(['one link two']);
      yield* one.do((own) => {
        own.unlink(two.pid);
      });
      expect(yield* trace.seen()).toEqual(['one unlink two']);
      yield* two.do((own) => {
        own.link(one.pid);
      });
      expect(yield* trace.seen()).toEqual(['one getting_linked two']);
      yield* two.do((own) => {
        own.unlink(one.pid);
      });
      expect(yield* trace.seen()).toEqual(['one getting_unlinked two']);
      self.register(a('named'), one.pid);
      expect(yield* trace.seen()).toEqual(['one register named']);
      self.unregister(a('named'));
      expect(yield* trace.seen()).toEqual(['one unregister named']);

      const four = yield* begotten(self, trace, one, 'four');
      self.register(a('named'), one.pid);
      expect(yield* trace.seen(one.pid)).toEqual(['one spawn four', 'one link four', 'one register named']);
      self.send(four, reason);
      expect(yield* trace.seen(one.pid)).toEqual(['one exit reason', 'one unregister named']);
      trace.of(self, two.pid, traceFlag.procs, 'two');
      yield* two.do((own) => own.exit(reason));
      expect(yield* trace.seen()).toEqual(['two exit reason']);
    });
  });

  // @otp trace_SUITE:dist_procs_trace
  it('links to and from another node are told as those within one', () => {
    inSuite(function* (self, cluster) {
      self.trapExit(true);
      const trace = new Trace(cluster);
      const one = worker(self);
      self.link(one.pid);
      trace.of(self, one.pid, traceFlag.procs, 'one');
      const told: Pid[] = [];
      yield* one.do(function* (own) {
        const pid = yield* childAt(
          own,
          there,
          function* (far) {
            yield* waitFor(reason);
            far.exit(reason);
          },
          { link: true },
        );
        trace.named(pid, 'three');
        told.push(pid);
        own.trapExit(true);
      });
      expect(yield* trace.seen()).toEqual(['one link three']);
      const [three] = told;
      if (three === undefined) throw new Error('It was not spawned.');
      self.send(three, reason);
      expect(yield* trace.seen()).toEqual(['one getting_unlinked three']);
      const two = yield* childAt(self, there, function* (far) {
        for (;;) {
          const message = yield* receive();
          if (message === a('link')) far.link(one.pid);
          if (message === a('unlink')) far.unlink(one.pid);
          if (message === reason) far.exit(reason);
        }
      });
      trace.named(two, 'two');
      yield* one.do((own) => {
        own.trapExit(false);
        own.link(two);
      });
      expect(yield* trace.seen()).toEqual(['one link two']);
      yield* one.do((own) => {
        own.unlink(two);
      });
      expect(yield* trace.seen()).toEqual(['one unlink two']);
      self.send(two, a('link'));
      expect(yield* trace.seen()).toEqual(['one getting_linked two']);
      self.send(two, a('unlink'));
      expect(yield* trace.seen()).toEqual(['one getting_unlinked two']);
      yield* one.do((own) => {
        own.link(two);
        own.register(a('named'), own.pid);
      });
      expect(yield* trace.seen()).toEqual(['one link two', 'one register named']);
      self.send(two, reason);
      expect(yield* trace.seen()).toEqual(['one exit reason', 'one unregister named']);
    });
  });

  // @otp trace_SUITE:set_on_spawn
  it('with set_on_spawn children are traced, and theirs', () => {
    inSuite(function* (self, cluster) {
      const trace = new Trace(cluster);
      const names: string[] = [];
      const sends = (generation: number) =>
        function* (own: Self): Flow<void> {
          names.push(`of ${String(generation)}`);
          own.send(self.pid, a('traced'));
          if (generation < 2) for (let n = 0; n < 2; n += 1) child(own, sends(generation + 1));
          yield* forEver();
        };
      const father = child(self, sends(0));
      trace.of(self, father, traceFlag.send | traceFlag.setOnSpawn, 'father');
      const sent = (yield* trace.seen()).filter((event) => event.includes('send'));
      expect(names).toHaveLength(7);
      expect(sent).toHaveLength(7);
    });
  });
});

describe('tracer_SUITE', () => {
  const seenOf = (flags: number, work: (own: Self, helper: Pid) => Flow<void> | void): readonly string[] =>
    inSuite(function* (self, cluster) {
      const trace = new Trace(cluster);
      const traced = worker(self);
      const helper = child(self, forEver);
      trace.named(helper, 'helper');
      trace.of(self, traced.pid, flags, 'traced');
      yield* traced.do((own) => work(own, helper));
      return yield* trace.seen();
    });
  const every = traceFlag.send | traceFlag.call | traceFlag.procs;

  // @otp tracer_SUITE:send tracer_SUITE:recv tracer_SUITE:call tracer_SUITE:spawn tracer_SUITE:exit tracer_SUITE:link
  // @otp tracer_SUITE:unlink tracer_SUITE:register tracer_SUITE:unregister
  it.each([
    ['send', traceFlag.send, (own: Self, helper: Pid) => own.send(helper, a('ok')), ['traced send helper ok']],
    ['receive', traceFlag.receive, () => undefined, ['traced receive work']],
    [
      'call',
      traceFlag.call,
      function* (own: Self) {
        yield* own.apply('kit', 'run', [numbered(() => sleep(0))]);
      },
      [expect.stringMatching(/^traced call \[\d+\]$/)],
    ],
    ['spawn', traceFlag.procs, (own: Self) => void child(own, forEver), ['traced spawn pid']],
    ['exit', traceFlag.procs, (own: Self) => own.exit(atoms.normal), ['traced exit normal']],
    ['link', traceFlag.procs, (own: Self, helper: Pid) => own.link(helper), ['traced link helper']],
    [
      'unlink',
      traceFlag.procs,
      (own: Self, helper: Pid) => {
        own.link(helper);
        own.unlink(helper);
      },
      ['traced link helper', 'traced unlink helper'],
    ],
    [
      'register',
      traceFlag.procs,
      (own: Self) => {
        own.register(a('me'), own.pid);
        own.unregister(a('me'));
      },
      ['traced register me', 'traced unregister me'],
    ],
  ] as const)('%s is told with its flag, and without it is not', (_kind, flag, work, expected) => {
    expect(seenOf(flag, work)).toEqual(expected);
    expect(seenOf((every | traceFlag.receive) & ~flag & ~traceFlag.receive, work)).toEqual([]);
  });

  // @otp tracer_SUITE:getting_linked tracer_SUITE:getting_unlinked
  it('what others link and unlink is told', () => {
    const work = (own: Self): void => {
      const me = own.pid;
      child(own, function* (other) {
        other.link(me);
        other.unlink(me);
        yield* sleep(0);
      });
    };
    expect(seenOf(traceFlag.procs, work)).toEqual([
      'traced spawn pid',
      'traced getting_linked pid',
      'traced getting_unlinked pid',
    ]);
    expect(seenOf(traceFlag.send, work)).toEqual([]);
  });

  // @otp tracer_SUITE:in tracer_SUITE:out
  it('a turn begins and ends', () => {
    const events = seenOf(traceFlag.running, () => sleep(1));
    expect(events).toEqual(['traced in', 'traced out', 'traced in', 'traced out']);
  });
});

/** A linked child of the worker that ends with the reason that it is sent. */
function* begotten(self: Self, trace: Trace, by: ReturnType<typeof worker>, name: string): Flow<Pid> {
  const born: Pid[] = [];
  yield* by.do((own) => {
    const pid = child(
      own,
      function* (me) {
        yield* waitFor(reason);
        yield* leaves(reason)(me);
      },
      { link: true },
    );
    trace.named(pid, name);
    born.push(pid);
  });
  const [pid] = born;
  if (pid === undefined || !self.isAlive(pid)) throw new Error('It was not born.');
  return pid;
}
