/** Cases of OTP 25's hibernate_SUITE, register_SUITE, message_queue_data_SUITE and ref_SUITE. */
import { describe, expect, it } from 'vitest';
import { a, tup } from '../../../term/values.ts';
import { hibernate, receive, sleep, timedOut } from '../flow.ts';
import { child, down, fails, inSuite, next, waitFor } from './kernelKit.ts';

describe('hibernate_SUITE', () => {
  // @otp hibernate_SUITE:basic hibernate_SUITE:dynamic_call
  it('a process that hibernates is seen to, keeps nothing but its message, and goes on as it was', () => {
    inSuite(function* (self) {
      const hibernator = child(self, function* (own) {
        for (;;) {
          const message = yield* receive();
          if (message === a('quit')) return;
          if (message === a('hibernate')) yield* hibernate();
          else own.send(self.pid, tup(a('all_fine'), own.pid));
        }
      });
      for (let round = 0; round < 100; round += 1) {
        self.send(hibernator, a('hibernate'));
        yield* sleep(1);
        expect(self.processInfo(hibernator, a('current_function'))).toEqual(tup(a('erlang'), a('hibernate'), 3));
        expect(self.processInfo(hibernator, a('message_queue_len'))).toBe(0);
        expect(self.processInfo(hibernator, a('status'))).toBe(a('waiting'));
        self.send(hibernator, a('whats_up'));
        expect(yield* next()).toBe('{all_fine,pid}');
      }
      self.send(hibernator, a('quit'));
      expect((yield* down(self.monitor(hibernator))).why).toMatch(/^(normal|noproc)$/);
    });
  });

  // @otp hibernate_SUITE:messages_in_queue
  it('with a message in the mailbox it wakes at once, and finds it', () => {
    inSuite(function* (self) {
      const pid = child(self, function* (own) {
        yield* waitFor(a('go_ahead'));
        expect(own.messageQueueLength).toBe(1);
        yield* hibernate();
        own.send(self.pid, tup(a('done'), yield* receiveOne()));
      });
      self.send(pid, a('message'));
      self.send(pid, a('go_ahead'));
      expect(yield* next()).toBe('{done,message}');
    });
  });

  // @otp hibernate_SUITE:undefined_mfa
  it('to wake in a function that does not exist is undef', () => {
    inSuite(function* (self) {
      self.trapExit(true);
      const pid = child(
        self,
        function* (own) {
          yield* hibernate();
          yield* own.apply('hibernate_SUITE', 'blarf', []);
        },
        { link: true },
      );
      self.send(pid, tup(a('a'), a('message')));
      expect(yield* next()).toBe('{EXIT,pid,{undef,[{hibernate_SUITE,blarf,[],[]}]}}');
    });
  });

  // @otp hibernate_SUITE:wake_up_and_bif_trap
  it('what it does after waking may take long', () => {
    inSuite(function* (self) {
      const pid = child(self, function* (own) {
        yield* hibernate();
        for (let n = 0; n < 10_000; n += 1) own.makeRef();
        own.send(self.pid, a('ok'));
        yield* sleep(10_000);
      });
      self.send(pid, a('wakeup'));
      expect(yield* next(5000)).toBe('ok');
    });
  });
});

function* receiveOne() {
  const message = yield* receive();
  return message === timedOut ? a('timeout') : message;
}

describe('register_SUITE', () => {
  // @otp register_SUITE:otp_8099
  it('a name is free for the next as soon as the end of its holder is seen', () => {
    inSuite(function* (self) {
      for (let round = 0; round < 500; round += 1) {
        const pid = child(self, function* (own) {
          own.register(a('name'), own.pid);
          own.send(self.pid, a('registered'));
          yield* waitFor(a('stop'));
        });
        const ref = self.monitor(pid);
        expect(yield* next()).toBe('registered');
        expect(fails(() => self.register(a('name'), self.pid))).toBe('{badarg,[]}');
        self.send(pid, a('stop'));
        yield* down(ref);
        self.register(a('name'), self.pid);
        self.unregister(a('name'));
      }
    });
  });
});

describe('message_queue_data_SUITE', () => {
  // @otp message_queue_data_SUITE:basic
  it('message_queue_data is a flag of the process, with on_heap as its default', () => {
    inSuite(function* (self) {
      yield* sleep(0);
      const flag = a('message_queue_data');
      expect(self.processInfo(self.pid, flag)).toBe(a('on_heap'));
      expect(self.processFlag(flag, a('off_heap'))).toBe(a('on_heap'));
      expect(self.processInfo(self.pid, flag)).toBe(a('off_heap'));
      expect(self.processFlag(flag, a('on_heap'))).toBe(a('off_heap'));
      expect(fails(() => self.processFlag(flag, a('blupp')))).toBe('{badarg,[]}');
      expect(self.processInfo(self.pid, flag)).toBe(a('on_heap'));
    });
  });

  // @otp message_queue_data_SUITE:process_info_messages message_queue_data_SUITE:change_to_off_heap
  it('messages are all seen in order, whatever the flag is and when it changes', () => {
    inSuite(function* (self) {
      for (const kept of ['on_heap', 'off_heap'] as const) {
        const pid = child(self, function* (own) {
          own.processFlag(a('message_queue_data'), a(kept));
          yield* waitFor(a('change'));
          own.processFlag(a('message_queue_data'), a('off_heap'));
          yield* waitFor(a('stop'));
        });
        for (let n = 0; n < 10; n += 1) self.send(pid, tup(n, [a('m')]));
        yield* sleep(1);
        const before = self.processInfo(pid, a('messages'));
        expect(before).toHaveLength(10);
        self.send(pid, a('change'));
        yield* sleep(1);
        expect(self.processInfo(pid, a('messages'))).toEqual(before);
        self.send(pid, a('stop'));
      }
    });
  });
});

describe('ref_SUITE', () => {
  // @otp ref_SUITE:wrap_1
  it('no two of very many references are alike, across the bound of a word of 18 bits', () => {
    inSuite(function* (self) {
      yield* sleep(0);
      const seen = new Set<string>();
      for (let n = 0; n < 300_000; n += 1) seen.add(self.makeRef().ids.join('.'));
      expect(seen.size).toBe(300_000);
    });
  });
});
