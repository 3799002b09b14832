/**
 * gen_server: a process with a state, asked by calls, told by casts. Follows stdlib's `gen_server` of OTP 25: names, `continue`,
 * time-outs, hibernation, stop, exits of the parent, system messages, reports.
 */
import type { Value } from '../../term/values.ts';
import { a, Atom, Pid, Tuple, tup } from '../../term/values.ts';
import { ErrorException, ExitException } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive, settle, timedOut } from '../kernel/flow.ts';
import type { Handler } from '../kernel/process.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, errorTuple, okTuple } from '../kernel/values.ts';
import type { Caught } from './crashReport.ts';
import { caught, crashReport, isOrderly, parentOf } from './crashReport.ts';
import type { Starter } from './gen.ts';
import { ack, enter, leaveName, start } from './gen.ts';
import type { LoopOptions } from './genServerLoop.ts';
import { badReturn, loopAt, ServerLoop } from './genServerLoop.ts';
import type { ServerName } from './names.ts';
import { ownName, plainName, whereis } from './names.ts';
import type { Init, ServerModule, Then } from './serverModule.ts';

export { isOrderly };

export type { CallStep, Changed, Init, ServerModule, Step, Then } from './serverModule.ts';
export { noreply, reply, stop } from './serverModule.ts';

export type ServerStart = LoopOptions & {
  readonly name?: ServerName;
  readonly link?: boolean;
  /** `start_monitor/3,4`: `{ok, {Pid, MonitorRef}}`. */
  readonly monitor?: boolean;
  readonly timeoutMs?: number;
  /** `$initial_call`, where it is not the module's `init/1`. */
  readonly initialModule?: { readonly module: string; readonly function: string };
};

/** `gen_server:start_link/4` (`start/4` with `link: false`): `{ok, Pid}`, `{error, Reason}` or `ignore`. */
export function startServer<S>(
  self: Self,
  module: ServerModule<S>,
  argument: Value,
  options: ServerStart = {},
): Flow<Value> {
  const shown = options.initialModule ?? { module: module.module, function: 'init' };
  const { monitor = false, timeoutMs } = options;
  return start(self, {
    initialCall: { ...shown, arity: 1 },
    name: options.name ?? null,
    link: options.link ?? !monitor,
    monitor,
    idleAt: loopAt,
    ...(timeoutMs !== undefined && { timeoutMs }),
    handler: (starter) => new StartedServer(module, argument, starter, options),
  });
}

/** A gen_server from its `init` on: what the kernel runs. */
class StartedServer<S> implements Handler {
  readonly #module: ServerModule<S>;
  readonly #argument: Value;
  readonly #starter: Starter;
  readonly #options: LoopOptions;
  #loop: ServerLoop<S> | null = null;

  constructor(module: ServerModule<S>, argument: Value, starter: Starter, options: LoopOptions) {
    this.#module = module;
    this.#argument = argument;
    this.#starter = starter;
    this.#options = options;
  }

  state(): Value {
    return this.#loop?.shown;
  }

  handle(self: Self, message: Value): void | Flow<void> {
    return this.#loop?.handle(self, message);
  }

  *start(self: Self): Flow<void> {
    const starter = this.#starter;
    if (!(yield* enter(self, starter))) self.exit(atoms.normal);
    let init: Init<S>;
    try {
      init = yield* settle(this.#module.init(self, this.#argument));
    } catch (thrown) {
      return yield* this.#failed(self, caught(thrown));
    }
    switch (init.is) {
      case 'ok': {
        const name = starter.options.name === null ? self.pid : plainName(starter.options.name);
        // With start_monitor too the starter counts as the parent (gen:do_spawn/5).
        const parent = starter.options.link || starter.options.monitor === true ? starter.pid : self.pid;
        this.#loop = new ServerLoop(self, this.#module, init.state, { ...this.#options, name, parent });
        ack(self, starter, okTuple(self.pid));
        yield* this.#loop.run(self, init.then ?? null);
        return;
      }
      case 'ignore':
        yield* leaveName(self, starter);
        ack(self, starter, atoms.ignore);
        return self.exit(atoms.normal);
      case 'stop':
        yield* leaveName(self, starter);
        ack(self, starter, errorTuple(init.reason));
        return this.#end(self, new ExitException(init.reason));
      case 'bad_return':
        ack(self, starter, errorTuple(badReturn(init.value)));
        return this.#end(self, new ExitException(badReturn(init.value)));
    }
  }

  /** A throw is an answer like any other in Erlang, and none that a typed init can give. */
  *#failed(self: Self, { kind, reason, stacktrace }: Caught): Flow<void> {
    const thrown =
      kind === 'error'
        ? new ErrorException(reason, stacktrace)
        : new ExitException(kind === 'throw' ? badReturn(reason) : reason);
    yield* leaveName(self, this.#starter);
    ack(self, this.#starter, errorTuple(kind === 'error' ? tup(reason, stacktrace) : thrown.reason));
    this.#end(self, thrown);
  }

  #end(self: Self, thrown: ErrorException | ExitException): never {
    crashReport(self, thrown);
    throw thrown;
  }
}

/** The pid of `{ok, Pid}` or `{ok, Pid, Extra}`; null for anything else. */
export function startedPid(outcome: Value): Value {
  if (!(outcome instanceof Tuple) || outcome.elements[0] !== atoms.ok) return null;
  return asValue(outcome.elements[1]);
}

/**
 * `gen_server:enter_loop/3,4,5`: this process, started by proc_lib, becomes a gen_server, and never returns. Exits with
 * `process_was_not_started_by_proc_lib`, or with why the name is not its own.
 */
export function* enterLoop<S>(
  self: Self,
  module: ServerModule<S>,
  state: S,
  { name, then, ...options }: LoopOptions & { readonly name?: ServerName; readonly then?: Then } = {},
): Flow<never> {
  const own = yield* ownName(self, name ?? self.pid);
  const parent = yield* parentPid(self);
  const loop = new ServerLoop(self, module, state, { name: own, parent, ...options });
  yield* loop.run(self, then ?? null);
  for (;;) {
    const message = yield* receive({ at: loopAt });
    if (message !== timedOut) yield* settle(loop.handle(self, message));
  }
}

/** `gen:get_parent/0` */
export function* parentPid(self: Self): Flow<Pid> {
  const parent = parentOf(self);
  if (parent instanceof Pid) return parent;
  if (!(parent instanceof Atom)) return self.exit(a('process_was_not_started_by_proc_lib'));
  const found = self.whereis(parent) ?? (yield* whereis(self, tup(a('global'), parent)));
  return found ?? self.exit(a('could_not_find_registered_name'));
}
