/** Cases of OTP 25's receive_SUITE. Where OTP measures, looked-at messages are counted: that is what the receive marker is for. */
import { describe, expect, it } from 'vitest';
import type { Pid, Ref, Value } from '../../../term/values.ts';
import { a, tup } from '../../../term/values.ts';
import { inProcess } from '../../testKit.ts';
import type { Flow } from '../flow.ts';
import { receive, sleep, timedOut, yieldTurn } from '../flow.ts';
import type { Self } from '../self.ts';
import { elementsOf } from '../values.ts';
import { child, inSuite, next, suiteCluster, waitFor } from './kernelKit.ts';

/** Answers `{Ref, From, Message, Times}` with `{Ref, Message}`, so many times. */
function* echo(own: Self): Flow<void> {
  for (;;) {
    const message = yield* receive();
    const [ref, from, what, times] = elementsOf(message === timedOut ? null : message) ?? [];
    for (let n = 0; n < Number(times); n += 1) own.send(from as Pid, tup(ref as Ref, what as Value));
  }
}

/** A call by a monitor's reference, `times` answers; `between` runs while they are on their way. Answers how many messages it looked at. */
function* call(self: Self, server: Pid, what: Value, times: number, between: () => Flow<void> = none): Flow<number> {
  let looked = 0;
  const ref = self.monitor(server);
  self.send(server, tup(ref, self.pid, what, times));
  yield* between();
  for (let n = 0; n < times; n += 1) {
    const answer = yield* receive({
      marker: ref,
      match: (message) => {
        looked += 1;
        return elementsOf(message)?.[0] === ref;
      },
    });
    expect(elementsOf(answer === timedOut ? null : answer)?.[1]).toEqual(what);
  }
  self.demonitor(ref, { flush: true });
  return looked;
}
function* none(): Flow<void> {
  yield* [];
}
function fill(self: Self, count: number): void {
  for (let n = 0; n < count; n += 1) self.send(self.pid, n);
}

describe('receive_SUITE', () => {
  // @otp receive_SUITE:call_with_huge_message_queue
  it('a call looks at nothing that was in the mailbox before it', () => {
    inSuite(function* (self) {
      const server = child(self, echo, { link: true });
      fill(self, 100_000);
      for (let round = 0; round < 100; round += 1)
        expect(yield* call(self, server, a('answer'), 1)).toBeLessThanOrEqual(1);
      expect(self.messageQueueLength).toBe(100_000);
    });
  });

  // @otp receive_SUITE:receive_in_between
  it('another receive between the reference and its own changes nothing', () => {
    inSuite(function* (self) {
      const server = child(self, echo, { link: true });
      const dummy = a('dummy');
      for (let round = 0; round < 10_000; round += 1) {
        self.send(self.pid, dummy);
        yield* call(self, server, a('b'), 1, function* () {
          yield* waitFor(dummy);
        });
      }
      expect(yield* next(0)).toBe('timeout');
    });
  });

  // @otp receive_SUITE:receive_opt_exception
  it('a reference that was given up by a throw leaves the next one alone', () => {
    inSuite(function* (self) {
      const take = function* (disturb: () => Flow<void>): Flow<void> {
        const ref = self.makeRef();
        self.send(self.pid, ref);
        yield* disturb();
        const got = yield* receive({ marker: ref, match: (message) => message === ref, afterMs: 0 });
        expect(got).toBe(ref);
      };
      yield* take(function* () {
        try {
          yield* take(function* () {
            yield* [];
            throw new Error('aborted');
          });
        } catch (thrown) {
          expect(thrown).toEqual(new Error('aborted'));
        }
      });
      expect(yield* next(0)).toBe('ref');
    });
  });

  // @otp receive_SUITE:receive_opt_recursion
  it('nor does one within whose message never comes', () => {
    inSuite(function* (self) {
      const take = function* (to: Pid, disturb: () => Flow<void>): Flow<boolean> {
        const ref = self.makeRef();
        self.send(to, ref);
        yield* disturb();
        return (yield* receive({ marker: ref, match: (message) => message === ref, afterMs: 0 })) === ref;
      };
      const blackHole = child(self, () => sleep(0));
      let inner = true;
      const outer = yield* take(self.pid, function* () {
        inner = yield* take(blackHole, none);
      });
      expect([inner, outer]).toEqual([false, true]);
    });
  });

  // @otp receive_SUITE:multi_recv_opt receive_SUITE:multi_recv_opt_clear
  it('calls within calls find their answers, whatever waits in front of them', () => {
    inSuite(function* (self) {
      const server = child(self, echo, { link: true });
      fill(self, 20_000);
      for (let round = 0; round < 5; round += 1) {
        yield* call(self, server, a('one'), 100, function* () {
          yield* call(self, server, a('two'), 100, function* () {
            yield* call(self, server, a('three'), 100);
          });
          for (let n = 0; n < 10; n += 1) yield* call(self, server, tup(a('two'), n), 2);
        });
      }
      let left = 0;
      while ((yield* receive({ afterMs: 0 })) !== timedOut) left += 1;
      expect(left).toBe(20_000);
    });
  });

  // @otp receive_SUITE:erl_1199
  it('a waiting caller answers again, after any number of messages and exit signals', () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      inProcess(suiteCluster(seed, 'random'), function* (self) {
        const blipp = tup(a('blipp'));
        const client = child(self, function* (own) {
          const server = yield* receive();
          for (;;) {
            const ref = own.monitor(server as Pid);
            own.send(server as Pid, ref);
            yield* yieldTurn();
            yield* receive({ marker: ref, match: (message) => message === ref || elementsOf(message)?.[1] === ref });
            own.demonitor(ref, { flush: true });
            for (;;) {
              const got = yield* receive({ match: (message) => elementsOf(message)?.[0] === a('blipp'), afterMs: 0 });
              if (got === timedOut) break;
            }
            const check = yield* receive({ match: (message) => message === a('responsive_check'), afterMs: 0 });
            if (check !== timedOut) own.send(self.pid, a('responsive'));
          }
        });
        const server = child(self, function* (own) {
          for (let round = 0; round < 30; round += 1) {
            const ref = yield* receive();
            const shower = (count: number): void => {
              for (let n = 0; n < count; n += 1) {
                own.send(client, blipp);
                own.sendExit(client, a('normal'));
              }
            };
            shower(50 + Math.floor(own.random() * 200));
            if (ref !== timedOut) own.send(client, ref);
            shower(Math.floor(own.random() * 200));
          }
          yield* sleep(1_000_000);
        });
        self.send(client, server);
        self.send(client, a('responsive_check'));
        expect(yield* next(5000)).toBe('responsive');
        self.sendExit(client, a('kill'));
        expect(self.isAlive(client)).toBe(false);
      });
    }
  });
});
