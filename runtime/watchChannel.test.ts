import { describe, expect, it } from 'vitest';
import { arsenalError } from './errors.ts';
import type { Result } from './model.ts';
import { fail, ok } from './model.ts';
import type { Row, Timers, WatchFeed } from './watch.ts';
import { WatchSource } from './watch.ts';
import type { OpenedWatch, WatchDown, WatchUp } from './watchChannel.ts';
import { WatchPublisher, WatchSubscriber } from './watchChannel.ts';

const row = (v: number): Row => ({ v });
const turns = async () => {
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
};

class Clock implements Timers {
  now = 0;
  readonly #timers = new Set<{ at: number; act: () => void }>();
  after(delayMs: number, act: () => void) {
    const timer = { at: this.now + delayMs, act };
    this.#timers.add(timer);
    return { dispose: () => void this.#timers.delete(timer) };
  }
  pass(ms: number) {
    this.now += ms;
    for (const timer of [...this.#timers]) if (timer.at <= this.now && this.#timers.delete(timer)) timer.act();
  }
  get waiting() {
    return this.#timers.size;
  }
}

/** Both ends of a transport that the test works by hand. */
function hop(options: { mostSubscriptions?: number } = {}) {
  const clock = new Clock();
  const source = new WatchSource({ fidelity: { is: 'exact' }, epoch: 'e' });
  source.set([
    ['a', row(1)],
    ['b', row(1)],
  ]);
  const down: WatchDown[] = [];
  const up: WatchUp<string>[] = [];
  const transport = { takes: true };
  const opened: string[] = [];
  const released: string[] = [];
  const refusals = new Map<string, () => Promise<Result<OpenedWatch>>>();
  const publisher = new WatchPublisher<string>({
    open: (topic, signal) => {
      opened.push(topic);
      signal.addEventListener('abort', () => released.push(`${topic} aborted`));
      const refusal = refusals.get(topic);
      return refusal?.() ?? Promise.resolve(ok({ source, release: () => void released.push(topic) }));
    },
    send: (message) => {
      if (transport.takes) down.push(message);
      return transport.takes;
    },
    sender: { timers: clock, overdueMs: 100 },
    hiddenMs: 1_000,
    ...options,
  });
  const subscriber = new WatchSubscriber<string>({
    send: (message) => up.push(message) > 0,
    timers: clock,
    unansweredMs: 100,
    quietMs: 500,
  });
  const flow = async () => {
    for (let round = 0; round < 20; round += 1) {
      for (const message of up.splice(0)) publisher.receive(message);
      await turns();
      for (const message of down.splice(0)) subscriber.receive(message);
      await turns();
    }
  };
  return { clock, source, down, up, transport, opened, released, refusals, publisher, subscriber, flow };
}

const rowsOf = (feed: WatchFeed) => Object.fromEntries(feed.state?.rows ?? []);

describe('a subscription', () => {
  it('registers before it asks: frames come under the id it chose, and live on to the end', async () => {
    const { up, source, subscriber, flow, publisher, released } = hop();
    let changes = 0;
    const { view } = subscriber.subscribe('nodes', () => (changes += 1));
    expect(up).toMatchObject([{ is: 'open', topic: 'nodes' }]);
    const own = subscriber.subscribe('nodes');
    expect(own.status).toBe('waiting');
    await flow();
    expect(own.status).toBe('live');
    expect(rowsOf(view)).toEqual(rowsOf(source));
    source.put('a', row(2));
    source.close();
    await flow();
    expect(rowsOf(view)).toEqual({ a: row(2), b: row(1) });
    expect(view.ended).toEqual({ error: null });
    expect(own.status).toBe('ended');
    expect(changes).toBe(3);
    expect(publisher.size).toBe(0);
    expect(released).toEqual(['nodes', 'nodes']);
    own.setVisible(false);
    own.dispose();
    expect(up).toEqual([]);
  });

  it('is closed by its owner, on both ends', async () => {
    const { subscriber, flow, publisher, released, clock } = hop();
    const subscription = subscriber.subscribe('nodes');
    await flow();
    subscription.dispose();
    subscription.dispose();
    await flow();
    expect([publisher.size, released, clock.waiting]).toEqual([0, ['nodes'], 0]);
    expect(subscription.view.ended).toEqual({ error: null });
    const other = subscriber.subscribe('nodes');
    subscriber.dispose();
    expect(other.status).toBe('ended');
  });

  it('says why it could not be opened, also when what opens it throws, and may be asked again anew', async () => {
    const { subscriber, flow, refusals, publisher } = hop();
    const error = arsenalError('authorization', 'x', 'No.', 'Ask.');
    refusals.set('secret', () => Promise.resolve(fail(error)));
    refusals.set('bug', () => Promise.reject(new Error('bug')));
    refusals.set('odd', () => Promise.reject(new Error('text')));
    const [secret, bug, odd] = [
      subscriber.subscribe('secret'),
      subscriber.subscribe('bug'),
      subscriber.subscribe('odd'),
    ];
    await flow();
    expect(secret.view.ended).toEqual({ error });
    expect(bug.view.ended?.error).toMatchObject({ class: 'system', code: 'watch.open_threw' });
    expect(odd.view.ended?.error?.message).toContain('text');
    expect(publisher.size).toBe(0);
  });

  it('is refused beyond the most there may be', async () => {
    const { subscriber, flow } = hop({ mostSubscriptions: 1 });
    const [first, second] = [subscriber.subscribe('nodes'), subscriber.subscribe('nodes')];
    await flow();
    expect([first.status, second.status]).toEqual(['live', 'ended']);
    expect(second.view.ended?.error).toMatchObject({ class: 'rate_limited' });
  });

  it('receives nothing while hidden, a snapshot when shown, and keeps nothing open that stays hidden', async () => {
    const { subscriber, flow, source, down, publisher, clock, opened, released } = hop();
    const subscription = subscriber.subscribe('nodes');
    await flow();
    subscription.setVisible(false);
    subscription.setVisible(false);
    await flow();
    expect(subscription.status).toBe('stale');
    source.put('a', row(2));
    expect([down.length, publisher.waitingRows]).toEqual([0, 0]);
    subscription.setVisible(true);
    await flow();
    expect(subscription.status).toBe('live');
    expect(rowsOf(subscription.view)).toEqual(rowsOf(source));
    expect(opened).toHaveLength(1);
    subscription.setVisible(false);
    await flow();
    clock.pass(1_000);
    expect([publisher.size, released]).toEqual([0, ['nodes']]);
    source.put('a', row(3));
    subscription.setVisible(true);
    await flow();
    expect([subscription.status, opened.length]).toEqual(['live', 2]);
    expect(rowsOf(subscription.view)).toEqual(rowsOf(source));
  });

  it('that begins hidden asks for nothing until it is shown', async () => {
    const { subscriber, up, opened, flow } = hop();
    const subscription = subscriber.subscribe('nodes', undefined, false);
    subscriber.transportRestarted();
    expect(up).toEqual([]);
    subscription.setVisible(true);
    await flow();
    expect([opened, subscription.status]).toEqual([['nodes'], 'live']);
  });

  it('hidden or left before the answer is there is given back', async () => {
    const { subscriber, up, publisher, refusals, source, released, flow } = hop();
    let answer: (result: Result<OpenedWatch>) => void = () => undefined;
    refusals.set('slow', () => new Promise((resolve) => (answer = resolve)));
    const [left, hidden] = [subscriber.subscribe('slow'), subscriber.subscribe('slow')];
    for (const message of up.splice(0, 1)) publisher.receive(message);
    left.dispose();
    for (const message of up.splice(1)) publisher.receive(message);
    answer(ok({ source, release: () => void released.push('late') }));
    await turns();
    expect(released).toEqual(['slow aborted', 'late']);
    for (const message of up.splice(0)) publisher.receive(message);
    hidden.setVisible(false);
    for (const message of up.splice(0)) publisher.receive(message);
    answer(ok({ source, release: () => void released.push('hidden') }));
    await flow();
    expect(hidden.status).toBe('waiting');
    hidden.setVisible(true);
    await flow();
    expect(hidden.status).toBe('live');
    publisher.dispose();
    expect(released).toContain('hidden');
  });

  it('asks again when the answer is overdue, more and more rarely', async () => {
    const { subscriber, up, clock, flow } = hop();
    const subscription = subscriber.subscribe('nodes');
    for (let step = 0; step < 100; step += 1) clock.pass(100);
    const opens = up.filter(({ is }) => is === 'open');
    expect(opens.length).toBeGreaterThan(6);
    expect(opens.length).toBeLessThan(14);
    expect(new Set(opens.map((one) => one.subscription)).size).toBe(1);
    await flow();
    expect(subscription.status).toBe('live');
  });

  it('is opened anew, under a new id, when the transport restarts, and takes nothing of its earlier life', async () => {
    const first = hop();
    const { subscriber, up, down, publisher, flow, source } = first;
    const subscription = subscriber.subscribe('nodes');
    await flow();
    const late: WatchDown[] = [];
    source.put('a', row(2));
    late.push(...down.splice(0));
    expect(late).toHaveLength(1);
    subscriber.transportLost();
    expect(subscription.status).toBe('stale');
    publisher.dispose();
    subscriber.transportRestarted();
    const [open] = up;
    expect(open).toMatchObject({ is: 'open' });
    for (const message of late) subscriber.receive(message);
    expect(rowsOf(subscription.view)).toEqual({ a: row(1), b: row(1) });
    expect(up.at(-1)).toEqual({ is: 'close', subscription: late[0]?.subscription });
    await flow();
    expect(subscription.status).toBe('live');
    expect(rowsOf(subscription.view)).toEqual(rowsOf(source));
  });

  it('notices that its publisher knows nothing of it any more, even when nothing happens', async () => {
    const { subscriber, publisher, flow, clock, opened } = hop();
    const subscription = subscriber.subscribe('nodes');
    await flow();
    publisher.dispose();
    clock.pass(499);
    await flow();
    expect([publisher.size, opened.length]).toEqual([0, 1]);
    clock.pass(1);
    await flow();
    expect([publisher.size, opened.length, subscription.status]).toEqual([1, 2, 'live']);
  });

  it('asks for a snapshot when a frame does not fit', async () => {
    const { subscriber, up, source, flow, down } = hop();
    const { view } = subscriber.subscribe('nodes');
    await flow();
    const [{ subscription } = { subscription: '' }] = (source.put('a', row(2)), down);
    down.length = 0;
    subscriber.receive({
      is: 'frame',
      subscription,
      frame: { is: 'delta', epoch: 'e', from: 7, to: 8, put: [], delete: [], total: 0 },
    });
    expect(up).toEqual([{ is: 'resync', subscription }]);
    await flow();
    expect(rowsOf(view)).toEqual(rowsOf(source));
  });
});

describe('a publisher', () => {
  it('sends what was refused when there is room, and the end only after what came before', async () => {
    const { subscriber, publisher, source, transport, flow, up, down } = hop();
    const { view } = subscriber.subscribe('nodes');
    transport.takes = false;
    await flow();
    expect(view.state).toBeNull();
    transport.takes = true;
    publisher.pump();
    await flow();
    transport.takes = false;
    source.put('a', row(2));
    source.close();
    publisher.pump();
    transport.takes = true;
    publisher.pump();
    expect(down.map(({ is }) => is)).toEqual(['frame']);
    await flow();
    expect(view.ended).toEqual({ error: null });
    expect(rowsOf(view)).toEqual(rowsOf(source));
    expect(up).toEqual([]);
  });

  it('keeps a refusal until it was taken', async () => {
    const { subscriber, publisher, transport, refusals, flow, up } = hop();
    const error = arsenalError('not_found', 'x', 'None.', 'Look.');
    refusals.set('none', () => Promise.resolve(fail(error)));
    const { view } = subscriber.subscribe('none');
    transport.takes = false;
    await flow();
    expect(publisher.size).toBe(1);
    const open = { is: 'open', subscription: 'other', topic: 'none' } as const;
    publisher.receive(open);
    await turns();
    publisher.receive(open);
    publisher.receive({ is: 'resync', subscription: 'other' });
    transport.takes = true;
    publisher.pump();
    await flow();
    expect(view.ended).toEqual({ error });
    expect([publisher.size, up.length]).toEqual([0, 0]);
  });

  it('says that it does not know a subscription, but not to one that leaves', async () => {
    const { publisher, down } = hop();
    publisher.receive({ is: 'close', subscription: 'x' });
    expect(down).toEqual([]);
    publisher.receive({ is: 'resync', subscription: 'x' });
    expect(down).toMatchObject([{ is: 'ended', subscription: 'x', error: { code: 'watch.unknown_subscription' } }]);
    await turns();
  });

  it('shows again from a snapshot what is opened twice', async () => {
    const { publisher, down, opened } = hop();
    const open = { is: 'open', subscription: 'x', topic: 'nodes' } as const;
    publisher.receive(open);
    publisher.receive(open);
    await turns();
    publisher.receive(open);
    expect(opened).toHaveLength(1);
    expect(down).toMatchObject([{ frame: { is: 'snapshot' } }, { frame: { is: 'snapshot' } }]);
    publisher.receive({ is: 'resync', subscription: 'x' });
    expect(down).toHaveLength(3);
  });
});
