/** Runs what is drawn from seeds on the Erlang/OTP that is here. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A line of each scenario, as `module` (an .erl file here) printed it. Throws when there is no Erlang, or it failed. */
export async function runOnOtp(module: 'machines' | 'events', texts: readonly string[]): Promise<readonly string[]> {
  const folder = mkdtempSync(path.join(tmpdir(), `arsenal-${module}-`));
  try {
    const file = path.join(folder, 'scenarios.terms');
    writeFileSync(file, texts.join(''));
    await run('erlc', ['-o', folder, path.join(import.meta.dirname, `${module}.erl`)]);
    const code = `${module}:main(${JSON.stringify(file)}), halt().`;
    const options = { maxBuffer: 1_000_000_000, timeout: 280_000, killSignal: 'SIGKILL' } as const;
    const { stdout } = await run('erl', ['+S', '1', '-noshell', '-pa', folder, '-eval', code], options);
    return stdout.trimEnd().split('\n');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
