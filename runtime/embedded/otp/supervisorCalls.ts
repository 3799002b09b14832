/** What callers ask of a supervisor, and what it answers (stdlib `supervisor` of OTP 25, `handle_call/3`). */
import type { Value } from '../../term/values.ts';
import { a, Pid, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import { settle } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, errorTuple, isList, okTuple, partsOf, sameValue } from '../kernel/values.ts';
import { readSpec } from './checkSpec.ts';
import type { Spec } from './childSpec.ts';
import { modulesValue, specValue } from './childSpec.ts';
import { changed, startFrom, stopOne } from './supervisorStart.ts';
import type { Child, SupervisorState } from './supervisorState.ts';
import { childValue, countOf } from './supervisorState.ts';

/** The words of a supervisor's protocol. */
export const words = {
  startChild: a('start_child'),
  terminateChild: a('terminate_child'),
  restartChild: a('restart_child'),
  deleteChild: a('delete_child'),
  getChildSpec: a('get_childspec'),
  whichChildren: a('which_children'),
  countChildren: a('count_children'),
  notFound: a('not_found'),
  simple: a('simple_one_for_one'),
  restarting: a('restarting'),
  running: a('running'),
} as const;

/** Answers a call; what none of a supervisor's functions asks ends it. */
export function answerCall(self: Self, request: Value, state: SupervisorState): Flow<Value> {
  if (request === words.whichChildren) return settle(which(state));
  if (request === words.countChildren) return settle(count(self, state));
  const [operation, what, ...more] = partsOf(request);
  const argument = asValue(what);
  if (more.length > 0) return self.error(a('function_clause'));
  switch (operation) {
    case words.startChild:
      return state.simple ? startSimple(self, state, argument) : add(self, state, argument);
    case words.terminateChild:
      return terminate(self, state, argument);
    case words.restartChild:
      return startIdle(self, state, argument);
    case words.deleteChild:
      return settle(deleteIdle(self, state, argument));
    case words.getChildSpec:
      return settle(specOf(self, state, argument));
    default:
      return self.error(a('function_clause'));
  }
}

function* add(self: Self, state: SupervisorState, argument: Value): Flow<Value> {
  const read = readSpec(argument, state.flags.autoShutdown);
  if (!read.ok) return errorTuple(read.bad);
  const spec = read.is;
  const known = state.byId(spec.id);
  if (known !== undefined) {
    return errorTuple(known.pid instanceof Pid ? tup(a('already_started'), known.pid) : a('already_present'));
  }
  const started = yield* startFrom(self, spec.start);
  if (started.is === 'failed') return errorTuple(tup(started.reason, childValue(spec, undefined)));
  const temporary = spec.restart === 'temporary';
  if (started.pid === 'undefined' && temporary) return started.reply;
  // A temporary child is never started again, so what it was started with is not kept.
  state.add(temporary ? { ...spec, start: { ...spec.start, args: undefined } } : spec, started.pid);
  changed(self);
  return started.reply;
}

function* startSimple(self: Self, state: SupervisorState, further: Value): Flow<Value> {
  const { template } = state;
  if (template === null) return self.error(a('function_clause'));
  const args = isList(further) ? [...(template.start.args ?? []), ...further.map(asValue)] : undefined;
  const started = yield* startFrom(self, { ...template.start, args });
  if (started.is === 'failed') return errorTuple(started.reason);
  if (started.pid === 'undefined') return started.reply;
  state.add(state.dynamicSpec(template, args), started.pid);
  changed(self);
  return started.reply;
}

/** The child a caller names: by id, of simple_one_for_one by pid; `dead` for a process that has ended, whoever it was. */
function named(self: Self, state: SupervisorState, name: Value): Child | 'dead' | undefined {
  if (!state.simple || !(name instanceof Pid)) return state.byId(name);
  const child = state.byPid(name) ?? state.restartingFrom(name);
  if (child !== undefined) return child;
  return isAliveHere(self, name) ? undefined : 'dead';
}

