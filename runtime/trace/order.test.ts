import { describe, expect, it } from 'vitest';
import type { NodeTime, ProcessRef } from '../model.ts';
import { atom } from '../term/term.ts';
import type { NodeEvent } from './order.ts';
import { TraceOrder } from './order.ts';

const process: ProcessRef = { node: 'a@h', creation: 1, id: 9, serial: 0 };

function time(node: string, atMs: number, errorUs = 100): NodeTime {
  return { node, creation: 1, monotonicUs: atMs * 1000, estimatedAt: atMs, errorUs };
}

function call(node: string, atMs: number, name = 'f', errorUs = 100): NodeEvent {
  const what = { is: 'call', module: 'm', function: name, args: 0, caller: null } as const;
  return { at: time(node, atMs, errorUs), process, what, pairKey: null };
}

function send(node: string, atMs: number, key: string, errorUs = 100): NodeEvent {
  const what = { is: 'send', to: process, message: atom(key) } as const;
  return { at: time(node, atMs, errorUs), process, what, pairKey: key };
}

function receive(node: string, atMs: number, key: string, errorUs = 100): NodeEvent {
  const what = { is: 'receive', message: atom(key), sentBy: null } as const;
  return { at: time(node, atMs, errorUs), process, what, pairKey: key };
}

const shown = (order: TraceOrder, now: number) =>
  order.take(now).map(({ seq, at, what }) => {
    const text = `${String(seq)} ${at.node} ${String(at.estimatedAt)} ${what.is}`;
    return what.is === 'receive' ? `${text} of ${String(what.sentBy)}` : text;
  });

describe('the order of events over nodes', () => {
  it('waits for what the other node may still bring, and no longer', () => {
    const order = new TraceOrder(['a', 'b'], 0);
    order.add('a', [call('a', 10), call('a', 30)], time('a', 50), 50);
    expect(shown(order, 50)).toEqual([]);
    order.add('b', [call('b', 20)], time('b', 27), 51);
    expect(shown(order, 51)).toEqual(['1 a 10 call', '2 b 20 call']);
    order.add('b', [], time('b', 90), 60);
    expect(shown(order, 60)).toEqual(['3 a 30 call']);
    expect(order.watermark).toBeCloseTo(44.8);
  });

  it('sorts what reached the tracer out of order on one node', () => {
    const order = new TraceOrder(['a'], 0);
    order.add('a', [call('a', 12), call('a', 10), call('a', 11)], time('a', 50), 50);
    expect(shown(order, 50)).toEqual(['1 a 10 call', '2 a 11 call', '3 a 12 call']);
  });

  it('leaves a silent node behind after its patience, and takes in what it brings late', () => {
    const order = new TraceOrder(['a', 'b'], 0, 1_000);
    order.add('b', [], time('b', 10), 10);
    order.add('a', [call('a', 100)], time('a', 900), 900);
    expect(shown(order, 900)).toEqual([]);
    expect(order.late(900)).toEqual([]);
    order.add('a', [], time('a', 1_100), 1_100);
    expect(order.late(1_100)).toEqual(['b']);
    expect(shown(order, 1_100)).toEqual(['1 a 100 call']);
    order.add('b', [call('b', 50)], time('b', 1_200), 1_200);
    order.add('a', [], time('a', 1_200), 1_200);
    expect(shown(order, 1_200)).toEqual(['2 b 50 call']);
  });

  it('puts a send before its receive where the estimates contradict it', () => {
    const order = new TraceOrder(['a', 'b'], 0);
    // The clock of b is estimated 1.5 ms too early: within its error.
    order.add('b', [receive('b', 9, 'x', 2_000), call('b', 9.5, 'f', 2_000)], time('b', 40, 2_000), 40);
    order.add('a', [call('a', 8), send('a', 10, 'x')], time('a', 40), 40);
    expect(shown(order, 40)).toEqual(['1 a 8 call', '2 a 10 send', '3 b 9 receive of 2', '4 b 9.5 call']);
  });

  it('does not wait for an equal message that was sent later than the errors allow', () => {
    const order = new TraceOrder(['a', 'b'], 0);
    order.add('b', [receive('b', 9, 'tick')], time('b', 60), 60);
    order.add('a', [send('a', 30, 'tick')], time('a', 60), 60);
    expect(shown(order, 60)).toEqual(['1 b 9 receive of null', '2 a 30 send']);
  });

  it('pairs equal messages in the order they were sent', () => {
    const order = new TraceOrder(['a', 'b'], 0);
    order.add('a', [send('a', 1, 'x'), send('a', 2, 'x'), send('a', 3, 'y')], time('a', 90), 90);
    order.add(
      'b',
      [receive('b', 4, 'x'), receive('b', 5, 'y'), receive('b', 6, 'x'), receive('b', 7, 'x')],
      time('b', 90),
      90,
    );
    expect(shown(order, 90).slice(3)).toEqual([
      '4 b 4 receive of 1',
      '5 b 5 receive of 3',
      '6 b 6 receive of 2',
      '7 b 7 receive of null',
    ]);
  });

  it('gives out all when nothing more comes, also where each waits for the other', () => {
    const order = new TraceOrder(['a', 'b'], 0);
    order.add('a', [receive('a', 10, 'x', 9_000), send('a', 11, 'y', 9_000)], time('a', 12, 9_000), 12);
    order.add('b', [receive('b', 10, 'y', 9_000), send('b', 11, 'x', 9_000)], time('b', 12, 9_000), 12);
    expect(shown(order, 13)).toEqual([]);
    order.end('a');
    order.end('b');
    expect(shown(order, 14)).toHaveLength(4);
    expect(order.isDone).toBe(true);
  });

  it('keeps every node in its own order, whatever the estimates', () => {
    let seed = 11;
    const random = (below: number): number => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    for (let run = 0; run < 50; run += 1) {
      const nodes = ['a', 'b', 'c'];
      const order = new TraceOrder(nodes, 0);
      const clocks = new Map(nodes.map((node) => [node, 0]));
      const placed = [];
      let made = 0;
      for (let now = 10; now < 400; now += 10) {
        const node = nodes[random(3)] ?? 'a';
        const from = clocks.get(node) ?? 0;
        const key = `k${String(random(4))}`;
        const at = from + random(Math.max(1, now - from));
        order.add(
          node,
          [random(2) === 0 ? send(node, at, key, 3_000) : receive(node, at, key, 3_000)],
          time(node, now, 3_000),
          now,
        );
        clocks.set(node, now);
        made += 1;
        placed.push(...order.take(now));
      }
      for (const node of nodes) order.end(node);
      placed.push(...order.take(500));
      expect(placed).toHaveLength(made);
      expect(placed.map(({ seq }) => seq)).toEqual(placed.map((_, at) => at + 1));
      for (const node of nodes) {
        const times = placed.filter(({ at }) => at.node === node).map(({ at }) => at.monotonicUs);
        expect(times).toEqual([...times].sort((left, right) => left - right));
      }
      for (const { seq, what } of placed) {
        if (what.is === 'receive' && what.sentBy !== null) expect(what.sentBy).toBeLessThan(seq);
      }
    }
  });
});
