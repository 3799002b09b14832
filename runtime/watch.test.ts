import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arsenalError } from './errors.ts';
import type { Json, NodeRow, ProcessRow } from './model.ts';
import type { KeyedRow, Row, Timers, WatchAck, WatchFeed, WatchFrame, WatchSnapshot } from './watch.ts';
import { mostRowsPerFrame, realTimers, sameJson, WatchSender, WatchSource, WatchView } from './watch.ts';

const exact = { is: 'exact' } as const;
const row = (v: number): Row => ({ v });

/** A clock that the test moves. */
class Clock implements Timers {
  now = 0;
  readonly #due = new Set<{ at: number; act: () => void }>();
  after(delayMs: number, act: () => void) {
    const timer = { at: this.now + delayMs, act };
    this.#due.add(timer);
    return { dispose: () => void this.#due.delete(timer) };
  }
  pass(ms: number) {
    this.now += ms;
    for (const timer of [...this.#due]) {
      if (timer.at > this.now) continue;
      this.#due.delete(timer);
      timer.act();
    }
  }
  get waiting() {
    return this.#due.size;
  }
}

/** A sender whose frames pile up until the test lets them through. */
function hop(feed: WatchFeed, clock = new Clock()) {
  const sent: WatchFrame[] = [];
  const transport = { takes: true };
  const sender = new WatchSender(
    feed,
    (frame) => {
      if (transport.takes) sent.push(frame);
      return transport.takes;
    },
    { overdueMs: 100, timers: clock },
  );
  const view = new WatchView();
  /** Lets the frames through to the view and the answers back. */
  const flow = () => {
    for (let frame = sent.shift(); frame !== undefined; frame = sent.shift()) {
      const answer = view.apply(frame);
      if (answer === 'resync') sender.resync();
      else sender.acknowledge(answer);
    }
  };
  return { sender, sent, transport, view, flow, clock };
}

const rowsOf = (feed: WatchFeed) => Object.fromEntries(feed.state?.rows ?? []);

function filled(...rows: KeyedRow[]): WatchSource {
  const source = new WatchSource({ fidelity: exact, epoch: 'e' });
  source.set(rows);
  return source;
}

describe('a watch source', () => {
  it('tells all who listen of all that happens, though one of them throws, and what listeners cause', () => {
    const source = new WatchSource({ fidelity: exact });
    const heard: string[] = [];
    source.watch(() => {
      throw new Error('bug');
    });
    source.watch(({ is }) => {
      heard.push(is);
      if (is === 'replaced') source.put('b', row(2));
    });
    expect(() => source.set([['a', row(1)]])).toThrow(AggregateError);
    expect(heard).toEqual(['replaced', 'delta']);
    expect(() => source.close()).toThrow('bug');
    expect(heard).toEqual(['replaced', 'delta', 'ended']);
  });

  it('tells what differs in value, once, with the versions it leads from and to', () => {
    const source = new WatchSource({ fidelity: exact, epoch: 'e' });
    const events: unknown[] = [];
    const listening = source.watch((event) => events.push(event));
    expect(source.state).toBeNull();
    source.set([
      ['a', { v: 1, of: [1, { deep: null }] }],
      ['b', row(2)],
    ]);
    source.set([
      ['a', { of: [1, { deep: null }], v: 1 }],
      ['b', row(2)],
    ]);
    source.set([
      ['a', { v: 1, of: [1, { deep: 0 }] }],
      ['c', row(3)],
    ]);
    source.delete('a');
    source.delete('a');
    listening.dispose();
    source.delete('c');
    expect(events).toEqual([
      { is: 'replaced' },
      {
        is: 'delta',
        epoch: 'e',
        from: 1,
        to: 2,
        put: [
          ['a', { v: 1, of: [1, { deep: 0 }] }],
          ['c', row(3)],
        ],
        delete: ['b'],
        total: 2,
      },
      { is: 'delta', epoch: 'e', from: 2, to: 3, put: [], delete: ['a'], total: 1 },
    ]);
    expect(source.state).toMatchObject({ version: 4, total: 0 });
  });

  it('is filled by an empty set: no rows is an answer, and not the same as no answer yet', () => {
    const source = filled();
    expect(source.state).toMatchObject({ version: 1, total: 0 });
    expect(source.state?.rows.size).toBe(0);
  });

  it('says the total of a window, whose change alone is a change', () => {
    const source = filled();
    source.set([['a', row(1)]], 900);
    source.set([['a', row(1)]], 901);
    expect(source.state).toMatchObject({ version: 3, total: 901 });
    source.patch(
      [
        ['b', row(2)],
        ['b', row(3)],
      ],
      ['a', 'a', 'never'],
      902,
    );
    expect(rowsOf(source)).toEqual({ b: row(3) });
    source.patch([['b', row(3)]], ['b']);
    expect(source.state).toMatchObject({ version: 5, total: 1 });
  });

  it('starts over as a new epoch, unfilled until the next rows', () => {
    const source = filled(['a', row(1)]);
    source.restart();
    expect(source.state).toBeNull();
    source.set([['b', row(2)]]);
    expect(source.state).toMatchObject({ version: 1, fidelity: exact });
    expect(source.state?.epoch).not.toBe('e');
    source.restart({ epoch: 'f', fidelity: { is: 'sampled', everyMs: 5 } });
    source.set([]);
    expect(source.state).toMatchObject({ epoch: 'f', fidelity: { is: 'sampled', everyMs: 5 } });
  });

  it('tells all rows anew, in the same epoch, when it is known to be more or less true', () => {
    const source = new WatchSource({ fidelity: exact, epoch: 'e' });
    const events: string[] = [];
    source.watch(({ is }) => events.push(is));
    const sampled = { is: 'sampled', everyMs: 5, oldestMs: 40 } as const;
    source.refine(sampled);
    expect([events, source.state]).toEqual([[], null]);
    source.set([['a', row(1)]]);
    source.refine(sampled);
    expect(events).toEqual(['replaced']);
    expect(source.state).toMatchObject({ epoch: 'e', version: 1, fidelity: sampled });
    source.refine({ is: 'sampled', everyMs: 5, oldestMs: null });
    expect(events).toEqual(['replaced', 'replaced']);
    expect(source.state).toMatchObject({ version: 2, rows: new Map([['a', row(1)]]), fidelity: { oldestMs: null } });
    source.close();
    source.refine(exact);
    expect(source.state).toMatchObject({ version: 2, fidelity: { oldestMs: null } });
  });

  it('is closed once, and then does not change', () => {
    const source = filled(['a', row(1)]);
    const ends: unknown[] = [];
    source.watch((event) => ends.push(event));
    const error = arsenalError('unavailable', 'x', 'Gone.', 'Wait.');
    source.close(error);
    source.close();
    source.put('a', row(2));
    expect(ends).toEqual([{ is: 'ended', error }]);
    expect(source.ended).toEqual({ error });
    expect(rowsOf(source)).toEqual({ a: row(1) });
  });

  it('tells everyone everything in order, also what a listener causes, and nobody who has left', () => {
    const source = filled(['a', row(1)]);
    const heard: number[] = [];
    source.watch((event) => {
      if (event.is === 'delta' && event.to === 2) source.put('a', row(3));
      if (event.is === 'delta' && event.to === 3) late.dispose();
    });
    const late = source.watch((event) => heard.push(event.is === 'delta' ? event.to : 0));
    source.put('a', row(2));
    expect(heard).toEqual([2]);
  });

  it('takes the rows of the model as they are', () => {
    const source = new WatchSource({ fidelity: exact });
    const process: ProcessRow = { pid: 'a~0.1.0~1', node: 'a', display: '<0.1.0>', registeredName: null };
    const node: NodeRow = {
      node: 'a',
      creation: 1,
      status: 'up',
      since: 0,
      hidden: false,
      otpRelease: null,
      observer: 'builtin',
      reach: { via: 'direct' },
      stats: null,
      sees: null,
      links: null,
    };
    source.set([
      [process.pid, process],
      [node.node, node],
    ]);
    expect(source.state?.total).toBe(2);
  });
});

describe('JSON values', () => {
  it('are the same exactly when their canonical text is', () => {
    const sorted = (value: Json): string =>
      JSON.stringify(value, (_key, inner: unknown) =>
        typeof inner === 'object' && inner !== null && !Array.isArray(inner)
          ? Object.fromEntries(Object.entries(inner).sort(([one], [other]) => (one < other ? -1 : 1)))
          : inner,
      );
    const json = fc.jsonValue({ noUnicodeString: false, maxDepth: 3 }) as fc.Arbitrary<Json>;
    fc.assert(
      fc.property(json, json, (one, other) => {
        expect(sameJson(one, other)).toBe(sorted(one) === sorted(other));
        expect(sameJson(one, JSON.parse(JSON.stringify(one)) as Json)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
    expect(sameJson([1], { 0: 1 })).toBe(false);
    expect(sameJson({ a: 1 }, { b: 1 })).toBe(false);
    expect(sameJson(undefined, null)).toBe(false);
  });
});

describe('one hop', () => {
  it('sends a snapshot, then deltas, one at a time, merging what waits', () => {
    const source = filled(['a', row(1)], ['b', row(1)], ['c', row(1)], ['d', row(1)]);
    const { sent, flow, view, sender } = hop(source);
    expect(sent).toEqual([
      { is: 'snapshot', epoch: 'e', to: 1, rows: [...(source.state?.rows ?? [])], total: 4, fidelity: exact },
    ]);
    source.put('a', row(2));
    source.put('a', row(3));
    source.delete('b');
    source.put('b', row(4));
    source.delete('c');
    expect(sent).toHaveLength(1);
    expect(sender.waitingRows).toBe(3);
    sender.acknowledge({ epoch: 'e', to: 1 });
    expect(sent[1]).toEqual({
      is: 'delta',
      epoch: 'e',
      from: 1,
      to: 6,
      put: [
        ['a', row(3)],
        ['b', row(4)],
      ],
      delete: ['c'],
      total: 3,
    });
    flow();
    expect(rowsOf(view)).toEqual(rowsOf(source));
    expect(view.state).toMatchObject({ version: 6, total: 3, fidelity: exact });
  });

  it('sends nothing before there is anything to say', () => {
    const source = new WatchSource({ fidelity: exact });
    const { sent, sender } = hop(source);
    sender.pump();
    sender.resync();
    expect(sent).toEqual([]);
    source.set([]);
    expect(sent).toHaveLength(1);
  });

  it('does not move its base for a frame the transport refused, and sends the merged one when there is room', () => {
    const source = filled(['a', row(1)], ['b', row(1)]);
    const { sent, flow, view, sender, transport, clock } = hop(source);
    flow();
    transport.takes = false;
    source.put('a', row(2));
    source.put('b', row(2));
    expect(sent).toEqual([]);
    transport.takes = true;
    sender.pump();
    expect(sent).toMatchObject([{ is: 'delta', from: 1, to: 3 }]);
    flow();
    expect(rowsOf(view)).toEqual({ a: row(2), b: row(2) });
    // Nobody pumps: it tries again by itself.
    transport.takes = false;
    source.put('a', row(3));
    transport.takes = true;
    clock.pass(1_000);
    flow();
    expect(rowsOf(view)).toEqual({ a: row(3), b: row(2) });
  });

  it('sends a snapshot again while an acknowledgement is overdue, more and more rarely, and deltas once it is there', () => {
    const source = filled(['a', row(1)]);
    const { sent, flow, view, clock } = hop(source);
    for (let step = 0; step < 100; step += 1) clock.pass(100);
    // 100, 200, 400, 800, then every 1600.
    expect(sent.length).toBeGreaterThan(6);
    expect(sent.length).toBeLessThan(14);
    expect(sent.every((frame) => frame.is === 'snapshot')).toBe(true);
    flow();
    source.put('a', row(2));
    expect(sent).toMatchObject([{ is: 'delta' }]);
    sent.length = 0;
    clock.pass(100);
    expect(sent).toMatchObject([{ is: 'snapshot', to: 2 }]);
    flow();
    expect(view.state).toMatchObject({ version: 2 });
    expect(clock.waiting).toBe(0);
  });

  it('never waits with more rows than exist, and falls back to a snapshot', () => {
    const source = filled(...Array.from({ length: 10 }, (_, at): KeyedRow => [`k${at}`, row(at)]));
    const { sent, flow, view, sender } = hop(source);
    flow();
    source.put('k0', row(100));
    for (let at = 0; at < 9; at += 1) {
      source.delete(`k${at}`);
      expect(sender.waitingRows).toBeLessThanOrEqual(source.state?.rows.size ?? 0);
    }
    sender.acknowledge({ epoch: 'e', to: 2 });
    expect(sent).toMatchObject([{ is: 'delta' }, { is: 'snapshot' }]);
    flow();
    expect(rowsOf(view)).toEqual({ k9: row(9) });
  });

  it('brings a new epoch as a snapshot, even while a frame of the old one is under way', () => {
    const source = filled(['a', row(1)]);
    const { sent, flow, view } = hop(source);
    flow();
    source.put('a', row(2));
    source.restart({ epoch: 'f' });
    source.set([['z', row(9)]]);
    expect(sent).toHaveLength(1);
    flow();
    expect(view.state).toMatchObject({ epoch: 'f', version: 1 });
    expect(rowsOf(view)).toEqual({ z: row(9) });
  });

  it('sends nothing to what is hidden, holds nothing for it, and sends a snapshot when it is shown', () => {
    const source = filled(['a', row(1)]);
    const { sent, flow, view, sender, clock } = hop(source);
    flow();
    source.put('a', row(2));
    sent.length = 0;
    sender.hide();
    source.put('a', row(3));
    source.put('b', row(3));
    clock.pass(10_000);
    expect([sent.length, sender.waitingRows, clock.waiting]).toEqual([0, 0, 0]);
    sender.show();
    expect(sent).toMatchObject([{ is: 'snapshot', to: 4 }]);
    flow();
    expect(rowsOf(view)).toEqual(rowsOf(source));
  });

  it('ends quietly', () => {
    const source = filled(['a', row(1)]);
    const { sent, sender, clock } = hop(source);
    sender.dispose();
    source.put('a', row(2));
    clock.pass(10_000);
    expect([sent.length, clock.waiting]).toEqual([1, 0]);
  });

  it('heeds words about what is under way, and about nothing else', () => {
    const source = filled(['a', row(1)]);
    const { sent, sender, flow } = hop(source);
    sent.length = 0;
    source.put('a', row(2));
    for (const ack of [
      { epoch: 'other', to: 1 },
      { epoch: 'e', to: 0 },
      { epoch: 'e', to: 1, part: 0 },
    ] satisfies WatchAck[])
      sender.acknowledge(ack);
    expect(sent).toEqual([]);
    sender.acknowledge({ epoch: 'e', to: 1 });
    expect(sent).toMatchObject([{ is: 'delta', from: 1, to: 2 }]);
    flow();
    sender.acknowledge({ epoch: 'e', to: 1 });
    expect(sent).toEqual([]);
    // A receiver that went back to another epoch is brought here again, once.
    sender.acknowledge({ epoch: 'other', to: 7 });
    sender.acknowledge({ epoch: 'other', to: 7 });
    expect(sent).toMatchObject([{ is: 'snapshot', to: 2 }]);
  });

  it('works over a transport that answers at once', () => {
    const source = filled(['a', row(1)]);
    const view = new WatchView();
    const direct: WatchSender[] = [];
    let kinds = '';
    const answers: WatchAck[] = [];
    direct.push(
      new WatchSender(source, (frame) => {
        kinds += frame.is;
        const answer = view.apply(frame);
        if (answer !== 'resync') answers.push(answer);
        for (const ack of answers.splice(0)) direct[0]?.acknowledge(ack);
        return true;
      }),
    );
    direct[0]?.acknowledge({ epoch: 'e', to: 1 });
    for (let v = 2; v < 5; v += 1) source.put('a', row(v));
    expect(kinds).toBe('snapshotdeltadeltadelta');
    expect(rowsOf(view)).toEqual({ a: row(4) });
    direct[0]?.dispose();
  });

  it('chains: a view is a feed', () => {
    const source = filled(['a', row(1)]);
    const first = hop(source);
    const second = hop(first.view);
    expect(second.sent).toEqual([]);
    first.flow();
    second.flow();
    source.put('b', row(2));
    first.flow();
    second.flow();
    expect(second.view.state).toEqual(source.state);
    const events: unknown[] = [];
    first.view.watch((event) => events.push(event));
    first.view.end(null);
    first.view.end(arsenalError('system', 'x', 'x', 'x'));
    expect(events).toEqual([{ is: 'ended', error: null }]);
    expect(first.view.ended).toEqual({ error: null });
  });

  it('waits in real time when no clock is given', async () => {
    const source = filled(['a', row(1)]);
    let frames = 0;
    const sender = new WatchSender(source, () => (frames += 1) > 0, { overdueMs: 5 });
    await new Promise((resolve) => realTimers.after(40, () => resolve(null)));
    sender.dispose();
    realTimers.after(0, () => (frames = -1)).dispose();
    expect(frames).toBeGreaterThan(1);
  });
});

describe('a view', () => {
  const snapshot = (to: number, rows: KeyedRow[], epoch = 'e'): WatchSnapshot => ({
    is: 'snapshot',
    epoch,
    to,
    rows,
    total: rows.length,
    fidelity: exact,
  });
  const delta = (from: number, to: number, put: KeyedRow[], epoch = 'e'): WatchFrame => ({
    is: 'delta',
    epoch,
    from,
    to,
    put,
    delete: [],
    total: 1,
  });

  it('asks for a snapshot when a frame does not fit, and takes what it knows already in silence', () => {
    const view = new WatchView();
    expect(view.apply(delta(0, 1, []))).toBe('resync');
    expect(view.apply(snapshot(5, [['a', row(5)]]))).toEqual({ epoch: 'e', to: 5 });
    expect(view.apply(delta(6, 7, []))).toBe('resync');
    expect(view.apply(delta(5, 6, [], 'other'))).toBe('resync');
    expect(view.apply(snapshot(4, []))).toEqual({ epoch: 'e', to: 5 });
    expect(view.apply(delta(4, 5, [['a', row(4)]]))).toEqual({ epoch: 'e', to: 5 });
    expect(view.apply(delta(3, 6, [['a', row(6)]]))).toEqual({ epoch: 'e', to: 6 });
    expect(rowsOf(view)).toEqual({ a: row(6) });
    expect(view.apply(snapshot(1, [], 'f'))).toEqual({ epoch: 'f', to: 1 });
  });

  it('leaves the state that someone holds as it was when a snapshot comes', () => {
    const view = new WatchView();
    view.apply(snapshot(1, [['a', row(1)]]));
    const held = view.state;
    view.apply(snapshot(1, [['b', row(2)]], 'f'));
    expect([...(held?.rows ?? [])]).toEqual([['a', row(1)]]);
  });
});

describe('a snapshot of many rows', () => {
  const many = Array.from({ length: mostRowsPerFrame * 3 }, (_, at): KeyedRow => [`k${at}`, row(at)]);

  it('goes in parts and counts when the last is there, with what changed meanwhile after it', () => {
    const source = filled(...many);
    const { sent, view, sender } = hop(source);
    let frames = 0;
    for (let frame = sent.shift(); frame !== undefined; frame = sent.shift()) {
      frames += 1;
      source.put('k0', row(-frames));
      expect(frame.is === 'snapshot' ? frame.rows.length : frame.put.length).toBeLessThanOrEqual(mostRowsPerFrame);
      if (frames < 3) expect(view.state).toBeNull();
      const answer = view.apply(frame);
      if (answer !== 'resync' && frames < 6) {
        // Twice, and with another part's number: only the right word counts.
        sender.acknowledge({ ...answer, part: 9 });
        sender.acknowledge(answer);
        if (frames < 3) sender.acknowledge(answer);
      }
    }
    expect(frames).toBe(6);
    expect(view.state).toMatchObject({ total: many.length });
  });

  it('is asked for anew when a part is missing, and one that came twice does no harm', () => {
    const { sent, view } = hop(filled(...many));
    const [first] = sent;
    if (first?.is !== 'snapshot') throw new Error('no snapshot');
    const part = (index: number): WatchFrame => ({
      ...first,
      rows: many.slice(index * mostRowsPerFrame, (index + 1) * mostRowsPerFrame),
      part: { index, last: index === 2 },
    });
    expect(view.apply(part(1))).toBe('resync');
    expect(view.apply(part(0))).toEqual({ epoch: 'e', to: 1, part: 0 });
    expect(view.apply(part(2))).toBe('resync');
    expect(view.apply(part(0))).toEqual({ epoch: 'e', to: 1, part: 0 });
    expect(view.apply(part(1))).toEqual({ epoch: 'e', to: 1, part: 1 });
    expect(view.apply(part(1))).toEqual({ epoch: 'e', to: 1, part: 1 });
    expect(view.apply({ ...part(2), to: 2 })).toBe('resync');
    for (const index of [0, 1]) view.apply(part(index));
    expect(view.apply(part(2))).toEqual({ epoch: 'e', to: 1 });
    expect(view.state?.rows.size).toBe(many.length);
    expect(view.apply(part(0))).toEqual({ epoch: 'e', to: 1 });
  });

  it('stops when the receiver turns out to have it, starts over with a new epoch, and survives a refusal', () => {
    const source = filled(...many);
    const { sent, sender, transport, flow, view } = hop(source);
    sender.acknowledge({ epoch: 'e', to: 1 });
    expect(sent).toHaveLength(1);
    sender.resync();
    transport.takes = false;
    sender.acknowledge({ epoch: 'e', to: 1, part: 0 });
    transport.takes = true;
    sender.pump();
    expect(sent).toMatchObject([{}, { part: { index: 0 } }, { part: { index: 1 } }]);
    source.restart({ epoch: 'f' });
    source.set(many);
    flow();
    expect(view.state).toMatchObject({ epoch: 'f', version: 1 });
  });

  it('takes the place of a delta of more rows than a frame may have, and of one that outgrows what exists', () => {
    const source = filled(...many);
    const { sent, flow, view, sender } = hop(source);
    flow();
    source.put('k0', row(-1));
    source.set(many.map(([key]) => [key, row(-2)]));
    sender.acknowledge({ epoch: 'e', to: 2 });
    expect(sent).toMatchObject([{ is: 'delta' }, { is: 'snapshot', part: { index: 0 } }]);
    source.set([['k0', row(-3)]]);
    expect(sender.waitingRows).toBe(0);
    flow();
    expect(rowsOf(view)).toEqual({ k0: row(-3) });
  });
});
