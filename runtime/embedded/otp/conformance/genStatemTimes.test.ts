/** OTP's gen_statem_SUITE: time-outs, hibernation, special processes, requests. */
import { describe, expect, it } from 'vitest';
import type { Pid, Value } from '../../../term/values.ts';
import { a, tup } from '../../../term/values.ts';
import type { Flow } from '../../kernel/flow.ts';
import { receive, sleep, timedOut } from '../../kernel/flow.ts';
import type { CodeModule } from '../../kernel/module.ts';
import { asValue, atoms, elementsOf, isList, tagged } from '../../kernel/values.ts';
import { testModule } from '../../testKit.ts';
import { getStatus, resume, suspend } from '../sys.ts';
import { calls, currentFunction, e, exits, hibernating, nextLike, pidOf, property, shown } from './genKit.ts';
import type { State } from './genStatemKit.ts';
import {
  asked,
  bad,
  callOf,
  flushed,
  inSuite,
  keepState,
  machineModule,
  nextEvent,
  nextState,
  replyTo,
  start,
  statem,
} from './genStatemKit.ts';

describe('time-outs', () => {
  // @otp gen_statem_SUITE:state_timeout
  it('of a state end with it; those of zero come in order, and are cancelled by events', () => {
    const machine = machineModule('machine', {
      init: () => e('{ok,start,0}'),
      states: {
        start(self, type, content) {
          const time = asValue(tagged(content, a('go'), 2)?.[1]);
          self.send(self.pid, a('message_to_self'));
          const timers = [tup(atoms.timeout, time, 1), tup(a('state_timeout'), time, 1)];
          return nextState('state1', tup(time, callOf(type)), ...timers, nextEvent(a('internal'), 1));
        },
        state1: (self, type, content, data) =>
          type === a('internal') && content === 1
            ? nextState('state2', data, ...actions('[{timeout,0,2},{state_timeout,0,2},{next_event,internal,2}]'))
            : bad(self),
        state2(self, type, content, data) {
          const inner = elementsOf(data)?.[2];
          const step = `${shown(type)} ${shown(content)} ${shown(asValue(elementsOf(data)?.[1]))}`;
          const at = (n: number): Value => tup(atoms.ok, n, asValue(inner));
          if (type === a('internal') && content === 2)
            return keepState(tup(atoms.ok, 2, data), ...actions('[{timeout,0,3}]'));
          if (step === 'state_timeout 2 2') return keepState(at(3), ...actions('[{timeout,0,4},{state_timeout,0,5}]'));
          if (step === 'timeout 4 3') return keepState(at(4), ...actions('[{state_timeout,0,6},{timeout,0,7}]'));
          if (step !== 'state_timeout 6 4') return bad(self);
          const [time, from] = (elementsOf(inner) ?? []).map(asValue);
          return nextState('state3', 6, tup(a('reply'), from, atoms.ok), tup(a('state_timeout'), time, 8));
        },
        state3(self, type, content, data) {
          if (type === a('info') && content === a('message_to_self') && data === 6) return keepState(7);
          if (content === a('check') && data === 7) return keepState(callOf(type));
          if (type !== a('state_timeout') || content !== 8) return bad(self);
          return tup(a('stop_and_reply'), atoms.normal, tup(a('reply'), data, atoms.ok));
        },
      },
    });
    inSuite([machine], function* (self) {
      const pid = yield* start(self, 'machine');
      const before = self.nowMs;
      expect(yield* asked(self, pid, e('{go,500}'))).toBe('ok');
      expect(yield* asked(self, pid, a('check'))).toBe('ok');
      expect(self.nowMs - before).toBe(500);
      expect(yield* flushed()).toEqual(['{EXIT,pid,normal}']);
    });
  });

  // @otp gen_statem_SUITE:timeout_cancel_and_update
  it('are cancelled, and their content changed, also when they are due already', () => {
    const machine = machineModule('machine', {
      init: () => e('{ok,start,0}'),
      states: {
        start(self, type) {
          self.send(self.pid, a('message_to_self'));
          return nextState('state1', callOf(type), ...actions('[{state_timeout,17,1},{next_event,internal,1}]'));
        },
        state1(self, type, content, data) {
          if (type === a('internal')) return e('{keep_state_and_data,[{state_timeout,cancel},{{timeout,a},17,1}]}');
          if (content === a('message_to_self')) return e('{keep_state_and_data,[{{timeout,a},update,a}]}');
          if (shown(type) !== '{timeout,a}' || content !== a('a')) return bad(self);
          return nextState('state2', data, ...actions('[{state_timeout,17,2},{next_event,internal,2}]'));
        },
        *state2(self, type, content, data): Flow<Value> {
          if (type === a('internal')) {
            yield* sleep(50);
            return e('{keep_state_and_data,[{state_timeout,update,b},{timeout,17,2}]}');
          }
          if (type !== a('state_timeout') || content !== a('b')) return bad(self);
          return nextState('state3', 3, tup(a('reply'), data, atoms.ok), 17_000);
        },
        state3: (_self, type) => tup(a('stop_and_reply'), atoms.normal, [replyTo(type, atoms.ok)]),
      },
    });
    inSuite([machine], function* (self) {
      const pid = yield* start(self, 'machine');
      expect(yield* asked(self, pid, a('test'))).toBe('ok');
      const items = asValue(elementsOf(yield* getStatus(self, pid))?.[3]);
      const data = property(isList(items) ? asValue(items[4]) : null, 'data');
      const timeouts = isList(data) ? asValue(elementsOf(data[3])?.[1]) : null;
      expect(shown(timeouts)).toBe('{1,[{timeout,17000}]}');
      expect(yield* asked(self, pid, a('stop'))).toBe('ok');
      expect(yield* flushed()).toEqual(['{EXIT,pid,normal}']);
    });
  });

  // @otp gen_statem_SUITE:generic_timers
  it('with names run side by side, relative and absolute', () => {
    const only =
      (type: string, content: number, to: string): State =>
      (self, given, what) =>
        shown(given) === type && what === content ? nextState(to, undefined) : bad(self);
    const machine = machineModule('machine', {
      init: () => e('{ok,start,undefined}'),
      states: {
        start: (_self, type, content) =>
          nextState(
            'state1',
            undefined,
            ...actions('[{{timeout,a},1500,1},{state_timeout,1500,1},{{timeout,b},1000,1}]'),
            nextEvent(type, content),
          ),
        state1: (self, type, content) =>
          nextState(
            'state2',
            undefined,
            tup(e('{timeout,c}'), self.nowMs + 500, 2, e('{abs,true}')),
            ...actions('[{{timeout,d},0,2,[{abs,false}]},{timeout,0,2},{{timeout,b},infinity,2}]'),
            tup(e('{timeout,a}'), 1000, tup(type, content)),
          ),
        state2: only('{timeout,d}', 2, 'state3'),
        state3: only('{timeout,c}', 2, 'state4'),
        state4(self, type, content) {
          const call = asValue(elementsOf(content)?.[0]);
          if (shown(type) !== '{timeout,a}') return bad(self);
          return tup(a('stop_and_reply'), atoms.shutdown, [replyTo(call, a('stopped'))]);
        },
      },
    });
    inSuite([machine], function* (self) {
      const pid = yield* start(self, 'machine');
      const before = self.nowMs;
      expect(yield* asked(self, pid, a('stop'))).toBe('stopped');
      expect(self.nowMs - before).toBe(1000);
      expect(yield* flushed()).toEqual(['{EXIT,pid,shutdown}']);
    });
  });

  function actions(source: string): readonly Value[] {
    const list = e(source);
    return isList(list) ? list.map(asValue) : [];
  }
});

