/** Cases of OTP 25's monitor_SUITE. */
import { describe, expect, it } from 'vitest';
import type { Ref } from '../../../term/values.ts';
import { Pid, a, tup } from '../../../term/values.ts';
import { inProcess, shown } from '../../testKit.ts';
import { receive, sleep, timedOut } from '../flow.ts';
import type { AliasMode } from '../process.ts';
import { atoms, elementsOf } from '../values.ts';
import {
  child,
  childAt,
  down,
  forEver,
  inSuite,
  leaves,
  next,
  nodes,
  suiteCluster,
  waitFor,
  watching,
} from './kernelKit.ts';

const [here, there] = nodes;
const frop = a('frop');

describe('monitor_SUITE', () => {
  // @otp monitor_SUITE:case_1 monitor_SUITE:case_1a
  it('who is killed by the one it watches takes the monitor with it', () => {
    inSuite(function* (self) {
      self.trapExit(true);
      const watcher = child(
        self,
        function* (own) {
          const watched = child(own, function* (other) {
            yield* waitFor(a('ok'));
            other.sendExit(own.pid, a('foo'));
            yield* forEver();
          });
          own.monitor(watched);
          own.send(own.pid, a('started'));
          self.send(self.pid, watched);
          own.send(watched, a('ok'));
          yield* forEver();
        },
        { link: true },
      );
      const watched = yield* receive({ match: (message) => message instanceof Pid });
      expect(yield* next()).toBe('{EXIT,pid,foo}');
      expect(self.isAlive(watcher)).toBe(false);
      if (!(watched instanceof Pid)) throw new Error('There is no pid.');
      expect(watching(self, watched).watchedBy).toEqual([]);
    });
  });

  // @otp monitor_SUITE:case_2 monitor_SUITE:case_2a
  it('who is watched cannot end the monitor of another', () => {
    inSuite(function* (self) {
      const watched = child(self, function* (own) {
        const ref = yield* receive();
        if (ref !== timedOut) own.send(self.pid, tup(a('was'), own.demonitor(ref as Ref)));
      });
      const ref = self.monitor(watched);
      self.send(watched, ref);
      expect(yield* next()).toBe('{was,false}');
      expect((yield* down(ref)).why).toBe('normal');
    });
  });

  // @otp monitor_SUITE:demon_1 monitor_SUITE:demon_e_1 monitor_SUITE:gh_5225_demonitor_alias
  it("ending a monitor that is none, or is another one's, does nothing", () => {
    inSuite(function* (self) {
      expect(self.demonitor(self.makeRef())).toBe(false);
      expect(self.demonitor(self.makeRef(), { flush: true })).toBe(false);
      const other = child(self, function* (own) {
        own.send(self.pid, own.monitor(self.pid));
        yield* forEver();
      });
      const theirs = yield* receive();
      if (theirs !== timedOut) self.demonitor(theirs as Ref);
      expect(watching(self, other).watches).toEqual(['{process,pid}']);
      const alias = self.alias();
      self.demonitor(alias);
      self.demonitor(alias, { flush: true });
      self.send(alias, a('still_there'));
      expect(yield* next()).toBe('still_there');
      const ended = child(self, leaves(atoms.normal));
      for (const ref of [
        self.monitor(ended, { alias: 'explicit_unalias' }),
        self.monitor(ended, { alias: 'explicit_unalias' }),
      ]) {
        yield* down(ref);
        self.demonitor(ref);
        self.demonitor(ref, { flush: true });
      }
      expect(yield* next(0)).toBe('timeout');
    });
  });

  // @otp monitor_SUITE:demon_2
  it('demonitor: of itself, twice, and before the end', () => {
    inSuite(function* (self) {
      const own = self.monitor(self.pid);
      self.demonitor(own);
      self.demonitor(own);
      expect(yield* next(0)).toBe('timeout');
      expect(['normal', 'noproc']).toContain((yield* down(self.monitor(child(self, () => sleep(1))))).why);
      const pid = child(self, forEver);
      expect(self.demonitor(self.monitor(pid))).toBe(true);
      self.sendExit(pid, frop);
      expect(yield* next(10)).toBe('timeout');
    });
  });

  // @otp monitor_SUITE:demon_3
  it('demonitor of a process elsewhere, after and before its node went', () => {
    inSuite(function* (self, cluster) {
      const first = yield* childAt(self, there, forEver);
      const ref = self.monitor(first);
      yield* sleep(10);
      cluster.crashNode(there);
      yield* sleep(50);
      expect(self.demonitor(ref)).toBe(false);
      expect(yield* down(ref)).toMatchObject({ what: first, why: 'noconnection' });
      cluster.startNode(there);
      yield* sleep(50);
      const second = yield* childAt(self, there, forEver);
      expect(self.demonitor(self.monitor(second))).toBe(true);
      cluster.crashNode(there);
      expect(yield* next(100)).toBe('timeout');
    });
  });

  // @otp monitor_SUITE:demonitor_flush
  it.each(nodes)('flush takes a DOWN that came already, and that one only: a process of %s', (node) => {
    inSuite(function* (self) {
      const pid = yield* childAt(self, node, forEver);
      const refs = [1, 2, 3, 4].map(() => self.monitor(pid));
      const [first, second, third, fourth] = refs;
      if (first === undefined || second === undefined || third === undefined || fourth === undefined) throw new Error();
      self.demonitor(first, { flush: true });
      self.sendExit(pid, a('bang'));
      expect((yield* down(second)).why).toBe('bang');
      yield* sleep(100);
      self.demonitor(third, { flush: true });
      self.demonitor(fourth);
      expect((yield* down(fourth)).why).toBe('bang');
      expect(yield* next(100)).toBe('timeout');
    });
  });

  // @otp monitor_SUITE:local_remove_monitor monitor_SUITE:remote_remove_monitor
  it.each(nodes)('demonitor says truly whether a DOWN came: 30 groups of 100 on %s', (node) => {
    const counts = { true: 0, false: 0 };
    for (let group = 1; group <= 30; group += 1) {
      const cluster = suiteCluster(group, 'random');
      inProcess(cluster, function* (self) {
        const refs: Ref[] = [];
        for (let n = 0; n < 100; n += 1) refs.push(self.monitor(yield* childAt(self, node, () => sleep(0))));
        for (const ref of refs) {
          const was = self.demonitor(ref);
          const message = yield* receive({ match: (candidate) => elementsOf(candidate)?.[1] === ref, afterMs: 0 });
          expect(message === timedOut).toBe(was);
          counts[`${was}`] += 1;
        }
      });
    }
    expect(counts.true + counts.false).toBe(3000);
  });

  // @otp monitor_SUITE:mon_1
  it('monitor: each way to end, by pid, by name, by name and node', () => {
    inSuite(function* (self) {
      expect((yield* down(self.monitor(child(self, () => sleep(1))))).why).toBe('normal');
      const killed = child(self, forEver);
      const ref = self.monitor(killed);
      self.sendExit(killed, frop);
      expect(yield* down(ref)).toMatchObject({ what: killed, why: 'frop' });
      expect((yield* down(self.monitor(killed))).why).toBe('noproc');
      for (const [target, reason] of [
        [a('jeeves'), atoms.normal],
        [tup(a('jeeves'), a(here)), frop],
      ] as const) {
        const named = child(self, function* (own) {
          yield* waitFor(a('stop'));
          own.exit(reason);
        });
        self.register(a('jeeves'), named);
        const byName = self.monitor(target);
        self.send(named, a('stop'));
        const { what, why } = yield* down(byName);
        expect([shown(what), why]).toEqual([`{jeeves,${here}}`, shown(reason)]);
      }
      expect((yield* down(self.monitor(tup(a('jeeves'), a(here))))).why).toBe('noproc');
    });
  });

  // @otp monitor_SUITE:mon_2
  it('monitor of what is elsewhere: each way to end, and the end of the node', () => {
    inSuite(function* (self, cluster) {
      expect((yield* down(self.monitor(yield* childAt(self, there, () => sleep(40))))).why).toBe('normal');
      const killed = yield* childAt(self, there, forEver);
      const ref = self.monitor(killed);
      self.sendExit(killed, frop);
      expect((yield* down(ref)).why).toBe('frop');
      expect((yield* down(self.monitor(killed))).why).toBe('noproc');
      yield* childAt(self, there, function* (own) {
        own.register(a('jeeves'), own.pid);
        yield* forEver();
      });
      yield* sleep(10);
      const byPid = self.monitor(yield* childAt(self, there, forEver));
      const byName = self.monitor(tup(a('jeeves'), a(there)));
      expect((yield* down(self.monitor(tup(a('nobody'), a(there))))).why).toBe('noproc');
      cluster.crashNode(there);
      expect((yield* down(byPid)).why).toBe('noconnection');
      expect((yield* down(byName)).why).toBe('noconnection');
      expect((yield* down(self.monitor(killed))).why).toBe('noconnection');
      expect((yield* down(self.monitor(tup(a('jeeves'), a(there))))).why).toBe('noconnection');
    });
  });

  // @otp monitor_SUITE:large_exit
  it('a large reason arrives whole', () => {
    inSuite(function* (self) {
      const reason = tup(a('big'), a('tuple'), [a('list'), 4_563_784_278], Uint8Array.of(131, 104, 4), {
        deep: [tup(1, 2)],
      });
      for (let round = 0; round < 100; round += 1) {
        const ref = self.monitor(child(self, leaves(reason)));
        expect((yield* down(ref)).why).toBe(shown(reason));
      }
    });
  });

  // @otp monitor_SUITE:list_cleanup
  it('monitors and monitored_by hold what is, and nothing afterwards, here and across nodes', () => {
    const cluster = suiteCluster();
    inProcess(cluster, function* (self) {
      const none = { watches: [], watchedBy: [] };
      const one = child(self, forEver);
      self.register(a('jeeves'), one);
      const ref = self.monitor(one);
      expect(watching(self, self.pid).watches).toEqual(['{process,pid}']);
      expect(watching(self, one).watchedBy).toEqual([self.pid]);
      self.demonitor(ref);
      expect([watching(self, self.pid), watching(self, one)]).toEqual([none, none]);
      const named = self.monitor(a('jeeves'));
      expect(watching(self, self.pid).watches).toEqual([`{process,{jeeves,${here}}}`]);
      self.sendExit(one, frop);
      yield* down(named);
      expect(watching(self, self.pid)).toEqual(none);
      for (const node of nodes) {
        const watcher = yield* childAt(self, node, function* (own) {
          own.monitor(self.pid);
          yield* waitFor(frop);
          own.exit(frop);
        });
        yield* sleep(20);
        expect(watching(self, self.pid).watchedBy).toEqual([watcher]);
        self.send(watcher, frop);
        yield* sleep(20);
        expect(watching(self, self.pid)).toEqual(none);
      }
      const remote = yield* childAt(self, there, function* (own) {
        own.monitor(self.pid);
        yield* forEver();
      });
      yield* sleep(20);
      expect(watching(self, self.pid).watchedBy).toEqual([remote]);
      cluster.crashNode(there);
      yield* sleep(50);
      expect(watching(self, self.pid)).toEqual(none);
    });
  });

  // @otp monitor_SUITE:mixer
  it('monitors of both nodes, mixed, both ways, ended and demonitored', () => {
    inSuite(function* (self) {
      for (const order of [
        [here, here, there],
        [there, here, here],
        [here, there, here],
      ]) {
        for (const how of ['exit', 'demonitor'] as const) {
          const pids: Pid[] = [];
          for (const node of [...order, ...order]) {
            pids.push(
              yield* childAt(self, node, function* (own) {
                const ref = own.monitor(self.pid);
                own.send(self.pid, a('ready'));
                yield* waitFor(a('go'));
                if (how === 'exit') own.exit(a('flaff'));
                own.demonitor(ref);
                yield* forEver();
              }),
            );
            yield* waitFor(a('ready'));
          }
          const refs = pids.map((pid) => self.monitor(pid));
          yield* sleep(20);
          expect(new Set(watching(self, self.pid).watchedBy)).toEqual(new Set(pids));
          expect(watching(self, self.pid).watches).toHaveLength(pids.length);
          for (const pid of pids) self.send(pid, a('go'));
          for (const ref of refs) {
            if (how === 'exit') expect((yield* down(ref)).why).toBe('flaff');
            else self.demonitor(ref);
          }
          yield* sleep(20);
          expect(watching(self, self.pid)).toEqual({ watches: [], watchedBy: [] });
        }
      }
    });
  });

  // @otp monitor_SUITE:named_down
  it('a name is free when the DOWN of its monitor has come', () => {
    for (let seed = 1; seed <= 50; seed += 1) {
      inProcess(suiteCluster(seed, 'random'), function* (self) {
        const named = child(self, forEver);
        self.register(a('named'), named);
        self.sendExit(named, a('bang'));
        yield* down(self.monitor(a('named')));
        self.register(a('named'), self.pid);
        self.unregister(a('named'));
      });
    }
  });

  // @otp monitor_SUITE:otp_5827
  it('a pid of an earlier life of this node is noproc at once', () => {
    inSuite(function* (self) {
      const earlier = new Pid(here, 77, 5, 0);
      const { what, why } = yield* down(self.monitor(earlier), 1000);
      expect([shown(what), why]).toEqual(['pid', 'noproc']);
    });
  });

  // @otp monitor_SUITE:monitor_tag_storage
  it('tags are kept for each monitor, however many there are', () => {
    inSuite(function* (self) {
      const pids = Array.from({ length: 500 }, () => child(self, forEver));
      const tags = pids.map((pid, n) => [self.monitor(pid, { tag: tup(a('tag'), n) }), `{tag,${n}}`] as const);
      for (const pid of pids) self.sendExit(pid, a('bang'));
      expect(self.messageQueueLength).toBe(500);
      for (const [ref, tag] of tags) {
        const message = yield* receive({ match: (candidate) => elementsOf(candidate)?.[1] === ref, afterMs: 0 });
        expect(shown(message === timedOut ? null : message)).toBe(`{${tag},ref,process,pid,bang}`);
      }
    });
  });

  // @otp monitor_SUITE:unexpected_alias_at_demonitor_gh5310
  it('demonitor ends the alias of reply_demonitor', () => {
    inSuite(function* (self) {
      const pid = child(self, function* (own) {
        const alias = yield* receive();
        if (alias !== timedOut) own.send(alias as Ref, a('hello_via_alias'));
      });
      const ref = self.monitor(pid);
      const alias = self.monitor(pid, { alias: 'reply_demonitor' });
      self.demonitor(alias, { flush: true });
      self.send(pid, alias);
      expect((yield* down(ref)).why).toBe('normal');
      expect(yield* next(0)).toBe('timeout');
    });
  });

  // @otp monitor_SUITE:down_on_alias_gh5310
  it('no DOWN comes by an alias whose monitor was ended while the other was ending', () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      inProcess(suiteCluster(seed, 'random'), function* (self) {
        const go = a('go');
        const ending = child(self, function* (own) {
          yield* waitFor(go);
          own.exit(seed % 2 === 0 ? a('bye') : tup(go, seed));
        });
        const ended = child(self, function* (own) {
          const ref = own.monitor(ending, { alias: 'explicit_unalias' });
          yield* waitFor(go);
          own.demonitor(ref, { flush: true });
          while (own.isAlive(ending)) yield* sleep(1);
          own.send(self.pid, a(yield* next(0)));
        });
        yield* sleep(1);
        for (const pid of [ending, ended]) self.send(pid, go);
        expect(yield* next()).toBe('timeout');
      });
    }
  });

  // @otp monitor_SUITE:monitor_3_noproc_gh6185
  it('a monitor of what is not there has its tag, and its alias stays', () => {
    inSuite(function* (self) {
      const aliases: readonly (AliasMode | null)[] = [null, 'explicit_unalias'];
      for (const target of [a('undefined_name'), tup(a('undefined_name'), a(here)), new Pid(here, 77, 4711, 0)]) {
        for (const alias of aliases) {
          for (const tag of [null, self.makeRef()]) {
            const ref = self.monitor(target, { ...(alias !== null && { alias }), ...(tag !== null && { tag }) });
            const message = yield* receive({ match: (candidate) => elementsOf(candidate)?.[1] === ref, afterMs: 100 });
            const elements = elementsOf(message === timedOut ? null : message) ?? [];
            expect([elements[0] === (tag ?? atoms.down), elements[4]]).toEqual([true, atoms.noproc]);
            if (alias === null) continue;
            self.send(ref, a('by_alias'));
            expect(yield* next(0)).toBe('by_alias');
            self.unalias(ref);
            self.send(ref, a('by_alias'));
            expect(yield* next(0)).toBe('timeout');
          }
        }
        const dying = child(self, function* (own) {
          own.monitor(target, { alias: 'explicit_unalias', tag: a('tag') });
          yield* sleep(0);
          own.exit(a('bang'));
        });
        expect((yield* down(self.monitor(dying))).why).toBe('bang');
      }
    });
  });
});
