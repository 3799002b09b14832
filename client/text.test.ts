import { describe, expect, it } from 'vitest';
import { bytesText, durationText, labelText, markdownText } from './text.ts';

/** What a node or a user may be called to do harm, or to mislead. */
const hostile = [
  '$(trash) harmless',
  '[click](command:arsenal.killProcess?%7B%7D)',
  '![x](http://example.invalid/x.png)',
  '<img src=x onerror=alert(1)>',
  '<https://example.invalid>',
  'https://example.invalid',
  '`code` **bold** _it_ ~~s~~ # h',
  'a\n\n| t | t |\n|---|---|',
  '\u202egnp.exe',
  '\u001b]8;;http://example.invalid\u0007x',
  '\u200b\u2066\ufeff',
  '\ud800 lone',
  'x'.repeat(1_000_000),
  '&lt;script&gt;',
];

describe('labelText', () => {
  it.each(hostile)('lets %j draw no icon, make no link, turn or hide nothing, and end', (text) => {
    const shown = labelText(text);
    expect(shown).not.toContain('$(');
    expect(shown).not.toContain('](');
    expect(shown).not.toMatch(/[\u0000-\u001f\u202a-\u202e\u2066-\u2069\ufeff]/);
    expect(shown.length).toBeLessThan(300);
  });
});

describe('markdownText', () => {
  it.each(hostile)('lets %j mean nothing in Markdown', (text) => {
    const shown = markdownText(text);
    // Every character that could mean something follows a backslash.
    expect(shown.replace(/\\[^]/g, '')).not.toMatch(/[`*_[\]()#!<>|&~:/@$\n]/);
    expect(shown.length).toBeLessThan(1_200);
  });
});

describe('figures', () => {
  it.each([
    [0, '0 B'],
    [1_023, '1023 B'],
    [1_536, '1.5 KiB'],
    [123_456_789, '118 MiB'],
    [5e15, '4547 TiB'],
  ])('%d bytes are %s', (bytes, text) => {
    expect(bytesText(bytes)).toBe(text);
  });

  it.each([
    [0, '0 s'],
    [999, '0 s'],
    [61_000, '1 min 1 s'],
    [3_600_000, '1 h'],
    [90_000_000, '1 d 1 h'],
  ])('%d ms are %s', (ms, text) => {
    expect(durationText(ms)).toBe(text);
  });
});
