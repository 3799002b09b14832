/** The panel `arsenal.cluster`: the cluster graph as a webview, fed by the same watches as the trees. */
import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import { failure } from '../runtime/errors.ts';
import { ok } from '../runtime/model.ts';
import type { Result } from '../runtime/model.ts';
import type { WatchFeed } from '../runtime/watch.ts';
import { WatchPublisher } from '../runtime/watchChannel.ts';
import type { OpenedWatch } from '../runtime/watchChannel.ts';
import type { WatchTopic } from '../server/protocol/watch.ts';
import { decodeFromWebview, webviewProtocolVersion } from '../server/protocol/webview.ts';
import type { FromWebview, ShownConnection, ToWebview, WebviewAction } from '../server/protocol/webview.ts';
import { DisposableStore } from './disposables.ts';
import { webviewHtml } from './webviewHtml.ts';

export const clusterPanelType = 'arsenal.cluster';

/** What the panel needs of the window. */
export type ClusterPanelDependencies = {
  readonly extensionUri: vscode.Uri;
  /** The connection to show; null when there is none. */
  connection(): ShownConnection | null;
  /** The connection, or anything of it that is shown, has changed. */
  readonly onDidChangeConnection: vscode.Event<void>;
  /** Live rows of a topic, until disposed. */
  openWatch(topic: WatchTopic): { readonly feed: WatchFeed; dispose(): void };
  /** Does what the page asks, on the connection it shows; says itself what went wrong. */
  act(action: WebviewAction, connection: ShownConnection | null): void;
  readonly log: Pick<vscode.LogOutputChannel, 'warn'>;
};

export type ClusterPanels = {
  /** Shows the panel, or makes it. */
  open(): void;
  dispose(): void;
};

/** Makes the panel available, also to windows that had it open when they were last closed. */
export function registerClusterPanel(dependencies: ClusterPanelDependencies): ClusterPanels {
  let shown: ClusterPanel | null = null;
  const adopt = (panel: vscode.WebviewPanel): void => {
    const made = new ClusterPanel(panel, dependencies);
    shown = made;
    panel.onDidDispose(() => {
      made.dispose();
      if (shown === made) shown = null;
    });
  };
  const serializer = vscode.window.registerWebviewPanelSerializer(clusterPanelType, {
    deserializeWebviewPanel(panel) {
      // One panel a window: what a reload brings back beside one that is open is closed.
      if (shown === null) adopt(panel);
      else panel.dispose();
      return Promise.resolve();
    },
  });
  return {
    open() {
      if (shown === null) {
        adopt(vscode.window.createWebviewPanel(clusterPanelType, vscode.l10n.t('Cluster'), vscode.ViewColumn.Active));
      } else shown.reveal();
    },
    dispose() {
      serializer.dispose();
      shown?.close();
    },
  };
}

/** One panel. Its page lives only while it is visible; each life begins with `ready`. */
class ClusterPanel implements vscode.Disposable {
  private readonly panel: vscode.WebviewPanel;
  private readonly dependencies: ClusterPanelDependencies;
  private readonly held = new DisposableStore();
  private publisher: WatchPublisher<WatchTopic> | null = null;

  constructor(panel: vscode.WebviewPanel, dependencies: ClusterPanelDependencies) {
    this.panel = panel;
    this.dependencies = dependencies;
    const folder = vscode.Uri.joinPath(dependencies.extensionUri, 'dist', 'webview');
    const { webview } = panel;
    webview.options = { enableScripts: true, localResourceRoots: [folder] };
    this.held.add(webview.onDidReceiveMessage((message: unknown) => this.receive(message)));
    this.held.add(
      panel.onDidChangeViewState(() => {
        // A hidden page is gone: nothing is sent to it, and what it watched is given back.
        if (!panel.visible) this.endPublisher();
      }),
    );
    this.held.add(dependencies.onDidChangeConnection(() => this.sendConnection()));
    webview.html = webviewHtml({
      title: vscode.l10n.t('Cluster'),
      scriptUri: webview.asWebviewUri(vscode.Uri.joinPath(folder, 'cluster.js')).toString(),
      nonce: randomBytes(16).toString('base64url'),
    });
  }

  reveal(): void {
    this.panel.reveal();
  }

  close(): void {
    this.panel.dispose();
  }

  dispose(): void {
    this.endPublisher();
    this.held.dispose();
  }

  private receive(message: unknown): void {
    const read = decodeFromWebview(message);
    if (read === null) this.dependencies.log.warn('The cluster view sent what is no message of its protocol.');
    else this.take(read);
  }

  private take(message: FromWebview): void {
    switch (message.is) {
      case 'ready':
        this.begin(message.version);
        return;
      case 'watch':
        this.publisher?.receive(message.up);
        return;
      case 'action':
        this.dependencies.act(message.action, this.dependencies.connection());
        return;
      case 'copy':
        void vscode.env.clipboard.writeText(message.text);
        return;
      case 'fault':
        this.dependencies.log.warn(`The cluster view: ${message.message}`);
        return;
    }
  }

  private begin(version: number): void {
    this.endPublisher();
    if (version !== webviewProtocolVersion) {
      this.dependencies.log.warn('The cluster view is of another version of Arsenal. Reload the window.');
      return;
    }
    this.publisher = new WatchPublisher<WatchTopic>({
      mostSubscriptions: 8,
      open: (topic) => Promise.resolve(this.open(topic)),
      send: (down) => {
        if (!this.panel.visible) return false;
        this.post({ is: 'watch', down });
        return true;
      },
    });
    this.sendConnection();
  }

  /** A page sees the nodes of the connection it shows, and nothing else. */
  private open(topic: WatchTopic): Result<OpenedWatch> {
    const connection = this.dependencies.connection();
    if (topic.of !== 'runtime' || topic.query.of.rows !== 'nodes' || topic.connection !== connection?.id) {
      return failure(
        'authorization',
        'webview.not_its_topic',
        'This view shows the nodes of the present connection only.',
        'Reload the view.',
      );
    }
    const rows = this.dependencies.openWatch(topic);
    return ok({ source: rows.feed, release: () => rows.dispose() });
  }

  private sendConnection(): void {
    if (this.publisher !== null) this.post({ is: 'connection', connection: this.dependencies.connection() });
  }

  private post(message: ToWebview): void {
    void this.panel.webview.postMessage(message);
  }

  private endPublisher(): void {
    this.publisher?.dispose();
    this.publisher = null;
  }
}
