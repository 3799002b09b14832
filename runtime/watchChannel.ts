/**
 * Watches over a transport of messages that may be lost, late or restarted: LSP, WebSocket, a webview's messages.
 *
 * The same two ends serve every hop. The subscriber chooses the subscription's id and registers it before it asks, so that a frame
 * that overtakes the answer is not lost; it takes a new id for every life of the transport, so that a late message of an earlier life
 * finds nobody. The publisher holds one {@link WatchSender} a subscription. Whatever was lost is asked for again after a while.
 */
import { arsenalError } from './errors.ts';
import type { ArsenalError, Result } from './model.ts';
import type { Timers, WatchAck, WatchFeed, WatchFrame, WatchSenderOptions } from './watch.ts';
import { realTimers, WatchSender, WatchView } from './watch.ts';

/** From the one who looks to the one who shows. */
export type WatchUp<Topic> =
  /** For a subscription that is open already: show it again from a snapshot. */
  | { readonly is: 'open'; readonly subscription: string; readonly topic: Topic }
  | ({ readonly is: 'ack'; readonly subscription: string } & WatchAck)
  | { readonly is: 'resync'; readonly subscription: string }
  | { readonly is: 'visible'; readonly subscription: string; readonly as: 'shown' | 'hidden' }
  | { readonly is: 'close'; readonly subscription: string };

export type WatchDown =
  | { readonly is: 'frame'; readonly subscription: string; readonly frame: WatchFrame }
  /** Nothing more comes; `error` is null when the source has ended in good order. */
  | { readonly is: 'ended'; readonly subscription: string; readonly error: ArsenalError | null };

/** The code that says "open it again": the publisher knows no such subscription (it was restarted, or a message was lost). */
const unknownSubscription = 'watch.unknown_subscription';

/** A feed for one subscriber, and how to give it back. */
export type OpenedWatch = { readonly source: WatchFeed; release(): void };

export type WatchPublisherOptions<Topic> = {
  /** Opens what a topic names; `signal` aborts when the subscriber has left meanwhile. What is opened is released exactly once. */
  open(topic: Topic, signal: AbortSignal): Promise<Result<OpenedWatch>>;
  /** Answers whether the transport took the message; see {@link WatchPublisher.pump}. */
  send(down: WatchDown): boolean;
  readonly mostSubscriptions?: number;
  /**
   * How long a hidden subscription is kept open, default a minute. Then it is given back: nothing is to run on a target while nobody
   * looks. When it is shown again it is not known, and so opened anew.
   */
  readonly hiddenMs?: number;
  /** As of every {@link WatchSender}. */
  readonly sender?: Omit<WatchSenderOptions, 'shown'>;
};

type Publication =
  | { readonly is: 'opening'; readonly control: AbortController; shown: boolean }
  | {
      readonly is: 'open';
      readonly sender: WatchSender;
      readonly source: WatchFeed;
      shown: boolean;
      release(): void;
    }
  | { readonly is: 'refused'; readonly error: ArsenalError };

/** The showing end of one transport: one for each connection, socket or webview. */
export class WatchPublisher<Topic> {
  readonly #options: WatchPublisherOptions<Topic>;
  readonly #mostSubscriptions: number;
  readonly #publications = new Map<string, Publication>();
  /** What ends the subscriptions that are hidden. */
  readonly #hidden = new Map<string, { dispose(): void }>();

  constructor(options: WatchPublisherOptions<Topic>) {
    this.#options = options;
    this.#mostSubscriptions = options.mostSubscriptions ?? 200;
  }

  /** How many subscriptions there are. */
  get size(): number {
    return this.#publications.size;
  }

