/** OTP's gen_server_SUITE: calls, asynchronous requests, casts, messages, time-outs, hibernation, many nodes. */
import { describe, expect, it } from 'vitest';
import type { Pid, Value } from '../../../term/values.ts';
import { a, ImproperList, tup } from '../../../term/values.ts';
import type { Flow } from '../../kernel/flow.ts';
import { receive, sleep, timedOut } from '../../kernel/flow.ts';
import type { Self } from '../../kernel/self.ts';
import { asValue, atoms, elementsOf } from '../../kernel/values.ts';
import { getState, resume, suspend } from '../sys.ts';
import type { Suite } from './genKit.ts';
import {
  currentFunction,
  e,
  exits,
  genServer,
  hibernating,
  inCase,
  next,
  nextLike,
  pidOf,
  shown,
  suite,
} from './genKit.ts';
import { serverSuiteModules, startFar } from './genServerKit.ts';

const own = a('gen_server_SUITE');
const name = a('my_test_name');
const named = e('{local,my_test_name}');
const server = (nodes?: readonly string[]): Suite => suite(serverSuiteModules, nodes);
const two = ['one@sim', 'two@sim'];

function* start(self: Self, how = 'start', argument: Value = [], options = '[]'): Flow<Pid> {
  return pidOf(yield* genServer(self, how, named, own, argument, e(options)));
}
function* answers(self: Self, to: Value, request: string): Flow<string> {
  return shown(yield* genServer(self, 'call', to, e(request)));
}

