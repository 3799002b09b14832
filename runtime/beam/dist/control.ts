/**
 * Control messages between nodes (ERTS User's Guide, "Protocol between Connected Nodes"), both ways. Trace tokens are read over.
 */
/**
 * Control messages between nodes (ERTS User's Guide, "Protocol between Connected Nodes"), both ways. Trace tokens are read over.
 */
import type { RawTerm, TermCursor } from '../../term/cursor.ts';
import { Damage } from '../../term/reader.ts';
import type { PidTerm, RefTerm, Term } from '../../term/term.ts';
import { atom, integer, list, tuple } from '../../term/term.ts';
import { flag } from './flags.ts';

/** `header` is what the peer expects once atom cache or fragments are negotiated; `pass_through` else. */
export type Framing = 'header' | 'pass_through';

/** A process on the other side: its pid, or the name it is registered under there. */
export type Target = PidTerm | string;

/** Messages and reasons are as they came: whoever takes one decodes it, or finds it damaged. */
export type Control =
  | { readonly op: 'link'; readonly from: PidTerm; readonly to: PidTerm }
  | { readonly op: 'unlink'; readonly id: Term; readonly from: PidTerm; readonly to: PidTerm }
  | { readonly op: 'unlink_ack' }
  | {
      readonly op: 'send';
      readonly from: PidTerm | null;
      readonly to: PidTerm | RefTerm | string;
      readonly message: RawTerm;
    }
  /** A link broke, or someone called `exit/2`. */
  | {
      readonly op: 'exit';
      readonly cause: 'link' | 'exit2';
      readonly from: PidTerm;
      readonly to: PidTerm;
      readonly reason: RawTerm;
    }
  | { readonly op: 'group_leader' }
  | { readonly op: 'monitor'; readonly from: PidTerm; readonly target: Target; readonly ref: RefTerm }
  | { readonly op: 'demonitor'; readonly from: PidTerm; readonly target: Target; readonly ref: RefTerm }
  | { readonly op: 'down'; readonly ref: RefTerm; readonly reason: RawTerm }
  | { readonly op: 'spawn_request'; readonly id: RefTerm; readonly from: PidTerm }
  | { readonly op: 'spawn_reply'; readonly id: RefTerm; readonly result: PidTerm | string }
  /** A message of a kind that was not negotiated. */
  | { readonly op: 'unknown'; readonly code: number };

/** The control tuple being read: which element comes next is known by its operation. */
class Elements {
  readonly cursor: TermCursor;
  #left: number;

  constructor(cursor: TermCursor) {
    this.cursor = cursor;
    this.#left = cursor.tuple();
  }

  #next(): TermCursor {
    if (this.#left-- > 0) return this.cursor;
    throw new Damage('unexpected', this.cursor.at, 'A control message is too short.');
  }

  code(): number {
    return this.#next().number();
  }

  pid(): PidTerm {
    return this.#next().pidTerm();
  }

  ref(): RefTerm {
    return this.#next().refTerm();
  }

  target(): Target {
    const cursor = this.#next();
    return cursor.kind() === 'atom' ? cursor.atom().v : cursor.pidTerm();
  }

  term(): Term {
    return this.#next().term();
  }

  raw(): RawTerm {
    return this.#next().raw();
  }

  skip(): void {
    this.#next().skip();
  }

  /** What follows the tuple. */
  payload(framing: Framing): RawTerm {
    this.end();
    if (framing === 'pass_through') this.cursor.version();
    return this.cursor.rest();
  }

