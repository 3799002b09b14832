/** A value of a result as a person reads it, with the unit that its name says. No editor in it. */
import { visibleText } from '../../server/protocol/visibleText.ts';
import { isArsenalError } from '../decode.ts';
import { bytesText, durationText } from '../text.ts';

/** Milliseconds since 1970 begin to be a date here (2001); less is a span of time, or a count. */
const firstDate = 1e12;

/** `value`, found at `path` (its key, and those above it), in one line of at most `widest` characters. */
export function valueText(path: readonly string[], value: unknown, widest: number): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'number') return numberText(path, value);
  if (typeof value === 'string') return visibleText(value, widest);
  if (isArsenalError(value)) return visibleText(`${value.code}: ${value.message}`, widest);
  if (Array.isArray(value)) return listText(path, value, widest);
  if (typeof value === 'object' && Object.keys(value).length === 0) return 'none';
  return visibleText(JSON.stringify(value), widest);
}

function numberText(path: readonly string[], value: number): string {
  const key = path.at(-1) ?? '';
  if (value >= firstDate && /(^|[a-z])(at|since|until)$/i.test(key)) return dateText(value);
  const isCount = key === 'calls' || key === 'count' || key === 'total';
  if (!isCount && path.some((part) => part.endsWith('Ms'))) return spanText(value);
  if (/(^b|B)ytes$|^memory$/.test(key)) return bytesText(value);
  if (/Rate$|Ratio$/.test(key) && value >= 0 && value <= 1) return `${round(value * 100)} %`;
  return String(Number.isInteger(value) ? value : round(value));
}

/** `2026-11-21 20:03:11.250`, in the time of this machine. */
export function dateText(ms: number): string {
  const at = new Date(ms);
  if (Number.isNaN(at.getTime())) return String(ms);
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${timeText(ms)}.${String(at.getMilliseconds()).padStart(3, '0')}`;
}

/** `20:03:11`, in the time of this machine. */
export function timeText(ms: number): string {
  const at = new Date(ms);
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':');
}

function two(part: number): string {
  return String(part).padStart(2, '0');
}

/** `0.42 ms`, `12 ms`, `1.5 s`, `3 min 4 s`. */
export function spanText(ms: number): string {
  if (Math.abs(ms) < 1_000) return `${round(ms)} ms`;
  return Math.abs(ms) < 60_000 ? `${round(ms / 1_000)} s` : durationText(ms);
}

/** Three digits that count, where there are more behind the point. */
function round(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}

function listText(path: readonly string[], values: readonly unknown[], widest: number): string {
  if (values.length === 0) return 'none';
  const isPlain = values.every((each) => each === null || typeof each !== 'object');
  if (!isPlain) return visibleText(JSON.stringify(values), widest);
  return visibleText(values.map((each) => valueText(path, each, widest)).join(', '), widest);
}
