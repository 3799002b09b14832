/** Runs scenarios on the Erlang/OTP that is installed. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { encodeTerm } from '../../runtime/term/encode.ts';
import { toTerm } from '../../runtime/term/values.ts';
import type { Log, Scenario } from './scenario.ts';
import { scenarioValue } from './scenario.ts';

const run = promisify(execFile);

/** What every process saw in each scenario. `source` is differential.erl. Throws when there is no Erlang, or it failed. */
export async function runOnOtp(scenarios: readonly Scenario[], source: string): Promise<readonly Log[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'arsenal-differential-'));
  try {
    const term = toTerm(scenarios.map(scenarioValue));
    if (!term.ok) throw new Error(term.error.message);
    const encoded = encodeTerm(term.value, { scope: 'differential' });
    if (!encoded.ok) throw new Error('The scenarios cannot be encoded.');
    const [input, output] = [path.join(folder, 'scenarios'), path.join(folder, 'logs')];
    await writeFile(input, encoded.bytes);
    await run('erlc', ['-o', folder, source]);
    const quiet = ['+S', '1', '-noshell', '-noinput', '-mode', 'interactive', '-pa', folder];
    await run('erl', [...quiet, '-run', 'differential', 'main', '-extra', input, output], {
      timeout: 600_000,
      // A busy init does not hear SIGTERM.
      killSignal: 'SIGKILL',
    });
    const text = await readFile(output, 'utf8');
    return text
      .trimEnd()
      .split('\n')
      .map((line): Log => JSON.parse(line));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
