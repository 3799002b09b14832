/** The half of the embedded interpreter that drives supervisors and gen_servers, as `act_otp/1` of differential.erl does. */
import { ErrorException, ExitException, ThrownValue } from '../../runtime/embedded/kernel/exceptions.ts';
import type { Flow } from '../../runtime/embedded/kernel/flow.ts';
import { receive, timedOut } from '../../runtime/embedded/kernel/flow.ts';
import { fun } from '../../runtime/embedded/kernel/localFun.ts';
import type { CodeModule } from '../../runtime/embedded/kernel/module.ts';
import type { Self } from '../../runtime/embedded/kernel/self.ts';
import { atoms, elementsOf, errorTuple, okTuple, tagged } from '../../runtime/embedded/kernel/values.ts';
import type { From, Server } from '../../runtime/embedded/otp/gen.ts';
import { asValue, call, cast, reply as sendReply } from '../../runtime/embedded/otp/gen.ts';
import type { CallStep, Changed, Init, ServerModule, Step, Then } from '../../runtime/embedded/otp/genServer.ts';
import { startServer } from '../../runtime/embedded/otp/genServer.ts';
import { stop } from '../../runtime/embedded/otp/stop.ts';
import * as supervisor from '../../runtime/embedded/otp/supervisor.ts';
import * as sys from '../../runtime/embedded/otp/sys.ts';
import type { Value } from '../../runtime/term/values.ts';
import { Atom, Pid, a, tup } from '../../runtime/term/values.ts';
import type { Data, Operation } from './scenario.ts';
import { isTupleData, valueOf, wordOf } from './scenario.ts';

/** What this half needs of the other. */
export type Stage = {
  event(key: string, sender: string, what: Value): void;
  pidOf(data: Data): Pid;
  /** Gives a process its name in the scenario, and the name by which its latest life is found. */
  bear(pid: Pid, name: string, found: string): void;
  newRef(self: Self, slot: Data, ref: Value): Value;
  /** Carries out an operation in a child of a supervisor; true when it ended with that. */
  perform(self: Self, name: string, operation: Operation): Flow<boolean>;
};
type Outcome = { readonly value: Value };

const module = 'differential';

export class OtpActs {
  readonly #stage: Stage;
  readonly #outcomes = new Map<string, readonly Data[]>();
  readonly #starts = new Map<string, number>();
  readonly #strategies = new Map<number, Data>();
  /** The log that a process' births and end are written to, where it is not its own. */
  readonly #logs = new Map<string, number>();

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /** What supervisors start their children by. */
  get code(): CodeModule {
    return {
      name: module,
      functions: {
        'start_child/2': (self, of, id) => this.#startChild(self, Number(of), id instanceof Atom ? id.name : ''),
      },
    };
  }

  /** Notes an end in the log where it belongs; false when that is the process' own. */
  ended(name: string, what: Value): boolean {
    const log = this.#logs.get(name);
    if (log === undefined) return false;
    this.#note(log, name, what);
    return true;
  }

