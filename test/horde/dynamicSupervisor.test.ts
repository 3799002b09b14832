/** The scenarios of Horde's dynamic_supervisor_test.exs, dynamic_supervisor_deadlock_test.exs, mixed_test.exs and nested_supervision_test.exs (0.10.0). */
import { describe, expect, it } from 'vitest';
import type { Value } from '../../runtime/term/values.ts';
import { a, Pid, tup } from '../../runtime/term/values.ts';
import type { Flow } from '../../runtime/embedded/kernel/flow.ts';
import { receive, sleep } from '../../runtime/embedded/kernel/flow.ts';
import type { CodeModule } from '../../runtime/embedded/kernel/module.ts';
import type { Self } from '../../runtime/embedded/kernel/self.ts';
import {
  asValue,
  atoms,
  elementsOf,
  errorTuple,
  isList,
  okTuple,
  tagged,
} from '../../runtime/embedded/kernel/values.ts';
import { chooseUniform, memberValue, readMemberInfo, strategies } from '../../runtime/embedded/horde/distribution.ts';
import { startedBy } from '../../runtime/embedded/otp/dynamicStart.ts';
import { keywords } from '../../runtime/embedded/horde/options.ts';
import { reasonOf } from '../../runtime/embedded/kernel/exceptions.ts';
import { cast } from '../../runtime/embedded/otp/gen.ts';
import { childSpec, flags } from '../../runtime/embedded/otp/childSpec.ts';
import { startSupervisor as startOtp } from '../../runtime/embedded/otp/supervisor.ts';
import { shown } from '../../runtime/embedded/testKit.ts';
import {
  hordeCluster,
  hordeState,
  members,
  next,
  quick,
  registry,
  running,
  scenario,
  setMembers,
  startChild,
  startRegistry,
  startSupervisor,
  supervisor,
  workersOf,
  workerSpec,
} from './hordeKit.ts';

/** Three Hordes joined; the specifications of workers that tell `self`. */
function* three(self: Self): Flow<readonly Pid[]> {
  const pids: Pid[] = [];
  for (const name of ['h1', 'h2', 'h3']) pids.push(yield* startSupervisor(self, name));
  yield* setMembers(self, 'h1', ['h1', 'h2', 'h3']);
  yield* sleep(100);
  return pids;
}
function spec(self: Self, what: Value, options: { readonly [key: string]: Value } = {}): Value {
  return workerSpec(tup(self.pid, what, 0), options);
}
/** What a call exits with, as text. */
function* exitOf(run: Flow<Value>): Flow<string> {
  try {
    yield* run;
  } catch (thrown) {
    return shown(reasonOf(thrown));
  }
  return 'nothing';
}

describe('many transient processes', () => {
  it('many transient processes', () =>
    scenario(
      function* (self) {
        yield* three(self);
        const task = (x: number): Value => ({
          id: x,
          restart: a('transient'),
          start: tup(a('Elixir.Once'), a('start_link'), [self.pid, x]),
        });
        for (let x = 1; x <= 300; x += 1) yield* startChild(self, ['h1', 'h2', 'h3'][x % 3] ?? '', task(x));
        const seen = new Set<unknown>();
        for (let x = 1; x <= 300; x += 1) seen.add((yield* next(self, 'once', 500))?.[1]);
        expect(seen.size).toBe(300);
        expect(yield* next(self, 'once', 500)).toBeNull();
      },
      hordeCluster(undefined, { more: [once] }),
    ));
});

/** A process that tells a number and ends. */
const once: CodeModule = {
  name: 'Elixir.Once',
  functions: {
    'start_link/2': (self, parent, x) => okTuple(self.spawn('Elixir.Once', 'run', [parent, x], { link: true })),
    'run/2': (self, parent, x) => {
      if (parent instanceof Pid) self.send(parent, tup(a('once'), x));
      return atoms.ok;
    },
    'end/1': (self, reason) => okTuple(self.spawn('Elixir.Once', 'leave', [reason], { link: true })),
    'leave/1': (self, reason) => self.exit(reason),
  },
};

