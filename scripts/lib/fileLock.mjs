// One set-up at a time: a folder whose making is atomic on every file system, with the holder's process id inside.
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

const pollIntervalMs = 500;
/** The time a holder has between making the folder and writing its id into it. */
const ownerGraceMs = 5_000;

/**
 * Runs `work` while holding the lock. Waits for another holder, says so once, and takes the lock over from one that
 * has died.
 *
 * @template T
 * @param {string} lockDir
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withFileLock(lockDir, work) {
  fs.mkdirSync(path.dirname(lockDir), { recursive: true });
  const ownerFile = path.join(lockDir, 'pid');
  let said = false;
  for (;;) {
    try {
      fs.mkdirSync(lockDir);
      fs.writeFileSync(ownerFile, String(process.pid));
      break;
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
    }
    if (holderIsDead(lockDir, ownerFile)) {
      // Renaming first lets only one of several waiters take it over.
      const dead = `${lockDir}.dead-${process.pid}`;
      try {
        fs.renameSync(lockDir, dead);
        fs.rmSync(dead, { recursive: true, force: true });
      } catch {
        // Another waiter was faster.
      }
      continue;
    }
    if (!said) console.log(`Another process holds ${lockDir}; waiting for it …`);
    said = true;
    await sleep(pollIntervalMs);
  }
  const release = () => fs.rmSync(lockDir, { recursive: true, force: true });
  process.once('exit', release);
  try {
    return await work();
  } finally {
    process.removeListener('exit', release);
    release();
  }
}

/**
 * @param {string} lockDir
 * @param {string} ownerFile
 * @returns {boolean}
 */
function holderIsDead(lockDir, ownerFile) {
  try {
    const pid = Number(fs.readFileSync(ownerFile, 'utf8'));
    if (!Number.isInteger(pid) || pid <= 0) return isOld(lockDir);
    process.kill(pid, 0);
    return false;
  } catch (error) {
    if (isErrno(error, 'ESRCH')) return true;
    if (isErrno(error, 'ENOENT')) return isOld(lockDir);
    return false;
  }
}

/**
 * @param {string} lockDir
 * @returns {boolean}
 */
function isOld(lockDir) {
  try {
    return Date.now() - fs.statSync(lockDir).mtimeMs > ownerGraceMs;
  } catch {
    return false;
  }
}

/**
 * @param {unknown} error
 * @param {string} code
 * @returns {boolean}
 */
function isErrno(error, code) {
  return error instanceof Error && 'code' in error && error.code === code;
}
