/**
 * Random schedules over agent → backend → client → webview, with the real ends of every hop: WatchSource, WatchPublisher,
 * WatchSubscriber. Messages are delayed, lost, doubled and refused; agents, backends, windows and webviews restart, and messages of
 * an earlier life arrive in a later one; webviews are hidden, and lose in silence what is sent to them then. When the world
 * calms down, every view must equal the truth.
 *
 * What it caught, each tried by hand as a change of watch.ts or watchChannel.ts: a base that moves although the transport refused
 * the frame; a delta put into a later state than it leads from; merging that forgets that a row was deleted, or put again; waiting
 * for ever for an acknowledgement or for the answer to a question; a snapshot's parts mixed with another's; no snapshot on becoming
 * visible; a new life under the old subscription's id. The last tests here keep the coarsest of them as liars that must be caught.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ok } from '../../runtime/model.ts';
import type { Timers, WatchFeed } from '../../runtime/watch.ts';
import { WatchSource } from '../../runtime/watch.ts';
import type { WatchDown, WatchSubscription, WatchUp } from '../../runtime/watchChannel.ts';
import { WatchPublisher, WatchSubscriber } from '../../runtime/watchChannel.ts';

const schedules = process.env['ARSENAL_PROVE'] === '1' ? 100_000 : 2_500;
const keys = 40;
const rowsPerFrame = 8;
const patienceMs = 100;
/** Rounds of delivery after a schedule, every third with time enough for everything that waits. */
const calmRounds = 36;

