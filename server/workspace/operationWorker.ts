/**
 * One module of the user's own, in a worker: started when there is something to do, ended when it is idle, when it will not stop, and
 * when it takes too much memory. What it breaks is itself.
 */
import { MessageChannel, Worker } from 'node:worker_threads';
import { remainingNow } from '../../runtime/callOptions.ts';
import { cancelled, failure, timedOut } from '../../runtime/errors.ts';
import type { Effect, Json, Result } from '../../runtime/model.ts';
import type { MethodName } from '../../runtime/port.ts';
import { mapMethods } from '../../runtime/portFacade.ts';
import { messagePortEndpoint } from '../../runtime/proxy/endpoint.ts';
import { servePort } from '../../runtime/proxy/servePort.ts';
import type { Context } from '../core/context.ts';
import type { Sources } from '../../runtime/userCode/sourceModules.ts';
import type { FromWorker, Loaded, LoadFailure, Step, StepInput, ToWorker, WorkerStart } from './messages.ts';

export type OperationWorkerOptions = {
  /** The bundle of worker.ts. */
  readonly workerFile: string;
  readonly start: WorkerStart;
  readonly log: (level: 'info' | 'warn' | 'error', text: string) => void;
  readonly loadMs?: number;
  readonly idleMs?: number;
  /** How long a step may still take after it was cancelled, or its time was up, before its worker is ended. */
  readonly graceMs?: number;
};

export type LoadResult =
  { readonly ok: true; readonly loaded: Loaded } | { readonly ok: false; readonly failure: LoadFailure };

type Call = {
  readonly worker: Worker;
  readonly step: Step;
  done(result: Result<Json>): void;
  progress(progress: Extract<FromWorker, { m: 'progress' }>): void;
};

const defaults = { loadMs: 20_000, idleMs: 60_000, graceMs: 1_000 };
const memoryMb = 128;

export class OperationWorker {
  readonly #options: OperationWorkerOptions & typeof defaults;
  readonly #calls = new Map<number, Call>();
  /** Those that load their module now: no time to rest. */
  readonly #loading = new Set<Worker>();
  #running: { readonly worker: Worker; readonly loaded: Promise<LoadResult> } | null = null;
  /** What the module was when it was first loaded: the same again, however often its worker is started. */
  #sources: Sources | undefined;
  #nextId = 1;
  #isRetired = false;
  #idle: NodeJS.Timeout | undefined;

  constructor(options: OperationWorkerOptions) {
    this.#options = { ...defaults, ...options };
  }

  get isEnded(): boolean {
    return this.#running === null;
  }

  /** Starts the worker if there is none, and answers what its module is. */
  load(): Promise<LoadResult> {
    this.#running ??= this.#launch();
    return this.#running.loaded;
  }

