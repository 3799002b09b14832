/**
 * gen_statem: starting a state machine, or becoming one. Follows stdlib's `gen_statem` of OTP 25. The callback module is loaded code,
 * found by name at each event, with OTP's own terms as answers.
 */
import type { Value } from '../../term/values.ts';
import { a, Tuple, tup } from '../../term/values.ts';
import { ExitException } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive, timedOut } from '../kernel/flow.ts';
import type { Handler } from '../kernel/process.ts';
import type { Self } from '../kernel/self.ts';
import { atoms, errorTuple, okTuple, partsOf } from '../kernel/values.ts';
import { returned } from './callbackModule.ts';
import { caught, crashReport } from './crashReport.ts';
import type { Starter } from './gen.ts';
import { ack, enter, leaveName, start } from './gen.ts';
import type { ServerStart } from './genServer.ts';
import { parentPid } from './genServer.ts';
import type { LoopOptions } from './genServerLoop.ts';
import type { ServerName } from './names.ts';
import { ownName, plainName } from './names.ts';
import { listOf } from './statemActions.ts';
import { idleAt, Machine } from './statemMachine.ts';
import type { MachineShown } from './statemReport.ts';
import { reportMachineEnd } from './statemReport.ts';

/** `gen_statem:start/3,4`, `start_link`, `start_monitor`. */
export function startMachine(self: Self, module: string, argument: Value, options: ServerStart = {}): Flow<Value> {
  const { monitor = false, timeoutMs } = options;
  return start(self, {
    initialCall: { module, function: 'init', arity: 1 },
    name: options.name ?? null,
    link: options.link ?? !monitor,
    monitor,
    idleAt,
    ...(timeoutMs !== undefined && { timeoutMs }),
    handler: (starter) => new StartedMachine(module, argument, starter, options),
  });
}

/** `gen_statem:enter_loop/4,5,6`: this process, started by proc_lib, becomes a gen_statem. */
export function* enterMachine(
  self: Self,
  module: string,
  { state, data, actions = [] }: { readonly state: Value; readonly data: Value; readonly actions?: readonly Value[] },
  { name, ...options }: LoopOptions & { readonly name?: ServerName } = {},
): Flow<never> {
  const parent = yield* parentPid(self);
  const own = yield* ownName(self, name ?? self.pid);
  const machine = new Machine(self, module, { state, data }, { name: own, parent, ...options });
  yield* machine.enter(self, actions);
  for (;;) {
    const message = yield* receive({ at: idleAt });
    if (message !== timedOut) yield* machine.handle(self, message);
  }
}

class StartedMachine implements Handler {
  readonly #module: string;
  readonly #argument: Value;
  readonly #starter: Starter;
  readonly #options: ServerStart;
  #machine: Machine | null = null;

  constructor(module: string, argument: Value, starter: Starter, options: ServerStart) {
    this.#module = module;
    this.#argument = argument;
    this.#starter = starter;
    this.#options = options;
  }

  state(): Value {
    return this.#machine?.getState();
  }

  handle(self: Self, message: Value): void | Flow<void> {
    return this.#machine?.handle(self, message);
  }

  *start(self: Self): Flow<void> {
    const starter = this.#starter;
    if (!(yield* enter(self, starter))) self.exit(atoms.normal);
    let answer: Value;
    try {
      answer = yield* returned(self.apply(this.#module, 'init', [this.#argument]));
    } catch (thrown) {
      const { reason } = caught(thrown);
      return yield* this.#fail(self, reason, thrown);
    }
    if (answer === atoms.ignore) {
      yield* leaveName(self, starter);
      ack(self, starter, atoms.ignore);
      return self.exit(atoms.normal);
    }
    const size = answer instanceof Tuple ? answer.elements.length : 0;
    const [tag, first, second, actions] = partsOf(answer);
    if (tag === a('stop') && size === 2) return yield* this.#fail(self, first, new ExitException(first), false);
    if (tag !== atoms.ok || (size !== 3 && size !== 4)) {
      const bad = tup(a('bad_return_from_init'), answer);
      return yield* this.#fail(self, bad, new ExitException(bad));
    }
    const { name, link, monitor } = starter.options;
    const parent = link || monitor === true ? starter.pid : self.pid;
    const identity = { name: name === null ? self.pid : plainName(name), parent };
    this.#machine = new Machine(self, this.#module, { state: first, data: second }, { ...this.#options, ...identity });
    ack(self, starter, okTuple(self.pid));
    yield* this.#machine.enter(self, size === 4 ? listOf(actions) : []);
  }

  /** The start fails; what is no `{stop, Reason}` is reported. */
  *#fail(self: Self, reason: Value, thrown: unknown, isBug = true): Flow<void> {
    yield* leaveName(self, this.#starter);
    ack(self, this.#starter, errorTuple(reason));
    const { kind, stacktrace } = caught(thrown);
    if (isBug) {
      const { name } = this.#starter.options;
      const shown: MachineShown = {
        ...{ name: name === null ? self.pid : plainName(name), modules: [this.#module], callbackMode: undefined },
        ...{ stateEnter: false, state: undefined, data: undefined, postponed: [], timeouts: [], log: [] },
      };
      yield* reportMachineEnd(self, shown, { kind: kind === 'exit' ? 'exit' : 'error', reason, stacktrace, queue: [] });
    }
    crashReport(self, thrown);
    throw thrown;
  }
}