describe('calls', () => {
  // @otp gen_server_SUITE:call
  it('are answered at once or later, time out on both sides, and end with a bad return', () => {
    inCase(server(), function* (self) {
      self.trapExit(true);
      yield* start(self, 'start_link');
      expect(yield* answers(self, name, 'started_p')).toBe('ok');
      expect(yield* answers(self, name, '{delayed_answer,1}')).toBe('delayed');
      expect(yield* answers(self, name, '{call_within,1000}')).toBe('ok');
      yield* sleep(500);
      expect(yield* answers(self, name, 'next_call')).toBe('ok');
      expect(yield* answers(self, name, '{call_within,1000}')).toBe('ok');
      yield* sleep(1500);
      expect(yield* answers(self, name, 'next_call')).toBe('false');
      expect(shown(yield* genServer(self, 'call', name, e('{delayed_answer,1}'), 30))).toBe('delayed');
      const late = yield* exits(genServer(self, 'call', name, e('{delayed_answer,30}'), 1));
      expect(late).toBe('{EXIT,{timeout,{gen_server,call,[my_test_name,{delayed_answer,30},1]}}}');
      const bad = yield* exits(genServer(self, 'call', name, a('badreturn')));
      expect(bad).toBe('{EXIT,{{bad_return_value,badreturn},{gen_server,call,[my_test_name,badreturn]}}}');
    });
  });

  // @otp gen_server_SUITE:calling_self
  it('to oneself exit', () => {
    inCase(server(), function* (self) {
      expect(yield* exits(genServer(self, 'call', self.pid, a('oops')))).toMatch(/^\{EXIT,\{calling_self,/);
      expect(yield* exits(genServer(self, 'call', self.pid, a('oops'), atoms.infinity))).toMatch(
        /^\{EXIT,\{calling_self,/,
      );
    });
  });

  // @otp gen_server_SUITE:call_remote1 gen_server_SUITE:call_remote2 gen_server_SUITE:call_remote3
  // @otp gen_server_SUITE:call_remote_n1 gen_server_SUITE:call_remote_n2 gen_server_SUITE:call_remote_n3
  it.each<[string, string, string | null]>([
    ['a global name', '{global,hubba}', '{global,hubba}'],
    ['a pid', '{global,hubba}', null],
    ['a name there', '{local,piller}', "{piller,'two@sim'}"],
  ])('to another node by %s: answered, to one that ended, and to a node that is down', (_what, given, called) => {
    const run = server(two);
    inCase(run, function* (self) {
      const far = yield* startFar(self, 'two@sim', [e(given), own, [], []]);
      yield* sleep(1000);
      const target = called === null ? far : e(called);
      const call = (): Flow<string> => exits(genServer(self, 'call', target, a('started_p'), atoms.infinity));
      expect(yield* call()).toBe('ok');
      self.sendExit(far, a('boom'));
      expect(yield* call()).toMatch(/^\{EXIT,\{(noproc|boom),/);
      yield* sleep(1000);
      const again = yield* startFar(self, 'two@sim', [e(given), own, [], []]);
      run.cluster.crashNode('two@sim');
      yield* sleep(1000);
      const gone = called === null ? again : e(called);
      expect(yield* exits(genServer(self, 'call', gone, a('started_p'), atoms.infinity))).toMatch(
        called?.startsWith('{global') === true ? /^\{EXIT,\{noproc,/ : /^\{EXIT,\{\{nodedown,two@sim\},/,
      );
    });
  });

  // @otp gen_server_SUITE:call_with_huge_message_queue
  it('look through a long mailbox of the caller no further than their answer', () => {
    inCase(server(), function* (self) {
      const pid = yield* start(self);
      const looks = { count: 0 };
      for (let at = 0; at < 50_000; at += 1) self.send(self.pid, watchedTuple(looks));
      looks.count = 0;
      for (let at = 0; at < 100; at += 1) yield* genServer(self, 'call', pid, a('started_p'), atoms.infinity);
      expect(looks.count).toBe(0);
      expect(self.messageQueueLength).toBe(50_000);
    });
  });

  // @otp gen_server_SUITE:reply_by_alias_with_payload
  it('are answered by an alias, also where its tag carries more', () => {
    inCase(server(), function* (self) {
      for (const answer of [a('one'), a('two')]) {
        const alias = self.alias();
        const tag = [new ImproperList([a('alias')], alias), 'payload'];
        yield* genServer(self, 'reply', tup(self.pid, tag), answer);
        const message = yield* receive({ afterMs: 100 });
        expect(message !== timedOut && elementsOf(message)?.[0]).toBe(tag);
        expect(message !== timedOut && elementsOf(message)?.[1]).toBe(answer);
        self.unalias(alias);
        yield* genServer(self, 'reply', tup(self.pid, tag), answer);
        expect(yield* next(50)).toBe('timeout');
      }
    });
  });
});

describe('requests', () => {
  // @otp gen_server_SUITE:send_request
  it('are answered, waited for again after a time-out, and tell why there is no answer', () => {
    const run = server(two);
    inCase(run, function* (self) {
      self.trapExit(true);
      const pid = yield* start(self, 'start_link');
      const asked = function* (to: Value, request: string): Flow<string> {
        const id = yield* genServer(self, 'send_request', to, e(request));
        return shown(yield* genServer(self, 'wait_response', id, atoms.infinity));
      };
      const promised = (request: string): Flow<Value> => genServer(self, 'send_request', name, e(request));
      const waited = function* (id: Value, limit: Value = atoms.infinity): Flow<string> {
        return shown(yield* genServer(self, 'wait_response', id, limit));
      };
      expect(yield* asked(name, 'started_p')).toBe('{reply,ok}');
      expect(yield* asked(pid, '{delayed_answer,1}')).toBe('{reply,delayed}');
      const first = yield* promised('{call_within,1000}');
      const second = yield* promised('next_call');
      expect(yield* waited(first)).toBe('{reply,ok}');
      expect(yield* waited(second)).toBe('{reply,ok}');

      const third = yield* promised('{call_within,1000}');
      expect(shown(yield* genServer(self, 'check_response', e('{foo,bar}'), third))).toBe('no_reply');
      const message = yield* receive({ afterMs: 1000 });
      expect(shown(yield* genServer(self, 'check_response', message === timedOut ? null : message, third))).toBe(
        '{reply,ok}',
      );
      yield* sleep(1500);
      expect(yield* asked(name, 'next_call')).toBe('{reply,false}');
      const slow = yield* promised('{delayed_answer,50}');
      expect(yield* waited(slow, 0)).toBe('timeout');
      expect(yield* waited(slow)).toBe('{reply,delayed}');

      expect(yield* asked(name, 'badreturn')).toMatch(/^\{error,\{\{bad_return_value,badreturn\},/);
      for (const to of [pid, name, e('{global,non_existing}'), e('{via,dummy_via,non_existing}')]) {
        expect(yield* asked(to, 'started_p')).toMatch(/^\{error,\{noproc,/);
      }
      expect(yield* asked(e("{my_test_name,'foo@node'}"), 'started_p')).toMatch(/^\{error,\{noconnection,/);
      expect(yield* exits(genServer(self, 'send_request', e('{via,no_such_module,x}'), a('started_p')))).toMatch(
        /^\{EXIT,\{undef,/,
      );

      const far = yield* startFar(self, 'two@sim', [e('{global,remote}'), own, [], []]);
      yield* self.apply('dummy_via', 'register_name', [a('remote'), far]);
      yield* sleep(1000);
      for (const to of [far, e('{global,remote}'), e('{via,dummy_via,remote}')]) {
        expect(yield* asked(to, 'started_p')).toBe('{reply,ok}');
      }
      expect(yield* asked(e('{global,remote}'), 'stop_shutdown')).toMatch(/^\{error,\{shutdown,/);
      yield* sleep(1000);
      for (const to of [e('{global,remote}'), e('{via,dummy_via,remote}')]) {
        expect(yield* asked(to, 'started_p')).toMatch(/^\{error,\{noproc,/);
      }
      yield* startFar(self, 'two@sim', [e('{local,remote}'), own, [], []]);
      const there = e("{remote,'two@sim'}");
      expect(yield* asked(there, 'started_p')).toBe('{reply,ok}');
      expect(yield* asked(there, 'stop_shutdown')).toMatch(/^\{error,\{shutdown,/);
      expect(yield* asked(there, 'started_p')).toMatch(/^\{error,\{noproc,/);
    });
  });

  function* three(self: Self): Flow<readonly Pid[]> {
    const pids: Pid[] = [];
    for (let at = 1; at <= 3; at += 1) {
      pids.push(pidOf(yield* genServer(self, 'start_link', tup(a('local'), a(`test${at}`)), own, [], [])));
    }
    return pids;
  }
  /** `{Response, Label, Ids}` as text without the ids, and how many are left. */
  function* outcome(self: Self, answer: Value): Flow<readonly [string, number]> {
    const elements = elementsOf(answer);
    if (elements?.length !== 3) return [shown(answer), -1];
    const size = yield* genServer(self, 'reqids_size', asValue(elements[2]));
    return [`${shown(elements[0])} ${shown(elements[1])}`, Number(size)];
  }
  const idsOf = (answer: Value): Value => asValue(elementsOf(answer)?.[2]);

  // @otp gen_server_SUITE:send_request_receive_reqid_collection gen_server_SUITE:send_request_wait_reqid_collection
  it.each(['receive_response', 'wait_response'])('in a collection come as they are answered, by %s', (how) => {
    inCase(server(), function* (self) {
      self.trapExit(true);
      const [one, other, third] = yield* three(self);
      const alone = yield* genServer(self, 'send_request', one, a('started_p'));
      const id = yield* genServer(self, 'send_request', one, e('{delayed_answer,400}'));
      let ids = yield* genServer(self, 'reqids_add', id, a('req1'), yield* genServer(self, 'reqids_new'));
      expect(yield* exits(genServer(self, 'reqids_add', id, a('req2'), ids))).toBe('{EXIT,{badarg,[]}}');
      ids = yield* genServer(self, 'send_request', other, e('{delayed_answer,1}'), a('req2'), ids);
      ids = yield* genServer(self, 'send_request', third, e('{delayed_answer,200}'), a('req3'), ids);
      expect(yield* genServer(self, 'reqids_size', ids)).toBe(3);
      for (const [label, limit, left] of [
        ['req2', atoms.infinity, 2],
        ['req3', 5678, 1],
        ['req1', 5000, 0],
      ] as const) {
        const answer = yield* genServer(self, how, ids, limit, true);
        expect(yield* outcome(self, answer)).toEqual([`{reply,delayed} ${label}`, left]);
        ids = idsOf(answer);
      }
      expect(shown(yield* genServer(self, how, ids, 5000, true))).toBe('no_request');
      expect(shown(yield* genServer(self, how, alone, atoms.infinity))).toBe('{reply,ok}');

      // Time-outs: receive_response abandons what is left, wait_response does not.
      const slow = yield* genServer(self, 'send_request', one, e('{delayed_answer,1000}'));
      ids = yield* genServer(self, 'reqids_add', slow, a('req1'), ids);
      ids = yield* genServer(self, 'send_request', other, e('{delayed_answer,1}'), a('req2'), ids);
      ids = yield* genServer(self, 'send_request', third, e('{delayed_answer,500}'), a('req3'), ids);
      const deadline = self.nowMs + 100;
      const soon = yield* genServer(self, how, ids, tup(a('abs'), deadline), true);
      expect(yield* outcome(self, soon)).toEqual(['{reply,delayed} req2', 2]);
      ids = idsOf(soon);
      expect(shown(yield* genServer(self, how, ids, tup(a('abs'), deadline), true))).toBe('timeout');
      expect(shown(yield* genServer(self, 'reqids_to_list', ids))).toBe('[{ref,req1},{ref,req3}]');
      const later = yield* genServer(self, how, ids, tup(a('abs'), deadline + 1500), false);
      const expected = how === 'wait_response' ? ['{reply,delayed} req3', 2] : ['timeout', -1];
      expect(yield* outcome(self, later)).toEqual(expected);

      // Errors come as answers, too.
      self.unlink(other ?? self.pid);
      ids = yield* genServer(self, 'reqids_new');
      ids = yield* genServer(self, 'send_request', other, a('stop_shutdown'), a('req2'), ids);
      ids = yield* genServer(self, 'send_request', third, e('{delayed_answer,200}'), a('req3'), ids);
      const failed = yield* genServer(self, how, ids, 2000, true);
      expect((yield* outcome(self, failed))[0]).toMatch(/^\{error,\{shutdown,.*\}\} req2$/);
      const kept = yield* genServer(self, how, idsOf(failed), atoms.infinity, false);
      expect(yield* outcome(self, kept)).toEqual(['{reply,delayed} req3', 1]);
    });
  });

  // @otp gen_server_SUITE:send_request_check_reqid_collection
  it('in a collection are found in messages', () => {
    inCase(server(), function* (self) {
      self.trapExit(true);
      const [one, other, third] = yield* three(self);
      const message = function* (): Flow<Value> {
        const received: Value | typeof timedOut = yield* receive({ afterMs: 3000 });
        return received === timedOut ? null : received;
      };
      const alone = yield* genServer(self, 'send_request', one, a('started_p'));
      yield* sleep(100);
      let ids = yield* genServer(self, 'reqids_new');
      ids = yield* genServer(self, 'send_request', one, e('{delayed_answer,400}'), a('req1'), ids);
      ids = yield* genServer(self, 'send_request', other, e('{delayed_answer,1}'), a('req2'), ids);
      ids = yield* genServer(self, 'send_request', third, e('{delayed_answer,200}'), a('req3'), ids);
      const first = yield* message();
      expect(shown(yield* genServer(self, 'check_response', first, ids, true))).toBe('no_reply');
      for (const [label, left] of [
        ['req2', 2],
        ['req3', 1],
        ['req1', 0],
      ] as const) {
        const answer = yield* genServer(self, 'check_response', yield* message(), ids, true);
        expect(yield* outcome(self, answer)).toEqual([`{reply,delayed} ${label}`, left]);
        ids = idsOf(answer);
      }
      expect(shown(yield* genServer(self, 'check_response', first, ids, true))).toBe('no_request');
      expect(shown(yield* genServer(self, 'check_response', first, alone))).toBe('{reply,ok}');

      self.unlink(other ?? self.pid);
      ids = yield* genServer(self, 'send_request', other, a('stop_shutdown'), a('req2'), ids);
      ids = yield* genServer(self, 'send_request', third, e('{delayed_answer,200}'), a('req3'), ids);
      const failed = yield* genServer(self, 'check_response', yield* message(), ids, true);
      expect((yield* outcome(self, failed))[0]).toMatch(/^\{error,\{shutdown,.*\}\} req2$/);
      const kept = yield* genServer(self, 'check_response', yield* message(), idsOf(failed), false);
      expect(yield* outcome(self, kept)).toEqual(['{reply,delayed} req3', 1]);
    });
  });
});

describe('continue', () => {
  // @otp gen_server_SUITE:continue
  it('comes before any message, from every callback, and may stop the server', () => {
    inCase(server(), function* (self) {
      const read = function* (pid: Pid): Flow<readonly string[]> {
        yield* nextLike(pid, a('ack'));
        const seen: string[] = [];
        for (let message = yield* next(0); message !== 'timeout'; message = yield* next(0)) seen.push(message);
        return seen;
      };
      const usual = ['{pid,continue}', '{pid,after_continue}'];
      const pid = pidOf(yield* genServer(self, 'start_link', own, tup(a('continue'), self.pid), []));
      expect(yield* read(pid)).toEqual(usual);
      for (const request of ['continue_reply', 'continue_noreply']) {
        expect(shown(yield* genServer(self, 'call', pid, tup(a(request), self.pid)))).toBe('ok');
        expect(yield* read(pid)).toEqual(usual);
      }
      yield* genServer(self, 'cast', pid, tup(a('continue_noreply'), self.pid));
      expect(yield* read(pid)).toEqual(usual);
      self.send(pid, tup(a('continue_noreply'), self.pid));
      expect(yield* read(pid)).toEqual(usual);
      self.send(pid, tup(a('continue_continue'), self.pid));
      expect(yield* read(pid)).toEqual(['{pid,before_continue}', ...usual]);
      const ref = self.monitor(pid);
      self.send(pid, a('continue_stop'));
      expect(shown(yield* nextLike(atoms.down, ref))).toBe('{DOWN,ref,process,pid,normal}');
    });
  });
});

describe('casts and messages', () => {
  // @otp gen_server_SUITE:cast gen_server_SUITE:info gen_server_SUITE:abcast
  it('are handled at once, after a time-out, and may stop the server', () => {
    inCase(server(), function* (self) {
      for (const how of ['cast', 'info', 'abcast'] as const) {
        const pid = yield* start(self);
        const tell = function* (...what: readonly Value[]): Flow<void> {
          const message = tup(self.pid, ...what);
          if (how === 'info') self.send(pid, message);
          else if (how === 'cast') expect(shown(yield* genServer(self, 'cast', name, message))).toBe('ok');
          else expect(shown(yield* genServer(self, 'abcast', name, message))).toBe('abcast');
        };
        const [handled, delayed, stopped] =
          how === 'info'
            ? (['handled_info', 'delayed_info', 'stopped_info'] as const)
            : (['handled_cast', 'delayed', 'stopped'] as const);
        yield* tell(a(how === 'info' ? 'handle_info' : 'handle_cast'));
        expect(shown(yield* nextLike(pid))).toBe(`{pid,${handled}}`);
        if (how === 'abcast') {
          yield* genServer(self, 'abcast', [a(self.node)], name, tup(self.pid, a('delayed_cast'), 1));
        } else yield* tell(a(how === 'info' ? 'delayed_info' : 'delayed_cast'), 1);
        expect(shown(yield* nextLike(pid))).toBe(`{pid,${delayed}}`);
        yield* tell(a('stop'));
        expect(shown(yield* nextLike(pid))).toBe(`{pid,${stopped}}`);
        yield* sleep(10);
      }
    });
  });

  // @otp gen_server_SUITE:cast_fast
  it('do not wait for a node that cannot be reached', () => {
    inCase(server(two), function* (self) {
      const before = self.nowMs;
      expect(shown(yield* genServer(self, 'cast', e("{hopp,'hopp@sim'}"), a('hopp')))).toBe('ok');
      expect(self.nowMs).toBe(before);
    });
  });
});

describe('hibernation', () => {
  // @otp gen_server_SUITE:hibernate
  it('is where the server waits, also suspended, until the next message', () => {
    const run = server();
    inCase(run, function* (self) {
      self.trapExit(true);
      const where = function* (pid: Pid, ms = 10): Flow<boolean> {
        yield* sleep(ms);
        return currentFunction(run, pid) === hibernating;
      };
      const first = yield* start(self, 'start_link', a('hibernate'));
      expect(yield* where(first)).toBe(true);
      yield* genServer(self, 'call', first, a('stop'));
      expect(shown(yield* nextLike(atoms.exit, first))).toBe('{EXIT,pid,stopped}');

      const pid = yield* start(self, 'start_link');
      expect(yield* genServer(self, 'call', pid, a('hibernate'))).toBe(true);
      expect(yield* where(pid)).toBe(true);
      const watched: string[] = [];
      const caller = self.pid;
      const helper = self.spawnBody(
        {
          is: 'flow',
          *run(other) {
            yield* receive({ match: (message) => message === a('go') });
            yield* sleep(1000);
            watched.push(currentFunction(run, pid));
            other.send(pid, a('continue'));
            other.send(caller, a('done'));
          },
        },
        { module: 'test', function: 'helper', arity: 0 },
      );
      expect(yield* genServer(self, 'call', pid, tup(a('hibernate_noreply'), helper))).toBe(true);
      expect(watched).toEqual([hibernating]);
      expect(yield* next()).toBe('done');

      for (const how of ['cast hibernate_later', 'cast hibernate_now', 'info hibernate_later', 'info hibernate_now']) {
        const [kind, word] = how.split(' ');
        if (kind === 'cast') yield* genServer(self, 'cast', pid, a(word ?? ''));
        else self.send(pid, a(word ?? ''));
        if (word === 'hibernate_later') expect(yield* where(pid, 500)).toBe(false);
        expect(yield* where(pid, 1000)).toBe(true);
        expect(yield* answers(self, pid, 'started_p')).toBe('ok');
        expect(currentFunction(run, pid)).not.toBe(hibernating);
      }

      expect(yield* genServer(self, 'call', pid, a('hibernate'))).toBe(true);
      yield* suspend(self, pid);
      expect(yield* where(pid)).toBe(true);
      yield* resume(self, pid);
      expect(yield* where(pid)).toBe(true);
      expect(yield* answers(self, pid, 'started_p')).toBe('ok');
      expect(yield* where(pid)).toBe(false);
    });
  });

  // @otp gen_server_SUITE:auto_hibernate
  it('comes by itself when no message came for hibernate_after', () => {
    const run = server();
    inCase(run, function* (self) {
      self.trapExit(true);
      const state = e('{state,{auto_hibernate_state}}');
      const pid = yield* start(self, 'start_link', state, '[{hibernate_after,100}]');
      const settles = function* (): Flow<readonly boolean[]> {
        yield* sleep(1);
        const before = currentFunction(run, pid) === hibernating;
        yield* sleep(110);
        return [before, currentFunction(run, pid) === hibernating];
      };
      expect(yield* settles()).toEqual([false, true]);
      expect(shown(yield* getState(self, pid))).toBe('{auto_hibernate_state}');
      yield* sleep(1);
      expect(currentFunction(run, pid)).toBe(hibernating);
      expect(yield* answers(self, pid, 'started_p')).toBe('ok');
      expect(yield* settles()).toEqual([false, true]);
      yield* genServer(self, 'cast', pid, tup(self.pid, a('handle_cast')));
      expect(shown(yield* nextLike(pid))).toBe('{pid,handled_cast}');
      expect(yield* settles()).toEqual([false, true]);
      self.send(pid, tup(self.pid, a('handle_info')));
      expect(shown(yield* nextLike(pid))).toBe('{pid,handled_info}');
      expect(yield* settles()).toEqual([false, true]);
      yield* genServer(self, 'call', pid, a('stop'));
      expect(shown(yield* nextLike(atoms.exit, pid))).toBe('{EXIT,pid,stopped}');
    });
  });
});

describe('many nodes', () => {
  // @otp gen_server_SUITE:multicall
  it('are called together; those without the server are told', () => {
    const run = server(two);
    inCase(run, function* (self) {
      self.trapExit(true);
      const pid = yield* start(self, 'start_link');
      const all = shown(yield* genServer(self, 'multi_call', name, e('{delayed_answer,1}')));
      expect(all).toBe('{[{one@sim,delayed}],[two@sim]}');
      const here = function* (request: string): Flow<string> {
        return shown(yield* genServer(self, 'multi_call', [a(self.node)], name, e(request)));
      };
      expect(yield* here('{call_within,1000}')).toBe('{[{one@sim,ok}],[]}');
      yield* sleep(500);
      expect(yield* here('next_call')).toBe('{[{one@sim,ok}],[]}');
      expect(yield* here('{call_within,1000}')).toBe('{[{one@sim,ok}],[]}');
      yield* sleep(1500);
      expect(yield* here('next_call')).toBe('{[{one@sim,false}],[]}');
      expect(yield* here('stop')).toBe('{[{one@sim,ok}],[]}');
      expect(shown(yield* nextLike(atoms.exit, pid))).toBe('{EXIT,pid,stopped}');
    });
  });

  // @otp gen_server_SUITE:multicall_down
  it('one that cannot be reached is a bad node; late answers go nowhere', () => {
    const run = server(two);
    inCase(run, function* (self) {
      yield* start(self);
      const nodes = [a('node@test01'), a(self.node)];
      expect(shown(yield* genServer(self, 'multi_call', nodes, name, a('started_p'), 3000))).toBe(
        '{[{one@sim,ok}],[node@test01]}',
      );
      const late = yield* genServer(self, 'multi_call', [a(self.node)], name, e('{delayed_answer,500}'), 100);
      expect(shown(late)).toBe('{[],[one@sim]}');
      expect(yield* next(1000)).toBe('timeout');
    });
  });
});

describe('a start that fails', () => {
  // @otp gen_server_SUITE:otp_7669
  it.each([
    ['local', '{local,otp_7669}', 'erlang'],
    ['global', '{global,otp_7669}', 'global'],
  ])('has given its %s name back when the starter hears of it', (_scope, given, module) => {
    inCase(server(), function* (self) {
      self.trapExit(true);
      const holder = function* (): Flow<string> {
        if (module === 'erlang') return String(self.whereis(a('otp_7669')));
        return shown(yield* self.apply('global', 'whereis_name', [a('otp_7669')]));
      };
      const nobody = yield* holder();
      for (const how of ['start', 'start', 'start_link', 'start_link']) {
        expect(shown(yield* genServer(self, how, e(given), own, atoms.ignore, []))).toBe('ignore');
        expect(yield* holder()).toBe(nobody);
        expect(shown(yield* genServer(self, how, e(given), own, a('stop'), []))).toBe('{error,stopped}');
        expect(yield* holder()).toBe(nobody);
      }
    });
  });
});

/** A message that counts how often somebody looks into it. */
function watchedTuple(looks: { count: number }): Value {
  const message = tup(a('msg'));
  Object.defineProperty(message, 'elements', {
    get: () => {
      looks.count += 1;
      return [a('msg')];
    },
  });
  return message;
}