describe('hibernation', () => {
  const hiber: State = (_self, type, content) => {
    const says = shown(content);
    const reply = (what: string): readonly Value[] => (type === a('cast') ? [] : [replyTo(type, a(what))]);
    if (says.startsWith('hibernate_now') || says.startsWith('hibernate_a'))
      return e('{keep_state_and_data,[hibernate]}');
    if (says === 'hibernate_sync') return nextState('hiber_wakeup', [], ...reply('hibernating'), a('hibernate'));
    if (type === a('state_timeout')) return e('{keep_state_and_data,[hibernate]}');
    const later = tagged(content, a('hibernate_later'), 2);
    if (later !== null) return tup(a('keep_state_and_data'), [tup(a('state_timeout'), asValue(later[1]), a('now'))]);
    return says === 'stop'
      ? tup(a('stop_and_reply'), atoms.normal, reply('stopped'))
      : keepState([], ...reply('alive!'));
  };
  const wakeup: State = (_self, type, content) => {
    const reply = (what: string): readonly Value[] => (type === a('cast') ? [] : [replyTo(type, a(what))]);
    return shown(content).startsWith('snooze')
      ? tup(a('keep_state_and_data'), [...reply('please_just_five_more'), a('hibernate')])
      : nextState('hiber', [], ...reply('good_morning'));
  };
  const machine = (first: string): CodeModule =>
    machineModule('machine', { init: () => e(first), states: { hiber, hiber_wakeup: wakeup } });

  // @otp gen_statem_SUITE:hibernate
  it('is asked for by an action, and goes on while suspended', () => {
    inSuite([machine('{ok,hiber,[],[hibernate]}')], function* (self, made) {
      const pid = yield* start(self, 'machine');
      const sleeps = function* (ms = 2): Flow<boolean> {
        yield* sleep(ms);
        return currentFunction(made, pid) === hibernating;
      };
      expect(yield* sleeps()).toBe(true);
      expect(yield* asked(self, pid, a('alive?'))).toBe('alive!');
      expect(yield* sleeps()).toBe(false);
      for (let times = 0; times < 2; times += 1) {
        expect(yield* asked(self, pid, a('hibernate_sync'))).toBe('hibernating');
        expect(yield* sleeps()).toBe(true);
        expect(yield* asked(self, pid, a('snooze_sync'))).toBe('please_just_five_more');
        expect(yield* sleeps()).toBe(true);
        expect(yield* asked(self, pid, a('wakeup_sync'))).toBe('good_morning');
        expect(yield* sleeps()).toBe(false);
      }
      yield* statem(self, 'cast', pid, a('hibernate_async'));
      expect(yield* sleeps()).toBe(true);
      yield* statem(self, 'cast', pid, a('wakeup_async'));
      expect(yield* sleeps()).toBe(false);
      yield* statem(self, 'cast', pid, e('{hibernate_later,250}'));
      expect(yield* sleeps()).toBe(false);
      expect(yield* sleeps(250)).toBe(true);
      expect(yield* asked(self, pid, a('hibernate_sync'))).toBe('hibernating');
      yield* suspend(self, pid);
      expect(yield* sleeps()).toBe(true);
      yield* resume(self, pid);
      expect(yield* sleeps(500)).toBe(true);
      expect(yield* asked(self, pid, a('wakeup_sync'))).toBe('good_morning');
      expect(yield* sleeps()).toBe(false);
      expect(shown(yield* statem(self, 'stop', pid))).toBe('ok');
    });
  });

  // @otp gen_statem_SUITE:auto_hibernate
  it('comes by itself when nothing came for hibernate_after, time-outs included', () => {
    inSuite([machine('{ok,hiber,[]}')], function* (self, made) {
      const pid = yield* start(self, 'machine', [], '[{hibernate_after,500}]');
      const settles = function* (): Flow<readonly boolean[]> {
        yield* sleep(2);
        const before = currentFunction(made, pid) === hibernating;
        yield* sleep(500);
        return [before, currentFunction(made, pid) === hibernating];
      };
      expect(yield* settles()).toEqual([false, true]);
      expect(yield* asked(self, pid, a('alive?'))).toBe('alive!');
      expect(yield* settles()).toEqual([false, true]);
      yield* statem(self, 'cast', pid, a('alive?'));
      expect(yield* settles()).toEqual([false, true]);
      yield* statem(self, 'cast', pid, e('{hibernate_later,1000}'));
      expect(yield* settles()).toEqual([false, true]);
      expect(yield* asked(self, pid, a('alive?'))).toBe('alive!');
    });
  });
});

