/** `arsenal scenario replay FILE` and `arsenal scenario shrink FILE`: runs of a simulated cluster that were kept. */
import fs from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { Option } from 'commander';
import { failure } from '../../runtime/errors.ts';
import type { Result } from '../../runtime/model.ts';
import { repeat } from '../testing/replay.ts';
import type { ScenarioFile } from '../testing/scenarioFile.ts';
import { readScenarioFile, scenarioText } from '../testing/scenarioFile.ts';
import { shrunkCalls } from '../testing/shrinkCalls.ts';
import type { CliIo, ExitCode } from './io.ts';
import { exitCode } from './io.ts';
import { printError, printJson } from './report.ts';
import { wholeNumber } from './runtimeOptions.ts';

type Options = { readonly json?: true };

const mostRuns = 100_000;

export function addScenarioCommand(program: Command, io: CliIo, ended: (code: ExitCode) => void): void {
  const scenario = program.command('scenario').description('runs of a simulated cluster that were kept');
  scenario
    .command('replay')
    .description('repeat the calls of a scenario; 0: it went as recorded')
    .argument('<file>', 'NAME.scenario.json')
    .option('--json')
    .action(async (file: string, options: Options) => ended(await replay(io, file, options)));
  scenario
    .command('shrink')
    .description('leave out of a scenario what its last failing call does not need to fail; the file is written anew')
    .argument('<file>', 'NAME.scenario.json')
    .addOption(new Option('--runs <n>', 'how often it may be run').argParser(wholeNumber(1, mostRuns)).default(500))
    .option('--json')
    .action(async (file: string, options: Options & { readonly runs: number }) =>
      ended(await shrink(io, file, options)),
    );
}

/** The file, whose calls alone can be repeated. */
function read(file: string): Result<ScenarioFile> {
  const scenario = readScenarioFile(file);
  if (!scenario.ok || scenario.value.cluster.runs !== 'module') return scenario;
  return failure(
    'unsupported',
    'scenario.needs_module',
    'What its cluster runs stands in its module only.',
    'Run the test beside it.',
  );
}

async function replay(io: CliIo, file: string, { json = false }: { json?: boolean }): Promise<ExitCode> {
  const scenario = read(file);
  if (!scenario.ok) return printError(io, scenario.error, json);
  const { calls } = scenario.value;
  const { differences, events } = await repeat(scenario.value, path.dirname(path.resolve(file)), calls);
  if (json) printJson(io, { same: differences.length === 0, differences, calls: calls.length, events });
  else if (differences.length === 0) {
    io.stdout.write(`As recorded: ${calls.length} calls, ${events.count} events.\n`);
  } else io.stdout.write(`Otherwise than recorded:\n${differences.map((line) => `  ${line}\n`).join('')}`);
  return differences.length === 0 ? exitCode.done : exitCode.failed;
}

async function shrink(
  io: CliIo,
  file: string,
  { json = false, runs }: { json?: boolean; runs: number },
): Promise<ExitCode> {
  const scenario = read(file);
  if (!scenario.ok) return printError(io, scenario.error, json);
  const before = scenario.value.calls.length;
  const shrunk = await shrunkCalls(scenario.value, path.dirname(path.resolve(file)), runs);
  if (!shrunk.ok) return printError(io, shrunk.error, json);
  const { scenario: simpler, runs: made } = shrunk.value;
  const { format: _format, version: _version, ...content } = simpler;
  fs.writeFileSync(file, scenarioText(content));
  const after = simpler.calls.length;
  if (json) printJson(io, { before, after, runs: made });
  else io.stdout.write(`${after} of ${before} calls are left, after ${made} runs.\n`);
  return exitCode.done;
}
