/**
 * Random schedules over agent → backend → client → webview, with the real ends of every hop: WatchSource, WatchPublisher,
 * WatchSubscriber. Messages are delayed, lost, doubled, overtaken and refused; agents, backends, windows and webviews restart, and
 * messages of an earlier life arrive in a later one; webviews are hidden, and lose in silence what is sent to them then.
 *
 * After every message every view shows what its source held at the version the view claims, and while it stays with a source it does
 * not go back (a doubled snapshot of an earlier source may overtake, and is put right); when the world calms down, the latest. And
 * where nothing is lost, nothing is asked for twice: no gap, no overdue answer.
 *
 * Each of these changes of watch.ts or watchChannel.ts was tried by hand and is caught: a base that moves although the transport
 * refused the frame; a refused delta dropped; a delta that forgets a deletion, sent or applied; an
 * acknowledgement taken whatever its epoch or number; an old snapshot accepted; parts of two snapshots mixed, or a missing one
 * overlooked; what waits unbounded; a resync that waits for what is in flight; no second question when an answer is overdue; an
 * earlier life's subscription id kept; a subscription nobody knows not said to be so; no word after long silence; frames for nobody
 * not closed; a hidden view kept open for ever. (A gap, a delta of another epoch, a doubled part hardly arise while the rest holds:
 * watch.test.ts makes them.) The last tests here keep the coarsest as liars.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ok } from '../../runtime/model.ts';
import type { KeyedRow, Timers, WatchFeed } from '../../runtime/watch.ts';
import { WatchSource } from '../../runtime/watch.ts';
import type { WatchDown, WatchSubscription, WatchUp } from '../../runtime/watchChannel.ts';
import { WatchPublisher, WatchSubscriber } from '../../runtime/watchChannel.ts';

const proves = process.env['ARSENAL_PROVE'] === '1';
const schedules = proves ? 100_000 : 2_500;
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
  /** Looks at what the views show, after every message. */
  look: () => void = () => undefined;
  /** Rows that waited beyond those that existed, at worst. */
  excess = 0;
  resyncs = 0;
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
        if (up.is === 'resync') this.resyncs += 1;
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
    this.look();
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
    this.look();
    if (up !== undefined) this.publisher.receive(up);
  }
  lose(which: number) {
    (which % 2 === 0 ? this.down : this.up).shift();
  }
  /** A second copy comes, after all that is under way now. */
  double(which: number) {
    const [down] = this.down;
    const [up] = this.up;
    if (which % 2 === 0 && down !== undefined) this.down.push(down);
    else if (up !== undefined) this.up.push(up);
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
    const exist = (this.#feed().state?.rows.size ?? 0) * this.publisher.size;
    this.excess = Math.max(this.excess, this.publisher.waitingRows - exist);
  }
}

/** What opens a watch answers later, as all promises do. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await Promise.resolve();
}

const stepNames = [
  ...['change', 'change', 'change', 'change', 'change', 'change'],
  ...['down', 'down', 'down', 'down', 'down', 'down', 'down', 'down'],
  ...['up', 'up', 'up', 'up', 'up', 'up', 'up', 'up'],
  ...['late', 'lose', 'double', 'double', 'busy', 'hide', 'time', 'restart'],
] as const;
type StepName = (typeof stepNames)[number];

type World = {
  readonly lie: Lie;
  /** Steps that do not happen. */
  readonly without: readonly StepName[];
};
const rough: World = { lie: 'none', without: [] };
/** Slow, and sometimes full, but nothing is lost. */
const faithful: World = { lie: 'none', without: ['lose', 'double', 'time'] };