describe('module-based DynamicSupervisor', () => {
  it('can use `init` function to dynamically fetch configuration', () => {
    const init = (self: Self): Flow<Value> =>
      supervisor(self, 'init', keywords({ strategy: a('one_for_one'), members: [a('s1'), a('s2')] }));
    const cluster = hordeCluster(undefined, {
      more: [{ name: 'Elixir.TestSupervisor', functions: { 'init/1': init } }],
    });
    scenario(function* (self) {
      for (const name of ['s1', 's2']) {
        const started = yield* supervisor(
          self,
          'start_link',
          a('Elixir.TestSupervisor'),
          [],
          keywords({ name: a(name) }),
        );
        expect(startedBy(started)).toBeInstanceOf(Pid);
      }
      expect(yield* members(self, 's1')).toHaveLength(2);
    }, cluster);
  });
});

describe('.start_child/2', () => {
  it('starts a process', () =>
    scenario(function* (self) {
      yield* three(self);
      const pid = yield* startChild(self, 'h1', spec(self, 1));
      expect((yield* next(self, 'starting'))?.[2]).toBe(pid);
    }));

  it('does not return error when starting same process twice', () =>
    scenario(function* (self) {
      yield* three(self);
      const [first, second] = [
        yield* startChild(self, 'h1', spec(self, 1)),
        yield* startChild(self, 'h1', spec(self, 1)),
      ];
      expect(first).not.toBe(second);
    }));

  it("starts a process with id that doesn't implement String.Chars", () =>
    scenario(function* (self) {
      yield* three(self);
      const pid = yield* startChild(self, 'h1', spec(self, 1, { id: tup(a('proc2'), 'string') }));
      expect((yield* next(self, 'starting'))?.[2]).toBe(pid);
    }));

  it('failed process is restarted', () =>
    scenario(function* (self) {
      yield* three(self);
      const pid = yield* startChild(self, 'h1', spec(self, 1));
      yield* next(self, 'starting');
      self.sendExit(pid, atoms.kill);
      const again = (yield* next(self, 'starting'))?.[2];
      expect(again).toBeInstanceOf(Pid);
      expect(again).not.toBe(pid);
      yield* sleep(100);
      for (const name of ['h1', 'h2', 'h3']) {
        expect([...hordeState(self.home, name).processes.entries()].map(([, child]) => child.pid)).toEqual([again]);
      }
    }));

  it('processes are started on different nodes', () =>
    scenario(function* (self) {
      yield* three(self);
      for (let x = 1; x <= 10; x += 1) yield* startChild(self, 'h1', spec(self, x));
      const busy = ['h1', 'h2', 'h3'].filter((name) => running(self.home, name).length > 0);
      expect(busy.length).toBeGreaterThan(1);
    }));

  it('identical specifications always land on one member', () =>
    scenario(function* (self) {
      yield* three(self);
      for (let x = 1; x <= 10; x += 1) yield* startChild(self, ['h1', 'h2', 'h3'][x % 3] ?? '', spec(self, 'same'));
      expect(['h1', 'h2', 'h3'].filter((name) => running(self.home, name).length > 0)).toHaveLength(1);
    }));
});

describe('.which_children/1', () => {
  it('is empty', () =>
    scenario(function* (self) {
      yield* three(self);
      expect(yield* supervisor(self, 'which_children', a('h1'))).toEqual([]);
    }));

  it('collects results from all horde nodes', () =>
    scenario(function* (self) {
      yield* three(self);
      const pids = new Set<unknown>();
      for (let x = 1; x <= 8; x += 1) pids.add(yield* startChild(self, 'h1', spec(self, x)));
      const rows = yield* supervisor(self, 'which_children', a('h1'));
      expect(isList(rows) && rows.map((row) => elementsOf(row)?.[0])).toEqual(
        Array.from({ length: 8 }, () => undefined),
      );
      expect(new Set(isList(rows) ? rows.map((row) => elementsOf(row)?.[1]) : [])).toEqual(pids);
    }));
});

describe('.count_children/1', () => {
  it('counts children', () =>
    scenario(function* (self) {
      yield* three(self);
      for (let x = 1; x <= 10; x += 1) yield* startChild(self, 'h1', spec(self, x));
      yield* sleep(200);
      expect(yield* workersOf(self, a('h1'))).toBe(10);
    }));
});

