/** The callback modules of OTP's gen_server_SUITE: the suite's own, `oc_server` with init only, and `format_status_server`. */
import type { Value } from '../../../term/values.ts';
import { a, Pid, tup } from '../../../term/values.ts';
import { ErrorException } from '../../kernel/exceptions.ts';
import type { Flow } from '../../kernel/flow.ts';
import { sleep } from '../../kernel/flow.ts';
import { applyFun, LocalFun } from '../../kernel/localFun.ts';
import type { CodeModule } from '../../kernel/module.ts';
import type { Self } from '../../kernel/self.ts';
import { asValue, atoms, elementsOf, tagged } from '../../kernel/values.ts';
import { testModule } from '../../testKit.ts';
import { fromOf, reply as sendReply } from '../gen.ts';
import { e, mapOf, nameOf, nextLike, pidOf } from './genKit.ts';

const hibernate = a('hibernate');
const noreply = (state: Value, ...then: readonly Value[]): Value => tup(a('noreply'), state, ...then);
const reply = (value: Value, state: Value, ...then: readonly Value[]): Value => tup(a('reply'), value, state, ...then);
const continued = (...what: readonly Value[]): Value => tup(a('continue'), tup(...what));
const functionClause = (): never => {
  throw new ErrorException(a('function_clause'));
};
function say(self: Self, to: Value, ...what: readonly Value[]): void {
  if (to instanceof Pid) self.send(to, tup(...what));
}

function* init(self: Self, argument: Value): Flow<Value> {
  if (argument === atoms.ignore) return atoms.ignore;
  if (argument === a('stop')) return e('{stop,stopped}');
  if (argument === hibernate) return tup(atoms.ok, [], hibernate);
  if (argument === a('sleep')) {
    yield* sleep(1000);
    return e('{ok,[]}');
  }
  const [tag, value] = (elementsOf(argument) ?? []).map(asValue);
  if (tag === a('continue')) {
    self.send(self.pid, tup(a('after_continue'), value));
    return tup(atoms.ok, [], continued(a('message'), value));
  }
  if (tag === a('state')) return tup(atoms.ok, value);
  return e('{ok,[]}');
}

function* handleCall(self: Self, request: Value, from: Value, state: Value): Flow<Value> {
  const [tag, first, second] = (elementsOf(request) ?? [request]).map(asValue);
  switch (tag) {
    case a('started_p'):
      return reply(atoms.ok, state);
    case a('ping'):
      return reply(a('pong'), state);
    case a('delayed_answer'):
      // The state goes along, so that format_all_status can look into it.
      return noreply(tup(a('reply_to'), from, state), first);
    case a('call_within'):
      return reply(atoms.ok, a('call_within'), first);
    case a('next_call'):
      return state === a('call_within') ? reply(atoms.ok, []) : reply(false, state);
    case a('badreturn'):
      return a('badreturn');
    case hibernate:
      return reply(true, [], hibernate);
    case a('hibernate_noreply'):
      if (first instanceof Pid) self.send(first, a('go'));
      return noreply(from, hibernate);
    case a('stop'):
      return tup(a('stop'), a('stopped'), atoms.ok, state);
    case a('crash'):
      return self.exit(a('crashed'));
    case a('exit_shutdown'):
      return self.exit(atoms.shutdown);
    case a('stop_shutdown'):
      return tup(a('stop'), atoms.shutdown, state);
    case a('shutdown_reason'):
      return self.exit(e('{shutdown,reason}'));
    case a('stop_shutdown_reason'):
      return tup(a('stop'), e('{shutdown,stop_reason}'), state);
    case a('call_undef_fun'):
      yield* self.apply(nameOf(first), nameOf(second), []);
      return reply(atoms.ok, state);
    case a('continue_reply'):
      self.send(self.pid, tup(a('after_continue'), first));
      return reply(atoms.ok, state, continued(a('message'), first));
    case a('continue_noreply'):
      self.send(self.pid, tup(a('after_continue'), first));
      return noreply(state, continued(a('message'), first, from));
    default:
      return functionClause();
  }
}

