/**
 * Calls of OTP's functions, one by one, on the embedded runtime: `calls.txt` has them, `calls.erl` makes them on a real node, and each
 * has servers of its own beside it (`srv`, `machine`, `mgr`, `sup`, `dyn`).
 */
import fs from 'node:fs';
import path from 'node:path';
import type { Value } from '../../runtime/term/values.ts';
import { a, Atom, ImproperList, Pid, Ref, toValue, Tuple, tup } from '../../runtime/term/values.ts';
import { parseTerm } from '../../runtime/term/parse.ts';
import type { Cluster } from '../../runtime/embedded/cluster/cluster.ts';
import { ErrorException, ExitException, ThrownValue } from '../../runtime/embedded/kernel/exceptions.ts';
import type { Flow } from '../../runtime/embedded/kernel/flow.ts';
import { sleep } from '../../runtime/embedded/kernel/flow.ts';
import type { CodeModule } from '../../runtime/embedded/kernel/module.ts';
import type { Self } from '../../runtime/embedded/kernel/self.ts';
import { asValue, atoms, isList, itemsOf, partsOf, tagged } from '../../runtime/embedded/kernel/values.ts';
import { fieldsOf } from '../../runtime/embedded/otp/checkSpec.ts';
import { printed } from '../../runtime/embedded/otp/text.ts';
import { nodeOf, spawn, testCluster, testModule } from '../../runtime/embedded/testKit.ts';

const node = 'n0@127.0.0.1';
const waitsMs = 2000;
/** The servers of a call. */
type Name = 'srv' | 'machine' | 'mgr' | 'sup' | 'dyn' | 'started';

/** Every call, as `{Module, Function, Args}` in Erlang's words. */
export function callLines(): readonly string[] {
  return linesOf('calls.txt');
}
/** What each came to on OTP 25. */
export function goldenLines(): readonly string[] {
  return linesOf('golden/otp25.txt');
}
function linesOf(file: string): readonly string[] {
  return fs
    .readFileSync(path.join(import.meta.dirname, file), 'utf8')
    .trimEnd()
    .split('\n');
}

/** What a call comes to here: `{ok, Value}`, `{Class, Reason}`, `{ended, Reason}` or `hangs`, without pids and stacks. */
export function runCall(line: string): string {
  const parsed = parseTerm(line.replace(/\.$/, ''), 'erlang');
  if (!parsed.ok) throw new Error(`${line}: ${parsed.error.message}`);
  const [module, name, args] = partsOf(toValue(parsed.value));
  if (!(module instanceof Atom) || !(name instanceof Atom)) throw new Error(`${line} is no call.`);
  const cluster = testCluster([node], { modules: [calls] });
  let outcome: Value = a('hangs');
  const caller = spawn(nodeOf(cluster, node), function* (self) {
    self.trapExit(true);
    yield* self.apply('pg', 'start_link', []);
    yield* self.apply('gen_server', 'start_link', [local('srv'), a('calls'), [], []]);
    yield* self.apply('gen_statem', 'start_link', [local('machine'), a('calls'), a('machine'), []]);
    yield* self.apply('gen_event', 'start_link', [local('mgr')]);
    yield* self.apply('gen_event', 'add_handler', [a('mgr'), a('calls'), a('handler')]);
    yield* self.apply('supervisor', 'start_link', [local('sup'), a('calls'), tup(a('sup'), {})]);
    const simple = tup(a('sup'), { strategy: a('simple_one_for_one') });
    yield* self.apply('supervisor', 'start_link', [local('dyn'), a('calls'), simple]);
    const filledArgs = itemsOf(args).map((one) => filled(self, one));
    outcome = normalised(yield* outcomeOf(self.apply(module.name, name.name, filledArgs)));
  });
  const ended = endOf(cluster, caller.pid);
  const untilMs = cluster.nowMs + waitsMs;
  while (outcome === a('hangs') && ended.reason === null && cluster.nowMs < untilMs)
    cluster.runUntil(cluster.nowMs + 100);
  if (outcome === a('hangs') && ended.reason !== null) outcome = tup(a('ended'), normalised(ended.reason.value));
  return printed(outcome);
}
function local(name: Name): Value {
  return tup(a('local'), a(name));
}
function endOf(cluster: Cluster, pid: Pid): { reason: { readonly value: Value } | null } {
  const end: { reason: { readonly value: Value } | null } = { reason: null };
  spawn(nodeOf(cluster, node), function* (self) {
    const ref = self.monitor(pid);
    for (;;) {
      yield* sleep(50);
      const down = itemsOf(self.processInfo(self.pid, a('messages'))).find((one) => partsOf(one)[1] === ref);
      if (down !== undefined) {
        end.reason ??= { value: partsOf(down)[4] };
        return;
      }
    }
  });
  return end;
}
function* outcomeOf(run: Flow<Value>): Flow<Value> {
  try {
    return tup(a('ok'), yield* run);
  } catch (thrown) {
    if (thrown instanceof ErrorException) return tup(a('error'), thrown.reason);
    if (thrown instanceof ExitException) return tup(a('exit'), thrown.reason);
    if (thrown instanceof ThrownValue) return tup(a('throw'), thrown.value);
    throw thrown;
  }
}

