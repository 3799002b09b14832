/** What the extension is made of, wired up once. What is started later (the server, connections) starts when somebody looks. */
import * as vscode from 'vscode';
import { registerClusterGraph } from './clusterGraph.ts';
import type { ClusterPanels } from './clusterPanel.ts';
import { Catalogue } from './catalogue.ts';
import { watchClusterFiles } from './clusterFile/clusterFiles.ts';
import { setContextKey } from './contextKeys.ts';
import { DisposableStore } from './disposables.ts';
import { OperationForm } from './form/form.ts';
import { LastValues } from './form/lastValues.ts';
import { Picks } from './form/picks.ts';
import { LanguageServer } from './languageServer.ts';
import { CallBook } from './operations/callBook.ts';
import { Operate } from './operations/operate.ts';
import { PastCalls } from './operations/pastCalls.ts';
import { tellPolicyProblems } from './policy.ts';
import { OperationRunner } from './operations/runner.ts';
import type { SettledWrite } from './operations/runner.ts';
import { Selection } from './operations/selection.ts';
import { settledText } from './operations/settledText.ts';
import { ResultDocuments } from './results/resultDocuments.ts';
import { ConnectFlow } from './session/connectFlow.ts';
import { Credentials } from './session/credentials.ts';
import { PendingWrites } from './session/pendingWrites.ts';
import { Sessions } from './session/sessions.ts';
import { connectOnStart } from './settings.ts';
import { StatusBar } from './statusBar.ts';
import { TimeItem } from './timeItem.ts';
import { NodesView } from './views/nodesView.ts';
import { OperationsView } from './views/operationsView.ts';
import { SandboxesView } from './views/sandboxesView.ts';
import { SupervisorsView } from './views/supervisorsView.ts';
import { Watches } from './watches.ts';

export class ArsenalContext implements vscode.Disposable {
  /** For the extension's whole life; what belongs to one server's life is undone by whoever hears that it ended. */
  readonly store = new DisposableStore();
  readonly log: vscode.LogOutputChannel;
  readonly server: LanguageServer;
  readonly watches: Watches;
  readonly catalogue: Catalogue;
  readonly sessions: Sessions;
  readonly runner: OperationRunner;
  /** The calls of this window, and those that the history knows of. */
  readonly book: CallBook;
  readonly results: ResultDocuments;
  readonly operate: Operate;
  readonly pastCalls: PastCalls;
  readonly selection: Selection;
  readonly connectFlow: ConnectFlow;
  readonly status: StatusBar;
  readonly time: TimeItem;
  readonly trees: {
    readonly nodes: NodesView;
    readonly supervisors: SupervisorsView;
    readonly sandboxes: SandboxesView;
    readonly operations: OperationsView;
  };
  readonly clusterGraph: ClusterPanels;
  private readonly pending: PendingWrites;
  private lives = 0;
  private connectedOnStart = false;

  constructor(extension: vscode.ExtensionContext) {
    const { store } = this;
    this.log = store.add(vscode.window.createOutputChannel('Arsenal', { log: true }));
    this.server = store.add(new LanguageServer(extension.extensionPath, this.log));
    this.watches = store.add(new Watches(this.server));
    this.catalogue = store.add(new Catalogue(this.watches));
    const credentials = new Credentials(extension.secrets);
    this.sessions = store.add(new Sessions(this.server, this.watches, credentials, extension.globalState));
    this.pending = new PendingWrites(extension.workspaceState);
    this.runner = store.add(new OperationRunner(this.server, this.catalogue, this.pending));
    this.connectFlow = new ConnectFlow(this.sessions, credentials, this.log);
    this.book = store.add(new CallBook(this.server, this.runner));
    this.results = store.add(new ResultDocuments(this.book));
    const picks = new Picks(this.server, this.runner, this.catalogue);
    const form = new OperationForm(this.runner, picks, new LastValues(extension.workspaceState));
    this.operate = new Operate({
      runner: this.runner,
      catalogue: this.catalogue,
      sessions: this.sessions,
      form,
      results: this.results,
      book: this.book,
      log: this.log,
      needConnection: () => this.connectFlow.run(),
    });
    this.pastCalls = new PastCalls(this);
    this.selection = new Selection({ operate: this.operate, form, runner: this.runner, sessions: this.sessions });
    this.status = store.add(new StatusBar(this.server, this.sessions));
    this.time = store.add(new TimeItem(this.server, this.sessions, this.runner, this.book));
    const { sessions, server, watches } = this;
    this.trees = {
      nodes: store.add(new NodesView(watches, { sessions, server })),
      supervisors: store.add(new SupervisorsView(watches, { sessions, server })),
      sandboxes: store.add(new SandboxesView(watches, { sessions, server })),
      operations: store.add(
        new OperationsView(watches, { catalogue: this.catalogue, sessions, server, book: this.book }),
      ),
    };
    this.clusterGraph = store.add(registerClusterGraph(this, extension.extensionUri));
    store.add(watchClusterFiles(this));
    store.add(tellPolicyProblems(this.server));
    this.listen();
  }

  /** Starts the server, and, the first time, connects to what the settings say. Called when somebody looks. */
  async wake(): Promise<void> {
    const started = await this.server.start();
    if (!started.ok || this.connectedOnStart) return;
    this.connectedOnStart = true;
    const saved = connectOnStart();
    // What goes wrong is shown where one looks, in the trees: a toast at every start would only be noise.
    if (saved !== null) await this.sessions.connect(saved);
  }

  async stop(): Promise<void> {
    await this.server.stop();
    this.dispose();
  }

  dispose(): void {
    this.store.dispose();
  }

  private listen(): void {
    const { store } = this;
    setContextKey('arsenal.connected', false);
    setContextKey('arsenal.server', 'stopped');
    store.add(
      this.server.onDidChangeState((state) => {
        setContextKey('arsenal.server', state.is);
        if (state.is === 'running') void this.revive();
      }),
    );
    store.add(this.sessions.onDidChange(() => setContextKey('arsenal.connected', this.sessions.entries.length > 0)));
    for (const tree of Object.values(this.trees)) {
      store.add(
        tree.view.onDidChangeVisibility(({ visible }) => {
          if (visible) void this.wake();
        }),
      );
      if (tree.view.visible) void this.wake();
    }
    store.add(
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (change.affectsConfiguration('arsenal')) for (const tree of Object.values(this.trees)) tree.renew();
      }),
    );
    // The server was told whether the workspace is trusted when it was started.
    store.add(
      vscode.workspace.onDidGrantWorkspaceTrust(() => {
        if (this.server.state.is === 'running') void this.server.restart();
      }),
    );
    store.add(this.runner.onDidSettle((settled) => this.tellSettled(settled)));
  }

  /** A server is there: what an earlier one had open is opened again, and then asked what became of the writes it left behind. */
  private async revive(): Promise<void> {
    this.lives += 1;
    if (this.lives > 1) await this.sessions.reopenAll();
    await this.runner.settleLost();
  }

  private tellSettled({ write, outcome }: SettledWrite): void {
    const { text, isWarning } = settledText(write, outcome);
    this.log.info(`${write.operation} ${write.requestId}: ${text}`);
    void (isWarning ? vscode.window.showWarningMessage(text) : vscode.window.showInformationMessage(text));
  }
}
