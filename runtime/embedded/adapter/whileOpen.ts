/** Ends everything that runs when the runtime is closed, and answers nothing afterwards; tells the clock who waits. */
import { effectOfBreak } from '../../callGuard.ts';
import { notConnected } from '../../errors.ts';
import type { CallOptions, MethodName, MethodTable } from '../../port.ts';
import { isMethodName, portMethods } from '../../port.ts';
import type { Clock } from '../time/clock.ts';

type Call = (params: unknown, options: CallOptions) => unknown;

/** How long a runtime is open. What waits for its end is forgotten as soon as it has ended by itself. */
export class Lifetime {
  readonly #enders = new Set<() => void>();
  #over = false;

  get over(): boolean {
    return this.#over;
  }
  /** Calls `end` once, when the lifetime is over. */
  onEnd(end: () => void): { dispose(): void } {
    this.#enders.add(end);
    return { dispose: () => void this.#enders.delete(end) };
  }
  end(): void {
    this.#over = true;
    for (const end of [...this.#enders]) end();
    this.#enders.clear();
  }
}

/** The methods of `table` within `life`: at its end calls and streams under way end with `connection.lost`. */
export function whileOpen(table: MethodTable, life: Lifetime, clock: Clock): MethodTable;
// A loop over names cannot be given the type of each method; the table's own types say what each takes and answers.
export function whileOpen(table: object, life: Lifetime, clock: Clock): object {
  const wrapped = Object.entries(table).map(([name, method]: [string, unknown]) => {
    if (!isMethodName(name) || typeof method !== 'function') return [name, method] as const;
    const call: Call = (params, options) => {
      const answer: unknown = Reflect.apply(method, table, [params, options]);
      return answer;
    };
    return [name, portMethods[name].kind === 'unary' ? unary(name, call, life, clock) : stream(call, life)] as const;
  });
  return Object.fromEntries(wrapped);
}

function unary(name: MethodName, call: Call, life: Lifetime, clock: Clock): Call {
  return async (params, options) => {
    if (life.over) return notConnected();
    const bond = new Bond(options, life);
    // A clock's own method must not make time pass.
    const answered = name.startsWith('clock.') ? () => undefined : clock.attend(name, params);
    let answer: unknown = null;
    try {
      const cut = bond.cut.then(() => notConnected(effectOfBreak(name)));
      answer = await Promise.race([call(params, bond.options), cut]);
      return answer;
    } finally {
      answered(answer);
      bond.dispose();
    }
  };
}

function stream(call: Call, life: Lifetime): Call {
  return async function* (params, options) {
    const bond = new Bond(options, life);
    try {
      const items = life.over ? null : call(params, bond.options);
      if (isItems(items)) {
        for await (const item of items) {
          if (isOver(life)) break;
          yield item;
        }
      }
      if (isOver(life)) yield { is: 'end', result: notConnected() };
    } finally {
      bond.dispose();
    }
  };
}

/** Asked anew: it may have ended while we waited. */
function isOver(life: Lifetime): boolean {
  return life.over;
}

function isItems(answer: unknown): answer is AsyncIterable<unknown> {
  return typeof answer === 'object' && answer !== null && Symbol.asyncIterator in answer;
}

/** One call's options, whose signal also aborts with the lifetime. */
class Bond {
  readonly options: CallOptions;
  /** Resolves when the lifetime ends before the call. */
  readonly cut: Promise<void>;
  readonly #outer: AbortSignal;
  readonly #control = new AbortController();
  readonly #onAbort = (): void => {
    this.#control.abort();
  };
  readonly #waiting: { dispose(): void };

  constructor(options: CallOptions, life: Lifetime) {
    this.#outer = options.signal;
    this.#outer.addEventListener('abort', this.#onAbort, { once: true });
    if (this.#outer.aborted) this.#control.abort();
    let resolveCut = (): void => undefined;
    this.cut = new Promise((resolve) => (resolveCut = resolve));
    this.#waiting = life.onEnd(() => {
      this.#control.abort();
      resolveCut();
    });
    this.options = {
      signal: this.#control.signal,
      correlationId: options.correlationId,
      get remainingMs() {
        return options.remainingMs;
      },
    };
  }

  dispose(): void {
    this.#outer.removeEventListener('abort', this.#onAbort);
    this.#waiting.dispose();
  }
}
