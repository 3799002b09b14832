/**
 * Snapshots and deltas with versions, for every hop: runtime → backend → client → webview.
 *
 * A version is (epoch, number); a new source is a new epoch. Deltas only set and delete, carry from/to, and compose; every hop
 * may merge them, none may drop one. One unacknowledged frame a subscriber; the base moves only when the transport accepted the
 * frame; a gap, an overdue acknowledgement or becoming visible asks for a snapshot.
 *
 * A version names one state of its source wherever it is seen, so a hop hands versions on as they are: what it holds at (epoch, 7)
 * is what the source held at (epoch, 7), if perhaps later.
 */
import { callEach } from './listeners.ts';
import type { ArsenalError, Json } from './model.ts';

export type Row = { readonly [column: string]: Json };
export type KeyedRow = readonly [string, Row];

/** Whether every change is seen (`exact`), or only what differs between two samples. */
export type Fidelity =
  | { readonly is: 'exact' }
  | {
      readonly is: 'sampled';
      readonly everyMs: number;
      /**
       * How long ago what decides which rows there are was looked at, at most; absent when all of it is looked at each time, null while
       * not all of it has been.
       */
      readonly oldestMs?: number | null;
    };

export type WatchSnapshot = {
  readonly is: 'snapshot';
  readonly epoch: string;
  readonly to: number;
  readonly rows: readonly KeyedRow[];
  /** Rows that exist at the source; more than `rows` when the watch is a window. */
  readonly total: number;
  readonly fidelity: Fidelity;
  /** Set when the snapshot takes several frames (see {@link mostRowsPerFrame}); it counts when the last of them is there. */
  readonly part?: { readonly index: number; readonly last: boolean };
};
/** Applying one twice is harmless; [from,to] and [to,next] compose to [from,next]. */
export type WatchDelta = {
  readonly is: 'delta';
  readonly epoch: string;
  readonly from: number;
  readonly to: number;
  readonly put: readonly KeyedRow[];
  readonly delete: readonly string[];
  readonly total: number;
};
export type WatchFrame = WatchSnapshot | WatchDelta;

/** No frame has more rows, unless less is said: a larger snapshot goes in parts, and a larger delta becomes a snapshot. */
export const mostRowsPerFrame = 5_000;

/** What a receiver says to a frame: "I am at this version", or with `part`, "I have this part of it". */
export type WatchAck = { readonly epoch: string; readonly to: number; readonly part?: number };

/** What is watched, at one version. `rows` lives on: copy what must not change. */
export type WatchState = {
  readonly epoch: string;
  readonly version: number;
  readonly rows: ReadonlyMap<string, Row>;
  readonly total: number;
  readonly fidelity: Fidelity;
};
/** How a feed ended: with an error, or because its source is gone in good order (null). */
export type WatchEnd = { readonly error: ArsenalError | null };
export type WatchEvent = WatchDelta | { readonly is: 'replaced' } | ({ readonly is: 'ended' } & WatchEnd);

/** What a sender sends from: the source itself, or the view a hop has of it. */
export interface WatchFeed {
  /** null until the first rows are there. */
  readonly state: WatchState | null;
  readonly ended: WatchEnd | null;
  /** Calls `listener` after every change, in order; not for what is already there. */
  watch(listener: (event: WatchEvent) => void): { dispose(): void };
}

/** Waiting, handed in so that tests can hold the clock. */
export interface Timers {
  /** Calls `act` once after `delayMs`, unless disposed before. */
  after(delayMs: number, act: () => void): { dispose(): void };
}
export const realTimers: Timers = {
  after(delayMs, act) {
    const timer = setTimeout(act, delayMs);
    return {
      dispose() {
        clearTimeout(timer);
      },
    };
  },
};

/** The listeners of one feed. What a listener causes is told after what it was told, so that all hear everything in order, whatever others throw. */
class Listeners {
  readonly #listeners = new Set<(event: WatchEvent) => void>();
  readonly #waiting: WatchEvent[] = [];
  #telling = false;

