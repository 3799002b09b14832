/**
 * What outlives the server: the last calls, and the figures of all. Several processes share the folder: each writes a file of its own,
 * a JSON line a call, made with the first of them; each reads all. Who starts to write when many writers have gone puts their files into
 * its own; who has written much puts its own into a new one, without what is too old. Nobody waits for any of this: when the disk is
 * full, what happens is kept in memory, that it is not on disk is said, and it is written when there is room.
 */
import { randomBytes } from 'node:crypto';
import type { LogFile } from '../audit/logFiles.ts';
import { isDead, thisWriter } from '../audit/writer.ts';
import type { HistoryLimits } from '../../protocol/operation.ts';
import { defaultHistoryLimits } from '../../protocol/operation.ts';
import type { Cell } from './buckets.ts';
import type { Trimming } from './fileView.ts';
import { FileView, mostResultCharacters } from './fileView.ts';
import { RecentCalls } from './recentCalls.ts';
import type { CallBegun, CallEnded, EndedCall, StateRecord } from './records.ts';
import { endedLine, isEnded, lineOf, readRecords, resultLine } from './records.ts';
import { Roll } from './roll.ts';
import type { StateFiles } from './stateFiles.ts';

/** Whether what is known is on disk. */
export type Persistence =
  { readonly is: 'ok' } | { readonly is: 'memory_only'; readonly since: number; readonly message: string };

/** A call, and what is known of its end. */
export type KnownCall =
  | { readonly state: 'ended'; readonly call: CallEnded }
  | { readonly state: 'running' | 'interrupted'; readonly call: CallBegun };

type Own = { readonly name: string; readonly file: LogFile; length: number; readonly begunAt: number };
export type StoreOptions = {
  readonly limits?: HistoryLimits;
  readonly warn?: (message: string, cause: unknown) => void;
  readonly nowMs?: () => number;
  /** How long what is to be written waits for more. */
  readonly flushMs?: number;
  /** How long nothing is tried after a write failed. */
  readonly retryMs?: number;
  /** A file is begun anew when it has grown by this much beyond twice what it began with. */
  readonly growthBytes?: number;
};
/** A call that is going on; what is to be said of it is made when it is asked for. */
export type OngoingCall = { readonly requestId: string; begun(): CallBegun };

const dayMs = 86_400_000;
const lockName = 'takeover.lock';
/** So many files of processes that have gone are read by everybody before somebody puts them into one. */
const mostDeadFiles = 16;
const defaultGrowthBytes = 16_777_216;
/** A longer result is a line of its own, so that it can be let go of before its call is. */
const longestInline = 500;
/** So many bytes are put aside before it is time to write. */
const mostWaiting = 131_072;

export class StateStore {
  readonly #files: StateFiles;
  readonly #warn: (message: string, cause: unknown) => void;
  readonly #nowMs: () => number;
  readonly #flushMs: number;
  readonly #retryMs: number;
  readonly #growthBytes: number;
  readonly #views = new Map<string, FileView>();
  /** What this process did, whether it is on disk or not; but for its last calls, which are in {@link #recent}. */
  readonly #own = new FileView();
  readonly #recent = new RecentCalls();
  readonly #ongoing = new Roll<OngoingCall>();
  /** Of these, those of which it is on disk that they go on. */
  readonly #told = new Set<string>();
  /** What is sealed, and not in the file yet. */
  #unwritten: Buffer[] = [];
  #ownFile: Own | null = null;
  /** Files that are contained in our own, and what our next one will contain. */
  readonly #contained = new Set<string>();
  #limits: HistoryLimits;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #work: Promise<void> = Promise.resolve();
  #reading: Promise<void> = Promise.resolve();
  /** Our next file, while it is begun: what is in it, and in those it contains, we know. */
  #opening: string | null = null;
  #persistence: Persistence = { is: 'ok' };
  #closed = false;

  constructor(files: StateFiles, options: StoreOptions = {}) {
    this.#files = files;
    this.#limits = options.limits ?? defaultHistoryLimits;
    this.#warn = options.warn ?? (() => undefined);
    this.#nowMs = options.nowMs ?? Date.now;
    this.#flushMs = options.flushMs ?? 50;
    this.#retryMs = options.retryMs ?? 5_000;
    this.#growthBytes = options.growthBytes ?? defaultGrowthBytes;
  }

