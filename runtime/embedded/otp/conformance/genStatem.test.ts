/** OTP's gen_statem_SUITE: states that are entered, events postponed and inserted, ends. */
import { describe, expect, it } from 'vitest';
import type { Pid, Value } from '../../../term/values.ts';
import { a, ImproperList, tup } from '../../../term/values.ts';
import type { Flow } from '../../kernel/flow.ts';
import { receive, timedOut } from '../../kernel/flow.ts';
import type { Self } from '../../kernel/self.ts';
import { asValue, atoms, elementsOf, isList, tagged } from '../../kernel/values.ts';
import { testModule } from '../../testKit.ts';
import { changeCode, debug, getState, resume, suspend } from '../sys.ts';
import { asPid, e, exits, next, shown } from './genKit.ts';
import type { State } from './genStatemKit.ts';
import {
  asked,
  bad,
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

describe('ends', () => {
  // @otp gen_statem_SUITE:stop_and_reply
  it('reply to several callers before', () => {
    const machine = machineModule('machine', {
      init: () => e('{ok,start,undefined}'),
      states: {
        start(_self, _type, content) {
          const [, from, reply] = (elementsOf(content) ?? []).map(asValue);
          return tup(a('next_state'), a('wait'), tup(a('reply'), from, reply));
        },
        wait(_self, _type, content, data) {
          const [, reason, from, reply] = (elementsOf(content) ?? []).map(asValue);
          return tup(a('stop_and_reply'), reason, [data, tup(a('reply'), from, reply)]);
        },
      },
    });
    inSuite([machine], function* (self) {
      const pid = yield* start(self, 'machine');
      yield* statem(self, 'cast', pid, tup(a('echo'), tup(self.pid, a('tag1')), a('reply1')));
      yield* statem(self, 'cast', pid, tup(a('stop_and_reply'), a('reason'), tup(self.pid, a('tag2')), a('reply2')));
      expect(yield* flushed()).toEqual(['{tag1,reply1}', '{tag2,reply2}', '{EXIT,pid,reason}']);
      expect(yield* asked(self, pid, a('hej'))).toBe('{EXIT,{noproc,{gen_statem,call,[pid,hej,infinity]}}}');
      expect(yield* flushed()).toEqual([]);
    });
  });

  // @otp gen_statem_SUITE:shutdown gen_statem_SUITE:undef_in_terminate
  it('that are orderly are not reported; what terminate calls and is not there is', () => {
    const machine = testModule('machine', {
      'init/1': (_self, data) => tup(atoms.ok, a('idle'), data),
      'callback_mode/0': () => a('state_functions'),
      'idle/3': (_self, type, content, data) =>
        content === a('stop_shutdown_reason')
          ? tup(a('stop_and_reply'), e('{shutdown,reason}'), [replyTo(type, a('stopping'))])
          : tup(a('stop'), content, data),
      *'terminate/3'(self, _reason, _state, data): Flow<Value> {
        if (data === a('undef_in_terminate')) yield* self.apply('machine', 'missing', []);
        return atoms.ok;
      },
    });
    inSuite([machine], function* (self, made) {
      const pid = yield* start(self, 'machine');
      expect(yield* asked(self, pid, a('stop_shutdown_reason'))).toBe('stopping');
      expect(yield* next()).toBe('{EXIT,pid,{shutdown,reason}}');
      const other = yield* start(self, 'machine');
      expect(yield* asked(self, other, e('{shutdown,reason}'))).toMatch(/^\{EXIT,\{\{shutdown,reason\},/);
      expect(yield* next()).toBe('{EXIT,pid,{shutdown,reason}}');
      expect(made.take()).toEqual([]);
      const last = yield* start(self, 'machine', a('undef_in_terminate'));
      expect(yield* exits(statem(self, 'stop', last))).toBe('{EXIT,{undef,[{machine,missing,[],[]}]}}');
      expect(made.take().map(({ kind }) => kind)).toEqual(['gen_statem_terminating', 'crash_report']);
    });
  });

  it('by a bad answer are reported with the events that waited', () => {
    const machine = testModule('machine', {
      'init/1': () => e('{ok,idle,data}'),
      'callback_mode/0': () => e('[state_functions]'),
      'idle/3': (_self, type, content) => {
        if (type === a('cast')) return e('{keep_state_and_data,[postpone,{{timeout,a},100000,later}]}');
        return content === a('action') ? e('{keep_state_and_data,[nonsense]}') : a('badreturn');
      },
    });
    inSuite([machine], function* (self, made) {
      for (const [request, reason] of [
        ['badreturn', '{bad_return_from_state_function,badreturn}'],
        ['action', '{bad_action_from_state_function,nonsense}'],
      ] as const) {
        const pid = yield* start(self, 'machine');
        yield* statem(self, 'cast', pid, a('waits'));
        expect(yield* asked(self, pid, a(request))).toBe(
          `{EXIT,{{${reason},[]},{gen_statem,call,[pid,${request},infinity]}}}`,
        );
        expect(yield* next()).toBe(`{EXIT,pid,{${reason},[]}}`);
        const [logged] = made.take();
        const [format, args] = elementsOf(yield* statem(self, 'format_log', logged?.report)) ?? [];
        expect(format).toBe(
          '** State machine ~tp terminating~n** Last event = ~tp~n** When server state  = ~tp~n' +
            '** Reason for termination = ~tp:~tp~n** Callback modules = ~tp~n** Callback mode = ~tp~n' +
            '** Postponed = ~tp~n** Time-outs: ~tp~n** Client ~tp stacktrace~n** ~tp~n',
        );
        expect(isList(args) ? args.map(shown).slice(2, 9) : []).toEqual([
          ...['{idle,data}', 'error', reason, '[machine]', 'state_functions', '[{cast,waits}]'],
          '{1,[{{timeout,a},later}]}',
        ]);
        const line = yield* statem(self, 'format_log', logged?.report, e('#{single_line => true}'));
        expect(shown(line)).toMatch(/^"State machine <[\d.]+> terminating\. Reason: \{bad_/);
      }
    });
  });
});

describe('states', () => {
  // @otp gen_statem_SUITE:state_enter
  it('are entered by a call of their own, which may repeat itself', () => {
    const tester: { pid: Pid | null } = { pid: null };
    const tell = (self: Self, ...what: readonly Value[]): void => {
      self.send(asPid(tester.pid), tup(...what));
    };
    const echo = (n: Value, what: Value): Value => tup(a('reply'), tup(asPid(tester.pid), n), what);
    const timedReply = (type: Value, content: Value, data: Value): Value =>
      keepState(Number(data) + 1, echo(data, tup(type, content)));
    const machine = machineModule('machine', {
      init: () => e('{ok,start,1}'),
      mode: ['state_enter'],
      states: {
        start(self, type, content, data) {
          const n = Number(data) + 1;
          if (type === a('enter') || type === a('internal')) {
            tell(self, data, type, a('start'), content);
            return keepState(n);
          }
          if (type === atoms.timeout) return timedReply(type, content, data);
          if (content === a('repeat')) {
            return tup(a('repeat_state'), n, [replyTo(type, tup(data, a('repeat'), a('start')))]);
          }
          if (content === a('echo')) {
            const reply = replyTo(type, tup(data, a('echo'), a('start')));
            return nextState('wait', n, reply, tup(atoms.timeout, 0, data));
          }
          const reason = asValue(tagged(content, a('stop'), 2)?.[1]);
          return tup(a('stop_and_reply'), reason, [replyTo(type, tup(data, a('stop')))], n);
        },
        wait(self, type, content, data) {
          const n = Number(data) + 1;
          const timeouts = [tup(atoms.timeout, 0, data), tup(a('state_timeout'), 0, data)];
          if (type === a('enter') && Number(data) < 5) {
            return tup(a('repeat_state'), n, [echo(data, tup(a('enter'), content)), ...timeouts]);
          }
          if (type === a('enter')) {
            tell(self, data, type, a('wait'), content);
            return keepState(n, ...timeouts);
          }
          if (type === atoms.timeout || type === a('state_timeout')) return timedReply(type, content, data);
          if (content === a('repeat')) {
            const reply = replyTo(type, tup(data, a('repeat'), a('wait')));
            return tup(a('repeat_state_and_data'), [reply, tup(atoms.timeout, 0, data)]);
          }
          return nextState(
            'start',
            n,
            nextEvent(a('internal'), a('wait')),
            replyTo(type, tup(data, a('echo'), a('wait'))),
          );
        },
      },
    });
    inSuite([machine], function* (self) {
      tester.pid = self.pid;
      const pid = yield* start(self, 'machine', [], '[{debug,[{log,17}]}]');
      yield* debug(self, pid, 'log', false);
      yield* debug(self, pid, 'log', true);
      expect(yield* flushed()).toEqual(['{1,enter,start,start}']);
      expect(yield* asked(self, pid, a('echo'))).toBe('{2,echo,start}');
      expect(yield* flushed()).toEqual([
        ...['{3,{enter,start}}', '{4,{enter,start}}', '{5,enter,wait,start}'],
        ...['{6,{timeout,5}}', '{7,{state_timeout,5}}'],
      ]);
      expect(shown(yield* getState(self, pid))).toBe('{wait,8}');
      expect(yield* asked(self, pid, a('repeat'))).toBe('{8,repeat,wait}');
      expect(yield* flushed()).toEqual(['{8,enter,wait,wait}', '{9,{timeout,8}}', '{10,{state_timeout,8}}']);
      expect(yield* asked(self, pid, a('echo'))).toBe('{11,echo,wait}');
      expect(yield* flushed()).toEqual(['{12,enter,start,wait}', '{13,internal,start,wait}']);
      expect(yield* asked(self, pid, a('repeat'))).toBe('{14,repeat,start}');
      expect(yield* flushed()).toEqual(['{15,enter,start,start}']);
      const log = shown(yield* debug(self, pid, 'log', a('get')));
      expect(log).toContain('{consume,{{call,');
      expect(yield* asked(self, pid, e('{stop,bye}'))).toBe('{16,stop}');
      expect(yield* flushed()).toEqual(['{EXIT,pid,bye}']);
    });
  });

  // @otp gen_statem_SUITE:code_change
  it('are functions or values as the callback mode says, also after a change of code', () => {
    const answer = (mode: Value, type: Value, content: Value): Value =>
      content === a('get_callback_mode') ? tup(a('keep_state_and_data'), [replyTo(type, mode)]) : a('badreturn');
    const machine = testModule('machine', {
      'init/1': (self) => {
        self.put(a('callback_mode'), a('state_functions'));
        return e('{ok,idle,data}');
      },
      'callback_mode/0': (self) => self.get(a('callback_mode')),
      'idle/3': (_self, type, content) => answer(a('state_functions'), type, content),
      'handle_event/4': (_self, type, content) => answer(a('handle_event_function'), type, content),
      'code_change/4'(self, oldVersion, state, data, mode) {
        self.put(a('callback_mode'), mode);
        return tup(atoms.ok, state, tup(oldVersion, data, mode));
      },
    });
    inSuite([machine], function* (self) {
      const pid = yield* start(self, 'machine');
      expect(shown(yield* getState(self, pid))).toBe('{idle,data}');
      expect(yield* asked(self, pid, a('get_callback_mode'))).toBe('state_functions');
      yield* suspend(self, pid);
      const change = { module: a('machine'), oldVersion: a('old_vsn'), extra: a('handle_event_function') };
      expect(shown(yield* changeCode(self, pid, change))).toBe('ok');
      yield* resume(self, pid);
      expect(shown(yield* getState(self, pid))).toBe('{idle,{old_vsn,data,handle_event_function}}');
      expect(yield* asked(self, pid, a('get_callback_mode'))).toBe('handle_event_function');
    });
  });

  it('belong to the callback module on top; the last one cannot be popped', () => {
    const act: State = (_self, type, content) => {
      if (content === a('which')) return tup(a('keep_state_and_data'), [replyTo(type, a('first'))]);
      return tup(a('keep_state_and_data'), [content, replyTo(type, atoms.ok)]);
    };
    const other = testModule('other', {
      'callback_mode/0': () => a('handle_event_function'),
      'handle_event/4': (_self, type, content) =>
        tup(a('keep_state_and_data'), [...(content === a('which') ? [] : [content]), replyTo(type, a('second'))]),
    });
    const machine = machineModule('machine', { init: () => e('{ok,only,data}'), states: { only: act } });
    inSuite([machine, other], function* (self) {
      const pid = yield* start(self, 'machine');
      expect(yield* asked(self, pid, e('{push_callback_module,other}'))).toBe('ok');
      expect(yield* asked(self, pid, a('which'))).toBe('second');
      expect(yield* asked(self, pid, a('pop_callback_module'))).toBe('second');
      expect(yield* asked(self, pid, a('which'))).toBe('first');
      expect(yield* asked(self, pid, e('{change_callback_module,other}'))).toBe('ok');
      expect(yield* asked(self, pid, a('which'))).toBe('second');
      expect(yield* asked(self, pid, a('pop_callback_module'))).toBe(
        '{EXIT,{{{bad_action_from_state_function,pop_callback_module},[]},{gen_statem,call,[pid,pop_callback_module,infinity]}}}',
      );
    });
  });
});

describe('events', () => {
  // @otp gen_statem_SUITE:event_order
  it('inserted come before postponed ones, and both before a time-out of zero', () => {
    const collect: State = (_self, type, content, data) => {
      const held = isList(data) ? data.map(asValue) : [];
      const stops = tagged(content, a('stop'), 2);
      if (stops === null) return keepState([content, ...held]);
      const replies = [...held].reverse();
      return nextState('stop', undefined, ...replies, replyTo(type, atoms.ok), nextEvent(a('internal'), content));
    };
    const machine = machineModule('machine', {
      init: () => e('{ok,start,undefined}'),
      states: {
        start(_self, type, content) {
          if (type === a('cast')) return e('{keep_state_and_data,postpone}');
          const [, pid, tags] = (elementsOf(content) ?? []).map(asValue);
          const [third, fourth, fifth] = (isList(tags) ? tags.map(asValue) : []).map((tag, at) =>
            tup(a('reply'), tup(pid, tag), a(`ok${at + 3}`)),
          );
          const internal = a('internal');
          const inserted = [nextEvent(internal, third), nextEvent(internal, fourth)];
          return nextState('buffer', [], ...inserted, tup(atoms.timeout, 0, fifth), replyTo(type, atoms.ok));
        },
        buffer: collect,
        stop: (_self, _type, content) => content,
      },
    });
    inSuite([machine], function* (self) {
      const pid = yield* start(self, 'machine');
      for (const at of [1, 2]) {
        yield* statem(self, 'cast', pid, tup(a('reply'), tup(self.pid, a(`tag${at}`)), a(`ok${at}`)));
      }
      expect(yield* asked(self, pid, tup(a('buffer'), self.pid, e('[tag3,tag4,tag5]')))).toBe('ok');
      expect(yield* asked(self, pid, e('{stop,reason}'))).toBe('ok');
      expect(yield* flushed()).toEqual(['{tag3,ok3}', '{tag4,ok4}', '{tag1,ok1}', '{tag2,ok2}', '{EXIT,pid,reason}']);
    });
  });

  // @otp gen_statem_SUITE:event_types
  it('of all types can be inserted', () => {
    const types = ['internal', 'state_timeout', 'timeout', 'info', 'cast', '{timeout,6}'];
    const expecting =
      (at: number): State =>
      (self, type, content) =>
        shown(type) === types[at] && content === at + 1 ? nextState(`state${at + 2}`, undefined) : bad(self);
    const machine = machineModule('machine', {
      init: () => e('{ok,start1,undefined,[{next_event,internal,0}]}'),
      states: {
        start1: (self, type, content) =>
          type === a('internal') && content === 0 ? nextState('start2', undefined) : bad(self),
        start2: (_self, type, content) =>
          nextState(
            'state1',
            undefined,
            ...types.map((one, at) => nextEvent(e(one), at + 1)),
            nextEvent(type, content),
          ),
        ...Object.fromEntries(types.map((_type, at) => [`state${at + 1}`, expecting(at)])),
        state7: (_self, type) => tup(a('stop_and_reply'), atoms.shutdown, [replyTo(type, a('stopped'))]),
      },
    });
    inSuite([machine], function* (self) {
      const pid = yield* start(self, 'machine');
      expect(yield* asked(self, pid, a('stop'))).toBe('stopped');
      expect(yield* flushed()).toEqual(['{EXIT,pid,shutdown}']);
    });
  });

  // @otp gen_statem_SUITE:reply_by_alias_with_payload
  it('are answered by an alias, also where the tag carries more', () => {
    inSuite([], function* (self) {
      const alias = self.alias();
      const tag = [new ImproperList([a('alias')], alias), 'payload'];
      yield* statem(self, 'reply', tup(self.pid, tag), a('one'));
      const message = yield* receive({ afterMs: 100 });
      expect(message !== timedOut && elementsOf(message)?.[0]).toEqual(tag);
      expect(message !== timedOut && elementsOf(message)?.[1]).toBe(a('one'));
    });
  });
});
