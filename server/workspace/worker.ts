/** The worker that holds one module of the user's own: it loads it, says what operations it has, and runs their steps. */
import { createRequire } from 'node:module';
import process from 'node:process';
import { parentPort, workerData } from 'node:worker_threads';
import { callOptions } from '../../runtime/callOptions.ts';
import { failure } from '../../runtime/errors.ts';
import { messagePortEndpoint } from '../../runtime/proxy/endpoint.ts';
import { connectPort } from '../../runtime/proxy/connectPort.ts';
import { describe } from './describe.ts';
import type { Definition } from './describe.ts';
import type { FromWorker, LoadFailure, ToWorker, WorkerStart } from './messages.ts';
import { oldForm } from './oldForm.ts';
import { runStep } from './runStep.ts';
import { ModuleError, SourceModules } from '../../runtime/userCode/sourceModules.ts';

const channel = parentPort;
const given: unknown = workerData;
if (channel !== null && isWorkerStart(given)) serve(channel, given);

/** What operationWorker.ts starts a worker with. */
function isWorkerStart(value: unknown): value is WorkerStart {
  if (typeof value !== 'object' || value === null) return false;
  return ['file', 'root', 'apiFile'].every((key) => typeof Reflect.get(value, key) === 'string');
}

function serve(to: NonNullable<typeof parentPort>, start: WorkerStart): void {
  const tell = (message: FromWorker) => {
    to.postMessage(message);
  };
  const places = new Map<object, LoadFailure['at']>();
  const api: unknown = createRequire(start.apiFile)(start.apiFile);
  closeRealm();
  const modules: SourceModules = new SourceModules({
    root: start.root,
    imports: { 'arsenal-otp/operation': recording(api, () => modules, places, start.file) },
    globals: globalsFor(tell),
    realm: 'own_realm',
    ...(start.sources !== undefined && { sources: start.sources }),
  });
  const loaded = load(modules, start, places);
  if ('failure' in loaded) {
    tell({ m: 'broken', failure: loaded.failure });
    return;
  }
  const operations = loaded.definitions.map(({ description }) => description);
  tell({ m: 'loaded', loaded: { operations, sources: modules.sources } });

  const running = new Map<number, { readonly control: AbortController; taken: (() => void) | null }>();
  to.on('message', (message: ToWorker) => {
    if (message.m === 'cancel') {
      running.get(message.id)?.control.abort();
      return;
    }
    if (message.m === 'taken') {
      running.get(message.id)?.taken?.();
      return;
    }
    const { id, port } = message;
    const definition = loaded.definitions.find(({ description }) => description.name === message.operation);
    if (definition === undefined) {
      const result = failure('not_found', 'operation.unknown', 'The module has no such operation.', 'Save it again.');
      tell({ m: 'done', id, result });
      return;
    }
    const run = { control: new AbortController(), taken: null as (() => void) | null };
    running.set(id, run);
    const runtime = connectPort(messagePortEndpoint(port), {
      id: message.connection?.id ?? 'none',
      kind: message.connection?.kind ?? 'simulated',
    });
    const budget = callOptions(message.remainingMs, run.control.signal, message.correlationId);
    void runStep(definition, message, {
      port: runtime.port,
      budget,
      emit: async (progress) => {
        const taken = new Promise<void>((resolve) => (run.taken = resolve));
        tell({ m: 'progress', id, progress });
        await taken;
      },
      place: (stack) => modules.placeOf(stack),
    }).then((result) => {
      running.delete(id);
      port.close();
      tell({ m: 'done', id, result });
    });
  });
}

function load(
  modules: SourceModules,
  start: WorkerStart,
  places: ReadonlyMap<object, LoadFailure['at']>,
): { readonly definitions: readonly Definition[] } | { readonly failure: LoadFailure } {
  try {
    const exported = modules.load(start.file);
    const values = [...new Set<unknown>(Object.values(exported))];
    const definitions = values.flatMap((value) => {
      const at = typeof value === 'object' && value !== null ? places.get(value) : undefined;
      return at === undefined ? [] : [describe(value, at)];
    });
    if (definitions.length > 0) return { definitions };
    // The callbacks are what an exported object or class has, or what the module itself exports.
    const at = { file: start.file, line: 1, column: 1 };
    const older = [...values, exported].flatMap((value) => oldForm(value, at) ?? []);
    if (older.length > 0) return { definitions: older.map((value) => describe(value, at)) };
    const message = 'The module exports no operation: export what defineOperation answers.';
    return { failure: { message, at: { file: start.file, line: 1, column: 1 }, files: Object.keys(modules.sources) } };
  } catch (thrown) {
    const { message, at } =
      thrown instanceof ModuleError
        ? thrown
        : new ModuleError(String(thrown), { file: start.file, line: 1, column: 1 });
    return { failure: { message, at, files: Object.keys(modules.sources) } };
  }
}

/** The API as the module sees it: `defineOperation` also notes where it was called. */
function recording(
  api: unknown,
  modules: () => SourceModules,
  places: Map<object, LoadFailure['at']>,
  file: string,
): object {
  if (typeof api !== 'object' || api === null) return {};
  const define: unknown = Reflect.get(api, 'defineOperation');
  if (typeof define !== 'function') return api;
  return {
    ...api,
    defineOperation: (definition: unknown) => {
      const made: unknown = Reflect.apply(define, undefined, [definition]);
      const at = modules().placeOf(new Error().stack ?? '') ?? { file, line: 1, column: 1 };
      if (typeof made === 'object' && made !== null) places.set(made, at);
      return made;
    },
  };
}

/**
 * Shuts the ways from what a module is handed to the worker itself: every object of ours leads by its constructors to code made from
 * text, and that to files and the network. What is shut cannot be opened again. Together with the context of its own, and an empty
 * environment, a module has what it `needs` and no more; against code that means harm it is no wall, as Node's contexts are none.
 */
function closeRealm(): void {
  const functions = [
    () => undefined,
    async () => Promise.resolve(),
    function* () {
      yield 0;
    },
    async function* () {
      yield await Promise.resolve(0);
    },
  ];
  for (const made of functions) {
    const prototype: unknown = Object.getPrototypeOf(made);
    if (typeof prototype === 'object' || typeof prototype === 'function') {
      Object.defineProperty(prototype, 'constructor', { value: undefined, writable: false, configurable: false });
    }
  }
  for (const name of ['binding', '_linkedBinding', 'dlopen', 'getBuiltinModule', 'kill', 'reallyExit', 'abort']) {
    Reflect.deleteProperty(process, name);
  }
}

/** What a module finds beside the language: time, text and cancellation. No process, files, network or `require` of the machine. */
function globalsFor(tell: (message: FromWorker) => void): { readonly [name: string]: unknown } {
  const say =
    (level: 'info' | 'warn' | 'error') =>
    (...parts: readonly unknown[]) => {
      tell({
        m: 'log',
        level,
        text: parts
          .map((part) => textOf(part))
          .join(' ')
          .slice(0, 4_000),
      });
    };
  const console = { log: say('info'), info: say('info'), debug: say('info'), warn: say('warn'), error: say('error') };
  return {
    console,
    setTimeout,
    clearTimeout,
    setInterval,
    clearInterval,
    queueMicrotask,
    structuredClone,
    AbortController,
    AbortSignal,
    TextEncoder,
    TextDecoder,
    URL,
    performance,
  };
}

function textOf(part: unknown): string {
  if (typeof part === 'string') return part;
  try {
    const text: unknown = JSON.stringify(part);
    return typeof text === 'string' ? text : String(part);
  } catch {
    return String(part);
  }
}
