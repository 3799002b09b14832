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

/** A row of the ring, made once and used again and again: noting an event allocates nothing. */
type Row = {
  kind: number;
  atMs: number;
  process: Process | null;
  subject: Value;
  value: Value;
  /** Of calls and spawns only. */
  mfa: Mfa | null;
  /** Of a message that reached a mailbox as soon as it was sent: whose. Then the row is two events. */
  receiver: Process | null;
};

function emptyRow(): Row {
  return { kind: 0, atMs: 0.5, process: null, subject: null, value: null, mfa: null, receiver: null };
}

export class TraceRing {
  readonly capacity: number;
  readonly #rows: readonly Row[];
  #head = 0;
  #tail = 0;
  /** The last row, when that is a message sent that nobody has been seen to get yet. */
  #sent: Row | null = null;
  #sequence = 0;
  #dropped = 0;

  /** Has `capacity` rows, a power of two of them (rounded up). A row is one event, or a message's sending and receipt in one. */
  constructor(capacity: number) {
    this.capacity = 2 ** Math.ceil(Math.log2(Math.max(2, capacity)));
    this.#rows = Array.from({ length: this.capacity }, emptyRow);
  }

  /** How many rows wait to be drained. */
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
    this.#sent = null;
    const row = this.#take(kind, process, subject, value);
    if (row !== null) row.mfa = mfa;
  }

  /** For the kernel: `process` sends a message to `to`. */
  sent(process: Process, to: Value, message: Value): void {
    if ((process.traceFlags & traceFlag.send) === 0) return;
    this.#sent = this.#take(traceKind.send, process, to, message);
  }

  /** For the kernel: a message reaches the mailbox of `process`. */
  received(process: Process, message: Value): void {
    if ((process.traceFlags & traceFlag.receive) === 0) return;
    const sent = this.#sent;
    this.#sent = null;
    if (sent !== null && sent.value === message && sent.atMs === process.node.world.nowMs) sent.receiver = process;
    else this.#take(traceKind.receive, process, null, message);
  }

  #take(kind: number, process: Process, subject: Value, value: Value): Row | null {
    const tail = this.#tail;
    const row = this.#rows[tail & (this.capacity - 1)];
    if (row === undefined || tail - this.#head === this.capacity) {
      this.#dropped += 1;
      return null;
    }
    row.kind = kind;
    row.atMs = process.node.world.nowMs;
    row.process = process;
    row.subject = subject;
    row.value = value;
    this.#tail = tail + 1;
    return row;
  }

  /** Forgets what waits to be drained; dropped events stay counted. */
  discard(): void {
    while (this.#head < this.#tail) {
      const row = this.#rows[this.#head & (this.capacity - 1)];
      if (row !== undefined) this.#giveBack(row);
    }
  }

  /** Takes the events of up to `limit` rows out, oldest first. */
  drain(limit: number = this.capacity): TraceEvent[] {
    const events: TraceEvent[] = [];
    for (let left = limit; left > 0 && this.#head < this.#tail; left -= 1) {
      const row = this.#rows[this.#head & (this.capacity - 1)];
      if (row === undefined) break;
      const { kind, atMs, process, subject, value, mfa, receiver } = row;
      const sequence = this.#sequence;
      this.#giveBack(row);
      const is = kinds[kind];
      if (process === null || is === undefined) continue;
      events.push({ is, sequence, atMs, pid: process.pid, subject, value, mfa });
      if (receiver === null) continue;
      events.push({ is: 'receive', sequence: sequence + 1, atMs, pid: receiver.pid, subject: null, value, mfa: null });
    }
    return events;
  }

  /** The oldest row is free again, and holds on to nothing. */
  #giveBack(row: Row): void {
    this.#head += 1;
    this.#sequence += row.receiver === null ? 1 : 2;
    this.#sent = null;
    row.process = null;
    row.subject = null;
    row.value = null;
    row.mfa = null;
    row.receiver = null;
  }
}
