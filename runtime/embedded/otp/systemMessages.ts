/**
 * stdlib's `sys`, answering: what a process does with a system message, running or suspended. Behaviours bring a {@link SystemView};
 * special processes are modules with system_continue/3 and the like, by {@link handleSystemMessage}.
 */
import type { Value } from '../../term/values.ts';
import { a, Atom, Pid, tup } from '../../term/values.ts';
import { ErrorException, reasonOf } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive, timedOut } from '../kernel/flow.ts';
import { applyFun } from '../kernel/localFun.ts';
import type { CodeModule } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, elementsOf, errorTuple, isList, itemsOf, partsOf, tagged } from '../kernel/values.ts';
import { caught } from './crashReport.ts';
import { dictionaryOf } from './formatStatus.ts';
import type { From } from './gen.ts';
import { fromOf, genAtoms, reply, valueAt } from './gen.ts';
import type { DebugOptions } from './sysDebug.ts';
import { debugCommand, debugOptions, handleDebug } from './sysDebug.ts';

export type Mode = 'running' | 'suspended';

/** What a process' code does about system messages (`system_get_state/1` and so on). */
export type SystemView = {
  /** The module that system messages speak of: `gen_server`, or the special process' own. */
  readonly module: string;
  readonly parent: Pid;
  debug: DebugOptions;
  getState(self: Self): Value | Flow<Value>;
  /** The new state; what it throws is told as `callback_failed`. */
  replaceState(self: Self, change: Value): Flow<Value>;
  /** `{ok, _}`, or what was answered instead. */
  codeChange(self: Self, module: Value, oldVersion: Value, extra: Value): Flow<Value>;
  /** The last element of a status. */
  formatStatus(self: Self, mode: Mode): Value | Flow<Value>;
  terminate(self: Self, reason: Value, message: Value): Flow<void>;
};

const words = {
  getState: a('get_state'),
  getStatus: a('get_status'),
  suspend: a('suspend'),
  resume: a('resume'),
  terminate: a('terminate'),
  replaceState: a('replace_state'),
  changeCode: a('change_code'),
  debug: a('debug'),
} as const;

/**
 * Answers one system message. `suspend` keeps the process here until `resume`, `terminate` or the exit of its parent. `hibernating`
 * is where it is meanwhile: a process that hibernated goes on doing so.
 */
export function* serveSystem(
  self: Self,
  from: From,
  request: Value,
  view: SystemView,
  hibernating = false,
): Flow<void> {
  let mode = yield* serveOne(self, from, request, view, 'running');
  while (mode === 'suspended') {
    const message = yield* receive({
      match: (candidate) => tagged(candidate, genAtoms.system, 3) !== null || isParentExit(candidate, view.parent),
      at: hibernating ? 'erlang:hibernate/3' : 'sys:suspend_loop/6',
    });
    if (message === timedOut) continue;
    const system = tagged(message, genAtoms.system, 3);
    if (system === null) {
      yield* view.terminate(self, asValue(elementsOf(message)?.[2]), message);
      return;
    }
    const asker = fromOf(system[1]);
    if (asker !== null) mode = yield* serveOne(self, asker, valueAt(system, 2), view, mode);
  }
}

/** `{'EXIT', Parent, _}` */
export function isParentExit(message: Value, parent: Pid): boolean {
  return tagged(message, atoms.exit, 3)?.[1] === parent;
}

function* serveOne(self: Self, from: From, request: Value, view: SystemView, mode: Mode): Flow<Mode> {
  if (request === words.getState) {
    reply(self, from, yield* attempt(view, 'system_get_state', () => flowOf(view.getState(self))));
    return mode;
  }
  if (request === words.getStatus) {
    const misc = yield* flowOf(view.formatStatus(self, mode));
    const items = [dictionaryOf(self), a(mode), view.parent, view.debug, misc];
    reply(self, from, tup(a('status'), self.pid, tup(a('module'), a(view.module)), items));
    return mode;
  }
  if (request === words.suspend || request === words.resume) {
    reply(self, from, atoms.ok);
    return request === words.suspend ? 'suspended' : 'running';
  }
  const [command, ...args]: readonly unknown[] = partsOf(request);
  const [first, ...more] = args.map(asValue);
  switch (command) {
    case words.terminate:
      reply(self, from, atoms.ok);
      yield* view.terminate(self, first, []);
      return mode;
    case words.replaceState:
      reply(self, from, yield* attempt(view, 'system_replace_state', () => view.replaceState(self, first)));
      return mode;
    case words.debug: {
      const { reply: answer, options } = debugCommand(self, first, view.debug);
      view.debug = options;
      reply(self, from, answer);
      return mode;
    }
    case words.changeCode:
      if (mode !== 'suspended' || args.length !== 3) break;
      reply(self, from, yield* changeCode(self, view, first, more[0], more[1]));
      return mode;
  }
  reply(self, from, errorTuple(tup(a('unknown_system_msg'), request)));
  return mode;
}

/** The answer, or `{error, {callback_failed, {Module, Function}, {Class, Reason}}}`. */
function* attempt(view: SystemView, name: string, run: () => Flow<Value>): Flow<Value> {
  try {
    return yield* run();
  } catch (thrown) {
    const { kind, reason } = caught(thrown);
    return errorTuple(tup(a('callback_failed'), tup(a(view.module), a(name)), tup(a(kind), reason)));
  }
}

