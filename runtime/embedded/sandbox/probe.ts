/** What keeps a sandbox apart on this machine: tried from inside, before the user's code runs. */
import fs from 'node:fs';
import net from 'node:net';
import process from 'node:process';
import type { Isolation } from '../../model.ts';

/** Tries what should not be possible, and says whether it was. Memory is held by the heap's cap and the owner's eye on the rest. */
export async function probeIsolation(): Promise<Isolation> {
  return {
    files: canOpenFiles() ? 'open' : 'denied',
    network: (await canConnect()) ? 'open' : 'denied',
    memory: 'enforced',
  };
}

function canOpenFiles(): boolean {
  try {
    fs.closeSync(fs.openSync(process.execPath, 'r'));
    return true;
  } catch (thrown) {
    return !isDenied(thrown);
  }
}

/** The discard port of this machine: whether anybody listens there or not, the attempt shows whether it is allowed. */
function canConnect(): Promise<boolean> {
  return new Promise((resolve) => {
    try {
      const socket = net.connect({ host: '127.0.0.1', port: 9 });
      socket.on('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.on('error', (thrown) => resolve(!isDenied(thrown)));
    } catch (thrown) {
      resolve(!isDenied(thrown));
    }
  });
}

function isDenied(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === 'ERR_ACCESS_DENIED';
}
