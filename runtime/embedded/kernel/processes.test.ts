import { describe, expect, it } from 'vitest';
import type { Value } from '../../term/values.ts';
import { a, Pid, Ref, Tuple, tup } from '../../term/values.ts';
import { inProcess, mailboxOf, nodeOf, shown, spawn, testCluster, testModule } from '../testKit.ts';
import { ErrorException, ExitException, reasonOf, ThrownValue } from './exceptions.ts';
import type { Flow, Received } from './flow.ts';
import { receive, sleep, timedOut, yieldTurn } from './flow.ts';
import { reductionsPerTurn } from './turn.ts';
import { defaultProcessLimit } from './world.ts';
import type { Self } from './self.ts';
import { atoms, isList, tagged } from './values.ts';

const forEver = (): Flow<void> => sleep(1_000_000_000);

function child(self: Self, run: (own: Self) => Flow<unknown>, options: { readonly link?: boolean } = {}): Pid {
  return self.spawnBody({ is: 'flow', run }, { module: 'test', function: 'child', arity: 0 }, options);
}
function text(message: Received): string {
  return message === timedOut ? 'timeout' : shown(message);
}
function* take(afterMs = 100): Flow<string> {
  return text(yield* receive({ afterMs }));
}
/** What the process ends with when it runs this. */
function endOf(run: (self: Self) => Flow<unknown>, trap = false): string {
  const cluster = testCluster();
  return inProcess(cluster, function* (self) {
    const pid = child(self, function* (own) {
      own.trapExit(trap);
      return yield* run(own);
    });
    const ref = self.monitor(pid);
    const down = yield* receive({ match: (message) => message instanceof Tuple && message.elements[1] === ref });
    return down instanceof Tuple ? shown(down.elements[4]) : 'nothing';
  });
}

describe('messages', () => {
  it('arrive in the order in which one process sent them', () => {
    const got = inProcess(testCluster(), function* (self) {
      const me = self.pid;
      child(self, function* (own) {
        for (let n = 0; n < 5000; n += 1) own.send(me, n);
        yield* yieldTurn();
      });
      const seen: Received[] = [];
      while (seen.length < 5000) seen.push(yield* receive());
      return seen;
    });
    expect(got).toEqual(Array.from({ length: 5000 }, (_, n) => n));
  });

  it('are matched in order of arrival; those refused stay for later', () => {
    const got = inProcess(testCluster(), function* (self) {
      for (const name of ['x', 'y', 'x', 'z']) self.send(self.pid, a(name));
      const is = (name: string) => (message: Value) => message === a(name);
      const z = text(yield* receive({ match: is('z') }));
      const y = text(yield* receive({ match: is('y') }));
      return [z, y, yield* take(), yield* take(), yield* take(0)];
    });
    expect(got).toEqual(['z', 'y', 'x', 'x', 'timeout']);
  });

  it('a time-out of 0 looks once; a later one fires when nothing came', () => {
    const cluster = testCluster();
    const [none, waited, came] = inProcess(cluster, function* (self) {
      const nothing = yield* take(0);
      const since = self.nowMs;
      const late = yield* take(70);
      const waitedMs = self.nowMs - since;
      self.sendAfter(5, self.pid, a('tick'));
      return [nothing, late === 'timeout' ? waitedMs : -1, yield* take(70)] as const;
    });
    expect(none).toBe('timeout');
    expect(waited).toBeGreaterThanOrEqual(70);
    expect(came).toBe('tick');
    expect(cluster.timers.size).toBe(0);
  });

  it('a reference made for a call lets it skip what was in the mailbox before', () => {
    let looked = 0;
    inProcess(testCluster(), function* (self) {
      for (let n = 0; n < 10_000; n += 1) self.send(self.pid, n);
      const ref = self.makeRef();
      self.send(self.pid, ref);
      self.send(self.pid, a('after'));
      const match = (message: Value): boolean => {
        looked += 1;
        return message === ref;
      };
      const first = yield* receive({ marker: ref, match });
      expect(first).toBe(ref);
      // What came before is still there, in order.
      expect([yield* take(), yield* take()]).toEqual(['0', '1']);
    });
    expect(looked).toBe(1);
  });

  it('to an unknown name is badarg here, and silent elsewhere or to a dead process', () => {
    expect(
      endOf(function* (self) {
        yield* yieldTurn();
        self.send(a('nobody'), 1);
      }),
    ).toBe('{badarg,[]}');
    expect(
      endOf(function* (self) {
        self.send(tup(a('nobody'), a(self.node)), 1);
        self.send(tup(a('nobody'), a('other@sim')), 1);
        self.send(new Pid(self.node, 1, 9999, 0), 1);
        yield* yieldTurn();
      }),
    ).toBe('normal');
  });

  it('timers can be cancelled, and say how long they had left', () => {
    const got = inProcess(testCluster(), function* (self) {
      const timer = self.sendAfter(100, self.pid, a('late'));
      yield* sleep(40);
      const left = self.cancelTimer(timer);
      const again = self.cancelTimer(timer);
      self.register(a('me'), self.pid);
      self.sendAfter(1, a('me'), a('named'));
      return [left, again, yield* take(200), yield* take(200)] as const;
    });
    expect(got[0]).toBeGreaterThan(0);
    expect(got[0]).toBeLessThanOrEqual(60);
    expect(got.slice(1)).toEqual([null, 'named', 'timeout']);
  });
});

