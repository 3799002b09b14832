/** Hordes that are asked what they do not answer, configured as they must not be, or sent what is not theirs. */
import { describe, expect, it } from 'vitest';
import type { Value } from '../../runtime/term/values.ts';
import { a, Pid, tup } from '../../runtime/term/values.ts';
import { keywords } from '../../runtime/embedded/horde/options.ts';
import type { Flow } from '../../runtime/embedded/kernel/flow.ts';
import { sleep } from '../../runtime/embedded/kernel/flow.ts';
import { fun } from '../../runtime/embedded/kernel/localFun.ts';
import type { Self } from '../../runtime/embedded/kernel/self.ts';
import { atoms, isList } from '../../runtime/embedded/kernel/values.ts';
import { call, cast } from '../../runtime/embedded/otp/gen.ts';
import { exits, next as nextText, pidOf, shown } from '../../runtime/embedded/otp/conformance/genKit.ts';
import { getState } from '../../runtime/embedded/otp/sys.ts';
import {
  hold,
  hordeCluster,
  one,
  quick,
  registry,
  scenario,
  setMembers,
  startRegistry,
  startSupervisor,
  supervisor,
  two,
} from './hordeKit.ts';

describe('options', () => {
  const named = keywords({ name: a('h') });

  it('that are missing are an ArgumentError', () =>
    scenario(function* (self) {
      self.trapExit(true);
      expect(yield* exits(supervisor(self, 'start_link', keywords({ strategy: a('one_for_one') })))).toContain(
        'expected :name to be given and to be an atom',
      );
      expect(yield* exits(supervisor(self, 'start_link', named))).toContain('expected :strategy option to be given');
      expect(yield* exits(supervisor(self, 'init', []))).toContain('expected :strategy option to be given');
      expect(yield* exits(registry(self, 'start_link', keywords({ keys: a('unique'), name: 'reg' })))).toContain(
        'expected :name to be given and to be an atom',
      );
      expect(yield* exits(registry(self, 'start_link', named))).toContain('expected :keys option to be given');
      const listeners = keywords({ name: a('r'), keys: a('unique'), listeners: ['text'] });
      expect(yield* exits(registry(self, 'start_link', listeners))).toContain(
        'expected :listeners to be a list of named',
      );
      const nameless = self.apply('Elixir.Horde.ProcessesSupervisor', 'start_link', [keywords({ root_name: a('h') })]);
      expect(yield* exits(nameless)).toContain('expected :name to be given and to be an atom');
    }));

  it('name themselves in a child specification', () =>
    scenario(function* (self) {
      expect(shown(yield* supervisor(self, 'child_spec', named))).toBe(
        '#{id=>h,start=>{Elixir.Horde.DynamicSupervisor,start_link,[[{name,h}]]},type=>supervisor}',
      );
      expect(shown(yield* registry(self, 'child_spec', []))).toContain('#{id=>Elixir.Horde.Registry,');
    }));

  it('with defaults where what is given is none', () =>
    scenario(function* (self) {
      yield* startSupervisor(self, 'h', {
        distribution_strategy: 'text',
        max_children: 'many',
        extra_arguments: a('x'),
      });
      expect(shown(yield* call(self, a('h'), a('members')))).toBe('[{h,one@sim}]');
      expect(shown(yield* getState(self, a('h.ProcessesSupervisor')))).toContain(
        'max_children=>infinity,extra_arguments=>[]',
      );
    }));

  it('by a module that wants to be ignored, or answers none', () => {
    const more = [
      { name: 'ignored', functions: { 'init/1': () => atoms.ignore } },
      { name: 'odd', functions: { 'init/1': () => a('odd') } },
    ];
    scenario(
      function* (self) {
        self.trapExit(true);
        for (const start of [supervisor, registry]) {
          expect(yield* start(self, 'start_link', a('ignored'), [], named)).toBe(atoms.ignore);
          expect(yield* exits(start(self, 'start_link', a('odd'), [], named))).toEqual(
            expect.stringMatching(
              /^\{error,\{bad_return,\{Elixir\.Horde\.(DynamicSupervisor|Registry),init,\{stop,\{bad_return,\{odd,init,odd\}\}\}\}\}\}$/,
            ),
          );
          expect(yield* exits(start(self, 'start_link', 7, [], named))).toMatch(/function_clause/);
        }
      },
      hordeCluster(undefined, { more }),
    );
  });

  it('members that are none end the member that has them', () =>
    scenario(function* (self) {
      self.trapExit(true);
      yield* startSupervisor(self, 'h');
      expect(yield* exits(self.apply('Elixir.Horde.Cluster', 'set_members', [a('h'), ['text']]))).toMatch(
        /^\{EXIT,\{\{function_clause,\[\]\},\{/,
      );
    }));
});

describe('calls without a clause', () => {
  it.each<readonly [string, string, readonly Value[]]>([
    ['Elixir.Horde.DynamicSupervisor', 'terminate_child', [a('h'), 7]],
    ['Elixir.Horde.DynamicSupervisor', 'stop', [7, atoms.normal]],
    ['Elixir.Horde.DynamicSupervisor', 'which_children', ['h']],
    ['Elixir.Horde.DynamicSupervisor', 'count_children', [tup('h', a(one))]],
    ['Elixir.Horde.Registry', 'keys', [a('r'), 7]],
    ['Elixir.Horde.Registry', 'lookup', ['r', 1]],
    ['Elixir.Horde.Registry', 'unregister', ['r', 1]],
    ['Elixir.Horde.Registry', 'whereis_name', [tup(a('r'))]],
    ['Elixir.Horde.Registry', 'whereis_name', [tup(a('r'), 1, 2, 3)]],
    ['Elixir.Horde.Registry', 'whereis', [a('r')]],
  ])('%s.%s', (module, name, args) =>
    scenario(function* (self) {
      expect(yield* exits(self.apply(module, name, args))).toMatch(
        /^\{EXIT,(\{function_clause,\[\]\}|function_clause)\}$/,
      );
    }),
  );

  it('Process.alive?/1 of what is no process', () =>
    scenario(function* (self) {
      expect(yield* exits(self.apply('Elixir.Process', 'alive?', [7]))).toBe('{EXIT,{badarg,[]}}');
    }));

  it.each<readonly [string, readonly Value[]]>([
    ['h', [7, a('nonsense'), tup(a('nonsense'), 1)]],
    [
      'r',
      [7, tup(a('nonsense')), tup(a('register'), 1, 2, 3), tup(a('update_value'), 1, 2, 3), tup(a('unregister'), 1, 2)],
    ],
    ['h.ProcessesSupervisor', [a('nonsense'), tup(a('start_child'), a('nonsense'))]],
    ['h.Crdt', [a('nonsense'), tup(a('nonsense'), 1)]],
  ])('end the server %s', (name, requests) => {
    for (const request of requests) {
      scenario(function* (self) {
        self.trapExit(true);
        yield* startRegistry(self, 'r');
        yield* startSupervisor(self, 'h');
        expect(yield* exits(call(self, a(name), request))).toMatch(
          /^\{EXIT,\{(function_clause|badarg),|^\{EXIT,\{\{(function_clause|badarg),/,
        );
      });
    }
  });

  it.each<readonly [string, 'cast' | 'info', Value]>([
    ['h', 'cast', a('nonsense')],
    ['h', 'info', a('nonsense')],
    ['h', 'info', tup(a('proxy_operation'), a('members'), a('nobody'))],
    ['r', 'info', a('nonsense')],
    ['h.Crdt', 'cast', a('nonsense')],
    ['h.Crdt', 'info', a('nonsense')],
    ['h.Crdt', 'info', tup(atoms.exit, a('who'), a('why'))],
  ])('sent to %s as a %s end it', (name, how, message) =>
    scenario(function* (self) {
      self.trapExit(true);
      yield* startRegistry(self, 'r');
      yield* startSupervisor(self, 'h');
      const pid = self.whereis(a(name));
      if (pid === null) throw new Error(`no ${name}`);
      const ref = self.monitor(pid);
      if (how === 'cast') cast(self, pid, message);
      else self.send(pid, message);
      let last = yield* nextText();
      while (!last.startsWith('{DOWN,')) last = yield* nextText();
      expect(last).toBe('{DOWN,ref,process,pid,{function_clause,[]}}');
      expect(ref).toBeDefined();
    }),
  );

  it('that are nobody’s are let pass where Elixir lets them', () =>
    scenario(function* (self) {
      const h = yield* startSupervisor(self, 'h', { members: a('auto') });
      const names = ['h', 'h.ProcessesSupervisor', 'h.Crdt', 'Elixir.h.NodeListener'].map((name) =>
        self.whereis(a(name)),
      );
      const [root, processes, crdt, listener] = names;
      if (!root || !processes || !crdt || !listener) throw new Error('A Horde has four of these.');
      self.send(root, tup(atoms.exit, self.pid, a('why')));
      self.send(root, tup(a('set_members'), [a('h')]));
      self.send(processes, a('nonsense'));
      self.send(processes, tup(a('$gen_restart'), self.pid));
      self.send(processes, tup(atoms.exit, self.pid, a('why')));
      self.send(crdt, tup(atoms.exit, self.pid, atoms.normal));
      self.send(crdt, tup(a('diff'), a('nobody'), new Map(), []));
      self.send(crdt, tup(a('get_diff'), a('nobody'), new Map(), [], []));
      self.send(listener, a('nonsense'));
      cast(self, listener, a('nonsense'));
      cast(self, listener, a('initial_set'));
      cast(self, processes, a('nonsense'));
      yield* sleep(500);
      expect(
        ['h', 'h.ProcessesSupervisor', 'h.Crdt', 'Elixir.h.NodeListener'].map((name) => self.whereis(a(name))),
      ).toEqual(names);
      expect(self.isAlive(h)).toBe(true);
    }));
});

describe('a registry', () => {
  it('takes a via name at once, and frees it', () =>
    scenario(function* (self) {
      const r = yield* startRegistry(self, 'r');
      expect(yield* registry(self, 'register_name', tup(r, 'free', 'value'), self.pid)).toBe(a('yes'));
      yield* sleep(50);
      expect(yield* registry(self, 'whereis_name', tup(r, 'free'))).toEqual(self.pid);
      yield* registry(self, 'unregister_name', tup(r, 'free'));
      yield* sleep(50);
      expect(yield* registry(self, 'whereis_name', tup(r, 'free'))).toBeUndefined();
    }));

  it('dispatches to nobody where nobody is, and by a function’s name with further arguments', () => {
    const more = [
      {
        name: 'sink',
        functions: {
          'take/2': (self: Self, rows: Value, to: Value): Value => {
            if (to instanceof Pid) self.send(to, tup(a('rows'), rows));
            return atoms.ok;
          },
        },
      },
    ];
    scenario(
      function* (self) {
        const r = yield* startRegistry(self, 'r');
        const to = tup(a('sink'), a('take'), [self.pid]);
        expect(yield* registry(self, 'dispatch', r, 'key', to)).toBe(atoms.ok);
        yield* registry(self, 'register', r, 'key', 'value');
        expect(yield* registry(self, 'dispatch', r, 'key', to)).toBe(atoms.ok);
        expect(yield* nextText()).toBe('{rows,[{pid,"value"}]}');
        expect(yield* nextText(10)).toBe('timeout');
      },
      hordeCluster(undefined, { more }),
    );
  });

  it('stops as any supervisor does', () =>
    scenario(function* (self) {
      self.trapExit(true);
      yield* startRegistry(self, 'r');
      expect(yield* registry(self, 'stop', a('r.Supervisor'))).toBe(atoms.ok);
      expect(self.whereis(a('r'))).toBeNull();
    }));

  it('does not find who is behind a partition that nobody has noticed yet', () => {
    const cluster = hordeCluster([one, two], { netTicktimeMs: 8000 });
    scenario(function* (self) {
      yield* startRegistry(self, 'r', { members: [a('r'), tup(a('r'), a(two))] });
      const far = yield* self.apply('erpc', 'call', [
        a(two),
        a('Elixir.Horde.Registry'),
        a('init'),
        [keywords({ keys: a('unique') })],
      ]);
      expect(shown(far)).toMatch(/^\{ok,/);
      const holder = yield* self.spawnAt(two, 'Elixir.Host', 'host', [self.pid]);
      expect(holder).toBeInstanceOf(Pid);
      expect(yield* nextText()).toBe('{hosted,{ok,pid}}');
      yield* sleep(500);
      const [row] = [yield* registry(self, 'lookup', a('r'), 'far')];
      expect(shown(row)).toBe('[{pid,value}]');
      cluster.network.break({ is: 'partition', islands: [[one], [two]], mode: 'blackhole' });
      expect(self.nodes()).toEqual([two]);
      expect(shown(yield* registry(self, 'lookup', a('r'), 'far'))).toBe('[]');
      expect(self.nodes()).toEqual([]);
    }, hosting(cluster));
  });
});
/** Loads what starts a registry on another node, and holds a key there. */
function hosting(cluster: ReturnType<typeof hordeCluster>): ReturnType<typeof hordeCluster> {
  cluster.code.load({
    name: 'Elixir.Host',
    functions: {
      *'host/1'(self, parent): Flow<Value> {
        const members = [a('r'), tup(a('r'), a(one))];
        const options = { name: a('r'), keys: a('unique'), delta_crdt_options: quick(), members };
        const started = yield* registry(self, 'start_link', keywords(options));
        yield* hold(self, a('r'), 'far');
        if (parent instanceof Pid) self.send(parent, tup(a('hosted'), started));
        yield* sleep(1_000_000);
        return atoms.ok;
      },
    },
  });
  return cluster;
}

describe('DeltaCrdt by itself', () => {
  const start = function* (self: Self, options: { readonly [key: string]: Value }): Flow<Pid> {
    const given = keywords({ sync_interval: 20, ...options });
    return pidOf(yield* self.apply('Elixir.DeltaCrdt', 'start_link', [a('Elixir.DeltaCrdt.AWLWWMap'), given]));
  };
  const add = (key: Value, value: Value): Value => tup(a('operation'), tup(a('add'), [key, value]));
  const read = function* (self: Self, crdt: Pid): Flow<string> {
    const map = yield* call(self, crdt, a('read'));
    return map instanceof Map ? shown([...map].map(([key, value]) => tup(key, value))) : 'none';
  };

  it('is read whole or by keys, written by calls and casts, and tells its changes to a fun', () =>
    scenario(function* (self) {
      const tell = fun('test', 'tell', 1, (own, diffs) => {
        own.send(self.pid, tup(a('diffs'), diffs));
        return atoms.ok;
      });
      const crdt = yield* start(self, { on_diffs: tell });
      expect(yield* call(self, crdt, add('one', 1))).toBe(atoms.ok);
      cast(self, crdt, add('two', 2));
      cast(self, crdt, add('nothing', null));
      expect(yield* read(self, crdt)).toBe('[{"one",1},{"two",2},{"nothing",nil}]');
      const some = yield* call(self, crdt, tup(a('read'), ['two', 'three']));
      expect([...(some instanceof Map ? some : [])]).toEqual([['two', 2]]);
      yield* call(self, crdt, tup(a('operation'), tup(a('remove'), ['one'])));
      yield* call(self, crdt, tup(a('operation'), tup(a('remove'), ['never'])));
      const seen = [yield* nextText(), yield* nextText(), yield* nextText(), yield* nextText(), yield* nextText(50)];
      expect(seen).toEqual([
        '{diffs,[{add,"one",1}]}',
        '{diffs,[{add,"two",2}]}',
        '{diffs,[{remove,"nothing"}]}',
        '{diffs,[{remove,"one"}]}',
        'timeout',
      ]);
    }));

  it('sends its neighbours no more at once than it may, and nothing when they are its neighbours no longer', () =>
    scenario(function* (self) {
      const [from, to] = [yield* start(self, { max_sync_size: 1, sync_interval: 'soon' }), yield* start(self, {})];
      for (const key of ['a', 'b', 'c']) yield* call(self, from, add(key, 1));
      self.send(from, tup(a('set_neighbours'), [to, 'no neighbour', tup(a('nobody'), 7)]));
      yield* sleep(100);
      expect(yield* read(self, to)).toBe('[{"a",1}]');
      // Taken from its neighbours, it is sent nothing any more.
      self.send(from, tup(a('set_neighbours'), []));
      yield* call(self, from, add('d', 1));
      yield* sleep(2000);
      expect(yield* read(self, to)).not.toContain('"d"');
    }));

  it('goes on when a neighbour has ended, or is none yet', () =>
    scenario(function* (self) {
      self.trapExit(true);
      const [crdt, other] = [yield* start(self, {}), yield* start(self, {})];
      self.send(crdt, tup(a('set_neighbours'), [other, a('later'), crdt]));
      yield* sleep(50);
      self.sendExit(other, atoms.kill);
      yield* call(self, crdt, add('a', 1));
      const late = yield* start(self, { name: a('later') });
      yield* sleep(100);
      expect(yield* read(self, late)).toBe('[{"a",1}]');
      expect(self.isAlive(crdt)).toBe(true);
    }));
});

it('a member that left is asked for nothing', () =>
  scenario(function* (self) {
    for (const name of ['h1', 'h2']) yield* startSupervisor(self, name);
    yield* setMembers(self, 'h1', ['h1', 'h2']);
    yield* sleep(100);
    const telemetry = yield* call(self, a('h1'), a('get_telemetry'));
    expect(telemetry).toEqual({ global_supervised_process_count: 0, local_supervised_process_count: 0 });
    expect(shown(yield* call(self, a('h1'), tup(a('terminate_child'), a('nobody'))))).toBe('{error,not_found}');
    const listed = yield* supervisor(self, 'which_children', a('h1'));
    expect(isList(listed) && listed.length).toBe(0);
    expect(yield* supervisor(self, 'wait_for_quorum', a('h1'), atoms.infinity)).toBe(atoms.ok);
    expect(yield* self.apply('Elixir.Horde.Cluster', 'set_members', [a('h1'), [a('h1')], 100])).toBe(atoms.ok);
    expect(yield* self.apply('Elixir.Horde.Cluster', 'set_members', [a('h1'), [a('h1')], atoms.infinity])).toBe(
      atoms.ok,
    );
    expect(shown(yield* self.apply('Elixir.Horde.Cluster', 'members', [tup(a('h1'), a(one))]))).toBe('[{h1,one@sim}]');
  }));
