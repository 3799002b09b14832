/** What OTP made of the recorded machines and event managers: a digest of each one's log. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export type Kind = 'machines' | 'events';

/** Seeds 1 to this many are recorded. */
const counts: { readonly [kind in Kind]: number } = { machines: 500, events: 300 };

export function recordedSeeds(kind: Kind): readonly number[] {
  return Array.from({ length: counts[kind] }, (_, at) => at + 1);
}

const fileOf = (kind: Kind): string => path.join(import.meta.dirname, 'golden', `${kind}.json`);

export function golden(kind: Kind): readonly string[] {
  const recorded: unknown = JSON.parse(readFileSync(fileOf(kind), 'utf8'));
  return Array.isArray(recorded) ? recorded.map(String) : [];
}

export function record(kind: Kind, digests: readonly string[]): void {
  writeFileSync(fileOf(kind), `${JSON.stringify(digests, null, 2)}\n`);
}

/** Short, since a difference is looked into by running the seed on OTP. */
export function digest(line: string): string {
  return createHash('sha256').update(line).digest('hex').slice(0, 10);
}