/** Time that passes when the schedule says so. */
class Clock implements Timers {
  #now = 0;
  readonly #timers = new Set<{ at: number; act: () => void }>();
  after(delayMs: number, act: () => void) {
    const timer = { at: this.#now + delayMs, act };
    this.#timers.add(timer);
    return { dispose: () => void this.#timers.delete(timer) };
  }
  pass(ms: number) {
    this.#now += ms;
    for (const timer of [...this.#timers]) if (timer.at <= this.#now && this.#timers.delete(timer)) timer.act();
  }
}

/** Where a hop breaks the rule on purpose. */
type Lie = 'none' | 'says_taken_when_refused' | 'never_asks_again' | 'acknowledges_gaps' | 'shows_without_snapshot';

/** One hop: a publisher, a subscriber, and two queues between them. */
class Hop {
  down: WatchDown[] = [];
  up: WatchUp<null>[] = [];
  /** Of earlier lives, still under way. */
  late: { down: WatchDown[]; up: WatchUp<null>[] } = { down: [], up: [] };
  busy = false;
  hidden = false;
  mostWaiting = 0;
  publisher: WatchPublisher<null>;
  subscriber: WatchSubscriber<null>;
  subscription: WatchSubscription;
  readonly #feed: () => WatchFeed;
  readonly #clock: Clock;
  readonly #lie: Lie;
  #life = Symbol('none');

  constructor(feed: () => WatchFeed, clock: Clock, lie: Lie) {
    this.#feed = feed;
    this.#clock = clock;
    this.#lie = lie;
    this.publisher = this.#newPublisher();
    this.subscriber = this.#newSubscriber();
    this.subscription = this.subscriber.subscribe(null);
  }

  #newPublisher(): WatchPublisher<null> {
    const patience = this.#lie === 'never_asks_again' || this.#lie === 'says_taken_when_refused' ? null : patienceMs;
    return new WatchPublisher<null>({
      open: () => Promise.resolve(ok({ source: this.#feed(), release: () => undefined })),
      send: (down) => {
        if (this.busy) return this.#lie === 'says_taken_when_refused';
        this.down.push(structuredClone(down));
        return true;
      },
      sender: { timers: this.#clock, overdueMs: patience, rowsPerFrame },
      hiddenMs: 3 * patienceMs,
    });
  }

  #newSubscriber(): WatchSubscriber<null> {
    const life = Symbol('life');
    this.#life = life;
    return new WatchSubscriber<null>({
      send: (up) => {
        // The timers of a window that is gone are gone with it.
        if (this.#life !== life) return false;
        this.up.push(this.#told(structuredClone(up)));
        return true;
      },
      timers: this.#clock,
      unansweredMs: this.#lie === 'none' ? patienceMs : 1e12,
      quietMs: this.#lie === 'none' ? 3 * patienceMs : 1e12,
    });
  }

  /** What a liar says instead. */
  #told(up: WatchUp<null>): WatchUp<null> {
    const { subscription } = up;
    if (this.#lie === 'acknowledges_gaps' && up.is === 'resync') {
      const { epoch = '', version = 0 } = this.#feed().state ?? {};
      return { is: 'ack', subscription, epoch, to: version };
    }
    if (this.#lie === 'shows_without_snapshot' && up.is === 'visible' && up.as === 'shown') {
      return { is: 'ack', subscription, epoch: '', to: 0 };
    }
    return up;
  }

  deliverDown() {
    const message = this.down.shift();
    if (message !== undefined && !this.hidden) this.subscriber.receive(message);
    this.#note();
  }
  deliverUp() {
    const message = this.up.shift();
    if (message !== undefined) this.publisher.receive(message);
    this.#note();
  }
  deliverAll() {
    while (this.late.down.length + this.late.up.length > 0) this.deliverLate();
    for (let left = this.down.length; left > 0; left -= 1) this.deliverDown();
    for (let left = this.up.length; left > 0; left -= 1) this.deliverUp();
  }
  deliverLate() {
    const [down, up] = [this.late.down.shift(), this.late.up.shift()];
    if (down !== undefined) this.subscriber.receive(down);
    if (up !== undefined) this.publisher.receive(up);
  }
  lose(which: number) {
    (which % 2 === 0 ? this.down : this.up).shift();
  }
  double(which: number) {
    const [down] = this.down;
    const [up] = this.up;
    if (which % 2 === 0 && down !== undefined) this.down.unshift(down);
    else if (up !== undefined) this.up.unshift(up);
  }
  setBusy(busy: boolean) {
    this.busy = busy;
    if (!busy) this.publisher.pump();
  }
  setHidden(hidden: boolean) {
    if (hidden === this.hidden) return;
    this.hidden = hidden;
    this.subscription.setVisible(!hidden);
  }

  /** The transport, and the publisher behind it, are new. */
  restartPublisher() {
    this.#cut();
    this.publisher.dispose();
    this.publisher = this.#newPublisher();
    this.subscriber.transportRestarted();
  }
  /** The subscriber is new: a window was reloaded. */
  restartSubscriber() {
    this.#cut();
    this.publisher.dispose();
    this.publisher = this.#newPublisher();
    this.hidden = false;
    this.subscriber = this.#newSubscriber();
    this.subscription = this.subscriber.subscribe(null);
  }
  #cut() {
    this.late = { down: this.down, up: this.up };
    this.down = [];
    this.up = [];
  }
  #note() {
    // An `open` of an earlier life that arrives late is a subscription too, until it is found out.
    this.mostWaiting = Math.max(this.mostWaiting, this.publisher.waitingRows / Math.max(1, this.publisher.size));
  }
}

type Outcome = { readonly wrong: readonly string[]; readonly mostWaiting: number };

/** What opens a watch answers later, as all promises do. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await Promise.resolve();
}

/** Plays one schedule; each number of it is a step. */
async function play(schedule: readonly number[], lie: Lie = 'none'): Promise<Outcome> {
  const clock = new Clock();
  const fresh = () => new WatchSource({ fidelity: { is: 'exact' } });
  const wrong: string[] = [];
  let source = fresh();
  source.set([]);
  let value = 0;
  const agentToBackend = new Hop(() => source, clock, lie);
  const backendToClient = new Hop(() => agentToBackend.subscription.view, clock, lie);
  const clientToWebview = new Hop(() => backendToClient.subscription.view, clock, lie);
  const hops = [agentToBackend, backendToClient, clientToWebview];
  const seen = new Map<WatchFeed, { readonly epoch: string; readonly version: number }>();

  const change = (step: number) => {
    const row = () => ({ v: (value += 1) });
    const key = (at: number) => `k${(step + at * 7) % keys}`;
    const kind = step % 11;
    if (kind === 0) source.set(Array.from({ length: step % keys }, (_, at) => [key(at), row()]));
    else if (kind < 4) source.patch([], [key(0), key(1)]);
    else
      source.patch(
        [
          [key(0), row()],
          [key(3), row()],
        ],
        [key(0), key(5)],
      );
  };
  const restart = [
    () => {
      const old = source;
      source = fresh();
      source.set(old.state?.rows ?? []);
      agentToBackend.restartPublisher();
    },
    () => {
      agentToBackend.restartSubscriber();
      backendToClient.restartPublisher();
    },
    () => {
      backendToClient.restartSubscriber();
      clientToWebview.restartSubscriber();
    },
    () => {
      clientToWebview.restartSubscriber();
    },
  ];
  const steps: readonly ((hop: Hop, by: number) => void)[] = [
    ...Array.from({ length: 6 }, () => (_hop: Hop, by: number) => {
      change(by);
    }),
    ...Array.from({ length: 8 }, () => (hop: Hop) => {
      hop.deliverDown();
    }),
    ...Array.from({ length: 8 }, () => (hop: Hop) => {
      hop.deliverUp();
    }),
    (hop) => {
      hop.deliverLate();
    },
    (hop, by) => {
      hop.lose(by);
    },
    (hop, by) => {
      hop.double(by);
    },
    (hop, by) => {
      hop.setBusy(by % 2 === 0);
    },
    (_hop, by) => {
      clientToWebview.setHidden(by % 2 === 0);
    },
    (_hop, by) => {
      clock.pass(by % 150);
    },
    (_hop, by) => {
      if (by % 3 === 0) restart[by % restart.length]?.();
    },
  ];
  const noVersionWentBack = () => {
    for (const { subscription } of hops) {
      const now = subscription.view.state;
      const before = seen.get(subscription.view);
      if (now === null) continue;
      if (before?.epoch === now.epoch && now.version < before.version) wrong.push('a version went back');
      seen.set(subscription.view, now);
    }
  };

  for (const number of schedule) {
    const by = Math.floor(number / steps.length);
    const hop = hops[by % hops.length];
    if (hop !== undefined) steps[number % steps.length]?.(hop, Math.floor(by / hops.length));
    await settled();
    noVersionWentBack();
  }

  for (const hop of hops) hop.setBusy(false);
  clientToWebview.setHidden(false);
  change(5);
  for (let round = 0; round < calmRounds; round += 1) {
    for (const hop of hops) hop.deliverAll();
    await settled();
    if (round % 3 === 2) clock.pass(patienceMs * 16);
  }
  noVersionWentBack();

  const truth = JSON.stringify(sorted(source));
  for (const [at, { subscription, publisher }] of hops.entries()) {
    if (JSON.stringify(sorted(subscription.view)) !== truth) wrong.push(`hop ${at + 1} does not show the truth`);
    if (publisher.size !== 1) wrong.push(`hop ${at + 1} has ${publisher.size} subscriptions`);
    if (subscription.status !== 'live') wrong.push(`hop ${at + 1} is ${subscription.status}`);
  }
  return { wrong, mostWaiting: Math.max(...hops.map((hop) => hop.mostWaiting)) };
}

function sorted({ state }: WatchFeed): unknown {
  return state === null
    ? null
    : [state.epoch, state.version, state.total, [...state.rows].sort(([one], [other]) => (one < other ? -1 : 1))];
}

const schedule = fc.array(fc.nat(29 * 3 * 10_000), { minLength: 30, maxLength: 250, size: 'max' });

describe('watches from agent to webview', () => {
  it(
    `show the truth at every hop after each of ${schedules} schedules, with bounded buffers and versions that never go back`,
    async () => {
      await fc.assert(
        fc.asyncProperty(schedule, async (numbers) => {
          const { wrong, mostWaiting } = await play(numbers);
          expect(wrong).toEqual([]);
          expect(mostWaiting).toBeLessThanOrEqual(keys);
        }),
        { numRuns: schedules, endOnFailure: false },
      );
    },
    process.env['ARSENAL_PROVE'] === '1' ? 3_600_000 : 60_000,
  );

  it.each<Lie>(['says_taken_when_refused', 'never_asks_again', 'acknowledges_gaps', 'shows_without_snapshot'])(
    'would not, if a hop broke the rule: %s',
    async (lie) => {
      let caught = 0;
      for (const numbers of fc.sample(schedule, { numRuns: 200, seed: 7 })) {
        if ((await play(numbers, lie)).wrong.length > 0) caught += 1;
      }
      expect(caught).toBeGreaterThan(0);
    },
    30_000,
  );
});
