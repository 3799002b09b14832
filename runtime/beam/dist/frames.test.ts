import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RawTerm } from '../../term/cursor.ts';
import { readRaw, termOf } from '../../term/cursor.ts';
import { termWriter } from '../../term/encode.ts';
import type { Term } from '../../term/term.ts';
import { atom, integer, list, tuple } from '../../term/term.ts';
import { termArbitrary } from '../../term/termArbitrary.ts';
import type { Control } from './control.ts';
import { readControl } from './control.ts';
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
  const refused = writeMessage(writer, framing, scope, { form: 'terms', control, payload });
  if (typeof refused !== 'number') throw new Error(refused.message);
  return writer.written().subarray(4);
}

const to: Term = { t: 'pid', node: 'js@localhost', creation: 4, id: 7, serial: 0 };
/** SEND to a pid of ours: any message may follow. */
const sending = tuple(integer(2), atom(''), to);
/** The bytes of its head and its first two elements, and those of the pid with the node's atom before it. */
const sendHead = [104, 3, 97, 2, 119, 0];
const pidOf = (node: readonly number[]): number[] => [88, ...node, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 4];
const send = [...sendHead, ...pidOf([119, 12, ...Buffer.from('js@localhost')])];

/** What is read of a frame, with the message decoded. */
function readFrame(reader: MessageReader, bytes: Uint8Array): unknown {
  const incoming = reader.read(bytes);
  if (incoming.kind !== 'message') return incoming.kind;
  const { control } = incoming;
  return 'message' in control ? { ...control, message: carried(control.message) } : control;
}

function carried(raw: RawTerm): Term | string {
  const term = termOf(raw);
  return term.ok ? term.value : 'damaged';
}

function sent(message: Term | string): unknown {
  return { op: 'send', from: null, to, message };
}

