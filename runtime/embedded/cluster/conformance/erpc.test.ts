/** The cases of OTP 25's erpc_SUITE on simulated nodes. */
import { describe, expect, it } from 'vitest';
import type { Value } from '../../../term/values.ts';
import { a, ImproperList, tup } from '../../../term/values.ts';
import type { Flow } from '../../kernel/flow.ts';
import { receive, sleep, timedOut } from '../../kernel/flow.ts';
import { ErrorException, ExitException, ThrownValue } from '../../kernel/exceptions.ts';
import type { LocalFun } from '../../kernel/localFun.ts';
import { fun } from '../../kernel/localFun.ts';
import type { Self } from '../../kernel/self.ts';
import { asValue, elementsOf, isList } from '../../kernel/values.ts';
import { shown, testModule } from '../../testKit.ts';
import { flushed, Lab, n0, n1, n2, n3, outcome } from './peerKit.ts';

const [erlang, node, oops] = [a('erlang'), a('node'), a('oops')];
const nowhere = a('badnodename');
const [a1, a2, a3] = [a(n1), a(n2), a(n3)];

const suite = testModule('suite', {
  /** As the suite's: answers late, the later the higher the number in the node's name. */
  *'f/0'(self): Flow<Value> {
    yield* sleep(Number(self.node.slice(1, 2)) * 1000);
    return tup(a('hej'), self.pid, a(self.node));
  },
  'fails/1': (_self, reason) => {
    throw new ErrorException(reason, [tup(a('suite'), a('fails'), [reason], [])]);
  },
  *'back/4'(self, one, other, left, limit): Flow<Value> {
    if (typeof left !== 'number' || left < 0) return self.error(a('badarg'));
    return yield* self.apply('erpc', 'call', [one, a('suite'), a('back'), [other, one, left - 1, limit], limit]);
  },
});

function lab(nodes: readonly string[] = [n0, n1, n2, n3]): Lab {
  return new Lab(nodes, { modules: [suite] });
}
function call(self: Self, ...args: readonly Value[]): Flow<string> {
  return outcome(self.apply('erpc', 'call', args));
}
function of(body: (self: Self) => Value | Flow<Value>): LocalFun {
  return fun('suite', '-f/0-fun-0-', 0, body);
}
const throws = (value: Value): LocalFun =>
  of(() => {
    throw new ThrownValue(value);
  });
const exits = (value: Value): LocalFun =>
  of(() => {
    throw new ExitException(value);
  });
const sleeps = of(function* () {
  yield* sleep(100);
  return null;
});
const nodeFun = of((self) => a(self.node));

