/** OTP's gen_server_SUITE: what a server tells of its state, and of its end. */
import { describe, expect, it } from 'vitest';
import type { Pid, Value } from '../../../term/values.ts';
import { a, tup } from '../../../term/values.ts';
import { ExitException, ThrownValue } from '../../kernel/exceptions.ts';
import type { Flow } from '../../kernel/flow.ts';
import type { LocalFun } from '../../kernel/localFun.ts';
import { fun } from '../../kernel/localFun.ts';
import type { Self } from '../../kernel/self.ts';
import { asValue, atoms, elementsOf, isList } from '../../kernel/values.ts';
import { debug, getState, getStatus, replaceState, resume, suspend } from '../sys.ts';
import { chars } from '../text.ts';
import type { Suite } from './genKit.ts';
import { e, environment, exits, genServer, inCase, mapOf, nextLike, pidOf, property, shown, suite } from './genKit.ts';
import { serverSuiteModules } from './genServerKit.ts';

const server = (): Suite => suite(serverSuiteModules);

function* start(self: Self, module: string, argument: Value, how = 'start_link'): Flow<Pid> {
  return pidOf(yield* genServer(self, how, a(module), argument, []));
}
/** The arguments of the error report, as error_logger's handlers of old got them. */
function* errorReport(self: Self, run: Suite, pid: Pid): Flow<readonly [string, readonly Value[]]> {
  const logged = run.take();
  expect(logged.map(({ kind }) => kind)).toEqual(['gen_server_terminating', 'crash_report']);
  expect(logged[0]?.pid).toBe(pid);
  const [format, args] = elementsOf(yield* genServer(self, 'format_log', logged[0]?.report)) ?? [];
  return [typeof format === 'string' ? format : '', isList(args) ? args.map(asValue) : []];
}
/** The last part of a status, which the behaviour formats. */
function miscOf(status: Value): readonly Value[] {
  const items = elementsOf(status)?.[3];
  const misc = isList(items) ? items[4] : undefined;
  return isList(misc) ? misc.map(asValue) : [];
}
const stateItem = (state: Value): Value => tup(a('data'), [tup(chars('State'), state)]);