function* changeCode(self: Self, view: SystemView, module: Value, oldVersion: Value, extra: Value): Flow<Value> {
  let answer: Value;
  try {
    answer = yield* view.codeChange(self, module, oldVersion, extra);
  } catch (thrown) {
    // As `catch` makes of it.
    const { kind, reason } = caught(thrown);
    answer = kind === 'throw' ? reason : tup(atoms.exit, reasonOf(thrown));
  }
  return tagged(answer, atoms.ok, 2) === null ? errorTuple(answer) : atoms.ok;
}

function* flowOf(answer: Value | Flow<Value>): Flow<Value> {
  return isGenerator(answer) ? yield* answer : answer;
}
function isGenerator(answer: Value | Flow<Value>): answer is Flow<Value> {
  return typeof answer === 'object' && answer !== null && 'next' in answer && typeof answer.next === 'function';
}

// -------------------------------------------------------------------------------------------------- special processes

/** `sys:handle_system_msg/6`: ends in `Module:system_continue/3` or `Module:system_terminate/4`, and answers what that answers. */
export function* handleSystemMessage(
  self: Self,
  request: Value,
  from: From,
  {
    parent,
    module,
    debug,
    misc,
  }: { readonly parent: Pid; readonly module: string; readonly debug: DebugOptions; readonly misc: Value },
): Flow<Value> {
  const view = new SpecialProcess(module, parent, debug, misc);
  yield* serveSystem(self, from, request, view);
  return yield* self.apply(module, 'system_continue', [parent, view.debug, view.misc]);
}

class SpecialProcess implements SystemView {
  readonly module: string;
  readonly parent: Pid;
  debug: DebugOptions;
  misc: Value;

  constructor(module: string, parent: Pid, debug: DebugOptions, misc: Value) {
    this.module = module;
    this.parent = parent;
    this.debug = debug;
    this.misc = misc;
  }

  *getState(self: Self): Flow<Value> {
    if (!self.exports(this.module, 'system_get_state', 1)) return this.misc;
    return okValue(yield* self.apply(this.module, 'system_get_state', [this.misc]));
  }
  *replaceState(self: Self, change: Value): Flow<Value> {
    if (!self.exports(this.module, 'system_replace_state', 2)) {
      this.misc = yield* applyFun(self, change, [this.misc]);
      return this.misc;
    }
    const answer = yield* self.apply(this.module, 'system_replace_state', [change, this.misc]);
    const replaced = tagged(answer, atoms.ok, 3);
    if (replaced === null) throw new ErrorException(tup(a('badmatch'), answer));
    this.misc = valueAt(replaced, 2);
    return valueAt(replaced, 1);
  }
  *codeChange(self: Self, module: Value, oldVersion: Value, extra: Value): Flow<Value> {
    const answer = yield* self.apply(this.module, 'system_code_change', [this.misc, module, oldVersion, extra]);
    const changed = tagged(answer, atoms.ok, 2);
    if (changed !== null) this.misc = valueAt(changed, 1);
    return answer;
  }
  *formatStatus(self: Self, mode: Mode): Flow<Value> {
    if (!self.exports(this.module, 'format_status', 2)) return this.misc;
    const status = [dictionaryOf(self), a(mode), this.parent, this.debug, this.misc];
    return yield* self.apply(this.module, 'format_status', [atoms.normal, status]);
  }
  *terminate(self: Self, reason: Value): Flow<void> {
    yield* self.apply(this.module, 'system_terminate', [reason, this.parent, this.debug, this.misc]);
    self.exit(atoms.normal);
  }
}

function okValue(answer: Value): Value {
  const elements = tagged(answer, atoms.ok, 2);
  if (elements === null) throw new ErrorException(tup(a('badmatch'), answer));
  return valueAt(elements, 1);
}

/** Module `sys` as special processes call it: `handle_system_msg/6`, `handle_debug/4`, `debug_options/1`. */
export const sysModule: CodeModule = {
  name: 'sys',
  functions: {
    *'handle_system_msg/6'(self, request, from, parent, module, debug, misc): Flow<Value> {
      const asker = fromOf(from);
      if (asker === null || !(parent instanceof Pid) || !(module instanceof Atom) || !isList(debug)) {
        throw new ErrorException(a('function_clause'));
      }
      const special = { parent, module: module.name, debug: debug.map(asValue), misc };
      return yield* handleSystemMessage(self, request, asker, special);
    },
    /** The format function is called with the device, the event and what it was given besides; the text that it answers is printed. */
    *'handle_debug/4'(self, debug, format, extra, event): Flow<Value> {
      if (!isList(debug)) throw new ErrorException(a('function_clause'));
      if (debug.length === 0) return [];
      const text = yield* applyFun(self, format, [a('standard_io'), event, extra]);
      return yield* handleDebug(self, debug.map(asValue), () => (typeof text === 'string' ? text : ''), extra, event);
    },
    'debug_options/1': (self, options) => debugOptions(self, itemsOf(options)),
  },
};
