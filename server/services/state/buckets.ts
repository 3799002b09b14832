/**
 * Counts, errors and durations by time: by the minute for the last hours, by the hour before. Whatever is asked of a span of time is the
 * sum of its cells.
 */
import type { Json } from '../../../runtime/model.ts';
import { isJsonObject } from '../../core/plainData.ts';
import type { CallKind, CellKey } from './kinds.ts';
import { Sketch } from './sketch.ts';

export const minuteMs = 60_000;
export const hourMs = 3_600_000;
/** For how long figures are kept by the minute. */
export const minutesKeptMs = 6 * hourMs;
/** What is counted of one call. */
export type Counted = {
  readonly durationMs: number;
  readonly cpuMs: number | null;
  readonly error: { readonly code: string } | null;
};
/** A cell as it is written down. */
export type CellData = CellKey & {
  readonly at: number;
  readonly spanMs: number;
  readonly failures: { readonly [code: string]: number };
  readonly sumMs: number;
  readonly maxMs: number;
  readonly cpuCalls: number;
  readonly cpuMs: number;
  readonly durations: readonly number[];
};

/** Figures of some calls. */
export class Figures {
  readonly failures = new Map<string, number>();
  readonly durations = new Sketch();
  sumMs = 0;
  maxMs = 0;
  cpuCalls = 0;
  cpuMs = 0;

  get calls(): number {
    return this.durations.count;
  }

  add({ durationMs, cpuMs, error }: Counted): void {
    this.durations.add(durationMs);
    this.sumMs += durationMs;
    this.maxMs = Math.max(this.maxMs, durationMs);
    if (cpuMs !== null) {
      this.cpuCalls += 1;
      this.cpuMs += cpuMs;
    }
    if (error !== null) this.#fail(error.code, 1);
  }

  merge(other: Figures): void {
    this.durations.merge(other.durations);
    this.sumMs += other.sumMs;
    this.maxMs = Math.max(this.maxMs, other.maxMs);
    this.cpuCalls += other.cpuCalls;
    this.cpuMs += other.cpuMs;
    for (const [code, times] of other.failures) this.#fail(code, times);
  }

  #fail(code: string, times: number): void {
    this.failures.set(code, (this.failures.get(code) ?? 0) + times);
  }
}

export type Cell = { readonly at: number; readonly spanMs: number; readonly key: CellKey; readonly figures: Figures };

/** So many kinds of calls are told apart in one span; the rest is counted by operation alone. */
const mostCells = 500;
const others = '(others)';

export class Buckets {
  /** By span and beginning, then by key. */
  readonly #spans = new Map<string, Map<string, Cell>>();
  /** The figures of one minute by the key they were last asked for with: nearly always the same few, in the same minute. */
  readonly #atHand = new Map<CallKind, Figures>();
  #minuteAtHand = Number.NaN;

  /** Counts a call in the minute in which it began. */
  count(key: CellKey, startedAt: number, call: Counted): void {
    this.#cellAt(minuteOf(startedAt), minuteMs, key).figures.add(call);
  }

  /** The same, quicker for what is counted all the time. */
  countKind(kind: CallKind, startedAt: number, call: Counted): void {
    this.#figuresAt(minuteOf(startedAt), kind).add(call);
  }

