/** The calls that are going on in this process: listed, followed, cancelled. */
import { failure } from '../../../runtime/errors.ts';
import type { Json, Result } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import type { Row } from '../../../runtime/watch.ts';
import { WatchSource } from '../../../runtime/watch.ts';
import type { WatchFeed } from '../../../runtime/watch.ts';
import type { CallExtras, JsonObject } from '../../core/calls.ts';
import type { Caller } from '../../core/context.ts';
import type { AnyOperation } from '../../core/operation.ts';
import { isWrite } from '../../core/operation.ts';
import { isJson, isJsonObject } from '../../core/plainData.ts';
import type { SchemasOf } from '../../core/secrets.ts';
import { withoutSecrets } from '../../core/secrets.ts';
import { Stop } from '../../core/stop.ts';
import type { CatalogueEntry, OperationCall, OperationProgress } from '../../protocol/operation.ts';
import { backgroundPrefix } from '../../protocol/operation.ts';
import type { CallKind } from './kinds.ts';
import { CallKinds } from './kinds.ts';
import type { CallBegun } from './records.ts';
import { Roll } from './roll.ts';
import { hasAtMost, keptResultJson, sanitizedJson } from './sanitize.ts';
import type { OngoingCall } from './stateStore.ts';

/** What is called. */
export type FoundCall = { readonly entry: CatalogueEntry; readonly operation: AnyOperation };

/** A call that is going on, with what its pipeline is given beside it. */
class ActiveCall implements CallExtras, OngoingCall {
  readonly call: OperationCall;
  readonly entry: CatalogueEntry | null;
  readonly kind: CallKind;
  readonly startedAt = Date.now();
  readonly startedMs = performance.now();
  /** How many had begun before it. */
  readonly number: number;
  readonly startedAlone: boolean;
  /** Made when somebody follows it. */
  follow: WatchSource | null = null;
  /** What has been told so far, for who follows later; null before anything is. */
  rows: Map<string, Row> | null = null;

  readonly caller: Caller;
  readonly signal: AbortSignal;
  readonly stop = new Stop();
  readonly timeoutMs?: number;
  readonly correlationId?: string;
  readonly traceparent?: string;
  readonly parent?: string;
  readonly onProgress: NonNullable<CallExtras['onProgress']>;
  readonly #schemasOf: SchemasOf;

  constructor(
    call: OperationCall,
    extras: CallExtras,
    entry: CatalogueEntry | null,
    kind: CallKind,
    number: number,
    startedAlone: boolean,
    schemasOf: SchemasOf,
  ) {
    this.call = call;
    this.entry = entry;
    this.kind = kind;
    this.number = number;
    this.startedAlone = startedAlone;
    this.#schemasOf = schemasOf;
    const { caller, signal, timeoutMs, correlationId, traceparent, parent, onProgress } = extras;
    this.caller = caller;
    this.signal = signal;
    if (timeoutMs !== undefined) this.timeoutMs = timeoutMs;
    if (correlationId !== undefined) this.correlationId = correlationId;
    if (traceparent !== undefined) this.traceparent = traceparent;
    if (parent !== undefined) this.parent = parent;
    this.onProgress = (progress) => {
      this.#tell(progress);
      return onProgress?.(progress);
    };
  }

  get requestId(): string {
    return this.call.requestId;
  }

  get paramsJson(): string {
    return keptParamsJson(this.call.params, this.entry, this.#schemasOf);
  }

  /** What is kept of its result; null when that is too large. */
  resultJson(result: Json): string | null {
    const { entry } = this;
    return keptResultJson(result, (kept) =>
      entry === null ? kept : withoutSecrets(kept, entry.result, this.#schemasOf),
    );
  }

  begun(): CallBegun {
    const { requestId, kind, call, startedAt, correlationId, parent } = this;
    const { operation, category, connection, principal, via, background } = kind;
    return {
      requestId,
      parent: parent ?? null,
      operation,
      category,
      connection,
      principal,
      via,
      mode: call.mode === 'dry_run' ? 'dry_run' : 'run',
      startedAt,
      correlationId: correlationId ?? null,
      params: parsedJson(this.paramsJson),
      ...(background === true && { background }),
    };
  }

  #tell(progress: OperationProgress): void {
    if (progress.is === 'progress') {
      this.#row('progress', { ...progress });
      return;
    }
    for (const each of progress.rows) {
      const row = isJsonObject(each) ? each : { value: each };
      this.#row(rowKey(row, this.rows?.size ?? 0), row);
    }
  }

  #row(key: string, row: Row): void {
    this.rows ??= new Map();
    if (!this.rows.has(key) && this.rows.size >= mostRows) return;
    this.rows.set(key, row);
    this.follow?.patch([[key, row]], []);
  }
}
export type { ActiveCall };

