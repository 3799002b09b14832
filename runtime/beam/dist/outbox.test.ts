import { EventEmitter } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { termOf } from '../../term/cursor.ts';
import type { PidTerm } from '../../term/term.ts';
import { integer, text, tuple } from '../../term/term.ts';
import { sendMessage } from './control.ts';
import { FrameSplitter, MessageReader } from './frames.ts';
import { offered } from './flags.ts';
import type { Lane, Sink } from './outbox.ts';
import { Outbox } from './outbox.ts';

const pid = (id: number): PidTerm => ({ t: 'pid', node: 'js@localhost', creation: 4, id, serial: 0 });

/** A socket that takes so many bytes at once, and the rest when it is told to. */
class SlowSink extends EventEmitter implements Sink {
  writableLength = 0;
  readonly taken: Uint8Array[] = [];
  readonly #atOnce: number;

  constructor(atOnce: number) {
    super();
    this.#atOnce = atOnce;
  }

  write(bytes: Uint8Array): boolean {
    this.taken.push(Uint8Array.from(bytes));
    this.writableLength += bytes.length;
    return this.writableLength < this.#atOnce;
  }

  drain(): void {
    this.writableLength = 0;
    this.emit('drain');
  }

  get takenBytes(): number {
    return this.taken.reduce((sum, bytes) => sum + bytes.length, 0);
  }
}

/** The messages in what was taken, in their order: number and size of each. */
function received(sink: SlowSink): (readonly [number, number])[] {
  const splitter = new FrameSplitter(10_000_000);
  const reader = new MessageReader('test', 100_000_000);
  const messages: (readonly [number, number])[] = [];
  for (const bytes of sink.taken) {
    splitter.push(bytes, (frame) => {
      if (frame.length === 0) return true;
      const incoming = reader.read(frame);
      if (incoming.kind === 'damaged') throw new Error(incoming.message);
      if (incoming.kind === 'message' && incoming.control.op === 'send') {
        const message = termOf(incoming.control.message);
        if (!message.ok || message.value.t !== 'tuple') throw new Error('No message.');
        const [number, body] = message.value.e;
        messages.push([number?.t === 'int' ? number.v : -1, body?.t === 'text' ? body.v.length : -1]);
      }
      return true;
    });
  }
  return messages;
}