  /** Rows that wait to be sent, over all subscriptions: for each no more than exist. */
  get waitingRows(): number {
    const waiting = [...this.#publications.values()].map((one) => (one.is === 'open' ? one.sender.waitingRows : 0));
    return waiting.reduce((sum, rows) => sum + rows, 0);
  }

  /** Takes a message of the subscriber; nothing it says can make this throw. */
  receive(up: WatchUp<Topic>): void {
    const { subscription } = up;
    const known = this.#publications.get(subscription);
    if (known === undefined) {
      if (up.is === 'open') void this.#open(subscription, up.topic);
      else if (up.is !== 'close') this.#options.send({ is: 'ended', subscription, error: notKnown() });
      return;
    }
    if (up.is === 'close') this.#end(subscription, known);
    else if (up.is === 'open') this.#show(subscription, known, 'shown');
    else if (up.is === 'visible') this.#show(subscription, known, up.as);
    else if (known.is === 'open' && up.is === 'ack') known.sender.acknowledge(up);
    else if (known.is === 'open') known.sender.resync();
    this.#endIfDone(subscription);
  }

  /** Sends what is due. To be called when a transport that refused a message has room again. */
  pump(): void {
    for (const [subscription, publication] of [...this.#publications]) {
      if (publication.is === 'open') publication.sender.pump();
      this.#endIfDone(subscription);
    }
  }

  /** The transport is gone: everything is given back. */
  dispose(): void {
    for (const [subscription, publication] of [...this.#publications]) this.#end(subscription, publication);
  }

  async #open(subscription: string, topic: Topic): Promise<void> {
    if (this.#publications.size >= this.#mostSubscriptions) {
      this.#options.send({ is: 'ended', subscription, error: tooMany(this.#mostSubscriptions) });
      return;
    }
    const opening: Publication = { is: 'opening', control: new AbortController(), shown: true };
    this.#publications.set(subscription, opening);
    const opened = await this.#tryOpen(topic, opening.control.signal);
    if (this.#publications.get(subscription) !== opening) {
      if (opened.ok) opened.value.release();
      return;
    }
    if (opened.ok) this.#publish(subscription, opened.value, opening.shown);
    else this.#publications.set(subscription, { is: 'refused', error: opened.error });
    this.#endIfDone(subscription);
  }

  async #tryOpen(topic: Topic, signal: AbortSignal): Promise<Result<OpenedWatch>> {
    try {
      return await this.#options.open(topic, signal);
    } catch (thrown) {
      const said = thrown instanceof Error ? thrown.message : String(thrown);
      const remedy = 'This is a bug in Arsenal: please report it with the log.';
      return { ok: false, error: arsenalError('system', 'watch.open_threw', `The watch failed: ${said}`, remedy) };
    }
  }

  #publish(subscription: string, opened: OpenedWatch, shown: boolean): void {
    const { source } = opened;
    const send = (frame: WatchFrame) => this.#options.send({ is: 'frame', subscription, frame });
    const sender = new WatchSender(source, send, { ...this.#options.sender, shown });
    const listening = source.watch((event) => {
      if (event.is === 'ended') this.#endIfDone(subscription);
    });
    this.#publications.set(subscription, {
      is: 'open',
      sender,
      source,
      shown,
      release() {
        sender.dispose();
        listening.dispose();
        opened.release();
      },
    });
  }

  #show(subscription: string, publication: Publication, as: 'shown' | 'hidden'): void {
    if (publication.is === 'refused') return;
    publication.shown = as === 'shown';
    this.#hidden.get(subscription)?.dispose();
    this.#hidden.delete(subscription);
    if (as === 'hidden') {
      const { hiddenMs = 60_000, sender: { timers = realTimers } = {} } = this.#options;
      const end = () => {
        this.#end(subscription, publication);
      };
      this.#hidden.set(subscription, timers.after(hiddenMs, end));
    }
    if (publication.is === 'opening') return;
    if (publication.shown) publication.sender.show();
    else publication.sender.hide();
  }

  /** Says that a watch has ended, once the subscriber has all that came before, and forgets it when that was taken. */
  #endIfDone(subscription: string): void {
    const publication = this.#publications.get(subscription);
    if (publication === undefined || publication.is === 'opening') return;
    const error = endOf(publication);
    if (error === undefined) return;
    if (this.#options.send({ is: 'ended', subscription, error })) this.#end(subscription, publication);
  }

