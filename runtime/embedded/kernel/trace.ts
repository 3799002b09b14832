/**
 * The tracing hook of a node: what processes do, noted into a ring of bounded size. Nothing is noted unless `node.tracer` is set
 * and the process carries the flag; a full ring drops what is new and counts it (`erlang:trace/3`, with a fuse).
 */
import type { Pid, Value } from '../../term/values.ts';
import type { Mfa } from './module.ts';
import type { Process } from './process.ts';

/** Bits of {@link Process.traceFlags}; the names are those of erlang:trace/3 where it has them. */
export const traceFlag = {
  /** `send`: messages it sends */
  send: 1,
  /** `receive`: messages that reach its mailbox */
  receive: 2,
  /** `call`: messages that its behaviour's callbacks take, and functions of loaded modules that it calls by name */
  call: 4,
  /** `procs`: spawn, exit, link, unlink, register, unregister */
  procs: 8,
  /** `running`: when it starts and stops to run */
  running: 16,
  /** `set_on_spawn`: what it spawns is traced alike */
  setOnSpawn: 32,
} as const;

const kinds = [
  'send',
  'receive',
  'call',
  'spawn',
  'spawned',
  'exit',
  'link',
  'unlink',
  'getting_linked',
  'getting_unlinked',
  'register',
  'unregister',
  'in',
  'out',
] as const;
export type TraceKind = (typeof kinds)[number];

/** The number that {@link TraceRing.note} takes for a kind: a byte in the ring. */
export const traceKind: { readonly [kind in TraceKind]: number } = {
  send: 0,
  receive: 1,
  call: 2,
  spawn: 3,
  spawned: 4,
  exit: 5,
  link: 6,
  unlink: 7,
  getting_linked: 8,
  getting_unlinked: 9,
  register: 10,
  unregister: 11,
  in: 12,
  out: 13,
};

/**
 * One thing that `pid` did at `atMs` of the cluster's clock; `sequence` counts per ring. What `subject` and `value` are:
 * `send`: to whom (a pid, alias, name or `{Name, Node}`), the message. `receive`: null, the message. `call`: `mfa` and the
 * arguments as a list. `spawn`: the new pid, `mfa`; `spawned`: the parent, `mfa`. `exit`: null, the reason. `link` …
 * `getting_unlinked`: the other pid. `register`, `unregister`: the name. `in`, `out`: nothing.
 */
export type TraceEvent = {
  readonly is: TraceKind;
  readonly sequence: number;
  readonly atMs: number;
  readonly pid: Pid;
  readonly subject: Value;
  readonly value: Value;
  readonly mfa: Mfa | null;
};

/** Columns rather than records: noting an event allocates nothing. */
export class TraceRing {
  readonly capacity: number;
  readonly #kinds: Uint8Array;
  readonly #times: Float64Array;
  readonly #processes: (Process | null)[];
  readonly #subjects: Value[];
  readonly #values: Value[];
  /** Of calls and spawns only. */
  readonly #mfas: (Mfa | null)[];
  #head = 0;
  #tail = 0;
  #dropped = 0;

  /** Holds up to `capacity` events, a power of two of them (rounded up). */
  constructor(capacity: number) {
    this.capacity = 2 ** Math.ceil(Math.log2(Math.max(2, capacity)));
    this.#kinds = new Uint8Array(this.capacity);
    this.#times = new Float64Array(this.capacity);
    this.#processes = new Array<Process | null>(this.capacity).fill(null);
    this.#subjects = new Array<Value>(this.capacity).fill(null);
    this.#values = new Array<Value>(this.capacity).fill(null);
    this.#mfas = new Array<Mfa | null>(this.capacity).fill(null);
  }

  /** How many events wait to be drained. */
  get length(): number {
    return this.#tail - this.#head;
  }
  /** How many events found the ring full, since it was made. */
  get dropped(): number {
    return this.#dropped;
  }

  /** For the kernel: notes that `process` did something, if it carries `flag`. */
  note(flag: number, kind: number, process: Process, subject: Value, value: Value, mfa: Mfa | null = null): void {
    if ((process.traceFlags & flag) === 0) return;
    const tail = this.#tail;
    if (tail - this.#head === this.capacity) {
      this.#dropped += 1;
      return;
    }
    const slot = tail & (this.capacity - 1);
    this.#kinds[slot] = kind;
    this.#times[slot] = process.node.world.nowMs;
    this.#processes[slot] = process;
    this.#subjects[slot] = subject;
    this.#values[slot] = value;
    if (mfa !== null) this.#mfas[slot] = mfa;
    this.#tail = tail + 1;
  }

  /** Forgets what waits to be drained; dropped events stay counted. */
  discard(): void {
    for (; this.#head < this.#tail; this.#head += 1) this.#clear(this.#head & (this.capacity - 1));
  }

  /** Takes up to `limit` events out, oldest first. */
  drain(limit: number = this.capacity): TraceEvent[] {
    const events: TraceEvent[] = [];
    for (; this.#head < this.#tail && events.length < limit; this.#head += 1) {
      const slot = this.#head & (this.capacity - 1);
      const process = this.#processes[slot];
      const is = kinds[this.#kinds[slot] ?? 0];
      if (process !== null && process !== undefined && is !== undefined) {
        events.push({
          is,
          sequence: this.#head,
          atMs: this.#times[slot] ?? 0,
          pid: process.pid,
          subject: this.#subjects[slot],
          value: this.#values[slot],
          mfa: this.#mfas[slot] ?? null,
        });
      }
      this.#clear(slot);
    }
    return events;
  }

  #clear(slot: number): void {
    this.#processes[slot] = null;
    this.#subjects[slot] = null;
    this.#values[slot] = null;
    if (this.#mfas[slot] !== null) this.#mfas[slot] = null;
  }
}
