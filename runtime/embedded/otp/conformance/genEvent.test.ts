/** OTP's gen_event_SUITE: managers, and what their handlers do, ask for, and fail by. */
import { describe, expect, it } from 'vitest';
import type { Pid, Value } from '../../../term/values.ts';
import { a, tup } from '../../../term/values.ts';
import type { Flow } from '../../kernel/flow.ts';
import { sleep } from '../../kernel/flow.ts';
import type { Self } from '../../kernel/self.ts';
import { asValue, atoms, elementsOf } from '../../kernel/values.ts';
import { getState, resume, suspend } from '../sys.ts';
import { eventSuiteModules } from './genEventKit.ts';
import type { Suite } from './genKit.ts';
import {
  calls,
  currentFunction,
  e,
  exits,
  hibernating,
  inCase,
  next,
  nextLike,
  pidOf,
  shown,
  suite,
} from './genKit.ts';

const genEvent = calls('gen_event');
const manager = a('my_dummy_handler');
const local = e('{local,my_dummy_handler}');
const server = (): Suite => suite(eventSuiteModules);

function* start(self: Self, options: Value = []): Flow<Pid> {
  return pidOf(yield* genEvent(self, 'start', local, options));
}
function* add(self: Self, handler: string, argument: Value = [self.pid], how = 'add_handler'): Flow<string> {
  return shown(yield* genEvent(self, how, manager, e(handler), argument));
}
function* which(self: Self): Flow<string> {
  return shown(yield* genEvent(self, 'which_handlers', manager));
}

// @otp gen_event_SUITE:start gen_event_SUITE:start_opt
describe('managers', () => {
  it.each([
    ['none', null, null],
    ['a name here', '{local,my_dummy_name}', 'my_dummy_name'],
    ['a global name', '{global,my_dummy_name}', '{global,my_dummy_name}'],
    ['a via name', '{via,dummy_via,my_dummy_name}', '{via,dummy_via,my_dummy_name}'],
  ])('start under %s, linked or not, with options or without, and stop', (_what, name, called) => {
    const run = server();
    inCase(run, function* (self) {
      self.trapExit(true);
      for (const how of ['start', 'start_link']) {
        for (const options of [[], [[]], [e('[{debug,[debug]},{spawn_opt,[{min_heap_size,10000}]}]')]]) {
          const args = [...(name === null ? [] : [e(name)]), ...options];
          const pid = pidOf(yield* genEvent(self, how, ...args));
          expect(yield* genEvent(self, 'which_handlers', pid)).toEqual([]);
          const target = called === null ? pid : e(called);
          expect(yield* genEvent(self, 'which_handlers', target)).toEqual([]);
          if (name !== null) {
            for (const again of ['start', 'start_link']) {
              expect(yield* genEvent(self, again, ...args)).toEqual(tup(atoms.error, tup(a('already_started'), pid)));
            }
          }
          expect(shown(yield* genEvent(self, 'stop', target, atoms.shutdown, 10_000))).toBe('ok');
          expect(yield* exits(genEvent(self, 'stop', target))).toBe('{EXIT,noproc}');
          if (how === 'start_link') expect(shown(yield* nextLike(atoms.exit, pid))).toBe('{EXIT,pid,shutdown}');
          yield* sleep(5);
        }
      }
      const pid = pidOf(yield* genEvent(self, 'start_link', ...(name === null ? [] : [e(name)])));
      self.sendExit(pid, atoms.shutdown);
      expect(shown(yield* nextLike(atoms.exit, pid))).toBe('{EXIT,pid,shutdown}');
      expect(yield* next(5)).toBe('timeout');
    });
  });
});

