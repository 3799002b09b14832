/**
 * One connection to a node, as its users see it: calls, messages, monitors and processes of our own; and what we owe the node in
 * return.
 */
import type { Socket } from 'node:net';
import { randomUUID } from 'node:crypto';
import type { PidTerm, RefTerm, Term } from '../../term/term.ts';
import { atom, isAtom, list, tuple } from '../../term/term.ts';
import { onAbort } from './abort.ts';
import type { Control, Outgoing, Target } from './control.ts';
import {
  demonitor,
  exit2,
  monitor,
  monitorFired,
  readControl,
  sendMessage,
  spawnMonitored,
  spawnRefused,
  unlinkAck,
} from './control.ts';
import type { DistError, DistResult } from './errors.ts';
import { cancelled, failure, success } from './errors.ts';
import { flag } from './flags.ts';
import type { Established } from './handshake.ts';
import type { Identities } from './identities.ts';
import type { CallBack } from './ioRequests.ts';
import { carryOut, ioReply, readIoRequest } from './ioRequests.ts';
import type { Counters, LinkLimits } from './link.ts';
import { Link } from './link.ts';
import type { OnMessage } from './processes.ts';
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

type Settle = (result: DistResult<Term>) => void;

/** What waits for something that carries our reference. */
type Waiting = {
  /** The process started for it was named, or refused. */
  readonly spawned?: (result: PidTerm | string) => void;
  readonly down?: (reason: Term) => void;
  readonly replied?: (reply: Term) => void;
  readonly lost: (why: DistError) => void;
};

const normal = atom('normal');
const killed = atom('kill');
const noproc = atom('noproc');
const noconnection = atom('noconnection');
/** For what `io_lib` formats on the node on our behalf. */
const formatTimeoutMs = 5000;
/** An atom that every node has and that can never be registered, so that a monitor on it answers at once. */
const neverRegistered = 'undefined';

function exception(kind: 'error' | 'exit' | 'throw', reason: Term, stack: Term | null): DistError {
  return { kind: 'exception', message: `The function called ended with an ${kind}.`, class: kind, reason, stack };
}

/** `{Ref, return, Value}`, `{Ref, error, Reason, Stack}`, … with which `erpc:execute_call/4` ends. */
function erpcResult(reason: Term, ref: RefTerm): DistResult<Term> {
  const [head, outcome, value, stack] = reason.t === 'tuple' ? reason.e : [];
  const isOurs = head?.t === 'ref' && head.ids.join('.') === ref.ids.join('.');
  if (isOurs && value !== undefined) {
    if (isAtom(outcome, 'return')) return success(value);
    if (isAtom(outcome, 'throw')) return failure(exception('throw', value, null));
    if (isAtom(outcome, 'exit')) return failure(exception('exit', value, null));
    if (isAtom(outcome, 'error')) return failure(exception('error', value, stack ?? null));
  }
  // The process was ended from outside before it was done; erpc calls this a signal.
  return failure(exception('exit', tuple(atom('signal'), reason), null));
}

