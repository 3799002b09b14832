// `npm run differential -- COMMAND …`: the differential test against the installed Erlang/OTP, outside the test runner.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { build } from 'esbuild';
import { inProject, projectRoot } from './lib/paths.mjs';
import { run } from './lib/processes.mjs';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-differential-'));
try {
  const outfile = path.join(folder, 'cli.mjs');
  await build({
    entryPoints: [inProject('test', 'differential', 'cli.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'warning',
    outfile,
  });
  const { code } = await run(process.execPath, [outfile, ...process.argv.slice(2)], {
    cwd: projectRoot,
    env: { ARSENAL_PROJECT: projectRoot },
  });
  process.exitCode = code;
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}