describe('hibernation', () => {
  // @otp gen_event_SUITE:hibernate
  it('follows what any handler asks for', () => {
    const run = server();
    inCase(run, function* (self) {
      const pid = yield* start(self);
      const sleeps = function* (ms = 5): Flow<boolean> {
        yield* sleep(ms);
        return currentFunction(run, pid) === hibernating;
      };
      const wake = function* (): Flow<void> {
        self.send(pid, a('wake'));
        expect(yield* sleeps()).toBe(false);
      };
      const notify = (event: string, how = 'notify'): Flow<Value> => genEvent(self, how, manager, a(event));
      yield* add(self, 'dummy_h');
      expect(yield* genEvent(self, 'call', manager, a('dummy_h'), a('hibernate'))).toBe(true);
      expect(yield* sleeps()).toBe(true);
      yield* wake();
      expect(shown(yield* genEvent(self, 'call', manager, a('dummy_h'), a('hibernate_later')))).toBe('later');
      expect(yield* sleeps()).toBe(false);
      expect(yield* sleeps(1000)).toBe(true);
      yield* wake();
      yield* notify('hibernate');
      expect(yield* sleeps()).toBe(true);
      yield* notify('wakeup');
      expect(yield* sleeps()).toBe(false);
      yield* notify('hibernate');
      expect(yield* sleeps()).toBe(true);
      yield* notify('wakeup', 'sync_notify');
      expect(currentFunction(run, pid)).not.toBe(hibernating);
      expect(shown(yield* notify('hibernate', 'sync_notify'))).toBe('ok');
      expect(yield* sleeps()).toBe(true);
      yield* wake();

      yield* add(self, 'dummy1_h');
      yield* notify('hibernate');
      expect(yield* sleeps()).toBe(true);
      yield* notify('wakeup');
      expect(yield* sleeps()).toBe(true);
      yield* wake();
      self.send(pid, a('gnurf'));
      expect(yield* sleeps()).toBe(true);
      self.send(pid, a('sleep'));
      expect(yield* sleeps()).toBe(true);
      yield* wake();
      yield* genEvent(self, 'stop', manager);

      const other = yield* start(self);
      yield* add(self, 'dummy_h', [self.pid, a('hibernate')]);
      const otherSleeps = function* (): Flow<boolean> {
        yield* sleep(5);
        return currentFunction(run, other) === hibernating;
      };
      expect(yield* otherSleeps()).toBe(true);
      yield* suspend(self, manager);
      expect(yield* otherSleeps()).toBe(true);
      yield* resume(self, manager);
      expect(yield* otherSleeps()).toBe(true);
      self.send(other, a('wake'));
      expect(yield* otherSleeps()).toBe(false);
    });
  });

  // @otp gen_event_SUITE:auto_hibernate
  it('comes by itself when nothing came for hibernate_after', () => {
    const run = server();
    inCase(run, function* (self) {
      const pid = yield* start(self, e('[{hibernate_after,100}]'));
      const settles = function* (): Flow<readonly boolean[]> {
        yield* sleep(1);
        const before = currentFunction(run, pid) === hibernating;
        yield* sleep(105);
        return [before, currentFunction(run, pid) === hibernating];
      };
      expect(yield* settles()).toEqual([false, true]);
      yield* add(self, 'dummy_h', [e('{auto_hibernate_state}')]);
      expect(yield* settles()).toEqual([false, true]);
      expect(shown(yield* getState(self, pid))).toBe('[{dummy_h,false,{auto_hibernate_state}}]');
      yield* sleep(1);
      expect(currentFunction(run, pid)).toBe(hibernating);
      expect(shown(yield* genEvent(self, 'call', pid, a('dummy_h'), a('hejsan')))).toBe('{ok,hejhopp}');
      expect(yield* settles()).toEqual([false, true]);
      yield* genEvent(self, 'notify', pid, tup(self.pid, a('handle_event')));
      expect(yield* next()).toBe('handled_event');
      expect(yield* settles()).toEqual([false, true]);
      self.send(pid, tup(self.pid, a('handle_info')));
      expect(yield* next()).toBe('handled_info');
      expect(yield* settles()).toEqual([false, true]);
    });
  });
});

