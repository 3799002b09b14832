/** Runs scenarios of ets on the Erlang/OTP that is installed. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { decodeTerm } from '../../../runtime/term/decode.ts';
import { encodeTerm } from '../../../runtime/term/encode.ts';
import type { Term } from '../../../runtime/term/term.ts';
import { elements, termOf } from './etsCompare.ts';
import type { EtsScenario } from './etsScenarios.ts';
import { scenarioValue } from './etsScenarios.ts';

const run = promisify(execFile);
const scope = 'differential';

/** What every call answered in each scenario. `source` is ets_differential.erl. Throws when there is no Erlang, or it failed. */
export async function runOnOtp(
  scenarios: readonly EtsScenario[],
  source: string,
): Promise<readonly (readonly Term[])[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'arsenal-ets-'));
  try {
    const encoded = encodeTerm(termOf(scenarios.map(scenarioValue)), { scope });
    if (!encoded.ok) throw new Error('The scenarios cannot be encoded.');
    const [input, output] = [path.join(folder, 'scenarios'), path.join(folder, 'logs')];
    await writeFile(input, encoded.bytes);
    await run('erlc', ['-o', folder, source]);
    await run(
      'erl',
      ['+S', '1', '-noshell', '-noinput', '-pa', folder, '-run', 'ets_differential', 'main', '-extra', input, output],
      {
        timeout: 600_000,
        env: { ...process.env, ERL_CRASH_DUMP: path.join(folder, 'erl_crash.dump') },
        // A busy init does not hear SIGTERM.
        killSignal: 'SIGKILL',
      },
    );
    const decoded = decodeTerm(await readFile(output), { scope });
    if (!decoded.ok) throw new Error('What OTP wrote cannot be read.');
    return elements(decoded.term).map(elements);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