/** What `rex` answers: the value, or `{badrpc, Reason}`. */
function rexResult(reply: Term): DistResult<Term> {
  if (reply.t !== 'tuple' || reply.e.length !== 2 || !isAtom(reply.e[0], 'badrpc')) return success(reply);
  const [, reason] = reply.e;
  if (reason?.t === 'tuple' && reason.e.length === 2 && isAtom(reason.e[0], 'EXIT')) {
    return failure(exception('error', reason.e[1] ?? reason, null));
  }
  return failure(exception('exit', reason ?? reply, null));
}

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
  readonly #waiting = new Map<number, Waiting>();
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
      message: (control, payload) => this.#message(control, payload),
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
    this.#self = this.#processes.spawn((message) => {
      this.#reply(message);
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
  async call(module: string, fun: string, args: readonly Term[], options: CallOptions): Promise<DistResult<Term>> {
    const started = performance.now();
    const own = this.#outputProcess(options);
    try {
      const leader = own ?? (await this.#leader(options));
      if (!isPid(leader)) return failure(leader);
      const timeoutMs = options.timeoutMs - (performance.now() - started);
      return await this.#callWith(leader, module, fun, args, { timeoutMs, signal: options.signal });
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
    const found = await this.#callWith(this.#drain, 'erlang', 'whereis', [atom('user')], { timeoutMs, signal });
    if (!found.ok) return found.error;
    // A node without `user` has nowhere to write to either.
    this.#targetLeader = found.value.t === 'pid' ? found.value : this.#drain;
    return this.#targetLeader;
  }

  #callWith(
    leader: PidTerm,
    module: string,
    fun: string,
    args: readonly Term[],
    options: WaitOptions,
  ): Promise<DistResult<Term>> {
    return (this.#flags & flag.spawn) === 0n
      ? this.#rex(leader, module, fun, args, options)
      : this.#erpc(leader, module, fun, args, options);
  }

  #erpc(
    leader: PidTerm,
    module: string,
    fun: string,
    args: readonly Term[],
    options: WaitOptions,
  ): Promise<DistResult<Term>> {
    const ref = this.#identities.newRef();
    let process: PidTerm | null = null;
    return this.#wait(ref, options, {
      begin: (settle) => ({
        outgoing: [
          spawnMonitored(ref, this.#self, leader, 'erpc', 'execute_call', [ref, atom(module), atom(fun), list(args)]),
        ],
        waiting: {
          spawned: (result) => {
            if (typeof result !== 'string') process = result;
            else settle(failure({ kind: 'spawn_failed', message: 'The node started no process.', reason: result }));
          },
          down: (reason) => {
            settle(erpcResult(reason, ref));
          },
        },
      }),
      abandon: () => {
        if (process !== null) {
          this.#kill(process, ref);
          return;
        }
        // The process has no name yet: it is killed as soon as it has.
        this.#expect(ref, {
          spawned: (result) => {
            this.#forget(ref);
            if (typeof result !== 'string') this.#kill(result, ref);
          },
          down: () => {
            this.#forget(ref);
          },
          lost: () => undefined,
        });
      },
    });
  }

  #kill(process: PidTerm, ref: RefTerm): void {
    this.#link.send(demonitor(this.#self, process, ref), 'duty');
    this.#link.send(exit2(this.#flags, this.#self, process, killed), 'duty');
  }

  #rex(
    leader: PidTerm,
    module: string,
    fun: string,
    args: readonly Term[],
    options: WaitOptions,
  ): Promise<DistResult<Term>> {
    const ref = this.#identities.newRef();
    const request = tuple(atom('call'), atom(module), atom(fun), list(args), leader);
    return this.#wait(ref, options, {
      begin: (settle) => ({
        outgoing: [
          sendMessage(this.#flags, this.#self, 'rex', tuple(atom('$gen_call'), tuple(this.#self, ref), request)),
        ],
        waiting: {
          replied: (reply) => {
            settle(rexResult(reply));
          },
        },
      }),
      abandon: () => undefined,
    });
  }

  /**
   * What `gen_server:call/3` does: `{'$gen_call', From, Request}` to a process or a registered name, monitored meanwhile.
   * Errors: down (with its reason, `noproc` when there is none), timeout, cancelled, noconnection, encode, busy.
   */
  genCall(server: Target, request: Term, options: WaitOptions): Promise<DistResult<Term>> {
    const ref = this.#identities.newRef();
    const release = (): void => {
      this.#link.send(demonitor(this.#self, server, ref), 'duty');
    };
    return this.#wait(ref, options, {
      begin: (settle) => ({
        outgoing: [
          monitor(this.#self, server, ref),
          sendMessage(this.#flags, this.#self, server, tuple(atom('$gen_call'), tuple(this.#self, ref), request)),
        ],
        waiting: {
          replied: (reply) => {
            release();
            settle(success(reply));
          },
          down: (reason) => {
            settle(failure({ kind: 'down', message: 'The process ended before it answered.', reason }));
          },
        },
      }),
      abandon: release,
    });
  }

  /** Sends what begins something, and waits for its end, for the time given, or for the caller to give up. */
  #wait(
    ref: RefTerm,
    options: WaitOptions,
    steps: {
      readonly begin: (settle: Settle) => {
        readonly outgoing: readonly Outgoing[];
        readonly waiting: Omit<Waiting, 'lost'>;
      };
      /** Called when the wait is over before the thing is. */
      readonly abandon: () => void;
    },
  ): Promise<DistResult<Term>> {
    const { timeoutMs, signal } = options;
    if (signal.aborted) return Promise.resolve(failure(cancelled()));
    const late: DistError = {
      kind: 'timeout',
      message: 'The node did not answer in time.',
      timeoutMs: Math.ceil(timeoutMs),
    };
    if (timeoutMs <= 0) return Promise.resolve(failure(late));
    return new Promise((resolve) => {
      const settle: Settle = (result) => {
        clearTimeout(timer);
        ignoreAbort();
        this.#forget(ref);
        resolve(result);
      };
      const giveUp = (error: DistError): void => {
        settle(failure(error));
        steps.abandon();
      };
      const abort = (): void => {
        giveUp(cancelled());
      };
      const timer = setTimeout(() => {
        giveUp(late);
      }, timeoutMs);
      const ignoreAbort = onAbort(signal, abort);
      const { outgoing, waiting } = steps.begin(settle);
      this.#expect(ref, {
        ...waiting,
        lost: (why) => {
          settle(failure(why));
        },
      });
      for (const [at, message] of outgoing.entries()) {
        const error = this.#link.send(message);
        if (error === null) continue;
        settle(failure(error));
        if (at > 0) steps.abandon();
        return;
      }
    });
  }

  #expect(ref: RefTerm, waiting: Waiting): void {
    const key = this.#identities.refKey(ref);
    if (key !== null) this.#waiting.set(key, waiting);
  }

  #forget(ref: RefTerm): void {
    const key = this.#identities.refKey(ref);
    if (key !== null) this.#waiting.delete(key);
  }

  #waitingFor(ref: RefTerm): Waiting | undefined {
    const key = this.#identities.refKey(ref);
    return key === null ? undefined : this.#waiting.get(key);
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
      this.#forget(ref);
      this.#guarded(onDown, reason);
    };
    const lost = (): void => {
      fire(noconnection);
    };
    this.#expect(ref, { down: fire, lost });
    if (this.#link.send(monitor(this.#self, target, ref), 'duty') !== null) {
      // The link is down, and what waits on it has been told already.
      queueMicrotask(() => {
        if (this.#waitingFor(ref) !== undefined) lost();
      });
    }
    return {
      ref,
      demonitor: () => {
        if (this.#waitingFor(ref) === undefined) return;
        this.#forget(ref);
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
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    const lost: DistError =
      why.kind === 'noconnection' ? why : { kind: 'noconnection', message: why.message, why: 'closed' };
    for (const one of waiting) one.lost(lost);
    const listeners = [...this.#onDown];
    this.#onDown.clear();
    for (const listener of listeners) this.#guarded(listener, why);
  }

  #message(term: Term, payload: Term | null): boolean {
    const control = readControl(term, payload);
    if (control === null) return false;
    this.#obey(control);
    return true;
  }

  #obey(control: Control): void {
    switch (control.op) {
      case 'send':
        this.#deliver(control.to, control.message, control.from);
        return;
      case 'down':
        this.#waitingFor(control.ref)?.down?.(control.reason);
        return;
      case 'spawn_reply':
        this.#waitingFor(control.id)?.spawned?.(control.result);
        return;
      case 'monitor':
        // Registered here is net_kernel only, and for as long as the link is up.
        if (typeof control.target !== 'string') this.#processes.monitored(control.target, control.from, control.ref);
        else if (control.target !== 'net_kernel') this.#noSuchName(control.target, control.from, control.ref);
        return;
      case 'demonitor':
        if (typeof control.target !== 'string') this.#processes.demonitored(control.target, control.ref);
        return;
      case 'link':
        this.#processes.linked(control.to, control.from);
        return;
      case 'unlink':
        this.#processes.unlinked(control.to, control.from);
        this.#link.send(unlinkAck(control.id, control.from, control.to), 'duty');
        return;
      case 'exit':
        this.#processes.exited(control.to, control.from, control.reason);
        return;
      case 'spawn_request':
        this.#link.send(spawnRefused(control.id, control.from, 'notsup'), 'duty');
        return;
      case 'group_leader':
      case 'unlink_ack':
        return;
      case 'unknown':
        this.#log({ kind: 'unknown_control', node: this.node, code: control.code });
    }
  }

  #noSuchName(name: string, by: PidTerm, ref: RefTerm): void {
    this.#link.send(monitorFired(this.#flags, name, by, ref, noproc), 'duty');
  }

  #deliver(to: PidTerm | RefTerm | string, message: Term, from: PidTerm | null): void {
    if (typeof to !== 'string' && to.t === 'pid') {
      if (!this.#processes.deliver(to, message, from)) this.#unroutable('a process that has ended');
    } else if (to !== 'net_kernel' || !this.#authorised(message)) {
      this.#unroutable(typeof to === 'string' ? to : 'an alias');
    }
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

  /** A message to the process that calls are made from: `{Ref, Reply}`. Replies that nobody waits for any more are dropped. */
  #reply(message: Term): void {
    if (message.t !== 'tuple' || message.e.length !== 2) return;
    const [ref, reply] = message.e;
    if (ref?.t === 'ref' && reply !== undefined) this.#waitingFor(ref)?.replied?.(reply);
  }

  /** A group leader: carries out I/O requests one after the other. */
  #device(output: (text: string) => void): OnMessage {
    let before: Promise<void> = Promise.resolve();
    const never = new AbortController().signal;
    const callBack: CallBack = async (module, name, args) => {
      const result = await this.#callWith(this.#drain, module, name, args, {
        timeoutMs: formatTimeoutMs,
        signal: never,
      });
      return result.ok ? result.value : null;
    };
    return (message) => {
      const io = readIoRequest(message);
      if (io === null) return;
      before = before.then(async () => {
        const reply = await carryOut(io.request, output, callBack);
        this.#link.send(sendMessage(this.#flags, this.#self, io.from, ioReply(io.replyAs, reply)), 'duty');
      });
    };
  }

  #probe(): void {
    this.#log({ kind: 'probe', node: this.node });
    this.#link.send(monitor(this.#self, neverRegistered, this.#identities.newRef()), 'duty');
  }
}

function isPid(value: PidTerm | DistError): value is PidTerm {
  return 't' in value;
}
