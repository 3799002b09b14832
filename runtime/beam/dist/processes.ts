/**
 * Our side's processes on one connection: pids that the node can send to, monitor and link to, with a function behind each. They
 * trap exits, and end when they are released or the connection does.
 */
import type { RawTerm } from '../../term/cursor.ts';
import { termOf } from '../../term/cursor.ts';
import type { PidTerm, RefTerm, Term } from '../../term/term.ts';
import { atom, tuple } from '../../term/term.ts';
import type { Outgoing } from './control.ts';
import { linkBroken, monitorFired } from './control.ts';
import type { Identities } from './identities.ts';

/** `from` is null where the node does not say who sent the message. */
export type OnMessage = (message: Term, from: PidTerm | null) => void;

/** What takes the messages of a process undecoded, and its exit signals apart from them. */
export type RawReceiver = {
  /** The message is a view: valid during the call, and perhaps damaged. */
  readonly message: (message: RawTerm, from: PidTerm | null) => void;
  readonly exit: (from: PidTerm, reason: Term) => void;
};

type Receiver =
  | { readonly takes: 'terms'; readonly onMessage: OnMessage }
  | { readonly takes: 'raw'; readonly receiver: RawReceiver };

type Process = {
  readonly pid: PidTerm;
  readonly receiver: Receiver;
  readonly monitors: Map<string, { readonly by: PidTerm; readonly ref: RefTerm }>;
  readonly links: Map<string, PidTerm>;
};

/** Text that is equal for two pids or references exactly when they are the same one. */
function keyOf(identity: PidTerm | RefTerm): string {
  const numbers = identity.t === 'pid' ? `${identity.id}.${identity.serial}` : identity.ids.join('.');
  return `${numbers}.${identity.creation}@${identity.node}`;
}

const noproc = atom('noproc');

export class Processes {
  readonly #identities: Identities;
  readonly #flags: bigint;
  readonly #send: (outgoing: Outgoing) => void;
  readonly #live = new Map<number, Process>();

  constructor(identities: Identities, flags: bigint, send: (outgoing: Outgoing) => void) {
    this.#identities = identities;
    this.#flags = flags;
    this.#send = send;
  }

  spawn(onMessage: OnMessage): PidTerm {
    return this.#spawn({ takes: 'terms', onMessage });
  }

  spawnRaw(receiver: RawReceiver): PidTerm {
    return this.#spawn({ takes: 'raw', receiver });
  }

  #spawn(receiver: Receiver): PidTerm {
    const pid = this.#identities.newPid();
    const key = this.#identities.pidKey(pid);
    if (key !== null) this.#live.set(key, { pid, receiver, monitors: new Map(), links: new Map() });
    return pid;
  }

  /** Ends a process: who monitors it or is linked to it is told `reason`. */
  release(pid: PidTerm, reason: Term): void {
    const process = this.#find(pid);
    if (process === null) return;
    this.#forget(process);
    for (const { by, ref } of process.monitors.values()) this.#send(monitorFired(this.#flags, pid, by, ref, reason));
    for (const linked of process.links.values()) this.#send(linkBroken(this.#flags, pid, linked, reason));
  }

  /** Ends all of them without a word, because the connection is gone. */
  clear(): void {
    for (const process of this.#live.values()) this.#identities.release(process.pid);
    this.#live.clear();
  }

  #forget(process: Process): void {
    const key = this.#identities.pidKey(process.pid);
    if (key !== null) this.#live.delete(key);
    this.#identities.release(process.pid);
  }

  #find(pid: PidTerm): Process | null {
    const key = this.#identities.pidKey(pid);
    return key === null ? null : (this.#live.get(key) ?? null);
  }

  /** `no_process`: there is none, and nothing was looked at. `damaged`: the message is no term. */
  deliver(to: PidTerm, message: RawTerm, from: PidTerm | null): 'delivered' | 'no_process' | 'damaged' {
    const receiver = this.#find(to)?.receiver;
    if (receiver === undefined) return 'no_process';
    if (receiver.takes === 'raw') {
      receiver.receiver.message(message, from);
      return 'delivered';
    }
    const term = termOf(message);
    if (!term.ok) return 'damaged';
    receiver.onMessage(term.value, from);
    return 'delivered';
  }

  /** An exit signal arrives as the message `{'EXIT', From, Reason}` where messages are terms, since our processes trap exits. */
  exited(to: PidTerm, from: PidTerm, reason: Term): void {
    const process = this.#find(to);
    if (process === null) return;
    process.links.delete(keyOf(from));
    const { receiver } = process;
    if (receiver.takes === 'raw') receiver.receiver.exit(from, reason);
    else receiver.onMessage(tuple(atom('EXIT'), from, reason), from);
  }

  monitored(target: PidTerm, by: PidTerm, ref: RefTerm): void {
    const process = this.#find(target);
    if (process === null) this.#send(monitorFired(this.#flags, target, by, ref, noproc));
    else process.monitors.set(keyOf(ref), { by, ref });
  }

  demonitored(target: PidTerm, ref: RefTerm): void {
    this.#find(target)?.monitors.delete(keyOf(ref));
  }

  linked(to: PidTerm, by: PidTerm): void {
    const process = this.#find(to);
    if (process === null) this.#send(linkBroken(this.#flags, to, by, noproc));
    else process.links.set(keyOf(by), by);
  }

  unlinked(to: PidTerm, by: PidTerm): void {
    this.#find(to)?.links.delete(keyOf(by));
  }
}