describe('.terminate_child/2', () => {
  it('terminates the child', () =>
    scenario(function* (self) {
      yield* three(self);
      const pids: Pid[] = [];
      for (let x = 1; x <= 6; x += 1) pids.push(yield* startChild(self, 'h1', spec(self, x)));
      yield* sleep(200);
      // Wherever it runs: what is not its own is handed on.
      for (const pid of pids) expect(yield* supervisor(self, 'terminate_child', a('h1'), pid)).toBe(atoms.ok);
      yield* sleep(200);
      expect(pids.filter((pid) => self.isAlive(pid))).toEqual([]);
      for (const name of ['h1', 'h2', 'h3']) expect(hordeState(self.home, name).processes.size).toBe(0);
      expect(yield* supervisor(self, 'terminate_child', a('h1'), self.pid)).toEqual(errorTuple(a('not_found')));
    }));
});

describe('failover', () => {
  it("failed horde's processes are taken over by other hordes", () =>
    scenario(function* (self) {
      const [first] = yield* three(self);
      for (let x = 1; x <= 60; x += 1) yield* startChild(self, 'h1', spec(self, x));
      expect(yield* workersOf(self, a('h1'))).toBe(60);
      yield* sleep(1000);
      expect(yield* workersOf(self, a('h2'))).toBe(60);
      if (first === undefined) throw new Error('not started');
      self.unlink(first);
      self.sendExit(first, atoms.kill);
      yield* sleep(50);
      expect(Number(yield* workersOf(self, a('h2')))).toBeLessThanOrEqual(60);
      yield* sleep(2000);
      expect(yield* workersOf(self, a('h2'))).toBe(60);
      expect(hordeState(self.home, 'h2').infos.get(`h1 ${self.node}`)?.status).toBe('dead');
    }));
});

describe('.stop/3', () => {
  it('stopping a node causes supervised processes to shut down', () =>
    scenario(function* (self) {
      const [first] = yield* three(self);
      for (let x = 1; x <= 60; x += 1) yield* startChild(self, 'h1', spec(self, x));
      yield* sleep(1000);
      const own = running(self.home, 'h1');
      expect(own.length).toBeGreaterThan(0);
      if (first !== undefined) self.unlink(first);
      expect(yield* supervisor(self, 'stop', a('h1'))).toBe(atoms.ok);
      expect(own.filter((pid) => self.isAlive(pid))).toEqual([]);
      expect(Number(yield* workersOf(self, a('h2')))).toBeLessThanOrEqual(60);
    }));
});

describe('graceful shutdown', () => {
  it('stopping a node moves processes over when they are ready', () =>
    scenario(function* (self) {
      const first = yield* startSupervisor(self, 'g1');
      yield* startSupervisor(self, 'g2');
      for (const [what, delayMs, shutdown] of [
        ['fast', 500, 2000],
        ['slow', 5000, 10_000],
      ] as const) {
        yield* startChild(self, 'g1', workerSpec(tup(self.pid, a(what), delayMs), { shutdown }));
      }
      yield* setMembers(self, 'g1', ['g1', 'g2']);
      yield* sleep(500);
      expect((yield* next(self, 'starting'))?.[1]).toBe(a('fast'));
      expect((yield* next(self, 'starting'))?.[1]).toBe(a('slow'));
      self.unlink(first);
      self.spawn('Elixir.Horde.DynamicSupervisor', 'stop', [a('g1')]);
      const stopping = [(yield* next(self, 'stopping'))?.[1], (yield* next(self, 'stopping'))?.[1]];
      expect(new Set(stopping)).toEqual(new Set([a('fast'), a('slow')]));
      yield* sleep(2000);
      // The fast one runs elsewhere while the slow one still ends.
      expect((yield* next(self, 'starting'))?.[1]).toBe(a('fast'));
      expect(yield* next(self, 'starting')).toBeNull();
      yield* sleep(5000);
      expect((yield* next(self, 'starting'))?.[1]).toBe(a('slow'));
      const children = [...hordeState(self.home, 'g2').processes.entries()].map(([, { pid }]) => pid);
      expect(children).toHaveLength(2);
      expect(children.every((pid) => self.isAlive(pid))).toBe(true);
    }));

  it('refuses children while it leaves', () =>
    scenario(function* (self) {
      yield* startSupervisor(self, 'g1');
      yield* self.apply('gen_server', 'call', [a('g1'), a('horde_shutting_down')]);
      expect(shown(yield* supervisor(self, 'start_child', a('g1'), spec(self, 1)))).toBe(
        '{error,{shutting_down,"this node is shutting down."}}',
      );
    }));
});

