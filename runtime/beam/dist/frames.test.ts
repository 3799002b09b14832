import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { termWriter } from '../../term/encode.ts';
import type { Term } from '../../term/term.ts';
import { atom, integer, list, termKey, text, tuple } from '../../term/term.ts';
import { termArbitrary } from '../../term/termArbitrary.ts';
import { readControl } from './control.ts';
import type { Incoming } from './frames.ts';
import { FrameSplitter, MessageReader, writeMessage } from './frames.ts';
import { inflate } from './inflate.ts';

const scope = 'test';

function framesOf(bytes: Uint8Array, cuts: readonly number[], most = 1_000_000): { frames: string[]; sound: boolean } {
  const splitter = new FrameSplitter(most);
  const frames: string[] = [];
  let sound = true;
  let at = 0;
  for (const cut of [...cuts, bytes.length]) {
    const end = Math.max(at, Math.min(cut, bytes.length));
    sound &&= splitter.push(bytes.subarray(at, end), (frame) => {
      frames.push(Buffer.from(frame).toString('latin1'));
      return true;
    });
    at = end;
  }
  return { frames, sound };
}

describe('frames', () => {
  it('are the same however the stream is cut', () => {
    const parts = fc.array(fc.string({ maxLength: 30 }), { maxLength: 10 });
    fc.assert(
      fc.property(parts, fc.array(fc.nat(400), { maxLength: 20 }), (texts, cuts) => {
        const bodies = texts.map((part) => Buffer.from(part));
        const bytes = Buffer.concat(
          bodies.flatMap((body) => {
            const length = Buffer.alloc(4);
            length.writeUInt32BE(body.length);
            return [length, body];
          }),
        );
        const { frames, sound } = framesOf(
          bytes,
          cuts.toSorted((a, b) => a - b),
        );
        expect(sound).toBe(true);
        expect(frames).toEqual(bodies.map((body) => body.toString('latin1')));
      }),
    );
  });

  it('that are too long are refused before they come', () => {
    expect(framesOf(Buffer.of(255, 255, 255, 255), []).sound).toBe(false);
    expect(framesOf(Buffer.of(0, 0, 0, 9), [], 8).sound).toBe(false);
  });

  it('are handed out until the receiver has had enough', () => {
    const splitter = new FrameSplitter(100);
    let seen = 0;
    splitter.push(Buffer.of(0, 0, 0, 0, 0, 0, 0, 0), () => ++seen < 1);
    expect(seen).toBe(1);
  });
});

function written(framing: 'header' | 'pass_through', control: Term, payload: Term | null): Uint8Array {
  const writer = termWriter(16);
  const refused = writeMessage(writer, framing, scope, control, payload);
  if (refused !== null) throw new Error(refused.message);
  return writer.written().subarray(4);
}