describe('links', () => {
  it('to a dead process: noproc as an error, or as a message when exits are trapped', () => {
    const dead = (self: Self): Pid => new Pid(self.node, 1, 9999, 0);
    const run = function* (self: Self): Flow<void> {
      self.link(dead(self));
      const message = yield* receive({ afterMs: 10 });
      self.exit(message === timedOut ? 'nothing' : message);
    };
    expect(endOf(run)).toBe('{noproc,[]}');
    expect(endOf(run, true)).toBe('{EXIT,pid,noproc}');
  });

  it('to itself and twice to the same change nothing, and an unlinked one is heard no more', () => {
    const got = inProcess(testCluster(), function* (self) {
      self.trapExit(true);
      self.link(self.pid);
      const one = child(self, forEver, { link: true });
      const other = child(self, forEver, { link: true });
      self.link(one);
      self.unlink(one);
      self.unlink(one);
      self.sendExit(one, a('boom'));
      self.sendExit(other, a('bang'));
      return [yield* take(), yield* take()];
    });
    expect(got).toEqual(['{EXIT,pid,bang}', 'timeout']);
  });

  it('carry an end through a long chain', () => {
    const cluster = testCluster();
    const node = nodeOf(cluster);
    const before = node.processes.size;
    const chain = (left: number) =>
      function* (self: Self): Flow<void> {
        if (left > 0) child(self, chain(left - 1), { link: true });
        yield* forEver();
      };
    const first = spawn(node, chain(20_000));
    cluster.runUntil(cluster.nowMs + 10);
    expect(node.processes.size).toBe(before + 20_001);
    node.exitSignal(first, first.pid, a('boom'), 'asked');
    expect(node.processes.size).toBe(before);
  });
});

