/** The kinds of scenarios there are. */
import { processScenario } from './processScenarios.ts';
import type { Scenario } from './scenario.ts';
import { serverScenario } from './serverScenarios.ts';
import { supervisorScenario } from './supervisorScenarios.ts';

export const makers: ReadonlyMap<string, (seed: number) => Scenario> = new Map([
  ['process', processScenario],
  ['supervisor', supervisorScenario],
  ['server', serverScenario],
]);
