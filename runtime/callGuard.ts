/**
 * The guard around every method of a port: whatever the method does (throws, hangs, ignores its signal, answers nonsense), the
 * caller gets a Result within the time it gave.
 */
import { isCancelled, longestMs, onCancelled, remainingNow } from './callOptions.ts';
import { deadlines } from './deadlines.ts';
import { cancelled, failure, timedOut } from './errors.ts';
import type { Effect, Failure, Result } from './model.ts';
import type { CallOptions, MethodName, StreamItem } from './port.ts';
import { portMethods } from './port.ts';

export type AnyResult = Result<unknown>;
export type AnyItem = StreamItem<unknown, unknown>;
/** A method with its types forgotten: what a loop over the table can make. */
export type AnyMethod = (params: unknown, options: CallOptions) => unknown;

/**
 * How long a write that was cut off may still tell what became of it. Only a known effect lets the caller retry or undo; a method
 * that heeds its signal knows, so it is asked before `unknown` is said.
 */
const lastWordMs = 25;

/** What can be said of the world when a call of `method` was cut off, or broke, after it had begun. */
export function effectOfBreak(method: MethodName): Effect {
  const { effect } = portMethods[method];
  return effect === 'read' || effect === 'diagnose' ? 'none' : 'unknown';
}

/** What only looks has done nothing, whatever it did to look and whatever broke: the process by which it looked may have been lost. */
function withEffectOf(method: MethodName, answer: AnyResult): AnyResult {
  if (answer.ok || answer.error.effect === 'none' || effectOfBreak(method) !== 'none') return answer;
  return { ok: false, error: { ...answer.error, effect: 'none' } };
}

/** A bug of ours, as a value: `system` is the class no input and no target may cause. */
function broken(method: MethodName, code: string, message: string): Failure {
  return failure('system', code, message, 'This is a bug in Arsenal: please report it with the log.', {
    effect: effectOfBreak(method),
    details: { method },
  });
}

function threw(method: MethodName, thrown: unknown): Failure {
  const said = thrown instanceof Error ? thrown.message : String(thrown);
  return broken(method, 'port.method_threw', `${method} failed: ${said}`);
}

/** The answer to a call that may not begin, or null when it may. Nothing has happened, whatever the method would have done. */
function refusal(method: MethodName, options: CallOptions): Failure | null {
  if (isCancelled(options)) return cancelled('none');
  return remainingNow(options) === 0 ? timedOut(method, 'none') : null;
}

/** Calls `cut` once when the signal aborts or the budget is spent; answers how to stop waiting for either. */
function watchBudget(method: MethodName, options: CallOptions, cut: (answer: Failure) => void): () => void {
  const leftMs = remainingNow(options);
  const expire = () => cut(timedOut(method, effectOfBreak(method)));
  const keepNoDeadline = leftMs < longestMs ? deadlines.after(leftMs, expire) : null;
  const stopListening = onCancelled(options, () => cut(cancelled(effectOfBreak(method))));
  return () => {
    keepNoDeadline?.();
    stopListening();
  };
}

/** Why a method's signal is aborted, whatever the cause. Made once: with each comes its stack, which costs a short list a tenth of its time. */
const callIsOver = new DOMException('The call is over.', 'AbortError');

/** What a method is given: the time of its caller, and a signal of its own, which is made when it is first asked for. */
class MethodOptions implements CallOptions {
  readonly correlationId: string;
  readonly #caller: CallOptions;
  #control: AbortController | null = null;
  #isAborted = false;

  constructor(caller: CallOptions) {
    this.correlationId = caller.correlationId;
    this.#caller = caller;
  }