function outboxOn(
  sink: SlowSink,
  fragments: 'agreed' | 'not_agreed' = 'agreed',
): {
  readonly outbox: Outbox;
  readonly put: (number: number, size: number, lane?: Lane) => void;
} {
  const outbox = new Outbox(sink, { framing: 'header', fragments, scope: 'test' }, () => undefined);
  const put = (number: number, size: number, lane: Lane = 'ordinary'): void => {
    const message = tuple(integer(number), text('x'.repeat(size)));
    expect(outbox.add(sendMessage(offered, pid(1), pid(2), message), lane)).toBeNull();
  };
  return { outbox, put };
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

async function drainAll(sink: SlowSink, outbox: Outbox): Promise<void> {
  for (let turns = 0; outbox.queuedBytes > 0 && turns < 10_000; turns++) {
    sink.drain();
    await turn();
  }
  expect(outbox.queuedBytes).toBe(0);
}

describe('what leaves', () => {
  it('in one turn leaves together', async () => {
    const sink = new SlowSink(100_000);
    const { outbox, put } = outboxOn(sink);
    put(1, 10);
    put(2, 10);
    expect(sink.taken).toHaveLength(0);
    await turn();
    expect(sink.taken).toHaveLength(1);
    expect(received(sink)).toEqual([
      [1, 10],
      [2, 10],
    ]);
    await drainAll(sink, outbox);
  });

  it('and is large lets calls and duties by, but not what must come after it', async () => {
    const sink = new SlowSink(65_000);
    const { outbox, put } = outboxOn(sink);
    put(1, 1_000_000);
    await turn();
    put(2, 10);
    put(3, 10, 'apart');
    put(4, 500_000, 'apart');
    put(5, 10, 'duty');
    put(6, 300_000);
    put(7, 10);
    await drainAll(sink, outbox);
    const order = received(sink).map(([number]) => number);
    expect([...order].sort()).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(order.slice(0, 2)).toEqual([3, 5]);
    expect(order.filter((number) => [1, 2, 6, 7].includes(number))).toEqual([1, 2, 6, 7]);
    // The two large ones took turns: the shorter was whole first, though it began later.
    expect(order.indexOf(4)).toBeLessThan(order.indexOf(6));
  });

  it('arrives whole, each once, ordinary ones in their order, whatever the sizes', async () => {
    const size = fc.oneof(fc.nat(100), fc.integer({ min: 65_400, max: 65_700 }), fc.nat(400_000));
    const lane = fc.constantFrom<Lane>('ordinary', 'apart', 'duty');
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(size, lane, fc.boolean()), { maxLength: 12 }), async (messages) => {
        const sink = new SlowSink(100_000);
        const { outbox, put } = outboxOn(sink);
        for (const [number, [bytes, way, pause]] of messages.entries()) {
          put(number, bytes, way);
          if (pause) await turn();
        }
        await drainAll(sink, outbox);
        const all = received(sink);
        expect([...all].sort(([one], [other]) => one - other)).toEqual(messages.map(([bytes], at) => [at, bytes]));
        const ordinary = all.map(([number]) => number).filter((number) => messages[number]?.[1] === 'ordinary');
        expect(ordinary).toEqual([...ordinary].sort((one, other) => one - other));
      }),
      { numRuns: 60 },
    );
  });

  it('is whole where the peer takes no fragments', async () => {
    const sink = new SlowSink(100_000);
    const { outbox, put } = outboxOn(sink, 'not_agreed');
    put(1, 200_000);
    put(2, 10);
    await drainAll(sink, outbox);
    expect(received(sink)).toEqual([
      [1, 200_000],
      [2, 10],
    ]);
  });

  it('tells who waits when enough has left, and counts what is not sent yet', async () => {
    const sink = new SlowSink(65_000);
    const { outbox, put } = outboxOn(sink);
    put(1, 1_000_000);
    expect(outbox.queuedBytes).toBeGreaterThan(1_000_000);
    let isDrained = false;
    void outbox.drained(300_000).promise.then(() => {
      isDrained = true;
    });
    await turn();
    expect([isDrained, outbox.isBlocked]).toEqual([false, true]);
    for (let turns = 0; outbox.queuedBytes > 300_000 && turns < 100; turns++) {
      expect(isDrained).toBe(false);
      sink.drain();
      await turn();
    }
    expect(isDrained).toBe(true);
    expect(outbox.queuedBytes).toBeGreaterThan(0);
    // One that is forgotten, and one that the end of the link sets free.
    outbox.drained(10).forget();
    const freed = outbox.drained(10).promise;
    outbox.close();
    await freed;
    const before = sink.takenBytes;
    sink.drain();
    await turn();
    expect(sink.takenBytes).toBe(before);
    await outbox.drained(0).promise;
  });

  it('before a wilful end leaves all of it', async () => {
    const sink = new SlowSink(65_000);
    const { outbox, put } = outboxOn(sink);
    put(1, 1_000_000);
    await turn();
    put(2, 500_000);
    put(3, 10);
    outbox.flushAll();
    outbox.close();
    expect(received(sink).map(([number]) => number)).toEqual([1, 2, 3]);
  });

  it('is told when it cannot be encoded, and then nothing of it leaves', async () => {
    const sink = new SlowSink(65_000);
    const { outbox, put } = outboxOn(sink);
    const refused = outbox.add(sendMessage(offered, pid(1), pid(2), { t: 'elided', was: 'list', size: 1 }), 'ordinary');
    expect(refused).toMatchObject({ code: 'elided' });
    put(1, 10);
    await drainAll(sink, outbox);
    expect(received(sink)).toEqual([[1, 10]]);
  });
});
