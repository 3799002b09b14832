/**
 * Runs operations on the server. Every write is noted before it is sent and settled when its answer is there, so that after a crash
 * of the server, or a reload of the window, the user is told what became of it.
 */
import { randomUUID } from 'node:crypto';
import * as vscode from 'vscode';
import { arsenalError } from '../../runtime/errors.ts';
import { fail } from '../../runtime/model.ts';
import type { ConnectionId, Json, Result } from '../../runtime/model.ts';
import { executeOperation, operationOutcome, operationProgress } from '../../server/protocol/lsp.ts';
import type {
  OperationAnswer,
  OperationCall,
  OperationOutcome,
  OperationProgress,
} from '../../server/protocol/operation.ts';
import { backgroundPrefix } from '../../server/protocol/operation.ts';
import { followedBy, followTrace } from '../../server/protocol/followTrace.ts';
import type { Catalogue } from '../catalogue.ts';
import type { LanguageServer } from '../languageServer.ts';
import type { PendingWrite, PendingWrites } from '../session/pendingWrites.ts';

export type RunRequest = {
  readonly operation: string;
  readonly params: { readonly [key: string]: Json };
  readonly connection: ConnectionId | null;
  readonly mode?: OperationCall['mode'];
  /** Said by who asks for something that only looks, before the catalogue may be there to say it. */
  readonly severity?: 'read';
  /** What to call it before the user. */
  readonly summary?: string;
  /** Of a call that somebody made. What the editor asks for itself, to show it, gets one that lists of calls leave out. */
  readonly requestId?: string;
  readonly token?: vscode.CancellationToken;
  readonly onProgress?: (progress: OperationProgress) => void;
};

export type SettledWrite = { readonly write: PendingWrite; readonly outcome: Result<OperationOutcome> };

/** How long an answer is waited for from a server that had to be started anew. */
const restartPatienceMs = 30_000;

export class OperationRunner implements vscode.Disposable {
  private readonly settled = new vscode.EventEmitter<SettledWrite>();
  /** A write whose answer was lost, and what became of it. */
  readonly onDidSettle = this.settled.event;
  private readonly listeners = new Map<string, (progress: OperationProgress) => void>();
  /** Sent in this life of the server and not answered. */
  private readonly inFlight = new Set<string>();
  /** Whoever waits for what became of a lost one. */
  private readonly waiting = new Map<string, (outcome: Result<OperationOutcome>) => void>();
  private readonly hearing: vscode.Disposable;
  private readonly server: LanguageServer;
  private readonly catalogue: Catalogue;
  private readonly pending: PendingWrites;

  constructor(server: LanguageServer, catalogue: Catalogue, pending: PendingWrites) {
    this.server = server;
    this.catalogue = catalogue;
    this.pending = pending;
    this.hearing = server.onNotification(operationProgress, ({ requestId, progress }) => {
      this.listeners.get(requestId)?.(progress);
    });
  }

  /**
   * Runs, plans or validates an operation. A failure carries what is known of its effect; when the server dies during a write, the
   * answer is what its successor found out.
   */
  async run(request: RunRequest): Promise<Result<OperationAnswer>> {
    const requestId = request.requestId ?? `${backgroundPrefix}${randomUUID()}`;
    const { operation, params, connection, token, onProgress } = request;
    const mode = request.mode ?? 'run';
    const severity = request.severity ?? this.catalogue.find(operation)?.severity;
    // What is not known to be harmless is treated as a write.
    const writes = mode === 'run' && severity !== 'read' && severity !== 'diagnose';
    if (writes) {
      await this.pending.add({ requestId, operation, summary: request.summary ?? operation, sentAt: Date.now() });
    }
    if (onProgress !== undefined) this.listeners.set(requestId, onProgress);
    this.inFlight.add(requestId);
    const sentAt = Date.now();
    const call = { requestId, connection, operation, params, mode, wantsProgress: onProgress !== undefined };
    const answer = await this.server.request(executeOperation, call, token);
    this.listeners.delete(requestId);
    this.inFlight.delete(requestId);
    if (!writes) return answer;
    if (!answer.ok && answer.error.code === 'server.gone') return this.afterCrash(requestId, sentAt, answer);
    await this.pending.settle(requestId);
    return answer;
  }

