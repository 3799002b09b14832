/** The same calls on the Erlang/OTP that is here, if it is the release that is recorded; `ARSENAL_RECORD=1` records them anew. */
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, it } from 'vitest';
import { startErlang, stopAll } from '../harness/erlang.ts';
import { goldenLines } from './calls.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-calls-'));
afterAll(() => {
  stopAll();
  fs.rmSync(folder, { recursive: true, force: true });
});

it('each call comes to what is recorded of OTP 25', async (context) => {
  await promisify(execFile)('erlc', ['-o', folder, path.join(import.meta.dirname, 'calls.erl')]);
  const options = { name: 'n0', cookie: 'calls', long: true, args: ['-kernel', 'start_pg', 'true', '-pa', folder] };
  const node = await startErlang(options);
  if ((await node.eval('erlang:system_info(otp_release).')) !== '"25"') context.skip();
  const printed = path.join(folder, 'printed.txt');
  const calls = path.join(import.meta.dirname, 'calls.txt');
  await node.eval(
    `ok = file:write_file(${JSON.stringify(printed)}, [[L, $\\n] || L <- calls:main(${JSON.stringify(calls)})]).`,
  );
  const lines = fs.readFileSync(printed, 'utf8');
  if (process.env['ARSENAL_RECORD'] === '1') {
    fs.writeFileSync(path.join(import.meta.dirname, 'golden/otp25.txt'), lines);
  }
  expect(lines.trimEnd().split('\n')).toEqual(goldenLines());
});
