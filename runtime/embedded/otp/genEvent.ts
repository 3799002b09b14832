/**
 * gen_event: a manager of event handlers. Follows stdlib's `gen_event` of OTP 25; handlers are loaded modules, found by name at each
 * event.
 */
import type { Value } from '../../term/values.ts';
import { a, Pid, Tuple, tup } from '../../term/values.ts';
import { ErrorException, ExitException } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive, timedOut } from '../kernel/flow.ts';
import { applyFun } from '../kernel/localFun.ts';
import type { Handler } from '../kernel/process.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, elementsOf, okTuple, sameValue, tagged, partsOf } from '../kernel/values.ts';
import { statusFormatOf } from './callbackModule.ts';
import { crashReport } from './crashReport.ts';
import type { Changed, Handlers } from './eventHandlers.ts';
import {
  addHandler,
  callHandler,
  deleteHandler,
  endAll,
  endSupervised,
  handlerName,
  notify,
  swapHandler,
} from './eventHandlers.ts';
import type { StatusMap } from './formatStatus.ts';
import { formatStatus, statusHeader } from './formatStatus.ts';
import type { From, Starter } from './gen.ts';
import { ack, enter, fromOf, genAtoms, reply, start, valueAt } from './gen.ts';
import type { ServerStart } from './genServer.ts';
import { plainName } from './names.ts';
import type { DebugOptions } from './sysDebug.ts';
import { debugOptions, getLog, handleDebug } from './sysDebug.ts';
import type { Mode, SystemView } from './systemMessages.ts';
import { isParentExit, serveSystem } from './systemMessages.ts';
import { chars, printed } from './text.ts';

const idleAt = 'gen_event:fetch_msg/6';

/** `gen_event:start/0,1,2`, `start_link`, `start_monitor`: `{ok, Pid}`, `{ok, {Pid, MonitorRef}}` or `{error, Reason}`. */
export function startManager(self: Self, options: ServerStart = {}): Flow<Value> {
  const { monitor = false, timeoutMs } = options;
  return start(self, {
    initialCall: { module: 'gen_event', function: 'init_it', arity: 6 },
    name: options.name ?? null,
    link: options.link ?? !monitor,
    monitor,
    idleAt,
    ...(timeoutMs !== undefined && { timeoutMs }),
    handler: (starter) => new Manager(starter, options),
  });
}

class Manager implements Handler, SystemView {
  readonly module = 'gen_event';
  debug: DebugOptions = [];
  #parent: Pid;
  #name: Value = a('undefined');
  #handlers: Handlers = [];
  readonly #starter: Starter;
  readonly #options: ServerStart;

  constructor(starter: Starter, options: ServerStart) {
    this.#starter = starter;
    this.#options = options;
    this.#parent = starter.pid;
  }

  get parent(): Pid {
    return this.#parent;
  }

  state(): Value {
    return this.getState();
  }

  *start(self: Self): Flow<void> {
    const starter = this.#starter;
    if (!(yield* enter(self, starter))) self.exit(atoms.normal);
    self.trapExit(true);
    const { name, link, monitor } = starter.options;
    this.#name = name === null ? self.pid : plainName(name);
    if (!link && monitor !== true) this.#parent = self.pid;
    this.debug = debugOptions(self, this.#options.debug ?? []);
    ack(self, starter, okTuple(self.pid));
    yield* this.#run(self, false);
  }

  *handle(self: Self, message: Value): Flow<void> {
    yield* this.#run(self, yield* this.#decode(self, message, false));
  }

  /** Goes on while it hibernates, or would after a while. */
  *#run(self: Self, first: boolean): Flow<void> {
    const { hibernateAfterMs = null } = this.#options;
    let hibernates = first;
    while (hibernates || hibernateAfterMs !== null) {
      const received: Value | typeof timedOut = yield* hibernates
        ? receive({ at: 'erlang:hibernate/3' })
        : receive({ at: idleAt, afterMs: hibernateAfterMs });
      hibernates = received === timedOut || (yield* this.#decode(self, received, hibernates));
    }
  }

  /** Handles a message; whether to hibernate then. */
  *#decode(self: Self, message: Value, hibernates: boolean): Flow<boolean> {
    const system = tagged(message, genAtoms.system, 3);
    if (system !== null) {
      const asker = fromOf(system[1]);
      if (asker !== null) yield* serveSystem(self, asker, valueAt(system, 2), this, hibernates);
      return hibernates;
    }
    if (isParentExit(message, this.parent)) yield* this.terminate(self, asValue(elementsOf(message)?.[2]));
    if (this.debug.length > 0) {
      this.debug = yield* handleDebug(self, this.debug, printEvent, this.#name, tup(a('in'), message));
    }
    const event = tagged(message, a('notify'), 2);
    if (event !== null)
      return this.#keep(yield* notify(self, this.#handlers, 'handle_event', valueAt(event, 1), this.#name));
    const exit = tagged(message, atoms.exit, 3);
    if (exit !== null) {
      const [who, reason] = [valueAt(exit, 1), valueAt(exit, 2)];
      this.#handlers = yield* endSupervised(self, this.#handlers, who, reason, this.#name);
      this.#keep(yield* notify(self, this.#handlers, 'handle_info', message, this.#name));
      return false;
    }
    const elements: readonly unknown[] = message instanceof Tuple ? message.elements : [];
    const from = elements.length === 3 ? fromOf(elements[1]) : null;
    const asked = from === null ? null : yield* this.#asked(self, from, asValue(elements[2]));
    return asked ?? this.#keep(yield* notify(self, this.#handlers, 'handle_info', message, this.#name));
  }

  #keep(changed: Changed): boolean {
    this.#handlers = changed.handlers;
    return changed.hibernate;
  }

