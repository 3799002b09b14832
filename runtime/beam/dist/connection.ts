/**
 * One connection to a node, as its users see it: calls, messages, monitors and processes of our own; and what we owe the node in
 * return.
 */
import type { Socket } from 'node:net';
import { randomUUID } from 'node:crypto';
import type { RawTerm } from '../../term/cursor.ts';
import { ownRaw } from '../../term/cursor.ts';
import type { PidTerm, RefTerm, Term } from '../../term/term.ts';
import { atom, isAtom, tuple } from '../../term/term.ts';
import { onAbort } from './abort.ts';
import type { Decode } from './callResult.ts';
import { decoded } from './callResult.ts';
import { Calls } from './calls.ts';
import type { Called, Control, Target } from './control.ts';
import { demonitor, exit2, monitor, monitorFired, sendMessage, spawnRefused, unlinkAck } from './control.ts';
import type { DistError, DistResult } from './errors.ts';
import { cancelled, failure } from './errors.ts';
import type { Established } from './handshake.ts';
import type { Identities } from './identities.ts';
import type { InboxLimits, InboxLink } from './inbox.ts';
import { Inbox } from './inbox.ts';
import type { CallBack } from './ioRequests.ts';
import { outputDevice } from './ioRequests.ts';
import type { Counters, LinkLimits } from './link.ts';
import { framingOf, Link } from './link.ts';
import type { OnMessage, RawReceiver } from './processes.ts';
import { Processes } from './processes.ts';

export type CallOptions = {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /**
   * Whom the called function writes to: by default the target's own `user`, as for a process started there; `ours` brings its
   * output here.
   */
  readonly groupLeader?: PidTerm | 'ours';
  /** Takes the output of a call whose group leader is `ours`; without it that output is dropped. */
  readonly onOutput?: (text: string) => void;
};

export type WaitOptions = { readonly timeoutMs: number; readonly signal: AbortSignal };

/** What happens on a node's connections, for a log. Nothing in it is secret; names and terms are the node's. */
export type DistEvent =
  | { readonly kind: 'up'; readonly node: string; readonly creation: number; readonly flags: string }
  | { readonly kind: 'failed'; readonly node: string; readonly error: DistError }
  | { readonly kind: 'down'; readonly node: string; readonly error: DistError }
  | { readonly kind: 'probe'; readonly node: string }
  | { readonly kind: 'unroutable'; readonly node: string; readonly to: string }
  | { readonly kind: 'unknown_control'; readonly node: string; readonly code: number }
  | { readonly kind: 'listener_threw'; readonly node: string; readonly error: unknown };

const normal = atom('normal');
const noproc = atom('noproc');
const noconnection = atom('noconnection');
/** For what `io_lib` formats on the node on our behalf. */
const formatTimeoutMs = 5000;
/** An atom that every node has and that can never be registered, so that a monitor on it answers at once. */
const neverRegistered = 'undefined';

export class Connection {
  /** The node's full name. */
  readonly node: string;
  readonly creation: number;
  /** Funs that came over this connection carry it, and can go back over no other. */
  readonly scope: string = randomUUID();
  readonly #flags: bigint;
  readonly #identities: Identities;
  readonly #link: Link;
  readonly #processes: Processes;
  readonly #log: (event: DistEvent) => void;
  readonly #calls: Calls;
  readonly #onDown = new Set<(why: DistError) => void>();
  readonly #self: PidTerm;
  readonly #drain: PidTerm;
  #targetLeader: PidTerm | null = null;

