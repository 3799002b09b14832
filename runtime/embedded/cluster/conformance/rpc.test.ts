/** The cases of OTP 25's rpc_SUITE on simulated nodes. */
import { describe, expect, it } from 'vitest';
import type { Value } from '../../../term/values.ts';
import { a, Atom, tup } from '../../../term/values.ts';
import type { Flow } from '../../kernel/flow.ts';
import { receive, sleep, timedOut } from '../../kernel/flow.ts';
import { asValue, isList } from '../../kernel/values.ts';
import type { Self } from '../../kernel/self.ts';
import { shown, testModule } from '../../testKit.ts';
import { flushed, Lab, n0, n1, n2, n3, outcome } from './peerKit.ts';

const [erlang, suicide, link, exit] = [a('erlang'), a('suicide'), a('link'), a('exit')];
const suiteName = a('suite');
const [a1, a2, a3] = [a(n1), a(n2), a(n3)];

const initialCall = { module: 'suite', function: 'suicide', arity: 2 };
const suite = testModule('suite', {
  *'f/0'(self): Flow<Value> {
    yield* sleep(Number(self.node.slice(1, 2)) * 1000);
    return tup(a('hej'), self.pid, a(self.node));
  },
  'badarith/0': (self) => self.error(a('badarith')),
  *'suicide/2'(self, how, reason): Flow<Value> {
    const me = self.pid;
    const body = {
      is: 'flow',
      *run(own: Self): Flow<void> {
        yield* sleep(0);
        if (how === link) own.exit(reason);
        own.sendExit(me, reason);
      },
    } as const;
    self.spawnBody(body, initialCall, { link: how === link });
    const message = yield* receive({ afterMs: 2000, match: () => false });
    return message === timedOut ? a('timeout') : message;
  },
  *'suicide/3'(self, module, name, args): Flow<Value> {
    const body = {
      is: 'flow',
      *run(own: Self): Flow<void> {
        const [target, ...more] = isList(args) ? args.map(asValue) : [];
        const named = target instanceof Atom && name === exit ? own.whereis(target) : null;
        const all = isList(args) ? args.map(asValue) : [];
        if (named !== null) own.sendExit(named, more[0]);
        else if (module instanceof Atom && name instanceof Atom) yield* own.apply(module.name, name.name, all);
      },
    } as const;
    self.spawnBody(body, initialCall, { link: true });
    yield* receive({ afterMs: 10_000, match: () => false });
    return a('timeout');
  },
});

function lab(nodes: readonly string[] = [n0, n1, n2, n3]): Lab {
  return new Lab(nodes, { modules: [suite] });
}
function rpc(self: Self, name: string, ...args: readonly Value[]): Flow<string> {
  return outcome(self.apply('rpc', name, args));
}