  get remainingMs(): number {
    return remainingNow(this.#caller);
  }

  get signal(): AbortSignal {
    this.#control ??= new AbortController();
    if (this.#isAborted) this.#control.abort(callIsOver);
    return this.#control.signal;
  }

  abort(): void {
    this.#isAborted = true;
    this.#control?.abort(callIsOver);
  }
}

/**
 * Runs a unary method. Answers its result, or `cancelled` or `timedOut` (effect `none` for read and diagnose, `unknown` for change
 * and destroy), or a `system` error when it throws or answers no Result. Never rejects.
 */
export function guardUnary(
  name: MethodName,
  method: AnyMethod,
  params: unknown,
  options: CallOptions,
): Promise<AnyResult> {
  const refused = refusal(name, options);
  if (refused !== null) return Promise.resolve(refused);
  return new Promise((resolve) => {
    const own = new MethodOptions(options);
    let lastWord: ReturnType<typeof setTimeout> | undefined;
    let cut: Failure | null = null;
    const stopWaiting = watchBudget(name, options, (answer) => {
      cut = answer;
      stopWaiting();
      own.abort();
      if (answer.error.effect === 'none') resolve(answer);
      else lastWord = setTimeout(() => resolve(answer), lastWordMs);
    });
    const settle = (answer: AnyResult) => {
      stopWaiting();
      clearTimeout(lastWord);
      resolve(cut === null ? answer : lastWordOf(answer, cut));
    };
    const run = async (): Promise<unknown> => method(params, own);
    run().then(
      (answer) =>
        settle(
          isResult(answer)
            ? withEffectOf(name, answer)
            : broken(name, 'port.bad_answer', `${name} answered no result.`),
        ),
      (thrown: unknown) => settle(threw(name, thrown)),
    );
  });
}

/** A method only sees its signal, not why it was cut off: its effect is believed, the reason is ours. */
function lastWordOf(answer: AnyResult, cut: Failure): AnyResult {
  if (answer.ok || answer.error.class !== 'cancelled') return answer;
  return { ok: false, error: { ...cut.error, effect: answer.error.effect } };
}

/**
 * Runs a stream method. The method starts with the first pull; exactly one `end` comes, last; leaving the loop early aborts the
 * method's signal. Cut off as {@link guardUnary} is. Pulls are answered one at a time, in order, and never reject.
 */
export function guardStream(
  name: MethodName,
  method: AnyMethod,
  params: unknown,
  options: CallOptions,
): AsyncIterableIterator<AnyItem> {
  return new GuardedStream(name, method, params, options);
}

class GuardedStream implements AsyncIterableIterator<AnyItem> {
  readonly #name: MethodName;
  readonly #method: AnyMethod;
  readonly #params: unknown;
  readonly #options: CallOptions;
  readonly #own: MethodOptions;
  #inner: AsyncIterator<unknown> | null = null;
  #cut: Failure | null = null;
  #onCut: ((answer: Failure) => void) | null = null;
  #stopWaiting: () => void = () => undefined;
  #done = false;
  #tail: Promise<IteratorResult<AnyItem, undefined>> = Promise.resolve({ done: true, value: undefined });

  constructor(name: MethodName, method: AnyMethod, params: unknown, options: CallOptions) {
    this.#name = name;
    this.#method = method;
    this.#params = params;
    this.#options = options;
    this.#own = new MethodOptions(options);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<AnyItem> {
    return this;
  }

  next(): Promise<IteratorResult<AnyItem, undefined>> {
    this.#tail = this.#tail.then(() => this.#step());
    return this.#tail;
  }

  return(): Promise<IteratorResult<AnyItem, undefined>> {
    this.#finish();
    return Promise.resolve({ done: true, value: undefined });
  }

  async #step(): Promise<IteratorResult<AnyItem, undefined>> {
    if (this.#done) return { done: true, value: undefined };
    const item = await this.#pull();
    // Only now: a frame that was pulled before the consumer left is nobody's.
    if (item.is === 'end') this.#finish();
    return { done: false, value: item };
  }

  async #pull(): Promise<AnyItem> {
    try {
      const inner = this.#inner ?? this.#start();
      if (!isIterator(inner)) return { is: 'end', result: inner };
      const pulled = await this.#orCut(inner);
      if ('ok' in pulled) return { is: 'end', result: pulled };
      if (pulled.done === true) return this.#bad('port.stream_without_end', `${this.#name} ended without a result.`);
      if (!isItem(pulled.value)) return this.#bad('port.bad_answer', `${this.#name} answered no frame.`);
      const item = pulled.value;
      return item.is === 'end' ? { is: 'end', result: withEffectOf(this.#name, item.result) } : item;
    } catch (thrown) {
      return { is: 'end', result: threw(this.#name, thrown) };
    }
  }

  /** Begins the method, or says why it may not begin. */
  #start(): AsyncIterator<unknown> | Failure {
    const refused = refusal(this.#name, this.#options);
    if (refused !== null) return refused;
    this.#stopWaiting = watchBudget(this.#name, this.#options, (answer) => {
      this.#cut = answer;
      this.#onCut?.(answer);
      this.#own.abort();
    });
    const stream = this.#method(this.#params, this.#own);
    if (!isAsyncIterable(stream)) return broken(this.#name, 'port.bad_answer', `${this.#name} answered no stream.`);
    this.#inner = stream[Symbol.asyncIterator]();
    return this.#inner;
  }

  /** The next item of the method, or the failure that cut it off, whichever is first; no promise outlives the pull. */
  #orCut(inner: AsyncIterator<unknown>): Promise<IteratorResult<unknown> | Failure> {
    if (this.#cut !== null) return Promise.resolve(this.#cut);
    return new Promise((resolve, reject) => {
      this.#onCut = resolve;
      inner.next().then(resolve, reject);
    });
  }

  #bad(code: string, message: string): AnyItem {
    return { is: 'end', result: broken(this.#name, code, message) };
  }

  #finish(): void {
    if (this.#done) return;
    this.#done = true;
    this.#stopWaiting();
    this.#own.abort();
    // A generator that is in the middle of an await answers `return` only afterwards: told, not waited for.
    this.#inner?.return?.().catch(() => undefined);
  }
}

function isIterator(value: AsyncIterator<unknown> | Failure): value is AsyncIterator<unknown> {
  return 'next' in value;
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/** Whether `value` has the shape of a Result: methods may be written by users, and answers may have crossed a channel. */
export function isResult(value: unknown): value is AnyResult {
  if (typeof value !== 'object' || value === null || !('ok' in value)) return false;
  if (value.ok === true) return 'value' in value;
  if (value.ok !== false || !('error' in value)) return false;
  const { error } = value;
  return (
    typeof error === 'object' &&
    error !== null &&
    ['code', 'class', 'message', 'remedy', 'effect'].every((key) => typeof Reflect.get(error, key) === 'string')
  );
}

function isItem(value: unknown): value is AnyItem {
  if (typeof value !== 'object' || value === null || !('is' in value)) return false;
  return value.is === 'frame' ? 'frame' in value : value.is === 'end' && 'result' in value && isResult(value.result);
}