  /**
   * Runs an operation; one that goes on beside its call (a trace, a monitor, a profile, a search for leaks) to its end: its items come
   * as progress, cancelling ends it early and answers what there is.
   */
  async runAndFollow(request: RunRequest): Promise<Result<OperationAnswer>> {
    const startedAt = Date.now();
    const { operation, connection, token, onProgress } = request;
    const begun = await this.run(request);
    const reader = followedBy(this.catalogue.find(operation)?.result ?? null);
    if (reader === null || !begun.ok || begun.value.mode !== 'run') return begun;
    const followed = await followTrace(reader, begun.value.result, {
      pause: null,
      isStopped: () => token?.isCancellationRequested === true,
      run: async (name, params, during, onItems) => {
        const answer = await this.run({
          operation: name,
          params,
          connection,
          severity: 'read',
          ...(during === 'wanted' && token !== undefined && { token }),
          onProgress: (progress) => {
            if (progress.is === 'rows') onItems(progress.rows);
          },
        });
        return answer.ok ? { ok: true, value: answer.value.mode === 'run' ? answer.value.result : null } : answer;
      },
      onItems: (rows, { count, fraction }) => {
        onProgress?.({ is: 'rows', rows });
        onProgress?.({ is: 'progress', message: vscode.l10n.t('{0} so far', count), fraction });
      },
    });
    if (!followed.ok) return followed;
    return { ok: true, value: { ...begun.value, result: followed.value.result, durationMs: Date.now() - startedAt } };
  }

  /** Asks what became of every write whose answer was lost. Called when a server is there and its connections are open again. */
  async settleLost(): Promise<void> {
    const lost = this.pending.all.filter(({ requestId }) => !this.inFlight.has(requestId));
    await Promise.all(
      lost.map(async (write) => {
        const outcome = await this.server.request(operationOutcome, { requestId: write.requestId });
        // Gone once more: it is asked again in the next life.
        if (!outcome.ok && outcome.error.code === 'server.gone') return;
        // Another window's server may still be at it.
        if (outcome.ok && outcome.value.state === 'running') return;
        await this.pending.settle(write.requestId);
        this.waiting.get(write.requestId)?.(outcome);
        this.settled.fire({ write, outcome });
      }),
    );
  }

  dispose(): void {
    this.hearing.dispose();
    this.settled.dispose();
  }

  private async afterCrash(
    requestId: string,
    sentAt: number,
    lost: Extract<Result<OperationAnswer>, { ok: false }>,
  ): Promise<Result<OperationAnswer>> {
    const outcome = await new Promise<Result<OperationOutcome> | null>((resolve) => {
      const timer = setTimeout(() => resolve(null), restartPatienceMs);
      this.waiting.set(requestId, (found) => {
        clearTimeout(timer);
        resolve(found);
      });
    });
    this.waiting.delete(requestId);
    return outcome === null ? lost : answerOf(outcome, requestId, Date.now() - sentAt);
  }
}

/** What the outcome found after a crash means to whoever waited `durationMs` for the answer. */
export function answerOf(
  outcome: Result<OperationOutcome>,
  requestId: string,
  durationMs: number,
): Result<OperationAnswer> {
  if (!outcome.ok) return outcome;
  const { value } = outcome;
  switch (value.state) {
    case 'done':
      return value.result.ok
        ? { ok: true, value: { mode: 'run', result: value.result.value, durationMs, correlationId: requestId } }
        : value.result;
    case 'never_seen':
      return interrupted('none', vscode.l10n.t('The language server ended before it had received the operation.'));
    case 'interrupted':
      return interrupted(value.effect, vscode.l10n.t('The language server ended while the operation ran.'));
    case 'running':
      return interrupted('unknown', vscode.l10n.t('The operation is still running.'));
  }
}

function interrupted(effect: 'none' | 'applied' | 'unknown', message: string): Result<OperationAnswer> {
  const remedy = {
    none: vscode.l10n.t('Nothing was changed. Run it again if you still want it.'),
    applied: vscode.l10n.t('It has taken effect; there is nothing to repeat.'),
    unknown: vscode.l10n.t('Look at the target before you run it again.'),
  }[effect];
  return fail(arsenalError('unavailable', 'operation.interrupted', message, remedy, { effect }));
}
