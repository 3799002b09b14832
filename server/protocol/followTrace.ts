/**
 * Following what goes on beside the call that began it (a trace, a monitor, a profile, a search for leaks), so that nobody who asks for
 * one has to know ids: its items as they come, its result in the end, and a stop that shows what there is. How calls are made is the
 * caller's.
 */
import { arsenalError } from '../../runtime/errors.ts';
import type { ArsenalError, Effect, Json, Result } from '../../runtime/model.ts';
import { errorClasses, ok } from '../../runtime/model.ts';

type JsonObject = { readonly [key: string]: Json };

export type Following = {
  /**
   * Runs an operation and answers its result: given up when it is to be stopped (during `wanted`), or done all the same (`closing`).
   * Where the way there can tell items while the call lasts, it tells them to `onItems`.
   */
  readonly run: (
    operation: string,
    params: JsonObject,
    during: 'wanted' | 'closing',
    onItems: (items: readonly Json[]) => void,
  ) => Promise<Result<Json>>;
  /** Where items come with answers only: waits so long, or until it is to be stopped. Null where they come while a call lasts. */
  readonly pause: ((forMs: number) => Promise<void>) | null;
  /** Whether it is to be ended early. */
  readonly isStopped: () => boolean;
  /** Each item once, in order. `count` are those so far, `fraction` the part of its time that has passed. */
  readonly onItems: (items: readonly JsonObject[], so: { readonly count: number; readonly fraction: number }) => void;
};

export type Followed = {
  /** As its kind has it; of a trace with the newest of its events as `items`. */
  readonly result: Json;
  readonly how: 'finished' | 'stopped';
};

/** The events of a trace that its result shows. */
const mostEvents = 5_000;
const mostAtOnce = 5_000;
const waitMs = 60_000;
/** Where items come with answers only, they are asked for no more often. */
const leastBetweenMs = 250;

/** The operation that brings what an operation with that schema of results begins; null where the answer is all there is. */
export function followedBy(resultSchema: Json): string | null {
  const { trace } = objectIn(objectIn(resultSchema)['properties']);
  const { follow } = objectIn(objectIn(trace)['x-arsenal']);
  return typeof follow === 'string' ? follow : null;
}

/** Follows what `begun` says has begun (the answer of an operation that is {@link followedBy} `reader`) to its end. */
export async function followTrace(reader: string, begun: Json, following: Following): Promise<Result<Followed>> {
  const { run, pause, isStopped } = following;
  const { trace = '', until } = objectIn(begun);
  const told = new Told(following, typeof until === 'number' ? until : Date.now());
  let how: Followed['how'] = 'finished';
  for (;;) {
    if (isStopped() && how === 'finished') {
      how = 'stopped';
      const stopped = await run('stop_trace', { trace }, 'closing', () => undefined);
      if (!stopped.ok) return stopped;
    }
    const askedAt = Date.now();
    const from = { trace, after: told.last, limit: mostAtOnce, waitMs, ...(pause !== null && { enough: 1 }) };
    const page = await run(reader, from, how === 'stopped' ? 'closing' : 'wanted', (rows) => told.take(rows));
    // Given up in order to be stopped: what there is will be asked for next.
    if (!page.ok && isStopped() && how === 'finished') continue;
    if (!page.ok) return page;
    const { items: rows = [], outcome = null } = objectIn(page.value);
    told.take(Array.isArray(rows) ? rows : []);
    if (outcome !== null) return endOf(objectIn(outcome), how, told);
    await pause?.(leastBetweenMs - (Date.now() - askedAt));
  }
}

function endOf({ is, result = null, error }: JsonObject, how: Followed['how'], told: Told): Result<Followed> {
  if (is === 'failed') return { ok: false, error: errorIn(objectIn(error)) };
  const shown = is === 'trace' ? { ...objectIn(result), items: told.newest } : result;
  return ok({ result: shown, how });
}

/** What has been shown: an item that comes twice, on the way of a call and with its answer, is shown once. */
class Told {
  readonly #following: Following;
  readonly #beganAt = Date.now();
  readonly #untilAt: number;
  #newest: JsonObject[] = [];
  #count = 0;
  /** The seq of the last. */
  last = 0;

  constructor(following: Following, untilAt: number) {
    this.#following = following;
    this.#untilAt = untilAt;
  }

  get newest(): readonly Json[] {
    return this.#newest.slice(-mostEvents);
  }

  take(rows: readonly Json[]): void {
    const fresh = rows.map(objectIn).filter(({ seq }) => typeof seq === 'number' && seq > this.last);
    const seq = fresh.at(-1)?.['seq'];
    if (typeof seq !== 'number') return;
    this.last = seq;
    this.#count += fresh.length;
    this.#newest.push(...fresh);
    if (this.#newest.length > 2 * mostEvents) this.#newest = this.#newest.slice(-mostEvents);
    const passedMs = Date.now() - this.#beganAt;
    const fraction = Math.min(1, passedMs / Math.max(1, this.#untilAt - this.#beganAt));
    this.#following.onItems(fresh, { count: this.#count, fraction });
  }
}

function errorIn({ class: named, code, message, remedy, effect, pointer }: JsonObject): ArsenalError {
  const effects: readonly Effect[] = ['none', 'applied', 'partial', 'unknown'];
  return arsenalError(
    errorClasses.find((one) => one === named) ?? 'system',
    textIn(code) || 'trace.failed',
    textIn(message) || 'It failed.',
    textIn(remedy),
    { effect: effects.find((one) => one === effect) ?? 'none', ...(typeof pointer === 'string' && { pointer }) },
  );
}

function textIn(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

function objectIn(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {};
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
