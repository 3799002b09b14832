import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { visibleText } from './visibleText.ts';

describe('visibleText', () => {
  it('leaves ordinary text of any script as it is', () => {
    const text = 'shop1@höst Ελλάδα 東京 שלום 👍 <b>&amp;</b> $(icon) [x](command:y)';
    expect(visibleText(text)).toBe(text);
  });

  it.each([
    ['\u001b[2J', '\\u{1b}[2J'],
    ['a\u202eb', 'a\\u{202e}b'],
    ['a\u200bb', 'a\\u{200b}b'],
    ['\u009b31m', '\\u{9b}31m'],
    ['a\r\nb', 'a\\u{d}\\u{a}b'],
    ['\ud800x', '\\u{d800}x'],
    ['\u{e0041}', '\\u{e0041}'],
  ])('shows what hides or steers in %j', (text, shown) => {
    expect(visibleText(text)).toBe(shown);
  });

  it('cuts a megabyte to its measure and says so', () => {
    const shown = visibleText('x'.repeat(1_000_000), 20);
    expect(shown).toBe(`${'x'.repeat(20)}…`);
    expect(visibleText('x'.repeat(20), 20)).toBe('x'.repeat(20));
  });

  it('never lets a control or bidi character through, and never exceeds its measure', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 50 }), (text, most) => {
        const shown = visibleText(text, most);
        expect(/\p{Cc}|\p{Bidi_Control}|\p{Cs}/u.test(shown)).toBe(false);
        expect(shown.length).toBeLessThanOrEqual(most + 1);
      }),
      { numRuns: 1000 },
    );
  });
});
