/** Cases of OTP 25's process_SUITE. */
import { describe, expect, it } from 'vitest';
import type { Pid, Value } from '../../../term/values.ts';
import { a, tup } from '../../../term/values.ts';
import { inProcess, shown } from '../../testKit.ts';
import type { Flow } from '../flow.ts';
import { receive, sleep, timedOut, yieldTurn } from '../flow.ts';
import type { AliasMode } from '../process.ts';
import { infoItems } from '../processInfo.ts';
import type { SpawnRequestOptions } from '../spawnRequest.ts';
import { atoms, elementsOf, tagged } from '../values.ts';
import {
  child,
  childAt,
  down,
  fails,
  forEver,
  inSuite,
  leaves,
  next,
  nodes,
  numbered,
  suiteCluster,
  waitFor,
} from './kernelKit.ts';

const [here, there] = nodes;
const reasons: readonly Value[] = [
  a('kb_128'),
  tup(a('kb'), [1, tup(2, 3)]),
  [1, 2, 3],
  { map: [tup(1)] },
  12_345_678_901,
];

function isSpawnReply(message: Value): boolean {
  return tagged(message, a('spawn_reply'), 4) !== null;
}

describe('process_SUITE: ends', () => {
  // @otp process_SUITE:t_exit_1
  it('exit/1: the reason arrives whole at who is linked', () => {
    inSuite(function* (self) {
      self.trapExit(true);
      for (const reason of reasons) {
        child(self, leaves(reason), { link: true });
        expect(yield* next()).toBe(`{EXIT,pid,${shown(reason)}}`);
      }
    });
  });

  // @otp process_SUITE:t_exit_2_other process_SUITE:t_exit_2_other_normal
  it('exit/2 to another: any reason but normal ends it', () => {
    inSuite(function* (self) {
      self.trapExit(true);
      for (const reason of reasons) {
        const pid = child(self, forEver, { link: true });
        self.sendExit(pid, atoms.normal);
        yield* sleep(1);
        expect(self.isAlive(pid)).toBe(true);
        self.sendExit(pid, reason);
        expect(yield* next()).toBe(`{EXIT,pid,${shown(reason)}}`);
      }
    });
  });

  // @otp process_SUITE:self_exit process_SUITE:normal_suicide_exit process_SUITE:abnormal_suicide_exit process_SUITE:t_exit_2_catch
  it('exit/2 to itself: a message when it traps, an end that nothing catches when not, for normal too', () => {
    inSuite(function* (self) {
      self.trapExit(true);
      self.sendExit(self.pid, a('i_am'));
      expect(yield* next()).toBe('{EXIT,pid,i_am}');
      for (const reason of [atoms.normal, a('garbage')]) {
        child(
          self,
          function* (own) {
            yield* sleep(0);
            own.sendExit(own.pid, reason);
            own.send(self.pid, a('went_on'));
          },
          { link: true },
        );
        expect(yield* next()).toBe(`{EXIT,pid,${shown(reason)}}`);
        expect(yield* next(5)).toBe('timeout');
      }
    });
  });

  // @otp process_SUITE:exit_and_timeout process_SUITE:exit_twice
  it('an exit at the instant of a time-out, and many exits at once, end a process once', () => {
    for (let seed = 1; seed <= 30; seed += 1) {
      inProcess(suiteCluster(seed, 'random'), function* (self) {
        const low = child(self, function* (own) {
          yield* receive({ afterMs: 10 });
          yield* forEver();
          own.send(self.pid, a('went_on'));
        });
        const ref = self.monitor(low);
        for (let n = 0; n < 5; n += 1)
          child(self, function* (own) {
            yield* sleep(10);
            own.sendExit(low, a('first'));
            own.sendExit(low, a('second'));
          });
        expect((yield* down(ref)).why).toBe('first');
        expect(yield* next(50)).toBe('timeout');
      });
    }
  });
});

