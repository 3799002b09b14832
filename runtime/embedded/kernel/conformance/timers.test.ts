/** Cases of OTP 25's timer_bif_SUITE. */
import { describe, expect, it } from 'vitest';
import type { Pid } from '../../../term/values.ts';
import { a, tup } from '../../../term/values.ts';
import { shown } from '../../testKit.ts';
import type { Received } from '../flow.ts';
import { receive, sleep, timedOut } from '../flow.ts';
import type { TimerRef } from '../self.ts';
import { elementsOf } from '../values.ts';
import { child, childAt, fails, forEver, inSuite, next, nodes } from './kernelKit.ts';

const [, there] = nodes;
const big = 2 ** 31;

function isTimeout(message: Received, { ref }: TimerRef, what: string): boolean {
  const elements = elementsOf(message === timedOut ? null : message) ?? [];
  return elements[0] === a('timeout') && elements[1] === ref && elements[2] === a(what);
}

describe('timer_bif_SUITE', () => {
  // @otp timer_bif_SUITE:start_timer_1
  it('start_timer: comes with its reference, is read and cancelled, and is not early', () => {
    inSuite(function* (self) {
      const first = self.startTimer(1000, self.pid, a('plopp'));
      expect(isTimeout(yield* receive({ afterMs: 1100 }), first, 'plopp')).toBe(true);
      expect([self.readTimer(first), self.cancelTimer(first), self.readTimer(first)]).toEqual([null, null, null]);
      const second = self.startTimer(1000, self.pid, a('plapp'));
      const left = self.cancelTimer(second);
      expect(left).toBeGreaterThan(900);
      expect(left).toBeLessThanOrEqual(1000);
      expect(yield* next(0)).toBe('timeout');
      expect(self.cancelTimer(second)).toBeNull();
      self.startTimer(1000, self.pid, a('plopp'));
      expect(yield* next(900)).toBe('timeout');
    });
  });

  // @otp timer_bif_SUITE:send_after_1
  it('send_after: comes as it is', () => {
    inSuite(function* (self) {
      const timer = self.sendAfter(1000, self.pid, a('plipp'));
      expect(yield* next(1500)).toBe('plipp');
      expect(self.readTimer(timer)).toBeNull();
    });
  });

  // @otp timer_bif_SUITE:start_timer_big timer_bif_SUITE:send_after_big timer_bif_SUITE:read_timer
  it('long times are kept exactly', () => {
    inSuite(function* (self) {
      for (const timer of [self.startTimer(big, self.pid, a('hej')), self.sendAfter(big, self.pid, a('hej'))]) {
        yield* sleep(200);
        const left = self.readTimer(timer) ?? 0;
        expect(big - left).toBeGreaterThanOrEqual(200);
        expect(big - left).toBeLessThan(10_000);
        expect(self.cancelTimer(timer)).toBe(left);
        expect(self.readTimer(timer)).toBeNull();
      }
    });
  });

  // @otp timer_bif_SUITE:send_after_2
  it('messages come in the order of their times', () => {
    inSuite(function* (self) {
      for (const [ms, name] of [
        [5000, 'last'],
        [0, 'a0'],
        [200, 'a2'],
        [100, 'a1'],
        [500, 'a5'],
        [300, 'a3'],
        [400, 'a4'],
      ] as const) {
        self.sendAfter(ms, self.pid, a(name));
      }
      const seen: string[] = [];
      while (seen.at(-1) !== 'last') seen.push(yield* next(6000));
      expect(seen).toEqual(['a0', 'a1', 'a2', 'a3', 'a4', 'a5', 'last']);
    });
  });

  // @otp timer_bif_SUITE:start_timer_e timer_bif_SUITE:send_after_e
  it('bad times and processes of other nodes are refused', () => {
    inSuite(function* (self) {
      const far = yield* childAt(self, there, forEver);
      for (const set of [self.startTimer.bind(self), self.sendAfter.bind(self)]) {
        for (const ms of [-4, 2 ** 64, 4.5, Number.NaN])
          expect(fails(() => set(ms, self.pid, a('hej')))).toBe('{badarg,[]}');
        expect(fails(() => set(1000, far, a('hej')))).toBe('{badarg,[]}');
      }
      expect(yield* next(50)).toBe('timeout');
    });
  });

  // @otp timer_bif_SUITE:cleanup
  it('a timer of a process that has ended is none', () => {
    inSuite(function* (self, cluster) {
      const before = cluster.timers.size;
      const ended = child(self, () => sleep(0));
      yield* sleep(1);
      for (const timer of [self.startTimer(10_000, ended, a('hej')), self.sendAfter(10_000, ended, a('hej'))]) {
        expect(self.readTimer(timer)).toBeNull();
        expect(self.cancelTimer(timer)).toBeNull();
      }
      const ending = child(self, () => sleep(500));
      const timers = [self.startTimer(10_000, ending, a('hej')), self.sendAfter(10_000, ending, a('hej'))];
      for (const timer of timers) expect(self.readTimer(timer)).toBe(10_000);
      yield* sleep(600);
      for (const timer of timers) {
        expect(self.readTimer(timer)).toBeNull();
        self.cancelTimer(timer);
      }
      const waiting = child(self, forEver);
      for (const timer of [self.startTimer(10_000, waiting, 1), self.sendAfter(10_000, waiting, 1)]) {
        expect(self.cancelTimer(timer)).toBe(10_000);
        expect(self.readTimer(timer)).toBeNull();
      }
      self.sendExit(waiting, a('kill'));
      expect(cluster.timers.size).toBeLessThanOrEqual(before);
    });
  });

  // @otp timer_bif_SUITE:evil_timers
  it('composite messages come whole, to a process that waits and to one that works', () => {
    inSuite(function* (self) {
      const message = tup([self.pid, self.makeRef()], Uint8Array.of(1, 2, 3), {
        big: 111_111_111_111n,
        list: [tup(1, 2)],
      });
      const timers: TimerRef[] = [];
      for (let n = 0; n < 200; n += 1) timers.push(self.startTimer(n, self.pid, message));
      for (const { ref } of timers) {
        const got = yield* receive({ afterMs: 1000 });
        expect(elementsOf(got === timedOut ? null : got)?.[1]).toBe(ref);
        expect(shown(got === timedOut ? null : got)).toBe(`{timeout,ref,${shown(message)}}`);
      }
      const others: Pid = child(self, function* (own) {
        for (let n = 0; n < 200; n += 1) own.sendAfter(n, self.pid, message);
        yield* forEver();
      });
      yield* sleep(1000);
      expect(self.messageQueueLength).toBe(200);
      self.sendExit(others, a('kill'));
    });
  });

  // @otp timer_bif_SUITE:registered_process
  it('a timer for a name finds whoever has it then', () => {
    inSuite(function* (self) {
      const first = self.startTimer(200, a('name'), a('hej'));
      const second = self.startTimer(200, a('nobody'), a('hej'));
      yield* sleep(50);
      self.register(a('name'), self.pid);
      expect(isTimeout(yield* receive({ afterMs: 500 }), first, 'hej')).toBe(true);
      expect(self.readTimer(second)).toBeNull();
      self.sendAfter(100, a('name'), a('gone'));
      self.unregister(a('name'));
      expect(yield* next(500)).toBe('timeout');
    });
  });

  // @otp timer_bif_SUITE:same_time_yielding timer_bif_SUITE:same_time_yielding_with_cancel timer_bif_SUITE:same_time_yielding_with_cancel_other
  it('many at the same instant all come, but those that were cancelled, by whomever', () => {
    inSuite(function* (self) {
      const timers = Array.from({ length: 300 }, () => self.startTimer(500, self.pid, a('now')));
      expect(timers.filter((timer, n) => n % 3 === 0 && self.cancelTimer(timer) !== null)).toHaveLength(100);
      child(self, function* (own) {
        yield* sleep(0);
        for (const timer of timers.slice(0, 150)) own.cancelTimer(timer);
      });
      yield* sleep(600);
      expect(self.messageQueueLength).toBe(100);
    });
  });

  // @otp timer_bif_SUITE:auto_cancel_yielding
  it('the timers of one that ends never fire', () => {
    inSuite(function* (self) {
      const pid = child(self, forEver);
      const timers = Array.from({ length: 1000 }, (_, n) => self.startTimer(100 + n, pid, n));
      self.sendExit(pid, a('bang'));
      expect(timers.map((timer) => self.readTimer(timer)).filter((left) => left !== null)).toEqual([]);
    });
  });

  // @otp timer_bif_SUITE:multizero_timeout_in_timeout
  it('timers of 0 that set timers of 0 all fire, others besides', () => {
    inSuite(function* (self) {
      const again = child(self, function* (own) {
        for (let round = 0; round < 1000; round += 1) {
          own.sendAfter(0, own.pid, round);
          yield* receive();
        }
        own.send(self.pid, a('done'));
      });
      self.sendAfter(10, self.pid, a('meanwhile'));
      expect([yield* next(), yield* next()].sort()).toEqual(['done', 'meanwhile']);
      expect(self.isAlive(again)).toBe(false);
    });
  });
});
