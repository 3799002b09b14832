/** What an operation is given when it runs: who asks, the part of the port it named, the time that is left. */
import { childOptions, isCancelled } from '../../runtime/callOptions.ts';
import type { ConnectionId, HoldingOwner, RuntimeKind } from '../../runtime/model.ts';
import type { CallOptions, MethodName, Port } from '../../runtime/port.ts';
import type { OperationProgress, Role } from '../protocol/operation.ts';

/** Who calls. Consent to write is per connection *and* way in: the editor's does not extend to the others. */
export type Caller = {
  readonly principal: string;
  readonly via: CallerWay;
  readonly role: Role;
};
export const callerWays = ['editor', 'rest', 'ws', 'cli', 'mcp', 'lm_tool', 'batch', 'operation'] as const;
export type CallerWay = (typeof callerWays)[number];

/** The connection an operation runs on. */
export type ConnectionFacts = { readonly id: ConnectionId; readonly kind: RuntimeKind };

export type Context<N extends MethodName> = {
  /** null for an operation that needs nothing of a runtime and was called without one. */
  readonly connection: ConnectionFacts | null;
  /** The methods in `needs` and no others: by type, and at run time by a facade without the rest. */
  readonly port: Port<N>;
  readonly caller: Caller;
  /** For whatever outlives the call on the target. */
  readonly owner: HoldingOwner;
  readonly requestId: string;
  readonly correlationId: string;
  /** `dry_run`: a plan is only to be shown, and may look further than it need for what it does. `run`, when absent. */
  readonly mode?: 'run' | 'dry_run';
  readonly signal: AbortSignal;
  /** For a port call: the signal, and the time that is left now, at most `capMs`. */
  options(capMs?: number): CallOptions;
  /** Progress and rows on the way; resolves when the receiver has room, so that back-pressure ends at the source. */
  emit(progress: OperationProgress): Promise<void>;
};

type ContextParts<N extends MethodName> = Omit<Context<N>, 'options' | 'emit' | 'signal' | 'correlationId'> & {
  readonly budget: CallOptions;
  readonly onProgress: ((progress: OperationProgress) => Promise<void> | void) | undefined;
};

/** Makes the context of one call. `budget` shrinks with time; after its signal aborts, nothing more is emitted. */
export function makeContext<N extends MethodName>(parts: ContextParts<N>): Context<N> {
  return new CallContext(parts);
}

class CallContext<N extends MethodName> implements Context<N> {
  readonly connection: ConnectionFacts | null;
  readonly port: Port<N>;
  readonly caller: Caller;
  readonly owner: HoldingOwner;
  readonly requestId: string;
  readonly correlationId: string;
  readonly mode: 'run' | 'dry_run';
  declare readonly signal: AbortSignal;
  // Each port call listens for itself, and stops to when it has answered.
  readonly options = (capMs?: number): CallOptions => childOptions(this.#budget, capMs);
  readonly emit = (progress: OperationProgress): Promise<void> => this.#emit(progress);
  readonly #budget: CallOptions;
  readonly #onProgress: ContextParts<N>['onProgress'];

  constructor({ budget, onProgress, connection, port, caller, owner, requestId, mode = 'run' }: ContextParts<N>) {
    this.connection = connection;
    this.port = port;
    this.caller = caller;
    this.owner = owner;
    this.requestId = requestId;
    this.correlationId = budget.correlationId;
    this.mode = mode;
    this.#budget = budget;
    this.#onProgress = onProgress;
    Object.defineProperty(this, 'signal', CallContext.#signal);
  }

  /**
   * The signal is made when it is first asked for; it is the object's own, so that a copy of the context has it. One getter for all: a
   * getter in a literal would make a class of its own of each object.
   */
  static readonly #signal: PropertyDescriptor & ThisType<CallContext<MethodName>> = {
    get() {
      return this.#budget.signal;
    },
    enumerable: true,
  };

  async #emit(progress: OperationProgress): Promise<void> {
    if (this.#onProgress !== undefined && !isCancelled(this.#budget)) await this.#onProgress(progress);
  }
}