describe('handlers', () => {
  // @otp gen_event_SUITE:add_handler gen_event_SUITE:add_sup_handler
  it('are added in front, under their module or an id; supervised ones tell of their end', () => {
    inCase(server(), function* (self) {
      for (const how of ['add_handler', 'add_sup_handler']) {
        const pid = yield* start(self);
        const named = tup(a('dummy_h'), self.pid);
        expect(yield* add(self, 'dummy_h', a('make_error'), how)).toBe('{error,my_error}');
        expect(yield* which(self)).toBe('[]');
        expect(yield* add(self, 'dummy_h', undefined, how)).toBe('ok');
        expect(yield* which(self)).toBe('[dummy_h]');
        if (how === 'add_sup_handler') {
          self.sendExit(pid, a('sup_died'));
          yield* sleep(10);
          expect(yield* which(self)).toBe('[]');
          expect(yield* next(5)).toBe('{gen_event_EXIT,dummy_h,shutdown}');
          expect(yield* add(self, 'dummy_h', undefined, how)).toBe('ok');
        }
        expect(shown(yield* genEvent(self, how, manager, named, a('make_error')))).toBe('{error,my_error}');
        expect(yield* which(self)).toBe('[dummy_h]');
        expect(shown(yield* genEvent(self, how, manager, named, [self.pid]))).toBe('ok');
        expect(yield* genEvent(self, 'which_handlers', manager)).toEqual([named, a('dummy_h')]);
        expect(shown(yield* genEvent(self, 'stop', manager))).toBe('ok');
        if (how === 'add_sup_handler') {
          expect(yield* next()).toBe('{gen_event_EXIT,{dummy_h,pid},shutdown}');
          expect(yield* next()).toBe('{gen_event_EXIT,dummy_h,shutdown}');
        }
        expect(yield* next(5)).toBe('timeout');
      }
    });
  });

  // @otp gen_event_SUITE:delete_handler
  it('are deleted with what their terminate answers', () => {
    inCase(server(), function* (self) {
      yield* start(self);
      const remove = function* (handler: string, argument: string): Flow<string> {
        return shown(yield* genEvent(self, 'delete_handler', manager, e(handler), e(argument)));
      };
      for (const [name, stranger] of [
        ['dummy_h', 'duuuuuuuuumy'],
        ['{dummy_h,1}', '{duuuuuuuuumy,1}'],
      ] as const) {
        yield* add(self, name);
        if (name !== 'dummy_h') yield* add(self, '{dummy_h,2}');
        expect(yield* remove(stranger, '[]')).toBe('{error,module_not_found}');
        expect(yield* remove(name, 'return_hej')).toBe('return_hej');
        if (name !== 'dummy_h') expect(yield* remove('{dummy_h,2}', 'return_hej')).toBe('return_hej');
        expect(yield* which(self)).toBe('[]');
        yield* add(self, name);
        expect(yield* remove(name, '[]')).toBe('ok');
        expect(yield* which(self)).toBe('[]');
      }
    });
  });

  // @otp gen_event_SUITE:swap_handler gen_event_SUITE:swap_sup_handler
  it('are swapped, the new one getting what the old one left; supervision goes along', () => {
    inCase(server(), function* (self) {
      yield* start(self);
      for (const how of ['add_handler', 'add_sup_handler']) {
        for (const [from, to, swap] of [
          ['dummy_h', 'dummy1_h', 'swap_handler'],
          ['{dummy_h,3}', '{dummy1_h,4}', how === 'add_handler' ? 'swap_handler' : 'swap_sup_handler'],
        ] as const) {
          const swapped = function* (old: string, by: string): Flow<string> {
            return shown(yield* genEvent(self, swap, manager, e(old), e(by)));
          };
          yield* add(self, from, undefined, how);
          expect(yield* swapped('{faulty_h,swap}', '{dummy1_h,[]}')).toBe('{error,non_existing}');
          expect(yield* swapped(`{${from},swap}`, `{${to},swap}`)).toBe('ok');
          expect(yield* which(self)).toBe(`[${to}]`);
          if (how === 'add_sup_handler') {
            expect(yield* next(5)).toBe(`{gen_event_EXIT,${from},{swapped,${to},pid}}`);
          }
          expect(shown(yield* genEvent(self, 'delete_handler', manager, e(to), []))).toBe('ok');
          if (how === 'add_sup_handler') expect(yield* next()).toBe(`{gen_event_EXIT,${to},normal}`);
          expect(yield* next(5)).toBe('timeout');
        }
      }
    });
  });

  /** Sends an event or a message, as the case says. */
  function tell(self: Self, how: string, what: Value): Flow<Value> {
    if (how !== 'info') return genEvent(self, how, manager, what);
    self.send(manager, what);
    return sync(self);
  }
  /** What was sent before has been handled when this is answered. */
  function sync(self: Self): Flow<Value> {
    return genEvent(self, 'which_handlers', manager);
  }

  // @otp gen_event_SUITE:notify gen_event_SUITE:sync_notify gen_event_SUITE:info
  it.each(['notify', 'sync_notify', 'info'])('hear by %s; swap, remove and fail themselves', (how) => {
    inCase(server(), function* (self) {
      yield* start(self);
      const word = how === 'info' ? 'info' : 'event';
      const event = tup(a(word), self.pid);
      for (const [name, other] of [
        ['dummy_h', 'dummy1_h'],
        ['{dummy_h,5}', '{dummy1_h,9}'],
      ] as const) {
        yield* add(self, name);
        yield* tell(self, how, event);
        expect(yield* next()).toBe(`{dummy_h,{${word},pid}}`);
        yield* tell(self, how, tup(a(`swap_${word}`), e(other), a('swap')));
        expect(yield* which(self)).toBe(`[${other}]`);
        yield* tell(self, how, event);
        expect(yield* next()).toBe(`{dummy1_h,{${word},pid}}`);
        yield* tell(self, how, a(`delete_${word}`));
        expect(yield* next()).toBe('{dummy1_h,removed}');
        expect(yield* which(self)).toBe('[]');
        yield* add(self, name);
        yield* tell(self, how, a(`error_${word}`));
        expect(yield* next()).toBe('{dummy_h,returned_error}');
        expect(yield* which(self)).toBe('[]');
      }

      const crash = /^\{gen_event_EXIT,dummy1?_h,\{EXIT,\{\{badmatch,4\},\[\]\}\}\}$/;
      yield* add(self, 'dummy_h', undefined, 'add_sup_handler');
      yield* tell(self, how, a('do_crash'));
      expect(yield* next()).toMatch(crash);
      for (const last of ['do_crash', `delete_${word}`]) {
        yield* add(self, 'dummy_h', undefined, 'add_sup_handler');
        yield* tell(self, how, tup(a(`swap_${word}`), a('dummy1_h'), a('swap')));
        expect(yield* next(5)).toBe('{gen_event_EXIT,dummy_h,{swapped,dummy1_h,pid}}');
        expect(yield* which(self)).toBe('[dummy1_h]');
        yield* tell(self, how, a(last));
        if (last === 'do_crash') expect(yield* next()).toMatch(crash);
        else {
          expect(yield* next()).toBe('{dummy1_h,removed}');
          expect(yield* next()).toBe('{gen_event_EXIT,dummy1_h,normal}');
        }
        expect(yield* which(self)).toBe('[]');
      }
      yield* add(self, 'dummy_h', undefined, 'add_sup_handler');
      yield* tell(self, how, a(`error_${word}`));
      expect(yield* next()).toBe('{dummy_h,returned_error}');
      expect(yield* next()).toBe('{gen_event_EXIT,dummy_h,{return,faulty}}');
      expect(yield* which(self)).toBe('[]');
    });
  });

  // @otp gen_event_SUITE:call
  it('answer calls; swap, remove and fail themselves by them', () => {
    inCase(server(), function* (self) {
      yield* start(self);
      const call = function* (handler: string, query: string, ...more: readonly Value[]): Flow<string> {
        return yield* exits(genEvent(self, 'call', manager, e(handler), e(query), ...more));
      };
      expect(yield* exits(genEvent(self, 'call', a('non_exist'), a('dummy_h'), a('hejsan')))).toBe(
        '{EXIT,{noproc,{gen_event,call,[non_exist,dummy_h,hejsan]}}}',
      );
      for (const [name, other, how] of [
        ['dummy_h', 'dummy1_h', 'add_handler'],
        ['{dummy_h,1}', '{dummy1_h,2}', 'add_handler'],
        ['dummy_h', 'dummy1_h', 'add_sup_handler'],
      ] as const) {
        const supervised = how === 'add_sup_handler';
        yield* add(self, name, undefined, how);
        expect(yield* call('bad_h', 'hejsan')).toBe('{error,bad_module}');
        expect(yield* call(name, 'hejsan')).toBe('{ok,hejhopp}');
        expect(yield* call(name, 'hejsan', 10_000)).toBe('{ok,hejhopp}');
        expect(yield* call(name, '{delayed_answer,50}', 0)).toMatch(
          /^\{EXIT,\{timeout,\{gen_event,call,\[.*,0\]\}\}\}$/,
        );
        expect(yield* call(name, `{swap_call,${other},swap}`)).toBe('{ok,swapped}');
        if (supervised) expect(yield* next(5)).toBe(`{gen_event_EXIT,${name},{swapped,${other},pid}}`);
        expect(yield* which(self)).toBe(`[${other}]`);
        expect(yield* call(name, 'hejsan')).toBe('{error,bad_module}');
        expect(yield* call(other, 'delete_call')).toBe('ok');
        expect(yield* next()).toBe('{dummy1_h,removed}');
        if (supervised) expect(yield* next()).toBe(`{gen_event_EXIT,${other},normal}`);
        expect(yield* which(self)).toBe('[]');
        yield* add(self, name, undefined, how);
        expect(yield* call(name, 'error_call')).toBe('{error,{return,faulty}}');
        expect(yield* next()).toBe('{dummy_h,returned_error}');
        if (supervised) expect(yield* next()).toBe(`{gen_event_EXIT,${name},{return,faulty}}`);
        expect(yield* which(self)).toBe('[]');
        yield* add(self, name, undefined, how);
        expect(yield* call(name, 'exit_call')).toBe('{error,{EXIT,{{badmatch,4},[]}}}');
        if (supervised) expect(yield* next()).toBe(`{gen_event_EXIT,${name},{EXIT,{{badmatch,4},[]}}}`);
        expect(yield* which(self)).toBe('[]');
        expect(yield* next(5)).toBe('timeout');
      }
    });
  });

  // @otp gen_event_SUITE:send_request_receive_reqid_collection gen_event_SUITE:send_request_wait_reqid_collection
  // @otp gen_event_SUITE:send_request_check_reqid_collection
  it('answer requests, whose errors are errors and not replies', () => {
    const run = server();
    inCase(run, function* (self) {
      self.trapExit(true);
      const pids: Pid[] = [];
      for (let at = 0; at < 3; at += 1) {
        const pid = pidOf(yield* genEvent(self, 'start_link'));
        yield* genEvent(self, 'add_handler', pid, a('dummy_h'), [self.pid]);
        pids.push(pid);
      }
      const [one, two, three] = pids;
      const sizeOf = function* (answer: Value): Flow<number> {
        return Number(yield* genEvent(self, 'reqids_size', asValue(elementsOf(answer)?.[2])));
      };
      for (const how of ['receive_response', 'wait_response', 'check_response']) {
        const alone = yield* genEvent(self, 'send_request', one, a('dummy_h'), a('hejsan'));
        const id = yield* genEvent(self, 'send_request', one, a('dummy_h'), e('{delayed_answer,400}'));
        let ids = yield* genEvent(self, 'reqids_add', id, a('req1'), yield* genEvent(self, 'reqids_new'));
        ids = yield* genEvent(self, 'send_request', two, a('dummy_h'), e('{delayed_answer,1}'), a('req2'), ids);
        ids = yield* genEvent(self, 'send_request', three, a('dummy_h'), a('error_call'), a('req3'), ids);
        yield* sleep(600);
        expect(yield* genEvent(self, 'reqids_size', ids)).toBe(3);
        const seen: string[] = [];
        for (let left = 3; left > 0; left -= 1) {
          const from = how === 'check_response' ? [yield* responseMessage()] : [];
          const more = how === 'check_response' ? [] : [atoms.infinity];
          const answer = yield* genEvent(self, how, ...from, ids, ...more, true);
          if (answer === a('no_reply')) {
            left += 1;
            continue;
          }
          expect(yield* sizeOf(answer)).toBe(left - 1);
          const [response, label, rest] = (elementsOf(answer) ?? []).map(asValue);
          seen.push(`${shown(response)} ${shown(label)}`);
          ids = rest;
        }
        expect(seen.sort()).toEqual(['{error,{return,faulty}} req3', '{reply,delayed} req1', '{reply,delayed} req2']);
        if (how !== 'check_response') {
          expect(shown(yield* genEvent(self, how, alone, 1000))).toBe('{reply,{ok,hejhopp}}');
          expect(shown(yield* genEvent(self, how, ids, 1000, true))).toBe('no_request');
        }
        // The handler that failed told so, and has to come back.
        yield* nextLike(a('dummy_h'), a('returned_error'));
        yield* genEvent(self, 'add_handler', three, a('dummy_h'), [self.pid]);
      }
    });
  });

  /** The next message that may be a response. */
  function* responseMessage(): Flow<Value> {
    return yield* nextMatching(
      (message) => elementsOf(message)?.length === 2 && elementsOf(message)?.[0] !== a('dummy_h'),
    );
  }
});

function* nextMatching(match: (message: Value) => boolean): Flow<Value> {
  const message: Value | symbol = yield { is: 'receive', match, afterMs: 2000, marker: null, at: null };
  if (typeof message === 'symbol') throw new Error('no message');
  return message;
}
