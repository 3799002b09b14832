/** One life of one node: its process, what it prints, and its end. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Launch } from './launch.ts';
import type { NodeLine } from './lifeline.ts';
import type { LogFile } from './logFile.ts';
import { programCall } from './program.ts';

/** In good order takes at most this long; then it is killed. */
const stopMs = 3_000;

export class NodeProcess {
  /** Resolves when the process is gone, with how it went. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  readonly #hangs = new Set<ChildProcess>();
  #isGone = false;
  /** The line to it; null until it has said hello. */
  line: NodeLine | null = null;

  private constructor(child: ChildProcess, log: LogFile) {
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (bytes: Buffer) => log.write(bytes));
    child.stdin?.on('error', () => undefined);
    this.ended = new Promise((resolve) => {
      const gone = (how: string): void => {
        this.#isGone = true;
        this.#release();
        resolve(how);
      };
      child.once('error', (error) => gone(`could not be started: ${error.message}`));
      child.once('exit', (code, signal) =>
        gone(signal === null ? `exit code ${code ?? 'unknown'}` : `signal ${signal}`),
      );
    });
  }

  /** Writes what the node reads when it starts, and starts it. `cookie` stands nowhere but in a file of its own. */
  static async start(launch: Launch, cookie: string, log: LogFile): Promise<NodeProcess> {
    const nodeDir = path.dirname(launch.factsFile);
    await mkdir(nodeDir, { recursive: true, mode: 0o700 });
    await writePrivate(path.join(nodeDir, '.erlang.cookie'), cookie, 0o400);
    await writePrivate(launch.factsFile, launch.facts, 0o600);
    log.write(`--- ${new Date().toISOString()} ${[launch.file, ...launch.args].join(' ')}\n`);
    const call = programCall(launch.file, launch.args);
    const child = spawn(call.file, [...call.args], {
      windowsVerbatimArguments: call.windowsVerbatimArguments,
      cwd: launch.cwd,
      env: { ...launch.env },
      // Standard input stays open, and says nothing: a shell that reads it ends with us.
      stdio: ['pipe', 'pipe', 'pipe'],
      windowsHide: true,
    });
    return new NodeProcess(child, log);
  }

  /** How many hold it where it stands. */
  get hangs(): number {
    return this.#hangs.size;
  }

  /** The emulator's process; before it has said so, the one that was started. null when there is none. */
  get osPid(): number | null {
    return this.#isGone ? null : (this.line?.osPid ?? this.#child.pid ?? null);
  }

  /** Ends it at once, as a power cut does, and waits until it is gone. */
  async kill(): Promise<void> {
    this.#signal('SIGKILL');
    this.#child.kill('SIGKILL');
    await this.ended;
  }

  /** Ends it in good order if it can, else at once. */
  async stop(): Promise<void> {
    if (this.#isGone) return;
    if (this.line === null || this.#hangs.size > 0) return this.kill();
    this.line.stop();
    const timer = setTimeout(() => void this.kill(), stopMs);
    await this.ended;
    clearTimeout(timer);
  }

  /**
   * Stops it where it stands (SIGSTOP), until the answer is called. A helper of its own lets it go on should we end meanwhile: a
   * stopped node cannot see that its owner is gone.
   */
  hang(): () => void {
    const osPid = this.osPid;
    const script = 'read -r _; kill -CONT "$0"';
    const guard = spawn('/bin/sh', ['-c', script, String(osPid)], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    guard.on('error', () => undefined);
    guard.stdin.on('error', () => undefined);
    this.#hangs.add(guard);
    this.#signal('SIGSTOP');
    return () => {
      this.#hangs.delete(guard);
      if (this.#hangs.size === 0) this.#signal('SIGCONT');
      // It must not wake a node that another still holds: it is ended before it reads.
      guard.kill('SIGKILL');
    };
  }

  #release(): void {
    for (const guard of this.#hangs) guard.kill('SIGKILL');
    this.#hangs.clear();
  }

  #signal(signal: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): void {
    const osPid = this.osPid;
    if (osPid === null) return;
    try {
      process.kill(osPid, signal);
    } catch {
      // It is gone already.
    }
  }
}

/** Writes a file anew that nobody else may read; `mode` may be read-only for us too. */
async function writePrivate(file: string, text: string, mode: number): Promise<void> {
  await rm(file, { force: true });
  await writeFile(file, text, { mode: 0o600, flag: 'wx' });
  await chmod(file, mode);
}