  end(): void {
    this.cursor.skip(this.#left);
    this.#left = 0;
  }
}

function exit(cause: 'link' | 'exit2', elements: Elements, reasonAt: 'next' | 'behind_token' | Framing): Control {
  const from = elements.pid();
  const to = elements.pid();
  if (reasonAt === 'behind_token') elements.skip();
  const isInside = reasonAt === 'next' || reasonAt === 'behind_token';
  return { op: 'exit', cause, from, to, reason: isInside ? elements.raw() : elements.payload(reasonAt) };
}

function watch(op: 'monitor' | 'demonitor', elements: Elements): Control {
  return { op, from: elements.pid(), target: elements.target(), ref: elements.ref() };
}

function read(code: number, elements: Elements, framing: Framing): Control {
  switch (code) {
    case 1:
      return { op: 'link', from: elements.pid(), to: elements.pid() };
    case 4:
      // UNLINK without an id was used before OTP 26 towards peers that do not acknowledge; to read over its number is enough.
      return { op: 'unlink', id: integer(0), from: elements.pid(), to: elements.pid() };
    case 2:
    case 12: {
      elements.skip();
      const to = elements.target();
      return { op: 'send', from: null, to, message: elements.payload(framing) };
    }
    case 6:
    case 16: {
      const from = elements.pid();
      elements.skip();
      const to = elements.target();
      return { op: 'send', from, to, message: elements.payload(framing) };
    }
    case 22:
    case 23: {
      const from = elements.pid();
      const to = elements.target();
      return { op: 'send', from, to, message: elements.payload(framing) };
    }
    case 33:
    case 34: {
      const from = elements.pid();
      const to = elements.ref();
      return { op: 'send', from, to, message: elements.payload(framing) };
    }
    case 3:
      return exit('link', elements, 'next');
    case 13:
      return exit('link', elements, 'behind_token');
    case 24:
    case 25:
      return exit('link', elements, framing);
    case 8:
      return exit('exit2', elements, 'next');
    case 18:
      return exit('exit2', elements, 'behind_token');
    case 26:
    case 27:
      return exit('exit2', elements, framing);
    case 7:
      return { op: 'group_leader' };
    case 19:
      return watch('monitor', elements);
    case 20:
      return watch('demonitor', elements);
    case 21:
    case 28: {
      elements.skip();
      elements.skip();
      const ref = elements.ref();
      return { op: 'down', ref, reason: code === 21 ? elements.raw() : elements.payload(framing) };
    }
    case 29:
    case 30:
      return { op: 'spawn_request', id: elements.ref(), from: elements.pid() };
    case 31:
    case 32: {
      const id = elements.ref();
      elements.skip();
      elements.skip();
      return { op: 'spawn_reply', id, result: elements.target() };
    }
    case 35:
      return { op: 'unlink', id: elements.term(), from: elements.pid(), to: elements.pid() };
    case 36:
      return { op: 'unlink_ack' };
    default:
      return { op: 'unknown', code };
  }
}

/**
 * The typed form of the control message at the cursor, with what came behind it. Throws {@link Damage} when it is malformed: use it
 * within `readRaw`.
 */
export function readControl(cursor: TermCursor, framing: Framing): Control {
  const elements = new Elements(cursor);
  return read(elements.code(), elements, framing);
}

// ------------------------------------------------------------------------------------------------------------- writing

/** A function to call on the node. */
export type Called = { readonly module: string; readonly fun: string; readonly args: readonly Term[] };

/** A control message to send, with its payload if it has one. */
export type TermsOut = { readonly form: 'terms'; readonly control: Term; readonly payload: Term | null };

/** A control message and the begin of a list in bytes; the list goes on with `atoms` and ends with `last`. See callFrame.ts. */
export type PreparedOut = {
  readonly form: 'prepared';
  readonly head: Uint8Array;
  readonly controlBytes: number;
  readonly atoms: readonly string[];
  readonly last: Term;
};

export type Outgoing = TermsOut | PreparedOut;

function op(code: number, ...rest: readonly Term[]): Term {
  return tuple(integer(code), ...rest);
}

function targetTerm(to: Target): Term {
  return typeof to === 'string' ? atom(to) : to;
}

const nobody = atom('');

/** SEND_SENDER or SEND to a pid, REG_SEND to a name. */
export function sendMessage(flags: bigint, from: PidTerm, to: Target, message: Term): TermsOut {
  if (typeof to === 'string') return { form: 'terms', control: op(6, from, nobody, atom(to)), payload: message };
  const control = (flags & flag.sendSender) === 0n ? op(2, nobody, to) : op(22, from, to);
  return { form: 'terms', control, payload: message };
}

/** What `exit(To, Reason)` sends. */
export function exit2(flags: bigint, from: PidTerm, to: PidTerm, reason: Term): TermsOut {
  return (flags & flag.exitPayload) === 0n
    ? { form: 'terms', control: op(8, from, to, reason), payload: null }
    : { form: 'terms', control: op(26, from, to), payload: reason };
}

/** What the end of a linked process sends. */
export function linkBroken(flags: bigint, from: PidTerm, to: PidTerm, reason: Term): TermsOut {
  return (flags & flag.exitPayload) === 0n
    ? { form: 'terms', control: op(3, from, to, reason), payload: null }
    : { form: 'terms', control: op(24, from, to), payload: reason };
}

/** What the end of a monitored process sends. */
export function monitorFired(flags: bigint, from: Target, to: PidTerm, id: RefTerm, reason: Term): TermsOut {
  return (flags & flag.exitPayload) === 0n
    ? { form: 'terms', control: op(21, targetTerm(from), to, id, reason), payload: null }
    : { form: 'terms', control: op(28, targetTerm(from), to, id), payload: reason };
}

export function monitor(from: PidTerm, to: Target, id: RefTerm): TermsOut {
  return { form: 'terms', control: op(19, from, targetTerm(to), id), payload: null };
}

export function demonitor(from: PidTerm, to: Target, id: RefTerm): TermsOut {
  return { form: 'terms', control: op(20, from, targetTerm(to), id), payload: null };
}

/** The acknowledgement of an unlink; `from` and `to` are those of the unlink. */
export function unlinkAck(id: Term, from: PidTerm, to: PidTerm): TermsOut {
  return { form: 'terms', control: op(36, id, to, from), payload: null };
}

/** Starts `module:name(args…)` there, monitored by `from` with `id` for reference. */
export function spawnMonitored(
  id: RefTerm,
  from: PidTerm,
  groupLeader: PidTerm,
  module: string,
  name: string,
  args: readonly Term[],
): TermsOut {
  const entry = tuple(atom(module), atom(name), integer(args.length));
  return { form: 'terms', control: op(29, id, from, groupLeader, entry, list([atom('monitor')])), payload: list(args) };
}

/** Refuses a spawn request. */
export function spawnRefused(id: RefTerm, to: PidTerm, reason: string): TermsOut {
  return { form: 'terms', control: op(31, id, to, integer(0), atom(reason)), payload: null };
}
