/** The language server's process as the extension sees it: started when needed, restarted when it dies, given up when it keeps dying. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { CloseAction, ErrorAction, LanguageClient, State, TransportKind } from 'vscode-languageclient/node';
import type { NotificationType, RequestType } from 'vscode-languageclient/node';
import { arsenalError } from '../runtime/errors.ts';
import { fail, ok } from '../runtime/model.ts';
import type { Result } from '../runtime/model.ts';
import { configureHistory, configurePolicy, protocolVersion } from '../server/protocol/lsp.ts';
import type { ArsenalInitializationOptions, FailureData } from '../server/protocol/lsp.ts';
import { errorOfFailure, isRecord } from './decode.ts';
import { RestartRule } from './restartRule.ts';
import { policySetting } from '../server/protocol/operation.ts';
import { HistorySettings } from './historySettings.ts';
import { policySettings } from './settings.ts';

export type ServerState =
  | { readonly is: 'stopped' }
  | { readonly is: 'starting' }
  /** `life` counts up: what was asked of an earlier life is gone with it. */
  | { readonly is: 'running'; readonly life: number }
  /** It died too often, or did not start: not tried again until asked. */
  | { readonly is: 'failed'; readonly why: string };

export class LanguageServer implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<ServerState>();
  readonly onDidChangeState = this.changed.event;
  private readonly client: LanguageClient;
  private readonly settings: vscode.Disposable;
  private readonly rule = new RestartRule();
  private current: ServerState = { is: 'stopped' };
  private lives = 0;
  private starting: Promise<Result<null>> | null = null;

  constructor(extensionPath: string, log: vscode.LogOutputChannel) {
    const history = new HistorySettings(log);
    const run = { module: path.join(extensionPath, 'dist', 'server.js'), transport: TransportKind.ipc };
    this.client = new LanguageClient(
      'arsenal',
      'Arsenal',
      { run, debug: { ...run, options: { execArgv: ['--nolazy', '--inspect'] } } },
      {
        documentSelector: [
          ...['typescript', 'javascript', 'elixir', 'erlang'].map((language) => ({ scheme: 'file', language })),
          { scheme: 'file', pattern: '**/*.cluster.json' },
        ],
        outputChannel: log,
        initializationOptions: (): ArsenalInitializationOptions => ({
          trusted: vscode.workspace.isTrusted,
          history: history.read(),
          policy: policySettings(),
          protocolVersion,
        }),
        // We say ourselves what is wrong, in the views; toasts would only repeat it.
        initializationFailedHandler: () => false,
        errorHandler: {
          error: () => ({ action: ErrorAction.Continue, handled: true }),
          closed: () => this.closed(),
        },
      },
    );
    this.settings = vscode.workspace.onDidChangeConfiguration((changed) => {
      if (changed.affectsConfiguration('arsenal.history')) this.notify(configureHistory, history.read());
      if (Object.values(policySetting).some((name) => changed.affectsConfiguration(`arsenal.${name}`))) {
        this.notify(configurePolicy, policySettings());
      }
    });
    this.client.onDidChangeState(({ newState }) => {
      if (newState === State.Running) this.enter({ is: 'running', life: ++this.lives });
      else if (newState === State.Starting) this.enter({ is: 'starting' });
      else if (this.current.is !== 'failed') {
        this.enter(
          newState === State.StartFailed
            ? { is: 'failed', why: vscode.l10n.t('It did not start.') }
            : { is: 'stopped' },
        );
      }
    });
  }

  get state(): ServerState {
    return this.current;
  }

  /** The server's process; null while there is none. */
  get processId(): number | null {
    if (this.current.is !== 'running') return null;
    const experimental: unknown = this.client.initializeResult?.capabilities.experimental;
    const arsenal = isRecord(experimental) ? experimental['arsenal'] : null;
    const processId = isRecord(arsenal) ? arsenal['processId'] : null;
    return typeof processId === 'number' ? processId : null;
  }

  /** Starts it if it is not running; concurrent calls share one start. */
  async start(): Promise<Result<null>> {
    if (this.current.is === 'running') return ok(null);
    this.starting ??= this.startNow().finally(() => {
      this.starting = null;
    });
    return this.starting;
  }

  /** Ends it if it runs, forgets its crashes, and starts it. */
  async restart(): Promise<Result<null>> {
    this.rule.forget();
    if (this.client.needsStop()) await this.client.stop().catch(() => undefined);
    return this.start();
  }

  /** Sends a request; starts the server first if need be. Never rejects: a server that is gone is a failure with effect `unknown`. */
  async request<P, R>(
    type: RequestType<P, R, FailureData>,
    params: NoInfer<P>,
    token?: vscode.CancellationToken,
  ): Promise<Result<R>> {
    const started = await this.start();
    if (!started.ok) return started;
    try {
      // Named by its method, the library takes everything after it for parameters, `undefined` too.
      const answer = await (token === undefined
        ? this.client.sendRequest<R>(type.method, params)
        : this.client.sendRequest<R>(type.method, params, token));
      return ok(answer);
    } catch (thrown) {
      const error = isRecord(thrown) ? errorOfFailure(thrown['data']) : null;
      return error === null ? fail(this.gone(thrown)) : fail(error);
    }
  }

  /** Sends a notification; answers false when there is no server to take it. */
  notify<P>(type: NotificationType<P>, params: NoInfer<P>): boolean {
    if (this.current.is !== 'running') return false;
    this.client.sendNotification(type.method, params).catch(() => undefined);
    return true;
  }

  /** Hears a notification in every life of the server. */
  onNotification<P>(type: NotificationType<P>, handler: (params: P) => void): vscode.Disposable {
    return this.client.onNotification(type.method, handler);
  }

  async stop(): Promise<void> {
    if (this.client.needsStop()) await this.client.stop(2_000).catch(() => undefined);
  }

  dispose(): void {
    this.settings.dispose();
    this.changed.dispose();
  }

  private async startNow(): Promise<Result<null>> {
    try {
      await this.client.start();
      return ok(null);
    } catch (thrown) {
      const error = isRecord(thrown) ? errorOfFailure(thrown['data']) : null;
      this.enter({ is: 'failed', why: error?.message ?? vscode.l10n.t('It did not start.') });
      return fail(error ?? this.gone(thrown));
    }
  }

  private closed(): { action: CloseAction; handled: true } {
    if (this.rule.mayRestart(Date.now())) return { action: CloseAction.Restart, handled: true };
    this.enter({
      is: 'failed',
      why: vscode.l10n.t('It ended {0} times within three minutes.', RestartRule.mostCrashes),
    });
    return { action: CloseAction.DoNotRestart, handled: true };
  }

  private gone(thrown: unknown) {
    return arsenalError(
      'unavailable',
      'server.gone',
      vscode.l10n.t('The Arsenal language server is not running.'),
      vscode.l10n.t('It is restarted by itself; if it keeps ending, see the log and restart it.'),
      { effect: 'unknown', details: { cause: thrown instanceof Error ? thrown.message : String(thrown) } },
    );
  }

  private enter(state: ServerState): void {
    this.current = state;
    this.changed.fire(state);
  }
}