function* handleCast(self: Self, message: Value, state: Value): Flow<Value> {
  const [from, what, ms] = (elementsOf(message) ?? [message]).map(asValue);
  if (from === a('hibernate_now')) return noreply([], hibernate);
  if (from === a('hibernate_later')) {
    self.sendAfter(1000, self.pid, a('hibernate_now'));
    return noreply([]);
  }
  if (from === a('call_undef_fun')) {
    yield* self.apply(nameOf(what), nameOf(ms), []);
    return noreply(state);
  }
  if (from === a('continue_noreply')) {
    self.send(self.pid, tup(a('after_continue'), what));
    return noreply(state, continued(a('message'), what));
  }
  switch (what) {
    case a('handle_cast'):
      say(self, from, self.pid, a('handled_cast'));
      return noreply(state);
    case a('delayed_cast'):
      return noreply(tup(a('delayed_cast'), from), ms);
    case a('stop'):
      return tup(a('stop'), tup(from, a('stopped')), state);
    default:
      return functionClause();
  }
}

function* handleInfo(self: Self, message: Value, state: Value): Flow<Value> {
  const [held, whom, before] = (elementsOf(state) ?? [state]).map(asValue);
  if (message === atoms.timeout) {
    switch (held) {
      case a('reply_to'): {
        const from = fromOf(whom);
        if (from !== null) sendReply(self, from, a('delayed'));
        return noreply(before);
      }
      case a('hibernate_me'):
        return noreply([], hibernate);
      case a('call_within'):
        return noreply([]);
      case a('delayed_cast'):
        say(self, whom, self.pid, a('delayed'));
        return noreply([]);
      case a('delayed_info'):
        say(self, whom, self.pid, a('delayed_info'));
        return noreply([]);
      default:
        break;
    }
  }
  if (message === a('hibernate_now')) return noreply([], hibernate);
  if (message === a('hibernate_later')) return noreply(a('hibernate_me'), 1000);
  if (message === a('continue')) {
    const from = fromOf(state);
    if (from !== null) sendReply(self, from, true);
    return noreply([]);
  }
  if (message === a('continue_stop')) return noreply(state, tup(a('continue'), a('stop')));
  const [first, second, third] = (elementsOf(message) ?? [message]).map(asValue);
  switch (first) {
    case a('call_undef_fun'):
      yield* self.apply(nameOf(second), nameOf(third), []);
      return noreply(state);
    case a('after_continue'):
      say(self, second, self.pid, a('after_continue'));
      say(self, second, self.pid, a('ack'));
      return noreply(state);
    case a('continue_noreply'):
      self.send(self.pid, tup(a('after_continue'), second));
      return noreply(state, continued(a('message'), second));
    case a('continue_continue'):
      return noreply(state, continued(a('continue'), second));
    default:
      break;
  }
  switch (second) {
    case a('handle_info'):
      say(self, first, self.pid, a('handled_info'));
      return noreply([]);
    case a('delayed_info'):
      return noreply(tup(a('delayed_info'), first), third);
    case a('stop'):
      return tup(a('stop'), tup(first, a('stopped_info')), state);
    default:
      return noreply(state);
  }
}

function handleContinue(self: Self, what: Value, state: Value): Value {
  if (what === a('stop')) return tup(a('stop'), atoms.normal, state);
  const [tag, pid, client] = (elementsOf(what) ?? []).map(asValue);
  if (tag === a('continue')) {
    say(self, pid, self.pid, a('before_continue'));
    self.send(self.pid, tup(a('after_continue'), pid));
    return noreply(state, continued(a('message'), pid));
  }
  say(self, pid, self.pid, a('continue'));
  const from = client === undefined ? null : fromOf(client);
  if (from !== null) sendReply(self, from, atoms.ok);
  return noreply(state);
}

function* terminate(self: Self, reason: Value, state: Value): Flow<Value> {
  const [to, what] = (elementsOf(reason) ?? []).map(asValue);
  if (what === a('stopped') || what === a('stopped_info')) {
    say(self, to, self.pid, what);
    return atoms.ok;
  }
  if (state === a('crash_terminate')) return self.exit(e('{crash,terminate}'));
  const missing = elementsOf(tagged(state, a('undef_in_terminate'), 2)?.[1]);
  if (missing !== null) yield* self.apply(nameOf(missing[0]), nameOf(missing[1]), []);
  return atoms.ok;
}

function* codeChange(self: Self, _old: Value, state: Value): Flow<Value> {
  const held = elementsOf(tagged(tagged(state, a('new'), 2)?.[1], a('undef_in_code_change'), 2)?.[1]);
  if (held === null) return functionClause();
  yield* self.apply(nameOf(held[0]), nameOf(held[1]), []);
  return tup(atoms.ok, state);
}

