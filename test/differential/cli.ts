/** The differential test as a program; scripts/differential.mjs bundles and runs it. */
import path from 'node:path';
import type { Difference } from './compare.ts';
import { runEmbedded } from './embedded.ts';
import { difference } from './ets/etsCompare.ts';
import { recordedCount as etsCount, writeGolden as writeEtsGolden } from './ets/etsGolden.ts';
import { runOnOtp as runEtsOnOtp } from './ets/etsOtp.ts';
import { runOurs } from './ets/etsOurs.ts';
import { etsScenario } from './ets/etsScenarios.ts';
import { explain } from './explain.ts';
import { found } from './found.ts';
import { recordedCounts, writeGolden } from './golden.ts';
import { makers } from './makers.ts';
import { runOnOtp } from './otp.ts';
import type { Scenario } from './scenario.ts';

const [command = '', kind = '', from = '1', count = '300'] = process.argv.slice(2);
const source = path.join(process.env['ARSENAL_PROJECT'] ?? '.', 'test', 'differential', 'differential.erl');
const etsSource = path.join(path.dirname(source), 'ets', 'ets_differential.erl');
/** So much of a difference is printed: the steps before it, and so many differences. */
const mostSteps = 12;
const mostDifferences = 12;

function makerOf(name: string): (seed: number) => Scenario {
  const make = makers.get(name);
  if (make === undefined) throw new Error(`There are scenarios of: ${[...makers.keys()].join(', ')}.`);
  return make;
}

/** Compares scenarios of ets of seeds from `from` on. */
async function checkEts(): Promise<void> {
  const scenarios = Array.from({ length: Number(count) }, (_, at) => etsScenario(Number(from) + at));
  const logs = await runEtsOnOtp(scenarios, etsSource);
  const different = scenarios.flatMap((scenario, at) => difference(scenario, logs[at] ?? [], runOurs(scenario)) ?? []);
  for (const found of different.slice(0, mostDifferences)) console.log(found);
  console.log(`${scenarios.length} scenarios: ${different.length} different`);
  process.exitCode = different.length === 0 ? 0 : 1;
}

/** Compares scenarios of seeds from `from` on. */
async function check(): Promise<void> {
  const scenarios = Array.from({ length: Number(count) }, (_, at) => makerOf(kind)(Number(from) + at));
  const logs = await runOnOtp(scenarios, source);
  const verdicts = scenarios.map((scenario, at) => explain(scenario, logs[at] ?? []));
  const different = verdicts.flatMap((verdict, at) =>
    verdict.is === 'different' ? [described(scenarios[at], verdict.difference)] : [],
  );
  const searched = verdicts.filter((verdict) => verdict.is === 'same' && verdict.tried > 0).length;
  console.log(different.slice(0, mostDifferences).join('\n\n'));
  console.log(`${scenarios.length} scenarios: ${different.length} different, ${searched} the same by another schedule`);
  process.exitCode = different.length === 0 ? 0 : 1;
}

function described(scenario: Scenario | undefined, { step, process: who, otp, ours }: Difference): string {
  const steps = scenario?.steps.slice(0, step + 1).map((operations, at) => `${at} ${JSON.stringify(operations)}`) ?? [];
  const logs = `${who}\n  OTP:  ${otp.join(' ; ')}\n  ours: ${ours.join(' ; ')}`;
  return [`seed ${scenario?.seed}`, ...steps.slice(-mostSteps), logs].join('\n');
}

/** Prints both logs of one scenario. */
async function show(scenario: Scenario): Promise<void> {
  const [otp = []] = await runOnOtp([scenario], source);
  const ours = runEmbedded(scenario);
  for (const [at, step] of scenario.steps.entries()) {
    console.log(`${at} ${JSON.stringify(step)}`);
    for (const line of otp) if (line.startsWith(`${at} `)) console.log(`    OTP   ${line}`);
    for (const line of ours) if (line.startsWith(`${at} `)) console.log(`    ours  ${line}`);
  }
}

/** Has OTP run all scenarios that are kept as data, and keeps what it saw. */
async function record(): Promise<void> {
  for (const [name, wanted] of Object.entries(recordedCounts)) {
    if (kind !== '' && kind !== name) continue;
    const scenarios = Array.from({ length: wanted }, (_, at) => makerOf(name)(at + 1));
    await writeGolden(path.dirname(source), name, scenarios, await runOnOtp(scenarios, source));
    console.log(`${name}: ${wanted} scenarios recorded`);
  }
  if (kind !== '' && kind !== 'ets') return;
  const scenarios = Array.from({ length: etsCount }, (_, at) => etsScenario(at + 1));
  await writeEtsGolden(path.dirname(source), scenarios, await runEtsOnOtp(scenarios, etsSource));
  console.log(`ets: ${etsCount} scenarios recorded`);
}

switch (command) {
  case 'check':
    await (kind === 'ets' ? checkEts() : check());
    break;
  case 'show':
    await show(makerOf(kind)(Number(from)));
    break;
  case 'print':
    for (const [at, step] of makerOf(kind)(Number(from)).steps.entries()) console.log(`${at} ${JSON.stringify(step)}`);
    break;
  case 'found':
    for (const { scenario } of found) await show(scenario);
    break;
  case 'record':
    await record();
    break;
  default:
    throw new Error('check KIND [FROM [COUNT]], show KIND SEED, print KIND SEED, found, record [KIND]');
}
