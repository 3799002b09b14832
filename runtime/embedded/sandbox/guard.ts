/**
 * A sandbox ends by itself when its owner has gone, unless it is caught in a loop and never hears of it. So each owner has one guard,
 * which runs no code of users and is always listening: it kills what is left when the owner has gone, however that ended.
 */
import process from 'node:process';
import { isToGuard } from './messages.ts';

/** Watches until the owner is gone. */
export function runGuard(): void {
  const watched = new Set<number>();
  process.on('message', (message: unknown) => {
    if (!isToGuard(message)) return;
    if (message.m === 'watch') watched.add(message.pid);
    else watched.delete(message.pid);
  });
  process.on('disconnect', () => {
    for (const pid of watched) kill(pid);
    process.exit(0);
  });
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}
