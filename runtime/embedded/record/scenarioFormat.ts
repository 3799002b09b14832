/** The format of a scenario file, and the test that goes with one. `server/testing/scenarioFile.ts` reads it. */
export const scenarioFormat = 'arsenal.scenario';
export const scenarioVersion = 1;

/** A file name for a scenario: its words with hyphens. */
export function fileNameOf(name: string): string {
  const words = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
  return words === '' ? 'scenario' : words.slice(0, 80);
}

/** A test for node:test that replays `NAME.scenario.json` beside it; `module` has the scenario's steps. */
export function replayTest(file: string, module: string | null): string {
  const steps = module === null ? '' : ', steps';
  return [
    `// Replays ${file}, as it was recorded. Made by Arsenal; keep it, or delete both when the fault is mended.`,
    "import { test } from 'node:test';",
    "import { replayScenario } from 'arsenal-otp/testing';",
    ...(module === null ? [] : [`import * as steps from '${module}';`]),
    '',
    `test('${file}', () => replayScenario(new URL('./${file}', import.meta.url)${steps}));`,
    '',
  ].join('\n');
}
