/** A node that can be asked now: over our own link, or through another node that has one. */
import { remainingNow } from '../../callOptions.ts';
import type { NodeName, Reach } from '../../model.ts';
import type { CallOptions } from '../../port.ts';
import type { Term } from '../../term/term.ts';
import { atom, integer, isAtom, list } from '../../term/term.ts';
import type { AgentFunctionName } from '../agent/agentCode.ts';
import type { NodeCall } from '../agent/interpreted.ts';
import { Interpreter } from '../agent/interpreted.ts';
import type { Connection } from '../dist/connection.ts';
import type { DistError, DistResult } from '../dist/errors.ts';
import { failure, success } from '../dist/errors.ts';
import { atomName, listOf, numberOf, textOf, tupleOf } from './read.ts';

export type PidLimits = { readonly id: number; readonly serial: number };

export interface NodeTarget {
  readonly node: NodeName;
  /** Of the life of the node that is asked; a restart makes this target answer `noconnection`. */
  readonly creation: number;
  readonly reach: Exclude<Reach, { via: 'none' }>;
  /** Our own link; null when the node is asked through another. */
  readonly connection: Connection | null;
  /** The scope of funs that came this way (see FunTerm). */
  readonly scope: string;
  /** Calls an exported function; it runs with the node's own group leader. */
  call(module: string, name: string, args: readonly Term[], options: CallOptions): Promise<DistResult<Term>>;
  /** The OTP release it runs, asked once in its life; null when it cannot be told. */
  release(options: CallOptions): Promise<number | null>;
  /** The largest numbers that a pid of it can have; sending larger ones would cost us the link. Asked once in its life. */
  pidLimits(options: CallOptions): Promise<DistResult<PidLimits>>;
  /** Runs a function of the agent there (agent/*.erl): the loaded one, or its text interpreted. */
  run(name: AgentFunctionName, args: readonly Term[], options: CallOptions): Promise<DistResult<Term>>;
}

/** What was found out so far of a node in its life. */
type Known = {
  readonly interpreter: Interpreter;
  release: number | null;
  pidLimits: PidLimits | null;
};
/** Per link and, for what is asked through it, per node behind it. */
const known = new WeakMap<Connection, Map<string, Known>>();

abstract class Target implements NodeTarget {
  abstract readonly node: NodeName;
  abstract readonly creation: number;
  abstract readonly reach: Exclude<Reach, { via: 'none' }>;
  abstract readonly connection: Connection | null;
  protected abstract readonly link: Connection;

  get scope(): string {
    return this.link.scope;
  }

  abstract call(module: string, name: string, args: readonly Term[], options: CallOptions): Promise<DistResult<Term>>;

  run(name: AgentFunctionName, args: readonly Term[], options: CallOptions): Promise<DistResult<Term>> {
    return this.interpret(name, args, options);
  }

  /** As {@link NodeTarget.run}, by the function's text whether it is loaded or not. */
  async interpret(name: AgentFunctionName, args: readonly Term[], options: CallOptions): Promise<DistResult<Term>> {
    const mine = this.#known();
    const call: NodeCall = (module, called, given) => this.call(module, called, given, options);
    const fun = await mine.interpreter.fun(name, args.length, call);
    return fun.ok ? this.call('erlang', 'apply', [fun.value, list([list(args)])], options) : fun;
  }

  /** As {@link interpret}, for what is run once and may be large. */
  interpretOnce(name: AgentFunctionName, args: readonly Term[], options: CallOptions): Promise<DistResult<Term>> {
    const call: NodeCall = (module, called, given) => this.call(module, called, given, options);
    return this.#known().interpreter.once(name, args, call);
  }

  async release(options: CallOptions): Promise<number | null> {
    const mine = this.#known();
    if (mine.release !== null) return mine.release;
    const said = await this.call('erlang', 'system_info', [atom('otp_release')], options);
    const release = said.ok ? Number.parseInt(textOf(said.value) ?? '', 10) : Number.NaN;
    if (Number.isNaN(release)) return null;
    mine.release = release;
    return release;
  }

  async pidLimits(options: CallOptions): Promise<DistResult<PidLimits>> {
    const mine = this.#known();
    if (mine.pidLimits !== null) return success(mine.pidLimits);
    const said = await this.run('pid_bits', [], options);
    if (!said.ok) return said;
    const [idBits, serialBits] = (tupleOf(said.value, 2) ?? []).map(numberOf);
    if (typeof idBits !== 'number' || typeof serialBits !== 'number') {
      return failure({
        kind: 'protocol',
        what: 'garbage',
        message: `${this.node} does not say which pids it can have.`,
      });
    }
    mine.pidLimits = { id: 2 ** idBits - 1, serial: 2 ** serialBits - 1 };
    return success(mine.pidLimits);
  }

