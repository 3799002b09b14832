/**
 * The user's own operations: every module below `arsenal/operations` of a trusted workspace folder, found at start and on save,
 * registered at once. A module that is broken becomes a diagnostic at its line, and what it had registered before stays.
 */
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { DiagnosticSeverity } from 'vscode-languageserver/node';
import type { Diagnostic } from 'vscode-languageserver/node';
import { arsenalError } from '../../runtime/errors.ts';
import type { ArsenalError, Result } from '../../runtime/model.ts';
import type { AnyOperation } from '../core/operation.ts';
import { Registry } from '../core/registry.ts';
import type { CatalogueEntry } from '../protocol/operation.ts';
import type { Place } from '../../runtime/userCode/sourceModules.ts';
import type { OperationDescription } from './messages.ts';
import { OperationWorker } from './operationWorker.ts';
import { proxyOperation } from './proxyOperation.ts';

export type WorkspaceOperations = {
  /** Looks for modules in every folder. */
  start(): void;
  /** A file was made, saved or deleted; other files are ignored. */
  fileChanged(file: string): void;
  changeFolders(added: readonly string[], removed: readonly string[]): void;
  /** Resolves when everything that was asked for so far has been looked at. */
  settled(): Promise<void>;
  close(): Promise<void>;
};

export type WorkspaceOptions = {
  readonly registry: Registry;
  readonly folders: readonly string[];
  /** Bundles of worker.ts and of the API a module imports. */
  readonly workerFile: string;
  readonly operationApiFile: string;
  readonly publishDiagnostics: (uri: string, diagnostics: Diagnostic[]) => void;
  readonly onBroken: (file: string, place: Place, error: ArsenalError) => void;
  readonly log: (level: 'info' | 'warn' | 'error', text: string) => void;
  /** Looks by itself every so often, for a client that does not tell of changed files. */
  readonly pollMs?: number;
  readonly worker?: { readonly loadMs?: number; readonly idleMs?: number; readonly graceMs?: number };
};

type Module = {
  readonly file: string;
  readonly folder: string;
  /** Behind what is registered. */
  worker: OperationWorker | null;
  registered: readonly string[];
  /** Everything the module is made of; a change of any loads it anew. */
  files: readonly string[];
  /** What the files looked like when they were last loaded. */
  stamp: string;
  /** What could not be registered because a name or a route belongs to another; empty when that was not the reason. */
  waiting: readonly AnyOperation[];
};

const modulesFolder = path.join('arsenal', 'operations');
const isModule = /(?<!\.d|\.test)\.(ts|mts|js|mjs)$/;
const mostModules = 200;
/** Editors write a file in several steps; a module is loaded when they are over. */
const debounceMs = 80;

/** Begins to keep the registry in step with the folders; see {@link WorkspaceOperations}. */
export function startWorkspaceOperations(options: WorkspaceOptions): WorkspaceOperations {
  return new Workspace(options);
}

class Workspace implements WorkspaceOperations {
  readonly #options: WorkspaceOptions;
  readonly #folders: Set<string>;
  readonly #modules = new Map<string, Module>();
  readonly #waiting = new Map<string, NodeJS.Timeout>();
  /** One load after the other: a later save never overtakes an earlier one. */
  #queue: Promise<void> = Promise.resolve();
  #poll: NodeJS.Timeout | undefined;
  #closed = false;
  /** Behind what was registered before, for calls that have not ended since. */
  readonly #retired = new Set<OperationWorker>();
  readonly #listening: { dispose(): void };
  #isDue = false;

