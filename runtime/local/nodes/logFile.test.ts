import { appendFileSync, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LogFile, readLog } from './logFile.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'arsenal-log-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

it('is of its user only, and read from its end', () => {
  const log = new LogFile(path.join(folder, 'logs', 'a.log'));
  log.write('one\ntwo\nthree\n');
  log.write(Buffer.from('unfinis'));
  log.close();
  expect(statSync(log.file).mode & 0o777).toBe(0o600);
  expect(readLog(log.file, { last: 2 })).toEqual({ lines: ['three', 'unfinis'], end: 21 });
  expect(readLog(log.file, { last: 0 }).lines).toEqual([]);
  expect(readLog(path.join(folder, 'none'), { last: 5 })).toEqual({ lines: [], end: 0 });
});

it('is followed by whole lines, each once, also over its beginning anew', () => {
  const file = path.join(folder, 'a.log');
  appendFileSync(file, 'one\ntw');
  const first = readLog(file, { offset: 0 });
  expect(first).toEqual({ lines: ['one'], end: 4 });
  expect(readLog(file, { offset: first.end })).toEqual({ lines: [], end: 4 });
  appendFileSync(file, 'o\nthree\n');
  expect(readLog(file, { offset: first.end })).toEqual({ lines: ['two', 'three'], end: 14 });
  rmSync(file);
  appendFileSync(file, 'new\n');
  expect(readLog(file, { offset: 14 })).toEqual({ lines: ['new'], end: 4 });
});

it('is set aside when it is large, and never takes the node with it', () => {
  const log = new LogFile(path.join(folder, 'a.log'));
  log.write(Buffer.alloc(17 * 1024 * 1024, 97));
  log.write('after\n');
  expect(existsSync(`${log.file}.1`)).toBe(true);
  expect(readLog(log.file, { last: 5 }).lines).toEqual(['after']);
  const nowhere = new LogFile(path.join(log.file, 'below', 'a file'));
  nowhere.write('lost');
  nowhere.close();
  log.close();
});