describe('monitors', () => {
  it('stack, fire once each, and tell noproc of what is not there', () => {
    const got = inProcess(testCluster(), function* (self) {
      const pid = child(self, forEver);
      self.monitor(pid);
      self.monitor(pid);
      self.sendExit(pid, a('boom'));
      const seen = [yield* take(), yield* take(), yield* take()];
      self.monitor(pid);
      self.monitor(a('nobody'));
      return [...seen, yield* take(), yield* take()];
    });
    expect(got).toEqual([
      '{DOWN,ref,process,pid,boom}',
      '{DOWN,ref,process,pid,boom}',
      'timeout',
      '{DOWN,ref,process,pid,noproc}',
      '{DOWN,ref,process,{nobody,one@sim},noproc}',
    ]);
  });

  it('EXIT precedes DOWN for the same pair, and a name is free before DOWN is seen', () => {
    const got = inProcess(testCluster(), function* (self) {
      self.trapExit(true);
      const pid = child(self, forEver, { link: true });
      self.register(a('worker'), pid);
      self.monitor(a('worker'), { tag: a('GONE') });
      self.sendExit(pid, a('boom'));
      const seen = [yield* take(), yield* take()];
      return [...seen, shown(self.whereis(a('worker')))];
    });
    expect(got).toEqual(['{EXIT,pid,boom}', '{GONE,ref,process,{worker,one@sim},boom}', 'nil']);
  });

  it('demonitor keeps DOWN away; flush takes one that came already', () => {
    const got = inProcess(testCluster(), function* (self) {
      const pid = child(self, forEver);
      const first = self.monitor(pid);
      const second = self.monitor(pid);
      const was = self.demonitor(first);
      self.sendExit(pid, a('boom'));
      self.send(self.pid, a('other'));
      const gone = self.demonitor(second, { flush: true });
      return [was, gone, yield* take(), yield* take()];
    });
    expect(got).toEqual([true, false, 'other', 'timeout']);
  });

  it('a monitor by name ends when asked, though the name has moved', () => {
    const got = inProcess(testCluster(), function* (self) {
      const first = child(self, forEver);
      self.register(a('worker'), first);
      const ref = self.monitor(a('worker'));
      self.unregister(a('worker'));
      const second = child(self, forEver);
      self.register(a('worker'), second);
      self.demonitor(ref);
      self.sendExit(first, a('boom'));
      self.sendExit(second, a('boom'));
      return yield* take();
    });
    expect(got).toBe('timeout');
  });

  it('an alias takes one reply and ends with it; explicit ones last until unalias', () => {
    const got = inProcess(testCluster(), function* (self) {
      const pid = child(self, forEver);
      const once = self.monitor(pid, { alias: 'reply_demonitor' });
      self.send(once, a('reply'));
      self.send(once, a('late'));
      self.sendExit(pid, a('boom'));
      const lasting = self.alias();
      self.send(lasting, 1);
      self.send(lasting, 2);
      const was = self.unalias(lasting);
      self.send(lasting, 3);
      return [yield* take(), yield* take(), yield* take(), yield* take(), was, self.unalias(lasting)];
    });
    expect(got).toEqual(['reply', '1', '2', 'timeout', true, false]);
  });
});

describe('names', () => {
  it('are one a process and one process a name; they go with the process', () => {
    const got = inProcess(testCluster(), function* (self) {
      const pid = child(self, forEver);
      const outcomes: string[] = [];
      const attempt = (work: () => void): void => {
        try {
          work();
          outcomes.push('ok');
        } catch (thrown) {
          outcomes.push(shown(reasonOf(thrown)));
        }
      };
      attempt(() => self.register(a('worker'), pid));
      attempt(() => self.register(a('worker'), self.pid));
      attempt(() => self.register(a('second'), pid));
      attempt(() => self.register(a('undefined'), self.pid));
      attempt(() => self.register(a('dead'), new Pid(self.node, 1, 9999, 0)));
      self.sendExit(pid, a('boom'));
      attempt(() => self.register(a('worker'), self.pid));
      attempt(() => self.unregister(a('nobody')));
      return [...outcomes, self.registeredName];
    });
    const badarg = '{badarg,[]}';
    expect(got).toEqual(['ok', badarg, badarg, badarg, badarg, 'ok', badarg, 'worker']);
  });
});

