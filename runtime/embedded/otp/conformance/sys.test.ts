/** OTP's sys_SUITE: log, statistics, trace, installed functions, suspension, and special processes. */
import { describe, expect, it } from 'vitest';
import type { Value } from '../../../term/values.ts';
import { a, Pid, tup } from '../../../term/values.ts';
import { ThrownValue } from '../../kernel/exceptions.ts';
import type { Flow } from '../../kernel/flow.ts';
import { receive, timedOut } from '../../kernel/flow.ts';
import { fun } from '../../kernel/localFun.ts';
import type { CodeModule } from '../../kernel/module.ts';
import type { Self } from '../../kernel/self.ts';
import { asValue, atoms, elementsOf, isList, tagged } from '../../kernel/values.ts';
import { testModule } from '../../testKit.ts';
import * as sys from '../sys.ts';
import type { Suite } from './genKit.ts';
import { calls, e, exits, genServer, inCase, next, nextLike, pidOf, property, shown, suite } from './genKit.ts';

const name = a('sys_SUITE_server');

/** The suite's server: a request `{req, N}` is answered by `{ok, -N}`. */
const suiteModule = testModule('sys_SUITE', {
  'init/1': () => e('{ok,0}'),
  'handle_call/3'(_self, request, _from, state) {
    const asked = tagged(request, a('req'), 2);
    if (asked === null) return tup(a('stop'), atoms.normal, atoms.ok, state);
    return tup(a('reply'), tup(atoms.ok, -Number(asked[1])), Number(state) + 1);
  },
  'terminate/2': () => atoms.ok,
});

/**
 * A special process of module `own` that hands out numbers: `alloc`, `{free, N}`. Its state is `{Allocated, Free}`, or, where it has
 * functions for it (`sys_sp1`), `{state, Allocated, Free}` held beside other things.
 */
function special(own: string, hasStateFunctions: boolean): CodeModule {
  const print = fun(own, 'write_debug', 3, (_self, _device, event, of) => `${shown(of)} event = ${shown(event)}\n`);
  const listOf = (value: unknown): readonly Value[] => (isList(value) ? value.map(asValue) : []);
  const loop = function* (self: Self, parent: Value, debug: Value, state: Value): Flow<Value> {
    const message = yield* receive();
    if (message === timedOut) return null;
    const system = tagged(message, a('system'), 3);
    if (system !== null) {
      const args = [asValue(system[2]), asValue(system[1]), parent, a(own), debug, state];
      return yield* self.apply('sys', 'handle_system_msg', args);
    }
    const note = (event: Value, options: Value): Flow<Value> =>
      self.apply('sys', 'handle_debug', [options, print, a(own), event]);
    const [asker, request] = (elementsOf(message) ?? []).map(asValue);
    const noted = yield* note(tup(a('in'), request), debug);
    const [allocated, free] = (elementsOf(state) ?? []).map(listOf);
    if (request === a('alloc')) {
      const [first, ...left] = free ?? [];
      const answer = tup(a(own), first);
      if (asker instanceof Pid) self.send(asker, answer);
      const said = yield* note(tup(a('out'), answer, asker), noted);
      return yield* loop(self, parent, said, tup([first, ...(allocated ?? [])], left));
    }
    const freed = asValue(elementsOf(request)?.[1]);
    const kept = (allocated ?? []).filter((one) => one !== freed);
    return yield* loop(
      self,
      parent,
      noted,
      tup(
        kept,
        [freed, ...(free ?? [])].sort((one, two) => Number(one) - Number(two)),
      ),
    );
  };
  const wrapped = (state: Value): Value => {
    const elements = elementsOf(state);
    if (elements?.length !== 2) throw new ThrownValue(a('fail'));
    return tup(a('state'), asValue(elements[0]), asValue(elements[1]));
  };
  return testModule(own, {
    *'init/2'(self, parent, count): Flow<Value> {
      self.register(a(own), self.pid);
      const debug = yield* self.apply('sys', 'debug_options', [[]]);
      yield* self.apply('proc_lib', 'init_ack', [parent, tup(atoms.ok, self.pid)]);
      const free = Array.from({ length: Number(count) }, (_, at) => at + 1);
      return yield* loop(self, parent, debug, tup([], free));
    },
    'system_continue/3': (self, parent, debug, state) => loop(self, parent, debug, state),
    'system_terminate/4': (self, reason) => self.exit(reason),
    ...(hasStateFunctions && {
      'system_get_state/1': (_self: Self, state: Value) => tup(atoms.ok, wrapped(state)),
      *'system_replace_state/2'(self: Self, change: Value, state: Value): Flow<Value> {
        const replaced = yield* self.apply('test_fun', 'call', [change, wrapped(state)]);
        const elements = elementsOf(replaced);
        if (elements?.length === 3) return tup(atoms.ok, replaced, tup(asValue(elements[1]), asValue(elements[2])));
        if (isList(replaced) && replaced.length === 0) return tup(atoms.ok, replaced, replaced);
        throw new ThrownValue(a('fail'));
      },
    }),
  });
}

