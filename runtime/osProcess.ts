/** Processes of the operating system: what can be asked of one on every platform. */

/** Whether a process of this id exists. Signal 0 asks, on Windows too; EPERM means that it does and is another user's. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return thrown instanceof Error && 'code' in thrown && thrown.code === 'EPERM';
  }
}