  /** Runs a step of an operation. Never rejects; a step that will not end is ended with its worker. */
  async run(operation: string, step: Step, input: StepInput, context: Context<MethodName>): Promise<Result<Json>> {
    const running = (this.#running ??= this.#launch());
    const found = await running.loaded;
    if (!found.ok) {
      return failure('execution', 'operation.broken', found.failure.message, 'Mend the module and save it.', {
        details: { file: found.failure.at.file, line: found.failure.at.line, column: found.failure.at.column },
      });
    }
    return this.#call(running.worker, operation, step, input, context);
  }

  /** Ends the worker when what runs in it is over. Whoever begins to call it later starts it again, for as long as that takes. */
  retire(): void {
    this.#isRetired = true;
    this.#rest();
  }

  /** Ends the worker, and what runs in it. */
  async close(): Promise<void> {
    clearTimeout(this.#idle);
    const { worker } = this.#running ?? {};
    this.#running = null;
    await worker?.terminate();
  }

  #launch(): { readonly worker: Worker; readonly loaded: Promise<LoadResult> } {
    const { workerFile, start, loadMs } = this.#options;
    const worker = new Worker(workerFile, {
      workerData: { ...start, ...(this.#sources !== undefined && { sources: this.#sources }) } satisfies WorkerStart,
      resourceLimits: { maxOldGenerationSizeMb: memoryMb },
      // Nothing of the machine: neither its environment nor its streams (stdout is the protocol's).
      env: {},
      stdin: false,
      stdout: true,
      stderr: true,
    });
    const loaded = new Promise<LoadResult>((resolve) => {
      const fail = (message: string) => {
        clearTimeout(timer);
        resolve({ ok: false, failure: { message, at: { file: start.file, line: 1, column: 1 }, files: [start.file] } });
      };
      const timer = setTimeout(() => {
        fail(`Loading it took longer than ${loadMs} ms.`);
        void worker.terminate();
      }, loadMs);
      worker.on('message', (message: FromWorker) => {
        if (message.m !== 'loaded' && message.m !== 'broken') return;
        clearTimeout(timer);
        if (message.m === 'loaded') this.#sources ??= message.loaded.sources;
        resolve(
          message.m === 'loaded' ? { ok: true, loaded: message.loaded } : { ok: false, failure: message.failure },
        );
      });
      worker.once('error', (error: unknown) => fail(error instanceof Error ? error.message : String(error)));
      worker.once('exit', () => fail('Its worker ended while it was loaded.'));
    });
    this.#loading.add(worker);
    void loaded.then(() => {
      this.#loading.delete(worker);
      this.#rest();
    });
    worker.on('message', (message: FromWorker) => this.#receive(message));
    worker.once('exit', () => this.#exited(worker));
    worker.on('error', (error: unknown) => {
      this.#options.log('error', `${start.file}: ${error instanceof Error ? error.message : String(error)}`);
    });
    return { worker, loaded };
  }

  #receive(message: FromWorker): void {
    switch (message.m) {
      case 'done':
        this.#calls.get(message.id)?.done(message.result);
        return;
      case 'progress':
        this.#calls.get(message.id)?.progress(message);
        return;
      case 'log':
        this.#options.log(message.level, `${this.#options.start.file}: ${message.text}`);
        return;
      default:
    }
  }

  #call(
    worker: Worker,
    operation: string,
    step: Step,
    input: StepInput,
    context: Context<MethodName>,
  ): Promise<Result<Json>> {
    const id = this.#nextId++;
    const { port1: ours, port2: theirs } = new MessageChannel();
    const all = { can: true } as const;
    const served = servePort(
      {
        port: context.port,
        state: { is: 'ready', epoch: context.requestId },
        capabilities: { version: 1, runtime: mapMethods(() => all), nodes: {} },
        onChange: () => ({ dispose: () => undefined }),
        close: () => Promise.resolve(),
      },
      messagePortEndpoint(ours),
      { whenClosed: 'keep_runtime' },
    );
    const remainingMs = remainingNow(context.options());
    return new Promise<Result<Json>>((resolve) => {
      const { signal } = context;
      const finish = (result: Result<Json>) => {
        if (!this.#calls.delete(id)) return;
        clearTimeout(deadline);
        clearTimeout(grace);
        signal.removeEventListener('abort', onAbort);
        served.dispose();
        ours.close();
        this.#rest();
        resolve(result);
      };
      let grace: NodeJS.Timeout | undefined;
      /** Asks it to stop; ends the worker when it does not, because a loop that never yields hears nothing. */
      const stop = (answer: Result<never>) => {
        worker.postMessage({ m: 'cancel', id } satisfies ToWorker);
        grace ??= setTimeout(() => {
          finish(answer);
          // The next call starts another; nobody is to meet the one that is being ended.
          if (this.#running?.worker === worker) this.#running = null;
          void worker.terminate();
        }, this.#options.graceMs);
      };
      const onAbort = () => stop(cancelled(effectOfEnd(step)));
      const deadline = setTimeout(
        () => stop(timedOut(operation, effectOfEnd(step))),
        Math.min(remainingMs, 2 ** 31 - 1),
      );
      this.#calls.set(id, {
        worker,
        step,
        done: finish,
        progress: ({ progress }) => {
          void context.emit(progress).then(() => worker.postMessage({ m: 'taken', id } satisfies ToWorker));
        },
      });
      const run = {
        m: 'run',
        id,
        operation,
        step,
        input,
        connection: context.connection,
        caller: context.caller,
        owner: context.owner,
        requestId: context.requestId,
        correlationId: context.correlationId,
        remainingMs,
        port: theirs,
      } satisfies ToWorker;
      worker.postMessage(run, [theirs]);
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  #exited(worker: Worker): void {
    if (this.#running?.worker === worker) this.#running = null;
    for (const [, call] of this.#calls) {
      if (call.worker === worker) call.done(this.#gone(call.step, 'its worker ended while it ran'));
    }
  }

  #gone(step: Step, why: string): Result<never> {
    return failure(
      'execution',
      'operation.worker_ended',
      `The operation was ended: ${why}.`,
      'See the log; it may have run out of memory.',
      { effect: effectOfEnd(step) },
    );
  }

  /** Ends the worker when nothing has been asked of it for a while; the next call starts it again. */
  #rest(): void {
    clearTimeout(this.#idle);
    const idleMs = this.#isRetired ? 0 : this.#options.idleMs;
    this.#idle = setTimeout(() => {
      if (this.#calls.size === 0 && this.#loading.size === 0) void this.close();
    }, idleMs);
    this.#idle.unref();
  }
}

function effectOfEnd(step: Step): Effect {
  return step === 'apply' || step === 'compensate' ? 'unknown' : 'none';
}