describe('ends of a process', () => {
  it.each<[string, () => Error, string]>([
    ['exit', () => new ExitException(a('bye')), 'bye'],
    ['error', () => new ErrorException(a('badarg')), '{badarg,[]}'],
    ['throw', () => new ThrownValue(7), '{{nocatch,7},[]}'],
    ['a JavaScript error', () => new RangeError('too far'), '{{RangeError,"too far"},[]}'],
  ])('by %s has its reason', (_how, make, reason) => {
    expect(
      endOf(function* () {
        yield* yieldTurn();
        throw make();
      }),
    ).toBe(reason);
    expect(shown(reasonOf(7))).toBe('{{nocatch,"7"},[]}');
  });

  it('an exit signal that comes while its code runs takes effect when that gives way', () => {
    const cluster = testCluster();
    let went = 'nowhere';
    const got = inProcess(cluster, function* (self) {
      const pid = child(self, function* (own) {
        const peer = child(own, forEver, { link: true });
        own.sendExit(peer, a('boom'));
        went = 'on';
        yield* yieldTurn();
        went = 'too far';
      });
      self.monitor(pid);
      return yield* take();
    });
    expect(got).toBe('{DOWN,ref,process,pid,boom}');
    expect(went).toBe('on');
  });

  it('exit/2 to itself does not return', () => {
    expect(
      endOf(function* (self) {
        yield* yieldTurn();
        self.sendExit(self.pid, atoms.kill);
        self.exit(a('returned'));
      }, true),
    ).toBe('killed');
  });

  it('a spawned function that does not exist is undef', () => {
    const got = inProcess(testCluster(), function* (self) {
      self.monitor(self.spawn('nowhere', 'run', []));
      const seen = [yield* take()];
      try {
        yield* self.apply('nowhere', 'run', [1]);
      } catch (thrown) {
        seen.push(shown(reasonOf(thrown)));
      }
      return seen;
    });
    expect(got).toEqual(['{DOWN,ref,process,pid,{undef,[{nowhere,run,[],[]}]}}', '{undef,[{nowhere,run,[1],[]}]}']);
  });
});

describe('scheduling', () => {
  it('gives others their turn, though a process never waits', () => {
    const cluster = testCluster();
    const node = nodeOf(cluster);
    let turns = 0;
    const count = function* (): Flow<void> {
      for (;;) {
        turns += 1;
        yield* yieldTurn();
      }
    };
    const busy = spawn(node, function* () {
      for (;;) yield* receive({ afterMs: 0 });
    });
    spawn(node, count);
    let rounds = 0;
    expect(cluster.run(() => ++rounds >= 100)).toBe('more');
    expect(turns).toBeGreaterThanOrEqual(45);
    expect(busy.reductions).toBeLessThanOrEqual(60 * reductionsPerTurn);
  });

  it('counts reductions, for the process and for the node', () => {
    const cluster = testCluster();
    const node = nodeOf(cluster);
    const before = node.scheduler.reductions;
    const process = spawn(node, function* (self) {
      for (let n = 0; n < 100; n += 1) self.makeRef();
      yield* forEver();
    });
    cluster.runUntil(cluster.nowMs + 1);
    expect(process.reductions).toBeGreaterThanOrEqual(100);
    expect(node.scheduler.reductions - before).toBe(process.reductions);
  });

  it('a suspended process does not run until everyone who suspended it has let go', () => {
    const cluster = testCluster();
    const node = nodeOf(cluster);
    let handled = 0;
    const process = spawn(node, function* () {
      for (;;) {
        yield* receive();
        handled += 1;
      }
    });
    const [one, other] = [{}, {}];
    cluster.runUntil(cluster.nowMs + 1);
    for (const owner of [one, one, other]) node.suspend(process, owner);
    node.send(process.pid, a('hello'));
    cluster.runUntil(cluster.nowMs + 1);
    expect([handled, mailboxOf(process)]).toEqual([0, ['hello']]);
    expect(node.resume(process, one)).toBe(true);
    expect(node.resume(process, other)).toBe(true);
    expect(node.resume(process, other)).toBe(false);
    cluster.runUntil(cluster.nowMs + 1);
    expect(handled).toBe(0);
    expect(node.resume(process, one)).toBe(true);
    cluster.runUntil(cluster.nowMs + 1);
    expect(handled).toBe(1);
  });

  it('refuses more processes than a node can have', () => {
    const cluster = testCluster();
    const node = nodeOf(cluster);
    const fill = (): void => {
      for (;;) spawn(node, forEver);
    };
    expect(fill).toThrow(ErrorException);
    expect(node.processes.size).toBe(defaultProcessLimit);
  });
});