describe('temporary and transient processes', () => {
  const task = (restart: string, reason: string): Value => ({
    id: a('task'),
    start: tup(a('Elixir.Once'), a('end'), [a(reason)]),
    restart: a(restart),
  });
  const sizeAfter = (restart: string, reason: string, waitMs: number): number => {
    let size = -1;
    scenario(
      function* (self) {
        yield* startSupervisor(self, 'h');
        yield* supervisor(self, 'start_child', a('h'), task(restart, reason));
        yield* sleep(waitMs);
        size = hordeState(self.home, 'h').processes.size;
      },
      hordeCluster(undefined, { more: [once] }),
    );
    return size;
  };

  it('temporary task gets removed from supervisor after exit', () => {
    expect(sizeAfter('temporary', 'kill', 50)).toBe(0);
  });
  it('transient process get removed from supervisor after exit', () => {
    expect(sizeAfter('transient', 'normal', 200)).toBe(0);
  });
  it('transient process does not get removed from supervisor after failed exit', () => {
    expect(sizeAfter('transient', 'error', 0)).toBe(1);
  });
});

describe('stress test', () => {
  it("registering a lot of workers doesn't cause an exit", () =>
    scenario(function* (self) {
      yield* three(self);
      for (let x = 1; x <= 500; x += 1) yield* startChild(self, 'h1', spec(self, x));
      expect(yield* workersOf(self, a('h1'))).toBe(500);
    }));
});

describe('what a child may answer', () => {
  it('can handle :ignore', () =>
    scenario(function* (self) {
      yield* three(self);
      const ignoring = { id: a('test'), start: tup(a('Elixir.Worker'), a('ignore'), [1]) };
      expect(yield* supervisor(self, 'start_child', a('h1'), ignoring)).toBe(atoms.ignore);
      expect(hordeState(self.home, 'h1').processes.size).toBe(0);
    }));

  it('an error is passed on, and nothing is kept', () =>
    scenario(function* (self) {
      yield* three(self);
      const failing = { id: a('test'), start: tup(a('Elixir.Worker'), a('fail'), [1]) };
      expect(yield* supervisor(self, 'start_child', a('h1'), failing)).toEqual(errorTuple(a('refused')));
      expect(yield* workersOf(self, a('h1'))).toBe(0);
    }));

  it('max_children holds on each member', () =>
    scenario(function* (self) {
      yield* startSupervisor(self, 'h', { max_children: 2 });
      for (const x of [1, 2]) yield* startChild(self, 'h', spec(self, x));
      expect(yield* supervisor(self, 'start_child', a('h'), spec(self, 3))).toEqual(errorTuple(a('max_children')));
    }));
});

describe('wait_for_quorum/2', () => {
  const options = {
    distribution_strategy: a(strategies.quorum),
    members: ['q1', 'q2', 'q3'].map((name) => a(name)),
  };
  it('wait_for_quorum/2', () =>
    scenario(function* (self) {
      yield* startSupervisor(self, 'q1', options);
      expect(yield* exitOf(supervisor(self, 'wait_for_quorum', a('q1'), 100))).toContain('timeout');
      yield* startSupervisor(self, 'q2', options);
      expect(yield* supervisor(self, 'wait_for_quorum', a('q1'), 1000)).toBe(atoms.ok);
      expect(yield* supervisor(self, 'wait_for_quorum', a('q2'), 1000)).toBe(atoms.ok);
    }));

  it('without a quorum nothing is started', () =>
    scenario(function* (self) {
      yield* startSupervisor(self, 'q1', options);
      expect(yield* supervisor(self, 'start_child', a('q1'), spec(self, 1))).toEqual(errorTuple(a('quorum_not_met')));
    }));

  it('losing the quorum stops the children', () =>
    scenario(function* (self) {
      const pids: Pid[] = [];
      for (const name of ['q1', 'q2', 'q3']) pids.push(yield* startSupervisor(self, name, options));
      yield* sleep(200);
      for (let x = 1; x <= 12; x += 1) yield* startChild(self, 'q1', spec(self, x));
      const own = running(self.home, 'q1');
      expect(own.length).toBeGreaterThan(0);
      self.trapExit(true);
      for (const pid of pids.slice(1)) {
        self.unlink(pid);
        self.sendExit(pid, atoms.kill);
      }
      yield* sleep(500);
      expect(own.filter((pid) => self.isAlive(pid))).toEqual([]);
      // Its supervisor allows no restart, so that the whole Horde of this node ends, and is its own supervisor's to start again.
      expect(yield* next(self, 'EXIT')).toEqual([atoms.exit, pids[0], atoms.shutdown]);
    }));
});