  /** What an operation comes to; undefined when it is none of these. */
  *act(self: Self, operation: Operation): Flow<Outcome | null | undefined> {
    const [name, , first = 0, second = 'undefined', third = 'undefined', fourth = 'undefined'] = operation;
    switch (name) {
      case 'outcomes':
        this.#outcomes.set(`${wordOf(first)} ${wordOf(second)}`, listOf(third));
        return null;
      case 'sup_start':
        return yield* attempt(this.#startSupervisor(self, Number(first), second, listOf(third)));
      case 'sup':
        return yield* attempt(this.#supervisor(self, Number(first), second, third));
      case 'server':
        return yield* attempt(this.#startServer(self, Number(first), second, third, fourth));
      case 'call':
        return yield* attempt(call(self, this.#server(first), valueOf(second), null));
      case 'cast':
        cast(self, this.#server(first), valueOf(second));
        return { value: atoms.ok };
      case 'tell':
        return yield* attempt(tell(self, this.#server(first), valueOf(second)));
      case 'stop':
        return yield* attempt(stop(self, this.#server(first), valueOf(second), null));
      case 'sys':
        return yield* attempt(this.#sys(self, this.#server(first), second, third));
      default:
        return undefined;
    }
  }

  // -------------------------------------------------------------------------------------------------- supervisors

  #startSupervisor(self: Self, of: number, flags: Data, specs: readonly Data[]): Flow<Value> {
    const init = (own: Self): { readonly term: Value } => {
      this.#strategies.set(of, entry(flags, 'strategy'));
      this.#logs.set(`s${of}`, of);
      this.#stage.bear(own.pid, `s${of}`, `s${of}`);
      this.#note(of, `s${of}`, tup(a('born'), a(`s${of}`)));
      return {
        term: okTuple(
          tup(
            valueOf(flags),
            specs.map((spec) => specOf(of, spec)),
          ),
        ),
      };
    };
    return supervisor.startSupervisor(self, { module, init }, undefined);
  }

  #supervisor(self: Self, of: number, what: Data, argument: Data): Flow<Value> {
    const pid = this.#stage.pidOf(`s${of}`);
    const given =
      isTupleData(argument) && argument[0] === 'pid' ? this.#stage.pidOf(argument[1] ?? 'dead') : valueOf(argument);
    switch (what) {
      case 'start_child':
        return supervisor.startChild(self, pid, specOf(of, argument));
      case 'start_simple':
        return supervisor.startChild(self, pid, given);
      case 'terminate_child':
        return supervisor.terminateChild(self, pid, given);
      case 'restart_child':
        return supervisor.restartChild(self, pid, given);
      case 'delete_child':
        return supervisor.deleteChild(self, pid, given);
      case 'get_childspec':
        return supervisor.getChildSpec(self, pid, given);
      case 'which_children':
        return supervisor.whichChildren(self, pid);
      default:
        return supervisor.countChildren(self, pid);
    }
  }

  #note(of: number, name: string, what: Value): void {
    const together = this.#strategies.get(of) !== 'simple_one_for_one';
    this.#stage.event(`s${of}`, together ? 'together' : name, what);
  }

  #startChild(self: Self, of: number, id: string): Value | Flow<Value> {
    const key = `${of} ${id}`;
    const count = (this.#starts.get(key) ?? 0) + 1;
    this.#starts.set(key, count);
    const name = `c${of}_${id}_${count}`;
    const outcome = this.#outcomes.get(key)?.[count - 1] ?? 'ok';
    if (!isTupleData(outcome)) return this.#started(self, of, id, name, wordOf(outcome));
    const [what, first = 'undefined', second = 'undefined', third = 'undefined'] = outcome;
    switch (what) {
      case 'supervisor':
        return this.#startSupervisor(self, Number(first), second, listOf(third));
      case 'error':
        return errorTuple(valueOf(first));
      case 'exit':
        return self.exit(valueOf(first));
      case 'throw':
        throw new ThrownValue(valueOf(first));
      default:
        return self.error(valueOf(first));
    }
  }

  #started(self: Self, of: number, id: string, name: string, how: string): Value {
    if (how === 'bad') return a('bad');
    if (how === 'ignore') {
      this.#note(of, name, tup(a('ignored'), a(name)));
      return atoms.ignore;
    }
    const run = (own: Self): Flow<void> => this.#child(own, of, name, how);
    const pid = self.spawnBody({ is: 'flow', run }, { module, function: 'child', arity: 3 }, { link: true });
    this.#logs.set(name, of);
    this.#stage.bear(pid, name, `c${of}_${id}`);
    this.#note(of, name, tup(a('born'), a(name)));
    return how === 'extra' ? tup(atoms.ok, pid, a('extra')) : okTuple(pid);
  }

  *#child(self: Self, of: number, name: string, how: string): Flow<void> {
    const traps = how === 'trap' || how === 'stubborn';
    self.trapExit(traps);
    for (;;) {
      const message = yield* receive();
      if (message === timedOut) continue;
      const operation = operationIn(message);
      const exit = tagged(message, atoms.exit, 3);
      if (operation !== null) {
        if (yield* this.#stage.perform(self, name, operation)) return;
      } else if (exit !== null) {
        const reason = asValue(exit[2]);
        this.#note(of, name, tup(a('told'), a(name), reason));
        if (how === 'trap') self.exit(reason);
      }
    }
  }

  // -------------------------------------------------------------------------------------------------- gen_servers

  #server(data: Data): Server {
    if (isTupleData(data)) return a(wordOf(data[1]));
    return this.#stage.pidOf(`g${wordOf(data)}`);
  }

  *#startServer(self: Self, number: number, how: Data, name: Data, outcome: Data): Flow<Value> {
    const served = new ScriptedServer(this.#stage, `g${number}`);
    const monitor = how === 'start_monitor';
    const started = yield* startServer(self, served, valueOf(outcome), {
      link: how === 'start_link',
      monitor,
      ...(name !== 'none' && { name: a(wordOf(name)) }),
    });
    const pair = monitor ? elementsOf(tagged(started, atoms.ok, 2)?.[1]) : null;
    if (pair === null) return started;
    return okTuple(tup(pair[0], this.#stage.newRef(self, 0, asValue(pair[1]))));
  }

  *#sys(self: Self, server: Server, what: Data, argument: Data): Flow<Value> {
    switch (what) {
      case 'get_state':
        return yield* sys.getState(self, server, null);
      case 'replace_state':
        return yield* sys.replaceState(
          self,
          server,
          fun(module, 'act_otp', 1, () => valueOf(argument)),
          null,
        );
      case 'suspend':
        return yield* sys.suspend(self, server, null);
      case 'resume':
        return yield* sys.resume(self, server, null);
      case 'terminate':
        return yield* sys.terminate(self, server, valueOf(argument), null);
      case 'change_code': {
        const change = { module: a(module), oldVersion: a('vsn'), extra: valueOf(argument) };
        return yield* sys.changeCode(self, server, change, null);
      }
      default: {
        const [, pid, kind, items] = elementsOf(yield* sys.getStatus(self, server, null)) ?? [];
        const [, state, parent, debug] = Array.isArray(items) ? items : [];
        return tup(pid, kind, state, parent, debug);
      }
    }
  }
}

function* attempt(work: Flow<Value>): Flow<Outcome> {
  try {
    return { value: yield* work };
  } catch (thrown) {
    if (thrown instanceof ErrorException) return { value: tup(atoms.error, thrown.reason) };
    if (thrown instanceof ExitException) return { value: tup(a('exit'), thrown.reason) };
    if (thrown instanceof ThrownValue) return { value: tup(a('throw'), thrown.value) };
    throw thrown;
  }
}

function* tell(self: Self, server: Server, message: Value): Flow<Value> {
  yield* [];
  if (server instanceof Pid || server instanceof Atom) self.send(server, message);
  return a('sent');
}

function operationIn(message: Value): Operation | null {
  const operation = tagged(message, a('$do'), 2)?.[1];
  return isOperation(operation) ? operation : null;
}
function isOperation(value: unknown): value is Operation {
  return Array.isArray(value);
}

function listOf(data: Data): readonly Data[] {
  return typeof data === 'object' && !isTupleData(data) && 'list' in data ? data.list : [];
}

function entry(data: Data, key: string): Data {
  const entries = typeof data === 'object' && !isTupleData(data) && 'map' in data ? data.map : [];
  return entries.find(([name]) => name === key)?.[1] ?? 'undefined';
}

/** `{child, Id, Restart, Shutdown, Type, Significant}` as the map of a child specification; anything else as it is. */
function specOf(of: number, data: Data): Value {
  if (!isTupleData(data) || data[0] !== 'child') return valueOf(data);
  const [, id = 'undefined', ...rest] = data.map(valueOf);
  const [restart, shutdown, type, significant] = rest;
  const args = id === a('simple') ? [of] : [of, id];
  return { id, start: tup(a(module), a('start_child'), args), restart, shutdown, type, significant };
}

/** The gen_server of differential.erl: what a request asks for, is done. */
class ScriptedServer implements ServerModule<readonly Value[]> {
  readonly module = module;
  readonly #stage: Stage;
  readonly #name: string;
  #kept: From | null = null;

  constructor(stage: Stage, name: string) {
    this.#stage = stage;
    this.#name = name;
  }

  #log(...elements: readonly Value[]): void {
    this.#stage.event(this.#name, 'own', tup(...elements));
  }

  init(self: Self, outcome: Value): Init<readonly Value[]> {
    this.#stage.bear(self.pid, this.#name, this.#name);
    this.#log(a('init'), outcome);
    const [what, argument] = elementsOf(outcome) ?? [outcome];
    const value = asValue(argument);
    switch (what instanceof Atom ? what.name : '') {
      case 'trap':
        self.trapExit(true);
        return { is: 'ok', state: [] };
      case 'continue':
        return { is: 'ok', state: [], then: { is: 'continue', with: value } };
      case 'timeout':
        return { is: 'ok', state: [], then: { is: 'timeout', ms: Number(value) } };
      case 'ignore':
        return { is: 'ignore' };
      case 'stop':
        return { is: 'stop', reason: value };
      case 'error':
        return self.error(value);
      case 'exit':
        return self.exit(value);
      case 'throw':
        throw new ThrownValue(value);
      case 'bad':
        return { is: 'bad_return', value: a('bad') };
      default:
        return { is: 'ok', state: [] };
    }
  }

  handleCall(self: Self, request: Value, from: From, state: readonly Value[]): CallStep<readonly Value[]> {
    this.#log(a('call'), request);
    return this.#asked(self, request, from, state);
  }
  handleCast(self: Self, request: Value, state: readonly Value[]): Step<readonly Value[]> {
    this.#log(a('cast'), request);
    return unasked(this.#asked(self, request, null, state));
  }
  handleInfo(self: Self, message: Value, state: readonly Value[]): Step<readonly Value[]> {
    const down = tagged(message, atoms.down, 5);
    const seen = down === null ? message : tup(atoms.down, down[3], down[4]);
    this.#log(a('info'), seen);
    if (down !== null || tagged(message, atoms.exit, 3) !== null) return { is: 'noreply', state };
    return unasked(this.#asked(self, message, null, state));
  }
  handleContinue(self: Self, request: Value, state: readonly Value[]): Step<readonly Value[]> {
    this.#log(a('continue'), request);
    return unasked(this.#asked(self, request, null, state));
  }
  terminate(_self: Self, reason: Value, state: readonly Value[]): void {
    this.#log(a('terminate'), reason, state);
  }
  codeChange(self: Self, version: Value, state: readonly Value[], extra: Value): Changed<readonly Value[]> {
    this.#log(a('code_change'), version, extra);
    const [what, value] = elementsOf(extra) ?? [];
    if (what === atoms.ok) return { is: 'ok', state: [asValue(value), ...state] };
    return what === atoms.error ? { is: 'error', reason: extra } : self.error(asValue(value));
  }
  show(state: readonly Value[]): Value {
    return state;
  }
  restore(value: Value): readonly Value[] {
    return Array.isArray(value) ? value : [];
  }

  #asked(self: Self, request: Value, from: From | null, state: readonly Value[]): CallStep<readonly Value[]> {
    const [what, argument, more] = elementsOf(request) ?? [request];
    const [value, further] = [asValue(argument), asValue(more)];
    const answer = (given: Value, next: readonly Value[] = state, then?: Then): CallStep<readonly Value[]> => {
      const rest = { state: next, ...(then !== undefined && { then }) };
      return from === null ? { is: 'noreply', ...rest } : { is: 'reply', reply: given, ...rest };
    };
    switch (what instanceof Atom ? what.name : '') {
      case 'reply':
        return answer(value);
      case 'push':
        return answer(a('pushed'), [value, ...state]);
      case 'keep':
        this.#kept = from ?? this.#kept;
        return { is: 'noreply', state };
      case 'answer':
        if (this.#kept !== null) sendReply(self, this.#kept, value);
        this.#kept = null;
        return answer(a('answered'));
      case 'early':
        if (from !== null) sendReply(self, from, value);
        return { is: 'noreply', state: [value, ...state] };
      case 'stop':
        if (more === undefined || from === null) return { is: 'stop', reason: value, state };
        return { is: 'stop_reply', reason: value, reply: further, state };
      case 'error':
        return self.error(value);
      case 'exit':
        return self.exit(value);
      case 'throw':
        throw new ThrownValue(value);
      case 'bad':
        return { is: 'bad_return', value: a('bad') };
      case 'timeout':
        // Without an argument it is the time-out itself.
        if (argument === undefined) return answer(a('unknown'));
        return answer(further, state, { is: 'timeout', ms: Number(value) });
      case 'continue':
        return answer(a('continuing'), state, { is: 'continue', with: value });
      case 'hibernate':
        return answer(value, state, { is: 'hibernate' });
      case 'trap':
        self.trapExit(value === true);
        return answer(a('trapping'));
      case 'link':
        self.link(this.#stage.pidOf(Number(value)));
        return answer(a('linked'));
      case 'monitor':
        self.monitor(this.#stage.pidOf(Number(value)));
        return answer(a('monitored'));
      default:
        return answer(a('unknown'));
    }
  }
}

/** What is asked without a caller is never answered. */
function unasked<S>(step: CallStep<S>): Step<S> {
  if (step.is === 'reply' || step.is === 'stop_reply') throw new Error('Nobody waits for an answer.');
  return step;
}