  add(listener: (event: WatchEvent) => void): { dispose(): void } {
    const own = (event: WatchEvent) => {
      listener(event);
    };
    this.#listeners.add(own);
    return { dispose: () => void this.#listeners.delete(own) };
  }

  tell(event: WatchEvent): void {
    this.#waiting.push(event);
    if (this.#telling) return;
    this.#telling = true;
    try {
      callEach(this.#calls());
    } finally {
      this.#telling = false;
    }
  }

  *#calls(): Generator<() => void> {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const event = next;
      for (const listener of [...this.#listeners]) if (this.#listeners.has(listener)) yield () => listener(event);
    }
  }
}

// ------------------------------------------------------------------------------------------------------------ the source

/** Where a watch begins: keyed rows, a version that grows with every change, and everyone who looks. Rows are not to be mutated. */
export class WatchSource implements WatchFeed {
  readonly #listeners = new Listeners();
  readonly #rows = new Map<string, Row>();
  #epoch: string;
  #version = 0;
  #total = 0;
  #fidelity: Fidelity;
  #ended: WatchEnd | null = null;

  /** Empty and unfilled: nobody is told anything before the first {@link set}, {@link put} or {@link patch}. */
  constructor(options: { readonly fidelity: Fidelity; readonly epoch?: string }) {
    this.#fidelity = options.fidelity;
    this.#epoch = options.epoch ?? crypto.randomUUID();
  }

  get state(): WatchState | null {
    if (this.#version === 0) return null;
    return {
      epoch: this.#epoch,
      version: this.#version,
      rows: this.#rows,
      total: this.#total,
      fidelity: this.#fidelity,
    };
  }

  get ended(): WatchEnd | null {
    return this.#ended;
  }

  watch(listener: (event: WatchEvent) => void): { dispose(): void } {
    return this.#listeners.add(listener);
  }

  /** Makes `rows` all that is there; only what differs in value is told. `total` is said when the rows are a window of more. */
  set(rows: Iterable<KeyedRow>, total?: number): void {
    const next = new Map(rows);
    const put = [...next].filter(([key, row]) => !sameJson(this.#rows.get(key), row));
    const gone = [...this.#rows.keys()].filter((key) => !next.has(key));
    this.#change(put, gone, total ?? next.size);
  }

  /** Sets one row. */
  put(key: string, row: Row): void {
    this.patch([[key, row]], []);
  }

  /** Takes one row away. */
  delete(key: string): void {
    this.patch([], [key]);
  }

  /** Deletes, then sets; only what differs in value is told. Without `total` it is the number of rows. */
  patch(put: Iterable<KeyedRow>, gone: Iterable<string>, total?: number): void {
    const next = new Map(put);
    const differ = [...next].filter(([key, row]) => !sameJson(this.#rows.get(key), row));
    const deleted = [...new Set(gone)].filter((key) => this.#rows.has(key) && !next.has(key));
    const added = differ.filter(([key]) => !this.#rows.has(key)).length;
    this.#change(differ, deleted, total ?? this.#rows.size + added - deleted.length);
  }

  /** How true it is has changed; everyone is told anew what there is. */
  refine(fidelity: Fidelity): void {
    if (sameJson(this.#fidelity, fidelity) || this.#ended !== null) return;
    this.#fidelity = fidelity;
    if (this.#version === 0) return;
    this.#version += 1;
    this.#listeners.tell({ is: 'replaced' });
  }

  /** What stands here now is another's: a new epoch, unfilled until the next {@link set}. */
  restart(options: { readonly fidelity?: Fidelity; readonly epoch?: string } = {}): void {
    this.#epoch = options.epoch ?? crypto.randomUUID();
    this.#fidelity = options.fidelity ?? this.#fidelity;
    this.#version = 0;
    this.#rows.clear();
    this.#listeners.tell({ is: 'replaced' });
  }

  /** Ends it for everyone who looks; changes after that are ignored. */
  close(error: ArsenalError | null = null): void {
    if (this.#ended !== null) return;
    this.#ended = { error };
    this.#listeners.tell({ is: 'ended', error });
  }

  #change(put: readonly KeyedRow[], gone: readonly string[], total: number): void {
    if (this.#ended !== null) return;
    const first = this.#version === 0;
    if (!first && put.length === 0 && gone.length === 0 && total === this.#total) return;
    for (const key of gone) this.#rows.delete(key);
    for (const [key, row] of put) this.#rows.set(key, row);
    this.#total = total;
    const from = this.#version;
    this.#version += 1;
    this.#listeners.tell(
      first
        ? { is: 'replaced' }
        : { is: 'delta', epoch: this.#epoch, from, to: this.#version, put, delete: gone, total },
    );
  }
}

/** Whether two JSON values are the same value. */
export function sameJson(one: Json | undefined, other: Json | undefined): boolean {
  if (one === other) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (Array.isArray(one) || Array.isArray(other)) {
    if (!isList(one) || !isList(other) || one.length !== other.length) return false;
    return one.every((value, at) => sameJson(value, other[at]));
  }
  const keys = Object.keys(one);
  if (keys.length !== Object.keys(other).length) return false;
  return keys.every((key) => Object.hasOwn(other, key) && sameJson(field(one, key), field(other, key)));
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function field(value: Json, key: string): Json | undefined {
  return typeof value === 'object' && value !== null && !isList(value) ? value[key] : undefined;
}

// -------------------------------------------------------------------------------------------------------------- the view

/** The receiving side of one hop, and a feed for the next. */
export class WatchView implements WatchFeed {
  readonly #listeners = new Listeners();
  #rows = new Map<string, Row>();
  #state: Omit<WatchState, 'rows'> | null = null;
  #staged: { readonly of: WatchSnapshot; readonly rows: KeyedRow[]; next: number } | null = null;
  #ended: WatchEnd | null = null;

  get state(): WatchState | null {
    return this.#state === null ? null : { ...this.#state, rows: this.#rows };
  }

  get ended(): WatchEnd | null {
    return this.#ended;
  }

  watch(listener: (event: WatchEvent) => void): { dispose(): void } {
    return this.#listeners.add(listener);
  }

  /**
   * Takes a frame and answers what to tell the sender: an acknowledgement, or `resync` when the frame does not fit and a snapshot is
   * needed. What is known already is acknowledged and changes nothing: within an epoch the version never goes back.
   */
  apply(frame: WatchFrame): WatchAck | 'resync' {
    const at = this.#state;
    if (at !== null && at.epoch === frame.epoch && frame.to <= at.version) return { epoch: at.epoch, to: at.version };
    if (frame.is === 'snapshot')
      return frame.part === undefined ? this.#replace(frame, frame.rows) : this.#stage(frame);
    if (at === null || at.epoch !== frame.epoch || frame.from > at.version) return 'resync';
    for (const key of frame.delete) this.#rows.delete(key);
    for (const [key, row] of frame.put) this.#rows.set(key, row);
    this.#staged = null;
    this.#state = { ...at, version: frame.to, total: frame.total };
    // As it came: from every version in between it leads to the same.
    this.#listeners.tell(frame);
    return { epoch: frame.epoch, to: frame.to };
  }

  /** Says that nothing will come any more. */
  end(error: ArsenalError | null): void {
    if (this.#ended !== null) return;
    this.#ended = { error };
    this.#listeners.tell({ is: 'ended', error });
  }

  #replace(frame: WatchSnapshot, rows: readonly KeyedRow[]): WatchAck {
    // A map of its own: who still reads the last state reads it whole.
    this.#rows = new Map(rows);
    this.#staged = null;
    this.#state = { epoch: frame.epoch, version: frame.to, total: frame.total, fidelity: frame.fidelity };
    this.#listeners.tell({ is: 'replaced' });
    return { epoch: frame.epoch, to: frame.to };
  }

  #stage(frame: WatchSnapshot): WatchAck | 'resync' {
    const { index, last } = frame.part ?? { index: 0, last: true };
    if (index === 0) this.#staged = { of: frame, rows: [], next: 0 };
    const staged = this.#staged;
    if (staged === null || staged.of.epoch !== frame.epoch || staged.of.to !== frame.to || index > staged.next) {
      this.#staged = null;
      return 'resync';
    }
    if (index === staged.next) {
      staged.rows.push(...frame.rows);
      staged.next += 1;
      if (last) return this.#replace(frame, staged.rows);
    }
    return { epoch: frame.epoch, to: frame.to, part: index };
  }
}

// ------------------------------------------------------------------------------------------------------------ the sender

type Waiting = {
  from: number;
  to: number;
  epoch: string;
  total: number;
  readonly put: Map<string, Row>;
  readonly gone: Set<string>;
};
type Parts = { readonly of: WatchSnapshot; next: number };
export type WatchSenderOptions = {
  /** How long an acknowledgement may take before a snapshot is sent again, twice as long each time; null: for ever. */
  readonly overdueMs?: number | null;
  /** false: begins hidden. */
  readonly shown?: boolean;
  /** Default {@link mostRowsPerFrame}. */
  readonly rowsPerFrame?: number;
  readonly timers?: Timers;
};

/** How often the wait for an acknowledgement doubles: a receiver that is only slow must not be buried in snapshots. */
const mostDoublings = 4;

/**
 * The sending side of one hop to one subscriber. At most one frame is unacknowledged; what waits behind it is one merged delta with
 * no more rows than exist (more than that, and the snapshot is shorter).
 */
export class WatchSender {
  readonly #feed: WatchFeed;
  readonly #transmit: (frame: WatchFrame) => boolean;
  readonly #overdueMs: number | null;
  readonly #timers: Timers;
  readonly #rowsPerFrame: number;
  readonly #subscription: { dispose(): void };
  #shown: boolean;
  #needs: 'snapshot' | 'deltas' = 'snapshot';
  #waiting: Waiting | null = null;
  #parts: Parts | null = null;
  #inFlight: WatchAck | null = null;
  #overdue: { dispose(): void } | null = null;
  #doublings = 0;

  /** Sends at once when the feed has rows. `transmit` answers whether the transport took the frame; see {@link pump}. */
  constructor(feed: WatchFeed, transmit: (frame: WatchFrame) => boolean, options: WatchSenderOptions = {}) {
    this.#feed = feed;
    this.#transmit = transmit;
    this.#overdueMs = options.overdueMs === undefined ? 10_000 : options.overdueMs;
    this.#timers = options.timers ?? realTimers;
    this.#shown = options.shown ?? true;
    this.#rowsPerFrame = options.rowsPerFrame ?? mostRowsPerFrame;
    this.#subscription = feed.watch((event) => {
      if (event.is === 'delta') this.#offer(event);
      if (event.is === 'replaced') this.#startOver();
    });
    this.pump();
  }

  /** Rows in the delta that waits: never more than exist. */
  get waitingRows(): number {
    return this.#waiting === null ? 0 : this.#waiting.put.size + this.#waiting.gone.size;
  }

  /** Whether the receiver has said that it is where the feed is now. */
  get isIdle(): boolean {
    return this.#needs === 'deltas' && this.#waiting === null && this.#parts === null && this.#inFlight === null;
  }

  /** Takes the receiver's word for where it is. Words about frames of the past change nothing. */
  acknowledge(ack: WatchAck): void {
    const sent = this.#inFlight;
    if (sent === null) {
      // It went back to another epoch after it had said it was at ours (frames out of order): only a snapshot brings it here.
      if (ack.epoch !== this.#feed.state?.epoch && this.#needs === 'deltas') this.resync();
      return;
    }
    if (sent.epoch !== ack.epoch) return;
    if (ack.part === undefined ? ack.to < sent.to : ack.to !== sent.to || ack.part !== sent.part) return;
    if (ack.part === undefined) this.#parts = null;
    else if (this.#parts !== null) this.#parts.next += 1;
    this.#landed();
    this.#doublings = 0;
    this.pump();
  }

  /** The subscriber saw a gap, or came back: what is under way is forgotten and a snapshot goes. */
  resync(): void {
    this.#landed();
    this.#startOver();
  }

  /** Nobody sees the subscriber: nothing is sent and nothing waits. */
  hide(): void {
    this.#shown = false;
    this.#landed();
    this.#startOver();
  }

  /** It is seen again: a snapshot goes. */
  show(): void {
    this.#shown = true;
    this.#doublings = 0;
    this.resync();
  }

  /** Sends what is due. To be called when a transport that refused a frame has room again. */
  pump(): void {
    if (!this.#shown || this.#inFlight !== null) return;
    const { state } = this.#feed;
    if (state === null) return;
    if (this.#parts === null && this.waitingRows > this.#rowsPerFrame) this.#outgrown();
    if (this.#parts === null && this.#needs === 'snapshot') {
      this.#needs = 'deltas';
      this.#parts = { of: snapshotOf(state), next: 0 };
    }
    const frame = this.#next();
    if (frame !== null) this.#send(frame);
  }

  /** Sends nothing any more. */
  dispose(): void {
    this.#shown = false;
    this.#landed();
    this.#startOver();
    this.#subscription.dispose();
  }

  #offer(delta: WatchDelta): void {
    if (!this.#shown || this.#needs === 'snapshot') {
      this.pump();
      return;
    }
    const waiting = this.#waiting ?? { ...delta, put: new Map<string, Row>(), gone: new Set<string>() };
    waiting.to = delta.to;
    waiting.total = delta.total;
    for (const key of delta.delete) {
      waiting.put.delete(key);
      waiting.gone.add(key);
    }
    for (const [key, row] of delta.put) {
      waiting.gone.delete(key);
      waiting.put.set(key, row);
    }
    this.#waiting = waiting;
    if (this.waitingRows > (this.#feed.state?.rows.size ?? 0)) this.#outgrown();
    this.pump();
  }

  /** A snapshot has become shorter than what waits. Parts under way go on, or a busy source would never get one across. */
  #outgrown(): void {
    this.#needs = 'snapshot';
    this.#waiting = null;
  }

  /** Forgets what waits; the next frame is a snapshot. What is in flight stays so: its acknowledgement will come. */
  #startOver(): void {
    this.#needs = 'snapshot';
    this.#waiting = null;
    this.#parts = null;
    this.pump();
  }

  /** The frame that is due: the next part of a snapshot, else what waits; null when all is said. */
  #next(): WatchFrame | null {
    if (this.#parts !== null) return partOf(this.#parts, this.#rowsPerFrame);
    const waiting = this.#waiting;
    if (waiting === null) return null;
    const { epoch, from, to, total, put, gone } = waiting;
    return { is: 'delta', epoch, from, to, put: [...put], delete: [...gone], total };
  }

  #send(frame: WatchFrame): void {
    // Set before the frame goes, for a transport that answers at once, and undone if it does not go: the base has not moved then.
    const waiting = this.#waiting;
    const part = frame.is === 'snapshot' && frame.part?.last === false ? { part: frame.part.index } : {};
    this.#inFlight = { epoch: frame.epoch, to: frame.to, ...part };
    if (frame.is === 'delta') this.#waiting = null;
    this.#await();
    if (this.#transmit(frame)) return;
    this.#inFlight = null;
    this.#waiting = waiting;
  }

  #await(): void {
    this.#overdue?.dispose();
    if (this.#overdueMs === null) return;
    this.#overdue = this.#timers.after(this.#overdueMs * 2 ** this.#doublings, () => {
      this.#overdue = null;
      this.#doublings = Math.min(this.#doublings + 1, mostDoublings);
      const isPart = this.#parts !== null && this.#parts.next > 0;
      if (this.#inFlight !== null && !isPart) {
        this.resync();
        return;
      }
      // A part goes again by itself: over a slow way, starting over each time would never end.
      this.#inFlight = null;
      this.pump();
    });
  }

  #landed(): void {
    this.#inFlight = null;
    this.#overdue?.dispose();
    this.#overdue = null;
  }
}

function snapshotOf(state: WatchState): WatchSnapshot {
  const { epoch, version, rows, total, fidelity } = state;
  return { is: 'snapshot', epoch, to: version, rows: [...rows], total, fidelity };
}

function partOf({ of, next }: Parts, rowsPerFrame: number): WatchSnapshot {
  if (of.rows.length <= rowsPerFrame) return of;
  const from = next * rowsPerFrame;
  const rows = of.rows.slice(from, from + rowsPerFrame);
  return { ...of, rows, part: { index: next, last: from + rowsPerFrame >= of.rows.length } };
}