  #end(subscription: string, publication: Publication): void {
    this.#publications.delete(subscription);
    this.#hidden.get(subscription)?.dispose();
    this.#hidden.delete(subscription);
    if (publication.is === 'opening') publication.control.abort();
    if (publication.is === 'open') publication.release();
  }
}

/** How a publication has ended; undefined while there is something to say before. */
function endOf(publication: Exclude<Publication, { is: 'opening' }>): ArsenalError | null | undefined {
  if (publication.is === 'refused') return publication.error;
  const { source, sender, shown } = publication;
  if (source.ended === null) return undefined;
  return source.state === null || !shown || sender.isIdle ? source.ended.error : undefined;
}

function notKnown(): ArsenalError {
  return arsenalError('not_found', unknownSubscription, 'There is no such subscription.', 'Open it again.');
}

function tooMany(most: number): ArsenalError {
  const message = `There are ${most} watches open, the most that are allowed.`;
  return arsenalError('rate_limited', 'watch.too_many', message, 'Close a view that is not needed.');
}

// -------------------------------------------------------------------------------------------------------- the subscriber

/** `waiting`: no rows yet. `stale`: the rows are from before the view was hidden or the transport lost. */
export type WatchStatus = 'waiting' | 'live' | 'stale' | 'ended';

export interface WatchSubscription {
  /** The rows, and a feed for the next hop. After `ended` it keeps the last rows and says why it ended. */
  readonly view: WatchFeed;
  readonly status: WatchStatus;
  /** While it is not visible nothing is sent; when it is again, a snapshot comes. */
  setVisible(visible: boolean): void;
  dispose(): void;
}

export type WatchSubscriberOptions<Topic> = {
  /** Answers whether the transport took the message. What it did not take is asked for again later. */
  send(up: WatchUp<Topic>): boolean;
  /** How long the first frame after a question may take before it is asked again, twice as long each time. */
  readonly unansweredMs?: number;
  /**
   * How long it may be quiet before the last acknowledgement is said again, default half a minute: a publisher that knows nothing of
   * the subscription any more says so, where silence would look like a system in which nothing happens.
   */
  readonly quietMs?: number;
  readonly timers?: Timers;
};

const mostDoublings = 4;

/** The looking end of one transport, through all its lives. */
export class WatchSubscriber<Topic> {
  readonly #options: WatchSubscriberOptions<Topic>;
  readonly #byId = new Map<string, Subscription<Topic>>();

  constructor(options: WatchSubscriberOptions<Topic>) {
    this.#options = options;
  }

