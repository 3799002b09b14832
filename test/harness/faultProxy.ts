/** A TCP proxy on loopback that can do to a connection what networks and broken peers do. */
import type { Socket } from 'node:net';
import { connect, createServer } from 'node:net';

export type FaultProxy = {
  readonly port: number;
  /** Connections accepted so far. */
  readonly accepted: () => number;
  /** From now on nothing passes, in either direction, and nobody is told: a link that is half open. */
  readonly swallow: () => void;
  /** Says bytes of its own to everyone who has connected. */
  readonly inject: (bytes: Uint8Array) => void;
  /** Changes what the target says on connections to come: `at` is how much of it has passed before. Null: nothing. */
  readonly corrupt: (change: ((bytes: Buffer, at: number) => Uint8Array) | null) => void;
  /** Ends every connection with a reset (RST). What connects afterwards passes. */
  readonly reset: () => void;
  readonly close: () => Promise<void>;
};

/** Starts a proxy for `targetPort` on 127.0.0.1, or for the port that a function says at each connection. */
export async function startFaultProxy(target: number | (() => number)): Promise<FaultProxy> {
  const pairs = new Set<{ readonly near: Socket; readonly far: Socket; isSwallowed: boolean }>();
  let accepted = 0;
  let change: ((bytes: Buffer, at: number) => Uint8Array) | null = null;
  const server = createServer((near) => {
    accepted += 1;
    const far = connect(typeof target === 'number' ? target : target(), '127.0.0.1');
    const pair = { near, far, isSwallowed: false };
    pairs.add(pair);
    const corrupt = change;
    let passed = 0;
    near.on('data', (bytes) => {
      if (!pair.isSwallowed) far.write(bytes);
    });
    far.on('data', (bytes) => {
      if (!pair.isSwallowed) near.write(corrupt === null ? bytes : corrupt(bytes, passed));
      passed += bytes.length;
    });
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('error', () => undefined);
      one.on('close', () => {
        pairs.delete(pair);
        if (!pair.isSwallowed) other.destroySoon();
      });
    }
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
  const each = (act: (pair: { readonly near: Socket; readonly far: Socket; isSwallowed: boolean }) => void): void => {
    for (const pair of [...pairs]) act(pair);
  };
  return {
    port,
    accepted: () => accepted,
    swallow: () => {
      each((pair) => {
        pair.isSwallowed = true;
      });
    },
    inject: (bytes) => {
      each(({ near }) => near.write(bytes));
    },
    corrupt: (next) => {
      change = next;
    },
    reset: () => {
      each((pair) => {
        pair.near.resetAndDestroy();
        pair.far.resetAndDestroy();
      });
    },
    close: () =>
      new Promise((resolve) => {
        each(({ near, far }) => {
          near.destroy();
          far.destroy();
        });
        server.close(() => {
          resolve();
        });
      }),
  };
}
