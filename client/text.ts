/** Text from outside, for the places of the editor where it could do harm or mislead. */
import { visibleText } from '../server/protocol/visibleText.ts';

/**
 * For labels of trees and pick lists, where `$(name)` would be drawn as an icon, and for messages, where `[text](target)` would be a
 * link, even to a command.
 */
export function labelText(text: string, most = 120): string {
  // A zero-width space breaks the syntax and nothing that can be seen.
  return visibleText(text, most).replaceAll('$(', '$\u200b(').replaceAll('](', ']\u200b(');
}

/** For Markdown: every character that means something there is escaped. */
export function markdownText(text: string, most = 500): string {
  return visibleText(text, most).replace(/[\\`*_{}[\]()#+\-.!~|<>&$:/@]/g, (character) => `\\${character}`);
}

/** `1.5 MiB`, in the units of IEC 80000-13. */
export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit] ?? ''}`;
}

/** `3 d 4 h`, `12 min`, `5 s`: the two largest units. */
export function durationText(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3_600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const;
  const first = parts.findIndex(([amount]) => amount > 0);
  if (first === -1) return '0 s';
  return parts
    .slice(first, first + 2)
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount} ${unit}`)
    .join(' ');
}
