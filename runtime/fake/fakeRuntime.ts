/** A {@link Runtime} for tests: a described cluster in memory, chosen capabilities, and faults on demand. */
import { setMaxListeners } from 'node:events';
import type { AnyItem, AnyMethod } from '../callGuard.ts';
import { effectOfBreak } from '../callGuard.ts';
import { childOptions, longestMs } from '../callOptions.ts';
import { notConnected, unsupported } from '../errors.ts';
import type { ArsenalError, ConnectionId, NodeName, ProcessRef, RuntimeKind } from '../model.ts';
import { fail } from '../model.ts';
import type { CallOptions, Capability, ConnectionState, MethodName, MethodTable, Runtime } from '../port.ts';
import { isMethodName, methodNames, portMethods } from '../port.ts';
import type { Refusals } from '../portFacade.ts';
import { answerOf, assemblePort, buildCapabilities } from '../portFacade.ts';
import type { FakeNode } from './fakeCluster.ts';
import { FakeCluster } from './fakeCluster.ts';
import type { Holdings } from './fakeHoldings.ts';
import { fakeMethods } from './fakeMethods.ts';
import { FakeReads } from './fakeReads.ts';

export type { FakeNode, FakeProcess } from './fakeCluster.ts';

export type FakeRuntimeOptions = {
  readonly id?: ConnectionId;
  readonly kind?: RuntimeKind;
  readonly nodes?: readonly FakeNode[];
  /** The methods it has; default: all that a fake can do. */
  readonly methods?: readonly MethodName[];
  /** Why it has no others. */
  readonly refusals?: Refusals;
  /** What single nodes cannot do. */
  readonly nodesCannot?: { readonly [node: NodeName]: { readonly [K in MethodName]?: Capability } };
  /** The clock, in milliseconds; default: the machine's. */
  readonly now?: () => number;
};

/** What happens to calls of a method instead of what should. */
export type FakeFault =
  /** Answers the error; nothing is done. */
  | { readonly is: 'error'; readonly error: ArsenalError }
  /** Does it, and answers the error all the same. */
  | { readonly is: 'done_but_error'; readonly error: ArsenalError }
  | { readonly is: 'delay'; readonly delayMs: number }
  /** Never answers, and heeds no cancellation. */
  | { readonly is: 'hang' }
  | { readonly is: 'throw'; readonly message: string };

/** A runtime, and the hand of the test on it. */
export interface FakeRuntime extends Runtime {
  /** Sets, or with null takes away, the fault of a method. */
  fault(method: MethodName, fault: FakeFault | null): void;
  /** How often each method was called, in this runtime's life. */
  calls(method: MethodName): number;
  /** The living process of that name, for the test to name it to others. */
  processNamed(name: string, node?: NodeName): ProcessRef | null;
  crashNode(node: NodeName): void;
  startNode(node: NodeName): void;
  /** The connection breaks: nothing can be asked until {@link reconnect}. */
  loseConnection(error?: ArsenalError): void;
  /** A new connection to the same cluster: a new epoch; what was held by the old one is undone. */
  reconnect(): void;
  /** Withdraws or gives back methods, as when a tracer is taken by somebody else. */
  setMethods(methods: readonly MethodName[]): void;
}

const defaultRefusals: Refusals = {
  otherwise: { why: 'this fake runtime was made without it.', remedy: 'Name it in `methods`, if fakes have it.' },
};

/**
 * A fake runtime, ready at once. What it supports has OTP's semantics where the port can see them; what it does not, or was not
 * chosen in `methods`, answers `unsupported`.
 */
export function createFakeRuntime(options: FakeRuntimeOptions = {}): FakeRuntime {
  return new FakeRuntimeImpl(options);
}

class FakeRuntimeImpl implements FakeRuntime {
  readonly id: ConnectionId;
  readonly kind: RuntimeKind;
  readonly port: Runtime['port'];
  state: ConnectionState = { is: 'ready', epoch: 'fake-1' };
  capabilities: Runtime['capabilities'];
  readonly #options: FakeRuntimeOptions;
  readonly #reads: FakeReads;
  readonly #holdings: Holdings = new Map();
  readonly #all: MethodTable;
  #table: MethodTable;
  #epochs = 1;
  /** Aborts what runs when the connection breaks. */
  #life = newLife();
  readonly #faults = new Map<MethodName, FakeFault>();
  readonly #calls = new Map<MethodName, number>();
  readonly #listeners = new Set<{ call(): void }>();

