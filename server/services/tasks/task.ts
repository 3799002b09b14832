/** One task: it runs beside the call that began it, keeps what it tells, and has an outcome in the end. */
import { callOptions, longestMs } from '../../../runtime/callOptions.ts';
import { failure } from '../../../runtime/errors.ts';
import type { ConnectionId, NodeName, Result } from '../../../runtime/model.ts';
import type { CallOptions, MethodName } from '../../../runtime/port.ts';
import { threw } from '../../core/budget.ts';
import type { Context } from '../../core/context.ts';
import { makeContext } from '../../core/context.ts';
import type { TaskKind, TaskOutcome } from '../../operations/tracing/taskResults.ts';
import type { Task, TaskLog, TaskSpec } from '../../operations/tracing/tasks.ts';
import { Readings } from './readings.ts';

/** Beyond its own time, for what its last look takes. */
const slackMs = 30_000;
/** For what is left to do when it is stopped. */
const closingMs = 10_000;

export class RunningTask implements Task {
  readonly id: string;
  readonly kind: TaskKind;
  readonly operation: string;
  readonly connection: ConnectionId | null;
  readonly principal: string;
  readonly requestId: string;
  readonly subject: string;
  readonly nodes: readonly NodeName[];
  readonly startedAt = Date.now();
  readonly untilAt: number;
  readonly log: TaskLog;
  readonly ended: Promise<void>;
  readonly #stop = new AbortController();
  readonly #readings: Readings | null;
  #outcome: TaskOutcome | null = null;
  #wasStopped = false;
  #tellEnd: () => void = () => undefined;

  /** `id`: unless the spec has one already. */
  constructor(
    context: Pick<Context<never>, 'caller' | 'connection' | 'owner' | 'requestId'>,
    id: string,
    spec: Omit<TaskSpec<never>, 'run'>,
  ) {
    const { kind, subject, nodes, forMs, trace } = spec;
    this.id = trace?.id ?? id;
    this.kind = kind;
    this.operation = context.owner.operation;
    this.connection = context.connection?.id ?? null;
    this.principal = context.caller.principal;
    this.requestId = context.requestId;
    this.subject = subject;
    this.nodes = nodes;
    this.untilAt = this.startedAt + forMs;
    this.#readings = trace === undefined ? new Readings() : null;
    this.log = trace?.log ?? this.#readings ?? new Readings();
    this.ended = new Promise((resolve) => {
      this.#tellEnd = resolve;
    });
  }

  get outcome(): TaskOutcome | null {
    return this.#outcome;
  }
  get wasStopped(): boolean {
    return this.#wasStopped;
  }

  /** Looks, until it has an outcome. Never rejects. */
  async run<N extends MethodName>(context: Context<N>, spec: TaskSpec<N>): Promise<void> {
    const { connection, port, caller, owner, requestId, correlationId } = context;
    const own = makeContext<N>({
      connection,
      port,
      caller,
      owner,
      requestId,
      budget: callOptions(longestOf(spec), this.#stop.signal, correlationId),
      onProgress: (progress) => {
        if (progress.is === 'rows' && this.#outcome === null) this.#readings?.add(progress.rows);
      },
    });
    const closing = (): CallOptions => callOptions(closingMs, undefined, correlationId);
    this.#settle(await this.#guarded(() => spec.run(own, closing)));
  }

  /** Ends it early: it says what it has. */
  stop(): void {
    if (this.#outcome !== null || this.#stop.signal.aborted) return;
    this.#wasStopped = true;
    this.#stop.abort();
  }

  /** What it looks at can no longer be reached: what it might still say is not waited for. */
  lose(): void {
    this.#settle(lost());
    this.#stop.abort();
  }

  async #guarded(run: () => Promise<Result<TaskOutcome>>): Promise<Result<TaskOutcome>> {
    try {
      return await run();
    } catch (thrown) {
      return threw(this.operation, 'none', thrown);
    }
  }

  #settle(result: Result<TaskOutcome>): void {
    if (this.#outcome !== null) return;
    this.#outcome = result.ok ? result.value : { is: 'failed', error: result.error };
    this.#readings?.close();
    this.#tellEnd();
  }
}

/** A trace ends by its own fuses, by the clock of what it looks at, which may stand still. */
function longestOf({ trace, forMs }: Pick<TaskSpec<never>, 'trace' | 'forMs'>): number {
  return trace === undefined ? forMs + slackMs : longestMs;
}

function lost(): Result<never> {
  return failure(
    'unavailable',
    'trace.lost',
    'Its connection was lost while it ran.',
    'Connect again and begin anew; nothing of it is left on the nodes.',
  );
}
