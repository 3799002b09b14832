/** A workspace folder with operations of the user's own, for tests: workers built from these sources, and a registry that they fill. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import { callOptions } from '../../runtime/callOptions.ts';
import type { Json, Result } from '../../runtime/model.ts';
import { buildPort, restrictPort } from '../../runtime/portFacade.ts';
import { makeContext } from '../core/context.ts';
import { isWrite } from '../core/operation.ts';
import { Registry } from '../core/registry.ts';
import { startWorkspaceOperations } from './workspaceOperations.ts';

/** The bundles that a workspace needs, and how to remove them. */
export async function buildWorker(): Promise<{ readonly folder: string; remove(): void }> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-worker-'));
  const shared = { bundle: true, platform: 'node', format: 'cjs', target: 'node20' } as const;
  await build({
    ...shared,
    entryPoints: ['server/workspace/worker.ts'],
    outfile: path.join(folder, 'operationWorker.js'),
  });
  await build({ ...shared, entryPoints: ['server/operation.ts'], outfile: path.join(folder, 'operation.js') });
  return { folder, remove: () => fs.rmSync(folder, { recursive: true, force: true }) };
}

const noMethods = buildPort({}, () => ({ can: false, why: 'it is a test.', remedy: 'None.' }));

/** A folder whose `arsenal/operations` is watched, with the bundles in `built`. */
export function testWorkspace(built: string) {
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-ws-')));
  const registry = new Registry();
  const problems: string[] = [];
  const operations = startWorkspaceOperations({
    registry,
    folders: [folder],
    workerFile: path.join(built, 'operationWorker.js'),
    operationApiFile: path.join(built, 'operation.js'),
    publishDiagnostics: (_uri, found) =>
      problems.push(...found.map(({ message }) => (typeof message === 'string' ? message : message.value))),
    onBroken: () => undefined,
    log: () => undefined,
  });
  const context = (needs: Parameters<typeof restrictPort>[1]) =>
    makeContext({
      connection: { id: 'sim', kind: 'simulated' },
      port: restrictPort(noMethods, needs),
      caller: { principal: 'me', via: 'editor', role: 'admin' },
      owner: { principal: 'me', client: 'test', operation: 'x', requestId: 'r' },
      requestId: 'r',
      budget: callOptions(20_000, new AbortController().signal, 'c'),
      onProgress: undefined,
    });
  return {
    registry,
    problems,
    /** Writes a module, and answers when it has been looked at. */
    save: async (name: string, text: string): Promise<void> => {
      const file = path.join(folder, 'arsenal', 'operations', name);
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, text);
      operations.fileChanged(file);
      await operations.settled();
    },
    /** Executes an operation, or plans and applies it, with parameters that its schema has taken. */
    run: async (name: string, params: { readonly [key: string]: Json } = {}): Promise<Result<unknown>> => {
      const found = registry.find(name);
      if (found === null) throw new Error(`no operation ${name}: ${problems.join('; ')}`);
      const { operation } = found;
      const own = context(operation.needs);
      if (!isWrite(operation)) return operation.execute(own, params);
      const plan = await operation.plan(own, params);
      return plan.ok ? operation.apply(own, plan.value) : plan;
    },
    close: async (): Promise<void> => {
      await operations.close();
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}