  /** Begins to watch `topic`. `listener` is called after the rows or the status changed; `view.watch` says how. */
  subscribe(topic: Topic, listener: () => void = () => undefined, visible = true): WatchSubscription {
    const subscription = new Subscription(topic, listener, this.#options, this.#byId);
    subscription.setVisible(visible);
    return subscription;
  }

  /** Takes a message of the publisher. */
  receive(down: WatchDown): void {
    const subscription = this.#byId.get(down.subscription);
    if (subscription === undefined) {
      // It goes on about what was closed, so that word was lost.
      if (down.is === 'frame') this.#options.send({ is: 'close', subscription: down.subscription });
      return;
    }
    if (down.is === 'frame') subscription.take(down.frame);
    else subscription.ended(down.error);
  }

  /** The transport is gone: what is shown is stale from now on. */
  transportLost(): void {
    for (const subscription of [...this.#byId.values()]) subscription.detach();
  }

  /** The transport, or what is behind it, is new: everything that is visible is opened again. */
  transportRestarted(): void {
    for (const subscription of [...this.#byId.values()]) {
      subscription.detach();
      subscription.ask();
    }
  }

  /** Closes every subscription. */
  dispose(): void {
    for (const subscription of [...this.#byId.values()]) subscription.dispose();
  }
}

class Subscription<Topic> implements WatchSubscription {
  readonly #topic: Topic;
  readonly #listener: () => void;
  readonly #options: WatchSubscriberOptions<Topic>;
  readonly #byId: Map<string, Subscription<Topic>>;
  readonly #view = new WatchView();
  #id = crypto.randomUUID();
  /** Whether the publisher was asked in this life of the transport. */
  #asked = false;
  #visible = false;
  #fresh = false;
  /** Until an answer is overdue, or it has been quiet for too long. */
  #timer: { dispose(): void } | null = null;
  #doublings = 0;

  constructor(
    topic: Topic,
    listener: () => void,
    options: WatchSubscriberOptions<Topic>,
    byId: Map<string, Subscription<Topic>>,
  ) {
    this.#topic = topic;
    this.#listener = listener;
    this.#options = options;
    this.#byId = byId;
    byId.set(this.#id, this);
  }

  get view(): WatchFeed {
    return this.#view;
  }

  get status(): WatchStatus {
    if (this.#view.ended !== null) return 'ended';
    if (this.#view.state === null) return 'waiting';
    return this.#fresh ? 'live' : 'stale';
  }

  setVisible(visible: boolean): void {
    if (visible === this.#visible || this.#view.ended !== null) return;
    this.#visible = visible;
    if (visible) {
      this.ask();
      return;
    }
    this.#answered();
    if (this.#asked) this.#options.send({ is: 'visible', subscription: this.#id, as: 'hidden' });
    this.#grow(false);
  }

  dispose(): void {
    if (this.#view.ended !== null) return;
    this.#options.send({ is: 'close', subscription: this.#id });
    this.#finish(null);
  }

  /** Asks for the rows, if they are to be seen: opens the watch, or shows it again. */
  ask(): void {
    if (!this.#visible) return;
    const subscription = this.#id;
    this.#expect();
    this.#options.send(
      this.#asked ? { is: 'visible', subscription, as: 'shown' } : { is: 'open', subscription, topic: this.#topic },
    );
    this.#asked = true;
  }

  /** Forgets the publisher it had: the next question goes under a new id. */
  detach(): void {
    this.#answered();
    this.#byId.delete(this.#id);
    this.#id = crypto.randomUUID();
    this.#byId.set(this.#id, this);
    this.#asked = false;
    this.#grow(false);
  }

  take(frame: WatchFrame): void {
    const answer = this.#view.apply(frame);
    if (answer === 'resync') {
      this.#expect();
      this.#options.send({ is: 'resync', subscription: this.#id });
      return;
    }
    this.#answered();
    this.#say(answer);
    if (answer.part !== undefined) return;
    this.#fresh = this.#visible;
    this.#listener();
  }

  /** Acknowledges, and again whenever it has been quiet for long. */
  #say(ack: WatchAck): void {
    this.#options.send({ is: 'ack', subscription: this.#id, ...ack });
    if (!this.#visible) return;
    const { quietMs = 30_000, timers = realTimers } = this.#options;
    this.#timer?.dispose();
    this.#timer = timers.after(quietMs, () => {
      this.#say(ack);
    });
  }

  ended(error: ArsenalError | null): void {
    if (error?.code !== unknownSubscription) {
      this.#finish(error);
      return;
    }
    this.detach();
    this.ask();
  }

  #finish(error: ArsenalError | null): void {
    this.#answered();
    this.#byId.delete(this.#id);
    this.#view.end(error);
    this.#listener();
  }

  #grow(fresh: boolean): void {
    if (this.#fresh === fresh) return;
    this.#fresh = fresh;
    this.#listener();
  }

  /** A frame is due: without one, the question or its answer was lost, and it is asked again. */
  #expect(): void {
    this.#timer?.dispose();
    const { unansweredMs = 10_000, timers = realTimers } = this.#options;
    this.#timer = timers.after(unansweredMs * 2 ** this.#doublings, () => {
      this.#doublings = Math.min(this.#doublings + 1, mostDoublings);
      this.#asked = false;
      this.ask();
    });
  }

  #answered(): void {
    this.#timer?.dispose();
    this.#timer = null;
    this.#doublings = 0;
  }
}