describe('messages', () => {
  it('are read as they were written, in both framings', () => {
    fc.assert(
      fc.property(termArbitrary({ scope }), (message) => {
        for (const framing of ['header', 'pass_through'] as const) {
          const read = readFrame(new MessageReader(scope, 1000), written(framing, sending, message));
          expect(read).toEqual(sent(message));
        }
      }),
    );
  });

  it('that cannot be written leave nothing behind', () => {
    const writer = termWriter(16);
    writer.u8(7);
    const refused = writeMessage(writer, 'header', scope, {
      form: 'terms',
      control: atom('x'),
      payload: { t: 'elided', was: 'list', size: 1 },
    });
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
  const read = (reader: MessageReader, ...bytes: readonly number[]): unknown =>
    readFrame(reader, Uint8Array.from(bytes));

  it('share atoms over a cache that lasts as long as the connection', () => {
    const reader = new MessageReader(scope, 1000);
    const sendToRef = (ref: number): number[] => [...sendHead, ...pidOf([82, ref])];
    const first = read(
      reader,
      131,
      68,
      ...newAtoms(['js@localhost', 'two', 'three']),
      ...sendToRef(0),
      104,
      2,
      82,
      1,
      82,
      2,
    );
    expect(first).toEqual(sent(tuple(atom('two'), atom('three'))));
    // Two references to slots known from before, in another order.
    expect(read(reader, 131, 68, 2, 0, 0, 2, 0, ...sendToRef(1), 82, 0)).toEqual(sent(atom('three')));
    // Segment 7, index 255, with a length of two bytes.
    expect(read(reader, 131, 68, 1, 0xff, 255, 0, 2, 104, 105, ...send, 82, 0)).toEqual(sent(atom('hi')));
  });

  it('come in fragments, of several messages at once', () => {
    const reader = new MessageReader(scope, 1000);
    const fragment = (kind: 69 | 70, sequence: number, left: number): number[] => [
      131,
      kind,
      ...[0, 0, 0, 0, 0, 0, 0, sequence],
      ...[0, 0, 0, 0, 0, 0, 0, left],
    ];
    expect(read(reader, ...fragment(69, 1, 3), ...newAtoms(['a']), ...send)).toBe('partial');
    expect(read(reader, ...fragment(69, 2, 2), 0, ...send.slice(0, 9))).toBe('partial');
    expect(read(reader, ...fragment(70, 1, 2), 104, 2)).toBe('partial');
    expect(read(reader, ...fragment(70, 2, 1), ...send.slice(9), 97, 8)).toEqual(sent(integer(8)));
    expect(read(reader, ...fragment(70, 1, 1), 82, 0, 97, 9)).toEqual(sent(tuple(atom('a'), integer(9))));
    expect(read(reader, ...fragment(69, 3, 1), 0, ...send, 97, 7)).toEqual(sent(integer(7)));
  });

  it.each([
    ['another first byte', [1, 2, 3]],
    ['no second byte', [131]],
    ['an unknown header', [131, 71, 0]],
    ['a header without its count', [131, 68]],
    ['a header cut short', [131, 68, 3, 8]],
    ['a reference to a slot that was never filled', [131, 68, 1, 0, 9, ...send, 82, 0]],
    ['an atom that is no UTF-8', [131, 68, 1, 8, 0, 1, 255, ...send, 82, 0]],
    ['an atom longer than the frame', [131, 68, 1, 8, 0, 200, 65]],
    ['a control message that is no term', [131, 68, 0, 200]],
    ['a control message that is no tuple', [131, 68, 0, 97, 1]],
    ['a control message without a code', [131, 68, 0, 104, 0]],
    ['a control message that is too short', [131, 68, 0, 104, 2, 97, 1, ...pidOf([119, 0])]],
    ['an atom where a pid should stand', [131, 68, 0, 104, 3, 97, 1, 119, 0, 119, 0]],
    ['pass-through without a version', [112, 97, 1]],
    ['pass-through whose message has no version', [112, 131, ...send, 97, 1]],
    ['a first fragment cut short', [131, 69, 0, 0]],
    ['a fragment numbered 0', [131, 69, ...new Array<number>(16).fill(0), 0, ...send, 97, 1]],
    ['a later fragment cut short', [131, 70, 0]],
    ['a later fragment without a first', [131, 70, ...new Array<number>(16).fill(1), 97, 1]],
  ])('with %s are damaged', (_name, bytes) => {
    expect(read(new MessageReader(scope, 1000), ...bytes)).toBe('damaged');
  });

  it.each([
    ['nothing', [131, 68, 0, ...send]],
    ['no term', [131, 68, 0, ...send, 200]],
    ['a term and more', [131, 68, 0, ...send, 97, 2, 0]],
    ['a term and more, passed through', [112, 131, ...send, 131, 97, 2, 0]],
  ])('that carry %s are found damaged by whom they are for', (_name, bytes) => {
    expect(read(new MessageReader(scope, 1000), ...bytes)).toEqual(sent('damaged'));
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
    expect(first).toBe('partial');
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
    expect(next).toBe('damaged');
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
        const typed = controlOf(tuple(integer(code), ...rest), payload);
        if (typed !== null) expect(typeof typed.op).toBe('string');
      }),
      { numRuns: 2000 },
    );
    expect(controlOf(tuple(integer(99)), null)).toEqual({ op: 'unknown', code: 99 });
  });
});

function controlOf(control: Term, payload: Term | null): Control | null {
  const bytes = written('header', control, payload).subarray(3);
  const read = readRaw({ bytes, at: 0, refs: [], scope }, (cursor) => readControl(cursor, 'header'));
  return read.ok ? read.value : null;
}