const modules: readonly CodeModule[] = [
  suiteModule,
  special('sys_sp1', true),
  special('sys_sp2', false),
  testModule('test_fun', {
    'call/2'(self, called, argument) {
      if (typeof called !== 'object' || called === null || !('body' in called)) return self.error(atoms.badarg);
      const body: unknown = called.body;
      return typeof body === 'function' ? asValue(body(self, argument)) : null;
    },
  }),
];
const server = (): Suite => suite(modules);

function* start(self: Self): Flow<Pid> {
  const outcome = yield* genServer(self, 'start_link', e('{local,sys_SUITE_server}'), a('sys_SUITE'), [], []);
  return pidOf(outcome);
}
function ask(self: Self, value: number): Flow<string> {
  return exits(genServer(self, 'call', name, tup(a('req'), value), 1000));
}
function printed(run: Suite): readonly string[] {
  return run.take().flatMap(({ kind, report }) => (kind === 'output' && typeof report === 'string' ? [report] : []));
}

describe('debugging', () => {
  // @otp sys_SUITE:log sys_SUITE:trace
  it('logs the last events and prints them, or each as it happens', () => {
    const run = server();
    inCase(run, function* (self) {
      yield* start(self);
      expect(shown(yield* sys.debug(self, name, 'log', true))).toBe('ok');
      expect(yield* ask(self, 44)).toBe('{ok,-44}');
      const events = shown(yield* sys.debug(self, name, 'log', a('get')));
      expect(events).toMatch(
        /^\{ok,\[\{in,\{\$gen_call,\{pid,.*\},\{req,44\}\}\},\{out,\{ok,-44\},\{pid,.*\},1\}\]\}$/,
      );
      yield* sys.debug(self, name, 'log', a('print'));
      const lines = [
        /^\*DBG\* sys_SUITE_server got call \{req,44\} from /,
        /^\*DBG\* sys_SUITE_server sent \{ok,-44\} to /,
      ] as const;
      const said = printed(run);
      expect(said).toHaveLength(2);
      for (const [at, line] of lines.entries()) expect(said[at]).toMatch(line);
      expect(shown(yield* sys.debug(self, name, 'log', false))).toBe('ok');
      expect(shown(yield* sys.debug(self, name, 'log', a('print')))).toBe('ok');
      expect(printed(run)).toEqual([]);

      yield* sys.debug(self, name, 'trace', true);
      expect(yield* ask(self, 44)).toBe('{ok,-44}');
      const traced = printed(run);
      expect(traced).toHaveLength(2);
      for (const [at, line] of lines.entries()) expect(traced[at]).toMatch(line);
      yield* sys.debug(self, name, 'trace', false);
      expect(yield* ask(self, 44)).toBe('{ok,-44}');
      expect(printed(run)).toEqual([]);
    });
  });

  it('keeps no more events than asked, ten unless said, also from the start on', () => {
    inCase(server(), function* (self) {
      yield* start(self);
      for (const [flag, most] of [
        [true, 10],
        [tup(true, 3), 3],
      ] as const) {
        yield* sys.debug(self, name, 'log', flag);
        for (let at = 0; at < 20; at += 1) yield* ask(self, at);
        const events = asValue(elementsOf(yield* sys.debug(self, name, 'log', a('get')))?.[1]);
        expect(isList(events) && events.length).toBe(most);
        yield* sys.debug(self, name, 'log', false);
      }
      const started = yield* genServer(self, 'start', a('sys_SUITE'), [], e('[{debug,[log,statistics]}]'));
      const pid = pidOf(started);
      yield* genServer(self, 'call', pid, e('{req,1}'));
      expect(shown(yield* sys.debug(self, pid, 'log', a('get')))).toMatch(/^\{ok,\[\{in,/);
      expect(shown(yield* sys.debug(self, pid, 'statistics', a('get')))).toContain('{messages_in,1}');
      expect(shown(yield* sys.debug(self, pid, 'log', a('nonsense')))).toBe('unknown_debug');
      expect(shown(yield* sys.debug(self, pid, 'log_to_file', 'name'))).toBe('{error,open_file}');
    });
  });

  // @otp sys_SUITE:stats
  it('counts messages in and out', () => {
    inCase(server(), function* (self) {
      yield* start(self);
      expect(shown(yield* sys.debug(self, name, 'statistics', true))).toBe('ok');
      expect(yield* ask(self, 44)).toBe('{ok,-44}');
      const figures = asValue(elementsOf(yield* sys.debug(self, name, 'statistics', a('get')))?.[1]);
      expect(property(figures, 'messages_in')).toBe(1);
      expect(property(figures, 'messages_out')).toBe(1);
      expect(shown(property(figures, 'start_time'))).toMatch(/^\{\{1970,1,1\},\{0,0,\d+\}\}$/);
      expect(Number(property(figures, 'reductions'))).toBeGreaterThan(0);
      yield* sys.debug(self, name, 'statistics', false);
      const status = yield* sys.getStatus(self, name);
      const items = asValue(elementsOf(status)?.[3]);
      expect(isList(items) && [items[1], items[2]]).toEqual([a('running'), self.pid]);
      expect(shown(yield* sys.debug(self, name, 'statistics', a('get')))).toBe('{ok,no_statistics}');
    });
  });

  // @otp sys_SUITE:install
  it('calls the functions installed, each id once, until they are removed', () => {
    inCase(server(), function* (self) {
      yield* start(self);
      const master = self.pid;
      const spy = fun('sys_SUITE', 'spy', 3, (own, state, event, of) => {
        const request = tagged(tagged(tagged(event, a('in'), 2)?.[1], a('$gen_call'), 3)?.[2], a('req'), 2);
        if (request !== null) own.send(master, tup(a('spy_got'), tup(a('request'), asValue(request[1])), of));
        return state;
      });
      const install = (...what: readonly Value[]): Flow<Value> => sys.debug(self, name, 'install', tup(...what));
      const got = function* (): Flow<readonly string[]> {
        const seen: string[] = [];
        for (let message = yield* next(1); message !== 'timeout'; message = yield* next(1)) seen.push(message);
        return seen;
      };
      const spied = (value: number): string => `{spy_got,{request,${value}},sys_SUITE_server}`;
      yield* install(spy, a('func_state'));
      yield* ask(self, 1);
      yield* sys.noDebug(self, name);
      yield* ask(self, 2);
      yield* install(spy, a('func_state'));
      yield* install(spy, a('func_state'));
      yield* ask(self, 3);
      yield* ask(self, 4);
      yield* sys.debug(self, name, 'remove', spy);
      yield* ask(self, 5);
      expect(yield* got()).toEqual([spied(1), spied(3), spied(4)]);

      yield* install(a('id1'), spy, a('func_state'));
      yield* install(a('id1'), spy, a('func_state'));
      yield* install(a('id2'), spy, a('func_state'));
      yield* ask(self, 1);
      expect(yield* got()).toEqual([spied(1), spied(1)]);
      yield* sys.debug(self, name, 'remove', a('id1'));
      yield* ask(self, 1);
      expect(yield* got()).toEqual([spied(1)]);
      yield* sys.noDebug(self, name);
      yield* ask(self, 1);
      expect(yield* got()).toEqual([]);

      // One that says it is done, or fails, is taken out.
      for (const last of [() => a('done'), (): Value => raise(new Error('bug'))]) {
        yield* install(fun('sys_SUITE', 'last', 3, last), 0);
        yield* ask(self, 1);
        const status = shown(yield* sys.getStatus(self, name));
        expect(status).toMatch(/,running,pid,\[\],/);
      }
    });
  });
});

function raise(thrown: Error): never {
  throw thrown;
}

// @otp sys_SUITE:suspend
it('a suspended process answers no calls, and system messages only; twice is no error', () => {
  inCase(server(), function* (self) {
    yield* start(self);
    const mode = function* (): Flow<Value> {
      const items = asValue(elementsOf(yield* sys.getStatus(self, name))?.[3]);
      return isList(items) ? asValue(items[1]) : null;
    };
    for (let times = 0; times < 2; times += 1) {
      yield* sys.suspend(self, name, 1000);
      expect(yield* ask(self, 48)).toMatch(/^\{EXIT,\{timeout,/);
      expect(yield* mode()).toBe(a('suspended'));
    }
    for (let times = 0; times < 2; times += 1) {
      yield* sys.resume(self, name);
      expect(yield* mode()).toBe(a('running'));
      expect(yield* ask(self, 48)).toBe('{ok,-48}');
    }
    expect(yield* exits(sys.suspend(self, a('nobody')))).toBe('{EXIT,{noproc,{sys,suspend,[nobody]}}}');
    expect(yield* exits(sys.resume(self, a('nobody'), 10))).toBe('{EXIT,{noproc,{sys,resume,[nobody,10]}}}');
  });
});

// @otp sys_SUITE:special_process
it.each(['sys_sp1', 'sys_sp2'])('the special process %s obeys, by its own functions or without them', (own) => {
  inCase(server(), function* (self) {
    const module = a(own);
    const startOwn = (count: number): Flow<Value> =>
      calls('proc_lib')(self, 'start_link', module, a('init'), [self.pid, count]);
    const terminated = function* (): Flow<void> {
      const ref = self.monitor(module);
      expect(shown(yield* sys.terminate(self, module, atoms.normal))).toBe('ok');
      expect(shown(yield* nextLike(atoms.down, ref))).toMatch(/,normal\}$/);
      expect(self.whereis(module)).toBe(null);
    };
    self.trapExit(true);
    const tagOf = own === 'sys_sp1' ? 'state,' : '';
    expect(shown(yield* startOwn(10))).toBe('{ok,pid}');
    expect(shown(yield* sys.debug(self, module, 'statistics', true))).toBe('ok');
    expect(shown(yield* sys.debug(self, module, 'trace', true))).toBe('ok');
    self.send(module, tup(self.pid, a('alloc')));
    expect(yield* next()).toBe(`{${own},1}`);
    expect(shown(yield* sys.getState(self, module))).toBe(`{${tagOf}[1],[2,3,4,5,6,7,8,9,10]}`);
    const fewer = fun('sys_SUITE', 'fewer', 1, (_self, state) => {
      const kept = (elementsOf(state) ?? []).slice(0, -1).map(asValue);
      return tup(...kept, [2, 3, 4]);
    });
    expect(shown(yield* sys.replaceState(self, module, fewer))).toBe(`{${tagOf}[1],[2,3,4]}`);
    self.send(module, tup(self.pid, tup(a('free'), 1)));
    expect(shown(yield* sys.getState(self, module))).toBe(`{${tagOf}[],[1,2,3,4]}`);
    const figures = asValue(elementsOf(yield* sys.debug(self, module, 'statistics', a('get')))?.[1]);
    expect([property(figures, 'messages_in'), property(figures, 'messages_out')]).toEqual([2, 1]);
    yield* sys.debug(self, module, 'statistics', false);
    expect(
      yield* sys.replaceState(
        self,
        module,
        fun('sys_SUITE', 'empty', 1, () => []),
      ),
    ).toEqual([]);
    expect(yield* exits(sys.getState(self, module))).toBe(
      own === 'sys_sp1' ? '{EXIT,{{callback_failed,{sys_sp1,system_get_state},{throw,fail}},[]}}' : '[]',
    );
    yield* terminated();

    yield* startOwn(4);
    const bad = fun('sys_SUITE', 'bad', 1, () => tup());
    expect(yield* exits(sys.replaceState(self, module, bad))).toBe(
      own === 'sys_sp1' ? '{EXIT,{{callback_failed,{sys_sp1,system_replace_state},{throw,fail}},[]}}' : '{}',
    );
    yield* terminated();

    yield* startOwn(4);
    const failing = fun('sys_SUITE', 'failing', 1, (other) => other.error(a('fail')));
    expect(yield* exits(sys.replaceState(self, module, failing))).toMatch(
      own === 'sys_sp1'
        ? '{EXIT,{{callback_failed,{sys_sp1,system_replace_state},{error,fail}},[]}}'
        : /^\{EXIT,\{\{callback_failed,.*,\{error,fail\}\},\[\]\}\}$/,
    );
    yield* terminated();
  });
});
