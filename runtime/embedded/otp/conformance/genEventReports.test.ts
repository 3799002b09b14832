/** OTP's gen_event_SUITE: callbacks that are not there, statuses, states and reports. */
import { describe, expect, it } from 'vitest';
import type { Pid, Value } from '../../../term/values.ts';
import { a, tup } from '../../../term/values.ts';
import type { Flow } from '../../kernel/flow.ts';
import { sleep } from '../../kernel/flow.ts';
import { fun } from '../../kernel/localFun.ts';
import type { Self } from '../../kernel/self.ts';
import { asValue, elementsOf, isList } from '../../kernel/values.ts';
import { changeCode, getState, getStatus, replaceState, resume, suspend } from '../sys.ts';
import { chars } from '../text.ts';
import { eventSuiteModules } from './genEventKit.ts';
import type { Suite } from './genKit.ts';
import { calls, e, environment, exits, inCase, pidOf, property, shown, suite } from './genKit.ts';

const genEvent = calls('gen_event');
const manager = a('my_dummy_handler');
const server = (): Suite => suite(eventSuiteModules);

function* start(self: Self): Flow<Pid> {
  return pidOf(yield* genEvent(self, 'start', e('{local,my_dummy_handler}')));
}
function* startWith(self: Self, handler: string): Flow<Pid> {
  const pid = yield* start(self);
  yield* genEvent(self, 'add_handler', pid, e(handler), [self.pid]);
  return pid;
}
function* which(self: Self, pid: Value = manager): Flow<string> {
  return shown(yield* genEvent(self, 'which_handlers', pid));
}

describe('callbacks that are not there', () => {
  // @otp gen_event_SUITE:undef_init gen_event_SUITE:undef_handle_call gen_event_SUITE:undef_handle_event
  it('init, handle_call, handle_event: the handler is not there any more', () => {
    inCase(server(), function* (self) {
      const pid = yield* startWith(self, 'oc_event');
      expect(shown(yield* genEvent(self, 'add_handler', pid, a('oc_init_event'), []))).toBe(
        '{EXIT,{undef,[{oc_init_event,init,[[]],[]}]}}',
      );
      expect(shown(yield* genEvent(self, 'call', pid, a('oc_event'), a('call_msg')))).toBe(
        '{error,{EXIT,{undef,[{oc_event,handle_call,[call_msg,[]],[]}]}}}',
      );
      expect(yield* which(self)).toBe('[]');
      for (const how of ['sync_notify', 'notify']) {
        yield* genEvent(self, 'add_handler', pid, a('oc_event'), []);
        expect(yield* which(self)).toBe('[oc_event]');
        expect(shown(yield* genEvent(self, how, pid, a('event_msg')))).toBe('ok');
        expect(yield* which(self)).toBe('[]');
      }
    });
  });

  // @otp gen_event_SUITE:undef_handle_info
  it('handle_info: it is logged, and the handler stays', () => {
    const run = server();
    inCase(run, function* (self) {
      const pid = yield* startWith(self, 'oc_event');
      self.send(pid, a('hej'));
      expect(yield* which(self)).toBe('[oc_event]');
      const [logged] = run.take();
      expect([logged?.pid, logged?.kind]).toEqual([pid, 'unexpected_message']);
      expect(shown(yield* genEvent(self, 'format_log', logged?.report))).toBe(
        '{"** Undefined handle_info in ~p\\n** Unhandled message: ~tp\\n",[oc_event,hej]}',
      );
    });
  });

  // @otp gen_event_SUITE:undef_code_change gen_event_SUITE:undef_terminate gen_event_SUITE:undef_in_terminate
  it('code_change: the upgrade fails; terminate: nothing is missed, unless it calls what is not there', () => {
    inCase(server(), function* (self) {
      const pid = yield* startWith(self, 'oc_event');
      yield* suspend(self, pid);
      yield* replaceState(
        self,
        pid,
        fun('test', 'new', 1, (_own, state) => tup(a('new'), state)),
      );
      const outcome = yield* changeCode(self, pid, { module: a('oc_event'), oldVersion: a('old_vsn'), extra: [] });
      yield* resume(self, pid);
      expect(shown(outcome)).toBe('{error,{EXIT,{undef,[{oc_event,code_change,[old_vsn,[],[]],[]}]}}}');
      expect(yield* which(self)).toBe('[oc_event]');
      expect(shown(yield* genEvent(self, 'delete_handler', pid, a('oc_event'), []))).toBe('ok');
      expect(yield* which(self)).toBe('[]');
      yield* genEvent(self, 'add_handler', pid, a('dummy_h'), e('{state,{undef_in_terminate,{dummy_h,terminate}}}'));
      expect(shown(yield* genEvent(self, 'delete_handler', pid, a('dummy_h'), []))).toBe(
        '{EXIT,{undef,[{dummy_h,terminate,[],[]}]}}',
      );
      expect(yield* which(self)).toBe('[]');
    });
  });
});

