/** Figures and names as words. Names come from a node and are made visible first. */
import { visibleText } from '../../server/protocol/visibleText.ts';
import { statusWords } from './glyph.tsx';
import type { NodeView } from '../../server/protocol/clusterView.ts';

const whole = new Intl.NumberFormat();

/** `12,345` as the reader writes it. */
export function count(value: number): string {
  return whole.format(value);
}

/** `312 processes`, `1 process`. */
export function counted(value: number, one: string, more = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : more}`;
}

/** A size in binary units: `41.9 MiB`. */
export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let size = value;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? count(size) : size.toFixed(1)} ${units[unit] ?? 'B'}`;
}

/** A duration by its two largest units: `3 d 4 h`, `2 min 5 s`. */
export function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3_600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  if (first === -1) return '0 s';
  return parts
    .slice(first, first + 2)
    .filter(([value]) => value > 0)
    .map(([value, unit]) => `${String(value)} ${unit}`)
    .join(' ');
}

/** `14:02:11` on the reader's clock. */
export function clock(at: number): string {
  return new Date(at).toLocaleTimeString(undefined, { hour12: false });
}

/** A name at full length, for where there is room and where it is read aloud. */
export function fullName(name: string): string {
  return visibleText(name, 255);
}

/** Text cut in its middle, because both ends tell names apart. */
export function middleCut(text: string, most: number): string {
  const shown = Array.from(visibleText(text, 255));
  if (shown.length <= most) return shown.join('');
  const head = Math.ceil((most - 1) / 2);
  return `${shown.slice(0, head).join('')}…${shown.slice(shown.length - (most - 1 - head)).join('')}`;
}

/** A name as it fits below a node of the picture: on one line, or the host on a second. */
export function nameLines(name: string): readonly [string] | readonly [string, string] {
  const most = 17;
  const at = name.lastIndexOf('@');
  if (name.length <= most || at < 1) return [middleCut(name, most)];
  return [middleCut(name.slice(0, at), most), middleCut(name.slice(at), most + 2)];
}

/** All of a node in a sentence, for who cannot see the picture. */
export function nodeLabel(node: NodeView, stale: boolean): string {
  const { stats } = node.row;
  return [
    fullName(node.name),
    stale ? `${statusWords[node.status]}, as last seen` : statusWords[node.status],
    ...(stats === null || node.row.status !== 'up'
      ? []
      : [counted(stats.processCount, 'process', 'processes'), `run queue ${count(stats.runQueue)}`]),
    ...node.reasons.map((reason) => visibleText(reason, 300)),
  ].join(', ');
}
