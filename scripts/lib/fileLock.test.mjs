import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withFileLock } from './fileLock.mjs';
import { run } from './processes.mjs';

let folder = '';
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-lock-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

describe('withFileLock', () => {
  it('lets one in at a time', async () => {
    const lock = path.join(folder, 'lock');
    let inside = 0;
    let most = 0;
    const work = async () => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise((resolve) => setTimeout(resolve, 50));
      inside -= 1;
    };
    await Promise.all([withFileLock(lock, work), withFileLock(lock, work), withFileLock(lock, work)]);
    expect(most).toBe(1);
    expect(fs.existsSync(lock)).toBe(false);
  });

  it('lets go when the work fails', async () => {
    const lock = path.join(folder, 'lock');
    await expect(withFileLock(lock, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(fs.existsSync(lock)).toBe(false);
  });

  it('is taken over from a holder that has died', async () => {
    const lock = path.join(folder, 'lock');
    const { output } = await run(process.execPath, ['-e', 'console.log(process.pid)'], { output: 'capture' });
    fs.mkdirSync(lock);
    fs.writeFileSync(path.join(lock, 'pid'), output.trim());
    await expect(withFileLock(lock, () => Promise.resolve('done'))).resolves.toBe('done');
  });
});