  /** Answers a request; whether to hibernate then, or null for what is none. */
  *#asked(self: Self, from: From, request: Value): Flow<boolean | null> {
    if (request === a('which_handlers')) {
      reply(self, from, this.#handlers.map(handlerName));
      return false;
    }
    if (request === a('get_modules')) {
      const modules = new Set(this.#handlers.map(({ module }) => module));
      reply(self, from, [...modules].sort().map(a));
      return false;
    }
    const done = yield* this.#change(self, request);
    if (done === null) return null;
    reply(self, from, done.reply);
    return this.#keep(done);
  }

  *#change(self: Self, request: Value): Flow<Changed | null> {
    const [command, ...args] = partsOf(request);
    const [first, second, third, fourth, fifth] = args;
    const handlers = this.#handlers;
    const name = this.#name;
    switch (command) {
      case a('sync_notify'):
        return yield* notify(self, handlers, 'handle_event', first, name);
      case a('call'):
        return yield* callHandler(self, handlers, first, second, name);
      case a('add_handler'):
        return yield* addHandler(self, handlers, first, second, null);
      case a('add_sup_handler'):
        return yield* addHandler(self, handlers, first, second, third instanceof Pid ? third : null);
      case a('delete_handler'):
        return yield* deleteHandler(self, handlers, first, second, name);
      case a('swap_handler'):
      case a('swap_sup_handler'): {
        const swap = { from: first, argument: second, to: third, toArgument: fourth };
        return yield* swapHandler(self, handlers, swap, fifth instanceof Pid ? fifth : null, name);
      }
      default:
        return null;
    }
  }

  // ------------------------------------------------------------------------------------------------- system messages

  /** `[{Module, Id, State}]` */
  getState(): Value {
    return this.#handlers.map(({ module, id, state }) => tup(a(module), id, state));
  }

  /** One handler after the other; where the function fails, or answers another handler, the state stays. */
  *replaceState(self: Self, change: Value): Flow<Value> {
    const replaced: Handlers[number][] = [];
    for (const handler of this.#handlers) {
      const { module, id, state } = handler;
      let answer: Value = null;
      try {
        answer = yield* applyFun(self, change, [tup(a(module), id, state)]);
      } catch {
        // As OTP: the handler stays as it is.
      }
      const [ofModule, ofId, next, ...more] = partsOf(answer);
      const fits = ofModule === a(module) && sameValue(ofId, id) && more.length === 0;
      replaced.push(fits ? { ...handler, state: asValue(next) } : handler);
    }
    this.#handlers = replaced;
    return this.getState();
  }

  *codeChange(self: Self, module: Value, oldVersion: Value, extra: Value): Flow<Value> {
    const changed: Handlers[number][] = [];
    for (const handler of this.#handlers) {
      if (a(handler.module) !== module) {
        changed.push(handler);
        continue;
      }
      const answer = yield* self.apply(handler.module, 'code_change', [oldVersion, handler.state, extra]);
      const state = tagged(answer, atoms.ok, 2);
      if (state === null) throw new ErrorException(tup(a('badmatch'), answer));
      changed.push({ ...handler, state: valueAt(state, 1) });
    }
    this.#handlers = changed;
    return okTuple(this.getState());
  }

  *formatStatus(self: Self, mode: Mode): Flow<Value> {
    let log: Value = getLog(this.debug);
    const shown: Value[] = [];
    for (const { module, id, state, supervisedBy } of this.#handlers) {
      const status: StatusMap = yield* formatStatus(self, statusFormatOf(self, module), 'normal', { log, state });
      log = status['log'];
      const visible = Object.hasOwn(status, '$status') ? status['$status'] : status['state'];
      shown.push(tup(a('handler'), a(module), id, visible, supervisedBy ?? false));
    }
    return [
      tup(a('header'), statusHeader('Status for event handler', this.#name)),
      tup(a('data'), [
        tup(chars('Status'), a(mode)),
        tup(chars('Logged Events'), log),
        tup(chars('Parent'), this.parent),
      ]),
      tup(a('items'), tup(chars('Installed handlers'), shown)),
    ];
  }

  *terminate(self: Self, reason: Value): Flow<void> {
    yield* endAll(self, this.#handlers, this.#name);
    for (const { supervisedBy } of this.#handlers) {
      if (supervisedBy !== null && supervisedBy !== this.parent) self.unlink(supervisedBy);
    }
    const exit = new ExitException(reason);
    crashReport(self, exit);
    throw exit;
  }
}

/** `gen_event:print_event/3` */
function printEvent(name: Value, event: Value): string {
  const message = asValue(tagged(event, a('in'), 2)?.[1]);
  const manager = printed(name);
  const notified = tagged(message, a('notify'), 2);
  if (notified !== null) return `*DBG* ${manager} got event ${printed(valueAt(notified, 1))}\n`;
  const call = tagged(elementsOf(message)?.[2], a('call'), 3);
  if (call === null) return `*DBG* ${manager} got ${printed(message)}\n`;
  return `*DBG* ${manager}(${printed(valueAt(call, 1))}) got call ${printed(valueAt(call, 2))}\n`;
}
