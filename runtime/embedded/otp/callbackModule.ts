/**
 * gen_server callback modules that are loaded code: `Module:handle_call/3` and so on, with OTP's own tuples as answers. They are found
 * by name at each call, so that code loaded anew serves the next message.
 */
import type { Value } from '../../term/values.ts';
import { a, Tuple } from '../../term/values.ts';
import { ThrownValue } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, tagged, partsOf } from '../kernel/values.ts';
import type { StatusFormat } from './formatStatus.ts';
import type { From } from './gen.ts';
import { reportUnhandled } from './genServerReport.ts';
import type { CallStep, Changed, Init, ServerModule, Step, Then } from './serverModule.ts';
import { noreply } from './serverModule.ts';

/** What a function answers; what it throws is its answer, too (`catch`). */
export function* returned(run: Flow<Value>): Flow<Value> {
  try {
    return yield* run;
  } catch (thrown) {
    if (thrown instanceof ThrownValue) return thrown.value;
    throw thrown;
  }
}

/** The gen_server whose callbacks are the functions of the loaded module `name`. */
export function callbackModule(name: string): ServerModule<Value> {
  return new CallbackModule(name);
}

class CallbackModule implements ServerModule<Value> {
  readonly module: string;

  constructor(module: string) {
    this.module = module;
  }

  *init(self: Self, argument: Value): Flow<Init<Value>> {
    return initOf(yield* this.#call(self, 'init', [argument]));
  }
  *handleCall(self: Self, request: Value, from: From, state: Value): Flow<CallStep<Value>> {
    return callStepOf(yield* this.#call(self, 'handle_call', [request, from, state]));
  }
  *handleCast(self: Self, message: Value, state: Value): Flow<Step<Value>> {
    return stepOf(yield* this.#call(self, 'handle_cast', [message, state]));
  }
  *handleInfo(self: Self, message: Value, state: Value): Flow<Step<Value>> {
    if (self.exports(this.module, 'handle_info', 2)) {
      return stepOf(yield* this.#call(self, 'handle_info', [message, state]));
    }
    reportUnhandled(self, 'gen_server', this.module, message);
    return noreply(state);
  }
  *handleContinue(self: Self, continuation: Value, state: Value): Flow<Step<Value>> {
    return stepOf(yield* this.#call(self, 'handle_continue', [continuation, state]));
  }
  *terminate(self: Self, reason: Value, state: Value): Flow<void> {
    if (self.exports(this.module, 'terminate', 2)) yield* self.apply(this.module, 'terminate', [reason, state]);
  }
  *codeChange(self: Self, oldVersion: Value, state: Value, extra: Value): Flow<Changed<Value>> {
    const answer = yield* self.apply(this.module, 'code_change', [oldVersion, state, extra]);
    const changed = tagged(answer, atoms.ok, 2);
    return changed === null ? { is: 'error', reason: answer } : { is: 'ok', state: asValue(changed[1]) };
  }
  show(state: Value): Value {
    return state;
  }
  restore(value: Value): Value {
    return value;
  }
  statusFormat(self: Self): StatusFormat {
    return statusFormatOf(self, this.module);
  }

  #call(self: Self, callback: string, args: readonly Value[]): Flow<Value> {
    return returned(self.apply(this.module, callback, args));
  }
}

/** `format_status/1` and `/2` of a loaded module, as far as it has them. */
export function statusFormatOf(self: Self, module: string): StatusFormat {
  return {
    module,
    ...(self.exports(module, 'format_status', 1) && {
      one: (own, status) => own.apply(module, 'format_status', [status]),
    }),
    ...(self.exports(module, 'format_status', 2) && {
      two: (own, option, args) => own.apply(module, 'format_status', [option, args]),
    }),
  };
}

const words = { noreply: a('noreply'), reply: a('reply'), stop: a('stop'), hibernate: a('hibernate') } as const;

/** What a third element asks for; undefined for what is none. */
function thenOf(value: Value): { readonly then?: Then } | null {
  if (value === atoms.infinity) return {};
  if (value === words.hibernate) return { then: { is: 'hibernate' } };
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return { then: { is: 'timeout', ms: value } };
  const continued = tagged(value, a('continue'), 2);
  return continued === null ? null : { then: { is: 'continue', with: asValue(continued[1]) } };
}

function initOf(answer: Value): Init<Value> {
  if (answer === atoms.ignore) return { is: 'ignore' };
  const [tag, state, third, ...more] = partsOf(answer);
  const size = answer instanceof Tuple ? answer.elements.length : 0;
  if (tag === words.stop && size === 2) return { is: 'stop', reason: state };
  if (tag === atoms.ok && size === 2) return { is: 'ok', state };
  const then = tag === atoms.ok && size === 3 && more.length === 0 ? thenOf(third) : null;
  return then === null ? { is: 'bad_return', value: answer } : { is: 'ok', state, ...then };
}

function stepOf(answer: Value): Step<Value> {
  const [tag, second, third] = partsOf(answer);
  const size = answer instanceof Tuple ? answer.elements.length : 0;
  if (tag === words.noreply && size === 2) return { is: 'noreply', state: second };
  if (tag === words.stop && size === 3) return { is: 'stop', reason: second, state: third };
  const then = tag === words.noreply && size === 3 ? thenOf(third) : null;
  return then === null ? { is: 'bad_return', value: answer } : { is: 'noreply', state: second, ...then };
}

function callStepOf(answer: Value): CallStep<Value> {
  const [tag, second, third, fourth] = partsOf(answer);
  const size = answer instanceof Tuple ? answer.elements.length : 0;
  if (tag === words.stop && size === 4) return { is: 'stop_reply', reason: second, reply: third, state: fourth };
  if (tag !== words.reply) return stepOf(answer);
  if (size === 3) return { is: 'reply', reply: second, state: third };
  const then = size === 4 ? thenOf(fourth) : null;
  if (then === null) return { is: 'bad_return', value: answer };
  return { is: 'reply', reply: second, state: third, ...then };
}
