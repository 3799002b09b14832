import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Diagnostic } from 'vscode-languageserver/node';
import { startRuntime } from '../../runtime/embedded/liveRuntime.ts';
import type { Json } from '../../runtime/model.ts';
import type { LocalBackend } from '../backend/localBackend.ts';
import { createBackend } from '../backend/localBackend.ts';
import { at, editor, temporaryHome } from '../backend/testKit.ts';
import { valueOf } from '../core/testKit.ts';
import { ClusterFiles, clusterFileIn } from './clusterFiles.ts';

const text = (step: number): string => `
import { defineCluster, genServer, ok, reply, supervisor } from 'arsenal-otp/cluster';
import { step } from './step.ts';
const counter = genServer<number>('counter', {
  init: () => ok(0),
  handleCall: (_self, _request, _from, count) => reply(count + step * ${step}, count + step * ${step}),
});
const top = supervisor('top', { children: [{ module: counter }] });
export default defineCluster({ nodes: 1, modules: [counter, top], applications: [{ name: 'count', module: top }] });
`;

let home: string;
let file: string;
let backend: LocalBackend;
let files: ClusterFiles;
let marks: Map<string, Diagnostic[]>;
const options = { caller: editor, signal: new AbortController().signal };

beforeEach(async () => {
  home = temporaryHome();
  file = path.join(home, 'arsenal.cluster.ts');
  fs.writeFileSync(path.join(home, 'step.ts'), 'export const step = 1;');
  fs.writeFileSync(file, text(1));
  marks = new Map();
  backend = valueOf(
    await createBackend({
      home: path.join(home, 'state'),
      simulatedWorkerFile: '',
      sandboxChildFile: '',
      openRuntime: (spec, id) => {
        if (spec.kind !== 'simulated') throw new Error('only simulated ones');
        const { clusterFile, nodes } = spec;
        const demo = Array.from({ length: nodes ?? 3 }, (_, at) => `demo${at + 1}@sim`);
        const data = { id, nodes: demo, sandboxChildFile: '', ...(clusterFile !== undefined && { clusterFile }) };
        return Promise.resolve(startRuntime(data, () => undefined));
      },
    }),
  );
  files = new ClusterFiles({
    backend,
    folders: () => [path.join(home, 'nowhere'), home],
    publishDiagnostics: (uri, diagnostics) => void marks.set(uri, diagnostics),
  });
});
afterEach(async () => {
  await backend.close();
  fs.rmSync(home, { recursive: true, force: true });
});

async function run(connection: string, operation: string, params: Json): Promise<Json> {
  const call = { requestId: crypto.randomUUID(), connection, operation, params, mode: 'run' } as const;
  const answer = valueOf(await backend.execute(call, options));
  return answer.mode === 'run' ? answer.result : null;
}
async function count(connection: string): Promise<number> {
  const question = { pid: 'counter', node: 'node1@sim', message: { $term: ':next' }, how: 'call' };
  return Number(at(await run(connection, 'send_message', question), 'reply', 'display'));
}
const marksOn = (name: string): readonly Diagnostic[] => marks.get(pathToFileURL(path.join(home, name)).href) ?? [];

describe('the cluster file of a workspace', () => {
  it('is what a simulated cluster runs that is opened without saying more', async () => {
    expect(clusterFileIn([home])).toBe(file);
    const opened = valueOf(await files.connect({ kind: 'simulated' }, options));
    expect(await count(opened.id)).toBe(1);
    const demo = valueOf(await files.connect({ kind: 'simulated', nodes: 2 }, options));
    expect(at(await run(demo.id, 'cluster_topology', {}), 'total')).toBe(2);
  });

  it('is put in place when it, or a file beside it, is saved; broken, it is marked and the last good one runs on', async () => {
    const { id } = valueOf(await files.connect({ kind: 'simulated' }, options));
    expect(await count(id)).toBe(1);
    fs.writeFileSync(file, text(10));
    await files.saved(file, options);
    expect(await count(id)).toBe(11);
    fs.writeFileSync(path.join(home, 'step.ts'), 'export const step = ;');
    await files.saved(path.join(home, 'step.ts'), options);
    expect(marksOn('step.ts')).toMatchObject([{ range: { start: { line: 0, character: 20 } }, source: 'Arsenal' }]);
    expect(await count(id)).toBe(21);
    fs.writeFileSync(path.join(home, 'step.ts'), 'export const step = 2;');
    await files.saved(path.join(home, 'step.ts'), options);
    expect(marksOn('step.ts')).toEqual([]);
    expect(await count(id)).toBe(41);
    await files.saved(path.join(home, 'notes.md'), options);
    expect(await count(id)).toBe(61);
  });

  it('that is broken from the start is marked, and no cluster is opened', async () => {
    fs.writeFileSync(file, `${text(1)}\nthrow new Error('not today');\n`);
    const opened = await files.connect({ kind: 'simulated' }, options);
    expect(opened).toMatchObject({ ok: false, error: { code: 'cluster_file.broken' } });
    expect(marksOn('arsenal.cluster.ts')).toMatchObject([{ message: expect.stringContaining('not today') as string }]);
    fs.writeFileSync(file, text(1));
    expect(await files.connect({ kind: 'simulated' }, options)).toMatchObject({ ok: true });
    expect(marksOn('arsenal.cluster.ts')).toEqual([]);
  });
});
