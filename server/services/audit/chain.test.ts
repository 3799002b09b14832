import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chainLine, noHead, readChain } from './chain.ts';

function logOf(count: number): Buffer {
  let head = noHead;
  let text = '';
  for (let at = 0; at < count; at += 1) {
    const next = chainLine(head, { at, kind: 'intent', data: { requestId: `r${at}`, text: 'é"\\' } });
    text += next.line;
    head = next.head;
  }
  return Buffer.from(text);
}

describe('a chain', () => {
  it('reads back what was written', () => {
    const { records, tornBytes, damage, soundBytes } = readChain(logOf(3));
    expect(records.map(({ seq, data }) => [seq, data['requestId']])).toEqual([
      [0, 'r0'],
      [1, 'r1'],
      [2, 'r2'],
    ]);
    expect([tornBytes, damage, soundBytes]).toEqual([0, null, logOf(3).length]);
  });

  it('reads on from where it stopped', () => {
    const whole = logOf(3);
    const first = readChain(whole.subarray(0, logOf(2).length));
    const rest = readChain(whole.subarray(first.soundBytes), first.records.at(-1));
    expect(rest.records.map(({ seq }) => seq)).toEqual([2]);
  });

  it('recovers at every byte it can be cut at: whole records stay, the rest is torn', () => {
    const whole = logOf(4);
    const ends = [0, 1, 2, 3, 4].map((count) => logOf(count).length);
    for (let cut = 0; cut <= whole.length; cut += 1) {
      const { records, damage, tornBytes } = readChain(whole.subarray(0, cut));
      const sound = ends.findLastIndex((end) => end <= cut);
      expect([records.length, damage, tornBytes]).toEqual([sound, null, cut - (ends[sound] ?? 0)]);
    }
  });

  it('notices every bit that is flipped', () => {
    const whole = logOf(3);
    for (let bit = 0; bit < whole.length * 8; bit += 1) {
      const flipped = Buffer.from(whole);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const { damage, tornBytes, records } = readChain(flipped);
      expect(damage !== null || tornBytes > 0).toBe(true);
      expect(records.length).toBeLessThan(3);
    }
  });

  it('notices lines that are removed, doubled or swapped', () => {
    const [first = '', second = '', third = ''] = logOf(3)
      .toString()
      .split(/(?<=\n)/);
    for (const lines of [
      [second, third],
      [first, third],
      [first, first, second],
      [first, third, second],
    ]) {
      expect(readChain(Buffer.from(lines.join(''))).damage).not.toBeNull();
    }
  });

  it('takes no bytes for a record that are none, and never throws', () => {
    const bodies = ['[]', '7', '{}', '{"seq":0}', 'not json'];
    for (const body of bodies) expect(readChain(Buffer.from(`${body}\n`)).damage?.what).toBe('has no hash');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(readChain(bytes).records).toEqual([]);
      }),
    );
  });

  it('takes no record for sound that has a right hash but is none', () => {
    const sound = { at: 1, kind: 'x', data: {} };
    const odd = [
      sound,
      Object.assign({ ...sound }, { at: 'x' }),
      Object.assign({ ...sound }, { kind: 7 }),
      Object.assign({ ...sound }, { data: [] }),
    ];
    const lines = odd.map((record) => chainLine(noHead, record).line);
    expect(readChain(Buffer.from(lines[0] ?? '')).damage).toBeNull();
    expect(lines.slice(1).map((line) => readChain(Buffer.from(line)).damage?.what)).toEqual(
      Array(3).fill('is no record'),
    );
  });
});
