/** Supervisors: stdlib's `supervisor` of OTP 25 as the callback module of a gen_server, and the functions to call one. */
import type { Atom, Value } from '../../term/values.ts';
import { a, tup } from '../../term/values.ts';
import { ErrorException } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import { settle } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { atoms, elementsOf, errorTuple, isList, itemsOf, okTuple, partsOf, tagged } from '../kernel/values.ts';
import type { Read } from './checkSpec.ts';
import { readFlags, readSpecs } from './checkSpec.ts';
import type { Flags, Spec } from './childSpec.ts';
import { flagsValue, specValue } from './childSpec.ts';
import type { Server } from './gen.ts';
import { asValue, call, valueAt } from './gen.ts';
import type { CallStep, Changed, Init, ServerModule, ServerStart, Step } from './genServer.ts';
import { noreply, reply, startServer, stop } from './genServer.ts';
import { getStatus } from './sys.ts';
import { chars } from './text.ts';
import { answerCall, words } from './supervisorCalls.ts';
import type { Verdict } from './supervisorRestart.ts';
import { childEnded, restart, tryAgainRestart, waitingForRestart } from './supervisorRestart.ts';
import { changed, startAll, stopAll, stopDynamic } from './supervisorStart.ts';
import type { Child } from './supervisorState.ts';
import { childValue, forgetSupervisor, knowSupervisor, SupervisorState } from './supervisorState.ts';

/** A supervisor's callback module. */
export type SupervisorModule = {
  readonly module: string;
  init(self: Self, argument: Value): SupervisorInit | Flow<SupervisorInit>;
};
/** What `init/1` answers: typed, or the term `{ok, {Flags, Children}}` or `ignore`; any other term is an error. */
export type SupervisorInit =
  { readonly flags: Flags; readonly children: readonly Spec[] } | 'ignore' | { readonly term: Value };

/** `supervisor:start_link/2,3`: `{ok, Pid}`, `{error, Reason}` or `ignore`. */
export function startSupervisor(
  self: Self,
  module: SupervisorModule,
  argument: Value,
  options: Pick<ServerStart, 'name'> = {},
): Flow<Value> {
  return startServer(self, new SupervisorServer(module, options.name), argument, {
    ...options,
    initialModule: { module: 'supervisor', function: module.module },
  });
}

/** `supervisor:start_child/2`: a specification, or for simple_one_for_one the list of further arguments. */
export function startChild(self: Self, supervisor: Server, what: Value): Flow<Value> {
  return call(self, supervisor, tup(words.startChild, what), null);
}
/** `supervisor:terminate_child/2`: by id, or for simple_one_for_one by pid. */
export function terminateChild(self: Self, supervisor: Server, what: Value): Flow<Value> {
  return call(self, supervisor, tup(words.terminateChild, what), null);
}
/** `supervisor:restart_child/2` */
export function restartChild(self: Self, supervisor: Server, id: Value): Flow<Value> {
  return call(self, supervisor, tup(words.restartChild, id), null);
}
/** `supervisor:delete_child/2` */
export function deleteChild(self: Self, supervisor: Server, id: Value): Flow<Value> {
  return call(self, supervisor, tup(words.deleteChild, id), null);
}
/** `supervisor:get_childspec/2`: `{ok, Map}` or `{error, not_found}`. */
export function getChildSpec(self: Self, supervisor: Server, what: Value): Flow<Value> {
  return call(self, supervisor, tup(words.getChildSpec, what), null);
}
/** `supervisor:which_children/1`: `[{Id, Pid, Type, Modules}]`, last started first; of simple_one_for_one by pid. */
export function whichChildren(self: Self, supervisor: Server): Flow<Value> {
  return call(self, supervisor, words.whichChildren, null);
}
/** `supervisor:count_children/1`: `[{specs, N}, {active, N}, {supervisors, N}, {workers, N}]`. */
export function countChildren(self: Self, supervisor: Server): Flow<Value> {
  return call(self, supervisor, words.countChildren, null);
}

