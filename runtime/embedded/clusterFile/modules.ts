/**
 * What a cluster file makes its modules of. They are loaded modules like any other, found by name at each message, so that a file that
 * is saved again serves the next one.
 */
import type { Value } from '../../term/values.ts';
import { a, Atom, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import type { Code, CodeModule } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, partsOf } from '../kernel/values.ts';
import { callbackModule as serverModule } from '../otp/callbackModule.ts';
import type { AutoShutdown, Restart, RestartStrategy, Shutdown } from '../otp/childSpec.ts';
import { childSpec, flags, flagsValue, specValue } from '../otp/childSpec.ts';
import type { From } from '../otp/gen.ts';
import type { ServerName } from '../otp/names.ts';
import { startServer } from '../otp/genServer.ts';
import { startSupervisor } from '../otp/supervisor.ts';
import { callbackModule as supervisorCallbacks } from '../otp/supervisorModule.ts';

/** A plain answer, or a generator's when it has to wait. */
type MayWait = Value | Flow<Value>;

/**
 * Callbacks of a gen_server (gen_server(3)). They answer what {@link ok}, {@link reply}, {@link noreply} and {@link stop} make; one
 * that has to wait (a `call`, a `receive`) is a generator function.
 */
export type ServerCallbacks<S extends Value> = {
  init(self: Self, argument: Value): MayWait;
  handleCall?(self: Self, request: Value, from: From, state: S): MayWait;
  handleCast?(self: Self, message: Value, state: S): MayWait;
  handleInfo?(self: Self, message: Value, state: S): MayWait;
  handleContinue?(self: Self, continuation: Value, state: S): MayWait;
  terminate?(self: Self, reason: Value, state: S): MayWait;
  /** The state for this code, of the state that the code before left; called when the file is saved while the server runs. */
  codeChange?(self: Self, oldVersion: Value, state: S, extra: Value): MayWait;
};
export type ServerOptions = {
  /** The name it is registered under; its module's unless said, null for none. */
  readonly registered?: ServerName | null;
};

const callbackNames = {
  init: 'init/1',
  handleCall: 'handle_call/3',
  handleCast: 'handle_cast/2',
  handleInfo: 'handle_info/2',
  handleContinue: 'handle_continue/2',
  terminate: 'terminate/2',
  codeChange: 'code_change/3',
} as const;

/** A module `name` that is a gen_server, with `start_link/0,1`. Elixir's modules are called `Elixir.Shop.Cart`. */
export function genServer<S extends Value>(
  name: string,
  callbacks: ServerCallbacks<S>,
  options: ServerOptions = {},
): CodeModule {
  const functions: { [nameAndArity: string]: Code } = {};
  for (const [callback, nameAndArity] of Object.entries(callbackNames)) {
    const run: unknown = Reflect.get(callbacks, callback);
    if (!isCode(run)) continue;
    functions[nameAndArity] = (self, ...args) => run.call(callbacks, self, ...args);
  }
  const registered = options.registered === undefined ? a(name) : options.registered;
  const start: Code = (self, argument) =>
    startServer(self, serverModule(name), argument, registered === null ? {} : { name: registered });
  return {
    name,
    behaviours: ['gen_server'],
    functions: { ...functions, 'start_link/0': (self) => start(self, []), 'start_link/1': start },
  };
}

function isCode(value: unknown): value is Code {
  return typeof value === 'function';
}

/** A child of a supervisor, started by `Module:start_link(Argument)`. */
export type ChildDefinition = {
  /** Its module's name unless said. */
  readonly id?: Value;
  readonly module: string | CodeModule;
  /** Left out: `start_link/0`. */
  readonly argument?: Value;
  /** Another function than `start_link`, with these arguments. */
  readonly start?: { readonly function: string; readonly args: readonly Value[] };
  readonly restart?: Restart;
  readonly shutdown?: Shutdown;
  readonly type?: 'worker' | 'supervisor';
  readonly significant?: boolean;
};
export type SupervisorDefinition = {
  readonly strategy?: RestartStrategy;
  /** Restarts within `periodSeconds` before it gives up; OTP's 1 in 5 unless said. */
  readonly intensity?: number;
  readonly periodSeconds?: number;
  readonly autoShutdown?: AutoShutdown;
  readonly children: readonly ChildDefinition[];
};