describe('reports', () => {
  // @otp gen_server_SUITE:crash
  it('come of ends that are not orderly: one of the server, one of the process', () => {
    const run = server();
    inCase(run, function* (self) {
      self.trapExit(true);
      for (const [argument, request, reason] of [
        ['[]', 'shutdown_reason', '{shutdown,reason}'],
        ['{state,state1}', 'stop_shutdown_reason', '{shutdown,stop_reason}'],
        ['[]', 'exit_shutdown', 'shutdown'],
        ['{state,state3}', 'stop_shutdown', 'shutdown'],
      ] as const) {
        const pid = yield* start(self, 'gen_server_SUITE', e(argument));
        expect(yield* exits(genServer(self, 'call', pid, a(request)))).toMatch(`{EXIT,{${reason},`);
        expect(shown(yield* nextLike(atoms.exit, pid))).toBe(`{EXIT,pid,${reason}}`);
        expect(run.take()).toEqual([]);
      }
      const pid = yield* start(self, 'gen_server_SUITE', e('{state,state4}'), 'start');
      expect(yield* exits(genServer(self, 'call', pid, a('crash')))).toMatch(/^\{EXIT,\{crashed,/);
      const [, crash] = run.logged;
      const [format, args] = yield* errorReport(self, run, pid);
      expect(format).toMatch(/^\*\* Generic server/);
      expect(args.map(shown)).toEqual([
        ...['pid', 'crash', '{formatted,state4}', '{crashed,[{gen_server_SUITE,handle_call,3,[]}]}'],
        ...['pid', '[{gen,do_call,4,[]}]'],
      ]);
      expect([args[0], args[4]]).toEqual([pid, self.pid]);
      const list = mapOf(crash?.report ?? null)['report'];
      const own = isList(list) ? asValue(list[0]) : null;
      expect(shown(property(own, 'error_info'))).toMatch(/^\{exit,crashed,/);
      expect(property(own, 'pid')).toBe(pid);
      expect(run.take()).toEqual([]);
    });
  });

  // @otp gen_server_SUITE:error_format_status gen_server_SUITE:terminate_crash_format
  it.each(['gen_server_SUITE', 'format_status_server'])('show the state as %s formats it', (module) => {
    const run = server();
    inCase(run, function* (self) {
      self.trapExit(true);
      const pid = yield* start(self, module, e('{state,"called format_status"}'));
      expect(yield* exits(genServer(self, 'call', pid, a('crash')))).toMatch(/^\{EXIT,\{crashed,/);
      yield* nextLike(atoms.exit, pid);
      const crashed = (yield* errorReport(self, run, pid))[1];
      expect(crashed[2]).toEqual(tup(a('formatted'), e('"called format_status"')));
      expect(shown(crashed[3])).toBe(`{crashed,[{${module},handle_call,3,[]}]}`);

      const other = yield* start(self, module, e('{state,crash_terminate}'));
      yield* genServer(self, 'call', other, a('stop'));
      expect(shown(yield* nextLike(atoms.exit, other))).toBe('{EXIT,pid,{crash,terminate}}');
      const [format, args] = yield* errorReport(self, run, other);
      expect(format).toMatch(/^\*\* Generic server/);
      expect(args.map(shown)).toEqual([
        ...['pid', 'stop', '{formatted,crash_terminate}', `{{crash,terminate},[{${module},terminate,2,[]}]}`],
        ...['pid', '[{gen,do_call,4,[]}]'],
      ]);
    });
  });
});

describe('format_status', () => {
  const failing = (what: () => never): LocalFun => fun('test', 'failing', 1, what);

  // @otp gen_server_SUITE:call_format_status
  it.each<[string, readonly Value[]]>([
    ['gen_server_SUITE', [a('format_status_called')]],
    ['format_status_server', [stateItem(a('format_status_called'))]],
  ])('of %s is asked for a status, whatever the server is called', (module, last) => {
    inCase(server(), function* (self) {
      self.trapExit(true);
      for (const name of ['{local,call_format_status}', null, '{global,"Status"}', '{global,{name,"term"}}']) {
        const named = name === null ? [] : [e(name)];
        const pid = pidOf(yield* genServer(self, 'start_link', ...named, a(module), [], []));
        const status = yield* getStatus(self, pid, 5000);
        const items = elementsOf(status)?.[3];
        expect(shown(status)).toMatch(/^\{status,pid,\{module,gen_server\},\[\[.*\],running,pid,\[\],/);
        expect(isList(items) && items[2]).toBe(self.pid);
        const misc = miscOf(status);
        expect(misc.slice(2)).toEqual(last);
        expect(shown(misc[0])).toMatch(/^\{header,/);
        yield* genServer(self, 'call', pid, a('stop'));
        yield* nextLike(atoms.exit, pid);
      }
    });
  });

  // @otp gen_server_SUITE:crash_in_format_status gen_server_SUITE:throw_in_format_status
  it.each<[string, LocalFun, string, Value]>([
    ['exits', failing(() => raise(new ExitException(e('{crash,format_status}')))), 'gen_server_SUITE', crashText(2)],
    [
      'exits',
      failing(() => raise(new ExitException(e('{crash,format_status}')))),
      'format_status_server',
      crashText(1),
    ],
    ['throws', failing(() => raise(new ThrownValue(e('{throw,format_status}')))), 'gen_server_SUITE', null],
    ['throws', failing(() => raise(new ThrownValue(e('{throw,format_status}')))), 'format_status_server', crashText(1)],
  ])('that %s is said so in its place', (_how, state, module, text) => {
    const run = server();
    inCase(run, function* (self) {
      self.trapExit(true);
      const pid = yield* start(self, module, tup(a('state'), state));
      const expected = text ?? e('{throw,format_status}');
      expect(miscOf(yield* getStatus(self, pid)).at(-1)).toEqual(text === null ? expected : stateItem(expected));
      yield* genServer(self, 'call', pid, a('stop'));
      expect(shown(yield* nextLike(atoms.exit, pid))).toBe('{EXIT,pid,stopped}');
      const args = (yield* errorReport(self, run, pid))[1];
      expect(args.slice(0, 4)).toEqual([pid, a('stop'), expected, a('stopped')]);
    });
  });

  // @otp gen_server_SUITE:format_all_status
  it('can change state, message, reason and log', () => {
    const run = server();
    inCase(run, function* (self) {
      self.trapExit(true);
      const marking = fun('test', 'marking', 1, (_own, status) =>
        Object.fromEntries(
          Object.entries(mapOf(status)).map(([key, value]): [string, Value] => [
            key,
            key === 'log' && isList(value) ? value.map((one) => tup(a('log'), asValue(one))) : tup(a(key), value),
          ]),
        ),
      );
      const pid = yield* start(self, 'format_status_server', tup(a('state'), marking));
      yield* debug(self, pid, 'log', true);
      yield* genServer(self, 'call', pid, a('started_p'));
      expect(shown(yield* genServer(self, 'call', pid, e('{delayed_answer,10}')))).toBe('delayed');
      const [, data, state] = miscOf(yield* getStatus(self, pid));
      expect(state).toEqual(stateItem(tup(a('state'), marking)));
      const pairs = elementsOf(data)?.[1];
      const events = isList(pairs) ? asValue(elementsOf(pairs[2])?.[1]) : null;
      const words = isList(events) ? events.map((event) => shown(event).replaceAll('object', 'fun')) : [];
      const expected = [
        /^\{log,\{in,\{\$gen_call,\{pid,.*\},started_p\}\}\}$/,
        /^\{log,\{out,ok,/,
        /^\{log,\{in,\{\$gen_call,\{pid,.*\},\{delayed_answer,10\}\}\}\}$/,
        /^\{log,\{noreply,\{reply_to,/,
        /^\{log,\{in,timeout\}\}$/,
        /^\{log,\{noreply,/,
      ];
      expect(words).toHaveLength(expected.length);
      for (const [at, pattern] of expected.entries()) expect(words[at]).toMatch(pattern);

      expect(shown(yield* genServer(self, 'call', pid, a('stop')))).toBe('ok');
      yield* nextLike(atoms.exit, pid);
      const stopped = (yield* errorReport(self, run, pid))[1];
      expect(stopped.slice(0, 4)).toEqual([pid, e('{message,stop}'), tup(a('state'), marking), e('{reason,stopped}')]);
      expect(shown(stopped[10])).toMatch(/^\{log,\{in,\{\$gen_call,.*,stop\}\}\}$/);

      const other = yield* start(self, 'format_status_server', tup(a('state'), marking));
      yield* exits(genServer(self, 'call', other, a('crash')));
      yield* nextLike(atoms.exit, other);
      const crashed = (yield* errorReport(self, run, other))[1];
      expect(crashed.slice(1, 3)).toEqual([e('{message,crash}'), tup(a('state'), marking)]);
      expect(shown(crashed[3])).toBe('{{reason,crashed},[{format_status_server,handle_call,3,[]}]}');
    });
  });
});

function raise(thrown: Error): never {
  throw thrown;
}
function crashText(arity: 1 | 2): Value {
  return chars(`${arity === 2 ? 'gen_server_SUITE' : 'format_status_server'}:format_status/${arity} crashed`);
}

describe('the state', () => {
  // @otp gen_server_SUITE:get_state gen_server_SUITE:replace_state
  it('is told and replaced, running and suspended; a function that fails changes nothing', () => {
    inCase(server(), function* (self) {
      const pid = yield* start(self, 'gen_server_SUITE', tup(a('state'), self.pid));
      expect(yield* getState(self, pid)).toBe(self.pid);
      expect(yield* getState(self, pid, 5000)).toBe(self.pid);
      yield* suspend(self, pid);
      expect(yield* getState(self, pid)).toBe(self.pid);
      yield* resume(self, pid);

      const become = (value: Value): LocalFun => fun('test', 'become', 1, () => value);
      expect(yield* replaceState(self, pid, become('replaced'))).toBe('replaced');
      const longer = fun('test', 'longer', 1, (_own, state) => `${shown(state)} again`);
      expect(yield* replaceState(self, pid, longer, 5000)).toBe('"replaced" again');
      const failing = fun('test', 'failing', 1, () => raise(new ThrownValue(a('fail'))));
      expect(yield* exits(replaceState(self, pid, failing))).toBe(
        '{EXIT,{{callback_failed,{gen_server,system_replace_state},{throw,fail}},[]}}',
      );
      expect(yield* getState(self, pid)).toBe('"replaced" again');
      yield* suspend(self, pid);
      expect(yield* replaceState(self, pid, become('at last'))).toBe('at last');
      yield* resume(self, pid);
      expect(yield* getState(self, pid)).toBe('at last');
    });
  });
});

describe('format_log', () => {
  const term = Array.from({ length: 15 }, (_, at) => at + 1);
  const reportOf = (pid: Pid): Value => ({
    label: e('{gen_server,terminate}'),
    name: pid,
    last_message: term,
    state: term,
    log: [],
    reason: term,
    client_info: tup(pid, e('{clientname,[]}')),
  });
  const warning: Value = { label: e('{gen_server,no_handle_info}'), module: a('gen_server_SUITE'), message: term };

  // @otp gen_server_SUITE:format_log_2
  it('makes texts, shorter with a depth, a limit of characters, and on one line', () => {
    inCase(server(), function* (self) {
      const report = reportOf(self.pid);
      const text = function* (what: Value, options: string): Flow<string> {
        const made = yield* genServer(self, 'format_log', what, e(options));
        return typeof made === 'string' ? made : '';
      };
      const full = yield* text(report, '#{}');
      const name = /^\*\* Generic server (<[\d.]+>|\S+) terminating \n\*\* Last message in was \[1,2,3/;
      expect(full).toMatch(name);
      const warned = yield* text(warning, '#{}');
      expect(warned).toMatch(/^\*\* Undefined handle_info in gen_server_SUITE\n\*\* Unhandled message: \[1,2,3/);
      for (const [options, warningOptions] of [
        ['#{depth => 10}', '#{depth => 10}'],
        ['#{chars_limit => 200}', '#{chars_limit => 80}'],
      ] as const) {
        const short = yield* text(report, options);
        expect(short).toMatch(/^\*\* Generic server \S+ terminating \n\*\* Last message in was /);
        expect(short.length).toBeLessThan(full.length);
        const shortWarning = yield* text(warning, warningOptions);
        expect(shortWarning).toMatch(/^\*\* Undefined handle_info in gen_server_SUITE\n\*\* Unhandled message: /);
        expect(shortWarning.length).toBeLessThan(warned.length);
      }
      const line = yield* text(report, '#{single_line => true}');
      expect(line).toMatch(/^Generic server \S+ terminating\. Reason: /);
      expect(line.length).toBeLessThan(full.length);
      const warningLine = yield* text(warning, '#{single_line => true}');
      expect(warningLine).toMatch(/^Undefined handle_info in gen_server_SUITE\. Unhandled message: /);
      expect(warningLine.length).toBeLessThan(warned.length);
      for (const more of ['depth => 10', 'chars_limit => 200']) {
        const shorter = yield* text(report, `#{single_line => true, ${more}}`);
        expect(shorter).toMatch(/^Generic server \S+ terminating\. Reason: /);
        expect(shorter.length).toBeLessThan(line.length);
      }
      for (const more of ['depth => 10', 'chars_limit => 80']) {
        const shorter = yield* text(warning, `#{single_line => true, ${more}}`);
        expect(shorter).toMatch(/^Undefined handle_info in gen_server_SUITE\. Unhandled message: /);
        expect(shorter.length).toBeLessThan(warningLine.length);
      }
    });
  });

  // @otp gen_server_SUITE:format_log_1
  it('makes a format and its arguments, as deep as the kernel is configured', () => {
    const env = new Map<string, Value>();
    inCase(suite([...serverSuiteModules, environment(env)]), function* (self) {
      const words =
        '** Generic server ~tp terminating \n** Last message in was ~tp~n** When Server state == ~tp~n' +
        '** Reason for termination ==~n** ~tp~n** Client ~tp stacktrace~n** ~tp~n';
      const name = self.pid;
      const client = a('clientname');
      const made = function* (what: Value): Flow<readonly [Value, Value]> {
        const [format, args] = (elementsOf(yield* genServer(self, 'format_log', what)) ?? []).map(asValue);
        return [format, args];
      };
      expect(yield* made(reportOf(name))).toEqual([words, [name, term, term, term, client, []]]);
      const warningWords = '** Undefined handle_info in ~p~n** Unhandled message: ~tp~n';
      expect(yield* made(warning)).toEqual([warningWords, [a('gen_server_SUITE'), term]]);
      env.set('error_logger_format_depth', 10);
      const limited = [1, 2, 3, 4, 5, 6, 7, 8, 9, a('...')];
      const deep = [name, 10, limited, 10, limited, 10, limited, 10, client, 10, [], 10];
      expect(yield* made(reportOf(name))).toEqual([words.replaceAll('~tp', '~tP'), deep]);
      const cut = [a('gen_server_SUITE'), limited, 10];
      expect(yield* made(warning)).toEqual([warningWords.replace('~tp', '~tP'), cut]);
    });
  });
});
