/**
 * Control messages between nodes (ERTS User's Guide, "Protocol between Connected Nodes"), both ways. Trace tokens are read over.
 */
import type { PidTerm, RefTerm, Term } from '../../term/term.ts';
import { atom, integer, list, tuple } from '../../term/term.ts';
import { flag } from './flags.ts';

/** A process on the other side: its pid, or the name it is registered under there. */
export type Target = PidTerm | string;

export type Control =
  | { readonly op: 'link'; readonly from: PidTerm; readonly to: PidTerm }
  | { readonly op: 'unlink'; readonly id: Term; readonly from: PidTerm; readonly to: PidTerm }
  | { readonly op: 'unlink_ack' }
  | {
      readonly op: 'send';
      readonly from: PidTerm | null;
      readonly to: PidTerm | RefTerm | string;
      readonly message: Term;
    }
  /** A link broke, or someone called `exit/2`. */
  | {
      readonly op: 'exit';
      readonly cause: 'link' | 'exit2';
      readonly from: PidTerm;
      readonly to: PidTerm;
      readonly reason: Term;
    }
  | { readonly op: 'group_leader' }
  | { readonly op: 'monitor'; readonly from: PidTerm; readonly target: Target; readonly ref: RefTerm }
  | { readonly op: 'demonitor'; readonly from: PidTerm; readonly target: Target; readonly ref: RefTerm }
  | { readonly op: 'down'; readonly ref: RefTerm; readonly reason: Term }
  | { readonly op: 'spawn_request'; readonly id: RefTerm; readonly from: PidTerm }
  | { readonly op: 'spawn_reply'; readonly id: RefTerm; readonly result: PidTerm | string }
  /** A message of a kind that was not negotiated. */
  | { readonly op: 'unknown'; readonly code: number };

function pid(term: Term | undefined): PidTerm | null {
  return term?.t === 'pid' ? term : null;
}

function ref(term: Term | undefined): RefTerm | null {
  return term?.t === 'ref' ? term : null;
}

function target(term: Term | undefined): Target | null {
  return term?.t === 'atom' ? term.v : pid(term);
}

function exit(cause: 'link' | 'exit2', elements: readonly Term[], reason: Term | null | undefined): Control | null {
  const from = pid(elements[1]);
  const to = pid(elements[2]);
  if (from === null || to === null || reason === null || reason === undefined) return null;
  return { op: 'exit', cause, from, to, reason };
}

function send(from: PidTerm | null, to: Term | undefined, message: Term | null): Control | null {
  if (message === null) return null;
  const receiver = to?.t === 'ref' ? to : target(to);
  return receiver === null ? null : { op: 'send', from, to: receiver, message };
}

function watch(op: 'monitor' | 'demonitor', elements: readonly Term[]): Control | null {
  const from = pid(elements[1]);
  const watched = target(elements[2]);
  const id = ref(elements[3]);
  return from === null || watched === null || id === null ? null : { op, from, target: watched, ref: id };
}

function down(elements: readonly Term[], reason: Term | null | undefined): Control | null {
  const id = ref(elements[3]);
  return id === null || reason === null || reason === undefined ? null : { op: 'down', ref: id, reason };
}

