/** OTP's gen_server_SUITE: starting, stopping, special processes, and callbacks that are not there. */
import { describe, expect, it } from 'vitest';
import type { Pid, Value } from '../../../term/values.ts';
import { a, tup } from '../../../term/values.ts';
import type { Flow } from '../../kernel/flow.ts';
import { sleep } from '../../kernel/flow.ts';
import { fun } from '../../kernel/localFun.ts';
import type { Self } from '../../kernel/self.ts';
import { atoms } from '../../kernel/values.ts';
import { changeCode, replaceState, resume, suspend } from '../sys.ts';
import { calls, e, exits, genServer, inCase, isAlive, next, nextLike, pidOf, shown, suite } from './genKit.ts';
import { serverSuiteModules, startFar } from './genServerKit.ts';

const own = a('gen_server_SUITE');
const server = (nodes?: readonly string[]): ReturnType<typeof suite> => suite(serverSuiteModules, nodes);
const procLib = calls('proc_lib');

function start(self: Self, argument = '[]', options = '[]'): Flow<Value> {
  return genServer(self, 'start', own, e(argument), e(options));
}
function* startedAs(self: Self, name: string, how = 'start'): Flow<Value> {
  return yield* genServer(self, how, e(name), own, [], []);
}

describe('start', () => {
  // @otp gen_server_SUITE:start
  it('anonymous, under local, global and via names, linked or not', () => {
    const run = server();
    inCase(run, function* (self) {
      self.trapExit(true);
      const pid = pidOf(yield* start(self));
      expect(shown(yield* genServer(self, 'call', pid, a('started_p')))).toBe('ok');
      expect(shown(yield* genServer(self, 'call', pid, a('stop')))).toBe('ok');
      expect(isAlive(run, pid)).toBe(false);
      expect(yield* exits(genServer(self, 'call', pid, a('started_p'), 1))).toMatch(/^\{EXIT,\{noproc,/);

      const timely = pidOf(yield* start(self, '[]', '[{timeout,1000}]'));
      yield* genServer(self, 'call', timely, a('stop'));
      expect(shown(yield* start(self, 'sleep', '[{timeout,100}]'))).toBe('{error,timeout}');
      expect(shown(yield* start(self, 'ignore'))).toBe('ignore');
      expect(shown(yield* start(self, 'stop'))).toBe('{error,stopped}');

      const linked = pidOf(yield* genServer(self, 'start_link', own, [], []));
      yield* genServer(self, 'call', linked, a('stop'));
      expect(shown(yield* nextLike(atoms.exit, linked))).toBe('{EXIT,pid,stopped}');

      for (const [given, called] of [
        ['{local,my_test_name}', 'my_test_name'],
        ['{global,my_test_name}', '{global,my_test_name}'],
        ['{via,dummy_via,my_test_name}', '{via,dummy_via,my_test_name}'],
      ] as const) {
        for (const how of ['start', 'start_link']) {
          const holder = pidOf(yield* startedAs(self, given, how));
          expect(shown(yield* genServer(self, 'call', e(called), a('started_p')))).toBe('ok');
          expect(yield* startedAs(self, given)).toEqual(tup(atoms.error, tup(a('already_started'), holder)));
          expect(shown(yield* genServer(self, 'call', e(called), a('stop')))).toBe('ok');
          if (how === 'start_link') expect(shown(yield* nextLike(atoms.exit, holder))).toBe('{EXIT,pid,stopped}');
          yield* sleep(10);
          expect(yield* exits(genServer(self, 'call', holder, a('started_p'), 10))).toMatch(/^\{EXIT,\{noproc,/);
        }
      }
      expect(yield* next(1)).toBe('timeout');
    });
  });

  it('monitored answers the monitor; one that fails leaves no DOWN', () => {
    const run = server();
    inCase(run, function* (self) {
      expect(shown(yield* genServer(self, 'start_monitor', own, [], []))).toBe('{ok,{pid,ref}}');
      expect(shown(yield* genServer(self, 'start_monitor', own, a('stop'), []))).toBe('{error,stopped}');
      expect(yield* next(50)).toBe('timeout');
    });
  });
});

describe('stop', () => {
  // @otp gen_server_SUITE:stop1 gen_server_SUITE:stop2 gen_server_SUITE:stop3
  it('by pid, with any reason; a time-out that is none is an error and stops nothing', () => {
    const run = server();
    inCase(run, function* (self) {
      const pid = pidOf(yield* start(self));
      expect(shown(yield* genServer(self, 'stop', pid))).toBe('ok');
      expect(isAlive(run, pid)).toBe(false);
      expect(yield* exits(genServer(self, 'stop', pid))).toBe('{EXIT,noproc}');

      const other = pidOf(yield* start(self));
      expect(shown(yield* genServer(self, 'stop', other, a('other_reason'), atoms.infinity))).toBe('ok');
      expect(isAlive(run, other)).toBe(false);

      const third = pidOf(yield* start(self));
      const bad = yield* exits(genServer(self, 'stop', third, a('other_reason'), a('invalid_timeout')));
      expect(bad).toMatch(/^\{EXIT,/);
      expect(isAlive(run, third)).toBe(true);
      expect(shown(yield* genServer(self, 'stop', third))).toBe('ok');
      expect(isAlive(run, third)).toBe(false);
    });
  });

  // @otp gen_server_SUITE:stop4 gen_server_SUITE:stop5 gen_server_SUITE:stop6 gen_server_SUITE:stop7
  it.each([
    ['a name here', '{local,to_stop}', 'to_stop'],
    ['a name on this node', '{local,to_stop}', "{to_stop,'one@sim'}"],
    ['a global name', '{global,to_stop}', '{global,to_stop}'],
    ['a via name', '{via,dummy_via,to_stop}', '{via,dummy_via,to_stop}'],
  ])('by %s', (_what, given, called) => {
    const run = server();
    inCase(run, function* (self) {
      const pid = pidOf(yield* startedAs(self, given));
      expect(shown(yield* genServer(self, 'stop', e(called)))).toBe('ok');
      expect(isAlive(run, pid)).toBe(false);
      expect(yield* exits(genServer(self, 'stop', e(called)))).toBe('{EXIT,noproc}');
    });
  });

  // @otp gen_server_SUITE:stop8 gen_server_SUITE:stop9 gen_server_SUITE:stop10
  it.each<[string, readonly string[], string | null]>([
    ['by pid', [], null],
    ['by a name there', ['{local,to_stop}'], "{to_stop,'two@sim'}"],
    ['by a global name', ['{global,to_stop}'], '{global,to_stop}'],
  ])('on another node %s; afterwards, and when the node is down', (_what, given, called) => {
    const run = server(['one@sim', 'two@sim']);
    inCase(run, function* (self) {
      const far = yield* startFar(self, 'two@sim', [...given.map(e), own, [], []]);
      const target = called === null ? far : e(called);
      // What the name is known by has to travel.
      yield* sleep(1000);
      expect(shown(yield* genServer(self, 'stop', target))).toBe('ok');
      yield* sleep(100);
      expect(isAlive(run, far)).toBe(false);
      expect(yield* exits(genServer(self, 'stop', target))).toBe('{EXIT,noproc}');
      run.cluster.crashNode('two@sim');
      yield* sleep(100);
      const gone = yield* exits(genServer(self, 'stop', target));
      expect(gone).toMatch(
        given[0]?.startsWith('{global') === true ? /^\{EXIT,noproc\}$/ : /^\{EXIT,\{\{nodedown,two@sim\},/,
      );
    });
  });
});

describe('special processes', () => {
  function startSpecial(self: Self, name: string, args: Value): Flow<Value> {
    return procLib(self, 'start_link', own, a(name), args);
  }
  function* endsWith(pid: Pid): Flow<string> {
    return shown(yield* nextLike(atoms.exit, pid));
  }

  // @otp gen_server_SUITE:spec_init
  it('enter the loop when they are ready, under the name that they say they have', () => {
    inCase(server(), function* (self) {
      self.trapExit(true);
      for (const [name, args] of [
        ['spec_init_local', '[{ok,my_server},[]]'],
        ['spec_init_global', '[{ok,my_server},[]]'],
        ['spec_init_anonymous', '[[]]'],
        ['spec_init_anonymous_default_timeout', '[[]]'],
        ['spec_init_default_timeout', '[{ok,my_server},[]]'],
      ] as const) {
        const pid = pidOf(yield* startSpecial(self, name, e(args)));
        expect(shown(yield* genServer(self, 'call', pid, a('started_p')))).toBe('ok');
        expect(shown(yield* genServer(self, 'call', pid, a('stop')))).toBe('ok');
        expect(yield* endsWith(pid)).toBe('{EXIT,pid,stopped}');
        yield* sleep(50);
      }
      const unnamed = pidOf(yield* startSpecial(self, 'spec_init_local', e('[{not_ok,my_server},[]]')));
      expect(yield* endsWith(unnamed)).toBe('{EXIT,pid,process_not_registered}');
      const nowhere = pidOf(yield* startSpecial(self, 'spec_init_global', e('[{not_ok,my_server},[]]')));
      expect(yield* endsWith(nowhere)).toBe('{EXIT,pid,process_not_registered_globally}');
      const hurra = pidOf(yield* startSpecial(self, 'spec_init_global_default_timeout', e('[{ok,hurra},[]]')));
      yield* sleep(1000);
      expect(shown(yield* genServer(self, 'call', hurra, a('started_p')))).toBe('ok');
      const stranger = self.spawn('gen_server_SUITE', 'spec_init_not_proc_lib', [[]], { link: true });
      expect(yield* endsWith(stranger)).toBe('{EXIT,pid,process_was_not_started_by_proc_lib}');
    });
  });

  // @otp gen_server_SUITE:spec_init_local_registered_parent gen_server_SUITE:spec_init_global_registered_parent
  it.each(['local', 'global'])('run terminate when their parent has a %s name', (scope) => {
    inCase(server(), function* (self) {
      if (scope === 'local') self.register(a('foobar'), self.pid);
      else yield* self.apply('global', 'register_name', [a('foobar'), self.pid]);
      self.trapExit(true);
      const pid = pidOf(yield* startSpecial(self, `spec_init_${scope}`, e('[{ok,my_server},[]]')));
      expect(shown(yield* genServer(self, 'call', pid, a('started_p')))).toBe('ok');
      yield* genServer(self, 'cast', pid, tup(self.pid, a('stop')));
      expect(shown(yield* nextLike(pid))).toBe('{pid,stopped}');
    });
  });

  // @otp gen_server_SUITE:otp_5854
  it('do not get in under a name that another process has', () => {
    inCase(server(), function* (self) {
      self.trapExit(true);
      self.register(a('armitage'), self.pid);
      const local = pidOf(yield* startSpecial(self, 'spec_init_local', e('[{not_ok,armitage},[]]')));
      expect(yield* endsWith(local)).toBe('{EXIT,pid,process_not_registered}');
      self.unregister(a('armitage'));
      for (const [scope, module, reason] of [
        ['global', 'global', 'process_not_registered_globally'],
        ['via', 'dummy_via', '{process_not_registered_via,dummy_via}'],
      ] as const) {
        yield* self.apply(module, 'register_name', [a('armitage'), self.pid]);
        const taken = pidOf(yield* startSpecial(self, `spec_init_${scope}`, e('[{not_ok,armitage},[]]')));
        expect(yield* endsWith(taken)).toBe(`{EXIT,pid,${reason}}`);
        yield* self.apply(module, 'unregister_name', [a('armitage')]);
        const free = pidOf(yield* startSpecial(self, `spec_init_${scope}`, e('[{not_ok,armitage},[]]')));
        expect(yield* endsWith(free)).toBe(`{EXIT,pid,${reason}}`);
      }
    });
  });
});

describe('callbacks that are not there', () => {
  function* startBare(self: Self): Flow<Pid> {
    return pidOf(yield* genServer(self, 'start', a('oc_server'), [], []));
  }
  function* endOf(self: Self, pid: Pid, act: () => Flow<unknown>): Flow<string> {
    const ref = self.monitor(pid);
    yield* act();
    return shown(yield* nextLike(atoms.down, ref));
  }

  // @otp gen_server_SUITE:undef_terminate1 gen_server_SUITE:undef_terminate2
  it('terminate: it ends with the reason all the same', () => {
    inCase(server(), function* (self) {
      const pid = yield* startBare(self);
      expect(yield* endOf(self, pid, () => genServer(self, 'stop', pid))).toBe('{DOWN,ref,process,pid,normal}');
      const other = yield* startBare(self);
      const stopped = yield* endOf(self, other, () =>
        genServer(self, 'stop', other, e('{error,test}'), atoms.infinity),
      );
      expect(stopped).toBe('{DOWN,ref,process,pid,{error,test}}');
    });
  });

  // @otp gen_server_SUITE:undef_init
  it('init: the start fails with undef', () => {
    inCase(server(), function* (self) {
      const undef = '{undef,[{oc_init_server,init,[[]],[]}]}';
      expect(shown(yield* genServer(self, 'start', a('oc_init_server'), [], []))).toBe(`{error,${undef}}`);
      self.trapExit(true);
      expect(shown(yield* genServer(self, 'start_link', a('oc_init_server'), [], []))).toBe(`{error,${undef}}`);
      expect(yield* next()).toBe(`{EXIT,pid,${undef}}`);
    });
  });

  // @otp gen_server_SUITE:undef_handle_call gen_server_SUITE:undef_handle_cast gen_server_SUITE:undef_handle_continue
  it('handle_call, handle_cast, handle_continue: the server crashes', () => {
    inCase(server(), function* (self) {
      const called = yield* startBare(self);
      expect(yield* exits(genServer(self, 'call', called, a('call_msg')))).toMatch(
        /^\{EXIT,\{\{undef,\[\{oc_server,handle_call,\[call_msg,.*\],\[\]\}\]\},\{gen_server,call,\[pid,call_msg\]\}\}\}$/,
      );
      const told = yield* startBare(self);
      expect(yield* endOf(self, told, () => genServer(self, 'cast', told, a('cast_msg')))).toMatch(
        /\{undef,\[\{oc_server,handle_cast,\[cast_msg,\{\}\],\[\]\}\]\}\}$/,
      );
      yield* genServer(self, 'start_monitor', a('oc_server'), a('continue'), []);
      expect(yield* next()).toBe('{DOWN,ref,process,pid,{undef,[{oc_server,handle_continue,[next,{}],[]}]}}');
    });
  });

  // @otp gen_server_SUITE:undef_handle_info
  it('handle_info: it is logged, and the server goes on', () => {
    const run = server();
    inCase(run, function* (self) {
      const pid = yield* startBare(self);
      self.send(pid, a('hej'));
      yield* sleep(100);
      expect(isAlive(run, pid)).toBe(true);
      const [logged] = run.take();
      const said = shown(yield* genServer(self, 'format_log', logged?.report));
      expect(logged?.pid).toBe(pid);
      expect(said).toBe('{"** Undefined handle_info in ~p~n** Unhandled message: ~tp~n",[oc_server,hej]}');
    });
  });

  // @otp gen_server_SUITE:undef_code_change
  it('code_change: the upgrade fails, and the server goes on with the old code', () => {
    const run = server();
    inCase(run, function* (self) {
      const pid = yield* startBare(self);
      yield* suspend(self, pid);
      yield* replaceState(
        self,
        pid,
        fun('test', 'new', 1, (_own, state) => tup(a('new'), state)),
      );
      const outcome = yield* changeCode(self, pid, { module: own, oldVersion: a('old_vsn'), extra: [] });
      yield* resume(self, pid);
      expect(shown(outcome)).toBe('{error,{EXIT,{undef,[{oc_server,code_change,[old_vsn,{new,{}},[]],[]}]}}}');
      expect(isAlive(run, pid)).toBe(true);
    });
  });

  // @otp gen_server_SUITE:undef_in_terminate gen_server_SUITE:undef_in_handle_info
  it('what a callback calls itself is another matter: the server crashes', () => {
    inCase(server(), function* (self) {
      const state = '{state,{undef_in_terminate,{oc_server,terminate}}}';
      const pid = pidOf(yield* start(self, state));
      expect(yield* exits(genServer(self, 'stop', pid))).toBe('{EXIT,{undef,[{oc_server,terminate,[],[]}]}}');
      const other = pidOf(yield* start(self));
      const end = yield* endOf(self, other, function* () {
        self.send(other, e('{call_undef_fun,gen_server_SUITE,handle_info}'));
        yield* sleep(0);
      });
      expect(end).toBe('{DOWN,ref,process,pid,{undef,[{gen_server_SUITE,handle_info,[],[]}]}}');
    });
  });
});