describe('redistribute', () => {
  const numbers = Array.from({ length: 10 }, (_, x) => x);
  function* two(self: Self, redistribution: string): Flow<readonly Pid[]> {
    const options = { process_redistribution: a(redistribution) };
    const pids = [yield* startSupervisor(self, 'n1', options), yield* startSupervisor(self, 'n2', options)];
    for (const x of numbers) yield* startChild(self, 'n1', spec(self, x));
    expect(running(self.home, 'n1')).toHaveLength(10);
    return pids;
  }
  /** How many of the children Horde's own strategy puts on the second member. */
  function expected(self: Self): number {
    const names = ['n1', 'n2'].map((name) => ({ name: tup(a(name), a(self.node)), status: 'alive' }) as const);
    return numbers.filter((x) => {
      const chosen = chooseUniform(spec(self, x), names);
      return 'member' in chosen && chosen.member.name.elements[0] === a('n2');
    }).length;
  }

  it('processes should redistribute to new member nodes as they are added', () =>
    scenario(function* (self) {
      yield* two(self, 'active');
      yield* setMembers(self, 'n1', ['n1', 'n2']);
      yield* sleep(500);
      expect(expected(self)).toBeGreaterThan(0);
      const reasons = new Set<string>();
      for (let x = 0; x < expected(self); x += 1) reasons.add(shown((yield* next(self, 'stopping'))?.[2]));
      expect([...reasons]).toEqual(['{shutdown,process_redistribution}']);
      expect(yield* next(self, 'stopping')).toBeNull();
      expect(running(self.home, 'n2')).toHaveLength(expected(self));
      expect(running(self.home, 'n1')).toHaveLength(10 - expected(self));
      expect(yield* workersOf(self, a('n1'))).toBe(10);
    }));

  it('processes should not redistribute to new member if redistribution config is set to :passive', () =>
    scenario(function* (self) {
      yield* two(self, 'passive');
      yield* setMembers(self, 'n1', ['n1', 'n2']);
      yield* sleep(500);
      expect(running(self.home, 'n2')).toEqual([]);
    }));

  it('should only redistribute on member :down but not on :alive if config is set to :passive', () =>
    scenario(function* (self) {
      const [first] = yield* two(self, 'passive');
      yield* setMembers(self, 'n1', ['n1', 'n2']);
      yield* sleep(500);
      expect(running(self.home, 'n2')).toEqual([]);
      if (first !== undefined) self.unlink(first);
      yield* supervisor(self, 'stop', a('n1'));
      yield* sleep(500);
      expect(running(self.home, 'n2')).toHaveLength(10);
    }));
});