/** The typed form of a control message and its payload, or null when it is malformed. */
export function readControl(control: Term, payload: Term | null): Control | null {
  if (control.t !== 'tuple') return null;
  const elements = control.e;
  const code = elements[0];
  if (code?.t !== 'int') return null;
  switch (code.v) {
    case 1:
    case 4: {
      const from = pid(elements[1]);
      const to = pid(elements[2]);
      if (from === null || to === null) return null;
      // UNLINK without an id was used before OTP 26 towards peers that do not acknowledge; to read over its number is enough.
      return code.v === 1 ? { op: 'link', from, to } : { op: 'unlink', id: integer(0), from, to };
    }
    case 2:
    case 12:
      return send(null, elements[2], payload);
    case 3:
      return exit('link', elements, elements[3]);
    case 13:
      return exit('link', elements, elements[4]);
    case 24:
    case 25:
      return exit('link', elements, payload);
    case 8:
      return exit('exit2', elements, elements[3]);
    case 18:
      return exit('exit2', elements, elements[4]);
    case 26:
    case 27:
      return exit('exit2', elements, payload);
    case 6:
    case 16:
      return send(pid(elements[1]), elements[3], payload);
    case 7:
      return { op: 'group_leader' };
    case 19:
      return watch('monitor', elements);
    case 20:
      return watch('demonitor', elements);
    case 21:
      return down(elements, elements[4]);
    case 28:
      return down(elements, payload);
    case 22:
    case 23:
    case 33:
    case 34:
      return send(pid(elements[1]), elements[2], payload);
    case 29:
    case 30: {
      const id = ref(elements[1]);
      const from = pid(elements[2]);
      return id === null || from === null ? null : { op: 'spawn_request', id, from };
    }
    case 31:
    case 32: {
      const id = ref(elements[1]);
      const result = target(elements[4]);
      return id === null || result === null ? null : { op: 'spawn_reply', id, result };
    }
    case 35: {
      const id = elements[1];
      const from = pid(elements[2]);
      const to = pid(elements[3]);
      return id === undefined || from === null || to === null ? null : { op: 'unlink', id, from, to };
    }
    case 36:
      return { op: 'unlink_ack' };
    default:
      return { op: 'unknown', code: code.v };
  }
}

// ------------------------------------------------------------------------------------------------------------- writing

/** A control message to send, with its payload if it has one. */
export type Outgoing = { readonly control: Term; readonly payload: Term | null };

function op(code: number, ...rest: readonly Term[]): Term {
  return tuple(integer(code), ...rest);
}

function targetTerm(to: Target): Term {
  return typeof to === 'string' ? atom(to) : to;
}

const nobody = atom('');

/** SEND_SENDER or SEND to a pid, REG_SEND to a name. */
export function sendMessage(flags: bigint, from: PidTerm, to: Target, message: Term): Outgoing {
  if (typeof to === 'string') return { control: op(6, from, nobody, atom(to)), payload: message };
  const control = (flags & flag.sendSender) === 0n ? op(2, nobody, to) : op(22, from, to);
  return { control, payload: message };
}

/** What `exit(To, Reason)` sends. */
export function exit2(flags: bigint, from: PidTerm, to: PidTerm, reason: Term): Outgoing {
  return (flags & flag.exitPayload) === 0n
    ? { control: op(8, from, to, reason), payload: null }
    : { control: op(26, from, to), payload: reason };
}

/** What the end of a linked process sends. */
export function linkBroken(flags: bigint, from: PidTerm, to: PidTerm, reason: Term): Outgoing {
  return (flags & flag.exitPayload) === 0n
    ? { control: op(3, from, to, reason), payload: null }
    : { control: op(24, from, to), payload: reason };
}

/** What the end of a monitored process sends. */
export function monitorFired(flags: bigint, from: Target, to: PidTerm, id: RefTerm, reason: Term): Outgoing {
  return (flags & flag.exitPayload) === 0n
    ? { control: op(21, targetTerm(from), to, id, reason), payload: null }
    : { control: op(28, targetTerm(from), to, id), payload: reason };
}

export function monitor(from: PidTerm, to: Target, id: RefTerm): Outgoing {
  return { control: op(19, from, targetTerm(to), id), payload: null };
}

export function demonitor(from: PidTerm, to: Target, id: RefTerm): Outgoing {
  return { control: op(20, from, targetTerm(to), id), payload: null };
}

/** The acknowledgement of an unlink; `from` and `to` are those of the unlink. */
export function unlinkAck(id: Term, from: PidTerm, to: PidTerm): Outgoing {
  return { control: op(36, id, to, from), payload: null };
}

/** Starts `module:name(args…)` there, monitored by `from` with `id` for reference. */
export function spawnMonitored(
  id: RefTerm,
  from: PidTerm,
  groupLeader: PidTerm,
  module: string,
  name: string,
  args: readonly Term[],
): Outgoing {
  const entry = tuple(atom(module), atom(name), integer(args.length));
  return { control: op(29, id, from, groupLeader, entry, list([atom('monitor')])), payload: list(args) };
}

/** Refuses a spawn request. */
export function spawnRefused(id: RefTerm, to: PidTerm, reason: string): Outgoing {
  return { control: op(31, id, to, integer(0), atom(reason)), payload: null };
}