function* terminate(self: Self, state: SupervisorState, name: Value): Flow<Value> {
  if (state.simple && !(name instanceof Pid)) return errorTuple(words.simple);
  const child = named(self, state, name);
  if (child === undefined) return errorTuple(words.notFound);
  if (child === 'dead') {
    // As in OTP, one that answered `ignore` when it was restarted goes with it: both have no pid.
    const ignored = state.children.find(({ pid }) => pid === 'undefined');
    if (state.simple && ignored !== undefined) state.remove(ignored);
    return atoms.ok;
  }
  yield* stopOne(self, state, child);
  if (state.simple || child.spec.restart === 'temporary') state.remove(child);
  else state.place(child, 'undefined');
  changed(self);
  return atoms.ok;
}

function* startIdle(self: Self, state: SupervisorState, id: Value): Flow<Value> {
  const found = idle(state, id);
  if ('error' in found) return errorTuple(found.error);
  const started = yield* startFrom(self, found.child.spec.start);
  if (started.is === 'failed') return errorTuple(started.reason);
  state.place(found.child, started.pid);
  changed(self);
  return started.reply;
}

function deleteIdle(self: Self, state: SupervisorState, id: Value): Value {
  const found = idle(state, id);
  if ('error' in found) return errorTuple(found.error);
  state.remove(found.child);
  changed(self);
  return atoms.ok;
}

/** The child with this id when it is not running. */
function idle(state: SupervisorState, id: Value): { readonly child: Child } | { readonly error: Value } {
  if (state.simple) return { error: words.simple };
  const child = state.byId(id);
  if (child === undefined) return { error: words.notFound };
  if (child.pid === 'undefined') return { child };
  return { error: child.pid === 'restarting' ? words.restarting : words.running };
}

function specOf(self: Self, state: SupervisorState, name: Value): Value {
  // A simple_one_for_one supervisor knows its template by its id, too.
  const { template } = state;
  if (state.simple && template !== null && sameValue(template.id, name)) return okTuple(specValue(template));
  const child = named(self, state, name);
  if (child === undefined) return errorTuple(words.notFound);
  const spec = child === 'dead' || state.simple ? state.template : child.spec;
  return spec === null ? errorTuple(words.notFound) : okTuple(specValue(spec));
}

function which(state: SupervisorState): Value {
  if (state.simple) return whichDynamic(state);
  return state.children.map(({ spec, pid }) => row(spec.id, pid, spec)).reverse();
}

/** In the order of the keys of OTP's map: running ones by pid, then those that are to be restarted. */
function whichDynamic(state: SupervisorState): Value {
  const rank = ({ pid }: Child): number => (pid === 'undefined' ? 0 : pid instanceof Pid ? 1 : 2);
  const order = (child: Child): number => (child.pid instanceof Pid ? child.pid : child.restartingFrom)?.id ?? 0;
  const sorted = state.children.toSorted((one, other) => rank(one) - rank(other) || order(one) - order(other));
  return sorted.map(({ pid }) => row(undefined, pid, state.template ?? { type: 'worker', modules: [] }));
}

function row(id: Value, pid: Child['pid'], { type, modules }: Pick<Spec, 'type' | 'modules'>): Value {
  const where = pid instanceof Pid ? pid : pid === 'restarting' ? words.restarting : undefined;
  return tup(id, where, a(type), modulesValue({ modules }));
}

function count(self: Self, state: SupervisorState): Value {
  const counted = countOf(state, (pid) => state.simple || isAliveHere(self, pid));
  // OTP counts what runs as what there is without what waits for its restart, and does not see such a child being terminated.
  const active = state.simple ? state.size - state.dynamicRestarts : counted.active;
  return [
    tup(a('specs'), counted.specs),
    tup(a('active'), active),
    tup(a('supervisors'), counted.supervisors),
    tup(a('workers'), counted.workers),
  ];
}

/** `erlang:is_process_alive/1`, which takes no process of another node. */
function isAliveHere(self: Self, pid: Pid): boolean {
  return pid.node === self.node ? self.isAlive(pid) : self.error(atoms.badarg);
}
