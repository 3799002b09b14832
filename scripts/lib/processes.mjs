// Child processes that cannot outlive us: each has a process group of its own, ended by its id when time is up, when
// asked, or when this process ends for whatever reason.
import { spawn, spawnSync } from 'node:child_process';
import process from 'node:process';

/** @typedef {import('node:child_process').ChildProcess} ChildProcess */

/** @type {Set<ChildProcess>} */
const running = new Set();

process.on('exit', () => {
  for (const child of running) endGroup(child, 'SIGKILL');
});
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.once(signal, () => process.exit(130));
}

/**
 * Sends a signal to a child and everything it started. On Windows, which knows no process groups, the tree below the
 * child is ended at once.
 *
 * @param {ChildProcess} child
 * @param {NodeJS.Signals} signal
 * @returns {void}
 */
export function endGroup(child, signal) {
  if (child.pid === undefined) return;
  if (process.platform === 'win32') {
    spawnSync('taskkill', ['/PID', String(child.pid), '/T', '/F'], { stdio: 'ignore' });
    return;
  }
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is gone already.
  }
}

/**
 * Starts a child in a process group of its own and remembers it until it has ended.
 *
 * @param {string} command  a program, never a line for a shell
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 * @returns {ChildProcess}
 */
export function start(command, args, options = {}) {
  const child = spawn(command, args, { ...options, detached: process.platform !== 'win32', shell: false });
  running.add(child);
  child.once('exit', () => running.delete(child));
  child.once('error', () => running.delete(child));
  return child;
}

/**
 * Ends a child and its group: asks first, insists after `graceMs`, and answers when the child is gone.
 *
 * @param {ChildProcess} child
 * @param {number} [graceMs]
 * @returns {Promise<void>}
 */
export async function stop(child, graceMs = 5_000) {
  if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    endGroup(child, 'SIGTERM');
    const insist = setTimeout(() => endGroup(child, 'SIGKILL'), graceMs);
    await gone;
    clearTimeout(insist);
  }
  // What the child itself started may still be there.
  endGroup(child, 'SIGKILL');
}

/**
 * @typedef {object} RunOptions
 * @property {string} [cwd]
 * @property {NodeJS.ProcessEnv} [env]        added to this process's environment
 * @property {number} [timeoutMs]             after which the whole group is ended
 * @property {'inherit' | 'capture' | 'both'} [output]  where standard output and error go; `both` also captures
 */

/**
 * @typedef {object} RunResult
 * @property {number} code      the exit code; 124 when time was up, 127 when the program could not be started
 * @property {string} output    standard output and error together, if captured
 * @property {boolean} timedOut
 */

/**
 * Runs a program to its end. Never throws: a program that cannot be started answers code 127 with the reason in
 * `output`.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {RunOptions} [options]
 * @returns {Promise<RunResult>}
 */
export async function run(command, args, options = {}) {
  const mode = options.output ?? 'inherit';
  const child = start(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', mode === 'inherit' ? 'inherit' : 'pipe', mode === 'inherit' ? 'inherit' : 'pipe'],
  });
  let output = '';
  for (const [stream, sink] of /** @type {const} */ ([
    [child.stdout, process.stdout],
    [child.stderr, process.stderr],
  ])) {
    stream?.setEncoding('utf8');
    stream?.on('data', (/** @type {string} */ text) => {
      output += text;
      if (mode === 'both') sink.write(text);
    });
  }
  let timedOut = false;
  const timer =
    options.timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          timedOut = true;
          endGroup(child, 'SIGKILL');
        }, options.timeoutMs);
  const code = await new Promise((resolve) => {
    child.once('error', (error) => {
      output += error.message;
      resolve(127);
    });
    // 'close' rather than 'exit': what the program printed last has arrived by then.
    child.once('close', (exitCode) => resolve(exitCode ?? 1));
  });
  clearTimeout(timer);
  endGroup(child, 'SIGKILL');
  return { code: timedOut ? 124 : Number(code), output, timedOut };
}