describe('proxy ttl', () => {
  /** Puts a child on any living member but the one that is asked. */
  const hotPotato: CodeModule = {
    name: 'Elixir.HotPotatoDistribution',
    functions: {
      'choose_node/2': (self, _spec, infos) => {
        const other = (isList(infos) ? infos : [])
          .flatMap((info) => readMemberInfo(asValue(info)) ?? [])
          .filter(({ status }) => status === 'alive')
          .find(({ name }) => name.elements[0].name !== self.registeredName);
        return other === undefined ? errorTuple(a('no_other_nodes_alive')) : okTuple(memberValue(other));
      },
      'has_quorum?/1': () => true,
    },
  };
  function* hordes(self: Self, strategy: string, ttl: Value): Flow<void> {
    const options = { distribution_strategy: a(strategy), proxy_message_ttl: ttl, process_redistribution: a('active') };
    for (const name of ['p1', 'p2', 'p3']) yield* startSupervisor(self, name, options);
    yield* setMembers(self, 'p1', ['p1', 'p2', 'p3']);
    yield* sleep(500);
  }
  /** Starts a child in a process of its own, which tells the outcome. */
  const asks: CodeModule = {
    name: 'Elixir.Asker',
    functions: {
      *'ask/3'(self, parent, horde, what): Flow<Value> {
        const answer = yield* self.apply('Elixir.Horde.DynamicSupervisor', 'start_child', [horde, what]);
        if (parent instanceof Pid) self.send(parent, tup(a('answer'), answer));
        return answer;
      },
    },
  };
  const cluster = (): ReturnType<typeof hordeCluster> => hordeCluster(undefined, { more: [hotPotato, asks] });
  const ask = (self: Self, what: Value): Pid =>
    self.spawn('Elixir.Asker', 'ask', [self.pid, a('p1'), spec(self, what)]);

  it('message will proxy forever if nodes disagree on member', () =>
    scenario(function* (self) {
      yield* hordes(self, hotPotato.name, atoms.infinity);
      const asking = ask(self, 1);
      for (let turn = 0; turn < 20_000; turn += 1) yield { is: 'turn' };
      expect(yield* next(self, 'starting', 0)).toBeNull();
      expect(self.isAlive(asking)).toBe(true);
      // Nothing would ever be idle: the potato is taken out of the game.
      for (const name of ['p1', 'p2', 'p3']) {
        const pid = self.whereis(a(`${name}.Supervisor`));
        if (pid === null) throw new Error('not started');
        self.unlink(pid);
        self.sendExit(pid, atoms.kill);
      }
    }, cluster()));

  it('start_child will add child on any node when proxy TTL expires', () =>
    scenario(function* (self) {
      yield* hordes(self, hotPotato.name, 10);
      ask(self, 1);
      expect(tagged((yield* next(self, 'answer', 500))?.[1], atoms.ok, 2)).not.toBeNull();
      expect(yield* next(self, 'starting', 200)).not.toBeNull();
    }, cluster()));

  it('message will be picked up if nodes agree on member', () =>
    scenario(function* (self) {
      yield* hordes(self, strategies.uniform, 1);
      for (let x = 0; x < 6; x += 1) {
        ask(self, x);
        expect(tagged((yield* next(self, 'answer', 500))?.[1], atoms.ok, 2)).not.toBeNull();
        expect(yield* next(self, 'starting', 200)).not.toBeNull();
      }
    }, cluster()));

  it('random distribution start_child with TTL of 1 will not bounce around', () =>
    scenario(function* (self) {
      yield* hordes(self, strategies.random, 1);
      for (let x = 0; x < 200; x += 1) ask(self, x);
      for (let x = 0; x < 200; x += 1) {
        expect(tagged((yield* next(self, 'answer', 1000))?.[1], atoms.ok, 2)).not.toBeNull();
        expect(yield* next(self, 'starting', 200)).not.toBeNull();
      }
      const busy = ['p1', 'p2', 'p3'].map((name) => running(self.home, name).length);
      expect(busy.every((count) => count > 20)).toBe(true);
    }, cluster()));
});

describe('dynamic_supervisor_deadlock_test.exs', () => {
  it('restart / init deadlock', () =>
    scenario(function* (self) {
      yield* startSupervisor(self, 'h');
      const slow = (what: Value): Value => ({
        id: a('slow'),
        restart: a('permanent'),
        start: tup(a('Elixir.Worker'), a('start_slow'), [tup(self.pid, what, 0), 200]),
      });
      const crashing = yield* startChild(self, 'h', slow(1));
      self.sendExit(crashing, atoms.kill);
      yield* startChild(self, 'h', slow(2));
      const rows = yield* supervisor(self, 'which_children', a('h'));
      expect(isList(rows) && rows.length).toBe(2);
    }));
});

