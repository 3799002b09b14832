/** One sandbox: a forked process that runs one module, watched over by the process that owns it. */
import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { failure } from '../../errors.ts';
import type { Isolation, Json, Result, SandboxInfo, SandboxLimits, SandboxState } from '../../model.ts';
import { ok } from '../../model.ts';
import type { SandboxSpec } from '../../port.ts';
import type { Launch } from './isolation.ts';
import { launchOf } from './isolation.ts';
import type { FromChild, ToChild } from './messages.ts';
import { mostOutput, readFromChild } from './messages.ts';
import type { Source } from './source.ts';

/** A process that cannot say it is there within this is given up. */
const startMs = 10_000;
const longestBeatMs = 1000;
const shortestBeatMs = 50;

type Answered = Extract<FromChild, { m: 'value' | 'threw' }>;
type Ended = { readonly state: 'stopped' | 'failed'; readonly why: string };

export type SandboxOptions = {
  readonly id: string;
  readonly name: string;
  readonly source: Source;
  readonly limits: SandboxLimits;
  readonly policy: SandboxSpec['policy'];
  /** The built child.ts. */
  readonly childFile: string;
  readonly wallNow: () => number;
  /** Called after anything of its info changed. */
  readonly onChange: () => void;
};

export class Sandbox {
  readonly id: string;
  readonly #options: SandboxOptions;
  readonly #child: ChildProcess;
  readonly #startedAt: number;
  readonly #pending = new Map<number, (answer: Answered | null) => void>();
  readonly #exited: Promise<void>;
  #state: SandboxState = 'starting';
  #isolation: Isolation = { files: 'open', network: 'open', memory: 'advisory' };
  #memoryBytes: number | null = null;
  #baseBytes = 0;
  #ended: Ended | null = null;
  /** Why it is being ended by us, said before the process has gone. */
  #verdict: Ended | null = null;
  #lastWords = '';
  #lastCall = 0;
  #beat: NodeJS.Timeout | null = null;
  #pings = 0;
  #unanswered: { readonly n: number; readonly sentAt: number } | null = null;
  #onNews: ((news: FromChild | 'ended') => void) | null = null;

