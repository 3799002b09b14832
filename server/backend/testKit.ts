/** What the tests of backend and operations share: a backend over a fake or a simulated system. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as esbuild from 'esbuild';
import type { FakeNode, FakeRuntime, FakeRuntimeOptions } from '../../runtime/fake/fakeRuntime.ts';
import { createFakeRuntime } from '../../runtime/fake/fakeRuntime.ts';
import type { Json, Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import { isJson } from '../core/plainData.ts';
import { valueOf } from '../core/testKit.ts';
import type { ConnectSpec } from '../protocol/connection.ts';
import type { OperationAnswer, OperationCall } from '../protocol/operation.ts';
import type { BackendCallOptions, Caller } from './backend.ts';
import type { BackendOptions, LocalBackend } from './localBackend.ts';
import { createBackend } from './localBackend.ts';

export const editor: Caller = { principal: 'ada', via: 'editor', role: 'admin' };

/** Two nodes of a shop: a supervisor with two workers on each, one of which traps exits, and a process with a long mailbox. */
export const shopNodes: readonly FakeNode[] = ['shop1@h', 'shop2@h'].map((name) => ({
  name,
  otpRelease: '25',
  processes: [
    { name: 'init' },
    {
      name: 'Elixir.Shop.Supervisor',
      initialCall: 'supervisor:Elixir.Shop.Supervisor/1',
      supervisor: {
        application: 'shop',
        children: [
          { name: 'Elixir.Shop.Catalog', childId: 'catalog', memory: 5000, reductions: 10 },
          { childId: 'gateway', trapsExits: true, memory: 9000, reductions: 20 },
          { childId: 'carts', supervisor: { kind: 'dynamic_supervisor', children: [{ childId: 'cart' }] } },
        ],
      },
    },
    ...(name === 'shop1@h' ? [{ name: 'only_here', messageQueueLen: 20_000 }] : []),
  ],
}));

/** A fake cluster of these nodes. */
export function fakeShop(options: FakeRuntimeOptions = {}): FakeRuntime {
  return createFakeRuntime({ nodes: shopNodes, ...options });
}

export type House = {
  readonly backend: LocalBackend;
  readonly home: string;
  /** How calls are made here: as the user in the editor, unless said otherwise. */
  readonly options: BackendCallOptions;
  /** Runs an operation on the first connection. */
  readonly run: (
    operation: string,
    params?: { readonly [key: string]: Json },
    call?: Partial<OperationCall>,
    options?: Partial<BackendCallOptions>,
  ) => Promise<Result<OperationAnswer>>;
  /** The same, and its result, which there must be. */
  readonly result: (operation: string, params?: { readonly [key: string]: Json }) => Promise<Json>;
  readonly close: () => Promise<void>;
};

/** A folder of the test's own, for state. */
export function temporaryHome(): string {
  return fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-'));
}

/** A backend with one connection to `runtime`. */
export async function houseOn(
  runtime: Runtime,
  options: Partial<BackendOptions> & { readonly spec?: ConnectSpec } = {},
): Promise<House> {
  const { spec = { kind: 'simulated' }, ...rest } = options;
  const home = rest.home ?? temporaryHome();
  const files = { simulatedWorkerFile: '', sandboxChildFile: '' };
  const openRuntime = () => Promise.resolve(ok(runtime));
  const backend = valueOf(await createBackend({ home, ...files, openRuntime, ...rest }));
  const callOptions: BackendCallOptions = { caller: editor, signal: new AbortController().signal };
  const { id } = valueOf(await backend.connect(spec, callOptions));
  const run: House['run'] = (operation, params = {}, call = {}, changed = {}) =>
    backend.execute(
      { requestId: crypto.randomUUID(), connection: id, operation, params, mode: 'run', ...call },
      { ...callOptions, ...changed },
    );
  return {
    backend,
    home,
    options: callOptions,
    run,
    async result(operation, params) {
      const answer = valueOf(await run(operation, params));
      if (answer.mode !== 'run') throw new Error('It was not run.');
      return answer.result;
    },
    async close() {
      await backend.close();
      fs.rmSync(home, { recursive: true, force: true });
    },
  };
}

/** Begins something that goes on beside its call, and waits until it is known what became of it. */
export async function outcomeOf(
  { result }: Pick<House, 'result'>,
  operation: string,
  params: { readonly [key: string]: Json } = {},
): Promise<Json> {
  const trace = at(await result(operation, params), 'trace');
  for (let after: Json = 0; ;) {
    const read = await result('get_trace_results', { trace, after, limit: 5_000, waitMs: 60_000 });
    const outcome = at(read, 'outcome');
    if (outcome !== null) return outcome;
    after = at(read, 'next');
  }
}

/** The same, and its result, which there must be. */
export async function taskResult(
  house: Pick<House, 'result'>,
  operation: string,
  params: { readonly [key: string]: Json } = {},
): Promise<Json> {
  const outcome = await outcomeOf(house, operation, params);
  if (at(outcome, 'is') === 'failed') throw new Error(JSON.stringify(at(outcome, 'error')));
  return at(outcome, 'result');
}

/** The part of a result that lies there; null when there is none. */
export function at(value: Json, ...path: readonly (string | number)[]): Json {
  let found = value;
  for (const step of path) {
    const part: unknown = typeof found === 'object' && found !== null ? Reflect.get(found, step) : null;
    found = isJson(part) ? part : null;
  }
  return found;
}

/** The elements of a list that lies there. */
export function listAt(value: Json, ...path: readonly (string | number)[]): readonly Json[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? found.map((element: Json) => element) : [];
}

/** Bundles a module of this project for a process or worker of its own, as the build does; answers the file. */
export async function bundled(entry: string, folder: string): Promise<string> {
  const outfile = path.join(folder, `${path.basename(entry, '.ts')}.cjs`);
  await esbuild.build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    logLevel: 'error',
  });
  return outfile;
}
