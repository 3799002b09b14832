/** Live rows from the server, for whoever shows them: kept while visible, paused while hidden, asked anew after a restart. */
import * as vscode from 'vscode';
import type { ArsenalError } from '../runtime/model.ts';
import type { Row, WatchFeed } from '../runtime/watch.ts';
import type { WatchStatus, WatchSubscription } from '../runtime/watchChannel.ts';
import { WatchSubscriber } from '../runtime/watchChannel.ts';
import { watchDown, watchUp } from '../server/protocol/lsp.ts';
import type { WatchTopic } from '../server/protocol/watch.ts';
import type { LanguageServer } from './languageServer.ts';

/** The rows of one topic as this window has them. */
export class LiveRows implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  /** The rows, the status or the end has changed. */
  readonly onDidChange = this.changed.event;
  private readonly subscription: WatchSubscription;

  constructor(subscribe: (listener: () => void) => WatchSubscription) {
    this.subscription = subscribe(() => this.changed.fire());
  }

  /** For the next hop: a webview's publisher. */
  get feed(): WatchFeed {
    return this.subscription.view;
  }

  get status(): WatchStatus {
    return this.subscription.status;
  }

  /** Why nothing more comes; null while something does, and after an end in good order. */
  get error(): ArsenalError | null {
    return this.feed.ended?.error ?? null;
  }

  /** Rows that exist at the source, more than {@link rows} when the watch is a window. */
  get total(): number {
    return this.feed.state?.total ?? 0;
  }

  rows(): ReadonlyMap<string, Row> {
    return this.feed.state?.rows ?? new Map<string, Row>();
  }

  row(key: string): Row | undefined {
    return this.rows().get(key);
  }

  /** Resolves once there are rows, or an end, or after `timeoutMs`; answers whether there are rows. */
  async ready(timeoutMs: number): Promise<boolean> {
    if (this.feed.state === null && this.feed.ended === null) {
      await new Promise<void>((resolve) => {
        const done = () => {
          if (this.feed.state === null && this.feed.ended === null && !timedOut) return;
          clearTimeout(timer);
          listening.dispose();
          resolve();
        };
        let timedOut = false;
        const timer = setTimeout(() => {
          timedOut = true;
          done();
        }, timeoutMs);
        const listening = this.onDidChange(done);
      });
    }
    return this.feed.state !== null;
  }

  setVisible(visible: boolean): void {
    this.subscription.setVisible(visible);
  }

  dispose(): void {
    this.subscription.dispose();
    this.changed.dispose();
  }
}

/** Every watch of this window, over one server after the other. */
export class Watches implements vscode.Disposable {
  private readonly subscriber: WatchSubscriber<WatchTopic>;
  private readonly hearing: readonly vscode.Disposable[];

  constructor(server: LanguageServer) {
    this.subscriber = new WatchSubscriber<WatchTopic>({ send: (up) => server.notify(watchUp, up) });
    this.hearing = [
      server.onNotification(watchDown, (down) => this.subscriber.receive(down)),
      server.onDidChangeState((state) => {
        if (state.is === 'running') this.subscriber.transportRestarted();
        else this.subscriber.transportLost();
      }),
    ];
  }

  /** Begins to watch `topic`. */
  open(topic: WatchTopic): LiveRows {
    return new LiveRows((listener) => this.subscriber.subscribe(topic, listener));
  }

  dispose(): void {
    for (const listening of this.hearing) listening.dispose();
    this.subscriber.dispose();
  }
}