  get persistence(): Persistence {
    return this.#persistence;
  }

  configure(limits: HistoryLimits): void {
    this.#limits = limits;
    this.#trim();
  }

  /** A call is going on. That is written down only if it is not over by the next write. */
  begin(call: OngoingCall): void {
    this.#ongoing.add(call.requestId, call);
    if (this.#timer === null) this.#flushSoon(this.#flushMs);
  }

  /** A call is over. */
  end(call: EndedCall): void {
    const { requestId, resultJson } = call;
    this.#ongoing.remove(requestId);
    if (this.#told.size > 0) this.#told.delete(requestId);
    this.#own.buckets.countKind(call.kind, call.startedAt, call);
    const isApart = resultJson !== null && resultJson.length > longestInline;
    const result = isApart ? resultLine(requestId, resultJson) : null;
    this.#recent.add(endedLine(call, isApart ? null : resultJson), result, call.startedAt);
    if (this.#recent.waiting > mostWaiting) this.#seal();
    if (this.#timer === null) this.#flushSoon(this.#flushMs);
  }

  /** The last calls of all processes, newest first. Files that cannot be read say nothing. */
  async calls(): Promise<readonly KnownCall[]> {
    await this.#refresh();
    this.#readRecent();
    const known = new Map<string, KnownCall>();
    for (const [view, isGone] of this.#standing()) {
      for (const call of view.calls.values()) {
        if (isEnded(call)) known.set(call.requestId, { state: 'ended', call });
        else if (!known.has(call.requestId)) {
          const isCutOff = isGone || call.interrupted === true;
          known.set(call.requestId, { state: isCutOff ? 'interrupted' : 'running', call });
        }
      }
    }
    for (const call of this.#ongoing.values()) known.set(call.requestId, { state: 'running', call: call.begun() });
    const { since } = this.#trimming();
    return [...known.values()]
      .filter(({ call }) => call.startedAt >= since)
      .toSorted((a, b) => b.call.startedAt - a.call.startedAt)
      .slice(0, this.#limits.entries);
  }

  /** A call by its requestId; null when none is kept. */
  async find(requestId: string): Promise<KnownCall | null> {
    this.#readRecent();
    const own = this.#own.calls.get(requestId);
    if (own !== undefined && isEnded(own)) return { state: 'ended', call: this.#withoutOldResult(own) };
    const found = (await this.calls()).find(({ call }) => call.requestId === requestId) ?? null;
    return found?.state === 'ended' ? { ...found, call: this.#withoutOldResult(found.call) } : found;
  }

  /** Figures of all processes for a span of time. */
  async cells(since: number, until: number): Promise<readonly Cell[]> {
    await this.#refresh();
    const oldest = this.#nowMs() - this.#limits.statsDays * dayMs;
    return this.#standing().flatMap(([view]) => view.buckets.cells(Math.max(since, oldest), until));
  }

  /** Resolves when all that happened so far is on disk, or could not be written. */
  async flush(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    await this.#queue(() => this.#write());
  }

  /** Writes what waits, and closes. Never rejects. */
  async close(): Promise<void> {
    if (this.#closed) return;
    await this.flush();
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#ownFile?.file.close().catch(() => undefined);
    this.#ownFile = null;
  }

  #withoutOldResult(call: CallEnded): CallEnded {
    return call.startedAt + call.durationMs >= this.#trimming().resultsSince ? call : { ...call, result: null };
  }

  #trim(): void {
    this.#readRecent();
    this.#own.trim(this.#trimming());
  }

  /** What is too old is not kept any longer. The last calls are lines, and stay it as long as all of them are young. */
  #letGo(): void {
    const trimming = this.#trimming();
    if (this.#recent.oldest < Math.max(trimming.since, trimming.resultsSince)) this.#readRecent();
    this.#own.trim({ ...trimming, entries: Math.max(0, trimming.entries - this.#recent.size) });
  }

  /** Somebody asks: the last calls are read as those of other processes are. */
  #readRecent(): void {
    this.#seal();
    for (const record of this.#recent.take()) {
      if (record.is === 'ended') this.#own.keep(record.call);
      if (record.is === 'result') this.#own.keepResult(record.requestId, record.result);
    }
    if (this.#own.calls.size > this.#limits.entries * 1.25) this.#own.trim(this.#trimming());
  }

  #seal(): void {
    const bytes = this.#recent.seal();
    if (bytes.length > 0) this.#unwritten.push(bytes);
    this.#recent.trim(this.#limits.entries, mostResultCharacters);
  }

  #trimming(): Trimming {
    const { entries, days, resultMinutes } = this.#limits;
    const now = this.#nowMs();
    return { entries, since: now - days * dayMs, resultsSince: now - resultMinutes * 60_000 };
  }

  /** The views that count, our own last, each with whether its writer has gone. */
  #standing(): readonly (readonly [FileView, boolean])[] {
    const replaced = new Set([...this.#views.values()].flatMap(({ replaces }) => replaces));
    const others = [...this.#views].filter(
      ([name, { writer }]) => writer !== null && !replaced.has(name) && !this.#contained.has(name),
    );
    return [
      ...others.map(([, view]): readonly [FileView, boolean] => [view, view.writer !== null && isDead(view.writer)]),
      [this.#own, false],
    ];
  }

  #flushSoon(ms: number): void {
    if (this.#timer !== null || this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      void this.#queue(() => this.#write());
    }, ms);
    this.#timer.unref();
  }

  /** One write at a time. */
  #queue(work: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(work);
    return this.#work;
  }

  async #write(): Promise<void> {
    const isNews = this.#recent.waiting > 0 || this.#unwritten.length > 0 || this.#ongoing.size > this.#told.size;
    if (this.#closed || (!isNews && this.#persistence.is === 'ok')) return;
    try {
      const own = this.#ownFile;
      const isLarge = own !== null && own.length > own.begunAt * 2 + this.#growthBytes;
      if (own === null || isLarge) await this.#openOwn();
      else await this.#append(own, this.#takePending());
      this.#persistence = { is: 'ok' };
    } catch (cause) {
      this.#failed(cause);
      // All of it is in memory, within its limits, and goes into the next file.
      this.#unwritten = [];
      if (this.#timer !== null) clearTimeout(this.#timer);
      this.#timer = null;
      this.#flushSoon(this.#retryMs);
    }
  }

  /** What waits, as lines: of a call that is over by now, only its end. */
  #takePending(): Buffer {
    this.#seal();
    const untold = this.#ongoing.values().filter(({ requestId }) => !this.#told.has(requestId));
    for (const { requestId } of untold) this.#told.add(requestId);
    const begun = untold.map((call) => lineOf({ is: 'begun', call: call.begun() })).join('');
    return Buffer.concat([...this.#unwritten.splice(0), Buffer.from(begun)]);
  }

  async #append(own: Own, bytes: Buffer): Promise<void> {
    try {
      await own.file.append(bytes);
      own.length += bytes.length;
    } catch (thrown) {
      // It may hold a part of it. What is there is whole lines again, and the next file will contain it.
      this.#ownFile = null;
      this.#contained.add(own.name);
      await own.file.truncate(own.length).catch(() => undefined);
      await own.file.close().catch(() => undefined);
      throw thrown;
    }
  }

  /** Begins a file of our own that contains what we know, the file before it, and those of many dead writers. */
  async #openOwn(): Promise<void> {
    const before = this.#ownFile;
    const release = await this.#takeOver();
    try {
      this.#letGo();
      this.#own.buckets.age(this.#nowMs(), this.#limits.statsDays * dayMs);
      const replaces = [...this.#contained, ...(before === null ? [] : [before.name])];
      const stamp = new Date(this.#nowMs()).toISOString().replaceAll(/[-:.]/g, '');
      const name = `${stamp}-${process.pid}-${randomBytes(4).toString('hex')}.jsonl`;
      this.#opening = name;
      const file = await this.#files.create(name);
      this.#seal();
      const ongoing = this.#ongoing.values();
      const open: StateRecord = {
        is: 'open',
        writer: thisWriter(),
        replaces,
        cells: this.#own.buckets.data(),
        calls: [...this.#own.calls.values(), ...ongoing.map((call) => call.begun())],
      };
      const bytes = Buffer.concat([...this.#recent.lines(), Buffer.from(lineOf(open))]);
      // It is contained in that.
      this.#unwritten = [];
      for (const { requestId } of ongoing) this.#told.add(requestId);
      try {
        await file.append(bytes);
        // Before what it contains is removed.
        if (replaces.length > 0) await file.sync();
      } catch (thrown) {
        await file.close().catch(() => undefined);
        await this.#files.remove(name).catch(() => undefined);
        throw thrown;
      }
      this.#ownFile = { name, file, length: bytes.length, begunAt: bytes.length };
      for (const replaced of replaces) {
        this.#contained.add(replaced);
        this.#views.delete(replaced);
      }
      await before?.file.close().catch(() => undefined);
      for (const replaced of replaces) await this.#files.remove(replaced).catch(() => undefined);
    } finally {
      this.#opening = null;
      await release();
    }
  }

  /** Takes the files of dead writers into our own view, when they are many and nobody else is at it; answers what ends that. */
  async #takeOver(): Promise<() => Promise<void>> {
    const nothing = () => Promise.resolve();
    await this.#refresh();
    const dead = this.#standing().filter(([, isGone]) => isGone).length;
    if (dead < mostDeadFiles || !(await this.#lock())) return nothing;
    // Between the look and the lock somebody else may have done it.
    await this.#refresh();
    const standing = new Set(this.#standing().flatMap(([view, isGone]) => (isGone ? [view] : [])));
    for (const [name, view] of this.#views) {
      if (!standing.has(view)) continue;
      this.#own.absorb(view);
      this.#contained.add(name);
    }
    return async () => {
      await this.#files.remove(lockName).catch(() => undefined);
    };
  }

  async #lock(): Promise<boolean> {
    for (let tries = 0; tries < 2; tries += 1) {
      try {
        const lock = await this.#files.create(lockName);
        const open: StateRecord = { is: 'open', writer: thisWriter(), replaces: [], cells: [], calls: [] };
        await lock.append(Buffer.from(lineOf(open)));
        await lock.close();
        return true;
      } catch {
        if (!(await this.#isLockDead())) return false;
        await this.#files.remove(lockName).catch(() => undefined);
      }
    }
    return false;
  }

  async #isLockDead(): Promise<boolean> {
    try {
      const [first] = readRecords(await this.#files.read(lockName, 0)).records;
      return first?.is === 'open' && isDead(first.writer);
    } catch {
      return false;
    }
  }

  /** One look at a time; nobody who looks waits for what is written, which may take the disk long. */
  #refresh(): Promise<void> {
    this.#reading = this.#reading.then(() => this.#refreshNow());
    return this.#reading;
  }

  async #refreshNow(): Promise<void> {
    const names: readonly string[] = await this.#files.list().catch(() => []);
    for (const known of this.#views.keys()) if (!names.includes(known)) this.#views.delete(known);
    for (const name of names) {
      if (name === this.#ownFile?.name || name === this.#opening || this.#contained.has(name)) continue;
      await this.#readOn(name).catch((cause: unknown) => this.#warn(`The state file ${name} cannot be read.`, cause));
    }
    const now = this.#nowMs();
    for (const view of [this.#own, ...this.#views.values()]) view.buckets.age(now, this.#limits.statsDays * dayMs);
  }

  async #readOn(name: string): Promise<void> {
    const view = this.#views.get(name) ?? new FileView();
    this.#views.set(name, view);
    if ((await this.#files.size(name)) === view.bytesRead) return;
    const { records, wholeBytes } = readRecords(await this.#files.read(name, view.bytesRead));
    for (const record of records) view.take(record);
    view.bytesRead += wholeBytes;
  }

  #failed(cause: unknown): void {
    const message = cause instanceof Error ? cause.message : String(cause);
    const since = this.#persistence.is === 'memory_only' ? this.#persistence.since : this.#nowMs();
    if (this.#persistence.is === 'ok') this.#warn('The history is kept in memory only; it cannot be written.', cause);
    this.#persistence = { is: 'memory_only', since, message };
  }
}
