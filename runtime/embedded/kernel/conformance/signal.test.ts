/** Cases of OTP 25's signal_SUITE. */
import { describe, expect, it } from 'vitest';
import type { Pid } from '../../../term/values.ts';
import { a, tup } from '../../../term/values.ts';
import { inProcess } from '../../testKit.ts';
import type { Flow, Received } from '../flow.ts';
import { receive, sleep, timedOut, yieldTurn } from '../flow.ts';
import type { Destination, Self } from '../self.ts';
import { atoms, elementsOf, tagged } from '../values.ts';
import { child, childAt, down, forEver, inSuite, next, nodes, suiteCluster, waitFor } from './kernelKit.ts';

const [here, there] = nodes;

/** A message that is sure to be a reference, a pid or an alias: sent by the case itself. */
function isDestination(value: Received | undefined): value is Pid {
  return typeof value === 'object' && value !== null && 'node' in value;
}

describe('signal_SUITE', () => {
  // @otp signal_SUITE:xm_sig_order
  it.each(nodes)('messages and exit signals of one sender keep their order, to %s', (node) => {
    for (let seed = 1; seed <= 100; seed += 1) {
      inProcess(suiteCluster(seed, 'random'), function* (self) {
        const pid = yield* childAt(self, node, function* (own) {
          for (;;) {
            const message = yield* receive({ match: (candidate) => candidate === a('may_not_reach'), afterMs: 0 });
            if (message !== timedOut) own.exit(a('bad_signal_order'));
            yield* receive({ match: (candidate) => candidate === a('may_reach'), afterMs: 0 });
            yield* yieldTurn();
            yield* sleep(0.1);
          }
        });
        const ref = self.monitor(pid);
        for (let n = 0; n < 3; n += 1) self.send(pid, a('may_reach'));
        self.sendExit(pid, a('good_signal_order'));
        for (let n = 0; n < 3; n += 1) self.send(pid, a('may_not_reach'));
        expect((yield* down(ref)).why).toBe('good_signal_order');
      });
    }
  });

  // @otp signal_SUITE:kill2killed
  it.each([
    ['other_exit2', 'killed'],
    ['exit2', 'killed'],
    ['exit1', 'kill'],
  ])('through lines of links over two nodes, %s with kill arrives as %s', (how, expected) => {
    for (const length of [1, 2, 9, 10]) {
      for (const [first, second] of [
        [here, here],
        [there, here],
      ]) {
        inSuite(function* (self) {
          self.trapExit(true);
          const line = (left: number): ((own: Self) => Flow<void>) =>
            function* (own) {
              if (left > 0) {
                yield* childAt(own, (length - left) % 2 === 0 ? String(second) : String(first), line(left - 1), {
                  link: true,
                });
              } else if (how === 'other_exit2') own.send(self.pid, tup(a('end_of_line'), own.pid));
              else if (how === 'exit2') own.sendExit(own.pid, atoms.kill);
              else own.exit(atoms.kill);
              yield* forEver();
            };
          yield* childAt(self, String(first), line(length), { link: true });
          if (how === 'other_exit2') {
            const message = yield* receive({ match: (candidate) => tagged(candidate, a('end_of_line'), 2) !== null });
            const [, last] = elementsOf(message === timedOut ? null : message) ?? [];
            self.sendExit(last as Pid, atoms.kill);
          }
          expect(yield* next(5000)).toBe(`{EXIT,pid,${expected}}`);
        });
      }
    }
  });

  // @otp signal_SUITE:unlink_exit
  it('who links to one that unlinked it and is ending gets noproc, or the link in time', () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      inProcess(suiteCluster(seed, 'random'), function* (self) {
        const parent = child(self, function* (own) {
          const linked = child(
            own,
            function* (kid) {
              kid.trapExit(true);
              const order = yield* receive({ match: (message) => tagged(message, a('parent'), 2) !== null });
              const [, other] = elementsOf(order === timedOut ? null : order) ?? [];
              kid.send(other as Pid, a('go'));
              // The link that the parent ends is gone when this one is made.
              yield* sleep(1);
              kid.link(other as Pid);
              kid.exit(a(yield* next()));
            },
            { link: true },
          );
          own.send(self.pid, linked);
          yield* waitFor(a('go'));
          own.unlink(linked);
          own.exit(a('bye'));
        });
        const linked = yield* receive();
        if (!isDestination(linked)) throw new Error('There is no pid.');
        const ref = self.monitor(linked);
        self.send(linked, tup(a('parent'), parent));
        expect((yield* down(ref)).why).toBe('{EXIT,pid,noproc}');
      });
    }
  });

  // @otp signal_SUITE:monitor_order
  it('messages that were sent before the end come before the DOWN', () => {
    for (let seed = 1; seed <= 100; seed += 1) {
      inProcess(suiteCluster(seed, 'random'), function* (self) {
        const pid = child(self, function* (own) {
          yield* waitFor(a('go'));
          own.send(self.pid, a('first'));
          own.send(self.pid, a('second'));
        });
        self.monitor(pid);
        self.send(pid, a('go'));
        expect([yield* next(), yield* next(), yield* next()]).toEqual([
          'first',
          'second',
          '{DOWN,ref,process,pid,normal}',
        ]);
      });
    }
  });

  // @otp signal_SUITE:monitor_named_order_local signal_SUITE:monitor_named_order_remote
  it.each(nodes)(
    'by pid, name and aliases in turn, all come in order and the DOWN of the name last, from %s',
    (node) => {
      for (let seed = 1; seed <= 10; seed += 1) {
        inProcess(suiteCluster(seed, 'random'), function* (self) {
          self.register(a('tester'), self.pid);
          const alias = self.alias();
          const count = 400 + seed;
          const sender = yield* childAt(self, node, function* (own) {
            own.register(a('sender'), own.pid);
            own.send(self.pid, a('ready'));
            const monitor = yield* receive();
            if (!isDestination(monitor)) return;
            const to: readonly Destination[] = [self.pid, tup(a('tester'), a(here)), alias, monitor];
            for (let n = 0; n < count; n += 1) own.send(to[n % 4] ?? self.pid, n);
          });
          expect(yield* next()).toBe('ready');
          const monitor = self.monitor(tup(a('sender'), a(node)), { alias: 'explicit_unalias' });
          self.send(sender, monitor);
          for (let n = 0; n < count; n += 1) expect(yield* next()).toBe(String(n));
          expect(yield* next()).toBe(`{DOWN,ref,process,{sender,${node}},normal}`);
          expect(yield* next(20)).toBe('timeout');
        });
      }
    },
  );

  // @otp signal_SUITE:monitor_nodes_order
  it('nodeup comes before all, and nodedown behind all, that the processes of a node sent', () => {
    inSuite(function* (self, cluster) {
      yield* self.apply('net_kernel', 'monitor_nodes', [true, [a('nodedown_reason')]]);
      cluster.crashNode(there);
      expect(yield* next(1000)).toMatch(new RegExp(`^\\{nodedown,${there},`));
      cluster.startNode(there);
      expect(yield* next(1000)).toMatch(new RegExp(`^\\{nodeup,${there},`));
      for (let n = 0; n < 20; n += 1) {
        yield* childAt(self, there, function* (own) {
          for (let at = 1; ; at += 1) {
            own.send(self.pid, tup(a('spam'), own.pid, at));
            yield* sleep(0.5);
          }
        });
      }
      const counts = new Map<unknown, number>();
      let toCome = 500;
      for (;;) {
        const message = yield* receive({ afterMs: 1000 });
        const [tag, from, at] = elementsOf(message === timedOut ? null : message) ?? [];
        if (tag !== a('spam')) {
          expect(tag).toBe(a('nodedown'));
          break;
        }
        expect(at).toBe((counts.get(from) ?? 0) + 1);
        counts.set(from, Number(at));
        if ((toCome -= 1) === 0) cluster.crashNode(there);
      }
      expect(counts.size).toBe(20);
      expect(yield* next(100)).toBe('timeout');
    });
  });

  // @otp signal_SUITE:simultaneous_signals_basic signal_SUITE:simultaneous_signals_recv signal_SUITE:simultaneous_signals_exit signal_SUITE:simultaneous_signals_recv_exit
  it.each([
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ])('many signals at once are all taken; receiving %s, with exits %s', (receives, exits) => {
    inSuite(function* (self) {
      const watched = Array.from({ length: 50 }, () => {
        const pid = child(self, function* (own) {
          own.processFlag(a('message_queue_data'), a('off_heap'));
          if (receives) {
            let got: Received = 0;
            while (got !== timedOut)
              got = yield* receive({ match: (message) => elementsOf(message) !== null, afterMs: 1 });
          }
          yield* waitFor(a('check'));
        });
        return { pid, ref: self.monitor(pid) };
      });
      for (const { pid } of watched) {
        for (let n = 1; n <= 500; n += 1) self.send(pid, n % 100 === 0 ? tup(n, n) : n);
      }
      if (exits) for (const { pid } of watched) self.sendExit(pid, a('terminated'));
      yield* sleep(10);
      for (const { pid } of watched) self.send(pid, a('check'));
      for (const { ref } of watched) expect((yield* down(ref)).why).toBe(exits ? 'terminated' : 'normal');
    });
  });

  it('who is asked by many at once answers all, and ends for all', () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      inProcess(suiteCluster(seed, 'random'), function* (self) {
        const busy = child(self, forEver);
        for (let n = 0; n < 30; n += 1) {
          child(self, function* (own) {
            own.trapExit(true);
            const refs = [own.monitor(busy), own.monitor(busy)];
            own.link(busy);
            own.unlink(busy);
            own.demonitor(refs[0] ?? own.makeRef());
            own.send(busy, n);
            own.send(self.pid, own.isAlive(busy));
            if (n === 29) own.sendExit(busy, a('bang'));
            const { why } = yield* down(refs[1] ?? own.makeRef());
            own.send(self.pid, a(why));
          });
        }
        const told: string[] = [];
        for (let n = 0; n < 60; n += 1) told.push(yield* next());
        expect(told.filter((one) => one === 'bang' || one === 'noproc')).toHaveLength(30);
        expect(told.filter((one) => one === 'true' || one === 'false')).toHaveLength(30);
        expect(self.isAlive(busy)).toBe(false);
      });
    }
  });
});