  constructor(options: WorkspaceOptions) {
    this.#options = options;
    this.#folders = new Set(options.folders);
    this.#listening = options.registry.onChange(() => {
      this.#tryAgainSoon();
    });
  }

  start(): void {
    for (const folder of this.#folders) this.#scan(folder);
    const { pollMs } = this.#options;
    if (pollMs === undefined) return;
    this.#poll = setInterval(() => {
      for (const folder of this.#folders) this.#scan(folder);
      for (const file of this.#modules.keys()) this.#enqueue(file);
    }, pollMs);
    this.#poll.unref();
  }

  fileChanged(file: string): void {
    const affected = [...this.#modules.values()]
      .filter((module) => module.files.includes(file))
      .map((module) => module.file);
    if (this.#folderOf(file) !== null && isModule.test(file)) affected.push(file);
    for (const each of new Set(affected)) {
      clearTimeout(this.#waiting.get(each));
      this.#waiting.set(
        each,
        setTimeout(() => {
          this.#waiting.delete(each);
          this.#enqueue(each);
        }, debounceMs),
      );
    }
  }

  changeFolders(added: readonly string[], removed: readonly string[]): void {
    for (const folder of added) {
      this.#folders.add(folder);
      this.#scan(folder);
    }
    for (const folder of removed) {
      this.#folders.delete(folder);
      for (const module of this.#modules.values()) if (module.folder === folder) this.#enqueue(module.file);
    }
  }

  async settled(): Promise<void> {
    while (this.#waiting.size > 0) await new Promise((resolve) => setTimeout(resolve, debounceMs));
    await this.#queue;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#listening.dispose();
    clearInterval(this.#poll);
    for (const timer of this.#waiting.values()) clearTimeout(timer);
    this.#waiting.clear();
    await this.#queue;
    const workers = [...this.#modules.values()].map(({ worker }) => worker);
    await Promise.all([...workers, ...this.#retired].map(async (worker) => worker?.close()));
    this.#modules.clear();
  }

  #folderOf(file: string): string | null {
    const inside = (folder: string) => {
      const relative = path.relative(path.join(folder, modulesFolder), file);
      return relative !== '' && !relative.startsWith('..') && !path.isAbsolute(relative);
    };
    return [...this.#folders].find(inside) ?? null;
  }

  #scan(folder: string): void {
    const found = modulesIn(path.join(folder, modulesFolder));
    if (found.length > mostModules) {
      this.#options.log('warn', `${folder} has more than ${mostModules} operation modules; the rest is left out.`);
    }
    for (const file of found.slice(0, mostModules)) if (!this.#modules.has(file)) this.#enqueue(file);
  }

  /** What others give back, a name or a route, is taken by the modules that wait for it: not at once, but when the change is over. */
  #tryAgainSoon(): void {
    if (this.#isDue || ![...this.#modules.values()].some(({ waiting }) => waiting.length > 0)) return;
    this.#isDue = true;
    queueMicrotask(() => {
      this.#isDue = false;
      for (const module of this.#modules.values()) {
        if (!this.#isFree(module)) continue;
        module.waiting = [];
        this.#enqueue(module.file, 'anew');
      }
    });
  }

  #isFree({ file, waiting }: Module): boolean {
    const origin = { from: 'workspace', file } as const;
    return waiting.length > 0 && waiting.every((each) => this.#options.registry.checkFree(each, origin).ok);
  }

  #enqueue(file: string, when: 'if_changed' | 'anew' = 'if_changed'): void {
    this.#queue = this.#queue.then(async () => {
      if (this.#closed) return;
      try {
        await this.#refresh(file, when);
      } catch (thrown) {
        this.#options.log(
          'error',
          `${file}: ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}`,
        );
      }
    });
  }

  async #refresh(file: string, when: 'if_changed' | 'anew'): Promise<void> {
    const folder = this.#folderOf(file);
    const known = this.#modules.get(file);
    if (folder === null || !fs.existsSync(file)) {
      if (known !== undefined) this.#remove(known);
      return;
    }
    const before = known?.files ?? [file];
    const stamps = new Map(before.map((each) => [each, stampOf([each])]));
    const stamp = stampOf(before);
    if (known !== undefined && known.stamp === stamp && when === 'if_changed') return;
    const module: Module = known ?? {
      file,
      folder,
      worker: null,
      registered: [],
      files: [file],
      stamp,
      waiting: [],
    };
    this.#modules.set(file, module);
    await this.#load(module);
    // As they were before they were read: what changes while it is being loaded is seen by the next look.
    module.stamp = module.files.map((each) => stamps.get(each) ?? stampOf([each])).join('\n');
  }

  /** Loads the module in a new worker, and puts its operations in the place of the earlier ones if all of them can be registered. */
  async #load(module: Module): Promise<void> {
    const { file, folder } = module;
    const { workerFile, operationApiFile, worker: limits, log } = this.#options;
    const worker = new OperationWorker({
      workerFile,
      start: { file, root: path.join(folder, 'arsenal'), apiFile: operationApiFile },
      log,
      ...limits,
    });
    const result = await worker.load();
    module.waiting = [];
    if (!result.ok) {
      await worker.close();
      module.files = [...new Set([file, ...module.files, ...result.failure.files])];
      this.#broken(result.failure.at, brokenError(result.failure.message));
      return;
    }
    module.files = Object.keys(result.loaded.sources);
    // What two of one module both ask for is nobody's either.
    const together = new Registry();
    const prepared = result.loaded.operations.map((description, at) =>
      this.#prepare(description, worker, file, (operation) =>
        together.register(operation, { from: 'workspace', file: `${file}:${at}` }),
      ),
    );
    const wrong = prepared.find((one) => 'error' in one);
    if (wrong !== undefined && 'error' in wrong) {
      // Found out before anything is waited for: what becomes free meanwhile is not to be missed.
      module.waiting = prepared.flatMap((one) => ('taken' in one ? [one.taken] : []));
      await worker.close();
      this.#broken(wrong.at, wrong.error);
      return;
    }
    const operations = prepared.flatMap((one) => ('operation' in one ? [one.operation] : []));
    const origin = { from: 'workspace', file } as const;
    for (const operation of operations) this.#options.registry.register(operation, origin);
    const registered = operations.map(({ name }) => name);
    for (const name of module.registered) {
      if (!registered.includes(name)) this.#options.registry.unregister(name, origin);
    }
    this.#retire(module);
    module.worker = worker;
    module.registered = registered;
    this.#options.publishDiagnostics(pathToFileURL(file).href, []);
    this.#options.log('info', `Registered ${registered.join(', ')} of ${file}.`);
  }

  /** The operation as it will be registered, or why it cannot be: all of a module are registered, or none. */
  #prepare(
    description: OperationDescription,
    worker: OperationWorker,
    file: string,
    registerBeside: (operation: AnyOperation) => Result<CatalogueEntry>,
  ):
    | { readonly operation: AnyOperation }
    | { readonly error: ArsenalError; readonly at: Place; readonly taken?: AnyOperation } {
    const { name, at } = description;
    const operation = proxyOperation(description, async (step, input, context) => {
      const result = await worker.run(name, step, input, context);
      // Nobody else hears of what a hook breaks that only looks on.
      const isLost = !result.ok && (step === 'after' || step === 'telemetry');
      if (isLost) this.#options.log('warn', `${file}: ${name}, ${step}: ${result.error.message}`);
      return result;
    });
    if ('problem' in operation) return { error: brokenError(operation.problem), at };
    const beside = registerBeside(operation);
    if (!beside.ok) return { error: beside.error, at };
    const free = this.#options.registry.checkFree(operation, { from: 'workspace', file });
    return free.ok ? { operation } : { error: free.error, at, taken: operation };
  }

  #remove(module: Module): void {
    this.#modules.delete(module.file);
    for (const name of module.registered) {
      this.#options.registry.unregister(name, { from: 'workspace', file: module.file });
    }
    this.#options.publishDiagnostics(pathToFileURL(module.file).href, []);
    this.#retire(module);
  }

  /** A call that has begun keeps the version that it found, to its end. */
  #retire({ worker }: Module): void {
    for (const earlier of this.#retired) if (earlier.isEnded) this.#retired.delete(earlier);
    if (worker === null) return;
    this.#retired.add(worker);
    worker.retire();
  }

  #broken(at: Place, error: ArsenalError): void {
    const start = { line: at.line - 1, character: at.column - 1 };
    const problems = error.details?.['problems'];
    const message = Array.isArray(problems) ? [error.message, ...problems.map(String)].join('\n') : error.message;
    this.#options.publishDiagnostics(pathToFileURL(at.file).href, [
      {
        range: { start, end: { line: start.line, character: start.character + 1 } },
        severity: DiagnosticSeverity.Error,
        source: 'arsenal',
        code: error.code,
        message,
      },
    ]);
    this.#options.onBroken(at.file, at, error);
    this.#options.log('warn', `${at.file}:${at.line}:${at.column}: ${message}`);
  }
}

function brokenError(message: string): ArsenalError {
  return arsenalError('validation', 'operation.broken', message, 'Mend the module and save it.');
}

function modulesIn(folder: string): readonly string[] {
  try {
    return fs
      .readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && isModule.test(entry.name))
      .map((entry) => path.join(entry.parentPath, entry.name))
      .sort();
  } catch {
    // No such folder: there are no operations in it.
    return [];
  }
}

/** Changes when one of the files does. */
function stampOf(files: readonly string[]): string {
  return files
    .map((file) => {
      const stat = fs.statSync(file, { throwIfNoEntry: false });
      return stat === undefined ? `${file}:gone` : `${file}:${stat.mtimeMs}:${stat.size}`;
    })
    .join('\n');
}