describe('between nodes', () => {
  const echo = testModule('echo', {
    *'run/1'(self, to): Flow<Value> {
      if (to instanceof Pid) self.send(to, tup(a('here'), self.pid, a(self.node)));
      yield* sleep(1_000_000);
      return null;
    },
  });

  it('spawns, links, monitors, sends and names by node', () => {
    const cluster = testCluster(['one@sim', 'two@sim'], { modules: [echo] });
    const got = inProcess(cluster, function* (self) {
      self.trapExit(true);
      const pid = yield* self.spawnAt('two@sim', 'echo', 'run', [self.pid], { link: true });
      if (!(pid instanceof Pid)) return ['no pid'];
      const hello = yield* take();
      const ref = self.monitor(pid);
      const other = self.monitor(tup(a('nobody'), a('two@sim')));
      const noproc = yield* take();
      self.unlink(pid);
      self.link(pid);
      self.sendExit(pid, a('boom'));
      const ends = [yield* take(), yield* take()];
      self.link(pid);
      const late = yield* take();
      self.demonitor(ref);
      self.demonitor(other);
      return [hello, noproc, ...ends, late, pid.node];
    });
    expect(got).toEqual([
      '{here,pid,two@sim}',
      '{DOWN,ref,process,{nobody,two@sim},noproc}',
      '{EXIT,pid,boom}',
      '{DOWN,ref,process,pid,boom}',
      '{EXIT,pid,noproc}',
      'two@sim',
    ]);
  });

  it('a monitor that was ended is not heard, and spawning where nobody is says noconnection', () => {
    const cluster = testCluster(['one@sim', 'two@sim'], { modules: [echo] });
    const got = inProcess(cluster, function* (self) {
      const pid = yield* self.spawnAt('two@sim', 'echo', 'run', [null]);
      if (!(pid instanceof Pid)) return ['no pid'];
      const ref = self.monitor(pid);
      yield* sleep(20);
      self.demonitor(ref);
      self.sendExit(pid, a('boom'));
      const nothing = yield* take();
      const nowhere = yield* self.spawnAt('nine@sim', 'echo', 'run', [null]);
      self.monitor(tup(a('x'), a('nine@sim')));
      const here = yield* self.spawnAt('one@sim', 'echo', 'run', [null]);
      return [nothing, shown(nowhere), yield* take(), here instanceof Pid];
    });
    expect(got).toEqual(['timeout', '#{error=>noconnection}', '{DOWN,ref,process,{x,nine@sim},noconnection}', true]);
  });

  it('keeps the order of everything one process does to another', () => {
    const cluster = testCluster(['one@sim', 'two@sim'], { latencyMs: { min: 1, max: 50 } });
    const got = inProcess(cluster, function* (self) {
      const far = spawn(nodeOf(cluster, 'two@sim'), function* (own) {
        const seen: string[] = [];
        for (let n = 0; n < 50; n += 1) seen.push(yield* take(1000));
        own.send(self.pid, seen);
      });
      for (let n = 0; n < 50; n += 1) {
        self.send(far.pid, n);
        if (n % 7 === 0) yield* sleep(1);
      }
      const seen = yield* receive();
      return isList(seen) ? seen : [];
    });
    expect(got).toEqual(Array.from({ length: 50 }, (_, n) => String(n)));
  });
});

describe('small readers', () => {
  it('tagged reads tuples of one shape only', () => {
    expect(tagged(tup(a('x'), 1), a('x'), 2)).toEqual([a('x'), 1]);
    expect(tagged(tup(a('x'), 1), a('y'), 2)).toBeNull();
    expect(tagged(tup(a('x')), a('x'), 2)).toBeNull();
    expect(tagged('x', a('x'), 1)).toBeNull();
    expect(new Ref('n', 1, [1])).toBeInstanceOf(Ref);
  });
});
