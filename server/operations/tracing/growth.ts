/** Whether a series of readings grows, and how surely. */

export type Reading = { readonly atMs: number; readonly value: number };
export type Growth = {
  readonly from: number;
  readonly to: number;
  readonly perSecond: number;
  /** 0 to 1: how much of the change a straight line explains (coefficient of determination). */
  readonly steadiness: number;
};

/** Below this many readings nothing is said. */
export const fewestReadings = 4;
/** Garbage collection lets memory rise and fall: what grows steadily is explained by a line to this degree. */
const leastSteadiness = 0.75;
/** What grows by less, of where it began, is within the noise of a living system. */
const leastPart = 0.05;

/**
 * The growth of a series by least squares, or null when it does not grow steadily, by at least `leastGrowth` and a twentieth of where it
 * began.
 */
export function growthOf(readings: readonly Reading[], leastGrowth: number): Growth | null {
  const [first] = readings;
  const last = readings.at(-1);
  if (readings.length < fewestReadings || first === undefined || last === undefined) return null;
  const meanAt = mean(readings.map(({ atMs }) => atMs));
  const meanValue = mean(readings.map(({ value }) => value));
  const variance = sum(readings.map(({ atMs }) => (atMs - meanAt) ** 2));
  const spread = sum(readings.map(({ value }) => (value - meanValue) ** 2));
  if (variance === 0 || spread === 0) return null;
  const together = sum(readings.map(({ atMs, value }) => (atMs - meanAt) * (value - meanValue)));
  const slope = together / variance;
  const steadiness = together ** 2 / (variance * spread);
  const grown = slope * (last.atMs - first.atMs);
  if (slope <= 0 || steadiness < leastSteadiness) return null;
  if (grown < leastGrowth || grown < Math.max(first.value, 0) * leastPart) return null;
  return { from: first.value, to: last.value, perSecond: slope * 1_000, steadiness };
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