/** Rows that a call has told and that are kept for who follows it later. */
const mostRows = 2_000;

export class ActiveCalls {
  readonly #active = new Roll<ActiveCall>();
  readonly #kinds = new CallKinds();
  readonly #schemasOf: SchemasOf;
  #begun = 0;

  constructor(schemasOf: SchemasOf) {
    this.#schemasOf = schemasOf;
  }

  /** A call begins; null when one with its requestId is going on, which it will join. */
  begin(call: OperationCall, extras: CallExtras, found: FoundCall | null): ActiveCall | null {
    const { requestId, connection } = call;
    if (this.#active.get(requestId) !== null) return null;
    // What changes something is told of, whatever its requestId says.
    const isBackground = requestId.startsWith(backgroundPrefix) && found !== null && !isWrite(found.operation);
    const entry = found?.entry ?? null;
    const kind = this.#kinds.of(entry, connection, extras.caller, isBackground);
    this.#begun += 1;
    const startedAlone = this.#active.size === 0;
    const active = new ActiveCall(call, extras, entry, kind, this.#begun, startedAlone, this.#schemasOf);
    this.#active.add(requestId, active);
    return active;
  }

  /** Whether nothing else has run while it did. */
  isAlone({ startedAlone, number }: ActiveCall): boolean {
    return startedAlone && this.#begun === number;
  }

  end(active: ActiveCall): void {
    this.#active.remove(active.requestId);
    active.follow?.close();
  }

  has(requestId: string): boolean {
    return this.#active.get(requestId) !== null;
  }

  /**
   * Cancels a call of this caller's (an admin cancels anyone's): it ends as if who made it had given it up. Error: `execution.not_running`.
   */
  cancel(requestId: string, caller: Caller): Result<OperationCall> {
    const active = this.#active.get(requestId);
    if (active === null || !isTheirs(active, caller)) return notRunning();
    active.stop.ask();
    return ok(active.call);
  }

  /** What a call tells on its way, as rows by their id; it ends with the call. Error: `execution.not_running`. */
  follow(requestId: string, caller: Caller): Result<WatchFeed> {
    const active = this.#active.get(requestId);
    if (active === null || !isTheirs(active, caller)) return notRunning();
    if (active.follow === null) {
      active.follow = new WatchSource({ fidelity: { is: 'exact' } });
      active.follow.set([...(active.rows ?? [])]);
    }
    return ok(active.follow);
  }
}

function isTheirs({ caller }: ActiveCall, by: Caller): boolean {
  return by.role === 'admin' || by.principal === caller.principal;
}

/** Parameters with more values than this are not kept. */
const mostValues = 2_000;

/** What came may be anything: what is no operation's, or not even an object, is not kept. */
function keptParamsJson(params: Json, entry: CatalogueEntry | null, schemasOf: SchemasOf): string {
  if (entry === null || !isPlainObject(params) || !hasAtMost(params, mostValues)) return 'null';
  return sanitizedJson(withoutSecrets(params, entry.params, schemasOf));
}

function isPlainObject(params: Json): params is JsonObject {
  return typeof params === 'object' && params !== null && isJsonObject(params);
}

function parsedJson(text: string): Json {
  const value: unknown = JSON.parse(text);
  return isJson(value) ? value : null;
}

/** Rows that name themselves replace each other; others are numbered. */
function rowKey({ id }: Row, number: number): string {
  return typeof id === 'string' ? `row ${id}` : `row #${number}`;
}

function notRunning(): Result<never> {
  return failure(
    'not_found',
    'execution.not_running',
    'No call of yours with this requestId is going on here.',
    'It is over, or another window or server runs it: see operation_history.',
  );
}