/** The value with each part as `change` makes it; null where a part stays. */
function mapped(value: Value, change: (part: Value) => { readonly to: Value } | null): Value {
  const changed = change(value);
  if (changed !== null) return changed.to;
  const inner = (part: unknown): Value => mapped(asValue(part), change);
  if (value instanceof ImproperList) return new ImproperList(value.items.map(inner), inner(value.tail));
  if (isList(value)) return value.map(inner);
  if (value instanceof Tuple) return tup(...value.elements.map(inner));
  if (value instanceof Map) return new Map([...value].map(([key, held]) => [inner(key), inner(held)]));
  const fields = fieldsOf(value);
  return fields === null ? value : Object.fromEntries([...fields].map(([key, held]) => [key, inner(held)]));
}
function filled(self: Self, value: Value): Value {
  return mapped(value, (part) => {
    if (part === a('$node')) return { to: a(node) };
    if (part === a('$self')) return { to: self.pid };
    return part === a('$ref') ? { to: self.makeRef() } : null;
  });
}
function normalised(value: Value): Value {
  return mapped(value, (part) => {
    if (part instanceof Pid) return { to: a('pid') };
    if (part instanceof Ref) return { to: a('ref') };
    if (part === a(node)) return { to: a('$node') };
    const [module, name, , more] = isList(part) ? partsOf(part[0]) : [];
    return module instanceof Atom && name instanceof Atom && isList(more) ? { to: [] } : null;
  });
}

// ------------------------------------------------------------------------------------------ what the servers of calls.erl do

/** `{return, R}` answers R, `{fail, Class, R}` raises it; anything else is for `otherwise`. */
function asAsked(self: Self, asked: Value, otherwise: () => Value | Flow<Value>): Value | Flow<Value> {
  const wanted = tagged(asked, a('return'), 2);
  if (wanted !== null) return asValue(wanted[1]);
  const [, how, reason] = (tagged(asked, a('fail'), 3) ?? []).map(asValue);
  if (how === a('error')) return self.error(reason);
  if (how === a('exit')) return self.exit(reason);
  if (how === a('throw')) throw new ThrownValue(reason);
  return otherwise();
}
function* late(answer: Value): Flow<Value> {
  yield* sleep(300);
  return answer;
}
const stateless = a('state');
const ok = (...more: readonly Value[]): Value => tup(atoms.ok, ...more);
const got = (what: Value): Value => tup(a('got'), what);
const startWorker = (self: Self): Flow<Value> => self.apply('gen_server', 'start_link', [a('calls'), [], []]);

function initOf(argument: Value): Value {
  if (argument === a('machine')) return ok(a('idle'), a('data'));
  const flags = tagged(argument, a('sup'), 2)?.[1];
  if (flags === undefined) return ok(stateless);
  const isSimple = typeof flags === 'object' && flags !== null && 'strategy' in flags;
  const start = tup(a('calls'), a(isSimple ? 'give' : 'start_worker'), []);
  return ok(tup(asValue(flags), [{ id: a('c1'), start }]));
}

const calls: CodeModule = testModule('calls', {
  'init/1': (self, argument) => asAsked(self, argument, () => initOf(argument)),
  'handle_call/3': (self, request, _from, state) =>
    asAsked(self, request, () =>
      request === a('sleep') ? late(tup(a('reply'), a('late'), state)) : tup(a('reply'), got(request), state),
    ),
  'handle_call/2': (self, query, state) => asAsked(self, query, () => ok(got(query), state)),
  'handle_cast/2': (_self, _message, state) => tup(a('noreply'), state),
  'handle_info/2': (_self, _message, state) => ok(state),
  'handle_event/2': (_self, event, state) => asValue(tagged(event, a('return'), 2)?.[1] ?? ok(state)),
  'callback_mode/0': () => a('handle_event_function'),
  'handle_event/4': (self, type, content) => {
    const from = tagged(type, a('call'), 2)?.[1];
    if (from === undefined) return a('keep_state_and_data');
    if (content === a('sleep')) return late(a('keep_state_and_data'));
    const replied = tup(a('keep_state_and_data'), [tup(a('reply'), asValue(from), got(content))]);
    const answer = mapped(content, (part) => (part === a('from') ? { to: asValue(from) } : null));
    return asAsked(self, answer, () => replied);
  },
  'code_change/3': (_self, _old, state, extra) => asValue(tagged(extra, a('return'), 2)?.[1] ?? ok(state)),
  'code_change/4': (_self, _old, state, data, extra) => asValue(tagged(extra, a('return'), 2)?.[1] ?? ok(state, data)),
  'terminate/2': () => atoms.ok,
  'start_worker/0': startWorker,
  'give/1': (self, what) => asAsked(self, what, () => (what === a('start') ? startWorker(self) : what)),
  'fail/1': (self, reason) => self.error(reason),
  'away/1': (self, reason) => self.exit(reason),
  'toss/1': (_self, reason) => {
    throw new ThrownValue(reason);
  },
  'double/1': (self, n) => (typeof n === 'number' ? n * 2 : self.error(a('badarith'))),
  'start/2': (self, _type, argument) =>
    asValue(tagged(argument, a('return'), 2)?.[1]) ??
    self.apply('supervisor', 'start_link', [local('started'), a('calls'), tup(a('sup'), {})]),
  'stop/1': () => atoms.ok,
});
