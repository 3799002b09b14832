import fs from 'node:fs';
import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { run, start, stop } from './processes.mjs';

/**
 * Ended is also what only waits for its exit code to be fetched, which a container's first process may never do.
 *
 * @param {number} pid
 */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || !/\) Z /.test(fs.readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/** @param {string} source @param {import('./processes.mjs').RunOptions} [options] */
function node(source, options = {}) {
  return run(process.execPath, ['-e', source], { output: 'capture', ...options });
}

/** A program that starts another of its group, prints its id, and waits. */
const parent =
  'const c = require("node:child_process").spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);' +
  'console.log(c.pid); setInterval(() => {}, 1000);';

describe('run', () => {
  it('answers the exit code and everything that was printed', async () => {
    const result = await node('console.log("out"); console.error("err"); process.exit(3)');
    expect(result.code).toBe(3);
    expect(result.output).toContain('out');
    expect(result.output).toContain('err');
    expect(result.timedOut).toBe(false);
  });

  it('answers 127 for a program that does not exist', async () => {
    const result = await run('no-such-program-anywhere', [], { output: 'capture' });
    expect(result.code).toBe(127);
    expect(result.output).toContain('no-such-program-anywhere');
  });

  it('ends what takes too long, and what that has started', async () => {
    const result = await node(parent, { timeoutMs: 1_500 });
    expect(result).toMatchObject({ code: 124, timedOut: true });
    const grandchild = Number(result.output.trim());
    expect(grandchild).toBeGreaterThan(0);
    await expect.poll(() => isAlive(grandchild)).toBe(false);
  });
});

describe('stop', () => {
  it('ends a child that ignores being asked, with its group', async () => {
    const stubborn = `process.on("SIGTERM", () => {}); ${parent}`;
    const child = start(process.execPath, ['-e', stubborn], { stdio: ['ignore', 'pipe', 'ignore'] });
    const grandchild = await new Promise((resolve) =>
      child.stdout?.once('data', (/** @type {Buffer} */ text) => resolve(Number(text.toString()))),
    );
    await stop(child, 200);
    expect(isAlive(Number(child.pid))).toBe(false);
    await expect.poll(() => isAlive(Number(grandchild))).toBe(false);
  });
});