/** `supervisor:get_callback_module/1` */
export function* getCallbackModule(self: Self, supervisor: Server): Flow<Value> {
  const status = tagged(yield* getStatus(self, supervisor), a('status'), 4);
  const items = status === null || !isList(status[3]) ? [] : status[3];
  const details = items.at(-1);
  for (const detail of itemsOf(details)) {
    const callback = tagged(detail, a('supervisor'), 2)?.[1];
    if (isList(callback)) return valueAt(partsOf(callback[0]), 1);
  }
  return self.error(a('function_clause'));
}

class SupervisorServer implements ServerModule<SupervisorState> {
  readonly module = 'supervisor';
  readonly #callback: SupervisorModule;
  readonly #name: Value;
  #state: SupervisorState | null = null;

  constructor(callback: SupervisorModule, name: Value) {
    this.#callback = callback;
    this.#name = name;
  }

  *init(self: Self, argument: Value): Flow<Init<SupervisorState>> {
    self.trapExit(true);
    const answer = yield* settle(this.#callback.init(self, argument));
    if (isIgnore(answer)) return { is: 'ignore' };
    const terms = termsOf(answer);
    if (terms === null) {
      return { is: 'stop', reason: tup(a('bad_return'), tup(a(this.#callback.module), a('init'), badReturn(answer))) };
    }
    const flags = readFlags(terms.flags);
    if (!flags.ok) return { is: 'stop', reason: tup(a('supervisor_data'), flags.bad) };
    const simple = flags.is.strategy === 'simple_one_for_one';
    if (simple && (!isList(terms.children) || terms.children.length !== 1)) {
      return { is: 'stop', reason: tup(a('bad_start_spec'), terms.children) };
    }
    const specs = readAll(terms.children, flags.is);
    if (!specs.ok) return { is: 'stop', reason: tup(a('start_spec'), specs.bad) };
    const state = new SupervisorState(self.pid, this.#callback.module, this.#name, argument, flags.is);
    if (simple) state.template = specs.is[0] ?? null;
    else for (const spec of specs.is) state.add(spec, 'undefined');
    this.#state = state;
    knowSupervisor(state);
    changed(self);
    const failed = yield* startAll(self, state, state.simple ? [] : state.children);
    if (failed === null) return { is: 'ok', state };
    yield* stopAll(self, state, state.children);
    forgetSupervisor(self.pid);
    const why = tup(a('failed_to_start_child'), failed.child.spec.id, failed.reason);
    return { is: 'stop', reason: tup(atoms.shutdown, why) };
  }

  *handleCall(self: Self, request: Value, _from: unknown, state: SupervisorState): Flow<CallStep<SupervisorState>> {
    return reply(yield* answerCall(self, request, state), state);
  }

  *handleCast(self: Self, message: Value, state: SupervisorState): Flow<Step<SupervisorState>> {
    const again = tagged(message, tryAgainRestart, 2);
    if (again === null) return self.error(a('function_clause'));
    const child = waitingForRestart(state, valueAt(again, 1));
    return child === undefined ? noreply(state) : after(yield* restart(self, state, child, words.restarting), state);
  }

  *handleInfo(self: Self, message: Value, state: SupervisorState): Flow<Step<SupervisorState>> {
    const exit = tagged(message, atoms.exit, 3);
    if (exit === null) {
      self.emit({ is: 'report', kind: 'unexpected_message', pid: self.pid, report: message });
      return noreply(state);
    }
    const child = state.byPid(valueAt(exit, 1));
    return child === undefined ? noreply(state) : after(yield* childEnded(self, state, child, valueAt(exit, 2)), state);
  }

  *terminate(self: Self, _reason: Value, state: SupervisorState): Flow<void> {
    yield* state.simple ? stopDynamic(self, state) : stopAll(self, state, state.children);
    forgetSupervisor(self.pid);
  }

  /** Asks the callback module anew: its flags are taken over, children keep their processes, none is started or stopped. */
  *codeChange(self: Self, _oldVersion: Value, state: SupervisorState): Flow<Changed<SupervisorState>> {
    const answer = yield* settle(this.#callback.init(self, state.argument));
    if (isIgnore(answer)) return { is: 'ok', state };
    const terms = termsOf(answer);
    if (terms === null) return { is: 'error', reason: badReturn(answer) };
    const fault = change(state, terms);
    if (fault !== null) return { is: 'error', reason: errorTuple(fault.bad) };
    changed(self);
    return { is: 'ok', state };
  }

  show(state: SupervisorState): Value {
    return state.show();
  }
  restore(value: Value): SupervisorState {
    if (this.#state === null) throw new ErrorException(atoms.badarg);
    return this.#state.restore(value);
  }
  formatStatus2(_self: Self, option: Atom, args: readonly Value[]): Value {
    const [, state] = args;
    if (option === a('terminate')) return state;
    const callback = tup(a('supervisor'), [tup(chars('Callback'), a(this.#callback.module))]);
    return [tup(a('data'), [tup(chars('State'), state)]), callback];
  }
}

function after(verdict: Verdict, state: SupervisorState): Step<SupervisorState> {
  return verdict === 'shutdown' ? stop(atoms.shutdown, state) : noreply(state);
}

// ------------------------------------------------------------------------------------------------- what init/1 answers

type Terms = { readonly flags: Value; readonly children: Value };

/** `{ok, {Flags, Children}}`, whichever way it was said; null for anything else. */
function termsOf(answer: SupervisorInit): Terms | null {
  if (answer === 'ignore') return null;
  if ('flags' in answer) return { flags: flagsValue(answer.flags), children: answer.children.map(specValue) };
  const definition = elementsOf(tagged(answer.term, atoms.ok, 2)?.[1]);
  return definition?.length === 2 ? { flags: valueAt(definition, 0), children: valueAt(definition, 1) } : null;
}

function isIgnore(answer: SupervisorInit): boolean {
  return answer === 'ignore' || ('term' in answer && answer.term === atoms.ignore);
}

/** The term that is none of those allowed. */
function badReturn(answer: SupervisorInit): Value {
  return answer !== 'ignore' && 'term' in answer ? answer.term : undefined;
}

function readAll(children: Value, under: Flags): Read<readonly Spec[]> {
  if (!isList(children)) throw new ErrorException(a('function_clause'));
  return readSpecs(children.map(asValue), under.autoShutdown);
}

/** Takes over flags and specifications; what is wrong with them, where something is. Flags stay taken when a child is at fault. */
function change(state: SupervisorState, terms: Terms): { readonly bad: Value } | null {
  const flags = readFlags(terms.flags);
  if (!flags.ok) {
    const type = tagged(flags.bad, a('invalid_type'), 2);
    return { bad: type === null ? flags.bad : tup(a('bad_flags'), valueAt(type, 1)) };
  }
  state.flags = flags.is;
  const specs = readAll(terms.children, flags.is);
  if (!specs.ok) return specs;
  if (!state.simple) {
    changeSpecs(state, specs.is);
    return null;
  }
  const [template, ...more] = specs.is;
  if (template === undefined || more.length > 0) {
    const known = new Map<Value, Value>(specs.is.map((spec) => [spec.id, childValue(spec, undefined)]));
    return {
      bad: okTuple(
        tup(
          specs.is.map(({ id }) => id),
          known,
        ),
      ),
    };
  }
  state.changeTemplate(template);
  return null;
}

/** The new specifications in their order, each with the process it has; what is in them no more stays, after the first. */
function changeSpecs(state: SupervisorState, specs: readonly Spec[]): void {
  const before = new Set(state.children);
  const changedChildren = specs.map((spec): Child => {
    const old = state.byId(spec.id);
    if (old === undefined) return { spec, pid: 'undefined', restartingFrom: null };
    before.delete(old);
    old.spec = spec;
    return old;
  });
  state.replaceAll([...changedChildren, ...before]);
}
