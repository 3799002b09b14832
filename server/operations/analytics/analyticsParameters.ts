/** Parameters and result parts of the operations about calls. */
import { Type } from 'typebox';
import type { Problem } from '../../core/operation.ts';
import { backgroundPrefix } from '../../protocol/operation.ts';
import type { StatePersistence } from './state.ts';

/** The operation whose calls are meant. */
export const operationParam = Type.Optional(
  Type.String({
    minLength: 1,
    maxLength: 64,
    description: 'Only calls of this operation.',
    'x-arsenal': { pick: 'operation' },
  }),
);

/** Whether calls that nobody asked for are meant, too. */
export const backgroundParam = Type.Boolean({
  default: false,
  description: `Also calls that nobody asked for and that only look: those by which an editor keeps what it shows up to date. Their requestIds begin with \`${backgroundPrefix}\`.`,
});

const timeText = (description: string) =>
  Type.Optional(
    Type.String({
      maxLength: 40,
      pattern: '^(\\d{4}-\\d{2}-\\d{2}(T[0-9:.]{4,15}(Z|[+-]\\d{2}:\\d{2})?)?|\\d{1,5}[smhd])$',
      description: `${description}: 2026-11-21T18:00:00Z, 2026-11-21, or how long ago: 90s, 15m, 6h, 7d.`,
    }),
  );
export const sinceParam = timeText('From then on');
export const untilParam = timeText('Until then');

const unitMs: { readonly [unit: string]: number } = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** The time a text of {@link sinceParam} says, in milliseconds since 1970; null for one that is no time. */
export function timeOf(text: string, nowMs: number): number | null {
  const [, count, unit] = /^(\d+)([smhd])$/.exec(text) ?? [];
  if (count !== undefined && unit !== undefined) return nowMs - Number(count) * (unitMs[unit] ?? 0);
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : at;
}

/** What is wrong with a span of time: a day that no month has, an end before its beginning. */
export function spanProblems({
  since,
  until,
}: {
  readonly since?: string;
  readonly until?: string;
}): readonly Problem[] {
  const now = Date.now();
  const [from, to] = [since, until].map((text) => (text === undefined ? undefined : timeOf(text, now)));
  return [
    ...(from === null ? [{ pointer: '/since', message: 'is no time.' }] : []),
    ...(to === null ? [{ pointer: '/until', message: 'is no time.' }] : []),
    ...(from != null && to != null && to <= from ? [{ pointer: '/until', message: 'is not after since.' }] : []),
  ];
}

/** The span that two texts say; without them all that is kept. */
export function spanOf(
  { since, until }: { readonly since?: string; readonly until?: string },
  nowMs: number,
): { readonly since: number; readonly until: number } {
  const at = (text: string | undefined, otherwise: number) =>
    text === undefined ? otherwise : (timeOf(text, nowMs) ?? otherwise);
  return { since: at(since, 0), until: at(until, nowMs + 1) };
}

export const persistenceResult = Type.Unsafe<StatePersistence>({
  type: 'object',
  required: ['is'],
  description: 'Whether this is on disk, and outlives the server; when it is not, since when, and why.',
});