describe('process_SUITE: process_info and flags', () => {
  // @otp process_SUITE:t_process_info process_SUITE:process_info_smoke_all
  it('every item has a value, of itself and of another; an unknown one is badarg; of one that has ended there is none', () => {
    inSuite(function* (self) {
      const other = child(self, forEver);
      yield* sleep(1);
      for (const item of infoItems) {
        self.processInfo(self.pid, a(item));
        self.processInfo(other, a(item));
      }
      expect(self.processInfo(self.pid, a('registered_name'))).toEqual([]);
      self.register(a('my_name'), self.pid);
      expect(self.processInfo(self.pid, a('registered_name'))).toBe(a('my_name'));
      expect(self.processInfo(self.pid, a('status'))).toBe(a('running'));
      expect(fails(() => self.processInfo(self.pid, a('rubbish')))).toBe('{badarg,[]}');
      self.sendExit(other, a('kill'));
      expect(self.processInfo(other, a('status'))).toBeNull();
    });
  });

  // @otp process_SUITE:process_info_other process_SUITE:process_info_other_msg process_SUITE:process_info_other_status process_SUITE:process_info_messages
  it('of another: its messages in order, its links and monitors, and what it does', () => {
    inSuite(function* (self) {
      const other = child(self, function* (own) {
        own.trapExit(true);
        own.link(self.pid);
        own.monitor(self.pid);
        yield* waitFor(a('stop'));
      });
      const messages = [a('one'), tup(2, [3]), [4]];
      for (const message of messages) self.send(other, message);
      expect(self.processInfo(other, a('status'))).toBe(a('runnable'));
      yield* sleep(1);
      expect(self.processInfo(other, a('status'))).toBe(a('waiting'));
      expect(self.processInfo(other, a('messages'))).toEqual(messages);
      expect(self.processInfo(other, a('message_queue_len'))).toBe(3);
      expect(self.processInfo(other, a('links'))).toEqual([self.pid]);
      expect(self.processInfo(other, a('monitors'))).toEqual([tup(atoms.process, self.pid)]);
      expect(self.processInfo(other, a('trap_exit'))).toBe(true);
      expect(self.processInfo(self.pid, a('monitored_by'))).toEqual([other]);
    });
  });

  // @otp process_SUITE:process_info_other_dist_msg
  it('of another: what came from another node while it was suspended, in order', () => {
    inSuite(function* (self) {
      const other = child(self, forEver);
      yield* sleep(1);
      const process = self.inspect(other);
      if (process === null) throw new Error('It has ended.');
      const own = tup(a('my'), a('own'), a('message'));
      self.send(other, own);
      process.node.suspend(process, self);
      const large = 'x'.repeat(131_072);
      const all = ['a', 'b', 'c', 'd', 'e'].map((name) => tup(a(name), large));
      for (const [from, to] of [[0, 3] as const, [3, 5] as const]) {
        yield* childAt(self, nodes[1], function* (there): Flow<void> {
          for (const message of all.slice(from, to)) there.send(other, message);
          there.send(self.pid, a('sent'));
          yield* sleep(0);
        });
        yield* waitFor(a('sent'));
        expect(self.processInfo(other, a('status'))).toBe(a('suspended'));
        expect(self.processInfo(other, a('messages'))).toEqual([own, ...all.slice(0, to)]);
        expect(self.processInfo(other, a('message_queue_len'))).toBe(to + 1);
      }
    });
  });

  // @otp process_SUITE:process_info_parent
  it('parent: who spawned it', () => {
    inSuite(function* (self) {
      const other = child(self, forEver);
      yield* sleep(1);
      expect(self.processInfo(other, a('parent'))).toBe(self.pid);
    });
  });

  // @otp process_SUITE:process_info_reductions
  it('reductions only grow, and grow with what is done', () => {
    inSuite(function* (self) {
      const worker = child(self, function* (own) {
        for (;;) {
          yield* receive();
          for (let n = 0; n < 1000; n += 1) own.makeRef();
        }
      });
      let before = 0;
      for (let round = 0; round < 5; round += 1) {
        self.send(worker, a('work'));
        yield* sleep(1);
        const now = Number(self.processInfo(worker, a('reductions')));
        expect(now - before).toBeGreaterThanOrEqual(1000);
        before = now;
      }
    });
  });

  // @otp process_SUITE:process_info_self_msgq_len process_SUITE:process_info_self_msgq_len_messages
  it('message_queue_len of itself is how many messages there are', () => {
    inSuite(function* (self) {
      for (let n = 0; n < 500; n += 1) {
        expect(self.processInfo(self.pid, a('message_queue_len'))).toBe(n);
        self.send(self.pid, n);
      }
      expect(self.processInfo(self.pid, a('messages'))).toHaveLength(500);
      yield* sleep(0);
    });
  });

  // @otp process_SUITE:process_flag_badarg
  it('process_flag refuses unknown flags and values', () => {
    inSuite(function* (self) {
      yield* sleep(0);
      for (const [flag, value] of [
        ['gurka', a('banan')],
        ['trap_exit', a('gurka')],
        ['error_handler', 1],
        ['fullsweep_after', a('gurka')],
        ['min_heap_size', a('gurka')],
        ['priority', 4711],
        ['message_queue_data', a('gurka')],
      ] as const) {
        expect(fails(() => self.processFlag(a(flag), value))).toBe('{badarg,[]}');
      }
    });
  });

  // @otp process_SUITE:bad_register
  it('register refuses what is no name, no process, and what is taken', () => {
    inSuite(function* (self) {
      const ended = child(self, leaves(atoms.normal));
      yield* sleep(1);
      expect(fails(() => self.register(a('undefined'), self.pid))).toBe('{badarg,[]}');
      expect(fails(() => self.register(a('name'), ended))).toBe('{badarg,[]}');
      const far = yield* childAt(self, there, forEver);
      expect(fails(() => self.register(a('name'), far))).toBe('{badarg,[]}');
      self.register(a('name'), self.pid);
      expect(fails(() => self.register(a('name'), self.pid))).toBe('{badarg,[]}');
      expect(fails(() => self.register(a('other'), self.pid))).toBe('{badarg,[]}');
    });
  });

  // @otp process_SUITE:yield process_SUITE:yield2
  it('yield lets all others run before it goes on', () => {
    inSuite(function* (self) {
      let ran = 0;
      for (let n = 0; n < 50; n += 1) {
        child(self, function* () {
          ran += 1;
          yield* sleep(0);
        });
      }
      yield* yieldTurn();
      expect(ran).toBe(50);
    });
  });
});