/** `format_status/2` */
function* formatStatus2(self: Self, option: Value, args: Value): Flow<Value> {
  const state = Array.isArray(args) ? asValue(args[1]) : undefined;
  if (state instanceof LocalFun) return yield* applyFun(self, state, [{}]);
  if (option === a('terminate')) return tup(a('formatted'), state);
  return a('format_status_called');
}

/** `format_status/1` of format_status_server */
function* formatStatus1(self: Self, value: Value): Flow<Value> {
  const status = mapOf(value);
  const { state } = status;
  const inside = elementsOf(state)?.[2];
  const fun = state instanceof LocalFun ? state : inside instanceof LocalFun ? inside : null;
  if (fun !== null) return yield* applyFun(self, fun, [status]);
  if (Object.hasOwn(status, 'reason')) return { ...status, state: tup(a('formatted'), state) };
  return { ...status, state: a('format_status_called') };
}

/** `spec_init_*`: processes that prepare themselves and then enter the loop. */
function enters(scope: 'local' | 'global' | 'via' | null, last: readonly Value[]): CodeModule['functions'][string] {
  return function* (self, how, options): Flow<Value> {
    self.trapExit(true);
    const [said, name] = (elementsOf(how) ?? []).map(asValue);
    if (said === atoms.ok) {
      if (scope === 'local') self.register(a(nameOf(name)), self.pid);
      else if (scope === 'global') yield* self.apply('global', 'register_name', [name, self.pid]);
      else if (scope === 'via') yield* self.apply('dummy_via', 'register_name', [name, self.pid]);
    }
    yield* self.apply('proc_lib', 'init_ack', [tup(atoms.ok, self.pid)]);
    const own = scope === 'via' ? tup(a('via'), a('dummy_via'), name) : tup(a(scope ?? 'none'), name);
    const given = scope === null ? [] : [own];
    return yield* self.apply('gen_server', 'enter_loop', [a('gen_server_SUITE'), options, tup(), ...given, ...last]);
  };
}

const anonymous = (last: readonly Value[]): CodeModule['functions'][string] =>
  function* (self, options): Flow<Value> {
    self.trapExit(true);
    yield* self.apply('proc_lib', 'init_ack', [tup(atoms.ok, self.pid)]);
    return yield* self.apply('gen_server', 'enter_loop', [a('gen_server_SUITE'), options, tup(), ...last]);
  };

const callbacks: CodeModule['functions'] = {
  'init/1': init,
  'handle_call/3': handleCall,
  'handle_cast/2': handleCast,
  'handle_info/2': handleInfo,
  'handle_continue/2': handleContinue,
  'terminate/2': terminate,
  'code_change/3': codeChange,
};

export const serverSuiteModules: readonly CodeModule[] = [
  testModule('gen_server_SUITE', {
    ...callbacks,
    'format_status/2': formatStatus2,
    'spec_init_local/2': enters('local', [atoms.infinity]),
    'spec_init_global/2': enters('global', [atoms.infinity]),
    'spec_init_via/2': enters('via', [atoms.infinity]),
    'spec_init_default_timeout/2': enters('local', []),
    'spec_init_global_default_timeout/2': enters('global', []),
    'spec_init_anonymous/1': anonymous([atoms.infinity]),
    'spec_init_anonymous_default_timeout/1': anonymous([]),
    'spec_init_not_proc_lib/1': (self, options) =>
      self.apply('gen_server', 'enter_loop', [a('gen_server_SUITE'), options, tup(), atoms.infinity]),
  }),
  testModule('format_status_server', { ...callbacks, 'format_status/1': formatStatus1 }),
  testModule('oc_server', {
    'init/1': (_self, argument) => (argument === a('continue') ? e('{ok,{},{continue,next}}') : e('{ok,{}}')),
  }),
  testModule('oc_init_server', {}),
  testModule('test_rpc', {
    *'call/4'(self, caller, module, name, args): Flow<Value> {
      const answer = yield* self.apply(nameOf(module), nameOf(name), Array.isArray(args) ? args.map(asValue) : []);
      say(self, caller, a('rpc_answer'), answer);
      return answer;
    },
  }),
];

/** `rpc:call(Node, gen_server, start, Args)` */
export function* startFar(self: Self, node: string, args: readonly Value[]): Flow<Pid> {
  const runner = yield* self.spawnAt(node, 'test_rpc', 'call', [self.pid, a('gen_server'), a('start'), args]);
  if (!(runner instanceof Pid)) throw new Error('no process on the other node');
  return pidOf(asValue(elementsOf(yield* nextLike(a('rpc_answer')))?.[1]));
}
