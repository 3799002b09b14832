/** What a real OTP saw in scenarios of consecutive seeds, kept as data, so that comparing needs no Erlang. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Log, Scenario } from './scenario.ts';
import { fingerprint } from './scenario.ts';

export type Recorded = { readonly fingerprint: string; readonly log: Log };

/** How many scenarios of each kind are recorded; the seeds begin with 1. */
export const recordedCounts = { process: 10_000, supervisor: 4000, server: 4000 } as const;

function fileOf(folder: string, kind: string): string {
  return path.join(folder, 'golden', `${kind}.jsonl.gz`);
}

/** Writes the logs of scenarios with the seeds 1, 2, …: a line each, the scenario's fingerprint and then its log. */
export async function writeGolden(
  folder: string,
  kind: string,
  scenarios: readonly Scenario[],
  logs: readonly Log[],
): Promise<void> {
  const lines = scenarios.map((scenario, at) => JSON.stringify([fingerprint(scenario), ...(logs[at] ?? [])]));
  await writeFile(fileOf(folder, kind), gzipSync(`${lines.join('\n')}\n`, { level: 9 }));
}

/** Reads what {@link writeGolden} wrote, by seed: the first is of seed 1. */
export async function readGolden(folder: string, kind: string): Promise<readonly Recorded[]> {
  const text = gunzipSync(await readFile(fileOf(folder, kind))).toString('utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line): Recorded => {
      const [print = '', ...log]: readonly string[] = JSON.parse(line);
      return { fingerprint: print, log };
    });
}