describe('process_SUITE: spawn_request', () => {
  const answerOf = function* () {
    const message = yield* receive({ match: isSpawnReply, afterMs: 1000 });
    return elementsOf(message === timedOut ? null : message) ?? [];
  };

  // @otp process_SUITE:spawn_request_bif process_SUITE:dist_spawn_monitor
  it.each(nodes)('answers with the pid, linked and watched from its first moment, on %s', (node) => {
    inSuite(function* (self) {
      self.trapExit(true);
      for (const options of [{}, { link: true }, { monitorTag: atoms.down }, { link: true, monitorTag: a('tag') }]) {
        const ref = self.spawnRequest(node, 'erlang', 'exit', [a('bye')], options);
        const [, answered, outcome] = yield* answerOf();
        expect([answered === ref, outcome]).toEqual([true, atoms.ok]);
        const seen = [yield* next(100), yield* next(100)].filter((message) => message !== 'timeout');
        const why = seen[0]?.match(/\{undef|bye/)?.[0] ?? '';
        expect(seen.map((message) => message.replace(/(bye|\{undef.*)\}$/, 'R}'))).toEqual([
          ...('link' in options ? ['{EXIT,pid,R}'] : []),
          ...('monitorTag' in options ? [`{${shown(options.monitorTag)},ref,process,pid,R}`] : []),
        ]);
        expect(why !== '' || seen.length === 0).toBe(true);
        expect(self.processInfo(self.pid, a('links'))).toEqual([]);
      }
    });
  });

  // @otp process_SUITE:spawn_request_reply_option
  it('tells only the outcomes that were asked for', () => {
    inSuite(function* (self) {
      const replies: readonly SpawnRequestOptions['replies'][] = ['yes', 'no', 'error_only', 'success_only'];
      for (const [node, expected] of [
        [here, [true, false, false, true]],
        [there, [true, false, false, true]],
        ['nowhere@sim', [true, false, true, false]],
      ] as const) {
        const told: boolean[] = [];
        for (const wanted of replies) {
          self.spawnRequest(node, 'timer', 'sleep', [0], { ...(wanted !== undefined && { replies: wanted }) });
          told.push((yield* receive({ match: isSpawnReply, afterMs: 200 })) !== timedOut);
        }
        expect([node, told]).toEqual([node, expected]);
      }
      self.spawnRequest(here, 'timer', 'sleep', [0], { replyTag: tup(a('my'), a('tag')) });
      expect(yield* next()).toBe('{{my,tag},ref,ok,pid}');
    });
  });

  // @otp process_SUITE:spawn_request_monitor_child_exit process_SUITE:spawn_request_link_child_exit
  it.each(nodes)('the end of the child comes behind the answer, from %s', (node) => {
    for (let seed = 1; seed <= 40; seed += 1) {
      inProcess(suiteCluster(seed, 'random'), function* (self) {
        self.trapExit(true);
        self.spawnRequest(node, 'nowhere', 'run', [], { link: true, monitorTag: atoms.down });
        expect(yield* next()).toBe('{spawn_reply,ref,ok,pid}');
        const ends = [yield* next(), yield* next()].map((end) => end.replace(/\{undef.*/, 'undef'));
        expect(ends.sort()).toEqual(['{DOWN,ref,process,pid,undef', '{EXIT,pid,undef']);
      });
    }
  });

  // @otp process_SUITE:spawn_request_link_parent_exit process_SUITE:spawn_request_link_parent_exit_compound_reason
  it.each([a('kaboom'), tup(a('kaboom'), [1])])(
    'a linked child ends with the parent that asked for it and ended: %s',
    (reason) => {
      for (const node of nodes) {
        for (const waitsMs of [0, 40]) {
          const cluster = suiteCluster();
          inProcess(cluster, function* (self) {
            yield* childAt(self, node, forEver);
            const before = cluster.node(node)?.processes.size ?? 0;
            let began = 0;
            const body = numbered(function* () {
              began += 1;
              yield* forEver();
            });
            const parent = child(self, function* (own) {
              own.spawnRequest(node, 'kit', 'run', [body], { link: true });
              yield* sleep(waitsMs);
              own.exit(reason);
            });
            expect((yield* down(self.monitor(parent))).why).toBe(shown(reason));
            yield* sleep(100);
            expect(cluster.node(node)?.processes.size).toBe(before);
            // One whose parent ends in the same turn may never begin.
            if (waitsMs > 0) expect(began).toBe(1);
          });
        }
      }
    },
  );

  // @otp process_SUITE:spawn_request_abandon_bif
  it('an abandoned request is not answered, and no link or monitor is left of it', () => {
    inSuite(function* (self) {
      const ref = self.spawnRequest(there, 'nowhere', 'run', [], { link: true, monitorTag: atoms.down });
      expect(self.abandonSpawn(ref)).toBe(true);
      expect(self.abandonSpawn(ref)).toBe(false);
      expect(yield* next(200)).toBe('timeout');
      const answered = self.spawnRequest(here, 'timer', 'sleep', [0]);
      yield* receive({ match: isSpawnReply });
      expect(self.abandonSpawn(answered)).toBe(false);
    });
  });
});

describe('process_SUITE: aliases and tags', () => {
  // @otp process_SUITE:alias_bif
  it.each(nodes)('an alias is good until unalias, or for one reply; used from %s', (node) => {
    inSuite(function* (self) {
      const send = function* (to: Value, what: string) {
        yield* childAt(self, node, function* (own) {
          yield* sleep(0);
          own.send(to as Pid, a(what));
        });
        yield* sleep(20);
      };
      const lasting = self.alias();
      yield* send(lasting, 'first');
      yield* send(lasting, 'second');
      expect([self.unalias(lasting), self.unalias(lasting)]).toEqual([true, false]);
      yield* send(lasting, 'third');
      const once = self.alias('reply_demonitor');
      yield* send(once, 'reply');
      yield* send(once, 'late');
      expect(self.unalias(once)).toBe(false);
      expect([yield* next(), yield* next(), yield* next(), yield* next(50)]).toEqual([
        'first',
        'second',
        'reply',
        'timeout',
      ]);
    });
  });

  // @otp process_SUITE:monitor_alias
  it.each([
    ['explicit_unalias', ['one', 'two', 'DOWN', 'three', 'four']],
    ['demonitor', ['one', 'two', 'DOWN']],
    ['reply_demonitor', ['one']],
  ] as const)('the alias of a monitor, %s', (alias, expected) => {
    for (const node of nodes) {
      inSuite(function* (self) {
        const mode: AliasMode = alias;
        const pid = yield* childAt(self, node, function* (own) {
          const to = yield* receive();
          if (to === timedOut) return;
          own.send(to as Pid, a('one'));
          own.send(to as Pid, a('two'));
        });
        const ref = self.monitor(pid, { alias: mode });
        self.send(pid, ref);
        yield* sleep(50);
        self.send(ref, a('three'));
        self.demonitor(ref);
        self.send(ref, a('four'));
        self.unalias(ref);
        self.send(ref, a('five'));
        const seen: string[] = [];
        for (let message = yield* next(20); message !== 'timeout'; message = yield* next(20)) seen.push(message);
        expect(seen.map((message) => (message.startsWith('{DOWN') ? 'DOWN' : message))).toEqual(expected);
      });
    }
  });

  // @otp process_SUITE:monitor_tag
  it.each(nodes)('a monitor with a tag has it in its DOWN, whatever it is: a process of %s', (node) => {
    inSuite(function* (self) {
      for (const tag of [a('gone'), tup(a('a'), [1]), self.makeRef(), 17, [self.pid]]) {
        const pid = yield* childAt(self, node, forEver);
        const ref = self.monitor(pid, { tag });
        self.sendExit(pid, a('bye'));
        expect(yield* next()).toBe(`{${shown(tag)},ref,process,pid,bye}`);
        const again = self.monitor(pid, { tag });
        expect(yield* next()).toBe(`{${shown(tag)},ref,process,pid,noproc}`);
        expect([self.demonitor(ref), self.demonitor(again)]).toEqual([false, false]);
      }
    });
  });
});