  #known(): Known {
    const perNode = known.get(this.link) ?? new Map<string, Known>();
    known.set(this.link, perNode);
    const key = `${this.node} ${String(this.creation)}`;
    const mine = perNode.get(key) ?? { interpreter: new Interpreter(), release: null, pidLimits: null };
    perNode.set(key, mine);
    return mine;
  }
}

/** A node we hold a link to. */
export class DirectTarget extends Target {
  readonly reach = { via: 'direct' } as const;
  readonly connection: Connection;

  constructor(connection: Connection) {
    super();
    this.connection = connection;
  }

  get node(): NodeName {
    return this.connection.node;
  }

  get creation(): number {
    return this.connection.creation;
  }

  protected get link(): Connection {
    return this.connection;
  }

  override async run(name: AgentFunctionName, args: readonly Term[], options: CallOptions): Promise<DistResult<Term>> {
    const module = loadedOver.get(this.connection);
    if (module !== undefined) {
      const said = await this.call(module, name, args, options);
      if (said.ok || !isUndefined(said.error, module, name)) return said;
      // Somebody took the code away: its agent has been ended.
      loadedOver.delete(this.connection);
    }
    return this.interpret(name, args, options);
  }

  call(module: string, name: string, args: readonly Term[], options: CallOptions): Promise<DistResult<Term>> {
    return this.connection.call(module, name, args, { timeoutMs: remainingNow(options), signal: options.signal });
  }
}

/** The name under which the agent's code is loaded on the node, and kept so by an agent that we have joined. */
const loadedOver = new WeakMap<Connection, string>();

/** Says which module {@link NodeTarget.run} is to call over `connection`; null for none. */
export function setLoaded(connection: Connection, module: string | null): void {
  if (module === null) loadedOver.delete(connection);
  else loadedOver.set(connection, module);
}

function isUndefined(error: DistError, module: string, name: AgentFunctionName): boolean {
  if (error.kind !== 'exception' || !isAtom(error.reason, 'undef')) return false;
  const [inModule, called] = tupleOf(listOf(error.stack ?? undefined)[0]) ?? [];
  return atomName(inModule) === module && atomName(called) === name;
}

/** A node asked through `link`'s node, which holds a connection to it and is not made to open one. */
export class RelayTarget extends Target {
  readonly connection = null;
  readonly node: NodeName;
  readonly creation: number;
  protected readonly link: Connection;
  readonly #relay: DirectTarget;

  constructor(link: Connection, node: NodeName, creation: number) {
    super();
    this.link = link;
    this.node = node;
    this.creation = creation;
    this.#relay = new DirectTarget(link);
  }

  get reach() {
    return { via: 'relay', relay: this.link.node } as const;
  }

  call(module: string, name: string, args: readonly Term[], options: CallOptions): Promise<DistResult<Term>> {
    return relayed(this.#relay, this.node, { module, name, args }, options);
  }
}

/**
 * Calls a function on `node` through `relay`. Answers `noconnection` when the relay holds no connection to it.
 */
export async function relayed(
  relay: DirectTarget,
  node: NodeName,
  called: { readonly module: string; readonly name: string; readonly args: readonly Term[] },
  options: CallOptions,
): Promise<DistResult<Term>> {
  const timeoutMs = Math.max(1, Math.floor(remainingNow(options)));
  const { module, name, args } = called;
  const asked = await relay.run(
    'relay',
    [atom(node), atom(module), atom(name), list(args), integer(timeoutMs)],
    options,
  );
  if (!asked.ok) return asked;
  const answer = tupleOf(asked.value, 2)?.[1];
  if (answer !== undefined) return relayedAnswer(answer);
  return isAtom(asked.value, 'timeout')
    ? failure({ kind: 'timeout', timeoutMs, message: `${node} did not answer through ${relay.node}.` })
    : failure({ kind: 'noconnection', why: 'network', message: `${relay.node} has no connection to ${node}.` });
}

/** What the rpc server answers: the value, or `{badrpc, {'EXIT', {Reason, Stack}}}` (kernel, rpc:call/4). */
function relayedAnswer(answer: Term): DistResult<Term> {
  const [tag, reason] = tupleOf(answer, 2) ?? [];
  if (atomName(tag) !== 'badrpc' || reason === undefined) return success(answer);
  const exit = tupleOf(reason, 2);
  const raised = atomName(exit?.[0]) === 'EXIT' && exit?.[1] !== undefined ? exit[1] : reason;
  const withStack = tupleOf(raised, 2);
  return failure({
    kind: 'exception',
    class: withStack === null ? 'exit' : 'error',
    reason: withStack?.[0] ?? raised,
    stack: withStack?.[1] ?? null,
    message: 'The function called raised.',
  });
}