  constructor(
    socket: Socket,
    established: Established,
    identities: Identities,
    limits: LinkLimits,
    log: (event: DistEvent) => void,
  ) {
    this.node = established.node;
    this.creation = established.creation;
    this.#flags = established.flags;
    this.#identities = identities;
    this.#log = log;
    this.#link = new Link(socket, established, this.scope, limits, {
      message: (control) => this.#obey(control),
      probe: () => {
        this.#probe();
      },
      down: (why) => {
        this.#lost(why);
      },
    });
    this.#processes = new Processes(identities, established.flags, (outgoing) => {
      this.#link.send(outgoing, 'duty');
    });
    // Calls look at what is sent to it themselves.
    this.#self = this.#processes.spawn(() => undefined);
    this.#calls = new Calls({
      flags: established.flags,
      framing: framingOf(established.flags),
      identities,
      self: this.#self,
      send: (outgoing, lane) => this.#link.send(outgoing, lane),
    });
    this.#drain = this.#processes.spawn(this.#device(() => undefined));
  }

  /** Takes what came behind the handshake; called once by whoever made the connection. */
  begin(rest: Uint8Array): void {
    this.#log({ kind: 'up', node: this.node, creation: this.creation, flags: `0x${this.#flags.toString(16)}` });
    this.#link.begin(rest);
  }

  get state(): 'up' | 'down' {
    return this.#link.down === null ? 'up' : 'down';
  }

  get counters(): Counters {
    return this.#link.counters;
  }

  /**
   * Calls `module:fun(args…)` on the node in a process of its own. When time runs out or the caller gives up, that process is
   * killed; what it did until then stays done. Errors: exception, spawn_failed, timeout, cancelled, noconnection, encode, busy.
   */
  call(module: string, fun: string, args: readonly Term[], options: CallOptions): Promise<DistResult<Term>> {
    return this.#call({ module, fun, args }, options, decoded);
  }

  /**
   * As {@link Connection.call}, but the value is not decoded, nor known to be sound: for `readRaw` and `readRows`. The bytes are the
   * caller's.
   */
  callRaw(module: string, fun: string, args: readonly Term[], options: CallOptions): Promise<DistResult<RawTerm>> {
    return this.#call({ module, fun, args }, options, ownRaw);
  }

  #call<T>(called: Called, options: CallOptions, decode: Decode<T>): Promise<DistResult<T>> {
    return options.groupLeader === undefined && this.#targetLeader !== null
      ? this.#calls.call(this.#targetLeader, called, options, decode)
      : this.#callLedBy(called, options, decode);
  }

  /** A call whose group leader is to be found out or made first. */
  async #callLedBy<T>(called: Called, options: CallOptions, decode: Decode<T>): Promise<DistResult<T>> {
    const started = performance.now();
    const own = this.#outputProcess(options);
    try {
      const leader = own ?? (await this.#leader(options));
      if (!isPid(leader)) return failure(leader);
      const timeoutMs = options.timeoutMs - (performance.now() - started);
      return await this.#calls.call(leader, called, { timeoutMs, signal: options.signal }, decode);
    } finally {
      if (own !== null) this.#processes.release(own, normal);
    }
  }

  #outputProcess(options: CallOptions): PidTerm | null {
    const { groupLeader, onOutput } = options;
    if (groupLeader !== 'ours') return null;
    return this.#processes.spawn(
      this.#device((text) => {
        if (onOutput !== undefined) this.#guarded(onOutput, text);
      }),
    );
  }

  async #leader({ groupLeader, timeoutMs, signal }: CallOptions): Promise<PidTerm | DistError> {
    if (groupLeader !== undefined && groupLeader !== 'ours') return groupLeader;
    if (this.#targetLeader !== null) return this.#targetLeader;
    const whereis = { module: 'erlang', fun: 'whereis', args: [atom('user')] };
    const found = await this.#calls.call(this.#drain, whereis, { timeoutMs, signal }, decoded);
    if (!found.ok) return found.error;
    // A node without `user` has nowhere to write to either. One that has just started will have it, and is asked again.
    if (found.value.t !== 'pid') return this.#drain;
    this.#targetLeader = found.value;
    return this.#targetLeader;
  }

  /**
   * What `gen_server:call/3` does: `{'$gen_call', From, Request}` to a process or a registered name, monitored meanwhile.
   * Errors: down (with its reason, `noproc` when there is none), timeout, cancelled, noconnection, encode, busy.
   */
  genCall(server: Target, request: Term, options: WaitOptions): Promise<DistResult<Term>> {
    return this.#calls.genCall(server, request, options, decoded);
  }

  /** Sends a message; null, or why it was not sent. Whether it arrived is not known, as with `!`. */
  send(to: Target, message: Term): DistError | null {
    return this.#link.send(sendMessage(this.#flags, this.#self, to, message));
  }

  /** Sends an exit signal, as `exit(Pid, Reason)`; null, or why it was not sent. */
  exit(pid: PidTerm, reason: Term): DistError | null {
    return this.#link.send(exit2(this.#flags, this.#self, pid, reason));
  }

  /**
   * Monitors a process or a registered name. `onDown` is called once, with the reason: `noproc` when there is none, `noconnection`
   * when the link is or goes down; never before this returns.
   */
  monitor(target: Target, onDown: (reason: Term) => void): { readonly ref: RefTerm; readonly demonitor: () => void } {
    const ref = this.#identities.newRef();
    const fire = (reason: Term): void => {
      this.#calls.forget(ref);
      this.#guarded(onDown, reason);
    };
    const lost = (): void => {
      fire(noconnection);
    };
    const down = (raw: RawTerm): boolean => {
      const reason = decoded(raw);
      if (reason !== null) fire(reason);
      return reason !== null;
    };
    this.#calls.expect(ref, { down, lost });
    if (this.#link.send(monitor(this.#self, target, ref), 'duty') !== null) {
      // The link is down, and what waits on it has been told already.
      queueMicrotask(() => {
        if (this.#calls.waitingFor(ref) !== undefined) lost();
      });
    }
    return {
      ref,
      demonitor: () => {
        if (this.#calls.waitingFor(ref) === undefined) return;
        this.#calls.forget(ref);
        this.#link.send(demonitor(this.#self, target, ref), 'duty');
      },
    };
  }

  /**
   * A process of ours that the node can send to, monitor and link to. It traps exits. Releasing it tells those who watch it
   * `normal`.
   */
  spawnPid(onMessage: OnMessage): { readonly pid: PidTerm; readonly release: () => void } {
    const pid = this.#processes.spawn((message, from) => {
      this.#guarded(() => {
        onMessage(message, from);
      }, undefined);
    });
    return {
      pid,
      release: () => {
        this.#processes.release(pid, normal);
      },
    };
  }

  /**
   * As {@link Connection.spawnPid}, but messages come undecoded, so that a page of rows is read once and by whom it is for (`readRaw`,
   * `readRows`). Their bytes are views, valid during the call: copy what is kept. They may be damaged, which is then the receiver's
   * finding; the link goes on.
   */
  spawnRawPid(receiver: RawReceiver): { readonly pid: PidTerm; readonly release: () => void } {
    const pid = this.#processes.spawnRaw({
      message: (message, from) => {
        this.#guarded(() => {
          receiver.message(message, from);
        }, undefined);
      },
      exit: (from, reason) => {
        this.#guarded(() => {
          receiver.exit(from, reason);
        }, undefined);
      },
    });
    return {
      pid,
      release: () => {
        this.#processes.release(pid, normal);
      },
    };
  }

  /** A stream of messages in a bounded queue; close it when it is not read any more. See inbox.ts. */
  openInbox(limits: InboxLimits = {}): Inbox {
    const link: InboxLink = {
      spawn: (receiver) => this.spawnRawPid(receiver),
      hold: () => this.#link.hold(),
      onDown: (listener) => this.onDown(listener),
    };
    return new Inbox(link, limits);
  }

  /**
   * Waits until a good part of what waits to be sent has left, after `busy`. Null, or why it has not: timeout, cancelled, noconnection.
   */
  async drained({ timeoutMs, signal }: WaitOptions): Promise<DistError | null> {
    if (signal.aborted) return cancelled();
    const { promise, forget } = this.#link.drained();
    const late: DistError = { kind: 'timeout', message: 'The node did not read in time.', timeoutMs };
    let timer: NodeJS.Timeout | undefined;
    let ignoreAbort = (): void => undefined;
    const gaveUp = new Promise<DistError>((resolve) => {
      timer = setTimeout(
        () => {
          resolve(late);
        },
        Math.max(0, timeoutMs),
      );
      ignoreAbort = onAbort(signal, () => {
        resolve(cancelled());
      });
    });
    const error = await Promise.race([promise.then(() => this.#link.down), gaveUp]);
    clearTimeout(timer);
    ignoreAbort();
    forget();
    return error;
  }

  /** `listener` is called once when the link goes down; at once, in a microtask, when it is down already. */
  onDown(listener: (why: DistError) => void): { readonly dispose: () => void } {
    const why = this.#link.down;
    this.#onDown.add(listener);
    if (why !== null) {
      queueMicrotask(() => {
        if (this.#onDown.delete(listener)) this.#guarded(listener, why);
      });
    }
    return {
      dispose: () => {
        this.#onDown.delete(listener);
      },
    };
  }

  /** Ends the connection. What was sent before still goes out. */
  disconnect(): void {
    this.#link.close({ kind: 'noconnection', message: 'The connection was ended from here.', why: 'disconnected' });
  }

  // -------------------------------------------------------------------------------------------------------- from the node

  /** A listener's fault must not end the link that others use. */
  #guarded<T>(listener: (value: T) => void, value: T): void {
    try {
      listener(value);
    } catch (error) {
      this.#log({ kind: 'listener_threw', node: this.node, error });
    }
  }

  #lost(why: DistError): void {
    this.#log({ kind: 'down', node: this.node, error: why });
    this.#processes.clear();
    const lost: DistError =
      why.kind === 'noconnection' ? why : { kind: 'noconnection', message: why.message, why: 'closed' };
    this.#calls.lost(lost);
    const listeners = [...this.#onDown];
    this.#onDown.clear();
    for (const listener of listeners) this.#guarded(listener, why);
  }

  /** False when what came with the message is damaged. */
  #obey(control: Control): boolean {
    switch (control.op) {
      case 'send':
        return this.#deliver(control.to, control.message, control.from);
      case 'down':
        return this.#calls.waitingFor(control.ref)?.down?.(control.reason) ?? true;
      case 'spawn_reply':
        this.#calls.waitingFor(control.id)?.spawned?.(control.result);
        return true;
      case 'monitor':
        // Registered here is net_kernel only, and for as long as the link is up.
        if (typeof control.target !== 'string') this.#processes.monitored(control.target, control.from, control.ref);
        else if (control.target !== 'net_kernel') this.#noSuchName(control.target, control.from, control.ref);
        return true;
      case 'demonitor':
        if (typeof control.target !== 'string') this.#processes.demonitored(control.target, control.ref);
        return true;
      case 'link':
        this.#processes.linked(control.to, control.from);
        return true;
      case 'unlink':
        this.#processes.unlinked(control.to, control.from);
        this.#link.send(unlinkAck(control.id, control.from, control.to), 'duty');
        return true;
      case 'exit':
        return this.#exited(control.to, control.from, control.reason);
      case 'spawn_request':
        this.#link.send(spawnRefused(control.id, control.from, 'notsup'), 'duty');
        return true;
      case 'group_leader':
      case 'unlink_ack':
        return true;
      case 'unknown':
        this.#log({ kind: 'unknown_control', node: this.node, code: control.code });
        return true;
    }
  }

  #exited(to: PidTerm, from: PidTerm, raw: RawTerm): boolean {
    const reason = decoded(raw);
    if (reason !== null) this.#processes.exited(to, from, reason);
    return reason !== null;
  }

  #noSuchName(name: string, by: PidTerm, ref: RefTerm): void {
    this.#link.send(monitorFired(this.#flags, name, by, ref, noproc), 'duty');
  }

  #deliver(to: PidTerm | RefTerm | string, raw: RawTerm, from: PidTerm | null): boolean {
    if (typeof to === 'string') {
      const message = to === 'net_kernel' ? decoded(raw) : null;
      if (message === null || !this.#authorised(message)) this.#unroutable(to);
      return to !== 'net_kernel' || message !== null;
    }
    if (to.t === 'ref') {
      this.#unroutable('an alias');
      return true;
    }
    if (this.#identities.isSame(to, this.#self)) return this.#calls.reply(raw);
    const delivered = this.#processes.deliver(to, raw, from);
    if (delivered === 'no_process') this.#unroutable('a process that has ended');
    return delivered !== 'damaged';
  }

  #unroutable(to: string): void {
    this.#log({ kind: 'unroutable', node: this.node, to });
  }

  /** `net_adm:ping/1` on the node asks our net_kernel, and cuts the link when the answer is not `yes`. */
  #authorised(message: Term): boolean {
    if (message.t !== 'tuple' || !isAtom(message.e[0], '$gen_call')) return false;
    const [, from, request] = message.e;
    if (from?.t !== 'tuple' || request?.t !== 'tuple' || !isAtom(request.e[0], 'is_auth')) return false;
    const [caller, tag] = from.e;
    if (caller?.t !== 'pid' || tag === undefined) return false;
    this.#link.send(sendMessage(this.#flags, this.#self, caller, tuple(tag, atom('yes'))), 'duty');
    return true;
  }

  /** A group leader whose output goes to `output`. */
  #device(output: (text: string) => void): OnMessage {
    const limits = { timeoutMs: formatTimeoutMs, signal: new AbortController().signal };
    const callBack: CallBack = async (module, fun, args) => {
      const result = await this.#calls.call(this.#drain, { module, fun, args }, limits, decoded);
      return result.ok ? result.value : null;
    };
    return outputDevice(output, callBack, (to, message) => {
      this.#link.send(sendMessage(this.#flags, this.#self, to, message), 'duty');
    });
  }

  #probe(): void {
    this.#log({ kind: 'probe', node: this.node });
    this.#link.send(monitor(this.#self, neverRegistered, this.#identities.newRef()), 'duty');
  }
}

function isPid(value: PidTerm | DistError): value is PidTerm {
  return 't' in value;
}
