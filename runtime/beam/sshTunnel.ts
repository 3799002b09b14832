/**
 * The way through the user's own `ssh`: one process for each address that is reached (EPMD, and each node), because a forward cannot be
 * added to one that runs. A forward that nobody has used for a while is ended; all of them are with the connection, and with us.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Address, DialOptions, DialResult } from './dist/tcp.ts';
import { connectTcp } from './dist/tcp.ts';
import type { SshSpec } from './sshArguments.ts';
import { isForwardable, sshArguments } from './sshArguments.ts';

/** ssh listens once it is let in; nothing tells us when. */
const lookMs = 25;
/** sshd drops some of those that come while ten others are being let in (sshd_config, MaxStartups). */
const mostStarting = 4;
const idleMs = 60_000;
const mostSaid = 2_000;

type Forward = {
  readonly process: ChildProcess;
  readonly localPort: number;
  readonly open: Set<Socket>;
  said: string;
  /** Why it is over; null while it runs. */
  over: { readonly code: 'ssh_missing' | 'ssh_ended'; readonly detail: string } | null;
  idle: NodeJS.Timeout | undefined;
};

export class SshTunnel {
  readonly #spec: SshSpec;
  readonly #forwards = new Map<string, Promise<Forward>>();
  readonly #running = new Set<ChildProcess>();
  readonly #waiting: (() => void)[] = [];
  #starting = 0;
  #isClosed = false;

  constructor(spec: SshSpec) {
    this.#spec = spec;
    process.on('exit', this.close);
  }

  /** Connects to an address as the target of ssh sees it. */
  readonly dial = async (address: Address, options: DialOptions): Promise<DialResult> => {
    if (this.#isClosed || options.signal.aborted) return { ok: false, why: 'cancelled' };
    if (!isForwardable(address.host)) {
      return { ok: false, why: 'route', code: 'ssh_host', detail: 'This is no host that ssh can forward to.' };
    }
    const started = performance.now();
    const left = () => options.timeoutMs - (performance.now() - started);
    await this.#turn();
    try {
      return await this.#through(await this.#forwardTo(address), left, options.signal);
    } catch (error) {
      // No port of loopback is free, or no process can be started.
      const detail = error instanceof Error ? error.message : '';
      return { ok: false, why: 'route', code: 'ssh_missing', detail };
    } finally {
      this.#starting -= 1;
      this.#waiting.shift()?.();
    }
  };

  /** Ends every ssh. */
  readonly close = (): void => {
    this.#isClosed = true;
    process.off('exit', this.close);
    for (const child of this.#running) child.kill();
  };

  async #turn(): Promise<void> {
    if (this.#starting >= mostStarting) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#starting += 1;
  }

  async #through(forward: Forward, left: () => number, signal: AbortSignal): Promise<DialResult> {
    for (;;) {
      if (this.#isClosed || signal.aborted) return { ok: false, why: 'cancelled' };
      if (forward.over !== null) return { ok: false, why: 'route', ...forward.over };
      if (left() <= 0) {
        return { ok: false, why: 'route', code: 'ssh_timeout', detail: lastLine(forward.said) };
      }
      const here = { host: '127.0.0.1', port: forward.localPort };
      const connected = await connectTcp(here, { timeoutMs: left(), signal });
      if (connected.ok) {
        this.#use(forward, connected.socket);
        return { ok: true, socket: connected.socket, far: 'unknown' };
      }
      if (connected.why !== 'refused') return connected;
      await delay(lookMs);
    }
  }

  #use(forward: Forward, socket: Socket): void {
    clearTimeout(forward.idle);
    forward.open.add(socket);
    socket.once('close', () => {
      forward.open.delete(socket);
      if (forward.open.size === 0 && forward.over === null) waitIdle(forward);
    });
  }

  #forwardTo(address: Address): Promise<Forward> {
    const key = `${address.host} ${String(address.port)}`;
    const existing = this.#forwards.get(key);
    if (existing !== undefined) return existing;
    const starting = this.#start(key, address);
    this.#forwards.set(key, starting);
    starting.catch(() => this.#forwards.delete(key));
    return starting;
  }

  async #start(key: string, address: Address): Promise<Forward> {
    const localPort = await freePort();
    const args = sshArguments(this.#spec, localPort, address);
    const child = spawn(this.#spec.program ?? 'ssh', args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      windowsHide: true,
    });
    const forward: Forward = {
      process: child,
      localPort,
      open: new Set(),
      said: '',
      over: null,
      idle: undefined,
    };
    // Whoever asked for it may have given up before it was there.
    waitIdle(forward);
    if (this.#isClosed) child.kill();
    this.#running.add(child);
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      forward.said = (forward.said + text).slice(-mostSaid);
    });
    const over = (code: 'ssh_missing' | 'ssh_ended', detail: string): void => {
      forward.over ??= { code, detail };
      clearTimeout(forward.idle);
      this.#running.delete(child);
      this.#forwards.delete(key);
    };
    child.on('error', (error) => {
      over('ssh_missing', error.message);
    });
    // After what it said has been read to its end.
    child.on('close', (status, signal) => {
      over('ssh_ended', lastLine(forward.said) || `ssh ended with ${String(status ?? signal)}.`);
    });
    return forward;
  }
}

function waitIdle(forward: Forward): void {
  forward.idle = setTimeout(() => forward.process.kill(), idleMs);
  forward.idle.unref();
}

/** What ssh said last; before it stands what its configuration and the server's banner have to say. */
function lastLine(said: string): string {
  return said.trim().split('\n').slice(-2).join(' ').slice(0, 300);
}

/** A port of loopback that nobody uses at this moment. Should another be faster, ssh ends, and the next attempt has another port. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
  });
}