/** What is called comes through with its class, wherever it runs. */
function* callTest(self: Self, on: string, limit: Value): Flow<void> {
  const to = a(on);
  expect(yield* call(self, to, erlang, node, [], limit)).toBe(`ok:${on}`);
  const invalid = new ImproperList([oops], a('invalid'));
  expect(yield* call(self, to, erlang, a('error'), invalid, limit)).toMatch(
    /^error:\{exception,badarg,\[\{erlang,apply,\[erlang,error,/,
  );
  expect(yield* call(self, to, erlang, a('error'), [oops], limit)).toBe(
    'error:{exception,oops,[{erlang,error,[oops],[]}]}',
  );
  expect(yield* call(self, to, erlang, a('exit'), [oops], limit)).toBe('exit:{exception,oops}');
  expect(yield* call(self, to, exits(oops), limit)).toBe('exit:{exception,oops}');
  expect(yield* call(self, to, erlang, a('throw'), [oops], limit)).toBe('throw:oops');
  expect(yield* call(self, to, throws(oops), limit)).toBe('throw:oops');
  // Here and without a limit the call is no process of its own, which the signal would end.
  if (on !== self.node || limit !== a('infinity')) {
    const signalled = of(function* (own) {
      own.sendExit(own.pid, oops);
      yield* receive({ match: () => false });
      return null;
    });
    expect(yield* call(self, to, signalled, limit)).toBe('exit:{signal,oops}');
    expect(yield* call(self, to, erlang, a('apply'), [signalled, []], limit)).toBe('exit:{signal,oops}');
  }
  expect(yield* call(self, to, a('suite'), a('fails'), [a('boom')], limit)).toBe(
    'error:{exception,boom,[{suite,fails,[boom],[]}]}',
  );
  const deep = yield* call(self, to, a('suite'), a('back'), [a(n0), to, 5, limit], limit);
  expect(deep).toMatch(/^error:(\{exception,){7}badarg,/);
}

describe('erpc:call', () => {
  // @otp erpc_SUITE:call
  it('keeps answers, throws, exits and errors apart, and says when nobody answers', () => {
    const nodes = lab();
    nodes.run(n0, function* (self): Flow<void> {
      for (const on of [n0, n1]) {
        for (const limit of [10_000, a('infinity')]) yield* callTest(self, on, limit);
        expect(yield* call(self, a(on), a('timer'), a('sleep'), [100], 10)).toBe('error:{erpc,timeout}');
        expect(yield* call(self, a(on), sleeps, 10)).toBe('error:{erpc,timeout}');
      }
      expect(yield* call(self, a1, erlang, a('halt'), [])).toBe('error:{erpc,noconnection}');
      expect(yield* call(self, a1, nodeFun)).toBe('error:{erpc,noconnection}');
      expect(yield* call(self, a1, erlang, node, [])).toBe('error:{erpc,noconnection}');
      expect(yield* call(self, nowhere, erlang, node, [])).toBe('error:{erpc,noconnection}');
      yield* sleep(1000);
      expect(yield* flushed()).toEqual([]);
    });
  });

  it('refuses arguments that are none', () => {
    lab().run(n0, function* (self): Flow<void> {
      const bad: readonly (readonly Value[])[] = [
        ['node', erlang, node, []],
        [a1, 'erlang', node, []],
        [a1, erlang, node, a('no_list')],
        [a1, erlang, node, [], -1],
        [a1, erlang, node, [], 0x100000000],
        [a1, fun('suite', 'x', 1, (_self, x) => x)],
      ];
      for (const args of bad) expect(yield* call(self, ...args)).toBe('error:{erpc,badarg}');
    });
  });
});

/** A limit holds also while the request does not get through; what was asked for is done all the same. */
function limitTest(test: (self: Self, sendMe: Value) => Flow<void>): void {
  const nodes = lab([n0, n1]);
  nodes.cluster.hangNode(n1);
  nodes.cluster.timers.set(nodes.cluster.nowMs + 1000, () => void nodes.cluster.resumeNode(n1));
  nodes.run(n0, function* (self): Flow<void> {
    const sendMe = self.makeRef();
    const startedAtMs = self.nowMs;
    yield* test(self, sendMe);
    const tookMs = self.nowMs - startedAtMs;
    expect(tookMs).toBeGreaterThanOrEqual(500);
    expect(tookMs).toBeLessThanOrEqual(510);
    expect(yield* receive({ afterMs: 2000 })).toBe(sendMe);
    yield* sleep(100);
    expect(yield* flushed()).toEqual([]);
  });
}
const send = (self: Self, to: Value, message: Value): readonly Value[] => [to, erlang, a('send'), [self.pid, message]];

describe('a time limit', () => {
  // @otp erpc_SUITE:call_reqtmo
  it('of a call ends it while the request is on its way', () => {
    limitTest(function* (self, sendMe) {
      expect(yield* call(self, ...send(self, a1, sendMe), 500)).toBe('error:{erpc,timeout}');
    });
  });

  // @otp erpc_SUITE:send_request_receive_reqtmo
  it('of receive_response abandons the request', () => {
    limitTest(function* (self, sendMe) {
      const id = yield* self.apply('erpc', 'send_request', send(self, a1, sendMe));
      expect(yield* outcome(self.apply('erpc', 'receive_response', [id, 500]))).toBe('error:{erpc,timeout}');
    });
  });

  // @otp erpc_SUITE:send_request_wait_reqtmo
  it('of wait_response leaves it open', () => {
    limitTest(function* (self, sendMe) {
      const id = yield* self.apply('erpc', 'send_request', send(self, a1, sendMe));
      expect(yield* self.apply('erpc', 'wait_response', [id, 0])).toBe(a('no_response'));
      expect(yield* self.apply('erpc', 'wait_response', [id, 500])).toBe(a('no_response'));
      expect(yield* outcome(self.apply('erpc', 'receive_response', [id, 0]))).toBe('error:{erpc,timeout}');
    });
  });

  // @otp erpc_SUITE:send_request_check_reqtmo
  it('of one’s own leaves it open, too', () => {
    limitTest(function* (self, sendMe) {
      const id = yield* self.apply('erpc', 'send_request', send(self, a1, sendMe));
      expect(yield* receive({ afterMs: 500 })).toBe(timedOut);
      expect(yield* outcome(self.apply('erpc', 'receive_response', [id, 0]))).toBe('error:{erpc,timeout}');
    });
  });

  // @otp erpc_SUITE:multicall_reqtmo
  it('of a multicall holds for the node that hangs only', () => {
    const nodes = lab([n0, n1, n2, n3]);
    nodes.cluster.hangNode(n2);
    nodes.cluster.timers.set(nodes.cluster.nowMs + 1000, () => void nodes.cluster.resumeNode(n2));
    nodes.run(n0, function* (self): Flow<void> {
      const me = self.pid;
      const slow = of((own) => {
        if (own.node === n2) own.send(me, a('late'));
        return a('done');
      });
      const args = [[a1, a2, a3], erlang, a('apply'), [slow, []], 500];
      expect(shown(yield* self.apply('erpc', 'multicall', args))).toBe('[{ok,done},{error,{erpc,timeout}},{ok,done}]');
      expect(yield* receive({ afterMs: 2000 })).toBe(a('late'));
      yield* sleep(100);
      expect(yield* flushed()).toEqual([]);
    });
  });

  // @otp erpc_SUITE:timeout_limit
  it('is at most 2^32-1 ms', () => {
    lab([n0, n1]).run(n0, function* (self): Flow<void> {
      const most = 0xffffffff;
      expect(yield* call(self, a1, erlang, node, [], most)).toBe(`ok:${n1}`);
      const id = (): Flow<Value> => self.apply('erpc', 'send_request', [a1, erlang, node, []]);
      expect(yield* self.apply('erpc', 'receive_response', [yield* id(), most])).toBe(a1);
      expect(yield* self.apply('erpc', 'wait_response', [yield* id(), most])).toEqual(tup(a('response'), a1));
      const many = yield* self.apply('erpc', 'multicall', [[a1], erlang, node, [], most]);
      expect(shown(many)).toBe(`[{ok,${n1}}]`);
      expect(yield* call(self, a1, erlang, node, [], most + 1)).toBe('error:{erpc,badarg}');
      for (const name of ['receive_response', 'wait_response']) {
        expect(yield* outcome(self.apply('erpc', name, [yield* id(), most + 1]))).toBe('error:{erpc,badarg}');
      }
      const tooMany = self.apply('erpc', 'multicall', [[a1], erlang, node, [], most + 1]);
      expect(yield* outcome(tooMany)).toBe('error:{erpc,badarg}');
    });
  });
});

describe('erpc:cast and multicast', () => {
  // @otp erpc_SUITE:cast
  it('does not say whether it came to anything', () => {
    const nodes = lab([n0, n1]);
    nodes.run(n0, function* (self): Flow<void> {
      const cast = (...args: readonly Value[]): Flow<string> => outcome(self.apply('erpc', 'cast', args));
      expect(yield* cast(nowhere, erlang, a('send'), [a('hej')])).toBe('ok:ok');
      const bad: readonly (readonly Value[])[] = [
        ['node', erlang, a('send'), [a('hej')]],
        [a(n0), erlang, a('send'), a('hej')],
        [a(n0), 'erlang', a('send'), [a('hej')]],
        [a(n0), erlang, self.makeRef(), [a('hej')]],
      ];
      for (const args of bad) expect(yield* cast(...args)).toBe('error:{erpc,badarg}');
      expect(yield* cast(a(n0), erlang, a('send'), new ImproperList([self.pid], a('blupp')))).toBe('ok:ok');
      const me = self.pid;
      for (const on of [n0, n1]) {
        expect(yield* cast(a(on), erlang, a('send'), [me, a('mfa')])).toBe('ok:ok');
        expect(yield* receive({ afterMs: 100 })).toBe(a('mfa'));
        const tells = of((own) => {
          own.send(me, a('a_fun'));
          return null;
        });
        expect(yield* cast(a(on), tells)).toBe('ok:ok');
        expect(yield* receive({ afterMs: 100 })).toBe(a('a_fun'));
      }
      expect(yield* cast(a1, erlang, a('halt'), [])).toBe('ok:ok');
      yield* self.apply('erlang', 'monitor_node', [a1, true]);
      expect(shown(yield* receive({ afterMs: 100 }))).toBe(`{nodedown,${n1}}`);
      expect(yield* cast(a1, erlang, a('send'), [me, a('wont_reach_me')])).toBe('ok:ok');
      yield* sleep(1000);
      expect(yield* flushed()).toEqual([]);
    });
  });

  // @otp erpc_SUITE:multicast
  it('goes to all nodes that there are', () => {
    lab().run(n0, function* (self): Flow<void> {
      const me = self.pid;
      const nodes = [a(n0), a1, nowhere, a2];
      expect(yield* self.apply('erpc', 'multicast', [nodes, erlang, a('send'), [me, a('mfa')]])).toBe(a('ok'));
      const tells = of((own) => {
        own.send(me, tup(a('a_fun'), a(own.node)));
        return null;
      });
      expect(yield* self.apply('erpc', 'multicast', [nodes, tells])).toBe(a('ok'));
      yield* sleep(100);
      const got = [...(yield* flushed())].sort();
      expect(got).toEqual(['mfa', 'mfa', 'mfa', `{a_fun,${n0}}`, `{a_fun,${n1}}`, `{a_fun,${n2}}`].sort());
      const bad = self.apply('erpc', 'multicast', [[a1, 'node'], erlang, node, []]);
      expect(yield* outcome(bad)).toBe('error:{erpc,badarg}');
    });
  });
});

describe('requests', () => {
  const ways: readonly (readonly [string, () => readonly Value[], (reason: Value) => readonly Value[]])[] = [
    ['functions of modules', () => [a('suite'), a('f'), []], (reason) => [erlang, a('error'), [reason]]],
    [
      'funs',
      () => [of((self) => self.apply('suite', 'f', []))],
      (reason) => [
        of(() => {
          throw new ErrorException(reason);
        }),
      ],
    ],
  ];
  // @otp erpc_SUITE:send_request erpc_SUITE:send_request_fun
  it.each(ways)('for %s are answered in any order, waited for, checked and given up', (_name, f, fails) => {
    const nodes = lab();
    nodes.run(n0, function* (self): Flow<void> {
      const request = (...args: readonly Value[]): Flow<Value> => self.apply('erpc', 'send_request', args);
      const response = (id: Value, ...limit: readonly Value[]): Flow<string> =>
        outcome(self.apply('erpc', 'receive_response', [id, ...limit]));
      const wait = (id: Value, ...limit: readonly Value[]): Flow<string> =>
        outcome(self.apply('erpc', 'wait_response', [id, ...limit]));
      const [id1, id2, id3] = [yield* request(a1, ...f()), yield* request(a2, ...f()), yield* request(a3, ...f())];
      const id4 = yield* request(a1, ...fails(a('bang')));
      const id5 = yield* request(a1, ...f());
      expect(yield* response(id4, 1000)).toMatch(/^error:\{exception,bang,\[\{erlang,/);
      expect(yield* response(id5, 10)).toBe('error:{erpc,timeout}');
      expect(yield* wait(id2)).toBe('ok:no_response');
      expect(yield* wait(id2, 10)).toBe('ok:no_response');
      yield* sleep(1500);
      expect(yield* response(id1)).toBe(`ok:{hej,pid,${n1}}`);
      expect(yield* wait(id2, a('infinity'))).toBe(`ok:{response,{hej,pid,${n2}}}`);
      expect(yield* response(id3)).toBe(`ok:{hej,pid,${n3}}`);
      expect(yield* response(id5, 10)).toBe('error:{erpc,badarg}');
      expect(yield* flushed()).toEqual([]);
      const check = (message: Value, id: Value): Flow<string> =>
        outcome(self.apply('erpc', 'check_response', [message, id]));
      const id6 = yield* request(a2, erlang, node, []);
      expect(yield* check(tup(a('response'), a1), id6)).toBe('ok:no_response');
      expect(yield* check(id6, id6)).toBe('ok:no_response');
      const answer = yield* receive({ afterMs: 100 });
      expect(yield* check(answer === timedOut ? null : answer, id6)).toBe(`ok:{response,${n2}}`);
      expect(yield* response(yield* request(a2, erlang, a('halt'), []))).toBe('error:{erpc,noconnection}');
      const id8 = yield* request(a2, erlang, node, []);
      const none = yield* receive({ afterMs: 100 });
      expect(yield* check(none === timedOut ? null : none, id8)).toBe('error:{erpc,noconnection}');
      expect(yield* flushed()).toEqual([]);
    });
  });

  function* collection(self: Self): Flow<Value> {
    let ids = yield* self.apply('erpc', 'reqids_new', []);
    const add = function* (to: Value, module: Value, name: Value, args: Value, label: Value): Flow<void> {
      ids = yield* self.apply('erpc', 'send_request', [to, module, name, args, label, ids]);
    };
    yield* add(a1, a('suite'), a('f'), [], a('first'));
    yield* add(a3, a('suite'), a('f'), [], a('third'));
    const fails = of(() => {
      throw new ErrorException(a('errored'));
    });
    ids = yield* self.apply('erpc', 'send_request', [a1, fails, a('failing'), ids]);
    const single = yield* self.apply('erpc', 'send_request', [a2, a('suite'), a('f'), []]);
    ids = yield* self.apply('erpc', 'reqids_add', [single, [a('second')], ids]);
    expect(yield* self.apply('erpc', 'reqids_size', [ids])).toBe(4);
    const list = yield* self.apply('erpc', 'reqids_to_list', [ids]);
    const labels = (isList(list) ? list : []).map((one) => shown(elementsOf(one)?.[1]));
    expect(labels.sort()).toEqual(['[second]', 'failing', 'first', 'third']);
    expect(yield* outcome(self.apply('erpc', 'reqids_add', [single, a('again'), ids]))).toBe('error:{erpc,badarg}');
    return ids;
  }
  const third = (value: Value): Value => asValue(elementsOf(value)?.[2]);

  // @otp erpc_SUITE:send_request_receive_reqid_collection
  it('in a collection are received as they come, and given up together', () => {
    lab().run(n0, function* (self): Flow<void> {
      let ids = yield* collection(self);
      const next = (limit: Value, deletes: Value): Flow<Value> =>
        self.apply('erpc', 'receive_response', [ids, limit, deletes]);
      let failed: Value = null;
      try {
        yield* next(a('infinity'), true);
      } catch (thrown) {
        if (thrown instanceof ErrorException) failed = thrown.reason;
      }
      expect(shown(failed)).toMatch(/^\{\{exception,errored,.*\},failing,/);
      ids = third(failed);
      expect(yield* self.apply('erpc', 'reqids_size', [ids])).toBe(3);
      for (const [on, label] of [[n1, 'first'] as const, [n2, '[second]'] as const]) {
        const answer = yield* next(5000, true);
        expect(shown(answer)).toMatch(new RegExp(`^\\{\\{hej,pid,${on}\\},${label.replace(/[[\]]/g, '\\$&')},`));
        ids = third(answer);
      }
      expect(yield* outcome(next(10, false))).toBe('error:{erpc,timeout}');
      yield* sleep(5000);
      expect(yield* flushed()).toEqual([]);
      ids = yield* self.apply('erpc', 'reqids_new', []);
      expect(yield* next(0, true)).toBe(a('no_request'));
      expect(yield* outcome(next(-1, true))).toBe('error:{erpc,badarg}');
      expect(yield* outcome(next(0, a('maybe')))).toBe('error:{erpc,badarg}');
    });
  });

  // @otp erpc_SUITE:send_request_wait_reqid_collection
  it('in a collection can be waited for again', () => {
    lab().run(n0, function* (self): Flow<void> {
      const ids = yield* collection(self);
      const next = (limit: Value): Flow<Value> => self.apply('erpc', 'wait_response', [ids, limit, false]);
      expect(yield* outcome(next(100))).toMatch(/^error:\{\{exception,errored,/);
      expect(yield* next(0)).toBe(a('no_response'));
      expect(yield* next(500)).toBe(a('no_response'));
      for (const on of [n1, n2, n3]) expect(shown(yield* next(5000))).toMatch(`{{response,{hej,pid,${on}}},`);
      expect(yield* next(10)).toBe(a('no_response'));
      const none = yield* self.apply('erpc', 'reqids_new', []);
      expect(yield* self.apply('erpc', 'wait_response', [none, 0, false])).toBe(a('no_request'));
    });
  });

  // @otp erpc_SUITE:send_request_check_reqid_collection
  it('in a collection are known by their messages', () => {
    lab().run(n0, function* (self): Flow<void> {
      let ids = yield* collection(self);
      const check = (message: Value): Flow<Value> => self.apply('erpc', 'check_response', [message, ids, true]);
      expect(yield* check(a('else'))).toBe(a('no_response'));
      for (const on of ['', n1, n2, n3]) {
        const message = yield* receive({ afterMs: 5000 });
        if (message === timedOut) throw new Error('Nothing came.');
        if (on === '') {
          expect(yield* outcome(check(message))).toMatch(/^error:\{\{exception,errored,/);
          continue;
        }
        const answer = yield* check(message);
        expect(shown(answer)).toMatch(`{{response,{hej,pid,${on}}},`);
        ids = third(answer);
      }
      ids = yield* self.apply('erpc', 'reqids_new', []);
      expect(yield* check(a('else'))).toBe(a('no_request'));
    });
  });
});

describe('erpc:multicall', () => {
  // @otp erpc_SUITE:multicall
  it('answers for each node in order, and keeps what came of it apart', () => {
    const nodes = lab([n0, n1, n2, n3]);
    nodes.cluster.crashNode(n2);
    nodes.settle();
    nodes.run(n0, function* (self): Flow<void> {
      const all = [a(n0), a1, a2, a3];
      const many = (...args: readonly Value[]): Flow<string> => outcome(self.apply('erpc', 'multicall', args));
      const gone = '{error,{erpc,noconnection}}';
      const [here, one, three] = [n0, n1, n3].map((name) => `{ok,${name}}`);
      const told = `ok:[${here},${one},${gone},${three},${gone}]`;
      expect(yield* many([...all, nowhere], erlang, node, [])).toBe(told);
      expect(yield* many([...all, nowhere], nodeFun)).toBe(told);
      expect(yield* many([...all, 'badnodename'], erlang, node, [])).toBe('error:{erpc,badarg}');
      expect(yield* many([...all, 'badnodename'], nodeFun)).toBe('error:{erpc,badarg}');
      expect(yield* many(new ImproperList([a1], a(n0)), erlang, node, [])).toBe('error:{erpc,badarg}');
      expect(
        yield* many(
          all,
          fun('suite', 'x', 1, (_self, x) => x),
        ),
      ).toBe('error:{erpc,badarg}');
      for (const limit of [[], [60_000]]) {
        expect(yield* many(all, erlang, node, [], ...limit)).toBe(`ok:[${here},${one},${gone},${three}]`);
        const thrown = of((own) => {
          throw new ThrownValue(a(own.node));
        });
        expect(yield* many(all, thrown, ...limit)).toBe(`ok:[{throw,${n0}},{throw,${n1}},${gone},{throw,${n3}}]`);
        const blong = '{error,{exception,blong,[{erlang,error,[blong],[]}]}}';
        const errors = yield* many(all, erlang, a('error'), [a('blong')], ...limit);
        expect(errors).toBe(`ok:[${blong},${blong},${gone},${blong}]`);
        const twice = yield* many([...all, ...all], erlang, node, [], ...limit);
        expect(twice).toBe(`ok:[${[here, one, gone, three, here, one, gone, three].join(',')}]`);
      }
      const late = '{error,{erpc,timeout}}';
      const sleeping = (...limit: readonly Value[]): Flow<string> =>
        many([...all, ...all], a('timer'), a('sleep'), [2000], ...limit);
      let startedAtMs = self.nowMs;
      expect(yield* sleeping(500)).toBe(`ok:[${[late, late, gone, late, late, late, gone, late].join(',')}]`);
      expect(self.nowMs - startedAtMs).toBeLessThan(1000);
      for (const limit of [[], [3000]]) {
        startedAtMs = self.nowMs;
        const slept = '{ok,ok}';
        const answers = [slept, slept, gone, slept, slept, slept, gone, slept];
        expect(yield* sleeping(...limit)).toBe(`ok:[${answers.join(',')}]`);
        expect(self.nowMs - startedAtMs).toBeLessThan(3000);
      }
      const slow = of(function* (own) {
        if (own.node === n0) yield* sleep(1000);
        if (own.node === n1) throw new ThrownValue(a('fast'));
        if (own.node === n3) throw new ExitException(a('fast'));
        return a('slow');
      });
      startedAtMs = self.nowMs;
      expect(yield* many(all, slow, 500)).toBe(`ok:[${late},{throw,fast},${gone},{exit,{exception,fast}}]`);
      expect(self.nowMs - startedAtMs).toBeLessThan(1000);
      yield* sleep(1000);
      expect(yield* flushed()).toEqual([]);
      expect(yield* many([a1, a2, a3], erlang, a('halt'), [])).toBe(`ok:[${gone},${gone},${gone}]`);
      expect(yield* flushed()).toEqual([]);
    });
  });
});