  #figuresAt(minute: number, key: CallKind): Figures {
    if (minute !== this.#minuteAtHand || this.#atHand.size > mostCells) {
      this.#atHand.clear();
      this.#minuteAtHand = minute;
    }
    const known = this.#atHand.get(key);
    if (known !== undefined) return known;
    const { figures } = this.#cellAt(minute, minuteMs, key);
    this.#atHand.set(key, figures);
    return figures;
  }

  /** Adds what was counted elsewhere, or before. */
  take({ at, spanMs, key, figures }: Cell): void {
    this.#cellAt(at, spanMs, key).figures.merge(figures);
  }

  /** The cells that begin in a span of time, end not included. */
  cells(since: number, until: number): readonly Cell[] {
    return [...this.#spans.values()]
      .flatMap((cells) => [...cells.values()])
      .filter(({ at }) => at >= since && at < until);
  }

  /** Puts minutes that are older than {@link minutesKeptMs} into their hour, and forgets what is older than `keptMs`. */
  age(now: number, keptMs: number): void {
    this.#minuteAtHand = Number.NaN;
    for (const [name, cells] of [...this.#spans]) {
      const [first] = cells.values();
      if (first === undefined) continue;
      const { at, spanMs } = first;
      const isOld = at + spanMs < now - keptMs;
      const isForHours = spanMs === minuteMs && at + spanMs < now - minutesKeptMs;
      if (!isOld && !isForHours) continue;
      this.#spans.delete(name);
      if (isOld) continue;
      for (const cell of cells.values()) this.take({ ...cell, at: Math.floor(at / hourMs) * hourMs, spanMs: hourMs });
    }
  }

  /** All of it, to be written down. */
  data(): readonly CellData[] {
    return this.cells(-Infinity, Infinity).map(({ at, spanMs, key, figures }) => ({
      ...key,
      at,
      spanMs,
      failures: Object.fromEntries(figures.failures),
      sumMs: figures.sumMs,
      maxMs: figures.maxMs,
      cpuCalls: figures.cpuCalls,
      cpuMs: figures.cpuMs,
      durations: figures.durations.data(),
    }));
  }

  #cellAt(at: number, spanMs: number, callKey: CellKey): Cell {
    const name = `${spanMs} ${at}`;
    const cells = this.#spans.get(name) ?? new Map<string, Cell>();
    this.#spans.set(name, cells);
    const isFull = cells.size >= mostCells;
    const exact = keyIn(callKey);
    const found = cells.get(textOf(exact));
    if (found !== undefined) return found;
    const key = isFull ? { ...exact, connection: others, principal: others, via: others } : exact;
    const cell = cells.get(textOf(key)) ?? { at, spanMs, key, figures: new Figures() };
    cells.set(textOf(key), cell);
    return cell;
  }
}

function minuteOf(at: number): number {
  return Math.floor(at / minuteMs) * minuteMs;
}

/** The key alone, of what has more. */
function keyIn({ operation, category, connection, principal, via, background }: CellKey): CellKey {
  return { operation, category, connection, principal, via, ...(background === true && { background }) };
}

function textOf({ operation, connection, principal, via, background }: CellKey): string {
  return JSON.stringify([operation, connection, principal, via, background === true]);
}

/** Cells as a file holds them; what is none is passed over. */
export function readCells(value: Json): readonly CellData[] {
  return Array.isArray(value) ? value.filter(isCellData) : [];
}

function isCellData(value: Json): value is Json & CellData {
  if (!isJsonObject(value)) return false;
  const { operation, category, connection, principal, via, background, failures = null, durations } = value;
  const numbers = ['at', 'spanMs', 'sumMs', 'maxMs', 'cpuCalls', 'cpuMs'].map((name) => value[name]);
  return (
    [operation, category, principal, via].every((text) => typeof text === 'string') &&
    (connection === null || typeof connection === 'string') &&
    (background === undefined || background === true) &&
    numbers.every((number) => typeof number === 'number') &&
    isJsonObject(failures) &&
    Object.values(failures).every((times) => typeof times === 'number') &&
    Sketch.from(durations) !== null
  );
}

/** The cell that was written down. */
export function cellOf(data: CellData): Cell {
  const { at, spanMs } = data;
  const figures = new Figures();
  const durations = Sketch.from(data.durations);
  if (durations !== null) figures.durations.merge(durations);
  figures.sumMs = data.sumMs;
  figures.maxMs = data.maxMs;
  figures.cpuCalls = data.cpuCalls;
  figures.cpuMs = data.cpuMs;
  for (const [code, times] of Object.entries(data.failures)) figures.failures.set(code, times);
  return { at, spanMs, key: keyIn(data), figures };
}
