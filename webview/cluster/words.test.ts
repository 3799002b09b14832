import { describe, expect, it } from 'vitest';
import { clusterView } from '../../server/protocol/clusterView.ts';
import { nodeRow } from './sampleRows.ts';
import { bytes, clock, counted, duration, fullName, middleCut, nameLines, nodeLabel } from './words.ts';

describe('figures and names as words', () => {
  it('counts in the singular and the plural', () => {
    expect([counted(1, 'node'), counted(2, 'node'), counted(0, 'process', 'processes')]).toEqual([
      '1 node',
      '2 nodes',
      '0 processes',
    ]);
  });

  it.each([
    [0, '0 B'],
    [1023, '1,023 B'],
    [1024, '1.0 KiB'],
    [41_943_040, '40.0 MiB'],
    [5 * 1024 ** 4, '5.0 TiB'],
    [9_999 * 1024 ** 4, '9999.0 TiB'],
  ])('says %i bytes as %s', (size, words) => {
    expect(bytes(size).replace(/[.\u00a0\u202f](?=\d{3} B)/, ',')).toBe(words);
  });

  it.each([
    [0, '0 s'],
    [59_999, '59 s'],
    [65_000, '1 min 5 s'],
    [3_600_000, '1 h'],
    [90_061_000, '1 d 1 h'],
  ])('says %i ms as %s', (ms, words) => {
    expect(duration(ms)).toBe(words);
  });

  it('tells the time of day to the second', () => {
    expect(clock(new Date(2026, 0, 2, 14, 2, 11).getTime())).toBe('14:02:11');
  });

  it('cuts names in their middle, hosts on a line of their own, and nothing hides in them', () => {
    expect(middleCut('abcdefghij', 5)).toBe('ab…ij');
    expect(nameLines('shop1@eu')).toEqual(['shop1@eu']);
    expect(nameLines('app12@ap-south-1.example')).toEqual(['app12', '@ap-south-1.example']);
    expect(nameLines('x'.repeat(40))[0]).toHaveLength(17);
    expect(fullName('a\u202eb')).toBe('a\\u{202e}b');
  });

  it('says all of a node in one sentence', () => {
    const [healthy, down] = clusterView([
      nodeRow('a@h', {}),
      nodeRow('b@h', { status: 'down', stats: null, sees: null }),
    ]).nodes;
    if (healthy === undefined || down === undefined) throw new Error('two nodes');
    expect(nodeLabel(healthy, false)).toBe('a@h, healthy, 100 processes, run queue 0');
    expect(nodeLabel(healthy, true)).toContain('as last seen');
    expect(nodeLabel(down, false)).toBe('b@h, down, It is down.');
  });
});