describe('mixed_test.exs', () => {
  it('supervisor and registry working together', () =>
    scenario(function* (self) {
      const first = yield* startSupervisor(self, 's1');
      yield* startSupervisor(self, 's2');
      yield* setMembers(self, 's1', ['s1', 's2']);
      for (const name of ['r1', 'r2']) yield* startRegistry(self, name);
      yield* setMembers(self, 'r1', ['r1', 'r2']);
      const count = 200;
      for (let x = 0; x < count; x += 1) {
        const name = tup(a(x % 2 === 0 ? 'r1' : 'r2'), x);
        yield* startChild(self, 's1', { id: null, start: tup(a('Elixir.IgnoreWorker'), a('start_link'), [name]) });
      }
      for (const name of ['s1', 's2']) expect(yield* workersOf(self, a(name))).toBe(count);
      yield* sleep(500);
      self.unlink(first);
      yield* supervisor(self, 'stop', a('s1'));
      yield* sleep(500);
      expect(yield* workersOf(self, a('s2'))).toBe(count);
      expect(yield* registry(self, 'count', a('r1'))).toBe(count);
    }));
});

describe('nested_supervision_test.exs', () => {
  /** A Horde and a task that adds a child to it, under one supervisor. */
  function* tree(self: Self, strategy: 'one_for_one' | 'rest_for_one'): Flow<void> {
    const options = keywords({
      name: a('horde'),
      strategy: a('one_for_one'),
      max_restarts: 1,
      delta_crdt_options: quick(),
    });
    const supervised = {
      module: 'Elixir.TestSupervisor',
      init: () => ({
        flags: flags({ strategy, intensity: 3, periodSeconds: 5 }),
        children: [
          childSpec(a('horde'), ['Elixir.Horde.DynamicSupervisor', 'start_link', [options]], { type: 'supervisor' }),
          childSpec(a('adds'), ['Elixir.Adder', 'start_link', [spec(self, 1)]], { restart: 'transient' }),
        ],
      }),
    };
    yield* startOtp(self, supervised, []);
    yield* sleep(50);
  }
  const adder: CodeModule = {
    name: 'Elixir.Adder',
    functions: {
      'start_link/1': (self, what) => okTuple(self.spawn('Elixir.Adder', 'add', [what], { link: true })),
      'add/1': (self, what) => supervisor(self, 'start_child', a('horde'), what),
    },
  };
  const cluster = (): ReturnType<typeof hordeCluster> => hordeCluster(undefined, { more: [adder] });
  function* active(self: Self): Flow<Value> {
    yield* sleep(50);
    const counts = yield* supervisor(self, 'count_children', a('horde'));
    return typeof counts === 'object' && counts !== null && 'active' in counts ? asValue(counts.active) : undefined;
  }
  function* crashChild(self: Self): Flow<void> {
    yield* sleep(50);
    const [pid] = running(self.home, 'horde');
    if (pid !== undefined) cast(self, pid, atoms.normal);
    yield* sleep(20);
  }
  function* crashHorde(self: Self): Flow<void> {
    yield* sleep(50);
    cast(self, a('horde'), a('boom'));
    yield* sleep(20);
  }

  it('with one_for_one: child can restart once', () =>
    scenario(function* (self) {
      yield* tree(self, 'one_for_one');
      yield* crashChild(self);
      expect(yield* active(self)).toBe(1);
    }, cluster()));

  it('with one_for_one: child is gone after crashing DynamicSupervisor', () =>
    scenario(function* (self) {
      yield* tree(self, 'one_for_one');
      yield* crashHorde(self);
      expect(yield* active(self)).toBe(0);
    }, cluster()));

  it('with one_for_one: child is gone after it crashes twice', () =>
    scenario(function* (self) {
      yield* tree(self, 'one_for_one');
      yield* crashChild(self);
      yield* crashChild(self);
      expect(yield* active(self)).toBe(0);
    }, cluster()));

  it('with rest_for_one: child gets restored when crashing DynamicSupervisor', () =>
    scenario(function* (self) {
      yield* tree(self, 'rest_for_one');
      yield* crashHorde(self);
      expect(yield* active(self)).toBe(1);
    }, cluster()));

  it('with rest_for_one: child gets restored after it crashes twice', () =>
    scenario(function* (self) {
      yield* tree(self, 'rest_for_one');
      yield* crashChild(self);
      yield* crashChild(self);
      expect(yield* active(self)).toBe(1);
      yield* receive({ afterMs: 0 });
    }, cluster()));
});
