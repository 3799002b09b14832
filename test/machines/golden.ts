/** What OTP made of the recorded machines: a digest of each one's log. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';

export const goldenFile = path.join(import.meta.dirname, 'golden.json');
export const recordedSeeds: readonly number[] = Array.from({ length: 1000 }, (_, at) => at + 1);

export function golden(): readonly string[] {
  const recorded: unknown = JSON.parse(readFileSync(goldenFile, 'utf8'));
  return Array.isArray(recorded) ? recorded.map(String) : [];
}

/** Short, since a difference is looked into by running the seed on OTP. */
export function digest(line: string): string {
  return createHash('sha256').update(line).digest('hex').slice(0, 10);
}