// @otp gen_statem_SUITE:enter_loop
it('processes that prepare themselves enter the loop, under the name that they have', () => {
  const own = testModule('own', {
    'callback_mode/0': () => a('state_functions'),
    'state0/3': (_self, type, content) =>
      content === a('stop')
        ? tup(a('stop_and_reply'), atoms.normal, [replyTo(type, a('stopped'))])
        : tup(a('keep_state_and_data'), [replyTo(type, a('yes'))]),
    *'enter_loop/2'(self, has, says): Flow<Value> {
      self.trapExit(true);
      if (has === a('local')) self.register(a('armitage'), self.pid);
      else if (has === a('global')) yield* self.apply('global', 'register_name', [a('armitage'), self.pid]);
      yield* self.apply('proc_lib', 'init_ack', [tup(atoms.ok, self.pid)]);
      const name = says === a('via') ? e('{via,dummy_via,armitage}') : tup(says, a('armitage'));
      const given = says === a('anon') ? [] : [name];
      return yield* statem(self, 'enter_loop', a('own'), e('[{debug,[log]}]'), a('state0'), [], ...given);
    },
  });
  inSuite([own], function* (self) {
    const startLoop = function* (has: string, says: string): Flow<Pid> {
      return pidOf(yield* calls('proc_lib')(self, 'start_link', a('own'), a('enter_loop'), [a(has), a(says)]));
    };
    const ended = function* (pid: Pid): Flow<string> {
      return shown(yield* nextLike(atoms.exit, pid));
    };
    for (const how of ['local', 'global', 'anon']) {
      const pid = yield* startLoop(how, how);
      expect(yield* asked(self, pid, a('alive?'))).toBe('yes');
      expect(yield* asked(self, pid, a('stop'))).toBe('stopped');
      expect(yield* ended(pid)).toBe('{EXIT,pid,normal}');
      yield* sleep(50);
    }
    expect(yield* ended(yield* startLoop('anon', 'local'))).toBe('{EXIT,pid,process_not_registered}');
    expect(yield* ended(yield* startLoop('anon', 'global'))).toBe('{EXIT,pid,process_not_registered_globally}');
    expect(yield* ended(yield* startLoop('anon', 'via'))).toBe('{EXIT,pid,{process_not_registered_via,dummy_via}}');
    const stranger = self.spawn('gen_statem', 'enter_loop', [a('own'), [], a('state0'), []], { link: true });
    expect(yield* ended(stranger)).toBe('{EXIT,pid,process_was_not_started_by_proc_lib}');
    const child = yield* startLoop('anon', 'anon');
    self.sendExit(child, atoms.shutdown);
    expect(yield* ended(child)).toBe('{EXIT,pid,shutdown}');
    self.register(a('armitage'), self.pid);
    expect(yield* ended(yield* startLoop('anon', 'local'))).toBe('{EXIT,pid,process_not_registered}');
    for (const [module, says, reason] of [
      ['global', 'global', 'process_not_registered_globally'],
      ['dummy_via', 'via', '{process_not_registered_via,dummy_via}'],
    ] as const) {
      yield* self.apply(module, 'register_name', [a('armitage'), self.pid]);
      expect(yield* ended(yield* startLoop('anon', says))).toBe(`{EXIT,pid,${reason}}`);
    }
  });
});