describe('rpc:call', () => {
  // @otp rpc_SUITE:call rpc_SUITE:block_call
  it.each(['call', 'block_call'])('%s waits as long as it may, and what is late goes nowhere', (name) => {
    lab().run(n0, function* (self): Flow<void> {
      expect(yield* rpc(self, name, a3, suiteName, a('f'), [])).toBe(`ok:{hej,pid,${n3}}`);
      expect(yield* rpc(self, name, a1, suiteName, a('f'), [], 2000)).toBe(`ok:{hej,pid,${n1}}`);
      expect(yield* rpc(self, name, a3, suiteName, a('f'), [], 2000)).toBe('ok:{badrpc,timeout}');
      yield* sleep(6000);
      expect(yield* flushed()).toEqual([]);
      expect(yield* rpc(self, name, a2, suiteName, a('f'), [])).toBe(`ok:{hej,pid,${n2}}`);
    });
  });

  // @otp rpc_SUITE:call_reqtmo
  it('is over in time when the request does not get through', () => {
    const nodes = lab([n0, n1]);
    nodes.cluster.hangNode(n1);
    nodes.cluster.timers.set(nodes.cluster.nowMs + 1000, () => void nodes.cluster.resumeNode(n1));
    nodes.run(n0, function* (self): Flow<void> {
      const startedAtMs = self.nowMs;
      const sent = yield* rpc(self, 'call', a1, erlang, a('send'), [self.pid, a('late')], 500);
      expect(sent).toBe('ok:{badrpc,timeout}');
      expect(self.nowMs - startedAtMs).toBeLessThan(600);
      expect(yield* receive({ afterMs: 2000 })).toBe(a('late'));
      yield* sleep(100);
      expect(yield* flushed()).toEqual([]);
    });
  });

  // @otp rpc_SUITE:called_throws
  it('answers what is thrown', () => {
    lab([n0, n1]).run(n0, function* (self): Flow<void> {
      for (const on of [a(n0), a1]) {
        for (const name of ['call', 'block_call']) {
          for (const limit of [[], [a('infinity')], [3000]]) {
            const thrown = (value: Value): Flow<string> => rpc(self, name, on, erlang, a('throw'), [value], ...limit);
            expect(yield* thrown(a('up'))).toBe('ok:up');
            expect(yield* thrown(tup(a('EXIT'), a('reason')))).toBe('ok:{badrpc,{EXIT,reason}}');
          }
        }
      }
    });
  });

  // @otp rpc_SUITE:called_dies
  it('answers how what was called ended', () => {
    lab([n0, n1]).run(n0, function* (self): Flow<void> {
      for (const on of [a(n0), a1]) {
        for (const name of ['call', 'block_call']) {
          const of = (...args: readonly Value[]): Flow<string> => rpc(self, name, on, ...args);
          for (const limit of [[], [a('infinity')], [3000]]) {
            expect(yield* of(erlang, exit, [a('normal')], ...limit)).toBe('ok:{badrpc,{EXIT,normal}}');
            expect(yield* of(erlang, exit, [a('abnormal')], ...limit)).toBe('ok:{badrpc,{EXIT,abnormal}}');
            expect(yield* of(suiteName, a('badarith'), [], ...limit)).toMatch(/^ok:\{badrpc,\{EXIT,\{badarith,/);
            expect(yield* of(erlang, a('nodes'), [1], ...limit)).toMatch(/^ok:\{badrpc,\{EXIT,\{badarg,/);
            expect(yield* of(suiteName, suicide, [], ...limit)).toMatch(/^ok:\{badrpc,\{EXIT,\{undef,/);
          }
        }
      }
      // Far away, in a process of its own: exit signals end it.
      const far = (...args: readonly Value[]): Flow<string> => rpc(self, 'call', a1, suiteName, suicide, args);
      expect(yield* far(link, a('normal'))).toBe('ok:timeout');
      expect(yield* far(link, a('abnormal'))).toBe('ok:{badrpc,{EXIT,abnormal}}');
      expect(yield* far(exit, a('normal'))).toBe('ok:timeout');
      expect(yield* far(exit, a('abnormal'))).toBe('ok:{badrpc,{EXIT,abnormal}}');
      expect(yield* far(exit, a('kill'))).toBe('ok:{badrpc,{EXIT,killed}}');
      // In the server, which traps exits.
      for (const how of [link, exit]) {
        for (const reason of [a('normal'), a('abnormal')]) {
          expect(yield* rpc(self, 'block_call', a1, suiteName, suicide, [how, reason])).toBe('ok:timeout');
        }
      }
      // Here, in this process.
      self.trapExit(true);
      for (const how of [link, exit]) {
        for (const reason of [a('normal'), a('abnormal')]) {
          expect(yield* rpc(self, 'call', a(n0), suiteName, suicide, [how, reason])).toBe('ok:timeout');
          const exits = (yield* flushed()).filter((message) => message !== '{EXIT,pid,normal}');
          expect(exits).toEqual(reason === a('abnormal') ? ['{EXIT,pid,abnormal}'] : []);
        }
      }
    });
  });

  // @otp rpc_SUITE:called_node_dies
  it.each(['call', 'block_call'])('%s says nodedown when the node goes meanwhile', (name) => {
    for (const limit of [[], [a('infinity')]]) {
      const nodes = lab([n0, n1]);
      nodes.run(n0, function* (self): Flow<void> {
        const args = [erlang, a('halt'), []];
        expect(yield* rpc(self, name, a1, suiteName, suicide, args, ...limit)).toBe('ok:{badrpc,nodedown}');
        expect(yield* rpc(self, name, a1, erlang, a('node'), [], ...limit)).toBe('ok:{badrpc,nodedown}');
      });
      const others = lab([n0, n1]);
      if (name !== 'block_call') continue;
      // The server in which it runs is killed, and with it, as one of kernel’s, the node.
      others.run(n0, function* (self): Flow<void> {
        const answer = yield* rpc(self, name, a1, suiteName, suicide, [erlang, exit, [a('rex'), a('kill')]], ...limit);
        expect(answer).toMatch(/^ok:\{badrpc,(nodedown|\{EXIT,\{killed,.*)\}$/);
      });
    }
  });

  // @otp rpc_SUITE:timeout_limit
  it('takes limits up to 2^32-1 ms', () => {
    lab([n0, n1]).run(n0, function* (self): Flow<void> {
      const most = 0xffffffff;
      expect(yield* rpc(self, 'call', a1, erlang, a('node'), [], most)).toBe(`ok:${n1}`);
      expect(yield* rpc(self, 'multicall', [a1], erlang, a('node'), [], most)).toBe(`ok:{[${n1}],[]}`);
      expect(yield* rpc(self, 'call', a1, erlang, a('node'), [], most + 1)).toBe('error:badarg');
      expect(yield* rpc(self, 'multicall', [a1], erlang, a('node'), [], most + 1)).toBe('error:badarg');
    });
  });
});

describe('rpc:multicall', () => {
  // @otp rpc_SUITE:multicall
  it('answers in the order of the nodes', () => {
    lab().run(n0, function* (self): Flow<void> {
      const answer = yield* rpc(self, 'multicall', [a3, a1], suiteName, a('f'), []);
      expect(answer).toBe(`ok:{[{hej,pid,${n3}},{hej,pid,${n1}}],[]}`);
      expect(yield* flushed()).toEqual([]);
    });
  });

  // @otp rpc_SUITE:multicall_timeout
  it('names the nodes that are too late, and gets nothing from them afterwards', () => {
    lab().run(n0, function* (self): Flow<void> {
      const answer = yield* rpc(self, 'multicall', [a1, a3, a2], suiteName, a('f'), [], 2500);
      expect(answer).toBe(`ok:{[{hej,pid,${n1}},{hej,pid,${n2}}],[${n3}]}`);
      yield* sleep(8000);
      expect(yield* flushed()).toEqual([]);
    });
  });

  // @otp rpc_SUITE:multicall_dies
  it('answers how what was called ended', () => {
    lab([n0, n1, n2]).run(n0, function* (self): Flow<void> {
      const many = (...args: readonly Value[]): Flow<string> => rpc(self, 'multicall', [a1, a2], ...args);
      const both = (one: string): string => `ok:{[${one},${one}],[]}`;
      expect(yield* many(erlang, exit, [a('normal')])).toBe(both('{badrpc,{EXIT,normal}}'));
      expect(yield* many(erlang, exit, [a('abnormal')])).toBe(both('{badrpc,{EXIT,abnormal}}'));
      expect(yield* many(suiteName, a('badarith'), [])).toMatch(
        /^ok:\{\[(\{badrpc,\{EXIT,\{badarith,[^E]*\}\}\},?){2}\],\[\]\}$/,
      );
      expect(yield* many(suiteName, suicide, [])).toMatch(
        /^ok:\{\[(\{badrpc,\{EXIT,\{undef,[^E]*\}\}\},?){2}\],\[\]\}$/,
      );
      expect(yield* many(suiteName, suicide, [link, a('normal')])).toBe(both('timeout'));
      expect(yield* many(suiteName, suicide, [link, a('abnormal')])).toBe(both('{badrpc,{EXIT,abnormal}}'));
      expect(yield* many(suiteName, suicide, [exit, a('normal')])).toBe(both('timeout'));
      expect(yield* many(suiteName, suicide, [exit, a('abnormal')])).toBe(both('{badrpc,{EXIT,abnormal}}'));
      expect(yield* many(suiteName, suicide, [exit, a('kill')])).toBe(both('{badrpc,{EXIT,killed}}'));
      expect(yield* flushed()).toEqual([]);
    });
  });

  // @otp rpc_SUITE:multicall_node_dies
  it('names the nodes that go meanwhile', () => {
    lab([n0, n1, n2]).run(n0, function* (self): Flow<void> {
      const answer = yield* rpc(self, 'multicall', [a1, a2], suiteName, suicide, [erlang, a('halt'), []]);
      expect(answer).toBe(`ok:{[],[${n1},${n2}]}`);
      expect(yield* flushed()).toEqual([]);
    });
  });

  // @otp rpc_SUITE:multicall_mix
  it('puts failures among the results, and nodes that are not there aside', () => {
    const nodes = lab([n0, n1, n2, n3]);
    nodes.cluster.crashNode(n2);
    nodes.run(n0, function* (self): Flow<void> {
      const all = [a(n0), a1, a2, a3, a('badnodename')];
      expect(yield* rpc(self, 'multicall', all, erlang, a('node'), [])).toBe(
        `ok:{[${n0},${n1},${n3}],[${n2},badnodename]}`,
      );
      expect(yield* rpc(self, 'multicall', all, erlang, a('throw'), [a('up')], 5000)).toBe(
        `ok:{[up,up,up],[${n2},badnodename]}`,
      );
      expect(yield* rpc(self, 'multicall', all, erlang, exit, [a('out')])).toBe(
        `ok:{[${Array(3).fill('{badrpc,{EXIT,out}}').join(',')}],[${n2},badnodename]}`,
      );
    });
  });
});

describe('rpc:async_call and others', () => {
  // @otp rpc_SUITE:async_call
  it('is yielded when it is there', () => {
    lab().run(n0, function* (self): Flow<void> {
      const async = (on: Atom): Flow<Value> => self.apply('rpc', 'async_call', [on, suiteName, a('f'), []]);
      const [k1, k2, k3] = [yield* async(a1), yield* async(a2), yield* async(a3)];
      expect(yield* rpc(self, 'nb_yield', k2)).toBe('ok:timeout');
      expect(yield* rpc(self, 'nb_yield', k2, 10)).toBe('ok:timeout');
      yield* sleep(1200);
      expect(yield* rpc(self, 'yield', k1)).toBe(`ok:{hej,pid,${n1}}`);
      expect(yield* rpc(self, 'nb_yield', k2, a('infinity'))).toBe(`ok:{value,{hej,pid,${n2}}}`);
      expect(yield* rpc(self, 'yield', k3)).toBe(`ok:{hej,pid,${n3}}`);
      expect(yield* flushed()).toEqual([]);
    });
  });

  it('casts, and calls servers of one name, on all nodes', () => {
    const nodes = lab([n0, n1, n2]);
    const [here, there] = [nodes.listener(n0), nodes.listener(n1)];
    nodes.cluster.node(n0)?.register('listener', here.process);
    nodes.cluster.node(n1)?.register('listener', there.process);
    nodes.run(n0, function* (self): Flow<void> {
      expect(yield* rpc(self, 'abcast', a('listener'), a('one'))).toBe('ok:abcast');
      expect(yield* rpc(self, 'sbcast', [a(n0), a1, a2], a('listener'), a('two'))).toBe(`ok:{[${n0},${n1}],[${n2}]}`);
      expect(yield* rpc(self, 'cast', a1, erlang, a('send'), [there.process.pid, a('three')])).toBe('ok:true');
      const calls = [1, 2, 3].map(() => tup(erlang, a('node'), []));
      expect(yield* rpc(self, 'parallel_eval', calls)).toBe(`ok:[${n0},${n1},${n2}]`);
      expect(yield* rpc(self, 'server_call', a2, a('nobody'), a('x'), a('hi'))).toBe('ok:{error,nodedown}');
      yield* sleep(50);
    });
    expect(here.got.map(shown)).toEqual(['one', 'two']);
    expect(there.got.map(shown)).toEqual(['one', 'two', 'three']);
  });

  it('fails with badarg where arguments are none', () => {
    lab([n0, n1]).run(n0, function* (self): Flow<void> {
      for (const name of ['call', 'cast', 'async_call']) {
        expect(yield* rpc(self, name, 'node', erlang, a('node'), [])).toBe('error:badarg');
      }
      expect(yield* rpc(self, 'block_call', 'node', erlang, a('node'), [])).toBe('error:function_clause');
    });
  });
});