  constructor(options: FakeRuntimeOptions) {
    this.#options = options;
    this.id = options.id ?? 'fake';
    this.kind = options.kind ?? 'simulated';
    this.#reads = new FakeReads(new FakeCluster(options.nodes ?? [], options.now ?? Date.now));
    this.#all = fakeMethods(this.#reads, this.#holdings);
    this.#table = chosen(this.#all, options.methods);
    this.capabilities = this.#describe(1);
    this.port = assemblePort(methodNames(), (name) => (params, options) => this.#call(name, params, options));
  }

  onChange(listener: () => void): { dispose(): void } {
    const entry = { call: listener };
    this.#listeners.add(entry);
    return { dispose: () => void this.#listeners.delete(entry) };
  }

  close(): Promise<void> {
    this.#break({ is: 'closed' });
    this.#release();
    return Promise.resolve();
  }

  fault(method: MethodName, fault: FakeFault | null): void {
    if (fault === null) this.#faults.delete(method);
    else this.#faults.set(method, fault);
  }

  calls(method: MethodName): number {
    return this.#calls.get(method) ?? 0;
  }

  processNamed(name: string, node?: NodeName): ProcessRef | null {
    const nodes = [...this.#reads.cluster.nodes.values()].filter((one) => node === undefined || one.name === node);
    return nodes.flatMap(({ names }) => names.get(name) ?? [])[0]?.pid ?? null;
  }

  crashNode(name: NodeName): void {
    const node = this.#reads.cluster.nodes.get(name);
    if (node !== undefined) this.#reads.cluster.crashNode(node);
  }

  startNode(name: NodeName): void {
    const node = this.#reads.cluster.nodes.get(name);
    if (node !== undefined) this.#reads.cluster.startNode(node);
  }

  loseConnection(error: ArsenalError = notConnected().error): void {
    this.#break({ is: 'lost', since: this.#reads.cluster.now(), retryAt: null, error });
  }

  reconnect(): void {
    this.#release();
    this.#life = newLife();
    this.#epochs += 1;
    this.#become({ is: 'ready', epoch: `fake-${this.#epochs}` });
  }

  setMethods(methods: readonly MethodName[]): void {
    this.#table = chosen(this.#all, methods);
    this.capabilities = this.#describe(this.capabilities.version + 1);
    this.#tell();
  }

  #describe(version: number): Runtime['capabilities'] {
    return buildCapabilities(
      version,
      this.#table,
      this.#options.refusals ?? defaultRefusals,
      this.#options.nodesCannot,
    );
  }

  #call(name: MethodName, params: unknown, options: CallOptions): unknown {
    this.#calls.set(name, this.calls(name) + 1);
    const capability = this.capabilities.runtime[name];
    if (!capability.can) return answerOf(name, unsupported(name, capability.why, capability.remedy));
    const method: unknown = this.#all[name];
    if (typeof method !== 'function') throw new TypeError(`A fake has no ${name}.`);
    const run: AnyMethod = (given, beside) => {
      const answer: unknown = Reflect.apply(method, this.#all, [given, beside]);
      return answer;
    };
    const call = { name, run, params, options, life: this.#life.signal, fault: this.#faults.get(name) ?? null };
    return portMethods[name].kind === 'unary' ? unary(call) : stream(call);
  }

  #break(state: ConnectionState): void {
    this.#life.abort();
    this.#become(state);
  }

  #become(state: ConnectionState): void {
    this.state = state;
    this.#tell();
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener.call();
  }

  #release(): void {
    for (const [id, holding] of [...this.#holdings]) {
      this.#holdings.delete(id);
      holding.release();
    }
  }
}

function chosen(all: MethodTable, names: readonly MethodName[] = methodNames()): MethodTable {
  return Object.fromEntries(Object.entries(all).filter(([name]) => isMethodName(name) && names.includes(name)));
}

/** As many calls may be under way as a test likes. */
function newLife(): AbortController {
  const life = new AbortController();
  setMaxListeners(0, life.signal);
  return life;
}

type Call = {
  readonly name: MethodName;
  readonly run: AnyMethod;
  readonly params: unknown;
  readonly options: CallOptions;
  /** Aborts when the connection breaks. */
  readonly life: AbortSignal;
  readonly fault: FakeFault | null;
};

async function unary(call: Call): Promise<unknown> {
  const { name, life } = call;
  if (life.aborted) return notConnected();
  return orLost(life, answered(call), notConnected(effectOfBreak(name)));
}

async function answered({ name, run, params, options, life, fault }: Call): Promise<unknown> {
  await before(fault);
  if (life.aborted) return notConnected(effectOfBreak(name));
  if (fault?.is === 'error') return fail(fault.error);
  const answer = await run(params, options);
  return fault?.is === 'done_but_error' ? fail(fault.error) : answer;
}

async function* stream({ run, params, options, life, fault }: Call): AsyncGenerator {
  const lost: AnyItem = { is: 'end', result: notConnected() };
  const isLost = () => life.aborted;
  if (isLost()) {
    yield lost;
    return;
  }
  await orLost(life, before(fault), undefined);
  if (fault?.is === 'error' || fault?.is === 'done_but_error') {
    yield { is: 'end', result: fail(fault.error) };
    return;
  }
  const either = AbortSignal.any([life, options.signal]);
  const items: unknown = run(params, childOptions(options, longestMs, either));
  if (!isStream(items)) throw new TypeError('A fake method answered no stream.');
  for await (const item of items) {
    // Its own end says that it was cancelled; what it was cancelled by is the connection.
    const ends = isLost();
    yield ends ? lost : item;
    if (ends) return;
  }
}

function isStream(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

async function before(fault: FakeFault | null): Promise<void> {
  if (fault?.is === 'throw') throw new Error(fault.message);
  if (fault?.is === 'hang') await new Promise<never>(() => undefined);
  if (fault?.is === 'delay') await new Promise((resolve) => setTimeout(resolve, fault.delayMs));
}

/** What `work` comes to, or `lost` when the connection breaks before. */
function orLost(life: AbortSignal, work: Promise<unknown>, lost: unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      resolve(lost);
    };
    life.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => {
      life.removeEventListener('abort', onAbort);
    });
  });
}
