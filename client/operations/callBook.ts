/** The calls of this window, those that go on and those that are over, beside what the history knows of others'. */
import { randomUUID } from 'node:crypto';
import * as vscode from 'vscode';
import type { Json, Result } from '../../runtime/model.ts';
import type { OperationAnswer, OperationProgress } from '../../server/protocol/operation.ts';
import type { LanguageServer } from '../languageServer.ts';
import { listingOf } from '../rows.ts';
import { isProposal } from '../results/resultPages.ts';
import type { CallSpec, KnownCall } from './calls.ts';
import { callOfRow, consentCode } from './calls.ts';
import type { OperationRunner } from './runner.ts';

/** A call of this window that goes on. */
export type RunningCall = CallSpec & {
  readonly requestId: string;
  readonly startedAt: number;
  /** What it said last; empty before. */
  readonly message: string;
  readonly fraction: number | null;
  readonly cancel: () => void;
};

/** What a begun call tells the book. */
export type Booking = {
  readonly requestId: string;
  readonly token: vscode.CancellationToken;
  progress(progress: OperationProgress): void;
  end(answer: Result<OperationAnswer>): void;
};

const mostOwn = 300;
/** Of others, of which the latest are enough. */
const mostRows = 300;
const mostShown = 100;

export class CallBook implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.changed.event;
  private readonly going = new Map<string, RunningCall>();
  /** Newest last. */
  private readonly own = new Map<string, KnownCall>();
  private readonly results = new Map<string, Json>();
  private others: readonly KnownCall[] = [];
  /** What is known of taking back calls of {@link others}, by requestId. */
  private readonly othersUndo = new Map<string, KnownCall['undo']>();
  private readonly runner: OperationRunner;
  private readonly server: LanguageServer;
  private asking: Promise<void> | null = null;

  constructor(server: LanguageServer, runner: OperationRunner) {
    this.server = server;
    this.runner = runner;
  }

  /** A call of this window begins. `outer` cancels it, too. */
  begin(spec: CallSpec, outer?: vscode.CancellationToken): Booking {
    const requestId = randomUUID();
    const stop = new vscode.CancellationTokenSource();
    const hearing = outer?.onCancellationRequested(() => stop.cancel());
    const startedAt = Date.now();
    this.going.set(requestId, {
      ...spec,
      requestId,
      startedAt,
      message: '',
      fraction: null,
      cancel: () => stop.cancel(),
    });
    this.changed.fire();
    return {
      requestId,
      token: stop.token,
      progress: (progress) => {
        const call = this.going.get(requestId);
        if (call === undefined || progress.is !== 'progress') return;
        this.going.set(requestId, { ...call, message: progress.message, fraction: progress.fraction });
        this.changed.fire();
      },
      end: (answer) => {
        hearing?.dispose();
        stop.dispose();
        this.going.delete(requestId);
        if (answer.ok || answer.error.code !== consentCode)
          this.keep(ended(spec, requestId, startedAt, answer), answer);
        this.changed.fire();
      },
    };
  }

  get running(): readonly RunningCall[] {
    return [...this.going.values()];
  }

  /** Those that are over, and those that go on elsewhere, newest first. */
  get recent(): readonly KnownCall[] {
    const others = this.others.filter(({ requestId }) => !this.own.has(requestId) && !this.going.has(requestId));
    return [...this.own.values(), ...others].sort((a, b) => b.startedAt - a.startedAt).slice(0, mostShown);
  }

  find(requestId: string): KnownCall | undefined {
    return this.own.get(requestId) ?? this.others.find((call) => call.requestId === requestId);
  }

  /** What an own call answered, as long as it is kept here; the server may have it longer. */
  resultOf(requestId: string): Json | undefined {
    return this.results.get(requestId);
  }

  /** The last call of this window that changed something, whatever can be done about it. */
  lastOf(isWrite: (operation: string) => boolean): KnownCall | undefined {
    return [...this.own.values()].findLast(({ operation, outcome }) => outcome === 'ok' && isWrite(operation));
  }

  /** What was found out about taking it back; of others' calls the history does not say it. */
  markUndo(requestId: string, undo: KnownCall['undo']): void {
    const call = this.own.get(requestId);
    if (call !== undefined) this.own.set(requestId, { ...call, undo });
    else {
      this.othersUndo.set(requestId, undo);
      this.others = this.others.map((other) => this.marked(other));
    }
    this.changed.fire();
  }

  /** Asks the history for what others called, and what was called before this window was there. Together with who asks meanwhile. */
  refresh(): Promise<void> {
    this.asking ??= this.ask().finally(() => (this.asking = null));
    return this.asking;
  }

  dispose(): void {
    this.changed.dispose();
  }

  private async ask(): Promise<void> {
    // Nobody starts a server to see what it did.
    if (this.server.state.is !== 'running') return;
    const answer = await this.runner.run({
      operation: 'operation_history',
      params: { limit: mostRows, filter: { mode: { eq: 'run' }, parent: { eq: null } } },
      connection: null,
      severity: 'read',
    });
    if (!answer.ok || answer.value.mode !== 'run') return;
    const calls = (listingOf(answer.value.result)?.items ?? []).flatMap((row) => callOfRow(row) ?? []);
    this.others = calls.map((call) => this.marked(call));
    this.changed.fire();
  }

  private marked(call: KnownCall): KnownCall {
    return { ...call, undo: this.othersUndo.get(call.requestId) ?? call.undo };
  }

  private keep(call: KnownCall, answer: Result<OperationAnswer>): void {
    this.own.set(call.requestId, call);
    if (answer.ok && answer.value.mode === 'run') this.results.set(call.requestId, answer.value.result);
    const [oldest] = this.own.keys();
    if (this.own.size > mostOwn && oldest !== undefined) this.own.delete(oldest);
    const [first] = this.results.keys();
    if (this.results.size > mostShown && first !== undefined) this.results.delete(first);
  }
}

function ended(spec: CallSpec, requestId: string, startedAt: number, answer: Result<OperationAnswer>): KnownCall {
  const undo = answer.ok && answer.value.mode === 'run' && !isProposal(answer.value.result) ? answer.value.undo : 'no';
  return {
    ...spec,
    requestId,
    isWhole: true,
    outcome: answer.ok ? 'ok' : 'failed',
    error: answer.ok ? null : answer.error,
    startedAt,
    durationMs: answer.ok && answer.value.mode === 'run' ? answer.value.durationMs : Date.now() - startedAt,
    by: '',
    undo: undo ?? 'no',
  };
}
