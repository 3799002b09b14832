import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { findProgram, programCall, programFolders } from './program.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'arsenal-program-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

it('is found in the first folder that has it, under the names of its platform', () => {
  const [one, other] = [path.join(folder, 'one'), path.join(folder, 'other')];
  for (const each of [one, other]) mkdirSync(each);
  writeFileSync(path.join(other, 'mix'), '');
  writeFileSync(path.join(other, 'mix.bat'), '');
  expect(findProgram('mix', ['', one, other], 'linux')).toBe(path.join(other, 'mix'));
  expect(findProgram('mix', [one, other], 'win32')).toBe(path.join(other, 'mix.bat'));
  expect(findProgram('mix', [one], 'linux')).toBeNull();
  expect(programFolders({ PATH: [one, other].join(path.delimiter) })).toEqual([one, other]);
  expect(programFolders({})).toEqual(['']);
});

it('is called as it is, but for a batch file, which the shell of Windows runs', () => {
  const args = ['run', 'a b', '100%'];
  const plain = { args, windowsVerbatimArguments: false };
  expect(programCall('/bin/mix', args, 'linux')).toEqual({ file: '/bin/mix', ...plain });
  expect(programCall('C:\\erl.exe', args, 'win32')).toEqual({ file: 'C:\\erl.exe', ...plain });
  expect(programCall('C:\\mix.bat', args, 'win32')).toEqual({
    file: 'cmd.exe',
    args: ['/d', '/s', '/c', '"^"C:\\mix.bat^" ^"run^" ^"a b^" ^"100^%^""'],
    windowsVerbatimArguments: true,
  });
});