/** Plays one schedule, of which each number is a step, and says what went wrong. */
async function play(schedule: readonly number[], { lie, without }: World): Promise<readonly string[]> {
  const clock = new Clock();
  const wrong = new Set<string>();
  const history = new Map<string, string>();
  const remember = (source: WatchSource) => {
    const { state } = source;
    if (state !== null) history.set(`${state.epoch} ${state.version}`, contents(source));
  };
  const begin = (rows: Iterable<KeyedRow>) => {
    const made = new WatchSource({ fidelity: { is: 'exact' } });
    made.set(rows);
    remember(made);
    return made;
  };
  let source = begin([]);
  let value = 0;
  const agentToBackend = new Hop(() => source, clock, lie);
  const backendToClient = new Hop(() => agentToBackend.subscription.view, clock, lie);
  const clientToWebview = new Hop(() => backendToClient.subscription.view, clock, lie);
  const hops = [agentToBackend, backendToClient, clientToWebview];
  const seen = new Map<WatchFeed, { readonly epoch: string; readonly version: number }>();

  const change = (by: number) => {
    const row = () => ({ v: (value += 1) });
    const key = (at: number) => `k${(by + at * 7) % keys}`;
    const kind = by % 11;
    if (kind === 0) source.set(Array.from({ length: by % keys }, (_, at) => [key(at), row()]));
    else if (kind < 4) source.patch([], [key(0), key(1)]);
    else
      source.patch(
        [
          [key(0), row()],
          [key(3), row()],
        ],
        [key(0), key(5)],
      );
    remember(source);
  };
  const restarts = [
    () => {
      source = begin(source.state?.rows ?? []);
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
  const steps: { readonly [name in StepName]: (hop: Hop, by: number) => void } = {
    change: (_hop, by) => {
      change(by);
    },
    down: (hop) => {
      hop.deliverDown();
    },
    up: (hop) => {
      hop.deliverUp();
    },
    late: (hop) => {
      hop.deliverLate();
    },
    lose: (hop, by) => {
      hop.lose(by);
    },
    double: (hop, by) => {
      hop.double(by);
    },
    busy: (hop, by) => {
      hop.setBusy(by % 2 === 0);
    },
    hide: (_hop, by) => {
      clientToWebview.setHidden(by % 2 === 0);
    },
    time: (_hop, by) => {
      clock.pass(by % 150);
    },
    restart: (_hop, by) => {
      if (by % 2 === 0) restarts[(by / 2) % restarts.length]?.();
    },
  };
  const look = () => {
    for (const { subscription } of hops) {
      const { view } = subscription;
      const before = seen.get(view);
      const now = view.state;
      if (now === null || (before?.epoch === now.epoch && before.version === now.version)) continue;
      if (before?.epoch === now.epoch && now.version < before.version) wrong.add('a version went back');
      if (history.get(`${now.epoch} ${now.version}`) !== contents(view)) wrong.add('a view shows what never was');
      seen.set(view, now);
    }
  };

  for (const hop of hops) hop.look = look;
  for (const number of schedule) {
    const name = stepNames[number % stepNames.length] ?? 'change';
    const by = Math.floor(number / stepNames.length);
    const hop = hops[by % hops.length];
    if (hop !== undefined && !without.includes(name)) steps[name](hop, Math.floor(by / hops.length));
    await settled();
    look();
  }

  for (const hop of hops) hop.setBusy(false);
  clientToWebview.setHidden(false);
  change(5);
  for (let round = 0; round < calmRounds; round += 1) {
    for (const hop of hops) hop.deliverAll();
    await settled();
    look();
    if (round % 3 === 2 && !without.includes('time')) clock.pass(patienceMs * 16);
  }

  for (const [at, { subscription, publisher, excess, resyncs }] of hops.entries()) {
    const hop = `hop ${at + 1}`;
    if (subscription.view.state?.epoch !== source.state?.epoch) wrong.add(`${hop} shows another source`);
    else if (contents(subscription.view) !== contents(source)) wrong.add(`${hop} does not show the truth`);
    if (subscription.status !== 'live') wrong.add(`${hop} is ${subscription.status}`);
    if (publisher.size !== 1 && !without.includes('time')) wrong.add(`${hop} has ${publisher.size} subscriptions`);
    if (excess > 0) wrong.add(`${hop} held ${excess} rows more than existed`);
    if (resyncs > 0 && without.includes('lose')) wrong.add(`${hop} had a gap though nothing was lost`);
  }
  return [...wrong];
}

function contents({ state }: WatchFeed): string {
  const rows = [...(state?.rows ?? [])].sort(([one], [other]) => (one < other ? -1 : 1));
  return JSON.stringify([state?.total, rows]);
}

const schedule = fc.array(fc.nat(stepNames.length * 3 * 10_000), { minLength: 30, maxLength: 250, size: 'max' });

describe('watches from agent to webview', () => {
  // @row IV-15
  it.each([
    [schedules, 'lost, doubled, late and refused', rough],
    [schedules / 5, 'only slow, refused or cut by a restart', faithful],
  ])(
    'show what was, in order, and in the end what is, after each of %d schedules of messages that are %s',
    async (numRuns, _how, world) => {
      const property = fc.asyncProperty(schedule, async (numbers) => {
        expect(await play(numbers, world)).toEqual([]);
      });
      await fc.assert(property, { numRuns });
    },
    proves ? 3_600_000 : 120_000,
  );

  it.each<Lie>(['says_taken_when_refused', 'never_asks_again', 'acknowledges_gaps', 'shows_without_snapshot'])(
    'would not, if a hop broke the rule: %s',
    async (lie) => {
      let caught = 0;
      for (const numbers of fc.sample(schedule, { numRuns: 200, seed: 7 })) {
        if ((await play(numbers, { lie, without: [] })).length > 0) caught += 1;
      }
      expect(caught).toBeGreaterThan(0);
    },
    60_000,
  );
});