// @otp gen_statem_SUITE:send_request_receive_reqid_collection gen_statem_SUITE:send_request_wait_reqid_collection
// @otp gen_statem_SUITE:send_request_check_reqid_collection
it.each(['receive_response', 'wait_response', 'check_response'])(
  'requests in collections are answered, by %s',
  (how) => {
    const machine = machineModule('machine', {
      init: () => e('{ok,only,data}'),
      states: {
        *only(_self, type, content): Flow<Value> {
          if (content === a('stop_shutdown')) return e('{stop,shutdown}');
          const delayed = tagged(content, a('delayed_answer'), 2);
          if (delayed !== null) yield* sleep(Number(delayed[1]));
          return tup(a('keep_state_and_data'), [replyTo(type, delayed === null ? a('yes') : a('delayed'))]);
        },
      },
    });
    inSuite([machine], function* (self) {
      const pids: Pid[] = [];
      for (let at = 0; at < 3; at += 1) pids.push(yield* start(self, 'machine'));
      const [one, two, three] = pids;
      if (two !== undefined) self.unlink(two);
      const alone = yield* statem(self, 'send_request', one, a('alive?'));
      yield* sleep(5);
      const first = how === 'check_response' ? yield* receive({ afterMs: 0 }) : timedOut;
      const id = yield* statem(self, 'send_request', one, e('{delayed_answer,400}'));
      let ids = yield* statem(self, 'reqids_add', id, a('req1'), yield* statem(self, 'reqids_new'));
      expect(yield* exits(statem(self, 'reqids_add', id, a('req2'), ids))).toBe('{EXIT,{badarg,[]}}');
      ids = yield* statem(self, 'send_request', two, a('stop_shutdown'), a('req2'), ids);
      ids = yield* statem(self, 'send_request', three, e('{delayed_answer,200}'), a('req3'), ids);
      expect(yield* statem(self, 'reqids_size', ids)).toBe(3);
      if (first !== timedOut) expect(shown(yield* statem(self, how, first, ids, true))).toBe('no_reply');
      for (const [response, label, left] of [
        ['{error,{shutdown,pid}}', 'req2', 2],
        ['{reply,delayed}', 'req3', 1],
        ['{reply,delayed}', 'req1', 0],
      ] as const) {
        const message = how === 'check_response' ? yield* receive({ afterMs: 2000 }) : timedOut;
        const answer =
          how === 'check_response'
            ? yield* statem(self, how, message === timedOut ? null : message, ids, true)
            : yield* statem(self, how, ids, 2000, true);
        const [said, as, rest] = (elementsOf(answer) ?? []).map(asValue);
        expect([shown(said), shown(as), yield* statem(self, 'reqids_size', rest)]).toEqual([response, label, left]);
        ids = rest;
      }
      if (how === 'check_response') {
        expect(shown(yield* statem(self, how, first === timedOut ? null : first, ids, true))).toBe('no_request');
        expect(shown(yield* statem(self, how, first === timedOut ? null : first, alone))).toBe('{reply,yes}');
      } else {
        expect(shown(yield* statem(self, how, ids, 100, true))).toBe('no_request');
        expect(shown(yield* statem(self, how, alone, 100))).toBe('{reply,yes}');
      }
    });
  },
);