/** A module `name` that is a supervisor, registered under that name, with `start_link/0,1` (supervisor(3)). */
export function supervisor(name: string, definition: SupervisorDefinition): CodeModule {
  const start: Code = (self, argument) =>
    startSupervisor(self, supervisorCallbacks(a(name)), argument, { name: a(name) });
  return {
    name,
    behaviours: ['supervisor'],
    functions: {
      'init/1': () => tup(a('ok'), supervisorTerm(definition)),
      'start_link/0': (self) => start(self, []),
      'start_link/1': start,
      // So that it can be an application's, too.
      'start/2': (self, _type, argument) => start(self, argument),
    },
  };
}

function supervisorTerm({ children, ...options }: SupervisorDefinition): Value {
  return tup(flagsValue(flags(options)), children.map(childTerm));
}

function childTerm(child: ChildDefinition): Value {
  const module = typeof child.module === 'string' ? child.module : child.module.name;
  const isSupervisor = typeof child.module !== 'string' && child.module.behaviours?.includes('supervisor') === true;
  const { restart, shutdown, significant } = child;
  const args = child.argument === undefined ? [] : [child.argument];
  const { function: name, args: given } = child.start ?? { function: 'start_link', args };
  return specValue(
    childSpec(child.id ?? a(module), [module, name, given], {
      type: child.type ?? (isSupervisor ? 'supervisor' : 'worker'),
      ...(restart !== undefined && { restart }),
      ...(shutdown !== undefined && { shutdown }),
      ...(significant !== undefined && { significant }),
    }),
  );
}

/** A module of functions, by name and arity (`work/1`): for processes that are spawned, and for calls by `rpc`. */
export function codeModule(name: string, functions: CodeModule['functions']): CodeModule {
  return { name, functions };
}

// ----------------------------------------------------------------------------------------------- what callbacks answer

/** What a callback wants next besides waiting for a message. */
export type Next = { readonly continue: Value } | { readonly timeoutMs: number } | 'hibernate';

function nextTerm(next: Next): Value {
  if (next === 'hibernate') return a('hibernate');
  return 'continue' in next ? tup(a('continue'), next.continue) : next.timeoutMs;
}

/** `{ok, State}`: the answer of `init`, and of `codeChange`. */
export function ok(state: Value, next?: Next): Value {
  return next === undefined ? tup(a('ok'), state) : tup(a('ok'), state, nextTerm(next));
}
/** `{reply, Reply, State}` */
export function reply(answer: Value, state: Value, next?: Next): Value {
  return next === undefined ? tup(a('reply'), answer, state) : tup(a('reply'), answer, state, nextTerm(next));
}
/** `{noreply, State}` */
export function noreply(state: Value, next?: Next): Value {
  return next === undefined ? tup(a('noreply'), state) : tup(a('noreply'), state, nextTerm(next));
}
/** `{stop, Reason, State}`, or with a reply `{stop, Reason, Reply, State}`. */
export function stop(reason: Value | string, state: Value, answer?: { readonly reply: Value }): Value {
  const why = typeof reason === 'string' ? a(reason) : reason;
  return answer === undefined ? tup(a('stop'), why, state) : tup(a('stop'), why, answer.reply, state);
}

/** The elements of a tuple whose first is the atom `tag`, without it; null for anything else. `match(message, 'order')` */
export function match(value: Value, tag: string): readonly Value[] | null {
  const [first, ...rest] = partsOf(value);
  return first instanceof Atom && first.name === tag ? rest.map(asValue) : null;
}
