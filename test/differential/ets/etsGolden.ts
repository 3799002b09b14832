/** What a real OTP answered in scenarios of consecutive seeds from 1 on, kept as data, so that comparing needs no Erlang. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Term } from '../../../runtime/term/term.ts';
import { termKey } from '../../../runtime/term/term.ts';
import { fnv1a } from '../scenario.ts';
import { termOf } from './etsCompare.ts';
import type { EtsScenario } from './etsScenarios.ts';
import { scenarioValue } from './etsScenarios.ts';

export type Recorded = { readonly fingerprint: string; readonly answers: readonly Term[] };

/** How many scenarios are recorded. */
export const recordedCount = 3000;

/** A short name of the scenario's content, by which a recorded log is known to belong to it. */
export function fingerprint(scenario: EtsScenario): string {
  return fnv1a(termKey(termOf(scenarioValue(scenario))));
}

function fileIn(folder: string): string {
  return path.join(folder, 'golden', 'ets.jsonl.gz');
}

/** `folder` is test/differential. A line each: the scenario's fingerprint, and the answers as terms. */
export async function writeGolden(
  folder: string,
  scenarios: readonly EtsScenario[],
  logs: readonly (readonly Term[])[],
): Promise<void> {
  const lines = scenarios.map((scenario, at) => JSON.stringify([fingerprint(scenario), ...(logs[at] ?? [])]));
  await writeFile(fileIn(folder), gzipSync(`${lines.join('\n')}\n`, { level: 9 }));
}

/** Reads what {@link writeGolden} wrote: the first is of seed 1. */
export async function readGolden(folder: string): Promise<readonly Recorded[]> {
  const text = gunzipSync(await readFile(fileIn(folder))).toString('utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line): Recorded => {
      const [print, ...answers]: readonly [string, ...Term[]] = JSON.parse(line);
      return { fingerprint: print, answers };
    });
}