describe('messages', () => {
  it('are read as they were written, in both framings', () => {
    fc.assert(
      fc.property(termArbitrary({ scope }), fc.option(termArbitrary({ scope })), (control, payload) => {
        for (const framing of ['header', 'pass_through'] as const) {
          const read = new MessageReader(scope, 1000).read(written(framing, control, payload));
          expect(read).toEqual({ kind: 'message', control, payload });
        }
      }),
    );
  });

  it('that cannot be written leave nothing behind', () => {
    const writer = termWriter(16);
    writer.u8(7);
    const refused = writeMessage(writer, 'header', scope, atom('x'), { t: 'elided', was: 'list', size: 1 });
    expect(refused).toMatchObject({ code: 'elided' });
    expect([...writer.written()]).toEqual([7]);
  });

  /** ‘new’ atoms of a header in slots of segment 0, and the half bytes that say so. */
  const newAtoms = (names: readonly string[]): number[] => {
    const flags = new Array<number>(Math.floor(names.length / 2) + 1).fill(0);
    names.forEach((_, at) => {
      flags[at >> 1] = (flags[at >> 1] ?? 0) | (8 << ((at & 1) * 4));
    });
    return [names.length, ...flags, ...names.flatMap((name, at) => [at, name.length, ...Buffer.from(name)])];
  };
  const read = (reader: MessageReader, ...bytes: readonly number[]): Incoming => reader.read(Uint8Array.from(bytes));

  it('share atoms over a cache that lasts as long as the connection', () => {
    const reader = new MessageReader(scope, 1000);
    const first = read(reader, 131, 68, ...newAtoms(['one', 'two', 'three']), 104, 3, 82, 0, 82, 1, 82, 2, 82, 1);
    expect(first).toEqual({
      kind: 'message',
      control: tuple(atom('one'), atom('two'), atom('three')),
      payload: atom('two'),
    });
    // Two references to slots known from before, in another order.
    expect(read(reader, 131, 68, 2, 0, 0, 2, 0, 104, 2, 82, 0, 82, 1)).toEqual({
      kind: 'message',
      control: tuple(atom('three'), atom('one')),
      payload: null,
    });
    // Segment 7, index 255, with a length of two bytes.
    const long = read(reader, 131, 68, 1, 0xff, 255, 0, 2, 104, 105, 82, 0);
    expect(long).toEqual({ kind: 'message', control: atom('hi'), payload: null });
  });

  it('come in fragments, of several messages at once', () => {
    const reader = new MessageReader(scope, 1000);
    const fragment = (kind: 69 | 70, sequence: number, left: number): number[] => [
      131,
      kind,
      ...[0, 0, 0, 0, 0, 0, 0, sequence],
      ...[0, 0, 0, 0, 0, 0, 0, left],
    ];
    expect(read(reader, ...fragment(69, 1, 3), ...newAtoms(['a']), 104, 1, 82, 0).kind).toBe('partial');
    expect(read(reader, ...fragment(69, 2, 2), 0, 97, 7).kind).toBe('partial');
    expect(read(reader, ...fragment(70, 1, 2), 104, 2).kind).toBe('partial');
    expect(read(reader, ...fragment(70, 2, 1), 97, 8)).toEqual({
      kind: 'message',
      control: integer(7),
      payload: integer(8),
    });
    expect(read(reader, ...fragment(70, 1, 1), 82, 0, 97, 9)).toEqual({
      kind: 'message',
      control: tuple(atom('a')),
      payload: tuple(atom('a'), integer(9)),
    });
    expect(read(reader, ...fragment(69, 3, 1), 0, 97, 7)).toEqual({
      kind: 'message',
      control: integer(7),
      payload: null,
    });
  });

  it.each([
    ['another first byte', [1, 2, 3]],
    ['no second byte', [131]],
    ['an unknown header', [131, 71, 0]],
    ['a header without its count', [131, 68]],
    ['a header cut short', [131, 68, 3, 8]],
    ['a reference to a slot that was never filled', [131, 68, 1, 0, 9, 82, 0]],
    ['an atom that is no UTF-8', [131, 68, 1, 8, 0, 1, 255, 82, 0]],
    ['an atom longer than the frame', [131, 68, 1, 8, 0, 200, 65]],
    ['a control message that is no term', [131, 68, 0, 200]],
    ['a message that is no term', [131, 68, 0, 97, 1, 200]],
    ['bytes behind the message', [131, 68, 0, 97, 1, 97, 2, 0]],
    ['pass-through without a version', [112, 97, 1]],
    ['pass-through whose message has no version', [112, 131, 97, 1, 97, 1]],
    ['bytes behind a passed-through message', [112, 131, 97, 1, 131, 97, 1, 0]],
    ['a first fragment cut short', [131, 69, 0, 0]],
    ['a fragment numbered 0', [131, 69, ...new Array<number>(16).fill(0), 0, 97, 1]],
    ['a later fragment cut short', [131, 70, 0]],
    ['a later fragment without a first', [131, 70, ...new Array<number>(16).fill(1), 97, 1]],
  ])('with %s are damaged', (_name, bytes) => {
    expect(read(new MessageReader(scope, 1000), ...bytes).kind).toBe('damaged');
  });

  it('that never end are given up', () => {
    const reader = new MessageReader(scope, 50);
    const first = read(
      reader,
      131,
      69,
      ...new Array<number>(7).fill(0),
      1,
      ...new Array<number>(7).fill(0),
      9,
      0,
      ...new Array<number>(40).fill(1),
    );
    expect(first.kind).toBe('partial');
    const next = read(
      reader,
      131,
      70,
      ...new Array<number>(7).fill(0),
      1,
      ...new Array<number>(7).fill(0),
      8,
      ...new Array<number>(40).fill(1),
    );
    expect(next.kind).toBe('damaged');
  });

  it('of any bytes are read or damaged, and their control messages typed or refused, never thrown', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 60 }),
        fc.constantFrom([131, 68], [131, 69], [131, 70], [112, 131]),
        (bytes, head) => {
          const incoming = new MessageReader(scope, 1000).read(Uint8Array.from([...head, ...bytes]));
          expect(['message', 'partial', 'damaged']).toContain(incoming.kind);
        },
      ),
      { numRuns: 2000 },
    );
    const control = fc.array(termArbitrary(), { maxLength: 6 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40 }), control, fc.option(termArbitrary()), (code, rest, payload) => {
        const typed = readControl(tuple(integer(code), ...rest), payload);
        if (typed !== null) expect(typeof typed.op).toBe('string');
      }),
      { numRuns: 2000 },
    );
    expect(readControl(list([]), null)).toBeNull();
    expect(readControl(tuple(), null)).toBeNull();
    expect(readControl(tuple(integer(99)), null)).toEqual({ op: 'unknown', code: 99 });
  });
});

describe('compressed terms', () => {
  it('are inflated to the size they announce and no further', () => {
    const plain = Buffer.from('x'.repeat(10_000));
    const compressed = deflateSync(plain);
    const withMore = Buffer.concat([compressed, Buffer.from('behind')]);
    expect(inflate(withMore, plain.length)).toMatchObject({ usedBytes: compressed.length });
    expect(inflate(compressed, 100)).toBeNull();
    expect(inflate(compressed, 10_001)).toBeNull();
    expect(inflate(Buffer.from('no zlib'), 10)).toBeNull();
    const message = Buffer.concat([
      Buffer.of(112, 131, 80, 0, 0, 0x27, 0x15),
      deflateSync(Buffer.concat([Buffer.of(109, 0, 0, 0x27, 0x10), plain])),
    ]);
    const read = new MessageReader(scope, 1000).read(message);
    expect(read.kind === 'message' ? termKey(read.control) : read).toBe(termKey(text('x'.repeat(10_000))));
  });
});
