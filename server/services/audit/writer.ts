/** Who writes a log: so that another process can tell whether it still lives. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Json } from '../../../runtime/model.ts';
import { isRunning } from '../../../runtime/osProcess.ts';

export type Writer = {
  readonly pid: number;
  readonly host: string;
  /** When the process began, in the system's own ticks (Linux), so that a process id used again is told apart; null elsewhere. */
  readonly startTicks: string | null;
};

/** This process. */
export function thisWriter(): Writer {
  return { pid: process.pid, host: hostname(), startTicks: startTicksOf(process.pid) };
}

/**
 * Whether that process is surely gone: of this machine, and no process has its id, or another process has. A writer of another
 * machine (a shared home) is never called dead.
 */
export function isDead(writer: Writer): boolean {
  if (writer.host !== hostname()) return false;
  if (!isRunning(writer.pid)) return true;
  return writer.startTicks !== null && startTicksOf(writer.pid) !== writer.startTicks;
}

/** The writer an opening record names; null when it names none. */
export function writerIn(data: { readonly [key: string]: Json }): Writer | null {
  const { pid, host, startTicks } = data;
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0 || typeof host !== 'string') return null;
  return { pid, host, startTicks: typeof startTicks === 'string' ? startTicks : null };
}

/** Field 22 of /proc/PID/stat (proc(5)); the second field may hold spaces and brackets, so that counting begins after it. */
function startTicksOf(pid: number): string | null {
  if (process.platform !== 'linux') return null;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}