describe('what is shown', () => {
  const formatted = chars('dummy1_h handler state');

  // @otp gen_event_SUITE:call_format_status gen_event_SUITE:call_format_status_anon
  it('in a status is what each handler formats', () => {
    inCase(server(), function* (self) {
      for (const handler of ['dummy1_h', 'dummy_h']) {
        const pid = yield* startWith(self, handler);
        const status = yield* getStatus(self, pid, 5000);
        expect(shown(status)).toMatch(/^\{status,pid,\{module,gen_event\},\[\[.*\],running,pid,\[\],/);
        const items = elementsOf(status)?.[3];
        const misc = isList(items) ? asValue(items[4]) : null;
        expect(isList(items) && items[2]).toBe(pid);
        const installed = asValue(elementsOf(property(misc, 'items'))?.[1]);
        expect(installed).toEqual([tup(a('handler'), a(handler), false, formatted, false)]);
        yield* genEvent(self, 'stop', pid);
      }
      const anonymous = pidOf(yield* genEvent(self, 'start'));
      const items = elementsOf(yield* getStatus(self, anonymous))?.[3];
      const header = isList(items) ? property(asValue(items[4]), 'header') : null;
      const text = isList(header) ? String.fromCharCode(...header.map(Number)) : '';
      expect(text).toBe(`Status for event handler <0.${anonymous.id}.${anonymous.serial}>`);
    });
  });

  // @otp gen_event_SUITE:error_format_status
  it('of a handler that failed is what it formats, too', () => {
    const run = server();
    inCase(run, function* (self) {
      self.trapExit(true);
      const pid = yield* start(self);
      yield* genEvent(self, 'add_sup_handler', pid, a('dummy1_h'), [self.pid]);
      yield* genEvent(self, 'notify', pid, a('do_crash'));
      yield* sleep(5);
      const [logged, ...more] = run.take();
      expect(more).toEqual([]);
      expect([logged?.pid, logged?.kind]).toEqual([pid, 'gen_event_handler_terminating']);
      const [format, args] = elementsOf(yield* genEvent(self, 'format_log', logged?.report)) ?? [];
      expect(format).toMatch(/^\*\* gen_event handler/);
      expect(isList(args) && args.slice(0, 4)).toEqual([a('dummy1_h'), manager, a('do_crash'), formatted]);
      expect(isList(args) && shown(args[4])).toBe('{{badmatch,4},[]}');
    });
  });

  // @otp gen_event_SUITE:get_state gen_event_SUITE:replace_state
  it('of the state is one of each handler, and each is replaced by itself', () => {
    inCase(server(), function* (self) {
      const pid = yield* startWith(self, 'dummy1_h');
      expect(yield* getState(self, pid)).toEqual([tup(a('dummy1_h'), false, self.pid)]);
      yield* genEvent(self, 'add_handler', pid, e('{dummy1_h,id}'), [e('{suite,2}')]);
      const both = [tup(a('dummy1_h'), a('id'), e('{suite,2}')), tup(a('dummy1_h'), false, self.pid)];
      expect(yield* getState(self, pid)).toEqual(both);
      yield* suspend(self, pid);
      expect(yield* getState(self, pid, 5000)).toEqual(both);
      yield* resume(self, pid);
      yield* genEvent(self, 'delete_handler', pid, e('{dummy1_h,id}'), []);

      const become = (text: string): ReturnType<typeof fun> =>
        fun('test', 'become', 1, (_own, handler) => {
          const [module, id] = (elementsOf(handler) ?? []).map(asValue);
          return tup(module, id, text);
        });
      const held = (text: string): Value => [tup(a('dummy1_h'), false, text)];
      expect(yield* replaceState(self, pid, become('replaced'))).toEqual(held('replaced'));
      expect(yield* replaceState(self, pid, become('again'), 5000)).toEqual(held('again'));
      const failing = fun('test', 'failing', 1, (own) => own.exit(a('fail')));
      expect(yield* replaceState(self, pid, failing)).toEqual(held('again'));
      expect(yield* getState(self, pid)).toEqual(held('again'));
      yield* suspend(self, pid);
      expect(yield* replaceState(self, pid, become('and again'))).toEqual(held('and again'));
      yield* resume(self, pid);
      expect(yield* getState(self, pid)).toEqual(held('and again'));
      expect(yield* exits(getState(self, a('nobody')))).toMatch(/^\{EXIT,\{noproc,/);
    });
  });
});

// @otp gen_event_SUITE:format_log_2
it('format_log makes texts, shorter with a depth, a limit of characters, and on one line', () => {
  inCase(server(), function* (self) {
    const term = Array.from({ length: 15 }, (_, at) => at + 1);
    const report: Value = {
      label: e('{gen_event,terminate}'),
      handler: e('{mymod,myid}'),
      name: self.pid,
      last_message: term,
      state: term,
      reason: term,
    };
    const warning: Value = { label: e('{gen_event,no_handle_info}'), module: a('gen_event_SUITE'), message: term };
    const text = function* (what: Value, options: string): Flow<string> {
      const made = yield* genEvent(self, 'format_log', what, e(options));
      return typeof made === 'string' ? made : '';
    };
    for (const [what, several, single, limit] of [
      [
        report,
        /^\*\* gen_event handler \{mymod,myid\} crashed\.\n\*\* Was installed in /,
        /^Generic event handler /,
        200,
      ],
      [
        warning,
        /^\*\* Undefined handle_info in gen_event_SUITE\n\*\* Unhandled message: /,
        /^Undefined handle_info in /,
        80,
      ],
    ] as const) {
      const full = yield* text(what, '#{}');
      expect(full).toMatch(several);
      for (const more of ['depth => 10', `chars_limit => ${limit}`]) {
        const short = yield* text(what, `#{${more}}`);
        expect(short).toMatch(several);
        expect(short.length).toBeLessThan(full.length);
      }
      const line = yield* text(what, '#{single_line => true}');
      expect(line).toMatch(single);
      expect(line.length).toBeLessThan(full.length);
      for (const more of ['depth => 10', `chars_limit => ${limit}`]) {
        const short = yield* text(what, `#{single_line => true, ${more}}`);
        expect(short).toMatch(single);
        expect(short.length).toBeLessThan(line.length);
      }
    }
  });
});

// @otp gen_event_SUITE:format_log_1
it('format_log makes a format and its arguments, as deep as the kernel is configured', () => {
  const env = new Map<string, Value>();
  inCase(suite([...eventSuiteModules, environment(env)]), function* (self) {
    const term = Array.from({ length: 15 }, (_, at) => at + 1);
    const handler = e('{mymod,myid}');
    const label = e('{gen_event,terminate}');
    const report = { label, handler, name: self.pid, last_message: term, state: term, reason: term };
    const words =
      '** gen_event handler ~tp crashed.\n** Was installed in ~tp\n** Last event was: ~tp\n' +
      '** When handler state == ~tp\n** Reason == ~tp\n';
    const made = function* (): Flow<readonly [Value, Value]> {
      const [format, args] = (elementsOf(yield* genEvent(self, 'format_log', report)) ?? []).map(asValue);
      return [format, args];
    };
    expect(yield* made()).toEqual([words, [handler, self.pid, term, term, term]]);
    env.set('error_logger_format_depth', 10);
    const limited = [1, 2, 3, 4, 5, 6, 7, 8, 9, a('...')];
    const deep = [handler, 10, self.pid, 10, limited, 10, limited, 10, limited, 10];
    expect(yield* made()).toEqual([words.replaceAll('~tp', '~tP'), deep]);
  });
});