describe('control messages', () => {
  const us = { t: 'pid', node: 'js@localhost', creation: 4, id: 7, serial: 0 } as const;
  const them = { t: 'pid', node: 'n@h', creation: 1, id: 90, serial: 2 } as const;
  const ref = { t: 'ref', node: 'n@h', creation: 1, ids: [1, 2, 3] } as const;
  const token = atom('token');
  const nobody = atom('');
  const reason = tuple(atom('why'), list([atom('x')]));
  const entry = tuple(atom('m'), atom('f'), integer(0));

  it.each<readonly [string, readonly Term[], Term | null, unknown]>([
    ['LINK', [integer(1), them, us], null, { op: 'link', from: them, to: us }],
    ['SEND', [integer(2), nobody, us], reason, { op: 'send', from: null, to: us, message: reason }],
    ['EXIT', [integer(3), them, us, reason], null, { op: 'exit', cause: 'link', from: them, to: us, reason }],
    ['UNLINK', [integer(4), them, us], null, { op: 'unlink', id: integer(0), from: them, to: us }],
    ['REG_SEND', [integer(6), them, nobody, atom('x')], reason, { op: 'send', from: them, to: 'x', message: reason }],
    ['GROUP_LEADER', [integer(7), them, us], null, { op: 'group_leader' }],
    ['EXIT2', [integer(8), them, us, reason], null, { op: 'exit', cause: 'exit2', from: them, to: us, reason }],
    ['SEND_TT', [integer(12), nobody, us, token], reason, { op: 'send', from: null, to: us, message: reason }],
    [
      'EXIT_TT',
      [integer(13), them, us, token, reason],
      null,
      { op: 'exit', cause: 'link', from: them, to: us, reason },
    ],
    [
      'REG_SEND_TT',
      [integer(16), them, nobody, atom('x'), token],
      reason,
      { op: 'send', from: them, to: 'x', message: reason },
    ],
    [
      'EXIT2_TT',
      [integer(18), them, us, token, reason],
      null,
      { op: 'exit', cause: 'exit2', from: them, to: us, reason },
    ],
    ['MONITOR_P', [integer(19), them, us, ref], null, { op: 'monitor', from: them, target: us, ref }],
    ['MONITOR_P by name', [integer(19), them, atom('x'), ref], null, { op: 'monitor', from: them, target: 'x', ref }],
    ['DEMONITOR_P', [integer(20), them, us, ref], null, { op: 'demonitor', from: them, target: us, ref }],
    ['MONITOR_P_EXIT', [integer(21), them, us, ref, reason], null, { op: 'down', ref, reason }],
    ['SEND_SENDER', [integer(22), them, us], reason, { op: 'send', from: them, to: us, message: reason }],
    ['SEND_SENDER_TT', [integer(23), them, us, token], reason, { op: 'send', from: them, to: us, message: reason }],
    ['PAYLOAD_EXIT', [integer(24), them, us], reason, { op: 'exit', cause: 'link', from: them, to: us, reason }],
    [
      'PAYLOAD_EXIT_TT',
      [integer(25), them, us, token],
      reason,
      { op: 'exit', cause: 'link', from: them, to: us, reason },
    ],
    ['PAYLOAD_EXIT2', [integer(26), them, us], reason, { op: 'exit', cause: 'exit2', from: them, to: us, reason }],
    [
      'PAYLOAD_EXIT2_TT',
      [integer(27), them, us, token],
      reason,
      { op: 'exit', cause: 'exit2', from: them, to: us, reason },
    ],
    ['PAYLOAD_MONITOR_P_EXIT', [integer(28), atom('x'), us, ref], reason, { op: 'down', ref, reason }],
    [
      'SPAWN_REQUEST',
      [integer(29), ref, them, them, entry, list([])],
      list([]),
      { op: 'spawn_request', id: ref, from: them },
    ],
    ['SPAWN_REPLY', [integer(31), ref, us, integer(2), them], null, { op: 'spawn_reply', id: ref, result: them }],
    [
      'SPAWN_REPLY refused',
      [integer(31), ref, us, integer(0), atom('notsup')],
      null,
      { op: 'spawn_reply', id: ref, result: 'notsup' },
    ],
    [
      'SPAWN_REPLY_TT',
      [integer(32), ref, us, integer(2), them, token],
      null,
      { op: 'spawn_reply', id: ref, result: them },
    ],
    ['ALIAS_SEND', [integer(33), them, ref], reason, { op: 'send', from: them, to: ref, message: reason }],
    ['ALIAS_SEND_TT', [integer(34), them, ref, token], reason, { op: 'send', from: them, to: ref, message: reason }],
    ['UNLINK_ID', [integer(35), integer(5), them, us], null, { op: 'unlink', id: integer(5), from: them, to: us }],
    ['UNLINK_ID_ACK', [integer(36), integer(5), them, us], null, { op: 'unlink_ack' }],
  ])('%s is read, with what it carries', (_name, elements, payload, expected) => {
    const control = controlOf(tuple(...elements), payload);
    if (control === null) throw new Error('It was refused.');
    if ('message' in control) expect({ ...control, message: carried(control.message) }).toEqual(expected);
    else if ('reason' in control) expect({ ...control, reason: carried(control.reason) }).toEqual(expected);
    else expect(control).toEqual(expected);
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
  });
});
