import type { Server } from 'node:net';

/** Listens on a free port of 127.0.0.1 and answers it. Rejects when there is none. */
export function listenOnLoopback(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      server.off('error', reject);
      // A listener that fails later must not take the whole process with it.
      server.on('error', () => undefined);
      const address = server.address();
      if (typeof address === 'object' && address !== null) resolve(address.port);
      else reject(new Error('The server has no port.'));
    });
  });
}