  /** Starts the process; {@link start} brings it to where its functions can be called. */
  constructor(options: SandboxOptions) {
    this.id = options.id;
    this.#options = options;
    this.#startedAt = options.wallNow();
    const { execArgv, env, cwd }: Launch = launchOf(
      options.childFile,
      options.source.file,
      options.limits,
      options.policy,
    );
    this.#child = fork(options.childFile, [], {
      execArgv: [...execArgv],
      env,
      cwd,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#child.on('message', (message: unknown) => {
      const news = readFromChild(message);
      if (news !== null) this.#hear(news);
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#lastWords = (this.#lastWords + chunk.toString('utf8')).slice(-mostOutput);
      });
    }
    this.#exited = new Promise((resolve) => {
      const gone = (code: number | null, signal: string | null, why?: string): void => {
        this.#end(code, signal, why);
        resolve();
      };
      this.#child.on('exit', (code, signal) => gone(code, signal));
      // Either it could not be started, which has no `exit`, or a message could not be sent, which an `exit` follows.
      this.#child.on('error', (error) => {
        if (this.#child.pid === undefined) gone(null, null, error.message);
      });
    });
  }

  get osPid(): number | null {
    return this.#child.pid ?? null;
  }
  get running(): boolean {
    return this.#ended === null;
  }
  get info(): SandboxInfo {
    const { id, name, source, limits } = this.#options;
    return {
      id,
      name,
      state: this.#state,
      source: source.label,
      osPid: this.#ended === null ? this.osPid : null,
      startedAt: this.#startedAt,
      memoryBytes: this.#ended === null ? this.#memoryBytes : null,
      isolation: this.#isolation,
      limits,
      ended: this.#ended?.why ?? null,
    };
  }

  /** Waits until the module is loaded; when that fails the process is ended. */
  async start(onStep: (step: string) => void, signal: AbortSignal): Promise<Result<SandboxInfo>> {
    onStep('starting its process');
    const ready = await this.#news(['ready'], signal);
    if (ready?.m !== 'ready') return this.#failed('Its process did not start.');
    this.#isolation = ready.isolation;
    this.#memoryBytes = ready.memoryBytes;
    this.#baseBytes = ready.memoryBytes;
    if (this.#options.policy === 'high' && ready.isolation.files === 'open') {
      return this.#failed('Its process can read files, which its policy forbids.');
    }
    this.#keepWatch();
    onStep('loading its module');
    this.#say({ m: 'load', ...this.#options.source.load });
    const loaded = await this.#news(['loaded', 'failed'], signal);
    if (loaded?.m !== 'loaded') {
      return this.#failed(loaded?.m === 'failed' ? loaded.why : 'Its module was not loaded.');
    }
    this.#state = 'running';
    this.#options.onChange();
    return ok(this.info);
  }

  /** Calls an exported function of the module. */
  async execute(
    name: string,
    args: readonly Json[],
    signal: AbortSignal,
  ): Promise<Result<{ value: Json; output: string }>> {
    if (this.#state !== 'running') return notRunning(this.info);
    this.#lastCall += 1;
    const id = this.#lastCall;
    const answer = await new Promise<Answered | null>((resolve) => {
      this.#pending.set(id, resolve);
      signal.addEventListener('abort', () => resolve(null), { once: true });
      this.#say({ m: 'call', id, function: name, args });
    });
    this.#pending.delete(id);
    if (answer === null) return this.#ended === null ? abandoned() : endedDuring(this.#ended);
    if (answer.m === 'value') return ok({ value: answer.value, output: answer.output });
    if (answer.why === 'no_function') {
      return failure(
        'not_found',
        'sandbox.no_function',
        `The module exports no function ${name}.`,
        `It exports: ${answer.text || 'none'}.`,
      );
    }
    const what = answer.why === 'exception' ? 'threw' : 'answered what is no JSON';
    return failure('execution', `sandbox.${answer.why}`, `${name} ${what}.`, 'See details.', {
      effect: 'unknown',
      details: { text: answer.text, output: answer.output },
    });
  }

  /** Ends the process and waits until it has gone; false when it has not within `waitMs`. */
  async end(why: string, waitMs: number): Promise<boolean> {
    this.#kill({ state: 'stopped', why });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, waitMs)));
    await Promise.race([this.#exited, late]);
    clearTimeout(timer);
    return this.#ended !== null;
  }

  // -------------------------------------------------------------------------------------------------- its process

  #hear(news: FromChild): void {
    if (news.m === 'value' || news.m === 'threw') this.#pending.get(news.id)?.(news);
    else if (news.m === 'pong') this.#pong(news);
    else this.#onNews?.(news);
  }

  #say(message: ToChild): void {
    // A message to a process that has just gone fails: its exit tells.
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  /** The next of these messages; null when the process ends, is too slow, or the call is cut off. */
  #news(kinds: readonly FromChild['m'][], signal: AbortSignal): Promise<FromChild | null> {
    return new Promise((resolve) => {
      const settle = (news: FromChild | null): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        this.#onNews = null;
        resolve(news);
      };
      const onAbort = (): void => settle(null);
      const timer = setTimeout(onAbort, startMs);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#onNews = (news) => {
        if (news === 'ended') settle(null);
        else if (kinds.includes(news.m)) settle(news);
      };
      if (this.#ended !== null) settle(null);
    });
  }

  async #failed(why: string): Promise<Result<never>> {
    const words = this.#ended?.why ?? why;
    this.#kill({ state: 'failed', why });
    await this.#exited;
    return failure(
      'execution',
      'sandbox.start_failed',
      'The sandbox could not be started.',
      'See details; correct its module.',
      {
        details: { why: words, output: this.#lastWords },
      },
    );
  }

  #kill(verdict: Ended): void {
    this.#verdict ??= verdict;
    this.#child.kill('SIGKILL');
  }

  #end(code: number | null, signal: string | null, why?: string): void {
    if (this.#ended !== null) return;
    if (this.#beat !== null) clearTimeout(this.#beat);
    const unasked: Ended = { state: 'failed', why: why ?? `Its process ended (${signal ?? `code ${String(code)}`}).` };
    this.#ended = this.#verdict ?? unasked;
    this.#state = this.#ended.state;
    for (const answer of this.#pending.values()) answer(null);
    this.#onNews?.('ended');
    this.#options.onChange();
  }

  // ------------------------------------------------------------------------------------------------------ heartbeat

  /** Asks again and again whether it still gives way; one that does not within `cpuMs` is killed, and one that grew too large. */
  #keepWatch(): void {
    const everyMs = Math.min(longestBeatMs, Math.max(shortestBeatMs, Math.floor(this.#options.limits.cpuMs / 4)));
    const beat = (dueAt: number): void => {
      if (this.#ended !== null) return;
      const now = performance.now();
      const waited = this.#unanswered === null ? 0 : now - this.#unanswered.sentAt;
      // When we ourselves were held up, its answer may be waiting for us.
      const weWereLate = now - dueAt > everyMs;
      if (waited > this.#options.limits.cpuMs && !weWereLate) {
        this.#kill({
          state: 'failed',
          why: `It ran for more than ${this.#options.limits.cpuMs} ms without giving way.`,
        });
        return;
      }
      if (this.#unanswered === null) {
        this.#pings += 1;
        this.#unanswered = { n: this.#pings, sentAt: now };
        this.#say({ m: 'ping', n: this.#pings });
      }
      this.#beat = setTimeout(() => beat(now + everyMs), everyMs);
    };
    beat(performance.now());
  }

  #pong({ n, memoryBytes }: Extract<FromChild, { m: 'pong' }>): void {
    if (this.#unanswered?.n !== n) return;
    this.#unanswered = null;
    this.#memoryBytes = memoryBytes;
    // What it had before the module was loaded is Node itself.
    if (memoryBytes - this.#baseBytes > this.#options.limits.memoryBytes) {
      this.#kill({
        state: 'failed',
        why: `It took more memory than its limit of ${this.#options.limits.memoryBytes} bytes.`,
      });
    }
  }
}

function abandoned(): ReturnType<typeof failure> {
  return failure(
    'timeout',
    'sandbox.no_answer',
    'The function has not answered in time.',
    'Raise the time limit, or destroy the sandbox.',
    {
      effect: 'unknown',
    },
  );
}

function endedDuring({ why }: Ended): ReturnType<typeof failure> {
  return failure(
    'execution',
    'sandbox.ended',
    `The sandbox ended: ${why}`,
    'Create it again, with higher limits if it needs them.',
    {
      effect: 'unknown',
    },
  );
}

export function notRunning({ id, state, ended }: SandboxInfo): ReturnType<typeof failure> {
  const why = ended === null ? '' : ` ${ended}`;
  return failure('conflict', 'sandbox.not_running', `Sandbox ${id} is ${state}.${why}`, 'Create it again.');
}
